/* SPDX-License-Identifier: MIT
 *
 * What the files of the Vulkan backend share. The prefix of everything here is vk_.
 *
 * Thread-safety: objects are independent, but for the device's queue, its memory blocks, its staging buffer and
 * its compiler, each of which has a lock in struct vk_device. No function takes two of them, but for staging,
 * which takes the queue's inside.
 */
#ifndef PT2_VULKAN_VK_H
#define PT2_VULKAN_VK_H

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan_core.h>

#include "backend.h"
#include "functions.h"
#include "kernel/kernel.h"

#include <pthread.h>
#include <stdatomic.h>

#define VK_MEMBER(name) PFN_vk##name name;

/* ---- loader.c ---- */

struct vk_loader {
    VkInstance instance; /* VK_NULL_HANDLE: there is no driver */
    uint32_t version;    /* of the instance, at most 1.3 */
    bool validation;
    VK_GLOBAL_FUNCTIONS(VK_MEMBER)
    VK_INSTANCE_FUNCTIONS(VK_MEMBER)
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
};

/* Opens libvulkan and makes the instance at the first call; it lives as long as the process. NULL: there is none.
 * Thread-safe. */
const struct vk_loader *vk_load(void);

/* ---- debug.c: validation layers, for tests (environment PT2_VALIDATE=1) ---- */

bool vk_debug_wanted(void);
/* Extends the instance's description, but for VK_EXT_debug_utils, which it needs; returns false, having said so, when
 * the layer is not installed. */
bool vk_debug_setup(const struct vk_loader *L, VkInstanceCreateInfo *info);
void vk_debug_attach(VkInstance instance, PFN_vkGetInstanceProcAddr get);
/* Warnings and errors so far. */
int pt2_vulkan_validation_messages(void);

const char *vk_result_name(VkResult r);

/* ---- device.c ---- */

/* What the device has beyond pt2_caps. */
struct vk_features {
    bool float_controls;          /* the next six are known */
    bool keep_nan32, keep_nan64;  /* SignedZeroInfNanPreserve */
    bool rte32, rte64;            /* round to nearest even can be asked for */
    bool denorm32, denorm64;      /* subnormals can be kept */
    bool rounds16;                /* float16: both of these, beside all others */
    bool timeline;                /* timeline semaphores */
    bool timeline_khr;            /* by the extension, on Vulkan 1.1 */
    bool storage8_khr, float_controls_khr, portability_subset; /* these extensions must be enabled by name */
    bool texels;                  /* what kernels only read are views of buffers */
    bool sizes_subgroups;         /* subgroups may have several sizes, and a pipeline can ask for caps.subgroup_size */
    uint32_t max_params_bytes;    /* push constants */
    uint32_t max_groups[2];
    uint32_t max_buffers;         /* of one kernel */
    uint64_t max_allocation;
    uint32_t timestamp_bits;
    double timestamp_ns;          /* per tick */
    uint8_t uuid[VK_UUID_SIZE];   /* of the pipeline cache */
};

struct vk_block;
struct shaderc_compiler;

struct vk_device {
    struct pt2_device base;
    VkPhysicalDevice physical;
    VkDevice handle;
    uint32_t family;
    VkQueue queue;
    struct vk_features has;
    VkPhysicalDeviceMemoryProperties memory_types;
    uint32_t device_type, direct_type, staging_type; /* memory types: see memory.c */
    VK_DEVICE_FUNCTIONS(VK_MEMBER)
    VK_OPTIONAL_FUNCTIONS(VK_MEMBER)
    atomic_bool lost;

    pthread_mutex_t queue_lock; /* queue, the points, flights */
    uint64_t last_point;        /* submitted */
    uint64_t seen_point;        /* known to be complete */
    VkSemaphore timeline;       /* VK_NULL_HANDLE: fences instead */
    struct pt2_exec *flights;   /* without timeline: submitted and not known to be complete; linked by next_flight */

    pthread_mutex_t memory_lock;
    struct vk_block *blocks; /* owned */
    struct pt2_buf *dummy;   /* bound where a tensor is empty */

    pthread_mutex_t staging_lock; /* all below, up to compiler_lock */
    struct pt2_buf *staging;
    VkCommandPool staging_pool;
    VkCommandBuffer staging_cmd;
    VkFence staging_fence;

    pthread_mutex_t compiler_lock;
    struct shaderc_compiler *compiler; /* made when first needed */
    VkPipelineCache pipelines;
    char *cache_dir;         /* owned; of the last compile that had one */
    size_t pipelines_size;   /* bytes of the pipeline cache on disk */
    uint64_t cache_key[2];   /* hash of device and driver */
};

static inline struct vk_device *vk_dev(struct pt2_device *device) { return (struct vk_device *)device; }

pt2_status vk_enumerate(struct pt2_device_desc *descs, int cap, int *out_count);
pt2_status vk_open(int number, struct pt2_device **out_device);
void vk_close(struct pt2_device *device);

/* Maps a VkResult to a status, with a message that names the call; a lost device stays lost. */
pt2_status vk_fail(struct vk_device *d, VkResult r, const char *call);

/* Calls vk<name>; returns early when it fails. */
#define VK_TRY(d, name, ...)                               \
    do {                                                   \
        VkResult try_result_ = (d)->name(__VA_ARGS__);     \
        if (try_result_ != VK_SUCCESS)                     \
            return vk_fail((d), try_result_, "vk" #name);  \
    } while (0)

#define VK_LIVE(d)                                                                  \
    do {                                                                            \
        if (atomic_load(&(d)->lost))                                                \
            return pt2_fail(PT2_ERR_DEVICE_LOST, "%s was lost", (d)->base.desc.name); \
    } while (0)

/* ---- memory.c ---- */

struct pt2_buf {
    VkBuffer handle;
    uint64_t size;          /* bytes, a multiple of 16 */
    struct vk_block *block; /* borrowed from the device */
    uint64_t offset, taken; /* the range of the block */
    uint8_t *host;          /* NULL: the host cannot reach it */
    bool readable;          /* reading through `host` is as fast as memory */
};

enum vk_place { VK_PLACE_DEVICE, VK_PLACE_STAGING };

void vk_choose_memory(struct vk_device *d);
pt2_status vk_buf_new(struct vk_device *d, uint64_t size, enum vk_place place, struct pt2_buf **out_buf);
void vk_memory_free(struct vk_device *d); /* all blocks */
pt2_status vk_buf_create(struct pt2_device *device, uint64_t size, struct pt2_buf **out_buf);
void vk_buf_destroy(struct pt2_device *device, struct pt2_buf *buf); /* NULL-safe */
void *vk_buf_map(struct pt2_device *device, struct pt2_buf *buf);

/* One driver compiles a kernel anew where a buffer's size is a power of two and the one before was none, and where
 * bits 8 to 15 of the bytes of a view are all 0: buffers have room behind them for sizes that are neither.
 * (Views of parts of a buffer end where the part does.) */
enum { VK_VIEW_SLACK = 256 };

/* ---- transfer.c ---- */

pt2_status vk_buf_write(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, const void *src,
                        uint64_t size);
pt2_status vk_buf_read(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, void *dst, uint64_t size);
void vk_staging_free(struct vk_device *d);

/* ---- source.c: the text that is compiled ---- */

/* Appends the whole GLSL source of a kernel. */
void vk_source(const struct vk_device *d, const struct pt2_kernel *k, struct pt2_str *out);
/* All formats of such views: number k; VK_FORMAT_UNDEFINED in between, VK_FORMAT_MAX_ENUM at the end. */
VkFormat vk_texel_formats(uint32_t k);
/* What a buffer that is only read is a view of; VK_FORMAT_UNDEFINED: it is a storage buffer. */
VkFormat vk_texel_format(const struct vk_device *d, const struct pt2_kernel_buf *b);
/* Whether its params are push constants; else they are a buffer behind the others. */
bool vk_pushes_params(const struct vk_device *d, int num_params);

struct vk_spirv {
    uint32_t *words; /* owned (malloc) */
    size_t size;     /* bytes */
};

/* ---- exact.c ---- */

pt2_status vk_forbid_contraction(struct vk_spirv *s);

/* ---- matrices.c ---- */

/* VkPhysicalDeviceCooperativeMatrixFeaturesKHR, which older headers lack. */
struct vk_matrix_features {
    VkStructureType sType;
    void *pNext;
    VkBool32 matrices, robust;
};
#define VK_MATRIX_EXTENSION "VK_KHR_cooperative_matrix"
#define VK_PORTABILITY_EXTENSION "VK_KHR_portability_subset" /* its macro is only in headers of unfinished extensions */

struct vk_matrix_features vk_matrix_features(bool on);
/* The shape that kernels use; 0: there is none for them. The device has the extension and the feature. */
struct pt2_matrices vk_find_matrices(const struct vk_loader *L, VkPhysicalDevice physical);
/* Makes instructions of SPV_KHR_cooperative_matrix of those that shaderc wrote. */
pt2_status vk_take_matrices(struct vk_spirv *s);

/* ---- prune.c ---- */

/* Appends those parts of the prelude, math.h and special.h that a kernel's text needs. Thread-safe. */
void vk_add_library(const char *kernel, struct pt2_str *out);

/* ---- program.c ---- */

struct pt2_program_obj {
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    int num_bufs, num_params;
    VkFormat *texels;      /* owned; of each buffer: what it is read as, or VK_FORMAT_UNDEFINED */
    bool pushes;           /* params are push constants */
    uint64_t points_per_group;
};

VkDescriptorType vk_descriptor_type(const struct pt2_program_obj *p, uint32_t binding);
pt2_status vk_compile(struct pt2_device *device, const struct pt2_kernel *const *kernels, int count,
                      const char *cache_dir, struct pt2_program_obj **out_programs);
void vk_program_destroy(struct pt2_device *device, struct pt2_program_obj *program);
void vk_compiler_free(struct vk_device *d); /* saves the pipeline cache */
/* Kernels that had to be compiled from text in this process, for tests of the cache. */
int pt2_vulkan_compilations(void);

/* ---- exec.c, queue.c ---- */

struct pt2_exec {
    VkCommandPool pool;
    VkCommandBuffer cmd;
    VkDescriptorPool sets;
    VkBufferView *views;       /* owned, of buffers that are read as texels */
    uint32_t num_views;
    struct pt2_buf *params;    /* for launches whose params are not push constants; or NULL */
    VkQueryPool queries;       /* two timestamps for each launch; or none */
    uint32_t count;            /* launches */
    uint32_t *epochs;          /* owned: barriers before each launch */
    VkFence fence;             /* without timeline */
    uint64_t point;            /* of the last submission */
    struct pt2_exec *next_flight;
};

/* In `epochs`: the launch has no points; it has no epoch either. */
#define VK_SKIPPED 0x80000000u
#define VK_NEVER 0x7fffffffu

pt2_status vk_exec_create(struct pt2_device *device, const struct pt2_launch *launches, uint32_t count, bool timed,
                          struct pt2_exec **out_exec);
void vk_exec_destroy(struct pt2_device *device, struct pt2_exec *exec);
pt2_status vk_timings(struct pt2_device *device, struct pt2_exec *exec, struct pt2_timing *timings);

pt2_status vk_queue_open(struct vk_device *d);
void vk_queue_close(struct vk_device *d);
pt2_status vk_submit(struct pt2_device *device, struct pt2_exec *exec, uint64_t after, uint64_t *out_point);
pt2_status vk_wait(struct pt2_device *device, uint64_t point, uint64_t timeout_ns);
/* Takes an exec out of the list of flights. */
void vk_queue_forget(struct vk_device *d, struct pt2_exec *exec);

#endif
