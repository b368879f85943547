/* SPDX-License-Identifier: MIT
 * Elementwise operators: the frame that binds, promotes and broadcasts operands, arithmetic, and the building
 * blocks. */
#include "ops/pointwise.h"
#include "ops/complex.h"

#include <stdarg.h>
#include <string.h>

/* ---- frame ---- */

bool op_is_tensor(struct pt2_lower *L, const char *name)
{
    const struct pt2_pnode *n = L->node;
    for (uint32_t k = 0; k < n->num_args; k++)
        if (n->args[k].name && !strcmp(n->args[k].name, name))
            return n->args[k].kind == PT2_ARG_VALUE && n->args[k].value->kind == PT2_VALUE_TENSOR;
    return false;
}

static bool is_number_type(pt2_dtype t)
{
    return pt2_dtype_is_float(t) || pt2_dtype_is_complex(t);
}

static pt2_ex to_type(struct pt2_lower *L, pt2_ex e, pt2_dtype from, pt2_dtype dtype)
{
    return from == dtype && e->dtype == pt2_dtype_compute(dtype) ? e : op_to(L, e, dtype);
}

pt2_ex op_pw_read(struct pt2_lower *L, const struct op_pw *p, pt2_t *t, pt2_dtype dtype)
{
    if (pt2_dtype_is_complex(t->dtype))
        return to_type(L, op_at_bcast_c(L, t, p->rank, p->index).re, pt2_dtype_real(t->dtype), dtype);
    return to_type(L, op_at_bcast(L, t, p->rank, p->index), t->dtype, dtype);
}

static struct pt2_complex read_complex(struct pt2_lower *L, const struct op_pw *p, pt2_t *t)
{
    pt2_dtype from = pt2_dtype_real(t->dtype), to = pt2_dtype_real(p->dtype);
    struct pt2_complex c = op_at_bcast_c(L, t, p->rank, p->index);
    c.re = to_type(L, c.re, from, to);
    c.im = to_type(L, c.im, from, to);
    return c;
}

static void read_number(struct pt2_lower *L, struct op_pw *p, int k, enum op_rule rule, const char *name)
{
    if (p->is_complex) {
        p->c[k] = op_scalar_c(L, name, p->dtype, 0);
        return;
    }
    p->v[k] = op_scalar(L, name, p->dtype, 0);
    if (rule == OP_ROUNDED)
        p->v[k] = op_to(L, p->v[k], p->dtype);
}

static void set_dtype(struct pt2_lower *L, struct op_pw *p, enum op_rule rule, pt2_dtype kind)
{
    pt2_t *list[OP_PW_MAX];
    int m = 0;
    for (int k = 0; k < p->n; k++)
        if (p->t[k])
            list[m++] = p->t[k];
    p->dtype = op_promote(L, m, list, kind);
    if (rule == OP_FLOAT && !is_number_type(p->dtype)) {
        pt2_dtype out = op_out_dtype(L, 0);
        p->dtype = pt2_dtype_is_float(out) ? out : PT2_F32;
    }
    p->is_complex = pt2_dtype_is_complex(p->dtype);
}

static void read_tensors(struct pt2_lower *L, struct op_pw *p)
{
    for (int k = 0; k < p->n; k++) {
        if (!p->t[k])
            continue;
        if (p->is_complex)
            p->c[k] = read_complex(L, p, p->t[k]);
        else
            p->v[k] = op_pw_read(L, p, p->t[k], p->dtype);
    }
}

void op_pw_open(struct pt2_lower *L, struct op_pw *p, enum op_rule rule, int n, ...)
{
    const char *names[OP_PW_MAX];
    pt2_dtype kind = PT2_NONE;
    va_list ap;
    memset(p, 0, sizeof *p);
    p->n = n;
    va_start(ap, n);
    for (int k = 0; k < n; k++) {
        const char *name = va_arg(ap, const char *);
        bool optional = name[0] == '?';
        names[k] = optional ? name + 1 : name;
        if (op_is_tensor(L, names[k])) {
            p->t[k] = op_tensor(L, names[k]);
            continue;
        }
        pt2_dtype number = op_scalar_kind(L, names[k]);
        if (number == PT2_NONE && !optional)
            op_fail(L, PT2_ERR_FORMAT, "argument '%s' is missing", names[k]);
        if (number == PT2_NONE)
            names[k] = NULL;
        else if (number > kind)
            kind = number; /* PT2_BOOL < PT2_I64 < PT2_F64 < PT2_C128 */
    }
    va_end(ap);
    set_dtype(L, p, rule, kind);
    pt2_ex shape[PT2_MAX_RANK];
    p->rank = op_broadcast(L, n, p->t, shape);
    if (p->rank != op_out_rank(L, 0))
        op_fail(L, PT2_ERR_FORMAT, "operands of rank %d give a result of rank %d", p->rank, op_out_rank(L, 0));
    p->shape = op_out_shape(L, 0);
    p->index = op_vars(L, p->rank, p->shape);
    read_tensors(L, p);
    for (int k = 0; k < n; k++)
        if (!p->t[k] && names[k])
            read_number(L, p, k, rule, names[k]);
}

void op_pw_tensors(struct pt2_lower *L, struct op_pw *p, int n, pt2_t *const *tensors)
{
    memset(p, 0, sizeof *p);
    p->n = n;
    for (int k = 0; k < n; k++)
        p->t[k] = tensors[k];
    set_dtype(L, p, OP_SAME, PT2_NONE);
    p->shape = PT2_NEW_N(L->arena, pt2_ex, PT2_MAX_RANK);
    p->rank = op_broadcast(L, n, p->t, p->shape);
    p->index = op_vars(L, p->rank, p->shape);
    read_tensors(L, p);
}

pt2_t *op_pw_map_c(struct pt2_lower *L, const struct op_pw *p, pt2_dtype dtype, struct pt2_complex body)
{
    if (!pt2_dtype_is_complex(dtype))
        return op_pw_map(L, p, dtype, body.re);
    pt2_dtype real = pt2_dtype_real(dtype);
    if (body.re->dtype != pt2_dtype_compute(real)) {
        body.re = op_to(L, body.re, real);
        body.im = op_to(L, body.im, real);
    }
    return op_map_c(L, dtype, p->rank, p->shape, body);
}

pt2_t *op_pw_map(struct pt2_lower *L, const struct op_pw *p, pt2_dtype dtype, pt2_ex body)
{
    if (pt2_dtype_is_complex(dtype))
        return op_pw_map_c(L, p, dtype, op_c(body, ex_num(L->E, body, 0)));
    if (body->dtype != pt2_dtype_compute(dtype))
        body = op_to(L, body, dtype);
    return op_map(L, dtype, p->rank, p->shape, body);
}

void op_pw_return(struct pt2_lower *L, const struct op_pw *p, pt2_ex body)
{
    op_return(L, op_pw_map(L, p, op_out_dtype(L, 0), body));
}

void op_pw_return_c(struct pt2_lower *L, const struct op_pw *p, struct pt2_complex body)
{
    op_return(L, op_pw_map_c(L, p, op_out_dtype(L, 0), body));
}

void op_pw_real(struct pt2_lower *L, const struct op_pw *p)
{
    if (p->is_complex)
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex operands");
}

pt2_ex op_ex_to_bool(struct pt2_lower *L, pt2_ex x)
{
    return x->dtype == PT2_BOOL ? x : pt2_not(L->E, ex_eqn(L->E, x, 0));
}

/* ---- arithmetic; bools add as or and multiply as and ---- */

static pt2_ex add(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    return a->dtype == PT2_BOOL ? pt2_or(E, a, b) : pt2_add(E, a, b);
}

static pt2_ex sub(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    return a->dtype == PT2_BOOL ? pt2_bin(E, PT2_E_XOR, a, b) : pt2_sub(E, a, b);
}

static pt2_ex mul(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    return a->dtype == PT2_BOOL ? pt2_and(E, a, b) : pt2_mul(E, a, b);
}

/* data: 0 add (self + alpha * other), 1 sub, 2 rsub (other - alpha * self) */
static void lower_add_sub(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    int a = L->row->data == 2, b = !a;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    if (p.is_complex) {
        pt2_cx scaled = p.c[b];
        if (op_has(L, "alpha"))
            scaled = op_c_mul(L, scaled, op_scalar_c(L, "alpha", p.dtype, 1));
        op_pw_return_c(L, &p, L->row->data ? op_c_sub(L, p.c[a], scaled) : op_c_add(L, p.c[a], scaled));
        return;
    }
    pt2_ex scaled = p.v[b];
    if (op_has(L, "alpha"))
        scaled = mul(E, op_scalar(L, "alpha", p.dtype, 1), scaled);
    op_pw_return(L, &p, L->row->data ? sub(E, p.v[a], scaled) : add(E, p.v[a], scaled));
}

static void lower_mul(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c_mul(L, p.c[0], p.c[1]));
    else
        op_pw_return(L, &p, mul(L->E, p.v[0], p.v[1]));
}

static void lower_true_div(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, "self", "other");
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c_div(L, p.c[0], p.c[1]));
    else
        op_pw_return(L, &p, ex_div(L->E, p.v[0], p.v[1]));
}

/* Two operands of the promoted type and an expression operator: data. */
static void lower_binary(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_real(L, &p);
    op_pw_return(L, &p, pt2_bin(L->E, (enum pt2_expr_op)L->row->data, p.v[0], p.v[1]));
}

static void lower_float_binary(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, "self", "other");
    op_pw_real(L, &p);
    op_pw_return(L, &p, pt2_bin(L->E, (enum pt2_expr_op)L->row->data, p.v[0], p.v[1]));
}

/* Half quotients are rounded to the half type before they are truncated, as PyTorch's scalar kernel does. */
static pt2_ex trunc_quotient(struct pt2_lower *L, const struct op_pw *p)
{
    struct pt2_exprs *E = L->E;
    if (!pt2_dtype_is_float(p->dtype))
        return pt2_bin(E, PT2_E_TRUNCDIV, p->v[0], p->v[1]);
    pt2_ex q = ex_div(E, p->v[0], p->v[1]);
    if (pt2_dtype_compute(p->dtype) != p->dtype)
        q = op_to(L, q, p->dtype);
    return pt2_un(E, PT2_E_TRUNC, q);
}

static void lower_div(struct pt2_lower *L)
{
    const char *mode = op_string(L, "rounding_mode", NULL);
    struct op_pw p;
    if (!mode) {
        lower_true_div(L);
        return;
    }
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_real(L, &p);
    if (!strcmp(mode, "floor"))
        op_pw_return(L, &p, pt2_floordiv(L->E, p.v[0], p.v[1]));
    else if (!strcmp(mode, "trunc"))
        op_pw_return(L, &p, trunc_quotient(L, &p));
    else
        op_fail(L, PT2_ERR_FORMAT, "rounding_mode '%s'", mode);
}

/* prims.div: integers are truncated. */
static void lower_prims_div(struct pt2_lower *L)
{
    struct op_pw p;
    if (!pt2_dtype_is_int(op_out_dtype(L, 0))) {
        lower_true_div(L);
        return;
    }
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_return(L, &p, trunc_quotient(L, &p));
}

/* ---- powers ---- */

/* PyTorch's special cases for exponents that are numbers (pow_tensor_optimized_scalar_kernel). */
static pt2_ex pow_number(struct pt2_exprs *E, pt2_ex x, double n)
{
    if (n == 0)
        return ex_num(E, x, 1);
    if (n == 1)
        return x;
    if (n == 2)
        return ex_square(E, x);
    if (n == 3)
        return pt2_mul(E, ex_square(E, x), x);
    if (n == 0.5)
        return ex_sqrt(E, x);
    if (n == -0.5)
        return ex_ndiv(E, 1, ex_sqrt(E, x));
    if (n == -1)
        return ex_ndiv(E, 1, x);
    if (n == -2)
        return ex_ndiv(E, 1, ex_square(E, x));
    return pt2_bin(E, PT2_E_POW, x, ex_num(E, x, n));
}

static pt2_ex power(struct pt2_exprs *E, pt2_ex x, pt2_ex y)
{
    bool is_float = pt2_dtype_is_float((pt2_dtype)x->dtype);
    if (x->dtype == PT2_BOOL)
        return pt2_or(E, x, pt2_not(E, y));
    if (!pt2_is_const(y))
        return pt2_bin(E, PT2_E_POW, x, y);
    if (is_float)
        return pow_number(E, x, y->f);
    return y->i == 0 || y->i == 1 || y->i == 2 ? pow_number(E, x, (double)y->i) : pt2_bin(E, PT2_E_POW, x, y);
}

static void lower_pow(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "exponent");
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c_pow(L, p.c[0], p.c[1]));
    else
        op_pw_return(L, &p, power(L->E, p.v[0], p.v[1]));
}

/* float_power: computed in float64 (or complex128) whatever the operands are. */
static void lower_float_power(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "exponent");
    if (p.is_complex) {
        for (int k = 0; k < 2; k++)
            p.c[k] = op_c(pt2_cast(L->E, PT2_F64, p.c[k].re), pt2_cast(L->E, PT2_F64, p.c[k].im));
        op_pw_return_c(L, &p, op_c_pow(L, p.c[0], p.c[1]));
        return;
    }
    pt2_ex v[2];
    static const char *const names[] = { "self", "exponent" };
    for (int k = 0; k < 2; k++)
        v[k] = p.t[k] ? op_pw_read(L, &p, p.t[k], PT2_F64) : op_scalar(L, names[k], PT2_F64, 0);
    op_pw_return(L, &p, power(L->E, v[0], v[1]));
}

/* square is pow(self, 2): a bool becomes int64. */
static void lower_square(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    if (p.is_complex) {
        op_pw_return_c(L, &p, op_c_mul(L, p.c[0], p.c[0]));
        return;
    }
    pt2_ex x = p.dtype == PT2_BOOL ? op_to(L, p.v[0], PT2_I64) : p.v[0];
    op_pw_return(L, &p, ex_square(L->E, x));
}

static void lower_ldexp(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, "self", "other");
    if (p.is_complex) {
        pt2_cx power;
        op_c_unary(L, PT2_E_EXP2, p.c[1], &power);
        op_pw_return_c(L, &p, op_c_mul(L, p.c[0], power));
        return;
    }
    op_pw_return(L, &p, pt2_mul(E, p.v[0], pt2_un(E, PT2_E_EXP2, p.v[1])));
}

/* ---- three operands ---- */

/* lerp.h: the formula that is exact at both ends. */
static pt2_ex lerp(struct pt2_exprs *E, pt2_ex a, pt2_ex b, pt2_ex w)
{
    pt2_ex d = pt2_sub(E, b, a);
    pt2_ex low = pt2_add(E, a, pt2_mul(E, w, d));
    pt2_ex high = pt2_sub(E, b, pt2_mul(E, d, ex_nsub(E, 1, w)));
    return pt2_select(E, ex_ltn(E, ex_abs(E, w), 0.5), low, high);
}

static void lower_lerp(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 3, "self", "end", "weight");
    if (p.is_complex) {
        pt2_cx d = op_c_sub(L, p.c[1], p.c[0]), one = op_c_num(L, p.c[0].re, 1, 0);
        pt2_cx low = op_c_add(L, p.c[0], op_c_mul(L, p.c[2], d));
        pt2_cx high = op_c_sub(L, p.c[1], op_c_mul(L, d, op_c_sub(L, one, p.c[2])));
        pt2_ex small = ex_ltn(L->E, op_c_abs(L, p.c[2]), 0.5);
        op_pw_return_c(L, &p, op_c_select(L, small, low, high));
        return;
    }
    op_pw_return(L, &p, lerp(L->E, p.v[0], p.v[1], p.v[2]));
}

/* addcmul (data 0): self + value * tensor1 * tensor2; addcdiv (data 1): self + value * (tensor1 / tensor2). */
static void lower_addc(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 3, "self", "tensor1", "tensor2");
    if (p.is_complex) {
        pt2_cx value = op_scalar_c(L, "value", p.dtype, 1);
        pt2_cx scaled = op_c_mul(L, value, p.c[1]);
        scaled = L->row->data ? op_c_div(L, scaled, p.c[2]) : op_c_mul(L, scaled, p.c[2]);
        op_pw_return_c(L, &p, op_c_add(L, p.c[0], scaled));
        return;
    }
    if (L->row->data && !pt2_dtype_is_float(p.dtype))
        op_fail(L, PT2_ERR_UNSUPPORTED, "integer division");
    pt2_ex scaled = mul(E, op_scalar(L, "value", p.dtype, 1), p.v[1]);
    scaled = L->row->data ? ex_div(E, scaled, p.v[2]) : mul(E, scaled, p.v[2]);
    op_pw_return(L, &p, add(E, p.v[0], scaled));
}

/* ---- other functions of two numbers ---- */

/* data: LOG or LOG1P of other; 0 where self is 0 unless other is NaN. */
static void lower_xlogy(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, "self", "other");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0], y = p.v[1];
    pt2_ex product = pt2_mul(E, x, pt2_un(E, (enum pt2_expr_op)L->row->data, y));
    pt2_ex r = pt2_select(E, ex_eqn(E, x, 0), ex_num(E, x, 0), product);
    op_pw_return(L, &p, pt2_select(E, ex_isnan(E, y), y, r));
}

/* The operand with the larger real part, plus log(1 + exp(other - it)): its imaginary part is not reduced. */
static pt2_cx logaddexp_c(struct pt2_lower *L, pt2_cx a, pt2_cx b)
{
    struct pt2_exprs *E = L->E;
    pt2_ex less = pt2_lt(E, a.re, b.re), same = pt2_and(E, pt2_eq(E, a.re, b.re), ex_isinf(E, a.re));
    pt2_cx big = op_c_select(L, less, b, a), small = op_c_select(L, less, a, b), r;
    op_c_unary(L, PT2_E_LOG1P, op_c_exp(L, op_c_sub(L, small, big)), &r);
    r = op_c_add(L, big, r);
    pt2_cx both = op_c_log(L, op_c_add(L, op_c_exp(L, a), op_c_exp(L, b)));
    return op_c_select(L, same, op_c_select(L, ex_ltn(E, a.re, 0), small, both), r);
}

/* data: EXP or EXP2 */
static void lower_logaddexp(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, "self", "other");
    if (p.is_complex) {
        op_pw_return_c(L, &p, logaddexp_c(L, p.c[0], p.c[1]));
        return;
    }
    pt2_ex a = p.v[0], b = p.v[1];
    pt2_ex d = ex_neg(E, ex_abs(E, pt2_sub(E, a, b)));
    pt2_ex tail = pt2_un(E, PT2_E_LOG1P, pt2_un(E, (enum pt2_expr_op)L->row->data, d));
    if (L->row->data == PT2_E_EXP2)
        tail = ex_muln(E, tail, 1.44269504088896340736);
    pt2_ex same_inf = pt2_and(E, ex_isinf(E, a), pt2_eq(E, a, b));
    op_pw_return(L, &p, pt2_select(E, same_inf, a, pt2_add(E, pt2_max(E, a, b), tail)));
}

static void lower_heaviside(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "values");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0];
    if (p.dtype == PT2_BOOL) {
        op_pw_return(L, &p, pt2_or(E, x, p.v[1]));
        return;
    }
    pt2_ex step = pt2_select(E, ex_gtn(E, x, 0), ex_num(E, x, 1), ex_num(E, x, 0));
    op_pw_return(L, &p, pt2_select(E, ex_eqn(E, x, 0), p.v[1], step));
}

static void lower_lcm(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_real(L, &p);
    if (!pt2_dtype_is_int(p.dtype))
        op_fail(L, PT2_ERR_FORMAT, "lcm of %s", pt2_dtype_name(p.dtype));
    pt2_ex g = pt2_bin(E, PT2_E_GCD, p.v[0], p.v[1]), none = ex_eqn(E, g, 0);
    pt2_ex safe = pt2_select(E, none, ex_num(E, g, 1), g);
    pt2_ex r = ex_abs(E, pt2_mul(E, pt2_bin(E, PT2_E_TRUNCDIV, p.v[0], safe), p.v[1]));
    op_pw_return(L, &p, pt2_select(E, none, g, r));
}

/* ---- building blocks ---- */

pt2_t *op_add(struct pt2_lower *L, pt2_t *a, pt2_t *b)
{
    struct op_pw p;
    op_pw_tensors(L, &p, 2, (pt2_t *[]){ a, b });
    if (p.is_complex)
        return op_pw_map_c(L, &p, p.dtype, op_c_add(L, p.c[0], p.c[1]));
    return op_pw_map(L, &p, p.dtype, add(L->E, p.v[0], p.v[1]));
}

pt2_t *op_sub(struct pt2_lower *L, pt2_t *a, pt2_t *b)
{
    struct op_pw p;
    op_pw_tensors(L, &p, 2, (pt2_t *[]){ a, b });
    if (p.is_complex)
        return op_pw_map_c(L, &p, p.dtype, op_c_sub(L, p.c[0], p.c[1]));
    return op_pw_map(L, &p, p.dtype, sub(L->E, p.v[0], p.v[1]));
}

pt2_t *op_mul(struct pt2_lower *L, pt2_t *a, pt2_t *b)
{
    struct op_pw p;
    op_pw_tensors(L, &p, 2, (pt2_t *[]){ a, b });
    if (p.is_complex)
        return op_pw_map_c(L, &p, p.dtype, op_c_mul(L, p.c[0], p.c[1]));
    return op_pw_map(L, &p, p.dtype, mul(L->E, p.v[0], p.v[1]));
}

/* True division: integers become float32. */
pt2_t *op_div(struct pt2_lower *L, pt2_t *a, pt2_t *b)
{
    struct op_pw p;
    op_pw_tensors(L, &p, 2, (pt2_t *[]){ a, b });
    if (p.is_complex)
        return op_pw_map_c(L, &p, p.dtype, op_c_div(L, p.c[0], p.c[1]));
    if (pt2_dtype_is_float(p.dtype))
        return op_pw_map(L, &p, p.dtype, ex_div(L->E, p.v[0], p.v[1]));
    return op_pw_map(L, &p, PT2_F32, ex_div(L->E, op_to(L, p.v[0], PT2_F32), op_to(L, p.v[1], PT2_F32)));
}

pt2_t *op_unary(struct pt2_lower *L, enum pt2_expr_op op, pt2_t *a)
{
    struct op_pw p;
    struct pt2_complex c;
    op_pw_tensors(L, &p, 1, &a);
    if (!p.is_complex)
        return op_pw_map(L, &p, p.dtype, pt2_un(L->E, op, p.v[0]));
    if (!op_c_unary(L, op, p.c[0], &c))
        op_fail(L, PT2_ERR_UNSUPPORTED, "%s of complex numbers", pt2_expr_op_name(op));
    return op_pw_map_c(L, &p, p.dtype, c);
}

pt2_t *op_scale(struct pt2_lower *L, pt2_t *a, double factor)
{
    struct op_pw p;
    op_pw_tensors(L, &p, 1, &a);
    if (p.is_complex)
        return op_pw_map_c(L, &p, p.dtype, op_c_scale(L, p.c[0], ex_num(L->E, p.c[0].re, factor)));
    return op_pw_map(L, &p, p.dtype, ex_muln(L->E, p.v[0], factor));
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_pointwise[] = {
    { "aten.add", lower_add_sub, 0 },
    { "aten.sub", lower_add_sub, 1 },
    { "aten.subtract", lower_add_sub, 1 },
    { "aten.rsub", lower_add_sub, 2 },
    { "aten.mul", lower_mul, 0 },
    { "aten.multiply", lower_mul, 0 },
    { "aten.div", lower_div, 0 },
    { "aten.divide", lower_div, 0 },
    { "prims.div", lower_prims_div, 0 },
    { "aten.true_divide", lower_true_div, 0 },
    { "aten.floor_divide", lower_binary, PT2_E_FLOORDIV },
    { "aten.remainder", lower_binary, PT2_E_FLOORMOD },
    { "aten.fmod", lower_binary, PT2_E_REM },
    { "aten.pow", lower_pow, 0 },
    { "aten.float_power", lower_float_power, 0 },
    { "aten.square", lower_square, 0 },
    { "aten.ldexp", lower_ldexp, 0 },
    { "aten.lerp", lower_lerp, 0 },
    { "aten.addcmul", lower_addc, 0 },
    { "aten.addcdiv", lower_addc, 1 },
    { "aten.atan2", lower_float_binary, PT2_E_ATAN2 },
    { "aten.arctan2", lower_float_binary, PT2_E_ATAN2 },
    { "aten.hypot", lower_float_binary, PT2_E_HYPOT },
    { "aten.copysign", lower_float_binary, PT2_E_COPYSIGN },
    { "aten.xlogy", lower_xlogy, PT2_E_LOG },
    { "aten.special_xlogy", lower_xlogy, PT2_E_LOG },
    { "aten.special_xlog1py", lower_xlogy, PT2_E_LOG1P },
    { "aten.logaddexp", lower_logaddexp, PT2_E_EXP },
    { "aten.logaddexp2", lower_logaddexp, PT2_E_EXP2 },
    { "aten.heaviside", lower_heaviside, 0 },
    { "aten.gcd", lower_binary, PT2_E_GCD },
    { "aten.lcm", lower_lcm, 0 },
    { 0 },
};
