/* SPDX-License-Identifier: MIT
 * Elementwise comparisons, logic, bits, selection and limits. */
#include "ops/complex.h"
#include "ops/pointwise.h"

/* ---- comparisons ---- */

enum { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

static void lower_compare(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int64_t cmp = L->row->data;
    struct op_pw p;
    op_pw_open(L, &p, OP_ROUNDED, 2, "self", "other");
    if (p.is_complex) {
        pt2_ex same = op_c_eq(L, p.c[0], p.c[1]);
        if (cmp > CMP_NE)
            op_fail(L, PT2_ERR_FORMAT, "order of complex numbers");
        op_pw_return(L, &p, cmp == CMP_EQ ? same : pt2_not(E, same));
        return;
    }
    pt2_ex a = p.v[0], b = p.v[1];
    switch (cmp) {
    case CMP_EQ: op_pw_return(L, &p, pt2_eq(E, a, b)); break;
    case CMP_NE: op_pw_return(L, &p, pt2_bin(E, PT2_E_NE, a, b)); break;
    case CMP_LT: op_pw_return(L, &p, pt2_lt(E, a, b)); break;
    case CMP_LE: op_pw_return(L, &p, pt2_le(E, a, b)); break;
    case CMP_GT: op_pw_return(L, &p, pt2_lt(E, b, a)); break;
    default: op_pw_return(L, &p, pt2_le(E, b, a)); break;
    }
}

static pt2_ex isnan_c(struct pt2_exprs *E, pt2_cx a)
{
    return pt2_or(E, ex_isnan(E, a.re), ex_isnan(E, a.im));
}

static void lower_isclose(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    double rtol = op_float(L, "rtol", 1e-5), atol = op_float(L, "atol", 1e-8);
    bool equal_nan = op_bool(L, "equal_nan", false);
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    pt2_ex close, diff, size;
    if (p.is_complex) {
        close = op_c_eq(L, p.c[0], p.c[1]);
        diff = op_c_abs(L, op_c_sub(L, p.c[0], p.c[1]));
        size = op_c_abs(L, p.c[1]);
        if (equal_nan)
            close = pt2_or(E, close, pt2_and(E, isnan_c(E, p.c[0]), isnan_c(E, p.c[1])));
    } else {
        pt2_dtype real = pt2_dtype_is_float(p.dtype) ? p.dtype : PT2_F32;
        pt2_ex a = op_to(L, p.v[0], real), b = op_to(L, p.v[1], real);
        close = pt2_eq(E, p.v[0], p.v[1]);
        diff = ex_abs(E, pt2_sub(E, a, b));
        size = ex_abs(E, b);
        if (equal_nan && real == p.dtype)
            close = pt2_or(E, close, pt2_and(E, ex_isnan(E, a), ex_isnan(E, b)));
    }
    if (rtol != 0 || atol != 0) {
        pt2_ex bound = ex_addn(E, ex_muln(E, size, rtol), atol);
        close = pt2_or(E, close, pt2_and(E, ex_isfinite(E, diff), pt2_le(E, diff, bound)));
    }
    op_pw_return(L, &p, close);
}

/* ---- logic ---- */

static pt2_ex truth(struct pt2_lower *L, const struct op_pw *p, int k)
{
    return p->is_complex ? op_c_nonzero(L, p->c[k]) : op_ex_to_bool(L, p->v[k]);
}

static void lower_logical(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_return(L, &p, pt2_bin(L->E, (enum pt2_expr_op)L->row->data, truth(L, &p, 0), truth(L, &p, 1)));
}

static void lower_logical_not(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_return(L, &p, pt2_not(L->E, truth(L, &p, 0)));
}

/* ---- bits ---- */

static void check_bits(struct pt2_lower *L, const struct op_pw *p)
{
    if (p->dtype != PT2_BOOL && !pt2_dtype_is_int(p->dtype))
        op_fail(L, PT2_ERR_FORMAT, "bits of %s", pt2_dtype_name(p->dtype));
}

/* Python's in-place operators, __iand__ and the like, also write what they return. */
enum { BITS_WRITE = 1 << 16 };

static void return_bits(struct pt2_lower *L, const struct op_pw *p, pt2_ex r)
{
    op_pw_return(L, p, r);
    if (L->row->data & BITS_WRITE) {
        pt2_t *self = op_tensor(L, "self");
        op_write(L, self, op_pw_map(L, p, op_out_dtype(L, 0), r));
        op_return(L, self);
    }
}

static void lower_bitwise(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    check_bits(L, &p);
    return_bits(L, &p, pt2_bin(L->E, (enum pt2_expr_op)(L->row->data & ~BITS_WRITE), p.v[0], p.v[1]));
}

static void lower_bitwise_not(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    check_bits(L, &p);
    op_pw_return(L, &p, p.dtype == PT2_BOOL ? pt2_not(L->E, p.v[0]) : pt2_un(L->E, PT2_E_NOT, p.v[0]));
}

/* Counts outside the type's width shift everything out: to 0, or to copies of the sign. data: SHL or SHR. */
static void lower_shift(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    check_bits(L, &p);
    if (p.dtype == PT2_BOOL)
        op_fail(L, PT2_ERR_FORMAT, "shift of bools");
    pt2_ex a = p.v[0], b = p.v[1];
    double width = 8 * (double)pt2_dtype_size(p.dtype);
    pt2_ex inside = ex_ltn(E, b, width);
    if (pt2_dtype_is_signed(p.dtype))
        inside = pt2_and(E, inside, pt2_le(E, ex_num(E, b, 0), b));
    pt2_ex count = pt2_select(E, inside, b, ex_num(E, b, width - 1));
    enum pt2_expr_op op = (enum pt2_expr_op)(L->row->data & ~BITS_WRITE);
    pt2_ex r = pt2_bin(E, op, a, count);
    bool fills = op == PT2_E_SHR && pt2_dtype_is_signed(p.dtype);
    return_bits(L, &p, fills ? r : pt2_select(E, inside, r, ex_num(E, a, 0)));
}

/* ---- selection ---- */

static void lower_where(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 3, "condition", "self", "other");
    if (!p.t[0])
        op_fail(L, PT2_ERR_FORMAT, "the condition is not a tensor");
    pt2_ex cond = op_pw_read(L, &p, p.t[0], PT2_BOOL);
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c_select(L, cond, p.c[1], p.c[2]));
    else
        op_pw_return(L, &p, pt2_select(L->E, cond, p.v[1], p.v[2]));
}

static void lower_masked_fill(struct pt2_lower *L)
{
    struct op_pw p, value;
    op_pw_open(L, &p, OP_SAME, 2, "self", "mask");
    if (!p.t[0] || !p.t[1])
        op_fail(L, PT2_ERR_FORMAT, "masked_fill of a number");
    bool tensor = op_is_tensor(L, "value");
    pt2_t *t = tensor ? op_tensor(L, "value") : NULL;
    pt2_ex mask = op_pw_read(L, &p, p.t[1], PT2_BOOL);
    if (t && t->rank > 0)
        op_fail(L, PT2_ERR_FORMAT, "masked_fill with a value of rank %d", t->rank);
    if (p.is_complex) {
        struct pt2_complex v;
        if (t) {
            op_pw_tensors(L, &value, 2, (pt2_t *[]){ t, p.t[0] });
            v = value.c[0];
        } else {
            v = op_scalar_c(L, "value", p.dtype, 0);
        }
        v = op_c(pt2_cast(L->E, p.c[0].re->dtype, v.re), pt2_cast(L->E, p.c[0].re->dtype, v.im));
        op_pw_return_c(L, &p, op_c_select(L, mask, v, p.c[0]));
        return;
    }
    pt2_ex v = t ? op_pw_read(L, &p, t, p.dtype) : op_scalar(L, "value", p.dtype, 0);
    op_pw_return(L, &p, pt2_select(L->E, mask, v, p.v[0]));
}

/* ---- limits; MIN and MAX propagate NaN ---- */

static pt2_ex limit(struct pt2_exprs *E, bool max, pt2_ex a, pt2_ex b)
{
    if (a->dtype == PT2_BOOL)
        return max ? pt2_or(E, a, b) : pt2_and(E, a, b);
    return max ? pt2_max(E, a, b) : pt2_min(E, a, b);
}

/* data: whether the larger one. */
static void lower_maximum(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_real(L, &p);
    op_pw_return(L, &p, limit(L->E, L->row->data, p.v[0], p.v[1]));
}

/* fmax, fmin: the other one where one is NaN. */
static void lower_fmax(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_real(L, &p);
    pt2_ex a = p.v[0], b = p.v[1], r = limit(E, L->row->data, a, b);
    if (pt2_dtype_is_float(p.dtype))
        r = pt2_select(E, ex_isnan(E, a), b, pt2_select(E, ex_isnan(E, b), a, r));
    op_pw_return(L, &p, r);
}

/* min(max(x, low), high): the upper limit wins where they cross. */
static void lower_clamp(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 3, "self", "?min", "?max");
    op_pw_real(L, &p);
    pt2_ex r = p.v[0];
    if (p.v[1])
        r = limit(L->E, true, r, p.v[1]);
    if (p.v[2])
        r = limit(L->E, false, r, p.v[2]);
    op_pw_return(L, &p, r);
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_compare[] = {
    { "aten.eq", lower_compare, CMP_EQ },
    { "aten.ne", lower_compare, CMP_NE },
    { "aten.not_equal", lower_compare, CMP_NE },
    { "aten.lt", lower_compare, CMP_LT },
    { "aten.less", lower_compare, CMP_LT },
    { "aten.le", lower_compare, CMP_LE },
    { "aten.less_equal", lower_compare, CMP_LE },
    { "aten.gt", lower_compare, CMP_GT },
    { "aten.greater", lower_compare, CMP_GT },
    { "aten.ge", lower_compare, CMP_GE },
    { "aten.greater_equal", lower_compare, CMP_GE },
    { "aten.isclose", lower_isclose, 0 },
    { "aten.logical_and", lower_logical, PT2_E_AND },
    { "aten.logical_or", lower_logical, PT2_E_OR },
    { "aten.logical_xor", lower_logical, PT2_E_XOR },
    { "aten.logical_not", lower_logical_not, 0 },
    { "aten.bitwise_and", lower_bitwise, PT2_E_AND },
    { "aten.__and__", lower_bitwise, PT2_E_AND },
    { "aten.__iand__", lower_bitwise, PT2_E_AND | BITS_WRITE },
    { "aten.bitwise_or", lower_bitwise, PT2_E_OR },
    { "aten.__or__", lower_bitwise, PT2_E_OR },
    { "aten.__ior__", lower_bitwise, PT2_E_OR | BITS_WRITE },
    { "aten.bitwise_xor", lower_bitwise, PT2_E_XOR },
    { "aten.__xor__", lower_bitwise, PT2_E_XOR },
    { "aten.__ixor__", lower_bitwise, PT2_E_XOR | BITS_WRITE },
    { "aten.bitwise_not", lower_bitwise_not, 0 },
    { "aten.bitwise_left_shift", lower_shift, PT2_E_SHL },
    { "aten.__lshift__", lower_shift, PT2_E_SHL },
    { "aten.__ilshift__", lower_shift, PT2_E_SHL | BITS_WRITE },
    { "aten.bitwise_right_shift", lower_shift, PT2_E_SHR },
    { "aten.__rshift__", lower_shift, PT2_E_SHR },
    { "aten.__irshift__", lower_shift, PT2_E_SHR | BITS_WRITE },
    { "aten.where", lower_where, 0 },
    { "aten.masked_fill", lower_masked_fill, 0 },
    { "aten.maximum", lower_maximum, 1 },
    { "aten.max", lower_maximum, 1 },
    { "aten.minimum", lower_maximum, 0 },
    { "aten.min", lower_maximum, 0 },
    { "aten.fmax", lower_fmax, 1 },
    { "aten.fmin", lower_fmax, 0 },
    { "aten.clamp", lower_clamp, 0 },
    { "aten.clip", lower_clamp, 0 },
    { "aten.clamp_min", lower_clamp, 0 },
    { "aten.clamp_max", lower_clamp, 0 },
    { 0 },
};
