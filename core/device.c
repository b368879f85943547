/* SPDX-License-Identifier: MIT
 * The process's devices: a list, the open ones, and their compiled kernels. */
#include "device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEVICES = 32, MAX_BACKENDS = 8 };

struct compiled {
    uint64_t hash;
    struct pt2_program_obj *program;
};

struct open_device {
    struct pt2_device *device; /* owned; NULL: not open */
    struct compiled *programs; /* owned, sorted by hash */
    uint32_t count, cap;
};

static struct pt2_device_entry entries[MAX_DEVICES];
static struct open_device open_devices[MAX_DEVICES];
static int num_entries;
static bool listed[MAX_BACKENDS]; /* by position in pt2_backends */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void close_all(void)
{
    for (int k = 0; k < num_entries; k++) {
        struct open_device *o = &open_devices[k];
        if (!o->device)
            continue;
        for (uint32_t j = 0; j < o->count; j++)
            entries[k].backend->program_destroy(o->device, o->programs[j].program);
        entries[k].backend->close(o->device);
        free(o->programs);
        *o = (struct open_device){ 0 };
    }
}

/* Drivers are slow to load, so a backend is asked for its devices when it is first wanted. With the lock held. */
static void list_backend(int b)
{
    struct pt2_device_desc descs[MAX_DEVICES];
    int n = 0;
    if (listed[b])
        return;
    listed[b] = true;
    if (pt2_backends[b]->enumerate(descs, MAX_DEVICES, &n) != PT2_OK)
        return; /* a broken driver is as good as none; asking for its device by name reports that there is none */
    for (int k = 0; k < n && num_entries < MAX_DEVICES; k++) {
        struct pt2_device_entry *e = &entries[num_entries++];
        e->backend = pt2_backends[b];
        e->desc = descs[k];
        snprintf(e->id, sizeof e->id, "%s:%d", e->backend->name, e->desc.number);
    }
}

/* Lists the devices of the named backend, or of all (NULL). */
static void list_devices(const char *name, size_t len)
{
    pthread_mutex_lock(&lock);
    for (int b = 0; pt2_backends[b]; b++)
        if (!name || (strlen(pt2_backends[b]->name) == len && !memcmp(pt2_backends[b]->name, name, len)))
            list_backend(b);
    pthread_mutex_unlock(&lock);
}

int pt2_device_entries(const struct pt2_device_entry **out_entries)
{
    list_devices(NULL, 0);
    *out_entries = entries;
    return num_entries;
}

void pt2_device_set_class(struct pt2_caps *caps)
{
    const char *name = getenv("PT2_CLASS");
    if (!name || strcmp(name, "gpu") != 0 || caps->interprets)
        return;
    caps->kind = PT2_KIND_DISCRETE;
    caps->wide_vectors = false;
    caps->fast_dot_bytes = caps->dot_bytes;
}

pt2_status pt2_device_acquire(const struct pt2_device_entry *entry, struct pt2_device **out_device)
{
    struct open_device *o = &open_devices[entry - entries];
    pt2_status status = PT2_OK;
    pthread_mutex_lock(&lock);
    if (!o->device) {
        status = entry->backend->open(entry->desc.number, &o->device);
        if (status == PT2_OK)
            pt2_device_set_class(&o->device->desc.caps);
        atexit(close_all); /* after the driver's own handlers were registered, so that it runs before them */
    }
    *out_device = o->device;
    pthread_mutex_unlock(&lock);
    return pt2_note(status, "device %s", entry->id);
}

/* ---- compiled kernels ---- */

static uint32_t lower_bound(const struct open_device *o, uint64_t hash)
{
    uint32_t lo = 0, hi = o->count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (o->programs[mid].hash < hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct pt2_program_obj *find(const struct open_device *o, uint64_t hash)
{
    uint32_t k = lower_bound(o, hash);
    return k < o->count && o->programs[k].hash == hash ? o->programs[k].program : NULL;
}

static pt2_status keep(struct open_device *o, uint64_t hash, struct pt2_program_obj *program)
{
    if (o->count == o->cap) {
        uint32_t cap = o->cap ? o->cap * 2 : 256;
        struct compiled *p = realloc(o->programs, cap * sizeof *p);
        if (!p)
            return pt2_fail(PT2_ERR_NOMEM, "out of memory");
        o->programs = p;
        o->cap = cap;
    }
    uint32_t k = lower_bound(o, hash);
    memmove(&o->programs[k + 1], &o->programs[k], (o->count - k) * sizeof *o->programs);
    o->programs[k] = (struct compiled){ hash, program };
    o->count++;
    return PT2_OK;
}

static bool in_list(const struct pt2_kernel *const *list, int n, uint64_t hash)
{
    for (int k = 0; k < n; k++)
        if (list[k]->hash == hash)
            return true;
    return false;
}

static pt2_status compile_missing(struct pt2_device *device, struct open_device *o,
                                  const struct pt2_kernel *const *kernels, int count, const char *cache_dir)
{
    const struct pt2_kernel **fresh = malloc((size_t)count * sizeof *fresh);
    struct pt2_program_obj **programs = malloc((size_t)count * sizeof *programs);
    pt2_status status = fresh && programs ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    int n = 0;
    for (int k = 0; status == PT2_OK && k < count; k++)
        if (!find(o, kernels[k]->hash) && !in_list(fresh, n, kernels[k]->hash))
            fresh[n++] = kernels[k];
    if (status == PT2_OK && n)
        status = device->backend->compile(device, fresh, n, cache_dir, programs);
    for (int k = 0; status == PT2_OK && k < n; k++)
        status = keep(o, fresh[k]->hash, programs[k]);
    free(fresh);
    free(programs);
    return status;
}

pt2_status pt2_device_programs(struct pt2_device *device, const struct pt2_kernel *const *kernels, int count,
                               const char *cache_dir, struct pt2_program_obj **out_programs)
{
    int d = 0;
    while (d < num_entries && open_devices[d].device != device)
        d++;
    if (count == 0)
        return PT2_OK;
    pthread_mutex_lock(&lock);
    pt2_status status = compile_missing(device, &open_devices[d], kernels, count, cache_dir);
    for (int k = 0; status == PT2_OK && k < count; k++)
        out_programs[k] = find(&open_devices[d], kernels[k]->hash);
    pthread_mutex_unlock(&lock);
    return status;
}

/* ---- ranges ---- */

pt2_status pt2_buf_range(uint64_t size, uint64_t offset, uint64_t bytes)
{
    if (offset <= size && bytes <= size - offset)
        return PT2_OK;
    return pt2_fail(PT2_ERR_INTERNAL, "%llu bytes at offset %llu of a buffer of %llu bytes", (unsigned long long)bytes,
                    (unsigned long long)offset, (unsigned long long)size);
}

/* ---- choosing ---- */

static bool has_backend(const char *name, size_t len)
{
    for (int b = 0; pt2_backends[b]; b++)
        if (strlen(pt2_backends[b]->name) == len && !memcmp(pt2_backends[b]->name, name, len))
            return true;
    return false;
}

/* Discrete before integrated before CPU; among CPUs, those with explicit wide vectors; the reference backend never by
 * itself. */
static int auto_score(const struct pt2_device_entry *e)
{
    static const int by_kind[] = {
        [PT2_KIND_CPU] = 1, [PT2_KIND_INTEGRATED] = 3, [PT2_KIND_DISCRETE] = 4, [PT2_KIND_OTHER] = 2
    };
    if (e->desc.caps.interprets)
        return 0;
    return by_kind[e->desc.caps.kind] * 4 + e->desc.caps.wide_vectors * 2 + e->desc.caps.int64;
}

static const struct pt2_device_entry *best(void)
{
    const struct pt2_device_entry *r = NULL;
    for (int k = 0; k < num_entries; k++)
        if (!r || auto_score(&entries[k]) > auto_score(r))
            r = &entries[k];
    return r;
}

static pt2_status choose_one(const char *item, size_t len, const struct pt2_device_entry **out)
{
    size_t name = 0;
    while (name < len && item[name] != ':')
        name++;
    long number = name < len ? strtol(item + name + 1, NULL, 10) : 0;
    if (len == 4 && !memcmp(item, "auto", 4)) {
        list_devices(NULL, 0);
        *out = best();
        return PT2_OK;
    }
    if (!has_backend(item, name))
        return pt2_fail(PT2_ERR_ARG, "unknown backend '%.*s': auto, vulkan, opencl or reference", (int)name, item);
    list_devices(item, name);
    for (int k = 0; k < num_entries; k++) {
        const struct pt2_device_entry *e = &entries[k];
        if (strlen(e->backend->name) == name && !memcmp(e->backend->name, item, name) && e->desc.number == number) {
            *out = e;
            return PT2_OK;
        }
    }
    return pt2_fail(PT2_ERR_NODEVICE,
                    "no %.*s device number %ld: is its driver installed? (pt2gpu devices lists what was found)",
                    (int)name, item, number);
}

pt2_status pt2_device_choose(const char *list, const struct pt2_device_entry **out, int cap, int *out_count)
{
    int n = 0;
    if (!list || !*list)
        list = "auto";
    while (*list && n < cap - 1) {
        size_t len = strcspn(list, ",");
        const struct pt2_device_entry *e;
        bool twice = false;
        PT2_TRY(choose_one(list, len, &e));
        if (e->desc.caps.interprets)
            break; /* it runs everything: nothing after it would be used */
        for (int k = 0; k < n; k++)
            twice |= out[k] == e;
        if (!twice)
            out[n++] = e;
        list += len + (list[len] == ',');
    }
    PT2_TRY(choose_one("reference", strlen("reference"), &out[n++]));
    *out_count = n;
    return PT2_OK;
}

/* ---- public ---- */

int pt2_device_count(void)
{
    const struct pt2_device_entry *all;
    return pt2_device_entries(&all);
}

pt2_status pt2_device_get_info(int index, pt2_device_info *out_info)
{
    static const char *const kinds[] = { "cpu", "integrated", "discrete", "other" };
    const struct pt2_device_entry *all;
    if (index < 0 || index >= pt2_device_entries(&all))
        return pt2_fail(PT2_ERR_ARG, "device %d does not exist", index);
    const struct pt2_device_entry *e = &all[index];
    *out_info = (pt2_device_info){ e->backend->name, e->desc.number,           e->desc.name,
                                   e->desc.driver,   kinds[e->desc.caps.kind], e->desc.caps.memory };
    return PT2_OK;
}
