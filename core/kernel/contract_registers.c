/* SPDX-License-Identifier: MIT
 * Contractions for processors that run shaders: an invocation keeps a small tile of sums in variables and reads the
 * factors where they are, by vectors where they allow it; everything that is the same along the depth, addresses above
 * all, is computed once. Sums of neighbouring columns that are read by vectors are vectors, too. */
#include "expr/internal.h"
#include "kernel/contract_text.h"
#include "kernel/rows.h"

#include <stdio.h>

/* ---- the factor of rows (0) or columns (1) ---- */

struct factor {
    struct tile *p;
    int side, places, steps; /* places: of a step */
    enum pt2_along along;
    char letter;
};

static struct factor factor_of(struct tile *p, int side)
{
    const struct pt2_contract *c = p->c;
    int steps = c->along[side] == PT2_ALONG_DEPTH ? 1 : c->unroll;
    return (struct factor){ p, side, c->num_places[side] / steps, steps, c->along[side], side ? 'b' : 'a' };
}

static void say_places(const struct factor *f)
{
    struct render *r = f->p->r;
    const struct pt2_contract *c = f->p->c;
    const struct pt2_axes *side = f->side ? &f->p->cols : &f->p->rows;
    const char *start = f->side ? "first_col" : "first_row", *count = f->side ? "cols" : "rows";
    for (int k = 0; k < f->places; k++) {
        struct pt2_axes here = *side;
        for (int j = 0; j < side->n; j++) {
            here.var[j] = c->first_var[f->side] + k * side->n + j;
            pt2_say(r, "int i%d;", here.var[j]);
        }
        pt2_say(r, "{");
        if (f->along == PT2_ALONG_SIDE) {
            here.n -= c->near[f->side] - 1;
            here.extent[here.n - 1] = c->quarter[f->side];
            pt2_say(r, "int q = min(%s / 4 + %d, (%s + 3) / 4 - 1);", start, k, count);
        } else {
            pt2_say(r, "int q = min(%s + %d, %s - 1);", start, k, count);
        }
        pt2_say_split(r, &here, "i", "");
        pt2_say(r, "}");
    }
}

/* Reads place k, of all steps. */
static void say_load(const struct factor *f, int k)
{
    const struct pt2_contract *c = f->p->c;
    struct render *r = f->p->r;
    int buf = c->fetched_buf[f->side];
    char before[64];
    for (int step = 0; step < f->steps; step++) {
        pt2_ex e = c->places[f->side][step * f->places + k];
        if (f->along == PT2_ALONG_NONE) {
            snprintf(before, sizeof before, "float %c%d_%d = ", f->letter, k, step);
            pt2_say_value(r, before, e);
        } else {
            const char *type = pt2_storage_name(r->k->bufs[buf].dtype);
            pt2_say_begin(r, "pt_f32x4 %c%d_%d = pt_fetch4_%s(b%d, ", f->letter, k, step, type, buf);
            pt2_render_expr(r, e);
            pt2_say_end(r, ");");
        }
    }
}

struct operand { char text[24]; };

/* A row's (column's) element at a step. */
static struct operand element(const struct factor *f, int at, int step)
{
    struct operand o;
    if (f->along == PT2_ALONG_NONE)
        snprintf(o.text, sizeof o.text, "%c%d_%d", f->letter, at, step);
    else if (f->along == PT2_ALONG_DEPTH)
        snprintf(o.text, sizeof o.text, "%c%d_0.%c", f->letter, at, "xyzw"[step]);
    else
        snprintf(o.text, sizeof o.text, "%c%d_%d.%c", f->letter, at / 4, step, "xyzw"[at % 4]);
    return o;
}

/* ---- sums ---- */

/* Adds the products of all steps of one place of columns to the sums of all rows. */
static void say_products(const struct factor *a, const struct factor *b, int place)
{
    struct render *r = a->p->r;
    bool vector = b->along == PT2_ALONG_SIDE;
    for (int y = 0; y < a->p->c->tile_rows; y++)
        for (int step = 0; step < a->p->c->unroll; step++) {
            if (vector)
                pt2_say(r, "s%d_%d = pt_fma_f32x4(%s, b%d_%d, s%d_%d);", y, place, element(a, y, step).text, place,
                        step, y, place);
            else
                pt2_say(r, "s%d_%d = pt_fma_f32(%s, %s, s%d_%d);", y, place, element(a, y, step).text,
                        element(b, place, step).text, y, place);
        }
}

/* Loops over the depth, with what does not change in a loop kept in front of it. */
static void say_depth(struct tile *p, const struct factor *a, const struct factor *b)
{
    struct render *r = p->r;
    const struct pt2_contract *c = p->c;
    struct body all = { r->order, 0 };
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < c->num_places[side]; k++)
            all = pt2_render_count(r, all, c->places[side][k]);
    pt2_render_names(r, &all, 0, p->depth.n);
    for (int k = 0; k < p->depth.n; k++) {
        int v = p->depth.var[k];
        bool counts_steps = k == p->depth.n - 1 && c->steps;
        pt2_ex turns = counts_steps ? c->steps : p->depth.extent[k];
        pt2_say(r, "for (int i%d = 0; i%d < %s; i%d++) {", v, v, pt2_number(turns).text, v);
        pt2_render_names(r, &all, k + 1, p->depth.n);
    }
    for (int k = 0; k < a->places; k++)
        say_load(a, k);
    for (int k = 0; k < b->places; k++) {
        say_load(b, k);
        say_products(a, b, k);
    }
    for (int k = 0; k < p->depth.n; k++)
        pt2_say(r, "}");
    pt2_render_forget(r, &all);
}

static struct factor say_sums(struct tile *p)
{
    struct render *r = p->r;
    struct factor a = factor_of(p, 0), b = factor_of(p, 1);
    bool vector = b.along == PT2_ALONG_SIDE;
    say_places(&a);
    say_places(&b);
    for (int y = 0; y < p->c->tile_rows; y++)
        for (int x = 0; x < b.places; x++)
            pt2_say(r, vector ? "pt_f32x4 s%d_%d = pt_splat_f32x4(0.0f);" : "float s%d_%d = 0.0f;", y, x);
    for (int k = 0; k < p->depth.n; k++)
        r->axis_level[p->depth.var[k]] = 1 + k;
    say_depth(p, &a, &b);
    return b;
}

/* ---- what follows the sums ---- */

/* The sums of a row, then of the next: a loop over rows would need an array, which drivers access lane by lane. So the
 * row at hand is always the first, and its places move up in the same way. */
static void say_next(struct render *r, const char *name, int places, const char *next)
{
    for (int x = 0; x < places; x++)
        pt2_say(r, "%s%d = %s%d;", name, x, next, x);
}

static void say_next_row(const struct tile *p, int places)
{
    char row[16], next[16];
    for (int y = 0; y + 1 < p->c->tile_rows; y++) {
        snprintf(row, sizeof row, "s%d_", y);
        snprintf(next, sizeof next, "s%d_", y + 1);
        say_next(p->r, row, places, next);
    }
}

static void say_next_place(struct render *r, int places)
{
    for (int x = 0; x + 1 < places; x++)
        pt2_say(r, "v%d = v%d;", x, x + 1);
}

/* Each column by itself. */
static void say_columns(struct tile *p, const struct factor *b)
{
    struct render *r = p->r;
    bool vector = b->along == PT2_ALONG_SIDE;
    pt2_say(r, "for (int x = 0; x < in_cols; x++) {");
    pt2_say(r, "int q = first_col + x;");
    pt2_say_split(r, &p->cols, "int i", "");
    pt2_say_stages(p, vector ? "pt_component(v0, x)" : "v0");
    if (vector)
        pt2_say(r, "if ((x & 3) == 3) {");
    say_next_place(r, b->places);
    if (vector)
        pt2_say(r, "}");
    pt2_say(r, "}");
}

/* Four columns at a time. */
static void say_fours(struct tile *p, const struct factor *b, const struct body *all)
{
    struct render *r = p->r;
    const struct pt2_kernel *k = r->k;
    pt2_say(r, "for (int x = 0; x < in_cols / 4; x++) {");
    pt2_say(r, "int i%d = first_col / 4 + x;", p->cols.var[p->cols.n - 1]);
    for (int i = 0; i < PT2_PLACES; i++)
        pt2_say(r, "float r%d = v0.%c;", k->num_stages + i, "xyzw"[i]);
    pt2_render_names(r, all, 2, 2);
    for (int i = 1; i < k->num_stages; i++)
        if (k->stages[i].kind == PT2_STAGE_STORE) {
            pt2_say(r, "{");
            pt2_rows_say_stored(r, i);
            pt2_say(r, "}");
        }
    say_next_place(r, b->places);
    pt2_say(r, "}");
}

/* Expressions of the stages, of which those of a row are known before its columns are. */
static struct body count_fours(struct tile *p)
{
    struct render *r = p->r;
    const struct pt2_kernel *k = r->k;
    struct body all = { r->order, 0 };
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &p->rows, 1);
    pt2_set_levels(r, &p->cols, 2);
    r->reg_level = 2;
    for (int i = 1; i < k->num_stages; i++)
        if (k->stages[i].kind == PT2_STAGE_STORE)
            all = pt2_rows_count_stored(r, all, i);
    return all;
}

static void say_rows(struct tile *p, const struct factor *b)
{
    struct render *r = p->r;
    bool fours = r->k->rows != NULL;
    struct body all = { 0 };
    if (fours) {
        all = count_fours(p);
        pt2_render_names(r, &all, 0, 2);
    }
    pt2_say(r, "for (int y = 0; y < in_rows; y++) {");
    pt2_say(r, "int q = first_row + y;");
    pt2_say_split(r, &p->rows, "int i", "");
    for (int x = 0; x < b->places; x++)
        pt2_say(r, "%s v%d = s0_%d;", b->along == PT2_ALONG_SIDE ? "pt_f32x4" : "float", x, x);
    if (fours) {
        pt2_render_names(r, &all, 1, 2);
        say_fours(p, b, &all);
        pt2_render_forget(r, &all);
    } else {
        say_columns(p, b);
    }
    say_next_row(p, b->places);
    pt2_say(r, "}");
}

void pt2_contract_registers(struct tile *p)
{
    struct render *r = p->r;
    pt2_say(r, "int tile = GLOBAL_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_tile_place(p);
    struct factor b = say_sums(p);
    say_rows(p, &b);
    pt2_say(r, "}");
}
