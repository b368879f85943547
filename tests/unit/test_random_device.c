/* SPDX-License-Identifier: MIT
 * Random graphs on a device, against a plain interpreter; with every optimisation, and with each one left out in
 * turn. Fewer where kernels take long to compile; one case again, or more of them:
 *
 *     PT2_SEED=17 PT2_CASES=1 test_random_device opencl 0 */
#include "test_device.h"
#include "random_graph.h"

#include <cmocka.h>

static int first, count;

static void run_mode(const char *text, uint32_t without, bool load, bool reuse)
{
    struct runner r;
    without |= 1u << PT2_OPT_PACK; /* the interpreter has no panels to give */
    if (!runner_open(&r, text, B.s0, without, load))
        return;
    run_and_compare(&r, reuse, text);
    runner_close(&r);
}

static void test_random(void **state)
{
    (void)state;
    for (int k = first; k < first + count; k++) {
        large = k % 2;
        char *text = numbered_graph(k);
        run_mode(text, 0, false, true);
        run_mode(text, 0, true, true);
        run_mode(text, 1u << k % PT2_OPT_COUNT, false, false);
        free(text);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    open_device(argc, argv);
    runner_device = device_name;
    chosen_numbers(strcmp(T.table->name, "vulkan") ? 20 : 60, &first, &count);
    failures += cmocka_run_group_tests(tests, NULL, NULL);
    free_graphs();
    return close_device();
}
