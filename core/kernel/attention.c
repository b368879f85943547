/* SPDX-License-Identifier: MIT
 * Chooses how a device computes attention. */
#include "kernel/attention.h"

enum { LOCAL_SHADER = 8 };

static int round_up(int64_t n, int unit, int most)
{
    while (unit < n && unit < most)
        unit *= 2;
    return unit;
}

static int64_t tiles_of(const struct pt2_attention *a)
{
    int64_t rows = a->size[PT2_AXIS_ROW]->hi, batch = a->size[PT2_AXIS_BATCH]->hi;
    return (batch < 1 << 20 ? batch : 1 << 20) * ((rows < 1 << 20 ? rows : 1 << 20) / a->tile_rows + 1);
}

/* Many rows share the panels of k and v that a tile copies; fewer where that would leave units without work. */
static void choose_packed(struct pt2_attention *a, const struct pt2_caps *caps)
{
    int head = a->depth > a->width ? a->depth : a->width;
    a->form = PT2_CONTRACT_PACKED;
    a->tile_rows = round_up(a->size[PT2_AXIS_ROW]->hi, 1, head > 128 ? 64 : 128);
    a->tile_keys = round_up(a->keys->hi, 32, 64);
    while (tiles_of(a) < 2 * caps->compute_units && a->tile_rows > 32)
        a->tile_rows /= 2;
    /* tiles have a power of two of rows */
    const struct pt2_reg_block *block = pt2_tiles_block(caps, a->tile_rows);
    a->lanes = block->lanes;
    a->block_vectors = 2;
    for (a->block_rows = 1; 2 * a->block_rows <= block->rows;)
        a->block_rows *= 2;
}

/* ---- registers: the factors at several places ---- */

/* The factor at another place: its VARs from `var` on take the place of the axes. */
static pt2_ex at_place(struct pt2_exprs *E, pt2_ex factor, int n, const int *axes, const pt2_ex *extents, int var)
{
    pt2_ex to[PT2_OUTER_AXIS + 2 * PT2_MAX_RANK] = { 0 };
    for (int k = 0; k < n; k++)
        to[axes[k]] = pt2_var(E, var + k, extents[k]);
    return pt2_subst_vars(E, factor, PT2_OUTER_AXIS + 2 * PT2_MAX_RANK, to);
}

static void make_places(struct pt2_module *m, struct pt2_attention *a, int which, pt2_ex factor, int role, int tile,
                        int *var)
{
    int axes[2 * PT2_MAX_RANK], n = 0;
    pt2_ex extents[2 * PT2_MAX_RANK];
    for (int k = 0; k < a->rank; k++)
        if ((int)a->role[k] == role && !pt2_is_int(a->extent[k], 1)) {
            axes[n] = PT2_OUTER_AXIS + k;
            extents[n++] = a->extent[k];
        }
    if (role == PT2_AXIS_ROLES) {
        axes[n] = PT2_KEY_AXIS;
        extents[n++] = a->keys;
    }
    a->first_var[which] = *var;
    a->num_places[which] = tile;
    a->places[which] = PT2_NEW_N(&m->arena, pt2_ex, tile);
    for (int k = 0; k < tile; k++)
        a->places[which][k] = at_place(&m->exprs, factor, n, axes, extents, a->first_var[which] + k * n);
    *var += tile * n;
}

static void choose_registers(struct pt2_module *m, struct pt2_attention *a, const struct pt2_stage *stages)
{
    pt2_ex product = stages[PT2_ATT_SCORE].body;
    int var = PT2_PLACE_AXIS;
    a->form = PT2_CONTRACT_REGISTERS;
    a->tile_rows = round_up(a->size[PT2_AXIS_ROW]->hi, 1, 8);
    a->tile_keys = 8;
    a->tile_cols = a->width % 4 == 0 ? 4 : a->width % 2 == 0 ? 2 : 1;
    make_places(m, a, 0, product->args[a->swapped], PT2_AXIS_ROW, a->tile_rows, &var);
    make_places(m, a, 1, product->args[!a->swapped], PT2_AXIS_ROLES, a->tile_keys, &var);
    make_places(m, a, 2, stages[PT2_ATT_MIXED].body, PT2_AXIS_COL, a->tile_cols, &var);
}

static void find_key(void *ctx, pt2_ex e)
{
    bool *found = ctx;
    *found |= e->op == PT2_E_VAR && e->i == PT2_KEY_AXIS;
}

bool pt2_attention_choose(struct pt2_module *m, struct pt2_attention *a, const struct pt2_stage *stages,
                          const struct pt2_caps *caps)
{
    a->tile_rows = a->tile_keys = 1;
    a->swapped = false;
    pt2_visit(stages[PT2_ATT_SCORE].body->args[0], find_key, &a->swapped);
    /* On processors that run shaders the parts alone are faster: their tiles read by vectors. */
    if (caps->interprets || (caps->kind == PT2_KIND_CPU && !caps->wide_vectors))
        return false;
    if (caps->wide_vectors)
        choose_packed(a, caps);
    else
        choose_registers(m, a, stages);
    return true;
}

pt2_ex pt2_attention_tiles(struct pt2_exprs *E, const struct pt2_attention *a)
{
    pt2_ex rows = pt2_floordiv(E, pt2_addi(E, a->size[PT2_AXIS_ROW], a->tile_rows - 1), pt2_idx(E, a->tile_rows));
    return pt2_mul(E, a->size[PT2_AXIS_BATCH], rows);
}

int pt2_attention_local_size(const struct pt2_attention *a)
{
    return a->form == PT2_CONTRACT_PACKED ? 1 : LOCAL_SHADER;
}
