/* SPDX-License-Identifier: MIT
 * Dead code: backwards from the outputs. Nodes that bind symbols stay, since sizes and checks may need these. */
#include "pass/pass.h"

#include <stdlib.h>

static void mark(void *ctx, struct pt2_value *v)
{
    bool *live = ctx;
    live[v->def->id] = true;
}

void pt2_pass_dce(struct pt2_graph *g)
{
    bool *live = calloc(g->module->num_nodes + 1u, 1);
    if (!live)
        return; /* only an optimisation */
    for (uint32_t k = 0; k < g->outputs.count; k++)
        mark(live, g->outputs.data[k]);
    for (uint32_t k = g->nodes.count; k-- > 0;) {
        struct pt2_node *n = g->nodes.data[k];
        live[n->id] = live[n->id] || n->kind == PT2_NODE_INPUT || n->kind == PT2_NODE_ITEM ||
                      n->num_symbols;
        if (live[n->id])
            pt2_node_uses(g, n, mark, live);
    }
    uint32_t kept = 0;
    for (uint32_t k = 0; k < g->nodes.count; k++)
        if (live[g->nodes.data[k]->id])
            g->nodes.data[kept++] = g->nodes.data[k];
    g->nodes.count = kept;
    free(live);
}
