/* SPDX-License-Identifier: MIT
 * Finds attention (kernel/attention.h) in a graph: from a sum of products over keys back to the sum of the softmax,
 * its maximum, and the sum of products that gives the scores. The pointwise nodes between them are substituted, with
 * all of it over the axes of the result; since equal expressions are one pointer, what must be the same is compared
 * with ==. A node inside that anything else reads is a reason to leave all as it is. */
#include "plan/attention.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_CHAIN = 8, MIN_KEYS = 2 };

enum part { SCORE, LARGEST, TOTAL, NOTHING, PARTS }; /* NOTHING: "the row has no key" of a safe softmax */

struct finder {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    struct pt2_node *out;
    struct pt2_node *part[PARTS];
    pt2_ex at[PARTS]; /* the one LOAD of each, over the axes of the result */
    pt2_ex keys;
    struct pt2_attention *a;
    struct pt2_found *found;
    bool ok;
};

/* ---- search through pointwise nodes ---- */

typedef bool accept_fn(struct finder *f, struct pt2_node *n);

struct search {
    struct finder *f;
    accept_fn *accept;
    int depth;
    struct pt2_node *node;
};

static void look(void *ctx, pt2_ex e)
{
    struct search *s = ctx;
    if (e->op != PT2_E_LOAD || s->node)
        return;
    struct pt2_node *n = s->f->g->module->values.data[e->i]->def;
    if (s->accept(s->f, n)) {
        s->node = n;
    } else if (n->kind == PT2_NODE_MAP && s->depth > 0) {
        s->depth--;
        pt2_visit(n->body, look, s);
        s->depth++;
    }
}

static struct pt2_node *reach(struct finder *f, pt2_ex e, accept_fn *accept)
{
    struct search s = { f, accept, MAX_CHAIN, NULL };
    pt2_visit(e, look, &s);
    return s.node;
}

static bool over_keys(struct finder *f, const struct pt2_node *n, enum pt2_reduce_op op)
{
    return n->kind == PT2_NODE_REDUCE && n->op == op && n->num_axes == 1 && pt2_prove_eq(f->E, n->axes[0], f->keys);
}

static bool is_max(struct finder *f, struct pt2_node *n)
{
    return over_keys(f, n, PT2_RED_MAX) && n->body->dtype == PT2_F32;
}

static bool is_total(struct finder *f, struct pt2_node *n)
{
    return over_keys(f, n, PT2_RED_SUM) && n->body->dtype == PT2_F32 && reach(f, n->body, is_max);
}

static bool is_nothing(struct finder *f, struct pt2_node *n)
{
    return over_keys(f, n, PT2_RED_ANY) || over_keys(f, n, PT2_RED_ALL);
}

static bool is_product(const struct pt2_node *n)
{
    return n->kind == PT2_NODE_REDUCE && n->op == PT2_RED_SUM && n->body->op == PT2_E_MUL && n->body->num_args == 2 &&
           n->body->dtype == PT2_F32;
}

static bool is_score(struct finder *f, struct pt2_node *n)
{
    (void)f;
    return is_product(n);
}

static bool is_part(struct finder *f, struct pt2_node *n)
{
    for (int k = 0; k < PARTS; k++)
        if (n == f->part[k])
            return true;
    return false;
}

/* ---- substitution ---- */

static void add_member(struct finder *f, struct pt2_node *n)
{
    for (int k = 0; k < f->found->count; k++)
        if (f->found->nodes[k] == n)
            return;
    if (f->found->count < PT2_ATTENTION_NODES)
        f->found->nodes[f->found->count++] = n;
    else
        f->ok = false;
}

/* Without a key the maximum is -inf. */
static pt2_ex register_of(struct finder *f, int part)
{
    pt2_ex largest = pt2_reg(f->E, PT2_ATT_MASKED, PT2_F32);
    pt2_ex none = pt2_eq(f->E, largest, pt2_num(f->E, PT2_F32, -INFINITY));
    switch (part) {
    case SCORE: return pt2_reg(f->E, PT2_ATT_SCORE, PT2_F32);
    case LARGEST: return largest;
    case TOTAL: return pt2_reg(f->E, PT2_ATT_TOTAL, PT2_F32);
    default: return f->part[NOTHING]->op == PT2_RED_ALL ? none : pt2_not(f->E, none);
    }
}

/* Parts become registers, pointwise nodes that lead to parts their bodies; everything else stays in memory. */
static pt2_ex expand_load(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct finder *f = ctx;
    if (e->op != PT2_E_LOAD)
        return e;
    struct pt2_value *v = f->g->module->values.data[e->i];
    for (int k = 0; k < PARTS; k++) {
        if (v->def != f->part[k])
            continue;
        f->ok = f->ok && (!f->at[k] || f->at[k] == e);
        f->at[k] = e;
        return pt2_roundto(E, v->dtype, register_of(f, k));
    }
    if (v->def->kind != PT2_NODE_MAP || !reach(f, v->def->body, is_part))
        return e;
    add_member(f, v->def);
    pt2_ex body = pt2_subst_vars(E, v->def->body, v->rank, e->args);
    return pt2_roundto(E, v->dtype, pt2_rewrite(E, body, expand_load, f));
}

static pt2_ex expand(struct finder *f, pt2_ex e) { return pt2_rewrite(f->E, e, expand_load, f); }

static pt2_ex key(struct finder *f) { return pt2_var(f->E, PT2_KEY_AXIS, f->keys); }

/* The body of a part where the result's expressions read it. */
static pt2_ex body_of(struct finder *f, int part)
{
    const struct pt2_node *n = f->part[part];
    pt2_ex to[2 * PT2_MAX_RANK + 1];
    int rank = n->outs[0]->rank;
    if (!f->at[part] || rank + n->num_axes > 2 * PT2_MAX_RANK) {
        f->ok = false;
        return n->body;
    }
    memcpy(to, f->at[part]->args, (size_t)rank * sizeof *to);
    for (int k = 0, loop = 1; k < n->num_axes; k++)
        to[rank + k] = part != SCORE ? key(f) : pt2_var(f->E, pt2_is_int(n->axes[k], 1) ? loop : loop++, n->axes[k]);
    return pt2_subst_vars(f->E, n->body, rank + n->num_axes, to);
}

/* ---- what expressions depend on ---- */

struct depends {
    const struct finder *f;
    uint64_t outer; /* bit k: outer axis k */
    uint32_t regs;
    bool key, depth, inside; /* inside: reads the memory of a member */
};

static void note(void *ctx, pt2_ex e)
{
    struct depends *d = ctx;
    if (e->op == PT2_E_REG)
        d->regs |= 1u << e->i;
    if (e->op == PT2_E_VAR && e->i >= PT2_OUTER_AXIS)
        d->outer |= UINT64_C(1) << (e->i - PT2_OUTER_AXIS);
    else if (e->op == PT2_E_VAR && e->i == PT2_KEY_AXIS)
        d->key = true;
    else if (e->op == PT2_E_VAR)
        d->depth = true;
    for (int k = 0; e->op == PT2_E_LOAD && k < d->f->found->count; k++)
        d->inside |= d->f->g->module->values.data[e->i]->def == d->f->found->nodes[k];
}

static struct depends depends(const struct finder *f, pt2_ex e)
{
    struct depends d = { .f = f };
    pt2_visit(e, note, &d);
    return d;
}

static bool only_regs(const struct finder *f, pt2_ex e, uint32_t regs)
{
    struct depends d = depends(f, e);
    return !(d.regs & ~regs) && !d.key && !d.depth && !d.inside;
}

/* e, if it is a multiple of MIXED; NULL if not. Weights that the graph rounds to a small type are not in memory here,
 * and not rounded. */
static pt2_ex multiple(struct finder *f, pt2_ex e)
{
    const uint32_t others = 1u << PT2_ATT_MASKED | 1u << PT2_ATT_TOTAL;
    struct pt2_exprs *E = f->E;
    pt2_ex a = NULL, b = NULL;
    switch (e->op) {
    case PT2_E_REG: return e->i == PT2_ATT_MIXED ? e : NULL;
    case PT2_E_ROUNDTO: return multiple(f, e->args[0]);
    case PT2_E_CONST: return e->f == 0 ? e : NULL;
    case PT2_E_DIV:
        a = multiple(f, e->args[0]);
        return a && only_regs(f, e->args[1], others) ? pt2_bin(E, PT2_E_DIV, a, e->args[1]) : NULL;
    case PT2_E_MUL:
        if (e->num_args != 2)
            return NULL;
        a = multiple(f, e->args[0]);
        b = a ? NULL : multiple(f, e->args[1]);
        if ((!a && !b) || !only_regs(f, e->args[a ? 1 : 0], others))
            return NULL;
        return pt2_mul(E, a ? a : e->args[0], a ? e->args[1] : b);
    case PT2_E_SELECT:
        a = multiple(f, e->args[1]);
        b = multiple(f, e->args[2]);
        return a && b && only_regs(f, e->args[0], others) ? pt2_select(E, e->args[0], a, b) : NULL;
    default: return NULL;
    }
}

struct replace {
    pt2_ex from, to;
};

static pt2_ex replace(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct replace *r = ctx;
    (void)E;
    return e == r->from ? r->to : e;
}

/* ---- the parts together ---- */

static void set_stage(struct finder *f, int k, enum pt2_stage_kind kind, enum pt2_reduce_op op, pt2_ex body)
{
    struct pt2_stage *s = &f->a->stages[k];
    *s = (struct pt2_stage){ .kind = kind, .op = op, .body = body, .dtype = body->dtype, .first_axis = 1 };
    if (kind == PT2_STAGE_REDUCE && k != PT2_ATT_SCORE) {
        s->num_loops = 1;
        s->loops = &f->a->keys;
    }
}

static void set_score(struct finder *f, pt2_ex product)
{
    const struct pt2_node *n = f->part[SCORE];
    set_stage(f, PT2_ATT_SCORE, PT2_STAGE_REDUCE, PT2_RED_SUM, product);
    struct pt2_stage *s = &f->a->stages[PT2_ATT_SCORE];
    s->loops = PT2_NEW_N(&f->g->module->arena, pt2_ex, n->num_axes + 1);
    for (int k = 0; k < n->num_axes; k++)
        if (!pt2_is_int(n->axes[k], 1))
            s->loops[s->num_loops++] = n->axes[k];
}

/* A node reads its parts through at most one view of each. */
static bool match_softmax(struct finder *f, pt2_ex weight)
{
    pt2_ex largest = pt2_reg(f->E, PT2_ATT_MASKED, PT2_F32);
    pt2_ex p = expand(f, weight), e = expand(f, body_of(f, TOTAL)), masked = expand(f, body_of(f, LARGEST));
    if (!f->ok || e->op != PT2_E_EXP || e->args[0]->op != PT2_E_SUB || e->args[0]->args[0] != masked)
        return false;
    pt2_ex shift = e->args[0]->args[1];
    if (!only_regs(f, shift, 1u << PT2_ATT_MASKED) || !depends(f, shift).regs)
        return false;
    if (f->part[NOTHING]) {
        pt2_ex none = pt2_eq(f->E, masked, pt2_num(f->E, PT2_F32, -INFINITY)), body = expand(f, body_of(f, NOTHING));
        if (body != (f->part[NOTHING]->op == PT2_RED_ALL ? none : pt2_not(f->E, none)))
            return false;
    }
    struct replace r = { e, pt2_reg(f->E, PT2_ATT_MIXED, PT2_F32) };
    pt2_ex result = multiple(f, pt2_rewrite(f->E, p, replace, &r));
    if (!f->ok || !result || pt2_is_const(result))
        return false;
    set_stage(f, PT2_ATT_MASKED, PT2_STAGE_REDUCE, PT2_RED_MAX, masked);
    set_stage(f, PT2_ATT_SHIFT, PT2_STAGE_LET, 0, shift);
    e = pt2_un(f->E, PT2_E_EXP, pt2_sub(f->E, largest, pt2_reg(f->E, PT2_ATT_SHIFT, PT2_F32)));
    set_stage(f, PT2_ATT_TOTAL, PT2_STAGE_REDUCE, PT2_RED_SUM, e);
    set_stage(f, PT2_ATT_RESULT, PT2_STAGE_LET, 0, result);
    return true;
}

static int64_t count_of(struct finder *f, enum pt2_axis_role role)
{
    struct pt2_attention *a = f->a;
    a->size[role] = pt2_idx(f->E, 1);
    for (int k = 0; k < a->rank; k++)
        if (a->role[k] == role)
            a->size[role] = pt2_mul(f->E, a->size[role], a->extent[k]);
    return pt2_is_const(a->size[role]) ? a->size[role]->i : -1;
}

/* Rows move q and the mask only, columns v only. */
static bool match_axes(struct finder *f, pt2_ex product, pt2_ex value)
{
    struct pt2_attention *a = f->a;
    struct depends first = depends(f, product->args[0]), second = depends(f, product->args[1]);
    struct depends masked = depends(f, a->stages[PT2_ATT_MASKED].body), v = depends(f, value);
    struct depends k = first.key ? first : second, q = first.key ? second : first;
    if (q.key || !k.key || !v.key || v.depth || v.regs || first.inside || second.inside || masked.inside || v.inside ||
        masked.depth || masked.regs != 1u << PT2_ATT_SCORE)
        return false;
    uint64_t scores = q.outer | k.outer | masked.outer, batch = k.outer | (v.outer & scores);
    for (int j = 0; j < a->rank; j++)
        a->role[j] = batch >> j & 1     ? PT2_AXIS_BATCH
                     : scores >> j & 1  ? PT2_AXIS_ROW
                     : v.outer >> j & 1 ? PT2_AXIS_COL
                                        : PT2_AXIS_BATCH;
    pt2_ex depth = pt2_product(f->E, a->stages[PT2_ATT_SCORE].num_loops, a->stages[PT2_ATT_SCORE].loops);
    int64_t width = count_of(f, PT2_AXIS_COL);
    count_of(f, PT2_AXIS_ROW);
    count_of(f, PT2_AXIS_BATCH);
    if (!pt2_is_const(depth) || depth->i < 1 || depth->i > PT2_MAX_HEAD || width < 1 || width > PT2_MAX_HEAD)
        return false;
    a->depth = (int)depth->i;
    a->width = (int)width;
    return true;
}

/* Whether a value has one element for each row, which the load e reads. */
static bool is_of_rows(const struct finder *f, pt2_ex e)
{
    const struct pt2_attention *a = f->a;
    const struct pt2_value *v = f->g->module->values.data[e->i];
    uint64_t rows = 0, seen = 0;
    for (int k = 0; k < a->rank; k++)
        rows |= (uint64_t)(a->role[k] != PT2_AXIS_COL && !pt2_is_int(a->extent[k], 1)) << k;
    for (int k = 0; k < v->rank; k++) {
        pt2_ex i = e->args[k];
        if (pt2_is_int(v->shape[k], 1))
            continue;
        if (i->op != PT2_E_VAR || i->i < PT2_OUTER_AXIS || !pt2_prove_eq(f->E, v->shape[k], i->args[0]) ||
            seen >> (i->i - PT2_OUTER_AXIS) & 1)
            return false;
        seen |= UINT64_C(1) << (i->i - PT2_OUTER_AXIS);
    }
    return v->rank > 0 && seen == rows;
}

static void keep_sums(struct finder *f)
{
    static const enum part sums[] = { LARGEST, TOTAL };
    for (int k = 0; k < 2; k++)
        f->a->sums[k] = is_of_rows(f, f->at[sums[k]]) ? f->at[sums[k]] : NULL;
}

static bool find_parts(struct finder *f, pt2_ex weight)
{
    f->part[TOTAL] = reach(f, weight, is_total);
    f->part[LARGEST] = f->part[TOTAL] ? reach(f, f->part[TOTAL]->body, is_max) : NULL;
    f->part[SCORE] = f->part[LARGEST] ? reach(f, f->part[LARGEST]->body, is_score) : NULL;
    f->part[NOTHING] = f->part[SCORE] ? reach(f, weight, is_nothing) : NULL;
    for (int k = 0; k < PARTS; k++)
        if (f->part[k])
            add_member(f, f->part[k]);
    return f->part[SCORE] != NULL;
}

static struct pt2_attention *match(struct finder *f, int side)
{
    const struct pt2_value *v = f->out->outs[0];
    pt2_ex to[PT2_MAX_RANK + 1];
    f->a = PT2_NEW(&f->g->module->arena, struct pt2_attention);
    f->a->rank = v->rank;
    f->a->keys = f->keys;
    f->a->dtype = v->dtype;
    for (int k = 0; k < v->rank; k++) {
        f->a->extent[k] = v->shape[k];
        to[k] = f->a->outer[k] = pt2_var(f->E, PT2_OUTER_AXIS + k, v->shape[k]);
    }
    to[v->rank] = key(f);
    pt2_ex body = pt2_subst_vars(f->E, f->out->body, v->rank + 1, to);
    if (body->op != PT2_E_MUL || body->num_args != 2)
        return NULL;
    for (int swap = 0; swap < 2; swap++) { /* substitution may have ordered the factors anew */
        pt2_ex weight = body->args[side ^ swap], value = body->args[!(side ^ swap)];
        if (!reach(f, weight, is_part))
            continue;
        if (!match_softmax(f, weight))
            return NULL;
        pt2_ex product = body_of(f, SCORE);
        if (!f->ok || product->op != PT2_E_MUL || product->num_args != 2)
            return NULL;
        set_score(f, product);
        set_stage(f, PT2_ATT_MIXED, PT2_STAGE_REDUCE, PT2_RED_SUM, value);
        if (!match_axes(f, product, value))
            return NULL;
        keep_sums(f);
        return f->a;
    }
    return NULL;
}

/* ---- which of them are on their own ---- */

static bool is_member(const struct pt2_found *a, const struct pt2_node *n)
{
    for (int k = 0; k < a->count; k++)
        if (a->nodes[k] == n)
            return true;
    return false;
}

static void count_reader(void *ctx, struct pt2_value *v)
{
    int *readers = ctx;
    readers[v->id]++;
}

/* The kernel can store what the node makes. */
static bool is_kept(const struct pt2_found *a, const struct pt2_node *n)
{
    const pt2_ex *sums = a->attention->sums;
    uint32_t id = n->outs[0]->id;
    return (sums[0] && sums[0]->i == id) || (sums[1] && sums[1]->i == id);
}

/* Nothing but members reads what stays inside. */
static bool closed(struct pt2_graph *g, struct pt2_found *a, const int *readers)
{
    a->keeps = false;
    for (int k = 0; k < a->count - 1; k++) {
        int inside = 0;
        for (int j = 0; j < a->count; j++)
            inside += pt2_node_reads(g, a->nodes[j], a->nodes[k]->outs[0]);
        bool read = inside != readers[a->nodes[k]->outs[0]->id];
        if (read && !is_kept(a, a->nodes[k]))
            return false;
        a->keeps |= read;
    }
    return true;
}

static bool reads_kept(struct pt2_graph *g, const struct pt2_found *a, struct pt2_node *n)
{
    for (int k = 0; k < a->count - 1; k++)
        if (is_kept(a, a->nodes[k]) && pt2_node_reads(g, n, a->nodes[k]->outs[0]))
            return true;
    return false;
}

/* All is computed where the last node stands: from the first one on nothing may overwrite what members read or wait for
 * what the kernel stores, and the host may not take part. */
static bool undisturbed(struct pt2_graph *g, const struct pt2_found *a)
{
    const struct pt2_node *last = a->nodes[a->count - 1];
    bool begun = false;
    for (uint32_t k = 0; k < g->nodes.count && g->nodes.data[k] != last; k++) {
        struct pt2_node *n = g->nodes.data[k];
        begun = begun || is_member(a, n);
        if (begun && !is_member(a, n) && reads_kept(g, a, n))
            return false;
        if (!begun || n->kind < PT2_NODE_SCATTER)
            continue;
        if (n->kind == PT2_NODE_ITEM || n->kind == PT2_NODE_CALL || n->kind == PT2_NODE_LOOP)
            return false;
        for (int j = 0; n->kind == PT2_NODE_SCATTER && j < a->count; j++)
            if (pt2_node_reads(g, a->nodes[j], n->base))
                return false;
    }
    return true;
}

static bool find(struct pt2_graph *g, struct pt2_node *n, struct pt2_found *out)
{
    if (!is_product(n) || n->num_axes != 1 || n->axes[0]->hi < MIN_KEYS)
        return false;
    for (int side = 0; side < 2; side++) {
        struct finder f = { .g = g, .E = &g->module->exprs, .out = n, .keys = n->axes[0], .found = out, .ok = true };
        out->count = 0;
        if (!find_parts(&f, n->body->args[side]))
            continue;
        out->attention = match(&f, side);
        add_member(&f, n); /* the last */
        if (out->attention && f.ok)
            return true;
    }
    return false;
}

struct pt2_found *pt2_attention_find(struct pt2_graph *g, const struct pt2_plan_params *params, int *out_count)
{
    bool wanted = pt2_has_opt(params->without, PT2_OPT_FUSE) && pt2_has_opt(params->without, PT2_OPT_ATTENTION);
    PT2_VEC(struct pt2_found) list = { 0 };
    *out_count = 0;
    if (!wanted || params->devices[0].caps.interprets)
        return NULL;
    int n = 0, *readers = calloc(g->module->values.count + 1u, sizeof *readers);
    for (uint32_t k = 0; readers && k < g->nodes.count; k++)
        pt2_node_uses(g, g->nodes.data[k], count_reader, readers);
    for (uint32_t k = 0; readers && k < g->outputs.count; k++)
        readers[g->outputs.data[k]->id]++;
    for (uint32_t k = 0; readers && k < g->nodes.count; k++) {
        struct pt2_found a;
        if (!find(g, g->nodes.data[k], &a) || !closed(g, &a, readers) || !undisturbed(g, &a))
            continue;
        pt2_push(&g->module->arena, &list, a);
        n++;
    }
    free(readers);
    *out_count = n;
    return list.data;
}

const struct pt2_found *pt2_attention_of(const struct pt2_found *list, int count, const struct pt2_node *n)
{
    for (int k = 0; k < count; k++)
        if (is_member(&list[k], n))
            return &list[k];
    return NULL;
}
