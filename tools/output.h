/* SPDX-License-Identifier: MIT
 *
 * Files that a command writes: all of them, or none. Each goes to a new file beside its place and takes the place when
 * everything is written; until then the place holds what it held. Devices and pipes are written to directly.
 */
#ifndef PT2_TOOLS_OUTPUT_H
#define PT2_TOOLS_OUTPUT_H

#include "base/npz.h"

/* Starts as all zeroes. */
struct outputs {
    struct output {
        char *path;      /* owned; the file itself where the name given is a symbolic link */
        char *temporary; /* owned; NULL: written directly */
    } *list;             /* owned */
    int count, cap;
};

/* Where to write what shall be at `path`; the text lives as long as `outputs`. Errors: IO, NOMEM. */
PT2_MUST_USE pt2_status outputs_add(struct outputs *outputs, const char *path, const char **out_path);
PT2_MUST_USE pt2_status outputs_add_npz(struct outputs *outputs, const char *path, const struct pt2_npz *npz);
/* Puts the files in their places if `status` is PT2_OK and that succeeds; removes those that are not in place. Frees
 * the list. Errors: `status`; IO. */
PT2_MUST_USE pt2_status outputs_end(struct outputs *outputs, pt2_status status);

#endif
