/* SPDX-License-Identifier: MIT
 * Products with weights of 4 bits, packed for processors and GPUs, and products of groups (mixtures of experts).
 *
 * aten._weight_int4pack_mm: the layout of PyTorch's CUDA kernels, [n / 8, k / (16 t), 32, t / 2] words of eight
 * values; t is 2, 4 or 8. A word holds row n = 8 tile + lane / 4 at eight columns of two neighbouring blocks of 16: of
 * each block 2 (lane % 4) + {0, 1, 8, 9}; even columns are in the lower half.
 *
 * The layout for processors depends on the instructions of the machine that packed them, which no file tells: only
 * weights that the graph itself packs are accepted. */
#include "ops/data.h"
#include "ops/internal.h"

/* Column k of row n in a packed tensor: the word's index, and the place of the value in it, in bits. */
static pt2_ex tile_place(struct pt2_lower *L, int64_t tiles, pt2_ex n, pt2_ex k, pt2_ex *out_index)
{
    struct pt2_exprs *E = L->E;
    pt2_ex eight = pt2_idx(E, 8), two = pt2_idx(E, 2), in = pt2_floormod(E, k, pt2_idx(E, 16));
    pt2_ex lane = pt2_add(E, pt2_muli(E, pt2_floormod(E, n, eight), 4),
                          pt2_floordiv(E, pt2_floormod(E, in, eight), two));
    out_index[0] = pt2_floordiv(E, n, eight);
    out_index[1] = pt2_floordiv(E, k, pt2_idx(E, 16 * tiles));
    out_index[2] = lane;
    out_index[3] = pt2_floordiv(E, pt2_floormod(E, k, pt2_idx(E, 16 * tiles)), pt2_idx(E, 32));
    pt2_ex block = pt2_floormod(E, pt2_floordiv(E, k, pt2_idx(E, 16)), two);
    pt2_ex nibble = pt2_add(E, pt2_muli(E, block, 2), pt2_floordiv(E, in, eight));
    return pt2_add(E, pt2_muli(E, nibble, 4), pt2_muli(E, pt2_floormod(E, k, two), 16));
}

static pt2_ex nibble_at(struct pt2_lower *L, pt2_ex word, pt2_ex place)
{
    pt2_ex bits = pt2_bin(L->E, PT2_E_SHR, pt2_cast(L->E, PT2_I32, word), pt2_cast(L->E, PT2_I32, place));
    return pt2_bin(L->E, PT2_E_AND, bits, pt2_int(L->E, PT2_I32, 15));
}

/* x @ w.T, with w = (q - 8) * scale + zero in x's dtype; scale and zero of each group of columns are [k / group, n, 2].
 * `q`: the value at VAR 0 and 1 of [n, k]. */
static void return_product(struct pt2_lower *L, pt2_t *x, const pt2_ex *shape, pt2_ex q)
{
    struct pt2_exprs *E = L->E;
    pt2_t *params = op_tensor(L, "qScaleAndZeros");
    int64_t group = op_int(L, "qGroupSize", 0);
    pt2_ex *at = op_vars(L, 2, shape), index[3], p[2];
    if (params->rank != 3 || group < 1 || x->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "groups of %lld, scales of %d dimensions", (long long)group, params->rank);
    for (int k = 0; k < 2; k++) {
        index[0] = pt2_floordiv(E, at[1], pt2_idx(E, group));
        index[1] = at[0];
        index[2] = pt2_idx(E, k);
        p[k] = op_to(L, op_at(L, params, index), PT2_F32);
    }
    pt2_ex w = pt2_cast(E, PT2_F32, pt2_sub(E, q, pt2_int(E, PT2_I32, 8)));
    w = pt2_add(E, pt2_mul(E, w, p[0]), p[1]);
    pt2_t *y = op_linear(L, x, op_map(L, x->dtype, 2, shape, op_to(L, w, x->dtype)), NULL);
    op_return(L, op_convert(L, y, op_out_dtype(L, 0)));
}

static void lower_int4_mm(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *packed = op_tensor(L, "mat2");
    if (packed->rank != 4 || packed->dtype != PT2_I32 || !pt2_is_const(packed->shape[3]) || x->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "packed weights are %s of %d dimensions", pt2_dtype_name(packed->dtype),
                packed->rank);
    pt2_ex shape[2] = { pt2_muli(L->E, packed->shape[0], 8), x->shape[1] }, *at = op_vars(L, 2, shape), index[4];
    pt2_ex place = tile_place(L, 2 * packed->shape[3]->i, at[0], at[1], index);
    return_product(L, x, shape, nibble_at(L, op_at(L, packed, index), place));
}

/* Two columns in a byte, the even one first: how _convert_weight_to_int4pack gets them. */
static pt2_ex byte_pair(struct pt2_lower *L, pt2_t *t, pt2_ex n, pt2_ex k)
{
    struct pt2_exprs *E = L->E;
    pt2_ex index[2] = { n, pt2_floordiv(E, k, pt2_idx(E, 2)) };
    pt2_ex odd = pt2_floormod(E, k, pt2_idx(E, 2));
    return nibble_at(L, op_at(L, t, index), pt2_sub(E, pt2_idx(E, 4), pt2_muli(E, odd, 4)));
}

static void lower_pack(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    int64_t tiles = op_int(L, "innerKTiles", 8);
    pt2_ex *shape = op_out_shape(L, 0), *at = op_vars(L, 4, shape), word = pt2_int(E, PT2_I32, 0), four = pt2_idx(E, 4);
    if (t->rank != 2 || op_out_rank(L, 0) != 4 || t->dtype != PT2_U8)
        op_fail(L, PT2_ERR_FORMAT, "weights are %s of %d dimensions", pt2_dtype_name(t->dtype), t->rank);
    pt2_ex n = pt2_add(E, pt2_muli(E, at[0], 8), pt2_floordiv(E, at[2], four));
    pt2_ex base = pt2_add(E, pt2_muli(E, at[1], 16 * tiles), pt2_muli(E, at[3], 32));
    base = pt2_add(E, base, pt2_muli(E, pt2_floormod(E, at[2], four), 2));
    for (int j = 0; j < 8; j++) { /* block j / 4, column 2 (lane % 4) + 8 (j / 2 % 2) + j % 2 */
        pt2_ex k = pt2_addi(E, base, j / 4 * 16 + j / 2 % 2 * 8 + j % 2);
        pt2_ex shift = pt2_int(E, PT2_I32, j / 2 * 4 + j % 2 * 16);
        word = pt2_bin(E, PT2_E_OR, word, pt2_bin(E, PT2_E_SHL, byte_pair(L, t, n, k), shift));
    }
    op_return(L, op_map(L, PT2_I32, 4, shape, word));
}

/* For processors: here the packed form is [n, k / 2], the even column in the lower half. */
static void lower_pack_cpu(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    pt2_ex *shape = op_out_shape(L, 0), *at = op_vars(L, 2, shape), v[2];
    if (t->rank != 2 || op_out_rank(L, 0) != 2)
        op_fail(L, PT2_ERR_FORMAT, "weights of %d dimensions", t->rank);
    for (int k = 0; k < 2; k++) {
        pt2_ex index[2] = { at[0], pt2_addi(E, pt2_muli(E, at[1], 2), k) };
        v[k] = pt2_cast(E, PT2_I32, op_at(L, t, index));
    }
    pt2_ex byte = pt2_bin(E, PT2_E_OR, v[0], pt2_bin(E, PT2_E_SHL, v[1], pt2_int(E, PT2_I32, 4)));
    op_return(L, op_map(L, op_out_dtype(L, 0), 2, shape, op_to(L, byte, op_out_dtype(L, 0))));
}

static void lower_int4_mm_cpu(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *packed = op_tensor(L, "mat2");
    if (packed->store->input >= 0)
        op_fail(L, PT2_ERR_UNSUPPORTED, "weights that were packed for the processor of the exporting machine: "
                                        "the file does not tell their layout");
    if (packed->rank != 2 || x->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "packed weights of %d dimensions", packed->rank);
    pt2_ex shape[2] = { packed->shape[0], x->shape[1] }, *at = op_vars(L, 2, shape);
    pt2_ex index[2] = { at[0], pt2_floordiv(L->E, at[1], pt2_idx(L->E, 2)) };
    pt2_ex place = pt2_muli(L->E, pt2_floormod(L->E, at[1], pt2_idx(L->E, 2)), 4);
    return_product(L, x, shape, nibble_at(L, op_at(L, packed, index), place));
}

const struct pt2_op_row pt2_ops_int4[] = {
    { "aten._weight_int4pack_mm", lower_int4_mm, 0 },
    { "aten._convert_weight_to_int4pack", lower_pack, 0 },
    { "aten._weight_int4pack_mm_for_cpu", lower_int4_mm_cpu, 0 },
    { "aten._convert_weight_to_int4pack_for_cpu", lower_pack_cpu, 0 },
    { 0 },
};
