/* SPDX-License-Identifier: MIT
 *
 * The tuner: measures tiled kernels with other tiles than their builder chooses, on the device, with the sizes of the
 * model's sample inputs, and keeps the fastest. Tiles are trusted only when the kernel gives the results of the plain
 * kernel without tiles. What was found is kept beside the compiled kernels, by device, driver, kernel and bucket of
 * sizes, and is used by every later opening of a model.
 */
#ifndef PT2_RUNTIME_TUNE_H
#define PT2_RUNTIME_TUNE_H

#include "plan/plan.h"

enum pt2_tune { PT2_TUNE_OFF, PT2_TUNE_QUICK, PT2_TUNE_THOROUGH };

/* "off" (or NULL), "quick", "thorough". Errors: ARG. */
PT2_MUST_USE pt2_status pt2_tune_parse(const char *text, enum pt2_tune *out);

/* One kernel that was tuned. */
struct pt2_tuned {
    const struct pt2_region *region;
    struct pt2_tiles chosen, best; /* the builder's, and the fastest */
    double chosen_ms, best_ms;
    int tried, wrong;              /* other tiles; those whose results differ from the plain kernel's */
};
typedef void pt2_tuned_fn(void *ctx, const struct pt2_tuned *tuned);

struct pt2_model;

/* Part of opening a model, before its kernels are compiled: builds those kernels anew for which tiles are known. */
PT2_MUST_USE pt2_status pt2_tune_apply(struct pt2_model *m, const char *cache_dir, uint32_t without);
/* Part of opening a model, at its end: measures those that are not known (`again`: all), and puts the fastest in their
 * place. `inputs`: one per leaf, PT2_NONE or NULL: the sample inputs. `report` may be NULL. Errors: INPUT (no sample
 * inputs), DEVICE, NOMEM, COMPILE. */
PT2_MUST_USE pt2_status pt2_tune_model(struct pt2_model *m, enum pt2_tune effort, bool again, const char *cache_dir,
                                       uint32_t without, const pt2_tensor *inputs, pt2_tuned_fn *report, void *ctx);

#endif
