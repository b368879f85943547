/* SPDX-License-Identifier: MIT
 *
 * Custom operators: what a call of torch.library.custom_op in an archive computes, told to pt2gpu from C.
 *
 * A *set* of operators is made once, filled, and passed with pt2_model_params.operators when models are opened. An
 * operator is given in one of two ways:
 *
 *  - as a *lowering*: a function that rewrites each call into calls of other operators, when the model is opened.
 *    Nothing of it is left at run time: the result fuses and runs on every device as if the model had been
 *    written so.
 *
 *        static void squared_relu(pt2_call *c, void *user)        // mylib::squared_relu(Tensor x, float scale)
 *        {
 *            const pt2_operand *r = pt2_call_apply(c, "aten::relu", "self", pt2_call_arg(c, "x"), NULL);
 *            r = pt2_call_apply(c, "aten::mul.Tensor", "self", r, "other", r, NULL);
 *            r = pt2_call_apply(c, "aten::mul.Scalar", "self", r, "other", pt2_call_arg(c, "scale"), NULL);
 *            pt2_call_return(c, 0, r);
 *        }
 *        pt2_operators_add_lowering(ops, "mylib::squared_relu", squared_relu, NULL);
 *
 *  - as a *kernel*: text for devices, in the dialect of shaders/README.md, a function in C for the reference backend,
 *    or both. Calls are launches of their own and do not fuse.
 *
 * Names are "namespace::name", for all overloads, or "namespace::name.overload", which goes first. A name that pt2gpu
 * knows by itself ("aten::gelu") may be given too: the set's meaning replaces it.
 *
 * Ownership: a set must outlive the models that were opened with it; `user` pointers, the set's users. Texts and
 * structs that are passed to the set are copied. Operands belong to the call and live until the lowering returns.
 * Threads: one thread fills a set; afterwards any number may open models with it. A lowering runs in the thread
 * that opens the model. A host function runs in the thread that runs the session; calls of all host functions in the
 * process are one at a time; it must not call pt2gpu.
 */
#ifndef PT2GPU_CUSTOM_H
#define PT2GPU_CUSTOM_H

#include "pt2gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PT2_ENDS_WITH_NULL __attribute__((sentinel))
#define PT2_FORMAT(text, first) __attribute__((format(printf, text, first)))
#else
#define PT2_ENDS_WITH_NULL
#define PT2_FORMAT(text, first)
#endif

PT2_MUST_USE PT2_API pt2_status pt2_operators_create(pt2_operators **out_operators);
PT2_API void pt2_operators_destroy(pt2_operators **operators); /* NULL-safe; sets it to NULL */

/* ---- lowerings ---- */

/* One call that is being rewritten. */
typedef struct pt2_call pt2_call;

/* A tensor, a number (perhaps one that only a run knows: a size), a text, a dtype, or a list of such. Immutable. NULL:
 * None, or the result of a call that failed.
 *
 * The first failure of a call is kept: functions on operands then do nothing and return NULL, and opening the model
 * fails with its message once the lowering has returned. So a lowering need not check anything on the way. */
typedef struct pt2_operand pt2_operand;

typedef void pt2_lowering(pt2_call *call, void *user);

/* Errors: ARG when the name is not "namespace::name", or is there already. */
PT2_MUST_USE PT2_API pt2_status pt2_operators_add_lowering(pt2_operators *operators, const char *name,
                                                           pt2_lowering *lowering, void *user);

/* The argument of that name in the operator's schema; NULL when it is None or not in the call (the exporter leaves
 * out trailing arguments that have their default). */
PT2_API const pt2_operand *pt2_call_arg(pt2_call *call, const char *name);

PT2_API const pt2_operand *pt2_call_int(pt2_call *call, int64_t value);
PT2_API const pt2_operand *pt2_call_float(pt2_call *call, double value);
PT2_API const pt2_operand *pt2_call_bool(pt2_call *call, int value);
PT2_API const pt2_operand *pt2_call_text(pt2_call *call, const char *value); /* copied */
PT2_API const pt2_operand *pt2_call_dtype(pt2_call *call, pt2_dtype value);
PT2_API const pt2_operand *pt2_call_list(pt2_call *call, int count, const pt2_operand *const *items);
PT2_API const pt2_operand *pt2_call_ints(pt2_call *call, int count, const int64_t *items); /* a list of ints */
/* Size of a tensor's dimension (negative: from the end), as a number; may be one that only a run knows. */
PT2_API const pt2_operand *pt2_call_size(pt2_call *call, const pt2_operand *tensor, int dim);

/* Questions. Of a tensor: dtype and number of dimensions; of anything else PT2_NONE and -1. */
PT2_API pt2_dtype pt2_operand_dtype(const pt2_operand *operand);
PT2_API int pt2_operand_rank(const pt2_operand *operand);
/* The value of a number that is known now (bools as ints, ints as floats too), or `otherwise`. */
PT2_API int64_t pt2_operand_int(const pt2_operand *operand, int64_t otherwise);
PT2_API double pt2_operand_float(const pt2_operand *operand, double otherwise);
PT2_API const char *pt2_operand_text(const pt2_operand *operand); /* NULL: not a text */

/* Calls an operator: of ATen or of another namespace that pt2gpu knows ("aten::add.Tensor"), of Python's arithmetic on
 * numbers ("_operator::mul", operands a and b), or of the set. Arguments follow as pairs of schema name and operand,
 * then NULL; None and missing arguments take the schema's default. In-place and out= operators are not available.
 * Returns the result, result 0 of several. */
PT2_API const pt2_operand *pt2_call_apply(pt2_call *call, const char *op, ...) PT2_ENDS_WITH_NULL;

/* The same with arrays, for operators with several results (a list of tensors counts as so many), and for those whose
 * result types pt2gpu does not work out by itself: the message of pt2_call_apply says so. types: NULL, or one for
 * each result. */
typedef struct pt2_named_operand {
    const char *name;
    const pt2_operand *value;
} pt2_named_operand;

typedef struct pt2_result_type {
    pt2_dtype dtype;
    int rank;
    const pt2_operand *const *sizes; /* rank numbers */
} pt2_result_type;

PT2_API void pt2_call_apply_many(pt2_call *call, const char *op, int num_args, const pt2_named_operand *args,
                                 int num_results, const pt2_result_type *types, const pt2_operand **out_results);

/* Result `index` of the call. Its dtype and number of dimensions must be what the archive says. */
PT2_API void pt2_call_return(pt2_call *call, int index, const pt2_operand *value);
/* Writes `value` into a tensor argument, for operators that mutate it (mutates_args). Views of the argument see it. */
PT2_API void pt2_call_write(pt2_call *call, const pt2_operand *tensor, const pt2_operand *value);
/* Says why this call cannot be rewritten. */
PT2_API void pt2_call_fail(pt2_call *call, pt2_status status, const char *format, ...) PT2_FORMAT(3, 4);

/* ---- kernels ---- */

/* One call of a host function. Tensors are dense and row-major; their memory is valid during the call. */
typedef struct pt2_host_call {
    int num_args;              /* tensor arguments in the schema's order, lists flattened; None has dtype PT2_NONE */
    const pt2_tensor *args;    /* not to be written */
    int num_results;
    const pt2_tensor *results; /* dtypes and sizes as the archive says; the function fills `data` */
    const struct pt2_host_numbers *numbers;
} pt2_host_call;

/* Number arguments by schema name ("pads[1]" for an entry of a list); `otherwise` when there is none of that name. */
PT2_API int64_t pt2_host_int(const pt2_host_call *call, const char *name, int64_t otherwise);
PT2_API double pt2_host_float(const pt2_host_call *call, const char *name, double otherwise);

/* What it returns other than PT2_OK makes the run fail with that status. */
typedef pt2_status pt2_host_function(const pt2_host_call *call, void *user);

typedef struct pt2_custom_kernel {
    /* The text that computes one *point*, or NULL. A point is an element of result 0 or, with inner_dims > 0, all
     * elements that share the leading dimensions: inner_dims = 1 makes a point of each row. Points run in any order
     * and at the same time. The text sees, for a tensor argument x, a result (out; with several: out_0, out_1 …) and
     * a number eps:
     *
     *     int point                      the point's number, row-major
     *     int count_x, size_x_0, …       elements and sizes; of results too
     *     ld_x(i)                        element i, row-major: float for all small floats, int for small integers
     *     st_out(i, v)                   stores element i of a result, rounding to its dtype
     *     arg_eps                        a number: float, int or bool; of a list: arg_pads_0, …
     *     has_x                          0 or 1, for #if: is the argument given
     *
     * Tensors of a list xs are xs_0, xs_1 …; complex ones have one more dimension, of size 2. Everything of
     * shaders/README.md may be used; where C and GLSL differ, #ifdef __OPENCL_VERSION__ tells them apart. */
    const char *text;
    int inner_dims;
    /* 0: one invocation for each point. Otherwise a group of so many invocations computes one point together:
     * LOCAL_ID() tells them apart, BARRIER() joins them. `shared` declares what they share: "SHARED(float, part, 64);"
     * or NULL. */
    int group_size;
    const char *shared;

    /* For the reference backend, and for devices that cannot run the text; or NULL. */
    pt2_host_function *host;
    void *user;
} pt2_custom_kernel;

/* Result types are those of the archive (torch.library.register_fake). Texts are not visible to kernels, and nothing
 * is written but results: give a lowering that calls the kernel under another name ("mylib::swish_kernel") where more
 * is needed. Errors: as above; ARG also when there is neither text nor function. */
PT2_MUST_USE PT2_API pt2_status pt2_operators_add_kernel(pt2_operators *operators, const char *name,
                                                         const pt2_custom_kernel *kernel);

#ifdef __cplusplus
}
#endif

#endif
