/* SPDX-License-Identifier: MIT
 * Quantisation: quantized_decomposed (PT2E), torchao's affine operators, aten's fake quantisation and integer
 * products. Each is q = clamp(round(x / scale) + zero_point) or its inverse, one MAP; what differs is which scale an
 * element has. */
#include "ops/data.h"

#include <float.h>
#include <math.h>

/* Which element of scale and zero point belongs to an element of the tensor. */
enum { PER_TENSOR, PER_CHANNEL, PER_TOKEN, PER_GROUP, PER_BLOCK,
       PER_BLOCK_FLOAT, PER_BLOCK_NONE /* with zero points that are floats (tinygemm), without any */ };

/* Integer range of a dtype that quantised values have. */
static void dtype_range(struct pt2_lower *L, pt2_dtype dtype, int64_t *low, int64_t *high)
{
    int bits = (int)pt2_dtype_size(dtype) * 8;
    if (!pt2_dtype_is_int(dtype) || bits > 32)
        op_fail(L, PT2_ERR_UNSUPPORTED, "quantisation to %s", pt2_dtype_name(dtype));
    bool is_signed = pt2_dtype_is_signed(dtype);
    *low = is_signed ? -((int64_t)1 << (bits - 1)) : 0;
    *high = is_signed ? ((int64_t)1 << (bits - 1)) - 1 : ((int64_t)1 << bits) - 1;
}

struct params {
    int64_t kind;
    pt2_t *scale, *zero; /* zero may be NULL */
    int axis;
    int64_t group;
    int num_blocks;
    int64_t block[PT2_MAX_RANK];
};

static pt2_ex first_element(struct pt2_lower *L, pt2_t *t)
{
    pt2_ex zero = pt2_idx(L->E, 0);
    return op_at(L, op_flat(L, t), &zero);
}

/* Row-major number of the block that holds element `at`. */
static pt2_ex block_number(struct pt2_lower *L, const struct params *p, pt2_t *x, const pt2_ex *at)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = pt2_idx(E, 0);
    for (int d = 0; d < x->rank; d++) {
        pt2_ex block = p->block[d] == -1 ? x->shape[d] : pt2_idx(E, p->block[d]);
        pt2_ex one = pt2_idx(E, 1), size = pt2_max(E, block, one);
        n = pt2_add(E, pt2_mul(E, n, pt2_max(E, pt2_floordiv(E, x->shape[d], size), one)),
                    pt2_floordiv(E, at[d], size));
    }
    return n;
}

/* Element of scale or zero point (t) for element `at` of x. */
static pt2_ex param_at(struct pt2_lower *L, const struct params *p, pt2_t *t, pt2_t *x, const pt2_ex *at)
{
    struct pt2_exprs *E = L->E;
    pt2_ex i;
    if (p->kind == PER_TENSOR || pt2_is_int(op_numel(L, t), 1))
        return first_element(L, t);
    switch (p->kind) {
    case PER_CHANNEL:
        return op_at(L, op_flat(L, t), &at[p->axis]);
    case PER_TOKEN:
        return op_at_bcast(L, t, x->rank, at);
    case PER_GROUP:
        i = pt2_floordiv(E, pt2_add(E, pt2_mul(E, at[0], x->shape[1]), at[1]), pt2_idx(E, p->group));
        return op_at(L, op_flat(L, t), &i);
    default:
        i = block_number(L, p, x, at);
        return op_at(L, op_flat(L, t), &i);
    }
}

static void read_params(struct pt2_lower *L, struct params *p, pt2_t *x)
{
    memset(p, 0, sizeof *p);
    p->kind = L->row->data > PER_BLOCK ? PER_BLOCK : L->row->data;
    p->scale = op_tensor(L, op_has(L, "scales") ? "scales" : "scale");
    p->zero = op_tensor_opt(L, op_has(L, "zero_points") ? "zero_points" : "zero_point");
    if (p->kind == PER_CHANNEL) {
        p->axis = op_dim(L, "axis", 0, x->rank);
        if (x->rank == 0)
            op_fail(L, PT2_ERR_FORMAT, "channels of a number");
    }
    if (p->kind == PER_GROUP) {
        p->group = op_int(L, "group_size", 128);
        if (p->group < 1 || x->rank != 2)
            op_fail(L, PT2_ERR_FORMAT, "groups of %lld in %d dimensions", (long long)p->group, x->rank);
        if (pt2_is_int(p->scale->shape[p->scale->rank ? p->scale->rank - 1 : 0], 1) && pt2_is_const(x->shape[1]) &&
            p->group > x->shape[1]->i && x->shape[1]->i > 0)
            p->group = x->shape[1]->i;
    }
    if (p->kind == PER_BLOCK) {
        p->num_blocks = op_ints(L, "block_size", p->block);
        if (p->num_blocks != x->rank)
            op_fail(L, PT2_ERR_FORMAT, "block_size has %d entries for %d dimensions", p->num_blocks, x->rank);
        for (int d = 0; d < x->rank; d++)
            if (p->block[d] == 0 || p->block[d] < -1)
                op_fail(L, PT2_ERR_FORMAT, "a block of %lld", (long long)p->block[d]);
    }
}

/* The type of x * scale: a scale of float64 with dimensions makes it float64. */
static pt2_dtype work_type(const struct params *p, pt2_dtype x)
{
    pt2_dtype scale = p->kind != PER_TENSOR && p->scale->rank ? p->scale->dtype : PT2_F32;
    return x == PT2_F64 || scale == PT2_F64 ? PT2_F64 : PT2_F32;
}

static pt2_ex clamp(struct pt2_lower *L, pt2_ex v, int64_t low, int64_t high)
{
    return pt2_min(L->E, pt2_max(L->E, v, pt2_int(L->E, v->dtype, low)), pt2_int(L->E, v->dtype, high));
}

static pt2_ex reciprocal(struct pt2_lower *L, pt2_ex scale, pt2_dtype w)
{
    if (!pt2_dtype_is_float((pt2_dtype)scale->dtype))
        scale = pt2_cast(L->E, (int)w, scale);
    return pt2_cast(L->E, (int)w, pt2_bin(L->E, PT2_E_DIV, pt2_num(L->E, scale->dtype, 1), scale));
}

/* The bounds of quantised values: given, or those of the dtype. */
static void read_range(struct pt2_lower *L, pt2_dtype dtype, int64_t *low, int64_t *high)
{
    if (!op_has(L, "quant_min") || !op_has(L, "quant_max"))
        dtype_range(L, dtype, low, high);
    *low = op_has(L, "quant_min") ? op_int(L, "quant_min", 0) : *low;
    *high = op_has(L, "quant_max") ? op_int(L, "quant_max", 0) : *high;
    if (*low > *high || *low < INT32_MIN || *high > UINT32_MAX)
        op_fail(L, PT2_ERR_FORMAT, "quantised values from %lld to %lld", (long long)*low, (long long)*high);
}

/* Newer releases of torchao have operators of their own for what zero_point_domain said. */
static bool domain_is(struct pt2_lower *L, const char *name)
{
    if (L->row->data == PER_BLOCK_FLOAT || L->row->data == PER_BLOCK_NONE)
        return strcmp(name, L->row->data == PER_BLOCK_FLOAT ? "FLOAT" : "NONE") == 0;
    const char *d = op_string(L, "zero_point_domain", "INT");
    const char *dot = strrchr(d, '.');
    return strcmp(dot ? dot + 1 : d, name) == 0;
}

static void lower_quantize(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "input");
    struct params p;
    int64_t low, high;
    pt2_dtype dtype = op_out_dtype(L, 0);
    read_params(L, &p, x);
    read_range(L, dtype, &low, &high);
    pt2_dtype w = work_type(&p, x->dtype);
    pt2_ex *at = op_vars(L, x->rank, x->shape);
    pt2_ex v = op_to(L, op_at(L, x, at), w), scale = param_at(L, &p, p.scale, x, at);
    pt2_ex zero = p.zero && !domain_is(L, "NONE") ? pt2_cast(E, (int)w, param_at(L, &p, p.zero, x, at)) : NULL;
    if (p.kind == PER_BLOCK && domain_is(L, "FLOAT")) {
        pt2_ex s = pt2_cast(E, (int)w, scale), mid = pt2_num(E, (int)w, (double)(high + low + 1) / 2);
        pt2_ex least = pt2_sub(E, zero ? zero : pt2_num(E, (int)w, 0), pt2_mul(E, s, mid));
        v = pt2_un(E, PT2_E_ROUND, pt2_bin(E, PT2_E_DIV, pt2_sub(E, v, least), s));
    } else {
        v = pt2_mul(E, v, reciprocal(L, scale, w));
        if (p.kind == PER_TOKEN || p.kind == PER_GROUP) /* these round after the zero point was added */
            v = pt2_un(E, PT2_E_ROUND, zero ? pt2_add(E, v, zero) : v);
        else
            v = zero ? pt2_add(E, pt2_un(E, PT2_E_ROUND, v), zero) : pt2_un(E, PT2_E_ROUND, v);
    }
    op_return(L, op_map_like(L, x, dtype, op_to(L, clamp(L, v, low, high), dtype)));
}

static void lower_dequantize(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "input");
    struct params p;
    pt2_dtype dtype = op_out_dtype(L, 0);
    read_params(L, &p, x);
    pt2_dtype w = work_type(&p, dtype);
    pt2_ex *at = op_vars(L, x->rank, x->shape);
    pt2_ex v = pt2_cast(E, (int)w, op_at(L, x, at)), scale = pt2_cast(E, (int)w, param_at(L, &p, p.scale, x, at));
    pt2_ex zero = p.zero && !domain_is(L, "NONE") ? pt2_cast(E, (int)w, param_at(L, &p, p.zero, x, at)) : NULL;
    if (p.kind == PER_BLOCK && domain_is(L, "FLOAT")) {
        int64_t low, high;
        read_range(L, x->dtype, &low, &high);
        v = pt2_mul(E, pt2_sub(E, v, pt2_num(E, (int)w, (double)(high + low + 1) / 2)), scale);
        v = zero ? pt2_add(E, v, zero) : v;
    } else {
        v = pt2_mul(E, zero ? pt2_sub(E, v, zero) : v, scale);
    }
    op_return(L, op_map_like(L, x, dtype, op_to(L, v, dtype)));
}

/* quantized_decomposed.convert_element_type: a conversion that optimisers must leave in place. */
static void lower_convert_type(struct pt2_lower *L)
{
    op_return(L, op_convert(L, op_tensor(L, "input"), op_out_dtype(L, 0)));
}

/* ---- choosing scales ---- */

struct range {
    pt2_ex low, high; /* of the data */
    int64_t qmin, qmax;
    double eps;
};

static pt2_ex zero_like(struct pt2_lower *L, pt2_ex e)
{
    return pt2_num(L->E, e->dtype, 0);
}

static pt2_ex scale_asymmetric(struct pt2_lower *L, const struct range *r)
{
    pt2_ex width = pt2_num(L->E, r->low->dtype, (double)(r->qmax - r->qmin));
    pt2_ex s = pt2_bin(L->E, PT2_E_DIV, pt2_sub(L->E, r->high, r->low), width);
    return pt2_max(L->E, s, pt2_num(L->E, s->dtype, r->eps));
}

static pt2_ex scale_symmetric(struct pt2_lower *L, const struct range *r)
{
    pt2_ex big = pt2_max(L->E, pt2_un(L->E, PT2_E_NEG, r->low), r->high);
    pt2_ex s = pt2_bin(L->E, PT2_E_DIV, big, pt2_num(L->E, big->dtype, (double)(r->qmax - r->qmin) / 2));
    return pt2_max(L->E, s, pt2_num(L->E, s->dtype, r->eps));
}

static pt2_ex zero_asymmetric(struct pt2_lower *L, const struct range *r, pt2_ex scale)
{
    struct pt2_exprs *E = L->E;
    pt2_ex steps = pt2_un(E, PT2_E_ROUND, pt2_bin(E, PT2_E_DIV, r->low, scale));
    return clamp(L, pt2_sub(E, pt2_int(E, scale->dtype, r->qmin), steps), r->qmin, r->qmax);
}

/* Results 0 and 1: scale and zero point, both floats of `rank` dimensions, in the dtypes that the file declares. */
static void return_params(struct pt2_lower *L, int rank, const pt2_ex *shape, pt2_ex scale, pt2_ex zero)
{
    pt2_dtype t = (pt2_dtype)scale->dtype;
    op_result_fit(L, 0, op_map(L, t, rank, shape, scale));
    op_result_fit(L, 1, op_map(L, t, rank, shape, zero));
}

/* quantized_decomposed.choose_qparams[_symmetric].tensor; data: 1 for symmetric. */
static void lower_choose_tensor(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_flat(L, op_tensor(L, "input"));
    struct range r = { .eps = op_float(L, "eps", 0) };
    read_range(L, op_dtype(L, "dtype", PT2_I8), &r.qmin, &r.qmax);
    pt2_ex i = pt2_var(E, 0, x->shape[0]), v = op_to(L, op_at(L, x, &i), PT2_F32), none = pt2_num(E, PT2_F32, 0);
    if (r.qmin >= r.qmax)
        op_fail(L, PT2_ERR_FORMAT, "quant_min %lld, quant_max %lld", (long long)r.qmin, (long long)r.qmax);
    r.low = op_at(L, op_reduce(L, PT2_RED_MIN, PT2_F32, 0, NULL, 1, x->shape, v), NULL);
    r.high = op_at(L, op_reduce(L, PT2_RED_MAX, PT2_F32, 0, NULL, 1, x->shape, v), NULL);
    r.low = pt2_min(E, r.low, none);
    r.high = pt2_max(E, r.high, none);
    if (L->row->data) {
        bool middle = op_dtype(L, "dtype", PT2_I8) == PT2_U8;
        return_params(L, 0, NULL, scale_symmetric(L, &r), pt2_num(E, PT2_F32, middle ? 128 : 0));
        return;
    }
    pt2_ex s = scale_asymmetric(L, &r);
    return_params(L, 0, NULL, s, zero_asymmetric(L, &r, s));
}

/* The extremes of x along its last dimension, as elements of [..., 1]. */
static pt2_ex row_extreme(struct pt2_lower *L, pt2_t *x, enum pt2_reduce_op op, bool magnitude, pt2_ex *shape)
{
    int last = x->rank - 1;
    memcpy(shape, x->shape, sizeof *shape * (size_t)x->rank);
    shape[last] = pt2_idx(L->E, 1);
    pt2_ex *at = op_vars(L, x->rank, shape), index[PT2_MAX_RANK];
    memcpy(index, at, sizeof *at * (size_t)x->rank);
    index[last] = pt2_var(L->E, x->rank, x->shape[last]);
    pt2_ex v = op_to(L, op_at(L, x, index), PT2_F32);
    v = magnitude ? pt2_un(L->E, PT2_E_ABS, v) : v;
    return op_at(L, op_reduce(L, op, PT2_F32, x->rank, shape, 1, &x->shape[last], v), at);
}

/* choose_qparams_per_token: symmetric, int8. */
static void lower_choose_token(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input");
    pt2_ex shape[PT2_MAX_RANK];
    if (x->rank < 1 || op_dtype(L, "dtype", PT2_I8) != PT2_I8)
        op_fail(L, PT2_ERR_UNSUPPORTED, "tokens of another type than int8");
    pt2_ex big = row_extreme(L, x, PT2_RED_MAX, true, shape);
    pt2_ex s = pt2_bin(L->E, PT2_E_DIV, pt2_max(L->E, big, pt2_num(L->E, PT2_F32, 1e-5)), pt2_num(L->E, PT2_F32, 127));
    return_params(L, x->rank, shape, s, zero_like(L, s));
}

/* choose_qparams_per_token_asymmetric: the zero point that has the smaller error at the ends. */
static void lower_choose_token_asymmetric(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "input");
    pt2_ex shape[PT2_MAX_RANK], none = pt2_num(E, PT2_F32, 0), qmin = pt2_num(E, PT2_F32, -128),
           qmax = pt2_num(E, PT2_F32, 127);
    struct range r = { .qmin = -128, .qmax = 127, .eps = FLT_EPSILON };
    if (x->rank < 1)
        op_fail(L, PT2_ERR_FORMAT, "tokens of a number");
    r.low = pt2_min(E, row_extreme(L, x, PT2_RED_MIN, false, shape), none);
    r.high = pt2_max(E, row_extreme(L, x, PT2_RED_MAX, false, shape), none);
    pt2_ex s = scale_asymmetric(L, &r);
    pt2_ex a = pt2_bin(E, PT2_E_DIV, r.low, s), b = pt2_bin(E, PT2_E_DIV, r.high, s);
    pt2_ex error = pt2_add(E, pt2_add(E, qmin, a), pt2_add(E, qmax, b));
    pt2_ex z = pt2_select(E, pt2_lt(E, none, error), pt2_sub(E, qmin, a), pt2_sub(E, qmax, b));
    return_params(L, x->rank, shape, s, pt2_un(E, PT2_E_ROUND, clamp(L, z, -128, 127)));
}

/* The extremes of each block, over VAR 0 … of the grid of blocks. */
static void block_extremes(struct pt2_lower *L, pt2_t *x, const int64_t *block, pt2_ex *grid, struct range *r)
{
    struct pt2_exprs *E = L->E;
    pt2_ex extents[PT2_MAX_RANK], index[PT2_MAX_RANK];
    for (int d = 0; d < x->rank; d++) {
        extents[d] = block[d] == -1 ? x->shape[d] : pt2_idx(E, block[d]);
        grid[d] = pt2_floordiv(E, x->shape[d], pt2_max(E, extents[d], pt2_idx(E, 1)));
    }
    pt2_ex *at = op_vars(L, x->rank, grid), *in = op_axes(L, x->rank, x->rank, extents);
    for (int d = 0; d < x->rank; d++)
        index[d] = pt2_add(E, pt2_mul(E, at[d], extents[d]), in[d]);
    pt2_ex v = op_to(L, op_at(L, x, index), x->dtype == PT2_F64 ? PT2_F64 : PT2_F32);
    pt2_dtype t = (pt2_dtype)v->dtype;
    r->low = op_at(L, op_reduce(L, PT2_RED_MIN, t, x->rank, grid, x->rank, extents, v), at);
    r->high = op_at(L, op_reduce(L, PT2_RED_MAX, t, x->rank, grid, x->rank, extents, v), at);
}

static double eps_of(pt2_dtype dtype)
{
    return dtype == PT2_F16    ? 0x1p-10
           : dtype == PT2_BF16 ? 0x1p-7
           : dtype == PT2_F64  ? DBL_EPSILON
                               : (double)FLT_EPSILON;
}

/* torchao.choose_qparams_affine */
static void lower_choose_affine(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "input");
    struct params p;
    struct range r = { NULL, NULL, 0, 0, op_float(L, "eps", eps_of(x->dtype)) };
    pt2_ex grid[PT2_MAX_RANK];
    p.num_blocks = op_ints(L, "block_size", p.block);
    if (p.num_blocks != x->rank || x->rank * 2 > PT2_MAX_RANK)
        op_fail(L, PT2_ERR_FORMAT, "block_size has %d entries for %d dimensions", p.num_blocks, x->rank);
    read_range(L, op_dtype(L, "target_dtype", PT2_I8), &r.qmin, &r.qmax);
    block_extremes(L, x, p.block, grid, &r);
    bool tinygemm = L->row->data == PER_BLOCK_FLOAT;
    if (op_bool(L, "preserve_zero", !tinygemm)) {
        r.low = pt2_min(E, r.low, zero_like(L, r.low));
        r.high = pt2_max(E, r.high, zero_like(L, r.high));
    }
    const char *type = op_string(L, "mapping_type", ""), *dot = strrchr(type, '.');
    type = tinygemm ? "ASYMMETRIC" : dot ? dot + 1 : type;
    int t = r.low->dtype;
    double middle = (double)(r.qmax + r.qmin + 1) / 2;
    pt2_ex s, z = pt2_num(E, t, floor(middle));
    if (strcmp(type, "SYMMETRIC") == 0) {
        s = scale_symmetric(L, &r);
    } else if (strcmp(type, "SYMMETRIC_NO_CLIPPING_ERR") == 0 && r.qmin && r.qmax) {
        s = pt2_max(E, pt2_bin(E, PT2_E_DIV, r.low, pt2_int(E, t, r.qmin)),
                    pt2_bin(E, PT2_E_DIV, r.high, pt2_int(E, t, r.qmax)));
        s = pt2_max(E, s, pt2_num(E, t, r.eps));
    } else if (strcmp(type, "ASYMMETRIC") == 0) {
        s = scale_asymmetric(L, &r);
        z = domain_is(L, "FLOAT") ? pt2_add(E, r.low, pt2_mul(E, s, pt2_num(E, t, middle))) : zero_asymmetric(L, &r, s);
    } else {
        op_fail(L, PT2_ERR_UNSUPPORTED, "mapping_type \"%s\"", type);
    }
    return_params(L, x->rank, grid, s, z);
}

/* ---- fake quantisation ---- */

/* Result 0: x rounded to the grid of quantised values; result 1, if there is one: where it was inside their range. */
static void lower_fake_quantize(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, op_has(L, "input") ? "input" : "self"), *on = op_tensor_opt(L, "fake_quant_enabled");
    struct params p;
    read_params(L, &p, x);
    int w = x->dtype == PT2_F64 ? PT2_F64 : PT2_F32;
    int64_t low, high;
    read_range(L, PT2_I8, &low, &high);
    pt2_ex *at = op_vars(L, x->rank, x->shape);
    pt2_ex v = op_at(L, x, at), s = pt2_cast(E, w, param_at(L, &p, p.scale, x, at));
    pt2_ex z = p.zero ? pt2_cast(E, w, param_at(L, &p, p.zero, x, at)) : pt2_num(E, w, 0);
    pt2_ex q = pt2_add(E, pt2_un(E, PT2_E_ROUND, pt2_mul(E, v, reciprocal(L, s, (pt2_dtype)w))), z);
    pt2_ex inside = pt2_and(E, pt2_le(E, pt2_int(E, w, low), q), pt2_le(E, q, pt2_int(E, w, high)));
    pt2_ex out = pt2_mul(E, pt2_sub(E, clamp(L, q, low, high), z), s);
    if (on) {
        pt2_ex enabled = pt2_cast(E, PT2_BOOL, first_element(L, on));
        out = pt2_select(E, enabled, out, v);
        inside = pt2_or(E, inside, pt2_not(E, enabled));
    }
    op_result(L, 0, op_map_like(L, x, x->dtype, out));
    op_result(L, 1, op_map_like(L, x, PT2_BOOL, inside));
}

/* ---- products ---- */

static void need_matrix(struct pt2_lower *L, pt2_t *t, const char *name)
{
    if (t->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "%s has %d dimensions", name, t->rank);
}

/* aten._int_mm: int8 x int8 in int32. */
static void lower_int_mm(struct pt2_lower *L)
{
    pt2_t *a = op_tensor(L, "self"), *b = op_tensor(L, "mat2");
    need_matrix(L, a, "self");
    need_matrix(L, b, "mat2");
    op_return(L, op_matmul(L, op_convert(L, a, PT2_I32), op_convert(L, b, PT2_I32)));
}

/* aten._weight_int8pack_mm: x @ w.T, each column scaled. */
static void lower_int8pack_mm(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *w = op_tensor(L, "mat2"), *scales = op_tensor(L, "scales");
    need_matrix(L, x, "self");
    need_matrix(L, w, "mat2");
    pt2_t *y = op_linear(L, op_convert(L, x, PT2_F32), op_convert(L, w, PT2_F32), NULL);
    pt2_ex *at = op_vars(L, 2, y->shape);
    pt2_ex s = op_to(L, op_at(L, op_flat(L, scales), &at[1]), PT2_F32);
    op_return(L, op_map_like(L, y, op_out_dtype(L, 0), pt2_mul(L->E, op_at(L, y, at), s)));
}

const struct pt2_op_row pt2_ops_quant[] = {
    { "quantized_decomposed.quantize_per_tensor", lower_quantize, PER_TENSOR },
    { "quantized_decomposed.quantize_per_channel", lower_quantize, PER_CHANNEL },
    { "quantized_decomposed.quantize_per_token", lower_quantize, PER_TOKEN },
    { "quantized_decomposed.quantize_per_channel_group", lower_quantize, PER_GROUP },
    { "quantized_decomposed.dequantize_per_tensor", lower_dequantize, PER_TENSOR },
    { "quantized_decomposed.dequantize_per_channel", lower_dequantize, PER_CHANNEL },
    { "quantized_decomposed.dequantize_per_token", lower_dequantize, PER_TOKEN },
    { "quantized_decomposed.dequantize_per_channel_group", lower_dequantize, PER_GROUP },
    { "quantized_decomposed.convert_element_type", lower_convert_type, 0 },
    { "quantized_decomposed.choose_qparams", lower_choose_tensor, 0 },
    { "quantized_decomposed.choose_qparams_symmetric", lower_choose_tensor, 1 },
    { "quantized_decomposed.choose_qparams_per_token", lower_choose_token, 0 },
    { "quantized_decomposed.choose_qparams_per_token_asymmetric", lower_choose_token_asymmetric, 0 },
    { "quantized_decomposed._choose_qparams_per_token_asymmetric_impl", lower_choose_token_asymmetric, 0 },
    { "quantized_decomposed.fake_quant_per_channel", lower_fake_quantize, PER_CHANNEL },
    { "torchao.quantize_affine", lower_quantize, PER_BLOCK },
    { "torchao.dequantize_affine", lower_dequantize, PER_BLOCK },
    { "torchao.choose_qparams_affine", lower_choose_affine, 0 },
    { "torchao._quantize_affine_tinygemm", lower_quantize, PER_BLOCK_FLOAT },
    { "torchao._dequantize_affine_tinygemm", lower_dequantize, PER_BLOCK_FLOAT },
    { "torchao._choose_qparams_affine_tinygemm", lower_choose_affine, PER_BLOCK_FLOAT },
    { "torchao._quantize_affine_no_zero_point", lower_quantize, PER_BLOCK_NONE },
    { "torchao._dequantize_affine_no_zero_point", lower_dequantize, PER_BLOCK_NONE },
    { "quant.quantize_affine", lower_quantize, PER_BLOCK },
    { "quant.dequantize_affine", lower_dequantize, PER_BLOCK },
    { "quant.choose_qparams_affine", lower_choose_affine, 0 },
    { "aten.fake_quantize_per_tensor_affine", lower_fake_quantize, PER_TENSOR },
    { "aten.fake_quantize_per_channel_affine", lower_fake_quantize, PER_CHANNEL },
    { "aten.fake_quantize_per_tensor_affine_cachemask", lower_fake_quantize, PER_TENSOR },
    { "aten.fake_quantize_per_channel_affine_cachemask", lower_fake_quantize, PER_CHANNEL },
    { "aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams", lower_fake_quantize, PER_TENSOR },
    { "aten._int_mm", lower_int_mm, 0 },
    { "aten._weight_int8pack_mm", lower_int8pack_mm, 0 },
    { 0 },
};
