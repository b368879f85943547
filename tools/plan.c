/* SPDX-License-Identifier: MIT
 * pt2gpu plan: what runs where and why, the launches with their dependencies, memory. */
#include "tools/drivers.h"
#include "tools/tool.h"

#include <stdio.h>

static enum exit_status print_plan(const char *path, const pt2_model_params *params, bool json)
{
    pt2_model *model = NULL;
    char *text = NULL;
    pt2_status status = open_model(path, params, &model);
    if (status == PT2_OK)
        status = pt2_model_plan_text(model, json, &text);
    if (status == PT2_OK && json)
        say_json(text);
    else if (status == PT2_OK)
        say("%s", text);
    enum exit_status result = status == PT2_OK ? STATUS_DONE : tool_fail(status);
    pt2_free(text);
    pt2_model_destroy(&model);
    return result;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct target target = TARGET_INIT;
    bool json = false;
    const struct option options[] = {
        TARGET_OPTIONS(&target),
        { "json", OPTION_FLAG, &json, NULL, "one object" },
        { 0 },
    };
    struct text_list rest = { 0 };
    pt2_model_params params;
    int status = options_parse(self, options, argc, argv, &rest, 1);
    if (status == OPTIONS_OK && !rest.count)
        status = usage_error(self, "which model?");
    if (status == OPTIONS_OK) {
        pt2_status ok = target_params(&target, &params);
        status = ok == PT2_OK ? (int)print_plan(rest.items[0], &params, json) : (int)tool_fail(ok);
    }
    text_list_free(&rest);
    return status;
}

const struct command command_plan = { "plan", "MODEL.pt2", "tells what runs where and why", run };
