/* SPDX-License-Identifier: MIT
 * pt2gpu run: one session, one run per --input file (or one on the archive's sample inputs). Outputs are written when
 * all runs are done, so that a failure leaves the files of an earlier run as they were. */
#include "runtime/inspect.h"
#include "tools/agree.h"
#include "tools/drivers.h"
#include "tools/inputs.h"
#include "tools/output.h"
#include "tools/print.h"
#include "tools/tool.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
    struct target target;
    struct text_list models, inputs, against;
    const char *output, *save_state, *load_state, *list;
    struct input_choice choice;
    pt2_model_params params;
    bool json;
    int seed;

    pt2_model *model;
    pt2_session *session;
    int num_runs;
    struct inputs *loaded;   /* owned; one per run */
    struct pt2_npz *results; /* owned; one per run */
    double *ms;              /* owned; one per run */
    double open_ms;
    bool different;
};

static pt2_status open_session(struct run *run)
{
    double begin = now_ms();
    progress("%s: opening", run->models.items[0]);
    PT2_TRY(open_model(run->models.items[0], &run->params, &run->model));
    PT2_TRY(pt2_session_create(run->model, &run->session));
    pt2_session_set_seed(run->session, (uint64_t)run->seed);
    if (run->load_state)
        PT2_TRY(state_load(run->session, run->load_state));
    run->open_ms = now_ms() - begin;
    return PT2_OK;
}

static pt2_status allocate(struct run *run)
{
    run->num_runs = run->inputs.count ? run->inputs.count : 1;
    run->loaded = calloc((size_t)run->num_runs, sizeof *run->loaded);
    run->results = calloc((size_t)run->num_runs, sizeof *run->results);
    run->ms = calloc((size_t)run->num_runs, sizeof *run->ms);
    return run->loaded && run->results && run->ms ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "no memory for results");
}

static pt2_status run_one(struct run *run, int k)
{
    const char *file = run->inputs.count ? run->inputs.items[k] : NULL;
    PT2_TRY(inputs_prepare(&run->loaded[k], file, &run->choice, run->model, run->session));
    progress("%s: run %d of %d", run->models.items[0], k + 1, run->num_runs);
    double begin = now_ms();
    PT2_TRY(pt2_session_run(run->session));
    run->ms[k] = now_ms() - begin;
    return outputs_collect(run->model, run->session, k == run->num_runs - 1, &run->results[k]);
}

/* OUT.npz for the only run, OUT.<k>.npz for one of several. */
static void output_path(const struct run *run, int k, char *path, size_t cap)
{
    size_t len = strlen(run->output);
    size_t stem = len > 4 && strcmp(run->output + len - 4, ".npz") == 0 ? len - 4 : len;
    if (run->inputs.count > 1)
        snprintf(path, cap, "%.*s.%d.npz", (int)stem, run->output, k);
    else
        snprintf(path, cap, "%s", run->output);
}

static pt2_status write_outputs(const struct run *run)
{
    char path[4096];
    struct outputs files = { 0 };
    pt2_status status = PT2_OK;
    for (int k = 0; run->output && k < run->num_runs && status == PT2_OK; k++) {
        output_path(run, k, path, sizeof path);
        status = outputs_add_npz(&files, path, &run->results[k]);
    }
    if (status == PT2_OK && run->save_state)
        status = state_save(run->session, &files, run->save_state);
    return outputs_end(&files, status);
}

/* ---- what is printed ---- */

static void print_outputs(const struct run *run, int k)
{
    for (int i = 0, n = pt2_model_output_count(run->model); i < n; i++) {
        char name[32];
        pt2_leaf_info info;
        snprintf(name, sizeof name, "out_%d", i);
        const pt2_tensor *t = pt2_npz_find(&run->results[k], name);
        say("%-8s ", name);
        if (!t) {
            say("%s\n", "None");
            continue;
        }
        print_type(t->dtype, t->rank, t->shape);
        if (pt2_model_output_info(run->model, i, &info) == PT2_OK && strcmp(info.name, name) != 0)
            say("  %s", info.name);
        say("\n%9s", "");
        print_values(t, 9);
    }
}

/* What the reference backend can run in a moment; what runs later in a session depends on its state. */
static pt2_status measure_rounding(void *ctx, struct rounding *out)
{
    enum { SMALL = 64 << 20 };
    struct run *run = ctx;
    if (run->num_runs > 1 || run->load_state || pt2_session_memory(run->session).weights > SMALL)
        return PT2_OK;
    pt2_tensor *leaves = calloc((size_t)pt2_model_input_count(run->model) + 1, sizeof *leaves);
    if (!leaves)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    inputs_leaves(&run->loaded[0], run->model, leaves);
    pt2_status status = rounding_measure(out, run->models.items[0], &run->params, leaves, (uint64_t)run->seed);
    free(leaves);
    return status;
}

static pt2_status print_agreement(struct run *run, int k, cJSON *json)
{
    char text[1024];
    struct agreement a;
    struct pt2_npz want = { 0 };
    if (k >= run->against.count)
        return PT2_OK;
    PT2_TRY(pt2_npz_read(run->against.items[k], &want));
    pt2_status status = agree(&run->results[k], &want, run->against.items[k],
                              &(struct agree_again){ measure_rounding, run }, &a);
    pt2_npz_free(&want);
    PT2_TRY(status);
    agreement_text(&a, run->against.items[k], text, sizeof text);
    run->different |= !a.same;
    if (json)
        cJSON_AddStringToObject(json, "agreement", text);
    else
        say("%-8s %s\n", "result", text);
    return PT2_OK;
}

static pt2_status print_text(struct run *run)
{
    bool quiet = run->output && !run->against.count;
    if (!quiet)
        say("%-8s %s\n", "device", plan_facts(run->model).device);
    for (int k = 0; k < run->num_runs && !quiet; k++) {
        if (run->num_runs > 1)
            say("\nrun %d: %s\n", k, run->inputs.items[k]);
        if (!run->output)
            print_outputs(run, k);
        PT2_TRY(print_agreement(run, k, NULL));
        say("%-8s opened in %.1f ms, ran in %.1f ms\n", "time", run->open_ms, run->ms[k]);
    }
    return PT2_OK;
}

static cJSON *json_output(const struct run *run, int k, int i)
{
    char name[32];
    pt2_leaf_info info;
    cJSON *object = cJSON_CreateObject();
    snprintf(name, sizeof name, "out_%d", i);
    const pt2_tensor *t = pt2_npz_find(&run->results[k], name);
    cJSON_AddStringToObject(object, "array", name);
    if (pt2_model_output_info(run->model, i, &info) == PT2_OK)
        cJSON_AddStringToObject(object, "name", info.name);
    cJSON_AddStringToObject(object, "dtype", pt2_dtype_name(t ? t->dtype : PT2_NONE));
    cJSON *shape = cJSON_AddArrayToObject(object, "shape");
    for (int d = 0; t && d < t->rank; d++)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->shape[d]));
    return object;
}

static pt2_status print_json_runs(struct run *run)
{
    cJSON *object = cJSON_CreateObject();
    pt2_status status = PT2_OK;
    cJSON_AddStringToObject(object, "model", run->models.items[0]);
    cJSON_AddStringToObject(object, "device", plan_facts(run->model).device);
    cJSON_AddNumberToObject(object, "open_ms", run->open_ms);
    cJSON *runs = cJSON_AddArrayToObject(object, "runs");
    for (int k = 0; k < run->num_runs && status == PT2_OK; k++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddItemToArray(runs, one);
        cJSON_AddNumberToObject(one, "ms", run->ms[k]);
        cJSON *outputs = cJSON_AddArrayToObject(one, "outputs");
        for (int i = 0, n = pt2_model_output_count(run->model); i < n; i++)
            cJSON_AddItemToArray(outputs, json_output(run, k, i));
        status = print_agreement(run, k, one);
    }
    if (status == PT2_OK)
        print_json(object);
    else
        cJSON_Delete(object);
    return status;
}

/* ---- the command ---- */

static pt2_status run_all(struct run *run)
{
    PT2_TRY(open_session(run));
    PT2_TRY(allocate(run));
    for (int k = 0; k < run->num_runs; k++)
        PT2_NOTE(run_one(run, k), "%s", run->models.items[0]);
    progress(NULL);
    PT2_TRY(run->json ? print_json_runs(run) : print_text(run));
    return write_outputs(run);
}

static void release(struct run *run)
{
    for (int k = 0; k < run->num_runs; k++) {
        if (run->results)
            pt2_npz_free(&run->results[k]);
        if (run->loaded)
            inputs_free(&run->loaded[k]);
    }
    free(run->results);
    free(run->loaded);
    free(run->ms);
    pt2_session_destroy(&run->session);
    pt2_model_destroy(&run->model);
}

static int check_usage(const struct command *self, const struct run *run)
{
    if (run->list) {
        if (run->models.count || run->inputs.count || run->against.count || run->output || run->choice.random)
            return usage_error(self, "--list names models and outputs: only options that choose a device go with it");
        return OPTIONS_OK;
    }
    if (!run->models.count)
        return usage_error(self, "which model?");
    if (run->against.count && run->against.count != (run->inputs.count ? run->inputs.count : 1))
        return usage_error(self, "as many --against as --input");
    return random_usage(self, &run->choice, run->inputs.count > 0);
}

static enum exit_status execute(struct run *run)
{
    pt2_status status = target_params(&run->target, &run->params);
    if (status == PT2_OK && run->list)
        return run_list(run->list, &run->params);
    if (status == PT2_OK)
        status = run_all(run);
    if (status != PT2_OK)
        return tool_fail(status);
    return run->different ? STATUS_DIFFERENT : STATUS_DONE;
}

static int run_command(const struct command *self, int argc, char **argv)
{
    struct run run = { .target = TARGET_INIT };
    const struct option options[] = {
        { "input", OPTION_LIST, &run.inputs, "FILE", ".npz with in_0, in_1, ... (or the inputs' names), or .npy;" },
        { "", OPTION_FLAG, NULL, NULL, "several are consecutive runs of one session. Default: the sample inputs" },
        RANDOM_OPTIONS(&run.choice),
        { "output", OPTION_TEXT, &run.output, "FILE.npz", "write out_0, out_1, ...; of several runs: FILE.0.npz, ..." },
        { "against", OPTION_LIST, &run.against, "FILE.npz", "compare with the arrays out_0, ... of the file" },
        { "load-state", OPTION_TEXT, &run.load_state, "FILE.npz", "set buffers, by name, before the first run" },
        { "seed", OPTION_NUMBER, &run.seed, "N", "of random operators (0); equal seeds give equal numbers" },
        { "save-state", OPTION_TEXT, &run.save_state, "FILE.npz", "write what the model changed, after the last run" },
        { "list", OPTION_TEXT, &run.list, "FILE", "run many models: lines MODEL.pt2<TAB>OUT.npz;" },
        { "", OPTION_FLAG, NULL, NULL, "the exit status is the largest of those that the lines alone would have" },
        TARGET_OPTIONS(&run.target),
        { "json", OPTION_FLAG, &run.json, NULL, "one object on standard output" },
        { 0 },
    };
    int status = options_parse(self, options, argc, argv, &run.models, 1);
    if (status == OPTIONS_OK)
        status = check_usage(self, &run);
    if (status == OPTIONS_OK)
        status = (int)execute(&run);
    release(&run);
    text_list_free(&run.models);
    text_list_free(&run.inputs);
    text_list_free(&run.against);
    text_list_free(&run.choice.sizes);
    return status;
}

const struct command command_run = { "run", "MODEL.pt2", "runs a model; the default command", run_command };
