/* SPDX-License-Identifier: MIT
 * Inlining MAPs into what reads them: LOAD(v, index) becomes v's body at that index.
 *
 * A MAP that only moves data (one LOAD, or none) is inlined always. One that computes is inlined when each of its
 * elements is computed at most a few times in all: by one consumer that reads every element about once, or by several
 * when it is cheap. Long chains are cut where a body has become large (pt2_weight). A contraction reads its operands
 * many times, so only casts and the like go there, and what makes large elements of small ones (weights that are
 * quantised): reading these again costs less than reading the result.
 * Half types keep PyTorch's rounding: the inlined body is rounded to the storage type.
 *
 * What several nodes read and a REDUCE's kernel makes stays as it is when it is part of a concatenation: in memory it
 * is there, in place of what it is computed from. */
#include "pass/concat.h"
#include "pass/pass.h"

#include <stdlib.h>

enum { CHEAP = 2, SHARED_WORK = 24, UNPACK_WORK = 48, MAX_LOADS = 8, MAX_SIZE = 600 };

struct info {
    int uses;        /* nodes that load it */
    bool pinned;     /* an output, or read by something other than an expression */
    bool repeated;   /* some consumer computes each element more than about twice */
    bool part;       /* of a concatenation that will be in memory, and better there than what it is computed from */
    bool kept;       /* that concatenation */
    bool is_inline;
};

struct ctx {
    struct pt2_graph *g;
    struct info *info; /* by value id */
    struct pt2_node *consumer;
    bool views_only, keep_parts;
};

/* ---- what a consumer does with a value ---- */

static int num_axes(const struct pt2_node *n)
{
    return n->kind == PT2_NODE_SCATTER ? n->num_axes : n->outs[0]->rank + n->num_axes;
}

static pt2_ex axis_extent(const struct pt2_node *n, int k)
{
    if (n->kind == PT2_NODE_SCATTER)
        return n->axes[k];
    return k < n->outs[0]->rank ? n->outs[0]->shape[k] : n->axes[k - n->outs[0]->rank];
}

/* How often a consumer evaluates each element of v: iteration space over number of elements; 1000 when unknown. */
static double repeats(struct ctx *c, const struct pt2_value *v)
{
    double iterations = 1, elements = 1;
    const struct pt2_node *n = c->consumer;
    if (n->num_outs == 0)
        return 1;
    for (int k = 0; k < num_axes(n); k++) {
        pt2_ex e = axis_extent(n, k);
        iterations *= pt2_is_const(e) ? (double)e->i : 64;
    }
    for (int k = 0; k < v->rank; k++)
        elements *= pt2_is_const(v->shape[k]) ? (double)v->shape[k]->i : 64;
    return elements > 0 ? iterations / elements : 1;
}

static void note_use(void *ctx, struct pt2_value *v)
{
    struct ctx *c = ctx;
    struct info *i = &c->info[v->id];
    i->uses++;
    if (repeats(c, v) > 2)
        i->repeated = true;
}

static void pin(struct ctx *c, const struct pt2_value *v)
{
    c->info[v->id].pinned = true;
}

static void gather_uses(struct ctx *c)
{
    for (uint32_t k = 0; k < c->g->nodes.count; k++) {
        struct pt2_node *n = c->g->nodes.data[k];
        c->consumer = n;
        pt2_node_uses(c->g, n, note_use, c);
        if (n->base)
            pin(c, n->base);
        for (int j = 0; j < n->num_args; j++)
            pin(c, n->args[j]);
    }
    for (uint32_t k = 0; k < c->g->outputs.count; k++)
        pin(c, c->g->outputs.data[k]);
}

/* Inlined, it would be computed by each reader from what it is computed from. */
static bool is_shared_work(struct ctx *c, const struct pt2_value *v)
{
    return v && v->def->kind == PT2_NODE_MAP && c->info[v->id].uses > 1 && pt2_cost(v->def->body) > 0 &&
           pt2_made_with_reduce(c->g, v->def->body);
}

/* Nothing but that it is part of a concatenation would keep it from being inlined. */
static bool leaves(struct ctx *c, const struct pt2_node *n)
{
    const struct info *i = &c->info[n->outs[0]->id];
    return n->kind == PT2_NODE_MAP && !i->pinned && (!i->repeated || pt2_cost(n->body) <= CHEAP);
}

static void mark_parts(struct ctx *c, const struct pt2_node *n, const bool *dense, const bool *leaving)
{
    struct info *i = n->num_outs ? &c->info[n->outs[0]->id] : NULL;
    struct pt2_concat parts;
    if (!i || !(i->pinned || i->repeated || i->uses > 1 || i->part) || !pt2_concat_find(c->g, n, &parts))
        return;
    int kernels = pt2_concat_kernels(c->g, n, &parts, dense, leaving);
    i->kept = kernels == 0;
    for (int k = 0; k < parts.count && kernels >= 0; k++) {
        const struct pt2_value *v = pt2_concat_value(c->g, n, &parts, k, NULL);
        bool free = v && pt2_concat_is_free(c->g, v->def, dense, leaving);
        if (!free && !is_shared_work(c, v))
            continue;
        c->info[v->id].part = true;
        i->kept |= !free;
    }
}

static void find_parts(struct ctx *c)
{
    struct pt2_arena arena = { 0 };
    const bool *dense = pt2_find_dense(c->g, &arena);
    bool *leaving = PT2_NEW_N(&arena, bool, c->g->module->values.count);
    for (uint32_t k = 0; k < c->g->nodes.count; k++)
        if (c->g->nodes.data[k]->num_outs)
            leaving[c->g->nodes.data[k]->outs[0]->id] = leaves(c, c->g->nodes.data[k]);
    for (uint32_t k = c->g->nodes.count; k-- > 0;) /* a part may have parts */
        mark_parts(c, c->g->nodes.data[k], dense, leaving);
    pt2_arena_free(&arena);
}

/* ---- decisions ---- */

struct size { int loads, nodes; };

static void count(void *ctx, pt2_ex e)
{
    struct size *s = ctx;
    s->loads += e->op == PT2_E_LOAD;
    s->nodes++;
}

static double bytes_of(const struct pt2_value *v)
{
    double n = (double)pt2_dtype_size(v->dtype);
    for (int k = 0; k < v->rank; k++)
        n *= pt2_is_const(v->shape[k]) ? (double)v->shape[k]->i : 64;
    return n;
}

struct packed {
    struct ctx *c;
    double bytes; /* of all that is read */
};

static void add_bytes(void *ctx, struct pt2_value *v)
{
    struct packed *p = ctx;
    p->bytes += bytes_of(v);
}

/* Everything that the MAP reads is at most half as large as what it makes. */
static bool unpacks(struct ctx *c, struct pt2_node *n)
{
    struct packed p = { c, 0 };
    pt2_node_uses(c->g, n, add_bytes, &p);
    return p.bytes > 0 && 2 * p.bytes <= bytes_of(n->outs[0]);
}

static bool decide(struct ctx *c, struct pt2_node *n)
{
    const struct info *i = &c->info[n->outs[0]->id];
    struct size s = { 0, 0 };
    if (n->kind != PT2_NODE_MAP)
        return false;
    pt2_visit(n->body, count, &s);
    int cost = pt2_cost(n->body);
    if (s.nodes > MAX_SIZE || pt2_weight(n->body) > PT2_MAX_WEIGHT / 2)
        return false;
    if (c->keep_parts && (i->part || i->kept))
        return false;
    if (s.loads <= 1 && cost <= (c->views_only ? 0 : CHEAP))
        return true;
    if (c->views_only || i->pinned)
        return false;
    if (i->repeated)
        return i->uses <= 2 && cost <= UNPACK_WORK && s.loads <= MAX_LOADS && unpacks(c, n);
    return i->uses <= 1 || (cost * i->uses <= SHARED_WORK && s.loads <= MAX_LOADS);
}

/* ---- substitution ---- */

static pt2_ex substitute(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct ctx *c = ctx;
    if (e->op != PT2_E_LOAD || !c->info[e->i].is_inline)
        return e;
    const struct pt2_value *v = c->g->module->values.data[e->i];
    pt2_ex body = pt2_subst_vars(E, v->def->body, v->rank, e->args);
    return pt2_roundto(E, v->dtype, body);
}

static void substitute_expr(void *ctx, pt2_ex *e)
{
    struct ctx *c = ctx;
    if (!((*e)->has & PT2_HAS_LOAD))
        return;
    pt2_ex r = pt2_rewrite(&c->g->module->exprs, *e, substitute, c);
    *e = r;
}

void pt2_pass_inline(struct pt2_graph *g, bool views_only, bool keep_parts)
{
    struct ctx c = { .g = g, .views_only = views_only, .keep_parts = keep_parts };
    c.info = calloc(g->module->values.count + 1u, sizeof *c.info);
    if (!c.info)
        return;
    gather_uses(&c);
    if (keep_parts)
        find_parts(&c);
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct pt2_node *n = g->nodes.data[k];
        pt2_node_exprs(n, substitute_expr, &c);
        if (n->num_outs)
            c.info[n->outs[0]->id].is_inline = decide(&c, n);
    }
    free(c.info);
    pt2_pass_dce(g);
}
