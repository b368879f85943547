/* SPDX-License-Identifier: MIT
 *
 * Special functions as expressions of float type.
 */
#ifndef PT2_OPS_SPECIAL_H
#define PT2_OPS_SPECIAL_H

#include "expr/expr.h"

pt2_ex op_ex_i0(struct pt2_exprs *E, pt2_ex x);  /* modified Bessel function of the first kind */
pt2_ex op_ex_i0e(struct pt2_exprs *E, pt2_ex x); /* … times exp(-|x|) */
pt2_ex op_ex_i1(struct pt2_exprs *E, pt2_ex x);
pt2_ex op_ex_i1e(struct pt2_exprs *E, pt2_ex x);

#endif
