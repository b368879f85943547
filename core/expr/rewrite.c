/* SPDX-License-Identifier: MIT
 * Walking and rewriting. Expressions are DAGs: every distinct node is met once, by a memo table over ids. Ids grow from
 * leaves to roots, so a table of the root's id suffices. Recursion is bounded by the depth of what lowering builds. */
#include "expr/internal.h"

#include <stdlib.h>

struct memo {
    struct pt2_exprs *E;
    pt2_rewrite_fn *fn;
    void *ctx;
    bool sizes_only; /* data inside index expressions are left as they are */
    /* open-addressed: id -> result; rewriting touches few of the context's nodes */
    struct { pt2_ex from, to; } *slots;
    uint32_t cap, count;
};

static void memo_put(struct memo *m, pt2_ex from, pt2_ex to);

static void memo_grow(struct memo *m)
{
    struct memo old = *m;
    m->cap = old.cap ? old.cap * 2 : 64;
    m->count = 0;
    m->slots = calloc(m->cap, sizeof *m->slots);
    if (!m->slots)
        abort();
    for (uint32_t k = 0; k < old.cap; k++)
        if (old.slots[k].from)
            memo_put(m, old.slots[k].from, old.slots[k].to);
    free(old.slots);
}

static void memo_put(struct memo *m, pt2_ex from, pt2_ex to)
{
    if ((m->count + 1) * 2 > m->cap)
        memo_grow(m);
    uint32_t k = from->id * 2654435761u;
    while (m->slots[k & (m->cap - 1)].from)
        k++;
    m->slots[k & (m->cap - 1)].from = from;
    m->slots[k & (m->cap - 1)].to = to;
    m->count++;
}

static pt2_ex memo_get(const struct memo *m, pt2_ex from)
{
    if (!m->cap)
        return NULL;
    for (uint32_t k = from->id * 2654435761u;; k++) {
        pt2_ex f = m->slots[k & (m->cap - 1)].from;
        if (!f)
            return NULL;
        if (f == from)
            return m->slots[k & (m->cap - 1)].to;
    }
}

static pt2_ex rebuild_sum(struct pt2_exprs *E, pt2_ex e, const pt2_ex *args)
{
    if (e->op == PT2_E_MUL || e->num_args == 2) {
        pt2_ex r = args[0];
        for (int k = 1; k < e->num_args; k++)
            r = pt2_bin(E, (enum pt2_expr_op)e->op, r, args[k]);
        return r;
    }
    struct pt2_sum s = { 0 }; /* one sum at once: adding one by one would recombine each time */
    for (int k = 0; k < e->num_args; k++)
        if (!pt2_sum_add(E, &s, 1, args[k]))
            return pt2_intern(E, PT2_E_ADD, PT2_IDX, 0, 0, e->num_args, args);
    return pt2_sum_build(E, &s);
}

pt2_ex pt2_rebuild(struct pt2_exprs *E, pt2_ex e, const pt2_ex *args)
{
    switch (e->op) {
    case PT2_E_CONST: case PT2_E_SYM: case PT2_E_PARAM: case PT2_E_REG: return e;
    case PT2_E_VAR: return pt2_var(E, (int)e->i, args[0]);
    case PT2_E_LOAD: return pt2_load_raw(E, e->dtype, e->i, e->num_args, args);
    case PT2_E_CAST: return pt2_cast(E, e->dtype, args[0]);
    case PT2_E_BITCAST: return pt2_bitcast(E, e->dtype, args[0]);
    case PT2_E_ROUNDTO: return pt2_roundto(E, (pt2_dtype)e->i, args[0]);
    case PT2_E_SELECT: return pt2_select(E, args[0], args[1], args[2]);
    case PT2_E_ADD: case PT2_E_MUL: return rebuild_sum(E, e, args);
    default:
        return e->num_args == 1 ? pt2_un(E, (enum pt2_expr_op)e->op, args[0])
                                : pt2_bin(E, (enum pt2_expr_op)e->op, args[0], args[1]);
    }
}

static pt2_ex rewrite(struct memo *m, pt2_ex e)
{
    pt2_ex r = m->sizes_only && e->dtype != PT2_IDX ? e : memo_get(m, e);
    if (r)
        return r;
    pt2_ex small[8], *args = small;
    if (e->num_args > 8 && !(args = malloc(e->num_args * sizeof *args)))
        abort();
    for (int k = 0; k < e->num_args; k++)
        args[k] = rewrite(m, e->args[k]);
    r = pt2_rebuild(m->E, e, args);
    if (args != small)
        free(args);
    /* Otherwise it has collapsed to a part, which is rewritten already: i0 of (i0*2 + i1) // 2 */
    if (m->fn && r->op == e->op)
        r = m->fn(m->ctx, m->E, r);
    memo_put(m, e, r);
    return r;
}

pt2_ex pt2_rewrite(struct pt2_exprs *E, pt2_ex e, pt2_rewrite_fn *fn, void *ctx)
{
    struct memo m = { .E = E, .fn = fn, .ctx = ctx };
    pt2_ex r = rewrite(&m, e);
    free(m.slots);
    return r;
}

pt2_ex pt2_rebuild_index(struct pt2_exprs *E, pt2_ex e)
{
    struct memo m = { .E = E, .sizes_only = true };
    pt2_ex r = rewrite(&m, e);
    free(m.slots);
    return r;
}

struct subst {
    int n;
    const pt2_ex *axes;
};

static pt2_ex subst_var(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct subst *s = ctx;
    (void)E;
    return e->op == PT2_E_VAR && e->i < s->n && s->axes[e->i] ? s->axes[e->i] : e;
}

/* Extents hold no variables, so the bottom-up order cannot substitute into what was substituted. */
pt2_ex pt2_subst_vars(struct pt2_exprs *E, pt2_ex e, int n, const pt2_ex *axes)
{
    struct subst s = { n, axes };
    return e->has & PT2_HAS_VAR ? pt2_rewrite(E, e, subst_var, &s) : e;
}

/* ---- visiting ---- */

static void visit(struct memo *m, pt2_ex e, pt2_visit_fn *fn, void *ctx)
{
    if (memo_get(m, e))
        return;
    memo_put(m, e, e);
    for (int k = 0; k < e->num_args; k++)
        visit(m, e->args[k], fn, ctx);
    fn(ctx, e);
}

void pt2_visit(pt2_ex e, pt2_visit_fn *fn, void *ctx)
{
    struct memo m = { 0 };
    visit(&m, e, fn, ctx);
    free(m.slots);
}

static void count_ops(void *ctx, pt2_ex e)
{
    int *n = ctx;
    *n += e->num_args > 0 && e->op != PT2_E_VAR && e->op != PT2_E_LOAD && e->dtype != PT2_IDX;
}

int pt2_cost(pt2_ex e)
{
    int n = 0;
    pt2_visit(e, count_ops, &n);
    return n;
}
