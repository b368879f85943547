/* SPDX-License-Identifier: MIT
 * Bump allocation from malloc'ed chunks; chunks double up to 1 MiB, larger requests get a chunk of their own. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct pt2_arena_chunk {
    struct pt2_arena_chunk *next; /* owned */
    size_t size;
};

enum { HEADER = 16, FIRST_CHUNK = 4096, MAX_CHUNK = 1 << 20 };

static void *must(void *p)
{
    if (!p) {
        fputs("pt2gpu: out of memory for metadata\n", stderr);
        abort();
    }
    return p;
}

void *pt2_arena_alloc(struct pt2_arena *arena, size_t size)
{
    size = size ? (size + 15) & ~(size_t)15 : 16;
    struct pt2_arena_chunk *c = arena->chunks;
    if (!c || c->size - arena->used < size) {
        size_t want = c ? c->size * 2 : FIRST_CHUNK;
        if (want > MAX_CHUNK)
            want = MAX_CHUNK;
        if (want < size)
            want = size;
        struct pt2_arena_chunk *n = must(calloc(1, HEADER + want));
        n->size = want;
        n->next = c;
        arena->chunks = c = n;
        arena->used = 0;
    }
    void *p = (char *)c + HEADER + arena->used;
    arena->used += size;
    return p;
}

void pt2_arena_free(struct pt2_arena *arena)
{
    struct pt2_arena_chunk *c = arena->chunks;
    while (c) {
        struct pt2_arena_chunk *next = c->next;
        free(c);
        c = next;
    }
    arena->chunks = NULL;
    arena->used = 0;
}

void *pt2_arena_copy(struct pt2_arena *arena, const void *data, size_t size)
{
    void *p = pt2_arena_alloc(arena, size);
    if (size)
        memcpy(p, data, size);
    return p;
}

char *pt2_arena_strndup(struct pt2_arena *arena, const char *text, size_t len)
{
    char *p = pt2_arena_alloc(arena, len + 1);
    memcpy(p, text, len);
    return p;
}

char *pt2_arena_strdup(struct pt2_arena *arena, const char *text)
{
    return pt2_arena_strndup(arena, text, strlen(text));
}

char *pt2_arena_printf(struct pt2_arena *arena, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = pt2_arena_alloc(arena, (size_t)(n < 0 ? 0 : n) + 1);
    vsnprintf(p, (size_t)(n < 0 ? 0 : n) + 1, fmt, again);
    va_end(again);
    return p;
}

void *pt2_vec_grow(struct pt2_arena *arena, void *data, uint32_t *cap, size_t item_size)
{
    uint32_t n = *cap ? *cap * 2 : 8;
    void *p = pt2_arena_alloc(arena, n * item_size);
    if (*cap)
        memcpy(p, data, *cap * item_size);
    *cap = n;
    return p;
}

/* ---- map: open addressing, linear probing, at most 3/4 full ---- */

static struct pt2_map_slot *find(const struct pt2_map *map, const char *key, size_t len, uint64_t hash)
{
    for (uint32_t i = (uint32_t)hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct pt2_map_slot *s = &map->slots[i];
        if (!s->key || (s->hash == hash && s->len == len && !memcmp(s->key, key, len)))
            return s;
    }
}

void *pt2_map_get_n(const struct pt2_map *map, const char *key, size_t len)
{
    return map->cap ? find(map, key, len, pt2_hash(key, len, 0))->item : NULL;
}

void *pt2_map_get(const struct pt2_map *map, const char *key)
{
    return pt2_map_get_n(map, key, strlen(key));
}

static void grow_map(struct pt2_arena *arena, struct pt2_map *map)
{
    struct pt2_map old = *map;
    map->cap = old.cap ? old.cap * 2 : 16;
    map->slots = PT2_NEW_N(arena, struct pt2_map_slot, map->cap);
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.slots[i].key)
            *find(map, old.slots[i].key, old.slots[i].len, old.slots[i].hash) = old.slots[i];
}

bool pt2_map_put(struct pt2_arena *arena, struct pt2_map *map, const char *key, void *item)
{
    if (map->count * 4 >= map->cap * 3)
        grow_map(arena, map);
    size_t len = strlen(key);
    uint64_t hash = pt2_hash(key, len, 0);
    struct pt2_map_slot *s = find(map, key, len, hash);
    if (s->key)
        return false;
    *s = (struct pt2_map_slot){ key, len, hash, item };
    map->count++;
    return true;
}

/* ---- text ---- */

static void reserve(struct pt2_str *s, size_t more)
{
    if (s->len + more + 1 <= s->cap)
        return;
    size_t cap = s->cap ? s->cap * 2 : 256;
    while (cap < s->len + more + 1)
        cap *= 2;
    s->data = must(realloc(s->data, cap));
    s->cap = cap;
}

void pt2_str_add_n(struct pt2_str *s, const char *text, size_t len)
{
    reserve(s, len);
    memcpy(s->data + s->len, text, len);
    s->len += len;
    s->data[s->len] = 0;
}

void pt2_str_add(struct pt2_str *s, const char *text)
{
    pt2_str_add_n(s, text, strlen(text));
}

void pt2_str_addf(struct pt2_str *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        reserve(s, (size_t)n);
        vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

void pt2_str_free(struct pt2_str *s)
{
    free(s->data);
    *s = (struct pt2_str){ 0 };
}

const char *pt2_str_text(const struct pt2_str *s)
{
    return s->data ? s->data : "";
}

uint64_t pt2_hash(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}
