/* SPDX-License-Identifier: MIT
 * Attention for GPUs: a group computes a tile of rows. It copies q once, and each block of k, then of v, to shared
 * memory; scores and exponentials are there too, rows of one key next to each other. An invocation has four rows, and
 * of these every sixteenth key and column, in variables: invocations with the same rows are neighbours. */
#include "kernel/attention_text.h"

#include <stdio.h>

enum { ACROSS = PT2_ATT_ACROSS, ROWS = PT2_ATT_ROWS, PAD = 4 }; /* floats behind the rows of a step or key */

static int row_pitch(const struct pt2_attention *a) { return a->tile_rows + PAD; }
static int key_pitch(const struct pt2_attention *a) { return a->tile_keys + 1; }
static int keys_each(const struct pt2_attention *a) { return a->tile_keys / ACROSS; }
static int cols_each(const struct pt2_attention *a) { return (a->width + ACROSS - 1) / ACROSS; }

static int larger(int a, int b) { return a > b ? a : b; }

/* k, v, and in the end the results take turns in one array. */
static int block_floats(const struct pt2_attention *a)
{
    return larger(a->depth * key_pitch(a), larger(a->tile_keys, a->tile_rows) * cols_each(a) * ACROSS);
}

uint32_t pt2_attention_shared_bytes(const struct pt2_attention *a)
{
    return (uint32_t)((a->depth + a->tile_keys) * row_pitch(a) + block_floats(a) + 3 * a->tile_rows) * sizeof(float);
}

/* ---- copies ---- */

static void say_q(struct att *p)
{
    char put[64];
    snprintf(put, sizeof put, "pt_put_shared(qs, k * %d + x, v);", row_pitch(p->a));
    const struct copy q = { p->q, &p->rows, &p->depth, "first_row", "rows", put, p->a->tile_rows, p->a->depth, 0,
                            p->a->depth, false };
    pt2_say_copy(p, &q);
}

static void say_k(struct att *p)
{
    char put[64];
    snprintf(put, sizeof put, "block[k * %d + x] = v;", key_pitch(p->a));
    const struct copy k = { p->k, &p->key, &p->depth, "first_key", "keys", put, p->a->tile_keys, p->a->depth, 0,
                            p->a->depth, false };
    pt2_say_copy(p, &k);
}

static void say_v(struct att *p)
{
    char put[64];
    snprintf(put, sizeof put, "block[x * %d + k] = v;", cols_each(p->a) * ACROSS);
    const struct copy v = { p->v, &p->key, &p->cols, "first_key", "keys", put, p->a->tile_keys, p->a->width, 0,
                            p->a->width, false };
    pt2_say_copy(p, &v);
}

/* ---- scores ---- */

static void say_scores(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    for (int j = 0; j < keys_each(a); j++)
        pt2_say(r, "pt_f32x4 s%d = pt_splat_f32x4(0.0f);", j);
    pt2_say(r, "for (int k = 0; k < %d; k++) {", a->depth);
    pt2_say(r, "pt_f32x4 q4 = qs[(k * %d + my_row) / 4];", row_pitch(a));
    for (int j = 0; j < keys_each(a); j++)
        pt2_say(r, "s%d = pt_fma_f32x4(block[k * %d + lane + %d], q4, s%d);", j, key_pitch(a), j * ACROSS, j);
    pt2_say(r, "}");
    for (int j = 0; j < keys_each(a); j++)
        pt2_say(r, "scores[((lane + %d) * %d + my_row) / 4] = s%d;", j * ACROSS, row_pitch(a), j);
}

/* What the graph does to this invocation's scores; -inf behind the last key. */
static void say_masked(struct att *p)
{
    const struct pt2_attention *a = p->a;
    char loop[64], place[96], score[64], put[96];
    snprintf(loop, sizeof loop, "for (int e = 0; e < %d; e++) {", ROWS * keys_each(a));
    snprintf(place, sizeof place, "int y = my_row + e %% %d, x = lane + e / %d * %d;", ROWS, ROWS, ACROSS);
    snprintf(score, sizeof score, "r%d = pt_get_shared(scores, x * %d + y);", PT2_ATT_SCORE, row_pitch(a));
    snprintf(put, sizeof put, "pt_put_shared(scores, x * %d + y, x < in_keys ? v : -pt_inf_f32());", row_pitch(a));
    pt2_say_masked(p, &(struct masked){ loop, place, score, put });
}

/* ---- exponentials ---- */

static const char parts[] = "xyzw";

/* The rows' maxima, and what sums so far are to be multiplied by. */
static void say_largest(struct att *p)
{
    struct render *r = p->r;
    pt2_say(r, "pt_f32x4 before = most, under, ratio;");
    pt2_say(r, "for (int x = 0; x < in_keys; x++) {");
    pt2_say(r, "pt_f32x4 v = scores[(x * %d + my_row) / 4];", row_pitch(p->a));
    for (const char *c = parts; *c; c++)
        pt2_say(r, "most.%c = pt_max_f32(most.%c, v.%c);", *c, *c, *c);
    pt2_say(r, "}");
    for (const char *c = parts; *c; c++) {
        pt2_say(r, "under.%c = most.%c == -pt_inf_f32() ? 0.0f : most.%c;", *c, *c, *c);
        pt2_say(r, "ratio.%c = pt_exp_f32(before.%c - under.%c);", *c, *c, *c);
    }
}

static void say_exponentials(struct att *p)
{
    struct render *r = p->r;
    pt2_say(r, "for (int x = lane; x < %d; x += %d) {", p->a->tile_keys, ACROSS);
    pt2_say(r, "pt_f32x4 v = scores[(x * %d + my_row) / 4];", row_pitch(p->a));
    for (const char *c = parts; *c; c++)
        pt2_say(r, "v.%c = pt_exp_f32(v.%c - under.%c);", *c, *c, *c);
    pt2_say(r, "scores[(x * %d + my_row) / 4] = v;", row_pitch(p->a));
    pt2_say(r, "}");
}

static void say_mixed(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int pitch = cols_each(a) * ACROSS;
    pt2_say(r, "sum = sum * ratio;");
    for (int j = 0; j < cols_each(a); j++)
        pt2_say(r, "m%d = m%d * ratio;", j, j);
    pt2_say(r, "for (int x = 0; x < in_keys; x++) {");
    pt2_say(r, "pt_f32x4 v = scores[(x * %d + my_row) / 4];", row_pitch(a));
    pt2_say(r, "sum = sum + v;");
    for (int j = 0; j < cols_each(a); j++)
        pt2_say(r, "m%d = pt_fma_f32x4(block[x * %d + lane + %d], v, m%d);", j, pitch, j * ACROSS, j);
    pt2_say(r, "}");
}

/* ---- results ---- */

/* By way of shared memory, so that neighbouring invocations store neighbours. */
static void say_results(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int pitch = cols_each(a) * ACROSS;
    char mixed[64];
    for (int y = 0; y < ROWS; y++)
        for (int j = 0; j < cols_each(a); j++)
            pt2_say(r, "block[(my_row + %d) * %d + lane + %d] = m%d.%c;", y, pitch, j * ACROSS, j, parts[y]);
    pt2_say(r, "if (lane == 0) {");
    for (int y = 0; y < ROWS; y++) {
        pt2_say(r, "largest[my_row + %d] = most.%c;", y, parts[y]);
        pt2_say(r, "total[my_row + %d] = sum.%c;", y, parts[y]);
    }
    pt2_say(r, "}");
    pt2_say(r, "BARRIER();");
    snprintf(mixed, sizeof mixed, "block[y * %d + x]", pitch);
    pt2_say_group_results(p, &(struct results){ "0", a->width, NULL, mixed });
}

/* ---- the kernel ---- */

static void say_arrays(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "SHARED(pt_f32x4, qs, %d);", a->depth * row_pitch(a) / 4);
    pt2_say(r, "SHARED(pt_f32x4, scores, %d);", a->tile_keys * row_pitch(a) / 4);
    pt2_say(r, "SHARED(float, block, %d);", block_floats(a));
    pt2_say_row_arrays(p);
}

static void say_keys(struct att *p)
{
    struct render *r = p->r;
    int keys = p->a->tile_keys;
    pt2_say(r, "for (int first_key = 0; first_key < keys; first_key += %d) {", keys);
    pt2_say(r, "int in_keys = min(keys - first_key, %d);", keys);
    say_k(p);
    pt2_say(r, "BARRIER();");
    say_scores(p);
    say_masked(p);
    pt2_say(r, "BARRIER();");
    say_largest(p);
    say_v(p);
    pt2_say(r, "BARRIER();");
    say_exponentials(p);
    pt2_say(r, "BARRIER();");
    say_mixed(p);
    pt2_say(r, "BARRIER();");
    pt2_say(r, "}");
}

void pt2_attention_shared(struct att *p)
{
    struct render *r = p->r;
    say_arrays(p);
    pt2_say(r, "int tile = GROUP_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_rows(p);
    pt2_say(r, "int me = LOCAL_ID(), lane = me %% %d, my_row = me / %d * %d;", ACROSS, ACROSS, ROWS);
    pt2_say_last_keys(p);
    say_q(p);
    pt2_say(r, "pt_f32x4 most = pt_splat_f32x4(-pt_inf_f32()), sum = pt_splat_f32x4(0.0f);");
    for (int j = 0; j < cols_each(p->a); j++)
        pt2_say(r, "pt_f32x4 m%d = pt_splat_f32x4(0.0f);", j);
    say_keys(p);
    say_results(p);
    pt2_say(r, "}");
}
