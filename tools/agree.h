/* SPDX-License-Identifier: MIT
 *
 * Comparison of a run's outputs with stored ones.
 */
#ifndef PT2_TOOLS_AGREE_H
#define PT2_TOOLS_AGREE_H

#include "base/npz.h"
#include "tools/rounding.h"

#include <stdbool.h>

struct agreement {
    int compared;          /* outputs */
    bool same;             /* all within tolerance */
    bool rounding;         /* …or as near as rounding lets them be */
    double max_abs;        /* largest difference of any element */
    double largest;        /* largest magnitude among the stored outputs of floating dtype */
    double relative;       /* largest of: difference / largest magnitude of the same output */
    char difference[512];  /* the first output that differs, and how; "" when none does */
};

/* What measures how much rounding matters (rounding.h), asked for where outputs differ by more than their tolerance. */
struct agree_again {
    pt2_status (*measure)(void *ctx, struct rounding *out);
    void *ctx;
};

/* Compares out_0, out_1, ... of `want` with those of `got`. Dtypes and shapes must match; integers and bools be equal;
 * floats differ by at most a fraction of their output's largest magnitude, which depends on the dtype: 1e-4 for
 * float32 and wider, 2e-3 float16, 1.6e-2 bfloat16. NaN equals NaN. bfloat16 and float8 may be stored as float32,
 * bfloat16 as its bits in uint16. With `again`, what differs by more is compared once more, and passes where random
 * rounding moves it as far. Errors: INPUT when there is nothing to compare; those of `again`. */
PT2_MUST_USE pt2_status agree(const struct pt2_npz *got, const struct pt2_npz *want, const char *want_path,
                              const struct agree_again *again, struct agreement *out);
/* One line, "largest difference 1.2e-07, ..." */
void agreement_text(const struct agreement *a, const char *want_path, char *text, size_t cap);

#endif
