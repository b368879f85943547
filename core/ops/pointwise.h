/* SPDX-License-Identifier: MIT
 *
 * Elementwise operators: their operands, broadcast and converted to the dtype that PyTorch computes in.
 *
 *     struct op_pw p;
 *     op_pw_open(L, &p, OP_SAME, 2, "self", "other");
 *     op_pw_return(L, &p, pt2_add(L->E, p.v[0], p.v[1]));
 */
#ifndef PT2_OPS_POINTWISE_H
#define PT2_OPS_POINTWISE_H

#include "ops/lower.h"
#include "ops/math.h"

enum { OP_PW_MAX = 4 };

enum op_rule {
    OP_SAME,    /* computed in the promoted dtype */
    OP_FLOAT,   /* likewise, but integers become the default float */
    OP_ROUNDED, /* promoted, and numbers are rounded to that dtype: comparisons, where, maximum */
};

struct op_pw {
    pt2_dtype dtype; /* promoted; half types compute in float32 */
    bool is_complex; /* c is filled in, otherwise v */
    int n, rank;
    pt2_ex *shape, *index; /* of the result */
    pt2_t *t[OP_PW_MAX];   /* operands; NULL: a number, or missing */
    pt2_ex v[OP_PW_MAX];   /* NULL: missing */
    struct pt2_complex c[OP_PW_MAX];
};

/* Whether the argument is there and is a tensor, not a number. */
bool op_is_tensor(struct pt2_lower *L, const char *name);

/* n names, each of a tensor or a number; "?name" may be missing. */
void op_pw_open(struct pt2_lower *L, struct op_pw *p, enum op_rule rule, int n, ...);
/* Likewise over tensors; the result has their broadcast shape. */
void op_pw_tensors(struct pt2_lower *L, struct op_pw *p, int n, pt2_t *const *tensors);
/* Element of a tensor broadcast to p's shape, converted to `dtype` (a real one). */
pt2_ex op_pw_read(struct pt2_lower *L, const struct op_pw *p, pt2_t *t, pt2_dtype dtype);
/* A result of p's shape; the body may have any type. */
pt2_t *op_pw_map(struct pt2_lower *L, const struct op_pw *p, pt2_dtype dtype, pt2_ex body);
pt2_t *op_pw_map_c(struct pt2_lower *L, const struct op_pw *p, pt2_dtype dtype, struct pt2_complex body);
/* Result 0, in the dtype that the file says. */
void op_pw_return(struct pt2_lower *L, const struct op_pw *p, pt2_ex body);
void op_pw_return_c(struct pt2_lower *L, const struct op_pw *p, struct pt2_complex body);
/* Fails when p is complex. */
void op_pw_real(struct pt2_lower *L, const struct op_pw *p);

/* Shared formulas. */
pt2_ex op_ex_sigmoid(struct pt2_lower *L, pt2_ex x);
pt2_ex op_ex_to_bool(struct pt2_lower *L, pt2_ex x); /* x != 0 */
pt2_ex op_ex_log1p_exp(struct pt2_lower *L, pt2_ex x);

#endif
