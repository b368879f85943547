/* SPDX-License-Identifier: MIT
 * Indices out of range in tests/data/index_state.pt2, which copies three rows of ones to the rows of its state that
 * index tensor i names: the run fails, no row is written that nobody named, and the session works afterwards.
 *
 *     test_indices opencl 0 */
#include "test_device.h"

enum { ROWS = 10, COLUMNS = 4, FIRST = 1, SECOND = 2, LAST = ROWS - 1 };

static pt2_status run(pt2_session *s, int64_t third, float value)
{
    int64_t at[3] = { FIRST, SECOND, third };
    float rows[3 * COLUMNS];
    pt2_tensor i = { PT2_I64, 1, { 3 }, at }, v = { PT2_F32, 2, { 3, COLUMNS }, rows };
    for (int k = 0; k < 3 * COLUMNS; k++)
        rows[k] = value;
    MUST(pt2_session_set_input(s, 0, &i));
    MUST(pt2_session_set_input(s, 1, &v));
    return pt2_session_run(s);
}

/* Rows that hold something else than zeros. */
static unsigned written(pt2_session *s)
{
    const char *name;
    pt2_tensor t;
    unsigned rows = 0;
    MUST(pt2_session_get_state(s, 0, &name, &t));
    for (int k = 0; k < ROWS * COLUMNS; k++)
        if (((const float *)t.data)[k] != 0)
            rows |= 1u << k / COLUMNS;
    return rows;
}

static const int64_t outside[] = { ROWS, -1, -ROWS, INT64_C(1) << 31, (INT64_C(1) << 32) + LAST,
                                   (INT64_C(1) << 40) + LAST, INT64_MIN, INT64_MAX };

static void test_refused(pt2_model *model)
{
    const unsigned named = 1u << FIRST | 1u << SECOND;
    pt2_session *s;
    pt2_tensor out;
    for (unsigned k = 0; k < sizeof outside / sizeof *outside; k++) {
        char words[80];
        snprintf(words, sizeof words, "index %lld is out of range for size %d", (long long)outside[k], ROWS);
        MUST(pt2_session_create(model, &s));
        CHECK(run(s, outside[k], 1) == PT2_ERR_INPUT);
        CHECK(strstr(pt2_error_message(), words) && strstr(pt2_error_message(), "(aten.index_copy"));
        CHECK(strstr(pt2_error_message(), "state.py:"));
        CHECK(pt2_session_output(s, 0, &out) == PT2_ERR_ARG);
        CHECK((written(s) & ~named) == 0);
        MUST(run(s, LAST, 1));
        CHECK(written(s) == (named | 1u << LAST));
        MUST(pt2_session_output(s, 0, &out));
        CHECK(((const float *)out.data)[LAST] == COLUMNS);
        pt2_session_destroy(&s);
    }
}

/* Sessions of one model do not hear of each other's indices. */
static void test_two_sessions(pt2_model *model)
{
    pt2_session *a, *b;
    MUST(pt2_session_create(model, &a));
    MUST(pt2_session_create(model, &b));
    CHECK(run(a, ROWS, 1) == PT2_ERR_INPUT);
    MUST(run(b, LAST, 1));
    CHECK(run(a, ROWS, 1) == PT2_ERR_INPUT);
    MUST(run(a, LAST, 1));
    pt2_session_destroy(&a);
    pt2_session_destroy(&b);
}

/* Where nobody checks, the run goes on, and writes nothing for such an index. */
static void test_trusted(const char *backend)
{
    pt2_model *model;
    pt2_session *s;
    char *plan;
    pt2_model_params params = { .backend = backend, .trust_indices = 1 };
    MUST(pt2_model_open(PT2_TEST_DATA "/index_state.pt2", &params, &model));
    MUST(pt2_model_plan_text(model, 0, &plan));
    CHECK(strstr(plan, "indices are not checked"));
    pt2_free(plan);
    for (unsigned k = 0; k < sizeof outside / sizeof *outside; k++) {
        MUST(pt2_session_create(model, &s));
        MUST(run(s, outside[k], 1));
        CHECK(written(s) == (1u << FIRST | 1u << SECOND));
        pt2_session_destroy(&s);
    }
    pt2_model_destroy(&model);
}

static void test(const char *backend)
{
    pt2_model *model;
    char *plan;
    MUST(pt2_model_open(PT2_TEST_DATA "/index_state.pt2", &(pt2_model_params){ .backend = backend }, &model));
    MUST(pt2_model_plan_text(model, 0, &plan));
    CHECK(strstr(plan, "are checked by kernel indices_of_index_copy"));
    pt2_free(plan);
    test_refused(model);
    test_two_sessions(model);
    pt2_model_destroy(&model);
    test_trusted(backend);
}

int main(int argc, char **argv)
{
    return test_backends_of(argc, argv, test);
}
