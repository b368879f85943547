/* SPDX-License-Identifier: MIT
 *
 * Devices of the process: a backend's are listed when it is first asked for, opened when first wanted, shared by all
 * models, closed at exit. Compiled kernels
 * are kept per device for the life of the process, by hash, so that models and cases share them.
 *
 * Thread-safety: all calls.
 */
#ifndef PT2_DEVICE_H
#define PT2_DEVICE_H

#include "backend.h"
#include "kernel/kernel.h"

extern const struct pt2_backend *const pt2_backends[]; /* NULL-terminated; the reference backend is last */

struct pt2_device_entry {
    const struct pt2_backend *backend;
    struct pt2_device_desc desc;
    char id[32]; /* "vulkan:0" */
};

/* All devices of all backends, in the order in which the backends were first asked for. Loads every driver. */
int pt2_device_entries(const struct pt2_device_entry **out_entries);

/* With PT2_CLASS=gpu in the environment, drivers for processors get the kernels of a GPU, so that these can be tested
 * where there is none: changes what such a device says of itself. */
void pt2_device_set_class(struct pt2_caps *caps);

/* Opens (or finds) the device. Errors: NODEVICE, DEVICE. */
PT2_MUST_USE pt2_status pt2_device_acquire(const struct pt2_device_entry *entry, struct pt2_device **out_device);

/* Programs for `count` kernels, compiling those that the process has not seen. Not for interpreting devices, whose
 * kernels belong to one model. Programs live as long as the process. Errors: COMPILE, DEVICE. */
PT2_MUST_USE pt2_status pt2_device_programs(struct pt2_device *device, const struct pt2_kernel *const *kernels,
                                            int count, const char *cache_dir, struct pt2_program_obj **out_programs);

/* "auto", "vulkan", "opencl:1,reference": the devices in order of preference, the reference backend last in any case.
 * Returns their number. Errors: ARG (unknown backend), NODEVICE. */
PT2_MUST_USE pt2_status pt2_device_choose(const char *list, const struct pt2_device_entry **out, int cap,
                                          int *out_count);

#endif
