/* SPDX-License-Identifier: MIT
 * Every kernel against the reference backend. Two sessions of the model run, one planned for the device, one for the
 * reference, which stores at least what the device does. The device's kernels are watched one by one: before comparing,
 * each kernel's inputs are what the reference computed, so that an error is reported where it arises. The reference
 * runs first and its values are kept.
 *
 * Where kernels differ, the reference runs again some times and rounds at random, from the same values: how far these
 * results are from the first ones is how much each depends on rounding. That is the measure where terms cancel and
 * where a value was computed in a narrower type than it is stored in. Then the kernels are compared once more. */
#include "runtime/check.h"
#include "runtime/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One value that a kernel stored, in the order of the run; loops store the same value several times. */
struct recorded {
    uint32_t value;
    uint64_t bytes;
    uint8_t *data; /* owned */
    bool compared;
    bool on_device; /* a kernel of the device stores it, too */
    uint32_t seen;  /* runs at random that have passed it */
    struct pt2_moves moves; /* owned; moved NULL: not measured */
};

struct check {
    struct recorded *list; /* owned */
    size_t count, cap;
    uint32_t values;       /* of the reference's graphs: a device's plan may add weights in another order */
    enum { RECORD, COMPARE, ROUND } pass;
    uint32_t noise;        /* ROUND: the number of the run */
    bool strayed;          /* ROUND: the run took another path, and what follows does not count */
    const struct pt2_check_params *params;
    struct pt2_check_report *report;
    pt2_status status;
};

/* ---- values, and parts of values ---- */

/* Where a part's elements are in the memory of the value that it is within. */
struct part {
    struct pt2_value *whole;
    int rank;
    int64_t size[PT2_MAX_RANK + 1], step[PT2_MAX_RANK + 1], start;
};

/* Linear index of an element in the whole: the first one, or its neighbour along an axis. */
static pt2_status place_of(struct pt2_session *s, struct pt2_value *v, int axis, int64_t *out)
{
    struct pt2_exprs *E = &s->model->module.exprs;
    pt2_ex at[PT2_MAX_RANK + 1];
    for (int k = 0; k < v->rank; k++)
        at[k] = pt2_idx(E, k == axis);
    const struct pt2_value *w = pt2_whole_of(E, v, at);
    return pt2_eval(E, pt2_linearize(E, w->rank, w->shape, at), s->values, s->known, out);
}

static pt2_status find_part(struct pt2_session *s, struct pt2_value *v, struct part *out)
{
    out->rank = v->rank;
    out->whole = pt2_whole_of(NULL, v, NULL);
    PT2_TRY(pt2_value_shape(s, v, out->size));
    PT2_TRY(place_of(s, v, -1, &out->start));
    for (int k = 0; k < v->rank; k++) {
        PT2_TRY(place_of(s, v, k, &out->step[k]));
        out->step[k] -= out->start;
    }
    return PT2_OK;
}

/* Copies the part out of the whole, or into it. */
static void copy_part(const struct part *p, size_t element, char *whole, char *part, bool in)
{
    int64_t index[PT2_MAX_RANK + 1] = { 0 }, n = 1;
    for (int k = 0; k < p->rank; k++)
        n *= p->size[k];
    for (int64_t e = 0; e < n; e++) {
        int64_t at = p->start;
        for (int k = 0; k < p->rank; k++)
            at += p->step[k] * index[k];
        char *there = whole + (size_t)at * element, *here = part + (size_t)e * element;
        memcpy(in ? there : here, in ? here : there, element);
        for (int k = p->rank - 1; k >= 0 && ++index[k] == p->size[k]; k--)
            index[k] = 0;
    }
}

/* Reads the value, or writes it to all devices that need it. */
static pt2_status transfer(struct pt2_session *s, struct pt2_value *v, void *data, uint64_t bytes, bool write)
{
    struct part p;
    if (!v->within.whole)
        return write ? pt2_write_value(s, v, data, bytes) : pt2_read_value(s, v, data, bytes);
    PT2_TRY(find_part(s, v, &p));
    uint64_t size = s->places[p.whole->id].bytes;
    char *whole = malloc(size ? size : 1);
    pt2_status status = whole ? pt2_read_value(s, p.whole, whole, size) : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    if (status == PT2_OK)
        copy_part(&p, pt2_dtype_size(v->dtype), whole, data, write);
    if (status == PT2_OK && write)
        status = pt2_write_value(s, p.whole, whole, size);
    free(whole);
    return status;
}

/* ---- recording ---- */

static void record(struct check *c, struct pt2_session *s, struct pt2_value *v)
{
    uint64_t bytes = 0;
    c->status = pt2_value_bytes(s, v, &bytes);
    if (c->status != PT2_OK)
        return;
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 256;
        struct recorded *p = realloc(c->list, cap * sizeof *p);
        if (!p) {
            c->status = pt2_fail(PT2_ERR_NOMEM, "out of memory");
            return;
        }
        c->list = p;
        c->cap = cap;
    }
    struct recorded r = { .value = v->id, .bytes = bytes, .data = malloc(bytes ? bytes : 1) };
    c->status = r.data ? transfer(s, v, r.data, bytes, false) : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    c->list[c->count++] = r;
}

/* ---- comparing ---- */

static double default_tolerance(pt2_dtype t)
{
    switch (t) {
    case PT2_F16: return 2e-3;
    case PT2_BF16: return 1.6e-2;
    case PT2_F32: return 1e-4;
    case PT2_F64: return 1e-9;
    default: return pt2_dtype_is_float(t) ? 0.13 : 0;
    }
}

struct difference {
    int64_t index;
    double got, want, max_abs, scale;
    bool found;
};

static bool differ(double a, double b)
{
    return a != b && !(isnan(a) && isnan(b));
}

static double largest(pt2_dtype t, const void *data, uint64_t bytes)
{
    double most = 0;
    for (uint64_t k = 0; k < bytes / pt2_dtype_size(t); k++) {
        double w = fabs(pt2_load_double(t, data, (int64_t)k));
        if (isfinite(w) && w > most)
            most = w;
    }
    return most;
}

/* Of a difference from the reference, how much rounding explains: so many times what random rounding moves it by. */
enum { TIMES_MOVED = 8 };

double pt2_moves_explain(const struct pt2_moves *moves, int64_t k)
{
    return moves->moved ? TIMES_MOVED * fmax((double)moves->moved[k], moves->spread) : 0;
}

void pt2_moves_add(struct pt2_moves *moves, pt2_dtype t, const void *random, const void *plain)
{
    double squares = 0;
    for (int64_t k = 0; k < moves->count; k++) {
        double e = fabs(pt2_load_double(t, random, k) - pt2_load_double(t, plain, k));
        if (!isfinite(e))
            continue;
        squares += e * e;
        moves->moved[k] = fmaxf(moves->moved[k], (float)e);
    }
    if (moves->count)
        moves->spread = fmax(moves->spread, sqrt(squares / (double)moves->count));
}

void pt2_session_set_noise(pt2_session *s, uint32_t seed)
{
    s->noise = seed;
}

static struct difference compare(pt2_dtype t, const void *got, const struct recorded *want, int64_t n, double scale,
                                 double tolerance)
{
    struct difference d = { -1, 0, 0, 0, scale, false };
    for (int64_t k = 0; k < n; k++) {
        double g = pt2_load_double(t, got, k), w = pt2_load_double(t, want->data, k), e = fabs(g - w);
        if (!differ(g, w))
            continue;
        if (!(e <= d.max_abs))
            d.max_abs = e;
        if (!(e <= tolerance * d.scale) && !(e <= pt2_moves_explain(&want->moves, k)) && !d.found) {
            d.found = true;
            d.index = k;
            d.got = g;
            d.want = w;
        }
    }
    return d;
}

static const struct pt2_node *maker_of(const struct pt2_region *r, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < r->members.count; k++)
        for (int j = 0; j < r->members.data[k].node->num_outs; j++)
            if (r->members.data[k].node->outs[j] == v)
                return r->members.data[k].node;
    return r->members.data[0].node;
}

static void type_text(struct pt2_session *s, const struct pt2_value *v, char *out, size_t cap)
{
    int64_t shape[PT2_MAX_RANK + 1];
    int n = snprintf(out, cap, "%s [", pt2_dtype_name(v->dtype));
    if (pt2_value_shape(s, v, shape) != PT2_OK)
        return;
    for (int k = 0; k < v->rank && n > 0 && (size_t)n < cap; k++)
        n += snprintf(out + n, cap - (size_t)n, "%s%lld", k ? ", " : "", (long long)shape[k]);
    if (n > 0 && (size_t)n < cap)
        snprintf(out + n, cap - (size_t)n, "]");
}

static void report_difference(struct check *c, struct pt2_session *s, const struct pt2_region *r,
                              const struct pt2_value *v, const struct difference *d, double tolerance)
{
    struct pt2_check_report *rep = c->report;
    const struct pt2_pnode *origin = maker_of(r, v)->origin;
    snprintf(rep->kernel, sizeof rep->kernel, "%s", r->kernel->name);
    snprintf(rep->node, sizeof rep->node, "%s", origin ? origin->name : v->name);
    snprintf(rep->op, sizeof rep->op, "%s", origin ? origin->target : pt2_kind_name(maker_of(r, v)->kind));
    snprintf(rep->python_line, sizeof rep->python_line, "%s", origin ? origin->python_line : "");
    type_text(s, v, rep->value_type, sizeof rep->value_type);
    rep->index = d->index;
    rep->got = d->got;
    rep->want = d->want;
    rep->max_abs = d->max_abs;
    rep->max_rel = d->scale > 0 ? d->max_abs / d->scale : d->max_abs;
    rep->tolerance = tolerance;
}

/* What the reference stored next into the value. */
static struct recorded *next_of(struct check *c, const struct pt2_value *v)
{
    for (size_t k = 0; k < c->count; k++)
        if (c->list[k].value == v->id && !c->list[k].compared)
            return &c->list[k];
    return NULL;
}

/* The largest number in the value's memory now, from what was stored last; 0 when no kernel made it. */
static double largest_in(const struct check *c, struct pt2_session *s, const struct pt2_value *v)
{
    double most = 0;
    for (size_t k = c->count; k > 0; k--) {
        const struct recorded *r = &c->list[k - 1];
        struct pt2_value *stored = s->model->module.values.data[r->value];
        if (!r->compared || pt2_whole_of(NULL, stored, NULL) != v)
            continue;
        most = fmax(most, largest(v->dtype, r->data, r->bytes));
        if (!stored->within.whole)
            break;
    }
    return most;
}

enum { CANCELS = 32 };

static bool sums(const struct pt2_region *r)
{
    bool found = false;
    for (uint32_t k = 0; k < r->members.count; k++) {
        const struct pt2_node *n = r->members.data[k].node;
        found |= n->kind == PT2_NODE_REDUCE && n->op == PT2_RED_SUM;
    }
    return found;
}

/* What differences are measured by: the largest result. The mean of a normalised row is no more than the rounding of
 * what is summed: a sum counts as at least 1/32 of the largest number that an earlier kernel made for it. */
static double scale_of(const struct check *c, struct pt2_session *s, const struct pt2_region *r,
                       const struct pt2_value *v, const struct recorded *want)
{
    double scale = largest(v->dtype, want->data, want->bytes);
    for (int k = 0; k < r->num_bufs && sums(r); k++)
        if (r->kernel->bufs[k].read && r->bufs[k]->dtype == v->dtype)
            scale = fmax(scale, largest_in(c, s, r->bufs[k]) / CANCELS);
    return scale;
}

static int64_t numbers_in(pt2_dtype t, uint64_t bytes)
{
    return (int64_t)(bytes / pt2_dtype_size(t));
}

static bool compare_bytes(struct check *c, struct pt2_session *s, const struct pt2_region *r, struct pt2_value *v,
                          const struct recorded *want, const uint8_t *got)
{
    bool own = c->params->tolerance > 0;
    double tolerance = own ? c->params->tolerance : default_tolerance(v->dtype);
    double scale = scale_of(c, s, r, v, want);
    if (tolerance > 0 && !own)
        scale = fmax(scale, TIMES_MOVED * want->moves.spread / tolerance);
    struct difference d = compare(v->dtype, got, want, numbers_in(v->dtype, want->bytes), scale, tolerance);
    double rel = d.scale > 0 ? d.max_abs / d.scale : d.max_abs;
    if (rel > c->report->worst)
        c->report->worst = rel;
    if (d.found && c->report->different == 0)
        report_difference(c, s, r, v, &d, tolerance);
    return !d.found;
}

/* Compares one stored value with the reference's, then puts the reference's in its place. */
static bool compare_value(struct check *c, struct pt2_session *s, const struct pt2_region *r, struct pt2_value *v)
{
    uint64_t bytes = 0;
    c->status = pt2_value_bytes(s, v, &bytes);
    struct recorded *want = next_of(c, v);
    if (!want || want->bytes != bytes) {
        c->status = pt2_note_origin(pt2_fail(PT2_ERR_INTERNAL, "the reference took another path at kernel %s",
                                             r->kernel->name), pt2_region_origin(r));
        return true;
    }
    want->compared = want->on_device = true;
    uint8_t *got = malloc(bytes ? bytes : 1);
    c->status = got ? transfer(s, v, got, bytes, false) : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    bool same = true;
    if (c->status == PT2_OK) {
        if (c->params->tamper)
            c->params->tamper(c->params->tamper_ctx, r->kernel->name, v->dtype, got, numbers_in(v->dtype, bytes));
        same = compare_bytes(c, s, r, v, want, got);
        c->status = transfer(s, v, want->data, bytes, true);
    }
    free(got);
    return same;
}

/* ---- random rounding ---- */

enum { RANDOM_RUNS = 4 };

static struct recorded *next_unseen(struct check *c, const struct pt2_value *v)
{
    for (size_t k = 0; k < c->count; k++)
        if (c->list[k].value == v->id && c->list[k].seen < c->noise)
            return &c->list[k];
    return NULL;
}

static void add_moves(struct check *c, pt2_dtype t, struct recorded *r, const void *got)
{
    struct pt2_moves *m = &r->moves;
    m->count = numbers_in(t, r->bytes);
    if (!m->moved)
        m->moved = calloc((size_t)m->count + 1, sizeof *m->moved);
    if (m->moved)
        pt2_moves_add(m, t, got, r->data);
    else
        c->status = pt2_fail(PT2_ERR_NOMEM, "out of memory");
}

/* Kernels of the device begin with what the reference computed, so those of the reference do, too. */
static void measure_value(struct check *c, struct pt2_session *s, struct pt2_value *v)
{
    uint64_t bytes = 0;
    struct recorded *r = next_unseen(c, v);
    c->strayed = c->strayed || !r || pt2_value_bytes(s, v, &bytes) != PT2_OK || r->bytes != bytes;
    if (c->strayed)
        return;
    r->seen = c->noise;
    if (!r->on_device || !pt2_dtype_is_float(pt2_dtype_real(v->dtype)))
        return;
    uint8_t *got = malloc(bytes ? bytes : 1);
    c->status = got ? transfer(s, v, got, bytes, false) : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    if (c->status == PT2_OK)
        add_moves(c, v->dtype, r, got);
    if (c->status == PT2_OK)
        c->status = transfer(s, v, r->data, bytes, true);
    free(got);
}

/* ---- the observer ---- */

/* The reference never stores it: what is one kernel there is several on the device (a long sum that is cut in two, a
 * concatenation that it cannot bind by parts). */
static bool is_unrecorded(const struct check *c, const struct pt2_value *v)
{
    for (size_t k = 0; k < c->count; k++)
        if (c->list[k].value == v->id)
            return false;
    return true;
}

/* False when only the device stores the value. */
static bool see(struct check *c, struct pt2_session *s, const struct pt2_region *r, struct pt2_value *v, bool *same)
{
    if (c->pass != RECORD && (v->id >= c->values || is_unrecorded(c, v)))
        return false;
    if (c->pass == RECORD)
        record(c, s, v);
    else if (c->pass == ROUND)
        measure_value(c, s, v);
    else
        *same = compare_value(c, s, r, v) && *same;
    return true;
}

static void observe(void *ctx, struct pt2_session *s, const struct pt2_region *r)
{
    struct check *c = ctx;
    bool same = true, known = !c->strayed;
    for (int k = 0; k < r->num_bufs && c->status == PT2_OK && known; k++)
        if (r->kernel->bufs[k].write && !r->bufs[k]->def->joined)
            known = see(c, s, r, r->bufs[k], &same);
    for (uint32_t k = 0; k < r->members.count && c->status == PT2_OK && known; k++)
        if (r->members.data[k].store && r->members.data[k].node->outs[0]->within.whole)
            known = see(c, s, r, r->members.data[k].node->outs[0], &same);
    if (!known)
        return; /* what reads it is compared */
    if (c->pass != COMPARE)
        return;
    if (s->model->devices[r->device]->desc.caps.interprets)
        c->report->skipped++;
    else
        c->report->kernels++;
    c->report->different += !same;
}

static pt2_status set_inputs(const struct pt2_check_params *params, pt2_session *session)
{
    for (int k = 0; params->inputs && k < pt2_model_input_count(session->model); k++)
        if (params->inputs[k].dtype != PT2_NONE)
            PT2_TRY(pt2_session_set_input(session, k, &params->inputs[k]));
    return PT2_OK;
}

static pt2_status run_observed(struct check *c, const char *path, const pt2_model_params *params)
{
    pt2_model *model = NULL;
    pt2_session *session = NULL;
    pt2_status status = pt2_model_open_observed(path, params, observe, c, &model);
    if (status == PT2_OK && c->pass == COMPARE)
        snprintf(c->report->device, sizeof c->report->device, "%s %s", model->entries[0]->id,
                 model->entries[0]->desc.name);
    if (status == PT2_OK)
        status = pt2_session_create(model, &session);
    if (status == PT2_OK) {
        pt2_session_set_noise(session, c->noise);
        status = set_inputs(c->params, session);
    }
    if (status == PT2_OK)
        status = pt2_session_run(session);
    if (status == PT2_OK && c->pass == RECORD)
        c->values = model->module.values.count;
    if (status == PT2_OK)
        status = c->status;
    pt2_session_destroy(&session);
    pt2_model_destroy(&model);
    return status;
}

/* Runs that round at random may end with an error of their own: an assertion that just held, say. It is no concern. */
static pt2_status measure_rounding(struct check *c, const char *path, const pt2_model_params *reference)
{
    c->pass = ROUND;
    for (c->noise = 1; c->noise <= RANDOM_RUNS && c->status == PT2_OK; c->noise++) {
        c->strayed = false;
        (void)!run_observed(c, path, reference);
    }
    c->noise = 0;
    c->strayed = false;
    for (size_t k = 0; k < c->count; k++)
        c->list[k].compared = false;
    *c->report = (struct pt2_check_report){ 0 };
    return c->status;
}

static pt2_status compare_with(struct check *c, const char *path, const pt2_model_params *params)
{
    c->pass = COMPARE;
    return run_observed(c, path, params);
}

pt2_status pt2_model_check(const char *path, const pt2_model_params *params, const struct pt2_check_params *check,
                           struct pt2_check_report *out_report)
{
    static const struct pt2_check_params defaults = { 0 };
    pt2_model_params reference = params ? *params : (pt2_model_params){ 0 };
    struct check c = { .pass = RECORD, .params = check ? check : &defaults, .report = out_report };
    *out_report = (struct pt2_check_report){ 0 };
    reference.backend = "reference";
    reference.place = NULL;
    pt2_status status = run_observed(&c, path, &reference);
    if (status == PT2_OK)
        status = compare_with(&c, path, params);
    if (status == PT2_OK && out_report->different && !(c.params->tolerance > 0)) {
        status = measure_rounding(&c, path, &reference);
        if (status == PT2_OK)
            status = compare_with(&c, path, params);
    }
    for (size_t k = 0; k < c.count; k++) {
        free(c.list[k].data);
        free(c.list[k].moves.moved);
    }
    free(c.list);
    return status;
}
