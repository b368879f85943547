/* SPDX-License-Identifier: MIT
 * Common subexpressions: expressions are hash-consed, so two nodes are equal when their fields are. Nodes are visited
 * in order; each one first reads the survivors of what it read, then looks for an equal node before it. */
#include "pass/pass.h"

#include <stdlib.h>

struct cse {
    struct pt2_graph *g;
    struct pt2_value **same; /* by value id: the value to read instead, or NULL */
    struct pt2_node **slots; /* hash table of survivors */
    uint32_t cap;
};

static struct pt2_value *survivor(const struct cse *c, struct pt2_value *v)
{
    return v && c->same[v->id] ? c->same[v->id] : v;
}

static pt2_ex redirect(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct cse *c = ctx;
    if (e->op != PT2_E_LOAD || !c->same[e->i])
        return e;
    return pt2_load_raw(E, e->dtype, c->same[e->i]->id, e->num_args, e->args);
}

static void redirect_expr(void *ctx, pt2_ex *e)
{
    struct cse *c = ctx;
    if ((*e)->has & PT2_HAS_LOAD)
        *e = pt2_rewrite(&c->g->module->exprs, *e, redirect, c);
}

static bool mergeable(const struct pt2_node *n)
{
    return n->kind == PT2_NODE_MAP || n->kind == PT2_NODE_REDUCE || n->kind == PT2_NODE_SCAN ||
           n->kind == PT2_NODE_SORT;
}

static uint64_t hash_node(const struct pt2_node *n)
{
    uint64_t key[8] = { n->kind, n->op, n->body ? n->body->id : 0, n->base ? n->base->id : 0, (uint64_t)n->axis,
                        (uint64_t)n->num_axes, n->outs[0]->dtype, (uint64_t)n->outs[0]->rank };
    return pt2_hash(key, sizeof key, 7);
}

static bool equal(const struct pt2_node *a, const struct pt2_node *b)
{
    const struct pt2_value *x = a->outs[0], *y = b->outs[0];
    return a->kind == b->kind && a->op == b->op && a->body == b->body && a->base == b->base && a->axis == b->axis &&
           a->reverse == b->reverse && a->num_axes == b->num_axes && x->dtype == y->dtype && x->rank == y->rank &&
           !memcmp(x->shape, y->shape, (size_t)x->rank * sizeof *x->shape) &&
           !memcmp(a->axes ? a->axes : a->outs[0]->shape, b->axes ? b->axes : b->outs[0]->shape,
                   (size_t)a->num_axes * sizeof *a->axes);
}

static void find_equal(struct cse *c, struct pt2_node *n)
{
    for (uint64_t h = hash_node(n);; h++) {
        struct pt2_node **slot = &c->slots[h & (c->cap - 1)];
        if (!*slot) {
            *slot = n;
            return;
        }
        if (equal(*slot, n)) {
            for (int k = 0; k < n->num_outs; k++)
                c->same[n->outs[k]->id] = (*slot)->outs[k];
            return;
        }
    }
}

void pt2_pass_cse(struct pt2_graph *g)
{
    struct cse c = { .g = g, .cap = 64 };
    while (c.cap < 2 * g->nodes.count)
        c.cap *= 2;
    c.same = calloc(g->module->values.count + 1u, sizeof *c.same);
    c.slots = calloc(c.cap, sizeof *c.slots);
    for (uint32_t k = 0; c.same && c.slots && k < g->nodes.count; k++) {
        struct pt2_node *n = g->nodes.data[k];
        pt2_node_exprs(n, redirect_expr, &c);
        n->base = survivor(&c, n->base);
        for (int j = 0; j < n->num_args; j++)
            n->args[j] = survivor(&c, n->args[j]);
        if (mergeable(n))
            find_equal(&c, n);
    }
    for (uint32_t k = 0; c.same && k < g->outputs.count; k++)
        g->outputs.data[k] = survivor(&c, g->outputs.data[k]);
    free(c.same);
    free(c.slots);
}
