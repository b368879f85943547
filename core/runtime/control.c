/* SPDX-License-Identifier: MIT
 * Steps of the host: sizes that data decide (ITEM), branches (CALL) and loops (LOOP).
 *
 * What crosses the border of a sub-graph shares a place with what it is outside: operands with the sub-graph's inputs,
 * the results of a CALL with the outputs of the branch that ran, the results of a LOOP with the values that it carries.
 * needs.c sees to it that all of these are on the same devices. Types are the same since lowering; sizes are compared
 * here, when both sides have theirs. */
#include "runtime/internal.h"

#include <stdlib.h>

/* ---- ITEM ---- */

static pt2_status run_item(struct pt2_session *s, const struct pt2_node *n)
{
    const struct pt2_symbol *sym = &s->model->module.exprs.symbols.data[n->symbol];
    int64_t v;
    PT2_TRY(pt2_read_value(s, n->base, &v, sizeof v));
    if (n->message && !v)
        return pt2_fail(PT2_ERR_INPUT, "%s", n->message);
    if (!pt2_symbol_takes(sym, v))
        return pt2_note_origin(pt2_fail(PT2_ERR_INPUT, "%s is %lld at run time, outside its range %lld to %lld",
                                        sym->name, (long long)v, (long long)sym->lo, (long long)sym->hi),
                               n->origin);
    s->values[n->symbol] = v;
    s->known[n->symbol] = 1;
    return pt2_check_sizes(s, n->symbol);
}

/* ---- what crosses the border of a sub-graph ---- */

static pt2_status read_bool(struct pt2_session *s, const struct pt2_value *v, bool *out)
{
    uint8_t b = 0;
    PT2_TRY(pt2_read_value(s, v, &b, 1));
    *out = b != 0;
    return PT2_OK;
}

/* Inputs first … of a sub-graph are the caller's operands themselves. */
static void pass_operands(struct pt2_session *s, const struct pt2_graph *g, const struct pt2_node *n, int first)
{
    for (int k = first; k < n->num_args; k++)
        s->places[g->inputs.data[k]->id] = s->places[n->args[k]->id];
}

/* The sizes of result k, as the graph declares them, are those of v: binds symbols that are bare (pass 0) or in a
 * linear expression (pass 1), then compares (pass 2). */
static pt2_status take_shape(struct pt2_session *s, const struct pt2_node *n, int k, const struct pt2_value *v,
                             int pass)
{
    const struct pt2_value *out = n->outs[k];
    int64_t size, shape[PT2_MAX_RANK + 1];
    if (out->rank != v->rank || out->dtype != v->dtype)
        return pt2_fail(PT2_ERR_INTERNAL, "result %d has another type in the sub-graph", k);
    PT2_TRY(pt2_value_shape(s, v, shape));
    for (int d = 0; d < out->rank; d++) {
        if (pass < 2 && (out->shape[d]->op == PT2_E_SYM) == (pass == 0))
            PT2_NOTE(pt2_solve_size(s, out->shape[d], shape[d]), "result %d, dimension %d", k, d);
        if (pass < 2)
            continue;
        PT2_TRY(pt2_eval(&s->model->module.exprs, out->shape[d], s->values, s->known, &size));
        if (size != shape[d])
            return pt2_fail(PT2_ERR_INPUT, "result %d has the size %lld in dimension %d, where the graph declares %lld",
                            k, (long long)shape[d], d, (long long)size);
    }
    return PT2_OK;
}

/* Results have the places of what the sub-graph gave, and the symbols of their sizes its sizes. */
static pt2_status take_results(struct pt2_session *s, const struct pt2_node *n, struct pt2_value *const *values)
{
    for (int k = 0; k < n->num_symbols; k++)
        s->known[n->symbols[k]] = 0; /* of an earlier turn of a loop around */
    for (int pass = n->num_symbols ? 0 : 2; pass < 3; pass++)
        for (int k = 0; k < n->num_outs; k++)
            PT2_TRY(take_shape(s, n, k, values[k], pass));
    for (int k = 0; k < n->num_symbols; k++)
        PT2_TRY(pt2_check_sizes(s, n->symbols[k]));
    for (int k = 0; k < n->num_outs; k++)
        s->places[n->outs[k]->id] = s->places[values[k]->id];
    return PT2_OK;
}

/* ---- CALL ---- */

static pt2_status run_call(struct pt2_session *s, const struct pt2_node *n)
{
    bool yes;
    PT2_TRY(read_bool(s, n->base, &yes));
    struct pt2_graph *g = n->graphs[yes ? 0 : 1];
    pass_operands(s, g, n, 0);
    PT2_TRY(pt2_run_graph(s, pt2_graph_number(s->model, g)));
    return take_results(s, n, g->outputs.data);
}

/* ---- LOOP ---- */

/* Carried values have memory of their own, which the body's results are copied to after each turn. */
static pt2_status place_carried(struct pt2_session *s, const struct pt2_node *n, struct pt2_plan_state *ps)
{
    struct pt2_value *const *inputs = n->graphs[0]->inputs.data;
    for (int k = 0; k < n->num_carried; k++)
        s->places[inputs[k]->id] = (struct pt2_place){ .bytes = s->places[n->args[k]->id].bytes };
    return pt2_place_values(s, ps->inputs, n->num_carried, inputs);
}

static pt2_status check_carried(struct pt2_session *s, const struct pt2_graph *body, int k)
{
    const struct pt2_value *in = body->inputs.data[k], *out = body->outputs.data[k];
    int64_t before[PT2_MAX_RANK + 1], after[PT2_MAX_RANK + 1];
    PT2_TRY(pt2_value_shape(s, in, before));
    PT2_TRY(pt2_value_shape(s, out, after));
    for (int d = 0; d < in->rank; d++)
        if (before[d] != after[d])
            return pt2_fail(PT2_ERR_INPUT, "carried value %d has the size %lld in dimension %d, its new value %lld", k,
                            (long long)before[d], d, (long long)after[d]);
    return PT2_OK;
}

/* All results are read before the first is overwritten: a body may swap its carried values. */
static pt2_status carry_over(struct pt2_session *s, const struct pt2_node *n)
{
    const struct pt2_graph *g = n->graphs[0];
    uint64_t total = 0, at = 0;
    for (int k = 0; k < n->num_carried; k++) {
        PT2_TRY(check_carried(s, g, k));
        total += s->places[g->inputs.data[k]->id].bytes;
    }
    uint8_t *copy = malloc(total ? total : 1);
    pt2_status status = copy ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    for (int k = 0; status == PT2_OK && k < n->num_carried; k++) {
        uint64_t bytes = s->places[g->inputs.data[k]->id].bytes;
        status = pt2_read_value(s, g->outputs.data[k], copy + at, bytes);
        at += bytes;
    }
    at = 0;
    for (int k = 0; status == PT2_OK && k < n->num_carried; k++) {
        uint64_t bytes = s->places[g->inputs.data[k]->id].bytes;
        status = pt2_write_value(s, g->inputs.data[k], copy + at, bytes);
        at += bytes;
    }
    free(copy);
    return status;
}

static pt2_status loop_goes_on(struct pt2_session *s, const struct pt2_node *n, int64_t turn, bool *out)
{
    struct pt2_graph *cond = n->graphs[1];
    if (!cond) {
        int64_t trips;
        PT2_TRY(pt2_eval(&s->model->module.exprs, n->trips, s->values, s->known, &trips));
        *out = turn < trips;
        return PT2_OK;
    }
    for (int k = 0; k < n->num_carried; k++)
        s->places[cond->inputs.data[k]->id] = s->places[n->graphs[0]->inputs.data[k]->id];
    pass_operands(s, cond, n, n->num_carried);
    PT2_TRY(pt2_run_graph(s, pt2_graph_number(s->model, cond)));
    return read_bool(s, cond->outputs.data[0], out);
}

static pt2_status run_loop(struct pt2_session *s, const struct pt2_node *n)
{
    struct pt2_graph *body = n->graphs[0];
    uint32_t number = pt2_graph_number(s->model, body);
    bool more;
    PT2_TRY(place_carried(s, n, &s->plans[number]));
    for (int k = 0; k < n->num_carried; k++)
        PT2_TRY(pt2_copy_value(s, body->inputs.data[k], n->args[k]));
    pass_operands(s, body, n, n->num_carried);
    for (int64_t turn = 0;; turn++) {
        if (n->symbol >= 0) {
            s->values[n->symbol] = turn;
            s->known[n->symbol] = 1;
        }
        PT2_TRY(loop_goes_on(s, n, turn, &more));
        if (!more)
            break;
        PT2_TRY(pt2_run_graph(s, number));
        PT2_TRY(carry_over(s, n));
    }
    return take_results(s, n, body->inputs.data);
}

pt2_status pt2_run_host_step(struct pt2_session *s, const struct pt2_step *step)
{
    switch (step->kind) {
    case PT2_STEP_ITEM: return run_item(s, step->node);
    case PT2_STEP_CALL: return pt2_note_origin(run_call(s, step->node), step->node->origin);
    case PT2_STEP_LOOP: return pt2_note_origin(run_loop(s, step->node), step->node->origin);
    default: return PT2_OK;
    }
}
