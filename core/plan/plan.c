/* SPDX-License-Identifier: MIT
 * Planning, as a list of its parts. */
#include "plan/plan.h"

const char *pt2_region_kind(const struct pt2_region *r)
{
    bool rows = false;
    if (r->attention)
        return r->kernel->matrices ? "attention by cooperative matrices, its probabilities rounded to float16"
                                   : "attention";
    if (r->kernel->contract)
        return r->kernel->matrices ? "contraction by cooperative matrices"
               : r->kernel->dots   ? "contraction by products of four bytes"
                                   : "contraction";
    for (uint32_t k = 0; k < r->members.count; k++) {
        enum pt2_kind kind = r->members.data[k].node->kind;
        rows |= kind == PT2_NODE_REDUCE;
        if (kind != PT2_NODE_MAP && kind != PT2_NODE_REDUCE)
            return pt2_kind_name(kind);
    }
    return rows ? "rows" : "pointwise";
}

pt2_status pt2_plan_build(struct pt2_graph *g, const struct pt2_plan_params *params, struct pt2_plan *out)
{
    *out = (struct pt2_plan){ .graph = g };
    if (pt2_has_opt(params->without, PT2_OPT_UNFOLD))
        pt2_plan_unfold(g, params);
    uint32_t in_steps;
    pt2_plan_cut_keys(out, params);
    pt2_plan_cut(out, params);
    do { /* again, where no device can run what was fused */
        in_steps = out->in_steps.count;
        out->regions.count = 0;
        pt2_plan_fuse(out, params);
        PT2_TRY(pt2_plan_partition(out, params));
    } while (out->in_steps.count > in_steps);
    PT2_TRY(pt2_plan_pack(out, params));
    PT2_TRY(pt2_plan_schedule(out));
    pt2_plan_cost(out);
    for (uint32_t k = 0; k < out->regions.count; k++)
        pt2_kernel_render(g->module, out->regions.data[k]->kernel);
    return PT2_OK;
}
