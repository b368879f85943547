/* SPDX-License-Identifier: MIT
 * Unfolding: before a contraction whose kernel reads its factors by vectors, factors that do not lie so are written to
 * memory as they are wanted, each element once: a MAP makes
 *
 *     columns: [batch..., depth, columns]      rows: [batch..., rows, depth]
 *
 * with depth and columns filled up to multiples of four. A convolution becomes a product of matrices in this way. The
 * axes of the depth become one. */
#include "kernel/contract.h"
#include "plan/attention.h"
#include "plan/plan.h"

enum {
    MIN_REUSE = 32,           /* rows or columns that an element must serve */
    MIN_WORK = 1 << 19,       /* products */
    MOST_BYTES = 128 << 20,   /* of a factor that is written out */
};

struct unfold {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    uint32_t at;              /* of the node in the graph */
    struct pt2_node *n;
    int rank;                 /* of its output */
    enum pt2_axis_role role[PT2_MAX_RANK];
    bool swapped;             /* the second factor is the one of rows */
    int64_t size[PT2_AXIS_ROLES], depth, full_depth; /* full: a multiple of four */
    pt2_ex linear;            /* VAR of the one axis of the depth */
};

static int64_t fours(int64_t n) { return (n + 3) / 4 * 4; }

/* ---- which nodes ---- */

static void note_axis(void *ctx, pt2_ex e)
{
    if (e->op == PT2_E_VAR && e->i < 64)
        *(uint64_t *)ctx |= UINT64_C(1) << e->i;
}

static uint64_t axes_in(pt2_ex e)
{
    uint64_t axes = 0;
    pt2_visit(e, note_axis, &axes);
    return axes;
}

/* As contractions are recognised in kernel/contract.c: the columns are the side of the last axis that has one. */
static void assign_roles(struct unfold *p)
{
    uint64_t first = axes_in(p->n->body->args[0]), second = axes_in(p->n->body->args[1]);
    int last = p->rank - 1;
    while (last > 0 && !((first ^ second) >> last & 1))
        last--;
    p->swapped = first >> last & 1;
    uint64_t rows = p->swapped ? second : first;
    for (int k = 0; k < p->rank; k++)
        p->role[k] = !((first ^ second) >> k & 1) ? PT2_AXIS_BATCH : rows >> k & 1 ? PT2_AXIS_ROW : PT2_AXIS_COL;
}

static bool has_sizes(struct unfold *p)
{
    for (int role = 0; role < PT2_AXIS_ROLES; role++)
        p->size[role] = 1;
    for (int k = 0; k < p->rank; k++) {
        if (!pt2_is_const(p->n->outs[0]->shape[k]))
            return false;
        p->size[p->role[k]] *= p->n->outs[0]->shape[k]->i;
    }
    p->depth = 1;
    for (int k = 0; k < p->n->num_axes; k++) {
        if (!pt2_is_const(p->n->axes[k]))
            return false;
        p->depth *= p->n->axes[k]->i;
    }
    p->full_depth = fours(p->depth);
    return true;
}

static bool is_candidate(struct unfold *p)
{
    const struct pt2_node *n = p->n;
    if (n->kind != PT2_NODE_REDUCE || n->op != PT2_RED_SUM || n->body->op != PT2_E_MUL || n->body->num_args != 2 ||
        n->body->dtype != PT2_F32 || n->num_axes < 1)
        return false;
    p->rank = n->outs[0]->rank;
    if (p->rank + n->num_axes > PT2_MAX_RANK * 2)
        return false;
    assign_roles(p);
    return has_sizes(p) && p->size[PT2_AXIS_ROW] > 1 && p->size[PT2_AXIS_COL] > 1 && p->depth > 1 &&
           (double)p->size[PT2_AXIS_ROW] * (double)p->size[PT2_AXIS_COL] * (double)p->depth *
                   (double)p->size[PT2_AXIS_BATCH] >= MIN_WORK;
}

/* ---- how a factor lies ---- */

static pt2_ex factor_of(const struct unfold *p, int side) { return p->n->body->args[side ? !p->swapped : p->swapped]; }

/* The factor with one axis for the depth. */
static pt2_ex over_one_axis(const struct unfold *p, pt2_ex factor)
{
    pt2_ex to[PT2_MAX_RANK * 2] = { 0 };
    pt2_delinearize(p->E, p->n->num_axes, p->n->axes, p->linear, to + p->rank);
    return pt2_subst_vars(p->E, factor, p->rank + p->n->num_axes, to);
}

static bool lies_well(const struct unfold *p, int side)
{
    pt2_ex e = over_one_axis(p, factor_of(p, side)), extents[PT2_MAX_RANK];
    int vars[PT2_MAX_RANK], n = 0, depth_var = p->rank;
    if (e->op != PT2_E_LOAD || p->depth != p->full_depth)
        return false;
    const struct pt2_value *v = p->g->module->values.data[e->i];
    if (v->dtype != PT2_F32 && v->dtype != PT2_F16 && v->dtype != PT2_BF16)
        return false;
    pt2_ex index = pt2_linearize(p->E, v->rank, v->shape, e->args), depth = pt2_idx(p->E, p->depth);
    for (int k = 0; k < p->rank; k++)
        if (p->role[k] == (side ? PT2_AXIS_COL : PT2_AXIS_ROW) && !pt2_is_int(p->n->outs[0]->shape[k], 1)) {
            vars[n] = k;
            extents[n++] = p->n->outs[0]->shape[k];
        }
    return pt2_neighbours(p->E, index, 1, &depth_var, &depth) || pt2_neighbours(p->E, index, n, vars, extents);
}

/* ---- writing a factor out ---- */

struct layout {
    int num_batch, batch[PT2_MAX_RANK];
    int num_side, side[PT2_MAX_RANK]; /* axes of the output */
    pt2_ex extents[PT2_MAX_RANK];     /* of the side */
};

static struct layout layout_of(const struct unfold *p, int side)
{
    struct layout l = { 0 };
    uint64_t in = axes_in(factor_of(p, side));
    for (int k = 0; k < p->rank; k++)
        if (p->role[k] == PT2_AXIS_BATCH && in >> k & 1)
            l.batch[l.num_batch++] = k;
        else if (p->role[k] == (side ? PT2_AXIS_COL : PT2_AXIS_ROW)) {
            l.extents[l.num_side] = p->n->outs[0]->shape[k];
            l.side[l.num_side++] = k;
        }
    return l;
}

/* The factor at the written value's own axes; zero beyond the end of the depth. */
static pt2_ex written_body(const struct unfold *p, const struct layout *l, int side, const pt2_ex *v)
{
    struct pt2_exprs *E = p->E;
    pt2_ex to[PT2_MAX_RANK * 2] = { 0 }, at_side[PT2_MAX_RANK];
    pt2_ex depth = v[l->num_batch + !side], place = v[l->num_batch + side];
    int64_t count = p->size[side ? PT2_AXIS_COL : PT2_AXIS_ROW];
    for (int k = 0; k < l->num_batch; k++)
        to[l->batch[k]] = v[k];
    pt2_delinearize(E, l->num_side, l->extents, pt2_min(E, place, pt2_idx(E, count - 1)), at_side);
    for (int k = 0; k < l->num_side; k++)
        to[l->side[k]] = at_side[k];
    pt2_delinearize(E, p->n->num_axes, p->n->axes, pt2_min(E, depth, pt2_idx(E, p->depth - 1)), to + p->rank);
    pt2_ex e = pt2_subst_vars(E, factor_of(p, side), p->rank + p->n->num_axes, to);
    if (p->depth == p->full_depth)
        return e;
    return pt2_select(E, pt2_lt(E, depth, pt2_idx(E, p->depth)), e, pt2_num(E, e->dtype, 0));
}

/* Appends the MAP and moves it before the node; returns the factor read from it. */
static pt2_ex write_out(struct unfold *p, int side)
{
    struct layout l = layout_of(p, side);
    pt2_ex shape[PT2_MAX_RANK], v[PT2_MAX_RANK], at[PT2_MAX_RANK], at_side[PT2_MAX_RANK];
    int rank = l.num_batch + 2;
    for (int k = 0; k < l.num_batch; k++)
        shape[k] = p->n->outs[0]->shape[l.batch[k]];
    shape[l.num_batch + !side] = pt2_idx(p->E, p->full_depth);
    shape[l.num_batch + side] = pt2_idx(p->E, side ? fours(p->size[PT2_AXIS_COL]) : p->size[PT2_AXIS_ROW]);
    pt2_vars(p->g, rank, shape, 0, v);
    struct pt2_value *out = pt2_node_map(p->g, PT2_F32, rank, shape, written_body(p, &l, side, v));
    out->def->origin = p->n->origin;
    for (uint32_t k = p->g->nodes.count - 1; k > p->at; k--)
        p->g->nodes.data[k] = p->g->nodes.data[k - 1];
    p->g->nodes.data[p->at++] = out->def;
    for (int k = 0; k < l.num_batch; k++)
        at[k] = pt2_var(p->E, l.batch[k], shape[k]);
    for (int k = 0; k < l.num_side; k++)
        at_side[k] = pt2_var(p->E, l.side[k], l.extents[k]);
    at[l.num_batch + !side] = p->linear;
    at[l.num_batch + side] = pt2_linearize(p->E, l.num_side, l.extents, at_side);
    return pt2_load(p->g, out, at);
}

static bool pays(const struct unfold *p, int side)
{
    double bytes = 4.0 * (double)p->full_depth * (double)p->size[side ? PT2_AXIS_COL : PT2_AXIS_ROW];
    return p->size[side ? PT2_AXIS_ROW : PT2_AXIS_COL] >= MIN_REUSE &&
           bytes * (double)p->size[PT2_AXIS_BATCH] <= MOST_BYTES;
}

static void unfold_node(struct unfold *p)
{
    bool well[2], all_pay = true;
    p->linear = pt2_var(p->E, p->rank, pt2_idx(p->E, p->full_depth));
    for (int side = 0; side < 2; side++) {
        well[side] = lies_well(p, side);
        all_pay &= well[side] || pays(p, side);
    }
    if ((well[0] && well[1]) || !all_pay)
        return;
    pt2_ex factors[2];
    for (int side = 0; side < 2; side++)
        factors[side] = well[side] ? over_one_axis(p, factor_of(p, side)) : write_out(p, side);
    p->n->body = pt2_mul(p->E, factors[p->swapped], factors[!p->swapped]);
    p->n->axes = PT2_NEW_N(&p->g->module->arena, pt2_ex, 1);
    p->n->axes[0] = pt2_idx(p->E, p->full_depth);
    p->n->num_axes = 1;
}

void pt2_plan_unfold(struct pt2_graph *g, const struct pt2_plan_params *params)
{
    const struct pt2_caps *caps = &params->devices[0].caps;
    int count = 0;
    if (!caps->max_fetch_range || caps->kind != PT2_KIND_CPU || caps->wide_vectors)
        return;
    const struct pt2_found *found = pt2_attention_find(g, params, &count);
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct unfold p = { .g = g, .E = &g->module->exprs, .at = k, .n = g->nodes.data[k] };
        if (is_candidate(&p) && !pt2_attention_of(found, count, p.n)) /* it is one kernel, found by its form */
            unfold_node(&p);
        k = p.at;
    }
}
