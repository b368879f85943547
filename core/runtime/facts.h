/* SPDX-License-Identifier: MIT
 *
 * Numbers that were measured on a device and are kept beside its compiled kernels: a text file per device and driver,
 * a line per fact. A file that cannot be read or written is as good as none: what it held is measured again. Of two
 * processes that write at one time, one's fact may be lost.
 */
#ifndef PT2_RUNTIME_FACTS_H
#define PT2_RUNTIME_FACTS_H

#include "backend.h"

/* Reads `n` numbers; false when there is no fact of that name (a word) or it has another number of them. */
bool pt2_fact_get(const char *dir, const struct pt2_device *device, const char *name, int n, double *out);
/* Replaces the fact. */
void pt2_fact_put(const char *dir, const struct pt2_device *device, const char *name, int n, const double *values);

#endif
