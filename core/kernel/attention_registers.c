/* SPDX-License-Identifier: MIT
 * Attention for processors that run shaders: an invocation keeps a tile of some rows and keys in variables and reads
 * q, k and v where they are; addresses are computed in front of the loops. What does not fit in variables, `mixed`,
 * is touched once for each block of keys. */
#include "kernel/attention_text.h"

#include <stdio.h>

enum { Q, K, V };

static void say_places(struct render *r, const struct pt2_axes *side, int first_var, int n, const char *start,
                       const char *count)
{
    for (int k = 0; k < n; k++) {
        struct pt2_axes here = *side;
        for (int j = 0; j < side->n; j++) {
            here.var[j] = first_var + k * side->n + j;
            pt2_say(r, "int i%d;", here.var[j]);
        }
        pt2_say(r, "{");
        if (count)
            pt2_say(r, "int q = min(%s + %d, %s - 1);", start, k, count);
        else
            pt2_say(r, "int q = %s + %d;", start, k);
        pt2_say_split(r, &here, "i", "");
        pt2_say(r, "}");
    }
}

static void set_place_levels(struct att *p, int which, const struct pt2_axes *side, int level)
{
    for (int k = 0; k < p->a->num_places[which] * side->n; k++)
        p->r->axis_level[p->a->first_var[which] + k] = level;
}

/* "<name>0", "<name>1", ... are the places of a factor. */
static void say_operands(struct att *p, int which, const char *name)
{
    char to[32];
    for (int k = 0; k < p->a->num_places[which]; k++) {
        snprintf(to, sizeof to, "float %s%d = ", name, k);
        pt2_say_value(p->r, to, p->a->places[which][k]);
    }
}

static struct body count_places(struct att *p, struct body b, int which)
{
    for (int k = 0; k < p->a->num_places[which]; k++)
        b = pt2_render_count(p->r, b, p->a->places[which][k]);
    return b;
}

static void say_scores(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_set_levels(r, &p->batch, 0);
    set_place_levels(p, Q, &p->rows, 0);
    set_place_levels(p, K, &p->key, 0);
    for (int k = 0; k < p->depth.n; k++)
        r->axis_level[p->depth.var[k]] = 1 + k;
    struct body all = count_places(p, count_places(p, (struct body){ r->order, 0 }, Q), K);
    pt2_say(r, "{");
    for (int y = 0; y < a->tile_rows; y++)
        for (int x = 0; x < a->tile_keys; x++)
            pt2_say(r, "float s%d_%d = 0.0f;", y, x);
    pt2_render_names(r, &all, 0, p->depth.n);
    for (int k = 0; k < p->depth.n; k++) {
        int v = p->depth.var[k];
        pt2_say(r, "for (int i%d = 0; i%d < %s; i%d++) {", v, v, pt2_number(p->depth.extent[k]).text, v);
        pt2_render_names(r, &all, k + 1, p->depth.n);
    }
    say_operands(p, Q, "q");
    say_operands(p, K, "k");
    for (int y = 0; y < a->tile_rows; y++)
        for (int x = 0; x < a->tile_keys; x++)
            pt2_say(r, "s%d_%d = pt_fma_f32(q%d, k%d, s%d_%d);", y, x, y, x, y, x);
    for (int k = 0; k < p->depth.n; k++)
        pt2_say(r, "}");
    for (int y = 0; y < a->tile_rows; y++)
        for (int x = 0; x < a->tile_keys; x++)
            pt2_say(r, "s[%d] = s%d_%d;", y * a->tile_keys + x, y, x);
    pt2_say(r, "}");
    pt2_render_forget(r, &all);
}

/* What the graph does to the scores, their exponentials, and the sums of those: loops over the tile in an array, for
 * the sake of a short text. */
static void say_softmax(struct att *p)
{
    struct render *r = p->r;
    const struct loop rows = { &p->rows, 'y', "in_rows", "first_row", NULL };
    const struct loop keys = { &p->key, 'x', "in_keys", "first_key", NULL };
    char line[64];
    snprintf(line, sizeof line, "float r%d = s[y * %d + x];", PT2_ATT_SCORE, p->a->tile_keys);
    pt2_say_panel(p, p->masked, "s", p->a->tile_keys, &rows, &keys, line);
    pt2_say(r, "for (int y = 0; y < in_rows; y++) {");
    pt2_say(r, "float before = largest[y], most = before, sum = 0.0f;");
    pt2_say(r, "for (int x = 0; x < in_keys; x++) {");
    pt2_say(r, "most = pt_max_f32(most, s[y * %d + x]);", p->a->tile_keys);
    pt2_say(r, "}");
    pt2_say(r, "float under = most == -pt_inf_f32() ? 0.0f : most;");
    pt2_say(r, "for (int x = 0; x < %d; x++) {", p->a->tile_keys);
    pt2_say(r, "float e = x < in_keys ? pt_exp_f32(s[y * %d + x] - under) : 0.0f;", p->a->tile_keys);
    pt2_say(r, "s[y * %d + x] = e;", p->a->tile_keys);
    pt2_say(r, "sum = sum + e;");
    pt2_say(r, "}");
    pt2_say(r, "ratio[y] = pt_exp_f32(before - under);");
    pt2_say(r, "total[y] = pt_fma_f32(total[y], ratio[y], sum);");
    pt2_say(r, "largest[y] = most;");
    pt2_say(r, "}");
}

/* mixed = mixed * ratio + exponentials * v, some columns at a time. Behind the last key the exponential is 0, and the
 * last v is read again. */
static void say_mixed(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_set_levels(r, &p->batch, 0);
    set_place_levels(p, V, &p->cols, 1);
    pt2_say(r, "for (int first_col = 0; first_col < %d; first_col += %d) {", a->width, a->tile_cols);
    say_places(r, &p->cols, a->first_var[V], a->tile_cols, "first_col", NULL);
    for (int y = 0; y < a->tile_rows; y++)
        for (int x = 0; x < a->tile_cols; x++)
            pt2_say(r, "float m%d_%d = mixed[%d + first_col] * ratio[%d];", y, x, y * a->width + x, y);
    for (int k = 0; k < a->tile_keys; k++) {
        pt2_set_levels(r, &p->key, 1);
        struct body b = count_places(p, (struct body){ r->order, 0 }, V);
        pt2_say(r, "if (%d < in_keys) {", k);
        pt2_say(r, "int i%d = i%d;", PT2_KEY_AXIS, a->first_var[K] + k);
        pt2_render_names(r, &b, 0, 1);
        pt2_render_names(r, &b, 1, 1);
        say_operands(p, V, "v");
        for (int y = 0; y < a->tile_rows; y++)
            for (int x = 0; x < a->tile_cols; x++)
                pt2_say(r, "m%d_%d = pt_fma_f32(s[%d], v%d, m%d_%d);", y, x, y * a->tile_keys + k, x, y, x);
        pt2_say(r, "}");
        pt2_render_forget(r, &b);
    }
    for (int y = 0; y < a->tile_rows; y++)
        for (int x = 0; x < a->tile_cols; x++)
            pt2_say(r, "mixed[%d + first_col] = m%d_%d;", y * a->width + x, y, x);
    pt2_say(r, "}");
}

void pt2_attention_registers(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "int tile = GLOBAL_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_rows(p);
    pt2_say(r, "float s[%d], mixed[%d];", a->tile_rows * a->tile_keys, a->tile_rows * a->width);
    pt2_say(r, "float largest[%d], total[%d], ratio[%d];", a->tile_rows, a->tile_rows, a->tile_rows);
    pt2_say(r, "for (int x = 0; x < %d; x++) {", a->tile_rows * a->width);
    pt2_say(r, "mixed[x] = 0.0f;");
    pt2_say(r, "}");
    pt2_say(r, "for (int x = 0; x < %d; x++) {", a->tile_rows);
    pt2_say(r, "largest[x] = -pt_inf_f32();");
    pt2_say(r, "total[x] = 0.0f;");
    pt2_say(r, "ratio[x] = 0.0f;");
    pt2_say(r, "}");
    say_places(r, &p->rows, a->first_var[Q], a->tile_rows, "first_row", "rows");
    pt2_say(r, "for (int first_key = 0; first_key < keys; first_key += %d) {", a->tile_keys);
    pt2_say(r, "int in_keys = min(keys - first_key, %d);", a->tile_keys);
    say_places(r, &p->key, a->first_var[K], a->tile_keys, "first_key", "keys");
    say_scores(p);
    say_softmax(p);
    say_mixed(p);
    pt2_say(r, "}");
    pt2_say_results(p, a->width);
    pt2_say(r, "}");
}
