/* SPDX-License-Identifier: MIT
 * Tiles that a group shares (SHARED, DOTS, MATRICES), and how its invocations copy the factors. */
#include "expr/internal.h"
#include "kernel/bounds.h"
#include "kernel/contract.h"
#include "kernel/halves.h"

enum {
    HALF = 2, FLOAT = 4,
    EXACT = 1 << 24, /* up to here float32 has all integers */
    MOST_VARS = 32 * PT2_MAX_RANK, /* of the copies of one side */
};

/* ---- sums in registers ---- */

/* Large tiles where there are enough of them to fill the device. */
static void choose_sums(struct pt2_contract *c, const struct pt2_caps *caps)
{
    double rows = (double)c->size[PT2_AXIS_ROW]->hi, cols = (double)c->size[PT2_AXIS_COL]->hi;
    c->across = caps->max_local_size >= 256 ? 16 : 8;
    c->invocations = c->across * c->across;
    int each = rows * cols >= 128.0 * 128.0 * pt2_tiles_units(caps) ? 8 : 4;
    if (c->ask.rows > 0 && c->ask.rows <= 8 * c->across)
        each = pt2_tiles_round_up(c->ask.rows, 4 * c->across, 8 * c->across) / c->across;
    c->tile_rows = c->tile_cols = each * c->across;
}

static void choose_shared(struct pt2_contract *c, const struct pt2_caps *caps)
{
    c->form = PT2_CONTRACT_SHARED;
    c->tile_depth = c->ask.depth == 8 || c->ask.depth == 32 ? c->ask.depth : 16;
    choose_sums(c, caps);
}

/* ---- sums of products of bytes ---- */

/* A float that is made of an integer which a signed byte has. */
static bool is_byte(pt2_ex e)
{
    return e->op == PT2_E_CAST && !pt2_is_float_type(e->args[0]->dtype) && e->args[0]->lo >= INT8_MIN &&
           e->args[0]->hi <= INT8_MAX;
}

/* Their sums are exact as integers, and float32 has them: this is what makes floats of such factors (pass/products.c
 * bounds the depth). */
static bool choose_dots(struct pt2_contract *c, const struct pt2_stage *sum, const struct pt2_caps *caps)
{
    const int64_t most = EXACT / (INT8_MIN * INT8_MIN);
    if (!caps->fast_dot_bytes || !is_byte(sum->body->args[0]) || !is_byte(sum->body->args[1]) || c->depth->hi > most)
        return false;
    c->form = PT2_CONTRACT_DOTS;
    c->tile_depth = c->ask.depth == 4 || c->ask.depth == 16 ? c->ask.depth : 8;
    choose_sums(c, caps);
    return true;
}

/* ---- sums in cooperative matrices ---- */

static double fill(pt2_ex size, int tile)
{
    double n = (double)size->hi;
    return n <= tile ? 1 : n / tile;
}

static void set_matrices(struct pt2_contract *c, int each)
{
    c->tile_rows = PT2_MATRIX_SIDE * each * c->matrix.m;
    c->tile_cols = PT2_MATRIX_SIDE * each * c->matrix.n;
}

bool pt2_matrices_possible(const struct pt2_contract *c, const struct pt2_caps *caps)
{
    int n = c->invocations, depth = c->tile_depth, sides = c->tile_rows + c->tile_cols;
    uint32_t halves = (uint32_t)(sides * (depth + PT2_MATRIX_PAD) + 2 * depth * PT2_MATRIX_PAD);
    return n <= caps->max_local_size && n % depth == 0 && n % c->tile_rows == 0 && n % c->tile_cols == 0 &&
           c->tile_rows * depth % n == 0 && c->tile_cols * depth % n == 0 &&
           halves * HALF + (uint32_t)pt2_contract_strip(c) * FLOAT <= caps->shared_bytes;
}

static double num_tiles(const struct pt2_contract *c)
{
    return fill(c->size[PT2_AXIS_ROW], c->tile_rows) * fill(c->size[PT2_AXIS_COL], c->tile_cols) *
           fill(c->size[PT2_AXIS_BATCH], 1);
}

/* Large tiles where there are enough of them, as above; false: none is possible, or there is less than a matrix. */
static bool choose_matrices(struct pt2_contract *c, const struct pt2_caps *caps)
{
    const struct pt2_matrices *m = &caps->matrices;
    int each = PT2_MATRIX_EACH, unit = PT2_MATRIX_SIDE * m->m;
    c->form = PT2_CONTRACT_MATRICES;
    c->matrix = *m;
    c->invocations = PT2_MATRIX_SIDE * PT2_MATRIX_SIDE * caps->subgroup_size;
    c->tile_depth = c->ask.depth == m->k ? m->k : 2 * m->k;
    set_matrices(c, each);
    while (each > 1 && (!pt2_matrices_possible(c, caps) || num_tiles(c) < pt2_tiles_units(caps)))
        set_matrices(c, each /= 2);
    if (c->ask.rows > 0)
        set_matrices(c, pt2_tiles_round_up(c->ask.rows, unit, PT2_MATRIX_EACH * unit) / unit);
    return pt2_matrices_possible(c, caps) && c->size[PT2_AXIS_ROW]->hi >= m->m && c->size[PT2_AXIS_COL]->hi >= m->n &&
           c->depth->hi >= m->k;
}

/* ---- copies ---- */

/* Some load of the factor has neighbours along the last axis of the depth next to each other. */
static bool deep(struct pt2_exprs *E, pt2_ex factor, const struct pt2_stage *sum)
{
    int var = sum->num_loops;
    while (var > 1 && pt2_is_int(sum->loops[var - 1], 1))
        var--;
    return pt2_reads_near(E, factor, var, 1);
}

/* Four neighbours at a time, where the group's invocations then have equal shares. */
static enum pt2_along choose_along(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_stage *sum, int side,
                                   const struct pt2_kernel_buf *bufs)
{
    int tile = side ? c->tile_cols : c->tile_rows, n = c->invocations;
    enum pt2_along along = pt2_contract_choose_along(E, c, sum, side, bufs);
    if (c->form == PT2_CONTRACT_DOTS)
        return along;
    int across = (along == PT2_ALONG_DEPTH ? c->tile_depth : tile) / 4;
    return tile * c->tile_depth / 4 % n == 0 && n % across == 0 ? along : PT2_ALONG_NONE;
}

static void make_places(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum, int side)
{
    struct pt2_exprs *E = &m->exprs;
    enum pt2_axis_role role = side ? PT2_AXIS_COL : PT2_AXIS_ROW;
    enum pt2_along along = c->along[side];
    pt2_ex e = pt2_contract_factor(c, sum, side);
    int tile = side ? c->tile_cols : c->tile_rows, axes = pt2_contract_num_axes(c, role), var = c->first_var[side];
    bool dots = c->form == PT2_CONTRACT_DOTS;
    int each = tile * c->tile_depth / c->invocations / (dots || along == PT2_ALONG_NONE ? 1 : 4);
    if (dots && along == PT2_ALONG_NONE)
        e = pt2_cast(E, PT2_I32, e);
    c->deep[side] = along == PT2_ALONG_NONE ? deep(E, e, sum) && each * axes <= MOST_VARS : along == PT2_ALONG_DEPTH;
    c->num_places[side] = c->deep[side] ? each : 1;
    c->places[side] = PT2_NEW_N(&m->arena, pt2_ex, c->num_places[side]);
    for (int k = 0; k < c->num_places[side]; k++, var += axes)
        if (along == PT2_ALONG_SIDE)
            c->places[side][k] = pt2_contract_at_fours(E, c, e->args[0], side, var);
        else if (along == PT2_ALONG_DEPTH)
            c->places[side][k] = pt2_floordiv(E, pt2_contract_at_place(E, c, e->args[0], role, var), pt2_idx(E, 4));
        else
            c->places[side][k] = pt2_contract_at_place(E, c, e, role, var);
}

void pt2_contract_choose_groups(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum,
                                const struct pt2_kernel_buf *bufs, const struct pt2_caps *caps)
{
    bool halves = caps->matrices.k && pt2_is_half(sum->body->args[0], pt2_dtype_of_buf, bufs) &&
                  pt2_is_half(sum->body->args[1], pt2_dtype_of_buf, bufs);
    if ((!halves || !choose_matrices(c, caps)) && !choose_dots(c, sum, caps))
        choose_shared(c, caps);
    for (int side = 0; side < 2; side++) {
        c->along[side] = caps->max_fetch_range ? choose_along(&m->exprs, c, sum, side, bufs) : PT2_ALONG_NONE;
        c->first_var[side] = PT2_PLACE_AXIS + side * MOST_VARS;
        make_places(m, c, sum, side);
    }
}
