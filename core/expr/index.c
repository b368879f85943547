/* SPDX-License-Identifier: MIT
 * Index arithmetic: +, *, //, %, min, max of PT2_IDX. Divisors are sizes, hence positive. Sums are kept as sorted
 * sums of products (sum.c); a sum of sizes only stays one factor, so that (s0+1)*i0 can be divided by s0+1 again. */
#include "expr/internal.h"

static pt2_ex binary(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    pt2_ex args[2] = { a, b };
    return pt2_intern(E, op, PT2_IDX, 0, 0, 2, args);
}

static pt2_ex add(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    struct pt2_sum s;
    if (!pt2_sum_of(E, a, &s) || !pt2_sum_add(E, &s, 1, b))
        return binary(E, PT2_E_ADD, a, b);
    return pt2_sum_build(E, &s);
}

/* True for sums that products distribute over. */
static bool distributes(const struct pt2_exprs *E, pt2_ex e)
{
    return e->op == PT2_E_ADD && (E->expanding || (e->has & (PT2_HAS_VAR | PT2_HAS_LOAD)));
}

static pt2_ex distribute(struct pt2_exprs *E, pt2_ex sum, pt2_ex factor)
{
    struct pt2_sum s = { 0 };
    for (int k = 0; k < sum->num_args; k++)
        if (!pt2_sum_add(E, &s, 1, pt2_mul(E, sum->args[k], factor)))
            return NULL;
    return pt2_sum_build(E, &s);
}

static int factors_of(pt2_ex e, pt2_ex *out, int n)
{
    if (!e)
        return n;
    if (e->op != PT2_E_MUL) {
        out[n++] = e;
        return n;
    }
    for (int k = 0; k < e->num_args && n < 30; k++)
        out[n++] = e->args[k];
    return n;
}

/* Product of two monomials: constants multiply, other factors are sorted. */
static pt2_ex mul_monomials(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    pt2_ex x, y, f[32];
    int64_t c = pt2_monomial(E, a, &x);
    if (__builtin_mul_overflow(c, pt2_monomial(E, b, &y), &c))
        return binary(E, PT2_E_MUL, a, b);
    int n = factors_of(y, f, factors_of(x, f, 0));
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && f[j - 1]->id > f[j]->id; j--) {
            pt2_ex t = f[j];
            f[j] = f[j - 1];
            f[j - 1] = t;
        }
    pt2_ex atom = n == 0 ? NULL : n == 1 ? f[0] : pt2_intern(E, PT2_E_MUL, PT2_IDX, 0, 0, n, f);
    return pt2_term_build(E, c, atom);
}

static pt2_ex mul(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    if (pt2_is_int(a, 0) || pt2_is_int(b, 1))
        return a;
    if (pt2_is_int(b, 0) || pt2_is_int(a, 1))
        return b;
    pt2_ex r = NULL;
    if (a->op == PT2_E_ADD && (pt2_is_const(b) || distributes(E, a)))
        r = distribute(E, a, b);
    else if (b->op == PT2_E_ADD && (pt2_is_const(a) || distributes(E, b)))
        r = distribute(E, b, a);
    if (r)
        return r;
    if (a->num_args + b->num_args > 28)
        return binary(E, PT2_E_MUL, a, b);
    return mul_monomials(E, a, b);
}

static bool add_constant(struct pt2_sum *s, int64_t c)
{
    return !__builtin_add_overflow(s->constant, c, &s->constant);
}

/* Splits x = g·q + r into the terms that g divides and the rest. */
static bool split(struct pt2_exprs *E, pt2_ex x, pt2_ex g, pt2_ex *out_q, pt2_ex *out_r)
{
    struct pt2_sum s, q = { 0 }, r = { 0 };
    if (!pt2_sum_of(E, x, &s))
        return false;
    for (int k = 0; k < s.count; k++) {
        struct pt2_term t;
        bool ok = pt2_term_divide(E, s.terms[k], g, &t)
                      ? pt2_sum_add(E, &q, 1, pt2_term_build(E, t.coef, t.atom))
                      : pt2_sum_add(E, &r, 1, pt2_term_build(E, s.terms[k].coef, s.terms[k].atom));
        if (!ok)
            return false;
    }
    struct pt2_term t;
    pt2_ex rest;
    int64_t gc = pt2_monomial(E, g, &rest);
    bool ok = true;
    if (!rest && gc > 0)
        ok = add_constant(&q, pt2_floordiv64(s.constant, gc)) &&
             add_constant(&r, s.constant - gc * pt2_floordiv64(s.constant, gc));
    else if (s.constant && pt2_term_divide(E, (struct pt2_term){ s.constant, NULL }, g, &t))
        ok = add_constant(&q, t.coef);
    else
        ok = add_constant(&r, s.constant);
    if (!ok)
        return false;
    *out_q = pt2_sum_build(E, &q);
    *out_r = pt2_sum_build(E, &r);
    return true;
}

static int64_t gcd64(int64_t a, int64_t b)
{
    uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    while (y) {
        uint64_t t = x % y;
        x = y;
        y = t;
    }
    return x > INT64_MAX ? 1 : (int64_t)x;
}

/* Divisors g of c worth trying: for each term of x the common part of its coefficient and c's, and c's symbolic
 * factors. */
static int candidates(struct pt2_exprs *E, pt2_ex x, pt2_ex c, pt2_ex *out, int cap)
{
    struct pt2_sum s;
    pt2_ex atom, f[32];
    int n = 0;
    int64_t k = pt2_monomial(E, c, &atom);
    if (!pt2_sum_of(E, x, &s))
        return 0;
    for (int i = 0; i < s.count && n < cap; i++) {
        int64_t g = gcd64(s.terms[i].coef, k);
        if (g > 1)
            out[n++] = pt2_idx(E, g);
    }
    int nf = factors_of(atom, f, 0);
    for (int i = 0; i < nf && n < cap; i++)
        out[n++] = f[i];
    if (k > 1 && atom && n < cap)
        out[n++] = pt2_idx(E, k);
    if (nf > 1 && n < cap)
        out[n++] = atom;
    return n;
}

static bool in_range(struct pt2_exprs *E, pt2_ex x, pt2_ex c)
{
    if (x->lo >= 0 && x->hi < c->lo)
        return true;
    return x->lo >= 0 ? pt2_prove_lt(E, x, c) : pt2_prove_le(E, pt2_idx(E, 0), x) && pt2_prove_lt(E, x, c);
}

static pt2_ex divide_monomial(struct pt2_exprs *E, pt2_ex c, pt2_ex g)
{
    struct pt2_term t;
    pt2_ex atom;
    int64_t k = pt2_monomial(E, c, &atom);
    if (!pt2_term_divide(E, (struct pt2_term){ k, atom }, g, &t))
        return NULL;
    return pt2_term_build(E, t.coef, t.atom);
}

/* x // c or x % c by x = g·y + r with 0 <= r < g and g | c, g != c: then x // c = y // (c/g) and
 * x % c = g·(y % (c/g)) + r. */
static pt2_ex by_factor(struct pt2_exprs *E, int op, pt2_ex x, pt2_ex c)
{
    pt2_ex g[24], y, r;
    int n = candidates(E, x, c, g, 24);
    for (int k = 0; k < n; k++) {
        pt2_ex rest = g[k] == c ? NULL : divide_monomial(E, c, g[k]);
        if (!rest || !split(E, x, g[k], &y, &r) || pt2_is_int(y, 0) || !in_range(E, r, g[k]))
            continue;
        if (op == PT2_E_FLOORDIV)
            return pt2_floordiv(E, y, rest);
        return pt2_add(E, pt2_mul(E, g[k], pt2_floormod(E, y, rest)), r);
    }
    return NULL;
}

static pt2_ex div_of_div_or_mod(struct pt2_exprs *E, pt2_ex x, pt2_ex c)
{
    if (x->op == PT2_E_FLOORDIV && x->args[1]->lo > 0 && c->lo > 0)
        return pt2_floordiv(E, x->args[0], pt2_mul(E, x->args[1], c));
    if (x->op != PT2_E_FLOORMOD)
        return NULL;
    pt2_ex m = divide_monomial(E, x->args[1], c);
    return m ? pt2_floormod(E, pt2_floordiv(E, x->args[0], c), m) : NULL;
}

static pt2_ex floordiv(struct pt2_exprs *E, pt2_ex x, pt2_ex c)
{
    if (pt2_is_int(c, 1) || pt2_is_int(x, 0))
        return x;
    if (c->hi < 0)
        return floordiv(E, pt2_muli(E, x, -1), pt2_muli(E, c, -1));
    if (pt2_is_const(c) && pt2_is_const(x) && c->i)
        return pt2_idx(E, pt2_floordiv64(x->i, c->i));
    if (x == c && c->lo > 0)
        return pt2_idx(E, 1);
    if (c->lo >= 0 && in_range(E, x, c))
        return pt2_idx(E, 0);
    if (x->hi < 0 && x->lo > -PT2_INF && x->lo >= -c->lo)
        return pt2_idx(E, -1);
    pt2_ex q, r, e;
    if (split(E, x, c, &q, &r) && !pt2_is_int(q, 0))
        return pt2_add(E, q, pt2_floordiv(E, r, c));
    if ((e = div_of_div_or_mod(E, x, c)) || (e = by_factor(E, PT2_E_FLOORDIV, x, c)))
        return e;
    return binary(E, PT2_E_FLOORDIV, x, c);
}

static pt2_ex floormod(struct pt2_exprs *E, pt2_ex x, pt2_ex c)
{
    if (pt2_is_int(c, 1) || pt2_is_int(x, 0) || x == c)
        return pt2_idx(E, 0);
    if (c->hi < 0)
        return pt2_muli(E, floormod(E, pt2_muli(E, x, -1), pt2_muli(E, c, -1)), -1);
    if (pt2_is_const(c) && pt2_is_const(x) && c->i)
        return pt2_idx(E, x->i - c->i * pt2_floordiv64(x->i, c->i));
    if (c->lo >= 0 && in_range(E, x, c))
        return x;
    pt2_ex q, r, e;
    if (split(E, x, c, &q, &r) && !pt2_is_int(q, 0))
        return pt2_floormod(E, r, c);
    if (x->op == PT2_E_FLOORMOD && divide_monomial(E, x->args[1], c))
        return pt2_floormod(E, x->args[0], c);
    if ((e = by_factor(E, PT2_E_FLOORMOD, x, c)))
        return e;
    return binary(E, PT2_E_FLOORMOD, x, c);
}

static pt2_ex min_max(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    if (a == b)
        return a;
    if (pt2_prove_le(E, a, b))
        return op == PT2_E_MIN ? a : b;
    if (pt2_prove_le(E, b, a))
        return op == PT2_E_MIN ? b : a;
    return a->id < b->id ? binary(E, op, a, b) : binary(E, op, b, a);
}

pt2_ex pt2_simplify_index(struct pt2_exprs *E, int op, pt2_ex a, pt2_ex b)
{
    switch (op) {
    case PT2_E_ADD: return add(E, a, b);
    case PT2_E_SUB: return add(E, a, pt2_muli(E, b, -1));
    case PT2_E_MUL: return mul(E, a, b);
    case PT2_E_FLOORDIV: return floordiv(E, a, b);
    case PT2_E_FLOORMOD: return floormod(E, a, b);
    default: return min_max(E, op, a, b);
    }
}
