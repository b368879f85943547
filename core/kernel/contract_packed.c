/* SPDX-License-Identifier: MIT
 * Contractions for processors with wide vectors: an invocation computes a whole tile. For each stretch of the depth
 * it evaluates the two factors into panels, arrays of its own in which what the products read together is together,
 * whatever the order in the buffers is, or reads them in place; then blocks of some rows by some vectors of columns
 * are summed in registers. Rows and columns of a block beyond the tile's edge are computed and not stored. */
#include "expr/internal.h"
#include "kernel/contract_packing.h"
#include "kernel/contract_text.h"

#include <stdio.h>

/* ---- rows in place ---- */

/* Where in the buffer each row starts. */
static void say_row_starts(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_panel *f = &p->c->panel[0];
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &f->side, 0);
    pt2_say(r, "int row[%d];", PT2_MAX_TILE_ROWS);
    pt2_say(r, "SHORT_LOOP for (int y = 0; y < work_rows; y++) {");
    pt2_say(r, "int q = min(first_row + y, rows - 1);");
    pt2_say_split(r, &f->side, "int i", "");
    pt2_say_value(r, "row[y] = ", f->base);
    pt2_say(r, "}");
}

/* ---- windows ---- */

/* The position of each tap, for as many channels as are evaluated together. */
void pt2_say_taps(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_windows *w = &p->c->windows;
    pt2_say(r, "int taps = %s, phases = %s, channels = %s;", pt2_number(w->taps).text, pt2_number(w->phases).text,
            pt2_number(p->c->channels).text);
    pt2_say(r, "int span = tile_cols + %s + %d;", pt2_number(w->reach).text, p->c->lines ? p->c->lanes : 0);
    pt2_say(r, "int together = max(min(min(tile_depth / taps, %d / (phases * span)), channels), 1);",
            PT2_PANEL_FLOATS);
    pt2_say(r, "int tap[%d];", PT2_MAX_TAPS);
    pt2_say(r, "SHORT_LOOP for (int k = 0; k < together * taps; k++) {");
    pt2_say(r, "int q = k, far = 0, phase = 0, pitch = 1, among = 1;");
    for (int j = w->n - 1; j >= 0; j--) {
        const struct pt2_window *a = &w->axis[j];
        pt2_say(r, "far += q %% %s / %s * %s * pitch;", pt2_number(a->taps).text, pt2_number(a->step).text,
                pt2_number(a->dilation).text);
        pt2_say(r, "phase += q %% %s %% %s * among;", pt2_number(a->taps).text, pt2_number(a->step).text);
        pt2_say(r, "among *= min(%s, %s);", pt2_number(a->step).text, pt2_number(a->taps).text);
        pt2_say(r, "pitch *= %s;", pt2_number(a->span).text);
        pt2_say(r, "q = q / %s;", pt2_number(a->taps).text);
    }
    pt2_say(r, "tap[k] = (q * phases + phase) * span + far;");
    pt2_say(r, "}");
}

/* ---- products ---- */

/* Row y + j at step k. */
static void say_row_value(struct tile *p, int j, char *to, size_t size)
{
    const struct pt2_contract *c = p->c;
    if (pt2_rows_in_place(p))
        snprintf(to, size, "a%d_[k]", j);
    else if (c->panel[0].deep)
        snprintf(to, size, "pa[(y + %d) * depth_pitch + k]", j);
    else
        snprintf(to, size, "pa[k * row_pitch + y + %d]", j);
}

static void say_cols_at(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    if (c->panels >= 0) {
        pt2_say(r, "const __global float *at = b%d + ((first_col + x) * depth + (start + k) * %d);", c->panels,
                c->panel_block);
    } else if (pt2_cols_in_place(p)) {
        pt2_say(r, "const __global float *at = b%lld + (col_start + (start + k) * col_step + x);",
                (long long)c->panel[1].value->i);
    } else if (c->windows.n) {
        pt2_say(r, "const float *at = pb + tap[k] + x;");
    } else {
        pt2_say(r, "const float *at = pb + k * col_pitch + x;");
    }
}

static void say_sums(struct tile *p)
{
    const struct pt2_contract *c = p->c;
    for (int j = 0; j < c->block_rows; j++)
        for (int v = 0; v < c->block_vectors; v++)
            pt2_say(p->r, "float%d s%d_%d = (float%d)(0.0f);", c->lanes, j, v, c->lanes);
}

/* Added to what the steps before gave. */
static void say_store_sums(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    pt2_say(r, "float *to = sum + y * tile_cols + x;");
    for (int j = 0; j < c->block_rows; j++, pt2_say(r, "to += tile_cols;"))
        for (int v = 0; v < c->block_vectors; v++)
            pt2_say(r, "vstore%d(start > 0 ? s%d_%d + vload%d(%d, to) : s%d_%d, %d, to);", c->lanes, j, v, c->lanes, v,
                    j, v, v);
}

/* The block at y, x over the steps. */
static void say_block(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    char f[64];
    say_sums(p);
    for (int j = 0; j < c->block_rows && pt2_rows_in_place(p); j++)
        pt2_say(r, "const __global float *a%d_ = b%lld + row[y + %d] + start;", j, (long long)c->panel[0].value->i, j);
    pt2_say(r, "for (int k = 0; k < steps; k++) {");
    say_cols_at(p);
    for (int v = 0; v < c->block_vectors; v++)
        pt2_say(r, "float%d c%d = vload%d(%d, at);", c->lanes, v, c->lanes, v);
    for (int j = 0; j < c->block_rows; j++) {
        say_row_value(p, j, f, sizeof f);
        pt2_say(r, "float%d f%d = %s;", c->lanes, j, f);
        for (int v = 0; v < c->block_vectors; v++)
            pt2_say(r, "s%d_%d = fma(f%d, c%d, s%d_%d);", j, v, j, v, j, v);
    }
    pt2_say(r, "}");
    say_store_sums(p);
}

static void say_blocks(struct tile *p)
{
    struct render *r = p->r;
    pt2_say(r, "for (int x = 0; x < work_cols; x += %d)", p->c->lanes * p->c->block_vectors);
    pt2_say(r, "for (int y = 0; y < work_rows; y += %d) {", p->c->block_rows);
    say_block(p);
    pt2_say(r, "}");
}

/* ---- results ---- */

/* Between the end of one axis and the start of the next there are positions that are no columns. */
static void say_only_columns(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_windows *w = &p->c->windows;
    pt2_say(r, "int end = max(min(len, %s - last), 0);", pt2_number(w->axis[w->n - 1].size).text);
    for (int k = 1; k + 1 < w->n; k++)
        pt2_say(r, "end = i%d < %s ? end : 0;", p->c->stores.var[k], pt2_number(w->axis[k].size).text);
}

/* The indices at place `first` + at of the side, and the length of the run along its last axis from there to `end`. */
static void say_run_place(struct render *r, const struct pt2_axes *side, const char *first, const char *end)
{
    const char *extent = side->n > 1 ? pt2_number(side->extent[side->n - 1]).text : "";
    struct pt2_axes outer = *side;
    pt2_say(r, "int q = %s + at;", first);
    if (side->n < 2) {
        pt2_say(r, "int last = q, len = %s - at;", end);
        return;
    }
    outer.n--;
    pt2_say(r, "int last = q %% %s, len = min(%s - at, %s - last);", extent, end, extent);
    pt2_say(r, "q = q / %s;", extent);
    pt2_say_split(r, &outer, "int i", "");
}

/* Whether a result may be stored twice. */
static bool repeatable(const struct pt2_kernel *k)
{
    bool yes = true;
    for (int i = 1; i < k->num_stages; i++)
        if (k->stages[i].kind == PT2_STAGE_STORE)
            yes &= k->stages[i].op == PT2_RED_SET && !k->bufs[k->stages[i].buf].read;
    return yes;
}

/* Opens a loop over the elements 0 to `count` of a run, which are j + l. */
static void open_lanes(struct tile *p, const char *count)
{
    if (repeatable(p->r->k)) {
        pt2_say_whole_vectors(p, "0", count);
        return;
    }
    pt2_say(p->r, "const int j = 0;");
    pt2_say(p->r, "LANES for (int l = 0; l < %s; l++) {", count);
}

static void close_lanes(struct tile *p)
{
    pt2_say(p->r, "}");
    if (repeatable(p->r->k))
        pt2_say(p->r, "}");
}

void pt2_say_packed_results(struct tile *p, const char *first, const char *count)
{
    struct render *r = p->r;
    struct pt2_axes cols = p->c->stores;
    bool gaps = p->c->windows.n && !p->c->lines;
    for (int k = 0; k < p->c->windows.n && gaps; k++)
        cols.extent[k] = p->c->windows.axis[k].span;
    pt2_say(r, "for (int y = 0; y < in_rows; y++) {");
    pt2_say(r, "int q = first_row + y;");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_say(r, "for (int at = 0; at < %s;) {", count);
    say_run_place(r, &cols, first, count);
    if (gaps)
        say_only_columns(p);
    open_lanes(p, gaps ? "end" : "len");
    if (cols.n)
        pt2_say(r, "int i%d = last + j + l;", cols.var[cols.n - 1]);
    pt2_set_levels(r, &cols, 0);
    pt2_say(r, "int x = at + j + l;");
    pt2_say_tile_stages(p, "tile_cols");
    close_lanes(p);
    pt2_say(r, "at += len;");
    pt2_say(r, "}");
    pt2_say(r, "}");
}

/* ---- the kernel ---- */

void pt2_say_arrays(struct tile *p)
{
    struct render *r = p->r;
    if (!pt2_rows_in_place(p))
        pt2_say(r, "float pa[%d] PANEL;", PT2_PANEL_FLOATS);
    if (!pt2_cols_in_place(p))
        pt2_say(r, "float pb[%d] PANEL;", PT2_PANEL_FLOATS);
    pt2_say(r, "float sum[%d] PANEL;", PT2_SUM_FLOATS);
    pt2_say(r, "int row_pitch = %s + %d;", p->c->lines ? "1" : "tile_rows", p->c->lines ? 0 : PT2_PANEL_PAD);
    pt2_say(r, "int col_pitch = tile_cols + %d, depth_pitch = tile_depth + %d;",
            PT2_PANEL_PAD, PT2_PANEL_PAD);
}

static void say_col_start(struct tile *p)
{
    const struct pt2_panel *f = &p->c->panel[1];
    pt2_set_levels(p->r, &p->batch, 0);
    pt2_say_value(p->r, "int col_start = first_col + ", f->base);
    pt2_say_value(p->r, "int col_step = ", f->pitch);
}

void pt2_contract_packed(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int width = c->lanes * c->block_vectors;
    if (c->lines) {
        pt2_contract_lines(p);
        return;
    }
    pt2_say(r, "int tile = GROUP_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_tile_place(p);
    pt2_say(r, "int work_rows = (in_rows + %d) / %d * %d;", c->block_rows - 1, c->block_rows, c->block_rows);
    pt2_say(r, "int work_cols = (in_cols + %d) / %d * %d;", width - 1, width, width);
    pt2_say_arrays(p);
    if (pt2_rows_in_place(p))
        say_row_starts(p);
    if (pt2_cols_in_place(p) && c->panels < 0)
        say_col_start(p);
    if (c->windows.n) {
        pt2_say_taps(p);
        pt2_say(r, "int all_positions = %s;", pt2_number(c->windows.positions).text);
        pt2_say(r, "for (int start = 0; start < depth; start += together * taps) {");
        pt2_say(r, "int steps = min(depth - start, together * taps);");
    } else {
        pt2_say(r, "for (int start = 0; start < depth; start += tile_depth) {");
        pt2_say(r, "int steps = min(depth - start, tile_depth);");
    }
    pt2_say_row_panel(p);
    pt2_say_col_panel(p);
    say_blocks(p);
    pt2_say(r, "}");
    pt2_say_packed_results(p, "first_col", "in_cols");
    pt2_say(r, "}");
}
