/* SPDX-License-Identifier: MIT
 * What is special in kernels whose products are cooperative matrices (contract_shared.c has the rest): each of the
 * group's subgroups, which lie two by two in the tile, has the sums of a quarter of it as matrices. These can only be
 * loaded and stored as a whole: to be finished, they go through shared memory, a row of matrices at a time. */
#include "expr/internal.h"
#include "kernel/contract_text.h"

#include <stdio.h>

static int down(const struct pt2_contract *c) { return c->tile_rows / (PT2_MATRIX_SIDE * c->matrix.m); }
static int across(const struct pt2_contract *c) { return c->tile_cols / (PT2_MATRIX_SIDE * c->matrix.n); }

void pt2_matrices_sums(struct tile *p)
{
    const struct pt2_contract *c = p->c;
    int rows = c->tile_rows / PT2_MATRIX_SIDE, cols = c->tile_cols / PT2_MATRIX_SIDE;
    pt2_say(p->r, "int sub = SUBGROUP_ID(), my_row = sub / %d * %d, my_col = sub %% %d * %d;", PT2_MATRIX_SIDE, rows,
            PT2_MATRIX_SIDE, cols);
    for (int y = 0; y < down(c); y++)
        for (int x = 0; x < across(c); x++)
            pt2_say(p->r, "pt_matrix_sum s%d_%d = pt_zero_matrix();", y, x);
}

/* Matrices of some steps of the panel. Those of rows lie as they are multiplied when the panel goes along the depth,
 * those of columns when it does not. */
static void say_loads(struct tile *p, int count, int side)
{
    const struct pt2_contract *c = p->c;
    struct pt2_panel_layout lies = pt2_panel_layout(c, side);
    bool deep = c->deep[side];
    const char *name = side ? "b" : "a", *from = side ? "my_col" : "my_row";
    int matrix = side ? c->matrix.n : c->matrix.m;
    for (int y = 0; y < count; y++) {
        pt2_say(p->r, "pt_matrix_%s %s%d_;", name, name, y);
        pt2_say(p->r, "pt_load_matrix(%s%d_, p%s, (k * %d + (%s + %d) * %d) / %d, %d, %s);", name, y, name, lies.step,
                from, y * matrix, lies.place, lies.width, (deep ? lies.place : lies.step) / lies.width,
                deep == (side == 1) ? "true" : "false");
    }
}

void pt2_matrices_products(struct tile *p)
{
    const struct pt2_contract *c = p->c;
    pt2_say(p->r, "for (int k = 0; k < %d; k += %d) {", c->tile_depth, c->matrix.k);
    say_loads(p, down(c), 0);
    say_loads(p, across(c), 1);
    for (int y = 0; y < down(c); y++)
        for (int x = 0; x < across(c); x++)
            pt2_say(p->r, "s%d_%d = pt_fma_matrix(a%d_, b%d_, s%d_%d);", y, x, y, x, y, x);
    pt2_say(p->r, "}");
}

/* The strip holds, of each pair of subgroups that lie side by side, the rows of one matrix across the tile. */
static void say_strip(struct tile *p, int y)
{
    const struct pt2_contract *c = p->c;
    pt2_say(p->r, "if (y == %d) {", y);
    for (int x = 0; x < across(c); x++)
        pt2_say(p->r, "pt_store_matrix(s%d_%d, strip, sub / %d * %d + my_col + %d, %d);", y, x, PT2_MATRIX_SIDE,
                c->matrix.m * c->tile_cols, x * c->matrix.n, c->tile_cols);
    pt2_say(p->r, "}");
}

void pt2_matrices_results(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    int m = c->matrix.m;
    pt2_say(r, "for (int y = 0; y < %d; y++) {", down(c));
    for (int y = 0; y < down(c); y++)
        say_strip(p, y);
    pt2_say(r, "BARRIER();");
    pt2_say(r, "for (int e = me; e < %d; e += %d) {", pt2_contract_strip(c), c->invocations);
    pt2_say(r, "int row = e / %d / %d * %d + e / %d %% %d + y * %d, col = e %% %d;", c->tile_cols, m,
            c->tile_rows / PT2_MATRIX_SIDE, c->tile_cols, m, m, c->tile_cols);
    pt2_say(r, "if (row < in_rows && col < in_cols) {");
    pt2_say(r, "int q = first_row + row;");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_say(r, "q = first_col + col;");
    pt2_say_split(r, &p->cols, "int i", "");
    pt2_say_stages(p, "strip[e]");
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_say(r, "BARRIER();");
    pt2_say(r, "}");
}
