/* SPDX-License-Identifier: MIT
 * Placing an epoch's values in one block per device. Two values may share bytes only where the dependencies order them:
 * every step that touches the first must come before the step that makes the second (reachability, not position in the
 * list), so launches that may run at the same time never meet in memory. First fit, in the order in which values are
 * made. */
#include "runtime/internal.h"

#include <stdlib.h>

pt2_status pt2_block_reserve(struct pt2_device *d, struct pt2_block *b, uint64_t size)
{
    if (b->buf && b->size >= size)
        return PT2_OK;
    pt2_block_free(d, b);
    if (size == 0)
        return PT2_OK;
    PT2_TRY(d->backend->buf_create(d, size, &b->buf));
    b->size = size;
    return PT2_OK;
}

void pt2_block_free(struct pt2_device *d, struct pt2_block *b)
{
    if (b->buf)
        d->backend->buf_destroy(d, b->buf);
    *b = (struct pt2_block){ NULL, 0 };
}

static uint64_t align_up(uint64_t x, uint64_t a) { return (x + a - 1) / a * a; }

static uint64_t alignment(const struct pt2_model *m, int d)
{
    return m->plan_devices[d].caps.buffer_align > 64 ? m->plan_devices[d].caps.buffer_align : 64;
}

pt2_status pt2_place_values(struct pt2_session *s, struct pt2_block *blocks, int n, struct pt2_value *const *values)
{
    const struct pt2_model *m = s->model;
    for (int d = 0; d < m->num_devices; d++) {
        uint64_t at = 0;
        for (int k = 0; k < n; k++) {
            if (!(m->needed[values[k]->id] & 1u << d))
                continue;
            s->places[values[k]->id].offset[d] = at;
            at = align_up(at + s->places[values[k]->id].bytes, alignment(m, d));
        }
        PT2_NOTE(pt2_block_reserve(m->devices[d], &blocks[d], at), "memory for %llu bytes", (unsigned long long)at);
        for (int k = 0; k < n; k++)
            if (m->needed[values[k]->id] & 1u << d)
                s->places[values[k]->id].buf[d] = blocks[d].buf;
    }
    return PT2_OK;
}

struct item {
    const struct pt2_value *value;
    uint32_t maker;        /* step, relative to the epoch */
    uint64_t bytes;
    bool lasting;          /* read after the epoch, or copied between devices: its bytes are not reused */
    uint64_t *touched;     /* bitset of steps */
    uint64_t offset[PT2_MAX_DEVICES];
};

struct place {
    struct pt2_session *s;
    const struct pt2_plan *plan;
    struct pt2_epoch *e;
    uint32_t words;        /* of a bitset over the epoch's steps */
    uint64_t *before;      /* [step * words]: the steps that come before it */
    struct item *items;
    uint32_t num_items;
    int32_t *item_of;      /* by value id, -1 */
};

static void set_bit(uint64_t *bits, uint32_t k) { bits[k / 64] |= (uint64_t)1 << (k % 64); }

static void find_order(struct place *p)
{
    for (uint32_t k = 0; k < p->e->count; k++) {
        const struct pt2_step *step = &p->plan->steps[p->e->first + k];
        for (uint32_t j = 0; j < step->num_deps; j++) {
            if (step->deps[j] < p->e->first)
                continue;
            uint32_t d = step->deps[j] - p->e->first;
            set_bit(&p->before[k * p->words], d);
            for (uint32_t w = 0; w < p->words; w++)
                p->before[k * p->words + w] |= p->before[d * p->words + w];
        }
    }
}

const struct pt2_value *pt2_memory_of(const struct pt2_value *v)
{
    while (v->def->kind == PT2_NODE_SCATTER)
        v = v->def->base;
    return v;
}

static void touch(struct place *p, const struct pt2_value *v, uint32_t step)
{
    int32_t k = p->item_of[pt2_memory_of(v)->id];
    if (k >= 0)
        set_bit(p->items[k].touched, step);
}

static bool single_device(const struct pt2_model *m, const struct pt2_value *v)
{
    return m->needed[v->id] == 1u << m->home[v->id];
}

static void add_item(struct place *p, struct pt2_arena *arena, const struct pt2_value *v, uint32_t step)
{
    struct item *it = &p->items[p->num_items];
    if (v->def->kind == PT2_NODE_SCATTER || p->item_of[v->id] >= 0 || p->s->places[v->id].fixed)
        return;
    *it = (struct item){ .value = v, .maker = step, .lasting = !single_device(p->s->model, v) };
    it->touched = PT2_NEW_N(arena, uint64_t, p->words);
    p->item_of[v->id] = (int32_t)p->num_items++;
}

static void make_lasting(struct place *p, const struct pt2_value *v)
{
    int32_t k = p->item_of[pt2_memory_of(v)->id];
    if (k >= 0)
        p->items[k].lasting = true;
}

static void note_later_use(void *ctx, struct pt2_value *v)
{
    make_lasting(ctx, v);
}

/* Outputs, and whatever steps after the epoch read. */
static void find_lasting(struct place *p)
{
    struct pt2_graph *g = p->plan->graph;
    for (uint32_t k = 0; k < g->outputs.count; k++)
        make_lasting(p, g->outputs.data[k]);
    for (uint32_t k = p->e->first + p->e->count; k < p->plan->num_steps; k++) {
        const struct pt2_step *step = &p->plan->steps[k];
        if (step->node)
            pt2_node_uses(g, step->node, note_later_use, p);
        for (int j = 0; step->region && j < step->region->num_bufs; j++)
            make_lasting(p, step->region->bufs[j]);
    }
}

static void find_items(struct place *p, struct pt2_arena *arena)
{
    for (uint32_t k = 0; k < p->e->count; k++) {
        const struct pt2_region *r = p->plan->steps[p->e->first + k].region;
        for (int j = 0; j < r->num_bufs; j++)
            if (r->kernel->bufs[j].write)
                add_item(p, arena, r->bufs[j], k);
        for (int j = 0; j < r->num_bufs; j++)
            touch(p, r->bufs[j], k);
    }
}

/* True when a is finished before b is made. */
static bool dead_before(const struct place *p, const struct item *a, const struct item *b)
{
    if (a->lasting)
        return false;
    for (uint32_t w = 0; w < p->words; w++)
        if (a->touched[w] & ~p->before[b->maker * p->words + w])
            return false;
    return true;
}

static uint64_t first_fit(const struct place *p, uint32_t index, int d, uint64_t align)
{
    const struct item *b = &p->items[index];
    uint64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t k = 0; k < index; k++) {
            const struct item *a = &p->items[k];
            if (!(p->s->model->needed[a->value->id] & 1u << d) || a->bytes == 0 || b->bytes == 0)
                continue;
            if (at < a->offset[d] + a->bytes && a->offset[d] < at + b->bytes && !dead_before(p, a, b)) {
                at = align_up(a->offset[d] + a->bytes, align);
                moved = true;
            }
        }
    }
    return at;
}

static pt2_status assign(struct place *p)
{
    struct pt2_model *m = p->s->model;
    uint64_t total[PT2_MAX_DEVICES] = { 0 };
    for (uint32_t k = 0; k < p->num_items; k++) {
        struct item *it = &p->items[k];
        PT2_TRY(pt2_value_bytes(p->s, it->value, &it->bytes));
        for (int d = 0; d < m->num_devices; d++) {
            if (!(m->needed[it->value->id] & 1u << d))
                continue;
            it->offset[d] = first_fit(p, k, d, alignment(m, d));
            if (it->offset[d] + it->bytes > total[d])
                total[d] = it->offset[d] + it->bytes;
        }
    }
    for (int d = 0; d < m->num_devices; d++)
        PT2_NOTE(pt2_block_reserve(m->devices[d], &p->e->blocks[d], total[d]), "memory for %llu bytes",
                 (unsigned long long)total[d]);
    return PT2_OK;
}

/* ---- the largest live set: what any placement needs, when steps run in the order of the list ---- */

static uint32_t last_touch(const struct place *p, const struct item *it)
{
    uint32_t k = p->e->count - 1;
    while (k > it->maker && !it->lasting && !(it->touched[k / 64] >> (k % 64) & 1))
        k--;
    return k;
}

static uint64_t bytes_everywhere(const struct place *p, const struct item *it)
{
    uint64_t bytes = 0;
    for (int d = 0; d < p->s->model->num_devices; d++)
        bytes += p->s->model->needed[it->value->id] >> d & 1 ? it->bytes : 0;
    return bytes;
}

static void find_live(struct place *p, struct pt2_arena *arena)
{
    uint64_t *live = PT2_NEW_N(arena, uint64_t, p->e->count);
    p->e->live = p->e->lasting = 0;
    for (uint32_t k = 0; k < p->num_items; k++) {
        uint64_t bytes = bytes_everywhere(p, &p->items[k]);
        p->e->lasting += p->items[k].lasting ? bytes : 0;
        for (uint32_t t = p->items[k].maker, last = last_touch(p, &p->items[k]); t <= last; t++)
            live[t] += bytes;
    }
    for (uint32_t t = 0; t < p->e->count; t++)
        p->e->live = live[t] > p->e->live ? live[t] : p->e->live;
}

static void publish(struct place *p)
{
    struct pt2_model *m = p->s->model;
    for (uint32_t k = 0; k < p->num_items; k++) {
        struct item *it = &p->items[k];
        struct pt2_place *place = &p->s->places[it->value->id];
        *place = (struct pt2_place){ .bytes = it->bytes };
        for (int d = 0; d < m->num_devices; d++)
            if (m->needed[it->value->id] & 1u << d) {
                place->buf[d] = p->e->blocks[d].buf;
                place->offset[d] = it->offset[d];
            }
    }
    for (uint32_t k = 0; k < p->e->count; k++) {
        const struct pt2_region *r = p->plan->steps[p->e->first + k].region;
        for (int j = 0; j < r->num_bufs; j++)
            if (r->bufs[j]->def->kind == PT2_NODE_SCATTER && r->kernel->bufs[j].write)
                p->s->places[r->bufs[j]->id] = p->s->places[pt2_memory_of(r->bufs[j])->id];
    }
}

pt2_status pt2_place_epoch(struct pt2_session *s, const struct pt2_plan *plan, struct pt2_epoch *e)
{
    struct pt2_arena arena = { 0 };
    uint32_t n = s->model->module.values.count, items = 0;
    struct place p = { .s = s, .plan = plan, .e = e, .words = (e->count + 63) / 64 };
    for (uint32_t k = 0; k < e->count; k++)
        items += (uint32_t)plan->steps[e->first + k].region->num_bufs;
    p.before = PT2_NEW_N(&arena, uint64_t, (size_t)p.words * e->count);
    p.items = PT2_NEW_N(&arena, struct item, items);
    p.item_of = PT2_NEW_N(&arena, int32_t, n);
    memset(p.item_of, -1, n * sizeof *p.item_of);
    find_order(&p);
    find_items(&p, &arena);
    find_lasting(&p);
    pt2_status status = assign(&p);
    if (status == PT2_OK) {
        find_live(&p, &arena);
        publish(&p);
    }
    pt2_arena_free(&arena);
    return status;
}
