/* SPDX-License-Identifier: MIT
 *
 * Running sums, products and extrema, and what integrates or differentiates along a dimension. */
#include "ops/data.h"
#include "ops/reduce.h"

#include <math.h>

/* ---- scans ---- */

/* A scan of elements converted to `in` with results of dtype; a 0-d tensor is its own scan. */
static pt2_t *scan(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *t, int dim, pt2_dtype in, pt2_dtype dtype)
{
    pt2_ex e = op_at_as(L, t, op_vars(L, t->rank, t->shape), in);
    if (pt2_gives_position(op)) {
        if (!t->rank)
            return op_map(L, PT2_I64, 0, NULL, pt2_int(L->E, PT2_I64, 0));
        return op_scan(L, op, PT2_I64, t->rank, t->shape, dim, false, e);
    }
    e = pt2_cast(L->E, pt2_dtype_compute(dtype), e);
    return t->rank ? op_scan(L, op, dtype, t->rank, t->shape, dim, false, e) : op_map_like(L, t, dtype, e);
}

/* Complex: both parts at once, over the real view. */
static pt2_t *cumsum_complex(struct pt2_lower *L, pt2_t *t, int dim, pt2_dtype dtype)
{
    if (!t->rank)
        return op_convert(L, t, dtype);
    pt2_t *real = op_real_view(L, op_convert(L, t, dtype));
    pt2_dtype part = pt2_dtype_real(dtype);
    return op_complex_view(L, scan(L, PT2_RED_SUM, real, dim, part, part));
}

/* Each element times the one `step` before it. */
static pt2_t *multiply_back(struct pt2_lower *L, pt2_t *t, int dim, int64_t step)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *v = op_vars(L, t->rank, t->shape), before[PT2_MAX_RANK];
    memcpy(before, v, sizeof(pt2_ex) * (size_t)t->rank);
    before[dim] = pt2_max(E, pt2_addi(E, v[dim], -step), pt2_idx(E, 0));
    struct pt2_complex a = op_at_c(L, t, v), p = op_cx_mul(E, a, op_at_c(L, t, before));
    pt2_ex first = pt2_lt(E, v[dim], pt2_idx(E, step));
    p.re = pt2_select(E, first, a.re, p.re);
    p.im = pt2_select(E, first, a.im, p.im);
    return op_map_c(L, t->dtype, t->rank, t->shape, p);
}

/* By doubling when the size is known; else from running absolute values and angles. */
static pt2_t *cumprod_complex(struct pt2_lower *L, pt2_t *t, int dim, pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype acc = op_acc_dtype(dtype), part = pt2_dtype_real(acc);
    t = op_convert(L, t, acc);
    if (!t->rank)
        return op_convert(L, t, dtype);
    if (pt2_is_const(t->shape[dim])) {
        for (int64_t step = 1; step < t->shape[dim]->i; step *= 2)
            t = multiply_back(L, t, dim, step);
        return op_convert(L, t, dtype);
    }
    pt2_ex *v = op_vars(L, t->rank, t->shape);
    struct pt2_complex z = op_at_c(L, t, v);
    pt2_t *size = op_map_like(L, t, part, pt2_bin(E, PT2_E_HYPOT, z.re, z.im));
    pt2_t *angle = op_map_like(L, t, part, pt2_bin(E, PT2_E_ATAN2, z.im, z.re));
    pt2_ex s = op_at(L, scan(L, PT2_RED_PROD, size, dim, part, part), v);
    pt2_ex a = op_at(L, scan(L, PT2_RED_SUM, angle, dim, part, part), v);
    return op_map_c(L, dtype, t->rank, t->shape, (struct pt2_complex){ pt2_mul(E, s, pt2_un(E, PT2_E_COS, a)),
                                                                       pt2_mul(E, s, pt2_un(E, PT2_E_SIN, a)) });
}

/* log(exp(a) + exp(b)), as ATen has it: relative to the one with the larger real part (b of equals). */
static struct pt2_complex log_add(struct pt2_exprs *E, struct pt2_complex a, struct pt2_complex b)
{
    pt2_ex swap = pt2_lt(E, b.re, a.re), one = pt2_int(E, a.re->dtype, 1);
    struct pt2_complex max = { pt2_select(E, swap, a.re, b.re), pt2_select(E, swap, a.im, b.im) };
    struct pt2_complex min = { pt2_select(E, swap, b.re, a.re), pt2_select(E, swap, b.im, a.im) };
    pt2_ex e = pt2_un(E, PT2_E_EXP, pt2_sub(E, min.re, max.re)), angle = pt2_sub(E, min.im, max.im);
    pt2_ex u = pt2_mul(E, e, pt2_un(E, PT2_E_COS, angle)), v = pt2_mul(E, e, pt2_un(E, PT2_E_SIN, angle));
    /* |1 + u + iv|² - 1 */
    pt2_ex grow = pt2_add(E, pt2_add(E, u, u), pt2_mul(E, e, e));
    pt2_ex half = pt2_mul(E, pt2_un(E, PT2_E_LOG1P, grow), pt2_num(E, a.re->dtype, 0.5));
    pt2_ex inf = pt2_num(E, a.re->dtype, (double)INFINITY);
    pt2_ex both = pt2_and(E, pt2_eq(E, min.re, max.re), pt2_eq(E, pt2_un(E, PT2_E_ABS, max.re), inf));
    return (struct pt2_complex){
        pt2_select(E, both, min.re, pt2_add(E, max.re, half)),
        pt2_select(E, both, min.im, pt2_add(E, max.im, pt2_bin(E, PT2_E_ATAN2, v, pt2_add(E, one, u)))),
    };
}

/* Each element with the one `step` before it by log_add. */
static pt2_t *log_add_back(struct pt2_lower *L, pt2_t *t, int dim, int64_t step)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *v = op_vars(L, t->rank, t->shape), before[PT2_MAX_RANK];
    memcpy(before, v, sizeof(pt2_ex) * (size_t)t->rank);
    before[dim] = pt2_max(E, pt2_addi(E, v[dim], -step), pt2_idx(E, 0));
    struct pt2_complex b = op_at_c(L, t, v), r = log_add(E, op_at_c(L, t, before), b);
    pt2_ex first = pt2_lt(E, v[dim], pt2_idx(E, step));
    r.re = pt2_select(E, first, b.re, r.re);
    r.im = pt2_select(E, first, b.im, r.im);
    return op_map_c(L, t->dtype, t->rank, t->shape, r);
}

static pt2_ex wrap_angle(struct pt2_exprs *E, pt2_ex a)
{
    double turn = 2 * acos(-1.0);
    pt2_ex turns = pt2_un(E, PT2_E_ROUND, pt2_mul(E, a, pt2_num(E, a->dtype, 1 / turn)));
    return pt2_sub(E, a, pt2_mul(E, turns, pt2_num(E, a->dtype, turn)));
}

/* ATen adds one element after the other and keeps the branch of the larger one: the imaginary part of z starts anew at
 * each
 * element whose real part is not below the sum so far, and moves by less than half a turn at the others. */
static pt2_t *sequential_branch(struct pt2_lower *L, pt2_t *z, pt2_t *sum, int dim, pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype part = pt2_dtype_real(sum->dtype);
    pt2_ex *v = op_vars(L, z->rank, z->shape), before[PT2_MAX_RANK], start[PT2_MAX_RANK];
    memcpy(before, v, sizeof(pt2_ex) * (size_t)z->rank);
    memcpy(start, v, sizeof(pt2_ex) * (size_t)z->rank);
    before[dim] = pt2_max(E, pt2_addi(E, v[dim], -1), pt2_idx(E, 0));
    pt2_ex first = pt2_eq(E, v[dim], pt2_idx(E, 0));
    struct pt2_complex x = op_at_c(L, z, v), now = op_at_c(L, sum, v), last = op_at_c(L, sum, before);
    pt2_ex anew = pt2_or(E, first, pt2_le(E, last.re, x.re));
    pt2_ex position = pt2_select(E, anew, pt2_cast(E, PT2_I64, v[dim]), pt2_int(E, PT2_I64, 0));
    pt2_t *from = op_scan(L, PT2_RED_MAX, PT2_I64, z->rank, z->shape, dim, false, position);
    pt2_ex move = pt2_select(E, first, pt2_int(E, part, 0), wrap_angle(E, pt2_sub(E, now.im, last.im)));
    pt2_t *moved = op_scan(L, PT2_RED_SUM, part, z->rank, z->shape, dim, false, move);
    start[dim] = op_index(L, op_at(L, from, v), z->shape[dim]);
    pt2_ex im = op_at_c(L, z, start).im;
    im = pt2_add(E, im, wrap_angle(E, pt2_sub(E, op_at_c(L, sum, start).im, im)));
    im = pt2_add(E, im, pt2_sub(E, op_at(L, moved, v), op_at(L, moved, start)));
    return op_map_c(L, dtype, z->rank, z->shape, (struct pt2_complex){ now.re, im });
}

/* By doubling, which needs the size; a symbolic one is refused. */
static pt2_t *logcumsumexp_complex(struct pt2_lower *L, pt2_t *t, int dim, pt2_dtype dtype)
{
    pt2_t *z = op_convert(L, t, op_acc_dtype(dtype)), *sum = z;
    if (!t->rank)
        return op_convert(L, t, dtype);
    if (!pt2_is_const(t->shape[dim]))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers along a symbolic dimension");
    for (int64_t step = 1; step < t->shape[dim]->i; step *= 2)
        sum = log_add_back(L, sum, dim, step);
    return sequential_branch(L, z, sum, dim, dtype);
}

static void lower_cumulative(struct pt2_lower *L)
{
    enum pt2_reduce_op op = (enum pt2_reduce_op)L->row->data;
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    int dim = op_dim(L, "dim", 0, t->rank);
    if (!pt2_dtype_is_complex(dtype))
        op_return(L, scan(L, op, t, dim, dtype, dtype));
    else if (op == PT2_RED_SUM)
        op_return(L, cumsum_complex(L, t, dim, dtype));
    else if (op == PT2_RED_PROD)
        op_return(L, cumprod_complex(L, t, dim, dtype));
    else
        op_return(L, logcumsumexp_complex(L, t, dim, dtype));
}

/* Powers of x are products of 1, x, x, ...; vander (data: 1) has them falling unless `increasing`. */
static void lower_vander(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "x");
    pt2_dtype dtype = op_out_dtype(L, 0), in = op_acc_dtype(dtype);
    int rank = op_out_rank(L, 0), last = rank - 1;
    pt2_ex *shape = op_out_shape(L, 0), *v = op_vars(L, rank, shape);
    if (x->rank == 0)
        x = op_unsqueeze(L, x, 0);
    if (rank != x->rank + 1)
        op_fail(L, PT2_ERR_FORMAT, "a Vandermonde matrix of %d dimensions", rank);
    pt2_ex first = pt2_eq(E, v[last], pt2_idx(E, 0));
    struct pt2_complex e = op_cx_to(L, op_at_c(L, x, v), in), one = op_number(L, in, 1);
    e = (struct pt2_complex){ pt2_select(E, first, one.re, e.re), pt2_select(E, first, one.im, e.im) };
    pt2_t *factors = op_map_elem(L, in, rank, shape, e);
    pt2_t *powers = pt2_dtype_is_complex(in) ? cumprod_complex(L, factors, last, dtype)
                                             : scan(L, PT2_RED_PROD, factors, last, in, dtype);
    if (L->row->data && !op_bool(L, "increasing", false)) {
        v[last] = pt2_sub(E, pt2_addi(E, shape[last], -1), v[last]);
        powers = op_view(L, powers, rank, shape, v);
    }
    op_return(L, powers);
}

/* cummax, cummin: values, and positions of the last of equals. Bools are scanned as integers. */
static void lower_cumextremum(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dim = op_dim(L, "dim", 0, t->rank);
    bool max = L->row->data;
    pt2_dtype in = t->dtype == PT2_BOOL ? PT2_I32 : t->dtype;
    pt2_t *values = scan(L, max ? PT2_RED_MAX : PT2_RED_MIN, t, dim, in, in);
    op_result(L, 0, op_convert(L, values, op_out_dtype(L, 0)));
    op_result(L, 1, scan(L, max ? PT2_RED_ARGMAX : PT2_RED_ARGMIN, t, dim, in, PT2_I64));
}

/* ---- integrals ---- */

/* All but the first (skip 1) or the last (skip 0) element along dim. */
static pt2_t *without_end(struct pt2_lower *L, pt2_t *t, int dim, int skip)
{
    pt2_ex size = pt2_max(L->E, pt2_addi(L->E, t->shape[dim], -1), pt2_idx(L->E, 0));
    return op_slice(L, t, dim, pt2_idx(L->E, skip), size, pt2_idx(L->E, 1));
}

/* x seen with y's rank: a vector lies along dim, others get leading dimensions. Then its differences. */
static pt2_t *spacing(struct pt2_lower *L, pt2_t *y, int dim)
{
    pt2_t *x = op_tensor(L, "x");
    if (!x->rank)
        op_fail(L, PT2_ERR_FORMAT, "x has no dimensions");
    if (x->rank == 1)
        for (int d = dim + 1; d < y->rank; d++)
            x = op_unsqueeze(L, x, x->rank);
    while (x->rank < y->rank)
        x = op_unsqueeze(L, x, 0);
    return op_sub(L, without_end(L, x, dim, 1), without_end(L, x, dim, 0));
}

/* Integers are summed in 64 bits, half types in 32. */
static pt2_dtype sum_type(pt2_dtype t)
{
    return pt2_dtype_is_int(t) || t == PT2_BOOL ? PT2_I64 : op_acc_dtype(t);
}

/* Areas of the trapezoids times 2 (before the sum), in a float type. data 0: trapezoid, 1: cumulative. */
static void lower_trapezoid(struct pt2_lower *L)
{
    pt2_t *y = op_tensor(L, "y");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    int dim = op_dim(L, "dim", -1, y->rank), rank = op_out_rank(L, 0);
    bool by_x = op_has(L, "x");
    if (!y->rank)
        op_fail(L, PT2_ERR_FORMAT, "a 0-d tensor");
    if (!L->row->data && pt2_is_int(y->shape[dim], 0)) {
        op_return(L, op_convert(L, op_sum(L, y, 1, &dim, false), dtype));
        return;
    }
    pt2_t *dx = by_x ? spacing(L, y, dim) : NULL;
    if (!dx || pt2_dtype_is_float(y->dtype))
        y = op_convert(L, y, acc); /* integers wrap up to the sum when x is given */
    pt2_t *area = op_add(L, without_end(L, y, dim, 0), without_end(L, y, dim, 1));
    if (dx) {
        area = op_mul(L, area, dx);
        if (rank < area->rank - !L->row->data)
            op_fail(L, PT2_ERR_FORMAT, "x and y do not match");
    } else {
        area = op_scale(L, area, op_has(L, "dx") ? op_float(L, "dx", 1) : 1);
    }
    if (!L->row->data)
        area = op_reduce_dims(L, PT2_RED_SUM, area, area->dtype, sum_type(area->dtype), 1, &dim, false);
    else if (pt2_dtype_is_complex(acc))
        area = cumsum_complex(L, area, dim, acc);
    else
        area = scan(L, PT2_RED_SUM, area, dim, area->dtype, sum_type(area->dtype));
    op_return(L, op_convert(L, op_scale(L, op_convert(L, area, acc), 0.5), dtype));
}

/* ---- differences ---- */

static pt2_t *difference(struct pt2_lower *L, pt2_t *t, int dim)
{
    pt2_t *a = without_end(L, t, dim, 1), *b = without_end(L, t, dim, 0);
    if (t->dtype != PT2_BOOL)
        return op_sub(L, a, b);
    pt2_ex *v = op_vars(L, a->rank, a->shape);
    return op_map_like(L, a, PT2_BOOL, pt2_bin(L->E, PT2_E_XOR, op_at(L, a, v), op_at(L, b, v)));
}

static void lower_diff(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *list[3];
    int dim = op_dim(L, "dim", -1, t->rank), n = 0;
    int64_t times = op_int(L, "n", 1);
    if (!t->rank || times < 0)
        op_fail(L, PT2_ERR_FORMAT, "difference %lld of %d dimensions", (long long)times, t->rank);
    if (times == 0) { /* torch does not join anything then */
        op_return(L, op_clone(L, t));
        return;
    }
    if ((list[n] = op_tensor_opt(L, "prepend")) != NULL)
        n++;
    list[n++] = t;
    if ((list[n] = op_tensor_opt(L, "append")) != NULL)
        n++;
    if (n > 1)
        t = op_cat(L, n, list, dim);
    for (; times > 0 && !pt2_is_int(t->shape[dim], 0); times--)
        t = difference(L, t, dim);
    op_return(L, t == list[0] ? op_clone(L, t) : op_convert(L, t, op_out_dtype(L, 0)));
}

/* ---- gradient ---- */

/* Where element i of a row is estimated from: three neighbours with factors. */
struct stencil {
    struct pt2_exprs *E;
    pt2_ex i, n;       /* position and size, PT2_IDX */
    bool second;       /* edges of second order */
    pt2_dtype acc;
    pt2_ex pos[3];     /* positions read: the third only at interior points and edges of second order */
};

/* Rows of positions around i, moved inside at the edges. */
static void stencil_positions(struct stencil *s)
{
    struct pt2_exprs *E = s->E;
    pt2_ex start = pt2_min(E, pt2_max(E, pt2_addi(E, s->i, -1), pt2_idx(E, 0)), pt2_addi(E, s->n, -3));
    start = pt2_max(E, start, pt2_idx(E, 0));
    for (int k = 0; k < 3; k++)
        s->pos[k] = pt2_min(E, pt2_addi(E, start, k), pt2_addi(E, s->n, -1));
}

static pt2_ex edge_select(struct stencil *s, pt2_ex left, pt2_ex middle, pt2_ex right)
{
    struct pt2_exprs *E = s->E;
    pt2_ex last = pt2_eq(E, s->i, pt2_addi(E, s->n, -1));
    return pt2_select(E, pt2_eq(E, s->i, pt2_idx(E, 0)), left, pt2_select(E, last, right, middle));
}

/* Factors for coordinates with the steps h0 (pos 0 to 1) and h1 (pos 1 to 2). */
static void factors(struct stencil *s, pt2_ex h0, pt2_ex h1, pt2_ex *f)
{
    struct pt2_exprs *E = s->E;
    pt2_ex sum = pt2_add(E, h0, h1), one = pt2_int(E, s->acc, 1), zero = pt2_int(E, s->acc, 0);
    pt2_ex p0 = pt2_mul(E, h0, sum), p1 = pt2_mul(E, h0, h1), p2 = pt2_mul(E, h1, sum);
    pt2_ex mid[] = { pt2_bin(E, PT2_E_DIV, pt2_un(E, PT2_E_NEG, h1), p0),
                     pt2_bin(E, PT2_E_DIV, pt2_sub(E, h1, h0), p1), pt2_bin(E, PT2_E_DIV, h0, p2) };
    pt2_ex l[3], r[3];
    if (s->second) {
        l[0] = pt2_bin(E, PT2_E_DIV, pt2_un(E, PT2_E_NEG, pt2_add(E, h0, sum)), p0);
        l[1] = pt2_bin(E, PT2_E_DIV, sum, p1);
        l[2] = pt2_bin(E, PT2_E_DIV, pt2_un(E, PT2_E_NEG, h0), p2);
        r[0] = pt2_bin(E, PT2_E_DIV, h1, p0);
        r[1] = pt2_bin(E, PT2_E_DIV, pt2_un(E, PT2_E_NEG, sum), p1);
        r[2] = pt2_bin(E, PT2_E_DIV, pt2_add(E, h1, sum), p2);
    } else {
        /* with two elements the last step is h0 and the last two positions are 0 and 1 */
        pt2_ex two = pt2_eq(E, s->n, pt2_idx(E, 2)), inv0 = pt2_bin(E, PT2_E_DIV, one, h0);
        pt2_ex inv1 = pt2_bin(E, PT2_E_DIV, one, h1);
        l[0] = pt2_un(E, PT2_E_NEG, inv0);
        l[1] = inv0;
        l[2] = zero;
        r[0] = pt2_select(E, two, l[0], zero);
        r[1] = pt2_select(E, two, inv0, pt2_un(E, PT2_E_NEG, inv1));
        r[2] = pt2_select(E, two, zero, inv1);
    }
    for (int k = 0; k < 3; k++)
        f[k] = edge_select(s, l[k], mid[k], r[k]);
}

/* Central differences in the interior of a float tensor; spacing is a number (coords NULL) or 1-d coordinates. */
static pt2_t *gradient_real(struct pt2_lower *L, pt2_t *t, int dim, pt2_ex step, pt2_t *coords, bool second,
                            pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *v = op_vars(L, t->rank, t->shape), index[PT2_MAX_RANK], f[3], sum = NULL;
    struct stencil s = { .E = E, .i = v[dim], .n = t->shape[dim], .second = second, .acc = op_acc_dtype(dtype) };
    stencil_positions(&s);
    pt2_ex h0 = step, h1 = step;
    if (coords) {
        pt2_ex c[3];
        for (int k = 0; k < 3; k++)
            c[k] = op_at_as(L, coords, &s.pos[k], s.acc);
        h0 = pt2_sub(E, c[1], c[0]);
        h1 = pt2_sub(E, c[2], c[1]);
    }
    factors(&s, h0, h1, f);
    memcpy(index, v, sizeof(pt2_ex) * (size_t)t->rank);
    for (int k = 0; k < 3; k++) {
        index[dim] = s.pos[k];
        /* an unused element must not bring in its NaN */
        pt2_ex x = op_at_as(L, t, index, s.acc), zero = pt2_int(E, s.acc, 0);
        pt2_ex term = pt2_select(E, pt2_eq(E, f[k], zero), zero, pt2_mul(E, f[k], x));
        sum = sum ? pt2_add(E, sum, term) : term;
    }
    return op_map_like(L, t, dtype, sum);
}

static pt2_t *gradient(struct pt2_lower *L, pt2_t *t, int dim, pt2_ex step, pt2_t *coords, bool second, pt2_dtype dtype)
{
    if (!pt2_dtype_is_complex(dtype))
        return gradient_real(L, t, dim, step, coords, second, dtype);
    if (coords && op_is_complex(coords))
        coords = op_select(L, op_real_view(L, coords), 1, pt2_idx(L->E, 0));
    pt2_t *real = op_real_view(L, op_convert(L, t, dtype));
    return op_complex_view(L, gradient_real(L, real, dim, step, coords, second, pt2_dtype_real(dtype)));
}

static void lower_gradient(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), **coords = NULL;
    int dims[PT2_MAX_RANK], n = op_has(L, "dim") ? op_dims(L, "dim", t->rank, dims) : -1;
    bool tensors = strstr(L->node->target, "tensorarray") != NULL;
    double steps[PT2_MAX_RANK];
    int num = !op_has(L, "spacing") ? 0 : tensors ? op_tensors(L, "spacing", &coords) : op_floats(L, "spacing", steps);
    if (n < 0)
        for (n = 0; n < t->rank; n++)
            dims[n] = n;
    if (!t->rank || (num > 1 && num != n) || (tensors && num != n) || n > (int)L->node->num_outs)
        op_fail(L, PT2_ERR_FORMAT, "%d spacings for %d dimensions", num, n);
    bool second = op_int(L, "edge_order", 1) == 2;
    for (int k = 0; k < n; k++) {
        pt2_dtype dtype = op_out_dtype(L, k), part = op_acc_dtype(pt2_dtype_real(dtype));
        if (tensors && (!coords[k] || coords[k]->rank != 1))
            op_fail(L, PT2_ERR_FORMAT, "coordinates are not 1-d");
        pt2_ex step = pt2_num(L->E, part, num > 0 && !tensors ? steps[num == 1 ? 0 : k] : 1);
        op_result(L, k, gradient(L, t, dims[k], step, tensors ? coords[k] : NULL, second, dtype));
    }
}

const struct pt2_op_row pt2_ops_scan[] = {
    { "aten.cumsum", lower_cumulative, PT2_RED_SUM },
    { "aten.cumprod", lower_cumulative, PT2_RED_PROD },
    { "aten.logcumsumexp", lower_cumulative, PT2_RED_LOGADDEXP },
    { "aten._logcumsumexp", lower_cumulative, PT2_RED_LOGADDEXP },
    { "aten.linalg_vander", lower_vander, 0 },
    { "aten.vander", lower_vander, 1 },
    { "aten.cummax", lower_cumextremum, 1 },
    { "aten.cummin", lower_cumextremum, 0 },
    { "aten.trapezoid", lower_trapezoid, 0 },
    { "aten.trapz", lower_trapezoid, 0 },
    { "aten.cumulative_trapezoid", lower_trapezoid, 1 },
    { "aten.diff", lower_diff, 0 },
    { "aten.gradient", lower_gradient, 0 },
    { 0 },
};
