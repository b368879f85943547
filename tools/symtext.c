/* SPDX-License-Identifier: MIT
 * Symbolic sizes as text. Infix operators have one precedence each, as in C; all others print as function calls. */
#include "tools/symtext.h"

#include <inttypes.h>

static const struct {
    const char *text;
    int precedence; /* 0: a function */
} ops[] = {
    [PT2_SYM_ADD] = { " + ", 5 },        [PT2_SYM_MUL] = { "*", 6 },         [PT2_SYM_POW] = { "**", 8 },
    [PT2_SYM_FLOORDIV] = { "//", 6 },    [PT2_SYM_MOD] = { " % ", 6 },       [PT2_SYM_TRUEDIV] = { "/", 6 },
    [PT2_SYM_MAX] = { "Max", 0 },        [PT2_SYM_MIN] = { "Min", 0 },       [PT2_SYM_ABS] = { "Abs", 0 },
    [PT2_SYM_NEG] = { "-", 0 },          [PT2_SYM_LSHIFT] = { " << ", 4 },   [PT2_SYM_RSHIFT] = { " >> ", 4 },
    [PT2_SYM_TO_FLOAT] = { "float", 0 }, [PT2_SYM_TRUNC] = { "trunc", 0 },   [PT2_SYM_FLOOR] = { "floor", 0 },
    [PT2_SYM_CEIL] = { "ceil", 0 },      [PT2_SYM_ROUND] = { "round", 0 },
    [PT2_SYM_TRUNC_FLOAT] = { "trunc", 0 },
    [PT2_SYM_ROUND_DECIMAL] = { "round", 0 },
    [PT2_SYM_SQRT] = { "sqrt", 0 },      [PT2_SYM_COS] = { "cos", 0 },       [PT2_SYM_COSH] = { "cosh", 0 },
    [PT2_SYM_SIN] = { "sin", 0 },        [PT2_SYM_SINH] = { "sinh", 0 },     [PT2_SYM_TAN] = { "tan", 0 },
    [PT2_SYM_TANH] = { "tanh", 0 },      [PT2_SYM_ASIN] = { "asin", 0 },     [PT2_SYM_ACOS] = { "acos", 0 },
    [PT2_SYM_ATAN] = { "atan", 0 },      [PT2_SYM_EXP] = { "exp", 0 },       [PT2_SYM_LOG] = { "log", 0 },
    [PT2_SYM_ASINH] = { "asinh", 0 },    [PT2_SYM_LOG2] = { "log2", 0 },     [PT2_SYM_SELECT] = { "select", 0 },
    [PT2_SYM_EQ] = { " == ", 3 },        [PT2_SYM_NE] = { " != ", 3 },       [PT2_SYM_LT] = { " < ", 3 },
    [PT2_SYM_LE] = { " <= ", 3 },        [PT2_SYM_AND] = { " and ", 2 },     [PT2_SYM_OR] = { " or ", 1 },
    [PT2_SYM_NOT] = { "not", 0 },        [PT2_SYM_XOR] = { "xor", 0 },       [PT2_SYM_BIT_AND] = { "bitand", 0 },
    [PT2_SYM_BIT_OR] = { "bitor", 0 },   [PT2_SYM_BIT_XOR] = { "bitxor", 0 },
    [PT2_SYM_DENSE_INDICATOR] = { "is_dense", 0 },
};

/* Parentheses when the operator binds less than `outer`. */
static void add(struct pt2_str *text, const struct pt2_symexpr *e, int outer)
{
    switch (e->op) {
    case PT2_SYM_INT:
        pt2_str_addf(text, "%" PRId64, e->i);
        return;
    case PT2_SYM_FLOAT:
        pt2_str_addf(text, "%g", e->f);
        return;
    case PT2_SYM_BOOL:
        pt2_str_add(text, e->i ? "True" : "False");
        return;
    case PT2_SYM_NAME:
        pt2_str_add(text, e->name);
        return;
    default:
        break;
    }
    int precedence = ops[e->op].precedence;
    bool parentheses = precedence < outer || !precedence;
    if (!precedence)
        pt2_str_add(text, ops[e->op].text);
    pt2_str_add(text, parentheses ? "(" : "");
    for (uint32_t i = 0; i < e->num_args; i++) {
        if (i)
            pt2_str_add(text, precedence ? ops[e->op].text : ", ");
        bool associates = e->args[i]->op == e->op && (e->op == PT2_SYM_ADD || e->op == PT2_SYM_MUL);
        add(text, e->args[i], precedence && i && !associates ? precedence + 1 : precedence);
    }
    pt2_str_add(text, parentheses ? ")" : "");
}

void symtext_add(struct pt2_str *text, const struct pt2_symexpr *expr)
{
    add(text, expr, 0);
}

void symtext_add_value(struct pt2_str *text, const struct pt2_pvalue *value)
{
    static const char *const names[] = {
        [PT2_VALUE_TENSOR] = "tensor", [PT2_VALUE_INT] = "int64 scalar",   [PT2_VALUE_FLOAT] = "float64 scalar",
        [PT2_VALUE_BOOL] = "bool scalar", [PT2_VALUE_NONE] = "none",       [PT2_VALUE_STRING] = "string",
        [PT2_VALUE_CUSTOM] = "custom object",
    };
    const struct pt2_tensor_meta *meta = value->meta;
    if (value->kind != PT2_VALUE_TENSOR || !meta) {
        pt2_str_add(text, names[value->kind]);
        return;
    }
    pt2_str_addf(text, "%s %s", pt2_dtype_name(meta->dtype), meta->rank ? "[" : "scalar");
    for (int i = 0; i < meta->rank; i++) {
        pt2_str_add(text, i ? ", " : "");
        symtext_add(text, meta->sizes[i]);
    }
    pt2_str_add(text, meta->rank ? "]" : "");
}
