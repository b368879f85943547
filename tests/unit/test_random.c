/* SPDX-License-Identifier: MIT
 * Seeds: in tests/data/random.pt2 (rand_like of 4, randn of 1000, dropout of 4) every run of a session draws other
 * numbers, the same seed draws the same ones again, and all devices draw the same.
 *
 *     test_random opencl 0 */
#include "test_device.h"

#include <math.h>

enum { COUNT = 4 + 1000 + 4, RUNS = 3 };

static pt2_session *open_session(const char *backend, pt2_model **out_model)
{
    pt2_session *s;
    MUST(pt2_model_open(PT2_TEST_DATA "/random.pt2", &(pt2_model_params){ .backend = backend }, out_model));
    MUST(pt2_session_create(*out_model, &s));
    return s;
}

static void draw(pt2_session *s, float *values)
{
    MUST(pt2_session_run(s));
    for (int k = 0; k < 3; k++) {
        pt2_tensor out;
        MUST(pt2_session_output(s, k, &out));
        CHECK(out.dtype == PT2_F32 && out.shape[0] == (k == 1 ? 1000 : 4));
        memcpy(values, out.data, (size_t)out.shape[0] * sizeof *values);
        values += out.shape[0];
    }
}

static bool same(const float *a, const float *b)
{
    bool r = true;
    for (int k = 0; k < COUNT; k++)
        r = r && fabsf(a[k] - b[k]) <= 4e-6f;
    return r;
}

/* The first runs after each of two seeds, 0 and 7. */
static void draw_all(const char *backend, float values[2][RUNS][COUNT])
{
    pt2_model *model;
    pt2_session *s = open_session(backend, &model);
    float again[COUNT];
    for (int seed = 0; seed < 2; seed++) {
        if (seed)
            pt2_session_set_seed(s, 7);
        for (int k = 0; k < RUNS; k++)
            draw(s, values[seed][k]);
    }
    pt2_session_set_seed(s, 0);
    draw(s, again);
    CHECK(same(again, values[0][0]));
    pt2_session_destroy(&s);
    pt2_model_destroy(&model);
}

int main(int argc, char **argv)
{
    static float ours[2][RUNS][COUNT], reference[2][RUNS][COUNT];
    const float(*all)[COUNT] = (const float(*)[COUNT])reference;
    double mean = 0, square = 0;
    open_device(argc, argv);
    draw_all("reference", reference);
    draw_all(device_name, ours);
    for (int k = 0; k < 2 * RUNS; k++) {
        CHECK(same(((const float(*)[COUNT])ours)[k], all[k]));
        for (int j = 0; j < k; j++)
            CHECK(!same(all[k], all[j]));
    }
    for (int k = 4; k < 1004; k++) {
        mean += (double)all[0][k] / 1000;
        square += (double)all[0][k] * (double)all[0][k] / 1000;
    }
    CHECK(fabs(mean) < 0.15 && fabs(square - 1) < 0.2);
    return close_device();
}
