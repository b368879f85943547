/* SPDX-License-Identifier: MIT
 * Decides which kernels are computed by teams, how many lanes a team has, where four neighbours are read at once. */
#include "expr/internal.h"
#include "kernel/rows.h"
#include "kernel/tiles.h"

enum {
    VECTOR_LANES = 16,    /* floats of the widest vector registers */
    LONG_LANES = 64,      /* partial results are in memory: more of them wait less for each other */
    LONG_ROW = 4096,      /* of which what is left behind the last whole strip is little */
    MIN_VECTOR_ROW = 24,
    MIN_SHADER_ROW = 64,  /* shaders on processors: a group costs as much as some tens of elements */
    MIN_GPU_ROW = 32,
    MAX_LANES = 256,
    GROUP_WORK = 4096,    /* elements: where starting groups costs more, a group takes several points */
    MAX_POINTS = 64,      /* per group */
    LANES_WORK = 256,     /* elements of a stretch of points, about */
    SWAP_LANES = 8,       /* fewer read each other's results as fast */
    FOURS_POINTS = 256,   /* for each unit: fewer would leave units idle, were they fours */
    COLUMN_POINTS = 256,  /* neighbouring points fill the device and read neighbours */
    FUNCTION = 20,        /* weighs what is more than a few instructions */
    MAX_VARS = PT2_OUTER_AXIS + 2 * PT2_MAX_RANK,
};

struct find {
    struct pt2_module *m;
    struct pt2_exprs *E;
    struct pt2_stage *stages;
    int num_stages;
    const struct pt2_kernel_buf *bufs;
    int *rank;
    pt2_ex *extents;
    const struct pt2_caps *caps;
    struct pt2_rows *rows;
};

/* ---- loops that are one walk ---- */

static void count_divisions(void *ctx, pt2_ex e)
{
    int *n = ctx;
    *n += e->dtype == PT2_IDX && (e->op == PT2_E_FLOORDIV || e->op == PT2_E_FLOORMOD);
}

static int divisions(const struct pt2_stage *s)
{
    int n = 0;
    pt2_visit(s->body, count_divisions, &n);
    if (s->cond)
        pt2_visit(s->cond, count_divisions, &n);
    if (s->index)
        pt2_visit(s->index, count_divisions, &n);
    return n;
}

static void subst_stage(struct pt2_exprs *E, struct pt2_stage *s, const pt2_ex *to)
{
    s->body = pt2_subst_vars(E, s->body, MAX_VARS, to);
    s->cond = s->cond ? pt2_subst_vars(E, s->cond, MAX_VARS, to) : NULL;
    s->index = s->index ? pt2_subst_vars(E, s->index, MAX_VARS, to) : NULL;
}

/* Makes axes `var` and `var` + 1 one, if that needs no division that was not there: then `s` is changed. */
static bool merge_axes(struct pt2_exprs *E, struct pt2_stage *s, int var, const pt2_ex *extents)
{
    struct pt2_stage merged = *s;
    pt2_ex to[MAX_VARS] = { 0 };
    pt2_ex both = pt2_var(E, var, pt2_mul(E, extents[0], extents[1]));
    to[var] = pt2_floordiv(E, both, extents[1]);
    to[var + 1] = pt2_floormod(E, both, extents[1]);
    subst_stage(E, &merged, to);
    if (divisions(&merged) > divisions(s))
        return false;
    *s = merged;
    return true;
}

/* From the last pair to the first: axes behind a pair that is merged are one already, and keep their number. */
static void merge_loops(struct pt2_exprs *E, struct pt2_stage *s)
{
    while (s->num_loops > 1 && merge_axes(E, s, s->num_loops - 1, s->loops + s->num_loops - 2)) {
        s->num_loops--;
        s->loops[s->num_loops - 1] = pt2_mul(E, s->loops[s->num_loops - 1], s->loops[s->num_loops]);
    }
}

static void merge_outer(struct find *f, struct pt2_stage *s)
{
    int *n = f->rank;
    while (*n > 1 && merge_axes(f->E, s, PT2_OUTER_AXIS + *n - 2, f->extents + *n - 2)) {
        --*n;
        f->extents[*n - 1] = pt2_mul(f->E, f->extents[*n - 1], f->extents[*n]);
    }
}

/* ---- what is next to what ---- */

struct neighbours {
    struct pt2_exprs *E;
    int var, loop;
    bool found;
};

static void find_neighbours(void *ctx, pt2_ex e)
{
    struct neighbours *q = ctx;
    if (e->op == PT2_E_LOAD && (e->args[0]->has & PT2_HAS_VAR) && !q->found)
        q->found = pt2_load_step(q->E, e, q->var) == 1 && !pt2_is_int(pt2_slope(q->E, e->args[0], q->loop), 0);
}

/* Some LOAD that is repeated in the loop reads neighbours for neighbouring values of the axis. */
static bool neighbours_along(struct pt2_exprs *E, pt2_ex body, int var, int loop)
{
    struct neighbours q = { E, var, loop, false };
    pt2_visit(body, find_neighbours, &q);
    return q.found;
}

/* ---- fours ---- */

struct fours {
    struct find *f;
    pt2_ex to[PT2_PLACES][MAX_VARS];
    bool any;
};

static bool four_bytes(const struct find *f, int64_t buf)
{
    pt2_dtype t = f->bufs[buf].dtype;
    return !f->bufs[buf].fetched && (t == PT2_F32 || t == PT2_I32 || t == PT2_U32);
}

/* The index at four places: true when they are neighbours and the first is a multiple of 4. */
static bool fours_at(struct fours *q, pt2_ex index, pt2_ex *at)
{
    struct pt2_exprs *E = q->f->E;
    for (int k = 0; k < PT2_PLACES; k++) {
        at[k] = pt2_subst_vars(E, index, MAX_VARS, q->to[k]);
        if (k && !pt2_is_int(pt2_sub(E, at[k], at[0]), k))
            return false;
    }
    return pt2_prove_divides(E, pt2_idx(E, PT2_PLACES), at[0]);
}

static void find_fours(void *ctx, pt2_ex e)
{
    struct fours *q = ctx;
    pt2_ex at[PT2_PLACES], first = NULL;
    if (e->op != PT2_E_LOAD || !four_bytes(q->f, e->i) || !fours_at(q, e->args[0], at))
        return;
    for (int k = 0; k < PT2_PLACES; k++) {
        struct pt2_quad quad = { pt2_load_raw(q->f->E, e->dtype, e->i, 1, &at[k]), first, k };
        if (k == 0)
            first = quad.first = quad.element;
        pt2_push(&q->f->m->arena, &q->f->rows->quads, quad);
    }
    q->any = true;
}

/* What four places weigh. Where functions are most of it, sharing indices and reads gains little: they count more. */
static void add_place(void *ctx, pt2_ex e)
{
    int weight = pt2_weight_of(e);
    *(int *)ctx += PT2_PLACES * (weight >= FUNCTION ? 2 * weight : weight);
}

/* The stage at all places. */
static void make_places(const struct fours *q, const struct pt2_stage *s, struct pt2_rows_stage *rs)
{
    struct pt2_exprs *E = q->f->E;
    pt2_ex position = rs->position[0];
    rs->places = PT2_PLACES;
    for (int k = 0; k < PT2_PLACES; k++) {
        rs->body[k] = pt2_subst_vars(E, s->body, MAX_VARS, q->to[k]);
        rs->index[k] = s->index ? pt2_subst_vars(E, s->index, MAX_VARS, q->to[k]) : NULL;
        rs->position[k] = position ? pt2_subst_vars(E, position, MAX_VARS, q->to[k]) : NULL;
    }
}

/* Four places along the axis `var`, of `extent` elements; false when nothing is gained. */
static bool make_fours(struct find *f, struct pt2_stage *s, struct pt2_rows_stage *rs, int var, pt2_ex *extent)
{
    struct pt2_exprs *E = f->E;
    struct fours q = { .f = f };
    pt2_ex at[PT2_PLACES], four = pt2_idx(E, PT2_PLACES);
    uint32_t before = f->rows->quads.count;
    int weight = 0;
    pt2_visit(s->body, add_place, &weight);
    if (weight > PT2_MAX_WEIGHT || !pt2_prove_divides(E, four, *extent))
        return false;
    pt2_ex count = pt2_floordiv(E, *extent, four), base = pt2_muli(E, pt2_var(E, var, count), PT2_PLACES);
    for (int k = 0; k < PT2_PLACES; k++)
        q.to[k][var] = pt2_addi(E, base, k);
    if (s->kind == PT2_STAGE_STORE && (s->cond || !four_bytes(f, s->buf) || !fours_at(&q, s->index, at)))
        return false;
    pt2_visit(s->body, find_fours, &q);
    if (!q.any && s->kind != PT2_STAGE_STORE) {
        f->rows->quads.count = before;
        return false;
    }
    make_places(&q, s, rs);
    *extent = count;
    return true;
}

struct pt2_places { int num_stages, place; };

/* ---- which kernels ---- */

static bool on_gpu(const struct pt2_caps *caps) { return caps->kind != PT2_KIND_CPU; }

static pt2_ex last_loop(const struct pt2_stage *s) { return s->loops[s->num_loops - 1]; }

static int64_t min_row(const struct pt2_caps *caps)
{
    return caps->wide_vectors ? MIN_VECTOR_ROW : on_gpu(caps) ? MIN_GPU_ROW : MIN_SHADER_ROW;
}

static bool has_form(const struct find *f)
{
    for (int k = 0; k < f->num_stages; k++) {
        const struct pt2_stage *s = &f->stages[k];
        bool ok = s->kind == PT2_STAGE_LET || s->kind == PT2_STAGE_REDUCE ||
                  (s->kind == PT2_STAGE_STORE && s->op == PT2_RED_SET && !s->cond && !s->ordered);
        if (!ok)
            return false;
    }
    return true;
}

/* The stage with its loops merged as far as they can be. */
static struct pt2_stage merged(struct find *f, const struct pt2_stage *s)
{
    struct pt2_stage m = *s;
    m.loops = pt2_arena_copy(&f->m->arena, s->loops, (size_t)s->num_loops * sizeof *s->loops);
    merge_loops(f->E, &m);
    return m;
}

/* Vectors are worth it wherever what they read lies, if what they store is in one place. */
static bool stores_vectors(const struct find *f, const struct pt2_stage *s)
{
    return f->caps->wide_vectors && s->kind == PT2_STAGE_STORE &&
           pt2_is_int(pt2_slope(f->E, s->index, s->num_loops), 1);
}

/* A long loop that reads neighbours. Where neighbouring points read neighbours, and there are enough of them, a point
 * per invocation is the better form. */
static bool has_rows(struct find *f)
{
    bool rows = false, columns = false;
    int last = *f->rank - 1;
    while (last > 0 && pt2_is_int(f->extents[last], 1))
        last--;
    for (int k = 0; k < f->num_stages; k++) {
        if (!f->stages[k].num_loops)
            continue;
        struct pt2_stage s = merged(f, &f->stages[k]);
        if (last_loop(&s)->hi < min_row(f->caps))
            continue;
        rows |= neighbours_along(f->E, s.body, s.num_loops, s.num_loops) || stores_vectors(f, &s);
        columns |= last >= 0 && neighbours_along(f->E, s.body, PT2_OUTER_AXIS + last, s.num_loops);
    }
    return rows && !(columns && pt2_product(f->E, *f->rank, f->extents)->hi >= COLUMN_POINTS);
}

/* ---- sizes of teams ---- */

static int64_t longest_row(const struct find *f)
{
    int64_t longest = 1;
    for (int k = 0; k < f->num_stages; k++)
        if (f->stages[k].num_loops && f->rows->stages[k].shared && last_loop(&f->stages[k])->hi > longest)
            longest = last_loop(&f->stages[k])->hi;
    return longest;
}

/* On a GPU each lane takes four elements or more, so that combining costs less than reading. */
static int lanes_of(const struct find *f, int64_t longest)
{
    const struct pt2_caps *caps = f->caps;
    if (caps->wide_vectors)
        return longest >= LONG_ROW && longest < PT2_INF ? LONG_LANES : VECTOR_LANES;
    if (!on_gpu(caps))
        return caps->simd_width > 1 ? caps->simd_width : 4;
    int lanes = 32;
    while (lanes < MAX_LANES && lanes * 2 <= caps->max_local_size && lanes * 8 <= longest)
        lanes *= 2;
    return lanes;
}

/* On processors a group takes several short rows, as long as all units have some. */
static int points_of(const struct find *f, int64_t longest)
{
    int64_t points = pt2_product(f->E, *f->rank, f->extents)->hi, units = f->caps->compute_units;
    int n = 1;
    while (!on_gpu(f->caps) && n < MAX_POINTS && n * longest < GROUP_WORK && points / (2 * n) >= 8 * units)
        n *= 2;
    return n;
}

/* ---- */

static void share_stage(struct find *f, int k)
{
    struct pt2_stage *s = &f->stages[k];
    struct pt2_rows_stage *rs = &f->rows->stages[k];
    *rs = (struct pt2_rows_stage){ .places = 1, .body = { s->body }, .index = { s->index } };
    if (s->kind == PT2_STAGE_LET || !s->num_loops)
        return;
    merge_loops(f->E, s);
    rs->body[0] = s->body;
    rs->index[0] = s->index;
    if (pt2_gives_position(s->op) && s->kind == PT2_STAGE_REDUCE) {
        pt2_ex vars[PT2_MAX_RANK];
        for (int j = 0; j < s->num_loops; j++)
            vars[j] = pt2_var(f->E, 1 + j, s->loops[j]);
        rs->position[0] = pt2_linearize(f->E, s->num_loops, s->loops, vars);
    }
    bool store = s->kind == PT2_STAGE_STORE, group = f->rows->form == PT2_ROWS_GROUP;
    rs->shared = last_loop(s)->hi >= (group ? store ? 2 : 8 : VECTOR_LANES);
    if (group && rs->shared)
        make_fours(f, s, rs, s->num_loops, &s->loops[s->num_loops - 1]);
}

static struct pt2_rows *share_rows(struct find *f)
{
    f->rows->form = f->caps->wide_vectors ? PT2_ROWS_VECTOR : PT2_ROWS_GROUP;
    for (int k = 0; k < f->num_stages; k++)
        share_stage(f, k);
    int64_t longest = longest_row(f);
    f->rows->lanes = lanes_of(f, longest);
    f->rows->points = points_of(f, longest);
    f->rows->swaps =
        !on_gpu(f->caps) && f->rows->lanes == f->caps->subgroup_size && f->rows->lanes >= SWAP_LANES;
    return f->rows;
}

/* Registers at a place are told apart by their numbers. */
static pt2_ex reg_at_place(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct pt2_places *p = ctx;
    return e->op == PT2_E_REG ? pt2_reg(E, pt2_place_reg(p->num_stages, (int)e->i, p->place), e->dtype) : e;
}

static void share_four(struct fours *q, int k)
{
    struct find *f = q->f;
    struct pt2_stage *s = &f->stages[k];
    struct pt2_rows_stage *rs = &f->rows->stages[k];
    pt2_ex at[PT2_PLACES];
    bool store = s->kind == PT2_STAGE_STORE;
    *rs = (struct pt2_rows_stage){ .body = { s->body }, .index = { s->index } };
    rs->apart = store && !(four_bytes(f, s->buf) && fours_at(q, s->index, at));
    pt2_visit(s->body, find_fours, q);
    make_places(q, s, rs);
    for (int place = 0; place < PT2_PLACES; place++) {
        struct pt2_places p = { f->num_stages, place };
        rs->body[place] = pt2_rewrite(f->E, rs->body[place], reg_at_place, &p);
        if (store)
            rs->index[place] = pt2_rewrite(f->E, rs->index[place], reg_at_place, &p);
    }
}

/* Whether four neighbours can share an invocation: nothing but what has a place each. */
static bool has_fours(const struct find *f)
{
    int weight = 0;
    for (int k = 0; k < f->num_stages; k++) {
        const struct pt2_stage *s = &f->stages[k];
        if ((s->kind == PT2_STAGE_REDUCE && pt2_gives_position(s->op)) || (s->kind == PT2_STAGE_STORE && s->num_loops))
            return false;
        pt2_visit(s->body, add_place, &weight);
    }
    return has_form(f) && weight <= PT2_MAX_WEIGHT;
}

/* Compiling their longer text must pay. */
static int64_t least_points(const struct pt2_caps *caps)
{
    return (int64_t)FOURS_POINTS * caps->compute_units * (pt2_tiles_few_lanes(caps) ? 16 : 1);
}

/* Four neighbours along the last axis of four or more share what is the same for them, and the turns of loops: shaders
 * on processors pay for each instruction. The last ones may be done twice. */
static struct pt2_rows *share_fours(struct find *f)
{
    struct pt2_exprs *E = f->E;
    struct fours q = { .f = f };
    int last = *f->rank - 1;
    while (last >= 0 && f->extents[last]->lo < PT2_PLACES)
        last--;
    if (last < 0 || on_gpu(f->caps) || f->caps->wide_vectors || !has_fours(f) ||
        pt2_product(E, *f->rank, f->extents)->hi < least_points(f->caps))
        return NULL;
    pt2_ex four = pt2_idx(E, PT2_PLACES), extent = f->extents[last];
    pt2_ex count = pt2_floordiv(E, pt2_addi(E, extent, PT2_PLACES - 1), four);
    pt2_ex base = pt2_muli(E, pt2_var(E, PT2_OUTER_AXIS + last, count), PT2_PLACES);
    if (!pt2_prove_divides(E, four, extent))
        base = pt2_min(E, base, pt2_addi(E, extent, -PT2_PLACES));
    for (int k = 0; k < PT2_PLACES; k++)
        q.to[k][PT2_OUTER_AXIS + last] = pt2_addi(E, base, k);
    for (int k = 0; k < f->num_stages; k++)
        share_four(&q, k);
    f->rows->form = PT2_ROWS_QUADS;
    f->rows->lanes = 1;
    f->extents[last] = count;
    return f->rows;
}

/* A single store without loops. */
static struct pt2_rows *share_points(struct find *f)
{
    struct pt2_stage *s = &f->stages[0];
    struct pt2_rows_stage *rs = &f->rows->stages[0];
    if (f->num_stages != 1 || s->kind != PT2_STAGE_STORE || s->op != PT2_RED_SET || s->num_loops ||
        f->caps->wide_vectors || *f->rank < 1)
        return NULL;
    merge_outer(f, s);
    f->rows->form = PT2_ROWS_QUADS;
    f->rows->lanes = 1;
    if (make_fours(f, s, rs, PT2_OUTER_AXIS + *f->rank - 1, &f->extents[*f->rank - 1]))
        return f->rows;
    f->rows->quads.count = 0;
    return NULL;
}

/* ---- behind a contraction's sum ---- */

struct expand {
    const pt2_ex *values; /* of registers that are substituted; NULL: of none */
    pt2_ex sum;           /* register 0 */
};

static pt2_ex expand_reg(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct expand *x = ctx;
    (void)E;
    return e->op != PT2_E_REG ? e : e->i == 0 ? x->sum : x->values ? x->values[e->i] : e;
}

/* The store at four columns; false when it does not lie so. */
static bool tile_store(struct find *f, int number, struct pt2_stage *s, int var, pt2_ex extent)
{
    struct pt2_rows_stage *rs = &f->rows->stages[number];
    if (s->num_loops || s->op != PT2_RED_SET || !make_fours(f, s, rs, var, &extent))
        return false;
    for (int k = 0; k < PT2_PLACES; k++) {
        struct expand place = { NULL, pt2_reg(f->E, f->num_stages + k, PT2_F32) };
        rs->body[k] = pt2_rewrite(f->E, rs->body[k], expand_reg, &place);
    }
    return true;
}

struct pt2_rows *pt2_rows_tile(struct pt2_module *m, const struct pt2_stage *stages, int num_stages,
                               const struct pt2_kernel_buf *bufs, int num_axes, const int *vars, const pt2_ex *extents)
{
    struct find f = { .m = m, .E = &m->exprs, .num_stages = num_stages, .bufs = bufs };
    pt2_ex to[MAX_VARS] = { 0 }, at[2 * PT2_MAX_RANK], size = pt2_product(f.E, num_axes, extents);
    pt2_ex *values = PT2_NEW_N(&m->arena, pt2_ex, num_stages);
    struct expand x = { values, pt2_reg(f.E, 0, PT2_F32) };
    if (!num_axes)
        return NULL;
    f.rows = PT2_NEW(&m->arena, struct pt2_rows);
    f.rows->form = PT2_ROWS_TILE;
    f.rows->lanes = 1;
    f.rows->stages = PT2_NEW_N(&m->arena, struct pt2_rows_stage, num_stages);
    pt2_delinearize(f.E, num_axes, extents, pt2_var(f.E, vars[num_axes - 1], size), at);
    for (int k = 0; k < num_axes; k++)
        to[vars[k]] = at[k];
    for (int i = 1; i < num_stages; i++) {
        struct pt2_stage s = stages[i];
        subst_stage(f.E, &s, to);
        s.body = values[i] = pt2_rewrite(f.E, s.body, expand_reg, &x);
        if (s.kind != PT2_STAGE_LET && !tile_store(&f, i, &s, vars[num_axes - 1], size))
            return NULL;
    }
    return f.rows;
}

struct pt2_rows *pt2_rows_find(struct pt2_module *m, struct pt2_stage *stages, int num_stages,
                               const struct pt2_kernel_buf *bufs, int *rank, pt2_ex *extents,
                               const struct pt2_caps *caps)
{
    struct find f = { m, &m->exprs, stages, num_stages, bufs, rank, extents, caps, NULL };
    if (caps->interprets || !num_stages)
        return NULL;
    f.rows = PT2_NEW(&m->arena, struct pt2_rows);
    f.rows->stages = PT2_NEW_N(&m->arena, struct pt2_rows_stage, num_stages);
    if (has_form(&f) && has_rows(&f))
        return share_rows(&f);
    if (pt2_rows_lanes_find(f.E, stages, num_stages, *rank, extents, caps, f.rows)) {
        f.rows->points = points_of(&f, LANES_WORK);
        return f.rows;
    }
    return share_points(&f) ? f.rows : share_fours(&f);
}

void pt2_rows_exprs(struct pt2_rows *rows, int num_stages, pt2_ex (*fn)(void *ctx, pt2_ex e), void *ctx)
{
    for (int i = 0; i < num_stages; i++)
        for (int k = 0; k < PT2_PLACES; k++) {
            pt2_ex *all[] = { &rows->stages[i].body[k], &rows->stages[i].index[k], &rows->stages[i].position[k] };
            for (int j = 0; j < 3; j++)
                if (*all[j])
                    *all[j] = fn(ctx, *all[j]);
        }
    for (int i = 0; i < num_stages; i++)
        pt2_bounds_exprs(&rows->stages[i].bounds, fn, ctx);
    if (rows->form == PT2_ROWS_LANES) {
        rows->line = fn(ctx, rows->line);
        rows->stretch = fn(ctx, rows->stretch);
    }
    for (uint32_t i = 0; i < rows->quads.count; i++) {
        rows->quads.data[i].element = fn(ctx, rows->quads.data[i].element);
        rows->quads.data[i].first = fn(ctx, rows->quads.data[i].first);
    }
}
