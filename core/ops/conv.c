/* SPDX-License-Identifier: MIT
 *
 * Convolutions in gather form: each output element sums x * weight over input channels and kernel positions, where x
 * is 0 outside the input. The transposed form gathers too: from the inputs whose stride meets the output element. With
 * a stride it computes the outputs of each phase, those that the same kernel positions reach, as an axis of their own:
 * weights depend on the phase and inputs do not, so that it is a matrix product like any convolution. */
#include "ops/reduce.h"

/* What one convolution's index arithmetic shares. VARs of the sum: n, phases, channel, spatial…; axes: channel in
 * group, kernel. */
struct geometry {
    int spatial;                /* number of spatial dimensions */
    bool batched;
    int rank, channel;          /* of the sum; its axis of output channels, the spatial ones follow */
    pt2_ex shape[PT2_MAX_RANK]; /* of the sum */
    int phase[PT2_MAX_RANK];    /* by spatial dimension: the axis of its phases; -1: it has none */
    pt2_ex first[PT2_MAX_RANK]; /* with phases: the output is at (first + position) * stride + phase - padding */
    pt2_ex *out;                /* VARs of the sum */
    pt2_ex axes[PT2_MAX_RANK];  /* extents of the reduced axes */
    pt2_ex *axis;               /* their VARs */
    pt2_ex x[PT2_MAX_RANK], w[PT2_MAX_RANK];
    pt2_ex inside;              /* NULL: always */
};

static void check(struct pt2_lower *L, pt2_t *x, pt2_t *w, const struct op_conv *c)
{
    if (w->rank < 3 || (x->rank != w->rank && x->rank != w->rank - 1))
        op_fail(L, PT2_ERR_FORMAT, "convolution of %d dimensions with a weight of %d", x->rank, w->rank);
    if (c->groups < 1)
        op_fail(L, PT2_ERR_FORMAT, "convolution with %lld groups", (long long)c->groups);
    for (int d = 0; d < w->rank - 2; d++)
        if (c->stride[d]->hi < 1 || c->dilation[d]->hi < 1)
            op_fail(L, PT2_ERR_FORMAT, "convolution with a stride or dilation below 1");
}

static void also_inside(struct pt2_lower *L, struct geometry *g, pt2_ex cond)
{
    g->inside = g->inside ? pt2_and(L->E, g->inside, cond) : cond;
}

static bool differ(pt2_ex a, pt2_ex b)
{
    return pt2_is_const(a) && pt2_is_const(b) && a->i != b->i;
}

/* Channels must match; what symbols say about them is checked by PyTorch's guards. */
static void check_channels(struct pt2_lower *L, pt2_t *x, pt2_t *w, const struct op_conv *c, pt2_ex cout)
{
    struct pt2_exprs *E = L->E;
    pt2_ex groups = pt2_idx(E, c->groups), cin = x->shape[x->rank == w->rank];
    pt2_ex in = c->transposed ? w->shape[0] : pt2_mul(E, w->shape[1], groups);
    pt2_ex out = c->transposed ? pt2_mul(E, w->shape[1], groups) : w->shape[0];
    if (differ(in, cin) || differ(out, cout) || (pt2_is_const(in) && in->i % c->groups) ||
        (pt2_is_const(out) && out->i % c->groups))
        op_fail(L, PT2_ERR_FORMAT, "the channels of input, weight and result do not match in %lld groups",
                (long long)c->groups);
}

/* Channels of x and weight of output channel `co`; groups split both. */
static void channels(struct pt2_lower *L, struct geometry *g, pt2_t *w, const struct op_conv *c, pt2_ex co, pt2_ex cout)
{
    struct pt2_exprs *E = L->E;
    pt2_ex ci = g->axis[0], groups = pt2_idx(E, c->groups);
    pt2_ex *xc = &g->x[g->batched];
    if (c->groups == 1) {
        *xc = ci;
        g->w[0] = c->transposed ? ci : co;
        g->w[1] = c->transposed ? co : ci;
        return;
    }
    pt2_ex per = c->transposed ? w->shape[1] : pt2_floordiv(E, cout, groups);
    *xc = pt2_add(E, pt2_mul(E, pt2_floordiv(E, co, per), g->axes[0]), ci);
    g->w[0] = c->transposed ? *xc : co;
    g->w[1] = c->transposed ? pt2_floormod(E, co, per) : ci;
}

/* A transposed convolution with a stride uses only every stride-th kernel position; those are enumerated directly. */
static bool phased(const struct op_conv *c, int d)
{
    return c->transposed && pt2_is_int(c->dilation[d], 1) && pt2_is_const(c->stride[d]) && c->stride[d]->i > 1;
}

/* The j-th of them is phase + j * stride, and its input position is floor((o + padding) / stride) - j. */
static void phased_position(struct pt2_lower *L, struct geometry *g, const struct op_conv *c, int d, pt2_ex size,
                            pt2_ex kernel)
{
    struct pt2_exprs *E = L->E;
    pt2_ex j = g->axis[1 + d], k = pt2_add(E, g->out[g->phase[d]], pt2_mul(E, j, c->stride[d]));
    pt2_ex at = pt2_sub(E, pt2_add(E, g->first[d], g->out[g->channel + 1 + d]), j);
    also_inside(L, g, pt2_le(E, pt2_idx(E, 0), at));
    also_inside(L, g, pt2_lt(E, at, size));
    also_inside(L, g, pt2_lt(E, k, kernel));
    g->x[g->batched + 1 + d] = at;
    g->w[2 + d] = k;
}

/* Input position of output position `o` and kernel position `k` of spatial dimension d. */
static void position(struct pt2_lower *L, struct geometry *g, const struct op_conv *c, int d, pt2_ex size)
{
    struct pt2_exprs *E = L->E;
    pt2_ex o = g->out[g->channel + 1 + d], k = pt2_mul(E, g->axis[1 + d], c->dilation[d]), at;
    if (c->transposed) {
        pt2_ex t = pt2_sub(E, pt2_add(E, o, c->padding[d]), k);
        at = pt2_floordiv(E, t, c->stride[d]);
        if (!pt2_is_int(c->stride[d], 1))
            also_inside(L, g, pt2_eq(E, pt2_floormod(E, t, c->stride[d]), pt2_idx(E, 0)));
    } else {
        at = pt2_sub(E, pt2_add(E, pt2_mul(E, o, c->stride[d]), k), c->padding[d]);
    }
    /* without padding the size of the result keeps the window inside */
    if (c->transposed || c->uneven || !pt2_is_int(c->padding[d], 0)) {
        also_inside(L, g, pt2_le(E, pt2_idx(E, 0), at));
        also_inside(L, g, pt2_lt(E, at, size));
    }
    g->x[g->batched + 1 + d] = at;
    g->w[2 + d] = g->axis[1 + d];
}

/* The axes of the sum for a result of this shape. */
static void layout_result(struct pt2_lower *L, struct geometry *g, const struct op_conv *c, const pt2_ex *shape)
{
    struct pt2_exprs *E = L->E;
    if (g->batched)
        g->shape[0] = shape[0];
    g->rank = g->batched;
    for (int d = 0; d < g->spatial; d++) {
        g->phase[d] = phased(c, d) ? g->rank : -1;
        if (phased(c, d))
            g->shape[g->rank++] = c->stride[d];
    }
    g->channel = g->rank;
    g->shape[g->rank++] = shape[g->batched];
    for (int d = 0; d < g->spatial; d++) {
        pt2_ex size = shape[g->batched + 1 + d], s = c->stride[d];
        if (phased(c, d)) {
            g->first[d] = pt2_floordiv(E, c->padding[d], s);
            pt2_ex end = pt2_floordiv(E, pt2_addi(E, pt2_add(E, size, c->padding[d]), s->i - 1), s);
            size = pt2_sub(E, end, g->first[d]);
        }
        g->shape[g->rank++] = size;
    }
}

static void layout(struct pt2_lower *L, struct geometry *g, pt2_t *x, pt2_t *w, const struct op_conv *c,
                   const pt2_ex *shape)
{
    g->spatial = w->rank - 2;
    g->batched = x->rank == w->rank;
    g->inside = NULL;
    layout_result(L, g, c, shape);
    g->out = op_vars(L, g->rank, g->shape);
    pt2_ex cin = w->shape[c->transposed ? 0 : 1];
    g->axes[0] = c->transposed ? pt2_floordiv(L->E, cin, pt2_idx(L->E, c->groups)) : cin;
    for (int d = 0; d < g->spatial; d++) {
        pt2_ex kernel = w->shape[2 + d], s = c->stride[d];
        g->axes[1 + d] = phased(c, d) ? pt2_floordiv(L->E, pt2_addi(L->E, kernel, s->i - 1), s) : kernel;
    }
    g->axis = op_axes(L, g->rank, 1 + g->spatial, g->axes);
    if (g->batched)
        g->x[0] = g->out[0];
    channels(L, g, w, c, g->out[g->channel], shape[g->batched]);
    for (int d = 0; d < g->spatial; d++) {
        pt2_ex size = x->shape[g->batched + 1 + d];
        if (phased(c, d))
            phased_position(L, g, c, d, size, w->shape[2 + d]);
        else
            position(L, g, c, d, size);
    }
}

/* The sum, seen as the result. */
static pt2_t *result(struct pt2_lower *L, const struct geometry *g, const struct op_conv *c, pt2_t *sum,
                     const pt2_ex *shape)
{
    struct pt2_exprs *E = L->E;
    int rank = g->batched + 1 + g->spatial;
    pt2_ex at[PT2_MAX_RANK], *o = op_vars(L, rank, shape);
    if (g->batched)
        at[0] = o[0];
    at[g->channel] = o[g->batched];
    for (int d = 0; d < g->spatial; d++) {
        pt2_ex p = o[g->batched + 1 + d], s = c->stride[d];
        if (g->phase[d] >= 0) {
            p = pt2_add(E, p, pt2_sub(E, c->padding[d], pt2_mul(E, g->first[d], s)));
            at[g->phase[d]] = pt2_floormod(E, p, s);
            p = pt2_floordiv(E, p, s);
        }
        at[g->channel + 1 + d] = p;
    }
    return g->rank == rank ? sum : op_view(L, sum, rank, shape, at);
}

static pt2_t *reduce_sum(struct pt2_lower *L, const struct geometry *g, pt2_dtype dtype, pt2_ex body)
{
    return op_reduce(L, PT2_RED_SUM, dtype, g->rank, g->shape, 1 + g->spatial, g->axes, body);
}

static pt2_t *convolve_complex(struct pt2_lower *L, const struct geometry *g, const struct op_conv *c, pt2_t *x,
                               pt2_t *w, pt2_t *bias, pt2_dtype dtype, const pt2_ex *shape)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype real = pt2_dtype_real(op_acc_dtype(dtype));
    struct pt2_complex a = op_cx_to(L, op_at_c(L, x, g->x), dtype), b = op_cx_to(L, op_at_c(L, w, g->w), dtype);
    if (g->inside) {
        a.re = pt2_select(E, g->inside, a.re, pt2_int(E, a.re->dtype, 0));
        a.im = pt2_select(E, g->inside, a.im, pt2_int(E, a.im->dtype, 0));
    }
    struct pt2_complex p = op_cx_mul(E, a, b);
    pt2_t *re = result(L, g, c, reduce_sum(L, g, real, p.re), shape);
    pt2_t *im = result(L, g, c, reduce_sum(L, g, real, p.im), shape);
    pt2_ex *out = op_vars(L, re->rank, shape);
    struct pt2_complex r = { op_at(L, re, out), op_at(L, im, out) };
    if (bias)
        r = op_cx_add(E, r, op_cx_to(L, op_at_c(L, bias, &out[g->batched]), dtype));
    return op_map_c(L, dtype, re->rank, shape, r);
}

pt2_t *op_convolution(struct pt2_lower *L, pt2_t *x, pt2_t *weight, pt2_t *bias, const struct op_conv *c,
                      pt2_dtype dtype, const pt2_ex *shape)
{
    struct geometry g;
    check(L, x, weight, c);
    if (bias && bias->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "convolution with a bias of %d dimensions", bias->rank);
    check_channels(L, x, weight, c, shape[x->rank == weight->rank]);
    layout(L, &g, x, weight, c, shape);
    if (pt2_dtype_is_complex(dtype))
        return convolve_complex(L, &g, c, x, weight, bias, dtype, shape);
    pt2_dtype acc = op_acc_dtype(dtype);
    x = op_convert(L, x, dtype);
    pt2_ex a = g.inside ? op_at_or(L, x, g.x, g.inside, pt2_int(L->E, acc, 0)) : op_at(L, x, g.x);
    pt2_ex b = op_at(L, op_convert(L, weight, dtype), g.w);
    pt2_t *t = result(L, &g, c, reduce_sum(L, &g, bias ? acc : dtype, pt2_mul(L->E, a, b)), shape);
    if (!bias)
        return t;
    pt2_ex *out = op_vars(L, t->rank, shape), add = op_at_as(L, bias, &out[g.batched], acc);
    return op_map(L, dtype, t->rank, shape, pt2_add(L->E, op_at(L, t, out), add));
}

/* ---- arguments ---- */

/* A per-dimension list: missing takes `def`, one number stands for all. */
static void spatial_list(struct pt2_lower *L, const char *name, int spatial, int64_t def, pt2_ex *out)
{
    int n = op_sizes(L, name, out);
    if (n <= 0) {
        out[0] = pt2_idx(L->E, def);
        n = 1;
    }
    if (n != 1 && n != spatial)
        op_fail(L, PT2_ERR_FORMAT, "%s has %d entries for %d dimensions", name, n, spatial);
    for (int d = n; d < spatial; d++)
        out[d] = out[0];
}

/* padding='same' pads dilation * (kernel - 1) in all, the odd one at the end; 'valid' nothing. */
static void string_padding(struct pt2_lower *L, pt2_t *w, const char *mode, struct op_conv *c)
{
    bool same = !strcmp(mode, "same");
    if (!same && strcmp(mode, "valid"))
        op_fail(L, PT2_ERR_FORMAT, "padding '%s'", mode);
    c->uneven = same;
    for (int d = 0; d < w->rank - 2; d++) {
        pt2_ex total = pt2_mul(L->E, c->dilation[d], pt2_addi(L->E, w->shape[2 + d], -1));
        c->padding[d] = same ? pt2_floordiv(L->E, total, pt2_idx(L->E, 2)) : pt2_idx(L->E, 0);
    }
}

enum { TRANSPOSED = 1, DEPTHWISE = 2, SELF = 4, STRING = 8 };

static void lower_conv(struct pt2_lower *L)
{
    int64_t flags = L->row->data;
    pt2_t *x = op_tensor(L, flags & SELF ? "self" : "input"), *w = op_tensor(L, "weight");
    struct op_conv c = { .transposed = flags & TRANSPOSED || op_bool(L, "transposed", false) };
    int spatial = w->rank - 2;
    if (spatial < 1)
        op_fail(L, PT2_ERR_FORMAT, "convolution with a weight of %d dimensions", w->rank);
    c.groups = op_int(L, "groups", 1);
    if (flags & DEPTHWISE) {
        if (!pt2_is_const(w->shape[0]))
            op_fail(L, PT2_ERR_UNSUPPORTED, "a depthwise convolution with a symbolic number of channels");
        pt2_ex cin = x->shape[x->rank - spatial - 1];
        c.groups = pt2_is_const(cin) ? cin->i : w->shape[0]->i;
    }
    spatial_list(L, "stride", spatial, 1, c.stride);
    spatial_list(L, "dilation", spatial, 1, c.dilation);
    if (flags & STRING)
        string_padding(L, w, op_string(L, "padding", "valid"), &c);
    else
        spatial_list(L, "padding", spatial, 0, c.padding);
    if (op_out_rank(L, 0) != x->rank)
        op_fail(L, PT2_ERR_FORMAT, "the result has another rank than the input");
    op_return(L, op_convolution(L, x, w, op_tensor_opt(L, "bias"), &c, op_out_dtype(L, 0), op_out_shape(L, 0)));
}

/* conv_tbc: time, batch, channel; weight is kernel, in, out. A conv1d of permuted views. */
static void lower_conv_tbc(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *w = op_tensor(L, "weight");
    if (x->rank != 3 || w->rank != 3 || op_out_rank(L, 0) != 3)
        op_fail(L, PT2_ERR_FORMAT, "conv_tbc of %d and %d dimensions", x->rank, w->rank);
    struct op_conv c = { .groups = 1 };
    c.stride[0] = c.dilation[0] = pt2_idx(L->E, 1);
    c.padding[0] = op_size(L, "pad", 0);
    pt2_ex *out = op_out_shape(L, 0), shape[] = { out[1], out[2], out[0] };
    pt2_t *r = op_convolution(L, op_permute(L, x, (const int[]){ 1, 2, 0 }), op_permute(L, w, (const int[]){ 2, 1, 0 }),
                              op_tensor(L, "bias"), &c, op_out_dtype(L, 0), shape);
    op_return(L, op_permute(L, r, (const int[]){ 2, 0, 1 }));
}

/* ---- gradients ---- */

/* Of the weight: each of its elements sums, over the batch and the positions of `steps`, the product of what a position
 * and the element of `windows` that a kernel position shows it from there hold. Forward convolutions step over the
 * result and look at the input; transposed ones the other way round, with the weight's axes as they are. */
static pt2_t *weight_gradient(struct pt2_lower *L, pt2_t *windows, pt2_t *steps, pt2_t *w, const struct op_conv *c,
                              pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    int spatial = w->rank - 2;
    pt2_ex axes[PT2_MAX_RANK], a[PT2_MAX_RANK], b[PT2_MAX_RANK], *v = op_vars(L, w->rank, w->shape), inside = NULL;
    axes[0] = steps->shape[0];
    memcpy(&axes[1], &steps->shape[2], sizeof(pt2_ex) * (size_t)spatial);
    pt2_ex *at = op_axes(L, w->rank, 1 + spatial, axes), per = pt2_floordiv(E, w->shape[0], pt2_idx(E, c->groups));
    a[0] = b[0] = at[0];
    a[1] = c->groups == 1 ? v[1] : pt2_add(E, pt2_mul(E, pt2_floordiv(E, v[0], per), w->shape[1]), v[1]);
    b[1] = v[0];
    for (int d = 0; d < spatial; d++) {
        pt2_ex first = pt2_sub(E, pt2_mul(E, at[1 + d], c->stride[d]), c->padding[d]);
        b[2 + d] = at[1 + d];
        a[2 + d] = pt2_add(E, first, pt2_mul(E, v[2 + d], c->dilation[d]));
        pt2_ex low = pt2_le(E, pt2_idx(E, 0), a[2 + d]), high = pt2_lt(E, a[2 + d], windows->shape[2 + d]);
        pt2_ex both = pt2_and(E, low, high);
        inside = inside ? pt2_and(E, inside, both) : both;
    }
    windows = op_convert(L, windows, dtype);
    pt2_ex x = op_at_or(L, windows, a, inside, pt2_int(E, op_acc_dtype(dtype), 0));
    pt2_ex y = op_at(L, op_convert(L, steps, dtype), b);
    return op_reduce(L, PT2_RED_SUM, dtype, w->rank, w->shape, 1 + spatial, axes, pt2_mul(E, x, y));
}

static void bias_gradient(struct pt2_lower *L, pt2_t *g)
{
    int dims[PT2_MAX_RANK], n = 0;
    pt2_dtype dtype = op_out_dtype(L, 2);
    for (int d = 0; d < g->rank; d++)
        if (d != 1)
            dims[n++] = d;
    op_result(L, 2, op_reduce_dims(L, PT2_RED_SUM, g, dtype, dtype, n, dims, false));
}

/* Results: of the input, which is the convolution the other way round, of the weight and of the bias. */
static void lower_conv_backward(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad_output"), *x = op_tensor(L, "input"), *w = op_tensor(L, "weight");
    struct op_conv c = { .transposed = op_bool(L, "transposed", false), .groups = op_int(L, "groups", 1) };
    int spatial = w->rank - 2;
    if (spatial < 1)
        op_fail(L, PT2_ERR_FORMAT, "convolution with a weight of %d dimensions", w->rank);
    if (g->rank != x->rank || x->rank != w->rank)
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions, input of %d, weight of %d", g->rank, x->rank, w->rank);
    if (op_is_complex(x))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
    spatial_list(L, "stride", spatial, 1, c.stride);
    spatial_list(L, "padding", spatial, 0, c.padding);
    spatial_list(L, "dilation", spatial, 1, c.dilation);
    check(L, x, w, &c);
    if (op_out_used(L, 0)) {
        struct op_conv back = c;
        back.transposed = !c.transposed;
        op_result(L, 0, op_convolution(L, g, w, NULL, &back, op_out_dtype(L, 0), x->shape));
    }
    if (op_out_used(L, 1))
        op_result(L, 1, weight_gradient(L, c.transposed ? g : x, c.transposed ? x : g, w, &c, op_out_dtype(L, 1)));
    if (op_out_used(L, 2))
        bias_gradient(L, g);
}

const struct pt2_op_row pt2_ops_conv[] = {
    { "aten.conv1d.padding", lower_conv, STRING },
    { "aten.conv2d.padding", lower_conv, STRING },
    { "aten.conv3d.padding", lower_conv, STRING },
    { "aten._convolution_mode", lower_conv, STRING },
    { "aten.conv1d", lower_conv, 0 },
    { "aten.conv2d", lower_conv, 0 },
    { "aten.conv3d", lower_conv, 0 },
    { "aten.conv_transpose1d", lower_conv, TRANSPOSED },
    { "aten.conv_transpose2d", lower_conv, TRANSPOSED },
    { "aten.conv_transpose3d", lower_conv, TRANSPOSED },
    { "aten.convolution", lower_conv, 0 },
    { "aten.convolution_overrideable", lower_conv, 0 },
    { "aten._convolution", lower_conv, 0 },
    { "aten.mkldnn_convolution", lower_conv, SELF },
    { "aten.cudnn_convolution", lower_conv, SELF },
    { "aten.cudnn_convolution_transpose", lower_conv, SELF | TRANSPOSED },
    { "aten._conv_depthwise2d", lower_conv, SELF | DEPTHWISE },
    { "aten.conv_depthwise3d", lower_conv, SELF | DEPTHWISE },
    { "aten.thnn_conv2d", lower_conv, SELF },
    { "aten._slow_conv2d_forward", lower_conv, SELF },
    { "aten.slow_conv3d", lower_conv, SELF },
    { "aten.slow_conv3d_forward", lower_conv, SELF },
    { "aten.slow_conv_dilated2d", lower_conv, SELF },
    { "aten.slow_conv_dilated3d", lower_conv, SELF },
    { "aten.slow_conv_transpose2d", lower_conv, SELF | TRANSPOSED },
    { "aten.slow_conv_transpose3d", lower_conv, SELF | TRANSPOSED },
    { "aten.conv_tbc", lower_conv_tbc, 0 },
    { "aten.convolution_backward", lower_conv_backward, 0 },
    { 0 },
};
