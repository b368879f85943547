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

uint32_t pt2_session_slices(const pt2_session *s, const struct pt2_slice **out_slices)
{
    *out_slices = s->slices;
    return s->num_slices;
}

const struct pt2_pnode *pt2_region_origin(const struct pt2_region *r)
{
    return r->members.data[r->members.count - 1].node->origin;
}

pt2_status pt2_note_origin(pt2_status status, const struct pt2_pnode *n)
{
    return n ? pt2_note(status, "node %s (%s)%s%s", n->name, n->target, n->python_line[0] ? " at " : "",
                        n->python_line)
             : status;
}

/* ---- collecting ---- */

static double count(struct pt2_session *s, pt2_ex e)
{
    int64_t n;
    return e && pt2_eval(&s->model->module.exprs, e, s->values, s->known, &n) == PT2_OK ? (double)n : -1;
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
        const struct pt2_region *r = plan->steps[first + t[k].launch].region;
        struct pt2_slice slice = { r, t[k].begin_ns, t[k].end_ns, count(s, r->cost.operations),
                                   count(s, r->cost.read), count(s, r->cost.written) };
        status = add_slice(s, slice);
    }
    free(t);
    return status;
}

/* ---- the trace ---- */

enum { TRACKS = 64 };

/* The first track of the device that is free when the slice begins; tracks that were never used are free. */
static int track_of(uint64_t *busy_until, const struct pt2_slice *s)
{
    int k = 0;
    while (k < TRACKS - 1 && busy_until[k] > s->begin_ns)
        k++;
    busy_until[k] = s->end_ns;
    return k;
}

static void add_origin(cJSON *args, const struct pt2_region *r)
{
    const struct pt2_pnode *n = pt2_region_origin(r);
    if (!n)
        return;
    cJSON_AddStringToObject(args, "node", n->name);
    cJSON_AddStringToObject(args, "operator", n->target);
    cJSON_AddStringToObject(args, "module", n->module_path);
    cJSON_AddStringToObject(args, "python", n->python_line);
}

static void add_known(cJSON *args, const char *name, double n)
{
    if (n >= 0)
        cJSON_AddNumberToObject(args, name, n);
}

static cJSON *slice_json(const struct pt2_slice *slice, uint64_t origin, int track)
{
    cJSON *o = cJSON_CreateObject(), *args = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", slice->region->kernel->name);
    cJSON_AddStringToObject(o, "cat", "kernel");
    cJSON_AddStringToObject(o, "ph", "X");
    cJSON_AddNumberToObject(o, "pid", slice->region->device + 1); /* viewers take 0 for the idle process */
    cJSON_AddNumberToObject(o, "tid", track + 1);
    cJSON_AddNumberToObject(o, "ts", (double)(slice->begin_ns - origin) / 1e3);
    cJSON_AddNumberToObject(o, "dur", (double)(slice->end_ns - slice->begin_ns) / 1e3);
    add_origin(args, slice->region);
    add_known(args, "bytes_read", slice->read);
    add_known(args, "bytes_written", slice->written);
    add_known(args, "operations", slice->operations);
    cJSON_AddItemToObject(o, "args", args);
    return o;
}

/* The name of a process (track -1) or of a track. */
static cJSON *name_json(int device, int track, const char *name)
{
    cJSON *o = cJSON_CreateObject(), *args = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", track < 0 ? "process_name" : "thread_name");
    cJSON_AddStringToObject(o, "ph", "M");
    cJSON_AddNumberToObject(o, "pid", device + 1);
    if (track >= 0)
        cJSON_AddNumberToObject(o, "tid", track + 1);
    cJSON_AddStringToObject(args, "name", name);
    cJSON_AddItemToObject(o, "args", args);
    return o;
}

static void add_names(cJSON *events, const struct pt2_model *m, int d, const uint64_t *busy_until)
{
    char name[256];
    snprintf(name, sizeof name, "%s %s", m->entries[d]->id, m->entries[d]->desc.name);
    cJSON_AddItemToArray(events, name_json(d, -1, name));
    for (int k = 0; k < TRACKS && busy_until[k]; k++) {
        snprintf(name, sizeof name, k ? "queue, at the same time %d" : "queue", k);
        cJSON_AddItemToArray(events, name_json(d, k, name));
    }
}

static void add_device(cJSON *events, const struct pt2_session *s, const struct pt2_slice *slices, int d)
{
    uint64_t busy_until[TRACKS] = { 0 }, origin = 0;
    bool any = false;
    for (uint32_t k = 0; k < s->num_slices; k++) {
        if (slices[k].region->device != d)
            continue;
        origin = any ? origin : slices[k].begin_ns; /* each device has its own clock */
        any = true;
        cJSON_AddItemToArray(events, slice_json(&slices[k], origin, track_of(busy_until, &slices[k])));
    }
    if (any)
        add_names(events, s->model, d, busy_until);
}

static int by_begin(const void *a, const void *b)
{
    const struct pt2_slice *x = a, *y = b;
    return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

pt2_status pt2_session_trace(pt2_session *s, char **out_json)
{
    struct pt2_slice *slices = malloc((s->num_slices + 1) * sizeof *slices);
    if (!slices)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    if (s->num_slices)
        memcpy(slices, s->slices, s->num_slices * sizeof *slices);
    qsort(slices, s->num_slices, sizeof *slices, by_begin);
    cJSON *root = cJSON_CreateObject(), *events = cJSON_CreateArray();
    cJSON_AddStringToObject(root, "displayTimeUnit", "ms");
    cJSON_AddItemToObject(root, "traceEvents", events);
    for (int d = 0; d < s->model->num_devices; d++)
        add_device(events, s, slices, d);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    free(slices);
    *out_json = text ? strdup(text) : NULL;
    cJSON_free(text);
    return *out_json ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
}
