/* SPDX-License-Identifier: MIT
 * What is too much for one kernel is cut: a subexpression becomes a MAP over the axes that it needs, and the node loads
 * its value. Again until the node fits.
 *
 * Devices bind a limited number of buffers to a kernel: of a body that reads too many values (a concatenation of many
 * parts, fused), the largest subexpression that reads few enough is taken. Drivers' compilers take too long for much
 * arithmetic (chains of transcendental functions, an operator that is long by itself): pass/heavy.c says where to cut.
 */
#include "pass/heavy.h"
#include "pass/pass.h"

#include <stdlib.h>

struct cut {
    pt2_ex best;
    int best_reads;
};

struct reads {
    uint32_t ids[PT2_MAX_READS + 2];
    int count; /* PT2_MAX_READS + 1: more than allowed */
};

static void note_read(void *ctx, pt2_ex e)
{
    struct reads *r = ctx;
    if (e->op != PT2_E_LOAD || r->count > PT2_MAX_READS)
        return;
    for (int k = 0; k < r->count; k++)
        if (r->ids[k] == (uint32_t)e->i)
            return;
    r->ids[r->count++] = (uint32_t)e->i;
}

static int count_reads(pt2_ex e)
{
    struct reads r = { .count = 0 };
    if (e->has & PT2_HAS_LOAD)
        pt2_visit(e, note_read, &r);
    return r.count;
}

static bool is_computed(pt2_ex e)
{
    return e->dtype != PT2_IDX && e->num_args && e->op != PT2_E_VAR && e->op != PT2_E_LOAD;
}

/* A subexpression must also shrink the count, so it reads at least two values. */
static void consider(void *ctx, pt2_ex e)
{
    struct cut *c = ctx;
    int n = is_computed(e) ? count_reads(e) : 0;
    if (n >= 2 && n <= PT2_MAX_READS && n > c->best_reads) {
        c->best = e;
        c->best_reads = n;
    }
}

static pt2_ex part_of_reads(const struct pt2_node *n)
{
    struct cut c = { NULL, 0 };
    if (count_reads(n->body) > PT2_MAX_READS)
        pt2_visit(n->body, consider, &c);
    return c.best;
}

/* ---- the MAP of a part ---- */

/* The variables of an expression, in their order. */
struct vars {
    pt2_ex list[PT2_MAX_RANK * 2];
    int count;
};

static void note_var(void *ctx, pt2_ex e)
{
    struct vars *v = ctx;
    int k = v->count;
    if (e->op != PT2_E_VAR)
        return;
    v->count++;
    for (; k > 0 && v->list[k - 1]->i > e->i; k--)
        v->list[k] = v->list[k - 1];
    v->list[k] = e;
}

static struct vars vars_of(pt2_ex e)
{
    struct vars v = { .count = 0 };
    pt2_visit(e, note_var, &v);
    return v;
}

static bool may_cut(pt2_ex e)
{
    return is_computed(e) && (e->has & (PT2_HAS_VAR | PT2_HAS_LOAD)) && count_reads(e) <= PT2_MAX_READS &&
           vars_of(e).count <= PT2_MAX_RANK;
}

/* The element of the part's value, in the range that the part is known to have. */
static pt2_ex load_part(struct pt2_exprs *E, pt2_ex part, const struct pt2_value *v, const struct vars *vars)
{
    pt2_ex e = pt2_load_raw(E, part->dtype, v->id, vars->count, vars->list);
    if (pt2_is_float_type(part->dtype) || part->dtype == PT2_BOOL)
        return e;
    pt2_ex high = pt2_int(E, part->dtype, part->hi), low = pt2_int(E, part->dtype, part->lo);
    e = part->hi < e->hi ? pt2_min(E, e, high) : e;
    return part->lo > e->lo ? pt2_max(E, e, low) : e;
}

/* The new MAP goes before the node it was cut from. */
static pt2_ex materialise(struct pt2_graph *g, uint32_t at, pt2_ex part)
{
    struct pt2_exprs *E = &g->module->exprs;
    struct vars vars = vars_of(part);
    pt2_ex shape[PT2_MAX_RANK * 2], to[PT2_MAX_RANK * 4] = { 0 };
    for (int k = 0; k < vars.count; k++) {
        shape[k] = vars.list[k]->args[0];
        to[vars.list[k]->i] = pt2_var(E, k, shape[k]);
    }
    pt2_ex body = pt2_subst_vars(E, part, PT2_MAX_RANK * 4, to);
    struct pt2_value *out = pt2_node_map(g, (pt2_dtype)part->dtype, vars.count, shape, body);
    out->def->origin = g->nodes.data[at]->origin;
    for (uint32_t k = g->nodes.count - 1; k > at; k--)
        g->nodes.data[k] = g->nodes.data[k - 1];
    g->nodes.data[at] = out->def;
    return load_part(E, part, out, &vars);
}

/* ---- */

struct replace {
    struct pt2_exprs *E;
    pt2_ex from, to;
};

static pt2_ex replace_one(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct replace *r = ctx;
    (void)E;
    return e == r->from ? r->to : e;
}

static void replace(void *ctx, pt2_ex *e)
{
    struct replace *r = ctx;
    *e = *e ? pt2_rewrite(r->E, *e, replace_one, r) : NULL;
}

/* True when a part was cut out of the node at `at`, which is then at `at` + 1. */
static bool cut_once(struct pt2_graph *g, uint32_t at)
{
    struct pt2_node *n = g->nodes.data[at];
    if (!n->body || n->num_outs == 0)
        return false;
    pt2_ex part = part_of_reads(n);
    if (!part)
        part = pt2_heavy_part(g->module, n, may_cut);
    if (!part)
        return false;
    struct replace r = { &g->module->exprs, part, materialise(g, at, part) };
    pt2_node_exprs(n, replace, &r);
    return true;
}

/* What is cut out is looked at next, and may be cut again. */
void pt2_pass_split(struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++)
        while (cut_once(g, k))
            ;
}
