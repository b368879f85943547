/* SPDX-License-Identifier: MIT
 * Adding to the load graph. */
#include "graph/graph.h"

static struct pt2_value *ready_weight(struct pt2_graph *load, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < load->nodes.count; k++) {
        const struct pt2_node *n = load->nodes.data[k];
        if (n->kind == PT2_NODE_READY && n->input == v->def->input)
            return n->outs[0];
    }
    return pt2_node_ready(load, v->def->input, v);
}

static struct pt2_value *same_const(struct pt2_graph *load, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < load->nodes.count; k++) {
        const struct pt2_node *n = load->nodes.data[k];
        if (n->kind == PT2_NODE_CONST && n->data == v->def->data && n->outs[0]->rank == v->rank &&
            n->outs[0]->dtype == v->dtype && !memcmp(n->outs[0]->shape, v->shape, (size_t)v->rank * sizeof *v->shape))
            return n->outs[0];
    }
    return pt2_node_const(load, v->dtype, v->rank, v->shape, v->def->data, v->name);
}

struct pt2_value *pt2_load_operand(struct pt2_module *m, const struct pt2_value *v)
{
    if (!m->load)
        m->load = pt2_graph_new(m, "load");
    switch (v->def->kind) {
    case PT2_NODE_INPUT: return v->def->weight ? ready_weight(m->load, v) : NULL;
    case PT2_NODE_READY: return m->load->outputs.data[v->def->input];
    case PT2_NODE_CONST: return same_const(m->load, v);
    default: return NULL;
    }
}

struct pt2_value *pt2_load_result(struct pt2_graph *g, struct pt2_value *v)
{
    struct pt2_graph *load = g->module->load;
    struct pt2_value *r = pt2_node_ready(g, (int)load->outputs.count, v);
    struct pt2_node *n = r->def;
    memmove(g->nodes.data + 1, g->nodes.data, (g->nodes.count - 1) * sizeof *g->nodes.data);
    g->nodes.data[0] = n;
    pt2_push(&g->module->arena, &load->outputs, v);
    return r;
}
