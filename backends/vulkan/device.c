/* SPDX-License-Identifier: MIT
 * Devices: what they can do, and opening them.
 *
 * All physical devices of all drivers are asked once; those without a compute queue or without Vulkan 1.1 are left
 * out. Everything that differs between devices is in pt2_caps and vk_features from then on: no other file asks for
 * versions or extensions. */
#include "vk.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALLEST_TEXEL = 8 }; /* bytes: four halves */

/* What modules with cooperative matrices need, beside these. */
static const VkPhysicalDeviceVulkanMemoryModelFeatures memory_model = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES
};
static const VkPhysicalDeviceShaderFloat16Int8Features halves = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES
};

/* A device that was found, not necessarily open. */
struct facts {
    VkPhysicalDevice physical;
    struct pt2_device_desc desc;
    struct vk_features has;
    VkPhysicalDeviceMemoryProperties memory_types;
    uint32_t family;
    uint32_t version;
};

static struct facts *found; /* owned; lives as long as the process */
static int num_found;
static pthread_once_t once = PTHREAD_ONCE_INIT;

struct extensions {
    VkExtensionProperties *list; /* owned */
    uint32_t count;
};

static struct extensions read_extensions(const struct vk_loader *L, VkPhysicalDevice physical)
{
    struct extensions e = { 0 };
    L->EnumerateDeviceExtensionProperties(physical, NULL, &e.count, NULL);
    e.list = calloc(e.count + 1, sizeof *e.list);
    if (!e.list || L->EnumerateDeviceExtensionProperties(physical, NULL, &e.count, e.list) < 0)
        e.count = 0;
    return e;
}

static bool has_extension(const struct extensions *e, const char *name)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (!strcmp(e->list[i].extensionName, name))
            return true;
    return false;
}

/* Puts a structure into a chain of VkPhysicalDeviceFeatures2 or Properties2. */
static void chain(void *head, void *item)
{
    VkBaseOutStructure *h = head, *i = item;
    i->pNext = h->pNext;
    h->pNext = i;
}

static void read_features(const struct vk_loader *L, struct facts *f, const struct extensions *e)
{
    bool v12 = f->version >= VK_API_VERSION_1_2;
    VkPhysicalDevice8BitStorageFeatures s8 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES };
    VkPhysicalDevice16BitStorageFeatures s16 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES };
    VkPhysicalDeviceTimelineSemaphoreFeatures time = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES
    };
    VkPhysicalDeviceFeatures2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 };
    bool time_khr = !v12 && has_extension(e, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME);
    bool s8_khr = !v12 && has_extension(e, VK_KHR_8BIT_STORAGE_EXTENSION_NAME);
    bool matrices = v12 && has_extension(e, VK_MATRIX_EXTENSION), v13 = f->version >= VK_API_VERSION_1_3;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dots = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES
    };
    struct vk_matrix_features m = vk_matrix_features(false);
    VkPhysicalDeviceVulkanMemoryModelFeatures model = memory_model;
    VkPhysicalDeviceShaderFloat16Int8Features f16 = halves;
    chain(&all, &s16);
    if (v12) {
        chain(&all, &model);
        chain(&all, &f16);
    }
    if (matrices)
        chain(&all, &m);
    if (v13)
        chain(&all, &dots);
    if (v12 || s8_khr)
        chain(&all, &s8);
    if (v12 || time_khr)
        chain(&all, &time);
    L->GetPhysicalDeviceFeatures2(f->physical, &all);
    f->desc.caps.int64 = all.features.shaderInt64;
    f->desc.caps.float64 = all.features.shaderFloat64;
    f->desc.caps.storage8 = s8.storageBuffer8BitAccess;
    f->desc.caps.storage16 = s16.storageBuffer16BitAccess;
    f->desc.caps.dot_bytes = dots.shaderIntegerDotProduct;
    f->has.timeline = time.timelineSemaphore;
    f->has.timeline_khr = time_khr && f->has.timeline;
    f->has.storage8_khr = s8_khr && f->desc.caps.storage8;
    f->has.portability_subset = has_extension(e, VK_PORTABILITY_EXTENSION);
    if (m.matrices && model.vulkanMemoryModel && f16.shaderFloat16)
        f->desc.caps.matrices = vk_find_matrices(L, f->physical);
}

static void take_float_controls(struct facts *f, const VkPhysicalDeviceFloatControlsProperties *p)
{
    struct vk_features *has = &f->has;
    bool f64 = f->desc.caps.float64;
    has->float_controls = true;
    has->keep_nan32 = p->shaderSignedZeroInfNanPreserveFloat32;
    has->keep_nan64 = f64 && p->shaderSignedZeroInfNanPreserveFloat64;
    has->rte32 = p->shaderRoundingModeRTEFloat32;
    has->rte64 = f64 && p->shaderRoundingModeRTEFloat64;
    has->denorm32 = p->shaderDenormPreserveFloat32;
    has->denorm64 = f64 && p->shaderDenormPreserveFloat64;
    /* Where the widths depend on each other, a mode is asked for all of them or none. */
    if (f64 && p->roundingModeIndependence == VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE)
        has->rte32 = has->rte64 = has->rte32 && has->rte64;
    if (f64 && p->denormBehaviorIndependence == VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE)
        has->denorm32 = has->denorm64 = has->denorm32 && has->denorm64;
    has->rounds16 = p->shaderRoundingModeRTEFloat16 && p->shaderDenormPreserveFloat16 && has->rte32 && has->denorm32 &&
                    (!f64 || (has->rte64 && has->denorm64));
}

static uint64_t limit_allocation(const VkPhysicalDeviceMaintenance3Properties *p)
{
    return p->maxMemoryAllocationSize ? p->maxMemoryAllocationSize : (uint64_t)1 << 30;
}

static void take_limits(struct facts *f, const VkPhysicalDeviceLimits *l)
{
    struct pt2_caps *caps = &f->desc.caps;
    uint32_t most = l->maxComputeWorkGroupSize[0] < l->maxComputeWorkGroupInvocations
                        ? l->maxComputeWorkGroupSize[0] : l->maxComputeWorkGroupInvocations;
    caps->max_local_size = (int)most;
    caps->max_params = (int)(l->maxPushConstantsSize / 4);
    caps->shared_bytes = l->maxComputeSharedMemorySize;
    /* Ranges are rounded up to 16 bytes when they are bound. */
    caps->max_buffer_range = l->maxStorageBufferRange & ~(uint32_t)15;
    caps->buffer_align = l->minStorageBufferOffsetAlignment > 16 ? (uint32_t)l->minStorageBufferOffsetAlignment : 16;
    caps->max_fetch_range = caps->max_buffer_range;
    if (f->has.texels) {
        caps->max_fetch_range = (uint64_t)l->maxTexelBufferElements * SMALLEST_TEXEL;
        if (l->minTexelBufferOffsetAlignment > caps->buffer_align)
            caps->buffer_align = (uint32_t)l->minTexelBufferOffsetAlignment;
    }
    f->has.max_params_bytes = l->maxPushConstantsSize;
    f->has.max_groups[0] = l->maxComputeWorkGroupCount[0];
    f->has.max_groups[1] = l->maxComputeWorkGroupCount[1];
    f->has.max_buffers = l->maxPerStageDescriptorStorageBuffers;
    if (f->has.texels && l->maxPerStageDescriptorSampledImages < f->has.max_buffers)
        f->has.max_buffers = l->maxPerStageDescriptorSampledImages;
    f->has.timestamp_ns = (double)l->timestampPeriod;
}

static enum pt2_device_kind kind_of(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return PT2_KIND_CPU;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return PT2_KIND_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return PT2_KIND_DISCRETE;
    default: return PT2_KIND_OTHER;
    }
}

struct properties {
    VkPhysicalDeviceProperties2 all;
    VkPhysicalDeviceSubgroupProperties subgroup;
    VkPhysicalDeviceMaintenance3Properties memory;
    VkPhysicalDeviceDriverProperties driver;
    VkPhysicalDeviceFloatControlsProperties floats;
    VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nv;
    VkPhysicalDeviceShaderCorePropertiesAMD amd;
    VkPhysicalDeviceSubgroupSizeControlProperties sizes;
    VkPhysicalDeviceShaderIntegerDotProductProperties dots;
};

/* Cooperative matrices belong to subgroups of one size, which is known. */
static void take_subgroups(struct facts *f, const struct properties *p)
{
    struct pt2_caps *caps = &f->desc.caps;
    uint32_t size = p->subgroup.subgroupSize;
    bool several = p->sizes.minSubgroupSize != p->sizes.maxSubgroupSize;
    bool asks = p->sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    caps->simd_width = size ? (int)size : 1;
    if (p->subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT &&
        p->subgroup.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT)
        caps->subgroup_size = caps->simd_width;
    f->has.sizes_subgroups = several && asks;
    if (!caps->subgroup_size || (several && !asks))
        caps->matrices = (struct pt2_matrices){ 0 };
}

static void take_properties(struct facts *f, const struct properties *p)
{
    const VkPhysicalDeviceProperties *base = &p->all.properties;
    struct pt2_caps *caps = &f->desc.caps;
    caps->kind = kind_of(base->deviceType);
    take_subgroups(f, p);
    if (p->driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE)
        caps->max_turns = 65535; /* LP_MAX_TGSI_LOOP_ITERATIONS: then its loops end, whatever their condition says */
    caps->fast_dot_bytes = caps->dot_bytes && p->dots.integerDotProduct4x8BitPackedSignedAccelerated;
    caps->concurrent = caps->kind != PT2_KIND_CPU;
    caps->compute_units = (int)p->nv.shaderSMCount;
    if (p->amd.shaderEngineCount)
        caps->compute_units = (int)(p->amd.shaderEngineCount * p->amd.shaderArraysPerEngineCount *
                                    p->amd.computeUnitsPerShaderArray);
    if (caps->kind == PT2_KIND_CPU)
        caps->compute_units = (int)sysconf(_SC_NPROCESSORS_ONLN);
    f->has.max_allocation = limit_allocation(&p->memory);
    memcpy(f->has.uuid, base->pipelineCacheUUID, VK_UUID_SIZE);
    take_limits(f, &base->limits);
    snprintf(f->desc.name, sizeof f->desc.name, "%.127s", base->deviceName);
    snprintf(f->desc.driver, sizeof f->desc.driver, "%.60s %.40s %x Vulkan %u.%u", p->driver.driverName,
             p->driver.driverInfo, base->driverVersion, VK_API_VERSION_MAJOR(base->apiVersion),
             VK_API_VERSION_MINOR(base->apiVersion));
}

static void read_properties(const struct vk_loader *L, struct facts *f, const struct extensions *e)
{
    bool v12 = f->version >= VK_API_VERSION_1_2;
    struct properties p = {
        .all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2 },
        .subgroup = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES },
        .memory = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES },
        .driver = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES },
        .floats = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES },
        .nv = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV },
        .amd = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD },
        .sizes = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES },
        .dots = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES },
    };
    bool floats_khr = !v12 && has_extension(e, VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME);
    chain(&p.all, &p.subgroup);
    chain(&p.all, &p.memory);
    if (v12 || has_extension(e, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME))
        chain(&p.all, &p.driver);
    if (v12 || floats_khr)
        chain(&p.all, &p.floats);
    if (has_extension(e, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME))
        chain(&p.all, &p.nv);
    if (has_extension(e, VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME))
        chain(&p.all, &p.amd);
    if (f->version >= VK_API_VERSION_1_3) {
        chain(&p.all, &p.sizes);
        chain(&p.all, &p.dots);
    }
    L->GetPhysicalDeviceProperties2(f->physical, &p.all);
    take_properties(f, &p);
    if (v12 || floats_khr)
        take_float_controls(f, &p.floats);
    f->has.float_controls_khr = floats_khr;
}

/* Drivers that run shaders on processors may read a texel as a whole, but a storage buffer word by word and lane by
 * lane. */
static bool reads_texels(const struct vk_loader *L, VkPhysicalDevice physical)
{
    VkPhysicalDeviceProperties base;
    L->GetPhysicalDeviceProperties(physical, &base);
    bool all = base.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU &&
               base.limits.maxTexelBufferElements >= base.limits.maxStorageBufferRange;
    VkFormat format;
    for (uint32_t i = 0; (format = vk_texel_formats(i)) != VK_FORMAT_MAX_ENUM; i++) {
        VkFormatProperties p = { 0 };
        if (format != VK_FORMAT_UNDEFINED)
            L->GetPhysicalDeviceFormatProperties(physical, format, &p);
        all &= format == VK_FORMAT_UNDEFINED || p.bufferFeatures & VK_FORMAT_FEATURE_UNIFORM_TEXEL_BUFFER_BIT;
    }
    return all;
}

static void read_memory(const struct vk_loader *L, struct facts *f)
{
    const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                       VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    struct pt2_caps *caps = &f->desc.caps;
    VkPhysicalDeviceMemoryProperties *m = &f->memory_types;
    L->GetPhysicalDeviceMemoryProperties(f->physical, m);
    for (uint32_t i = 0; i < m->memoryHeapCount; i++)
        if (m->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT && m->memoryHeaps[i].size > caps->memory)
            caps->memory = m->memoryHeaps[i].size;
    if (caps->kind == PT2_KIND_CPU || caps->kind == PT2_KIND_INTEGRATED)
        for (uint32_t i = 0; i < m->memoryTypeCount; i++)
            caps->unified |= (m->memoryTypes[i].propertyFlags & host) == host;
}

/* The first family that computes: on every known driver that is the general one. */
static bool find_family(const struct vk_loader *L, struct facts *f)
{
    uint32_t count = 0;
    bool ok = false;
    L->GetPhysicalDeviceQueueFamilyProperties(f->physical, &count, NULL);
    VkQueueFamilyProperties *families = calloc(count + 1, sizeof *families);
    if (families)
        L->GetPhysicalDeviceQueueFamilyProperties(f->physical, &count, families);
    for (uint32_t i = 0; families && i < count && !ok; i++) {
        ok = families[i].queueFlags & VK_QUEUE_COMPUTE_BIT;
        f->family = i;
        f->has.timestamp_bits = families[i].timestampValidBits;
    }
    free(families);
    return ok;
}

static bool examine(const struct vk_loader *L, VkPhysicalDevice physical, struct facts *f)
{
    VkPhysicalDeviceProperties base;
    L->GetPhysicalDeviceProperties(physical, &base);
    *f = (struct facts){ .physical = physical };
    f->version = base.apiVersion < L->version ? base.apiVersion : L->version;
    if (f->version < VK_API_VERSION_1_1 || !find_family(L, f))
        return false;
    struct extensions e = read_extensions(L, physical);
    read_features(L, f, &e);
    f->has.texels = reads_texels(L, physical);
    read_properties(L, f, &e);
    read_memory(L, f);
    free(e.list);
    return true;
}

static void find_once(void)
{
    const struct vk_loader *L = vk_load();
    uint32_t count = 0;
    if (!L || L->EnumeratePhysicalDevices(L->instance, &count, NULL) != VK_SUCCESS)
        return;
    VkPhysicalDevice *list = calloc(count + 1, sizeof(VkPhysicalDevice));
    found = calloc(count + 1, sizeof *found);
    if (list && found && L->EnumeratePhysicalDevices(L->instance, &count, list) >= 0)
        for (uint32_t i = 0; i < count; i++)
            if (examine(L, list[i], &found[num_found])) {
                found[num_found].desc.number = num_found;
                num_found++;
            }
    free(list);
}

pt2_status vk_enumerate(struct pt2_device_desc *descs, int cap, int *out_count)
{
    pthread_once(&once, find_once);
    for (int i = 0; i < num_found && i < cap; i++)
        descs[i] = found[i].desc;
    *out_count = num_found;
    return PT2_OK;
}

/* ---- opening ---- */

static VkResult create_device(const struct vk_loader *L, const struct facts *f, VkDevice *out_device)
{
    const float priority = 1;
    const char *names[5];
    uint32_t n = 0;
    bool matrices = f->desc.caps.matrices.k > 0;
    VkPhysicalDevice8BitStorageFeatures s8 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES,
                                               .storageBuffer8BitAccess = VK_TRUE };
    VkPhysicalDevice16BitStorageFeatures s16 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
                                                 .storageBuffer16BitAccess = VK_TRUE };
    VkPhysicalDeviceTimelineSemaphoreFeatures time = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES, .timelineSemaphore = VK_TRUE
    };
    VkPhysicalDeviceFeatures2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                      .features = { .shaderInt64 = f->desc.caps.int64,
                                                    .shaderFloat64 = f->desc.caps.float64 } };
    struct vk_matrix_features m = vk_matrix_features(true);
    VkPhysicalDeviceVulkanMemoryModelFeatures model = memory_model;
    VkPhysicalDeviceShaderFloat16Int8Features f16 = halves;
    model.vulkanMemoryModel = f16.shaderFloat16 = VK_TRUE;
    VkPhysicalDeviceSubgroupSizeControlFeatures sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES, .subgroupSizeControl = VK_TRUE
    };
    VkPhysicalDeviceShaderIntegerDotProductFeatures dots = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES,
        .shaderIntegerDotProduct = VK_TRUE
    };
    if (f->desc.caps.dot_bytes)
        chain(&all, &dots);
    if (matrices) {
        chain(&all, &m);
        chain(&all, &model);
        chain(&all, &f16);
        names[n++] = VK_MATRIX_EXTENSION;
    }
    if (f->has.sizes_subgroups)
        chain(&all, &sizes);
    if (f->desc.caps.storage8)
        chain(&all, &s8);
    if (f->desc.caps.storage16)
        chain(&all, &s16);
    if (f->has.timeline)
        chain(&all, &time);
    if (f->has.portability_subset)
        names[n++] = VK_PORTABILITY_EXTENSION;
    if (f->has.storage8_khr)
        names[n++] = VK_KHR_8BIT_STORAGE_EXTENSION_NAME;
    if (f->has.timeline_khr)
        names[n++] = VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME;
    if (f->has.float_controls_khr)
        names[n++] = VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME;
    VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                      .queueFamilyIndex = f->family, .queueCount = 1, .pQueuePriorities = &priority };
    VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &all,
                                .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue,
                                .enabledExtensionCount = n, .ppEnabledExtensionNames = names };
    return L->CreateDevice(f->physical, &info, NULL, out_device);
}

static bool load_functions(const struct vk_loader *L, struct vk_device *d)
{
    bool ok = true;
#define X(name) ok &= (d->name = (PFN_vk##name)L->GetDeviceProcAddr(d->handle, "vk" #name)) != NULL;
    VK_DEVICE_FUNCTIONS(X)
#undef X
#define X(name) d->name = (PFN_vk##name)L->GetDeviceProcAddr(d->handle, "vk" #name);
    VK_OPTIONAL_FUNCTIONS(X)
#undef X
    if (d->has.timeline_khr)
        d->WaitSemaphores = d->WaitSemaphoresKHR;
    return ok;
}

extern const struct pt2_backend pt2_vulkan;

static void fill_device(struct vk_device *d, const struct facts *f)
{
    d->base.backend = &pt2_vulkan;
    d->base.desc = f->desc;
    d->physical = f->physical;
    d->has = f->has;
    d->family = f->family;
    d->memory_types = f->memory_types;
    pthread_mutex_init(&d->queue_lock, NULL);
    pthread_mutex_init(&d->memory_lock, NULL);
    pthread_mutex_init(&d->staging_lock, NULL);
    pthread_mutex_init(&d->compiler_lock, NULL);
    d->cache_key[0] = pt2_hash(f->desc.name, strlen(f->desc.name), pt2_hash(f->desc.driver, strlen(f->desc.driver), 0));
    d->cache_key[1] = pt2_hash(f->has.uuid, sizeof f->has.uuid, d->cache_key[0]);
}

static pt2_status start(const struct vk_loader *L, struct vk_device *d, const struct facts *f)
{
    VkResult r = create_device(L, f, &d->handle);
    if (r != VK_SUCCESS)
        return vk_fail(d, r, "vkCreateDevice");
    if (!load_functions(L, d))
        return pt2_fail(PT2_ERR_DEVICE, "%s: its driver lacks functions of Vulkan 1.1", f->desc.name);
    d->GetDeviceQueue(d->handle, d->family, 0, &d->queue);
    vk_choose_memory(d);
    PT2_TRY(vk_queue_open(d));
    return vk_buf_new(d, 256, VK_PLACE_DEVICE, &d->dummy);
}

pt2_status vk_open(int number, struct pt2_device **out_device)
{
    int count = 0;
    PT2_TRY(vk_enumerate(NULL, 0, &count));
    if (number < 0 || number >= count)
        return pt2_fail(PT2_ERR_NODEVICE, "there is no Vulkan device %d (%d found)", number, count);
    struct vk_device *d = calloc(1, sizeof *d);
    if (!d)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a device");
    fill_device(d, &found[number]);
    pt2_status status = start(vk_load(), d, &found[number]);
    if (status != PT2_OK) {
        vk_close(&d->base);
        return status;
    }
    *out_device = &d->base;
    return PT2_OK;
}

void vk_close(struct pt2_device *device)
{
    struct vk_device *d = vk_dev(device);
    if (d->DeviceWaitIdle)
        d->DeviceWaitIdle(d->handle);
    if (d->handle && d->DestroyDevice) {
        vk_compiler_free(d);
        vk_staging_free(d);
        vk_buf_destroy(device, d->dummy);
        vk_queue_close(d);
        vk_memory_free(d);
        d->DestroyDevice(d->handle, NULL);
    }
    pthread_mutex_destroy(&d->queue_lock);
    pthread_mutex_destroy(&d->memory_lock);
    pthread_mutex_destroy(&d->staging_lock);
    pthread_mutex_destroy(&d->compiler_lock);
    free(d->cache_dir);
    free(d);
}

pt2_status vk_fail(struct vk_device *d, VkResult r, const char *call)
{
    const char *name = d->base.desc.name;
    switch (r) {
    case VK_ERROR_DEVICE_LOST:
        atomic_store(&d->lost, true);
        return pt2_fail(PT2_ERR_DEVICE_LOST, "%s: %s: %s", name, call, vk_result_name(r));
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
        return pt2_fail(PT2_ERR_NOMEM, "%s: %s: %s", name, call, vk_result_name(r));
    case VK_TIMEOUT:
        return pt2_fail(PT2_ERR_TIMEOUT, "%s: %s: %s", name, call, vk_result_name(r));
    default:
        return pt2_fail(PT2_ERR_DEVICE, "%s: %s: %s (%d)", name, call, vk_result_name(r), (int)r);
    }
}
