/* SPDX-License-Identifier: MIT
 *
 * What the printer and the parser of graphs share.
 */
#ifndef PT2_GRAPH_TEXT_H
#define PT2_GRAPH_TEXT_H

#include "graph/graph.h"

enum { PT2_NUM_LIBRARIES = PT2_LIB_GEQRF + 1 };
extern const char *const pt2_library_names[PT2_NUM_LIBRARIES];

/* Constants with more elements are printed as "..." and read back as zeros. */
enum { PT2_TEXT_MAX_ELEMENTS = 64 };

/* Number of elements; -1 when the shape is not constant. */
int64_t pt2_const_elements(const struct pt2_value *v);

#endif
