/* SPDX-License-Identifier: MIT
 * Tensors joined, padded, mirrored, rotated and repeated. All are single maps: elements at computed indices, or
 * chosen among. */
#include "ops/complex.h"
#include "ops/data.h"
#include "ops/internal.h"
#include "ops/math.h"
#include "ops/reduce.h"
#include "ops/shape.h"

/* ---- elements of any dtype ---- */

struct pt2_complex op_element(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype, const pt2_ex *index)
{
    struct pt2_complex e;
    bool cplx = pt2_dtype_is_complex(dtype);
    if (!cplx && !pt2_dtype_is_complex(t->dtype)) {
        e.re = op_at(L, t, index);
        e.im = NULL;
    } else {
        e = op_at_c(L, t, index);
        if (!cplx)
            e.im = NULL;
    }
    if (t->dtype != dtype) {
        e.re = op_to(L, e.re, dtype);
        e.im = e.im ? op_to(L, e.im, dtype) : NULL;
    }
    return e;
}

struct pt2_complex op_number_element(struct pt2_lower *L, pt2_dtype dtype, double number)
{
    int type = (int)pt2_dtype_compute(pt2_dtype_real(dtype));
    return op_c(pt2_num(L->E, type, number), pt2_dtype_is_complex(dtype) ? pt2_num(L->E, type, 0) : NULL);
}

struct pt2_complex op_select_element(struct pt2_lower *L, pt2_ex cond, struct pt2_complex a, struct pt2_complex b)
{
    return op_c(pt2_select(L->E, cond, a.re, b.re), a.im ? pt2_select(L->E, cond, a.im, b.im) : NULL);
}

pt2_t *op_map_element(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, struct pt2_complex body)
{
    return body.im ? op_map_c(L, dtype, rank, shape, body) : op_map(L, dtype, rank, shape, body.re);
}

void op_return_element(struct pt2_lower *L, struct pt2_complex body)
{
    op_return(L, op_map_element(L, op_out_dtype(L, 0), op_out_rank(L, 0), op_out_shape(L, 0), body));
}

void op_return_gather(struct pt2_lower *L, pt2_t *t, const pt2_ex *index)
{
    op_return_element(L, op_element(L, t, op_out_dtype(L, 0), index));
}

static pt2_ex *out_vars(struct pt2_lower *L)
{
    return op_vars(L, op_out_rank(L, 0), op_out_shape(L, 0));
}

static void same_rank(struct pt2_lower *L, const pt2_t *t)
{
    if (op_out_rank(L, 0) != t->rank)
        op_fail(L, PT2_ERR_FORMAT, "a result of rank %d from rank %d", op_out_rank(L, 0), t->rank);
}

static pt2_ex idx(struct pt2_lower *L, int64_t i)
{
    return pt2_idx(L->E, i);
}

/* ---- joining ---- */

enum { CAT_CHAIN = PT2_MAX_PARTS }; /* tensors chosen among in one expression */

/* One map over at most CAT_CHAIN tensors: each index belongs to the first tensor whose end it is before. */
static pt2_t *cat_few(struct pt2_lower *L, pt2_dtype dtype, int n, pt2_t *const *list, int dim)
{
    pt2_ex shape[PT2_MAX_RANK], start[CAT_CHAIN + 1];
    int rank = list[0]->rank;
    start[0] = idx(L, 0);
    for (int k = 0; k < n; k++)
        start[k + 1] = pt2_add(L->E, start[k], list[k]->shape[dim]);
    memcpy(shape, list[0]->shape, (size_t)rank * sizeof *shape);
    shape[dim] = start[n];
    pt2_ex *v = op_vars(L, rank, shape), at = v[dim];
    struct pt2_complex r = { NULL, NULL };
    for (int k = n - 1; k >= 0; k--) {
        v[dim] = pt2_sub(L->E, at, start[k]);
        struct pt2_complex e = op_element(L, list[k], dtype, v);
        r = k == n - 1 ? e : op_select_element(L, pt2_lt(L->E, at, start[k + 1]), e, r);
    }
    return op_map_element(L, dtype, rank, shape, r);
}

pt2_t *op_cat(struct pt2_lower *L, int n, pt2_t *const *tensors, int dim)
{
    pt2_t **list = PT2_NEW_N(L->arena, pt2_t *, n + 1);
    int m = 0, rank = 0;
    if (n == 0)
        op_fail(L, PT2_ERR_FORMAT, "no tensors to join");
    pt2_dtype dtype = PT2_NONE;
    for (int k = 0; k < n; k++) {
        dtype = pt2_dtype_promote(dtype, tensors[k]->dtype);
        rank = tensors[k]->rank > rank ? tensors[k]->rank : rank;
    }
    for (int k = 0; k < n; k++) { /* tensors of shape [0] join anything */
        if (tensors[k]->rank == rank && dim < rank && !pt2_is_int(tensors[k]->shape[dim], 0))
            list[m++] = tensors[k];
        else if (tensors[k]->rank != rank && !(tensors[k]->rank == 1 && pt2_is_int(tensors[k]->shape[0], 0)))
            op_fail(L, PT2_ERR_FORMAT, "tensors of %d and %d dimensions do not join", rank, tensors[k]->rank);
    }
    if (dim >= rank)
        op_fail(L, PT2_ERR_FORMAT, "tensors without dimensions do not join");
    if (m == 0) {
        for (int k = 0; k < n && m == 0; k++)
            if (tensors[k]->rank == rank)
                list[m++] = tensors[k];
        return op_convert(L, op_clone(L, list[0]), dtype);
    }
    while (m > CAT_CHAIN) {
        int groups = 0;
        for (int k = 0; k < m; k += CAT_CHAIN)
            list[groups++] = cat_few(L, dtype, m - k < CAT_CHAIN ? m - k : CAT_CHAIN, list + k, dim);
        m = groups;
    }
    return cat_few(L, dtype, m, list, dim);
}

static int tensor_list(struct pt2_lower *L, pt2_t ***list)
{
    int n = op_tensors(L, op_has(L, "sequences") ? "sequences" : "tensors", list);
    for (int k = 0; k < n; k++)
        if (!(*list)[k])
            op_fail(L, PT2_ERR_FORMAT, "None in a list of tensors");
    if (n == 0)
        op_fail(L, PT2_ERR_FORMAT, "no tensors to join");
    return n;
}

static void return_cat(struct pt2_lower *L, int n, pt2_t **list, int dim)
{
    op_return(L, op_convert(L, op_cat(L, n, list, dim), op_out_dtype(L, 0)));
}

static void lower_cat(struct pt2_lower *L)
{
    pt2_t **list;
    int n = tensor_list(L, &list);
    return_cat(L, n, list, op_dim(L, "dim", 0, op_out_rank(L, 0)));
}

static void lower_stack(struct pt2_lower *L)
{
    pt2_t **list;
    int n = tensor_list(L, &list), dim = op_dim(L, "dim", 0, list[0]->rank + 1);
    for (int k = 0; k < n; k++) {
        if (list[k]->rank < dim)
            op_fail(L, PT2_ERR_FORMAT, "stack of tensors of different rank");
        list[k] = op_unsqueeze(L, list[k], dim);
    }
    return_cat(L, n, list, dim);
}

/* pad_sequence: each tensor is padded along its first dimension to the longest, then all are stacked. */
static void lower_pad_sequence(struct pt2_lower *L)
{
    pt2_t **list;
    int n = tensor_list(L, &list), batch = op_bool(L, "batch_first", false) ? 0 : 1;
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_ex longest = op_out_shape(L, 0)[1 - batch], shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    bool left = !strcmp(op_string(L, "padding_side", "right"), "left");
    struct pt2_complex pad = op_number_element(L, dtype, op_float(L, "padding_value", 0));
    for (int k = 0; k < n; k++) {
        pt2_t *t = list[k];
        if (t->rank < 1 || t->rank != op_out_rank(L, 0) - 1)
            op_fail(L, PT2_ERR_FORMAT, "pad_sequence of a tensor of %d dimensions", t->rank);
        memcpy(shape, t->shape, (size_t)t->rank * sizeof *shape);
        shape[0] = longest;
        memcpy(index, op_vars(L, t->rank, shape), (size_t)t->rank * sizeof *index);
        if (left)
            index[0] = pt2_sub(L->E, index[0], pt2_sub(L->E, longest, t->shape[0]));
        pt2_ex inside = left ? pt2_le(L->E, pt2_idx(L->E, 0), index[0]) : pt2_lt(L->E, index[0], t->shape[0]);
        struct pt2_complex e = op_select_element(L, inside, op_element(L, t, dtype, index), pad);
        list[k] = op_unsqueeze(L, pt2_is_int(t->shape[0], 0) ? op_map_element(L, dtype, t->rank, shape, pad)
                                                             : op_map_element(L, dtype, t->rank, shape, e), batch);
    }
    return_cat(L, n, list, batch);
}

/* Tensors with fewer than `rank` dimensions get leading ones; 3: [m, n] becomes [m, n, 1] and [n] [1, n, 1], as
 * atleast_3d has it. */
static pt2_t *at_least(struct pt2_lower *L, pt2_t *t, int rank)
{
    if (rank == 3 && t->rank == 2)
        return op_unsqueeze(L, t, 2);
    if (rank == 3 && t->rank == 1)
        return op_unsqueeze(L, op_unsqueeze(L, t, 0), 2);
    while (t->rank < rank)
        t = op_unsqueeze(L, t, 0);
    return t;
}

/* hstack (data 1), vstack (2), dstack (3), column_stack (4). */
static void lower_stack_kind(struct pt2_lower *L)
{
    pt2_t **list;
    int n = tensor_list(L, &list), kind = (int)L->row->data;
    for (int k = 0; k < n; k++) {
        pt2_t *t = list[k];
        if (kind == 4) {
            t = at_least(L, t, 1);
            list[k] = t->rank == 1 ? op_unsqueeze(L, t, 1) : t;
        } else {
            list[k] = at_least(L, t, kind);
        }
    }
    int dim = kind == 1 ? list[0]->rank > 1 : kind == 2 ? 0 : kind == 3 ? 2 : 1;
    return_cat(L, n, list, dim);
}

/* _chunk_cat: each tensor is padded with zeros to a multiple of num_chunks along dim, cut, flattened from dim on,
 * and joined. */
static void lower_chunk_cat(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t **list;
    int n = tensor_list(L, &list), dim = op_dim(L, "dim", 0, list[0]->rank);
    int64_t count = op_int(L, "num_chunks", 1);
    if (count < 1 || count > 1 << 20)
        op_fail(L, PT2_ERR_FORMAT, "%lld chunks", (long long)count);
    pt2_ex chunks = pt2_idx(E, count), shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    pt2_dtype dtype = op_out_dtype(L, 0);
    for (int k = 0; k < n; k++) {
        pt2_t *t = list[k];
        if (t->rank <= dim)
            op_fail(L, PT2_ERR_FORMAT, "_chunk_cat along dimension %d of %d", dim, t->rank);
        pt2_ex up = pt2_addi(E, pt2_add(E, t->shape[dim], chunks), -1), part = pt2_floordiv(E, up, chunks);
        pt2_ex inner = pt2_product(E, t->rank - dim - 1, t->shape + dim + 1);
        memcpy(shape, t->shape, (size_t)dim * sizeof *shape);
        shape[dim] = chunks;
        shape[dim + 1] = pt2_mul(E, part, inner);
        pt2_ex *v = op_vars(L, dim + 2, shape), flat = pt2_add(E, pt2_mul(E, v[dim], shape[dim + 1]), v[dim + 1]);
        memcpy(index, v, (size_t)dim * sizeof *index);
        pt2_delinearize(E, t->rank - dim, t->shape + dim, flat, index + dim);
        pt2_ex inside = pt2_lt(E, flat, pt2_mul(E, t->shape[dim], inner));
        struct pt2_complex e = op_element(L, t, dtype, index);
        e = op_select_element(L, inside, e, op_number_element(L, dtype, 0));
        list[k] = op_map_element(L, dtype, dim + 2, shape, e);
    }
    return_cat(L, n, list, dim + 1);
}

/* ---- padding ---- */

enum { PAD_CONSTANT, PAD_REFLECT, PAD_REPLICATE, PAD_CIRCULAR };

static pt2_ex padded_index(struct pt2_exprs *E, int mode, pt2_ex j, pt2_ex size)
{
    pt2_ex zero = pt2_idx(E, 0), last = pt2_addi(E, size, -1);
    if (mode == PAD_REPLICATE)
        return pt2_max(E, zero, pt2_min(E, j, last));
    pt2_ex low = pt2_max(E, j, pt2_muli(E, j, -1)), over = pt2_sub(E, last, low); /* |j|; then mirror at the last */
    return pt2_sub(E, last, pt2_max(E, over, pt2_muli(E, over, -1)));
}

/* Circular padding wraps around what negative padding leaves. */
static pt2_ex circular_index(struct pt2_exprs *E, pt2_ex i, pt2_ex left, pt2_ex right, pt2_ex size)
{
    pt2_ex zero = pt2_idx(E, 0), first = pt2_max(E, pt2_muli(E, left, -1), zero);
    pt2_ex left_over = pt2_sub(E, pt2_sub(E, size, first), pt2_max(E, pt2_muli(E, right, -1), zero));
    return pt2_add(E, first, pt2_floormod(E, pt2_sub(E, i, pt2_max(E, left, zero)), left_over));
}

/* Where element v of the padded t comes from; returns whether that is inside of it (always but for PAD_CONSTANT). */
static pt2_ex pad_index(struct pt2_lower *L, int mode, pt2_t *t, const pt2_ex *v, pt2_ex *index)
{
    struct pt2_exprs *E = L->E;
    pt2_ex pad[PT2_MAX_RANK], zero = idx(L, 0), inside = pt2_int(E, PT2_BOOL, 1);
    int n = op_sizes(L, op_has(L, "padding") ? "padding" : "pad", pad);
    if (n < 0 || n % 2 || n / 2 > t->rank)
        op_fail(L, PT2_ERR_FORMAT, "padding of %d numbers for %d dimensions", n, t->rank);
    for (int d = 0; d < t->rank; d++) {
        int k = 2 * (t->rank - 1 - d);
        index[d] = v[d];
        if (k >= n || (pt2_is_int(pad[k], 0) && pt2_is_int(pad[k + 1], 0)))
            continue;
        pt2_ex j = pt2_sub(E, v[d], pad[k]);
        if (mode == PAD_CONSTANT)
            inside = pt2_and(E, inside, pt2_and(E, pt2_le(E, zero, j), pt2_lt(E, j, t->shape[d])));
        index[d] = mode == PAD_CONSTANT ? j
                 : mode == PAD_CIRCULAR ? circular_index(E, v[d], pad[k], pad[k + 1], t->shape[d])
                                        : padded_index(E, mode, j, t->shape[d]);
    }
    return inside;
}

static void lower_padded(struct pt2_lower *L, int mode, struct pt2_complex value)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_ex index[PT2_MAX_RANK];
    same_rank(L, t);
    pt2_ex inside = pad_index(L, mode, t, out_vars(L), index);
    for (int d = 0; d < t->rank; d++)
        if (mode == PAD_CONSTANT && pt2_is_int(t->shape[d], 0)) {
            op_return_element(L, value); /* nothing to load from */
            return;
        }
    struct pt2_complex e = op_element(L, t, op_out_dtype(L, 0), index);
    op_return_element(L, mode == PAD_CONSTANT ? op_select_element(L, inside, e, value) : e);
}

/* Elements that were read several times get the sum. */
static void lower_pad_backward(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad_output"), *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_ex index[PT2_MAX_RANK], *v = op_vars(L, g->rank, g->shape);
    same_rank(L, t);
    same_rank(L, g);
    pad_index(L, (int)L->row->data, t, v, index);
    pt2_t *zero = op_map_elem(L, acc, t->rank, t->shape, op_number(L, acc, 0));
    pt2_t *r = op_put(L, PT2_RED_SUM, zero, g->rank, g->shape, index, op_elem(L, g, v), NULL);
    op_return(L, op_convert(L, r, dtype));
}

static struct pt2_complex pad_value(struct pt2_lower *L)
{
    pt2_dtype t = op_out_dtype(L, 0);
    return pt2_dtype_is_complex(t) ? op_scalar_c(L, "value", t, 0) : op_c(op_scalar(L, "value", t, 0), NULL);
}

static void lower_pad(struct pt2_lower *L)
{
    static const char *const names[] = { "constant", "reflect", "replicate", "circular" };
    const char *mode = op_string(L, "mode", "constant");
    int k = 0;
    while (k < 4 && strcmp(mode, names[k]))
        k++;
    if (k == 4)
        op_fail(L, PT2_ERR_UNSUPPORTED, "padding mode %s", mode);
    lower_padded(L, k, pad_value(L));
}

/* Operators of one mode: data. */
static void lower_pad_mode(struct pt2_lower *L)
{
    lower_padded(L, (int)L->row->data, pad_value(L));
}

static void lower_pad_enum(struct pt2_lower *L)
{
    int64_t mode = op_int(L, "mode", 0);
    if (mode < PAD_CONSTANT || mode > PAD_CIRCULAR)
        op_fail(L, PT2_ERR_UNSUPPORTED, "padding mode %lld", (long long)mode);
    lower_padded(L, (int)mode, pad_value(L));
}

/* ---- mirrored and rotated ---- */

static pt2_t *flip(struct pt2_lower *L, pt2_t *t, int n, const int *dims)
{
    pt2_ex *v = op_vars(L, t->rank, t->shape);
    for (int k = 0; k < n && t->rank; k++)
        v[dims[k]] = pt2_sub(L->E, pt2_addi(L->E, t->shape[dims[k]], -1), v[dims[k]]);
    return op_map_element(L, t->dtype, t->rank, t->shape, op_element(L, t, t->dtype, v));
}

/* data: -1: argument dims; else the dimension (flipud 0, fliplr 1). */
static void lower_flip(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK] = { (int)L->row->data }, n = 1;
    if (dims[0] < 0)
        n = op_dims(L, "dims", t->rank, dims);
    else if (t->rank <= dims[0])
        op_fail(L, PT2_ERR_FORMAT, "flip of a tensor of rank %d", t->rank);
    op_return(L, flip(L, t, n, dims));
}

static void lower_rot90(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], perm[PT2_MAX_RANK];
    int64_t k = op_int(L, "k", 1) % 4;
    int n = op_dims(L, "dims", t->rank, dims);
    if (n < 0) {
        dims[0] = 0;
        dims[1] = 1;
        n = 2;
    }
    if (n != 2 || t->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "rot90 in %d dimensions", n);
    k = k < 0 ? k + 4 : k;
    if (k == 0 || k == 2) {
        op_return(L, flip(L, t, k ? 2 : 0, dims));
        return;
    }
    for (int d = 0; d < t->rank; d++)
        perm[d] = d == dims[0] ? dims[1] : d == dims[1] ? dims[0] : d;
    op_return(L, op_clone(L, op_permute(L, flip(L, t, 1, k == 1 ? dims + 1 : dims), perm)));
}

static void lower_roll(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *flat = t;
    pt2_ex shift[PT2_MAX_RANK];
    int64_t dims[PT2_MAX_RANK];
    int n = op_sizes(L, "shifts", shift), m = op_ints(L, "dims", dims);
    if (m <= 0) { /* of the flattened tensor */
        pt2_ex count = op_numel(L, t);
        flat = op_reshape(L, t, 1, &count);
        dims[0] = 0;
        m = 1;
    }
    if (n != m)
        op_fail(L, PT2_ERR_FORMAT, "roll with %d shifts for %d dimensions", n, m);
    pt2_ex *v = op_vars(L, flat->rank, flat->shape);
    for (int k = 0; k < n && flat->rank; k++) {
        int64_t d = dims[k] < 0 ? dims[k] + flat->rank : dims[k];
        if (d < 0 || d >= flat->rank)
            op_fail(L, PT2_ERR_FORMAT, "dimension %lld is out of range", (long long)dims[k]);
        if (!pt2_is_int(flat->shape[d], 0))
            v[d] = pt2_floormod(L->E, pt2_sub(L->E, v[d], shift[k]), flat->shape[d]);
    }
    pt2_t *r = op_map_element(L, t->dtype, flat->rank, flat->shape, op_element(L, flat, t->dtype, v));
    op_return(L, op_reshape(L, r, t->rank, t->shape));
}

/* ---- repeated ---- */

/* repeat and tile: the shape is the file's, and each index wraps at the operand's size. */
static void lower_repeat(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_ex index[PT2_MAX_RANK], *v = out_vars(L);
    int lead = op_out_rank(L, 0) - t->rank;
    if (lead < 0)
        op_fail(L, PT2_ERR_FORMAT, "repeat to fewer dimensions");
    for (int d = 0; d < t->rank; d++)
        index[d] = pt2_is_int(t->shape[d], 0) ? v[lead + d] : pt2_floormod(L->E, v[lead + d], t->shape[d]);
    op_return_gather(L, t, index);
}

/* ---- parts replaced ---- */

/* A tensor like t. */
static void return_like(struct pt2_lower *L, pt2_t *t, struct pt2_complex body)
{
    op_return(L, op_map_element(L, t->dtype, t->rank, t->shape, body));
}

static void lower_slice_scatter(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self"), *src = op_tensor(L, "src");
    int dim = op_dim(L, "dim", 0, t->rank);
    if (t->rank == 0 || src->rank > t->rank)
        op_fail(L, PT2_ERR_FORMAT, "slice_scatter of rank %d into rank %d", src->rank, t->rank);
    pt2_ex size = t->shape[dim], zero = idx(L, 0), step = op_size(L, "step", 1), *v = op_vars(L, t->rank, t->shape);
    pt2_ex start = pt2_max(E, zero, pt2_min(E, op_from_end(L, op_size(L, "start", 0), size), size));
    pt2_ex end = pt2_max(E, start, pt2_min(E, op_from_end(L, op_size(L, "end", INT64_MAX >> 4), size), size));
    pt2_ex i = v[dim], off = pt2_sub(E, i, start);
    pt2_ex inside = pt2_and(E, pt2_le(E, start, i), pt2_lt(E, i, end));
    inside = pt2_and(E, inside, pt2_eq(E, pt2_floormod(E, off, step), zero));
    struct pt2_complex old = op_element(L, t, t->dtype, v), value;
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, t->shape, (size_t)t->rank * sizeof *shape);
    shape[dim] = src->rank == t->rank ? src->shape[dim] : idx(L, 1);
    if (pt2_is_int(shape[dim], 0)) {
        op_return(L, op_clone(L, t));
        return;
    }
    src = op_expand(L, src, t->rank, shape);
    v[dim] = pt2_floordiv(E, off, step);
    value = op_element(L, src, t->dtype, v);
    return_like(L, t, op_select_element(L, inside, value, old));
}

static void lower_select_scatter(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *src = op_tensor(L, "src");
    int dim = op_dim(L, "dim", 0, t->rank);
    if (t->rank == 0 || src->rank != t->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "select_scatter of rank %d into rank %d", src->rank, t->rank);
    pt2_ex index = op_size(L, "index", 0), at = op_from_end(L, index, t->shape[dim]);
    pt2_ex *v = op_vars(L, t->rank, t->shape);
    op_check_index(L, 0, NULL, pt2_cast(L->E, PT2_I64, index), NULL, op_from_end_too(L, t->shape[dim]));
    struct pt2_complex old = op_element(L, t, t->dtype, v);
    pt2_ex here = pt2_eq(L->E, v[dim], at);
    memmove(v + dim, v + dim + 1, (size_t)(t->rank - 1 - dim) * sizeof *v);
    return_like(L, t, op_select_element(L, here, op_element(L, src, t->dtype, v), old));
}

static void lower_diagonal_scatter(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self"), *src = op_tensor(L, "src");
    int a = op_dim(L, "dim1", 0, t->rank), b = op_dim(L, "dim2", 1, t->rank), n = 0;
    if (a == b || src->rank != t->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "diagonal_scatter of rank %d into rank %d", src->rank, t->rank);
    pt2_ex offset = op_size(L, "offset", 0), *v = op_vars(L, t->rank, t->shape), at[PT2_MAX_RANK];
    for (int d = 0; d < t->rank; d++)
        if (d != a && d != b)
            at[n++] = v[d];
    at[n] = pt2_min(E, v[a], v[b]);
    if (pt2_is_int(src->shape[n], 0)) {
        op_return(L, op_clone(L, t));
        return;
    }
    pt2_ex here = pt2_eq(E, pt2_sub(E, v[b], v[a]), offset);
    struct pt2_complex e = op_element(L, src, t->dtype, at);
    return_like(L, t, op_select_element(L, here, e, op_element(L, t, t->dtype, v)));
}

/* Into a copy of self, through a view of its storage. */
static void lower_as_strided_scatter(struct pt2_lower *L)
{
    pt2_t *self = op_tensor(L, "self"), *src = op_tensor(L, "src"), *t;
    pt2_ex size[PT2_MAX_RANK];
    if (self->whole) {
        t = op_clone(L, self);
    } else { /* a copy of all its storage, seen as self sees it */
        t = PT2_NEW(L->arena, pt2_t);
        *t = *self;
        t->store = op_clone(L, op_store_tensor(L, self))->store;
    }
    int rank = op_sizes(L, "size", size);
    if (rank < 0)
        op_fail(L, PT2_ERR_FORMAT, "argument 'size' is missing");
    op_write(L, op_as_strided(L, t, "self", rank, size), src);
    op_return(L, t);
}

/* fill_diagonal: where all indices are equal; wrap: a matrix with more rows starts again after one row without. */
static void lower_fill_diagonal(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    pt2_ex *v = op_vars(L, t->rank, t->shape), here = pt2_int(E, PT2_BOOL, 1);
    if (t->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "fill_diagonal of a tensor of rank %d", t->rank);
    for (int d = 1; d < t->rank; d++)
        here = pt2_and(E, here, pt2_eq(E, v[0], v[d]));
    if (t->rank == 2 && op_bool(L, "wrap", false))
        here = pt2_eq(E, pt2_floormod(E, v[0], pt2_addi(E, t->shape[1], 1)), v[1]);
    struct pt2_complex value = pt2_dtype_is_complex(t->dtype) ? op_scalar_c(L, "fill_value", t->dtype, 0)
                                                              : op_c(op_scalar(L, "fill_value", t->dtype, 0), NULL);
    return_like(L, t, op_select_element(L, here, value, op_element(L, t, t->dtype, v)));
}

/* ---- flat lists, as gradients are sent ---- */

static void lower_flatten_dense(struct pt2_lower *L)
{
    pt2_t **list;
    int n = op_tensors(L, "tensors", &list);
    if (!n)
        op_fail(L, PT2_ERR_FORMAT, "no tensors");
    for (int k = 0; k < n; k++)
        list[k] = op_flat(L, list[k]);
    op_return(L, op_cat(L, n, list, 0));
}

/* Result k: the next elements of `flat`, as many as tensor k has. */
static void lower_unflatten_dense(struct pt2_lower *L)
{
    pt2_t *flat = op_flat(L, op_tensor(L, "flat"));
    pt2_ex start = idx(L, 0);
    for (int k = 0; (uint32_t)k < L->node->num_outs; k++) {
        int rank = op_out_rank(L, k);
        pt2_ex *shape = op_out_shape(L, k), size = pt2_product(L->E, rank, shape);
        op_result(L, k, op_reshape(L, op_slice(L, flat, 0, start, size, idx(L, 1)), rank, shape));
        start = pt2_add(L->E, start, size);
    }
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_shape[] = {
    { "aten.cat", lower_cat, 0 },
    { "aten.flatten_dense_tensors", lower_flatten_dense, 0 },
    { "aten.unflatten_dense_tensors", lower_unflatten_dense, 0 },
    { "aten.concat", lower_cat, 0 },
    { "aten.concatenate", lower_cat, 0 },
    { "aten.stack", lower_stack, 0 },
    { "aten._stack", lower_stack, 0 },
    { "aten.hstack", lower_stack_kind, 1 },
    { "aten.vstack", lower_stack_kind, 2 },
    { "aten.row_stack", lower_stack_kind, 2 },
    { "aten.dstack", lower_stack_kind, 3 },
    { "aten.column_stack", lower_stack_kind, 4 },
    { "aten._chunk_cat", lower_chunk_cat, 0 },
    { "aten.pad_sequence", lower_pad_sequence, 0 },
    { "aten.pad", lower_pad, 0 },
    { "aten.constant_pad_nd", lower_pad_mode, PAD_CONSTANT },
    { "aten.reflection_pad1d_backward", lower_pad_backward, PAD_REFLECT },
    { "aten.reflection_pad2d_backward", lower_pad_backward, PAD_REFLECT },
    { "aten.reflection_pad3d_backward", lower_pad_backward, PAD_REFLECT },
    { "aten.replication_pad1d_backward", lower_pad_backward, PAD_REPLICATE },
    { "aten.replication_pad2d_backward", lower_pad_backward, PAD_REPLICATE },
    { "aten.replication_pad3d_backward", lower_pad_backward, PAD_REPLICATE },
    { "aten.reflection_pad1d", lower_pad_mode, PAD_REFLECT },
    { "aten.reflection_pad2d", lower_pad_mode, PAD_REFLECT },
    { "aten.reflection_pad3d", lower_pad_mode, PAD_REFLECT },
    { "aten.replication_pad1d", lower_pad_mode, PAD_REPLICATE },
    { "aten.replication_pad2d", lower_pad_mode, PAD_REPLICATE },
    { "aten.replication_pad3d", lower_pad_mode, PAD_REPLICATE },
    { "aten._pad_circular", lower_pad_mode, PAD_CIRCULAR },
    { "aten._pad_enum", lower_pad_enum, 0 },
    { "aten.flip", lower_flip, -1 },
    { "aten.flipud", lower_flip, 0 },
    { "aten.fliplr", lower_flip, 1 },
    { "aten.rot90", lower_rot90, 0 },
    { "aten.roll", lower_roll, 0 },
    { "aten.repeat", lower_repeat, 0 },
    { "aten.tile", lower_repeat, 0 },
    { "aten.slice_scatter", lower_slice_scatter, 0 },
    { "aten.select_scatter", lower_select_scatter, 0 },
    { "aten.diagonal_scatter", lower_diagonal_scatter, 0 },
    { "aten.as_strided_scatter", lower_as_strided_scatter, 0 },
    { "aten.fill_diagonal", lower_fill_diagonal, 0 },
    { 0 },
};
