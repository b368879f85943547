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
 * Where the number of keys is a symbol, so is that of parts. Behind the last key, scores are -inf. */
#include "plan/attention.h"

#include <math.h>

enum { MOST_AXES = PT2_OUTER_AXIS + PT2_MAX_RANK };

struct cut {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    const struct pt2_attention *a;
    pt2_ex parts, part;           /* their number; keys of each */
    pt2_ex key, inside;           /* at VARs of the part and of the key in it: the key, whether there is one */
    pt2_ex shape[PT2_MAX_RANK];   /* of what a part has: the part, then the result's axes */
    pt2_ex reg[PT2_ATT_STAGES];   /* what the stages' expressions read as registers; NULL: none of these */
};

/* ---- expressions of the attention over other variables ---- */

static pt2_ex set_register(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct cut *c = ctx;
    (void)E;
    return e->op == PT2_E_REG && c->reg[e->i] ? c->reg[e->i] : e;
}

/* A stage's body with the result's axis k at VAR `first` + k, the key at `key`, axes of the depth from VAR `depth`
 * on. */
static pt2_ex body_at(struct cut *c, int stage, int first, pt2_ex key, int depth)
{
    const struct pt2_attention *a = c->a;
    const struct pt2_stage *score = &a->stages[PT2_ATT_SCORE];
    pt2_ex to[MOST_AXES] = { 0 };
    for (int k = 0; k < a->rank; k++)
        to[PT2_OUTER_AXIS + k] = pt2_var(c->E, first + k, a->extent[k]);
    for (int k = 0; k < score->num_loops && stage == PT2_ATT_SCORE; k++)
        to[score->first_axis + k] = pt2_var(c->E, depth + k, score->loops[k]);
    to[PT2_KEY_AXIS] = key;
    return pt2_rewrite(c->E, pt2_subst_vars(c->E, a->stages[stage].body, MOST_AXES, to), set_register, c);
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

/* Element of a value with one for each part and row, at the part; the result's axis k is VAR `first` + k. */
static pt2_ex load_sum(struct cut *c, const struct pt2_value *v, pt2_ex part, int first)
{
    pt2_ex at[PT2_MAX_RANK];
    at[0] = part;
    for (int k = 1; k < v->rank; k++)
        at[k] = pt2_var(c->E, first + k - 1, v->shape[k]);
    return pt2_load(c->g, v, at);
}

struct sums {
    struct pt2_value *largest, *total, *mean;
};

static struct pt2_value *add_scores(struct cut *c)
{
    const struct pt2_attention *a = c->a;
    const struct pt2_stage *score = &a->stages[PT2_ATT_SCORE];
    int rank = a->rank + 1;
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, c->shape, sizeof shape);
    for (int k = 0; k < a->rank; k++)
        shape[1 + k] = a->role[k] == PT2_AXIS_COL ? pt2_idx(c->E, 1) : shape[1 + k];
    shape[rank] = c->part;
    return pt2_node_reduce(c->g, PT2_RED_SUM, PT2_F32, rank + 1, shape, score->num_loops, score->loops,
                           body_at(c, PT2_ATT_SCORE, 1, c->key, rank + 1));
}

/* The masked score of a key in its part. */
static pt2_ex masked_at(struct cut *c, const struct pt2_value *scores)
{
    pt2_ex at[PT2_MAX_RANK];
    pt2_vars(c->g, scores->rank, scores->shape, 0, at);
    c->reg[PT2_ATT_SCORE] = pt2_load(c->g, scores, at);
    pt2_ex masked = body_at(c, PT2_ATT_MASKED, 1, c->key, 0);
    c->reg[PT2_ATT_SCORE] = NULL;
    return pt2_select(c->E, c->inside, masked, minus_infinity(c));
}

static struct sums add_parts(struct cut *c)
{
    struct pt2_exprs *E = c->E;
    struct pt2_value *scores = add_scores(c);
    pt2_ex masked = masked_at(c, scores), part = pt2_var(E, 0, c->parts), none = pt2_num(E, PT2_F32, 0);
    int rank = scores->rank - 1;
    struct sums s;
    s.largest = pt2_node_reduce(c->g, PT2_RED_MAX, PT2_F32, rank, scores->shape, 1, &c->part, masked);
    pt2_ex largest = load_sum(c, s.largest, part, 1), e = exponential(c, masked, finite(c, largest));
    s.total = pt2_node_reduce(c->g, PT2_RED_SUM, PT2_F32, rank, scores->shape, 1, &c->part, e);
    pt2_ex weight = pt2_select(E, pt2_eq(E, largest, minus_infinity(c)), none,
                               pt2_bin(E, PT2_E_DIV, e, load_sum(c, s.total, part, 1)));
    pt2_ex v = body_at(c, PT2_ATT_MIXED, 1, c->key, 0);
    s.mean = pt2_node_reduce(c->g, PT2_RED_SUM, PT2_F32, rank, c->shape, 1, &c->part, pt2_mul(E, weight, v));
    return s;
}

/* ---- the parts together ---- */

static pt2_ex load_here(struct cut *c, const struct pt2_value *v)
{
    pt2_ex at[PT2_MAX_RANK];
    pt2_vars(c->g, v->rank, v->shape, 0, at);
    return pt2_load(c->g, v, at);
}

static struct pt2_value *over_parts(struct cut *c, enum pt2_reduce_op op, pt2_ex body)
{
    return pt2_node_reduce(c->g, op, PT2_F32, c->a->rank, c->a->extent, 1, &c->parts, body);
}

/* The attention's last node computes its result from sums over the parts. All have the result's axes, so that they are
 * one kernel. What the graph subtracts from scores is `largest`, but for rows without a key. */
static void add_result(struct cut *c, struct pt2_node *n, const struct sums *s)
{
    struct pt2_exprs *E = c->E;
    pt2_ex part = pt2_var(E, c->a->rank, c->parts), here = load_sum(c, s->largest, part, 0);
    c->reg[PT2_ATT_MASKED] = load_here(c, over_parts(c, PT2_RED_MAX, here));
    pt2_ex most = finite(c, c->reg[PT2_ATT_MASKED]), shift = body_at(c, PT2_ATT_SHIFT, 0, NULL, 0);
    pt2_ex weight = pt2_mul(E, load_sum(c, s->total, part, 0), exponential(c, here, most));
    pt2_ex total = load_here(c, over_parts(c, PT2_RED_SUM, weight));
    pt2_ex mixed = load_here(c, over_parts(c, PT2_RED_SUM, pt2_mul(E, load_sum(c, s->mean, part, 0), weight)));
    pt2_ex scale = exponential(c, most, shift);
    c->reg[PT2_ATT_TOTAL] = pt2_mul(E, total, scale);
    c->reg[PT2_ATT_MIXED] = pt2_mul(E, mixed, scale);
    n->kind = PT2_NODE_MAP;
    n->num_axes = 0;
    n->body = body_at(c, PT2_ATT_RESULT, 0, NULL, 0);
}

static void cut_attention(struct pt2_graph *g, const struct pt2_found *found, int64_t parts)
{
    struct pt2_exprs *E = &g->module->exprs;
    const struct pt2_attention *a = found->attention;
    struct pt2_node *last = found->nodes[found->count - 1];
    struct cut c = { .g = g, .E = E, .a = a };
    uint32_t first = g->nodes.count;
    c.part = pt2_max(E, pt2_contract_parts(E, a->keys, pt2_idx(E, parts)), pt2_idx(E, PT2_LEAST_PART));
    c.parts = pt2_contract_parts(E, a->keys, c.part);
    c.shape[0] = c.parts;
    memcpy(c.shape + 1, a->extent, (size_t)a->rank * sizeof *c.shape);
    pt2_ex key = pt2_add(E, pt2_mul(E, pt2_var(E, 0, c.parts), c.part), pt2_var(E, a->rank + 1, c.part));
    c.inside = pt2_lt(E, key, a->keys);
    c.key = pt2_min(E, key, pt2_addi(E, a->keys, -1));
    struct sums s = add_parts(&c);
    add_result(&c, last, &s);
    for (uint32_t k = first; k < g->nodes.count; k++)
        g->nodes.data[k]->origin = last->origin;
}

/* ---- which ---- */

/* The attention that a node is part of; *last: whether it is the last node. */
static const struct pt2_found *attention_of(const struct pt2_found *list, int count, const struct pt2_node *n,
                                            bool *last)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < list[i].count; k++)
            if (list[i].nodes[k] == n) {
                *last = k == list[i].count - 1;
                return &list[i];
            }
    return NULL;
}

static int64_t parts_of(struct pt2_exprs *E, const struct pt2_found *found, const struct pt2_caps *caps)
{
    const struct pt2_attention *a = found->attention;
    bool possible = !found->keeps && a->rank + 2 <= PT2_MAX_RANK && a->keys->lo >= 1;
    return possible ? pt2_attention_parts(E, a, caps) : 1;
}

void pt2_plan_cut_keys(struct pt2_plan *p, const struct pt2_plan_params *params)
{
    struct pt2_graph *g = p->graph;
    struct pt2_exprs *E = &g->module->exprs;
    const struct pt2_caps *caps = &params->devices[0].caps;
    int found = 0;
    const struct pt2_found *list = pt2_attention_find(g, params, &found);
    uint32_t count = g->nodes.count;
    struct pt2_node **nodes = g->nodes.data;
    memset(&g->nodes, 0, sizeof g->nodes); /* new nodes are appended */
    for (uint32_t k = 0; k < count; k++) {
        bool last = false;
        const struct pt2_found *a = attention_of(list, found, nodes[k], &last);
        int64_t parts = a ? parts_of(E, a, caps) : 1;
        if (parts > 1 && last)
            cut_attention(g, a, parts);
        if (parts == 1 || last)
            pt2_push(&g->module->arena, &g->nodes, nodes[k]);
    }
}
