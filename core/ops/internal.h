/* SPDX-License-Identifier: MIT
 *
 * What the driver's files share: the environment that maps the program's values to tensors and scalars.
 */
#ifndef PT2_OPS_INTERNAL_H
#define PT2_OPS_INTERNAL_H

#include "ops/lower.h"

#include <setjmp.h>

struct pt2_op_type; /* ops/custom.h */

/* What a program value is while lowering: a tensor, or a scalar expression (PT2_IDX, float64 or bool). Neither: None.
 */
struct pt2_slot {
    pt2_t *tensor;
    pt2_ex scalar;
};

/* A call that a user's lowering makes: no file describes its results. */
struct pt2_applied {
    const struct pt2_op_type *types; /* declared, or NULL: inferred */
};

/* What gives a symbol its value. */
enum pt2_binder { PT2_BOUND_NOT_YET, PT2_BOUND_BY_INPUT, PT2_BOUND_BY_DATA };

/* A question about indices. */
struct pt2_pending_index {
    struct pt2_graph *graph; /* of the operator … */
    pt2_ex index, cond;      /* … and what it asked */
    pt2_t *first;            /* the first index out of range, or 0 */
    bool done;               /* the answer is read */
    struct pt2_index_check check;
};

struct pt2_lower_priv {
    jmp_buf *unwind;          /* op_fail ends here; everything allocated on the way is in arenas */
    pt2_status status;
    struct pt2_slot *slots;   /* of the program graph being lowered, by value index */
    uint32_t num_stores;
    uint8_t *bound;           /* by symbol: enum pt2_binder */
    uint32_t num_bound;
    struct pt2_lowered *out;
    bool autocast;            /* inside torch.autocast */
    int depth;                /* of nested program graphs */
    bool writes;              /* some node writes to a tensor */
    bool complete;            /* all nodes are lowered: what they write is known */
    pt2_ex turn;              /* of the innermost vmap; NULL outside */
    pt2_ex turns;             /* a number of the turns of all loops around; NULL outside */
    const struct pt2_operators *operators; /* the user's; may be NULL */
    const struct pt2_applied *applied;     /* NULL: the node is of the file */
    int applied_depth;
    PT2_VEC(struct pt2_assertion { pt2_t *holds; const char *message; }) assertions; /* of the main graph, on data */
    PT2_VEC(struct pt2_pending_index) indices;
};

/* How a row serves a target. */
enum pt2_row_use { PT2_ROW_PLAIN, PT2_ROW_INPLACE, PT2_ROW_OUT, PT2_ROW_COPY };
const struct pt2_op_row *pt2_op_resolve(const char *target, enum pt2_row_use *out_use);

/* A store that shows a tensor in another form, which can be turned back by the same function. */
struct pt2_mirror {
    pt2_t *(*show)(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype);
    pt2_t *of, *view;       /* the tensor, and the whole store */
    struct pt2_value *seen; /* the content of the tensor's store that the store was made of */
};

/* names.c */
extern const char *const pt2_op_arguments[]; /* arguments.c: "(self other) aten.eq.Tensor aten.ge.Tensor", …, NULL */
const char *pt2_op_aten_name(const char *target); /* the ATen operator that a primitive is; else the target itself */
/* The call with its arguments called as in that operator; those that have no names get them by their positions. */
const struct pt2_pnode *pt2_op_with_names(struct pt2_lower *L, const struct pt2_pnode *node);

/* symbols.c */
pt2_ex pt2_lower_symexpr(struct pt2_lower *L, const struct pt2_symexpr *e);
void pt2_lower_ranges(struct pt2_lower *L);
bool pt2_is_sized_by(const struct pt2_pvalue *v, const char *name); /* a size of the tensor depends on the symbol */

/* tensor.c */
enum pt2_binder pt2_binder_of(const struct pt2_lower *L, int symbol);
void pt2_mark_bound(struct pt2_lower *L, int symbol, enum pt2_binder by);

/* alias.c */
pt2_t *pt2_mirror(struct pt2_lower *L, pt2_t *of, pt2_dtype dtype,
                  pt2_t *(*show)(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype));
void pt2_mirror_refresh(struct pt2_lower *L, struct pt2_store *s); /* before reading: the tensor may be written */
void pt2_mirror_written(struct pt2_lower *L, struct pt2_store *s); /* after writing: the tensor is written too */

/* vmap.c */
bool pt2_vmap_begins(const struct pt2_pnode *n);
/* Lowers the level that node `begin` begins; returns the node that ends it. */
uint32_t pt2_lower_vmap(struct pt2_lower *L, const struct pt2_pgraph *pg, uint32_t begin, struct pt2_slot *slots);

/* indices.c: the host reads what this graph's kernels found, here or as outputs of the main graph. */
void pt2_indices_read(struct pt2_lower *L);
void pt2_indices_output(struct pt2_lower *L, int (*add_output)(struct pt2_lower *L, struct pt2_value *v));

/* tensor.c: a symbol that an ITEM binds for the sake of an assertion. */
int pt2_assertion_symbol(struct pt2_lower *L);

/* lower.c */
pt2_ex *pt2_meta_shape(struct pt2_lower *L, const struct pt2_tensor_meta *m); /* sizes that the file declares; arena */
pt2_t *pt2_tensor_new(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape);
/* What a complex tensor is in the graph: real, with a last dimension of 2. `shape` has room for it. */
void pt2_complex_dims(struct pt2_lower *L, pt2_dtype *dtype, int *rank, pt2_ex *shape);
struct pt2_store *pt2_store_new(struct pt2_lower *L, struct pt2_value *value);
/* Lowers the nodes of a program graph whose inputs are in `slots` (num_values entries) into L->g. */
void pt2_lower_nodes(struct pt2_lower *L, const struct pt2_pgraph *pg, struct pt2_slot *slots);
void pt2_lower_range(struct pt2_lower *L, const struct pt2_pgraph *pg, uint32_t first, uint32_t end,
                     struct pt2_slot *slots); /* nodes first … end - 1 of it */
struct pt2_slot pt2_lower_arg(struct pt2_lower *L, const struct pt2_arg *arg); /* a value or a literal number */
const struct pt2_arg *pt2_find_arg(struct pt2_lower *L, const char *name);     /* NULL when missing or None */
const struct pt2_tensor_meta *op_meta(struct pt2_lower *L, const char *name);  /* the file's, of an argument; or NULL */

#endif
