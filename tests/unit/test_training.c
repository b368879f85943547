/* SPDX-License-Identifier: MIT
 * tests/data/training.pt2, a training graph: loss = mean((x weight^T + bias - y)^2) with its gradients. The interface
 * names them, and they are those that differences of the loss give. */
#include "pt2gpu.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROWS = 4, COLUMNS = 8 };

static pt2_model *model;

static void must(pt2_status status)
{
    if (status != PT2_OK)
        fail_msg("%s", pt2_error_message());
}

static const float *run(pt2_session *s, int index, const float *x, const float *y)
{
    pt2_tensor in[2] = { { .dtype = PT2_F32, .rank = 2, .shape = { ROWS, COLUMNS }, .data = (void *)(uintptr_t)x },
                         { .dtype = PT2_F32, .rank = 2, .shape = { ROWS, 1 }, .data = (void *)(uintptr_t)y } };
    pt2_tensor out;
    for (int k = 0; k < 2; k++)
        must(pt2_session_set_input(s, k, &in[k]));
    must(pt2_session_run(s));
    must(pt2_session_output(s, index, &out));
    return out.data;
}

static void test_names(void **state)
{
    static const struct {
        const char *name, *of;
        pt2_output_role role;
    } want[] = {
        { "out_0", NULL, PT2_ROLE_LOSS },
        { "l.weight.grad", "l.weight", PT2_ROLE_PARAMETER_GRADIENT },
        { "l.bias.grad", "l.bias", PT2_ROLE_PARAMETER_GRADIENT },
    };
    pt2_leaf_info info;
    (void)state;
    assert_int_equal(pt2_model_output_count(model), 3);
    for (int k = 0; k < 3; k++) {
        must(pt2_model_output_info(model, k, &info));
        assert_string_equal(info.name, want[k].name);
        assert_int_equal(info.role, want[k].role);
        assert_true(!info.gradient_of == !want[k].of);
        if (want[k].of)
            assert_string_equal(info.gradient_of, want[k].of);
    }
    must(pt2_model_input_info(model, 0, &info));
    assert_true(info.role == PT2_ROLE_RESULT && !info.gradient_of);
}

/* Less of y is more of the bias. */
static void test_gradient(void **state)
{
    static const float step = 0.01f;
    float x[ROWS * COLUMNS], y[ROWS], less[ROWS], more[ROWS];
    pt2_session *s;
    (void)state;
    for (int i = 0; i < ROWS * COLUMNS; i++)
        x[i] = sinf((float)i);
    for (int i = 0; i < ROWS; i++) {
        y[i] = cosf((float)i);
        less[i] = y[i] - step;
        more[i] = y[i] + step;
    }
    must(pt2_session_create(model, &s));
    float gradient = *run(s, 2, x, y), high = *run(s, 0, x, less), low = *run(s, 0, x, more);
    assert_true(fabsf(gradient) > 0.01f);
    assert_true(fabsf(gradient - (high - low) / (2 * step)) < 1e-3f * fabsf(gradient) + 1e-3f);
    pt2_session_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_gradient) };
    must(pt2_model_open(PT2_TEST_DATA "/training.pt2", &(pt2_model_params){ .backend = "reference" }, &model));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pt2_model_destroy(&model);
    return failed;
}
