/* SPDX-License-Identifier: MIT
 *
 * Numbers and texts from the file: parsed whole or not at all, independent of the process locale.
 */
#ifndef PT2_ARCHIVE_TEXT_H
#define PT2_ARCHIVE_TEXT_H

#include "base/arena.h"

/* "-12"; false unless the whole text is one int64. */
bool pt2_text_int(const char *text, size_t len, int64_t *out_value);
/* "-1.5e-3"; false unless the whole text is one decimal number of at most 63 characters. */
bool pt2_text_double(const char *text, size_t len, double *out_value);
/* A copy for messages: control characters become spaces, what a terminal must not see is escaped; cut after about `max`
 * bytes with "...". */
const char *pt2_text_clean(struct pt2_arena *arena, const char *text, size_t len, size_t max);

#endif
