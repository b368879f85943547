/* SPDX-License-Identifier: MIT
 * Result types of calls that users' lowerings make: no file describes these. A rule for each operator whose row asks
 * for the type; rows that do not ask (most views, for instance) need none. */
#include "ops/custom.h"
#include "ops/internal.h"

enum dtype_rule {
    SAME,   /* promoted from the tensors and numbers */
    FLOAT,  /* the same, integers become float32 */
    SUMMED, /* the same, integers become int64; the argument dtype goes first */
    BOOL,
    INT64,
    GIVEN,  /* the argument dtype, else of the first tensor, else float32 */
};

struct call_type {
    struct pt2_lower *L;
    int k; /* of the result */
    enum dtype_rule dtype_rule;
    struct pt2_op_type *out;
};

enum { MAX_TENSORS = 16 };

/* ---- dtypes ---- */

/* Tensors among the arguments, lists too. */
static int tensors_of(struct pt2_lower *L, uint32_t n, const struct pt2_arg *args, pt2_t **list, int count)
{
    for (uint32_t k = 0; k < n && count < MAX_TENSORS; k++) {
        if (args[k].kind == PT2_ARG_LIST) {
            count = tensors_of(L, args[k].num_items, args[k].items, list, count);
            continue;
        }
        struct pt2_slot s = pt2_lower_arg(L, &args[k]);
        if (s.tensor)
            list[count++] = s.tensor;
    }
    return count;
}

/* The widest category of the Scalars that take part in promotion. */
static pt2_dtype number_kind(struct pt2_lower *L)
{
    static const char *const names[] = { "self", "other", "min", "max", "exponent", "value" };
    pt2_dtype kind = PT2_NONE;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const struct pt2_arg *a = pt2_find_arg(L, names[k]);
        struct pt2_slot s = a ? pt2_lower_arg(L, a) : (struct pt2_slot){ NULL, NULL };
        pt2_dtype t = s.scalar && !s.tensor ? op_scalar_kind(L, names[k]) : PT2_NONE;
        kind = t > kind ? t : kind;
    }
    return kind;
}

static pt2_dtype promoted(struct pt2_lower *L)
{
    pt2_t *list[MAX_TENSORS];
    int n = tensors_of(L, L->node->num_args, L->node->args, list, 0);
    if (n && list[0]->dtype == PT2_BOOL && pt2_find_arg(L, "condition")) { /* where */
        list[0] = list[n - 1];
        n = n > 1 ? n - 1 : n;
    }
    return op_promote(L, n, list, number_kind(L));
}

static pt2_dtype result_dtype(const struct call_type *c)
{
    struct pt2_lower *L = c->L;
    pt2_dtype given = op_dtype(L, "dtype", PT2_NONE), t;
    pt2_t *list[MAX_TENSORS];
    if (c->dtype_rule == BOOL || c->dtype_rule == INT64)
        return c->dtype_rule == BOOL ? PT2_BOOL : PT2_I64;
    if (given != PT2_NONE)
        return given;
    if (c->dtype_rule == GIVEN)
        return tensors_of(L, L->node->num_args, L->node->args, list, 0) ? list[0]->dtype : PT2_F32;
    t = promoted(L);
    if (c->dtype_rule != SAME && (pt2_dtype_is_int(t) || t == PT2_BOOL))
        t = c->dtype_rule == FLOAT ? PT2_F32 : PT2_I64;
    return t;
}

/* ---- shapes ---- */

static void set_shape(struct call_type *c, int rank, const pt2_ex *shape)
{
    c->out->rank = rank;
    memcpy(c->out->shape, shape, (size_t)rank * sizeof *shape);
}

static pt2_t *self_of(struct call_type *c)
{
    return op_tensor(c->L, op_has(c->L, "input") ? "input" : "self");
}

static void shape_like(struct call_type *c)
{
    pt2_t *t = self_of(c);
    set_shape(c, t->rank, t->shape);
}

static void shape_broadcast(struct call_type *c)
{
    pt2_t *list[MAX_TENSORS];
    int n = tensors_of(c->L, c->L->node->num_args, c->L->node->args, list, 0);
    c->out->rank = op_broadcast(c->L, n, list, c->out->shape);
}

/* Over dim (a number or a list; without it over all), with keepdim. */
static void shape_reduced(struct call_type *c)
{
    pt2_t *t = self_of(c);
    bool keep = op_bool(c->L, "keepdim", false), gone[PT2_MAX_RANK] = { false };
    int dims[PT2_MAX_RANK], n = t->rank ? op_dims(c->L, "dim", t->rank, dims) : 0;
    for (int k = 0; k < t->rank; k++)
        gone[k] = n <= 0;
    for (int k = 0; k < n; k++)
        gone[dims[k]] = true;
    for (int k = 0; k < t->rank; k++)
        if (!gone[k])
            c->out->shape[c->out->rank++] = t->shape[k];
        else if (keep)
            c->out->shape[c->out->rank++] = pt2_idx(c->L->E, 1);
}

/* A size of -1 is what is left of the elements. */
static void shape_of_size(struct call_type *c)
{
    struct pt2_exprs *E = c->L->E;
    int n = op_sizes(c->L, op_has(c->L, "shape") ? "shape" : "size", c->out->shape), open = -1;
    pt2_ex known = pt2_idx(E, 1);
    if (n < 0)
        op_fail(c->L, PT2_ERR_ARG, "argument size is missing");
    c->out->rank = n;
    for (int k = 0; k < n; k++)
        if (pt2_is_int(c->out->shape[k], -1))
            open = k;
        else
            known = pt2_mul(E, known, c->out->shape[k]);
    if (open >= 0)
        c->out->shape[open] = pt2_floordiv(E, op_numel(c->L, op_tensor(c->L, "self")), known);
}

static void shape_expanded(struct call_type *c)
{
    pt2_t *t = op_tensor(c->L, "self");
    int n = op_sizes(c->L, "size", c->out->shape);
    if (n < t->rank)
        op_fail(c->L, PT2_ERR_ARG, "%d sizes for %d dimensions", n, t->rank);
    c->out->rank = n;
    for (int k = 0; k < t->rank; k++)
        if (pt2_is_int(c->out->shape[n - t->rank + k], -1))
            c->out->shape[n - t->rank + k] = t->shape[k];
}

static void shape_flattened(struct call_type *c)
{
    pt2_t *t = op_tensor(c->L, "self");
    int first = op_dim(c->L, "start_dim", 0, t->rank), last = op_dim(c->L, "end_dim", -1, t->rank);
    pt2_ex merged = pt2_idx(c->L->E, 1);
    for (int k = 0; k < t->rank; k++) {
        if (k < first || k > last) {
            c->out->shape[c->out->rank++] = t->shape[k];
            continue;
        }
        merged = pt2_mul(c->L->E, merged, t->shape[k]);
        if (k == last)
            c->out->shape[c->out->rank++] = merged;
    }
    if (t->rank == 0)
        c->out->shape[c->out->rank++] = merged;
}

/* start and end as Python has them, clamped to the dimension. */
static void shape_sliced(struct call_type *c)
{
    struct pt2_exprs *E = c->L->E;
    pt2_t *t = op_tensor(c->L, "self");
    int dim = op_dim(c->L, "dim", 0, t->rank);
    pt2_ex size = t->shape[dim], zero = pt2_idx(E, 0), at[2];
    for (int k = 0; k < 2; k++) {
        pt2_ex e = op_has(c->L, k ? "end" : "start") ? op_size(c->L, k ? "end" : "start", 0) : k ? size : zero;
        e = pt2_select(E, pt2_lt(E, e, zero), pt2_add(E, e, size), e);
        at[k] = pt2_min(E, pt2_max(E, e, zero), size);
    }
    pt2_ex step = op_size(c->L, "step", 1), room = pt2_max(E, pt2_sub(E, at[1], at[0]), zero);
    set_shape(c, t->rank, t->shape);
    c->out->shape[dim] = pt2_floordiv(E, pt2_addi(E, pt2_add(E, room, step), -1), step);
}

static void shape_joined(struct call_type *c)
{
    pt2_t **list;
    int n = op_tensors(c->L, "tensors", &list);
    if (n < 1 || !list[0])
        op_fail(c->L, PT2_ERR_ARG, "no tensors");
    bool stack = !strcmp(c->L->node->target, "aten.stack") || !strcmp(c->L->node->target, "aten.stack.default");
    int rank = list[0]->rank + stack, dim = op_dim(c->L, "dim", 0, rank);
    pt2_ex sum = pt2_idx(c->L->E, 0);
    for (int k = 0; k < n; k++)
        sum = stack ? pt2_addi(c->L->E, sum, 1) : pt2_add(c->L->E, sum, list[k]->shape[dim]);
    for (int k = 0; k < rank; k++)
        c->out->shape[c->out->rank++] = k == dim ? sum : list[0]->shape[k - (stack && k > dim)];
}

/* The last two dimensions are rows and columns; one dimension is a row (left) or a column (right). */
static void shape_product(struct call_type *c)
{
    bool add = op_has(c->L, "mat1") || op_has(c->L, "batch1");
    pt2_t *a = op_tensor(c->L, op_has(c->L, "mat1") ? "mat1" : op_has(c->L, "batch1") ? "batch1" : "self");
    pt2_t *b = op_tensor(c->L, op_has(c->L, "batch2") ? "batch2" : op_has(c->L, "other") ? "other"
                               : op_has(c->L, "vec") ? "vec" : "mat2");
    if (a->rank == 0 || b->rank == 0 || (add && (a->rank < 2 || b->rank < 2)))
        op_fail(c->L, PT2_ERR_ARG, "factors of %d and %d dimensions", a->rank, b->rank);
    pt2_t *batch[2] = { a->rank > 2 ? op_select(c->L, op_select(c->L, a, -1 + a->rank, pt2_idx(c->L->E, 0)),
                                                a->rank - 2, pt2_idx(c->L->E, 0)) : NULL,
                        b->rank > 2 ? op_select(c->L, op_select(c->L, b, b->rank - 1, pt2_idx(c->L->E, 0)),
                                                b->rank - 2, pt2_idx(c->L->E, 0)) : NULL };
    c->out->rank = op_broadcast(c->L, 2, batch, c->out->shape);
    if (a->rank > 1)
        c->out->shape[c->out->rank++] = a->shape[a->rank - 2];
    if (b->rank > 1)
        c->out->shape[c->out->rank++] = b->shape[b->rank - 1];
}

static void shape_linear(struct call_type *c)
{
    pt2_t *x = op_tensor(c->L, "input"), *w = op_tensor(c->L, "weight");
    if (x->rank < 1 || w->rank != 2)
        op_fail(c->L, PT2_ERR_ARG, "weight of %d dimensions", w->rank);
    set_shape(c, x->rank, x->shape);
    c->out->shape[x->rank - 1] = w->shape[0];
}

static void shape_embedding(struct call_type *c)
{
    pt2_t *w = op_tensor(c->L, "weight"), *i = op_tensor(c->L, "indices");
    if (w->rank != 2 || i->rank >= PT2_MAX_RANK - 1)
        op_fail(c->L, PT2_ERR_ARG, "weight of %d dimensions", w->rank);
    set_shape(c, i->rank, i->shape);
    c->out->shape[c->out->rank++] = w->shape[1];
    c->out->dtype = w->dtype;
}

/* index: the shape and dtype of self, but for the sizes of the index. */
static void shape_gathered(struct call_type *c)
{
    pt2_t *t = op_tensor(c->L, "self"), *i = op_tensor(c->L, "index");
    bool select = strstr(c->L->node->target, "index_select") != NULL;
    set_shape(c, t->rank, t->shape);
    c->out->dtype = t->dtype;
    if (!select)
        set_shape(c, i->rank, i->shape);
    else if (t->rank)
        c->out->shape[op_dim(c->L, "dim", 0, t->rank)] = op_numel(c->L, i);
}

static void shape_scalar(struct call_type *c)
{
    c->out->rank = 0;
}

static void shape_range(struct call_type *c)
{
    struct pt2_exprs *E = c->L->E;
    pt2_ex start = op_size(c->L, "start", 0), end = op_size(c->L, "end", 0), step = op_size(c->L, "step", 1);
    pt2_ex n = pt2_floordiv(E, pt2_addi(E, pt2_add(E, pt2_sub(E, end, start), step), -1), step);
    set_shape(c, 1, &n);
    c->out->dtype = op_dtype(c->L, "dtype", op_scalar_kind(c->L, "end") == PT2_F64 ? PT2_F32 : PT2_I64);
    if (op_scalar_kind(c->L, "end") == PT2_F64 || op_scalar_kind(c->L, "step") == PT2_F64)
        op_fail(c->L, PT2_ERR_UNSUPPORTED, "the size of a range of floats must be declared");
}

/* ---- table: packets of aten ---- */

struct rule {
    void (*shape)(struct call_type *c);
    enum dtype_rule dtype;
    const char *packets; /* between spaces */
};

static const struct rule rules[] = {
    { shape_broadcast, SAME,
      " add sub subtract rsub mul multiply pow remainder fmod lerp addcmul addcdiv maximum minimum fmax fmin where "
      "clamp clip clamp_min clamp_max square prelu masked_fill bitwise_and bitwise_or bitwise_xor gcd lcm copysign "
      "hypot floor_divide bitwise_left_shift bitwise_right_shift heaviside " },
    { shape_broadcast, FLOAT, " div divide true_divide atan2 arctan2 xlogy logaddexp logaddexp2 ldexp float_power " },
    { shape_broadcast, BOOL,
      " eq ne not_equal lt less le less_equal gt greater ge greater_equal isclose logical_and logical_or "
      "logical_xor " },
    { shape_like, SAME,
      " relu relu6 hardtanh threshold gelu silu mish elu celu selu softplus hardswish hardsigmoid leaky_relu "
      "hardshrink alias detach "
      "softshrink log_sigmoid floor ceil trunc round neg negative abs absolute sign frac positive nan_to_num "
      "bitwise_not clone contiguous layer_norm rms_norm group_norm batch_norm tril triu flip roll dropout sort "
      "scatter scatter_add index_add index_copy masked_scatter slice_scatter select_scatter cummax cummin " },
    { shape_like, FLOAT,
      " sigmoid reciprocal logit acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh exp exp2 expm1 log log2 "
      "log10 log1p sqrt rsqrt erf erfc erfinv lgamma digamma deg2rad rad2deg sinc softmax _softmax log_softmax "
      "_log_softmax " },
    { shape_like, SUMMED, " cumsum cumprod " },
    { shape_like, BOOL, " isnan isinf isfinite logical_not signbit isneginf isposinf " },
    { shape_like, INT64, " argsort " },
    { shape_like, GIVEN, " to _to_copy zeros_like ones_like full_like empty_like rand_like randn_like " },
    { shape_reduced, SUMMED, " sum prod nansum " },
    { shape_reduced, FLOAT, " mean nanmean var std logsumexp linalg_vector_norm " },
    { shape_reduced, SAME, " amax amin " },
    { shape_reduced, BOOL, " any all " },
    { shape_reduced, INT64, " argmax argmin count_nonzero " },
    { shape_of_size, SAME, " view reshape _unsafe_view " },
    { shape_of_size, GIVEN, " zeros ones full empty rand randn new_zeros new_ones new_full new_empty " },
    { shape_expanded, SAME, " expand broadcast_to " },
    { shape_flattened, SAME, " flatten " },
    { shape_sliced, SAME, " slice " },
    { shape_joined, SAME, " cat concat stack " },
    { shape_product, SAME, " mm bmm mv matmul addmm baddbmm " },
    { shape_linear, SAME, " linear " },
    { shape_embedding, SAME, " embedding " },
    { shape_gathered, SAME, " gather index_select " },
    { shape_scalar, GIVEN, " scalar_tensor " },
    { shape_scalar, SAME, " dot vdot " },
    { shape_range, INT64, " arange " },
};

static const struct rule *rule_of(const char *target)
{
    char word[128];
    const char *name = strncmp(target, "aten.", 5) ? NULL : target + 5;
    int len = name ? (int)strcspn(name, ".") : 0;
    if (!name || len > 100)
        return NULL;
    word[0] = ' ';
    memcpy(word + 1, name, (size_t)len);
    memcpy(word + 1 + len, " ", 2);
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
        if (strstr(rules[k].packets, word))
            return &rules[k];
    return NULL;
}

/* max and min reduce when they have dim or are alone, and compare otherwise. The second result of what also tells
 * positions is int64. */
static struct rule rule_for(struct pt2_lower *L, int k)
{
    static const struct rule none = { NULL, SAME, NULL };
    const char *t = L->node->target;
    bool extreme = !strncmp(t, "aten.max.", 9) || !strncmp(t, "aten.min.", 9);
    struct rule r = { op_has(L, "other") ? shape_broadcast : shape_reduced, SAME, NULL };
    if (!extreme) {
        const struct rule *found = rule_of(t);
        r = found ? *found : none;
    }
    if (k > 0) {
        bool positions = extreme || strstr(t, "sort") || strstr(t, "cummax") || strstr(t, "cummin");
        r = positions ? (struct rule){ r.shape, INT64, NULL } : none;
    }
    return r;
}

bool pt2_op_infers(struct pt2_lower *L)
{
    return rule_for(L, 0).shape != NULL;
}

struct pt2_op_type pt2_op_infer(struct pt2_lower *L, int k)
{
    struct pt2_op_type out = { PT2_NONE, 0, PT2_NEW_N(L->arena, pt2_ex, PT2_MAX_RANK + 1) };
    struct rule r = rule_for(L, k);
    struct call_type c = { L, k, r.dtype, &out };
    if (!r.shape)
        op_fail(L, PT2_ERR_UNSUPPORTED, "the type of result %d is not known: declare it (pt2_call_apply_many)", k);
    r.shape(&c);
    if (out.rank > PT2_MAX_RANK - 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a tensor of %d dimensions", out.rank);
    if (out.dtype == PT2_NONE)
        out.dtype = result_dtype(&c);
    return out;
}
