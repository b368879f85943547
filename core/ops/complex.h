/* SPDX-License-Identifier: MIT
 *
 * Arithmetic and elementary functions of complex expressions; both parts have one float type.
 */
#ifndef PT2_OPS_COMPLEX_H
#define PT2_OPS_COMPLEX_H

#include "ops/lower.h"

typedef struct pt2_complex pt2_cx;

pt2_cx op_c(pt2_ex re, pt2_ex im);
pt2_cx op_c_num(struct pt2_lower *L, pt2_ex like, double re, double im);
pt2_cx op_c_conj(struct pt2_lower *L, pt2_cx a);
pt2_cx op_c_neg(struct pt2_lower *L, pt2_cx a);
pt2_cx op_c_add(struct pt2_lower *L, pt2_cx a, pt2_cx b);
pt2_cx op_c_sub(struct pt2_lower *L, pt2_cx a, pt2_cx b);
pt2_cx op_c_mul(struct pt2_lower *L, pt2_cx a, pt2_cx b);
pt2_cx op_c_div(struct pt2_lower *L, pt2_cx a, pt2_cx b);
pt2_cx op_c_scale(struct pt2_lower *L, pt2_cx a, pt2_ex factor);
pt2_cx op_c_polar(struct pt2_lower *L, pt2_ex abs, pt2_ex angle);
pt2_cx op_c_exp(struct pt2_lower *L, pt2_cx a);
pt2_cx op_c_log(struct pt2_lower *L, pt2_cx a);
pt2_cx op_c_sqrt(struct pt2_lower *L, pt2_cx a);
pt2_cx op_c_pow(struct pt2_lower *L, pt2_cx a, pt2_cx b);
pt2_cx op_c_select(struct pt2_lower *L, pt2_ex cond, pt2_cx a, pt2_cx b);
pt2_ex op_c_abs(struct pt2_lower *L, pt2_cx a);
pt2_ex op_c_angle(struct pt2_lower *L, pt2_cx a);
pt2_ex op_c_eq(struct pt2_lower *L, pt2_cx a, pt2_cx b);
pt2_ex op_c_nonzero(struct pt2_lower *L, pt2_cx a);
/* sin, cos, tan, sinh, cosh, tanh, asin … atanh, exp, exp2, expm1, log, log2, log10, log1p, sqrt, rsqrt; false:
 * there is none. */
bool op_c_unary(struct pt2_lower *L, enum pt2_expr_op op, pt2_cx a, pt2_cx *out);

#endif
