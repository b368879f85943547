/* SPDX-License-Identifier: MIT
 * The text of tiled contractions.
 *
 * PACKED, for processors with wide vectors: an invocation computes a whole tile. For each stretch of the depth it evaluates the
 * two factors into panels, arrays of its own with neighbouring rows (or columns) next to each other, whatever the order in
 * the buffers is; then blocks of 8 rows by 32 columns are summed in registers over the panels. Tiles at the edge repeat the last
 * row or column, and do not store it. */
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

/* ---- packed ---- */

struct packed {
    struct render *r;
    const struct pt2_contract *c;
    struct axes batch, rows, cols, depth;
    pt2_ex a, b;
};

/* Which tile, its first row and column, how many of each are inside, and what is worked on: whole blocks. */
static void say_place(struct packed *p)
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
    say(r, "int work_rows = (in_rows + %d) / %d * %d;", BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS);
    say(r, "int work_cols = (in_cols + %d) / %d * %d;", BLOCK_COLS - 1, BLOCK_COLS, BLOCK_COLS);
}

/* Evaluates a factor over a stretch of the depth and the tile's rows or columns. */
static void say_panel(struct packed *p, pt2_ex factor, const struct axes *side, const char *panel, int pitch, const char *work)
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

static void say_blocks(struct packed *p, int row_pitch, int col_pitch)
{
    struct render *r = p->r;
    say(r, "for (int x = 0; x < work_cols; x += %d)", BLOCK_COLS);
    say(r, "for (int y = 0; y < work_rows; y += %d) {", BLOCK_ROWS);
    for (int k = 0; k < BLOCK_ROWS; k++)
        say(r, "float16 s%d = vload16(0, sum + (y + %d) * %d + x), u%d = vload16(0, sum + (y + %d) * %d + x + 16);", k, k,
            p->c->tile_cols, k, k, p->c->tile_cols);
    say(r, "for (int k = 0; k < steps; k++) {");
    say(r, "float16 b0 = vload16(0, pb + k * %d + x), b1 = vload16(0, pb + k * %d + x + 16);", col_pitch, col_pitch);
    for (int k = 0; k < BLOCK_ROWS; k++)
        say(r, "{ float16 f = pa[k * %d + y + %d]; s%d = fma(f, b0, s%d); u%d = fma(f, b1, u%d); }", row_pitch, k, k, k, k, k);
    say(r, "}");
    for (int k = 0; k < BLOCK_ROWS; k++) {
        say(r, "vstore16(s%d, 0, sum + (y + %d) * %d + x);", k, k, p->c->tile_cols);
        say(r, "vstore16(u%d, 0, sum + (y + %d) * %d + x + 16);", k, k, p->c->tile_cols);
    }
    say(r, "}");
}

/* What follows the sum; what depends on the row alone is evaluated once per row. */
static void say_results(struct packed *p)
{
    struct render *r = p->r;
    const struct pt2_kernel *k = r->k;
    say(r, "for (int y = 0; y < in_rows; y++) {");
    say_from_table(r, &p->rows, "y");
    say(r, "for (int x = 0; x < in_cols; x++) {");
    say_from_table(r, &p->cols, "x");
    set_levels(r, &p->rows, 0);
    set_levels(r, &p->cols, 0);
    for (int i = 0; i < k->stages[0].num_loops; i++)
        r->axis_level[1 + i] = 1 + i;
    say(r, "float r0 = sum[y * %d + x];", p->c->tile_cols);
    for (int i = 1; i < k->num_stages; i++)
        pt2_render_stage(r, i);
    say(r, "}");
    say(r, "}");
}

static void packed(struct packed *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int row_pitch = c->tile_rows + PAD, col_pitch = c->tile_cols + PAD;
    say(r, "int tile = GROUP_ID();");
    say(r, "if (tile < %s) {", number(r->k->points).text);
    say_place(p);
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
    say_results(p);
    say(r, "}");
}

void pt2_contract_render(struct render *r)
{
    const struct pt2_contract *c = r->k->contract;
    const struct pt2_stage *sum = &r->k->stages[0];
    struct packed p = { r, c, axes_of(c, PT2_AXIS_BATCH), axes_of(c, PT2_AXIS_ROW), axes_of(c, PT2_AXIS_COL),
                        depth_axes(sum), sum->body->args[c->swapped], sum->body->args[!c->swapped] };
    packed(&p);
}
