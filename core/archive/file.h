/* SPDX-License-Identifier: MIT
 *
 * The bytes behind a program: the mapped (or borrowed) archive, and blocks for what cannot be used in place
 * (inflated records, misaligned weights).
 */
#ifndef PT2_ARCHIVE_FILE_H
#define PT2_ARCHIVE_FILE_H

#include "base/status.h"

#include <stdbool.h>

struct pt2_file {
    const uint8_t *data; /* mapped when `mapped`, else borrowed from the caller */
    size_t size;
    bool mapped;
    struct pt2_block *blocks; /* owned */
};

/* Maps `path` read-only. Errors: IO, FORMAT (empty), NOMEM. */
PT2_MUST_USE pt2_status pt2_file_map(const char *path, struct pt2_file *out_file);
/* A block aligned to 64 bytes that lives as long as the file. Errors: NOMEM. */
PT2_MUST_USE pt2_status pt2_file_block(struct pt2_file *file, uint64_t size, uint8_t **out_data);
/* Whole pages of these bytes, if they are mapped, leave memory until they are read again. NULL: of all. */
void pt2_file_idle(const struct pt2_file *file, const uint8_t *data, size_t size);
void pt2_file_close(struct pt2_file *file);

#endif
