/* SPDX-License-Identifier: MIT
 * pt2gpu info: what an archive holds. Needs no device, and tells of archives that cannot run too. */
#include "archive/program.h"
#include "tools/symtext.h"
#include "tools/tool.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting ---- */

struct op_count {
    const char *target; /* the program's */
    int count;
};

struct census {
    struct pt2_arena arena;
    struct pt2_map seen;
    PT2_VEC(struct op_count *) ops;
    int nodes;
};

static void count_graph(struct census *census, const struct pt2_pgraph *graph);

static void count_arg(struct census *census, const struct pt2_arg *arg)
{
    if (arg->kind == PT2_ARG_GRAPH)
        count_graph(census, arg->graph);
}

static void count_graph(struct census *census, const struct pt2_pgraph *graph)
{
    for (uint32_t i = 0; i < graph->num_nodes; i++) {
        const struct pt2_pnode *node = &graph->nodes[i];
        struct op_count *op = pt2_map_get(&census->seen, node->target);
        if (!op) {
            op = PT2_NEW(&census->arena, struct op_count);
            op->target = node->target;
            pt2_map_put(&census->arena, &census->seen, node->target, op);
            pt2_push(&census->arena, &census->ops, op);
        }
        op->count++;
        census->nodes++;
        for (uint32_t k = 0; k < node->num_args; k++)
            count_arg(census, &node->args[k]);
    }
}

static int more_first(const void *a, const void *b)
{
    const struct op_count *x = *(struct op_count *const *)a, *y = *(struct op_count *const *)b;
    return x->count != y->count ? y->count - x->count : strcmp(x->target, y->target);
}

static void take_census(struct census *census, const struct pt2_program *program)
{
    count_graph(census, program->graph);
    if (census->ops.count)
        qsort(census->ops.data, census->ops.count, sizeof *census->ops.data, more_first);
}

/* ---- leaves ---- */

static void constant_text(struct pt2_str *text, const struct pt2_arg *arg)
{
    switch (arg->kind) {
    case PT2_ARG_NONE:
        pt2_str_add(text, "None");
        break;
    case PT2_ARG_INT:
        pt2_str_addf(text, "%" PRId64, arg->i);
        break;
    case PT2_ARG_FLOAT:
        pt2_str_addf(text, "%g", arg->f);
        break;
    case PT2_ARG_BOOL:
        pt2_str_add(text, arg->i ? "True" : "False");
        break;
    case PT2_ARG_STRING:
        pt2_str_addf(text, "\"%s\"", arg->text);
        break;
    case PT2_ARG_VALUE:
        symtext_add_value(text, arg->value);
        break;
    default:
        pt2_str_add(text, "?");
    }
}

static struct pt2_str input_type(const struct pt2_input_spec *spec)
{
    struct pt2_str text = { 0 };
    if (spec->kind == PT2_INPUT_CONSTANT && spec->constant) {
        pt2_str_add(&text, "always ");
        constant_text(&text, spec->constant);
    } else {
        symtext_add_value(&text, spec->value);
    }
    return text;
}

static const char *state_name(const struct pt2_program *program, const struct pt2_output_spec *spec)
{
    if (spec->target < 0 || (uint32_t)spec->target >= program->num_inputs)
        return NULL;
    const struct pt2_input_spec *input = &program->inputs[spec->target];
    if (spec->kind == PT2_OUTPUT_BUFFER_MUTATION || spec->kind == PT2_OUTPUT_PARAMETER_MUTATION)
        return input->fqn;
    return spec->kind == PT2_OUTPUT_INPUT_MUTATION && input->leaf >= 0 ? program->in_leaves[input->leaf].name : NULL;
}

/* ---- text ---- */

static void print_inputs(const struct pt2_program *program)
{
    for (uint32_t i = 0; i < program->num_inputs; i++) {
        const struct pt2_input_spec *spec = &program->inputs[i];
        if (spec->leaf < 0)
            continue;
        struct pt2_str type = input_type(spec);
        say("input     in_%-4d %-20s %s\n", spec->leaf, program->in_leaves[spec->leaf].name, pt2_str_text(&type));
        pt2_str_free(&type);
    }
}

static void print_outputs(const struct pt2_program *program)
{
    for (uint32_t i = 0; i < program->num_outputs; i++) {
        const struct pt2_output_spec *spec = &program->outputs[i];
        if (spec->leaf < 0)
            continue;
        struct pt2_str type = { 0 };
        constant_text(&type, spec->arg);
        if (spec->gradient_of)
            pt2_str_addf(&type, ", the gradient of %s", spec->gradient_of);
        else if (spec->role == PT2_ROLE_LOSS)
            pt2_str_add(&type, ", the loss");
        say("output    out_%-3d %-20s %s\n", spec->leaf, program->out_leaves[spec->leaf].name,
               pt2_str_text(&type));
        pt2_str_free(&type);
    }
}

static void print_ranges(const struct pt2_program *program)
{
    for (uint32_t i = 0; i < program->num_ranges; i++) {
        const struct pt2_symbol_range *r = &program->ranges[i];
        say("size      %s", r->name);
        if (r->lo != INT64_MIN)
            say(" >= %" PRId64, r->lo);
        if (r->hi != INT64_MAX)
            say(" <= %" PRId64, r->hi);
        putchar('\n');
    }
}

static void print_text(const struct pt2_program *program, const struct census *census)
{
    say("archive   %s, %s, schema %d.%d, torch %s\n", program->path, program->layout, program->schema_major,
           program->schema_minor, *program->torch_version ? program->torch_version : "unknown");
    say("program   %s\n", program->name);
    print_inputs(program);
    print_outputs(program);
    print_ranges(program);
    for (uint32_t i = 0; i < program->num_outputs; i++) {
        const char *name = state_name(program, &program->outputs[i]);
        if (name)
            say("state     %s\n", name);
    }
    say("weights   %.1f MB in %u storages\n", (double)program->weight_bytes * 1e-6, program->num_storages);
    say("samples   %s\n", program->samples         ? "yes"
                             : program->samples_missing_why ? program->samples_missing_why
                                                            : "no");
    say("nodes     %d\n", census->nodes);
    for (uint32_t i = 0; i < census->ops.count; i++)
        say("%9d %s\n", census->ops.data[i]->count, census->ops.data[i]->target);
}

/* ---- JSON ---- */

static void add_leaf(cJSON *array, int leaf, const char *name, struct pt2_str *type)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "leaf", leaf);
    cJSON_AddStringToObject(object, "name", name);
    cJSON_AddStringToObject(object, "type", pt2_str_text(type));
    cJSON_AddItemToArray(array, object);
    pt2_str_free(type);
}

static void add_role(cJSON *array, const struct pt2_output_spec *spec)
{
    static const char *const names[] = { [PT2_ROLE_RESULT] = "result", [PT2_ROLE_LOSS] = "loss",
                                         [PT2_ROLE_PARAMETER_GRADIENT] = "gradient_of_parameter",
                                         [PT2_ROLE_INPUT_GRADIENT] = "gradient_of_input" };
    cJSON *object = cJSON_GetArrayItem(array, cJSON_GetArraySize(array) - 1);
    cJSON_AddStringToObject(object, "role", names[spec->role]);
    if (spec->gradient_of)
        cJSON_AddStringToObject(object, "gradient_of", spec->gradient_of);
}

/* dtype, and sizes as numbers or as text where they are symbolic */
static void add_tensor(cJSON *array, const struct pt2_pvalue *value)
{
    cJSON *object = cJSON_GetArrayItem(array, cJSON_GetArraySize(array) - 1);
    if (value->kind != PT2_VALUE_TENSOR || !value->meta)
        return;
    cJSON_AddStringToObject(object, "dtype", pt2_dtype_name(value->meta->dtype));
    cJSON *shape = cJSON_AddArrayToObject(object, "shape");
    for (int i = 0; i < value->meta->rank; i++) {
        const struct pt2_symexpr *size = value->meta->sizes[i];
        struct pt2_str text = { 0 };
        symtext_add(&text, size);
        cJSON_AddItemToArray(shape, size->op == PT2_SYM_INT ? cJSON_CreateNumber((double)size->i)
                                                            : cJSON_CreateString(pt2_str_text(&text)));
        pt2_str_free(&text);
    }
}

static void add_leaves(cJSON *object, const struct pt2_program *program)
{
    cJSON *inputs = cJSON_AddArrayToObject(object, "inputs");
    for (uint32_t i = 0; i < program->num_inputs; i++) {
        const struct pt2_input_spec *spec = &program->inputs[i];
        if (spec->leaf < 0)
            continue;
        struct pt2_str type = input_type(spec);
        add_leaf(inputs, spec->leaf, program->in_leaves[spec->leaf].name, &type);
        add_tensor(inputs, spec->value);
    }
    cJSON *outputs = cJSON_AddArrayToObject(object, "outputs");
    for (uint32_t i = 0; i < program->num_outputs; i++) {
        const struct pt2_output_spec *spec = &program->outputs[i];
        if (spec->leaf < 0)
            continue;
        struct pt2_str type = { 0 };
        constant_text(&type, spec->arg);
        add_leaf(outputs, spec->leaf, program->out_leaves[spec->leaf].name, &type);
        if (spec->arg->kind == PT2_ARG_VALUE)
            add_tensor(outputs, spec->arg->value);
        add_role(outputs, spec);
    }
}

static void add_sizes_and_state(cJSON *object, const struct pt2_program *program)
{
    cJSON *sizes = cJSON_AddArrayToObject(object, "sizes");
    for (uint32_t i = 0; i < program->num_ranges; i++) {
        const struct pt2_symbol_range *r = &program->ranges[i];
        cJSON *size = cJSON_CreateObject();
        cJSON_AddItemToArray(sizes, size);
        cJSON_AddStringToObject(size, "name", r->name);
        cJSON_AddItemToObject(size, "min", r->lo == INT64_MIN ? cJSON_CreateNull() : cJSON_CreateNumber((double)r->lo));
        cJSON_AddItemToObject(size, "max", r->hi == INT64_MAX ? cJSON_CreateNull() : cJSON_CreateNumber((double)r->hi));
    }
    cJSON *state = cJSON_AddArrayToObject(object, "state");
    for (uint32_t i = 0; i < program->num_outputs; i++) {
        const char *name = state_name(program, &program->outputs[i]);
        if (name)
            cJSON_AddItemToArray(state, cJSON_CreateString(name));
    }
}

static cJSON *program_object(const struct pt2_program *program, const struct census *census)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "path", program->path);
    cJSON_AddStringToObject(object, "program", program->name);
    cJSON_AddStringToObject(object, "layout", program->layout);
    cJSON_AddStringToObject(object, "torch_version", program->torch_version);
    cJSON_AddNumberToObject(object, "schema_major", program->schema_major);
    cJSON_AddNumberToObject(object, "schema_minor", program->schema_minor);
    add_leaves(object, program);
    add_sizes_and_state(object, program);
    cJSON_AddNumberToObject(object, "weight_bytes", (double)program->weight_bytes);
    cJSON_AddBoolToObject(object, "sample_inputs", program->samples != NULL);
    cJSON_AddNumberToObject(object, "nodes", census->nodes);
    cJSON *ops = cJSON_AddObjectToObject(object, "operators");
    for (uint32_t i = 0; i < census->ops.count; i++)
        cJSON_AddNumberToObject(ops, census->ops.data[i]->target, census->ops.data[i]->count);
    return object;
}

/* ---- the command ---- */

struct info {
    const char *path;
    bool json;
    const char *const *names; /* of the programs to tell of */
    uint32_t count;
    cJSON *objects;           /* owned; an array */
};

static pt2_status tell_program(struct info *info, const char *name)
{
    struct pt2_program *program = NULL;
    PT2_TRY(pt2_program_open(info->path, name, NULL, &program));
    struct census census = { 0 };
    take_census(&census, program);
    if (info->json)
        cJSON_AddItemToArray(info->objects, program_object(program, &census));
    else
        print_text(program, &census);
    pt2_arena_free(&census.arena);
    pt2_program_destroy(&program);
    return PT2_OK;
}

static void print_names(const struct info *info)
{
    say("archive   %s, %u programs; --program chooses one\n", info->path, info->count);
    for (uint32_t i = 0; i < info->count; i++)
        say("          %s\n", info->names[i]);
}

/* One object for one program; for several an object that has theirs. */
static void print_objects(struct info *info)
{
    cJSON *object = cJSON_DetachItemFromArray(info->objects, 0);
    if (info->count > 1) {
        cJSON_InsertItemInArray(info->objects, 0, object);
        object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "path", info->path);
        cJSON_AddItemToObject(object, "programs", info->objects);
        info->objects = NULL;
    }
    print_json(object);
}

static pt2_status tell(struct info *info, const char *wanted)
{
    struct pt2_arena arena = { 0 };
    pt2_status status;
    info->objects = cJSON_CreateArray();
    info->names = &wanted;
    info->count = 1;
    if (!wanted)
        PT2_GOTO(out, pt2_program_names(info->path, &arena, &info->names, &info->count));
    if (info->count > 1 && !info->json)
        print_names(info);
    for (uint32_t i = 0; i < info->count; i++) {
        if (info->count > 1 && !info->json)
            say("\n");
        PT2_GOTO(out, tell_program(info, info->names[i]));
    }
    if (info->json)
        print_objects(info);
out:
    cJSON_Delete(info->objects);
    pt2_arena_free(&arena);
    return status;
}

static enum exit_status print_info(const char *path, const char *name, bool json)
{
    struct info info = { .path = path, .json = json };
    pt2_status status = tell(&info, name);
    return status == PT2_OK ? STATUS_DONE : tool_fail(status);
}

static int run(const struct command *self, int argc, char **argv)
{
    const char *name = NULL;
    bool json = false;
    const struct option options[] = {
        { "program", OPTION_TEXT, &name, "NAME", "which program of an archive that holds several; default: all" },
        { "json", OPTION_FLAG, &json, NULL, "one object; of several programs one whose \"programs\" has theirs" },
        { 0 },
    };
    struct text_list rest = { 0 };
    int status = options_parse(self, options, argc, argv, &rest, 1);
    if (status == OPTIONS_OK && !rest.count)
        status = usage_error(self, "which model?");
    if (status == OPTIONS_OK)
        status = (int)print_info(rest.items[0], name, json);
    text_list_free(&rest);
    return status;
}

const struct command command_info = { "info", "MODEL.pt2", "tells what an archive holds", run };
