/* SPDX-License-Identifier: MIT
 * Which expressions are halves. */
#include "kernel/halves.h"

#include "expr/internal.h"
#include "kernel/kernel.h"

enum { HALF_INTEGERS = 2048 /* up to here float16 has all */ };

pt2_dtype pt2_dtype_of_buf(const void *ctx, int64_t number)
{
    return ((const struct pt2_kernel_buf *)ctx)[number].dtype;
}

pt2_dtype pt2_dtype_of_value(const void *ctx, int64_t number)
{
    return ((const struct pt2_module *)ctx)->values.data[number]->dtype;
}

static bool is_small_integer(pt2_ex e)
{
    return !pt2_is_float_type(e->dtype) && e->dtype != PT2_U64 && e->lo >= -HALF_INTEGERS && e->hi <= HALF_INTEGERS;
}

bool pt2_is_half(pt2_ex e, pt2_dtype_of *dtype_of, const void *ctx)
{
    switch (e->op) {
    case PT2_E_LOAD: return dtype_of(ctx, e->i) == PT2_F16;
    case PT2_E_ROUNDTO: return e->i == PT2_F16;
    case PT2_E_CONST: return e->f == 0;
    case PT2_E_CAST: return is_small_integer(e->args[0]);
    case PT2_E_SELECT: return pt2_is_half(e->args[1], dtype_of, ctx) && pt2_is_half(e->args[2], dtype_of, ctx);
    default: return false;
    }
}
