/* SPDX-License-Identifier: MIT
 * A reduction with few results and a long way to each leaves most of a device idle: a sum of four million numbers is
 * one point. Such a node is cut into two: partial results over parts of one axis, then the reduction of these.
 *
 * With S results of L elements each and U units that can each run a few groups, the device is full when
 * S * parts >= 4 * U. A part should have some 16 thousand elements, which take as long as the second launch costs;
 * so L >= 2 * 16384 is needed, and parts <= L / 16384. Some devices also bound the turns of a loop. */
#include "expr/internal.h"
#include "plan/plan.h"

enum { PART = 16384, GROUPS_PER_UNIT = 4, LOOP_PART = 32768, FEW_UNITS = 16 };

struct cut {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    struct pt2_node *n;
    int rank;          /* of the results */
    int axis;          /* of the reduced axes, the one that is cut */
    int64_t parts;
    int64_t part;      /* elements of the axis in each */
    int64_t rest;      /* behind the last part; other axes are then of size 1 */
};

/* ---- how many parts ---- */

static int64_t bounded(pt2_ex e) { return e->hi < (INT64_C(1) << 40) ? e->hi : INT64_C(1) << 40; }

static int64_t wanted_parts(const struct cut *c, const struct pt2_caps *caps)
{
    const struct pt2_value *v = c->n->outs[0];
    int64_t length = 1, units = caps->compute_units > 0 ? caps->compute_units : FEW_UNITS, parts = 1;
    int64_t results = bounded(pt2_product(c->E, v->rank, v->shape));
    for (int k = 0; k < c->n->num_axes; k++)
        length = pt2_sat_mul(length, c->n->axes[k]->lo);
    if (length < 2 * PART)
        return 1;
    if (results < units)
        parts = (GROUPS_PER_UNIT * units + results - 1) / (results ? results : 1);
    if (parts > length / PART)
        parts = length / PART;
    if (caps->max_turns && length > caps->max_turns && parts < length / LOOP_PART + 1)
        parts = length / LOOP_PART + 1;
    return parts;
}

/* Positions are in the order of the axes, so only the first one can be cut; otherwise the longest is. */
static int axis_to_cut(const struct pt2_node *n)
{
    int best = -1;
    for (int k = 0; k < n->num_axes; k++) {
        if (pt2_is_int(n->axes[k], 1))
            continue;
        if (best < 0 || n->axes[k]->lo > n->axes[best]->lo)
            best = k;
        if (pt2_gives_position(n->op))
            break;
    }
    return best >= 0 && pt2_is_const(n->axes[best]) ? best : -1;
}

/* Parts of equal size, of a multiple of four elements if there can be; else a rest, where there are no other axes. */
static bool choose_parts(struct cut *c, int64_t wanted)
{
    int64_t size = c->n->axes[c->axis]->i;
    c->parts = 0;
    for (int64_t d = wanted; d <= 4 * wanted && d <= size; d++)
        if (size % d == 0 && (!c->parts || (size / d % 4 == 0 && size / c->parts % 4 != 0)))
            c->parts = d;
    if (!c->parts) {
        for (int k = 0; k < c->n->num_axes; k++)
            if (k != c->axis && !pt2_is_int(c->n->axes[k], 1))
                return false;
        c->parts = wanted < size ? wanted : size;
    }
    c->part = size / c->parts;
    c->rest = size % c->parts;
    return c->parts > 1;
}

/* ---- the nodes ---- */

/* The node's body with its axes behind one more, the part; the cut axis at `at`. */
static pt2_ex body_at(const struct cut *c, const struct pt2_node *n, pt2_ex at)
{
    pt2_ex to[2 * PT2_MAX_RANK] = { 0 };
    for (int k = 0; k < n->num_axes; k++)
        to[c->rank + k] = pt2_var(c->E, c->rank + 1 + k, n->axes[k]);
    to[c->rank + c->axis] = at;
    return pt2_subst_vars(c->E, n->body, c->rank + n->num_axes, to);
}

static struct pt2_value *add_partial(const struct cut *c, enum pt2_reduce_op op)
{
    const struct pt2_node *n = c->n;
    const struct pt2_value *v = n->outs[0];
    pt2_ex shape[PT2_MAX_RANK], axes[PT2_MAX_RANK], part = pt2_idx(c->E, c->part);
    memcpy(shape, v->shape, (size_t)v->rank * sizeof *shape);
    memcpy(axes, n->axes, (size_t)n->num_axes * sizeof *axes);
    shape[c->rank] = pt2_idx(c->E, c->parts);
    axes[c->axis] = part;
    pt2_ex at = pt2_add(c->E, pt2_mul(c->E, pt2_var(c->E, c->rank, shape[c->rank]), part),
                        pt2_var(c->E, c->rank + 1 + c->axis, part));
    pt2_dtype dtype = pt2_gives_position(op) ? PT2_I64 : (pt2_dtype)n->body->dtype;
    return pt2_node_reduce(c->g, op, dtype, c->rank + 1, shape, n->num_axes, axes, body_at(c, n, at));
}

/* Element (i…, q) of a partial result. */
static pt2_ex load_partial(const struct cut *c, const struct pt2_value *v, pt2_ex q)
{
    pt2_ex at[PT2_MAX_RANK];
    pt2_vars(c->g, c->rank, v->shape, 0, at);
    at[c->rank] = q;
    return pt2_load(c->g, v, at);
}

static pt2_ex first_rest(const struct cut *c) { return pt2_idx(c->E, c->parts * c->part); }

/* What is reduced in the end: q < parts is a partial result, the others are the elements of the rest. */
static pt2_ex final_body(const struct cut *c, const struct pt2_value *partial)
{
    struct pt2_exprs *E = c->E;
    pt2_ex parts = pt2_idx(E, c->parts), zero = pt2_idx(E, 0);
    pt2_ex q = pt2_var(E, c->rank, pt2_idx(E, c->parts + c->rest));
    if (!c->rest)
        return load_partial(c, partial, q);
    pt2_ex rest = pt2_min(E, pt2_max(E, pt2_sub(E, q, parts), zero), pt2_idx(E, c->rest - 1));
    pt2_ex to[2 * PT2_MAX_RANK] = { 0 };
    to[c->rank + c->axis] = pt2_add(E, first_rest(c), rest);
    pt2_ex element = pt2_subst_vars(E, c->n->body, c->rank + c->n->num_axes, to);
    return pt2_select(E, pt2_lt(E, q, parts), load_partial(c, partial, pt2_min(E, q, pt2_addi(E, parts, -1))), element);
}

static void set_final(const struct cut *c, struct pt2_node *n, pt2_ex body)
{
    pt2_ex count = pt2_idx(c->E, c->parts + c->rest);
    n->body = body;
    n->num_axes = 1;
    n->axes = pt2_arena_copy(&c->g->module->arena, &count, sizeof count);
}

/* The part (or element of the rest) that has the extreme value, then the position in it. */
static void cut_position(struct cut *c)
{
    struct pt2_exprs *E = c->E;
    struct pt2_value *extreme = add_partial(c, c->n->op == PT2_RED_ARGMAX ? PT2_RED_MAX : PT2_RED_MIN);
    struct pt2_value *place = add_partial(c, c->n->op), *out = c->n->outs[0];
    pt2_ex count = pt2_idx(E, c->parts + c->rest), at[PT2_MAX_RANK];
    struct pt2_value *winner =
        pt2_node_reduce(c->g, c->n->op, PT2_I64, c->rank, out->shape, 1, &count, final_body(c, extreme));
    pt2_vars(c->g, c->rank, out->shape, 0, at);
    pt2_ex q = pt2_cast(E, PT2_IDX, pt2_load(c->g, winner, at));
    pt2_ex inside = pt2_add(E, pt2_muli(E, q, c->part), pt2_cast(E, PT2_IDX, load_partial(c, place, q)));
    pt2_ex behind = pt2_add(E, first_rest(c), pt2_addi(E, q, -c->parts));
    c->n->kind = PT2_NODE_MAP;
    c->n->num_axes = 0;
    c->n->body = pt2_cast(E, PT2_I64, pt2_select(E, pt2_lt(E, q, pt2_idx(E, c->parts)), inside, behind));
}

static void cut_node(struct pt2_graph *g, struct pt2_node *n, const struct pt2_caps *caps)
{
    struct cut c = { .g = g, .E = &g->module->exprs, .n = n, .rank = n->outs[0]->rank };
    int64_t wanted = wanted_parts(&c, caps);
    c.axis = axis_to_cut(n);
    if (wanted < 2 || c.axis < 0 || c.rank >= PT2_MAX_RANK || !choose_parts(&c, wanted))
        return;
    bool others = false;
    for (int k = 0; k < n->num_axes; k++)
        others |= k != c.axis && !pt2_is_int(n->axes[k], 1);
    if (pt2_gives_position(n->op) && others)
        return;
    if (pt2_gives_position(n->op)) {
        cut_position(&c);
        return;
    }
    pt2_ex body = final_body(&c, add_partial(&c, n->op));
    set_final(&c, n, body);
}

static bool cut_if_long(void *ctx, struct pt2_graph *g, struct pt2_node *n)
{
    if (n->kind == PT2_NODE_REDUCE)
        cut_node(g, n, ctx);
    return true;
}

void pt2_plan_cut(struct pt2_plan *p, const struct pt2_plan_params *params)
{
    struct pt2_caps caps = params->devices[0].caps;
    if (!caps.interprets && pt2_has_opt(params->without, PT2_OPT_ROWS))
        pt2_graph_replace(p->graph, cut_if_long, &caps);
}
