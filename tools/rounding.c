/* SPDX-License-Identifier: MIT
 * Outputs of runs that round at random. */
#include "tools/rounding.h"
#include "base/dtype.h"
#include "runtime/check.h"
#include "tools/inputs.h"
#include "tools/tool.h"

#include <math.h>
#include <stdlib.h>

static pt2_status run_once(pt2_model *model, const pt2_tensor *leaves, uint64_t seed, uint32_t noise,
                           struct pt2_npz *out)
{
    pt2_session *session = NULL;
    pt2_status status = pt2_session_create(model, &session);
    if (status != PT2_OK)
        return status;
    pt2_session_set_seed(session, seed);
    pt2_session_set_noise(session, noise);
    for (int k = 0; leaves && status == PT2_OK && k < pt2_model_input_count(model); k++)
        if (leaves[k].dtype != PT2_NONE)
            status = pt2_session_set_input(session, k, &leaves[k]);
    if (status == PT2_OK)
        status = pt2_session_run(session);
    if (status == PT2_OK)
        status = outputs_collect(model, session, false, out);
    pt2_session_destroy(&session);
    return status;
}

pt2_status rounding_measure(struct rounding *rounding, const char *path, const pt2_model_params *params,
                            const pt2_tensor *leaves, uint64_t seed)
{
    pt2_model *model = NULL;
    pt2_model_params reference = *params;
    reference.backend = "reference";
    reference.place = NULL;
    progress("%s: measuring how much rounding matters", path);
    pt2_status status = pt2_model_open(path, &reference, &model);
    if (status == PT2_OK)
        status = run_once(model, leaves, seed, 0, &rounding->plain);
    for (uint32_t k = 0; k < ROUNDING_RUNS && status == PT2_OK; k++)
        status = run_once(model, leaves, seed, k + 1, &rounding->random[k]);
    pt2_model_destroy(&model);
    progress(NULL);
    return status;
}

void rounding_free(struct rounding *rounding)
{
    pt2_npz_free(&rounding->plain);
    for (int k = 0; k < ROUNDING_RUNS; k++)
        pt2_npz_free(&rounding->random[k]);
}

double *rounding_explains(const struct rounding *rounding, const char *name, const pt2_tensor *like)
{
    const pt2_tensor *plain = pt2_npz_find(&rounding->plain, name);
    if (!plain || plain->dtype != like->dtype || pt2_tensor_bytes(plain) != pt2_tensor_bytes(like))
        return NULL;
    pt2_dtype real = pt2_dtype_real(like->dtype);
    int64_t n = pt2_tensor_count(like) * (real == like->dtype ? 1 : 2);
    struct pt2_moves moves = { .count = n, .moved = calloc((size_t)n + 1, sizeof *moves.moved) };
    double *explained = calloc((size_t)n + 1, sizeof *explained);
    bool ok = moves.moved && explained;
    for (int k = 0; k < ROUNDING_RUNS && ok; k++) {
        const pt2_tensor *t = pt2_npz_find(&rounding->random[k], name);
        ok = t && t->dtype == plain->dtype && pt2_tensor_bytes(t) == pt2_tensor_bytes(plain);
        if (ok)
            pt2_moves_add(&moves, real, t->data, plain->data);
    }
    for (int64_t k = 0; k < n && ok; k++)
        explained[k] = pt2_moves_explain(&moves, k);
    free(moves.moved);
    if (ok)
        return explained;
    free(explained);
    return NULL;
}
