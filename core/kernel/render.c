/* SPDX-License-Identifier: MIT
 * Stages to text in the dialect of shaders/README.md. A node that is used once is written where it is used; one that is
 * used more often, or whose text is too deep for drivers' compilers, gets a variable, declared at the outermost loop at
 * which all it needs is known. */
#include "expr/internal.h"
#include "kernel/attention.h"
#include "kernel/render.h"
#include "kernel/rows.h"
#include "plan/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Expressions inside of each other. Compilers make a branch of a condition: one loses count of its branches' nesting
 * beyond 80, of which functions and loops need some; another reads 256 brackets at most. */
enum { MAX_DEPTH = 32 };

/* ---- types ---- */

static bool wide(int dtype) { return dtype == PT2_I64 || dtype == PT2_U64; }

/* Bits of integer types that compute in int but are narrower; 0 for the others. */
static int narrow_bits(int dtype)
{
    return dtype == PT2_U8 || dtype == PT2_I8 ? 8 : dtype == PT2_U16 || dtype == PT2_I16 ? 16 : 0;
}

/* ---- expressions ---- */

static void expr(struct render *r, pt2_ex e);

static void text(struct render *r, const char *s) { pt2_str_add(&r->out, s); }

static void call(struct render *r, const char *name, const char *suf, int n, const pt2_ex *args)
{
    pt2_str_addf(&r->out, "pt_%s_%s(", name, suf);
    for (int k = 0; k < n; k++) {
        if (k)
            text(r, ", ");
        expr(r, args[k]);
    }
    text(r, ")");
}

static void infix(struct render *r, const char *op, int n, const pt2_ex *args)
{
    text(r, "(");
    for (int k = 0; k < n; k++) {
        if (k)
            text(r, op);
        expr(r, args[k]);
    }
    text(r, ")");
}

static void float_const(struct render *r, int dtype, double f)
{
    char s[64];
    if (f != f || f - f != 0) {
        pt2_str_addf(&r->out, "%spt_%s_%s()", f < 0 ? "-" : "", f != f ? "nan" : "inf", pt2_suffix(dtype));
        return;
    }
    snprintf(s, sizeof s, "%.*g", dtype == PT2_F32 ? 9 : 17, f);
    if (!strpbrk(s, ".e"))
        strncat(s, ".0", sizeof s - strlen(s) - 1);
    if (dtype == PT2_F64)
        pt2_str_addf(&r->out, "pt_lit_f64(%s)", s);
    else
        pt2_str_addf(&r->out, "%s%sf%s", s[0] == '-' ? "(" : "", s, s[0] == '-' ? ")" : "");
}

static void constant(struct render *r, pt2_ex e)
{
    if (pt2_is_float_type(e->dtype))
        float_const(r, e->dtype, e->f);
    else if (e->dtype == PT2_BOOL)
        text(r, e->i ? "true" : "false");
    else if (wide(e->dtype))
        pt2_str_addf(&r->out, "pt_lit_%s(%d, 0x%xu)", pt2_suffix(e->dtype), (int)(e->i >> 32),
                     (unsigned)(e->i & 0xffffffff));
    else if (e->dtype == PT2_U32)
        pt2_str_addf(&r->out, "%uu", (unsigned)e->i);
    else if (e->i == INT32_MIN)
        text(r, "(-2147483647 - 1)");
    else
        pt2_str_addf(&r->out, e->i < 0 ? "(%lld)" : "%lld", (long long)e->i);
}

static void parameter(struct render *r, pt2_ex e)
{
    long long k = e->i;
    if (wide(e->dtype))
        pt2_str_addf(&r->out, "pt_lit_%s(P(%lld), pt_cvt_i32_u32(P(%lld)))", pt2_suffix(e->dtype), k, k + 1);
    else
        pt2_str_addf(&r->out, "P(%lld)", k);
}

static void wrapped_open(struct render *r, int dtype)
{
    int bits = narrow_bits(dtype);
    if (bits)
        text(r, dtype == PT2_U8 || dtype == PT2_U16 ? "(" : "((");
}

static void wrapped_close(struct render *r, int dtype)
{
    int bits = narrow_bits(dtype);
    if (!bits)
        return;
    if (dtype == PT2_U8 || dtype == PT2_U16)
        pt2_str_addf(&r->out, " & %d)", (1 << bits) - 1);
    else
        pt2_str_addf(&r->out, " << %d) >> %d)", 32 - bits, 32 - bits);
}

static void cast(struct render *r, pt2_ex e)
{
    const char *from = pt2_suffix(e->args[0]->dtype), *to = pt2_suffix(e->dtype);
    wrapped_open(r, e->dtype);
    if (!strcmp(from, to))
        expr(r, e->args[0]);
    else
        pt2_str_addf(&r->out, "pt_cvt_%s_%s(", from, to), expr(r, e->args[0]), text(r, ")");
    wrapped_close(r, e->dtype);
}

static bool is_shift(pt2_ex e) { return !wide(e->dtype) && (e->op == PT2_E_SHL || e->op == PT2_E_SHR); }

/* Shift counts outside the width give 0, or the sign when shifting right. */
static void shift(struct render *r, pt2_ex e)
{
    int bits = narrow_bits(e->dtype) ? narrow_bits(e->dtype) : 32;
    const char *unsig = e->dtype == PT2_U32 ? "u" : "";
    bool left = e->op == PT2_E_SHL;
    text(r, "(");
    if (e->dtype != PT2_U32) {
        text(r, "(");
        expr(r, e->args[1]);
        text(r, ") >= 0 && ");
    }
    text(r, "(");
    expr(r, e->args[1]);
    pt2_str_addf(&r->out, ") < %d%s ? (", bits, unsig);
    expr(r, e->args[0]);
    text(r, left ? ") << (" : ") >> (");
    expr(r, e->args[1]);
    if (left || e->dtype == PT2_U32) {
        pt2_str_addf(&r->out, ") : 0%s)", unsig);
    } else {
        text(r, ") : ((");
        expr(r, e->args[0]);
        text(r, ") < 0 ? -1 : 0))");
    }
}

static void bool_op(struct render *r, pt2_ex e)
{
    const char *op = NULL;
    switch (e->op) {
    case PT2_E_AND: case PT2_E_MIN: case PT2_E_MUL: op = " && "; break;
    case PT2_E_OR: case PT2_E_MAX: case PT2_E_ADD: op = " || "; break;
    default: op = " != "; break; /* XOR, SUB */
    }
    infix(r, op, 2, e->args);
}

static void compare(struct render *r, pt2_ex e)
{
    static const char *const ops[] = {
        [PT2_E_LT] = " < ", [PT2_E_LE] = " <= ", [PT2_E_EQ] = " == ", [PT2_E_NE] = " != "
    };
    int t = e->args[0]->dtype;
    if (wide(t)) {
        call(r, pt2_expr_op_name((enum pt2_expr_op)e->op), pt2_suffix(t), 2, e->args);
    } else if (t == PT2_BOOL && (e->op == PT2_E_LT || e->op == PT2_E_LE)) {
        text(r, "(!(");
        expr(r, e->args[0]);
        text(r, e->op == PT2_E_LT ? ") && " : ") || ");
        expr(r, e->args[1]);
        text(r, ")");
    } else {
        infix(r, ops[e->op], 2, e->args);
    }
}

static const char *plain_operator(pt2_ex e)
{
    bool flt = pt2_is_float_type(e->dtype);
    switch (e->op) {
    case PT2_E_ADD: return " + ";
    case PT2_E_SUB: return " - ";
    case PT2_E_MUL: return " * ";
    case PT2_E_DIV: return " / ";
    case PT2_E_AND: return " & ";
    case PT2_E_OR: return " | ";
    case PT2_E_XOR: return " ^ ";
    case PT2_E_FLOORDIV: return !flt && e->dtype != PT2_U32 && e->args[0]->lo >= 0 && e->args[1]->lo > 0 ? " / " : NULL;
    case PT2_E_FLOORMOD: return !flt && e->dtype != PT2_U32 && e->args[0]->lo >= 0 && e->args[1]->lo > 0 ? " % " : NULL;
    default: return NULL;
    }
}

/* Divisions that some devices do one by one have words of their own; compilers know divisions by constants. */
static bool divides(pt2_ex e)
{
    const char *op = plain_operator(e);
    return op && (e->op == PT2_E_FLOORDIV || e->op == PT2_E_FLOORMOD) && !pt2_is_const(e->args[1]);
}

static void divide(struct render *r, pt2_ex e)
{
    text(r, e->op == PT2_E_FLOORDIV ? "pt_quotient(" : "pt_remainder(");
    expr(r, e->args[0]);
    text(r, ", ");
    expr(r, e->args[1]);
    text(r, ")");
}

/* x * 0 and x - x are NaN for an infinite x, but some drivers fold them to 0. */
static bool is_zero_or_nan(pt2_ex e)
{
    if (e->dtype != PT2_F32 || e->num_args != 2)
        return false;
    return (e->op == PT2_E_MUL && pt2_is_const(e->args[1]) && e->args[1]->f == 0) ||
           (e->op == PT2_E_SUB && e->args[0] == e->args[1]);
}

/* Integers that are data wrap, which C does not promise for signed ones; indices do not overflow. */
static bool wraps(pt2_ex e)
{
    bool sum = e->op == PT2_E_ADD || e->op == PT2_E_SUB || e->op == PT2_E_MUL || e->op == PT2_E_NEG;
    return sum && (e->dtype == PT2_I32 || narrow_bits(e->dtype));
}

/* Several index operands in one sum or product: written from left to right. */
static void arithmetic(struct render *r, pt2_ex e)
{
    const char *op = plain_operator(e);
    wrapped_open(r, e->dtype);
    if (is_shift(e))
        shift(r, e);
    else if (is_zero_or_nan(e))
        call(r, "mul0", "f32", 1, e->args);
    else if (divides(e))
        divide(r, e);
    else if (op && !wraps(e))
        infix(r, op, e->num_args, e->args);
    else
        call(r, pt2_expr_op_name((enum pt2_expr_op)e->op), pt2_suffix(e->dtype), e->num_args, e->args);
    wrapped_close(r, e->dtype);
}

static void unary_minus_or_not(struct render *r, pt2_ex e)
{
    const char *op = e->op == PT2_E_NEG ? "(-" : e->dtype == PT2_BOOL ? "(!" : "(~";
    wrapped_open(r, e->dtype);
    text(r, op);
    expr(r, e->args[0]);
    text(r, ")");
    wrapped_close(r, e->dtype);
}

static void select(struct render *r, pt2_ex e)
{
    text(r, "(");
    expr(r, e->args[0]);
    text(r, " ? ");
    expr(r, e->args[1]);
    text(r, " : ");
    expr(r, e->args[2]);
    text(r, ")");
}

/* The LOAD as a part of four neighbours; NULL: it stands alone. */
static const struct pt2_quad *quad_of(const struct render *r, pt2_ex e)
{
    for (uint32_t k = 0; e->op == PT2_E_LOAD && r->k->rows && k < r->k->rows->quads.count; k++)
        if (r->k->rows->quads.data[k].element == e)
            return &r->k->rows->quads.data[k];
    return NULL;
}

static void load(struct render *r, pt2_ex e)
{
    const struct pt2_quad *quad = quad_of(r, e);
    if (quad) {
        pt2_str_addf(&r->out, "q%u.%c", r->uses[quad->first->id].name, "xyzw"[quad->part]);
        return;
    }
    const struct pt2_kernel_buf *b = &r->k->bufs[e->i];
    pt2_str_addf(&r->out, "pt_%s_%s(b%lld, ", b->fetched ? "fetch" : "ld", pt2_storage_name(b->dtype), (long long)e->i);
    expr(r, e->args[0]);
    text(r, ")");
}

static void bitcast(struct render *r, pt2_ex e)
{
    pt2_str_addf(&r->out, "pt_bits_%s_%s(", pt2_suffix(e->args[0]->dtype), pt2_suffix(e->dtype));
    expr(r, e->args[0]);
    text(r, ")");
}

static void write_node(struct render *r, pt2_ex e)
{
    switch (e->op) {
    case PT2_E_CONST: constant(r, e); return;
    case PT2_E_VAR:
        if (e->i == 0)
            text(r, "point");
        else
            pt2_str_addf(&r->out, "i%lld", (long long)e->i);
        return;
    case PT2_E_PARAM: parameter(r, e); return;
    case PT2_E_REG: pt2_str_addf(&r->out, "r%lld", (long long)e->i); return;
    case PT2_E_LOAD: load(r, e); return;
    case PT2_E_CAST: cast(r, e); return;
    case PT2_E_BITCAST: bitcast(r, e); return;
    case PT2_E_ROUNDTO: call(r, "round", pt2_storage_name((pt2_dtype)e->i), 1, e->args); return;
    case PT2_E_SELECT: select(r, e); return;
    case PT2_E_LT: case PT2_E_LE: case PT2_E_EQ: case PT2_E_NE: compare(r, e); return;
    case PT2_E_ISNAN: call(r, "isnan", pt2_suffix(e->args[0]->dtype), 1, e->args); return;
    case PT2_E_CHECK:
        text(r, "pt_check(");
        expr(r, e->args[0]);
        text(r, ", ");
        expr(r, e->args[1]);
        text(r, ")");
        return;
    case PT2_E_RANDOM:
        text(r, "pt_random(");
        expr(r, e->args[0]);
        text(r, ", ");
        expr(r, e->args[1]);
        text(r, ")");
        return;
    default: break;
    }
    if ((e->op == PT2_E_NEG || e->op == PT2_E_NOT) && !wide(e->dtype) && !wraps(e))
        unary_minus_or_not(r, e);
    else if (e->dtype == PT2_BOOL && e->num_args == 2)
        bool_op(r, e);
    else if (wide(e->dtype) || (e->num_args == 1 && !wraps(e)))
        call(r, pt2_expr_op_name((enum pt2_expr_op)e->op), pt2_suffix(e->dtype), e->num_args, e->args);
    else
        arithmetic(r, e);
}

static void expr(struct render *r, pt2_ex e)
{
    if (r->uses[e->id].name && !quad_of(r, e))
        pt2_str_addf(&r->out, "t%u", r->uses[e->id].name);
    else
        write_node(r, e);
}

/* ---- naming what is used more than once ---- */

static bool leaf(const struct render *r, pt2_ex e)
{
    return quad_of(r, e) || e->op == PT2_E_CONST || e->op == PT2_E_VAR || e->op == PT2_E_PARAM || e->op == PT2_E_REG ||
           e->op == PT2_E_SYM;
}

/* Counts uses and finds levels; nodes met for the first time go to `order`, arguments first. */
static void count(struct render *r, pt2_ex e, pt2_ex *order, uint32_t *n)
{
    struct use *u = &r->uses[e->id];
    if (u->count++ > 0 || u->name)
        return;
    u->level = e->op == PT2_E_VAR ? r->axis_level[e->i] : e->op == PT2_E_REG ? r->reg_level : 0;
    if (is_shift(e)) /* writes its operands several times */
        for (int k = 0; k < 2; k++)
            count(r, e->args[k], order, n);
    const struct pt2_quad *quad = quad_of(r, e);
    if (quad && quad->part) {
        count(r, quad->first, order, n);
        u->level = r->uses[quad->first->id].level;
    } else if (e->op != PT2_E_VAR)
        for (int k = 0; k < e->num_args; k++) {
            count(r, e->args[k], order, n);
            if (r->uses[e->args[k]->id].level > u->level)
                u->level = r->uses[e->args[k]->id].level;
        }
    order[(*n)++] = e;
}

/* Four neighbours, where the index of the first is known: "pt_f32x4 q7 = pt_ld4_f32(b0, index);" */
static void name_quad(struct render *r, pt2_ex e)
{
    const char *type = pt2_storage_name(r->k->bufs[e->i].dtype);
    pt2_str_addf(&r->out, "pt_%sx4 q%u = pt_ld4_%s(b%lld, ", type, ++r->names, type, (long long)e->i);
    expr(r, e->args[0]);
    text(r, ");\n");
}

static void indent(struct render *r)
{
    for (int k = 0; k < r->indent; k++)
        text(r, "    ");
}

static void line(struct render *r, const char *fmt, ...) PT2_PRINTF(2, 3);
static void line(struct render *r, const char *fmt, ...)
{
    char s[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s, sizeof s, fmt, ap);
    va_end(ap);
    indent(r);
    text(r, s);
    text(r, "\n");
}

/* Something expensive enough to be kept when a loop inside would repeat it. */
static bool worth_hoisting(const struct render *r, pt2_ex e, int inner)
{
    return r->uses[e->id].level < inner && !leaf(r, e);
}

/* The depth of what is written inside of e; its arguments' are known. */
static int depth_inside(const struct render *r, pt2_ex e)
{
    int depth = 0;
    for (int k = 0; k < e->num_args && !leaf(r, e); k++)
        if (r->uses[e->args[k]->id].depth > depth)
            depth = r->uses[e->args[k]->id].depth;
    return depth;
}

/* Loops inside use it as a part of what they compute. */
static bool feeds_deeper(const struct render *r, const struct body *b, uint32_t at, int level)
{
    for (uint32_t j = at + 1; j < b->n; j++)
        if (r->uses[b->order[j]->id].level > level && b->order[j]->op != PT2_E_VAR)
            for (int a = 0; a < b->order[j]->num_args; a++)
                if (b->order[j]->args[a] == b->order[at])
                    return true;
    return false;
}

/* Whether the expression at this place of the body gets a variable. */
static bool has_name(const struct render *r, const struct body *b, uint32_t at, int level, int innermost)
{
    pt2_ex e = b->order[at];
    const struct use *u = &r->uses[e->id];
    if (u->count > 1 || u->depth >= MAX_DEPTH)
        return true;
    return level < innermost && worth_hoisting(r, e, innermost) && feeds_deeper(r, b, at, level);
}

static void name_level(struct render *r, const struct body *b, int level, int innermost)
{
    for (uint32_t k = 0; k < b->n; k++) {
        pt2_ex e = b->order[k];
        struct use *u = &r->uses[e->id];
        const struct pt2_quad *quad = quad_of(r, e);
        if (u->level == level && !u->name && quad && quad->part == 0) {
            indent(r);
            name_quad(r, e);
            u->name = r->names;
        }
        if (u->level != level || u->name || leaf(r, e))
            continue;
        u->depth = 1 + depth_inside(r, e);
        if (!has_name(r, b, k, level, innermost))
            continue;
        indent(r);
        pt2_str_addf(&r->out, "%s t%u = ", pt2_c_type(e->dtype), ++r->names);
        write_node(r, e);
        text(r, ";\n");
        u->name = r->names;
        u->depth = 0;
    }
}

/* Names of this stage end with its scope; those of level 0 are declared in the kernel's scope and stay. */
static void forget(struct render *r, const struct body *b, bool keep_points)
{
    for (uint32_t k = 0; k < b->n; k++) {
        struct use *u = &r->uses[b->order[k]->id];
        bool stays = keep_points && u->level == 0;
        *u = (struct use){ .name = stays ? u->name : 0 };
    }
}

/* ---- loops ---- */

static void open_loop(struct render *r, const struct pt2_stage *s, int k)
{
    indent(r);
    if (s->reverse) {
        pt2_str_addf(&r->out, "LOOP for (int i%d = ", k + 1);
        expr(r, s->loops[k]);
        pt2_str_addf(&r->out, " - 1; i%d >= 0; i%d--) {\n", k + 1, k + 1);
    } else {
        pt2_str_addf(&r->out, "LOOP for (int i%d = 0; i%d < ", k + 1, k + 1);
        expr(r, s->loops[k]);
        pt2_str_addf(&r->out, "; i%d++) {\n", k + 1);
    }
    r->indent++;
}

static void open_loops(struct render *r, const struct pt2_stage *s, const struct body *b)
{
    name_level(r, b, 0, s->num_loops);
    for (int k = 0; k < s->num_loops; k++) {
        open_loop(r, s, k);
        name_level(r, b, k + 1, s->num_loops);
    }
}

static void close_loops(struct render *r, const struct pt2_stage *s)
{
    for (int k = 0; k < s->num_loops; k++) {
        r->indent--;
        line(r, "}");
    }
}

/* ---- stages ---- */

void pt2_render_neutral(struct render *r, enum pt2_reduce_op op, int dtype)
{
    struct pt2_exprs *E = &r->m->exprs;
    bool flt = pt2_is_float_type(dtype);
    int64_t lo = dtype == PT2_I64 ? INT64_MIN : pt2_type_lo(dtype),
            hi = dtype == PT2_I64 ? INT64_MAX : pt2_type_hi(dtype);
    pt2_ex e;
    switch (op) {
    case PT2_RED_PROD: case PT2_RED_ALL: e = pt2_int(E, dtype, 1); break;
    case PT2_RED_MAX:
    case PT2_RED_LOGADDEXP:
        e = flt ? pt2_num(E, dtype, -__builtin_inf()) : pt2_int(E, dtype, lo);
        break;
    case PT2_RED_MIN: e = flt ? pt2_num(E, dtype, __builtin_inf()) : pt2_int(E, dtype, hi); break;
    default: e = pt2_int(E, dtype, 0); break;
    }
    if (dtype == PT2_U64 && op == PT2_RED_MIN)
        e = pt2_int(E, dtype, -1);
    if (dtype == PT2_U64 && op == PT2_RED_MAX)
        e = pt2_int(E, dtype, 0);
    constant(r, e);
}

/* "a ⊕ b" of two names. */
void pt2_render_combine(struct render *r, enum pt2_reduce_op op, int dtype, const char *a, const char *b)
{
    const char *s = pt2_suffix(dtype);
    bool sum = op == PT2_RED_SUM, plain = sum || op == PT2_RED_PROD;
    wrapped_open(r, dtype);
    if (dtype == PT2_BOOL)
        pt2_str_addf(&r->out, "(%s %s %s)", a,
                     op == PT2_RED_ALL || op == PT2_RED_PROD || op == PT2_RED_MIN ? "&&" : "||", b);
    else if (plain && wide(dtype))
        pt2_str_addf(&r->out, "pt_%s_%s(%s, %s)", sum ? "add" : "mul", s, a, b);
    else if (plain)
        pt2_str_addf(&r->out, "(%s %s %s)", a, sum ? "+" : "*", b);
    else if (op == PT2_RED_LOGADDEXP)
        pt2_str_addf(
            &r->out,
            "(%s == %s ? %s + %s : pt_max_%s(%s, %s) + pt_log1p_%s(pt_exp_%s(pt_min_%s(%s, %s) - pt_max_%s(%s, %s))))",
            a, b, a, dtype == PT2_F64 ? "pt_lit_f64(0.69314718055994531)" : "0.693147181f", s, a, b, s, s, s, a, b, s,
            a, b);
    else if (op == PT2_RED_SET)
        text(r, b);
    else
        pt2_str_addf(&r->out, "pt_%s_%s(%s, %s)", op == PT2_RED_MAX ? "max" : "min", s, a, b);
    wrapped_close(r, dtype);
}

/* "v comes before best": NaN before all; `last`: also when they are equal. */
void pt2_render_before(struct render *r, enum pt2_reduce_op op, int dtype, const char *v, const char *best, bool last)
{
    const char *a = op == PT2_RED_ARGMAX ? best : v, *b = op == PT2_RED_ARGMAX ? v : best, *s = pt2_suffix(dtype);
    if (dtype == PT2_BOOL)
        pt2_str_addf(&r->out, "(!%s && %s)", a, b);
    else if (wide(dtype))
        pt2_str_addf(&r->out, "pt_%s_%s(%s, %s)", last ? "le" : "lt", s, a, b);
    else
        pt2_str_addf(&r->out, "%s %s %s", a, last ? "<=" : "<", b);
    if (dtype == PT2_BOOL && last)
        pt2_str_addf(&r->out, " || %s == %s", v, best);
    if (pt2_is_float_type(dtype))
        pt2_str_addf(&r->out, " || (pt_isnan_%s(%s)%s%s%s%s%s", s, v, last ? "" : " && !pt_isnan_", last ? "" : s,
                     last ? "" : "(", last ? "" : best, last ? ")" : "))");
}

static void value_line(struct render *r, const struct pt2_stage *s)
{
    indent(r);
    pt2_str_addf(&r->out, "%s v = ", pt2_c_type(s->body->dtype));
    expr(r, s->body);
    text(r, ";\n");
}

static void position_update(struct render *r, const struct pt2_stage *s, const char *position)
{
    value_line(r, s);
    indent(r);
    text(r, "if (first || ");
    pt2_render_before(r, s->op, s->body->dtype, "v", "best", s->kind == PT2_STAGE_SCAN);
    text(r, ") {\n");
    r->indent++;
    line(r, "best = v;");
    line(r, "at = %s;", position);
    line(r, "first = false;");
    r->indent--;
    line(r, "}");
}

static void position_start(struct render *r, const struct pt2_stage *s)
{
    line(r, "bool first = true;");
    line(r, "int at = 0;");
    indent(r);
    pt2_str_addf(&r->out, "%s best = ", pt2_c_type(s->body->dtype));
    pt2_render_neutral(r, PT2_RED_SUM, s->body->dtype);
    text(r, ";\n");
}

static void declare_reg(struct render *r, int number, int dtype)
{
    line(r, "%s r%d;", pt2_c_type(dtype), number);
}

static void reduce(struct render *r, const struct pt2_stage *s, int number, const struct body *b)
{
    char acc[16];
    declare_reg(r, number, s->dtype);
    name_level(r, b, 0, s->num_loops);
    line(r, "{");
    r->indent++;
    if (pt2_gives_position(s->op)) {
        position_start(r, s);
        line(r, "int n = 0;");
        open_loops(r, s, b);
        position_update(r, s, "n");
        line(r, "n++;");
        close_loops(r, s);
        line(r, "r%d = pt_cvt_i32_i64(at);", number);
    } else {
        snprintf(acc, sizeof acc, "a%d", number);
        indent(r);
        pt2_str_addf(&r->out, "%s %s = ", pt2_c_type(s->dtype), acc);
        pt2_render_neutral(r, s->op, s->dtype);
        text(r, ";\n");
        open_loops(r, s, b);
        value_line(r, s);
        indent(r);
        pt2_str_addf(&r->out, "%s = ", acc);
        pt2_render_combine(r, s->op, s->dtype, acc, "v");
        text(r, ";\n");
        close_loops(r, s);
        line(r, "r%d = %s;", number, acc);
    }
    r->indent--;
    line(r, "}");
}

static void store_line(struct render *r, const struct pt2_stage *s, const char *value)
{
    indent(r);
    pt2_str_addf(&r->out, "pt_st_%s(b%d, ", pt2_storage_name(r->k->bufs[s->buf].dtype), s->buf);
    expr(r, s->index);
    pt2_str_addf(&r->out, ", %s);\n", value);
}

static void scan(struct render *r, const struct pt2_stage *s, const struct body *b)
{
    name_level(r, b, 0, s->num_loops);
    line(r, "{");
    r->indent++;
    if (pt2_gives_position(s->op)) {
        position_start(r, s);
        open_loops(r, s, b);
        position_update(r, s, "i1");
        store_line(r, s, "pt_cvt_i32_i64(at)");
    } else {
        indent(r);
        pt2_str_addf(&r->out, "%s acc = ", pt2_c_type(s->dtype));
        pt2_render_neutral(r, s->op, s->dtype);
        text(r, ";\n");
        open_loops(r, s, b);
        value_line(r, s);
        indent(r);
        text(r, "acc = ");
        pt2_render_combine(r, s->op, s->dtype, "acc", "v");
        text(r, ";\n");
        store_line(r, s, "acc");
    }
    close_loops(r, s);
    r->indent--;
    line(r, "}");
}

static void store(struct render *r, const struct pt2_stage *s, const struct body *b)
{
    name_level(r, b, 0, s->num_loops);
    line(r, "{");
    r->indent++;
    open_loops(r, s, b);
    if (s->cond) {
        indent(r);
        text(r, "if (");
        expr(r, s->cond);
        text(r, ") {\n");
        r->indent++;
    }
    value_line(r, s);
    if (s->op != PT2_RED_SET) {
        indent(r);
        pt2_str_addf(&r->out, "%s old = pt_ld_%s(b%d, ", pt2_c_type(s->dtype),
                     pt2_storage_name(r->k->bufs[s->buf].dtype), s->buf);
        expr(r, s->index);
        text(r, ");\n");
        indent(r);
        text(r, "v = ");
        pt2_render_combine(r, s->op, s->dtype, "old", "v");
        text(r, ";\n");
    }
    store_line(r, s, "v");
    if (s->cond) {
        r->indent--;
        line(r, "}");
    }
    close_loops(r, s);
    r->indent--;
    line(r, "}");
}

static void let(struct render *r, const struct pt2_stage *s, int number, const struct body *b)
{
    name_level(r, b, 0, 0);
    indent(r);
    pt2_str_addf(&r->out, "%s r%d = ", pt2_c_type(s->dtype), number);
    expr(r, s->body);
    text(r, ";\n");
}

static void stage(struct render *r, int number, pt2_ex *order)
{
    const struct pt2_stage *s = &r->k->stages[number];
    struct body b = { order, 0 };
    count(r, s->body, order, &b.n);
    if (s->cond)
        count(r, s->cond, order, &b.n);
    if (s->index)
        count(r, s->index, order, &b.n);
    if (s->index && s->op != PT2_RED_SET && s->kind == PT2_STAGE_STORE)
        count(r, s->index, order, &b.n); /* read and written */
    switch (s->kind) {
    case PT2_STAGE_LET: let(r, s, number, &b); break;
    case PT2_STAGE_REDUCE: reduce(r, s, number, &b); break;
    case PT2_STAGE_STORE: store(r, s, &b); break;
    case PT2_STAGE_SCAN: scan(r, s, &b); break;
    case PT2_STAGE_SORT: break; /* interpreted only */
    }
    forget(r, &b, true);
}

/* ---- for the kernels with loops of their own ---- */

void pt2_render_expr(struct render *r, pt2_ex e) { expr(r, e); }
void pt2_render_names(struct render *r, const struct body *b, int level, int innermost)
{
    name_level(r, b, level, innermost);
}
void pt2_render_forget(struct render *r, const struct body *b) { forget(r, b, false); }
void pt2_render_forget_loops(struct render *r, const struct body *b) { forget(r, b, true); }
void pt2_render_unname(struct render *r, const struct body *b, int level)
{
    for (uint32_t k = 0; k < b->n; k++)
        if (r->uses[b->order[k]->id].level >= level)
            r->uses[b->order[k]->id].name = 0;
}
void pt2_render_stage(struct render *r, int number) { stage(r, number, r->order); }
struct body pt2_render_count(struct render *r, struct body b, pt2_ex e)
{
    count(r, e, b.order, &b.n);
    return b;
}

static uint64_t hash_kernel(const struct pt2_kernel *k)
{
    uint64_t h = pt2_hash(k->text, strlen(k->text), (uint64_t)k->num_params);
    for (int i = 0; i < k->num_bufs; i++) {
        const struct pt2_kernel_buf *b = &k->bufs[i];
        uint32_t key[5] = { (uint32_t)b->dtype, b->read, b->write, b->quads, b->fetched };
        h = pt2_hash(key, sizeof key, h);
    }
    uint32_t geometry[2] = { (uint32_t)k->local_size, (uint32_t)k->points_per_group };
    return pt2_hash(geometry, sizeof geometry, h);
}

void pt2_kernel_render(struct pt2_module *m, struct pt2_kernel *k)
{
    struct render r = { .m = m, .k = k };
    uint32_t cap = m->exprs.count + 4096; /* rendering makes a few constants */
    r.uses = calloc(cap, sizeof *r.uses);
    r.order = malloc(cap * sizeof *r.order);
    for (int i = 0; i < PT2_OUTER_AXIS; i++)
        r.axis_level[i] = i;
    if (r.uses && r.order && k->contract)
        pt2_contract_render(&r);
    else if (r.uses && r.order && k->attention)
        pt2_attention_render(&r);
    else if (k->library && k->library->custom)
        pt2_custom_render(k, &r.out);
    else if (r.uses && r.order && k->rows)
        pt2_rows_render(&r);
    else if (r.uses && r.order && !k->library) {
        text(&r, "int point = GLOBAL_ID();\nif (point < ");
        expr(&r, k->points);
        text(&r, ") {\n");
        r.indent = 1;
        for (int i = 0; i < k->num_stages; i++)
            stage(&r, i, r.order);
        text(&r, "}\n");
    }
    k->text = pt2_arena_strdup(&m->arena, pt2_str_text(&r.out));
    k->hash = hash_kernel(k);
    pt2_str_free(&r.out);
    free(r.uses);
    free(r.order);
}
