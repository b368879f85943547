/* SPDX-License-Identifier: MIT
 * The text that evaluates the factors of a PACKED kernel into panels, for a stretch of the depth: along the side, run
 * by run, or along the depth. */
#include "expr/internal.h"
#include "kernel/contract_packing.h"
#include "kernel/contract_text.h"

#include <stdio.h>

static bool in_place(const struct tile *p, int side)
{
    const struct pt2_panel *f = &p->c->panel[side];
    return f->base && p->r->k->bufs[f->value->i].dtype == PT2_F32;
}

/* Rows are broadcast one number at a time, which the driver does from any address. */
bool pt2_rows_in_place(const struct tile *p) { return p->c->panel[0].deep && in_place(p, 0); }

/* Few rows read a column too seldom for a copy to pay; whole vectors only. */
bool pt2_cols_in_place(const struct tile *p)
{
    return p->c->direct_cols && in_place(p, 1);
}

/* ---- runs ---- */

static void say_element(struct tile *p, const struct pt2_panel *f, pt2_ex value, const struct body *b, const char *at)
{
    struct render *r = p->r;
    char to[32];
    snprintf(to, sizeof to, "to[at + %s] = ", at);
    if (f->side.n)
        pt2_say(r, "int i%d = last + %s;", f->side.var[f->side.n - 1], at);
    pt2_render_names(r, b, 3, 3);
    pt2_say_value(r, to, value);
    pt2_say(r, "}");
}

void pt2_say_whole_vectors(struct tile *p, const char *from, const char *to)
{
    struct render *r = p->r;
    int lanes = p->c->lanes;
    pt2_say(r, "for (int j = %s, some; j < %s; j += some) {", from, to);
    pt2_say(r, "some = (%s - j) / %d * %d;", to, lanes, lanes);
    pt2_say(r, "if (some == 0) {");
    pt2_say(r, "some = min(%s - %s, %d);", to, from, lanes);
    pt2_say(r, "j = %s - some;", to);
    pt2_say(r, "}");
    pt2_say(r, "LANES_OF(%d) for (int l = 0; l < some; l++) {", lanes);
}

/* Elements lo to hi of a run. */
static void say_vectors(struct tile *p, const struct pt2_panel *f, pt2_ex value, const struct body *b)
{
    pt2_say_whole_vectors(p, "lo", "hi");
    say_element(p, f, value, b, "j + l");
    pt2_say(p->r, "}");
}

/* The same where it is a plain copy. */
static void say_copy(struct tile *p, const struct pt2_panel *f, pt2_ex value, const struct body *b)
{
    struct render *r = p->r;
    pt2_say(r, "if (lo < hi) {");
    pt2_say(r, "int i%d = last + lo;", f->side.var[f->side.n - 1]);
    pt2_render_names(r, b, 3, 3);
    pt2_say_begin(r, "pt_copy_%d(to + at + lo, b%lld + ", f->step, (long long)value->i);
    pt2_render_expr(r, value->args[0]);
    pt2_say_end(r, ", hi - lo);");
    pt2_say(r, "}");
}

static void say_between(struct tile *p, const struct pt2_panel *f, pt2_ex value, const struct body *b)
{
    bool plain = (f->step == 1 || f->step == 2) && p->r->k->bufs[value->i].dtype == PT2_F32;
    if (plain)
        say_copy(p, f, value, b);
    else
        say_vectors(p, f, value, b);
}

/* What lies between the bounds, then the rest, where that is not there yet. */
static void say_run(struct tile *p, const struct pt2_panel *f, const struct body *all)
{
    struct render *r = p->r;
    if (!f->bounds.inner && p->c->windows.n) {
        pt2_say(r, "int lo = 0, hi = len;");
        say_between(p, f, f->value, all);
        return;
    }
    if (!f->bounds.inner) {
        pt2_say(r, "for (int j = 0; j < len; j++) {");
        say_element(p, f, f->value, all, "j");
        return;
    }
    pt2_bounds_say(r, &f->bounds);
    struct body inner = pt2_render_count(r, (struct body){ r->order + all->n, 0 }, f->bounds.inner);
    pt2_render_names(r, &inner, 0, 3);
    pt2_render_names(r, &inner, 1, 3);
    pt2_render_names(r, &inner, 2, 3);
    say_between(p, f, f->bounds.inner, &inner);
    pt2_render_forget(r, &inner);
    if (f->bounds.outside)
        return;
    pt2_say(r, "SHORT_LOOP for (int j = lo > 0 ? 0 : hi; j < len; j = j + 1 == lo ? hi : j + 1) {");
    say_element(p, f, f->value, all, "j");
}

static void set_levels(struct tile *p, const struct pt2_panel *f)
{
    struct pt2_axes last = f->side;
    pt2_set_levels(p->r, &p->batch, 0);
    pt2_set_levels(p->r, &f->depth, 1);
    pt2_set_levels(p->r, &f->side, 2);
    if (last.n) {
        last.var[0] = last.var[last.n - 1];
        last.n = 1;
        pt2_set_levels(p->r, &last, 3);
    }
}

/* ---- along the side ---- */

/* The indices at place `first` of the side. */
static void say_first_run(struct render *r, const struct pt2_axes *side)
{
    struct pt2_axes outer = *side;
    pt2_say(r, "q = first;");
    if (side->n < 2) {
        pt2_say(r, "int last = q;");
        return;
    }
    outer.n--;
    pt2_say(r, "int last = pt_remainder(q, %s);", pt2_number(side->extent[outer.n]).text);
    pt2_say(r, "q = pt_quotient(q, %s);", pt2_number(side->extent[outer.n]).text);
    pt2_say_split(r, &outer, "int i", "");
}

/* Runs follow each other: no division. */
static void say_next_run(struct render *r, const struct pt2_axes *side)
{
    pt2_say(r, "at += len;");
    pt2_say(r, side->n < 2 ? "last += len;" : "last = 0;");
    for (int k = side->n - 2; k >= 0; k--) {
        pt2_say(r, "i%d++;", side->var[k]);
        if (k == 0)
            break;
        pt2_say(r, "if (i%d == %s) {", side->var[k], pt2_number(side->extent[k]).text);
        pt2_say(r, "i%d = 0;", side->var[k]);
    }
    for (int k = side->n - 2; k > 0; k--)
        pt2_say(r, "}");
}

/* What is in the panel wherever runs do not say otherwise. */
static void say_fill(struct render *r, const struct pt2_panel *f)
{
    pt2_say(r, "for (int at = %s; at < fill; at++) {", f->bounds.outside ? "0" : "n");
    if (f->bounds.outside)
        pt2_say_value(r, "to[at] = ", f->bounds.outside);
    else
        pt2_say(r, "to[at] = 0.0f;");
    pt2_say(r, "}");
}

static void say_runs(struct tile *p, const struct pt2_panel *f, const struct body *b)
{
    struct render *r = p->r;
    char extent[64] = "";
    if (f->side.n > 1)
        snprintf(extent, sizeof extent, "min(n - at, %s - last)", pt2_number(f->side.extent[f->side.n - 1]).text);
    say_first_run(r, &f->side);
    pt2_say(r, "for (int at = 0; at < n;) {");
    pt2_say(r, "int len = %s;", f->side.n > 1 ? extent : "n - at");
    pt2_render_names(r, b, 2, 3);
    say_run(p, f, b);
    say_next_run(r, &f->side);
    pt2_say(r, "}");
}

/* Evaluates a factor along its side: to[k * pitch + x] for `n` places from `first`, and something finite up to `fill`,
 * at `evaluate` steps of the depth from `from_step`. */
static void say_panel_along(struct tile *p, const struct pt2_panel *f, const char *panel, const char *pitch,
                            const char *places)
{
    struct render *r = p->r;
    set_levels(p, f);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, f->value);
    b = pt2_bounds_count(r, b, &f->bounds);
    pt2_say(r, "{");
    pt2_say(r, "%s;", places);
    pt2_render_names(r, &b, 0, 3);
    pt2_say(r, "for (int k = 0; k < evaluate; k++) {");
    pt2_say(r, "float *to = %s + k * %s;", panel, pitch);
    pt2_say(r, "int q = from_step + k;");
    pt2_say_split(r, &f->depth, "int i", "");
    pt2_render_names(r, &b, 1, 3);
    if (f->bounds.outside)
        say_fill(r, f);
    say_runs(p, f, &b);
    if (!f->bounds.outside)
        say_fill(r, f);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
}

/* ---- along the depth ---- */

/* One row or column along the depth: to[k]. */
static void say_deep(struct tile *p, const struct pt2_panel *f, const struct body *b)
{
    struct render *r = p->r;
    pt2_say_split(r, &f->side, "int i", "");
    pt2_render_names(r, b, 1, 2);
    pt2_say(r, "for (int k = 0; k < steps; k++) {");
    pt2_say(r, "int i%d = start + k;", f->depth.var[0]);
    pt2_render_names(r, b, 2, 2);
    pt2_say_value(r, "to[k] = ", f->value);
    pt2_say(r, "}");
}

static struct body open_deep(struct tile *p, const struct pt2_panel *f)
{
    struct render *r = p->r;
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &f->side, 1);
    pt2_set_levels(r, &f->depth, 2);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, f->value);
    pt2_say(r, "{");
    pt2_render_names(r, &b, 0, 2);
    return b;
}

/* Rows that are contiguous along the depth stay so. */
static void say_deep_rows(struct tile *p)
{
    struct render *r = p->r;
    struct body b = open_deep(p, &p->c->panel[0]);
    pt2_say(r, "for (int y = 0; y < work_rows; y++) {");
    pt2_say(r, "float *to = pa + y * depth_pitch;");
    pt2_say(r, "int q = min(first_row + y, rows - 1);");
    say_deep(p, &p->c->panel[0], &b);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
}

/* Columns are, so many as a vector has lanes at a time, and are then transposed. */
static void say_deep_cols(struct tile *p)
{
    struct render *r = p->r;
    struct body b = open_deep(p, &p->c->panel[1]);
    int lanes = p->c->lanes;
    pt2_say(r, "float some[%d];", lanes * (PT2_MAX_TAPS + PT2_PANEL_PAD));
    pt2_say(r, "for (int x = 0; x < work_cols; x += %d) {", lanes);
    pt2_say(r, "for (int j = 0; j < %d; j++) {", lanes);
    pt2_say(r, "float *to = some + j * depth_pitch;");
    pt2_say(r, "int q = min(first_col + x + j, cols - 1);");
    say_deep(p, &p->c->panel[1], &b);
    pt2_say(r, "}");
    pt2_say(r, "for (int k = 0; k < steps; k += %d)", lanes);
    pt2_say(r, "    pt_transpose%d(some + k, depth_pitch, pb + k * col_pitch + x, col_pitch);", lanes);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
}

/* ---- which ---- */

void pt2_say_row_panel(struct tile *p)
{
    if (pt2_rows_in_place(p))
        return;
    if (p->c->panel[0].deep)
        say_deep_rows(p);
    else
        say_panel_along(p, &p->c->panel[0], "pa", "row_pitch",
                        "int first = first_row, n = in_rows, fill = work_rows, from_step = start, evaluate = steps");
}

/* As far as blocks read. */
static void say_positions(struct tile *p)
{
    char places[256];
    snprintf(places, sizeof places,
             "int first = first_col, fill = span - tile_cols + %s, n = min(fill, all_positions - first_col), "
             "from_step = start / taps * phases, evaluate = steps / taps * phases",
             p->c->lines ? "in_cols" : "work_cols");
    say_panel_along(p, &p->c->panel[1], "pb", "span", places);
}

void pt2_say_col_panel(struct tile *p)
{
    if (pt2_cols_in_place(p))
        return;
    if (p->c->windows.n)
        say_positions(p);
    else if (p->c->panel[1].deep)
        say_deep_cols(p);
    else
        say_panel_along(p, &p->c->panel[1], "pb", "col_pitch",
                        "int first = first_col, n = in_cols, fill = work_cols, from_step = start, evaluate = steps");
}
