/* SPDX-License-Identifier: MIT
 * The list of passes, in order. */
#include "pass/pass.h"

static pt2_status verify(struct pt2_module *m, const char *after)
{
#ifndef NDEBUG
    for (uint32_t k = 0; k < m->graphs.count; k++)
        PT2_NOTE(pt2_graph_verify(m->graphs.data[k]), "after pass %s", after);
#else
    (void)m;
    (void)after;
#endif
    return PT2_OK;
}

static void each(struct pt2_module *m, void (*pass)(struct pt2_graph *g), bool wanted)
{
    for (uint32_t k = 0; wanted && k < m->graphs.count; k++)
        pass(m->graphs.data[k]);
}

static void inline_views(struct pt2_graph *g) { pt2_pass_inline(g, true, false); }

/* Views first: arithmetic behind a copy is then judged by who reads the copy. */
static void inline_all(struct pt2_graph *g)
{
    pt2_pass_inline(g, true, true);
    pt2_pass_inline(g, false, true);
}

pt2_status pt2_run_passes(struct pt2_module *m, uint32_t without)
{
    bool cse = pt2_has_opt(without, PT2_OPT_CSE);
    PT2_TRY(verify(m, "lower"));
    each(m, pt2_pass_dce, true);
    each(m, pt2_pass_cse, cse);
    PT2_TRY(verify(m, "cse"));
    if (pt2_has_opt(without, PT2_OPT_FOLD))
        pt2_pass_fold(m);
    PT2_TRY(verify(m, "fold"));
    each(m, pt2_pass_unmerge, pt2_has_opt(without, PT2_OPT_UNMERGE));
    PT2_TRY(verify(m, "unmerge"));
    each(m, pt2_pass_products, pt2_has_opt(without, PT2_OPT_PRODUCTS));
    PT2_TRY(verify(m, "products"));
    each(m, pt2_has_opt(without, PT2_OPT_INLINE) ? inline_all : inline_views, true);
    PT2_TRY(verify(m, "inline"));
    each(m, pt2_pass_siblings, pt2_has_opt(without, PT2_OPT_SIBLINGS));
    PT2_TRY(verify(m, "siblings"));
    each(m, pt2_pass_cse, cse); /* before `concat`, whose parts may be equal */
    each(m, pt2_pass_concat, pt2_has_opt(without, PT2_OPT_CONCAT));
    PT2_TRY(verify(m, "concat"));
    each(m, pt2_pass_split, true);
    PT2_TRY(verify(m, "split"));
    each(m, pt2_pass_dce, true);
    PT2_TRY(verify(m, "dce"));
    each(m, pt2_pass_inplace, true);
    return verify(m, "inplace");
}
