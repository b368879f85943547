/* SPDX-License-Identifier: MIT
 * Arguments of the call being lowered, bound by schema name. Files may spell a value in another variant than the
 * schema's type (an int for a float, one int for a list, a 0-d tensor for a Scalar); everything that PyTorch accepts is
 * accepted. */
#include "ops/internal.h"

#include <stdlib.h>

/* What functional operators call `input`, their in-place forms call `self`. */
const struct pt2_arg *pt2_find_arg(struct pt2_lower *L, const char *name)
{
    for (uint32_t k = 0; k < L->node->num_args; k++)
        if (!strcmp(L->node->args[k].name, name))
            return L->node->args[k].kind == PT2_ARG_NONE ? NULL : &L->node->args[k];
    return strcmp(name, "input") ? NULL : pt2_find_arg(L, "self");
}

bool op_has(struct pt2_lower *L, const char *name)
{
    return pt2_find_arg(L, name) != NULL;
}

struct pt2_slot pt2_lower_arg(struct pt2_lower *L, const struct pt2_arg *a)
{
    struct pt2_slot s = { NULL, NULL };
    switch (a->kind) {
    case PT2_ARG_VALUE:
        s = L->priv->slots[a->value->index];
        if (s.tensor)
            pt2_mirror_refresh(L, s.tensor->store);
        return s;
    case PT2_ARG_INT: s.scalar = pt2_idx(L->E, a->i); break;
    case PT2_ARG_FLOAT: s.scalar = pt2_num(L->E, PT2_F64, a->f); break;
    case PT2_ARG_BOOL: s.scalar = pt2_int(L->E, PT2_BOOL, a->i); break;
    default: break;
    }
    return s;
}

static pt2_dtype scalar_dtype(pt2_ex e)
{
    return e->dtype == PT2_IDX ? PT2_I64 : (pt2_dtype)e->dtype;
}

static pt2_t *tensor_of(struct pt2_lower *L, const struct pt2_arg *a)
{
    struct pt2_slot s = pt2_lower_arg(L, a);
    if (s.tensor)
        return s.tensor;
    if (a->kind == PT2_ARG_COMPLEX)
        return op_map_c(L, PT2_C128, 0, NULL,
                        (struct pt2_complex){ pt2_num(L->E, PT2_F64, a->f), pt2_num(L->E, PT2_F64, a->imag) });
    if (!s.scalar)
        return NULL;
    pt2_dtype t = scalar_dtype(s.scalar);
    return op_full(L, t, 0, NULL, pt2_cast(L->E, (int)t, s.scalar));
}

static bool of_family(const struct pt2_op_row *row, size_t n, const struct pt2_op_row *const *families)
{
    for (size_t k = 0; k < n; k++)
        for (const struct pt2_op_row *r = families[k]; r->target; r++)
            if (r == row)
                return true;
    return false;
}

/* torch.autocast converts the operands of some operators where they are called, which a file does not show unless it
 * was decomposed: float32 to the half type of a contraction's or recurrence's result, and halves to float32 where a
 * float32 result needs the precision. */
static pt2_dtype autocast_to(struct pt2_lower *L, pt2_dtype from)
{
    static const struct pt2_op_row *const low[] = { pt2_ops_matmul, pt2_ops_conv, pt2_ops_attention, pt2_ops_rnn };
    static const struct pt2_op_row *const high[] = { pt2_ops_linalg, pt2_ops_loss, pt2_ops_distance, pt2_ops_resample };
    bool half = from == PT2_F16 || from == PT2_BF16;
    if (!L->priv->autocast || !L->node->num_outs || (from != PT2_F32 && !half))
        return from;
    pt2_dtype to = op_out_dtype(L, 0);
    bool lower = from == PT2_F32 && (to == PT2_F16 || to == PT2_BF16) && of_family(L->row, 4, low);
    bool raise = half && to == PT2_F32 && of_family(L->row, 4, high);
    return lower || raise ? to : from;
}

static pt2_t *operand(struct pt2_lower *L, const struct pt2_arg *a)
{
    pt2_t *t = tensor_of(L, a);
    return t ? op_convert(L, t, autocast_to(L, t->dtype)) : t;
}

pt2_t *op_tensor_opt(struct pt2_lower *L, const char *name)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    return a ? operand(L, a) : NULL;
}

pt2_t *op_tensor(struct pt2_lower *L, const char *name)
{
    pt2_t *t = op_tensor_opt(L, name);
    if (!t)
        op_fail(L, PT2_ERR_FORMAT, "argument %s is missing", name);
    return t;
}

int op_tensors(struct pt2_lower *L, const char *name, pt2_t ***out_list)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    *out_list = NULL;
    if (!a)
        return 0;
    bool one = a->kind != PT2_ARG_LIST;
    uint32_t n = one ? 1 : a->num_items;
    pt2_t **list = PT2_NEW_N(L->arena, pt2_t *, n);
    for (uint32_t k = 0; k < n; k++)
        list[k] = operand(L, one ? a : &a->items[k]);
    *out_list = list;
    return (int)n;
}

static pt2_ex number(struct pt2_lower *L, const struct pt2_arg *a)
{
    struct pt2_slot s = pt2_lower_arg(L, a);
    if (s.tensor && !pt2_dtype_is_complex(s.tensor->dtype)) {
        if (!pt2_is_int(op_numel(L, s.tensor), 1))
            op_fail(L, PT2_ERR_FORMAT, "argument %s is not a number", a->name);
        pt2_ex zero[PT2_MAX_RANK];
        for (int k = 0; k < s.tensor->rank; k++)
            zero[k] = pt2_idx(L->E, 0);
        return op_at(L, s.tensor, zero);
    }
    if (!s.scalar)
        op_fail(L, PT2_ERR_FORMAT, "argument %s is not a number", a->name);
    return s.scalar;
}

static pt2_ex size_of(struct pt2_lower *L, const struct pt2_arg *a)
{
    return pt2_cast(L->E, PT2_IDX, number(L, a));
}

pt2_ex op_size(struct pt2_lower *L, const char *name, int64_t def)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    return a ? size_of(L, a) : pt2_idx(L->E, def);
}

static int64_t int_of(struct pt2_lower *L, const struct pt2_arg *a, const char *name)
{
    if (a->kind == PT2_ARG_DTYPE)
        return (int64_t)a->dtype;
    if (a->kind == PT2_ARG_LAYOUT || a->kind == PT2_ARG_MEMORY_FORMAT || a->kind == PT2_ARG_DEVICE)
        return a->i;
    pt2_ex e = number(L, a);
    if (!pt2_is_const(e))
        op_fail(L, PT2_ERR_UNSUPPORTED, "argument %s is not a constant", name);
    return pt2_is_float_type(e->dtype) ? (int64_t)e->f : e->i;
}

int64_t op_int(struct pt2_lower *L, const char *name, int64_t def)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    return a ? int_of(L, a, name) : def;
}

static int check_dim(struct pt2_lower *L, int64_t dim, int rank)
{
    int n = rank ? rank : 1;
    if (dim < -n || dim >= n)
        op_fail(L, PT2_ERR_FORMAT, "dimension %lld is out of range for %d dimensions", (long long)dim, rank);
    return (int)(dim < 0 ? dim + n : dim);
}

int op_dim(struct pt2_lower *L, const char *name, int64_t def, int rank)
{
    return check_dim(L, op_int(L, name, def), rank);
}

bool op_bool(struct pt2_lower *L, const char *name, bool def)
{
    return op_int(L, name, def) != 0;
}

double op_float(struct pt2_lower *L, const char *name, double def)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    if (!a)
        return def;
    pt2_ex e = number(L, a);
    if (!pt2_is_const(e))
        op_fail(L, PT2_ERR_UNSUPPORTED, "argument %s is not a constant", name);
    return pt2_is_float_type(e->dtype) ? e->f : (double)e->i;
}

const char *op_string(struct pt2_lower *L, const char *name, const char *def)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    return a && a->kind == PT2_ARG_STRING ? a->text : def;
}

pt2_dtype op_dtype(struct pt2_lower *L, const char *name, pt2_dtype def)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    if (!a)
        return def;
    return a->kind == PT2_ARG_DTYPE ? a->dtype : a->kind == PT2_ARG_INT ? pt2_dtype_from_schema(a->i) : def;
}

/* ---- lists ---- */

static uint32_t list_of(struct pt2_lower *L, const struct pt2_arg *a, const struct pt2_arg **out_items)
{
    bool list = a->kind == PT2_ARG_LIST;
    uint32_t n = list ? a->num_items : 1;
    if (n > PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "argument %s has %u entries, more than %d", a->name, n, PT2_MAX_RANK);
    *out_items = list ? a->items : a;
    return n;
}

int op_ints(struct pt2_lower *L, const char *name, int64_t *out)
{
    const struct pt2_arg *a = pt2_find_arg(L, name), *items;
    if (!a)
        return -1;
    uint32_t n = list_of(L, a, &items);
    for (uint32_t k = 0; k < n; k++)
        out[k] = int_of(L, &items[k], name);
    return (int)n;
}

int op_sizes(struct pt2_lower *L, const char *name, pt2_ex *out)
{
    const struct pt2_arg *a = pt2_find_arg(L, name), *items;
    if (!a)
        return -1;
    uint32_t n = list_of(L, a, &items);
    for (uint32_t k = 0; k < n; k++)
        out[k] = size_of(L, &items[k]);
    return (int)n;
}

int op_dims(struct pt2_lower *L, const char *name, int rank, int *out)
{
    int64_t v[PT2_MAX_RANK];
    int n = op_ints(L, name, v);
    for (int k = 0; k < n; k++) {
        out[k] = check_dim(L, v[k], rank);
        for (int j = 0; j < k; j++)
            if (out[j] == out[k])
                op_fail(L, PT2_ERR_FORMAT, "dimension %d appears twice in %s", out[k], name);
    }
    return n;
}

int op_floats(struct pt2_lower *L, const char *name, double *out)
{
    const struct pt2_arg *a = pt2_find_arg(L, name), *items;
    if (!a)
        return -1;
    uint32_t n = list_of(L, a, &items);
    for (uint32_t k = 0; k < n; k++) {
        pt2_ex e = number(L, &items[k]);
        if (!pt2_is_const(e))
            op_fail(L, PT2_ERR_UNSUPPORTED, "argument %s is not a constant", name);
        out[k] = pt2_is_float_type(e->dtype) ? e->f : (double)e->i;
    }
    return (int)n;
}

int op_bools(struct pt2_lower *L, const char *name, bool *out)
{
    int64_t v[PT2_MAX_RANK];
    int n = op_ints(L, name, v);
    for (int k = 0; k < n; k++)
        out[k] = v[k] != 0;
    return n;
}

/* ---- Scalars ---- */

pt2_ex op_scalar(struct pt2_lower *L, const char *name, pt2_dtype dtype, double def)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    int t = (int)pt2_dtype_compute(pt2_dtype_real(dtype));
    if (!a)
        return pt2_num(L->E, t, def);
    if (a->kind == PT2_ARG_COMPLEX)
        return pt2_num(L->E, t, a->f);
    return pt2_cast(L->E, t, number(L, a));
}

struct pt2_complex op_scalar_c(struct pt2_lower *L, const char *name, pt2_dtype dtype, double def)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    int t = (int)pt2_dtype_compute(pt2_dtype_real(dtype));
    if (a && a->kind == PT2_ARG_COMPLEX)
        return (struct pt2_complex){ pt2_num(L->E, t, a->f), pt2_num(L->E, t, a->imag) };
    struct pt2_slot s = a ? pt2_lower_arg(L, a) : (struct pt2_slot){ NULL, NULL };
    if (s.tensor && pt2_dtype_is_complex(s.tensor->dtype)) {
        pt2_ex zero[PT2_MAX_RANK];
        for (int k = 0; k < s.tensor->rank; k++)
            zero[k] = pt2_idx(L->E, 0);
        struct pt2_complex c = op_at_c(L, s.tensor, zero);
        return (struct pt2_complex){ pt2_cast(L->E, t, c.re), pt2_cast(L->E, t, c.im) };
    }
    return (struct pt2_complex){ op_scalar(L, name, dtype, def), pt2_num(L->E, t, 0) };
}

pt2_dtype op_scalar_kind(struct pt2_lower *L, const char *name)
{
    const struct pt2_arg *a = pt2_find_arg(L, name);
    if (!a)
        return PT2_NONE;
    if (a->kind == PT2_ARG_COMPLEX)
        return PT2_C128;
    struct pt2_slot s = pt2_lower_arg(L, a);
    if (s.tensor)
        return pt2_dtype_is_complex(s.tensor->dtype) ? PT2_C128 : pt2_dtype_is_float(s.tensor->dtype) ? PT2_F64
             : s.tensor->dtype == PT2_BOOL ? PT2_BOOL : PT2_I64;
    return s.scalar ? scalar_dtype(s.scalar) : PT2_NONE;
}
