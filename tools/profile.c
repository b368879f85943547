/* SPDX-License-Identifier: MIT
 * The time of each kernel. Slices of several runs are sorted by kernel and run; a kernel's time is the median of its
 * runs. */
#include "tools/profile.h"
#include "archive/program.h"
#include "base/cache.h"
#include "device.h"
#include "runtime/inspect.h"
#include "tools/inputs.h"
#include "tools/tool.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN = 25 };

struct sample {
    struct pt2_slice slice;
    int run;
};

struct samples {
    struct sample *data; /* owned */
    size_t count;
    int runs;
    double *busy_ms; /* owned; by run */
};

/* ---- measuring ---- */

static int by_begin(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    if (x->slice.region->device != y->slice.region->device)
        return x->slice.region->device - y->slice.region->device;
    return x->slice.begin_ns < y->slice.begin_ns ? -1 : x->slice.begin_ns > y->slice.begin_ns;
}

/* Length of the union of the slices, device by device. */
static double busy_ms(struct sample *s, size_t n)
{
    uint64_t end = 0, total = 0;
    int device = -1;
    qsort(s, n, sizeof *s, by_begin);
    for (size_t k = 0; k < n; k++) {
        const struct pt2_slice *t = &s[k].slice;
        uint64_t from = t->region->device == device && t->begin_ns < end ? end : t->begin_ns;
        total += t->end_ns > from ? t->end_ns - from : 0;
        end = t->end_ns > from ? t->end_ns : from;
        device = t->region->device;
    }
    return (double)total * 1e-6;
}

static pt2_status add_run(struct samples *s, const pt2_session *session, int run)
{
    const struct pt2_slice *slices;
    uint32_t n = pt2_session_slices(session, &slices);
    struct sample *p = realloc(s->data, (s->count + n + 1) * sizeof *p);
    if (!p)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %u launches", n);
    s->data = p;
    for (uint32_t k = 0; k < n; k++)
        p[s->count + k] = (struct sample){ slices[k], run };
    s->busy_ms[run] = busy_ms(p + s->count, n);
    s->count += n;
    return PT2_OK;
}

static pt2_status measure(pt2_model *model, const char *input, const struct input_choice *choice, struct samples *s)
{
    pt2_session *session = NULL;
    struct inputs inputs = { 0 };
    pt2_status status = PT2_OK;
    s->busy_ms = calloc((size_t)s->runs + 1, sizeof *s->busy_ms);
    if (!s->busy_ms)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %d runs", s->runs);
    PT2_GOTO(out, pt2_session_create(model, &session));
    pt2_session_time(session);
    PT2_GOTO(out, inputs_prepare(&inputs, input, choice, model, session));
    PT2_GOTO(out, pt2_session_run(session));
    for (int k = 0; k < s->runs; k++) {
        progress("measuring kernels, run %d of %d", k + 1, s->runs);
        PT2_GOTO(out, pt2_session_run(session));
        PT2_GOTO(out, add_run(s, session, k));
    }
out:
    progress(NULL);
    pt2_session_destroy(&session);
    inputs_free(&inputs);
    return status;
}

/* ---- rows ---- */

static int by_kernel(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    if (x->slice.region != y->slice.region)
        return (uintptr_t)x->slice.region < (uintptr_t)y->slice.region ? -1 : 1;
    return x->run - y->run;
}

static int by_time(const void *a, const void *b)
{
    const struct profile_row *x = a, *y = b;
    return x->ms < y->ms ? 1 : x->ms > y->ms ? -1 : 0;
}

static double sum_known(double sum, double more)
{
    return sum < 0 || more < 0 ? -1 : sum + more;
}

static void find_roof(struct profile_row *row, const struct pt2_limits *limits)
{
    const struct pt2_limits *l = &limits[row->region->device];
    row->roof = -1;
    if (l->operations <= 0 || l->bytes <= 0 || row->operations < 0 || row->bytes < 0 || row->ms <= 0)
        return;
    double arithmetic = row->operations / l->operations * 1e3, memory = row->bytes / l->bytes * 1e3;
    row->arithmetic = arithmetic > memory;
    row->roof = (row->arithmetic ? arithmetic : memory) / row->ms;
}

/* `n` samples of one kernel, sorted by run. Counts are those of the first run in which it ran. */
static struct profile_row row_of(const struct sample *s, size_t n, int runs, double *ms)
{
    struct profile_row row = { .region = s->slice.region };
    for (int k = 0; k < runs; k++)
        ms[k] = 0;
    for (size_t k = 0; k < n; k++) {
        const struct pt2_slice *t = &s[k].slice;
        ms[s[k].run] += (double)(t->end_ns - t->begin_ns) * 1e-6;
        if (s[k].run != s[0].run)
            continue;
        row.launches++;
        row.operations = sum_known(row.operations, t->operations);
        row.bytes = sum_known(row.bytes, t->read < 0 || t->written < 0 ? -1 : t->read + t->written);
    }
    row.ms = median(ms, runs);
    return row;
}

static pt2_status make_rows(struct samples *s, struct profile *out)
{
    double *ms = calloc((size_t)s->runs + 1, sizeof *ms);
    out->rows = calloc(s->count + 1, sizeof *out->rows);
    if (!ms || !out->rows) {
        free(ms);
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %zu launches", s->count);
    }
    qsort(s->data, s->count, sizeof *s->data, by_kernel);
    for (size_t k = 0, next; k < s->count; k = next) {
        for (next = k; next < s->count && s->data[next].slice.region == s->data[k].slice.region;)
            next++;
        struct profile_row row = row_of(&s->data[k], next - k, s->runs, ms);
        find_roof(&row, out->limits);
        out->rows[out->count++] = row;
        out->kernel_ms += row.ms;
        out->launches += row.launches;
    }
    qsort(out->rows, (size_t)out->count, sizeof *out->rows, by_time);
    out->busy_ms = median(s->busy_ms, s->runs);
    free(ms);
    return PT2_OK;
}

static pt2_status measure_limits(struct profile *out, bool again, bool no_cache)
{
    struct pt2_device *const *devices;
    int n = pt2_model_devices(out->model, &devices);
    out->limits = calloc((size_t)n, sizeof *out->limits);
    if (!out->limits)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %d devices", n);
    for (int d = 0; d < n; d++) {
        progress("measuring %s", pt2_model_device_id(out->model, d));
        PT2_TRY(pt2_device_limits(devices[d], no_cache ? NULL : pt2_cache_dir(), again, &out->limits[d]));
    }
    progress(NULL);
    return PT2_OK;
}

pt2_status profile_model(pt2_model *model, const char *input, const struct input_choice *choice, int runs, bool again,
                         bool no_cache, struct profile *out)
{
    struct samples s = { .runs = runs };
    *out = (struct profile){ .model = model };
    pt2_status status = measure_limits(out, again, no_cache);
    if (status == PT2_OK)
        status = measure(model, input, choice, &s);
    if (status == PT2_OK)
        status = make_rows(&s, out);
    free(s.data);
    free(s.busy_ms);
    return status;
}

void profile_free(struct profile *p)
{
    free(p->rows);
    free(p->limits);
    *p = (struct profile){ 0 };
}

/* ---- text ---- */

void profile_limits_text(const struct profile *p)
{
    struct pt2_device *const *devices;
    int n = pt2_model_devices(p->model, &devices);
    for (int d = 0; d < n; d++)
        if (p->limits[d].bytes > 0)
            say("limits    %s: %.4g GFLOP/s in fused multiply-adds, %.4g GB/s of memory, as measured\n",
                   pt2_model_device_id(p->model, d), p->limits[d].operations * 1e-9, p->limits[d].bytes * 1e-9);
}

static void print_known(const char *format, double x)
{
    char text[32] = "-";
    if (x >= 0)
        snprintf(text, sizeof text, format, x);
    say("%10s", text);
}

/* "encoder.layer.0: linear, gelu" */
static void print_origin(const struct pt2_region *r)
{
    const struct pt2_pnode *n = pt2_region_origin(r);
    if (n && n->module_path[0])
        say("  %s", n->module_path);
    if (n)
        say("  %s", n->name);
    putchar('\n');
}

static void print_row(const struct profile *p, const struct profile_row *r)
{
    say("%10.4f", r->ms);
    print_known("%.1f%%", p->kernel_ms > 0 ? 100 * r->ms / p->kernel_ms : -1);
    say("%9d", r->launches);
    print_known("%.3g", r->operations < 0 ? -1 : r->operations * 1e-9);
    print_known("%.3g", r->bytes < 0 ? -1 : r->bytes * 1e-6);
    print_known("%.2f", r->operations < 0 || r->ms <= 0 ? -1 : r->operations / r->ms * 1e-6);
    print_known("%.2f", r->bytes < 0 || r->ms <= 0 ? -1 : r->bytes / r->ms * 1e-6);
    print_known("%.1f%%", r->roof < 0 ? -1 : 100 * r->roof);
    say("  %-10s", r->roof < 0 ? "" : r->arithmetic ? "arithmetic" : "memory");
    say("  %-28s", r->region->kernel->name);
    print_origin(r->region);
}

/* The rows from `first` on, as one. */
static void print_sum(const struct profile *p, int first, const char *name)
{
    double ms = 0, operations = 0, bytes = 0, roof = 0;
    int launches = 0;
    for (int k = first; k < p->count; k++) {
        const struct profile_row *r = &p->rows[k];
        ms += r->ms;
        launches += r->launches;
        operations = sum_known(operations, r->operations);
        bytes = sum_known(bytes, r->bytes);
        roof = sum_known(roof, r->roof < 0 ? -1 : r->roof * r->ms);
    }
    say("%10.4f", ms);
    print_known("%.1f%%", p->kernel_ms > 0 ? 100 * ms / p->kernel_ms : -1);
    say("%9d", launches);
    print_known("%.3g", operations < 0 ? -1 : operations * 1e-9);
    print_known("%.3g", bytes < 0 ? -1 : bytes * 1e-6);
    print_known("%.2f", operations < 0 || ms <= 0 ? -1 : operations / ms * 1e-6);
    print_known("%.2f", bytes < 0 || ms <= 0 ? -1 : bytes / ms * 1e-6);
    print_known("%.1f%%", roof < 0 || ms <= 0 ? -1 : 100 * roof / ms);
    say("  %-10s  %s\n", "", name);
}

void profile_text(const struct profile *p, bool all)
{
    int shown = all || p->count <= SHOWN ? p->count : SHOWN;
    char rest[64];
    say("\n%10s%10s%9s%10s%10s%10s%10s%10s  %-10s  %-28s  %s\n", "ms", "share", "launches", "GFLOP", "MB", "GFLOP/s",
           "GB/s", "of roof", "bound by", "kernel", "module, node");
    for (int k = 0; k < shown; k++)
        print_row(p, &p->rows[k]);
    snprintf(rest, sizeof rest, "%d more kernels (--all shows them)", p->count - shown);
    if (shown < p->count)
        print_sum(p, shown, rest);
    print_sum(p, 0, "total");
}

/* ---- JSON ---- */

static void add_known(cJSON *o, const char *name, double x)
{
    if (x >= 0)
        cJSON_AddNumberToObject(o, name, x);
    else
        cJSON_AddNullToObject(o, name);
}

static cJSON *row_json(const struct profile *p, const struct profile_row *r)
{
    cJSON *o = cJSON_CreateObject();
    const struct pt2_pnode *n = pt2_region_origin(r->region);
    cJSON_AddStringToObject(o, "kernel", r->region->kernel->name);
    cJSON_AddStringToObject(o, "node", n ? n->name : "");
    cJSON_AddStringToObject(o, "module", n ? n->module_path : "");
    cJSON_AddStringToObject(o, "device", pt2_model_device_id(p->model, r->region->device));
    cJSON_AddNumberToObject(o, "launches", r->launches);
    cJSON_AddNumberToObject(o, "ms", r->ms);
    add_known(o, "operations", r->operations);
    add_known(o, "bytes", r->bytes);
    add_known(o, "roof", r->roof);
    cJSON_AddStringToObject(o, "bound_by", r->roof < 0 ? "" : r->arithmetic ? "arithmetic" : "memory");
    return o;
}

void profile_json(const struct profile *p, cJSON *object)
{
    struct pt2_device *const *devices;
    cJSON *limits = cJSON_AddArrayToObject(object, "limits");
    for (int d = 0, n = pt2_model_devices(p->model, &devices); d < n; d++) {
        if (p->limits[d].bytes <= 0)
            continue;
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "device", pt2_model_device_id(p->model, d));
        cJSON_AddNumberToObject(o, "operations_per_s", p->limits[d].operations);
        cJSON_AddNumberToObject(o, "bytes_per_s", p->limits[d].bytes);
        cJSON_AddItemToArray(limits, o);
    }
    cJSON_AddNumberToObject(object, "kernel_ms", p->kernel_ms);
    cJSON_AddNumberToObject(object, "device_ms", p->busy_ms);
    cJSON *list = cJSON_AddArrayToObject(object, "kernels");
    for (int k = 0; k < p->count; k++)
        cJSON_AddItemToArray(list, row_json(p, &p->rows[k]));
}
