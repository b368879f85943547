/* SPDX-License-Identifier: MIT
 *
 * What the inputs and outputs of the root graph are: spec i describes graph input or output i.
 * Schema 1 has maps instead of specs (schema1.c); both end in the same structures, checked and bound here. */
#include "archive/load.h"

/* ---- input specs ---- */

static const struct input_rule {
    const char *tag;
    enum pt2_input_kind kind;
    const char *fqn; /* its field */
} input_rules[] = {
    {"user_input", PT2_INPUT_USER, NULL},
    {"parameter", PT2_INPUT_PARAMETER, "parameter_name"},
    {"buffer", PT2_INPUT_BUFFER, "buffer_name"},
    {"tensor_constant", PT2_INPUT_TENSOR_CONSTANT, "tensor_constant_name"},
    {"constant_input", PT2_INPUT_CONSTANT, NULL},
    {"token", PT2_INPUT_TOKEN, NULL},
    {"custom_obj", PT2_INPUT_CUSTOM, "custom_obj_name"},
};

static bool is_leaf(enum pt2_input_kind kind)
{
    return kind == PT2_INPUT_USER || kind == PT2_INPUT_CONSTANT;
}

/* The literal in graph.inputs is right where 2.4 and 2.5 write a bool as {"as_int": true} in the spec. */
static pt2_status read_constant(struct pt2_load *ld, const struct pt2_at *spec, const struct pt2_at *graph_input,
                                struct pt2_input_spec *s)
{
    struct pt2_arg *arg = PT2_NEW(ld->arena, struct pt2_arg);
    struct pt2_scope empty = {.ld = ld};
    struct pt2_at name;
    PT2_TRY(pt2_load_arg(&empty, graph_input, arg));
    if (arg->kind != PT2_ARG_NONE && arg->kind != PT2_ARG_INT && arg->kind != PT2_ARG_FLOAT &&
        arg->kind != PT2_ARG_BOOL && arg->kind != PT2_ARG_STRING)
        return pt2_at_fail(graph_input, PT2_ERR_FORMAT, "a constant input that is no scalar");
    s->constant = arg;
    PT2_TRY(pt2_at_field(spec, "name", &name)); /* the literal has none of its own */
    return pt2_load_name(ld, &name, &ld->program->graph->inputs[s - ld->program->inputs]->name);
}

/* The spec repeats the name of the graph input. */
static pt2_status check_name(const struct pt2_at *spec, const struct pt2_pvalue *value)
{
    struct pt2_at arg, item, text;
    const char *name;
    PT2_TRY(pt2_at_field(spec, "arg", &arg));
    PT2_TRY(pt2_at_maybe(&arg, "name", &text));
    if (!text.v) {
        PT2_TRY(pt2_at_union(&arg, &item));
        if (item.v && !*value->name)
            return PT2_OK; /* a literal */
        PT2_TRY(pt2_load_name_field(&item, &text));
    }
    PT2_TRY(pt2_at_text(&text, &name));
    if (strcmp(name, value->name))
        return pt2_at_fail(&arg, PT2_ERR_FORMAT, "%.80s, but the graph has %.80s in this place", name, value->name);
    return PT2_OK;
}

static pt2_status read_input(struct pt2_load *ld, const struct pt2_at *at, const struct pt2_at *graph_input,
                             struct pt2_input_spec *s)
{
    struct pt2_at item, fqn;
    PT2_TRY(pt2_at_union(at, &item));
    for (size_t i = 0; i < sizeof input_rules / sizeof *input_rules; i++) {
        const struct input_rule *rule = &input_rules[i];
        if (strcmp(rule->tag, item.key))
            continue;
        s->kind = rule->kind;
        if (rule->fqn) {
            PT2_TRY(pt2_at_field(&item, rule->fqn, &fqn));
            PT2_TRY(pt2_load_name(ld, &fqn, &s->fqn));
        }
        return s->kind == PT2_INPUT_CONSTANT ? read_constant(ld, &item, graph_input, s) : check_name(&item, s->value);
    }
    return pt2_at_fail(at, PT2_ERR_UNSUPPORTED, "unknown kind of input: %.60s", item.key);
}

static pt2_status read_inputs(struct pt2_load *ld, const struct pt2_at *signature, const struct pt2_at *graph_inputs)
{
    struct pt2_program *p = ld->program;
    struct pt2_at specs, graph_input = {0};
    uint32_t count;
    PT2_TRY(pt2_at_field_array(signature, "input_specs", &specs, &count));
    if (count != p->graph->num_inputs)
        return pt2_at_fail(&specs, PT2_ERR_FORMAT, "%u specs for %u graph inputs", count, p->graph->num_inputs);
    p->num_inputs = count;
    p->inputs = PT2_NEW_N(ld->arena, struct pt2_input_spec, count);
    for (struct pt2_at it = {0}; pt2_at_next(&specs, &it);) {
        pt2_at_next(graph_inputs, &graph_input);
        p->inputs[it.index].value = p->graph->inputs[it.index];
        PT2_TRY(read_input(ld, &it, &graph_input, &p->inputs[it.index]));
    }
    return PT2_OK;
}

/* ---- output specs ---- */

static const struct output_rule {
    const char *tag;
    enum pt2_output_kind kind;
    pt2_output_role role;
    const char *target; /* the field that names the input that is written, or whose gradient it is */
    enum pt2_output_kind target_kind; /* may be written by such outputs */
} output_rules[] = {
    {"user_output", PT2_OUTPUT_USER, PT2_ROLE_RESULT, NULL, 0},
    {"loss_output", PT2_OUTPUT_USER, PT2_ROLE_LOSS, NULL, 0},
    {"gradient_to_parameter", PT2_OUTPUT_USER, PT2_ROLE_PARAMETER_GRADIENT, "parameter_name",
     PT2_OUTPUT_PARAMETER_MUTATION},
    {"gradient_to_user_input", PT2_OUTPUT_USER, PT2_ROLE_INPUT_GRADIENT, "user_input_name", PT2_OUTPUT_INPUT_MUTATION},
    {"buffer_mutation", PT2_OUTPUT_BUFFER_MUTATION, PT2_ROLE_RESULT, "buffer_name", PT2_OUTPUT_BUFFER_MUTATION},
    {"parameter_mutation", PT2_OUTPUT_PARAMETER_MUTATION, PT2_ROLE_RESULT, "parameter_name",
     PT2_OUTPUT_PARAMETER_MUTATION},
    {"user_input_mutation", PT2_OUTPUT_INPUT_MUTATION, PT2_ROLE_RESULT, "user_input_name", PT2_OUTPUT_INPUT_MUTATION},
    {"token", PT2_OUTPUT_TOKEN, PT2_ROLE_RESULT, NULL, 0},
};

static bool may_be_written(const struct pt2_input_spec *s, enum pt2_output_kind kind)
{
    switch (kind) {
    case PT2_OUTPUT_BUFFER_MUTATION: return s->kind == PT2_INPUT_BUFFER || s->kind == PT2_INPUT_TENSOR_CONSTANT;
    case PT2_OUTPUT_PARAMETER_MUTATION: return s->kind == PT2_INPUT_PARAMETER;
    default: return s->kind == PT2_INPUT_USER && s->value->kind == PT2_VALUE_TENSOR;
    }
}

int pt2_load_find_written(const struct pt2_program *p, enum pt2_output_kind kind, const char *name)
{
    for (uint32_t i = 0; i < p->num_inputs; i++) {
        const struct pt2_input_spec *s = &p->inputs[i];
        const char *own = kind == PT2_OUTPUT_INPUT_MUTATION ? s->value->name : s->fqn;
        if (own && !strcmp(own, name) && may_be_written(s, kind))
            return (int)i;
    }
    return -1;
}

static pt2_status read_output(struct pt2_load *ld, const struct pt2_at *at, struct pt2_output_spec *s)
{
    struct pt2_at item;
    const char *name;
    PT2_TRY(pt2_at_union(at, &item));
    for (size_t i = 0; i < sizeof output_rules / sizeof *output_rules; i++) {
        const struct output_rule *rule = &output_rules[i];
        if (strcmp(rule->tag, item.key))
            continue;
        s->kind = rule->kind;
        s->role = rule->role;
        s->target = -1;
        if (!rule->target)
            return PT2_OK;
        PT2_TRY(pt2_at_field_text(&item, rule->target, &name));
        s->target = pt2_load_find_written(ld->program, rule->target_kind, name);
        if (s->target < 0)
            return pt2_at_fail(at, PT2_ERR_FORMAT,
                               rule->kind == PT2_OUTPUT_USER
                                   ? "a gradient of %.100s: the graph has no such input"
                                   : "%.100s cannot be written: the graph has no such input", name);
        if (s->arg->kind != PT2_ARG_VALUE || s->arg->value->kind != PT2_VALUE_TENSOR)
            return pt2_at_fail(at, PT2_ERR_FORMAT, "%.100s becomes something that is no tensor", name);
        return PT2_OK;
    }
    return pt2_at_fail(at, PT2_ERR_UNSUPPORTED, "unknown kind of output: %.60s", item.key);
}

static pt2_status read_outputs(struct pt2_load *ld, const struct pt2_at *signature)
{
    struct pt2_program *p = ld->program;
    struct pt2_at specs;
    uint32_t count;
    PT2_TRY(pt2_at_field_array(signature, "output_specs", &specs, &count));
    if (count != p->graph->num_outputs)
        return pt2_at_fail(&specs, PT2_ERR_FORMAT, "%u specs for %u graph outputs", count, p->graph->num_outputs);
    p->num_outputs = count;
    p->outputs = PT2_NEW_N(ld->arena, struct pt2_output_spec, count);
    for (struct pt2_at it = {0}; pt2_at_next(&specs, &it);) {
        p->outputs[it.index].arg = &p->graph->outputs[it.index];
        PT2_TRY(read_output(ld, &it, &p->outputs[it.index]));
    }
    return PT2_OK;
}

/* ---- leaves ---- */

static void number_leaves(struct pt2_program *p)
{
    int in = 0, out = 0;
    for (uint32_t i = 0; i < p->num_inputs; i++)
        p->inputs[i].leaf = is_leaf(p->inputs[i].kind) ? in++ : -1;
    for (uint32_t i = 0; i < p->num_outputs; i++)
        p->outputs[i].leaf = p->outputs[i].kind == PT2_OUTPUT_USER ? out++ : -1;
    p->num_in_leaves = (uint32_t)in;
    p->num_out_leaves = (uint32_t)out;
}

/* The entry of the whole model in module_call_graph; schema 1 has graph_module.call_spec. */
static pt2_status find_call_spec(const struct pt2_at *graph_module, struct pt2_at at[3], struct pt2_at *out_spec)
{
    uint32_t count;
    const char *fqn;
    PT2_TRY(pt2_at_maybe(graph_module, "call_spec", out_spec));
    if (out_spec->v)
        return PT2_OK;
    PT2_TRY(pt2_at_field_array(graph_module, "module_call_graph", &at[0], &count));
    at[1] = (struct pt2_at){0};
    while (pt2_at_next(&at[0], &at[1])) {
        PT2_TRY(pt2_at_field_text(&at[1], "fqn", &fqn));
        if (!*fqn)
            return pt2_at_field(&at[1], "signature", out_spec);
    }
    return pt2_at_fail(&at[0], PT2_ERR_FORMAT, "no entry for the whole model");
}

static pt2_status parse_tree(struct pt2_load *ld, const struct pt2_at *spec, const char *key,
                             const struct pt2_at *fields, uint32_t num_leaves, struct pt2_tree *out_tree)
{
    const char *text;
    PT2_TRY(pt2_at_field_text(spec, key, &text));
    PT2_NOTE(pt2_tree_parse(ld->arena, text, fields, out_tree), "%s", key);
    if (out_tree->num_leaves != num_leaves)
        return pt2_fail(PT2_ERR_FORMAT, "%s has %u leaves, but the signature %u", key, out_tree->num_leaves,
                        num_leaves);
    return PT2_OK;
}

/* Names of the positional arguments; NULL before torch 2.6. */
static const char *arg_name(const struct pt2_at *names, uint32_t i)
{
    const char *text;
    struct pt2_at it = {0};
    uint32_t count;
    if (!names->v || pt2_at_array(names, &count) != PT2_OK || i >= count)
        return NULL;
    while (i-- + 1 && pt2_at_next(names, &it))
        continue;
    return pt2_at_text(&it, &text) == PT2_OK ? text : NULL;
}

/* Without argument names, a plain argument is called like its graph input, unless that is a mere number (torch 2.1). */
static const char *fallback_name(struct pt2_load *ld, const struct pt2_tree *arg, uint32_t position, const char *value)
{
    size_t len = strlen(value);
    if (arg->type || !len || !strncmp(value, "arg", 3))
        return pt2_arena_printf(ld->arena, "arg_%u", position);
    if (len > 3 && !strncmp(value, "l_", 2) && value[len - 1] == '_') /* torch 2.2, 2.3 */
        return pt2_arena_strndup(ld->arena, value + 2, len - 3);
    return value;
}

static bool is_args_kwargs(const struct pt2_tree *t)
{
    return t->type && t->num_children == 2 && t->children[0].type && t->children[1].type &&
           !strcmp(t->children[0].type, "builtins.tuple") && !strcmp(t->children[1].type, "builtins.dict");
}

static void name_inputs(struct pt2_load *ld, const struct pt2_at *arg_names, const char **names)
{
    const struct pt2_program *p = ld->program;
    const struct pt2_tree *tree = &ld->in_tree, *args = tree;
    const char **values = PT2_NEW_N(&ld->scratch, const char *, p->num_in_leaves + 1); /* by leaf */
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->num_inputs; i++)
        if (p->inputs[i].leaf >= 0)
            values[p->inputs[i].leaf] = p->inputs[i].value->name;
    values[p->num_in_leaves] = ""; /* for an empty container that comes last */
    if (is_args_kwargs(tree)) /* torch 2.1 writes the arguments alone when there are no keywords */
        args = &tree->children[0];
    for (uint32_t i = 0; i < args->num_children; i++) {
        const char *name = arg_name(arg_names, i);
        name = name ? pt2_load_intern(ld, name) : fallback_name(ld, &args->children[i], i, values[n]);
        pt2_tree_names(ld->arena, &args->children[i], name, names, &n);
    }
    if (args != tree)
        pt2_tree_names(ld->arena, &tree->children[1], "", names, &n);
    else if (!args->type)
        names[0] = "arg_0";
}

/* Gradients are no part of the module's own result: out_spec does not describe them. */
static bool is_gradient(const struct pt2_output_spec *s)
{
    return s->role == PT2_ROLE_PARAMETER_GRADIENT || s->role == PT2_ROLE_INPUT_GRADIENT;
}

static uint32_t count_results(const struct pt2_program *p)
{
    uint32_t n = p->num_out_leaves;
    for (uint32_t i = 0; i < p->num_outputs; i++)
        n -= is_gradient(&p->outputs[i]);
    return n;
}

/* Names by leaf, from those of the results alone, in their order. A gradient is called as Python calls it. */
static void add_gradients(struct pt2_load *ld, const char *const *results, const char **names)
{
    struct pt2_program *p = ld->program;
    for (uint32_t i = 0; i < p->num_outputs; i++) {
        struct pt2_output_spec *s = &p->outputs[i];
        if (s->leaf < 0)
            continue;
        if (!is_gradient(s)) {
            names[s->leaf] = *results++;
            continue;
        }
        const struct pt2_input_spec *of = &p->inputs[s->target];
        s->gradient_of = of->leaf >= 0 ? p->in_leaves[of->leaf].name : of->fqn;
        names[s->leaf] = pt2_arena_printf(ld->arena, "%s.grad", s->gradient_of);
    }
}

static void name_results(struct pt2_load *ld, const char **names)
{
    const struct pt2_tree *tree = &ld->out_tree;
    uint32_t n = 0;
    if (!tree->type || tree->keys) {
        pt2_tree_names(ld->arena, tree, tree->type ? "" : "out_0", names, &n);
        return;
    }
    for (uint32_t i = 0; i < tree->num_children; i++)
        pt2_tree_names(ld->arena, &tree->children[i], pt2_arena_printf(ld->arena, "out_%u", i), names, &n);
}

static struct pt2_leaf *new_leaves(struct pt2_load *ld, const char **names, uint32_t count)
{
    struct pt2_leaf *leaves = PT2_NEW_N(ld->arena, struct pt2_leaf, count);
    for (uint32_t i = 0; i < count; i++)
        leaves[i].name = names[i];
    return leaves;
}

static pt2_status read_trees(struct pt2_load *ld, const struct pt2_at *graph_module)
{
    struct pt2_program *p = ld->program;
    struct pt2_at chain[3], spec, fields, arg_names;
    PT2_TRY(find_call_spec(graph_module, chain, &spec));
    PT2_TRY(pt2_at_maybe(graph_module, "treespec_namedtuple_fields", &fields));
    PT2_TRY(pt2_at_maybe(&spec, "forward_arg_names", &arg_names));
    PT2_TRY(parse_tree(ld, &spec, "in_spec", &fields, p->num_in_leaves, &ld->in_tree));
    PT2_TRY(parse_tree(ld, &spec, "out_spec", &fields, count_results(p), &ld->out_tree));
    const char **in = PT2_NEW_N(&ld->scratch, const char *, p->num_in_leaves);
    const char **results = PT2_NEW_N(&ld->scratch, const char *, count_results(p));
    const char **out = PT2_NEW_N(&ld->scratch, const char *, p->num_out_leaves);
    name_inputs(ld, &arg_names, in);
    name_results(ld, results);
    p->in_leaves = new_leaves(ld, in, p->num_in_leaves);
    add_gradients(ld, results, out);
    p->out_leaves = new_leaves(ld, out, p->num_out_leaves);
    return PT2_OK;
}

pt2_status pt2_load_signature(struct pt2_load *ld, const struct pt2_at *graph_module)
{
    struct pt2_at signature, graph, graph_inputs;
    PT2_TRY(pt2_at_field(graph_module, "signature", &signature));
    PT2_TRY(pt2_at_field(graph_module, "graph", &graph));
    PT2_TRY(pt2_at_field(&graph, "inputs", &graph_inputs));
    if (ld->program->schema_major == 1) {
        PT2_TRY(pt2_load_signature1(ld, &graph, &signature));
    } else {
        PT2_TRY(read_inputs(ld, &signature, &graph_inputs));
        PT2_TRY(read_outputs(ld, &signature));
    }
    number_leaves(ld->program);
    return read_trees(ld, graph_module);
}

/* ---- binding ---- */

/* Sizes that the graph knows must agree with the stored tensor's. */
static pt2_status check_meta(const struct pt2_input_spec *s)
{
    const struct pt2_tensor_meta *meta = s->value->meta;
    bool same = meta->dtype == s->stored->dtype && meta->rank == s->stored->rank;
    for (int i = 0; same && i < meta->rank; i++)
        same = meta->sizes[i]->op != PT2_SYM_INT || meta->sizes[i]->i == s->stored->sizes[i];
    return same ? PT2_OK : pt2_fail(PT2_ERR_FORMAT, "the stored tensor differs in dtype or shape from the graph's");
}

/* Constants of schema 1 have no meta in the file. */
static struct pt2_tensor_meta *meta_of(struct pt2_load *ld, const struct pt2_stored_tensor *t)
{
    struct pt2_tensor_meta *m = PT2_NEW(ld->arena, struct pt2_tensor_meta);
    struct pt2_symexpr *ints = PT2_NEW_N(ld->arena, struct pt2_symexpr, 2 * t->rank + 1); /* 0 is the offset */
    m->dtype = t->dtype;
    m->rank = t->rank;
    m->sizes = PT2_NEW_N(ld->arena, const struct pt2_symexpr *, t->rank);
    m->strides = PT2_NEW_N(ld->arena, const struct pt2_symexpr *, t->rank);
    ints[0].i = t->offset;
    m->offset = ints++;
    for (int i = 0; i < t->rank; i++) {
        ints[2 * i].i = t->sizes[i];
        ints[2 * i + 1].i = t->strides[i];
        m->sizes[i] = &ints[2 * i];
        m->strides[i] = &ints[2 * i + 1];
    }
    return m;
}

static pt2_status bind_input(struct pt2_load *ld, uint32_t i)
{
    struct pt2_input_spec *s = &ld->program->inputs[i];
    struct pt2_pvalue *value = ld->program->graph->inputs[i];
    bool constant = s->kind == PT2_INPUT_TENSOR_CONSTANT;
    if (s->kind != PT2_INPUT_PARAMETER && s->kind != PT2_INPUT_BUFFER && !constant)
        return PT2_OK;
    if (value->kind != PT2_VALUE_TENSOR)
        return pt2_fail(PT2_ERR_FORMAT, "bound to something that is no tensor");
    /* Non-persistent buffers moved from one place to the other between releases. */
    s->stored = pt2_map_get(constant ? &ld->constants : &ld->weights, s->fqn);
    if (!s->stored)
        s->stored = pt2_map_get(constant ? &ld->weights : &ld->constants, s->fqn);
    if (s->stored && !value->meta)
        value->meta = meta_of(ld, s->stored);
    return s->stored ? check_meta(s) : PT2_OK;
}

pt2_status pt2_load_bind(struct pt2_load *ld)
{
    for (uint32_t i = 0; i < ld->program->num_inputs; i++) {
        const struct pt2_input_spec *s = &ld->program->inputs[i];
        PT2_NOTE(bind_input(ld, i), "%.100s", s->fqn ? s->fqn : s->value->name);
    }
    return PT2_OK;
}
