/* SPDX-License-Identifier: MIT
 * Interpolation (UpSample.h), with and without antialiasing, and grid sampling (GridSampler.h). A result element is a
 * weighted sum of a fixed number of loads at computed positions: one MAP. Antialiasing has windows as wide as the
 * scale: one REDUCE for each dimension, the last one first. Gradients add to the same positions: one SCATTER for each
 * load, or for each dimension. */
#include "ops/lower.h"
#include "ops/math.h"

#include <math.h>

enum { NEAREST, NEAREST_EXACT, LINEAR, CUBIC, LANCZOS };

/* One resampled dimension. */
struct axis {
    pt2_ex in, out;  /* sizes */
    pt2_ex at;       /* output index */
    pt2_ex scale;    /* input per output, of the coordinate type */
    int t;           /* coordinate type: float64 for float64 tensors, else float32 */
    bool align;
};

/* Up to four source positions and their weights. */
struct taps {
    int n;
    pt2_ex index[4], weight[4];
};

static pt2_ex num(struct pt2_lower *L, int t, double v)
{
    return pt2_num(L->E, t, v);
}

/* A coordinate, which sizes bound: 32 bits hold it as they hold every index. */
static pt2_ex to_index(struct pt2_lower *L, pt2_ex e)
{
    return pt2_cast(L->E, PT2_IDX, pt2_cast(L->E, PT2_I32, e));
}

static pt2_ex clamp(struct pt2_lower *L, pt2_ex e, pt2_ex size)
{
    return pt2_max(L->E, pt2_min(L->E, e, pt2_addi(L->E, size, -1)), pt2_idx(L->E, 0));
}

/* The scale that the call gives for spatial dimension k of n, or 0. */
static double given_scale(struct pt2_lower *L, int k, int n)
{
    static const char *const names[3] = { "scales_d", "scales_h", "scales_w" };
    double list[PT2_MAX_RANK];
    int count = op_floats(L, "scale_factors", list);
    if (count > 0)
        return k < count ? list[k] : 0;
    const char *name = names[3 - n + k];
    if (op_has(L, name))
        return op_float(L, name, 0);
    return n == 1 ? op_float(L, "scales", 0) : 0;
}

/* area_pixel_compute_scale. */
static pt2_ex axis_scale(struct pt2_lower *L, const struct axis *a, double given)
{
    struct pt2_exprs *E = L->E;
    pt2_ex in = pt2_cast(E, a->t, a->in), out = pt2_cast(E, a->t, a->out), one = num(L, a->t, 1);
    if (a->align) {
        pt2_ex few = pt2_le(E, a->out, pt2_idx(E, 1));
        pt2_ex steps = pt2_select(E, few, one, pt2_sub(E, out, one));
        return pt2_select(E, few, num(L, a->t, 0), pt2_bin(E, PT2_E_DIV, pt2_sub(E, in, one), steps));
    }
    if (given > 0)
        return num(L, a->t, a->t == PT2_F64 ? 1.0 / given : (double)(float)(1.0 / given));
    return pt2_bin(E, PT2_E_DIV, in, out);
}

static struct axis make_axis(struct pt2_lower *L, pt2_t *x, int d, int t, bool align, const pt2_ex *shape, pt2_ex at)
{
    struct axis a = { x->shape[d], shape[d], at, NULL, t, align };
    a.scale = axis_scale(L, &a, given_scale(L, d - 2, x->rank - 2));
    return a;
}

/* area_pixel_compute_source_index: below 0 only for cubic. */
static pt2_ex source(struct pt2_lower *L, const struct axis *a, bool cubic)
{
    struct pt2_exprs *E = L->E;
    pt2_ex i = pt2_cast(E, a->t, a->at), half = num(L, a->t, 0.5);
    if (a->align)
        return pt2_mul(E, a->scale, i);
    pt2_ex s = pt2_sub(E, pt2_mul(E, a->scale, pt2_add(E, i, half)), half);
    return cubic ? s : pt2_max(E, s, num(L, a->t, 0));
}

static void nearest_taps(struct pt2_lower *L, const struct axis *a, bool exact, struct taps *taps)
{
    struct pt2_exprs *E = L->E;
    pt2_ex i = pt2_cast(E, a->t, a->at);
    if (exact)
        i = pt2_add(E, i, num(L, a->t, 0.5));
    pt2_ex s = clamp(L, to_index(L, pt2_un(E, PT2_E_FLOOR, pt2_mul(E, i, a->scale))), a->in);
    if (!exact) { /* the two ratios that need no rounding, whatever scale was given */
        s = pt2_select(E, pt2_eq(E, a->out, pt2_muli(E, a->in, 2)), pt2_floordiv(E, a->at, pt2_idx(E, 2)), s);
        s = pt2_select(E, pt2_eq(E, a->out, a->in), a->at, s);
    }
    taps->n = 1;
    taps->index[0] = s;
    taps->weight[0] = NULL;
}

static void linear_taps(struct pt2_lower *L, const struct axis *a, struct taps *taps)
{
    struct pt2_exprs *E = L->E;
    pt2_ex s = source(L, a, false), zero = num(L, a->t, 0), one = num(L, a->t, 1);
    pt2_ex low = clamp(L, to_index(L, pt2_un(E, PT2_E_FLOOR, s)), a->in);
    pt2_ex w = pt2_min(E, pt2_max(E, pt2_sub(E, s, pt2_cast(E, a->t, low)), zero), one);
    pt2_ex same = pt2_eq(E, a->in, a->out);
    low = pt2_select(E, same, a->at, low);
    w = pt2_select(E, same, zero, w);
    taps->n = 2;
    taps->index[0] = low;
    taps->index[1] = clamp(L, pt2_addi(E, low, 1), a->in);
    taps->weight[0] = pt2_sub(E, one, w);
    taps->weight[1] = w;
}

/* Keys' kernel with parameter A at distance x: |x| <= 1 (inner), or 1 < |x| < 2. */
static pt2_ex keys(struct pt2_lower *L, pt2_ex x, double A, bool inner)
{
    struct pt2_exprs *E = L->E;
    int t = x->dtype;
    double c[4] = { 1, 0, -(A + 3), A + 2 }, o[4] = { -4 * A, 8 * A, -5 * A, A };
    const double *p = inner ? c : o;
    pt2_ex v = num(L, t, p[3]);
    for (int k = 2; k >= 0; k--)
        v = pt2_add(E, pt2_mul(E, v, x), num(L, t, p[k]));
    return v;
}

/* Weights at -1, 0, 1, 2 from the sample before a point that is `w` past it. */
static void cubic_weights(struct pt2_lower *L, pt2_ex w, pt2_ex *out)
{
    pt2_ex one = num(L, w->dtype, 1), rest = pt2_sub(L->E, one, w);
    out[0] = keys(L, pt2_add(L->E, w, one), -0.75, false);
    out[1] = keys(L, w, -0.75, true);
    out[2] = keys(L, rest, -0.75, true);
    out[3] = keys(L, pt2_add(L->E, rest, one), -0.75, false);
}

/* Their derivatives by w. */
static void cubic_slopes(struct pt2_lower *L, pt2_ex w, pt2_ex *out)
{
    struct pt2_exprs *E = L->E;
    static const double inner[] = { 3 * 1.25, -2 * 2.25, 0 }, outer[] = { -0.75 * 3, 0.75 * 10, -0.75 * 8 };
    pt2_ex rest = ex_nsub(E, 1, w);
    out[0] = ex_poly(E, ex_addn(E, w, 1), 3, outer);
    out[1] = ex_poly(E, w, 3, inner);
    out[2] = ex_neg(E, ex_poly(E, rest, 3, inner));
    out[3] = ex_neg(E, ex_poly(E, ex_addn(E, rest, 1), 3, outer));
}

static void cubic_taps(struct pt2_lower *L, const struct axis *a, struct taps *taps)
{
    struct pt2_exprs *E = L->E;
    pt2_ex s = source(L, a, true), zero = num(L, a->t, 0), one = num(L, a->t, 1);
    pt2_ex low = pt2_min(E, to_index(L, pt2_un(E, PT2_E_FLOOR, s)), pt2_addi(E, a->in, -1));
    pt2_ex w = pt2_min(E, pt2_max(E, pt2_sub(E, s, pt2_cast(E, a->t, low)), zero), one);
    taps->n = 4;
    cubic_weights(L, w, taps->weight);
    for (int k = 0; k < 4; k++)
        taps->index[k] = clamp(L, pt2_addi(E, low, k - 1), a->in);
}

static void find_taps(struct pt2_lower *L, int64_t kind, const struct axis *a, struct taps *taps)
{
    if (kind == LINEAR)
        linear_taps(L, a, taps);
    else if (kind == CUBIC)
        cubic_taps(L, a, taps);
    else
        nearest_taps(L, a, kind == NEAREST_EXACT, taps);
}

/* Weighted sum over the taps of dimensions d …. */
static pt2_ex sum_taps(struct pt2_lower *L, pt2_t *x, const struct taps *taps, int d, pt2_ex *index, int t)
{
    if (d == x->rank)
        return op_to(L, op_at(L, x, index), (pt2_dtype)t);
    pt2_ex sum = NULL;
    for (int k = 0; k < taps[d].n; k++) {
        index[d] = taps[d].index[k];
        pt2_ex v = sum_taps(L, x, taps, d + 1, index, t);
        v = taps[d].weight[k] ? pt2_mul(L->E, taps[d].weight[k], v) : v;
        sum = sum ? pt2_add(L->E, sum, v) : v;
    }
    return sum;
}

static pt2_t *image(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, op_has(L, "input") ? "input" : "self");
    if (x->rank < 3 || x->rank > 5 || op_out_rank(L, 0) != x->rank)
        op_fail(L, PT2_ERR_FORMAT, "the input has %d dimensions", x->rank);
    return x;
}

static pt2_t *separable(struct pt2_lower *L, pt2_t *x, int64_t kind, bool antialias);

/* data: the kind. */
static void lower_upsample(struct pt2_lower *L)
{
    pt2_t *x = image(L);
    int64_t kind = L->row->data;
    bool nearest = kind == NEAREST || kind == NEAREST_EXACT;
    pt2_ex *shape = op_out_shape(L, 0), *at = op_vars(L, x->rank, shape), index[PT2_MAX_RANK];
    if (!nearest && !pt2_dtype_is_float(x->dtype)) {
        op_return(L, separable(L, x, kind, false));
        return;
    }
    int t = nearest || x->dtype != PT2_F64 ? PT2_F32 : PT2_F64;
    struct taps taps[PT2_MAX_RANK];
    bool align = op_bool(L, "align_corners", false);
    for (int d = 0; d < x->rank; d++) {
        struct axis a;
        taps[d] = (struct taps){ 1, { at[d] }, { NULL } };
        if (d < 2)
            continue;
        a = make_axis(L, x, d, t, align, shape, at[d]);
        find_taps(L, kind, &a, &taps[d]);
    }
    pt2_dtype wide = pt2_dtype_compute(x->dtype);
    op_return(L, op_map(L, x->dtype, x->rank, shape, sum_taps(L, x, taps, 0, index, wide)));
}

/* Adds value times the weights of the taps of dimensions d … to where each of them is. */
static pt2_t *spread_taps(struct pt2_lower *L, pt2_t *sum, const struct taps *taps, int d, pt2_ex *index,
                          const pt2_ex *axes, pt2_ex value)
{
    if (d == sum->rank)
        return op_scatter(L, PT2_RED_SUM, sum, sum->rank, axes, index, value, NULL);
    for (int k = 0; k < taps[d].n; k++) {
        pt2_ex w = taps[d].weight[k];
        index[d] = taps[d].index[k];
        sum = spread_taps(L, sum, taps, d + 1, index, axes, w ? pt2_mul(L->E, w, value) : value);
    }
    return sum;
}

/* data: the kind. */
static void lower_upsample_backward(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad_output");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = pt2_dtype_compute(dtype);
    int64_t kind = L->row->data;
    if (g->rank < 3 || g->rank > 5 || op_out_rank(L, 0) != g->rank || !pt2_dtype_is_float(dtype))
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions", g->rank);
    int t = kind == NEAREST || kind == NEAREST_EXACT || dtype != PT2_F64 ? PT2_F32 : PT2_F64;
    pt2_t *sum = op_full(L, acc, g->rank, op_out_shape(L, 0), pt2_num(L->E, acc, 0));
    pt2_ex *at = op_vars(L, g->rank, g->shape), index[PT2_MAX_RANK];
    struct taps taps[PT2_MAX_RANK];
    for (int d = 0; d < g->rank; d++) {
        taps[d] = (struct taps){ 1, { at[d] }, { NULL } };
        if (d < 2)
            continue;
        struct axis a = make_axis(L, sum, d, t, op_bool(L, "align_corners", false), g->shape, at[d]);
        find_taps(L, kind, &a, &taps[d]);
    }
    pt2_ex value = pt2_cast(L->E, acc, op_at(L, g, at));
    op_return(L, op_convert(L, spread_taps(L, sum, taps, 0, index, g->shape, value), dtype));
}

/* ---- one dimension at a time: antialiasing, and uint8 with its 16-bit weights ---- */

/* A window of `taps` positions from `first` on, with weights as a function of the tap. */
struct window {
    pt2_ex taps;  /* extent of the reduced axis */
    pt2_ex index; /* source position of tap j */
    pt2_ex weight;
};

/* sin(pi x) / (pi x) */
static pt2_ex sinc(struct pt2_lower *L, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = num(L, x->dtype, 0), p = pt2_mul(E, x, num(L, x->dtype, EX_PI));
    return pt2_select(E, pt2_eq(E, x, zero), num(L, x->dtype, 1), pt2_bin(E, PT2_E_DIV, pt2_un(E, PT2_E_SIN, p), p));
}

static pt2_ex filter(struct pt2_lower *L, pt2_ex x, int64_t kind)
{
    struct pt2_exprs *E = L->E;
    int t = x->dtype;
    pt2_ex a = pt2_un(E, PT2_E_ABS, x), one = num(L, t, 1), zero = num(L, t, 0), three = num(L, t, 3);
    if (kind == LINEAR)
        return pt2_max(E, pt2_sub(E, one, a), zero);
    if (kind == LANCZOS)
        return pt2_select(E, pt2_lt(E, a, three),
                          pt2_mul(E, sinc(L, a), sinc(L, pt2_bin(E, PT2_E_DIV, a, three))), zero);
    pt2_ex outer = pt2_select(E, pt2_lt(E, a, num(L, t, 2)), keys(L, a, -0.5, false), zero);
    return pt2_select(E, pt2_lt(E, a, one), keys(L, a, -0.5, true), outer);
}

/* How many taps a window has at most: 2*ceil(support)+1 when the sizes are known, else the whole dimension. */
static pt2_ex window_taps(struct pt2_lower *L, const struct axis *a, double half)
{
    if (!pt2_is_const(a->scale))
        return a->in;
    double scale = a->scale->f;
    if (!(scale < 1e9))
        return a->in;
    int64_t taps = 2 * (int64_t)ceil(scale >= 1 ? half * scale : half) + 1;
    return pt2_min(L->E, a->in, pt2_idx(L->E, taps));
}

/* _compute_indices_min_size_weights_aa, not normalised yet. */
static struct window antialias_window(struct pt2_lower *L, const struct axis *a, int64_t kind, int tap_axis)
{
    struct pt2_exprs *E = L->E;
    double half = kind == LANCZOS ? 3 : kind == CUBIC ? 2 : 1;
    struct window w = { window_taps(L, a, half), NULL, NULL };
    pt2_ex one = num(L, a->t, 1), h = num(L, a->t, 0.5), wide = pt2_max(E, a->scale, one);
    pt2_ex center = pt2_mul(E, a->scale, pt2_add(E, pt2_cast(E, a->t, a->at), h));
    pt2_ex support = pt2_mul(E, num(L, a->t, half), wide), zero = pt2_idx(E, 0);
    pt2_ex first = to_index(L, pt2_add(E, pt2_sub(E, center, support), h));
    pt2_ex end = to_index(L, pt2_add(E, pt2_add(E, center, support), h));
    first = pt2_max(E, first, zero);
    end = pt2_min(E, end, a->in);
    pt2_ex pos = pt2_add(E, first, pt2_var(E, tap_axis, w.taps));
    pt2_ex off = pt2_add(E, pt2_sub(E, pt2_cast(E, a->t, pos), center), h);
    pt2_ex v = filter(L, pt2_bin(E, PT2_E_DIV, off, wide), kind);
    w.index = clamp(L, pos, a->in);
    w.weight = pt2_select(E, pt2_lt(E, pos, end), v, num(L, a->t, 0));
    return w;
}

static struct window plain_window(struct pt2_lower *L, const struct axis *a, int64_t kind, int tap_axis)
{
    struct pt2_exprs *E = L->E;
    struct taps taps;
    find_taps(L, kind, a, &taps);
    struct window w = { pt2_idx(E, taps.n), NULL, num(L, a->t, 0) };
    pt2_ex at = pt2_add(E, taps.index[0], pt2_var(E, tap_axis, w.taps));
    for (int k = 0; k < taps.n; k++) { /* taps beyond an edge add to the edge's weight */
        pt2_ex here = pt2_eq(E, at, taps.index[k]);
        w.weight = pt2_add(E, w.weight, pt2_select(E, here, taps.weight[k], num(L, a->t, 0)));
    }
    w.index = clamp(L, at, a->in);
    return w;
}

/* The normalised weights as a tensor [out, taps]; a->at and the tap are VAR 0 and 1 in w. */
static pt2_t *weight_table(struct pt2_lower *L, const struct axis *a, struct window *w)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[2] = { a->out, w->taps };
    pt2_t *total = op_reduce(L, PT2_RED_SUM, (pt2_dtype)a->t, 1, shape, 1, &w->taps, w->weight);
    pt2_ex sum = op_at(L, total, op_vars(L, 2, shape)), zero = num(L, a->t, 0), one = num(L, a->t, 1);
    pt2_ex none = pt2_eq(E, sum, zero);
    return op_map(L, (pt2_dtype)a->t, 2, shape, pt2_bin(E, PT2_E_DIV, w->weight, pt2_select(E, none, one, sum)));
}

/* uint8: as many bits as let the largest weight fit into 16. Returns 2^bits as int32 and the rounded weights. */
static pt2_t *byte_weights(struct pt2_lower *L, pt2_t *table, pt2_ex *out_unit)
{
    struct pt2_exprs *E = L->E;
    int t = table->dtype;
    pt2_ex max = op_at(L, op_reduce(L, PT2_RED_MAX, table->dtype, 0, NULL, 2, table->shape,
                                    op_at(L, table, op_vars(L, 2, table->shape))), NULL);
    pt2_ex unit = pt2_int(E, PT2_I32, 1), half = num(L, t, 0.5), limit = num(L, t, 32768);
    for (int bits = 1; bits <= 22; bits++) {
        pt2_ex next = pt2_add(E, half, pt2_mul(E, max, num(L, t, ldexp(1, bits))));
        unit = pt2_select(E, pt2_lt(E, next, limit), pt2_int(E, PT2_I32, (int64_t)1 << bits), unit);
    }
    pt2_ex w = pt2_mul(E, op_at(L, table, op_vars(L, 2, table->shape)), pt2_cast(E, t, unit));
    *out_unit = unit;
    return op_map_like(L, table, PT2_I32, pt2_cast(E, PT2_I32, pt2_add(E, w, pt2_bin(E, PT2_E_COPYSIGN, half, w))));
}

/* Resamples dimension d. */
static pt2_t *resample_axis(struct pt2_lower *L, pt2_t *x, int d, struct axis a, int64_t kind, bool antialias,
                            pt2_dtype out_dtype)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK], unit = NULL;
    memcpy(shape, x->shape, sizeof *shape * (size_t)x->rank);
    shape[d] = a.out;
    pt2_ex *at = op_vars(L, x->rank, shape), to[2] = { at[d], NULL };
    a.at = pt2_var(E, 0, a.out);
    struct window w = antialias ? antialias_window(L, &a, kind, 1) : plain_window(L, &a, kind, 1);
    bool bytes = !pt2_dtype_is_float(x->dtype);
    pt2_t *table = weight_table(L, &a, &w);
    if (bytes)
        table = byte_weights(L, table, &unit);
    to[1] = pt2_var(E, x->rank, w.taps);
    memcpy(index, at, sizeof *at * (size_t)x->rank);
    index[d] = pt2_subst_vars(E, w.index, 2, to);
    pt2_dtype wide = bytes ? PT2_I32 : pt2_dtype_compute(x->dtype);
    pt2_ex body = pt2_mul(E, op_to(L, op_at(L, table, to), wide), op_to(L, op_at(L, x, index), wide));
    pt2_t *sum = op_reduce(L, PT2_RED_SUM, wide, x->rank, shape, 1, &w.taps, body);
    if (!bytes)
        return op_convert(L, sum, out_dtype);
    pt2_ex one = pt2_int(E, PT2_I32, 1), two = pt2_int(E, PT2_I32, 2), top = pt2_int(E, PT2_I32, 255);
    pt2_ex half = pt2_select(E, pt2_lt(E, one, unit), pt2_floordiv(E, unit, two), pt2_int(E, PT2_I32, 0));
    pt2_ex v = pt2_floordiv(E, pt2_add(E, op_at(L, sum, at), half), unit);
    v = pt2_max(E, pt2_min(E, v, top), pt2_int(E, PT2_I32, 0));
    return op_map_like(L, sum, PT2_U8, op_to(L, v, PT2_U8));
}

static pt2_t *separable(struct pt2_lower *L, pt2_t *x, int64_t kind, bool antialias)
{
    if (!pt2_dtype_is_float(x->dtype) && x->dtype != PT2_U8)
        op_fail(L, PT2_ERR_UNSUPPORTED, "interpolation of %s", pt2_dtype_name(x->dtype));
    pt2_ex *shape = op_out_shape(L, 0);
    bool align = op_bool(L, "align_corners", false);
    int t = x->dtype == PT2_F64 ? PT2_F64 : PT2_F32;
    pt2_t *from = x;
    pt2_dtype dtype = x->dtype == PT2_U8 ? PT2_U8 : pt2_dtype_compute(x->dtype);
    for (int d = x->rank - 1; d >= 2; d--)
        x = resample_axis(L, x, d, make_axis(L, from, d, t, align, shape, NULL), kind, antialias, dtype);
    return op_convert(L, x, from->dtype);
}

static void lower_antialias(struct pt2_lower *L)
{
    pt2_t *x = image(L);
    op_return(L, separable(L, x, L->row->data, true));
}

/* The gradient g of dimension d after resampling becomes that before: each tap gets its share. */
static pt2_t *spread_axis(struct pt2_lower *L, pt2_t *g, int d, struct axis a, int64_t kind)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[PT2_MAX_RANK], axes[PT2_MAX_RANK], index[PT2_MAX_RANK], to[2];
    a.at = pt2_var(E, 0, a.out);
    struct window w = antialias_window(L, &a, kind, 1);
    pt2_t *table = weight_table(L, &a, &w);
    memcpy(shape, g->shape, sizeof *shape * (size_t)g->rank);
    memcpy(axes, g->shape, sizeof *axes * (size_t)g->rank);
    shape[d] = a.in;
    axes[g->rank] = w.taps;
    pt2_ex *at = op_vars(L, g->rank + 1, axes);
    to[0] = at[d];
    to[1] = at[g->rank];
    memcpy(index, at, sizeof *at * (size_t)g->rank);
    index[d] = pt2_subst_vars(E, w.index, 2, to);
    pt2_ex value = pt2_mul(E, op_to(L, op_at(L, table, to), g->dtype), op_at(L, g, at));
    pt2_t *none = op_full(L, g->dtype, g->rank, shape, pt2_num(E, g->dtype, 0));
    return op_scatter(L, PT2_RED_SUM, none, g->rank + 1, axes, index, value, NULL);
}

/* data: the kind. */
static void lower_antialias_backward(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad_output");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = pt2_dtype_compute(dtype);
    if (g->rank != 4 || op_out_rank(L, 0) != 4 || !pt2_dtype_is_float(dtype))
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions", g->rank);
    pt2_t *x = op_full(L, acc, 4, op_out_shape(L, 0), pt2_num(L->E, acc, 0)), *r = op_convert(L, g, acc);
    bool align = op_bool(L, "align_corners", false);
    int t = dtype == PT2_F64 ? PT2_F64 : PT2_F32;
    for (int d = 2; d < 4; d++)
        r = spread_axis(L, r, d, make_axis(L, x, d, t, align, g->shape, NULL), L->row->data);
    op_return(L, op_convert(L, r, dtype));
}

/* ---- grid_sampler ---- */

enum { PAD_ZEROS, PAD_BORDER, PAD_REFLECTION };

struct sampler {
    pt2_t *x;
    int dims;     /* spatial */
    int pad;
    bool align;
    int t;        /* coordinate type */
    pt2_ex *at;   /* output index */
};

/* PyTorch computes planes by vectors and volumes one by one, by other formulas, which matter where coordinates are NaN,
 * infinite or so large that they are rounded. Reflects v at low and low + span. */
static pt2_ex reflect_plane(struct pt2_lower *L, pt2_ex v, double low, pt2_ex span)
{
    struct pt2_exprs *E = L->E;
    pt2_ex twice = pt2_cast(E, v->dtype, pt2_muli(E, span, 2)), l = num(L, v->dtype, low);
    pt2_ex d = pt2_un(E, PT2_E_ABS, pt2_sub(E, v, l));
    pt2_ex turns = pt2_un(E, PT2_E_TRUNC, pt2_bin(E, PT2_E_DIV, d, twice));
    pt2_ex extra = pt2_sub(E, d, pt2_mul(E, turns, twice));
    return pt2_add(E, pt2_min(E, extra, pt2_sub(E, twice, extra)), l);
}

static pt2_ex reflect_volume(struct pt2_lower *L, pt2_ex v, double low, pt2_ex span)
{
    struct pt2_exprs *E = L->E;
    int t = v->dtype;
    pt2_ex size = pt2_cast(E, t, pt2_max(E, span, pt2_idx(E, 1))), l = num(L, t, low);
    pt2_ex d = pt2_un(E, PT2_E_ABS, pt2_sub(E, v, l));
    pt2_ex extra = pt2_bin(E, PT2_E_REM, d, size), flips = pt2_un(E, PT2_E_FLOOR, pt2_bin(E, PT2_E_DIV, d, size));
    pt2_ex pairs = pt2_un(E, PT2_E_FLOOR, pt2_mul(E, flips, num(L, t, 0.5))); /* exact, and less than a remainder */
    pt2_ex odd = pt2_eq(E, pt2_sub(E, flips, pt2_mul(E, pairs, num(L, t, 2))), num(L, t, 1));
    odd = pt2_and(E, odd, pt2_lt(E, flips, num(L, t, 2147483648.0))); /* they are counted in an int */
    return pt2_select(E, odd, pt2_add(E, pt2_sub(E, size, extra), l), pt2_add(E, extra, l));
}

/* NaN becomes the first pixel of a plane, and the last one of a volume. */
static pt2_ex clip(struct pt2_lower *L, const struct sampler *s, pt2_ex v, pt2_ex size)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = num(L, s->t, 0), top = pt2_cast(E, s->t, pt2_addi(E, size, -1));
    if (s->dims == 2)
        return pt2_select(E, pt2_lt(E, zero, v), pt2_min(E, v, top), zero);
    return pt2_select(E, pt2_lt(E, v, top), pt2_max(E, v, zero), top);
}

static pt2_ex reflected(struct pt2_lower *L, const struct sampler *s, pt2_ex v, pt2_ex size)
{
    struct pt2_exprs *E = L->E;
    if (s->pad != PAD_REFLECTION)
        return v;
    pt2_ex span = s->align ? pt2_addi(E, size, -1) : size;
    v = (s->dims == 2 ? reflect_plane : reflect_volume)(L, v, s->align ? 0 : -0.5, span);
    return pt2_select(E, pt2_le(E, span, pt2_idx(E, 0)), num(L, s->t, 0), v);
}

/* compute_coordinates: what the padding mode makes of a source coordinate. */
static pt2_ex pad_coordinate(struct pt2_lower *L, const struct sampler *s, pt2_ex v, pt2_ex size)
{
    return s->pad == PAD_ZEROS ? v : clip(L, s, reflected(L, s, v, size), size);
}

/* The derivative of pad_coordinate: 0 at and beyond the edges, negative after an odd number of reflections. */
static pt2_ex pad_slope(struct pt2_lower *L, const struct sampler *s, pt2_ex v, pt2_ex size)
{
    struct pt2_exprs *E = L->E;
    pt2_ex one = num(L, s->t, 1), zero = num(L, s->t, 0), r = reflected(L, s, v, size), slope = one;
    if (s->pad == PAD_ZEROS)
        return one;
    if (s->pad == PAD_REFLECTION) {
        pt2_ex span = pt2_cast(E, s->t, pt2_max(E, s->align ? pt2_addi(E, size, -1) : size, pt2_idx(E, 1)));
        pt2_ex d = pt2_sub(E, v, num(L, s->t, s->align ? 0 : -0.5)), minus = pt2_un(E, PT2_E_NEG, one);
        pt2_ex flips = pt2_un(E, PT2_E_FLOOR, pt2_bin(E, PT2_E_DIV, pt2_un(E, PT2_E_ABS, d), span));
        pt2_ex pairs = pt2_un(E, PT2_E_FLOOR, pt2_mul(E, flips, num(L, s->t, 0.5)));
        pt2_ex even = pt2_eq(E, flips, pt2_mul(E, pairs, num(L, s->t, 2)));
        slope = pt2_mul(E, pt2_select(E, even, one, minus), pt2_select(E, pt2_lt(E, d, zero), minus, one));
    }
    pt2_ex top = pt2_cast(E, s->t, pt2_addi(E, size, -1));
    return pt2_select(E, pt2_and(E, pt2_lt(E, zero, r), pt2_lt(E, r, top)), slope, zero);
}

/* Coordinate k (0: x, the last spatial dimension), in pixels. */
static pt2_ex coordinate(struct pt2_lower *L, const struct sampler *s, pt2_t *grid, int k)
{
    struct pt2_exprs *E = L->E;
    pt2_ex index[PT2_MAX_RANK], size = s->x->shape[s->x->rank - 1 - k];
    index[0] = s->at[0];
    for (int d = 0; d < s->dims; d++)
        index[1 + d] = s->at[2 + d];
    index[1 + s->dims] = pt2_idx(E, k);
    pt2_ex v = op_to(L, op_at(L, grid, index), (pt2_dtype)s->t), one = num(L, s->t, 1), half = num(L, s->t, 0.5);
    pt2_ex n = pt2_cast(E, s->t, size), span = s->align ? pt2_sub(E, n, one) : n;
    v = pt2_add(E, v, one);
    if (s->dims == 2) {
        v = pt2_mul(E, v, pt2_mul(E, span, half));
        return s->align ? v : pt2_sub(E, v, half);
    }
    return s->align ? pt2_mul(E, pt2_mul(E, v, half), span) : pt2_mul(E, pt2_sub(E, pt2_mul(E, v, n), one), half);
}

/* A whole float as an index; what no integer can be (NaN, huge) lies outside every image. */
static pt2_ex pixel(struct pt2_lower *L, pt2_ex v)
{
    struct pt2_exprs *E = L->E;
    pt2_ex sane = pt2_le(E, pt2_un(E, PT2_E_ABS, v), num(L, v->dtype, 1 << 30));
    return to_index(L, pt2_select(E, sane, v, num(L, v->dtype, -100)));
}

/* The element at whole coordinates p (x first). Returns whether it is inside. */
static pt2_ex pixel_index(struct pt2_lower *L, const struct sampler *s, const pt2_ex *p, pt2_ex *index)
{
    struct pt2_exprs *E = L->E;
    pt2_ex inside = pt2_int(E, PT2_BOOL, 1);
    index[0] = s->at[0];
    index[1] = s->at[1];
    for (int k = 0; k < s->dims; k++) {
        int d = s->x->rank - 1 - k;
        inside = pt2_and(E, inside, pt2_and(E, pt2_le(E, pt2_idx(E, 0), p[k]), pt2_lt(E, p[k], s->x->shape[d])));
        index[d] = p[k];
    }
    return inside;
}

/* The pixel times its weight (NULL: 1); the pixels outside of a plane are 0, those of a volume left out, whatever their
 * weight. */
static pt2_ex pixel_value(struct pt2_lower *L, const struct sampler *s, const pt2_ex *p, pt2_ex weight)
{
    struct pt2_exprs *E = L->E;
    pt2_ex index[PT2_MAX_RANK], inside = pixel_index(L, s, p, index);
    pt2_ex zero = pt2_num(E, pt2_dtype_compute(s->x->dtype), 0), v = op_at_or(L, s->x, index, inside, zero);
    v = weight ? pt2_mul(E, v, weight) : v;
    return s->dims == 3 && weight ? pt2_select(E, inside, v, zero) : v;
}

/* What a mode reads around a point: up to four pixels in each dimension, with weights and their derivatives. */
struct reads {
    int n;
    pt2_ex at[3][4], weight[3][4], slope[3][4];
};

static void linear_reads(struct pt2_lower *L, const struct sampler *s, const pt2_ex *c, struct reads *r)
{
    struct pt2_exprs *E = L->E;
    pt2_ex one = num(L, s->t, 1);
    r->n = 2;
    for (int k = 0; k < s->dims; k++) {
        pt2_ex f = pt2_un(E, PT2_E_FLOOR, c[k]), part = pt2_sub(E, c[k], f);
        r->at[k][0] = pixel(L, f);
        r->at[k][1] = pt2_addi(E, r->at[k][0], 1);
        r->weight[k][0] = pt2_sub(E, one, part);
        r->weight[k][1] = part;
        r->slope[k][0] = num(L, s->t, -1);
        r->slope[k][1] = one;
    }
}

static void nearest_reads(struct pt2_lower *L, const struct sampler *s, const pt2_ex *c, struct reads *r)
{
    r->n = 1;
    for (int k = 0; k < s->dims; k++) {
        r->at[k][0] = pixel(L, pt2_un(L->E, PT2_E_ROUND, c[k]));
        r->weight[k][0] = NULL;
    }
}

/* Each of the coordinates is padded on its own. */
static void cubic_reads(struct pt2_lower *L, const struct sampler *s, const pt2_ex *c, struct reads *r)
{
    struct pt2_exprs *E = L->E;
    r->n = 4;
    for (int k = 0; k < 2; k++) {
        pt2_ex f = pt2_un(E, PT2_E_FLOOR, c[k]), size = s->x->shape[s->x->rank - 1 - k];
        cubic_weights(L, pt2_sub(E, c[k], f), r->weight[k]);
        cubic_slopes(L, pt2_sub(E, c[k], f), r->slope[k]);
        for (int j = 0; j < 4; j++)
            r->at[k][j] = pixel(L, pad_coordinate(L, s, pt2_add(E, f, num(L, s->t, j - 1)), size));
    }
}

enum { BILINEAR, CLOSEST, BICUBIC }; /* interpolation modes */

static void find_reads(struct pt2_lower *L, const struct sampler *s, const pt2_ex *c, int mode, struct reads *r)
{
    (mode == BILINEAR ? linear_reads : mode == CLOSEST ? nearest_reads : cubic_reads)(L, s, c, r);
}

/* Read number i of n^dims, x counting fastest: its pixel and its weight (NULL: 1), of which dimension `by` (-1: none)
 * has the derivative. */
static pt2_ex read_weight(struct pt2_lower *L, const struct sampler *s, const struct reads *r, int i, int by, pt2_ex *p)
{
    pt2_ex w = NULL;
    for (int k = 0; k < s->dims; k++, i /= r->n) {
        pt2_ex f = (k == by ? r->slope : r->weight)[k][i % r->n];
        p[k] = r->at[k][i % r->n];
        w = w && f ? pt2_mul(L->E, w, f) : f;
    }
    return w;
}

static int num_reads(const struct sampler *s, const struct reads *r)
{
    return s->dims == 2 ? r->n * r->n : r->n * r->n * r->n;
}

static pt2_ex sample(struct pt2_lower *L, const struct sampler *s, const struct reads *r, int by)
{
    pt2_ex sum = NULL, p[3];
    for (int i = 0; i < num_reads(s, r); i++) {
        pt2_ex w = read_weight(L, s, r, i, by, p), v = pixel_value(L, s, p, w);
        sum = sum ? pt2_add(L->E, sum, v) : v;
    }
    return sum;
}

/* Rows are summed before they are weighted, as PyTorch does. */
static pt2_ex sample_cubic(struct pt2_lower *L, const struct sampler *s, const struct reads *r)
{
    pt2_ex sum = NULL;
    for (int i = 0; i < 4; i++) {
        pt2_ex row = NULL;
        for (int j = 0; j < 4; j++) {
            pt2_ex p[2] = { r->at[0][j], r->at[1][i] }, v = pixel_value(L, s, p, r->weight[0][j]);
            row = row ? pt2_add(L->E, row, v) : v;
        }
        row = pt2_mul(L->E, row, r->weight[1][i]);
        sum = sum ? pt2_add(L->E, sum, row) : row;
    }
    return sum;
}

/* Reads the arguments. shape: of the result. */
static pt2_t *open_sampler(struct pt2_lower *L, struct sampler *s, int *mode, pt2_ex *shape)
{
    pt2_t *x = op_tensor(L, "input"), *grid = op_tensor(L, "grid");
    int64_t way = op_int(L, "interpolation_mode", 0), pad = op_int(L, "padding_mode", 0);
    *s = (struct sampler){ x, x->rank - 2, (int)pad, op_bool(L, "align_corners", false), PT2_F32, NULL };
    if (x->rank < 4 || x->rank > 5 || grid->rank != x->rank || pad < 0 || pad > 2 || !pt2_dtype_is_float(x->dtype))
        op_fail(L, PT2_ERR_FORMAT, "input and grid have %d and %d dimensions", x->rank, grid->rank);
    if (way < 0 || way > 2 || (way == BICUBIC && s->dims != 2))
        op_fail(L, PT2_ERR_UNSUPPORTED, "interpolation mode %lld", (long long)way);
    memcpy(shape, x->shape, sizeof *shape * 2);
    memcpy(shape + 2, grid->shape + 1, sizeof *shape * (size_t)s->dims);
    s->at = op_vars(L, x->rank, shape);
    s->t = x->dtype == PT2_F64 ? PT2_F64 : PT2_F32;
    *mode = (int)way;
    return grid;
}

/* Where element s->at reads. slope (NULL: not asked): of the coordinates by the grid's numbers. */
static void reads_at(struct pt2_lower *L, const struct sampler *s, pt2_t *grid, int mode, struct reads *r,
                     pt2_ex *slope)
{
    struct pt2_exprs *E = L->E;
    pt2_ex c[3];
    for (int k = 0; k < s->dims; k++) {
        pt2_ex v = coordinate(L, s, grid, k), size = s->x->shape[s->x->rank - 1 - k];
        pt2_ex n = pt2_cast(E, s->t, s->align ? pt2_addi(E, size, -1) : size);
        c[k] = mode == BICUBIC ? v : pad_coordinate(L, s, v, size);
        if (slope)
            slope[k] = pt2_mul(E, pt2_mul(E, n, num(L, s->t, 0.5)),
                               mode == BICUBIC ? num(L, s->t, 1) : pad_slope(L, s, v, size));
    }
    find_reads(L, s, c, mode, r);
}

static void lower_grid_sampler(struct pt2_lower *L)
{
    struct sampler s;
    struct reads r;
    int mode;
    pt2_ex shape[PT2_MAX_RANK];
    pt2_t *grid = open_sampler(L, &s, &mode, shape);
    reads_at(L, &s, grid, mode, &r, NULL);
    op_return(L, op_map(L, s.x->dtype, s.x->rank, shape,
                        mode == BICUBIC ? sample_cubic(L, &s, &r) : sample(L, &s, &r, -1)));
}

/* Each pixel gets its share of what read it. */
static pt2_t *sampler_input_gradient(struct pt2_lower *L, const struct sampler *s, pt2_t *g, const struct reads *r)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype acc = pt2_dtype_compute(s->x->dtype);
    pt2_t *sum = op_full(L, acc, s->x->rank, s->x->shape, pt2_num(E, acc, 0));
    pt2_ex v = op_to(L, op_at(L, g, s->at), acc), p[3], index[PT2_MAX_RANK];
    for (int i = 0; i < num_reads(s, r); i++) {
        pt2_ex w = read_weight(L, s, r, i, -1, p), inside = pixel_index(L, s, p, index);
        sum = op_scatter(L, PT2_RED_SUM, sum, g->rank, g->shape, index, w ? pt2_mul(E, w, v) : v, inside);
    }
    return sum;
}

/* The channels of a point share its coordinates: their gradients are added. */
static pt2_t *sampler_grid_gradient(struct pt2_lower *L, struct sampler s, pt2_t *g, pt2_t *grid, int mode)
{
    struct pt2_exprs *E = L->E;
    struct reads r;
    pt2_t *parts[3];
    pt2_ex at[PT2_MAX_RANK], slope[3], *v = op_vars(L, s.dims + 1, grid->shape);
    pt2_dtype acc = pt2_dtype_compute(s.x->dtype);
    at[0] = v[0];
    at[1] = *op_axes(L, s.dims + 1, 1, &g->shape[1]);
    memcpy(at + 2, v + 1, sizeof *at * (size_t)s.dims);
    s.at = at;
    reads_at(L, &s, grid, mode, &r, slope);
    for (int k = 0; k < s.dims; k++) {
        pt2_ex body = pt2_mul(E, sample(L, &s, &r, k), op_to(L, op_at(L, g, at), acc));
        pt2_t *sum = op_reduce(L, PT2_RED_SUM, acc, s.dims + 1, grid->shape, 1, &g->shape[1], body);
        sum = op_map_like(L, sum, acc, pt2_mul(E, op_at(L, sum, v), slope[k]));
        parts[k] = op_unsqueeze(L, sum, s.dims + 1);
    }
    return op_cat(L, s.dims, parts, s.dims + 1);
}

static void lower_grid_sampler_backward(struct pt2_lower *L)
{
    struct sampler s;
    struct reads r;
    int mode;
    pt2_ex shape[PT2_MAX_RANK];
    pt2_t *grid = open_sampler(L, &s, &mode, shape), *g = op_tensor(L, "grad_output");
    if (g->rank != s.x->rank)
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions for %d", g->rank, s.x->rank);
    reads_at(L, &s, grid, mode, &r, NULL);
    if (op_out_used(L, 0))
        op_result(L, 0, op_convert(L, sampler_input_gradient(L, &s, g, &r), op_out_dtype(L, 0)));
    if (!op_out_used(L, 1))
        return;
    pt2_dtype dtype = op_out_dtype(L, 1);
    pt2_t *flat = op_full(L, dtype, grid->rank, grid->shape, pt2_num(L->E, pt2_dtype_compute(dtype), 0));
    op_result(L, 1, mode == CLOSEST ? flat : op_convert(L, sampler_grid_gradient(L, s, g, grid, mode), dtype));
}

/* linspace(-1, 1, n)[i], or pixel centres. */
static pt2_ex base_coordinate(struct pt2_lower *L, pt2_ex i, pt2_ex n, bool align, int t)
{
    struct pt2_exprs *E = L->E;
    pt2_ex one = num(L, t, 1), two = num(L, t, 2), size = pt2_cast(E, t, n), single = pt2_le(E, n, pt2_idx(E, 1));
    pt2_ex steps = pt2_select(E, single, one, pt2_sub(E, size, one));
    pt2_ex v = pt2_sub(E, pt2_bin(E, PT2_E_DIV, pt2_mul(E, two, pt2_cast(E, t, i)), steps), one);
    if (!align)
        v = pt2_bin(E, PT2_E_DIV, pt2_mul(E, v, steps), size);
    return pt2_select(E, single, num(L, t, 0), v);
}

static void lower_affine_grid(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *theta = op_tensor(L, "theta");
    int rank = op_out_rank(L, 0), dims = rank - 2;
    pt2_ex *shape = op_out_shape(L, 0), *at = op_vars(L, rank, shape);
    int t = theta->dtype == PT2_F64 ? PT2_F64 : PT2_F32;
    if (theta->rank != 3 || dims < 2 || dims > 3)
        op_fail(L, PT2_ERR_FORMAT, "theta has %d dimensions", theta->rank);
    bool align = op_bool(L, "align_corners", false);
    pt2_ex index[3] = { at[0], at[rank - 1], pt2_idx(E, dims) };
    pt2_ex sum = op_to(L, op_at(L, theta, index), (pt2_dtype)t);
    for (int k = 0; k < dims; k++) {
        int d = dims - k; /* x is the last spatial dimension */
        index[2] = pt2_idx(E, k);
        pt2_ex a = op_to(L, op_at(L, theta, index), (pt2_dtype)t);
        sum = pt2_add(E, sum, pt2_mul(E, a, base_coordinate(L, at[d], shape[d], align, t)));
    }
    op_return(L, op_map(L, theta->dtype, rank, shape, sum));
}

const struct pt2_op_row pt2_ops_resample[] = {
    { "aten.upsample_nearest1d", lower_upsample, NEAREST },
    { "aten.upsample_nearest2d", lower_upsample, NEAREST },
    { "aten.upsample_nearest3d", lower_upsample, NEAREST },
    { "aten._upsample_nearest_exact1d", lower_upsample, NEAREST_EXACT },
    { "aten._upsample_nearest_exact2d", lower_upsample, NEAREST_EXACT },
    { "aten._upsample_nearest_exact3d", lower_upsample, NEAREST_EXACT },
    { "aten.upsample_linear1d", lower_upsample, LINEAR },
    { "aten.upsample_bilinear2d", lower_upsample, LINEAR },
    { "aten.upsample_trilinear3d", lower_upsample, LINEAR },
    { "aten.upsample_bicubic2d", lower_upsample, CUBIC },
    { "aten.upsample_nearest1d_backward", lower_upsample_backward, NEAREST },
    { "aten.upsample_nearest2d_backward", lower_upsample_backward, NEAREST },
    { "aten.upsample_nearest3d_backward", lower_upsample_backward, NEAREST },
    { "aten._upsample_nearest_exact1d_backward", lower_upsample_backward, NEAREST_EXACT },
    { "aten._upsample_nearest_exact2d_backward", lower_upsample_backward, NEAREST_EXACT },
    { "aten._upsample_nearest_exact3d_backward", lower_upsample_backward, NEAREST_EXACT },
    { "aten.upsample_linear1d_backward", lower_upsample_backward, LINEAR },
    { "aten.upsample_bilinear2d_backward", lower_upsample_backward, LINEAR },
    { "aten.upsample_trilinear3d_backward", lower_upsample_backward, LINEAR },
    { "aten.upsample_bicubic2d_backward", lower_upsample_backward, CUBIC },
    { "aten._upsample_bilinear2d_aa", lower_antialias, LINEAR },
    { "aten._upsample_bicubic2d_aa", lower_antialias, CUBIC },
    { "aten._upsample_lanczos2d_aa", lower_antialias, LANCZOS },
    { "aten._upsample_bilinear2d_aa_backward", lower_antialias_backward, LINEAR },
    { "aten._upsample_bicubic2d_aa_backward", lower_antialias_backward, CUBIC },
    { "aten._upsample_lanczos2d_aa_backward", lower_antialias_backward, LANCZOS },
    { "aten.grid_sampler", lower_grid_sampler, 0 },
    { "aten.grid_sampler_2d", lower_grid_sampler, 0 },
    { "aten.grid_sampler_3d", lower_grid_sampler, 0 },
    { "aten._grid_sampler_2d_cpu_fallback", lower_grid_sampler, 0 },
    { "aten.grid_sampler_2d_backward", lower_grid_sampler_backward, 0 },
    { "aten.grid_sampler_3d_backward", lower_grid_sampler_backward, 0 },
    { "aten._grid_sampler_2d_cpu_fallback_backward", lower_grid_sampler_backward, 0 },
    { "aten.affine_grid_generator", lower_affine_grid, 0 },
    { 0 },
};
