/* SPDX-License-Identifier: MIT
 * Regions to devices: the first listed device that can run the region; the last one, the reference backend, can run
 * all. The reason is kept, and the plan prints it. */
#include "graph/custom.h"
#include "graph/text.h"
#include "plan/plan.h"

uint64_t pt2_least_bytes(const struct pt2_value *v)
{
    uint64_t bytes = pt2_dtype_size(v->dtype);
    for (int d = 0; d < v->rank; d++)
        bytes *= pt2_is_const(v->shape[d]) ? (uint64_t)v->shape[d]->i : 1;
    return bytes;
}

/* Why the device cannot run the kernel; NULL when it can. */
static const char *obstacle(struct pt2_arena *arena, const struct pt2_region *r, const struct pt2_caps *caps)
{
    bool custom = r->members.data[0].node->kind == PT2_NODE_CUSTOM;
    if (r->kernel->needs & PT2_NEED_STEPS)
        return "has no kernel for a whole attention";
    if (caps->interprets)
        return r->kernel->needs & PT2_NEED_TEXT ? "the custom operator has no host function" : NULL;
    if (r->kernel->needs & PT2_NEED_HOST)
        return custom ? "the custom operator has no text"
                      : pt2_arena_printf(arena, "no kernel for %s",
                                         pt2_library_names[r->kernel->library->library]);
    if ((r->kernel->needs & PT2_NEED_F64) && !caps->float64)
        return "needs float64";
    if ((r->kernel->needs & PT2_NEED_F64_MATH) && !caps->float64_math)
        return "needs float64 functions";
    if (caps->max_turns && r->turns->lo > caps->max_turns)
        return "a loop is longer than its compiler keeps going";
    for (int k = 0; k < r->num_bufs; k++) {
        bool fetched = r->kernel->bufs[k].fetched;
        if (pt2_least_bytes(r->bufs[k]) > (fetched ? caps->max_fetch_range : caps->max_buffer_range))
            return "a tensor is larger than the device can bind";
    }
    return NULL;
}

static pt2_status place(struct pt2_plan *p, struct pt2_region *r, const struct pt2_plan_params *params, int first)
{
    struct pt2_module *m = p->graph->module;
    const char *why = NULL;
    for (int k = 0; k < params->num_devices; k++) {
        int d = (first + k) % params->num_devices;
        PT2_TRY(pt2_kernel_build(p->graph, r, &params->devices[d].caps, params->without));
        const char *no = obstacle(&m->arena, r, &params->devices[d].caps);
        if (!no) {
            r->device = d;
            r->why = why ? why : first ? "alternate placement was asked for" : "first choice";
            return PT2_OK;
        }
        why = pt2_arena_printf(&m->arena, "%s%s%s cannot: %s", why ? why : "", why ? "; " : "", params->devices[d].name,
                               no);
    }
    if (r->attention) {
        pt2_push(&m->arena, &p->in_steps, r->members.data[r->num_inside - 1].node);
        return PT2_OK;
    }
    const struct pt2_custom *custom = r->members.data[0].node->custom;
    return pt2_fail(custom ? PT2_ERR_UNSUPPORTED : PT2_ERR_INTERNAL, "%s: no device can run it: %s",
                    custom ? custom->name : r->kernel->name, why);
}

pt2_status pt2_plan_partition(struct pt2_plan *p, const struct pt2_plan_params *params)
{
    for (uint32_t k = 0; k < p->regions.count; k++)
        PT2_TRY(place(p, p->regions.data[k], params, params->alternate ? (int)k % params->num_devices : 0));
    return PT2_OK;
}
