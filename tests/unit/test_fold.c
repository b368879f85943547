/* SPDX-License-Identifier: MIT
 * Folding, end to end: a model whose weights decide a good part of it (a low-rank change, statistics, angles, operands
 * of a branch, one result), beside a buffer that it writes. */
#include "runtime/check.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#define MODEL PT2_TEST_DATA "/folded.pt2"

enum { RUNS = 3 };

static float answers[2][RUNS * 2][32]; /* of each model: both results of each run, then of another session */

static void must(pt2_status status)
{
    if (status != PT2_OK)
        fail_msg("%s", pt2_error_message());
}

static cJSON *plan_of(const pt2_model *model)
{
    char *text;
    must(pt2_model_plan_text(model, 1, &text));
    cJSON *plan = cJSON_Parse(text);
    pt2_free(text);
    return plan;
}

static double number(const cJSON *plan, const char *name)
{
    const cJSON *n = cJSON_GetObjectItem(plan, name);
    return cJSON_IsNumber(n) ? n->valuedouble : -1;
}

/* Three runs, the branch taken in turns; the written buffer makes them differ. */
static void run_session(pt2_model *model, float (*out)[32])
{
    pt2_session *session;
    float x[32];
    must(pt2_session_create(model, &session));
    for (int k = 0; k < RUNS; k++) {
        uint8_t go = k % 2 == 0;
        pt2_tensor in[2] = { { PT2_F32, 2, { 4, 8 }, x }, { PT2_BOOL, 0, { 0 }, &go } }, result;
        for (int j = 0; j < 32; j++)
            x[j] = (float)(j * 7 % 11 - 5) / 4;
        for (int j = 0; j < 2; j++)
            must(pt2_session_set_input(session, j, &in[j]));
        must(pt2_session_run(session));
        for (int j = 0; j < 2; j++) {
            must(pt2_session_output(session, j, &result));
            assert_int_equal(result.dtype, PT2_F32);
            memcpy(out[2 * k + j], result.data, j ? 32 : 128);
        }
    }
    pt2_session_destroy(&session);
}

static pt2_model *open_model(const char *without)
{
    pt2_model_params params = { .backend = "reference", .without = without };
    pt2_model *model;
    must(pt2_model_open(MODEL, &params, &model));
    return model;
}

static void test_same_numbers(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        pt2_model *model = open_model(k ? "fold" : NULL);
        run_session(model, answers[k]);
        pt2_model_destroy(&model);
    }
    for (int k = 0; k < RUNS * 2; k++)
        for (int j = 0; j < (k % 2 ? 8 : 32); j++)
            assert_true(fabsf(answers[0][k][j] - answers[1][k][j]) <= 1e-5f * fabsf(answers[1][k][j]) + 1e-6f);
    assert_true(memcmp(answers[0][0], answers[0][4], 128) != 0); /* the same inputs and branch, but other state */
}

/* Another session, and another one after the first has gone, find the same weights. */
static void test_sessions(void **state)
{
    pt2_model *model = open_model(NULL);
    (void)state;
    for (int k = 0; k < 2; k++) {
        run_session(model, answers[k]);
        assert_memory_equal(answers[0], answers[k], sizeof answers[0]);
    }
    pt2_model_destroy(&model);
}

static void test_launches(void **state)
{
    pt2_model *with = open_model(NULL), *without = open_model("fold");
    cJSON *a = plan_of(with), *b = plan_of(without), *load = cJSON_GetObjectItem(a, "load");
    (void)state;
    assert_true(number(a, "launches") < number(b, "launches"));
    assert_null(cJSON_GetObjectItem(b, "load"));
    assert_true(number(load, "launches") >= 5);
    assert_int_equal(number(load, "bytes_kept"), 4 * (64 + 8 + 8 + 8 + 8 + 1));
    cJSON_Delete(a);
    cJSON_Delete(b);
    pt2_model_destroy(&with);
    pt2_model_destroy(&without);
}

/* The comparison with the reference backend sees what runs at load too. */
static void test_check(void **state)
{
    pt2_model_params params = { .backend = "reference" };
    struct pt2_check_report report, unfolded;
    (void)state;
    must(pt2_model_check(MODEL, &params, NULL, &report));
    params.without = "fold";
    must(pt2_model_check(MODEL, &params, NULL, &unfolded));
    assert_int_equal(report.different + unfolded.different, 0);
    assert_true(report.skipped >= unfolded.skipped); /* all are the reference's own here */
}

static void test_names(void **state)
{
    pt2_model_params params = { .backend = "reference", .without = "cse,inlien" };
    pt2_model *model;
    (void)state;
    assert_int_equal(pt2_model_open(MODEL, &params, &model), PT2_ERR_ARG);
    assert_non_null(strstr(pt2_error_message(), "no optimisation 'inlien'"));
    params.without = "cse,fold,inline,fuse,tiles,rows,attention";
    must(pt2_model_open(MODEL, &params, &model));
    pt2_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_numbers), cmocka_unit_test(test_sessions), cmocka_unit_test(test_launches),
        cmocka_unit_test(test_check), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
