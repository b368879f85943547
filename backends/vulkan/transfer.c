/* SPDX-License-Identifier: MIT
 * Copies between the host and a device: directly where the host reaches the memory, else through one staging
 * buffer, in pieces. */
#include "vk.h"

#include <stdlib.h>

enum {
    STAGING_BYTES = 16 << 20,
    FEW_BYTES = 64, /* that the host reads over the bus sooner than the device copies them */
};

/* Called with staging_lock. */
static pt2_status open_staging(struct vk_device *d)
{
    VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                     .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                     .queueFamilyIndex = d->family };
    VkCommandBufferAllocateInfo cmd = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY, .commandBufferCount = 1 };
    VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
    if (!d->staging_pool)
        VK_TRY(d, CreateCommandPool, d->handle, &pool, NULL, &d->staging_pool);
    cmd.commandPool = d->staging_pool;
    if (!d->staging_cmd)
        VK_TRY(d, AllocateCommandBuffers, d->handle, &cmd, &d->staging_cmd);
    if (!d->staging_fence)
        VK_TRY(d, CreateFence, d->handle, &fence, NULL, &d->staging_fence);
    return d->staging ? PT2_OK : vk_buf_new(d, STAGING_BYTES, VK_PLACE_STAGING, &d->staging);
}

void vk_staging_free(struct vk_device *d)
{
    vk_buf_destroy(&d->base, d->staging);
    if (d->staging_fence)
        d->DestroyFence(d->handle, d->staging_fence, NULL);
    if (d->staging_pool)
        d->DestroyCommandPool(d->handle, d->staging_pool, NULL);
}

/* The caller has waited for the launches, so that only their writes must become visible; launches that come later
 * make the copy's visible themselves (exec.c). */
static pt2_status record_copy(struct vk_device *d, VkBuffer src, VkBuffer dst, const VkBufferCopy *copy)
{
    VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                       .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };
    VkMemoryBarrier before = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT };
    VkMemoryBarrier after = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                              .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                              .dstAccessMask = VK_ACCESS_HOST_READ_BIT };
    VK_TRY(d, BeginCommandBuffer, d->staging_cmd, &begin);
    d->CmdPipelineBarrier(d->staging_cmd, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                          VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &before, 0, NULL, 0, NULL);
    d->CmdCopyBuffer(d->staging_cmd, src, dst, 1, copy);
    d->CmdPipelineBarrier(d->staging_cmd, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &after, 0,
                          NULL, 0, NULL);
    VK_TRY(d, EndCommandBuffer, d->staging_cmd);
    return PT2_OK;
}

static pt2_status copy_now(struct vk_device *d, VkBuffer src, VkBuffer dst, const VkBufferCopy *copy)
{
    VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1,
                            .pCommandBuffers = &d->staging_cmd };
    PT2_TRY(record_copy(d, src, dst, copy));
    VK_TRY(d, ResetFences, d->handle, 1, &d->staging_fence);
    pthread_mutex_lock(&d->queue_lock);
    VkResult r = d->QueueSubmit(d->queue, 1, &submit, d->staging_fence);
    pthread_mutex_unlock(&d->queue_lock);
    if (r != VK_SUCCESS)
        return vk_fail(d, r, "vkQueueSubmit");
    VK_TRY(d, WaitForFences, d->handle, 1, &d->staging_fence, VK_TRUE, UINT64_MAX);
    return PT2_OK;
}

/* One of src and dst is NULL. */
static pt2_status copy_staged(struct vk_device *d, struct pt2_buf *buf, uint64_t offset, const uint8_t *src,
                              uint8_t *dst, uint64_t size)
{
    PT2_TRY(open_staging(d));
    for (uint64_t done = 0; done < size;) {
        uint64_t n = size - done < STAGING_BYTES ? size - done : STAGING_BYTES;
        VkBufferCopy copy = { .size = n };
        if (src) {
            memcpy(d->staging->host, src + done, n);
            copy.dstOffset = offset + done;
            PT2_TRY(copy_now(d, d->staging->handle, buf->handle, &copy));
        } else {
            copy.srcOffset = offset + done;
            PT2_TRY(copy_now(d, buf->handle, d->staging->handle, &copy));
            memcpy(dst + done, d->staging->host, n);
        }
        done += n;
    }
    return PT2_OK;
}

pt2_status vk_buf_write(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, const void *src, uint64_t size)
{
    struct vk_device *d = vk_dev(device);
    VK_LIVE(d);
    PT2_TRY(pt2_buf_range(buf->size, offset, size));
    if (buf->host) {
        memcpy(buf->host + offset, src, size);
        return PT2_OK;
    }
    pthread_mutex_lock(&d->staging_lock);
    pt2_status status = copy_staged(d, buf, offset, src, NULL, size);
    pthread_mutex_unlock(&d->staging_lock);
    return status;
}

pt2_status vk_buf_read(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, void *dst, uint64_t size)
{
    struct vk_device *d = vk_dev(device);
    VK_LIVE(d);
    PT2_TRY(pt2_buf_range(buf->size, offset, size));
    if (buf->readable || (buf->host && size <= FEW_BYTES)) {
        memcpy(dst, buf->host + offset, size);
        return PT2_OK;
    }
    pthread_mutex_lock(&d->staging_lock);
    pt2_status status = copy_staged(d, buf, offset, NULL, dst, size);
    pthread_mutex_unlock(&d->staging_lock);
    return status;
}
