/* SPDX-License-Identifier: MIT
 * Values side by side: a MAP that only puts whole values next to each other needs no kernel when these are written
 * where they belong, as slices of its result (pass/concat.c makes such MAPs). Kernels that read a part read the slice.
 *
 * A value is in one place, so it is part of one result; what is read as a whole must be dense and is part of none. A
 * result that a SCATTER overwrites has no parts: who reads them would have to come before. All is made between the same
 * two steps of the host, which places memory there, by regions that depend on each other anyway. */
#include "pass/concat.h"
#include "plan/plan.h"

static bool is_overwritten(const struct pt2_graph *g, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < g->nodes.count; k++)
        if (g->nodes.data[k]->kind == PT2_NODE_SCATTER && g->nodes.data[k]->base == v)
            return true;
    return false;
}

static bool find_parts(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, const bool *dense,
                       pt2_part_fn *usable, void *ctx, struct pt2_value **out, struct pt2_within *places)
{
    for (int k = 0; k < c->count; k++) {
        out[k] = pt2_concat_value(g, n, c, k, &places[k]);
        if (!out[k] || out[k]->within.whole || !pt2_concat_can_hold(out[k], dense) || !usable(ctx, out[k]))
            return false;
        for (int j = 0; j < k; j++)
            if (out[j] == out[k])
                return false;
    }
    return true;
}

bool pt2_plan_join(struct pt2_graph *g, struct pt2_node *n, const bool *dense, pt2_part_fn *usable, void *ctx)
{
    struct pt2_concat c;
    struct pt2_value *parts[PT2_MAX_PARTS];
    struct pt2_within places[PT2_MAX_PARTS];
    if (n->kind != PT2_NODE_MAP || n->body->op != PT2_E_SELECT || !pt2_concat_find(g, n, &c) ||
        is_overwritten(g, n->outs[0]) || !find_parts(g, n, &c, dense, usable, ctx, parts, places))
        return false;
    for (int k = 0; k < c.count; k++)
        parts[k]->within = places[k];
    n->joined = true;
    return true;
}

void pt2_plan_part(struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct pt2_node *n = g->nodes.data[k];
        n->joined = false;
        for (int j = 0; j < n->num_outs; j++)
            n->outs[j]->within.whole = NULL;
    }
}
