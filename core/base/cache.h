/* SPDX-License-Identifier: MIT
 *
 * Files that save work between processes, such as compiled kernels: each is named by a hash of all that decides its
 * content, holds a checksum, and appears whole or not at all, whatever other processes do at the time. Nothing here is
 * an error: what is missing, damaged or cannot be written is made anew. Thread-safe.
 */
#ifndef PT2_BASE_CACHE_H
#define PT2_BASE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where they are: $PT2GPU_CACHE, or pt2gpu in $XDG_CACHE_HOME or ~/.cache, made where it is missing. NULL: nowhere. */
const char *pt2_cache_dir(void);

/* The file `key`.`suffix`, of two words or (key[1] = 0) one; NULL when there is none. The caller frees it. */
void *pt2_cache_get(const char *dir, const uint64_t key[2], const char *suffix, size_t *out_size);
void pt2_cache_put(const char *dir, const uint64_t key[2], const char *suffix, const void *data, size_t size);

#endif
