/* SPDX-License-Identifier: MIT
 * What a model and a session hold. */
#include "runtime/inspect.h"
#include "runtime/internal.h"

int pt2_model_devices(const pt2_model *m, struct pt2_device *const **out_devices)
{
    *out_devices = m->devices;
    return m->num_devices;
}

const char *pt2_model_device_id(const pt2_model *m, int device)
{
    return m->entries[device]->id;
}

static uint64_t blocks_bytes(const struct pt2_block *blocks)
{
    uint64_t bytes = 0;
    for (int d = 0; d < PT2_MAX_DEVICES; d++)
        bytes += blocks[d].size;
    return bytes;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Epochs follow each other, and what later ones read stays; a sub-graph runs between two of them. */
static uint64_t live_in(const struct pt2_session *s, uint32_t graph)
{
    const struct pt2_plan *plan = &s->model->plans[graph];
    const struct pt2_plan_state *ps = &s->plans[graph];
    uint64_t most = 0, kept = 0;
    for (uint32_t k = 0; k < ps->num_epochs; k++) {
        const struct pt2_epoch *e = &ps->epochs[k];
        uint32_t next = e->first + e->count;
        most = max_of(most, kept + e->live);
        kept += e->lasting;
        for (int j = 0; next < plan->num_steps && j < 2; j++)
            if (plan->steps[next].node->graphs[j])
                most = max_of(most, kept + live_in(s, pt2_graph_number(s->model, plan->steps[next].node->graphs[j])));
    }
    return most;
}

struct pt2_memory pt2_session_memory(const pt2_session *s)
{
    const struct pt2_model *m = s->model;
    struct pt2_memory r = { .live = live_in(s, 0) };
    for (uint32_t k = 0; k < m->const_bufs.count; k++)
        r.weights += m->const_bufs.data[k].bytes;
    for (uint32_t g = 0; g < m->module.graphs.count; g++) {
        r.inputs += blocks_bytes(s->plans[g].inputs);
        for (uint32_t k = 0; k < s->plans[g].num_epochs; k++)
            r.activations += blocks_bytes(s->plans[g].epochs[k].blocks);
    }
    for (int k = 0; k < s->num_states; k++)
        r.states += blocks_bytes(s->states[k].blocks);
    return r;
}
