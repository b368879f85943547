/* SPDX-License-Identifier: MIT
 * Threads: helpers sleep until a job is posted, then all, the caller included, take items from one counter until none
 * is left. A job is over when every helper that joined it has left it. */
#include "ref.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 8 };

struct job {
    ref_pool_fn *fn;
    void *ctx;
    uint64_t count;
};

struct ref_pool {
    pthread_mutex_t lock;
    pthread_cond_t posted, left;
    struct helper {
        struct ref_pool *pool;
        pthread_t thread;
        int number;
    } helpers[MAX_THREADS];
    int num_helpers;
    struct job job;
    uint64_t serial; /* number of the job; grows */
    int busy;        /* helpers inside the job */
    bool stop;
    atomic_uint_fast64_t next; /* item */
};

static void work(struct ref_pool *pool, const struct job *job, int worker)
{
    for (;;) {
        uint64_t item = atomic_fetch_add(&pool->next, 1);
        if (item >= job->count)
            return;
        job->fn(job->ctx, worker, item);
    }
}

static void *helper_main(void *arg)
{
    struct helper *h = arg;
    struct ref_pool *pool = h->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && pool->serial == seen)
            pthread_cond_wait(&pool->posted, &pool->lock);
        if (pool->stop)
            break;
        seen = pool->serial;
        struct job job = pool->job;
        if (!job.fn)
            continue; /* slept through all of it */
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        work(pool, &job, h->number);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->left);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

pt2_status ref_pool_create(struct ref_pool **out_pool)
{
    struct ref_pool *pool = calloc(1, sizeof *pool);
    *out_pool = pool;
    if (!pool)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for the thread pool");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->posted, NULL);
    pthread_cond_init(&pool->left, NULL);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int want = cores < 1 ? 0 : cores > MAX_THREADS ? MAX_THREADS - 1 : (int)cores - 1;
    for (int i = 0; i < want; i++) {
        struct helper *h = &pool->helpers[i];
        *h = (struct helper){ .pool = pool, .number = i + 1 };
        if (pthread_create(&h->thread, NULL, helper_main, h))
            break; /* fewer threads do */
        pool->num_helpers++;
    }
    return PT2_OK;
}

void ref_pool_destroy(struct ref_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->posted);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->num_helpers; i++)
        pthread_join(pool->helpers[i].thread, NULL);
    pthread_cond_destroy(&pool->posted);
    pthread_cond_destroy(&pool->left);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int ref_pool_size(const struct ref_pool *pool)
{
    return pool->num_helpers + 1;
}

void ref_pool_run(struct ref_pool *pool, uint64_t count, ref_pool_fn *fn, void *ctx)
{
    struct job job = { fn, ctx, count };
    atomic_store(&pool->next, 0);
    if (count > 1 && pool->num_helpers) {
        pthread_mutex_lock(&pool->lock);
        pool->job = job;
        pool->serial++;
        pthread_cond_broadcast(&pool->posted);
        pthread_mutex_unlock(&pool->lock);
    }
    work(pool, &job, 0);
    pthread_mutex_lock(&pool->lock);
    pool->job.fn = NULL; /* who wakes up now has nothing to do */
    while (pool->busy)
        pthread_cond_wait(&pool->left, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
