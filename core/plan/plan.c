/* SPDX-License-Identifier: MIT
 * Planning, as a list of its parts. */
#include "plan/plan.h"

pt2_status pt2_plan_build(struct pt2_graph *g, const struct pt2_plan_params *params, struct pt2_plan *out)
{
    *out = (struct pt2_plan){ .graph = g };
    pt2_plan_fuse(out, params);
    PT2_TRY(pt2_plan_partition(out, params));
    PT2_TRY(pt2_plan_schedule(out));
    pt2_plan_cost(out);
    for (uint32_t k = 0; k < out->regions.count; k++)
        pt2_kernel_render(g->module, out->regions.data[k]->kernel);
    return PT2_OK;
}
