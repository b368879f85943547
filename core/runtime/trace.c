/* SPDX-License-Identifier: MIT
 * Times of launches, collected after each segment, and written as a trace. */
#include "runtime/trace.h"
#include "runtime/internal.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

void pt2_session_time(pt2_session *s)
{
    s->timed = true;
}

static pt2_status add_slice(struct pt2_session *s, struct pt2_slice slice)
{
    if (s->num_slices == s->cap_slices) {
        uint32_t cap = s->cap_slices ? s->cap_slices * 2 : 256;
        struct pt2_slice *p = realloc(s->slices, cap * sizeof *p);
        if (!p)
            return pt2_fail(PT2_ERR_NOMEM, "out of memory");
        s->slices = p;
        s->cap_slices = cap;
    }
    s->slices[s->num_slices++] = slice;
    return PT2_OK;
}

pt2_status pt2_collect_times(struct pt2_session *s, const struct pt2_plan *plan, uint32_t first,
                             const struct pt2_segment *seg)
{
    struct pt2_device *d = s->model->devices[seg->device];
    struct pt2_timing *t = calloc(seg->count, sizeof *t);
    pt2_status status = t ? pt2_wait_device(s, seg->device) : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    if (status == PT2_OK)
        status = d->backend->timings(d, seg->exec, t);
    for (uint32_t k = 0; status == PT2_OK && k < seg->count; k++) {
        struct pt2_slice slice = { plan->steps[first + t[k].launch].region, t[k].begin_ns, t[k].end_ns };
        status = add_slice(s, slice);
    }
    free(t);
    return status;
}

/* The first lane of the device that is free when the slice begins. */
static int lane_of(uint64_t *busy_until, int lanes, const struct pt2_slice *s)
{
    int k = 0;
    while (k < lanes - 1 && busy_until[k] > s->begin_ns)
        k++;
    busy_until[k] = s->end_ns;
    return k;
}

static void add_origin(cJSON *args, const struct pt2_region *r)
{
    const struct pt2_pnode *n = r->members.data[r->members.count - 1].node->origin;
    if (!n)
        return;
    cJSON_AddStringToObject(args, "node", n->name);
    cJSON_AddStringToObject(args, "operator", n->target);
    cJSON_AddStringToObject(args, "module", n->module_path);
    cJSON_AddStringToObject(args, "python", n->python_line);
}

static double bytes_of(const struct pt2_session *s, const struct pt2_region *r)
{
    double bytes = 0;
    for (int k = 0; k < r->num_bufs; k++)
        bytes += (double)s->places[r->bufs[k]->id].bytes;
    return bytes;
}

static cJSON *slice_json(const struct pt2_session *s, const struct pt2_slice *slice, uint64_t origin, int lane)
{
    cJSON *o = cJSON_CreateObject(), *args = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", slice->region->kernel->name);
    cJSON_AddStringToObject(o, "ph", "X");
    cJSON_AddNumberToObject(o, "pid", slice->region->device);
    cJSON_AddNumberToObject(o, "tid", lane);
    cJSON_AddNumberToObject(o, "ts", (double)(slice->begin_ns - origin) / 1e3);
    cJSON_AddNumberToObject(o, "dur", (double)(slice->end_ns - slice->begin_ns) / 1e3);
    add_origin(args, slice->region);
    cJSON_AddNumberToObject(args, "bytes", bytes_of(s, slice->region));
    cJSON_AddItemToObject(o, "args", args);
    return o;
}

static cJSON *device_json(const struct pt2_model *m, int d)
{
    cJSON *o = cJSON_CreateObject(), *args = cJSON_CreateObject();
    char name[256];
    snprintf(name, sizeof name, "%s %s", m->entries[d]->id, m->entries[d]->desc.name);
    cJSON_AddStringToObject(o, "name", "process_name");
    cJSON_AddStringToObject(o, "ph", "M");
    cJSON_AddNumberToObject(o, "pid", d);
    cJSON_AddStringToObject(args, "name", name);
    cJSON_AddItemToObject(o, "args", args);
    return o;
}

static int by_begin(const void *a, const void *b)
{
    const struct pt2_slice *x = a, *y = b;
    return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

pt2_status pt2_session_trace(pt2_session *s, char **out_json)
{
    enum { LANES = 64 };
    const struct pt2_model *m = s->model;
    cJSON *root = cJSON_CreateObject(), *events = cJSON_CreateArray();
    cJSON_AddItemToObject(root, "traceEvents", events);
    if (s->num_slices)
        qsort(s->slices, s->num_slices, sizeof *s->slices, by_begin);
    for (int d = 0; d < m->num_devices; d++) {
        uint64_t busy[LANES] = { 0 }, origin = UINT64_MAX;
        for (uint32_t k = 0; k < s->num_slices; k++) {
            const struct pt2_slice *slice = &s->slices[k];
            if (slice->region->device != d)
                continue;
            if (origin == UINT64_MAX) {
                origin = slice->begin_ns; /* each device has its own clock */
                cJSON_AddItemToArray(events, device_json(m, d));
            }
            cJSON_AddItemToArray(events, slice_json(s, slice, origin, lane_of(busy, LANES, slice)));
        }
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (!text)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    *out_json = strdup(text);
    cJSON_free(text);
    return *out_json ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
}
