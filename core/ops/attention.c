/* SPDX-License-Identifier: MIT
 *
 * Scaled dot product attention, written once: scores = q k^T * scale + mask, softmax in which fully masked rows are 0,
 * times v.
 * The fused operators of GPU exports (flash, efficient, cuDNN) are the same with more results. */
#include "ops/data.h"
#include "ops/random.h"
#include "ops/reduce.h"

#include <math.h>

struct attention {
    pt2_t *q, *k, *v;   /* [… L E], [… S E], [… S F] */
    pt2_t *mask;        /* bool: true takes part; float: added; NULL */
    bool masks_out;     /* true elements of the mask are those left out; rows without any other are NaN */
    bool causal;
    double scale;       /* 0: 1 / sqrt(E) */
    double dropout;     /* of the probabilities, in training */
};

static char *labels(struct pt2_lower *L, const pt2_t *t, int batch, const char *tail)
{
    char text[PT2_MAX_RANK + 1] = { 0 };
    int n = t ? t->rank - 2 : batch;
    for (int d = 0; d < n; d++)
        text[d] = (char)('A' + batch - n + d);
    return pt2_arena_printf(L->arena, "%s%s", text, tail);
}

static int batch_dims(const struct attention *a)
{
    int n = a->q->rank > a->k->rank ? a->q->rank : a->k->rank;
    return (n > a->v->rank ? n : a->v->rank) - 2;
}

/* A score or -inf: a bool mask selects, a float mask is added. */
static pt2_ex masked(struct pt2_lower *L, const struct attention *a, pt2_ex score, int rank, pt2_ex *v, pt2_dtype acc)
{
    struct pt2_exprs *E = L->E;
    pt2_ex out = pt2_num(E, acc, -INFINITY);
    if (a->mask && a->mask->rank > rank)
        op_fail(L, PT2_ERR_FORMAT, "the mask has more dimensions than the scores");
    if (a->mask && (a->mask->dtype == PT2_BOOL || a->masks_out)) {
        pt2_ex m = op_to(L, op_at_bcast(L, a->mask, rank, v), PT2_BOOL);
        score = a->masks_out ? pt2_select(E, m, out, score) : pt2_select(E, m, score, out);
    } else if (a->mask) {
        score = pt2_add(E, score, op_at_bcast_as(L, a->mask, rank, v, acc));
    }
    if (a->causal)
        score = pt2_select(E, pt2_le(E, v[rank - 1], v[rank - 2]), score, out);
    return score;
}

static pt2_ex score_scale(struct pt2_lower *L, const struct attention *a, pt2_dtype acc)
{
    pt2_ex width = a->q->shape[a->q->rank - 1];
    if (a->scale != 0)
        return pt2_num(L->E, acc, a->scale);
    return pt2_is_const(width) ? pt2_num(L->E, acc, 1 / sqrt((double)width->i))
                               : pt2_un(L->E, PT2_E_RSQRT, op_num_of_size(L, width, acc));
}

/* Scaled and masked scores [… L S], in the accumulation type. */
static pt2_t *scores(struct pt2_lower *L, const struct attention *a)
{
    pt2_dtype acc = op_acc_dtype(a->q->dtype);
    int n = batch_dims(a);
    struct op_term q = { a->q, labels(L, a->q, n, "le"), false }, k = { a->k, labels(L, a->k, n, "se"), false };
    int nq = a->q->rank > a->k->rank ? a->q->rank : a->k->rank;
    pt2_t *s = op_contract(L, acc, q, k, labels(L, nq == a->q->rank ? a->q : a->k, n, "ls"));
    pt2_ex *v = op_vars(L, s->rank, s->shape), x = pt2_mul(L->E, op_at(L, s, v), score_scale(L, a, acc));
    return op_map_like(L, s, acc, masked(L, a, x, s->rank, v, acc));
}

/* Each probability is 0 by chance, else scaled up. */
static pt2_t *dropped(struct pt2_lower *L, pt2_t *probs, double p)
{
    struct pt2_exprs *E = L->E;
    if (p <= 0)
        return probs;
    pt2_ex *v = op_vars(L, probs->rank, probs->shape), e = op_at(L, probs, v), zero = pt2_num(E, e->dtype, 0);
    pt2_ex u = op_uniform(L, pt2_linearize(E, probs->rank, probs->shape, v), 0);
    pt2_ex kept = p < 1 ? pt2_mul(E, e, pt2_num(E, e->dtype, 1 / (1 - p))) : zero;
    return op_map_like(L, probs, probs->dtype, pt2_select(E, pt2_lt(E, u, pt2_num(E, PT2_F32, 1 - p)), kept, zero));
}

/* Returns the output; the probabilities and the masked scores through the pointers. */
static pt2_t *attend(struct pt2_lower *L, const struct attention *a, pt2_dtype dtype, pt2_t **out_probs,
                     pt2_t **out_scores)
{
    if (a->q->rank < 2 || a->k->rank < 2 || a->v->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "attention over tensors of less than 2 dimensions");
    pt2_t *s = scores(L, a);
    pt2_t *p = dropped(L, op_softmax_as(L, s, s->rank - 1, false, !a->masks_out, s->dtype), a->dropout);
    int n = batch_dims(a);
    struct op_term tp = { p, labels(L, p, n, "ls"), false }, tv = { a->v, labels(L, a->v, n, "se"), false };
    *out_probs = p;
    *out_scores = s;
    return op_contract(L, dtype, tp, tv, labels(L, NULL, n, "le"));
}

/* Grouped queries: each head of t serves several of q's. A view. */
static pt2_t *repeat_heads(struct pt2_lower *L, pt2_t *t, pt2_ex heads)
{
    if (t->rank < 3)
        op_fail(L, PT2_ERR_FORMAT, "grouped queries without heads");
    int h = t->rank - 3;
    pt2_ex shape[PT2_MAX_RANK];
    if (pt2_prove_eq(L->E, t->shape[h], heads))
        return t;
    memcpy(shape, t->shape, sizeof shape);
    shape[h] = heads;
    pt2_ex *v = op_vars(L, t->rank, shape);
    v[h] = pt2_floordiv(L->E, v[h], pt2_floordiv(L->E, heads, t->shape[h]));
    return op_view(L, t, t->rank, shape, v);
}

/* Fused operators group queries without a flag, when the numbers of heads differ. */
static bool grouped(struct pt2_lower *L, const struct attention *a)
{
    if (a->q->rank < 3 || a->k->rank < 3)
        return false;
    pt2_ex hq = a->q->shape[a->q->rank - 3], hk = a->k->shape[a->k->rank - 3];
    return op_bool(L, "enable_gqa", false) ||
           (L->row->data && pt2_is_const(hq) && pt2_is_const(hk) && hk->i > 1 && hq->i > hk->i && hq->i % hk->i == 0);
}

/* Results after the first: statistics where they have the expected shape, sizes, and zeros for the state of
 * generators. */
static void other_results(struct pt2_lower *L, const struct attention *a, pt2_t *probs, pt2_t *s)
{
    int sizes = 0;
    for (int k = 1; k < (int)L->node->num_outs; k++) {
        const struct pt2_pvalue *out = L->node->outs[k];
        if (out->kind == PT2_VALUE_INT) {
            op_result_scalar(L, k, sizes++ ? a->k->shape[a->k->rank - 2] : a->q->shape[a->q->rank - 2]);
            continue;
        }
        if (out->kind != PT2_VALUE_TENSOR || !out->meta)
            continue;
        pt2_dtype t = op_out_dtype(L, k);
        int rank = op_out_rank(L, k), last = s->rank - 1;
        pt2_ex *shape = op_out_shape(L, k);
        if (k == 1 && rank == s->rank && pt2_prove_eq(L->E, shape[rank - 1], s->shape[last]))
            op_result(L, k, op_convert(L, probs, t));
        else if (k == 1 && rank == last && pt2_prove_eq(L->E, shape[rank - 1], s->shape[last - 1]))
            op_result(L, k, op_convert(L, op_logsumexp(L, s, 1, &last, false), t));
        else
            op_result(L, k, op_full(L, t, rank, shape, pt2_int(L->E, pt2_dtype_compute(t), 0)));
    }
}

static void lower_attention(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    struct attention a = {
        .q = op_convert(L, op_tensor(L, "query"), dtype),
        .k = op_convert(L, op_tensor(L, "key"), dtype),
        .v = op_convert(L, op_tensor(L, "value"), dtype),
        .mask = op_tensor_opt(L, op_has(L, "attn_mask") ? "attn_mask" : "attn_bias"),
        .causal = op_bool(L, "is_causal", false),
        .scale = op_has(L, "scale") ? op_float(L, "scale", 0) : 0,
        .dropout = op_float(L, "dropout_p", 0),
    };
    pt2_t *probs, *s;
    if (op_has(L, "scale") && a.scale == 0)
        op_fail(L, PT2_ERR_UNSUPPORTED, "attention with a scale of 0");
    if (grouped(L, &a)) {
        pt2_ex heads = a.q->shape[a.q->rank - 3];
        a.k = repeat_heads(L, a.k, heads);
        a.v = repeat_heads(L, a.v, heads);
    }
    op_result(L, 0, attend(L, &a, dtype, &probs, &s));
    other_results(L, &a, probs, s);
}

/* The fused operators' gradients of q, k and v. The probabilities p are computed again: the statistics that the file
 * passes on differ between the operators. With dp = g v^T, the scores' gradient is p * (dp - sum(p * dp)). */
static void lower_attention_backward(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, op_has(L, "grad_out") ? "grad_out" : "grad_out_"), *q = op_tensor(L, "query");
    pt2_dtype acc = op_acc_dtype(q->dtype);
    struct attention a = {
        .q = op_convert(L, q, acc),
        .k = op_convert(L, op_tensor(L, "key"), acc),
        .v = op_convert(L, op_tensor(L, "value"), acc),
        .mask = op_tensor_opt(L, op_has(L, "attn_mask") ? "attn_mask" : "attn_bias"),
        .causal = op_bool(L, "is_causal", false),
        .scale = op_has(L, "scale") ? op_float(L, "scale", 0) : 0,
    };
    int r = a.q->rank, last = r - 1, swap[PT2_MAX_RANK];
    if (op_float(L, "dropout_p", 0) != 0 || (L->node->num_outs > 3 && op_out_used(L, 3)))
        op_fail(L, PT2_ERR_UNSUPPORTED, "the gradient of attention with dropout, or that of its mask");
    if (r < 2 || g->rank != r || a.k->rank != r || a.v->rank != r || (op_has(L, "scale") && a.scale == 0))
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions for attention of %d", g->rank, r);
    for (int d = 0; d < r; d++)
        swap[d] = d < r - 2 ? d : 2 * r - 3 - d;
    g = op_convert(L, g, acc);
    pt2_t *s = scores(L, &a), *p = op_softmax_as(L, s, last, false, true, acc);
    pt2_t *dp = op_matmul(L, g, op_permute(L, a.v, swap));
    pt2_t *ds = op_mul(L, p, op_sub(L, dp, op_sum(L, op_mul(L, p, dp), 1, &last, true)));
    pt2_ex factor = score_scale(L, &a, acc), *v = op_vars(L, r, ds->shape);
    ds = op_map_like(L, ds, acc, pt2_mul(L->E, op_at(L, ds, v), factor));
    pt2_t *grads[] = { op_matmul(L, ds, a.k), op_matmul(L, op_permute(L, ds, swap), a.q),
                       op_matmul(L, op_permute(L, p, swap), g) };
    for (int k = 0; k < 3; k++)
        if (op_out_used(L, k))
            op_result(L, k, op_convert(L, grads[k], op_out_dtype(L, k)));
}

/* ---- nn.MultiheadAttention and nn.TransformerEncoderLayer as single operators (their eval-mode fast path) ---- */

/* Part k of 3 of the packed input projection, split into heads: [B T D] to [B H T D/H]. */
static pt2_t *project(struct pt2_lower *L, pt2_t *x, pt2_t *weight, pt2_t *bias, int k, int64_t heads, int64_t width)
{
    struct pt2_exprs *E = L->E;
    pt2_ex size = pt2_idx(E, width), one = pt2_idx(E, 1), start = pt2_idx(E, k * width);
    pt2_t *w = op_slice(L, weight, 0, start, size, one), *b = bias ? op_slice(L, bias, 0, start, size, one) : NULL;
    pt2_t *y = op_linear(L, x, w, b);
    pt2_ex shape[] = { y->shape[0], y->shape[1], pt2_idx(E, heads), pt2_idx(E, width / heads) };
    return op_permute(L, op_reshape(L, y, 4, shape), (const int[]){ 0, 2, 1, 3 });
}

/* The mask of the fast path (true: left out) against [B H T S]: 0 is [T S], 1 is [B S], 2 is all four dimensions. */
static pt2_t *fast_mask(struct pt2_lower *L)
{
    pt2_t *m = op_tensor_opt(L, "mask");
    if (m && op_int(L, "mask_type", 2) == 1 && m->rank == 2)
        m = op_unsqueeze(L, op_unsqueeze(L, m, 1), 1);
    return m;
}

static pt2_t *multi_head(struct pt2_lower *L, pt2_t *q, pt2_t *k, pt2_t *v, int64_t heads, pt2_t **out_probs)
{
    struct pt2_exprs *E = L->E;
    pt2_t *w = op_tensor(L, "qkv_weight"), *b = op_tensor_opt(L, "qkv_bias"), *s;
    int64_t width = op_int(L, "embed_dim", 0);
    if (q->rank != 3 || k->rank != 3 || v->rank != 3 || w->rank != 2 || heads < 1 || width < 1 || width % heads)
        op_fail(L, PT2_ERR_FORMAT, "%lld heads of %lld features", (long long)heads, (long long)width);
    struct attention a = {
        .q = project(L, q, w, b, 0, heads, width),
        .k = project(L, k, w, b, 1, heads, width),
        .v = project(L, v, w, b, 2, heads, width),
        .mask = fast_mask(L),
        .masks_out = true,
    };
    pt2_t *y = op_permute(L, attend(L, &a, q->dtype, out_probs, &s), (const int[]){ 0, 2, 1, 3 });
    pt2_ex shape[] = { y->shape[0], y->shape[1], pt2_idx(E, width) };
    return op_linear(L, op_reshape(L, y, 3, shape), op_tensor(L, "proj_weight"), op_tensor_opt(L, "proj_bias"));
}

static void lower_multi_head(struct pt2_lower *L)
{
    pt2_t *probs, *q = op_tensor(L, "query");
    op_result(L, 0, multi_head(L, q, op_tensor(L, "key"), op_tensor(L, "value"), op_int(L, "num_head", 1), &probs));
    if (L->node->num_outs < 2 || !op_out_used(L, 1))
        return;
    if (op_bool(L, "average_attn_weights", true))
        probs = op_mean(L, probs, 1, (const int[]){ 1 }, false);
    op_result(L, 1, op_convert(L, probs, op_out_dtype(L, 1)));
}

/* _masked_softmax: the mask, true where left out, is as in fast_mask for mask_type 0 and 1. */
static void lower_masked_softmax(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *m = fast_mask(L);
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    if (!m || m->rank > x->rank || !x->rank)
        op_fail(L, PT2_ERR_FORMAT, "a mask of more dimensions than the scores");
    int dim = op_has(L, "dim") ? op_dim(L, "dim", -1, x->rank) : x->rank - 1;
    pt2_ex *v = op_vars(L, x->rank, x->shape), out = op_to(L, op_at_bcast(L, m, x->rank, v), PT2_BOOL);
    pt2_t *s = op_map_like(L, x, acc, pt2_select(E, out, pt2_num(E, acc, -INFINITY), op_at_as(L, x, v, acc)));
    op_return(L, op_softmax_as(L, s, dim, false, false, dtype));
}

/* Of softmax, y (g - sum(g y)), but 0 where the mask leaves out. */
static void lower_masked_softmax_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *g = op_tensor(L, "grad_output"), *y = op_tensor(L, "output"), *m = op_tensor(L, "mask");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    if (!y->rank || g->rank != y->rank || m->rank > y->rank)
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions for %d", g->rank, y->rank);
    int dim = op_has(L, "dim") ? op_dim(L, "dim", -1, y->rank) : y->rank - 1;
    pt2_ex *v = op_vars(L, y->rank, y->shape), zero = pt2_num(E, acc, 0), p = op_at_as(L, y, v, acc);
    pt2_ex out = op_to(L, op_at_bcast(L, m, y->rank, v), PT2_BOOL), slope = op_at_as(L, g, v, acc);
    pt2_t *product = op_map_like(L, y, acc, pt2_select(E, out, zero, pt2_mul(E, p, slope)));
    pt2_t *sum = op_sum(L, product, 1, &dim, true);
    pt2_ex r = pt2_mul(E, p, pt2_sub(E, slope, op_at_bcast(L, sum, y->rank, v)));
    op_return(L, op_map_like(L, y, dtype, pt2_select(E, out, zero, r)));
}

/* relu, or the exact gelu */
static pt2_t *activate(struct pt2_lower *L, pt2_t *t, bool gelu)
{
    struct pt2_exprs *E = L->E;
    pt2_ex x = op_at(L, t, op_vars(L, t->rank, t->shape)), zero = pt2_int(E, x->dtype, 0);
    if (!gelu)
        return op_map_like(L, t, t->dtype, pt2_max(E, x, zero));
    pt2_ex erf = pt2_un(E, PT2_E_ERF, pt2_mul(E, x, pt2_num(E, x->dtype, sqrt(0.5))));
    pt2_ex half = pt2_mul(E, x, pt2_num(E, x->dtype, 0.5));
    return op_map_like(L, t, t->dtype, pt2_mul(E, half, pt2_add(E, pt2_int(E, x->dtype, 1), erf)));
}

static pt2_t *layer_norm(struct pt2_lower *L, pt2_t *x, const char *weight, const char *bias)
{
    return op_layer_norm(L, x, 1, op_tensor(L, weight), op_tensor(L, bias), op_float(L, "eps", 1e-5), x->dtype);
}

static void lower_encoder_layer(struct pt2_lower *L)
{
    pt2_t *src = op_tensor(L, "src"), *x = src, *probs;
    bool first = op_bool(L, "norm_first", false);
    if (first)
        x = layer_norm(L, x, "norm_weight_1", "norm_bias_1");
    x = op_add(L, multi_head(L, x, x, x, op_int(L, "num_heads", 1), &probs), src);
    if (!first)
        x = layer_norm(L, x, "norm_weight_1", "norm_bias_1");
    pt2_t *y = first ? layer_norm(L, x, "norm_weight_2", "norm_bias_2") : x;
    y = op_linear(L, y, op_tensor(L, "ffn_weight_1"), op_tensor_opt(L, "ffn_bias_1"));
    y = op_linear(L, activate(L, y, op_bool(L, "use_gelu", false)), op_tensor(L, "ffn_weight_2"),
                  op_tensor_opt(L, "ffn_bias_2"));
    x = op_add(L, y, x);
    op_return(L, first ? x : layer_norm(L, x, "norm_weight_2", "norm_bias_2"));
}

/* ---- operators of torch.onnx.ops ---- */

/* [batch, length, heads * width] as [batch, heads, length, width]; of four dimensions: as it is. */
static pt2_t *split_heads(struct pt2_lower *L, pt2_t *t, const char *heads)
{
    if (t->rank == 4)
        return t;
    pt2_ex n = op_size(L, heads, 0);
    if (t->rank != 3 || pt2_is_int(n, 0))
        op_fail(L, PT2_ERR_FORMAT, "%s is missing for %d dimensions", heads, t->rank);
    pt2_ex shape[4] = { t->shape[0], t->shape[1], n, pt2_floordiv(L->E, t->shape[2], n) };
    return op_permute(L, op_reshape(L, t, 4, shape), (const int[]){ 0, 2, 1, 3 });
}

/* The cache before what is new. */
static pt2_t *with_past(struct pt2_lower *L, const char *past, pt2_t *t)
{
    pt2_t *both[2] = { op_tensor_opt(L, past), t };
    return both[0] ? op_cat(L, 2, both, 2) : op_clone(L, t);
}

enum { QK_PRODUCT, QK_MASKED, QK_CAPPED, QK_PROBABILITIES };

/* What onnx.Attention returns as its scores: in which of the four states they are taken. */
static pt2_t *onnx_scores(struct pt2_lower *L, struct attention *a, double cap, pt2_t **out_probs, int64_t mode)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype acc = op_acc_dtype(a->q->dtype);
    struct attention plain = { .q = a->q, .k = a->k, .v = a->v, .scale = a->scale };
    pt2_t *product = scores(L, &plain);
    pt2_ex *v = op_vars(L, product->rank, product->shape), s = op_at(L, product, v);
    pt2_t *hidden = op_map_like(L, product, acc, masked(L, a, s, product->rank, v, acc)), *capped = hidden;
    if (cap > 0) {
        s = pt2_un(E, PT2_E_TANH, pt2_bin(E, PT2_E_DIV, op_at(L, hidden, v), pt2_num(E, acc, cap)));
        capped = op_map_like(L, hidden, acc, pt2_mul(E, s, pt2_num(E, acc, cap)));
    }
    pt2_t *probs = op_softmax_as(L, capped, capped->rank - 1, false, false, acc);
    pt2_t *states[] = { product, hidden, capped, probs };
    if (mode < QK_PRODUCT || mode > QK_PROBABILITIES)
        op_fail(L, PT2_ERR_FORMAT, "qk_matmul_output_mode %lld", (long long)mode);
    *out_probs = probs;
    return states[mode];
}

/* onnx.Attention: its plain form is scaled_dot_product_attention, in which rows that are masked out are 0; all others
 * are computed as they are written, where such rows are NaN. */
static void lower_onnx_attention(struct pt2_lower *L)
{
    pt2_t *q = op_tensor(L, "Q"), *k = split_heads(L, op_tensor(L, "K"), "kv_num_heads");
    pt2_t *v = split_heads(L, op_tensor(L, "V"), "kv_num_heads"), *mask = op_tensor_opt(L, "attn_mask"), *probs, *s, *y;
    pt2_dtype dtype = op_out_dtype(L, 0);
    double cap = op_float(L, "softcap", 0);
    int64_t mode = op_int(L, "qk_matmul_output_mode", QK_PRODUCT);
    k = with_past(L, "past_key", k);
    v = with_past(L, "past_value", v);
    struct attention a = { .q = split_heads(L, q, "q_num_heads"), .mask = mask,
                           .causal = op_bool(L, "is_causal", false), .scale = op_float(L, "scale", 0) };
    a.k = repeat_heads(L, k, a.q->shape[1]);
    a.v = repeat_heads(L, v, a.q->shape[1]);
    if (op_has(L, "scale") && a.scale == 0)
        op_fail(L, PT2_ERR_UNSUPPORTED, "attention with a scale of 0");
    bool plain = cap == 0 && mode == QK_PRODUCT && !op_has(L, "softmax_precision") &&
                 (!mask || mask->dtype == PT2_BOOL);
    pt2_t *qk = onnx_scores(L, &a, cap, &probs, mode);
    if (plain)
        y = attend(L, &a, dtype, &probs, &s);
    else
        y = op_contract(L, dtype, (struct op_term){ probs, "bhls", false }, (struct op_term){ a.v, "bhse", false },
                        "bhle");
    if (q->rank == 3)
        y = op_reshape(L, op_permute(L, y, (const int[]){ 0, 2, 1, 3 }), 3, op_out_shape(L, 0));
    pt2_t *results[] = { y, k, v, qk };
    for (int r = 0; r < 4; r++)
        if (op_out_used(L, r))
            op_result(L, r, op_convert(L, results[r], op_out_dtype(L, r)));
}

/* onnx.RotaryEmbedding: pairs of elements of each head are turned by an angle of their position; what is behind
 * rotary_embedding_dim stays. Pairs are neighbours (interleaved), or lie half of that dimension apart. */
static void lower_onnx_rotary(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *in = op_tensor(L, "x"), *x = split_heads(L, in, "num_heads"), *ids = op_tensor_opt(L, "position_ids");
    pt2_t *caches[2] = { op_tensor(L, "cos_cache"), op_tensor(L, "sin_cache") };
    pt2_dtype acc = op_acc_dtype(x->dtype);
    bool neighbours = op_bool(L, "interleaved", false);
    pt2_ex turned = op_size(L, "rotary_embedding_dim", 0), *v = op_vars(L, 4, x->shape), two = pt2_idx(E, 2);
    if (pt2_is_int(turned, 0))
        turned = x->shape[3];
    pt2_ex half = pt2_floordiv(E, turned, two), inside = pt2_lt(E, v[3], turned), turn[2];
    pt2_ex pair = neighbours ? pt2_floordiv(E, v[3], two)
                             : pt2_select(E, pt2_lt(E, v[3], half), v[3], pt2_sub(E, v[3], half));
    pair = pt2_max(E, pt2_min(E, pair, pt2_addi(E, half, -1)), pt2_idx(E, 0));
    pt2_ex first = neighbours ? pt2_eq(E, pt2_floormod(E, v[3], two), pt2_idx(E, 0)) : pt2_lt(E, v[3], half);
    for (int k = 0; k < 2; k++) {
        pt2_ex at[3] = { v[0], v[2], pair };
        if (caches[k]->rank != (ids ? 2 : 3) || (ids && ids->rank != 2))
            op_fail(L, PT2_ERR_FORMAT, "a cache of %d dimensions", caches[k]->rank);
        if (ids)
            at[1] = op_index_at(L, ids, at, caches[k]->shape[0]);
        turn[k] = op_at_as(L, caches[k], ids ? at + 1 : at, acc);
    }
    pt2_ex a[4] = { v[0], v[1], v[2], neighbours ? pt2_muli(E, pair, 2) : pair }, b[4] = { v[0], v[1], v[2] };
    b[3] = pt2_add(E, a[3], neighbours ? pt2_idx(E, 1) : half);
    pt2_ex re = op_at_as(L, x, a, acc), im = op_at_as(L, x, b, acc);
    pt2_ex real = pt2_sub(E, pt2_mul(E, turn[0], re), pt2_mul(E, turn[1], im));
    pt2_ex imag = pt2_add(E, pt2_mul(E, turn[1], re), pt2_mul(E, turn[0], im));
    pt2_ex e = pt2_select(E, inside, pt2_select(E, first, real, imag), op_at_as(L, x, v, acc));
    pt2_t *y = op_map_like(L, x, x->dtype, e);
    if (in->rank == 3)
        y = op_reshape(L, op_permute(L, y, (const int[]){ 0, 2, 1, 3 }), 3, in->shape);
    op_return(L, y);
}

/* Parts of qkv [batch, length, 3 heads size] with their bias, as [batch, heads, length, size] each; queries are divided
 * by the root of size. */
static void lower_rescale_qkv(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *qkv = op_tensor(L, "qkv"), *bias = op_tensor(L, "qkv_bias");
    if (qkv->rank != 3 || bias->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "qkv of %d dimensions, bias of %d", qkv->rank, bias->rank);
    for (int k = 0; k < 3; k++) {
        if (op_out_rank(L, k) != 4)
            op_fail(L, PT2_ERR_FORMAT, "result %d has %d dimensions", k, op_out_rank(L, k));
        pt2_ex *shape = op_out_shape(L, k), *v = op_vars(L, 4, shape), width = pt2_mul(E, shape[1], shape[3]);
        pt2_ex at = pt2_add(E, pt2_add(E, pt2_muli(E, width, k), pt2_mul(E, v[1], shape[3])), v[3]);
        pt2_ex index[] = { v[0], v[2], at }, x = pt2_add(E, op_at(L, qkv, index), op_at(L, bias, &at));
        if (k == 0)
            x = pt2_bin(E, PT2_E_DIV, x, pt2_un(E, PT2_E_SQRT, pt2_cast(E, (int)x->dtype, shape[3])));
        op_result(L, k, op_map(L, qkv->dtype, 4, shape, x));
    }
}

const struct pt2_op_row pt2_ops_attention[] = {
    { "onnx.Attention", lower_onnx_attention, 0 },
    { "onnx.RotaryEmbedding", lower_onnx_rotary, 0 },
    { "aten.scaled_dot_product_attention", lower_attention, 0 },
    { "aten._scaled_dot_product_attention_math", lower_attention, 0 },
    { "aten._scaled_dot_product_flash_attention", lower_attention, 1 },
    { "aten._scaled_dot_product_flash_attention_for_cpu", lower_attention, 1 },
    { "aten._scaled_dot_product_efficient_attention", lower_attention, 1 },
    { "aten._scaled_dot_product_cudnn_attention", lower_attention, 1 },
    { "aten._scaled_dot_product_fused_attention_overrideable", lower_attention, 1 },
    { "aten._scaled_dot_product_flash_attention_backward", lower_attention_backward, 0 },
    { "aten._scaled_dot_product_flash_attention_for_cpu_backward", lower_attention_backward, 0 },
    { "aten._scaled_dot_product_efficient_attention_backward", lower_attention_backward, 0 },
    { "aten._native_multi_head_attention", lower_multi_head, 0 },
    { "aten._masked_softmax", lower_masked_softmax, 0 },
    { "aten._masked_softmax_backward", lower_masked_softmax_backward, 0 },
    { "aten._transform_bias_rescale_qkv", lower_rescale_qkv, 0 },
    { "aten._transformer_encoder_layer_fwd", lower_encoder_layer, 0 },
    { 0 },
};
