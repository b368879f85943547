/* SPDX-License-Identifier: MIT
 * Queues and points.
 *
 * Chains of launches go to one of a few in-order queues ("lanes"), so that independent submissions may overlap and
 * dependent ones follow each other in one queue without events; anything else goes to one out-of-order queue with
 * an event per dependency. Each submission leaves one event, in a ring by its point. A submission waits for the
 * events of those points up to `after` that are not known to be complete; when the ring is full, for the oldest.
 * `done_point` only grows, so an event is looked at until it is complete and never again. */
#include "base/clock.h"
#include "opencl.h"

#include <sched.h>

/* ---- queues ---- */

static pt2_status create_queue(struct ocl_device *dev, cl_command_queue *queue, cl_command_queue_properties properties)
{
    cl_int error = CL_SUCCESS;
    if (!*queue)
        *queue = ocl.clCreateCommandQueue(dev->context, dev->id, properties, &error);
    return *queue ? PT2_OK : ocl_fail(dev, error, "clCreateCommandQueue");
}

pt2_status ocl_copy_queue(struct ocl_device *dev, cl_command_queue *out_queue)
{
    pthread_mutex_lock(&dev->lock);
    pt2_status status = create_queue(dev, &dev->copies, 0);
    *out_queue = dev->copies;
    pthread_mutex_unlock(&dev->lock);
    return status;
}

void ocl_queues_free(struct ocl_device *dev)
{
    cl_command_queue queues[OCL_LANES + 4] = { dev->copies, dev->wide, dev->timed[0], dev->timed[1] };
    for (int i = 0; i < OCL_LANES; i++)
        queues[i + 4] = dev->lanes[i].queue;
    for (size_t i = 0; i < OCL_IN_FLIGHT; i++)
        if (dev->flights[i].done)
            ocl.clReleaseEvent(dev->flights[i].done);
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
        if (queues[i])
            ocl.clReleaseCommandQueue(queues[i]);
}

/* ---- points ---- */

static struct ocl_flight *flight(struct ocl_device *dev, uint64_t point)
{
    return &dev->flights[point % OCL_IN_FLIGHT];
}

static void land(struct ocl_flight *f)
{
    if (f->done)
        ocl.clReleaseEvent(f->done);
    *f = (struct ocl_flight){ 0 };
}

/* Whether an event is complete; an error when its commands ended abnormally. */
static pt2_status poll_event(struct ocl_device *dev, cl_event event, bool *out_done)
{
    cl_int state;
    OCL_TRY(dev, clGetEventInfo, (event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL));
    if (state < 0)
        return ocl_fail(dev, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "a submission");
    *out_done = state == CL_COMPLETE;
    return PT2_OK;
}

/* Forgets what is complete, from the oldest on. Locked. */
static pt2_status collect(struct ocl_device *dev)
{
    while (dev->done_point < dev->last_point) {
        struct ocl_flight *f = flight(dev, dev->done_point + 1);
        bool done = false;
        PT2_TRY(poll_event(dev, f->done, &done));
        if (!done)
            break;
        land(f);
        dev->done_point++;
    }
    return PT2_OK;
}

static void sleep_ns(long ns)
{
    struct timespec t = { 0, ns };
    nanosleep(&t, NULL);
}

/* Looks for a while, and lets others run. */
static pt2_status watch_event(struct ocl_device *dev, cl_event event)
{
    uint64_t begin = pt2_now_ns();
    for (bool done = false; !done && pt2_now_ns() - begin < PT2_WATCH_NS; sched_yield())
        PT2_TRY(poll_event(dev, event, &done));
    return PT2_OK;
}

/* OpenCL's own wait has no time limit: look from time to time, less often the longer it takes. */
static pt2_status wait_event(struct ocl_device *dev, cl_event event, uint64_t timeout_ns)
{
    if (timeout_ns == UINT64_MAX) {
        PT2_TRY(watch_event(dev, event));
        OCL_TRY(dev, clWaitForEvents, (1, &event));
        return PT2_OK;
    }
    uint64_t begin = pt2_now_ns();
    long pause = 20000;
    for (bool done = false;;) {
        PT2_TRY(poll_event(dev, event, &done));
        if (done)
            return PT2_OK;
        if (pt2_now_ns() - begin >= timeout_ns)
            return pt2_fail(PT2_ERR_TIMEOUT, "OpenCL, %s: not complete in time", dev->base.desc.name);
        sleep_ns(pause);
        pause = pause < 1000000 ? pause * 2 : pause;
    }
}

/* The oldest event that keeps `point` from being reached, retained; NULL when it is reached. */
static pt2_status oldest_event(struct ocl_device *dev, uint64_t point, cl_event *out_event)
{
    *out_event = NULL;
    pthread_mutex_lock(&dev->lock);
    pt2_status status = collect(dev);
    if (status == PT2_OK && point > dev->done_point && dev->done_point < dev->last_point) {
        *out_event = flight(dev, dev->done_point + 1)->done;
        ocl.clRetainEvent(*out_event);
    }
    pthread_mutex_unlock(&dev->lock);
    return status;
}

pt2_status ocl_wait(struct pt2_device *device, uint64_t point, uint64_t timeout_ns)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    uint64_t begin = pt2_now_ns();
    for (;;) {
        cl_event event;
        PT2_TRY(ocl_alive(dev));
        PT2_TRY(oldest_event(dev, point, &event));
        if (!event)
            return PT2_OK;
        uint64_t spent = pt2_now_ns() - begin;
        uint64_t left = timeout_ns == UINT64_MAX ? UINT64_MAX : timeout_ns > spent ? timeout_ns - spent : 0;
        pt2_status status = wait_event(dev, event, left);
        ocl.clReleaseEvent(event);
        PT2_TRY(status);
    }
}

/* ---- submission ---- */

/* The lane of the newest point in `after` goes on with what it did; without one, the lane that was idle longest. */
static struct ocl_lane *choose_lane(struct ocl_device *dev, uint64_t after)
{
    struct ocl_lane *follow = NULL, *idle = &dev->lanes[0];
    for (int i = 0; i < OCL_LANES; i++) {
        struct ocl_lane *l = &dev->lanes[i];
        if (l->last > dev->done_point && l->last <= after && (!follow || l->last > follow->last))
            follow = l;
        if (l->last < idle->last)
            idle = l;
    }
    return follow ? follow : idle;
}

/* The events that a submission to `lane` must wait for. Earlier ones in that lane are waited for by its order. */
static uint32_t gather(struct ocl_device *dev, uint64_t after, const struct ocl_lane *lane, cl_event *events)
{
    uint32_t n = 0;
    uint64_t end = after < dev->last_point ? after : dev->last_point;
    for (uint64_t p = dev->done_point + 1; p <= end; p++)
        if (!lane || flight(dev, p)->lane != lane)
            events[n++] = flight(dev, p)->done;
    return n;
}

/* A slot of the ring for the next point. */
static pt2_status make_room(struct ocl_device *dev)
{
    PT2_TRY(collect(dev));
    if (dev->last_point - dev->done_point < OCL_IN_FLIGHT)
        return PT2_OK;
    PT2_TRY(wait_event(dev, flight(dev, dev->done_point + 1)->done, UINT64_MAX));
    return collect(dev);
}

static pt2_status choose_queue(struct ocl_device *dev, const struct pt2_exec *exec, bool in_order, uint64_t after,
                               struct ocl_lane **out_lane, cl_command_queue *out_queue)
{
    bool wide = !in_order;
    cl_command_queue_properties order = wide ? CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : 0;
    cl_command_queue *queue = &dev->timed[wide];
    *out_lane = NULL;
    if (exec->timed)
        order |= CL_QUEUE_PROFILING_ENABLE;
    else if (wide)
        queue = &dev->wide;
    else {
        *out_lane = choose_lane(dev, after);
        queue = &(*out_lane)->queue;
    }
    PT2_TRY(create_queue(dev, queue, order));
    *out_queue = *queue;
    return PT2_OK;
}

static pt2_status wait_for_all(struct ocl_device *dev)
{
    while (dev->done_point < dev->last_point) {
        PT2_TRY(wait_event(dev, flight(dev, dev->done_point + 1)->done, UINT64_MAX));
        PT2_TRY(collect(dev));
    }
    return PT2_OK;
}

static pt2_status submit(struct ocl_device *dev, struct pt2_exec *exec, uint64_t after)
{
    bool alone = dev->widens_alone && ocl_exec_widens(exec), in_order = exec->in_order || alone;
    cl_event waits[OCL_IN_FLIGHT];
    struct ocl_flight f = { .point = dev->last_point + 1 };
    cl_command_queue queue;
    PT2_TRY(alone ? wait_for_all(dev) : make_room(dev));
    PT2_TRY(choose_queue(dev, exec, in_order, after, &f.lane, &queue));
    uint32_t num_waits = gather(dev, after, f.lane, waits);
    PT2_TRY(ocl_exec_enqueue(dev, exec, queue, in_order, num_waits, waits, &f.done));
    *flight(dev, f.point) = f;
    dev->last_point = f.point;
    if (f.lane)
        f.lane->last = f.point;
    if (!alone) {
        OCL_TRY(dev, clFlush, (queue));
        return PT2_OK;
    }
    OCL_TRY(dev, clFinish, (queue));
    ocl_exec_has_run(exec);
    return PT2_OK;
}

pt2_status ocl_submit(struct pt2_device *device, struct pt2_exec *exec, uint64_t after, uint64_t *out_point)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    PT2_TRY(ocl_alive(dev));
    pthread_mutex_lock(&dev->lock);
    pt2_status status = submit(dev, exec, after);
    *out_point = dev->last_point;
    pthread_mutex_unlock(&dev->lock);
    return status;
}
