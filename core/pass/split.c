/* SPDX-License-Identifier: MIT
 * Devices bind a limited number of buffers to a kernel. A body that reads too many values (a concatenation of many
 * parts, fused) is cut: the largest subexpression that reads few enough becomes a MAP over the same axes, and the body
 * loads its value. Again until it fits. */
#include "pass/pass.h"

#include <stdlib.h>

struct cut {
    pt2_ex best;
    int best_reads;
};

struct reads {
    uint32_t ids[PT2_MAX_READS + 2];
    int count; /* PT2_MAX_READS + 1: more than allowed */
};

static void note_read(void *ctx, pt2_ex e)
{
    struct reads *r = ctx;
    if (e->op != PT2_E_LOAD || r->count > PT2_MAX_READS)
        return;
    for (int k = 0; k < r->count; k++)
        if (r->ids[k] == (uint32_t)e->i)
            return;
    r->ids[r->count++] = (uint32_t)e->i;
}

static int count_reads(pt2_ex e)
{
    struct reads r = { .count = 0 };
    if (e->has & PT2_HAS_LOAD)
        pt2_visit(e, note_read, &r);
    return r.count;
}

/* Index expressions have no storage type; a subexpression must also shrink the count, so it reads at least two values.
 */
static void consider(void *ctx, pt2_ex e)
{
    struct cut *c = ctx;
    if (e->dtype == PT2_IDX || e->num_args == 0 || e->op == PT2_E_VAR || e->op == PT2_E_LOAD)
        return;
    int n = count_reads(e);
    if (n >= 2 && n <= PT2_MAX_READS && n > c->best_reads) {
        c->best = e;
        c->best_reads = n;
    }
}

struct replace {
    pt2_ex from, to;
};

static pt2_ex replace_one(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct replace *r = ctx;
    (void)E;
    return e == r->from ? r->to : e;
}

static int axes_of(const struct pt2_node *n, pt2_ex *out)
{
    int rank = n->kind == PT2_NODE_SCATTER ? 0 : n->outs[0]->rank;
    for (int k = 0; k < rank; k++)
        out[k] = n->outs[0]->shape[k];
    for (int k = 0; k < n->num_axes; k++)
        out[rank + k] = n->axes[k];
    return rank + n->num_axes;
}

/* The new MAP goes before the node it was cut from. */
static pt2_ex materialise(struct pt2_graph *g, uint32_t at, pt2_ex e)
{
    struct pt2_node *n = g->nodes.data[at];
    pt2_ex shape[PT2_MAX_RANK * 2], v[PT2_MAX_RANK * 2];
    int rank = axes_of(n, shape);
    pt2_vars(g, rank, shape, 0, v);
    struct pt2_value *out = pt2_node_map(g, (pt2_dtype)e->dtype, rank, shape, e);
    out->def->origin = n->origin;
    for (uint32_t k = g->nodes.count - 1; k > at; k--)
        g->nodes.data[k] = g->nodes.data[k - 1];
    g->nodes.data[at] = out->def;
    return pt2_load_raw(&g->module->exprs, e->dtype, out->id, rank, v);
}

/* True when a part was cut out of the node at `at`, which is then at `at` + 1. */
static bool cut_once(struct pt2_graph *g, uint32_t at)
{
    struct pt2_node *n = g->nodes.data[at];
    struct cut c = { NULL, 0 };
    if (!n->body || n->num_outs == 0 || count_reads(n->body) <= PT2_MAX_READS)
        return false;
    pt2_visit(n->body, consider, &c);
    if (!c.best)
        return false;
    struct replace r = { c.best, materialise(g, at, c.best) };
    n->body = pt2_rewrite(&g->module->exprs, n->body, replace_one, &r);
    return true;
}

void pt2_pass_split(struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->nodes.count; k++)
        while (cut_once(g, k))
            k++;
}
