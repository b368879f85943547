/* SPDX-License-Identifier: MIT
 * Attention for processors with wide vectors: an invocation computes a tile of rows. It copies q once, and each block
 * of k and v, into panels with neighbouring rows, keys and columns next to each other. */
#include "kernel/attention_text.h"

#include <stdio.h>

enum { PAD = 16 };

struct product {
    const char *work_rows, *work_cols, *steps;
    const char *a, *b, *sum, *scale; /* scale: factor of the sums so far, per row; NULL: they are 0 */
    int a_row, a_step, b_pitch, pitch;
};

static int block_cols(const struct pt2_attention *a) { return a->lanes * a->block_vectors; }

/* sum[y][x] = sum[y][x] * scale[y] + Σ over k of a[y][k] * b[k][x], in blocks of sums that stay in registers */
static void say_blocks(struct render *r, const struct product *p)
{
    const struct pt2_attention *a = r->k->attention;
    int rows = a->block_rows, vectors = a->block_vectors, n = a->lanes;
    pt2_say(r, "for (int x = 0; x < %s; x += %d)", p->work_cols, block_cols(a));
    pt2_say(r, "for (int y = 0; y < %s; y += %d) {", p->work_rows, rows);
    for (int k = 0; k < rows; k++)
        for (int v = 0; v < vectors; v++)
            if (p->scale)
                pt2_say(r, "float%d s%d_%d = vload%d(%d, %s + (y + %d) * %d + x) * %s[y + %d];", n, k, v, n, v, p->sum,
                        k, p->pitch, p->scale, k);
            else
                pt2_say(r, "float%d s%d_%d = (float%d)(0.0f);", n, k, v, n);
    pt2_say(r, "for (int k = 0; k < %s; k++) {", p->steps);
    for (int v = 0; v < vectors; v++)
        pt2_say(r, "float%d c%d = vload%d(%d, %s + k * %d + x);", n, v, n, v, p->b, p->b_pitch);
    for (int k = 0; k < rows; k++) {
        pt2_say(r, "float%d f%d = %s[(y + %d) * %d + k * %d];", n, k, p->a, k, p->a_row, p->a_step);
        for (int v = 0; v < vectors; v++)
            pt2_say(r, "s%d_%d = fma(f%d, c%d, s%d_%d);", k, v, k, v, k, v);
    }
    pt2_say(r, "}");
    for (int k = 0; k < rows; k++)
        for (int v = 0; v < vectors; v++)
            pt2_say(r, "vstore%d(s%d_%d, %d, %s + (y + %d) * %d + x);", n, k, v, v, p->sum, k, p->pitch);
    pt2_say(r, "}");
}

/* g = the lanes of `sum` in four sums */
static void say_lane_sum(struct render *r, int lanes)
{
    if (lanes == 16)
        pt2_say(r, "float8 h = sum.lo + sum.hi;");
    pt2_say(r, "float4 g = %s;", lanes == 16 ? "h.lo + h.hi" : lanes == 8 ? "sum.lo + sum.hi" : "sum");
}

/* From scores to exponentials, row by row; those behind the last key are 0. */
static void say_packed_softmax(struct render *r, int pitch)
{
    int n = r->k->attention->lanes;
    pt2_say(r, "for (int y = 0; y < in_rows; y++) {");
    pt2_say(r, "for (int x = in_keys; x < work_keys; x++) s[y * %d + x] = -pt_inf_f32();", pitch);
    pt2_say(r, "float%d most = largest[y], sum = 0.0f;", n);
    pt2_say(r, "for (int x = 0; x < work_keys; x += %d) {", n);
    pt2_say(r, "float%d v = vload%d(0, s + y * %d + x);", n, n, pitch);
    pt2_say(r, "most = select(most, v, isgreater(v, most) | isnan(v));");
    pt2_say(r, "}");
    pt2_say(r, "float lane[%d], m = -pt_inf_f32();", n);
    pt2_say(r, "vstore%d(most, 0, lane);", n);
    pt2_say(r, "for (int x = 0; x < %d; x++) m = pt_max_f32(m, lane[x]);", n);
    pt2_say(r, "float under = m == -pt_inf_f32() ? 0.0f : m;");
    pt2_say(r, "for (int x = 0; x < work_keys; x += %d) {", n);
    pt2_say(r, "float%d v = exp(vload%d(0, s + y * %d + x) - under);", n, n, pitch);
    pt2_say(r, "vstore%d(v, 0, s + y * %d + x);", n, pitch);
    pt2_say(r, "sum += v;");
    pt2_say(r, "}");
    say_lane_sum(r, n);
    pt2_say(r, "ratio[y] = pt_exp_f32(largest[y] - under);");
    pt2_say(r, "total[y] = total[y] * ratio[y] + ((g.x + g.y) + (g.z + g.w));");
    pt2_say(r, "largest[y] = m;");
    pt2_say(r, "}");
}

static void say_packed_start(struct att *p, int row_pitch, int key_pitch, int col_pitch)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "int work_rows = (in_rows + %d) / %d * %d;", a->block_rows - 1, a->block_rows,
            a->block_rows);
    pt2_say(r, "float pq[%d] PANEL, pk[%d] PANEL, pv[%d] PANEL;", a->depth * row_pitch,
            a->depth * key_pitch, a->tile_keys * col_pitch);
    pt2_say(r, "float s[%d] PANEL, mixed[%d] PANEL;", a->tile_rows * a->tile_keys, a->tile_rows * col_pitch);
    pt2_say(r, "float largest[%d], total[%d], ratio[%d];", a->tile_rows, a->tile_rows, a->tile_rows);
    pt2_say(r, "for (int x = 0; x < %d; x++) {", a->depth * key_pitch);
    pt2_say(r, "pk[x] = 0.0f;");
    pt2_say(r, "}");
    pt2_say(r, "for (int x = 0; x < %d; x++) {", a->tile_keys * col_pitch);
    pt2_say(r, "pv[x] = 0.0f;");
    pt2_say(r, "}");
    pt2_say(r, "for (int x = 0; x < %d; x++) {", a->tile_rows * col_pitch);
    pt2_say(r, "mixed[x] = 0.0f;");
    pt2_say(r, "}");
    pt2_say(r, "for (int x = 0; x < %d; x++) {", a->tile_rows);
    pt2_say(r, "largest[x] = -pt_inf_f32();");
    pt2_say(r, "total[x] = 0.0f;");
    pt2_say(r, "ratio[x] = 0.0f;");
    pt2_say(r, "}");
}

void pt2_attention_packed(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int block = block_cols(a), work_cols = (a->width + block - 1) / block * block;
    int row_pitch = a->tile_rows + PAD, key_pitch = a->tile_keys + PAD, col_pitch = work_cols + PAD;
    char depth[16], width[16], cols[16], line[64];
    snprintf(depth, sizeof depth, "%d", a->depth);
    snprintf(width, sizeof width, "%d", a->width);
    snprintf(cols, sizeof cols, "%d", work_cols);
    snprintf(line, sizeof line, "float r%d = s[y * %d + x];", PT2_ATT_SCORE, a->tile_keys);
    const struct loop deep = { &p->depth, 'k', depth, "0", NULL },
                      keys = { &p->key, 'x', "in_keys", "first_key", NULL };
    const struct loop all_rows = { &p->rows, 'x', "work_rows", "first_row", "rows" };
    const struct loop rows = { &p->rows, 'y', "in_rows", "first_row", NULL };
    const struct loop key_steps = { &p->key, 'k', "in_keys", "first_key", NULL },
                      wide = { &p->cols, 'x', width, "0", NULL };
    pt2_say(r, "int tile = GROUP_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_rows(p);
    pt2_say_last_keys(p);
    say_packed_start(p, row_pitch, key_pitch, col_pitch);
    pt2_say_panel(p, p->q, "pq", row_pitch, &deep, &all_rows, NULL);
    pt2_say(r, "for (int first_key = 0; first_key < keys; first_key += %d) {", a->tile_keys);
    pt2_say(r, "int in_keys = min(keys - first_key, %d);", a->tile_keys);
    pt2_say(r, "int work_keys = (in_keys + %d) / %d * %d;", block - 1, block, block);
    pt2_say_panel(p, p->k, "pk", key_pitch, &deep, &keys, NULL);
    say_blocks(r, &(struct product){ "work_rows", "work_keys", depth, "pq", "pk", "s", NULL, 1, row_pitch,
                                     key_pitch, a->tile_keys });
    pt2_say_panel(p, p->masked, "s", a->tile_keys, &rows, &keys, line);
    say_packed_softmax(r, a->tile_keys);
    pt2_say_panel(p, p->v, "pv", col_pitch, &key_steps, &wide, NULL);
    say_blocks(r, &(struct product){ "work_rows", cols, "in_keys", "s", "pv", "mixed", "ratio", a->tile_keys, 1,
                                     col_pitch, col_pitch });
    pt2_say(r, "}");
    pt2_say_results(p, col_pitch);
    pt2_say(r, "}");
}
