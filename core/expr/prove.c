/* SPDX-License-Identifier: MIT
 * Proofs about index expressions. a <= b holds when b - a has no negative value: index variables and remainders, which
 * lie between 0 and extent - 1, are replaced by the end that makes the sum smallest; then what is left holds size
 * symbols only, and a polynomial whose symbols are shifted to start at 0 and whose coefficients are then all
 * non-negative is not negative. */
#include "expr/internal.h"

/* Proofs are searches: data-dependent choices, such as those of an unrolled binary search, have exponentially many
 * branches. Those that succeed are short. */
enum { MAX_DEPTH = 24, MAX_STEPS = 200 };
#define FAR ((int64_t)1 << 40) /* larger bounds are not put into sums, which saturate at PT2_INF */

static bool nonneg(struct pt2_exprs *E, pt2_ex e, int depth);

/* Atoms whose value lies in [0, extent): their extent, else NULL. */
static pt2_ex extent_of(pt2_ex atom)
{
    switch (atom->op) {
    case PT2_E_VAR: return atom->args[0];
    case PT2_E_FLOORMOD: case PT2_E_CHECK: return atom->args[1]->lo > 0 ? atom->args[1] : NULL;
    default: return NULL;
    }
}

/* Replaces one occurrence of `factor` in term `t` of sum s by `by`, and returns the new sum. */
static pt2_ex replace(struct pt2_exprs *E, const struct pt2_sum *s, int k, pt2_ex factor, pt2_ex by)
{
    struct pt2_sum r = *s;
    struct pt2_term rest;
    if (!pt2_term_divide(E, s->terms[k], factor, &rest))
        return NULL;
    memmove(&r.terms[k], &r.terms[k + 1], (size_t)(r.count - k - 1) * sizeof *r.terms);
    r.count--;
    if (!pt2_sum_add(E, &r, 1, pt2_mul(E, pt2_term_build(E, rest.coef, rest.atom), by)))
        return NULL;
    return pt2_sum_build(E, &r);
}

static bool others_nonneg(pt2_ex atom, pt2_ex factor)
{
    if (atom->op != PT2_E_MUL)
        return true;
    bool seen = false;
    for (int k = 0; k < atom->num_args; k++) {
        if (atom->args[k] == factor && !seen)
            seen = true;
        else if (atom->args[k]->lo < 0)
            return false;
    }
    return true;
}

static bool try_replace(struct pt2_exprs *E, const struct pt2_sum *s, int k, pt2_ex f, pt2_ex by, int depth)
{
    pt2_ex e = replace(E, s, k, f, by);
    return e && nonneg(E, e, depth + 1);
}

/* x with each variable and remainder at the end that makes x largest, or smallest: a bound of x; NULL without any. */
static pt2_ex bound_of(struct pt2_exprs *E, pt2_ex x, bool largest)
{
    struct pt2_sum s;
    bool changed = false;
    pt2_ex r = pt2_idx(E, 0);
    if (!pt2_sum_of(E, x, &s))
        return NULL;
    for (int k = 0; k < s.count; k++) {
        pt2_ex atom = s.terms[k].atom, extent = extent_of(atom);
        if (extent) {
            changed = true;
            atom = (s.terms[k].coef > 0) == largest ? pt2_addi(E, extent, -1) : pt2_idx(E, 0);
        }
        r = pt2_add(E, r, pt2_muli(E, atom, s.terms[k].coef));
    }
    return changed ? pt2_addi(E, r, s.constant) : NULL;
}

/* x // c with c > 0 lies between (x - c + 1)/c and x/c: usable when c divides the coefficient. */
static bool try_floordiv(struct pt2_exprs *E, const struct pt2_sum *s, int k, pt2_ex f, int depth)
{
    pt2_ex x = f->args[0], c = f->args[1];
    struct pt2_term t, rest;
    if (s->terms[k].coef > 0 && x->lo >= 0 && try_replace(E, s, k, f, pt2_idx(E, 0), depth))
        return true;
    if (c->lo <= 0 || !pt2_term_divide(E, s->terms[k], f, &rest) || !pt2_term_divide(E, rest, c, &t)) {
        pt2_ex bound = c->lo > 0 ? bound_of(E, x, s->terms[k].coef < 0) : NULL;
        if (bound && try_replace(E, s, k, f, pt2_floordiv(E, bound, c), depth))
            return true;
        if (s->terms[k].coef < 0 && f->hi < FAR && try_replace(E, s, k, f, pt2_idx(E, f->hi), depth))
            return true;
        return s->terms[k].coef < 0 && x->lo >= 0 && try_replace(E, s, k, f, x, depth);
    }
    struct pt2_sum r = *s;
    memmove(&r.terms[k], &r.terms[k + 1], (size_t)(r.count - k - 1) * sizeof *r.terms);
    r.count--;
    pt2_ex bound = t.coef < 0 ? x : pt2_add(E, pt2_sub(E, x, c), pt2_idx(E, 1));
    if (!pt2_sum_add(E, &r, 1, pt2_mul(E, pt2_term_build(E, t.coef, t.atom), bound)))
        return false;
    return nonneg(E, pt2_sum_build(E, &r), depth + 1);
}

static bool try_factor(struct pt2_exprs *E, const struct pt2_sum *s, int k, pt2_ex f, int depth)
{
    bool up = s->terms[k].coef > 0;
    pt2_ex extent = extent_of(f);
    if (extent)
        return try_replace(E, s, k, f, up ? pt2_idx(E, 0) : pt2_addi(E, extent, -1), depth);
    if (f->op == PT2_E_FLOORDIV)
        return try_floordiv(E, s, k, f, depth);
    if (f->op == PT2_E_SELECT)
        return try_replace(E, s, k, f, f->args[1], depth) && try_replace(E, s, k, f, f->args[2], depth);
    bool all = (f->op == PT2_E_MIN) == up;
    bool a = try_replace(E, s, k, f, f->args[0], depth);
    if (a != all)
        return a;
    return try_replace(E, s, k, f, f->args[1], depth);
}

static bool replaceable(pt2_ex f)
{
    return extent_of(f) || f->op == PT2_E_FLOORDIV || f->op == PT2_E_MIN || f->op == PT2_E_MAX || f->op == PT2_E_SELECT;
}

/* The first factor in the sum that a bound can replace. MIN, MAX and SELECT come first, since they may hold variables
 * that cancel against others only when they are open. */
static bool open_first(struct pt2_exprs *E, const struct pt2_sum *s, int depth, bool *out_found)
{
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < s->count; k++) {
            pt2_ex atom = s->terms[k].atom;
            int n = atom->op == PT2_E_MUL ? atom->num_args : 1;
            for (int j = 0; j < n; j++) {
                pt2_ex f = atom->op == PT2_E_MUL ? atom->args[j] : atom;
                bool choice =
                    f->op == PT2_E_MIN || f->op == PT2_E_MAX || f->op == PT2_E_SELECT || f->op == PT2_E_FLOORDIV;
                if (!replaceable(f) || choice != (pass == 0) || !others_nonneg(atom, f))
                    continue;
                *out_found = true;
                return try_factor(E, s, k, f, depth);
            }
        }
    *out_found = false;
    return false;
}

/* Size symbols only: shift each to its lower bound; then coefficients must not be negative. Products have been
 * multiplied out. */
static bool polynomial_nonneg(struct pt2_exprs *E, const struct pt2_sum *s)
{
    struct pt2_sum r = { .constant = s->constant };
    for (int k = 0; k < s->count; k++) {
        pt2_ex e = pt2_idx(E, s->terms[k].coef), atom = s->terms[k].atom;
        int n = atom->op == PT2_E_MUL ? atom->num_args : 1;
        for (int j = 0; j < n; j++) {
            pt2_ex f = atom->op == PT2_E_MUL ? atom->args[j] : atom;
            if (f->lo <= -PT2_INF)
                return false;
            /* REG stands for "f minus its lower bound", which is not negative and otherwise unknown */
            pt2_ex shifted = pt2_intern(E, PT2_E_REG, PT2_IDX, -1 - (int64_t)f->id, 0, 0, NULL);
            e = pt2_mul(E, e, pt2_addi(E, shifted, f->lo));
        }
        if (!pt2_sum_add(E, &r, 1, e))
            return false;
    }
    for (int k = 0; k < r.count; k++)
        if (r.terms[k].coef < 0)
            return false;
    return r.constant >= 0;
}

static bool nonneg(struct pt2_exprs *E, pt2_ex e, int depth)
{
    struct pt2_sum s;
    if (e->lo >= 0)
        return true;
    if (depth > MAX_DEPTH || E->proof_steps++ > MAX_STEPS || e->hi < 0 || !pt2_sum_of(E, e, &s))
        return false;
    bool found, proved = open_first(E, &s, depth, &found);
    return found ? proved : polynomial_nonneg(E, &s);
}

/* b - a with products multiplied out. */
static pt2_ex difference(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    pt2_ex d = pt2_sub(E, b, a);
    return d->op == PT2_E_CONST ? d : pt2_rebuild_index(E, d);
}

static bool prove_diff(struct pt2_exprs *E, pt2_ex a, pt2_ex b, int64_t at_least)
{
    if (E->expanding) /* called from a constructor while proving: only what intervals tell */
        return a->hi < PT2_INF && b->lo > -PT2_INF && pt2_sat_add(b->lo, -a->hi) >= at_least;
    E->expanding = true;
    E->proof_steps = 0;
    bool ok = nonneg(E, pt2_addi(E, difference(E, a, b), -at_least), 0);
    E->expanding = false;
    return ok;
}

bool pt2_prove_le(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    bool apart = a->hi < PT2_INF && b->lo > -PT2_INF && a->hi <= b->lo; /* PT2_INF is no bound */
    return a == b || apart || prove_diff(E, a, b, 0);
}

bool pt2_prove_lt(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    bool own_extent = a->op == PT2_E_VAR && a->args[0] == b;
    return own_extent || a->hi < b->lo || prove_diff(E, a, b, 1);
}

bool pt2_prove_eq(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    if (a == b)
        return true;
    if (pt2_is_const(a) && pt2_is_const(b))
        return false;
    if (E->expanding)
        return pt2_is_int(pt2_sub(E, a, b), 0);
    E->expanding = true;
    bool ok = pt2_is_int(difference(E, a, b), 0);
    E->expanding = false;
    return ok;
}

bool pt2_prove_divides(struct pt2_exprs *E, pt2_ex b, pt2_ex a)
{
    return pt2_is_int(pt2_floormod(E, a, b), 0);
}
