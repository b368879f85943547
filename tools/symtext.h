/* SPDX-License-Identifier: MIT
 *
 * Symbolic sizes of an archive as text: "2*s0 + 1", "Max(1, s0//2)".
 */
#ifndef PT2_TOOLS_SYMTEXT_H
#define PT2_TOOLS_SYMTEXT_H

#include "archive/program.h"

void symtext_add(struct pt2_str *text, const struct pt2_symexpr *expr);
/* "float32 [s0, 8]", "int64 scalar"; for values without a type "none" or the like. */
void symtext_add_value(struct pt2_str *text, const struct pt2_pvalue *value);

#endif
