/* SPDX-License-Identifier: MIT
 * Keys behind the last one that any row of a tile takes part in are not visited: as causal attention has them, and a
 * cache that is longer than what it holds. They are known where the graph chooses between a score and -inf by a
 * comparison of the key with a number that a row has; what is left out of the sums are zeros. */
#include "expr/internal.h"
#include "kernel/attention_text.h"
#include "kernel/bounds.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

static bool is_key(pt2_ex e)
{
    return e->op == PT2_E_CAST ? is_key(e->args[0]) : e->op == PT2_E_VAR && e->i == PT2_KEY_AXIS;
}

/* As a number that indices can be compared with, or NULL. */
static pt2_ex as_index(struct pt2_exprs *E, pt2_ex e)
{
    if (e->dtype == PT2_I64) {
        e = pt2_max(E, pt2_min(E, e, pt2_int(E, PT2_I64, INT32_MAX)), pt2_int(E, PT2_I64, -1));
        return pt2_cast(E, PT2_I32, e);
    }
    return e->dtype == PT2_IDX || e->dtype == PT2_I32 ? e : NULL;
}

/* The number that no key is larger than for which the condition holds; NULL: there is none. */
static pt2_ex last_of(struct pt2_exprs *E, pt2_ex cond)
{
    if (cond->op == PT2_E_AND) {
        pt2_ex first = last_of(E, cond->args[0]);
        return first ? first : last_of(E, cond->args[1]);
    }
    if ((cond->op != PT2_E_LT && cond->op != PT2_E_LE) || !is_key(cond->args[0]) ||
        pt2_depends_on(cond->args[1], PT2_KEY_AXIS))
        return NULL;
    pt2_ex last = as_index(E, cond->args[1]);
    return last && cond->op == PT2_E_LT ? pt2_sub(E, last, pt2_int(E, last->dtype, 1)) : last;
}

pt2_ex pt2_attention_last_key(struct pt2_exprs *E, pt2_ex masked)
{
    if (masked->op == PT2_E_ROUNDTO)
        return pt2_attention_last_key(E, masked->args[0]);
    if (masked->op != PT2_E_SELECT || !pt2_is_const(masked->args[2]) || masked->args[2]->f != -INFINITY)
        return NULL;
    pt2_ex last = last_of(E, masked->args[0]);
    return last ? last : pt2_attention_last_key(E, masked->args[1]);
}

/* For the rows of a loop that the line opens, `to` = the last key. */
static void say_loop(struct att *p, const char *loop, const char *to, const char *end)
{
    struct render *r = p->r;
    pt2_set_levels(r, &p->batch, 0);
    pt2_set_levels(r, &p->rows, 0);
    struct body b = pt2_render_count(r, (struct body){ r->order, 0 }, p->last);
    pt2_say(r, "%s", loop);
    pt2_say(r, "int q = first_row + y;");
    pt2_say_split(r, &p->rows, "int i", "");
    pt2_render_names(r, &b, 0, 0);
    pt2_say_begin(r, "%s", to);
    pt2_render_expr(r, p->last);
    pt2_say_end(r, end);
    pt2_say(r, "}");
    pt2_render_forget(r, &b);
}

void pt2_say_last_keys(struct att *p)
{
    struct render *r = p->r;
    if (!p->last)
        return;
    if (p->a->form == PT2_CONTRACT_PACKED) {
        pt2_say(r, "int behind = -1;");
        say_loop(p, "for (int y = 0; y < in_rows; y++) {", "behind = max(behind, ", ");");
    } else {
        char loop[64];
        snprintf(loop, sizeof loop, "for (int y = me; y < in_rows; y += %d) {", pt2_attention_local_size(p->a));
        say_loop(p, loop, "last_key[y] = ", ";");
        pt2_say(r, "BARRIER();");
        pt2_say(r, "int behind = -1;");
        pt2_say(r, "for (int y = 0; y < in_rows; y++)");
        pt2_say(r, "    behind = max(behind, last_key[y]);");
    }
    pt2_say(r, "keys = min(keys - 1, behind) + 1;");
}
