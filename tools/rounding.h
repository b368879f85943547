/* SPDX-License-Identifier: MIT
 *
 * How much a model's outputs depend on rounding: those of the reference backend, and those of runs of it that round at
 * random. Where terms cancel, or values were rounded to float16 on the way, outputs that differ by as much are alike.
 */
#ifndef PT2_TOOLS_ROUNDING_H
#define PT2_TOOLS_ROUNDING_H

#include "base/npz.h"

enum { ROUNDING_RUNS = 4 };

/* Starts as all zeroes. */
struct rounding {
    struct pt2_npz plain, random[ROUNDING_RUNS]; /* out_0, out_1, ... */
};

/* Runs the model on the reference backend. `leaves`: one tensor per input leaf, PT2_NONE: the sample input; NULL: all
 * samples. `seed`: of random operators. Errors: as pt2_model_open and pt2_session_run. */
PT2_MUST_USE pt2_status rounding_measure(struct rounding *rounding, const char *path, const pt2_model_params *params,
                                         const pt2_tensor *leaves, uint64_t seed);
void rounding_free(struct rounding *rounding);

/* By real number of the output `name`: the difference that rounding explains; NULL when it was not measured or has
 * other sizes than `like`. The caller frees it. */
double *rounding_explains(const struct rounding *rounding, const char *name, const pt2_tensor *like);

#endif
