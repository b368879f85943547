/* SPDX-License-Identifier: MIT
 * torch.vmap as graphs of training keep it: calls that begin and end a level, and inside them tensors that lack the
 * batch dimension. A level becomes a counted loop over the batch, whose turns fill rows of the results. */
#include "ops/control.h"
#include "ops/internal.h"

#define VMAP(name) "torch._functorch.predispatch." name

static bool is(const struct pt2_pnode *n, const char *target)
{
    return !strcmp(n->target, target);
}

/* A level: nodes first … end - 1, between its begin and its end. */
struct level {
    const struct pt2_pgraph *graph;
    uint32_t first, end;
    const struct pt2_slot *outer;      /* slots around it */
    const struct pt2_pvalue **results; /* what _remove_batch_dim gives */
    const struct pt2_pvalue **read;    /* tensors of `outer` that its nodes read */
    int num_results, num_read;
};

bool pt2_vmap_begins(const struct pt2_pnode *n)
{
    return is(n, VMAP("_vmap_increment_nesting"));
}

static uint32_t level_end(struct pt2_lower *L, const struct pt2_pgraph *pg, uint32_t first)
{
    int depth = 1;
    for (uint32_t k = first; k < pg->num_nodes; k++) {
        if (pt2_vmap_begins(&pg->nodes[k]))
            depth++;
        else if (is(&pg->nodes[k], VMAP("_vmap_decrement_nesting")) && --depth == 0)
            return k;
    }
    op_fail(L, PT2_ERR_FORMAT, "a vmap that does not end");
}

static void add_read(struct pt2_lower *L, struct level *v, const struct pt2_arg *a)
{
    for (uint32_t k = 0; k < a->num_items; k++)
        add_read(L, v, &a->items[k]);
    if (a->kind != PT2_ARG_VALUE)
        return;
    struct pt2_slot s = v->outer[a->value->index];
    if (s.scalar && (s.scalar->has & PT2_HAS_LOAD))
        op_fail(L, PT2_ERR_UNSUPPORTED, "a vmap that reads a number from data");
    for (int k = 0; k < v->num_read; k++)
        if (v->read[k] == a->value)
            return;
    if (s.tensor)
        v->read[v->num_read++] = a->value;
}

/* The results of this level, not of those inside it. */
static void find_values(struct pt2_lower *L, struct level *v)
{
    int depth = 0;
    v->results = PT2_NEW_N(L->arena, const struct pt2_pvalue *, v->graph->num_values);
    v->read = PT2_NEW_N(L->arena, const struct pt2_pvalue *, v->graph->num_values);
    for (uint32_t k = v->first; k < v->end; k++) {
        const struct pt2_pnode *n = &v->graph->nodes[k];
        depth += pt2_vmap_begins(n) ? 1 : is(n, VMAP("_vmap_decrement_nesting")) ? -1 : 0;
        if (depth == 0 && is(n, VMAP("_remove_batch_dim")) && n->num_outs == 1)
            v->results[v->num_results++] = n->outs[0];
        for (uint32_t j = 0; j < n->num_args; j++)
            add_read(L, v, &n->args[j]);
    }
}

static void level_body(struct pt2_lower *L, void *ctx, pt2_ex turn, pt2_t **carried, pt2_t *const *others)
{
    struct level *v = ctx;
    pt2_ex outer_turn = L->priv->turn;
    struct pt2_slot *slots = pt2_arena_copy(L->arena, v->outer, v->graph->num_values * sizeof *slots);
    for (int k = 0; k < v->num_read; k++)
        slots[v->read[k]->index].tensor = others[k];
    L->priv->turn = turn;
    pt2_lower_range(L, v->graph, v->first, v->end, slots);
    L->priv->turn = outer_turn;
    for (int k = 0; k < v->num_read; k++)
        if (others[k]->store->written)
            op_fail(L, PT2_ERR_UNSUPPORTED, "a vmap that writes to %s", v->read[k]->name);
    for (int k = 0; k < v->num_results; k++) {
        pt2_t *r = slots[v->results[k]->index].tensor;
        carried[k] = op_with_row(L, carried[k], turn, r);
    }
}

static pt2_ex number(struct pt2_lower *L, uint32_t k)
{
    struct pt2_slot s = { NULL, NULL };
    if (k < L->node->num_args)
        s = pt2_lower_arg(L, &L->node->args[k]);
    if (!s.scalar)
        op_fail(L, PT2_ERR_FORMAT, "operand %u is not a number", k);
    return pt2_cast(L->E, PT2_IDX, s.scalar);
}

static int constant(struct pt2_lower *L, uint32_t k, int rank)
{
    pt2_ex e = number(L, k);
    int64_t d = pt2_is_const(e) ? e->i : -1;
    d = d < 0 ? d + rank : d;
    if (d < 0 || d >= rank)
        op_fail(L, PT2_ERR_FORMAT, "a batch dimension outside of %d", rank);
    return (int)d;
}

static pt2_t *operand(struct pt2_lower *L)
{
    pt2_t *t = L->node->num_args ? pt2_lower_arg(L, &L->node->args[0]).tensor : NULL;
    if (!t || !L->priv->turn)
        op_fail(L, PT2_ERR_FORMAT, "a batch dimension without a tensor or outside of vmap");
    return t;
}

/* Rows first; _remove_batch_dim(tensor, level, size, out_dim) of the file says where they go. */
static const struct pt2_pnode *producer(const struct level *v, int result)
{
    uint32_t k = v->first;
    while (v->graph->nodes[k].num_outs != 1 || v->graph->nodes[k].outs[0] != v->results[result])
        k++;
    return &v->graph->nodes[k];
}

static pt2_t *rows_first(struct pt2_lower *L, const struct level *v, int result, pt2_ex size)
{
    pt2_ex shape[PT2_MAX_RANK];
    L->node = producer(v, result);
    pt2_dtype dtype = op_out_dtype(L, 0);
    int rank = op_out_rank(L, 0), at = constant(L, 3, rank), n = 0;
    pt2_ex *sizes = op_out_shape(L, 0);
    shape[n++] = size;
    for (int d = 0; d < rank; d++)
        if (d != at)
            shape[n++] = sizes[d];
    return op_full(L, dtype, rank, shape, pt2_int(L->E, (int)pt2_dtype_compute(pt2_dtype_real(dtype)), 0));
}

static pt2_t *rows_placed(struct pt2_lower *L, const struct level *v, int result, pt2_t *t)
{
    int dims[PT2_MAX_RANK], n = 1;
    L->node = producer(v, result);
    int at = constant(L, 3, t->rank);
    for (int d = 0; d < t->rank; d++)
        dims[d] = d == at ? 0 : n++;
    return op_permute(L, t, dims);
}

uint32_t pt2_lower_vmap(struct pt2_lower *L, const struct pt2_pgraph *pg, uint32_t begin, struct pt2_slot *slots)
{
    struct level v = { .graph = pg, .first = begin + 1, .outer = slots };
    const struct pt2_pnode *node = L->node = &pg->nodes[begin];
    v.end = level_end(L, pg, v.first);
    find_values(L, &v);
    pt2_ex size = number(L, 0);
    pt2_t **rows = PT2_NEW_N(L->arena, pt2_t *, v.num_results), **read = PT2_NEW_N(L->arena, pt2_t *, v.num_read);
    for (int k = 0; k < v.num_results; k++)
        rows[k] = rows_first(L, &v, k, size);
    for (int k = 0; k < v.num_read; k++) {
        pt2_mirror_refresh(L, slots[v.read[k]->index].tensor->store);
        read[k] = slots[v.read[k]->index].tensor;
    }
    L->node = node;
    op_loop(L, size, v.num_results, rows, v.num_read, read, level_body, &v);
    for (int k = 0; k < v.num_results; k++)
        slots[v.results[k]->index].tensor = rows_placed(L, &v, k, rows[k]);
    return v.end;
}

/* ---- rows ---- */

static void lower_nothing(struct pt2_lower *L)
{
    (void)L;
}

/* _add_batch_dim(tensor, dim, level): the turn's slice. */
static void lower_add(struct pt2_lower *L)
{
    pt2_t *t = operand(L);
    op_return(L, op_select(L, t, constant(L, 1, t->rank), L->priv->turn));
}

/* _remove_batch_dim: what the turn gives; its rank is that of the file once rows are joined. */
static void lower_remove(struct pt2_lower *L)
{
    L->priv->slots[L->node->outs[0]->index].tensor = operand(L);
}

const struct pt2_op_row pt2_ops_vmap[] = {
    { VMAP("lazy_load_decompositions"), lower_nothing, 0 },
    { VMAP("_vmap_increment_nesting"), lower_nothing, 0 },
    { VMAP("_vmap_decrement_nesting"), lower_nothing, 0 },
    { VMAP("_add_batch_dim"), lower_add, 0 },
    { VMAP("_remove_batch_dim"), lower_remove, 0 },
    { 0 },
};
