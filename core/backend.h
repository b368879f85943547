/* SPDX-License-Identifier: MIT
 *
 * The one contract between the core and a backend. A backend is a folder with a table of these functions and a line in
 * core/backends.c; nothing in it knows an operator.
 *
 * The front (core/device.c) checks arguments once: a backend may assume valid handles and counts above zero. Ranges of
 * buffers are checked by the backend: it alone knows how large a buffer is, and no file may reach memory outside.
 *
 * Work is ordered by points: a submission gets the point {device, value} at which it is complete; values grow by one
 * per submission. Within one submission, launches run in any order and at the same time unless a dependency orders
 * them.
 *
 * Thread-safety: all calls on one device may come from several threads; a backend locks what it must.
 * Errors: DEVICE, DEVICE_LOST, NOMEM, COMPILE, TIMEOUT, NODEVICE. After DEVICE_LOST every call on the device fails with
 * it.
 */
#ifndef PT2_BACKEND_H
#define PT2_BACKEND_H

#include "base/arena.h"
#include "base/dtype.h"

#include <stdatomic.h>

#define PT2_BACKEND_ABI 1

enum pt2_device_kind { PT2_KIND_CPU, PT2_KIND_INTEGRATED, PT2_KIND_DISCRETE, PT2_KIND_OTHER };

/* Products that a subgroup computes together: m × k halves by k × n halves, summed in float32; 0: there are none. */
struct pt2_matrices {
    int m, n, k;
};

/* Facts about a device; zero means "has not". Decisions are taken from these, never from a name. */
struct pt2_caps {
    enum pt2_device_kind kind;
    bool interprets;        /* runs stages instead of text: the reference backend */
    bool int64;             /* 64-bit integer arithmetic; without it the prelude uses two words */
    bool float64;           /* float64 arithmetic and storage */
    bool float64_math;      /* exp, sin, pow … of float64 */
    bool float16;           /* float16 arithmetic (storage always works, through bits) */
    bool storage8, storage16; /* stores of single bytes and halves; without them the prelude writes words atomically */
    bool dot_bytes;         /* the dialect's pt_dot_i8x4: products of four signed bytes in a word */
    bool fast_dot_bytes;    /* by one instruction */
    bool concurrent;        /* launches without a dependency may overlap in time */
    bool unified;           /* buffers are host memory: pt2_backend.map works without a copy */
    bool wide_vectors;      /* explicit float8/float16 vectors are the fast way */
    int subgroup_size;      /* invocations that can swap values; 0: the dialect's pt_swap is not there */
    struct pt2_matrices matrices;
    int simd_width;         /* lanes that run together, for choosing group sizes; at least 1 */
    int compute_units;
    int max_local_size;     /* invocations per group */
    int max_params;         /* int32 arguments that are cheap; more still work */
    int max_turns;          /* of all loops of an invocation, where the compiler ends them after some; 0: no bound */
    uint32_t shared_bytes;
    uint64_t max_buffer_range; /* bytes that a kernel can reach in one buffer */
    uint64_t max_fetch_range; /* likewise, in one that it fetches from, four floats at a time; 0: that is no faster */
    uint64_t memory;        /* bytes of device-local memory */
    uint32_t buffer_align;  /* offsets of bindings */
};

struct pt2_device_desc {
    int number;         /* within the backend */
    char name[128];     /* the driver's name of the device */
    char driver[128];   /* driver and version: part of the kernel cache's key */
    struct pt2_caps caps;
};

/* Opaque to the core; each backend has its own. The first member of every device is this. */
struct pt2_device {
    const struct pt2_backend *backend;
    struct pt2_device_desc desc;
    atomic_uint compiled, found; /* kernels since it was opened: compiled from text, taken from the cache on disk */
};
struct pt2_buf;  /* device memory */
struct pt2_exec; /* recorded launches */
struct pt2_program_obj; /* compiled kernel */

struct pt2_kernel; /* kernel/kernel.h: what to compile */

struct pt2_binding {
    struct pt2_buf *buf; /* borrowed */
    uint64_t offset, size; /* bytes; offset is a multiple of caps.buffer_align */
};

/* INTERNAL unless `bytes` bytes from `offset` on lie in a buffer of `size` bytes. Every read, write and binding of a
 * backend asks this first: whatever went wrong before, host memory outside of the buffer is not touched. */
PT2_MUST_USE pt2_status pt2_buf_range(uint64_t size, uint64_t offset, uint64_t bytes);

/* One launch. All pointers are borrowed for the call that gets it. */
struct pt2_launch {
    struct pt2_program_obj *program;
    const struct pt2_binding *bindings; /* as many as the kernel has buffers; size 0: an empty tensor, never accessed */
    const int32_t *params;              /* as many as the kernel has */
    uint64_t points;                    /* size of the outer space; 0: nothing to do */
    const uint32_t *deps;               /* earlier launches of the list that must be complete and visible */
    uint32_t num_deps;
    const char *label;                  /* for traces and debug tools */
    uint32_t noise;                     /* interpreting devices: 0, or the seed of random rounding */
};

/* A copy inside the device, ordered like a launch. */
struct pt2_timing {
    uint32_t launch;
    uint64_t begin_ns, end_ns; /* device clock */
};

struct pt2_backend {
    const char *name; /* "vulkan" */
    uint32_t abi;     /* PT2_BACKEND_ABI */

    /* Lists the devices, loading the driver when first called. No driver: *out_count = 0 and PT2_OK. */
    pt2_status (*enumerate)(struct pt2_device_desc *descs, int cap, int *out_count);
    pt2_status (*open)(int number, struct pt2_device **out_device);
    void (*close)(struct pt2_device *device); /* everything made from it is destroyed already */

    /* Memory that kernels read and write; contents undefined. `size` > 0. */
    pt2_status (*buf_create)(struct pt2_device *device, uint64_t size, struct pt2_buf **out_buf);
    void (*buf_destroy)(struct pt2_device *device, struct pt2_buf *buf);
    /* Blocking copies. The caller has waited for the work that uses the range. */
    pt2_status (*buf_write)(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, const void *src,
                            uint64_t size);
    pt2_status (*buf_read)(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, void *dst, uint64_t size);
    /* Optional (NULL when caps.unified is false): the host address of a buffer, valid until it is destroyed. */
    void *(*buf_map)(struct pt2_device *device, struct pt2_buf *buf);
    /* Optional: a buffer that is `data` itself, which kernels only read and the caller keeps: they see what the host
     * wrote there before a submission. NULL as out where this memory cannot be one. */
    pt2_status (*buf_wrap)(struct pt2_device *device, const void *data, uint64_t size, struct pt2_buf **out_buf);

    /* Compiles `count` kernels, in parallel where that pays, through the cache on disk if cache_dir is not NULL.
     * Kernels are borrowed for the call, except by backends that interpret: there they must outlive the programs.
     * All or nothing. Errors: COMPILE with the kernel's name and the driver's message. */
    pt2_status (*compile)(struct pt2_device *device, const struct pt2_kernel *const *kernels, int count,
                          const char *cache_dir, struct pt2_program_obj **out_programs);
    void (*program_destroy)(struct pt2_device *device, struct pt2_program_obj *program);

    /* Records launches for repeated submission. Bindings are fixed in it. */
    pt2_status (*exec_create)(struct pt2_device *device, const struct pt2_launch *launches, uint32_t count, bool timed,
                              struct pt2_exec **out_exec);
    void (*exec_destroy)(struct pt2_device *device, struct pt2_exec *exec);
    /* Starts it after all earlier submissions to this device whose point is <= `after`; returns its own point. The same
     * exec is not submitted again before it is complete. */
    pt2_status (*submit)(struct pt2_device *device, struct pt2_exec *exec, uint64_t after, uint64_t *out_point);
    /* Blocks until the point is reached, also for the host's reads. timeout_ns UINT64_MAX: for ever. */
    pt2_status (*wait)(struct pt2_device *device, uint64_t point, uint64_t timeout_ns);
    /* Times of the launches of the last complete submission of a `timed` exec; `timings` has room for all its launches.
     */
    pt2_status (*timings)(struct pt2_device *device, struct pt2_exec *exec, struct pt2_timing *timings);
};

#endif
