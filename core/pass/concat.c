/* SPDX-License-Identifier: MIT
 * A concatenation chooses among its parts by comparing the index of one axis with where they begin. Where at least one
 * of the parts is made by another kernel anyway, copying it costs more than making it where it belongs: then every part
 * becomes a value of its own, and the MAP only puts whole values side by side. The plan lets these live in the result
 * (plan/join.c), and no kernel is left for the MAP itself.
 *
 * At most one part may need a kernel of its own, which then stands where that of the whole was: there are no more
 * kernels than before, and the other parts are not read and written again. Arithmetic behind the concatenation (an
 * activation of the whole) goes to the parts. */
#include "pass/concat.h"
#include "pass/pass.h"

enum {
    ALIGNED = 4,     /* elements that kernels reach at once */
    SMALL = 1 << 14, /* elements, of results where that does not count */
};

/* ---- the form ---- */

/* `VAR k < e` with an e that is the same for all elements. */
static bool is_cut(pt2_ex e)
{
    return e->op == PT2_E_LT && e->args[0]->op == PT2_E_VAR && !(e->args[1]->has & (PT2_HAS_VAR | PT2_HAS_LOAD));
}

struct cuts {
    struct pt2_exprs *E;
    struct pt2_concat *c;
    bool ok;
};

static void note_axis(void *ctx, pt2_ex e)
{
    struct cuts *cuts = ctx;
    if (e->op == PT2_E_SELECT && is_cut(e->args[0]))
        cuts->c->axis = (int)e->args[0]->args[0]->i; /* the outermost comes last */
}

/* Where the first `count` parts begin is in order, and so it stays. */
static void add_start(struct cuts *cuts, pt2_ex at)
{
    struct pt2_concat *c = cuts->c;
    int k = c->count;
    for (int j = 1; j < c->count; j++)
        if (c->start[j] == at)
            return;
    if (c->count == PT2_MAX_PARTS) {
        cuts->ok = false;
        return;
    }
    for (; k > 1 && !pt2_prove_le(cuts->E, c->start[k - 1], at); k--)
        c->start[k] = c->start[k - 1];
    c->start[k] = at;
    c->count++;
}

static void note_cut(void *ctx, pt2_ex e)
{
    struct cuts *cuts = ctx;
    if (cuts->ok && is_cut(e) && e->args[0]->i == cuts->c->axis)
        add_start(cuts, e->args[1]);
}

static bool in_order(struct pt2_exprs *E, const struct pt2_concat *c)
{
    for (int k = 0; k < c->count; k++)
        if (!pt2_prove_le(E, c->start[k], c->start[k + 1]))
            return false;
    return true;
}

struct part {
    const struct pt2_concat *c;
    int number;
};

/* Within a part the comparisons are decided. */
static pt2_ex decide(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct part *p = ctx;
    if (!is_cut(e) || e->args[0]->i != p->c->axis)
        return e;
    int k = 1;
    while (p->c->start[k] != e->args[1])
        k++;
    return pt2_int(E, PT2_BOOL, k > p->number);
}

static pt2_ex part_body(struct pt2_exprs *E, const struct pt2_node *n, const struct pt2_concat *c, int k)
{
    struct part p = { c, k };
    pt2_ex axes[PT2_MAX_RANK] = { NULL }, extent = pt2_sub(E, c->start[k + 1], c->start[k]);
    axes[c->axis] = pt2_add(E, pt2_var(E, c->axis, extent), c->start[k]);
    return pt2_subst_vars(E, pt2_rewrite(E, n->body, decide, &p), n->outs[0]->rank, axes);
}

static bool aligned(struct pt2_exprs *E, const struct pt2_value *v, const struct pt2_concat *c)
{
    pt2_ex inner = pt2_product(E, v->rank - c->axis - 1, v->shape + c->axis + 1);
    if (pt2_product(E, v->rank, v->shape)->hi <= SMALL)
        return true;
    for (int k = 1; k <= c->count; k++)
        if (!pt2_prove_divides(E, pt2_idx(E, ALIGNED), pt2_mul(E, c->start[k], inner)))
            return false;
    return true;
}

bool pt2_concat_find(struct pt2_graph *g, const struct pt2_node *n, struct pt2_concat *out)
{
    struct pt2_exprs *E = &g->module->exprs;
    struct cuts cuts = { E, out, true };
    if (n->kind != PT2_NODE_MAP)
        return false;
    const struct pt2_value *v = n->outs[0];
    out->axis = -1;
    pt2_visit(n->body, note_axis, &cuts);
    if (out->axis < 0)
        return false;
    out->count = 1;
    out->start[0] = pt2_idx(E, 0);
    pt2_visit(n->body, note_cut, &cuts);
    out->start[out->count] = v->shape[out->axis];
    if (!cuts.ok || !in_order(E, out) || !aligned(E, v, out))
        return false;
    for (int k = 0; k < out->count; k++)
        out->body[k] = part_body(E, n, out, k);
    return true;
}

void pt2_concat_shape(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, int k, pt2_ex *out)
{
    const struct pt2_value *v = n->outs[0];
    memcpy(out, v->shape, (size_t)v->rank * sizeof *out);
    out[c->axis] = pt2_sub(&g->module->exprs, c->start[k + 1], c->start[k]);
}

/* ---- what the parts are ---- */

/* The axis of the part that a value's index is, after those up to `last`; -1: 0, of an axis of size 1; -2: none. */
static int axis_of(struct pt2_exprs *E, pt2_ex index, pt2_ex size, int last)
{
    if (pt2_is_int(index, 0) && pt2_is_int(size, 1))
        return -1;
    bool next = index->op == PT2_E_VAR && index->i > last && pt2_prove_eq(E, index->args[0], size);
    return next ? (int)index->i : -2;
}

struct pt2_value *pt2_concat_value(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, int k,
                                   struct pt2_within *out_within)
{
    struct pt2_exprs *E = &g->module->exprs;
    pt2_ex e = c->body[k], shape[PT2_MAX_RANK];
    struct pt2_within s = { .whole = n->outs[0], .axis = c->axis, .start = c->start[k] };
    uint32_t seen = 0;
    if (e->op != PT2_E_LOAD)
        return NULL;
    struct pt2_value *v = g->module->values.data[e->i];
    for (int j = 0, last = -1; j < v->rank; j++) {
        int axis = axis_of(E, e->args[j], v->shape[j], last);
        if (axis < -1)
            return NULL;
        s.axes[j] = (int8_t)axis;
        last = axis > last ? axis : last;
        seen |= axis < 0 ? 0 : 1u << axis;
    }
    pt2_concat_shape(g, n, c, k, shape);
    for (int j = 0; j < s.whole->rank; j++)
        if (!(seen >> j & 1) && !pt2_is_int(shape[j], 1))
            return NULL;
    if (out_within)
        *out_within = s;
    return v->dtype == s.whole->dtype ? v : NULL;
}

bool *pt2_find_dense(struct pt2_graph *g, struct pt2_arena *arena)
{
    bool *dense = PT2_NEW_N(arena, bool, g->module->values.count);
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        const struct pt2_node *n = g->nodes.data[k];
        if (n->base)
            dense[n->base->id] = true;
        for (int j = 0; j < n->num_args; j++)
            dense[n->args[j]->id] = true;
    }
    for (uint32_t k = 0; k < g->outputs.count; k++)
        dense[g->outputs.data[k]->id] = true;
    return dense;
}

/* Each axis of the value is one of the point's. */
static bool at_point(struct pt2_exprs *E, pt2_ex load, const struct pt2_value *v)
{
    uint32_t seen = 0;
    for (int k = 0; k < v->rank; k++) {
        pt2_ex index = load->args[k];
        if (pt2_is_int(v->shape[k], 1))
            continue;
        if (index->op != PT2_E_VAR || seen >> index->i & 1 || !pt2_prove_eq(E, index->args[0], v->shape[k]))
            return false;
        seen |= 1u << index->i;
    }
    return true;
}

enum { MAX_CHAIN = 8 }; /* MAPs from the point to the REDUCE */

struct made {
    struct pt2_graph *g;
    int chain;
    bool found;
};

static void find_reduce(void *ctx, pt2_ex e)
{
    struct made *m = ctx;
    if (e->op != PT2_E_LOAD || m->found)
        return;
    const struct pt2_value *v = m->g->module->values.data[e->i];
    if ((v->def->kind != PT2_NODE_REDUCE && v->def->kind != PT2_NODE_MAP) || !at_point(&m->g->module->exprs, e, v))
        return;
    struct made inner = { m->g, m->chain + 1, v->def->kind == PT2_NODE_REDUCE };
    if (!inner.found && m->chain < MAX_CHAIN)
        pt2_visit(v->def->body, find_reduce, &inner);
    m->found = inner.found;
}

bool pt2_made_with_reduce(struct pt2_graph *g, pt2_ex body)
{
    struct made m = { g, 0, false };
    pt2_visit(body, find_reduce, &m);
    return m.found;
}

/* ---- the pass ---- */

bool pt2_concat_can_hold(const struct pt2_value *v, const bool *dense)
{
    enum pt2_kind kind = v->def->kind;
    return (kind == PT2_NODE_MAP || kind == PT2_NODE_REDUCE || kind == PT2_NODE_SCAN) && !dense[v->id];
}

/* The values that the parts are already, each once; NULL for those that are to be made. */
static void find_values(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, const bool *dense,
                        struct pt2_value **out)
{
    for (int k = 0; k < c->count; k++) {
        struct pt2_value *v = pt2_concat_value(g, n, c, k, NULL);
        bool taken = !v || !pt2_concat_can_hold(v, dense);
        for (int j = 0; j < k; j++)
            taken = taken || out[j] == v;
        out[k] = taken ? NULL : v;
    }
}

static bool is_made(struct pt2_graph *g, const struct pt2_value *v, const bool *dense, const bool *leaves)
{
    return !leaves || !leaves[v->id] || pt2_made_with_reduce(g, v->def->body) ||
           pt2_concat_is_free(g, v->def, dense, leaves);
}

int pt2_concat_kernels(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, const bool *dense,
                       const bool *leaves)
{
    struct pt2_value *values[PT2_MAX_PARTS];
    int kernels = 0;
    find_values(g, n, c, dense, values);
    for (int k = 0; k < c->count; k++)
        kernels += values[k] ? !is_made(g, values[k], dense, leaves) : !pt2_made_with_reduce(g, c->body[k]);
    return kernels <= 1 && kernels < c->count ? kernels : -1;
}

bool pt2_concat_is_free(struct pt2_graph *g, const struct pt2_node *n, const bool *dense, const bool *leaves)
{
    struct pt2_concat c;
    return pt2_concat_find(g, n, &c) && pt2_concat_kernels(g, n, &c, dense, leaves) == 0;
}

static struct pt2_value *make_part(struct pt2_graph *g, uint32_t at, const struct pt2_concat *c, int k)
{
    const struct pt2_node *n = g->nodes.data[at];
    pt2_ex shape[PT2_MAX_RANK];
    pt2_concat_shape(g, n, c, k, shape);
    struct pt2_value *v = pt2_node_map(g, n->outs[0]->dtype, n->outs[0]->rank, shape, c->body[k]);
    v->def->origin = n->origin;
    memmove(&g->nodes.data[at + 1], &g->nodes.data[at], (g->nodes.count - 1 - at) * sizeof *g->nodes.data);
    g->nodes.data[at] = v->def;
    return v;
}

/* The value's element for an index of the part; it has the part's axes, or all that are not of size 1. */
static pt2_ex load_part(struct pt2_graph *g, const struct pt2_concat *c, const struct pt2_value *v, int k,
                        const pt2_ex *index)
{
    pt2_ex at[PT2_MAX_RANK + 1];
    bool whole = c->body[k]->op == PT2_E_LOAD && c->body[k]->i == (int64_t)v->id;
    for (int j = 0; j < v->rank; j++)
        at[j] = !whole ? index[j] : c->body[k]->args[j]->op == PT2_E_VAR ? index[c->body[k]->args[j]->i]
                                                                         : pt2_idx(&g->module->exprs, 0);
    return pt2_load(g, v, at);
}

static pt2_ex chain(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c,
                    struct pt2_value *const *values)
{
    struct pt2_exprs *E = &g->module->exprs;
    const struct pt2_value *out = n->outs[0];
    pt2_ex v[PT2_MAX_RANK], e = NULL;
    pt2_vars(g, out->rank, out->shape, 0, v);
    pt2_ex at = v[c->axis];
    for (int k = c->count - 1; k >= 0; k--) {
        v[c->axis] = pt2_sub(E, at, c->start[k]);
        pt2_ex part = load_part(g, c, values[k], k, v);
        e = e ? pt2_select(E, pt2_lt(E, at, c->start[k + 1]), part, e) : part;
    }
    return e;
}

/* Returns how many nodes came before the one at `at`. What is part of it can be part of no other: `dense` says so. */
static uint32_t separate(struct pt2_graph *g, uint32_t at, bool *dense)
{
    struct pt2_node *n = g->nodes.data[at];
    struct pt2_value *values[PT2_MAX_PARTS];
    struct pt2_concat c;
    uint32_t made = 0;
    if (!pt2_concat_find(g, n, &c) || pt2_concat_kernels(g, n, &c, dense, NULL) < 0)
        return 0;
    find_values(g, n, &c, dense, values);
    for (int k = 0; k < c.count; k++) {
        if (values[k])
            dense[values[k]->id] = true;
        else
            values[k] = make_part(g, at + made++, &c, k);
    }
    n->body = chain(g, n, &c, values);
    return made;
}

void pt2_pass_concat(struct pt2_graph *g)
{
    struct pt2_arena arena = { 0 };
    bool *dense = pt2_find_dense(g, &arena);
    for (uint32_t k = 0; k < g->nodes.count; k++)
        k += separate(g, k, dense);
    pt2_arena_free(&arena);
}
