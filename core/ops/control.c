/* SPDX-License-Identifier: MIT
 * Higher-order operators: branches become CALL nodes, loops LOOP nodes, wrappers are inlined. Their sub-graphs are
 * lowered by the same driver, into graphs of their own, with the operands as inputs. */
#include "ops/control.h"
#include "ops/internal.h"

#include <stdio.h>

/* ---- sub-graphs ---- */

struct pt2_graph *op_graph_begin(struct pt2_lower *L, const char *name, struct pt2_graph **out_outer)
{
    *out_outer = L->g;
    L->g = pt2_graph_new(L->m, pt2_arena_printf(L->arena, "%s_%u", name, L->m->graphs.count));
    return L->g;
}

void op_graph_end(struct pt2_lower *L, struct pt2_graph *outer)
{
    pt2_indices_read(L);
    for (uint32_t k = 0; k < L->g->nodes.count; k++)
        if (!L->g->nodes.data[k]->origin)
            L->g->nodes.data[k]->origin = L->node;
    L->g = outer;
}

pt2_t *op_graph_input(struct pt2_lower *L, pt2_t *like)
{
    pt2_ex shape[PT2_MAX_RANK + 1];
    int rank = like->rank;
    pt2_dtype dtype = like->dtype;
    memcpy(shape, like->shape, (size_t)rank * sizeof *shape);
    pt2_complex_dims(L, &dtype, &rank, shape);
    return op_of_value(L, like->dtype, pt2_node_input(L->g, dtype, rank, shape, "operand"));
}

void op_graph_output(struct pt2_lower *L, pt2_t *t)
{
    pt2_push(L->arena, &L->g->outputs, op_value(L, t));
}

/* ---- operands ---- */

struct operands {
    struct pt2_slot *list; /* tensors, scalars or None */
    int count;
};

static void add_operand(struct pt2_lower *L, struct operands *o, const struct pt2_arg *a)
{
    if (a->kind == PT2_ARG_LIST) {
        for (uint32_t k = 0; k < a->num_items; k++)
            add_operand(L, o, &a->items[k]);
        return;
    }
    o->list[o->count++] = pt2_lower_arg(L, a);
}

static uint32_t count_operands(const struct pt2_arg *a)
{
    uint32_t n = a->kind == PT2_ARG_LIST ? 0 : 1;
    for (uint32_t k = 0; k < a->num_items; k++)
        n += count_operands(&a->items[k]);
    return n;
}

/* Arguments first … of the node, lists flattened. */
static struct operands operands_from(struct pt2_lower *L, uint32_t first, uint32_t end)
{
    struct operands o = { NULL, 0 };
    uint32_t n = 0;
    for (uint32_t k = first; k < end; k++)
        n += count_operands(&L->node->args[k]);
    o.list = PT2_NEW_N(L->arena, struct pt2_slot, n);
    for (uint32_t k = first; k < end; k++)
        add_operand(L, &o, &L->node->args[k]);
    return o;
}

static const struct pt2_arg *positional(struct pt2_lower *L, uint32_t k)
{
    if (k >= L->node->num_args)
        op_fail(L, PT2_ERR_FORMAT, "operand %u is missing", k);
    return &L->node->args[k];
}

static const struct pt2_pgraph *graph_arg(struct pt2_lower *L, uint32_t k)
{
    const struct pt2_arg *a = positional(L, k);
    if (a->kind != PT2_ARG_GRAPH)
        op_fail(L, PT2_ERR_FORMAT, "operand %u is not a graph", k);
    return a->graph;
}

static void expect_inputs(struct pt2_lower *L, const struct pt2_pgraph *pg, int n)
{
    if ((int)pg->num_inputs != n)
        op_fail(L, PT2_ERR_FORMAT, "sub-graph %s takes %u operands, %d are passed", pg->name, pg->num_inputs, n);
}

/* The slot of a graph output: a value of the graph, or a literal. */
static struct pt2_slot output_slot(struct pt2_lower *L, const struct pt2_slot *slots, const struct pt2_arg *a)
{
    struct pt2_slot s = { NULL, NULL };
    if (a->kind == PT2_ARG_VALUE)
        return slots[a->value->index];
    if (a->kind == PT2_ARG_INT)
        s.scalar = pt2_idx(L->E, a->i);
    else if (a->kind == PT2_ARG_FLOAT)
        s.scalar = pt2_num(L->E, PT2_F64, a->f);
    else if (a->kind == PT2_ARG_BOOL)
        s.scalar = pt2_int(L->E, PT2_BOOL, a->i);
    return s;
}

/* What a sub-graph takes or gives must be what is declared outside: dtype, rank, and sizes that are numbers. Sizes that
 * only the run knows are compared there (runtime/control.c). */
static void expect_type(struct pt2_lower *L, const char *what, int k, pt2_dtype dtype, int rank, const pt2_ex *shape,
                        const pt2_t *t)
{
    if (t->dtype != dtype || t->rank != rank)
        op_fail(L, PT2_ERR_FORMAT, "%s %d is %s of %d dimensions, %s of %d are declared", what, k,
                pt2_dtype_name(t->dtype), t->rank, pt2_dtype_name(dtype), rank);
    for (int d = 0; d < rank; d++)
        if (pt2_is_const(t->shape[d]) && pt2_is_const(shape[d]) && t->shape[d] != shape[d])
            op_fail(L, PT2_ERR_FORMAT, "%s %d has the size %lld in dimension %d, %lld is declared", what, k,
                    (long long)t->shape[d]->i, d, (long long)shape[d]->i);
}

static void expect_like(struct pt2_lower *L, const char *what, int k, const pt2_t *t, const pt2_t *like)
{
    expect_type(L, what, k, like->dtype, like->rank, like->shape, t);
}

static void expect_operand(struct pt2_lower *L, const struct pt2_pvalue *v, int k, const pt2_t *t)
{
    if (t && v->kind == PT2_VALUE_TENSOR && v->meta)
        expect_type(L, "operand", k, v->meta->dtype, v->meta->rank, pt2_meta_shape(L, v->meta), t);
}

/* Lowers `pg` in place, its inputs being `in`; leaves its outputs in `out`. */
static void inline_graph(struct pt2_lower *L, const struct pt2_pgraph *pg, const struct pt2_slot *in,
                         struct pt2_slot *out)
{
    struct pt2_slot *slots = PT2_NEW_N(L->arena, struct pt2_slot, pg->num_values);
    for (uint32_t k = 0; k < pg->num_inputs; k++) {
        expect_operand(L, pg->inputs[k], (int)k, in[k].tensor);
        slots[pg->inputs[k]->index] = in[k];
    }
    pt2_lower_nodes(L, pg, slots);
    for (uint32_t k = 0; k < pg->num_outputs; k++)
        out[k] = output_slot(L, slots, &pg->outputs[k]);
}

static pt2_t *slot_tensor(struct pt2_lower *L, struct pt2_slot s)
{
    if (s.tensor)
        return s.tensor;
    if (!s.scalar)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a sub-graph with a result that is neither tensor nor number");
    pt2_dtype t = s.scalar->dtype == PT2_IDX ? PT2_I64 : (pt2_dtype)s.scalar->dtype;
    return op_full(L, t, 0, NULL, pt2_cast(L->E, (int)t, s.scalar));
}

static void set_result(struct pt2_lower *L, uint32_t k, struct pt2_slot s)
{
    if (k >= L->node->num_outs)
        return;
    if (s.tensor)
        op_result(L, (int)k, s.tensor);
    else if (s.scalar)
        op_result_scalar(L, (int)k, s.scalar);
}

/* ---- a sub-graph as a graph of its own ---- */

struct region_inputs {
    struct pt2_slot *slots;  /* inside: what each program input is */
    struct pt2_value **args; /* outside: the tensors passed, by graph input */
    int num_args;
};

/* Tensors become graph inputs; scalars that depend on sizes only are the same expression inside; scalars that depend on
 * data are passed as 0-d tensors and read there. Values are computed outside first. */
static void prepare_args(struct pt2_lower *L, struct operands o, struct region_inputs *r)
{
    r->slots = PT2_NEW_N(L->arena, struct pt2_slot, o.count);
    r->args = PT2_NEW_N(L->arena, struct pt2_value *, o.count);
    for (int k = 0; k < o.count; k++) {
        r->slots[k] = o.list[k];
        if (!o.list[k].tensor && o.list[k].scalar && (o.list[k].scalar->has & PT2_HAS_LOAD))
            r->slots[k].tensor = slot_tensor(L, o.list[k]);
        if (r->slots[k].tensor)
            r->args[r->num_args++] = op_value(L, r->slots[k].tensor);
    }
}

static struct pt2_slot inner_slot(struct pt2_lower *L, struct pt2_slot outer)
{
    if (!outer.tensor)
        return outer;
    struct pt2_slot s = { op_graph_input(L, outer.tensor), NULL };
    if (outer.scalar) { /* a number that was passed as a tensor */
        s.scalar = op_at(L, s.tensor, NULL);
        if (outer.scalar->dtype == PT2_IDX)
            s.scalar = pt2_cast(L->E, PT2_IDX, s.scalar);
        s.tensor = NULL;
    }
    return s;
}

/* Whether a tensor of the graph, or of one inside, has a size that depends on the symbol. */
static bool sized_by(const struct pt2_pgraph *g, const char *name)
{
    bool found = false;
    for (uint32_t k = 0; !found && k < g->num_nodes; k++) {
        const struct pt2_pnode *n = &g->nodes[k];
        for (uint32_t j = 0; !found && j < n->num_outs; j++)
            found = pt2_is_sized_by(n->outs[j], name);
        for (uint32_t j = 0; !found && j < n->num_args; j++)
            found = n->args[j].kind == PT2_ARG_GRAPH && sized_by(n->args[j].graph, name);
    }
    return found;
}

/* A number that is passed as a tensor and sizes tensors inside is read on the host, by each graph that needs it. */
static void bind_number(struct pt2_lower *L, const struct pt2_pgraph *pg, uint32_t k, struct pt2_slot *s)
{
    const struct pt2_pvalue *v = pg->inputs[k];
    if (v->kind != PT2_VALUE_INT || !v->expr || v->expr->op != PT2_SYM_NAME || !s->scalar ||
        !(s->scalar->has & PT2_HAS_LOAD) || !sized_by(pg, v->expr->name))
        return;
    int symbol = pt2_symbol(L->E, v->expr->name);
    pt2_mark_bound(L, symbol, PT2_BOUND_BY_DATA);
    pt2_node_item(L->g, pt2_cast(L->E, PT2_IDX, s->scalar), symbol);
    s->scalar = pt2_sym(L->E, symbol);
}

/* Every body must leave its operands alone: PyTorch does not export loops that write them. */
static void expect_unwritten(struct pt2_lower *L, const struct pt2_slot *in, int n)
{
    for (int k = 0; k < n; k++)
        if (in[k].tensor && in[k].tensor->store->written)
            op_fail(L, PT2_ERR_UNSUPPORTED, "a sub-graph that writes into its operand %d", k);
}

/* One bool, whatever its dimensions. */
static pt2_t *condition(struct pt2_lower *L, pt2_t *t)
{
    pt2_ex one = pt2_eq(L->E, op_numel(L, t), pt2_idx(L->E, 1));
    if (pt2_is_int(one, 0))
        op_fail(L, PT2_ERR_FORMAT, "a condition of more or fewer elements than one");
    op_check(L, one, "a condition of more or fewer elements than one");
    return op_reshape(L, op_convert(L, t, PT2_BOOL), 0, NULL);
}

/* The number of a loop's turn: random operators inside give other numbers in each. */
static int turn_symbol(struct pt2_lower *L, int64_t last)
{
    int symbol = pt2_symbol(L->E, pt2_arena_printf(L->arena, "turn%u", L->m->graphs.count));
    L->E->symbols.data[symbol].lo = 0;
    L->E->symbols.data[symbol].hi = last;
    return symbol;
}

/* Makes the turn one of those that a random operator depends on; returns what they were outside. */
static pt2_ex enter_turn(struct pt2_lower *L, int symbol)
{
    pt2_ex outside = L->priv->turns, turn = pt2_sym(L->E, symbol);
    enum { SPREAD = 1000003 }; /* between turns of the outer loop: a prime, so that few pairs of turns meet */
    L->priv->turns = outside ? pt2_add(L->E, pt2_muli(L->E, outside, SPREAD), turn) : turn;
    return outside;
}

/* `tests`: the graph of a loop's condition. */
static struct pt2_graph *lower_graph(struct pt2_lower *L, const struct pt2_pgraph *pg, const struct pt2_slot *outer,
                                     int n, struct pt2_slot *out, bool tests)
{
    struct pt2_graph *saved, *g;
    expect_inputs(L, pg, n);
    g = op_graph_begin(L, pg->name, &saved);
    struct pt2_slot *in = PT2_NEW_N(L->arena, struct pt2_slot, n);
    for (int k = 0; k < n; k++) {
        in[k] = inner_slot(L, outer[k]);
        bind_number(L, pg, (uint32_t)k, &in[k]);
    }
    inline_graph(L, pg, in, out);
    expect_unwritten(L, in, n);
    for (uint32_t k = 0; k < pg->num_outputs; k++) {
        out[k].tensor = slot_tensor(L, out[k]);
        if (tests)
            out[k].tensor = condition(L, out[k].tensor);
        op_graph_output(L, out[k].tensor);
    }
    op_graph_end(L, saved);
    return g;
}

static struct pt2_node *control_node(struct pt2_lower *L, enum pt2_kind kind, const struct region_inputs *r,
                                     uint32_t num_outs)
{
    pt2_indices_read(L);
    struct pt2_node *n = pt2_node_new(L->g, kind, (int)num_outs);
    n->args = r->args;
    n->num_args = r->num_args;
    n->symbol = -1;
    return n;
}

/* The sizes of result k as the program declares them, else those of `like`. */
static const pt2_ex *declared_shape(struct pt2_lower *L, int k, const pt2_t *like)
{
    const struct pt2_pvalue *v = (uint32_t)k < L->node->num_outs ? L->node->outs[k] : NULL;
    bool has = v && v->kind == PT2_VALUE_TENSOR && v->meta && v->meta->rank == like->rank;
    return has ? pt2_meta_shape(L, v->meta) : like->shape;
}

static pt2_t *add_result(struct pt2_lower *L, struct pt2_node *n, int k, const pt2_t *like, const pt2_ex *sizes)
{
    pt2_ex shape[PT2_MAX_RANK + 1];
    int rank = like->rank;
    pt2_dtype dtype = like->dtype;
    memcpy(shape, sizes, (size_t)rank * sizeof *shape);
    pt2_complex_dims(L, &dtype, &rank, shape);
    return op_of_value(L, like->dtype, pt2_node_out(L->g, n, k, dtype, rank, shape));
}

/* A tensor result that the program declares as a number is read back as one. */
static void return_result(struct pt2_lower *L, uint32_t k, pt2_t *t)
{
    if (k >= L->node->num_outs)
        return;
    if (L->node->outs[k]->kind == PT2_VALUE_INT) {
        op_result_scalar(L, (int)k, op_item(L, pt2_cast(L->E, PT2_IDX, op_at(L, t, NULL)), (int)k));
    } else if (L->node->outs[k]->kind == PT2_VALUE_FLOAT || L->node->outs[k]->kind == PT2_VALUE_BOOL) {
        op_result_scalar(L, (int)k, op_at(L, t, NULL));
    } else {
        op_result(L, (int)k, t);
    }
}

struct free_symbols {
    struct pt2_lower *L;
    PT2_VEC(int) list;
};

static void note_free(void *ctx, pt2_ex e)
{
    struct free_symbols *f = ctx;
    if (e->op != PT2_E_SYM || pt2_binder_of(f->L, (int)e->i))
        return;
    pt2_mark_bound(f->L, (int)e->i, PT2_BOUND_BY_DATA);
    pt2_push(f->L->arena, &f->list, (int)e->i);
}

/* The results of a CALL or LOOP. Their sizes may be symbols that only this node gives values to: where branches differ
 * in size, the one that ran decides. */
static void add_results(struct pt2_lower *L, struct pt2_node *n, pt2_t *const *likes)
{
    struct free_symbols f = { .L = L };
    for (int k = 0; k < n->num_outs; k++) {
        const pt2_ex *shape = declared_shape(L, k, likes[k]);
        expect_type(L, "result", k, likes[k]->dtype, likes[k]->rank, shape, likes[k]);
        for (int d = 0; d < likes[k]->rank; d++)
            pt2_visit(shape[d], note_free, &f);
        return_result(L, (uint32_t)k, add_result(L, n, k, likes[k], shape));
    }
    n->symbols = f.list.data;
    n->num_symbols = (int)f.list.count;
}

/* ---- cond ---- */

static void inline_branch(struct pt2_lower *L, const struct pt2_pgraph *pg, struct operands o)
{
    struct pt2_slot *out = PT2_NEW_N(L->arena, struct pt2_slot, pg->num_outputs);
    expect_inputs(L, pg, o.count);
    inline_graph(L, pg, o.list, out);
    for (uint32_t k = 0; k < pg->num_outputs; k++) {
        const pt2_t *t = out[k].tensor;
        if (t)
            expect_type(L, "result", (int)k, t->dtype, t->rank, declared_shape(L, (int)k, t), t);
        set_result(L, k, out[k]);
    }
}

static pt2_t **tensors_of(struct pt2_lower *L, const struct pt2_slot *slots, int n)
{
    pt2_t **list = PT2_NEW_N(L->arena, pt2_t *, n);
    for (int k = 0; k < n; k++)
        list[k] = slots[k].tensor;
    return list;
}

static void lower_cond(struct pt2_lower *L)
{
    struct pt2_slot pred = pt2_lower_arg(L, positional(L, 0));
    const struct pt2_pgraph *yes = graph_arg(L, 1), *no = graph_arg(L, 2);
    struct operands o = operands_from(L, 3, L->node->num_args);
    struct region_inputs r = { 0 };
    if (pred.scalar && pt2_is_const(pred.scalar)) {
        inline_branch(L, pred.scalar->i ? yes : no, o);
        return;
    }
    if (yes->num_outputs != no->num_outputs)
        op_fail(L, PT2_ERR_FORMAT, "branches have %u and %u results", yes->num_outputs, no->num_outputs);
    struct pt2_value *base = op_value(L, condition(L, slot_tensor(L, pred)));
    prepare_args(L, o, &r);
    struct pt2_slot *a = PT2_NEW_N(L->arena, struct pt2_slot, yes->num_outputs);
    struct pt2_slot *b = PT2_NEW_N(L->arena, struct pt2_slot, no->num_outputs);
    struct pt2_graph *g0 = lower_graph(L, yes, r.slots, o.count, a, false);
    struct pt2_graph *g1 = lower_graph(L, no, r.slots, o.count, b, false);
    struct pt2_node *n = control_node(L, PT2_NODE_CALL, &r, yes->num_outputs);
    n->base = base;
    n->graphs[0] = g0;
    n->graphs[1] = g1;
    for (uint32_t k = 0; k < yes->num_outputs; k++)
        expect_type(L, "in the second branch result", (int)k, a[k].tensor->dtype, a[k].tensor->rank,
                    declared_shape(L, (int)k, a[k].tensor), b[k].tensor);
    add_results(L, n, tensors_of(L, a, (int)yes->num_outputs));
}

/* ---- while_loop ---- */

static void lower_while(struct pt2_lower *L)
{
    const struct pt2_pgraph *cond = graph_arg(L, 0), *body = graph_arg(L, 1);
    struct operands carried = operands_from(L, 2, 3), o = operands_from(L, 2, L->node->num_args);
    struct region_inputs r = { 0 };
    if ((int)body->num_outputs != carried.count)
        op_fail(L, PT2_ERR_FORMAT, "the body has %u results for %d carried values", body->num_outputs, carried.count);
    for (int k = 0; k < carried.count; k++) /* a carried number changes from turn to turn: always a tensor */
        if (!o.list[k].tensor)
            o.list[k].tensor = slot_tensor(L, o.list[k]);
    prepare_args(L, o, &r);
    struct pt2_slot *out = PT2_NEW_N(L->arena, struct pt2_slot, body->num_outputs), test[1];
    if (cond->num_outputs != 1)
        op_fail(L, PT2_ERR_FORMAT, "the condition has %u results", cond->num_outputs);
    int symbol = turn_symbol(L, PT2_INF);
    pt2_ex outside = enter_turn(L, symbol);
    struct pt2_graph *gb = lower_graph(L, body, r.slots, o.count, out, false);
    struct pt2_graph *gc = lower_graph(L, cond, r.slots, o.count, test, true);
    L->priv->turns = outside;
    for (int k = 0; k < carried.count; k++)
        expect_like(L, "new value", k, out[k].tensor, r.slots[k].tensor);
    struct pt2_node *n = control_node(L, PT2_NODE_LOOP, &r, body->num_outputs);
    n->graphs[0] = gb;
    n->graphs[1] = gc;
    n->symbol = symbol;
    n->num_carried = carried.count;
    add_results(L, n, tensors_of(L, r.slots, carried.count));
}

/* ---- while_loop_stack_output: every turn's carried values, stacked ----
 * The number of turns is not known before: one loop counts them, a counted one writes the rows. */

struct counting {
    const struct pt2_pgraph *body, *cond;
    int num_carried, num_rest;
    struct pt2_slot *slots; /* what each operand is outside */
};

static struct pt2_slot *turn_operands(struct pt2_lower *L, const struct counting *c, pt2_t **carried,
                                      pt2_t *const *others)
{
    struct pt2_slot *in = PT2_NEW_N(L->arena, struct pt2_slot, c->num_carried + c->num_rest);
    for (int k = 0; k < c->num_carried; k++)
        in[k].tensor = carried[k];
    for (int k = 0; k < c->num_rest; k++) {
        in[c->num_carried + k] = c->slots[c->num_carried + k];
        in[c->num_carried + k].tensor = others[k];
    }
    return in;
}

/* Carried: the values, then their stacks. */
static void stacking_body(struct pt2_lower *L, void *ctx, pt2_ex turn, pt2_t **carried, pt2_t *const *others)
{
    const struct counting *c = ctx;
    struct pt2_slot *out = PT2_NEW_N(L->arena, struct pt2_slot, c->body->num_outputs);
    inline_graph(L, c->body, turn_operands(L, c, carried, others), out);
    for (int k = 0; k < c->num_carried; k++) {
        carried[k] = op_clone(L, slot_tensor(L, out[k]));
        carried[c->num_carried + k] = op_with_row(L, carried[c->num_carried + k], turn, carried[k]);
    }
}

/* A while loop that only counts: its carried values and one more, the number of turns. */
static pt2_ex count_turns(struct pt2_lower *L, const struct counting *c, pt2_t **carried, pt2_t *const *others)
{
    struct pt2_graph *saved, *graphs[2];
    struct region_inputs r = { 0 };
    int total = c->num_carried + c->num_rest + 1;
    pt2_t *zero = op_full(L, PT2_I64, 0, NULL, pt2_int(L->E, PT2_I64, 0));
    pt2_t **outer = PT2_NEW_N(L->arena, pt2_t *, total), **inner = PT2_NEW_N(L->arena, pt2_t *, total);
    r.args = PT2_NEW_N(L->arena, struct pt2_value *, total);
    for (int k = 0; k < total; k++) {
        outer[k] = k < c->num_carried ? carried[k] : k == c->num_carried ? zero : others[k - c->num_carried - 1];
        r.args[r.num_args++] = op_value(L, outer[k]);
    }
    int symbol = turn_symbol(L, PT2_INF);
    pt2_ex outside = enter_turn(L, symbol);
    for (int g = 0; g < 2; g++) {
        const struct pt2_pgraph *pg = g ? c->cond : c->body;
        struct pt2_slot *out = PT2_NEW_N(L->arena, struct pt2_slot, pg->num_outputs);
        graphs[g] = op_graph_begin(L, g ? "count_while" : "count", &saved);
        for (int k = 0; k < total; k++)
            inner[k] = op_graph_input(L, outer[k]);
        inline_graph(L, pg, turn_operands(L, c, inner, inner + c->num_carried + 1), out);
        for (uint32_t k = 0; k < pg->num_outputs; k++) {
            pt2_t *t = slot_tensor(L, out[k]);
            if (g == 0)
                expect_like(L, "new value", (int)k, t, outer[k]);
            op_graph_output(L, g == 0 ? t : condition(L, t));
        }
        if (g == 0)
            op_graph_output(L, op_map(L, PT2_I64, 0, NULL, pt2_add(L->E, op_at(L, inner[c->num_carried], NULL),
                                                                   pt2_int(L->E, PT2_I64, 1))));
        op_graph_end(L, saved);
    }
    struct pt2_node *n = control_node(L, PT2_NODE_LOOP, &r, (uint32_t)c->num_carried + 1);
    n->graphs[0] = graphs[0];
    n->graphs[1] = graphs[1];
    n->num_carried = c->num_carried + 1;
    n->symbol = symbol;
    L->priv->turns = outside;
    pt2_t *turns = NULL;
    for (int k = 0; k <= c->num_carried; k++)
        turns = add_result(L, n, k, outer[k], outer[k]->shape);
    return op_item(L, pt2_cast(L->E, PT2_IDX, op_at(L, turns, NULL)), 0);
}

static void lower_while_stack(struct pt2_lower *L)
{
    struct counting c = { .cond = graph_arg(L, 0), .body = graph_arg(L, 1) };
    struct operands init = operands_from(L, 2, 3), o = operands_from(L, 2, L->node->num_args);
    c.num_carried = init.count;
    c.num_rest = o.count - init.count;
    c.slots = o.list;
    expect_inputs(L, c.body, o.count);
    expect_inputs(L, c.cond, o.count);
    if ((int)c.body->num_outputs != init.count || c.cond->num_outputs != 1)
        op_fail(L, PT2_ERR_FORMAT, "the body has %u results for %d carried values", c.body->num_outputs, init.count);
    pt2_t **carried = PT2_NEW_N(L->arena, pt2_t *, 2 * init.count), **others = PT2_NEW_N(L->arena, pt2_t *, c.num_rest);
    for (int k = 0; k < init.count; k++)
        carried[k] = op_clone(L, slot_tensor(L, o.list[k]));
    for (int k = 0; k < c.num_rest; k++)
        others[k] = slot_tensor(L, o.list[init.count + k]);
    pt2_ex turns = count_turns(L, &c, carried, others);
    for (int k = 0; k < init.count; k++) {
        pt2_ex shape[PT2_MAX_RANK];
        shape[0] = turns;
        memcpy(shape + 1, carried[k]->shape, (size_t)carried[k]->rank * sizeof *shape);
        pt2_dtype real = pt2_dtype_real(carried[k]->dtype);
        carried[init.count + k] = op_full(L, carried[k]->dtype, carried[k]->rank + 1, shape,
                                          pt2_int(L->E, (int)pt2_dtype_compute(real), 0));
    }
    op_loop(L, turns, 2 * init.count, carried, c.num_rest, others, stacking_body, &c);
    for (int k = 0; k < init.count; k++)
        return_result(L, (uint32_t)k, carried[init.count + k]);
}

/* ---- counted loops: map, scan, recurrent networks ---- */

struct loop {
    int num_carried, total;   /* total: with the others */
    pt2_t **outside, **inner; /* operands, and what they are in the loop's graphs */
    op_loop_body *body;
    void *ctx;
};

static struct loop loop_of(struct pt2_lower *L, int num_carried, pt2_t **carried, int num_others,
                           pt2_t *const *others, op_loop_body *body, void *ctx)
{
    struct loop l = { .num_carried = num_carried, .total = num_carried + num_others, .body = body, .ctx = ctx };
    l.outside = PT2_NEW_N(L->arena, pt2_t *, l.total);
    l.inner = PT2_NEW_N(L->arena, pt2_t *, l.total);
    for (int k = 0; k < l.total; k++)
        l.outside[k] = k < num_carried ? carried[k] : others[k - num_carried];
    return l;
}

/* What the node reads: before the graphs are made. */
static struct region_inputs loop_operands(struct pt2_lower *L, const struct loop *l)
{
    struct region_inputs r = { 0 };
    r.args = PT2_NEW_N(L->arena, struct pt2_value *, l->total);
    for (int k = 0; k < l->total; k++)
        r.args[r.num_args++] = op_value(L, l->outside[k]);
    return r;
}

/* The graph of a turn; or the condition's, which returns the first operand. */
static struct pt2_graph *loop_graph(struct pt2_lower *L, struct loop *l, const char *name, bool condition, int symbol)
{
    struct pt2_graph *saved, *g = op_graph_begin(L, name, &saved);
    pt2_ex turn = pt2_sym(L->E, symbol), outside = enter_turn(L, symbol);
    for (int k = 0; k < l->total; k++)
        l->inner[k] = op_graph_input(L, l->outside[k]);
    if (!condition)
        l->body(L, l->ctx, turn, l->inner, l->inner + l->num_carried);
    for (int k = 0; k < (condition ? 1 : l->num_carried); k++) {
        expect_like(L, "new value", k, l->inner[k], l->outside[k]);
        op_graph_output(L, l->inner[k]);
    }
    L->priv->turns = outside;
    op_graph_end(L, saved);
    return g;
}

static struct pt2_node *loop_node(struct pt2_lower *L, const struct loop *l, struct region_inputs *r, pt2_t **carried)
{
    struct pt2_node *n = control_node(L, PT2_NODE_LOOP, r, (uint32_t)l->num_carried);
    n->num_carried = l->num_carried;
    for (int k = 0; k < l->num_carried; k++)
        carried[k] = add_result(L, n, k, carried[k], carried[k]->shape);
    return n;
}

void op_loop(struct pt2_lower *L, pt2_ex trips, int num_carried, pt2_t **carried, int num_others, pt2_t *const *others,
             op_loop_body *body, void *ctx)
{
    struct loop l = loop_of(L, num_carried, carried, num_others, others, body, ctx);
    struct region_inputs r = loop_operands(L, &l);
    int symbol = turn_symbol(L, trips->hi > 0 ? trips->hi - 1 : 0);
    struct pt2_graph *g = loop_graph(L, &l, "loop", false, symbol);
    struct pt2_node *n = loop_node(L, &l, &r, carried);
    n->graphs[0] = g;
    n->trips = trips;
    n->symbol = symbol;
}

void op_loop_while(struct pt2_lower *L, int num_carried, pt2_t **carried, int num_others, pt2_t *const *others,
                   op_loop_body *body, void *ctx)
{
    struct loop l = loop_of(L, num_carried, carried, num_others, others, body, ctx);
    struct region_inputs r = loop_operands(L, &l);
    int symbol = turn_symbol(L, PT2_INF);
    struct pt2_graph *turn = loop_graph(L, &l, "loop", false, symbol);
    struct pt2_graph *condition = loop_graph(L, &l, "loop_while", true, symbol);
    struct pt2_node *n = loop_node(L, &l, &r, carried);
    n->graphs[0] = turn;
    n->graphs[1] = condition;
    n->symbol = symbol;
}

/* map and scan share one body: row `turn` of each stacked operand goes in, rows of the stacked results come out. */
struct stacked {
    const struct pt2_pgraph *graph;
    int num_carried, num_stacked, num_rest, num_results;
    struct pt2_slot *rest;   /* scalars among the other operands, NULL tensors where they are passed */
    bool reverse;
    pt2_ex trips;
    op_loop_body *body;
};

static pt2_t *row(struct pt2_lower *L, pt2_t *t, pt2_ex turn)
{
    return op_select(L, t, 0, turn);
}

pt2_t *op_with_row(struct pt2_lower *L, pt2_t *stack, pt2_ex turn, pt2_t *value)
{
    pt2_t *copy = pt2_tensor_new(L, stack->dtype, stack->rank, stack->shape);
    copy->store = pt2_store_new(L, stack->store->cur);
    op_write(L, op_select(L, copy, 0, turn), value);
    return copy;
}

/* Carried here: the graph's carry, then the stacked results. */
static void stacked_body(struct pt2_lower *L, void *ctx, pt2_ex turn, pt2_t **carried, pt2_t *const *others)
{
    struct stacked *s = ctx;
    int n = s->num_carried + s->num_stacked + s->num_rest;
    struct pt2_slot *in = PT2_NEW_N(L->arena, struct pt2_slot, n);
    struct pt2_slot *out = PT2_NEW_N(L->arena, struct pt2_slot, s->graph->num_outputs);
    pt2_ex at = s->reverse ? pt2_sub(L->E, pt2_addi(L->E, s->trips, -1), turn) : turn;
    for (int k = 0; k < s->num_carried; k++)
        in[k].tensor = carried[k];
    for (int k = 0; k < s->num_stacked; k++)
        in[s->num_carried + k].tensor = row(L, others[k], at);
    for (int k = 0; k < s->num_rest; k++) {
        in[s->num_carried + s->num_stacked + k] = s->rest[k];
        if (s->rest[k].tensor)
            in[s->num_carried + s->num_stacked + k].tensor = others[s->num_stacked + k];
    }
    inline_graph(L, s->graph, in, out);
    for (int k = 0; k < s->num_results; k++) {
        pt2_t *stack = carried[s->num_carried + k], *value = slot_tensor(L, out[s->num_carried + k]);
        expect_type(L, "result", s->num_carried + k, stack->dtype, stack->rank - 1, stack->shape + 1, value);
        carried[s->num_carried + k] = op_with_row(L, stack, at, value);
    }
    for (int k = 0; k < s->num_carried; k++)
        carried[k] = op_clone(L, slot_tensor(L, out[k]));
}

static pt2_t *as_tensor(struct pt2_lower *L, struct pt2_slot s)
{
    return s.tensor ? s.tensor : slot_tensor(L, s);
}

/* A stack has as many rows as the loop has turns: known now, or compared in the run before the loop. */
static void expect_rows(struct pt2_lower *L, const char *what, int k, pt2_ex rows, pt2_ex trips)
{
    pt2_ex same = pt2_eq(L->E, rows, trips);
    if (pt2_is_int(same, 0))
        op_fail(L, PT2_ERR_FORMAT, "%s %d has %lld rows for %lld turns", what, k, (long long)rows->i,
                (long long)trips->i);
    op_check(L, same, pt2_arena_printf(L->arena, "%s %d has not as many rows as there are turns", what, k));
}

static void run_stacked(struct pt2_lower *L, struct stacked *s, struct operands init, struct operands xs,
                        struct operands rest)
{
    int nc = s->num_carried + s->num_results, no = s->num_stacked + s->num_rest;
    pt2_t **carried = PT2_NEW_N(L->arena, pt2_t *, nc), **others = PT2_NEW_N(L->arena, pt2_t *, no);
    for (int k = 0; k < init.count; k++)
        carried[k] = op_clone(L, as_tensor(L, init.list[k]));
    for (int k = 0; k < s->num_results; k++) {
        int out = s->num_carried + k;
        pt2_dtype t = op_out_dtype(L, out);
        pt2_ex zero = pt2_int(L->E, (int)pt2_dtype_compute(pt2_dtype_real(t)), 0);
        if (op_out_rank(L, out) == 0)
            op_fail(L, PT2_ERR_FORMAT, "result %d has no rows", out);
        expect_rows(L, "result", out, op_out_shape(L, out)[0], s->trips);
        carried[out] = op_full(L, t, op_out_rank(L, out), op_out_shape(L, out), zero);
    }
    for (int k = 0; k < xs.count; k++)
        others[k] = as_tensor(L, xs.list[k]);
    s->rest = PT2_NEW_N(L->arena, struct pt2_slot, rest.count);
    for (int k = 0; k < rest.count; k++) {
        s->rest[k] = rest.list[k];
        others[s->num_stacked + k] = rest.list[k].tensor ? rest.list[k].tensor : as_tensor(L, rest.list[k]);
    }
    op_loop(L, s->trips, nc, carried, no, others, s->body ? s->body : stacked_body, s);
    for (int k = 0; k < nc; k++)
        return_result(L, (uint32_t)k, carried[k]);
}

static pt2_ex trips_of(struct pt2_lower *L, struct operands xs)
{
    if (xs.count == 0 || !xs.list[0].tensor || xs.list[0].tensor->rank == 0)
        op_fail(L, PT2_ERR_FORMAT, "nothing to iterate over");
    for (int k = 1; k < xs.count; k++)
        if (!xs.list[k].tensor || xs.list[k].tensor->rank == 0)
            op_fail(L, PT2_ERR_FORMAT, "operand %d has no rows to iterate over", k);
    for (int k = 1; k < xs.count; k++)
        expect_rows(L, "operand", k, xs.list[k].tensor->shape[0], xs.list[0].tensor->shape[0]);
    return xs.list[0].tensor->shape[0];
}

/* map_impl(graph, mapped tensors, other operands) */
static void lower_map(struct pt2_lower *L)
{
    const struct pt2_pgraph *g = graph_arg(L, 0);
    struct operands none = { NULL, 0 }, xs = operands_from(L, 1, 2), rest = operands_from(L, 2, L->node->num_args);
    struct stacked s = {
        .graph = g, .num_stacked = xs.count, .num_rest = rest.count, .num_results = (int)g->num_outputs
    };
    expect_inputs(L, g, xs.count + rest.count);
    s.trips = trips_of(L, xs);
    run_stacked(L, &s, none, xs, rest);
}

/* scan(graph, init, xs, additional); torch 2.6: scan(graph, init, xs, dim, reverse, additional) */
static void lower_scan(struct pt2_lower *L)
{
    const struct pt2_pgraph *g = graph_arg(L, 0);
    uint32_t n = L->node->num_args, at = 3;
    struct operands init = operands_from(L, 1, 2), xs = operands_from(L, 2, 3);
    struct stacked s = { .graph = g, .num_carried = init.count, .num_stacked = xs.count };
    for (; at < n && (L->node->args[at].kind == PT2_ARG_INT || L->node->args[at].kind == PT2_ARG_BOOL); at++) {
        if (L->node->args[at].kind == PT2_ARG_INT && L->node->args[at].i != 0)
            op_fail(L, PT2_ERR_UNSUPPORTED, "scan over dimension %lld", (long long)L->node->args[at].i);
        s.reverse = L->node->args[at].kind == PT2_ARG_BOOL && L->node->args[at].i;
    }
    struct operands rest = operands_from(L, at, n);
    s.num_rest = rest.count;
    s.num_results = (int)g->num_outputs - init.count;
    if (s.num_results < 0)
        op_fail(L, PT2_ERR_FORMAT, "the body returns fewer values than are carried");
    expect_inputs(L, g, init.count + xs.count + rest.count);
    s.trips = trips_of(L, xs);
    run_stacked(L, &s, init, xs, rest);
}

/* Row `turn` is the combination of row turn - 1 and that of the operand; row 0 is the operand's. */
static void scanned_body(struct pt2_lower *L, void *ctx, pt2_ex turn, pt2_t **carried, pt2_t *const *others)
{
    struct stacked *s = ctx;
    int n = s->num_stacked;
    struct pt2_slot *in = PT2_NEW_N(L->arena, struct pt2_slot, 2 * n + s->num_rest);
    struct pt2_slot *out = PT2_NEW_N(L->arena, struct pt2_slot, s->graph->num_outputs);
    pt2_ex zero = pt2_idx(L->E, 0), last = pt2_max(L->E, pt2_addi(L->E, turn, -1), zero);
    for (int k = 0; k < n; k++) {
        in[k].tensor = op_clone(L, row(L, carried[k], last));
        in[n + k].tensor = row(L, others[k], turn);
    }
    for (int k = 0; k < s->num_rest; k++) {
        in[2 * n + k] = s->rest[k];
        if (s->rest[k].tensor)
            in[2 * n + k].tensor = others[n + k];
    }
    inline_graph(L, s->graph, in, out);
    for (int k = 0; k < n; k++) {
        pt2_t *first = in[n + k].tensor, *next = slot_tensor(L, out[k]);
        expect_like(L, "result", k, next, first);
        if (pt2_dtype_is_complex(first->dtype))
            op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
        pt2_ex *at = op_vars(L, first->rank, first->shape);
        pt2_ex v = pt2_select(L->E, pt2_eq(L->E, turn, zero), op_at(L, first, at), op_at(L, next, at));
        carried[k] = op_with_row(L, carried[k], turn, op_map_like(L, first, first->dtype, v));
    }
}

/* associative_scan(graph, xs, additional): the inclusive scan over the first dimension. */
static void lower_associative_scan(struct pt2_lower *L)
{
    struct operands none = { NULL, 0 }, xs = operands_from(L, 1, 2), rest = operands_from(L, 2, L->node->num_args);
    struct stacked s = { .graph = graph_arg(L, 0), .num_stacked = xs.count, .num_rest = rest.count,
                         .num_results = xs.count, .body = scanned_body };
    expect_inputs(L, s.graph, 2 * xs.count + rest.count);
    if ((int)s.graph->num_outputs != xs.count)
        op_fail(L, PT2_ERR_FORMAT, "%u results for %d operands", s.graph->num_outputs, xs.count);
    s.trips = trips_of(L, xs);
    run_stacked(L, &s, none, xs, rest);
}

/* ---- wrappers: the graph among the first arguments is inlined ---- */

static void lower_wrapper(struct pt2_lower *L)
{
    uint32_t k = 0;
    while (k < L->node->num_args && L->node->args[k].kind != PT2_ARG_GRAPH)
        k++;
    const struct pt2_pgraph *g = graph_arg(L, k);
    uint32_t first = k + 1 + (uint32_t)L->row->data, end = L->node->num_args;
    while (end > first && L->node->args[end - 1].name[0] && L->node->args[end - 1].kind != PT2_ARG_VALUE)
        end--; /* keywords after the operands */
    struct operands o = operands_from(L, first, end);
    inline_branch(L, g, o);
}

/* flex_gemm(operator, graph, operands, the operator's keywords, kernel options): the graph has the operator in it. */
static void lower_flex_gemm(struct pt2_lower *L)
{
    inline_branch(L, graph_arg(L, 1), operands_from(L, 2, 3));
}

/* wrap_with_autocast(device, dtype, enabled, cache, graph, operands…) */
static void lower_autocast(struct pt2_lower *L)
{
    bool outer = L->priv->autocast;
    L->priv->autocast = positional(L, 2)->i != 0;
    lower_wrapper(L);
    L->priv->autocast = outer;
}

/* with_effects(token, operator, arguments…): results are the token, then the operator's. Effects that are no
 * computation (printing) have no results and are left out. */
static void lower_with_effects(struct pt2_lower *L)
{
    const struct pt2_arg *op = positional(L, 1);
    const struct pt2_pnode *outer = L->node;
    const struct pt2_op_row *saved = L->row;
    enum pt2_row_use use;
    bool has_results = false;
    for (uint32_t k = 1; k < outer->num_outs; k++)
        has_results |= outer->outs[k]->kind != PT2_VALUE_NONE;
    set_result(L, 0, pt2_lower_arg(L, positional(L, 0)));
    if (!has_results)
        return;
    const char *target = op->text ? op->text : "";
    L->row = pt2_op_resolve(target, &use);
    if (!L->row || use != PT2_ROW_PLAIN)
        op_fail(L, PT2_ERR_UNSUPPORTED, "operator %s", target);
    struct pt2_pnode *inner = pt2_arena_copy(L->arena, outer, sizeof *outer);
    inner->target = target;
    inner->args = outer->args + 2;
    inner->num_args = outer->num_args - 2;
    inner->outs = outer->outs + 1;
    inner->num_outs = outer->num_outs - 1;
    L->node = pt2_op_with_names(L, inner);
    L->row->lower(L);
    L->node = outer;
    L->row = saved;
}

const struct pt2_op_row pt2_ops_control[] = {
    { "higher_order.cond", lower_cond, 0 },
    { "higher_order.while_loop", lower_while, 0 },
    { "higher_order.while_loop_stack_output", lower_while_stack, 0 },
    { "higher_order.map_impl", lower_map, 0 },
    { "higher_order.scan", lower_scan, 0 },
    { "higher_order.associative_scan", lower_associative_scan, 0 },
    { "higher_order.wrap_with_set_grad_enabled", lower_wrapper, 0 },
    { "higher_order.wrap_with_autocast", lower_autocast, 0 },
    { "higher_order.invoke_subgraph", lower_wrapper, 1 },
    { "higher_order.run_const_graph", lower_wrapper, 0 },
    { "higher_order.strict_mode", lower_wrapper, 0 },
    { "higher_order.tag_activation_checkpoint", lower_wrapper, 0 },
    { "higher_order.hints_wrapper", lower_wrapper, 0 },
    { "higher_order.wrap", lower_wrapper, 0 },
    { "higher_order.invoke_quant_packed", lower_wrapper, 0 },
    { "higher_order.flex_gemm", lower_flex_gemm, 0 },
    { "higher_order.with_effects", lower_with_effects, 0 },
    { NULL, NULL, 0 },
};
