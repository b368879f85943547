/* SPDX-License-Identifier: MIT
 * The list of passes, in order. */
#include "pass/pass.h"

static pt2_status verify(struct pt2_graph *g, const char *after)
{
#ifndef NDEBUG
    PT2_NOTE(pt2_graph_verify(g), "after pass %s", after);
#else
    (void)g;
    (void)after;
#endif
    return PT2_OK;
}

pt2_status pt2_run_passes(struct pt2_module *m, const struct pt2_pass_params *params)
{
    for (uint32_t k = 0; k < m->graphs.count; k++) {
        struct pt2_graph *g = m->graphs.data[k];
        PT2_TRY(verify(g, "lower"));
        pt2_pass_dce(g);
        pt2_pass_cse(g);
        PT2_TRY(verify(g, "cse"));
        pt2_pass_inline(g, params);
        PT2_TRY(verify(g, "inline"));
        pt2_pass_split(g);
        PT2_TRY(verify(g, "split"));
        pt2_pass_cse(g);
        pt2_pass_dce(g);
        PT2_TRY(verify(g, "dce"));
        pt2_pass_inplace(g);
        PT2_TRY(verify(g, "inplace"));
    }
    return PT2_OK;
}
