/* SPDX-License-Identifier: MIT
 * What the subcommands share. */
#include "tools/tool.h"
#include "base/status.h"
#include "base/utf8.h"
#include "tools/drivers.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum exit_status exit_status_of(pt2_status status)
{
    switch (status) {
    case PT2_OK:
        return STATUS_DONE;
    case PT2_ERR_IO:
    case PT2_ERR_FORMAT:
    case PT2_ERR_INPUT:
        return STATUS_DATA;
    case PT2_ERR_ARG:
        return STATUS_USAGE;
    case PT2_ERR_UNSUPPORTED:
        return STATUS_UNSUPPORTED;
    default:
        return STATUS_DEVICE;
    }
}

void one_line(char *dst, size_t cap, const char *text)
{
    struct pt2_str safe = { 0 };
    pt2_utf8_escape(&safe, text, PT2_ESCAPE_TEXT);
    snprintf(dst, cap, "%s", pt2_str_text(&safe));
    pt2_str_free(&safe);
    for (char *p = dst; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
}

static void put_safe(FILE *file, const char *text)
{
    struct pt2_str safe = { 0 };
    pt2_utf8_escape(&safe, text, PT2_ESCAPE_TEXT);
    fputs(pt2_str_text(&safe), file);
    pt2_str_free(&safe);
}

void say(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < (int)sizeof text) {
        put_safe(stdout, text);
        return;
    }
    char *all = malloc((size_t)n + 1);
    if (!all)
        abort(); /* a line of output */
    va_start(ap, fmt);
    vsnprintf(all, (size_t)n + 1, fmt, ap);
    va_end(ap);
    put_safe(stdout, all);
    free(all);
}

enum exit_status tool_fail(pt2_status status)
{
    char line[1024];
    const char *text = pt2_error_message(), *rest = strchr(text, '\n');
    snprintf(line, sizeof line, "%.*s", rest ? (int)(rest - text) : (int)strlen(text), text);
    one_line(line, sizeof line, *line ? line : pt2_status_name(status));
    progress(NULL);
    fflush(stdout);
    fprintf(stderr, "pt2gpu: %s\n", line);
    drivers_say(stderr, rest ? rest + 1 : "");
    return exit_status_of(status);
}

void progress(const char *fmt, ...)
{
    static bool shown;
    if (!isatty(STDERR_FILENO) || (!fmt && !shown))
        return;
    fputs("\r\033[K", stderr);
    shown = fmt != NULL;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
    }
    fflush(stderr);
}

static double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

double now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

double cpu_ms(void)
{
    return clock_ms(CLOCK_PROCESS_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* --device with --backend=auto counts through all devices, as `pt2gpu devices` lists them. */
static pt2_status nth_device(int n, char *text, size_t cap)
{
    pt2_device_info info;
    if (n >= pt2_device_count())
        return pt2_fail(PT2_ERR_NODEVICE, "there is no device %d: pt2gpu devices lists them", n);
    PT2_TRY(pt2_device_get_info(n, &info));
    snprintf(text, cap, "%s:%d", info.backend, info.number);
    return PT2_OK;
}

pt2_status target_params(struct target *target, pt2_model_params *out_params)
{
    const char *backend = target->backend;
    if (target->device >= 0) {
        const char *comma = backend ? strchr(backend, ',') : NULL;
        int first = comma ? (int)(comma - backend) : backend ? (int)strlen(backend) : 0;
        if (backend && memchr(backend, ':', (size_t)first))
            return pt2_fail(PT2_ERR_ARG, "--backend=%s names a device already: --device does not go with it", backend);
        if (!backend || strcmp(backend, "auto") == 0)
            PT2_TRY(nth_device(target->device, target->text, sizeof target->text));
        else
            snprintf(target->text, sizeof target->text, "%.*s:%d%s", first, backend, target->device,
                     comma ? comma : "");
        backend = target->text;
    }
    *out_params = (pt2_model_params){ .backend = backend, .program = target->program, .no_cache = target->no_cache,
                                      .trust_indices = target->trust_indices,
                                      .place = target->place, .without = target->without,
                                      .tune = target->tune };
    return PT2_OK;
}

static void append(char *text, size_t size, const char *fmt, ...) PT2_PRINTF(3, 4);
static void append(char *text, size_t size, const char *fmt, ...)
{
    va_list ap;
    size_t len = strlen(text);
    va_start(ap, fmt);
    vsnprintf(text + len, size - len, fmt, ap);
    va_end(ap);
}

static void add_device(struct plan_facts *facts, const cJSON *device)
{
    const char *between = facts->where[0] ? "; " : "";
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(device, "device"));
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(device, "name"));
    double launches = cJSON_GetNumberValue(cJSON_GetObjectItem(device, "launches"));
    const cJSON *reasons = cJSON_GetObjectItem(device, "reasons"), *reason;
    append(facts->device, sizeof facts->device, "%s%s %s", between[0] ? ", " : "", id, name);
    append(facts->where, sizeof facts->where, "%s%s %.0f", between, id, launches);
    cJSON_ArrayForEach(reason, reasons)
        append(facts->where, sizeof facts->where, "%s%s%s", reason == reasons->child ? " (" : ", ",
               reason->valuestring, reason->next ? "" : ")");
}

struct plan_facts plan_facts(const pt2_model *model)
{
    struct plan_facts facts = { .device = "", .launches = -1, .where = "" };
    char *text = NULL;
    if (pt2_model_plan_text(model, 1, &text) != PT2_OK)
        return facts;
    cJSON *plan = cJSON_Parse(text), *device;
    cJSON_ArrayForEach(device, cJSON_GetObjectItem(plan, "devices"))
        add_device(&facts, device);
    facts.launches = cJSON_GetNumberValue(cJSON_GetObjectItem(plan, "launches"));
    cJSON_Delete(plan);
    pt2_free(text);
    return facts;
}

void say_json(const char *text)
{
    struct pt2_str safe = { 0 };
    pt2_utf8_escape(&safe, text, PT2_ESCAPE_JSON);
    puts(pt2_str_text(&safe));
    pt2_str_free(&safe);
}

void print_json(cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    say_json(text ? text : "null");
    cJSON_free(text);
    cJSON_Delete(json);
}
