/* SPDX-License-Identifier: MIT
 * Views: a new index map over the same store. */
#include "ops/internal.h"

pt2_t *op_view(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape, const pt2_ex *index)
{
    pt2_t *v = pt2_tensor_new(L, t->dtype, rank, shape);
    int n = t->store->cur->rank - (pt2_dtype_is_complex(t->dtype) ? 1 : 0);
    v->store = t->store;
    v->whole = false;
    v->map = PT2_NEW_N(L->arena, pt2_ex, n);
    for (int k = 0; k < n; k++)
        v->map[k] = t->map ? pt2_subst_vars(L->E, t->map[k], t->rank, index) : index[k];
    return v;
}

static bool same_sizes(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape)
{
    bool same = t->rank == rank;
    for (int k = 0; same && k < rank; k++)
        same = pt2_prove_eq(L->E, t->shape[k], shape[k]);
    return same;
}

pt2_t *op_reshape(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape)
{
    pt2_ex index[PT2_MAX_RANK], *v = op_vars(L, rank, shape);
    if (same_sizes(L, t, rank, shape))
        return t;
    pt2_ex n = op_numel(L, t), m = pt2_product(L->E, rank, shape);
    if (pt2_is_const(n) && pt2_is_const(m) && n != m)
        op_fail(L, PT2_ERR_FORMAT, "a view of %lld elements of a tensor of %lld", (long long)m->i, (long long)n->i);
    pt2_delinearize(L->E, t->rank, t->shape, pt2_linearize(L->E, rank, shape, v), index);
    pt2_t *r = op_view(L, t, rank, shape, index);
    r->whole = t->whole;
    return r;
}

pt2_t *op_permute(struct pt2_lower *L, pt2_t *t, const int *dims)
{
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    for (int k = 0; k < t->rank; k++)
        shape[k] = t->shape[dims[k]];
    pt2_ex *v = op_vars(L, t->rank, shape);
    for (int k = 0; k < t->rank; k++)
        index[dims[k]] = v[k];
    pt2_t *r = op_view(L, t, t->rank, shape, index);
    r->whole = t->whole;
    return r;
}

pt2_t *op_expand(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape)
{
    pt2_ex index[PT2_MAX_RANK], *v = op_vars(L, rank, shape);
    if (t->rank > rank)
        op_fail(L, PT2_ERR_FORMAT, "expand to fewer dimensions");
    if (same_sizes(L, t, rank, shape))
        return t;
    for (int k = 0; k < t->rank; k++)
        index[k] = pt2_is_int(t->shape[k], 1) ? pt2_idx(L->E, 0) : v[rank - t->rank + k];
    return op_view(L, t, rank, shape, index);
}

pt2_t *op_unsqueeze(struct pt2_lower *L, pt2_t *t, int dim)
{
    pt2_ex shape[PT2_MAX_RANK + 1], index[PT2_MAX_RANK];
    for (int k = 0; k <= t->rank; k++)
        shape[k] = k < dim ? t->shape[k] : k == dim ? pt2_idx(L->E, 1) : t->shape[k - 1];
    pt2_ex *v = op_vars(L, t->rank + 1, shape);
    for (int k = 0; k < t->rank; k++)
        index[k] = v[k < dim ? k : k + 1];
    pt2_t *r = op_view(L, t, t->rank + 1, shape, index);
    r->whole = t->whole;
    return r;
}

/* Drops dimension `dim`, reading at `at` there. */
static pt2_t *drop_dim(struct pt2_lower *L, pt2_t *t, int dim, pt2_ex at)
{
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    int n = 0;
    for (int k = 0; k < t->rank; k++)
        if (k != dim)
            shape[n++] = t->shape[k];
    pt2_ex *v = op_vars(L, n, shape);
    for (int k = 0; k < t->rank; k++)
        index[k] = k == dim ? at : v[k < dim ? k : k - 1];
    return op_view(L, t, n, shape, index);
}

pt2_t *op_squeeze(struct pt2_lower *L, pt2_t *t, int dim)
{
    pt2_t *r = drop_dim(L, t, dim, pt2_idx(L->E, 0));
    r->whole = t->whole;
    return r;
}

pt2_t *op_select(struct pt2_lower *L, pt2_t *t, int dim, pt2_ex index)
{
    return drop_dim(L, t, dim, index);
}

pt2_t *op_slice(struct pt2_lower *L, pt2_t *t, int dim, pt2_ex start, pt2_ex size, pt2_ex step)
{
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    memcpy(shape, t->shape, (size_t)t->rank * sizeof *shape);
    if (pt2_is_int(start, 0) && pt2_is_int(step, 1) && pt2_prove_eq(L->E, size, t->shape[dim]))
        return t;
    shape[dim] = size;
    pt2_ex *v = op_vars(L, t->rank, shape);
    for (int k = 0; k < t->rank; k++)
        index[k] = k == dim ? pt2_add(L->E, start, pt2_mul(L->E, v[k], step)) : v[k];
    return op_view(L, t, t->rank, shape, index);
}

/* The store of a complex tensor is real already, so both directions keep the store and add or drop the last index. */
pt2_t *op_real_view(struct pt2_lower *L, pt2_t *t)
{
    if (!pt2_dtype_is_complex(t->dtype))
        return t;
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, t->shape, (size_t)t->rank * sizeof *shape);
    shape[t->rank] = pt2_idx(L->E, 2);
    pt2_t *r = pt2_tensor_new(L, pt2_dtype_real(t->dtype), t->rank + 1, shape);
    r->store = t->store;
    r->whole = t->whole;
    if (!t->map)
        return r;
    int n = t->store->cur->rank - 1;
    r->map = PT2_NEW_N(L->arena, pt2_ex, n + 1);
    memcpy(r->map, t->map, (size_t)n * sizeof *r->map);
    r->map[n] = pt2_var(L->E, t->rank, shape[t->rank]);
    return r;
}

static pt2_dtype complex_of(pt2_dtype real)
{
    return real == PT2_F64 ? PT2_C128 : real == PT2_F16 ? PT2_C32 : PT2_C64;
}

/* True when the store's last index is the view's last variable and no other index depends on it. */
static bool parts_are_last(struct pt2_lower *L, pt2_t *t)
{
    const struct pt2_value *v = t->store->cur;
    if (!t->map)
        return v->rank == t->rank;
    if (v->rank < 1 || !pt2_is_int(v->shape[v->rank - 1], 2) ||
        t->map[v->rank - 1] != pt2_var(L->E, t->rank - 1, t->shape[t->rank - 1]))
        return false;
    pt2_ex axes[PT2_MAX_RANK] = { NULL };
    axes[t->rank - 1] = pt2_idx(L->E, 0);
    for (int k = 0; k < v->rank - 1; k++)
        if (pt2_subst_vars(L->E, t->map[k], t->rank, axes) != t->map[k])
            return false;
    return true;
}

pt2_t *op_complex_view(struct pt2_lower *L, pt2_t *t)
{
    if (t->rank < 1 || !pt2_is_int(t->shape[t->rank - 1], 2))
        op_fail(L, PT2_ERR_FORMAT, "a complex view needs a last dimension of 2");
    if (!parts_are_last(L, t))
        t = op_clone(L, t);
    pt2_t *r = pt2_tensor_new(L, complex_of(t->dtype), t->rank - 1, t->shape);
    r->store = t->store;
    r->whole = t->whole;
    r->map = t->map; /* its last entry is not used for complex tensors */
    return r;
}

/* ---- what is a view in PyTorch, and what a copy ---- */

const struct pt2_tensor_meta *op_meta(struct pt2_lower *L, const char *name)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    return a && a->kind == PT2_ARG_VALUE ? a->value->meta : NULL;
}

static pt2_ex stride_of(struct pt2_lower *L, const struct pt2_tensor_meta *m, int d)
{
    return pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->strides[d]));
}

bool op_lies_as_result(struct pt2_lower *L, const char *name)
{
    const struct pt2_tensor_meta *m = op_meta(L, name), *r = L->node->num_outs ? L->node->outs[0]->meta : NULL;
    if (!L->priv->writes || !m || !r || m->rank != r->rank || !m->strides || !r->strides)
        return true;
    for (int d = 0; d < m->rank; d++) {
        pt2_ex size = pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->sizes[d]));
        if (pt2_is_int(size, 0))
            return true;
        if (!pt2_is_int(size, 1) && !pt2_prove_eq(L->E, stride_of(L, m, d), stride_of(L, r, d)))
            return false;
    }
    return true;
}

/* A run of dimensions that lie in memory as one: its number of elements, also with sizes of at least 1 as the exporter
 * writes strides, and the stride of its last dimension. */
struct run { pt2_ex count, safe, stride; };

static bool continues(struct pt2_lower *L, const struct run *r, pt2_ex size, pt2_ex stride)
{
    return pt2_is_int(size, 1) || pt2_prove_eq(L->E, stride, pt2_mul(L->E, r->count, r->stride)) ||
           pt2_prove_eq(L->E, stride, pt2_mul(L->E, r->safe, r->stride));
}

/* Takes dimensions of the new shape, from *d down, whose sizes multiply to `count`. */
static bool take(struct pt2_lower *L, const pt2_ex *shape, int *d, pt2_ex count)
{
    pt2_ex n = pt2_idx(L->E, 1);
    while (*d >= 0 && (pt2_is_int(shape[*d], 1) || !pt2_prove_eq(L->E, n, count)))
        n = pt2_mul(L->E, n, shape[(*d)--]);
    return pt2_prove_eq(L->E, n, count);
}

bool op_strides_allow(struct pt2_lower *L, const char *name, int rank, const pt2_ex *shape)
{
    const struct pt2_tensor_meta *m = op_meta(L, name);
    if (!L->priv->writes || !m || !m->strides || m->rank == 0)
        return true;
    int d = rank - 1;
    pt2_ex one = pt2_idx(L->E, 1);
    struct run run = { one, one, stride_of(L, m, m->rank - 1) };
    for (int k = m->rank - 1; k > 0; k--) {
        pt2_ex size = pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->sizes[k]));
        pt2_ex outer = pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->sizes[k - 1]));
        run.count = pt2_mul(L->E, run.count, size);
        run.safe = pt2_mul(L->E, run.safe, pt2_max(L->E, size, one));
        if (pt2_is_int(size, 0))
            return true;
        if (continues(L, &run, outer, stride_of(L, m, k - 1)))
            continue;
        if (!take(L, shape, &d, run.count))
            return false;
        run = (struct run){ one, one, stride_of(L, m, k - 1) };
    }
    return true; /* the outermost run is what remains */
}

/* ---- views whose elements are computed ---- */

pt2_t *pt2_mirror(struct pt2_lower *L, pt2_t *of, pt2_dtype dtype,
                  pt2_t *(*show)(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype))
{
    pt2_t *r = show(L, of, dtype), *view = pt2_tensor_new(L, r->dtype, r->rank, r->shape);
    view->store = r->store;
    r->store->mirror = PT2_NEW(L->arena, struct pt2_mirror);
    *r->store->mirror = (struct pt2_mirror){ show, of, view, of->store->cur };
    return r;
}

void pt2_mirror_refresh(struct pt2_lower *L, struct pt2_store *s)
{
    struct pt2_mirror *m = s->mirror;
    if (!m)
        return;
    pt2_mirror_refresh(L, m->of->store);
    if (m->seen == m->of->store->cur)
        return;
    s->cur = op_value(L, m->show(L, m->of, m->view->dtype));
    m->seen = m->of->store->cur;
}

void pt2_mirror_written(struct pt2_lower *L, struct pt2_store *s)
{
    struct pt2_mirror *m = s->mirror;
    if (!m)
        return;
    op_write(L, m->of, m->show(L, m->view, m->of->dtype));
    m->seen = m->of->store->cur;
}
