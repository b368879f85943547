/* SPDX-License-Identifier: MIT
 * Sums of products of small integers, as quantised models have them, are computed in float32, which is exact as long as
 * no sum can leave the 24 bits of its significand: then kernels for products of matrices apply, cooperative matrices
 * too where both factors are also exact in float16. A depth over which the bound does not hold is cut into parts over
 * which it does; their sums are added as integers.
 *
 * With |a * b| <= B (128 * 128 for int8) a part has 2^24 / B elements or fewer. */
#include "expr/internal.h"
#include "pass/pass.h"

enum {
    EXACT = 1 << 24,
    LEAST_PART = 64,     /* elements: shorter ones would store more than they read */
    MIN_WORK = 1 << 14,  /* products, of the whole */
};

struct products {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    struct pt2_node *n;
    pt2_ex factors[2];
    int axis;            /* of the reduced ones, which is cut */
    int64_t part;        /* elements of it in a part */
};

/* ---- which nodes, and how they are cut ---- */

static bool is_int(pt2_ex e) { return !pt2_is_float_type(e->dtype) && e->dtype != PT2_U64; }

/* A conversion to a type that has all values. */
static bool widens(pt2_ex e)
{
    return e->op == PT2_E_CAST && is_int(e) && is_int(e->args[0]) && pt2_exact_in(e->dtype, e->args[0]);
}

/* The integer before such conversions, also those that made a value which is only read here. */
static pt2_ex narrow(const struct products *p, pt2_ex e)
{
    for (;;) {
        const struct pt2_node *def = e->op == PT2_E_LOAD ? p->g->module->values.data[e->i]->def : NULL;
        if (def && def->kind == PT2_NODE_MAP && widens(def->body))
            e = pt2_subst_vars(p->E, def->body, e->num_args, e->args);
        else if (widens(e))
            e = e->args[0];
        else
            return e;
    }
}

static bool find_factors(struct products *p)
{
    pt2_ex e = narrow(p, p->n->body);
    if (e->op != PT2_E_MUL || e->num_args != 2 || !is_int(e))
        return false;
    for (int k = 0; k < 2; k++)
        p->factors[k] = narrow(p, e->args[k]);
    return true;
}

static int64_t magnitude(pt2_ex e)
{
    return pt2_max64(pt2_max64(e->hi, e->lo > -PT2_INF ? -e->lo : PT2_INF), 1);
}

/* Of a factor: what is read has the bounds of the body that made it, too. */
static int64_t factor_magnitude(const struct products *p, pt2_ex e)
{
    const struct pt2_node *def = e->op == PT2_E_LOAD ? p->g->module->values.data[e->i]->def : NULL;
    return def && def->kind == PT2_NODE_MAP ? pt2_min64(magnitude(e), magnitude(def->body)) : magnitude(e);
}

/* Of the longest axis: the largest divisor that leaves a part no more than `most` elements. */
static bool choose_part(struct products *p, int64_t most)
{
    const struct pt2_node *n = p->n;
    int64_t others = 1;
    for (int k = 1; k < n->num_axes; k++)
        p->axis = n->axes[k]->hi > n->axes[p->axis]->hi ? k : p->axis;
    for (int k = 0; k < n->num_axes; k++)
        others = k == p->axis ? others : pt2_sat_mul(others, n->axes[k]->hi);
    pt2_ex size = n->axes[p->axis];
    most = others > 0 ? most / others : most;
    p->part = 0; /* all of it in one */
    if (size->hi <= most)
        return true;
    if (most < LEAST_PART || !pt2_is_const(size) || n->outs[0]->rank >= PT2_MAX_RANK)
        return false;
    for (p->part = most; size->i % p->part != 0;)
        p->part--;
    return p->part >= LEAST_PART;
}

static bool is_candidate(struct products *p)
{
    const struct pt2_node *n = p->n;
    const struct pt2_value *v = n->outs[0];
    if (n->kind != PT2_NODE_REDUCE || n->op != PT2_RED_SUM || n->num_axes < 1 || !is_int(n->body))
        return false;
    if (!find_factors(p))
        return false;
    int64_t bound = pt2_sat_mul(factor_magnitude(p, p->factors[0]), factor_magnitude(p, p->factors[1]));
    int64_t work = pt2_sat_mul(pt2_product(p->E, v->rank, v->shape)->hi, pt2_product(p->E, n->num_axes, n->axes)->hi);
    return work >= MIN_WORK && choose_part(p, EXACT / bound);
}

/* ---- the nodes ---- */

static pt2_ex in_floats(struct products *p)
{
    return pt2_mul(p->E, pt2_cast(p->E, PT2_F32, p->factors[0]), pt2_cast(p->E, PT2_F32, p->factors[1]));
}

static pt2_ex load_integer(struct products *p, const struct pt2_value *v, const pt2_ex *at)
{
    return pt2_cast(p->E, p->n->body->dtype, pt2_load(p->g, v, at));
}

/* A sum of floats, then a MAP that has its integer. */
static void in_one_part(struct products *p)
{
    struct pt2_node *n = p->n;
    const struct pt2_value *v = n->outs[0];
    pt2_ex at[PT2_MAX_RANK];
    const struct pt2_value *sum =
        pt2_node_reduce(p->g, PT2_RED_SUM, PT2_F32, v->rank, v->shape, n->num_axes, n->axes, in_floats(p));
    pt2_vars(p->g, v->rank, v->shape, 0, at);
    n->body = load_integer(p, sum, at);
    n->kind = PT2_NODE_MAP;
    n->num_axes = 0;
}

/* Sums of parts as floats, of which the first axis is the part; then the sum of these. */
static void in_parts(struct products *p)
{
    struct pt2_exprs *E = p->E;
    struct pt2_node *n = p->n;
    const struct pt2_value *v = n->outs[0];
    pt2_ex shape[PT2_MAX_RANK], axes[PT2_MAX_RANK], at[2 * PT2_MAX_RANK], part = pt2_idx(E, p->part);
    memcpy(axes, n->axes, (size_t)n->num_axes * sizeof *axes);
    shape[0] = pt2_floordiv(E, axes[p->axis], part);
    axes[p->axis] = part;
    memcpy(shape + 1, v->shape, (size_t)v->rank * sizeof *shape);
    pt2_vars(p->g, v->rank, v->shape, 1, at);
    pt2_vars(p->g, n->num_axes, axes, v->rank + 1, at + v->rank);
    pt2_ex *cut = &at[v->rank + p->axis];
    *cut = pt2_add(E, pt2_mul(E, pt2_var(E, 0, shape[0]), part), *cut);
    pt2_ex body = pt2_subst_vars(E, in_floats(p), v->rank + n->num_axes, at);
    const struct pt2_value *sums =
        pt2_node_reduce(p->g, PT2_RED_SUM, PT2_F32, v->rank + 1, shape, n->num_axes, axes, body);
    at[0] = pt2_var(E, v->rank, shape[0]);
    pt2_vars(p->g, v->rank, v->shape, 0, at + 1);
    n->body = load_integer(p, sums, at);
    n->num_axes = 1;
    n->axes = pt2_arena_copy(&p->g->module->arena, shape, sizeof *shape);
}

static bool replace(void *ctx, struct pt2_graph *g, struct pt2_node *n)
{
    struct products p = { .g = g, .E = &g->module->exprs, .n = n };
    (void)ctx;
    if (is_candidate(&p)) {
        (p.part ? in_parts : in_one_part)(&p);
        g->nodes.data[g->nodes.count - 1]->origin = n->origin;
    }
    return true;
}

void pt2_pass_products(struct pt2_graph *g) { pt2_graph_replace(g, replace, NULL); }
