/* SPDX-License-Identifier: MIT
 * A recorded list of launches: one kernel object per launch, with its arguments set once, so that submitting is
 * only enqueueing.
 *
 * A launch without points is not enqueued; whoever depends on it depends on what it depended on. When then each
 * launch needs the one before it, an in-order queue gives that order for nothing; else every launch waits for
 * exactly the events of its dependencies. */
#include "opencl.h"

#include <stdlib.h>

enum { FIRST_NS = 1000 }; /* clocks of devices are farther than this */

/* ---- arguments ---- */

static pt2_status set_arg(struct ocl_device *dev, cl_kernel kernel, cl_uint *number, size_t size, const void *value)
{
    cl_int error = ocl.clSetKernelArg(kernel, *number, size, value);
    if (error)
        return pt2_note(ocl_fail(dev, error, "clSetKernelArg"), "argument %u", (unsigned)*number);
    ++*number;
    return PT2_OK;
}

static pt2_status set_binding(struct ocl_device *dev, cl_kernel kernel, cl_uint *number, const struct pt2_binding *b)
{
    cl_mem mem = b->size ? b->buf->mem : NULL;
    cl_uint units = b->size ? (cl_uint)(b->offset / OCL_ALIGN) : 0;
    if (b->size)
        PT2_NOTE(pt2_buf_range(b->buf->size, b->offset, b->size), "argument %u", (unsigned)*number);
    PT2_TRY(set_arg(dev, kernel, number, sizeof mem, &mem));
    return set_arg(dev, kernel, number, sizeof units, &units);
}

static pt2_status set_params_buffer(struct ocl_device *dev, struct ocl_launch *l, cl_uint *number,
                                    const struct pt2_launch *from)
{
    size_t size = (size_t)from->program->num_params * sizeof(cl_int);
    cl_int error;
    /* The flag makes the driver copy now; it takes the pointer as writable but only reads. */
    void *values = (void *)(uintptr_t)from->params;
    l->params = ocl.clCreateBuffer(dev->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, size, values, &error);
    if (!l->params)
        return ocl_fail(dev, error, "clCreateBuffer");
    return set_arg(dev, l->kernel, number, sizeof l->params, &l->params);
}

static pt2_status set_args(struct ocl_device *dev, struct ocl_launch *l, const struct pt2_launch *from)
{
    cl_uint number = 0;
    for (int i = 0; i < from->program->num_bufs; i++)
        PT2_TRY(set_binding(dev, l->kernel, &number, &from->bindings[i]));
    if (from->program->params_in_buffer)
        return set_params_buffer(dev, l, &number, from);
    for (int i = 0; i < from->program->num_params; i++)
        PT2_TRY(set_arg(dev, l->kernel, &number, sizeof(cl_int), &from->params[i]));
    return PT2_OK;
}

static pt2_status prepare(struct ocl_device *dev, struct ocl_launch *l, const struct pt2_launch *from)
{
    struct pt2_program_obj *program = from->program;
    cl_int error;
    l->program = program;
    if (!from->points)
        return PT2_OK;
    uint64_t per_group = (uint64_t)program->points_per_group;
    l->local = (size_t)program->local_size;
    l->global = (size_t)((from->points + per_group - 1) / per_group) * l->local;
    l->kernel = ocl.clCreateKernel(program->module->program, program->name, &error);
    if (!l->kernel)
        return pt2_note(ocl_fail(dev, error, "clCreateKernel"), "%s", program->name);
    PT2_NOTE(set_args(dev, l, from), "%s", program->name);
    return PT2_OK;
}

/* ---- dependencies ---- */

/* A growing array that lives in the exec. */
static pt2_status add_dep(struct pt2_exec *exec, uint32_t *count, uint32_t *cap, uint32_t dep)
{
    if (*count == *cap) {
        uint32_t more = *cap ? *cap * 2 : 64;
        uint32_t *deps = realloc(exec->deps, more * sizeof *deps);
        if (!deps)
            return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for dependencies");
        exec->deps = deps;
        *cap = more;
    }
    exec->deps[(*count)++] = dep;
    return PT2_OK;
}

struct dep_list {
    uint32_t count, cap;
    uint32_t *seen; /* seen[d] == i + 1: launch i has d in its list */
};

/* d itself, or what it waits for when it is not enqueued; each once. */
static pt2_status add_effective(struct pt2_exec *exec, struct dep_list *list, uint32_t i, uint32_t d)
{
    bool real = exec->launches[d].kernel != NULL;
    uint32_t n = real ? 1 : exec->launches[d].num_deps;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t dep = real ? d : exec->deps[exec->launches[d].first_dep + k];
        if (list->seen[dep] == i + 1)
            continue;
        list->seen[dep] = i + 1;
        exec->launches[dep].is_last = exec->launches[dep].is_last && !exec->launches[i].kernel;
        PT2_TRY(add_dep(exec, &list->count, &list->cap, dep));
    }
    return PT2_OK;
}

static pt2_status set_deps(struct pt2_exec *exec, const struct pt2_launch *launches, struct dep_list *list)
{
    uint32_t previous = UINT32_MAX; /* the newest launch that is enqueued */
    exec->in_order = true;
    for (uint32_t i = 0; i < exec->count; i++) {
        struct ocl_launch *l = &exec->launches[i];
        l->first_dep = list->count;
        l->is_last = l->kernel != NULL;
        for (uint32_t k = 0; k < launches[i].num_deps; k++)
            PT2_TRY(add_effective(exec, list, i, launches[i].deps[k]));
        l->num_deps = list->count - l->first_dep;
        if (!l->kernel)
            continue;
        /* Dependencies are earlier launches, so only a direct one can lead to the previous launch. */
        if (previous != UINT32_MAX && list->seen[previous] != i + 1)
            exec->in_order = false;
        previous = i;
    }
    return PT2_OK;
}

/* ---- create, destroy ---- */

static pt2_status fill(struct ocl_device *dev, struct pt2_exec *exec, const struct pt2_launch *launches)
{
    struct dep_list list = { 0 };
    exec->launches = calloc(exec->count, sizeof *exec->launches);
    exec->events = calloc(exec->count, sizeof *exec->events);
    exec->waits = calloc(exec->count, sizeof *exec->waits);
    list.seen = calloc(exec->count, sizeof *list.seen);
    pt2_status status = PT2_OK;
    if (!exec->launches || !exec->events || !exec->waits || !list.seen)
        status = pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for %u launches", (unsigned)exec->count);
    for (uint32_t i = 0; i < exec->count && status == PT2_OK; i++)
        status = pt2_note(prepare(dev, &exec->launches[i], &launches[i]), "launch %u", (unsigned)i);
    if (status == PT2_OK)
        status = set_deps(exec, launches, &list);
    exec->in_order |= !dev->base.desc.caps.concurrent;
    free(list.seen);
    return status;
}

pt2_status ocl_exec_create(struct pt2_device *device, const struct pt2_launch *launches, uint32_t count, bool timed,
                           struct pt2_exec **out_exec)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    PT2_TRY(ocl_alive(dev));
    struct pt2_exec *exec = calloc(1, sizeof *exec);
    if (!exec)
        return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for launches");
    exec->count = count;
    exec->timed = timed;
    pt2_status status = fill(dev, exec, launches);
    if (status != PT2_OK) {
        ocl_exec_destroy(device, exec);
        return status;
    }
    *out_exec = exec;
    return PT2_OK;
}

static void drop_events(struct pt2_exec *exec)
{
    for (uint32_t i = 0; exec->events && i < exec->count; i++) {
        if (exec->events[i])
            ocl.clReleaseEvent(exec->events[i]);
        exec->events[i] = NULL;
    }
}

void ocl_exec_destroy(struct pt2_device *device, struct pt2_exec *exec)
{
    (void)device;
    if (!exec)
        return;
    drop_events(exec);
    for (uint32_t i = 0; exec->launches && i < exec->count; i++) {
        if (exec->launches[i].kernel)
            ocl.clReleaseKernel(exec->launches[i].kernel);
        if (exec->launches[i].params)
            ocl.clReleaseMemObject(exec->launches[i].params);
    }
    free(exec->launches);
    free(exec->deps);
    free(exec->events);
    free(exec->waits);
    free(exec);
}

/* ---- enqueue ---- */

static pt2_status enqueue(struct ocl_device *dev, cl_command_queue queue, const struct ocl_launch *l,
                          uint32_t num_waits, const cl_event *waits, cl_event *event)
{
    OCL_TRY(dev, clEnqueueNDRangeKernel, (queue, l->kernel, 1, NULL, &l->global, &l->local, num_waits,
                                          num_waits ? waits : NULL, event));
    return PT2_OK;
}

static pt2_status marker(struct ocl_device *dev, cl_command_queue queue, uint32_t num_waits, const cl_event *waits,
                         cl_event *out_event)
{
    OCL_TRY(dev, clEnqueueMarkerWithWaitList, (queue, num_waits, num_waits ? waits : NULL, out_event));
    return PT2_OK;
}

/* The first launch waits, the last one gives the event; those between need neither unless they are timed. */
static pt2_status enqueue_in_order(struct ocl_device *dev, struct pt2_exec *exec, cl_command_queue queue,
                                   uint32_t num_after, const cl_event *after, cl_event *out_done)
{
    uint32_t last = exec->count;
    for (uint32_t i = 0; i < exec->count; i++)
        if (exec->launches[i].kernel)
            last = i;
    if (last == exec->count)
        return marker(dev, queue, num_after, after, out_done);
    for (uint32_t i = 0; i <= last; i++) {
        if (!exec->launches[i].kernel)
            continue;
        bool wants_event = exec->timed || i == last;
        PT2_TRY(enqueue(dev, queue, &exec->launches[i], num_after, after, wants_event ? &exec->events[i] : NULL));
        num_after = 0;
    }
    *out_done = exec->events[last];
    ocl.clRetainEvent(*out_done);
    return PT2_OK;
}

static pt2_status enqueue_by_deps(struct ocl_device *dev, struct pt2_exec *exec, cl_command_queue queue,
                                  uint32_t num_after, const cl_event *after, cl_event *out_done)
{
    uint32_t num_waits = 0;
    for (uint32_t i = 0; i < exec->count; i++) {
        const struct ocl_launch *l = &exec->launches[i];
        if (!l->kernel)
            continue;
        for (uint32_t k = 0; k < l->num_deps; k++)
            exec->waits[k] = exec->events[exec->deps[l->first_dep + k]];
        bool root = l->num_deps == 0;
        PT2_TRY(enqueue(dev, queue, l, root ? num_after : l->num_deps, root ? after : exec->waits, &exec->events[i]));
    }
    for (uint32_t i = 0; i < exec->count; i++)
        if (exec->launches[i].is_last)
            exec->waits[num_waits++] = exec->events[i];
    if (num_waits != 1)
        return marker(dev, queue, num_waits, exec->waits, out_done);
    *out_done = exec->waits[0];
    ocl.clRetainEvent(*out_done);
    return PT2_OK;
}

pt2_status ocl_exec_enqueue(struct ocl_device *dev, struct pt2_exec *exec, cl_command_queue queue, bool in_order,
                            uint32_t num_after, const cl_event *after, cl_event *out_done)
{
    drop_events(exec);
    pt2_status status = in_order ? enqueue_in_order(dev, exec, queue, num_after, after, out_done)
                                       : enqueue_by_deps(dev, exec, queue, num_after, after, out_done);
    if (status != PT2_OK)
        ocl.clFinish(queue); /* what was enqueued has no point that anybody could wait for */
    if (!exec->timed || status != PT2_OK)
        drop_events(exec);
    return status;
}

/* ---- widths ---- */

bool ocl_exec_widens(const struct pt2_exec *exec)
{
    for (uint32_t i = 0; i < exec->count; i++)
        if (exec->launches[i].kernel && exec->launches[i].global > exec->launches[i].program->widest)
            return true;
    return false;
}

void ocl_exec_has_run(const struct pt2_exec *exec)
{
    for (uint32_t i = 0; i < exec->count; i++)
        if (exec->launches[i].kernel && exec->launches[i].global > exec->launches[i].program->widest)
            exec->launches[i].program->widest = exec->launches[i].global;
}

/* ---- timings ---- */

static pt2_status stamp(struct ocl_device *dev, cl_event event, cl_profiling_info what, uint64_t *out_ns)
{
    cl_ulong ns = 0;
    OCL_TRY(dev, clGetEventProfilingInfo, (event, what, sizeof ns, &ns, NULL));
    *out_ns = ns;
    return PT2_OK;
}

pt2_status ocl_timings(struct pt2_device *device, struct pt2_exec *exec, struct pt2_timing *timings)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    for (uint32_t i = 0; i < exec->count; i++) {
        timings[i] = (struct pt2_timing){ .launch = i };
        if (!exec->events[i])
            continue;
        PT2_TRY(stamp(dev, exec->events[i], CL_PROFILING_COMMAND_START, &timings[i].begin_ns));
        PT2_TRY(stamp(dev, exec->events[i], CL_PROFILING_COMMAND_END, &timings[i].end_ns));
        if (timings[i].end_ns < FIRST_NS) /* Mesa before 23.1: constants */
            return pt2_fail(PT2_ERR_DEVICE, "%s does not tell when kernels run", dev->base.desc.driver);
    }
    return PT2_OK;
}
