/* SPDX-License-Identifier: MIT
 * Chooses how a device computes attention. */
#include "kernel/attention.h"

enum { LEAST_ROWS = 4 }; /* of queries */

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
    a->tile_rows = pt2_tiles_round_up(a->size[PT2_AXIS_ROW]->hi, 1, head > 128 ? 64 : 128);
    a->tile_keys = pt2_tiles_round_up(a->keys->hi, 32, 64);
    while (tiles_of(a) < 2 * caps->compute_units && a->tile_rows > 32)
        a->tile_rows /= 2;
    /* tiles have a power of two of rows */
    const struct pt2_reg_block *block = pt2_tiles_block(caps, a->tile_rows);
    a->lanes = block->lanes;
    a->block_vectors = 2;
    for (a->block_rows = 1; 2 * a->block_rows <= block->rows;)
        a->block_rows *= 2;
}

/* Large tiles where there are enough to fill the device; false: no tile fits, or there is so little to do for a row
 * of a tile that its parts, which take more invocations, are faster. */
static bool choose_shared(struct pt2_attention *a, const struct pt2_caps *caps)
{
    static const struct { int rows, keys; } tiles[] = { { 32, 64 }, { 32, 32 }, { 16, 32 }, { 16, 16 }, { 8, 16 } };
    bool found = false;
    a->form = PT2_CONTRACT_SHARED;
    for (size_t k = 0; k < sizeof tiles / sizeof *tiles; k++) {
        struct pt2_attention other = *a;
        other.tile_rows = tiles[k].rows;
        other.tile_keys = tiles[k].keys;
        bool fits = pt2_attention_shared_bytes(&other) <= caps->shared_bytes &&
                    pt2_attention_local_size(&other) <= caps->max_local_size;
        if (!fits || (found && (tiles_of(a) >= pt2_tiles_units(caps) || other.tile_rows == a->tile_rows)))
            continue;
        *a = other;
        found = true;
    }
    return found && a->size[PT2_AXIS_ROW]->hi >= LEAST_ROWS;
}

static void find_key(void *ctx, pt2_ex e)
{
    bool *found = ctx;
    *found |= e->op == PT2_E_VAR && e->i == PT2_KEY_AXIS;
}

bool pt2_attention_choose(struct pt2_attention *a, const struct pt2_stage *stages, const struct pt2_caps *caps)
{
    a->tile_rows = a->tile_keys = 1;
    a->swapped = false;
    pt2_visit(stages[PT2_ATT_SCORE].body->args[0], find_key, &a->swapped);
    /* On processors that run shaders the parts alone are faster: their tiles read by vectors. */
    if (caps->interprets || (caps->kind == PT2_KIND_CPU && !caps->wide_vectors))
        return false;
    if (!caps->wide_vectors)
        return choose_shared(a, caps);
    choose_packed(a, caps);
    return true;
}

pt2_ex pt2_attention_tiles(struct pt2_exprs *E, const struct pt2_attention *a)
{
    pt2_ex rows = pt2_floordiv(E, pt2_addi(E, a->size[PT2_AXIS_ROW], a->tile_rows - 1), pt2_idx(E, a->tile_rows));
    return pt2_mul(E, a->size[PT2_AXIS_BATCH], rows);
}

int pt2_attention_local_size(const struct pt2_attention *a)
{
    return a->form == PT2_CONTRACT_PACKED ? 1 : a->tile_rows / PT2_ATT_ROWS * PT2_ATT_ACROSS;
}
