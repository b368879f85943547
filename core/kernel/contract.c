/* SPDX-License-Identifier: MIT
 * Finds contractions and chooses their tiles.
 *
 * An output axis that only one factor depends on belongs to that factor; one that both or none depend on is a batch
 * axis. The columns are the side of the last output axis, so that neighbouring results are neighbours in memory. */
#include "expr/internal.h"
#include "kernel/contract_packing.h"

enum {
    MIN_SIDE = 4,          /* fewer rows or columns: tiles would be mostly padding */
    MIN_PRODUCTS = 1 << 12, /* per batch element */
    MIN_SHADER = 1 << 17,   /* in all, where compiling a tiled shader takes longer than running a plain one */
    MIN_NARROW = 1 << 20,   /* likewise, of few lanes: they gain less */
};

/* ---- recognition ---- */

struct depends {
    uint64_t outer; /* bit k: on outer axis k */
    bool reg;
};

static void note_dependence(void *ctx, pt2_ex e)
{
    struct depends *d = ctx;
    if (e->op == PT2_E_VAR && e->i >= PT2_OUTER_AXIS)
        d->outer |= UINT64_C(1) << (e->i - PT2_OUTER_AXIS);
    d->reg |= e->op == PT2_E_REG;
}

static struct depends depends(pt2_ex e)
{
    struct depends d = { 0 };
    pt2_visit(e, note_dependence, &d);
    return d;
}

/* The sum comes first, and nothing behind it loops to reduce. */
static bool has_form(const struct pt2_stage *s, int n)
{
    if (n < 2 || s->kind != PT2_STAGE_REDUCE || s->op != PT2_RED_SUM || s->num_loops < 1 || s->body->dtype != PT2_F32 ||
        s->body->op != PT2_E_MUL || s->body->num_args != 2)
        return false;
    for (int k = 1; k < n; k++)
        if (s[k].kind != PT2_STAGE_LET && s[k].kind != PT2_STAGE_STORE)
            return false;
    return true;
}

static void assign_roles(struct pt2_contract *c, uint64_t first, uint64_t second)
{
    uint64_t either = first ^ second;
    int last = c->rank - 1;
    while (last > 0 && !(either >> last & 1))
        last--;
    c->swapped = first >> last & 1;
    uint64_t rows = c->swapped ? second : first;
    for (int k = 0; k < c->rank; k++)
        c->role[k] = !(either >> k & 1) ? PT2_AXIS_BATCH : rows >> k & 1 ? PT2_AXIS_ROW : PT2_AXIS_COL;
}

static pt2_ex size_of(struct pt2_exprs *E, const struct pt2_contract *c, enum pt2_axis_role role)
{
    pt2_ex size = pt2_idx(E, 1);
    for (int k = 0; k < c->rank; k++)
        if (c->role[k] == role)
            size = pt2_mul(E, size, c->extent[k]);
    return size;
}

/* A shader on a processor. Where lanes are few, sizes that only a run knows count as small: compilers for such
 * devices take minutes for some tiles over them. */
static bool pays_for_compiling(const struct pt2_contract *c, const struct pt2_caps *caps, int64_t products)
{
    int64_t all = pt2_sat_mul(products, pt2_contract_bounded(c->size[PT2_AXIS_BATCH]));
    if (!pt2_tiles_few_lanes(caps))
        return all >= MIN_SHADER;
    bool known = pt2_is_const(c->depth);
    for (int role = 0; role < PT2_AXIS_ROLES; role++)
        known &= pt2_is_const(c->size[role]);
    return known && all >= MIN_NARROW;
}

static bool large(const struct pt2_contract *c, const struct pt2_caps *caps)
{
    int64_t rows = pt2_contract_bounded(c->size[PT2_AXIS_ROW]), cols = pt2_contract_bounded(c->size[PT2_AXIS_COL]);
    int64_t products = pt2_sat_mul(rows * cols, pt2_contract_bounded(c->depth));
    if (caps->wide_vectors)
        return rows * cols >= MIN_SIDE * MIN_SIDE &&
               pt2_sat_mul(products, pt2_contract_bounded(c->size[PT2_AXIS_BATCH])) >= MIN_PRODUCTS;
    if (rows < MIN_SIDE || cols < MIN_SIDE || products < MIN_PRODUCTS)
        return false;
    return caps->kind != PT2_KIND_CPU || pays_for_compiling(c, caps, products);
}

/* ---- the factors at several places ---- */

pt2_ex pt2_contract_at_place(struct pt2_exprs *E, const struct pt2_contract *c, pt2_ex factor, enum pt2_axis_role role,
                             int first_var)
{
    pt2_ex to[PT2_OUTER_AXIS + 2 * PT2_MAX_RANK] = { 0 };
    for (int k = 0; k < c->rank; k++)
        if (c->role[k] == role && !pt2_is_int(c->extent[k], 1))
            to[PT2_OUTER_AXIS + k] = pt2_var(E, first_var++, c->extent[k]);
    return pt2_subst_vars(E, factor, PT2_OUTER_AXIS + 2 * PT2_MAX_RANK, to);
}

int pt2_contract_num_axes(const struct pt2_contract *c, enum pt2_axis_role role)
{
    int n = 0;
    for (int k = 0; k < c->rank; k++)
        n += c->role[k] == role && !pt2_is_int(c->extent[k], 1);
    return n;
}

pt2_ex pt2_contract_parts(struct pt2_exprs *E, pt2_ex size, pt2_ex part)
{
    return pt2_floordiv(E, pt2_addi(E, pt2_add(E, size, part), -1), part);
}

pt2_ex pt2_contract_points(struct pt2_exprs *E, const struct pt2_contract *c)
{
    if (c->each)
        return pt2_contract_parts(E, c->tiles, c->each);
    pt2_ex rows = pt2_contract_parts(E, c->size[PT2_AXIS_ROW], pt2_idx(E, c->tile_rows));
    pt2_ex cols = pt2_contract_parts(E, c->size[PT2_AXIS_COL], pt2_idx(E, c->tile_cols));
    return pt2_mul(E, c->size[PT2_AXIS_BATCH], pt2_mul(E, rows, cols));
}

static void choose_form(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum,
                        const struct pt2_kernel_buf *bufs, const struct pt2_caps *caps)
{
    if (caps->wide_vectors) {
        c->form = PT2_CONTRACT_PACKED;
        pt2_packing_choose(&m->exprs, c, caps);
    } else if (caps->kind == PT2_KIND_CPU) {
        c->form = PT2_CONTRACT_REGISTERS;
        pt2_contract_choose_registers(m, c, sum, bufs, caps);
    } else {
        pt2_contract_choose_groups(m, c, sum, bufs, caps);
    }
}

int pt2_contract_local_size(const struct pt2_contract *c)
{
    return c->form == PT2_CONTRACT_PACKED ? 1 : c->form == PT2_CONTRACT_REGISTERS ? 8 : c->invocations;
}

static uint32_t bucket_of(const struct pt2_contract *c)
{
    const pt2_ex size[] = { c->size[PT2_AXIS_BATCH], c->size[PT2_AXIS_ROW], c->size[PT2_AXIS_COL], c->depth };
    uint32_t bucket = 0;
    for (int k = 0; k < 4; k++) {
        uint32_t bits = 0;
        while (bits < 63 && INT64_C(1) << bits < size[k]->hi)
            bits++;
        bucket = bucket << 6 | bits;
    }
    return bucket;
}

struct pt2_contract *pt2_contract_find(struct pt2_module *m, struct pt2_stage *stages, int num_stages, int rank,
                                       const pt2_ex *extents, const struct pt2_kernel_buf *bufs,
                                       int panels, const struct pt2_caps *caps, struct pt2_tiles ask)
{
    if (caps->interprets || !has_form(stages, num_stages) || rank > 2 * PT2_MAX_RANK ||
        stages->num_loops >= PT2_OUTER_AXIS)
        return NULL;
    struct depends first = depends(stages->body->args[0]), second = depends(stages->body->args[1]);
    uint64_t only_first = first.outer & ~second.outer, only_second = second.outer & ~first.outer;
    if (first.reg || second.reg || !(caps->wide_vectors ? only_first | only_second : only_first && only_second))
        return NULL;
    struct pt2_contract *c = PT2_NEW(&m->arena, struct pt2_contract);
    c->rank = rank;
    c->panels = panels;
    c->ask = ask;
    for (int k = 0; k < rank; k++)
        c->extent[k] = extents[k];
    assign_roles(c, first.outer, second.outer);
    for (int role = 0; role < PT2_AXIS_ROLES; role++)
        c->size[role] = size_of(&m->exprs, c, (enum pt2_axis_role)role);
    c->depth = pt2_product(&m->exprs, stages->num_loops, stages->loops);
    if (!large(c, caps))
        return NULL;
    if (caps->wide_vectors && !pt2_packing_find(&m->exprs, c, stages, num_stages))
        return NULL;
    c->bucket = bucket_of(c);
    choose_form(m, c, stages, bufs, caps);
    return c;
}

static void each_axes(struct pt2_axes *a, void (*size)(void *ctx, pt2_ex *e), void *ctx)
{
    for (int k = 0; k < a->n; k++)
        size(ctx, &a->extent[k]);
}

static void each_of_panel(struct pt2_panel *p, void (*size)(void *ctx, pt2_ex *e),
                          void (*value)(void *ctx, pt2_ex *e), void *ctx)
{
    pt2_ex *values[] = { &p->value, &p->bounds.inner, &p->bounds.when, &p->base, &p->pitch };
    each_axes(&p->side, size, ctx);
    each_axes(&p->depth, size, ctx);
    for (int k = 0; k < 5; k++)
        if (*values[k])
            value(ctx, values[k]);
    for (int k = 0; k < p->bounds.count; k++)
        value(ctx, &p->bounds.of[k].rest);
}

static void each_packed(struct pt2_contract *c, void (*size)(void *ctx, pt2_ex *e),
                        void (*value)(void *ctx, pt2_ex *e), void *ctx)
{
    struct pt2_windows *w = &c->windows;
    for (int k = 0; k < 3; k++)
        size(ctx, &c->tile[k]);
    each_of_panel(&c->panel[0], size, value, ctx);
    each_of_panel(&c->panel[1], size, value, ctx);
    each_axes(&c->stores, size, ctx);
    if (!w->n)
        return;
    pt2_ex *sizes[] = { &w->taps, &w->phases, &w->reach, &w->positions, &c->channels };
    for (int k = 0; k < 5; k++)
        size(ctx, sizes[k]);
    for (int k = 0; k < w->n; k++) {
        struct pt2_window *a = &w->axis[k];
        pt2_ex *of[] = { &a->size, &a->span, &a->step, &a->dilation, &a->taps };
        for (int j = 0; j < 5; j++)
            size(ctx, of[j]);
    }
}

void pt2_contract_each(struct pt2_contract *c, void (*size)(void *ctx, pt2_ex *e), void (*value)(void *ctx, pt2_ex *e),
                       void *ctx)
{
    for (int k = 0; k < c->rank; k++)
        if (!pt2_is_int(c->extent[k], 1))
            size(ctx, &c->extent[k]);
    for (int k = 0; k < PT2_AXIS_ROLES; k++)
        size(ctx, &c->size[k]);
    size(ctx, &c->depth);
    if (c->form == PT2_CONTRACT_PACKED)
        each_packed(c, size, value, ctx);
    if (c->steps)
        size(ctx, &c->steps);
    if (c->each) {
        size(ctx, &c->each);
        size(ctx, &c->tiles);
    }
    for (int side = 0; side < 2; side++) {
        if (c->quarter[side])
            size(ctx, &c->quarter[side]);
        for (int k = 0; k < c->num_places[side]; k++)
            value(ctx, &c->places[side][k]);
    }
}
