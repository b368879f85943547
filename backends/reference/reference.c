/* SPDX-License-Identifier: MIT
 * The reference backend: plain C, the oracle, and the default where no driver exists.
 *
 * Buffers are host memory. A submission runs its launches in the order of the list, in the calling thread and the
 * device's pool, and is complete when submit returns; so `wait` has nothing to wait for, and an error in a launch is
 * submit's error. One submission runs at a time. */
#include "base/clock.h"
#include "graph/custom.h"
#include "ref.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const struct pt2_backend pt2_reference;

enum { ALIGN = 64 };

struct ref_device {
    struct pt2_device base;
    struct ref_pool *pool; /* owned */
    pthread_mutex_t lock;  /* held while a submission runs */
    uint64_t point;        /* of the last submission */
};

struct pt2_buf {
    char *data; /* owned */
    uint64_t size;
};

struct pt2_program_obj {
    struct ref_program program;
};

struct pt2_exec {
    struct pt2_arena arena;
    struct ref_call *calls; /* arena, and what they point to */
    struct pt2_timing *timings; /* arena; NULL: not timed */
    uint32_t count;
};

/* ---- device ---- */

static void describe(struct pt2_device_desc *d)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *d = (struct pt2_device_desc){ .name = "reference (C)" };
    snprintf(d->driver, sizeof d->driver, "pt2gpu %s", PT2GPU_VERSION);
    d->caps = (struct pt2_caps){
        .kind = PT2_KIND_CPU, .interprets = true, .int64 = true, .float64 = true, .float64_math = true,
        .storage8 = true, .storage16 = true, .unified = true, .simd_width = 8,
        .compute_units = cores > 0 ? (int)cores : 1, .max_local_size = 1, .max_params = 1 << 20,
        .max_buffer_range = UINT64_C(1) << 62, .buffer_align = ALIGN,
    };
#ifdef _SC_PHYS_PAGES
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        d->caps.memory = (uint64_t)pages * (uint64_t)page;
#endif
}

static pt2_status enumerate(struct pt2_device_desc *descs, int cap, int *out_count)
{
    if (cap > 0)
        describe(&descs[0]);
    *out_count = 1;
    return PT2_OK;
}

static pt2_status open_device(int number, struct pt2_device **out_device)
{
    *out_device = NULL;
    if (number != 0)
        return pt2_fail(PT2_ERR_NODEVICE, "reference: there is only device 0, not %d", number);
    struct ref_device *d = calloc(1, sizeof *d);
    if (!d)
        return pt2_fail(PT2_ERR_NOMEM, "reference: no memory for the device");
    pt2_status status = ref_pool_create(&d->pool);
    if (status != PT2_OK) {
        free(d);
        return status;
    }
    pthread_mutex_init(&d->lock, NULL);
    d->base.backend = &pt2_reference;
    describe(&d->base.desc);
    *out_device = &d->base;
    return PT2_OK;
}

static void close_device(struct pt2_device *device)
{
    struct ref_device *d = (struct ref_device *)device;
    ref_pool_destroy(d->pool);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* ---- buffers ---- */

static pt2_status buf_create(struct pt2_device *device, uint64_t size, struct pt2_buf **out_buf)
{
    (void)device;
    struct pt2_buf *b = calloc(1, sizeof *b);
    uint64_t rounded = (size + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
    *out_buf = NULL;
    if (b && rounded >= size && rounded <= PTRDIFF_MAX)
        b->data = aligned_alloc(ALIGN, (size_t)rounded);
    if (!b || !b->data) {
        free(b);
        return pt2_fail(PT2_ERR_NOMEM, "reference: no memory for a buffer of %llu bytes", (unsigned long long)size);
    }
    b->size = size;
    *out_buf = b;
    return PT2_OK;
}

static void buf_destroy(struct pt2_device *device, struct pt2_buf *buf)
{
    (void)device;
    if (buf)
        free(buf->data);
    free(buf);
}

static pt2_status buf_write(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, const void *src,
                            uint64_t size)
{
    (void)device;
    PT2_TRY(pt2_buf_range(buf->size, offset, size));
    memcpy(buf->data + offset, src, (size_t)size);
    return PT2_OK;
}

static pt2_status buf_read(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, void *dst, uint64_t size)
{
    (void)device;
    PT2_TRY(pt2_buf_range(buf->size, offset, size));
    memcpy(dst, buf->data + offset, (size_t)size);
    return PT2_OK;
}

static void *buf_map(struct pt2_device *device, struct pt2_buf *buf)
{
    (void)device;
    return buf->data;
}

/* ---- programs ---- */

static void program_destroy(struct pt2_device *device, struct pt2_program_obj *program)
{
    (void)device;
    if (program)
        pt2_arena_free(&program->program.arena);
    free(program);
}

static pt2_status compile_one(const struct pt2_kernel *kernel, struct pt2_program_obj **out_program)
{
    struct pt2_program_obj *o = *out_program = calloc(1, sizeof *o);
    if (!o)
        return pt2_fail(PT2_ERR_NOMEM, "reference: no memory for kernel %s", kernel->name);
    if (!kernel->library)
        return ref_translate(kernel, &o->program);
    o->program.kernel = kernel;
    return kernel->library->custom ? PT2_OK : ref_library_check(kernel);
}

static pt2_status compile(struct pt2_device *device, const struct pt2_kernel *const *kernels, int count,
                          const char *cache_dir, struct pt2_program_obj **out_programs)
{
    pt2_status status = PT2_OK;
    int done = 0;
    (void)cache_dir;
    while (done < count && status == PT2_OK) {
        status = compile_one(kernels[done], &out_programs[done]);
        done++;
    }
    while (status != PT2_OK && done > 0) {
        program_destroy(device, out_programs[--done]);
        out_programs[done] = NULL;
    }
    return status;
}

/* ---- executables ---- */

static pt2_status views_of(struct pt2_arena *arena, const struct pt2_kernel *k, const struct pt2_binding *b,
                           const struct ref_view **out_views)
{
    struct ref_view *views = PT2_NEW_N(arena, struct ref_view, k->num_bufs);
    *out_views = views;
    for (int i = 0; i < k->num_bufs; i++) {
        pt2_dtype t = pt2_dtype_real(k->bufs[i].dtype);
        views[i].dtype = t;
        if (!b[i].size || !pt2_dtype_size(t))
            continue;
        PT2_NOTE(pt2_buf_range(b[i].buf->size, b[i].offset, b[i].size), "kernel %s, buffer %d", k->name, i);
        views[i].data = b[i].buf->data + b[i].offset;
        views[i].size = b[i].size;
        views[i].count = (int64_t)(b[i].size / pt2_dtype_size(t));
    }
    return PT2_OK;
}

static void exec_destroy(struct pt2_device *device, struct pt2_exec *exec)
{
    (void)device;
    if (exec)
        pt2_arena_free(&exec->arena);
    free(exec);
}

static pt2_status exec_create(struct pt2_device *device, const struct pt2_launch *launches, uint32_t count, bool timed,
                              struct pt2_exec **out_exec)
{
    struct pt2_exec *e = calloc(1, sizeof *e);
    pt2_status status = PT2_OK;
    *out_exec = NULL;
    if (!e)
        return pt2_fail(PT2_ERR_NOMEM, "reference: no memory for an executable");
    e->count = count;
    e->calls = PT2_NEW_N(&e->arena, struct ref_call, count);
    e->timings = timed ? PT2_NEW_N(&e->arena, struct pt2_timing, count) : NULL;
    for (uint32_t i = 0; status == PT2_OK && i < count; i++) {
        const struct pt2_launch *l = &launches[i];
        const struct ref_program *p = &l->program->program;
        size_t params = sizeof *l->params * (size_t)p->kernel->num_params;
        e->calls[i] = (struct ref_call){ .program = p, .points = l->points, .noise = l->noise,
                                         .params = pt2_arena_copy(&e->arena, l->params, params) };
        status = views_of(&e->arena, p->kernel, l->bindings, &e->calls[i].views);
    }
    if (status == PT2_OK)
        *out_exec = e;
    else
        exec_destroy(device, e);
    return status;
}

/* A user's host function. */
static pt2_status run_custom(const struct ref_call *call)
{
    const struct pt2_kernel *k = call->program->kernel;
    void **data = calloc((size_t)k->num_bufs, sizeof *data);
    if (!data)
        return pt2_fail(PT2_ERR_NOMEM, "kernel %s: out of memory", k->name);
    for (int i = 0; i < k->num_bufs; i++)
        data[i] = call->views[i].data;
    pt2_status status = pt2_custom_run(k->library, data, call->params);
    free(data);
    return status;
}

static pt2_status run_call(struct ref_pool *pool, const struct ref_call *call)
{
    if (!call->points)
        return PT2_OK;
    const struct pt2_node *n = call->program->kernel->library;
    return !n ? ref_call_run(pool, call) : n->custom ? run_custom(call) : ref_library_run(pool, call);
}

static pt2_status submit(struct pt2_device *device, struct pt2_exec *exec, uint64_t after, uint64_t *out_point)
{
    struct ref_device *d = (struct ref_device *)device;
    pt2_status status = PT2_OK;
    (void)after; /* whatever was submitted is complete */
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < exec->count && status == PT2_OK; i++) {
        uint64_t begin = exec->timings ? pt2_now_ns() : 0;
        status = run_call(d->pool, &exec->calls[i]);
        if (exec->timings)
            exec->timings[i] = (struct pt2_timing){ i, begin, pt2_now_ns() };
    }
    *out_point = ++d->point;
    pthread_mutex_unlock(&d->lock);
    return status;
}

static pt2_status wait_point(struct pt2_device *device, uint64_t point, uint64_t timeout_ns)
{
    (void)device, (void)point, (void)timeout_ns;
    return PT2_OK;
}

static pt2_status timings(struct pt2_device *device, struct pt2_exec *exec, struct pt2_timing *out_timings)
{
    (void)device;
    if (!exec->timings)
        return pt2_fail(PT2_ERR_DEVICE, "reference: the executable is not timed");
    memcpy(out_timings, exec->timings, sizeof *out_timings * exec->count);
    return PT2_OK;
}

const struct pt2_backend pt2_reference = {
    .name = "reference",
    .abi = PT2_BACKEND_ABI,
    .enumerate = enumerate,
    .open = open_device,
    .close = close_device,
    .buf_create = buf_create,
    .buf_destroy = buf_destroy,
    .buf_write = buf_write,
    .buf_read = buf_read,
    .buf_map = buf_map,
    .compile = compile,
    .program_destroy = program_destroy,
    .exec_create = exec_create,
    .exec_destroy = exec_destroy,
    .submit = submit,
    .wait = wait_point,
    .timings = timings,
};
