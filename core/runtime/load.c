/* SPDX-License-Identifier: MIT
 * The load graph: run once by a session of its own; its results are the model's, like weights.
 *
 * Weights are on the devices of the runs and on those of the load graph; what only the load graph reads is given back
 * afterwards. */
#include "runtime/internal.h"

/* ---- which devices ---- */

static const struct pt2_value *source_of(const struct pt2_model *m, const struct pt2_graph *g,
                                         const struct pt2_node *ready)
{
    return g == m->module.load ? m->module.graphs.data[0]->inputs.data[ready->input]
                               : m->module.load->outputs.data[ready->input];
}

typedef void ready_fn(struct pt2_model *m, const struct pt2_value *ready, const struct pt2_value *source);

/* Calls fn for the READY nodes of the load graph, or for those of all others. */
static void each_ready(struct pt2_model *m, bool of_load, ready_fn *fn)
{
    for (uint32_t k = 0; k < m->module.graphs.count; k++) {
        const struct pt2_graph *g = m->module.graphs.data[k];
        for (uint32_t j = 0; (g == m->module.load) == of_load && j < g->nodes.count; j++)
            if (g->nodes.data[j]->kind == PT2_NODE_READY)
                fn(m, g->nodes.data[j]->outs[0], source_of(m, g, g->nodes.data[j]));
    }
}

static void lasts_for(struct pt2_model *m, const struct pt2_value *ready, const struct pt2_value *source)
{
    const struct pt2_value *both[2] = { source, pt2_memory_of(source) };
    for (int k = 0; k < 2; k++) {
        m->lasting[both[k]->id] |= m->needed[ready->id];
        m->needed[both[k]->id] |= m->needed[ready->id];
    }
}

static void needed_for(struct pt2_model *m, const struct pt2_value *ready, const struct pt2_value *source)
{
    m->needed[source->id] |= m->needed[ready->id];
}

void pt2_load_needs(struct pt2_model *m)
{
    uint32_t n = m->module.values.count;
    m->lasting = PT2_NEW_N(&m->module.arena, uint8_t, n);
    memcpy(m->lasting, m->needed, n);
    for (uint32_t k = 0; m->module.load && k < m->module.load->nodes.count; k++)
        for (int j = 0; j < m->module.load->nodes.data[k]->num_outs; j++)
            m->lasting[m->module.load->nodes.data[k]->outs[j]->id] = 0;
    each_ready(m, false, lasts_for);
    each_ready(m, true, needed_for);
}

/* ---- running it ---- */

static void share(struct pt2_model *m, const struct pt2_value *ready, const struct pt2_value *source)
{
    m->consts[ready->id] = m->consts[source->id];
}

/* Memory for the results, before anything is placed. */
static pt2_status place_results(struct pt2_session *s)
{
    const struct pt2_graph *load = s->model->module.load;
    for (uint32_t k = 0; k < load->outputs.count; k++) {
        const struct pt2_value *v = pt2_memory_of(load->outputs.data[k]);
        struct pt2_place *p = &s->places[v->id];
        if (p->fixed)
            continue;
        p->fixed = true;
        PT2_TRY(pt2_value_bytes(s, v, &p->bytes));
        PT2_TRY(pt2_weight_memory(s->model, v, p));
    }
    return PT2_OK;
}

static void forget(struct pt2_place *p, int device)
{
    p->buf[device] = NULL;
    p->valid &= (uint8_t)~(1u << device);
}

static pt2_status take_results(struct pt2_session *s)
{
    struct pt2_model *m = s->model;
    for (uint32_t k = 0; k < m->module.load->outputs.count; k++) {
        const struct pt2_value *v = m->module.load->outputs.data[k];
        for (int d = 0; d < m->num_devices; d++)
            if (m->lasting[v->id] & 1u << d)
                PT2_TRY(pt2_make_valid(s, v, d));
        m->consts[v->id] = s->places[v->id];
        for (int d = 0; d < m->num_devices; d++)
            if (!(m->lasting[v->id] & 1u << d))
                forget(&m->consts[v->id], d);
    }
    return PT2_OK;
}

static pt2_status run_load(struct pt2_session *s)
{
    PT2_TRY(place_results(s));
    PT2_TRY(pt2_run_graph(s, pt2_graph_number(s->model, s->model->module.load)));
    PT2_TRY(pt2_wait_all(s));
    return take_results(s);
}

/* Gives back what no run reads. */
static void release(struct pt2_model *m)
{
    uint32_t kept = 0;
    for (uint32_t k = 0; k < m->const_bufs.count; k++) {
        struct pt2_const_buf *b = &m->const_bufs.data[k];
        if (m->lasting[b->value->id] & 1u << b->device) {
            m->const_bufs.data[kept++] = *b;
            continue;
        }
        m->devices[b->device]->backend->buf_destroy(m->devices[b->device], b->buf);
        forget(&m->consts[b->value->id], b->device);
    }
    m->const_bufs.count = kept;
}

pt2_status pt2_load_run(struct pt2_model *m)
{
    struct pt2_session *s = NULL;
    if (!m->module.load)
        return PT2_OK;
    each_ready(m, true, share);
    pt2_status status = pt2_session_new(m, &s);
    if (status == PT2_OK)
        status = run_load(s);
    pt2_session_destroy(&s);
    PT2_NOTE(status, "what only weights decide");
    release(m);
    each_ready(m, false, share);
    return PT2_OK;
}
