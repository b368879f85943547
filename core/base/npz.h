/* SPDX-License-Identifier: MIT
 *
 * NumPy's files: .npy (one array) and .npz (a zip of them), as numpy.save and numpy.savez write them.
 *
 * Reading takes every numeric dtype of NumPy in either byte order and either memory order, stored or deflated, and
 * gives dense row-major arrays in the machine's byte order. '|V2' is read as bfloat16 (ml_dtypes writes it so).
 * Everything else (objects, strings, structures) is refused: files are untrusted input.
 *
 * Writing widens what NumPy has no dtype for: bfloat16 and float8 to float32, complex32 to complex64.
 *
 * Thread-safety: one thread at a time per struct pt2_npz.
 */
#ifndef PT2_BASE_NPZ_H
#define PT2_BASE_NPZ_H

#include "base/status.h"

struct pt2_npz_array {
    char *name;        /* owned; "" for the array of a .npy file */
    pt2_tensor tensor; /* its data is owned, except after pt2_npz_borrow */
    int borrowed;
};

/* Starts as all zeroes; pt2_npz_free makes it so again. */
struct pt2_npz {
    struct pt2_npz_array *arrays; /* owned */
    int count, cap;
};

/* Reads a .npz or a .npy file: which one it is, its first bytes tell. `npz` must be empty, and is so after a failure.
 * Errors: IO, FORMAT, NOMEM. */
PT2_MUST_USE pt2_status pt2_npz_read(const char *path, struct pt2_npz *npz);
/* NULL when there is no such array. The result belongs to `npz`. */
const pt2_tensor *pt2_npz_find(const struct pt2_npz *npz, const char *name);

/* Adds an array: with a copy of its data, or with the caller's data, which must live as long as `npz`.
 * Errors: NOMEM. */
PT2_MUST_USE pt2_status pt2_npz_add(struct pt2_npz *npz, const char *name, const pt2_tensor *tensor);
PT2_MUST_USE pt2_status pt2_npz_borrow(struct pt2_npz *npz, const char *name, const pt2_tensor *tensor);
/* Writes a .npz file under another name and renames it: `path` holds all of it, or is left as it was. Devices and
 * pipes are written to as they are.
 * Errors: IO, NOMEM. */
PT2_MUST_USE pt2_status pt2_npz_write(const struct pt2_npz *npz, const char *path);

void pt2_npz_free(struct pt2_npz *npz);

/* Number of elements; 1 for a scalar. The shape must be valid. */
int64_t pt2_tensor_count(const pt2_tensor *tensor);
size_t pt2_tensor_bytes(const pt2_tensor *tensor);
/* A copy whose data comes from malloc (NULL when there are no elements), converted to `dtype` as
 * C does, small floats rounded to nearest even. Between real and complex: ARG. Errors: NOMEM, ARG. */
PT2_MUST_USE pt2_status pt2_tensor_convert(const pt2_tensor *tensor, pt2_dtype dtype, pt2_tensor *out_copy);

#endif
