/* SPDX-License-Identifier: MIT
 * Memory that callers and devices share, where the device's memory is the host's: an input that stays where it is from
 * run to run is read in place, and outputs are handed out where kernels wrote them. */
#include "runtime/internal.h"

enum {
    LEAST_BYTES = 1 << 14, /* a copy of less costs less than a look at it */
    RUNS_BEFORE = 2,       /* a lent input is a new recording, which memory that changes with each run is not worth */
};

/* ---- inputs ---- */

static bool in_block(const struct pt2_session *s, int d, const struct pt2_block *b, const uint8_t *data)
{
    struct pt2_device *dev = s->model->devices[d];
    const uint8_t *map = b->buf && dev->backend->buf_map ? dev->backend->buf_map(dev, b->buf) : NULL;
    return map && data >= map && data < map + b->size;
}

/* An output of the run before, which this run overwrites. */
static bool own_memory(const struct pt2_session *s, const void *data)
{
    for (int d = 0; d < s->model->num_devices; d++)
        for (uint32_t g = 0; g < s->model->module.graphs.count; g++) {
            const struct pt2_plan_state *ps = &s->plans[g];
            if (in_block(s, d, &ps->inputs[d], data))
                return true;
            for (uint32_t k = 0; k < ps->num_epochs; k++)
                if (in_block(s, d, &ps->epochs[k].blocks[d], data))
                    return true;
        }
    return false;
}

/* Nothing in flight may read it any more. */
static pt2_status take_back(struct pt2_session *s, struct pt2_lent *l)
{
    PT2_TRY(pt2_wait_all(s));
    pt2_lent_free(s, l);
    return PT2_OK;
}

void pt2_lent_free(struct pt2_session *s, struct pt2_lent *l)
{
    for (int d = 0; d < s->model->num_devices; d++)
        if (l->buf[d])
            s->model->devices[d]->backend->buf_destroy(s->model->devices[d], l->buf[d]);
    *l = (struct pt2_lent){ .data = NULL };
}

static pt2_status wrap(struct pt2_session *s, struct pt2_lent *l, unsigned needed)
{
    for (int d = 0; d < s->model->num_devices; d++) {
        struct pt2_device *dev = s->model->devices[d];
        if (!(needed & 1u << d) || l->buf[d] || l->refused)
            continue;
        if (dev->backend->buf_wrap)
            PT2_TRY(dev->backend->buf_wrap(dev, l->data, l->bytes, &l->buf[d]));
        l->refused = !l->buf[d];
        s->moves++;
    }
    return PT2_OK;
}

pt2_status pt2_lend_input(struct pt2_session *s, const struct pt2_value *v, int leaf, const void *data, bool *out_lent)
{
    struct pt2_lent *l = &s->lent[leaf];
    struct pt2_place *p = &s->places[v->id];
    unsigned needed = s->model->needed[v->id];
    *out_lent = false;
    if (l->data != data || l->bytes != p->bytes) {
        PT2_TRY(take_back(s, l));
        l->data = data;
        l->bytes = p->bytes;
    }
    if (p->bytes < LEAST_BYTES || v->def->state || !needed || l->refused)
        return PT2_OK;
    if (l->runs < RUNS_BEFORE) {
        l->runs++;
        return PT2_OK;
    }
    if (!l->buf[s->model->home[v->id]])
        l->refused = own_memory(s, data);
    PT2_TRY(wrap(s, l, needed));
    for (int d = 0; d < s->model->num_devices && !l->refused; d++)
        p->buf[d] = l->buf[d];
    p->valid = l->refused ? 0 : (uint8_t)needed;
    *out_lent = !l->refused;
    return PT2_OK;
}

/* ---- outputs ---- */

/* Made by a launch of this run: no input, no state, nothing that another run or another value has too. */
static bool made_now(const struct pt2_value *v)
{
    switch (pt2_memory_of(v)->def->kind) {
    case PT2_NODE_MAP:
    case PT2_NODE_REDUCE:
    case PT2_NODE_SCAN:
    case PT2_NODE_SORT:
    case PT2_NODE_LIBRARY:
    case PT2_NODE_CUSTOM: return true;
    default: return false;
    }
}

void *pt2_mapped_output(struct pt2_session *s, const struct pt2_value *v)
{
    const struct pt2_place *p = &s->places[v->id];
    int d = s->model->home[v->id];
    const struct pt2_device *dev = s->model->devices[d];
    if (!made_now(v) || !(p->valid & 1u << d) || !p->bytes || !dev->backend->buf_map)
        return NULL;
    uint8_t *map = dev->backend->buf_map(s->model->devices[d], p->buf[d]);
    return map ? map + p->offset[d] : NULL;
}
