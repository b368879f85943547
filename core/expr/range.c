/* SPDX-License-Identifier: MIT
 * Interval arithmetic: for every integer node an interval that holds all its values. Data integers that could leave
 * their type's range wrap, so their interval is then the whole type. */
#include "expr/internal.h"

int64_t pt2_sat_add(int64_t a, int64_t b)
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return a > 0 ? PT2_INF : -PT2_INF;
    return r > PT2_INF ? PT2_INF : r < -PT2_INF ? -PT2_INF : r;
}

int64_t pt2_sat_mul(int64_t a, int64_t b)
{
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return (a > 0) == (b > 0) ? PT2_INF : -PT2_INF;
    return r > PT2_INF ? PT2_INF : r < -PT2_INF ? -PT2_INF : r;
}

int64_t pt2_floordiv64(int64_t a, int64_t b)
{
    if (b == -1)
        return a == INT64_MIN ? a : -a;
    int64_t q = a / b;
    return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}

int64_t pt2_type_lo(int dtype)
{
    switch (dtype) {
    case PT2_BOOL: case PT2_U8: case PT2_U16: case PT2_U32: return 0;
    case PT2_I8: return INT8_MIN;
    case PT2_I16: return INT16_MIN;
    case PT2_I32: return INT32_MIN;
    default: return -PT2_INF;
    }
}

int64_t pt2_type_hi(int dtype)
{
    switch (dtype) {
    case PT2_BOOL: return 1;
    case PT2_U8: return UINT8_MAX;
    case PT2_I8: return INT8_MAX;
    case PT2_U16: return UINT16_MAX;
    case PT2_I16: return INT16_MAX;
    case PT2_U32: return UINT32_MAX;
    case PT2_I32: return INT32_MAX;
    default: return PT2_INF;
    }
}

int64_t pt2_wrap(int dtype, int64_t i)
{
    switch (dtype) {
    case PT2_BOOL: return i != 0;
    case PT2_U8: return (uint8_t)i;
    case PT2_I8: return (int8_t)i;
    case PT2_U16: return (uint16_t)i;
    case PT2_I16: return (int16_t)i;
    case PT2_U32: return (uint32_t)i;
    case PT2_I32: return (int32_t)i;
    default: return i;
    }
}

struct range { int64_t lo, hi; };

static struct range mul_range(struct range a, struct range b)
{
    int64_t p[4] = { pt2_sat_mul(a.lo, b.lo), pt2_sat_mul(a.lo, b.hi), pt2_sat_mul(a.hi, b.lo),
                     pt2_sat_mul(a.hi, b.hi) };
    struct range r = { p[0], p[0] };
    for (int k = 1; k < 4; k++) {
        r.lo = pt2_min64(r.lo, p[k]);
        r.hi = pt2_max64(r.hi, p[k]);
    }
    return r;
}

static struct range floordiv_range(struct range a, struct range b)
{
    if (b.lo <= 0)
        return (struct range){ a.lo >= 0 && b.lo == 0 ? 0 : -PT2_INF, PT2_INF };
    struct range r = { -PT2_INF, PT2_INF };
    if (a.lo > -PT2_INF)
        r.lo = a.lo < 0 ? pt2_floordiv64(a.lo, b.lo) : b.hi >= PT2_INF ? 0 : a.lo / b.hi;
    if (a.hi < PT2_INF)
        r.hi = pt2_floordiv64(a.hi, a.hi < 0 ? b.hi : b.lo);
    return r;
}

/* The largest index of something with this size. */
static int64_t last_of(int64_t size)
{
    return size >= PT2_INF ? PT2_INF : pt2_max64(size - 1, 0);
}

static struct range mod_range(struct range a, struct range b)
{
    if (b.lo <= 0)
        return (struct range){ -PT2_INF, PT2_INF };
    int64_t hi = last_of(b.hi);
    return (struct range){ 0, a.lo >= 0 ? pt2_min64(hi, a.hi) : hi };
}

/* No bound plus anything is no bound. */
static struct range add_range(struct range a, struct range b)
{
    return (struct range){ a.lo <= -PT2_INF || b.lo <= -PT2_INF ? -PT2_INF : pt2_sat_add(a.lo, b.lo),
                           a.hi >= PT2_INF || b.hi >= PT2_INF ? PT2_INF : pt2_sat_add(a.hi, b.hi) };
}

static struct range fold_range(const struct pt2_expr *e)
{
    struct range r = { e->args[0]->lo, e->args[0]->hi };
    for (int k = 1; k < e->num_args; k++) {
        struct range b = { e->args[k]->lo, e->args[k]->hi };
        if (e->op == PT2_E_ADD)
            r = add_range(r, b);
        else
            r = mul_range(r, b);
    }
    return r;
}

static struct range binary_range(const struct pt2_expr *e, struct range a, struct range b)
{
    switch (e->op) {
    case PT2_E_SUB: return add_range(a, (struct range){ -b.hi, -b.lo });
    case PT2_E_MIN: return (struct range){ pt2_min64(a.lo, b.lo), pt2_min64(a.hi, b.hi) };
    case PT2_E_MAX: return (struct range){ pt2_max64(a.lo, b.lo), pt2_max64(a.hi, b.hi) };
    case PT2_E_FLOORDIV: return floordiv_range(a, b);
    case PT2_E_FLOORMOD: return mod_range(a, b);
    case PT2_E_CHECK: return (struct range){ 0, last_of(b.hi) };
    case PT2_E_AND:
        if (a.lo >= 0 && b.lo >= 0)
            return (struct range){ 0, pt2_min64(a.hi, b.hi) };
        break;
    default: break;
    }
    return (struct range){ -PT2_INF, PT2_INF };
}

static struct range range(const struct pt2_expr *e)
{
    struct range all = { pt2_type_lo(e->dtype), pt2_type_hi(e->dtype) };
    struct range a = e->num_args > 0 ? (struct range){ e->args[0]->lo, e->args[0]->hi } : all;
    switch (e->op) {
    case PT2_E_CONST:
        a.lo = a.hi = pt2_clip(e->i);
        return a;
    case PT2_E_VAR: return (struct range){ 0, last_of(a.hi) };
    case PT2_E_LOAD: return all;
    case PT2_E_ADD: case PT2_E_MUL: return fold_range(e);
    case PT2_E_NEG: return (struct range){ -a.hi, -a.lo };
    case PT2_E_ABS: return (struct range){ a.lo > 0 ? a.lo : a.hi < 0 ? -a.hi : 0, pt2_max64(-a.lo, a.hi) };
    case PT2_E_CAST: return pt2_is_float_type(e->args[0]->dtype) ? all : a;
    case PT2_E_SELECT:
        return (struct range){ pt2_min64(e->args[1]->lo, e->args[2]->lo), pt2_max64(e->args[1]->hi, e->args[2]->hi) };
    default:
        return e->num_args == 2 ? binary_range(e, a, (struct range){ e->args[1]->lo, e->args[1]->hi }) : all;
    }
}

static bool unbounded(struct range r) { return r.lo <= -PT2_INF || r.hi >= PT2_INF; }

/* Whether a result of type int64 with this interval may leave int64: PT2_INF is no bound there. */
static bool may_wrap(const struct pt2_expr *e, struct range r)
{
    bool computes = e->op == PT2_E_ADD || e->op == PT2_E_SUB || e->op == PT2_E_NEG || e->op == PT2_E_ABS;
    for (int k = 0; computes && k < e->num_args; k++)
        if (unbounded((struct range){ e->args[k]->lo, e->args[k]->hi }))
            return true;
    return e->op == PT2_E_MUL && unbounded(r);
}

void pt2_range_of(struct pt2_expr *e)
{
    int64_t lo = pt2_type_lo(e->dtype), hi = pt2_type_hi(e->dtype);
    e->lo = lo;
    e->hi = hi;
    if (pt2_is_float_type(e->dtype) || e->dtype == PT2_U64)
        return;
    struct range r = range(e);
    if (e->dtype == PT2_I64 && may_wrap(e, r))
        return;
    if (r.lo >= lo && r.hi <= hi) {
        e->lo = r.lo;
        e->hi = r.hi;
    }
}
