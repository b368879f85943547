/* SPDX-License-Identifier: MIT
 * The archive reader, part by part on handmade input, then on the small archives of the fuzz corpus. */
#include "archive/json.h"
#include "archive/load.h"
#include "archive/pickle.h"
#include "archive/program.h"
#include "archive/text.h"
#include "base/utf8.h"
#include "archive/treespec.h"
#include "archive/zip.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#ifndef PT2_TEST_DATA
#define PT2_TEST_DATA "tests/data"
#endif

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void assert_message(const char *part)
{
    if (!strstr(pt2_error_message(), part))
        fail_msg("message \"%s\" lacks \"%s\"", pt2_error_message(), part);
}

/* ---- numbers and texts ---- */

static void test_numbers(void **state)
{
    int64_t i;
    double f;
    (void)state;
    assert_true(pt2_text_int("-9223372036854775808", 20, &i) && i == INT64_MIN);
    assert_true(pt2_text_int("9223372036854775807", 19, &i) && i == INT64_MAX);
    assert_false(pt2_text_int("9223372036854775808", 19, &i));
    assert_false(pt2_text_int("-9223372036854775809", 20, &i));
    assert_false(pt2_text_int("", 0, &i) || pt2_text_int("-", 1, &i) || pt2_text_int("1x", 2, &i));
    assert_true(pt2_text_double("-1.5e-3", 7, &f) && f == -1.5e-3);
    assert_false(pt2_text_double("0x10", 4, &f) || pt2_text_double("inf", 3, &f) || pt2_text_double("1e", 2, &f));
}

static void test_utf8(void **state)
{
    static const struct { const char *text; size_t len, want; } cases[] = {
        {"a", 1, 1}, {"\xc3\xa9", 2, 2}, {"\xe2\x82\xac", 3, 3}, {"\xf0\x9f\x98\x80", 4, 4},
        {"\xc3", 1, 0}, {"\x80", 1, 0}, {"\xc0\x80", 2, 0}, {"\xe0\x80\x80", 3, 0}, {"\xed\xa0\x80", 3, 0},
        {"\xf4\x90\x80\x80", 4, 0}, {"\xff", 1, 0}, {"\xf0\x80\x80\x80", 4, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(pt2_utf8_length(cases[i].text, cases[i].len), cases[i].want);
}

/* ---- expressions ---- */

static void show(struct pt2_str *s, const struct pt2_symexpr *e)
{
    static const char *const names[] = {
        [PT2_SYM_ADD] = "add", [PT2_SYM_MUL] = "mul", [PT2_SYM_POW] = "pow", [PT2_SYM_FLOORDIV] = "floordiv",
        [PT2_SYM_MOD] = "mod", [PT2_SYM_TRUEDIV] = "div", [PT2_SYM_MAX] = "max", [PT2_SYM_NEG] = "neg",
        [PT2_SYM_TO_FLOAT] = "tofloat", [PT2_SYM_TRUNC] = "trunc", [PT2_SYM_FLOOR] = "floor", [PT2_SYM_SQRT] = "sqrt",
        [PT2_SYM_SELECT] = "select", [PT2_SYM_EQ] = "eq", [PT2_SYM_NE] = "ne", [PT2_SYM_LT] = "lt",
        [PT2_SYM_LE] = "le", [PT2_SYM_AND] = "and", [PT2_SYM_OR] = "or", [PT2_SYM_NOT] = "not", [PT2_SYM_XOR] = "xor",
        [PT2_SYM_BIT_AND] = "bitand", [PT2_SYM_DENSE_INDICATOR] = "dense"};
    switch (e->op) {
    case PT2_SYM_INT: pt2_str_addf(s, "%lld", (long long)e->i); return;
    case PT2_SYM_FLOAT: pt2_str_addf(s, "%gf", e->f); return;
    case PT2_SYM_BOOL: pt2_str_add(s, e->i ? "true" : "false"); return;
    case PT2_SYM_NAME: pt2_str_add(s, e->name); return;
    default: break;
    }
    pt2_str_addf(s, "%s(", names[e->op]);
    for (uint32_t i = 0; i < e->num_args; i++) {
        pt2_str_add(s, i ? "," : "");
        show(s, e->args[i]);
    }
    pt2_str_add(s, ")");
}

static void check_expr(const char *text, const char *want)
{
    struct pt2_arena arena = {0};
    struct pt2_str s = {0};
    const struct pt2_symexpr *e;
    if (pt2_symexpr_parse(&arena, text, strlen(text), &e) != PT2_OK)
        fail_msg("%s", pt2_error_message());
    show(&s, e);
    assert_string_equal(pt2_str_text(&s), want);
    pt2_str_free(&s);
    pt2_arena_free(&arena);
}

static void test_srepr(void **state)
{
    static const struct { const char *text, *want; } cases[] = {
        {"Symbol('s77', positive=True, integer=True)", "s77"},
        {"Symbol('zuf0')", "zuf0"},
        {"Integer(-1)", "-1"},
        {"Integer(-9223372036854775808)", "-9223372036854775808"},
        {"Rational(1, 2)", "0.5f"},
        {"Rational(4, 2)", "2"},
        {"Float('1.7', precision=53)", "1.7f"},
        {"Float('-1.5e-05', precision=53)", "-1.5e-05f"},
        {"Add(Symbol('a'), Mul(Integer(-1), Symbol('b')))", "add(a,mul(-1,b))"},
        {"FloorDiv(Mul(Integer(-1), Symbol('s')), Integer(-2))", "floordiv(mul(-1,s),-2)"},
        {"CleanDiv(Symbol('s'), Integer(2))", "floordiv(s,2)"},
        {"PythonMod(Symbol('s'), Integer(2))", "mod(s,2)"},
        {"ModularIndexing(Symbol('x'), Integer(4), Integer(3))", "mod(floordiv(x,4),3)"},
        {"TruncToInt(Mul(Float('1.7', precision=53), ToFloat(Symbol('s'))))", "trunc(mul(1.7f,tofloat(s)))"},
        {"IntTrueDiv(Symbol('a'), Symbol('b'))", "div(a,b)"},
        {"OpaqueUnaryFn_sqrt(Symbol('s'))", "sqrt(s)"},
        {"LessThan(Symbol('a'), Integer(4))", "le(a,4)"},
        {"StrictGreaterThan(Symbol('a'), Integer(4))", "lt(4,a)"},
        {"GreaterThan(Symbol('a'), Integer(4))", "le(4,a)"},
        {"Piecewise(ExprCondPair(Symbol('a'), Equality(Symbol('b'), Integer(1))), ExprCondPair(Integer(2), true))",
         "select(eq(b,1),a,2)"},
        {"Where(true, Integer(1), Integer(2))", "select(true,1,2)"},
        {"Identity(Symbol('a'))", "a"},
        {"BitwiseFn_bitwise_and(Symbol('a'), Integer(7))", "bitand(a,7)"},
        {"IsNonOverlappingAndDenseIndicator(Symbol('a'), Integer(1))", "dense(a,1)"},
        {"-oo", "-inff"},
        {"int_oo", "inff"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_expr(cases[i].text, cases[i].want);
}

static void test_infix(void **state)
{
    static const struct { const char *text, *want; } cases[] = {
        {"s0", "s0"},
        {"s0*s1", "mul(s0,s1)"},
        {"2*s0 + 1", "add(mul(2,s0),1)"},
        {"(s0//2) + 1", "add(floordiv(s0,2),1)"},
        {"-s0 + s1", "add(neg(s0),s1)"},
        {"a - b - 3", "add(a,neg(b),-3)"},
        {"-s0**2", "neg(pow(s0,2))"},
        {"2**3**s", "pow(2,pow(3,s))"},
        {"s**-1*t", "mul(pow(s,-1),t)"},
        {"3*s0/2", "div(mul(3,s0),2)"},
        {"a*b/c*d", "mul(div(mul(a,b),c),d)"},
        {"Max(1, s0)", "max(1,s0)"},
        {"Mod(s0, 4)", "mod(s0,4)"},
        {"Eq(s0, 4)", "eq(s0,4)"},
        {"Ne(s0, 4)", "ne(s0,4)"},
        {"s0 < u0", "lt(s0,u0)"},
        {"(a > b) & (c >= d)", "and(lt(b,a),le(d,c))"},
        {"(a > b) | ~(c <= d)", "or(lt(b,a),not(le(c,d)))"},
        {"a > b & c < d | x ^ y", "or(and(lt(b,a),lt(c,d)),xor(x,y))"},
        {"Piecewise((a, c > 1), (b, True))", "select(lt(1,c),a,b)"},
        {"1.70000000000000*s0", "mul(1.7f,s0)"},
        {"floor(s0/3)", "floor(div(s0,3))"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_expr(cases[i].text, cases[i].want);
}

static void test_bad_expressions(void **state)
{
    static const char *const cases[] = {
        "", "(", "s0 +", "s0 s1", "Foo(s0)", "__import__('os')", "Symbol(s0)", "Symbol('')", "Integer(1.5)",
        "Integer(9223372036854775808)", "Rational(1, 0)", "Float('x')", "Add()", "Mod(1)", "Pow(1, 2, 3)",
        "Piecewise((1, a))",
        "lambda: 0", "s0.x", "s0[0]", "9223372036854775808", "1..2", "Symbol('a\\n')", "Where(1, 2)", "Max(1, 2",
    };
    struct pt2_arena arena = {0};
    const struct pt2_symexpr *e;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (pt2_symexpr_parse(&arena, cases[i], strlen(cases[i]), &e) != PT2_ERR_FORMAT)
            fail_msg("accepted: %s", cases[i]);
    pt2_arena_free(&arena);
}

static pt2_status parse_repeated(struct pt2_arena *arena, const char *first, const char *more, int n, const char *last,
                                 const struct pt2_symexpr **e)
{
    struct pt2_str s = {0};
    pt2_str_add(&s, first);
    for (int i = 0; i < n; i++)
        pt2_str_add(&s, more);
    for (int i = 0; i < n && *last; i++)
        pt2_str_add(&s, last);
    pt2_status status = pt2_symexpr_parse(arena, s.data, s.len, e);
    pt2_str_free(&s);
    return status;
}

/* Long texts are read; what nests deeply, as text or as a tree, is refused before anything recurses over it. */
static void test_expression_limits(void **state)
{
    struct pt2_arena arena = {0};
    const struct pt2_symexpr *e;
    (void)state;
    assert_int_equal(parse_repeated(&arena, "", "Not(", 410, "", &e), PT2_ERR_FORMAT);
    assert_message("too deeply");
    assert_int_equal(parse_repeated(&arena, "", "Not(", 390, ")", &e), PT2_ERR_FORMAT);
    assert_message("wrong number of arguments");
    assert_int_equal(parse_repeated(&arena, "", "-", 300000, "", &e), PT2_ERR_FORMAT);
    assert_message("too deeply");
    assert_int_equal(parse_repeated(&arena, "s", "//s", 300000, "", &e), PT2_ERR_FORMAT);
    assert_message("too deeply");
    assert_int_equal(parse_repeated(&arena, "s", "**s", 300000, "", &e), PT2_ERR_FORMAT);
    assert_message("too deeply");
    assert_int_equal(parse_repeated(&arena, "s", "//s", 380, "", &e), PT2_OK);
    assert_int_equal(e->height, 380);
    assert_int_equal(parse_repeated(&arena, "s", " + s", 200000, "", &e), PT2_OK);
    assert_int_equal(e->num_args, 200001);
    assert_int_equal(parse_repeated(&arena, "s", " + s", 300000, "", &e), PT2_ERR_FORMAT);
    assert_message("bytes");
    pt2_arena_free(&arena);
}

/* ---- JSON ---- */

static void test_json_numbers(void **state)
{
    static const char text[] = "{\"big\": 9223372036854775807, \"small\":-9223372036854775808, \"list\": [NaN,"
                               "-Infinity, Infinity, \"Infinity\", 1e-05, 3],"
                               "\"text\": \"NaN 12345678901234567890 \\\" \\u00e9\"}";
    cJSON *root;
    struct pt2_at at, list;
    int64_t i;
    double f, want[] = {0, -INFINITY, INFINITY, INFINITY, 1e-05, 3};
    const char *s;
    uint32_t n;
    (void)state;
    assert_int_equal(pt2_json_parse(text, sizeof text - 1, &root), PT2_OK);
    at = (struct pt2_at){.v = root};
    assert_true(pt2_at_field_int(&at, "big", &i) == PT2_OK && i == INT64_MAX);
    assert_true(pt2_at_field_int(&at, "small", &i) == PT2_OK && i == INT64_MIN);
    assert_int_equal(pt2_at_field_array(&at, "list", &list, &n), PT2_OK);
    assert_int_equal(n, COUNT(want));
    for (struct pt2_at it = {0}; pt2_at_next(&list, &it);) {
        assert_int_equal(pt2_at_double(&it, &f), PT2_OK);
        assert_true(it.index ? f == want[it.index] : f != f);
    }
    assert_int_equal(pt2_at_field_text(&at, "text", &s), PT2_OK);
    assert_string_equal(s, "NaN 12345678901234567890 \" \xc3\xa9");
    cJSON_Delete(root);
}

static void test_json_refused(void **state)
{
    static const char *const cases[] = {
        "", "{", "[1,]", "{} x", "\"\\u0000\"", "\"\xff\"", "\"a", "nan", "[1 2]", "\"\\ud800\"", "\"\t\"", "+Infinity",
    };
    char deep[1200];
    cJSON *root;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (pt2_json_parse(cases[i], strlen(cases[i]), &root) != PT2_ERR_FORMAT)
            fail_msg("accepted: %s", cases[i]);
    memset(deep, '[', 600);
    memset(deep + 600, ']', 600);
    assert_int_equal(pt2_json_parse(deep, 1200, &root), PT2_ERR_FORMAT);
    assert_message("512");
}

static void test_json_paths(void **state)
{
    static const char text[] = "{\"a\": [{\"b\": {\"x\": null, \"y\": 1}}, {\"b\": {\"x\": 1, \"y\": 2}}, {\"X\": 1}]}";
    cJSON *root;
    struct pt2_at at, list, first = {0}, field, item;
    uint32_t n;
    int64_t i;
    (void)state;
    assert_int_equal(pt2_json_parse(text, sizeof text - 1, &root), PT2_OK);
    at = (struct pt2_at){.v = root};
    assert_int_equal(pt2_at_field_array(&at, "a", &list, &n), PT2_OK);
    pt2_at_next(&list, &first);
    assert_int_equal(pt2_at_field(&first, "b", &field), PT2_OK);
    assert_int_equal(pt2_at_union(&field, &item), PT2_OK);
    assert_string_equal(item.key, "y");
    pt2_at_next(&list, &first);
    assert_int_equal(pt2_at_field(&first, "b", &field), PT2_OK);
    assert_int_equal(pt2_at_union(&field, &item), PT2_ERR_FORMAT);
    assert_message("a[1].b: a union with two tags");
    pt2_at_next(&list, &first);
    assert_int_equal(pt2_at_field_int(&first, "x", &i), PT2_ERR_FORMAT); /* names have case */
    assert_message("a[2].x: missing");
    cJSON_Delete(root);
}

/* ---- pickle ---- */

#define PICKLE(text) (const uint8_t *)(text), sizeof(text) - 1
#define STORAGE "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" "0X\x03\0\0\0cpuK\x06tQ"

static const struct pt2_pickle_object *unpickle(struct pt2_arena *arena, struct pt2_pickle *p, const uint8_t *data,
                                                size_t size)
{
    if (pt2_pickle_parse(arena, data, size, p) != PT2_OK)
        fail_msg("%s", pt2_error_message());
    return &p->objects.data[p->root];
}

static void test_pickle_values(void **state)
{
    struct pt2_arena a = {0};
    struct pt2_pickle p;
    const struct pt2_pickle_object *o;
    (void)state;
    o = unpickle(&a, &p, PICKLE("\x80\x02J\xff\xff\xff\xff."));
    assert_true(o->kind == PT2_PICKLE_INT && o->i == -1);
    o = unpickle(&a, &p, PICKLE("\x80\x02K\xff."));
    assert_int_equal(o->i, 255);
    o = unpickle(&a, &p, PICKLE("\x8a\x02\xff\x7f."));
    assert_int_equal(o->i, 32767);
    o = unpickle(&a, &p, PICKLE("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\xff."));
    assert_true(o->i == INT64_MIN);
    o = unpickle(&a, &p, PICKLE("\x8a\x00."));
    assert_int_equal(o->i, 0);
    o = unpickle(&a, &p, PICKLE("G\x3f\xf8\0\0\0\0\0\0."));
    assert_true(o->kind == PT2_PICKLE_FLOAT && o->f == 1.5);
    o = unpickle(&a, &p, PICKLE("\x80\x05\x95\x08\0\0\0\0\0\0\0\x8c\x02hi\x94\x88\x86."));
    assert_true(o->kind == PT2_PICKLE_TUPLE && o->items.count == 2);
    assert_string_equal(p.objects.data[o->items.data[0]].text, "hi");
    assert_int_equal(p.objects.data[o->items.data[1]].i, 1);
    o = unpickle(&a, &p, PICKLE("}q\0(X\x01\0\0\0kK\x01X\x01\0\0\0lNu."));
    assert_true(o->kind == PT2_PICKLE_DICT && o->items.count == 4);
    o = unpickle(&a, &p, PICKLE("c_codecs\nencode\nX\x03\0\0\0a\xc3\xbfX\x06\0\0\0latin1\x86R."));
    assert_true(o->kind == PT2_PICKLE_BYTES && o->len == 2 && !memcmp(o->text, "a\xff", 2));
    o = unpickle(&a, &p, PICKLE("]q\0h\0a.")); /* a list that holds itself */
    assert_true(o->kind == PT2_PICKLE_LIST && o->items.data[0] == p.root);
    o = unpickle(&a, &p, PICKLE("cos\nsystem\nX\x02\0\0\0ls\x85R."));
    assert_true(o->kind == PT2_PICKLE_OPAQUE);
    assert_string_equal(o->text, "os system");
    pt2_arena_free(&a);
}

static void test_pickle_tensor(void **state)
{
    struct pt2_arena a = {0};
    struct pt2_pickle p;
    const struct pt2_pickle_object *o;
    (void)state;
    o = unpickle(&a, &p, PICKLE("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\x01K\x02K\x02\x86K\x03K\x01\x86\x89"
                                "ccollections\nOrderedDict\n)RtR."));
    assert_int_equal(o->kind, PT2_PICKLE_TENSOR);
    assert_true(o->tensor->dtype == PT2_F32 && o->tensor->rank == 2 && o->tensor->offset == 1);
    assert_true(o->tensor->sizes[0] == 2 && o->tensor->strides[0] == 3 && o->tensor->strides[1] == 1);
    assert_true(p.objects.data[o->tensor->storage].i == 24);
    o = unpickle(&a, &p, PICKLE("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\x01K\x02\x85K\x03\x85\x89"
                                "N}X\x04\0\0\0conj\x88stR."));
    assert_true(o->kind == PT2_PICKLE_OPAQUE && strstr(o->text, "conj"));
    o = unpickle(&a, &p, PICKLE("ctorch._utils\n_rebuild_parameter\n(ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
                                "K\0))\x89NtR\x88NtR."));
    assert_true(o->kind == PT2_PICKLE_TENSOR && o->tensor->rank == 0);
    o = unpickle(&a, &p, PICKLE("ctorch._utils\n_rebuild_sparse_tensor\n)R."));
    assert_true(o->kind == PT2_PICKLE_OPAQUE && strstr(o->text, "sparse"));
    o = unpickle(&a, &p, PICKLE("cos\nsystem\n)\x81."));
    assert_true(o->kind == PT2_PICKLE_OPAQUE && o->items.count == 0);
    o = unpickle(&a, &p, PICKLE("ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_wrapper_subclass\n"
                                "cmy\nTensor\n)}X\x01\0\0\0qK\x05stR."));
    assert_true(o->kind == PT2_PICKLE_OPAQUE && !strcmp(o->text, "my Tensor") && o->items.count == 2);
    o = unpickle(&a, &p, PICKLE("ctorch\nfloat8_e4m3fn\n."));
    assert_true(o->kind == PT2_PICKLE_DTYPE && o->dtype == PT2_F8E4M3FN);
    pt2_arena_free(&a);
}

static void test_pickle_refused(void **state)
{
    static const struct { const uint8_t *data; size_t size; } cases[] = {
        {PICKLE("")},
        {PICKLE("\x80\x06N.")},                             /* protocol 6 */
        {PICKLE("N")},                                      /* no STOP */
        {PICKLE(".")},                                      /* stack underflow */
        {PICKLE("(.")},                                     /* mark left */
        {PICKLE("K\x01(u.")},                               /* items for an int */
        {PICKLE("}(K\x01u.")},                              /* odd number of items */
        {PICKLE("N(a.")},                                   /* underflow below the mark */
        {PICKLE("t.")},                                     /* no mark */
        {PICKLE("h\x05.")},                                 /* unknown memo */
        {PICKLE("Nr\xff\xff\xff\x7f.")},                    /* giant memo index */
        {PICKLE("X\xff\xff\xff\xff" "abc.")},               /* length past the end */
        {PICKLE("X\x02\0\0\0\xff\xff.")},                   /* not UTF-8 */
        {PICKLE("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.")}, /* 2^63 */
        {PICKLE("(ios\nsystem\n.")},                        /* INST */
        {PICKLE("N)\x81.")},                                /* an instance of no class */
        {PICKLE("P1\n.")},                                  /* PERSID */
        {PICKLE("cnonewline")},
        {PICKLE("K\x01Q.")},                                /* persistent id that is no tuple */
        {PICKLE("ctorch\nSize\nNR.")},                      /* arguments that are no tuple */
        {PICKLE("ctorch._utils\n_rebuild_tensor_v2\n)R.")}, /* too few arguments */
        {PICKLE("ctorch._utils\n_rebuild_parameter\n(NNNtR.")},
        {PICKLE("(X\x07\0\0\0storagectorch\nFloatStorage\nX\x04\0\0\0../xX\x03\0\0\0cpuK\x06tQ.")},
        {PICKLE("(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" "0X\x03\0\0\0cpuJ\xff\xff\xff\xfftQ.")},
    };
    struct pt2_arena a = {0};
    struct pt2_pickle p;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (pt2_pickle_parse(&a, cases[i].data, cases[i].size, &p) == PT2_OK)
            fail_msg("pickle %zu was accepted", i);
    pt2_arena_free(&a);
}

/* ---- ZIP ---- */

struct builder {
    uint8_t data[1 << 16], central[1 << 14];
    size_t size, central_size;
    unsigned count;
};

static void put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t crc32_slow(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
    }
    return ~c;
}

static void add_record(struct builder *b, const char *name, const void *content, size_t size)
{
    size_t name_len = strlen(name);
    uint8_t *local = b->data + b->size, *central = b->central + b->central_size;
    memcpy(local, "PK\3\4", 4);
    put(local + 26, name_len, 2);
    memcpy(local + 30, name, name_len);
    memcpy(local + 30 + name_len, content, size);
    memcpy(central, "PK\1\2", 4);
    put(central + 16, crc32_slow(content, size), 4);
    put(central + 20, size, 4);
    put(central + 24, size, 4);
    put(central + 28, name_len, 2);
    put(central + 42, b->size, 4);
    memcpy(central + 46, name, name_len);
    b->size += 30 + name_len + size;
    b->central_size += 46 + name_len;
    b->count++;
}

static void finish_zip(struct builder *b)
{
    uint8_t *end = b->data + b->size + b->central_size;
    memcpy(b->data + b->size, b->central, b->central_size);
    memcpy(end, "PK\5\6", 4);
    put(end + 8, b->count, 2);
    put(end + 10, b->count, 2);
    put(end + 12, b->central_size, 4);
    put(end + 16, b->size, 4);
    b->size += b->central_size + 22;
}

static void add_text(struct builder *b, const char *name, const char *text)
{
    add_record(b, name, text, strlen(text));
}

static struct builder *two_records(void)
{
    struct builder *b = calloc(1, sizeof *b);
    assert_non_null(b);
    add_text(b, "r/a", "hello");
    add_text(b, "r/b", "world!");
    finish_zip(b);
    return b;
}

static pt2_status open_zip(struct pt2_arena *a, const struct builder *b, struct pt2_zip *zip)
{
    static uint64_t left;
    static struct pt2_file file;
    left = 1 << 20;
    return pt2_zip_open(a, &file, b->data, b->size, &left, zip);
}

static void test_zip(void **state)
{
    struct builder *b = two_records();
    struct pt2_arena a = {0};
    struct pt2_zip zip;
    const uint8_t *data;
    (void)state;
    assert_int_equal(open_zip(&a, b, &zip), PT2_OK);
    const struct pt2_zip_record *r = pt2_zip_find(&zip, "r/b");
    assert_non_null(r);
    assert_null(pt2_zip_find(&zip, "r/c"));
    assert_int_equal(pt2_zip_read(&zip, r, true, &data), PT2_OK);
    assert_true(r->size == 6 && !memcmp(data, "world!", 6));
    b->data[33 + 5 + 33]++; /* a byte of the content */
    assert_int_equal(pt2_zip_read(&zip, r, true, &data), PT2_ERR_FORMAT);
    assert_message("checksum");
    pt2_arena_free(&a);
    free(b);
}

/* Offsets count from the start of the directory (c) or of the end record (e), or of the file (f). */
static void test_zip_damaged(void **state)
{
    static const struct { char from; int at; uint64_t value; int bytes; const char *why; } cases[] = {
        {'e', 0, 0, 1, "no ZIP end record"},
        {'e', 4, 1, 2, "split"},
        {'e', 8, 3, 2, "split"},
        {'e', 12, 0xfffffff0, 4, "outside the file"},
        {'e', 16, 0xfffffff0, 4, "outside the file"},
        {'e', 12, 20, 4, "claims 2 records"},
        {'e', 20, 7, 2, "no ZIP end record"},
        {'c', 0, 0, 1, "damaged ZIP directory"},
        {'c', 8, 1, 2, "encrypted"},
        {'c', 10, 12, 2, "unknown compression"},
        {'c', 10, 8, 2, "contradicts the directory"},
        {'c', 20, 4, 4, "two different sizes"},
        {'c', 28, 0xffff, 2, "damaged ZIP directory"},
        {'c', 30, 1, 2, "damaged"},
        {'c', 34, 1, 2, "damaged directory entry"},
        {'c', 42, 0xfffffff0, 4, "outside the file"},
        {'c', 42, 5, 4, "contradicts the directory"},
        {'c', 46, 'x', 1, "contradicts the directory"},
        {'c', 46, '/', 1, "forbidden name"},
        {'c', 47, '\\', 1, "forbidden name"},
        {'c', 47, 0, 1, "forbidden name"},
        {'f', 0, 0, 1, "contradicts the directory"},
        {'f', 28, 0xffff, 2, "contradicts the directory"},
        {'f', 28, 30, 2, "overlap"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct builder *b = two_records();
        struct pt2_arena a = {0};
        struct pt2_zip zip;
        size_t end = b->size - 22, base = cases[i].from == 'e' ? end : cases[i].from == 'c' ? end - b->central_size : 0;
        put(b->data + base + (size_t)cases[i].at, cases[i].value, cases[i].bytes);
        if (open_zip(&a, b, &zip) == PT2_OK)
            fail_msg("damage %zu was accepted (%s)", i, cases[i].why);
        assert_message(cases[i].why);
        pt2_zip_close(&zip);
        pt2_arena_free(&a);
        free(b);
    }
}

static void test_zip_names(void **state)
{
    static const struct { const char *first, *second, *why; } cases[] = {
        {"r/a", "r/a", "twice"}, {"r/../a", "b", "forbidden"}, {"..", "b", "forbidden"}, {"a", "/b", "forbidden"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct builder *b = calloc(1, sizeof *b);
        struct pt2_arena a = {0};
        struct pt2_zip zip;
        assert_non_null(b);
        add_text(b, cases[i].first, "x");
        add_text(b, cases[i].second, "y");
        finish_zip(b);
        assert_int_equal(open_zip(&a, b, &zip), PT2_ERR_FORMAT);
        assert_message(cases[i].why);
        pt2_arena_free(&a);
        free(b);
    }
}

/* Every prefix of a good file is refused without a defect. */
static void test_zip_truncated(void **state)
{
    struct builder *b = two_records();
    struct pt2_arena a = {0};
    struct pt2_zip zip;
    (void)state;
    size_t size = b->size;
    for (b->size = 0; b->size < size; b->size++)
        assert_int_equal(open_zip(&a, b, &zip), PT2_ERR_FORMAT);
    pt2_arena_free(&a);
    free(b);
}

/* ---- tree specs and traces ---- */

#define LEAF "{\"type\":null,\"context\":null,\"children_spec\":[]}"

static void test_tree(void **state)
{
    static const char text[] =
        "[1,{\"type\":\"builtins.dict\",\"context\":\"[\\\"a\\\", 3, \\\"c\\\"]\",\"children_spec\":["
        "{\"type\":\"builtins.list\",\"context\":\"null\",\"children_spec\":[" LEAF "," LEAF "]}," LEAF ","
        "{\"type\":\"collections.defaultdict\",\"context\":{\"dict_context\":[\"k\"]},\"children_spec\":[" LEAF "]}]}]";
    static const char *const want[] = {"a[0]", "a[1]", "3", "c.k"};
    struct pt2_arena a = {0};
    struct pt2_tree tree = {0};
    const char *names[4];
    uint32_t n = 0;
    (void)state;
    assert_int_equal(pt2_tree_parse(&a, text, NULL, &tree), PT2_OK);
    assert_int_equal(tree.num_leaves, 4);
    pt2_tree_names(&a, &tree, "", names, &n);
    for (uint32_t i = 0; i < 4; i++)
        assert_string_equal(names[i], want[i]);
    assert_int_equal(pt2_tree_parse(&a, "[2," LEAF "]", NULL, &tree), PT2_ERR_UNSUPPORTED);
    assert_int_equal(pt2_tree_parse(&a, "[1]", NULL, &tree), PT2_ERR_FORMAT);
    assert_int_equal(pt2_tree_parse(&a, "[1,{\"type\":null,\"children_spec\":[" LEAF "]}]", NULL, &tree),
                     PT2_ERR_FORMAT);
    pt2_arena_free(&a);
}

static void test_traces(void **state)
{
    struct pt2_arena a = {0};
    (void)state;
    assert_string_equal(pt2_trace_python_line(&a, "  File \"/home/me/a.py\", line 3, in f\n    g()\n"
                                                  "File \"net.py\", line 12, in forward\n    x = x\t+ 1\n"),
                        "net.py:12 in forward: x = x + 1");
    assert_string_equal(pt2_trace_python_line(&a, "NoneType: None\n"), "");
    assert_string_equal(pt2_trace_python_line(&a, "File \"x"), "");
    assert_string_equal(pt2_trace_python_line(&a, "File \"x.py\", line 1"), "x.py:1 in : ");
    assert_string_equal(pt2_trace_module_path(&a, "L__self__,,M;L__self___net_0,net.0,torch.nn.Linear"), "net.0");
    assert_string_equal(pt2_trace_module_path(&a, "k(a,b;c),p,t"), "p");
    assert_string_equal(pt2_trace_module_path(&a, ""), "");
    pt2_arena_free(&a);
}

/* ---- whole programs ---- */

#define META "{\"dtype\":7,\"sizes\":[{\"as_int\":2}],\"strides\":[{\"as_int\":1}]," \
             "\"storage_offset\":{\"as_int\":0},\"layout\":7}"
#define SPEC(children) \
    "[1,{\\\"type\\\":\\\"builtins.tuple\\\",\\\"context\\\":\\\"null\\\",\\\"children_spec\\\":[" children "]}]"
#define QLEAF "{\\\"type\\\":null,\\\"context\\\":null,\\\"children_spec\\\":[]}"

/* The parts of a program that the cases below replace; NULL: as in a good one. */
struct parts {
    const char *version, *nodes, *outputs, *input_spec, *output_spec, *out_spec, *config, *weight, *meta;
    pt2_status status;
    const char *why;
};

static const char *or(const char *a, const char *b)
{
    return a ? a : b;
}

static void add_program(struct builder *b, const struct parts *p)
{
    static char text[8192];
    snprintf(text, sizeof text,
             "{\"schema_version\":%s,\"range_constraints\":{},\"graph_module\":{\"graph\":{\"inputs\":[{\"as_tensor\":"
             "{\"name\":\"w\"}},{\"as_tensor\":{\"name\":\"x\"}}],\"outputs\":[%s],\"nodes\":[%s],\"tensor_values\":"
             "{\"w\":" META ",\"x\":%s,\"y\":" META "},\"sym_int_values\":{},\"sym_bool_values\":{}},\"signature\":"
             "{\"input_specs\":[%s,{\"user_input\":{\"arg\":{\"as_tensor\":{\"name\":\"x\"}}}}],\"output_specs\":"
             "[%s]},\"module_call_graph\":[{\"fqn\":\"\","
             "\"signature\":{\"in_spec\":\"" SPEC(QLEAF) "\",\"out_spec\":\"%s\"}}]}}",
             or(p->version, "{\"major\":8,\"minor\":20}"), or(p->outputs, "{\"as_tensor\":{\"name\":\"y\"}}"),
             or(p->nodes, "{\"target\":\"torch.ops.aten.add.Tensor\",\"inputs\":[{\"name\":\"self\",\"arg\":"
                          "{\"as_tensor\":{\"name\":\"x\"}}},{\"name\":\"other\",\"arg\":{\"as_tensor\":"
                          "{\"name\":\"w\"}}}],\"outputs\":[{\"as_tensor\":{\"name\":\"y\"}}],\"metadata\":{}}"),
             or(p->meta, META),
             or(p->input_spec, "{\"parameter\":{\"arg\":{\"name\":\"w\"},\"parameter_name\":\"w\"}}"),
             or(p->output_spec, "{\"user_output\":{\"arg\":{\"as_tensor\":{\"name\":\"y\"}}}}"),
             or(p->out_spec, "[1," QLEAF "]"));
    add_text(b, "m/models/model.json", text);
    add_text(b, "m/archive_format", "pt2");
    add_text(b, "m/archive_version", "0");
    add_text(b, "m/data/weights/model_weights_config.json",
             or(p->config, "{\"config\":{\"w\":{\"path_name\":\"weight_0\",\"use_pickle\":false,"
                           "\"tensor_meta\":" META "}}}"));
    add_text(b, "m/data/weights/weight_0", or(p->weight, "01234567"));
    finish_zip(b);
}

static void check_program(const struct parts *parts)
{
    struct builder *b = calloc(1, sizeof *b);
    struct pt2_program *program;
    assert_non_null(b);
    add_program(b, parts);
    pt2_status status = pt2_program_open_memory(b->data, b->size, "net.pt2", NULL, NULL, &program);
    if (status != parts->status)
        fail_msg("status %s, expected %s: %s", pt2_status_name(status), pt2_status_name(parts->status),
                 pt2_error_message());
    if (status == PT2_OK) {
        assert_string_equal(program->graph->nodes[0].target, "aten.add.Tensor");
        assert_ptr_equal(program->graph->nodes[0].args[1].value, program->inputs[0].value);
        assert_int_equal(program->inputs[0].stored->storage->size, 8);
        assert_string_equal(program->in_leaves[0].name, "x");
        pt2_program_destroy(&program);
        assert_null(program);
    } else {
        assert_null(program);
        assert_message("net.pt2: ");
        assert_message(parts->why);
    }
    free(b);
}

#define NODE(in, out) "{\"target\":\"torch.ops.aten.relu.default\",\"inputs\":[{\"name\":\"self\",\"arg\":" in \
                      "}],\"outputs\":[" out "],\"metadata\":{}}"
#define TENSOR(name) "{\"as_tensor\":{\"name\":\"" name "\"}}"
#define WEIGHT(dtype, size, stride, offset) "{\"config\":{\"w\":{\"path_name\":\"weight_0\",\"use_pickle\":false," \
    "\"tensor_meta\":{\"dtype\":" dtype ",\"sizes\":[{\"as_int\":" size "}],\"strides\":[{\"as_int\":" stride \
    "}],\"storage_offset\":{\"as_int\":" offset "},\"layout\":7}}}}"

#define GRADIENT(kind, of) \
    "{\"gradient_to_" kind "\":{\"arg\":{\"name\":\"y\"},\"" kind "_name\":\"" of "\"}}"

static void test_programs(void **state)
{
    static const struct parts cases[] = {
        {.status = PT2_OK},
        {.version = "{\"major\":9,\"minor\":0}", .status = PT2_ERR_UNSUPPORTED, .why = "schema version 9.0"},
        {.version = "3", .status = PT2_ERR_UNSUPPORTED, .why = "schema version 3"},
        {.nodes = NODE(TENSOR("z"), TENSOR("y")), .status = PT2_ERR_FORMAT,
         .why = "record m/models/model.json: node aten.relu.default: graph_module.graph.nodes[0].inputs[0].arg."
                "as_tensor: value z is used before it is defined"},
        {.nodes = NODE(TENSOR("y"), TENSOR("y")), .status = PT2_ERR_FORMAT, .why = "used before"},
        {.nodes = NODE(TENSOR("x"), TENSOR("x")), .status = PT2_ERR_FORMAT, .why = "value x is defined twice"},
        {.nodes = NODE("{\"as_sym_int\":{\"as_name\":\"x\"}}", TENSOR("y")), .status = PT2_ERR_FORMAT,
         .why = "of another kind"},
        {.nodes = NODE("{\"as_magic\":1}", TENSOR("y")), .status = PT2_ERR_UNSUPPORTED, .why = "as_magic"},
        {.nodes = NODE("{\"as_scalar_type\":20}", TENSOR("y")), .status = PT2_ERR_FORMAT, .why = "unknown dtype"},
        {.nodes = NODE("{\"as_custom_obj\":{\"name\":\"q\",\"class_fqn\":\"c\"}}", TENSOR("y")),
         .status = PT2_ERR_UNSUPPORTED, .why = "custom object q"},
        {.nodes = "{\"target\":5}", .status = PT2_ERR_FORMAT, .why = "nodes[0].target: wrong type"},
        {.outputs = TENSOR("y") "," TENSOR("y"), .status = PT2_ERR_FORMAT, .why = "1 specs for 2 graph outputs"},
        {.out_spec = SPEC(QLEAF "," QLEAF), .status = PT2_ERR_FORMAT, .why = "out_spec has 2 leaves"},
        {.input_spec = "{\"parameter\":{\"arg\":{\"name\":\"v\"},\"parameter_name\":\"w\"}}", .status = PT2_ERR_FORMAT,
         .why = "the graph has w"},
        {.output_spec = GRADIENT("parameter", "v"), .out_spec = SPEC(), .status = PT2_ERR_FORMAT,
         .why = "a gradient of v: the graph has no such input"},
        {.output_spec = GRADIENT("user_input", "w"), .out_spec = SPEC(), .status = PT2_ERR_FORMAT,
         .why = "a gradient of w: the graph has no such input"},
        {.output_spec = GRADIENT("parameter", "w"), .status = PT2_ERR_FORMAT, .why = "out_spec has 1 leaves"},
        {.output_spec = "{\"gradient_to_magic\":{\"arg\":{\"name\":\"y\"}}}", .status = PT2_ERR_UNSUPPORTED,
         .why = "unknown kind of output: gradient_to_magic"},
        {.weight = "0123", .status = PT2_ERR_FORMAT, .why = "past the end of its storage"},
        {.weight = "01234567X", .status = PT2_ERR_FORMAT, .why = "no multiple"},
        {.config = WEIGHT("7", "2", "1", "1"), .status = PT2_ERR_FORMAT, .why = "past the end"},
        {.config = WEIGHT("7", "2", "9223372036854775807", "0"), .status = PT2_ERR_FORMAT, .why = "out of range"},
        {.config = WEIGHT("7", "2", "4611686018427387904", "0"), .status = PT2_ERR_FORMAT, .why = "past the end"},
        {.config = WEIGHT("7", "-1", "1", "0"), .status = PT2_ERR_FORMAT, .why = "out of range"},
        {.config = WEIGHT("6", "2", "1", "0"), .status = PT2_ERR_FORMAT, .why = "differs in dtype or shape"},
        {.config = WEIGHT("7", "1", "1", "0"), .status = PT2_ERR_FORMAT, .why = "differs in dtype or shape"},
        {.meta = "{\"dtype\":7,\"sizes\":[{\"as_expr\":{\"expr_str\":\"s0 +\"}}],\"strides\":[{\"as_int\":1}],"
                 "\"storage_offset\":{\"as_int\":0},\"layout\":7}",
         .status = PT2_ERR_FORMAT, .why = "tensor_values.x.sizes[0].as_expr.expr_str: expression \"s0 +\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_program(&cases[i]);
}

#define ARG(name, value) "{\"name\":\"" name "\",\"arg\":" value "}"

/* One node with every kind of argument. */
static void test_arguments(void **state)
{
    static const struct parts parts = {
        .nodes = "{\"target\":\"torch._higher_order_ops.wrap.cond\",\"inputs\":["
                 ARG("0", "{\"as_none\":true}") "," ARG("1", "{\"as_int\":-9223372036854775808}") ","
                 ARG("2", "{\"as_float\":\"-Infinity\"}") "," ARG("3", "{\"as_bool\":false,\"as_int\":null}") ","
                 ARG("4", "{\"as_string\":\"ij,jk\"}") "," ARG("5", "{\"as_complex\":{\"real\":1,\"imag\":-2.5}}") ","
                 ARG("6", "{\"as_scalar_type\":13}") "," ARG("7", "{\"as_memory_format\":2}") ","
                 ARG("8", "{\"as_device\":{\"type\":\"cuda\",\"index\":1}}") ","
                 ARG("9", "{\"as_operator\":\"torch.ops.aten.mul.Tensor\"}") ","
                 ARG("10", "{\"as_sym_ints\":[{\"as_int\":4},{\"as_int\":5,\"as_name\":null}]}") ","
                 ARG("11", "{\"as_optional_tensors\":[{\"as_none\":[]},{\"as_tensor\":\"x\"}]}") ","
                 ARG("12", "{\"as_nested_tensors\":[[{\"name\":\"x\"}],[]]}") ","
                 ARG("13", "{\"as_string_to_argument\":{\"k\":{\"as_ints\":[]}}}") ","
                 ARG("14", "{\"as_graph\":{\"name\":\"g\",\"graph\":{\"inputs\":[{\"as_tensor\":{\"name\":\"x\"}}],"
                           "\"outputs\":[{\"as_tensor\":{\"name\":\"x\"}}],\"nodes\":[],\"tensor_values\":{}}}}")
                 "],\"outputs\":[{\"as_tensors\":[{\"name\":\"a\"},{\"name\":\"y\"}]},{\"as_none\":true}],"
                 "\"metadata\":{}}"};
    struct builder *b = calloc(1, sizeof *b);
    struct pt2_program *p;
    (void)state;
    assert_non_null(b);
    add_program(b, &parts);
    if (pt2_program_open_memory(b->data, b->size, NULL, NULL, NULL, &p) != PT2_OK)
        fail_msg("%s", pt2_error_message());
    const struct pt2_pnode *n = p->graph->nodes;
    const struct pt2_arg *a = n->args;
    static const enum pt2_arg_kind kinds[] = {
        PT2_ARG_NONE, PT2_ARG_INT, PT2_ARG_FLOAT, PT2_ARG_BOOL, PT2_ARG_STRING, PT2_ARG_COMPLEX, PT2_ARG_DTYPE,
        PT2_ARG_MEMORY_FORMAT, PT2_ARG_DEVICE, PT2_ARG_OPERATOR, PT2_ARG_LIST, PT2_ARG_LIST, PT2_ARG_LIST, PT2_ARG_DICT,
        PT2_ARG_GRAPH};
    assert_int_equal(n->num_args, COUNT(kinds));
    for (uint32_t i = 0; i < COUNT(kinds); i++)
        assert_int_equal(a[i].kind, kinds[i]);
    assert_string_equal(n->target, "higher_order.cond");
    assert_true(a[1].i == INT64_MIN && a[2].f == -INFINITY && a[5].imag == -2.5 && a[6].dtype == PT2_BF16);
    assert_string_equal(a[9].text, "aten.mul.Tensor");
    assert_true(a[10].num_items == 2 && a[10].items[1].i == 5);
    assert_true(a[11].items[0].kind == PT2_ARG_NONE && a[11].items[1].value == p->inputs[1].value);
    assert_true(a[12].num_items == 2 && a[12].items[0].items[0].value == p->inputs[1].value);
    assert_string_equal(a[13].items[0].name, "k");
    assert_ptr_equal(a[14].graph->parent, p->graph);
    assert_ptr_not_equal(a[14].graph->inputs[0], p->inputs[1].value); /* a scope of its own */
    assert_int_equal(n->num_outs, 3);
    assert_int_equal(n->outs[2]->kind, PT2_VALUE_NONE);
    pt2_program_destroy(&p);
    free(b);
}

/* Outputs of training graphs: out_spec has the results alone. */
static void test_gradients(void **state)
{
    static const struct {
        struct parts parts;
        pt2_output_role role;
        const char *name, *of;
    } cases[] = {
        {{.output_spec = GRADIENT("parameter", "w"), .out_spec = SPEC()}, PT2_ROLE_PARAMETER_GRADIENT, "w.grad", "w"},
        {{.output_spec = GRADIENT("user_input", "x"), .out_spec = SPEC()}, PT2_ROLE_INPUT_GRADIENT, "x.grad", "x"},
        {{.output_spec = "{\"loss_output\":{\"arg\":{\"name\":\"y\"}}}"}, PT2_ROLE_LOSS, "out_0", NULL},
        {{.version = NULL}, PT2_ROLE_RESULT, "out_0", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct builder *b = calloc(1, sizeof *b);
        struct pt2_program *p;
        assert_non_null(b);
        add_program(b, &cases[i].parts);
        if (pt2_program_open_memory(b->data, b->size, NULL, NULL, NULL, &p) != PT2_OK)
            fail_msg("%s", pt2_error_message());
        assert_int_equal(p->outputs[0].kind, PT2_OUTPUT_USER);
        assert_int_equal(p->outputs[0].role, cases[i].role);
        assert_string_equal(p->out_leaves[0].name, cases[i].name);
        assert_true(!cases[i].of == !p->outputs[0].gradient_of);
        if (cases[i].of)
            assert_string_equal(p->outputs[0].gradient_of, cases[i].of);
        pt2_program_destroy(&p);
        free(b);
    }
}

static void test_other_files(void **state)
{
    static const struct { const char *data; size_t size; const char *why; } cases[] = {
        {"", 0, "an empty file"},
        {"hello", 5, "not a ZIP"},
        {"\0\0\0\0ET12....", 12, "ExecuTorch"},
        {"\7\0\0\0\0\0\0\0{\"a\":1}", 15, "safetensors"},
        {"\x80\x02\x8a\x0al\xfc\x9c" "F\xf9 j\xa8P\x19.", 16, "old format"},
        {"\x80\x04\x95\x0b", 4, "a Python pickle"},
        {"\x08\x09\x12\x07pytorch:", 12, "an ONNX model"},
        {"\x08\x04\x12\x1c\x0a\x0b\x0a\x05", 8, "a Core ML model"},
        {"\x1c\0\0\0TFL3....", 12, "TensorFlow Lite"},
        {"GGUF\3\0\0\0", 8, "GGUF"},
        {"\x1f\x8b\x08\0", 4, "a gzip file"},
        {"version https://git-lfs.github.com/spec/v1\noid", 46, "git lfs pull"},
        {"\n <!DOCTYPE html><html>", 23, "a web page"},
        {"\0\0\0\0\0\0\0\0", 8, "zeros"},
        {"PK\3\4 and then nothing", 20, "truncated"},
    };
    struct pt2_program *program;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(pt2_program_open_memory(cases[i].data, cases[i].size, NULL, NULL, NULL, &program),
                         PT2_ERR_FORMAT);
        assert_message(cases[i].why);
    }
    assert_int_equal(pt2_program_open("/nonexistent/x.pt2", NULL, NULL, &program), PT2_ERR_IO);
    assert_message("/nonexistent/x.pt2: cannot open");
}

static struct pt2_program *open_corpus(const char *name)
{
    char path[1024];
    struct pt2_program *program;
    snprintf(path, sizeof path, "%s/../fuzz/corpus/%s", PT2_TEST_DATA, name);
    if (pt2_program_open(path, NULL, NULL, &program) != PT2_OK)
        fail_msg("%s", pt2_error_message());
    return program;
}

static const struct pt2_input_spec *spec_of(const struct pt2_program *p, const char *fqn)
{
    for (uint32_t i = 0; i < p->num_inputs; i++)
        if (p->inputs[i].fqn && !strcmp(p->inputs[i].fqn, fqn))
            return &p->inputs[i];
    fail_msg("no input %s", fqn);
    return NULL;
}

static const struct pt2_stored_tensor *stored(const struct pt2_program *p, const char *prefix, const char *name)
{
    char fqn[64];
    snprintf(fqn, sizeof fqn, "%s%s", prefix, name);
    return spec_of(p, fqn)->stored;
}

static void test_aliases(void **state)
{
    static const struct { const char *file, *prefix; } cases[] = {
        {"2.1-storages.pt2", "L__self___"}, {"2.13-storages.pt2", ""}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pt2_program *p = open_corpus(cases[i].file);
        const struct pt2_stored_tensor *base = stored(p, cases[i].prefix, "base");
        const struct pt2_stored_tensor *tail = stored(p, cases[i].prefix, "tail");
        assert_ptr_equal(base->storage, tail->storage);
        assert_int_equal(tail->offset, 10);
        assert_ptr_not_equal(base->storage, stored(p, cases[i].prefix, "step")->storage);
        assert_int_equal((uintptr_t)base->storage->data % 16, 0);
        assert_int_equal(p->weight_bytes, 427);
        pt2_program_destroy(&p);
    }
}

/* Constants inside the JSON of torch 2.1 become inputs. */
static void test_constants1(void **state)
{
    struct pt2_program *p = open_corpus("2.1-storages.pt2");
    const struct pt2_input_spec *s = spec_of(p, "_tensor_constant0");
    (void)state;
    assert_int_equal(s->kind, PT2_INPUT_TENSOR_CONSTANT);
    assert_non_null(s->stored);
    assert_non_null(s->value->meta); /* which the file lacks */
    assert_int_equal(s->stored->sizes[0], 3);
    pt2_program_destroy(&p);
}

static void test_scalar_inputs(void **state)
{
    struct pt2_program *p = open_corpus("2.4-scalars_io.pt2");
    static const enum pt2_arg_kind kinds[] = {PT2_ARG_VALUE, PT2_ARG_INT,  PT2_ARG_FLOAT,
                                              PT2_ARG_STRING, PT2_ARG_BOOL, PT2_ARG_NONE};
    (void)state;
    assert_int_equal(p->num_in_leaves, COUNT(kinds));
    assert_non_null(p->samples);
    for (uint32_t i = 0; i < COUNT(kinds); i++) {
        assert_int_equal(p->samples[i].kind, kinds[i]);
        assert_true(i == 0 || p->inputs[i].constant->kind == kinds[i]);
    }
    assert_string_equal(p->samples[3].text, "plus");
    assert_string_equal(p->in_leaves[4].name, "flag");
    assert_string_equal(p->out_leaves[0].name, "zeta");
    pt2_program_destroy(&p);
}

static void test_schemas(void **state)
{
    static const struct { const char *file, *layout; int major; } cases[] = {
        {"2.1-cond.pt2", "flat", 1},        {"2.1-storages.pt2", "flat", 1},
        {"2.2-counter.pt2", "flat", 2},     {"2.3-masked_inf.pt2", "flat", 5},
        {"2.5-dyn_exprs.pt2", "flat", 7},   {"2.8-nested_io.pt2", "rooted, pickled weights", 8},
        {"2.13-exprs.pt2", "rooted, raw weights", 8}, {"2.13-deflated.pt2", "rooted, raw weights", 8},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pt2_program *p = open_corpus(cases[i].file);
        assert_string_equal(p->layout, cases[i].layout);
        assert_int_equal(p->schema_major, cases[i].major);
        pt2_program_destroy(&p);
    }
}

static void test_mutation(void **state)
{
    struct pt2_program *p = open_corpus("2.2-counter.pt2");
    (void)state;
    assert_int_equal(p->outputs[0].kind, PT2_OUTPUT_BUFFER_MUTATION);
    assert_int_equal(p->inputs[p->outputs[0].target].kind, PT2_INPUT_BUFFER);
    assert_int_equal(p->outputs[0].leaf, -1);
    assert_int_equal(p->outputs[1].leaf, 0);
    pt2_program_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),         cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_srepr),           cmocka_unit_test(test_infix),
        cmocka_unit_test(test_bad_expressions), cmocka_unit_test(test_expression_limits),
        cmocka_unit_test(test_json_numbers),    cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_json_paths),      cmocka_unit_test(test_pickle_values),
        cmocka_unit_test(test_pickle_tensor),   cmocka_unit_test(test_pickle_refused),
        cmocka_unit_test(test_zip),             cmocka_unit_test(test_zip_damaged),
        cmocka_unit_test(test_zip_names),       cmocka_unit_test(test_zip_truncated),
        cmocka_unit_test(test_tree),            cmocka_unit_test(test_traces),
        cmocka_unit_test(test_programs),        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_arguments),       cmocka_unit_test(test_constants1),
        cmocka_unit_test(test_aliases),         cmocka_unit_test(test_scalar_inputs),
        cmocka_unit_test(test_schemas),         cmocka_unit_test(test_mutation),
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
