/* SPDX-License-Identifier: MIT
 * The text of tiled contractions.
 *
 * PACKED, for processors with wide vectors: an invocation computes a whole tile. For each stretch of the depth it
 * evaluates the two factors into panels, arrays of its own with neighbouring rows (or columns) next to each other,
 * whatever the order in the buffers is; then blocks of 8 rows by 32 columns are summed in registers over the
 * panels. Tiles at the edge repeat the last row or column, and do not store it.
 *
 * REGISTERS, for processors that run shaders: an invocation keeps a small tile of sums in variables and reads the
 * factors where they are; everything that is the same along the depth, addresses above all, is computed once.
 *
 * SHARED, for GPUs: a group copies panels of both factors to shared memory, each element once; every invocation
 * keeps the sums of some rows and columns in variables. Past the end of the depth the panels hold zeros. */
#include "expr/internal.h"
#include "kernel/contract.h"

#include <stdarg.h>
#include <stdio.h>

enum { BLOCK_ROWS = 8, BLOCK_COLS = 32, PAD = 16 };

/* ---- lines ---- */

static void say(struct render *r, const char *fmt, ...) PT2_PRINTF(2, 3);
static void say(struct render *r, const char *fmt, ...)
{
    char s[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s, sizeof s, fmt, ap);
    va_end(ap);
    size_t len = strlen(s);
    if (s[0] == '}')
        r->indent--;
    for (int k = 0; k < r->indent; k++)
        pt2_str_add(&r->out, "    ");
    pt2_str_add(&r->out, s);
    pt2_str_add(&r->out, "\n");
    if (len && s[len - 1] == '{')
        r->indent++;
}

/* A line that ends with an expression: "float x = <e>;". */
static void say_value(struct render *r, const char *before, pt2_ex e)
{
    for (int k = 0; k < r->indent; k++)
        pt2_str_add(&r->out, "    ");
    pt2_str_add(&r->out, before);
    pt2_render_expr(r, e);
    pt2_str_add(&r->out, ";\n");
}

/* A size is a parameter, or a number that is the same for all shapes of the kernel. */
struct number { char text[24]; };
static struct number number(pt2_ex e)
{
    struct number n;
    snprintf(n.text, sizeof n.text, e->op == PT2_E_PARAM ? "P(%lld)" : "%lld", (long long)e->i);
    return n;
}

/* ---- axes ---- */

struct axes {
    int n;
    int var[2 * PT2_MAX_RANK];
    pt2_ex extent[2 * PT2_MAX_RANK];
};

static struct axes axes_of(const struct pt2_contract *c, enum pt2_axis_role role)
{
    struct axes a = { 0 };
    for (int k = 0; k < c->rank; k++)
        if (c->role[k] == role && !pt2_is_int(c->extent[k], 1)) {
            a.var[a.n] = PT2_OUTER_AXIS + k;
            a.extent[a.n++] = c->extent[k];
        }
    return a;
}

static struct axes depth_axes(const struct pt2_stage *sum)
{
    struct axes a = { 0 };
    for (int k = 0; k < sum->num_loops; k++)
        if (!pt2_is_int(sum->loops[k], 1)) {
            a.var[a.n] = 1 + k;
            a.extent[a.n++] = sum->loops[k];
        }
    return a;
}

/* The indices of the axes at place `q` of their space. */
static void say_split(struct render *r, const struct axes *a, const char *begin, const char *end)
{
    for (int k = a->n - 1; k > 0; k--) {
        say(r, "%s%d%s = q %% %s;", begin, a->var[k], end, number(a->extent[k]).text);
        say(r, "q = q / %s;", number(a->extent[k]).text);
    }
    if (a->n)
        say(r, "%s%d%s = q;", begin, a->var[0], end);
}

static void say_from_table(struct render *r, const struct axes *a, const char *place)
{
    for (int k = 0; k < a->n; k++)
        say(r, "int i%d = x%d[%s];", a->var[k], a->var[k], place);
}

/* Tables of the indices of the tile's rows or columns; those beyond the edge are the last. */
static void say_tables(struct render *r, const struct axes *a, int size, const char *start, const char *count)
{
    for (int k = 0; k < a->n; k++)
        say(r, "int x%d[%d];", a->var[k], size);
    say(r, "for (int x = 0; x < %d; x++) {", size);
    say(r, "int q = min(%s + x, %s - 1);", start, count);
    say_split(r, a, "x", "[x]");
    say(r, "}");
}

static void set_levels(struct render *r, const struct axes *a, int level)
{
    for (int k = 0; k < a->n; k++)
        r->axis_level[a->var[k]] = level;
}

struct tile {
    struct render *r;
    const struct pt2_contract *c;
    struct axes batch, rows, cols, depth;
    pt2_ex a, b;
};

/* Of a tile: its first row and column, and how many of each are inside. */
static void say_place(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    say(r, "int rows = %s, cols = %s, depth = %s;", number(c->size[PT2_AXIS_ROW]).text,
        number(c->size[PT2_AXIS_COL]).text, number(c->depth).text);
    say(r, "int across = (cols + %d) / %d, down = (rows + %d) / %d;", c->tile_cols - 1, c->tile_cols, c->tile_rows - 1,
        c->tile_rows);
    say(r, "int q = tile / across;");
    say(r, "int first_col = tile %% across * %d, first_row = q %% down * %d;", c->tile_cols, c->tile_rows);
    say(r, "q = q / down;");
    say_split(r, &p->batch, "int i", "");
    say(r, "int in_rows = min(rows - first_row, %d), in_cols = min(cols - first_col, %d);", c->tile_rows, c->tile_cols);
}

/* What follows the sum of row y and column x. */
static void say_stages(struct tile *p, int pitch)
{
    struct render *r = p->r;
    const struct pt2_kernel *k = r->k;
    set_levels(r, &p->rows, 0);
    set_levels(r, &p->cols, 0);
    for (int i = 0; i < k->stages[0].num_loops; i++)
        r->axis_level[1 + i] = 1 + i;
    say(r, "float r0 = sum[y * %d + x];", pitch);
    for (int i = 1; i < k->num_stages; i++)
        pt2_render_stage(r, i);
}

/* ---- packed ---- */

/* Evaluates a factor over a stretch of the depth and the tile's rows or columns. */
static void say_panel(struct tile *p, pt2_ex factor, const struct axes *side, const char *panel, int pitch,
                      const char *work)
{
    struct render *r = p->r;
    char to[64];
    set_levels(r, &p->batch, 0);
    set_levels(r, &p->depth, 1);
    set_levels(r, side, 2);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, factor);
    say(r, "{");
    pt2_render_names(r, &b, 0, 2);
    say(r, "for (int k = 0; k < steps; k++) {");
    say(r, "int q = start + k;");
    say_split(r, &p->depth, "int i", "");
    pt2_render_names(r, &b, 1, 2);
    say(r, "for (int x = 0; x < %s; x++) {", work);
    say_from_table(r, side, "x");
    pt2_render_names(r, &b, 2, 2);
    snprintf(to, sizeof to, "%s[k * %d + x] = ", panel, pitch);
    say_value(r, to, factor);
    say(r, "}");
    say(r, "}");
    say(r, "}");
    pt2_render_forget(r, &b);
}

static void say_blocks(struct tile *p, int row_pitch, int col_pitch)
{
    struct render *r = p->r;
    say(r, "for (int x = 0; x < work_cols; x += %d)", BLOCK_COLS);
    say(r, "for (int y = 0; y < work_rows; y += %d) {", BLOCK_ROWS);
    for (int k = 0; k < BLOCK_ROWS; k++)
        say(r, "float16 s%d = vload16(0, sum + (y + %d) * %d + x), u%d = vload16(0, sum + (y + %d) * %d + x + 16);", k,
            k, p->c->tile_cols, k, k, p->c->tile_cols);
    say(r, "for (int k = 0; k < steps; k++) {");
    say(r, "float16 b0 = vload16(0, pb + k * %d + x), b1 = vload16(0, pb + k * %d + x + 16);", col_pitch, col_pitch);
    for (int k = 0; k < BLOCK_ROWS; k++)
        say(r, "{ float16 f = pa[k * %d + y + %d]; s%d = fma(f, b0, s%d); u%d = fma(f, b1, u%d); }", row_pitch, k, k, k,
            k, k);
    say(r, "}");
    for (int k = 0; k < BLOCK_ROWS; k++) {
        say(r, "vstore16(s%d, 0, sum + (y + %d) * %d + x);", k, k, p->c->tile_cols);
        say(r, "vstore16(u%d, 0, sum + (y + %d) * %d + x + 16);", k, k, p->c->tile_cols);
    }
    say(r, "}");
}

static void say_packed_results(struct tile *p)
{
    struct render *r = p->r;
    say(r, "for (int y = 0; y < in_rows; y++) {");
    say_from_table(r, &p->rows, "y");
    say(r, "for (int x = 0; x < in_cols; x++) {");
    say_from_table(r, &p->cols, "x");
    say_stages(p, p->c->tile_cols);
    say(r, "}");
    say(r, "}");
}

static void packed(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int row_pitch = c->tile_rows + PAD, col_pitch = c->tile_cols + PAD;
    say(r, "int tile = GROUP_ID();");
    say(r, "if (tile < %s) {", number(r->k->points).text);
    say_place(p);
    say(r, "int work_rows = (in_rows + %d) / %d * %d;", BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS);
    say(r, "int work_cols = (in_cols + %d) / %d * %d;", BLOCK_COLS - 1, BLOCK_COLS, BLOCK_COLS);
    say(r, "float pa[%d], pb[%d], sum[%d];", c->tile_depth * row_pitch, c->tile_depth * col_pitch,
        c->tile_rows * c->tile_cols);
    say_tables(r, &p->rows, c->tile_rows, "first_row", "rows");
    say_tables(r, &p->cols, c->tile_cols, "first_col", "cols");
    say(r, "for (int x = 0; x < %d; x++) {", c->tile_rows * c->tile_cols);
    say(r, "sum[x] = 0.0f;");
    say(r, "}");
    say(r, "for (int start = 0; start < depth; start += %d) {", c->tile_depth);
    say(r, "int steps = min(depth - start, %d);", c->tile_depth);
    say_panel(p, p->a, &p->rows, "pa", row_pitch, "work_rows");
    say_panel(p, p->b, &p->cols, "pb", col_pitch, "work_cols");
    say_blocks(p, row_pitch, col_pitch);
    say(r, "}");
    say_packed_results(p);
    say(r, "}");
}

/* ---- registers ---- */

static void say_places(struct tile *p, const struct axes *side, int first_var, int n, const char *start,
                       const char *count)
{
    struct render *r = p->r;
    for (int k = 0; k < n; k++) {
        struct axes here = *side;
        for (int j = 0; j < side->n; j++) {
            here.var[j] = first_var + k * side->n + j;
            say(r, "int i%d;", here.var[j]);
        }
        say(r, "{");
        say(r, "int q = min(%s + %d, %s - 1);", start, k, count);
        say_split(r, &here, "i", "");
        say(r, "}");
    }
}

/* Loops over the depth, with what does not change in a loop kept in front of it. */
static void say_products(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    const pt2_ex *a = c->places[0], *b = c->places[1];
    struct body all = { r->order, 0 };
    char name[32];
    for (int k = 0; k < c->tile_rows; k++)
        all = pt2_render_count(r, all, a[k]);
    for (int k = 0; k < c->tile_cols; k++)
        all = pt2_render_count(r, all, b[k]);
    pt2_render_names(r, &all, 0, p->depth.n);
    for (int k = 0; k < p->depth.n; k++) {
        int v = p->depth.var[k];
        say(r, "for (int i%d = 0; i%d < %s; i%d++) {", v, v, number(p->depth.extent[k]).text, v);
        pt2_render_names(r, &all, k + 1, p->depth.n);
    }
    for (int k = 0; k < c->tile_rows; k++) {
        snprintf(name, sizeof name, "float a%d = ", k);
        say_value(r, name, a[k]);
    }
    for (int k = 0; k < c->tile_cols; k++) {
        snprintf(name, sizeof name, "float b%d_ = ", k);
        say_value(r, name, b[k]);
    }
    for (int y = 0; y < c->tile_rows; y++)
        for (int x = 0; x < c->tile_cols; x++)
            say(r, "s%d_%d = pt_fma_f32(a%d, b%d_, s%d_%d);", y, x, y, x, y, x);
    for (int k = 0; k < p->depth.n; k++)
        say(r, "}");
    pt2_render_forget(r, &all);
}

static void say_sums(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    say_places(p, &p->rows, c->first_var[0], c->tile_rows, "first_row", "rows");
    say_places(p, &p->cols, c->first_var[1], c->tile_cols, "first_col", "cols");
    for (int y = 0; y < c->tile_rows; y++)
        for (int x = 0; x < c->tile_cols; x++)
            say(r, "float s%d_%d = 0.0f;", y, x);
    for (int k = 0; k < p->depth.n; k++)
        r->axis_level[p->depth.var[k]] = 1 + k;
    say_products(p);
    for (int y = 0; y < c->tile_rows; y++)
        for (int x = 0; x < c->tile_cols; x++)
            say(r, "sum[%d] = s%d_%d;", y * c->tile_cols + x, y, x);
}

static void registers(struct tile *p)
{
    struct render *r = p->r;
    say(r, "int tile = GLOBAL_ID();");
    say(r, "if (tile < %s) {", number(r->k->points).text);
    say_place(p);
    say(r, "float sum[%d];", p->c->tile_rows * p->c->tile_cols);
    say(r, "{");
    say_sums(p);
    say(r, "}");
    say(r, "for (int y = 0; y < in_rows; y++) {");
    say(r, "int q = first_row + y;");
    say_split(r, &p->rows, "int i", "");
    say(r, "for (int x = 0; x < in_cols; x++) {");
    say(r, "int q = first_col + x;");
    say_split(r, &p->cols, "int i", "");
    say_stages(p, p->c->tile_cols);
    say(r, "}");
    say(r, "}");
    say(r, "}");
}

/* ---- shared ---- */

/* How the invocations of a group copy a panel of one factor: each copies `each` elements. Neighbouring invocations
 * take neighbours in memory: along the depth, or along the rows (columns). */
struct copy {
    const pt2_ex *places;
    const struct axes *side;
    const char *panel, *start, *count;
    int size, each, first_var;
    bool deep;
};

/* Where the elements of this invocation are: indices of the rows (columns) do not change along the depth. */
static void say_copy_places(struct tile *p, const struct copy *y)
{
    struct render *r = p->r;
    int depth = p->c->tile_depth, invocations = p->c->across * p->c->across;
    for (int t = 0; t < (y->deep ? y->each : 1); t++) {
        struct axes here = *y->side;
        for (int j = 0; j < here.n; j++) {
            here.var[j] = y->first_var + t * here.n + j;
            say(r, "int i%d;", here.var[j]);
        }
        say(r, "{");
        if (y->deep)
            say(r, "int q = min(%s + me / %d + %d, %s - 1);", y->start, depth, t * (invocations / depth), y->count);
        else
            say(r, "int q = min(%s + me %% %d, %s - 1);", y->start, y->size, y->count);
        say_split(r, &here, "i", "");
        say(r, "}");
    }
}

static void say_copy(struct tile *p, const struct copy *y)
{
    struct render *r = p->r;
    int depth = p->c->tile_depth, invocations = p->c->across * p->c->across;
    for (int t = 0; t < y->each; t++) {
        pt2_ex e = y->places[y->deep ? t : 0];
        struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, e);
        say(r, "{");
        if (y->deep)
            say(r, "int k = me %% %d, x = me / %d + %d;", depth, depth, t * (invocations / depth));
        else
            say(r, "int k = me / %d + %d, x = me %% %d;", y->size, t * (invocations / y->size), y->size);
        say(r, "bool inside = start + k < depth;");
        say(r, "int q = min(start + k, depth - 1);");
        say_split(r, &p->depth, "int i", "");
        pt2_render_names(r, &b, 0, 0);
        say_value(r, "float v = ", e);
        say(r, "%s[k * %d + x] = inside ? v : 0.0f;", y->panel, y->size + 1);
        say(r, "}");
        pt2_render_forget(r, &b);
    }
}

/* Invocation (i, j) of the group sums the rows i * n … i * n + n - 1 and the columns j, j + across, … */
static void say_shared_products(struct tile *p, int rows, int cols)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    say(r, "for (int k = 0; k < %d; k++) {", c->tile_depth);
    for (int y = 0; y < rows; y++)
        say(r, "float a%d = pa[k * %d + my_row + %d];", y, c->tile_rows + 1, y);
    for (int x = 0; x < cols; x++)
        say(r, "float b%d_ = pb[k * %d + my_col + %d];", x, c->tile_cols + 1, x * c->across);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++)
            say(r, "s%d_%d = pt_fma_f32(a%d, b%d_, s%d_%d);", y, x, y, x, y, x);
    say(r, "}");
}

static void say_shared_results(struct tile *p, int rows, int cols)
{
    struct render *r = p->r;
    say(r, "float sum[%d];", rows * cols);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++)
            say(r, "sum[%d] = s%d_%d;", y * cols + x, y, x);
    say(r, "for (int y = 0; y < %d; y++) {", rows);
    say(r, "for (int x = 0; x < %d; x++) {", cols);
    say(r, "if (my_row + y < in_rows && my_col + x * %d < in_cols) {", p->c->across);
    say(r, "int q = first_row + my_row + y;");
    say_split(r, &p->rows, "int i", "");
    say(r, "q = first_col + my_col + x * %d;", p->c->across);
    say_split(r, &p->cols, "int i", "");
    say_stages(p, cols);
    say(r, "}");
    say(r, "}");
    say(r, "}");
}

static void shared(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int rows = c->tile_rows / c->across, cols = c->tile_cols / c->across, invocations = c->across * c->across;
    struct copy a = {
        c->places[0],    &p->rows,  "pa", "first_row", "rows", c->tile_rows, c->tile_rows * c->tile_depth / invocations,
        c->first_var[0], c->deep[0]
    };
    struct copy b = {
        c->places[1],    &p->cols,  "pb", "first_col", "cols", c->tile_cols, c->tile_cols * c->tile_depth / invocations,
        c->first_var[1], c->deep[1]
    };
    say(r, "SHARED(float, pa, %d);", c->tile_depth * (c->tile_rows + 1));
    say(r, "SHARED(float, pb, %d);", c->tile_depth * (c->tile_cols + 1));
    say(r, "int tile = GROUP_ID();");
    say(r, "if (tile < %s) {", number(r->k->points).text);
    say_place(p);
    say(r, "int me = LOCAL_ID(), my_row = me / %d * %d, my_col = me %% %d;", c->across, rows, c->across);
    say_copy_places(p, &a);
    say_copy_places(p, &b);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++)
            say(r, "float s%d_%d = 0.0f;", y, x);
    set_levels(r, &p->depth, 0);
    say(r, "for (int start = 0; start < depth; start += %d) {", c->tile_depth);
    say_copy(p, &a);
    say_copy(p, &b);
    say(r, "BARRIER();");
    say_shared_products(p, rows, cols);
    say(r, "BARRIER();");
    say(r, "}");
    say_shared_results(p, rows, cols);
    say(r, "}");
}

void pt2_contract_render(struct render *r)
{
    const struct pt2_contract *c = r->k->contract;
    const struct pt2_stage *sum = &r->k->stages[0];
    struct tile p = { r, c, axes_of(c, PT2_AXIS_BATCH), axes_of(c, PT2_AXIS_ROW), axes_of(c, PT2_AXIS_COL),
                      depth_axes(sum), sum->body->args[c->swapped], sum->body->args[!c->swapped] };
    if (c->form == PT2_CONTRACT_PACKED)
        packed(&p);
    else if (c->form == PT2_CONTRACT_REGISTERS)
        registers(&p);
    else
        shared(&p);
}
