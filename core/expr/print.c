/* SPDX-License-Identifier: MIT
 * Expressions as text: infix for arithmetic, calls for the rest. */
#include "expr/internal.h"

static void print(const struct pt2_exprs *E, pt2_ex e, struct pt2_str *out, int level);

static const char *type_suffix(int dtype)
{
    static const char *const names[] = {
        [PT2_BOOL] = "b", [PT2_U8] = "u8", [PT2_I8] = "i8", [PT2_U16] = "u16", [PT2_I16] = "i16", [PT2_U32] = "u32",
        [PT2_I32] = "i32", [PT2_U64] = "u64", [PT2_I64] = "i64", [PT2_F32] = "f32", [PT2_F64] = "f64", [PT2_IDX] = "",
    };
    return names[dtype] ? names[dtype] : "?";
}

static void number(pt2_ex e, struct pt2_str *out)
{
    if (e->dtype == PT2_BOOL)
        pt2_str_add(out, e->i ? "true" : "false");
    else if (e->f != e->f)
        pt2_str_addf(out, "nan%s", type_suffix(e->dtype));
    else if (e->f > 1.7976931348623157e308 || e->f < -1.7976931348623157e308)
        pt2_str_addf(out, "%sinf%s", e->f < 0 ? "-" : "", type_suffix(e->dtype));
    else if (pt2_is_float_type(e->dtype))
        pt2_str_addf(out, "%.*g%s", e->dtype == PT2_F32 ? 9 : 17, e->f, type_suffix(e->dtype));
    else
        pt2_str_addf(out, "%lld%s", (long long)e->i, type_suffix(e->dtype));
}

static void list(const struct pt2_exprs *E, pt2_ex e, struct pt2_str *out, const char *sep)
{
    for (int k = 0; k < e->num_args; k++) {
        if (k)
            pt2_str_add(out, sep);
        print(E, e->args[k], out, sep[0] == ',' ? 0 : 2);
    }
}

struct infix { uint8_t op; const char *text; int level; };

static const struct infix *infix_of(pt2_ex e)
{
    static const struct infix table[] = {
        { PT2_E_LT, " < ", 1 }, { PT2_E_LE, " <= ", 1 }, { PT2_E_EQ, " == ", 1 }, { PT2_E_NE, " != ", 1 },
        { PT2_E_ADD, " + ", 2 }, { PT2_E_SUB, " - ", 2 }, { PT2_E_MUL, "*", 3 }, { PT2_E_DIV, " / ", 3 },
        { PT2_E_FLOORDIV, " // ", 3 }, { PT2_E_FLOORMOD, " % ", 3 },
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        if (table[k].op == e->op)
            return &table[k];
    return NULL;
}

static void print_infix(const struct pt2_exprs *E, pt2_ex e, const struct infix *x, struct pt2_str *out, int level)
{
    if (x->level <= level)
        pt2_str_add(out, "(");
    for (int k = 0; k < e->num_args; k++) {
        if (k)
            pt2_str_add(out, x->text);
        print(E, e->args[k], out, x->level - (k == 0 || e->num_args > 2));
    }
    if (x->level <= level)
        pt2_str_add(out, ")");
}

static void print(const struct pt2_exprs *E, pt2_ex e, struct pt2_str *out, int level)
{
    const struct infix *x = infix_of(e);
    if (x) {
        print_infix(E, e, x, out, level);
        return;
    }
    switch (e->op) {
    case PT2_E_CONST: number(e, out); return;
    case PT2_E_SYM: pt2_str_add(out, E->symbols.data[e->i].name); return;
    case PT2_E_VAR: pt2_str_addf(out, "i%lld", (long long)e->i); return;
    case PT2_E_PARAM: pt2_str_addf(out, "p%lld", (long long)e->i); return;
    case PT2_E_REG: pt2_str_addf(out, "r%lld", (long long)e->i); return;
    case PT2_E_LOAD:
        pt2_str_addf(out, "v%lld[", (long long)e->i);
        list(E, e, out, ", ");
        pt2_str_add(out, "]");
        return;
    case PT2_E_CAST: pt2_str_addf(out, "%s(", e->dtype == PT2_IDX ? "idx" : type_suffix(e->dtype)); break;
    case PT2_E_BITCAST: pt2_str_addf(out, "bits_%s(", type_suffix(e->dtype)); break;
    case PT2_E_ROUNDTO: pt2_str_addf(out, "round_%s(", pt2_dtype_name((pt2_dtype)e->i)); break;
    default: pt2_str_addf(out, "%s(", pt2_expr_op_name((enum pt2_expr_op)e->op)); break;
    }
    list(E, e, out, ", ");
    pt2_str_add(out, ")");
}

void pt2_expr_print(const struct pt2_exprs *E, pt2_ex e, struct pt2_str *out)
{
    print(E, e, out, 0);
}
