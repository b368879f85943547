/* SPDX-License-Identifier: MIT
 *
 * A graph is read in one pass with a symbol table: nodes are in execution order, so whatever is not in the table yet
 * is an error, and cycles cannot occur.  Subgraphs have tables of their own and see nothing of their parent's. */
#include "archive/load.h"

enum { MAX_NESTING = 64 };

/* Tags that define values, in graph inputs and node outputs. `table`: where the graph describes such values, or -1. */
static const struct definition {
    const char *tag;
    enum pt2_value_kind kind;
    int table;
} definitions[] = {
    {"as_tensor", PT2_VALUE_TENSOR, 0},     {"as_sym_int", PT2_VALUE_INT, 1},  {"as_sym_float", PT2_VALUE_FLOAT, 2},
    {"as_sym_bool", PT2_VALUE_BOOL, 3},     {"as_none", PT2_VALUE_NONE, -1},   {"as_int", PT2_VALUE_INT, -1},
    {"as_float", PT2_VALUE_FLOAT, -1},      {"as_bool", PT2_VALUE_BOOL, -1},   {"as_string", PT2_VALUE_STRING, -1},
    {"as_custom_obj", PT2_VALUE_CUSTOM, 4},
};

static const char *const table_names[PT2_VALUE_TABLES] = {"tensor_values", "sym_int_values", "sym_float_values",
                                                          "sym_bool_values", "custom_obj_values"};

/* ---- values ---- */

static struct pt2_pvalue *new_value(struct pt2_scope *scope, const struct definition *d, const char *name)
{
    struct pt2_pvalue *value = PT2_NEW(scope->ld->arena, struct pt2_pvalue);
    value->kind = d->kind;
    value->name = name;
    value->index = scope->graph->num_values++;
    return value;
}

static pt2_status describe_tensor(struct pt2_scope *scope, const struct pt2_at *at, struct pt2_pvalue *value)
{
    struct pt2_at meta;
    struct pt2_tensor_meta *m = PT2_NEW(scope->ld->arena, struct pt2_tensor_meta);
    PT2_TRY(pt2_at_maybe(at, "meta", &meta)); /* schema 1 wraps it */
    value->meta = m;
    return pt2_load_tensor_meta(scope->ld, meta.v ? &meta : at, m);
}

static pt2_status describe(struct pt2_scope *scope, const struct definition *d, struct pt2_pvalue *value)
{
    const struct cJSON *item = pt2_map_get(&scope->tables[d->table], value->name);
    struct pt2_at at = {.v = item, .up = &scope->table_at[d->table], .key = value->name};
    if (!item || d->kind == PT2_VALUE_CUSTOM)
        return PT2_OK;
    if (d->kind == PT2_VALUE_TENSOR)
        return describe_tensor(scope, &at, value);
    return pt2_load_expr(scope->ld, &at, &value->expr);
}

static pt2_status define_named(struct pt2_scope *scope, const struct definition *d, const struct pt2_at *at,
                               struct pt2_pvalue **out_value)
{
    const char *name;
    struct pt2_at text;
    PT2_TRY(pt2_load_name_field(at, &text));
    PT2_TRY(pt2_load_name(scope->ld, &text, &name));
    struct pt2_pvalue *value = new_value(scope, d, name);
    if (!pt2_map_put(&scope->ld->scratch, &scope->defined, name, value))
        return pt2_at_fail(at, PT2_ERR_FORMAT, "value %.100s is defined twice", name);
    *out_value = value;
    return describe(scope, d, value);
}

/* `at` is a union that holds a literal: as_int, ... */
static pt2_status define_literal(struct pt2_scope *scope, const struct definition *d, const struct pt2_at *at,
                                 struct pt2_pvalue **out_value)
{
    *out_value = new_value(scope, d, "");
    if (d->kind == PT2_VALUE_NONE || d->kind == PT2_VALUE_STRING)
        return PT2_OK;
    return pt2_load_expr(scope->ld, at, &(*out_value)->expr);
}

/* `at`: the union, e.g. {"as_tensor": {"name": "x"}}. */
static pt2_status define(struct pt2_scope *scope, const struct pt2_at *at, struct pt2_pvalue **out_value)
{
    struct pt2_at item, inner;
    PT2_TRY(pt2_at_union(at, &item));
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++) {
        const struct definition *d = &definitions[i];
        if (strcmp(d->tag, item.key))
            continue;
        if (d->table < 0)
            return define_literal(scope, d, at, out_value);
        if (d->kind == PT2_VALUE_TENSOR || d->kind == PT2_VALUE_CUSTOM)
            return define_named(scope, d, &item, out_value);
        PT2_TRY(pt2_at_union(&item, &inner));
        return strcmp(inner.key, "as_name") ? define_literal(scope, d, &item, out_value)
                                            : define_named(scope, d, &inner, out_value);
    }
    return pt2_at_fail(at, PT2_ERR_UNSUPPORTED, "%.60s cannot define a value", item.key);
}

/* ---- nodes ---- */

/* Results that stand for several: Tensor[] (as_tensors), optional tensors. NULL: a single one. */
static bool is_list_tag(const char *tag)
{
    return !strcmp(tag, "as_tensors") || !strcmp(tag, "as_sym_ints") || !strcmp(tag, "as_optional_tensors");
}

static pt2_status count_outs(const struct pt2_at *outputs, uint32_t *out_count)
{
    *out_count = 0;
    for (struct pt2_at it = {0}; pt2_at_next(outputs, &it);) {
        struct pt2_at item;
        uint32_t n = 1;
        PT2_TRY(pt2_at_union(&it, &item));
        if (is_list_tag(item.key))
            PT2_TRY(pt2_at_array(&item, &n));
        *out_count += n;
    }
    return PT2_OK;
}

static pt2_status define_list(struct pt2_scope *scope, const struct pt2_at *list, struct pt2_pvalue **outs)
{
    static const struct definition tensor = {"as_tensor", PT2_VALUE_TENSOR, 0}, sym = {"as_sym_int", PT2_VALUE_INT, 1};
    bool tensors = !strcmp(list->key, "as_tensors"), optional = !strcmp(list->key, "as_optional_tensors");
    for (struct pt2_at it = {0}; pt2_at_next(list, &it);) {
        struct pt2_pvalue **out = &outs[it.index];
        PT2_TRY(optional ? define(scope, &it, out) : define_named(scope, tensors ? &tensor : &sym, &it, out));
    }
    return PT2_OK;
}

static pt2_status read_outs(struct pt2_scope *scope, const struct pt2_at *outputs, struct pt2_pnode *node)
{
    uint32_t done = 0;
    PT2_TRY(count_outs(outputs, &node->num_outs));
    node->outs = PT2_NEW_N(scope->ld->arena, struct pt2_pvalue *, node->num_outs);
    for (struct pt2_at it = {0}; pt2_at_next(outputs, &it);) {
        struct pt2_at item;
        uint32_t n = 1;
        PT2_TRY(pt2_at_union(&it, &item));
        if (is_list_tag(item.key)) {
            PT2_TRY(pt2_at_array(&item, &n));
            PT2_TRY(define_list(scope, &item, node->outs + done));
        } else {
            PT2_TRY(define(scope, &it, &node->outs[done]));
        }
        done += n;
    }
    return PT2_OK;
}

static pt2_status read_args(struct pt2_scope *scope, const struct pt2_at *inputs, struct pt2_pnode *node)
{
    struct pt2_arg *args = PT2_NEW_N(scope->ld->arena, struct pt2_arg, node->num_args);
    node->args = args;
    for (struct pt2_at it = {0}; pt2_at_next(inputs, &it);) {
        struct pt2_at arg;
        const char *name;
        PT2_TRY(pt2_at_field_text(&it, "name", &name));
        args[it.index].name = pt2_load_intern(scope->ld, name);
        PT2_TRY(pt2_at_field(&it, "arg", &arg));
        PT2_TRY(pt2_load_arg(scope, &arg, &args[it.index]));
    }
    return PT2_OK;
}

static pt2_status maybe_text(const struct pt2_at *object, const char *key, const char **out_text)
{
    struct pt2_at at;
    PT2_TRY(pt2_at_maybe(object, key, &at));
    *out_text = "";
    return at.v ? pt2_at_text(&at, out_text) : PT2_OK;
}

static pt2_status read_metadata(struct pt2_load *ld, const struct pt2_at *at, struct pt2_pnode *node)
{
    struct pt2_at metadata;
    const char *text;
    node->module_path = node->python_line = "";
    PT2_TRY(pt2_at_maybe(at, "metadata", &metadata));
    if (!metadata.v)
        return PT2_OK;
    PT2_TRY(maybe_text(&metadata, "stack_trace", &text));
    node->python_line = pt2_load_intern(ld, pt2_trace_python_line(&ld->scratch, text));
    PT2_TRY(maybe_text(&metadata, "nn_module_stack", &text));
    node->module_path = pt2_load_intern(ld, pt2_trace_module_path(&ld->scratch, text));
    return PT2_OK;
}

/* Before torch 2.11 nodes have no names of their own: the first output's is the same text. */
static const char *fallback_name(const struct pt2_pnode *node)
{
    return node->num_outs && *node->outs[0]->name ? node->outs[0]->name : node->target;
}

static pt2_status read_node_parts(struct pt2_scope *scope, const struct pt2_at *at, struct pt2_pnode *node)
{
    struct pt2_at inputs, outputs;
    uint32_t num_outputs;
    PT2_TRY(pt2_at_field_array(at, "inputs", &inputs, &node->num_args));
    PT2_TRY(pt2_at_field_array(at, "outputs", &outputs, &num_outputs));
    PT2_TRY(read_metadata(scope->ld, at, node));
    PT2_TRY(read_args(scope, &inputs, node));
    return read_outs(scope, &outputs, node);
}

static pt2_status read_node(struct pt2_scope *scope, const struct pt2_at *at, struct pt2_pnode *node)
{
    const char *text;
    PT2_TRY(pt2_at_field_text(at, "target", &text));
    node->target = pt2_load_target(scope->ld, text);
    PT2_TRY(maybe_text(at, "name", &text));
    node->name = *text ? pt2_load_intern(scope->ld, text) : NULL;
    pt2_status status = read_node_parts(scope, at, node);
    if (status != PT2_OK) /* with the outermost nodes, as deep nesting would fill the message */
        return scope->depth < 3 ? pt2_note(status, "node %.100s", node->name ? node->name : node->target) : status;
    if (!node->name)
        node->name = fallback_name(node);
    return PT2_OK;
}

/* ---- graphs ---- */

static pt2_status read_tables(struct pt2_scope *scope, const struct pt2_at *at)
{
    for (int i = 0; i < PT2_VALUE_TABLES; i++) {
        struct pt2_at *table = &scope->table_at[i];
        uint32_t count;
        PT2_TRY(pt2_at_maybe(at, table_names[i], table));
        if (!table->v) /* the rarer kinds came later */
            continue;
        PT2_TRY(pt2_at_object(table, &count));
        for (struct pt2_at it = {0}; pt2_at_next(table, &it);)
            if (!pt2_map_put(&scope->ld->scratch, &scope->tables[i], it.key, (void *)(uintptr_t)it.v))
                return pt2_at_fail(&it, PT2_ERR_FORMAT, "occurs twice");
    }
    return PT2_OK;
}

/* graph.constants (schema 1) are lifted into inputs behind the others, as all later schemas do. */
static pt2_status read_inputs(struct pt2_scope *scope, const struct pt2_at *at)
{
    struct pt2_at inputs, constants;
    struct pt2_pgraph *graph = scope->graph;
    uint32_t num_inputs, num_constants = 0;
    PT2_TRY(pt2_at_field_array(at, "inputs", &inputs, &num_inputs));
    PT2_TRY(pt2_at_maybe(at, "constants", &constants));
    if (constants.v)
        PT2_TRY(pt2_at_object(&constants, &num_constants));
    if (num_constants && scope->depth)
        return pt2_at_fail(&constants, PT2_ERR_UNSUPPORTED, "constants inside a subgraph");
    graph->inputs = PT2_NEW_N(scope->ld->arena, struct pt2_pvalue *, num_inputs + num_constants);
    for (struct pt2_at it = {0}; pt2_at_next(&inputs, &it);)
        PT2_TRY(define(scope, &it, &graph->inputs[graph->num_inputs++]));
    for (struct pt2_at it = {0}; num_constants && pt2_at_next(&constants, &it);) {
        struct pt2_pvalue *value = new_value(scope, &definitions[0], pt2_load_intern(scope->ld, it.key));
        graph->inputs[graph->num_inputs++] = value;
        if (!pt2_map_put(&scope->ld->scratch, &scope->defined, value->name, value))
            return pt2_at_fail(&it, PT2_ERR_FORMAT, "value %.100s is defined twice", value->name);
        PT2_TRY(describe(scope, &definitions[0], value));
    }
    return PT2_OK;
}

static pt2_status read_outputs(struct pt2_scope *scope, const struct pt2_at *at)
{
    struct pt2_at outputs;
    struct pt2_pgraph *graph = scope->graph;
    PT2_TRY(pt2_at_field_array(at, "outputs", &outputs, &graph->num_outputs));
    struct pt2_arg *args = PT2_NEW_N(scope->ld->arena, struct pt2_arg, graph->num_outputs);
    graph->outputs = args;
    for (struct pt2_at it = {0}; pt2_at_next(&outputs, &it);)
        PT2_TRY(pt2_load_arg(scope, &it, &args[it.index]));
    return PT2_OK;
}

static pt2_status read_nodes(struct pt2_scope *scope, const struct pt2_at *at)
{
    struct pt2_at nodes;
    struct pt2_pgraph *graph = scope->graph;
    PT2_TRY(pt2_at_field_array(at, "nodes", &nodes, &graph->num_nodes));
    graph->nodes = PT2_NEW_N(scope->ld->arena, struct pt2_pnode, graph->num_nodes);
    for (struct pt2_at it = {0}; pt2_at_next(&nodes, &it);) {
        graph->nodes[it.index].index = it.index;
        PT2_TRY(read_node(scope, &it, &graph->nodes[it.index]));
    }
    return PT2_OK;
}

pt2_status pt2_load_graph(struct pt2_load *ld, const struct pt2_at *at, const char *name,
                          const struct pt2_scope *parent, const struct pt2_pgraph **out_graph)
{
    struct pt2_pgraph *graph = PT2_NEW(ld->arena, struct pt2_pgraph);
    struct pt2_scope scope = {.ld = ld, .graph = graph, .depth = parent ? parent->depth + 1 : 0};
    if (scope.depth > MAX_NESTING)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "subgraphs nested deeper than %d", MAX_NESTING);
    graph->name = name;
    graph->parent = parent ? parent->graph : NULL;
    *out_graph = graph;
    PT2_TRY(read_tables(&scope, at));
    PT2_TRY(read_inputs(&scope, at));
    PT2_TRY(read_nodes(&scope, at));
    return read_outputs(&scope, at);
}
