/* SPDX-License-Identifier: MIT
 * The driver: program to graph. Inputs become stores and views of them; then each node's row lowers it; at the end the
 * stores that were written become outputs beside the user's. */
#include "ops/custom.h"
#include "ops/internal.h"
#include "ops/sparse.h"

#include <stdarg.h>
#include <stdio.h>

_Noreturn void op_fail(struct pt2_lower *L, pt2_status status, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const struct pt2_pnode *n = L->node;
    if (n)
        L->priv->status = pt2_fail(status, "node %s (%s)%s%s: %s", n->name, n->target, n->python_line[0] ? " at " : "",
                                   n->python_line, text);
    else
        L->priv->status = pt2_fail(status, "%s", text);
    longjmp(*L->priv->unwind, 1);
}

/* ---- results ---- */

pt2_ex *pt2_meta_shape(struct pt2_lower *L, const struct pt2_tensor_meta *m)
{
    pt2_ex *shape = PT2_NEW_N(L->arena, pt2_ex, PT2_MAX_RANK + 1);
    if (m->rank > PT2_MAX_RANK - 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a tensor of %d dimensions", m->rank);
    for (int k = 0; k < m->rank; k++) {
        shape[k] = pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->sizes[k]));
        if (pt2_is_const(shape[k]) && (shape[k]->i < 0 || shape[k]->i > PT2_INF))
            op_fail(L, PT2_ERR_FORMAT, "a size of %lld", (long long)shape[k]->i);
    }
    return shape;
}

/* `shape`: the sizes are wanted too. */
static struct pt2_op_type out_type(struct pt2_lower *L, int k, bool shape)
{
    bool exists = k >= 0 && (uint32_t)k < L->node->num_outs;
    const struct pt2_tensor_meta *m = exists ? L->node->outs[k]->meta : NULL;
    if (exists && L->priv->applied)
        return L->priv->applied->types ? L->priv->applied->types[k] : pt2_op_infer(L, k);
    if (!m)
        op_fail(L, PT2_ERR_FORMAT, "the file does not describe result %d", k);
    return (struct pt2_op_type){ m->dtype, m->rank, shape ? pt2_meta_shape(L, m) : NULL };
}

pt2_dtype op_out_dtype(struct pt2_lower *L, int k)
{
    return out_type(L, k, false).dtype;
}

int op_out_rank(struct pt2_lower *L, int k)
{
    return out_type(L, k, false).rank;
}

pt2_ex *op_out_shape(struct pt2_lower *L, int k)
{
    return out_type(L, k, true).shape;
}

bool op_out_used(struct pt2_lower *L, int k)
{
    return (uint32_t)k < L->node->num_outs && L->node->outs[k]->kind != PT2_VALUE_NONE;
}

static void name_value(pt2_t *t, const struct pt2_pvalue *v)
{
    struct pt2_value *cur = t->store->cur;
    if (!t->map && cur->name[0] == 0)
        cur->name = v->name;
}

void op_result(struct pt2_lower *L, int k, pt2_t *t)
{
    if ((uint32_t)k >= L->node->num_outs)
        return; /* some releases list fewer results than the schema has */
    const struct pt2_pvalue *v = L->node->outs[k];
    if (v->kind == PT2_VALUE_NONE)
        return;
    /* the meta function of multilabel_margin_loss says [1] where eager returns a 0-d tensor: eager is right */
    bool scalar = v->meta && t->rank == 0 && v->meta->rank == 1 && v->meta->sizes[0]->op == PT2_SYM_INT &&
                  v->meta->sizes[0]->i == 1;
    if (v->meta && (v->meta->dtype != t->dtype || (v->meta->rank != t->rank && !scalar)))
        op_fail(L, PT2_ERR_FORMAT, "result %d is %s of %d dimensions, the file says %s of %d", k,
                pt2_dtype_name(t->dtype), t->rank, pt2_dtype_name(v->meta->dtype), v->meta->rank);
    L->priv->slots[v->index].tensor = t;
    if (!t->map && !t->store->meta && t->store->input < 0)
        t->store->meta = v->meta;
    name_value(t, v);
}

void op_return(struct pt2_lower *L, pt2_t *t)
{
    op_result(L, 0, t);
}

void op_result_scalar(struct pt2_lower *L, int k, pt2_ex e)
{
    if ((uint32_t)k < L->node->num_outs)
        L->priv->slots[L->node->outs[k]->index].scalar = e;
}

/* ---- nodes ---- */

/* Results of an in-place operator alias its first argument. */
static void write_self(struct pt2_lower *L)
{
    if (L->node->num_args == 0 || L->node->args[0].kind != PT2_ARG_VALUE || L->node->num_outs == 0)
        op_fail(L, PT2_ERR_FORMAT, "an in-place operator without a tensor to write");
    pt2_t *self = pt2_lower_arg(L, &L->node->args[0]).tensor;
    struct pt2_slot *out = &L->priv->slots[L->node->outs[0]->index];
    if (!self || !out->tensor)
        op_fail(L, PT2_ERR_FORMAT, "an in-place operator without a tensor to write");
    if (out->tensor->store != self->store ||
        out->tensor->map != self->map) /* dropout_ in eval mode returns its argument */
        op_write(L, self, out->tensor);
    out->tensor = self;
}

/* An empty tensor that is given for a result takes the result's shape. */
static void resize_empty(struct pt2_lower *L, pt2_t *dst, pt2_t *value)
{
    if (!pt2_is_int(op_numel(L, dst), 0) || dst->rank > 1 || pt2_is_int(op_numel(L, value), 0))
        return;
    value = op_convert(L, value, dst->dtype);
    dst->rank = value->rank;
    dst->shape = value->shape;
    dst->map = NULL;
    dst->whole = true;
    dst->store->cur = op_value(L, value);
}

/* The tensors to write are the last arguments, in the order of the results. */
static void write_out(struct pt2_lower *L)
{
    uint32_t n = L->node->num_outs;
    if (L->node->num_args < n)
        op_fail(L, PT2_ERR_FORMAT, "an out= operator without its out argument");
    for (uint32_t k = 0; k < n; k++) {
        pt2_t *dst = pt2_lower_arg(L, &L->node->args[L->node->num_args - n + k]).tensor;
        struct pt2_slot *out = &L->priv->slots[L->node->outs[k]->index];
        if (!dst || !out->tensor)
            op_fail(L, PT2_ERR_FORMAT, "an out= operator without its out argument");
        resize_empty(L, dst, out->tensor);
        op_write(L, dst, out->tensor);
        out->tensor = dst;
    }
}

static void copy_results(struct pt2_lower *L)
{
    for (uint32_t k = 0; k < L->node->num_outs; k++) {
        struct pt2_slot *out = &L->priv->slots[L->node->outs[k]->index];
        if (out->tensor)
            out->tensor = op_clone(L, out->tensor);
    }
}

static void mark_origin(struct pt2_lower *L, uint32_t first)
{
    for (uint32_t k = first; k < L->g->nodes.count; k++)
        if (!L->g->nodes.data[k]->origin)
            L->g->nodes.data[k]->origin = L->node;
}

static void expect_results(struct pt2_lower *L)
{
    for (uint32_t k = 0; k < L->node->num_outs; k++) {
        const struct pt2_pvalue *v = L->node->outs[k];
        const struct pt2_slot *s = &L->priv->slots[v->index];
        if (v->kind != PT2_VALUE_NONE && v->kind != PT2_VALUE_CUSTOM && !s->tensor && !s->scalar)
            op_fail(L, PT2_ERR_UNSUPPORTED, "result %u is not computed", k);
    }
}

static void lower_node(struct pt2_lower *L, const struct pt2_pnode *node)
{
    enum pt2_row_use use = PT2_ROW_PLAIN;
    L->node = pt2_op_with_names(L, node);
    uint32_t first = L->g->nodes.count;
    const struct pt2_custom_op *custom = pt2_custom_find(L->priv->operators, node->target);
    L->row = custom ? NULL : pt2_op_resolve(node->target, &use);
    if (custom)
        pt2_lower_custom(L, custom);
    else if (pt2_lower_sparse(L, use == PT2_ROW_INPLACE || use == PT2_ROW_OUT))
        use = PT2_ROW_PLAIN;
    else if (L->row)
        L->row->lower(L);
    else
        op_fail(L, PT2_ERR_UNSUPPORTED, "operator not supported");
    L->node = node; /* a row that lowered a sub-graph left its last node here */
    if (use == PT2_ROW_INPLACE)
        write_self(L);
    else if (use == PT2_ROW_OUT)
        write_out(L);
    else if (use == PT2_ROW_COPY)
        copy_results(L);
    expect_results(L);
    mark_origin(L, first);
}

void pt2_lower_range(struct pt2_lower *L, const struct pt2_pgraph *pg, uint32_t first, uint32_t end,
                     struct pt2_slot *slots)
{
    struct pt2_slot *outer = L->priv->slots;
    const struct pt2_pnode *node = L->node;
    const struct pt2_op_row *row = L->row;
    if (++L->priv->depth > 64)
        op_fail(L, PT2_ERR_FORMAT, "sub-graphs are nested more than 64 deep");
    L->priv->slots = slots;
    for (uint32_t k = first; k < end; k++) {
        if (pt2_vmap_begins(&pg->nodes[k]))
            k = pt2_lower_vmap(L, pg, k, slots);
        else
            lower_node(L, &pg->nodes[k]);
    }
    L->priv->depth--;
    L->priv->slots = outer;
    L->node = node;
    L->row = row;
}

void pt2_lower_nodes(struct pt2_lower *L, const struct pt2_pgraph *pg, struct pt2_slot *slots)
{
    pt2_lower_range(L, pg, 0, pg->num_nodes, slots);
}

/* ---- inputs ---- */

/* The whole storage, and nothing else. */
static bool dense(const struct pt2_stored_tensor *t)
{
    return pt2_stored_is_dense(t) && t->offset == 0 &&
           (size_t)pt2_stored_count(t) * pt2_dtype_size(t->dtype) == t->storage->size;
}

static bool same_view(const struct pt2_stored_tensor *a, const struct pt2_stored_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           !memcmp(a->sizes, b->sizes, (size_t)a->rank * sizeof *a->sizes) && dense(b);
}

/* True when every spec on this storage sees it as one dense tensor of the same shape. */
static bool natural(const struct pt2_program *p, const struct pt2_stored_tensor *t)
{
    if (!dense(t))
        return false;
    for (uint32_t k = 0; k < p->num_inputs; k++) {
        const struct pt2_stored_tensor *o = p->inputs[k].stored;
        if (o && o->storage == t->storage && !same_view(t, o))
            return false;
    }
    return true;
}

static struct pt2_graph_input *add_input(struct pt2_lower *L, int spec, bool flat)
{
    struct pt2_graph_input *in = &L->priv->out->inputs[L->priv->out->num_inputs++];
    *in = (struct pt2_graph_input){ .spec = spec, .flat = flat, .written_output = -1 };
    return in;
}

void pt2_complex_dims(struct pt2_lower *L, pt2_dtype *dtype, int *rank, pt2_ex *shape)
{
    if (pt2_dtype_is_complex(*dtype)) {
        shape[(*rank)++] = pt2_idx(L->E, 2);
        *dtype = pt2_dtype_real(*dtype);
    }
}

static struct pt2_store *new_input(struct pt2_lower *L, int spec, bool flat, pt2_dtype dtype, int rank, pt2_ex *shape,
                                   const char *name)
{
    pt2_complex_dims(L, &dtype, &rank, shape);
    struct pt2_store *s = pt2_store_new(L, pt2_node_input(L->g, dtype, rank, shape, name));
    s->input = L->priv->out->num_inputs;
    add_input(L, spec, flat);
    return s;
}

/* The store of a parameter, buffer or constant: shared with an earlier spec on the same storage and dtype. */
static struct pt2_store *stored_input(struct pt2_lower *L, uint32_t spec, bool flat)
{
    const struct pt2_input_spec *in = L->program->inputs;
    const struct pt2_stored_tensor *t = in[spec].stored;
    for (uint32_t k = 0; k < spec; k++)
        if (in[k].stored && in[k].stored->storage == t->storage && in[k].stored->dtype == t->dtype)
            return L->priv->slots[in[k].value->index].tensor->store;
    pt2_ex shape[PT2_MAX_RANK + 1];
    for (int k = 0; k < t->rank; k++)
        shape[k] = pt2_idx(L->E, t->sizes[k]);
    if (flat)
        shape[0] = pt2_idx(L->E, (int64_t)(t->storage->size / pt2_dtype_size(t->dtype)));
    return new_input(L, (int)spec, flat, t->dtype, flat ? 1 : t->rank, shape, in[spec].fqn);
}

static void strided_map(struct pt2_lower *L, pt2_t *t, const struct pt2_stored_tensor *st)
{
    pt2_ex *v = op_vars(L, t->rank, t->shape), at = pt2_idx(L->E, st->offset);
    for (int k = 0; k < t->rank; k++)
        at = pt2_add(L->E, at, pt2_muli(L->E, v[k], st->strides[k]));
    t->map = PT2_NEW_N(L->arena, pt2_ex, 1);
    t->map[0] = at;
    t->whole = false;
}

static pt2_t *stored_tensor(struct pt2_lower *L, uint32_t spec)
{
    const struct pt2_stored_tensor *st = L->program->inputs[spec].stored;
    if (st->rank > PT2_MAX_RANK - 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a tensor of %d dimensions", st->rank);
    if (!st->storage->data && pt2_stored_count(st))
        op_fail(L, PT2_ERR_FORMAT, "archive has no weight data for %s: it was exported with fake weights",
                L->program->inputs[spec].fqn);
    bool flat = !natural(L->program, st);
    struct pt2_store *store = stored_input(L, spec, flat);
    pt2_ex shape[PT2_MAX_RANK];
    for (int k = 0; k < st->rank; k++)
        shape[k] = pt2_idx(L->E, st->sizes[k]);
    pt2_t *t = pt2_tensor_new(L, st->dtype, st->rank, shape);
    t->store = store;
    if (flat)
        strided_map(L, t, st);
    return t;
}

/* True when as_strided is applied to the input itself: it may look at storage outside the tensor. */
static bool seen_by_strides(struct pt2_lower *L, const struct pt2_pvalue *v)
{
    const struct pt2_pgraph *g = L->program->graph;
    for (uint32_t k = 0; k < g->num_nodes; k++)
        if (!strncmp(pt2_op_aten_name(g->nodes[k].target), "aten.as_strided", 15) && g->nodes[k].num_args &&
            g->nodes[k].args[0].kind == PT2_ARG_VALUE && g->nodes[k].args[0].value == v)
            return true;
    return false;
}

/* Elements of the sample's storage when it holds more than the sample; 0 otherwise. */
static int64_t wider_storage(struct pt2_lower *L, int leaf)
{
    const struct pt2_program *p = L->program;
    if (leaf < 0 || !p->samples || p->samples[leaf].kind != PT2_ARG_VALUE || !p->samples[leaf].tensor.storage)
        return 0;
    const struct pt2_stored_tensor *t = &p->samples[leaf].tensor;
    return dense(t) ? 0 : (int64_t)(t->storage->size / pt2_dtype_size(t->dtype));
}

/* The input is the whole storage, of the sample's size; the tensor is a strided view of it. */
static pt2_t *storage_input(struct pt2_lower *L, uint32_t spec, pt2_t *t, const struct pt2_tensor_meta *m, int64_t size,
                            const char *name)
{
    pt2_ex shape[2] = { pt2_idx(L->E, size) }, *v = op_vars(L, t->rank, t->shape);
    t->store = new_input(L, (int)spec, true, m->dtype, 1, shape, name);
    struct pt2_graph_input *in = &L->priv->out->inputs[t->store->input];
    in->strides = PT2_NEW_N(L->arena, pt2_ex, t->rank);
    in->offset = pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->offset));
    pt2_ex at = in->offset;
    for (int k = 0; k < t->rank; k++) {
        in->strides[k] = pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->strides[k]));
        at = pt2_add(L->E, at, pt2_mul(L->E, v[k], in->strides[k]));
    }
    t->map = PT2_NEW_N(L->arena, pt2_ex, 1);
    t->map[0] = at;
    t->whole = false;
    return t;
}

static void mark_symbol(void *ctx, pt2_ex e)
{
    if (e->op == PT2_E_SYM)
        pt2_mark_bound(ctx, (int)e->i, PT2_BOUND_BY_INPUT);
}

static pt2_t *user_tensor(struct pt2_lower *L, uint32_t spec, const char *name)
{
    const struct pt2_input_spec *in = &L->program->inputs[spec];
    const struct pt2_tensor_meta *m = in->value->meta;
    if (!m)
        op_fail(L, PT2_ERR_FORMAT, "input %s has no description", name);
    pt2_ex *shape = pt2_meta_shape(L, m);
    pt2_t *t = pt2_tensor_new(L, m->dtype, m->rank, shape);
    for (int k = 0; k < m->rank; k++)
        pt2_visit(shape[k], mark_symbol, L);
    int64_t storage = seen_by_strides(L, in->value) ? wider_storage(L, in->leaf) : 0;
    if (storage && m->strides && m->offset) {
        storage_input(L, spec, t, m, storage, name);
    } else {
        t->store = new_input(L, (int)spec, false, m->dtype, m->rank, shape, name);
        t->store->meta = m->strides ? m : NULL;
    }
    struct pt2_graph_input *input = &L->priv->out->inputs[t->store->input];
    input->rank = m->rank;
    input->shape = shape;
    return t;
}

static pt2_ex scalar_input(struct pt2_lower *L, const struct pt2_pvalue *v)
{
    /* an int without a symbol has one of its own */
    pt2_ex e = v->expr ? pt2_lower_symexpr(L, v->expr) : pt2_sym(L->E, pt2_symbol(L->E, v->name));
    pt2_visit(e, mark_symbol, L);
    return e;
}

static struct pt2_slot constant_slot(struct pt2_lower *L, const struct pt2_arg *a)
{
    return a ? pt2_lower_arg(L, a) : (struct pt2_slot){ NULL, NULL };
}

static void lower_input(struct pt2_lower *L, uint32_t k)
{
    const struct pt2_input_spec *in = &L->program->inputs[k];
    struct pt2_slot *slot = &L->priv->slots[in->value->index];
    switch (in->kind) {
    case PT2_INPUT_USER:
        if (in->value->kind == PT2_VALUE_TENSOR)
            slot->tensor = user_tensor(L, k, in->leaf >= 0 ? L->program->in_leaves[in->leaf].name : in->value->name);
        else if (in->value->kind != PT2_VALUE_NONE && in->value->kind != PT2_VALUE_STRING)
            slot->scalar = scalar_input(L, in->value);
        break;
    case PT2_INPUT_CONSTANT: *slot = constant_slot(L, in->constant); break;
    case PT2_INPUT_PARAMETER: case PT2_INPUT_BUFFER: case PT2_INPUT_TENSOR_CONSTANT:
        if (in->stored)
            slot->tensor = stored_tensor(L, k);
        break;
    case PT2_INPUT_TOKEN: {
        pt2_ex zero = pt2_idx(L->E, 0);
        slot->tensor = op_full(L, PT2_F32, 1, &zero, pt2_num(L->E, PT2_F32, 0));
        break;
    }
    default: break;
    }
}

/* ---- outputs ---- */

static int add_output(struct pt2_lower *L, struct pt2_value *v)
{
    pt2_push(L->arena, &L->g->outputs, v);
    return (int)L->g->outputs.count - 1;
}

/* A float or bool that depends on data leaves as a 0-d tensor. */
static void scalar_output(struct pt2_lower *L, struct pt2_user_output *out, pt2_ex e)
{
    out->is_scalar = true;
    out->dtype = e->dtype == PT2_IDX ? PT2_I64 : (pt2_dtype)e->dtype;
    if (e->has & PT2_HAS_LOAD)
        out->output = add_output(L, op_value(L, op_map(L, out->dtype, 0, NULL, pt2_cast(L->E, (int)out->dtype, e))));
    else
        out->scalar = e;
}

static void user_output(struct pt2_lower *L, const struct pt2_output_spec *spec)
{
    struct pt2_user_output *out = &L->priv->out->user_outputs[spec->leaf];
    *out = (struct pt2_user_output){ .output = -1 };
    if (spec->arg->kind != PT2_ARG_VALUE) {
        out->literal = spec->arg;
        out->is_scalar = true;
        out->dtype = spec->arg->kind == PT2_ARG_INT ? PT2_I64 : spec->arg->kind == PT2_ARG_FLOAT ? PT2_F64
                   : spec->arg->kind == PT2_ARG_BOOL ? PT2_BOOL : PT2_NONE;
        return;
    }
    struct pt2_slot s = pt2_lower_arg(L, spec->arg);
    if (s.tensor) {
        out->dtype = s.tensor->dtype;
        out->output = add_output(L, op_value(L, s.tensor));
    } else if (s.scalar) {
        scalar_output(L, out, s.scalar);
    } else if (spec->arg->value->kind != PT2_VALUE_NONE && spec->arg->value->kind != PT2_VALUE_STRING) {
        op_fail(L, PT2_ERR_FORMAT, "output %s has no value", spec->arg->value->name);
    }
}

static void mutation(struct pt2_lower *L, const struct pt2_output_spec *spec)
{
    const struct pt2_pvalue *target = L->program->inputs[spec->target].value;
    pt2_t *dst = L->priv->slots[target->index].tensor;
    pt2_t *src = spec->arg->kind == PT2_ARG_VALUE ? pt2_lower_arg(L, spec->arg).tensor : NULL;
    if (!dst || !src)
        op_fail(L, PT2_ERR_FORMAT, "a mutation of %s without a tensor", target->name);
    op_write(L, dst, src);
}

/* The new content of every input that was written. */
static void expect_same_size(struct pt2_lower *L, uint32_t spec, const struct pt2_value *before,
                             const struct pt2_value *now)
{
    bool same = before->rank == now->rank;
    for (int k = 0; same && k < now->rank; k++)
        same = before->shape[k] == now->shape[k];
    if (!same)
        op_fail(L, PT2_ERR_UNSUPPORTED, "input %s is written with a tensor of another size",
                L->program->inputs[spec].value->name);
}

static void written_inputs(struct pt2_lower *L)
{
    struct pt2_lowered *out = L->priv->out;
    for (uint32_t k = 0; k < L->program->num_inputs; k++) {
        pt2_t *t = L->priv->slots[L->program->inputs[k].value->index].tensor;
        if (!t || t->store->input < 0 || !t->store->written)
            continue;
        struct pt2_graph_input *in = &out->inputs[t->store->input];
        if (in->written_output >= 0)
            continue;
        if (L->program->inputs[k].kind != PT2_INPUT_USER)
            expect_same_size(L, k, L->g->inputs.data[t->store->input], t->store->cur);
        in->written_output = add_output(L, t->store->cur);
        L->g->inputs.data[t->store->input]->def->state = true;
    }
}

/* Parameters, buffers and constants that nothing writes. */
static void mark_weights(struct pt2_lower *L)
{
    const struct pt2_lowered *out = L->priv->out;
    for (int k = 0; k < out->num_inputs; k++)
        L->g->inputs.data[k]->def->weight =
            L->program->inputs[out->inputs[k].spec].kind != PT2_INPUT_USER && out->inputs[k].written_output < 0;
}

static void assertion_outputs(struct pt2_lower *L)
{
    for (uint32_t k = 0; k < L->priv->assertions.count; k++) {
        const struct pt2_assertion *a = &L->priv->assertions.data[k];
        struct pt2_runtime_check check = { NULL, add_output(L, op_value(L, a->holds)), a->message };
        pt2_push(L->arena, &L->priv->out->checks, check);
    }
}

static void lower_outputs(struct pt2_lower *L)
{
    const struct pt2_program *p = L->program;
    L->node = NULL;
    for (uint32_t k = 0; k < p->num_outputs; k++)
        if (p->outputs[k].kind == PT2_OUTPUT_USER)
            user_output(L, &p->outputs[k]);
    for (uint32_t k = 0; k < p->num_outputs; k++)
        if (p->outputs[k].kind != PT2_OUTPUT_USER && p->outputs[k].kind != PT2_OUTPUT_TOKEN)
            mutation(L, &p->outputs[k]);
    written_inputs(L);
    assertion_outputs(L);
    L->priv->complete = true;
    pt2_indices_output(L, add_output);
    mark_weights(L);
}

/* ---- writing ---- */

static bool graph_writes(const struct pt2_pgraph *g);

static bool arg_writes(const struct pt2_arg *a)
{
    bool writes = a->kind == PT2_ARG_GRAPH && graph_writes(a->graph);
    for (uint32_t k = 0; !writes && k < a->num_items; k++)
        writes = arg_writes(&a->items[k]);
    return writes;
}

/* By name: packets of in-place operators end with _, overloads that write to arguments with out. */
static bool graph_writes(const struct pt2_pgraph *g)
{
    for (uint32_t k = 0; k < g->num_nodes; k++) {
        const struct pt2_pnode *n = &g->nodes[k];
        const char *target = pt2_op_aten_name(n->target), *overload = strrchr(target, '.');
        size_t len = strlen(target);
        if ((overload && overload > target && overload[-1] == '_') || (len > 3 && !strcmp(target + len - 3, "out")))
            return true;
        for (uint32_t j = 0; j < n->num_args; j++)
            if (arg_writes(&n->args[j]))
                return true;
    }
    return false;
}

/* ---- operators without a row: all of them in one message ---- */

struct missing {
    const struct pt2_operators *operators;
    struct pt2_arena arena;
    struct pt2_map seen;
    struct pt2_str text;
    int count;
};

static void find_missing(const struct pt2_pgraph *g, struct missing *m);

static void find_missing_in(const struct pt2_arg *a, struct missing *m)
{
    if (a->kind == PT2_ARG_GRAPH)
        find_missing(a->graph, m);
    for (uint32_t k = 0; k < a->num_items; k++)
        find_missing_in(&a->items[k], m);
}

static void find_missing(const struct pt2_pgraph *g, struct missing *m)
{
    for (uint32_t k = 0; k < g->num_nodes; k++) {
        const struct pt2_pnode *n = &g->nodes[k];
        bool known = pt2_custom_find(m->operators, n->target) || pt2_op_find(n->target);
        if (!known && pt2_map_put(&m->arena, &m->seen, n->target, (void *)(uintptr_t)n)) {
            pt2_str_addf(&m->text, "%s%s (node %s%s%s)", m->count ? ", " : "", n->target, n->name,
                         n->python_line[0] ? " at " : "", n->python_line);
            m->count++;
        }
        for (uint32_t j = 0; j < n->num_args; j++)
            find_missing_in(&n->args[j], m);
    }
}

static pt2_status check_supported(const struct pt2_program *p, const struct pt2_operators *operators)
{
    struct missing m = { .operators = operators };
    pt2_status status = PT2_OK;
    find_missing(p->graph, &m);
    if (m.count)
        status = pt2_fail(PT2_ERR_UNSUPPORTED, "%d operator%s not supported: %s", m.count,
                          m.count > 1 ? "s are" : " is", pt2_str_text(&m.text));
    pt2_str_free(&m.text);
    pt2_arena_free(&m.arena);
    return status;
}

static void lower_all(struct pt2_lower *L)
{
    const struct pt2_program *p = L->program;
    struct pt2_lowered *out = L->priv->out;
    out->inputs = PT2_NEW_N(L->arena, struct pt2_graph_input, p->num_inputs);
    out->user_outputs = PT2_NEW_N(L->arena, struct pt2_user_output, p->num_out_leaves);
    out->num_user_outputs = (int)p->num_out_leaves;
    pt2_lower_ranges(L);
    L->priv->writes = graph_writes(p->graph);
    L->priv->slots = PT2_NEW_N(L->arena, struct pt2_slot, p->graph->num_values);
    for (uint32_t k = 0; k < p->num_inputs; k++)
        lower_input(L, k);
    pt2_lower_nodes(L, p->graph, L->priv->slots);
    lower_outputs(L);
}

pt2_status pt2_lower_program(const struct pt2_program *program, const struct pt2_operators *operators,
                             bool trusts_indices, struct pt2_module *module, struct pt2_lowered *out)
{
    jmp_buf unwind;
    struct pt2_lower_priv priv = { .unwind = &unwind, .out = out, .operators = operators };
    struct pt2_lower L = {
        .m = module, .E = &module->exprs, .program = program, .arena = &module->arena, .priv = &priv
    };
    *out = (struct pt2_lowered){ .module = module, .seed_symbol = -1, .trusts_indices = trusts_indices };
    PT2_TRY(check_supported(program, operators));
    L.g = pt2_graph_new(module, "main");
    if (setjmp(unwind))
        return priv.status;
    lower_all(&L);
    return PT2_OK;
}
