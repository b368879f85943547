/* SPDX-License-Identifier: MIT
 * Contractions on the device at hand, each with few and with many rows and columns, factors contiguous along the depth
 * and across it, windows, and windows of one row each: for vectors of every width that a processor may have, and, where
 * groups share tiles, for tiles that a tuner may ask for, of floats, halves and bytes. Against sums in double
 * precision. */
#include "plan/plan.h"
#include "test_device.h"

#include "expr/internal.h"
#include "kernel/contract.h"

#include <math.h>

/* `kind`: where in its row the depth is, of both factors, or windows of 3x3 at a distance of `step`; LINES: of each row
 * its own, with a border of zeros. */
enum kind { DEEP, WIDE, WINDOWS, LINES, KINDS };

/* What the inputs are. */
enum elements { FLOATS, HALVES, BYTES };

struct shape {
    enum kind kind;
    int rows, cols, depth, step; /* windows: cols by cols, depth channels */
    enum elements of;
};

/* Of bytes all, else exact as halves too. */
static float numbers(const struct shape *s, int k)
{
    return s->of == BYTES ? (float)(k % 4093 * 7919 % 256 - 128) : (float)((k * 7919 + 13) % 2011) / 1024 - 1;
}

static int input_side(const struct shape *s) { return (s->cols - 1) * s->step + (s->kind == LINES ? 1 : 3); }

static int input_count(const struct shape *s, int input)
{
    if (s->kind == LINES)
        return s->rows * (input ? input_side(s) * input_side(s) : 9);
    if (s->kind == WINDOWS)
        return s->depth * (input ? input_side(s) * input_side(s) : s->rows * 9);
    return s->depth * (input ? s->cols : s->rows);
}

static int num_results(const struct shape *s) { return s->rows * s->cols * (s->kind >= WINDOWS ? s->cols : 1); }

static void lines_text(const struct shape *s, char *text, size_t size)
{
    int r = s->rows, c = s->cols, n = input_side(s);
    char y[32], x[32];
    snprintf(y, sizeof y, "i1*%d + i3 + -1", s->step);
    snprintf(x, sizeof x, "i2*%d + i4 + -1", s->step);
    snprintf(text, size, "graph main { v0:float32[%d, 3, 3] = input 0 \"a\" v1:float32[%d, %d, %d] = input 1 \"b\"\n"
             "v2:float32[%d, %d, %d] = reduce sum [3, 3]: v0[i0, i3, i4]*"
             "select(and(and(and(%s < %d, 0 <= %s), 0 <= %s), %s < %d), "
             "v1[i0, min(max(%s, 0), %d), min(max(%s, 0), %d)], 0f32) return v2 }",
             r, r, n, n, r, c, c, y, n, y, x, x, n, y, n - 1, x, n - 1);
}

static void graph_text(const struct shape *s, char *text, size_t size)
{
    static const char *const types[] = { "float32", "float16", "int8" };
    int r = s->rows, c = s->cols, d = s->depth, n = input_side(s);
    const char *type = types[s->of], *f = s->of == BYTES ? "f32" : "";
    switch (s->kind) {
    case DEEP:
        snprintf(text, size, "graph main { v0:%s[%d, %d] = input 0 \"a\" v1:%s[%d, %d] = input 1 \"b\"\n"
                 "v2:float32[%d, %d] = reduce sum [%d]: %s(v0[i0, i2])*%s(v1[i1, i2]) return v2 }",
                 type, r, d, type, c, d, r, c, d, f, f);
        break;
    case WIDE:
        snprintf(text, size, "graph main { v0:%s[%d, %d] = input 0 \"a\" v1:%s[%d, %d] = input 1 \"b\"\n"
                 "v2:float32[%d, %d] = reduce sum [%d]: %s(v0[i2, i0])*%s(v1[i2, i1]) return v2 }",
                 type, d, r, type, d, c, r, c, d, f, f);
        break;
    case LINES: lines_text(s, text, size); break;
    default:
        snprintf(text, size, "graph main { v0:%s[%d, %d, 3, 3] = input 0 \"a\"\n"
                 "v1:%s[%d, %d, %d] = input 1 \"b\"\nv2:float32[%d, %d, %d] = reduce sum [%d, 3, 3]: "
                 "%s(v0[i0, i3, i4, i5])*%s(v1[i3, i1*%d + i4, i2*%d + i5]) return v2 }",
                 type, r, d, type, d, n, n, r, c, c, d, f, f, s->step, s->step);
    }
}

static double want(const struct shape *s, int at)
{
    int r = s->rows, c = s->cols, d = s->depth, n = input_side(s);
    double sum = 0;
    if (s->kind == DEEP)
        for (int k = 0; k < d; k++)
            sum += (double)numbers(s, at / c * d + k) * numbers(s, at % c * d + k);
    if (s->kind == WIDE)
        for (int k = 0; k < d; k++)
            sum += (double)numbers(s, k * r + at / c) * numbers(s, k * c + at % c);
    for (int k = 0; s->kind == WINDOWS && k < d * 9; k++) {
        int y = at / c % c * s->step + k / 3 % 3, x = at % c * s->step + k % 3;
        sum += (double)numbers(s, at / c / c * d * 9 + k) * numbers(s, (k / 9 * n + y) * n + x);
    }
    for (int k = 0; s->kind == LINES && k < 9; k++) {
        int y = at / c % c * s->step + k / 3 - 1, x = at % c * s->step + k % 3 - 1, row = at / c / c;
        if (y >= 0 && y < n && x >= 0 && x < n)
            sum += (double)numbers(s, row * 9 + k) * numbers(s, (row * n + y) * n + x);
    }
    return sum;
}

static uint64_t input_bytes(const struct shape *s, int input)
{
    static const uint64_t sizes[] = { 4, 2, 1 };
    return (uint64_t)input_count(s, input) * sizes[s->of];
}

static struct pt2_buf *new_input(const struct shape *s, int input)
{
    int n = input_count(s, input);
    float *data = malloc((size_t)n * sizeof *data);
    uint16_t *halves = malloc((size_t)n * sizeof *halves);
    int8_t *bytes = malloc((size_t)n);
    const void *all[] = { data, halves, bytes };
    for (int k = 0; k < n; k++) {
        data[k] = numbers(s, k);
        halves[k] = pt2_f32_to_f16(data[k]);
        bytes[k] = s->of == BYTES ? (int8_t)data[k] : 0;
    }
    struct pt2_buf *buf = new_buf(input_bytes(s, input), all[s->of]);
    free(data);
    free(halves);
    free(bytes);
    return buf;
}

static void run_region(struct pt2_module *m, const struct pt2_region *r, const struct shape *s, float *got)
{
    struct pt2_binding bindings[3];
    int32_t params[64];
    int64_t n;
    uint64_t bytes = (uint64_t)num_results(s) * sizeof *got;
    struct pt2_buf *out = NULL;
    for (int k = 0; k < r->num_bufs; k++) {
        const struct pt2_node *def = r->bufs[k]->def;
        bool input = def->kind == PT2_NODE_INPUT;
        struct pt2_buf *buf = input ? new_input(s, def->input) : new_buf(bytes, NULL);
        bindings[k] = (struct pt2_binding){ buf, 0, input ? input_bytes(s, def->input) : bytes };
        out = input ? out : buf;
    }
    for (int k = 0; k < r->num_params; k++) {
        MUST(pt2_eval(&m->exprs, r->params[k], NULL, NULL, &n));
        params[k] = (int32_t)n;
    }
    MUST(pt2_eval(&m->exprs, r->points, NULL, NULL, &n));
    struct pt2_program_obj *program = compile(r->kernel, NULL);
    struct pt2_launch l = { .program = program, .bindings = bindings, .params = params, .points = (uint64_t)n,
                            .label = "contraction" };
    run_launches(&l, 1);
    MUST(T.table->buf_read(dev, out, 0, got, bytes));
    T.table->program_destroy(dev, program);
    for (int k = 0; k < r->num_bufs; k++)
        T.table->buf_destroy(dev, bindings[k].buf);
}

static void compare(const struct shape *s, const char *how, const float *got)
{
    double worst = 0;
    for (int k = 0; k < num_results(s); k++) {
        double off = fabs(got[k] - want(s, k));
        worst = off > worst || isnan(off) ? off : worst;
    }
    if (!(worst <= (s->of == BYTES ? 0 : 1e-6 * s->depth * (s->kind >= WINDOWS ? 9 : 1)))) {
        printf("%s, kind %d, %d rows, %d columns, depth %d, elements %d: off by %g\n", how, (int)s->kind, s->rows,
               s->cols, s->depth, (int)s->of, worst);
        failures++;
    }
}

static void run_and_compare(struct pt2_module *m, const struct pt2_region *r, const struct shape *s, const char *how)
{
    float *got = malloc((size_t)num_results(s) * sizeof *got);
    run_region(m, r, s, got);
    compare(s, how, got);
    free(got);
}

/* Its only region, which must be a contraction; NULL: it is not. */
static struct pt2_region *plan_shape(const struct shape *s, const struct pt2_caps *caps, struct pt2_module *m,
                                     struct pt2_plan *plan)
{
    struct pt2_plan_device devices[2] = { { "device:0", *caps }, { "reference:0", { .interprets = true } } };
    const struct pt2_plan_params params = { .num_devices = 2, .devices = devices };
    struct pt2_graph *g;
    char text[1024];
    graph_text(s, text, sizeof text);
    pt2_module_init(m);
    MUST(pt2_graph_parse(m, text, &g));
    MUST(pt2_plan_build(g, &params, plan));
    CHECK(plan->regions.count == 1 && plan->regions.data[0]->kernel->contract);
    return plan->regions.count == 1 && plan->regions.data[0]->kernel->contract ? plan->regions.data[0] : NULL;
}

static void run_width(const struct shape *s, int width)
{
    struct pt2_caps caps = dev->desc.caps;
    struct pt2_module m;
    struct pt2_plan plan;
    char how[32];
    caps.simd_width = width;
    struct pt2_region *r = plan_shape(s, &caps, &m, &plan);
    if (r) {
        const struct pt2_contract *c = r->kernel->contract;
        int registers = width >= 16 ? 32 : 16, vectors = c->block_vectors;
        CHECK(c->form == PT2_CONTRACT_PACKED && c->lanes == width);
        CHECK(c->block_rows * vectors + vectors + 1 <= registers);
        CHECK(c->lines == (s->kind == LINES));
        CHECK(c->tile_rows % c->block_rows == 0 && (c->lines || c->tile_cols % (c->block_vectors * width) == 0));
        snprintf(how, sizeof how, "width %d", width);
        run_and_compare(&m, r, s, how);
    }
    pt2_module_free(&m);
}

static enum pt2_contract_form form_of(const struct shape *s, const struct pt2_caps *caps)
{
    if (s->of != FLOATS && caps->matrices.k)
        return PT2_CONTRACT_MATRICES;
    return s->of == BYTES && caps->fast_dot_bytes ? PT2_CONTRACT_DOTS : PT2_CONTRACT_SHARED;
}

/* The tiles that are chosen, and others that may be asked for. */
static void run_groups(const struct shape *s, const struct pt2_caps *caps, bool others)
{
    enum { MOST = 64 };
    struct pt2_tiles asks[MOST] = { { 0 } };
    struct pt2_module m;
    struct pt2_plan plan;
    char how[64];
    struct pt2_region *r = plan_shape(s, caps, &m, &plan);
    int n = r ? 1 : 0;
    if (r && others)
        n += pt2_tiles_candidates(r->kernel->contract, caps, s->of != FLOATS, MOST - 1, asks + 1);
    for (int k = 0; k < n; k++) {
        r->tiles = asks[k];
        MUST(pt2_kernel_build(plan.graph, r, caps, 0));
        pt2_kernel_render(&m, r->kernel);
        const struct pt2_contract *c = r->kernel->contract;
        CHECK(c->form == form_of(s, caps));
        snprintf(how, sizeof how, "tiles %d x %d x %d", c->tile_rows, c->tile_cols, c->tile_depth);
        run_and_compare(&m, r, s, how);
    }
    pt2_module_free(&m);
}

int main(int argc, char **argv)
{
    static const struct shape shapes[] = {
        { DEEP, 70, 90, 300, 1, 0 },   { WIDE, 70, 90, 40, 1, 0 },   { WIDE, 3, 500, 20, 1, 0 },
        { WIDE, 2, 64, 600, 1, 0 },    { DEEP, 260, 17, 33, 1, 0 },  { WIDE, 5, 4096, 9, 1, 0 },
        { WINDOWS, 9, 13, 40, 1, 0 },  { WINDOWS, 40, 7, 5, 2, 0 },  { LINES, 5, 61, 1, 1, 0 },
        { LINES, 40, 7, 1, 1, 0 },     { LINES, 3, 50, 1, 2, 0 },    { LINES, 100, 5, 1, 2, 0 },
    };
    static const struct shape shared[] = { /* whose neighbours can be read together or not, by rows, columns, depth */
        { DEEP, 70, 90, 300, 1, 0 },   { WIDE, 72, 90, 40, 1, 0 },   { WIDE, 70, 140, 33, 1, 0 },
        { WINDOWS, 40, 9, 5, 2, 0 },   { DEEP, 70, 90, 300, 1, 1 },  { DEEP, 130, 33, 35, 1, 1 },
        { WIDE, 72, 90, 40, 1, 1 },    { WIDE, 70, 140, 33, 1, 1 },  { WINDOWS, 40, 9, 5, 2, 1 },
        { DEEP, 70, 90, 300, 1, 2 },   { DEEP, 130, 33, 35, 1, 2 },  { WIDE, 72, 90, 40, 1, 2 },
        { WIDE, 70, 140, 33, 1, 2 },   { WINDOWS, 40, 9, 5, 2, 2 },  { DEEP, 300, 260, 1024, 1, 2 },
    };
    open_device(argc, argv);
    const struct pt2_caps *caps = &dev->desc.caps;
    for (int width = 4; width <= 16 && caps->wide_vectors; width *= 2)
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
            run_width(&shapes[k], width);
    for (size_t k = 0; k < sizeof shared / sizeof *shared && caps->kind != PT2_KIND_CPU; k++)
        run_groups(&shared[k], caps, shared[k].kind == DEEP && shared[k].depth == 300);
    struct pt2_caps plain = *caps;
    plain.matrices = (struct pt2_matrices){ 0 };
    for (size_t k = 0; k < sizeof shared / sizeof *shared && caps->matrices.k; k++)
        run_groups(&shared[k], &plain, shared[k].of == BYTES && shared[k].depth == 300);
    return close_device();
}
