/* SPDX-License-Identifier: MIT
 *
 * NumPy files as the inputs, outputs and state of a session.
 *
 * Inputs are arrays named in_0, in_1, ... by the leaf's index, or by the input's own name; leaves that are None or were
 * fixed at export may be left out. A .npy file is the first tensor input. Arrays out_* and exact_* in the same file are
 * ignored, so that a file with stored results serves as its own input.
 */
#ifndef PT2_TOOLS_INPUTS_H
#define PT2_TOOLS_INPUTS_H

#include "tools/output.h"

#include <stdbool.h>

/* One run's inputs; its memory must live until the run is done. Starts as all zeroes. */
struct inputs {
    struct pt2_npz file;      /* as read */
    struct pt2_npz converted; /* those that had to change their dtype */
    struct pt2_npz bound;     /* what was bound, by "<leaf>"; borrows from the other two */
};

/* Reads the file and binds every input of the session to it. Errors: IO, FORMAT, INPUT, NOMEM. */
PT2_MUST_USE pt2_status inputs_bind(struct inputs *inputs, const char *path, const pt2_model *model,
                                    pt2_session *session);
/* One tensor per input leaf of the model, PT2_NONE where the file had none. They belong to `inputs`. */
void inputs_leaves(const struct inputs *inputs, const pt2_model *model, pt2_tensor *out_leaves);
void inputs_free(struct inputs *inputs);

/* Adds the outputs of the last run as out_0, out_1, ...; `borrow`: valid until the session's next run. */
PT2_MUST_USE pt2_status outputs_collect(const pt2_model *model, pt2_session *session, bool borrow, struct pt2_npz *npz);

/* State by its names in the exported module. Errors: IO, FORMAT, INPUT, NOMEM. */
PT2_MUST_USE pt2_status state_load(pt2_session *session, const char *path);
PT2_MUST_USE pt2_status state_save(pt2_session *session, struct outputs *files, const char *path);

#endif
