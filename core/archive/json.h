/* SPDX-License-Identifier: MIT
 *
 * JSON as torch.export writes it, read through cursors.  A cursor knows how it was reached, so that a failure tells
 * the path of the field: "graph_module.graph.nodes[3].inputs[0].arg: ...".
 */
#ifndef PT2_ARCHIVE_JSON_H
#define PT2_ARCHIVE_JSON_H

#include "base/status.h"

#include <stdbool.h>

struct cJSON;

/* One place in a document. Child cursors point to their parents, which must live as long (both on the stack). */
struct pt2_at {
    const struct cJSON *v; /* NULL: absent or null */
    const struct pt2_at *up;
    const char *key;       /* NULL: an array item */
    uint32_t index;
};

/* Accepts bare NaN and Infinity, keeps int64 exact; refuses \u0000, bad UTF-8 and more than 512 levels.
 * Errors: FORMAT, NOMEM. The caller deletes the document with cJSON_Delete. */
PT2_MUST_USE pt2_status pt2_json_parse(const char *text, size_t len, struct cJSON **out_root);

/* Fails with the path of `at` before the message. */
pt2_status pt2_at_fail(const struct pt2_at *at, pt2_status status, const char *fmt, ...) PT2_PRINTF(3, 4);

/* All that follow fail with FORMAT when the type is wrong. */

PT2_MUST_USE pt2_status pt2_at_field(const struct pt2_at *object, const char *key, struct pt2_at *out); /* required */
PT2_MUST_USE pt2_status pt2_at_maybe(const struct pt2_at *object, const char *key, struct pt2_at *out); /* v: NULL */
/* The single field of a union that is not null; out->key is its tag. */
PT2_MUST_USE pt2_status pt2_at_union(const struct pt2_at *object, struct pt2_at *out);

PT2_MUST_USE pt2_status pt2_at_int(const struct pt2_at *at, int64_t *out_value);
PT2_MUST_USE pt2_status pt2_at_double(const struct pt2_at *at, double *out_value);
PT2_MUST_USE pt2_status pt2_at_bool(const struct pt2_at *at, bool *out_value);
PT2_MUST_USE pt2_status pt2_at_text(const struct pt2_at *at, const char **out_text); /* lives in the document */
PT2_MUST_USE pt2_status pt2_at_array(const struct pt2_at *at, uint32_t *out_count);
PT2_MUST_USE pt2_status pt2_at_object(const struct pt2_at *at, uint32_t *out_count);

PT2_MUST_USE pt2_status pt2_at_field_int(const struct pt2_at *object, const char *key, int64_t *out_value);
PT2_MUST_USE pt2_status pt2_at_field_text(const struct pt2_at *object, const char *key, const char **out_text);
PT2_MUST_USE pt2_status pt2_at_field_array(const struct pt2_at *object, const char *key, struct pt2_at *out,
                                           uint32_t *out_count);
PT2_MUST_USE pt2_status pt2_at_field_object(const struct pt2_at *object, const char *key, struct pt2_at *out,
                                            uint32_t *out_count);

bool pt2_at_is_text(const struct pt2_at *at);

/* Walks an array or object whose type was checked: for (struct pt2_at it = {0}; pt2_at_next(&list, &it);) */
bool pt2_at_next(const struct pt2_at *list, struct pt2_at *it);

#endif
