/* SPDX-License-Identifier: MIT
 * Contractions for GPUs: a group copies panels of both factors to shared memory, each element once; every invocation
 * keeps the sums of some rows and columns in variables, or every subgroup keeps matrices of them (contract_matrices.c).
 * DOTS: four bytes along the depth are a word, and words are what is copied and multiplied. What the next turn needs is
 * read from the buffers before the products of this one, and waits in variables meanwhile. Past the end of the depth
 * the panels hold zeros. */
#include "expr/internal.h"
#include "kernel/contract_text.h"

#include <stdio.h>

/* How the invocations of a group copy a panel of one factor, each `each` elements or vectors of `width`, DOTS: words.
 * Neighbouring invocations take neighbours in memory: along the depth, or along the rows (columns). */
struct copy {
    const pt2_ex *places;
    struct pt2_axes side;
    const char *panel, *start, *count;
    int size, each, width, first_var, buf;
    bool deep, words; /* along the depth; DOTS: words as they lie in the buffer */
    struct pt2_panel_layout lies;
};

static bool is_dots(const struct pt2_contract *c) { return c->form == PT2_CONTRACT_DOTS; }
static bool is_quads(const struct pt2_contract *c, int side)
{
    return !is_dots(c) && c->along[side] != PT2_ALONG_NONE;
}

/* The last axes that count neighbours together are one, of vectors. */
static struct pt2_axes in_vectors(const struct pt2_contract *c, int side, const struct pt2_axes *all)
{
    struct pt2_axes a = *all;
    if (c->along[side] == PT2_ALONG_SIDE) {
        a.n -= c->near[side] - 1;
        a.extent[a.n - 1] = c->quarter[side];
    }
    return a;
}

static struct copy copy_of(const struct tile *p, int side)
{
    const struct pt2_contract *c = p->c;
    int size = side ? c->tile_cols : c->tile_rows, width = is_quads(c, side) ? 4 : 1;
    return (struct copy){
        .places = c->places[side],
        .side = in_vectors(c, side, side ? &p->cols : &p->rows),
        .panel = side ? "pb" : "pa",
        .start = side ? "first_col" : "first_row",
        .count = side ? "cols" : "rows",
        .size = size,
        .each = size * c->tile_depth / c->invocations / width,
        .width = width,
        .first_var = c->first_var[side],
        .buf = c->fetched_buf[side],
        .deep = c->deep[side],
        .words = c->along[side] != PT2_ALONG_NONE,
        .lies = pt2_panel_layout(c, side),
    };
}

/* Where the elements of this invocation are: indices of the rows (columns) do not change along the depth. */
static void say_copy_places(struct tile *p, const struct copy *y)
{
    struct render *r = p->r;
    int depth = p->c->tile_depth / y->width, invocations = p->c->invocations;
    for (int t = 0; t < (y->deep ? y->each : 1); t++) {
        struct pt2_axes here = y->side;
        for (int j = 0; j < here.n; j++) {
            here.var[j] = y->first_var + t * here.n + j;
            pt2_say(r, "int i%d;", here.var[j]);
        }
        pt2_say(r, "{");
        if (y->deep)
            pt2_say(r, "int q = min(%s + me / %d + %d, %s - 1);", y->start, depth, t * (invocations / depth), y->count);
        else
            pt2_say(r, "int q = min(%s / %d + me %% %d, (%s - 1) / %d);", y->start, y->width, y->size / y->width,
                    y->count, y->width);
        pt2_say_split(r, &here, "i", "");
        pt2_say(r, "}");
    }
}

static void say_copy_variables(struct tile *p, const struct copy *y)
{
    for (int t = 0; t < y->each; t++)
        pt2_say(p->r, "%s v%s_%d;", y->lies.vector, y->panel, t);
}

/* The place of copy t in the panel: step k, row (column) x. */
static void say_copy_place(struct tile *p, const struct copy *y, int t)
{
    int depth = p->c->tile_depth / y->width, size = y->size / y->width, invocations = p->c->invocations;
    if (y->deep)
        pt2_say(p->r, "int k = me %% %d * %d, x = me / %d + %d;", depth, y->width, depth, t * (invocations / depth));
    else
        pt2_say(p->r, "int k = me / %d + %d, x = me %% %d * %d;", size, t * (invocations / size), size, y->width);
}

static void say_read(struct tile *p, const struct copy *y, int t, pt2_ex e)
{
    struct render *r = p->r;
    const char *type = pt2_storage_name(r->k->bufs[y->buf].dtype);
    bool halves = p->c->form == PT2_CONTRACT_MATRICES;
    if (y->width == 1) {
        pt2_say_value(r, "float v = ", e);
        pt2_say(r, "v%s_%d = %s(inside ? v : 0.0f);", y->panel, t, halves ? "pt_half" : "");
    } else {
        pt2_say_begin(r, "v%s_%d = pt_fetch4_%s(b%d, ", y->panel, t, halves ? "half" : type, y->buf);
        pt2_render_expr(r, e);
        pt2_say_end(r, ");");
        pt2_say(r, "if (!inside)");
        pt2_say(r, "    v%s_%d = %s;", y->panel, t, halves ? "pt_half4(0)" : "pt_splat_f32x4(0.0f)");
    }
}

static void say_elements(struct tile *p, const struct copy *y, int t, pt2_ex e, const struct body *b)
{
    struct render *r = p->r;
    pt2_say(r, "bool inside = next + k < depth;");
    pt2_say(r, "int q = min(next + k, depth - %d);", y->deep ? y->width : 1);
    pt2_say_split(r, &p->depth, "int i", "");
    pt2_render_names(r, b, 0, 0);
    say_read(p, y, t, e);
}

/* Four neighbours in memory. */
static void say_word(struct tile *p, const struct copy *y, int t, pt2_ex e, const struct body *b)
{
    struct render *r = p->r;
    pt2_say(r, "int q = min(next + k, steps - 1) * 4;");
    pt2_say_split(r, &p->depth, "int i", "");
    pt2_render_names(r, b, 0, 0);
    pt2_say_begin(r, "v%s_%d = pt_fetch4_i8(b%d, ", y->panel, t, y->buf);
    pt2_render_expr(r, e);
    pt2_say_end(r, ");");
    pt2_say(r, "v%s_%d = next + k < steps ? v%s_%d : 0;", y->panel, t, y->panel, t);
}

/* Four that are not. */
static void say_bytes(struct tile *p, const struct copy *y, int t, pt2_ex e, const struct body *b)
{
    struct render *r = p->r;
    pt2_say(r, "v%s_%d = 0;", y->panel, t);
    pt2_say(r, "for (int j = 0; j < 4; j++) {");
    pt2_say(r, "bool inside = (next + k) * 4 + j < depth;");
    pt2_say(r, "int q = min((next + k) * 4 + j, depth - 1);");
    pt2_say_split(r, &p->depth, "int i", "");
    pt2_render_names(r, b, 0, 0);
    pt2_say_value(r, "int v = ", e);
    pt2_say(r, "v%s_%d |= inside ? (v & 255) << (8 * j) : 0;", y->panel, t);
    pt2_say(r, "}");
}

/* Buffers to variables: the turn that begins at `next`. */
static void say_reads(struct tile *p, const struct copy *y)
{
    struct render *r = p->r;
    for (int t = 0; t < y->each; t++) {
        pt2_ex e = y->places[y->deep ? t : 0];
        struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, e);
        pt2_say(r, "{");
        say_copy_place(p, y, t);
        if (!is_dots(p->c))
            say_elements(p, y, t, e, &b);
        else
            (y->words ? say_word : say_bytes)(p, y, t, e, &b);
        pt2_say(r, "}");
        pt2_render_forget(r, &b);
    }
}

/* Variables to shared memory. Where a copy is no part of the panel, its elements are no neighbours there. */
static void say_writes(struct tile *p, const struct copy *y)
{
    static const char *const parts[] = { ".x", ".y", ".z", ".w" };
    struct render *r = p->r;
    const struct pt2_panel_layout *lies = &y->lies;
    bool whole = y->width == lies->width && (y->width == 1 || (y->deep ? lies->step : lies->place) == 1);
    for (int t = 0; t < y->each; t++) {
        pt2_say(r, "{");
        say_copy_place(p, y, t);
        if (whole)
            pt2_say(r, "%s[(k * %d + x * %d) / %d] = v%s_%d;", y->panel, lies->step, lies->place, lies->width, y->panel,
                    t);
        for (int j = 0; j < y->width && !whole; j++)
            pt2_say(r, "pt_put_shared%s(%s, (k + %d) * %d + x, v%s_%d%s);", is_dots(p->c) ? "_i32" : "", y->panel, j,
                    lies->step, y->panel, t, y->width == 1 ? "" : parts[j]);
        pt2_say(r, "}");
    }
}

/* ---- sums in variables ---- */

/* Invocation (i, j) of the group has rows and columns in fours: those from 4i and 4j on, and, in large tiles, those
 * half a tile farther. */
static int fours(const struct pt2_contract *c) { return c->tile_rows / (4 * c->across); }

/* The words for four sums, and for what adds four products to them. */
struct lanes {
    const char *type, *zero, *fma, *to_float;
};

static const struct lanes *lanes(const struct pt2_contract *c)
{
    static const struct lanes floats = { "pt_f32x4", "pt_splat_f32x4(0.0f)", "pt_fma_f32x4", "" };
    static const struct lanes integers = { "pt_i32x4", "pt_splat_i32x4(0)", "pt_dot_i8x4", "pt_cvt_i32_f32" };
    return is_dots(c) ? &integers : &floats;
}

static void say_sums(struct tile *p)
{
    const struct pt2_contract *c = p->c;
    pt2_say(p->r, "int my_row = me / %d * 4, my_col = me %% %d * 4;", c->across, c->across);
    for (int y = 0; y < 4 * fours(c); y++)
        for (int x = 0; x < fours(c); x++)
            pt2_say(p->r, "%s s%d_%d = %s;", lanes(c)->type, y, x, lanes(c)->zero);
}

static void say_products(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int n = fours(c), a = pt2_panel_layout(c, 0).step, b = pt2_panel_layout(c, 1).step;
    pt2_say(r, "for (int k = 0; k < %d; k++) {", c->tile_depth);
    for (int y = 0; y < n; y++)
        pt2_say(r, "%s a%d = pa[(k * %d + my_row + %d) / 4];", lanes(c)->type, y, a, y * 4 * c->across);
    for (int x = 0; x < n; x++)
        pt2_say(r, "%s b%d_ = pb[(k * %d + my_col + %d) / 4];", lanes(c)->type, x, b, x * 4 * c->across);
    for (int y = 0; y < 4 * n; y++)
        for (int x = 0; x < n; x++)
            pt2_say(r, "s%d_%d = %s(a%d.%c, b%d_, s%d_%d);", y, x, lanes(c)->fma, y / 4, "xyzw"[y % 4], x, y, x);
    pt2_say(r, "}");
}

static void say_results(struct tile *p)
{
    struct render *r = p->r;
    int n = fours(p->c), far = 4 * p->c->across;
    char pitch[16];
    pt2_say(r, "float sum[%d];", 16 * n * n);
    for (int y = 0; y < 4 * n; y++)
        for (int x = 0; x < 4 * n; x++)
            pt2_say(r, "sum[%d] = %s(s%d_%d.%c);", y * 4 * n + x, lanes(p->c)->to_float, y, x / 4, "xyzw"[x % 4]);
    pt2_say(r, "for (int y = 0; y < %d; y++) {", 4 * n);
    pt2_say(r, "for (int x = 0; x < %d; x++) {", 4 * n);
    pt2_say(r, "int row = my_row + y / 4 * %d + y %% 4, col = my_col + x / 4 * %d + x %% 4;", far, far);
    pt2_say(r, "if (row < in_rows && col < in_cols) {");
    pt2_say(r, "int q = first_row + row;");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_say(r, "q = first_col + col;");
    pt2_say_split(r, &p->cols, "int i", "");
    snprintf(pitch, sizeof pitch, "%d", 4 * n);
    pt2_say_tile_stages(p, pitch);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_say(r, "}");
}

/* ---- both ---- */

struct pt2_panel_layout pt2_panel_layout(const struct pt2_contract *c, int side)
{
    int size = side ? c->tile_cols : c->tile_rows, depth = c->tile_depth;
    bool quads = is_quads(c, side), deep = c->deep[side];
    if (is_dots(c))
        return (struct pt2_panel_layout){ "pt_i32x4", "int", 4, size + PT2_SHARED_PAD, 1,
                                          depth * (size + PT2_SHARED_PAD) / 4 };
    if (c->form == PT2_CONTRACT_SHARED)
        return (struct pt2_panel_layout){ "pt_f32x4", quads ? "pt_f32x4" : "float", 4, size + PT2_SHARED_PAD, 1,
                                          depth * (size + PT2_SHARED_PAD) / 4 };
    const char *type = quads ? "pt_half4" : "pt_half";
    int width = quads ? 4 : 1, pitch = (deep ? depth : size) + PT2_MATRIX_PAD;
    return (struct pt2_panel_layout){ type, type, width, deep ? 1 : pitch, deep ? pitch : 1,
                                      (deep ? size : depth) * pitch / width };
}

static void say_turns(struct tile *p, const struct copy *a, const struct copy *b)
{
    struct render *r = p->r;
    int depth = p->c->tile_depth;
    pt2_set_levels(r, &p->depth, 0);
    pt2_say(r, "const int steps = %s;", is_dots(p->c) ? "(depth + 3) / 4" : "depth");
    pt2_say(r, "for (int start = steps > 0 ? -%d : 0; start < steps; start += %d) {", depth, depth);
    pt2_say(r, "int next = start + %d;", depth);
    pt2_say(r, "if (next < steps) {");
    say_reads(p, a);
    say_reads(p, b);
    pt2_say(r, "}");
    pt2_say(r, "if (start >= 0) {");
    if (p->c->form == PT2_CONTRACT_MATRICES)
        pt2_matrices_products(p);
    else
        say_products(p);
    pt2_say(r, "}");
    pt2_say(r, "BARRIER();");
    say_writes(p, a);
    say_writes(p, b);
    pt2_say(r, "BARRIER();");
    pt2_say(r, "}");
}

void pt2_contract_shared(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    bool matrices = c->form == PT2_CONTRACT_MATRICES;
    struct copy a = copy_of(p, 0), b = copy_of(p, 1);
    pt2_say(r, "SHARED(%s, pa, %d);", a.lies.type, a.lies.count);
    pt2_say(r, "SHARED(%s, pb, %d);", b.lies.type, b.lies.count);
    if (matrices)
        pt2_say(r, "SHARED(float, strip, %d);", pt2_contract_strip(c));
    pt2_say(r, "int tile = GROUP_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_tile_place(p);
    pt2_say(r, "int me = LOCAL_ID();");
    say_copy_places(p, &a);
    say_copy_places(p, &b);
    say_copy_variables(p, &a);
    say_copy_variables(p, &b);
    if (matrices)
        pt2_matrices_sums(p);
    else
        say_sums(p);
    say_turns(p, &a, &b);
    if (matrices)
        pt2_matrices_results(p);
    else
        say_results(p);
    pt2_say(r, "}");
}
