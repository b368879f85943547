/* SPDX-License-Identifier: MIT
 *
 * Parameters that are subclasses of Tensor (torchao's quantised weights): the file holds the tensors that they are made
 * of, which torchsave.c has stored as "fc.weight.qdata", and the graph gets at them by calls of
 * export.access_subclass_inner_tensor. Here each such call becomes an input of the graph, bound like any parameter. */
#include "archive/load.h"

static const char access_target[] = "export.access_subclass_inner_tensor.default";

struct expand {
    struct pt2_load *ld;
    struct pt2_pgraph *graph;
    const char **paths;               /* by value: FQN of a subclass or of a part of it; NULL */
    enum pt2_input_kind *kinds;       /* by value: of the input that it is part of */
    PT2_VEC(struct pt2_input_spec) specs;
};

static bool is_stored(enum pt2_input_kind k)
{
    return k == PT2_INPUT_PARAMETER || k == PT2_INPUT_BUFFER || k == PT2_INPUT_TENSOR_CONSTANT;
}

static void begin(struct expand *x)
{
    const struct pt2_program *p = x->ld->program;
    x->paths = PT2_NEW_N(&x->ld->scratch, const char *, x->graph->num_values);
    x->kinds = PT2_NEW_N(&x->ld->scratch, enum pt2_input_kind, x->graph->num_values);
    for (uint32_t k = 0; k < p->num_inputs; k++) {
        pt2_push(x->ld->arena, &x->specs, p->inputs[k]);
        if (!is_stored(p->inputs[k].kind))
            continue;
        x->paths[p->inputs[k].value->index] = p->inputs[k].fqn;
        x->kinds[p->inputs[k].value->index] = p->inputs[k].kind;
    }
}

static pt2_status expand_node(struct expand *x, const struct pt2_pnode *n)
{
    const struct pt2_arg *src = n->args, *attr = n->args + 1;
    bool known = n->num_args == 2 && n->num_outs == 1 && src->kind == PT2_ARG_VALUE && attr->kind == PT2_ARG_STRING;
    const char *path = known ? x->paths[src->value->index] : NULL;
    if (!path)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "node %.100s (%s): not a part of a parameter, buffer or constant", n->name,
                        n->target);
    struct pt2_pvalue *out = n->outs[0];
    struct pt2_input_spec spec = { .kind = x->kinds[src->value->index], .value = out, .leaf = -1 };
    const char *name = pt2_arena_printf(&x->ld->scratch, "%s.%s", path, attr->text);
    spec.fqn = x->paths[out->index] = pt2_load_intern(x->ld, name);
    x->kinds[out->index] = spec.kind;
    if (pt2_map_get(&x->ld->weights, spec.fqn) || pt2_map_get(&x->ld->constants, spec.fqn))
        pt2_push(x->ld->arena, &x->specs, spec);
    return PT2_OK;
}

/* What was found becomes the graph's inputs. */
static void finish(struct expand *x)
{
    struct pt2_program *p = x->ld->program;
    struct pt2_pvalue **inputs = PT2_NEW_N(x->ld->arena, struct pt2_pvalue *, x->specs.count);
    for (uint32_t k = 0; k < x->specs.count; k++)
        inputs[k] = (struct pt2_pvalue *)(uintptr_t)x->specs.data[k].value;
    p->inputs = x->specs.data;
    p->num_inputs = x->graph->num_inputs = x->specs.count;
    x->graph->inputs = inputs;
}

pt2_status pt2_load_subclasses(struct pt2_load *ld)
{
    struct pt2_pgraph *graph = (struct pt2_pgraph *)(uintptr_t)ld->program->graph;
    struct expand x = { .ld = ld, .graph = graph };
    uint32_t kept = 0, n = graph->num_nodes;
    for (uint32_t k = 0; k < n; k++)
        kept += strcmp(graph->nodes[k].target, access_target) != 0;
    if (kept == n)
        return PT2_OK;
    begin(&x);
    kept = 0;
    for (uint32_t k = 0; k < n; k++)
        if (strcmp(graph->nodes[k].target, access_target) != 0)
            graph->nodes[kept++] = graph->nodes[k];
        else
            PT2_TRY(expand_node(&x, &graph->nodes[k]));
    graph->num_nodes = kept;
    finish(&x);
    return PT2_OK;
}
