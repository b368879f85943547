/* SPDX-License-Identifier: MIT
 * Neighbouring points as lanes of vectors: windows, which are too short to be shared, and whatever else neighbours read
 * from places that lie at one distance. A loop over the points of a stretch is the innermost one, so each stage has an
 * array of its results. */
#include "expr/internal.h"
#include "kernel/contract_text.h"
#include "kernel/rows.h"
#include "kernel/tiles.h"

#include <stdio.h>

enum {
    LANE_AXIS = PT2_PLACE_AXIS, /* VAR of the point in its line */
    STRETCH = 64,               /* points */
    MIN_LINE = 8,
    MAX_STEP = 4,               /* from what a point reads to what the next one does */
};

/* ---- which kernels ---- */

/* The stage reduces over loops what neighbouring points read at one distance. */
static bool pays(struct pt2_exprs *E, const struct pt2_stage *s, int var)
{
    struct pt2_bounds b;
    if (s->kind != PT2_STAGE_REDUCE || !s->num_loops)
        return false;
    pt2_bounds_find(E, s->body, var, NULL, &b);
    return pt2_reads_near(E, b.inner ? b.inner : s->body, var, MAX_STEP);
}

static bool possible(const struct pt2_stage *s)
{
    return s->kind == PT2_STAGE_LET || (s->kind == PT2_STAGE_REDUCE && !pt2_gives_position(s->op)) ||
           (s->kind == PT2_STAGE_STORE && s->op == PT2_RED_SET && !s->cond && !s->ordered);
}

/* Outside of the bounds nothing changes the result. */
static bool neutral_outside(const struct pt2_stage *s, const struct pt2_bounds *b)
{
    if (!b->outside || !pt2_is_float_type(b->outside->dtype))
        return false;
    double neutral = s->op == PT2_RED_MAX ? -__builtin_inf() : s->op == PT2_RED_MIN ? __builtin_inf() : 0;
    return (s->op == PT2_RED_MAX || s->op == PT2_RED_MIN || s->op == PT2_RED_SUM) && b->outside->f == neutral;
}

/* The last axis becomes LANE_AXIS in the stages, and counts stretches. */
static void use_lanes(struct pt2_exprs *E, struct pt2_stage *stages, int num_stages, int axis, pt2_ex *extent,
                      struct pt2_rows *rows)
{
    pt2_ex to[PT2_OUTER_AXIS + 2 * PT2_MAX_RANK] = { 0 }, stretch = pt2_idx(E, STRETCH);
    int var = PT2_OUTER_AXIS + axis;
    rows->line = *extent;
    *extent = pt2_floordiv(E, pt2_addi(E, *extent, STRETCH - 1), stretch);
    rows->stretch = pt2_muli(E, pt2_var(E, var, *extent), STRETCH);
    to[var] = pt2_var(E, LANE_AXIS, rows->line);
    for (int k = 0; k < num_stages; k++) {
        struct pt2_stage *s = &stages[k];
        struct pt2_bounds *b = &rows->stages[k].bounds;
        s->body = pt2_subst_vars(E, s->body, var + 1, to);
        s->index = s->index ? pt2_subst_vars(E, s->index, var + 1, to) : NULL;
        if (s->kind == PT2_STAGE_REDUCE)
            pt2_bounds_find(E, s->body, LANE_AXIS, NULL, b);
        if (!neutral_outside(s, b))
            *b = (struct pt2_bounds){ 0 };
        rows->stages[k].step = pt2_load_step(E, b->inner ? b->inner : s->body, LANE_AXIS);
    }
}

bool pt2_rows_lanes_find(struct pt2_exprs *E, struct pt2_stage *stages, int num_stages, int rank, pt2_ex *extents,
                         const struct pt2_caps *caps, struct pt2_rows *rows)
{
    int last = rank - 1;
    bool any = false;
    while (last >= 0 && pt2_is_int(extents[last], 1))
        last--;
    if (last < 0 || !caps->wide_vectors || extents[last]->hi < MIN_LINE)
        return false;
    for (int k = 0; k < num_stages; k++) {
        if (!possible(&stages[k]))
            return false;
        any |= pays(E, &stages[k], PT2_OUTER_AXIS + last);
    }
    if (!any)
        return false;
    use_lanes(E, stages, num_stages, last, &extents[last], rows);
    rows->form = PT2_ROWS_LANES;
    rows->lanes = pt2_tiles_lanes(caps);
    return true;
}

/* ---- text ---- */

/* Opens the loop over lanes from `from` to `to`: there `i<LANE_AXIS>` is the point, `r<k>` what stages before have. */
static void open_lanes(struct render *r, int number, const char *from, const char *to)
{
    pt2_say(r, "LANES_OF(%d) for (int l = %s; l < %s; l++) {", r->k->rows->lanes, from, to);
    pt2_say(r, "int i%d = last + l;", LANE_AXIS);
    for (int k = 0; k < number; k++)
        if (r->k->stages[k].kind != PT2_STAGE_STORE)
            pt2_say(r, "%s r%d = a%d[l];", pt2_c_type(r->k->stages[k].dtype), k, k);
}

static void open_loops(struct render *r, const struct pt2_stage *s, const struct body *names)
{
    pt2_render_names(r, names, 0, s->num_loops + 1);
    for (int k = 1; k <= s->num_loops; k++) {
        pt2_say(r, "LOOP for (int i%d = 0; i%d < %s; i%d++) {", k, k, pt2_number(s->loops[k - 1]).text, k);
        pt2_render_names(r, names, k, s->num_loops + 1);
    }
}

static void close_loops(struct render *r, const struct pt2_stage *s)
{
    for (int k = 0; k < s->num_loops; k++)
        pt2_say(r, "}");
}

/* Every second element: the driver would do the last ones one by one. */
static void say_copied(struct render *r, pt2_ex value, const struct body *names, int level)
{
    pt2_say(r, "if (lo < hi) {");
    pt2_say(r, "int i%d = last + lo;", LANE_AXIS);
    pt2_render_names(r, names, level, level);
    pt2_say_begin(r, "pt_copy_2(some, b%lld + ", (long long)value->i);
    pt2_render_expr(r, value->args[0]);
    pt2_say_end(r, ", hi - lo);");
    pt2_say(r, "}");
}

/* Opens the loop over lanes, where what they reduce is `v`. */
static void say_values(struct render *r, int number, const struct body *names)
{
    const struct pt2_stage *s = &r->k->stages[number];
    const struct pt2_rows_stage *rs = &r->k->rows->stages[number];
    pt2_ex value = rs->bounds.inner ? rs->bounds.inner : s->body;
    if (rs->step == 2 && r->k->bufs[value->i].dtype == PT2_F32) {
        pt2_say(r, "float some[%d];", STRETCH);
        say_copied(r, value, names, s->num_loops + 1);
        pt2_say(r, "LANES_OF(%d) for (int l = lo; l < hi; l++) {", r->k->rows->lanes);
        pt2_say(r, "float v = some[l - lo];");
        return;
    }
    open_lanes(r, number, "lo", "hi");
    pt2_render_names(r, names, s->num_loops + 1, s->num_loops + 1);
    pt2_say_begin(r, "%s v = ", pt2_c_type(s->body->dtype));
    pt2_render_expr(r, value);
    pt2_say_end(r, ";");
}

static void say_reduce(struct render *r, int number, const struct body *names)
{
    const struct pt2_stage *s = &r->k->stages[number];
    const struct pt2_bounds *b = &r->k->rows->stages[number].bounds;
    char a[24];
    snprintf(a, sizeof a, "a%d[l]", number);
    pt2_say(r, "LANES_OF(%d) for (int l = 0; l < len; l++) {", r->k->rows->lanes);
    pt2_say_begin(r, "%s = ", a);
    pt2_render_neutral(r, s->op, s->dtype);
    pt2_say_end(r, ";");
    pt2_say(r, "}");
    open_loops(r, s, names);
    if (b->inner)
        pt2_bounds_say(r, b);
    else
        pt2_say(r, "int lo = 0, hi = len;");
    say_values(r, number, names);
    pt2_say_begin(r, "%s = ", a);
    pt2_render_combine(r, s->op, s->dtype, a, "v");
    pt2_say_end(r, ";");
    pt2_say(r, "}");
    close_loops(r, s);
}

static void say_store(struct render *r, int number, const struct body *names)
{
    const struct pt2_stage *s = &r->k->stages[number];
    open_loops(r, s, names);
    open_lanes(r, number, "0", "len");
    pt2_render_names(r, names, s->num_loops + 1, s->num_loops + 1);
    if (s->kind == PT2_STAGE_LET) {
        pt2_say_begin(r, "a%d[l] = ", number);
        pt2_render_expr(r, s->body);
        pt2_say_end(r, ";");
    } else {
        pt2_say_begin(r, "pt_st_%s(b%d, ", pt2_storage_name(r->k->bufs[s->buf].dtype), s->buf);
        pt2_render_expr(r, s->index);
        pt2_str_add(&r->out, ", ");
        pt2_render_expr(r, s->body);
        pt2_say_end(r, ");");
    }
    pt2_say(r, "}");
    close_loops(r, s);
}

static void say_stage(struct render *r, int number)
{
    const struct pt2_stage *s = &r->k->stages[number];
    const struct pt2_bounds *b = &r->k->rows->stages[number].bounds;
    struct body names = { r->order, 0 };
    r->axis_level[LANE_AXIS] = r->reg_level = s->num_loops + 1;
    names = pt2_render_count(r, names, b->inner ? b->inner : s->body);
    names = pt2_bounds_count(r, names, b);
    if (s->index)
        names = pt2_render_count(r, names, s->index);
    if (s->kind != PT2_STAGE_STORE)
        pt2_say(r, "%s a%d[%d];", pt2_c_type(s->dtype), number, STRETCH);
    pt2_say(r, "{");
    if (s->kind == PT2_STAGE_REDUCE)
        say_reduce(r, number, &names);
    else
        say_store(r, number, &names);
    pt2_say(r, "}");
    pt2_render_forget(r, &names);
}

void pt2_rows_lanes_render(struct render *r)
{
    const struct pt2_rows *rows = r->k->rows;
    pt2_say(r, "LOOP for (int point = GROUP_ID() * %d, end = min(point + %d, %s); point < end; point++) {",
            rows->points, rows->points, pt2_number(r->k->points).text);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, rows->stretch);
    pt2_say_value(r, "int last = ", rows->stretch);
    pt2_render_forget(r, &b);
    pt2_say_begin(r, "int len = min(%d, ", STRETCH);
    pt2_render_expr(r, rows->line);
    pt2_say_end(r, " - last);");
    for (int k = 0; k < r->k->num_stages; k++)
        say_stage(r, k);
    pt2_say(r, "}");
}
