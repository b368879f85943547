/* SPDX-License-Identifier: MIT
 * Attention as one kernel, or as one for parts of the keys and one that puts them together: random shapes, masks and
 * types in every form that a device can run, against sums in double precision. Sizes of rows and keys are symbols. */
#include "plan/plan.h"
#include "test_device.h"

#include "expr/internal.h"
#include "kernel/attention.h"

#include <math.h>

enum mask { NONE, ADDED, CHOSEN, CAUSAL, BEFORE, MASKS };

struct shape {
    int heads, group, rows, keys, depth, width; /* group: heads that share k and v */
    enum mask mask;
    bool safe;                                  /* rows without a key are 0, not NaN */
    bool weights_first;                         /* of the product with v */
    pt2_dtype dtype;
    bool few;                                   /* the bound of the rows says so */
    bool sums;                                  /* maxima and totals of the rows are results too */
    bool wide;                                  /* float32 is asked for, of whatever type factors are */
};

static uint32_t seed = 12345;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static double uniform(void) { return (double)below(1 << 20) / (1 << 19) - 1; }

/* ---- the graph ---- */

static const char *masked(const struct shape *s)
{
    switch (s->mask) {
    case ADDED: return "v4[i0, i1, i2, i3]*0.5f32 + v3[i2, i3]";
    case CHOSEN: return "select(v3[i2, i3] < 0.5f32, v4[i0, i1, i2, i3]*0.5f32, -inff32)";
    case CAUSAL: return "select(i3 <= i2, v4[i0, i1, i2, i3]*0.5f32, -inff32)";
    case BEFORE: return "select(i3 < i2, v4[i0, i1, i2, i3]*0.5f32, -inff32)";
    default: return "v4[i0, i1, i2, i3]*0.5f32";
    }
}

static char *graph_text(const struct shape *s)
{
    struct pt2_str t = { 0 };
    const char *type = pt2_dtype_name(s->dtype), *result = s->wide ? "float32" : type, *m = masked(s);
    pt2_str_addf(&t, s->few ? "symbol s0 in 1..%d\n" : "symbol s0 in 1..\n", s->rows);
    pt2_str_add(&t, "symbol s1 in 0..\ngraph main {\n");
    pt2_str_addf(&t, "v0:%s[2, %d, s0, %d] = input 0 \"q\"\n", type, s->heads, s->depth);
    pt2_str_addf(&t, "v1:%s[2, %d, s1, %d] = input 1 \"k\"\n", type, s->heads / s->group, s->depth);
    pt2_str_addf(&t, "v2:%s[2, %d, s1, %d] = input 2 \"v\"\n", type, s->heads / s->group, s->width);
    pt2_str_add(&t, "v3:float32[s0, s1] = input 3 \"mask\"\n");
    pt2_str_addf(&t, "v4:float32[2, %d, s0, s1] = reduce sum [%d]: v0[i0, i1, i2, i4]*v1[i0, i1 // %d, i3, i4]\n",
                 s->heads, s->depth, s->group);
    pt2_str_addf(&t, "v5:float32[2, %d, s0] = reduce max [s1]: %s\n", s->heads, m);
    pt2_str_addf(&t, "v6:float32[2, %d, s0] = reduce sum [s1]: exp(%s - v5[i0, i1, i2])\n", s->heads, m);
    pt2_str_addf(&t, "v7:float32[2, %d, s0, s1] = map: %sexp(%s - v5[i0, i1, i2])/v6[i0, i1, i2]%s\n", s->heads,
                 s->safe ? "select(v5[i0, i1, i2] == -inff32, 0.0f32, " : "", m, s->safe ? ")" : "");
    pt2_str_addf(&t, "v8:%s[2, %d, s0, %d] = reduce sum [s1]: ", result, s->heads, s->width);
    pt2_str_addf(&t, s->weights_first ? "v7[i0, i1, i2, i4]*v2[i0, i1 // %d, i4, i3]\n"
                                      : "v2[i0, i1 // %d, i4, i3]*v7[i0, i1, i2, i4]\n", s->group);
    pt2_str_addf(&t, "v9:float32[2, %d, s0, %d] = map: v8[i0, i1, i2, i3]*2.0f32\nreturn v9%s }", s->heads, s->width,
                 s->sums ? ", v5, v6" : "");
    return t.data;
}

/* ---- what it should give ---- */

enum { RESULT, LARGEST, TOTAL, RESULTS };

struct data {
    void *input[4];
    size_t count[4];
    double *want[RESULTS];
    size_t results[RESULTS];
};

static double at(const struct shape *s, const struct data *d, int input, size_t k)
{
    return pt2_load_double(input < 3 ? s->dtype : PT2_F32, d->input[input], (int64_t)k);
}

static double score(const struct shape *s, const struct data *d, size_t head, size_t shared, size_t row, size_t key)
{
    size_t depth = (size_t)s->depth, rows = (size_t)s->rows, keys = (size_t)s->keys;
    double sum = 0, m = at(s, d, 3, row * keys + key);
    for (size_t i = 0; i < depth; i++)
        sum += at(s, d, 0, (head * rows + row) * depth + i) * at(s, d, 1, (shared * keys + key) * depth + i);
    sum *= 0.5;
    switch (s->mask) {
    case ADDED: return sum + m;
    case CHOSEN: return m < 0.5 ? sum : -INFINITY;
    case CAUSAL: return key <= row ? sum : -INFINITY;
    case BEFORE: return key < row ? sum : -INFINITY;
    default: return sum;
    }
}

static void expect_row(const struct shape *s, struct data *d, size_t head, size_t shared, size_t row)
{
    size_t keys = (size_t)s->keys, width = (size_t)s->width;
    double *e = malloc(keys * sizeof *e), most = -INFINITY, total = 0;
    for (size_t j = 0; j < keys; j++) {
        e[j] = score(s, d, head, shared, row, j);
        most = e[j] > most ? e[j] : most;
    }
    for (size_t j = 0; j < keys; j++)
        total += e[j] = exp(e[j] - most);
    for (size_t x = 0; x < width; x++) {
        double sum = 0;
        for (size_t j = 0; j < keys; j++)
            sum += e[j] / total * at(s, d, 2, (shared * keys + j) * width + x);
        d->want[RESULT][(head * (size_t)s->rows + row) * width + x] = 2 * (s->safe && most == -INFINITY ? 0 : sum);
    }
    d->want[LARGEST][head * (size_t)s->rows + row] = most;
    d->want[TOTAL][head * (size_t)s->rows + row] = total;
    free(e);
}

static void make_data(const struct shape *s, struct data *d)
{
    size_t heads = 2 * (size_t)s->heads, shared = heads / (size_t)s->group, rows = (size_t)s->rows;
    size_t keys = (size_t)s->keys, counts[4] = { heads * rows * (size_t)s->depth, shared * keys * (size_t)s->depth,
                                                 shared * keys * (size_t)s->width, rows * keys };
    for (int k = 0; k < 4; k++) {
        d->count[k] = counts[k];
        d->input[k] = malloc(counts[k] * 4 + 4);
        for (size_t i = 0; i < counts[k]; i++)
            pt2_store_double(k < 3 ? s->dtype : PT2_F32, d->input[k], (int64_t)i, uniform());
    }
    for (size_t j = 0; j < keys; j++) /* a row without keys */
        pt2_store_double(PT2_F32, d->input[3], (int64_t)j, s->mask == CHOSEN ? 1 : -INFINITY);
    for (size_t j = 0; j + 1 < keys && rows > 1; j++) /* and one with the last key only */
        pt2_store_double(PT2_F32, d->input[3], (int64_t)(keys + j), s->mask == CHOSEN ? 1 : -INFINITY);
    if (rows > 1 && keys && s->mask == ADDED) /* so small that exp(-it) is infinite */
        pt2_store_double(PT2_F32, d->input[3], (int64_t)(2 * keys - 1), -200);
    if (s->mask == NONE && s->dtype == PT2_F16 && !s->few) /* as the one behind the last key would be if it were read */
        pt2_store_double(PT2_F16, d->input[2], (int64_t)((keys - 1) * (size_t)s->width), INFINITY);
    for (int k = 0; k < RESULTS; k++) {
        d->results[k] = heads * rows * (k == RESULT ? (size_t)s->width : 1);
        d->want[k] = malloc(d->results[k] * sizeof *d->want[k]);
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t t = 0; t < rows; t++)
            expect_row(s, d, h, h / (size_t)s->group, t);
}

static void free_data(struct data *d)
{
    for (int k = 0; k < 4; k++)
        free(d->input[k]);
    for (int k = 0; k < RESULTS; k++)
        free(d->want[k]);
}

/* ---- running ---- */

static void compare(const struct shape *s, const struct data *d, int result, const float *got, const char *form)
{
    double worst = 0, tolerance = s->dtype == PT2_F32 ? 1e-5 : s->dtype == PT2_F16 ? 4e-3 : 3e-2;
    for (size_t k = 0; k < d->results[result]; k++) {
        double want = d->want[result][k], size = result == RESULT ? 1 : fmax(fabs(want), 1);
        double off = want == got[k] || (isnan(want) && isnan(got[k])) ? 0 : fabs(got[k] - want) / size;
        worst = off > worst || isnan(off) ? off : worst;
    }
    if (!(worst <= tolerance)) {
        printf("%s: %d heads by %d, %d rows, %d keys, depth %d, width %d, mask %d, safe %d, %s, result %d: off by %g\n",
               form, s->heads, s->group, s->rows, s->keys, s->depth, s->width, (int)s->mask, s->safe,
               pt2_dtype_name(s->dtype), result, worst);
        failures++;
    }
}

/* What runs a plan on the open device. */
struct run {
    struct pt2_module *m;
    const struct data *d;
    int64_t sizes[2];
    struct pt2_buf *bufs[64]; /* by value id */
    uint64_t bytes[64];
};

static int64_t number(const struct run *q, pt2_ex e)
{
    static const uint8_t known[2] = { 1, 1 };
    int64_t n;
    MUST(pt2_eval(&q->m->exprs, e, q->sizes, known, &n));
    return n;
}

static struct pt2_binding binding_of(struct run *q, const struct pt2_value *v)
{
    const struct pt2_node *def = v->def;
    if (!q->bufs[v->id]) {
        uint64_t bytes = pt2_dtype_size(v->dtype);
        for (int k = 0; k < v->rank; k++)
            bytes *= (uint64_t)number(q, v->shape[k]);
        q->bytes[v->id] = bytes;
        q->bufs[v->id] = new_buf(bytes, def->kind == PT2_NODE_INPUT ? q->d->input[def->input] : NULL);
    }
    return (struct pt2_binding){ q->bufs[v->id], 0, q->bytes[v->id] };
}

static void run_region(struct run *q, const struct pt2_region *r)
{
    struct pt2_binding bindings[16];
    int32_t params[64];
    for (int k = 0; k < r->num_bufs; k++)
        bindings[k] = binding_of(q, r->bufs[k]);
    for (int k = 0; k < r->num_params; k++)
        params[k] = (int32_t)number(q, r->params[k]);
    struct pt2_program_obj *program = compile(r->kernel, NULL);
    struct pt2_launch l = { .program = program, .bindings = bindings, .params = params,
                            .points = (uint64_t)number(q, r->points), .label = "attention" };
    run_launches(&l, 1);
    T.table->program_destroy(dev, program);
}

static void run_plan(const struct pt2_plan *plan, const struct shape *s, const struct data *d, const char *form)
{
    const struct pt2_graph *g = plan->graph;
    struct run q = { .m = g->module, .d = d, .sizes = { s->rows, s->keys } };
    CHECK(g->module->values.count <= 64);
    for (uint32_t k = 0; k < plan->regions.count; k++)
        run_region(&q, plan->regions.data[k]);
    for (uint32_t k = 0; k < g->outputs.count; k++) {
        uint32_t id = g->outputs.data[k]->id;
        float *got = malloc(q.bytes[id] + 4);
        MUST(T.table->buf_read(dev, q.bufs[id], 0, got, q.bytes[id]));
        compare(s, d, (int)k, got, form);
        free(got);
    }
    for (int k = 0; k < 64; k++)
        if (q.bufs[k])
            T.table->buf_destroy(dev, q.bufs[k]);
}

/* Results that are float16 anyway may be made of probabilities that are. */
static bool takes_matrices(const struct shape *s, const struct pt2_caps *caps)
{
    return caps->matrices.k && !caps->wide_vectors && s->dtype == PT2_F16 && !s->wide && !s->few;
}

/* One region, or another one behind it that puts parts of the keys together. */
static void run_form(const struct shape *s, const struct data *d, const struct pt2_caps *caps, const char *form)
{
    const struct pt2_plan_device devices[2] = { { "device:0", *caps }, { "reference:0", { .interprets = true } } };
    const struct pt2_plan_params params = { .num_devices = 2, .devices = devices };
    struct pt2_module m;
    struct pt2_graph *g;
    struct pt2_plan plan;
    char *text = graph_text(s);
    pt2_module_init(&m);
    MUST(pt2_graph_parse(&m, text, &g));
    MUST(pt2_plan_build(g, &params, &plan));
    free(text);
    bool parts = !caps->wide_vectors && !s->sums && s->few;
    CHECK(plan.regions.count == (parts ? 2 : 1) && plan.regions.data[0]->attention);
    CHECK(plan.regions.data[0]->num_bufs <= (parts || s->sums ? 7 : 5));
    CHECK(plan.regions.data[0]->kernel->matrices == takes_matrices(s, caps));
    if (plan.regions.count == (parts ? 2 : 1))
        run_plan(&plan, s, d, form);
    pt2_module_free(&m);
}

/* Forms are chosen by what a device says of itself. */
static void run_forms(const struct shape *s)
{
    struct pt2_caps caps = dev->desc.caps;
    struct data d;
    make_data(s, &d);
    for (int width = 4; width <= 16 && caps.wide_vectors && !s->few; width *= 2) {
        caps.simd_width = width;
        run_form(s, &d, &caps, width == 4 ? "panels, width 4" : width == 8 ? "panels, width 8" : "panels, width 16");
    }
    caps = dev->desc.caps;
    caps.wide_vectors = false;
    if (caps.kind == PT2_KIND_CPU) /* which has kernels for the parts only */
        caps.kind = PT2_KIND_DISCRETE;
    caps.compute_units = 64; /* as many parts of the keys as can be */
    run_form(s, &d, &caps, "groups");
    caps.max_local_size = 64;
    if (s->few && s->dtype == PT2_F32)
        run_form(s, &d, &caps, "small groups");
    caps.max_local_size = dev->desc.caps.max_local_size;
    caps.compute_units = 1;
    if (takes_matrices(s, &caps)) {
        run_form(s, &d, &caps, "large tiles");
        caps.shared_bytes = 14 << 10;
        run_form(s, &d, &caps, "little shared memory");
    }
    free_data(&d);
}

int main(int argc, char **argv)
{
    static const struct shape fixed[] = {
        { 2, 1, 5, 70, 16, 16, CAUSAL, true, true, PT2_F32, false, false, false },
        { 4, 2, 1, 130, 64, 64, NONE, false, false, PT2_F32, false, false, false },
        { 2, 2, 33, 65, 24, 40, CHOSEN, false, true, PT2_F32, false, false, false },
        { 1, 1, 9, 9, 8, 3, ADDED, true, false, PT2_F16, false, false, false },
        { 1, 1, 140, 31, 32, 128, ADDED, false, true, PT2_BF16, false, false, false },
        { 2, 1, 6, 70, 16, 16, CHOSEN, true, true, PT2_F32, false, true, false },
        { 4, 2, 90, 130, 16, 16, BEFORE, true, true, PT2_F32, false, false, false },
        { 2, 1, 1, 9, 16, 16, BEFORE, false, true, PT2_F32, false, false, false },
        /* decoding */
        { 4, 2, 1, 1, 64, 64, NONE, true, true, PT2_F32, true, false, false },
        { 2, 1, 2, 0, 16, 16, NONE, true, true, PT2_F32, true, false, false },
        { 2, 1, 1, 1000, 64, 64, NONE, true, true, PT2_F32, true, false, false },
        { 4, 4, 1, 1000, 128, 128, NONE, true, true, PT2_F16, true, false, false },
        { 16, 16, 1, 900, 64, 64, CAUSAL, true, true, PT2_F32, true, false, false },
        { 8, 8, 1, 500, 256, 128, ADDED, true, true, PT2_F32, true, false, false },
        { 8, 4, 2, 777, 64, 96, CAUSAL, false, true, PT2_BF16, true, false, false },
        { 8, 8, 3, 1283, 80, 80, CHOSEN, false, true, PT2_F32, true, false, false },
        { 6, 3, 2, 1283, 32, 64, ADDED, true, false, PT2_F32, true, false, false },
        { 2, 2, 3, 700, 30, 250, ADDED, false, true, PT2_F32, true, false, false },
        { 3, 3, 2, 600, 256, 256, CHOSEN, true, true, PT2_F16, true, false, false },
        { 3, 3, 2, 600, 40, 32, CHOSEN, true, true, PT2_F32, true, true, false },
    };
    static const struct shape halves[] = { /* for cooperative matrices */
        { 2, 1, 40, 150, 64, 64, NONE, false, true, PT2_F16, false, false, false },
        { 2, 2, 45, 70, 80, 80, CAUSAL, true, true, PT2_F16, false, false, false },
        { 4, 2, 33, 65, 128, 128, ADDED, false, false, PT2_F16, false, false, false },
        { 2, 1, 90, 130, 64, 64, BEFORE, true, true, PT2_F16, false, true, false },
        { 6, 3, 23, 130, 64, 40, CHOSEN, true, true, PT2_F16, false, true, false },
        { 2, 1, 50, 33, 20, 12, NONE, false, true, PT2_F16, false, false, false }, /* fours, not whole matrices */
        { 2, 1, 17, 40, 30, 50, ADDED, false, true, PT2_F16, false, false, false },
        { 1, 1, 20, 40, 136, 144, CAUSAL, true, true, PT2_F16, false, false, false },
        { 2, 2, 20, 40, 32, 32, ADDED, true, true, PT2_F16, false, false, true },
    };
    open_device(argc, argv);
    bool matrices = dev->desc.caps.matrices.k > 0;
    for (size_t k = 0; k < sizeof halves / sizeof *halves && matrices; k++)
        run_forms(&halves[k]);
    for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
        run_forms(&fixed[k]);
    int more = getenv("PT2_CASES") ? atoi(getenv("PT2_CASES")) : 3;
    for (int k = 0; k < more; k++) {
        int group = 1 + (int)below(3);
        struct shape s = { group * (1 + (int)below(2)), group, 1 + (int)below(40), 2 + (int)below(90),
                           1 + (int)below(70), 1 + (int)below(70), (enum mask)below(MASKS), below(2), below(2),
                           PT2_F32, false, false, false };
        run_forms(&s);
        s.dtype = PT2_F16;
        if (matrices)
            run_forms(&s);
        s.dtype = PT2_F32;
        s.few = true;
        s.rows = s.mask == BEFORE ? 4 : 1 + (int)below(4); /* a row that is known to have no key is no attention */
        s.keys = 1 + (int)below(1200);
        s.sums = below(4) == 0;
        run_forms(&s);
    }
    return close_device();
}
