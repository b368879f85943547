/* SPDX-License-Identifier: MIT
 * Attention for processors with wide vectors: an invocation computes a tile of rows. It copies q once, and each block
 * of k and v, into panels with neighbouring rows, keys and columns next to each other. */
#include "kernel/attention_text.h"

#include <stdio.h>

enum { BLOCK_ROWS = 8, BLOCK_COLS = 32, PAD = 16 };

struct product {
    int rows; /* of a block */
    const char *work_rows, *work_cols, *steps;
    const char *a, *b, *sum, *scale; /* scale: factor of the sums so far, per row; NULL: they are 0 */
    int a_row, a_step, b_pitch, pitch;
};

/* sum[y][x] = sum[y][x] * scale[y] + Σ over k of a[y][k] * b[k][x], in blocks of sums that stay in registers */
static void say_blocks(struct render *r, const struct product *p)
{
    pt2_say(r, "for (int x = 0; x < %s; x += %d)", p->work_cols, BLOCK_COLS);
    pt2_say(r, "for (int y = 0; y < %s; y += %d) {", p->work_rows, p->rows);
    for (int k = 0; k < p->rows && !p->scale; k++)
        pt2_say(r, "float16 s%d = (float16)(0.0f), u%d = (float16)(0.0f);", k, k);
    for (int k = 0; k < p->rows && p->scale; k++)
        for (int half = 0; half < 2; half++)
            pt2_say(r, "float16 %c%d = vload16(0, %s + (y + %d) * %d + x + %d) * %s[y + %d];", half ? 'u' : 's', k,
                    p->sum, k, p->pitch, half * 16, p->scale, k);
    pt2_say(r, "for (int k = 0; k < %s; k++) {", p->steps);
    pt2_say(r, "float16 b0 = vload16(0, %s + k * %d + x), b1 = vload16(0, %s + k * %d + x + 16);", p->b, p->b_pitch,
            p->b, p->b_pitch);
    for (int k = 0; k < p->rows; k++)
        pt2_say(r, "{ float16 f = %s[(y + %d) * %d + k * %d]; s%d = fma(f, b0, s%d); u%d = fma(f, b1, u%d); }", p->a, k,
            p->a_row, p->a_step, k, k, k, k);
    pt2_say(r, "}");
    for (int k = 0; k < p->rows; k++) {
        pt2_say(r, "vstore16(s%d, 0, %s + (y + %d) * %d + x);", k, p->sum, k, p->pitch);
        pt2_say(r, "vstore16(u%d, 0, %s + (y + %d) * %d + x + 16);", k, p->sum, k, p->pitch);
    }
    pt2_say(r, "}");
}

/* From scores to exponentials, row by row; those behind the last key are 0. */
static void say_packed_softmax(struct render *r, int pitch)
{
    pt2_say(r, "for (int y = 0; y < in_rows; y++) {");
    pt2_say(r, "for (int x = in_keys; x < work_keys; x++) s[y * %d + x] = -pt_inf_f32();", pitch);
    pt2_say(r, "float16 most = largest[y], sum = 0.0f;");
    pt2_say(r, "for (int x = 0; x < work_keys; x += 16) {");
    pt2_say(r, "float16 v = vload16(0, s + y * %d + x);", pitch);
    pt2_say(r, "most = select(most, v, isgreater(v, most) | isnan(v));");
    pt2_say(r, "}");
    pt2_say(r, "float lane[16], m = -pt_inf_f32();");
    pt2_say(r, "vstore16(most, 0, lane);");
    pt2_say(r, "for (int x = 0; x < 16; x++) m = pt_max_f32(m, lane[x]);");
    pt2_say(r, "float under = m == -pt_inf_f32() ? 0.0f : m;");
    pt2_say(r, "for (int x = 0; x < work_keys; x += 16) {");
    pt2_say(r, "float16 v = exp(vload16(0, s + y * %d + x) - under);", pitch);
    pt2_say(r, "vstore16(v, 0, s + y * %d + x);", pitch);
    pt2_say(r, "sum += v;");
    pt2_say(r, "}");
    pt2_say(r, "float8 h = sum.lo + sum.hi;");
    pt2_say(r, "float4 g = h.lo + h.hi;");
    pt2_say(r, "ratio[y] = pt_exp_f32(largest[y] - under);");
    pt2_say(r, "total[y] = total[y] * ratio[y] + ((g.x + g.y) + (g.z + g.w));");
    pt2_say(r, "largest[y] = m;");
    pt2_say(r, "}");
}

static void say_packed_start(struct att *p, int block, int row_pitch, int key_pitch, int col_pitch)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "int work_rows = (in_rows + %d) / %d * %d;", block - 1, block, block);
    pt2_say(r, "float pq[%d], pk[%d], pv[%d];", a->depth * row_pitch, a->depth * key_pitch, a->tile_keys * col_pitch);
    pt2_say(r, "float s[%d], mixed[%d];", a->tile_rows * a->tile_keys, a->tile_rows * col_pitch);
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
    int block = a->tile_rows < BLOCK_ROWS ? a->tile_rows : BLOCK_ROWS;
    int work_cols = (a->width + BLOCK_COLS - 1) / BLOCK_COLS * BLOCK_COLS;
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
    say_packed_start(p, block, row_pitch, key_pitch, col_pitch);
    pt2_say_panel(p, p->q, "pq", row_pitch, &deep, &all_rows, NULL);
    pt2_say(r, "for (int first_key = 0; first_key < keys; first_key += %d) {", a->tile_keys);
    pt2_say(r, "int in_keys = min(keys - first_key, %d);", a->tile_keys);
    pt2_say(r, "int work_keys = (in_keys + %d) / %d * %d;", BLOCK_COLS - 1, BLOCK_COLS, BLOCK_COLS);
    pt2_say_panel(p, p->k, "pk", key_pitch, &deep, &keys, NULL);
    say_blocks(r, &(struct product){ block, "work_rows", "work_keys", depth, "pq", "pk", "s", NULL, 1, row_pitch,
                                     key_pitch, a->tile_keys });
    pt2_say_panel(p, p->masked, "s", a->tile_keys, &rows, &keys, line);
    say_packed_softmax(r, a->tile_keys);
    pt2_say_panel(p, p->v, "pv", col_pitch, &key_steps, &wide, NULL);
    say_blocks(r, &(struct product){ block, "work_rows", cols, "in_keys", "s", "pv", "mixed", "ratio", a->tile_keys, 1,
                                     col_pitch, col_pitch });
    pt2_say(r, "}");
    pt2_say_results(p, col_pitch);
    pt2_say(r, "}");
}
