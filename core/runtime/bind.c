/* SPDX-License-Identifier: MIT
 * Binding: the user's tensors against the program's declared inputs. A size that is one symbol gives the symbol its
 * value; other sizes are checked once all symbols are known, or solved when they are linear in one that is not. All
 * before anything runs. */
#include "runtime/internal.h"

#include <stdlib.h>

static const struct pt2_input_spec *spec_of_leaf(const struct pt2_model *m, int leaf)
{
    for (uint32_t k = 0; k < m->program->num_inputs; k++)
        if (m->program->inputs[k].leaf == leaf)
            return &m->program->inputs[k];
    return NULL;
}

/* ---- samples ---- */

/* Copies a strided tensor into dense memory. */
static void gather(const struct pt2_stored_tensor *t, uint8_t *dst)
{
    size_t size = pt2_dtype_size(t->dtype);
    int64_t n = pt2_stored_count(t);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = pt2_strided_at(t->rank, t->sizes, t->strides, t->offset, i);
        memcpy(dst + (size_t)i * size, t->storage->data + (size_t)at * size, size);
    }
}

static pt2_status tensor_sample(const struct pt2_model *m, const struct pt2_stored_tensor *t, pt2_tensor *out)
{
    struct pt2_model *mutable_model = (struct pt2_model *)(uintptr_t)m; /* its arena keeps the dense copy */
    *out = (pt2_tensor){ .dtype = t->dtype, .rank = t->rank };
    memcpy(out->shape, t->sizes, (size_t)t->rank * sizeof *t->sizes);
    int64_t n = pt2_stored_count(t);
    if (n == 0)
        return PT2_OK;
    if (!t->storage || !t->storage->data)
        return pt2_fail(PT2_ERR_INPUT, "the archive's sample input has no data");
    if (pt2_stored_is_dense(t)) {
        out->data = (void *)(uintptr_t)(t->storage->data + (size_t)t->offset * pt2_dtype_size(t->dtype));
        return PT2_OK;
    }
    out->data = pt2_arena_alloc(&mutable_model->module.arena, (size_t)n * pt2_dtype_size(t->dtype));
    gather(t, out->data);
    return PT2_OK;
}

static pt2_status scalar_sample(const struct pt2_model *m, enum pt2_arg_kind kind, int64_t i, double f, pt2_tensor *out)
{
    struct pt2_model *mutable_model = (struct pt2_model *)(uintptr_t)m;
    *out = (pt2_tensor){ .dtype = kind == PT2_ARG_INT     ? PT2_I64
                                  : kind == PT2_ARG_FLOAT ? PT2_F64
                                  : kind == PT2_ARG_BOOL  ? PT2_BOOL
                                                          : PT2_NONE };
    if (out->dtype == PT2_NONE)
        return PT2_OK;
    out->data = pt2_arena_alloc(&mutable_model->module.arena, 8);
    if (kind == PT2_ARG_FLOAT)
        pt2_store_double(PT2_F64, out->data, 0, f);
    else
        pt2_store_int(out->dtype, out->data, 0, i);
    return PT2_OK;
}

pt2_status pt2_sample_tensor(const struct pt2_model *m, int leaf, pt2_tensor *out)
{
    const struct pt2_program *p = m->program;
    const struct pt2_input_spec *spec = spec_of_leaf(m, leaf);
    *out = (pt2_tensor){ PT2_NONE, 0, { 0 }, NULL };
    if (p->samples) {
        const struct pt2_sample *s = &p->samples[leaf];
        return s->kind == PT2_ARG_VALUE ? tensor_sample(m, &s->tensor, out)
                                        : scalar_sample(m, s->kind, s->i, s->f, out);
    }
    if (spec && spec->kind == PT2_INPUT_CONSTANT && spec->constant)
        return scalar_sample(m, spec->constant->kind, spec->constant->i, spec->constant->f, out);
    const char *why = p->samples_missing_why;
    return pt2_fail(PT2_ERR_INPUT, "input %s is missing, and the archive%s%s", p->in_leaves[leaf].name,
                    why ? "'s sample inputs cannot be used: " : " has no sample inputs", why ? why : "");
}

pt2_status pt2_model_sample_input(const pt2_model *model, int index, pt2_tensor *out_tensor)
{
    if (index < 0 || index >= pt2_model_input_count(model))
        return pt2_fail(PT2_ERR_ARG, "input %d does not exist", index);
    return pt2_sample_tensor(model, index, out_tensor);
}

pt2_status pt2_session_input(struct pt2_session *s, int leaf, pt2_tensor *out)
{
    if (!s->input_set[leaf])
        return pt2_sample_tensor(s->model, leaf, out);
    *out = s->inputs[leaf];
    return PT2_OK;
}

/* ---- one input ---- */

struct user_input {
    struct pt2_value *value; /* NULL: not a tensor */
    const struct pt2_graph_input *input; /* with the value */
    const struct pt2_input_spec *spec;
    const char *name;
    pt2_tensor tensor;
    bool lent; /* devices read the caller's memory */
};

static void find_value(const struct pt2_model *m, struct user_input *u)
{
    for (int k = 0; k < m->lowered.num_inputs; k++)
        if (&m->program->inputs[m->lowered.inputs[k].spec] == u->spec) {
            u->input = &m->lowered.inputs[k];
            u->value = m->module.graphs.data[0]->inputs.data[k];
        }
}

static pt2_status check_kind(const struct user_input *u)
{
    const struct pt2_tensor_meta *meta = u->spec->value->meta;
    if (!u->value)
        return PT2_OK;
    if (u->tensor.dtype != meta->dtype)
        return pt2_fail(PT2_ERR_INPUT, "input %s is %s, the model wants %s", u->name, pt2_dtype_name(u->tensor.dtype),
                        pt2_dtype_name(meta->dtype));
    if (u->tensor.rank != meta->rank)
        return pt2_fail(PT2_ERR_INPUT, "input %s has %d dimensions, the model wants %d", u->name, u->tensor.rank,
                        meta->rank);
    return PT2_OK;
}

static pt2_status bind_sizes(struct pt2_session *s, const struct user_input *u, bool bare)
{
    for (int k = 0; u->value && k < u->tensor.rank; k++)
        if ((u->input->shape[k]->op == PT2_E_SYM) == bare)
            PT2_NOTE(pt2_solve_size(s, u->input->shape[k], u->tensor.shape[k]), "input %s: dimension %d", u->name, k);
    return PT2_OK;
}

/* No value of its symbol gives the size that was passed. */
static pt2_status refuse_size(struct pt2_session *s, const struct user_input *u, int dim)
{
    struct pt2_str text = { 0 };
    pt2_expr_print(&s->model->module.exprs, u->input->shape[dim], &text);
    pt2_status status = pt2_fail(PT2_ERR_INPUT, "input %s: dimension %d is %lld, the model wants %s", u->name, dim,
                                 (long long)u->tensor.shape[dim], pt2_str_text(&text));
    pt2_str_free(&text);
    return status;
}

static pt2_status check_sizes(struct pt2_session *s, const struct user_input *u)
{
    for (int k = 0; u->value && k < u->tensor.rank; k++) {
        int64_t want;
        if (!pt2_size_known(s, u->input->shape[k]))
            return refuse_size(s, u, k);
        PT2_NOTE(pt2_eval(&s->model->module.exprs, u->input->shape[k], s->values, s->known, &want), "input %s",
                 u->name);
        if (want != u->tensor.shape[k])
            return pt2_fail(PT2_ERR_INPUT, "input %s: dimension %d is %lld, the model wants %lld", u->name, k,
                            (long long)u->tensor.shape[k], (long long)want);
    }
    return PT2_OK;
}

static pt2_status check_constant(const struct user_input *u)
{
    const struct pt2_arg *c = u->spec->constant;
    if (!c || u->tensor.dtype == PT2_NONE || !u->tensor.data)
        return PT2_OK;
    bool same = c->kind == PT2_ARG_FLOAT ? pt2_load_double(u->tensor.dtype, u->tensor.data, 0) == c->f
                : c->kind == PT2_ARG_INT || c->kind == PT2_ARG_BOOL
                    ? pt2_load_int(u->tensor.dtype, u->tensor.data, 0) == c->i
                    : true;
    return same ? PT2_OK : pt2_fail(PT2_ERR_INPUT, "input %s was fixed at export to another value", u->name);
}

/* A Python int that is an input: its symbol takes the value. */
static pt2_status bind_scalar(struct pt2_session *s, const struct user_input *u)
{
    const struct pt2_symexpr *e = u->spec->value->expr;
    const char *name = e && e->op == PT2_SYM_NAME ? e->name : e ? NULL : u->spec->value->name;
    if (u->spec->kind == PT2_INPUT_CONSTANT)
        return check_constant(u);
    if (u->value || u->spec->value->kind != PT2_VALUE_INT || !name || u->tensor.dtype == PT2_NONE)
        return PT2_OK;
    void *id = pt2_map_get(&s->model->module.exprs.symbol_ids, name);
    if (!id)
        return PT2_OK;
    int64_t value = pt2_load_int(u->tensor.dtype, u->tensor.data, 0);
    return pt2_note(pt2_bind_symbol(s, (int)(intptr_t)id - 1, value), "input %s", u->name);
}

static pt2_status collect(struct pt2_session *s, struct user_input *list, int *out_count)
{
    const struct pt2_program *p = s->model->program;
    *out_count = 0;
    for (uint32_t k = 0; k < p->num_inputs; k++) {
        const struct pt2_input_spec *spec = &p->inputs[k];
        if (spec->leaf < 0)
            continue;
        struct user_input *u = &list[(*out_count)++];
        *u = (struct user_input){ .spec = spec, .name = p->in_leaves[spec->leaf].name };
        find_value(s->model, u);
        if (spec->kind != PT2_INPUT_CONSTANT || s->input_set[spec->leaf])
            PT2_TRY(pt2_session_input(s, spec->leaf, &u->tensor));
        PT2_TRY(check_kind(u));
    }
    return PT2_OK;
}

/* Spreads a dense tensor over a storage by the input's strides. What lies between is zero. */
static pt2_status spread(struct pt2_session *s, const struct user_input *u, uint8_t *storage, uint64_t bytes)
{
    struct pt2_exprs *E = &s->model->module.exprs;
    int64_t strides[PT2_MAX_RANK], offset, n = 1;
    size_t size = pt2_dtype_size(u->tensor.dtype);
    memset(storage, 0, bytes);
    PT2_TRY(pt2_eval(E, u->input->offset, s->values, s->known, &offset));
    for (int k = 0; k < u->tensor.rank; k++) {
        PT2_TRY(pt2_eval(E, u->input->strides[k], s->values, s->known, &strides[k]));
        n *= u->tensor.shape[k];
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t at = pt2_strided_at(u->tensor.rank, u->tensor.shape, strides, offset, i);
        if (at < 0 || ((uint64_t)at + 1) * size > bytes)
            return pt2_fail(PT2_ERR_INPUT, "input %s does not fit the storage that the model was exported with",
                            u->name);
        memcpy(storage + (size_t)at * size, (const uint8_t *)u->tensor.data + (size_t)i * size, size);
    }
    return PT2_OK;
}

/* An input that is a whole storage: the sample's own bytes, or what the caller gave, spread out. */
static pt2_status write_storage(struct pt2_session *s, const struct user_input *u, uint64_t bytes)
{
    const struct pt2_sample *sample = &s->model->program->samples[u->spec->leaf];
    if (!s->input_set[u->spec->leaf])
        return pt2_write_value(s, u->value, sample->tensor.storage->data, bytes);
    uint8_t *storage = malloc(bytes ? bytes : 1);
    pt2_status status = storage ? spread(s, u, storage, bytes) : pt2_fail(PT2_ERR_NOMEM, "out of memory");
    if (status == PT2_OK)
        status = pt2_write_value(s, u->value, storage, bytes);
    free(storage);
    return status;
}

static pt2_status write_inputs(struct pt2_session *s, const struct user_input *list, int n)
{
    for (int k = 0; k < n; k++) {
        uint64_t bytes;
        if (!list[k].value || list[k].lent)
            continue;
        PT2_TRY(pt2_value_bytes(s, list[k].value, &bytes));
        if (list[k].input->flat)
            PT2_NOTE(write_storage(s, &list[k], bytes), "input %s", list[k].name);
        else
            PT2_NOTE(pt2_write_value(s, list[k].value, list[k].tensor.data, bytes), "input %s", list[k].name);
    }
    return PT2_OK;
}

static pt2_status place_inputs(struct pt2_session *s, struct pt2_arena *arena, struct user_input *list, int n)
{
    struct pt2_value **values = PT2_NEW_N(arena, struct pt2_value *, n);
    int count = 0;
    for (int k = 0; k < n; k++) {
        if (!list[k].value)
            continue;
        struct pt2_place *p = &s->places[list[k].value->id];
        *p = (struct pt2_place){ .bytes = 0 };
        PT2_TRY(pt2_value_bytes(s, list[k].value, &p->bytes));
        if (!list[k].input->flat)
            PT2_TRY(pt2_lend_input(s, list[k].value, list[k].spec->leaf, list[k].tensor.data, &list[k].lent));
        if (!list[k].lent)
            values[count++] = list[k].value;
    }
    return pt2_note(pt2_place_values(s, s->plans[0].inputs, count, values), "inputs");
}

static pt2_status check_indices(struct pt2_session *s, const struct user_input *list, int n)
{
    const struct pt2_lowered *l = &s->model->lowered;
    for (uint32_t i = 0; i < l->indices.count; i++)
        for (int k = 0; k < n && l->indices.data[i].input >= 0; k++)
            if (list[k].input == &l->inputs[l->indices.data[i].input])
                PT2_TRY(pt2_check_index_input(s, i, &list[k].tensor));
    return PT2_OK;
}

pt2_status pt2_bind_inputs(struct pt2_session *s)
{
    struct pt2_arena arena = { 0 };
    struct user_input *list = PT2_NEW_N(&arena, struct user_input, s->model->program->num_inputs);
    int n = 0;
    memset(s->known, 0, s->model->module.exprs.symbols.count);
    pt2_status status = collect(s, list, &n);
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; status == PT2_OK && k < n; k++)
            status = bind_sizes(s, &list[k], pass == 0);
    for (int k = 0; status == PT2_OK && k < n; k++)
        status = bind_scalar(s, &list[k]);
    for (int k = 0; status == PT2_OK && k < n; k++)
        status = check_sizes(s, &list[k]);
    if (status == PT2_OK)
        status = check_indices(s, list, n);
    if (status == PT2_OK)
        status = place_inputs(s, &arena, list, n);
    if (status == PT2_OK)
        status = write_inputs(s, list, n);
    pt2_arena_free(&arena);
    return status;
}
