/* SPDX-License-Identifier: MIT
 * The plan for people and programs: one JSON tree, which the text is printed from. */
#include "runtime/internal.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static void add_text(cJSON *o, const char *name, const char *text)
{
    cJSON_AddItemToObject(o, name, cJSON_CreateString(text));
}

static void add_number(cJSON *o, const char *name, double number)
{
    cJSON_AddItemToObject(o, name, cJSON_CreateNumber(number));
}

static cJSON *add_list(cJSON *o, const char *name)
{
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToObject(o, name, list);
    return list;
}

static void shape_text(const struct pt2_model *m, const struct pt2_value *v, struct pt2_str *s)
{
    pt2_str_addf(s, "%s [", pt2_dtype_name(v->dtype));
    for (int k = 0; k < v->rank; k++) {
        pt2_str_add(s, k ? ", " : "");
        pt2_expr_print(&m->module.exprs, v->shape[k], s);
    }
    pt2_str_add(s, "]");
}

static cJSON *value_json(const struct pt2_model *m, const struct pt2_value *v)
{
    struct pt2_str s = { 0 };
    cJSON *o = cJSON_CreateObject();
    pt2_str_addf(&s, "v%u", v->id);
    add_text(o, "value", pt2_str_text(&s));
    if (v->name[0])
        add_text(o, "name", v->name);
    s.len = 0;
    shape_text(m, v, &s);
    add_text(o, "type", pt2_str_text(&s));
    pt2_str_free(&s);
    return o;
}

/* null when it depends on symbols, or is not known. */
static void add_count(cJSON *o, const char *name, pt2_ex count)
{
    if (count && pt2_is_const(count))
        add_number(o, name, (double)count->i);
    else
        cJSON_AddNullToObject(o, name);
}

static void add_nodes(cJSON *o, const struct pt2_region *r)
{
    cJSON *list = add_list(o, "nodes");
    const char *last = "";
    for (uint32_t k = 0; k < r->members.count; k++) {
        const struct pt2_pnode *origin = r->members.data[k].node->origin;
        const char *name = origin ? origin->name : pt2_kind_name(r->members.data[k].node->kind);
        if (!strcmp(name, last))
            continue;
        last = name;
        cJSON *n = cJSON_CreateObject();
        add_text(n, "node", name);
        if (origin) {
            add_text(n, "operator", origin->target);
            if (origin->module_path[0])
                add_text(n, "module", origin->module_path);
        }
        cJSON_AddItemToArray(list, n);
    }
}

/* What a region stores in the buffer: the value itself, or parts of it. */
static void add_writes(cJSON *list, const struct pt2_model *m, const struct pt2_region *r, struct pt2_value *v)
{
    if (!v->def->joined)
        cJSON_AddItemToArray(list, value_json(m, v));
    for (uint32_t k = 0; v->def->joined && k < r->members.count; k++) {
        struct pt2_value *part = r->members.data[k].node->outs[0];
        if (!r->members.data[k].store || pt2_whole_of(NULL, part, NULL) != v)
            continue;
        cJSON *o = value_json(m, part);
        char whole[16];
        snprintf(whole, sizeof whole, "v%u", v->id);
        add_text(o, "part of", whole);
        cJSON_AddItemToArray(list, o);
    }
}

static cJSON *launch_json(const struct pt2_model *m, const struct pt2_step *step)
{
    const struct pt2_region *r = step->region;
    cJSON *o = cJSON_CreateObject();
    struct pt2_str s = { 0 };
    add_text(o, "kind", "launch");
    add_text(o, "kernel", r->kernel->name);
    add_text(o, "computes", pt2_region_kind(r));
    add_text(o, "device", m->entries[r->device]->id);
    add_text(o, "why", r->why);
    add_nodes(o, r);
    pt2_expr_print(&m->module.exprs, r->points, &s);
    add_text(o, "points", pt2_str_text(&s));
    pt2_str_free(&s);
    cJSON *reads = add_list(o, "reads"), *writes = add_list(o, "writes");
    for (int k = 0; k < r->num_bufs; k++)
        if (r->kernel->bufs[k].write)
            add_writes(writes, m, r, r->bufs[k]);
        else
            cJSON_AddItemToArray(reads, value_json(m, r->bufs[k]));
    add_count(o, "bytes_read", r->cost.read);
    add_count(o, "bytes_written", r->cost.written);
    add_count(o, "operations", r->cost.operations);
    return o;
}

static cJSON *host_json(const struct pt2_model *m, const struct pt2_step *step)
{
    cJSON *o = cJSON_CreateObject();
    const struct pt2_node *n = step->node;
    add_text(o, "kind", pt2_kind_name(n->kind));
    if (n->origin)
        add_text(o, "node", n->origin->name);
    if (n->kind == PT2_NODE_ITEM)
        add_text(o, "symbol", m->module.exprs.symbols.data[n->symbol].name);
    for (int k = 0; k < 2; k++)
        if (n->graphs[k])
            add_text(o, k ? "second graph" : "graph", n->graphs[k]->name);
    return o;
}

static cJSON *steps_json(const struct pt2_model *m, const struct pt2_plan *p)
{
    cJSON *list = cJSON_CreateArray();
    for (uint32_t k = 0; k < p->num_steps; k++) {
        const struct pt2_step *step = &p->steps[k];
        cJSON *o = step->region ? launch_json(m, step) : host_json(m, step);
        cJSON_AddItemToObject(o, "step", cJSON_CreateNumber(k));
        cJSON *deps = add_list(o, "after");
        for (uint32_t j = 0; j < step->num_deps; j++)
            cJSON_AddItemToArray(deps, cJSON_CreateNumber(step->deps[j]));
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

/* The load graph is not part of a run. */
static bool is_load(const struct pt2_model *m, uint32_t graph)
{
    return m->module.graphs.data[graph] == m->module.load;
}

static bool has_text(const cJSON *list, const char *text)
{
    const cJSON *t;
    cJSON_ArrayForEach(t, list) if (!strcmp(t->valuestring, text)) return true;
    return false;
}

/* Launches on a device; why they are not on the first one goes to `reasons`, each reason once. */
static int count_launches(const struct pt2_model *m, int device, cJSON *reasons)
{
    int launches = 0;
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        for (uint32_t k = 0; !is_load(m, g) && k < m->plans[g].regions.count; k++) {
            const struct pt2_region *r = m->plans[g].regions.data[k];
            if (r->device != device)
                continue;
            launches++;
            if (device > 0 && !has_text(reasons, r->why))
                cJSON_AddItemToArray(reasons, cJSON_CreateString(r->why));
        }
    return launches;
}

static cJSON *devices_json(const struct pt2_model *m)
{
    cJSON *list = cJSON_CreateArray();
    for (int d = 0; d < m->num_devices; d++) {
        cJSON *reasons = cJSON_CreateArray();
        int launches = count_launches(m, d, reasons);
        if (!launches && m->num_devices > 1) {
            cJSON_Delete(reasons);
            continue;
        }
        cJSON *o = cJSON_CreateObject();
        add_text(o, "device", m->entries[d]->id);
        add_text(o, "name", m->entries[d]->desc.name);
        add_number(o, "launches", launches);
        cJSON_AddItemToObject(o, "reasons", reasons);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static int transfers_of(const struct pt2_model *m, const struct pt2_node *n)
{
    int count = 0;
    for (int k = 0; n->kind > PT2_NODE_READY && k < n->num_outs; k++)
        for (int d = 0; d < m->num_devices; d++)
            count += (m->needed[n->outs[k]->id] & 1u << d) && d != m->home[n->outs[k]->id];
    return count;
}

/* Values that are made on one device and read on another, once per reading device. Inputs and weights are uploaded, not
 * counted. */
static int count_transfers(const struct pt2_model *m)
{
    int n = 0;
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        for (uint32_t k = 0; !is_load(m, g) && k < m->module.graphs.data[g]->nodes.count; k++)
            n += transfers_of(m, m->module.graphs.data[g]->nodes.data[k]);
    return n;
}

/* What was computed once, when the model was opened. */
static cJSON *load_json(const struct pt2_model *m)
{
    const struct pt2_graph *load = m->module.load;
    const struct pt2_plan *plan = &m->plans[pt2_graph_number(m, load)];
    cJSON *o = cJSON_CreateObject();
    double bytes = 0;
    for (uint32_t k = 0; k < load->outputs.count; k++) {
        bool again = false;
        for (uint32_t j = 0; j < k; j++)
            again = again || load->outputs.data[j] == load->outputs.data[k];
        uint32_t id = load->outputs.data[k]->id;
        bytes += again || !m->lasting[id] ? 0 : (double)m->consts[id].bytes;
    }
    add_number(o, "launches", plan->regions.count);
    add_number(o, "bytes_kept", bytes);
    cJSON_AddItemToObject(o, "steps", steps_json(m, plan));
    return o;
}

/* The kernel that finds the operator's first index out of range. */
static const struct pt2_region *guard_of(const struct pt2_model *m, const struct pt2_pnode *node)
{
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        for (uint32_t k = 0; k < m->plans[g].regions.count; k++) {
            const struct pt2_region *r = m->plans[g].regions.data[k];
            for (uint32_t j = 0; j < r->members.count; j++)
                if (r->members.data[j].node->guards && r->members.data[j].node->origin == node)
                    return r;
        }
    return NULL;
}

static void index_check_by(const struct pt2_model *m, const struct pt2_index_check *c, struct pt2_str *s)
{
    const struct pt2_region *r = c->input < 0 && !c->index ? guard_of(m, c->node) : NULL;
    if (c->input >= 0)
        pt2_str_addf(s, "the host, in input %s", m->module.graphs.data[0]->inputs.data[c->input]->name);
    else
        pt2_str_addf(s, r ? "kernel %s" : "the host, as a number", r ? r->kernel->name : "");
}

/* Which indices are looked at, and by whom. Those that are not listed are in range whatever the data are. */
static cJSON *indices_json(const struct pt2_model *m)
{
    cJSON *list = cJSON_CreateArray();
    for (uint32_t k = 0; k < m->lowered.indices.count; k++) {
        const struct pt2_index_check *c = &m->lowered.indices.data[k];
        struct pt2_str s = { 0 };
        cJSON *o = cJSON_CreateObject();
        add_text(o, "node", c->node->name);
        add_text(o, "operator", c->node->target);
        pt2_expr_print(&m->module.exprs, c->range.size, &s);
        add_text(o, "size", pt2_str_text(&s));
        s.len = 0;
        index_check_by(m, c, &s);
        add_text(o, "by", pt2_str_text(&s));
        pt2_str_free(&s);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *plan_json(const struct pt2_model *m)
{
    cJSON *o = cJSON_CreateObject();
    int launches = 0;
    cJSON_AddItemToObject(o, "devices", devices_json(m));
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        launches += is_load(m, g) ? 0 : (int)m->plans[g].regions.count;
    add_number(o, "launches", launches);
    add_number(o, "transfers", count_transfers(m));
    add_number(o, "weight_bytes", (double)m->program->weight_bytes);
    cJSON_AddItemToObject(o, "indices_trusted", cJSON_CreateBool(m->lowered.trusts_indices));
    cJSON_AddItemToObject(o, "indices_checked", indices_json(m));
    if (m->module.load)
        cJSON_AddItemToObject(o, "load", load_json(m));
    cJSON *graphs = add_list(o, "graphs");
    for (uint32_t g = 0; g < m->module.graphs.count; g++) {
        if (is_load(m, g))
            continue;
        cJSON *graph = cJSON_CreateObject();
        add_text(graph, "graph", m->module.graphs.data[g]->name);
        cJSON_AddItemToObject(graph, "steps", steps_json(m, &m->plans[g]));
        cJSON_AddItemToArray(graphs, graph);
    }
    return o;
}

/* ---- text ---- */

static const char *text_of(const cJSON *o, const char *name)
{
    const char *t = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return t ? t : "";
}

static double number_of(const cJSON *o, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(n) ? n->valuedouble : -1;
}

static void print_values(const cJSON *list, const char *label, struct pt2_str *out)
{
    const cJSON *v;
    cJSON_ArrayForEach(v, list)
        pt2_str_addf(out, "      %s %s%s%s %s%s%s\n", label, text_of(v, "value"), text_of(v, "name")[0] ? " " : "",
                     text_of(v, "name"), text_of(v, "type"), text_of(v, "part of")[0] ? ", part of " : "",
                     text_of(v, "part of"));
}

static void print_launch(const cJSON *o, struct pt2_str *out)
{
    const cJSON *n, *nodes = cJSON_GetObjectItemCaseSensitive(o, "nodes");
    pt2_str_addf(out, "%s: %s on %s (%s), %s points", text_of(o, "kernel"), text_of(o, "computes"),
                 text_of(o, "device"), text_of(o, "why"), text_of(o, "points"));
    if (number_of(o, "bytes_read") >= 0 && number_of(o, "bytes_written") >= 0)
        pt2_str_addf(out, ", reads %.0f and writes %.0f bytes", number_of(o, "bytes_read"),
                     number_of(o, "bytes_written"));
    if (number_of(o, "operations") >= 0)
        pt2_str_addf(out, ", %.0f operations", number_of(o, "operations"));
    pt2_str_add(out, "\n      nodes");
    cJSON_ArrayForEach(n, nodes)
        pt2_str_addf(out, " %s", text_of(n, "node"));
    pt2_str_add(out, "\n");
    print_values(cJSON_GetObjectItemCaseSensitive(o, "reads"), "reads ", out);
    print_values(cJSON_GetObjectItemCaseSensitive(o, "writes"), "writes", out);
}

static void print_step(const cJSON *o, struct pt2_str *out)
{
    const cJSON *d, *deps = cJSON_GetObjectItemCaseSensitive(o, "after");
    pt2_str_addf(out, "  %3.0f ", number_of(o, "step"));
    if (!strcmp(text_of(o, "kind"), "launch"))
        print_launch(o, out);
    else
        pt2_str_addf(out, "%s %s%s %s %s\n", text_of(o, "kind"), text_of(o, "node"), text_of(o, "symbol"),
                     text_of(o, "graph"), text_of(o, "second graph"));
    pt2_str_add(out, "      after ");
    if (cJSON_GetArraySize(deps) == 0)
        pt2_str_add(out, "nothing");
    cJSON_ArrayForEach(d, deps)
        pt2_str_addf(out, "%s%.0f", d == deps->child ? "" : ", ", d->valuedouble);
    pt2_str_add(out, "\n");
}

static void print_indices(const cJSON *plan, struct pt2_str *out)
{
    const cJSON *c, *list = cJSON_GetObjectItemCaseSensitive(plan, "indices_checked");
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(plan, "indices_trusted")))
        pt2_str_add(out, "indices are not checked\n");
    cJSON_ArrayForEach(c, list)
        pt2_str_addf(out, "indices of %s (size %s) are checked by %s\n", text_of(c, "node"), text_of(c, "size"),
                     text_of(c, "by"));
}

static void print_plan(const cJSON *plan, struct pt2_str *out)
{
    const cJSON *d, *g, *s;
    pt2_str_addf(out, "%.0f launches, %.0f transfers between devices, %.0f bytes of weights\n",
                 number_of(plan, "launches"), number_of(plan, "transfers"), number_of(plan, "weight_bytes"));
    cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(plan, "devices"))
    {
        pt2_str_addf(out, "%s: %.0f launches (%s)\n", text_of(d, "device"), number_of(d, "launches"),
                     text_of(d, "name"));
        cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(d, "reasons"))
            pt2_str_addf(out, "    because %s\n", s->valuestring);
    }
    print_indices(plan, out);
    const cJSON *load = cJSON_GetObjectItemCaseSensitive(plan, "load");
    if (load) {
        pt2_str_addf(out, "\nonce, when the model is opened: %.0f launches, %.0f bytes kept\n",
                     number_of(load, "launches"), number_of(load, "bytes_kept"));
        cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(load, "steps"))
            print_step(s, out);
    }
    cJSON_ArrayForEach(g, cJSON_GetObjectItemCaseSensitive(plan, "graphs")) {
        pt2_str_addf(out, "\ngraph %s\n", text_of(g, "graph"));
        cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(g, "steps"))
            print_step(s, out);
    }
}

pt2_status pt2_model_plan_text(const pt2_model *model, int json, char **out_text)
{
    cJSON *plan = plan_json(model);
    struct pt2_str s = { 0 };
    if (json) {
        char *text = cJSON_PrintUnformatted(plan);
        pt2_str_add(&s, text ? text : "null");
        cJSON_free(text);
    } else {
        print_plan(plan, &s);
    }
    cJSON_Delete(plan);
    *out_text = s.data;
    return s.data ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
}
