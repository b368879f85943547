/* SPDX-License-Identifier: MIT
 * Attention for GPUs with cooperative matrices, where q, k and v are halves. A group computes a tile of rows. Its
 * subgroups lie two by two: those side by side have the same rows, every second matrix of the scores' keys and of the
 * result's columns. For each block of keys
 *
 *     scores        q, which stays in matrices, times k, by way of shared memory to the invocations that have the row
 *     exponentials  each invocation has every so many keys of one row; they are rounded to halves
 *     sums with v   stay in matrices; when a row's maximum grows, they are multiplied by a matrix of its ratio
 *
 * k and v take turns in one array. q and the exponentials have another: q is in matrices before there are any. Behind
 * the last key, and the last of the depth, are zeros. */
#include "kernel/attention_text.h"

#include <stdio.h>

enum {
    SIDE = PT2_MATRIX_SIDE,
    PAD = PT2_MATRIX_PAD, FLOAT_PAD = 4, /* behind a row of halves, of floats: 16 bytes */
    HALF = 2, FLOAT = 4,
};

static int part_up(int a, int b) { return (a + b - 1) / b; }
static int smaller(int a, int b) { return a < b ? a : b; }

/* Matrices of a subgroup: of rows, of keys, of columns; and of the depth. */
static int down(const struct pt2_attention *a) { return a->tile_rows / (SIDE * a->matrix.m); }
static int keys_each(const struct pt2_attention *a) { return a->tile_keys / (SIDE * a->matrix.n); }
static int cols_each(const struct pt2_attention *a) { return part_up(a->width, SIDE * a->matrix.n); }
static int steps(const struct pt2_attention *a) { return part_up(a->depth, a->matrix.k); }

/* Places of a row in shared memory that are read, and from one row to the next. */
static int depth_places(const struct pt2_attention *a) { return steps(a) * a->matrix.k; }
static int width_places(const struct pt2_attention *a) { return cols_each(a) * SIDE * a->matrix.n; }
static int k_pitch(const struct pt2_attention *a) { return depth_places(a) + PAD; }
static int v_pitch(const struct pt2_attention *a) { return width_places(a) + PAD; }
static int half_pitch(const struct pt2_attention *a) { return a->tile_keys + PAD; }
static int score_pitch(const struct pt2_attention *a) { return a->tile_keys + FLOAT_PAD; }

static int block_halves(const struct pt2_attention *a)
{
    return a->tile_keys * (k_pitch(a) > v_pitch(a) ? k_pitch(a) : v_pitch(a));
}

static int lanes(const struct pt2_attention *a) { return a->invocations / a->tile_rows; }
/* Halves of an element of the array of k and v. */
static int width(const struct pt2_attention *a) { return a->fours[0] ? 4 : 1; }

uint32_t pt2_attention_matrices_bytes(const struct pt2_attention *a)
{
    int halves = block_halves(a) + a->tile_rows * half_pitch(a);
    int floats = a->tile_rows * score_pitch(a) + 4 * a->tile_rows + a->invocations;
    return (uint32_t)(halves * HALF + floats * FLOAT);
}

int pt2_attention_matrices_registers(const struct pt2_attention *a)
{
    int each = depth_places(a) / 2 + (cols_each(a) + keys_each(a)) * a->matrix.n;
    return down(a) * a->matrix.m * each / (a->invocations / (SIDE * SIDE));
}

/* ---- copies ---- */

/* Chunks of q go through the array of exponentials to matrices. */
static void say_q(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int pitch = half_pitch(a), k = a->matrix.k;
    for (int from = 0; from < depth_places(a); from += a->tile_keys) {
        char put[96];
        int size = smaller(a->tile_keys, depth_places(a) - from);
        snprintf(put, sizeof put, "halves[x * %d + k] = pt_half(k < %d ? v : 0.0f);", pitch, a->depth - from);
        const struct copy q = { p->q, &p->rows, &p->depth, "first_row", "rows", put, a->tile_rows, size, from, a->depth,
                                false };
        pt2_say_copy(p, &q);
        pt2_say(r, "BARRIER();");
        for (int y = 0; y < down(a); y++)
            for (int s = 0; s < size / k; s++) {
                int step = from / k + s;
                pt2_say(r, "pt_matrix_a q%d_%d;", y, step);
                pt2_say(r, "pt_load_matrix(q%d_%d, halves, (my_row + %d) * %d + %d, %d, false);", y, step,
                        y * a->matrix.m, pitch, s * k, pitch);
            }
        pt2_say(r, "BARRIER();");
    }
}

/* Keys of this block; zeros where the condition `inside` does not hold. */
static void say_block(struct att *p, pt2_ex value, const struct pt2_axes *inner, int places, int most, int pitch,
                      const char *inside)
{
    const struct pt2_attention *a = p->a;
    char put[96];
    if (a->fours[0])
        snprintf(put, sizeof put, "block[(x * %d + k) / 4] = %s ? v : pt_half4(0);", pitch, inside);
    else
        snprintf(put, sizeof put, "block[x * %d + k] = pt_half(%s ? v : 0.0f);", pitch, inside);
    const struct copy c = { value, &p->key, inner, "first_key", "keys", put, a->tile_keys, places, 0, most,
                            a->fours[0] };
    pt2_say_copy(p, &c);
}

static void say_k(struct att *p)
{
    const struct pt2_attention *a = p->a;
    char inside[32];
    snprintf(inside, sizeof inside, "k < %d", a->depth);
    say_block(p, p->k, &p->depth, depth_places(a), a->depth, k_pitch(a), inside);
}

static void say_v(struct att *p)
{
    const struct pt2_attention *a = p->a;
    say_block(p, p->v, &p->cols, width_places(a), a->width, v_pitch(a), "x < in_keys");
}

/* ---- scores ---- */

static void say_scores(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int pitch = k_pitch(a), apart = SIDE * a->matrix.n;
    pt2_say(r, "{");
    for (int y = 0; y < down(a); y++)
        for (int x = 0; x < keys_each(a); x++)
            pt2_say(r, "pt_matrix_sum s%d_%d = pt_zero_matrix();", y, x);
    pt2_say(r, "pt_matrix_b k_;");
    for (int s = 0; s < steps(a); s++)
        for (int x = 0; x < keys_each(a); x++) {
            pt2_say(r, "pt_load_matrix(k_, block, ((my_col + %d) * %d + %d) / %d, %d, true);", x * apart, pitch,
                    s * a->matrix.k, width(a), pitch / width(a));
            for (int y = 0; y < down(a); y++)
                pt2_say(r, "s%d_%d = pt_fma_matrix(q%d_%d, k_, s%d_%d);", y, x, y, s, y, x);
        }
    for (int y = 0; y < down(a); y++)
        for (int x = 0; x < keys_each(a); x++)
            pt2_say(r, "pt_store_matrix(s%d_%d, scores, (my_row + %d) * %d + my_col + %d, %d);", y, x, y * a->matrix.m,
                    score_pitch(a), x * apart, score_pitch(a));
    pt2_say(r, "}");
}

/* What the graph does to this invocation's scores, and the largest of them; -inf behind the last key. */
static void say_masked(struct att *p)
{
    const struct pt2_attention *a = p->a;
    int pitch = score_pitch(a);
    char loop[64], score[64], put[128];
    snprintf(loop, sizeof loop, "for (int x = lane; x < %d; x += %d) {", a->tile_keys, lanes(a));
    snprintf(score, sizeof score, "r%d = scores[y * %d + x];", PT2_ATT_SCORE, pitch);
    snprintf(put, sizeof put,
             "v = x < in_keys ? v : -pt_inf_f32(); scores[y * %d + x] = v; most = pt_max_f32(most, v);", pitch);
    pt2_say_masked(p, &(struct masked){ loop, NULL, score, put });
}

/* ---- exponentials ---- */

/* name = what all invocations of this one's row have, put together by `combine`: a line with f and another's, v. */
static void say_fold(struct att *p, const char *name, const char *combine)
{
    struct render *r = p->r;
    pt2_say(r, "{");
    pt2_say(r, "float f = swap[me - lane];");
    pt2_say(r, "for (int k = 1; k < %d; k++) {", lanes(p->a));
    pt2_say(r, "float v = swap[me - lane + k];");
    pt2_say(r, "%s", combine);
    pt2_say(r, "}");
    pt2_say(r, "%s = f;", name);
    pt2_say(r, "}");
}

static void say_exponentials(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    say_fold(p, "most", "f = pt_max_f32(f, v);");
    pt2_say_growth(p);
    pt2_say(r, "sum *= grown;");
    pt2_say(r, "for (int x = lane; x < %d; x += %d) {", a->tile_keys, lanes(a));
    pt2_say(r, "float v = pt_exp_half(scores[y * %d + x] - under);", score_pitch(a));
    pt2_say(r, "sum += v;");
    pt2_say(r, "halves[y * %d + x] = pt_round_half(v);", half_pitch(a));
    pt2_say(r, "}");
    pt2_say(r, "if (lane == 0)");
    pt2_say(r, "    ratio[y] = grown;");
}

/* ---- sums with v ---- */

static void say_mixed(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int pitch = half_pitch(a);
    for (int y = 0; y < down(a); y++) {
        pt2_say(r, "pt_matrix_sum ratio%d;", y);
        pt2_say(r, "pt_load_matrix(ratio%d, ratio, my_row + %d, 0, true);", y, y * a->matrix.m);
        for (int x = 0; x < cols_each(a); x++)
            pt2_say(r, "m%d_%d = pt_scale_matrix(m%d_%d, ratio%d);", y, x, y, x, y);
    }
    pt2_say(r, "for (int k = 0; k < %d; k += %d) {", a->tile_keys, a->matrix.k);
    for (int y = 0; y < down(a); y++) {
        pt2_say(r, "pt_matrix_a e%d;", y);
        pt2_say(r, "pt_load_matrix(e%d, halves, (my_row + %d) * %d + k, %d, false);", y, y * a->matrix.m, pitch, pitch);
    }
    pt2_say(r, "pt_matrix_b v_;");
    for (int x = 0; x < cols_each(a); x++) {
        pt2_say(r, "pt_load_matrix(v_, block, (k * %d + my_col + %d) / %d, %d, false);", v_pitch(a),
                x * SIDE * a->matrix.n, width(a), v_pitch(a) / width(a));
        for (int y = 0; y < down(a); y++)
            pt2_say(r, "m%d_%d = pt_fma_matrix(e%d, v_, m%d_%d);", y, x, y, y, x);
    }
    pt2_say(r, "}");
}

/* ---- results ---- */

/* The columns that have a place in the array of scores at once: of each subgroup as many matrices as it has of keys. */
static void say_part(struct att *p, int part)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int first = part * keys_each(a);
    pt2_say(r, "if (part == %d) {", part);
    for (int y = 0; y < down(a); y++)
        for (int x = first; x < smaller(first + keys_each(a), cols_each(a)); x++)
            pt2_say(r, "pt_store_matrix(m%d_%d, scores, (my_row + %d) * %d + my_col + %d, %d);", y, x, y * a->matrix.m,
                    score_pitch(a), (x - first) * SIDE * a->matrix.n, score_pitch(a));
    pt2_say(r, "}");
}

static void say_results(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int parts = part_up(cols_each(a), keys_each(a));
    char first[32], mixed[64];
    pt2_say(r, "swap[me] = sum;");
    pt2_say(r, "BARRIER();");
    say_fold(p, "sum", "f += v;");
    pt2_say(r, "if (lane == 0) {");
    pt2_say(r, "largest[y] = most;");
    pt2_say(r, "total[y] = sum;");
    pt2_say(r, "}");
    pt2_say(r, "for (int part = 0; part < %d; part++) {", parts);
    for (int k = 0; k < parts; k++)
        say_part(p, k);
    pt2_say(r, "BARRIER();");
    snprintf(first, sizeof first, "part * %d", a->tile_keys);
    snprintf(mixed, sizeof mixed, "scores[y * %d + x - part * %d]", score_pitch(a), a->tile_keys);
    pt2_say_group_results(p, &(struct results){ first, smaller(a->tile_keys, width_places(a)), NULL, mixed });
    pt2_say(r, "BARRIER();");
    pt2_say(r, "}");
}

/* ---- the kernel ---- */

static void say_arrays(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "SHARED(%s, block, %d);", a->fours[0] ? "pt_half4" : "pt_half", block_halves(a) / width(a));
    pt2_say(r, "SHARED(pt_half, halves, %d);", a->tile_rows * half_pitch(a));
    pt2_say(r, "SHARED(float, scores, %d);", a->tile_rows * score_pitch(a));
    pt2_say(r, "SHARED(float, swap, %d);", a->invocations);
    pt2_say(r, "SHARED(float, ratio, %d);", a->tile_rows);
    pt2_say_row_arrays(p);
}

static void say_keys(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "for (int first_key = 0; first_key < keys; first_key += %d) {", a->tile_keys);
    pt2_say(r, "int in_keys = min(keys - first_key, %d);", a->tile_keys);
    say_k(p);
    pt2_say(r, "BARRIER();");
    say_scores(p);
    pt2_say(r, "BARRIER();");
    pt2_say(r, "float before = most;");
    say_masked(p);
    pt2_say(r, "swap[me] = most;");
    say_v(p);
    pt2_say(r, "BARRIER();");
    say_exponentials(p);
    pt2_say(r, "BARRIER();");
    say_mixed(p);
    pt2_say(r, "BARRIER();");
    pt2_say(r, "}");
}

void pt2_attention_matrices(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    say_arrays(p);
    pt2_say(r, "int tile = GROUP_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_rows(p);
    pt2_say(r, "int me = LOCAL_ID(), y = me / %d, lane = me %% %d, sub = SUBGROUP_ID();", lanes(a), lanes(a));
    pt2_say(r, "int my_row = sub / %d * %d, my_col = sub %% %d * %d;", SIDE, down(a) * a->matrix.m, SIDE, a->matrix.n);
    pt2_say_last_keys(p);
    say_q(p);
    pt2_say(r, "q = min(first_row + y, rows - 1);");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_say(r, "float most = -pt_inf_f32(), sum = 0.0f;");
    for (int y = 0; y < down(a); y++)
        for (int x = 0; x < cols_each(a); x++)
            pt2_say(r, "pt_matrix_sum m%d_%d = pt_zero_matrix();", y, x);
    say_keys(p);
    say_results(p);
    pt2_say(r, "}");
}
