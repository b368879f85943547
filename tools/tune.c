/* SPDX-License-Identifier: MIT
 * pt2gpu tune: finds tiles for a model's kernels on this device, and keeps them for every later run. */
#include "runtime/tune.h"
#include "archive/program.h"
#include "base/cache.h"
#include "base/without.h"
#include "runtime/trace.h"
#include "tools/drivers.h"
#include "tools/inputs.h"
#include "tools/tool.h"

#include <stdio.h>
#include <stdlib.h>

struct tune {
    struct target target;
    struct text_list models;
    const char *input;
    struct input_choice choice;
    bool thorough, again;
    int kernels, wrong;
    double chosen_ms, best_ms;
};

static void print_tuned(void *ctx, const struct pt2_tuned *t)
{
    struct tune *tune = ctx;
    const struct pt2_pnode *n = pt2_region_origin(t->region);
    char chosen[48], best[48];
    if (!tune->kernels++)
        say("%-14s %9s  %-14s %9s %8s %6s %6s  %-28s  %s\n", "chosen tiles", "ms", "fastest", "ms", "ratio", "tried",
               "wrong", "kernel", "node");
    snprintf(chosen, sizeof chosen, "%dx%dx%d", t->chosen.rows, t->chosen.cols, t->chosen.depth);
    snprintf(best, sizeof best, "%dx%dx%d", t->best.rows, t->best.cols, t->best.depth);
    say("%-14s %9.4f  %-14s %9.4f %8.2f %6d %6d  %-28s  %s\n", chosen, t->chosen_ms, best, t->best_ms,
           t->best_ms > 0 ? t->chosen_ms / t->best_ms : 1, t->tried, t->wrong, t->region->kernel->name,
           n ? n->name : "");
    fflush(stdout);
    tune->chosen_ms += t->chosen_ms;
    tune->best_ms += t->best_ms;
    tune->wrong += t->wrong;
}

static pt2_status tune_model(struct tune *tune, const pt2_model_params *params, pt2_model *model)
{
    struct inputs inputs = { 0 };
    pt2_session *session = NULL;
    uint32_t without = 0;
    pt2_tensor *leaves = calloc((size_t)pt2_model_input_count(model) + 1, sizeof *leaves);
    pt2_status status = leaves ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    if (status == PT2_OK)
        status = pt2_without_parse(params->without, &without);
    if (status == PT2_OK)
        status = pt2_session_create(model, &session);
    if (status == PT2_OK)
        status = inputs_prepare(&inputs, tune->input, &tune->choice, model, session);
    pt2_session_destroy(&session);
    if (status == PT2_OK) {
        inputs_leaves(&inputs, model, leaves);
        status = pt2_tune_model(model, tune->thorough ? PT2_TUNE_THOROUGH : PT2_TUNE_QUICK, tune->again,
                                params->no_cache ? NULL : pt2_cache_dir(), without, leaves, print_tuned, tune);
    }
    inputs_free(&inputs);
    free(leaves);
    return status;
}

static enum exit_status execute(struct tune *tune)
{
    pt2_model_params params;
    pt2_model *model = NULL;
    pt2_status status = target_params(&tune->target, &params);
    if (status == PT2_OK)
        status = open_model(tune->models.items[0], &params, &model);
    if (status == PT2_OK)
        status = tune_model(tune, &params, model);
    enum exit_status result = status == PT2_OK ? STATUS_DONE : tool_fail(status);
    if (status == PT2_OK && tune->kernels)
        say("%d kernels: %.4f ms before, %.4f ms now, once each\n", tune->kernels, tune->chosen_ms, tune->best_ms);
    else if (status == PT2_OK)
        say("%s\n", "nothing to tune: no tiled kernels, or all are tuned already (--again tunes them once more)");
    pt2_model_destroy(&model);
    return result;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct tune tune = { .target = TARGET_INIT };
    const struct option options[] = {
        { "thorough", OPTION_FLAG, &tune.thorough, NULL, "all tiles there are, not only those near the chosen ones" },
        { "again", OPTION_FLAG, &tune.again, NULL, "also kernels that are tuned already" },
        { "input", OPTION_TEXT, &tune.input, "FILE", "sizes to tune for; default: the sample inputs" },
        RANDOM_OPTIONS(&tune.choice),
        TARGET_OPTIONS(&tune.target),
        { 0 },
    };
    int status = options_parse(self, options, argc, argv, &tune.models, 1);
    if (status == OPTIONS_OK && !tune.models.count)
        status = usage_error(self, "which model?");
    if (status == OPTIONS_OK)
        status = random_usage(self, &tune.choice, tune.input != NULL);
    if (status == OPTIONS_OK)
        status = (int)execute(&tune);
    text_list_free(&tune.models);
    text_list_free(&tune.choice.sizes);
    return status;
}

const struct command command_tune = { "tune", "MODEL.pt2", "finds the fastest tiles for a model's kernels", run };
