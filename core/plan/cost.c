/* SPDX-License-Identifier: MIT
 * What each kernel costs at least, counted in the nodes it is made of; see struct pt2_cost. */
#include "plan/plan.h"

/* ---- arithmetic ---- */

static bool computes(pt2_ex e)
{
    switch (e->op) {
    case PT2_E_CONST:
    case PT2_E_SYM:
    case PT2_E_VAR:
    case PT2_E_LOAD:
    case PT2_E_CAST:
    case PT2_E_BITCAST:
    case PT2_E_ROUNDTO:
    case PT2_E_SELECT:
    case PT2_E_CHECK: return false;
    default: return e->dtype != PT2_IDX && e->dtype != PT2_BOOL;
    }
}

static void count_operation(void *ctx, pt2_ex e)
{
    int64_t *n = ctx;
    if (computes(e))
        *n += e->num_args > 2 ? e->num_args - 1 : 1;
}

static int64_t operations(pt2_ex body)
{
    int64_t n = 0;
    if (body)
        pt2_visit(body, count_operation, &n);
    return n;
}

/* A sum of products of two different factors. What it takes to fetch the factors (padding, scaling) is not its work. */
static bool is_contraction(const struct pt2_node *n)
{
    return n->kind == PT2_NODE_REDUCE && n->op == PT2_RED_SUM && n->body->op == PT2_E_MUL && n->body->num_args == 2 &&
           n->body->args[0] != n->body->args[1] && (n->body->args[0]->has & PT2_HAS_LOAD) &&
           (n->body->args[1]->has & PT2_HAS_LOAD);
}

static int64_t operations_per_point(const struct pt2_node *n)
{
    bool combines = n->kind == PT2_NODE_REDUCE || n->kind == PT2_NODE_SCAN ||
                    (n->kind == PT2_NODE_SCATTER && n->op != PT2_RED_SET);
    return is_contraction(n) ? 2 : operations(n->body) + combines;
}

/* How often the body of a node is evaluated. */
static pt2_ex evaluations(struct pt2_exprs *E, const struct pt2_node *n)
{
    pt2_ex inner = pt2_product(E, n->num_axes, n->axes);
    return n->kind == PT2_NODE_SCATTER ? inner
                                       : pt2_mul(E, pt2_product(E, n->outs[0]->rank, n->outs[0]->shape), inner);
}

/* ---- bytes ---- */

static pt2_ex bytes_of(struct pt2_exprs *E, const struct pt2_value *v, pt2_ex elements)
{
    return pt2_muli(E, elements, (int64_t)pt2_dtype_size(v->dtype));
}

static pt2_ex size_of(struct pt2_exprs *E, const struct pt2_value *v)
{
    return bytes_of(E, v, pt2_product(E, v->rank, v->shape));
}

struct reach {
    struct pt2_exprs *E;
    uint64_t axes; /* seen */
    pt2_ex points;
};

static void note_axis(void *ctx, pt2_ex e)
{
    struct reach *r = ctx;
    if (e->op != PT2_E_VAR || r->axes >> e->i & 1)
        return;
    r->axes |= UINT64_C(1) << e->i;
    r->points = pt2_mul(r->E, r->points, e->args[0]);
}

struct reads {
    struct pt2_module *m;
    struct pt2_exprs *E;
    const struct pt2_value *value;
    pt2_ex elements;
};

/* A LOAD reaches at most one element for each point of the axes in its indices. */
static void note_load(void *ctx, pt2_ex e)
{
    struct reads *q = ctx;
    if (e->op != PT2_E_LOAD || pt2_whole_of(q->E, q->m->values.data[e->i], NULL) != q->value)
        return;
    struct reach r = { q->E, 0, pt2_idx(q->E, 1) };
    pt2_visit(e, note_axis, &r);
    q->elements = pt2_add(q->E, q->elements, r.points);
}

static void note_expression(void *ctx, pt2_ex *e)
{
    if (*e)
        pt2_visit(*e, note_load, ctx);
}

static bool made_in(const struct pt2_region *r, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < r->members.count; k++)
        if (v->def == r->members.data[k].node)
            return true;
    return false;
}

/* What the region reads of a value: each element once, and not those that no LOAD reaches. */
static pt2_ex bytes_read(struct pt2_module *m, const struct pt2_region *r, const struct pt2_value *v)
{
    struct pt2_exprs *E = &m->exprs;
    struct reads q = { m, E, v, pt2_idx(E, 0) };
    for (uint32_t k = 0; k < r->members.count; k++) {
        struct pt2_node *n = r->members.data[k].node;
        if (n->kind == PT2_NODE_SORT || n->num_args)
            return size_of(E, v);
        pt2_node_exprs(n, note_expression, &q);
    }
    return pt2_min(E, size_of(E, v), bytes_of(E, v, q.elements));
}

/* A SCATTER touches its updates only, what makes parts only these. */
static pt2_ex bytes_written(struct pt2_exprs *E, const struct pt2_region *r, struct pt2_value *v)
{
    pt2_ex parts = pt2_idx(E, 0);
    for (uint32_t k = 0; v->def->joined && k < r->members.count; k++) {
        struct pt2_value *out = r->members.data[k].node->outs[0];
        if (r->members.data[k].store && pt2_whole_of(E, out, NULL) == v)
            parts = pt2_add(E, parts, size_of(E, out));
    }
    if (v->def->joined)
        return parts;
    return v->def->kind == PT2_NODE_SCATTER ? bytes_of(E, v, evaluations(E, v->def)) : size_of(E, v);
}

/* ---- regions ---- */

static struct pt2_cost cost_of(struct pt2_module *m, const struct pt2_region *r)
{
    struct pt2_exprs *E = &m->exprs;
    struct pt2_cost c = { pt2_idx(E, 0), pt2_idx(E, 0), pt2_idx(E, 0) };
    for (uint32_t k = 0; k < r->members.count; k++) {
        const struct pt2_node *n = r->members.data[k].node;
        if (n->num_args)
            c.operations = NULL;
        else if (n->kind != PT2_NODE_SORT && c.operations)
            c.operations = pt2_add(E, c.operations, pt2_muli(E, evaluations(E, n), operations_per_point(n)));
        if (n->kind == PT2_NODE_SCATTER && n->op != PT2_RED_SET)
            c.read = pt2_add(E, c.read, bytes_written(E, r, n->outs[0]));
    }
    for (int k = 0; k < r->num_bufs; k++) {
        if (r->kernel->bufs[k].read && !made_in(r, r->bufs[k]))
            c.read = pt2_add(E, c.read, bytes_read(m, r, r->bufs[k]));
        if (r->kernel->bufs[k].write)
            c.written = pt2_add(E, c.written, bytes_written(E, r, r->bufs[k]));
    }
    return c;
}

void pt2_plan_cost(struct pt2_plan *p)
{
    for (uint32_t k = 0; k < p->regions.count; k++)
        p->regions.data[k]->cost = cost_of(p->graph->module, p->regions.data[k]);
}
