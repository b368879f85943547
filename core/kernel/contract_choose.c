/* SPDX-License-Identifier: MIT
 * What a REGISTERS kernel does: which factors it reads by vectors, and how large its tile is. */
#include "expr/internal.h"
#include "kernel/contract.h"

/* Instructions for eight invocations: measured on one driver, and about right on the others. */
enum {
    VECTOR_LOAD = 40,
    SCALAR_LOAD = 80,
    MULTIPLY_ADD = 2,
    STEPS = 4,       /* that costs are compared for */
    LANES = 8,
    MOST_COLS = 1 << 24, /* of a panel */
};

/* ---- reading by vectors ---- */

int pt2_neighbours(struct pt2_exprs *E, pt2_ex index, int n, const int *vars, const pt2_ex *extents)
{
    pt2_ex to[PT2_OUTER_AXIS + 2 * PT2_MAX_RANK] = { 0 }, stride = pt2_idx(E, 1), four = pt2_idx(E, 4);
    int found = 0;
    for (int k = n - 1; k >= 0; k--) {
        to[vars[k]] = pt2_idx(E, 0);
        pt2_ex rest = pt2_subst_vars(E, index, PT2_OUTER_AXIS + 2 * PT2_MAX_RANK, to);
        if (pt2_sub(E, index, rest) != pt2_mul(E, pt2_var(E, vars[k], extents[k]), stride))
            break;
        index = rest;
        stride = pt2_mul(E, stride, extents[k]);
        if (pt2_prove_divides(E, four, rest) && (k == 0 || pt2_prove_divides(E, four, stride)))
            found = n - k;
    }
    return found;
}

/* The last loop that runs more than once; -1: none does. */
static int last_loop(const struct pt2_stage *sum)
{
    int last = sum->num_loops - 1;
    while (last >= 0 && pt2_is_int(sum->loops[last], 1))
        last--;
    return last;
}

int pt2_contract_side(const struct pt2_contract *c, enum pt2_axis_role role, int *vars, pt2_ex *extents)
{
    int n = 0;
    for (int k = 0; k < c->rank; k++)
        if (c->role[k] == role && !pt2_is_int(c->extent[k], 1)) {
            vars[n] = PT2_OUTER_AXIS + k;
            extents[n++] = c->extent[k];
        }
    return n;
}

pt2_ex pt2_contract_factor(const struct pt2_contract *c, const struct pt2_stage *sum, int side)
{
    pt2_ex factor = sum->body->args[side ? !c->swapped : c->swapped];
    return c->form == PT2_CONTRACT_DOTS ? factor->args[0] : factor;
}

static bool can_fetch(const struct pt2_contract *c, const struct pt2_kernel_buf *b)
{
    return c->form == PT2_CONTRACT_DOTS ? b->dtype == PT2_I8 && !b->write : pt2_can_fetch(b);
}

enum pt2_along pt2_contract_choose_along(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_stage *sum,
                                         int side, const struct pt2_kernel_buf *bufs)
{
    pt2_ex factor = pt2_contract_factor(c, sum, side);
    int vars[2 * PT2_MAX_RANK], loop = last_loop(sum), loop_var = 1 + loop;
    pt2_ex extents[2 * PT2_MAX_RANK], index = factor->num_args ? factor->args[0] : NULL;
    if (factor->op != PT2_E_LOAD || !can_fetch(c, &bufs[factor->i]))
        return PT2_ALONG_NONE;
    if (loop >= 0 && pt2_prove_divides(E, pt2_idx(E, 4), sum->loops[loop]) &&
        pt2_neighbours(E, index, 1, &loop_var, &sum->loops[loop])) {
        c->fetched_buf[side] = (int)factor->i;
        return PT2_ALONG_DEPTH;
    }
    if (c->form == PT2_CONTRACT_DOTS)
        return PT2_ALONG_NONE;
    int n = pt2_contract_side(c, side ? PT2_AXIS_COL : PT2_AXIS_ROW, vars, extents);
    int near = pt2_neighbours(E, index, n, vars, extents);
    if (!near)
        return PT2_ALONG_NONE;
    pt2_ex size = pt2_product(E, near, extents + n - near);
    c->near[side] = near;
    c->quarter[side] = pt2_floordiv(E, pt2_addi(E, size, 3), pt2_idx(E, 4));
    c->fetched_buf[side] = (int)factor->i;
    return PT2_ALONG_SIDE;
}

static void choose_reading(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_stage *sum,
                           const struct pt2_kernel_buf *bufs, const struct pt2_caps *caps)
{
    int loop = last_loop(sum);
    for (int side = 0; side < 2 && caps->max_fetch_range; side++)
        c->along[side] = pt2_contract_choose_along(E, c, sum, side, bufs);
    c->unroll = 1;
    if (loop >= 0 && pt2_prove_divides(E, pt2_idx(E, 4), sum->loops[loop])) {
        c->unroll = 4;
        c->steps = pt2_floordiv(E, sum->loops[loop], pt2_idx(E, 4));
    }
}

/* ---- the tile ---- */

static double tile_cost(const struct pt2_contract *c, int rows, int cols)
{
    double loads = 0;
    for (int side = 0; side < 2; side++) {
        int n = side ? cols : rows;
        loads += n * (double)(c->along[side] == PT2_ALONG_NONE ? SCALAR_LOAD * STEPS : VECTOR_LOAD);
    }
    return loads + (double)rows * cols * STEPS * MULTIPLY_ADD;
}

static double tiles(pt2_ex size, int tile)
{
    return size->hi >= PT2_INF ? 1e6 : (double)((size->hi + tile - 1) / tile);
}

/* Of all invocations that run one after another. */
static double total_cost(const struct pt2_contract *c, int rows, int cols, const struct pt2_caps *caps)
{
    int units = caps->compute_units > 0 ? caps->compute_units : 1;
    double batch = tiles(c->size[PT2_AXIS_BATCH], 1);
    double n = batch * tiles(c->size[PT2_AXIS_ROW], rows) * tiles(c->size[PT2_AXIS_COL], cols) / (LANES * units);
    return (n < 1 ? 1 : n) * tile_cost(c, rows, cols);
}

static bool asked(int ask, int size)
{
    return ask == 0 || ask == size;
}

static void choose_tile(struct pt2_contract *c, const struct pt2_caps *caps)
{
    double best = 0;
    for (int rows = 4; rows <= 16; rows *= 2)
        for (int cols = 4; cols <= 16 && rows * cols <= PT2_MAX_SUMS; cols *= 2) {
            double cost = total_cost(c, rows, cols, caps);
            if (!asked(c->ask.rows, rows) || !asked(c->ask.cols, cols))
                cost *= 1e12; /* taken only where what is asked is not possible */
            if (best != 0 && cost >= best)
                continue;
            best = cost;
            c->tile_rows = rows;
            c->tile_cols = cols;
        }
}

/* ---- places ---- */

/* The factor `step` steps behind the first of those that are taken together. */
static pt2_ex at_step(struct pt2_exprs *E, const struct pt2_contract *c, const struct pt2_stage *sum, pt2_ex e,
                      int step)
{
    pt2_ex to[PT2_OUTER_AXIS] = { 0 };
    int loop = last_loop(sum);
    if (c->unroll == 1)
        return e;
    to[1 + loop] = pt2_addi(E, pt2_muli(E, pt2_var(E, 1 + loop, c->steps), c->unroll), step);
    return pt2_subst_vars(E, e, PT2_OUTER_AXIS, to);
}

pt2_ex pt2_contract_at_fours(struct pt2_exprs *E, const struct pt2_contract *c, pt2_ex index, int side, int first_var)
{
    pt2_ex to[PT2_OUTER_AXIS + 2 * PT2_MAX_RANK] = { 0 }, extents[2 * PT2_MAX_RANK];
    int vars[2 * PT2_MAX_RANK], n = pt2_contract_side(c, side ? PT2_AXIS_COL : PT2_AXIS_ROW, vars, extents);
    for (int k = 0; k < n; k++)
        to[vars[k]] = k < n - c->near[side] ? pt2_var(E, first_var++, extents[k]) : pt2_idx(E, 0);
    pt2_ex first = pt2_subst_vars(E, index, PT2_OUTER_AXIS + 2 * PT2_MAX_RANK, to);
    return pt2_add(E, pt2_floordiv(E, first, pt2_idx(E, 4)), pt2_var(E, first_var, c->quarter[side]));
}

static void make_places(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum, int side,
                        int *first_var)
{
    struct pt2_exprs *E = &m->exprs;
    enum pt2_axis_role role = side ? PT2_AXIS_COL : PT2_AXIS_ROW;
    enum pt2_along along = c->along[side];
    pt2_ex factor = pt2_contract_factor(c, sum, side);
    int n = (side ? c->tile_cols : c->tile_rows) / (along == PT2_ALONG_SIDE ? 4 : 1);
    int steps = along == PT2_ALONG_DEPTH ? 1 : c->unroll, axes = pt2_contract_num_axes(c, role);
    c->num_places[side] = n * steps;
    c->first_var[side] = *first_var;
    c->places[side] = PT2_NEW_N(&m->arena, pt2_ex, n * steps);
    for (int step = 0; step < steps; step++)
        for (int k = 0; k < n; k++) {
            pt2_ex e = at_step(E, c, sum, along == PT2_ALONG_NONE ? factor : factor->args[0], step);
            int var = *first_var + k * axes;
            if (along == PT2_ALONG_SIDE)
                e = pt2_contract_at_fours(E, c, e, side, var);
            else
                e = pt2_contract_at_place(E, c, e, role, var);
            c->places[side][step * n + k] = along == PT2_ALONG_DEPTH ? pt2_floordiv(E, e, pt2_idx(E, 4)) : e;
        }
    *first_var += n * axes;
}

void pt2_contract_choose_registers(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum,
                                   const struct pt2_kernel_buf *bufs, const struct pt2_caps *caps)
{
    int first_var = PT2_PLACE_AXIS;
    choose_reading(&m->exprs, c, sum, bufs, caps);
    choose_tile(c, caps);
    for (int side = 0; side < 2; side++)
        make_places(m, c, sum, side, &first_var);
    /* One panel of all columns, whose neighbours then lie next to each other. */
    pt2_ex cols = c->size[PT2_AXIS_COL];
    if (caps->max_fetch_range && c->along[1] != PT2_ALONG_SIDE && pt2_is_const(cols) && cols->i <= MOST_COLS)
        c->panel_block = (int)((cols->i + 3) / 4 * 4);
}
