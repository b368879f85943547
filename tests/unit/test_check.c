/* SPDX-License-Identifier: MIT
 * What `pt2gpu check` takes for a difference. A wrong kernel is made by changing what the reference backend stored:
 * changes as small as rounding pass, also where terms cancel or a narrower type was used on the way; larger ones, and
 * computing in too narrow a type, are found. */
#include "base/dtype.h"
#include "runtime/check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct fault {
    double relative, absolute; /* added, with changing signs: of the element's own magnitude, and as it is */
    bool single;               /* only to one element */
    bool neighbour;            /* one element is its neighbour's: a wrong index */
    bool narrow;               /* everything is rounded to float32 */
    bool halves;               /* only to elements that are float16 numbers */
};

static void tamper(void *ctx, const char *kernel, pt2_dtype t, void *data, int64_t count)
{
    const struct fault *f = ctx;
    (void)kernel;
    if (!pt2_dtype_is_float(t) || !count)
        return;
    for (int64_t k = 0; k < count; k++) {
        double v = pt2_load_double(t, data, k), sign = k * 2654435761u >> 3 & 1 ? 1 : -1;
        if (f->narrow)
            v = (double)(float)v;
        bool is_half = (double)pt2_f16_to_f32(pt2_f32_to_f16((float)v)) == v;
        if ((!f->single || k == count / 2) && (!f->halves || is_half))
            v += sign * (f->relative * fabs(v) + f->absolute);
        if (f->neighbour && k == count / 2 && k + 1 < count)
            v = pt2_load_double(t, data, k + 1);
        pt2_store_double(t, data, k, v);
    }
}

static const struct {
    const char *model;
    struct fault fault;
    bool found;
} cases[] = {
    {"half_inside", {.relative = 0}, false},
    {"half_inside", {.relative = 4e-4, .halves = true}, false}, /* another rounding to float16 */
    {"half_inside", {.neighbour = true}, true},
    {"half_inside", {.single = true, .absolute = 0.1}, true},
    {"half_inside", {.single = true, .absolute = -0.1}, true},
    {"float32_to_float64", {.relative = 1e-7}, false},
    {"float32_to_float64", {.narrow = true}, false}, /* it was float32 */
    {"float32_to_float64", {.single = true, .relative = 1e-3}, true},
    {"float32_to_float64", {.neighbour = true}, true},
    {"mean_of_normalised", {.absolute = 1e-8}, false},
    {"mean_of_normalised", {.single = true, .absolute = 1e-3}, true},
    {"float64", {.relative = 1e-15}, false},
    {"float64", {.narrow = true}, true},
    {"float64", {.single = true, .relative = 1e-6}, true},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[1024];
        struct fault fault = cases[i].fault;
        struct pt2_check_params how = { .tamper = tamper, .tamper_ctx = &fault };
        struct pt2_check_report report;
        pt2_model_params params = { .backend = "reference", .no_cache = 1 };
        snprintf(path, sizeof path, "%s/%s.pt2", PT2_TEST_DATA, cases[i].model);
        if (pt2_model_check(path, &params, &how, &report) != PT2_OK)
            fail_msg("%s: %s", path, pt2_error_message());
        if ((report.different > 0) != cases[i].found)
            fail_msg("case %zu, %s: %d kernels differ; kernel %s, element %lld is %.9g, reference %.9g, allowed %.3g",
                     i, cases[i].model, report.different, report.kernel, (long long)report.index, report.got,
                     report.want, report.tolerance);
    }
}

/* Random rounding is a function of its seed, and a seed of 0 is none. */
static void test_noise(void **state)
{
    static const uint32_t seeds[] = { 0, 0, 7, 7, 8 };
    double sums[COUNT(seeds)];
    pt2_model_params params = { .backend = "reference", .no_cache = 1 };
    pt2_model *model = NULL;
    (void)state;
    assert_int_equal(pt2_model_open(PT2_TEST_DATA "/half_inside.pt2", &params, &model), PT2_OK);
    for (size_t i = 0; i < COUNT(seeds); i++) {
        pt2_session *session = NULL;
        pt2_tensor out;
        assert_int_equal(pt2_session_create(model, &session), PT2_OK);
        pt2_session_set_noise(session, seeds[i]);
        assert_int_equal(pt2_session_run(session), PT2_OK);
        assert_int_equal(pt2_session_output(session, 0, &out), PT2_OK);
        sums[i] = 0;
        for (int64_t k = 0; k < out.shape[0] * out.shape[1] * out.shape[2] * out.shape[3]; k++)
            sums[i] += (double)(k % 7 + 1) * pt2_load_double(out.dtype, out.data, k);
        pt2_session_destroy(&session);
    }
    pt2_model_destroy(&model);
    assert_true(sums[0] == sums[1] && sums[2] == sums[3] && sums[2] != sums[4] && sums[0] != sums[2]);
    assert_true(fabs(sums[2] - sums[0]) < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_faults), cmocka_unit_test(test_noise) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
