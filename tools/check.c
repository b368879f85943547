/* SPDX-License-Identifier: MIT
 * pt2gpu check: every kernel against the reference backend; with --against, also the final outputs against stored
 * ones. */
#include "runtime/check.h"
#include "tools/agree.h"
#include "tools/drivers.h"
#include "tools/inputs.h"
#include "tools/tool.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

struct check {
    struct target target;
    struct text_list models;
    const char *input, *against;
    struct input_choice choice;
    bool json;
    struct pt2_check_report report;
    struct agreement agreement;
    bool have_agreement;
};

/* What pt2_model_check needs of the input file: one tensor per leaf, in the dtype of the leaf. */
static pt2_status leaf_inputs(const struct check *check, pt2_model *model, pt2_session *session, struct inputs *inputs,
                              pt2_tensor **out_tensors)
{
    PT2_TRY(inputs_prepare(inputs, check->input, &check->choice, model, session));
    *out_tensors = calloc((size_t)pt2_model_input_count(model) + 1, sizeof **out_tensors);
    if (!*out_tensors)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for inputs");
    inputs_leaves(inputs, model, *out_tensors);
    return PT2_OK;
}

static pt2_status compare_kernels(struct check *check, const pt2_model_params *params, const pt2_tensor *tensors)
{
    const struct pt2_check_params how = { .inputs = tensors };
    progress("%s: comparing kernels", check->models.items[0]);
    drivers_hold();
    return drivers_release(pt2_model_check(check->models.items[0], params, &how, &check->report));
}

struct again {
    const char *path;
    const pt2_model_params *params;
    const pt2_tensor *leaves;
};

static pt2_status measure_rounding(void *ctx, struct rounding *out)
{
    const struct again *a = ctx;
    return rounding_measure(out, a->path, a->params, a->leaves, 0);
}

static pt2_status compare_outputs(struct check *check, const pt2_model_params *params, const pt2_tensor *leaves,
                                  const pt2_model *model, pt2_session *session)
{
    struct again again = { check->models.items[0], params, leaves };
    struct pt2_npz got = { 0 }, want = { 0 };
    pt2_status status;
    PT2_GOTO(out, pt2_npz_read(check->against, &want));
    PT2_GOTO(out, pt2_session_run(session));
    PT2_GOTO(out, outputs_collect(model, session, true, &got));
    PT2_GOTO(out, agree(&got, &want, check->against, &(struct agree_again){ measure_rounding, &again },
                        &check->agreement));
    check->have_agreement = true;
out:
    pt2_npz_free(&got);
    pt2_npz_free(&want);
    return status;
}

static pt2_status check_model(struct check *check, const pt2_model_params *params)
{
    pt2_model *model = NULL;
    pt2_session *session = NULL;
    struct inputs inputs = { 0 };
    pt2_tensor *tensors = NULL;
    pt2_status status = PT2_OK;
    PT2_GOTO(out, open_model(check->models.items[0], params, &model));
    PT2_GOTO(out, pt2_session_create(model, &session));
    PT2_GOTO(out, leaf_inputs(check, model, session, &inputs, &tensors));
    if (check->against)
        PT2_GOTO(out, compare_outputs(check, params, tensors, model, session));
    pt2_session_destroy(&session);
    pt2_model_destroy(&model); /* not in memory thrice */
    PT2_GOTO(out, compare_kernels(check, params, tensors));
out:
    free(tensors);
    pt2_session_destroy(&session);
    pt2_model_destroy(&model);
    inputs_free(&inputs);
    return status;
}

static void print_text(const struct check *check)
{
    const struct pt2_check_report *r = &check->report;
    char text[1024];
    say("device   %s\n", r->device);
    say("kernels  %d compared, %d differ, %d on the reference backend; largest difference %.2g of the output\n",
           r->kernels, r->different, r->skipped, r->worst);
    if (r->different) {
        say("first    kernel %s, node %s, %s: %s\n", r->kernel, r->node, r->op, r->value_type);
        say("         element %lld is %.9g, reference %.9g; largest difference %.3g, relative %.3g, allowed %.3g\n",
               (long long)r->index, r->got, r->want, r->max_abs, r->max_rel, r->tolerance);
        if (*r->python_line)
            say("         %s\n", r->python_line);
    }
    if (check->have_agreement) {
        agreement_text(&check->agreement, check->against, text, sizeof text);
        say("outputs  %s\n", text);
    }
}

static cJSON *first_difference(const struct pt2_check_report *r)
{
    cJSON *first = cJSON_CreateObject();
    cJSON_AddStringToObject(first, "kernel", r->kernel);
    cJSON_AddStringToObject(first, "node", r->node);
    cJSON_AddStringToObject(first, "op", r->op);
    cJSON_AddStringToObject(first, "python_line", r->python_line);
    cJSON_AddStringToObject(first, "type", r->value_type);
    cJSON_AddNumberToObject(first, "index", (double)r->index);
    cJSON_AddNumberToObject(first, "got", r->got);
    cJSON_AddNumberToObject(first, "want", r->want);
    cJSON_AddNumberToObject(first, "max_abs", r->max_abs);
    cJSON_AddNumberToObject(first, "max_rel", r->max_rel);
    cJSON_AddNumberToObject(first, "tolerance", r->tolerance);
    return first;
}

static void print_object(const struct check *check)
{
    const struct pt2_check_report *r = &check->report;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "device", r->device);
    cJSON_AddNumberToObject(object, "kernels", r->kernels);
    cJSON_AddNumberToObject(object, "different", r->different);
    cJSON_AddNumberToObject(object, "skipped", r->skipped);
    cJSON_AddNumberToObject(object, "worst", r->worst);
    cJSON_AddItemToObject(object, "first", r->different ? first_difference(r) : cJSON_CreateNull());
    if (check->have_agreement) {
        cJSON *outputs = cJSON_AddObjectToObject(object, "outputs");
        cJSON_AddBoolToObject(outputs, "same", check->agreement.same);
        cJSON_AddNumberToObject(outputs, "max_abs", check->agreement.max_abs);
        cJSON_AddNumberToObject(outputs, "relative", check->agreement.relative);
        cJSON_AddStringToObject(outputs, "difference", check->agreement.difference);
    }
    print_json(object);
}

static enum exit_status execute(struct check *check)
{
    pt2_model_params params;
    pt2_status status = target_params(&check->target, &params);
    if (status == PT2_OK)
        status = check_model(check, &params);
    if (status != PT2_OK)
        return tool_fail(status);
    progress(NULL);
    if (check->json)
        print_object(check);
    else
        print_text(check);
    bool same = !check->report.different && (!check->have_agreement || check->agreement.same);
    return same ? STATUS_DONE : STATUS_DIFFERENT;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct check check = { .target = TARGET_INIT };
    const struct option options[] = {
        { "input", OPTION_TEXT, &check.input, "FILE", "inputs as for pt2gpu run; default: the sample inputs" },
        RANDOM_OPTIONS(&check.choice),
        { "against", OPTION_TEXT, &check.against, "FILE.npz", "also compare the outputs with out_0, ... of the file" },
        TARGET_OPTIONS(&check.target),
        { "json", OPTION_FLAG, &check.json, NULL, "one object" },
        { 0 },
    };
    int status = options_parse(self, options, argc, argv, &check.models, 1);
    if (status == OPTIONS_OK && !check.models.count)
        status = usage_error(self, "which model?");
    if (status == OPTIONS_OK)
        status = random_usage(self, &check.choice, check.input != NULL);
    if (status == OPTIONS_OK)
        status = (int)execute(&check);
    text_list_free(&check.models);
    text_list_free(&check.choice.sizes);
    return status;
}

const struct command command_check = { "check", "MODEL.pt2",
                                       "compares every kernel with the reference backend", run };
