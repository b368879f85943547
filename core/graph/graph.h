/* SPDX-License-Identifier: MIT
 *
 * The graph: a dozen node kinds that carry all of ATen. Functional and typed; shapes are expressions.
 *
 * A value has a dtype, a shape and one producing node. Values are dense and row-major when they are in memory; a
 * strided view is a MAP. Expressions refer to values by LOAD(id, index...), one index per dimension, so a node's inputs
 * are the LOADs in its expressions (and the values it names directly).
 *
 * In a node that produces a value of rank n, VAR 0 … n-1 are the indices of the output element; reduced, serial
 * and update axes are numbered from n up.
 *
 * Complex tensors do not reach this level: lowering stores them as a real value with a last dimension of size 2.
 */
#ifndef PT2_GRAPH_GRAPH_H
#define PT2_GRAPH_GRAPH_H

#include "expr/expr.h"

struct pt2_pnode;
struct pt2_custom;

enum pt2_kind {
    PT2_NODE_INPUT,   /* graph input number `input` */
    PT2_NODE_CONST,   /* bytes known at load */
    PT2_NODE_READY,   /* there before any run: of the load graph, input number `input` of the main graph, a weight;
                       * of the others, result number `input` of the load graph */
    PT2_NODE_MAP,     /* out[i…] = body(i…) */
    PT2_NODE_REDUCE,  /* out[i…] = ⊕ over r… of body(i…, r…) */
    PT2_NODE_SCAN,    /* out[…, k, …] = ⊕ over j <= k of body(…, j, …) */
    PT2_NODE_SCATTER, /* out = base, then for each u…: out[index(u…)] = combine(out[index(u…)], body(u…)) */
    PT2_NODE_SORT,    /* out 0: sorted keys along the last axis, out 1: their positions (int64) */
    PT2_NODE_LIBRARY, /* whole algorithms: FFT, factorisations */
    PT2_NODE_ITEM,    /* reads one integer on the host and binds a symbol to it */
    PT2_NODE_CALL,    /* one of two sub-graphs, by a bool */
    PT2_NODE_LOOP,    /* a sub-graph repeated, with carried values */
    PT2_NODE_CUSTOM,  /* a user's kernel */
};

/* ⊕ of REDUCE and SCAN, and the combiner of SCATTER (SET and the first four). */
enum pt2_reduce_op {
    PT2_RED_SUM,
    PT2_RED_PROD,
    PT2_RED_MAX,
    PT2_RED_MIN, /* NaN wins in MAX and MIN */
    PT2_RED_ANY,
    PT2_RED_ALL, /* bool */
    PT2_RED_ARGMAX,
    PT2_RED_ARGMIN, /* int64 position in the row-major space of the reduced axes; first (SCAN: last) of equals; NaN wins
                     */
    PT2_RED_LOGADDEXP, /* SCAN: log of the sum of exponentials */
    PT2_RED_SET,
};

/* True when the result is a position (int64), whatever the type of what is compared. */
static inline bool pt2_gives_position(enum pt2_reduce_op op)
{
    return op == PT2_RED_ARGMAX || op == PT2_RED_ARGMIN;
}

/* The most values that one concatenation joins: kernels bind few buffers. */
enum { PT2_MAX_PARTS = 12 };

/* Where a value is in another one's memory: from `start` on along `axis`. */
struct pt2_within {
    struct pt2_value *whole; /* NULL: it has memory of its own */
    int axis;
    pt2_ex start;
    int8_t axes[PT2_MAX_RANK]; /* of the whole, by the value's axes; -1: of size 1, none */
};

struct pt2_value {
    uint32_t id; /* dense over the module */
    pt2_dtype dtype;
    int rank;
    pt2_ex *shape;        /* arena; PT2_IDX */
    struct pt2_node *def; /* producer */
    const char *name;     /* arena; from the archive, for messages; never NULL */
    struct pt2_within within; /* the plan's */
};

enum pt2_library { PT2_LIB_FFT, PT2_LIB_CHOLESKY, PT2_LIB_QR, PT2_LIB_LU, PT2_LIB_EIGH, PT2_LIB_EIG, PT2_LIB_SVD,
                   PT2_LIB_TRIANGULAR_SOLVE, PT2_LIB_HOUSEHOLDER, PT2_LIB_LDL, PT2_LIB_LDL_SOLVE, PT2_LIB_GEQRF };

struct pt2_node {
    enum pt2_kind kind;
    uint32_t id; /* dense over the module */
    int num_outs;
    struct pt2_value **outs;
    const struct pt2_pnode *origin; /* the archive's node, for messages; may be NULL */
    bool guards; /* it only tells whether the origin's indices are in range */

    int input;              /* INPUT, READY */
    bool state;             /* INPUT: its memory belongs to the session and may be overwritten */
    bool weight;            /* INPUT: its content is the model's, no run writes it */
    const void *data;       /* CONST: borrowed from the mapped file or arena, dense row-major */

    bool joined;            /* MAP, the plan's: what it reads is within its result, so no kernel makes it */
    pt2_ex body;            /* MAP, REDUCE, SCAN, SCATTER (the update): scalar expression */
    enum pt2_reduce_op op;  /* REDUCE, SCAN, SCATTER */
    int num_axes;           /* REDUCE: reduced axes, VAR rank…; SCATTER: axes of the update space, VAR 0… */
    pt2_ex *axes;           /* their extents */
    int axis;               /* SCAN: the scanned output axis */
    bool reverse;           /* SCAN: from the end; SORT: descending */

    struct pt2_value *base; /* SCATTER; SORT: keys; ITEM: 0-d int64; CALL: 0-d bool, true: graphs[0] */
    pt2_ex *index;          /* SCATTER: one per dimension of base, over VAR 0… of the update space */
    pt2_ex cond;            /* SCATTER: bool, update only where true; NULL: always */
    bool distinct;          /* SCATTER: no two updates touch one element */

    int symbol;             /* ITEM: bound to the value; LOOP: the iteration number */
    const char *message;    /* ITEM: of an assertion, which fails when the value is outside the symbol's range; NULL */

    int num_symbols;        /* CALL, LOOP: symbols of its results' sizes, bound to the sizes that the sub-graph gives */
    int *symbols;
    int num_args;           /* LIBRARY, CUSTOM, CALL, LOOP: operands */
    struct pt2_value **args;
    enum pt2_library library;
    int64_t iparam[8];      /* LIBRARY: documented in backends/reference/library.h */
    const struct pt2_custom *custom; /* CUSTOM: graph/custom.h; arena */

    struct pt2_graph *graphs[2]; /* CALL: then, else; LOOP: body, condition (NULL: counted) */
    int num_carried; /* LOOP: args = carried…, others…; body takes both, and returns carried…; the condition
                      * returns one bool */
    pt2_ex trips;           /* LOOP without condition: number of iterations */
};

/* Nodes are in execution order. A sub-graph captures nothing but symbols: everything else is an operand. */
struct pt2_graph {
    struct pt2_module *module;
    const char *name;
    PT2_VEC(struct pt2_node *) nodes;
    PT2_VEC(struct pt2_value *) inputs;
    PT2_VEC(struct pt2_value *) outputs;
};

struct pt2_module {
    struct pt2_arena arena;
    struct pt2_exprs exprs;
    PT2_VEC(struct pt2_value *) values; /* by id */
    PT2_VEC(struct pt2_graph *) graphs; /* 0: the main graph */
    struct pt2_graph *load;             /* one of them, run once when the model is opened; NULL: none */
    uint32_t num_nodes;
};

void pt2_module_init(struct pt2_module *m);
void pt2_module_free(struct pt2_module *m);
struct pt2_graph *pt2_graph_new(struct pt2_module *m, const char *name);

/* ---- building: each appends one node and returns its (first) output ----
 * Shapes are copied; expressions must be of the module's context. */

struct pt2_value *pt2_node_input(struct pt2_graph *g, pt2_dtype dtype, int rank, const pt2_ex *shape, const char *name);
struct pt2_value *pt2_node_const(struct pt2_graph *g, pt2_dtype dtype, int rank, const pt2_ex *shape, const void *data,
                                 const char *name);
/* The body has the compute type of `dtype` (pt2_dtype_compute). */
struct pt2_value *pt2_node_map(struct pt2_graph *g, pt2_dtype dtype, int rank, const pt2_ex *shape, pt2_ex body);
struct pt2_value *pt2_node_reduce(struct pt2_graph *g, enum pt2_reduce_op op, pt2_dtype dtype, int rank,
                                  const pt2_ex *shape, int num_axes, const pt2_ex *axes, pt2_ex body);
struct pt2_value *pt2_node_scan(struct pt2_graph *g, enum pt2_reduce_op op, pt2_dtype dtype, int rank,
                                const pt2_ex *shape, int axis, bool reverse, pt2_ex body);
struct pt2_value *pt2_node_scatter(struct pt2_graph *g, enum pt2_reduce_op op, struct pt2_value *base, int num_axes,
                                   const pt2_ex *axes, const pt2_ex *index, pt2_ex body, pt2_ex cond);
/* Stable; NaN is the largest. Output 1 (positions) is node->outs[1]. */
struct pt2_value *pt2_node_sort(struct pt2_graph *g, struct pt2_value *keys, bool descending);
/* "x comes before y" in the order of SORT: NaN is the largest. */
pt2_ex pt2_sorts_before(struct pt2_exprs *E, pt2_ex x, pt2_ex y, bool descending);
struct pt2_value *pt2_node_ready(struct pt2_graph *g, int number, const struct pt2_value *like);
void pt2_node_item(struct pt2_graph *g, pt2_ex body, int symbol);
/* A bare node of any kind with `num_outs` outputs to be filled in by pt2_node_out. */
struct pt2_node *pt2_node_new(struct pt2_graph *g, enum pt2_kind kind, int num_outs);
struct pt2_value *pt2_node_out(struct pt2_graph *g, struct pt2_node *n, int k, pt2_dtype dtype, int rank,
                               const pt2_ex *shape);

/* Lists the nodes anew: for each, what `fn` appends, and then the node, where `fn` returns true. */
void pt2_graph_replace(struct pt2_graph *g, bool (*fn)(void *ctx, struct pt2_graph *g, struct pt2_node *n), void *ctx);

/* Element of v. Every index that is not proved to lie in [0, size) is clamped, so that no kernel reads outside a buffer
 * whatever the data are; indices that data decide should be wrapped in CHECK first, which counts negative ones from the
 * end. */
pt2_ex pt2_load(struct pt2_graph *g, const struct pt2_value *v, const pt2_ex *index);
/* VAR k with the extent shape[k], for k < rank. */
void pt2_vars(struct pt2_graph *g, int rank, const pt2_ex *shape, int first_axis, pt2_ex *out_vars);
/* Row-major linear index, and back. */
pt2_ex pt2_linearize(struct pt2_exprs *E, int rank, const pt2_ex *shape, const pt2_ex *index);
void pt2_delinearize(struct pt2_exprs *E, int rank, const pt2_ex *shape, pt2_ex linear, pt2_ex *out_index);
pt2_ex pt2_numel(struct pt2_graph *g, const struct pt2_value *v);

/* The value in whose memory v is, itself unless it is within another; `index` (of an element, NULL: none) becomes
 * that one's. */
struct pt2_value *pt2_whole_of(struct pt2_exprs *E, struct pt2_value *v, pt2_ex *index);

/* The value whose memory an in-place SCATTER's result is; the value itself otherwise. */
const struct pt2_value *pt2_memory_of(const struct pt2_value *v);

/* ---- the load graph ---- */

/* The load graph's value of a weight, constant or READY node of another graph; makes the load graph when there is none.
 * NULL: what v is depends on the run. */
struct pt2_value *pt2_load_operand(struct pt2_module *m, const struct pt2_value *v);
/* Makes v a result of the load graph: the READY node of g that stands for it. */
struct pt2_value *pt2_load_result(struct pt2_graph *g, struct pt2_value *v);

/* ---- walking ---- */

/* Calls `fn` for each expression of a node, passing a pointer through which it can be replaced. */
typedef void pt2_node_expr_fn(void *ctx, pt2_ex *e);
void pt2_node_exprs(struct pt2_node *n, pt2_node_expr_fn *fn, void *ctx);
/* Calls `fn` for each value a node reads (each distinct one once per expression). */
typedef void pt2_node_use_fn(void *ctx, struct pt2_value *v);
void pt2_node_uses(struct pt2_graph *g, struct pt2_node *n, pt2_node_use_fn *fn, void *ctx);
bool pt2_node_reads(struct pt2_graph *g, struct pt2_node *n, const struct pt2_value *v);

/* ---- verifier and text ---- */

/* Checks all of the above. Errors: INTERNAL, naming node and rule. */
PT2_MUST_USE pt2_status pt2_graph_verify(struct pt2_graph *g);
const char *pt2_kind_name(enum pt2_kind kind);             /* "map" */
const char *pt2_reduce_name(enum pt2_reduce_op op);        /* "sum" */
const char *pt2_node_label(const struct pt2_node *n); /* packet of the operator it came from ("relu"), else its kind */
/* The text form parses back; see docs/graph-text.md. Sub-graphs are printed after the graph that uses them. */
void pt2_graph_print(struct pt2_graph *g, struct pt2_str *out);
PT2_MUST_USE pt2_status pt2_graph_parse(struct pt2_module *m, const char *text, struct pt2_graph **out_graph);

#endif
