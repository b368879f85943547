/* SPDX-License-Identifier: MIT
 * Records launches into one command buffer.
 *
 * Barriers: launches are walked in order, and those since the last barrier form an epoch. A launch that depends on
 * one of the current epoch gets a barrier before it, which ends the epoch; one that depends on older epochs only
 * needs none. One barrier covers all of memory: drivers make nothing of finer ones. The order of launches is the
 * core's choice. */
#include "vk.h"

#include <stdlib.h>

/* ---- descriptors ---- */

static pt2_status open_pool(struct vk_device *d, struct pt2_exec *exec, const struct pt2_launch *launches)
{
    uint32_t buffers = 1;
    for (uint32_t i = 0; i < exec->count; i++)
        buffers += (uint32_t)launches[i].program->num_bufs + 1;
    exec->views = calloc(buffers, sizeof *exec->views);
    if (!exec->views)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %u launches", exec->count);
    const VkDescriptorPoolSize sizes[] = { { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, buffers },
                                           { VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, buffers } };
    VkDescriptorPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                        .maxSets = exec->count ? exec->count : 1,
                                        .poolSizeCount = d->has.texels ? 2 : 1, .pPoolSizes = sizes };
    VK_TRY(d, CreateDescriptorPool, d->handle, &info, NULL, &exec->sets);
    return PT2_OK;
}

static VkDescriptorBufferInfo describe(const struct vk_device *d, const struct pt2_binding *b)
{
    /* Whole words, since bytes may be accessed through them; sizes of buffers and offsets are multiples of 16. */
    if (b->size)
        return (VkDescriptorBufferInfo){ b->buf->handle, b->offset, (b->size + 15) & ~(uint64_t)15 };
    return (VkDescriptorBufferInfo){ d->dummy->handle, 0, d->dummy->size };
}

static pt2_status new_view(struct vk_device *d, struct pt2_exec *exec, const struct pt2_binding *to,
                           const VkDescriptorBufferInfo *b, VkFormat format, VkBufferView **out_view)
{
    bool at_end = !to->size || b->offset + b->range == to->buf->size;
    bool grows = at_end && !(b->range >> 8 & 255) && b->range < d->base.desc.caps.max_buffer_range;
    uint64_t range = b->range + (grows ? VK_VIEW_SLACK : 0);
    VkBufferViewCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO, .buffer = b->buffer,
                                    .format = format, .offset = b->offset, .range = range };
    *out_view = &exec->views[exec->num_views];
    VK_TRY(d, CreateBufferView, d->handle, &info, NULL, *out_view);
    exec->num_views++;
    return PT2_OK;
}

static pt2_status write_set(struct vk_device *d, struct pt2_exec *exec, const struct pt2_launch *l,
                            VkDescriptorSet set, uint32_t count, const VkDescriptorBufferInfo *infos)
{
    const struct pt2_program_obj *p = l->program;
    VkWriteDescriptorSet *writes = calloc(count + 1, sizeof *writes);
    if (!writes)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a launch");
    pt2_status status = PT2_OK;
    for (uint32_t i = 0; i < count && status == PT2_OK; i++) {
        VkBufferView *view = NULL;
        VkDescriptorType type = vk_descriptor_type(p, i);
        if (type == VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER)
            status = new_view(d, exec, &l->bindings[i], &infos[i], p->texels[i], &view);
        writes[i] = (VkWriteDescriptorSet){ .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = set,
                                            .dstBinding = i, .descriptorCount = 1, .descriptorType = type,
                                            .pBufferInfo = &infos[i], .pTexelBufferView = view };
    }
    if (status == PT2_OK)
        d->UpdateDescriptorSets(d->handle, count, writes, 0, NULL);
    free(writes);
    return status;
}

static uint64_t params_bytes(const struct vk_device *d, const struct pt2_launch *l)
{
    uint64_t align = d->base.desc.caps.buffer_align, bytes = (uint64_t)l->program->num_params * 4;
    return l->program->pushes ? 0 : (bytes + align - 1) / align * align;
}

static pt2_status bind_set(struct vk_device *d, struct pt2_exec *exec, const struct pt2_launch *l, uint64_t params_at)
{
    const struct pt2_program_obj *p = l->program;
    VkDescriptorSetAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                         .descriptorPool = exec->sets, .descriptorSetCount = 1,
                                         .pSetLayouts = &p->set_layout };
    uint32_t n = (uint32_t)p->num_bufs;
    VkDescriptorSet set;
    VK_TRY(d, AllocateDescriptorSets, d->handle, &info, &set);
    VkDescriptorBufferInfo *buffers = calloc(n + 1, sizeof *buffers);
    if (!buffers)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a launch");
    for (uint32_t i = 0; i < n; i++)
        buffers[i] = describe(d, &l->bindings[i]);
    if (p->num_params && !p->pushes)
        buffers[n++] = (VkDescriptorBufferInfo){ exec->params->handle, params_at, (uint64_t)p->num_params * 4 };
    pt2_status status = write_set(d, exec, l, set, n, buffers);
    free(buffers);
    d->CmdBindDescriptorSets(exec->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, p->layout, 0, 1, &set, 0, NULL);
    return status;
}

/* ---- launches ---- */

static void add_barrier(struct vk_device *d, struct pt2_exec *exec, VkPipelineStageFlags from,
                        VkAccessFlags from_access, VkPipelineStageFlags to, VkAccessFlags to_access)
{
    VkMemoryBarrier barrier = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = from_access,
                                .dstAccessMask = to_access };
    d->CmdPipelineBarrier(exec->cmd, from, to, 0, 1, &barrier, 0, NULL, 0, NULL);
}

static void dispatch(struct vk_device *d, struct pt2_exec *exec, uint64_t groups)
{
    uint64_t most = d->has.max_groups[0], rows = (groups + most - 1) / most, columns = (groups + rows - 1) / rows;
    d->CmdDispatch(exec->cmd, (uint32_t)columns, (uint32_t)rows, 1);
}

static pt2_status check_launch(const struct vk_device *d, const struct pt2_launch *l, uint64_t groups)
{
    const char *label = l->label ? l->label : "launch";
    if (groups > INT32_MAX || groups > (uint64_t)d->has.max_groups[0] * d->has.max_groups[1])
        return pt2_fail(PT2_ERR_DEVICE, "%s: %llu groups are too many", label, (unsigned long long)groups);
    for (int i = 0; i < l->program->num_bufs; i++) {
        const struct pt2_caps *caps = &d->base.desc.caps;
        bool texels = l->program->texels[i] != VK_FORMAT_UNDEFINED;
        uint64_t most = texels ? caps->max_fetch_range : caps->max_buffer_range;
        const struct pt2_binding *b = &l->bindings[i];
        if (b->size > most)
            return pt2_fail(PT2_ERR_DEVICE, "%s: %llu bytes in one buffer; the device reaches %llu", label,
                            (unsigned long long)b->size, (unsigned long long)most);
        if (b->size)
            PT2_NOTE(pt2_buf_range(b->buf->size, b->offset, b->size), "%s, buffer %d", label, i);
    }
    return PT2_OK;
}

static void stamp(struct vk_device *d, struct pt2_exec *exec, uint32_t query, VkPipelineStageFlagBits stage)
{
    if (exec->queries)
        d->CmdWriteTimestamp(exec->cmd, stage, exec->queries, query);
}

static pt2_status record_launch(struct vk_device *d, struct pt2_exec *exec, uint32_t i, const struct pt2_launch *l,
                                uint64_t params_at)
{
    const struct pt2_program_obj *p = l->program;
    uint64_t groups = (l->points + p->points_per_group - 1) / p->points_per_group;
    PT2_TRY(check_launch(d, l, groups));
    d->CmdBindPipeline(exec->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, p->pipeline);
    PT2_TRY(bind_set(d, exec, l, params_at));
    if (p->num_params && p->pushes)
        d->CmdPushConstants(exec->cmd, p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, (uint32_t)p->num_params * 4,
                            l->params);
    stamp(d, exec, 2 * i, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT);
    dispatch(d, exec, groups);
    stamp(d, exec, 2 * i + 1, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT);
    return PT2_OK;
}

static bool needs_barrier(const struct pt2_exec *exec, const struct pt2_launch *l, uint32_t epoch)
{
    for (uint32_t i = 0; i < l->num_deps; i++)
        if ((exec->epochs[l->deps[i]] & ~VK_SKIPPED) == epoch)
            return true;
    return false;
}

/* What depends on an empty launch depends through it on what that depends on. */
static uint32_t inherited_epoch(const struct pt2_exec *exec, const struct pt2_launch *l)
{
    uint32_t newest = VK_NEVER;
    for (uint32_t i = 0; i < l->num_deps; i++) {
        uint32_t e = exec->epochs[l->deps[i]] & ~VK_SKIPPED;
        if (e != VK_NEVER && (newest == VK_NEVER || e > newest))
            newest = e;
    }
    return newest;
}

static pt2_status record_launches(struct vk_device *d, struct pt2_exec *exec, const struct pt2_launch *launches)
{
    const VkAccessFlags write = VK_ACCESS_SHADER_WRITE_BIT, both = write | VK_ACCESS_SHADER_READ_BIT;
    const VkPipelineStageFlags compute = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    uint32_t epoch = 0;
    uint64_t params_at = 0;
    for (uint32_t i = 0; i < exec->count; i++) {
        if (!launches[i].points) {
            exec->epochs[i] = inherited_epoch(exec, &launches[i]) | VK_SKIPPED;
            continue;
        }
        if (needs_barrier(exec, &launches[i], epoch)) {
            add_barrier(d, exec, compute, write, compute, both);
            epoch++;
        }
        exec->epochs[i] = epoch;
        PT2_NOTE(record_launch(d, exec, i, &launches[i], params_at), "launch %u", i);
        params_at += params_bytes(d, &launches[i]);
    }
    return PT2_OK;
}

static pt2_status record(struct vk_device *d, struct pt2_exec *exec, const struct pt2_launch *launches)
{
    const VkPipelineStageFlags compute = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, copy = VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkAccessFlags copied = VK_ACCESS_TRANSFER_WRITE_BIT, write = VK_ACCESS_SHADER_WRITE_BIT;
    VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    VK_TRY(d, BeginCommandBuffer, exec->cmd, &begin);
    if (exec->queries)
        d->CmdResetQueryPool(exec->cmd, exec->queries, 0, 2 * exec->count);
    /* What transfer.c copied becomes visible. Without timeline semaphores this orders submissions, too. */
    add_barrier(d, exec, d->timeline ? copy : copy | compute, d->timeline ? copied : copied | write, compute,
                VK_ACCESS_SHADER_READ_BIT | write);
    PT2_TRY(record_launches(d, exec, launches));
    add_barrier(d, exec, compute, write, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    VK_TRY(d, EndCommandBuffer, exec->cmd);
    return PT2_OK;
}

/* ---- the parts of an exec ---- */

static pt2_status open_commands(struct vk_device *d, struct pt2_exec *exec)
{
    VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                     .queueFamilyIndex = d->family };
    VkCommandBufferAllocateInfo cmd = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY, .commandBufferCount = 1 };
    VK_TRY(d, CreateCommandPool, d->handle, &pool, NULL, &exec->pool);
    cmd.commandPool = exec->pool;
    VK_TRY(d, AllocateCommandBuffers, d->handle, &cmd, &exec->cmd);
    return PT2_OK;
}

static pt2_status open_queries(struct vk_device *d, struct pt2_exec *exec)
{
    VkQueryPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                   .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = 2 * exec->count };
    if (!d->has.timestamp_bits || !exec->count)
        return PT2_OK;
    VK_TRY(d, CreateQueryPool, d->handle, &info, NULL, &exec->queries);
    return PT2_OK;
}

static pt2_status write_params(struct vk_device *d, struct pt2_exec *exec, const struct pt2_launch *launches)
{
    uint64_t total = 0, at = 0;
    for (uint32_t i = 0; i < exec->count; i++)
        total += launches[i].points ? params_bytes(d, &launches[i]) : 0;
    if (!total)
        return PT2_OK;
    PT2_TRY(vk_buf_new(d, total, VK_PLACE_DEVICE, &exec->params));
    for (uint32_t i = 0; i < exec->count; i++) {
        uint64_t bytes = launches[i].points ? params_bytes(d, &launches[i]) : 0;
        if (bytes)
            PT2_TRY(vk_buf_write(&d->base, exec->params, at, launches[i].params,
                                 (uint64_t)launches[i].program->num_params * 4));
        at += bytes;
    }
    return PT2_OK;
}

static pt2_status fill_exec(struct vk_device *d, struct pt2_exec *exec, const struct pt2_launch *launches, bool timed)
{
    exec->epochs = calloc((size_t)exec->count + 1, sizeof *exec->epochs);
    if (!exec->epochs)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %u launches", exec->count);
    PT2_TRY(open_commands(d, exec));
    PT2_TRY(open_pool(d, exec, launches));
    if (timed)
        PT2_TRY(open_queries(d, exec));
    PT2_TRY(write_params(d, exec, launches));
    return record(d, exec, launches);
}

pt2_status vk_exec_create(struct pt2_device *device, const struct pt2_launch *launches, uint32_t count, bool timed,
                          struct pt2_exec **out_exec)
{
    struct vk_device *d = vk_dev(device);
    VK_LIVE(d);
    struct pt2_exec *exec = calloc(1, sizeof *exec);
    if (!exec)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for an exec");
    exec->count = count;
    pt2_status status = fill_exec(d, exec, launches, timed);
    if (status != PT2_OK) {
        vk_exec_destroy(device, exec);
        return status;
    }
    *out_exec = exec;
    return PT2_OK;
}

void vk_exec_destroy(struct pt2_device *device, struct pt2_exec *exec)
{
    struct vk_device *d = vk_dev(device);
    if (!exec)
        return;
    vk_queue_forget(d, exec);
    if (exec->fence)
        d->DestroyFence(d->handle, exec->fence, NULL);
    if (exec->queries)
        d->DestroyQueryPool(d->handle, exec->queries, NULL);
    if (exec->sets)
        d->DestroyDescriptorPool(d->handle, exec->sets, NULL);
    for (uint32_t i = 0; i < exec->num_views; i++)
        d->DestroyBufferView(d->handle, exec->views[i], NULL);
    if (exec->pool)
        d->DestroyCommandPool(d->handle, exec->pool, NULL);
    vk_buf_destroy(device, exec->params);
    free(exec->views);
    free(exec->epochs);
    free(exec);
}

/* ---- times ---- */

/* A launch may be stamped as begun while it waits at its barrier: it begins when the older epochs have ended. */
static void correct_begins(const struct pt2_exec *exec, struct pt2_timing *timings)
{
    uint64_t done = 0, newest = 0; /* ends of the older epochs, of all launches so far */
    uint32_t epoch = 0;
    for (uint32_t i = 0; i < exec->count; i++) {
        if (exec->epochs[i] & VK_SKIPPED)
            continue;
        if (exec->epochs[i] != epoch)
            epoch = exec->epochs[i], done = newest;
        if (timings[i].begin_ns < done)
            timings[i].begin_ns = done;
        if (timings[i].end_ns < timings[i].begin_ns)
            timings[i].end_ns = timings[i].begin_ns;
        if (timings[i].end_ns > newest)
            newest = timings[i].end_ns;
    }
}

static pt2_status read_stamps(struct vk_device *d, struct pt2_exec *exec, uint32_t i, struct pt2_timing *out)
{
    uint64_t ticks[2];
    uint64_t mask = d->has.timestamp_bits >= 64 ? UINT64_MAX : ((uint64_t)1 << d->has.timestamp_bits) - 1;
    VK_TRY(d, GetQueryPoolResults, d->handle, exec->queries, 2 * i, 2, sizeof ticks, ticks, sizeof *ticks,
           VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
    out->begin_ns = (uint64_t)((double)(ticks[0] & mask) * d->has.timestamp_ns);
    out->end_ns = (uint64_t)((double)(ticks[1] & mask) * d->has.timestamp_ns);
    return PT2_OK;
}

pt2_status vk_timings(struct pt2_device *device, struct pt2_exec *exec, struct pt2_timing *timings)
{
    struct vk_device *d = vk_dev(device);
    VK_LIVE(d);
    if (!exec->queries && exec->count)
        return pt2_fail(PT2_ERR_DEVICE, "%s: no timestamps", d->base.desc.name);
    for (uint32_t i = 0; i < exec->count; i++) {
        timings[i] = (struct pt2_timing){ .launch = i };
        if (!(exec->epochs[i] & VK_SKIPPED))
            PT2_TRY(read_stamps(d, exec, i, &timings[i]));
    }
    correct_begins(exec, timings);
    return PT2_OK;
}
