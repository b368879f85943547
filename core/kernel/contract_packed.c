/* SPDX-License-Identifier: MIT
 * Contractions for processors with wide vectors: an invocation computes a whole tile. For each stretch of the depth
 * it evaluates the two factors into panels, arrays of its own with neighbouring rows (or columns) next to each other,
 * whatever the order in the buffers is; then blocks of 8 rows by 32 columns are summed in registers over the panels.
 * Tiles at the edge repeat the last row or column, and do not store it. */
#include "expr/internal.h"
#include "kernel/contract_text.h"

#include <stdio.h>

enum { BLOCK_ROWS = 8, BLOCK_COLS = 32, PAD = 16 };

/* Evaluates a factor over a stretch of the depth and the tile's rows or columns. */
static void say_panel(struct tile *p, pt2_ex factor, const struct axes *side, const char *panel, int pitch,
                      const char *work)
{
    struct render *r = p->r;
    char to[64];
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &p->depth, 1);
    pt2_set_levels(r, side, 2);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, factor);
    pt2_say(r, "{");
    pt2_render_names(r, &b, 0, 2);
    pt2_say(r, "for (int k = 0; k < steps; k++) {");
    pt2_say(r, "int q = start + k;");
    pt2_say_split(r, &p->depth, "int i", "");
    pt2_render_names(r, &b, 1, 2);
    pt2_say(r, "for (int x = 0; x < %s; x++) {", work);
    pt2_say_from_table(r, side, "x");
    pt2_render_names(r, &b, 2, 2);
    snprintf(to, sizeof to, "%s[k * %d + x] = ", panel, pitch);
    pt2_say_value(r, to, factor);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
}

static void say_blocks(struct tile *p, int row_pitch, int col_pitch)
{
    struct render *r = p->r;
    pt2_say(r, "for (int x = 0; x < work_cols; x += %d)", BLOCK_COLS);
    pt2_say(r, "for (int y = 0; y < work_rows; y += %d) {", BLOCK_ROWS);
    for (int k = 0; k < BLOCK_ROWS; k++)
        pt2_say(r, "float16 s%d = vload16(0, sum + (y + %d) * %d + x), u%d = vload16(0, sum + (y + %d) * %d + x + 16);",
                k, k, p->c->tile_cols, k, k, p->c->tile_cols);
    pt2_say(r, "for (int k = 0; k < steps; k++) {");
    pt2_say(r, "float16 b0 = vload16(0, pb + k * %d + x), b1 = vload16(0, pb + k * %d + x + 16);", col_pitch,
            col_pitch);
    for (int k = 0; k < BLOCK_ROWS; k++)
        pt2_say(r, "{ float16 f = pa[k * %d + y + %d]; s%d = fma(f, b0, s%d); u%d = fma(f, b1, u%d); }", row_pitch, k,
                k, k, k, k);
    pt2_say(r, "}");
    for (int k = 0; k < BLOCK_ROWS; k++) {
        pt2_say(r, "vstore16(s%d, 0, sum + (y + %d) * %d + x);", k, k, p->c->tile_cols);
        pt2_say(r, "vstore16(u%d, 0, sum + (y + %d) * %d + x + 16);", k, k, p->c->tile_cols);
    }
    pt2_say(r, "}");
}

static void say_packed_results(struct tile *p)
{
    struct render *r = p->r;
    pt2_say(r, "for (int y = 0; y < in_rows; y++) {");
    pt2_say_from_table(r, &p->rows, "y");
    pt2_say(r, "for (int x = 0; x < in_cols; x++) {");
    pt2_say_from_table(r, &p->cols, "x");
    pt2_say_tile_stages(p, p->c->tile_cols);
    pt2_say(r, "}");
    pt2_say(r, "}");
}

void pt2_contract_packed(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int row_pitch = c->tile_rows + PAD, col_pitch = c->tile_cols + PAD;
    pt2_say(r, "int tile = GROUP_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_tile_place(p);
    pt2_say(r, "int work_rows = (in_rows + %d) / %d * %d;", BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS);
    pt2_say(r, "int work_cols = (in_cols + %d) / %d * %d;", BLOCK_COLS - 1, BLOCK_COLS, BLOCK_COLS);
    pt2_say(r, "float pa[%d], pb[%d], sum[%d];", c->tile_depth * row_pitch, c->tile_depth * col_pitch,
        c->tile_rows * c->tile_cols);
    pt2_say_tables(r, &p->rows, c->tile_rows, "first_row", "rows");
    pt2_say_tables(r, &p->cols, c->tile_cols, "first_col", "cols");
    pt2_say(r, "for (int x = 0; x < %d; x++) {", c->tile_rows * c->tile_cols);
    pt2_say(r, "sum[x] = 0.0f;");
    pt2_say(r, "}");
    pt2_say(r, "for (int start = 0; start < depth; start += %d) {", c->tile_depth);
    pt2_say(r, "int steps = min(depth - start, %d);", c->tile_depth);
    say_panel(p, p->a, &p->rows, "pa", row_pitch, "work_rows");
    say_panel(p, p->b, &p->cols, "pb", col_pitch, "work_cols");
    say_blocks(p, row_pitch, col_pitch);
    pt2_say(r, "}");
    say_packed_results(p);
    pt2_say(r, "}");
}
