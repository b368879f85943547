/* SPDX-License-Identifier: MIT
 *
 * pt2gpu: run the file that torch.export.save writes (.pt2) on any GPU, through Vulkan or OpenCL.
 *
 * A *model* is immutable and may be shared between threads: the program, its plan, the compiled kernels and the
 * weights on each device.  A *session* owns what changes: activations, the buffers that the graph mutates (KV caches,
 * counters), command queues.  Sessions of one model may run at the same time, each used by one thread at a time.
 *
 *     pt2_model *model;                                    // see README.md for the whole example
 *     pt2_model_open("net.pt2", NULL, &model);
 *     pt2_session_create(model, &session);
 *     pt2_session_set_input(session, 0, &tensor);
 *     pt2_session_run(session);
 *     pt2_session_output(session, 0, &result);
 *
 * Inputs and outputs are the leaves of the exported module's (args, kwargs) and of its result, flattened as
 * torch.utils._pytree does: depth first, None being a leaf.
 *
 * Custom operators are registered through pt2gpu_custom.h.
 *
 * Every call that can fail returns a pt2_status; pt2_error_message() then tells what went wrong, in the calling thread.
 */
#ifndef PT2GPU_H
#define PT2GPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PT2_MUST_USE __attribute__((warn_unused_result))
#define PT2_API __attribute__((visibility("default")))
#else
#define PT2_MUST_USE
#define PT2_API
#endif

#define PT2GPU_VERSION "0.1.0"

/* The version of the library that is linked, as text. */
PT2_API const char *pt2_version(void);

/* ---- status ---- */

typedef enum pt2_status_code {
    PT2_OK = 0,
    PT2_ERR_ARG,         /* a call broke this header's rules: NULL, index out of range */
    PT2_ERR_IO,          /* a file cannot be opened, read or written */
    PT2_ERR_FORMAT,      /* the archive is damaged, hostile, or of another kind */
    PT2_ERR_INPUT,       /* an input is missing, or has the wrong shape, dtype or value */
    PT2_ERR_UNSUPPORTED, /* an operator or feature that pt2gpu does not have; the message names it */
    PT2_ERR_NOMEM,       /* host or device memory is exhausted, or a limit was reached */
    PT2_ERR_NODEVICE,    /* no driver, or no device of that kind or number */
    PT2_ERR_COMPILE,     /* the driver refused a kernel */
    PT2_ERR_DEVICE,      /* another failure in a driver */
    PT2_ERR_DEVICE_LOST, /* the device was reset; the session is failed, model and process are not */
    PT2_ERR_TIMEOUT,
    PT2_ERR_INTERNAL     /* a defect in pt2gpu itself */
} pt2_status_code;

typedef pt2_status_code pt2_status;

/* "bad file", "not supported", ... Static text. */
PT2_API const char *pt2_status_name(pt2_status status);

/* What the last failing call of this thread said: one line; what a driver's compiler printed follows on lines of its
 * own. Valid until the next failure in this thread. Never NULL. */
PT2_API const char *pt2_error_message(void);

/* ---- dtypes ---- */

typedef enum pt2_dtype {
    PT2_NONE = 0, /* no tensor: a None leaf */
    PT2_BOOL,     /* one byte, 0 or 1 */
    PT2_U8,
    PT2_I8,
    PT2_U16,
    PT2_I16,
    PT2_U32,
    PT2_I32,
    PT2_U64,
    PT2_I64,
    PT2_F16,
    PT2_BF16,
    PT2_F32,
    PT2_F64,
    PT2_C32,  /* complex of two float16 */
    PT2_C64,  /* complex of two float32 */
    PT2_C128, /* complex of two float64 */
    PT2_F8E4M3FN,
    PT2_F8E5M2,
    PT2_F8E4M3FNUZ,
    PT2_F8E5M2FNUZ,
    PT2_F8E8M0FNU,
    PT2_DTYPE_COUNT
} pt2_dtype;

/* PyTorch's name without "torch.": "float32", "bfloat16", "int64", "bool". Static text. */
PT2_API const char *pt2_dtype_name(pt2_dtype dtype);
/* Bytes of one element; 0 for PT2_NONE. */
PT2_API size_t pt2_dtype_size(pt2_dtype dtype);

#define PT2_MAX_RANK 16

/* A dense, row-major tensor in host memory. The struct does not own `data`. */
typedef struct pt2_tensor {
    pt2_dtype dtype; /* PT2_NONE: a None leaf; the rest is then unused */
    int rank;        /* 0: a scalar, also for Python ints, floats and bools (int64, float64, bool) */
    int64_t shape[PT2_MAX_RANK];
    void *data; /* product(shape) elements, aligned to the element size; may be NULL when there are none */
} pt2_tensor;

/* ---- devices ---- */

typedef struct pt2_device_info {
    const char *backend; /* "vulkan", "opencl", "reference" */
    int number;          /* counts within the backend, from 0 */
    const char *name;    /* the driver's name for the device */
    const char *driver;  /* driver name and version */
    const char *kind;    /* "cpu", "integrated", "discrete", "other" */
    uint64_t memory;     /* bytes of the largest device-local heap */
} pt2_device_info;

/* Number of devices found, the reference backend included. Opens the drivers at the first call; later calls are cheap.
 * Thread-safe. The strings live as long as the process. */
PT2_API int pt2_device_count(void);
PT2_MUST_USE PT2_API pt2_status pt2_device_get_info(int index, pt2_device_info *out_info);

/* ---- models ---- */

typedef struct pt2_model pt2_model;
typedef struct pt2_session pt2_session;
typedef struct pt2_operators pt2_operators; /* custom operators: pt2gpu_custom.h */

typedef struct pt2_model_params {
    /* Comma-separated backends in order of preference: "vulkan", "opencl,reference", "vulkan:1" for the second Vulkan
     * device. NULL or "auto": the best device found. What a listed device cannot do runs on the reference backend,
     * and the plan says so. */
    const char *backend;
    const char *program; /* which program of a multi-model archive; NULL: "model", or the only one */
    int no_cache;        /* non-zero: neither read nor write the kernel cache on disk */
    const char *place;   /* debugging: "alternate" puts every second region on the next listed device */
    /* debugging: optimisations to leave out, of cse, fold, inline, siblings, fuse, unfold, tiles, pack, rows,
     * attention */
    const char *without;
    /* How long to look for faster tiles of matrix products and convolutions while opening: "off" or NULL, "quick",
     * "thorough". They are measured with the sizes of the sample inputs, kept on disk unless no_cache, and
     * used by later openings, whatever those say here. */
    const char *tune;
    const pt2_operators *operators; /* custom operators; must outlive the model. NULL: none */
    /* Non-zero: indices that data decide (token ids, positions, classes) are not checked. By default a run fails with
     * INPUT where PyTorch fails, because an index is out of range. Nothing outside of a tensor is read or written in
     * any case: an index out of range then reads some element, and writes none. */
    int trust_indices;
} pt2_model_params;

/* Opens an archive, plans it and uploads its weights. Blocks. `params` may be NULL.
 * Errors: IO, FORMAT, UNSUPPORTED (names every operator that is missing), NODEVICE, COMPILE, DEVICE, NOMEM. */
PT2_MUST_USE PT2_API pt2_status pt2_model_open(const char *path, const pt2_model_params *params, pt2_model **out_model);
/* The same from memory, which is borrowed until the model is destroyed. */
PT2_MUST_USE PT2_API pt2_status pt2_model_open_memory(const void *data, size_t size, const pt2_model_params *params,
                                         pt2_model **out_model);
/* Sessions of the model must be destroyed first. NULL-safe; sets *model to NULL. */
PT2_API void pt2_model_destroy(pt2_model **model);

/* What an output is. Training graphs (torch.export.experimental._export_forward_backward) give a loss and gradients
 * of it beside the module's own results. */
typedef enum pt2_output_role {
    PT2_ROLE_RESULT,
    PT2_ROLE_LOSS,
    PT2_ROLE_PARAMETER_GRADIENT,
    PT2_ROLE_INPUT_GRADIENT
} pt2_output_role;

/* One leaf of the inputs or outputs. A sparse tensor (COO) is two leaves: NAME.indices, int64 [sparse dimensions,
 * number of elements], and NAME.values, [number of elements, dense dimensions...]. Elements of an input may be in any
 * order, and several at one place add up; those of an output are ordered where coalesce() made them so. */
typedef struct pt2_leaf_info {
    const char
        *name; /* of an input: its argument name, "cache[0].k" for nested ones; of an output: "out_0" or its key;
               * of a gradient: "fc.weight.grad" */
    pt2_dtype dtype;  /* PT2_NONE: a None leaf */
    int rank;
    int64_t shape[PT2_MAX_RANK]; /* -1: dynamic */
    int is_scalar;               /* a Python int, float or bool: rank 0, dtype int64, float64 or bool */
    int is_constant;             /* an input that was fixed at export; setting it is optional, its value is checked */
    pt2_output_role role;        /* of an output */
    const char *gradient_of;     /* of a gradient: the parameter's name in the module ("fc.weight"), or the input's; of
                                  * all else NULL */
} pt2_leaf_info;

PT2_API int pt2_model_input_count(const pt2_model *model);
PT2_API int pt2_model_output_count(const pt2_model *model);
/* The strings live as long as the model. Errors: ARG. */
PT2_MUST_USE PT2_API pt2_status pt2_model_input_info(const pt2_model *model, int index, pt2_leaf_info *out_info);
PT2_MUST_USE PT2_API pt2_status pt2_model_output_info(const pt2_model *model, int index, pt2_leaf_info *out_info);
/* The archive's own sample input for a leaf; memory belongs to the model. Errors: INPUT when there is none. */
PT2_MUST_USE PT2_API pt2_status pt2_model_sample_input(const pt2_model *model, int index, pt2_tensor *out_tensor);
/* Text for people: what runs where and why, launches, dependencies, memory. `json` non-zero: one JSON object.
 * The caller frees the text with pt2_free. */
PT2_MUST_USE PT2_API pt2_status pt2_model_plan_text(const pt2_model *model, int json, char **out_text);
PT2_API void pt2_free(void *memory);

/* ---- sessions ---- */

PT2_MUST_USE PT2_API pt2_status pt2_session_create(pt2_model *model, pt2_session **out_session);
PT2_API void pt2_session_destroy(pt2_session **session); /* NULL-safe; waits for a running submission */

/* Binds host memory to an input; it is read by each later run and must stay valid until then. Devices whose memory is
 * the host's read it in place when it stays bound and is aligned as they want (128 bytes will do). Shape and dtype are
 * checked at once; sizes against their ranges and against each other when running. A leaf that is not set uses the
 * sample input, if there is one. Errors: ARG, INPUT. */
PT2_MUST_USE PT2_API pt2_status pt2_session_set_input(pt2_session *session, int index, const pt2_tensor *tensor);
/* Runs and waits. Errors: INPUT (missing inputs; sizes or indices out of range), NOMEM, DEVICE, DEVICE_LOST. */
PT2_MUST_USE PT2_API pt2_status pt2_session_run(pt2_session *session);
/* Starts a run and returns; inputs must not change before pt2_session_wait. Indices out of range are told by either. */
PT2_MUST_USE PT2_API pt2_status pt2_session_submit(pt2_session *session);
PT2_MUST_USE PT2_API pt2_status pt2_session_wait(pt2_session *session);
/* The result of the last run. Its memory belongs to the session, is only read (it may be the device's own), and lives
 * until the session's next run. Errors: ARG, also when the last run failed. */
PT2_MUST_USE PT2_API pt2_status pt2_session_output(pt2_session *session, int index, pt2_tensor *out_tensor);

/* Random operators (rand, dropout in training mode). Their numbers are a function of the seed, of the number of runs
 * since it was set, of the operator's place in the graph and of the element: every run draws others, and a session with
 * the same seed draws the same again, on every device. They are not PyTorch's. A new session has seed 0. */
PT2_API void pt2_session_set_seed(pt2_session *session, uint64_t seed);

/* State: buffers, parameters and inputs that the graph writes, by their name in the exported module. */
PT2_API int pt2_session_state_count(const pt2_session *session);
PT2_MUST_USE PT2_API pt2_status pt2_session_get_state(pt2_session *session, int index, const char **out_name,
                                                      pt2_tensor *out_tensor);
PT2_MUST_USE PT2_API pt2_status pt2_session_set_state(pt2_session *session, const char *name, const pt2_tensor *tensor);

#ifdef __cplusplus
}
#endif

#endif
