/* SPDX-License-Identifier: MIT
 * The one list of backends, in the order in which "auto" prefers them for devices of one kind. */
#include "device.h"

extern const struct pt2_backend pt2_vulkan, pt2_opencl, pt2_reference;

const struct pt2_backend *const pt2_backends[] = {
#ifdef PT2_HAVE_VULKAN
    &pt2_vulkan,
#endif
#ifdef PT2_HAVE_OPENCL
    &pt2_opencl,
#endif
    &pt2_reference,
    NULL,
};
