/* SPDX-License-Identifier: MIT
 * Graphs as text: what was read prints the same, for a graph with every kind of node and for a lowered archive;
 * damaged text is an error that names its line. */
#include "archive/program.h"
#include "graph/graph.h"
#include "ops/lower.h"
#include "pass/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char everything[] =
    "symbol s0 in 2..64\n"
    "symbol u0 in 0..\n"
    "symbol turn in 0..3\n"
    "symbol \"odd name\" in ..\n"
    "graph main {\n"
    "  v0:float32[s0, 3] = input 0 \"x\"\n"
    "  v1:float16[4] = input 1 \"cache \\x22k\\x22\" state\n"
    "  v2:float32[5] = const \"w\" [1, -0, nan, -inf, 0.100000001]\n"
    "  v3:bool[2] = const \"flags\" [1, 0]\n"
    "  v5:uint64[100] = const \"large\" ...\n"
    "  v6:float32[] = reduce sum [s0, 3]: v0[i0, i1]*v0[i0, i1]\n"
    "  v7:int64[s0] = reduce argmax [3]: v0[i0, i1]\n"
    "  v8:float32[s0, 3] = scan prod axis 1 reverse: v0[i0, i1]\n"
    "  v9:float16[4] = scatter set v1 over [s0] at [check(idx(v7[i0]), 4)] distinct: v0[i0, 0] if 0f32 < v0[i0, 1]\n"
    "  v11:float32[s0, 3], v10:int64[s0, 3] = sort v8 descending\n"
    "  v12:float32[2, 2] = library cholesky (v6) 1 0 7\n"
    "  v13:int64[] = map: i64(v6[])\n"
    "  item u0 = v13\n"
    "  v14:bool[] = map: v6[] < 1.5f32\n"
    "  v15:float32[u0] = call v14 @yes @no (v6)\n"
    "  v16:float32[] = loop turn @body carried 1 (v6, v0) times 4\n"
    "  v17:float32[] = loop @no_more @\"a test\" carried 1 (v6)\n"
    "  v18:float32[s0] = map: {\n"
    "      }\n"
    "  return v9, v10\n"
    "}\n";

static const char rest[] =
    "graph yes {\n"
    "  v20:float32[] = input 0 \"\"\n"
    "  v21:float32[u0] = map: v20[]\n"
    "  return v21\n"
    "}\n"
    "graph no {\n"
    "  v22:float32[] = input 0 \"\"\n"
    "  v23:float32[u0] = map: -1f32\n"
    "  return v23\n"
    "}\n"
    "graph body {\n"
    "  v24:float32[] = input 0 \"\"\n"
    "  v25:float32[s0, 3] = input 1 \"\"\n"
    "  v26:float32[] = map: v24[] + f32(turn)\n"
    "  return v26\n"
    "}\n"
    "graph no_more {\n"
    "  v27:float32[] = input 0 \"\"\n"
    "  return v27\n"
    "}\n"
    "graph \"a test\" {\n"
    "  v28:float32[] = input 0 \"\"\n"
    "  v29:bool[] = map: isnan(v28[])\n"
    "  return v29\n"
    "}\n";

static char *print(struct pt2_graph *g)
{
    struct pt2_str s = { 0 };
    pt2_graph_print(g, &s);
    return s.data;
}

/* The text of what `text` reads as. */
static char *again(const char *text)
{
    struct pt2_module m;
    struct pt2_graph *g;
    pt2_module_init(&m);
    if (pt2_graph_parse(&m, text, &g) != PT2_OK)
        fail_msg("%s\n%s", pt2_error_message(), text);
    char *out = print(g);
    pt2_module_free(&m);
    return out;
}

static char *whole_text(void)
{
    struct pt2_str s = { 0 };
    const char *empty = strstr(everything, "  v18");
    pt2_str_add_n(&s, everything, (size_t)(empty - everything));
    pt2_str_add(&s, "  v18:float32[s0] = map: "
                    "{ t0 = v0[i0, 2]*2f32 + v0[i0, 0]*v0[i0, 1];\n      sin(t0) / (cos(t0) + 1f32) }\n");
    pt2_str_add(&s, strstr(everything, "  return"));
    pt2_str_add(&s, rest);
    return s.data;
}

static void test_round_trip(void **state)
{
    char *text = whole_text(), *out = again(text);
    (void)state;
    if (strcmp(text, out) != 0)
        fail_msg("\n%s\nbecame\n%s", text, out);
    free(text);
    free(out);
}

static void test_numbers(void **state)
{
    struct pt2_module m;
    struct pt2_graph *g;
    (void)state;
    pt2_module_init(&m);
    assert_int_equal(pt2_graph_parse(&m, "graph g { v3:float32[2] = const \"c\" [1, 2] return v3 }", &g), PT2_OK);
    assert_int_equal(g->outputs.data[0]->id, 3);
    assert_int_equal(m.values.count, 4);
    assert_int_equal(pt2_graph_parse(&m, "graph h { v1:float32[2] = const \"c\" [1, 2] return v1 }", &g), PT2_OK);
    assert_int_equal(g->outputs.data[0]->id, 5); /* after those that are there */
    pt2_module_free(&m);
}

static void test_archive(void **state)
{
    struct pt2_program *p;
    struct pt2_module m;
    struct pt2_lowered l = { 0 };
    (void)state;
    assert_int_equal(pt2_program_open(PT2_TEST_DATA "/simple_net.pt2", NULL, NULL, &p), PT2_OK);
    pt2_module_init(&m);
    assert_int_equal(pt2_lower_program(p, NULL, false, &m, &l), PT2_OK);
    for (int k = 0; k < 2; k++) {
        char *text = print(m.graphs.data[0]), *out = again(text);
        assert_string_equal(text, out);
        free(text);
        free(out);
        assert_int_equal(pt2_run_passes(&m, 0), PT2_OK);
    }
    pt2_module_free(&m);
    pt2_program_destroy(&p);
}

/* ---- damaged text ---- */

static void refuse(const char *text, const char *message)
{
    struct pt2_module m;
    struct pt2_graph *g;
    pt2_module_init(&m);
    assert_int_equal(pt2_graph_parse(&m, text, &g), PT2_ERR_FORMAT);
    if (!strstr(pt2_error_message(), message))
        fail_msg("\"%s\" does not tell \"%s\"", pt2_error_message(), message);
    pt2_module_free(&m);
}

static void test_errors(void **state)
{
    (void)state;
    refuse("", "expected a graph");
    refuse("graph g {\n  v0:float32[2] = map: i0\n return v0 }", "line 2");
    refuse("graph g {\n\n  v0:float32[2] = map: v1[i0]\n return v0 }", "line 3: expected a value that this graph");
    refuse("graph g {\n  v0:float32[2] = map: f32(i1)\n return v0 }", "a variable of this node");
    refuse("graph g {\n  v0:float32[s0] = map: 1f32\n return v0 }", "a declared symbol");
    refuse("graph g {\n  v0:float32[2] = map: sqrt(1i64)\n return v0 }", "another type");
    refuse("graph g {\n  v0:float32[2] = map: 1f32 + 1f64\n return v0 }", "one type");
    refuse("graph g {\n  v9999999:float32[2] = map: 1f32\n return v0 }", "the next value number");
    refuse("graph g { return } graph g { return }", "not defined yet");
    refuse("graph g { v0:bool[] = map: true v1:bool[] = call v0 @a @b () return v1 }", "graph a is not defined");
}

static uint64_t seed = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % n;
}

/* Nothing that a few changed characters make of a text may crash; what is still a graph must print and read back. */
static void test_damaged(void **state)
{
    char *text = whole_text();
    uint32_t len = (uint32_t)strlen(text), parsed = 0;
    (void)state;
    for (int k = 0; k < 20000; k++) {
        struct pt2_module m;
        struct pt2_graph *g;
        char *bad = malloc(len + 1);
        memcpy(bad, text, len + 1);
        for (uint32_t j = random_below(3) + 1; j > 0; j--)
            bad[random_below(len)] = random_below(2) ? text[random_below(len)] : "()[]{},:=01234567-"[random_below(18)];
        pt2_module_init(&m);
        if (pt2_graph_parse(&m, bad, &g) == PT2_OK) {
            char *once = print(g), *twice = again(once);
            assert_string_equal(once, twice);
            free(once);
            free(twice);
            parsed++;
        }
        pt2_module_free(&m);
        free(bad);
    }
    assert_true(parsed > 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_numbers), cmocka_unit_test(test_archive),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
