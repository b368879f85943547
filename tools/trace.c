/* SPDX-License-Identifier: MIT
 * pt2gpu trace: when each launch of a run began and ended, for chrome://tracing or ui.perfetto.dev. */
#include "runtime/trace.h"
#include "tools/tool.h"

#include <stdio.h>
#include <string.h>

static pt2_status traced_run(const char *path, const pt2_model_params *params, int runs, char **out_json)
{
    pt2_model *model = NULL;
    pt2_session *session = NULL;
    pt2_status status = pt2_model_open(path, params, &model);
    if (status == PT2_OK)
        status = pt2_session_create(model, &session);
    if (status == PT2_OK)
        pt2_session_time(session);
    for (int k = 0; status == PT2_OK && k < runs; k++)
        status = pt2_session_run(session);
    if (status == PT2_OK)
        status = pt2_session_trace(session, out_json);
    pt2_session_destroy(&session);
    pt2_model_destroy(&model);
    return status;
}

static enum exit_status write_trace(const char *json, const char *output)
{
    FILE *f = output ? fopen(output, "w") : stdout;
    if (!f || fputs(json, f) < 0 || fputc('\n', f) < 0 || (output && fclose(f))) {
        fprintf(stderr, "pt2gpu: cannot write %s\n", output ? output : "standard output");
        return STATUS_DATA;
    }
    return STATUS_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct target target = TARGET_INIT;
    const char *output = NULL;
    int warmup = 1;
    const struct option options[] = {
        TARGET_OPTIONS(&target),
        { "output", OPTION_TEXT, &output, "FILE.json", "where to write (default: standard output)" },
        { "warmup", OPTION_NUMBER, &warmup, "N", "runs before the traced one (default 1)" },
        { 0 },
    };
    struct text_list rest = { 0 };
    pt2_model_params params;
    char *json = NULL;
    int status = options_parse(self, options, argc, argv, &rest, 1);
    if (status == OPTIONS_OK && !rest.count)
        status = usage_error(self, "which model?");
    if (status == OPTIONS_OK) {
        pt2_status ok = target_params(&target, &params);
        if (ok == PT2_OK)
            ok = traced_run(rest.items[0], &params, warmup + 1, &json);
        status = ok == PT2_OK ? (int)write_trace(json, output) : (int)tool_fail(ok);
    }
    pt2_free(json);
    text_list_free(&rest);
    return status;
}

const struct command command_trace = { "trace", "MODEL.pt2", "measures each launch of a run", run };
