/* SPDX-License-Identifier: MIT
 * Inputs that stay where they are from run to run, on devices that may then read them in place: what is written there
 * counts, other memory counts as soon as it is bound, and an output can be the next run's input. The graph,
 * tests/data/flip.pt2, is 2 x + 1 with its rows, of 128 floats, turned round.
 *
 *     test_lend opencl 0 */
#include "test_device.h"

enum { COLUMNS = 128, MOST_ROWS = 96, RUNS = 5 };

static _Alignas(128) float memory[2][MOST_ROWS * COLUMNS + 16];

static float *run(pt2_session *s, float *data, int rows)
{
    static float before[MOST_ROWS * COLUMNS];
    pt2_tensor in = { PT2_F32, 2, { rows, COLUMNS }, data }, out;
    int wrong = 0;
    memcpy(before, data, (size_t)rows * COLUMNS * sizeof *data);
    MUST(pt2_session_set_input(s, 0, &in));
    MUST(pt2_session_run(s));
    MUST(pt2_session_output(s, 0, &out));
    CHECK(out.rank == 2 && out.shape[0] == rows);
    for (int k = 0; k < rows * COLUMNS; k++) {
        int column = k % COLUMNS;
        wrong += ((const float *)out.data)[k] != 2 * before[k - column + COLUMNS - 1 - column] + 1;
    }
    CHECK(wrong == 0);
    return out.data;
}

static float *run_filled(pt2_session *s, float *data, int rows, int first)
{
    for (int k = 0; k < rows * COLUMNS; k++)
        data[k] = (float)(first + k);
    return run(s, data, rows);
}

static void other_content(pt2_session *s)
{
    for (int k = 0; k < RUNS; k++)
        run_filled(s, memory[0], 64, k);
}

static void other_memory(pt2_session *s)
{
    for (int k = 0; k < 3 * RUNS; k++)
        run_filled(s, memory[k / RUNS % 2], 64, k);
    for (int k = 0; k < RUNS; k++)
        run_filled(s, memory[k % 2], 64, k);
}

static void other_sizes(pt2_session *s)
{
    for (int k = 0; k < 2 * RUNS; k++)
        run_filled(s, memory[0], k / RUNS ? 96 : 33, k);
}

static void unaligned(pt2_session *s)
{
    for (int k = 0; k < RUNS; k++)
        run_filled(s, memory[0] + 1, 64, k);
}

/* Each run overwrites what the run before has left, which is its own input. */
static void own_output(pt2_session *s)
{
    float *data = run_filled(s, memory[0], 64, 1);
    for (int k = 0; k < RUNS; k++)
        data = run(s, data, 64);
}

/* There is no result, and none of the run before, whose memory may be gone. */
static void failed_run(pt2_session *s)
{
    static float large[2000 * COLUMNS];
    pt2_tensor in = { PT2_F32, 2, { 2000, COLUMNS }, large }, out;
    run_filled(s, memory[0], 64, 1);
    MUST(pt2_session_set_input(s, 0, &in));
    CHECK(pt2_session_run(s) == PT2_ERR_INPUT);
    CHECK(pt2_session_output(s, 0, &out) == PT2_ERR_ARG);
    run_filled(s, memory[0], 64, 2);
}

static void test(const char *backend)
{
    static void (*const tests[])(pt2_session *) = { other_content, other_memory, other_sizes,
                                                    unaligned,     own_output,   failed_run };
    pt2_model *model;
    pt2_session *s;
    MUST(pt2_model_open(PT2_TEST_DATA "/flip.pt2", &(pt2_model_params){ .backend = backend }, &model));
    MUST(pt2_session_create(model, &s));
    for (size_t k = 0; k < sizeof tests / sizeof *tests; k++)
        tests[k](s);
    pt2_session_destroy(&s);
    pt2_model_destroy(&model);
}

int main(int argc, char **argv)
{
    return test_backends_of(argc, argv, test);
}
