/* SPDX-License-Identifier: MIT
 * The verifier: definitions before uses, types, ranks, and variables that exist. */
#include "graph/graph.h"

#include <stdlib.h>

struct verify {
    struct pt2_graph *g;
    const struct pt2_node *n;
    bool *defined;      /* by value id */
    int axes;           /* variables 0 … axes-1 exist */
    pt2_status status;
};

static void fail(struct verify *v, const char *rule, long long number)
{
    if (v->status == PT2_OK)
        v->status = pt2_fail(PT2_ERR_INTERNAL, "graph %s, node %u (%s): %s %lld", v->g->name, v->n->id,
                             pt2_kind_name(v->n->kind), rule, number);
}

static void check_load(struct verify *v, pt2_ex e)
{
    const struct pt2_module *m = v->g->module;
    if (e->i < 0 || e->i >= m->values.count) {
        fail(v, "load of unknown value", (long long)e->i);
        return;
    }
    const struct pt2_value *x = m->values.data[e->i];
    if (!v->defined[x->id])
        fail(v, "load before its definition of value", (long long)e->i);
    if (x->rank != e->num_args)
        fail(v, "wrong number of indices for value", (long long)e->i);
    if ((int)pt2_dtype_compute(x->dtype) != e->dtype)
        fail(v, "wrong type of load of value", (long long)e->i);
}

static bool same_type(pt2_ex e)
{
    int from = e->op == PT2_E_SELECT ? 1 : 0;
    for (int k = from + 1; k < e->num_args; k++)
        if (e->args[k]->dtype != e->args[from]->dtype)
            return false;
    return true;
}

static void check_node(void *ctx, pt2_ex e)
{
    struct verify *v = ctx;
    if (e->op == PT2_E_LOAD)
        check_load(v, e);
    else if (e->op == PT2_E_VAR && (e->i < 0 || e->i >= v->axes))
        fail(v, "unknown variable", (long long)e->i);
    else if ((e->op == PT2_E_PARAM || e->op == PT2_E_REG))
        fail(v, "kernel leaf in a graph, operator", e->op);
    else if (e->op != PT2_E_LOAD && e->num_args > 1 && !same_type(e))
        fail(v, "operands of different types, operator", e->op);
}

static void check_expr(void *ctx, pt2_ex *e)
{
    pt2_visit(*e, check_node, ctx);
}

static int axes_of(const struct pt2_node *n)
{
    switch (n->kind) {
    case PT2_NODE_MAP: case PT2_NODE_SCAN: return n->outs[0]->rank;
    case PT2_NODE_REDUCE: return n->outs[0]->rank + n->num_axes;
    case PT2_NODE_SCATTER: return n->num_axes;
    default: return 0;
    }
}

static void check_body_type(struct verify *v)
{
    const struct pt2_node *n = v->n;
    bool arg = pt2_gives_position(n->op);
    if (n->kind == PT2_NODE_MAP || n->kind == PT2_NODE_SCATTER ||
        ((n->kind == PT2_NODE_REDUCE || n->kind == PT2_NODE_SCAN) && !arg))
        if (n->body->dtype != (int)pt2_dtype_compute(n->outs[0]->dtype))
            fail(v, "body of the wrong type", n->body->dtype);
    if (n->cond && n->cond->dtype != PT2_BOOL)
        fail(v, "condition that is not bool", n->cond->dtype);
}

/* a in the graph is b in a sub-graph. */
static void check_same(struct verify *v, const char *rule, const struct pt2_value *a, const struct pt2_value *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        fail(v, rule, a->id);
}

static void check_subgraph(struct verify *v, const struct pt2_graph *sub, bool condition)
{
    const struct pt2_node *n = v->n;
    uint32_t outputs = condition ? 1 : (uint32_t)n->num_outs;
    if (sub->inputs.count != (uint32_t)n->num_args || sub->outputs.count != outputs) {
        fail(v, "operands or results of another number in the sub-graph; operands", n->num_args);
        return;
    }
    for (int k = 0; k < n->num_args; k++)
        check_same(v, "operand of another type in the sub-graph, value", n->args[k], sub->inputs.data[k]);
    for (int k = 0; k < n->num_outs && !condition; k++)
        check_same(v, "result of another type in the sub-graph, value", n->outs[k], sub->outputs.data[k]);
    if (condition && (sub->outputs.data[0]->dtype != PT2_BOOL || sub->outputs.data[0]->rank))
        fail(v, "condition that is no bool of rank", 0);
}

static void check_subgraphs(struct verify *v)
{
    const struct pt2_node *n = v->n;
    if (n->kind == PT2_NODE_CALL || n->kind == PT2_NODE_LOOP)
        for (int k = 0; k < 2; k++)
            if (n->graphs[k])
                check_subgraph(v, n->graphs[k], n->kind == PT2_NODE_LOOP && k == 1);
}

static void check_use(void *ctx, struct pt2_value *x)
{
    struct verify *v = ctx;
    if (!v->defined[x->id])
        fail(v, "use before its definition of value", x->id);
}

pt2_status pt2_graph_verify(struct pt2_graph *g)
{
    struct verify v = { .g = g, .defined = calloc(g->module->values.count + 1u, 1) };
    if (!v.defined)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    for (uint32_t k = 0; k < g->nodes.count && v.status == PT2_OK; k++) {
        struct pt2_node *n = g->nodes.data[k];
        v.n = n;
        v.axes = axes_of(n);
        pt2_node_exprs(n, check_expr, &v);
        pt2_node_uses(g, n, check_use, &v);
        check_body_type(&v);
        check_subgraphs(&v);
        for (int j = 0; j < n->num_outs; j++)
            v.defined[n->outs[j]->id] = true;
    }
    for (uint32_t k = 0; k < g->outputs.count && v.status == PT2_OK; k++)
        if (!v.defined[g->outputs.data[k]->id])
            v.status = pt2_fail(PT2_ERR_INTERNAL, "graph %s: output %u is not defined", g->name, k);
    free(v.defined);
    return v.status;
}
