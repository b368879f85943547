/* SPDX-License-Identifier: MIT
 * Where to cut expressions that weigh too much: what only the part needs (what it dominates: all ways from the node to
 * there lead through the part) leaves the node with it. The best part is the one that takes most along, of those that
 * share less than they take: what is shared would be computed twice. */
#include "pass/heavy.h"

enum { LEAST_GAIN = PT2_MAX_WEIGHT / 16, NONE = -1 };

struct parts {
    struct pt2_arena arena;
    PT2_VEC(pt2_ex) nodes; /* arguments first */
    int *at;               /* by id: place in `nodes`, from 1 on */
    int *dominator;        /* by place; the number of nodes: the graph's node itself */
    int *gain;             /* by place: weight of what it dominates */
    int weight;            /* of all */
};

static void note_part(void *ctx, pt2_ex e)
{
    struct parts *p = ctx;
    if (p->at[e->id])
        return;
    pt2_push(&p->arena, &p->nodes, e);
    p->at[e->id] = (int)p->nodes.count;
    p->weight += pt2_weight_of(e);
}

static void note_expression(void *ctx, pt2_ex *e)
{
    if (*e)
        pt2_visit(*e, note_part, ctx);
}

/* Places of dominators are larger than those of what they dominate. */
static int common_dominator(const struct parts *p, int a, int b)
{
    while (a != b)
        if (a < b)
            a = p->dominator[a];
        else
            b = p->dominator[b];
    return a;
}

static void dominate(struct parts *p, pt2_ex e, int by)
{
    int *d = &p->dominator[p->at[e->id] - 1];
    *d = *d == NONE ? by : common_dominator(p, *d, by);
}

static void dominate_root(void *ctx, pt2_ex *e)
{
    struct parts *p = ctx;
    if (*e)
        dominate(p, *e, (int)p->nodes.count);
}

/* From the roots to the leaves: who uses a part is seen before it. */
static void find_dominators(struct parts *p, struct pt2_node *n)
{
    int count = (int)p->nodes.count;
    p->dominator = PT2_NEW_N(&p->arena, int, count);
    p->gain = PT2_NEW_N(&p->arena, int, count + 1);
    for (int k = 0; k < count; k++)
        p->dominator[k] = NONE;
    pt2_node_exprs(n, dominate_root, p);
    for (int k = count - 1; k >= 0; k--)
        for (int a = 0; a < p->nodes.data[k]->num_args; a++)
            dominate(p, p->nodes.data[k]->args[a], k);
    for (int k = 0; k < count; k++) {
        p->gain[k] += pt2_weight_of(p->nodes.data[k]);
        p->gain[p->dominator[k]] += p->gain[k];
    }
}

/* Parts that take much along come first, then those that share more than they take; where everything is shared, the
 * heaviest, since what it shares may leave with the next one. */
static int rank_of(int gain, int weight)
{
    if (gain < LEAST_GAIN)
        return weight - 3 * PT2_MAX_WEIGHT;
    return 2 * gain >= weight ? gain : gain - PT2_MAX_WEIGHT;
}

static pt2_ex best_part(const struct parts *p, bool (*may_cut)(pt2_ex e))
{
    pt2_ex best = NULL;
    int best_rank = -3 * PT2_MAX_WEIGHT + LEAST_GAIN;
    for (int k = (int)p->nodes.count - 1; k >= 0; k--) {
        pt2_ex e = p->nodes.data[k];
        bool better = p->gain[k] > best_rank && p->gain[k] <= PT2_MAX_WEIGHT && may_cut(e);
        int weight = better ? pt2_weight(e) : 0;
        if (!better || weight > PT2_MAX_WEIGHT || rank_of(p->gain[k], weight) <= best_rank)
            continue;
        best = e;
        best_rank = rank_of(p->gain[k], weight);
    }
    return best;
}

pt2_ex pt2_heavy_part(struct pt2_module *m, struct pt2_node *n, bool (*may_cut)(pt2_ex e))
{
    struct parts p = { .weight = 0 };
    pt2_ex best = NULL;
    p.at = PT2_NEW_N(&p.arena, int, m->exprs.count);
    pt2_node_exprs(n, note_expression, &p);
    if (p.weight > PT2_MAX_WEIGHT) {
        find_dominators(&p, n);
        best = best_part(&p, may_cut);
    }
    pt2_arena_free(&p.arena);
    return best;
}
