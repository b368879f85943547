/* SPDX-License-Identifier: MIT
 * Random graphs, end to end: passes, plan, kernels and placement, run on the reference backend with and without fusion
 * and reuse of memory, in any order that the dependencies allow, against a plain interpreter; and the load graphs that
 * folding makes of them. */
#include "random_graph.h"

#include <cmocka.h>

static void test_random(void **state)
{
    int first = getenv("PT2_SEED") ? atoi(getenv("PT2_SEED")) : 1; /* one case again, or more of them */
    int count = getenv("PT2_CASES") ? atoi(getenv("PT2_CASES")) : getenv("PT2_SEED") ? 1 : 1500;
    int folded = 0, joined = 0;
    (void)state;
    for (int k = first; k < first + count; k++) {
        seed = (uint64_t)k * 0x9e3779b97f4a7c15u + 1;
        random_graph(2 + below(10));
        interpret(B.g, B.s0);
        struct pt2_str s = { 0 };
        pt2_str_addf(&s, "# seed %d\n", k);
        pt2_graph_print(B.g, &s);
        for (int mode = 0; mode < 8; mode++) {
            struct runner r;
            if (!runner_open(&r, s.data, B.s0, mode & 1 ? ONE_NODE_EACH : 0, mode & 4))
                continue;
            folded += mode == 4;
            for (uint32_t j = 0; mode == 0 && j < r.plan.graph->nodes.count; j++)
                joined += r.plan.graph->nodes.data[j]->joined;
            run_and_compare(&r, mode & 2, s.data);
            runner_close(&r);
        }
        pt2_str_free(&s);
    }
    assert_true(count < 1000 || (folded > count / 10 && joined > count / 20));
}

static int teardown(void **state)
{
    (void)state;
    pt2_module_free(&B.m);
    for (int k = 0; k < 1024; k++)
        free(I.data[k]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
