/* SPDX-License-Identifier: MIT
 * Opening a model: archive, graph, passes, plans, kernels, weights; each a line in `open_program`. */
#include "runtime/internal.h"
#include "base/cache.h"
#include "pass/pass.h"
#include "runtime/tune.h"

#include <stdio.h>
#include <stdlib.h>

const char *pt2_version(void)
{
    return PT2GPU_VERSION;
}

void pt2_free(void *memory)
{
    free(memory);
}

uint32_t pt2_graph_number(const struct pt2_model *m, const struct pt2_graph *g)
{
    uint32_t k = 0;
    while (m->module.graphs.data[k] != g)
        k++;
    return k;
}

/* ---- devices ---- */

static pt2_status choose_devices(struct pt2_model *m, const pt2_model_params *params)
{
    PT2_TRY(pt2_device_choose(params->backend, m->entries, PT2_MAX_DEVICES, &m->num_devices));
    for (int d = 0; d < m->num_devices; d++) {
        PT2_TRY(pt2_device_acquire(m->entries[d], &m->devices[d]));
        m->plan_devices[d].name = m->entries[d]->id;
        m->plan_devices[d].caps = m->devices[d]->desc.caps;
    }
    return PT2_OK;
}

/* ---- plans and kernels ---- */

static pt2_status plan_graph(struct pt2_model *m, uint32_t k, const struct pt2_plan_params *pp)
{
    PT2_TRY(pt2_plan_build(m->module.graphs.data[k], pp, &m->plans[k]));
    m->programs[k] = PT2_NEW_N(&m->module.arena, struct pt2_program_obj *, m->plans[k].regions.count);
    return PT2_OK;
}

static pt2_status plan_graphs(struct pt2_model *m, const pt2_model_params *params, uint32_t without)
{
    struct pt2_plan_params pp = { .num_devices = m->num_devices,
                                  .devices = m->plan_devices,
                                  .without = without };
    pp.alternate = params->place && !strcmp(params->place, "alternate");
    if (params->place && !pp.alternate)
        return pt2_fail(PT2_ERR_ARG, "unknown placement '%s': alternate", params->place);
    uint32_t n = m->module.graphs.count;
    m->plans = PT2_NEW_N(&m->module.arena, struct pt2_plan, n + 1);
    m->programs = PT2_NEW_N(&m->module.arena, struct pt2_program_obj **, n + 1);
    for (uint32_t k = 0; k < n; k++)
        if (m->module.graphs.data[k] != m->module.load)
            PT2_TRY(plan_graph(m, k, &pp));
    /* planning the others adds to the load graph, and may be what makes it */
    return m->module.load ? plan_graph(m, pt2_graph_number(m, m->module.load), &pp) : PT2_OK;
}

struct batch {
    const struct pt2_kernel **kernels;
    struct pt2_program_obj **programs, ***targets;
    int count;
};

static pt2_status compile_batch(struct pt2_model *m, int d, struct batch *b, const char *cache_dir)
{
    struct pt2_device *dev = m->devices[d];
    if (b->count == 0)
        return PT2_OK;
    if (dev->desc.caps.interprets)
        PT2_TRY(dev->backend->compile(dev, b->kernels, b->count, cache_dir, b->programs));
    else
        PT2_TRY(pt2_device_programs(dev, b->kernels, b->count, cache_dir, b->programs));
    for (int k = 0; k < b->count; k++)
        *b->targets[k] = b->programs[k];
    return PT2_OK;
}

static pt2_status compile_device(struct pt2_model *m, int d, const char *cache_dir)
{
    uint32_t total = 0;
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        total += m->plans[g].regions.count;
    struct pt2_arena arena = { 0 };
    struct batch b = { PT2_NEW_N(&arena, const struct pt2_kernel *, total),
                       PT2_NEW_N(&arena, struct pt2_program_obj *, total),
                       PT2_NEW_N(&arena, struct pt2_program_obj **, total), 0 };
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        for (uint32_t r = 0; r < m->plans[g].regions.count; r++) {
            if (m->plans[g].regions.data[r]->device != d)
                continue;
            b.kernels[b.count] = m->plans[g].regions.data[r]->kernel;
            b.targets[b.count++] = &m->programs[g][r];
        }
    pt2_status status = compile_batch(m, d, &b, cache_dir);
    pt2_arena_free(&arena);
    return pt2_note(status, "%s", m->entries[d]->id);
}

/* PT2_DEBUG holds letters: g prints the graphs after the passes, k the kernels' text, on standard error. */
static bool debug_wants(char letter)
{
    const char *letters = getenv("PT2_DEBUG");
    return letters && strchr(letters, letter);
}

static void dump_graphs(struct pt2_model *m)
{
    struct pt2_str s = { 0 };
    if (debug_wants('g')) {
        pt2_graph_print(m->module.graphs.data[0], &s);
        fputs(pt2_str_text(&s), stderr);
    }
    pt2_str_free(&s);
}

static void dump_kernels(struct pt2_model *m)
{
    for (uint32_t g = 0; debug_wants('k') && g < m->module.graphs.count; g++)
        for (uint32_t r = 0; r < m->plans[g].regions.count; r++) {
            const struct pt2_region *region = m->plans[g].regions.data[r];
            fprintf(stderr, "// kernel %s on %s, %d buffers, %d arguments, groups of %d\n%s\n", region->kernel->name,
                    m->entries[region->device]->id, region->num_bufs, region->num_params, region->kernel->local_size,
                    region->kernel->text);
        }
}

static pt2_status compile(struct pt2_model *m, const pt2_model_params *params)
{
    for (int d = 0; d < m->num_devices; d++)
        PT2_TRY(compile_device(m, d, params->no_cache ? NULL : pt2_cache_dir()));
    return PT2_OK;
}

/* ---- weights ---- */

enum { LARGE_WEIGHT = 1 << 20 };

pt2_status pt2_weight_memory(struct pt2_model *m, const struct pt2_value *v, struct pt2_place *place)
{
    for (int d = 0; d < m->num_devices; d++) {
        struct pt2_const_buf b = { NULL, d, v, place->bytes };
        if (!(m->needed[v->id] & 1u << d) || place->buf[d])
            continue;
        PT2_NOTE(m->devices[d]->backend->buf_create(m->devices[d], place->bytes ? place->bytes : 16, &b.buf),
                 "weight %s", v->name);
        pt2_push(&m->module.arena, &m->const_bufs, b);
        place->buf[d] = b.buf;
    }
    return PT2_OK;
}

/* What only the load graph reads is read where it is, by devices that can. */
static pt2_status wrap(struct pt2_model *m, const struct pt2_value *v, const void *data, uint64_t bytes)
{
    struct pt2_place *p = &m->consts[v->id];
    for (int d = 0; d < m->num_devices; d++) {
        struct pt2_const_buf b = { NULL, d, v, bytes };
        if (!m->devices[d]->backend->buf_wrap || !(m->needed[v->id] & ~m->lasting[v->id] & 1u << d) || !bytes)
            continue;
        PT2_NOTE(m->devices[d]->backend->buf_wrap(m->devices[d], data, bytes, &b.buf), "weight %s", v->name);
        if (!b.buf)
            continue;
        pt2_push(&m->module.arena, &m->const_bufs, b);
        p->buf[d] = b.buf;
        p->valid |= (uint8_t)(1u << d);
    }
    return PT2_OK;
}

static pt2_status upload(struct pt2_model *m, const struct pt2_value *v, const void *data, uint64_t bytes)
{
    struct pt2_place *p = &m->consts[v->id];
    p->bytes = bytes;
    PT2_TRY(wrap(m, v, data, bytes));
    PT2_TRY(pt2_weight_memory(m, v, p));
    for (int d = 0; d < m->num_devices; d++) {
        const struct pt2_backend *b = m->devices[d]->backend;
        if (!p->buf[d] || p->valid & 1u << d)
            continue;
        if (bytes)
            PT2_NOTE(b->buf_write(m->devices[d], p->buf[d], 0, data, bytes), "weight %s", v->name);
        p->valid |= (uint8_t)(1u << d);
    }
    return PT2_OK;
}

static pt2_status upload_weights(struct pt2_model *m)
{
    struct pt2_graph *g = m->module.graphs.data[0];
    for (int k = 0; k < m->lowered.num_inputs; k++) {
        const struct pt2_graph_input *in = &m->lowered.inputs[k];
        const struct pt2_input_spec *spec = &m->program->inputs[in->spec];
        if (spec->kind == PT2_INPUT_USER || in->written_output >= 0)
            continue;
        PT2_TRY(upload(m, g->inputs.data[k], spec->stored->storage->data, spec->stored->storage->size));
        if (spec->stored->storage->size >= LARGE_WEIGHT)
            pt2_program_idle(m->program, spec->stored->storage); /* not twice in memory */
    }
    return PT2_OK;
}

static pt2_status upload_constants(struct pt2_model *m)
{
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        for (uint32_t k = 0; k < m->module.graphs.data[g]->nodes.count; k++) {
            const struct pt2_node *n = m->module.graphs.data[g]->nodes.data[k];
            if (n->kind != PT2_NODE_CONST)
                continue;
            uint64_t bytes = pt2_dtype_size(n->outs[0]->dtype);
            for (int d = 0; d < n->outs[0]->rank; d++)
                bytes *= (uint64_t)n->outs[0]->shape[d]->i;
            PT2_TRY(upload(m, n->outs[0], n->data, bytes));
        }
    return PT2_OK;
}

/* ---- opening ---- */

static pt2_status open_program(struct pt2_model *m, const pt2_model_params *params)
{
    const char *cache_dir = params->no_cache ? NULL : pt2_cache_dir();
    uint32_t without;
    enum pt2_tune tune;
    PT2_TRY(pt2_without_parse(params->without, &without));
    PT2_TRY(pt2_tune_parse(params->tune, &tune));
    PT2_TRY(choose_devices(m, params));
    PT2_TRY(pt2_lower_program(m->program, params->operators, params->trust_indices != 0, &m->module, &m->lowered));
    PT2_TRY(pt2_run_passes(&m->module, without));
    dump_graphs(m);
    PT2_TRY(plan_graphs(m, params, without));
    PT2_TRY(pt2_tune_apply(m, cache_dir, without));
    dump_kernels(m);
    PT2_TRY(pt2_find_needs(m));
    pt2_load_needs(m);
    PT2_TRY(compile(m, params));
    m->consts = PT2_NEW_N(&m->module.arena, struct pt2_place, m->module.values.count);
    PT2_TRY(upload_weights(m));
    PT2_TRY(upload_constants(m));
    PT2_TRY(pt2_load_run(m));
    pt2_program_idle(m->program, NULL);
    return tune == PT2_TUNE_OFF ? PT2_OK : pt2_tune_model(m, tune, false, cache_dir, without, NULL, NULL, NULL);
}

static pt2_status finish_open(struct pt2_model *m, pt2_status status, const pt2_model_params *params,
                              pt2_model **out_model)
{
    static const pt2_model_params none = { 0 };
    if (status == PT2_OK)
        status = pt2_note(open_program(m, params ? params : &none), "%s", m->program->path);
    if (status != PT2_OK) {
        pt2_model_destroy(&m);
        return status;
    }
    *out_model = m;
    return PT2_OK;
}

static struct pt2_model *new_model(void)
{
    struct pt2_model *m = calloc(1, sizeof *m);
    if (m)
        pt2_module_init(&m->module);
    return m;
}

pt2_status pt2_model_open(const char *path, const pt2_model_params *params, pt2_model **out_model)
{
    if (!out_model || !path)
        return pt2_fail(PT2_ERR_ARG, "pt2_model_open: %s is NULL", path ? "out_model" : "path");
    return pt2_model_open_observed(path, params, NULL, NULL, out_model);
}

pt2_status pt2_model_open_observed(const char *path, const pt2_model_params *params, pt2_observer *observer, void *ctx,
                                   struct pt2_model **out_model)
{
    *out_model = NULL;
    struct pt2_model *m = new_model();
    if (!m)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    m->observer = observer;
    m->observer_ctx = ctx;
    pt2_status status = pt2_program_open(path, params ? params->program : NULL, NULL, &m->program);
    return finish_open(m, status, params, out_model);
}

pt2_status pt2_model_open_memory(const void *data, size_t size, const pt2_model_params *params, pt2_model **out_model)
{
    if (!out_model || !data)
        return pt2_fail(PT2_ERR_ARG, "pt2_model_open_memory: %s is NULL", data ? "out_model" : "data");
    *out_model = NULL;
    struct pt2_model *m = new_model();
    if (!m)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    pt2_status status =
        pt2_program_open_memory(data, size, "<memory>", params ? params->program : NULL, NULL, &m->program);
    return finish_open(m, status, params, out_model);
}

static void destroy_programs(struct pt2_model *m)
{
    for (uint32_t g = 0; m->programs && g < m->module.graphs.count; g++)
        for (uint32_t r = 0; m->programs[g] && r < m->plans[g].regions.count; r++) {
            struct pt2_device *dev = m->devices[m->plans[g].regions.data[r]->device];
            if (m->programs[g][r] && dev->desc.caps.interprets)
                dev->backend->program_destroy(dev, m->programs[g][r]);
        }
}

void pt2_model_destroy(pt2_model **model)
{
    struct pt2_model *m = model ? *model : NULL;
    if (!m)
        return;
    *model = NULL;
    for (uint32_t k = 0; k < m->const_bufs.count; k++) {
        struct pt2_device *dev = m->devices[m->const_bufs.data[k].device];
        dev->backend->buf_destroy(dev, m->const_bufs.data[k].buf);
    }
    destroy_programs(m);
    pt2_module_free(&m->module);
    pt2_program_destroy(&m->program);
    free(m);
}

/* ---- looking at it ---- */

int pt2_model_input_count(const pt2_model *m) { return (int)m->program->num_in_leaves; }
int pt2_model_output_count(const pt2_model *m) { return (int)m->program->num_out_leaves; }

static void shape_info(pt2_leaf_info *info, const struct pt2_tensor_meta *meta)
{
    info->dtype = meta->dtype;
    info->rank = meta->rank < PT2_MAX_RANK ? meta->rank : PT2_MAX_RANK;
    for (int k = 0; k < info->rank; k++)
        info->shape[k] = meta->sizes[k]->op == PT2_SYM_INT ? meta->sizes[k]->i : -1;
}

static pt2_dtype scalar_kind(enum pt2_value_kind k)
{
    return k == PT2_VALUE_INT ? PT2_I64 : k == PT2_VALUE_FLOAT ? PT2_F64 : k == PT2_VALUE_BOOL ? PT2_BOOL : PT2_NONE;
}

static pt2_dtype literal_kind(enum pt2_arg_kind k)
{
    return k == PT2_ARG_INT ? PT2_I64 : k == PT2_ARG_FLOAT ? PT2_F64 : k == PT2_ARG_BOOL ? PT2_BOOL : PT2_NONE;
}

static void value_info(pt2_leaf_info *info, const struct pt2_pvalue *v)
{
    if (v->kind == PT2_VALUE_TENSOR && v->meta) {
        shape_info(info, v->meta);
    } else {
        info->dtype = scalar_kind(v->kind);
        info->is_scalar = info->dtype != PT2_NONE;
    }
}

/* A part of a sparse tensor, which the file does not describe. */
static void made_info(const pt2_model *m, pt2_leaf_info *info, const struct pt2_user_output *out)
{
    if (out->output < 0)
        return;
    const struct pt2_value *v = m->module.graphs.data[0]->outputs.data[out->output];
    info->dtype = out->dtype;
    info->rank = v->rank - (pt2_dtype_is_complex(out->dtype) ? 1 : 0);
    for (int k = 0; k < info->rank; k++)
        info->shape[k] = pt2_is_const(v->shape[k]) ? v->shape[k]->i : -1;
}

pt2_status pt2_model_input_info(const pt2_model *m, int index, pt2_leaf_info *out_info)
{
    if (index < 0 || index >= pt2_model_input_count(m))
        return pt2_fail(PT2_ERR_ARG, "input %d does not exist", index);
    *out_info = (pt2_leaf_info){ .name = m->program->in_leaves[index].name };
    for (uint32_t k = 0; k < m->program->num_inputs; k++) {
        const struct pt2_input_spec *in = &m->program->inputs[k];
        if (in->leaf != index)
            continue;
        value_info(out_info, in->value);
        out_info->is_constant = in->kind == PT2_INPUT_CONSTANT;
        if (out_info->is_constant && in->constant) {
            out_info->dtype = literal_kind(in->constant->kind);
            out_info->is_scalar = out_info->dtype != PT2_NONE;
        }
    }
    return PT2_OK;
}

pt2_status pt2_model_output_info(const pt2_model *m, int index, pt2_leaf_info *out_info)
{
    if (index < 0 || index >= pt2_model_output_count(m))
        return pt2_fail(PT2_ERR_ARG, "output %d does not exist", index);
    *out_info = (pt2_leaf_info){ .name = m->program->out_leaves[index].name };
    for (uint32_t k = 0; k < m->program->num_outputs; k++) {
        const struct pt2_output_spec *out = &m->program->outputs[k];
        if (out->leaf != index)
            continue;
        out_info->role = out->role;
        out_info->gradient_of = out->gradient_of;
        if (out->arg->kind == PT2_ARG_VALUE && out->arg->value->kind == PT2_VALUE_TENSOR && !out->arg->value->meta) {
            made_info(m, out_info, &m->lowered.user_outputs[index]);
        } else if (out->arg->kind == PT2_ARG_VALUE) {
            value_info(out_info, out->arg->value);
        } else {
            out_info->dtype = literal_kind(out->arg->kind);
            out_info->is_scalar = out_info->dtype != PT2_NONE;
        }
    }
    return PT2_OK;
}
