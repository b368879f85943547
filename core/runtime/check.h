/* SPDX-License-Identifier: MIT
 *
 * Every kernel of a model on the chosen device against the reference backend, on the same inputs: each kernel gets what
 * the reference computed so far, so that one wrong kernel does not make its successors look wrong.
 */
#ifndef PT2_RUNTIME_CHECK_H
#define PT2_RUNTIME_CHECK_H

#include "base/status.h"

struct pt2_check_params {
    const pt2_tensor *inputs; /* one per input leaf, PT2_NONE: the sample input; NULL: all sample inputs */
    double tolerance;         /* largest difference, as a fraction of the kernel's largest output; 0: by dtype.
                               * Of a sum's output at least 1/32 of the largest number it reads: it may cancel.
                               * By dtype, a difference also passes that the rounding of what was computed explains */
    /* Tests: changes what a kernel stored before it is compared, as a wrong kernel would. NULL: nothing. */
    void (*tamper)(void *ctx, const char *kernel, pt2_dtype dtype, void *data, int64_t count);
    void *tamper_ctx;
};

struct pt2_check_report {
    int kernels;           /* launches compared */
    int different;         /* those whose results differ */
    int skipped;           /* those that ran on the reference backend themselves */
    double worst;          /* largest difference of all kernels, as a fraction of the largest output */
    char device[256];
    /* The first kernel that differs; empty when none does. */
    char kernel[128];      /* its name */
    char node[128];        /* the archive's node whose value is wrong */
    char op[128];          /* its operator */
    char python_line[512]; /* where it comes from, "" when the archive does not say */
    char value_type[128];  /* "float32 [2, 3]" */
    int64_t index;         /* first wrong element, row-major */
    double got, want;      /* its values; complex: of the real number at 2*index or 2*index+1 */
    double max_abs, max_rel;
    double tolerance;      /* that was exceeded */
};

/* How far results of runs that round at random are from those that round to nearest. */
struct pt2_moves {
    int64_t count;
    float *moved;  /* owned by who made it; by real number: the largest distance */
    double spread; /* the root of the mean square of one run's distances, the largest */
};

/* Adds a run's results. `t`: a real dtype; count elements of it. */
void pt2_moves_add(struct pt2_moves *moves, pt2_dtype t, const void *random, const void *plain);
/* The difference from the plain result that rounding explains. */
double pt2_moves_explain(const struct pt2_moves *moves, int64_t k);
/* The reference backend rounds at random in the session's runs, other devices do not. 0: to nearest. */
void pt2_session_set_noise(pt2_session *s, uint32_t seed);

/* Opens the model and compares. PT2_OK also when kernels differ. Errors: as pt2_model_open and pt2_session_run. */
PT2_MUST_USE pt2_status pt2_model_check(const char *path, const pt2_model_params *params,
                                        const struct pt2_check_params *check, struct pt2_check_report *out_report);

#endif
