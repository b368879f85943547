/* SPDX-License-Identifier: MIT
 * SCATTER writes into its base's memory, so that a cache update touches only what it changes. It may when nothing reads
 * the base afterwards, the update itself does not read it, and the memory is ours: a computed value or the session's
 * state. Otherwise a copy comes before it.
 *
 * The result of a CALL has the memory of what its branch returns. A branch that would return an operand, a constant or
 * one value twice returns a copy, so that the result is a value of its own. */
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

/* Appends a MAP with the content of v. */
static struct pt2_value *append_copy(struct pt2_graph *g, const struct pt2_value *v)
{
    pt2_ex i[PT2_MAX_RANK + 1];
    pt2_vars(g, v->rank, v->shape, 0, i);
    pt2_ex body = pt2_load_raw(&g->module->exprs, (int)pt2_dtype_compute(v->dtype), v->id, v->rank, i);
    return pt2_node_map(g, v->dtype, v->rank, v->shape, body);
}

static void copy_base(struct pt2_graph *g, uint32_t at)
{
    struct pt2_node *n = g->nodes.data[at];
    n->base = append_copy(g, n->base);
    n->base->def->origin = n->origin;
    struct pt2_node *copy = g->nodes.data[g->nodes.count - 1];
    for (uint32_t k = g->nodes.count - 1; k > at; k--)
        g->nodes.data[k] = g->nodes.data[k - 1];
    g->nodes.data[at] = copy;
}

static bool made_alone(const struct pt2_graph *g, uint32_t output)
{
    const struct pt2_value *v = pt2_memory_of(g->outputs.data[output]);
    for (uint32_t k = 0; k < output; k++)
        if (pt2_memory_of(g->outputs.data[k]) == v)
            return false;
    return v->def->kind != PT2_NODE_INPUT && v->def->kind != PT2_NODE_CONST && v->def->kind != PT2_NODE_READY;
}

static void own_results(struct pt2_graph *branch)
{
    for (uint32_t k = 0; k < branch->outputs.count; k++)
        if (!made_alone(branch, k))
            branch->outputs.data[k] = append_copy(branch, branch->outputs.data[k]);
}

void pt2_pass_inplace(struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct pt2_node *n = g->nodes.data[k];
        for (int j = 0; n->kind == PT2_NODE_CALL && j < 2; j++)
            own_results(n->graphs[j]);
        if (n->kind == PT2_NODE_SCATTER && !may_overwrite(g, k))
            copy_base(g, k++);
    }
}
