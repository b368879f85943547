/* SPDX-License-Identifier: MIT
 * Inputs from a seed. First the sizes are chosen, then what the graph demands of integers is traced from the indices
 * back to the inputs, then numbers are drawn. */
#include "runtime/random_inputs.h"
#include "runtime/index_bounds.h"
#include "runtime/internal.h"

#include <math.h>
#include <stdlib.h>

struct maker {
    pt2_model *m;
    struct pt2_arena *arena;
    int64_t *values;  /* by symbol */
    uint8_t *known;
    bool *free_sizes; /* by symbol: inputs have it in their shapes, or are it */
    PT2_VEC(int) order; /* those that are to be chosen */
    int tries;
};

static struct pt2_exprs *exprs_of(const struct maker *k)
{
    return &k->m->module.exprs;
}

/* ---- which sizes are free ---- */

static void mark_symbol(void *ctx, pt2_ex e)
{
    struct maker *k = ctx;
    if (e->op == PT2_E_SYM)
        k->free_sizes[e->i] = true;
}

/* The symbol that a Python int is; -1: none. */
static int symbol_of_scalar(const struct maker *k, const struct pt2_input_spec *spec)
{
    const struct pt2_symexpr *e = spec->value->expr;
    const char *name = e && e->op == PT2_SYM_NAME ? e->name : e ? NULL : spec->value->name;
    void *id = name ? pt2_map_get(&exprs_of(k)->symbol_ids, name) : NULL;
    return id ? (int)(intptr_t)id - 1 : -1;
}

static void find_free_sizes(struct maker *k)
{
    const struct pt2_lowered *l = &k->m->lowered;
    const struct pt2_program *p = k->m->program;
    for (int i = 0; i < l->num_inputs; i++)
        for (int d = 0; p->inputs[l->inputs[i].spec].leaf >= 0 && d < l->inputs[i].rank; d++)
            pt2_visit(l->inputs[i].shape[d], mark_symbol, k);
    for (uint32_t i = 0; i < p->num_inputs; i++) {
        const struct pt2_input_spec *spec = &p->inputs[i];
        int symbol = spec->leaf >= 0 && spec->value->kind == PT2_VALUE_INT && spec->kind != PT2_INPUT_CONSTANT
                         ? symbol_of_scalar(k, spec)
                         : -1;
        if (symbol >= 0)
            k->free_sizes[symbol] = true;
    }
}

/* ---- choosing them ---- */

static const char *names_of_sizes(struct maker *k)
{
    const char *list = "";
    for (uint32_t i = 0; i < exprs_of(k)->symbols.count; i++)
        if (k->free_sizes[i])
            list = pt2_arena_printf(k->arena, "%s%s%s", list, *list ? ", " : "", exprs_of(k)->symbols.data[i].name);
    return *list ? list : "none";
}

static pt2_status take_choice(struct maker *k, const struct pt2_size_choice *c)
{
    void *id = pt2_map_get(&exprs_of(k)->symbol_ids, c->name);
    int symbol = id ? (int)(intptr_t)id - 1 : -1;
    if (symbol < 0 || !k->free_sizes[symbol])
        return pt2_fail(PT2_ERR_ARG, "the inputs have no size %s; free sizes: %s", c->name, names_of_sizes(k));
    const struct pt2_symbol *s = &exprs_of(k)->symbols.data[symbol];
    if (c->size < s->lo || c->size > s->hi)
        return pt2_fail(PT2_ERR_ARG, "size %s=%lld is outside its range, %lld to %lld", c->name, (long long)c->size,
                        (long long)s->lo, (long long)s->hi);
    k->values[symbol] = c->size;
    k->known[symbol] = 1;
    return PT2_OK;
}

/* What the sample inputs have, where nothing else was asked for. */
static void take_sample_sizes(struct maker *k)
{
    pt2_session *s = NULL;
    if (!k->m->program->samples || pt2_session_new(k->m, &s) != PT2_OK)
        return;
    if (pt2_bind_inputs(s) == PT2_OK)
        for (uint32_t i = 0; i < exprs_of(k)->symbols.count; i++)
            if (k->free_sizes[i] && !k->known[i] && s->known[i]) {
                k->values[i] = s->values[i];
                k->known[i] = 1;
            }
    pt2_session_destroy(&s);
}

struct unknowns {
    const struct maker *k;
    bool any;
};

static void see_unknown(void *ctx, pt2_ex e)
{
    struct unknowns *u = ctx;
    u->any |= e->op == PT2_E_SYM && !u->k->known[e->i];
}

static bool is_known(const struct maker *k, pt2_ex e)
{
    struct unknowns u = { k, false };
    pt2_visit(e, see_unknown, &u);
    return !u.any;
}

/* Conditions and shapes whose sizes are all known hold. */
static bool sizes_hold(const struct maker *k)
{
    const struct pt2_lowered *l = &k->m->lowered;
    int64_t v;
    for (uint32_t i = 0; i < l->checks.count; i++) {
        pt2_ex cond = l->checks.data[i].cond;
        if (cond && is_known(k, cond) &&
            (pt2_eval(exprs_of(k), cond, k->values, k->known, &v) != PT2_OK || !v))
            return false;
    }
    for (int i = 0; i < l->num_inputs; i++)
        for (int d = 0; k->m->program->inputs[l->inputs[i].spec].leaf >= 0 && d < l->inputs[i].rank; d++)
            if (is_known(k, l->inputs[i].shape[d]) &&
                (pt2_eval(exprs_of(k), l->inputs[i].shape[d], k->values, k->known, &v) != PT2_OK || v < 0))
                return false;
    return true;
}

enum { MAX_TRIES = 20000, MAX_SMALL = 64 };

/* 8 and its like first, then every small number, then the ends of the range. */
static bool search(struct maker *k, uint32_t at)
{
    static const int64_t liked[] = { 8, 4, 16, 2, 32 };
    enum { LIKED = sizeof liked / sizeof *liked };
    if (at == k->order.count)
        return sizes_hold(k);
    int symbol = k->order.data[at];
    const struct pt2_symbol *s = &exprs_of(k)->symbols.data[symbol];
    int64_t lo = s->lo > 0 ? s->lo : 1;
    for (int i = 0; i < LIKED + MAX_SMALL + 2 && k->tries < MAX_TRIES; i++) {
        int64_t v = i < LIKED ? liked[i] : i < LIKED + MAX_SMALL ? lo + i - LIKED : i % 2 ? s->lo : s->hi;
        if (v < s->lo || v > s->hi || v >= PT2_INF)
            continue;
        k->tries++;
        k->values[symbol] = v;
        k->known[symbol] = 1;
        if (sizes_hold(k) && search(k, at + 1))
            return true;
    }
    k->known[symbol] = 0;
    return false;
}

static pt2_status choose_sizes(struct maker *k, const struct pt2_size_choice *sizes, int num_sizes)
{
    for (int i = 0; i < num_sizes; i++)
        PT2_TRY(take_choice(k, &sizes[i]));
    if (!num_sizes)
        take_sample_sizes(k);
    for (uint32_t i = 0; i < exprs_of(k)->symbols.count; i++)
        if (k->free_sizes[i] && !k->known[i])
            pt2_push(k->arena, &k->order, (int)i);
    if (search(k, 0))
        return PT2_OK;
    return pt2_fail(PT2_ERR_INPUT, "found no sizes that the model takes; choose some: %s", names_of_sizes(k));
}

/* ---- drawing numbers: a function of seed, input and element ---- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t draw(uint64_t key, int64_t element)
{
    return mix(key + 0x9e3779b97f4a7c15u * ((uint64_t)element + 1));
}

/* Box and Muller's transform. */
static double draw_normal(uint64_t key, int64_t element)
{
    uint64_t r = draw(key, element);
    double u = ((double)(r >> 32) + 1) * 0x1p-32, v = (double)(uint32_t)r * 0x1p-32;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Of integers, [lo, hi] where the graph leaves that open. */
static struct pt2_bounds open_range(pt2_dtype t, struct pt2_bounds b)
{
    enum { USUAL = 9 };
    int64_t most = t == PT2_U8 ? 255 : USUAL;
    if (b.lo <= -PT2_INF)
        b.lo = b.hi < 0 ? b.hi : 0;
    if (b.hi >= PT2_INF)
        b.hi = b.lo > 0 ? b.lo + most : most;
    return b.hi < b.lo ? (struct pt2_bounds){ b.lo, b.lo } : b;
}

static void fill(pt2_tensor *t, uint64_t key, struct pt2_bounds b)
{
    pt2_dtype real = pt2_dtype_real(t->dtype);
    int64_t n = real == t->dtype ? 1 : 2;
    for (int d = 0; d < t->rank; d++)
        n *= t->shape[d];
    for (int64_t i = 0; i < n; i++) {
        if (pt2_dtype_is_float(real))
            pt2_store_double(real, t->data, i, draw_normal(key, i));
        else if (real == PT2_BOOL)
            pt2_store_int(real, t->data, i, (int64_t)(draw(key, i) >> 63));
        else
            pt2_store_int(real, t->data, i, b.lo + (int64_t)(draw(key, i) % (uint64_t)(b.hi - b.lo + 1)));
    }
}

static void *room_for(struct maker *k, const pt2_tensor *t, uint64_t *out_bytes)
{
    uint64_t bytes = pt2_dtype_size(t->dtype);
    for (int d = 0; d < t->rank; d++)
        if (__builtin_mul_overflow(bytes, (uint64_t)t->shape[d], &bytes) || bytes > (uint64_t)1 << 46)
            return NULL;
    *out_bytes = bytes;
    return pt2_arena_alloc(k->arena, (size_t)bytes + 8);
}

/* ---- one leaf ---- */

static int lowered_input(const struct maker *k, const struct pt2_input_spec *spec)
{
    for (int i = 0; i < k->m->lowered.num_inputs; i++)
        if (&k->m->program->inputs[k->m->lowered.inputs[i].spec] == spec)
            return i;
    return -1;
}

static pt2_status make_tensor(struct maker *k, const struct pt2_input_spec *spec, uint64_t key,
                              const struct pt2_bounds *bounds, pt2_tensor *t)
{
    const struct pt2_tensor_meta *meta = spec->value->meta;
    int number = lowered_input(k, spec);
    const char *name = k->m->program->in_leaves[spec->leaf].name;
    uint64_t bytes;
    t->dtype = meta->dtype;
    t->rank = meta->rank;
    for (int d = 0; d < t->rank; d++) {
        if (number >= 0)
            PT2_NOTE(pt2_eval(exprs_of(k), k->m->lowered.inputs[number].shape[d], k->values, k->known, &t->shape[d]),
                     "input %s", name);
        else if (meta->sizes[d]->op == PT2_SYM_INT)
            t->shape[d] = meta->sizes[d]->i;
        else
            t->shape[d] = 1; /* no kernel reads it */
    }
    t->data = room_for(k, t, &bytes);
    if (!t->data)
        return pt2_fail(PT2_ERR_NOMEM, "input %s is too large", name);
    struct pt2_bounds open = { -PT2_INF, PT2_INF };
    fill(t, key, open_range(t->dtype, number >= 0 ? bounds[number] : open));
    return PT2_OK;
}

static pt2_status make_scalar(struct maker *k, const struct pt2_input_spec *spec, uint64_t key, pt2_tensor *t)
{
    int symbol = symbol_of_scalar(k, spec);
    t->dtype = spec->value->kind == PT2_VALUE_INT     ? PT2_I64
               : spec->value->kind == PT2_VALUE_FLOAT ? PT2_F64
                                                      : PT2_BOOL;
    t->data = pt2_arena_alloc(k->arena, 8);
    fill(t, key, (struct pt2_bounds){ 0, 9 });
    if (t->dtype == PT2_I64 && symbol >= 0)
        pt2_store_int(PT2_I64, t->data, 0, k->values[symbol]);
    return PT2_OK;
}

static pt2_status make_leaf(struct maker *k, const struct pt2_input_spec *spec, uint64_t key,
                            const struct pt2_bounds *bounds, pt2_tensor *t)
{
    if (spec->kind == PT2_INPUT_CONSTANT)
        return PT2_OK;
    switch (spec->value->kind) {
    case PT2_VALUE_TENSOR:
        if (spec->value->meta)
            return make_tensor(k, spec, key, bounds, t);
        break;
    case PT2_VALUE_INT: case PT2_VALUE_FLOAT: case PT2_VALUE_BOOL: return make_scalar(k, spec, key, t);
    case PT2_VALUE_NONE: return PT2_OK;
    default: break;
    }
    return pt2_fail(PT2_ERR_UNSUPPORTED, "input %s has no type that random numbers can fill",
                    k->m->program->in_leaves[spec->leaf].name);
}

pt2_status pt2_random_inputs(pt2_model *m, uint64_t seed, const struct pt2_size_choice *sizes, int num_sizes,
                             struct pt2_arena *arena, pt2_tensor *out_leaves)
{
    uint32_t symbols = m->module.exprs.symbols.count;
    struct maker k = { .m = m, .arena = arena, .values = PT2_NEW_N(arena, int64_t, symbols + 1),
                       .known = PT2_NEW_N(arena, uint8_t, symbols + 1),
                       .free_sizes = PT2_NEW_N(arena, bool, symbols + 1) };
    const struct pt2_program *p = m->program;
    for (uint32_t i = 0; i < p->num_in_leaves; i++)
        out_leaves[i] = (pt2_tensor){ .dtype = PT2_NONE };
    find_free_sizes(&k);
    PT2_TRY(choose_sizes(&k, sizes, num_sizes));
    const struct pt2_bounds *bounds = pt2_index_bounds(&m->module, k.values, k.known, arena);
    for (uint32_t i = 0; i < p->num_inputs; i++)
        if (p->inputs[i].leaf >= 0)
            PT2_TRY(make_leaf(&k, &p->inputs[i], mix(seed) + mix((uint64_t)p->inputs[i].leaf + 1), bounds,
                              &out_leaves[p->inputs[i].leaf]));
    return PT2_OK;
}
