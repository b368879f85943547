/* SPDX-License-Identifier: MIT
 * Comparison of outputs. Complex numbers are compared part by part. */
#include "tools/agree.h"
#include "base/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double tolerance(pt2_dtype dtype)
{
    switch (pt2_dtype_real(dtype)) {
    case PT2_F32:
    case PT2_F64:
        return 1e-4;
    case PT2_F16:
        return 2e-3;
    case PT2_BF16:
        return 1.6e-2;
    default:
        return pt2_dtype_is_float(dtype) ? 0.13 : 0; /* float8: one step; integers: exact */
    }
}

/* The dtype as which the stored array is to be read, PT2_NONE when it does not fit. */
static pt2_dtype stored_as(pt2_dtype got, pt2_dtype stored)
{
    bool narrow = pt2_dtype_is_float(got) && pt2_dtype_size(got) <= 2 && got != PT2_F16;
    if (got == PT2_BF16 && stored == PT2_U16)
        return PT2_BF16;
    if (got == stored || (narrow && stored == PT2_F32) || (got == PT2_C32 && stored == PT2_C64))
        return stored;
    return PT2_NONE;
}

static bool same_shape(const pt2_tensor *a, const pt2_tensor *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static double difference(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return 0;
    double d = fabs(a - b);
    return isnan(d) ? INFINITY : d;
}

struct worst {
    double diff, largest, got, want;
    int64_t at;
};

/* int64 values that double cannot hold still differ. */
static struct worst compare_ints(const pt2_tensor *got, const pt2_tensor *want, int64_t n)
{
    struct worst w = { 0 };
    for (int64_t i = 0; i < n; i++) {
        int64_t g = pt2_load_int(got->dtype, got->data, i), v = pt2_load_int(want->dtype, want->data, i);
        double d = g == v ? 0 : fmax(1, fabs((double)g - (double)v));
        if (d > w.diff)
            w = (struct worst){ d, 0, (double)g, (double)v, i };
    }
    return w;
}

/* `explained`: by real number, differences that count as none; NULL: none do. */
static struct worst compare_floats(const pt2_tensor *got, pt2_dtype as, const pt2_tensor *want, int64_t n,
                                   const double *explained)
{
    struct worst w = { 0 };
    pt2_dtype a = pt2_dtype_real(got->dtype), b = pt2_dtype_real(as);
    for (int64_t i = 0, end = a == got->dtype ? n : 2 * n; i < end; i++) {
        double g = pt2_load_double(a, got->data, i), v = pt2_load_double(b, want->data, i);
        double d = difference(g, v);
        if (isfinite(v))
            w.largest = fmax(w.largest, fabs(v));
        if (explained && d <= explained[i])
            continue;
        if (d > w.diff) {
            w.diff = d;
            w.got = g;
            w.want = v;
            w.at = a == got->dtype ? i : i / 2;
        }
    }
    return w;
}

static void differs(struct agreement *out, const char *fmt, ...) PT2_PRINTF(2, 3);
static void differs(struct agreement *out, const char *fmt, ...)
{
    va_list ap;
    out->same = false;
    if (*out->difference)
        return;
    va_start(ap, fmt);
    vsnprintf(out->difference, sizeof out->difference, fmt, ap);
    va_end(ap);
}

static void compare(const char *name, const pt2_tensor *got, const pt2_tensor *want, const struct rounding *rounding,
                    struct agreement *out)
{
    pt2_dtype as = stored_as(got->dtype, want->dtype);
    out->compared++;
    if (as == PT2_NONE) {
        differs(out, "%s is %s, stored %s", name, pt2_dtype_name(got->dtype), pt2_dtype_name(want->dtype));
        return;
    }
    if (!same_shape(got, want)) {
        differs(out, "%s has another shape than the stored one", name);
        return;
    }
    bool exact = tolerance(got->dtype) == 0;
    int64_t n = pt2_tensor_count(got);
    struct worst w = exact ? compare_ints(got, want, n) : compare_floats(got, as, want, n, NULL);
    out->max_abs = fmax(out->max_abs, w.diff);
    out->largest = fmax(out->largest, w.largest);
    if (w.diff > 0 && !exact)
        out->relative = fmax(out->relative, w.largest > 0 ? w.diff / w.largest : INFINITY);
    if (w.diff > tolerance(got->dtype) * w.largest && rounding && !exact) {
        double *explained = rounding_explains(rounding, name, got);
        w = compare_floats(got, as, want, n, explained);
        free(explained);
        out->rounding = true;
    }
    if (w.diff > tolerance(got->dtype) * w.largest)
        differs(out, "%s differs by %.3g at element %" PRId64 ": %.9g, stored %.9g", name, w.diff, w.at, w.got, w.want);
}

static void compare_all(const struct pt2_npz *got, const struct pt2_npz *want, const struct rounding *rounding,
                        struct agreement *out)
{
    *out = (struct agreement){ .same = true };
    for (int i = 0; i < want->count; i++) {
        const char *name = want->arrays[i].name;
        if (strncmp(name, "out_", 4) != 0)
            continue;
        const pt2_tensor *mine = pt2_npz_find(got, name);
        if (mine) {
            compare(name, mine, &want->arrays[i].tensor, rounding, out);
        } else {
            out->compared++;
            differs(out, "the model has no %s", name);
        }
    }
}

pt2_status agree(const struct pt2_npz *got, const struct pt2_npz *want, const char *want_path,
                 const struct agree_again *again, struct agreement *out)
{
    struct rounding rounding = { 0 };
    pt2_status status = PT2_OK;
    compare_all(got, want, NULL, out);
    if (!out->same && again && again->measure)
        status = again->measure(again->ctx, &rounding);
    if (status == PT2_OK && rounding.plain.count)
        compare_all(got, want, &rounding, out);
    rounding_free(&rounding);
    PT2_TRY(status);
    if (!out->compared)
        return pt2_fail(PT2_ERR_INPUT, "%s: no arrays named out_0, out_1, ...", want_path);
    return PT2_OK;
}

void agreement_text(const struct agreement *a, const char *want_path, char *text, size_t cap)
{
    int n = snprintf(text, cap, "%s %s%s: largest difference %.2g, %.2g of the largest output (%.3g)",
                     a->same ? "agrees with" : "DIFFERS from", want_path,
                     a->same && a->rounding ? " as far as rounding allows" : "", a->max_abs, a->relative, a->largest);
    if (*a->difference && n > 0 && (size_t)n < cap)
        snprintf(text + n, cap - (size_t)n, "; %s", a->difference);
}
