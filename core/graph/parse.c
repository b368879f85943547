/* SPDX-License-Identifier: MIT
 * Text to graphs; docs/graph-text.md is the grammar. Values keep their numbers (counted from the module's first free
 * one), so the table of values may have gaps: a gap is filled by a value that no graph has. */
#include "expr/parse.h"
#include "graph/text.h"

enum { MAX_GAP = 1 << 16, MAX_CONST = 1 << 24, MAX_OUTS = 64 };

struct parse {
    struct pt2_reader r;
    struct pt2_module *m;
    struct pt2_graph *g;              /* being read */
    uint32_t first_value;             /* number of v0 */
    struct pt2_node *nobody;          /* producer of the values in gaps */
    PT2_VEC(struct pt2_graph *) owners; /* by value of the text: the graph that defines it */
    struct pt2_map graphs;            /* name -> graph */
    PT2_VEC(struct named { struct pt2_graph *g; bool defined; }) named;
};

static bool ok(const struct parse *p) { return p->r.status == PT2_OK; }

/* ---- values ---- */

static struct pt2_value *blank_value(struct parse *p, uint32_t id)
{
    struct pt2_value *v = PT2_NEW(&p->m->arena, struct pt2_value);
    *v = (struct pt2_value){ .id = id, .dtype = PT2_F32, .def = p->nobody, .name = "" };
    return v;
}

/* Makes value `id` of the text, with gaps before it filled. */
static struct pt2_value *define(struct parse *p, int64_t id)
{
    if (id >= (int64_t)p->owners.count + MAX_GAP || (id < p->owners.count && p->owners.data[id])) {
        pt2_read_fail(&p->r, id < p->owners.count ? "a value that is not defined yet" : "the next value number");
        return NULL;
    }
    while (p->owners.count <= id) {
        struct pt2_value *v = blank_value(p, p->m->values.count);
        struct pt2_graph *none = NULL;
        pt2_push(&p->m->arena, &p->m->values, v);
        pt2_push(&p->m->arena, &p->owners, none);
    }
    p->owners.data[id] = p->g;
    return p->m->values.data[p->first_value + id];
}

static struct pt2_value *value_of(struct parse *p, int64_t id)
{
    if (id >= p->owners.count || p->owners.data[id] != p->g) {
        pt2_read_fail(&p->r, "a value that this graph has defined");
        return NULL;
    }
    return p->m->values.data[p->first_value + id];
}

static struct pt2_value *read_value(struct parse *p)
{
    int64_t id;
    if (!pt2_read_numbered(&p->r, 'v', &id)) {
        pt2_read_fail(&p->r, "a value");
        return NULL;
    }
    return value_of(p, id);
}

static pt2_ex load(struct pt2_reader *r, int64_t id, int n, const pt2_ex *index)
{
    struct parse *p = r->ctx;
    struct pt2_value *v = value_of(p, id);
    bool fits = v && v->rank == n;
    for (int k = 0; fits && k < n; k++)
        fits = index[k]->dtype == PT2_IDX;
    if (v && !fits)
        pt2_read_fail(r, "one index per dimension");
    return fits ? pt2_load_raw(r->E, (int)pt2_dtype_compute(v->dtype), v->id, n, index) : pt2_idx(r->E, 0);
}

/* (v1, v2) */
static void read_values(struct parse *p, struct pt2_node *n)
{
    PT2_VEC(struct pt2_value *) list = { 0 };
    pt2_read_expect(&p->r, "(");
    if (!pt2_read_word(&p->r, ")")) {
        do {
            struct pt2_value *v = read_value(p);
            pt2_push(&p->m->arena, &list, v);
        } while (pt2_read_word(&p->r, ","));
        pt2_read_expect(&p->r, ")");
    }
    n->num_args = (int)list.count;
    n->args = list.data;
}

/* ---- expressions ---- */

/* An expression over variables with these extents. `dtype` < 0: any. */
static pt2_ex read_body(struct parse *p, int num_vars, const pt2_ex *extents, int dtype)
{
    p->r.num_vars = num_vars;
    p->r.extents = extents;
    p->r.load = load;
    pt2_ex e = pt2_read_expr(&p->r);
    p->r.num_vars = 0;
    p->r.load = NULL;
    if (dtype >= 0 && e->dtype != dtype)
        pt2_read_fail(&p->r, "an expression of the right type");
    return e;
}

/* [e, e]: index expressions over variables with these extents. Returns their number; 0 on error. */
static int read_list(struct parse *p, int num_vars, const pt2_ex *extents, pt2_ex *list)
{
    int n = 0;
    pt2_read_expect(&p->r, "[");
    if (pt2_read_word(&p->r, "]"))
        return 0;
    do {
        if (n == PT2_MAX_RANK)
            pt2_read_fail(&p->r, "fewer items");
        if (!ok(p))
            return 0;
        list[n++] = read_body(p, num_vars, extents, PT2_IDX);
    } while (pt2_read_word(&p->r, ","));
    pt2_read_expect(&p->r, "]");
    return ok(p) ? n : 0;
}

static void read_axes(struct parse *p, struct pt2_node *n)
{
    pt2_ex list[PT2_MAX_RANK];
    n->num_axes = read_list(p, 0, NULL, list);
    n->axes = pt2_arena_copy(&p->m->arena, list, (size_t)n->num_axes * sizeof *list);
}

/* ": body" over the output's axes, then the node's. */
static void read_node_body(struct parse *p, struct pt2_node *n)
{
    const struct pt2_value *v = n->outs[0];
    pt2_ex extents[PT2_MAX_RANK * 2];
    bool arg = n->kind != PT2_NODE_MAP && pt2_gives_position(n->op);
    for (int k = 0; k < v->rank; k++)
        extents[k] = v->shape[k];
    for (int k = 0; k < n->num_axes; k++)
        extents[v->rank + k] = n->axes[k];
    pt2_read_expect(&p->r, ":");
    n->body = read_body(p, v->rank + n->num_axes, extents, arg ? -1 : (int)pt2_dtype_compute(v->dtype));
}

/* ---- details of each kind ---- */

static void read_input(struct parse *p, struct pt2_node *n)
{
    n->input = (int)p->g->inputs.count;
    if (pt2_read_int(&p->r) != n->input)
        pt2_read_fail(&p->r, "the number of the next input");
    n->outs[0]->name = pt2_read_name(&p->r);
    n->state = pt2_read_word(&p->r, "state");
    n->weight = !n->state && pt2_read_word(&p->r, "weight");
    pt2_push(&p->m->arena, &p->g->inputs, n->outs[0]);
}

static void read_ready(struct parse *p, struct pt2_node *n)
{
    int64_t number = pt2_read_int(&p->r);
    if (number < 0 || number > INT32_MAX)
        pt2_read_fail(&p->r, "the number of a weight or of a result of the load graph");
    n->input = (int)number;
}

static void read_const(struct parse *p, struct pt2_node *n)
{
    struct pt2_value *v = n->outs[0];
    v->name = pt2_read_name(&p->r);
    int64_t count = pt2_const_elements(v), size = (int64_t)pt2_dtype_size(v->dtype);
    if (count < 0 || count > MAX_CONST || pt2_dtype_is_complex(v->dtype)) {
        pt2_read_fail(&p->r, "a constant of a smaller, constant shape");
        return;
    }
    char *data = pt2_arena_alloc(&p->m->arena, (size_t)((count ? count : 1) * size));
    n->data = data;
    if (pt2_read_word(&p->r, "..."))
        return;
    pt2_read_expect(&p->r, "[");
    for (int64_t k = 0; k < count && ok(p); k++) {
        if (k)
            pt2_read_expect(&p->r, ",");
        if (pt2_dtype_is_float(v->dtype))
            pt2_store_double(v->dtype, data, k, pt2_read_float(&p->r));
        else
            pt2_store_int(v->dtype, data, k, pt2_read_int(&p->r));
    }
    pt2_read_expect(&p->r, "]");
}

static void read_reduce_op(struct parse *p, struct pt2_node *n)
{
    bool scatter = n->kind == PT2_NODE_SCATTER;
    for (int op = PT2_RED_SUM; op <= PT2_RED_SET; op++) {
        bool fits = op <= PT2_RED_MIN || (op == PT2_RED_SET) == scatter;
        if (fits && pt2_read_word(&p->r, pt2_reduce_name((enum pt2_reduce_op)op))) {
            n->op = (enum pt2_reduce_op)op;
            return;
        }
    }
    pt2_read_fail(&p->r, scatter ? "sum, prod, max, min or set" : "sum, prod, max, min, any, all, argmax, …");
}

static void read_scan(struct parse *p, struct pt2_node *n)
{
    read_reduce_op(p, n);
    pt2_read_expect(&p->r, "axis");
    int64_t axis = pt2_read_int(&p->r);
    if (axis < 0 || axis >= n->outs[0]->rank)
        pt2_read_fail(&p->r, "an axis of the output");
    else
        n->axis = (int)axis;
    n->reverse = pt2_read_word(&p->r, "reverse");
}

static void read_scatter(struct parse *p, struct pt2_node *n)
{
    pt2_ex index[PT2_MAX_RANK];
    struct pt2_value *v = n->outs[0];
    read_reduce_op(p, n);
    n->base = read_value(p);
    if (n->base && n->base->rank != v->rank)
        pt2_read_fail(&p->r, "a base of the result's rank");
    pt2_read_expect(&p->r, "over");
    read_axes(p, n);
    pt2_read_expect(&p->r, "at");
    int count = read_list(p, n->num_axes, n->axes, index);
    if (ok(p) && count != v->rank)
        pt2_read_fail(&p->r, "one index per dimension");
    n->index = pt2_arena_copy(&p->m->arena, index, (size_t)count * sizeof *index);
    n->distinct = pt2_read_word(&p->r, "distinct");
    pt2_read_expect(&p->r, ":");
    n->body = read_body(p, n->num_axes, n->axes, (int)pt2_dtype_compute(v->dtype));
    if (pt2_read_word(&p->r, "if"))
        n->cond = read_body(p, n->num_axes, n->axes, PT2_BOOL);
}

static void read_library(struct parse *p, struct pt2_node *n)
{
    int k = 0;
    while (k < PT2_NUM_LIBRARIES && !pt2_read_word(&p->r, pt2_library_names[k]))
        k++;
    if (k == PT2_NUM_LIBRARIES) {
        pt2_read_fail(&p->r, "a library algorithm");
        return;
    }
    n->library = (enum pt2_library)k;
    read_values(p, n);
    for (size_t j = 0; j < sizeof n->iparam / sizeof *n->iparam && pt2_read_number_next(&p->r); j++)
        n->iparam[j] = pt2_read_int(&p->r);
}

static int read_symbol(struct parse *p)
{
    const char *name = pt2_read_name(&p->r);
    if (ok(p) && !pt2_map_get(&p->r.E->symbol_ids, name))
        pt2_read_fail(&p->r, "a declared symbol");
    return ok(p) ? pt2_symbol(p->r.E, name) : -1;
}

/* The graph of this name; made when it is new. */
static struct pt2_graph *graph_named(struct parse *p, const char *name)
{
    struct pt2_graph *g = pt2_map_get(&p->graphs, name);
    if (g)
        return g;
    struct named n = { pt2_graph_new(p->m, name), false };
    pt2_map_put(&p->m->arena, &p->graphs, n.g->name, n.g);
    pt2_push(&p->m->arena, &p->named, n);
    return n.g;
}

/* A number or a bool that the host reads. */
static struct pt2_value *read_scalar(struct parse *p, pt2_dtype dtype)
{
    struct pt2_value *v = read_value(p);
    if (v && (v->rank != 0 || v->dtype != dtype))
        pt2_read_fail(&p->r, "a value of rank 0 and the right type");
    return v;
}

/* sizes u0, u1 */
static void read_sizes(struct parse *p, struct pt2_node *n)
{
    PT2_VEC(int) list = { 0 };
    if (!pt2_read_word(&p->r, "sizes"))
        return;
    do
        pt2_push(&p->m->arena, &list, read_symbol(p));
    while (pt2_read_word(&p->r, ","));
    n->symbols = list.data;
    n->num_symbols = (int)list.count;
}

static void read_control(struct parse *p, struct pt2_node *n)
{
    n->symbol = -1;
    if (n->kind == PT2_NODE_CALL)
        n->base = read_scalar(p, PT2_BOOL);
    if (!pt2_read_word(&p->r, "@")) {
        n->symbol = n->kind == PT2_NODE_LOOP ? read_symbol(p) : -1;
        pt2_read_expect(&p->r, "@");
    }
    n->graphs[0] = graph_named(p, pt2_read_name(&p->r));
    if (pt2_read_word(&p->r, "@"))
        n->graphs[1] = graph_named(p, pt2_read_name(&p->r));
    int64_t carried = 0;
    if (n->kind == PT2_NODE_LOOP) {
        pt2_read_expect(&p->r, "carried");
        carried = pt2_read_int(&p->r);
    }
    read_values(p, n);
    if (carried < 0 || carried > n->num_args || carried > (n->kind == PT2_NODE_LOOP ? n->num_outs : 0) ||
        (n->kind == PT2_NODE_CALL && !n->graphs[1]))
        pt2_read_fail(&p->r, "a call of two graphs, or a loop with as many results as carried operands");
    n->num_carried = (int)carried;
    read_sizes(p, n);
    if (n->kind == PT2_NODE_LOOP && pt2_read_word(&p->r, "times"))
        n->trips = read_body(p, 0, NULL, PT2_IDX);
    if (n->kind == PT2_NODE_LOOP && !n->trips == !n->graphs[1])
        pt2_read_fail(&p->r, "either a condition or a number of times");
}

static void read_sort(struct parse *p, struct pt2_node *n)
{
    n->base = read_value(p);
    if (n->base && (n->base->rank != n->outs[0]->rank || n->outs[0]->rank != n->outs[1]->rank))
        pt2_read_fail(&p->r, "keys and results of one rank");
    n->reverse = pt2_read_word(&p->r, "descending");
}

static void read_details(struct parse *p, struct pt2_node *n)
{
    switch (n->kind) {
    case PT2_NODE_INPUT: read_input(p, n); break;
    case PT2_NODE_CONST: read_const(p, n); break;
    case PT2_NODE_READY: read_ready(p, n); break;
    case PT2_NODE_MAP: read_node_body(p, n); break;
    case PT2_NODE_REDUCE:
        read_reduce_op(p, n);
        read_axes(p, n);
        read_node_body(p, n);
        break;
    case PT2_NODE_SCAN:
        read_scan(p, n);
        read_node_body(p, n);
        break;
    case PT2_NODE_SCATTER: read_scatter(p, n); break;
    case PT2_NODE_SORT: read_sort(p, n); break;
    case PT2_NODE_LIBRARY: read_library(p, n); break;
    case PT2_NODE_ITEM:
        n->symbol = read_symbol(p);
        pt2_read_expect(&p->r, "=");
        n->base = read_scalar(p, PT2_I64);
        break;
    case PT2_NODE_CALL: case PT2_NODE_LOOP: read_control(p, n); break;
    case PT2_NODE_CUSTOM: read_values(p, n); break;
    }
}

/* ---- nodes ---- */

/* v1:float32[2, s0] */
static struct pt2_value *read_result(struct parse *p, int64_t id)
{
    pt2_ex shape[PT2_MAX_RANK];
    pt2_read_expect(&p->r, ":");
    pt2_dtype t = pt2_dtype_from_name(pt2_read_name(&p->r));
    if (t == PT2_NONE || pt2_dtype_is_complex(t))
        pt2_read_fail(&p->r, "a real dtype");
    int rank = read_list(p, 0, NULL, shape);
    struct pt2_value *v = ok(p) ? define(p, id) : NULL;
    if (!v)
        return NULL;
    v->dtype = t;
    v->rank = rank;
    v->shape = pt2_arena_copy(&p->m->arena, shape, (size_t)rank * sizeof *shape);
    return v;
}

static int wanted_outs(enum pt2_kind kind, int num_outs)
{
    switch (kind) {
    case PT2_NODE_ITEM: return 0;
    case PT2_NODE_SORT: return 2;
    case PT2_NODE_CALL: case PT2_NODE_LOOP: case PT2_NODE_LIBRARY: case PT2_NODE_CUSTOM: return num_outs;
    default: return 1;
    }
}

static void read_node(struct parse *p)
{
    struct pt2_value *outs[MAX_OUTS];
    int num_outs = 0, kind = PT2_NODE_INPUT;
    int64_t id;
    while (ok(p) && num_outs < MAX_OUTS && pt2_read_numbered(&p->r, 'v', &id)) {
        outs[num_outs++] = read_result(p, id);
        if (!pt2_read_word(&p->r, ","))
            break;
    }
    if (num_outs)
        pt2_read_expect(&p->r, "=");
    while (kind <= PT2_NODE_CUSTOM && !pt2_read_word(&p->r, pt2_kind_name((enum pt2_kind)kind)))
        kind++;
    if (kind > PT2_NODE_CUSTOM || wanted_outs((enum pt2_kind)kind, num_outs) != num_outs)
        pt2_read_fail(&p->r, kind > PT2_NODE_CUSTOM ? "a kind of node" : "another number of results");
    if (!ok(p))
        return;
    struct pt2_node *n = pt2_node_new(p->g, (enum pt2_kind)kind, num_outs);
    for (int k = 0; k < num_outs; k++) {
        n->outs[k] = outs[k];
        outs[k]->def = n;
    }
    read_details(p, n);
}

/* ---- graphs ---- */

static void read_return(struct parse *p)
{
    if (pt2_read_word(&p->r, "}"))
        return;
    do {
        struct pt2_value *v = read_value(p);
        pt2_push(&p->m->arena, &p->g->outputs, v);
    } while (pt2_read_word(&p->r, ","));
    pt2_read_expect(&p->r, "}");
}

static void read_graph(struct parse *p)
{
    const char *name = pt2_read_name(&p->r);
    pt2_read_expect(&p->r, "{");
    if (!ok(p))
        return;
    p->g = graph_named(p, name);
    uint32_t k = 0;
    while (p->named.data[k].g != p->g)
        k++;
    if (p->named.data[k].defined)
        pt2_read_fail(&p->r, "a graph that is not defined yet");
    p->named.data[k].defined = true;
    while (ok(p) && !pt2_read_word(&p->r, "return"))
        read_node(p);
    if (ok(p))
        read_return(p);
}

static void read_load_graph(struct parse *p)
{
    pt2_read_expect(&p->r, "graph");
    read_graph(p);
    if (ok(p))
        p->m->load = p->g;
}

/* symbol s0 in 2..10 */
static void read_declaration(struct parse *p)
{
    int64_t lo = -PT2_INF, hi = PT2_INF;
    const char *name = pt2_read_name(&p->r);
    pt2_read_expect(&p->r, "in");
    if (!pt2_read_word(&p->r, "..")) {
        lo = pt2_read_int(&p->r);
        pt2_read_expect(&p->r, "..");
    }
    if (pt2_read_number_next(&p->r))
        hi = pt2_read_int(&p->r);
    if (lo > hi)
        pt2_read_fail(&p->r, "a range that is not empty");
    if (!ok(p))
        return;
    bool old = pt2_map_get(&p->r.E->symbol_ids, name);
    int id = pt2_symbol(p->r.E, name); /* may move the table */
    struct pt2_symbol *s = &p->r.E->symbols.data[id];
    if (old && (s->lo != lo || s->hi != hi))
        pt2_read_fail(&p->r, "the range that the symbol has already");
    s->lo = lo;
    s->hi = hi;
}

static void read_module(struct parse *p)
{
    while (ok(p) && !pt2_read_end(&p->r)) {
        if (pt2_read_word(&p->r, "symbol"))
            read_declaration(p);
        else if (pt2_read_word(&p->r, "graph"))
            read_graph(p);
        else if (!p->m->load && pt2_read_word(&p->r, "load"))
            read_load_graph(p);
        else
            pt2_read_fail(&p->r, "symbol or graph");
    }
    if (p->named.count == 0)
        pt2_read_fail(&p->r, "a graph");
    for (uint32_t k = 0; ok(p) && k < p->named.count; k++)
        if (!p->named.data[k].defined)
            p->r.status = pt2_fail(PT2_ERR_FORMAT, "graph %s is not defined", p->named.data[k].g->name);
}

/* The verifier's complaints are about the text here. */
static pt2_status verify(const struct parse *p)
{
    for (uint32_t k = 0; k < p->named.count; k++)
        if (pt2_graph_verify(p->named.data[k].g) != PT2_OK)
            return pt2_note(PT2_ERR_FORMAT, "in the text");
    return PT2_OK;
}

pt2_status pt2_graph_parse(struct pt2_module *m, const char *text, struct pt2_graph **out_graph)
{
    struct parse p = { .m = m, .first_value = m->values.count };
    p.r = (struct pt2_reader){ .E = &m->exprs, .at = text, .line = 1, .ctx = &p };
    p.nobody = PT2_NEW(&m->arena, struct pt2_node);
    p.nobody->kind = PT2_NODE_MAP;
    p.nobody->id = m->num_nodes++;
    *out_graph = NULL;
    read_module(&p);
    if (!ok(&p))
        return p.r.status;
    *out_graph = p.named.data[0].g;
    return verify(&p);
}
