/* SPDX-License-Identifier: MIT
 * Placing an epoch's values in one block per device. Two values may share bytes where the dependencies order them:
 * every step that touches the first comes before the step that makes the second (reachability, not position in the
 * list), so that launches that may run at the same time never meet in memory.
 *
 * Where that needs much more memory than running the steps one by one would, values share bytes that only the list
 * orders, and the steps are ordered like the list: those orders join the dependencies of the recorded launches. */
#include "runtime/internal.h"

#include <stdlib.h>

pt2_status pt2_block_reserve(struct pt2_session *s, int device, struct pt2_block *b, uint64_t size)
{
    struct pt2_device *d = s->model->devices[device];
    if (b->buf && b->size >= size)
        return PT2_OK;
    pt2_block_free(d, b);
    if (size == 0)
        return PT2_OK;
    PT2_TRY(d->backend->buf_create(d, size, &b->buf));
    s->moves++;
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
        PT2_NOTE(pt2_block_reserve(s, d, &blocks[d], at), "memory for %llu bytes", (unsigned long long)at);
        for (int k = 0; k < n; k++)
            if (m->needed[values[k]->id] & 1u << d)
                s->places[values[k]->id].buf[d] = blocks[d].buf;
    }
    return PT2_OK;
}

struct item {
    const struct pt2_value *value;
    uint32_t maker, last;  /* steps, relative to the epoch: that makes it, that touches it last */
    uint64_t bytes;
    bool lasting;          /* read after the epoch, or copied between devices: its bytes are not reused */
    uint64_t *touched;     /* bitset of steps */
    uint64_t offset[PT2_MAX_DEVICES];
    uint64_t kept;         /* the best offset so far */
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
    uint64_t live[PT2_MAX_DEVICES]; /* the most bytes at one step, when they run one by one */
    uint32_t apart_words;
    uint64_t *apart;       /* [item * apart_words]: the items with which it may share bytes */
    struct slot *order, *near; /* items in order of placing; those that the next one must avoid */
};

struct slot {
    uint64_t key; /* to sort by */
    uint32_t item;
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

static bool on_device(const struct place *p, const struct item *it, int d)
{
    return (p->s->model->needed[it->value->id] >> d & 1) && it->bytes > 0;
}

/* ---- the largest live set: what any placement needs, when steps run one by one ---- */

static uint32_t last_touch(const struct place *p, const struct item *it)
{
    uint32_t k = p->e->count - 1;
    while (k > it->maker && !it->lasting && !(it->touched[k / 64] >> (k % 64) & 1))
        k--;
    return k;
}

static void find_live(struct place *p, struct pt2_arena *arena)
{
    uint64_t *live = PT2_NEW_N(arena, uint64_t, p->e->count);
    p->e->live = p->e->lasting = 0;
    for (int d = 0; d < p->s->model->num_devices; d++) {
        memset(live, 0, p->e->count * sizeof *live);
        for (uint32_t k = 0; k < p->num_items; k++) {
            const struct item *it = &p->items[k];
            if (!on_device(p, it, d))
                continue;
            p->e->lasting += it->lasting ? it->bytes : 0;
            for (uint32_t t = it->maker; t <= it->last; t++)
                live[t] += it->bytes;
        }
        for (uint32_t t = 0; t < p->e->count; t++)
            p->live[d] = live[t] > p->live[d] ? live[t] : p->live[d];
        p->e->live += p->live[d];
    }
}

/* ---- finding places ---- */

enum { SLACK = 1 << 16, MAX_TRIES = 24, MAX_EFFORT = 1 << 23 };

/* Bytes up to which launches keep the freedom to overlap. */
static uint64_t enough(const struct place *p, int d)
{
    bool concurrent = p->s->model->plan_devices[d].caps.concurrent;
    return concurrent ? p->live[d] + p->live[d] / 16 + SLACK : p->live[d];
}

/* Pairs that dependencies order, whichever comes first: a bit each. */
static void find_apart(struct place *p, struct pt2_arena *arena)
{
    p->apart_words = (p->num_items + 63) / 64;
    p->apart = PT2_NEW_N(arena, uint64_t, (size_t)p->apart_words * p->num_items);
    for (uint32_t i = 0; i < p->num_items; i++)
        for (uint32_t k = 0; k < p->num_items; k++)
            if (p->items[i].last < p->items[k].maker && dead_before(p, &p->items[i], &p->items[k])) {
                set_bit(&p->apart[i * p->apart_words], k);
                set_bit(&p->apart[k * p->apart_words], i);
            }
}

/* True when the two must not share bytes; `listed`: when steps run in the order of the list. */
static bool conflict(const struct place *p, uint32_t i, uint32_t k, bool listed)
{
    const struct item *a = &p->items[i], *b = &p->items[k];
    if (listed)
        return a->last >= b->maker && b->last >= a->maker;
    return !(p->apart[(size_t)i * p->apart_words + k / 64] >> (k % 64) & 1);
}

static int by_key(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* The tightest gap for an item between those of the first `placed` of the order that it must avoid, or behind them. */
static uint64_t best_fit(struct place *p, uint32_t placed, uint32_t item, int d, bool listed)
{
    const struct item *it = &p->items[item];
    uint64_t align = alignment(p->s->model, d), at = 0, best = UINT64_MAX, gap = UINT64_MAX;
    uint32_t n = 0;
    for (uint32_t k = 0; k < placed; k++)
        if (conflict(p, p->order[k].item, item, listed))
            p->near[n++] = (struct slot){ p->items[p->order[k].item].offset[d], p->order[k].item };
    qsort(p->near, n, sizeof *p->near, by_key);
    for (uint32_t k = 0; k < n; k++) {
        const struct item *a = &p->items[p->near[k].item];
        if (a->offset[d] >= at + it->bytes && a->offset[d] - at < gap) {
            best = at;
            gap = a->offset[d] - at;
        }
        uint64_t end = align_up(a->offset[d] + a->bytes, align);
        at = end > at ? end : at;
    }
    return best == UINT64_MAX ? at : best;
}

/* Places the items in the order of p->order. Below the limit they keep clear of what may run at the same time. Returns
 * the size of the block; *out_top: which item reaches its end. */
static uint64_t place_in_order(struct place *p, uint32_t n, int d, uint64_t limit, uint32_t *out_top)
{
    uint64_t total = 0;
    for (uint32_t k = 0; k < n; k++) {
        struct item *it = &p->items[p->order[k].item];
        it->offset[d] = best_fit(p, k, p->order[k].item, d, false);
        if (it->offset[d] + it->bytes > limit)
            it->offset[d] = best_fit(p, k, p->order[k].item, d, true);
        if (it->offset[d] + it->bytes > total) {
            total = it->offset[d] + it->bytes;
            *out_top = k;
        }
    }
    return total;
}

static void keep_offsets(struct place *p, uint32_t n, int d)
{
    for (uint32_t k = 0; k < n; k++)
        p->items[p->order[k].item].kept = p->items[p->order[k].item].offset[d];
}

/* Tries orders: the largest first, then each time what stuck out first. */
static uint64_t search(struct place *p, uint32_t n, int d, uint64_t limit, uint64_t least)
{
    uint64_t effort = ((uint64_t)n + 1) * (n + 1), tries = MAX_EFFORT / effort;
    uint32_t top = 0;
    tries = tries < 2 ? 2 : tries > MAX_TRIES ? MAX_TRIES : tries;
    for (uint32_t k = 0; k < n; k++)
        p->order[k].key = UINT64_MAX - p->items[p->order[k].item].bytes;
    qsort(p->order, n, sizeof *p->order, by_key);
    for (uint64_t k = 0; k < tries && least > p->live[d]; k++) {
        uint64_t total = place_in_order(p, n, d, limit, &top);
        if (total < least) {
            least = total;
            keep_offsets(p, n, d);
        }
        struct slot moved = p->order[top];
        memmove(&p->order[1], &p->order[0], top * sizeof *p->order);
        p->order[0] = moved;
    }
    return least;
}

static uint64_t place_device(struct place *p, int d)
{
    uint32_t n = 0;
    uint64_t limit = enough(p, d);
    for (uint32_t k = 0; k < p->num_items; k++)
        if (on_device(p, &p->items[k], d))
            p->order[n++] = (struct slot){ 0, k };
    uint64_t least = search(p, n, d, limit, UINT64_MAX);
    if (least > limit)
        least = search(p, n, d, 0, least);
    for (uint32_t k = 0; k < n; k++)
        p->items[p->order[k].item].offset[d] = p->items[p->order[k].item].kept;
    return n ? least : 0;
}

static pt2_status assign(struct place *p, struct pt2_arena *arena)
{
    struct pt2_model *m = p->s->model;
    for (uint32_t k = 0; k < p->num_items; k++) {
        PT2_TRY(pt2_note_origin(pt2_value_bytes(p->s, p->items[k].value, &p->items[k].bytes),
                                p->items[k].value->def->origin));
        p->items[k].last = last_touch(p, &p->items[k]);
    }
    find_live(p, arena);
    find_apart(p, arena);
    p->order = PT2_NEW_N(arena, struct slot, p->num_items);
    p->near = PT2_NEW_N(arena, struct slot, p->num_items);
    for (int d = 0; d < m->num_devices; d++) {
        uint64_t total = place_device(p, d);
        PT2_NOTE(pt2_block_reserve(p->s, d, &p->e->blocks[d], total), "memory for %llu bytes",
                 (unsigned long long)total);
    }
    return PT2_OK;
}

/* ---- orders: what the dependencies do not say and the placement needs ---- */

static bool share(const struct place *p, const struct item *a, const struct item *b)
{
    for (int d = 0; d < p->s->model->num_devices; d++)
        if (on_device(p, a, d) && on_device(p, b, d) && a->offset[d] < b->offset[d] + b->bytes &&
            b->offset[d] < a->offset[d] + a->bytes)
            return true;
    return false;
}

static pt2_status add_order(struct pt2_epoch *e, uint32_t before, uint32_t after)
{
    if (e->num_orders == e->cap_orders) {
        uint32_t cap = e->cap_orders ? e->cap_orders * 2 : 64;
        struct pt2_order *more = realloc(e->orders, cap * sizeof *more);
        if (!more)
            return pt2_fail(PT2_ERR_NOMEM, "out of memory");
        e->orders = more;
        e->cap_orders = cap;
    }
    e->orders[e->num_orders++] = (struct pt2_order){ before, after };
    return PT2_OK;
}

/* Each step that touches a comes before the one that makes b. */
static pt2_status order_items(struct place *p, const struct item *a, const struct item *b)
{
    for (uint32_t t = a->maker; t <= a->last; t++)
        if ((a->touched[t / 64] & ~p->before[b->maker * p->words + t / 64]) >> (t % 64) & 1)
            PT2_TRY(add_order(p->e, t, b->maker));
    return PT2_OK;
}

static pt2_status find_orders(struct place *p)
{
    p->e->num_orders = 0;
    for (uint32_t i = 0; i < p->num_items; i++)
        for (uint32_t k = 0; k < p->num_items; k++)
            if (p->items[i].last < p->items[k].maker && share(p, &p->items[i], &p->items[k]))
                PT2_TRY(order_items(p, &p->items[i], &p->items[k]));
    return PT2_OK;
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
    pt2_status status = assign(&p, &arena);
    if (status == PT2_OK)
        status = find_orders(&p);
    if (status == PT2_OK)
        publish(&p);
    pt2_arena_free(&arena);
    return status;
}
