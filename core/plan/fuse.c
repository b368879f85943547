/* SPDX-License-Identifier: MIT
 * Nodes to regions. A region starts as one node over its outer space: all axes of a MAP, the output axes of a REDUCE.
 * Another node joins it when it reads the region's results only at the point itself, as registers, so that a row's
 * maximum, the sum of its exponentials and the quotient are one kernel that visits each row once.
 *
 * A node that joins has the region's outer space among its own axes; a MAP may have more, which it loops over. It must
 * not depend on the region by way of another one, or the two would wait for each other. */
#include "pass/concat.h"
#include "plan/attention.h"
#include "plan/plan.h"

#include <stdlib.h>

enum { MAX_MEMBERS = 16, MAX_BUFFERS = 16, MAX_SIBLING_BUFFERS = 10, SMALL_PRODUCT = 1024, FEW_UNITS = 16,
       LONG_ROW = 32768 };

struct fuse {
    struct pt2_plan *p;
    struct pt2_graph *g;
    struct pt2_exprs *E;
    struct pt2_arena *arena;
    struct pt2_region *
        *region_of; /* by value id; NULL: an input, a constant, or the result of a step that is no region */
    int *uses;                     /* by value id: nodes and outputs that read it */
    const struct pt2_caps *caps;   /* of the first device */
    bool *reaches;                 /* [a * cap + b]: region b depends on region a */
    uint32_t cap;
    const bool *dense;             /* by value id: is read as a whole; arena */
    uint32_t closed;               /* regions before the last step of the host */
    struct pt2_found *attentions;
    int num_attentions;
};

/* ---- dependencies between regions ---- */

struct depend {
    struct fuse *f;
    struct pt2_region *r;
};

static void add_dependency(void *ctx, struct pt2_value *v)
{
    struct depend *d = ctx;
    struct fuse *f = d->f;
    struct pt2_region *from = f->region_of[v->id];
    if (v->def->joined)
        pt2_node_uses(f->g, v->def, add_dependency, d);
    if (!from || from == d->r)
        return;
    for (uint32_t a = 0; a < f->p->regions.count; a++)
        if (a == from->id || f->reaches[a * f->cap + from->id])
            f->reaches[a * f->cap + d->r->id] = true;
}

/* Everything that already depends on r depends on what r now depends on. */
static void propagate(struct fuse *f, const struct pt2_region *r)
{
    uint32_t n = f->p->regions.count;
    for (uint32_t b = 0; b < n; b++)
        if (f->reaches[r->id * f->cap + b])
            for (uint32_t a = 0; a < n; a++)
                f->reaches[a * f->cap + b] |= f->reaches[a * f->cap + r->id];
}

struct through {
    struct fuse *f;
    const struct pt2_region *r;
    bool found;
};

static void find_through(void *ctx, struct pt2_value *v)
{
    struct through *t = ctx;
    const struct pt2_region *q = t->f->region_of[v->id];
    if (v->def->joined)
        pt2_node_uses(t->f->g, v->def, find_through, t);
    if (q && q != t->r && t->f->reaches[t->r->id * t->f->cap + q->id])
        t->found = true;
}

static bool depends_through_another(struct fuse *f, struct pt2_node *n, const struct pt2_region *r)
{
    struct through t = { f, r, false };
    pt2_node_uses(f->g, n, find_through, &t);
    return t.found;
}

/* ---- matching a node's axes with a region's outer space ---- */

struct match {
    struct fuse *f;
    const struct pt2_region *r;
    const struct pt2_node *n;
    int axis_of[PT2_MAX_RANK]; /* outer axis -> the node's output axis, -1: not seen yet */
    bool ok, any;
};

static const struct pt2_member *member_of(const struct pt2_region *r, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < r->members.count; k++)
        if (r->members.data[k].node->outs[0] == v)
            return &r->members.data[k];
    return NULL;
}

/* One index of a LOAD of the region's value at outer axis j must be one output axis of the node (0 where the size is
 * 1). */
static void match_index(struct match *m, int j, pt2_ex index, int rank)
{
    if (pt2_is_int(m->r->outer[j], 1)) {
        m->ok = m->ok && pt2_is_int(index, 0);
        return;
    }
    if (index->op != PT2_E_VAR || index->i >= rank || (m->axis_of[j] >= 0 && m->axis_of[j] != index->i) ||
        !pt2_prove_eq(m->f->E, index->args[0], m->r->outer[j])) {
        m->ok = false;
        return;
    }
    m->axis_of[j] = (int)index->i;
}

/* The region makes a part of v. */
static void find_made(void *ctx, struct pt2_value *v)
{
    struct through *t = ctx;
    t->found = t->found || t->f->region_of[v->id] == t->r;
    if (v->def->joined)
        pt2_node_uses(t->f->g, v->def, find_made, t);
}

static void match_load(void *ctx, pt2_ex e)
{
    struct match *m = ctx;
    if (e->op != PT2_E_LOAD || !m->ok)
        return;
    struct pt2_value *v = m->f->g->module->values.data[e->i];
    if (v->def->joined) {
        struct through t = { m->f, m->r, false };
        find_made(&t, v);
        m->ok = !t.found;
    }
    if (m->f->region_of[v->id] != m->r)
        return;
    const struct pt2_member *member = member_of(m->r, v);
    m->any = true;
    for (int k = 0; m->ok && k < v->rank; k++) {
        if (member->outer[k] < 0)
            m->ok = false; /* not a register: the member loops over this axis */
        else
            match_index(m, member->outer[k], e->args[k], m->n->outs[0]->rank);
    }
}

/* Two outer axes must not be one axis of the node. */
static bool injective(const struct match *m)
{
    for (int j = 0; j < m->r->rank; j++)
        for (int i = 0; i < j; i++)
            if (m->axis_of[j] >= 0 && m->axis_of[j] == m->axis_of[i])
                return false;
    return true;
}

static bool all_matched(const struct match *m)
{
    for (int j = 0; j < m->r->rank; j++)
        if (m->axis_of[j] < 0 && !pt2_is_int(m->r->outer[j], 1))
            return false;
    return true;
}

/* Siblings: no register is read, but the spaces are equal axis by axis. */
static bool same_space(struct match *m)
{
    const struct pt2_value *v = m->n->outs[0];
    if (v->rank != m->r->rank)
        return false;
    for (int j = 0; j < m->r->rank; j++) {
        if (!pt2_prove_eq(m->f->E, v->shape[j], m->r->outer[j]))
            return false;
        if (!pt2_is_int(m->r->outer[j], 1))
            m->axis_of[j] = j;
    }
    return true;
}

static bool has_reduce(const struct pt2_region *r)
{
    for (uint32_t k = 0; k < r->members.count; k++)
        if (r->members.data[k].node->kind == PT2_NODE_REDUCE)
            return true;
    return false;
}

/* Every output axis of the node: outer axis, or -1. Axes of size 1 may be either; they take a free outer axis of
 * size 1. */
static int *outer_axes(struct fuse *f, const struct match *m)
{
    const struct pt2_value *v = m->n->outs[0];
    int *outer = PT2_NEW_N(f->arena, int, PT2_MAX_RANK);
    for (int k = 0; k < v->rank; k++) {
        outer[k] = -1;
        for (int j = 0; j < m->r->rank; j++)
            if (m->axis_of[j] == k)
                outer[k] = j;
    }
    for (int k = 0, j = 0; k < v->rank; k++) {
        if (outer[k] >= 0 || !pt2_is_int(v->shape[k], 1))
            continue;
        while (j < m->r->rank && !pt2_is_int(m->r->outer[j], 1))
            j++;
        if (j < m->r->rank)
            outer[k] = j++;
    }
    return outer;
}

static bool only_at_points(const struct match *m, const int *outer)
{
    const struct pt2_value *v = m->n->outs[0];
    if (m->n->kind == PT2_NODE_MAP)
        return true;
    for (int k = 0; k < v->rank; k++) /* a REDUCE inside a loop would need a loop around it */
        if (outer[k] < 0 && !pt2_is_int(v->shape[k], 1))
            return false;
    return true;
}

/* The region's points are too few to fill the device with the node's elements, which alone would. */
static bool leaves_idle(const struct fuse *f, const struct pt2_node *n, const struct pt2_region *r)
{
    const struct pt2_value *v = n->outs[0];
    int64_t points = pt2_product(f->E, r->rank, r->outer)->hi, units = f->caps->compute_units;
    return !f->caps->interprets && points < (units > 0 ? units : FEW_UNITS) &&
           pt2_product(f->E, v->rank, v->shape)->lo >= points * LONG_ROW;
}

struct buffers {
    const struct pt2_value *list[MAX_BUFFERS + 1];
    int count;
};

static void add_buffer(void *ctx, struct pt2_value *v)
{
    struct buffers *b = ctx;
    for (int k = 0; k < b->count; k++)
        if (b->list[k] == v)
            return;
    if (b->count <= MAX_BUFFERS)
        b->list[b->count++] = v;
}

/* Counts what the members read and, at most, write: devices bind few buffers. */
static bool too_many_buffers(struct fuse *f, struct pt2_node *n, const struct pt2_region *r, int limit)
{
    struct buffers b = { .count = 0 };
    pt2_node_uses(f->g, n, add_buffer, &b);
    add_buffer(&b, n->outs[0]);
    for (uint32_t k = 0; k < r->members.count; k++) {
        pt2_node_uses(f->g, r->members.data[k].node, add_buffer, &b);
        add_buffer(&b, r->members.data[k].node->outs[0]);
    }
    return b.count > limit;
}

/* One kernel would be too much for a driver's compiler. */
static bool too_heavy(const struct pt2_node *n, const struct pt2_region *r)
{
    int weight = pt2_weight(n->body);
    for (uint32_t k = 0; k < r->members.count; k++)
        weight += pt2_weight(r->members.data[k].node->body);
    return weight > PT2_MAX_WEIGHT;
}

static bool try_join(struct fuse *f, struct pt2_node *n, struct pt2_region *r)
{
    struct match m = { .f = f, .r = r, .n = n, .ok = true };
    if (!r->sequential || r->members.count >= MAX_MEMBERS || (n->kind != PT2_NODE_MAP && n->kind != PT2_NODE_REDUCE) ||
        r->rank >= PT2_MAX_RANK || (r->attention && n->kind != PT2_NODE_MAP))
        return false;
    for (int j = 0; j < PT2_MAX_RANK; j++)
        m.axis_of[j] = -1;
    pt2_visit(n->body, match_load, &m);
    if (!m.ok || !has_reduce(r))
        return false;
    if (!m.any && (n->kind != PT2_NODE_REDUCE || !same_space(&m)))
        return false;
    if (!all_matched(&m) || !injective(&m) || too_many_buffers(f, n, r, m.any ? MAX_BUFFERS : MAX_SIBLING_BUFFERS) ||
        too_heavy(n, r) || depends_through_another(f, n, r))
        return false;
    int *outer = outer_axes(f, &m);
    if (!only_at_points(&m, outer) || leaves_idle(f, n, r))
        return false;
    struct pt2_member member = { n, outer, false };
    pt2_push(f->arena, &r->members, member);
    return true;
}

/* ---- regions of one node ---- */

static bool alone_in(pt2_ex e, int axis)
{
    if (e->op == PT2_E_VAR)
        return e->i == axis;
    if (e->op == PT2_E_ADD || e->op == PT2_E_MUL) {
        bool seen = false;
        for (int k = 0; k < e->num_args; k++) {
            if (e->args[k]->has & PT2_HAS_LOAD)
                return false;
            if (!(e->args[k]->has & PT2_HAS_VAR))
                continue;
            if (seen || !alone_in(e->args[k], axis))
                return false;
            seen = true;
        }
        return seen;
    }
    return false;
}

/* Update axis k may run in parallel when an index of the target is a function of it alone. Each index serves one axis.
 */
static bool parallel_axis(const struct pt2_node *n, int axis)
{
    if (n->distinct)
        return true;
    for (int k = 0; k < n->base->rank; k++)
        if (alone_in(n->index[k], axis))
            return true;
    return false;
}

static struct pt2_region *new_region(struct fuse *f)
{
    struct pt2_region *r = PT2_NEW(f->arena, struct pt2_region);
    r->id = f->p->regions.count;
    r->outer = PT2_NEW_N(f->arena, pt2_ex, PT2_MAX_RANK * 2);
    pt2_push(f->arena, &f->p->regions, r);
    return r;
}

static void add_outer(struct pt2_region *r, int *outer, int axis, pt2_ex extent)
{
    outer[axis] = r->rank;
    r->outer[r->rank++] = extent;
}

static struct pt2_region *region_for(struct fuse *f, struct pt2_node *n)
{
    struct pt2_region *r = new_region(f);
    const struct pt2_value *v = n->outs[0];
    int *outer = PT2_NEW_N(f->arena, int, PT2_MAX_RANK * 2);
    int axes = n->kind == PT2_NODE_SCATTER ? n->num_axes : n->kind >= PT2_NODE_LIBRARY ? 0 : v->rank;
    for (int k = 0; k < axes; k++) {
        bool inner = n->kind == PT2_NODE_SCAN ? k == n->axis : n->kind == PT2_NODE_SCATTER && !parallel_axis(n, k);
        outer[k] = -1;
        if (!inner)
            add_outer(r, outer, k, n->kind == PT2_NODE_SCATTER ? n->axes[k] : v->shape[k]);
    }
    r->sequential = n->kind == PT2_NODE_MAP || n->kind == PT2_NODE_REDUCE;
    struct pt2_member m = { n, outer, true };
    pt2_push(f->arena, &r->members, m);
    return r;
}

/* The region of a whole attention, over the space of its last node. */
static struct pt2_region *region_for_attention(struct fuse *f, const struct pt2_found *a)
{
    struct pt2_region *r = new_region(f);
    int *inside = PT2_NEW_N(f->arena, int, PT2_MAX_RANK), *outer = PT2_NEW_N(f->arena, int, PT2_MAX_RANK);
    const struct pt2_value *v = a->nodes[a->count - 1]->outs[0];
    for (int k = 0; k < PT2_MAX_RANK; k++)
        inside[k] = -1; /* no register of the region's points */
    for (int k = 0; k < v->rank; k++)
        add_outer(r, outer, k, v->shape[k]);
    for (int k = 0; k < a->count; k++) {
        struct pt2_member m = { a->nodes[k], k < a->count - 1 ? inside : outer, true };
        pt2_push(f->arena, &r->members, m);
    }
    r->sequential = true;
    r->attention = a->attention;
    r->num_inside = (uint32_t)a->count;
    return r;
}

/* ---- candidates: the regions of what the node reads; for a REDUCE also those that read the same values ---- */

struct candidates {
    struct fuse *f;
    struct pt2_node *n;
    struct pt2_region *joined;
};

static void try_region_of(void *ctx, struct pt2_value *v)
{
    struct candidates *c = ctx;
    struct pt2_region *r = c->f->region_of[v->id];
    if (!c->joined && r && try_join(c->f, c->n, r))
        c->joined = r;
}

static void note_load(void *ctx, struct pt2_value *v)
{
    bool **flags = ctx;
    (*flags)[v->id] = true;
}

struct shares {
    const bool *reads;
    bool found;
};

static void find_shared(void *ctx, struct pt2_value *v)
{
    struct shares *s = ctx;
    s->found |= s->reads[v->id];
}

/* Large contractions keep a kernel of their own, which is tiled; small ones (the heads of a network) are cheaper
 * together. */
static bool large_product(struct fuse *f, const struct pt2_node *n)
{
    pt2_ex size = pt2_product(f->E, n->outs[0]->rank, n->outs[0]->shape);
    return n->body->op == PT2_E_MUL && (!pt2_is_const(size) || size->i > SMALL_PRODUCT);
}

/* A REDUCE over the same space that reads a value the region reads. Only recent regions are looked at. */
static void try_sibling(struct candidates *c)
{
    struct fuse *f = c->f;
    uint32_t n = f->p->regions.count;
    if (large_product(f, c->n))
        return;
    bool *reads = calloc(f->g->module->values.count + 1u, 1);
    if (!reads)
        return;
    pt2_node_uses(f->g, c->n, note_load, &reads);
    for (uint32_t k = n; k-- > 0 && k + 8 > n && !c->joined;) {
        struct pt2_region *r = f->p->regions.data[k];
        struct shares s = { reads, false };
        for (uint32_t j = 0; j < r->members.count; j++)
            pt2_node_uses(f->g, r->members.data[j].node, find_shared, &s);
        if (s.found && try_join(f, c->n, r))
            c->joined = r;
    }
    free(reads);
}

/* A SCATTER overwrites its base in place: what reads the base must have run. */
static void wait_for_readers(struct fuse *f, struct pt2_node *scatter, struct pt2_region *r)
{
    struct depend d = { f, r };
    for (uint32_t k = 0; k < f->g->nodes.count && f->g->nodes.data[k] != scatter; k++) {
        struct pt2_node *n = f->g->nodes.data[k];
        if (n->num_outs && pt2_node_reads(f->g, n, scatter->base))
            add_dependency(&d, n->outs[0]);
    }
}

static void place_attention(struct fuse *f, const struct pt2_found *a)
{
    struct pt2_region *r = region_for_attention(f, a);
    struct depend d = { f, r };
    for (int k = 0; k < a->count; k++)
        f->region_of[a->nodes[k]->outs[0]->id] = r;
    for (int k = 0; k < a->count; k++)
        pt2_node_uses(f->g, a->nodes[k], add_dependency, &d);
}

static bool runs_in_steps(const struct fuse *f, const struct pt2_found *a)
{
    for (uint32_t k = 0; k < f->p->in_steps.count; k++)
        if (f->p->in_steps.data[k] == a->nodes[a->count - 1])
            return true;
    return false;
}

/* The node's attention is placed where its last node stands. */
static bool inside_attention(struct fuse *f, const struct pt2_node *n)
{
    for (int k = 0; k < f->num_attentions; k++) {
        if (runs_in_steps(f, &f->attentions[k]))
            continue;
        for (int j = 0; j < f->attentions[k].count; j++)
            if (f->attentions[k].nodes[j] == n) {
                if (j == f->attentions[k].count - 1)
                    place_attention(f, &f->attentions[k]);
                return true;
            }
    }
    return false;
}

/* The regions that make the parts of a value, so far. */
struct makers {
    struct fuse *f;
    PT2_VEC(struct pt2_region *) regions;
    bool ordered;
};

static bool is_pointwise(const struct pt2_region *r)
{
    for (uint32_t k = 0; k < r->members.count; k++)
        if (r->members.data[k].node->kind != PT2_NODE_MAP)
            return false;
    return true;
}

/* Regions with more to do than moving data that do not depend on each other must stay so: slices of one value share a
 * buffer, and those who write it wait for each other (schedule.c). */
static void note_maker(void *ctx, struct pt2_value *v)
{
    struct makers *m = ctx;
    const struct fuse *f = m->f;
    struct pt2_region *r = f->region_of[v->id];
    if (v->def->joined)
        pt2_node_uses(f->g, v->def, note_maker, m);
    if (!r || is_pointwise(r))
        return;
    for (uint32_t k = 0; k < m->regions.count; k++) {
        uint32_t a = m->regions.data[k]->id, b = r->id;
        m->ordered &= a == b || f->reaches[a * f->cap + b] || f->reaches[b * f->cap + a];
    }
    pt2_push(f->arena, &m->regions, r);
}

/* Made since the host last took part, by a kernel. */
static bool is_open(void *ctx, struct pt2_value *v)
{
    struct makers *m = ctx;
    const struct pt2_region *r = m->f->region_of[v->id];
    note_maker(m, v);
    return m->ordered && (r ? r->id >= m->f->closed : v->def->joined);
}

/* Kernels that make parts bind the whole. */
static bool can_bind(const struct fuse *f, const struct pt2_node *n)
{
    return pt2_least_bytes(n->outs[0]) <= f->caps->max_buffer_range;
}

static void place_node(struct fuse *f, struct pt2_node *n, bool fusion, bool joins)
{
    struct makers makers = { .f = f, .ordered = true };
    if (inside_attention(f, n) || (joins && can_bind(f, n) && pt2_plan_join(f->g, n, f->dense, is_open, &makers)))
        return;
    struct candidates c = { f, n, NULL };
    if (fusion && (n->kind == PT2_NODE_MAP || n->kind == PT2_NODE_REDUCE))
        pt2_node_uses(f->g, n, try_region_of, &c);
    if (fusion && !c.joined && n->kind == PT2_NODE_REDUCE)
        try_sibling(&c);
    struct pt2_region *r = c.joined ? c.joined : region_for(f, n);
    for (int k = 0; k < n->num_outs; k++)
        f->region_of[n->outs[k]->id] = r;
    struct depend d = { f, r };
    pt2_node_uses(f->g, n, add_dependency, &d);
    if (n->kind == PT2_NODE_SCATTER)
        wait_for_readers(f, n, r);
    if (c.joined)
        propagate(f, r);
}

/* ---- which results must be in memory ---- */

static void mark_read(void *ctx, struct pt2_value *v)
{
    struct depend *d = ctx;
    if (d->f->region_of[v->id] != d->r)
        d->f->uses[v->id]++;
}

static void mark_stores(struct fuse *f)
{
    for (uint32_t k = 0; k < f->g->nodes.count; k++) {
        struct pt2_node *n = f->g->nodes.data[k];
        struct depend d = { f, n->num_outs ? f->region_of[n->outs[0]->id] : NULL };
        pt2_node_uses(f->g, n, mark_read, &d);
    }
    for (uint32_t k = 0; k < f->g->outputs.count; k++)
        f->uses[f->g->outputs.data[k]->id]++;
    for (uint32_t k = 0; k < f->p->regions.count; k++) {
        struct pt2_region *r = f->p->regions.data[k];
        for (uint32_t j = 0; j < r->members.count; j++) {
            struct pt2_member *m = &r->members.data[j];
            m->store = f->uses[m->node->outs[0]->id] > 0 || r->members.count == 1;
        }
    }
}

static bool makes_region(const struct pt2_node *n)
{
    switch (n->kind) {
    case PT2_NODE_MAP:
    case PT2_NODE_REDUCE:
    case PT2_NODE_SCAN:
    case PT2_NODE_SCATTER:
    case PT2_NODE_SORT:
    case PT2_NODE_LIBRARY:
    case PT2_NODE_CUSTOM:
        return true;
    default: return false;
    }
}

/* The host takes part here: nothing may move from behind it to before it. */
static void close_regions(struct fuse *f)
{
    f->closed = f->p->regions.count;
    for (uint32_t k = 0; k < f->closed; k++)
        f->p->regions.data[k]->sequential = false;
}

static void place_nodes(struct fuse *f, const struct pt2_plan_params *params)
{
    bool fusion = pt2_has_opt(params->without, PT2_OPT_FUSE);
    bool joins = pt2_has_opt(params->without, PT2_OPT_CONCAT);
    for (uint32_t k = 0; k < f->g->nodes.count; k++)
        if (makes_region(f->g->nodes.data[k]))
            place_node(f, f->g->nodes.data[k], fusion, joins);
        else if (f->g->nodes.data[k]->kind >= PT2_NODE_ITEM)
            close_regions(f);
}

void pt2_plan_fuse(struct pt2_plan *p, const struct pt2_plan_params *params)
{
    struct pt2_graph *g = p->graph;
    size_t values = g->module->values.count + 1u;
    struct fuse f = { .p = p, .g = g, .E = &g->module->exprs, .arena = &g->module->arena, .cap = g->nodes.count + 1,
                      .caps = &params->devices[0].caps };
    f.region_of = calloc(values, sizeof *f.region_of);
    f.uses = calloc(values, sizeof *f.uses);
    f.reaches = calloc((size_t)f.cap * f.cap, sizeof *f.reaches);
    if (f.region_of && f.uses && f.reaches) {
        f.attentions = pt2_attention_find(g, params, &f.num_attentions);
        pt2_plan_part(g);
        f.dense = pt2_find_dense(g, f.arena);
        place_nodes(&f, params);
        mark_stores(&f);
    }
    free(f.region_of);
    free(f.uses);
    free(f.reaches);
}
