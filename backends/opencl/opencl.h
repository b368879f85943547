/* SPDX-License-Identifier: MIT
 *
 * What the files of the OpenCL backend share. The functions of the table pt2_opencl have the contract of
 * core/backend.h.
 */
#ifndef PT2_OPENCL_OPENCL_H
#define PT2_OPENCL_OPENCL_H

#include "backend.h"
#include "loader.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    OCL_LANES = 4,      /* in-order queues */
    OCL_IN_FLIGHT = 64, /* submissions that may be incomplete at a time; one more waits for the oldest */
    OCL_ALIGN = 64,     /* offsets of bindings reach kernels in this unit */
    OCL_PAGE = 4096,    /* alignment that drivers for CPUs want for host memory that they use in place */
};

/* An in-order queue. Chains of launches run here without events, which is the cheapest way. */
struct ocl_lane {
    cl_command_queue queue; /* owned; NULL until first used */
    uint64_t last;          /* point of its newest submission */
};

/* A submission that may be incomplete. */
struct ocl_flight {
    cl_event done; /* owned; NULL: empty slot */
    uint64_t point;
    struct ocl_lane *lane; /* NULL: in one of the other queues */
};

struct ocl_device {
    struct pt2_device base; /* first */
    cl_device_id id;
    cl_context context; /* owned */
    const char *options; /* of the compiler, beside its standard; static */
    size_t max_arg_bytes;
    size_t wrap_align;  /* of host memory that kernels use without a copy, in bytes */
    bool lazy_binaries; /* asking for a program's binary compiles it once more */
    bool widens_alone;  /* a launch wider than those before of its kernel must not overlap others; see is_pocl */

    pthread_mutex_t lock; /* of what follows, and of modules' users */
    struct ocl_lane lanes[OCL_LANES];
    cl_command_queue copies;   /* owned, like the next ones; NULL until first used */
    cl_command_queue wide;     /* out of order */
    cl_command_queue timed[2]; /* with timestamps: in order, out of order */
    struct ocl_flight flights[OCL_IN_FLIGHT]; /* the one of point p is flights[p % OCL_IN_FLIGHT] */
    uint64_t last_point;
    uint64_t done_point; /* all points up to here are complete */

    atomic_bool lost;
};

struct pt2_buf {
    cl_mem mem; /* owned */
    void *host; /* its memory when the device works in place; else NULL */
    uint64_t size;
    bool wrapped; /* host is the caller's; else it is owned */
};

/* A compiled source text, shared by the kernels in it. */
struct ocl_module {
    cl_program program; /* owned */
    int users;          /* guarded by the device's lock */
};

struct pt2_program_obj {
    struct ocl_module *module; /* a share */
    char *name;                /* owned; of the kernel function */
    int num_bufs, num_params;
    int local_size, points_per_group;
    bool params_in_buffer; /* too many to be arguments */
    size_t widest;         /* global size of its largest launch so far; guarded by the device's lock */
};

/* ---- device.c ---- */

/* Fails with a message that names the call; marks the device lost when that is what the error means. `dev` may be
 * NULL. */
pt2_status ocl_fail(struct ocl_device *dev, cl_int error, const char *call);

#define OCL_TRY(dev, name, args)                                                                                      \
    do {                                                                                                              \
        cl_int try_error_ = ocl.name args;                                                                            \
        if (try_error_ != CL_SUCCESS)                                                                                 \
            return ocl_fail((dev), try_error_, #name);                                                                \
    } while (0)

/* Fails when the device was lost before. */
pt2_status ocl_alive(struct ocl_device *dev);

/* ---- memory.c ---- */
pt2_status ocl_buf_create(struct pt2_device *device, uint64_t size, struct pt2_buf **out_buf);
void ocl_buf_destroy(struct pt2_device *device, struct pt2_buf *buf);
pt2_status ocl_buf_write(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, const void *src,
                         uint64_t size);
pt2_status ocl_buf_read(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, void *dst, uint64_t size);
void *ocl_buf_map(struct pt2_device *device, struct pt2_buf *buf);
pt2_status ocl_buf_wrap(struct pt2_device *device, const void *data, uint64_t size, struct pt2_buf **out_buf);
/* Does a kernel's store show up in host memory without a copy? Tried once, when a device is opened. */
bool ocl_works_in_place(struct ocl_device *dev);

/* ---- program.c ---- */
pt2_status ocl_compile(struct pt2_device *device, const struct pt2_kernel *const *kernels, int count,
                       const char *cache_dir, struct pt2_program_obj **out_programs);
void ocl_program_destroy(struct pt2_device *device, struct pt2_program_obj *program);

/* ---- exec.c ---- */
struct ocl_launch {
    cl_kernel kernel;    /* owned; its arguments are set; NULL: nothing to do */
    cl_mem params;       /* owned; NULL when they are arguments */
    struct pt2_program_obj *program;
    size_t global, local;
    uint32_t first_dep, num_deps; /* in the exec's deps */
    bool is_last;        /* no other launch depends on it */
};

struct pt2_exec {
    uint32_t count;
    struct ocl_launch *launches; /* owned */
    uint32_t *deps;              /* owned */
    cl_event *events;            /* owned; one per launch; NULL where not kept */
    cl_event *waits;             /* owned; room for one wait list */
    bool in_order;               /* each launch needs the one before it, or the device cannot overlap them anyway */
    bool timed;
};

pt2_status ocl_exec_create(struct pt2_device *device, const struct pt2_launch *launches, uint32_t count, bool timed,
                           struct pt2_exec **out_exec);
void ocl_exec_destroy(struct pt2_device *device, struct pt2_exec *exec);
pt2_status ocl_timings(struct pt2_device *device, struct pt2_exec *exec, struct pt2_timing *timings);
/* Enqueues all launches after `num_after` events; *out_done: an event of its end, for the caller to release. The
 * queue must be in order if the exec is. */
pt2_status ocl_exec_enqueue(struct ocl_device *dev, struct pt2_exec *exec, cl_command_queue queue, bool in_order,
                            uint32_t num_after, const cl_event *after, cl_event *out_done);

/* Whether some launch is wider than any before it of its kernel; and that its launches have run. */
bool ocl_exec_widens(const struct pt2_exec *exec);
void ocl_exec_has_run(const struct pt2_exec *exec);

/* ---- queue.c ---- */
pt2_status ocl_submit(struct pt2_device *device, struct pt2_exec *exec, uint64_t after, uint64_t *out_point);
pt2_status ocl_wait(struct pt2_device *device, uint64_t point, uint64_t timeout_ns);
/* The queue for copies, made when first needed. */
pt2_status ocl_copy_queue(struct ocl_device *dev, cl_command_queue *out_queue);
void ocl_queues_free(struct ocl_device *dev);

extern const struct pt2_backend pt2_opencl;

#endif
