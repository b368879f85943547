/* SPDX-License-Identifier: MIT
 * The text that all forms of tiled contractions share. */
#include "expr/internal.h"
#include "kernel/contract_text.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- lines ---- */

void pt2_say(struct render *r, const char *fmt, ...)
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

void pt2_say_begin(struct render *r, const char *fmt, ...)
{
    char s[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s, sizeof s, fmt, ap);
    va_end(ap);
    for (int k = 0; k < r->indent; k++)
        pt2_str_add(&r->out, "    ");
    pt2_str_add(&r->out, s);
}

void pt2_say_end(struct render *r, const char *s)
{
    pt2_str_add(&r->out, s);
    pt2_str_add(&r->out, "\n");
}

void pt2_say_value(struct render *r, const char *before, pt2_ex e)
{
    pt2_say_begin(r, "%s", before);
    pt2_render_expr(r, e);
    pt2_say_end(r, ";");
}

struct number pt2_number(pt2_ex e)
{
    struct number n;
    snprintf(n.text, sizeof n.text, e->op == PT2_E_PARAM ? "P(%lld)" : "%lld", (long long)e->i);
    return n;
}

/* ---- axes ---- */

static struct pt2_axes axes_of(const struct pt2_contract *c, enum pt2_axis_role role)
{
    struct pt2_axes a = { 0 };
    for (int k = 0; k < c->rank; k++)
        if (c->role[k] == role && !pt2_is_int(c->extent[k], 1)) {
            a.var[a.n] = PT2_OUTER_AXIS + k;
            a.extent[a.n++] = c->extent[k];
        }
    return a;
}

static struct pt2_axes depth_axes(const struct pt2_stage *sum)
{
    struct pt2_axes a = { 0 };
    for (int k = 0; k < sum->num_loops; k++)
        if (!pt2_is_int(sum->loops[k], 1)) {
            a.var[a.n] = 1 + k;
            a.extent[a.n++] = sum->loops[k];
        }
    return a;
}

void pt2_say_split(struct render *r, const struct pt2_axes *a, const char *begin, const char *end)
{
    for (int k = a->n - 1; k > 0; k--) {
        pt2_say(r, "%s%d%s = pt_remainder(q, %s);", begin, a->var[k], end, pt2_number(a->extent[k]).text);
        pt2_say(r, "q = pt_quotient(q, %s);", pt2_number(a->extent[k]).text);
    }
    if (a->n)
        pt2_say(r, "%s%d%s = q;", begin, a->var[0], end);
}

void pt2_say_from_table(struct render *r, const struct pt2_axes *a, const char *place)
{
    for (int k = 0; k < a->n; k++)
        pt2_say(r, "int i%d = x%d[%s];", a->var[k], a->var[k], place);
}

void pt2_say_tables(struct render *r, const struct pt2_axes *a, int size, const char *start, const char *count)
{
    for (int k = 0; k < a->n; k++)
        pt2_say(r, "int x%d[%d];", a->var[k], size);
    pt2_say(r, "for (int x = 0; x < %d; x++) {", size);
    pt2_say(r, "int q = min(%s + x, %s - 1);", start, count);
    pt2_say_split(r, a, "x", "[x]");
    pt2_say(r, "}");
}

void pt2_set_levels(struct render *r, const struct pt2_axes *a, int level)
{
    for (int k = 0; k < a->n; k++)
        r->axis_level[a->var[k]] = level;
}

void pt2_say_tile_place(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    pt2_say(r, "int rows = %s, cols = %s, depth = %s;", pt2_number(c->size[PT2_AXIS_ROW]).text,
        pt2_number(c->size[PT2_AXIS_COL]).text, pt2_number(c->depth).text);
    if (c->form == PT2_CONTRACT_PACKED)
        pt2_say(r, "int tile_rows = %s, tile_cols = %s, tile_depth = %s;", pt2_number(c->tile[0]).text,
                pt2_number(c->tile[1]).text, pt2_number(c->tile[2]).text);
    else
        pt2_say(r, "const int tile_rows = %d, tile_cols = %d;", c->tile_rows, c->tile_cols);
    pt2_say(r, "int across = (cols + tile_cols - 1) / tile_cols, down = (rows + tile_rows - 1) / tile_rows;");
    pt2_say(r, "int q = pt_quotient(tile, across);");
    pt2_say(r, "int first_col = pt_remainder(tile, across) * tile_cols;");
    pt2_say(r, "int first_row = pt_remainder(q, down) * tile_rows;");
    pt2_say(r, "q = pt_quotient(q, down);");
    pt2_say_split(r, &p->batch, "int i", "");
    pt2_say(r, "int in_rows = min(rows - first_row, tile_rows), in_cols = min(cols - first_col, tile_cols);");
}

void pt2_say_stages(struct tile *p, const char *sum)
{
    struct render *r = p->r;
    const struct pt2_kernel *k = r->k;
    pt2_set_levels(r, &p->rows, 0);
    pt2_set_levels(r, &p->cols, 0);
    for (int i = 0; i < k->stages[0].num_loops; i++)
        r->axis_level[1 + i] = 1 + i;
    pt2_say(r, "float r0 = %s;", sum);
    for (int i = 1; i < k->num_stages; i++)
        pt2_render_stage(r, i);
}

void pt2_say_tile_stages(struct tile *p, const char *pitch)
{
    char sum[64];
    snprintf(sum, sizeof sum, "sum[y * %s + x]", pitch);
    pt2_say_stages(p, sum);
}

/* ---- forms ---- */

void pt2_contract_render(struct render *r)
{
    const struct pt2_contract *c = r->k->contract;
    const struct pt2_stage *sum = &r->k->stages[0];
    struct tile p = { r, c, axes_of(c, PT2_AXIS_BATCH), axes_of(c, PT2_AXIS_ROW), axes_of(c, PT2_AXIS_COL),
                      depth_axes(sum), sum->body->args[c->swapped], sum->body->args[!c->swapped] };
    if (c->form == PT2_CONTRACT_PACKED)
        pt2_contract_packed(&p);
    else if (c->form == PT2_CONTRACT_REGISTERS)
        pt2_contract_registers(&p);
    else
        pt2_contract_shared(&p);
}
