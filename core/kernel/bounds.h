/* SPDX-License-Identifier: MIT
 *
 * Bounds: the stretch of one variable in which the conditions of an expression are known to hold, so that a loop over
 * it neither compares nor clamps: the inner part of a padded line.
 */
#ifndef PT2_KERNEL_BOUNDS_H
#define PT2_KERNEL_BOUNDS_H

#include "kernel/render.h"

enum { PT2_MAX_BOUNDS = 8 };

struct pt2_bounds {
    pt2_ex inner;   /* the value where all bounds hold; NULL: there are none */
    int count;
    struct pt2_bound { pt2_ex rest; int64_t step; } of[PT2_MAX_BOUNDS]; /* each: rest + step * variable >= 0 */
    pt2_ex outside; /* a constant: the value where a bound does not hold; NULL: it is none */
    pt2_ex when;    /* `inner` holds only where this does; else the value is `outside`. NULL: always */
};

/* e with another expression for the variable. */
pt2_ex pt2_with(struct pt2_exprs *E, pt2_ex e, int var, pt2_ex by);
/* What e grows by when the variable does by one. */
pt2_ex pt2_slope(struct pt2_exprs *E, pt2_ex e, int var);
bool pt2_depends_on(pt2_ex e, int var);
/* The distance in memory of what a LOAD reads for neighbours along the variable; 0: it is no LOAD, or there is none. */
int pt2_load_step(struct pt2_exprs *E, pt2_ex e, int var);
/* Whether some LOAD in e has such a distance of 1 to `most`. */
bool pt2_reads_near(struct pt2_exprs *E, pt2_ex e, int var, int most);

/* `unread`: a place of the variable behind which nobody reads the value; NULL: everybody may. */
void pt2_bounds_find(struct pt2_exprs *E, pt2_ex value, int var, pt2_ex unread, struct pt2_bounds *b);
/* Calls `fn` for each expression. */
void pt2_bounds_exprs(struct pt2_bounds *b, pt2_ex (*fn)(void *ctx, pt2_ex e), void *ctx);
/* What the bounds are made of, without `inner`: counts it for names. */
struct body pt2_bounds_count(struct render *r, struct body names, const struct pt2_bounds *b);
/* Says from where to where `inner` holds, as `lo` and `hi`, for the `len` places from `last` on, counted from there. */
void pt2_bounds_say(struct render *r, const struct pt2_bounds *b);

#endif
