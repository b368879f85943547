/* SPDX-License-Identifier: MIT
 * Which devices a value is needed on: those whose kernels touch it, or touch a value with the same memory.
 *
 * Values with the same memory are one class, which is on the same devices as a whole: the base and the result of a
 * SCATTER, and what crosses the border of a sub-graph, where control.c hands on places and copies nothing. What a loop
 * carries is copied: neither its first value nor the body's result is of the class of the body's input. */
#include "runtime/internal.h"

#include <stdlib.h>

static void touch(struct pt2_model *m, const struct pt2_value *v, int device)
{
    m->needed[v->id] |= (uint8_t)(1u << device);
    if (m->home[v->id] < 0)
        m->home[v->id] = device;
}

static void touch_region(struct pt2_model *m, const struct pt2_region *r)
{
    for (int k = 0; k < r->num_bufs; k++) {
        touch(m, r->bufs[k], r->device);
        if (r->kernel->bufs[k].write)
            m->home[r->bufs[k]->id] = r->device;
    }
    for (uint32_t k = 0; k < r->members.count; k++)
        if (r->members.data[k].node->kind == PT2_NODE_SCATTER)
            touch(m, r->members.data[k].node->base, r->device);
}

static void mark_used(void *ctx, struct pt2_value *v)
{
    bool *used = ctx;
    used[v->id] = true;
}

/* By value id: nodes that stay or outputs read it. */
static bool *find_used(struct pt2_model *m)
{
    bool *used = PT2_NEW_N(&m->module.arena, bool, m->module.values.count);
    for (uint32_t k = 0; k < m->module.graphs.count; k++) {
        struct pt2_graph *g = m->module.graphs.data[k];
        for (uint32_t j = 0; j < g->nodes.count; j++)
            pt2_node_uses(g, g->nodes.data[j], mark_used, used);
        for (uint32_t j = 0; j < g->outputs.count; j++)
            mark_used(used, g->outputs.data[j]);
    }
    return used;
}

/* ---- classes of values with the same memory ---- */

static uint32_t class_of(uint32_t *parent, uint32_t k)
{
    while (parent[k] != k)
        k = parent[k] = parent[parent[k]];
    return k;
}

static void join(uint32_t *parent, const struct pt2_value *a, const struct pt2_value *b)
{
    parent[class_of(parent, a->id)] = class_of(parent, b->id);
}

static void join_call(uint32_t *parent, const struct pt2_node *n)
{
    for (int j = 0; j < 2; j++) {
        for (int k = 0; k < n->num_args; k++)
            join(parent, n->args[k], n->graphs[j]->inputs.data[k]);
        for (int k = 0; k < n->num_outs; k++)
            join(parent, n->outs[k], n->graphs[j]->outputs.data[k]);
    }
}

static void join_loop(uint32_t *parent, const struct pt2_node *n)
{
    const struct pt2_graph *body = n->graphs[0], *test = n->graphs[1];
    for (int k = 0; k < n->num_outs; k++)
        join(parent, n->outs[k], body->inputs.data[k]);
    for (int k = n->num_carried; k < n->num_args; k++)
        join(parent, n->args[k], body->inputs.data[k]);
    for (int k = 0; test && k < n->num_args; k++)
        join(parent, body->inputs.data[k], test->inputs.data[k]);
}

static void join_graph(uint32_t *parent, const struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        const struct pt2_node *n = g->nodes.data[k];
        if (n->kind == PT2_NODE_SCATTER)
            join(parent, n->outs[0], n->base);
        else if (n->kind == PT2_NODE_CALL)
            join_call(parent, n);
        else if (n->kind == PT2_NODE_LOOP)
            join_loop(parent, n);
    }
}

/* What no kernel touches is on the last device, the reference backend, where the host reads it; but not weights that
 * nothing uses. */
static void share_needs(struct pt2_model *m, uint32_t *parent, const bool *used)
{
    uint32_t n = m->module.values.count;
    for (uint32_t k = 0; k < n; k++)
        m->needed[class_of(parent, k)] |= m->needed[k];
    for (uint32_t k = 0; k < n; k++) {
        const struct pt2_node *def = m->module.values.data[k]->def;
        uint8_t *needed = &m->needed[class_of(parent, k)];
        if (!*needed && (used[k] || !(def->weight || def->kind == PT2_NODE_READY)))
            *needed = (uint8_t)(1u << (m->num_devices - 1));
    }
    for (uint32_t k = 0; k < n; k++)
        m->needed[k] = m->needed[class_of(parent, k)];
}

static void find_homes(struct pt2_model *m)
{
    for (uint32_t k = 0; k < m->module.values.count; k++)
        for (int d = 0; d < m->num_devices && m->home[k] < 0; d++)
            if (m->needed[k] & 1u << d)
                m->home[k] = d;
}

pt2_status pt2_find_needs(struct pt2_model *m)
{
    uint32_t n = m->module.values.count;
    uint32_t *parent = malloc((n + 1u) * sizeof *parent);
    if (!parent)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    m->needed = PT2_NEW_N(&m->module.arena, uint8_t, n);
    m->home = PT2_NEW_N(&m->module.arena, int, n);
    for (uint32_t k = 0; k < n; k++) {
        parent[k] = k;
        m->home[k] = -1;
    }
    for (uint32_t g = 0; g < m->module.graphs.count; g++) {
        for (uint32_t r = 0; r < m->plans[g].regions.count; r++)
            touch_region(m, m->plans[g].regions.data[r]);
        join_graph(parent, m->module.graphs.data[g]);
    }
    share_needs(m, parent, find_used(m));
    find_homes(m);
    free(parent);
    return PT2_OK;
}
