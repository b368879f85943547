/* SPDX-License-Identifier: MIT
 * One launch: decides what lanes are, cuts the points into blocks, and gives blocks to threads.
 *
 * Lanes are points, unless there are few points and long loops, or keys to sort (whose rows of a whole block would be
 * large). What lanes are depends on sizes only, and blocks are independent, so results do not depend on the number of
 * threads; of several errors the one of the first block is reported. */
#include "ref.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { FEW_POINTS = 32, LONG_LOOP = 64, PARALLEL_COST = 100 * 1000, MIN_BLOCK = 16 };

struct job {
    const struct ref_call *call;
    struct ref_lanes *lanes; /* owned: one per thread */
    bool inner;
    int width;          /* points, or inner: lanes, of a block */
    pthread_mutex_t lock; /* of what follows */
    uint64_t failed;    /* block; UINT64_MAX: none */
    pt2_status status;
    char message[256];
};

static void lanes_free(struct ref_lanes *x)
{
    free(x->file);
    free(x->digits);
    free(x->extents);
    free(x->trips);
}

static pt2_status lanes_init(struct ref_lanes *x, const struct ref_call *call)
{
    const struct ref_program *p = call->program;
    size_t stages = (size_t)p->kernel->num_stages, loops = (size_t)p->max_loops;
    *x = (struct ref_lanes){ .call = call };
    x->file = calloc((size_t)p->num_regs * (size_t)p->lanes, sizeof *x->file);
    x->digits = calloc((stages + 1) * (loops + 1), sizeof *x->digits);
    x->extents = calloc(stages + 1, sizeof *x->extents);
    x->trips = calloc(stages + 1, sizeof *x->trips);
    if (!x->file || !x->digits || !x->extents || !x->trips) {
        lanes_free(x);
        return pt2_fail(PT2_ERR_NOMEM, "no memory for the registers of kernel %s", p->kernel->name);
    }
    for (size_t k = 0; k < stages; k++)
        x->extents[k] = x->digits + (k + 1) * (loops + 1);
    if (ref_run_launch_code(x))
        return PT2_OK;
    pt2_status status = pt2_fail(x->status, "%s", x->message);
    lanes_free(x);
    return status;
}

static int64_t longest_loop(const struct ref_lanes *x)
{
    int64_t longest = 0;
    for (int k = 0; k < x->call->program->kernel->num_stages; k++)
        if (x->call->program->stages[k].src->num_loops && x->trips[k] > longest)
            longest = x->trips[k];
    return longest;
}

/* Instructions of all lanes. */
static double cost_of(const struct ref_lanes *x)
{
    double cost = 0;
    for (int k = 0; k < x->call->program->kernel->num_stages; k++)
        cost += (double)x->trips[k] * x->call->program->stages[k].cost;
    return cost * (double)x->call->points;
}

static void record(struct job *job, uint64_t block, const struct ref_lanes *x)
{
    pthread_mutex_lock(&job->lock);
    if (block < job->failed) {
        job->failed = block;
        job->status = x->status;
        memcpy(job->message, x->message, sizeof job->message);
    }
    pthread_mutex_unlock(&job->lock);
}

static bool skip(struct job *job, uint64_t block)
{
    pthread_mutex_lock(&job->lock);
    bool r = job->failed < block;
    pthread_mutex_unlock(&job->lock);
    return r;
}

static void run_item(void *ctx, int worker, uint64_t block)
{
    struct job *job = ctx;
    struct ref_lanes *x = &job->lanes[worker];
    uint64_t step = job->inner ? 1 : (uint64_t)job->width, first = block * step;
    uint64_t left = job->call->points - first;
    if (skip(job, block))
        return;
    x->inner = job->inner;
    x->status = PT2_OK;
    if (!ref_run_block(x, first, job->inner || left > step ? job->width : (int)left))
        record(job, block, x);
}

/* Sets what lanes are and the size of blocks; returns the number of threads to use. */
static int plan(struct job *job, int threads)
{
    const struct ref_lanes *x = &job->lanes[0];
    const struct ref_program *p = job->call->program;
    int64_t longest = longest_loop(x), lanes = p->lanes;
    uint64_t points = job->call->points;
    bool parallel = threads > 1 && cost_of(x) > PARALLEL_COST && points > 1;
    job->inner = !p->points_only && longest >= LONG_LOOP && (points < FEW_POINTS || p->long_sort);
    job->width = (int)(job->inner && longest < lanes ? longest : lanes);
    if (!job->inner && parallel) {
        uint64_t share = points / (4 * (uint64_t)threads);
        job->width = share >= (uint64_t)lanes ? (int)lanes : share < MIN_BLOCK ? MIN_BLOCK : (int)share;
    }
    return parallel ? threads : 1;
}

pt2_status ref_call_run(struct ref_pool *pool, const struct ref_call *call)
{
    struct job job = { .call = call, .failed = UINT64_MAX };
    int ready = 0, threads = ref_pool_size(pool);
    job.lanes = calloc((size_t)threads, sizeof *job.lanes);
    if (!job.lanes)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for threads");
    pthread_mutex_init(&job.lock, NULL);
    pt2_status status = lanes_init(&job.lanes[ready], call);
    if (status == PT2_OK) {
        ready = 1;
        threads = plan(&job, threads);
    }
    while (status == PT2_OK && ready < threads) {
        status = lanes_init(&job.lanes[ready], call);
        ready += status == PT2_OK;
    }
    if (status == PT2_OK) {
        uint64_t step = job.inner ? 1 : (uint64_t)job.width, blocks = (call->points + step - 1) / step;
        if (threads > 1)
            ref_pool_run(pool, blocks, run_item, &job);
        else
            for (uint64_t b = 0; b < blocks && job.failed == UINT64_MAX; b++)
                run_item(&job, 0, b);
        if (job.failed != UINT64_MAX)
            status = pt2_fail(job.status, "%s", job.message);
    }
    for (int i = 0; i < ready; i++)
        lanes_free(&job.lanes[i]);
    pthread_mutex_destroy(&job.lock);
    free(job.lanes);
    return status;
}
