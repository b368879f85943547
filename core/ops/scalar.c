/* SPDX-License-Identifier: MIT
 * Numbers beside the tensors: sizes, Python's arithmetic on them, and the checks that exporters leave in graphs.
 * Integers are index expressions, floats float64. */
#include "ops/internal.h"
#include "ops/math.h"

/* ---- operands ---- */

static pt2_ex tensor_number(struct pt2_lower *L, pt2_t *t)
{
    pt2_ex zero[PT2_MAX_RANK];
    for (int k = 0; k < t->rank; k++)
        zero[k] = pt2_idx(L->E, 0);
    pt2_ex e = op_at(L, t, zero);
    if (e->dtype == PT2_BOOL)
        return e;
    return pt2_cast(L->E, pt2_is_float_type(e->dtype) ? PT2_F64 : PT2_IDX, e);
}

/* Operand k, called `name` in every release so far. */
static pt2_ex operand(struct pt2_lower *L, uint32_t k, const char *name)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    if (!a && k < L->node->num_args)
        a = &L->node->args[k];
    struct pt2_slot s = a ? pt2_lower_arg(L, a) : (struct pt2_slot){ NULL, NULL };
    if (s.tensor)
        return tensor_number(L, s.tensor);
    if (!s.scalar)
        op_fail(L, PT2_ERR_FORMAT, "operand '%s' is not a number", name);
    return s.scalar;
}

static pt2_ex as_int(struct pt2_lower *L, pt2_ex e)
{
    return pt2_cast(L->E, PT2_IDX, e);
}

static pt2_ex as_float(struct pt2_lower *L, pt2_ex e)
{
    return pt2_cast(L->E, PT2_F64, e);
}

static pt2_ex as_bool(struct pt2_lower *L, pt2_ex e)
{
    return pt2_cast(L->E, PT2_BOOL, e);
}

/* Two operands of one type: float64 when either is a float, else index. */
static void operands(struct pt2_lower *L, pt2_ex *a, pt2_ex *b)
{
    *a = operand(L, 0, "a");
    *b = operand(L, 1, "b");
    bool is_float = (*a)->dtype == PT2_F64 || (*b)->dtype == PT2_F64;
    *a = is_float ? as_float(L, *a) : as_int(L, *a);
    *b = is_float ? as_float(L, *b) : as_int(L, *b);
}

static void result(struct pt2_lower *L, pt2_ex e)
{
    op_result_scalar(L, 0, e);
}

/* ---- arithmetic ---- */

/* data: an operator that floats have too. */
static void lower_arithmetic(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_ex a, b;
    operands(L, &a, &b);
    switch ((int)L->row->data) {
    case PT2_E_ADD: result(L, pt2_add(E, a, b)); break;
    case PT2_E_SUB: result(L, pt2_sub(E, a, b)); break;
    case PT2_E_MUL: result(L, pt2_mul(E, a, b)); break;
    case PT2_E_MIN: result(L, pt2_min(E, a, b)); break;
    case PT2_E_MAX: result(L, pt2_max(E, a, b)); break;
    case PT2_E_FLOORDIV: result(L, pt2_floordiv(E, a, b)); break;
    default: result(L, pt2_floormod(E, a, b)); break;
    }
}

static void lower_truediv(struct pt2_lower *L)
{
    pt2_ex a, b;
    operands(L, &a, &b);
    result(L, ex_div(L->E, as_float(L, a), as_float(L, b)));
}

/* Integer powers with a small constant exponent are products. */
static pt2_ex power(struct pt2_lower *L, pt2_ex a, pt2_ex b)
{
    if (a->dtype != PT2_IDX || !pt2_is_const(b) || b->i < 0 || b->i > 62) {
        bool whole = a->dtype == PT2_IDX && pt2_prove_le(L->E, pt2_idx(L->E, 0), b);
        pt2_ex p = pt2_bin(L->E, PT2_E_POW, as_float(L, a), as_float(L, b));
        return whole ? as_int(L, p) : p;
    }
    pt2_ex r = pt2_idx(L->E, 1);
    for (int64_t k = 0; k < b->i; k++)
        r = pt2_mul(L->E, r, a);
    return r;
}

static void lower_power(struct pt2_lower *L)
{
    pt2_ex a, b;
    operands(L, &a, &b);
    result(L, power(L, a, b));
}

/* data: 0 left, 1 right */
static void lower_shift(struct pt2_lower *L)
{
    pt2_ex a = as_int(L, operand(L, 0, "a")), b = as_int(L, operand(L, 1, "b"));
    pt2_ex factor = power(L, pt2_idx(L->E, 2), b);
    result(L, L->row->data ? pt2_floordiv(L->E, a, as_int(L, factor)) : pt2_mul(L->E, a, as_int(L, factor)));
}

static void lower_sign(struct pt2_lower *L)
{
    pt2_ex a = operand(L, 0, "a");
    if (a->dtype == PT2_BOOL)
        a = as_int(L, a);
    if (L->row->data)
        a = a->dtype == PT2_IDX ? pt2_muli(L->E, a, -1) : ex_neg(L->E, a);
    result(L, a);
}

static void lower_abs(struct pt2_lower *L)
{
    pt2_ex a = operand(L, 0, "a");
    result(L, a->dtype == PT2_IDX ? pt2_max(L->E, a, pt2_muli(L->E, a, -1)) : ex_abs(L->E, as_float(L, a)));
}

/* trunc, floor, ceil, round of a float to an int. data: the operator. */
static void lower_to_int(struct pt2_lower *L)
{
    pt2_ex a = operand(L, 0, L->node->target[0] == 'm' ? "x" : "a");
    if (a->dtype == PT2_F64 && L->row->data != PT2_E_TRUNC)
        a = pt2_un(L->E, (enum pt2_expr_op)L->row->data, a);
    result(L, as_int(L, a));
}

static void lower_to_float(struct pt2_lower *L)
{
    result(L, as_float(L, operand(L, 0, "a")));
}

static void lower_function(struct pt2_lower *L)
{
    result(L, pt2_un(L->E, (enum pt2_expr_op)L->row->data, as_float(L, operand(L, 0, "a"))));
}

/* ---- logic ---- */

enum { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

static void lower_compare(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_ex a, b;
    operands(L, &a, &b);
    switch (L->row->data) {
    case CMP_EQ: result(L, pt2_eq(E, a, b)); break;
    case CMP_NE: result(L, pt2_not(E, pt2_eq(E, a, b))); break;
    case CMP_LT: result(L, pt2_lt(E, a, b)); break;
    case CMP_LE: result(L, pt2_le(E, a, b)); break;
    case CMP_GT: result(L, pt2_lt(E, b, a)); break;
    default: result(L, pt2_le(E, b, a)); break;
    }
}

static void lower_logic(struct pt2_lower *L)
{
    enum pt2_expr_op op = (enum pt2_expr_op)L->row->data;
    pt2_ex a = operand(L, 0, "a"), b = operand(L, 1, "b");
    if (a->dtype == PT2_BOOL && b->dtype == PT2_BOOL)
        result(L, pt2_bin(L->E, op, a, b));
    else
        result(L, as_int(L, pt2_bin(L->E, op, pt2_cast(L->E, PT2_I64, a), pt2_cast(L->E, PT2_I64, b))));
}

static void lower_not(struct pt2_lower *L)
{
    result(L, pt2_not(L->E, as_bool(L, operand(L, 0, "a"))));
}

static void lower_ite(struct pt2_lower *L)
{
    pt2_ex c = as_bool(L, operand(L, 0, "b")), t = operand(L, 1, "t"), f = operand(L, 2, "f");
    if (t->dtype != f->dtype) {
        t = as_float(L, t);
        f = as_float(L, f);
    }
    result(L, pt2_select(L->E, c, t, f));
}

/* ---- sizes ---- */

static const struct pt2_tensor_meta *meta_of(struct pt2_lower *L)
{
    const struct pt2_arg *a = pt2_find_arg(L, "self");
    if (!a || a->kind != PT2_ARG_VALUE || !a->value->meta)
        op_fail(L, PT2_ERR_FORMAT, "the file does not describe the operand");
    return a->value->meta;
}

static void lower_size(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    if (op_has(L, "dim")) {
        int dim = op_dim(L, "dim", 0, t->rank);
        if (t->rank == 0)
            op_fail(L, PT2_ERR_FORMAT, "a size of a tensor without dimensions");
        result(L, t->shape[dim]);
        return;
    }
    for (int k = 0; k < t->rank; k++)
        op_result_scalar(L, k, t->shape[k]);
}

/* Strides are what the exporter saw: tensors here have none. */
static void lower_stride(struct pt2_lower *L)
{
    const struct pt2_tensor_meta *m = meta_of(L);
    bool one = op_has(L, "dim");
    int dim = op_dim(L, "dim", 0, m->rank);
    if (one && m->rank == 0)
        op_fail(L, PT2_ERR_FORMAT, "a stride of a tensor without dimensions");
    if (one)
        result(L, as_int(L, pt2_lower_symexpr(L, m->strides[dim])));
    for (int k = 0; !one && k < m->rank; k++)
        op_result_scalar(L, k, as_int(L, pt2_lower_symexpr(L, m->strides[k])));
}

static void lower_numel(struct pt2_lower *L)
{
    result(L, op_numel(L, op_tensor(L, "self")));
}

static void lower_storage_offset(struct pt2_lower *L)
{
    result(L, as_int(L, pt2_lower_symexpr(L, meta_of(L)->offset)));
}

/* ---- checks ---- */

/* A token, where there is one, passes through. */
static void return_token(struct pt2_lower *L)
{
    if (L->node->num_outs && op_has(L, "dep_token"))
        op_return(L, op_tensor(L, "dep_token"));
}

/* _assert_scalar(self, assert_msg), _assert_async(self[, assert_msg]): self must be true, or not 0. */
static void lower_assert(struct pt2_lower *L)
{
    op_check(L, as_bool(L, operand(L, 0, "self")),
             pt2_arena_printf(L->arena, "assertion failed: %s", op_string(L, "assert_msg", "the value is false")));
    return_token(L);
}

/* sym_constrain_range(size, min, max); data: 1 for sizes, which are not negative. */
static void lower_constrain(struct pt2_lower *L)
{
    pt2_ex size = as_int(L, operand(L, 0, "size"));
    int64_t low = op_int(L, "min", L->row->data ? 0 : -PT2_INF), high = op_int(L, "max", PT2_INF);
    low = L->row->data && low < 0 ? 0 : low;
    if (low > -PT2_INF)
        op_check(L, pt2_le(L->E, pt2_idx(L->E, low), size),
                 pt2_arena_printf(L->arena, "a size is less than %lld", (long long)low));
    if (high < PT2_INF)
        op_check(L, pt2_le(L->E, size, pt2_idx(L->E, high)),
                 pt2_arena_printf(L->arena, "a size is greater than %lld", (long long)high));
    return_token(L);
}

static void lower_metadata(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, op_has(L, "a") ? "a" : "self");
    pt2_dtype want = op_dtype(L, "dtype", t->dtype);
    if (want != t->dtype)
        op_fail(L, PT2_ERR_FORMAT, "the graph expects %s, not %s", pt2_dtype_name(want), pt2_dtype_name(t->dtype));
}

static void lower_dep_token(struct pt2_lower *L)
{
    pt2_dtype t = op_out_dtype(L, 0);
    pt2_ex zero = pt2_num(L->E, (int)pt2_dtype_compute(t), 0);
    op_return(L, op_full(L, t, op_out_rank(L, 0), op_out_shape(L, 0), zero));
}

/* Questions about dtypes: the exporter used the answer, the graph does not. */
static void lower_answered(struct pt2_lower *L)
{
    (void)L;
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_scalar[] = {
    { "_operator.add", lower_arithmetic, PT2_E_ADD },
    { "_operator.sub", lower_arithmetic, PT2_E_SUB },
    { "_operator.mul", lower_arithmetic, PT2_E_MUL },
    { "_operator.floordiv", lower_arithmetic, PT2_E_FLOORDIV },
    { "_operator.mod", lower_arithmetic, PT2_E_FLOORMOD },
    { "_operator.truediv", lower_truediv, 0 },
    { "_operator.pow", lower_power, 0 },
    { "_operator.lshift", lower_shift, 0 },
    { "_operator.rshift", lower_shift, 1 },
    { "_operator.pos", lower_sign, 0 },
    { "_operator.neg", lower_sign, 1 },
    { "_operator.abs", lower_abs, 0 },
    { "_operator.eq", lower_compare, CMP_EQ },
    { "_operator.ne", lower_compare, CMP_NE },
    { "_operator.lt", lower_compare, CMP_LT },
    { "_operator.le", lower_compare, CMP_LE },
    { "_operator.gt", lower_compare, CMP_GT },
    { "_operator.ge", lower_compare, CMP_GE },
    { "_operator.and_", lower_logic, PT2_E_AND },
    { "_operator.or_", lower_logic, PT2_E_OR },
    { "_operator.xor", lower_logic, PT2_E_XOR },
    { "_operator.not_", lower_not, 0 },
    { "math.trunc", lower_to_int, PT2_E_TRUNC },
    { "math.floor", lower_to_int, PT2_E_FLOOR },
    { "math.ceil", lower_to_int, PT2_E_CEIL },
    { "builtins.round", lower_to_int, PT2_E_ROUND },
    { "torch.sym_int", lower_to_int, PT2_E_TRUNC },
    { "torch.sym_float", lower_to_float, 0 },
    { "torch.sym_not", lower_not, 0 },
    { "torch.sym_max", lower_arithmetic, PT2_E_MAX },
    { "torch.sym_min", lower_arithmetic, PT2_E_MIN },
    { "torch.sym_ite", lower_ite, 0 },
    { "torch._sym_sqrt", lower_function, PT2_E_SQRT },
    { "torch._sym_cos", lower_function, PT2_E_COS },
    { "torch._sym_cosh", lower_function, PT2_E_COSH },
    { "torch._sym_sin", lower_function, PT2_E_SIN },
    { "torch._sym_sinh", lower_function, PT2_E_SINH },
    { "torch._sym_tan", lower_function, PT2_E_TAN },
    { "torch._sym_tanh", lower_function, PT2_E_TANH },
    { "torch._sym_asin", lower_function, PT2_E_ASIN },
    { "torch._sym_acos", lower_function, PT2_E_ACOS },
    { "torch._sym_atan", lower_function, PT2_E_ATAN },
    { "torch._sym_exp", lower_function, PT2_E_EXP },
    { "torch._sym_log", lower_function, PT2_E_LOG },
    { "torch._sym_log2", lower_function, PT2_E_LOG2 },
    { "torch._sym_asinh", lower_function, PT2_E_ASINH },
    { "aten.sym_size", lower_size, 0 },
    { "aten.sym_stride", lower_stride, 0 },
    { "aten.sym_numel", lower_numel, 0 },
    { "aten.sym_storage_offset", lower_storage_offset, 0 },
    { "aten._assert_scalar", lower_assert, 0 },
    { "aten._functional_assert_scalar", lower_assert, 0 },
    { "aten._assert_async", lower_assert, 0 },
    { "aten._functional_assert_async", lower_assert, 0 },
    { "aten.sym_constrain_range", lower_constrain, 0 },
    { "aten.sym_constrain_range_for_size", lower_constrain, 1 },
    { "aten._functional_sym_constrain_range", lower_constrain, 0 },
    { "aten._functional_sym_constrain_range_for_size", lower_constrain, 1 },
    { "aten._assert_tensor_metadata", lower_metadata, 0 },
    { "aten._make_dep_token", lower_dep_token, 0 },
    { "aten.can_cast", lower_answered, 0 },
    { "aten.promote_types", lower_answered, 0 },
    { "aten.result_type", lower_answered, 0 },
    { 0 },
};
