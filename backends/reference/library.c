/* SPDX-License-Identifier: MIT
 * LIBRARY nodes: finds the function of an algorithm, reads sizes and buffers of the node for it. */
#include "ref.h"

pt2_status ref_library_check(const struct pt2_kernel *kernel)
{
    return pt2_fail(PT2_ERR_COMPILE, "kernel %s: the reference backend does not have this algorithm", kernel->name);
}

pt2_status ref_library_run(struct ref_pool *pool, const struct ref_call *call)
{
    (void)pool;
    return ref_library_check(call->program->kernel);
}
