/* SPDX-License-Identifier: MIT
 * Runs stages over one block.
 *
 * `iterate` drives the loops of a stage. Lanes that are points all stand at one iteration, and the loops run serially
 * like an odometer: a digit that steps re-runs the code of its level and of those inside. Lanes that are iterations
 * take consecutive positions of the row-major loop space of one point, a chunk at a time; then everything outside the
 * loops holds the same value in all lanes. Either way the `step` functions see lanes of body, index and condition.
 *
 * Results do not depend on how points are cut into blocks: lanes of points never meet, and chunks have one width. */
#include "ref.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool ref_lanes_fail(struct ref_lanes *x, pt2_status status, const char *fmt, ...)
{
    if (x->status == PT2_OK) {
        x->status = status;
        int n = snprintf(x->message, sizeof x->message, "%s: ", x->call->program->kernel->name);
        va_list ap;
        va_start(ap, fmt);
        if (n > 0 && n < (int)sizeof x->message)
            vsnprintf(x->message + n, sizeof x->message - (size_t)n, fmt, ap);
        va_end(ap);
    }
    return false;
}

/* ---- instructions ---- */

#define FILL(T, r, n, expr)                                                                                       \
    do {                                                                                                          \
        T *restrict fill_ = (r);                                                                                  \
        for (int i = 0; i < (n); i++)                                                                             \
            fill_[i] = (T)(expr);                                                                                 \
    } while (0)

static void exec_const(struct ref_lanes *x, const struct ref_instr *in)
{
    int n = x->call->program->lanes;
    void *d = ref_reg(x, in->dst);
    if (in->class == REF_I)
        FILL(int64_t, d, n, in->i);
    else if (in->class == REF_F)
        FILL(float, d, n, in->f);
    else
        FILL(double, d, n, in->f);
}

static bool outside(struct ref_lanes *x, const char *what, int buf, int64_t index, int64_t count)
{
    return ref_lanes_fail(x, PT2_ERR_INTERNAL, "%s outside buffer %d: element %lld of %lld", what, buf,
                          (long long)index, (long long)count);
}

/* An empty buffer may be named in an arm that SELECT does not take; anything else outside is a defect. */
static bool exec_load(struct ref_lanes *x, const struct ref_instr *in)
{
    const struct ref_view *v = &x->call->views[in->number];
    const int64_t *index = ref_reg(x, in->a);
    int bad = ref_outside(x->n, index, v->count);
    if (bad < 0)
        ref_load_of(v->dtype)(x->n, ref_reg(x, in->dst), v->data, index);
    else if (!in->strict && v->count == 0)
        memset(ref_reg(x, in->dst), 0, sizeof(int64_t) * (size_t)x->n);
    else
        return outside(x, "load", in->number, index[bad], v->count);
    return true;
}

static void exec_check(struct ref_lanes *x, const struct ref_instr *in)
{
    const int64_t *restrict a = ref_reg(x, in->a), *restrict b = ref_reg(x, in->b);
    int64_t *restrict d = ref_reg(x, in->dst);
    for (int i = 0; i < x->n; i++) {
        int64_t size = b[i], k = a[i] < 0 && a[i] >= -size ? a[i] + size : a[i];
        d[i] = k < 0 || size <= 0 ? 0 : k >= size ? size - 1 : k;
    }
}

static int64_t word_pair(const int32_t *high)
{
    return (int64_t)((uint64_t)(uint32_t)high[0] << 32 | (uint32_t)high[1]);
}

bool ref_exec(struct ref_lanes *x, const ref_code *code)
{
    for (uint32_t k = 0; k < code->count; k++) {
        const struct ref_instr *in = &code->data[k];
        bool ok = true;
        switch (in->kind) {
        case REF_OP:
            in->fn(x->n, ref_reg(x, in->dst), ref_reg(x, in->a), ref_reg(x, in->b), ref_reg(x, in->c));
            if (x->random && in->rounding != REF_EXACT)
                ref_noise(x, in);
            break;
        case REF_CONST: exec_const(x, in); break;
        case REF_PARAM64: FILL(int64_t, ref_reg(x, in->dst), x->n, word_pair(x->call->params + in->number)); break;
        case REF_PARAM: FILL(int64_t, ref_reg(x, in->dst), x->n, x->call->params[in->number]); break;
        case REF_LOAD: ok = exec_load(x, in); break;
        case REF_CHECK: exec_check(x, in); break;
        }
        if (!ok)
            return false;
    }
    return true;
}

bool ref_run_launch_code(struct ref_lanes *x)
{
    const struct ref_program *p = x->call->program;
    x->n = p->lanes;
    if (!ref_exec(x, &p->launch))
        return false;
    for (int k = 0; k < p->kernel->num_stages; k++) {
        x->trips[k] = 1;
        for (int i = 0; i < p->stages[k].src->num_loops; i++) {
            int64_t extent = *(const int64_t *)ref_reg(x, p->stages[k].extents[i]);
            x->extents[k][i] = extent > 0 ? extent : 0;
            if (extent > 0 && x->trips[k] > PT2_INF / extent)
                return ref_lanes_fail(x, PT2_ERR_INTERNAL, "stage %d loops too often", k);
            x->trips[k] *= x->extents[k][i];
        }
    }
    return true;
}

/* ---- loops ---- */

/* Lane i is at position at + i * stride of the loop space. */
typedef bool step_fn(struct ref_lanes *x, const struct ref_stage *s, void *state, int64_t at, int stride);

static int stage_number(const struct ref_lanes *x, const struct ref_stage *s)
{
    return (int)(s - x->call->program->stages);
}

/* SCAN from the end: iteration t is position extent - 1 - t. */
static bool runs_backwards(const struct ref_stage *s)
{
    return s->src->kind == PT2_STAGE_SCAN && s->src->reverse;
}

static bool set_level(struct ref_lanes *x, const struct ref_stage *s, int k)
{
    int64_t v = runs_backwards(s) ? x->extents[stage_number(x, s)][k] - 1 - x->digits[k] : x->digits[k];
    if (s->vars[k] >= 0)
        FILL(int64_t, ref_reg(x, s->vars[k]), x->n, v);
    return ref_exec(x, &s->levels[1 + k]);
}

static bool iterate_points(struct ref_lanes *x, const struct ref_stage *s, step_fn *step, void *state)
{
    int loops = s->src->num_loops, from = 0;
    const int64_t *extents = x->extents[stage_number(x, s)];
    int64_t trips = x->trips[stage_number(x, s)];
    memset(x->digits, 0, sizeof *x->digits * (size_t)loops);
    for (int64_t at = 0; at < trips; at++) {
        for (int k = from; k < loops; k++)
            if (!set_level(x, s, k))
                return false;
        if (!step(x, s, state, runs_backwards(s) ? trips - 1 - at : at, 0))
            return false;
        for (from = loops - 1; from > 0 && x->digits[from] + 1 == extents[from]; from--)
            x->digits[from] = 0;
        if (from >= 0)
            x->digits[from]++;
    }
    return true;
}

/* Fills the variables of all loops for x->n positions from `at`. */
static void fill_positions(struct ref_lanes *x, const struct ref_stage *s, int64_t at)
{
    const int64_t *extents = x->extents[stage_number(x, s)];
    int64_t trips = x->trips[stage_number(x, s)], inside = 1;
    for (int k = s->src->num_loops - 1; k >= 0; k--) {
        int64_t digit = at / inside % extents[k], below = at % inside;
        int64_t *restrict v = s->vars[k] >= 0 ? ref_reg(x, s->vars[k]) : NULL;
        for (int i = 0; v && i < x->n; i++) {
            v[i] = digit;
            if (++below == inside) {
                below = 0;
                digit = digit + 1 == extents[k] ? 0 : digit + 1;
            }
        }
        inside *= extents[k];
    }
    if (runs_backwards(s)) {
        int64_t *v = ref_reg(x, s->vars[0]);
        for (int i = 0; i < x->n; i++)
            v[i] = trips - 1 - v[i];
    }
}

static bool iterate_inner(struct ref_lanes *x, const struct ref_stage *s, step_fn *step, void *state)
{
    int64_t trips = x->trips[stage_number(x, s)];
    bool ok = true, back = runs_backwards(s);
    for (int64_t at = 0; at < trips && ok; at += x->width) {
        x->n = trips - at < x->width ? (int)(trips - at) : x->width;
        fill_positions(x, s, at);
        for (int k = 0; k < s->src->num_loops && ok; k++)
            ok = ref_exec(x, &s->levels[1 + k]);
        ok = ok && step(x, s, state, back ? trips - 1 - at : at, back ? -1 : 1);
    }
    x->n = x->width;
    return ok;
}

static bool iterate(struct ref_lanes *x, const struct ref_stage *s, step_fn *step, void *state)
{
    if (x->trips[stage_number(x, s)] == 0)
        return true;
    if (!ref_exec(x, &s->levels[0]))
        return false;
    return x->inner && s->src->num_loops ? iterate_inner(x, s, step, state) : iterate_points(x, s, step, state);
}

static void *scratch(const struct ref_lanes *x, int k)
{
    return ref_reg(x, x->call->program->scratch + k);
}

/* ---- REDUCE ---- */

enum { ACC, POS, TEMP, TEMP2 }; /* uses of the scratch registers */

static bool reduce_step(struct ref_lanes *x, const struct ref_stage *s, void *state, int64_t at, int stride)
{
    enum pt2_reduce_op op = s->src->op;
    const void *v = ref_reg(x, s->body);
    (void)state;
    if (op == PT2_RED_SUM && s->dtype == PT2_F32) {
        ref_acc_sum_f32(x->n, scratch(x, ACC), v);
        ref_noise_sum(x, op, s->dtype, x->n, scratch(x, ACC));
        return true;
    }
    v = ref_acc_widen(op, s->dtype, x->n, v, scratch(x, TEMP));
    ref_acc_step(op, s->dtype, x->n, scratch(x, ACC), scratch(x, POS), v, at, stride, false);
    ref_noise_sum(x, op, s->dtype, x->n, scratch(x, ACC));
    return true;
}

static bool run_reduce(struct ref_lanes *x, const struct ref_stage *s)
{
    enum pt2_reduce_op op = s->src->op;
    int64_t *acc = scratch(x, ACC), *pos = scratch(x, POS);
    bool merge = x->inner && s->src->num_loops;
    ref_acc_init(op, s->dtype, x->width, acc, pos);
    if (!iterate(x, s, reduce_step, NULL))
        return false;
    if (merge)
        ref_acc_merge(op, s->dtype, x->width, acc, pos);
    for (int i = 1; merge && i < x->width; i++) {
        acc[i] = acc[0];
        pos[i] = pos[0];
    }
    ref_acc_finish(op, s->dtype, x->width, acc, pos, ref_reg(x, s->result));
    return true;
}

/* ---- STORE ---- */

/* Keeps the lanes where the condition holds. */
static int compact(int n, enum ref_class class, const int64_t *cond, const int64_t *index, const void *v,
                   int64_t *out_index, void *out_v)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (!cond[i])
            continue;
        out_index[count] = index[i];
        if (class == REF_F)
            ((float *)out_v)[count] = ((const float *)v)[i];
        else
            ((int64_t *)out_v)[count] = ((const int64_t *)v)[i];
        count++;
    }
    return count;
}

static bool store_lanes(struct ref_lanes *x, int buf, int n, const int64_t *index, const void *v)
{
    const struct ref_view *view = &x->call->views[buf];
    float moved[REF_MAX_LANES];
    int bad = ref_outside(n, index, view->count);
    if (bad >= 0)
        return outside(x, "store", buf, index[bad], view->count);
    ref_store_of(view->dtype)(n, view->data, index, ref_noise_narrow(x, n, v, view->dtype, moved));
    return true;
}

/* One lane after the other: several may meet in one element. */
static bool combine_lanes(struct ref_lanes *x, const struct ref_stage *s, int n, const int64_t *index, const void *v)
{
    const struct ref_view *view = &x->call->views[s->src->buf];
    size_t step = s->class == REF_F ? sizeof(float) : sizeof(int64_t);
    int bad = ref_outside(n, index, view->count);
    if (bad >= 0)
        return outside(x, "store", s->src->buf, index[bad], view->count);
    for (int i = 0; i < n; i++) {
        int64_t element = 0;
        ref_load_of(view->dtype)(1, &element, view->data, index + i);
        ref_combine(s->src->op, s->dtype, &element, (const char *)v + (size_t)i * step);
        ref_noise_combined(x, s->dtype, &element);
        ref_store_of(view->dtype)(1, view->data, index + i, &element);
    }
    return true;
}

static bool store_step(struct ref_lanes *x, const struct ref_stage *s, void *state, int64_t at, int stride)
{
    const int64_t *index = ref_reg(x, s->index);
    const void *v = ref_reg(x, s->body);
    int n = x->inner && !s->src->num_loops ? 1 : x->n;
    (void)state, (void)at, (void)stride;
    if (s->cond >= 0) {
        n = compact(n, s->class, ref_reg(x, s->cond), index, v, scratch(x, TEMP), scratch(x, TEMP2));
        index = scratch(x, TEMP);
        v = scratch(x, TEMP2);
    }
    if (s->src->op != PT2_RED_SET)
        return combine_lanes(x, s, n, index, v);
    return store_lanes(x, s->src->buf, n, index, v);
}

/* ---- SCAN ---- */

/* Lanes that are iterations are taken one after the other through accumulator 0. */
static bool scan_step(struct ref_lanes *x, const struct ref_stage *s, void *state, int64_t at, int stride)
{
    enum pt2_reduce_op op = s->src->op;
    int64_t *acc = scratch(x, ACC), *pos = scratch(x, POS);
    char *out = scratch(x, TEMP2);
    size_t size = s->class == REF_F && op != PT2_RED_ARGMAX && op != PT2_RED_ARGMIN ? sizeof(float) : sizeof(int64_t);
    (void)state;
    const int64_t *v = ref_acc_widen(op, s->dtype, x->n, ref_reg(x, s->body), scratch(x, TEMP));
    int count = x->inner ? x->n : 1, lanes = x->inner ? 1 : x->n;
    for (int i = 0; i < count; i++) {
        ref_acc_step(op, s->dtype, lanes, acc, pos, v + i, at + (int64_t)i * stride, 0, true);
        ref_noise_sum(x, op, s->dtype, lanes, acc);
        ref_acc_finish(op, s->dtype, lanes, acc, pos, out + (size_t)i * size);
    }
    return store_lanes(x, s->src->buf, x->n, ref_reg(x, s->index), out);
}

static bool run_scan(struct ref_lanes *x, const struct ref_stage *s)
{
    ref_acc_init(s->src->op, s->dtype, x->width, scratch(x, ACC), scratch(x, POS));
    return iterate(x, s, scan_step, NULL);
}

/* ---- SORT: all keys of the block's points, row by row ---- */

struct sort_item {
    int64_t key; /* ordered as signed integers, NaN last (descending: first) */
    int64_t from;
};

struct sort_rows {
    int64_t length;
    struct sort_item *items, *spare; /* one row */
    int64_t *values, *index;         /* rows: the keys' bits, where they go */
};

static int64_t float_key(double v)
{
    int64_t bits;
    if (v != v)
        return INT64_MAX;
    if (v == 0)
        v = 0; /* -0 and 0 are equal */
    memcpy(&bits, &v, sizeof bits);
    return bits >= 0 ? bits : bits ^ INT64_MAX;
}

static int64_t key_of(const struct ref_stage *s, int64_t bits)
{
    int64_t key;
    float f;
    double d;
    memcpy(&f, &bits, sizeof f);
    memcpy(&d, &bits, sizeof d);
    if (s->class == REF_I)
        key = s->dtype == PT2_U64 ? (int64_t)((uint64_t)bits ^ (uint64_t)1 << 63) : bits;
    else
        key = float_key(s->class == REF_F ? (double)f : d);
    return s->src->reverse ? ~key : key;
}

static void merge_sort(struct sort_item *a, struct sort_item *spare, int64_t n)
{
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * run) {
            int64_t mid = lo + run < n ? lo + run : n, hi = lo + 2 * run < n ? lo + 2 * run : n;
            for (int64_t i = lo, j = mid, k = lo; k < hi; k++)
                spare[k] = i < mid && (j >= hi || a[i].key <= a[j].key) ? a[i++] : a[j++];
        }
        memcpy(a, spare, sizeof *a * (size_t)n);
    }
}

static bool collect_step(struct ref_lanes *x, const struct ref_stage *s, void *state, int64_t at, int stride)
{
    struct sort_rows *rows = state;
    const int64_t *index = ref_reg(x, s->index), *wide = ref_reg(x, s->body);
    const float *narrow = ref_reg(x, s->body);
    for (int i = 0; i < x->n; i++) {
        int64_t to = stride ? at + i : (int64_t)i * rows->length + at, bits = 0;
        if (s->class == REF_F)
            memcpy(&bits, &narrow[i], sizeof narrow[i]);
        else
            bits = wide[i];
        rows->values[to] = bits;
        rows->index[to] = index[i];
    }
    return true;
}

static bool sort_row(struct ref_lanes *x, const struct ref_stage *s, struct sort_rows *rows, int64_t row)
{
    int64_t n = rows->length, *values = rows->values + row * n, *index = rows->index + row * n;
    for (int64_t j = 0; j < n; j++)
        rows->items[j] = (struct sort_item){ key_of(s, values[j]), j };
    merge_sort(rows->items, rows->spare, n);
    bool ok = true;
    for (int64_t j = 0; j < n && ok; j++) {
        int64_t from = rows->items[j].from;
        ok = (s->src->buf < 0 || store_lanes(x, s->src->buf, 1, index + j, values + from)) &&
             (s->src->buf2 < 0 || store_lanes(x, s->src->buf2, 1, index + j, &from));
    }
    return ok;
}

static bool run_sort(struct ref_lanes *x, const struct ref_stage *s)
{
    size_t n = (size_t)x->trips[stage_number(x, s)], num_rows = x->inner ? 1 : (size_t)x->n;
    if (!n)
        return true;
    struct sort_rows rows = { .length = (int64_t)n };
    rows.items = malloc(sizeof *rows.items * n);
    rows.spare = malloc(sizeof *rows.spare * n);
    rows.values = malloc(sizeof *rows.values * n * num_rows);
    rows.index = malloc(sizeof *rows.index * n * num_rows);
    bool ok = rows.items && rows.spare && rows.values && rows.index;
    if (!ok)
        (void)ref_lanes_fail(x, PT2_ERR_NOMEM, "no memory to sort %zu keys", n);
    ok = ok && iterate(x, s, collect_step, &rows);
    for (size_t r = 0; r < num_rows && ok; r++)
        ok = sort_row(x, s, &rows, (int64_t)r);
    free(rows.items);
    free(rows.spare);
    free(rows.values);
    free(rows.index);
    return ok;
}

/* ---- blocks ---- */

bool ref_run_block(struct ref_lanes *x, uint64_t first, int count)
{
    const struct ref_program *p = x->call->program;
    x->width = x->n = count;
    ref_noise_start(x, first);
    if (p->point >= 0)
        FILL(int64_t, ref_reg(x, p->point), count, (int64_t)first + (x->inner ? 0 : i));
    for (int k = 0; k < p->kernel->num_stages; k++) {
        const struct ref_stage *s = &p->stages[k];
        bool ok = true;
        switch (s->src->kind) {
        case PT2_STAGE_LET: ok = ref_exec(x, &s->levels[0]); break;
        case PT2_STAGE_REDUCE: ok = run_reduce(x, s); break;
        case PT2_STAGE_STORE: ok = iterate(x, s, store_step, NULL); break;
        case PT2_STAGE_SCAN: ok = run_scan(x, s); break;
        case PT2_STAGE_SORT: ok = run_sort(x, s); break;
        }
        if (!ok)
            return false;
    }
    return true;
}
