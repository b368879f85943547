/* SPDX-License-Identifier: MIT
 * Attention of few rows over many keys, as a model that decodes with a cache has it, is cut into attentions over parts
 * of the keys, so that it fills the device (flash-decoding, Dao et al. 2023). Over parts p of the keys, each row has
 *
 *     largest(p), total(p)   of the scores in the part, as in kernel/attention.h
 *     mean(p, col)           Σ over the part's keys of exp(masked - largest(p)) * v / total(p), 0 where all are -inf
 *
 * which the rules of plan/attention.c find again, as one kernel, and with weight(p) = total(p) * exp(largest(p) - L)
 * under the maximum L of all the results are
 *
 *     largest = L      total = Σ over p of weight(p)      mixed(col) = Σ over p of weight(p) * mean(p, col)
 *
 * Where the number of keys is a symbol, so is that of parts: without keys there are no parts. Behind the last key,
 * scores are -inf. */
#include "plan/attention.h"

#include <math.h>

enum { MOST_AXES = PT2_OUTER_AXIS + PT2_MAX_RANK };

struct cut {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    const struct pt2_attention *a;
    pt2_ex parts, part;         /* their number; keys of each */
    pt2_ex key, inside;         /* at VARs of the part and of the key in it: the key, whether there is one */
    pt2_ex reg[PT2_ATT_STAGES]; /* what the stages' expressions read as registers; NULL: none of these */
};

/* ---- expressions of the attention over other variables ---- */

static pt2_ex set_register(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct cut *c = ctx;
    (void)E;
    return e->op == PT2_E_REG && c->reg[e->i] ? c->reg[e->i] : e;
}

/* In all nodes the result's axis k is VAR k, the part the VAR behind these, and the key in its part the next one. */
static int part_axis(const struct cut *c) { return c->a->rank; }

static pt2_ex body_of(struct cut *c, int stage)
{
    const struct pt2_attention *a = c->a;
    const struct pt2_stage *score = &a->stages[PT2_ATT_SCORE];
    pt2_ex to[MOST_AXES] = { 0 };
    for (int k = 0; k < a->rank; k++)
        to[PT2_OUTER_AXIS + k] = pt2_var(c->E, k, a->extent[k]);
    for (int k = 0; k < score->num_loops && stage == PT2_ATT_SCORE; k++)
        to[score->first_axis + k] = pt2_var(c->E, part_axis(c) + 2 + k, score->loops[k]);
    to[PT2_KEY_AXIS] = c->key;
    return pt2_rewrite(c->E, pt2_subst_vars(c->E, a->stages[stage].body, MOST_AXES, to), set_register, c);
}

static pt2_ex load_here(struct cut *c, const struct pt2_value *v)
{
    pt2_ex at[PT2_MAX_RANK];
    pt2_vars(c->g, v->rank, v->shape, 0, at);
    return pt2_load(c->g, v, at);
}

static pt2_ex minus_infinity(struct cut *c) { return pt2_num(c->E, PT2_F32, -INFINITY); }

/* What may be subtracted from scores whose largest this is. */
static pt2_ex finite(struct cut *c, pt2_ex largest)
{
    return pt2_select(c->E, pt2_eq(c->E, largest, minus_infinity(c)), pt2_num(c->E, PT2_F32, 0), largest);
}

static pt2_ex exponential(struct cut *c, pt2_ex e, pt2_ex from)
{
    return pt2_un(c->E, PT2_E_EXP, pt2_sub(c->E, e, from));
}

/* ---- parts ---- */

/* What a part has: neighbouring parts are neighbours in memory, as the kernel that puts them together reads them. */
struct sums {
    struct pt2_value *largest, *total, *mean;
};

/* For each row and part, and for each key in it: the columns are of size 1. */
static struct pt2_value *add_scores(struct cut *c)
{
    const struct pt2_attention *a = c->a;
    const struct pt2_stage *score = &a->stages[PT2_ATT_SCORE];
    int part = part_axis(c);
    pt2_ex shape[PT2_MAX_RANK];
    for (int k = 0; k < a->rank; k++)
        shape[k] = a->role[k] == PT2_AXIS_COL ? pt2_idx(c->E, 1) : a->extent[k];
    shape[part] = c->parts;
    shape[part + 1] = c->part;
    return pt2_node_reduce(c->g, PT2_RED_SUM, PT2_F32, part + 2, shape, score->num_loops, score->loops,
                           body_of(c, PT2_ATT_SCORE));
}

static struct pt2_value *over_keys(struct cut *c, enum pt2_reduce_op op, const pt2_ex *shape, pt2_ex body)
{
    return pt2_node_reduce(c->g, op, PT2_F32, part_axis(c) + 1, shape, 1, &c->part, body);
}

static struct sums add_parts(struct cut *c)
{
    struct pt2_exprs *E = c->E;
    struct pt2_value *scores = add_scores(c);
    pt2_ex shape[PT2_MAX_RANK], none = pt2_num(E, PT2_F32, 0);
    struct sums s;
    c->reg[PT2_ATT_SCORE] = load_here(c, scores);
    pt2_ex masked = pt2_select(E, c->inside, body_of(c, PT2_ATT_MASKED), minus_infinity(c));
    s.largest = over_keys(c, PT2_RED_MAX, scores->shape, masked);
    pt2_ex largest = load_here(c, s.largest), e = exponential(c, masked, finite(c, largest));
    s.total = over_keys(c, PT2_RED_SUM, scores->shape, e);
    pt2_ex mean = pt2_bin(E, PT2_E_DIV, e, load_here(c, s.total));
    pt2_ex weight = pt2_select(E, pt2_eq(E, largest, minus_infinity(c)), none, mean);
    memcpy(shape, c->a->extent, (size_t)c->a->rank * sizeof *shape);
    shape[part_axis(c)] = c->parts;
    s.mean = over_keys(c, PT2_RED_SUM, shape, pt2_mul(E, weight, body_of(c, PT2_ATT_MIXED)));
    return s;
}

/* ---- the parts together ---- */

static pt2_ex over_parts(struct cut *c, enum pt2_reduce_op op, pt2_ex body)
{
    return load_here(c, pt2_node_reduce(c->g, op, PT2_F32, c->a->rank, c->a->extent, 1, &c->parts, body));
}

/* The attention's last node computes its result from sums over the parts. All have the result's axes, so that they are
 * one kernel. What the graph subtracts from scores is `largest`, but for rows without a key. */
static void add_result(struct cut *c, struct pt2_node *n, const struct sums *s)
{
    struct pt2_exprs *E = c->E;
    pt2_ex here = load_here(c, s->largest), most = over_parts(c, PT2_RED_MAX, here), under = finite(c, most);
    pt2_ex weight = pt2_mul(E, load_here(c, s->total), exponential(c, here, under));
    pt2_ex total = over_parts(c, PT2_RED_SUM, weight);
    pt2_ex mixed = over_parts(c, PT2_RED_SUM, pt2_mul(E, load_here(c, s->mean), weight));
    c->reg[PT2_ATT_MASKED] = most;
    pt2_ex scale = exponential(c, under, body_of(c, PT2_ATT_SHIFT));
    c->reg[PT2_ATT_TOTAL] = pt2_mul(E, total, scale);
    c->reg[PT2_ATT_MIXED] = pt2_mul(E, mixed, scale);
    n->kind = PT2_NODE_MAP;
    n->num_axes = 0;
    n->body = body_of(c, PT2_ATT_RESULT);
}

static void cut_attention(struct pt2_graph *g, const struct pt2_found *found, int64_t parts)
{
    struct pt2_exprs *E = &g->module->exprs;
    const struct pt2_attention *a = found->attention;
    struct pt2_node *last = found->nodes[found->count - 1];
    struct cut c = { .g = g, .E = E, .a = a };
    uint32_t begin = g->nodes.count;
    c.part = pt2_max(E, pt2_contract_parts(E, a->keys, pt2_idx(E, parts)), pt2_idx(E, PT2_LEAST_PART));
    c.parts = pt2_contract_parts(E, a->keys, c.part);
    pt2_ex first_key = pt2_mul(E, pt2_var(E, part_axis(&c), c.parts), c.part);
    pt2_ex key = pt2_add(E, first_key, pt2_var(E, part_axis(&c) + 1, c.part));
    c.inside = pt2_lt(E, key, a->keys);
    c.key = pt2_min(E, key, pt2_addi(E, a->keys, -1));
    struct sums s = add_parts(&c);
    add_result(&c, last, &s);
    for (uint32_t k = begin; k < g->nodes.count; k++)
        g->nodes.data[k]->origin = last->origin;
}

/* ---- which ---- */

static int64_t parts_of(struct pt2_module *m, const struct pt2_found *found, const struct pt2_caps *caps)
{
    const struct pt2_attention *a = found->attention;
    bool possible = !found->keeps && a->rank + 2 <= PT2_MAX_RANK;
    return possible ? pt2_attention_parts(m, a, caps) : 1;
}

struct cutting {
    const struct pt2_found *list;
    int count;
    const struct pt2_caps *caps;
};

static bool cut_or_keep(void *ctx, struct pt2_graph *g, struct pt2_node *n)
{
    struct cutting *c = ctx;
    const struct pt2_found *a = pt2_attention_of(c->list, c->count, n);
    int64_t parts = a ? parts_of(g->module, a, c->caps) : 1;
    bool last = a && a->nodes[a->count - 1] == n;
    if (parts > 1 && last)
        cut_attention(g, a, parts);
    return parts == 1 || last;
}

void pt2_plan_cut_keys(struct pt2_plan *p, const struct pt2_plan_params *params)
{
    struct cutting c = { .caps = &params->devices[0].caps };
    c.list = pt2_attention_find(p->graph, params, &c.count);
    pt2_graph_replace(p->graph, cut_or_keep, &c);
}
