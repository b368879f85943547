/* SPDX-License-Identifier: MIT
 * Evaluation of size expressions on the host: int64 with overflow checks, floats in double (interpolation scales). */
#include "expr/internal.h"

#include <math.h>

struct eval {
    struct pt2_exprs *E;
    const int64_t *values;
    const uint8_t *known;
};

struct number { int64_t i; double f; };

static pt2_status eval(const struct eval *v, pt2_ex e, struct number *out);

static pt2_status symbol(const struct eval *v, pt2_ex e, struct number *out)
{
    if (!v->known[e->i])
        return pt2_fail(PT2_ERR_INTERNAL, "size symbol %s is not known yet", v->E->symbols.data[e->i].name);
    out->i = v->values[e->i];
    return PT2_OK;
}

static pt2_status overflow(void)
{
    return pt2_fail(PT2_ERR_INPUT, "a size expression overflows 64 bits");
}

static pt2_status fold_list(const struct eval *v, pt2_ex e, struct number *out)
{
    bool flt = pt2_is_float_type(e->dtype);
    PT2_TRY(eval(v, e->args[0], out));
    for (int k = 1; k < e->num_args; k++) {
        struct number b;
        PT2_TRY(eval(v, e->args[k], &b));
        if (flt)
            out->f = e->op == PT2_E_ADD ? out->f + b.f : out->f * b.f;
        else if (e->op == PT2_E_ADD ? __builtin_add_overflow(out->i, b.i, &out->i)
                                    : __builtin_mul_overflow(out->i, b.i, &out->i))
            return overflow();
    }
    return PT2_OK;
}

static int64_t to_int(double f)
{
    return f >= -9.2e18 && f <= 9.2e18 ? (int64_t)f : 0;
}

static pt2_status cast(const struct eval *v, pt2_ex e, struct number *out)
{
    pt2_ex a = e->args[0];
    PT2_TRY(eval(v, a, out));
    if (pt2_is_float_type(e->dtype)) {
        if (!pt2_is_float_type(a->dtype)) /* rounded once */
            out->f = e->dtype == PT2_F32 ? (double)(float)out->i : (double)out->i;
        if (e->dtype == PT2_F32)
            out->f = (double)(float)out->f;
    } else {
        int64_t i = pt2_is_float_type(a->dtype) ? (e->dtype == PT2_BOOL ? out->f != 0 : to_int(out->f)) : out->i;
        out->i = pt2_wrap(e->dtype, i);
    }
    return PT2_OK;
}

static int64_t ipow(int64_t a, int64_t b, bool *over)
{
    int64_t r = 1;
    for (; b > 0 && !*over; b >>= 1) {
        *over = (b & 1) && __builtin_mul_overflow(r, a, &r);
        if (b > 1)
            *over |= __builtin_mul_overflow(a, a, &a);
    }
    return r;
}

/* Sizes are Python's integers, which a shift does not cut. */
static bool shift_left(pt2_ex e, int64_t a, int64_t b, int64_t *out)
{
    *out = b < 0 || b > 62 ? 0 : (int64_t)((uint64_t)a << b);
    return e->dtype == PT2_IDX && a && (b < 0 || b > 62 || *out >> b != a);
}

static pt2_status int_binary(pt2_ex e, int64_t a, int64_t b, int64_t *out)
{
    bool over = false;
    switch (e->op) {
    case PT2_E_SUB: over = __builtin_sub_overflow(a, b, out); break;
    case PT2_E_MIN: *out = a < b ? a : b; break;
    case PT2_E_MAX: *out = a > b ? a : b; break;
    case PT2_E_FLOORDIV: case PT2_E_FLOORMOD: case PT2_E_TRUNCDIV: case PT2_E_REM: {
        if (b == 0)
            return pt2_fail(PT2_ERR_INPUT, "division by zero in a size expression");
        int64_t q = e->op == PT2_E_FLOORDIV || e->op == PT2_E_FLOORMOD ? pt2_floordiv64(a, b) : b == -1 ? 0 - a : a / b;
        *out = e->op == PT2_E_FLOORDIV || e->op == PT2_E_TRUNCDIV ? q : a - q * b;
        break;
    }
    case PT2_E_POW: *out = ipow(a, b, &over); break;
    case PT2_E_AND: *out = a & b; break;
    case PT2_E_OR: *out = a | b; break;
    case PT2_E_XOR: *out = a ^ b; break;
    case PT2_E_SHL: over = shift_left(e, a, b, out); break;
    case PT2_E_SHR: *out = a >> (b < 0 || b > 62 ? 63 : b); break;
    case PT2_E_LT: *out = a < b; break;
    case PT2_E_LE: *out = a <= b; break;
    case PT2_E_EQ: *out = a == b; break;
    case PT2_E_NE: *out = a != b; break;
    case PT2_E_CHECK: *out = a < 0 ? a + b : a; break;
    default:
        return pt2_fail(PT2_ERR_INTERNAL, "operator %s in a size expression",
                        pt2_expr_op_name((enum pt2_expr_op)e->op));
    }
    return over ? overflow() : PT2_OK;
}

static pt2_status float_binary(pt2_ex e, double a, double b, struct number *out)
{
    switch (e->op) {
    case PT2_E_SUB: out->f = a - b; break;
    case PT2_E_DIV: out->f = a / b; break;
    case PT2_E_MIN: out->f = a < b ? a : b; break;
    case PT2_E_MAX: out->f = a > b ? a : b; break;
    case PT2_E_POW: out->f = pow(a, b); break;
    case PT2_E_FLOORDIV: out->f = floor(a / b); break;
    case PT2_E_FLOORMOD: out->f = a - b * floor(a / b); break;
    case PT2_E_LT: out->i = a < b; break;
    case PT2_E_LE: out->i = a <= b; break;
    case PT2_E_EQ: out->i = a == b; break;
    case PT2_E_NE: out->i = a != b; break;
    default:
        return pt2_fail(PT2_ERR_INTERNAL, "operator %s in a size expression",
                        pt2_expr_op_name((enum pt2_expr_op)e->op));
    }
    return PT2_OK;
}

static double rounded(pt2_dtype storage, double x)
{
    uint64_t stored = 0;
    pt2_store_double(storage, &stored, 0, x);
    return pt2_load_double(storage, &stored, 0);
}

/* Of float32: how the kernels' parameters hold a float. */
static pt2_status bits(pt2_ex e, struct number a, struct number *out)
{
    float f = (float)a.f;
    int32_t i;
    if (e->dtype != PT2_I32 || e->args[0]->dtype != PT2_F32)
        return pt2_fail(PT2_ERR_INTERNAL, "a bitcast in a size expression");
    memcpy(&i, &f, sizeof i);
    out->i = i;
    return PT2_OK;
}

static pt2_status unary(pt2_ex e, struct number a, struct number *out)
{
    switch (e->op) {
    case PT2_E_NEG: out->f = -a.f; out->i = 0 - a.i; break;
    case PT2_E_ABS: out->f = fabs(a.f); out->i = a.i < 0 ? 0 - a.i : a.i; break;
    case PT2_E_NOT: out->i = e->dtype == PT2_BOOL ? !a.i : ~a.i; break;
    case PT2_E_FLOOR: out->f = floor(a.f); break;
    case PT2_E_CEIL: out->f = ceil(a.f); break;
    case PT2_E_TRUNC: out->f = trunc(a.f); break;
    case PT2_E_ROUND: out->f = nearbyint(a.f); break;
    case PT2_E_SQRT: out->f = sqrt(a.f); break;
    case PT2_E_EXP: out->f = exp(a.f); break;
    case PT2_E_LOG: out->f = log(a.f); break;
    case PT2_E_LOG2: out->f = log2(a.f); break;
    case PT2_E_SIN: out->f = sin(a.f); break;
    case PT2_E_COS: out->f = cos(a.f); break;
    case PT2_E_TAN: out->f = tan(a.f); break;
    case PT2_E_SINH: out->f = sinh(a.f); break;
    case PT2_E_COSH: out->f = cosh(a.f); break;
    case PT2_E_TANH: out->f = tanh(a.f); break;
    case PT2_E_ASIN: out->f = asin(a.f); break;
    case PT2_E_ACOS: out->f = acos(a.f); break;
    case PT2_E_ATAN: out->f = atan(a.f); break;
    case PT2_E_ASINH: out->f = asinh(a.f); break;
    case PT2_E_BITCAST: return bits(e, a, out);
    case PT2_E_ROUNDTO: out->f = rounded((pt2_dtype)e->i, a.f); break;
    default:
        return pt2_fail(PT2_ERR_INTERNAL, "operator %s in a size expression",
                        pt2_expr_op_name((enum pt2_expr_op)e->op));
    }
    return PT2_OK;
}

static pt2_status eval(const struct eval *v, pt2_ex e, struct number *out)
{
    struct number a, b;
    *out = (struct number){ 0, 0 };
    switch (e->op) {
    case PT2_E_CONST: *out = (struct number){ e->i, e->f }; return PT2_OK;
    case PT2_E_SYM: return symbol(v, e, out);
    case PT2_E_ADD: case PT2_E_MUL: return fold_list(v, e, out);
    case PT2_E_CAST: return cast(v, e, out);
    case PT2_E_SELECT:
        PT2_TRY(eval(v, e->args[0], &a));
        return eval(v, e->args[a.i ? 1 : 2], out);
    case PT2_E_VAR: case PT2_E_LOAD: case PT2_E_PARAM: case PT2_E_REG:
        return pt2_fail(PT2_ERR_INTERNAL, "%s in a size expression", pt2_expr_op_name((enum pt2_expr_op)e->op));
    default: break;
    }
    PT2_TRY(eval(v, e->args[0], &a));
    if (e->num_args == 1)
        return unary(e, a, out);
    PT2_TRY(eval(v, e->args[1], &b));
    return pt2_is_float_type(e->args[0]->dtype) ? float_binary(e, a.f, b.f, out) : int_binary(e, a.i, b.i, &out->i);
}

pt2_status pt2_eval(struct pt2_exprs *E, pt2_ex e, const int64_t *values, const uint8_t *known, int64_t *out_value)
{
    struct eval v = { E, values, known };
    struct number n;
    PT2_TRY(eval(&v, e, &n));
    *out_value = pt2_is_float_type(e->dtype) ? to_int(n.f) : n.i;
    return PT2_OK;
}

pt2_status pt2_eval_float(struct pt2_exprs *E, pt2_ex e, const int64_t *values, const uint8_t *known, double *out_value)
{
    struct eval v = { E, values, known };
    struct number n;
    PT2_TRY(eval(&v, e, &n));
    *out_value = pt2_is_float_type(e->dtype) ? n.f : (double)n.i;
    return PT2_OK;
}
