/* SPDX-License-Identifier: MIT
 * Submitting and waiting. A device has one queue.
 *
 * With timeline semaphores, submission n signals the value n. Signals of one queue happen in order, so that value
 * n means that all submissions up to n are complete, as the contract wants it. A submission waits for the value
 * `after`, so that independent ones may overlap.
 *
 * Without them each exec has a fence, the list `flights` remembers which are under way, and every exec begins with
 * a barrier (exec.c): nothing overlaps, all else is the same. */
#include "base/clock.h"
#include "vk.h"

#include <sched.h>

pt2_status vk_queue_open(struct vk_device *d)
{
    VkSemaphoreTypeCreateInfo type = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                       .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE };
    VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type };
    if (d->has.timeline && d->WaitSemaphores)
        VK_TRY(d, CreateSemaphore, d->handle, &info, NULL, &d->timeline);
    return PT2_OK;
}

void vk_queue_close(struct vk_device *d)
{
    if (d->timeline)
        d->DestroySemaphore(d->handle, d->timeline, NULL);
}

/* ---- timeline ---- */

/* Called with queue_lock, like submit_fence. */
static VkResult submit_timeline(struct vk_device *d, struct pt2_exec *exec, uint64_t after, uint64_t point)
{
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkTimelineSemaphoreSubmitInfo values = { .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                             .waitSemaphoreValueCount = after > 0, .pWaitSemaphoreValues = &after,
                                             .signalSemaphoreValueCount = 1, .pSignalSemaphoreValues = &point };
    VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .pNext = &values,
                            .waitSemaphoreCount = after > 0, .pWaitSemaphores = &d->timeline,
                            .pWaitDstStageMask = &stage,
                            .commandBufferCount = 1, .pCommandBuffers = &exec->cmd,
                            .signalSemaphoreCount = 1, .pSignalSemaphores = &d->timeline };
    return d->QueueSubmit(d->queue, 1, &submit, VK_NULL_HANDLE);
}

/* Looks for a while first, and lets others run. */
static VkResult wait_timeline(struct vk_device *d, uint64_t point, uint64_t timeout_ns)
{
    VkSemaphoreWaitInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO, .semaphoreCount = 1,
                                 .pSemaphores = &d->timeline, .pValues = &point };
    uint64_t end = timeout_ns > PT2_WATCH_NS ? pt2_now_ns() + PT2_WATCH_NS : 0;
    for (; pt2_now_ns() < end; sched_yield()) {
        VkResult r = d->WaitSemaphores(d->handle, &info, 0);
        if (r != VK_TIMEOUT)
            return r;
    }
    return d->WaitSemaphores(d->handle, &info, timeout_ns);
}

/* ---- fences ---- */

static void unlink_flight(struct vk_device *d, struct pt2_exec *exec)
{
    struct pt2_exec **p = &d->flights;
    while (*p && *p != exec)
        p = &(*p)->next_flight;
    if (*p)
        *p = exec->next_flight;
}

static VkResult submit_fence(struct vk_device *d, struct pt2_exec *exec)
{
    VkFenceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
    VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1,
                            .pCommandBuffers = &exec->cmd };
    VkResult r = exec->fence ? d->ResetFences(d->handle, 1, &exec->fence)
                             : d->CreateFence(d->handle, &info, NULL, &exec->fence);
    if (r == VK_SUCCESS)
        r = d->QueueSubmit(d->queue, 1, &submit, exec->fence);
    if (r != VK_SUCCESS)
        return r;
    unlink_flight(d, exec);
    exec->next_flight = d->flights;
    d->flights = exec;
    return VK_SUCCESS;
}

/* Waits with the lock held: other threads cannot submit meanwhile, which only costs time. */
static VkResult wait_fences(struct vk_device *d, uint64_t point, uint64_t timeout_ns)
{
    VkResult r = VK_SUCCESS;
    pthread_mutex_lock(&d->queue_lock);
    for (struct pt2_exec **p = &d->flights; *p && r == VK_SUCCESS;) {
        struct pt2_exec *exec = *p;
        if (exec->point > point) {
            p = &exec->next_flight;
            continue;
        }
        r = d->WaitForFences(d->handle, 1, &exec->fence, VK_TRUE, timeout_ns);
        if (r == VK_SUCCESS)
            *p = exec->next_flight;
    }
    pthread_mutex_unlock(&d->queue_lock);
    return r;
}

void vk_queue_forget(struct vk_device *d, struct pt2_exec *exec)
{
    pthread_mutex_lock(&d->queue_lock);
    unlink_flight(d, exec);
    pthread_mutex_unlock(&d->queue_lock);
}

/* ---- both ---- */

pt2_status vk_submit(struct pt2_device *device, struct pt2_exec *exec, uint64_t after, uint64_t *out_point)
{
    struct vk_device *d = vk_dev(device);
    VK_LIVE(d);
    pthread_mutex_lock(&d->queue_lock);
    uint64_t point = d->last_point + 1;
    /* What the host has waited for is complete, but visible to this submission only if it waits for it, too. */
    if (after < d->seen_point)
        after = d->seen_point;
    VkResult r = d->timeline ? submit_timeline(d, exec, after, point) : submit_fence(d, exec);
    if (r == VK_SUCCESS)
        d->last_point = exec->point = point;
    pthread_mutex_unlock(&d->queue_lock);
    if (r != VK_SUCCESS)
        return vk_fail(d, r, "vkQueueSubmit");
    *out_point = point;
    return PT2_OK;
}

pt2_status vk_wait(struct pt2_device *device, uint64_t point, uint64_t timeout_ns)
{
    struct vk_device *d = vk_dev(device);
    VK_LIVE(d);
    VkResult r = d->timeline ? wait_timeline(d, point, timeout_ns) : wait_fences(d, point, timeout_ns);
    if (r != VK_SUCCESS)
        return vk_fail(d, r, d->timeline ? "vkWaitSemaphores" : "vkWaitForFences");
    pthread_mutex_lock(&d->queue_lock);
    if (d->seen_point < point)
        d->seen_point = point;
    pthread_mutex_unlock(&d->queue_lock);
    return PT2_OK;
}
