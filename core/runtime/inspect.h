/* SPDX-License-Identifier: MIT
 *
 * What a model and a session hold, for measurements.
 */
#ifndef PT2_RUNTIME_INSPECT_H
#define PT2_RUNTIME_INSPECT_H

#include "backend.h"

/* The devices of a model, in the order in which regions count them; the reference backend is the last one. */
int pt2_model_devices(const pt2_model *m, struct pt2_device *const **out_devices);
const char *pt2_model_device_id(const pt2_model *m, int device); /* "vulkan:0" */

/* Bytes on all devices, after a run. */
struct pt2_memory {
    uint64_t weights;     /* and constants */
    uint64_t inputs;      /* of the graphs, where they have memory of their own */
    uint64_t states;      /* what the graph writes and the session keeps */
    uint64_t activations; /* the blocks in which values between kernels are placed */
    uint64_t live;        /* the largest set of such values that are alive at one step: no placement needs less */
};

struct pt2_memory pt2_session_memory(const pt2_session *s);

#endif
