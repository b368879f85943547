/* SPDX-License-Identifier: MIT
 * The constructors of operators. Index types go to index.c; here are the rules for data: constants fold, identities
 * vanish, casts that undo each other cancel, commutative operands are ordered. Floats keep every rounding: nothing is
 * reassociated. */
#include "expr/internal.h"

static bool commutes(int op)
{
    switch (op) {
    case PT2_E_ADD: case PT2_E_MUL: case PT2_E_MIN: case PT2_E_MAX: case PT2_E_AND: case PT2_E_OR: case PT2_E_XOR:
    case PT2_E_EQ: case PT2_E_NE: case PT2_E_GCD:
        return true;
    default: return false;
    }
}

static bool compares(int op)
{
    return op == PT2_E_LT || op == PT2_E_LE || op == PT2_E_EQ || op == PT2_E_NE;
}

static pt2_ex make(struct pt2_exprs *E, int op, int dtype, int n, const pt2_ex *args)
{
    return pt2_intern(E, op, dtype, 0, 0, n, args);
}

/* ---- comparisons ---- */

/* a < b (or a <= b) whatever their values are. For data, whose ends are those of int64, PT2_INF is no bound. */
static bool always(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    if (a->dtype == PT2_IDX)
        return op == PT2_E_LT ? pt2_prove_lt(E, a, b) : pt2_prove_le(E, a, b);
    return a->hi < PT2_INF && b->lo > -PT2_INF && (op == PT2_E_LT ? a->hi < b->lo : a->hi <= b->lo);
}

/* 1: true, 0: false, -1: it depends. */
static int decided(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    switch (op) {
    case PT2_E_LT: return always(E, PT2_E_LT, a, b) ? 1 : always(E, PT2_E_LE, b, a) ? 0 : -1;
    case PT2_E_LE: return always(E, PT2_E_LE, a, b) ? 1 : always(E, PT2_E_LT, b, a) ? 0 : -1;
    default:
        if (a == b || (a->dtype == PT2_IDX && pt2_prove_eq(E, a, b)))
            return op == PT2_E_EQ;
        return a->hi < b->lo || b->hi < a->lo ? op == PT2_E_NE : -1;
    }
}

static pt2_ex compare(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    if (pt2_is_const(a) && pt2_is_const(b))
        return pt2_fold(E, op, PT2_BOOL, a, b);
    if (!pt2_is_float_type(a->dtype) && a->dtype != PT2_U64) {
        int d = decided(E, op, a, b);
        if (d >= 0)
            return pt2_int(E, PT2_BOOL, d);
    }
    if (a->dtype == PT2_BOOL && (op == PT2_E_EQ || op == PT2_E_NE) && pt2_is_const(b))
        return (op == PT2_E_EQ) == (b->i == 1) ? a : pt2_not(E, a);
    pt2_ex args[2] = { a, b };
    return make(E, op, PT2_BOOL, 2, args);
}

/* ---- 64-bit integers that fit 32 bits ----
 * int64 is everywhere in exported graphs, and slow or emulated on many devices. Where ranges prove that operands and
 * result fit, the operation is done in int32 and only its result is int64. */

static bool fits32(pt2_ex e)
{
    return e->lo >= INT32_MIN && e->hi <= INT32_MAX;
}

/* The operand as int32; NULL when it is not known to be one. */
static pt2_ex as_int32(struct pt2_exprs *E, pt2_ex e)
{
    if (!fits32(e) || e->dtype != PT2_I64)
        return NULL;
    if (pt2_is_const(e))
        return pt2_int(E, PT2_I32, e->i);
    return e->op == PT2_E_CAST && !pt2_is_float_type(e->args[0]->dtype) ? pt2_cast(E, PT2_I32, e->args[0]) : NULL;
}

static bool narrows(int op)
{
    switch (op) {
    case PT2_E_ADD:
    case PT2_E_SUB:
    case PT2_E_MUL:
    case PT2_E_MIN:
    case PT2_E_MAX:
    case PT2_E_FLOORDIV:
    case PT2_E_FLOORMOD:
    case PT2_E_TRUNCDIV: case PT2_E_REM:
        return true;
    default: return compares(op);
    }
}

/* Whether the exact result of int32 operands fits int32 again: from the same interval arithmetic, done in int64. */
static bool result_fits(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    pt2_ex args[2] = { a, b };
    return compares(op) || fits32(make(E, op, PT2_I64, 2, args));
}

static pt2_ex narrowed(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    if (a->dtype != PT2_I64 || !narrows(op) || (pt2_is_const(a) && pt2_is_const(b)))
        return NULL;
    pt2_ex x = as_int32(E, a), y = x ? as_int32(E, b) : NULL;
    if (!y || !result_fits(E, op, a, b))
        return NULL;
    pt2_ex r = pt2_bin(E, (enum pt2_expr_op)op, x, y);
    return compares(op) ? r : pt2_cast(E, PT2_I64, r);
}

/* ---- binary ---- */

static pt2_ex logic(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    if (a == b && op != PT2_E_XOR)
        return a;
    if (!pt2_is_const(b))
        return NULL;
    if (op == PT2_E_AND)
        return b->i ? a : b;
    if (op == PT2_E_OR)
        return b->i ? b : a;
    return b->i ? pt2_not(E, a) : a;
}

static pt2_ex int_identity(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    switch (op) {
    case PT2_E_ADD: return pt2_is_int(b, 0) ? a : NULL;
    case PT2_E_SUB: return pt2_is_int(b, 0) ? a : a == b ? pt2_int(E, a->dtype, 0) : NULL;
    case PT2_E_MUL: return pt2_is_int(b, 1) ? a : pt2_is_int(b, 0) ? b : NULL;
    case PT2_E_MIN: case PT2_E_MAX: return a == b ? a : NULL;
    case PT2_E_AND: case PT2_E_OR: return a == b ? a : NULL;
    case PT2_E_SHL: case PT2_E_SHR: return pt2_is_int(b, 0) ? a : NULL;
    case PT2_E_FLOORDIV: case PT2_E_TRUNCDIV: return pt2_is_int(b, 1) ? a : NULL;
    case PT2_E_FLOORMOD: return pt2_is_int(b, 1) ? pt2_int(E, a->dtype, 0) : NULL;
    default: return NULL;
    }
}

/* x + 0 is not x for x = -0; x - 0, x * 1, x / 1 are. */
static pt2_ex float_identity(int op, pt2_ex a, pt2_ex b)
{
    if (!pt2_is_const(b))
        return (op == PT2_E_MIN || op == PT2_E_MAX) && a == b ? a : NULL;
    if (op == PT2_E_SUB && b->f == 0 && !__builtin_signbit(b->f))
        return a;
    return (op == PT2_E_MUL || op == PT2_E_DIV || op == PT2_E_POW) && b->f == 1 ? a : NULL;
}

static bool index_op(int op)
{
    return op == PT2_E_ADD || op == PT2_E_SUB || op == PT2_E_MUL || op == PT2_E_FLOORDIV || op == PT2_E_FLOORMOD ||
           op == PT2_E_MIN || op == PT2_E_MAX;
}

static pt2_ex check(struct pt2_exprs *E, pt2_ex i, pt2_ex n)
{
    if (pt2_prove_le(E, pt2_idx(E, 0), i) && pt2_prove_lt(E, i, n))
        return i;
    pt2_ex args[2] = { i, n };
    return make(E, PT2_E_CHECK, PT2_IDX, 2, args);
}

pt2_ex pt2_bin(struct pt2_exprs *E, enum pt2_expr_op op, pt2_ex a, pt2_ex b)
{
    if (op == PT2_E_CHECK)
        return check(E, a, b);
    if (a->dtype == PT2_IDX && index_op((int)op))
        return pt2_simplify_index(E, (int)op, a, b);
    if (commutes((int)op) && (pt2_is_const(a) || (a->id > b->id && !pt2_is_const(b)))) {
        pt2_ex t = a;
        a = b;
        b = t;
    }
    pt2_ex r = narrowed(E, (int)op, a, b);
    if (r)
        return r;
    if (compares((int)op))
        return compare(E, (int)op, a, b);
    if (pt2_is_const(a) && pt2_is_const(b))
        r = pt2_fold(E, (int)op, a->dtype, a, b);
    else if (a->dtype == PT2_BOOL && (op == PT2_E_AND || op == PT2_E_OR || op == PT2_E_XOR))
        r = logic(E, (int)op, a, b);
    else
        r = pt2_is_float_type(a->dtype) ? float_identity((int)op, a, b) : int_identity(E, (int)op, a, b);
    if (r)
        return r;
    pt2_ex args[2] = { a, b };
    return make(E, (int)op, op == PT2_E_RANDOM ? PT2_F32 : a->dtype, 2, args);
}

/* ---- unary ---- */

pt2_ex pt2_un(struct pt2_exprs *E, enum pt2_expr_op op, pt2_ex a)
{
    if (a->dtype == PT2_IDX && op == PT2_E_NEG)
        return pt2_muli(E, a, -1);
    if ((op == PT2_E_NEG && a->op == PT2_E_NEG) || (op == PT2_E_NOT && a->op == PT2_E_NOT))
        return a->args[0];
    if (op == PT2_E_ABS && !pt2_is_float_type(a->dtype) && a->lo >= 0 && a->dtype != PT2_U64)
        return a;
    if (pt2_is_const(a)) {
        pt2_ex r = pt2_fold(E, (int)op, op == PT2_E_ISNAN ? PT2_BOOL : a->dtype, a, a);
        if (r)
            return r;
    }
    return make(E, (int)op, op == PT2_E_ISNAN ? PT2_BOOL : a->dtype, 1, &a);
}

pt2_ex pt2_select(struct pt2_exprs *E, pt2_ex cond, pt2_ex a, pt2_ex b)
{
    if (pt2_is_const(cond))
        return cond->i ? a : b;
    if (a == b)
        return a;
    if (a->dtype == PT2_BOOL && pt2_is_const(a) && pt2_is_const(b))
        return a->i ? cond : pt2_not(E, cond);
    pt2_ex args[3] = { cond, a, b };
    return make(E, PT2_E_SELECT, a->dtype, 3, args);
}

/* ---- conversions ---- */

static int bits_of(int dtype)
{
    return dtype == PT2_IDX ? 64 : (int)pt2_dtype_size((pt2_dtype)dtype) * 8;
}

/* True when every value of `from` is a value of `to`. */
static bool holds_all(int to, int from)
{
    if (from == PT2_BOOL)
        return true;
    if (to == PT2_BOOL)
        return false;
    if (pt2_is_float_type(to))
        return pt2_is_float_type(from) ? bits_of(to) >= bits_of(from) : bits_of(from) < (to == PT2_F64 ? 53 : 24);
    if (pt2_is_float_type(from))
        return false;
    bool to_signed = to == PT2_IDX || pt2_dtype_is_signed((pt2_dtype)to);
    bool from_signed = from == PT2_IDX || pt2_dtype_is_signed((pt2_dtype)from);
    if (to_signed == from_signed)
        return bits_of(to) >= bits_of(from);
    return to_signed && bits_of(to) > bits_of(from);
}

bool pt2_exact_in(int dtype, pt2_ex e)
{
    return holds_all(dtype, e->dtype) ||
           (!pt2_is_float_type(dtype) && dtype != PT2_BOOL && !pt2_is_float_type(e->dtype) && e->dtype != PT2_U64 &&
            e->lo >= pt2_type_lo(dtype) && e->hi <= pt2_type_hi(dtype) && (dtype != PT2_U64 || e->lo >= 0));
}

static pt2_ex fold_cast(struct pt2_exprs *E, int dtype, pt2_ex a)
{
    if (pt2_is_float_type(a->dtype))
        return pt2_num(E, dtype, a->f);
    if (dtype == PT2_F32) /* rounded once */
        return pt2_num(E, dtype, a->dtype == PT2_U64 ? (double)(float)(uint64_t)a->i : (double)(float)a->i);
    if (dtype == PT2_F64)
        return pt2_num(E, dtype, a->dtype == PT2_U64 ? (double)(uint64_t)a->i : (double)a->i);
    return pt2_int(E, dtype, a->i);
}

pt2_ex pt2_cast(struct pt2_exprs *E, int dtype, pt2_ex a)
{
    if (a->dtype == dtype)
        return a;
    if (pt2_is_const(a))
        return fold_cast(E, dtype, a);
    if (a->op == PT2_E_CAST && pt2_exact_in(a->dtype, a->args[0]))
        return pt2_cast(E, dtype, a->args[0]);
    return make(E, PT2_E_CAST, dtype, 1, &a);
}

pt2_ex pt2_bitcast(struct pt2_exprs *E, int dtype, pt2_ex a)
{
    if (a->dtype == dtype)
        return a;
    if (a->op == PT2_E_BITCAST)
        return pt2_bitcast(E, dtype, a->args[0]);
    return make(E, PT2_E_BITCAST, dtype, 1, &a);
}

pt2_ex pt2_roundto(struct pt2_exprs *E, pt2_dtype storage, pt2_ex a)
{
    if (!pt2_dtype_is_float(storage) || pt2_dtype_size(storage) >= 4)
        return a;
    if (a->op == PT2_E_ROUNDTO && a->i == (int64_t)storage)
        return a;
    if (pt2_is_const(a)) {
        uint32_t bits;
        pt2_store_double(storage, &bits, 0, a->f);
        return pt2_num(E, a->dtype, pt2_load_double(storage, &bits, 0));
    }
    return pt2_intern(E, PT2_E_ROUNDTO, a->dtype, storage, 0, 1, &a);
}

/* ---- short forms ---- */

pt2_ex pt2_add(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_ADD, a, b); }
pt2_ex pt2_sub(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_SUB, a, b); }
pt2_ex pt2_mul(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_MUL, a, b); }
pt2_ex pt2_floordiv(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_FLOORDIV, a, b); }
pt2_ex pt2_floormod(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_FLOORMOD, a, b); }
pt2_ex pt2_min(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_MIN, a, b); }
pt2_ex pt2_max(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_MAX, a, b); }
pt2_ex pt2_lt(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_LT, a, b); }
pt2_ex pt2_le(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_LE, a, b); }
pt2_ex pt2_eq(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_EQ, a, b); }
pt2_ex pt2_and(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_AND, a, b); }
pt2_ex pt2_or(struct pt2_exprs *E, pt2_ex a, pt2_ex b) { return pt2_bin(E, PT2_E_OR, a, b); }
pt2_ex pt2_not(struct pt2_exprs *E, pt2_ex a) { return pt2_un(E, PT2_E_NOT, a); }
pt2_ex pt2_addi(struct pt2_exprs *E, pt2_ex a, int64_t b) { return pt2_add(E, a, pt2_idx(E, b)); }
pt2_ex pt2_muli(struct pt2_exprs *E, pt2_ex a, int64_t b) { return pt2_mul(E, a, pt2_idx(E, b)); }

pt2_ex pt2_product(struct pt2_exprs *E, int n, const pt2_ex *extents)
{
    pt2_ex p = pt2_idx(E, 1);
    for (int k = 0; k < n; k++)
        p = pt2_mul(E, p, extents[k]);
    return p;
}
