/* SPDX-License-Identifier: MIT
 * pt2gpu bench: time from host arrays in to host arrays out, one number per run. */
#include "tools/inputs.h"
#include "tools/tool.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct bench {
    struct target target;
    struct text_list models;
    const char *input;
    int runs, warmup;
    bool json;

    pt2_model *model;
    pt2_session *session;
    struct inputs inputs;
    double load_ms, first_ms;
    double *ms; /* owned; one per run */
};

/* The largest resident set of this process. getrusage also counts what the process was before exec made it ours. */
static double peak_rss_mb(void)
{
    char line[256];
    struct rusage usage;
    double kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    if (kib < 0 && getrusage(RUSAGE_SELF, &usage) == 0)
        kib = (double)usage.ru_maxrss;
    return kib / 1024;
}

static pt2_status run_once(struct bench *bench, double *out_ms)
{
    double begin = now_ms();
    PT2_TRY(pt2_session_run(bench->session));
    for (int i = 0, n = pt2_model_output_count(bench->model); i < n; i++) {
        pt2_tensor tensor;
        PT2_TRY(pt2_session_output(bench->session, i, &tensor));
    }
    *out_ms = now_ms() - begin;
    return PT2_OK;
}

static pt2_status load(struct bench *bench, const pt2_model_params *params)
{
    double begin = now_ms();
    progress("%s: opening", bench->models.items[0]);
    PT2_TRY(pt2_model_open(bench->models.items[0], params, &bench->model));
    PT2_TRY(pt2_session_create(bench->model, &bench->session));
    bench->load_ms = now_ms() - begin;
    return bench->input ? inputs_bind(&bench->inputs, bench->input, bench->model, bench->session) : PT2_OK;
}

static pt2_status measure(struct bench *bench)
{
    double ignored;
    bench->ms = calloc((size_t)bench->runs + 1, sizeof *bench->ms);
    if (!bench->ms)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %d times", bench->runs);
    PT2_TRY(run_once(bench, &bench->first_ms));
    for (int i = 0; i < bench->warmup; i++)
        PT2_TRY(run_once(bench, &ignored));
    for (int i = 0; i < bench->runs; i++) {
        PT2_TRY(run_once(bench, &bench->ms[i]));
        progress("run %d of %d: %.2f ms", i + 1, bench->runs, bench->ms[i]);
    }
    progress(NULL);
    return PT2_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_text(struct bench *bench, const struct plan_facts *facts)
{
    qsort(bench->ms, (size_t)bench->runs, sizeof *bench->ms, by_value);
    printf("device    %s\n", facts->device);
    printf("load      %.2f ms, first run %.2f ms\n", bench->load_ms, bench->first_ms);
    printf("run       median %.3f ms, fastest %.3f ms, slowest %.3f ms, of %d runs\n", bench->ms[bench->runs / 2],
           bench->ms[0], bench->ms[bench->runs - 1], bench->runs);
    if (facts->launches >= 0)
        printf("launches  %.0f\n", facts->launches);
    printf("peak      %.1f MB resident\n", peak_rss_mb());
}

static void print_object(const struct bench *bench, const struct plan_facts *facts)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", bench->models.items[0]);
    cJSON_AddStringToObject(object, "device", facts->device);
    cJSON_AddItemToObject(object, "ms", cJSON_CreateDoubleArray(bench->ms, bench->runs));
    cJSON_AddNumberToObject(object, "load_ms", bench->load_ms);
    cJSON_AddNumberToObject(object, "first_ms", bench->first_ms);
    cJSON_AddNumberToObject(object, "peak_rss_mb", peak_rss_mb());
    if (facts->launches >= 0)
        cJSON_AddNumberToObject(object, "launches", facts->launches);
    else
        cJSON_AddNullToObject(object, "launches");
    print_json(object);
}

static enum exit_status execute(struct bench *bench)
{
    pt2_model_params params;
    pt2_status status = target_params(&bench->target, &params);
    if (status == PT2_OK)
        status = load(bench, &params);
    if (status == PT2_OK)
        status = measure(bench);
    if (status != PT2_OK)
        return tool_fail(status);
    struct plan_facts facts = plan_facts(bench->model);
    if (bench->json)
        print_object(bench, &facts);
    else
        print_text(bench, &facts);
    return STATUS_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct bench bench = { .target = TARGET_INIT, .runs = 20, .warmup = 2 };
    const struct option options[] = {
        { "runs", OPTION_NUMBER, &bench.runs, "N", "timed runs (20)" },
        { "warmup", OPTION_NUMBER, &bench.warmup, "N", "runs before them, after the first (2)" },
        { "input", OPTION_TEXT, &bench.input, "FILE", "inputs as for pt2gpu run; default: the sample inputs" },
        TARGET_OPTIONS(&bench.target),
        { "json", OPTION_FLAG, &bench.json, NULL, "the last line is an object; ms holds one number per run" },
        { 0 },
    };
    int status = options_parse(self, options, argc, argv, &bench.models, 1);
    if (status == OPTIONS_OK && !bench.models.count)
        status = usage_error(self, "which model?");
    if (status == OPTIONS_OK && !bench.runs)
        status = usage_error(self, "--runs=0 measures nothing");
    if (status == OPTIONS_OK)
        status = (int)execute(&bench);
    free(bench.ms);
    pt2_session_destroy(&bench.session);
    pt2_model_destroy(&bench.model);
    inputs_free(&bench.inputs);
    text_list_free(&bench.models);
    return status;
}

const struct command command_bench = { "bench", "MODEL.pt2", "measures the time of runs", run };
