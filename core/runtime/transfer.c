/* SPDX-License-Identifier: MIT
 * Values between host and devices. A copy between devices goes through host memory. */
#include "runtime/internal.h"

#include <stdlib.h>

pt2_status pt2_wait_device(struct pt2_session *s, int device)
{
    struct pt2_device *d = s->model->devices[device];
    if (!s->points[device])
        return PT2_OK;
    pt2_status status = d->backend->wait(d, s->points[device], UINT64_MAX);
    if (status == PT2_ERR_DEVICE_LOST)
        s->failed = true;
    return status;
}

pt2_status pt2_wait_all(struct pt2_session *s)
{
    for (int d = 0; d < s->model->num_devices; d++)
        PT2_TRY(pt2_wait_device(s, d));
    return PT2_OK;
}

static int valid_device(const struct pt2_session *s, const struct pt2_value *v)
{
    const struct pt2_place *p = &s->places[v->id];
    int home = s->model->home[v->id];
    if (p->valid & 1u << home)
        return home;
    for (int d = 0; d < s->model->num_devices; d++)
        if (p->valid & 1u << d)
            return d;
    return -1;
}

static pt2_status outside(const struct pt2_value *v, uint64_t bytes, uint64_t held)
{
    return pt2_fail(PT2_ERR_INTERNAL, "value %u (%s): %llu bytes of %llu", v->id, v->name, (unsigned long long)bytes,
                    (unsigned long long)held);
}

pt2_status pt2_read_value(struct pt2_session *s, const struct pt2_value *v, void *dst, uint64_t bytes)
{
    int d = valid_device(s, v);
    const struct pt2_place *p = &s->places[v->id];
    if (bytes == 0)
        return PT2_OK;
    if (d < 0)
        return pt2_fail(PT2_ERR_INTERNAL, "value %u (%s) is nowhere", v->id, v->name);
    if (bytes > p->bytes)
        return outside(v, bytes, p->bytes);
    PT2_TRY(pt2_wait_device(s, d));
    struct pt2_device *dev = s->model->devices[d];
    return dev->backend->buf_read(dev, p->buf[d], p->offset[d], dst, bytes);
}

pt2_status pt2_write_value(struct pt2_session *s, const struct pt2_value *v, const void *src, uint64_t bytes)
{
    struct pt2_place *p = &s->places[v->id];
    if (bytes > p->bytes)
        return outside(v, bytes, p->bytes);
    p->valid = 0;
    for (int d = 0; d < s->model->num_devices; d++) {
        if (!p->buf[d] && bytes)
            continue;
        struct pt2_device *dev = s->model->devices[d];
        if (bytes) {
            PT2_TRY(pt2_wait_device(s, d));
            PT2_TRY(dev->backend->buf_write(dev, p->buf[d], p->offset[d], src, bytes));
        }
        p->valid |= (uint8_t)(1u << d);
    }
    return PT2_OK;
}

static pt2_status need_scratch(struct pt2_session *s, uint64_t bytes)
{
    if (s->scratch_size >= bytes)
        return PT2_OK;
    void *p = realloc(s->scratch, bytes);
    if (!p)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    s->scratch = p;
    s->scratch_size = bytes;
    return PT2_OK;
}

pt2_status pt2_copy_value(struct pt2_session *s, const struct pt2_value *dst, const struct pt2_value *src)
{
    uint64_t bytes = s->places[src->id].bytes;
    PT2_TRY(need_scratch(s, bytes));
    PT2_TRY(pt2_read_value(s, src, s->scratch, bytes));
    return pt2_write_value(s, dst, s->scratch, bytes);
}

pt2_status pt2_make_valid(struct pt2_session *s, const struct pt2_value *v, int device)
{
    struct pt2_place *p = &s->places[v->id];
    struct pt2_device *dev = s->model->devices[device];
    if (p->valid & 1u << device)
        return PT2_OK;
    if (p->bytes) {
        PT2_TRY(need_scratch(s, p->bytes));
        PT2_TRY(pt2_read_value(s, v, s->scratch, p->bytes));
        PT2_TRY(pt2_wait_device(s, device));
        PT2_TRY(dev->backend->buf_write(dev, p->buf[device], p->offset[device], s->scratch, p->bytes));
    }
    p->valid |= (uint8_t)(1u << device);
    return PT2_OK;
}
