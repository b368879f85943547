/* SPDX-License-Identifier: MIT
 * How the packed form of contractions walks its factors: which axes are one, along which of them elements are
 * neighbours in memory, where windows slide, and between which bounds the conditions of a factor are known. */
#include "expr/internal.h"
#include "kernel/contract_packing.h"

enum {
    AXES = 2 * PT2_MAX_RANK, /* at most, of a side; VARs from PT2_PLACE_AXIS up, this many of each: */
    POSITIONS = PT2_PLACE_AXIS,
    PHASES = POSITIONS + AXES,
    MERGED = PHASES + AXES,
    MAX_MERGED = 48, /* expressions whose axes are merged together */
};

/* ---- axes ---- */

static void add_axis(struct pt2_axes *a, int var, pt2_ex extent)
{
    if (pt2_is_int(extent, 1))
        return;
    a->var[a->n] = var;
    a->extent[a->n++] = extent;
}

static struct pt2_axes axes_of(const struct pt2_contract *c, enum pt2_axis_role role)
{
    struct pt2_axes a = { 0 };
    for (int k = 0; k < c->rank; k++)
        if (c->role[k] == role)
            add_axis(&a, PT2_OUTER_AXIS + k, c->extent[k]);
    return a;
}

/* ---- questions about one variable ---- */

struct ask {
    int var;
    bool found;
};

static void find_division(void *ctx, pt2_ex e)
{
    struct ask *a = ctx;
    a->found |= (e->op == PT2_E_FLOORDIV || e->op == PT2_E_FLOORMOD) && pt2_depends_on(e, a->var);
}

/* ---- axes that may be one ---- */

/* Makes axes k and k + 1 one, the variable `var`, in all of the expressions; false where one of them would divide. */
static bool merge_pair(struct pt2_exprs *E, struct pt2_axes *a, int k, int var, pt2_ex **exprs, int n)
{
    pt2_ex to[PT2_MAX_AXES] = { 0 }, at[2], merged[MAX_MERGED], shape[2] = { a->extent[k], a->extent[k + 1] };
    pt2_ex size = pt2_mul(E, shape[0], shape[1]);
    pt2_delinearize(E, 2, shape, pt2_var(E, var, size), at);
    to[a->var[k]] = at[0];
    to[a->var[k + 1]] = at[1];
    for (int i = 0; i < n; i++) {
        struct ask divides = { var, false };
        merged[i] = pt2_subst_vars(E, *exprs[i], PT2_MAX_AXES, to);
        pt2_visit(merged[i], find_division, &divides);
        if (divides.found)
            return false;
    }
    for (int i = 0; i < n; i++)
        *exprs[i] = merged[i];
    a->var[k] = var;
    a->extent[k] = size;
    a->n--;
    for (int i = k + 1; i < a->n; i++) {
        a->var[i] = a->var[i + 1];
        a->extent[i] = a->extent[i + 1];
    }
    return true;
}

static void merge_axes(struct pt2_exprs *E, struct pt2_axes *a, int first_var, pt2_ex **exprs, int n)
{
    for (int k = a->n - 2; k >= 0 && n <= MAX_MERGED; k--)
        merge_pair(E, a, k, first_var + k, exprs, n);
}

/* ---- windows ---- */

struct slide {
    struct pt2_exprs *E;
    int col, tap;
    int64_t step, dilation;
};

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

static void find_slide(void *ctx, pt2_ex e)
{
    struct slide *s = ctx;
    if (e->op != PT2_E_ADD || e->dtype != PT2_IDX || s->step)
        return;
    pt2_ex step = pt2_slope(s->E, e, s->col), dilation = pt2_slope(s->E, e, s->tap);
    if (!pt2_is_const(step) || !pt2_is_const(dilation) || step->i <= 0 || dilation->i <= 0)
        return;
    int64_t unit = common_divisor(step->i, dilation->i);
    s->step = step->i / unit;
    s->dilation = dilation->i / unit;
}

/* There are fewer positions than pairs of column and tap. Any affine index slides formally: a row is that many columns
 * further. */
static bool overlaps(const struct slide *s, int64_t size, int64_t taps)
{
    if (s->step > 8 || taps > PT2_MAX_TAPS)
        return false;
    int64_t span = pt2_sat_add(size, s->dilation * ((taps - 1) / s->step));
    return pt2_sat_mul(span, pt2_min64(s->step, taps)) < pt2_sat_mul(size, taps);
}

/* The factor depends on the two only by step * col + dilation * tap: `dilation` columns further is `step` taps
 * further. */
static bool slides(struct pt2_exprs *E, pt2_ex factor, int col, pt2_ex size, int tap, pt2_ex taps, struct slide *s)
{
    *s = (struct slide){ E, col, tap, 0, 0 };
    pt2_visit(factor, find_slide, s);
    if (!s->step || !overlaps(s, size->hi, taps->hi))
        return false;
    pt2_ex far = pt2_idx(E, PT2_INF), x = pt2_var(E, col, far), k = pt2_var(E, tap, far);
    pt2_ex plain = pt2_with(E, pt2_with(E, factor, col, x), tap, k);
    return pt2_with(E, plain, col, pt2_addi(E, x, s->dilation)) == pt2_with(E, plain, tap, pt2_addi(E, k, s->step));
}

static void add_window(struct pt2_exprs *E, struct pt2_windows *w, pt2_ex size, pt2_ex taps, const struct slide *s)
{
    struct pt2_window *a = &w->axis[w->n++];
    pt2_ex step = pt2_idx(E, s->step ? s->step : 1);
    pt2_ex reach = pt2_muli(E, pt2_floordiv(E, pt2_addi(E, taps, -1), step), s->dilation);
    *a = (struct pt2_window){ size, pt2_add(E, size, reach), step, pt2_idx(E, s->dilation), taps };
    w->taps = pt2_mul(E, w->taps, taps);
    w->phases = pt2_mul(E, w->phases, pt2_min(E, step, taps));
    w->reach = pt2_add(E, pt2_mul(E, w->reach, a->span), reach);
    w->positions = pt2_mul(E, w->positions, a->span);
}

struct pairs {
    int tap_of[2 * PT2_MAX_RANK]; /* by column axis: the axis of the depth; -1: none */
    struct slide slide[2 * PT2_MAX_RANK];
    bool taken[PT2_MAX_RANK];
    int first; /* column axis with a window */
};

static bool find_pairs(struct pt2_exprs *E, pt2_ex factor, const struct pt2_axes *cols, const struct pt2_axes *depth,
                       struct pairs *p)
{
    *p = (struct pairs){ .first = cols->n };
    for (int x = cols->n - 1; x >= 0; x--) {
        p->tap_of[x] = -1;
        for (int k = 0; k < depth->n && k < PT2_MAX_RANK && p->tap_of[x] < 0; k++)
            if (!p->taken[k] &&
                slides(E, factor, cols->var[x], cols->extent[x], depth->var[k], depth->extent[k], &p->slide[x])) {
                p->tap_of[x] = k;
                p->taken[k] = true;
                p->first = x;
            }
    }
    return p->first < cols->n && cols->n - p->first <= PT2_MAX_RANK;
}

static bool few_enough(const struct pt2_windows *w)
{
    return w->taps->hi <= PT2_MAX_TAPS &&
           pt2_sat_mul(w->phases->hi, w->reach->hi + PT2_MAX_TILE_COLS + PT2_PANEL_PAD) <= PT2_PANEL_FLOATS;
}

/* The columns before the first window become axes of the batch; behind it each has an axis of positions. */
static void place_windows(struct pt2_exprs *E, struct pt2_contract *c, pt2_ex factor, const struct pairs *p,
                          const struct pt2_axes *cols, const struct pt2_axes *depth)
{
    struct pt2_panel *b = &c->panel[1];
    pt2_ex to[PT2_MAX_AXES] = { 0 };
    b->side = b->depth = (struct pt2_axes){ 0 };
    for (int k = 0; k < depth->n; k++)
        if (k >= PT2_MAX_RANK || !p->taken[k])
            add_axis(&b->depth, depth->var[k], depth->extent[k]);
    for (int x = p->first; x < cols->n; x++) {
        const struct pt2_window *w = &c->windows.axis[x - p->first];
        int at = POSITIONS + x, k = p->tap_of[x];
        pt2_ex position = pt2_var(E, at, w->span);
        b->unread = NULL;
        add_axis(&b->side, at, w->span);
        if (k >= 0 && p->slide[x].step == 1) {
            to[depth->var[k]] = pt2_idx(E, 0);
        } else if (k >= 0) {
            /* a late phase does not reach as far as the first */
            pt2_ex phases = pt2_min(E, w->step, w->taps), phase = pt2_var(E, PHASES + x, phases);
            pt2_ex more = pt2_floordiv(E, pt2_sub(E, pt2_addi(E, w->taps, -1), phase), w->step);
            add_axis(&b->depth, PHASES + x, phases);
            b->unread = pt2_addi(E, pt2_add(E, w->size, pt2_mul(E, w->dilation, more)), -1);
            position = pt2_min(E, position, b->unread);
            to[depth->var[k]] = phase;
        }
        to[cols->var[x]] = position;
    }
    b->value = pt2_subst_vars(E, factor, PT2_MAX_AXES, to);
}

/* Sets windows, channels and the columns' panel (value, axes) of c and returns true if the factor slides windows over
 * the columns. The depth is then ordered: channels first, then taps; columns before the first window are removed from
 * `cols`: they belong to the batch. */
static bool find_windows(struct pt2_exprs *E, struct pt2_contract *c, pt2_ex factor, struct pt2_axes *cols,
                         struct pt2_axes *depth)
{
    struct pairs p;
    struct pt2_windows w = {
        .taps = pt2_idx(E, 1), .phases = pt2_idx(E, 1), .reach = pt2_idx(E, 0), .positions = pt2_idx(E, 1)
    };
    if (!find_pairs(E, factor, cols, depth, &p))
        return false;
    for (int x = p.first; x < cols->n; x++) {
        int k = p.tap_of[x];
        struct slide none = { .step = 1 };
        add_window(E, &w, cols->extent[x], k < 0 ? pt2_idx(E, 1) : depth->extent[k], k < 0 ? &none : &p.slide[x]);
    }
    if (!few_enough(&w))
        return false;
    c->windows = w;
    place_windows(E, c, factor, &p, cols, depth);
    struct pt2_axes ordered = c->panel[1].depth, inner = { 0 };
    ordered.n = 0;
    for (int k = 0; k < depth->n; k++)
        add_axis(k < PT2_MAX_RANK && p.taken[k] ? &inner : &ordered, depth->var[k], depth->extent[k]);
    c->channels = pt2_product(E, ordered.n, ordered.extent);
    /* taps in the order of their columns */
    for (int x = p.first; x < cols->n; x++)
        if (p.tap_of[x] >= 0)
            add_axis(&ordered, depth->var[p.tap_of[x]], depth->extent[p.tap_of[x]]);
    *depth = ordered;
    cols->n -= p.first;
    memmove(cols->var, cols->var + p.first, (size_t)cols->n * sizeof *cols->var);
    memmove(cols->extent, cols->extent + p.first, (size_t)cols->n * sizeof *cols->extent);
    return true;
}

/* ---- panels ---- */

/* A plain LOAD that runs along `var` in memory may be read in place. */
static void find_place(struct pt2_exprs *E, struct pt2_panel *p, int var)
{
    if (p->value->op != PT2_E_LOAD || !pt2_is_int(pt2_slope(E, p->value->args[0], var), 1))
        return;
    p->base = pt2_with(E, p->value->args[0], var, pt2_idx(E, 0));
    if (p->deep || p->depth.n != 1)
        return;
    pt2_ex pitch = pt2_slope(E, p->base, p->depth.var[0]);
    if (!(pitch->has & (PT2_HAS_VAR | PT2_HAS_LOAD))) {
        p->pitch = pitch;
        p->base = pt2_with(E, p->base, p->depth.var[0], pt2_idx(E, 0));
    }
}

static void find_panel(struct pt2_exprs *E, struct pt2_panel *p, int first_var, bool merge_side)
{
    pt2_ex *exprs[] = { &p->value, &p->unread };
    int n = p->unread ? 2 : 1;
    if (merge_side)
        merge_axes(E, &p->side, first_var, exprs, n);
    merge_axes(E, &p->depth, first_var + AXES, exprs, n);
    int last = p->side.n ? p->side.var[p->side.n - 1] : -1;
    bool along_side = last >= 0 && pt2_reads_near(E, p->value, last, 1);
    p->deep = !along_side && p->depth.n == 1 && pt2_reads_near(E, p->value, p->depth.var[0], 1);
    if (p->deep)
        find_place(E, p, p->depth.var[0]);
    else if (p->side.n == 1)
        find_place(E, p, last);
    if (!p->deep && last >= 0) {
        pt2_bounds_find(E, p->value, last, p->unread, &p->bounds);
        p->step = pt2_load_step(E, p->bounds.inner ? p->bounds.inner : p->value, last);
    }
}

/* Where in them a column is follows from their order. */
static void use_panels(struct pt2_exprs *E, struct pt2_panel *p, int panels)
{
    p->base = pt2_idx(E, 0);
    p->value = pt2_load_raw(E, PT2_F32, panels, 1, &p->base);
}

/* ---- the whole ---- */

/* The stages behind the sum, with the columns' axes merged where they all allow it. */
static void merge_stores(struct pt2_exprs *E, struct pt2_contract *c, struct pt2_stage *stages, int num_stages)
{
    pt2_ex *exprs[MAX_MERGED];
    int n = 0;
    for (int k = 1; k < num_stages; k++) {
        pt2_ex *slots[3] = { &stages[k].body, &stages[k].cond, &stages[k].index };
        for (int j = 0; j < 3; j++)
            if (*slots[j] && n++ < MAX_MERGED)
                exprs[n - 1] = slots[j];
    }
    merge_axes(E, &c->stores, MERGED + 4 * AXES, exprs, n);
}

/* Columns that windows leave out belong to the batch. */
static void set_roles(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_axes *cols)
{
    for (int k = 0; k < c->rank; k++) {
        bool stays = false;
        for (int x = 0; x < cols->n; x++)
            stays |= cols->var[x] == PT2_OUTER_AXIS + k;
        if (c->role[k] == PT2_AXIS_COL && !stays) {
            c->role[k] = PT2_AXIS_BATCH;
            c->size[PT2_AXIS_BATCH] = pt2_mul(E, c->size[PT2_AXIS_BATCH], c->extent[k]);
        }
    }
    c->size[PT2_AXIS_COL] = c->windows.axis[0].size;
    for (int k = 1; k < c->windows.n; k++)
        c->size[PT2_AXIS_COL] = pt2_mul(E, c->size[PT2_AXIS_COL], c->windows.axis[k].span);
}

bool pt2_packing_find(struct pt2_exprs *E, struct pt2_contract *c, struct pt2_stage *stages, int num_stages)
{
    struct pt2_axes cols = axes_of(c, PT2_AXIS_COL), depth = { 0 };
    pt2_ex a = stages->body->args[c->swapped], b = stages->body->args[!c->swapped];
    for (int k = 0; k < stages->num_loops; k++)
        add_axis(&depth, 1 + k, stages->loops[k]);
    if (depth.n > PT2_MAX_RANK)
        return false;
    bool windows = c->panels < 0 && find_windows(E, c, b, &cols, &depth);
    if (windows)
        set_roles(E, c, &cols);
    else
        c->panel[1] = (struct pt2_panel){ .side = cols, .depth = depth, .value = b };
    c->panel[0] = (struct pt2_panel){ .side = axes_of(c, PT2_AXIS_ROW), .depth = depth, .value = a };
    c->stores = cols;
    find_panel(E, &c->panel[0], MERGED, true);
    if (c->panels < 0)
        find_panel(E, &c->panel[1], MERGED + 2 * AXES, !windows);
    else
        use_panels(E, &c->panel[1], c->panels);
    /* without rows of their own only windows pay, or columns that are neighbours in memory */
    if (c->size[PT2_AXIS_ROW]->hi <= 1 && !windows && c->panel[1].deep)
        return false;
    c->lines = windows && pt2_is_int(c->size[PT2_AXIS_ROW], 1);
    if (!windows || c->lines)
        merge_stores(E, c, stages, num_stages);
    return true;
}
