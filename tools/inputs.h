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

#include "base/arena.h"
#include "tools/options.h"
#include "tools/output.h"

#include <stdbool.h>

/* What a command line says about inputs. */
struct input_choice {
    const char *random;     /* a seed, "" for 0; NULL: no random inputs */
    struct text_list sizes; /* "s12=512" */
};

#define RANDOM_OPTIONS(c)                                                                                            \
    { "random", OPTION_MAYBE, &(c)->random, "SEED",                                                                  \
      "inputs of the declared types, drawn from the seed (0); indices within what they index" },                     \
    { "size", OPTION_LIST, &(c)->sizes, "NAME=N",                                                                    \
      "of random inputs: a free size by the name that info prints, such as s12=512" }

/* OPTIONS_OK, or the exit status after a message. `has_files`: --input was given. */
int random_usage(const struct command *self, const struct input_choice *choice, bool has_files);

/* One run's inputs; its memory must live until the run is done. Starts as all zeroes. */
struct inputs {
    struct pt2_npz file;      /* as read */
    struct pt2_npz converted; /* those that had to change their dtype */
    struct pt2_npz bound;     /* what was bound, by "<leaf>"; borrows from the other two, or from: */
    struct pt2_arena drawn;   /* random inputs */
};

/* Reads the file and binds every input of the session to it. Errors: IO, FORMAT, INPUT, NOMEM. */
PT2_MUST_USE pt2_status inputs_bind(struct inputs *inputs, const char *path, const pt2_model *model,
                                    pt2_session *session);
/* The inputs of the file; without one (NULL) random inputs if they were asked for; else none, which leaves the samples.
 * Errors: as inputs_bind; ARG (no such size); INPUT also when the archive has no samples. */
PT2_MUST_USE pt2_status inputs_prepare(struct inputs *inputs, const char *path, const struct input_choice *choice,
                                       pt2_model *model, pt2_session *session);
/* One tensor per input leaf of the model, PT2_NONE where the file had none. They belong to `inputs`. */
void inputs_leaves(const struct inputs *inputs, const pt2_model *model, pt2_tensor *out_leaves);
void inputs_free(struct inputs *inputs);

/* Adds the outputs of the last run as out_0, out_1, ...; `borrow`: valid until the session's next run. */
PT2_MUST_USE pt2_status outputs_collect(const pt2_model *model, pt2_session *session, bool borrow, struct pt2_npz *npz);

/* State by its names in the exported module. Errors: IO, FORMAT, INPUT, NOMEM. */
PT2_MUST_USE pt2_status state_load(pt2_session *session, const char *path);
PT2_MUST_USE pt2_status state_save(pt2_session *session, struct outputs *files, const char *path);

#endif
