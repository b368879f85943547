/* SPDX-License-Identifier: MIT
 * Assertions in tests/data/assertions.pt2: on a number read from data, on data, inside a branch, on sizes. Each fails
 * with its message and Python line, and the session works afterwards.
 *
 *     test_assertions opencl 0 */
#include "test_device.h"

struct input {
    int64_t n;
    float p, first; /* x is first, first + 0.25, … */
    int columns;
};

static pt2_status run(pt2_session *s, struct input in, int64_t *out_rows)
{
    float x[6 * 16];
    pt2_tensor n = { PT2_I64, 0, { 0 }, &in.n }, p = { PT2_F32, 1, { 1 }, &in.p };
    pt2_tensor t = { PT2_F32, 2, { 6, in.columns }, x }, out;
    for (int k = 0; k < 6 * in.columns; k++)
        x[k] = in.first + 0.25f * (float)k;
    MUST(pt2_session_set_input(s, 0, &n));
    MUST(pt2_session_set_input(s, 1, &p));
    MUST(pt2_session_set_input(s, 2, &t));
    pt2_status status = pt2_session_run(s);
    if (status == PT2_OK) {
        MUST(pt2_session_output(s, 0, &out));
        *out_rows = out.shape[0];
        CHECK(((const float *)out.data)[1] == 2 * x[1]);
    }
    return status;
}

static void succeed(pt2_session *s, struct input in)
{
    int64_t rows = 0;
    MUST(run(s, in, &rows));
    CHECK(rows == in.n);
}

static void refuse(pt2_session *s, struct input in, const char *words, const char *line)
{
    int64_t rows;
    pt2_status status = run(s, in, &rows);
    const char *said = pt2_error_message();
    if (status != PT2_ERR_INPUT || !strstr(said, words) || !strstr(said, line)) {
        printf("%s: %s\n  where \"%s\" and \"%s\" were expected\n", pt2_status_name(status), said, words, line);
        failures++;
    }
}

static void test(const char *backend)
{
    pt2_model *model;
    pt2_session *s;
    MUST(pt2_model_open(PT2_TEST_DATA "/assertions.pt2", &(pt2_model_params){ .backend = backend }, &model));
    MUST(pt2_session_create(model, &s));
    succeed(s, (struct input){ 3, 1, 0, 4 });
    refuse(s, (struct input){ 4, 1, 0, 4 }, "assertion failed: Runtime assertion failed for expression Ne(u0, 4)",
           "n.item()");
    refuse(s, (struct input){ 6, 1, 0, 4 }, "is 6 at run time, outside its range 2 to 5", "n.item()");
    refuse(s, (struct input){ 3, 1, -50, 4 }, "assertion failed: sum must be positive", "at mkasrt.py:");
    succeed(s, (struct input){ 5, 1, 0, 4 });
    refuse(s, (struct input){ 3, 1, 9, 4 }, "assertion failed: too large for the branch", "_assert_async");
    succeed(s, (struct input){ 3, -1, 9, 4 }); /* the other branch */
    succeed(s, (struct input){ 2, 1, 0, 6 });
    refuse(s, (struct input){ 3, 1, 0, 5 }, "input x: dimension 1 is 5, the model wants s44*2", "");
    pt2_session_destroy(&s);
    pt2_model_destroy(&model);
}

int main(int argc, char **argv)
{
    return test_backends_of(argc, argv, test);
}
