/* SPDX-License-Identifier: MIT
 * The program's symbolic expressions as expressions of the module: sizes are PT2_IDX, conditions bool, the rest
 * float64. */
#include "ops/internal.h"

static pt2_ex lower(struct pt2_lower *L, const struct pt2_symexpr *e);

/* Brings two operands to one type: float64 if either is. */
static void unify(struct pt2_lower *L, pt2_ex *a, pt2_ex *b)
{
    if ((*a)->dtype == (*b)->dtype)
        return;
    int t = (*a)->dtype == PT2_F64 || (*b)->dtype == PT2_F64 ? PT2_F64 : PT2_IDX;
    *a = pt2_cast(L->E, t, *a);
    *b = pt2_cast(L->E, t, *b);
}

/* Operands first … end - 1, halves by halves: a file's long list makes no deep expression. */
static pt2_ex fold_part(struct pt2_lower *L, enum pt2_expr_op op, const struct pt2_symexpr *e, bool logic,
                        uint32_t first, uint32_t end)
{
    if (end - first == 1)
        return logic ? pt2_cast(L->E, PT2_BOOL, lower(L, e->args[first])) : lower(L, e->args[first]);
    uint32_t middle = first + (end - first + 1) / 2;
    pt2_ex a = fold_part(L, op, e, logic, first, middle), b = fold_part(L, op, e, logic, middle, end);
    unify(L, &a, &b);
    return pt2_bin(L->E, op, a, b);
}

static pt2_ex fold(struct pt2_lower *L, enum pt2_expr_op op, const struct pt2_symexpr *e)
{
    return fold_part(L, op, e, false, 0, e->num_args);
}

static pt2_ex float_arg(struct pt2_lower *L, const struct pt2_symexpr *e, uint32_t k)
{
    return pt2_cast(L->E, PT2_F64, lower(L, e->args[k]));
}

static pt2_ex power(struct pt2_lower *L, const struct pt2_symexpr *e)
{
    pt2_ex a = lower(L, e->args[0]), b = lower(L, e->args[1]);
    if (a->dtype == PT2_IDX && b->dtype == PT2_IDX && pt2_is_const(b) && b->i >= 0 && b->i <= 16) {
        pt2_ex r = pt2_idx(L->E, 1);
        for (int64_t k = 0; k < b->i; k++)
            r = pt2_mul(L->E, r, a);
        return r;
    }
    if (a->dtype == PT2_IDX && b->dtype == PT2_IDX && b->lo >= 0)
        return pt2_bin(L->E, PT2_E_POW, a, b);
    a = pt2_cast(L->E, PT2_F64, a);
    b = pt2_cast(L->E, PT2_F64, b);
    if (pt2_is_const(b) && b->f == -1)
        return pt2_bin(L->E, PT2_E_DIV, pt2_num(L->E, PT2_F64, 1), a);
    return pt2_bin(L->E, PT2_E_POW, a, b);
}

static pt2_ex to_int(struct pt2_lower *L, enum pt2_expr_op op, const struct pt2_symexpr *e)
{
    pt2_ex a = lower(L, e->args[0]);
    if (a->dtype != PT2_F64)
        return pt2_cast(L->E, PT2_IDX, a);
    return pt2_cast(L->E, PT2_IDX, pt2_un(L->E, op, a));
}

static pt2_ex boolean(struct pt2_lower *L, const struct pt2_symexpr *e, uint32_t k)
{
    return pt2_cast(L->E, PT2_BOOL, lower(L, e->args[k]));
}

static pt2_ex logic(struct pt2_lower *L, enum pt2_expr_op op, const struct pt2_symexpr *e)
{
    return fold_part(L, op, e, true, 0, e->num_args);
}

static pt2_ex select(struct pt2_lower *L, const struct pt2_symexpr *e)
{
    pt2_ex a = lower(L, e->args[1]), b = lower(L, e->args[2]);
    unify(L, &a, &b);
    return pt2_select(L->E, boolean(L, e, 0), a, b);
}

/* 1 when sizes and strides describe dense, non-overlapping memory: here only the row-major case is decided. */
static pt2_ex dense_indicator(struct pt2_lower *L, const struct pt2_symexpr *e)
{
    uint32_t n = e->num_args / 2;
    pt2_ex expect = pt2_idx(L->E, 1), all = pt2_int(L->E, PT2_BOOL, 1);
    for (uint32_t k = n; k-- > 0;) {
        all = pt2_and(L->E, all, pt2_eq(L->E, lower(L, e->args[n + k]), expect));
        expect = pt2_mul(L->E, expect, lower(L, e->args[k]));
    }
    return pt2_cast(L->E, PT2_IDX, all);
}

static const struct { uint8_t sym, op;
} unary_ops[] = {
    { PT2_SYM_SQRT, PT2_E_SQRT },   { PT2_SYM_COS, PT2_E_COS },   { PT2_SYM_COSH, PT2_E_COSH },
    { PT2_SYM_SIN, PT2_E_SIN },     { PT2_SYM_SINH, PT2_E_SINH }, { PT2_SYM_TAN, PT2_E_TAN },
    { PT2_SYM_TANH, PT2_E_TANH },   { PT2_SYM_ASIN, PT2_E_ASIN }, { PT2_SYM_ACOS, PT2_E_ACOS },
    { PT2_SYM_ATAN, PT2_E_ATAN },   { PT2_SYM_EXP, PT2_E_EXP },   { PT2_SYM_LOG, PT2_E_LOG },
    { PT2_SYM_ASINH, PT2_E_ASINH }, { PT2_SYM_LOG2, PT2_E_LOG2 }, { PT2_SYM_TRUNC_FLOAT, PT2_E_TRUNC },
};

static const struct { uint8_t sym, op;
} binary_ops[] = {
    { PT2_SYM_ADD, PT2_E_ADD },      { PT2_SYM_MUL, PT2_E_MUL },    { PT2_SYM_FLOORDIV, PT2_E_FLOORDIV },
    { PT2_SYM_MOD, PT2_E_FLOORMOD }, { PT2_SYM_MAX, PT2_E_MAX },    { PT2_SYM_MIN, PT2_E_MIN },
    { PT2_SYM_LSHIFT, PT2_E_SHL },   { PT2_SYM_RSHIFT, PT2_E_SHR }, { PT2_SYM_EQ, PT2_E_EQ },
    { PT2_SYM_NE, PT2_E_NE },        { PT2_SYM_LT, PT2_E_LT },      { PT2_SYM_LE, PT2_E_LE },
    { PT2_SYM_BIT_AND, PT2_E_AND },  { PT2_SYM_BIT_OR, PT2_E_OR },  { PT2_SYM_BIT_XOR, PT2_E_XOR },
};

static pt2_ex from_table(struct pt2_lower *L, const struct pt2_symexpr *e)
{
    for (size_t k = 0; k < sizeof unary_ops / sizeof *unary_ops; k++)
        if (unary_ops[k].sym == e->op)
            return pt2_un(L->E, (enum pt2_expr_op)unary_ops[k].op, float_arg(L, e, 0));
    for (size_t k = 0; k < sizeof binary_ops / sizeof *binary_ops; k++)
        if (binary_ops[k].sym == e->op)
            return fold(L, (enum pt2_expr_op)binary_ops[k].op, e);
    op_fail(L, PT2_ERR_UNSUPPORTED, "symbolic function number %d in a size", (int)e->op);
}

static pt2_ex lower(struct pt2_lower *L, const struct pt2_symexpr *e)
{
    switch (e->op) {
    case PT2_SYM_INT: return pt2_idx(L->E, e->i);
    case PT2_SYM_FLOAT: return pt2_num(L->E, PT2_F64, e->f);
    case PT2_SYM_BOOL: return pt2_int(L->E, PT2_BOOL, e->i);
    case PT2_SYM_NAME: return pt2_sym(L->E, pt2_symbol(L->E, e->name));
    case PT2_SYM_POW: return power(L, e);
    case PT2_SYM_TRUEDIV: return pt2_bin(L->E, PT2_E_DIV, float_arg(L, e, 0), float_arg(L, e, 1));
    case PT2_SYM_ABS: return pt2_un(L->E, PT2_E_ABS, lower(L, e->args[0]));
    case PT2_SYM_NEG: return pt2_un(L->E, PT2_E_NEG, lower(L, e->args[0]));
    case PT2_SYM_TO_FLOAT: return float_arg(L, e, 0);
    case PT2_SYM_TRUNC: return to_int(L, PT2_E_TRUNC, e);
    case PT2_SYM_FLOOR: return to_int(L, PT2_E_FLOOR, e);
    case PT2_SYM_CEIL: return to_int(L, PT2_E_CEIL, e);
    case PT2_SYM_ROUND: return to_int(L, PT2_E_ROUND, e);
    case PT2_SYM_SELECT: return select(L, e);
    case PT2_SYM_AND: return logic(L, PT2_E_AND, e);
    case PT2_SYM_OR: return logic(L, PT2_E_OR, e);
    case PT2_SYM_XOR: return logic(L, PT2_E_XOR, e);
    case PT2_SYM_NOT: return pt2_not(L->E, boolean(L, e, 0));
    case PT2_SYM_DENSE_INDICATOR: return dense_indicator(L, e);
    default: return from_table(L, e);
    }
}

pt2_ex pt2_lower_symexpr(struct pt2_lower *L, const struct pt2_symexpr *e)
{
    return lower(L, e);
}

static bool mentions(const struct pt2_symexpr *e, const char *name)
{
    bool found = e->op == PT2_SYM_NAME && !strcmp(e->name, name);
    for (uint32_t k = 0; !found && k < e->num_args; k++)
        found = mentions(e->args[k], name);
    return found;
}

bool pt2_is_sized_by(const struct pt2_pvalue *v, const char *name)
{
    bool found = false;
    for (int d = 0; v->meta && d < v->meta->rank; d++)
        found |= mentions(v->meta->sizes[d], name);
    return found;
}

/* A Python int that is an input, and no size of the graph depends on it. */
static bool is_number(const struct pt2_pgraph *g, const char *name)
{
    bool number = false, size = false;
    for (uint32_t k = 0; k < g->num_inputs; k++) {
        const struct pt2_pvalue *v = g->inputs[k];
        number |= v->kind == PT2_VALUE_INT && v->expr && v->expr->op == PT2_SYM_NAME && !strcmp(v->expr->name, name);
        size |= pt2_is_sized_by(v, name);
    }
    for (uint32_t k = 0; number && k < g->num_nodes; k++)
        for (uint32_t j = 0; j < g->nodes[k].num_outs; j++)
            size |= pt2_is_sized_by(g->nodes[k].outs[j], name);
    return number && !size;
}

void pt2_lower_ranges(struct pt2_lower *L)
{
    for (uint32_t k = 0; k < L->program->num_ranges; k++) {
        const struct pt2_symbol_range *r = &L->program->ranges[k];
        int id = pt2_symbol(L->E, r->name); /* may move the table */
        struct pt2_symbol *s = &L->E->symbols.data[id];
        s->lo = pt2_clip(r->lo);
        s->hi = pt2_clip(r->hi);
        /* where nobody asked for a range, the exporter writes 0 or 2, and PyTorch runs what it wrote on any number */
        if (r->name[0] == 's' && s->lo <= 2 && s->hi == PT2_INF && is_number(L->program->graph, r->name))
            s->lo = -PT2_INF;
        else if (r->name[0] == 's' && s->lo < 0)
            s->lo = 0; /* a size */
        else if (r->name[0] == 's' && s->lo == 2 && s->hi == PT2_INF)
            s->lo = 1; /* likewise a size */
    }
}
