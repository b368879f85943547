/* SPDX-License-Identifier: MIT
 * The text of kernels whose points are shared by teams.
 *
 * A reduction has partial results in `a` (positions: `best` and `at`, -1 while there is none): one for each lane, in
 * VECTOR as elements [l] of arrays. An element of a lane is folded in as by a serial loop; then the lanes' results are
 * folded into one, in an order that is the same for all lanes, so that all have the same result. */
#include "kernel/contract_text.h"
#include "kernel/rows.h"

#include <stdio.h>

struct team {
    struct render *r;
    const struct pt2_rows *rows;
    const char *lane; /* "[l]" behind the names of partial results, or "" */
    int reductions;   /* so far: two that follow each other use different parts of shared memory */
};

/* The stage that is written. */
struct row {
    struct team *t;
    const struct pt2_stage *s;
    const struct pt2_rows_stage *rs;
    struct body names;
    int number;
    int dtype; /* of partial results */
    bool position;
};

/* ---- partial results ---- */

static void put(struct render *r, const char *fmt, const char *a, const char *b, const char *c)
{
    pt2_str_addf(&r->out, fmt, a, b, c);
}

static void start_line(struct render *r)
{
    for (int k = 0; k < r->indent; k++)
        pt2_str_add(&r->out, "    ");
}

/* "best = v, at = p", where that is better. Behind places that are not in order (`tie`), the smaller of equals counts.
 */
static void fold_position(const struct row *w, const char *v, const char *p, bool tie)
{
    struct render *r = w->t->r;
    const char *l = w->t->lane;
    char best[16];
    snprintf(best, sizeof best, "best%s", l);
    start_line(r);
    put(r, tie ? "bool wins = %s >= 0 && (at%s < 0 || " : "bool wins = (%sat%s < 0 || ", tie ? p : "", l, "");
    pt2_render_before(r, w->s->op, w->dtype, v, best, false);
    if (tie) {
        put(r, " || (%s < at%s && !(", p, l, "");
        pt2_render_before(r, w->s->op, w->dtype, best, v, false);
        put(r, "))", "", "", "");
    }
    put(r, ");\n", "", "", "");
    pt2_say(r, "best%s = wins ? %s : best%s;", l, v, l);
    pt2_say(r, "at%s = wins ? %s : at%s;", l, p, l);
}

static void fold(const struct row *w, const char *v)
{
    struct render *r = w->t->r;
    char a[16];
    snprintf(a, sizeof a, "a%s", w->t->lane);
    start_line(r);
    put(r, "%s = ", a, "", "");
    pt2_render_combine(r, w->s->op, w->dtype, a, v);
    put(r, ";\n", "", "", "");
}

static void say_start(const struct row *w)
{
    struct render *r = w->t->r;
    const char *type = pt2_c_type(w->dtype), *l = w->t->lane;
    char count[16] = "";
    if (*l)
        snprintf(count, sizeof count, "[%d]", w->t->rows->lanes);
    pt2_say(r, "%s %s%s;", type, w->position ? "best" : "a", count);
    if (w->position)
        pt2_say(r, "int at%s;", count);
    if (*l)
        pt2_say(r, "LANES for (int l = 0; l < %d; l++) {", w->t->rows->lanes);
    start_line(r);
    put(r, "%s%s = ", w->position ? "best" : "a", l, "");
    pt2_render_neutral(r, w->position ? PT2_RED_SUM : w->s->op, w->dtype);
    put(r, ";\n", "", "", "");
    if (w->position)
        pt2_say(r, "at%s = -1;", l);
    if (*l)
        pt2_say(r, "}");
}

static void say_result(const struct row *w)
{
    const char *first = *w->t->lane ? "[0]" : "";
    if (w->position)
        pt2_say(w->t->r, "r%d = pt_cvt_i32_i64(max(at%s, 0));", w->number, first);
    else
        pt2_say(w->t->r, "r%d = a%s;", w->number, first);
}

/* One turn of the loop, of a lane. */
static void say_element(const struct row *w)
{
    struct render *r = w->t->r;
    char before[48];
    for (int k = 0; k < w->rs->places; k++) {
        pt2_say(r, "{");
        snprintf(before, sizeof before, "%s v = ", pt2_c_type(w->s->body->dtype));
        pt2_say_value(r, before, w->rs->body[k]);
        if (w->position) {
            pt2_say_value(r, "int p = ", w->rs->position[k]);
            fold_position(w, "v", "p", false);
        } else {
            fold(w, "v");
        }
        pt2_say(r, "}");
    }
}

static void say_stored(const struct row *w)
{
    struct render *r = w->t->r;
    const char *type = pt2_storage_name(r->k->bufs[w->s->buf].dtype);
    char text[64];
    for (int k = 0; k < w->rs->places; k++) {
        snprintf(text, sizeof text, "%s v%d = ", pt2_c_type(w->s->body->dtype), k);
        pt2_say_value(r, text, w->rs->body[k]);
    }
    start_line(r);
    pt2_str_addf(&r->out, "pt_st%s_%s(b%d, ", w->rs->places > 1 ? "4" : "", type, w->s->buf);
    pt2_render_expr(r, w->rs->index[0]);
    pt2_str_add(&r->out, w->rs->places > 1 ? ", v0, v1, v2, v3);\n" : ", v0);\n");
}

/* ---- the last loop, shared out ---- */

static void say_turn(const struct row *w)
{
    pt2_render_names(w->t->r, &w->names, w->s->num_loops, w->s->num_loops);
    if (w->s->kind == PT2_STAGE_STORE)
        say_stored(w);
    else
        say_element(w);
}

/* Whole strips of all lanes, then what is left. Stores need no lanes of their own. */
static void say_strips(const struct row *w, const char *n, int i)
{
    struct render *r = w->t->r;
    int lanes = w->t->rows->lanes;
    if (w->s->kind == PT2_STAGE_STORE) {
        pt2_say(r, "LANES for (int i%d = 0; i%d < %s; i%d++) {", i, i, n, i);
        say_turn(w);
        pt2_say(r, "}");
        return;
    }
    pt2_say(r, "int start = 0;");
    pt2_say(r, "LOOP for (; start + %d <= %s; start += %d) {", lanes, n, lanes);
    pt2_say(r, "LANES for (int l = 0; l < %d; l++) {", lanes);
    pt2_say(r, "int i%d = start + l;", i);
    say_turn(w);
    pt2_say(r, "}");
    pt2_say(r, "}");
    pt2_render_unname(r, &w->names, i);
    pt2_say(r, "LOOP for (int l = 0; start + l < %s; l++) {", n);
    pt2_say(r, "int i%d = start + l;", i);
    say_turn(w);
    pt2_say(r, "}");
}

static void say_loops(const struct row *w)
{
    struct render *r = w->t->r;
    int n = w->s->num_loops;
    for (int k = 1; k < n; k++) {
        pt2_say(r, "LOOP for (int i%d = 0; i%d < %s; i%d++) {", k, k, pt2_number(w->s->loops[k - 1]).text, k);
        pt2_render_names(r, &w->names, k, n);
    }
    struct number extent = pt2_number(w->s->loops[n - 1]);
    if (w->t->rows->form == PT2_ROWS_VECTOR) {
        say_strips(w, extent.text, n);
    } else {
        pt2_say(r, "for (int i%d = lane; i%d < %s; i%d += %d) {", n, n, extent.text, n,
                w->t->rows->lanes);
        say_turn(w);
        pt2_say(r, "}");
    }
    for (int k = 1; k < n; k++)
        pt2_say(r, "}");
}

/* ---- the lanes' results into one ---- */

enum { FEW_LANES = 16 }; /* VECTOR: a vector has so many; GROUP: each lane can as well read the results of all */

/* Folds in the partial results of another place: "v" and, for positions, "p". */
static void fold_other(const struct row *w)
{
    if (w->position)
        fold_position(w, "v", "p", true);
    else
        fold(w, "v");
}

/* Element l + h of the arrays into element l. */
static void fold_element(const struct row *w, const char *h)
{
    struct render *r = w->t->r;
    pt2_say(r, "%s v = %s[l + %s];", pt2_c_type(w->dtype), w->position ? "best" : "a", h);
    if (w->position)
        pt2_say(r, "int p = at[l + %s];", h);
    fold_other(w);
    pt2_say(r, "}");
}

static void fold_array(const struct row *w)
{
    struct render *r = w->t->r;
    int h = w->t->rows->lanes / 2;
    char number[16];
    for (; h >= FEW_LANES; h /= 2) {
        snprintf(number, sizeof number, "%d", h);
        pt2_say(r, "LANES for (int l = 0; l < %d; l++) {", h);
        fold_element(w, number);
    }
    pt2_say(r, "for (int h = %d; h > 0; h /= 2) {", h);
    pt2_say(r, "for (int l = 0; l < h; l++) {");
    fold_element(w, "h");
    pt2_say(r, "}");
}

static void say_to_shared(const struct row *w, const char *place)
{
    const char *type = pt2_suffix(w->dtype), *name = w->position ? "best" : "a";
    bool flag = w->dtype == PT2_BOOL;
    pt2_say(w->t->r, "s_%s[%s] = %s%s%s;", type, place, flag ? "pt_cvt_bool_i32(" : "", name, flag ? ")" : "");
    if (w->position)
        pt2_say(w->t->r, "s_at[%s] = at;", place);
}

static void say_from_shared(const struct row *w, const char *name, const char *at, const char *place)
{
    const char *type = pt2_suffix(w->dtype);
    pt2_say(w->t->r, "%s = s_%s[%s]%s;", name, type, place, w->dtype == PT2_BOOL ? " != 0" : "");
    if (w->position)
        pt2_say(w->t->r, "%s = s_at[%s];", at, place);
}

/* Folds n shared results from `first` on, `step` apart, into this lane's. */
static void fold_shared(const struct row *w, const char *first, int n, int step)
{
    struct render *r = w->t->r;
    char place[64], name[32];
    say_from_shared(w, w->position ? "best" : "a", "at", first);
    pt2_say(r, "for (int k = 1; k < %d; k++) {", n);
    snprintf(place, sizeof place, "%s + k * %d", first, step);
    snprintf(name, sizeof name, "%s v", pt2_c_type(w->dtype));
    say_from_shared(w, name, "int p", place);
    fold_other(w);
    pt2_say(r, "}");
}

static bool four_bytes(int dtype)
{
    const char *type = pt2_suffix(dtype);
    return !strcmp(type, "f32") || !strcmp(type, "i32") || !strcmp(type, "u32");
}

/* Whether the stage's lanes swap their results. */
static bool swaps(const struct team *t, int number)
{
    return t->rows->swaps && four_bytes(t->r->k->stages[number].body->dtype);
}

/* With the neighbour, with the neighbouring pair, and so on: all lanes add the same numbers in the same pairs. */
static void fold_swapped(const struct row *w)
{
    struct render *r = w->t->r;
    const char *type = pt2_suffix(w->dtype), *name = w->position ? "best" : "a";
    for (int k = 1; k < w->t->rows->lanes; k *= 2) {
        pt2_say(r, "{");
        pt2_say(r, "%s v = pt_swap_%s(%s, %d);", pt2_c_type(w->dtype), type, name, k);
        if (w->position)
            pt2_say(r, "int p = pt_swap_i32(at, %d);", k);
        fold_other(w);
        pt2_say(r, "}");
    }
}

/* Two steps rather than a tree: barriers cost more than the reads of one lane. A reduction that follows may write its
 * results while lanes still read these: few lanes take turns with two parts of the array; many have the second step's
 * results in a part of their own, which the next reduction writes behind another barrier. */
static void fold_lanes(const struct row *w)
{
    struct render *r = w->t->r;
    int lanes = w->t->rows->lanes, part = w->t->reductions++ % 2 * lanes, n = lanes > 64 ? 16 : 8;
    char place[32];
    snprintf(place, sizeof place, "lane + %d", lanes > FEW_LANES ? 0 : part);
    say_to_shared(w, place);
    pt2_say(r, "BARRIER();");
    if (lanes > FEW_LANES) {
        pt2_say(r, "if (lane < %d) {", n);
        fold_shared(w, "lane", lanes / n, n);
        snprintf(place, sizeof place, "lane + %d", lanes);
        say_to_shared(w, place);
        pt2_say(r, "}");
        pt2_say(r, "BARRIER();");
        part = lanes;
    }
    snprintf(place, sizeof place, "%d", part);
    fold_shared(w, place, lanes > FEW_LANES ? n : lanes, 1);
}

/* ---- stages ---- */

static struct row count_row(struct team *t, int number)
{
    const struct pt2_stage *s = &t->r->k->stages[number];
    struct row w = { t, s, &t->rows->stages[number], { t->r->order, 0 }, number, s->dtype, false };
    w.position = s->kind == PT2_STAGE_REDUCE && pt2_gives_position(s->op);
    if (w.position)
        w.dtype = s->body->dtype;
    for (int k = 0; k < w.rs->places; k++) {
        w.names = pt2_render_count(t->r, w.names, w.rs->body[k]);
        if (w.position)
            w.names = pt2_render_count(t->r, w.names, w.rs->position[k]);
    }
    if (s->kind == PT2_STAGE_STORE)
        w.names = pt2_render_count(t->r, w.names, w.rs->index[0]);
    return w;
}

static void reduce(struct row *w)
{
    struct render *r = w->t->r;
    pt2_say(r, "%s r%d;", pt2_c_type(w->s->dtype), w->number);
    pt2_render_names(r, &w->names, 0, w->s->num_loops);
    pt2_say(r, "{");
    say_start(w);
    say_loops(w);
    if (w->t->rows->form == PT2_ROWS_VECTOR)
        fold_array(w);
    else if (swaps(w->t, w->number))
        fold_swapped(w);
    else
        fold_lanes(w);
    say_result(w);
    pt2_say(r, "}");
}

static void store(struct row *w)
{
    struct render *r = w->t->r;
    pt2_render_names(r, &w->names, 0, w->s->num_loops);
    if (w->s->num_loops) {
        pt2_say(r, "{");
        say_loops(w);
    } else {
        pt2_say(r, "if (lane == 0) {");
        say_stored(w);
    }
    pt2_say(r, "}");
}

static void stage(struct team *t, int number)
{
    const struct pt2_stage *s = &t->r->k->stages[number];
    bool alone = s->kind == PT2_STAGE_STORE && t->rows->form == PT2_ROWS_GROUP;
    if (!t->rows->stages[number].shared && !alone) {
        pt2_render_stage(t->r, number);
        return;
    }
    struct row w = count_row(t, number);
    if (s->kind == PT2_STAGE_STORE)
        store(&w);
    else
        reduce(&w);
    pt2_render_forget_loops(t->r, &w.names);
}

/* ---- kernels ---- */

/* The stage's lanes combine what they have in shared memory. */
static bool shares_memory(const struct team *t, int number)
{
    return t->rows->stages[number].shared && t->r->k->stages[number].kind == PT2_STAGE_REDUCE && !swaps(t, number);
}

static bool seen_before(const struct team *t, int number, int dtype)
{
    const struct render *r = t->r;
    for (int k = 0; k < number; k++)
        if (shares_memory(t, k) &&
            !strcmp(pt2_suffix(r->k->stages[k].body->dtype), pt2_suffix(dtype)))
            return true;
    return false;
}

/* Returns whether anything is. */
static bool say_shared(struct team *t)
{
    struct render *r = t->r;
    bool positions = false, any = false;
    for (int k = 0; k < r->k->num_stages; k++) {
        const struct pt2_stage *s = &r->k->stages[k];
        if (!shares_memory(t, k))
            continue;
        any = true;
        int type = s->body->dtype;
        if (!seen_before(t, k, type))
            pt2_say(r, "SHARED(%s, s_%s, %d);", type == PT2_BOOL ? "int" : pt2_c_type(type), pt2_suffix(type),
                    2 * t->rows->lanes);
        positions |= pt2_gives_position(s->op);
    }
    if (positions)
        pt2_say(r, "SHARED(int, s_at, %d);", 2 * t->rows->lanes);
    return any;
}

struct body pt2_rows_count_stored(struct render *r, struct body b, int number)
{
    const struct pt2_rows_stage *rs = &r->k->rows->stages[number];
    for (int k = 0; k < rs->places; k++)
        b = pt2_render_count(r, b, rs->body[k]);
    return pt2_render_count(r, b, rs->index[0]);
}

void pt2_rows_say_stored(struct render *r, int number)
{
    struct team t = { r, r->k->rows, "", 0 };
    struct row w = { .t = &t, .s = &r->k->stages[number], .rs = &t.rows->stages[number] };
    say_stored(&w);
}

/* ---- four points of an invocation ---- */

static void say_four_values(const struct row *w)
{
    struct render *r = w->t->r;
    char text[64];
    for (int k = 0; k < PT2_PLACES; k++) {
        snprintf(text, sizeof text, "%s r%d = ", pt2_c_type(w->s->dtype),
                 pt2_place_reg(r->k->num_stages, w->number, k));
        pt2_say_value(r, text, w->rs->body[k]);
    }
}

static void say_four_stores(const struct row *w)
{
    struct render *r = w->t->r;
    if (!w->rs->apart) {
        say_stored(w);
        return;
    }
    for (int k = 0; k < PT2_PLACES; k++) {
        pt2_say_begin(r, "pt_st_%s(b%d, ", pt2_storage_name(r->k->bufs[w->s->buf].dtype), w->s->buf);
        pt2_render_expr(r, w->rs->index[k]);
        pt2_str_add(&r->out, ", ");
        pt2_render_expr(r, w->rs->body[k]);
        pt2_say_end(r, ");");
    }
}

static void say_four_sums(const struct row *w)
{
    struct render *r = w->t->r;
    const struct pt2_stage *s = w->s;
    const char *type = pt2_c_type(s->dtype);
    char a[24];
    for (int k = 0; k < PT2_PLACES; k++) {
        pt2_say_begin(r, "%s r%d = ", type, pt2_place_reg(r->k->num_stages, w->number, k));
        pt2_render_neutral(r, s->op, s->dtype);
        pt2_say_end(r, ";");
    }
    for (int k = 1; k <= s->num_loops; k++) {
        pt2_say(r, "LOOP for (int i%d = 0; i%d < %s; i%d++) {", k, k, pt2_number(s->loops[k - 1]).text, k);
        pt2_render_names(r, &w->names, k, s->num_loops);
    }
    for (int k = 0; k < PT2_PLACES; k++) {
        snprintf(a, sizeof a, "r%d", pt2_place_reg(r->k->num_stages, w->number, k));
        pt2_say(r, "{");
        pt2_say_begin(r, "%s v = ", type);
        pt2_render_expr(r, w->rs->body[k]);
        pt2_say_end(r, ";");
        pt2_say_begin(r, "%s = ", a);
        pt2_render_combine(r, s->op, s->dtype, a, "v");
        pt2_say_end(r, ";");
        pt2_say(r, "}");
    }
    for (int k = 0; k < s->num_loops; k++)
        pt2_say(r, "}");
}

static void say_four(struct team *t, int number)
{
    struct row w = count_row(t, number);
    for (int k = 1; k < PT2_PLACES && w.rs->apart; k++)
        w.names = pt2_render_count(t->r, w.names, w.rs->index[k]);
    pt2_render_names(t->r, &w.names, 0, w.s->num_loops);
    if (w.s->kind == PT2_STAGE_LET) {
        say_four_values(&w);
    } else if (w.s->kind == PT2_STAGE_REDUCE) {
        say_four_sums(&w);
    } else {
        pt2_say(t->r, "{");
        say_four_stores(&w);
        pt2_say(t->r, "}");
    }
    pt2_render_forget_loops(t->r, &w.names);
}

static void quads(struct team *t)
{
    struct render *r = t->r;
    pt2_say(r, "int point = GLOBAL_ID();");
    pt2_say(r, "if (point < %s) {", pt2_number(r->k->points).text);
    for (int k = 0; k < r->k->num_stages; k++)
        say_four(t, k);
    pt2_say(r, "}");
}

void pt2_rows_render(struct render *r)
{
    const struct pt2_rows *rows = r->k->rows;
    struct team t = { r, rows, rows->form == PT2_ROWS_VECTOR ? "[l]" : "", 0 };
    if (rows->form == PT2_ROWS_QUADS) {
        quads(&t);
        return;
    }
    if (rows->form == PT2_ROWS_LANES) {
        pt2_rows_lanes_render(r);
        return;
    }
    bool shared = false;
    if (rows->form == PT2_ROWS_GROUP) {
        shared = say_shared(&t);
        pt2_say(r, "int lane = LOCAL_ID();");
    }
    pt2_say(r, "LOOP for (int point = GROUP_ID() * %d, end = min(point + %d, %s); point < end; point++) {",
            rows->points, rows->points, pt2_number(r->k->points).text);
    for (int k = 0; k < r->k->num_stages; k++)
        stage(&t, k);
    if (shared && rows->points > 1)
        pt2_say(r, "BARRIER();");
    pt2_say(r, "}");
}
