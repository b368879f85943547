/* SPDX-License-Identifier: MIT
 * Runs a model with custom operators on its sample inputs:
 *     custom_operators tests/data/custom_ops.pt2 [BACKEND] */
#include "mylib.h"

#include <stdio.h>

static pt2_status run(pt2_model *model)
{
    pt2_session *session = NULL;
    pt2_status status = pt2_session_create(model, &session);
    if (status == PT2_OK)
        status = pt2_session_run(session);
    for (int i = 0; status == PT2_OK && i < pt2_model_output_count(model); i++) {
        pt2_tensor out;
        status = pt2_session_output(session, i, &out);
        if (status == PT2_OK && out.dtype == PT2_F32 && out.data)
            printf("output %d begins with %g\n", i, *(const float *)out.data);
    }
    pt2_session_destroy(&session);
    return status;
}

int main(int argc, char **argv)
{
    pt2_operators *operators = NULL;
    pt2_model *model = NULL;
    if (argc < 2)
        return 2;
    pt2_status status = mylib_operators(&operators);
    if (status == PT2_OK) {
        pt2_model_params params = { .backend = argc > 2 ? argv[2] : NULL, .operators = operators };
        status = pt2_model_open(argv[1], &params, &model);
    }
    if (status == PT2_OK)
        status = run(model);
    if (status != PT2_OK)
        fprintf(stderr, "%s: %s\n", pt2_status_name(status), pt2_error_message());
    pt2_model_destroy(&model);
    pt2_operators_destroy(&operators); /* after the models */
    return status != PT2_OK;
}
