/* SPDX-License-Identifier: MIT
 * ⊕ over lanes. Accumulators are double for floats (the oracle sums float32 in double and rounds once) and int64 for
 * integers. Values are first *widened* to these, so that every loop here exists for two types only: uint64 gets its
 * sign bit flipped where order matters, and ARGMIN is ARGMAX of the reversed order (-x, ~x). */
#include "base/special.h"
#include "ref.h"

#include <math.h>

static bool is_arg(enum pt2_reduce_op op)
{
    return op == PT2_RED_ARGMAX || op == PT2_RED_ARGMIN;
}

static bool orders(enum pt2_reduce_op op)
{
    return op == PT2_RED_MAX || op == PT2_RED_MIN || is_arg(op);
}

static int64_t flip(int64_t v)
{
    return (int64_t)((uint64_t)v ^ ((uint64_t)1 << 63));
}

#define EACH(expr)                                                                                                \
    for (int i = 0; i < n; i++)                                                                                   \
        d[i] = (expr)

static const void *widen_int(enum pt2_reduce_op op, int dtype, int n, const int64_t *v, int64_t *restrict d)
{
    if (dtype == PT2_U64 && orders(op))
        EACH(op == PT2_RED_ARGMIN ? ~flip(v[i]) : flip(v[i]));
    else if (op == PT2_RED_ARGMIN)
        EACH(~v[i]);
    else
        return v;
    return d;
}

const void *ref_acc_widen(enum pt2_reduce_op op, int dtype, int n, const void *v, void *out)
{
    double *restrict d = out;
    double sign = op == PT2_RED_ARGMIN ? -1 : 1;
    const float *f = v;
    const double *g = v;
    if (dtype == PT2_F32)
        EACH(sign * (double)f[i]);
    else if (dtype == PT2_F64 && op == PT2_RED_ARGMIN)
        EACH(-g[i]);
    else
        return dtype == PT2_F64 ? v : widen_int(op, dtype, n, v, out);
    return out;
}

void ref_acc_sum_f32(int n, void *acc, const void *v)
{
    double *restrict a = acc;
    const float *restrict x = v;
    for (int i = 0; i < n; i++)
        a[i] += (double)x[i];
}

static double neutral_float(enum pt2_reduce_op op)
{
    switch (op) {
    case PT2_RED_PROD: case PT2_RED_ALL: return 1;
    case PT2_RED_MAX: case PT2_RED_LOGADDEXP: return -(double)INFINITY;
    case PT2_RED_MIN: return (double)INFINITY;
    default: return 0;
    }
}

/* The extremes of a type, in the widened order. */
static int64_t extreme(int dtype, bool highest)
{
    int bits = ref_bits(dtype);
    if (dtype == PT2_BOOL)
        return highest;
    if (bits == 64)
        return highest ? INT64_MAX : INT64_MIN;
    if (pt2_dtype_is_signed((pt2_dtype)dtype))
        return highest ? ((int64_t)1 << (bits - 1)) - 1 : -((int64_t)1 << (bits - 1));
    return highest ? ((int64_t)1 << bits) - 1 : 0;
}

static int64_t neutral_int(enum pt2_reduce_op op, int dtype)
{
    return op == PT2_RED_MAX   ? extreme(dtype, false)
           : op == PT2_RED_MIN ? extreme(dtype, true)
                               : op == PT2_RED_PROD || op == PT2_RED_ALL;
}

void ref_acc_init(enum pt2_reduce_op op, int dtype, int n, void *acc, int64_t *pos)
{
    for (int i = 0; i < n; i++) {
        if (ref_class_of(dtype) == REF_I)
            ((int64_t *)acc)[i] = neutral_int(op, dtype);
        else
            ((double *)acc)[i] = neutral_float(op);
        pos[i] = -1; /* none yet */
    }
}

/* ---- one step ---- */

#define INT_STEPS(X)                                                                                              \
    X(SUM, (int64_t)((uint64_t)a + (uint64_t)v)) X(PROD, (int64_t)((uint64_t)a * (uint64_t)v))                    \
    X(MAX, a > v ? a : v) X(MIN, a < v ? a : v) X(ANY, a || v) X(ALL, a && v)
#define FLOAT_STEPS(X)                                                                                            \
    X(SUM, a + v) X(PROD, a * v) X(MAX, v > a || v != v ? v : a) X(MIN, v < a || v != v ? v : a)                  \
    X(LOGADDEXP, pt2_log_add_exp(a, v))

#define DEFINE(name, T, expr)                                                                                     \
    static void name(int n, void *restrict av, const void *restrict xv)                                           \
    {                                                                                                             \
        T *restrict acc = av;                                                                                     \
        const T *restrict x = xv;                                                                                 \
        for (int i = 0; i < n; i++) {                                                                             \
            T a = acc[i], v = x[i];                                                                               \
            acc[i] = expr;                                                                                        \
        }                                                                                                         \
    }
#define DEFINE_ARG(name, T, first, last_wins)                                                                     \
    static void name(int n, void *restrict av, int64_t *restrict pos, const void *restrict xv, int64_t at,        \
                     int stride, bool last)                                                                       \
    {                                                                                                             \
        T *restrict acc = av;                                                                                     \
        const T *restrict x = xv;                                                                                 \
        for (int i = 0; i < n; i++) {                                                                             \
            T a = acc[i], v = x[i];                                                                               \
            if (pos[i] < 0 || (last ? (last_wins) : (first))) {                                                   \
                acc[i] = v;                                                                                       \
                pos[i] = at + (int64_t)i * stride;                                                                \
            }                                                                                                     \
        }                                                                                                         \
    }
#define X(op, expr) DEFINE(step_int_##op, int64_t, expr)
INT_STEPS(X)
#undef X
#define X(op, expr) DEFINE(step_float_##op, double, expr)
FLOAT_STEPS(X)
#undef X
DEFINE_ARG(step_int_arg, int64_t, v > a, v >= a)
DEFINE_ARG(step_float_arg, double, v > a || (v != v && a == a), v >= a || v != v)

void ref_acc_step(enum pt2_reduce_op op, int dtype, int n, void *acc, int64_t *pos, const void *v, int64_t at,
                  int stride, bool last)
{
    typedef void step_fn(int n, void *restrict acc, const void *restrict v);
#define X(op, expr) [PT2_RED_##op] = step_int_##op,
    static step_fn *const ints[] = { INT_STEPS(X)[PT2_RED_SET] = NULL };
#undef X
#define X(op, expr) [PT2_RED_##op] = step_float_##op,
    static step_fn *const floats[] = { FLOAT_STEPS(X)[PT2_RED_SET] = NULL };
#undef X
    bool is_int = ref_class_of(dtype) == REF_I;
    if (is_arg(op))
        (is_int ? step_int_arg : step_float_arg)(n, acc, pos, v, at, stride, last);
    else
        (is_int ? ints : floats)[op](n, acc, v);
}

void ref_acc_merge(enum pt2_reduce_op op, int dtype, int n, void *acc, int64_t *pos)
{
    for (int i = 1; i < n; i++) {
        void *v = (int64_t *)acc + i;
        if (!is_arg(op)) {
            ref_acc_step(op, dtype, 1, acc, pos, v, 0, 0, false);
        } else if (pos[i] >= 0) {
            /* Lanes interleave: of equals the smaller position wins, whichever lane has it. */
            bool later = pos[i] > pos[0] && pos[0] >= 0;
            ref_acc_step(op, dtype, 1, acc, pos, v, pos[i], 0, !later);
        }
    }
}

static void finish_int(enum pt2_reduce_op op, int dtype, int n, const int64_t *restrict acc, int64_t *restrict d)
{
    ref_op_fn *wrap = ref_op_wrap(dtype);
    if (dtype == PT2_U64 && orders(op))
        EACH(flip(acc[i]));
    else if (wrap)
        wrap(n, d, acc, acc, acc);
    else
        EACH(acc[i]);
}

void ref_acc_finish(enum pt2_reduce_op op, int dtype, int n, const void *acc, const int64_t *pos, void *out)
{
    if (is_arg(op)) {
        int64_t *restrict d = out;
        EACH(pos[i] < 0 ? 0 : pos[i]);
    } else if (dtype == PT2_F32) {
        float *restrict d = out;
        EACH((float)((const double *)acc)[i]);
    } else if (dtype == PT2_F64) {
        double *restrict d = out;
        EACH(((const double *)acc)[i]);
    } else {
        finish_int(op, dtype, n, acc, out);
    }
}

void ref_combine(enum pt2_reduce_op op, int dtype, void *into, const void *v)
{
    static const enum pt2_expr_op ops[] = { [PT2_RED_SUM] = PT2_E_ADD, [PT2_RED_PROD] = PT2_E_MUL,
                                            [PT2_RED_MAX] = PT2_E_MAX, [PT2_RED_MIN] = PT2_E_MIN };
    int64_t old = 0;
    memcpy(&old, into, ref_class_of(dtype) == REF_F ? sizeof(float) : sizeof old);
    ref_op(ops[op], dtype)(1, into, &old, v, v);
}
