/* SPDX-License-Identifier: MIT
 * The algebra against brute force. A random expression is built twice: as a plain tree, and through the simplifying
 * constructors. Both are evaluated for values of its variables and symbols and must agree; every interval must hold its
 * values; nothing false may be proved, and what lowering relies on must be. */
#include "expr/internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_VARS = 4, MAX_SYMS = 3, MAX_LOADS = 6, ENVIRONMENTS = 24 };

/* ---- random numbers ---- */

static uint64_t seed;

static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

static int64_t between(int64_t lo, int64_t hi)
{
    return lo + (int64_t)((random_bits() >> 16) % (uint64_t)(hi - lo + 1));
}

static bool one_in(int n) { return between(1, n) == 1; }

/* ---- plain trees ---- */

struct tree {
    int op, dtype, num_args;
    int64_t i;
    double f;
    const struct tree *args[3];
};

/* The same expression in both forms. */
struct pair {
    const struct tree *t;
    pt2_ex e;
};

static struct pt2_exprs E;
static struct pt2_arena trees;

static struct env {
    int num_vars, num_syms;
    struct pair extents[MAX_VARS];
    int64_t lo[MAX_SYMS], hi[MAX_SYMS];   /* what symbols are tried with */
    int64_t vars[MAX_VARS], syms[MAX_SYMS];
    struct value { int64_t i; double f; bool undefined; } loads[MAX_LOADS];
    int load_types[MAX_LOADS];
} env;

static void fresh(void)
{
    pt2_exprs_free(&E);
    pt2_arena_free(&trees);
    trees = (struct pt2_arena){ 0 };
    pt2_exprs_init(&E);
    memset(&env, 0, sizeof env);
}

static const struct tree *node(int op, int dtype, int n, const struct tree *a, const struct tree *b,
                               const struct tree *c)
{
    struct tree *t = PT2_NEW(&trees, struct tree);
    *t = (struct tree){ .op = op, .dtype = dtype, .num_args = n, .args = { a, b, c } };
    return t;
}

static struct pair constant(int dtype, int64_t i, double f)
{
    struct tree *t = PT2_NEW(&trees, struct tree);
    pt2_ex e = pt2_is_float_type(dtype) ? pt2_num(&E, dtype, f) : pt2_int(&E, dtype, i);
    *t = (struct tree){ .op = PT2_E_CONST, .dtype = dtype, .i = e->i, .f = e->f };
    return (struct pair){ t, e };
}

static struct pair leaf(int op, int dtype, int64_t number, pt2_ex e)
{
    struct tree *t = PT2_NEW(&trees, struct tree);
    *t = (struct tree){ .op = op, .dtype = dtype, .i = number };
    return (struct pair){ t, e };
}

static struct pair idx(int64_t i) { return constant(PT2_IDX, i, 0); }

static bool compares(int op) { return op == PT2_E_LT || op == PT2_E_LE || op == PT2_E_EQ || op == PT2_E_NE; }

static struct pair bin(int op, struct pair a, struct pair b)
{
    int dtype = compares(op) ? PT2_BOOL : a.t->dtype;
    return (struct pair){ node(op, dtype, 2, a.t, b.t, NULL), pt2_bin(&E, (enum pt2_expr_op)op, a.e, b.e) };
}

static struct pair un(int op, struct pair a)
{
    return (struct pair){ node(op, a.t->dtype, 1, a.t, NULL, NULL), pt2_un(&E, (enum pt2_expr_op)op, a.e) };
}

static struct pair cast(int dtype, struct pair a)
{
    return (struct pair){ node(PT2_E_CAST, dtype, 1, a.t, NULL, NULL), pt2_cast(&E, dtype, a.e) };
}

static struct pair choose(struct pair c, struct pair a, struct pair b)
{
    return (struct pair){ node(PT2_E_SELECT, a.t->dtype, 3, c.t, a.t, b.t), pt2_select(&E, c.e, a.e, b.e) };
}

static struct pair add(struct pair a, struct pair b) { return bin(PT2_E_ADD, a, b); }
static struct pair sub(struct pair a, struct pair b) { return bin(PT2_E_SUB, a, b); }
static struct pair mul(struct pair a, struct pair b) { return bin(PT2_E_MUL, a, b); }

/* ---- evaluation ---- */

static int64_t wrap(int dtype, int64_t i)
{
    switch (dtype) {
    case PT2_BOOL: return i != 0;
    case PT2_U8: return (uint8_t)i;
    case PT2_I8: return (int8_t)i;
    case PT2_U16: return (uint16_t)i;
    case PT2_I16: return (int16_t)i;
    case PT2_U32: return (uint32_t)i;
    case PT2_I32: return (int32_t)i;
    default: return i;
    }
}

static const struct value undefined = { 0, 0, true };

static struct value of_int(int dtype, int64_t i) { return (struct value){ wrap(dtype, i), 0, false }; }

static struct value of_float(int dtype, double f)
{
    return (struct value){ 0, dtype == PT2_F32 ? (double)(float)f : f, false };
}

static struct value divide(int op, int dtype, int64_t a, int64_t b)
{
    bool floors = op == PT2_E_FLOORDIV || op == PT2_E_FLOORMOD, mod = op == PT2_E_FLOORMOD || op == PT2_E_REM;
    if (b == 0)
        return undefined;
    if (dtype == PT2_U64) {
        uint64_t q = (uint64_t)a / (uint64_t)b;
        return of_int(dtype, (int64_t)(mod ? (uint64_t)a - q * (uint64_t)b : q));
    }
    if (b == -1)
        return of_int(dtype, mod ? 0 : (int64_t)(0 - (uint64_t)a));
    int64_t q = a / b, r = a % b;
    if (floors && r != 0 && (r < 0) != (b < 0)) {
        q--;
        r += b;
    }
    return of_int(dtype, mod ? r : q);
}

static bool less(int type, struct value a, struct value b)
{
    return pt2_is_float_type(type) ? a.f < b.f : type == PT2_U64 ? (uint64_t)a.i < (uint64_t)b.i : a.i < b.i;
}

static bool equal(int type, struct value a, struct value b)
{
    return pt2_is_float_type(type) ? a.f == b.f : a.i == b.i;
}

static struct value compare(int op, int type, struct value a, struct value b)
{
    bool r = op == PT2_E_LT ? less(type, a, b) : op == PT2_E_LE ? less(type, a, b) || equal(type, a, b) :
             equal(type, a, b) == (op == PT2_E_EQ);
    return of_int(PT2_BOOL, r);
}

static int width(int dtype) { return dtype == PT2_IDX ? 64 : (int)pt2_dtype_size((pt2_dtype)dtype) * 8; }

static struct value int_op(int op, int dtype, struct value x, struct value y)
{
    uint64_t a = (uint64_t)x.i, b = (uint64_t)y.i;
    bool over = y.i < 0 || y.i >= width(dtype);
    switch (op) {
    case PT2_E_ADD: return of_int(dtype, (int64_t)(a + b));
    case PT2_E_SUB: return of_int(dtype, (int64_t)(a - b));
    case PT2_E_MUL: return of_int(dtype, (int64_t)(a * b));
    case PT2_E_NEG: return of_int(dtype, (int64_t)(0 - a));
    case PT2_E_ABS: return of_int(dtype, dtype != PT2_U64 && x.i < 0 ? (int64_t)(0 - a) : x.i);
    case PT2_E_MIN: return less(dtype, y, x) ? y : x;
    case PT2_E_MAX: return less(dtype, x, y) ? y : x;
    case PT2_E_AND: return of_int(dtype, (int64_t)(a & b));
    case PT2_E_OR: return of_int(dtype, (int64_t)(a | b));
    case PT2_E_XOR: return of_int(dtype, (int64_t)(a ^ b));
    case PT2_E_NOT: return of_int(dtype, dtype == PT2_BOOL ? !x.i : (int64_t)~a);
    case PT2_E_SHL: return over ? undefined : of_int(dtype, (int64_t)(a << b));
    case PT2_E_SHR: return over ? undefined : of_int(dtype, dtype == PT2_U64 ? (int64_t)(a >> b) : x.i >> b);
    case PT2_E_CHECK: {
        int64_t i = x.i < 0 ? x.i + y.i : x.i;
        return y.i <= 0 ? undefined : of_int(dtype, i < 0 ? 0 : i >= y.i ? y.i - 1 : i);
    }
    default: return divide(op, dtype, x.i, y.i);
    }
}

static struct value float_op(int op, int dtype, double a, double b)
{
    bool nan = isnan(a) || isnan(b), single = dtype == PT2_F32;
    switch (op) {
    case PT2_E_ADD: return of_float(dtype, single ? (double)((float)a + (float)b) : a + b);
    case PT2_E_SUB: return of_float(dtype, single ? (double)((float)a - (float)b) : a - b);
    case PT2_E_MUL: return of_float(dtype, single ? (double)((float)a * (float)b) : a * b);
    case PT2_E_DIV: return of_float(dtype, single ? (double)((float)a / (float)b) : a / b);
    case PT2_E_NEG: return of_float(dtype, -a);
    case PT2_E_ABS: return of_float(dtype, fabs(a));
    case PT2_E_SQRT: return of_float(dtype, single ? (double)sqrtf((float)a) : sqrt(a));
    case PT2_E_FLOOR: return of_float(dtype, floor(a));
    case PT2_E_CEIL: return of_float(dtype, ceil(a));
    case PT2_E_TRUNC: return of_float(dtype, trunc(a));
    case PT2_E_MIN: return of_float(dtype, nan ? (double)NAN : a < b ? a : b);
    case PT2_E_MAX: return of_float(dtype, nan ? (double)NAN : a > b ? a : b);
    default: return undefined;
    }
}

static struct value convert(int to, int from, struct value v)
{
    if (pt2_is_float_type(from) && pt2_is_float_type(to))
        return of_float(to, v.f);
    if (pt2_is_float_type(from))
        return to == PT2_BOOL ? of_int(to, v.f != 0) : v.f > -9e18 && v.f < 9e18 ? of_int(to, (int64_t)v.f) : undefined;
    if (!pt2_is_float_type(to))
        return of_int(to, v.i);
    if (to == PT2_F32) /* one rounding */
        return of_float(to, from == PT2_U64 ? (double)(float)(uint64_t)v.i : (double)(float)v.i);
    return of_float(to, from == PT2_U64 ? (double)(uint64_t)v.i : (double)v.i);
}

static struct value apply(int op, int dtype, int from, struct value a, struct value b)
{
    if (a.undefined || b.undefined)
        return undefined;
    if (op == PT2_E_CAST)
        return convert(dtype, from, a);
    if (compares(op))
        return compare(op, from, a, b);
    return pt2_is_float_type(from) ? float_op(op, dtype, a.f, b.f) : int_op(op, dtype, a, b);
}

static struct value eval_tree(const struct tree *t)
{
    struct value none = { 0 };
    switch (t->op) {
    case PT2_E_CONST: return (struct value){ t->i, t->f, false };
    case PT2_E_SYM: return of_int(PT2_IDX, env.syms[t->i]);
    case PT2_E_VAR: return of_int(PT2_IDX, env.vars[t->i]);
    case PT2_E_LOAD: return env.loads[t->i];
    case PT2_E_SELECT: {
        struct value c = eval_tree(t->args[0]);
        return c.undefined ? undefined : eval_tree(t->args[c.i ? 1 : 2]);
    }
    default:
        return apply(t->op, t->dtype, t->args[0]->dtype, eval_tree(t->args[0]),
                     t->num_args > 1 ? eval_tree(t->args[1]) : none);
    }
}

/* ---- messages ---- */

static void print_tree(const struct tree *t, struct pt2_str *s)
{
    if (t->op == PT2_E_CONST && pt2_is_float_type(t->dtype))
        pt2_str_addf(s, "%.17g", t->f);
    else if (t->op == PT2_E_CONST || t->num_args == 0)
        pt2_str_addf(s, "%s%lld", t->op == PT2_E_VAR ? "i" : t->op == PT2_E_SYM ? "s" : t->op == PT2_E_LOAD ? "v" : "",
                     (long long)t->i);
    else
        pt2_str_addf(s, "%s_%s(", pt2_expr_op_name((enum pt2_expr_op)t->op),
                     t->dtype == PT2_IDX ? "idx" : pt2_dtype_name((pt2_dtype)t->dtype));
    for (int k = 0; k < t->num_args; k++) {
        pt2_str_add(s, k ? ", " : "");
        print_tree(t->args[k], s);
    }
    pt2_str_add(s, t->num_args ? ")" : "");
}

static void print_env(struct pt2_str *s)
{
    for (int k = 0; k < env.num_syms; k++)
        pt2_str_addf(s, "; s%d = %lld in %lld..%lld", k, (long long)env.syms[k], (long long)E.symbols.data[k].lo,
                     (long long)E.symbols.data[k].hi);
    for (int k = 0; k < env.num_vars; k++) {
        pt2_str_addf(s, "; i%d = %lld of ", k, (long long)env.vars[k]);
        pt2_expr_print(&E, env.extents[k].e, s);
    }
    for (int k = 0; k < MAX_LOADS && !env.num_syms; k++)
        pt2_str_addf(s, "; v%d = %lld %.17g", k, (long long)env.loads[k].i, env.loads[k].f);
}

static void complain(const char *what, struct pair p)
{
    struct pt2_str s = { 0 };
    pt2_str_addf(&s, "%s\n  tree  ", what);
    if (p.t)
        print_tree(p.t, &s);
    pt2_str_add(&s, "\n  built ");
    pt2_expr_print(&E, p.e, &s);
    pt2_str_add(&s, "\n  with  ");
    print_env(&s);
    fail_msg("%s", pt2_str_text(&s));
}

/* ---- evaluation of what was built ---- */

static void check_range(pt2_ex e, struct value v)
{
    if (pt2_is_float_type(e->dtype) || e->dtype == PT2_U64 || v.undefined)
        return;
    if ((e->lo > -PT2_INF && v.i < e->lo) || (e->hi < PT2_INF && v.i > e->hi))
        complain("a value outside its interval", (struct pair){ NULL, e });
}

static struct value eval(pt2_ex e)
{
    struct value none = { 0 }, r;
    switch (e->op) {
    case PT2_E_CONST: r = (struct value){ e->i, e->f, false }; break;
    case PT2_E_SYM: r = of_int(PT2_IDX, env.syms[e->i]); break;
    case PT2_E_VAR: r = of_int(PT2_IDX, env.vars[e->i]); break;
    case PT2_E_LOAD: r = env.loads[e->i]; break;
    case PT2_E_SELECT:
        r = eval(e->args[0]);
        r = r.undefined ? undefined : eval(e->args[r.i ? 1 : 2]);
        break;
    default:
        r = apply(e->op, e->dtype, e->args[0]->dtype, eval(e->args[0]), e->num_args > 1 ? eval(e->args[1]) : none);
        for (int k = 2; k < e->num_args; k++)
            r = apply(e->op, e->dtype, e->dtype, r, eval(e->args[k]));
    }
    check_range(e, r);
    return r;
}

static bool same_bits(int dtype, struct value a, struct value b)
{
    if (!pt2_is_float_type(dtype))
        return a.i == b.i;
    return (isnan(a.f) && isnan(b.f)) || !memcmp(&a.f, &b.f, sizeof a.f);
}

static void check_equal(const char *what, struct pair p)
{
    struct value want = eval_tree(p.t);
    if (want.undefined)
        return;
    struct value got = eval(p.e);
    if (got.undefined || !same_bits(p.t->dtype, want, got))
        complain(what, p);
}

/* ---- random index expressions ---- */

static struct pair positive(void);

static void add_symbol(void)
{
    static const int64_t ranges[][2] = { { 1, 6 }, { 0, 5 }, { 2, PT2_INF }, { 1, PT2_INF }, { 0, PT2_INF }, { 3, 9 },
                                         { -PT2_INF, PT2_INF }, { 1, 2 } };
    char name[8];
    int k = env.num_syms++, r = (int)between(0, 7);
    snprintf(name, sizeof name, "s%d", k);
    int id = pt2_symbol(&E, name);
    E.symbols.data[id].lo = ranges[r][0];
    E.symbols.data[id].hi = ranges[r][1];
    env.lo[k] = ranges[r][0] < -4 ? -4 : ranges[r][0];
    env.hi[k] = ranges[r][1] > 9 ? 9 : ranges[r][1];
}

static struct pair sym(int k) { return leaf(PT2_E_SYM, PT2_IDX, k, pt2_sym(&E, k)); }
static struct pair var(int k) { return leaf(PT2_E_VAR, PT2_IDX, k, pt2_var(&E, k, env.extents[k].e)); }

static void universe(void)
{
    fresh();
    for (int k = (int)between(1, MAX_SYMS); k > 0; k--)
        add_symbol();
    env.num_vars = (int)between(2, MAX_VARS);
    for (int k = 0; k < env.num_vars; k++)
        env.extents[k] = one_in(2) ? idx(between(1, 6)) : positive();
}

/* A size: positive where symbols are. */
static struct pair positive(void)
{
    int k = (int)between(0, env.num_syms - 1);
    if (env.lo[k] < 0)
        return idx(between(1, 12));
    switch (between(0, 7)) {
    case 0: case 1: case 2: return idx(between(1, 12));
    case 3: return mul(sym(k), idx(between(1, 4)));
    case 4: return add(sym(k), idx(between(1, 3)));
    case 5: return mul(positive(), positive());
    default: return sym(k);
    }
}

static struct pair random_index(int depth);

/* What reshapes make: a linear index of some axes, taken apart by products of their extents. */
static struct pair reshape(void)
{
    struct pair linear = idx(0), stride = idx(1), part = positive();
    for (int k = (int)between(0, env.num_vars - 1); k >= 0; k--) {
        linear = add(linear, mul(var(k), stride));
        stride = mul(stride, env.extents[k]);
        if (one_in(2))
            part = stride;
    }
    struct pair q = one_in(2) ? bin(PT2_E_FLOORDIV, linear, part) : linear;
    return one_in(2) ? bin(PT2_E_FLOORMOD, q, positive()) : q;
}

static struct pair condition(int depth)
{
    static const int ops[] = { PT2_E_LT, PT2_E_LE, PT2_E_EQ, PT2_E_NE };
    struct pair c = bin(ops[between(0, 3)], random_index(depth), random_index(depth));
    return one_in(4) ? bin(one_in(2) ? PT2_E_AND : PT2_E_OR, c, bin(PT2_E_LT, var(0), random_index(depth))) : c;
}

static struct pair divisor(void) { return one_in(12) ? idx(-between(1, 12)) : positive(); }

static struct pair random_index(int depth)
{
    if (depth <= 0)
        switch (between(0, 3)) {
        case 0: return idx(between(-3, 9));
        case 1: return sym((int)between(0, env.num_syms - 1));
        default: return var((int)between(0, env.num_vars - 1));
        }
    switch (between(0, 13)) {
    case 0: case 1: case 2: return add(random_index(depth - 1), random_index(depth - 1));
    case 3: return sub(random_index(depth - 1), random_index(depth - 1));
    case 4: return mul(random_index(depth - 1), one_in(2) ? positive() : random_index(depth - 2));
    case 5: case 6: return bin(PT2_E_FLOORDIV, random_index(depth - 1), divisor());
    case 7: case 8: return bin(PT2_E_FLOORMOD, random_index(depth - 1), divisor());
    case 9: return bin(PT2_E_MIN, random_index(depth - 1), random_index(depth - 1));
    case 10: return bin(PT2_E_MAX, random_index(depth - 1), random_index(depth - 1));
    case 11: return choose(condition(depth - 2), random_index(depth - 1), random_index(depth - 1));
    case 12:
        return one_in(3) ? bin(PT2_E_CHECK, random_index(depth - 1), positive())
                         : un(PT2_E_NEG, random_index(depth - 1));
    default: return reshape();
    }
}

/* Random values for everything; false when an axis is empty. */
static bool next_values(void)
{
    for (int k = 0; k < env.num_syms; k++)
        env.syms[k] = between(env.lo[k], env.hi[k]);
    for (int k = 0; k < env.num_vars; k++) {
        struct value n = eval_tree(env.extents[k].t);
        if (n.undefined || n.i <= 0 || n.i > 1 << 20) /* products of indices must fit int64 */
            return false;
        env.vars[k] = one_in(4) ? n.i - 1 : between(0, n.i - 1);
    }
    return true;
}

static pt2_ex keep(void *ctx, struct pt2_exprs *exprs, pt2_ex e)
{
    (void)ctx;
    (void)exprs;
    return e;
}

static void test_index(void **state)
{
    (void)state;
    seed = 1;
    for (int k = 0; k < 60000; k++) {
        universe();
        struct pair p = one_in(6) ? condition(3) : random_index((int)between(1, 4));
        struct pair again = { p.t, pt2_rewrite(&E, p.e, keep, NULL) };
        for (int n = 0; n < ENVIRONMENTS; n++)
            if (next_values()) {
                check_equal("built differs", p);
                check_equal("rewritten differs", again);
            }
    }
}

/* Substitution of axes by indices inside their extents, all at once. */
static void test_substitution(void **state)
{
    (void)state;
    seed = 2;
    for (int k = 0; k < 20000; k++) {
        universe();
        struct pair p = random_index((int)between(1, 3)), by[MAX_VARS];
        pt2_ex axes[MAX_VARS];
        for (int j = 0; j < env.num_vars; j++) {
            by[j] = bin(PT2_E_FLOORMOD, random_index(2), env.extents[j]);
            axes[j] = by[j].e;
        }
        pt2_ex moved = pt2_subst_vars(&E, p.e, env.num_vars, axes);
        for (int n = 0; n < ENVIRONMENTS; n++) {
            int64_t values[MAX_VARS], saved[MAX_VARS];
            bool ok = next_values();
            for (int j = 0; ok && j < env.num_vars; j++) {
                struct value v = eval_tree(by[j].t);
                values[j] = v.i;
                ok = !v.undefined;
            }
            if (!ok)
                continue;
            memcpy(saved, env.vars, sizeof saved);
            memcpy(env.vars, values, sizeof values);
            struct value want = eval_tree(p.t);
            memcpy(env.vars, saved, sizeof saved);
            struct value got = eval(moved);
            if (!want.undefined && (got.undefined || got.i != want.i))
                complain("substituted differs", (struct pair){ p.t, moved });
        }
    }
}

/* ---- proofs ---- */

static void test_nothing_false(void **state)
{
    long proved = 0;
    (void)state;
    seed = 3;
    for (int k = 0; k < 40000; k++) {
        universe();
        struct pair a = random_index((int)between(0, 3)), d = positive();
        struct pair b = one_in(3) ? idx(between(-1, 9)) : random_index((int)between(0, 3));
        if (one_in(4))
            b = add(a, random_index(1));
        bool eq = pt2_prove_eq(&E, a.e, b.e), le = pt2_prove_le(&E, a.e, b.e), lt = pt2_prove_lt(&E, a.e, b.e);
        bool divides = pt2_prove_divides(&E, d.e, a.e);
        proved += eq + le + lt + divides;
        for (int n = 0; n < ENVIRONMENTS && (eq || le || lt || divides); n++) {
            if (!next_values())
                continue;
            struct value x = eval_tree(a.t), y = eval_tree(b.t), z = eval_tree(d.t);
            if (x.undefined || y.undefined)
                continue;
            struct pair difference = { node(PT2_E_SUB, PT2_IDX, 2, a.t, b.t, NULL), a.e };
            if ((eq && x.i != y.i) || (le && x.i > y.i) || (lt && x.i >= y.i))
                complain(eq ? "proved equal to 0" : lt ? "proved less than 0" : "proved at most 0", difference);
            if (divides && !z.undefined && z.i > 0 && x.i % z.i != 0)
                complain("proved divisible", (struct pair){ node(PT2_E_FLOORMOD, PT2_IDX, 2, a.t, d.t, NULL), a.e });
        }
    }
    assert_true(proved > 10000);
}

static pt2_ex size(const char *name, int64_t lo, int64_t hi)
{
    int id = pt2_symbol(&E, name);
    E.symbols.data[id].lo = lo;
    E.symbols.data[id].hi = hi;
    return pt2_sym(&E, id);
}

static void must(bool proved, const char *what)
{
    if (!proved)
        fail_msg("not proved: %s", what);
}

#define MUST_EQ(a, b) must(pt2_prove_eq(&E, a, b), #a " == " #b)
#define MUST_LT(a, b) must(pt2_prove_lt(&E, a, b), #a " < " #b)
#define MUST_LE(a, b) must(pt2_prove_le(&E, a, b), #a " <= " #b)
#define MUST_DIVIDE(b, a) must(pt2_prove_divides(&E, b, a), #b " divides " #a)

static pt2_ex add2(pt2_ex a, pt2_ex b) { return pt2_add(&E, a, b); }
static pt2_ex mul2(pt2_ex a, pt2_ex b) { return pt2_mul(&E, a, b); }
static pt2_ex div2(pt2_ex a, pt2_ex b) { return pt2_floordiv(&E, a, b); }
static pt2_ex mod2(pt2_ex a, pt2_ex b) { return pt2_floormod(&E, a, b); }
static pt2_ex num(int64_t i) { return pt2_idx(&E, i); }

static void test_reshapes(void **state)
{
    (void)state;
    fresh();
    pt2_ex s0 = size("s0", 1, PT2_INF), s1 = size("s1", 2, PT2_INF), s2 = size("s2", 1, 64), zero = num(0);
    pt2_ex i = pt2_var(&E, 0, s0), j = pt2_var(&E, 1, s1), k = pt2_var(&E, 2, num(7)), l = pt2_var(&E, 3, num(196));
    MUST_EQ(div2(add2(mul2(i, num(7)), k), num(7)), i);
    MUST_EQ(mod2(add2(mul2(i, num(7)), k), num(7)), k);
    MUST_EQ(div2(add2(mul2(i, s1), j), s1), i);
    MUST_EQ(mod2(add2(mul2(i, s1), j), s1), j);
    pt2_ex flat = add2(mul2(add2(mul2(i, s1), j), num(7)), k); /* of [s0, s1, 7] */
    MUST_EQ(div2(flat, mul2(s1, num(7))), i);
    MUST_EQ(mod2(div2(flat, num(7)), s1), j);
    MUST_EQ(mod2(flat, num(7)), k);
    MUST_LT(flat, mul2(mul2(s0, s1), num(7)));
    MUST_LE(zero, flat);
    pt2_ex whole = pt2_var(&E, 4, mul2(mul2(s0, s1), num(7))); /* unflatten, then flatten */
    pt2_ex a = div2(whole, mul2(s1, num(7))), b = mod2(div2(whole, num(7)), s1), c = mod2(whole, num(7));
    MUST_EQ(add2(mul2(add2(mul2(a, s1), b), num(7)), c), whole);
    MUST_LT(a, s0);
    MUST_LT(b, s1);
    MUST_EQ(add2(mul2(div2(l, num(14)), num(14)), mod2(l, num(14))), l);
    MUST_EQ(mul2(s0, add2(s1, num(1))), add2(mul2(s0, s1), s0));
    MUST_EQ(div2(mul2(s0, s2), s2), s0);
    pt2_ex wide = add2(s1, num(1)), m = pt2_var(&E, 5, wide);
    MUST_EQ(div2(add2(mul2(i, wide), m), wide), i);
    MUST_EQ(mod2(add2(mul2(i, wide), m), wide), m);
    MUST_DIVIDE(num(4), add2(mul2(s0, num(4)), mul2(i, num(8))));
    MUST_DIVIDE(s1, add2(mul2(s0, s1), mul2(s1, num(3))));
    MUST_LE(s0, mul2(s0, s1));
    MUST_LE(num(2), mul2(s0, s1));
}

static void test_windows(void **state)
{
    (void)state;
    fresh();
    pt2_ex h = size("h", 3, PT2_INF), s0 = size("s0", 1, PT2_INF), s1 = size("s1", 1, PT2_INF), zero = num(0);
    pt2_ex r = pt2_var(&E, 1, num(3));
    /* padding: the index is clamped */
    pt2_ex p = pt2_var(&E, 0, pt2_addi(&E, h, 2)), last = pt2_addi(&E, h, -1);
    pt2_ex inside = pt2_max(&E, pt2_min(&E, pt2_addi(&E, p, -1), last), zero);
    MUST_LE(zero, inside);
    MUST_LT(inside, h);
    /* convolution, stride 2, no padding */
    pt2_ex out = pt2_addi(&E, div2(pt2_addi(&E, h, -3), num(2)), 1), o = pt2_var(&E, 0, out);
    MUST_LT(add2(mul2(o, num(2)), r), h);
    MUST_LE(zero, add2(mul2(o, num(2)), r));
    /* convolution with padding 1: clamped */
    pt2_ex x = pt2_addi(&E, add2(mul2(pt2_var(&E, 0, num(14)), num(2)), r), -1);
    pt2_ex clamped = pt2_min(&E, pt2_max(&E, x, zero), num(27));
    MUST_LE(zero, clamped);
    MUST_LT(clamped, num(28));
    /* pooling 2x2 */
    pt2_ex half = pt2_var(&E, 0, div2(h, num(2)));
    MUST_LT(pt2_addi(&E, mul2(half, num(2)), 1), h);
    /* concatenation */
    pt2_ex i = pt2_var(&E, 0, add2(s0, s1)), part = pt2_sub(&E, i, s0);
    MUST_LT(part, s1);
    MUST_LT(pt2_min(&E, i, pt2_addi(&E, s0, -1)), s0);
    MUST_LE(zero, pt2_max(&E, part, zero));
    MUST_LT(pt2_max(&E, part, zero), s1);
    /* slices */
    MUST_LT(pt2_addi(&E, pt2_var(&E, 0, pt2_addi(&E, h, -2)), 2), h);
    MUST_LE(zero, pt2_sub(&E, pt2_addi(&E, h, -1), pt2_var(&E, 0, h)));
    MUST_LT(pt2_sub(&E, pt2_addi(&E, h, -1), pt2_var(&E, 0, h)), h);
    /* an index that data decided */
    pt2_ex data = pt2_cast(&E, PT2_IDX, pt2_load_raw(&E, PT2_I64, 0, 0, NULL));
    MUST_LT(pt2_bin(&E, PT2_E_CHECK, data, s0), s0);
    MUST_LE(zero, pt2_bin(&E, PT2_E_CHECK, data, s0));
}

/* ---- data ---- */

static const int types[] = { PT2_BOOL, PT2_U8,  PT2_I8,  PT2_U16, PT2_I16, PT2_U32,
                             PT2_I32,  PT2_U64, PT2_I64, PT2_F32, PT2_F64 };
enum { NUM_TYPES = sizeof types / sizeof *types };

static int64_t random_int(void)
{
    const int64_t far = (int64_t)1 << 60; /* PT2_INF, and numbers around and beyond it */
    const int64_t corners[] = { 0, 1, -1, 2, 7, 127, 128, 255, -128, 32767, -32768, 65535, INT32_MAX, INT32_MIN,
                                UINT32_MAX, INT64_MAX, INT64_MIN, far, far + 1, -far, far * 4 - far,
                                far + ((int64_t)1 << 36) + 1 /* where two roundings to float32 differ from one */ };
    if (one_in(3))
        return between(-9, 9);
    return one_in(4) ? (int64_t)random_bits() : corners[between(0, (int64_t)(sizeof corners / sizeof *corners) - 1)];
}

static double random_float(void)
{
    static const double corners[] = { 0, -0.0, 1, -1, 0.5, 2, INFINITY, -INFINITY, NAN, 1e30, -1e30, 1e-30, 3.7, -3.7 };
    if (one_in(3))
        return (double)between(-1000, 1000) / 64;
    return corners[between(0, (int64_t)(sizeof corners / sizeof *corners) - 1)];
}

static struct pair data_leaf(int dtype)
{
    int start = (int)between(0, MAX_LOADS - 1);
    for (int k = 0; k < MAX_LOADS && !one_in(3); k++) {
        int n = (start + k) % MAX_LOADS;
        if (env.load_types[n] == dtype)
            return leaf(PT2_E_LOAD, dtype, n, pt2_load_raw(&E, dtype, n, 0, NULL));
    }
    return constant(dtype, random_int(), random_float());
}

static struct pair random_data(int dtype, int depth);

static struct pair random_bool(int depth)
{
    static const int compare_ops[] = { PT2_E_LT, PT2_E_LE, PT2_E_EQ, PT2_E_NE };
    static const int logic[] = { PT2_E_AND, PT2_E_OR, PT2_E_XOR };
    int t = types[between(0, NUM_TYPES - 1)];
    switch (between(0, 3)) {
    case 0: return bin(logic[between(0, 2)], random_data(PT2_BOOL, depth - 1), random_data(PT2_BOOL, depth - 1));
    case 1: return un(PT2_E_NOT, random_data(PT2_BOOL, depth - 1));
    default: return bin(compare_ops[between(0, 3)], random_data(t, depth - 1), random_data(t, depth - 1));
    }
}

static struct pair random_data(int dtype, int depth)
{
    static const int int_ops[] = { PT2_E_ADD, PT2_E_SUB, PT2_E_MUL, PT2_E_MIN, PT2_E_MAX, PT2_E_AND, PT2_E_OR,
                                   PT2_E_XOR, PT2_E_FLOORDIV, PT2_E_FLOORMOD, PT2_E_TRUNCDIV, PT2_E_REM, PT2_E_SHL,
                                   PT2_E_SHR };
    static const int float_ops[] = { PT2_E_ADD, PT2_E_SUB, PT2_E_MUL, PT2_E_DIV };
    static const int int_unary[] = { PT2_E_NEG, PT2_E_ABS, PT2_E_NOT };
    static const int float_unary[] = { PT2_E_NEG, PT2_E_ABS, PT2_E_SQRT, PT2_E_FLOOR, PT2_E_CEIL, PT2_E_TRUNC };
    bool flt = pt2_is_float_type(dtype);
    if (depth <= 0)
        return data_leaf(dtype);
    int what = (int)between(0, 9);
    if (what < 2)
        return cast(dtype, random_data(types[between(0, NUM_TYPES - 1)], depth - 1));
    if (what == 2)
        return choose(random_data(PT2_BOOL, depth - 1), random_data(dtype, depth - 1), random_data(dtype, depth - 1));
    if (dtype == PT2_BOOL)
        return random_bool(depth);
    if (what < 5)
        return un(flt ? float_unary[between(0, 5)] : int_unary[between(0, 2)], random_data(dtype, depth - 1));
    struct pair a = random_data(dtype, depth - 1), b = one_in(8) ? a : random_data(dtype, depth - 1);
    return bin(flt ? float_ops[between(0, 3)] : int_ops[between(0, 13)], a, b);
}

static void test_data(void **state)
{
    (void)state;
    seed = 4;
    for (int k = 0; k < 60000; k++) {
        fresh();
        for (int n = 0; n < MAX_LOADS; n++)
            env.load_types[n] = types[between(0, NUM_TYPES - 1)];
        struct pair p = random_data(types[between(0, NUM_TYPES - 1)], (int)between(1, 4));
        struct pair again = { p.t, pt2_rewrite(&E, p.e, keep, NULL) };
        for (int n = 0; n < 8; n++) {
            for (int j = 0; j < MAX_LOADS; j++)
                env.loads[j] = pt2_is_float_type(env.load_types[j]) ? of_float(env.load_types[j], random_float())
                                                                    : of_int(env.load_types[j], random_int());
            check_equal("built differs", p);
            check_equal("rewritten differs", again);
        }
    }
}

/* ---- single rules ---- */

static pt2_ex load(int dtype, int number) { return pt2_load_raw(&E, dtype, number, 0, NULL); }

static void test_folding(void **state)
{
    (void)state;
    fresh();
    pt2_ex x = load(PT2_F32, 0), zero = pt2_num(&E, PT2_F32, 0), c = load(PT2_BOOL, 1);
    assert_ptr_not_equal(add2(x, zero), x); /* -0 + 0 is 0 */
    assert_ptr_equal(pt2_sub(&E, x, zero), x);
    assert_ptr_equal(mul2(x, pt2_num(&E, PT2_F32, 1)), x);
    assert_ptr_not_equal(mul2(x, zero), zero); /* of NaN and infinity */
    assert_ptr_not_equal(pt2_sub(&E, x, x), zero);
    assert_ptr_equal(pt2_select(&E, c, x, x), x);
    pt2_ex yes = pt2_int(&E, PT2_BOOL, 1), no = pt2_int(&E, PT2_BOOL, 0);
    assert_ptr_equal(pt2_select(&E, pt2_not(&E, pt2_not(&E, c)), yes, no), c);
    assert_ptr_equal(pt2_cast(&E, PT2_F64, pt2_cast(&E, PT2_F64, x)), pt2_cast(&E, PT2_F64, x));
    assert_ptr_equal(pt2_cast(&E, PT2_F32, pt2_cast(&E, PT2_F64, x)), x);
    pt2_ex d = load(PT2_F64, 2), i = load(PT2_I32, 3);
    assert_ptr_not_equal(pt2_cast(&E, PT2_F64, pt2_cast(&E, PT2_F32, d)), d);
    assert_ptr_equal(pt2_cast(&E, PT2_I32, pt2_cast(&E, PT2_I64, i)), i);
    assert_ptr_not_equal(pt2_cast(&E, PT2_I32, pt2_cast(&E, PT2_I8, i)), i);
    assert_ptr_not_equal(pt2_cast(&E, PT2_I32, pt2_cast(&E, PT2_F32, i)), i); /* float32 has 24 bits */
    pt2_ex half = pt2_roundto(&E, PT2_F16, x);
    assert_ptr_not_equal(half, x);
    assert_ptr_equal(pt2_roundto(&E, PT2_F16, half), half);
    assert_ptr_equal(pt2_roundto(&E, PT2_F32, x), x);
    assert_true(pt2_roundto(&E, PT2_F16, pt2_num(&E, PT2_F32, 0.1))->f == (double)pt2_f16_to_f32(pt2_f32_to_f16(0.1f)));
    assert_true(pt2_is_int(add2(pt2_int(&E, PT2_U8, 200), pt2_int(&E, PT2_U8, 100)), 44));
    assert_true(pt2_is_int(pt2_cast(&E, PT2_I8, pt2_int(&E, PT2_I32, 200)), -56));
    assert_true(pt2_is_int(pt2_cast(&E, PT2_BOOL, pt2_num(&E, PT2_F32, 0.5)), 1));
    pt2_ex nan = pt2_num(&E, PT2_F32, NAN);
    assert_true(pt2_is_int(pt2_bin(&E, PT2_E_NE, nan, nan), 1));
    assert_false(pt2_is_const(pt2_bin(&E, PT2_E_EQ, x, x)));
    assert_false(pt2_is_const(pt2_bin(&E, PT2_E_EQ, load(PT2_I64, 4), pt2_int(&E, PT2_I64, INT64_MAX))));
    assert_false(pt2_is_const(pt2_lt(&E, load(PT2_I64, 4), pt2_int(&E, PT2_I64, INT64_MAX))));
}

static void test_eval(void **state)
{
    (void)state;
    seed = 5;
    for (int k = 0; k < 10000; k++) {
        uint8_t known[MAX_SYMS] = { 1, 1, 1 };
        int64_t got;
        universe();
        env.num_vars = 1;
        env.extents[0] = idx(1);
        struct pair p = random_index((int)between(1, 4));
        for (int n = 0; n < 4 && !(p.e->has & PT2_HAS_VAR); n++) {
            next_values();
            struct value want = eval_tree(p.t);
            if (want.undefined)
                continue;
            if (pt2_eval(&E, p.e, env.syms, known, &got) != PT2_OK)
                complain(pt2_error_message(), p);
            struct pt2_str s = { 0 };
            pt2_expr_print(&E, p.e, &s);
            if (got != want.i && !strstr(s.data, "check("))
                complain("pt2_eval differs", p);
            pt2_str_free(&s);
        }
    }
}

/* Numbers beyond PT2_INF, which as a bound is none: sums are exact, nothing false is proved, and what the host computes
 * is right or an error. */
static void test_far(void **state)
{
    (void)state;
    fresh();
    pt2_exprs_init(&E);
    const int64_t far = 1760000000123456789, n = far + 5;
    const uint8_t known = 1;
    int64_t got;
    double f;
    pt2_ex u = pt2_sym(&E, pt2_symbol(&E, "u")), k = pt2_idx(&E, far);
    assert_true(pt2_symbol_takes(&E.symbols.data[0], n) && pt2_symbol_takes(&E.symbols.data[0], -n));
    struct { pt2_ex e; int64_t want; } right[] = {
        { pt2_add(&E, u, k), n + far }, { pt2_sub(&E, u, k), 5 }, { pt2_min(&E, u, k), far }, { pt2_max(&E, u, k), n },
        { pt2_floormod(&E, u, k), 5 }, { pt2_floordiv(&E, u, pt2_idx(&E, -far)), -2 }, { pt2_muli(&E, u, 4), n * 4 },
        { pt2_lt(&E, k, u), 1 }, { pt2_le(&E, u, k), 0 }, { pt2_eq(&E, u, k), 0 },
        { pt2_bin(&E, PT2_E_SHR, u, pt2_idx(&E, 32)), n >> 32 },
        { pt2_cast(&E, PT2_I32, u), (int32_t)n }, { pt2_bin(&E, PT2_E_POW, pt2_idx(&E, -1), u), 1 },
        { pt2_bitcast(&E, PT2_I32, pt2_cast(&E, PT2_F32, pt2_sub(&E, u, k))), 0x40a00000 },
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(pt2_eval(&E, right[i].e, &n, &known, &got), PT2_OK);
        assert_int_equal(got, right[i].want);
    }
    pt2_ex wrong[] = { pt2_muli(&E, u, 16), pt2_add(&E, pt2_muli(&E, u, 4), pt2_muli(&E, k, 4)),
                       pt2_mul(&E, u, k), pt2_bin(&E, PT2_E_SHL, u, pt2_idx(&E, 3)),
                       pt2_bin(&E, PT2_E_POW, u, pt2_idx(&E, 2)) };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(pt2_eval(&E, wrong[i], &n, &known, &got), PT2_ERR_INPUT);
    /* 2^54 + 2^30 + 1 is nearer to 2^54 + 2^31; rounded to double first, it would be a tie */
    const int64_t tie = (INT64_C(1) << 54) + (1 << 30) + 1;
    assert_int_equal(pt2_eval_float(&E, pt2_cast(&E, PT2_F32, u), &tie, &known, &f), PT2_OK);
    assert_true(f == 18014400656965632.0);
}

static int teardown(void **state)
{
    (void)state;
    fresh();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index), cmocka_unit_test(test_substitution), cmocka_unit_test(test_nothing_false),
        cmocka_unit_test(test_reshapes), cmocka_unit_test(test_windows), cmocka_unit_test(test_data),
        cmocka_unit_test(test_folding), cmocka_unit_test(test_eval),
        cmocka_unit_test(test_far),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
