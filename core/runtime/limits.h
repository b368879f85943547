/* SPDX-License-Identifier: MIT
 *
 * What a device reaches in practice, measured with small kernels in the dialect of all others: the roof over the times
 * of a model's kernels.
 */
#ifndef PT2_RUNTIME_LIMITS_H
#define PT2_RUNTIME_LIMITS_H

#include "backend.h"

/* Device time of a launch: the least of `repeats`, of fewer where one takes long. Nothing else may use its buffers. */
PT2_MUST_USE pt2_status pt2_time_launch(struct pt2_device *d, const struct pt2_launch *launch, int repeats,
                                        uint64_t *out_ns);

struct pt2_limits {
    double operations; /* float32 per second; a fused multiply-add is two. 0: not measured (interpreting devices) */
    double bytes;      /* of device memory per second, read and written */
};

/* Measured once per device and driver and kept in `cache_dir` (NULL: measured each time). `again`: measured once more,
 * and the larger number is kept, since other work on the device makes it small. Takes about a second.
 * Errors: DEVICE, DEVICE_LOST, NOMEM, COMPILE. */
PT2_MUST_USE pt2_status pt2_device_limits(struct pt2_device *device, const char *cache_dir, bool again,
                                          struct pt2_limits *out);

#endif
