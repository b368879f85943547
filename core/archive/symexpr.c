/* SPDX-License-Identifier: MIT
 *
 * Symbolic expressions: one precedence-climbing parser for both spellings, as the pure call grammar of sympy's srepr
 * (torch 2.6+) is a subset of the infix grammar (before) but for its leaves: Symbol(), Integer(), Float(), Rational().
 * Sums and products are kept n-ary, so that depth stays that of the text's parentheses.
 * Nesting is bounded before recursion, and only the names of one table can be called.
 *
 * The exporter's own printer recurses by three or more frames a level, of which Python allows 1,000: MAX_NESTING lies
 * above that. A text of MAX_TEXT bytes takes less than a second and 100 MB; the largest known has 4,313 bytes. */
#include "archive/program.h"

#include "archive/text.h"

#include <ctype.h>
#include <math.h>

enum { MAX_TEXT = 1 << 20, MAX_NESTING = 400 };
#define ANY UINT32_MAX

typedef const struct pt2_symexpr *expr;

struct parser {
    struct pt2_arena *arena;
    const char *text, *at, *end;
    int depth;
};

typedef PT2_VEC(expr) items_t; /* in the arena: nothing here is sized by a limit, and stacks may be small */

/* ---- building ---- */

static struct pt2_symexpr *leaf(struct parser *p, enum pt2_sym_op op)
{
    struct pt2_symexpr *e = PT2_NEW(p->arena, struct pt2_symexpr);
    e->op = op;
    return e;
}

static expr new_int(struct parser *p, enum pt2_sym_op op, int64_t i)
{
    struct pt2_symexpr *e = leaf(p, op);
    e->i = i;
    return e;
}

static expr new_float(struct parser *p, double f)
{
    struct pt2_symexpr *e = leaf(p, PT2_SYM_FLOAT);
    e->f = f;
    return e;
}

static expr new_call(struct parser *p, enum pt2_sym_op op, const expr *args, uint32_t count)
{
    struct pt2_symexpr *e = leaf(p, op);
    e->num_args = count;
    e->args = pt2_arena_copy(p->arena, args, count * sizeof *args);
    for (uint32_t k = 0; k < count; k++)
        e->height = e->height > args[k]->height ? e->height : args[k]->height + 1;
    return e;
}

static expr new_pair(struct parser *p, enum pt2_sym_op op, expr a, expr b)
{
    const expr args[2] = {a, b};
    return new_call(p, op, args, 2);
}

static expr negate(struct parser *p, expr a)
{
    if (a->op == PT2_SYM_INT && a->i != INT64_MIN)
        return new_int(p, PT2_SYM_INT, -a->i);
    if (a->op == PT2_SYM_FLOAT)
        return new_float(p, -a->f);
    return new_call(p, PT2_SYM_NEG, &a, 1);
}

/* ---- tokens ---- */

static pt2_status fail(struct parser *p, const char *what)
{
    const char *shown = pt2_text_clean(p->arena, p->text, (size_t)(p->end - p->text), 120);
    return pt2_fail(PT2_ERR_FORMAT, "expression \"%s\": %s at byte %d", shown, what, (int)(p->at - p->text));
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n'))
        p->at++;
}

static bool accept(struct parser *p, const char *token)
{
    size_t n = strlen(token);
    skip_space(p);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, token, n))
        return false;
    p->at += n;
    return true;
}

static pt2_status expect(struct parser *p, const char *token)
{
    if (accept(p, token))
        return PT2_OK;
    char what[32] = "expected '";
    strcat(strcat(what, token), "'");
    return fail(p, what);
}

/* A word of letters, digits, '_' and '.', empty when there is none. */
static size_t word(struct parser *p, const char **out_word)
{
    skip_space(p);
    *out_word = p->at;
    if (p->at < p->end && (isalpha((unsigned char)*p->at) || *p->at == '_'))
        while (p->at < p->end && (isalnum((unsigned char)*p->at) || *p->at == '_'))
            p->at++;
    return (size_t)(p->at - *out_word);
}

static size_t number_length(const struct parser *p)
{
    const char *s = p->at;
    while (s < p->end && (isdigit((unsigned char)*s) || *s == '.'))
        s++;
    if (s > p->at && s < p->end && (*s == 'e' || *s == 'E')) {
        s++;
        s += s < p->end && (*s == '-' || *s == '+');
        while (s < p->end && isdigit((unsigned char)*s))
            s++;
    }
    return (size_t)(s - p->at);
}

static bool only_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return true;
}

static pt2_status parse_number(struct parser *p, expr *out)
{
    size_t n = number_length(p);
    int64_t i;
    double f;
    if (pt2_text_int(p->at, n, &i))
        *out = new_int(p, PT2_SYM_INT, i);
    else if (!only_digits(p->at, n) && pt2_text_double(p->at, n, &f)) /* large integers must not lose digits */
        *out = new_float(p, f);
    else
        return fail(p, "bad number");
    p->at += n;
    return PT2_OK;
}

/* 'text' as in Symbol('s0') and Float('1.5'). */
static pt2_status parse_quoted(struct parser *p, const char **out_text, size_t *out_len)
{
    PT2_TRY(expect(p, "'"));
    *out_text = p->at;
    while (p->at < p->end && *p->at != '\'' && *p->at != '\\' && (unsigned char)*p->at >= 0x20)
        p->at++;
    *out_len = (size_t)(p->at - *out_text);
    return expect(p, "'");
}

/* ", integer=True, precision=53": assumptions do not matter here. */
static pt2_status skip_keywords(struct parser *p)
{
    const char *w;
    while (accept(p, ",")) {
        if (!word(p, &w))
            return fail(p, "expected a keyword");
        PT2_TRY(expect(p, "="));
        if (!word(p, &w)) {
            size_t n = number_length(p);
            if (!n)
                return fail(p, "expected a keyword's value");
            p->at += n;
        }
    }
    return PT2_OK;
}

static pt2_status parse_int(struct parser *p, int64_t *out_value)
{
    skip_space(p);
    const char *begin = p->at;
    p->at += p->at < p->end && *p->at == '-';
    while (p->at < p->end && isdigit((unsigned char)*p->at))
        p->at++;
    return pt2_text_int(begin, (size_t)(p->at - begin), out_value) ? PT2_OK : fail(p, "expected an integer");
}

/* ---- the leaves of srepr; the name and "(" are read already ---- */

static pt2_status parse_symbol(struct parser *p, expr *out)
{
    const char *text;
    size_t len;
    PT2_TRY(parse_quoted(p, &text, &len));
    PT2_TRY(skip_keywords(p));
    if (!len || len > 200)
        return fail(p, "bad symbol name");
    struct pt2_symexpr *e = leaf(p, PT2_SYM_NAME);
    e->name = pt2_arena_strndup(p->arena, text, len);
    *out = e;
    return PT2_OK;
}

static pt2_status parse_integer(struct parser *p, expr *out)
{
    int64_t i;
    PT2_TRY(parse_int(p, &i));
    *out = new_int(p, PT2_SYM_INT, i);
    return PT2_OK;
}

static pt2_status parse_rational(struct parser *p, expr *out)
{
    int64_t a, b;
    PT2_TRY(parse_int(p, &a));
    PT2_TRY(expect(p, ","));
    PT2_TRY(parse_int(p, &b));
    if (b <= 0)
        return fail(p, "denominator is not positive");
    *out = a % b ? new_float(p, (double)a / (double)b) : new_int(p, PT2_SYM_INT, a / b);
    return PT2_OK;
}

static pt2_status parse_float(struct parser *p, expr *out)
{
    const char *text;
    size_t len;
    double f;
    PT2_TRY(parse_quoted(p, &text, &len));
    PT2_TRY(skip_keywords(p));
    if (!pt2_text_double(text, len, &f))
        return fail(p, "bad Float");
    *out = new_float(p, f);
    return PT2_OK;
}

/* ---- calls ---- */

static pt2_status parse_binary(struct parser *p, int lowest, expr *out);

static pt2_status parse_expr(struct parser *p, expr *out)
{
    if (++p->depth > MAX_NESTING)
        return fail(p, "nested too deeply");
    PT2_TRY(parse_binary(p, 0, out));
    p->depth--;
    return PT2_OK;
}

static pt2_status parse_items(struct parser *p, items_t *items)
{
    do {
        expr item;
        PT2_TRY(parse_expr(p, &item));
        pt2_push(p->arena, items, item);
    } while (accept(p, ","));
    return PT2_OK;
}

/* Piecewise((value, condition), ..., (value, True)), its pairs spelled ExprCondPair(...) in srepr. */
static pt2_status parse_piecewise(struct parser *p, expr *out)
{
    items_t values = {0}, conditions = {0};
    do {
        expr value, condition;
        accept(p, "ExprCondPair");
        PT2_TRY(expect(p, "("));
        PT2_TRY(parse_expr(p, &value));
        PT2_TRY(expect(p, ","));
        PT2_TRY(parse_expr(p, &condition));
        PT2_TRY(expect(p, ")"));
        pt2_push(p->arena, &values, value);
        pt2_push(p->arena, &conditions, condition);
    } while (accept(p, ","));
    uint32_t n = values.count - 1;
    if (conditions.data[n]->op != PT2_SYM_BOOL || !conditions.data[n]->i)
        return fail(p, "Piecewise without a default");
    *out = values.data[n];
    while (n--) {
        const expr args[3] = {conditions.data[n], values.data[n], *out};
        *out = new_call(p, PT2_SYM_SELECT, args, 3);
    }
    return PT2_OK;
}

static pt2_status parse_modular(struct parser *p, expr *out)
{
    items_t items = {0};
    PT2_TRY(parse_items(p, &items));
    if (items.count != 3)
        return fail(p, "wrong number of arguments");
    *out = new_pair(p, PT2_SYM_MOD, new_pair(p, PT2_SYM_FLOORDIV, items.data[0], items.data[1]), items.data[2]);
    return PT2_OK;
}

static pt2_status parse_identity(struct parser *p, expr *out)
{
    return parse_expr(p, out);
}

struct function {
    const char *name;
    enum pt2_sym_op op;
    uint32_t least, most;
    bool swapped;                                     /* a > b is b < a */
    pt2_status (*parse)(struct parser *p, expr *out); /* other than a list of expressions */
};

static const struct function functions[] = {
    {"Symbol", PT2_SYM_NAME, 0, 0, false, parse_symbol},
    {"Integer", PT2_SYM_INT, 0, 0, false, parse_integer},
    {"Rational", PT2_SYM_FLOAT, 0, 0, false, parse_rational},
    {"Float", PT2_SYM_FLOAT, 0, 0, false, parse_float},
    {"Piecewise", PT2_SYM_SELECT, 0, 0, false, parse_piecewise},
    {"ModularIndexing", PT2_SYM_MOD, 0, 0, false, parse_modular},
    {"Identity", PT2_SYM_ADD, 0, 0, false, parse_identity},
    {.name = "Add", PT2_SYM_ADD, 1, ANY},
    {.name = "Mul", PT2_SYM_MUL, 1, ANY},
    {.name = "Max", PT2_SYM_MAX, 1, ANY},
    {.name = "Min", PT2_SYM_MIN, 1, ANY},
    {.name = "And", PT2_SYM_AND, 1, ANY},
    {.name = "Or", PT2_SYM_OR, 1, ANY},
    {.name = "Xor", PT2_SYM_XOR, 1, ANY},
    {.name = "Not", PT2_SYM_NOT, 1, 1},
    {.name = "Pow", PT2_SYM_POW, 2, 2},
    {.name = "PowByNatural", PT2_SYM_POW, 2, 2},
    {.name = "FloatPow", PT2_SYM_POW, 2, 2},
    {.name = "FloorDiv", PT2_SYM_FLOORDIV, 2, 2},
    {.name = "CleanDiv", PT2_SYM_FLOORDIV, 2, 2},
    {.name = "Mod", PT2_SYM_MOD, 2, 2},
    {.name = "PythonMod", PT2_SYM_MOD, 2, 2},
    {.name = "IntTrueDiv", PT2_SYM_TRUEDIV, 2, 2},
    {.name = "FloatTrueDiv", PT2_SYM_TRUEDIV, 2, 2},
    {.name = "TrueDiv", PT2_SYM_TRUEDIV, 2, 2},
    {.name = "LShift", PT2_SYM_LSHIFT, 2, 2},
    {.name = "RShift", PT2_SYM_RSHIFT, 2, 2},
    {.name = "Abs", PT2_SYM_ABS, 1, 1},
    {.name = "ToFloat", PT2_SYM_TO_FLOAT, 1, 1},
    {.name = "TruncToInt", PT2_SYM_TRUNC, 1, 1},
    {.name = "FloorToInt", PT2_SYM_FLOOR, 1, 1},
    {.name = "floor", PT2_SYM_FLOOR, 1, 1},
    {.name = "CeilToInt", PT2_SYM_CEIL, 1, 1},
    {.name = "ceiling", PT2_SYM_CEIL, 1, 1},
    {.name = "RoundToInt", PT2_SYM_ROUND, 1, 1},
    {.name = "TruncToFloat", PT2_SYM_TRUNC_FLOAT, 1, 1},
    {.name = "RoundDecimal", PT2_SYM_ROUND_DECIMAL, 2, 2},
    {.name = "sqrt", PT2_SYM_SQRT, 1, 1},
    {.name = "cos", PT2_SYM_COS, 1, 1},
    {.name = "cosh", PT2_SYM_COSH, 1, 1},
    {.name = "sin", PT2_SYM_SIN, 1, 1},
    {.name = "sinh", PT2_SYM_SINH, 1, 1},
    {.name = "tan", PT2_SYM_TAN, 1, 1},
    {.name = "tanh", PT2_SYM_TANH, 1, 1},
    {.name = "asin", PT2_SYM_ASIN, 1, 1},
    {.name = "acos", PT2_SYM_ACOS, 1, 1},
    {.name = "atan", PT2_SYM_ATAN, 1, 1},
    {.name = "exp", PT2_SYM_EXP, 1, 1},
    {.name = "log", PT2_SYM_LOG, 1, 1},
    {.name = "asinh", PT2_SYM_ASINH, 1, 1},
    {.name = "log2", PT2_SYM_LOG2, 1, 1},
    {.name = "Where", PT2_SYM_SELECT, 3, 3},
    {.name = "ITE", PT2_SYM_SELECT, 3, 3},
    {.name = "Equality", PT2_SYM_EQ, 2, 2},
    {.name = "Eq", PT2_SYM_EQ, 2, 2},
    {.name = "Unequality", PT2_SYM_NE, 2, 2},
    {.name = "Ne", PT2_SYM_NE, 2, 2},
    {.name = "StrictLessThan", PT2_SYM_LT, 2, 2},
    {.name = "LessThan", PT2_SYM_LE, 2, 2},
    {.name = "StrictGreaterThan", PT2_SYM_LT, 2, 2, .swapped = true},
    {.name = "GreaterThan", PT2_SYM_LE, 2, 2, .swapped = true},
    {.name = "BitwiseFn_bitwise_and", PT2_SYM_BIT_AND, 2, 2},
    {.name = "BitwiseFn_bitwise_or", PT2_SYM_BIT_OR, 2, 2},
    {.name = "BitwiseFn_bitwise_xor", PT2_SYM_BIT_XOR, 2, 2},
    {.name = "IsNonOverlappingAndDenseIndicator", PT2_SYM_DENSE_INDICATOR, 0, 2 * PT2_MAX_RANK},
};

static bool is_word(const char *w, size_t len, const char *text)
{
    return strlen(text) == len && !memcmp(w, text, len);
}

static const struct function *find_function(const char *name, size_t len)
{
    static const char prefix[] = "OpaqueUnaryFn_";
    if (len > sizeof prefix && !memcmp(name, prefix, sizeof prefix - 1)) {
        name += sizeof prefix - 1;
        len -= sizeof prefix - 1;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (is_word(name, len, functions[i].name))
            return &functions[i];
    return NULL;
}

static pt2_status parse_list_call(struct parser *p, const struct function *f, expr *out)
{
    items_t items = {0};
    skip_space(p);
    if (p->at < p->end && *p->at != ')')
        PT2_TRY(parse_items(p, &items));
    if (items.count < f->least || items.count > f->most)
        return fail(p, "wrong number of arguments");
    *out = f->swapped ? new_pair(p, f->op, items.data[1], items.data[0])
                      : new_call(p, f->op, items.data, items.count);
    return PT2_OK;
}

static pt2_status parse_call(struct parser *p, const char *name, size_t len, expr *out)
{
    const struct function *f = find_function(name, len);
    if (!f) {
        p->at = name;
        return fail(p, "unknown function");
    }
    PT2_TRY(f->parse ? f->parse(p, out) : parse_list_call(p, f, out));
    return expect(p, ")");
}

/* ---- infix ---- */

static pt2_status parse_word(struct parser *p, expr *out)
{
    static const struct { const char *text; double value; } numbers[] = {
        {"oo", INFINITY}, {"int_oo", INFINITY}, {"zoo", NAN}, {"nan", NAN},
        {"pi", 3.14159265358979323846}, {"E", 2.71828182845904523536}};
    const char *w;
    size_t len = word(p, &w);
    if (!len)
        return fail(p, "expected an expression");
    if (accept(p, "("))
        return parse_call(p, w, len, out);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (is_word(w, len, numbers[i].text)) {
            *out = new_float(p, numbers[i].value);
            return PT2_OK;
        }
    bool yes = is_word(w, len, "true") || is_word(w, len, "True");
    if (yes || is_word(w, len, "false") || is_word(w, len, "False")) {
        *out = new_int(p, PT2_SYM_BOOL, yes);
        return PT2_OK;
    }
    struct pt2_symexpr *e = leaf(p, PT2_SYM_NAME);
    e->name = pt2_arena_strndup(p->arena, w, len);
    *out = e;
    return PT2_OK;
}

static pt2_status parse_primary(struct parser *p, expr *out)
{
    skip_space(p);
    if (p->at < p->end && (isdigit((unsigned char)*p->at) || *p->at == '.'))
        return parse_number(p, out);
    if (!accept(p, "("))
        return parse_word(p, out);
    PT2_TRY(parse_expr(p, out));
    return expect(p, ")");
}

enum { POWER_LEVEL = 7, UNARY_LEVEL = 6 };

struct binary {
    const char *token;
    int level; /* higher binds tighter */
    enum pt2_sym_op op;
    bool nary, swapped;
};

/* Longer tokens first. Subtraction is a sum with a negated operand. */
static const struct binary binaries[] = {
    {"**", POWER_LEVEL, PT2_SYM_POW, false, false},
    {"//", 5, PT2_SYM_FLOORDIV, false, false},
    {"<=", 3, PT2_SYM_LE, false, false},
    {">=", 3, PT2_SYM_LE, false, true},
    {"==", 3, PT2_SYM_EQ, false, false},
    {"!=", 3, PT2_SYM_NE, false, false},
    {"*", 5, PT2_SYM_MUL, true, false},
    {"/", 5, PT2_SYM_TRUEDIV, false, false},
    {"%", 5, PT2_SYM_MOD, false, false},
    {"+", 4, PT2_SYM_ADD, true, false},
    {"-", 4, PT2_SYM_ADD, true, false},
    {"<", 3, PT2_SYM_LT, false, false},
    {">", 3, PT2_SYM_LT, false, true},
    {"&", 2, PT2_SYM_AND, true, false},
    {"^", 1, PT2_SYM_XOR, true, false},
    {"|", 0, PT2_SYM_OR, true, false},
};

static const struct binary *peek_binary(struct parser *p)
{
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        if (accept(p, binaries[i].token)) {
            p->at -= strlen(binaries[i].token);
            return &binaries[i];
        }
    return NULL;
}

static pt2_status parse_unary(struct parser *p, expr *out)
{
    bool minus = accept(p, "-"), not_ = !minus && accept(p, "~");
    if (!minus && !not_)
        return parse_primary(p, out);
    if (++p->depth > MAX_NESTING)
        return fail(p, "nested too deeply");
    /* -s**2 is -(s**2), while ~ binds tightest. */
    PT2_TRY(parse_binary(p, minus ? UNARY_LEVEL : POWER_LEVEL, out));
    p->depth--;
    *out = minus ? negate(p, *out) : new_call(p, PT2_SYM_NOT, out, 1);
    return PT2_OK;
}

/* The operands of "a + b - c" go into one sum: reads on while the operator has the same n-ary meaning. */
static pt2_status parse_chain(struct parser *p, const struct binary *b, expr *left)
{
    items_t items = {0};
    const struct binary *next = b;
    pt2_push(p->arena, &items, *left);
    do {
        expr right;
        p->at += strlen(next->token);
        PT2_TRY(parse_binary(p, next->level + 1, &right));
        pt2_push(p->arena, &items, *next->token == '-' ? negate(p, right) : right);
        next = peek_binary(p);
    } while (next && next->op == b->op);
    *left = new_call(p, b->op, items.data, items.count);
    return PT2_OK;
}

static pt2_status parse_pair(struct parser *p, const struct binary *b, expr *left)
{
    expr right;
    bool power = b->op == PT2_SYM_POW;
    p->at += strlen(b->token);
    if (++p->depth > MAX_NESTING)
        return fail(p, "nested too deeply");
    PT2_TRY(power ? parse_unary(p, &right) : parse_binary(p, b->level + 1, &right));
    if (power && peek_binary(p) && peek_binary(p)->op == PT2_SYM_POW) /* right associative */
        PT2_TRY(parse_pair(p, peek_binary(p), &right));
    p->depth--;
    *left = b->swapped ? new_pair(p, b->op, right, *left) : new_pair(p, b->op, *left, right);
    return PT2_OK;
}

/* Reads operators of level `lowest` and tighter. */
static pt2_status parse_binary(struct parser *p, int lowest, expr *out)
{
    const struct binary *b;
    PT2_TRY(parse_unary(p, out));
    while ((b = peek_binary(p)) && b->level >= lowest)
        PT2_TRY(b->nary ? parse_chain(p, b, out) : parse_pair(p, b, out));
    return PT2_OK;
}

pt2_status pt2_symexpr_parse(struct pt2_arena *arena, const char *text, size_t len, const struct pt2_symexpr **out_expr)
{
    struct parser p = {.arena = arena, .text = text, .at = text, .end = text + len};
    if (len > MAX_TEXT)
        return pt2_fail(PT2_ERR_FORMAT, "expression of %zu bytes", len);
    PT2_TRY(parse_expr(&p, out_expr));
    skip_space(&p);
    if (p.at != p.end)
        return fail(&p, "unexpected text");
    /* "a//b//c" and Piecewise deepen the tree without nesting the text */
    return (*out_expr)->height > MAX_NESTING ? fail(&p, "nested too deeply") : PT2_OK;
}
