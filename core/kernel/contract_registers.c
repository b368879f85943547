/* SPDX-License-Identifier: MIT
 * Contractions for processors that run shaders: an invocation keeps a small tile of sums in variables and reads the
 * factors where they are; everything that is the same along the depth, addresses above all, is computed once. */
#include "expr/internal.h"
#include "kernel/contract_text.h"

#include <stdio.h>

static void say_places(struct tile *p, const struct axes *side, int first_var, int n, const char *start,
                       const char *count)
{
    struct render *r = p->r;
    for (int k = 0; k < n; k++) {
        struct axes here = *side;
        for (int j = 0; j < side->n; j++) {
            here.var[j] = first_var + k * side->n + j;
            pt2_say(r, "int i%d;", here.var[j]);
        }
        pt2_say(r, "{");
        pt2_say(r, "int q = min(%s + %d, %s - 1);", start, k, count);
        pt2_say_split(r, &here, "i", "");
        pt2_say(r, "}");
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
        pt2_say(r, "for (int i%d = 0; i%d < %s; i%d++) {", v, v, pt2_number(p->depth.extent[k]).text, v);
        pt2_render_names(r, &all, k + 1, p->depth.n);
    }
    for (int k = 0; k < c->tile_rows; k++) {
        snprintf(name, sizeof name, "float a%d = ", k);
        pt2_say_value(r, name, a[k]);
    }
    for (int k = 0; k < c->tile_cols; k++) {
        snprintf(name, sizeof name, "float b%d_ = ", k);
        pt2_say_value(r, name, b[k]);
    }
    for (int y = 0; y < c->tile_rows; y++)
        for (int x = 0; x < c->tile_cols; x++)
            pt2_say(r, "s%d_%d = pt_fma_f32(a%d, b%d_, s%d_%d);", y, x, y, x, y, x);
    for (int k = 0; k < p->depth.n; k++)
        pt2_say(r, "}");
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
            pt2_say(r, "float s%d_%d = 0.0f;", y, x);
    for (int k = 0; k < p->depth.n; k++)
        r->axis_level[p->depth.var[k]] = 1 + k;
    say_products(p);
    for (int y = 0; y < c->tile_rows; y++)
        for (int x = 0; x < c->tile_cols; x++)
            pt2_say(r, "sum[%d] = s%d_%d;", y * c->tile_cols + x, y, x);
}

void pt2_contract_registers(struct tile *p)
{
    struct render *r = p->r;
    pt2_say(r, "int tile = GLOBAL_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_tile_place(p);
    pt2_say(r, "float sum[%d];", p->c->tile_rows * p->c->tile_cols);
    pt2_say(r, "{");
    say_sums(p);
    pt2_say(r, "}");
    pt2_say(r, "for (int y = 0; y < in_rows; y++) {");
    pt2_say(r, "int q = first_row + y;");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_say(r, "for (int x = 0; x < in_cols; x++) {");
    pt2_say(r, "int q = first_col + x;");
    pt2_say_split(r, &p->cols, "int i", "");
    pt2_say_tile_stages(p, p->c->tile_cols);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_say(r, "}");
}
