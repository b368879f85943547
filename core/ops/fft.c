/* SPDX-License-Identifier: MIT
 * Fourier transforms (SpectralOps.cpp). One complex transform along one dimension is a few sums (dft.h), or a LIBRARY
 * node where its length is symbolic or has large prime factors; lengths are changed by padded loads, half spectra by
 * loads of the conjugate, and scaling is the last map. */
#include "ops/complex.h"
#include "ops/data.h"
#include "ops/dft.h"
#include "ops/internal.h"
#include "ops/library.h"

static bool takes_complex(enum pt2_library library)
{
    return library != PT2_LIB_FFT && library != PT2_LIB_EIG && library != PT2_LIB_LDL && library != PT2_LIB_LDL_SOLVE;
}

void op_library(struct pt2_lower *L, enum pt2_library library, bool flag0, bool flag1, int num_args, pt2_t *const *args,
                int num_outs, const struct op_lib_out *outs, pt2_t **results)
{
    struct pt2_value **values = PT2_NEW_N(L->arena, struct pt2_value *, num_args);
    for (int k = 0; k < num_args; k++)
        values[k] = op_value(L, args[k]);
    struct pt2_node *n = pt2_node_new(L->g, PT2_NODE_LIBRARY, num_outs);
    n->library = library;
    n->args = values;
    n->num_args = num_args;
    n->iparam[0] = flag0;
    n->iparam[1] = flag1;
    for (int k = 0; k < num_args; k++)
        n->iparam[2] |= pt2_dtype_is_complex(args[k]->dtype);
    if (n->iparam[2] && !takes_complex(library))
        op_fail(L, PT2_ERR_UNSUPPORTED, "this factorisation of complex matrices");
    for (int k = 0; k < num_outs; k++) {
        pt2_dtype dtype = outs[k].dtype;
        int rank = outs[k].rank;
        pt2_ex shape[PT2_MAX_RANK + 1];
        memcpy(shape, outs[k].shape, sizeof *shape * (size_t)rank);
        pt2_complex_dims(L, &dtype, &rank, shape);
        if (rank > PT2_MAX_RANK)
            op_fail(L, PT2_ERR_UNSUPPORTED, "complex matrices in a batch of %d dimensions", rank - 3);
        struct pt2_value *v = pt2_node_out(L->g, n, k, dtype, rank, shape);
        results[k] = op_of_value(L, outs[k].dtype, v);
    }
}

/* What the rows' data says. */
enum { C2C, R2C, C2R, KIND = 3, INVERSE = 4, MANY = 8, LAST_TWO = 16 };
enum { SCALE_NONE, SCALE_ROOT, SCALE_N };

struct transform {
    int kind;
    bool inverse;
    int num_dims, dims[PT2_MAX_RANK];
    pt2_ex sizes[PT2_MAX_RANK]; /* of the signal, per entry of dims */
    int scale;
    pt2_dtype real;
};

/* Swaps dimension dim and the last one. */
static pt2_t *swap_last(struct pt2_lower *L, pt2_t *x, int dim)
{
    int order[PT2_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        order[d] = d == dim ? x->rank - 1 : d == x->rank - 1 ? dim : d;
    return op_permute(L, x, order);
}

/* The plain transform of a complex tensor along dim. */
static pt2_t *dft(struct pt2_lower *L, pt2_t *x, int dim, bool inverse)
{
    if (op_dft_fits(x->shape[dim]))
        return swap_last(L, op_dft(L, swap_last(L, x, dim), inverse), dim);
    pt2_t *rows = op_real_view(L, op_clone(L, swap_last(L, x, dim))), *out;
    struct op_lib_out o = { rows->dtype, rows->rank, { NULL } };
    memcpy(o.shape, rows->shape, sizeof *o.shape * (size_t)rows->rank);
    op_library(L, PT2_LIB_FFT, inverse, false, 1, &rows, 1, &o, &out);
    return swap_last(L, op_complex_view(L, out), dim);
}

/* x with size n along dim: cut, or padded with zeros. */
static pt2_t *resize(struct pt2_lower *L, pt2_t *x, int dim, pt2_ex n)
{
    if (pt2_prove_eq(L->E, x->shape[dim], n))
        return x;
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, x->shape, sizeof *shape * (size_t)x->rank);
    shape[dim] = n;
    pt2_ex *at = op_vars(L, x->rank, shape);
    pt2_ex inside = pt2_lt(L->E, at[dim], x->shape[dim]);
    return op_pick(L, x, x->rank, shape, at, inside, op_number(L, x->dtype, 0));
}

/* The n coefficients of a real signal from the first n/2+1. */
static pt2_t *whole_spectrum(struct pt2_lower *L, pt2_t *x, int dim, pt2_ex n)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK], zero = pt2_idx(E, 0);
    memcpy(shape, x->shape, sizeof *shape * (size_t)x->rank);
    shape[dim] = n;
    pt2_ex *at = op_vars(L, x->rank, shape);
    memcpy(index, at, sizeof *at * (size_t)x->rank);
    pt2_ex k = at[dim], low = pt2_le(E, pt2_muli(E, k, 2), n);
    index[dim] = pt2_select(E, low, k, pt2_max(E, pt2_sub(E, n, k), zero));
    struct pt2_complex v = op_at_c(L, x, index);
    v.im = pt2_select(E, low, v.im, pt2_un(E, PT2_E_NEG, v.im));
    return op_map_c(L, x->dtype, x->rank, shape, v);
}

static pt2_ex half_size(struct pt2_lower *L, pt2_ex n)
{
    return pt2_addi(L->E, pt2_floordiv(L->E, n, pt2_idx(L->E, 2)), 1);
}

/* 1/n or 1/sqrt(n) of all signal sizes, of that type; NULL for none. */
static pt2_ex scale_factor(struct pt2_lower *L, const struct transform *t, int type)
{
    struct pt2_exprs *E = L->E;
    if (t->scale == SCALE_NONE || t->num_dims == 0)
        return NULL;
    pt2_ex n = pt2_cast(E, PT2_F64, pt2_product(E, t->num_dims, t->sizes));
    n = t->scale == SCALE_ROOT ? pt2_un(E, PT2_E_SQRT, n) : n;
    return pt2_cast(E, type, pt2_bin(E, PT2_E_DIV, pt2_num(E, PT2_F64, 1), n));
}

static pt2_t *finish(struct pt2_lower *L, pt2_t *x, const struct transform *t, bool real)
{
    struct pt2_complex v = op_at_c(L, x, op_vars(L, x->rank, x->shape));
    pt2_ex factor = scale_factor(L, t, v.re->dtype);
    if (factor)
        v = op_c_scale(L, v, factor);
    v.re = op_to(L, v.re, t->real);
    v.im = op_to(L, v.im, t->real);
    return real ? op_map_like(L, x, t->real, v.re)
                : op_map_c(L, t->real == PT2_F64 ? PT2_C128 : PT2_C64, x->rank, x->shape, v);
}

static pt2_t *run_transform(struct pt2_lower *L, pt2_t *x, const struct transform *t)
{
    int n = t->num_dims, last = n ? t->dims[n - 1] : 0;
    /* What passes from one dimension to the next is not rounded. */
    x = op_convert(L, x, t->real == PT2_F64 || n > 1 ? PT2_C128 : PT2_C64);
    for (int k = 0; k < n; k++) {
        bool half = t->kind == C2R && k == n - 1;
        x = resize(L, x, t->dims[k], half ? half_size(L, t->sizes[k]) : t->sizes[k]);
    }
    if (n && t->kind == R2C)
        x = resize(L, dft(L, x, last, t->inverse), last, half_size(L, t->sizes[n - 1]));
    for (int k = 0; k < n - (t->kind == C2C ? 0 : 1); k++)
        x = dft(L, x, t->dims[k], t->inverse);
    if (n && t->kind == C2R)
        x = dft(L, whole_spectrum(L, x, last, t->sizes[n - 1]), last, t->inverse);
    return finish(L, x, t, t->kind == C2R);
}

static void set_real(struct pt2_lower *L, struct transform *t)
{
    pt2_dtype out = op_out_dtype(L, 0);
    if (out == PT2_C32 || out == PT2_F16)
        op_fail(L, PT2_ERR_UNSUPPORTED, "Fourier transforms of half precision");
    t->real = pt2_dtype_real(out) == PT2_F64 ? PT2_F64 : PT2_F32;
}

/* ---- aten.fft_* ---- */

static int norm_of(struct pt2_lower *L, bool inverse)
{
    const char *norm = op_string(L, "norm", "backward");
    if (strcmp(norm, "ortho") == 0)
        return SCALE_ROOT;
    if (strcmp(norm, "forward") != 0 && strcmp(norm, "backward") != 0)
        op_fail(L, PT2_ERR_FORMAT, "norm \"%s\"", norm);
    return (strcmp(norm, "backward") == 0) == inverse ? SCALE_N : SCALE_NONE;
}

/* The transformed dimensions, and the sizes that the call gives (NULL: as they are). */
static void many_dims(struct pt2_lower *L, pt2_t *x, struct transform *t)
{
    int n = op_sizes(L, "s", t->sizes), m = op_dims(L, "dim", x->rank, t->dims);
    if (m < 0 && L->row->data & LAST_TWO) {
        m = 2;
        if (x->rank < 2)
            op_fail(L, PT2_ERR_FORMAT, "the tensor has %d dimensions", x->rank);
    }
    else if (m >= 0)
        n = n > m ? m : n;
    bool given = op_has(L, "dim");
    t->num_dims = m >= 0 ? m : n >= 0 ? n : x->rank;
    if (t->num_dims > x->rank)
        op_fail(L, PT2_ERR_FORMAT, "%d sizes for %d dimensions", t->num_dims, x->rank);
    for (int k = 0; k < t->num_dims; k++) {
        if (!given)
            t->dims[k] = x->rank - t->num_dims + k;
        if (k >= n || pt2_is_int(t->sizes[k], -1))
            t->sizes[k] = NULL;
    }
}

static void lower_fft(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self");
    int64_t data = L->row->data;
    struct transform t = { .kind = (int)(data & KIND), .inverse = (data & INVERSE) != 0 };
    set_real(L, &t);
    if (x->rank == 0)
        op_fail(L, PT2_ERR_FORMAT, "the tensor has no dimensions");
    if (data & MANY) {
        many_dims(L, x, &t);
    } else {
        t.num_dims = 1;
        t.dims[0] = op_dim(L, "dim", -1, x->rank);
        t.sizes[0] = op_has(L, "n") ? op_size(L, "n", 0) : NULL;
    }
    t.scale = norm_of(L, t.inverse);
    for (int k = 0; k < t.num_dims; k++) {
        pt2_ex size = x->shape[t.dims[k]];
        if (t.kind == C2R && k == t.num_dims - 1)
            size = pt2_muli(L->E, pt2_addi(L->E, size, -1), 2);
        if (!t.sizes[k])
            t.sizes[k] = size;
        if (pt2_is_const(t.sizes[k]) && (t.sizes[k]->i < 1 || t.sizes[k]->i > INT32_MAX))
            op_fail(L, PT2_ERR_FORMAT, "a transform of %lld points", (long long)t.sizes[k]->i);
    }
    op_return(L, run_transform(L, x, &t));
}

/* aten._fft_c2c, _fft_r2c, _fft_c2r */
static void lower_fft_plain(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self");
    struct transform t = { .kind = (int)L->row->data };
    set_real(L, &t);
    t.num_dims = op_dims(L, "dim", x->rank, t.dims);
    if (t.num_dims < 0)
        t.num_dims = 0;
    int64_t scale = op_int(L, "normalization", 0);
    if (scale < SCALE_NONE || scale > SCALE_N)
        op_fail(L, PT2_ERR_FORMAT, "normalization %lld", (long long)scale);
    t.scale = (int)scale;
    t.inverse = t.kind == C2R || (t.kind == C2C && !op_bool(L, "forward", true));
    if (t.kind == R2C && !op_bool(L, "onesided", true))
        t.kind = C2C;
    for (int k = 0; k < t.num_dims; k++)
        t.sizes[k] = x->shape[t.dims[k]];
    if (t.kind == C2R && t.num_dims)
        t.sizes[t.num_dims - 1] = op_size(L, "last_dim_size", 1);
    op_return(L, run_transform(L, x, &t));
}

/* ---- shifts and frequencies ---- */

/* data: 1 for the inverse. */
static void lower_fftshift(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_dims(L, "dim", x->rank, dims);
    pt2_ex *at = op_vars(L, x->rank, x->shape), index[PT2_MAX_RANK];
    memcpy(index, at, sizeof *at * (size_t)x->rank);
    for (int k = 0; k < (n < 0 ? x->rank : n); k++) {
        int d = n < 0 ? k : dims[k];
        if (d >= x->rank)
            continue;
        pt2_ex size = x->shape[d], half = pt2_floordiv(E, size, pt2_idx(E, 2));
        pt2_ex by = L->row->data ? half : pt2_sub(E, size, half);
        index[d] = pt2_floormod(E, pt2_add(E, at[d], by), size);
    }
    op_return(L, op_pick(L, x, x->rank, x->shape, index, NULL, op_number(L, x->dtype, 0)));
}

/* fftfreq; data: 1 for rfftfreq, which has no negative half. */
static void lower_fftfreq(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int64_t n = op_int(L, "n", 1);
    double d = op_float(L, "d", 1);
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (n <= 0 || n > INT32_MAX || d == 0 || op_out_rank(L, 0) != 1 || !pt2_dtype_is_float(dtype))
        op_fail(L, PT2_ERR_FORMAT, "%lld frequencies", (long long)n);
    pt2_ex *shape = op_out_shape(L, 0), i = pt2_var(E, 0, shape[0]);
    pt2_ex high = pt2_le(E, pt2_idx(E, (n + 1) / 2), i);
    pt2_ex k = L->row->data ? i : pt2_select(E, high, pt2_addi(E, i, -n), i);
    int t = pt2_dtype_compute(dtype);
    op_return(L, op_map(L, dtype, 1, shape, pt2_mul(E, pt2_cast(E, t, k), pt2_num(E, t, 1.0 / ((double)n * d)))));
}

/* ---- short-time transforms ---- */

struct stft {
    int64_t n_fft, hop, win;
    pt2_t *window; /* NULL: ones */
    bool normalized, onesided;
    struct transform t;
};

static void read_stft(struct pt2_lower *L, struct stft *s, bool complex_signal)
{
    memset(s, 0, sizeof *s);
    s->n_fft = op_int(L, "n_fft", 1);
    s->hop = op_int(L, "hop_length", s->n_fft / 4);
    s->win = op_int(L, "win_length", s->n_fft);
    s->window = op_tensor_opt(L, "window");
    s->normalized = op_bool(L, "normalized", false);
    bool complex_window = s->window && pt2_dtype_is_complex(s->window->dtype);
    s->onesided = op_bool(L, "onesided", !complex_signal && !complex_window);
    if (s->n_fft <= 0 || s->n_fft > INT32_MAX || s->hop <= 0 || s->hop > INT32_MAX || s->win <= 0 ||
        s->win > s->n_fft || (s->window && s->window->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "n_fft %lld, hop_length %lld, win_length %lld", (long long)s->n_fft,
                (long long)s->hop, (long long)s->win);
    if (op_bool(L, "align_to_window", false))
        op_fail(L, PT2_ERR_UNSUPPORTED, "align_to_window");
    set_real(L, &s->t);
    s->t.num_dims = 1;
    s->t.sizes[0] = pt2_idx(L->E, s->n_fft);
}

/* The window at k of n_fft: win_length values in the middle. */
static struct pt2_complex window_at(struct pt2_lower *L, const struct stft *s, pt2_ex k)
{
    struct pt2_exprs *E = L->E;
    int64_t left = (s->n_fft - s->win) / 2;
    struct pt2_complex one = { pt2_num(E, (int)s->t.real, 1), pt2_num(E, (int)s->t.real, 0) };
    struct pt2_complex zero = { one.im, one.im };
    pt2_ex j = pt2_addi(E, k, -left);
    pt2_ex inside = pt2_and(E, pt2_le(E, pt2_idx(E, 0), j), pt2_lt(E, j, pt2_idx(E, s->win)));
    struct pt2_complex w = one;
    if (s->window) {
        w = op_at_c(L, s->window, &j);
        w.re = op_to(L, w.re, s->t.real);
        w.im = op_to(L, w.im, s->t.real);
    }
    return op_c_select(L, inside, w, zero);
}

/* Index into a signal of size n that was padded by `pad` on both sides; *inside: NULL unless padded with zeros. */
static pt2_ex padded_index(struct pt2_lower *L, pt2_ex i, int64_t pad, pt2_ex n, const char *mode, pt2_ex *inside)
{
    struct pt2_exprs *E = L->E;
    pt2_ex j = pt2_addi(E, i, -pad), zero = pt2_idx(E, 0), top = pt2_addi(E, n, -1);
    *inside = NULL;
    if (strcmp(mode, "reflect") == 0) {
        j = pt2_max(E, j, pt2_muli(E, j, -1));
        return pt2_min(E, j, pt2_sub(E, pt2_muli(E, top, 2), j));
    }
    if (strcmp(mode, "replicate") == 0)
        return pt2_max(E, pt2_min(E, j, top), zero);
    if (strcmp(mode, "circular") == 0)
        return pt2_floormod(E, j, n);
    if (strcmp(mode, "constant") != 0)
        op_fail(L, PT2_ERR_UNSUPPORTED, "pad_mode \"%s\"", mode);
    *inside = pt2_and(E, pt2_le(E, zero, j), pt2_lt(E, j, n));
    return j;
}

static void lower_stft(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self");
    struct stft s;
    read_stft(L, &s, pt2_dtype_is_complex(x->dtype));
    bool batch = x->rank == 2, pairs = !pt2_dtype_is_complex(op_out_dtype(L, 0));
    int rank = op_out_rank(L, 0) - (pairs ? 1 : 0), b = batch ? 1 : 0;
    if (x->rank < 1 || x->rank > 2 || rank != b + 2)
        op_fail(L, PT2_ERR_FORMAT, "the signal has %d dimensions", x->rank);
    /* stft.center pads the signal; the other overload gets it padded. */
    bool center = L->row->data && op_bool(L, "center", true);
    pt2_ex *out = op_out_shape(L, 0), shape[3], index[2], inside;
    shape[0] = x->shape[0];
    shape[b] = out[b + 1];
    shape[b + 1] = s.t.sizes[0];
    pt2_ex *at = op_vars(L, b + 2, shape);
    pt2_ex i = pt2_add(E, pt2_muli(E, at[b], s.hop), at[b + 1]);
    index[0] = at[0];
    index[b] = padded_index(L, i, center ? s.n_fft / 2 : 0, x->shape[b], op_string(L, "pad_mode", "reflect"), &inside);
    struct pt2_complex v = op_at_c(L, x, index), w = window_at(L, &s, at[b + 1]);
    v.re = op_to(L, v.re, s.t.real);
    v.im = op_to(L, v.im, s.t.real);
    v = op_c_mul(L, v, w);
    if (inside)
        v = op_c_select(L, inside, v, op_c_num(L, v.re, 0, 0));
    s.t.kind = s.onesided ? R2C : C2C;
    s.t.dims[0] = b + 1;
    s.t.scale = s.normalized ? SCALE_ROOT : SCALE_NONE;
    pt2_t *frames = op_map_c(L, s.t.real == PT2_F64 ? PT2_C128 : PT2_C64, b + 2, shape, v);
    static const int swap[2][3] = { { 1, 0 }, { 0, 2, 1 } };
    pt2_t *r = op_permute(L, run_transform(L, frames, &s.t), swap[b]);
    op_return(L, pairs ? op_real_view(L, op_clone(L, r)) : r);
}

/* Frames [b…, T, n_fft] weighted by the window and added where they overlap, over the same sum of squared windows. */
static pt2_t *overlap_add(struct pt2_lower *L, const struct stft *s, pt2_t *frames, int rank, const pt2_ex *shape,
                          int64_t start)
{
    struct pt2_exprs *E = L->E;
    int b = rank - 1;
    pt2_ex *at = op_vars(L, rank, shape), over = pt2_idx(E, (s->n_fft + s->hop - 1) / s->hop), index[3];
    pt2_ex q = pt2_addi(E, at[b], start), hop = pt2_idx(E, s->hop), zero = pt2_idx(E, 0);
    pt2_ex t = pt2_sub(E, pt2_floordiv(E, q, hop), pt2_var(E, rank, over)), k = pt2_sub(E, q, pt2_mul(E, t, hop));
    pt2_ex inside = pt2_and(E, pt2_le(E, zero, t), pt2_lt(E, t, frames->shape[b]));
    inside = pt2_and(E, inside, pt2_lt(E, k, pt2_idx(E, s->n_fft)));
    index[0] = at[0];
    index[b] = t;
    index[b + 1] = k;
    struct pt2_complex w = window_at(L, s, k), none = { pt2_num(E, (int)s->t.real, 0), pt2_num(E, (int)s->t.real, 0) };
    struct pt2_complex v = op_c_select(L, inside, op_c_mul(L, op_at_c(L, frames, index), w), none);
    struct pt2_complex e = op_c_select(L, inside, op_c_mul(L, w, w), none);
    pt2_ex parts[4] = { v.re, v.im, e.re, e.im };
    for (int p = 0; p < 4; p++) /* the envelope's axes are the output's, so that one index serves all */
        parts[p] = op_at(L, op_reduce(L, PT2_RED_SUM, s->t.real, rank, shape, 1, &over, parts[p]), at);
    struct pt2_complex sum = { parts[0], parts[1] }, env = { parts[2], parts[3] };
    pt2_ex end = pt2_add(E, pt2_mul(E, pt2_addi(E, frames->shape[b], -1), hop), pt2_idx(E, s->n_fft));
    struct pt2_complex r = op_c_select(L, pt2_lt(E, q, end), op_c_div(L, sum, env), none);
    if (!s->window || !pt2_dtype_is_complex(s->window->dtype)) {
        r.re = pt2_select(E, pt2_lt(E, q, end), pt2_bin(E, PT2_E_DIV, sum.re, env.re), none.re);
        r.im = pt2_select(E, pt2_lt(E, q, end), pt2_bin(E, PT2_E_DIV, sum.im, env.re), none.re);
    }
    return op_map_elem(L, op_out_dtype(L, 0), rank, shape, r);
}

static void lower_istft(struct pt2_lower *L)
{
    static const int swap[2][3] = { { 1, 0 }, { 0, 2, 1 } };
    pt2_t *x = op_tensor(L, "self");
    struct stft s;
    read_stft(L, &s, false);
    int b = x->rank - 2, rank = op_out_rank(L, 0);
    if (x->rank < 2 || x->rank > 3 || rank != b + 1 || !pt2_dtype_is_complex(x->dtype))
        op_fail(L, PT2_ERR_FORMAT, "the spectrum is %s of %d dimensions", pt2_dtype_name(x->dtype), x->rank);
    s.t.kind = op_bool(L, "return_complex", false) ? C2C : C2R; /* a real signal needs only half of the spectrum */
    s.t.inverse = true;
    s.t.dims[0] = b + 1;
    s.t.scale = s.normalized ? SCALE_ROOT : SCALE_N;
    pt2_t *frames = run_transform(L, op_permute(L, x, swap[b]), &s.t);
    frames = op_convert(L, frames, s.t.real == PT2_F64 ? PT2_C128 : PT2_C64);
    int64_t start = op_bool(L, "center", true) ? s.n_fft / 2 : 0;
    op_return(L, overlap_add(L, &s, frames, rank, op_out_shape(L, 0), start));
}

const struct pt2_op_row pt2_ops_fft[] = {
    { "aten._fft_c2c", lower_fft_plain, C2C },
    { "aten._fft_r2c", lower_fft_plain, R2C },
    { "aten._fft_c2r", lower_fft_plain, C2R },
    { "aten.fft_fft", lower_fft, C2C },
    { "aten.fft_ifft", lower_fft, C2C | INVERSE },
    { "aten.fft_rfft", lower_fft, R2C },
    { "aten.fft_irfft", lower_fft, C2R | INVERSE },
    { "aten.fft_hfft", lower_fft, C2R },
    { "aten.fft_ihfft", lower_fft, R2C | INVERSE },
    { "aten.fft_fft2", lower_fft, C2C | MANY | LAST_TWO },
    { "aten.fft_ifft2", lower_fft, C2C | MANY | LAST_TWO | INVERSE },
    { "aten.fft_rfft2", lower_fft, R2C | MANY | LAST_TWO },
    { "aten.fft_irfft2", lower_fft, C2R | MANY | LAST_TWO | INVERSE },
    { "aten.fft_hfft2", lower_fft, C2R | MANY | LAST_TWO },
    { "aten.fft_ihfft2", lower_fft, R2C | MANY | LAST_TWO | INVERSE },
    { "aten.fft_fftn", lower_fft, C2C | MANY },
    { "aten.fft_ifftn", lower_fft, C2C | MANY | INVERSE },
    { "aten.fft_rfftn", lower_fft, R2C | MANY },
    { "aten.fft_irfftn", lower_fft, C2R | MANY | INVERSE },
    { "aten.fft_hfftn", lower_fft, C2R | MANY },
    { "aten.fft_ihfftn", lower_fft, R2C | MANY | INVERSE },
    { "aten.fft_fftshift", lower_fftshift, 0 },
    { "aten.fft_ifftshift", lower_fftshift, 1 },
    { "aten.fft_fftfreq", lower_fftfreq, 0 },
    { "aten.fft_rfftfreq", lower_fftfreq, 1 },
    { "aten.stft", lower_stft, 0 },
    { "aten.stft.center", lower_stft, 1 },
    { "aten.istft", lower_istft, 0 },
    { 0 },
};
