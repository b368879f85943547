/* SPDX-License-Identifier: MIT
 *
 * The time of each kernel of a model, beside what the device could do at best.
 */
#ifndef PT2_TOOLS_PROFILE_H
#define PT2_TOOLS_PROFILE_H

#include "tools/inputs.h"
#include "plan/plan.h"
#include "runtime/limits.h"
#include "runtime/trace.h"

struct cJSON;

/* One kernel, per run. */
struct profile_row {
    const struct pt2_region *region; /* borrowed from the model */
    int launches;
    double ms;                /* sum over its launches; median of the runs */
    double operations, bytes; /* -1: not known */
    double roof;              /* fraction of `ms` that the device needs at best, -1: not known */
    bool arithmetic;          /* the roof is that of arithmetic, otherwise of memory */
};

struct profile {
    const pt2_model *model; /* borrowed */
    struct profile_row *rows; /* owned; the slowest first */
    int count, launches;
    double kernel_ms; /* sum of all kernels */
    double busy_ms;   /* time during which at least one kernel ran */
    struct pt2_limits *limits; /* owned; of each device of the model */
};

/* Runs the model `runs` times with its launches measured, after one run that is not counted. `input`, `choice`: as
 * inputs_prepare. Limits are measured again when `again`; kept on disk unless `no_cache`. */
PT2_MUST_USE pt2_status profile_model(pt2_model *model, const char *input, const struct input_choice *choice,
                                      int runs, bool again, bool no_cache, struct profile *out);
void profile_free(struct profile *profile);

void profile_limits_text(const struct profile *profile);
/* A table of the slowest kernels, of all when `all`. */
void profile_text(const struct profile *profile, bool all);
/* Adds "limits" and "kernels". */
void profile_json(const struct profile *profile, struct cJSON *object);

#endif
