/* SPDX-License-Identifier: MIT
 * Decompositions merge leading dimensions, [batch, length, n] to [batch * length, n], around products of matrices.
 * Where a value's first axis is only read as i // n and i % n, it becomes two axes again: what is computed around the
 * product then has the same axes as the product, and shares kernels with it. Readers of the value use two indices.
 *
 * A value whose reader stays merged would be read by quotient and remainder, and share no kernel with it. So all that
 * can be parted is parted; where a reader does not follow, everything is put back, and parted again but that value. */
#include "pass/pass.h"

struct merged {
    struct pt2_graph *g;
    pt2_ex *by;         /* by value id: the extents of the second axes that axis 0 was parted into, … */
    uint8_t *parted;    /* … and how many times */
    pt2_ex **shape;     /* before */
    bool *pinned;       /* by value id: read as a whole, or by somebody who stays merged */
    PT2_VEC(pt2_ex) before; /* all expressions as they were, … */
    uint32_t next;
    bool again;         /* some value was parted that may not be */
    struct pt2_arena arena;
};

enum { MOST = 3,        /* times that one value is parted */
       MOST_ROUNDS = 32 };

/* ---- how it was ---- */

static void keep_expr(void *ctx, pt2_ex *e)
{
    struct merged *m = ctx;
    pt2_push(&m->arena, &m->before, *e);
}

static void restore_expr(void *ctx, pt2_ex *e)
{
    struct merged *m = ctx;
    *e = m->before.data[m->next++];
}

static void restore(struct merged *m)
{
    m->next = 0;
    for (uint32_t k = 0; k < m->g->nodes.count; k++) {
        struct pt2_node *n = m->g->nodes.data[k];
        struct pt2_value *v = n->num_outs ? n->outs[0] : NULL;
        pt2_node_exprs(n, restore_expr, m);
        if (v && m->parted[v->id]) {
            v->shape = m->shape[v->id];
            v->rank -= m->parted[v->id];
            m->parted[v->id] = 0;
        }
    }
}

/* ---- readers ---- */

static pt2_ex read_parted(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct merged *m = ctx;
    pt2_ex at[PT2_MAX_RANK];
    int n = e->num_args;
    if (e->op != PT2_E_LOAD || !m->parted[e->i])
        return e;
    memcpy(at, e->args, sizeof *at * (size_t)n);
    for (int k = 0; k < m->parted[e->i]; k++) {
        pt2_ex by = m->by[e->i * MOST + k];
        memmove(at + 2, at + 1, sizeof *at * (size_t)(n++ - 1));
        at[1] = pt2_floormod(E, at[0], by);
        at[0] = pt2_floordiv(E, at[0], by);
    }
    return pt2_load_raw(E, e->dtype, e->i, n, at);
}

static void read_parted_expr(void *ctx, pt2_ex *e)
{
    struct merged *m = ctx;
    if ((*e)->has & PT2_HAS_LOAD)
        *e = pt2_rewrite(&m->g->module->exprs, *e, read_parted, m);
}

/* A quotient or remainder that is left in an index of a value that was parted by it. */
static void note_merged(void *ctx, pt2_ex e)
{
    struct merged *m = ctx;
    if (e->op != PT2_E_LOAD || !m->parted[e->i])
        return;
    for (int k = 0; k <= m->parted[e->i]; k++)
        for (int j = 0; j < m->parted[e->i]; j++)
            if ((e->args[k]->op == PT2_E_FLOORDIV || e->args[k]->op == PT2_E_FLOORMOD) &&
                e->args[k]->args[1] == m->by[e->i * MOST + j])
                m->again = m->pinned[e->i] = true;
}

static void note_merged_expr(void *ctx, pt2_ex *e)
{
    if ((*e)->has & PT2_HAS_LOAD)
        pt2_visit(*e, note_merged, ctx);
}

static void find_pinned(struct merged *m)
{
    for (uint32_t k = 0; k < m->g->nodes.count; k++) {
        const struct pt2_node *n = m->g->nodes.data[k];
        if (n->base)
            m->pinned[n->base->id] = true;
        for (int j = 0; j < n->num_args; j++)
            m->pinned[n->args[j]->id] = true;
    }
    for (uint32_t k = 0; k < m->g->outputs.count; k++)
        m->pinned[m->g->outputs.data[k]->id] = true;
}

/* ---- what parts axis 0 ---- */

struct use {
    pt2_ex by;  /* the smallest divisor */
    bool other; /* the axis is read in another way */
};

static bool is_first_axis(pt2_ex e)
{
    return e->op == PT2_E_VAR && e->i == 0;
}

static void note_use(void *ctx, pt2_ex e)
{
    struct use *u = ctx;
    bool divides = (e->op == PT2_E_FLOORDIV || e->op == PT2_E_FLOORMOD) && e->num_args == 2;
    for (int k = 0; e->op != PT2_E_VAR && k < e->num_args; k++) {
        if (!is_first_axis(e->args[k]))
            continue;
        if (!divides || k > 0 || e->args[1]->has & (PT2_HAS_VAR | PT2_HAS_LOAD))
            u->other = true;
        else if (!u->by || (pt2_is_const(e->args[1]) && pt2_is_const(u->by) && e->args[1]->i < u->by->i))
            u->by = e->args[1];
        else
            u->other |= u->by != e->args[1] && !(pt2_is_const(u->by) && pt2_is_const(e->args[1]));
    }
}

static bool is_computed(const struct merged *m, const struct pt2_node *n)
{
    return (n->kind == PT2_NODE_MAP || n->kind == PT2_NODE_REDUCE) && n->outs[0]->rank > 0 &&
           !m->pinned[n->outs[0]->id];
}

/* The extent of the second part, or NULL. */
static pt2_ex find_part(struct merged *m, const struct pt2_node *n)
{
    struct pt2_exprs *E = &m->g->module->exprs;
    const struct pt2_value *v = n->outs[0];
    struct use u = { NULL, is_first_axis(n->body) };
    if (v->rank + n->num_axes >= PT2_MAX_RANK || m->parted[v->id] == MOST)
        return NULL;
    pt2_visit(n->body, note_use, &u);
    if (u.other || !u.by)
        return NULL;
    pt2_ex first = pt2_floordiv(E, v->shape[0], u.by);
    return pt2_prove_eq(E, pt2_mul(E, first, u.by), v->shape[0]) ? u.by : NULL;
}

static void part(struct merged *m, struct pt2_node *n, pt2_ex by)
{
    struct pt2_exprs *E = &m->g->module->exprs;
    struct pt2_value *v = n->outs[0];
    pt2_ex *shape = PT2_NEW_N(&m->g->module->arena, pt2_ex, v->rank + 1), axes[PT2_MAX_RANK];
    memcpy(shape + 1, v->shape, sizeof *shape * (size_t)v->rank);
    shape[0] = pt2_floordiv(E, v->shape[0], by);
    shape[1] = by;
    axes[0] = pt2_add(E, pt2_mul(E, pt2_var(E, 0, shape[0]), by), pt2_var(E, 1, by));
    for (int k = 1; k < v->rank; k++)
        axes[k] = pt2_var(E, k + 1, v->shape[k]);
    for (int k = 0; k < n->num_axes; k++)
        axes[v->rank + k] = pt2_var(E, v->rank + k + 1, n->axes[k]);
    n->body = pt2_subst_vars(E, n->body, v->rank + n->num_axes, axes);
    if (!m->parted[v->id])
        m->shape[v->id] = v->shape;
    v->shape = shape;
    v->rank++;
    m->by[v->id * MOST + m->parted[v->id]++] = by;
}

static void part_all(struct merged *m)
{
    for (uint32_t k = 0; k < m->g->nodes.count; k++) {
        struct pt2_node *n = m->g->nodes.data[k];
        pt2_node_exprs(n, read_parted_expr, m);
        for (pt2_ex by; is_computed(m, n) && (by = find_part(m, n));)
            part(m, n, by);
    }
}

void pt2_pass_unmerge(struct pt2_graph *g)
{
    uint32_t count = g->module->values.count + 1u;
    struct merged m = { .g = g, .again = true };
    if (g == g->module->load)
        return;
    m.by = PT2_NEW_N(&m.arena, pt2_ex, count * MOST);
    m.parted = PT2_NEW_N(&m.arena, uint8_t, count);
    m.pinned = PT2_NEW_N(&m.arena, bool, count);
    m.shape = PT2_NEW_N(&m.arena, pt2_ex *, count);
    find_pinned(&m);
    for (uint32_t k = 0; k < g->nodes.count; k++)
        pt2_node_exprs(g->nodes.data[k], keep_expr, &m);
    for (int round = 0; m.again && round < MOST_ROUNDS; round++) {
        m.again = false;
        part_all(&m);
        for (uint32_t k = 0; k < g->nodes.count; k++)
            pt2_node_exprs(g->nodes.data[k], note_merged_expr, &m);
        if (m.again)
            restore(&m); /* after the last round, too: then nothing is parted */
    }
    pt2_arena_free(&m.arena);
}
