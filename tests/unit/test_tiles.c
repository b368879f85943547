/* SPDX-License-Identifier: MIT
 * Contractions for vectors of every width that a processor may have, on the device at hand: each with few and with many
 * rows and columns, factors contiguous along the depth and across it, windows, and windows of one row each. Against
 * sums in double precision. */
#include "plan/plan.h"
#include "test_device.h"

#include "expr/internal.h"
#include "kernel/contract.h"

#include <math.h>

/* `kind`: where in its row the depth is, of both factors, or windows of 3x3 at a distance of `step`; LINES: of each row
 * its own, with a border of zeros. */
enum kind { DEEP, WIDE, WINDOWS, LINES, KINDS };

struct shape {
    enum kind kind;
    int rows, cols, depth, step; /* windows: cols by cols, depth channels */
};

static float numbers(int k) { return (float)((k * 7919 + 13) % 2011) / 1005.5f - 1; }

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
    int r = s->rows, c = s->cols, d = s->depth, n = input_side(s);
    switch (s->kind) {
    case DEEP:
        snprintf(text, size, "graph main { v0:float32[%d, %d] = input 0 \"a\" v1:float32[%d, %d] = input 1 \"b\"\n"
                 "v2:float32[%d, %d] = reduce sum [%d]: v0[i0, i2]*v1[i1, i2] return v2 }", r, d, c, d, r, c, d);
        break;
    case WIDE:
        snprintf(text, size, "graph main { v0:float32[%d, %d] = input 0 \"a\" v1:float32[%d, %d] = input 1 \"b\"\n"
                 "v2:float32[%d, %d] = reduce sum [%d]: v0[i2, i0]*v1[i2, i1] return v2 }", d, r, d, c, r, c, d);
        break;
    case LINES: lines_text(s, text, size); break;
    default:
        snprintf(text, size, "graph main { v0:float32[%d, %d, 3, 3] = input 0 \"a\"\n"
                 "v1:float32[%d, %d, %d] = input 1 \"b\"\nv2:float32[%d, %d, %d] = reduce sum [%d, 3, 3]: "
                 "v0[i0, i3, i4, i5]*v1[i3, i1*%d + i4, i2*%d + i5] return v2 }",
                 r, d, d, n, n, r, c, c, d, s->step, s->step);
    }
}

static double want(const struct shape *s, int at)
{
    int r = s->rows, c = s->cols, d = s->depth, n = input_side(s);
    double sum = 0;
    if (s->kind == DEEP)
        for (int k = 0; k < d; k++)
            sum += (double)numbers(at / c * d + k) * numbers(at % c * d + k);
    if (s->kind == WIDE)
        for (int k = 0; k < d; k++)
            sum += (double)numbers(k * r + at / c) * numbers(k * c + at % c);
    for (int k = 0; s->kind == WINDOWS && k < d * 9; k++) {
        int y = at / c % c * s->step + k / 3 % 3, x = at % c * s->step + k % 3;
        sum += (double)numbers(at / c / c * d * 9 + k) * numbers((k / 9 * n + y) * n + x);
    }
    for (int k = 0; s->kind == LINES && k < 9; k++) {
        int y = at / c % c * s->step + k / 3 - 1, x = at % c * s->step + k % 3 - 1, row = at / c / c;
        if (y >= 0 && y < n && x >= 0 && x < n)
            sum += (double)numbers(row * 9 + k) * numbers((row * n + y) * n + x);
    }
    return sum;
}

static struct pt2_buf *new_input(const struct shape *s, int input)
{
    int n = input_count(s, input);
    float *data = malloc((size_t)n * sizeof *data);
    for (int k = 0; k < n; k++)
        data[k] = numbers(k);
    struct pt2_buf *buf = new_buf((uint64_t)n * sizeof *data, data);
    free(data);
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
        bindings[k] = (struct pt2_binding){ buf, 0, input ? (uint64_t)input_count(s, def->input) * 4 : bytes };
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

static void compare(const struct shape *s, int width, const float *got)
{
    double worst = 0;
    for (int k = 0; k < num_results(s); k++) {
        double off = fabs(got[k] - want(s, k));
        worst = off > worst || isnan(off) ? off : worst;
    }
    if (!(worst <= 1e-6 * s->depth * (s->kind >= WINDOWS ? 9 : 1))) {
        printf("width %d, kind %d, %d rows, %d columns, depth %d: off by %g\n", width, (int)s->kind, s->rows, s->cols,
               s->depth, worst);
        failures++;
    }
}

static void run(const struct shape *s, int width)
{
    struct pt2_plan_device devices[2] = { { "device:0", dev->desc.caps }, { "reference:0", { .interprets = true } } };
    const struct pt2_plan_params params = { .num_devices = 2, .devices = devices };
    struct pt2_module m;
    struct pt2_graph *g;
    struct pt2_plan plan;
    char text[1024];
    devices[0].caps.simd_width = width;
    graph_text(s, text, sizeof text);
    pt2_module_init(&m);
    MUST(pt2_graph_parse(&m, text, &g));
    MUST(pt2_plan_build(g, &params, &plan));
    const struct pt2_region *r = plan.regions.data[0];
    const struct pt2_contract *c = r->kernel->contract;
    CHECK(plan.regions.count == 1 && c && c->form == PT2_CONTRACT_PACKED && c->lanes == width);
    if (c) {
        int registers = width >= 16 ? 32 : 16, vectors = c->block_vectors;
        CHECK(c->block_rows * vectors + vectors + 1 <= registers);
        CHECK(c->lines == (s->kind == LINES));
        CHECK(c->tile_rows % c->block_rows == 0 && (c->lines || c->tile_cols % (c->block_vectors * width) == 0));
        float *got = malloc((size_t)num_results(s) * sizeof *got);
        run_region(&m, r, s, got);
        compare(s, width, got);
        free(got);
    }
    pt2_module_free(&m);
}

int main(int argc, char **argv)
{
    static const struct shape shapes[] = {
        { DEEP, 70, 90, 300, 1 },   { WIDE, 70, 90, 40, 1 },   { WIDE, 3, 500, 20, 1 },   { WIDE, 2, 64, 600, 1 },
        { DEEP, 260, 17, 33, 1 },   { WIDE, 5, 4096, 9, 1 },   { WINDOWS, 9, 13, 40, 1 }, { WINDOWS, 40, 7, 5, 2 },
        { LINES, 5, 61, 1, 1 },     { LINES, 40, 7, 1, 1 },    { LINES, 3, 50, 1, 2 },    { LINES, 100, 5, 1, 2 },
    };
    open_device(argc, argv);
    for (int width = 4; width <= 16 && dev->desc.caps.wide_vectors; width *= 2)
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
            run(&shapes[k], width);
    return close_device();
}
