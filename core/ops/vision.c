/* SPDX-License-Identifier: MIT
 * torchvision's operators: boxes that suppress each other (nms), regions of interest (RoIAlign, RoIPool) and deformable
 * convolution. Detection models are exported with them, though they are not of PyTorch itself. */
#include "ops/control.h"
#include "ops/data.h"
#include "ops/math.h"

#include <math.h>

/* Shorthand of what lies between the pixels: x[at…, y, x] of a feature map. */
struct plane {
    pt2_t *t;
    pt2_ex at[2];        /* its first two indices */
    pt2_ex height, width;
    int type;            /* of coordinates */
};

static struct plane plane_of(pt2_t *x, pt2_ex n, pt2_ex c)
{
    struct plane p = { x, { n, c }, x->shape[2], x->shape[3], x->dtype == PT2_F64 ? PT2_F64 : PT2_F32 };
    return p;
}

static pt2_ex coord(struct pt2_lower *L, const struct plane *p, pt2_ex e)
{
    return pt2_cast(L->E, p->type, e);
}

static pt2_ex index_of(struct pt2_lower *L, pt2_ex e)
{
    return pt2_cast(L->E, PT2_IDX, pt2_cast(L->E, PT2_I32, e));
}

static pt2_ex between(struct pt2_lower *L, pt2_ex low, pt2_ex v, pt2_ex high)
{
    return pt2_and(L->E, pt2_lt(L->E, low, v), pt2_lt(L->E, v, high));
}

/* The pixel at whole coordinates, 0 outside. */
static pt2_ex pixel(struct pt2_lower *L, const struct plane *p, pt2_ex y, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex index[4] = { p->at[0], p->at[1], y, x }, before = pt2_idx(E, -1);
    pt2_ex inside = pt2_and(E, between(L, before, y, p->height), between(L, before, x, p->width));
    return op_at_or(L, p->t, index, inside, pt2_num(E, pt2_dtype_compute(p->t->dtype), 0));
}

/* Bilinear at (y, x), which is 0 or less than a pixel outside where `near` holds; elsewhere the result is 0. */
static pt2_ex bilinear(struct pt2_lower *L, const struct plane *p, pt2_ex y, pt2_ex x, pt2_ex near)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = pt2_num(E, p->type, 0), sum = NULL;
    y = pt2_select(E, near, y, zero);
    x = pt2_select(E, near, x, zero);
    pt2_ex fy = pt2_un(E, PT2_E_FLOOR, y), fx = pt2_un(E, PT2_E_FLOOR, x);
    pt2_ex ly = pt2_sub(E, y, fy), lx = pt2_sub(E, x, fx);
    for (int k = 0; k < 4; k++) {
        pt2_ex wy = k & 2 ? ly : ex_nsub(E, 1, ly), wx = k & 1 ? lx : ex_nsub(E, 1, lx);
        pt2_ex v = pixel(L, p, pt2_addi(E, index_of(L, fy), k >> 1), pt2_addi(E, index_of(L, fx), k & 1));
        v = pt2_mul(E, pt2_mul(E, wy, wx), v);
        sum = sum ? pt2_add(E, sum, v) : v;
    }
    return pt2_select(E, near, sum, pt2_num(E, sum->dtype, 0));
}

/* ---- regions of interest: rows of (image, x0, y0, x1, y1), each divided into bins ---- */

struct rois {
    pt2_t *x, *boxes;
    pt2_ex shape[4];          /* of the result */
    double scale;
    int type;                 /* of coordinates */
};

static struct rois rois_of(struct pt2_lower *L, bool position_sensitive)
{
    struct rois r = { .x = op_tensor(L, "input"), .boxes = op_tensor(L, "rois") };
    r.scale = op_float(L, "spatial_scale", 1);
    if (r.x->rank != 4 || r.boxes->rank != 2 || !pt2_dtype_is_float(r.x->dtype))
        op_fail(L, PT2_ERR_FORMAT, "input and rois have %d and %d dimensions", r.x->rank, r.boxes->rank);
    r.type = r.x->dtype == PT2_F64 ? PT2_F64 : PT2_F32;
    r.shape[0] = r.boxes->shape[0];
    r.shape[2] = op_size(L, "pooled_height", 1);
    r.shape[3] = op_size(L, "pooled_width", 1);
    r.shape[1] = r.x->shape[1];
    if (position_sensitive)
        r.shape[1] = pt2_floordiv(L->E, r.x->shape[1], pt2_mul(L->E, r.shape[2], r.shape[3]));
    return r;
}

/* Number k of box `roi`: in pixels of the feature map, but for number 0. */
static pt2_ex box_at(struct pt2_lower *L, const struct rois *r, pt2_ex roi, int k)
{
    pt2_ex index[2] = { roi, pt2_idx(L->E, k) };
    pt2_ex v = op_to(L, op_at(L, r->boxes, index), (pt2_dtype)r->type);
    return k ? ex_muln(L->E, v, r->scale) : v;
}

static pt2_ex image_of(struct pt2_lower *L, const struct rois *r, pt2_ex roi)
{
    return op_index(L, pt2_cast(L->E, PT2_I32, box_at(L, r, roi, 0)), r->x->shape[0]);
}

/* The channel that bin (y, x) of result channel c reads: of its own where pooling is position-sensitive. */
static pt2_ex channel_of(struct pt2_lower *L, const struct rois *r, const pt2_ex *at, bool position_sensitive)
{
    struct pt2_exprs *E = L->E;
    if (!position_sensitive)
        return at[1];
    return pt2_add(E, pt2_mul(E, pt2_add(E, pt2_mul(E, at[1], r->shape[2]), at[2]), r->shape[3]), at[3]);
}

/* Which channel each bin was read from: the second result of position-sensitive pooling. */
static void return_channels(struct pt2_lower *L, const struct rois *r)
{
    if (!op_out_used(L, 1))
        return;
    pt2_ex channel = channel_of(L, r, op_vars(L, 4, r->shape), true);
    op_result(L, 1, op_map(L, op_out_dtype(L, 1), 4, r->shape, pt2_cast(L->E, PT2_I32, channel)));
}

/* One direction of RoIAlign: where a region begins, the size of its bins, and how many samples a bin has. */
struct align_axis {
    pt2_ex start, bin, samples; /* samples: PT2_IDX */
};

static struct align_axis align_axis(struct pt2_lower *L, const struct rois *r, pt2_ex roi, int d, bool aligned,
                                    int64_t ratio)
{
    struct pt2_exprs *E = L->E;
    struct align_axis a;
    double offset = aligned ? 0.5 : 0;
    a.start = ex_addn(E, box_at(L, r, roi, 2 - d), -offset);
    pt2_ex size = pt2_sub(E, ex_addn(E, box_at(L, r, roi, 4 - d), -offset), a.start);
    if (!aligned)
        size = pt2_max(E, size, ex_num(E, size, 1));
    a.bin = ex_div(E, size, pt2_cast(E, r->type, r->shape[2 + d]));
    a.samples = ratio > 0 ? pt2_idx(E, ratio) : index_of(L, pt2_un(E, PT2_E_CEIL, a.bin));
    return a;
}

/* The largest number of samples that a bin of any region has: read from the boxes where the call leaves it to them. */
static pt2_ex most_samples(struct pt2_lower *L, const struct rois *r, int d, bool aligned, int64_t ratio)
{
    struct pt2_exprs *E = L->E;
    if (ratio > 0)
        return pt2_idx(E, ratio);
    pt2_ex n = r->shape[0], roi = pt2_var(E, 0, n);
    pt2_ex samples = pt2_cast(E, PT2_I64, align_axis(L, r, roi, d, aligned, ratio).samples);
    pt2_ex least = pt2_int(E, PT2_I64, 0); /* of no regions too: MAX of nothing is the smallest number */
    pt2_t *most = op_reduce(L, PT2_RED_MAX, PT2_I64, 0, NULL, 1, &n, pt2_max(E, samples, least));
    return op_item(L, pt2_cast(E, PT2_IDX, pt2_max(E, op_at(L, most, NULL), least)), -1);
}

/* Coordinate of sample i of bin b. */
static pt2_ex sample_at(struct pt2_lower *L, const struct rois *r, const struct align_axis *a, pt2_ex b, pt2_ex i)
{
    struct pt2_exprs *E = L->E;
    pt2_ex part = ex_div(E, pt2_mul(E, ex_addn(E, pt2_cast(E, r->type, i), 0.5), a->bin),
                         pt2_cast(E, r->type, a->samples));
    return pt2_add(E, pt2_add(E, a->start, pt2_mul(E, pt2_cast(E, r->type, b), a->bin)), part);
}

/* The feature at a sample: coordinates up to one pixel outside are those of the border. */
static pt2_ex border_sample(struct pt2_lower *L, const struct plane *p, pt2_ex y, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex v[2] = { y, x }, size[2] = { p->height, p->width }, near = pt2_int(E, PT2_BOOL, 1);
    for (int d = 0; d < 2; d++) {
        pt2_ex n = coord(L, p, size[d]), zero = ex_num(E, n, 0);
        pt2_ex out = pt2_or(E, ex_ltn(E, v[d], -1), pt2_lt(E, n, v[d]));
        near = pt2_and(E, near, pt2_not(E, out));
        v[d] = pt2_max(E, zero, pt2_min(E, v[d], ex_addn(E, n, -1)));
    }
    return bilinear(L, p, v[0], v[1], near);
}

/* roi_align and, data 1, ps_roi_align, which is always aligned: the mean of a grid of samples in each bin. */
static void lower_roi_align(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    bool ps = L->row->data, aligned = ps || op_bool(L, "aligned", false);
    struct rois r = rois_of(L, ps);
    int64_t ratio = op_int(L, "sampling_ratio", -1);
    pt2_ex grid[2], *at = op_vars(L, 4, r.shape), v[2], used = pt2_int(E, PT2_BOOL, 1), count = pt2_idx(E, 1);
    for (int d = 0; d < 2; d++)
        grid[d] = most_samples(L, &r, d, aligned, ratio);
    pt2_ex *i = op_axes(L, 4, 2, grid);
    for (int d = 0; d < 2; d++) {
        struct align_axis a = align_axis(L, &r, at[0], d, aligned, ratio);
        v[d] = sample_at(L, &r, &a, at[2 + d], i[d]);
        used = pt2_and(E, used, pt2_lt(E, i[d], a.samples));
        count = pt2_mul(E, count, a.samples);
    }
    struct plane p = plane_of(r.x, image_of(L, &r, at[0]), channel_of(L, &r, at, ps));
    pt2_ex sample = border_sample(L, &p, v[0], v[1]), none = ex_num(E, sample, 0);
    pt2_dtype wide = pt2_dtype_compute(r.x->dtype);
    pt2_t *sum = op_reduce(L, PT2_RED_SUM, wide, 4, r.shape, 2, grid,
                           op_to(L, pt2_select(E, used, sample, none), wide));
    pt2_ex samples = pt2_cast(E, wide, pt2_max(E, count, pt2_idx(E, 1)));
    op_return(L, op_map(L, r.x->dtype, 4, r.shape, ex_div(E, op_at(L, sum, at), samples)));
    if (ps)
        return_channels(L, &r);
}

/* One direction of RoIPool: the pixels low … high - 1 of bin b. */
struct pool_axis {
    pt2_ex low, high;
};

static struct pool_axis pool_axis(struct pt2_lower *L, const struct rois *r, const pt2_ex *at, int d, bool ps)
{
    struct pt2_exprs *E = L->E;
    pt2_ex start = pt2_un(E, PT2_E_ROUND, box_at(L, r, at[0], 2 - d)), end = box_at(L, r, at[0], 4 - d);
    pt2_ex size = pt2_sub(E, pt2_un(E, PT2_E_ROUND, end), start), limit = r->x->shape[2 + d], zero = pt2_idx(E, 0);
    size = pt2_max(E, ps ? size : ex_addn(E, size, 1), ex_num(E, size, ps ? 0.1 : 1));
    pt2_ex bin = ex_div(E, size, pt2_cast(E, r->type, r->shape[2 + d])), b = pt2_cast(E, r->type, at[2 + d]);
    pt2_ex low = pt2_mul(E, b, bin), high = pt2_mul(E, ex_addn(E, b, 1), bin);
    struct pool_axis a = { pt2_add(E, index_of(L, pt2_un(E, PT2_E_FLOOR, low)), index_of(L, start)),
                           pt2_add(E, index_of(L, pt2_un(E, PT2_E_CEIL, high)), index_of(L, start)) };
    a.low = pt2_max(E, pt2_min(E, a.low, limit), zero);
    a.high = pt2_max(E, pt2_min(E, a.high, limit), zero);
    return a;
}

/* The pixels of a bin, as a condition on those of the whole map: regions have any size. */
struct bins {
    pt2_ex pixel, inside, count, *axes;
};

static struct bins bins_of(struct pt2_lower *L, const struct rois *r, const pt2_ex *at, bool ps)
{
    struct pt2_exprs *E = L->E;
    struct bins b = { .inside = pt2_int(E, PT2_BOOL, 1), .count = pt2_idx(E, 1) };
    b.axes = op_axes(L, 4, 2, r->x->shape + 2);
    for (int d = 0; d < 2; d++) {
        struct pool_axis a = pool_axis(L, r, at, d, ps);
        b.inside = pt2_and(E, b.inside, pt2_and(E, pt2_le(E, a.low, b.axes[d]), pt2_lt(E, b.axes[d], a.high)));
        b.count = pt2_mul(E, b.count, pt2_max(E, pt2_sub(E, a.high, a.low), pt2_idx(E, 0)));
    }
    pt2_ex index[4] = { image_of(L, r, at[0]), channel_of(L, r, at, ps), b.axes[0], b.axes[1] };
    b.pixel = op_at(L, r->x, index);
    return b;
}

/* The largest pixel of each bin, and where it is. */
static void lower_roi_pool(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct rois r = rois_of(L, false);
    pt2_ex *at = op_vars(L, 4, r.shape), *extents = r.x->shape + 2;
    pt2_dtype wide = pt2_dtype_compute(r.x->dtype);
    struct bins b = bins_of(L, &r, at, false);
    pt2_ex masked = pt2_select(E, b.inside, b.pixel, ex_num(E, b.pixel, -(double)INFINITY));
    pt2_ex empty = pt2_eq(E, b.count, pt2_idx(E, 0));
    pt2_t *most = op_reduce(L, PT2_RED_MAX, wide, 4, r.shape, 2, extents, masked);
    pt2_ex v = op_at(L, most, at);
    op_return(L, op_map(L, r.x->dtype, 4, r.shape, pt2_select(E, empty, ex_num(E, v, 0), v)));
    if (!op_out_used(L, 1))
        return;
    pt2_t *where = op_reduce(L, PT2_RED_ARGMAX, PT2_I64, 4, r.shape, 2, extents, masked);
    pt2_ex place = pt2_select(E, empty, pt2_int(E, PT2_I64, -1), op_at(L, where, at));
    op_result(L, 1, op_map(L, op_out_dtype(L, 1), 4, r.shape, op_to(L, place, op_out_dtype(L, 1))));
}

/* The mean of each bin. */
static void lower_ps_roi_pool(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct rois r = rois_of(L, true);
    pt2_ex *at = op_vars(L, 4, r.shape), *extents = r.x->shape + 2;
    pt2_dtype wide = pt2_dtype_compute(r.x->dtype);
    struct bins b = bins_of(L, &r, at, true);
    pt2_ex zero = ex_num(E, b.pixel, 0);
    pt2_t *sum = op_reduce(L, PT2_RED_SUM, wide, 4, r.shape, 2, extents, pt2_select(E, b.inside, b.pixel, zero));
    pt2_ex count = pt2_cast(E, wide, pt2_max(E, b.count, pt2_idx(E, 1)));
    op_return(L, op_map(L, r.x->dtype, 4, r.shape, ex_div(E, op_at(L, sum, at), count)));
    return_channels(L, &r);
}

/* ---- deformable convolution: each tap of the window reads at an offset of its own ---- */

struct deform {
    pt2_t *x, *weight, *offset, *mask;
    int64_t groups, offset_groups;
    pt2_ex shape[5];          /* [batch, group, channels of a group, height, width] of the result */
};

static struct deform deform_of(struct pt2_lower *L)
{
    struct deform d = { op_tensor(L, "input"), op_tensor(L, "weight"), op_tensor(L, "offset"), NULL,
                        op_int(L, "groups", 1), op_int(L, "offset_groups", 1), { NULL } };
    if (op_bool(L, "use_mask", false))
        d.mask = op_tensor(L, "mask");
    if (d.x->rank != 4 || d.weight->rank != 4 || d.offset->rank != 4 || (d.mask && d.mask->rank != 4) ||
        d.groups < 1 || d.offset_groups < 1)
        op_fail(L, PT2_ERR_FORMAT, "input, weight and offset have %d, %d and %d dimensions", d.x->rank,
                d.weight->rank, d.offset->rank);
    d.shape[0] = d.x->shape[0];
    d.shape[1] = pt2_idx(L->E, d.groups);
    d.shape[2] = pt2_floordiv(L->E, d.weight->shape[0], d.shape[1]);
    d.shape[3] = d.offset->shape[2];
    d.shape[4] = d.offset->shape[3];
    return d;
}

/* The input as each tap reads it: [batch, channel, ky, kx, y, x]. */
static pt2_t *deformed(struct pt2_lower *L, const struct deform *d)
{
    struct pt2_exprs *E = L->E;
    static const char *const steps[2] = { "stride_h", "stride_w" }, *const pads[2] = { "pad_h", "pad_w" },
                             *const dilations[2] = { "dilation_h", "dilation_w" };
    pt2_ex shape[6] = { d->shape[0],          d->x->shape[1], d->weight->shape[2],
                        d->weight->shape[3], d->shape[3],    d->shape[4] };
    pt2_ex *at = op_vars(L, 6, shape), v[2], near = pt2_int(E, PT2_BOOL, 1);
    struct plane p = plane_of(d->x, at[0], at[1]);
    pt2_ex size[2] = { p.height, p.width };
    pt2_ex group = pt2_floordiv(E, at[1], pt2_floordiv(E, shape[1], pt2_idx(E, d->offset_groups)));
    pt2_ex tap = pt2_add(E, pt2_mul(E, pt2_add(E, pt2_mul(E, group, shape[2]), at[2]), shape[3]), at[3]);
    for (int k = 0; k < 2; k++) {
        pt2_ex index[4] = { at[0], pt2_addi(E, pt2_muli(E, tap, 2), k), at[4], at[5] };
        pt2_ex base = pt2_sub(E, pt2_mul(E, at[4 + k], op_size(L, steps[k], 1)), op_size(L, pads[k], 0));
        base = pt2_add(E, base, pt2_mul(E, at[2 + k], op_size(L, dilations[k], 1)));
        v[k] = pt2_add(E, coord(L, &p, base), op_to(L, op_at(L, d->offset, index), (pt2_dtype)p.type));
        near = pt2_and(E, near, between(L, ex_num(E, v[k], -1), v[k], coord(L, &p, size[k])));
    }
    pt2_ex sample = bilinear(L, &p, v[0], v[1], near);
    if (d->mask) {
        pt2_ex index[4] = { at[0], tap, at[4], at[5] };
        sample = pt2_mul(E, sample, op_at(L, d->mask, index));
    }
    return op_map(L, d->x->dtype, 6, shape, sample);
}

static void lower_deform_conv(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct deform d = deform_of(L);
    pt2_t *taps = deformed(L, &d), *bias = op_tensor(L, "bias");
    pt2_ex *at = op_vars(L, 5, d.shape), *i = op_axes(L, 5, 3, d.weight->shape + 1);
    pt2_ex out = pt2_add(E, pt2_mul(E, at[1], d.shape[2]), at[2]);
    pt2_ex in = pt2_add(E, pt2_mul(E, at[1], d.weight->shape[1]), i[0]);
    pt2_ex read[6] = { at[0], in, i[1], i[2], at[3], at[4] }, weigh[4] = { out, i[0], i[1], i[2] };
    pt2_ex product = pt2_mul(E, op_at(L, taps, read), op_at(L, d.weight, weigh));
    pt2_dtype wide = pt2_dtype_compute(d.x->dtype);
    pt2_t *sum = op_reduce(L, PT2_RED_SUM, wide, 5, d.shape, 3, d.weight->shape + 1, op_to(L, product, wide));
    pt2_ex v = pt2_add(E, op_at(L, sum, at), op_to(L, op_at(L, bias, &out), wide));
    pt2_t *y = op_map(L, d.x->dtype, 5, d.shape, v);
    pt2_ex shape[4] = { d.shape[0], d.weight->shape[0], d.shape[3], d.shape[4] };
    op_return(L, op_reshape(L, y, 4, shape));
}

/* ---- nms ----
 * Boxes by falling score; one is kept when no kept box before it overlaps it. A loop finds who is kept: all are, then
 * those that no box kept by the last turn suppresses, until nothing changes. After n turns the first n are right. */

/* Coordinate k of box i. */
static pt2_ex corner(struct pt2_lower *L, pt2_t *boxes, pt2_ex i, int k)
{
    pt2_ex index[2] = { i, pt2_idx(L->E, k) };
    return op_at(L, boxes, index);
}

static pt2_ex area(struct pt2_lower *L, pt2_t *boxes, pt2_ex i)
{
    pt2_ex w = pt2_sub(L->E, corner(L, boxes, i, 2), corner(L, boxes, i, 0));
    return pt2_mul(L->E, w, pt2_sub(L->E, corner(L, boxes, i, 3), corner(L, boxes, i, 1)));
}

/* The threshold is a double, overlaps may be floats: the largest float that is not above it divides them alike. */
static pt2_ex threshold(struct pt2_lower *L, pt2_ex like)
{
    double t = op_float(L, "iou_threshold", 0);
    float f = (float)t;
    if (like->dtype == PT2_F32 && (double)f > t)
        t = (double)nextafterf(f, -INFINITY);
    return ex_num(L->E, like, t);
}

/* bool [n, n]: whether box i, kept, suppresses the later box j. */
static pt2_t *suppressions(struct pt2_lower *L, pt2_t *boxes)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[2] = { boxes->shape[0], boxes->shape[0] }, *at = op_vars(L, 2, shape), side[2];
    for (int d = 0; d < 2; d++) {
        pt2_ex low = pt2_max(E, corner(L, boxes, at[0], d), corner(L, boxes, at[1], d));
        pt2_ex high = pt2_min(E, corner(L, boxes, at[0], 2 + d), corner(L, boxes, at[1], 2 + d));
        side[d] = pt2_max(E, pt2_sub(E, high, low), ex_num(E, low, 0));
    }
    pt2_ex common = pt2_mul(E, side[0], side[1]);
    pt2_ex all = pt2_sub(E, pt2_add(E, area(L, boxes, at[0]), area(L, boxes, at[1])), common);
    pt2_ex overlaps = pt2_lt(E, threshold(L, common), ex_div(E, common, all));
    return op_map(L, PT2_BOOL, 2, shape, pt2_and(E, overlaps, pt2_lt(E, at[0], at[1])));
}

/* One turn: carried are whether that is another answer than before, and who is kept. */
static void suppress(struct pt2_lower *L, void *ctx, pt2_ex turn, pt2_t **carried, pt2_t *const *by)
{
    struct pt2_exprs *E = L->E;
    pt2_t *kept = carried[1];
    pt2_ex n = kept->shape[0], j = pt2_var(E, 0, n), before = pt2_var(E, 1, n), pair[2] = { before, j };
    (void)ctx;
    (void)turn;
    pt2_ex hit = pt2_and(E, op_at(L, kept, &before), op_at(L, by[0], pair));
    pt2_t *dead = op_reduce(L, PT2_RED_ANY, PT2_BOOL, 1, &n, 1, &n, hit);
    carried[1] = op_map(L, PT2_BOOL, 1, &n, pt2_not(E, op_at(L, dead, &j)));
    pt2_ex differs = pt2_not(E, pt2_eq(E, op_at(L, carried[1], &j), op_at(L, kept, &j)));
    carried[0] = op_reduce(L, PT2_RED_ANY, PT2_BOOL, 0, NULL, 1, &n, differs);
}

/* bool [n]: who is kept. */
static pt2_t *survivors(struct pt2_lower *L, pt2_t *by)
{
    pt2_ex yes = pt2_int(L->E, PT2_BOOL, 1);
    pt2_t *carried[2] = { op_full(L, PT2_BOOL, 0, NULL, yes), op_full(L, PT2_BOOL, 1, by->shape, yes) };
    op_loop_while(L, 2, carried, 1, &by, suppress, NULL);
    return carried[1];
}

static void lower_nms(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *boxes = op_tensor(L, "dets"), *scores = op_tensor(L, "scores"), *keys, *order;
    if (boxes->rank != 2 || scores->rank != 1 || !pt2_dtype_is_float(boxes->dtype))
        op_fail(L, PT2_ERR_FORMAT, "boxes and scores have %d and %d dimensions", boxes->rank, scores->rank);
    op_sort(L, scores, 0, true, &keys, &order);
    pt2_ex shape[2] = { boxes->shape[0], pt2_idx(E, 4) }, *at = op_vars(L, 2, shape);
    pt2_ex index[2] = { op_index_at(L, order, at, shape[0]), at[1] };
    pt2_t *sorted = op_pick(L, boxes, 2, shape, index, NULL, op_number(L, boxes->dtype, 0));
    pt2_t *kept = survivors(L, suppressions(L, sorted)), *place = op_positions(L, kept, NULL, 0, 0);
    pt2_ex i = pt2_var(E, 0, place->shape[0]), from = op_index_at(L, place, &i, shape[0]);
    op_return(L, op_pick(L, order, 1, place->shape, &from, NULL, op_number(L, PT2_I64, 0)));
}

const struct pt2_op_row pt2_ops_vision[] = {
    { "torchvision.nms", lower_nms, 0 },
    { "torchvision.roi_align", lower_roi_align, 0 },
    { "torchvision.ps_roi_align", lower_roi_align, 1 },
    { "torchvision.roi_pool", lower_roi_pool, 0 },
    { "torchvision.ps_roi_pool", lower_ps_roi_pool, 0 },
    { "torchvision.deform_conv2d", lower_deform_conv, 0 },
    { 0 },
};
