/* SPDX-License-Identifier: MIT
 * Indices that PyTorch refuses. Kernels clamp what data decide, and so never fail; whether all indices of an operator
 * are in range is a question of its own, asked of the index tensor as PyTorch does: whatever becomes of the result.
 *
 * Ranges answer it for positions of sorts and maxima, counters, and weights, which are looked at here. Of few indices
 * that are an input, the host asks when the input is bound. Otherwise a kernel finds the first index out of range,
 * which the host looks at when outputs are waited for, and before it reads anything else of the graph. */
#include "expr/internal.h"
#include "graph/text.h"
#include "ops/data.h"
#include "ops/internal.h"

enum {
    MAX_SCAN = 1 << 22,     /* elements of a weight that are looked at once, when lowering */
    MAX_PEEL = 8, MAX_COST = 64, /* MAPs seen through, and their size */
    FREE_AXIS = 1 << 10,    /* VARs that no node has */
};

/* ---- what is known of an index ---- */

struct peel {
    struct pt2_lower *L;
    int depth, fresh;
};

/* An index of which only the bounds are known: 0 <= i < extent. */
static pt2_ex position(struct peel *p, pt2_ex extent)
{
    return pt2_var(p->L->E, FREE_AXIS + p->fresh++, extent);
}

static pt2_ex position_in(struct peel *p, const struct pt2_node *n, const struct pt2_value *v)
{
    if (n->kind == PT2_NODE_SORT && v == n->outs[1])
        return position(p, v->shape[v->rank - 1]);
    if (n->kind == PT2_NODE_REDUCE && pt2_gives_position(n->op))
        return position(p, pt2_product(p->L->E, n->num_axes, n->axes));
    if (n->kind == PT2_NODE_SCAN && pt2_gives_position(n->op))
        return position(p, v->shape[n->axis]);
    return NULL;
}

static bool is_target(const struct pt2_program *p, uint32_t spec)
{
    for (uint32_t k = 0; k < p->num_outputs; k++)
        if (p->outputs[k].kind != PT2_OUTPUT_USER && p->outputs[k].kind != PT2_OUTPUT_TOKEN &&
            p->outputs[k].target == (int)spec)
            return true;
    return false;
}

/* A number between the smallest and the largest of n elements. */
static pt2_ex between(struct peel *p, pt2_dtype dtype, const void *data, int64_t first, int64_t n)
{
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    if (!data || n <= 0 || n > MAX_SCAN)
        return NULL;
    for (int64_t k = 0; k < n; k++) {
        int64_t e = pt2_load_int(dtype, data, first + k);
        lo = e < lo ? e : lo;
        hi = e > hi ? e : hi;
    }
    if (lo <= -PT2_INF || hi >= PT2_INF)
        return NULL;
    return pt2_add(p->L->E, pt2_idx(p->L->E, lo), position(p, pt2_idx(p->L->E, hi - lo + 1)));
}

/* The same of a weight that no run writes, which is known at the end where operators write at all. */
static pt2_ex weight_range(struct peel *p, const struct pt2_value *v)
{
    const struct pt2_lowered *out = p->L->priv->out;
    const struct pt2_program *program = p->L->program;
    bool may_write = p->L->priv->writes && !p->L->priv->complete;
    if (p->L->g != p->L->m->graphs.data[0] || may_write || v->def->input >= out->num_inputs ||
        out->inputs[v->def->input].written_output >= 0)
        return NULL;
    uint32_t spec = (uint32_t)out->inputs[v->def->input].spec;
    const struct pt2_stored_tensor *t = program->inputs[spec].stored;
    if (!t || !t->storage || !pt2_stored_is_dense(t) || t->dtype != v->dtype || is_target(program, spec) ||
        pt2_const_elements(v) != pt2_stored_count(t))
        return NULL;
    return between(p, t->dtype, t->storage->data, t->offset, pt2_stored_count(t));
}

/* What is known of a value, but for MAPs: a number in its range. */
static pt2_ex known_range(struct peel *p, const struct pt2_value *v)
{
    switch (v->def->kind) {
    case PT2_NODE_INPUT: return weight_range(p, v);
    case PT2_NODE_CONST: return between(p, v->dtype, v->def->data, 0, pt2_const_elements(v));
    default: return position_in(p, v->def, v);
    }
}

static bool is_index_type(pt2_dtype t) { return t == PT2_I64 || t == PT2_I32; }

/* A load as what is known of the value: a MAP's body, a position, the range of a weight. */
static pt2_ex see_through(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct peel *p = ctx;
    if (e->op != PT2_E_LOAD)
        return e;
    const struct pt2_value *v = p->L->m->values.data[e->i];
    const struct pt2_node *n = v->def;
    if (!is_index_type(v->dtype))
        return e;
    pt2_ex known = known_range(p, v);
    if (known)
        return pt2_cast(E, e->dtype, known);
    if (n->kind != PT2_NODE_MAP || p->depth == MAX_PEEL || pt2_cost(n->body) > MAX_COST)
        return e;
    p->depth++;
    e = pt2_rewrite(E, pt2_subst_vars(E, n->body, v->rank, e->args), see_through, p);
    p->depth--;
    return e;
}

/* The index with all that is known of what it reads. *out_exact: it is the index itself, and no other with the same
 * bounds. */
static pt2_ex peeled(struct pt2_lower *L, pt2_ex index, bool *out_exact)
{
    struct peel p = { L, 0, 0 };
    index = pt2_rewrite(L->E, index, see_through, &p);
    *out_exact = p.fresh == 0;
    return index;
}

static bool is_proved(struct pt2_lower *L, pt2_ex index, const struct pt2_index_range *r)
{
    pt2_ex i = pt2_cast(L->E, PT2_IDX, index);
    return pt2_prove_le(L->E, r->lo, i) && pt2_prove_lt(L->E, i, r->size);
}

/* ---- asking the host ---- */

struct symbols { struct pt2_lower *L; bool from_data; };

static void see_symbol(void *ctx, pt2_ex e)
{
    struct symbols *s = ctx;
    s->from_data |= e->op == PT2_E_SYM && pt2_binder_of(s->L, (int)e->i) == PT2_BOUND_BY_DATA;
}

/* A size that only the run knows. */
static bool is_from_data(struct pt2_lower *L, pt2_ex e)
{
    struct symbols s = { L, false };
    pt2_visit(e, see_symbol, &s);
    return s.from_data;
}

/* The indices as elements of a user's input: where they lie, as strides. */
static bool find_strides(struct pt2_lower *L, pt2_ex linear, struct pt2_index_check *c)
{
    struct pt2_exprs *E = L->E;
    pt2_ex at[PT2_MAX_RANK], sum;
    if (linear->has & PT2_HAS_LOAD)
        return false;
    for (int k = 0; k < c->rank; k++)
        at[k] = pt2_idx(E, 0);
    sum = c->offset = pt2_subst_vars(E, linear, c->rank, at);
    pt2_ex *v = op_vars(L, c->rank, c->shape);
    for (int k = 0; k < c->rank; k++) {
        at[k] = pt2_idx(E, 1);
        c->strides[k] = pt2_sub(E, pt2_subst_vars(E, linear, c->rank, at), c->offset);
        at[k] = pt2_idx(E, 0);
        sum = pt2_add(E, sum, pt2_mul(E, c->strides[k], v[k]));
    }
    bool ok = pt2_prove_eq(E, sum, linear) && !is_from_data(L, linear);
    for (int k = 0; k < c->rank; k++)
        ok = ok && !is_from_data(L, c->shape[k]);
    return ok && !is_from_data(L, c->range.lo) && !is_from_data(L, c->range.size);
}

/* The load whose element is the index, through conversions that keep every integer. */
static pt2_ex plain_load(pt2_ex e)
{
    while (e->op == PT2_E_CAST && pt2_exact_in(e->dtype, e->args[0]))
        e = e->args[0];
    return e->op == PT2_E_LOAD ? e : NULL;
}

static bool host_compares(struct pt2_lower *L, pt2_ex index, struct pt2_index_check *c)
{
    pt2_ex load = plain_load(index);
    const struct pt2_value *v = load ? L->m->values.data[load->i] : NULL;
    if (!v || v->def->kind != PT2_NODE_INPUT || L->g != L->m->graphs.data[0] || !pt2_dtype_is_int(v->dtype) ||
        pt2_product(L->E, c->rank, c->shape)->lo > PT2_FEW_INDICES)
        return false;
    const struct pt2_graph_input *in = &L->priv->out->inputs[v->def->input];
    if (L->program->inputs[in->spec].kind != PT2_INPUT_USER || in->flat)
        return false;
    c->strides = PT2_NEW_N(L->arena, pt2_ex, c->rank);
    if (!find_strides(L, pt2_linearize(L->E, v->rank, v->shape, load->args), c))
        return false;
    c->input = v->def->input;
    return true;
}

/* ---- asking a kernel ---- */

pt2_ex op_inside(struct pt2_lower *L, pt2_ex index, struct pt2_index_range r)
{
    struct pt2_exprs *E = L->E;
    if (is_proved(L, index, &r))
        return pt2_int(E, PT2_BOOL, 1);
    return pt2_and(E, pt2_le(E, pt2_cast(E, PT2_I64, r.lo), index),
                   pt2_lt(E, index, pt2_cast(E, PT2_I64, r.size)));
}

/* The first index out of range, in row-major order; else 0. `parts` is 0 where the host compares, so that there is no
 * element, else 1. */
static pt2_t *first_outside(struct pt2_lower *L, pt2_ex index, pt2_ex bad, pt2_ex parts,
                            const struct pt2_index_check *c)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = pt2_int(E, PT2_I64, 0), none = pt2_int(E, PT2_I32, INT32_MAX);
    pt2_ex at[PT2_MAX_RANK], shape[PT2_MAX_RANK];
    pt2_ex *axes = op_axes(L, 1, c->rank, c->shape);
    for (int k = 0; k < c->rank; k++)
        shape[k] = pt2_max(E, c->shape[k], pt2_idx(E, 1));
    pt2_ex here = pt2_cast(E, PT2_I32, pt2_linearize(E, c->rank, c->shape, axes));
    pt2_t *where = op_reduce(L, PT2_RED_MIN, PT2_I32, 1, &parts, c->rank, c->shape,
                             pt2_select(E, pt2_subst_vars(E, bad, c->rank, axes), here, none));
    where->store->cur->def->guards = true;
    pt2_ex first = op_at(L, where, op_vars(L, 1, &parts)), last = pt2_addi(E, pt2_product(E, c->rank, shape), -1);
    pt2_ex found = pt2_min(E, pt2_max(E, pt2_cast(E, PT2_IDX, first), pt2_idx(E, 0)), last);
    pt2_delinearize(E, c->rank, shape, found, at);
    pt2_ex value = pt2_select(E, pt2_lt(E, first, none), pt2_subst_vars(E, index, c->rank, at), zero);
    pt2_t *r = op_map(L, PT2_I64, 1, &parts, value);
    r->store->cur->def->guards = true;
    return r;
}

/* ---- the list ---- */

static bool same_question(struct pt2_lower *L, const struct pt2_pending_index *p, pt2_ex index, pt2_ex cond,
                          const struct pt2_index_check *c)
{
    const struct pt2_index_check *o = &p->check;
    if (p->graph != L->g || p->index != index || p->cond != cond || o->rank != c->rank)
        return false;
    for (int k = 0; k < c->rank; k++)
        if (o->shape[k] != c->shape[k])
            return false;
    return pt2_prove_le(L->E, c->range.lo, o->range.lo) && pt2_prove_le(L->E, o->range.size, c->range.size);
}

static const char *place_in_program(struct pt2_lower *L)
{
    const struct pt2_pnode *n = L->node;
    return pt2_arena_printf(L->arena, "node %s (%s)%s%s", n->name, n->target, n->python_line[0] ? " at " : "",
                            n->python_line);
}

void op_check_index(struct pt2_lower *L, int rank, const pt2_ex *shape, pt2_ex index, pt2_ex cond,
                    struct pt2_index_range range)
{
    struct pt2_lower_priv *priv = L->priv;
    struct pt2_index_check c = { .range = range, .rank = rank, .output = -1, .input = -1, .symbol = -1 };
    if (priv->out->trusts_indices || pt2_is_int(pt2_product(L->E, rank, shape), 0))
        return;
    bool exact;
    pt2_ex known = peeled(L, index, &exact), asked = exact ? known : index;
    if (is_proved(L, known, &range))
        return;
    c.shape = pt2_arena_copy(L->arena, shape, (size_t)rank * sizeof *shape);
    for (uint32_t k = 0; k < priv->indices.count; k++)
        if (same_question(L, &priv->indices.data[k], asked, cond, &c))
            return;
    c.node = L->node;
    c.where = place_in_program(L);
    struct pt2_pending_index p = { .graph = L->g, .index = asked, .cond = cond };
    if (!(index->has & PT2_HAS_LOAD) && rank == 0) {
        c.index = index;
        p.done = true;
        pt2_push(L->arena, &priv->out->indices, c);
    } else {
        pt2_ex parts = pt2_idx(L->E, 1), bad = pt2_not(L->E, op_inside(L, index, range));
        if (!cond && host_compares(L, known, &c)) {
            pt2_ex count = pt2_product(L->E, rank, shape);
            pt2_push(L->arena, &priv->out->indices, c);
            c.input = -1;
            parts = pt2_min(L->E, parts, pt2_floordiv(L->E, count, pt2_idx(L->E, PT2_FEW_INDICES + 1)));
        }
        p.done = pt2_is_int(parts, 0);
        if (!p.done)
            p.first = first_outside(L, index, cond ? pt2_and(L->E, cond, bad) : bad, parts, &c);
    }
    p.check = c;
    pt2_push(L->arena, &priv->indices, p);
}

void op_check_indices(struct pt2_lower *L, pt2_t *ids, struct pt2_index_range range)
{
    op_check_index(L, ids->rank, ids->shape, op_int_at(L, ids, op_vars(L, ids->rank, ids->shape)), NULL, range);
}

struct pt2_index_range op_from_zero(struct pt2_lower *L, pt2_ex size)
{
    return (struct pt2_index_range){ pt2_idx(L->E, 0), size };
}

struct pt2_index_range op_from_end_too(struct pt2_lower *L, pt2_ex size)
{
    return (struct pt2_index_range){ pt2_muli(L->E, size, -1), size };
}

/* ---- where answers are read ---- */

/* The answer as a number: 0 where there is none, because the host compares. */
static pt2_t *answer_of(struct pt2_lower *L, pt2_t *first)
{
    pt2_ex at = pt2_var(L->E, 0, first->shape[0]);
    if (pt2_is_int(first->shape[0], 1))
        return op_reshape(L, first, 0, NULL);
    return op_reduce(L, PT2_RED_SUM, PT2_I64, 0, NULL, 1, first->shape, op_at(L, first, &at));
}

void pt2_indices_read(struct pt2_lower *L)
{
    for (uint32_t k = 0; k < L->priv->indices.count; k++) {
        struct pt2_pending_index *p = &L->priv->indices.data[k];
        if (p->done || p->graph != L->g)
            continue;
        p->done = true;
        p->check.symbol = pt2_assertion_symbol(L);
        L->E->symbols.data[p->check.symbol].lo = INT64_MIN;
        L->E->symbols.data[p->check.symbol].hi = INT64_MAX;
        struct pt2_value *first = op_value(L, answer_of(L, p->first));
        first->def->guards = true;
        first->def->origin = p->check.node;
        struct pt2_node *n = pt2_node_new(L->g, PT2_NODE_ITEM, 0);
        n->base = first;
        n->symbol = p->check.symbol;
        pt2_push(L->arena, &L->priv->out->indices, p->check);
    }
}

/* Those that the host reads in any case, side by side. */
static bool joins(const struct pt2_pending_index *p) { return pt2_is_int(p->first->shape[0], 1); }

static void give_output(struct pt2_lower *L, struct pt2_pending_index *p, int output, int element)
{
    p->done = true;
    p->check.output = output;
    p->check.element = element;
    pt2_push(L->arena, &L->priv->out->indices, p->check);
}

void pt2_indices_output(struct pt2_lower *L, int (*add_output)(struct pt2_lower *L, struct pt2_value *v))
{
    struct pt2_pending_index *list[PT2_MAX_PARTS], *p = L->priv->indices.data, *end = p + L->priv->indices.count;
    pt2_t *rows[PT2_MAX_PARTS];
    while (p < end) {
        int n = 0;
        for (; p < end && n < PT2_MAX_PARTS; p++) {
            bool exact;
            if (p->done || p->graph != L->g || is_proved(L, peeled(L, p->index, &exact), &p->check.range))
                continue;
            if (joins(p))
                rows[n] = p->first, list[n++] = p;
            else
                give_output(L, p, add_output(L, op_value(L, p->first)), 0);
        }
        int output = n ? add_output(L, op_value(L, n > 1 ? op_cat(L, n, rows, 0) : rows[0])) : -1;
        for (int k = 0; k < n; k++)
            give_output(L, list[k], output, k);
    }
}
