/* SPDX-License-Identifier: MIT
 * pt2gpu trace: when each launch of a run began and ended, for chrome://tracing or ui.perfetto.dev. */
#include "base/utf8.h"
#include "runtime/trace.h"
#include "tools/drivers.h"
#include "tools/inputs.h"
#include "tools/output.h"
#include "tools/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct trace {
    struct target target;
    struct text_list models;
    const char *input, *output;
    struct input_choice choice;
    int warmup;
};

static pt2_status traced_run(const struct trace *trace, const pt2_model_params *params, char **out_json)
{
    struct inputs inputs = { 0 };
    pt2_model *model = NULL;
    pt2_session *session = NULL;
    pt2_status status = open_model(trace->models.items[0], params, &model);
    if (status == PT2_OK)
        status = pt2_session_create(model, &session);
    if (status == PT2_OK)
        status = inputs_prepare(&inputs, trace->input, &trace->choice, model, session);
    if (status == PT2_OK)
        pt2_session_time(session);
    for (int k = 0; status == PT2_OK && k <= trace->warmup; k++)
        status = pt2_session_run(session);
    if (status == PT2_OK)
        status = pt2_session_trace(session, out_json);
    pt2_session_destroy(&session);
    pt2_model_destroy(&model);
    inputs_free(&inputs);
    return status;
}

static pt2_status write_text(const char *text, const char *path, FILE *f)
{
    struct pt2_str safe = { 0 };
    pt2_utf8_escape(&safe, text, PT2_ESCAPE_JSON);
    bool ok = f && fputs(pt2_str_text(&safe), f) >= 0 && fputc('\n', f) >= 0;
    pt2_str_free(&safe);
    if (f && f != stdout)
        ok = fclose(f) == 0 && ok;
    return ok ? PT2_OK : pt2_fail(PT2_ERR_IO, "%s: cannot be written (%s)", path, strerror(errno));
}

static pt2_status write_trace(const char *json, const char *output)
{
    struct outputs files = { 0 };
    const char *path;
    if (!output)
        return write_text(json, "standard output", stdout);
    pt2_status status = outputs_add(&files, output, &path);
    if (status == PT2_OK)
        status = write_text(json, output, fopen(path, "w"));
    return outputs_end(&files, status);
}

static enum exit_status execute(const struct trace *trace, const pt2_model_params *params)
{
    char *json = NULL;
    pt2_status status = traced_run(trace, params, &json);
    if (status == PT2_OK)
        status = write_trace(json, trace->output);
    pt2_free(json);
    return status == PT2_OK ? STATUS_DONE : tool_fail(status);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct trace trace = { .target = TARGET_INIT, .warmup = 1 };
    const struct option options[] = {
        { "input", OPTION_TEXT, &trace.input, "FILE", "inputs as for pt2gpu run; default: the sample inputs" },
        RANDOM_OPTIONS(&trace.choice),
        TARGET_OPTIONS(&trace.target),
        { "output", OPTION_TEXT, &trace.output, "FILE.json", "where to write (default: standard output)" },
        { "warmup", OPTION_NUMBER, &trace.warmup, "N", "runs before the traced one (default 1)" },
        { 0 },
    };
    pt2_model_params params;
    int status = options_parse(self, options, argc, argv, &trace.models, 1);
    if (status == OPTIONS_OK && !trace.models.count)
        status = usage_error(self, "which model?");
    if (status == OPTIONS_OK)
        status = random_usage(self, &trace.choice, trace.input != NULL);
    if (status == OPTIONS_OK) {
        pt2_status ok = target_params(&trace.target, &params);
        status = ok == PT2_OK ? (int)execute(&trace, &params) : (int)tool_fail(ok);
    }
    text_list_free(&trace.models);
    text_list_free(&trace.choice.sizes);
    return status;
}

const struct command command_trace = { "trace", "MODEL.pt2", "measures each launch of a run", run };
