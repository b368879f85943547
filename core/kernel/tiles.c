/* SPDX-License-Identifier: MIT
 * What tiles there are to try, as a table by form. */
#include "kernel/tiles.h"
#include "kernel/contract.h"

enum { SIZES = 7, FLOAT = 4 };

/* In increasing order, ended by 0. SHARED, DOTS: per invocation, MATRICES: matrices of a group; the same for
 * rows and columns. */
static const struct sizes {
    int rows[SIZES], cols[SIZES], depth[SIZES];
} sizes[] = {
    [PT2_CONTRACT_PACKED] = { { 16, 32, 64, 128, 256 }, { 64, 128, 256, 512, 1024, 2048 }, { 64, 128, 256 } },
    [PT2_CONTRACT_REGISTERS] = { { 4, 8, 16 }, { 4, 8, 16 }, { 0 } },
    [PT2_CONTRACT_SHARED] = { { 4, 8 }, { 4, 8 }, { 8, 16, 32 } },
    [PT2_CONTRACT_DOTS] = { { 4, 8 }, { 4, 8 }, { 4, 8, 16 } },
    [PT2_CONTRACT_MATRICES] = { { 2, 4, 8 }, { 2, 4, 8 }, { 8, 16, 32 } },
};

/* Sixteen lanes come with 32 registers, fewer with 16: sums, the vectors of a step and one number of a row must fit.
 * A block has sums enough to hide the time that a multiply-add takes, and reads little for each. */
static const struct pt2_reg_block blocks[] = {
    { 16, 1, 1, 4 }, { 16, 2, 2, 4 }, { 16, 4, 4, 4 }, { 16, 0, 8, 2 },
    { 8, 1, 1, 4 },  { 8, 2, 2, 4 },  { 8, 4, 4, 3 },  { 8, 0, 6, 2 },
    { 4, 1, 1, 4 },  { 4, 2, 2, 4 },  { 4, 4, 4, 3 },  { 4, 0, 6, 2 },
};

int pt2_tiles_lanes(const struct pt2_caps *caps)
{
    return caps->simd_width >= 16 ? 16 : caps->simd_width >= 8 ? 8 : 4;
}

const struct pt2_reg_block *pt2_tiles_block(const struct pt2_caps *caps, int64_t rows)
{
    const struct pt2_reg_block *b = blocks;
    while (b->lanes != pt2_tiles_lanes(caps))
        b++;
    while (b->most_rows && b->most_rows < rows)
        b++;
    return b;
}

static bool matrices_possible(const struct pt2_contract *c, const struct pt2_caps *caps, struct pt2_tiles t)
{
    struct pt2_contract asked = *c;
    asked.tile_rows = t.rows;
    asked.tile_cols = t.cols;
    asked.tile_depth = t.depth;
    return t.rows * c->matrix.n == t.cols * c->matrix.m && t.depth % c->matrix.k == 0 && t.depth <= 2 * c->matrix.k &&
           pt2_matrices_possible(&asked, caps);
}

static bool possible(const struct pt2_contract *c, const struct pt2_caps *caps, struct pt2_tiles t)
{
    if (c->form == PT2_CONTRACT_REGISTERS)
        return t.rows * t.cols <= PT2_MAX_SUMS;
    if (c->form == PT2_CONTRACT_MATRICES)
        return matrices_possible(c, caps, t);
    if (c->form == PT2_CONTRACT_SHARED || c->form == PT2_CONTRACT_DOTS)
        return t.rows == t.cols && t.rows * t.depth % (c->across * c->across) == 0 &&
               (uint32_t)((t.rows + t.cols + 2 * PT2_SHARED_PAD) * t.depth * FLOAT) <= caps->shared_bytes;
    return true;
}

static bool same(struct pt2_tiles a, struct pt2_tiles b)
{
    return a.rows == b.rows && a.cols == b.cols && a.depth == b.depth;
}

/* The next smaller or larger size in a list; the size itself when there is none. */
static int next(const int *list, int unit, int size, int direction)
{
    int found = size;
    for (int k = 0; k < SIZES && list[k]; k++) {
        int x = list[k] * unit;
        if (direction < 0 && x < size)
            found = x;
        if (direction > 0 && x > size && found == size)
            found = x;
    }
    return found;
}

struct candidates {
    const struct pt2_contract *c;
    const struct pt2_caps *caps;
    struct pt2_tiles own, *out;
    int count, cap;
};

static void add(struct candidates *s, struct pt2_tiles t)
{
    bool known = same(t, s->own) || s->count == s->cap || !possible(s->c, s->caps, t);
    for (int k = 0; k < s->count; k++)
        known |= same(s->out[k], t);
    if (!known)
        s->out[s->count++] = t;
}

/* What sizes are multiples of. */
struct units {
    int rows, cols;
};

static void add_neighbours(struct candidates *s, const struct sizes *list, struct units unit)
{
    for (int direction = 1; direction >= -1; direction -= 2) {
        int rows = next(list->rows, unit.rows, s->own.rows, direction);
        int cols = next(list->cols, unit.cols, s->own.cols, direction);
        add(s, (struct pt2_tiles){ rows, s->own.cols, s->own.depth });
        add(s, (struct pt2_tiles){ s->own.rows, cols, s->own.depth });
        add(s, (struct pt2_tiles){ rows, cols, s->own.depth });
        add(s, (struct pt2_tiles){ s->own.rows, s->own.cols, next(list->depth, 1, s->own.depth, direction) });
    }
}

static void add_all(struct candidates *s, const struct sizes *list, struct units unit)
{
    for (int i = 0; i < SIZES && list->rows[i]; i++)
        for (int j = 0; j < SIZES && list->cols[j]; j++)
            for (int k = 0; k < SIZES && (k == 0 || list->depth[k]); k++)
                add(s, (struct pt2_tiles){ list->rows[i] * unit.rows, list->cols[j] * unit.cols, list->depth[k] });
}

int pt2_tiles_candidates(const struct pt2_contract *c, const struct pt2_caps *caps, bool thorough, int cap,
                         struct pt2_tiles *out)
{
    const struct sizes *list = &sizes[c->form];
    struct candidates s = { c, caps, { c->tile_rows, c->tile_cols, c->tile_depth }, out, 0, cap };
    struct units unit = { 1, 1 };
    if (c->form == PT2_CONTRACT_SHARED || c->form == PT2_CONTRACT_DOTS)
        unit = (struct units){ c->across, c->across };
    else if (c->form == PT2_CONTRACT_MATRICES)
        unit = (struct units){ c->matrix.m, c->matrix.n };
    if (thorough)
        add_all(&s, list, unit);
    else
        add_neighbours(&s, list, unit);
    return s.count;
}
