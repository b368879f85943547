/* SPDX-License-Identifier: MIT
 * Tensors while lowering: reading composes a view's map with the store's current value, so a chain of views is one
 * index expression; building appends a node; writing through a view scatters into the store, unless the view is the
 * store itself. */
#include "ops/internal.h"

struct pt2_store *pt2_store_new(struct pt2_lower *L, struct pt2_value *value)
{
    struct pt2_store *s = PT2_NEW(L->arena, struct pt2_store);
    s->cur = value;
    s->id = L->priv->num_stores++;
    s->input = -1;
    return s;
}

pt2_t *pt2_tensor_new(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape)
{
    if (rank > PT2_MAX_RANK - 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a tensor of %d dimensions", rank);
    pt2_t *t = PT2_NEW(L->arena, pt2_t);
    t->dtype = dtype;
    t->rank = rank;
    t->shape = PT2_NEW_N(L->arena, pt2_ex, PT2_MAX_RANK);
    for (int k = 0; k < PT2_MAX_RANK; k++)
        t->shape[k] = k < rank ? shape[k] : pt2_idx(L->E, 1);
    t->whole = true;
    return t;
}

pt2_t *op_of_value(struct pt2_lower *L, pt2_dtype dtype, struct pt2_value *v)
{
    pt2_t *t = pt2_tensor_new(L, dtype, v->rank - (pt2_dtype_is_complex(dtype) ? 1 : 0), v->shape);
    t->store = pt2_store_new(L, v);
    return t;
}

pt2_ex *op_axes(struct pt2_lower *L, int first, int num_axes, const pt2_ex *extents)
{
    pt2_ex *v = PT2_NEW_N(L->arena, pt2_ex, PT2_MAX_RANK + 2);
    for (int k = 0; k < num_axes; k++)
        v[k] = pt2_var(L->E, first + k, extents[k]);
    return v;
}

pt2_ex *op_vars(struct pt2_lower *L, int rank, const pt2_ex *shape)
{
    return op_axes(L, 0, rank, shape);
}

pt2_ex op_numel(struct pt2_lower *L, pt2_t *t)
{
    return pt2_product(L->E, t->rank, t->shape);
}

/* ---- reading ---- */

/* Element of the store's value; `part` is the last index of complex stores, NULL for real ones. */
static pt2_ex read(struct pt2_lower *L, pt2_t *t, const pt2_ex *index, pt2_ex part)
{
    pt2_ex at[PT2_MAX_RANK + 1];
    struct pt2_value *v = t->store->cur;
    int n = v->rank - (part ? 1 : 0);
    for (int k = 0; k < n; k++)
        at[k] = t->map ? pt2_subst_vars(L->E, t->map[k], t->rank, index) : index[k];
    if (part)
        at[n] = part;
    return pt2_load(L->g, v, at);
}

pt2_ex op_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *index)
{
    if (pt2_dtype_is_complex(t->dtype))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex operand");
    return read(L, t, index, NULL);
}

struct pt2_complex op_at_c(struct pt2_lower *L, pt2_t *t, const pt2_ex *index)
{
    if (!pt2_dtype_is_complex(t->dtype)) {
        pt2_ex re = op_at(L, t, index);
        if (!pt2_is_float_type(re->dtype))
            re = pt2_cast(L->E, PT2_F32, re);
        return (struct pt2_complex){ re, pt2_num(L->E, re->dtype, 0) };
    }
    return (struct pt2_complex){ read(L, t, index, pt2_idx(L->E, 0)), read(L, t, index, pt2_idx(L->E, 1)) };
}

/* The index into t that broadcasting to `index` means. */
static void align(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *index, pt2_ex *out)
{
    if (t->rank > rank)
        op_fail(L, PT2_ERR_FORMAT, "cannot broadcast %d dimensions to %d", t->rank, rank);
    for (int k = 0; k < t->rank; k++)
        out[k] = pt2_is_int(t->shape[k], 1) ? pt2_idx(L->E, 0) : index[rank - t->rank + k];
}

pt2_ex op_at_bcast(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *index)
{
    pt2_ex at[PT2_MAX_RANK];
    align(L, t, rank, index, at);
    return op_at(L, t, at);
}

struct pt2_complex op_at_bcast_c(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *index)
{
    pt2_ex at[PT2_MAX_RANK];
    align(L, t, rank, index, at);
    return op_at_c(L, t, at);
}

pt2_ex op_at_or(struct pt2_lower *L, pt2_t *t, const pt2_ex *index, pt2_ex inside, pt2_ex other)
{
    for (int k = 0; k < t->rank; k++)
        if (pt2_is_int(t->shape[k], 0))
            return other; /* nothing to load from */
    return pt2_select(L->E, inside, op_at(L, t, index), other);
}

pt2_ex op_to(struct pt2_lower *L, pt2_ex e, pt2_dtype dtype)
{
    pt2_dtype real = pt2_dtype_real(dtype);
    return pt2_roundto(L->E, real, pt2_cast(L->E, (int)pt2_dtype_compute(real), e));
}

pt2_ex op_index(struct pt2_lower *L, pt2_ex e, pt2_ex size)
{
    return pt2_bin(L->E, PT2_E_CHECK, pt2_cast(L->E, PT2_IDX, e), size);
}

/* ---- building ---- */

static void expect_type(struct pt2_lower *L, pt2_dtype dtype, pt2_ex body)
{
    if (body->dtype != (int)pt2_dtype_compute(dtype))
        op_fail(L, PT2_ERR_INTERNAL, "a body of type %s for a tensor of %s",
                body->dtype == PT2_IDX ? "index" : pt2_dtype_name((pt2_dtype)body->dtype), pt2_dtype_name(dtype));
}

pt2_t *op_map(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, pt2_ex body)
{
    expect_type(L, dtype, body);
    return op_of_value(L, dtype, pt2_node_map(L->g, dtype, rank, shape, body));
}

pt2_t *op_map_like(struct pt2_lower *L, pt2_t *like, pt2_dtype dtype, pt2_ex body)
{
    return op_map(L, dtype, like->rank, like->shape, body);
}

pt2_t *op_map_c(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, struct pt2_complex body)
{
    pt2_dtype real = pt2_dtype_real(dtype);
    pt2_ex dims[PT2_MAX_RANK + 1];
    expect_type(L, real, body.re);
    expect_type(L, real, body.im);
    memcpy(dims, shape, (size_t)rank * sizeof *dims);
    dims[rank] = pt2_idx(L->E, 2);
    pt2_ex first = pt2_eq(L->E, pt2_var(L->E, rank, dims[rank]), pt2_idx(L->E, 0));
    return op_of_value(L, dtype, pt2_node_map(L->g, real, rank + 1, dims, pt2_select(L->E, first, body.re, body.im)));
}

pt2_t *op_reduce(struct pt2_lower *L, enum pt2_reduce_op op, pt2_dtype dtype, int rank, const pt2_ex *shape,
                 int num_axes, const pt2_ex *axes, pt2_ex body)
{
    if (!pt2_gives_position(op))
        expect_type(L, dtype, body);
    return op_of_value(L, dtype, pt2_node_reduce(L->g, op, dtype, rank, shape, num_axes, axes, body));
}

pt2_t *op_scan(struct pt2_lower *L, enum pt2_reduce_op op, pt2_dtype dtype, int rank, const pt2_ex *shape, int axis,
               bool reverse, pt2_ex body)
{
    return op_of_value(L, dtype, pt2_node_scan(L->g, op, dtype, rank, shape, axis, reverse, body));
}

pt2_t *op_scatter(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *base, int num_axes, const pt2_ex *axes,
                  const pt2_ex *index, pt2_ex body, pt2_ex cond)
{
    if (pt2_dtype_is_complex(base->dtype))
        op_fail(L, PT2_ERR_UNSUPPORTED, "scatter into a complex tensor");
    expect_type(L, base->dtype, body);
    struct pt2_value *b = op_value(L, base);
    pt2_ex *at = PT2_NEW_N(L->arena, pt2_ex, base->rank);
    for (int k = 0; k < base->rank; k++) { /* as pt2_load: nothing is written outside, whatever the data are */
        at[k] = index[k];
        if (!pt2_prove_le(L->E, pt2_idx(L->E, 0), at[k]) || !pt2_prove_lt(L->E, at[k], b->shape[k]))
            at[k] = pt2_max(L->E, pt2_idx(L->E, 0), pt2_min(L->E, at[k], pt2_addi(L->E, b->shape[k], -1)));
    }
    return op_of_value(L, base->dtype, pt2_node_scatter(L->g, op, b, num_axes, axes, at, body, cond));
}

pt2_t *op_const(struct pt2_lower *L, pt2_dtype dtype, int rank, const int64_t *shape, const void *data)
{
    pt2_ex dims[PT2_MAX_RANK];
    size_t size = pt2_dtype_size(dtype);
    for (int k = 0; k < rank; k++) {
        dims[k] = pt2_idx(L->E, shape[k]);
        size *= (size_t)shape[k];
    }
    return op_of_value(L, dtype,
                       pt2_node_const(L->g, dtype, rank, dims, pt2_arena_copy(L->arena, data, size), "constant"));
}

pt2_t *op_full(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, pt2_ex value)
{
    if (pt2_dtype_is_complex(dtype)) {
        struct pt2_complex c = { value, pt2_num(L->E, value->dtype, 0) };
        return op_map_c(L, dtype, rank, shape, c);
    }
    return op_map(L, dtype, rank, shape, value);
}

static bool same_shape(struct pt2_lower *L, pt2_t *t, const struct pt2_value *v)
{
    int n = t->rank + (pt2_dtype_is_complex(t->dtype) ? 1 : 0);
    if (n != v->rank)
        return false;
    for (int k = 0; k < t->rank; k++)
        if (!pt2_prove_eq(L->E, t->shape[k], v->shape[k]))
            return false;
    return true;
}

struct pt2_value *op_value(struct pt2_lower *L, pt2_t *t)
{
    if (!t->map && same_shape(L, t, t->store->cur))
        return t->store->cur;
    pt2_ex *v = op_vars(L, t->rank, t->shape);
    pt2_t *dense = pt2_dtype_is_complex(t->dtype) ? op_map_c(L, t->dtype, t->rank, t->shape, op_at_c(L, t, v))
                                                  : op_map(L, t->dtype, t->rank, t->shape, op_at(L, t, v));
    return dense->store->cur;
}

pt2_t *op_clone(struct pt2_lower *L, pt2_t *t)
{
    return op_of_value(L, t->dtype, op_value(L, t));
}

pt2_t *op_convert(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype)
{
    if (t->dtype == dtype)
        return t;
    pt2_ex *v = op_vars(L, t->rank, t->shape);
    if (pt2_dtype_is_complex(dtype)) {
        struct pt2_complex c = op_at_c(L, t, v);
        c.re = op_to(L, c.re, dtype);
        c.im = op_to(L, c.im, dtype);
        return op_map_c(L, dtype, t->rank, t->shape, c);
    }
    pt2_ex e = pt2_dtype_is_complex(t->dtype) ? op_at_c(L, t, v).re : op_at(L, t, v);
    return op_map(L, dtype, t->rank, t->shape, pt2_cast(L->E, (int)pt2_dtype_compute(dtype), e));
}

/* ---- writing ---- */

static void expect_shape(struct pt2_lower *L, pt2_t *t, pt2_t *value)
{
    for (int k = 0; k < value->rank; k++) {
        int d = t->rank - value->rank + k;
        if (!pt2_is_int(value->shape[k], 1) && (d < 0 || !pt2_prove_eq(L->E, value->shape[k], t->shape[d])))
            op_fail(L, PT2_ERR_FORMAT, "the value written does not have the shape of what it is written to");
    }
}

/* The new content as a body over the view's variables, in the compute type of t; complex: over one more variable. */
static pt2_ex written_body(struct pt2_lower *L, pt2_t *t, pt2_t *value)
{
    pt2_ex *v = op_vars(L, t->rank, t->shape);
    while (value->rank > t->rank) /* leading ones */
        value = op_squeeze(L, value, 0);
    if (!pt2_dtype_is_complex(t->dtype)) {
        pt2_ex e = pt2_dtype_is_complex(value->dtype) ? op_at_bcast_c(L, value, t->rank, v).re
                                                      : op_at_bcast(L, value, t->rank, v);
        return pt2_cast(L->E, (int)pt2_dtype_compute(t->dtype), e);
    }
    struct pt2_complex c = op_at_bcast_c(L, value, t->rank, v);
    pt2_ex first = pt2_eq(L->E, pt2_var(L->E, t->rank, pt2_idx(L->E, 2)), pt2_idx(L->E, 0));
    return pt2_select(L->E, first, op_to(L, c.re, t->dtype), op_to(L, c.im, t->dtype));
}

static void write_store(struct pt2_lower *L, pt2_t *t, pt2_t *value)
{
    struct pt2_store *s = t->store;
    expect_shape(L, t, value);
    pt2_ex body = written_body(L, t, value);
    bool cplx = pt2_dtype_is_complex(t->dtype);
    pt2_ex dims[PT2_MAX_RANK + 1];
    memcpy(dims, t->shape, (size_t)t->rank * sizeof *dims);
    dims[t->rank] = pt2_idx(L->E, 2);
    int n = t->rank + (cplx ? 1 : 0);
    s->written = true;
    if (!t->map && same_shape(L, t, s->cur)) {
        s->cur = pt2_node_map(L->g, s->cur->dtype, n, dims, body);
        return;
    }
    pt2_ex at[PT2_MAX_RANK + 1], *v = op_vars(L, n, dims);
    int m = s->cur->rank - (cplx ? 1 : 0);
    for (int k = 0; k < m; k++)
        at[k] = t->map ? t->map[k] : v[k];
    at[m] = v[t->rank];
    s->cur = pt2_node_scatter(L->g, PT2_RED_SET, s->cur, n, dims, at, body, NULL);
    s->cur->def->distinct = true; /* PyTorch refuses to write through overlapping views */
}

void op_write(struct pt2_lower *L, pt2_t *t, pt2_t *value)
{
    write_store(L, t, value);
    pt2_mirror_written(L, t->store);
}

/* ---- data-dependent integers ---- */

enum pt2_binder pt2_binder_of(const struct pt2_lower *L, int symbol)
{
    bool listed = (uint32_t)symbol < L->priv->num_bound;
    return listed ? (enum pt2_binder)L->priv->bound[symbol] : PT2_BOUND_NOT_YET;
}

void pt2_mark_bound(struct pt2_lower *L, int symbol, enum pt2_binder by)
{
    struct pt2_lower_priv *p = L->priv;
    if ((uint32_t)symbol >= p->num_bound) {
        uint32_t n = (uint32_t)symbol * 2 + 16;
        uint8_t *b = pt2_arena_alloc(L->arena, n);
        if (p->num_bound)
            memcpy(b, p->bound, p->num_bound);
        p->bound = b;
        p->num_bound = n;
    }
    p->bound[symbol] = (uint8_t)by;
}

static int named_symbol(struct pt2_lower *L, const struct pt2_symexpr *e)
{
    if (!e || e->op != PT2_SYM_NAME)
        return -1;
    int s = pt2_symbol(L->E, e->name);
    return pt2_binder_of(L, s) ? -1 : s;
}

/* The symbol that the file names for result k: its value, or the first size of it that is a symbol without a value yet.
 */
static int result_symbol(struct pt2_lower *L, int k)
{
    if (k < 0 || (uint32_t)k >= L->node->num_outs)
        return -1;
    const struct pt2_pvalue *v = L->node->outs[k];
    if (v->kind != PT2_VALUE_TENSOR)
        return named_symbol(L, v->expr);
    for (int d = 0; v->meta && d < v->meta->rank; d++) {
        const struct pt2_symexpr *e = v->meta->sizes[d];
        int s = e->op == PT2_SYM_NAME && e->name[0] == 'u' ? named_symbol(L, e) : -1;
        if (s >= 0)
            return s;
    }
    return -1;
}

int pt2_assertion_symbol(struct pt2_lower *L)
{
    int symbol = pt2_symbol(L->E, pt2_arena_printf(L->arena, "assertion%u", L->E->symbols.count));
    pt2_mark_bound(L, symbol, PT2_BOUND_BY_DATA);
    return symbol;
}

void op_check(struct pt2_lower *L, pt2_ex cond, const char *message)
{
    cond = pt2_cast(L->E, PT2_BOOL, cond);
    if (pt2_is_int(cond, 1))
        return;
    const struct pt2_pnode *n = L->node;
    const char *text = pt2_arena_printf(L->arena, "node %s (%s)%s%s: %s", n->name, n->target,
                                        n->python_line[0] ? " at " : "", n->python_line, message);
    if (!(cond->has & PT2_HAS_LOAD)) {
        struct pt2_runtime_check check = { cond, -1, text };
        pt2_push(L->arena, &L->priv->out->checks, check);
    } else if (L->g == L->m->graphs.data[0]) {
        struct pt2_assertion a = { op_map(L, PT2_BOOL, 0, NULL, cond), text };
        pt2_push(L->arena, &L->priv->assertions, a);
    } else {
        int symbol = pt2_assertion_symbol(L);
        L->E->symbols.data[symbol].lo = L->E->symbols.data[symbol].hi = 1;
        pt2_node_item(L->g, pt2_cast(L->E, PT2_IDX, cond), symbol);
        L->g->nodes.data[L->g->nodes.count - 1]->message = text;
    }
}

pt2_ex op_item(struct pt2_lower *L, pt2_ex body, int k)
{
    int symbol = result_symbol(L, k);
    if (symbol < 0) {
        symbol = pt2_symbol(L->E, pt2_arena_printf(L->arena, "item%u", L->E->symbols.count));
        L->E->symbols.data[symbol].lo = body->lo;
        L->E->symbols.data[symbol].hi = body->hi;
    }
    pt2_mark_bound(L, symbol, PT2_BOUND_BY_DATA);
    pt2_indices_read(L);
    pt2_node_item(L->g, pt2_cast(L->E, PT2_IDX, body), symbol);
    return pt2_sym(L->E, symbol);
}
