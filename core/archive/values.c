/* SPDX-License-Identifier: MIT
 *
 * What the file says about values: names, dtypes, symbolic sizes, tensor metas, symbol ranges.
 * Equal texts and equal expressions are kept once. */
#include "archive/load.h"

#include "archive/text.h"

#include <math.h>

enum { SPARSE_COO = 1, STRIDED = 7, EXPONENT_OF_LARGEST_SIZE = 40 };

const char *pt2_load_intern(struct pt2_load *ld, const char *text)
{
    const char *known = pt2_map_get(&ld->texts, text);
    if (known)
        return known;
    char *copy = pt2_arena_strdup(ld->arena, text);
    pt2_map_put(&ld->scratch, &ld->texts, copy, copy);
    return copy;
}

pt2_status pt2_load_name(struct pt2_load *ld, const struct pt2_at *at, const char **out_name)
{
    const char *text;
    PT2_TRY(pt2_at_text(at, &text));
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return pt2_at_fail(at, PT2_ERR_FORMAT, "a name with control characters");
    if (!*text || strlen(text) > 4096)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "a name of %zu bytes", strlen(text));
    *out_name = pt2_load_intern(ld, text);
    return PT2_OK;
}

pt2_status pt2_load_dtype(const struct pt2_at *at, pt2_dtype *out_dtype)
{
    int64_t number;
    PT2_TRY(pt2_at_int(at, &number));
    *out_dtype = pt2_dtype_from_schema(number);
    if (*out_dtype == PT2_NONE)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "unknown dtype number %lld", (long long)number);
    return PT2_OK;
}

/* ---- expressions ---- */

static pt2_status parse_text(struct pt2_load *ld, const struct pt2_at *at, const char *text,
                             const struct pt2_symexpr **out_expr)
{
    *out_expr = pt2_map_get(&ld->exprs, text);
    if (*out_expr)
        return PT2_OK;
    if (pt2_symexpr_parse(ld->arena, text, strlen(text), out_expr) != PT2_OK) {
        char why[300];
        strncpy(why, pt2_error_message(), sizeof why - 1);
        why[sizeof why - 1] = 0;
        return pt2_at_fail(at, PT2_ERR_FORMAT, "%s", why);
    }
    const char *key = pt2_arena_strdup(&ld->scratch, text);
    pt2_map_put(&ld->scratch, &ld->exprs, key, (void *)(uintptr_t)*out_expr);
    return PT2_OK;
}

static pt2_status int_expr(struct pt2_load *ld, const struct pt2_at *at, struct pt2_symexpr *e)
{
    (void)ld;
    e->op = PT2_SYM_INT;
    return pt2_at_int(at, &e->i);
}

static pt2_status float_expr(struct pt2_load *ld, const struct pt2_at *at, struct pt2_symexpr *e)
{
    (void)ld;
    e->op = PT2_SYM_FLOAT;
    return pt2_at_double(at, &e->f);
}

static pt2_status bool_expr(struct pt2_load *ld, const struct pt2_at *at, struct pt2_symexpr *e)
{
    bool b = false;
    (void)ld;
    e->op = PT2_SYM_BOOL;
    PT2_TRY(pt2_at_bool(at, &b));
    e->i = b;
    return PT2_OK;
}

static pt2_status symbolic(struct pt2_load *ld, const struct pt2_at *at, const struct pt2_symexpr **out_expr)
{
    const char *text;
    if (pt2_at_is_text(at)) {
        PT2_TRY(pt2_at_text(at, &text));
        return parse_text(ld, at, text, out_expr);
    }
    struct pt2_at field;
    PT2_TRY(pt2_at_field(at, "expr_str", &field));
    PT2_TRY(pt2_at_text(&field, &text));
    return parse_text(ld, &field, text, out_expr);
}

pt2_status pt2_load_expr(struct pt2_load *ld, const struct pt2_at *at, const struct pt2_symexpr **out_expr)
{
    static const struct {
        const char *tag;
        pt2_status (*read)(struct pt2_load *ld, const struct pt2_at *at, struct pt2_symexpr *e);
    } literals[] = {{"as_int", int_expr}, {"as_float", float_expr}, {"as_bool", bool_expr}};
    struct pt2_at item;
    PT2_TRY(pt2_at_union(at, &item));
    if (!strcmp(item.key, "as_expr"))
        return symbolic(ld, &item, out_expr);
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        if (strcmp(item.key, literals[i].tag))
            continue;
        struct pt2_symexpr e = {0};
        PT2_TRY(literals[i].read(ld, &item, &e));
        *out_expr = pt2_arena_copy(ld->arena, &e, sizeof e);
        return PT2_OK;
    }
    return pt2_at_fail(at, PT2_ERR_FORMAT, "unknown tag %.60s", item.key);
}

/* ---- tensor metas ---- */

/* Sizes and strides: at most 2^40 or 2^62, and the product of the sizes stays within the limit. */
static pt2_status read_dims(struct pt2_load *ld, const struct pt2_at *list, int rank, int exponent,
                            const struct pt2_symexpr ***out_dims)
{
    const struct pt2_symexpr **dims = PT2_NEW_N(ld->arena, const struct pt2_symexpr *, rank);
    for (struct pt2_at it = {0}; pt2_at_next(list, &it);) {
        const struct pt2_symexpr **d = &dims[it.index];
        PT2_TRY(pt2_load_expr(ld, &it, d));
        if ((*d)->op == PT2_SYM_INT && ((*d)->i < 0 || (*d)->i > (int64_t)1 << exponent))
            return pt2_at_fail(&it, PT2_ERR_FORMAT, "%lld is out of range", (long long)(*d)->i);
    }
    *out_dims = dims;
    return PT2_OK;
}

static pt2_status check_bytes(struct pt2_load *ld, const struct pt2_at *at, const struct pt2_tensor_meta *meta)
{
    double bytes = (double)pt2_dtype_size(meta->dtype); /* doubles do not overflow, and a limit needs no exactness */
    for (int i = 0; i < meta->rank; i++)
        if (meta->sizes[i]->op == PT2_SYM_INT)
            bytes *= (double)meta->sizes[i]->i;
    if (bytes > (double)ld->limits.tensor_bytes)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "a tensor of %.0f bytes", bytes);
    return PT2_OK;
}

static pt2_status read_offset(struct pt2_load *ld, const struct pt2_at *object, const struct pt2_symexpr **out_expr)
{
    struct pt2_at at;
    uint32_t n;
    PT2_TRY(pt2_at_field(object, "storage_offset", &at));
    if (pt2_at_object(&at, &n) == PT2_OK)
        return pt2_load_expr(ld, &at, out_expr);
    struct pt2_symexpr *e = PT2_NEW(ld->arena, struct pt2_symexpr); /* schema 1: a plain number */
    *out_expr = e;
    return int_expr(ld, &at, e);
}

static pt2_status refuse_layout(const struct pt2_at *at, int64_t layout)
{
    static const char *const names[] = {
        "unknown", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "mkldnn",
    };
    bool known = layout >= 0 && layout < (int64_t)(sizeof names / sizeof *names);
    return pt2_at_fail(at, PT2_ERR_UNSUPPORTED,
                       "a tensor of layout %lld (%s); strided and sparse_coo are supported: convert it by to_dense() "
                       "or to_sparse_coo()", (long long)layout, known ? names[layout] : "not known");
}

pt2_status pt2_load_tensor_meta(struct pt2_load *ld, const struct pt2_at *at, struct pt2_tensor_meta *out_meta)
{
    struct pt2_at field, sizes, strides;
    uint32_t rank, num_strides;
    int64_t layout;
    PT2_TRY(pt2_at_field(at, "dtype", &field));
    PT2_TRY(pt2_load_dtype(&field, &out_meta->dtype));
    PT2_TRY(pt2_at_field_array(at, "sizes", &sizes, &rank));
    PT2_TRY(pt2_at_field_array(at, "strides", &strides, &num_strides));
    if (rank > PT2_MAX_RANK)
        return pt2_at_fail(&sizes, PT2_ERR_UNSUPPORTED, "%u dimensions, at most %d are supported", rank, PT2_MAX_RANK);
    if (num_strides != rank)
        return pt2_at_fail(&strides, PT2_ERR_FORMAT, "%u strides for %u sizes", num_strides, rank);
    out_meta->rank = (int)rank;
    PT2_TRY(read_dims(ld, &sizes, (int)rank, EXPONENT_OF_LARGEST_SIZE, &out_meta->sizes));
    PT2_TRY(read_dims(ld, &strides, (int)rank, 62, &out_meta->strides));
    PT2_TRY(read_offset(ld, at, &out_meta->offset));
    PT2_TRY(pt2_at_field_int(at, "layout", &layout));
    out_meta->sparse = layout == SPARSE_COO;
    if (out_meta->sparse)
        return PT2_OK;
    if (layout != STRIDED)
        return refuse_layout(at, layout);
    return check_bytes(ld, at, out_meta);
}

/* ---- ranges ---- */

/* null, infinities, and numbers near the ends of int64 mean unbounded. */
static pt2_status read_bound(const struct pt2_at *range, const char *key, int64_t unbounded, int64_t *out_value)
{
    struct pt2_at at;
    double f;
    *out_value = unbounded;
    PT2_TRY(pt2_at_maybe(range, key, &at));
    if (!at.v)
        return PT2_OK;
    PT2_TRY(pt2_at_double(&at, &f));
    if (isnan(f))
        return pt2_at_fail(&at, PT2_ERR_FORMAT, "not a number");
    if (fabs(f) >= 0x1p62)
        return PT2_OK;
    if (pt2_at_int(&at, out_value) != PT2_OK) /* bounds of a symbolic float */
        *out_value = (int64_t)(unbounded < 0 ? floor(f) : ceil(f));
    return PT2_OK;
}

pt2_status pt2_load_ranges(struct pt2_load *ld, const struct pt2_at *at)
{
    struct pt2_program *program = ld->program;
    struct pt2_map seen = {0};
    uint32_t count;
    PT2_TRY(pt2_at_object(at, &count));
    program->ranges = PT2_NEW_N(ld->arena, struct pt2_symbol_range, count);
    for (struct pt2_at it = {0}; pt2_at_next(at, &it);) {
        struct pt2_symbol_range *r = &program->ranges[program->num_ranges++];
        r->name = pt2_load_intern(ld, it.key);
        PT2_TRY(read_bound(&it, "min_val", INT64_MIN, &r->lo));
        PT2_TRY(read_bound(&it, "max_val", INT64_MAX, &r->hi));
        if (r->lo > r->hi)
            return pt2_at_fail(&it, PT2_ERR_FORMAT, "an empty range");
        if (!pt2_map_put(&ld->scratch, &seen, r->name, r))
            return pt2_at_fail(&it, PT2_ERR_FORMAT, "occurs twice");
    }
    return PT2_OK;
}
