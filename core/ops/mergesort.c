/* SPDX-License-Identifier: MIT
 * Long rows: SORT nodes of blocks, then merges of neighbouring runs until one is left. A merge is a MAP: each element
 * of the result searches where it comes from ("merge path": Odeh, Green, Mwassi, Shmueli, Birk, "Merge path - parallel
 * merging made simple", 2012), so that all elements of a row are independent.
 *
 * Without this, a device without a sort of its own counts for each element those that come before it, which takes the
 * square of the row's length. */
#include "ops/data.h"

#include <math.h>

enum { BLOCK = 256, LONG = 1024, MAX_LENGTH = 1 << 24 };

bool op_merges(pt2_ex n)
{
    return pt2_is_const(n) && n->i > LONG && n->i <= MAX_LENGTH;
}

struct rows {
    pt2_t *keys, *positions;
    int64_t n; /* elements of a row */
};

/* What comes last in the order. */
static struct pt2_complex padding(struct pt2_lower *L, pt2_dtype dtype, bool descending)
{
    if (pt2_dtype_is_float(dtype))
        return op_number(L, dtype, descending ? -(double)INFINITY : (double)NAN);
    int type = (int)pt2_dtype_compute(dtype);
    int64_t bits = (int64_t)pt2_dtype_size(dtype) * 8, top = INT64_MAX;
    bool sign = pt2_dtype_is_signed(dtype);
    if (dtype == PT2_BOOL)
        top = 1;
    else if (bits < 64)
        top = (INT64_C(1) << (sign ? bits - 1 : bits)) - 1;
    else if (!sign)
        top = -1;
    pt2_ex key = pt2_int(L->E, type, descending ? (sign ? -top - 1 : 0) : top);
    return (struct pt2_complex){ key, pt2_int(L->E, type, 0) };
}

/* Sorted blocks; positions count from the beginning of the row. */
static struct rows sort_blocks(struct pt2_lower *L, pt2_t *x, bool descending)
{
    struct pt2_exprs *E = L->E;
    int rank = x->rank + 1, last = x->rank - 1;
    int64_t n = (x->shape[last]->i + BLOCK - 1) / BLOCK * BLOCK;
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    memcpy(shape, x->shape, sizeof *shape * (size_t)last);
    shape[last] = pt2_idx(E, n / BLOCK);
    shape[last + 1] = pt2_idx(E, BLOCK);
    pt2_ex *at = op_vars(L, rank, shape);
    memcpy(index, at, sizeof *at * (size_t)last);
    pt2_ex j = index[last] = pt2_add(E, pt2_muli(E, at[last], BLOCK), at[last + 1]);
    pt2_ex inside = pt2_lt(E, j, x->shape[last]);
    pt2_t *blocks = op_pick(L, x, rank, shape, index, inside, padding(L, x->dtype, descending));
    struct pt2_value *keys = pt2_node_sort(L->g, op_value(L, blocks), descending);
    pt2_ex within = op_at(L, op_of_value(L, PT2_I64, keys->def->outs[1]), at);
    pt2_ex position = pt2_add(E, within, pt2_cast(E, PT2_I64, pt2_muli(E, at[last], BLOCK)));
    struct rows r = { op_of_value(L, x->dtype, keys), op_map(L, PT2_I64, rank, shape, position), n };
    shape[last] = pt2_idx(E, n);
    r.keys = op_reshape(L, r.keys, x->rank, shape);
    r.positions = op_reshape(L, r.positions, x->rank, shape);
    return r;
}

/* One merge of runs of `run` elements, seen from element `at` of the result: the first run begins at `begin`, the
 * second one follows and has `second` elements, which is less than `run` at the end of the row. */
struct merge {
    struct pt2_lower *L;
    const struct rows *rows;
    const pt2_ex *at;
    bool descending;
    int64_t run;
    pt2_ex begin, second;
};

static pt2_ex key(const struct merge *m, pt2_ex position)
{
    pt2_ex index[PT2_MAX_RANK];
    int last = m->rows->keys->rank - 1;
    memcpy(index, m->at, sizeof *index * (size_t)last);
    pt2_ex top = pt2_idx(m->L->E, m->rows->n - 1), zero = pt2_idx(m->L->E, 0);
    index[last] = pt2_max(m->L->E, pt2_min(m->L->E, position, top), zero);
    return op_at(m->L, m->rows->keys, index);
}

/* True where element i of the first run comes before element j of the second one. */
static pt2_ex first_wins(const struct merge *m, pt2_ex i, pt2_ex j)
{
    struct pt2_exprs *E = m->L->E;
    pt2_ex a = key(m, pt2_add(E, m->begin, i)), b = key(m, pt2_addi(E, pt2_add(E, m->begin, j), m->run));
    return pt2_or(E, pt2_le(E, m->second, j), pt2_not(E, pt2_sorts_before(E, b, a, m->descending)));
}

/* Where in the row the element at m->at comes from. */
static pt2_ex source(struct merge *m)
{
    struct pt2_exprs *E = m->L->E;
    int last = m->rows->keys->rank - 1;
    pt2_ex i = m->at[last], pair = pt2_idx(E, 2 * m->run), run = pt2_idx(E, m->run), zero = pt2_idx(E, 0);
    pt2_ex d = pt2_floormod(E, i, pair);
    m->begin = pt2_sub(E, i, d);
    pt2_ex left = pt2_addi(E, pt2_sub(E, pt2_idx(E, m->rows->n), m->begin), -m->run);
    m->second = pt2_max(E, pt2_min(E, left, run), zero);
    /* The first run is whole but for the last pair of a row, which then has no second one. */
    pt2_ex taken = zero, most = pt2_min(E, d, run);
    for (int64_t step = m->run; step > 0; step /= 2) {
        pt2_ex more = pt2_addi(E, taken, step);
        pt2_ex wins = first_wins(m, pt2_addi(E, more, -1), pt2_sub(E, d, more));
        taken = pt2_select(E, pt2_and(E, pt2_le(E, more, most), wins), more, taken);
    }
    pt2_ex rest = pt2_sub(E, d, taken);
    pt2_ex first = pt2_and(E, pt2_lt(E, taken, run), first_wins(m, taken, rest));
    return pt2_add(E, m->begin, pt2_select(E, first, taken, pt2_addi(E, rest, m->run)));
}

static void merge_runs(struct pt2_lower *L, struct rows *r, int64_t run, bool descending)
{
    int rank = r->keys->rank;
    pt2_ex *shape = r->keys->shape, *at = op_vars(L, rank, shape), index[PT2_MAX_RANK];
    struct merge m = { .L = L, .rows = r, .at = at, .descending = descending, .run = run };
    pt2_t *from = op_map(L, PT2_I32, rank, shape, pt2_cast(L->E, PT2_I32, source(&m)));
    memcpy(index, at, sizeof *at * (size_t)rank);
    index[rank - 1] = pt2_cast(L->E, PT2_IDX, op_at(L, op_of_value(L, PT2_I32, op_value(L, from)), at));
    r->keys = op_map(L, r->keys->dtype, rank, shape, op_at(L, r->keys, index));
    r->positions = op_map(L, PT2_I64, rank, shape, op_at(L, r->positions, index));
}

void op_merge_sort(struct pt2_lower *L, pt2_t *x, bool descending, pt2_t **out_keys, pt2_t **out_positions)
{
    struct rows r = sort_blocks(L, x, descending);
    pt2_ex n = x->shape[x->rank - 1], zero = pt2_idx(L->E, 0), one = pt2_idx(L->E, 1);
    for (int64_t run = BLOCK; run < r.n; run *= 2)
        merge_runs(L, &r, run, descending);
    *out_keys = op_slice(L, r.keys, x->rank - 1, zero, n, one);
    *out_positions = op_slice(L, r.positions, x->rank - 1, zero, n, one);
}
