/* SPDX-License-Identifier: MIT
 * Finds where the conditions of an expression hold along one variable, and says it. */
#include "expr/internal.h"
#include "kernel/bounds.h"
#include "kernel/contract_text.h"

#include <stdio.h>

/* ---- questions about one variable ---- */

pt2_ex pt2_with(struct pt2_exprs *E, pt2_ex e, int var, pt2_ex by)
{
    pt2_ex to[PT2_MAX_AXES] = { 0 };
    to[var] = by;
    return pt2_subst_vars(E, e, var + 1, to);
}

pt2_ex pt2_slope(struct pt2_exprs *E, pt2_ex e, int var)
{
    pt2_ex x = pt2_var(E, var, pt2_idx(E, PT2_INF));
    return pt2_sub(E, pt2_with(E, e, var, pt2_addi(E, x, 1)), pt2_with(E, e, var, x));
}

struct ask {
    int var;
    bool found;
};

static void find_var(void *ctx, pt2_ex e)
{
    struct ask *a = ctx;
    a->found |= e->op == PT2_E_VAR && e->i == a->var;
}

bool pt2_depends_on(pt2_ex e, int var)
{
    struct ask a = { var, false };
    pt2_visit(e, find_var, &a);
    return a.found;
}

int pt2_load_step(struct pt2_exprs *E, pt2_ex e, int var)
{
    pt2_ex step = e->op == PT2_E_LOAD ? pt2_slope(E, e->args[0], var) : NULL;
    return step && pt2_is_const(step) ? (int)step->i : 0;
}

struct near {
    struct pt2_exprs *E;
    int var, most;
    bool found;
};

static void find_near(void *ctx, pt2_ex e)
{
    struct near *n = ctx;
    int step = n->found ? 0 : pt2_load_step(n->E, e, n->var);
    n->found |= step >= 1 && step <= n->most;
}

bool pt2_reads_near(struct pt2_exprs *E, pt2_ex e, int var, int most)
{
    struct near n = { E, var, most, false };
    pt2_visit(e, find_near, &n);
    return n.found;
}

/* ---- finding them ---- */

struct assume {
    struct pt2_bounds *p;
    int var;
    pt2_ex unread;
};

/* d >= 0 as a bound; false where it is none. */
static bool as_bound(const struct assume *a, struct pt2_exprs *E, pt2_ex d, struct pt2_bound *b)
{
    if (d->has & PT2_HAS_LOAD)
        return false;
    pt2_ex step = pt2_slope(E, d, a->var);
    if (!pt2_is_const(step) || step->i == 0 || step->i > 64 || step->i < -64)
        return false;
    *b = (struct pt2_bound){ pt2_with(E, d, a->var, pt2_idx(E, 0)), step->i };
    return true;
}

static bool same_bound(const struct pt2_bound *a, const struct pt2_bound *b)
{
    return a->rest == b->rest && a->step == b->step;
}

static bool note_bound(struct assume *a, struct pt2_exprs *E, pt2_ex d)
{
    struct pt2_bounds *p = a->p;
    struct pt2_bound b;
    if (!as_bound(a, E, d, &b))
        return false;
    for (int k = 0; k < p->count; k++)
        if (same_bound(&p->of[k], &b))
            return true;
    if (p->count == PT2_MAX_BOUNDS)
        return false;
    p->of[p->count++] = b;
    return true;
}

/* What is >= 0 where the comparison of indices holds. */
static pt2_ex difference(struct pt2_exprs *E, pt2_ex e)
{
    return pt2_sub(E, e->op == PT2_E_LT ? pt2_addi(E, e->args[1], -1) : e->args[1], e->args[0]);
}

static bool decides(const struct assume *a, pt2_ex e)
{
    return e->num_args == 2 && e->args[0]->dtype == PT2_IDX && pt2_depends_on(e, a->var);
}

/* The operand of a min or max that depends on the variable, and what is >= 0 where it is the result; NULL: both depend
 * on it. */
static pt2_ex moving_operand(const struct assume *a, struct pt2_exprs *E, pt2_ex e, pt2_ex *d)
{
    bool second = pt2_depends_on(e->args[1], a->var);
    pt2_ex x = e->args[second], y = e->args[!second];
    if (second && pt2_depends_on(y, a->var))
        return NULL;
    *d = e->op == PT2_E_MIN ? pt2_sub(E, y, x) : pt2_sub(E, x, y);
    return x;
}

static bool compares(pt2_ex e) { return e->op == PT2_E_LE || e->op == PT2_E_LT; }
static bool clamps(pt2_ex e) { return e->op == PT2_E_MIN || e->op == PT2_E_MAX; }

/* min and max are the operand that depends on the variable, comparisons are true. */
static pt2_ex decide(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct assume *a = ctx;
    pt2_ex d, x;
    if (!decides(a, e))
        return e;
    if (compares(e))
        return note_bound(a, E, difference(E, e)) ? pt2_int(E, PT2_BOOL, 1) : e;
    if (clamps(e) && (x = moving_operand(a, E, e, &d)) != NULL)
        return note_bound(a, E, d) ? x : e;
    return e;
}

struct fail {
    struct assume a;
    const struct pt2_bound *bound;
};

static bool is_bound(const struct fail *f, struct pt2_exprs *E, pt2_ex d, const struct pt2_bound *bound)
{
    struct pt2_bound b;
    return as_bound(&f->a, E, d, &b) && same_bound(&b, bound);
}

/* Comparisons that are the bound are false; what is read is before the place from which on nothing is. */
static pt2_ex fail_bound(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct fail *f = ctx;
    struct pt2_bound read = { f->a.unread, -1 };
    pt2_ex d, x;
    if (!decides(&f->a, e))
        return e;
    if (compares(e) && is_bound(f, E, difference(E, e), f->bound))
        return pt2_int(E, PT2_BOOL, 0);
    if (clamps(e) && (x = moving_operand(&f->a, E, e, &d)) != NULL && is_bound(f, E, d, &read))
        return x;
    return e;
}

/* The value wherever a bound does not hold, if it is one constant: padding. */
static pt2_ex find_outside(struct pt2_exprs *E, pt2_ex value, const struct assume *a)
{
    pt2_ex outside = NULL;
    for (int k = 0; k < a->p->count; k++) {
        struct fail f = { *a, &a->p->of[k] };
        if (a->unread == f.bound->rest && f.bound->step == -1)
            continue;
        pt2_ex there = pt2_rewrite(E, value, fail_bound, &f);
        if (!pt2_is_const(there) || (outside && there != outside))
            return NULL;
        outside = there;
    }
    return outside;
}

void pt2_bounds_find(struct pt2_exprs *E, pt2_ex value, int var, pt2_ex unread, struct pt2_bounds *b)
{
    struct assume a = { b, var, unread };
    *b = (struct pt2_bounds){ 0 };
    pt2_ex inner = pt2_rewrite(E, value, decide, &a);
    if (!b->count)
        return;
    b->inner = inner;
    b->outside = find_outside(E, value, &a);
    if (b->outside && inner->op == PT2_E_SELECT && inner->args[2] == b->outside &&
        !pt2_depends_on(inner->args[0], var)) {
        b->when = inner->args[0];
        b->inner = inner->args[1];
    }
}

void pt2_bounds_exprs(struct pt2_bounds *b, pt2_ex (*fn)(void *ctx, pt2_ex e), void *ctx)
{
    if (b->inner)
        b->inner = fn(ctx, b->inner);
    if (b->when)
        b->when = fn(ctx, b->when);
    for (int k = 0; k < b->count; k++)
        b->of[k].rest = fn(ctx, b->of[k].rest);
}

/* ---- text ---- */

struct body pt2_bounds_count(struct render *r, struct body names, const struct pt2_bounds *b)
{
    for (int k = 0; k < b->count; k++)
        names = pt2_render_count(r, names, b->of[k].rest);
    return b->when ? pt2_render_count(r, names, b->when) : names;
}

void pt2_bounds_say(struct render *r, const struct pt2_bounds *b)
{
    char rest[24];
    pt2_say(r, "int lo = 0, hi = len;");
    for (int k = 0; k < b->count; k++) {
        long long step = b->of[k].step;
        snprintf(rest, sizeof rest, "int rest%d = ", k);
        pt2_say_value(r, rest, b->of[k].rest);
        if (step == 1)
            pt2_say(r, "lo = max(lo, -rest%d - last);", k);
        else if (step > 0)
            pt2_say(r, "lo = max(lo, -pt_floordiv_i32(rest%d, %lld) - last);", k, step);
        else if (step == -1)
            pt2_say(r, "hi = min(hi, rest%d + 1 - last);", k);
        else
            pt2_say(r, "hi = min(hi, pt_floordiv_i32(rest%d, %lld) + 1 - last);", k, -step);
    }
    if (b->when)
        pt2_say_value(r, "bool when = ", b->when);
    pt2_say(r, b->when ? "hi = when ? max(hi, 0) : 0;" : "hi = max(hi, 0);");
    pt2_say(r, "lo = min(lo, hi);");
}
