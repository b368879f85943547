/* SPDX-License-Identifier: MIT
 * Plans: what shares a kernel, what may overlap, where it runs and why, what waits for what, and which values share
 * memory. */
#include "random_graph.h"
#include "kernel/attention.h"
#include "kernel/rows.h"

#include <cmocka.h>

/* Two devices that exist only in these plans: a GPU without float64, and the one that can do everything. */
static const struct pt2_plan_device devices[] = {
    { "gpu:0", { .kind = PT2_KIND_DISCRETE, .int64 = true, .concurrent = true, .storage8 = true, .storage16 = true,
                 .subgroup_size = 32, .simd_width = 32, .compute_units = 16, .max_local_size = 256, .max_params = 32,
                 .shared_bytes = 32768, .max_buffer_range = 1 << 27, .memory = 1 << 30, .buffer_align = 256 } },
    { "reference:0", { .kind = PT2_KIND_CPU, .interprets = true, .int64 = true, .float64 = true, .float64_math = true,
                       .simd_width = 1, .max_local_size = 1, .max_params = 64, .max_buffer_range = UINT64_MAX,
                       .memory = 1 << 30, .buffer_align = 64 } },
};
static const struct pt2_plan_params params = { .num_devices = 2, .devices = devices };

/* Shaders on a processor, which reaches more of a buffer by fetches than otherwise. */
static const struct pt2_plan_device shader_devices[] = {
    { "cpu:0", { .kind = PT2_KIND_CPU, .int64 = true, .storage8 = true, .storage16 = true, .simd_width = 8,
                 .compute_units = 2, .max_local_size = 256, .max_params = 32, .max_buffer_range = 1 << 27,
                 .max_fetch_range = 1 << 30, .memory = 1 << 30, .buffer_align = 16 } },
    { "reference:0", { .kind = PT2_KIND_CPU, .interprets = true, .int64 = true, .float64 = true, .float64_math = true,
                       .simd_width = 1, .max_local_size = 1, .max_params = 64, .max_buffer_range = UINT64_MAX,
                       .memory = 1 << 30, .buffer_align = 64 } },
};
static const struct pt2_plan_params shader_params = { .num_devices = 2, .devices = shader_devices };

struct scene {
    struct pt2_module m;
    struct pt2_plan plan;
};

static void plan_text_for(struct scene *s, const char *text, const struct pt2_plan_params *for_params)
{
    struct pt2_graph *g;
    pt2_module_init(&s->m);
    must(pt2_graph_parse(&s->m, text, &g), text);
    must(pt2_run_passes(&s->m, 0), text);
    must(pt2_plan_build(g, for_params, &s->plan), text);
}

static void plan_text(struct scene *s, const char *text) { plan_text_for(s, text, &params); }

static uint32_t step_of(const struct pt2_plan *p, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < p->num_steps; k++)
        for (uint32_t j = 0; p->steps[k].region && j < p->steps[k].region->members.count; j++)
            if (p->steps[k].region->members.data[j].node == v->def)
                return k;
    fail_msg("v%u is made by no step", v->id);
    return 0;
}

static bool comes_before(const struct pt2_plan *p, uint32_t a, uint32_t b)
{
    for (uint32_t k = 0; k < p->steps[b].num_deps; k++)
        if (p->steps[b].deps[k] == a || comes_before(p, a, p->steps[b].deps[k]))
            return true;
    return false;
}

/* ---- what shares a kernel ---- */

static void test_softmax(void **state)
{
    struct scene s;
    (void)state;
    plan_text(&s, "graph main {\n"
                  "  v0:float32[8, 1000] = input 0 \"x\"\n"
                  "  v1:float32[8] = reduce max [1000]: v0[i0, i1]\n"
                  "  v2:float32[8, 1000] = map: exp(v0[i0, i1] - v1[i0])\n"
                  "  v3:float32[8] = reduce sum [1000]: v2[i0, i1]\n"
                  "  v4:float32[8, 1000] = map: v2[i0, i1] / v3[i0]\n"
                  "  return v4\n}");
    assert_int_equal(s.plan.num_steps, 1);
    assert_int_equal(s.plan.regions.data[0]->members.count, 3);
    assert_int_equal(s.plan.regions.data[0]->num_bufs, 2); /* x, and the result: the row's numbers are registers */
    pt2_module_free(&s.m);
}

static void test_layer_norm(void **state)
{
    struct scene s;
    (void)state;
    plan_text(&s, "symbol s0 in 1..\ngraph main {\n"
                  "  v0:float32[s0, 64] = input 0 \"x\"\n"
                  "  v1:float32[64] = input 1 \"weight\"\n"
                  "  v2:float32[s0] = reduce sum [64]: v0[i0, i1]\n"
                  "  v3:float32[s0] = map: v2[i0]*0.015625f32\n"
                  "  v4:float32[s0] = reduce sum [64]: (v0[i0, i1] - v3[i0])*(v0[i0, i1] - v3[i0])\n"
                  "  v5:float32[s0] = map: rsqrt(v4[i0]*0.015625f32 + 1e-05f32)\n"
                  "  v6:float32[s0, 64] = map: (v0[i0, i1] - v3[i0])*v5[i0]*v1[i1]\n"
                  "  return v6\n}");
    assert_int_equal(s.plan.num_steps, 1);
    assert_int_equal(s.plan.regions.data[0]->num_bufs, 3);
    pt2_module_free(&s.m);
}

/* ---- attention is found by its form ---- */

#define SCORES "v3:float32[4, 50, 60] = reduce sum [16]: v0[i0, i1, i3]*v1[i0, i2, i3]\n"
#define LARGEST "v4:float32[4, 50] = reduce max [60]: v3[i0, i1, i2]*0.25f32\n"
#define TOTAL "v5:float32[4, 50] = reduce sum [60]: exp(v3[i0, i1, i2]*0.25f32 - v4[i0, i1])\n"
#define WEIGHTS "v6:float32[4, 50, 60] = map: exp(v3[i0, i1, i2]*0.25f32 - v4[i0, i1])/v5[i0, i1]\n"
#define MIXED "v7:float32[4, 50, 8] = reduce sum [60]: v6[i0, i1, i3]*v2[i0, i3, i2]\n"

static bool finds_attention(const char *nodes, uint32_t without)
{
    struct pt2_plan_params plan = params;
    struct pt2_str s = { 0 };
    struct pt2_module m;
    struct pt2_graph *g;
    struct pt2_plan p;
    plan.without = without;
    pt2_str_addf(&s, "graph main { v0:float32[4, 50, 16] = input 0 \"q\"\nv1:float32[4, 60, 16] = input 1 \"k\"\n"
                     "v2:float32[4, 60, 8] = input 2 \"v\"\n%s }", nodes);
    pt2_module_init(&m);
    must(pt2_graph_parse(&m, pt2_str_text(&s), &g), pt2_str_text(&s));
    must(pt2_run_passes(&m, without), nodes);
    must(pt2_plan_build(g, &plan, &p), nodes);
    bool found = false;
    for (uint32_t k = 0; k < p.regions.count; k++)
        found |= p.regions.data[k]->attention != NULL;
    assert_true(!found || p.num_steps == 1);
    pt2_module_free(&m);
    pt2_str_free(&s);
    return found;
}

static void test_attention(void **state)
{
    (void)state;
    assert_true(finds_attention(SCORES LARGEST TOTAL WEIGHTS MIXED "return v7", 0));
    /* with an epilogue, the product swapped, and the exponentials as a node */
    assert_true(finds_attention(SCORES LARGEST "v6:float32[4, 50, 60] = map: exp(v3[i0, i1, i2]*0.25f32 - v4[i0, i1])\n"
                                "v8:float32[4, 50] = reduce sum [60]: v6[i0, i1, i2]\n"
                                "v9:float32[4, 50, 60] = map: v6[i0, i1, i2]/v8[i0, i1]\n"
                                "v7:float32[4, 50, 8] = reduce sum [60]: v2[i0, i3, i2]*v9[i0, i1, i3]\n"
                                "v10:float32[4, 50, 8] = map: tanh(v7[i0, i1, i2]) return v10", 0));
    assert_false(finds_attention(SCORES LARGEST TOTAL WEIGHTS MIXED "return v7", 1u << PT2_OPT_ATTENTION));
    assert_false(finds_attention(SCORES LARGEST TOTAL WEIGHTS MIXED "return v7", ONE_NODE_EACH));
    /* sums of the rows are results too */
    assert_true(finds_attention(SCORES LARGEST TOTAL WEIGHTS MIXED "return v7, v4, v5", 0));
    /* something inside is wanted outside, or a sum of the rows before all of it is done */
    assert_false(finds_attention(SCORES LARGEST TOTAL WEIGHTS MIXED "return v7, v6", 0));
    assert_false(finds_attention(SCORES LARGEST TOTAL "v8:float32[4, 50] = map: tanh(v5[i0, i1])\n" WEIGHTS MIXED
                                 "return v7, v8", 0));
    /* another maximum, another exponential, another axis, weights that are no multiple */
    assert_false(finds_attention(SCORES "v4:float32[4, 50] = reduce max [60]: v3[i0, i1, i2]\n" TOTAL WEIGHTS MIXED
                                 "return v7", 0));
    assert_false(finds_attention(SCORES LARGEST TOTAL "v6:float32[4, 50, 60] = map: "
                                 "exp(v3[i0, i1, i2]*0.5f32 - v4[i0, i1])/v5[i0, i1]\n" MIXED "return v7", 0));
    assert_false(finds_attention(SCORES "v4:float32[4, 60] = reduce max [50]: v3[i0, i2, i1]*0.25f32\n"
                                 "v5:float32[4, 60] = reduce sum [50]: exp(v3[i0, i2, i1]*0.25f32 - v4[i0, i1])\n"
                                 "v6:float32[4, 50, 60] = map: exp(v3[i0, i1, i2]*0.25f32 - v4[i0, i2])/v5[i0, i2]\n"
                                 MIXED "return v7", 0));
    assert_false(finds_attention(SCORES LARGEST TOTAL
                                 "v6:float32[4, 50, 60] = map: "
                                 "exp(v3[i0, i1, i2]*0.25f32 - v4[i0, i1])/v5[i0, i1] + 1.0f32\n" MIXED "return v7",
                                 0));
}

/* Steps of an attention of `rows` by `keys`, the keys a symbol from 1 up where `keys` is 0. */
static uint32_t steps_of_decoding(int rows, int keys, uint32_t without, bool *first_is_whole)
{
    struct pt2_plan_params plan = params;
    struct pt2_str s = { 0 };
    struct pt2_graph *g;
    struct scene c;
    char n[16];
    plan.without = without;
    snprintf(n, sizeof n, keys ? "%d" : "s0", keys);
    pt2_str_addf(&s, "symbol s0 in 1..8192 graph main { v0:float16[8, %d, 64] = input 0 \"q\"\n"
                     "v1:float16[2, %s, 64] = input 1 \"k\"\nv2:float16[2, %s, 64] = input 2 \"v\"\n", rows, n, n);
    pt2_str_addf(&s, "v3:float32[8, %d, %s] = reduce sum [64]: v0[i0, i1, i3]*v1[i0//4, i2, i3]\n", rows, n);
    pt2_str_addf(&s, "v4:float32[8, %d] = reduce max [%s]: v3[i0, i1, i2]\n", rows, n);
    pt2_str_addf(&s, "v5:float32[8, %d] = reduce sum [%s]: exp(v3[i0, i1, i2] - v4[i0, i1])\n", rows, n);
    pt2_str_addf(&s, "v6:float32[8, %d, %s] = map: exp(v3[i0, i1, i2] - v4[i0, i1])/v5[i0, i1]\n", rows, n);
    pt2_str_addf(&s, "v7:float16[8, %d, 64] = reduce sum [%s]: v6[i0, i1, i3]*v2[i0//4, i3, i2] return v7 }", rows, n);
    pt2_module_init(&c.m);
    must(pt2_graph_parse(&c.m, pt2_str_text(&s), &g), pt2_str_text(&s));
    must(pt2_run_passes(&c.m, without), pt2_str_text(&s));
    must(pt2_plan_build(g, &plan, &c.plan), pt2_str_text(&s));
    must(pt2_graph_verify(g), pt2_str_text(&s));
    *first_is_whole = c.plan.steps[0].region->attention;
    uint32_t steps = c.plan.num_steps;
    pt2_module_free(&c.m);
    pt2_str_free(&s);
    return steps;
}

/* Few rows over many keys are cut into parts of the keys, which another kernel puts together. */
static void test_decoding(void **state)
{
    bool whole;
    (void)state;
    assert_int_equal(steps_of_decoding(1, 5000, 0, &whole), 2);
    assert_true(whole);
    assert_int_equal(steps_of_decoding(2, 0, 0, &whole), 2);
    assert_true(whole);
    assert_int_equal(steps_of_decoding(1, 200, 0, &whole), 1);
    assert_true(whole);
    assert_int_equal(steps_of_decoding(2000, 5000, 0, &whole), 1);
    assert_true(whole);
    assert_true(steps_of_decoding(1, 5000, 1u << PT2_OPT_ATTENTION, &whole) > 2);
    assert_false(whole);
}

/* An attention on a large GPU with cooperative matrices: heads, rows, keys and the size of a head. */
struct large {
    const char *k_type, *type;
    int heads, rows, keys, head;
};

static void plan_large(struct scene *c, const struct large *l)
{
    struct pt2_plan_device gpu[] = { devices[0], devices[1] };
    const struct pt2_plan_params plan = { .num_devices = 2, .devices = gpu };
    struct pt2_caps *caps = &gpu[0].caps;
    struct pt2_str s = { 0 };
    caps->matrices = (struct pt2_matrices){ 16, 16, 16 };
    caps->compute_units = 132;
    caps->max_local_size = 1024;
    caps->shared_bytes = 48 << 10;
    pt2_str_addf(&s, "graph main { v0:float16[%d, %d, %d] = input 0 \"q\"\n", l->heads, l->rows, l->head);
    pt2_str_addf(&s, "v1:%s[%d, %d, %d] = input 1 \"k\"\n", l->k_type, l->heads, l->keys, l->head);
    pt2_str_addf(&s, "v2:float16[%d, %d, %d] = input 2 \"v\"\n", l->heads, l->keys, l->head);
    pt2_str_addf(&s, "v3:float32[%d, %d, %d] = reduce sum [%d]: v0[i0, i1, i3]*v1[i0, i2, i3]\n", l->heads, l->rows,
                 l->keys, l->head);
    pt2_str_addf(&s, "v4:float32[%d, %d] = reduce max [%d]: v3[i0, i1, i2]\n", l->heads, l->rows, l->keys);
    pt2_str_addf(&s, "v5:float32[%d, %d] = reduce sum [%d]: exp(v3[i0, i1, i2] - v4[i0, i1])\n", l->heads, l->rows,
                 l->keys);
    pt2_str_addf(&s, "v6:%s[%d, %d, %d] = reduce sum [%d]: exp(v3[i0, i1, i3] - v4[i0, i1])/v5[i0, i1]*v2[i0, i3, i2]\n"
                     "return v6 }", l->type, l->heads, l->rows, l->head, l->keys);
    plan_text_for(c, pt2_str_text(&s), &plan);
    pt2_str_free(&s);
}

static void test_matrices_of_attention(void **state)
{
    static const struct {
        struct large of;
        enum pt2_contract_form form;
        int rows, keys; /* of a tile; 0: it is cut into parts */
    } cases[] = {
        { { "float16", "float16", 32, 2048, 2048, 64 }, PT2_CONTRACT_MATRICES, 64, 64 },
        { { "float16", "float16", 32, 2048, 2048, 128 }, PT2_CONTRACT_MATRICES, 64, 64 },
        { { "float16", "float16", 32, 2048, 2048, 256 }, PT2_CONTRACT_MATRICES, 32, 64 },
        { { "float16", "float16", 12, 384, 384, 64 }, PT2_CONTRACT_MATRICES, 32, 64 }, /* for more groups */
        { { "float16", "float16", 600, 24, 20, 64 }, PT2_CONTRACT_MATRICES, 32, 32 },
        { { "float16", "float16", 600, 4, 20, 64 }, PT2_CONTRACT_REGISTERS, 4, 32 },
        { { "float16", "float16", 600, 12, 20, 64 }, PT2_CONTRACT_SHARED, 32, 64 }, /* less than a matrix */
        { { "float16", "float16", 4, 16, 8192, 64 }, PT2_CONTRACT_SHARED, 0, 0 }, /* too few groups */
        { { "float16", "float32", 32, 2048, 2048, 64 }, PT2_CONTRACT_SHARED, 32, 64 },
        { { "float32", "float16", 32, 2048, 2048, 64 }, PT2_CONTRACT_SHARED, 32, 64 },
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct scene c;
        plan_large(&c, &cases[k].of);
        const struct pt2_region *r = c.plan.steps[0].region;
        const struct pt2_attention *a = r->kernel->attention;
        assert_int_equal(c.plan.num_steps, cases[k].rows ? 1 : 2);
        assert_int_equal(a->form, cases[k].form);
        if (cases[k].rows) {
            assert_int_equal(a->tile_rows, cases[k].rows);
            assert_int_equal(a->tile_keys, cases[k].keys);
        }
        assert_int_equal(strstr(pt2_region_kind(r), "rounded to float16") != NULL, a->form == PT2_CONTRACT_MATRICES);
        pt2_module_free(&c.m);
    }
}

static void test_no_fusion(void **state)
{
    struct pt2_plan_params plan = params;
    struct scene s;
    struct pt2_graph *g;
    (void)state;
    plan.without = ONE_NODE_EACH;
    pt2_module_init(&s.m);
    const char *text = "graph main { v0:float32[4, 4] = input 0 \"x\" v1:float32[4] = reduce sum [4]: v0[i0, i1]\n"
                       "v2:float32[4] = map: exp(v1[i0]) v3:float32[4] = map: v2[i0]*v2[i0] return v3 }";
    must(pt2_graph_parse(&s.m, text, &g), text);
    must(pt2_run_passes(&s.m, ONE_NODE_EACH), text);
    must(pt2_plan_build(g, &plan, &s.plan), text);
    assert_int_equal(s.plan.num_steps, 3);
    pt2_module_free(&s.m);
}

/* The two heads of the example network read one tensor: one launch, or two that may overlap. */
static void test_two_heads(void **state)
{
    struct pt2_program *program;
    struct pt2_lowered lowered = { 0 };
    struct scene s;
    (void)state;
    must(pt2_program_open(PT2_TEST_DATA "/simple_net.pt2", NULL, NULL, &program), "simple_net.pt2");
    pt2_module_init(&s.m);
    must(pt2_lower_program(program, NULL, false, &s.m, &lowered), "lower");
    must(pt2_run_passes(&s.m, 0), "passes");
    must(pt2_plan_build(s.m.graphs.data[0], &params, &s.plan), "plan");
    assert_int_equal(s.plan.graph->outputs.count, 2);
    uint32_t a = step_of(&s.plan, s.plan.graph->outputs.data[0]), b = step_of(&s.plan, s.plan.graph->outputs.data[1]);
    assert_true(a == b || (!comes_before(&s.plan, a, b) && !comes_before(&s.plan, b, a)));
    assert_true(s.plan.num_steps <= 5); /* convolution, pooling, mask, heads */
    for (uint32_t k = 0; k < s.plan.regions.count; k++)
        assert_int_equal(s.plan.regions.data[k]->device, 0);
    pt2_module_free(&s.m);
    pt2_program_destroy(&program);
}

/* ---- where it runs ---- */

static void test_devices(void **state)
{
    struct scene s;
    (void)state;
    plan_text(&s, "graph main {\n"
                  "  v0:float32[4] = input 0 \"x\"\n"
                  "  v1:float64[4] = map: exp(f64(v0[i0]))\n"
                  "  v2:float32[4] = map: exp(v0[i0])\n"
                  "  v3:float32[4], v4:int64[4] = sort v2\n"
                  "  return v1, v3\n}");
    const struct pt2_region *f64 = s.plan.steps[step_of(&s.plan, s.plan.graph->outputs.data[0])].region;
    const struct pt2_region *f32 = s.plan.steps[step_of(&s.plan, s.plan.graph->outputs.data[1])].region;
    assert_int_equal(f64->device, 1);
    assert_string_equal(f64->why, "gpu:0 cannot: needs float64");
    assert_int_equal(f32->device, 0);
    assert_string_equal(f32->why, "first choice");
    pt2_module_free(&s.m);
}

/* ---- what a kernel costs ---- */

static int64_t cost_at(struct scene *s, pt2_ex e, int64_t size)
{
    uint8_t known = 1;
    int64_t n = -1;
    must(pt2_eval(&s->m.exprs, e, &size, &known, &n), "cost");
    return n;
}

static void expect_cost(const char *text, int64_t size, int64_t operations, int64_t read, int64_t written)
{
    struct scene s;
    plan_text(&s, text);
    assert_int_equal(s.plan.regions.count, 1);
    const struct pt2_cost *c = &s.plan.regions.data[0]->cost;
    assert_int_equal(cost_at(&s, c->operations, size), operations);
    assert_int_equal(cost_at(&s, c->read, size), read);
    assert_int_equal(cost_at(&s, c->written, size), written);
    pt2_module_free(&s.m);
}

static void test_cost(void **state)
{
    (void)state;
    /* a matrix product, of a scaled factor, with an activation: 2·M·N·K, and one per result */
    expect_cost("symbol s0 in 1..\ngraph main { v0:float32[s0, 64] = input 0 \"a\"\n"
                "v1:float32[64, 32] = input 1 \"b\"\n"
                "v2:float32[s0, 32] = reduce sum [64]: (v0[i0, i2]*3.0f32)*v1[i2, i1]\n"
                "v3:float32[s0, 32] = map: exp(v2[i0, i1]) return v3 }",
                100, 2 * 100 * 32 * 64 + 100 * 32, 4 * (100 * 64 + 64 * 32), 4 * 100 * 32);
    /* rows of a table: only those that are read count */
    expect_cost("symbol s0 in 1..\ngraph main { v0:float32[5000, 8] = input 0 \"table\"\n"
                "v1:int64[s0] = input 1 \"ids\"\n"
                "v2:float32[s0, 8] = map: v0[check(idx(v1[i0]), 5000), i1]*2.0f32 + 1.0f32 return v2 }",
                10, 2 * 80, 4 * 80 + 8 * 10, 4 * 80);
    /* windows overlap: an element counts once; float16 has two bytes */
    expect_cost("symbol s0 in 8..\ngraph main { v0:float16[s0 + 2] = input 0 \"x\"\n"
                "v1:float16[s0] = reduce max [3]: v0[i0 + i1] return v1 }",
                50, 50 * 3, 2 * 52, 2 * 50);
    /* a softmax's row is read by three members, and is one tensor */
    expect_cost("symbol s0 in 1..\ngraph main { v0:float32[s0, 100] = input 0 \"x\"\n"
                "v1:float32[s0] = reduce max [100]: v0[i0, i1]\n"
                "v2:float32[s0] = reduce sum [100]: exp(v0[i0, i1] - v1[i0])\n"
                "v3:float32[s0, 100] = map: exp(v0[i0, i1] - v1[i0])/v2[i0] return v3 }",
                7, 7 * 100 * (1 + 3 + 3), 4 * 700, 4 * 700);
    /* an update writes its elements, and adding reads them */
    expect_cost("symbol s0 in 1..1000\ngraph main { v0:float32[1000] = input 0 \"x\" state\n"
                "v1:float32[s0] = input 1 \"y\"\n"
                "v2:float32[1000] = scatter sum v0 over [s0] at [i0]: v1[i0] return v2 }",
                12, 12, 4 * 24, 4 * 12);
}

/* ---- weights in the order of a kernel ---- */

static struct pt2_plan_device wide_device(void)
{
    struct pt2_plan_device d = devices[0];
    d.caps.kind = PT2_KIND_CPU;
    d.caps.wide_vectors = true;
    return d;
}

/* Plans x @ transposed w for a device, with a second reader of w where `more` is one. */
static const struct pt2_region *plan_linear_for(struct scene *s, struct pt2_plan_device device, const char *w,
                                                const char *more)
{
    struct pt2_plan_device list[2] = { device, devices[1] };
    struct pt2_plan_params p = { .num_devices = 2, .devices = list };
    struct pt2_graph *g;
    char text[512];
    snprintf(text, sizeof text,
             "graph main {\n  v0:float32[48, 64] = input 0 \"x\"\n  v1:%s\n"
             "  v2:float32[48, 100] = reduce sum [64]: v0[i0, i2]*v1[i1, i2]\n%s\n}", w, more);
    pt2_module_init(&s->m);
    must(pt2_graph_parse(&s->m, text, &g), text);
    must(pt2_run_passes(&s->m, 0), text);
    must(pt2_plan_build(g, &p, &s->plan), text);
    return s->plan.steps[step_of(&s->plan, g->outputs.data[0])].region;
}

static const struct pt2_region *plan_linear(struct scene *s, const char *w, const char *more)
{
    return plan_linear_for(s, wide_device(), w, more);
}

/* Registers read neighbouring columns: one panel of all. */
static void test_pack_registers(void **state)
{
    struct scene s;
    (void)state;
    const struct pt2_region *r =
        plan_linear_for(&s, shader_devices[0], "float32[100, 64] = input 1 \"w\" weight", "  return v2");
    assert_non_null(r->panels);
    assert_true(pt2_is_int(r->panels->shape[0], 1) && pt2_is_int(r->panels->shape[2], 100));
    assert_int_equal(r->kernel->contract->along[1], PT2_ALONG_SIDE);
    pt2_module_free(&s.m);
}

static void test_pack(void **state)
{
    struct scene s;
    (void)state;
    const struct pt2_region *r = plan_linear(&s, "float32[100, 64] = input 1 \"w\" weight", "  return v2");
    assert_non_null(r->panels);
    assert_int_equal(r->panels->rank, 3);
    assert_int_equal(r->panels->shape[0]->i * r->panels->shape[2]->i, 128); /* whole blocks */
    assert_int_equal(r->panels->shape[1]->i, 64);
    assert_int_equal(r->num_bufs, 3); /* x, the panels, the result: the weight is not read */
    for (int k = 0; k < r->num_bufs; k++)
        assert_true(strcmp(r->bufs[k]->name, "w") != 0);
    assert_int_equal(s.m.load->outputs.count, 1);
    pt2_module_free(&s.m);
}

static void expect_no_reader_of_w(const struct scene *s)
{
    for (uint32_t k = 0; k < s->plan.regions.count; k++)
        for (int j = 0; j < s->plan.regions.data[k]->num_bufs; j++)
            assert_true(strcmp(s->plan.regions.data[k]->bufs[j]->name, "w") != 0);
}

/* An embedding with the same weight reads its rows from the panels. */
static void test_pack_picked(void **state)
{
    struct scene s;
    (void)state;
    const struct pt2_region *r = plan_linear(&s, "float32[100, 64] = input 1 \"w\" weight",
                                             "  v3:int64[5] = input 2 \"ids\"\n"
                                             "  v4:float32[5, 64] = map: v1[check(idx(v3[i0]), 100), i1]*2.0f32\n"
                                             "  return v4, v2");
    assert_int_equal(s.plan.regions.count, 2);
    assert_true(r->num_bufs == 3 && !r->panels); /* the output that plan_linear looks for is the embedding */
    expect_no_reader_of_w(&s);
    pt2_module_free(&s.m);
}

/* Layers that share a weight share its panels; not where one of them wants it the other way round. */
static void test_pack_shared(void **state)
{
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        struct scene s;
        char more[256];
        snprintf(more, sizeof more,
                 "  v3:float32[32, %d] = input 2 \"y\"\n"
                 "  v4:float32[32, %d] = reduce sum [%d]: v3[i0, i2]*v1[%s]\n  return v2, v4",
                 turned ? 100 : 64, turned ? 64 : 100, turned ? 100 : 64, turned ? "i2, i1" : "i1, i2");
        const struct pt2_region *r = plan_linear(&s, "float32[100, 64] = input 1 \"w\" weight", more);
        const struct pt2_region *other = s.plan.steps[step_of(&s.plan, s.plan.graph->outputs.data[1])].region;
        assert_ptr_not_equal(r, other);
        assert_ptr_equal(r->panels, other->panels);
        assert_true(turned == !r->panels);
        if (!turned)
            expect_no_reader_of_w(&s);
        pt2_module_free(&s.m);
    }
}

/* Not what a run writes or passes, what would be there twice, or what would grow. */
static void test_not_packed(void **state)
{
    static const char *const cases[][2] = {
        { "float32[100, 64] = input 1 \"w\"", "  return v2" },
        { "float32[100, 64] = input 1 \"w\" state", "  return v2" },
        { "float16[100, 64] = input 1 \"w\" weight", "  return v2" },
        { "float32[100, 64] = input 1 \"w\" weight", "  v3:float32[64] = map: v0[0, i0]*v1[7, i0]\n  return v2, v3" },
        { "float32[100, 64] = input 1 \"w\" weight", "  return v2, v1" },
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct scene s;
        const struct pt2_region *r = plan_linear(&s, cases[k][0], cases[k][1]);
        assert_non_null(r->kernel->contract);
        assert_null(r->panels);
        pt2_module_free(&s.m);
    }
}

/* ---- what waits for what ---- */

struct check {
    const struct pt2_plan *plan;
    uint32_t step;
    const char *text;
    bool all;
};

static bool waits_for(const struct check *c, const struct pt2_value *v);

static void check_part(void *ctx, struct pt2_value *v)
{
    struct check *c = ctx;
    c->all = c->all && waits_for(c, v);
}

static bool waits_for(const struct check *c, const struct pt2_value *v)
{
    if (v->def->joined) {
        struct check parts = *c;
        parts.all = true;
        pt2_node_uses(c->plan->graph, v->def, check_part, &parts);
        return parts.all;
    }
    uint32_t maker = step_of(c->plan, v);
    return maker == c->step || comes_before(c->plan, maker, c->step);
}

static void check_read(void *ctx, struct pt2_value *v)
{
    struct check *c = ctx;
    if (v->def->kind <= PT2_NODE_READY || waits_for(c, v))
        return;
    fprintf(stderr, "%s\n", c->text);
    fail_msg("step %u reads v%u and does not wait for it", c->step, v->id);
}

struct reader {
    const struct pt2_value *base;
    bool found;
};

static void find_read(void *ctx, struct pt2_value *v)
{
    struct reader *r = ctx;
    r->found |= v == r->base;
}

/* A SCATTER overwrites its base: the steps that read the base before come first. */
static void check_readers(struct check *c, struct pt2_node *scatter)
{
    struct pt2_graph *g = c->plan->graph;
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        struct reader r = { scatter->base, false };
        if (g->nodes.data[k] == scatter || g->nodes.data[k]->num_outs == 0)
            continue;
        pt2_node_uses(g, g->nodes.data[k], find_read, &r);
        if (r.found && !waits_for(c, g->nodes.data[k]->outs[0])) {
            fprintf(stderr, "%s\n", c->text);
            fail_msg("step %u overwrites v%u, which v%u still reads", c->step, scatter->base->id,
                     g->nodes.data[k]->outs[0]->id);
        }
    }
}

static void check_steps(const struct pt2_plan *p, const char *text)
{
    for (uint32_t k = 0; k < p->num_steps; k++) {
        struct check c = { p, k, text, false };
        for (uint32_t j = 0; j < p->steps[k].num_deps; j++)
            assert_true(p->steps[k].deps[j] < k);
        for (uint32_t j = 0; j < p->steps[k].region->members.count; j++) {
            struct pt2_node *n = p->steps[k].region->members.data[j].node;
            pt2_node_uses(p->graph, n, check_read, &c);
            if (n->kind == PT2_NODE_SCATTER)
                check_readers(&c, n);
        }
    }
}

static void test_dependencies(void **state)
{
    (void)state;
    for (int k = 1; k <= 1000; k++) {
        struct pt2_str text = { 0 };
        struct scene s;
        seed = (uint64_t)k * 0x9e3779b97f4a7c15u + 7;
        random_graph(2 + below(20));
        pt2_graph_print(B.g, &text);
        plan_text(&s, text.data);
        check_steps(&s.plan, text.data);
        pt2_module_free(&s.m);
        pt2_str_free(&text);
    }
}

/* ---- memory ---- */

static bool touches(const struct pt2_region *r, const struct pt2_value *v)
{
    for (int k = 0; k < r->num_bufs; k++)
        if (memory_of(r->bufs[k]) == v)
            return true;
    return false;
}

/* By the plan's dependencies, or an order that the placement asks for. */
static bool runs_before(const struct runner *r, uint32_t a, uint32_t b)
{
    for (uint32_t k = 0; k < r->plan.steps[b].num_deps; k++)
        if (r->plan.steps[b].deps[k] == a || runs_before(r, a, r->plan.steps[b].deps[k]))
            return true;
    for (uint32_t k = 0; k < r->epoch.num_orders; k++)
        if (r->epoch.orders[k].after == b &&
            (r->epoch.orders[k].before == a || runs_before(r, a, r->epoch.orders[k].before)))
            return true;
    return false;
}

/* Every step that touches a comes before those that touch b, and nothing reads a afterwards. */
static bool dead_before(const struct runner *r, const struct pt2_value *a, const struct pt2_value *b)
{
    const struct pt2_plan *p = &r->plan;
    for (uint32_t k = 0; k < p->graph->outputs.count; k++)
        if (memory_of(p->graph->outputs.data[k]) == a)
            return false;
    for (uint32_t k = 0; k < p->num_steps; k++)
        for (uint32_t j = 0; touches(p->steps[k].region, a) && j < p->num_steps; j++)
            if (touches(p->steps[j].region, b) && !runs_before(r, k, j))
                return false;
    return true;
}

static void check_overlaps(const struct runner *r, const char *text)
{
    const struct pt2_module *m = &r->m.module;
    for (uint32_t i = 0; i < m->values.count; i++)
        for (uint32_t j = 0; j < i; j++) {
            const struct pt2_place *p = &r->s.places[i], *q = &r->s.places[j];
            const struct pt2_value *a = m->values.data[i], *b = m->values.data[j];
            bool meet = p->buf[0] && p->buf[0] == q->buf[0] && p->offset[0] < q->offset[0] + q->bytes &&
                        q->offset[0] < p->offset[0] + p->bytes;
            if (!meet || memory_of(a) != a || memory_of(b) != b)
                continue;
            if (!dead_before(r, a, b) && !dead_before(r, b, a)) {
                fprintf(stderr, "%s\n", text);
                fail_msg("v%u and v%u may be live at one time and share memory", a->id, b->id);
            }
        }
}

static void test_overlaps(void **state)
{
    (void)state;
    for (int k = 1; k <= 500; k++) {
        struct pt2_str text = { 0 };
        struct runner r;
        seed = (uint64_t)k * 0x9e3779b97f4a7c15u + 3;
        random_graph(2 + below(20));
        interpret(B.g, B.s0);
        pt2_graph_print(B.g, &text);
        runner_open(&r, text.data, B.s0, one_in(2) ? ONE_NODE_EACH : 0, false);
        r.m.plan_devices[0].caps.concurrent = one_in(2);
        must(pt2_place_epoch(&r.s, &r.plan, &r.epoch), text.data);
        check_overlaps(&r, text.data);
        for (uint32_t j = 0; j < r.epoch.num_orders; j++)
            assert_true(r.epoch.orders[j].before < r.epoch.orders[j].after);
        assert_true(r.epoch.blocks[0].size >= r.epoch.live);
        runner_close(&r);
        pt2_str_free(&text);
    }
}

/* Of a chain two values are alive at a time; of two chains that may run at one time each has its own two. */
static void test_sharing(void **state)
{
    static const char chain[] =
        "graph main {\n  v0:float32[256] = input 0 \"x\"\n  v1:float32[256] = scan sum axis 0: v0[i0]\n"
        "  v2:float32[256] = scan sum axis 0: v1[i0]\n  v3:float32[256] = scan sum axis 0: v2[i0]\n"
        "  v4:float32[256] = scan sum axis 0: v3[i0]\n  v5:float32[256] = scan sum axis 0: v4[i0]\n"
        "  v6:float32[] = reduce sum [256]: v5[i0]\n  return v6\n}";
    static const char two[] =
        "graph main {\n  v0:float32[256] = input 0 \"x\"\n  v1:float32[256] = scan sum axis 0: v0[i0]\n"
        "  v2:float32[256] = scan max axis 0: v0[i0]\n  v3:float32[256] = scan sum axis 0: v1[i0]\n"
        "  v4:float32[256] = scan sum axis 0: v2[i0]\n  v5:float32[] = reduce sum [256]: v3[i0] + v4[i0]\n"
        "  return v5\n}";
    struct runner r;
    (void)state;
    runner_open(&r, chain, 0, 0, false);
    must(pt2_place_epoch(&r.s, &r.plan, &r.epoch), chain);
    assert_int_equal(r.plan.num_steps, 6);
    assert_in_range(r.epoch.blocks[0].size, 2 * 1024, 2 * 1024 + 256);
    runner_close(&r);
    runner_open(&r, two, 0, 0, false);
    r.m.plan_devices[0].caps.concurrent = true;
    must(pt2_place_epoch(&r.s, &r.plan, &r.epoch), two);
    assert_int_equal(r.plan.num_steps, 5);
    assert_in_range(r.epoch.blocks[0].size, 4 * 1024, 4 * 1024 + 256);
    assert_int_equal(r.epoch.num_orders, 0);
    runner_close(&r);
    runner_open(&r, two, 0, 0, false); /* on a device that runs one launch at a time they share, and are ordered */
    r.m.plan_devices[0].caps.concurrent = false;
    must(pt2_place_epoch(&r.s, &r.plan, &r.epoch), two);
    assert_in_range(r.epoch.blocks[0].size, 3 * 1024, 3 * 1024 + 256);
    assert_int_equal(r.epoch.live, 3 * 1024);
    assert_true(r.epoch.num_orders > 0);
    runner_close(&r);
}

static int teardown(void **state)
{
    (void)state;
    free_graphs();
    return 0;
}

/* ---- convolutions as products of matrices ---- */

#define CONVOLUTION(channels, size)                                                                    \
    "graph main {\n"                                                                                   \
    "  v0:float32[64, " channels ", 3, 3] = input 0 \"w\"\n"                                             \
    "  v1:float32[1, " channels ", " size ", " size "] = input 1 \"x\"\n"                                \
    "  v2:float32[1, 64, " size ", " size "] = reduce sum [" channels ", 3, 3]: v0[i1, i4, i5, i6]*"   \
    "select(i2 + i5 < " size ", select(i3 + i6 < " size ", v1[0, i4, min(i2 + i5, " size " - 1), min(i3 + i6, " size \
    " - 1)], 0f32), 0f32)\n"                                                                           \
    "  return v2\n"                                                                                     \
    "}\n"

static void test_unfold(void **state)
{
    struct scene s;
    (void)state;
    plan_text_for(&s, CONVOLUTION("16", "15"), &shader_params);
    assert_int_equal(s.plan.regions.count, 2);
    const struct pt2_value *x = s.plan.regions.data[0]->members.data[0].node->outs[0];
    assert_int_equal(x->rank, 2);
    assert_true(pt2_is_int(x->shape[0], 16 * 9) && pt2_is_int(x->shape[1], 228));
    const struct pt2_kernel *k = s.plan.regions.data[1]->kernel;
    assert_non_null(k->contract);
    assert_int_equal(k->contract->along[0], PT2_ALONG_DEPTH);
    assert_int_equal(k->contract->along[1], PT2_ALONG_SIDE);
    assert_null(k->rows); /* results are not stored by fours */
    pt2_module_free(&s.m);
    plan_text_for(&s, CONVOLUTION("17", "16"), &shader_params); /* a depth of 153 is filled up to 156 */
    k = s.plan.regions.data[2]->kernel;
    assert_true(k->rows && k->rows->form == PT2_ROWS_TILE && !strstr(k->text, "pt_st_"));
    assert_int_equal(s.plan.regions.count, 3);
    assert_true(pt2_is_int(s.plan.regions.data[0]->members.data[0].node->outs[0]->shape[1], 156));
    pt2_module_free(&s.m);
    plan_text(&s, CONVOLUTION("16", "16"));
    assert_int_equal(s.plan.regions.count, 1);
    pt2_module_free(&s.m);
}

static void test_reach(void **state)
{
    struct scene s;
    (void)state;
    plan_text_for(&s, "graph main {\n"
                      "  v0:float32[60000, 1024] = input 0 \"table\"\n"
                      "  v1:float32[8, 1024] = map: v0[i0*7 + 3, i1]\n"
                      "  return v1\n"
                      "}\n", &shader_params);
    assert_int_equal(s.plan.regions.data[0]->device, 0);
    assert_true(s.plan.regions.data[0]->kernel->bufs[0].fetched);
    pt2_module_free(&s.m);
}

/* ---- parts of a concatenation ---- */

#define TWO_SUMS \
    "  v0:float32[8, 16, 64] = input 0 \"x\"\n" \
    "  v1:float32[8, 8, 64] = input 1 \"y\"\n" \
    "  v2:float32[8, 16] = reduce sum [64]: v0[i0, i1, i2]\n" \
    "  v3:float32[8, 8] = reduce max [64]: v1[i0, i1, i2] + v2[i0, i1]\n"
#define JOINED "  v4:float32[8, 24] = map: select(i1 < 16, v2[i0, min(i1, 15)], v3[i0, max(i1 - 16, 0)])\n"

static bool is_joined(const char *nodes, uint32_t without, uint32_t *out_steps)
{
    struct pt2_plan_params plan = params;
    struct scene s;
    struct pt2_str text = { 0 };
    plan.without = without;
    pt2_str_addf(&text, "symbol s0 in 1..\ngraph main {\n%s%s}", TWO_SUMS, nodes);
    plan_text_for(&s, text.data, &plan);
    bool joined = false;
    for (uint32_t k = 0; k < s.plan.graph->nodes.count; k++)
        joined |= s.plan.graph->nodes.data[k]->joined;
    *out_steps = s.plan.num_steps;
    pt2_module_free(&s.m);
    pt2_str_free(&text);
    return joined;
}

static void test_join(void **state)
{
    struct scene s;
    uint32_t steps;
    (void)state;
    plan_text(&s, "graph main {\n" TWO_SUMS JOINED
                  "  v5:float32[24] = reduce max [8]: v4[i1, i0]\n  return v4, v5 }");
    struct pt2_value *const *v = s.m.values.data;
    assert_int_equal(s.plan.num_steps, 3); /* none of them copies */
    assert_ptr_equal(v[2]->within.whole, v[4]);
    assert_int_equal(v[3]->within.start->i, 16);
    for (int k = 2; k <= 3; k++)
        assert_ptr_equal(s.plan.steps[step_of(&s.plan, v[k])].region->bufs[1], v[4]);
    assert_true(comes_before(&s.plan, step_of(&s.plan, v[2]), step_of(&s.plan, v[3]))); /* one buffer */
    assert_true(comes_before(&s.plan, step_of(&s.plan, v[3]), step_of(&s.plan, v[5])));
    pt2_module_free(&s.m);
    assert_true(is_joined(JOINED "return v4\n", 0, &steps) && steps == 2);
    assert_false(is_joined(JOINED "return v4\n", 1u << PT2_OPT_CONCAT, &steps));
    assert_int_equal(steps, 3);
    /* sums that do not depend on each other do not wait for each other */
    assert_false(is_joined("  v5:float32[8, 8] = reduce min [64]: v1[i0, i1, i2]\n"
                           "  v4:float32[8, 24] = map: select(i1 < 16, v2[i0, min(i1, 15)], v5[i0, max(i1 - 16, 0)])\n"
                           "return v4\n", 0, &steps));
    /* a result is dense by itself: its kernel stores it twice */
    assert_true(is_joined(JOINED "return v3, v4\n", 0, &steps) && steps == 2);
    /* who reads a part would have to come before the SCATTER */
    assert_false(is_joined(JOINED "  v5:float32[8, 24] = scatter set v4 over [8] at [i0, 0]: 1f32\n return v5\n", 0,
                           &steps));
    /* the host reads a number between the parts: memory is placed before and after */
    assert_false(is_joined("  v5:int64[] = map: i64(v2[0, 0])\n  item s0 = v5\n"
                           "  v6:float32[8, 8] = reduce min [64]: v1[i0, i1, i2]\n"
                           "  v4:float32[8, 24] = map: select(i1 < 16, v2[i0, min(i1, 15)], v6[i0, max(i1 - 16, 0)])\n"
                           "return v4\n", 0, &steps));
}

/* The same sum and what reads it: one kernel, unless both are too much for a driver's compiler. */
static void test_heavy_region(void **state)
{
    static const struct { const char *function; uint32_t kernels; } cases[] = {
        { "tanh(%s)", 1 }, { "lgamma(%s)", 1 }, { "igamma(igamma(%s, 1.5f32), 2.5f32)", 2 }
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct scene s;
        struct pt2_str text = { 0 };
        pt2_str_add(&text, "graph main {\n  v0:float32[8, 1000] = input 0 \"x\"\n"
                           "  v1:float32[8] = reduce sum [1000]: ");
        pt2_str_addf(&text, cases[k].function, "v0[i0, i1]");
        pt2_str_add(&text, "\n  v2:float32[8] = map: ");
        pt2_str_addf(&text, cases[k].function, "v1[i0]");
        pt2_str_add(&text, "\n  return v2\n}");
        plan_text(&s, pt2_str_text(&text));
        assert_int_equal(s.plan.regions.count, cases[k].kernels);
        pt2_module_free(&s.m);
        pt2_str_free(&text);
    }
}

/* Brackets that are open at once. */
static int bracket_depth(const char *text)
{
    int open = 0, most = 0;
    for (; *text; text++) {
        open += (*text == '(') - (*text == ')');
        most = open > most ? open : most;
    }
    return most;
}

/* Hundreds of conditions, and of shifts, whose operands are written several times: neither the depth of a kernel's text
 * nor its length grows with its expressions' depth. */
static void test_deep_text(void **state)
{
    enum { STEPS = 300 };
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct scene s;
        struct pt2_str text = { 0 };
        size_t length = 0;
        pt2_str_add(&text, "graph main {\n  v0:int32[64] = input 0 \"x\"\n");
        for (int k = 0; k < STEPS; k++) {
            pt2_str_addf(&text, "  v%d:int32[64] = map: ", k + 1);
            if (kind)
                pt2_str_addf(&text, "shr(v%d[i0], v0[i0]) + %di32\n", k, k);
            else
                pt2_str_addf(&text, "select(v0[i0] < %di32, v0[i0]*%di32, v%d[i0])\n", k, k + 2, k);
        }
        pt2_str_addf(&text, "  return v%d\n}", STEPS);
        plan_text(&s, pt2_str_text(&text));
        for (uint32_t k = 0; k < s.plan.regions.count; k++) {
            const char *written = s.plan.regions.data[k]->kernel->text;
            assert_in_range(bracket_depth(written), 1, 200);
            length += strlen(written);
        }
        assert_true(length < 500 * STEPS);
        pt2_module_free(&s.m);
        pt2_str_free(&text);
    }
}

int main(void)
{
    (void)run_and_compare;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heavy_region), cmocka_unit_test(test_deep_text),
        cmocka_unit_test(test_softmax), cmocka_unit_test(test_layer_norm), cmocka_unit_test(test_no_fusion),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_matrices_of_attention),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_pack), cmocka_unit_test(test_pack_registers), cmocka_unit_test(test_not_packed),
        cmocka_unit_test(test_pack_picked), cmocka_unit_test(test_pack_shared),
        cmocka_unit_test(test_unfold), cmocka_unit_test(test_reach), cmocka_unit_test(test_join),
        cmocka_unit_test(test_two_heads), cmocka_unit_test(test_devices), cmocka_unit_test(test_cost),
        cmocka_unit_test(test_dependencies), cmocka_unit_test(test_overlaps), cmocka_unit_test(test_sharing),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
