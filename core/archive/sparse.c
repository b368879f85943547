/* SPDX-License-Identifier: MIT
 *
 * Sparse tensors (COO) that are inputs or outputs of the program: each becomes two of it, NAME.indices and NAME.values,
 * and the graph builds the tensor from them, or takes it apart. So whatever reads the program afterwards knows dense
 * inputs and outputs only. The file does not say how many elements are stored: their number is a size of its own. */
#include "archive/load.h"

struct split {
    struct pt2_load *ld;
    struct pt2_pgraph *graph;
    PT2_VEC(struct pt2_input_spec) inputs;
    PT2_VEC(struct pt2_output_spec) outputs;
    PT2_VEC(struct pt2_leaf) in_leaves, out_leaves;
    PT2_VEC(struct pt2_sample) samples;
    PT2_VEC(struct pt2_symbol_range) ranges;
    PT2_VEC(struct pt2_pnode) first, last; /* nodes before and behind the file's */
};

static bool is_sparse(const struct pt2_pvalue *v)
{
    return v->kind == PT2_VALUE_TENSOR && v->meta && v->meta->sparse;
}

static struct pt2_pvalue *new_value(struct split *s, const char *of, const char *part)
{
    struct pt2_pvalue *v = PT2_NEW(s->ld->arena, struct pt2_pvalue);
    v->name = pt2_arena_printf(s->ld->arena, "%s.%s", of, part);
    v->kind = PT2_VALUE_TENSOR;
    v->index = s->graph->num_values++;
    return v;
}

static struct pt2_symexpr *new_size(struct split *s, enum pt2_sym_op op, int64_t i, const char *name)
{
    struct pt2_symexpr *e = PT2_NEW(s->ld->arena, struct pt2_symexpr);
    *e = (struct pt2_symexpr){ .op = op, .i = i, .name = name };
    return e;
}

/* Sizes [size, rest…]; where it lies in memory the file does not say. */
static struct pt2_tensor_meta *new_meta(struct split *s, pt2_dtype dtype, const struct pt2_symexpr *size,
                                        const struct pt2_symexpr *const *rest, int num_rest)
{
    struct pt2_tensor_meta *m = PT2_NEW(s->ld->arena, struct pt2_tensor_meta);
    m->dtype = dtype;
    m->rank = 1 + num_rest;
    m->sizes = PT2_NEW_N(s->ld->arena, const struct pt2_symexpr *, m->rank);
    m->sizes[0] = size;
    for (int k = 0; k < num_rest; k++)
        m->sizes[1 + k] = rest[k];
    return m;
}

/* `target`(args…) -> outs[0] */
static struct pt2_pnode new_node(struct split *s, const char *target, struct pt2_pvalue *out, uint32_t num_args,
                                 const struct pt2_arg *args)
{
    struct pt2_pnode n = { .target = target, .name = out->name, .module_path = "", .python_line = "" };
    n.num_args = num_args;
    n.args = pt2_arena_copy(s->ld->arena, args, num_args * sizeof *args);
    n.num_outs = 1;
    n.outs = pt2_arena_copy(s->ld->arena, &out, sizeof(struct pt2_pvalue *));
    return n;
}

static void keep_input(struct split *s, const struct pt2_input_spec *spec)
{
    struct pt2_input_spec copy = *spec;
    struct pt2_program *p = s->ld->program;
    if (copy.leaf >= 0) {
        copy.leaf = (int)s->in_leaves.count;
        pt2_push(s->ld->arena, &s->in_leaves, p->in_leaves[spec->leaf]);
        if (p->samples)
            pt2_push(s->ld->arena, &s->samples, p->samples[spec->leaf]);
    }
    pt2_push(s->ld->arena, &s->inputs, copy);
}

static void add_part(struct split *s, const struct pt2_input_spec *of, struct pt2_pvalue *value, const char *part,
                     const struct pt2_stored_tensor *sample)
{
    struct pt2_arena *arena = s->ld->arena;
    struct pt2_input_spec spec = { .kind = PT2_INPUT_USER, .value = value, .leaf = (int)s->in_leaves.count };
    struct pt2_leaf leaf = { pt2_arena_printf(arena, "%s.%s", s->ld->program->in_leaves[of->leaf].name, part) };
    pt2_push(arena, &s->in_leaves, leaf);
    if (s->ld->program->samples) {
        struct pt2_sample copy = { .kind = PT2_ARG_VALUE, .tensor = *sample };
        pt2_push(arena, &s->samples, copy);
    }
    pt2_push(arena, &s->inputs, spec);
}

static pt2_status split_input(struct split *s, const struct pt2_input_spec *spec)
{
    struct pt2_arena *arena = s->ld->arena;
    const struct pt2_pvalue *v = spec->value;
    const struct pt2_sample *sample = s->ld->program->samples ? &s->ld->program->samples[spec->leaf] : NULL;
    int64_t dims = v->meta->rank;
    if (sample && !sample->indices)
        return pt2_fail(PT2_ERR_FORMAT, "input %.100s is sparse, its sample is not", v->name);
    if (sample)
        dims = sample->indices->rank == 2 ? sample->indices->sizes[0] : -1;
    if (dims < 0 || dims > v->meta->rank)
        return pt2_fail(PT2_ERR_FORMAT, "input %.100s: indices of another number of dimensions", v->name);
    struct pt2_symbol_range range = { pt2_arena_printf(arena, "nnz_%s", v->name), 0, INT64_MAX };
    const struct pt2_symexpr *count = new_size(s, PT2_SYM_NAME, 0, range.name);
    struct pt2_pvalue *indices = new_value(s, v->name, "indices"), *values = new_value(s, v->name, "values");
    pt2_push(arena, &s->ranges, range);
    indices->meta = new_meta(s, PT2_I64, new_size(s, PT2_SYM_INT, dims, NULL), &count, 1);
    values->meta = new_meta(s, v->meta->dtype, count, v->meta->sizes + dims, v->meta->rank - (int)dims);
    add_part(s, spec, indices, "indices", sample ? sample->indices : NULL);
    add_part(s, spec, values, "values", sample ? &sample->tensor : NULL);
    const struct pt2_arg args[2] = { { .name = "indices", .kind = PT2_ARG_VALUE, .value = indices },
                                     { .name = "values", .kind = PT2_ARG_VALUE, .value = values } };
    struct pt2_pnode node = new_node(s, "aten.sparse_coo_tensor.indices_size",
                                     (struct pt2_pvalue *)(uintptr_t)v, 2, args);
    pt2_push(arena, &s->first, node);
    return PT2_OK;
}

static void split_output(struct split *s, const struct pt2_output_spec *spec)
{
    static const struct { const char *part, *target; } parts[] = { { "indices", "aten._indices.default" },
                                                                   { "values", "aten._values.default" } };
    struct pt2_arena *arena = s->ld->arena;
    const struct pt2_arg self = { .name = "self", .kind = PT2_ARG_VALUE, .value = spec->arg->value };
    for (int k = 0; k < 2; k++) {
        struct pt2_pvalue *v = new_value(s, spec->arg->value->name, parts[k].part);
        struct pt2_pnode node = new_node(s, parts[k].target, v, 1, &self);
        struct pt2_arg arg = { .name = "", .kind = PT2_ARG_VALUE, .value = v };
        struct pt2_output_spec out = { .kind = PT2_OUTPUT_USER, .arg = pt2_arena_copy(arena, &arg, sizeof arg),
                                       .target = -1, .leaf = (int)s->out_leaves.count };
        struct pt2_leaf leaf = { pt2_arena_printf(arena, "%s.%s", s->ld->program->out_leaves[spec->leaf].name,
                                                  parts[k].part) };
        pt2_push(arena, &s->last, node);
        pt2_push(arena, &s->outputs, out);
        pt2_push(arena, &s->out_leaves, leaf);
    }
}

static pt2_status split_inputs(struct split *s)
{
    const struct pt2_program *p = s->ld->program;
    for (uint32_t k = 0; k < p->num_inputs; k++)
        if (!is_sparse(p->inputs[k].value))
            keep_input(s, &p->inputs[k]);
        else if (p->inputs[k].kind != PT2_INPUT_USER)
            return pt2_fail(PT2_ERR_UNSUPPORTED, "%.100s is a sparse weight", p->inputs[k].value->name);
        else
            PT2_TRY(split_input(s, &p->inputs[k]));
    return PT2_OK;
}

/* Where the file's input spec `k` is now. */
static int moved(const struct pt2_program *p, int k)
{
    int at = k;
    for (int i = 0; i < k; i++)
        at += is_sparse(p->inputs[i].value);
    return at;
}

static void split_outputs(struct split *s)
{
    const struct pt2_program *p = s->ld->program;
    for (uint32_t k = 0; k < p->num_outputs; k++) {
        struct pt2_output_spec spec = p->outputs[k];
        if (spec.kind == PT2_OUTPUT_USER && spec.arg->kind == PT2_ARG_VALUE && is_sparse(spec.arg->value)) {
            split_output(s, &spec);
            continue;
        }
        spec.target = spec.target >= 0 ? moved(p, spec.target) : spec.target;
        if (spec.leaf >= 0) {
            spec.leaf = (int)s->out_leaves.count;
            pt2_push(s->ld->arena, &s->out_leaves, p->out_leaves[p->outputs[k].leaf]);
        }
        pt2_push(s->ld->arena, &s->outputs, spec);
    }
}

/* What was made becomes the program's. */
static void finish_graph(struct split *s)
{
    struct pt2_pgraph *g = s->graph;
    uint32_t n = s->first.count + g->num_nodes + s->last.count;
    struct pt2_pnode *nodes = PT2_NEW_N(s->ld->arena, struct pt2_pnode, n);
    for (uint32_t k = 0; k < n; k++) {
        nodes[k] = k < s->first.count                  ? s->first.data[k]
                   : k < s->first.count + g->num_nodes ? g->nodes[k - s->first.count]
                                                       : s->last.data[k - s->first.count - g->num_nodes];
        nodes[k].index = k;
    }
    struct pt2_pvalue **inputs = PT2_NEW_N(s->ld->arena, struct pt2_pvalue *, s->inputs.count);
    struct pt2_arg *outputs = PT2_NEW_N(s->ld->arena, struct pt2_arg, s->outputs.count);
    for (uint32_t k = 0; k < s->inputs.count; k++)
        inputs[k] = (struct pt2_pvalue *)(uintptr_t)s->inputs.data[k].value;
    for (uint32_t k = 0; k < s->outputs.count; k++)
        outputs[k] = *s->outputs.data[k].arg;
    g->nodes = nodes;
    g->num_nodes = n;
    g->inputs = inputs;
    g->num_inputs = s->inputs.count;
    g->outputs = outputs;
    g->num_outputs = s->outputs.count;
}

static void finish(struct split *s)
{
    struct pt2_program *p = s->ld->program;
    finish_graph(s);
    for (uint32_t k = 0; k < p->num_ranges; k++)
        pt2_push(s->ld->arena, &s->ranges, p->ranges[k]);
    p->ranges = s->ranges.data;
    p->num_ranges = s->ranges.count;
    p->inputs = s->inputs.data;
    p->num_inputs = s->inputs.count;
    p->outputs = s->outputs.data;
    p->num_outputs = s->outputs.count;
    p->in_leaves = s->in_leaves.data;
    p->num_in_leaves = s->in_leaves.count;
    p->out_leaves = s->out_leaves.data;
    p->num_out_leaves = s->out_leaves.count;
    p->samples = p->samples ? s->samples.data : NULL;
}

pt2_status pt2_load_sparse(struct pt2_load *ld)
{
    struct pt2_program *p = ld->program;
    struct split s = { .ld = ld, .graph = (struct pt2_pgraph *)(uintptr_t)p->graph };
    bool any = false;
    for (uint32_t k = 0; k < p->num_inputs; k++)
        any |= is_sparse(p->inputs[k].value);
    for (uint32_t k = 0; k < p->num_outputs; k++)
        any |= p->outputs[k].arg->kind == PT2_ARG_VALUE && is_sparse(p->outputs[k].arg->value);
    if (!any)
        return PT2_OK;
    PT2_TRY(split_inputs(&s));
    split_outputs(&s);
    finish(&s);
    return PT2_OK;
}
