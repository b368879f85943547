/* SPDX-License-Identifier: MIT
 * Attention for GPUs where rows are few, as in decoding: all of them are one tile. An element of k or v serves these
 * only, so a group reads each once, straight from its buffer, and neighbouring invocations read neighbours:
 *
 *     scores        a team of invocations has a key, and each of the team a part of the depth
 *     exponentials  the invocations are shared out over the rows, those of a row over the keys
 *     sums with v   an invocation has some columns of every so many keys, and all rows in variables
 *
 * Shared memory passes on what one of the three leaves to the next. */
#include "kernel/attention_text.h"

#include <stdio.h>

enum {
    TEAM = 8,  /* invocations of a key, at most: reads of eight vectors are whole lines of memory */
    FOLD = 8,  /* of those of a row, so many combine what all have */
    PAD = 4,   /* floats behind the keys: a team's sums do not lie in the same banks */
    UNROLL = 4 /* keys that are read before the first is used */
};

static int part_up(int a, int b) { return (a + b - 1) / b; }
static int smaller(int a, int b) { return a < b ? a : b; }

/* A step is an element of the depth, or a vector of four; likewise columns. */
static int step(const struct pt2_attention *a, int factor) { return a->fours[factor] ? 4 : 1; }
static const char *type(const struct pt2_attention *a, int factor) { return a->fours[factor] ? "pt_f32x4" : "float"; }
/* One of a vector's four; nothing where there are no vectors. */
static const char *component(const struct pt2_attention *a, int factor, int k)
{
    static const char *const names[] = { ".x", ".y", ".z", ".w" };
    return a->fours[factor] ? names[k] : "";
}

static int steps(const struct pt2_attention *a) { return a->depth / step(a, 0); }
static int team(const struct pt2_attention *a) { return pt2_tiles_round_up(smaller(steps(a), TEAM) / 2 + 1, 1, TEAM); }
static int row_of_sums(const struct pt2_attention *a) { return a->tile_keys + PAD; }
static int row_invocations(const struct pt2_attention *a)
{
    return a->invocations / pt2_tiles_round_up(a->tile_rows, 1, a->invocations);
}
static int cols(const struct pt2_attention *a) { return a->width / step(a, 1); }
static int across(const struct pt2_attention *a) { return smaller(cols(a), a->invocations); }
static int cols_each(const struct pt2_attention *a) { return part_up(cols(a), across(a)); }
static int key_teams(const struct pt2_attention *a) { return a->invocations / across(a); }

/* For each row: the parts of the scores; in the end the parts of the sums, of vectors at most. */
static int sums_floats(const struct pt2_attention *a)
{
    int sums = 4 * a->invocations > a->width ? 4 * a->invocations : a->width, scores = TEAM * row_of_sums(a);
    return a->tile_rows * (sums > scores ? sums : scores);
}

uint32_t pt2_attention_registers_bytes(const struct pt2_attention *a)
{
    int floats = a->tile_rows * (a->depth + a->tile_keys) + sums_floats(a) + 2 * a->invocations + 4 * a->tile_rows;
    return (uint32_t)floats * sizeof(float);
}

/* ---- reading ---- */

static struct body count_factor(struct att *p, pt2_ex e, int factor)
{
    struct render *r = p->r;
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &p->key, 0);
    pt2_set_levels(r, factor ? &p->cols : &p->depth, 0);
    return pt2_render_count(r, (struct body){ r->order, 0 }, p->a->fours[factor] ? e->args[0] : e);
}

/* name = the factor, or four neighbours of it, where the indices are. */
static void say_factor(struct att *p, const char *name, pt2_ex e, int factor)
{
    struct body b = count_factor(p, e, factor);
    pt2_render_names(p->r, &b, 0, 0);
    pt2_say_factor(p->r, name, e, p->a->fours[factor] ? pt2_storage_name(p->r->k->bufs[e->i].dtype) : NULL);
    pt2_render_forget(p->r, &b);
}

static void say_q(struct att *p)
{
    const struct pt2_attention *a = p->a;
    char put[64];
    snprintf(put, sizeof put, a->fours[0] ? "pt_put_shared(qs, x * %d + k, v);" : "qs[x * %d + k] = v;", a->depth);
    const struct copy q = { p->q, &p->rows, &p->depth, "first_row", "rows", put, a->tile_rows, a->depth, 0, a->depth,
                            false };
    pt2_say_copy(p, &q);
}

/* ---- scores ---- */

/* s<row>_<u> += row of q times v<u>, for so many keys */
static void say_products(struct att *p, int keys)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    for (int y = 0; y < a->tile_rows; y++) {
        pt2_say(r, "%s q%d = qs[%d + k];", type(a, 0), y, y * steps(a));
        for (int u = 0; u < keys; u++)
            for (int c = 0; c < step(a, 0); c++) {
                const char *part = component(a, 0, c);
                pt2_say(r, "s%d_%d = pt_fma_f32(v%d%s, q%d%s, s%d_%d);", y, u, u, part, y, part, y, u);
            }
    }
}

/* The parts of the scores of `keys` keys from x on: sums[(row * team + place in the team) * pitch + key]. */
static void say_key_scores(struct att *p, int keys)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int n = team(a), apart = a->invocations / n;
    for (int y = 0; y < a->tile_rows; y++)
        for (int u = 0; u < keys; u++)
            pt2_say(r, "float s%d_%d = 0.0f;", y, u);
    if (steps(a) % n)
        pt2_say(r, "for (int k = me %% %d; k < %d; k += %d) {", n, steps(a), n);
    else /* a number of turns that compilers see */
        pt2_say(r, "for (int k = me %% %d, turn = 0; turn < %d; turn++, k += %d) {", n, steps(a) / n, n);
    for (int u = 0; u < keys; u++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", u);
        pt2_say(r, "%s %s;", type(a, 0), name);
        pt2_say(r, "{");
        pt2_say(r, "int q = first_key + x + %d;", u * apart);
        pt2_say_split(r, &p->key, "int i", "");
        pt2_say(r, "q = k * %d;", step(a, 0));
        pt2_say_split(r, &p->depth, "int i", "");
        say_factor(p, name, p->k, 0);
        pt2_say(r, "}");
    }
    say_products(p, keys);
    pt2_say(r, "}");
    for (int y = 0; y < a->tile_rows; y++)
        for (int u = 0; u < keys; u++)
            pt2_say(r, "sums[(%d + me %% %d) * %d + x + %d] = s%d_%d;", y * n, n, row_of_sums(a), u * apart, y, u);
}

/* Keys from x on, each so far behind the one before, by several in a turn, then the last ones. */
static void say_keys_from_x(struct att *p, int apart, void (*say_turn)(struct att *p, int keys))
{
    struct render *r = p->r;
    pt2_say(r, "for (; x + %d < in_keys; x += %d) {", (UNROLL - 1) * apart, UNROLL * apart);
    say_turn(p, UNROLL);
    pt2_say(r, "}");
    pt2_say(r, "for (; x < in_keys; x += %d) {", apart);
    say_turn(p, 1);
    pt2_say(r, "}");
}

static void say_scores(struct att *p)
{
    int n = team(p->a);
    pt2_say(p->r, "int x = me / %d;", n);
    say_keys_from_x(p, p->a->invocations / n, say_key_scores);
}

/* ---- exponentials ---- */

/* The scores of this invocation's row, every so many keys, and the largest of them. */
static void say_masked(struct att *p)
{
    const struct pt2_attention *a = p->a;
    char loop[64], score[96], put[96];
    snprintf(loop, sizeof loop, "for (int x = lane; x < my_keys; x += %d) {", row_invocations(a));
    snprintf(score, sizeof score, "for (int k = 0; k < %d; k++) r%d += sums[(y * %d + k) * %d + x];", team(a),
             PT2_ATT_SCORE, team(a), row_of_sums(a));
    snprintf(put, sizeof put, "scores[y * %d + x] = v; most = pt_max_f32(most, v);", a->tile_keys);
    pt2_say_masked(p, &(struct masked){ loop, NULL, score, put });
}

/* Of a row's invocations: some combine what all have, then all these. `combine` is a line with f and the other, v. */
static void say_fold(struct att *p, const char *name, const char *combine)
{
    struct render *r = p->r;
    int n = row_invocations(p->a);
    pt2_say(r, "swap[me] = %s;", name);
    pt2_say(r, "BARRIER();");
    pt2_say(r, "if (lane < %d) {", FOLD);
    pt2_say(r, "float f = swap[me];");
    pt2_say(r, "for (int k = %d; k < %d; k += %d) {", FOLD, n, FOLD);
    pt2_say(r, "float v = swap[me + k];");
    pt2_say(r, "%s", combine);
    pt2_say(r, "}");
    pt2_say(r, "swap[%d + me] = f;", p->a->invocations);
    pt2_say(r, "}");
    pt2_say(r, "BARRIER();");
    pt2_say(r, "{");
    pt2_say(r, "float f = swap[%d + me - lane];", p->a->invocations);
    pt2_say(r, "for (int k = 1; k < %d; k++) {", FOLD);
    pt2_say(r, "float v = swap[%d + me - lane + k];", p->a->invocations);
    pt2_say(r, "%s", combine);
    pt2_say(r, "}");
    pt2_say(r, "%s = f;", name);
    pt2_say(r, "}");
}

static void say_exponentials(struct att *p)
{
    struct render *r = p->r;
    pt2_say(r, "float before = most;");
    say_masked(p);
    say_fold(p, "most", "f = pt_max_f32(f, v);");
    pt2_say_growth(p);
    pt2_say(r, "sum *= grown;");
    pt2_say(r, "for (int x = lane; x < my_keys; x += %d) {", row_invocations(p->a));
    pt2_say(r, "float v = pt_exp_f32(scores[y * %d + x] - under);", p->a->tile_keys);
    pt2_say(r, "scores[y * %d + x] = v;", p->a->tile_keys);
    pt2_say(r, "sum += v;");
    pt2_say(r, "}");
    pt2_say(r, "if (lane == 0 && y < %d)", p->a->tile_rows);
    pt2_say(r, "    ratio[y] = grown;");
}

/* ---- sums with v ---- */

/* v<u>_<j>: the columns j of this invocation, of the key at place x + u * teams. */
static void say_reads(struct att *p, int u)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    char name[32];
    for (int j = 0; j < cols_each(a); j++) {
        snprintf(name, sizeof name, "v%d_%d", u, j);
        pt2_say(r, "%s %s;", type(a, 1), name);
        pt2_say(r, "{");
        pt2_say(r, "int q = first_key + x + %d;", u * key_teams(a));
        pt2_say_split(r, &p->key, "int i", "");
        pt2_say(r, "q = min(col + %d, %d) * %d;", j * across(a), cols(a) - 1, step(a, 1));
        pt2_say_split(r, &p->cols, "int i", "");
        say_factor(p, name, p->v, 1);
        pt2_say(r, "}");
    }
}

/* `keys` of those of this invocation, from x on. */
static void say_keys_mixed(struct att *p, int keys)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    for (int u = 0; u < keys; u++)
        say_reads(p, u);
    for (int u = 0; u < keys; u++)
        for (int y = 0; y < a->tile_rows; y++) {
            pt2_say(r, "{");
            pt2_say(r, "float e = scores[%d + x];", y * a->tile_keys + u * key_teams(a));
            for (int j = 0; j < cols_each(a); j++)
                pt2_say(r, "m%d_%d = pt_fma_%s(e, v%d_%d, m%d_%d);", y, j, a->fours[1] ? "f32x4" : "f32", u, j, y, j);
            pt2_say(r, "}");
        }
}

static void say_mixed(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int teams = key_teams(a);
    for (int y = 0; y < a->tile_rows; y++)
        for (int j = 0; j < cols_each(a); j++)
            pt2_say(r, "m%d_%d = m%d_%d * ratio[%d];", y, j, y, j, y);
    pt2_say(r, "x = me / %d;", across(a));
    if (a->invocations % across(a))
        pt2_say(r, "x = x < %d ? x : in_keys;", teams);
    say_keys_from_x(p, teams, say_keys_mixed);
}

/* ---- results ---- */

/* sums[(team of keys * rows + row) * columns + column] */
static void say_sums(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "if (me < %d) {", key_teams(a) * across(a));
    for (int y = 0; y < a->tile_rows; y++)
        for (int j = 0; j < cols_each(a); j++) {
            pt2_say(r, "if (col + %d < %d) {", j * across(a), cols(a));
            pt2_say(r, "int at = (me / %d * %d + %d) * %d + (col + %d) * %d;", across(a), a->tile_rows, y, a->width,
                    j * across(a), step(a, 1));
            for (int c = 0; c < step(a, 1); c++)
                pt2_say(r, "sums[at + %d] = m%d_%d%s;", c, y, j, component(a, 1, c));
            pt2_say(r, "}");
        }
    pt2_say(r, "}");
}

static void say_results(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    char before[128];
    say_fold(p, "sum", "f += v;");
    pt2_say(r, "if (lane == 0 && y < %d) {", a->tile_rows);
    pt2_say(r, "largest[y] = most;");
    pt2_say(r, "total[y] = sum;");
    pt2_say(r, "}");
    say_sums(p);
    pt2_say(r, "BARRIER();");
    snprintf(before, sizeof before, "float m = 0.0f; for (int k = 0; k < %d; k++) m += sums[(k * %d + y) * %d + x];",
             key_teams(a), a->tile_rows, a->width);
    pt2_say_group_results(p, &(struct results){ "0", a->width, before, "m" });
}

/* ---- the kernel ---- */

static void say_arrays(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "SHARED(%s, qs, %d);", type(a, 0), a->tile_rows * steps(a));
    pt2_say(r, "SHARED(float, sums, %d);", sums_floats(a));
    pt2_say(r, "SHARED(float, scores, %d);", a->tile_rows * a->tile_keys);
    pt2_say(r, "SHARED(float, swap, %d);", 2 * a->invocations);
    pt2_say(r, "SHARED(float, ratio, %d);", a->tile_rows);
    pt2_say_row_arrays(p);
}

static void say_keys(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    pt2_say(r, "for (int first_key = 0; first_key < keys; first_key += %d) {", a->tile_keys);
    pt2_say(r, "int in_keys = min(keys - first_key, %d), my_keys = y < in_rows ? in_keys : 0;", a->tile_keys);
    say_scores(p);
    pt2_say(r, "BARRIER();");
    say_exponentials(p);
    pt2_say(r, "BARRIER();");
    say_mixed(p);
    pt2_say(r, "}");
}

void pt2_attention_registers(struct att *p)
{
    struct render *r = p->r;
    const struct pt2_attention *a = p->a;
    int n = row_invocations(a);
    say_arrays(p);
    pt2_say(r, "int tile = GROUP_ID();");
    pt2_say(r, "if (tile < %s) {", pt2_number(r->k->points).text);
    pt2_say_rows(p);
    pt2_say(r, "int me = LOCAL_ID(), y = me / %d, lane = me %% %d, col = me %% %d;", n, n, across(a));
    pt2_say_last_keys(p);
    say_q(p);
    pt2_say(r, "q = min(first_row + y, rows - 1);");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_say(r, "BARRIER();");
    pt2_say(r, "float most = -pt_inf_f32(), sum = 0.0f;");
    for (int y = 0; y < a->tile_rows; y++)
        for (int j = 0; j < cols_each(a); j++)
            pt2_say(r, "%s m%d_%d = %s;", type(a, 1), y, j, a->fours[1] ? "pt_splat_f32x4(0.0f)" : "0.0f");
    say_keys(p);
    say_results(p);
    pt2_say(r, "}");
}
