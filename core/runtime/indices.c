/* SPDX-License-Identifier: MIT
 * Indices out of range: where the host learns of them. Those that are an input are compared before anything runs, or
 * while devices do; of the others kernels name the first that is wrong, as an output or as a number that is read
 * between launches. */
#include "runtime/internal.h"

enum { AT_ONCE = 1 << 12 }; /* so many indices are compared before anything runs, more while devices run */

/* Most sizes are constants, which take no evaluation. */
static pt2_status number(struct pt2_session *s, pt2_ex e, int64_t *out)
{
    if (!pt2_is_const(e))
        return pt2_eval(&s->model->module.exprs, e, s->values, s->known, out);
    *out = e->i;
    return PT2_OK;
}

static pt2_status bounds_of(struct pt2_session *s, const struct pt2_index_check *c, int64_t *out_lo, int64_t *out_size)
{
    PT2_TRY(number(s, c->range.lo, out_lo));
    return number(s, c->range.size, out_size);
}

static pt2_status refuse(const struct pt2_index_check *c, int64_t index, int64_t size)
{
    return pt2_fail(PT2_ERR_INPUT, "%s: index %lld is out of range for size %lld", c->where, (long long)index,
                    (long long)size);
}

/* `first` is the first index out of range, or one in range; of a dimension of size 0 every index is out of range. */
static pt2_status judge(struct pt2_session *s, const struct pt2_index_check *c, int64_t first)
{
    int64_t lo, size, count = 1, n;
    PT2_TRY(bounds_of(s, c, &lo, &size));
    if (size > 0)
        return first >= lo && first < size ? PT2_OK : refuse(c, first, size);
    for (int k = 0; k < c->rank; k++) {
        PT2_TRY(number(s, c->shape[k], &n));
        count *= n > 0;
    }
    return count ? refuse(c, first, size) : PT2_OK;
}

/* ---- inputs ---- */

/* Whether a line of n indices has one out of range: then one of two differences is negative, also where it wraps. No
 * element decides what is done next, so that compilers take several at once. */
#define OUTSIDE(T, name)                                                                                             \
    static bool name(const void *data, int64_t at, int64_t stride, int64_t n, int64_t lo, int64_t size)              \
    {                                                                                                                \
        const T *p = (const T *)data + at;                                                                           \
        uint64_t bad = 0, below = (uint64_t)lo, last = (uint64_t)size - 1;                                           \
        for (int64_t i = 0; i < n; i++) {                                                                            \
            uint64_t v = (uint64_t)p[i * stride];                                                                    \
            bad |= (v - below) | (last - v);                                                                         \
        }                                                                                                            \
        return bad >> 63;                                                                                            \
    }

OUTSIDE(int64_t, outside_i64)
OUTSIDE(int32_t, outside_i32)

static int64_t first_of(const pt2_tensor *t, int64_t at, int64_t stride, int64_t n, int64_t lo, int64_t size)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t v = pt2_load_int(t->dtype, t->data, at + i * stride);
        if (v < lo || v >= size)
            return i;
    }
    return n;
}

static bool line_is_wrong(const pt2_tensor *t, int64_t at, int64_t stride, int64_t n, int64_t lo, int64_t size)
{
    if (t->dtype == PT2_I64)
        return outside_i64(t->data, at, stride, n, lo, size);
    if (t->dtype == PT2_I32)
        return outside_i32(t->data, at, stride, n, lo, size);
    return first_of(t, at, stride, n, lo, size) < n;
}

struct space {
    int rank;
    int64_t shape[PT2_MAX_RANK], strides[PT2_MAX_RANK], offset, count;
};

static pt2_status space_of(struct pt2_session *s, const struct pt2_index_check *c, struct space *x)
{
    x->count = 1;
    x->rank = 0;
    PT2_TRY(number(s, c->offset, &x->offset));
    for (int k = 0; k < c->rank; k++) {
        int64_t n, stride;
        PT2_TRY(number(s, c->shape[k], &n));
        PT2_TRY(number(s, c->strides[k], &stride));
        x->count *= n;
        bool joins = x->rank && x->strides[x->rank - 1] == n * stride; /* one line with the axis before */
        if (n == 1)
            continue;
        x->rank += joins ? 0 : 1;
        x->shape[x->rank - 1] = joins ? x->shape[x->rank - 1] * n : n;
        x->strides[x->rank - 1] = stride;
    }
    return PT2_OK;
}

static pt2_status check_input(struct pt2_session *s, const struct pt2_index_check *c, const pt2_tensor *t,
                              int64_t least, int64_t most)
{
    struct space x;
    int64_t lo, size, places = 1;
    PT2_TRY(bounds_of(s, c, &lo, &size));
    PT2_TRY(space_of(s, c, &x));
    for (int k = 0; k < t->rank; k++)
        places *= t->shape[k];
    if (x.count < least || x.count > most || places <= 0)
        return PT2_OK;
    int64_t n = x.rank ? x.shape[x.rank - 1] : 1, stride = x.rank ? x.strides[x.rank - 1] : 0;
    for (int64_t l = 0; l < x.count / n; l++) {
        int64_t at = pt2_strided_at(x.rank - (x.rank > 0), x.shape, x.strides, x.offset, l);
        if (!line_is_wrong(t, at, stride, n, lo, size))
            continue;
        int64_t i = first_of(t, at, stride, n, lo, size);
        return refuse(c, pt2_load_int(t->dtype, t->data, at + i * stride), size);
    }
    return PT2_OK;
}

pt2_status pt2_check_index_input(struct pt2_session *s, uint32_t check, const pt2_tensor *t)
{
    s->index_inputs[check] = *t;
    s->index_inputs_left = true;
    return check_input(s, &s->model->lowered.indices.data[check], t, 1, AT_ONCE);
}

pt2_status pt2_check_index_inputs_left(struct pt2_session *s)
{
    const struct pt2_lowered *l = &s->model->lowered;
    if (!s->index_inputs_left)
        return PT2_OK;
    s->index_inputs_left = false;
    pt2_status status = PT2_OK;
    for (uint32_t k = 0; k < l->indices.count && status == PT2_OK; k++)
        if (l->indices.data[k].input >= 0)
            status = check_input(s, &l->indices.data[k], &s->index_inputs[k], AT_ONCE + 1, PT2_FEW_INDICES);
    if (status != PT2_OK)
        PT2_TRY(pt2_wait_all(s)); /* the caller's inputs are read until then */
    return status;
}

/* ---- numbers ---- */

pt2_status pt2_check_index_symbols(struct pt2_session *s, int symbol)
{
    const struct pt2_lowered *l = &s->model->lowered;
    for (uint32_t k = 0; k < l->indices.count; k++) {
        const struct pt2_index_check *c = &l->indices.data[k];
        int64_t index;
        if (c->symbol >= 0 && c->symbol == symbol)
            PT2_TRY(judge(s, c, s->values[symbol]));
        if (!c->index || !(pt2_decides(c->index, symbol) || pt2_decides(c->range.size, symbol)) ||
            !pt2_size_known(s, c->index) || !pt2_size_known(s, c->range.size))
            continue;
        PT2_TRY(number(s, c->index, &index));
        PT2_TRY(judge(s, c, index));
    }
    return PT2_OK;
}

/* ---- outputs ---- */

/* The answer is the same in every run. */
static bool is_lasting(const struct pt2_value *v, const struct pt2_index_check *c)
{
    return v->def->kind == PT2_NODE_READY && pt2_is_const(c->range.size);
}

pt2_status pt2_check_index_outputs(struct pt2_session *s)
{
    const struct pt2_lowered *l = &s->model->lowered;
    struct pt2_value *const *outputs = s->model->module.graphs.data[0]->outputs.data;
    int64_t first[PT2_MAX_PARTS] = { 0 };
    uint64_t bytes = 0;
    int read = -1;
    for (uint32_t k = 0; k < l->indices.count; k++) {
        const struct pt2_index_check *c = &l->indices.data[k];
        if (c->output < 0 || (s->judged && is_lasting(outputs[c->output], c)))
            continue;
        if (c->output != read) {
            PT2_TRY(pt2_value_bytes(s, outputs[c->output], &bytes));
            PT2_TRY(pt2_read_value(s, outputs[c->output], first, bytes));
            read = c->output;
        }
        if (bytes)
            PT2_TRY(judge(s, c, first[c->element]));
    }
    s->judged = true;
    return PT2_OK;
}
