/* SPDX-License-Identifier: MIT
 * Building graphs. A node's outputs are made with it; values and nodes are numbered over the whole module. */
#include "graph/graph.h"

void pt2_module_init(struct pt2_module *m)
{
    *m = (struct pt2_module){ 0 };
    pt2_exprs_init(&m->exprs);
}

void pt2_module_free(struct pt2_module *m)
{
    pt2_exprs_free(&m->exprs);
    pt2_arena_free(&m->arena);
    *m = (struct pt2_module){ 0 };
}

struct pt2_graph *pt2_graph_new(struct pt2_module *m, const char *name)
{
    struct pt2_graph *g = PT2_NEW(&m->arena, struct pt2_graph);
    g->module = m;
    g->name = pt2_arena_strdup(&m->arena, name);
    pt2_push(&m->arena, &m->graphs, g);
    return g;
}

struct pt2_node *pt2_node_new(struct pt2_graph *g, enum pt2_kind kind, int num_outs)
{
    struct pt2_arena *arena = &g->module->arena;
    struct pt2_node *n = PT2_NEW(arena, struct pt2_node);
    n->kind = kind;
    n->id = g->module->num_nodes++;
    n->num_outs = num_outs;
    n->outs = PT2_NEW_N(arena, struct pt2_value *, num_outs);
    pt2_push(arena, &g->nodes, n);
    return n;
}

struct pt2_value *pt2_node_out(struct pt2_graph *g, struct pt2_node *n, int k, pt2_dtype dtype, int rank,
                               const pt2_ex *shape)
{
    struct pt2_module *m = g->module;
    struct pt2_value *v = PT2_NEW(&m->arena, struct pt2_value);
    v->id = m->values.count;
    v->dtype = dtype;
    v->rank = rank;
    v->shape = pt2_arena_copy(&m->arena, shape, (size_t)rank * sizeof *shape);
    v->def = n;
    v->name = "";
    pt2_push(&m->arena, &m->values, v);
    n->outs[k] = v;
    return v;
}

struct pt2_value *pt2_node_input(struct pt2_graph *g, pt2_dtype dtype, int rank, const pt2_ex *shape, const char *name)
{
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_INPUT, 1);
    n->input = (int)g->inputs.count;
    struct pt2_value *v = pt2_node_out(g, n, 0, dtype, rank, shape);
    v->name = pt2_arena_strdup(&g->module->arena, name);
    pt2_push(&g->module->arena, &g->inputs, v);
    return v;
}

struct pt2_value *pt2_node_const(struct pt2_graph *g, pt2_dtype dtype, int rank, const pt2_ex *shape, const void *data,
                                 const char *name)
{
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_CONST, 1);
    n->data = data;
    struct pt2_value *v = pt2_node_out(g, n, 0, dtype, rank, shape);
    v->name = pt2_arena_strdup(&g->module->arena, name);
    return v;
}

struct pt2_value *pt2_node_ready(struct pt2_graph *g, int number, const struct pt2_value *like)
{
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_READY, 1);
    n->input = number;
    n->origin = like->def->origin;
    struct pt2_value *v = pt2_node_out(g, n, 0, like->dtype, like->rank, like->shape);
    v->name = like->name;
    return v;
}

struct pt2_value *pt2_node_map(struct pt2_graph *g, pt2_dtype dtype, int rank, const pt2_ex *shape, pt2_ex body)
{
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_MAP, 1);
    n->body = body;
    return pt2_node_out(g, n, 0, dtype, rank, shape);
}

/* What a reduction of nothing gives; NULL for those that have no neutral element in their type. */
static pt2_ex neutral(struct pt2_exprs *E, enum pt2_reduce_op op, int dtype)
{
    switch (op) {
    case PT2_RED_SUM: case PT2_RED_ANY: return pt2_int(E, dtype, 0);
    case PT2_RED_PROD: case PT2_RED_ALL: return pt2_int(E, dtype, 1);
    case PT2_RED_MAX: return pt2_is_float_type(dtype) ? pt2_num(E, dtype, -__builtin_inf()) : NULL;
    case PT2_RED_MIN: return pt2_is_float_type(dtype) ? pt2_num(E, dtype, __builtin_inf()) : NULL;
    default: return NULL;
    }
}

struct pt2_value *pt2_node_reduce(struct pt2_graph *g, enum pt2_reduce_op op, pt2_dtype dtype, int rank,
                                  const pt2_ex *shape, int num_axes, const pt2_ex *axes, pt2_ex body)
{
    for (int k = 0; k < num_axes; k++) {
        pt2_ex none = pt2_is_int(axes[k], 0) ? neutral(&g->module->exprs, op, body->dtype) : NULL;
        if (none)
            return pt2_node_map(g, dtype, rank, shape, none);
    }
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_REDUCE, 1);
    n->op = op;
    n->num_axes = num_axes;
    n->axes = pt2_arena_copy(&g->module->arena, axes, (size_t)num_axes * sizeof *axes);
    n->body = body;
    return pt2_node_out(g, n, 0, dtype, rank, shape);
}

struct pt2_value *pt2_node_scan(struct pt2_graph *g, enum pt2_reduce_op op, pt2_dtype dtype, int rank,
                                const pt2_ex *shape, int axis, bool reverse, pt2_ex body)
{
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_SCAN, 1);
    n->op = op;
    n->axis = axis;
    n->reverse = reverse;
    n->body = body;
    return pt2_node_out(g, n, 0, dtype, rank, shape);
}

/* Nothing is stored outside of the base, whatever the file or the data say: of what is not proved to be inside, the
 * update asks. */
static pt2_ex stores_inside(struct pt2_exprs *E, const struct pt2_value *base, const pt2_ex *index, pt2_ex cond)
{
    pt2_ex zero = pt2_idx(E, 0);
    for (int k = 0; k < base->rank; k++) {
        pt2_ex inside = pt2_int(E, PT2_BOOL, 1);
        if (!pt2_prove_le(E, zero, index[k]))
            inside = pt2_le(E, zero, index[k]);
        if (!pt2_prove_lt(E, index[k], base->shape[k]))
            inside = pt2_and(E, inside, pt2_lt(E, index[k], base->shape[k]));
        if (!pt2_is_int(inside, 1))
            cond = cond ? pt2_and(E, cond, inside) : inside;
    }
    return cond;
}

struct pt2_value *pt2_node_scatter(struct pt2_graph *g, enum pt2_reduce_op op, struct pt2_value *base, int num_axes,
                                   const pt2_ex *axes, const pt2_ex *index, pt2_ex body, pt2_ex cond)
{
    struct pt2_arena *arena = &g->module->arena;
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_SCATTER, 1);
    n->op = op;
    n->base = base;
    n->num_axes = num_axes;
    n->axes = pt2_arena_copy(arena, axes, (size_t)num_axes * sizeof *axes);
    n->index = pt2_arena_copy(arena, index, (size_t)base->rank * sizeof *index);
    n->body = body;
    n->cond = stores_inside(&g->module->exprs, base, index, cond);
    return pt2_node_out(g, n, 0, base->dtype, base->rank, base->shape);
}

struct pt2_value *pt2_node_sort(struct pt2_graph *g, struct pt2_value *keys, bool descending)
{
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_SORT, 2);
    n->base = keys;
    n->reverse = descending;
    pt2_node_out(g, n, 1, PT2_I64, keys->rank, keys->shape);
    return pt2_node_out(g, n, 0, keys->dtype, keys->rank, keys->shape);
}

pt2_ex pt2_sorts_before(struct pt2_exprs *E, pt2_ex x, pt2_ex y, bool descending)
{
    pt2_ex less = descending ? pt2_lt(E, y, x) : pt2_lt(E, x, y);
    if (!pt2_is_float_type(x->dtype))
        return less;
    pt2_ex first = descending ? x : y, second = descending ? y : x;
    pt2_ex nan = pt2_and(E, pt2_un(E, PT2_E_ISNAN, first), pt2_not(E, pt2_un(E, PT2_E_ISNAN, second)));
    return pt2_or(E, less, nan);
}

void pt2_node_item(struct pt2_graph *g, pt2_ex body, int symbol)
{
    struct pt2_value *v = pt2_node_map(g, PT2_I64, 0, NULL, pt2_cast(&g->module->exprs, PT2_I64, body));
    struct pt2_node *n = pt2_node_new(g, PT2_NODE_ITEM, 0);
    n->base = v;
    n->symbol = symbol;
}

/* ---- indices ---- */

static pt2_ex clamp(struct pt2_exprs *E, pt2_ex i, pt2_ex size)
{
    if (!pt2_prove_le(E, pt2_idx(E, 0), i))
        i = pt2_max(E, i, pt2_idx(E, 0));
    return pt2_prove_lt(E, i, size) ? i : pt2_min(E, i, pt2_addi(E, size, -1));
}

pt2_ex pt2_load(struct pt2_graph *g, const struct pt2_value *v, const pt2_ex *index)
{
    struct pt2_exprs *E = &g->module->exprs;
    pt2_ex safe[PT2_MAX_RANK + 1];
    for (int k = 0; k < v->rank; k++) {
        if (pt2_is_int(v->shape[k], 0)) /* no element exists, so nothing that runs loads one */
            return pt2_int(E, (int)pt2_dtype_compute(v->dtype), 0);
        safe[k] = clamp(E, index[k], v->shape[k]);
    }
    return pt2_load_raw(E, (int)pt2_dtype_compute(v->dtype), v->id, v->rank, safe);
}

void pt2_graph_replace(struct pt2_graph *g, bool (*fn)(void *ctx, struct pt2_graph *g, struct pt2_node *n), void *ctx)
{
    struct pt2_node **nodes = g->nodes.data;
    uint32_t count = g->nodes.count;
    memset(&g->nodes, 0, sizeof g->nodes);
    for (uint32_t k = 0; k < count; k++)
        if (fn(ctx, g, nodes[k]))
            pt2_push(&g->module->arena, &g->nodes, nodes[k]);
}

void pt2_vars(struct pt2_graph *g, int rank, const pt2_ex *shape, int first_axis, pt2_ex *out_vars)
{
    for (int k = 0; k < rank; k++)
        out_vars[k] = pt2_var(&g->module->exprs, first_axis + k, shape[k]);
}

pt2_ex pt2_linearize(struct pt2_exprs *E, int rank, const pt2_ex *shape, const pt2_ex *index)
{
    pt2_ex linear = pt2_idx(E, 0), stride = pt2_idx(E, 1);
    for (int k = rank - 1; k >= 0; k--) {
        linear = pt2_add(E, linear, pt2_mul(E, index[k], stride));
        stride = pt2_mul(E, stride, shape[k]);
    }
    return linear;
}

void pt2_delinearize(struct pt2_exprs *E, int rank, const pt2_ex *shape, pt2_ex linear, pt2_ex *out_index)
{
    pt2_ex stride = pt2_idx(E, 1);
    for (int k = rank - 1; k >= 0; k--) {
        pt2_ex q = pt2_floordiv(E, linear, stride);
        out_index[k] = pt2_floormod(E, q, shape[k]);
        stride = pt2_mul(E, stride, shape[k]);
    }
}

pt2_ex pt2_numel(struct pt2_graph *g, const struct pt2_value *v)
{
    return pt2_product(&g->module->exprs, v->rank, v->shape);
}

static void index_of_whole(struct pt2_exprs *E, const struct pt2_value *v, pt2_ex *index)
{
    pt2_ex at[PT2_MAX_RANK + 1];
    for (int k = 0; k < v->within.whole->rank; k++)
        at[k] = pt2_idx(E, 0);
    for (int k = 0; k < v->rank; k++)
        if (v->within.axes[k] >= 0)
            at[v->within.axes[k]] = index[k];
    at[v->within.axis] = pt2_add(E, at[v->within.axis], v->within.start);
    memcpy(index, at, (size_t)v->within.whole->rank * sizeof *at);
}

const struct pt2_value *pt2_memory_of(const struct pt2_value *v)
{
    while (v->def->kind == PT2_NODE_SCATTER)
        v = v->def->base;
    return v;
}

struct pt2_value *pt2_whole_of(struct pt2_exprs *E, struct pt2_value *v, pt2_ex *index)
{
    for (; v->within.whole; v = v->within.whole)
        if (index)
            index_of_whole(E, v, index);
    return v;
}

/* ---- walking ---- */

void pt2_node_exprs(struct pt2_node *n, pt2_node_expr_fn *fn, void *ctx)
{
    if (n->body)
        fn(ctx, &n->body);
    if (n->cond)
        fn(ctx, &n->cond);
    if (n->trips)
        fn(ctx, &n->trips);
    if (n->kind == PT2_NODE_SCATTER)
        for (int k = 0; k < n->base->rank; k++)
            fn(ctx, &n->index[k]);
}

struct uses {
    struct pt2_module *m;
    pt2_node_use_fn *fn;
    void *ctx;
};

static void use_load(void *ctx, pt2_ex e)
{
    struct uses *u = ctx;
    if (e->op == PT2_E_LOAD)
        u->fn(u->ctx, u->m->values.data[e->i]);
}

static void use_expr(void *ctx, pt2_ex *e)
{
    if ((*e)->has & PT2_HAS_LOAD)
        pt2_visit(*e, use_load, ctx);
}

void pt2_node_uses(struct pt2_graph *g, struct pt2_node *n, pt2_node_use_fn *fn, void *ctx)
{
    struct uses u = { g->module, fn, ctx };
    pt2_node_exprs(n, use_expr, &u);
    if (n->base)
        fn(ctx, n->base);
    for (int k = 0; k < n->num_args; k++)
        fn(ctx, n->args[k]);
}

struct finder {
    const struct pt2_value *value;
    bool found;
};

static void find_value(void *ctx, struct pt2_value *v)
{
    struct finder *f = ctx;
    f->found |= v == f->value;
}

bool pt2_node_reads(struct pt2_graph *g, struct pt2_node *n, const struct pt2_value *v)
{
    struct finder f = { v, false };
    pt2_node_uses(g, n, find_value, &f);
    return f.found;
}
