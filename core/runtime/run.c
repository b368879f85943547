/* SPDX-License-Identifier: MIT
 * Running a graph: its epochs, between which the host has steps of its own (control.c). */
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

/* A kernel reaches all of a value, whoever made it: the place must hold it. */
static pt2_status check_bytes(struct pt2_session *s, const struct pt2_value *v, const struct pt2_place *p)
{
    uint64_t bytes;
    PT2_TRY(pt2_value_bytes(s, v, &bytes));
    if (bytes <= p->bytes)
        return PT2_OK;
    return pt2_fail(PT2_ERR_INTERNAL, "value %u has %llu bytes of memory for %llu", v->id,
                    (unsigned long long)p->bytes, (unsigned long long)bytes);
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
        PT2_NOTE(check_bytes(s, r->bufs[k], p), "kernel %s", r->kernel->name);
    }
    *l = (struct pt2_launch){ .program = s->model->programs[graph][r->id], .bindings = b, .label = r->kernel->name,
                             .noise = s->noise };
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
        status = pt2_note_origin(make_launch(s, &arena, graph, plan->steps[first + k].region, &list[k]),
                                 pt2_region_origin(plan->steps[first + k].region));
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

/* A defect that shows at a node is reported with it. */
static pt2_status note_defect(pt2_status status, const struct pt2_pnode *n)
{
    return status == PT2_ERR_INTERNAL ? pt2_note_origin(status, n) : status;
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
        PT2_TRY(note_defect(bring_inputs(s, r), pt2_region_origin(r)));
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
    if (seg->count == 1) /* else no one knows which */
        status = note_defect(status, pt2_region_origin(plan->steps[first].region));
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

/* ---- graphs ---- */

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
        PT2_TRY(pt2_run_host_step(s, &plan->steps[e->first + e->count]));
    }
    return PT2_OK;
}
