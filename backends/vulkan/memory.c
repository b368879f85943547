/* SPDX-License-Identifier: MIT
 * Device memory.
 *
 * Drivers allow few allocations (4096 on many), models have thousands of weights: small buffers share blocks. A
 * block keeps its free ranges in a list ordered by offset; first fit; neighbours are joined when freed. A block
 * that is empty again is returned. Blocks that the host can reach stay mapped. A new block is as large as all of its
 * type are together, within limits: small models need little (some drivers clear what they allocate), large ones few.
 *
 * Three kinds of memory are chosen once: `direct_type` is device-local and visible to the host, when there is
 * enough of it; `device_type` is device-local; `staging_type` is visible to the host and cached if possible. */
#include "vk.h"

#include <stdlib.h>

enum { ALIGN = 256, MIN_BLOCK = 1 << 20, MAX_BLOCK = 64 << 20 };

struct range {
    uint64_t offset, size;
    struct range *next; /* owned */
};

struct vk_block {
    struct vk_block *next; /* owned */
    VkDeviceMemory memory;
    uint32_t type;
    uint64_t size;
    uint8_t *host;      /* mapped for ever, or NULL */
    struct range *free; /* owned */
};

#define NO_TYPE UINT32_MAX

/* The type with all of `must`, most of `want` and the largest heap. */
static uint32_t find_type(const struct vk_device *d, VkMemoryPropertyFlags must, VkMemoryPropertyFlags want)
{
    const VkPhysicalDeviceMemoryProperties *m = &d->memory_types;
    uint32_t best = NO_TYPE;
    uint64_t best_score = 0;
    for (uint32_t i = 0; i < m->memoryTypeCount; i++) {
        VkMemoryPropertyFlags f = m->memoryTypes[i].propertyFlags;
        uint64_t score = (m->memoryHeaps[m->memoryTypes[i].heapIndex].size >> 20) + 1;
        if ((f & must) != must || f & VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT)
            continue;
        if ((f & want) == want)
            score += (uint64_t)1 << 60;
        if (score > best_score)
            best = i, best_score = score;
    }
    return best;
}

void vk_choose_memory(struct vk_device *d)
{
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkPhysicalDeviceMemoryProperties *m = &d->memory_types;
    d->device_type = find_type(d, local, 0);
    d->staging_type = find_type(d, host, VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    d->direct_type = find_type(d, local | host, d->base.desc.caps.unified ? VK_MEMORY_PROPERTY_HOST_CACHED_BIT : 0);
    /* A small window into the device's memory (256 MiB on many discrete devices) is not worth using. */
    if (d->direct_type != NO_TYPE &&
        m->memoryHeaps[m->memoryTypes[d->direct_type].heapIndex].size < d->base.desc.caps.memory / 2)
        d->direct_type = NO_TYPE;
}

/* ---- blocks ---- */

static void free_block(struct vk_device *d, struct vk_block *b)
{
    while (b->free) {
        struct range *next = b->free->next;
        free(b->free);
        b->free = next;
    }
    if (b->memory)
        d->FreeMemory(d->handle, b->memory, NULL);
    free(b);
}

static bool is_visible(const struct vk_device *d, uint32_t type)
{
    return d->memory_types.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
}

static VkResult new_block(struct vk_device *d, uint32_t type, uint64_t size, struct vk_block **out_block)
{
    VkMemoryAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = size,
                                  .memoryTypeIndex = type };
    struct vk_block *b = calloc(1, sizeof *b);
    struct range *all = calloc(1, sizeof *all);
    VkResult r = b && all ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
    void *host = NULL;
    if (r == VK_SUCCESS)
        r = d->AllocateMemory(d->handle, &info, NULL, &b->memory);
    if (r == VK_SUCCESS && is_visible(d, type))
        r = d->MapMemory(d->handle, b->memory, 0, VK_WHOLE_SIZE, 0, &host);
    if (r != VK_SUCCESS) {
        free(all);
        if (b)
            free_block(d, b);
        return r;
    }
    *all = (struct range){ .size = size };
    b->type = type, b->size = size, b->host = host, b->free = all;
    b->next = d->blocks;
    d->blocks = *out_block = b;
    return VK_SUCCESS;
}

/* Takes `size` bytes of the block; false when no free range fits. A new block fits, since it starts at 0. */
static bool take_range(struct vk_block *b, uint64_t size, uint64_t align, uint64_t *out_offset)
{
    for (struct range **p = &b->free; *p; p = &(*p)->next) {
        struct range *r = *p;
        if (r->size < size || r->offset % align)
            continue;
        *out_offset = r->offset;
        r->offset += size;
        r->size -= size;
        if (!r->size) {
            *p = r->next;
            free(r);
        }
        return true;
    }
    return false;
}

static void join_next(struct range *r)
{
    struct range *n = r->next;
    if (!n || r->offset + r->size != n->offset)
        return;
    r->size += n->size;
    r->next = n->next;
    free(n);
}

/* Without memory for the node the range stays taken until the device is closed. */
static void give_range(struct vk_block *b, uint64_t offset, uint64_t size)
{
    struct range *before = NULL, **p = &b->free, *r = malloc(sizeof *r);
    if (!r)
        return;
    while (*p && (*p)->offset < offset)
        before = *p, p = &before->next;
    *r = (struct range){ offset, size, *p };
    *p = r;
    join_next(r);
    if (before)
        join_next(before);
}

static void drop_if_empty(struct vk_device *d, struct vk_block *b)
{
    struct vk_block **p = &d->blocks;
    if (!b->free || b->free->size != b->size)
        return;
    while (*p != b)
        p = &(*p)->next;
    *p = b->next;
    free_block(d, b);
}

static uint64_t block_bytes(const struct vk_device *d, uint32_t type, uint64_t wanted)
{
    uint64_t have = 0;
    for (const struct vk_block *b = d->blocks; b; b = b->next)
        have += b->type == type ? b->size : 0;
    uint64_t size = have < MIN_BLOCK ? MIN_BLOCK : have > MAX_BLOCK ? MAX_BLOCK : have;
    return wanted > size / 4 ? wanted : size;
}

static VkResult take_memory(struct vk_device *d, uint32_t type, uint64_t align, struct pt2_buf *buf)
{
    uint64_t block = block_bytes(d, type, buf->taken);
    VkResult r = VK_SUCCESS;
    struct vk_block *b = d->blocks;
    while (b && (b->type != type || !take_range(b, buf->taken, align, &buf->offset)))
        b = b->next;
    if (!b) {
        r = new_block(d, type, block, &b);
        if (r != VK_SUCCESS && block > buf->taken)
            r = new_block(d, type, buf->taken, &b);
        if (r != VK_SUCCESS)
            return r;
        take_range(b, buf->taken, align, &buf->offset);
    }
    buf->block = b;
    buf->host = b->host ? b->host + buf->offset : NULL;
    return r;
}

void vk_memory_free(struct vk_device *d)
{
    while (d->blocks) {
        struct vk_block *next = d->blocks->next;
        free_block(d, d->blocks);
        d->blocks = next;
    }
}

/* ---- buffers ---- */

/* Memory for the buffer, of the best type that still has some. */
static VkResult find_memory(struct vk_device *d, enum vk_place place, const VkMemoryRequirements *need,
                            struct pt2_buf *buf)
{
    const uint32_t types[] = { d->direct_type, d->device_type, d->staging_type };
    VkResult r = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    pthread_mutex_lock(&d->memory_lock);
    for (int i = place == VK_PLACE_DEVICE ? 0 : 2; i < 3 && r != VK_SUCCESS; i++)
        if (types[i] != NO_TYPE && need->memoryTypeBits >> types[i] & 1)
            r = take_memory(d, types[i], need->alignment, buf);
    pthread_mutex_unlock(&d->memory_lock);
    if (r == VK_SUCCESS)
        buf->readable = buf->host && d->memory_types.memoryTypes[buf->block->type].propertyFlags &
                                         VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    return r;
}

static VkResult fill_buf(struct vk_device *d, struct pt2_buf *buf, enum vk_place place)
{
    VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = buf->size,
                                .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                         VK_BUFFER_USAGE_TRANSFER_DST_BIT };
    if (d->has.texels) {
        info.usage |= VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT;
        info.size += VK_VIEW_SLACK;
        info.size += info.size & (info.size - 1) ? 0 : VK_VIEW_SLACK;
    }
    VkMemoryRequirements need;
    VkResult r = d->CreateBuffer(d->handle, &info, NULL, &buf->handle);
    if (r != VK_SUCCESS)
        return r;
    d->GetBufferMemoryRequirements(d->handle, buf->handle, &need);
    buf->taken = (need.size + ALIGN - 1) / ALIGN * ALIGN;
    r = find_memory(d, place, &need, buf);
    return r == VK_SUCCESS ? d->BindBufferMemory(d->handle, buf->handle, buf->block->memory, buf->offset) : r;
}

pt2_status vk_buf_new(struct vk_device *d, uint64_t size, enum vk_place place, struct pt2_buf **out_buf)
{
    VK_LIVE(d);
    if (size > d->has.max_allocation - 2 * VK_VIEW_SLACK - 2 * ALIGN)
        return pt2_fail(PT2_ERR_NOMEM, "%s: a buffer of %llu bytes; the driver allows %llu", d->base.desc.name,
                        (unsigned long long)size, (unsigned long long)d->has.max_allocation);
    struct pt2_buf *buf = calloc(1, sizeof *buf);
    if (!buf)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a buffer");
    buf->size = (size + 15) & ~(uint64_t)15;
    VkResult r = fill_buf(d, buf, place);
    if (r != VK_SUCCESS) {
        vk_buf_destroy(&d->base, buf);
        return pt2_note(vk_fail(d, r, "allocating device memory"), "buffer of %llu bytes", (unsigned long long)size);
    }
    *out_buf = buf;
    return PT2_OK;
}

pt2_status vk_buf_create(struct pt2_device *device, uint64_t size, struct pt2_buf **out_buf)
{
    return vk_buf_new(vk_dev(device), size, VK_PLACE_DEVICE, out_buf);
}

void vk_buf_destroy(struct pt2_device *device, struct pt2_buf *buf)
{
    struct vk_device *d = vk_dev(device);
    if (!buf)
        return;
    if (buf->handle)
        d->DestroyBuffer(d->handle, buf->handle, NULL);
    if (buf->block) {
        pthread_mutex_lock(&d->memory_lock);
        give_range(buf->block, buf->offset, buf->taken);
        drop_if_empty(d, buf->block);
        pthread_mutex_unlock(&d->memory_lock);
    }
    free(buf);
}

void *vk_buf_map(struct pt2_device *device, struct pt2_buf *buf)
{
    return vk_dev(device)->base.desc.caps.unified ? buf->host : NULL;
}
