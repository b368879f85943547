/* SPDX-License-Identifier: MIT
 *
 * Products of float8 matrices with scales (_scaled_mm and its forms), and products of groups of rows or columns
 * (_grouped_mm). Scales of a whole matrix or of its rows and columns multiply the product; those of blocks multiply
 * the factors. Facts on layouts are those of cuda/ScaledBlas.cpp and GroupedBlas.cpp. */
#include "ops/data.h"
#include "ops/reduce.h"

/* ---- scales ---- */

enum { TENSOR_WISE, ROW_WISE, BLOCK_1X16, BLOCK_1X32, BLOCK_1X128, BLOCK_128X128, RECIPES }; /* ScalingType */
enum { NO_SWIZZLE, SWIZZLE_32_4_4 };                                                        /* SwizzleType */

static const struct { int rows, cols; } blocks[RECIPES] = {
    [BLOCK_1X16] = { 1, 16 },   [BLOCK_1X32] = { 1, 32 },
    [BLOCK_1X128] = { 1, 128 }, [BLOCK_128X128] = { 128, 128 },
};

struct scale {
    pt2_t *t;
    int64_t recipe, swizzle;
    bool by_column; /* [blocks of the summed dimension, blocks of rows]; else the other way round */
};

enum { MAX_SCALES = 2 };

/* A factor as [rows, summed]: the second one transposed. */
struct factor {
    pt2_t *m;
    int count;
    struct scale scale[MAX_SCALES];
};

static pt2_ex ceil_div(struct pt2_lower *L, pt2_ex a, int n)
{
    return pt2_floordiv(L->E, pt2_addi(L->E, a, n - 1), pt2_idx(L->E, n));
}

static pt2_ex flat_at(struct pt2_lower *L, pt2_t *t, pt2_ex index)
{
    return op_to(L, op_at(L, op_flat(L, t), &index), PT2_F32);
}

/* Tiles of 128 rows and 4 columns, in which four rows 32 apart lie side by side. */
static pt2_ex swizzled(struct pt2_lower *L, pt2_ex row, pt2_ex col, pt2_ex cols)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n128 = pt2_idx(E, 128), n32 = pt2_idx(E, 32), n4 = pt2_idx(E, 4);
    pt2_ex tile = pt2_add(E, pt2_mul(E, pt2_floordiv(E, row, n128), ceil_div(L, cols, 4)), pt2_floordiv(E, col, n4));
    pt2_ex quarter = pt2_floordiv(E, pt2_floormod(E, row, n128), n32);
    pt2_ex inside = pt2_add(E, pt2_muli(E, pt2_floormod(E, row, n32), 16),
                            pt2_add(E, pt2_muli(E, quarter, 4), pt2_floormod(E, col, n4)));
    return pt2_add(E, pt2_muli(E, tile, 512), inside);
}

/* The scale of element [row, k] of a factor with `summed` columns. */
static pt2_ex block_scale(struct pt2_lower *L, const struct scale *s, pt2_ex summed, pt2_ex row, pt2_ex k)
{
    struct pt2_exprs *E = L->E;
    pt2_ex cols = ceil_div(L, summed, blocks[s->recipe].cols);
    row = pt2_floordiv(E, row, pt2_idx(E, blocks[s->recipe].rows));
    k = pt2_floordiv(E, k, pt2_idx(E, blocks[s->recipe].cols));
    if (s->swizzle == SWIZZLE_32_4_4)
        return flat_at(L, s->t, swizzled(L, row, k, cols));
    if (s->t->rank != 2)
        return flat_at(L, s->t, pt2_add(E, pt2_mul(E, row, cols), k));
    pt2_ex index[2] = { s->by_column ? k : row, s->by_column ? row : k };
    return op_to(L, op_at(L, s->t, index), PT2_F32);
}

static bool of_blocks(const struct scale *s)
{
    return s->recipe > ROW_WISE;
}

/* v times the scales of its row that are outside of the sum. */
static pt2_ex times_outer(struct pt2_lower *L, const struct factor *f, pt2_ex row, pt2_ex v)
{
    for (int k = 0; k < f->count; k++)
        if (!of_blocks(&f->scale[k]))
            v = pt2_mul(L->E, v, flat_at(L, f->scale[k].t, f->scale[k].recipe == ROW_WISE ? row : pt2_idx(L->E, 0)));
    return v;
}

/* The factor in float32, with the scales of its blocks. */
static pt2_t *with_blocks(struct pt2_lower *L, const struct factor *f)
{
    pt2_ex *at = op_vars(L, 2, f->m->shape), v = op_to(L, op_at(L, f->m, at), PT2_F32);
    for (int k = 0; k < f->count; k++)
        if (of_blocks(&f->scale[k]))
            v = pt2_mul(L->E, v, block_scale(L, &f->scale[k], f->m->shape[1], at[0], at[1]));
    return op_map_like(L, f->m, PT2_F32, v);
}

static void need_rank(struct pt2_lower *L, pt2_t *t, int rank)
{
    if (t->rank != rank)
        op_fail(L, PT2_ERR_FORMAT, "a matrix of %d dimensions", t->rank);
}

static pt2_t *flipped(struct pt2_lower *L, pt2_t *t)
{
    return op_permute(L, t, t->rank == 2 ? (const int[]){ 1, 0 } : (const int[]){ 0, 2, 1 });
}

/* Which element counts a scale may have: anything else would be read where nothing is. */
static void check_scale(struct pt2_lower *L, const struct factor *f, const struct scale *s)
{
    pt2_ex n = op_numel(L, s->t), rows = f->m->shape[0], want = pt2_idx(L->E, 1);
    if (s->recipe == ROW_WISE)
        want = rows;
    if (of_blocks(s)) {
        pt2_ex r = ceil_div(L, rows, blocks[s->recipe].rows), c = ceil_div(L, f->m->shape[1], blocks[s->recipe].cols);
        want = pt2_mul(L->E, r, c);
        if (s->swizzle == SWIZZLE_32_4_4)
            want = pt2_muli(L->E, pt2_mul(L->E, ceil_div(L, r, 128), ceil_div(L, c, 4)), 512);
        if (s->recipe == BLOCK_128X128 && s->t->rank == 2) /* columns may be padded to four */
            want = n;
    }
    if (pt2_is_const(n) && pt2_is_const(want) && n->i != want->i)
        op_fail(L, PT2_ERR_FORMAT, "%lld scales where the recipe has %lld", (long long)n->i, (long long)want->i);
}

/* Scales by the names of version 2: lists of tensors, of recipes and of swizzles. */
static struct factor listed_factor(struct pt2_lower *L, pt2_t *m, char side)
{
    struct factor f = { .m = m };
    pt2_t **list;
    int64_t recipe[PT2_MAX_RANK], swizzle[PT2_MAX_RANK];
    f.count = op_tensors(L, pt2_arena_printf(L->arena, "scale_%c", side), &list);
    int recipes = op_ints(L, pt2_arena_printf(L->arena, "recipe_%c", side), recipe);
    int swizzles = op_ints(L, pt2_arena_printf(L->arena, "swizzle_%c", side), swizzle);
    if (f.count < 1 || f.count > MAX_SCALES || recipes != f.count)
        op_fail(L, PT2_ERR_FORMAT, "%d scales and %d recipes", f.count, recipes);
    for (int k = 0; k < f.count; k++) {
        struct scale s = { list[k], recipe[k], k < swizzles ? swizzle[k] : NO_SWIZZLE, recipe[k] == BLOCK_128X128 };
        if (s.recipe < 0 || s.recipe >= RECIPES || s.swizzle > SWIZZLE_32_4_4)
            op_fail(L, PT2_ERR_UNSUPPORTED, "scales of recipe %lld with swizzle %lld", (long long)s.recipe,
                    (long long)s.swizzle);
        f.scale[k] = s;
    }
    return f;
}

/* Version 1 tells a recipe by type and shape alone. */
static struct factor plain_factor(struct pt2_lower *L, pt2_t *m, char side)
{
    pt2_t *t = op_tensor(L, pt2_arena_printf(L->arena, "scale_%c", side));
    pt2_ex n = op_numel(L, t), rows = m->shape[0];
    struct scale s = { .t = t, .by_column = side == 'b' };
    if (t->dtype == PT2_F8E8M0FNU || t->dtype == PT2_F8E4M3FN) {
        s.recipe = t->dtype == PT2_F8E4M3FN ? BLOCK_1X16 : BLOCK_1X32;
        pt2_ex unpadded = pt2_mul(L->E, rows, ceil_div(L, m->shape[1], blocks[s.recipe].cols));
        pt2_ex aligned = pt2_floormod(L->E, rows, pt2_idx(L->E, 128));
        s.swizzle = pt2_prove_eq(L->E, n, unpadded) && !pt2_is_int(aligned, 0) ? NO_SWIZZLE : SWIZZLE_32_4_4;
        s.by_column = false;
    } else if (!pt2_is_int(n, 1)) {
        s.recipe = ROW_WISE;
        if (!pt2_prove_eq(L->E, n, rows) && t->rank == 2)
            s.recipe = pt2_prove_eq(L->E, t->shape[s.by_column], rows) ? BLOCK_1X128 : BLOCK_128X128;
    }
    return (struct factor){ .m = m, .count = 1, .scale = { s } };
}

enum { V1, V2, ADDMM };

/* Element of the product with all its scales, over the variables of [rows, columns]. */
static pt2_ex scaled_product(struct pt2_lower *L, pt2_t *a, pt2_t *b, pt2_ex *shape)
{
    bool lists = L->row->data != V1;
    need_rank(L, a, 2);
    need_rank(L, b, 2);
    struct factor f[2] = { lists ? listed_factor(L, a, 'a') : plain_factor(L, a, 'a'),
                           lists ? listed_factor(L, flipped(L, b), 'b') : plain_factor(L, flipped(L, b), 'b') };
    for (int k = 0; k < 2; k++)
        for (int j = 0; j < f[k].count; j++)
            check_scale(L, &f[k], &f[k].scale[j]);
    struct op_term left = { with_blocks(L, &f[0]), "ik", false }, right = { with_blocks(L, &f[1]), "jk", false };
    pt2_t *y = op_contract(L, PT2_F32, left, right, "ij");
    memcpy(shape, y->shape, 2 * sizeof *shape);
    pt2_ex *at = op_vars(L, 2, shape);
    return times_outer(L, &f[1], at[1], times_outer(L, &f[0], at[0], op_at(L, y, at)));
}

static void return_matrix(struct pt2_lower *L, const pt2_ex *shape, pt2_ex v)
{
    op_return(L, op_map(L, op_out_dtype(L, 0), 2, shape, op_to(L, v, op_out_dtype(L, 0))));
}

/* aten._scaled_mm and _scaled_mm_v2: the product, then the bias. */
static void lower_scaled_mm(struct pt2_lower *L)
{
    pt2_ex shape[2], v = scaled_product(L, op_tensor(L, "self"), op_tensor(L, "mat2"), shape);
    pt2_t *bias = op_tensor_opt(L, "bias");
    if (bias)
        v = pt2_add(L->E, v, op_to(L, op_at_bcast(L, bias, 2, op_vars(L, 2, shape)), PT2_F32));
    return_matrix(L, shape, v);
}

static void lower_scaled_addmm(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *self = op_tensor(L, "self");
    pt2_ex shape[2], v = scaled_product(L, op_tensor(L, "mat1"), op_tensor(L, "mat2"), shape);
    pt2_ex before = op_to(L, op_at_bcast(L, self, 2, op_vars(L, 2, shape)), PT2_F32);
    v = pt2_mul(E, v, op_scalar(L, "alpha", PT2_F32, 1));
    if (op_float(L, "beta", 1) != 0)
        v = pt2_add(E, v, pt2_mul(E, before, op_scalar(L, "beta", PT2_F32, 1)));
    return_matrix(L, shape, v);
}

/* ---- groups ---- */

/* The factors of a product of groups: one with two dimensions is cut along one of them at the offsets. */
struct groups {
    pt2_t *a, *b;        /* [m, k] or [g, m, k]; [k, n] or [g, k, n] */
    pt2_t *ends;         /* [g]; NULL for two factors of three dimensions */
    pt2_t *number;       /* int64, of each element along what is cut: its group; g behind all of them */
    pt2_ex count, m, n, summed;
    pt2_dtype acc;
};

static struct groups read_groups(struct pt2_lower *L, pt2_t *a, pt2_t *b)
{
    struct pt2_exprs *E = L->E;
    struct groups g = { .a = a, .b = b, .ends = op_tensor_opt(L, "offs"),
                        .acc = a->dtype == PT2_F64 ? PT2_F64 : PT2_F32 };
    bool cut = a->rank == 2 || b->rank == 2;
    if (a->rank < 2 || a->rank > 3 || b->rank < 2 || b->rank > 3 || cut != !!g.ends || (cut && g.ends->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "groups of factors of %d and %d dimensions", a->rank, b->rank);
    if (op_has(L, "bias"))
        op_fail(L, PT2_ERR_UNSUPPORTED, "a bias");
    g.m = a->shape[a->rank - 2];
    g.summed = a->shape[a->rank - 1];
    g.n = b->shape[b->rank - 1];
    g.count = cut ? g.ends->shape[0] : a->shape[0];
    if (!cut)
        return g;
    pt2_ex size[1] = { b->rank == 3 ? g.m : a->rank == 3 ? g.n : g.summed }, end = pt2_var(E, 1, g.count);
    pt2_ex before = pt2_le(E, op_int_at(L, g.ends, &end), pt2_cast(E, PT2_I64, pt2_var(E, 0, size[0])));
    g.number = op_reduce(L, PT2_RED_SUM, PT2_I64, 1, size, 1, &g.count, pt2_cast(E, PT2_I64, before));
    return g;
}

/* The group of element i along what is cut, as an index; *inside: whether it has one. */
static pt2_ex group_of(struct pt2_lower *L, const struct groups *g, pt2_ex i, pt2_ex *inside)
{
    pt2_ex number = pt2_cast(L->E, PT2_IDX, op_at(L, g->number, &i));
    *inside = pt2_lt(L->E, number, g->count);
    return pt2_min(L->E, number, pt2_addi(L->E, g->count, -1));
}

/* Rows (or columns) of one factor multiply the matrix of their group. */
static pt2_t *cut_outside(struct pt2_lower *L, const struct groups *g, const pt2_ex *shape)
{
    struct pt2_exprs *E = L->E;
    bool rows = g->a->rank == 2;
    pt2_ex *at = op_vars(L, 2, shape), k = pt2_var(E, 2, g->summed), inside;
    pt2_ex which = group_of(L, g, at[rows ? 0 : 1], &inside);
    pt2_ex left[3] = { which, at[0], k }, right[3] = { which, k, at[1] };
    pt2_ex v = pt2_mul(E, op_to(L, op_at(L, g->a, rows ? left + 1 : left), g->acc),
                       op_to(L, op_at(L, g->b, rows ? right : right + 1), g->acc));
    pt2_t *y = op_reduce(L, PT2_RED_SUM, g->acc, 2, shape, 1, &g->summed, v);
    return op_map(L, g->acc, 2, shape, pt2_select(E, inside, op_at(L, y, at), pt2_num(E, g->acc, 0)));
}

/* The summed dimension is cut: each group's product has its own columns of a, and zeros for the others'. */
static pt2_t *cut_inside(struct pt2_lower *L, const struct groups *g)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[3] = { g->count, g->m, g->summed }, *at = op_vars(L, 3, shape);
    pt2_ex own = pt2_eq(E, op_at(L, g->number, &at[2]), pt2_cast(E, PT2_I64, at[0]));
    pt2_ex v = pt2_select(E, own, op_to(L, op_at(L, g->a, at + 1), g->acc), pt2_num(E, g->acc, 0));
    struct op_term left = { op_map(L, g->acc, 3, shape, v), "gik", false }, right = { g->b, "kj", false };
    return op_contract(L, g->acc, left, right, "gij");
}

static pt2_t *group_product(struct pt2_lower *L, const struct groups *g)
{
    if (g->a->rank == 3 && g->b->rank == 3)
        return op_contract(L, g->acc, (struct op_term){ g->a, "gik", false }, (struct op_term){ g->b, "gkj", false },
                           "gij");
    if (g->a->rank == 2 && g->b->rank == 2)
        return cut_inside(L, g);
    return cut_outside(L, g, (pt2_ex[]){ g->m, g->n });
}

/* aten._grouped_mm(self, mat2, offs). data: 1 for Transformers' operator, which its experts export where PyTorch's
 * does not take their type. */
static void lower_grouped_mm(struct pt2_lower *L)
{
    bool named = L->row->data;
    struct groups g = read_groups(L, op_tensor(L, named ? "input" : "self"), op_tensor(L, named ? "weight" : "mat2"));
    op_return(L, op_convert(L, group_product(L, &g), op_out_dtype(L, 0)));
}

/* Element `row` of group `which` of a factor's scales: those of a factor that is cut along its rows have no groups. */
static pt2_ex group_scale(struct pt2_lower *L, pt2_t *scale, bool own_rows, pt2_ex which, pt2_ex rows, pt2_ex row)
{
    pt2_ex n = op_numel(L, scale);
    if (pt2_is_int(n, 1))
        return flat_at(L, scale, pt2_idx(L->E, 0));
    return flat_at(L, scale, own_rows ? row : pt2_add(L->E, pt2_mul(L->E, which, rows), row));
}

/* The scales of one side: of rows, or of blocks of 32 columns as version 1 tells by their type. */
static struct scale group_scales(struct pt2_lower *L, char side)
{
    const char *name = pt2_arena_printf(L->arena, "scale_%c", side);
    pt2_t **list;
    int64_t recipe[PT2_MAX_RANK] = { ROW_WISE };
    struct scale s = { .swizzle = SWIZZLE_32_4_4 };
    if (L->row->data == V1) {
        s.t = op_tensor(L, name);
        s.recipe = s.t->dtype == PT2_F8E8M0FNU ? BLOCK_1X32 : ROW_WISE;
    } else {
        if (op_tensors(L, name, &list) != 1)
            op_fail(L, PT2_ERR_UNSUPPORTED, "scales of groups in two levels");
        s.t = list[0];
        op_ints(L, pt2_arena_printf(L->arena, "recipe_%c", side), recipe);
        s.recipe = recipe[0];
    }
    if (s.recipe != ROW_WISE && s.recipe != BLOCK_1X32)
        op_fail(L, PT2_ERR_UNSUPPORTED, "scales of recipe %lld of groups", (long long)s.recipe);
    return s;
}

/* The first element of a group along what is cut, int64. */
static pt2_ex group_start(struct pt2_lower *L, const struct groups *g, pt2_ex which)
{
    struct pt2_exprs *E = L->E;
    pt2_ex before = pt2_max(E, pt2_addi(E, which, -1), pt2_idx(E, 0)), zero = pt2_int(E, PT2_I64, 0);
    return pt2_select(E, pt2_eq(E, which, pt2_idx(E, 0)), zero, op_int_at(L, g->ends, &before));
}

/* Row i of a factor that is cut along its rows, in scales that begin with a tile of 128 rows for each group. */
static pt2_ex padded_row(struct pt2_lower *L, const struct groups *g, pt2_ex i, pt2_ex rows)
{
    struct pt2_exprs *E = L->E;
    pt2_ex own = pt2_var(E, 0, g->count), other = pt2_var(E, 1, g->count), inside, n128 = pt2_int(E, PT2_I64, 128);
    pt2_ex size = pt2_sub(E, op_int_at(L, g->ends, &other), group_start(L, g, other));
    size = pt2_mul(E, pt2_floordiv(E, pt2_add(E, size, pt2_int(E, PT2_I64, 127)), n128), n128);
    size = pt2_select(E, pt2_lt(E, other, own), size, pt2_int(E, PT2_I64, 0));
    pt2_t *starts = op_reduce(L, PT2_RED_SUM, PT2_I64, 1, &g->count, 1, &g->count, size);
    pt2_ex which = group_of(L, g, i, &inside);
    pt2_ex row = pt2_sub(E, pt2_cast(E, PT2_I64, i), group_start(L, g, which));
    row = pt2_add(E, row, op_at(L, starts, &which));
    return op_index(L, pt2_select(E, inside, row, pt2_int(E, PT2_I64, 0)), rows);
}

/* A factor times the scales of its blocks: those of each group lie one after the other. `k`: its summed dimension. */
static pt2_t *with_group_blocks(struct pt2_lower *L, const struct groups *g, pt2_t *t, const struct scale *s, int k)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *at = op_vars(L, t->rank, t->shape), tiles = ceil_div(L, ceil_div(L, t->shape[k], 32), 4);
    pt2_ex block = pt2_floordiv(E, at[k], pt2_idx(E, 32)), cols = pt2_muli(E, tiles, 4), index;
    int row = t->rank == 2 ? 1 - k : 3 - k;
    if (t->rank == 2) {
        pt2_ex rows = pt2_floordiv(E, op_numel(L, s->t), pt2_max(E, cols, pt2_idx(E, 1)));
        index = swizzled(L, padded_row(L, g, at[row], rows), block, cols);
    } else {
        pt2_ex group = pt2_muli(E, pt2_mul(E, ceil_div(L, t->shape[row], 128), tiles), 512);
        index = pt2_add(E, pt2_mul(E, at[0], group), swizzled(L, at[row], block, cols));
    }
    return op_map_like(L, t, PT2_F32, pt2_mul(E, op_to(L, op_at(L, t, at), PT2_F32), flat_at(L, s->t, index)));
}

/* aten._scaled_grouped_mm and _v2: a scale for each row of a and each column of b, of each group; or for each block of
 * 32 elements of these. */
static void lower_scaled_grouped_mm(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct groups g = read_groups(L, op_tensor(L, "self"), op_tensor(L, "mat2"));
    struct scale sa = group_scales(L, 'a'), sb = group_scales(L, 'b');
    bool rows = g.a->rank == 2 && g.b->rank == 3, cols = g.a->rank == 3 && g.b->rank == 2;
    if ((of_blocks(&sa) || of_blocks(&sb)) && g.a->rank == 2 && g.b->rank == 2)
        op_fail(L, PT2_ERR_UNSUPPORTED, "blocks of a summed dimension that is cut into groups");
    if (of_blocks(&sa))
        g.a = with_group_blocks(L, &g, g.a, &sa, g.a->rank - 1);
    if (of_blocks(&sb))
        g.b = with_group_blocks(L, &g, g.b, &sb, g.b->rank - 2);
    pt2_t *y = group_product(L, &g);
    pt2_ex *at = op_vars(L, y->rank, y->shape), inside = NULL, *ij = at + y->rank - 2, v = op_at(L, y, at);
    pt2_ex which = rows || cols ? group_of(L, &g, at[rows ? 0 : 1], &inside) : at[0];
    if (!of_blocks(&sa))
        v = pt2_mul(E, v, group_scale(L, sa.t, rows, which, g.m, ij[0]));
    if (!of_blocks(&sb))
        v = pt2_mul(E, v, group_scale(L, sb.t, cols, which, g.n, ij[1]));
    op_return(L, op_map_like(L, y, op_out_dtype(L, 0), op_to(L, v, op_out_dtype(L, 0))));
}

const struct pt2_op_row pt2_ops_scaled[] = {
    { "aten._scaled_mm", lower_scaled_mm, V1 },
    { "aten._scaled_mm_v2", lower_scaled_mm, V2 },
    { "aten._scaled_addmm", lower_scaled_addmm, ADDMM },
    { "aten._grouped_mm", lower_grouped_mm, 0 },
    { "transformers.grouped_mm_fallback", lower_grouped_mm, 1 },
    { "aten._scaled_grouped_mm", lower_scaled_grouped_mm, V1 },
    { "aten._scaled_grouped_mm_v2", lower_scaled_grouped_mm, V2 },
    { 0 },
};
