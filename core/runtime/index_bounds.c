/* SPDX-License-Identifier: MIT
 * Bounds of indices, pushed down from where they are used to the inputs that they come from: if lo <= e <= hi shall
 * hold, what must hold for the operands of e? Demands of arms that may not be taken count only where they leave
 * something of the others. */
#include "runtime/index_bounds.h"

enum { MAX_DEPTH = 64, MAX_STEPS = 200000 };

struct tracer {
    struct pt2_module *m;
    const int64_t *values;
    const uint8_t *known;
    struct pt2_bounds *bounds;        /* by input of the main graph */
    const struct pt2_value **callers; /* by value id: an input of a sub-graph is this value of the caller's */
    int steps;
    bool only_certain; /* this time */
};

struct demand {
    struct pt2_bounds b;
    bool certain;
    int depth;
};

static void demand_value(struct tracer *t, const struct pt2_value *v, struct demand d);
static void demand_expr(struct tracer *t, pt2_ex e, struct demand d);

static struct demand with_bounds(struct demand d, int64_t lo, int64_t hi)
{
    d.b = (struct pt2_bounds){ lo, hi };
    return d;
}

static struct demand uncertain(struct demand d)
{
    d.certain = false;
    return d;
}

static bool is_open(int64_t bound)
{
    return bound <= -PT2_INF || bound >= PT2_INF;
}

static int64_t shifted(int64_t bound, int64_t by)
{
    return is_open(bound) || is_open(by) ? bound : bound + by;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b && (a < 0) != (b < 0) ? q - 1 : q;
}

/* ---- expressions ---- */

/* Each term may take what the others leave, whose own ranges are known; terms that are open share. */
static void demand_terms(struct tracer *t, pt2_ex e, struct demand d)
{
    int64_t least = 0, most = 0, open = 0;
    for (int i = 0; i < e->num_args; i++) {
        bool closed = !is_open(e->args[i]->lo) && !is_open(e->args[i]->hi);
        least += closed ? e->args[i]->lo : 0;
        most += closed ? e->args[i]->hi : 0;
        open += !closed;
    }
    int64_t lo = shifted(d.b.lo, -least), hi = shifted(d.b.hi, -most);
    for (int i = 0; i < e->num_args; i++) {
        pt2_ex arg = e->args[i];
        if (is_open(arg->lo) || is_open(arg->hi))
            demand_expr(t, arg, with_bounds(d, is_open(lo) ? lo : floor_div(lo + open - 1, open),
                                            is_open(hi) ? hi : floor_div(hi, open)));
    }
}

static void demand_product(struct tracer *t, pt2_ex e, struct demand d)
{
    int64_t factor = 1;
    pt2_ex other = NULL;
    for (int i = 0; i < e->num_args; i++) {
        if (e->args[i]->op == PT2_E_CONST && e->args[i]->i > 0 && e->args[i]->i < INT32_MAX)
            factor *= e->args[i]->i;
        else if (other || e->args[i]->op == PT2_E_CONST)
            return;
        else
            other = e->args[i];
    }
    if (other && factor < INT32_MAX)
        demand_expr(t, other, with_bounds(d, is_open(d.b.lo) ? d.b.lo : floor_div(d.b.lo + factor - 1, factor),
                                          is_open(d.b.hi) ? d.b.hi : floor_div(d.b.hi, factor)));
}

static void demand_difference(struct tracer *t, pt2_ex e, struct demand d)
{
    pt2_ex a = e->args[0], b = e->args[1];
    if (b->op == PT2_E_CONST)
        demand_expr(t, a, with_bounds(d, shifted(d.b.lo, b->i), shifted(d.b.hi, b->i)));
    else if (a->op == PT2_E_CONST)
        demand_expr(t, b, with_bounds(d, is_open(d.b.hi) ? -PT2_INF : a->i - d.b.hi,
                                      is_open(d.b.lo) ? PT2_INF : a->i - d.b.lo));
}

static void demand_quotient(struct tracer *t, pt2_ex e, struct demand d)
{
    int64_t by = e->args[1]->op == PT2_E_CONST ? e->args[1]->i : 0;
    if (by > 0 && by < INT32_MAX && !is_open(d.b.lo) && !is_open(d.b.hi) && d.b.hi < INT32_MAX)
        demand_expr(t, e->args[0], with_bounds(d, d.b.lo * by, d.b.hi * by + by - 1));
}

static void demand_expr(struct tracer *t, pt2_ex e, struct demand d)
{
    if (++t->steps > MAX_STEPS || ++d.depth > MAX_DEPTH)
        return;
    switch (e->op) {
    case PT2_E_LOAD: demand_value(t, t->m->values.data[e->i], d); break;
    case PT2_E_CAST: demand_expr(t, e->args[0], d); break;
    case PT2_E_CHECK: demand_expr(t, e->args[0], d); break;
    case PT2_E_ADD: demand_terms(t, e, d); break;
    case PT2_E_SUB: demand_difference(t, e, d); break;
    case PT2_E_MUL: demand_product(t, e, d); break;
    case PT2_E_FLOORDIV: demand_quotient(t, e, d); break;
    case PT2_E_NEG: demand_expr(t, e->args[0], with_bounds(d, -d.b.hi, -d.b.lo)); break;
    case PT2_E_SELECT:
        demand_expr(t, e->args[1], uncertain(d));
        demand_expr(t, e->args[2], uncertain(d));
        break;
    case PT2_E_MIN: case PT2_E_MAX:
        demand_expr(t, e->args[0], uncertain(d));
        demand_expr(t, e->args[1], uncertain(d));
        break;
    default: break;
    }
}

/* ---- values ---- */

static void demand_input(struct tracer *t, const struct pt2_node *n, struct demand d)
{
    struct pt2_bounds *b = &t->bounds[n->input], both = *b;
    both.lo = d.b.lo > both.lo ? d.b.lo : both.lo;
    both.hi = d.b.hi < both.hi ? d.b.hi : both.hi;
    if (d.certain == t->only_certain && (d.certain || both.lo <= both.hi))
        *b = both;
}

/* A sum of n terms that are alike. */
static void demand_sum(struct tracer *t, const struct pt2_node *n, int num_axes, const pt2_ex *extents,
                       struct demand d)
{
    int64_t count = 1, extent;
    for (int k = 0; k < num_axes; k++)
        if (pt2_eval(&t->m->exprs, extents[k], t->values, t->known, &extent) != PT2_OK || extent < 1 ||
            __builtin_mul_overflow(count, extent, &count))
            return;
    demand_expr(t, n->body, with_bounds(d, d.b.lo > 0 ? d.b.lo : is_open(d.b.lo) ? d.b.lo : d.b.lo / count,
                                        is_open(d.b.hi) ? d.b.hi : floor_div(d.b.hi, count)));
}

static void demand_value(struct tracer *t, const struct pt2_value *v, struct demand d)
{
    const struct pt2_node *n = v->def;
    if (++t->steps > MAX_STEPS || ++d.depth > MAX_DEPTH)
        return;
    switch (n->kind) {
    case PT2_NODE_INPUT:
        if (t->callers[v->id])
            demand_value(t, t->callers[v->id], d);
        else if (v == t->m->graphs.data[0]->inputs.data[n->input])
            demand_input(t, n, d);
        break;
    case PT2_NODE_MAP: demand_expr(t, n->body, d); break;
    case PT2_NODE_REDUCE:
    case PT2_NODE_SCAN:
        if (n->op == PT2_RED_SUM)
            demand_sum(t, n, n->kind == PT2_NODE_SCAN ? 1 : n->num_axes,
                       n->kind == PT2_NODE_SCAN ? &v->shape[n->axis] : n->axes, d);
        else if (n->op == PT2_RED_MAX || n->op == PT2_RED_MIN)
            demand_expr(t, n->body, d);
        break;
    case PT2_NODE_SCATTER:
        demand_value(t, n->base, uncertain(d));
        demand_expr(t, n->body, uncertain(d));
        break;
    case PT2_NODE_SORT:
        if (v == n->outs[0])
            demand_value(t, n->base, d);
        break;
    case PT2_NODE_CALL:
    case PT2_NODE_LOOP:
        for (int j = 0; j < (n->kind == PT2_NODE_CALL ? 2 : 1); j++)
            for (int k = 0; k < n->num_outs && n->graphs[j]; k++)
                if (n->outs[k] == v)
                    demand_value(t, n->graphs[j]->outputs.data[k], uncertain(d));
        break;
    default: break;
    }
}

/* ---- where demands arise ---- */

static void see_check(void *ctx, pt2_ex e)
{
    struct tracer *t = ctx;
    int64_t size;
    if (e->op == PT2_E_CHECK && pt2_eval(&t->m->exprs, e->args[1], t->values, t->known, &size) == PT2_OK && size > 0)
        demand_expr(t, e->args[0], (struct demand){ { 0, size - 1 }, true, 0 });
}

static void see_expr(void *ctx, pt2_ex *e)
{
    pt2_visit(*e, see_check, ctx);
}

static void see_graph(struct tracer *t, const struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct pt2_node *n = g->nodes.data[k];
        pt2_node_exprs(n, see_expr, t);
        if (n->kind == PT2_NODE_ITEM) {
            const struct pt2_symbol *s = &t->m->exprs.symbols.data[n->symbol];
            demand_value(t, n->base, (struct demand){ { s->lo, s->hi }, true, 0 });
        }
    }
}

static void find_callers(struct tracer *t, const struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        const struct pt2_node *n = g->nodes.data[k];
        for (int j = 0; j < 2; j++)
            for (int i = 0; n->graphs[j] && i < n->num_args && (uint32_t)i < n->graphs[j]->inputs.count; i++)
                t->callers[n->graphs[j]->inputs.data[i]->id] = n->args[i];
    }
}

const struct pt2_bounds *pt2_index_bounds(struct pt2_module *m, const int64_t *values, const uint8_t *known,
                                          struct pt2_arena *arena)
{
    uint32_t inputs = m->graphs.data[0]->inputs.count;
    struct tracer t = { .m = m, .values = values, .known = known,
                        .bounds = PT2_NEW_N(arena, struct pt2_bounds, inputs + 1),
                        .callers = PT2_NEW_N(arena, const struct pt2_value *, m->values.count + 1) };
    for (uint32_t k = 0; k < inputs; k++)
        t.bounds[k] = (struct pt2_bounds){ -PT2_INF, PT2_INF };
    for (uint32_t g = 0; g < m->graphs.count; g++)
        find_callers(&t, m->graphs.data[g]);
    for (int pass = 0; pass < 2; pass++) {
        t.only_certain = pass == 0;
        t.steps = 0;
        for (uint32_t g = 0; g < m->graphs.count; g++)
            see_graph(&t, m->graphs.data[g]);
    }
    return t.bounds;
}
