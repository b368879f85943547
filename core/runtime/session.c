/* SPDX-License-Identifier: MIT
 * Sessions: what a run needs beside the model, and the run itself as a list of steps. */
#include "runtime/internal.h"

#include <stdlib.h>

static pt2_status allocate(struct pt2_session *s)
{
    const struct pt2_model *m = s->model;
    uint32_t symbols = m->module.exprs.symbols.count;
    s->places = calloc(m->module.values.count + 1u, sizeof *s->places);
    s->values = calloc(symbols + 1u, sizeof *s->values);
    s->known = calloc(symbols + 1u, sizeof *s->known);
    s->plans = calloc(m->module.graphs.count, sizeof *s->plans);
    s->inputs = calloc(m->program->num_in_leaves + 1u, sizeof *s->inputs);
    s->input_set = calloc(m->program->num_in_leaves + 1u, sizeof *s->input_set);
    s->lent = calloc(m->program->num_in_leaves + 1u, sizeof *s->lent);
    s->results = calloc(m->program->num_out_leaves + 1u, sizeof *s->results);
    s->index_inputs = calloc(m->lowered.indices.count + 1u, sizeof *s->index_inputs);
    if (!s->places || !s->values || !s->known || !s->plans || !s->inputs || !s->input_set || !s->lent || !s->results ||
        !s->index_inputs)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    for (uint32_t k = 0; k < m->module.values.count; k++)
        if (m->consts[k].valid)
            s->places[k] = m->consts[k];
    return PT2_OK;
}

pt2_status pt2_session_new(struct pt2_model *m, struct pt2_session **out_session)
{
    *out_session = calloc(1, sizeof **out_session);
    if (!*out_session)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    (*out_session)->model = m;
    (*out_session)->observer = m->observer;
    (*out_session)->observer_ctx = m->observer_ctx;
    return allocate(*out_session);
}

pt2_status pt2_session_create(pt2_model *model, pt2_session **out_session)
{
    if (!model || !out_session)
        return pt2_fail(PT2_ERR_ARG, "pt2_session_create: %s is NULL", model ? "out_session" : "model");
    pt2_status status = pt2_session_new(model, out_session);
    if (status == PT2_OK)
        status = pt2_states_create(*out_session);
    if (status != PT2_OK)
        pt2_session_destroy(out_session);
    return status;
}

void pt2_session_destroy(pt2_session **session)
{
    struct pt2_session *s = session ? *session : NULL;
    if (!s)
        return;
    *session = NULL;
    for (int d = 0; d < s->model->num_devices; d++)
        if (pt2_wait_device(s, d) != PT2_OK)
            s->failed = true; /* the memory is freed all the same */
    for (uint32_t k = 0; s->plans && k < s->model->module.graphs.count; k++)
        pt2_plan_state_free(s, &s->plans[k]);
    pt2_states_free(s);
    for (uint32_t k = 0; s->lent && k < s->model->program->num_in_leaves; k++)
        pt2_lent_free(s, &s->lent[k]);
    for (uint32_t k = 0; s->results && k < s->model->program->num_out_leaves; k++)
        free(s->results[k].memory);
    free(s->places);
    free(s->values);
    free(s->known);
    free(s->plans);
    free(s->inputs);
    free(s->input_set);
    free(s->lent);
    free(s->results);
    free(s->index_inputs);
    free(s->scratch);
    free(s->slices);
    free(s);
}

pt2_status pt2_session_set_input(pt2_session *s, int index, const pt2_tensor *tensor)
{
    pt2_leaf_info info;
    PT2_TRY(pt2_model_input_info(s->model, index, &info));
    if (!tensor)
        return pt2_fail(PT2_ERR_ARG, "input %s: tensor is NULL", info.name);
    if (tensor->dtype != PT2_NONE && !info.is_scalar && info.dtype != PT2_NONE) {
        if (tensor->dtype != info.dtype)
            return pt2_fail(PT2_ERR_INPUT, "input %s is %s, the model wants %s", info.name,
                            pt2_dtype_name(tensor->dtype), pt2_dtype_name(info.dtype));
        if (tensor->rank != info.rank)
            return pt2_fail(PT2_ERR_INPUT, "input %s has %d dimensions, the model wants %d", info.name, tensor->rank,
                            info.rank);
        for (int k = 0; k < info.rank; k++)
            if (info.shape[k] >= 0 && tensor->shape[k] != info.shape[k])
                return pt2_fail(PT2_ERR_INPUT, "input %s: dimension %d is %lld, the model wants %lld", info.name, k,
                                (long long)tensor->shape[k], (long long)info.shape[k]);
    }
    s->inputs[index] = *tensor;
    s->input_set[index] = true;
    return PT2_OK;
}

/* ---- outputs ---- */

static pt2_status result_memory(struct pt2_result *r, uint64_t bytes)
{
    if (r->size < bytes || !r->memory) {
        void *p = realloc(r->memory, bytes ? bytes : 16);
        if (!p)
            return pt2_fail(PT2_ERR_NOMEM, "out of memory");
        r->memory = p;
        r->size = bytes;
    }
    r->tensor.data = r->memory;
    return PT2_OK;
}

static pt2_status read_tensor(struct pt2_session *s, int leaf, const struct pt2_user_output *u)
{
    const struct pt2_value *v = s->model->module.graphs.data[0]->outputs.data[u->output];
    int64_t shape[PT2_MAX_RANK + 1];
    uint64_t bytes;
    pt2_tensor *out = &s->results[leaf].tensor;
    PT2_TRY(pt2_value_shape(s, v, shape));
    PT2_TRY(pt2_value_bytes(s, v, &bytes));
    out->dtype = u->dtype;
    out->rank = v->rank - (pt2_dtype_is_complex(u->dtype) ? 1 : 0);
    memcpy(out->shape, shape, (size_t)out->rank * sizeof *shape);
    out->data = pt2_mapped_output(s, v);
    if (out->data)
        return PT2_OK;
    PT2_TRY(result_memory(&s->results[leaf], bytes));
    return pt2_read_value(s, v, out->data, bytes);
}

static pt2_status read_scalar(struct pt2_session *s, int leaf, const struct pt2_user_output *u)
{
    struct pt2_exprs *E = &s->model->module.exprs;
    pt2_tensor *out = &s->results[leaf].tensor;
    int64_t i = u->literal ? u->literal->i : 0;
    double f = u->literal ? u->literal->f : 0;
    PT2_TRY(result_memory(&s->results[leaf], 8));
    out->dtype = u->dtype;
    out->rank = 0;
    if (u->scalar && u->dtype == PT2_F64)
        PT2_TRY(pt2_eval_float(E, u->scalar, s->values, s->known, &f));
    else if (u->scalar)
        PT2_TRY(pt2_eval(E, u->scalar, s->values, s->known, &i));
    if (u->dtype == PT2_F64)
        pt2_store_double(PT2_F64, out->data, 0, f);
    else if (u->dtype != PT2_NONE)
        pt2_store_int(u->dtype, out->data, 0, i);
    return PT2_OK;
}

static pt2_status read_outputs(struct pt2_session *s)
{
    for (int k = 0; k < s->model->lowered.num_user_outputs; k++) {
        const struct pt2_user_output *u = &s->model->lowered.user_outputs[k];
        if (u->output >= 0)
            PT2_NOTE(read_tensor(s, k, u), "output %d", k);
        else
            PT2_NOTE(read_scalar(s, k, u), "output %d", k);
    }
    return PT2_OK;
}

/* ---- running ---- */

/* Assertions on data, after the run. */
static pt2_status check_data(struct pt2_session *s)
{
    const struct pt2_lowered *l = &s->model->lowered;
    struct pt2_value *const *outputs = s->model->module.graphs.data[0]->outputs.data;
    for (uint32_t k = 0; k < l->checks.count; k++) {
        const struct pt2_runtime_check *c = &l->checks.data[k];
        uint8_t holds = 1;
        if (!c->cond)
            PT2_TRY(pt2_read_value(s, outputs[c->output], &holds, sizeof holds));
        if (!holds)
            return pt2_fail(PT2_ERR_INPUT, "%s", c->message);
    }
    return PT2_OK;
}

void pt2_session_set_seed(pt2_session *s, uint64_t seed)
{
    s->seed = seed;
    s->seed_runs = 0;
}

/* Another number for each run. */
static void bind_seed(struct pt2_session *s)
{
    int symbol = s->model->lowered.seed_symbol;
    uint64_t key[2] = { s->seed, s->seed_runs++ };
    if (symbol < 0)
        return;
    s->values[symbol] = (int64_t)(pt2_hash(key, sizeof key, 0) & PT2_MAX_SEED);
    s->known[symbol] = 1;
}

/* They may be in memory that this run uses for something else. */
static void forget_results(struct pt2_session *s)
{
    for (uint32_t k = 0; k < s->model->program->num_out_leaves; k++)
        s->results[k].tensor.data = NULL;
}

pt2_status pt2_session_submit(pt2_session *s)
{
    if (s->failed)
        return pt2_fail(PT2_ERR_DEVICE_LOST, "the session failed when its device was lost");
    s->num_slices = 0;
    forget_results(s);
    PT2_TRY(pt2_bind_inputs(s));
    bind_seed(s);
    PT2_TRY(pt2_check_sizes(s, -1));
    PT2_TRY(pt2_run_graph(s, 0));
    return pt2_check_index_inputs_left(s);
}

pt2_status pt2_session_wait(pt2_session *s)
{
    PT2_TRY(pt2_wait_all(s));
    PT2_TRY(pt2_check_index_outputs(s));
    PT2_TRY(check_data(s));
    PT2_TRY(read_outputs(s));
    return pt2_states_commit(s);
}

pt2_status pt2_session_run(pt2_session *s)
{
    PT2_TRY(pt2_session_submit(s));
    return pt2_session_wait(s);
}

pt2_status pt2_session_output(pt2_session *s, int index, pt2_tensor *out_tensor)
{
    if (index < 0 || index >= pt2_model_output_count(s->model))
        return pt2_fail(PT2_ERR_ARG, "output %d does not exist", index);
    if (!s->results[index].tensor.data)
        return pt2_fail(PT2_ERR_ARG, "output %d: there is no result of a run", index);
    *out_tensor = s->results[index].tensor;
    return PT2_OK;
}
