/* SPDX-License-Identifier: MIT
 * Random graphs on a device, against a plain interpreter; with every optimisation, and with each one left out in
 * turn. Fewer where kernels take long to compile; one case again, or more of them:
 *
 *     PT2_SEED=17 PT2_CASES=1 test_random_device opencl 0 */
#include "test_device.h"
#include "random_graph.h"

#include <cmocka.h>

static int first, count;

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

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
        struct pt2_str s = { 0 };
        seed = (uint64_t)k * 0x9e3779b97f4a7c15u + 1;
        large = k % 2;
        random_graph(2 + below(10));
        interpret(B.g, B.s0);
        pt2_str_addf(&s, "# seed %d\n", k);
        pt2_graph_print(B.g, &s);
        run_mode(s.data, 0, false, true);
        run_mode(s.data, 0, true, true);
        run_mode(s.data, 1u << k % PT2_OPT_COUNT, false, false);
        pt2_str_free(&s);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    open_device(argc, argv);
    runner_device = device_name;
    first = number("PT2_SEED", 1);
    count = number("PT2_CASES", getenv("PT2_SEED") ? 1 : strcmp(T.table->name, "vulkan") ? 20 : 60);
    failures += cmocka_run_group_tests(tests, NULL, NULL);
    pt2_module_free(&B.m);
    for (int k = 0; k < 1024; k++)
        free(I.data[k]);
    return close_device();
}
