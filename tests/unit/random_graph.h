/* SPDX-License-Identifier: MIT
 *
 * Random graphs, an interpreter that is as simple as the definition of the nodes, and a runner of plans on one
 * device. All numbers are small integers, or halves that are never summed, so that results are exact in any
 * order.
 */
#ifndef PT2_RANDOM_GRAPH_H
#define PT2_RANDOM_GRAPH_H

#include "device.h"
#include "pass/pass.h"
#include "runtime/internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- random numbers ---- */

static uint64_t seed;

static int below(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)((seed * 0x2545f4914f6cdd1du >> 33) % (uint64_t)n);
}

static bool one_in(int n) { return below(n) == 0; }

/* Sizes at which kernels take other forms, and products of matrices. */
static bool large;

/* ---- the graph ---- */

enum { MAX_VALUES = 40, MAX_ELEMENTS = 4096, CLAMP = 50 };

static struct builder {
    struct pt2_module m;
    struct pt2_graph *g;
    struct pt2_value *list[MAX_VALUES]; /* what nodes may read */
    int count, num_vars;
    pt2_ex vars[PT2_MAX_RANK];
    int64_t s0;                         /* the symbol's value in this run */
} B;

static void add_value(struct pt2_value *v)
{
    B.list[B.count] = v;
    B.count++;
}

static pt2_ex idx(int64_t i) { return pt2_idx(&B.m.exprs, i); }

static pt2_ex clamp(pt2_ex e, int bound)
{
    struct pt2_exprs *E = &B.m.exprs;
    if (e->dtype == PT2_BOOL)
        return e;
    return pt2_max(E, pt2_min(E, e, pt2_int(E, e->dtype, bound)), pt2_int(E, e->dtype, -bound));
}

static pt2_ex convert(int type, pt2_ex e)
{
    struct pt2_exprs *E = &B.m.exprs;
    if (type == PT2_BOOL && e->dtype != PT2_BOOL)
        return pt2_lt(E, e, pt2_int(E, e->dtype, below(5) - 2));
    return pt2_cast(E, type, type == PT2_I64 ? clamp(e, CLAMP) : e);
}

static pt2_ex random_read(int type, int depth);

/* Some index into a dimension of this size; pt2_load clamps it. */
static pt2_ex random_index(pt2_ex size, int position, int depth)
{
    struct pt2_exprs *E = &B.m.exprs;
    pt2_ex v = B.num_vars ? B.vars[below(B.num_vars)] : idx(0);
    if (position < B.num_vars && !one_in(4) && B.vars[position]->op == PT2_E_VAR && B.vars[position]->args[0] == size)
        return B.vars[position];
    for (int k = 0; k < B.num_vars && !one_in(4); k++)
        if (B.vars[k]->op == PT2_E_VAR && B.vars[k]->args[0] == size)
            return B.vars[k];
    switch (below(6)) {
    case 0: return pt2_addi(E, v, below(4) - 1);
    case 1: return pt2_sub(E, pt2_addi(E, size, -1), v);
    case 2: return pt2_floordiv(E, v, idx(2));
    case 3:
        if (depth <= 0)
            return v;
        v = pt2_cast(E, PT2_IDX, random_read(PT2_I64, depth - 1)); /* what CHECK accepts: -1 is the last one */
        return pt2_bin(E, PT2_E_CHECK, pt2_max(E, pt2_min(E, v, pt2_addi(E, size, -1)), idx(-1)), size);
    case 4: return idx(below(3));
    default: return v;
    }
}

/* An element of a random value. */
static pt2_ex random_read(int type, int depth)
{
    pt2_ex index[PT2_MAX_RANK];
    const struct pt2_value *v = B.list[one_in(2) ? B.count - 1 - below(B.count < 3 ? B.count : 3) : below(B.count)];
    for (int k = 0; k < v->rank; k++)
        index[k] = random_index(v->shape[k], k, depth);
    return convert(type, pt2_load(B.g, v, index));
}

static pt2_ex random_body(int type, int depth)
{
    static const enum pt2_expr_op ops[] = { PT2_E_ADD, PT2_E_SUB, PT2_E_MUL, PT2_E_MIN, PT2_E_MAX };
    struct pt2_exprs *E = &B.m.exprs;
    if (depth <= 0)
        return one_in(6) ? pt2_int(E, type, below(9) - 4) : random_read(type, 1);
    if (type == PT2_BOOL)
        return one_in(2) ? pt2_lt(E, random_body(PT2_F32, depth - 1), random_body(PT2_F32, depth - 1))
                         : pt2_or(E, random_body(PT2_BOOL, depth - 1), pt2_not(E, random_body(PT2_BOOL, depth - 1)));
    if (one_in(5) && B.num_vars)
        return pt2_cast(E, type, B.vars[below(B.num_vars)]);
    pt2_ex a = random_body(type, depth - 1), b = random_body(type, depth - 1);
    if (one_in(5))
        return pt2_select(E, random_body(PT2_BOOL, depth - 1), a, b);
    return pt2_bin(E, ops[below(5)], clamp(a, CLAMP), clamp(b, CLAMP));
}

/* Small integers, so that sums and products are exact in any order. */
static pt2_ex summable(enum pt2_reduce_op op, int type)
{
    pt2_ex e = random_body(type, below(3));
    e = clamp(e, op == PT2_RED_PROD ? 1 : op == PT2_RED_SUM ? 20 : CLAMP);
    return pt2_is_float_type(type) ? pt2_un(&B.m.exprs, PT2_E_FLOOR, e) : e;
}

static pt2_ex random_size(void)
{
    return idx(large && one_in(2) ? 16 + below(60) : 1 + below(5));
}

static bool is_too_large(int rank, const pt2_ex *shape)
{
    int64_t n = 1;
    for (int k = 0; k < rank; k++)
        n *= pt2_is_const(shape[k]) ? shape[k]->i : 4;
    return n > MAX_ELEMENTS;
}

static int random_shape(pt2_ex *shape, int max_rank)
{
    if (B.count && !one_in(3)) {
        const struct pt2_value *v = B.list[below(B.count)];
        int rank = v->rank < max_rank ? v->rank : max_rank;
        for (int k = 0; k < rank; k++)
            shape[k] = v->shape[k];
        return rank;
    }
    int rank = below(max_rank + 1);
    for (int k = 0; k < rank; k++)
        shape[k] = one_in(3) ? pt2_addi(&B.m.exprs, pt2_sym(&B.m.exprs, 0), below(2)) : random_size();
    while (is_too_large(rank, shape))
        rank--;
    return rank;
}

static pt2_dtype random_type(void)
{
    static const pt2_dtype types[] = { PT2_F32, PT2_F32, PT2_F32, PT2_I64, PT2_BOOL, PT2_F16 };
    return types[below(6)];
}

static void use_vars(int rank, const pt2_ex *shape)
{
    B.num_vars = rank;
    pt2_vars(B.g, rank, shape, 0, B.vars);
}

static struct pt2_value *random_map(void)
{
    pt2_ex shape[PT2_MAX_RANK];
    pt2_dtype t = random_type();
    int rank = random_shape(shape, 3);
    use_vars(rank, shape);
    pt2_ex e = clamp(random_body((int)pt2_dtype_compute(t), below(4)), CLAMP);
    if (t == PT2_F16)
        e = pt2_mul(&B.m.exprs, e, pt2_num(&B.m.exprs, PT2_F32, 0.37));
    return pt2_node_map(B.g, t, rank, shape, e);
}

/* A view: reshape of everything to two dimensions, or a permutation. */
static struct pt2_value *random_view(void)
{
    struct pt2_exprs *E = &B.m.exprs;
    struct pt2_value *v = B.list[below(B.count)];
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    if (v->rank == 0)
        return random_map();
    if (one_in(2)) {
        for (int k = 0; k < v->rank; k++)
            shape[k] = v->shape[v->rank - 1 - k];
        use_vars(v->rank, shape);
        for (int k = 0; k < v->rank; k++)
            index[k] = B.vars[v->rank - 1 - k];
        return pt2_node_map(B.g, v->dtype, v->rank, shape, pt2_load(B.g, v, index));
    }
    shape[0] = v->shape[v->rank - 1];
    shape[1] = pt2_product(E, v->rank - 1, v->shape);
    use_vars(2, shape);
    pt2_delinearize(E, v->rank, v->shape, pt2_linearize(E, 2, shape, B.vars), index);
    return pt2_node_map(B.g, v->dtype, 2, shape, pt2_load(B.g, v, index));
}

static struct pt2_value *random_reduce(void)
{
    static const enum pt2_reduce_op ops[] = { PT2_RED_SUM, PT2_RED_SUM, PT2_RED_MAX, PT2_RED_MIN, PT2_RED_PROD,
                                              PT2_RED_ANY, PT2_RED_ALL, PT2_RED_ARGMAX, PT2_RED_ARGMIN };
    pt2_ex shape[PT2_MAX_RANK];
    enum pt2_reduce_op op = ops[below(9)];
    int rank = random_shape(shape, 3), axes = rank ? 1 + below(rank) : 0;
    bool logic = op == PT2_RED_ANY || op == PT2_RED_ALL, arg = op == PT2_RED_ARGMAX || op == PT2_RED_ARGMIN;
    pt2_dtype t = logic ? PT2_BOOL : arg ? PT2_I64 : one_in(3) ? PT2_I64 : one_in(4) ? PT2_F16 : PT2_F32;
    use_vars(rank, shape);
    return pt2_node_reduce(B.g, op, t, rank - axes, shape, axes, shape + rank - axes,
                           summable(op, logic ? PT2_BOOL : arg ? PT2_F32 : (int)pt2_dtype_compute(t)));
}

static struct pt2_value *random_scan(void)
{
    static const enum pt2_reduce_op ops[] = { PT2_RED_SUM, PT2_RED_PROD, PT2_RED_MAX, PT2_RED_MIN };
    pt2_ex shape[PT2_MAX_RANK];
    enum pt2_reduce_op op = ops[below(4)];
    int rank = random_shape(shape, 3);
    if (rank == 0)
        return random_map();
    use_vars(rank, shape);
    pt2_dtype t = one_in(2) ? PT2_F32 : PT2_I64;
    return pt2_node_scan(B.g, op, t, rank, shape, below(rank), one_in(2), summable(op, (int)t));
}

static struct pt2_value *random_scatter(void)
{
    static const enum pt2_reduce_op ops[] = { PT2_RED_SET, PT2_RED_SET, PT2_RED_SUM, PT2_RED_MAX, PT2_RED_MIN };
    struct pt2_exprs *E = &B.m.exprs;
    struct pt2_value *base = B.list[below(B.count)];
    pt2_ex axes[PT2_MAX_RANK], index[PT2_MAX_RANK];
    int n = random_shape(axes, 2);
    if (base->dtype == PT2_BOOL)
        return random_map();
    use_vars(n, axes);
    for (int k = 0; k < base->rank; k++) {
        pt2_ex i = random_index(base->shape[k], k, 1);
        index[k] = pt2_max(E, pt2_min(E, i, pt2_addi(E, base->shape[k], -1)), idx(0));
    }
    enum pt2_reduce_op op = ops[below(5)];
    pt2_ex body = summable(op, (int)pt2_dtype_compute(base->dtype));
    return pt2_node_scatter(B.g, op, base, n, axes, index, body, one_in(2) ? random_body(PT2_BOOL, 1) : NULL);
}

static struct pt2_value *random_sort(void)
{
    struct pt2_value *v = B.list[below(B.count)];
    if (v->rank == 0 || (v->dtype != PT2_F32 && v->dtype != PT2_I64))
        return random_map();
    struct pt2_value *keys = pt2_node_sort(B.g, v, one_in(2));
    add_value(keys->def->outs[1]);
    return keys;
}

/* Something of this type and shape but for the axis, of a kind that often has a kernel of its own. */
static struct pt2_value *random_part(const struct pt2_value *like, int axis)
{
    pt2_ex shape[PT2_MAX_RANK], extent = one_in(2) ? like->shape[axis] : idx(1 + below(4));
    for (int k = 0; k < B.count && !one_in(3); k++) {
        struct pt2_value *v = B.list[(B.count - 1 - k)];
        bool same = v->dtype == like->dtype && v->rank == like->rank;
        for (int d = 0; same && d < v->rank; d++)
            same = d == axis || v->shape[d] == like->shape[d];
        if (same)
            return v;
    }
    memcpy(shape, like->shape, (size_t)like->rank * sizeof *shape);
    shape[axis] = extent;
    int type = (int)pt2_dtype_compute(like->dtype);
    if (one_in(2) || type == PT2_BOOL) {
        use_vars(like->rank, shape);
        return pt2_node_map(B.g, like->dtype, like->rank, shape, clamp(random_body(type, below(3)), CLAMP));
    }
    shape[like->rank] = idx(1 + below(4));
    use_vars(like->rank + 1, shape);
    return pt2_node_reduce(B.g, PT2_RED_SUM, like->dtype, like->rank, shape, 1, shape + like->rank,
                           summable(PT2_RED_SUM, type));
}

/* Values side by side, sometimes with arithmetic behind it. */
static struct pt2_value *random_concat(void)
{
    struct pt2_exprs *E = &B.m.exprs;
    const struct pt2_value *like = B.list[B.count - 1 - below(B.count < 3 ? B.count : 3)], *parts[4];
    pt2_ex shape[PT2_MAX_RANK], start[5] = { idx(0) }, v[PT2_MAX_RANK], e = NULL;
    int n = 2 + below(3);
    if (like->rank == 0 || like->rank == PT2_MAX_RANK)
        return random_map();
    int axis = below(like->rank);
    for (int k = 0; k < n; k++) {
        parts[k] = random_part(like, axis);
        if (parts[k]->id >= like->id && B.count < MAX_VALUES - 6)
            add_value(B.m.values.data[parts[k]->id]);
        start[k + 1] = pt2_add(E, start[k], parts[k]->shape[axis]);
    }
    memcpy(shape, like->shape, (size_t)like->rank * sizeof *shape);
    shape[axis] = start[n];
    pt2_vars(B.g, like->rank, shape, 0, v);
    pt2_ex at = v[axis];
    for (int k = n - 1; k >= 0; k--) {
        v[axis] = pt2_sub(E, at, start[k]);
        pt2_ex part = pt2_load(B.g, parts[k], v);
        e = e ? pt2_select(E, pt2_lt(E, at, start[k + 1]), part, e) : part;
    }
    if (e->dtype == PT2_F32 && one_in(3))
        e = pt2_max(E, pt2_un(E, PT2_E_NEG, e), pt2_int(E, PT2_F32, 0));
    return pt2_node_map(B.g, like->dtype, like->rank, shape, e);
}

/* The element at these axes of a new value that has them in some order. */
static pt2_ex random_factor(pt2_dtype type, int rank, const pt2_ex *extents, const pt2_ex *at)
{
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    int turn = below(rank);
    for (int k = 0; k < rank; k++) {
        shape[k] = extents[(k + turn) % rank];
        index[k] = at[(k + turn) % rank];
    }
    use_vars(rank, shape);
    struct pt2_value *v = pt2_node_map(B.g, type, rank, shape, summable(PT2_RED_SUM, (int)type));
    if (B.count < MAX_VALUES - 6)
        add_value(v);
    return pt2_load(B.g, v, index);
}

/* A product of matrices, maybe of several, or a convolution with three taps and zeros beyond the ends. */
static struct pt2_value *random_product(void)
{
    struct pt2_exprs *E = &B.m.exprs;
    bool batched = one_in(3), taps = one_in(3), shared = one_in(2);
    pt2_dtype type = one_in(4) ? PT2_I64 : PT2_F32;
    pt2_ex extents[5] = { batched ? idx(1 + below(3)) : idx(1), random_size(), random_size(), random_size(), idx(3) };
    pt2_ex v[5];
    pt2_vars(B.g, 5, extents, 0, v);
    pt2_ex position = taps ? pt2_addi(E, pt2_add(E, v[2], v[4]), -1) : v[2];
    pt2_ex inside = pt2_and(E, pt2_le(E, idx(0), position), pt2_lt(E, position, extents[2]));
    pt2_ex rows[4] = { extents[1], extents[3], taps ? idx(3) : extents[0], extents[0] };
    pt2_ex row_at[4] = { v[1], v[3], taps ? v[4] : v[0], v[0] };
    pt2_ex cols[3] = { extents[3], extents[2], extents[0] }, col_at[3] = { v[3], position, v[0] };
    pt2_ex a = random_factor(type, (taps ? 3 : 2) + !shared, rows, row_at);
    pt2_ex b = random_factor(type, batched || shared ? 3 : 2, cols, col_at);
    b = pt2_select(E, inside, b, pt2_int(E, (int)type, 0));
    return pt2_node_reduce(B.g, PT2_RED_SUM, type, 3, extents, taps ? 2 : 1, extents + 3, pt2_mul(E, a, b));
}

static struct pt2_value *random_node(void)
{
    if (large && one_in(3))
        return random_product();
    switch (below(14)) {
    case 12: case 13: return random_concat();
    case 0: case 1: case 2: return random_reduce();
    case 3: return random_scan();
    case 4: case 5: return random_scatter();
    case 6: return random_sort();
    case 7: case 8: return random_view();
    default: return random_map();
    }
}

static struct pt2_value *random_const(void)
{
    float *data = pt2_arena_alloc(&B.m.arena, 6 * sizeof *data);
    pt2_ex shape[2] = { idx(2), idx(3) };
    for (int k = 0; k < 6; k++)
        data[k] = (float)(below(13) - 6);
    return pt2_node_const(B.g, PT2_F32, 2, shape, data, "c");
}

static void random_graph(int nodes)
{
    pt2_ex shape[PT2_MAX_RANK];
    pt2_module_free(&B.m);
    memset(&B, 0, sizeof B);
    pt2_module_init(&B.m);
    int s0 = pt2_symbol(&B.m.exprs, "s0");
    B.m.exprs.symbols.data[s0].lo = 1 + below(2);
    B.m.exprs.symbols.data[s0].hi = one_in(2) ? PT2_INF : 8;
    B.s0 = 2 + below(3);
    B.g = pt2_graph_new(&B.m, "main");
    for (int k = 0; k < 3; k++) {
        int rank = random_shape(shape, 3);
        struct pt2_value *v = pt2_node_input(B.g, k == 2 ? PT2_I64 : PT2_F32, rank, shape, "x");
        v->def->state = one_in(2);
        v->def->weight = !v->def->state && one_in(2);
        add_value(v);
    }
    if (one_in(2))
        add_value(random_const());
    for (int k = 0; k < nodes && B.count < MAX_VALUES - 2; k++)
        add_value(random_node());
    for (int k = 1 + below(3); k > 0; k--)
        pt2_push(&B.m.arena, &B.g->outputs, B.list[B.count - 1 - below(4)]);
}

/* ---- the interpreter: every number is a double ---- */

static struct interpreter {
    const struct pt2_graph *g;
    double *data[1024];            /* by value id; owned */
    int64_t vars[PT2_MAX_RANK];
    int64_t s0;
} I;

static double eval(pt2_ex e);

static int64_t size_of(pt2_ex e) { return (int64_t)eval(e); }

static int64_t elements(const struct pt2_value *v)
{
    int64_t n = 1;
    for (int k = 0; k < v->rank; k++)
        n *= size_of(v->shape[k]);
    return n;
}

static int64_t offset(const struct pt2_value *v, const int64_t *index)
{
    int64_t at = 0;
    for (int k = 0; k < v->rank; k++) {
        assert_in_range(index[k], 0, size_of(v->shape[k]) - 1);
        at = at * size_of(v->shape[k]) + index[k];
    }
    return at;
}

static double eval_load(pt2_ex e)
{
    int64_t index[PT2_MAX_RANK];
    for (int k = 0; k < e->num_args; k++)
        index[k] = size_of(e->args[k]);
    return I.data[e->i][offset(I.g->module->values.data[e->i], index)];
}

static double operate(pt2_ex e, double a, double b)
{
    bool single = e->dtype == PT2_F32;
    switch (e->op) {
    case PT2_E_ADD: return single ? (double)((float)a + (float)b) : a + b;
    case PT2_E_SUB: return single ? (double)((float)a - (float)b) : a - b;
    case PT2_E_MUL: return single ? (double)((float)a * (float)b) : a * b;
    case PT2_E_NEG: return -a;
    case PT2_E_MIN: return a < b ? a : b;
    case PT2_E_MAX: return a > b ? a : b;
    case PT2_E_FLOOR: return floor(a);
    case PT2_E_FLOORDIV: return floor(a / b);
    case PT2_E_FLOORMOD: return a - b * floor(a / b);
    case PT2_E_LT: return a < b;
    case PT2_E_LE: return a <= b;
    case PT2_E_EQ: return a == b;
    case PT2_E_NE: return a != b;
    case PT2_E_AND: return a != 0 && b != 0;
    case PT2_E_OR: return a != 0 || b != 0;
    case PT2_E_NOT: return a == 0;
    case PT2_E_CHECK: a = a < 0 ? a + b : a; return a < 0 ? 0 : a >= b ? b - 1 : a;
    case PT2_E_CAST: return e->dtype == PT2_BOOL ? a != 0 : pt2_is_float_type(e->dtype) ? a : trunc(a);
    default: fail_msg("operator %s", pt2_expr_op_name((enum pt2_expr_op)e->op)); return 0;
    }
}

static double eval(pt2_ex e)
{
    switch (e->op) {
    case PT2_E_CONST: return pt2_is_float_type(e->dtype) ? e->f : (double)e->i;
    case PT2_E_SYM: return (double)I.s0;
    case PT2_E_VAR: return (double)I.vars[e->i];
    case PT2_E_LOAD: return eval_load(e);
    case PT2_E_SELECT: return eval(e->args[eval(e->args[0]) != 0 ? 1 : 2]);
    default: {
        double r = operate(e, eval(e->args[0]), e->num_args > 1 ? eval(e->args[1]) : 0);
        for (int k = 2; k < e->num_args; k++)
            r = operate(e, r, eval(e->args[k]));
        return r;
    }
    }
}

static double stored(pt2_dtype t, double f)
{
    return t == PT2_F16 ? (double)pt2_f16_to_f32(pt2_f32_to_f16((float)f)) : f;
}

/* The next point of a space in row-major order; false after the last. */
static bool next_point(int n, const pt2_ex *extents, int64_t *at)
{
    for (int k = n - 1; k >= 0; k--) {
        if (++at[k] < size_of(extents[k]))
            return true;
        at[k] = 0;
    }
    return false;
}

static double combine(enum pt2_reduce_op op, double a, double b)
{
    switch (op) {
    case PT2_RED_SUM: return a + b;
    case PT2_RED_PROD: return a * b;
    case PT2_RED_MAX: return a > b ? a : b;
    case PT2_RED_MIN: return a < b ? a : b;
    case PT2_RED_ANY: return a != 0 || b != 0;
    case PT2_RED_ALL: return a != 0 && b != 0;
    default: return b;
    }
}

static double reduce_point(const struct pt2_node *n)
{
    int rank = n->outs[0]->rank;
    double acc = 0, best = 0;
    int64_t position = 0;
    memset(I.vars + rank, 0, sizeof *I.vars * (size_t)n->num_axes);
    do {
        double x = eval(n->body);
        bool better = position == 0 || (n->op == PT2_RED_ARGMAX ? x > best : x < best);
        if (n->op != PT2_RED_ARGMAX && n->op != PT2_RED_ARGMIN)
            acc = position == 0 ? x : combine(n->op, acc, x);
        else if (better)
            acc = (double)position;
        best = better ? x : best;
        position++;
    } while (next_point(n->num_axes, n->axes, I.vars + rank));
    return acc;
}

static double scan_point(const struct pt2_node *n)
{
    int64_t end = I.vars[n->axis], size = size_of(n->outs[0]->shape[n->axis]);
    int64_t k = n->reverse ? size - 1 : 0, step = n->reverse ? -1 : 1;
    double acc = 0;
    for (bool first = true;; first = false, k += step) {
        I.vars[n->axis] = k;
        double x = eval(n->body);
        acc = first ? x : combine(n->op, acc, x);
        if (k == end)
            return acc;
    }
}

static void each_element(const struct pt2_node *n, double *out)
{
    const struct pt2_value *v = n->outs[0];
    int64_t at[PT2_MAX_RANK] = { 0 };
    do {
        memcpy(I.vars, at, sizeof at);
        double x = n->kind == PT2_NODE_MAP      ? eval(n->body)
                   : n->kind == PT2_NODE_REDUCE ? reduce_point(n)
                                                : scan_point(n);
        out[offset(v, at)] = stored(v->dtype, x);
    } while (next_point(v->rank, v->shape, at));
}

static void scatter(const struct pt2_node *n, double *out)
{
    memcpy(out, I.data[n->base->id], (size_t)elements(n->base) * sizeof *out);
    memset(I.vars, 0, sizeof I.vars);
    do {
        int64_t index[PT2_MAX_RANK];
        if (n->cond && eval(n->cond) == 0)
            continue;
        for (int k = 0; k < n->base->rank; k++)
            index[k] = size_of(n->index[k]);
        double *to = &out[offset(n->base, index)];
        *to = stored(n->base->dtype, combine(n->op, *to, eval(n->body)));
    } while (next_point(n->num_axes, n->axes, I.vars));
}

static void sort(const struct pt2_node *n, double *keys, double *positions)
{
    const struct pt2_value *v = n->base;
    int64_t size = size_of(v->shape[v->rank - 1]), rows = elements(v) / size;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < size; k++) { /* insertion: stable */
            double x = I.data[v->id][r * size + k];
            int64_t j = k;
            for (; j > 0 && (n->reverse ? keys[r * size + j - 1] < x : keys[r * size + j - 1] > x); j--) {
                keys[r * size + j] = keys[r * size + j - 1];
                positions[r * size + j] = positions[r * size + j - 1];
            }
            keys[r * size + j] = x;
            positions[r * size + j] = (double)k;
        }
}

static void fill(const struct pt2_node *n, double *out)
{
    const struct pt2_value *v = n->outs[0];
    for (int64_t k = 0; k < elements(v); k++)
        out[k] = n->kind == PT2_NODE_CONST ? pt2_load_double(v->dtype, n->data, k) : (double)(below(41) - 20);
}

static void interpret(const struct pt2_graph *g, int64_t s0)
{
    for (int k = 0; k < 1024; k++)
        free(I.data[k]);
    memset(&I, 0, sizeof I);
    I.g = g;
    I.s0 = s0;
    for (uint32_t k = 0; k < g->nodes.count; k++) {
        const struct pt2_node *n = g->nodes.data[k];
        for (int j = 0; j < n->num_outs; j++)
            I.data[n->outs[j]->id] = calloc((size_t)elements(n->outs[j]) + 1, sizeof(double));
        double *out = I.data[n->outs[0]->id];
        switch (n->kind) {
        case PT2_NODE_INPUT: case PT2_NODE_CONST: fill(n, out); break;
        case PT2_NODE_SCATTER: scatter(n, out); break;
        case PT2_NODE_SORT: sort(n, out, I.data[n->outs[1]->id]); break;
        default: each_element(n, out);
        }
    }
}

/* Graph number k, whose values the interpreter then has, as text; owned. */
static inline char *numbered_graph(int k)
{
    struct pt2_str s = { 0 };
    seed = (uint64_t)k * 0x9e3779b97f4a7c15u + 1;
    random_graph(2 + below(10));
    interpret(B.g, B.s0);
    pt2_str_addf(&s, "# seed %d\n", k);
    pt2_graph_print(B.g, &s);
    return s.data;
}

static inline void free_graphs(void)
{
    pt2_module_free(&B.m);
    for (int k = 0; k < 1024; k++)
        free(I.data[k]);
}

/* Which numbers: PT2_SEED and PT2_CASES are one graph again, or more of them. */
static inline void chosen_numbers(int cases, int *first, int *count)
{
    const char *number = getenv("PT2_SEED"), *many = getenv("PT2_CASES");
    *first = number ? atoi(number) : 1;
    *count = many ? atoi(many) : number ? 1 : cases;
}

/* ---- running plans on a device ---- */

static const char *runner_device = "reference"; /* as pt2_device_choose takes it */

struct runner {
    struct pt2_model m;
    struct pt2_session s;
    struct pt2_plan plan;
    struct pt2_epoch epoch;
    struct pt2_program_obj **programs; /* arena; by region */
    struct pt2_buf **bufs;             /* arena; by value: inputs, constants, and without reuse all */
    int64_t sizes[1];
    uint8_t known[1];
};

static void must(pt2_status status, const char *text)
{
    if (status == PT2_OK)
        return;
    fprintf(stderr, "%s\n", text);
    fail_msg("%s", pt2_error_message());
}

enum { ONE_NODE_EACH = 1u << PT2_OPT_INLINE | 1u << PT2_OPT_FUSE };

/* For the main graph, or for the load graph that folding makes; false: it makes none. */
static bool runner_open(struct runner *r, const char *text, int64_t s0, uint32_t without, bool load)
{
    struct pt2_plan_params plan = { .num_devices = 1, .devices = r->m.plan_devices, .without = without };
    struct pt2_graph *g;
    memset(r, 0, sizeof *r);
    must(pt2_device_choose(runner_device, r->m.entries, PT2_MAX_DEVICES, &r->m.num_devices), text);
    must(pt2_device_acquire(r->m.entries[0], &r->m.devices[0]), text);
    r->m.plan_devices[0] = (struct pt2_plan_device){ r->m.entries[0]->id, r->m.devices[0]->desc.caps };
    pt2_module_init(&r->m.module);
    must(pt2_graph_parse(&r->m.module, text, &g), text);
    must(pt2_run_passes(&r->m.module, without), text);
    must(pt2_graph_verify(g), text);
    g = load ? r->m.module.load : g;
    if (!g) {
        pt2_module_free(&r->m.module);
        return false;
    }
    must(pt2_plan_build(g, &plan, &r->plan), text);
    uint32_t values = r->m.module.values.count;
    struct pt2_arena *arena = &r->m.module.arena;
    r->m.needed = PT2_NEW_N(arena, uint8_t, values);
    memset(r->m.needed, 1, values);
    r->m.home = PT2_NEW_N(arena, int, values);
    r->s.model = &r->m;
    r->s.places = PT2_NEW_N(arena, struct pt2_place, values);
    r->sizes[0] = s0;
    r->known[0] = 1;
    r->s.values = r->sizes;
    r->s.known = r->known;
    r->epoch.count = r->plan.num_steps;
    r->bufs = PT2_NEW_N(arena, struct pt2_buf *, values);
    r->programs = PT2_NEW_N(arena, struct pt2_program_obj *, r->plan.regions.count + 1);
    for (uint32_t k = 0; k < r->plan.regions.count; k++) {
        const struct pt2_kernel *kernel = r->plan.regions.data[k]->kernel;
        must(r->m.devices[0]->backend->compile(r->m.devices[0], &kernel, 1, NULL, &r->programs[k]), text);
    }
    return true;
}

static void runner_close(struct runner *r)
{
    const struct pt2_backend *b = r->m.devices[0]->backend;
    for (uint32_t k = 0; k < r->plan.regions.count; k++)
        b->program_destroy(r->m.devices[0], r->programs[k]);
    for (uint32_t k = 0; k < r->m.module.values.count; k++)
        if (r->bufs[k])
            b->buf_destroy(r->m.devices[0], r->bufs[k]);
    pt2_block_free(r->m.devices[0], &r->epoch.blocks[0]);
    free(r->epoch.orders);
    pt2_module_free(&r->m.module);
}

static const struct pt2_value *memory_of(const struct pt2_value *v)
{
    while (v->def->kind == PT2_NODE_SCATTER)
        v = v->def->base;
    return v;
}

static uint64_t bytes_of(const struct pt2_value *v) { return (uint64_t)elements(v) * pt2_dtype_size(v->dtype); }

/* The numbers of an input, a constant or a READY node; values keep their ids when they are folded. */
static const double *given(const struct runner *r, const struct pt2_value *v)
{
    bool weight = v->def->kind == PT2_NODE_READY && r->plan.graph == r->m.module.load;
    return I.data[weight ? B.g->inputs.data[v->def->input]->id : v->id];
}

static bool is_given(const struct pt2_value *v) { return v->def->kind <= PT2_NODE_READY; }

/* A buffer of its own, with what it is given. */
static void own_buffer(struct runner *r, const struct pt2_value *v)
{
    const double *numbers = given(r, v);
    struct pt2_device *d = r->m.devices[0];
    uint64_t bytes = bytes_of(v);
    if (!r->bufs[v->id])
        must(d->backend->buf_create(d, bytes, &r->bufs[v->id]), "buffer");
    if (is_given(v)) {
        char *data = malloc(bytes);
        for (int64_t k = 0; k < elements(v); k++)
            pt2_store_double(v->dtype, data, k, v->def->data ? pt2_load_double(v->dtype, v->def->data, k) : numbers[k]);
        must(d->backend->buf_write(d, r->bufs[v->id], 0, data, bytes), "buffer");
        free(data);
    }
    r->s.places[v->id] = (struct pt2_place){ .buf = { r->bufs[v->id] }, .bytes = bytes };
}

/* Gives every value its memory: one buffer each, or as the runtime places them. */
static void place(struct runner *r, bool reuse, const char *text)
{
    const struct pt2_module *m = &r->m.module;
    if (reuse)
        must(pt2_place_epoch(&r->s, &r->plan, &r->epoch), text);
    for (uint32_t k = 0; k < r->plan.graph->nodes.count; k++) {
        const struct pt2_node *n = r->plan.graph->nodes.data[k];
        for (int j = 0; n->kind != PT2_NODE_SCATTER && j < n->num_outs; j++)
            if (is_given(n->outs[j]) || !reuse)
                own_buffer(r, n->outs[j]);
    }
    for (uint32_t k = 0; k < m->values.count; k++)
        if (m->values.data[k]->def->kind == PT2_NODE_SCATTER)
            r->s.places[k] = r->s.places[memory_of(m->values.data[k])->id];
}

/* A random order that keeps the steps' dependencies, and the orders that the placement asks for. */
static void random_order(const struct runner *r, uint32_t *order)
{
    const struct pt2_plan *p = &r->plan;
    bool *done = calloc(p->num_steps + 1, 1);
    for (uint32_t n = 0; n < p->num_steps;) {
        uint32_t k = (uint32_t)below((int)p->num_steps);
        bool ready = !done[k];
        for (uint32_t j = 0; j < p->steps[k].num_deps; j++)
            ready = ready && done[p->steps[k].deps[j]];
        for (uint32_t j = 0; j < r->epoch.num_orders; j++)
            ready = ready && (r->epoch.orders[j].after != k || done[r->epoch.orders[j].before]);
        if (!ready)
            continue;
        done[k] = true;
        order[n++] = k;
    }
    free(done);
}

static void launch(struct runner *r, const struct pt2_region *region, const char *text)
{
    struct pt2_device *d = r->m.devices[0];
    struct pt2_binding b[64];
    int32_t params[64];
    struct pt2_exec *exec;
    uint64_t point;
    int64_t v;
    assert_true(region->num_bufs <= 64 && region->num_params <= 64);
    for (int k = 0; k < region->num_bufs; k++) {
        const struct pt2_place *p = &r->s.places[region->bufs[k]->id];
        b[k] = (struct pt2_binding){ p->buf[0], p->offset[0], p->bytes };
    }
    for (int k = 0; k < region->num_params; k++) {
        must(pt2_eval(&r->m.module.exprs, region->params[k], r->sizes, r->known, &v), text);
        params[k] = (int32_t)v;
    }
    must(pt2_eval(&r->m.module.exprs, region->points, r->sizes, r->known, &v), text);
    struct pt2_launch l = { .program = r->programs[region->id], .bindings = b, .params = params, .points = (uint64_t)v,
                            .label = "test" };
    must(d->backend->exec_create(d, &l, 1, false, &exec), text);
    must(d->backend->submit(d, exec, 0, &point), text);
    must(d->backend->wait(d, point, UINT64_MAX), text);
    d->backend->exec_destroy(d, exec);
}

static void compare_output(struct runner *r, uint32_t number, const struct pt2_value *want, const char *text)
{
    struct pt2_device *d = r->m.devices[0];
    const struct pt2_value *v = r->plan.graph->outputs.data[number];
    if (!want) /* folded, and then not needed */
        return;
    const struct pt2_place *p = &r->s.places[v->id];
    char *data = malloc(p->bytes + 1);
    must(d->backend->buf_read(d, p->buf[0], p->offset[0], data, p->bytes), text);
    for (int64_t k = 0; k < elements(want); k++) {
        double got = pt2_load_double(v->dtype, data, k), wanted = I.data[want->id][k];
        if (got == wanted)
            continue;
        struct pt2_str s = { 0 };
        pt2_graph_print(r->plan.graph, &s);
        fprintf(stderr, "%s\nafter the passes:\n%s\n", text, s.data);
        for (uint32_t j = 0; j < r->plan.regions.count; j++)
            fprintf(stderr, "kernel %s:\n%s\n", r->plan.regions.data[j]->kernel->name,
                    r->plan.regions.data[j]->kernel->text);
        fail_msg("output %u (v%u), element %lld: %g, want %g; s0 = %lld", number, want->id, (long long)k, got, wanted,
                 (long long)I.s0);
    }
    free(data);
}

/* The value of the text that an output is: of the load graph, the one that reads it. */
static const struct pt2_value *wanted_output(const struct runner *r, uint32_t number)
{
    const struct pt2_graph *g = r->m.module.graphs.data[0];
    for (uint32_t k = 0; r->plan.graph == r->m.module.load && k < g->nodes.count; k++)
        if (g->nodes.data[k]->kind == PT2_NODE_READY && g->nodes.data[k]->input == (int)number)
            return B.m.values.data[g->nodes.data[k]->outs[0]->id];
    return r->plan.graph == r->m.module.load ? NULL : B.g->outputs.data[number];
}

/* Runs the steps in a random order that is allowed and compares the outputs with those of the interpreter. */
static void run_and_compare(struct runner *r, bool reuse, const char *text)
{
    uint32_t *order = calloc(r->plan.num_steps + 1, sizeof *order);
    place(r, reuse, text);
    random_order(r, order);
    for (uint32_t k = 0; k < r->plan.num_steps; k++)
        launch(r, r->plan.steps[order[k]].region, text);
    for (uint32_t k = 0; k < r->plan.graph->outputs.count; k++)
        compare_output(r, k, wanted_output(r, k), text);
    free(order);
}

#endif
