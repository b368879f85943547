/* SPDX-License-Identifier: MIT
 * view.dtype: the same bits as another type. Elements become integers of 32 or 64 bits, are cut or put together where
 * the types differ in size, and become elements again. The result is a value of its own: what is written to it is
 * written to the tensor whose bits it shows, and what is written there is read again. NaNs of small floats lose their
 * payload. */
#include "ops/internal.h"

#include <math.h>

/* A float of one or two bytes: bits of its mantissa, bias of its exponent, and whether it has infinities. */
struct format { int mantissa, bias; bool infinite; };

static bool small_float(pt2_dtype t, struct format *f)
{
    if (t == PT2_F16)
        *f = (struct format){ 10, 15, true };
    else if (t == PT2_F8E5M2)
        *f = (struct format){ 2, 15, true };
    else if (t == PT2_F8E4M3FN)
        *f = (struct format){ 3, 7, false };
    else
        return false;
    return true;
}

static pt2_ex i32(struct pt2_lower *L, int64_t i)
{
    return pt2_int(L->E, PT2_I32, i);
}

static pt2_ex shift(struct pt2_lower *L, enum pt2_expr_op op, pt2_ex a, int by)
{
    return pt2_bin(L->E, op, a, pt2_int(L->E, a->dtype, by));
}

static pt2_ex mask(struct pt2_lower *L, pt2_ex a, int64_t bits)
{
    return pt2_bin(L->E, PT2_E_AND, a, pt2_int(L->E, a->dtype, bits));
}

static pt2_ex either(struct pt2_lower *L, pt2_ex a, pt2_ex b)
{
    return pt2_bin(L->E, PT2_E_OR, a, b);
}

/* ---- to bits ---- */

/* x is a float32 whose value the format has. */
static pt2_ex small_float_bits(struct pt2_lower *L, const struct format *f, int size, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    int drop = 23 - f->mantissa;
    pt2_ex u = pt2_bitcast(E, PT2_I32, x), a = mask(L, u, 0x7fffffff);
    pt2_ex sign = mask(L, shift(L, PT2_E_SHR, u, 32 - 8 * size), size == 2 ? 0x8000 : 0x80);
    pt2_ex normal = shift(L, PT2_E_SHR, pt2_sub(E, a, i32(L, (int64_t)(127 - f->bias) << 23)), drop);
    pt2_ex unit = pt2_int(E, PT2_I32, (int64_t)(127 + f->bias - 1 + f->mantissa) << 23); /* of the denormal numbers */
    pt2_ex denormal = pt2_cast(E, PT2_I32, pt2_mul(E, pt2_bitcast(E, PT2_F32, a), pt2_bitcast(E, PT2_F32, unit)));
    pt2_ex r = pt2_select(E, pt2_lt(E, a, i32(L, (int64_t)(128 - f->bias) << 23)), denormal, normal);
    int64_t top = f->infinite ? (int64_t)(2 * f->bias + 1) << f->mantissa : 0x7f;
    pt2_ex special = f->infinite ? pt2_select(E, pt2_eq(E, a, i32(L, 0x7f800000)), i32(L, top),
                                              i32(L, top | 1 << (f->mantissa - 1)))
                                 : i32(L, top);
    return either(L, sign, pt2_select(E, pt2_le(E, i32(L, 0x7f800000), a), special, r));
}

/* The bits of an element: 64-bit types as int64, others as int32 with zeros above. */
static pt2_ex to_bits(struct pt2_lower *L, pt2_dtype t, pt2_ex e)
{
    struct format f;
    int size = (int)pt2_dtype_size(t);
    if (t == PT2_F64 || t == PT2_F32)
        return pt2_bitcast(L->E, t == PT2_F64 ? PT2_I64 : PT2_I32, e);
    if (t == PT2_BF16)
        return mask(L, shift(L, PT2_E_SHR, pt2_bitcast(L->E, PT2_I32, e), 16), 0xffff);
    if (t == PT2_F8E8M0FNU)
        return mask(L, shift(L, PT2_E_SHR, pt2_bitcast(L->E, PT2_I32, e), 23), 0xff);
    if (small_float(t, &f))
        return small_float_bits(L, &f, size, e);
    if (pt2_dtype_is_float(t))
        op_fail(L, PT2_ERR_UNSUPPORTED, "the bits of %s", pt2_dtype_name(t));
    e = pt2_cast(L->E, size == 8 ? PT2_I64 : PT2_I32, e);
    return size < 4 ? mask(L, e, size == 2 ? 0xffff : 0xff) : e;
}

/* ---- from bits ---- */

static pt2_ex small_float_of(struct pt2_lower *L, const struct format *f, int size, pt2_ex b)
{
    struct pt2_exprs *E = L->E;
    int drop = 23 - f->mantissa;
    int64_t all = size == 2 ? 0x7fff : 0x7f, top = f->infinite ? (int64_t)(2 * f->bias + 1) << f->mantissa : all;
    pt2_ex a = mask(L, b, all);
    pt2_ex normal = pt2_bitcast(E, PT2_F32, pt2_add(E, shift(L, PT2_E_SHL, a, drop),
                                                    i32(L, (int64_t)(127 - f->bias) << 23)));
    pt2_ex unit = pt2_bitcast(E, PT2_F32, i32(L, (int64_t)(127 - f->bias + 1 - f->mantissa) << 23));
    pt2_ex r = pt2_select(E, pt2_lt(E, a, i32(L, (int64_t)1 << f->mantissa)),
                          pt2_mul(E, pt2_cast(E, PT2_F32, a), unit), normal);
    pt2_ex nan = pt2_num(E, PT2_F32, NAN);
    pt2_ex special = f->infinite ? pt2_select(E, pt2_eq(E, a, i32(L, top)), pt2_num(E, PT2_F32, INFINITY), nan) : nan;
    r = pt2_select(E, pt2_le(E, i32(L, top), a), special, r);
    return pt2_select(E, pt2_eq(E, mask(L, b, all + 1), i32(L, 0)), r, pt2_un(E, PT2_E_NEG, r));
}

static pt2_ex from_bits(struct pt2_lower *L, pt2_dtype t, pt2_ex b)
{
    struct format f;
    if (t == PT2_F64 || t == PT2_F32)
        return pt2_bitcast(L->E, (int)t, b);
    if (t == PT2_BF16)
        return pt2_bitcast(L->E, PT2_F32, shift(L, PT2_E_SHL, b, 16));
    if (small_float(t, &f))
        return small_float_of(L, &f, (int)pt2_dtype_size(t), b);
    if (pt2_dtype_is_float(t))
        op_fail(L, PT2_ERR_UNSUPPORTED, "%s of bits", pt2_dtype_name(t));
    return pt2_cast(L->E, (int)pt2_dtype_compute(t), b);
}

/* ---- the view ---- */

/* Part `part` of the bits of an element of `from` bytes, `to` bytes long. */
static pt2_ex cut(struct pt2_lower *L, pt2_ex b, int from, int to, pt2_ex part)
{
    pt2_ex by = pt2_mul(L->E, pt2_cast(L->E, b->dtype, part), pt2_int(L->E, b->dtype, 8 * to));
    b = pt2_bin(L->E, PT2_E_SHR, b, by);
    if (from == 8)
        b = pt2_cast(L->E, PT2_I32, b);
    return to < 4 ? mask(L, b, to == 2 ? 0xffff : 0xff) : b;
}

/* The bits of `to` bytes that neighbours in the last dimension make, the first one lowest. */
static pt2_ex join(struct pt2_lower *L, pt2_t *t, pt2_ex *index, int from, int to)
{
    pt2_ex first = pt2_muli(L->E, index[t->rank - 1], to / from), r = NULL;
    for (int p = 0; p < to / from; p++) {
        index[t->rank - 1] = pt2_addi(L->E, first, p);
        pt2_ex b = to_bits(L, t->dtype, op_at(L, t, index));
        if (to == 8)
            b = from == 4 ? mask(L, pt2_cast(L->E, PT2_I64, b), 0xffffffff) : pt2_cast(L->E, PT2_I64, b);
        b = shift(L, PT2_E_SHL, b, 8 * from * p);
        r = r ? either(L, r, b) : b;
    }
    return r;
}

/* Real tensors: t's elements as those of `dtype`. */
static pt2_t *as_bits(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype)
{
    int from = (int)pt2_dtype_size(t->dtype), to = (int)pt2_dtype_size(dtype);
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK], b;
    if (t->rank == 0 && from != to)
        op_fail(L, PT2_ERR_FORMAT, "a 0-d tensor of %d bytes seen as %d bytes", from, to);
    memcpy(shape, t->shape, (size_t)t->rank * sizeof *shape);
    pt2_ex *last = &shape[t->rank ? t->rank - 1 : 0];
    if (from > to)
        *last = pt2_muli(L->E, *last, from / to);
    else if (from < to)
        *last = pt2_floordiv(L->E, *last, pt2_idx(L->E, to / from));
    memcpy(index, op_vars(L, t->rank, shape), (size_t)t->rank * sizeof *index);
    if (from < to) {
        b = join(L, t, index, from, to);
    } else if (from > to) {
        pt2_ex n = pt2_idx(L->E, from / to), part = pt2_floormod(L->E, index[t->rank - 1], n);
        index[t->rank - 1] = pt2_floordiv(L->E, index[t->rank - 1], n);
        b = cut(L, to_bits(L, t->dtype, op_at(L, t, index)), from, to, part);
    } else {
        b = to_bits(L, t->dtype, op_at(L, t, index));
    }
    return op_map(L, dtype, t->rank, shape, from_bits(L, dtype, b));
}

static void lower_view_dtype(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype to = op_out_dtype(L, 0);
    if (t->dtype == to) {
        op_return(L, t);
        return;
    }
    bool pairs = pt2_dtype_is_complex(t->dtype);
    t = op_real_view(L, t);
    pt2_t *r = pt2_dtype_real(to) == t->dtype ? t : pt2_mirror(L, t, pt2_dtype_real(to), as_bits);
    if (pt2_dtype_is_complex(to)) {
        pt2_ex shape[PT2_MAX_RANK];
        memcpy(shape, r->shape, (size_t)r->rank * sizeof *shape);
        shape[r->rank - 1] = pt2_floordiv(L->E, shape[r->rank - 1], pt2_idx(L->E, 2));
        shape[r->rank] = pt2_idx(L->E, 2);
        r = op_complex_view(L, op_reshape(L, r, r->rank + 1, shape));
    } else if (pairs) {
        r = op_reshape(L, r, op_out_rank(L, 0), op_out_shape(L, 0));
    }
    op_return(L, r);
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_bits[] = {
    { "aten.view.dtype", lower_view_dtype, 0 },
    { 0 },
};
