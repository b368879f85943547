/* SPDX-License-Identifier: MIT
 * pt2gpu bench: time from host arrays in to host arrays out, one number per run; then where it goes: the kernels beside
 * what the device could do, the start, memory. */
#include "runtime/inspect.h"
#include "tools/agree.h"
#include "tools/drivers.h"
#include "tools/inputs.h"
#include "tools/profile.h"
#include "tools/startup.h"
#include "tools/tool.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct bench {
    struct target target;
    struct text_list models;
    const char *input, *against;
    struct input_choice choice;
    int runs, warmup, profile_runs;
    bool json, brief, all, startup, remeasure, serve;

    pt2_model *model;
    pt2_session *session;
    struct inputs inputs;
    double load_ms, first_ms, rss_mb;
    int compiled, found; /* kernels */
    double *ms, *cpu; /* owned; one per run */
    double median_ms, cpu_median_ms;
    struct agreement agreement;
    struct pt2_memory memory;
    struct profile profile;
    struct startup starts[2];
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

static void count_kernels(struct bench *bench)
{
    struct pt2_device *const *devices;
    for (int d = 0, n = pt2_model_devices(bench->model, &devices); d < n; d++) {
        bench->compiled += (int)atomic_load(&devices[d]->compiled);
        bench->found += (int)atomic_load(&devices[d]->found);
    }
}

static pt2_status load(struct bench *bench, const pt2_model_params *params)
{
    double begin = now_ms();
    progress("%s: opening", bench->models.items[0]);
    PT2_TRY(open_model(bench->models.items[0], params, &bench->model));
    PT2_TRY(pt2_session_create(bench->model, &bench->session));
    bench->load_ms = now_ms() - begin;
    count_kernels(bench);
    return inputs_prepare(&bench->inputs, bench->input, &bench->choice, bench->model, bench->session);
}

/* Runs `count` times; the times are added to the two lists. */
static pt2_status run_many(struct bench *bench, int count, double *ms, double *cpu)
{
    for (int i = 0; i < count; i++) {
        double begin = cpu_ms();
        PT2_TRY(run_once(bench, &ms[i]));
        cpu[i] = cpu_ms() - begin;
        progress("run %d of %d: %.2f ms", i + 1, count, ms[i]);
    }
    progress(NULL);
    return PT2_OK;
}

static pt2_status compare(struct bench *bench)
{
    struct pt2_npz got = { 0 }, want = { 0 };
    pt2_status status = PT2_OK;
    if (!bench->against)
        return PT2_OK;
    PT2_GOTO(out, pt2_npz_read(bench->against, &want));
    PT2_GOTO(out, outputs_collect(bench->model, bench->session, true, &got));
    PT2_GOTO(out, agree(&got, &want, bench->against, NULL, &bench->agreement));
out:
    pt2_npz_free(&got);
    pt2_npz_free(&want);
    return status;
}

static pt2_status measure(struct bench *bench)
{
    double ignored;
    int n = bench->runs + 1;
    bench->ms = calloc((size_t)n * 3, sizeof *bench->ms);
    if (!bench->ms)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %d times", bench->runs);
    bench->cpu = bench->ms + n;
    PT2_TRY(run_once(bench, &bench->first_ms));
    PT2_TRY(compare(bench));
    for (int i = 0; i < bench->warmup; i++)
        PT2_TRY(run_once(bench, &ignored));
    if (bench->serve)
        return PT2_OK;
    PT2_TRY(run_many(bench, bench->runs, bench->ms, bench->cpu));
    double *sorted = bench->ms + 2 * n;
    memcpy(sorted, bench->ms, (size_t)bench->runs * sizeof *sorted);
    bench->median_ms = median(sorted, bench->runs);
    memcpy(sorted, bench->cpu, (size_t)bench->runs * sizeof *sorted);
    bench->cpu_median_ms = median(sorted, bench->runs);
    return PT2_OK;
}

static pt2_status look_closer(struct bench *bench)
{
    bench->rss_mb = peak_rss_mb();
    bench->memory = pt2_session_memory(bench->session);
    if (bench->brief)
        return PT2_OK;
    return profile_model(bench->model, bench->input, &bench->choice, bench->profile_runs, bench->remeasure,
                         bench->target.no_cache, &bench->profile);
}

/* ---- text ---- */

static double least(const double *x, int n)
{
    double r = x[0];
    for (int i = 1; i < n; i++)
        r = x[i] < r ? x[i] : r;
    return r;
}

static double most(const double *x, int n)
{
    double r = x[0];
    for (int i = 1; i < n; i++)
        r = x[i] > r ? x[i] : r;
    return r;
}

static void print_memory(const struct bench *bench)
{
    const struct pt2_memory *m = &bench->memory;
    say("memory    %.2f MB between kernels", (double)m->activations * 1e-6);
    if (m->live)
        say(", %.2f of the largest live set (%.2f MB)", (double)m->activations / (double)m->live,
               (double)m->live * 1e-6);
    say("; inputs %.2f MB, state %.2f MB, weights %.2f MB; process %.1f MB\n", (double)m->inputs * 1e-6,
           (double)m->states * 1e-6, (double)m->weights * 1e-6, bench->rss_mb);
}

static void print_overhead(const struct bench *bench)
{
    const struct profile *p = &bench->profile;
    double overhead = bench->median_ms - p->busy_ms;
    say("          device %.3f ms, overhead %.3f ms", p->busy_ms, overhead);
    if (p->launches)
        say(", %.4f ms for each of %d launches", overhead / p->launches, p->launches);
    putchar('\n');
}

static void print_start(const char *name, const struct startup *s)
{
    say("%-9s %.1f ms: load %.1f ms, first run %.1f ms; %d kernels compiled, %d found in our cache\n", name,
           s->process_ms, s->load_ms, s->first_ms, s->compiled, s->found);
}

static void print_text(const struct bench *bench, const struct plan_facts *facts)
{
    char text[1024];
    say("device    %s\n", facts->device);
    if (!bench->brief)
        profile_limits_text(&bench->profile);
    say("load      %.2f ms, first run %.2f ms; %d kernels compiled, %d found in our cache\n", bench->load_ms,
           bench->first_ms, bench->compiled, bench->found);
    say("run       median %.3f ms, fastest %.3f ms, slowest %.3f ms, of %d runs; processor %.3f ms\n",
           bench->median_ms, least(bench->ms, bench->runs), most(bench->ms, bench->runs), bench->runs,
           bench->cpu_median_ms);
    if (!bench->brief)
        print_overhead(bench);
    else if (facts->launches >= 0)
        say("launches  %.0f\n", facts->launches);
    print_memory(bench);
    if (bench->startup) {
        print_start("start 1", &bench->starts[0]);
        print_start("start 2", &bench->starts[1]);
    }
    if (bench->against) {
        agreement_text(&bench->agreement, bench->against, text, sizeof text);
        say("outputs   %s\n", text);
    }
    if (!bench->brief)
        profile_text(&bench->profile, bench->all);
}

/* ---- JSON ---- */

static cJSON *start_json(const struct startup *s)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "process_ms", s->process_ms);
    cJSON_AddNumberToObject(o, "load_ms", s->load_ms);
    cJSON_AddNumberToObject(o, "first_ms", s->first_ms);
    cJSON_AddNumberToObject(o, "kernels_compiled", s->compiled);
    cJSON_AddNumberToObject(o, "kernels_found", s->found);
    return o;
}

static void add_memory(const struct bench *bench, cJSON *object)
{
    const struct pt2_memory *m = &bench->memory;
    cJSON *o = cJSON_AddObjectToObject(object, "memory");
    cJSON_AddNumberToObject(o, "activations", (double)m->activations);
    cJSON_AddNumberToObject(o, "live", (double)m->live);
    cJSON_AddNumberToObject(o, "inputs", (double)m->inputs);
    cJSON_AddNumberToObject(o, "states", (double)m->states);
    cJSON_AddNumberToObject(o, "weights", (double)m->weights);
    cJSON_AddNumberToObject(object, "peak_rss_mb", bench->rss_mb);
}

static void add_agreement(const struct bench *bench, cJSON *object)
{
    if (!bench->against)
        return;
    cJSON_AddBoolToObject(object, "agrees", bench->agreement.same);
    cJSON_AddNumberToObject(object, "relative", bench->agreement.relative);
}

static void add_start(const struct bench *bench, cJSON *object)
{
    cJSON_AddNumberToObject(object, "load_ms", bench->load_ms);
    cJSON_AddNumberToObject(object, "first_ms", bench->first_ms);
    cJSON_AddNumberToObject(object, "kernels_compiled", bench->compiled);
    cJSON_AddNumberToObject(object, "kernels_found", bench->found);
}

static void print_object(const struct bench *bench, const struct plan_facts *facts)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", bench->models.items[0]);
    cJSON_AddStringToObject(object, "device", facts->device);
    cJSON_AddItemToObject(object, "ms", cJSON_CreateDoubleArray(bench->ms, bench->runs));
    cJSON_AddItemToObject(object, "cpu_ms", cJSON_CreateDoubleArray(bench->cpu, bench->runs));
    add_start(bench, object);
    if (facts->launches >= 0)
        cJSON_AddNumberToObject(object, "launches", facts->launches);
    else
        cJSON_AddNullToObject(object, "launches");
    add_memory(bench, object);
    add_agreement(bench, object);
    if (bench->startup) {
        cJSON *starts = cJSON_AddArrayToObject(object, "starts");
        for (int k = 0; k < 2; k++)
            cJSON_AddItemToArray(starts, start_json(&bench->starts[k]));
    }
    if (!bench->brief) {
        cJSON_AddNumberToObject(object, "overhead_ms", bench->median_ms - bench->profile.busy_ms);
        profile_json(&bench->profile, object);
    }
    print_json(object);
}

/* ---- serving ---- */

/* So that several programs can take turns: each line of standard input is a number of runs, each answer an object. */
static pt2_status serve(struct bench *bench)
{
    char line[32];
    cJSON *object = cJSON_CreateObject();
    bench->rss_mb = peak_rss_mb();
    bench->memory = pt2_session_memory(bench->session);
    add_start(bench, object);
    add_memory(bench, object);
    add_agreement(bench, object);
    print_json(object);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        int runs = (int)strtol(line, NULL, 10);
        if (runs < 1 || runs > bench->runs)
            return pt2_fail(PT2_ERR_ARG, "--serve: a number of runs from 1 to %d (--runs) was expected, not %s",
                            bench->runs, line);
        PT2_TRY(run_many(bench, runs, bench->ms, bench->cpu));
        PT2_TRY(compare(bench));
        object = cJSON_CreateObject();
        cJSON_AddItemToObject(object, "ms", cJSON_CreateDoubleArray(bench->ms, runs));
        cJSON_AddItemToObject(object, "cpu_ms", cJSON_CreateDoubleArray(bench->cpu, runs));
        add_agreement(bench, object);
        print_json(object);
        fflush(stdout);
    }
    return PT2_OK;
}

/* ---- the command ---- */

static enum exit_status execute(struct bench *bench, int argc, char **argv)
{
    pt2_model_params params;
    pt2_status status = target_params(&bench->target, &params);
    if (status == PT2_OK && bench->startup)
        status = startup_measure(argc, argv, bench->starts);
    if (status == PT2_OK)
        status = load(bench, &params);
    if (status == PT2_OK)
        status = measure(bench);
    if (status == PT2_OK)
        status = bench->serve ? serve(bench) : look_closer(bench);
    if (status != PT2_OK)
        return tool_fail(status);
    struct plan_facts facts = plan_facts(bench->model);
    if (bench->json)
        print_object(bench, &facts);
    else if (!bench->serve)
        print_text(bench, &facts);
    return bench->against && !bench->agreement.same ? STATUS_DIFFERENT : STATUS_DONE;
}

static int check_options(const struct command *self, const struct bench *bench)
{
    if (!bench->models.count)
        return usage_error(self, "which model?");
    if (!bench->runs || !bench->profile_runs)
        return usage_error(self, "%s=0 measures nothing", bench->runs ? "--profile-runs" : "--runs");
    if (bench->serve && (bench->json || bench->startup))
        return usage_error(self, "--serve does not go with %s", bench->json ? "--json" : "--startup");
    return random_usage(self, &bench->choice, bench->input != NULL);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct bench bench = { .target = TARGET_INIT, .runs = 20, .warmup = 2, .profile_runs = 3 };
    const struct option options[] = {
        { "runs", OPTION_NUMBER, &bench.runs, "N", "timed runs (20)" },
        { "warmup", OPTION_NUMBER, &bench.warmup, "N", "runs before them, after the first (2)" },
        { "input", OPTION_TEXT, &bench.input, "FILE", "inputs as for pt2gpu run; default: the sample inputs" },
        RANDOM_OPTIONS(&bench.choice),
        { "against", OPTION_TEXT, &bench.against, "FILE", "compare the outputs with stored ones" },
        TARGET_OPTIONS(&bench.target),
        { "brief", OPTION_FLAG, &bench.brief, NULL, "only times and memory of runs, not of kernels" },
        { "profile-runs", OPTION_NUMBER, &bench.profile_runs, "N", "further runs in which kernels are timed (3)" },
        { "all", OPTION_FLAG, &bench.all, NULL, "all kernels in the table, not only the slowest" },
        { "remeasure", OPTION_FLAG, &bench.remeasure, NULL, "measure the device's limits again" },
        { "startup", OPTION_FLAG, &bench.startup, NULL,
          "also start twice in new processes, first with empty caches, the drivers' included" },
        { "serve", OPTION_FLAG, &bench.serve, NULL,
          "stay: each line of standard input is a number of runs, answered by an object with their times" },
        { "json", OPTION_FLAG, &bench.json, NULL, "the last line is an object; ms holds one number per run" },
        { 0 },
    };
    int status = options_parse(self, options, argc, argv, &bench.models, 1);
    if (status == OPTIONS_OK)
        status = check_options(self, &bench);
    if (status == OPTIONS_OK)
        status = (int)execute(&bench, argc, argv);
    free(bench.ms);
    profile_free(&bench.profile);
    pt2_session_destroy(&bench.session);
    pt2_model_destroy(&bench.model);
    inputs_free(&bench.inputs);
    text_list_free(&bench.models);
    text_list_free(&bench.choice.sizes);
    return status;
}

const struct command command_bench = { "bench", "MODEL.pt2", "measures the time of runs and of their kernels", run };
