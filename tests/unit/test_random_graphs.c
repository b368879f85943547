/* SPDX-License-Identifier: MIT
 * Random graphs, end to end: passes, plan, kernels and placement, run on the reference backend with and without fusion
 * and reuse of memory, in any order that the dependencies allow, against a plain interpreter; and the load graphs that
 * folding makes of them. */
#include "random_graph.h"

#include <cmocka.h>

static void test_random(void **state)
{
    int first, count;
    int folded = 0, joined = 0;
    (void)state;
    chosen_numbers(1500, &first, &count);
    for (int k = first; k < first + count; k++) {
        char *text = numbered_graph(k);
        for (int mode = 0; mode < 8; mode++) {
            struct runner r;
            if (!runner_open(&r, text, B.s0, mode & 1 ? ONE_NODE_EACH : 0, mode & 4))
                continue;
            folded += mode == 4;
            for (uint32_t j = 0; mode == 0 && j < r.plan.graph->nodes.count; j++)
                joined += r.plan.graph->nodes.data[j]->joined;
            run_and_compare(&r, mode & 2, text);
            runner_close(&r);
        }
        free(text);
    }
    assert_true(count < 1000 || (folded > count / 10 && joined > count / 20));
}

static int teardown(void **state)
{
    (void)state;
    free_graphs();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
