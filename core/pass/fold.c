/* SPDX-License-Identifier: MIT
 * Folding: nodes that only constants and unwritten weights decide are computed when the model is opened, by the load
 * graph, and kept like weights.
 *
 * Such a node is *known*. A known value is *kept* (becomes a result of the load graph) when something that is not known
 * reads it, and keeping it pays: see `pays`, the one rule. Otherwise it stays where it is, a cheap MAP that goes into
 * its readers, and what it reads may be kept in its stead.
 *
 * Inputs of a sub-graph are known when the one node that runs it always passes a known operand. Reading by indices that
 * data decide, and a whole algorithm, which may fail, are only folded where every run would do them: in the main graph.
 * Random numbers belong to a run. Sizes must be numbers. */
#include "graph/text.h"
#include "pass/pass.h"

#include <stdlib.h>

enum {
    READ = 4,       /* reading an element from memory, in simple operations */
    SPECIAL = 8,    /* a special function, likewise */
    GAIN = 3,       /* fewer operations saved per element: not worth memory */
    GROWTH = 1 << 20, /* bytes by which a kept value may be larger than the weights that decide it */
};

/* What is known of a value. */
struct info {
    bool known, kept, moved; /* moved: computed in the load graph, kept or not */
    bool read, in_memory;    /* by what is not known: in an expression; as a whole */
    double ops;              /* to make an element from what is kept */
    double bytes;            /* of the weights that decide it */
    double packed;           /* elements of the largest of them that has one byte for each, or less */
    struct pt2_value *same;  /* input of a sub-graph: the operand that it always is */
    struct pt2_value *copy;  /* in the load graph */
};

struct fold {
    struct pt2_module *m;
    struct pt2_arena arena;
    struct info *info;                   /* by value id */
    int *callers;                        /* by graph number: nodes that run it */
    PT2_VEC(struct pt2_graph *) graphs;  /* each once, callers first */
};

static struct info *info_of(struct fold *f, const struct pt2_value *v) { return &f->info[v->id]; }

static uint32_t number_of(const struct pt2_module *m, const struct pt2_graph *g)
{
    uint32_t k = 0;
    while (m->graphs.data[k] != g)
        k++;
    return k;
}

/* ---- what is known ---- */

struct question {
    struct fold *f;
    bool no, may_fail;
};

static void ask_expr(void *ctx, pt2_ex e)
{
    struct question *q = ctx;
    q->no |= e->op == PT2_E_RANDOM;
    q->may_fail |= e->op == PT2_E_CHECK;
}

static void ask_body(void *ctx, pt2_ex *e)
{
    struct question *q = ctx;
    q->no |= ((*e)->has & PT2_HAS_SYM) != 0;
    pt2_visit(*e, ask_expr, q);
}

static void ask_use(void *ctx, struct pt2_value *v)
{
    struct question *q = ctx;
    q->no |= !info_of(q->f, v)->known;
}

static bool computes(enum pt2_kind kind)
{
    switch (kind) {
    case PT2_NODE_MAP: case PT2_NODE_REDUCE: case PT2_NODE_SCAN: case PT2_NODE_SCATTER: case PT2_NODE_SORT:
    case PT2_NODE_LIBRARY: return true;
    default: return false;
    }
}

static bool is_known(struct fold *f, struct pt2_graph *g, struct pt2_node *n)
{
    struct question q = { f, false, n->kind == PT2_NODE_LIBRARY };
    if (n->kind == PT2_NODE_CONST || n->weight)
        return true;
    if (!computes(n->kind))
        return false;
    pt2_node_exprs(n, ask_body, &q);
    pt2_node_uses(g, n, ask_use, &q);
    for (int k = 0; k < n->num_outs; k++)
        q.no |= pt2_const_elements(n->outs[k]) <= 0;
    for (int k = 0; k < n->num_axes; k++)
        q.no |= !pt2_is_const(n->axes[k]);
    return !q.no && (!q.may_fail || g == f->m->graphs.data[0]);
}

static double bytes_of(const struct pt2_value *v)
{
    return (double)pt2_const_elements(v) * (double)pt2_dtype_size(v->dtype);
}

/* ---- what it costs ---- */

static void count_op(void *ctx, pt2_ex e)
{
    double *ops = ctx;
    if (e->num_args == 0 || e->op == PT2_E_VAR || e->op == PT2_E_LOAD || e->dtype == PT2_IDX)
        return;
    *ops += (e->op >= PT2_E_DIV && e->op <= PT2_E_ZETA) || e->op == PT2_E_POW ? SPECIAL : 1;
}

/* True when the value is better kept in memory than made anew in each run.
 *
 * Memory: a value may be a little larger than the weights that decide it, but packed weights (int8, two int4 to a byte)
 * are never replaced by wider numbers. Time: a MAP goes into what reads it, so keeping one saves its operations and
 * costs a read; everything else, and what must be in memory as a whole, is a launch of its own in each run. */
static bool pays(const struct info *i, const struct pt2_value *v)
{
    double bytes = bytes_of(v), allowed = i->bytes;
    if (i->packed * 4 < (double)pt2_const_elements(v) || pt2_dtype_size(v->dtype) == 1)
        allowed += GROWTH;
    if (bytes > allowed)
        return false;
    return v->def->kind != PT2_NODE_MAP || i->in_memory || i->ops - READ >= GAIN;
}

struct sum {
    struct fold *f;
    struct info *to;
};

static void add_use(void *ctx, struct pt2_value *v)
{
    const struct sum *s = ctx;
    const struct info *from = info_of(s->f, v);
    s->to->ops += computes(v->def->kind) && !pays(from, v) ? from->ops : READ;
    s->to->bytes += from->bytes;
    s->to->packed = from->packed > s->to->packed ? from->packed : s->to->packed;
}

static void weigh(struct fold *f, struct pt2_graph *g, struct pt2_node *n)
{
    struct info i = { .known = true };
    if (computes(n->kind)) {
        struct sum s = { f, &i };
        if (n->body)
            pt2_visit(n->body, count_op, &i.ops);
        pt2_node_uses(g, n, add_use, &s);
    }
    for (int k = 0; k < n->num_outs; k++) {
        struct pt2_value *v = n->outs[k];
        struct info *out = info_of(f, v);
        struct pt2_value *same = out->same;
        *out = i;
        if (!computes(n->kind)) {
            out->bytes = bytes_of(v);
            out->packed = pt2_dtype_size(v->dtype) == 1 && v->dtype != PT2_BOOL ? (double)pt2_const_elements(v) : 0;
        }
        if (same) {
            *out = *info_of(f, same);
            out->same = same;
        }
    }
}

/* ---- sub-graphs ---- */

static void find_known(struct fold *f, struct pt2_graph *g);

/* The operands that are the same whenever the sub-graph runs: not those that a loop carries. */
static void enter(struct fold *f, const struct pt2_node *n, struct pt2_graph *sub)
{
    if (f->callers[number_of(f->m, sub)] != 1)
        return;
    for (int k = n->kind == PT2_NODE_LOOP ? n->num_carried : 0; k < n->num_args && k < (int)sub->inputs.count; k++)
        if (info_of(f, n->args[k])->known)
            info_of(f, sub->inputs.data[k])->same = n->args[k];
}

static void find_known(struct fold *f, struct pt2_graph *g)
{
    for (uint32_t k = 0; k < f->graphs.count; k++)
        if (f->graphs.data[k] == g)
            return;
    pt2_push(&f->arena, &f->graphs, g);
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct pt2_node *n = g->nodes.data[k];
        bool same = n->kind == PT2_NODE_INPUT && info_of(f, n->outs[0])->same;
        if (same || is_known(f, g, n))
            weigh(f, g, n);
        for (int j = 0; j < 2; j++)
            if (n->graphs[j]) {
                enter(f, n, n->graphs[j]);
                find_known(f, n->graphs[j]);
            }
    }
}

static void count_callers(struct fold *f)
{
    for (uint32_t g = 0; g < f->m->graphs.count; g++)
        for (uint32_t k = 0; k < f->m->graphs.data[g]->nodes.count; k++)
            for (int j = 0; j < 2; j++)
                if (f->m->graphs.data[g]->nodes.data[k]->graphs[j])
                    f->callers[number_of(f->m, f->m->graphs.data[g]->nodes.data[k]->graphs[j])]++;
}

/* ---- what is kept ---- */

static void read_by_run(void *ctx, struct pt2_value *v) { info_of(ctx, v)->read = true; }

/* A SCATTER overwrites its base: a kept one would have to be copied for it. */
static void read_whole(struct fold *f, const struct pt2_node *n)
{
    if (n->base && n->kind != PT2_NODE_SCATTER)
        info_of(f, n->base)->in_memory = true;
    for (int k = 0; k < n->num_args; k++)
        info_of(f, n->args[k])->in_memory = true;
}

static bool is_read(const struct info *i) { return i->read || i->in_memory; }

/* All results of a node are kept, or none. */
static bool keep(struct fold *f, const struct pt2_node *n)
{
    bool kept = false;
    for (int k = 0; k < n->num_outs; k++) {
        const struct info *i = info_of(f, n->outs[k]);
        kept |= i->known && computes(n->kind) && is_read(i) && pays(i, n->outs[k]);
    }
    for (int k = 0; k < n->num_outs; k++)
        info_of(f, n->outs[k])->kept = kept;
    return kept;
}

/* Backwards: what stays reads its operands. */
static void choose(struct fold *f, struct pt2_graph *g)
{
    for (uint32_t k = 0; k < g->outputs.count; k++)
        info_of(f, g->outputs.data[k])->in_memory = true;
    for (uint32_t k = g->nodes.count; k-- > 0;) {
        struct pt2_node *n = g->nodes.data[k];
        bool stays = n->num_outs == 0 || !info_of(f, n->outs[0])->known;
        for (int j = 0; j < n->num_outs; j++)
            stays |= is_read(info_of(f, n->outs[j]));
        if (keep(f, n) || !stays)
            continue;
        pt2_node_uses(g, n, read_by_run, f);
        read_whole(f, n);
    }
}

/* ---- the load graph ---- */

static void move(void *ctx, struct pt2_value *v) { info_of(ctx, v)->moved = true; }

static void move_operands(struct fold *f, struct pt2_graph *g)
{
    for (uint32_t k = g->nodes.count; k-- > 0;) {
        struct pt2_node *n = g->nodes.data[k];
        bool moved = false;
        for (int j = 0; j < n->num_outs; j++)
            moved |= info_of(f, n->outs[j])->kept || info_of(f, n->outs[j])->moved;
        if (!moved)
            continue;
        for (int j = 0; j < n->num_outs; j++)
            info_of(f, n->outs[j])->moved = true;
        if (info_of(f, n->outs[0])->same)
            move(f, info_of(f, n->outs[0])->same);
        pt2_node_uses(g, n, move, f);
    }
}

static pt2_ex load_copy(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct fold *f = ctx;
    return e->op == PT2_E_LOAD ? pt2_load_raw(E, e->dtype, f->info[e->i].copy->id, e->num_args, e->args) : e;
}

static void copy_expr(void *ctx, pt2_ex *e)
{
    struct fold *f = ctx;
    if ((*e)->has & PT2_HAS_LOAD)
        *e = pt2_rewrite(&f->m->exprs, *e, load_copy, f);
}

static void copy_node(struct fold *f, const struct pt2_node *n)
{
    struct pt2_graph *load = f->m->load;
    struct pt2_arena *arena = &f->m->arena;
    struct pt2_node *to = pt2_node_new(load, n->kind, n->num_outs), made = *to;
    *to = *n;
    to->id = made.id;
    to->outs = made.outs;
    to->args = pt2_arena_copy(arena, n->args, (size_t)n->num_args * sizeof *n->args);
    if (n->base) {
        to->base = info_of(f, n->base)->copy;
        if (n->index)
            to->index = pt2_arena_copy(arena, n->index, (size_t)n->base->rank * sizeof *n->index);
    }
    for (int k = 0; k < n->num_args; k++)
        to->args[k] = info_of(f, n->args[k])->copy;
    for (int k = 0; k < n->num_outs; k++) {
        const struct pt2_value *v = n->outs[k];
        info_of(f, v)->copy = pt2_node_out(load, to, k, v->dtype, v->rank, v->shape);
        info_of(f, v)->copy->name = v->name;
    }
    pt2_node_exprs(to, copy_expr, f);
}

static void emit(struct fold *f, const struct pt2_node *n)
{
    struct info *i = info_of(f, n->outs[0]);
    if (i->same)
        i->copy = info_of(f, i->same)->copy;
    else if (n->kind == PT2_NODE_INPUT)
        i->copy = pt2_node_ready(f->m->load, n->input, n->outs[0]);
    else
        copy_node(f, n);
}

/* In the place of a node: its results that are read, which the load graph returns. */
static void stand_in(struct fold *f, struct pt2_graph *g, const struct pt2_node *n)
{
    struct pt2_graph *load = f->m->load;
    for (int k = 0; k < n->num_outs; k++) {
        struct pt2_value *v = n->outs[k];
        if (!is_read(info_of(f, v)))
            continue;
        struct pt2_node *r = pt2_node_new(g, PT2_NODE_READY, 1);
        r->input = (int)load->outputs.count;
        r->origin = n->origin;
        r->outs[0] = v;
        v->def = r;
        pt2_push(&f->m->arena, &load->outputs, info_of(f, v)->copy);
    }
}

/* Only the load graph reads its results, or nothing does. */
static bool unread(struct fold *f, const struct pt2_node *n)
{
    bool read = n->num_outs == 0 || !info_of(f, n->outs[0])->known || !computes(n->kind);
    for (int k = 0; k < n->num_outs; k++)
        read |= is_read(info_of(f, n->outs[k]));
    return !read;
}

static bool move_or_keep(void *ctx, struct pt2_graph *g, struct pt2_node *n)
{
    struct fold *f = ctx;
    if (n->num_outs && info_of(f, n->outs[0])->moved)
        emit(f, n);
    if (n->num_outs && info_of(f, n->outs[0])->kept) {
        stand_in(f, g, n);
        return false;
    }
    return !unread(f, n);
}

static bool keeps_any(const struct fold *f)
{
    for (uint32_t k = 0; k < f->m->values.count; k++)
        if (f->info[k].kept)
            return true;
    return false;
}

void pt2_pass_fold(struct pt2_module *m)
{
    struct fold f = { .m = m };
    if (m->load)
        return; /* folded before */
    f.info = PT2_NEW_N(&f.arena, struct info, m->values.count);
    f.callers = PT2_NEW_N(&f.arena, int, m->graphs.count);
    count_callers(&f);
    find_known(&f, m->graphs.data[0]);
    for (uint32_t k = f.graphs.count; k-- > 0;)
        choose(&f, f.graphs.data[k]);
    for (uint32_t k = f.graphs.count; k-- > 0;)
        move_operands(&f, f.graphs.data[k]);
    if (keeps_any(&f)) {
        m->load = pt2_graph_new(m, "load");
        for (uint32_t k = 0; k < f.graphs.count; k++)
            pt2_graph_replace(f.graphs.data[k], move_or_keep, &f);
    }
    pt2_arena_free(&f.arena);
}
