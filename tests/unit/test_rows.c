/* SPDX-License-Identifier: MIT
 * Reductions by teams of lanes, on one device: every operator and kind of type, rows that four neighbours divide and
 * rows that they do not, one row that is cut into parts; with the kernels of the device's own class and with those of a
 * GPU. Ties and NaN are everywhere; numbers are small integers, so that results are exact in any order. */
#include "expr/internal.h"
#include "kernel/rows.h"
#include "pass/pass.h"
#include "plan/plan.h"
#include "test_device.h"

#include <math.h>

enum { MAX_ELEMENTS = 1 << 17 };

static double numbers[MAX_ELEMENTS];
static char bytes[MAX_ELEMENTS * 8];

struct type {
    const char *name, *suffix;
    pt2_dtype dtype;
};

static const struct type types[] = {
    { "float32", "f32", PT2_F32 }, { "float16", "f32", PT2_F16 }, { "float64", "f64", PT2_F64 },
    { "int32", "i32", PT2_I32 },   { "int64", "i64", PT2_I64 },   { "uint8", NULL, PT2_U8 },
    { "bool", NULL, PT2_BOOL },
};

/* ---- the graph and its numbers ---- */

static void fill(const struct type *t, int64_t rows, int64_t n)
{
    bool flt = pt2_is_float_type((int)pt2_dtype_compute(t->dtype)), from_0 = t->dtype == PT2_U8;
    uint64_t seed = 88172645463325252u;
    for (int64_t k = 0; k < rows * n; k++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        numbers[k] = t->dtype == PT2_BOOL ? (int64_t)(seed & 63) == k / n % 2
                                         : (double)(seed >> 20 & 7) - (from_0 ? 0 : 3);
        if (flt && k / n == 1 && k % n > n / 3 && (seed & 15) == 0)
            numbers[k] = NAN;
    }
}

static int write_graph(const struct type *t, int64_t rows, int64_t n, struct pt2_str *s)
{
    static const char *const ops[] = { "sum", "max", "min", "prod", "any", "all", "argmax", "argmin" };
    int v = 0;
    pt2_str_addf(s, "graph main {\n  v0:%s[%d, %d] = input 0 \"x\"\n", t->name, (int)rows, (int)n);
    for (int k = 0; k < 8; k++) {
        bool logic = k == 4 || k == 5, flag = t->dtype == PT2_BOOL;
        if (k < 6 && (logic != flag || (k == 3 && !t->suffix)))
            continue;
        pt2_str_addf(s, "  v%d:%s[%d] = reduce %s [%d]: ", ++v, k < 6 ? t->name : "int64", (int)rows, ops[k], (int)n);
        if (k == 3)
            pt2_str_addf(s, "max(v0[i0, i1] - 2%s, 1%s)\n", t->suffix, t->suffix);
        else
            pt2_str_add(s, "v0[i0, i1]\n");
    }
    int reductions = v;
    if (t->suffix)
        pt2_str_addf(s, "  v%d:%s[%d, %d] = map: v0[i0, i1] - v2[i0]\n", ++v, t->name, (int)rows, (int)n);
    pt2_str_add(s, "  return ");
    for (int k = 1; k <= v; k++)
        pt2_str_addf(s, "%sv%d", k > 1 ? ", " : "", k);
    pt2_str_add(s, "\n}\n");
    return reductions;
}

/* ---- what is expected ---- */

static bool better(double v, double best, bool largest)
{
    return (v != v && best == best) || (largest ? v > best : v < best);
}

static double extreme_at(const double *x, int64_t n, bool largest)
{
    int64_t at = 0;
    for (int64_t k = 1; k < n; k++)
        if (better(x[k], x[at], largest))
            at = k;
    return (double)at;
}

static double expected(enum pt2_reduce_op op, const double *x, int64_t n)
{
    double sum = 0, prod = 1;
    bool any = false, all = true;
    for (int64_t k = 0; k < n; k++) {
        sum += x[k];
        prod = prod != prod || x[k] != x[k] ? NAN : prod * fmax(x[k] - 2, 1);
        any |= x[k] != 0;
        all &= x[k] != 0;
    }
    switch (op) {
    case PT2_RED_SUM: return sum;
    case PT2_RED_PROD: return prod;
    case PT2_RED_MAX: return x[(int64_t)extreme_at(x, n, true)];
    case PT2_RED_MIN: return x[(int64_t)extreme_at(x, n, false)];
    case PT2_RED_ANY: return any;
    case PT2_RED_ALL: return all;
    default: return extreme_at(x, n, op == PT2_RED_ARGMAX);
    }
}

/* As the type stores it. */
static double stored(const struct type *t, double f)
{
    double word;
    if ((t->dtype == PT2_I32 || t->dtype == PT2_I64) && (fabs(f) >= 0x1p63 || fmod(f, 0x1p32) == 0))
        return t->dtype == PT2_I32 || fabs(f) >= 0x1p63 ? 0 : f; /* a power of two that has left the word */
    if (t->dtype == PT2_U8)
        return (double)((int64_t)f & 255);
    pt2_store_double(t->dtype, &word, 0, f);
    return pt2_load_double(t->dtype, &word, 0);
}

/* ---- running ---- */

static void run_region(struct pt2_module *m, struct pt2_region *r, struct pt2_buf **bufs)
{
    struct pt2_binding bind[32];
    int32_t params[64];
    int64_t v;
    for (int k = 0; k < r->num_bufs; k++) {
        const struct pt2_value *value = r->bufs[k];
        uint64_t size = (uint64_t)pt2_product(&m->exprs, value->rank, value->shape)->i * pt2_dtype_size(value->dtype);
        if (!bufs[value->id])
            bufs[value->id] = new_buf(size, value->def->kind == PT2_NODE_INPUT ? bytes : NULL);
        bind[k] = (struct pt2_binding){ bufs[value->id], 0, size };
    }
    for (int k = 0; k < r->num_params; k++) {
        MUST(pt2_eval(&m->exprs, r->params[k], NULL, NULL, &v));
        params[k] = (int32_t)v;
    }
    MUST(pt2_eval(&m->exprs, r->points, NULL, NULL, &v));
    struct pt2_program_obj *p = compile(r->kernel, NULL);
    struct pt2_launch l = { .program = p, .bindings = bind, .params = params, .points = (uint64_t)v, .label = "rows" };
    run_launches(&l, 1);
    T.table->program_destroy(dev, p);
}

static void compare(const struct type *t, const struct pt2_value *v, enum pt2_reduce_op op, bool map, int64_t rows,
                    int64_t n, struct pt2_buf *buf)
{
    static char got[MAX_ELEMENTS * 8];
    struct type as = pt2_gives_position(op) && !map ? (struct type){ .dtype = PT2_I64 } : *t;
    int64_t count = map ? rows * n : rows;
    MUST(T.table->buf_read(dev, buf, 0, got, (uint64_t)count * pt2_dtype_size(v->dtype)));
    double of_row = 0;
    for (int64_t k = 0; k < count; k++) {
        if (!map || k % n == 0)
            of_row = expected(map ? PT2_RED_MAX : op, numbers + (map ? k : k * n), n);
        double want = map ? numbers[k] - of_row : of_row;
        double have = pt2_load_double(v->dtype, got, k);
        want = stored(&as, want);
        if (have == want || (have != have && want != want))
            continue;
        printf("%s[%d, %d], %s, element %d: %g, want %g\n", t->name, (int)rows, (int)n,
               map ? "map" : pt2_reduce_name(op), (int)k, have, want);
        failures++;
        return;
    }
}

static void check_outputs(struct pt2_graph *g, const struct type *t, const enum pt2_reduce_op *ops, int reductions,
                          int64_t rows, int64_t n, struct pt2_buf **bufs)
{
    for (int k = 0; k < (int)g->outputs.count; k++) {
        const struct pt2_value *v = g->outputs.data[k];
        compare(t, v, k < reductions ? ops[k] : PT2_RED_SUM, k >= reductions, rows, n, bufs[v->id]);
    }
}

static void free_bufs(struct pt2_buf **bufs)
{
    for (int k = 0; k < 64; k++)
        if (bufs[k])
            T.table->buf_destroy(dev, bufs[k]);
}

static struct pt2_graph *plan_graph(struct pt2_module *m, const char *text, bool passes, const struct pt2_caps *caps,
                                    struct pt2_plan *plan)
{
    struct pt2_plan_device devices[] = { { "device", *caps }, { "reference", { .interprets = true } } };
    struct pt2_plan_params params = { .num_devices = 2, .devices = devices };
    struct pt2_graph *g;
    pt2_module_init(m);
    MUST(pt2_graph_parse(m, text, &g));
    if (passes)
        MUST(pt2_run_passes(m, 0));
    MUST(pt2_plan_build(g, &params, plan));
    return g;
}

/* Returns the number of kernels that were shared by teams. */
static int run_case(const struct type *t, int64_t rows, int64_t n, const struct pt2_caps *caps)
{
    struct pt2_plan_device devices[] = { { "device", *caps }, { "reference", { .interprets = true } } };
    struct pt2_plan_params params = { .num_devices = 2, .devices = devices };
    struct pt2_module m;
    struct pt2_graph *g;
    struct pt2_plan plan;
    struct pt2_str s = { 0 };
    struct pt2_buf *bufs[64] = { 0 };
    enum pt2_reduce_op ops[8];
    int shared = 0, reductions = write_graph(t, rows, n, &s);
    bool here = true;
    pt2_module_init(&m);
    MUST(pt2_graph_parse(&m, s.data, &g));
    for (int k = 0; k < reductions; k++)
        ops[k] = g->outputs.data[k]->def->op;
    MUST(pt2_run_passes(&m, 0));
    MUST(pt2_plan_build(g, &params, &plan));
    MUST(pt2_graph_verify(g));
    for (uint32_t k = 0; k < plan.regions.count; k++)
        here = here && plan.regions.data[k]->device == 0;
    CHECK(here || t->dtype == PT2_F64);
    for (uint32_t k = 0; here && k < plan.num_steps; k++) {
        run_region(&m, plan.steps[k].region, bufs);
        shared += plan.steps[k].region->kernel->rows != NULL;
    }
    if (here)
        check_outputs(g, t, ops, reductions, rows, n, bufs);
    free_bufs(bufs);
    pt2_str_free(&s);
    pt2_module_free(&m);
    return here ? shared : 1;
}

/* ---- four neighbouring points ---- */

/* Sums over windows, of which neighbours share most; n that four divides and others, where the last ones overlap. */
static void check_windows(int n, const struct pt2_caps *caps)
{
    struct pt2_module m;
    struct pt2_plan plan;
    struct pt2_buf *bufs[64] = { 0 };
    static float got[MAX_ELEMENTS];
    char text[512];
    int channels = 4096 / n + 1, wrong = 0;
    snprintf(text, sizeof text,
             "graph main {\n  v0:float32[%d, 4, %d] = input 0 \"x\"\n"
             "  v1:float32[%d, 2, %d] = reduce sum [3, 2]: v0[i0, i1 + i3, i2 + i4]*2f32\n"
             "  v2:float32[%d, 2, %d] = map: max(v1[i0, i1, i2], 1f32)\n  return v2\n}\n",
             channels, n + 1, channels, n, channels, n);
    struct pt2_graph *g = plan_graph(&m, text, true, caps, &plan);
    CHECK(plan.num_steps == 1);
    const struct pt2_kernel *kernel = plan.steps[0].region->kernel;
    const struct pt2_rows *rows = kernel->rows;
    bool shaders = caps->kind == PT2_KIND_CPU && !caps->wide_vectors;
    CHECK(!shaders || (rows && rows->form == PT2_ROWS_QUADS));
    CHECK(!shaders || rows->stages[kernel->num_stages - 1].apart == (n % 4 != 0));
    run_region(&m, plan.steps[0].region, bufs);
    int count = channels * 2 * n;
    MUST(T.table->buf_read(dev, bufs[g->outputs.data[0]->id], 0, got, (uint64_t)count * 4));
    for (int k = 0; k < count; k++) {
        const float *x = (const float *)bytes + (k / n / 2 * 4 + k / n % 2) * (n + 1) + k % n;
        float sum = 0;
        for (int y = 0; y < 3; y++)
            sum += 2 * (x[y * (n + 1)] + x[y * (n + 1) + 1]);
        wrong += got[k] != fmaxf(sum, 1);
    }
    CHECK(wrong == 0);
    free_bufs(bufs);
    pt2_module_free(&m);
}

/* ---- points as lanes ---- */

static float largest(const float *x, int side, int y, int column)
{
    float best = -INFINITY;
    for (int k = 0; k < 9; k++) {
        int at_y = y + k / 3 - 1, at_x = column + k % 3 - 1;
        if (at_y >= 0 && at_y < side && at_x >= 0 && at_x < side)
            best = fmaxf(best, x[at_y * side + at_x]);
    }
    return best;
}

/* The largest of 3x3 numbers around every step-th one of n by n, in several images; twice that, less the number. */
static void check_maxima(int n, int step, const struct pt2_caps *caps)
{
    struct pt2_module m;
    struct pt2_plan plan;
    struct pt2_buf *bufs[64] = { 0 };
    static float got[MAX_ELEMENTS];
    char text[1024], y[32], x[32];
    int side = (n - 1) * step + 1, images = MAX_ELEMENTS / 2 / (side * side), wrong = 0;
    snprintf(y, sizeof y, "i1*%d + i3 + -1", step);
    snprintf(x, sizeof x, "i2*%d + i4 + -1", step);
    snprintf(text, sizeof text,
             "graph main { v0:float32[%d, %d, %d] = input 0 \"x\"\n"
             "v1:float32[%d, %d, %d] = reduce max [3, 3]: select(and(and(and(%s < %d, 0 <= %s), 0 <= %s), %s < %d), "
             "v0[i0, min(max(%s, 0), %d), min(max(%s, 0), %d)], -inff32)\n"
             "v2:float32[%d, %d, %d] = map: v1[i0, i1, i2]*2f32 - v0[i0, i1*%d, i2*%d] return v2 }",
             images, side, side, images, n, n, y, side, y, x, x, side, y, side - 1, x, side - 1, images, n, n, step,
             step);
    struct pt2_graph *g = plan_graph(&m, text, false, caps, &plan);
    const struct pt2_rows *rows = plan.steps[0].region->kernel->rows;
    CHECK(plan.num_steps == 1);
    CHECK(!caps->wide_vectors || (rows && rows->form == PT2_ROWS_LANES) == (n >= 8));
    run_region(&m, plan.steps[0].region, bufs);
    int count = images * n * n;
    MUST(T.table->buf_read(dev, bufs[g->outputs.data[0]->id], 0, got, (uint64_t)count * 4));
    for (int k = 0; k < count; k++) {
        const float *image = (const float *)bytes + k / n / n * side * side;
        int at_y = k / n % n * step, at_x = k % n * step;
        wrong += got[k] != largest(image, side, at_y, at_x) * 2 - image[at_y * side + at_x];
    }
    CHECK(wrong == 0);
    free_bufs(bufs);
    pt2_module_free(&m);
}

/* ---- which kernels ---- */

/* Many sums of a matrix's rows, or of its columns, to each element of which the sum's own number is added. */
static void check_own_numbers(const char *element, bool teams, const struct pt2_caps *caps)
{
    struct pt2_module m;
    struct pt2_plan plan;
    char text[256];
    snprintf(text, sizeof text,
             "graph main { v0:float32[512, 512] = input 0 \"x\" v1:float32[512] = input 1 \"b\"\n"
             "v2:float32[512] = reduce sum [512]: max(v0[%s] + v1[i0], 0f32) return v2 }", element);
    plan_graph(&m, text, false, caps, &plan);
    const struct pt2_rows *rows = plan.regions.data[plan.regions.count - 1]->kernel->rows;
    CHECK((rows && (rows->form == PT2_ROWS_VECTOR || rows->form == PT2_ROWS_GROUP)) == teams);
    CHECK(!caps->wide_vectors || teams || (rows && rows->form == PT2_ROWS_LANES));
    pt2_module_free(&m);
}

int main(int argc, char **argv)
{
    static const struct {
        int type, rows, n;
        bool gpu;
    } cases[] = {
        { 0, 3, 200, false }, { 1, 3, 200, false }, { 2, 3, 200, false },        { 3, 3, 200, false },
        { 4, 3, 67, false },  { 5, 3, 200, false }, { 6, 3, 200, false },        { 0, 3, 67, false },
        { 0, 3, 200, true },  { 4, 3, 67, true },   { 0, 1, 65536 + 17, false }, { 0, 1, 65536 + 17, true },
    };
    open_device(argc, argv);
    struct pt2_caps own = dev->desc.caps, gpu = own;
    gpu.kind = PT2_KIND_DISCRETE;
    gpu.wide_vectors = false;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct type *t = &types[cases[k].type];
        fill(t, cases[k].rows, cases[k].n);
        for (int e = 0; e < cases[k].rows * cases[k].n; e++)
            pt2_store_double(t->dtype, bytes, e, numbers[e]);
        CHECK(run_case(t, cases[k].rows, cases[k].n, cases[k].gpu ? &gpu : &own) > 0);
    }
    for (int e = 0; e < MAX_ELEMENTS; e++)
        ((float *)bytes)[e] = (float)(e * 7 % 11 - 5);
    static const int sizes[] = { 4, 5, 7, 16, 28 };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        check_windows(sizes[k], &own);
    static const int lines[][2] = { { 7, 1 }, { 9, 1 }, { 70, 1 }, { 16, 2 }, { 67, 2 }, { 21, 3 } };
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
        check_maxima(lines[k][0], lines[k][1], &own);
    check_own_numbers("i0, i1", true, &own);
    check_own_numbers("i1, i0", false, &own);
    return close_device();
}
