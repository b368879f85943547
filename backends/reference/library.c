/* SPDX-License-Identifier: MIT
 * LIBRARY nodes: finds the algorithm, reads the sizes of the node's values from the launch's parameters (all dimensions
 * of arguments, then of outputs), and gives the items of the batch to threads. */
#include "library.h"

#include <stdatomic.h>
#include <stdlib.h>

static const struct ref_algorithm *algorithm_of(const struct pt2_node *n)
{
    static const struct ref_algorithm *const table[] = {
        [PT2_LIB_FFT] = &ref_fft,   [PT2_LIB_CHOLESKY] = &ref_cholesky, [PT2_LIB_QR] = &ref_qr, [PT2_LIB_LU] = &ref_lu,
        [PT2_LIB_EIGH] = &ref_eigh, [PT2_LIB_EIG] = &ref_eig,           [PT2_LIB_SVD] = &ref_svd,
        [PT2_LIB_TRIANGULAR_SOLVE] = &ref_triangular_solve,             [PT2_LIB_HOUSEHOLDER] = &ref_householder,
        [PT2_LIB_LDL] = &ref_ldl,   [PT2_LIB_LDL_SOLVE] = &ref_ldl_solve,           [PT2_LIB_GEQRF] = &ref_geqrf,
    };
    static const struct ref_algorithm *const of_complex[sizeof table / sizeof *table] = {
        [PT2_LIB_CHOLESKY] = &ref_complex_cholesky, [PT2_LIB_QR] = &ref_complex_qr, [PT2_LIB_LU] = &ref_complex_lu,
        [PT2_LIB_EIGH] = &ref_complex_eigh, [PT2_LIB_SVD] = &ref_complex_svd,
        [PT2_LIB_TRIANGULAR_SOLVE] = &ref_complex_triangular_solve, [PT2_LIB_HOUSEHOLDER] = &ref_complex_householder,
        [PT2_LIB_GEQRF] = &ref_complex_geqrf,
    };
    if (n->kind != PT2_NODE_LIBRARY || (size_t)n->library >= sizeof table / sizeof *table)
        return NULL;
    return n->iparam[2] ? of_complex[n->library] : table[n->library];
}

static const struct pt2_value *value_of(const struct pt2_node *n, int k)
{
    return k < n->num_args ? n->args[k] : n->outs[k - n->num_args];
}

pt2_status ref_library_check(const struct pt2_kernel *kernel)
{
    const struct pt2_node *n = kernel->library;
    const struct ref_algorithm *a = algorithm_of(n);
    int dims = 0, values = n->num_args + n->num_outs;
    if (!a)
        return pt2_fail(PT2_ERR_COMPILE, "kernel %s: the reference backend does not have this algorithm", kernel->name);
    if (n->num_args != a->num_args || n->num_outs < 1 || n->num_outs > a->num_outs || kernel->num_bufs != values)
        return pt2_fail(PT2_ERR_INTERNAL, "kernel %s: %s has %d arguments and %d outputs", kernel->name, a->name,
                        n->num_args, n->num_outs);
    for (int i = 0; i < values; i++)
        dims += value_of(n, i)->rank;
    if (kernel->num_params < dims)
        return pt2_fail(PT2_ERR_INTERNAL, "kernel %s: %d parameters for %d dimensions", kernel->name,
                        kernel->num_params, dims);
    return PT2_OK;
}

/* ---- values of a call ---- */

int64_t ref_lib_dim(const struct ref_lib *l, int value, int k)
{
    const struct ref_value *v = &l->values[value];
    const struct ref_algorithm *a = algorithm_of(l->node);
    int role = value < l->num_args ? value : a->num_args + value - l->num_args;
    int rank = a->rank[role] + (a == &ref_eig && value == 0 && l->node->iparam[0] ? 1 : 0);
    return v->dims[v->rank - rank + k];
}

void ref_lib_read(const struct ref_lib *l, int value, int64_t item, double *out)
{
    const struct ref_value *v = &l->values[value];
    for (int64_t i = 0; i < v->item; i++)
        out[i] = pt2_load_double(v->view->dtype, v->view->data, item * v->item + i);
}

void ref_lib_write(const struct ref_lib *l, int out, int64_t item, const double *d)
{
    if (l->num_args + out >= l->num_values)
        return;
    const struct ref_value *v = &l->values[l->num_args + out];
    for (int64_t i = 0; i < v->item; i++)
        pt2_store_double(v->view->dtype, v->view->data, item * v->item + i, d[i]);
}

void ref_lib_write_int(const struct ref_lib *l, int out, int64_t item, int64_t at, int64_t i)
{
    if (l->num_args + out >= l->num_values)
        return;
    const struct ref_value *v = &l->values[l->num_args + out];
    if (at < v->item)
        pt2_store_int(v->view->dtype, v->view->data, item * v->item + at, i);
}

/* Splits the dimensions of a value into batch and item. Returns the batch, -1 when something is wrong. */
static int64_t split_dims(struct ref_value *v, int item_rank)
{
    int64_t batch = 1;
    v->item = 1;
    if (v->rank < item_rank)
        return -1;
    for (int k = 0; k < v->rank; k++) {
        int64_t *into = k < v->rank - item_rank ? &batch : &v->item;
        if (v->dims[k] < 0 || (v->dims[k] && *into > PT2_INF / v->dims[k]))
            return -1;
        *into *= v->dims[k];
    }
    if (v->item && batch > PT2_INF / v->item)
        return -1;
    return batch * v->item <= v->view->count ? batch : -1;
}

static pt2_status read_values(struct ref_lib *l, const struct ref_algorithm *a, const struct ref_call *call)
{
    const struct pt2_node *n = l->node;
    const int32_t *dims = call->params;
    l->num_args = n->num_args;
    l->num_values = n->num_args + n->num_outs;
    for (int i = 0; i < l->num_values; i++) {
        struct ref_value *v = &l->values[i];
        v->view = &call->views[i];
        v->rank = value_of(n, i)->rank;
        v->dims = dims;
        dims += v->rank;
        int rank = a->rank[i < n->num_args ? i : a->num_args + i - n->num_args];
        int64_t batch = split_dims(v, rank + (a == &ref_eig && i == 0 && n->iparam[0] ? 1 : 0));
        if (batch < 0 || (i > 0 && batch != l->batch))
            return pt2_fail(PT2_ERR_INTERNAL, "kernel %s: value %d does not fit", call->program->kernel->name, i);
        l->batch = batch;
    }
    return a->fits(l) ? PT2_OK
                      : pt2_fail(PT2_ERR_INTERNAL, "kernel %s: sizes do not fit", call->program->kernel->name);
}

/* ---- running ---- */

struct job {
    const struct ref_lib *lib;
    const struct ref_algorithm *algorithm;
    double **space; /* owned: per thread; made when a thread first needs it */
    atomic_bool no_memory;
};

static void run_item(void *ctx, int worker, uint64_t item)
{
    struct job *job = ctx;
    if (!job->space[worker])
        job->space[worker] = malloc(sizeof(double) * (size_t)(job->algorithm->space(job->lib) + 1));
    if (job->space[worker])
        job->algorithm->run(job->lib, (int64_t)item, job->space[worker]);
    else
        atomic_store(&job->no_memory, true);
}

static pt2_status run_batch(struct ref_pool *pool, const struct ref_lib *l, const struct ref_algorithm *a)
{
    enum { PARALLEL_ELEMENTS = 4096 };
    struct job job = { .lib = l, .algorithm = a };
    int threads = ref_pool_size(pool);
    job.space = calloc((size_t)threads, sizeof *job.space);
    if (!job.space)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for threads");
    if (l->batch > 1 && l->batch * l->values[0].item > PARALLEL_ELEMENTS)
        ref_pool_run(pool, (uint64_t)l->batch, run_item, &job);
    else
        for (int64_t i = 0; i < l->batch; i++)
            run_item(&job, 0, (uint64_t)i);
    for (int i = 0; i < threads; i++)
        free(job.space[i]);
    free(job.space);
    return atomic_load(&job.no_memory) ? pt2_fail(PT2_ERR_NOMEM, "%s: no memory for work space", a->name) : PT2_OK;
}

pt2_status ref_library_run(struct ref_pool *pool, const struct ref_call *call)
{
    struct ref_lib l = { .node = call->program->kernel->library };
    const struct ref_algorithm *a = algorithm_of(l.node);
    PT2_TRY(read_values(&l, a, call));
    if (a->prepare)
        PT2_TRY(a->prepare(&l));
    pt2_status status = run_batch(pool, &l, a);
    if (a->release)
        a->release(&l);
    return status;
}
