/* SPDX-License-Identifier: MIT
 * Text to expressions, by recursive descent: comparison, sum, product, operand. Everything is built by the
 * simplifying constructors. */
#include "expr/parse.h"
#include "expr/internal.h"

#include <ctype.h>
#include <stdlib.h>

enum { MAX_DEPTH = 800, MAX_ARGS = PT2_MAX_RANK + 1 };

/* ---- words ---- */

static bool is_ident(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

static void skip_blanks(struct pt2_reader *r)
{
    for (;; r->at++) {
        if (*r->at == '#')
            while (r->at[1] && r->at[1] != '\n')
                r->at++;
        else if (*r->at == '\n')
            r->line++;
        else if (!isspace((unsigned char)*r->at))
            return;
    }
}

void pt2_read_fail(struct pt2_reader *r, const char *what)
{
    char next[24];
    int line = r->line;
    skip_blanks(r);
    size_t n = strcspn(r->at, "\n");
    n = n < sizeof next - 1 ? n : sizeof next - 1;
    memcpy(next, r->at, n);
    next[n] = 0;
    if (r->status == PT2_OK)
        r->status = pt2_fail(PT2_ERR_FORMAT, "line %d: expected %s before '%s'", line, what, next);
}

bool pt2_read_word(struct pt2_reader *r, const char *word)
{
    size_t n = strlen(word);
    const char *at = r->at;
    int line = r->line;
    skip_blanks(r);
    if (r->status == PT2_OK && !strncmp(r->at, word, n) &&
        !(isalnum((unsigned char)word[n - 1]) && is_ident(r->at[n]))) {
        r->at += n;
        return true;
    }
    r->at = at; /* errors tell the line of what was read last */
    r->line = line;
    return false;
}

void pt2_read_expect(struct pt2_reader *r, const char *word)
{
    if (!pt2_read_word(r, word))
        pt2_read_fail(r, word);
}

bool pt2_read_end(struct pt2_reader *r)
{
    skip_blanks(r);
    return *r->at == 0;
}

/* The digits at `at`; false when there are none or they do not fit. */
static bool digits(const char *at, const char **out_end, uint64_t *out)
{
    const char *start = at;
    uint64_t n = 0;
    for (; isdigit((unsigned char)*at); at++)
        if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
            return false;
    *out_end = at;
    *out = n;
    return at > start;
}

bool pt2_read_numbered(struct pt2_reader *r, char letter, int64_t *out_number)
{
    const char *end;
    uint64_t n;
    skip_blanks(r);
    if (r->status != PT2_OK || *r->at != letter || !digits(r->at + 1, &end, &n) || is_ident(*end) || *end == '(' ||
        n > INT32_MAX)
        return false;
    r->at = end;
    *out_number = (int64_t)n;
    return true;
}

bool pt2_read_number_next(struct pt2_reader *r)
{
    skip_blanks(r);
    return r->status == PT2_OK && isdigit((unsigned char)r->at[*r->at == '-']);
}

int64_t pt2_read_int(struct pt2_reader *r)
{
    const char *end;
    uint64_t n;
    skip_blanks(r);
    bool minus = *r->at == '-';
    if (r->status != PT2_OK || !digits(r->at + minus, &end, &n)) {
        pt2_read_fail(r, "a number");
        return 0;
    }
    r->at = end;
    return (int64_t)(minus ? 0 - n : n);
}

double pt2_read_float(struct pt2_reader *r)
{
    char *end;
    skip_blanks(r);
    double f = strtod(r->at, &end);
    if (r->status != PT2_OK || end == r->at) {
        pt2_read_fail(r, "a number");
        return 0;
    }
    r->at = end;
    return f;
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *read_quoted(struct pt2_reader *r)
{
    struct pt2_str s = { 0 };
    const char *p = r->at + 1;
    for (; *p && *p != '"' && *p != '\n'; p++) {
        char c = *p;
        if (c == '\\' && p[1] == 'x' && hex(p[2]) >= 0 && hex(p[3]) >= 0 && hex(p[2]) + hex(p[3]) > 0) {
            c = (char)(hex(p[2]) * 16 + hex(p[3]));
            p += 3;
        }
        pt2_str_add_n(&s, &c, 1);
    }
    const char *name = pt2_arena_strdup(&r->E->arena, pt2_str_text(&s));
    pt2_str_free(&s);
    if (*p != '"')
        pt2_read_fail(r, "a closing quote");
    else
        r->at = p + 1;
    return name;
}

void pt2_str_quote(struct pt2_str *out, const char *text)
{
    pt2_str_add(out, "\"");
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
            pt2_str_addf(out, "\\x%02x", (unsigned)(unsigned char)*text);
        else
            pt2_str_add_n(out, text, 1);
    pt2_str_add(out, "\"");
}

bool pt2_is_plain_name(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    while (is_ident(*name))
        name++;
    return *name == 0;
}

bool pt2_is_plain_symbol(const char *name)
{
    bool numbered = strchr("ivprt", name[0]) && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
    return pt2_is_plain_name(name) && !numbered && strcmp(name, "true") != 0 && strcmp(name, "false") != 0 &&
           strncmp(name, "inf", 3) != 0 && strncmp(name, "nan", 3) != 0;
}

static const char *read_ident(struct pt2_reader *r)
{
    const char *start = r->at;
    if (isdigit((unsigned char)*start))
        return "";
    while (is_ident(*r->at))
        r->at++;
    return pt2_arena_strndup(&r->E->arena, start, (size_t)(r->at - start));
}

const char *pt2_read_name(struct pt2_reader *r)
{
    skip_blanks(r);
    if (r->status != PT2_OK)
        return "";
    if (*r->at == '"')
        return read_quoted(r);
    const char *name = read_ident(r);
    if (!*name)
        pt2_read_fail(r, "a name");
    return name;
}

/* ---- operands ---- */

static pt2_ex zero(struct pt2_reader *r, const char *expected)
{
    if (expected)
        pt2_read_fail(r, expected);
    return pt2_idx(r->E, 0);
}

/* The expression type of a name of `len` characters; -1 when there is none. */
static int type_of(const char *name, size_t len)
{
    for (int t = 0; t <= PT2_IDX; t++)
        if (strlen(pt2_expr_type_name(t)) == len && !memcmp(pt2_expr_type_name(t), name, len) && *name != '?')
            return t;
    return -1;
}

/* 3, 3i64, -1.5f32 */
static pt2_ex read_number(struct pt2_reader *r)
{
    const char *start = r->at, *p = start + (*start == '-');
    bool fraction = false;
    while (isdigit((unsigned char)*p))
        p++;
    if (*p == '.' || *p == 'e') {
        char *end;
        fraction = true;
        (void)strtod(start, &end);
        p = end;
    }
    const char *suffix = p;
    while (isalnum((unsigned char)*p))
        p++;
    int type = p == suffix ? PT2_IDX : type_of(suffix, (size_t)(p - suffix));
    bool flt = type >= 0 && pt2_is_float_type(type);
    if (type < 0 || type == PT2_BOOL || (fraction && !flt))
        return zero(r, "a type after the number");
    if (flt) {
        double f = strtod(start, NULL); /* stops at the suffix */
        r->at = p;
        return pt2_num(r->E, type, f);
    }
    int64_t i = pt2_read_int(r);
    r->at = r->status == PT2_OK ? p : r->at;
    return pt2_int(r->E, type, i);
}

static int read_args(struct pt2_reader *r, const char *close, pt2_ex *args)
{
    int n = 0;
    if (pt2_read_word(r, close))
        return 0;
    do {
        if (n == MAX_ARGS) {
            pt2_read_fail(r, close);
            return n;
        }
        args[n++] = pt2_read_expr(r);
    } while (pt2_read_word(r, ","));
    pt2_read_expect(r, close);
    return n;
}

/* The types that an operator takes. */
static bool takes(int op, int type)
{
    bool flt = pt2_is_float_type(type);
    if (op == PT2_E_CHECK || op == PT2_E_RANDOM)
        return type == PT2_IDX;
    if ((op >= PT2_E_DIV && op <= PT2_E_ZETA) || op == PT2_E_ISNAN)
        return flt;
    if (op >= PT2_E_AND && op <= PT2_E_NOT)
        return !flt;
    if (op == PT2_E_SHL || op == PT2_E_SHR || op == PT2_E_GCD)
        return !flt && type != PT2_BOOL;
    return true;
}

static pt2_ex binary(struct pt2_reader *r, int op, pt2_ex a, pt2_ex b)
{
    if (r->status != PT2_OK)
        return zero(r, NULL);
    if (a->dtype != b->dtype || !takes(op, a->dtype))
        return zero(r, "operands of one type that the operator takes");
    return pt2_bin(r->E, (enum pt2_expr_op)op, a, b);
}

static const int8_t arities[] = {
#define X(name, arity, text) [PT2_E_##name] = arity,
    PT2_EXPR_OPS(X)
#undef X
};

static pt2_ex apply(struct pt2_reader *r, int op, int n, const pt2_ex *args)
{
    if (n != (arities[op] < 0 ? 2 : arities[op]))
        return zero(r, "another number of operands");
    if (op == PT2_E_SELECT) {
        if (args[0]->dtype != PT2_BOOL || args[1]->dtype != args[2]->dtype)
            return zero(r, "select(bool, T, T)");
        return pt2_select(r->E, args[0], args[1], args[2]);
    }
    if (n == 2)
        return binary(r, op, args[0], args[1]);
    return takes(op, args[0]->dtype) ? pt2_un(r->E, (enum pt2_expr_op)op, args[0]) : zero(r, "another type");
}

static pt2_ex bitcast(struct pt2_reader *r, int type, pt2_ex a)
{
    if (a->dtype == PT2_IDX || type == PT2_IDX ||
        pt2_dtype_size((pt2_dtype)type) != pt2_dtype_size((pt2_dtype)a->dtype))
        return zero(r, "a type of the same size");
    return pt2_bitcast(r->E, type, a);
}

static pt2_ex call(struct pt2_reader *r, const char *name)
{
    pt2_ex args[MAX_ARGS];
    int n = read_args(r, ")", args), type = type_of(name, strlen(name));
    if (r->status != PT2_OK)
        return zero(r, NULL);
    if (type >= 0 && n == 1)
        return pt2_cast(r->E, type, args[0]);
    if (!strncmp(name, "bits_", 5) && n == 1 && (type = type_of(name + 5, strlen(name + 5))) >= 0)
        return bitcast(r, type, args[0]);
    if (!strncmp(name, "round_", 6) && n == 1 && pt2_is_float_type(args[0]->dtype) &&
        pt2_dtype_is_float(pt2_dtype_from_name(name + 6)))
        return pt2_roundto(r->E, pt2_dtype_from_name(name + 6), args[0]);
    for (int op = PT2_E_NEG; op < PT2_E_COUNT; op++)
        if (!strcmp(name, pt2_expr_op_name((enum pt2_expr_op)op)))
            return apply(r, op, n, args);
    return zero(r, "a known function");
}

static pt2_ex constant_word(struct pt2_reader *r, const char *name, bool minus)
{
    int type = strlen(name) == 6 ? type_of(name + 3, 3) : -1;
    if (!minus && (!strcmp(name, "true") || !strcmp(name, "false")))
        return pt2_int(r->E, PT2_BOOL, name[0] == 't');
    if (type >= 0 && pt2_is_float_type(type) && !strncmp(name, "inf", 3))
        return pt2_num(r->E, type, minus ? -__builtin_inf() : __builtin_inf());
    if (type >= 0 && pt2_is_float_type(type) && !minus && !strncmp(name, "nan", 3))
        return pt2_num(r->E, type, (double)__builtin_nanf(""));
    return NULL;
}

static pt2_ex symbol(struct pt2_reader *r, const char *name)
{
    if (r->status == PT2_OK && !pt2_map_get(&r->E->symbol_ids, name))
        return zero(r, "a declared symbol");
    return r->status == PT2_OK ? pt2_sym(r->E, pt2_symbol(r->E, name)) : zero(r, NULL);
}

static pt2_ex read_load(struct pt2_reader *r, int64_t id)
{
    pt2_ex args[MAX_ARGS];
    pt2_read_expect(r, "[");
    int n = read_args(r, "]", args);
    if (r->status != PT2_OK || !r->load)
        return zero(r, "no value");
    return r->load(r, id, n, args);
}

static pt2_ex read_word_operand(struct pt2_reader *r)
{
    int64_t k;
    if (pt2_read_numbered(r, 'i', &k))
        return k < r->num_vars ? pt2_var(r->E, (int)k, r->extents[k]) : zero(r, "a variable of this node");
    if (pt2_read_numbered(r, 'v', &k))
        return read_load(r, k);
    if (pt2_read_numbered(r, 't', &k))
        return k < r->names.count ? r->names.data[k] : zero(r, "a name defined before");
    const char *name = read_ident(r);
    if (!*name)
        return zero(r, "an expression");
    pt2_ex c = constant_word(r, name, false);
    if (c)
        return c;
    return pt2_read_word(r, "(") ? call(r, name) : symbol(r, name);
}

static pt2_ex operand(struct pt2_reader *r)
{
    skip_blanks(r);
    if (r->status != PT2_OK)
        return zero(r, NULL);
    if (*r->at == '"')
        return symbol(r, pt2_read_name(r));
    if (isdigit((unsigned char)r->at[*r->at == '-']))
        return read_number(r);
    if (pt2_read_word(r, "(")) {
        pt2_ex e = pt2_read_expr(r);
        pt2_read_expect(r, ")");
        return e;
    }
    if (pt2_read_word(r, "-")) {
        pt2_ex c = constant_word(r, read_ident(r), true);
        return c ? c : zero(r, "a number after '-'");
    }
    return read_word_operand(r);
}

/* ---- operators ---- */

static pt2_ex product(struct pt2_reader *r)
{
    pt2_ex e = operand(r);
    while (r->status == PT2_OK) {
        int op = pt2_read_word(r, "*") ? PT2_E_MUL : pt2_read_word(r, "//") ? PT2_E_FLOORDIV :
                 pt2_read_word(r, "/") ? PT2_E_DIV : pt2_read_word(r, "%") ? PT2_E_FLOORMOD : -1;
        if (op < 0)
            break;
        e = binary(r, op, e, operand(r));
    }
    return e;
}

/* A sum of indices is built at once: part by part, parts would be recombined. */
static pt2_ex index_sum(struct pt2_reader *r, pt2_ex first)
{
    struct pt2_sum s = { 0 };
    bool fits = pt2_sum_add(r->E, &s, 1, first);
    while (r->status == PT2_OK && fits) {
        int sign = pt2_read_word(r, "+") ? 1 : pt2_read_word(r, "-") ? -1 : 0;
        if (!sign)
            break;
        pt2_ex e = product(r);
        if (e->dtype != PT2_IDX)
            return zero(r, "a sum of one type");
        fits = pt2_sum_add(r->E, &s, sign, e);
    }
    return fits ? pt2_sum_build(r->E, &s) : zero(r, "a shorter sum");
}

static pt2_ex sum(struct pt2_reader *r)
{
    pt2_ex e = product(r);
    if (e->dtype == PT2_IDX)
        return index_sum(r, e);
    while (r->status == PT2_OK) {
        int op = pt2_read_word(r, "+") ? PT2_E_ADD : pt2_read_word(r, "-") ? PT2_E_SUB : -1;
        if (op < 0)
            break;
        e = binary(r, op, e, product(r));
    }
    return e;
}

static pt2_ex comparison(struct pt2_reader *r)
{
    pt2_ex e = sum(r);
    while (r->status == PT2_OK) {
        int op = pt2_read_word(r, "<=") ? PT2_E_LE : pt2_read_word(r, "<") ? PT2_E_LT :
                 pt2_read_word(r, "==") ? PT2_E_EQ : pt2_read_word(r, "!=") ? PT2_E_NE : -1;
        if (op < 0)
            break;
        e = binary(r, op, e, sum(r));
    }
    return e;
}

/* { t0 = …; t1 = …; expression } */
static pt2_ex block(struct pt2_reader *r)
{
    int64_t k;
    for (;;) {
        struct pt2_reader saved = *r;
        if (!pt2_read_numbered(r, 't', &k) || !pt2_read_word(r, "=") || *r->at == '=' || k != saved.names.count) {
            *r = saved;
            break;
        }
        pt2_ex e = comparison(r);
        pt2_push(&r->E->arena, &r->names, e);
        pt2_read_expect(r, ";");
        if (r->status != PT2_OK)
            break;
    }
    pt2_ex e = comparison(r);
    pt2_read_expect(r, "}");
    r->names.count = 0;
    return e;
}

pt2_ex pt2_read_expr(struct pt2_reader *r)
{
    if (r->depth >= MAX_DEPTH)
        return zero(r, "less nesting");
    r->depth++;
    pt2_ex e = r->depth == 1 && pt2_read_word(r, "{") ? block(r) : comparison(r);
    r->depth--;
    return e;
}
