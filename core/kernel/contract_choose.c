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
    MOST_SUMS = 128, /* of a tile: more make compiling slow, and gain little */
    LANES = 8,
};

/* ---- reading by vectors ---- */

/* Elements at four neighbouring values of the variable, from a multiple of four up, are a vector of the buffer. */
static bool is_vector(struct pt2_exprs *E, pt2_ex index, int var, pt2_ex extent)
{
    pt2_ex to[PT2_OUTER_AXIS + 2 * PT2_MAX_RANK] = { 0 }, four = pt2_idx(E, 4);
    to[var] = pt2_idx(E, 0);
    pt2_ex rest = pt2_subst_vars(E, index, PT2_OUTER_AXIS + 2 * PT2_MAX_RANK, to);
    return pt2_sub(E, index, rest) == pt2_var(E, var, extent) && pt2_prove_divides(E, four, extent) &&
           pt2_prove_divides(E, four, rest);
}

/* The last loop that runs more than once; -1: none does. */
static int last_loop(const struct pt2_stage *sum)
{
    int last = sum->num_loops - 1;
    while (last >= 0 && pt2_is_int(sum->loops[last], 1))
        last--;
    return last;
}

static enum pt2_along choose_along(struct pt2_exprs *E, const struct pt2_contract *c, const struct pt2_stage *sum,
                                   pt2_ex factor, enum pt2_axis_role role, const struct pt2_kernel_buf *bufs)
{
    int loop = last_loop(sum), axis = pt2_contract_last_axis(c, role);
    if (factor->op != PT2_E_LOAD || !pt2_can_fetch(&bufs[factor->i]))
        return PT2_ALONG_NONE;
    if (loop >= 0 && is_vector(E, factor->args[0], 1 + loop, sum->loops[loop]))
        return PT2_ALONG_DEPTH;
    if (axis >= 0 && is_vector(E, factor->args[0], PT2_OUTER_AXIS + axis, c->extent[axis]))
        return PT2_ALONG_SIDE;
    return PT2_ALONG_NONE;
}

static void choose_reading(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_stage *sum,
                           const struct pt2_kernel_buf *bufs, const struct pt2_caps *caps)
{
    int loop = last_loop(sum);
    for (int side = 0; side < 2 && caps->max_fetch_range; side++) {
        enum pt2_axis_role role = side ? PT2_AXIS_COL : PT2_AXIS_ROW;
        pt2_ex factor = sum->body->args[side ? !c->swapped : c->swapped];
        c->along[side] = choose_along(E, c, sum, factor, role, bufs);
        if (c->along[side] != PT2_ALONG_NONE)
            c->vector_buf[side] = (int)factor->i;
        if (c->along[side] == PT2_ALONG_SIDE)
            c->quarter[side] = pt2_floordiv(E, c->extent[pt2_contract_last_axis(c, role)], pt2_idx(E, 4));
    }
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

static void choose_tile(struct pt2_contract *c, const struct pt2_caps *caps)
{
    double best = 0;
    for (int rows = 4; rows <= 16; rows *= 2)
        for (int cols = 4; cols <= 16 && rows * cols <= MOST_SUMS; cols *= 2) {
            double cost = total_cost(c, rows, cols, caps);
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

static void make_places(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum, int side,
                        int *first_var)
{
    struct pt2_exprs *E = &m->exprs;
    enum pt2_axis_role role = side ? PT2_AXIS_COL : PT2_AXIS_ROW;
    enum pt2_along along = c->along[side];
    pt2_ex factor = sum->body->args[side ? !c->swapped : c->swapped];
    int unit = along == PT2_ALONG_SIDE ? 4 : 1, n = (side ? c->tile_cols : c->tile_rows) / unit;
    int steps = along == PT2_ALONG_DEPTH ? 1 : c->unroll, axes = pt2_contract_num_axes(c, role);
    c->num_places[side] = n * steps;
    c->first_var[side] = *first_var;
    c->places[side] = PT2_NEW_N(&m->arena, pt2_ex, n * steps);
    for (int step = 0; step < steps; step++)
        for (int k = 0; k < n; k++) {
            pt2_ex e = along == PT2_ALONG_NONE ? factor : factor->args[0];
            e = pt2_contract_at_place(E, c, at_step(E, c, sum, e, step), role, *first_var + k * axes, unit);
            c->places[side][step * n + k] = along == PT2_ALONG_NONE ? e : pt2_floordiv(E, e, pt2_idx(E, 4));
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
}
