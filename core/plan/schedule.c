/* SPDX-License-Identifier: MIT
 * Regions and host nodes to steps. The order is the graph's, with everything a step reads before it; its dependencies
 * are exactly the steps that made what it reads, and, for a SCATTER that overwrites its base, the steps that read the
 * base before. Slices of one value share a buffer: who writes one waits for everybody who touched the buffer before,
 * and who reads one for who wrote. (They touch different elements; but drivers, and the layers that validate their use,
 * see buffers.) */
#include "plan/plan.h"

#include <stdlib.h>

struct schedule {
    struct pt2_plan *p;
    struct pt2_graph *g;
    struct pt2_arena *arena;
    struct pt2_region **region_of; /* by value id */
    int32_t *step_of_region;       /* -1: not placed, -2: being placed */
    PT2_VEC(struct pt2_step) steps;
    PT2_VEC(struct host_step) hosts;
};

struct host_step {
    struct pt2_node *node;
    uint32_t step;
};

struct deps {
    struct schedule *s;
    struct pt2_region *self;
    PT2_VEC(uint32_t) list;
};

static void place_region(struct schedule *s, struct pt2_region *r);

static void add_dep(struct deps *d, uint32_t step)
{
    for (uint32_t k = 0; k < d->list.count; k++)
        if (d->list.data[k] == step)
            return;
    pt2_push(d->s->arena, &d->list, step);
}

static void need(void *ctx, struct pt2_value *v)
{
    struct deps *d = ctx;
    struct schedule *s = d->s;
    struct pt2_region *r = s->region_of[v->id];
    if (v->def->joined)
        pt2_node_uses(s->g, v->def, need, d);
    if (r == d->self && r)
        return;
    if (r) {
        place_region(s, r);
        if (s->step_of_region[r->id] >= 0)
            add_dep(d, (uint32_t)s->step_of_region[r->id]);
        return;
    }
    for (uint32_t k = 0; k < s->hosts.count; k++)
        if (s->hosts.data[k].node == v->def)
            add_dep(d, s->hosts.data[k].step);
}

/* Steps that read the base of a SCATTER and come before it in the graph. */
static void need_readers(struct deps *d, struct pt2_node *scatter)
{
    struct pt2_graph *g = d->s->g;
    for (uint32_t k = 0; k < g->nodes.count && g->nodes.data[k] != scatter; k++) {
        struct pt2_node *n = g->nodes.data[k];
        if (n->num_outs && pt2_node_reads(g, n, scatter->base))
            need(d, n->outs[0]);
    }
}

/* How a region touches the buffer of a joined value. */
static void touches(const struct pt2_region *r, const struct pt2_value *v, bool *out_reads, bool *out_writes)
{
    *out_reads = *out_writes = false;
    for (int k = 0; k < r->num_bufs; k++) {
        *out_reads |= r->bufs[k] == v && r->kernel->bufs[k].read;
        *out_writes |= r->bufs[k] == v && r->kernel->bufs[k].write;
    }
}

static void need_neighbours(struct deps *d, const struct pt2_region *r)
{
    for (int j = 0; j < r->num_bufs; j++) {
        bool reads, writes, last = !r->bufs[j]->def->joined;
        for (uint32_t k = d->s->steps.count; k-- > 0 && !last;) {
            if (!d->s->steps.data[k].region)
                continue;
            touches(d->s->steps.data[k].region, r->bufs[j], &reads, &writes);
            last = writes;
            if (last || (reads && r->kernel->bufs[j].write))
                add_dep(d, k);
        }
    }
}

static uint32_t push_step(struct schedule *s, struct pt2_step step, struct deps *d)
{
    step.deps = d->list.data;
    step.num_deps = d->list.count;
    pt2_push(s->arena, &s->steps, step);
    return s->steps.count - 1;
}

static void place_region(struct schedule *s, struct pt2_region *r)
{
    struct deps d = { s, r, { 0 } };
    if (s->step_of_region[r->id] != -1)
        return;
    s->step_of_region[r->id] = -2;
    for (uint32_t k = 0; k < r->members.count; k++) {
        struct pt2_node *n = r->members.data[k].node;
        pt2_node_uses(s->g, n, need, &d);
        if (n->kind == PT2_NODE_SCATTER)
            need_readers(&d, n);
    }
    need_neighbours(&d, r);
    struct pt2_step step = { .kind = PT2_STEP_LAUNCH, .region = r };
    s->step_of_region[r->id] = (int32_t)push_step(s, step, &d);
}

static void place_host(struct schedule *s, struct pt2_node *n)
{
    struct deps d = { s, NULL, { 0 } };
    pt2_node_uses(s->g, n, need, &d);
    struct pt2_step step = { .node = n };
    step.kind = n->kind == PT2_NODE_ITEM ? PT2_STEP_ITEM : n->kind == PT2_NODE_CALL ? PT2_STEP_CALL : PT2_STEP_LOOP;
    struct host_step h = { n, push_step(s, step, &d) };
    pt2_push(s->arena, &s->hosts, h);
}

static void place_node(struct schedule *s, struct pt2_node *n)
{
    if (n->kind == PT2_NODE_ITEM || n->kind == PT2_NODE_CALL || n->kind == PT2_NODE_LOOP)
        place_host(s, n);
    else if (n->num_outs && s->region_of[n->outs[0]->id])
        place_region(s, s->region_of[n->outs[0]->id]);
}

pt2_status pt2_plan_schedule(struct pt2_plan *p)
{
    struct pt2_graph *g = p->graph;
    struct schedule s = { .p = p, .g = g, .arena = &g->module->arena };
    s.region_of = calloc(g->module->values.count + 1u, sizeof *s.region_of);
    s.step_of_region = malloc((p->regions.count + 1u) * sizeof *s.step_of_region);
    if (!s.region_of || !s.step_of_region) {
        free(s.region_of);
        free(s.step_of_region);
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    }
    for (uint32_t k = 0; k < p->regions.count; k++) {
        struct pt2_region *r = p->regions.data[k];
        s.step_of_region[k] = -1;
        for (uint32_t j = 0; j < r->members.count; j++)
            for (int i = 0; i < r->members.data[j].node->num_outs; i++)
                s.region_of[r->members.data[j].node->outs[i]->id] = r;
    }
    for (uint32_t k = 0; k < g->nodes.count; k++)
        place_node(&s, g->nodes.data[k]);
    p->steps = s.steps.data;
    p->num_steps = s.steps.count;
    free(s.region_of);
    free(s.step_of_region);
    return PT2_OK;
}
