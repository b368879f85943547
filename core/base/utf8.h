/* SPDX-License-Identifier: MIT
 *
 * UTF-8, and text of unknown origin that goes to a terminal or into JSON.
 */
#ifndef PT2_BASE_UTF8_H
#define PT2_BASE_UTF8_H

#include "base/arena.h"

/* Length of the UTF-8 sequence that starts at `text` (1 to 4), 0 when it is invalid or longer than `len`. */
size_t pt2_utf8_length(const char *text, size_t len);

enum pt2_escape {
    PT2_ESCAPE_TEXT, /* "\\x1b", "\\u202e"; bytes that are not UTF-8: "\\xff" */
    PT2_ESCAPE_JSON, /* "\\u001b", "\\u202e"; bytes that are not UTF-8: the replacement character */
};

/* Appends the text. Characters that a terminal obeys and does not show are escaped: controls (C0, DEL, C1) and those
 * that turn the direction of text or end its lines unseen. Line feeds and tabs stay. What is added is valid UTF-8. */
void pt2_utf8_escape(struct pt2_str *out, const char *text, enum pt2_escape how);

#endif
