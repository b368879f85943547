/* SPDX-License-Identifier: MIT
 * State: inputs that the graph writes. Buffers and parameters keep their content in the session between runs; a user
 * input that is written can be read after the run. */
#include "runtime/internal.h"

#include <stdlib.h>

static const struct pt2_value *input_value(const struct pt2_session *s, int k)
{
    return s->model->module.graphs.data[0]->inputs.data[k];
}

static const struct pt2_value *new_value(const struct pt2_session *s, int k)
{
    return s->model->module.graphs.data[0]->outputs.data[s->model->lowered.inputs[k].written_output];
}

static bool is_user(const struct pt2_session *s, int k)
{
    return s->model->program->inputs[s->model->lowered.inputs[k].spec].kind == PT2_INPUT_USER;
}

static pt2_status create_state(struct pt2_session *s, struct pt2_state *st, int k)
{
    const struct pt2_model *m = s->model;
    const struct pt2_value *v = input_value(s, k);
    const struct pt2_input_spec *spec = &m->program->inputs[m->lowered.inputs[k].spec];
    struct pt2_place *p = &s->places[v->id];
    st->graph_input = k;
    if (spec->kind == PT2_INPUT_USER)
        return PT2_OK;
    p->bytes = spec->stored->storage->size;
    for (int d = 0; d < m->num_devices; d++) {
        if (!(m->needed[v->id] & 1u << d))
            continue;
        PT2_TRY(pt2_block_reserve(s, d, &st->blocks[d], p->bytes ? p->bytes : 16));
        p->buf[d] = st->blocks[d].buf;
    }
    return pt2_write_value(s, v, spec->stored->storage->data, p->bytes);
}

pt2_status pt2_states_create(struct pt2_session *s)
{
    const struct pt2_lowered *l = &s->model->lowered;
    s->states = calloc((size_t)l->num_inputs + 1, sizeof *s->states);
    if (!s->states)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    for (int k = 0; k < l->num_inputs; k++)
        if (l->inputs[k].written_output >= 0)
            PT2_TRY(create_state(s, &s->states[s->num_states++], k));
    return PT2_OK;
}

static bool same_memory(const struct pt2_place *a, const struct pt2_place *b, int device)
{
    return a->buf[device] == b->buf[device] && a->offset[device] == b->offset[device];
}

pt2_status pt2_states_commit(struct pt2_session *s)
{
    for (int k = 0; k < s->num_states; k++) {
        int in = s->states[k].graph_input;
        const struct pt2_value *old = input_value(s, in), *now = new_value(s, in);
        int home = s->model->home[now->id];
        if (is_user(s, in) || now == old)
            continue;
        if (same_memory(&s->places[old->id], &s->places[now->id], home))
            s->places[old->id].valid = s->places[now->id].valid;
        else
            PT2_TRY(pt2_copy_value(s, old, now));
    }
    return PT2_OK;
}

void pt2_states_free(struct pt2_session *s)
{
    for (int k = 0; k < s->num_states; k++)
        for (int d = 0; d < s->model->num_devices; d++)
            pt2_block_free(s->model->devices[d], &s->states[k].blocks[d]);
    free(s->states);
    s->states = NULL;
    s->num_states = 0;
}

/* ---- by name: every input spec that sees a written storage ---- */

/* The graph input of a spec, -1 when it is not written. */
static int written_input(const struct pt2_session *s, uint32_t spec)
{
    const struct pt2_program *p = s->model->program;
    const struct pt2_lowered *l = &s->model->lowered;
    for (int k = 0; k < l->num_inputs; k++) {
        const struct pt2_input_spec *first = &p->inputs[l->inputs[k].spec], *in = &p->inputs[spec];
        bool same = first == in || (first->stored && in->stored && first->stored->storage == in->stored->storage &&
                                    first->stored->dtype == in->stored->dtype);
        if (same && l->inputs[k].written_output >= 0)
            return k;
    }
    return -1;
}

static int spec_of_state(const struct pt2_session *s, int index)
{
    for (uint32_t k = 0; k < s->model->program->num_inputs; k++)
        if (written_input(s, k) >= 0 && index-- == 0)
            return (int)k;
    return -1;
}

int pt2_session_state_count(const pt2_session *s)
{
    int n = 0;
    for (uint32_t k = 0; k < s->model->program->num_inputs; k++)
        n += written_input(s, k) >= 0;
    return n;
}

static const char *state_name(const struct pt2_session *s, const struct pt2_input_spec *spec)
{
    return spec->leaf >= 0 ? s->model->program->in_leaves[spec->leaf].name : spec->fqn;
}

/* Copies between a dense tensor and its strided view of a storage. */
static void strided_copy(const struct pt2_stored_tensor *t, uint8_t *storage, uint8_t *dense, bool to_storage)
{
    size_t size = pt2_dtype_size(t->dtype);
    int64_t n = pt2_stored_count(t);
    for (int64_t i = 0; i < n; i++) {
        uint8_t *a = storage + (size_t)pt2_strided_at(t->rank, t->sizes, t->strides, t->offset, i) * size;
        uint8_t *b = dense + (size_t)i * size;
        memcpy(to_storage ? a : b, to_storage ? b : a, size);
    }
}

static pt2_status grow(void **data, size_t *cap, size_t need)
{
    if (*cap >= need)
        return PT2_OK;
    void *p = realloc(*data, need);
    if (!p)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    *data = p;
    *cap = need;
    return PT2_OK;
}

pt2_status pt2_session_get_state(pt2_session *s, int index, const char **out_name, pt2_tensor *out)
{
    int spec = spec_of_state(s, index);
    if (spec < 0)
        return pt2_fail(PT2_ERR_ARG, "state %d does not exist", index);
    const struct pt2_input_spec *in = &s->model->program->inputs[spec];
    int k = written_input(s, (uint32_t)spec);
    bool after_run = is_user(s, k) && s->places[new_value(s, k)->id].valid;
    const struct pt2_value *v = after_run ? new_value(s, k) : input_value(s, k);
    uint64_t bytes = s->places[v->id].bytes;
    *out_name = state_name(s, in);
    if (in->stored) {
        const struct pt2_stored_tensor *t = in->stored;
        size_t dense = pt2_dtype_size(t->dtype);
        *out = (pt2_tensor){ .dtype = t->dtype, .rank = t->rank };
        for (int d = 0; d < t->rank; d++)
            dense *= (size_t)(out->shape[d] = t->sizes[d]);
        PT2_TRY(grow(&s->scratch, &s->scratch_size, bytes + dense + 16));
        PT2_TRY(pt2_read_value(s, v, s->scratch, bytes));
        out->data = (uint8_t *)s->scratch + (bytes + 15) / 16 * 16;
        strided_copy(t, s->scratch, out->data, false);
        return PT2_OK;
    }
    const struct pt2_tensor_meta *meta = in->value->meta;
    int64_t shape[PT2_MAX_RANK + 1];
    PT2_TRY(pt2_value_shape(s, v, shape));
    *out = (pt2_tensor){ .dtype = meta->dtype, .rank = meta->rank };
    memcpy(out->shape, shape, (size_t)meta->rank * sizeof *shape);
    PT2_TRY(grow(&s->scratch, &s->scratch_size, bytes + 16));
    PT2_TRY(pt2_read_value(s, v, s->scratch, bytes));
    out->data = s->scratch;
    return PT2_OK;
}

pt2_status pt2_session_set_state(pt2_session *s, const char *name, const pt2_tensor *tensor)
{
    const struct pt2_program *p = s->model->program;
    for (uint32_t spec = 0; spec < p->num_inputs; spec++) {
        const struct pt2_stored_tensor *t = p->inputs[spec].stored;
        int k = written_input(s, spec);
        if (k < 0 || !t || strcmp(p->inputs[spec].fqn, name))
            continue;
        if (tensor->dtype != t->dtype || tensor->rank != t->rank ||
            memcmp(tensor->shape, t->sizes, (size_t)t->rank * sizeof *t->sizes))
            return pt2_fail(PT2_ERR_INPUT, "state %s has another dtype or shape in the model", name);
        const struct pt2_value *v = input_value(s, k);
        uint64_t bytes = s->places[v->id].bytes;
        PT2_TRY(grow(&s->scratch, &s->scratch_size, bytes));
        PT2_TRY(pt2_read_value(s, v, s->scratch, bytes));
        strided_copy(t, s->scratch, tensor->data, true);
        return pt2_write_value(s, v, s->scratch, bytes);
    }
    return pt2_fail(PT2_ERR_INPUT, "the model has no state named %s", name);
}
