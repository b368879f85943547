/* SPDX-License-Identifier: MIT
 * Running a graph: its epochs, and the host steps between them. */
#include "runtime/internal.h"

#include <stdlib.h>

/* ---- epochs ---- */

static pt2_status make_epochs(struct pt2_plan_state *ps, const struct pt2_plan *plan)
{
    uint32_t n = 1;
    for (uint32_t k = 0; k < plan->num_steps; k++)
        n += plan->steps[k].kind != PT2_STEP_LAUNCH;
    ps->epochs = calloc(n, sizeof *ps->epochs);
    if (!ps->epochs)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    ps->num_epochs = n;
    for (uint32_t k = 0, e = 0; k < plan->num_steps; k++) {
        if (plan->steps[k].kind == PT2_STEP_LAUNCH)
            ps->epochs[e].count++;
        else
            ps->epochs[++e].first = k + 1;
    }
    return PT2_OK;
}

static void free_segments(struct pt2_session *s, struct pt2_epoch *e)
{
    for (uint32_t k = 0; k < e->num_segments; k++) {
        struct pt2_device *d = s->model->devices[e->segments[k].device];
        if (e->segments[k].exec)
            d->backend->exec_destroy(d, e->segments[k].exec);
    }
    free(e->segments);
    e->segments = NULL;
    e->num_segments = 0;
}

void pt2_plan_state_free(struct pt2_session *s, struct pt2_plan_state *p)
{
    for (uint32_t k = 0; k < p->num_epochs; k++) {
        free_segments(s, &p->epochs[k]);
        free(p->epochs[k].orders);
        for (int d = 0; d < s->model->num_devices; d++)
            pt2_block_free(s->model->devices[d], &p->epochs[k].blocks[d]);
    }
    for (int d = 0; d < s->model->num_devices; d++)
        pt2_block_free(s->model->devices[d], &p->inputs[d]);
    free(p->epochs);
    *p = (struct pt2_plan_state){ 0 };
}

/* ---- has anything changed since the epoch was recorded? ---- */

struct hash_symbols {
    struct pt2_session *s;
    uint64_t h;
};

static void hash_symbol(void *ctx, pt2_ex e)
{
    struct hash_symbols *hs = ctx;
    if (e->op == PT2_E_SYM)
        hs->h = (hs->h ^ (uint64_t)hs->s->values[e->i]) * 0x9e3779b97f4a7c15u + (uint64_t)e->i;
}

static void hash_sizes(struct hash_symbols *hs, int n, const pt2_ex *list)
{
    for (int k = 0; k < n; k++)
        if (list[k]->has & PT2_HAS_SYM)
            pt2_visit(list[k], hash_symbol, hs);
}

/* Of the sizes and parameters that the epoch uses. */
static uint64_t sizes_hash(struct pt2_session *s, const struct pt2_plan *plan, const struct pt2_epoch *e)
{
    struct hash_symbols hs = { s, 1 };
    for (uint32_t k = 0; k < e->count; k++) {
        const struct pt2_region *r = plan->steps[e->first + k].region;
        hash_sizes(&hs, r->num_params, r->params);
        hash_sizes(&hs, 1, &r->points);
        for (int j = 0; j < r->num_bufs; j++)
            hash_sizes(&hs, r->bufs[j]->rank, r->bufs[j]->shape);
    }
    return hs.h;
}

static uint64_t places_hash(struct pt2_session *s, const struct pt2_plan *plan, const struct pt2_epoch *e, uint64_t h)
{
    for (uint32_t k = 0; k < e->count; k++) {
        const struct pt2_region *r = plan->steps[e->first + k].region;
        for (int j = 0; j < r->num_bufs; j++) {
            const struct pt2_place *p = &s->places[r->bufs[j]->id];
            uint64_t key[3] = { (uint64_t)(uintptr_t)p->buf[r->device], p->offset[r->device], p->bytes };
            h = pt2_hash(key, sizeof key, h);
        }
    }
    return h;
}

/* ---- recording ---- */

/* Sizes that were not known when the region was placed may make its loops longer than the device keeps going. */
static pt2_status check_turns(const struct pt2_session *s, const struct pt2_region *r)
{
    int64_t turns, most = s->model->plan_devices[r->device].caps.max_turns;
    if (!most || r->turns->hi <= most)
        return PT2_OK;
    PT2_TRY(pt2_eval(&s->model->module.exprs, r->turns, s->values, s->known, &turns));
    if (turns > most)
        return pt2_fail(PT2_ERR_UNSUPPORTED,
                        "kernel %s: loops of %lld turns, but %s ends them after %lld; run it on another backend",
                        r->kernel->name, (long long)turns, s->model->entries[r->device]->id, (long long)most);
    return PT2_OK;
}

/* Without points nothing runs, and sizes of empty tensors may not even have values (a division by their zero). */
static pt2_status launch_params(struct pt2_session *s, struct pt2_arena *arena, const struct pt2_region *r,
                                struct pt2_launch *l)
{
    struct pt2_exprs *E = &s->model->module.exprs;
    int32_t *params = PT2_NEW_N(arena, int32_t, r->num_params);
    int64_t v;
    PT2_TRY(pt2_eval(E, r->points, s->values, s->known, &v));
    l->params = params;
    l->points = (uint64_t)(v < 0 ? 0 : v);
    if (l->points)
        PT2_TRY(check_turns(s, r));
    for (int k = 0; k < r->num_params && l->points; k++) {
        PT2_NOTE(pt2_eval(E, r->params[k], s->values, s->known, &v), "kernel %s", r->kernel->name);
        if (v > INT32_MAX || v < INT32_MIN)
            return pt2_fail(PT2_ERR_UNSUPPORTED, "kernel %s: a size of %lld needs 64-bit indices", r->kernel->name,
                            (long long)v);
        params[k] = (int32_t)v;
    }
    return PT2_OK;
}

static pt2_status make_launch(struct pt2_session *s, struct pt2_arena *arena, uint32_t graph,
                              const struct pt2_region *r, struct pt2_launch *l)
{
    struct pt2_binding *b = PT2_NEW_N(arena, struct pt2_binding, r->num_bufs);
    for (int k = 0; k < r->num_bufs; k++) {
        const struct pt2_place *p = &s->places[r->bufs[k]->id];
        b[k] = (struct pt2_binding){ p->buf[r->device], p->offset[r->device], p->bytes };
        if (p->bytes && !b[k].buf)
            return pt2_fail(PT2_ERR_INTERNAL, "kernel %s: value %u is not on its device", r->kernel->name,
                            r->bufs[k]->id);
    }
    *l = (struct pt2_launch){ .program = s->model->programs[graph][r->id], .bindings = b, .label = r->kernel->name };
    return launch_params(s, arena, r, l);
}

/* Dependencies and orders inside the segment; those on earlier segments are met by the order of submission. */
static void launch_deps(struct pt2_arena *arena, const struct pt2_plan *plan, const struct pt2_epoch *e,
                        uint32_t number, uint32_t first, struct pt2_launch *l)
{
    const struct pt2_step *step = &plan->steps[number];
    uint32_t n = step->num_deps;
    for (uint32_t k = 0; k < e->num_orders; k++)
        n += e->first + e->orders[k].after == number;
    uint32_t *deps = PT2_NEW_N(arena, uint32_t, n);
    for (uint32_t k = 0; k < step->num_deps; k++)
        if (step->deps[k] >= first)
            deps[l->num_deps++] = step->deps[k] - first;
    for (uint32_t k = 0; k < e->num_orders; k++)
        if (e->first + e->orders[k].after == number && e->first + e->orders[k].before >= first)
            deps[l->num_deps++] = e->first + e->orders[k].before - first;
    l->deps = deps;
}

static pt2_status record(struct pt2_session *s, uint32_t graph, struct pt2_epoch *e, struct pt2_segment *seg)
{
    const struct pt2_plan *plan = &s->model->plans[graph];
    struct pt2_device *d = s->model->devices[seg->device];
    struct pt2_arena arena = { 0 };
    struct pt2_launch *list = PT2_NEW_N(&arena, struct pt2_launch, seg->count);
    pt2_status status = PT2_OK;
    uint32_t first = e->first + seg->first;
    for (uint32_t k = 0; status == PT2_OK && k < seg->count; k++) {
        status = make_launch(s, &arena, graph, plan->steps[first + k].region, &list[k]);
        launch_deps(&arena, plan, e, first + k, first, &list[k]);
    }
    if (status == PT2_OK)
        status = d->backend->exec_create(d, list, seg->count, s->timed, &seg->exec);
    pt2_arena_free(&arena);
    return status;
}

static pt2_status record_epoch(struct pt2_session *s, uint32_t graph, struct pt2_epoch *e)
{
    const struct pt2_plan *plan = &s->model->plans[graph];
    free_segments(s, e);
    e->segments = calloc(e->count + 1u, sizeof *e->segments);
    if (!e->segments)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    for (uint32_t k = 0; k < e->count; k++) {
        int device = plan->steps[e->first + k].region->device;
        struct pt2_segment *last = e->num_segments ? &e->segments[e->num_segments - 1] : NULL;
        if (last && last->device == device && !s->observer)
            last->count++;
        else
            e->segments[e->num_segments++] = (struct pt2_segment){ .device = device, .first = k, .count = 1 };
    }
    for (uint32_t k = 0; k < e->num_segments; k++)
        PT2_TRY(record(s, graph, e, &e->segments[k]));
    return PT2_OK;
}

/* Nothing may be in flight when memory moves or a recording is replaced; the epoch is unbound until both are new. */
static pt2_status unbind(struct pt2_session *s, struct pt2_epoch *e)
{
    e->bound = false;
    return pt2_wait_all(s);
}

static pt2_status bind_epoch(struct pt2_session *s, uint32_t graph, struct pt2_epoch *e)
{
    const struct pt2_plan *plan = &s->model->plans[graph];
    uint64_t sizes = sizes_hash(s, plan, e);
    if (!e->bound || e->symbols_hash != sizes) {
        PT2_TRY(unbind(s, e));
        PT2_TRY(pt2_place_epoch(s, plan, e));
    }
    uint64_t places = places_hash(s, plan, e, sizes + s->moves);
    if (e->bound && e->places_hash == places)
        return PT2_OK;
    PT2_TRY(unbind(s, e));
    PT2_TRY(record_epoch(s, graph, e));
    e->symbols_hash = sizes;
    e->places_hash = places;
    e->bound = true;
    return PT2_OK;
}

/* ---- running ---- */

/* Of a value that is written by parts, those that are there already are brought too. */
static bool has_parts(const struct pt2_session *s, const struct pt2_value *v)
{
    return v->def->joined && s->places[v->id].valid;
}

static pt2_status bring_inputs(struct pt2_session *s, const struct pt2_region *r)
{
    for (int k = 0; k < r->num_bufs; k++)
        if ((r->kernel->bufs[k].read && !r->kernel->bufs[k].write) || has_parts(s, r->bufs[k]))
            PT2_TRY(pt2_make_valid(s, r->bufs[k], r->device));
    for (uint32_t k = 0; k < r->members.count; k++)
        if (r->members.data[k].node->kind == PT2_NODE_SCATTER)
            PT2_TRY(pt2_make_valid(s, r->members.data[k].node->base, r->device));
    return PT2_OK;
}

static bool made_in(const struct pt2_plan *plan, uint32_t first, uint32_t count, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < count; k++) {
        const struct pt2_region *r = plan->steps[first + k].region;
        for (int j = 0; j < r->num_bufs; j++)
            if (r->bufs[j] == v && r->kernel->bufs[j].write)
                return true;
    }
    return false;
}

static pt2_status bring_segment_inputs(struct pt2_session *s, const struct pt2_plan *plan, uint32_t first,
                                       uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        const struct pt2_region *r = plan->steps[first + k].region;
        for (int j = 0; j < r->num_bufs; j++) /* what the segment makes itself will be there */
            if (!(s->places[r->bufs[j]->id].valid & 1u << r->device) && !has_parts(s, r->bufs[j]) &&
                made_in(plan, first, count, r->bufs[j]))
                s->places[r->bufs[j]->id].valid = (uint8_t)(1u << r->device);
        PT2_TRY(bring_inputs(s, r));
    }
    return PT2_OK;
}

static void mark_results(struct pt2_session *s, const struct pt2_plan *plan, uint32_t first, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        const struct pt2_region *r = plan->steps[first + k].region;
        for (int j = 0; j < r->num_bufs; j++)
            if (r->kernel->bufs[j].write)
                s->places[r->bufs[j]->id].valid = (uint8_t)(1u << r->device);
    }
}

static void forget_results(struct pt2_session *s, const struct pt2_plan *plan, const struct pt2_epoch *e)
{
    for (uint32_t k = 0; k < e->count; k++) {
        const struct pt2_region *r = plan->steps[e->first + k].region;
        for (int j = 0; j < r->num_bufs; j++)
            if (r->kernel->bufs[j].write)
                s->places[r->bufs[j]->id].valid = 0;
    }
}

static pt2_status run_segment(struct pt2_session *s, const struct pt2_plan *plan, struct pt2_epoch *e,
                              struct pt2_segment *seg)
{
    struct pt2_device *d = s->model->devices[seg->device];
    uint32_t first = e->first + seg->first;
    PT2_TRY(bring_segment_inputs(s, plan, first, seg->count));
    pt2_status status = d->backend->submit(d, seg->exec, s->points[seg->device], &s->points[seg->device]);
    if (status == PT2_ERR_DEVICE_LOST)
        s->failed = true;
    PT2_TRY(status);
    mark_results(s, plan, first, seg->count);
    if (s->timed)
        PT2_TRY(pt2_collect_times(s, plan, first, seg));
    if (s->observer) {
        PT2_TRY(pt2_wait_device(s, seg->device));
        s->observer(s->observer_ctx, s, plan->steps[first].region);
    }
    return PT2_OK;
}

static pt2_status run_epoch(struct pt2_session *s, uint32_t graph, struct pt2_epoch *e)
{
    const struct pt2_plan *plan = &s->model->plans[graph];
    if (e->count == 0)
        return PT2_OK;
    PT2_TRY(bind_epoch(s, graph, e));
    forget_results(s, plan, e);
    for (uint32_t k = 0; k < e->num_segments; k++)
        PT2_TRY(run_segment(s, plan, e, &e->segments[k]));
    return PT2_OK;
}

/* ---- host steps ---- */

static pt2_status run_item(struct pt2_session *s, const struct pt2_node *n)
{
    const struct pt2_symbol *sym = &s->model->module.exprs.symbols.data[n->symbol];
    int64_t v;
    PT2_TRY(pt2_read_value(s, n->base, &v, sizeof v));
    if (n->message && !v)
        return pt2_fail(PT2_ERR_INPUT, "%s", n->message);
    if (v < sym->lo || v > sym->hi)
        return pt2_note(pt2_fail(PT2_ERR_INPUT, "%s is %lld at run time, outside its range %lld to %lld", sym->name,
                                 (long long)v, (long long)sym->lo, (long long)sym->hi),
                        "node %s (%s)%s%s", n->origin ? n->origin->name : "", n->origin ? n->origin->target : "",
                        n->origin && n->origin->python_line[0] ? " at " : "",
                        n->origin ? n->origin->python_line : "");
    s->values[n->symbol] = v;
    s->known[n->symbol] = 1;
    return pt2_check_sizes(s, n->symbol);
}

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

static void take_results(struct pt2_session *s, const struct pt2_node *n, const struct pt2_graph *g)
{
    for (int k = 0; k < n->num_outs; k++)
        s->places[n->outs[k]->id] = s->places[g->outputs.data[k]->id];
}

static pt2_status run_call(struct pt2_session *s, const struct pt2_node *n)
{
    bool yes;
    PT2_TRY(read_bool(s, n->base, &yes));
    struct pt2_graph *g = n->graphs[yes ? 0 : 1];
    pass_operands(s, g, n, 0);
    PT2_TRY(pt2_run_graph(s, pt2_graph_number(s->model, g)));
    take_results(s, n, g);
    return PT2_OK;
}

/* Carried values have memory of their own, which the body's results are copied to after each turn. */
static pt2_status place_carried(struct pt2_session *s, const struct pt2_node *n, struct pt2_plan_state *ps)
{
    struct pt2_value *const *inputs = n->graphs[0]->inputs.data;
    for (int k = 0; k < n->num_carried; k++)
        s->places[inputs[k]->id] = (struct pt2_place){ .bytes = s->places[n->args[k]->id].bytes };
    return pt2_place_values(s, ps->inputs, n->num_carried, inputs);
}

/* All results are read before the first is overwritten: a body may swap its carried values. */
static pt2_status carry_over(struct pt2_session *s, const struct pt2_node *n)
{
    const struct pt2_graph *g = n->graphs[0];
    uint64_t total = 0, at = 0;
    for (int k = 0; k < n->num_carried; k++)
        total += s->places[g->outputs.data[k]->id].bytes;
    uint8_t *copy = malloc(total ? total : 1);
    pt2_status status = copy ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    for (int k = 0; status == PT2_OK && k < n->num_carried; k++) {
        uint64_t bytes = s->places[g->outputs.data[k]->id].bytes;
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
    for (int k = 0; k < n->num_outs; k++)
        s->places[n->outs[k]->id] = s->places[body->inputs.data[k]->id];
    return PT2_OK;
}

static pt2_status run_host_step(struct pt2_session *s, const struct pt2_step *step)
{
    switch (step->kind) {
    case PT2_STEP_ITEM: return run_item(s, step->node);
    case PT2_STEP_CALL: return run_call(s, step->node);
    case PT2_STEP_LOOP: return run_loop(s, step->node);
    default: return PT2_OK;
    }
}

pt2_status pt2_run_graph(struct pt2_session *s, uint32_t graph)
{
    const struct pt2_plan *plan = &s->model->plans[graph];
    struct pt2_plan_state *ps = &s->plans[graph];
    if (!ps->epochs)
        PT2_TRY(make_epochs(ps, plan));
    for (uint32_t k = 0; k < ps->num_epochs; k++) {
        struct pt2_epoch *e = &ps->epochs[k];
        PT2_TRY(run_epoch(s, graph, e));
        if (e->first + e->count == plan->num_steps)
            continue;
        PT2_TRY(pt2_check_index_inputs_left(s));
        PT2_TRY(run_host_step(s, &plan->steps[e->first + e->count]));
    }
    return PT2_OK;
}
