/* SPDX-License-Identifier: MIT
 * Siblings: sums of products that read the same input by different weights, as attention's projections of query, key
 * and value do, become one sum over the weights side by side. What read one of them reads a part of the whole.
 *
 * Two REDUCEs are siblings along output axis `axis` when their bodies are equal but for the weights, and that axis
 * is used for nothing but to index weights, in one dimension each. Where each is read by one MAP only, and these MAPs
 * are equal in the same sense (a bias, an activation), the MAPs become one too. The weights are put side by side by
 * the load graph, when the model is opened.
 *
 * A kernel finishes its results before they are stored, where what reads them has their shape. That is worth more: such
 * readers that are not equal keep their sums apart. */
#include "graph/text.h"
#include "pass/pass.h"

#include <stdlib.h>

enum {
    MAX_SIBLINGS = 8,
    MAX_WEIGHTS = 4,
    MAX_STEPS = 400,         /* of comparing two bodies */
    MAX_BYTES = 96 << 20,    /* of weights side by side: devices bind no more than 128 MiB */
};

struct use {
    int count;
    bool pinned, finished;   /* an output or operand; read by a MAP of its shape */
    struct pt2_node *reader; /* the last one */
};

/* A value of the first sibling and what stands for it in each of the others. */
struct weight {
    const struct pt2_value *of[MAX_SIBLINGS];
    int dim;                 /* where `axis` indexes */
    const struct pt2_value *whole; /* side by side */
};

struct family {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    struct use *uses;        /* by value id */
    int axis, count;
    struct pt2_node *nodes[MAX_SIBLINGS];
    int64_t start[MAX_SIBLINGS + 1]; /* of each along the axis; the last: of all */
    int num_weights;
    struct weight weights[MAX_WEIGHTS];
    int num_sums;            /* MAPs: 1, the sums that they read; else 0 */
    struct weight sums;
    int steps;
    bool ok;
};

/* ---- who reads what ---- */

struct reading {
    struct use *uses;
    struct pt2_node *node;
};

static bool same_shape(const struct pt2_value *a, const struct pt2_value *b)
{
    return a->rank == b->rank && !memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape);
}

static void note_use(void *ctx, struct pt2_value *v)
{
    const struct reading *r = ctx;
    struct use *u = &r->uses[v->id];
    u->count += u->reader != r->node;
    u->reader = r->node;
    u->finished |= r->node->kind == PT2_NODE_MAP && same_shape(r->node->outs[0], v);
}

static void find_uses(struct pt2_graph *g, struct use *uses)
{
    memset(uses, 0, g->module->values.count * sizeof *uses);
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct pt2_node *n = g->nodes.data[k];
        struct reading r = { uses, n };
        pt2_node_uses(g, n, note_use, &r);
        if (n->base)
            uses[n->base->id].pinned = true;
        for (int j = 0; j < n->num_args; j++)
            uses[n->args[j]->id].pinned = true;
    }
    for (uint32_t k = 0; k < g->outputs.count; k++)
        uses[g->outputs.data[k]->id].pinned = true;
}

/* ---- the first sibling ---- */

static bool is_axis(const struct family *f, pt2_ex e) { return e->op == PT2_E_VAR && e->i == f->axis; }

static bool is_weight(const struct pt2_value *v)
{
    return v->def->kind == PT2_NODE_CONST || v->def->kind == PT2_NODE_READY ||
           (v->def->kind == PT2_NODE_INPUT && v->def->weight);
}

static struct weight *find_weight(struct family *f, const struct pt2_value *v)
{
    for (int k = 0; k < f->num_weights; k++)
        if (f->weights[k].of[0] == v)
            return &f->weights[k];
    return f->num_sums && f->sums.of[0] == v ? &f->sums : NULL;
}

/* All of v is used along its dimension `dim`. */
static bool has_extent(const struct family *f, const struct pt2_value *v, int dim, const struct pt2_node *n)
{
    return pt2_const_elements(v) > 0 && v->shape[dim] == n->outs[0]->shape[f->axis];
}

/* A LOAD whose dimension `dim` the axis indexes. */
static void note_weight(struct family *f, const struct pt2_value *v, int dim)
{
    struct weight *w = find_weight(f, v);
    if (w) {
        f->ok &= w->dim == dim;
    } else if (is_weight(v) && has_extent(f, v, dim, f->nodes[0]) && f->num_weights < MAX_WEIGHTS) {
        f->weights[f->num_weights++] = (struct weight){ { v }, dim, NULL };
    } else {
        f->ok = false;
    }
}

static void note_axis(void *ctx, pt2_ex e)
{
    struct family *f = ctx;
    int dim = -1;
    for (int k = 0; k < e->num_args; k++)
        if (is_axis(f, e->args[k])) {
            f->ok &= dim < 0 && e->op == PT2_E_LOAD;
            dim = k;
        }
    if (dim >= 0 && f->ok)
        note_weight(f, f->g->module->values.data[e->i], dim);
}

static bool starts(struct family *f, struct pt2_node *n, int axis)
{
    f->axis = axis;
    f->count = 1;
    f->nodes[0] = n;
    f->num_weights = 0;
    f->ok = true;
    pt2_ex extent = n->outs[0]->shape[axis];
    if (!pt2_is_const(extent) || extent->i < 2)
        return false;
    pt2_visit(n->body, note_axis, f);
    return f->ok && f->num_weights + f->num_sums > 0;
}

/* ---- the others ---- */

/* v may be what the next sibling has in place of w. */
static bool stands_for(struct family *f, struct weight *w, const struct pt2_value *v)
{
    const struct pt2_value *first = w->of[0];
    if (w == &f->sums)
        return w->of[f->count] == v;
    if (!is_weight(v) || v->rank != first->rank || v->dtype != first->dtype ||
        !has_extent(f, v, w->dim, f->nodes[f->count]))
        return false;
    for (int k = 0; k < v->rank; k++)
        if (k != w->dim && v->shape[k] != first->shape[k])
            return false;
    if (w->of[f->count] && w->of[f->count] != v)
        return false;
    w->of[f->count] = v;
    return true;
}

static bool matches(struct family *f, pt2_ex a, pt2_ex b);

static bool match_args(struct family *f, pt2_ex a, pt2_ex b)
{
    for (int k = 0; k < a->num_args; k++)
        if (!matches(f, a->args[k], b->args[k]))
            return false;
    return true;
}

/* Terms and factors are in the order in which they were made: each one's partner is looked for. */
static bool match_any_order(struct family *f, pt2_ex a, pt2_ex b)
{
    uint64_t taken = 0;
    for (int k = 0; k < a->num_args; k++) {
        int j = -1;
        bool found = false;
        while (!found && ++j < b->num_args && j < 64) {
            struct weight before[MAX_WEIGHTS];
            memcpy(before, f->weights, sizeof before);
            found = !(taken >> j & 1) && matches(f, a->args[k], b->args[j]);
            if (!found)
                memcpy(f->weights, before, sizeof before);
        }
        if (!found)
            return false;
        taken |= UINT64_C(1) << j;
    }
    return true;
}

static bool matches(struct family *f, pt2_ex a, pt2_ex b)
{
    if (a->op != b->op || a->dtype != b->dtype || a->num_args != b->num_args || f->steps++ > MAX_STEPS)
        return false;
    if (a->op == PT2_E_VAR)
        return is_axis(f, a) ? is_axis(f, b) : a == b;
    if (a->op == PT2_E_LOAD) {
        struct weight *w = find_weight(f, f->g->module->values.data[a->i]);
        return (w ? stands_for(f, w, f->g->module->values.data[b->i]) : a->i == b->i) && match_args(f, a, b);
    }
    if (a->num_args == 0)
        return a == b;
    bool any_order = a->op == PT2_E_ADD || a->op == PT2_E_MUL;
    return a->i == b->i && (any_order ? match_any_order : match_args)(f, a, b);
}

static bool alike(const struct family *f, const struct pt2_node *a, const struct pt2_node *b)
{
    const struct pt2_value *v = a->outs[0], *w = b->outs[0];
    if (a->kind != b->kind || a->op != b->op || a->num_axes != b->num_axes || v->dtype != w->dtype ||
        v->rank != w->rank || !pt2_is_const(w->shape[f->axis]) || w->shape[f->axis]->i < 2)
        return false;
    for (int k = 0; k < v->rank; k++)
        if (k != f->axis && v->shape[k] != w->shape[k])
            return false;
    for (int k = 0; k < a->num_axes; k++)
        if (a->axes[k] != b->axes[k])
            return false;
    return true;
}

/* Adds n if it is a sibling of those that are there. */
static bool join(struct family *f, struct pt2_node *n)
{
    f->steps = 0;
    if (f->count == MAX_SIBLINGS || !alike(f, f->nodes[0], n))
        return false;
    for (int k = 0; k < f->num_weights; k++)
        f->weights[k].of[f->count] = NULL;
    f->nodes[f->count] = n;
    if (!matches(f, f->nodes[0]->body, n->body))
        return false;
    f->count++;
    return true;
}

static bool is_sum(const struct family *f, const struct pt2_node *n)
{
    return n->kind == PT2_NODE_REDUCE && n->op == PT2_RED_SUM && n->body->op == PT2_E_MUL && n->body->num_args == 2 &&
           !f->uses[n->outs[0]->id].pinned;
}

static bool small_enough(const struct family *f)
{
    for (int k = 0; k < f->num_weights; k++) {
        const struct weight *w = &f->weights[k];
        double bytes = 0;
        for (int s = 0; s < f->count; s++)
            bytes += (double)pt2_const_elements(w->of[s]) * (double)pt2_dtype_size(w->of[s]->dtype);
        if (bytes > MAX_BYTES)
            return false;
    }
    return true;
}

static bool gather(struct family *f, uint32_t first, int axis)
{
    struct pt2_node *n = f->g->nodes.data[first];
    f->num_sums = 0;
    if (!starts(f, n, axis))
        return false;
    for (uint32_t k = first + 1; k < f->g->nodes.count; k++)
        if (is_sum(f, f->g->nodes.data[k]))
            join(f, f->g->nodes.data[k]);
    return f->count > 1 && small_enough(f);
}

/* The MAPs that alone read the sums of f, if they are siblings too. */
static bool gather_readers(const struct family *f, struct family *maps)
{
    *maps = *f;
    maps->num_sums = 1;
    maps->sums = (struct weight){ .dim = f->axis };
    for (int k = 0; k < f->count; k++) {
        const struct pt2_value *v = f->nodes[k]->outs[0];
        const struct pt2_node *reader = f->uses[v->id].reader;
        if (f->uses[v->id].count != 1 || reader->kind != PT2_NODE_MAP || f->uses[reader->outs[0]->id].pinned ||
            !same_shape(reader->outs[0], v))
            return false;
        maps->sums.of[k] = v;
    }
    if (!starts(maps, f->uses[f->nodes[0]->outs[0]->id].reader, f->axis))
        return false;
    for (int k = 1; k < f->count; k++)
        if (!join(maps, f->uses[f->nodes[k]->outs[0]->id].reader))
            return false;
    return small_enough(maps);
}

static bool any_finished(const struct family *f)
{
    for (int k = 0; k < f->count; k++)
        if (f->uses[f->nodes[k]->outs[0]->id].finished)
            return true;
    return false;
}

/* ---- becoming one ---- */

/* The MAP in the load graph: part k where its indices begin. */
static struct pt2_value *side_by_side(struct family *f, const struct weight *w)
{
    const struct pt2_value *first = w->of[0];
    struct pt2_module *m = f->g->module;
    pt2_ex shape[PT2_MAX_RANK], at[PT2_MAX_RANK], body = NULL;
    memcpy(shape, first->shape, (size_t)first->rank * sizeof *shape);
    shape[w->dim] = pt2_idx(f->E, f->start[f->count]);
    for (int k = f->count - 1; k >= 0; k--) {
        const struct pt2_value *v = pt2_load_operand(m, w->of[k]);
        pt2_vars(m->load, first->rank, shape, 0, at);
        pt2_ex in = pt2_lt(f->E, at[w->dim], pt2_idx(f->E, f->start[k + 1]));
        at[w->dim] = pt2_addi(f->E, at[w->dim], -f->start[k]);
        pt2_ex part = pt2_load(m->load, v, at);
        body = body ? pt2_select(f->E, in, part, body) : part;
    }
    struct pt2_value *whole = pt2_node_map(m->load, first->dtype, first->rank, shape, body);
    whole->name = first->name;
    whole->def->origin = f->nodes[0]->origin;
    return pt2_load_result(f->g, whole);
}

static pt2_ex read_whole(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct family *f = ctx;
    if (is_axis(f, e))
        return pt2_var(E, f->axis, pt2_idx(E, f->start[f->count]));
    const struct weight *w = e->op == PT2_E_LOAD ? find_weight(f, f->g->module->values.data[e->i]) : NULL;
    return w ? pt2_load_raw(E, e->dtype, w->whole->id, e->num_args, e->args) : e;
}

static struct pt2_node *earliest(const struct family *f)
{
    for (uint32_t k = 0;; k++)
        for (int s = 0; s < f->count; s++)
            if (f->g->nodes.data[k] == f->nodes[s])
                return f->nodes[s];
}

/* The node that comes first computes them all; the others are still there, and read as before. */
static struct pt2_value *unite(struct family *f)
{
    const struct pt2_value *v = f->nodes[0]->outs[0];
    pt2_ex shape[PT2_MAX_RANK];
    for (int k = 0; k < f->num_weights; k++)
        f->weights[k].whole = side_by_side(f, &f->weights[k]);
    memcpy(shape, v->shape, (size_t)v->rank * sizeof *shape);
    shape[f->axis] = pt2_idx(f->E, f->start[f->count]);
    struct pt2_node *n = earliest(f);
    n->body = pt2_rewrite(f->E, f->nodes[0]->body, read_whole, f);
    n->origin = f->nodes[0]->origin;
    return pt2_node_out(f->g, n, 0, v->dtype, v->rank, shape);
}

struct parts {
    const struct family *f;
    const struct pt2_value *whole;
    const struct pt2_value *of[MAX_SIBLINGS];
};

static pt2_ex read_part(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct parts *p = ctx;
    for (int k = 0; e->op == PT2_E_LOAD && k < p->f->count; k++)
        if (e->i == p->of[k]->id) {
            pt2_ex at[PT2_MAX_RANK];
            memcpy(at, e->args, (size_t)e->num_args * sizeof *at);
            at[p->f->axis] = pt2_addi(E, at[p->f->axis], p->f->start[k]);
            return pt2_load_raw(E, e->dtype, p->whole->id, e->num_args, at);
        }
    return e;
}

static void redirect(void *ctx, pt2_ex *e)
{
    const struct parts *p = ctx;
    if ((*e)->has & PT2_HAS_LOAD)
        *e = pt2_rewrite(p->f->E, *e, read_part, ctx);
}

static void find_parts(struct family *f, struct parts *p)
{
    p->f = f;
    f->start[0] = 0;
    for (int k = 0; k < f->count; k++) {
        p->of[k] = f->nodes[k]->outs[0];
        f->start[k + 1] = f->start[k] + p->of[k]->shape[f->axis]->i;
    }
}

/* `maps`: their only readers, to be united as well; or NULL. */
static void unite_family(struct family *f, struct family *maps)
{
    struct parts parts;
    find_parts(f, &parts);
    parts.whole = unite(f);
    if (maps) {
        maps->sums.whole = parts.whole;
        find_parts(maps, &parts);
        parts.whole = unite(maps);
    }
    for (uint32_t k = 0; k < f->g->nodes.count; k++)
        pt2_node_exprs(f->g->nodes.data[k], redirect, &parts);
    pt2_pass_dce(f->g);
}

/* Unites the siblings of a sum, if there are any and it pays. */
static bool try_sum(struct family *f, uint32_t place)
{
    struct pt2_node *n = f->g->nodes.data[place];
    struct family maps;
    if (!is_sum(f, n))
        return false;
    for (int axis = 0; axis < n->outs[0]->rank; axis++) {
        if (!gather(f, place, axis))
            continue;
        bool both = gather_readers(f, &maps);
        if (!both && any_finished(f))
            continue;
        unite_family(f, both ? &maps : NULL);
        return true;
    }
    return false;
}

void pt2_pass_siblings(struct pt2_graph *g)
{
    struct family f = { .g = g, .E = &g->module->exprs };
    bool stale = true;
    if (g == g->module->load)
        return;
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        uint32_t count = g->module->values.count;
        struct use *uses = stale ? realloc(f.uses, (count + 1u) * sizeof *uses) : f.uses;
        if (!uses)
            break; /* only an optimisation */
        f.uses = uses;
        if (stale)
            find_uses(g, f.uses);
        stale = try_sum(&f, k);
    }
    free(f.uses);
}
