/* SPDX-License-Identifier: MIT
 * Elements put in other places: diagonals, triangles, blocks, products of ranges, shuffles, patches. */
#include "ops/complex.h"
#include "ops/internal.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

static pt2_ex *out_vars(struct pt2_lower *L)
{
    return op_vars(L, op_out_rank(L, 0), op_out_shape(L, 0));
}

static void expect_out_rank(struct pt2_lower *L, int rank)
{
    if (op_out_rank(L, 0) != rank)
        op_fail(L, PT2_ERR_FORMAT, "a result of rank %d, not %d", op_out_rank(L, 0), rank);
}

/* Elements where `inside`, else 0. */
static void return_or_zero(struct pt2_lower *L, pt2_t *t, const pt2_ex *index, pt2_ex inside)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    struct pt2_complex zero = op_number_element(L, dtype, 0), e = zero;
    bool empty = false;
    for (int d = 0; d < t->rank; d++)
        empty = empty || pt2_is_int(t->shape[d], 0);
    if (!empty)
        e = op_select_element(L, inside, op_element(L, t, dtype, index), zero);
    op_return_element(L, e);
}

/* ---- triangles and diagonals ---- */

/* data: 0 tril, 1 triu */
static void lower_tri(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    if (t->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "a triangle of a tensor of rank %d", t->rank);
    expect_out_rank(L, t->rank);
    pt2_ex k = op_size(L, "diagonal", 0), *v = op_vars(L, t->rank, t->shape);
    pt2_ex d = pt2_sub(E, v[t->rank - 1], v[t->rank - 2]);
    return_or_zero(L, t, v, L->row->data ? pt2_le(E, k, d) : pt2_le(E, d, k));
}

/* A new dimension pair (a, b) whose diagonal holds t's last dimension. */
static void embed(struct pt2_lower *L, pt2_t *t, pt2_ex offset, int a, int b)
{
    struct pt2_exprs *E = L->E;
    int rank = t->rank + 1, n = 0;
    expect_out_rank(L, rank);
    if (t->rank < 1 || a == b)
        op_fail(L, PT2_ERR_FORMAT, "a diagonal in dimensions %d and %d", a, b);
    pt2_ex *v = out_vars(L), at[PT2_MAX_RANK];
    for (int d = 0; d < rank; d++)
        if (d != a && d != b)
            at[n++] = v[d];
    at[n] = pt2_min(E, v[a], v[b]);
    return_or_zero(L, t, at, pt2_eq(E, pt2_sub(E, v[b], v[a]), offset));
}

static void lower_diag_embed(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int a = op_dim(L, "dim1", -2, t->rank + 1), b = op_dim(L, "dim2", -1, t->rank + 1);
    embed(L, t, op_size(L, "offset", 0), a, b);
}

static void lower_diagflat(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_ex n = op_numel(L, t);
    embed(L, op_reshape(L, t, 1, &n), op_size(L, "offset", 0), 0, 1);
}

/* diag: of a vector the matrix, of a matrix the vector. */
static void lower_diag(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    pt2_ex k = op_size(L, "diagonal", 0), zero = pt2_idx(E, 0), at[2];
    if (t->rank == 1) {
        embed(L, t, k, 0, 1);
        return;
    }
    if (t->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "diag of a tensor of rank %d", t->rank);
    expect_out_rank(L, 1);
    pt2_ex i = out_vars(L)[0];
    at[0] = pt2_add(E, i, pt2_max(E, pt2_muli(E, k, -1), zero));
    at[1] = pt2_add(E, i, pt2_max(E, k, zero));
    op_return_gather(L, t, at);
}

static void lower_block_diag(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t **list;
    int n = op_tensors(L, "tensors", &list);
    expect_out_rank(L, 2);
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_ex *v = out_vars(L), row = pt2_idx(E, 0), col = row, zero = row;
    struct pt2_complex r = op_number_element(L, dtype, 0);
    for (int k = 0; k < n; k++) {
        pt2_t *t = list[k];
        if (!t || t->rank > 2)
            op_fail(L, PT2_ERR_FORMAT, "block_diag of more than two dimensions");
        while (t->rank < 2)
            t = op_unsqueeze(L, t, 0);
        pt2_ex at[2] = { pt2_sub(E, v[0], row), pt2_sub(E, v[1], col) };
        pt2_ex inside = pt2_and(E, pt2_le(E, zero, at[0]), pt2_lt(E, at[0], t->shape[0]));
        inside = pt2_and(E, inside, pt2_and(E, pt2_le(E, zero, at[1]), pt2_lt(E, at[1], t->shape[1])));
        if (!pt2_is_int(t->shape[0], 0) && !pt2_is_int(t->shape[1], 0))
            r = op_select_element(L, inside, op_element(L, t, dtype, at), r);
        row = pt2_add(E, row, t->shape[0]);
        col = pt2_add(E, col, t->shape[1]);
    }
    op_return_element(L, r);
}

/* ---- products ---- */

static void lower_kron(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *a = op_tensor(L, "self"), *b = op_tensor(L, "other");
    int rank = a->rank > b->rank ? a->rank : b->rank;
    expect_out_rank(L, rank);
    pt2_dtype dtype = op_out_dtype(L, 0);
    while (a->rank < rank)
        a = op_unsqueeze(L, a, 0);
    while (b->rank < rank)
        b = op_unsqueeze(L, b, 0);
    pt2_ex *v = out_vars(L), ia[PT2_MAX_RANK], ib[PT2_MAX_RANK];
    for (int d = 0; d < rank; d++) {
        bool empty = pt2_is_int(b->shape[d], 0);
        ia[d] = empty ? v[d] : pt2_floordiv(E, v[d], b->shape[d]);
        ib[d] = empty ? v[d] : pt2_floormod(E, v[d], b->shape[d]);
    }
    struct pt2_complex x = op_element(L, a, dtype, ia), y = op_element(L, b, dtype, ib);
    if (x.im)
        op_return_element(L, op_c_mul(L, x, y));
    else
        op_return_element(L, op_c(dtype == PT2_BOOL ? pt2_and(E, x.re, y.re) : pt2_mul(E, x.re, y.re), NULL));
}

/* Views of the operands; indexing "xy" swaps the first two dimensions. */
static void lower_meshgrid(struct pt2_lower *L)
{
    pt2_t **list;
    int n = op_tensors(L, "tensors", &list);
    bool xy = op_string(L, "indexing", "ij")[0] == 'x' && n >= 2;
    for (int k = 0; k < n && (uint32_t)k < L->node->num_outs; k++) {
        int dim = xy && k < 2 ? 1 - k : k;
        if (!list[k] || list[k]->rank > 1 || op_out_rank(L, k) != n)
            op_fail(L, PT2_ERR_FORMAT, "meshgrid of tensors that are not vectors");
        pt2_ex *shape = op_out_shape(L, k), *v = op_vars(L, n, shape);
        op_result(L, k, op_view(L, list[k], n, shape, v + dim));
    }
}

/* Row i holds the digits of i in the mixed radix of the sizes. */
static void lower_cartesian_prod(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t **list;
    int n = op_tensors(L, "tensors", &list);
    for (int k = 0; k < n; k++)
        if (!list[k] || list[k]->rank != 1)
            op_fail(L, PT2_ERR_FORMAT, "cartesian_prod of tensors that are not vectors");
    if (n == 1) {
        op_return(L, list[0]);
        return;
    }
    expect_out_rank(L, 2);
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_ex *v = out_vars(L), left = v[0];
    struct pt2_complex r = op_number_element(L, dtype, 0);
    for (int k = n - 1; k >= 0; k--) {
        if (pt2_is_int(list[k]->shape[0], 0))
            continue;
        pt2_ex digit = pt2_floormod(E, left, list[k]->shape[0]);
        left = pt2_floordiv(E, left, list[k]->shape[0]);
        struct pt2_complex e = op_element(L, list[k], dtype, &digit);
        r = op_select_element(L, pt2_eq(E, v[1], pt2_idx(E, k)), e, r);
    }
    op_return_element(L, r);
}

/* ---- shuffles ---- */

static void lower_channel_shuffle(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    pt2_ex groups = op_size(L, "groups", 1), *v = op_vars(L, t->rank, t->shape);
    expect_out_rank(L, t->rank);
    if (t->rank < 3 || pt2_is_int(groups, 0))
        op_fail(L, PT2_ERR_FORMAT, "channel_shuffle of rank %d", t->rank);
    pt2_ex per = pt2_floordiv(E, t->shape[1], groups);
    v[1] = pt2_add(E, pt2_mul(E, pt2_floormod(E, v[1], groups), per), pt2_floordiv(E, v[1], groups));
    op_return_gather(L, t, v);
}

/* data: 0 pixel_shuffle, 1 pixel_unshuffle */
static void lower_pixel_shuffle(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    int64_t r = op_int(L, L->row->data ? "downscale_factor" : "upscale_factor", 1);
    expect_out_rank(L, t->rank);
    if (t->rank < 3 || r < 1 || r > 1 << 15)
        op_fail(L, PT2_ERR_FORMAT, "pixel_shuffle of rank %d by %lld", t->rank, (long long)r);
    pt2_ex *v = out_vars(L), *c = &v[t->rank - 3], f = pt2_idx(E, r), ff = pt2_idx(E, r * r);
    if (L->row->data) {
        pt2_ex part = pt2_floormod(E, c[0], ff);
        c[0] = pt2_floordiv(E, c[0], ff);
        c[1] = pt2_add(E, pt2_muli(E, c[1], r), pt2_floordiv(E, part, f));
        c[2] = pt2_add(E, pt2_muli(E, c[2], r), pt2_floormod(E, part, f));
    } else {
        pt2_ex part = pt2_add(E, pt2_muli(E, pt2_floormod(E, c[1], f), r), pt2_floormod(E, c[2], f));
        c[0] = pt2_add(E, pt2_muli(E, c[0], r * r), part);
        c[1] = pt2_floordiv(E, c[1], f);
        c[2] = pt2_floordiv(E, c[2], f);
    }
    op_return_gather(L, t, v);
}

/* ---- patches ---- */

struct patches {
    int64_t kernel[2], dilation[2], padding[2], stride[2];
    pt2_ex count[2]; /* of positions along height and width */
};

static void read_pair(struct pt2_lower *L, const char *name, int64_t min, int64_t *out)
{
    int64_t v[PT2_MAX_RANK];
    int n = op_ints(L, name, v);
    if (n != 1 && n != 2)
        op_fail(L, PT2_ERR_FORMAT, "argument '%s' has %d entries, not 2", name, n);
    for (int k = 0; k < 2; k++) {
        out[k] = v[n == 1 ? 0 : k];
        if (out[k] < min || out[k] > 1 << 20)
            op_fail(L, PT2_ERR_FORMAT, "%s of %lld", name, (long long)out[k]);
    }
}

static void read_patches(struct pt2_lower *L, struct patches *p, const pt2_ex *size)
{
    read_pair(L, "kernel_size", 1, p->kernel);
    read_pair(L, "dilation", 1, p->dilation);
    read_pair(L, "padding", 0, p->padding);
    read_pair(L, "stride", 1, p->stride);
    for (int k = 0; k < 2; k++) {
        pt2_ex room = pt2_addi(L->E, size[k], 2 * p->padding[k] - p->dilation[k] * (p->kernel[k] - 1) - 1);
        p->count[k] = pt2_addi(L->E, pt2_floordiv(L->E, room, pt2_idx(L->E, p->stride[k])), 1);
    }
}

/* im2col: [N, C, H, W] to [N, C * kh * kw, positions]; the batch dimension may be missing. */
static void lower_im2col(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    struct patches p;
    if (t->rank != 3 && t->rank != 4)
        op_fail(L, PT2_ERR_FORMAT, "im2col of a tensor of rank %d", t->rank);
    expect_out_rank(L, t->rank - 1);
    int b = t->rank - 3;
    read_patches(L, &p, &t->shape[b + 1]);
    pt2_ex *v = out_vars(L), at[4], inside = pt2_int(E, PT2_BOOL, 1);
    pt2_ex area = pt2_idx(E, p.kernel[0] * p.kernel[1]), spot = pt2_floormod(E, v[b], area);
    pt2_ex tap[2] = { pt2_floordiv(E, spot, pt2_idx(E, p.kernel[1])), pt2_floormod(E, spot, pt2_idx(E, p.kernel[1])) };
    pt2_ex pos[2] = { pt2_floordiv(E, v[b + 1], p.count[1]), pt2_floormod(E, v[b + 1], p.count[1]) };
    at[0] = v[0];
    at[b] = pt2_floordiv(E, v[b], area);
    for (int k = 0; k < 2; k++) {
        pt2_ex i = pt2_add(E, pt2_muli(E, pos[k], p.stride[k]), pt2_muli(E, tap[k], p.dilation[k]));
        i = pt2_addi(E, i, -p.padding[k]);
        if (p.padding[k])
            inside = pt2_and(E, inside, pt2_and(E, pt2_le(E, pt2_idx(E, 0), i), pt2_lt(E, i, t->shape[b + 1 + k])));
        at[b + 1 + k] = i;
    }
    return_or_zero(L, t, at, inside);
}

/* Each pixel is the sum over the taps of those patches that cover it. t is real. */
static pt2_t *col2im(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape, const struct patches *p)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *v = op_vars(L, rank, shape), at[3], inside = pt2_int(E, PT2_BOOL, 1), pos[2], zero = pt2_idx(E, 0);
    pt2_ex taps[2] = { pt2_idx(E, p->kernel[0]), pt2_idx(E, p->kernel[1]) }, *r = op_axes(L, rank, 2, taps);
    int b = rank - 3;
    for (int k = 0; k < 2; k++) {
        pt2_ex s = pt2_idx(E, p->stride[k]);
        pt2_ex i = pt2_sub(E, pt2_addi(E, v[b + 1 + k], p->padding[k]), pt2_muli(E, r[k], p->dilation[k]));
        pos[k] = pt2_floordiv(E, i, s);
        pt2_ex fits = pt2_and(E, pt2_le(E, zero, i), pt2_eq(E, pt2_floormod(E, i, s), zero));
        inside = pt2_and(E, inside, pt2_and(E, fits, pt2_lt(E, pos[k], p->count[k])));
    }
    at[0] = v[0];
    pt2_ex tap = pt2_add(E, pt2_muli(E, r[0], p->kernel[1]), r[1]);
    at[b] = pt2_add(E, pt2_muli(E, v[b], p->kernel[0] * p->kernel[1]), tap);
    at[b + 1] = pt2_add(E, pt2_mul(E, pos[0], p->count[1]), pos[1]);
    pt2_ex e = op_at(L, t, at);
    e = pt2_select(E, inside, e, ex_num(E, e, 0));
    return op_reduce(L, t->dtype == PT2_BOOL ? PT2_RED_ANY : PT2_RED_SUM, t->dtype, rank, shape, 2, taps, e);
}

static void lower_col2im(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *part[2];
    struct patches p;
    int rank = t->rank + 1;
    if (t->rank != 2 && t->rank != 3)
        op_fail(L, PT2_ERR_FORMAT, "col2im of a tensor of rank %d", t->rank);
    expect_out_rank(L, rank);
    pt2_ex *shape = op_out_shape(L, 0), *v = op_vars(L, rank, shape);
    read_patches(L, &p, &shape[rank - 2]);
    if (!pt2_dtype_is_complex(t->dtype)) {
        op_return(L, col2im(L, t, rank, shape, &p));
        return;
    }
    for (int k = 0; k < 2; k++)
        part[k] = col2im(L, op_select(L, op_real_view(L, t), t->rank, pt2_idx(L->E, k)), rank, shape, &p);
    op_return(L, op_map_c(L, t->dtype, rank, shape, op_c(op_at(L, part[0], v), op_at(L, part[1], v))));
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_arrange[] = {
    { "aten.tril", lower_tri, 0 },
    { "aten.triu", lower_tri, 1 },
    { "aten.diag", lower_diag, 0 },
    { "aten.diag_embed", lower_diag_embed, 0 },
    { "aten.diagflat", lower_diagflat, 0 },
    { "aten.block_diag", lower_block_diag, 0 },
    { "aten.kron", lower_kron, 0 },
    { "aten.meshgrid", lower_meshgrid, 0 },
    { "aten.cartesian_prod", lower_cartesian_prod, 0 },
    { "aten.channel_shuffle", lower_channel_shuffle, 0 },
    { "aten.native_channel_shuffle", lower_channel_shuffle, 0 },
    { "aten.pixel_shuffle", lower_pixel_shuffle, 0 },
    { "aten.pixel_unshuffle", lower_pixel_shuffle, 1 },
    { "aten.im2col", lower_im2col, 0 },
    { "aten.col2im", lower_col2im, 0 },
    { 0 },
};
