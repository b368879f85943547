/* SPDX-License-Identifier: MIT
 * Index expressions as sums of products. Everything that cancels cancels here: like terms, and the div/mod pairs that
 * reshapes leave behind (c*(x//c) + x%c is x). */
#include "expr/internal.h"

int64_t pt2_monomial(struct pt2_exprs *E, pt2_ex e, pt2_ex *out_atom)
{
    if (e->op == PT2_E_CONST) {
        *out_atom = NULL;
        return e->i;
    }
    if (e->op == PT2_E_MUL && e->args[e->num_args - 1]->op == PT2_E_CONST) {
        int n = e->num_args - 1;
        *out_atom = n == 1 ? e->args[0] : pt2_intern(E, PT2_E_MUL, PT2_IDX, 0, 0, n, e->args);
        return e->args[n]->i;
    }
    *out_atom = e;
    return 1;
}

pt2_ex pt2_term_build(struct pt2_exprs *E, int64_t coef, pt2_ex atom)
{
    if (!atom || coef == 0)
        return pt2_idx(E, coef);
    if (coef == 1)
        return atom;
    pt2_ex args[32];
    int n = 0;
    if (atom->op == PT2_E_MUL && atom->num_args < 31)
        for (; n < atom->num_args; n++)
            args[n] = atom->args[n];
    else
        args[n++] = atom;
    args[n++] = pt2_idx(E, coef);
    return pt2_intern(E, PT2_E_MUL, PT2_IDX, 0, 0, n, args);
}

/* Adds coef·atom, keeping terms sorted and dropping those that cancel. False: no room, or beyond 64 bits. */
static bool add_term(struct pt2_sum *s, int64_t coef, pt2_ex atom)
{
    int k = 0;
    while (k < s->count && s->terms[k].atom->id < atom->id)
        k++;
    if (k < s->count && s->terms[k].atom == atom) {
        if (__builtin_add_overflow(s->terms[k].coef, coef, &s->terms[k].coef))
            return false;
        if (s->terms[k].coef == 0) {
            memmove(&s->terms[k], &s->terms[k + 1], (size_t)(s->count - k - 1) * sizeof *s->terms);
            s->count--;
        }
        return true;
    }
    if (s->count == PT2_MAX_TERMS)
        return false;
    memmove(&s->terms[k + 1], &s->terms[k], (size_t)(s->count - k) * sizeof *s->terms);
    s->terms[k] = (struct pt2_term){ coef, atom };
    s->count++;
    return true;
}

bool pt2_sum_add(struct pt2_exprs *E, struct pt2_sum *s, int64_t factor, pt2_ex e)
{
    if (factor == 0)
        return true;
    if (e->op == PT2_E_ADD) {
        for (int k = 0; k < e->num_args; k++)
            if (!pt2_sum_add(E, s, factor, e->args[k]))
                return false;
        return true;
    }
    pt2_ex atom;
    int64_t coef = pt2_monomial(E, e, &atom);
    if (__builtin_mul_overflow(factor, coef, &coef))
        return false;
    return atom ? add_term(s, coef, atom) : !__builtin_add_overflow(s->constant, coef, &s->constant);
}

bool pt2_sum_of(struct pt2_exprs *E, pt2_ex e, struct pt2_sum *out)
{
    out->constant = 0;
    out->count = 0;
    return pt2_sum_add(E, out, 1, e);
}

bool pt2_term_divide(struct pt2_exprs *E, struct pt2_term t, pt2_ex c, struct pt2_term *out)
{
    pt2_ex atom;
    int64_t k = pt2_monomial(E, c, &atom);
    if (k == 0 || (k == -1 && t.coef == INT64_MIN) || t.coef % k)
        return false;
    pt2_ex have[32];
    int n = 0;
    if (t.atom && t.atom->op == PT2_E_MUL)
        for (; n < t.atom->num_args && n < 32; n++)
            have[n] = t.atom->args[n];
    else if (t.atom)
        have[n++] = t.atom;
    int need = !atom ? 0 : atom->op == PT2_E_MUL ? atom->num_args : 1;
    for (int j = 0; j < need; j++) {
        pt2_ex f = atom->op == PT2_E_MUL ? atom->args[j] : atom;
        int p = 0;
        while (p < n && have[p] != f)
            p++;
        if (p == n)
            return false;
        memmove(&have[p], &have[p + 1], (size_t)(n - p - 1) * sizeof *have);
        n--;
    }
    out->coef = t.coef / k;
    out->atom = n == 0 ? NULL : n == 1 ? have[0] : pt2_intern(E, PT2_E_MUL, PT2_IDX, 0, 0, n, have);
    return true;
}

static int find_term(const struct pt2_sum *s, pt2_ex atom, int64_t coef)
{
    for (int k = 0; k < s->count; k++)
        if (s->terms[k].atom == atom && s->terms[k].coef == coef)
            return k;
    return -1;
}

static void drop_term(struct pt2_sum *s, int k)
{
    memmove(&s->terms[k], &s->terms[k + 1], (size_t)(s->count - k - 1) * sizeof *s->terms);
    s->count--;
}

/* The factor FLOORMOD of a term and what multiplies it; NULL when there is none. */
static pt2_ex mod_factor(struct pt2_exprs *E, pt2_ex atom, pt2_ex *out_rest)
{
    *out_rest = NULL;
    if (atom->op == PT2_E_FLOORMOD)
        return atom;
    if (atom->op != PT2_E_MUL)
        return NULL;
    for (int k = 0; k < atom->num_args; k++)
        if (atom->args[k]->op == PT2_E_FLOORMOD) {
            struct pt2_term rest;
            pt2_term_divide(E, (struct pt2_term){ 1, atom }, atom->args[k], &rest);
            *out_rest = rest.atom;
            return atom->args[k];
        }
    return NULL;
}

static bool absorb(struct pt2_exprs *E, struct pt2_sum *s, int k, pt2_ex partner, pt2_ex merged);

/* Term k is f·(A % c). With f·c·(A // c) in the sum too, both become f·A; with A = X // a and X % a in it,
 * f/a·(X % (a*c)). */
static bool recombine_at(struct pt2_exprs *E, struct pt2_sum *s, int k)
{
    pt2_ex rest, mod = mod_factor(E, s->terms[k].atom, &rest);
    if (!mod)
        return false;
    pt2_ex f = pt2_term_build(E, s->terms[k].coef, rest), A = mod->args[0], c = mod->args[1];
    pt2_ex quotient = pt2_mul(E, pt2_mul(E, f, c), pt2_floordiv(E, A, c));
    if (absorb(E, s, k, quotient, pt2_mul(E, f, A)))
        return true;
    if (A->op != PT2_E_FLOORDIV)
        return false;
    pt2_ex X = A->args[0], a = A->args[1], unused;
    struct pt2_term low;
    int64_t coef = pt2_monomial(E, f, &unused);
    if (!pt2_term_divide(E, (struct pt2_term){ coef, unused }, a, &low))
        return false;
    pt2_ex g = pt2_term_build(E, low.coef, low.atom);
    return absorb(E, s, k, pt2_mul(E, g, pt2_floormod(E, X, a)), pt2_mul(E, g, pt2_floormod(E, X, pt2_mul(E, a, c))));
}

/* If every term of `partner` is in the sum (beside term k), removes them and term k and adds `merged`. */
static bool absorb(struct pt2_exprs *E, struct pt2_sum *s, int k, pt2_ex partner, pt2_ex merged)
{
    struct pt2_sum p, trial = *s;
    if (!pt2_sum_of(E, partner, &p) || p.count == 0)
        return false;
    drop_term(&trial, k);
    for (int j = 0; j < p.count; j++) {
        int at = find_term(&trial, p.terms[j].atom, p.terms[j].coef);
        if (at < 0)
            return false;
        drop_term(&trial, at);
    }
    if (__builtin_sub_overflow(trial.constant, p.constant, &trial.constant) || !pt2_sum_add(E, &trial, 1, merged))
        return false;
    *s = trial;
    return true;
}

static void recombine(struct pt2_exprs *E, struct pt2_sum *s)
{
    if (s->count < 2)
        return;
    for (int k = 0; k < s->count; k++)
        if (recombine_at(E, s, k))
            k = -1;
}

pt2_ex pt2_sum_build(struct pt2_exprs *E, struct pt2_sum *s)
{
    recombine(E, s);
    if (s->count == 0)
        return pt2_idx(E, s->constant);
    pt2_ex args[PT2_MAX_TERMS + 1];
    int n = 0;
    for (int k = 0; k < s->count; k++)
        args[n++] = pt2_term_build(E, s->terms[k].coef, s->terms[k].atom);
    if (s->constant)
        args[n++] = pt2_idx(E, s->constant);
    return n == 1 ? args[0] : pt2_intern(E, PT2_E_ADD, PT2_IDX, 0, 0, n, args);
}
