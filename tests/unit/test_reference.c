/* SPDX-License-Identifier: MIT
 * The reference backend's interpreter: kernels built by hand, run through its table, compared with numbers that this
 * file computes another way. */
#include "backend.h"
#include "kernel/kernel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct pt2_backend pt2_reference;

/* ---- a kernel being built, and its memory ---- */

enum { MAX_BUFS = 8, MAX_STAGES = 8 };

static struct pt2_exprs E;
static struct pt2_device *device;

static struct fixture {
    struct pt2_kernel kernel;
    struct pt2_kernel_buf bufs[MAX_BUFS];
    struct pt2_stage stages[MAX_STAGES];
    pt2_ex loops[MAX_STAGES][4];
    void *data[MAX_BUFS];
    size_t count[MAX_BUFS];
    int32_t params[4];
    uint64_t points;
} k;

static void begin(uint64_t points)
{
    memset(&k, 0, sizeof k);
    k.kernel.name = "k";
    k.kernel.bufs = k.bufs;
    k.kernel.stages = k.stages;
    k.points = points;
}

static int buf(pt2_dtype t, void *data, size_t count, bool write)
{
    int n = k.kernel.num_bufs++;
    k.bufs[n] = (struct pt2_kernel_buf){ .dtype = t, .read = !write, .write = write };
    k.data[n] = data;
    k.count[n] = count;
    return n;
}

static struct pt2_stage *stage(enum pt2_stage_kind kind, enum pt2_reduce_op op, pt2_ex body, int num_loops, ...)
{
    int n = k.kernel.num_stages++;
    struct pt2_stage *s = &k.stages[n];
    *s = (struct pt2_stage){ .kind = kind, .op = op, .first_axis = 1, .num_loops = num_loops, .loops = k.loops[n],
                             .body = body, .buf = -1, .buf2 = -1 };
    s->dtype = op == PT2_RED_ARGMAX || op == PT2_RED_ARGMIN ? (int)PT2_I64 : body->dtype;
    va_list ap;
    va_start(ap, num_loops);
    for (int i = 0; i < num_loops; i++)
        k.loops[n][i] = va_arg(ap, pt2_ex);
    va_end(ap);
    return s;
}

static struct pt2_stage *store(int to, pt2_ex index, pt2_ex body)
{
    struct pt2_stage *s = stage(PT2_STAGE_STORE, PT2_RED_SET, body, 0);
    s->buf = to;
    s->index = index;
    return s;
}

static pt2_status submit(struct pt2_program_obj *program)
{
    struct pt2_binding b[MAX_BUFS] = { 0 };
    struct pt2_exec *exec;
    uint64_t point = 0;
    for (int i = 0; i < k.kernel.num_bufs; i++) {
        b[i].size = k.count[i] * pt2_dtype_size(k.bufs[i].dtype);
        if (!b[i].size)
            continue;
        assert_int_equal(pt2_reference.buf_create(device, b[i].size, &b[i].buf), PT2_OK);
        assert_int_equal(pt2_reference.buf_write(device, b[i].buf, 0, k.data[i], b[i].size), PT2_OK);
    }
    struct pt2_launch l = { .program = program, .bindings = b, .params = k.params, .points = k.points };
    assert_int_equal(pt2_reference.exec_create(device, &l, 1, true, &exec), PT2_OK);
    pt2_status status = pt2_reference.submit(device, exec, 0, &point);
    assert_true(point > 0);
    assert_int_equal(pt2_reference.wait(device, point, UINT64_MAX), PT2_OK);
    for (int i = 0; i < k.kernel.num_bufs; i++) {
        if (k.bufs[i].write && b[i].size)
            assert_int_equal(pt2_reference.buf_read(device, b[i].buf, 0, k.data[i], b[i].size), PT2_OK);
        pt2_reference.buf_destroy(device, b[i].buf);
    }
    pt2_reference.exec_destroy(device, exec);
    return status;
}

static pt2_status run(void)
{
    const struct pt2_kernel *kernel = &k.kernel;
    struct pt2_program_obj *program = NULL;
    pt2_status status = pt2_reference.compile(device, &kernel, 1, NULL, &program);
    if (status != PT2_OK)
        return status;
    status = submit(program);
    pt2_reference.program_destroy(device, program);
    return status;
}

static void ok(pt2_status status)
{
    if (status != PT2_OK)
        fail_msg("%s: %s", pt2_status_name(status), pt2_error_message());
}

/* ---- short names ---- */

static pt2_ex num(int64_t i) { return pt2_idx(&E, i); }
static pt2_ex var(int axis, int64_t extent) { return pt2_var(&E, axis, num(extent)); }
static pt2_ex load(int buf_number, int dtype, pt2_ex index) { return pt2_load_raw(&E, dtype, buf_number, 1, &index); }
static pt2_ex add(pt2_ex a, pt2_ex b) { return pt2_add(&E, a, b); }
static pt2_ex mul(pt2_ex a, pt2_ex b) { return pt2_mul(&E, a, b); }
static pt2_ex row(pt2_ex i, int64_t n, pt2_ex j) { return add(pt2_muli(&E, i, n), j); }

static float noise(int i)
{
    return (float)((i % 100003 * 7919 + 13) % 1009) / 101.f - 5.f;
}

static void fill(float *d, int n)
{
    for (int i = 0; i < n; i++)
        d[i] = noise(i);
}

/* ---- pointwise ---- */

static void test_pointwise(void **state)
{
    static float a[1000], out[1000];
    (void)state;
    fill(a, 1000);
    begin(1000);
    k.kernel.num_params = 1;
    k.params[0] = 3;
    int in = buf(PT2_F32, a, 1000, false), to = buf(PT2_F32, out, 1000, true);
    pt2_ex i = var(0, 1000), x = load(in, PT2_F32, i);
    pt2_ex p = pt2_cast(&E, PT2_F32, pt2_param(&E, 0, 0, 100));
    store(to, i, pt2_max(&E, add(mul(x, x), mul(p, x)), pt2_num(&E, PT2_F32, -1)));
    ok(run());
    for (int j = 0; j < 1000; j++)
        assert_true(out[j] == fmaxf(a[j] * a[j] + 3 * a[j], -1));
}

static void test_dtypes(void **state)
{
    static const pt2_dtype types[] = { PT2_BOOL, PT2_U8, PT2_I8, PT2_U16, PT2_I16, PT2_U32, PT2_I32, PT2_U64, PT2_I64,
                                       PT2_F16, PT2_BF16, PT2_F32, PT2_F64, PT2_F8E4M3FN, PT2_F8E5M2, PT2_F8E4M3FNUZ,
                                       PT2_F8E5M2FNUZ, PT2_F8E8M0FNU };
    enum { N = sizeof types / sizeof *types, COUNT = 40 };
    static double src[COUNT];
    static char mid[COUNT * 8], back[COUNT * 8], want[COUNT * 8];
    (void)state;
    for (int i = 0; i < COUNT; i++)
        src[i] = (i - 20) * 0.75;
    for (int t = 0; t < N; t++) {
        size_t size = pt2_dtype_size(types[t]);
        bool is_float = pt2_dtype_is_float(types[t]);
        int compute = (int)pt2_dtype_compute(types[t]);
        begin(COUNT);
        int a = buf(PT2_F64, src, COUNT, false), m = buf(types[t], mid, COUNT, true);
        store(m, var(0, COUNT), pt2_cast(&E, compute, load(a, PT2_F64, var(0, COUNT))));
        ok(run());
        begin(COUNT);
        m = buf(types[t], mid, COUNT, false);
        int o = buf(types[t], back, COUNT, true);
        store(o, var(0, COUNT), load(m, compute, var(0, COUNT)));
        ok(run());
        for (int i = 0; i < COUNT; i++)
            if (is_float)
                pt2_store_double(types[t], want, i, src[i]);
            else
                pt2_store_int(types[t], want, i, types[t] == PT2_BOOL ? src[i] != 0 : (int64_t)src[i]);
        assert_memory_equal(mid, want, size * COUNT);
        assert_memory_equal(back, want, size * COUNT);
    }
}

static int64_t eval_int(enum pt2_expr_op op, int dtype, int64_t a, int64_t b)
{
    int64_t in[2], out = 77;
    begin(1);
    pt2_dtype t = (pt2_dtype)dtype;
    for (int i = 0; i < 2; i++)
        pt2_store_int(t, in, i, i ? b : a);
    int from = buf(t, in, 2, false);
    bool compares = op == PT2_E_LT || op == PT2_E_LE;
    int to = buf(compares ? PT2_BOOL : t, &out, 1, true);
    store(to, num(0), pt2_bin(&E, op, load(from, dtype, num(0)), load(from, dtype, num(1))));
    ok(run());
    return pt2_load_int(compares ? PT2_BOOL : t, &out, 0);
}

static void test_integers(void **state)
{
    (void)state;
    assert_int_equal(eval_int(PT2_E_ADD, PT2_I8, 100, 100), -56);
    assert_int_equal(eval_int(PT2_E_MUL, PT2_U8, 20, 20), 144);
    assert_int_equal(eval_int(PT2_E_SUB, PT2_U32, 0, 1), UINT32_MAX);
    assert_int_equal(eval_int(PT2_E_FLOORDIV, PT2_I64, -7, 2), -4);
    assert_int_equal(eval_int(PT2_E_FLOORMOD, PT2_I64, -7, 2), 1);
    assert_int_equal(eval_int(PT2_E_FLOORMOD, PT2_I32, 7, -2), -1);
    assert_int_equal(eval_int(PT2_E_TRUNCDIV, PT2_I64, -7, 2), -3);
    assert_int_equal(eval_int(PT2_E_REM, PT2_I64, -7, 2), -1);
    assert_int_equal(eval_int(PT2_E_TRUNCDIV, PT2_I64, 5, 0), 0);
    assert_int_equal(eval_int(PT2_E_TRUNCDIV, PT2_I64, INT64_MIN, -1), INT64_MIN);
    assert_int_equal(eval_int(PT2_E_TRUNCDIV, PT2_I32, INT32_MIN, -1), INT32_MIN);
    assert_int_equal(eval_int(PT2_E_REM, PT2_I64, INT64_MIN, -1), 0);
    assert_int_equal(eval_int(PT2_E_TRUNCDIV, PT2_U64, -1, 2), INT64_MAX);
    assert_int_equal(eval_int(PT2_E_LT, PT2_U64, 1, -1), 1);
    assert_int_equal(eval_int(PT2_E_LT, PT2_I64, 1, -1), 0);
    assert_int_equal(eval_int(PT2_E_POW, PT2_I64, 3, 5), 243);
    assert_int_equal(eval_int(PT2_E_POW, PT2_I64, -1, -3), -1);
    assert_int_equal(eval_int(PT2_E_POW, PT2_I64, 2, -1), 0);
    assert_int_equal(eval_int(PT2_E_GCD, PT2_I32, -12, 18), 6);
    assert_int_equal(eval_int(PT2_E_SHL, PT2_I32, 1, 31), INT32_MIN);
    assert_int_equal(eval_int(PT2_E_SHL, PT2_I32, 1, 32), 0);
    assert_int_equal(eval_int(PT2_E_SHL, PT2_I32, 1, -1), 0);
    assert_int_equal(eval_int(PT2_E_SHR, PT2_I16, -5, 20), -1);
    assert_int_equal(eval_int(PT2_E_SHR, PT2_U8, 200, 3), 25);
    assert_int_equal(eval_int(PT2_E_MAX, PT2_U64, -1, 1), -1);
}

static double eval_float(enum pt2_expr_op op, int dtype, double a, double b)
{
    double in[2] = { a, b };
    double out;
    begin(1);
    int from = buf(PT2_F64, in, 2, false), to = buf(PT2_F64, &out, 1, true);
    pt2_ex x = pt2_cast(&E, dtype, load(from, PT2_F64, num(0))), y = pt2_cast(&E, dtype, load(from, PT2_F64, num(1)));
    store(to, num(0), pt2_cast(&E, PT2_F64, isnan(b) ? pt2_un(&E, op, x) : pt2_bin(&E, op, x, y)));
    ok(run());
    return out;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)) && !(isnan(got) && isnan(want)) && got != want)
        fail_msg("%.17g is not %.17g", got, want);
}

static void test_floats(void **state)
{
    double nan = (double)NAN, inf = (double)INFINITY;
    (void)state;
    near(eval_float(PT2_E_FLOORDIV, PT2_F32, -7, 2), -4, 0);
    near(eval_float(PT2_E_FLOORMOD, PT2_F64, -7.5, 2), 0.5, 0);
    near(eval_float(PT2_E_REM, PT2_F64, -7.5, 2), -1.5, 0);
    near(eval_float(PT2_E_TRUNCDIV, PT2_F32, -7, 2), -3, 0);
    near(eval_float(PT2_E_ROUND, PT2_F32, 2.5, nan), 2, 0);
    near(eval_float(PT2_E_ERFINV, PT2_F64, 0.5, nan), 0.47693627620446987, 1e-15);
    near(eval_float(PT2_E_ERFINV, PT2_F64, -0.9999, nan), -2.7510639057120607, 1e-14);
    near(eval_float(PT2_E_ERFINV, PT2_F64, 1 - 1e-15, nan), 5.6759157397447126, 1e-12);
    near(eval_float(PT2_E_ERFINV, PT2_F32, 1, nan), inf, 0);
    near(eval_float(PT2_E_DIGAMMA, PT2_F64, 1, nan), -0.57721566490153286, 1e-14);
    near(eval_float(PT2_E_DIGAMMA, PT2_F64, -1.5, nan), 0.70315664064524319, 1e-13);
    near(eval_float(PT2_E_LGAMMA, PT2_F64, -1.5, nan), 0.86004701537648101, 1e-14);
    near(eval_float(PT2_E_LGAMMA, PT2_F64, 10, nan), 12.801827480081469, 1e-15);
    near(eval_float(PT2_E_IGAMMA, PT2_F64, 2, 3), 0.80085172652854419, 1e-14);
    near(eval_float(PT2_E_IGAMMAC, PT2_F64, 2, 30), 2.9008631203404542e-12, 1e-14);
    near(eval_float(PT2_E_IGAMMA, PT2_F64, 1000, 1000), 0.50420524418, 1e-9);
    near(eval_float(PT2_E_ZETA, PT2_F64, 2, 1), 1.6449340668482264, 1e-14);
    near(eval_float(PT2_E_ZETA, PT2_F64, 3, 2.5), 0.118102025820863, 1e-13);
    near(eval_float(PT2_E_TANH, PT2_F32, 0.3, nan), (double)(float)tanh((double)0.3f), 0);
    near(eval_float(PT2_E_RSQRT, PT2_F32, 4, nan), 0.5, 0);
    near(eval_float(PT2_E_MAX, PT2_F32, 4, 5), 5, 0);
}

static void test_random(void **state)
{
    float out[4];
    (void)state;
    begin(4);
    store(buf(PT2_F32, out, 4, true), var(0, 4), pt2_bin(&E, PT2_E_RANDOM, num(0), var(0, 4)));
    ok(run());
    /* Random123's known answer: counter 0, key 0 gives 6627e8d5. */
    assert_true(out[0] == (float)(0x6627e8d5 >> 8) * 0x1p-24f);
    assert_true(out[1] != out[0] && out[1] >= 0 && out[1] < 1);
}

/* ---- reductions ---- */

static void matrix_sum(int rows, int cols)
{
    float *a = malloc(sizeof *a * (size_t)(rows * cols)), *out = malloc(sizeof *out * (size_t)rows);
    int64_t *arg = malloc(sizeof *arg * (size_t)rows);
    fill(a, rows * cols);
    begin((uint64_t)rows);
    int in = buf(PT2_F32, a, (size_t)(rows * cols), false), to = buf(PT2_F32, out, (size_t)rows, true);
    int to2 = buf(PT2_I64, arg, (size_t)rows, true);
    pt2_ex x = load(in, PT2_F32, row(var(0, rows), cols, var(1, cols)));
    stage(PT2_STAGE_REDUCE, PT2_RED_SUM, x, 1, num(cols));
    stage(PT2_STAGE_REDUCE, PT2_RED_ARGMAX, x, 1, num(cols));
    store(to, var(0, rows), pt2_reg(&E, 0, PT2_F32));
    store(to2, var(0, rows), pt2_reg(&E, 1, PT2_I64));
    ok(run());
    for (int i = 0; i < rows; i++) {
        double sum = 0;
        int best = 0;
        for (int j = 0; j < cols; j++) {
            sum += (double)a[i * cols + j];
            best = a[i * cols + j] > a[i * cols + best] ? j : best;
        }
        near((double)out[i], sum, 1e-6);
        assert_int_equal(arg[i], best);
    }
    free(a);
    free(out);
    free(arg);
}

static void test_reduce(void **state)
{
    (void)state;
    matrix_sum(1, 1);
    matrix_sum(1, 100000); /* lanes along the loop */
    matrix_sum(3, 1000);
    matrix_sum(700, 5);    /* lanes along the points */
    matrix_sum(2000, 300); /* threads */
    matrix_sum(40, 63);
}

static void reduce_rows(enum pt2_reduce_op op, const float *a, int rows, int cols, float *out, int64_t *arg)
{
    bool is_arg = op == PT2_RED_ARGMAX || op == PT2_RED_ARGMIN;
    begin((uint64_t)rows);
    int in = buf(PT2_F32, (void *)(uintptr_t)a, (size_t)(rows * cols), false);
    int to = is_arg ? buf(PT2_I64, arg, (size_t)rows, true) : buf(PT2_F32, out, (size_t)rows, true);
    stage(PT2_STAGE_REDUCE, op, load(in, PT2_F32, row(var(0, rows), cols, var(1, cols))), 1, num(cols));
    store(to, var(0, rows), pt2_reg(&E, 0, is_arg ? (int)PT2_I64 : (int)PT2_F32));
    ok(run());
}

static void test_nan_and_ties(void **state)
{
    static float a[3 * 200], out[100];
    int64_t arg[100];
    (void)state;
    for (int rows = 1; rows <= 60; rows += 59) { /* both ways of laying lanes */
        int cols = rows == 1 ? 600 : 10;
        for (int i = 0; i < rows * cols; i++)
            a[i] = (float)(i % 5);
        reduce_rows(PT2_RED_ARGMAX, a, rows, cols, NULL, arg);
        assert_int_equal(arg[0], 4);
        reduce_rows(PT2_RED_ARGMIN, a, rows, cols, NULL, arg);
        assert_int_equal(arg[0], 0);
        a[7] = a[9] = NAN;
        reduce_rows(PT2_RED_ARGMIN, a, rows, cols, NULL, arg);
        assert_int_equal(arg[0], 7);
        reduce_rows(PT2_RED_MIN, a, rows, cols, out, NULL);
        assert_true(isnan(out[0]));
        reduce_rows(PT2_RED_MAX, a, rows, cols, out, NULL);
        assert_true(isnan(out[0]));
    }
    reduce_rows(PT2_RED_MAX, a, 5, 0, out, NULL);
    assert_true(isinf(out[4]) && out[4] < 0);
    reduce_rows(PT2_RED_ARGMAX, a, 5, 0, NULL, arg);
    assert_int_equal(arg[4], 0);
    a[0] = 1000, a[1] = 1001;
    reduce_rows(PT2_RED_LOGADDEXP, a, 1, 2, out, NULL);
    near((double)out[0], 1001.3132616875182, 1e-7);
}

static void test_precise_sum(void **state)
{
    enum { N = 1 << 20 };
    float *a = malloc(sizeof *a * N), out[1];
    (void)state;
    for (int i = 0; i < N; i++)
        a[i] = 0.1f;
    reduce_rows(PT2_RED_SUM, a, 1, N, out, NULL);
    assert_true(out[0] == (float)((double)0.1f * N));
    free(a);
}

static void test_integer_reductions(void **state)
{
    uint64_t a[4] = { 5, UINT64_MAX, 7, 1 }, out[2];
    int64_t arg[2];
    (void)state;
    begin(1);
    int in = buf(PT2_U64, a, 4, false), to = buf(PT2_U64, out, 2, true), to2 = buf(PT2_I64, arg, 2, true);
    pt2_ex x = load(in, PT2_U64, var(1, 4));
    stage(PT2_STAGE_REDUCE, PT2_RED_MAX, x, 1, num(4));
    stage(PT2_STAGE_REDUCE, PT2_RED_MIN, x, 1, num(4));
    stage(PT2_STAGE_REDUCE, PT2_RED_ARGMAX, x, 1, num(4));
    stage(PT2_STAGE_REDUCE, PT2_RED_ARGMIN, x, 1, num(4));
    for (int i = 0; i < 2; i++) {
        store(to, num(i), pt2_reg(&E, i, PT2_U64));
        store(to2, num(i), pt2_reg(&E, 2 + i, PT2_I64));
    }
    ok(run());
    assert_true(out[0] == UINT64_MAX && out[1] == 1);
    assert_true(arg[0] == 1 && arg[1] == 3);
}

/* Two stages and a nested loop: softmax over a [rows, p, q] tensor's last two axes. */
static void test_softmax(void **state)
{
    enum { R = 300, P = 3, Q = 7, N = P * Q };
    static float a[R * N], out[R * N];
    (void)state;
    fill(a, R * N);
    for (int rows = 1; rows <= R; rows += R - 1) {
        begin((uint64_t)rows);
        int in = buf(PT2_F32, a, R * N, false), to = buf(PT2_F32, out, R * N, true);
        pt2_ex at = row(var(0, R), N, row(var(1, P), Q, var(2, Q))), x = load(in, PT2_F32, at);
        stage(PT2_STAGE_REDUCE, PT2_RED_MAX, x, 2, num(P), num(Q));
        pt2_ex e = pt2_un(&E, PT2_E_EXP, pt2_sub(&E, x, pt2_reg(&E, 0, PT2_F32)));
        stage(PT2_STAGE_REDUCE, PT2_RED_SUM, e, 2, num(P), num(Q));
        struct pt2_stage *s = stage(PT2_STAGE_STORE, PT2_RED_SET, pt2_bin(&E, PT2_E_DIV, e, pt2_reg(&E, 1, PT2_F32)),
                                    2, num(P), num(Q));
        s->buf = to;
        s->index = at;
        ok(run());
        for (int i = 0; i < rows; i++) {
            double sum = 0;
            for (int j = 0; j < N; j++)
                sum += exp((double)a[i * N + j]);
            for (int j = 0; j < N; j++)
                near((double)out[i * N + j], exp((double)a[i * N + j]) / sum, 2e-6);
        }
    }
}

/* ---- scatter, scan, sort ---- */

static void test_scatter(void **state)
{
    enum { N = 1000, BINS = 10 };
    static int64_t at[N];
    float out[BINS], last[BINS], want[BINS] = { 0 }, want_last[BINS] = { 0 };
    (void)state;
    for (int i = 0; i < N; i++) {
        at[i] = (i * 7) % 13 - 1; /* -1 and 10, 11 are masked */
        if (at[i] >= 0 && at[i] < BINS) {
            want[at[i]] += (float)i;
            want_last[at[i]] = (float)i;
        }
    }
    memset(out, 0, sizeof out);
    memset(last, 0, sizeof last);
    begin(1);
    int in = buf(PT2_I64, at, N, false), to = buf(PT2_F32, out, BINS, true), to2 = buf(PT2_F32, last, BINS, true);
    pt2_ex index = pt2_cast(&E, PT2_IDX, load(in, PT2_I64, var(1, N)));
    pt2_ex inside = pt2_and(&E, pt2_le(&E, num(0), index), pt2_lt(&E, index, num(BINS)));
    for (int i = 0; i < 2; i++) {
        struct pt2_stage *s = stage(PT2_STAGE_STORE, i ? PT2_RED_SET : PT2_RED_SUM,
                                    pt2_cast(&E, PT2_F32, var(1, N)), 1, num(N));
        s->buf = i ? to2 : to;
        s->index = index;
        s->cond = inside;
    }
    ok(run());
    assert_memory_equal(out, want, sizeof out);
    assert_memory_equal(last, want_last, sizeof last);
}

static void test_scan(void **state)
{
    enum { N = 100 };
    static float a[40 * N], out[40 * N];
    static int64_t arg[40 * N];
    (void)state;
    fill(a, 40 * N);
    a[50] = a[20];
    for (int rows = 1; rows <= 40; rows += 39) {
        begin((uint64_t)rows);
        int in = buf(PT2_F32, a, 40 * N, false), to = buf(PT2_F32, out, 40 * N, true);
        int to2 = buf(PT2_I64, arg, 40 * N, true);
        pt2_ex at = row(var(0, 40), N, var(1, N)), x = load(in, PT2_F32, at);
        struct pt2_stage *s = stage(PT2_STAGE_SCAN, PT2_RED_SUM, x, 1, num(N));
        s->buf = to, s->index = at, s->reverse = true;
        s = stage(PT2_STAGE_SCAN, PT2_RED_ARGMAX, x, 1, num(N));
        s->buf = to2, s->index = at;
        ok(run());
        for (int i = 0; i < rows; i++) {
            double sum = 0;
            int best = 0;
            for (int j = 0; j < N; j++)
                best = a[i * N + j] >= a[i * N + best] ? j : best, assert_int_equal(arg[i * N + j], best);
            for (int j = N - 1; j >= 0; j--)
                sum += (double)a[i * N + j], assert_true(out[i * N + j] == (float)sum);
        }
    }
}

static void sort_rows(int rows, int n, bool descending)
{
    float *a = malloc(sizeof *a * (size_t)(rows * n)), *out = malloc(sizeof *out * (size_t)(rows * n));
    int64_t *pos = malloc(sizeof *pos * (size_t)(rows * n));
    for (int i = 0; i < rows * n; i++)
        a[i] = i % 11 == 3 ? NAN : i % 7 == 2 ? -0.f : (float)((i * 31) % 17 - 8);
    begin((uint64_t)rows);
    int in = buf(PT2_F32, a, (size_t)(rows * n), false), to = buf(PT2_F32, out, (size_t)(rows * n), true);
    int to2 = buf(PT2_I64, pos, (size_t)(rows * n), true);
    pt2_ex at = row(var(0, rows), n, var(1, n));
    struct pt2_stage *s = stage(PT2_STAGE_SORT, PT2_RED_SET, load(in, PT2_F32, at), 1, num(n));
    s->buf = to, s->buf2 = to2, s->index = at, s->reverse = descending;
    ok(run());
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < n; j++) {
            float *o = out + i * n;
            int64_t *p = pos + i * n;
            assert_memory_equal(&o[j], &a[i * n + p[j]], sizeof(float));
            if (!j)
                continue;
            float lo = descending ? o[j] : o[j - 1], hi = descending ? o[j - 1] : o[j];
            assert_true(isnan(hi) || lo <= hi);
            assert_true(!(lo == hi || (isnan(lo) && isnan(hi))) || p[j - 1] < p[j]);
        }
    }
    free(a);
    free(out);
    free(pos);
}

static void test_sort(void **state)
{
    (void)state;
    sort_rows(1, 1, false);
    sort_rows(5, 30, true);
    sort_rows(300, 33, false);
    sort_rows(3, 1000, false);
    sort_rows(70, 500, true);
}

/* ---- guards ---- */

static pt2_status gather(int64_t index, int64_t masked, bool lenient)
{
    int64_t at[3] = { 0, index, 1 };
    float table[3] = { 10, 20, 30 };
    static float out[3];
    begin(3);
    int in = buf(PT2_I64, at, 3, false), from = buf(PT2_F32, table, 3, false), to = buf(PT2_F32, out, 3, true);
    pt2_ex i = var(0, 3), raw = pt2_cast(&E, PT2_IDX, load(in, PT2_I64, i));
    pt2_ex x = load(from, PT2_F32, lenient ? raw : pt2_bin(&E, PT2_E_CHECK, raw, num(3)));
    if (masked)
        x = pt2_select(&E, pt2_eq(&E, raw, num(masked)), pt2_num(&E, PT2_F32, 0), x);
    store(to, i, x);
    return run();
}

static void test_check(void **state)
{
    (void)state;
    assert_int_equal(gather(2, 0, false), PT2_OK);
    assert_int_equal(gather(-3, 0, false), PT2_OK);
    assert_int_equal(gather(3, 0, false), PT2_OK);
    assert_int_equal(gather(INT64_MIN, 0, false), PT2_OK);
    assert_int_equal(gather(3, 3, false), PT2_OK);
    assert_int_equal(gather(3, 0, true), PT2_ERR_INTERNAL);
    assert_non_null(strstr(pt2_error_message(), "outside buffer 1: element 3 of 3"));
    assert_int_equal(gather(INT64_MIN, 0, true), PT2_ERR_INTERNAL);
}

/* A load from an empty tensor in the arm that is not taken; a loop that never runs. */
static void test_empty(void **state)
{
    float a[2] = { 1, 2 }, out[2];
    (void)state;
    begin(2);
    int in = buf(PT2_F32, a, 2, false), none = buf(PT2_F32, NULL, 0, false), to = buf(PT2_F32, out, 2, true);
    pt2_ex i = var(0, 2), c = pt2_lt(&E, load(in, PT2_F32, i), pt2_num(&E, PT2_F32, 100));
    store(to, i, pt2_select(&E, c, load(in, PT2_F32, i), load(none, PT2_F32, i)));
    stage(PT2_STAGE_REDUCE, PT2_RED_SUM, load(none, PT2_F32, i), 1, num(0));
    ok(run());
    assert_true(out[0] == 1 && out[1] == 2);
    store(to, i, load(none, PT2_F32, i));
    assert_int_equal(run(), PT2_ERR_INTERNAL);
}

static void test_refuses(void **state)
{
    float a[2] = { 0 };
    (void)state;
    begin(2);
    store(buf(PT2_F32, a, 2, true), var(0, 2), pt2_num(&E, PT2_F64, 1));
    assert_int_equal(run(), PT2_ERR_INTERNAL);
    begin(2);
    store(buf(PT2_F32, a, 2, true), var(0, 2), load(3, PT2_F32, var(0, 2)));
    assert_int_equal(run(), PT2_ERR_INTERNAL);
    begin(2);
    store(buf(PT2_F32, a, 2, true), var(5, 2), pt2_num(&E, PT2_F32, 1));
    assert_int_equal(run(), PT2_ERR_INTERNAL);
}

static int setup(void **state)
{
    (void)state;
    pt2_exprs_init(&E);
    return pt2_reference.open(0, &device) == PT2_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pt2_reference.close(device);
    pt2_exprs_free(&E);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointwise), cmocka_unit_test(test_dtypes), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_floats), cmocka_unit_test(test_random), cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_nan_and_ties), cmocka_unit_test(test_precise_sum),
        cmocka_unit_test(test_integer_reductions), cmocka_unit_test(test_softmax), cmocka_unit_test(test_scatter),
        cmocka_unit_test(test_scan), cmocka_unit_test(test_sort), cmocka_unit_test(test_check),
        cmocka_unit_test(test_empty), cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
