/* SPDX-License-Identifier: MIT
 * The tiles of a PACKED kernel: of those that its arrays hold, the ones whose work is estimated to be done first. Large
 * tiles copy less for each product; many tiles leave no unit without work at the end. */
#include "expr/internal.h"
#include "kernel/contract_packing.h"

/* Cycles, about; what counts is how they compare. */
enum {
    START = 3000, START_LINES = 300, /* of a tile */
    MOST_PARTS = 64,
    DEPTH = 256,   /* a vector of columns and a block of rows of so many steps are in the first cache */
    LINE_VECTORS = 7,    /* sums of lines: with the numbers that they add, and one of the row, in 16 registers */
    STRETCHES = 8,       /* of tiles, for each unit */
    KEEP_COLS = 256, MORE_COLS = 512, /* with many rows, some: so that the columns' panel stays in the second cache */
};
static const double READ = 0.5, COPY = 1.5, SLIDE = 0.3, RESULT = 2; /* of an element */
static const double PRODUCTS = 2;    /* vectors of them in a cycle */
static const double LAST_WAIT = 0.2; /* of a tile's time: units do not end together */

struct search {
    const struct pt2_contract *c;
    double rows, cols, depth, batch, units;
    double copy_rows, copy_cols; /* of an element of the panel, or of the buffer */
};

static int least(int a, int b) { return a < b ? a : b; }

static double bounded(pt2_ex size, double most)
{
    return size->hi < 1 ? 1 : size->hi < PT2_INF / 2 && (double)size->hi < most ? (double)size->hi : most;
}

static double parts(double n, double size) { return (double)(int64_t)((n + size - 1) / size); }

/* The size of n's equal parts, of which there are `count`, rounded up to a multiple of `unit`. */
static int part(double n, int unit, int count)
{
    return (int)parts(parts(n, count), unit) * unit;
}

static double tile_cost(const struct search *s, double rows, double cols)
{
    double products = rows * cols * s->depth / (PRODUCTS * s->c->lanes);
    double copies = s->depth * (rows * s->copy_rows + cols * s->copy_cols);
    return (s->c->lines ? START_LINES : START) + products + copies + RESULT * rows * cols;
}

/* Until the last unit is done. */
static double total_cost(const struct search *s, int rows, int cols)
{
    double n = s->batch * parts(s->rows, rows) * parts(s->cols, cols);
    return (parts(n, s->units) + LAST_WAIT) * tile_cost(s, rows, cols);
}

static void find_tiles(struct search *s, struct pt2_contract *c, int width)
{
    int high = c->block_rows, most_parts = least(MOST_PARTS, 4 * (int)s->units);
    int most_rows = least(PT2_MAX_TILE_ROWS, PT2_PANEL_FLOATS / (c->tile_depth + PT2_PANEL_PAD)) / high * high;
    int keep_cols = s->rows > 128 ? KEEP_COLS : s->rows > 32 ? MORE_COLS : PT2_MAX_TILE_COLS;
    double best = 0;
    for (int down = 0; down < most_parts; down++) {
        int rows = part(s->rows, high, down + (int)parts(s->rows, most_rows));
        int most_cols = least(keep_cols, PT2_SUM_FLOATS / rows) / width * width;
        for (int across = 0; across < most_parts; across++) {
            int cols = part(s->cols, width, across + (int)parts(s->cols, most_cols));
            double cost = total_cost(s, rows, cols);
            if (best != 0 && cost >= best)
                continue;
            best = cost;
            c->tile_rows = rows;
            c->tile_cols = cols;
        }
    }
}

static void search(struct pt2_contract *c, const struct pt2_caps *caps, int width)
{
    bool windows = c->windows.n > 0;
    struct search s = {
        .c = c,
        .rows = bounded(c->size[PT2_AXIS_ROW], 1 << 20),
        .cols = bounded(c->size[PT2_AXIS_COL], 1 << 20),
        .depth = bounded(c->depth, 4096),
        .batch = bounded(c->size[PT2_AXIS_BATCH], 1 << 20),
        .units = caps->compute_units > 0 ? caps->compute_units : 1,
        .copy_rows = c->panel[0].deep && c->panel[0].base ? READ : COPY,
        .copy_cols = c->direct_cols ? READ : windows ? SLIDE : COPY,
    };
    find_tiles(&s, c, width);
}

static int round_up(int n, int unit) { return (n + unit - 1) / unit * unit; }

static void take_asked(struct pt2_contract *c, int width)
{
    int high = c->block_rows;
    if (c->ask.rows > 0)
        c->tile_rows = least(round_up(c->ask.rows, high), PT2_MAX_TILE_ROWS / high * high);
    if (c->ask.cols > 0)
        c->tile_cols = least(round_up(c->ask.cols, width), PT2_MAX_TILE_COLS / width * width);
    c->tile_rows = least(c->tile_rows, PT2_SUM_FLOATS / c->tile_cols / high * high);
}

/* As many steps as the panels have room for. They are transposed up to 16 at a time. */
static void limit_depth(struct pt2_contract *c)
{
    int pitch = (c->tile_cols > c->tile_rows ? c->tile_cols : c->tile_rows) + PT2_PANEL_PAD;
    if (c->windows.n)
        return;
    c->tile_depth = least(c->tile_depth, PT2_PANEL_FLOATS / pitch / 16 * 16);
    if (c->ask.depth > 0)
        c->tile_depth = least(c->tile_depth, round_up(c->ask.depth, 16));
}

/* Tiles in stretches, as long as all units have some. */
static void choose_stretches(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_caps *caps)
{
    int units = caps->compute_units > 0 ? caps->compute_units : 1;
    c->tiles = pt2_contract_points(E, c);
    c->each = pt2_max(E, pt2_contract_parts(E, c->tiles, pt2_idx(E, STRETCHES * units)), pt2_idx(E, 1));
}

/* What a tile has a multiple of: whole blocks of columns, or whole lines where there are several in it. */
static int column_unit(const struct pt2_contract *c)
{
    pt2_ex line = c->windows.axis[c->windows.n > 0 ? c->windows.n - 1 : 0].span;
    bool whole = c->lines && pt2_is_const(line) && line->i <= PT2_MAX_TILE_COLS / 2;
    return whole ? (int)line->i : c->lanes * c->block_vectors;
}

void pt2_packing_choose(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_caps *caps)
{
    const struct pt2_reg_block *block = pt2_tiles_block(caps, c->size[PT2_AXIS_ROW]->hi);
    c->lanes = block->lanes;
    c->block_rows = block->rows;
    c->block_vectors = c->lines ? LINE_VECTORS : block->vectors;
    int width = column_unit(c);
    c->panel_block = c->windows.n ? 0 : width;
    c->direct_cols = c->panels >= 0 || (!c->windows.n && c->panel[1].pitch && c->size[PT2_AXIS_ROW]->hi <= 16 &&
                                        pt2_prove_divides(E, pt2_idx(E, width), c->size[PT2_AXIS_COL]));
    c->tile_depth = c->windows.n && c->windows.taps->hi > DEPTH ? PT2_MAX_TAPS : DEPTH;
    search(c, caps, width);
    take_asked(c, width);
    limit_depth(c);
    c->tile[0] = pt2_idx(E, c->tile_rows);
    c->tile[1] = pt2_idx(E, c->tile_cols);
    c->tile[2] = pt2_idx(E, c->tile_depth);
    if (c->lines)
        choose_stretches(E, c, caps);
}
