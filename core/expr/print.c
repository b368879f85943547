/* SPDX-License-Identifier: MIT
 * Expressions as text: infix for arithmetic, calls for the rest. The text does not depend on ids, so that what was read
 * back prints the same: operands that commute are printed in an order of their own (variables by axis, constants last).
 * Large subexpressions that occur more than once are named first:
 *     { t0 = exp(v1[i0]); t0 / (t0 + 1f32) } */
#include "expr/internal.h"
#include "expr/parse.h"

#include <stdlib.h>

enum { NAMED_SIZE = 8, MAX_SIZE = 1 << 20 };

/* What the printer knows of a node. */
struct note {
    pt2_ex e;
    uint64_t hash;   /* of the structure */
    uint32_t size;   /* nodes of the tree */
    uint32_t parents;
    int64_t axis;    /* smallest axis of the variables inside */
    int name;        /* t<name>; -1: has none */
    bool visited;
};

struct printer {
    const struct pt2_exprs *E;
    struct pt2_str *out;
    struct note *notes; /* owned; open-addressed */
    uint32_t cap, count;
    int names;
};

static void print(struct printer *p, pt2_ex e, int level);

/* ---- notes ---- */

static struct note *slot_of(const struct printer *p, pt2_ex e)
{
    uint32_t k = e->id * 2654435761u;
    while (p->notes[k & (p->cap - 1)].e && p->notes[k & (p->cap - 1)].e != e)
        k++;
    return &p->notes[k & (p->cap - 1)];
}

static void grow(struct printer *p)
{
    struct printer old = *p;
    p->cap = old.cap ? old.cap * 2 : 64;
    p->notes = calloc(p->cap, sizeof *p->notes);
    if (!p->notes)
        abort(); /* metadata: see base/arena.h */
    for (uint32_t k = 0; k < old.cap; k++)
        if (old.notes[k].e)
            *slot_of(p, old.notes[k].e) = old.notes[k];
    free(old.notes);
}

static bool commutes(pt2_ex e)
{
    switch (e->op) {
    case PT2_E_ADD: case PT2_E_MUL: case PT2_E_MIN: case PT2_E_MAX: case PT2_E_AND: case PT2_E_OR: case PT2_E_XOR:
    case PT2_E_EQ: case PT2_E_NE: case PT2_E_GCD:
        return true;
    default: return false;
    }
}

static int order_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int order(const struct printer *p, pt2_ex a, pt2_ex b)
{
    const struct note *x = slot_of(p, a), *y = slot_of(p, b);
    int c = order_numbers(pt2_is_const(a), pt2_is_const(b));
    c = c ? c : order_numbers(x->axis, y->axis);
    c = c ? c : order_numbers(x->size, y->size);
    c = c ? c : order_numbers(a->op, b->op);
    if (c == 0 && a->op == PT2_E_SYM)
        c = strcmp(p->E->symbols.data[a->i].name, p->E->symbols.data[b->i].name);
    if (c == 0 && a->op == PT2_E_LOAD)
        c = order_numbers(a->i, b->i);
    return c ? c : x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* The operands in the order of the text. `list` has room for PT2_MAX_TERMS + 1. */
static const pt2_ex *sorted(const struct printer *p, pt2_ex e, pt2_ex *list)
{
    if (!commutes(e) || e->num_args > PT2_MAX_TERMS + 1)
        return e->args;
    for (int k = 0; k < e->num_args; k++) {
        int j = k;
        for (; j > 0 && order(p, list[j - 1], e->args[k]) > 0; j--)
            list[j] = list[j - 1];
        list[j] = e->args[k];
    }
    return list;
}

static uint64_t hash_of(const struct printer *p, pt2_ex e, const pt2_ex *args)
{
    uint64_t key[4] = { (uint64_t)e->op << 32 | e->dtype, (uint64_t)e->i, 0, 0 };
    memcpy(&key[2], &e->f, 8);
    if (e->op == PT2_E_SYM)
        key[1] = pt2_hash(p->E->symbols.data[e->i].name, strlen(p->E->symbols.data[e->i].name), 3);
    for (int k = 0; k < e->num_args; k++) {
        key[3] = slot_of(p, args[k])->hash;
        key[2] = pt2_hash(key, sizeof key, 5);
    }
    return pt2_hash(key, sizeof key, 5);
}

static void note(struct printer *p, pt2_ex e)
{
    pt2_ex list[PT2_MAX_TERMS + 1];
    if (p->count * 2 >= p->cap)
        grow(p);
    if (slot_of(p, e)->e) {
        slot_of(p, e)->parents++;
        return;
    }
    struct note n = { .e = e, .size = 1, .parents = 1, .name = -1, .axis = e->op == PT2_E_VAR ? e->i : INT64_MAX };
    for (int k = 0; k < e->num_args && e->op != PT2_E_VAR; k++) {
        note(p, e->args[k]);
        const struct note *a = slot_of(p, e->args[k]);
        n.size = n.size + a->size < MAX_SIZE ? n.size + a->size : MAX_SIZE;
        n.axis = pt2_min64(n.axis, a->axis);
    }
    if (e->op != PT2_E_VAR)
        n.hash = hash_of(p, e, sorted(p, e, list));
    if (p->count * 2 >= p->cap)
        grow(p);
    *slot_of(p, e) = n;
    p->count++;
}

/* ---- text ---- */

static const char *const type_names[] = {
    [PT2_BOOL] = "b", [PT2_U8] = "u8", [PT2_I8] = "i8", [PT2_U16] = "u16", [PT2_I16] = "i16", [PT2_U32] = "u32",
    [PT2_I32] = "i32", [PT2_U64] = "u64", [PT2_I64] = "i64", [PT2_F32] = "f32", [PT2_F64] = "f64", [PT2_IDX] = "idx",
};

const char *pt2_expr_type_name(int dtype)
{
    return type_names[dtype] ? type_names[dtype] : "?";
}

static void number(pt2_ex e, struct pt2_str *out)
{
    const char *type = e->dtype == PT2_IDX ? "" : pt2_expr_type_name(e->dtype);
    if (e->dtype == PT2_BOOL)
        pt2_str_add(out, e->i ? "true" : "false");
    else if (e->f != e->f)
        pt2_str_addf(out, "nan%s", type);
    else if (e->f > 1.7976931348623157e308 || e->f < -1.7976931348623157e308)
        pt2_str_addf(out, "%sinf%s", e->f < 0 ? "-" : "", type);
    else if (pt2_is_float_type(e->dtype))
        pt2_str_addf(out, "%.*g%s", e->dtype == PT2_F32 ? 9 : 17, e->f, type);
    else
        pt2_str_addf(out, "%lld%s", (long long)e->i, type);
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

/* Operators of one level associate to the left. */
static void print_infix(struct printer *p, pt2_ex e, const struct infix *x, int level)
{
    pt2_ex list[PT2_MAX_TERMS + 1];
    const pt2_ex *args = sorted(p, e, list);
    if (x->level <= level)
        pt2_str_add(p->out, "(");
    for (int k = 0; k < e->num_args; k++) {
        if (k)
            pt2_str_add(p->out, x->text);
        print(p, args[k], x->level - (k == 0));
    }
    if (x->level <= level)
        pt2_str_add(p->out, ")");
}

static void print_args(struct printer *p, pt2_ex e, const char *close)
{
    pt2_ex list[PT2_MAX_TERMS + 1];
    const pt2_ex *args = sorted(p, e, list);
    for (int k = 0; k < e->num_args; k++) {
        if (k)
            pt2_str_add(p->out, ", ");
        print(p, args[k], 0);
    }
    pt2_str_add(p->out, close);
}

void pt2_symbol_print(const char *name, struct pt2_str *out)
{
    if (pt2_is_plain_symbol(name))
        pt2_str_add(out, name);
    else
        pt2_str_quote(out, name);
}

static void print_node(struct printer *p, pt2_ex e)
{
    struct pt2_str *out = p->out;
    switch (e->op) {
    case PT2_E_CONST: number(e, out); return;
    case PT2_E_SYM: pt2_symbol_print(p->E->symbols.data[e->i].name, out); return;
    case PT2_E_VAR: pt2_str_addf(out, "i%lld", (long long)e->i); return;
    case PT2_E_PARAM: pt2_str_addf(out, "p%lld", (long long)e->i); return;
    case PT2_E_REG: pt2_str_addf(out, "r%lld", (long long)e->i); return;
    case PT2_E_LOAD:
        pt2_str_addf(out, "v%lld[", (long long)e->i);
        print_args(p, e, "]");
        return;
    case PT2_E_CAST: pt2_str_addf(out, "%s(", pt2_expr_type_name(e->dtype)); break;
    case PT2_E_BITCAST: pt2_str_addf(out, "bits_%s(", pt2_expr_type_name(e->dtype)); break;
    case PT2_E_ROUNDTO: pt2_str_addf(out, "round_%s(", pt2_dtype_name((pt2_dtype)e->i)); break;
    default: pt2_str_addf(out, "%s(", pt2_expr_op_name((enum pt2_expr_op)e->op)); break;
    }
    print_args(p, e, ")");
}

static void print(struct printer *p, pt2_ex e, int level)
{
    const struct infix *x = infix_of(e);
    int name = slot_of(p, e)->name;
    if (name >= 0)
        pt2_str_addf(p->out, "t%d", name);
    else if (x)
        print_infix(p, e, x, level);
    else
        print_node(p, e);
}

/* Names what is large and has several parents, in the order in which the text needs it. */
static void print_names(struct printer *p, pt2_ex e)
{
    pt2_ex list[PT2_MAX_TERMS + 1];
    const pt2_ex *args = sorted(p, e, list);
    struct note *n = slot_of(p, e);
    if (n->visited || e->op == PT2_E_VAR)
        return;
    n->visited = true;
    for (int k = 0; k < e->num_args; k++)
        print_names(p, args[k]);
    if (n->parents < 2 || n->size < NAMED_SIZE)
        return;
    pt2_str_addf(p->out, "%st%d = ", p->names ? "" : "{ ", p->names);
    print(p, e, 0);
    pt2_str_add(p->out, ";\n      ");
    n->name = p->names++;
}

void pt2_expr_print(const struct pt2_exprs *E, pt2_ex e, struct pt2_str *out)
{
    struct printer p = { .E = E, .out = out };
    note(&p, e);
    print_names(&p, e);
    print(&p, e, 0);
    if (p.names)
        pt2_str_add(out, " }");
    free(p.notes);
}
