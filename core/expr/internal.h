/* SPDX-License-Identifier: MIT
 *
 * What the files of expr/ share: interning, and sums of products as lists of terms.
 */
#ifndef PT2_EXPR_INTERNAL_H
#define PT2_EXPR_INTERNAL_H

#include "expr/expr.h"

/* Finds or makes the node; no simplification. */
pt2_ex pt2_intern(struct pt2_exprs *E, int op, int dtype, int64_t i, double f, int num_args, const pt2_ex *args);

/* Range of a new integer, bool or index node, from its arguments'. */
void pt2_range_of(struct pt2_expr *e);

/* Values that an integer type can hold, as far as int64 and PT2_INF tell. */
int64_t pt2_type_lo(int dtype);
int64_t pt2_type_hi(int dtype);
/* Wraps to the width of an integer or bool type. */
int64_t pt2_wrap(int dtype, int64_t i);

static inline int64_t pt2_min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t pt2_max64(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t pt2_sat_add(int64_t a, int64_t b); /* saturates at ±PT2_INF */
/* Whether converting e to the type keeps its value, whatever that is. */
bool pt2_exact_in(int dtype, pt2_ex e);
int64_t pt2_sat_mul(int64_t a, int64_t b);
int64_t pt2_floordiv64(int64_t a, int64_t b); /* b != 0 */

/* A PT2_IDX expression as constant + Σ coef·atom. An atom is neither a constant nor a sum, and a product atom has no
 * constant factor. Terms are distinct and sorted by the atom's id. */
enum { PT2_MAX_TERMS = 96 };
struct pt2_term {
    int64_t coef;
    pt2_ex atom;
};
struct pt2_sum {
    int64_t constant;
    int count;
    struct pt2_term terms[PT2_MAX_TERMS];
};

bool pt2_sum_of(struct pt2_exprs *E, pt2_ex e, struct pt2_sum *out); /* false: too many terms */
bool pt2_sum_add(struct pt2_exprs *E, struct pt2_sum *s, int64_t factor, pt2_ex e); /* s += factor * e */
pt2_ex pt2_sum_build(struct pt2_exprs *E, struct pt2_sum *s);        /* recombines div and mod */
pt2_ex pt2_term_build(struct pt2_exprs *E, int64_t coef, pt2_ex atom);
/* coef·atom divided by the monomial c exactly; false when it does not divide. */
bool pt2_term_divide(struct pt2_exprs *E, struct pt2_term t, pt2_ex c, struct pt2_term *out);
/* Constant factor and the rest of a monomial: 6*s0*s1 -> 6, s0*s1 (NULL for a pure constant). */
int64_t pt2_monomial(struct pt2_exprs *E, pt2_ex e, pt2_ex *out_atom);

pt2_ex pt2_simplify_index(struct pt2_exprs *E, int op, pt2_ex a,
                          pt2_ex b); /* ADD MUL FLOORDIV FLOORMOD MIN MAX of PT2_IDX */
pt2_ex pt2_fold(struct pt2_exprs *E, int op, int dtype, pt2_ex a, pt2_ex b); /* of constants; NULL: leave it */

/* Builds an index expression again from its leaves, as the constructors now simplify (E->expanding); loads, conditions
 * and other data inside it are left as they are. */
pt2_ex pt2_rebuild_index(struct pt2_exprs *E, pt2_ex e);

#endif
