/* SPDX-License-Identifier: MIT
 * Sizes in a run: the symbols that inputs and sub-graphs give values to, the shapes that follow, and the conditions on
 * them. */
#include "runtime/internal.h"

#include <stdio.h>

/* ---- shapes ---- */

pt2_status pt2_value_shape(struct pt2_session *s, const struct pt2_value *v, int64_t *out)
{
    for (int k = 0; k < v->rank; k++) {
        PT2_TRY(pt2_eval(&s->model->module.exprs, v->shape[k], s->values, s->known, &out[k]));
        if (out[k] < 0)
            return pt2_fail(PT2_ERR_INPUT, "a size of %s is negative (%lld)", v->name[0] ? v->name : "a value",
                            (long long)out[k]);
    }
    return PT2_OK;
}

pt2_status pt2_value_bytes(struct pt2_session *s, const struct pt2_value *v, uint64_t *out)
{
    int64_t shape[PT2_MAX_RANK + 1], bytes = (int64_t)pt2_dtype_size(v->dtype);
    PT2_TRY(pt2_value_shape(s, v, shape));
    for (int k = 0; k < v->rank; k++)
        if (__builtin_mul_overflow(bytes, shape[k], &bytes) || bytes > (int64_t)1 << 46)
            return pt2_fail(PT2_ERR_NOMEM, "a tensor is too large");
    *out = (uint64_t)bytes;
    return PT2_OK;
}

/* ---- symbols ---- */

pt2_status pt2_bind_symbol(struct pt2_session *s, int symbol, int64_t value)
{
    const struct pt2_symbol *sym = &s->model->module.exprs.symbols.data[symbol];
    if (s->known[symbol] && s->values[symbol] != value)
        return pt2_fail(PT2_ERR_INPUT, "%s is %lld, but %lld elsewhere", sym->name, (long long)value,
                        (long long)s->values[symbol]);
    if (!pt2_symbol_takes(sym, value)) {
        char hi[32] = "any";
        if (sym->hi < PT2_INF)
            snprintf(hi, sizeof hi, "%lld", (long long)sym->hi);
        return pt2_fail(PT2_ERR_INPUT, "%s is %lld, outside its range %lld to %s", sym->name, (long long)value,
                        (long long)sym->lo, hi);
    }
    s->values[symbol] = value;
    s->known[symbol] = 1;
    return PT2_OK;
}

struct unknown {
    const struct pt2_session *s;
    int symbol, count;
};

static void find_unknown(void *ctx, pt2_ex e)
{
    struct unknown *u = ctx;
    if (e->op == PT2_E_SYM && !u->s->known[e->i]) {
        u->symbol = (int)e->i;
        u->count++;
    }
}

static struct unknown unknown_of(const struct pt2_session *s, pt2_ex e)
{
    struct unknown u = { s, -1, 0 };
    pt2_visit(e, find_unknown, &u);
    return u;
}

bool pt2_size_known(const struct pt2_session *s, pt2_ex e)
{
    return unknown_of(s, e).count == 0;
}

/* e = a*x + b with one unknown x: tries 0 and 1 to find a and b, and then the x that follows. */
static pt2_status solve(struct pt2_session *s, pt2_ex e, int64_t size, int symbol)
{
    struct pt2_exprs *E = &s->model->module.exprs;
    int64_t f0, f1;
    s->known[symbol] = 1;
    s->values[symbol] = 0;
    pt2_status status = pt2_eval(E, e, s->values, s->known, &f0);
    s->values[symbol] = 1;
    if (status == PT2_OK)
        status = pt2_eval(E, e, s->values, s->known, &f1);
    int64_t x = status == PT2_OK && f1 != f0 ? (size - f0) / (f1 - f0) : 0, fx = f0;
    s->values[symbol] = x;
    if (status == PT2_OK)
        status = pt2_eval(E, e, s->values, s->known, &fx);
    s->known[symbol] = 0;
    PT2_TRY(status);
    if (f1 == f0 || fx != size)
        return PT2_OK; /* not linear, or no such x: compared later, once another size has bound it */
    return pt2_bind_symbol(s, symbol, x);
}

pt2_status pt2_solve_size(struct pt2_session *s, pt2_ex e, int64_t size)
{
    if (e->op == PT2_E_SYM)
        return pt2_bind_symbol(s, (int)e->i, size);
    struct unknown u = unknown_of(s, e);
    return u.count == 1 ? solve(s, e, size, u.symbol) : PT2_OK;
}

/* ---- conditions ---- */

struct decides {
    int symbol;
    bool has;
};

static void see_symbol(void *ctx, pt2_ex e)
{
    struct decides *d = ctx;
    d->has |= e->op == PT2_E_SYM && e->i == d->symbol;
}

bool pt2_decides(pt2_ex e, int symbol)
{
    struct decides d = { symbol, symbol < 0 };
    pt2_visit(e, see_symbol, &d);
    return d.has;
}

pt2_status pt2_check_sizes(struct pt2_session *s, int symbol)
{
    const struct pt2_lowered *l = &s->model->lowered;
    PT2_TRY(pt2_check_index_symbols(s, symbol));
    for (uint32_t k = 0; k < l->checks.count; k++) {
        const struct pt2_runtime_check *c = &l->checks.data[k];
        int64_t holds = 1;
        if (!c->cond)
            continue;
        if (pt2_decides(c->cond, symbol) && pt2_size_known(s, c->cond))
            PT2_TRY(pt2_eval(&s->model->module.exprs, c->cond, s->values, s->known, &holds));
        if (!holds)
            return pt2_fail(PT2_ERR_INPUT, "%s", c->message);
    }
    return PT2_OK;
}
