/* SPDX-License-Identifier: MIT
 * The graph's text form; docs/graph-text.md is its grammar. */
#include "archive/program.h"
#include "expr/parse.h"
#include "graph/text.h"

static const char *const kind_names[] = {
    [PT2_NODE_INPUT] = "input", [PT2_NODE_CONST] = "const", [PT2_NODE_READY] = "ready", [PT2_NODE_MAP] = "map",
    [PT2_NODE_REDUCE] = "reduce", [PT2_NODE_SCAN] = "scan", [PT2_NODE_SCATTER] = "scatter", [PT2_NODE_SORT] = "sort",
    [PT2_NODE_LIBRARY] = "library",
    [PT2_NODE_ITEM] = "item", [PT2_NODE_CALL] = "call", [PT2_NODE_LOOP] = "loop", [PT2_NODE_CUSTOM] = "custom",
};

static const char *const reduce_names[] = {
    [PT2_RED_SUM] = "sum", [PT2_RED_PROD] = "prod", [PT2_RED_MAX] = "max", [PT2_RED_MIN] = "min", [PT2_RED_ANY] = "any",
    [PT2_RED_ALL] = "all", [PT2_RED_ARGMAX] = "argmax", [PT2_RED_ARGMIN] = "argmin", [PT2_RED_LOGADDEXP] = "logaddexp",
    [PT2_RED_SET] = "set",
};

const char *const pt2_library_names[PT2_NUM_LIBRARIES] = {
    [PT2_LIB_FFT] = "fft", [PT2_LIB_CHOLESKY] = "cholesky", [PT2_LIB_QR] = "qr", [PT2_LIB_LU] = "lu",
    [PT2_LIB_EIGH] = "eigh", [PT2_LIB_EIG] = "eig", [PT2_LIB_SVD] = "svd",
    [PT2_LIB_TRIANGULAR_SOLVE] = "triangular_solve", [PT2_LIB_HOUSEHOLDER] = "householder", [PT2_LIB_LDL] = "ldl",
    [PT2_LIB_LDL_SOLVE] = "ldl_solve", [PT2_LIB_GEQRF] = "geqrf",
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

static void print_expr(struct pt2_graph *g, const char *before, pt2_ex e, struct pt2_str *out)
{
    pt2_str_add(out, before);
    pt2_expr_print(&g->module->exprs, e, out);
}

static void print_list(struct pt2_graph *g, int n, const pt2_ex *list, struct pt2_str *out)
{
    pt2_str_add(out, "[");
    for (int k = 0; k < n; k++)
        print_expr(g, k ? ", " : "", list[k], out);
    pt2_str_add(out, "]");
}

static void print_values(int n, struct pt2_value *const *list, struct pt2_str *out)
{
    for (int k = 0; k < n; k++)
        pt2_str_addf(out, "%sv%u", k ? ", " : "", list[k]->id);
}

static void print_name(const char *before, const char *name, struct pt2_str *out)
{
    pt2_str_add(out, before);
    if (pt2_is_plain_name(name))
        pt2_str_add(out, name);
    else
        pt2_str_quote(out, name);
}

/* ---- nodes ---- */

int64_t pt2_const_elements(const struct pt2_value *v)
{
    int64_t n = 1;
    for (int k = 0; k < v->rank; k++) {
        int64_t size = v->shape[k]->op == PT2_E_CONST ? v->shape[k]->i : -1;
        if (size < 0 || __builtin_mul_overflow(n, size, &n))
            return -1;
    }
    return n;
}

static void print_element(const struct pt2_value *v, const void *data, int64_t k, struct pt2_str *out)
{
    if (pt2_dtype_is_float(v->dtype))
        pt2_str_addf(out, "%.*g", v->dtype == PT2_F64 ? 17 : 9, pt2_load_double(v->dtype, data, k));
    else
        pt2_str_addf(out, "%lld", (long long)pt2_load_int(v->dtype, data, k));
}

static void print_data(const struct pt2_node *n, struct pt2_str *out)
{
    const struct pt2_value *v = n->outs[0];
    int64_t count = pt2_const_elements(v);
    pt2_str_add(out, " ");
    pt2_str_quote(out, v->name);
    if (count < 0 || count > PT2_TEXT_MAX_ELEMENTS || (count && !n->data)) {
        pt2_str_add(out, " ...");
        return;
    }
    pt2_str_add(out, " [");
    for (int64_t k = 0; k < count; k++) {
        pt2_str_add(out, k ? ", " : "");
        print_element(v, n->data, k, out);
    }
    pt2_str_add(out, "]");
}

static void print_scatter(struct pt2_graph *g, const struct pt2_node *n, struct pt2_str *out)
{
    pt2_str_addf(out, " %s v%u over ", reduce_names[n->op], n->base->id);
    print_list(g, n->num_axes, n->axes, out);
    pt2_str_add(out, " at ");
    print_list(g, n->base->rank, n->index, out);
    pt2_str_add(out, n->distinct ? " distinct" : "");
}

static void print_library(const struct pt2_node *n, struct pt2_str *out)
{
    int last = (int)(sizeof n->iparam / sizeof *n->iparam);
    pt2_str_addf(out, " %s (", pt2_library_names[n->library]);
    print_values(n->num_args, n->args, out);
    pt2_str_add(out, ")");
    while (last > 0 && n->iparam[last - 1] == 0)
        last--;
    for (int k = 0; k < last; k++)
        pt2_str_addf(out, " %lld", (long long)n->iparam[k]);
}

static void print_control(struct pt2_graph *g, const struct pt2_node *n, struct pt2_str *out)
{
    if (n->kind == PT2_NODE_CALL)
        pt2_str_addf(out, " v%u", n->base->id);
    if (n->kind == PT2_NODE_LOOP && n->symbol >= 0) {
        pt2_str_add(out, " ");
        pt2_symbol_print(g->module->exprs.symbols.data[n->symbol].name, out);
    }
    for (int k = 0; k < 2; k++)
        if (n->graphs[k])
            print_name(" @", n->graphs[k]->name, out);
    if (n->kind == PT2_NODE_LOOP)
        pt2_str_addf(out, " carried %d", n->num_carried);
    pt2_str_add(out, " (");
    print_values(n->num_args, n->args, out);
    pt2_str_add(out, ")");
    for (int k = 0; k < n->num_symbols; k++) {
        pt2_str_add(out, k ? ", " : " sizes ");
        pt2_symbol_print(g->module->exprs.symbols.data[n->symbols[k]].name, out);
    }
}

static void print_details(struct pt2_graph *g, const struct pt2_node *n, struct pt2_str *out)
{
    switch (n->kind) {
    case PT2_NODE_INPUT:
        pt2_str_addf(out, " %d ", n->input);
        pt2_str_quote(out, n->outs[0]->name);
        pt2_str_add(out, n->state ? " state" : n->weight ? " weight" : "");
        break;
    case PT2_NODE_CONST: print_data(n, out); break;
    case PT2_NODE_READY: pt2_str_addf(out, " %d", n->input); break;
    case PT2_NODE_REDUCE:
        pt2_str_addf(out, " %s ", reduce_names[n->op]);
        print_list(g, n->num_axes, n->axes, out);
        break;
    case PT2_NODE_SCAN:
        pt2_str_addf(out, " %s axis %d%s", reduce_names[n->op], n->axis, n->reverse ? " reverse" : "");
        break;
    case PT2_NODE_SCATTER: print_scatter(g, n, out); break;
    case PT2_NODE_SORT: pt2_str_addf(out, " v%u%s", n->base->id, n->reverse ? " descending" : ""); break;
    case PT2_NODE_LIBRARY: print_library(n, out); break;
    case PT2_NODE_ITEM:
        pt2_str_add(out, " ");
        pt2_symbol_print(g->module->exprs.symbols.data[n->symbol].name, out);
        pt2_str_addf(out, " = v%u", n->base->id);
        break;
    case PT2_NODE_CALL: case PT2_NODE_LOOP: print_control(g, n, out); break;
    case PT2_NODE_CUSTOM:
        pt2_str_add(out, " (");
        print_values(n->num_args, n->args, out);
        pt2_str_add(out, ")");
        break;
    case PT2_NODE_MAP: break;
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
    if (n->body)
        print_expr(g, ": ", n->body, out);
    if (n->cond)
        print_expr(g, " if ", n->cond, out);
    if (n->trips)
        print_expr(g, " times ", n->trips, out);
    pt2_str_add(out, "\n");
}

/* ---- graphs ---- */

static void print_bound(struct pt2_str *out, int64_t bound)
{
    if (bound > -PT2_INF && bound < PT2_INF)
        pt2_str_addf(out, "%lld", (long long)bound);
}

static void print_symbols(const struct pt2_exprs *E, struct pt2_str *out)
{
    for (uint32_t k = 0; k < E->symbols.count; k++) {
        const struct pt2_symbol *s = &E->symbols.data[k];
        pt2_str_add(out, "symbol ");
        pt2_symbol_print(s->name, out);
        pt2_str_add(out, " in ");
        print_bound(out, s->lo);
        pt2_str_add(out, "..");
        print_bound(out, s->hi);
        pt2_str_add(out, "\n");
    }
}

typedef PT2_VEC(struct pt2_graph *) graph_list;

/* Adds the sub-graphs of list item `at` that the list does not have yet. */
static void add_subgraphs(struct pt2_arena *arena, graph_list *list, uint32_t at)
{
    struct pt2_graph *g = list->data[at];
    for (uint32_t k = 0; k < g->nodes.count * 2; k++) {
        struct pt2_graph *sub = g->nodes.data[k / 2]->graphs[k % 2];
        bool known = !sub;
        for (uint32_t j = 0; j < list->count; j++)
            known = known || list->data[j] == sub;
        if (!known)
            pt2_push(arena, list, sub);
    }
}

static void print_graph(struct pt2_graph *g, struct pt2_str *out)
{
    print_name(g == g->module->load ? "load graph " : "graph ", g->name, out);
    pt2_str_add(out, " {\n");
    for (uint32_t k = 0; k < g->nodes.count; k++)
        print_node(g, g->nodes.data[k], out);
    pt2_str_add(out, g->outputs.count ? "  return " : "  return");
    print_values((int)g->outputs.count, g->outputs.data, out);
    pt2_str_add(out, "\n}\n");
}

void pt2_graph_print(struct pt2_graph *g, struct pt2_str *out)
{
    struct pt2_arena arena = { 0 };
    graph_list list = { 0 };
    pt2_push(&arena, &list, g);
    print_symbols(&g->module->exprs, out);
    for (uint32_t k = 0; k < list.count; k++) {
        print_graph(list.data[k], out);
        add_subgraphs(&arena, &list, k);
    }
    if (g->module->load && g->module->load != g && g == g->module->graphs.data[0])
        print_graph(g->module->load, out);
    pt2_arena_free(&arena);
}
