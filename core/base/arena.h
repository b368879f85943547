/* SPDX-License-Identifier: MIT
 *
 * Arena: memory that is freed all at once.  A program, a graph and a plan each own one.
 * The containers below live in an arena too: nothing in them is freed one by one.
 *
 * Thread-safety: one thread at a time per arena.
 * Out of memory: arenas hold metadata whose size the archive limits bound; when the system has no memory left
 * even for that, pt2_arena_alloc reports it on standard error and aborts.  Tensor data never lives in an arena.
 */
#ifndef PT2_BASE_ARENA_H
#define PT2_BASE_ARENA_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pt2_arena {
    struct pt2_arena_chunk *chunks; /* owned, newest first */
    size_t used;                    /* bytes taken from the newest chunk */
};

/* An arena starts as all zeroes. Zero-filled, aligned to 16 bytes, never NULL. */
void *pt2_arena_alloc(struct pt2_arena *arena, size_t size);
void pt2_arena_free(struct pt2_arena *arena);
char *pt2_arena_strndup(struct pt2_arena *arena, const char *text, size_t len);
char *pt2_arena_strdup(struct pt2_arena *arena, const char *text);
char *pt2_arena_printf(struct pt2_arena *arena, const char *fmt, ...) PT2_PRINTF(2, 3);
void *pt2_arena_copy(struct pt2_arena *arena, const void *data, size_t size);

#define PT2_NEW(arena, T) ((T *)pt2_arena_alloc((arena), sizeof(T)))
#define PT2_NEW_N(arena, T, n) ((T *)pt2_arena_alloc((arena), sizeof(T) * (size_t)(n)))

/* ---- growing array:  PT2_VEC(int) v = {0};  pt2_push(arena, &v, 3);  v.data[0], v.count ---- */

#define PT2_VEC(T)      \
    struct {            \
        T *data;        \
        uint32_t count; \
        uint32_t cap;   \
    }

#define pt2_push(arena, v, item)                                                                              \
    do {                                                                                                      \
        if ((v)->count == (v)->cap)                                                                           \
            (v)->data = pt2_vec_grow((arena), (v)->data, &(v)->cap, sizeof *(v)->data);                       \
        (v)->data[(v)->count++] = (item);                                                                     \
    } while (0)

void *pt2_vec_grow(struct pt2_arena *arena, void *data, uint32_t *cap, size_t item_size);

/* ---- map from a string to a pointer; keys are borrowed and must outlive the map ---- */

struct pt2_map {
    struct pt2_map_slot {
        const char *key; /* borrowed; NULL: empty slot */
        size_t len;
        uint64_t hash;
        void *item;
    } *slots;            /* arena */
    uint32_t count, cap; /* cap is a power of two, or 0 */
};

void *pt2_map_get(const struct pt2_map *map, const char *key);              /* NULL when absent */
void *pt2_map_get_n(const struct pt2_map *map, const char *key, size_t len);
/* Returns false and changes nothing when the key is there already. */
bool pt2_map_put(struct pt2_arena *arena, struct pt2_map *map, const char *key, void *item);

/* ---- text being built ---- */

struct pt2_str {
    char *data; /* owned (malloc); always NUL-terminated once something was added; NULL before */
    size_t len, cap;
};

void pt2_str_add(struct pt2_str *s, const char *text);
void pt2_str_add_n(struct pt2_str *s, const char *text, size_t len);
void pt2_str_addf(struct pt2_str *s, const char *fmt, ...) PT2_PRINTF(2, 3);
void pt2_str_free(struct pt2_str *s);
const char *pt2_str_text(const struct pt2_str *s); /* "" when nothing was added */

/* ---- hashing (xxHash, XXH3) ---- */

uint64_t pt2_hash(const void *data, size_t size, uint64_t seed);

#endif
