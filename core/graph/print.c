/* SPDX-License-Identifier: MIT
 * The graph's text form; docs/graph-text.md is its grammar. */
#include "archive/program.h"
#include "graph/graph.h"

static const char *const kind_names[] = {
    [PT2_NODE_INPUT] = "input", [PT2_NODE_CONST] = "const", [PT2_NODE_MAP] = "map", [PT2_NODE_REDUCE] = "reduce",
    [PT2_NODE_SCAN] = "scan", [PT2_NODE_SCATTER] = "scatter", [PT2_NODE_SORT] = "sort", [PT2_NODE_LIBRARY] = "library",
    [PT2_NODE_ITEM] = "item", [PT2_NODE_CALL] = "call", [PT2_NODE_LOOP] = "loop", [PT2_NODE_CUSTOM] = "custom",
};

static const char *const reduce_names[] = {
    [PT2_RED_SUM] = "sum", [PT2_RED_PROD] = "prod", [PT2_RED_MAX] = "max", [PT2_RED_MIN] = "min", [PT2_RED_ANY] = "any",
    [PT2_RED_ALL] = "all", [PT2_RED_ARGMAX] = "argmax", [PT2_RED_ARGMIN] = "argmin", [PT2_RED_LOGADDEXP] = "logaddexp",
    [PT2_RED_SET] = "set",
};

const char *pt2_kind_name(enum pt2_kind kind) { return kind_names[kind]; }
const char *pt2_reduce_name(enum pt2_reduce_op op) { return reduce_names[op]; }

const char *pt2_node_label(const struct pt2_node *n)
{
    if (!n->origin)
        return kind_names[n->kind];
    const char *dot = strchr(n->origin->target, '.');
    return dot ? dot + 1 : n->origin->target;
}

static void print_list(struct pt2_graph *g, int n, const pt2_ex *list, struct pt2_str *out)
{
    pt2_str_add(out, "[");
    for (int k = 0; k < n; k++) {
        if (k)
            pt2_str_add(out, ", ");
        pt2_expr_print(&g->module->exprs, list[k], out);
    }
    pt2_str_add(out, "]");
}

static void print_values(int n, struct pt2_value *const *list, struct pt2_str *out)
{
    for (int k = 0; k < n; k++)
        pt2_str_addf(out, "%sv%u", k ? ", " : "", list[k]->id);
}

static void print_details(struct pt2_graph *g, const struct pt2_node *n, struct pt2_str *out)
{
    switch (n->kind) {
    case PT2_NODE_INPUT: pt2_str_addf(out, " %d \"%s\"", n->input, n->outs[0]->name); break;
    case PT2_NODE_CONST: pt2_str_addf(out, " \"%s\"", n->outs[0]->name); break;
    case PT2_NODE_REDUCE:
        pt2_str_addf(out, " %s ", reduce_names[n->op]);
        print_list(g, n->num_axes, n->axes, out);
        break;
    case PT2_NODE_SCAN:
        pt2_str_addf(out, " %s axis %d%s", reduce_names[n->op], n->axis, n->reverse ? " reverse" : "");
        break;
    case PT2_NODE_SCATTER:
        pt2_str_addf(out, " %s v%u at ", reduce_names[n->op], n->base->id);
        print_list(g, n->base->rank, n->index, out);
        pt2_str_add(out, " over ");
        print_list(g, n->num_axes, n->axes, out);
        break;
    case PT2_NODE_SORT: pt2_str_addf(out, " v%u%s", n->base->id, n->reverse ? " descending" : ""); break;
    case PT2_NODE_LIBRARY:
        pt2_str_addf(out, " %d (", (int)n->library);
        print_values(n->num_args, n->args, out);
        pt2_str_add(out, ")");
        break;
    case PT2_NODE_ITEM: pt2_str_addf(out, " %s", g->module->exprs.symbols.data[n->symbol].name); break;
    case PT2_NODE_CALL: case PT2_NODE_LOOP:
        pt2_str_addf(out, " @%s", n->graphs[0]->name);
        if (n->graphs[1])
            pt2_str_addf(out, " @%s", n->graphs[1]->name);
        pt2_str_addf(out, " carried %d (", n->num_carried);
        print_values(n->num_args, n->args, out);
        pt2_str_add(out, ")");
        break;
    default: break;
    }
}

static void print_node(struct pt2_graph *g, const struct pt2_node *n, struct pt2_str *out)
{
    pt2_str_add(out, "  ");
    for (int k = 0; k < n->num_outs; k++) {
        pt2_str_addf(out, "%sv%u:%s", k ? ", " : "", n->outs[k]->id, pt2_dtype_name(n->outs[k]->dtype));
        print_list(g, n->outs[k]->rank, n->outs[k]->shape, out);
    }
    pt2_str_addf(out, "%s%s", n->num_outs ? " = " : "", kind_names[n->kind]);
    print_details(g, n, out);
    if (n->body) {
        pt2_str_add(out, ": ");
        pt2_expr_print(&g->module->exprs, n->body, out);
    }
    if (n->cond) {
        pt2_str_add(out, " if ");
        pt2_expr_print(&g->module->exprs, n->cond, out);
    }
    if (n->trips) {
        pt2_str_add(out, " times ");
        pt2_expr_print(&g->module->exprs, n->trips, out);
    }
    pt2_str_add(out, "\n");
}

void pt2_graph_print(struct pt2_graph *g, struct pt2_str *out)
{
    pt2_str_addf(out, "graph %s {\n", g->name);
    for (uint32_t k = 0; k < g->nodes.count; k++)
        print_node(g, g->nodes.data[k], out);
    pt2_str_add(out, "  return ");
    print_values((int)g->outputs.count, g->outputs.data, out);
    pt2_str_add(out, "\n}\n");
    for (uint32_t k = 0; k < g->nodes.count; k++)
        for (int j = 0; j < 2; j++)
            if (g->nodes.data[k]->graphs[j])
                pt2_graph_print(g->nodes.data[k]->graphs[j], out);
}
