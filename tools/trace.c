/* SPDX-License-Identifier: MIT
 * pt2gpu trace: when each launch of a run began and ended, for chrome://tracing or ui.perfetto.dev. */
#include "base/utf8.h"
#include "runtime/trace.h"
#include "tools/drivers.h"
#include "tools/output.h"
#include "tools/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static pt2_status traced_run(const char *path, const pt2_model_params *params, int runs, char **out_json)
{
    pt2_model *model = NULL;
    pt2_session *session = NULL;
    pt2_status status = open_model(path, params, &model);
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
        if (ok == PT2_OK)
            ok = write_trace(json, output);
        status = ok == PT2_OK ? STATUS_DONE : (int)tool_fail(ok);
    }
    pt2_free(json);
    text_list_free(&rest);
    return status;
}

const struct command command_trace = { "trace", "MODEL.pt2", "measures each launch of a run", run };
