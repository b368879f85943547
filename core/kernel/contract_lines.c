/* SPDX-License-Identifier: MIT
 * The PACKED kernel of windows without rows (depthwise convolutions). There is little work in a tile, so what does not
 * depend on it is computed before: an invocation takes a stretch of tiles. Windows slide over lines, which are the last
 * axis of the columns; each line is whole vectors of sums, and the sums of lines are put together behind each other. */
#include "expr/internal.h"
#include "kernel/contract_packing.h"
#include "kernel/contract_text.h"

#include <stdio.h>

static void say_sizes(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    pt2_say(r, "const int rows = 1, first_row = 0, in_rows = 1, work_rows = 1;");
    pt2_say(r, "int batch = %s, cols = %s, depth = %s;", pt2_number(c->size[PT2_AXIS_BATCH]).text,
            pt2_number(c->size[PT2_AXIS_COL]).text, pt2_number(c->depth).text);
    pt2_say(r, "int tile_cols = %s, tile_depth = %s;", pt2_number(c->tile[1]).text, pt2_number(c->tile[2]).text);
    pt2_say(r, "int all_positions = %s;", pt2_number(c->windows.positions).text);
}

/* ---- lines ---- */

/* The number of columns before the tile's first position. A position behind the end of an axis is that end. */
static void say_first_column(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_windows *w = &p->c->windows;
    pt2_say(r, "bool inside = true;");
    pt2_say(r, "first_column = 0;");
    for (int k = 0; k < w->n; k++) {
        const char *size = pt2_number(w->axis[k].size).text;
        pt2_say(r, "first_column = first_column * %s + (inside ? min(p%d, %s) : 0);", size, k, size);
        pt2_say(r, "inside = inside && p%d < %s;", k, size);
    }
}

/* The columns of one line from its position `last` on. */
static void say_line(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_windows *w = &p->c->windows;
    pt2_say(r, "int some = max(min(len, %s - p%d), 0);", pt2_number(w->axis[w->n - 1].size).text, w->n - 1);
    for (int k = 1; k + 1 < w->n; k++)
        pt2_say(r, "some = p%d < %s ? some : 0;", k, pt2_number(w->axis[k].size).text);
    pt2_say(r, "for (int j = 0; j < some; j += %d) {", p->c->lanes);
    pt2_say(r, "from[vectors] = at + j;");
    pt2_say(r, "into[vectors++] = columns + j;");
    pt2_say(r, "}");
    pt2_say(r, "columns += some;");
}

static void say_position(struct render *r, const struct pt2_windows *w)
{
    pt2_say(r, "int q = first_col + at;");
    for (int k = w->n - 1; k > 0; k--) {
        pt2_say(r, "int p%d = pt_remainder(q, %s);", k, pt2_number(w->axis[k].span).text);
        pt2_say(r, "q = pt_quotient(q, %s);", pt2_number(w->axis[k].span).text);
    }
    pt2_say(r, "int p0 = q;");
}

/* For each vector of sums, the position that it starts from, and its place in the results. */
static void say_lines(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_windows *w = &p->c->windows;
    pt2_say(r, "if (first_col != was) {");
    pt2_say(r, "was = first_col;");
    pt2_say(r, "vectors = columns = 0;");
    pt2_say(r, "for (int at = 0; at < in_cols;) {");
    say_position(r, w);
    if (w->n > 1)
        pt2_say(r, "int len = min(in_cols - at, %s - p%d);", pt2_number(w->axis[w->n - 1].span).text, w->n - 1);
    else
        pt2_say(r, "int len = in_cols - at;");
    pt2_say(r, "if (at == 0) {");
    say_first_column(p);
    pt2_say(r, "}");
    say_line(p);
    pt2_say(r, "at += len;");
    pt2_say(r, "}");
    pt2_say(r, "for (int v = 0; v < %d; v++) {", p->c->block_vectors - 1);
    pt2_say(r, "from[vectors + v] = 0;");
    pt2_say(r, "}");
    pt2_say(r, "}");
}

/* ---- sums ---- */

static void say_block(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int lanes = c->lanes;
    for (int v = 0; v < c->block_vectors; v++) {
        pt2_say(r, "float%d s%d = (float%d)(0.0f);", lanes, v, lanes);
        pt2_say(r, "const float *at%d = pb + from[v + %d];", v, v);
    }
    pt2_say(r, "for (int k = 0; k < steps; k++) {");
    pt2_say(r, "float%d f = a[k];", lanes);
    pt2_say(r, "int far = tap[k];");
    for (int v = 0; v < c->block_vectors; v++)
        pt2_say(r, "s%d = fma(f, vload%d(0, at%d + far), s%d);", v, lanes, v, v);
    pt2_say(r, "}");
    pt2_say(r, "float *to = sum + v * %d;", lanes);
    for (int v = 0; v < c->block_vectors; v++)
        pt2_say(r, "vstore%d(start > 0 ? s%d + vload%d(%d, to) : s%d, %d, to);", lanes, v, lanes, v, v, v);
}

/* The numbers of the one row: where they lie, or in the panel, which is contiguous for one row. */
static void say_row(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_panel *f = &p->c->panel[0];
    pt2_set_levels(r, &p->batch, 0);
    if (!pt2_rows_in_place(p)) {
        pt2_say(r, "const float *a = pa;");
        return;
    }
    pt2_say_begin(r, "const __global float *a = b%lld + start + ", (long long)f->value->i);
    pt2_render_expr(r, f->base);
    pt2_say_end(r, ";");
}

static void say_sums(struct tile *p)
{
    struct render *r = p->r;
    pt2_say(r, "for (int start = 0; start < depth; start += together * taps) {");
    pt2_say(r, "int steps = min(depth - start, together * taps);");
    pt2_say_row_panel(p);
    pt2_say_col_panel(p);
    say_row(p);
    pt2_say(r, "for (int v = 0; v < vectors; v += %d) {", p->c->block_vectors);
    say_block(p);
    pt2_say(r, "}");
    pt2_say(r, "}");
}

/* Ascending: what a vector has beyond its line's end is overwritten by the next one, and none that is still to be moved
 * is. */
static void say_together(struct tile *p)
{
    struct render *r = p->r;
    int lanes = p->c->lanes;
    pt2_say(r, "for (int v = 0; v < vectors && columns < vectors * %d; v++) {", lanes);
    pt2_say(r, "vstore%d(vload%d(v, sum), 0, sum + into[v]);", lanes, lanes);
    pt2_say(r, "}");
}

/* ---- the kernel ---- */

static void say_tables(struct tile *p)
{
    struct render *r = p->r;
    pt2_say_arrays(p);
    pt2_say_taps(p);
    pt2_say(r, "int from[%d], into[%d];", PT2_MAX_TILE_COLS + PT2_PANEL_PAD, PT2_MAX_TILE_COLS + PT2_PANEL_PAD);
    pt2_say(r, "int vectors = 0, columns = 0, first_column = 0, was = -1;");
}

void pt2_contract_lines(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    say_sizes(p);
    say_tables(p);
    pt2_say(r, "int first_tile = GROUP_ID() * %s;", pt2_number(c->each).text);
    pt2_say(r, "int end_tile = min(first_tile + %s, %s);", pt2_number(c->each).text, pt2_number(c->tiles).text);
    pt2_say(r, "for (int tile = first_tile; tile < end_tile; tile++) {");
    pt2_say(r, "int q = pt_remainder(tile, batch), first_col = pt_quotient(tile, batch) * tile_cols;");
    pt2_say(r, "int in_cols = min(cols - first_col, tile_cols);");
    pt2_say_split(r, &p->batch, "int i", "");
    say_lines(p);
    say_sums(p);
    say_together(p);
    pt2_say_packed_results(p, "first_column", "columns");
    pt2_say(r, "}");
}
