/* SPDX-License-Identifier: MIT
 * Hash-consing: every node is found or made here, so equal expressions are one pointer. A node's range and leaf bits
 * are computed once, when it is made; its arguments exist already, so ids grow from the leaves to the roots. */
#include "expr/internal.h"

#include <stdlib.h>

void pt2_exprs_init(struct pt2_exprs *E)
{
    *E = (struct pt2_exprs){ 0 };
}

void pt2_exprs_free(struct pt2_exprs *E)
{
    free(E->slots);
    pt2_arena_free(&E->arena);
    *E = (struct pt2_exprs){ 0 };
}

int pt2_symbol(struct pt2_exprs *E, const char *name)
{
    void *id = pt2_map_get(&E->symbol_ids, name);
    if (id)
        return (int)(intptr_t)id - 1;
    char *copy = pt2_arena_strdup(&E->arena, name);
    struct pt2_symbol s = { copy, -PT2_INF, PT2_INF };
    pt2_push(&E->arena, &E->symbols, s);
    pt2_map_put(&E->arena, &E->symbol_ids, copy, (void *)(intptr_t)E->symbols.count);
    return (int)E->symbols.count - 1;
}

bool pt2_is_float_type(int dtype)
{
    return dtype == PT2_F32 || dtype == PT2_F64;
}

static uint64_t hash_of(int op, int dtype, int64_t i, double f, int n, const pt2_ex *args)
{
    uint64_t key[4] = { (uint64_t)op << 32 | (uint64_t)dtype << 16 | (uint64_t)n, (uint64_t)i, 0, 0 };
    memcpy(&key[2], &f, 8);
    uint64_t h = pt2_hash(key, sizeof key, 1);
    for (int k = 0; k < n; k++)
        h = (h ^ args[k]->id) * 0x9e3779b97f4a7c15u + (h >> 29);
    return h ^ h >> 32;
}

static bool same(pt2_ex e, int op, int dtype, int64_t i, double f, int n, const pt2_ex *args)
{
    return e->op == op && e->dtype == dtype && e->num_args == n && e->i == i && !memcmp(&e->f, &f, 8) &&
           (n == 0 || !memcmp(e->args, args, (size_t)n * sizeof *args));
}

static void grow(struct pt2_exprs *E)
{
    uint32_t n = E->num_slots ? E->num_slots * 2 : 1024;
    pt2_ex *slots = calloc(n, sizeof *slots);
    if (!slots)
        abort(); /* metadata: see base/arena.h */
    for (uint32_t k = 0; k < E->num_slots; k++) {
        pt2_ex e = E->slots[k];
        if (!e)
            continue;
        uint64_t h = hash_of(e->op, e->dtype, e->i, e->f, e->num_args, e->args);
        while (slots[h & (n - 1)])
            h++;
        slots[h & (n - 1)] = e;
    }
    free(E->slots);
    E->slots = slots;
    E->num_slots = n;
}

static uint8_t leaf_bits(int op)
{
    switch (op) {
    case PT2_E_SYM: return PT2_HAS_SYM;
    case PT2_E_VAR: return PT2_HAS_VAR;
    case PT2_E_LOAD: return PT2_HAS_LOAD;
    case PT2_E_PARAM: return PT2_HAS_PARAM;
    case PT2_E_REG: return PT2_HAS_REG;
    default: return 0;
    }
}

pt2_ex pt2_intern(struct pt2_exprs *E, int op, int dtype, int64_t i, double f, int n, const pt2_ex *args)
{
    if ((E->count + 1) * 2 > E->num_slots)
        grow(E);
    uint64_t h = hash_of(op, dtype, i, f, n, args);
    for (;; h++) {
        pt2_ex e = E->slots[h & (E->num_slots - 1)];
        if (!e)
            break;
        if (same(e, op, dtype, i, f, n, args))
            return e;
    }
    struct pt2_expr *e = pt2_arena_alloc(&E->arena, sizeof *e + (size_t)n * sizeof *args);
    e->op = (uint8_t)op;
    e->dtype = (uint8_t)dtype;
    e->num_args = (uint16_t)n;
    e->id = E->count++;
    e->i = i;
    e->f = f;
    e->has = leaf_bits(op);
    for (int k = 0; k < n; k++) {
        e->args[k] = args[k];
        e->has |= args[k]->has;
    }
    pt2_range_of(e);
    E->slots[h & (E->num_slots - 1)] = e;
    return e;
}

/* ---- leaves ---- */

pt2_ex pt2_int(struct pt2_exprs *E, int dtype, int64_t i)
{
    if (pt2_is_float_type(dtype))
        return pt2_num(E, dtype, (double)i);
    return pt2_intern(E, PT2_E_CONST, dtype, pt2_wrap(dtype, i), 0, 0, NULL);
}

pt2_ex pt2_num(struct pt2_exprs *E, int dtype, double f)
{
    if (dtype == PT2_BOOL)
        return pt2_int(E, dtype, f != 0);
    if (!pt2_is_float_type(dtype))
        return pt2_int(E, dtype,
                       f >= 9223372036854775808.0   ? (int64_t)(uint64_t)f
                       : f > -9223372036854775808.0 ? (int64_t)f
                                                    : 0);
    if (dtype == PT2_F32)
        f = (double)(float)f;
    if (f != f)
        f = (double)__builtin_nanf(""); /* one NaN, so that it is one node */
    return pt2_intern(E, PT2_E_CONST, dtype, 0, f, 0, NULL);
}

pt2_ex pt2_idx(struct pt2_exprs *E, int64_t i)
{
    return pt2_int(E, PT2_IDX, i);
}

pt2_ex pt2_sym(struct pt2_exprs *E, int symbol)
{
    const struct pt2_symbol *s = &E->symbols.data[symbol];
    if (s->lo == s->hi && s->lo > -PT2_INF && s->hi < PT2_INF)
        return pt2_idx(E, s->lo);
    struct pt2_expr *e = (struct pt2_expr *)(uintptr_t)pt2_intern(E, PT2_E_SYM, PT2_IDX, symbol, 0, 0, NULL);
    e->lo = pt2_clip(s->lo);
    e->hi = pt2_clip(s->hi);
    return e;
}

pt2_ex pt2_var(struct pt2_exprs *E, int axis, pt2_ex extent)
{
    if (pt2_is_int(extent, 1))
        return pt2_idx(E, 0);
    return pt2_intern(E, PT2_E_VAR, PT2_IDX, axis, 0, 1, &extent);
}

pt2_ex pt2_param(struct pt2_exprs *E, int number, int64_t lo, int64_t hi)
{
    struct pt2_expr *e = (struct pt2_expr *)(uintptr_t)pt2_intern(E, PT2_E_PARAM, PT2_IDX, number, 0, 0, NULL);
    e->lo = pt2_clip(lo);
    e->hi = pt2_clip(hi);
    return e;
}

pt2_ex pt2_param64(struct pt2_exprs *E, int number)
{
    return pt2_intern(E, PT2_E_PARAM, PT2_I64, number, 0, 0, NULL);
}

pt2_ex pt2_reg(struct pt2_exprs *E, int number, int dtype)
{
    return pt2_intern(E, PT2_E_REG, dtype, number, 0, 0, NULL);
}

pt2_ex pt2_load_raw(struct pt2_exprs *E, int dtype, int64_t id, int n, const pt2_ex *index)
{
    return pt2_intern(E, PT2_E_LOAD, dtype, id, 0, n, index);
}

bool pt2_is_int(pt2_ex e, int64_t i)
{
    return e->op == PT2_E_CONST && !pt2_is_float_type(e->dtype) && e->i == i;
}

const char *pt2_expr_op_name(enum pt2_expr_op op)
{
    static const char *const names[] = {
#define X(name, arity, text) [PT2_E_##name] = text,
        PT2_EXPR_OPS(X)
#undef X
    };
    return names[op];
}
