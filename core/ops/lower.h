/* SPDX-License-Identifier: MIT
 *
 * What an operator's lowering sees: its arguments by schema name, tensors that alias as PyTorch's do, and a few
 * builders that append graph nodes. One lowering is one function and one row in its family's table; it is all that is
 * known about an operator.
 *
 *     static void lower_relu(struct pt2_lower *L)
 *     {
 *         pt2_t *x = op_tensor(L, "self");
 *         pt2_ex v = op_at(L, x, op_vars(L, x->rank, x->shape));
 *         op_return(L, op_map_like(L, x, x->dtype, pt2_max(L->E, v, pt2_int(L->E, v->dtype, 0))));
 *     }
 *     const struct pt2_op_row pt2_ops_activation[] = { { "aten.relu", lower_relu }, ... { 0 } };
 *
 * Rows name an overload ("aten.max.dim") or a packet ("aten.relu", every overload without a row of its own). The driver
 * (lower.c) derives from a functional row: the in-place operator ("aten.relu_": the result is written into `self`), the
 * out= overloads (written into `out`, `out0`, `values`, …) and the _copy operators (a view that is then a tensor
 * of its own). Operators whose row must handle these itself have a row of that exact name. Primitives (prims.*) and
 * ExecuTorch's operators are ATen's under other names: names.c has their table.
 *
 * Tensors and functionalisation. A pt2_t is a *view* of a *store*: index expressions that lead from the view's
 * indices to those of the store's current value. Reading composes them, so views cost nothing; writing (op_write) makes
 * a new value of the store, which every other view of it sees at its next read. Stores of parameters, buffers and user
 * inputs that were written are written back after the run.
 *
 * The result's dtype and shape are in the file (op_out_dtype, op_out_shape): use them rather than inferring; sizes may
 * be symbolic. The driver compares the dtype and rank that op_return gets with the file's and refuses the node if they
 * differ.
 *
 * dtypes: expressions have compute types (pt2_dtype_compute: half types compute in float32 and are rounded when stored;
 * bool, integers, float32 and float64 as themselves; PT2_IDX for indices). Convert with op_to. Integers wrap at their
 * own width. Complex tensors have dtype PT2_C64 etc. here; their store's value is real with a last dimension of 2, and
 * their elements are read as pairs (op_at_c) and built from pairs (op_map_c).
 *
 * Errors: op_fail does not return (it unwinds to the driver; everything that lowering allocates is in arenas). The
 * driver adds operator, node and Python line to the message.
 */
#ifndef PT2_OPS_LOWER_H
#define PT2_OPS_LOWER_H

#include "archive/program.h"
#include "graph/graph.h"

/* A storage: what PyTorch calls one too, except that a view whose elements are computed has a store of its own. */
struct pt2_store {
    struct pt2_value *cur; /* its content now */
    uint32_t id;
    int input;             /* index of the input spec that owns it, or -1 */
    bool written;          /* since the graph began */
    struct pt2_mirror *mirror; /* of a view that is computed (another dtype, a conjugate), else NULL */
    const struct pt2_tensor_meta *meta; /* the file's, of a tensor that is the whole store as it is: how its storage
                                         * lies in PyTorch; NULL: row-major, or not known */
};

typedef struct pt2_t {
    pt2_dtype dtype;
    int rank;
    pt2_ex *shape;           /* arena; always room for PT2_MAX_RANK, unused ones are 1 */
    struct pt2_store *store;
    pt2_ex *map;             /* arena; store->cur->rank index expressions (complex: less one) over VAR 0 … rank-1;
                              * NULL: identity */
    bool whole;              /* the map is a bijection onto the store (identity, permutation, reshape) */
    const struct pt2_sparse *sparse; /* what a sparse tensor is made of (sparse.c); this is the dense one then */
    bool unsized;            /* the file says wrongly that it has no elements */
} pt2_t;

struct pt2_complex { pt2_ex re, im; };

struct pt2_lower;
struct pt2_op_row {
    const char *target;
    void (*lower)(struct pt2_lower *L);
    int64_t data;      /* for rows that share a function: an enum pt2_expr_op, a rank, a flag … L->row->data */
};

struct pt2_lower {
    struct pt2_module *m;
    struct pt2_exprs *E;
    struct pt2_graph *g;           /* the graph being built */
    const struct pt2_program *program;
    const struct pt2_pnode *node;  /* the call being lowered */
    const struct pt2_op_row *row;
    struct pt2_arena *arena;       /* of the module */
    struct pt2_lower_priv *priv;   /* lower.c */
};

/* ---- arguments, by schema name. A missing one takes the default; None counts as missing. ---- */

bool op_has(struct pt2_lower *L, const char *name);
pt2_t *op_tensor(struct pt2_lower *L, const char *name); /* fails when missing; a Python number becomes a 0-d tensor */
pt2_t *op_tensor_opt(struct pt2_lower *L, const char *name);   /* NULL when missing */
int op_tensors(struct pt2_lower *L, const char *name,
               pt2_t ***out_list); /* entries may be NULL (None); count, 0 when missing */
int64_t op_int(struct pt2_lower *L, const char *name, int64_t def);       /* must be a constant */
int op_dim(struct pt2_lower *L, const char *name, int64_t def,
           int rank); /* a dimension: negative counts from the end; checked (rank 0: as rank 1) */
pt2_ex op_size(struct pt2_lower *L, const char *name, int64_t def);       /* int or symbolic int, as PT2_IDX */
bool op_bool(struct pt2_lower *L, const char *name, bool def);
double op_float(struct pt2_lower *L, const char *name, double def);
const char *op_string(struct pt2_lower *L, const char *name, const char *def);
pt2_dtype op_dtype(struct pt2_lower *L, const char *name, pt2_dtype def);
/* Lists: the count, or -1 when missing. Room for PT2_MAX_RANK; a single number is a list of one. */
int op_ints(struct pt2_lower *L, const char *name, int64_t *out);
int op_sizes(struct pt2_lower *L, const char *name, pt2_ex *out);
int op_dims(struct pt2_lower *L, const char *name, int rank, int *out);   /* dimensions, normalised and distinct */
int op_floats(struct pt2_lower *L, const char *name, double *out);
int op_bools(struct pt2_lower *L, const char *name, bool *out);
/* A Scalar (int, float, bool, symbolic, 0-d tensor) as an expression of compute type of `dtype`. */
pt2_ex op_scalar(struct pt2_lower *L, const char *name, pt2_dtype dtype, double def);
struct pt2_complex op_scalar_c(struct pt2_lower *L, const char *name, pt2_dtype dtype, double def);
/* Category of a Scalar for promotion: PT2_BOOL, PT2_I64, PT2_F64 (any float), PT2_C128, or PT2_NONE when missing. */
pt2_dtype op_scalar_kind(struct pt2_lower *L, const char *name);

/* ---- results ---- */

pt2_dtype op_out_dtype(struct pt2_lower *L, int k);
int op_out_rank(struct pt2_lower *L, int k);
pt2_ex *op_out_shape(struct pt2_lower *L, int k);       /* rank entries, arena */
bool op_out_used(struct pt2_lower *L, int k);           /* false: an undefined (None) result */
void op_return(struct pt2_lower *L, pt2_t *t);          /* result 0 */
void op_result(struct pt2_lower *L, int k, pt2_t *t);
void op_result_scalar(struct pt2_lower *L, int k, pt2_ex e); /* an int, float or bool result */

/* ---- reading ---- */

/* VAR 0 … rank-1 with these extents (arena). */
pt2_ex *op_vars(struct pt2_lower *L, int rank, const pt2_ex *shape);
pt2_ex op_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *index); /* element, in compute type; not of complex tensors */
struct pt2_complex op_at_c(struct pt2_lower *L, pt2_t *t,
                           const pt2_ex *index); /* of any tensor; im is 0 for real ones */
/* The element of t that is broadcast to `index` of a space of `rank` dimensions (right-aligned, size 1 repeats). */
pt2_ex op_at_bcast(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *index);
struct pt2_complex op_at_bcast_c(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *index);
/* Element at `index`, or `other` where `inside` is false: index is clamped for the load. For padding. */
pt2_ex op_at_or(struct pt2_lower *L, pt2_t *t, const pt2_ex *index, pt2_ex inside, pt2_ex other);
/* Converts an expression to the compute type of `dtype`, as Tensor.to does; small floats are rounded to `dtype` and
 * small integers wrap. */
pt2_ex op_to(struct pt2_lower *L, pt2_ex e, pt2_dtype dtype);
/* An index that data decide: int32/int64 expression to PT2_IDX, negative counts from the end, clamped to size. */
pt2_ex op_index(struct pt2_lower *L, pt2_ex e, pt2_ex size);

/* ---- building: new tensors with stores of their own ---- */

pt2_t *op_map(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, pt2_ex body);
pt2_t *op_map_like(struct pt2_lower *L, pt2_t *like, pt2_dtype dtype, pt2_ex body);
pt2_t *op_map_c(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, struct pt2_complex body);
/* Reduced axes are VAR rank … rank+num_axes-1 (op_axes makes them). The body has the compute type of dtype, except
 * for ARGMAX/ARGMIN (dtype PT2_I64). */
pt2_t *op_reduce(struct pt2_lower *L, enum pt2_reduce_op op, pt2_dtype dtype, int rank, const pt2_ex *shape,
                 int num_axes, const pt2_ex *axes, pt2_ex body);
pt2_ex *op_axes(struct pt2_lower *L, int first, int num_axes, const pt2_ex *extents); /* VAR first … */
pt2_t *op_scan(struct pt2_lower *L, enum pt2_reduce_op op, pt2_dtype dtype, int rank, const pt2_ex *shape, int axis,
               bool reverse, pt2_ex body);
/* base with updates: for each point of the update space (VAR 0 … num_axes-1), base[index] = combine(base[index],
 * body). cond may be NULL. */
pt2_t *op_scatter(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *base, int num_axes, const pt2_ex *axes,
                  const pt2_ex *index, pt2_ex body, pt2_ex cond);
pt2_t *op_const(struct pt2_lower *L, pt2_dtype dtype, int rank, const int64_t *shape,
                const void *data); /* data is copied */
pt2_t *op_full(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, pt2_ex value);
pt2_t *op_of_value(struct pt2_lower *L, pt2_dtype dtype, struct pt2_value *v); /* complex dtype: v is the real value */
/* The content as a dense graph value of its own shape (complex: with the last dimension 2). A MAP unless it is one
 * already. */
struct pt2_value *op_value(struct pt2_lower *L, pt2_t *t);
pt2_t *op_clone(struct pt2_lower *L, pt2_t *t);
pt2_t *op_convert(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype); /* t itself when the dtype is the same */
/* Reads an integer at run time: binds a new symbol (or the one the file names for result k, k >= 0) and returns it. */
pt2_ex op_item(struct pt2_lower *L, pt2_ex body, int k);
/* A bool that must be true, else the run fails with this message (and node and line): on sizes as soon as they are
 * known, on data at the run's end (in sub-graphs: at once). */
void op_check(struct pt2_lower *L, pt2_ex cond, const char *message);

/* ---- indices that data decide ----
 * Reading and writing never leaves a tensor, whatever the indices are. An operator that PyTorch lets fail where one is
 * out of range says so, beside its computation: then the run fails, with a message that names it and the index. */

struct pt2_index_range { pt2_ex lo, size; };  /* lo <= index < size */
struct pt2_index_range op_from_zero(struct pt2_lower *L, pt2_ex size);
struct pt2_index_range op_from_end_too(struct pt2_lower *L, pt2_ex size); /* negative indices count from the end */
/* All elements of an integer tensor are in range. */
void op_check_indices(struct pt2_lower *L, pt2_t *ids, struct pt2_index_range range);
/* An int64 expression over VAR 0 … rank-1 is, wherever cond (NULL: everywhere) is true. */
void op_check_index(struct pt2_lower *L, int rank, const pt2_ex *shape, pt2_ex index, pt2_ex cond,
                    struct pt2_index_range range);
/* Whether an int64 expression is in range, as a bool: the condition of writes. */
pt2_ex op_inside(struct pt2_lower *L, pt2_ex index, struct pt2_index_range range);

/* ---- views ---- */

/* index: one expression per dimension of t, over VAR 0 … rank-1 of the view. */
pt2_t *op_view(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape, const pt2_ex *index);
pt2_t *op_reshape(struct pt2_lower *L, pt2_t *t, int rank,
                  const pt2_ex *shape); /* always a view; sizes must have the same product */
pt2_t *op_permute(struct pt2_lower *L, pt2_t *t, const int *dims);
pt2_t *op_expand(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape);
pt2_t *op_unsqueeze(struct pt2_lower *L, pt2_t *t, int dim);
pt2_t *op_squeeze(struct pt2_lower *L, pt2_t *t, int dim); /* the dimension must be of size 1 */
pt2_t *op_select(struct pt2_lower *L, pt2_t *t, int dim, pt2_ex index);
pt2_t *op_slice(struct pt2_lower *L, pt2_t *t, int dim, pt2_ex start, pt2_ex size, pt2_ex step);
pt2_t *op_real_view(struct pt2_lower *L, pt2_t *t);     /* complex to real with a last dimension of 2 (view_as_real) */
pt2_t *op_complex_view(struct pt2_lower *L, pt2_t *t);  /* the reverse */
/* Whether PyTorch gives the tensor itself, or a view of it, and not a copy: seen only where something is written, so
 * both are true in a graph without writes. They compare strides of the file. */
bool op_lies_as_result(struct pt2_lower *L, const char *name); /* argument `name` has the strides of result 0 */
bool op_strides_allow(struct pt2_lower *L, const char *name, int rank,
                      const pt2_ex *shape); /* a reshape is a view */
/* Writes `value` (broadcast and converted) into the elements that `t` views. */
void op_write(struct pt2_lower *L, pt2_t *t, pt2_t *value);
/* Replaces the content of t's whole store by that of `value` (same shape), for in-place operators on whole tensors:
 * op_write does this by itself when it can. */

/* ---- promotion and errors ---- */

/* torch.result_type over tensors and one Scalar category (PT2_NONE: none): dimensioned tensors beat 0-d ones of the
 * same category, which beat Python numbers. */
pt2_dtype op_promote(struct pt2_lower *L, int n, pt2_t *const *tensors, pt2_dtype scalar_kind);
/* Broadcast shape of n tensors (NULL entries are skipped); returns the rank. `out` has room for PT2_MAX_RANK. */
int op_broadcast(struct pt2_lower *L, int n, pt2_t *const *tensors, pt2_ex *out);
pt2_ex op_numel(struct pt2_lower *L, pt2_t *t);
_Noreturn void op_fail(struct pt2_lower *L, pt2_status status, const char *fmt, ...) PT2_PRINTF(3, 4);

/* ---- building blocks for composite operators (blocks live with their family) ---- */

pt2_t *op_add(struct pt2_lower *L, pt2_t *a, pt2_t *b);  /* broadcast, promoted */
pt2_t *op_sub(struct pt2_lower *L, pt2_t *a, pt2_t *b);
pt2_t *op_mul(struct pt2_lower *L, pt2_t *a, pt2_t *b);
pt2_t *op_div(struct pt2_lower *L, pt2_t *a, pt2_t *b);
pt2_t *op_unary(struct pt2_lower *L, enum pt2_expr_op op, pt2_t *a); /* float tensors */
pt2_t *op_scale(struct pt2_lower *L, pt2_t *a, double factor);
pt2_t *op_cat(struct pt2_lower *L, int n, pt2_t *const *tensors, int dim);
pt2_t *op_sum(struct pt2_lower *L, pt2_t *a, int num_dims, const int *dims, bool keepdim);  /* of a's dtype */
pt2_t *op_mean(struct pt2_lower *L, pt2_t *a, int num_dims, const int *dims, bool keepdim);
pt2_t *op_amax(struct pt2_lower *L, pt2_t *a, int num_dims, const int *dims, bool keepdim);
pt2_t *op_softmax(struct pt2_lower *L, pt2_t *a, int dim, bool log);
pt2_t *op_matmul(struct pt2_lower *L, pt2_t *a, pt2_t *b);              /* torch.matmul, batches broadcast */
pt2_t *op_linear(struct pt2_lower *L, pt2_t *x, pt2_t *weight, pt2_t *bias); /* x @ weight.T + bias; bias may be NULL */

/* ---- tables: one per file ---- */

#define X(name) extern const struct pt2_op_row pt2_ops_##name[];
#include "ops/families.h"
#undef X

/* The row for a target: the overload, else its packet. NULL when there is none. Also counts derived (in-place, out,
 * _copy) ones. */
const struct pt2_op_row *pt2_op_find(const char *target);
/* All rows, in table order, for the support table; returns how many there are. */
uint32_t pt2_op_rows(const struct pt2_op_row **out_rows, uint32_t cap);

/* Largest value of the symbol of random operators: with a call's place it still has 31 bits. */
enum { PT2_MAX_SEED = (1 << 30) - 1 };

/* Indices that must be in range, and where the host finds one that is not.
 * The host compares few of them sooner than a launch would; of more, kernels look for the first that is wrong. */
enum { PT2_FEW_INDICES = 1 << 16 };
struct pt2_index_check {
    const struct pt2_pnode *node;
    const char *where; /* "node embedding (aten.embedding.default) at net.py:7" */
    struct pt2_index_range range;
    int rank; /* of the space of the indices */
    pt2_ex *shape;
    /* One of: the index, over symbols; */
    pt2_ex index;
    /* the symbol that an ITEM binds to the first index out of range, or to 0; */
    int symbol;
    /* the same as an element of a graph output, int64, which is empty when the host compares; */
    int output, element;
    /* a graph input that the host looks at, by offset and strides, when they are few. */
    int input;
    pt2_ex offset, *strides;
};

/* Lowers a program. Errors: UNSUPPORTED (lists every operator that has no row), FORMAT, INPUT. */
struct pt2_lowered {
    struct pt2_module *module;         /* graph 0 is the main graph */
    /* Main graph input k is leaf, parameter or constant `input_spec[k]` of the program, at most one each; inputs that
     * alias one storage are one graph input, whose value is the flat storage when their views differ. */
    int num_inputs;
    struct pt2_graph_input {
        int spec;                      /* of the program; the first one that uses the storage */
        bool flat;                     /* the value is the whole storage, one dimension */
        int written_output;            /* graph output that is its new content after a run, or -1 */
        int rank;                      /* user inputs: the tensor that the caller passes, … */
        pt2_ex *shape, *strides;       /* … and, when flat, where its elements are in the storage */
        pt2_ex offset;
    } *inputs;
    int seed_symbol; /* of random operators: another number in each run; -1: there are none */
    int num_user_outputs;
    struct pt2_user_output {           /* by output leaf */
        int output;                    /* index of a graph output, or -1: */
        const struct pt2_arg *literal; /* a literal (None, int, float, bool, string) of the program, or NULL: */
        pt2_ex scalar;                 /* an int or bool known from sizes */
        pt2_dtype dtype; /* as the program declares it: complex dtypes have one more dimension in the graph */
        bool is_scalar;                /* a Python number */
    } *user_outputs;
    PT2_VEC(struct pt2_runtime_check {
        pt2_ex cond;       /* over symbols: evaluated as soon as all of them have values; or NULL: */
        int output;        /* graph output, a bool that is read after the run */
        const char *message;
    })
    checks; /* what must hold */
    PT2_VEC(struct pt2_index_check) indices;
    bool trusts_indices; /* there are none, whatever the operators are */
};
/* `operators`: the user's own, or NULL. trusts_indices: they are not checked. */
PT2_MUST_USE pt2_status pt2_lower_program(const struct pt2_program *program, const struct pt2_operators *operators,
                                          bool trusts_indices, struct pt2_module *module, struct pt2_lowered *out);

#endif
