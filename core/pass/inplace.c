/* SPDX-License-Identifier: MIT
 * SCATTER writes into its base's memory, so that a cache update touches only what it changes. It may when nothing reads
 * the base afterwards, the update itself does not read it, and the memory is ours: a computed value or the session's
 * state. Otherwise a copy comes before it. */
#include "pass/pass.h"

static bool own_update_reads_base(struct pt2_graph *g, struct pt2_node *n)
{
    struct pt2_value *base = n->base;
    n->base = n->outs[0]; /* look at the expressions only */
    bool found = pt2_node_reads(g, n, base);
    n->base = base;
    return found;
}

static bool may_overwrite(struct pt2_graph *g, uint32_t at)
{
    struct pt2_node *n = g->nodes.data[at];
    const struct pt2_node *def = n->base->def;
    if (def->kind == PT2_NODE_CONST || def->kind == PT2_NODE_READY || (def->kind == PT2_NODE_INPUT && !def->state))
        return false;
    for (uint32_t k = 0; k < g->outputs.count; k++)
        if (g->outputs.data[k] == n->base)
            return false;
    for (uint32_t k = at + 1; k < g->nodes.count; k++)
        if (pt2_node_reads(g, g->nodes.data[k], n->base))
            return false;
    return !own_update_reads_base(g, n);
}

static void copy_base(struct pt2_graph *g, uint32_t at)
{
    struct pt2_node *n = g->nodes.data[at];
    struct pt2_value *b = n->base;
    pt2_ex v[PT2_MAX_RANK + 1];
    pt2_vars(g, b->rank, b->shape, 0, v);
    pt2_ex body = pt2_load_raw(&g->module->exprs, (int)pt2_dtype_compute(b->dtype), b->id, b->rank, v);
    n->base = pt2_node_map(g, b->dtype, b->rank, b->shape, body);
    n->base->def->origin = n->origin;
    struct pt2_node *copy = g->nodes.data[g->nodes.count - 1];
    for (uint32_t k = g->nodes.count - 1; k > at; k--)
        g->nodes.data[k] = g->nodes.data[k - 1];
    g->nodes.data[at] = copy;
}

void pt2_pass_inplace(struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++)
        if (g->nodes.data[k]->kind == PT2_NODE_SCATTER && !may_overwrite(g, k))
            copy_base(g, k++);
}
