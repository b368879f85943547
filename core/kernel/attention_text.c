/* SPDX-License-Identifier: MIT
 * The text that all forms of attention share. */
#include "kernel/attention_text.h"

#include <stdio.h>

void pt2_open_loop(struct render *r, const struct loop *l, const char *before)
{
    pt2_say(r, "for (int %c = 0; %c < %s; %c++) {", l->name, l->name, l->count, l->name);
    if (before)
        pt2_say(r, "%s", before);
    if (l->last)
        pt2_say(r, "int q = min(%s + %c, %s - 1);", l->place, l->name, l->last);
    else if (l->axes->n > 1)
        pt2_say(r, "int q = %s + %c;", l->place, l->name);
    else if (l->axes->n)
        pt2_say(r, "int i%d = %s + %c;", l->axes->var[0], l->place, l->name);
    if (l->last || l->axes->n > 1)
        pt2_say_split(r, l->axes, "int i", "");
}

void pt2_say_panel(struct att *p, pt2_ex e, const char *target, int pitch, const struct loop *outer,
                      const struct loop *inner, const char *before)
{
    struct render *r = p->r;
    char to[64];
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, outer->axes, 1);
    pt2_set_levels(r, inner->axes, 2);
    r->reg_level = 2;
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, e);
    pt2_say(r, "{");
    pt2_render_names(r, &b, 0, 2);
    pt2_open_loop(r, outer, NULL);
    pt2_render_names(r, &b, 1, 2);
    pt2_open_loop(r, inner, before);
    pt2_render_names(r, &b, 2, 2);
    snprintf(to, sizeof to, "%s[%c * %d + %c] = ", target, outer->name, pitch, inner->name);
    pt2_say_value(r, to, e);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
    r->reg_level = 0;
}

void pt2_say_rows(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "int rows = %s, keys = %s;", pt2_number(a->size[PT2_AXIS_ROW]).text, pt2_number(a->keys).text);
    pt2_say(r, "int down = (rows + %d) / %d;", a->tile_rows - 1, a->tile_rows);
    pt2_say(r, "int first_row = tile %% down * %d, q = tile / down;", a->tile_rows);
    pt2_say_split(r, &p->batch, "int i", "");
    pt2_say(r, "int in_rows = min(rows - first_row, %d);", a->tile_rows);
}

void pt2_say_row_sums(struct att *p)
{
    struct render *r = p->r;
    pt2_say(r, "float r%d = largest[y];", PT2_ATT_MASKED);
    pt2_render_stage(r, PT2_ATT_SHIFT);
    pt2_say(r, "float scale = pt_exp_f32((r%d == -pt_inf_f32() ? 0.0f : r%d) - r%d);", PT2_ATT_MASKED, PT2_ATT_MASKED,
            PT2_ATT_SHIFT);
    pt2_say(r, "float r%d = total[y] * scale;", PT2_ATT_TOTAL);
}

void pt2_say_result(struct att *p, const char *mixed)
{
    struct render *r = p->r;
    pt2_say(r, "float r%d = %s * scale;", PT2_ATT_MIXED, mixed);
    for (int k = PT2_ATT_RESULT; k < r->k->num_stages; k++)
        pt2_render_stage(r, k);
}

void pt2_say_results(struct att *p, int pitch)
{
    struct render *r = p->r;
    char width[16], mixed[64];
    snprintf(width, sizeof width, "%d", p->a->width);
    const struct loop rows = { &p->rows, 'y', "in_rows", "first_row", NULL };
    const struct loop cols = { &p->cols, 'x', width, "0", NULL };
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &p->rows, 0);
    pt2_set_levels(r, &p->cols, 0);
    pt2_open_loop(r, &rows, NULL);
    pt2_say_row_sums(p);
    pt2_open_loop(r, &cols, NULL);
    snprintf(mixed, sizeof mixed, "mixed[y * %d + x]", pitch);
    pt2_say_result(p, mixed);
    pt2_say(r, "}");
    pt2_say(r, "}");
}

/* ---- groups ---- */

void pt2_say_row_arrays(struct att *p)
{
    struct render *r = p->r;
    int rows = p->a->tile_rows;
    pt2_say(r, "SHARED(float, largest, %d);", rows);
    pt2_say(r, "SHARED(float, total, %d);", rows);
    if (p->last)
        pt2_say(r, "SHARED(int, last_key, %d);", rows);
}

void pt2_say_factor(struct render *r, const char *name, pt2_ex e, const char *fours)
{
    if (!fours) {
        char line[64];
        snprintf(line, sizeof line, "%s = ", name);
        pt2_say_value(r, line, e);
        return;
    }
    pt2_say_begin(r, "%s = pt_fetch4_%s(b%d, (", name, fours, (int)e->i);
    pt2_render_expr(r, e->args[0]);
    pt2_say_end(r, ") >> 2);");
}

void pt2_say_copy(struct att *p, const struct copy *y)
{
    struct render *r = p->r;
    int step = y->fours ? 4 : 1, across = y->size / step;
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, y->outer, 0);
    pt2_set_levels(r, y->inner, 0);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, y->fours ? y->value->args[0] : y->value);
    pt2_say(r, "for (int e = me; e < %d; e += %d) {", y->count * across, pt2_attention_local_size(p->a));
    pt2_say(r, "int x = e / %d, k = e %% %d * %d;", across, across, step);
    pt2_say(r, "int q = min(%s + x, %s - 1);", y->first, y->end);
    pt2_say_split(r, y->outer, "int i", "");
    if (y->from + y->size > y->most)
        pt2_say(r, "q = min(k + %d, %d);", y->from, y->most - step);
    else
        pt2_say(r, "q = k + %d;", y->from);
    pt2_say_split(r, y->inner, "int i", "");
    pt2_render_names(r, &b, 0, 0);
    pt2_say_factor(r, y->fours ? "pt_half4 v" : "float v", y->value, y->fours ? "half" : NULL);
    pt2_say(r, "%s", y->put);
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
}

void pt2_say_masked(struct att *p, const struct masked *m)
{
    struct render *r = p->r;
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &p->rows, 0);
    pt2_set_levels(r, &p->key, 0);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, p->masked);
    pt2_say(r, "%s", m->loop);
    if (m->place) {
        pt2_say(r, "%s", m->place);
        pt2_say(r, "int q = min(first_row + y, rows - 1);");
        pt2_say_split(r, &p->rows, "int i", "");
    }
    pt2_say(r, "%sq = min(first_key + x, keys - 1);", m->place ? "" : "int ");
    pt2_say_split(r, &p->key, "int i", "");
    pt2_say(r, "float r%d = 0.0f;", PT2_ATT_SCORE);
    pt2_say(r, "%s", m->score);
    pt2_render_names(r, &b, 0, 0);
    pt2_say_value(r, "float v = ", p->masked);
    pt2_say(r, "%s", m->put);
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
}

void pt2_say_growth(struct att *p)
{
    pt2_say(p->r, "float under = most == -pt_inf_f32() ? 0.0f : most, grown = pt_exp_f32(before - under);");
}

void pt2_say_group_results(struct att *p, const struct results *y)
{
    struct render *r = p->r;
    bool whole = y->count == p->a->width;
    pt2_say(r, "for (int e = me; e < in_rows * %d; e += %d) {", y->count, pt2_attention_local_size(p->a));
    pt2_say(r, "int y = e / %d, x = %s + e %% %d;", y->count, y->first, y->count);
    if (!whole)
        pt2_say(r, "if (x < %d) {", p->a->width);
    pt2_say(r, "int q = first_row + y;");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_say(r, "q = x;");
    pt2_say_split(r, &p->cols, "int i", "");
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &p->rows, 0);
    pt2_set_levels(r, &p->cols, 0);
    if (y->before)
        pt2_say(r, "%s", y->before);
    pt2_say_row_sums(p);
    pt2_say_result(p, y->mixed);
    if (!whole)
        pt2_say(r, "}");
    pt2_say(r, "}");
}

/* ---- forms ---- */

static struct pt2_axes axes_of(const struct pt2_attention *a, enum pt2_axis_role role)
{
    struct pt2_axes x = { 0 };
    for (int k = 0; k < a->rank; k++)
        if (a->role[k] == role && !pt2_is_int(a->extent[k], 1)) {
            x.var[x.n] = PT2_OUTER_AXIS + k;
            x.extent[x.n++] = a->extent[k];
        }
    return x;
}

static struct pt2_axes depth_axes(const struct pt2_stage *score)
{
    struct pt2_axes x = { 0 };
    for (int k = 0; k < score->num_loops; k++) {
        x.var[x.n] = 1 + k;
        x.extent[x.n++] = score->loops[k];
    }
    return x;
}

void pt2_attention_render(struct render *r)
{
    const struct pt2_attention *a = r->k->attention;
    const struct pt2_stage *s = r->k->stages;
    pt2_ex product = s[PT2_ATT_SCORE].body;
    struct att p = { r, a, s, axes_of(a, PT2_AXIS_BATCH), axes_of(a, PT2_AXIS_ROW), axes_of(a, PT2_AXIS_COL),
                     depth_axes(&s[PT2_ATT_SCORE]), { 1, { PT2_KEY_AXIS }, { a->keys } },
                     product->args[a->swapped], product->args[!a->swapped], s[PT2_ATT_MIXED].body,
                     s[PT2_ATT_MASKED].body, pt2_attention_last_key(&r->m->exprs, s[PT2_ATT_MASKED].body) };
    if (a->form == PT2_CONTRACT_PACKED)
        pt2_attention_packed(&p);
    else if (a->form == PT2_CONTRACT_REGISTERS)
        pt2_attention_registers(&p);
    else if (a->form == PT2_CONTRACT_MATRICES)
        pt2_attention_matrices(&p);
    else
        pt2_attention_shared(&p);
}
