/* SPDX-License-Identifier: MIT
 * Chooses how a device computes attention.
 *
 * Few rows and many keys, as in decoding with a cache, leave most of a GPU idle where a group walks all keys. With T
 * tiles of rows and U units that each run some groups, the device is full when T * parts >= GROUPS_PER_UNIT * U. Parts
 * have PT2_LEAST_PART keys or more, and LEAST_SAVED keys take a group about as long as the launch that puts the parts
 * together. */
#include "kernel/attention.h"
#include "kernel/bounds.h"
#include "kernel/halves.h"

enum {
    FEW_ROWS = 8,          /* their sums stay in registers */
    LEAST_ROWS = 4,        /* of larger tiles */
    FEW_BYTES = 24 << 10,  /* of shared memory: a unit has room for several groups */
    MOST_INVOCATIONS = 128,
    LEAST_INVOCATIONS = 64,
    MOST_KEYS = 256,       /* of which a group has the scores at once */
    GROUPS_PER_UNIT = 4,
    LEAST_SAVED = 3 * PT2_LEAST_PART,
    MATRICES_FASTER = 8,   /* at least so many parts do what a kernel of matrices gains over one without */
    MOST_REGISTERS = 160,  /* for matrices */
    ALL_AXES = PT2_OUTER_AXIS + 2 * PT2_MAX_RANK,
};

/* ---- grouped queries ---- */

struct divisor {
    int var;
    pt2_ex by;
};

static void find_divisor(void *ctx, pt2_ex e)
{
    struct divisor *d = ctx;
    if (e->op == PT2_E_FLOORDIV && e->args[0]->op == PT2_E_VAR && e->args[0]->i == d->var && pt2_is_const(e->args[1]))
        d->by = e->args[1];
}

static pt2_ex factor_of_keys(const struct pt2_stage *score)
{
    return score->body->args[!pt2_depends_on(score->body->args[0], PT2_KEY_AXIS)];
}

/* The attention with axis k as two, each `by` of it neighbours. */
static struct pt2_attention split_axis(struct pt2_exprs *E, const struct pt2_attention *a, int k, pt2_ex by)
{
    struct pt2_attention s = *a;
    pt2_ex to[ALL_AXES] = { 0 };
    s.extent[k] = pt2_floordiv(E, a->extent[k], by);
    s.extent[s.rank] = by;
    s.role[s.rank] = PT2_AXIS_ROW;
    s.size[PT2_AXIS_BATCH] = pt2_floordiv(E, a->size[PT2_AXIS_BATCH], by);
    s.size[PT2_AXIS_ROW] = pt2_mul(E, a->size[PT2_AXIS_ROW], by);
    to[PT2_OUTER_AXIS + k] = pt2_add(E, pt2_mul(E, pt2_var(E, PT2_OUTER_AXIS + k, s.extent[k]), by),
                                     pt2_var(E, PT2_OUTER_AXIS + s.rank, by));
    for (int j = 0; j < PT2_MAX_RANK; j++)
        s.outer[j] = s.outer[j] ? pt2_subst_vars(E, s.outer[j], ALL_AXES, to) : NULL;
    for (int j = 0; j < 2; j++)
        s.sums[j] = s.sums[j] ? pt2_subst_vars(E, s.sums[j], ALL_AXES, to) : NULL;
    for (int j = 0; j < PT2_ATT_STAGES; j++)
        s.stages[j].body = pt2_subst_vars(E, s.stages[j].body, ALL_AXES, to);
    s.rank++;
    return s;
}

/* An axis of which k and v only read every so many as one becomes two, of which the inner one are rows: they share what
 * a tile reads. */
static void group_queries(struct pt2_exprs *E, struct pt2_attention *a)
{
    for (int k = 0, n = a->rank; k < n && a->rank < 2 * PT2_MAX_RANK; k++) {
        struct divisor d = { PT2_OUTER_AXIS + k, NULL };
        pt2_visit(factor_of_keys(&a->stages[PT2_ATT_SCORE]), find_divisor, &d);
        if (a->role[k] != PT2_AXIS_BATCH || !d.by || !pt2_prove_divides(E, d.by, a->extent[k]))
            continue;
        struct pt2_attention s = split_axis(E, a, k, d.by);
        const struct pt2_stage *score = &s.stages[PT2_ATT_SCORE];
        int inner = PT2_OUTER_AXIS + a->rank;
        if (score->body->op == PT2_E_MUL && score->body->num_args == 2 &&
            !pt2_depends_on(factor_of_keys(score), inner) && !pt2_depends_on(s.stages[PT2_ATT_MIXED].body, inner))
            *a = s;
    }
}

/* ---- tiles ---- */

static int64_t tiles_of(const struct pt2_attention *a)
{
    int64_t rows = pt2_contract_bounded(a->size[PT2_AXIS_ROW]);
    return pt2_contract_bounded(a->size[PT2_AXIS_BATCH]) * (rows / a->tile_rows + 1);
}

/* Many rows share the panels of k and v that a tile copies; fewer where that would leave units without work. */
static void choose_packed(struct pt2_attention *a, const struct pt2_caps *caps)
{
    int head = a->depth > a->width ? a->depth : a->width;
    a->form = PT2_CONTRACT_PACKED;
    a->tile_rows = pt2_tiles_round_up(a->size[PT2_AXIS_ROW]->hi, 1, head > 128 ? 64 : 128);
    a->tile_keys = pt2_tiles_round_up(a->keys->hi, 32, 64);
    while (tiles_of(a) < 2 * caps->compute_units && a->tile_rows > 32)
        a->tile_rows /= 2;
    /* tiles have a power of two of rows */
    const struct pt2_reg_block *block = pt2_tiles_block(caps, a->tile_rows);
    a->lanes = block->lanes;
    a->block_vectors = 2;
    for (a->block_rows = 1; 2 * a->block_rows <= block->rows;)
        a->block_rows *= 2;
}

/* All rows are one tile, each group takes as many keys at once as its memory holds scores of. */
static bool choose_registers(struct pt2_attention *a, const struct pt2_caps *caps)
{
    a->form = PT2_CONTRACT_REGISTERS;
    a->tile_rows = (int)a->size[PT2_AXIS_ROW]->hi;
    a->tile_keys = pt2_tiles_round_up(a->keys->hi, 32, MOST_KEYS);
    a->invocations = MOST_INVOCATIONS;
    while (a->invocations > caps->max_local_size)
        a->invocations /= 2;
    while (a->tile_keys > 32 && pt2_attention_registers_bytes(a) > FEW_BYTES)
        a->tile_keys /= 2;
    return a->invocations >= LEAST_INVOCATIONS && pt2_attention_registers_bytes(a) <= caps->shared_bytes;
}

typedef bool fits_fn(const struct pt2_attention *a, const struct pt2_caps *caps);

/* Of a list from large to small, in units: the first tile that fits, or one of fewer rows where there are too few of
 * it to fill the device. False: none fits. */
static bool choose_tile(struct pt2_attention *a, const struct pt2_caps *caps, const struct pt2_tiles *list,
                        struct pt2_tiles unit, fits_fn *fits)
{
    bool found = false;
    for (; list->rows; list++) {
        struct pt2_attention other = *a;
        other.tile_rows = list->rows * unit.rows;
        other.tile_keys = list->cols * unit.cols;
        if (!fits(&other, caps) ||
            (found && (tiles_of(a) >= pt2_tiles_units(caps) || other.tile_rows >= a->tile_rows)))
            continue;
        *a = other;
        found = true;
    }
    return found;
}

static bool shared_fits(const struct pt2_attention *a, const struct pt2_caps *caps)
{
    return pt2_attention_shared_bytes(a) <= caps->shared_bytes && pt2_attention_local_size(a) <= caps->max_local_size;
}

/* False: no tile fits, or there is so little to do for a row of a tile that its parts, which take more invocations,
 * are faster. */
static bool choose_shared(struct pt2_attention *a, const struct pt2_caps *caps)
{
    static const struct pt2_tiles tiles[] = { { 32, 64, 0 }, { 32, 32, 0 }, { 16, 32, 0 }, { 16, 16, 0 }, { 8, 16, 0 },
                                              { 0, 0, 0 } };
    a->form = PT2_CONTRACT_SHARED;
    return choose_tile(a, caps, tiles, (struct pt2_tiles){ 1, 1, 0 }, shared_fits) &&
           a->size[PT2_AXIS_ROW]->hi >= LEAST_ROWS;
}

/* ---- cooperative matrices ---- */

/* Nothing is lost in what is multiplied but of the probabilities, which the result does not have more exactly. */
static bool are_halves(const struct pt2_module *m, const struct pt2_attention *a)
{
    const pt2_ex *product = a->stages[PT2_ATT_SCORE].body->args;
    return a->dtype == PT2_F16 && pt2_is_half(product[0], pt2_dtype_of_value, m) &&
           pt2_is_half(product[1], pt2_dtype_of_value, m) &&
           pt2_is_half(a->stages[PT2_ATT_MIXED].body, pt2_dtype_of_value, m);
}

/* Every invocation has part of one row, and no more matrices are needed than there are rows or keys for. */
static bool matrices_fit(const struct pt2_attention *a, const struct pt2_caps *caps)
{
    int rows = PT2_MATRIX_SIDE * a->matrix.m, keys = PT2_MATRIX_SIDE * a->matrix.n;
    return (a->tile_rows == rows || a->size[PT2_AXIS_ROW]->hi > rows) && (a->tile_keys == keys || a->keys->hi > keys) &&
           a->invocations % a->tile_rows == 0 && a->tile_keys % a->matrix.k == 0 &&
           a->invocations <= caps->max_local_size && pt2_attention_matrices_registers(a) <= MOST_REGISTERS &&
           pt2_attention_matrices_bytes(a) <= caps->shared_bytes;
}

/* False: the device has none, the factors are no halves, there is less than a matrix, or no tile fits. */
static bool choose_matrices(const struct pt2_module *m, struct pt2_attention *a, const struct pt2_caps *caps)
{
    static const struct pt2_tiles tiles[] = { { 2, 2, 0 }, { 1, 2, 0 }, { 2, 1, 0 }, { 1, 1, 0 }, { 0, 0, 0 } };
    a->form = PT2_CONTRACT_MATRICES;
    a->matrix = caps->matrices;
    a->invocations = PT2_MATRIX_SIDE * PT2_MATRIX_SIDE * caps->subgroup_size;
    const struct pt2_tiles unit = { PT2_MATRIX_SIDE * a->matrix.m, PT2_MATRIX_SIDE * a->matrix.n, 0 };
    return a->matrix.k && a->size[PT2_AXIS_ROW]->hi >= a->matrix.m && are_halves(m, a) &&
           choose_tile(a, caps, tiles, unit, matrices_fit);
}

bool pt2_attention_choose(struct pt2_module *m, struct pt2_attention *a, const struct pt2_caps *caps)
{
    a->tile_rows = a->tile_keys = 1;
    /* On processors that run shaders the parts alone are faster: their tiles read by vectors. */
    if (caps->interprets || (caps->kind == PT2_KIND_CPU && !caps->wide_vectors))
        return false;
    if (caps->wide_vectors) {
        choose_packed(a, caps);
        return true;
    }
    group_queries(&m->exprs, a);
    if (a->size[PT2_AXIS_ROW]->hi <= FEW_ROWS && choose_registers(a, caps))
        return true;
    return choose_matrices(m, a, caps) || choose_shared(a, caps);
}

int64_t pt2_attention_parts(struct pt2_module *m, const struct pt2_attention *a, const struct pt2_caps *caps)
{
    struct pt2_exprs *E = &m->exprs;
    struct pt2_attention chosen = *a;
    if (caps->wide_vectors || !pt2_attention_choose(m, &chosen, caps))
        return 1;
    int64_t tiles = pt2_contract_bounded(pt2_attention_tiles(E, &chosen)), keys = pt2_contract_bounded(a->keys);
    int64_t most = keys / PT2_LEAST_PART;
    int64_t wanted = (int64_t)GROUPS_PER_UNIT * pt2_tiles_units(caps) / (tiles ? tiles : 1);
    int64_t parts = wanted < most ? wanted : most, least = chosen.form == PT2_CONTRACT_MATRICES ? MATRICES_FASTER : 2;
    return parts >= least && keys - keys / parts >= LEAST_SAVED ? parts : 1;
}

/* ---- how buffers are read ---- */

static bool reads_fours(struct pt2_exprs *E, pt2_ex e, const struct pt2_kernel_buf *bufs, int var, pt2_ex extent)
{
    return e->op == PT2_E_LOAD && pt2_can_fetch(&bufs[e->i]) && pt2_prove_divides(E, pt2_idx(E, 4), extent) &&
           pt2_neighbours(E, e->args[0], 1, &var, &extent);
}

/* The last axis of the columns that has more than one index; -1: none has. */
static int last_column(const struct pt2_attention *a)
{
    int k = a->rank - 1;
    while (k >= 0 && (a->role[k] != PT2_AXIS_COL || pt2_is_int(a->extent[k], 1)))
        k--;
    return k;
}

void pt2_attention_choose_reading(struct pt2_exprs *E, struct pt2_attention *a, const struct pt2_stage *stages,
                                  struct pt2_kernel_buf *bufs, const struct pt2_caps *caps)
{
    const struct pt2_stage *score = &stages[PT2_ATT_SCORE];
    pt2_ex k = factor_of_keys(score), v = stages[PT2_ATT_MIXED].body;
    int depth = score->num_loops, col = last_column(a);
    bool matrices = a->form == PT2_CONTRACT_MATRICES;
    a->swapped = k == score->body->args[0];
    if ((a->form != PT2_CONTRACT_REGISTERS && !matrices) || !caps->max_fetch_range)
        return;
    a->fours[0] = depth > 0 && reads_fours(E, k, bufs, depth, score->loops[depth - 1]);
    a->fours[1] = col >= 0 && reads_fours(E, v, bufs, PT2_OUTER_AXIS + col, a->extent[col]);
    if (matrices) /* which take turns in one array */
        a->fours[0] = a->fours[1] = a->fours[0] && a->fours[1];
    if (a->fours[0])
        bufs[k->i].fetched = true;
    if (a->fours[1])
        bufs[v->i].fetched = true;
}

/* ---- geometry ---- */

pt2_ex pt2_attention_first_column(struct pt2_exprs *E, const struct pt2_attention *a)
{
    pt2_ex first = NULL, zero = pt2_idx(E, 0);
    for (int k = 0; k < a->rank; k++)
        if (a->role[k] == PT2_AXIS_COL && !pt2_is_int(a->extent[k], 1)) {
            pt2_ex here = pt2_eq(E, pt2_var(E, PT2_OUTER_AXIS + k, a->extent[k]), zero);
            first = first ? pt2_and(E, first, here) : here;
        }
    return first;
}

pt2_ex pt2_attention_tiles(struct pt2_exprs *E, const struct pt2_attention *a)
{
    pt2_ex rows = pt2_floordiv(E, pt2_addi(E, a->size[PT2_AXIS_ROW], a->tile_rows - 1), pt2_idx(E, a->tile_rows));
    return pt2_mul(E, a->size[PT2_AXIS_BATCH], rows);
}

int pt2_attention_local_size(const struct pt2_attention *a)
{
    switch (a->form) {
    case PT2_CONTRACT_PACKED: return 1;
    case PT2_CONTRACT_REGISTERS:
    case PT2_CONTRACT_MATRICES: return a->invocations;
    default: return a->tile_rows / PT2_ATT_ROWS * PT2_ATT_ACROSS;
    }
}
