/* SPDX-License-Identifier: MIT
 * Tests one device of one backend against the contract in core/backend.h, with kernels written by hand:
 *
 *     test_backend vulkan 0 */
#include "test_device.h"

#include <pthread.h>
#include <time.h>

enum { LOCAL = 64 };

#define RW(type) { .dtype = type, .read = true, .write = true }
static struct pt2_kernel_buf f32_rw[] = { RW(PT2_F32), RW(PT2_F32), RW(PT2_F32) };
static struct pt2_kernel_buf i32_rw[] = { RW(PT2_I32), RW(PT2_I32), RW(PT2_I32) };

static struct pt2_kernel kernel(const char *name, int bufs, struct pt2_kernel_buf *list, int params, const char *text)
{
    return (struct pt2_kernel){ .name = name, .num_bufs = bufs, .bufs = list, .num_params = params, .text = text,
                                .local_size = LOCAL, .points_per_group = LOCAL };
}

static void test_copies(void)
{
    enum { N = 1 << 20, BIG = 40 << 20 };
    uint8_t *a = malloc(BIG), *b = malloc(BIG);
    for (int i = 0; i < BIG; i++)
        a[i] = (uint8_t)((unsigned)i * 2654435761u >> 13);
    struct pt2_buf *buf = new_buf(BIG, a);
    memset(b, 0, BIG);
    MUST(T.table->buf_read(dev, buf, 0, b, BIG));
    CHECK(!memcmp(a, b, BIG));
    MUST(T.table->buf_write(dev, buf, 12345, a, N));
    MUST(T.table->buf_read(dev, buf, 12346, b, N - 1));
    CHECK(!memcmp(a + 1, b, N - 1));
    void *map = dev->desc.caps.unified && T.table->buf_map ? T.table->buf_map(dev, buf) : NULL;
    CHECK(!dev->desc.caps.unified || map);
    CHECK(!map || !memcmp((uint8_t *)map + 12345, a, N));
    T.table->buf_destroy(dev, buf);
    free(a);
    free(b);
}

/* A buffer that is host memory, if the device has such, shows what is there. */
static void test_wrap(void)
{
    static _Alignas(64) uint8_t data[1000];
    uint8_t got[900];
    struct pt2_buf *buf = NULL;
    for (int i = 0; i < 1000; i++)
        data[i] = (uint8_t)(i * 7);
    if (T.table->buf_wrap)
        MUST(T.table->buf_wrap(dev, data, sizeof data, &buf));
    if (!buf)
        return;
    MUST(T.table->buf_read(dev, buf, 100, got, sizeof got));
    CHECK(!memcmp(got, data + 100, sizeof got));
    T.table->buf_destroy(dev, buf);
    CHECK(data[999] == (uint8_t)(999 * 7));
}

/* Many small buffers do not share bytes, also when some are freed and made again. */
static void test_many_buffers(void)
{
    enum { N = 3000 };
    static struct pt2_buf *bufs[N];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            int data[250] = { i };
            if (!bufs[i])
                bufs[i] = new_buf(4 + (uint64_t)(i % 50) * 20, data);
        }
        for (int i = 0; i < N; i++) {
            int got = -1;
            MUST(T.table->buf_read(dev, bufs[i], 0, &got, 4));
            CHECK(got == i);
            if (got != i)
                break;
        }
        for (int i = 0; i < N; i += round ? 1 : 3) {
            T.table->buf_destroy(dev, bufs[i]);
            bufs[i] = NULL;
        }
    }
}

static void test_axpy(void)
{
    enum { N = 1000 };
    struct pt2_kernel k = kernel("axpy", 3, f32_rw, 3,
                                 "int i = GLOBAL_ID();\n"
                                 "if (i < P(0)) {\n"
                                 "    float x = pt_ld_f32(b0, i), y = pt_ld_f32(b1, i + P(2));\n"
                                 "    pt_st_f32(b2, i, x * pt_cvt_i32_f32(P(1)) + y);\n"
                                 "}\n");
    static float x[N], y[N + 64], z[N];
    for (int i = 0; i < N + 64; i++)
        y[i] = (float)(i * 3), x[i % N] = (float)(i % N);
    struct pt2_program_obj *p = compile(&k, NULL);
    uint64_t at = dev->desc.caps.buffer_align;
    struct pt2_buf *bx = new_buf(sizeof x, x), *by = new_buf(sizeof y + at, NULL), *bz = new_buf(sizeof z, NULL);
    MUST(T.table->buf_write(dev, by, at, y, sizeof y));
    struct pt2_binding bind[] = { { bx, 0, sizeof x }, { by, at, sizeof y }, { bz, 0, sizeof z } };
    int32_t params[] = { N, 7, 5 };
    struct pt2_launch l = { .program = p, .bindings = bind, .params = params, .points = N, .label = "axpy" };
    run_launches(&l, 1);
    MUST(T.table->buf_read(dev, bz, 0, z, sizeof z));
    for (int i = 0; i < N && !failures; i++)
        CHECK(z[i] == x[i] * 7 + y[i + 5]);
    T.table->program_destroy(dev, p);
    T.table->buf_destroy(dev, bx);
    T.table->buf_destroy(dev, by);
    T.table->buf_destroy(dev, bz);
}

static const char step_text[] = "int i = GLOBAL_ID();\n"
                                "if (i < P(0)) {\n"
                                "    int x = pt_ld_i32(b0, (i + 1) % P(0));\n"
                                "    pt_st_i32(b1, i, x * 3 + P(1));\n"
                                "}\n";

/* Each launch reads its neighbour's element of the launch before: any missing barrier shows. */
static void test_chain(void)
{
    enum { N = 5000, STEPS = 101 };
    struct pt2_kernel k = kernel("step", 2, i32_rw, 2, step_text);
    struct pt2_program_obj *p = compile(&k, NULL);
    static int32_t want[2][N], got[N];
    struct pt2_launch launches[STEPS];
    struct pt2_binding bind[2][2];
    int32_t params[STEPS][2];
    uint32_t deps[STEPS];
    for (int i = 0; i < N; i++)
        want[0][i] = i;
    struct pt2_buf *buf[2] = { new_buf(sizeof got, want[0]), new_buf(sizeof got, NULL) };
    for (uint32_t s = 0; s < STEPS; s++) {
        bind[s % 2][0] = (struct pt2_binding){ buf[s % 2], 0, sizeof got };
        bind[s % 2][1] = (struct pt2_binding){ buf[1 - s % 2], 0, sizeof got };
        params[s][0] = N, params[s][1] = (int32_t)s, deps[s] = s - 1;
        launches[s] = (struct pt2_launch){ .program = p, .bindings = bind[s % 2], .params = params[s], .points = N,
                                           .deps = &deps[s], .num_deps = s > 0 };
        for (int i = 0; i < N; i++)
            want[1 - s % 2][i] =
                (int32_t)((uint32_t)want[s % 2][(i + 1) % N] * 3u + s);
    }
    run_launches(launches, STEPS);
    MUST(T.table->buf_read(dev, buf[STEPS % 2], 0, got, sizeof got));
    CHECK(!memcmp(got, want[STEPS % 2], sizeof got));
    T.table->program_destroy(dev, p);
    T.table->buf_destroy(dev, buf[0]);
    T.table->buf_destroy(dev, buf[1]);
}

/* Independent launches between dependent ones, an empty launch that passes an order on, later submissions. */
static void test_graph(void)
{
    enum { N = 3000, WIDE = 16 };
    struct pt2_kernel k = kernel("step", 2, i32_rw, 2, step_text);
    struct pt2_program_obj *p = compile(&k, NULL);
    static int32_t start[N], got[N];
    struct pt2_buf *in = new_buf(sizeof start, start), *mid[WIDE], *out[WIDE];
    struct pt2_launch l[2 * WIDE + 1];
    struct pt2_binding bind[2 * WIDE][2];
    int32_t params[2 * WIDE][2];
    uint32_t deps[2 * WIDE + 1];
    struct pt2_exec *exec[3];
    uint64_t point = 0;
    for (uint32_t i = 0; i < WIDE; i++) {
        mid[i] = new_buf(sizeof start, NULL);
        out[i] = new_buf(sizeof start, NULL);
    }
    for (uint32_t i = 0; i < 2 * WIDE; i++) {
        uint32_t j = i % WIDE;
        bind[i][0] = (struct pt2_binding){ i < WIDE ? in : mid[j], 0, sizeof start };
        bind[i][1] = (struct pt2_binding){ i < WIDE ? mid[j] : out[j], 0, sizeof start };
        params[i][0] = N, params[i][1] = (int32_t)i;
        deps[i] = j;
        l[i + (i >= WIDE)] = (struct pt2_launch){ .program = p, .bindings = bind[i], .params = params[i], .points = N,
                                                  .deps = &deps[i], .num_deps = i >= WIDE };
    }
    /* Launch WIDE has no points; the second layer's launch 0 is ordered through it alone. */
    uint32_t first = 0, empty = WIDE;
    l[WIDE] = (struct pt2_launch){ .program = p, .bindings = bind[0], .params = params[0], .deps = &first,
                                   .num_deps = 1 };
    l[WIDE + 1].deps = &empty;
    for (int e = 0; e < 3; e++) {
        uint64_t before = point;
        MUST(T.table->exec_create(dev, l, 2 * WIDE + 1, false, &exec[e]));
        MUST(T.table->submit(dev, exec[e], point, &point));
        CHECK(point == before + 1 || !before);
    }
    MUST(T.table->wait(dev, point, UINT64_MAX));
    MUST(T.table->submit(dev, exec[1], 0, &point));
    MUST(T.table->wait(dev, point, UINT64_MAX));
    MUST(T.table->wait(dev, point - 1, 0));
    for (int32_t i = 0; i < WIDE; i++) {
        MUST(T.table->buf_read(dev, out[i], 0, got, sizeof got));
        CHECK(got[0] == i * 3 + WIDE + i && got[N - 1] == got[0]);
        T.table->buf_destroy(dev, mid[i]);
        T.table->buf_destroy(dev, out[i]);
    }
    for (int e = 0; e < 3; e++)
        T.table->exec_destroy(dev, exec[e]);
    T.table->program_destroy(dev, p);
    T.table->buf_destroy(dev, in);
}

/* More groups than one dimension of a dispatch holds on most devices. */
static void test_many_groups(void)
{
    enum { N = 70000 };
    struct pt2_kernel k = kernel("groups", 1, i32_rw, 1,
                                 "int i = GROUP_ID();\n"
                                 "if (i < P(0) && LOCAL_ID() == 0)\n"
                                 "    pt_st_i32(b0, i, i + LOCAL_SIZE);\n");
    k.local_size = 4;
    k.points_per_group = 1;
    static int32_t got[N];
    struct pt2_program_obj *p = compile(&k, NULL);
    struct pt2_buf *buf = new_buf(sizeof got, NULL);
    struct pt2_binding bind = { buf, 0, sizeof got };
    int32_t params[] = { N };
    struct pt2_launch l = { .program = p, .bindings = &bind, .params = params, .points = N };
    run_launches(&l, 1);
    MUST(T.table->buf_read(dev, buf, 0, got, sizeof got));
    for (int i = 0; i < N && !failures; i++)
        CHECK(got[i] == i + 4);
    T.table->program_destroy(dev, p);
    T.table->buf_destroy(dev, buf);
}

/* More params than push constants hold, a tensor without elements, and two launches with different params. */
static void test_many_params(void)
{
    enum { N = 100 };
    struct pt2_str text = { 0 };
    pt2_str_addf(&text, "int i = GLOBAL_ID(), s = 0;\nif (i < P(0)) {\n");
    for (int j = 1; j < N; j++)
        pt2_str_addf(&text, "s += P(%d) * %d;\n", j, j);
    pt2_str_add(&text, "if (P(0) > 1000) s += pt_ld_i32(b1, i);\npt_st_i32(b0, i, s);\n}\n");
    struct pt2_kernel k = kernel("params", 2, i32_rw, N, text.data);
    struct pt2_program_obj *p = compile(&k, NULL);
    struct pt2_buf *buf[2] = { new_buf(400, NULL), new_buf(400, NULL) };
    struct pt2_binding bind[2][2] = { { { buf[0], 0, 400 }, { NULL, 0, 0 } }, { { buf[1], 0, 400 }, { NULL, 0, 0 } } };
    int32_t params[2][N], want[2] = { 0, 0 }, got[100];
    for (int j = 1; j < N; j++)
        for (int a = 0; a < 2; a++)
            params[a][j] = j * (a ? -7 : 5), want[a] += params[a][j] * j;
    params[0][0] = params[1][0] = 100;
    struct pt2_launch l[2] = { { .program = p, .bindings = bind[0], .params = params[0], .points = 100 },
                               { .program = p, .bindings = bind[1], .params = params[1], .points = 100 } };
    run_launches(l, 2);
    for (int a = 0; a < 2; a++) {
        MUST(T.table->buf_read(dev, buf[a], 0, got, sizeof got));
        CHECK(got[0] == want[a] && got[99] == want[a]);
        T.table->buf_destroy(dev, buf[a]);
    }
    T.table->program_destroy(dev, p);
    pt2_str_free(&text);
}

static void test_shared(void)
{
    enum { GROUPS = 50 };
    struct pt2_kernel k = kernel("shared", 1, i32_rw, 1,
                                 "SHARED(int, part, 2 * (LOCAL_SIZE + 1));\n"
                                 "SHARED(float, other, 4);\n"
                                 "int l = LOCAL_ID();\n"
                                 "part[l] = GLOBAL_ID();\n"
                                 "if (l == 0) other[3] = 1.0f;\n"
                                 "BARRIER();\n"
                                 "for (int n = LOCAL_SIZE / 2; n > 0; n = n / 2) {\n"
                                 "    if (l < n) part[l] += part[l + n];\n"
                                 "    BARRIER();\n"
                                 "}\n"
                                 "int s = part[0] + pt_cvt_f32_i32(other[3]);\n"
                                 "if (l == 0 && GROUP_ID() < P(0)) pt_st_i32(b0, GROUP_ID(), s);\n");
    struct pt2_program_obj *p = compile(&k, NULL);
    int32_t got[GROUPS], params[] = { GROUPS };
    struct pt2_buf *buf = new_buf(sizeof got, NULL);
    struct pt2_binding bind = { buf, 0, sizeof got };
    struct pt2_launch l = { .program = p, .bindings = &bind, .params = params, .points = GROUPS * LOCAL };
    run_launches(&l, 1);
    MUST(T.table->buf_read(dev, buf, 0, got, sizeof got));
    for (int g = 0; g < GROUPS && !failures; g++)
        CHECK(got[g] == g * LOCAL * LOCAL + LOCAL * (LOCAL - 1) / 2 + 1);
    T.table->program_destroy(dev, p);
    T.table->buf_destroy(dev, buf);
}

static void test_timings(void)
{
    enum { N = 100000 };
    struct pt2_kernel k = kernel("step", 2, i32_rw, 2, step_text);
    struct pt2_program_obj *p = compile(&k, NULL);
    struct pt2_buf *a = new_buf(N * 4, NULL), *b = new_buf(N * 4, NULL);
    struct pt2_binding bind[2][2] = { { { a, 0, N * 4 }, { b, 0, N * 4 } }, { { b, 0, N * 4 }, { a, 0, N * 4 } } };
    int32_t params[] = { N, 1 };
    uint32_t dep = 0;
    struct pt2_launch l[2] = { { .program = p, .bindings = bind[0], .params = params, .points = N },
                               { .program = p, .bindings = bind[1], .params = params, .points = N, .deps = &dep,
                                 .num_deps = 1 } };
    struct pt2_timing t[2];
    struct pt2_exec *exec;
    uint64_t point;
    MUST(T.table->exec_create(dev, l, 2, true, &exec));
    for (int i = 0; i < 3; i++) {
        MUST(T.table->submit(dev, exec, 0, &point));
        MUST(T.table->wait(dev, point, UINT64_MAX));
    }
    if (!tells_times()) {
        CHECK(T.table->timings(dev, exec, t) == PT2_ERR_DEVICE);
        printf("timings: %s\n", pt2_error_message());
    } else {
        MUST(T.table->timings(dev, exec, t));
        CHECK(t[0].launch == 0 && t[1].launch == 1);
        CHECK(t[0].end_ns >= t[0].begin_ns && t[1].begin_ns >= t[0].end_ns && t[1].end_ns >= t[1].begin_ns);
        CHECK(t[1].end_ns > t[0].begin_ns && t[1].end_ns - t[0].begin_ns < 10000000000u);
        printf("timings: %llu ns, %llu ns\n", (unsigned long long)(t[0].end_ns - t[0].begin_ns),
               (unsigned long long)(t[1].end_ns - t[1].begin_ns));
    }
    T.table->exec_destroy(dev, exec);
    T.table->program_destroy(dev, p);
    T.table->buf_destroy(dev, a);
    T.table->buf_destroy(dev, b);
}

/* One thread's work on the device that all share; returns whether its results were right. */
static void *use_device(void *arg)
{
    enum { SIZE = 2000, ROUNDS = 20 };
    int32_t me = *(int32_t *)arg, host[SIZE], params[] = { SIZE, me };
    bool ok = true;
    char text[300];
    snprintf(text, sizeof text, "%s/* %d */", step_text, me);
    struct pt2_kernel k = kernel("step", 2, i32_rw, 2, text);
    for (int round = 0; round < ROUNDS; round++) {
        struct pt2_program_obj *p = compile(&k, NULL);
        for (int32_t i = 0; i < SIZE; i++)
            host[i] = i * me + round;
        struct pt2_buf *in = new_buf(sizeof host, host), *out = new_buf(sizeof host, NULL);
        struct pt2_binding bind[] = { { in, 0, sizeof host }, { out, 0, sizeof host } };
        struct pt2_launch l = { .program = p, .bindings = bind, .params = params, .points = SIZE };
        run_launches(&l, 1);
        MUST(T.table->buf_read(dev, out, 0, host, sizeof host));
        for (int32_t i = 0; i < SIZE - 1; i++)
            ok &= host[i] == ((i + 1) * me + round) * 3 + me;
        T.table->program_destroy(dev, p);
        T.table->buf_destroy(dev, in);
        T.table->buf_destroy(dev, out);
    }
    return ok ? arg : NULL;
}

static void test_threads(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int32_t numbers[THREADS] = { 1, 2, 3, 4 };
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&threads[i], NULL, use_device, &numbers[i]));
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        CHECK(result == &numbers[i]);
    }
}

static void test_compile_error(void)
{
    struct pt2_kernel good = kernel("good", 1, f32_rw, 0, "pt_st_f32(b0, 0, 1.0f);"), bad = good;
    bad.name = "wrong_one";
    bad.text = "pt_st_f32(b0, 0, no_such_thing);";
    const struct pt2_kernel *list[] = { &good, &bad, &good };
    struct pt2_program_obj *programs[3];
    CHECK(T.table->compile(dev, list, 3, NULL, programs) == PT2_ERR_COMPILE);
    CHECK(strstr(pt2_error_message(), "wrong_one") && strstr(pt2_error_message(), "no_such_thing"));
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void compile_many(const char *dir, int *out_compilations, double *out_seconds)
{
    enum { N = 8 };
    char text[N][200];
    struct pt2_kernel k[N];
    const struct pt2_kernel *list[N];
    struct pt2_program_obj *programs[N];
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i],
                 "int i = GLOBAL_ID();\nif (i < 100) pt_st_f32(b0, i, pt_ld_f32(b1, i) + %d.0f);", i);
        k[i] = kernel("cached", 2, f32_rw, 0, text[i]);
        list[i] = &k[i];
    }
    int before = T.compilations ? T.compilations() : 0;
    double start = now();
    MUST(T.table->compile(dev, list, N, dir, programs));
    *out_seconds = now() - start;
    *out_compilations = T.compilations ? T.compilations() - before : -1;
    for (int i = 0; i < N; i++)
        T.table->program_destroy(dev, programs[i]);
}

static void damage_files(const char *dir)
{
    char command[300];
    snprintf(command, sizeof command,
             "for f in %s/*; do printf x | dd of=$f bs=1 seek=30 conv=notrunc 2>/dev/null; done", dir);
    CHECK(system(command) == 0);
}

static void test_cache(void)
{
    char dir[] = "/tmp/pt2-cache-XXXXXX", command[100];
    int n;
    double first, second, third;
    if (!mkdtemp(dir)) {
        fail_line(__FILE__, __LINE__, "mkdtemp");
        return;
    }
    compile_many(dir, &n, &first);
    CHECK(n == 8 || n < 0);
    compile_many(dir, &n, &second);
    CHECK(n <= 0);
    damage_files(dir);
    compile_many(dir, &n, &third);
    CHECK(n == 8 || n < 0);
    printf("compiling 8 kernels: %.1f ms, cached %.1f ms, damaged cache %.1f ms\n", first * 1e3, second * 1e3,
           third * 1e3);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK(system(command) == 0);
}

int main(int argc, char **argv)
{
    open_device(argc, argv);
    test_copies();
    test_wrap();
    test_many_buffers();
    test_axpy();
    test_chain();
    test_graph();
    test_many_groups();
    test_many_params();
    test_shared();
    test_timings();
    test_threads();
    test_compile_error();
    test_cache();
    return close_device();
}
