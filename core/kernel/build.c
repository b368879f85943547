/* SPDX-License-Identifier: MIT
 * Region to kernel. The linear point number is split into the outer indices; each member becomes a stage or two, its
 * variables replaced by outer indices and loop variables; LOADs become registers (a member read at the point itself) or
 * buffer elements at a linear index; and everything that is the same for all points, sizes above all, becomes a
 * parameter, so that kernels serve any sizes. */
#include "expr/internal.h"
#include "graph/custom.h"
#include "kernel/attention.h"
#include "kernel/rows.h"
#include "plan/plan.h"

#include <stdlib.h>

struct reg {
    struct pt2_value *value;
    int stage;
};

struct build {
    struct pt2_module *m;
    struct pt2_exprs *E;
    struct pt2_arena *arena;
    struct pt2_region *r;
    struct pt2_kernel *k;
    int rank;                                   /* of the outer space, whose axis k is VAR PT2_OUTER_AXIS + k … */
    pt2_ex extent[PT2_MAX_RANK * 2];
    pt2_ex outer[PT2_MAX_RANK * 2];             /* … at first, then its index at VAR 0 where points are linear */
    PT2_VEC(struct pt2_value *) bufs;
    PT2_VEC(struct pt2_kernel_buf) buf_infos;
    PT2_VEC(pt2_ex) params;
    uint32_t num_sizes; /* of them, that nothing else is */
    PT2_VEC(struct pt2_stage) stages;
    PT2_VEC(struct reg) regs;
    pt2_ex *memo; /* of parametrise, by expression id; owned */
    uint32_t memo_count;
};

/* ---- buffers and registers ---- */

/* Parts of one value are read and written as buffers of their own: what is only read can be fetched. */
static bool is_buf(const struct build *b, uint32_t k, const struct pt2_value *v, bool write)
{
    return b->bufs.data[k] == v && (!v->def->joined || b->buf_infos.data[k].write == write);
}

static int buf_of(struct build *b, struct pt2_value *v, bool write)
{
    uint32_t k = 0;
    while (k < b->bufs.count && !is_buf(b, k, v, write))
        k++;
    if (k == b->bufs.count) {
        struct pt2_kernel_buf info = { .dtype = v->dtype };
        pt2_push(b->arena, &b->bufs, v);
        pt2_push(b->arena, &b->buf_infos, info);
    }
    if (write)
        b->buf_infos.data[k].write = true;
    else
        b->buf_infos.data[k].read = true;
    return (int)k;
}

static int reg_of(const struct build *b, const struct pt2_value *v)
{
    for (uint32_t k = 0; k < b->regs.count; k++)
        if (b->regs.data[k].value == v)
            return b->regs.data[k].stage;
    return -1;
}

/* Linear index of an element; *v becomes the value whose memory it is in. */
static pt2_ex element_of(struct build *b, struct pt2_value **v, const pt2_ex *index)
{
    pt2_ex at[PT2_MAX_RANK + 1];
    memcpy(at, index, (size_t)(*v)->rank * sizeof *at);
    *v = pt2_whole_of(b->E, *v, at);
    return pt2_linearize(b->E, (*v)->rank, (*v)->shape, at);
}

static pt2_ex resolve_load(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct build *b = ctx;
    /* what is stored in a small type is rounded to it already */
    if (e->op == PT2_E_ROUNDTO && e->args[0]->op == PT2_E_LOAD &&
        b->buf_infos.data[e->args[0]->i].dtype == (pt2_dtype)e->i)
        return e->args[0];
    if (e->op != PT2_E_LOAD)
        return e;
    struct pt2_value *v = b->m->values.data[e->i];
    int stage = reg_of(b, v);
    if (stage >= 0)
        return pt2_roundto(E, v->dtype, pt2_reg(E, stage, e->dtype));
    pt2_ex linear = element_of(b, &v, e->args);
    return pt2_load_raw(E, e->dtype, buf_of(b, v, false), 1, &linear);
}

static pt2_ex resolve(struct build *b, pt2_ex e, int n, const pt2_ex *axes)
{
    if (!e)
        return NULL;
    return pt2_rewrite(b->E, pt2_subst_vars(b->E, e, n, axes), resolve_load, b);
}

/* ---- stages ---- */

static int add_stage(struct build *b, struct pt2_stage s)
{
    s.first_axis = 1;
    pt2_push(b->arena, &b->stages, s);
    return (int)b->stages.count - 1;
}

static void store(struct build *b, struct pt2_value *v, pt2_ex body, const pt2_ex *at, int num_loops, pt2_ex *loops)
{
    struct pt2_stage s = { .kind = PT2_STAGE_STORE, .op = PT2_RED_SET, .body = body, .dtype = body->dtype };
    s.index = element_of(b, &v, at);
    s.buf = buf_of(b, v, true);
    s.num_loops = num_loops;
    s.loops = loops;
    add_stage(b, s);
}

/* The member's output axes as outer indices and loop variables; returns the number of loops. */
static int member_axes(struct build *b, const struct pt2_member *m, pt2_ex *axes, pt2_ex **out_loops)
{
    const struct pt2_value *v = m->node->outs[0];
    int n = 0;
    *out_loops = PT2_NEW_N(b->arena, pt2_ex, PT2_MAX_RANK);
    for (int k = 0; k < v->rank; k++) {
        bool loop = m->outer[k] < 0 && !pt2_is_int(v->shape[k], 1);
        axes[k] = m->outer[k] >= 0 ? b->outer[m->outer[k]] : pt2_var(b->E, 1 + n, v->shape[k]);
        if (loop)
            (*out_loops)[n++] = v->shape[k];
    }
    return n;
}

static void keep_register(struct build *b, struct pt2_value *v, int stage)
{
    struct reg r = { v, stage };
    pt2_push(b->arena, &b->regs, r);
}

static void build_map(struct build *b, const struct pt2_member *m)
{
    struct pt2_node *n = m->node;
    pt2_ex axes[PT2_MAX_RANK], *loops;
    int num_loops = member_axes(b, m, axes, &loops);
    pt2_ex body = resolve(b, n->body, n->outs[0]->rank, axes);
    if (num_loops == 0 && b->r->members.count > 1) {
        struct pt2_stage s = { .kind = PT2_STAGE_LET, .body = body, .dtype = body->dtype };
        int stage = add_stage(b, s);
        keep_register(b, n->outs[0], stage);
        body = pt2_reg(b->E, stage, body->dtype);
    }
    if (m->store)
        store(b, n->outs[0], body, axes, num_loops, loops);
}

/* Loops of one turn are left out: their variable is 0. */
static int build_loops(struct build *b, int rank, int n, const pt2_ex *extents, pt2_ex *axes, pt2_ex **out_loops)
{
    int loops = 0;
    *out_loops = PT2_NEW_N(b->arena, pt2_ex, n);
    for (int k = 0; k < n; k++) {
        axes[rank + k] = pt2_var(b->E, 1 + loops, extents[k]);
        if (!pt2_is_int(extents[k], 1))
            (*out_loops)[loops++] = extents[k];
    }
    return loops;
}

static void build_reduce(struct build *b, const struct pt2_member *m)
{
    struct pt2_node *n = m->node;
    struct pt2_value *v = n->outs[0];
    pt2_ex axes[PT2_MAX_RANK * 2], *unused;
    member_axes(b, m, axes, &unused);
    struct pt2_stage s = { .kind = PT2_STAGE_REDUCE, .op = n->op };
    s.num_loops = build_loops(b, v->rank, n->num_axes, n->axes, axes, &s.loops);
    s.body = resolve(b, n->body, v->rank + n->num_axes, axes);
    s.dtype = pt2_gives_position(n->op) ? PT2_I64 : s.body->dtype;
    int stage = add_stage(b, s);
    keep_register(b, v, stage);
    if (m->store)
        store(b, v, pt2_reg(b->E, stage, s.dtype), axes, 0, NULL);
}

static void build_scan(struct build *b, const struct pt2_member *m)
{
    struct pt2_node *n = m->node;
    struct pt2_value *v = n->outs[0];
    pt2_ex axes[PT2_MAX_RANK];
    struct pt2_stage s = { .kind = PT2_STAGE_SCAN, .op = n->op, .reverse = n->reverse };
    if (member_axes(b, m, axes, &s.loops) == 0)
        s.loops[0] = v->shape[n->axis];
    s.num_loops = 1;
    s.body = resolve(b, n->body, v->rank, axes);
    s.dtype = pt2_gives_position(n->op) ? PT2_I64 : s.body->dtype;
    s.index = element_of(b, &v, axes);
    s.buf = buf_of(b, v, true);
    add_stage(b, s);
}

static void build_scatter(struct build *b, const struct pt2_member *m)
{
    struct pt2_node *n = m->node;
    struct pt2_value *v = n->outs[0];
    pt2_ex axes[PT2_MAX_RANK * 2], at[PT2_MAX_RANK + 1];
    struct pt2_stage s = { .kind = PT2_STAGE_STORE, .op = n->op };
    s.loops = PT2_NEW_N(b->arena, pt2_ex, n->num_axes);
    for (int k = 0; k < n->num_axes; k++) {
        bool loop = m->outer[k] < 0 && !pt2_is_int(n->axes[k], 1);
        axes[k] = m->outer[k] >= 0 ? b->outer[m->outer[k]] : pt2_var(b->E, 1 + s.num_loops, n->axes[k]);
        if (loop)
            s.loops[s.num_loops++] = n->axes[k];
    }
    for (int k = 0; k < v->rank; k++)
        at[k] = resolve(b, n->index[k], n->num_axes, axes);
    s.body = resolve(b, n->body, n->num_axes, axes);
    s.cond = resolve(b, n->cond, n->num_axes, axes);
    s.dtype = s.body->dtype;
    s.index = pt2_linearize(b->E, v->rank, v->shape, at);
    s.ordered = s.num_loops > 0;
    s.buf = buf_of(b, v, true);
    b->buf_infos.data[s.buf].read = true;
    add_stage(b, s);
}

static pt2_ex key_at(struct build *b, struct pt2_value *keys, const pt2_ex *outer, pt2_ex last)
{
    pt2_ex at[PT2_MAX_RANK];
    memcpy(at, outer, (size_t)keys->rank * sizeof *at);
    at[keys->rank - 1] = last;
    pt2_ex e = pt2_load_raw(b->E, (int)pt2_dtype_compute(keys->dtype), keys->id, keys->rank, at);
    return resolve(b, e, 0, NULL);
}

/* Without a sort in the dialect, each element counts those that come before it: the position where it belongs. Equal
 * ones keep their order. */
static void sort_by_counting(struct build *b, struct pt2_node *n, const pt2_ex *at)
{
    struct pt2_exprs *E = b->E;
    struct pt2_value *keys = n->base;
    pt2_ex size = keys->shape[keys->rank - 1], j = pt2_var(E, 1, size), i = at[keys->rank - 1];
    pt2_ex mine = key_at(b, keys, at, i), other = key_at(b, keys, at, j);
    pt2_ex same = pt2_and(E, pt2_not(E, pt2_sorts_before(E, mine, other, n->reverse)), pt2_lt(E, j, i));
    struct pt2_stage s = { .kind = PT2_STAGE_REDUCE, .op = PT2_RED_SUM, .num_loops = 1, .dtype = PT2_I32 };
    s.loops = pt2_arena_copy(b->arena, &size, sizeof size);
    s.body = pt2_cast(E, PT2_I32, pt2_or(E, pt2_sorts_before(E, other, mine, n->reverse), same));
    pt2_ex to[PT2_MAX_RANK], rank = pt2_cast(E, PT2_IDX, pt2_reg(E, add_stage(b, s), PT2_I32));
    memcpy(to, at, (size_t)keys->rank * sizeof *to);
    to[keys->rank - 1] = rank;
    store(b, n->outs[0], mine, to, 0, NULL);
    store(b, n->outs[1], pt2_cast(E, PT2_I64, i), to, 0, NULL);
}

static void build_sort(struct build *b, const struct pt2_member *m)
{
    struct pt2_node *n = m->node;
    struct pt2_value *keys = n->base;
    pt2_ex axes[PT2_MAX_RANK], *loops;
    int num_loops = member_axes(b, m, axes, &loops);
    if (m->outer[keys->rank - 1] >= 0) {
        sort_by_counting(b, n, axes);
        return;
    }
    if (num_loops == 0)
        loops[0] = keys->shape[keys->rank - 1];
    struct pt2_stage s = { .kind = PT2_STAGE_SORT, .num_loops = 1, .loops = loops, .reverse = n->reverse };
    s.body = key_at(b, keys, axes, axes[keys->rank - 1]);
    s.dtype = s.body->dtype;
    s.index = pt2_linearize(b->E, keys->rank, keys->shape, axes);
    s.buf = buf_of(b, n->outs[0], true);
    s.buf2 = buf_of(b, n->outs[1], true);
    add_stage(b, s);
}

/* ---- parameters ---- */

static pt2_ex param_from(struct build *b, uint32_t k, pt2_ex e)
{
    while (k < b->params.count && b->params.data[k] != e)
        k++;
    if (k == b->params.count)
        pt2_push(b->arena, &b->params, e);
    int64_t lo = e->lo >= 1 ? 1 : e->lo >= 0 ? 0 : -PT2_INF;
    return pt2_param(b->E, (int)k, lo, PT2_INF);
}

static pt2_ex param(struct build *b, pt2_ex e) { return param_from(b, b->num_sizes, e); }

/* Whether the launch could not be made if 32 bits did not hold e: a size of a tensor is such a number. */
static bool is_size(const struct build *b, pt2_ex e)
{
    bool found = e->lo >= INT32_MIN && e->hi <= INT32_MAX;
    for (uint32_t i = 0; i < b->bufs.count; i++)
        for (int k = 0; k < b->bufs.data[i]->rank; k++)
            found |= b->bufs.data[i]->shape[k] == e;
    return found;
}

/* A number that is data, not a size or an index: both words of it. */
static pt2_ex wide_param(struct build *b, pt2_ex e)
{
    pt2_ex words[2] = { pt2_bin(b->E, PT2_E_SHR, e, pt2_idx(b->E, 32)), pt2_cast(b->E, PT2_I32, e) };
    uint32_t k = b->num_sizes;
    while (k < b->params.count && (b->params.data[k] != words[0] ||
                                   (k + 1 < b->params.count && b->params.data[k + 1] != words[1])))
        k++;
    for (uint32_t w = b->params.count - k; w < 2; w++)
        pt2_push(b->arena, &b->params, words[w]);
    return pt2_param64(b->E, (int)k);
}

static bool compares(pt2_ex e)
{
    return e->op == PT2_E_LT || e->op == PT2_E_LE || e->op == PT2_E_EQ || e->op == PT2_E_NE;
}

/* The host rounds once, as PyTorch does; not all drivers do. */
static pt2_ex float_param(struct build *b, pt2_ex e)
{
    pt2_ex bits = param(b, pt2_cast(b->E, PT2_IDX, pt2_bitcast(b->E, PT2_I32, e)));
    return pt2_bitcast(b->E, PT2_F32, pt2_cast(b->E, PT2_I32, bits));
}

/* Data of sizes that are the same for all points: numbers of 64 bits, and what their comparison gives, which the host
 * knows. NULL: e is no such thing. */
static pt2_ex data_param(struct build *b, pt2_ex e)
{
    if (e->num_args == 0 || e->args[0]->dtype != PT2_IDX || e->dtype == PT2_IDX)
        return NULL;
    if (compares(e))
        return pt2_cast(b->E, PT2_BOOL, param(b, pt2_cast(b->E, PT2_IDX, e)));
    if (e->op != PT2_E_CAST || is_size(b, e->args[0]))
        return NULL;
    return e->dtype == PT2_F32 ? float_param(b, e) : pt2_cast(b->E, e->dtype, wide_param(b, e->args[0]));
}

/* The largest index expressions that hold for all points become parameters; small constants stay, for the compiler's
 * sake. Nothing is simplified again: the structure must be the same for all sizes. */
static pt2_ex parametrise(void *ctx, pt2_ex e)
{
    struct build *b = ctx;
    pt2_ex args[PT2_MAX_TERMS + 2], r = e;
    if (e->op == PT2_E_VAR || e->num_args > PT2_MAX_TERMS + 2)
        return e;
    if (e->id < b->memo_count && b->memo[e->id])
        return b->memo[e->id];
    bool same = !(e->has & (PT2_HAS_VAR | PT2_HAS_LOAD | PT2_HAS_REG | PT2_HAS_PARAM));
    pt2_ex data = same ? data_param(b, e) : NULL;
    if (data) {
        r = data;
    } else if (e->dtype == PT2_IDX && same) {
        bool small = e->op == PT2_E_CONST && e->i >= -2 && e->i <= (b->k->rows ? PT2_PLACES : 2);
        r = small ? e : param(b, e);
    } else {
        bool changed = false;
        for (int k = 0; k < e->num_args; k++) {
            args[k] = parametrise(b, e->args[k]);
            changed |= args[k] != e->args[k];
        }
        if (changed)
            r = pt2_intern(b->E, e->op, e->dtype, e->i, e->f, e->num_args, args);
    }
    if (e->id < b->memo_count)
        b->memo[e->id] = r;
    return r;
}

/* Sizes of contractions are parameters of their own, whatever they are equal to: their kernels are long, and should not
 * differ by that. */
static void contract_size(void *ctx, pt2_ex *e)
{
    struct build *b = ctx;
    *e = param_from(b, b->params.count, *e);
    b->num_sizes = b->params.count;
}

static void contract_value(void *ctx, pt2_ex *e) { *e = parametrise(ctx, *e); }

static void parametrise_stage(struct build *b, struct pt2_stage *s)
{
    s->body = parametrise(b, s->body);
    if (s->cond)
        s->cond = parametrise(b, s->cond);
    if (s->index)
        s->index = parametrise(b, s->index);
    for (int k = 0; k < s->num_loops; k++)
        /* one driver's vectoriser crashes on nests of loops to a literal 2 */
        s->loops[k] = pt2_is_int(s->loops[k], 2) ? param(b, s->loops[k]) : parametrise(b, s->loops[k]);
}

/* ---- what a device must have ---- */

static void note_needs(void *ctx, pt2_ex e)
{
    struct pt2_kernel *k = ctx;
    if (e->dtype != PT2_F64)
        return;
    k->needs |= PT2_NEED_F64;
    switch (e->op) {
    case PT2_E_CONST:
    case PT2_E_LOAD:
    case PT2_E_REG:
    case PT2_E_CAST:
    case PT2_E_NEG:
    case PT2_E_ABS:
    case PT2_E_ADD:
    case PT2_E_SUB:
    case PT2_E_MUL:
    case PT2_E_DIV:
    case PT2_E_MIN:
    case PT2_E_MAX:
    case PT2_E_SQRT:
    case PT2_E_FLOOR:
    case PT2_E_CEIL:
    case PT2_E_TRUNC:
    case PT2_E_ROUND:
    case PT2_E_SELECT:
    case PT2_E_COPYSIGN:
    case PT2_E_FLOORDIV:
    case PT2_E_FLOORMOD:
    case PT2_E_TRUNCDIV:
    case PT2_E_REM:
        return;
    default: k->needs |= PT2_NEED_F64_MATH; return;
    }
}

static void find_needs(struct pt2_kernel *k)
{
    for (int i = 0; i < k->num_bufs; i++)
        if (k->bufs[i].dtype == PT2_F64)
            k->needs |= PT2_NEED_F64;
    for (int i = 0; i < k->num_stages; i++) {
        const struct pt2_stage *s = &k->stages[i];
        pt2_visit(s->body, note_needs, k);
        if (s->cond)
            pt2_visit(s->cond, note_needs, k);
        if (s->index)
            pt2_visit(s->index, note_needs, k);
        if (s->op == PT2_RED_LOGADDEXP && s->dtype == PT2_F64)
            k->needs |= PT2_NEED_F64_MATH;
    }
}

/* ---- whole algorithms ---- */

static void build_library(struct build *b, struct pt2_node *n)
{
    for (int k = 0; k < n->num_args + n->num_outs; k++) { /* a value that is two arguments has two buffers */
        struct pt2_value *v = k < n->num_args ? n->args[k] : n->outs[k - n->num_args];
        struct pt2_kernel_buf info = { .dtype = v->dtype, .read = k < n->num_args, .write = k >= n->num_args };
        pt2_push(b->arena, &b->bufs, v);
        pt2_push(b->arena, &b->buf_infos, info);
        for (int d = 0; d < v->rank; d++)
            pt2_push(b->arena, &b->params, v->shape[d]);
    }
    b->k->library = n;
    b->k->needs = PT2_NEED_HOST;
}

static void build_custom(struct build *b, struct pt2_node *n)
{
    const struct pt2_custom *c = n->custom;
    build_library(b, n);
    for (int k = 0; k < c->num_numbers; k++)
        if (c->numbers[k].dtype != PT2_F64)
            pt2_push(b->arena, &b->params, c->numbers[k].size);
    int outer = n->outs[0]->rank - (pt2_dtype_is_complex(c->results[0]) ? 1 : 0) - c->kernel->inner_dims;
    b->r->points = pt2_product(b->E, outer, n->outs[0]->shape);
    pt2_push(b->arena, &b->params, b->r->points);
    b->k->needs = (c->kernel->text ? 0 : PT2_NEED_HOST) | (c->kernel->host ? 0 : PT2_NEED_TEXT);
}

/* "conv2d_relu": the operators inside, for traces. */
static const char *kernel_name(struct build *b)
{
    struct pt2_str s = { 0 };
    const char *last = "";
    int guards = 0;
    for (uint32_t k = 0; k < b->r->members.count && s.len < 48; k++) {
        const struct pt2_node *n = b->r->members.data[k].node;
        const char *t = pt2_node_label(n);
        if (strcmp(t, last)) {
            if (s.len)
                pt2_str_add(&s, "_");
            if (n->guards && !guards++)
                pt2_str_add(&s, "indices_of_");
            for (const char *c = t; *c && *c != '.'; c++)
                pt2_str_addf(&s, "%c", (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ? *c : '_');
        }
        last = t;
    }
    const char *name = pt2_arena_strdup(b->arena, pt2_str_text(&s));
    pt2_str_free(&s);
    return name;
}

static void build_members(struct build *b)
{
    for (uint32_t k = b->r->num_inside; k < b->r->members.count; k++) {
        const struct pt2_member *m = &b->r->members.data[k];
        switch (m->node->kind) {
        case PT2_NODE_MAP: build_map(b, m); break;
        case PT2_NODE_REDUCE: build_reduce(b, m); break;
        case PT2_NODE_SCAN: build_scan(b, m); break;
        case PT2_NODE_SCATTER: build_scatter(b, m); break;
        case PT2_NODE_SORT: build_sort(b, m); break;
        default: (m->node->custom ? build_custom : build_library)(b, m->node); break;
        }
    }
}

struct moves {
    const struct pt2_value *out;
    bool found;
};

static void find_move(void *ctx, pt2_ex e)
{
    struct moves *m = ctx;
    if (e->op != PT2_E_LOAD)
        return;
    m->found |= e->num_args != m->out->rank;
    for (int k = 0; k < e->num_args; k++)
        m->found |= e->args[k]->op != PT2_E_VAR || e->args[k]->i != k;
}

/* A MAP that moves data needs each index by itself, and a division for each: with wide vectors its last axis, if it is
 * at least a vector, is a loop inside of the point. */
static bool loops_over_last(const struct pt2_region *r, const struct pt2_caps *caps)
{
    const struct pt2_node *n = r->members.data[0].node;
    const struct pt2_value *v = n->outs[0];
    struct moves m = { v, false };
    if (!caps->wide_vectors || r->members.count > 1 || n->kind != PT2_NODE_MAP || r->rank != v->rank || v->rank < 2)
        return false;
    pt2_ex last = v->shape[v->rank - 1];
    if (!pt2_is_const(last) || last->i < 16 || last->i > 1024)
        return false;
    pt2_visit(n->body, find_move, &m);
    return m.found;
}

/* An interpreting device sorts a row at a point; the others place one element at a point. */
static void shape_for_device(struct pt2_region *r, const struct pt2_caps *caps)
{
    if (loops_over_last(r, caps)) {
        r->rank--;
        r->members.data[0].outer[r->rank] = -1;
    }
    struct pt2_member *m = &r->members.data[0];
    if (m->node->kind == PT2_NODE_SORT && caps->interprets && r->rank == m->node->base->rank) {
        r->rank--;
        m->outer[r->rank] = -1;
    }
}

/* What is stored by vectors behind sums that are vectors. */
static void build_tile_rows(struct build *b, const struct pt2_contract *c)
{
    int vars[2 * PT2_MAX_RANK];
    pt2_ex extents[2 * PT2_MAX_RANK];
    int n = pt2_contract_side(c, PT2_AXIS_COL, vars, extents);
    b->k->rows =
        pt2_rows_tile(b->m, b->stages.data, (int)b->stages.count, b->buf_infos.data, n, vars, extents);
}

/* The members as a tiled contraction, if they are one. */
static bool build_contract(struct build *b, const struct pt2_caps *caps)
{
    int panels = b->r->panels ? buf_of(b, b->r->panels, false) : -1;
    struct pt2_contract *c = pt2_contract_find(b->m, b->stages.data, (int)b->stages.count, b->r->rank, b->r->outer,
                                               b->buf_infos.data, panels, caps, b->r->tiles);
    if (!c)
        return false;
    b->k->contract = c;
    b->r->points = pt2_contract_points(b->E, c);
    for (int side = 0; side < 2; side++)
        if (c->along[side] != PT2_ALONG_NONE)
            b->buf_infos.data[c->fetched_buf[side]].fetched = true;
    if (c->form == PT2_CONTRACT_REGISTERS && c->along[1] == PT2_ALONG_SIDE)
        build_tile_rows(b, c);
    return true;
}

static pt2_ex at_point(void *ctx, pt2_ex e)
{
    struct build *b = ctx;
    pt2_ex to[PT2_OUTER_AXIS + PT2_MAX_RANK * 2] = { 0 };
    memcpy(to + PT2_OUTER_AXIS, b->outer, (size_t)b->rank * sizeof *to);
    return pt2_subst_vars(b->E, e, PT2_OUTER_AXIS + b->rank, to);
}

/* Outer indices from a linear point number; loops shared out where that pays (caps NULL: nowhere). */
static void build_points(struct build *b, const struct pt2_caps *caps)
{
    int n = (int)b->stages.count;
    if (caps)
        b->k->rows = pt2_rows_find(b->m, b->stages.data, n, b->buf_infos.data, &b->rank, b->extent, caps);
    b->r->points = pt2_product(b->E, b->rank, b->extent);
    pt2_delinearize(b->E, b->rank, b->extent, pt2_var(b->E, 0, b->r->points), b->outer);
    for (int i = 0; i < n; i++) {
        struct pt2_stage *s = &b->stages.data[i];
        s->body = at_point(b, s->body);
        s->cond = s->cond ? at_point(b, s->cond) : NULL;
        s->index = s->index ? at_point(b, s->index) : NULL;
    }
    if (b->k->rows)
        pt2_rows_exprs(b->k->rows, n, at_point, b);
}

/* Before sizes are parameters. */
static void count_turns(struct build *b)
{
    const struct pt2_rows *rows = b->k->rows;
    b->r->turns = pt2_idx(b->E, 0);
    for (uint32_t i = 0; i < b->stages.count; i++) {
        const struct pt2_stage *s = &b->stages.data[i];
        pt2_ex turns = pt2_idx(b->E, s->num_loops ? 1 : 0);
        for (int k = 0; k < s->num_loops; k++)
            turns = pt2_mul(b->E, turns, s->loops[k]);
        if (rows && rows->form == PT2_ROWS_GROUP && rows->stages[i].shared)
            turns = pt2_floordiv(b->E, turns, pt2_idx(b->E, rows->lanes));
        b->r->turns = pt2_add(b->E, b->r->turns, turns);
    }
    b->r->turns = pt2_muli(b->E, b->r->turns, rows && rows->points ? rows->points : 1);
}

static void note_quads(struct build *b)
{
    const struct pt2_rows *rows = b->k->rows;
    for (uint32_t i = 0; i < rows->quads.count; i++)
        b->buf_infos.data[rows->quads.data[i].first->i].quads = true;
    for (uint32_t i = 0; i < b->stages.count; i++)
        if (b->stages.data[i].kind == PT2_STAGE_STORE && rows->stages[i].places > 1 && !rows->stages[i].apart)
            b->buf_infos.data[b->stages.data[i].buf].quads = true;
}

/* Some devices reach more of a buffer by fetches than otherwise. */
static void reach_large(struct build *b, const struct pt2_caps *caps)
{
    for (uint32_t k = 0; k < b->bufs.count; k++) {
        uint64_t bytes = pt2_least_bytes(b->bufs.data[k]);
        struct pt2_kernel_buf *buf = &b->buf_infos.data[k];
        if (bytes > caps->max_buffer_range && bytes <= caps->max_fetch_range && pt2_can_fetch(buf))
            buf->fetched = true;
    }
}

/* The sums of a row, where something else reads them: one element of the result stores each. */
static void store_sums(struct build *b, const struct pt2_attention *a)
{
    static const int stages[] = { PT2_ATT_MASKED, PT2_ATT_TOTAL };
    for (uint32_t k = 0; k + 1 < b->r->num_inside; k++) {
        struct pt2_value *v = b->r->members.data[k].node->outs[0];
        for (int i = 0; b->r->members.data[k].store && i < 2; i++) {
            if (!a->sums[i] || (uint32_t)a->sums[i]->i != v->id)
                continue;
            struct pt2_stage s = { .kind = PT2_STAGE_STORE, .op = PT2_RED_SET, .dtype = PT2_F32 };
            s.body = pt2_reg(b->E, stages[i], PT2_F32);
            s.index = element_of(b, &v, a->sums[i]->args);
            s.buf = buf_of(b, v, true);
            s.cond = pt2_attention_first_column(b->E, a);
            add_stage(b, s);
        }
    }
}

/* An attention's stages, then those of the members behind it, which run for each element of the result. */
static void build_attention(struct build *b, const struct pt2_caps *caps)
{
    struct pt2_attention *a = pt2_arena_copy(b->arena, b->r->attention, sizeof *a);
    const struct pt2_member *last = &b->r->members.data[b->r->num_inside - 1];
    struct pt2_value *v = last->node->outs[0];
    b->k->needs |= pt2_attention_choose(b->m, a, caps) ? 0 : PT2_NEED_STEPS;
    memcpy(b->outer, a->outer, (size_t)v->rank * sizeof *b->outer);
    for (int k = 0; k < PT2_ATT_STAGES; k++) {
        struct pt2_stage s = a->stages[k];
        s.body = resolve(b, s.body, 0, NULL);
        s.loops = pt2_arena_copy(b->arena, s.loops, (size_t)s.num_loops * sizeof *s.loops);
        add_stage(b, s);
    }
    keep_register(b, v, PT2_ATT_RESULT);
    if (last->store)
        store(b, v, pt2_reg(b->E, PT2_ATT_RESULT, PT2_F32), b->outer, 0, NULL);
    store_sums(b, a);
    build_members(b);
    b->k->attention = a;
    pt2_attention_choose_reading(b->E, a, b->stages.data, b->buf_infos.data, caps);
    b->r->points = pt2_attention_tiles(b->E, a);
    for (int k = 0; k < a->rank; k++)
        if (!pt2_is_int(a->extent[k], 1))
            a->extent[k] = param(b, a->extent[k]);
    for (int k = 0; k < PT2_AXIS_ROLES; k++)
        a->size[k] = param(b, a->size[k]);
    a->keys = param(b, a->keys);
}

static void set_groups(struct pt2_kernel *k, const struct pt2_caps *caps)
{
    k->local_size = k->points_per_group = caps->kind == PT2_KIND_CPU ? 64 : 128;
    if (k->library && k->library->custom && k->library->custom->kernel->group_size) {
        k->local_size = k->library->custom->kernel->group_size;
        k->points_per_group = 1;
    }
    if (k->contract) {
        k->local_size = pt2_contract_local_size(k->contract);
        k->matrices = k->contract->form == PT2_CONTRACT_MATRICES;
        k->dots = k->contract->form == PT2_CONTRACT_DOTS;
        k->points_per_group = k->contract->form >= PT2_CONTRACT_SHARED ? 1 : k->local_size;
    }
    if (k->rows && k->rows->points) {
        k->local_size = k->rows->form == PT2_ROWS_GROUP ? k->rows->lanes : 1;
        k->points_per_group = k->rows->points;
    }
    if (k->attention) {
        k->local_size = pt2_attention_local_size(k->attention);
        k->matrices = k->attention->form == PT2_CONTRACT_MATRICES;
        k->points_per_group = 1;
    }
}

pt2_status pt2_kernel_build(struct pt2_graph *g, struct pt2_region *r, const struct pt2_caps *caps, uint32_t without)
{
    struct pt2_module *m = g->module;
    struct build b = { .m = m, .E = &m->exprs, .arena = &m->arena, .r = r, .k = PT2_NEW(&m->arena, struct pt2_kernel) };
    shape_for_device(r, caps);
    b.rank = r->rank;
    for (int i = 0; i < r->rank; i++) {
        b.extent[i] = r->outer[i];
        b.outer[i] = pt2_var(b.E, PT2_OUTER_AXIS + i, r->outer[i]);
    }
    struct pt2_kernel *k = b.k;
    r->points = pt2_product(b.E, r->rank, r->outer);
    if (r->attention)
        build_attention(&b, caps);
    else
        build_members(&b);
    reach_large(&b, caps);
    if (!k->library && !k->attention && (!pt2_has_opt(without, PT2_OPT_TILES) || !build_contract(&b, caps)))
        build_points(&b, pt2_has_opt(without, PT2_OPT_ROWS) ? caps : NULL);
    k->name = kernel_name(&b);
    b.memo_count = b.E->count;
    b.memo = calloc(b.memo_count + 1u, sizeof *b.memo);
    if (!b.memo)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    count_turns(&b);
    if (k->contract)
        pt2_contract_each(k->contract, contract_size, contract_value, &b);
    for (uint32_t i = 0; i < b.stages.count; i++)
        parametrise_stage(&b, &b.stages.data[i]);
    if (k->rows)
        pt2_rows_exprs(k->rows, (int)b.stages.count, parametrise, &b);
    free(b.memo);
    k->points = k->library ? pt2_idx(b.E, 1) : param(&b, r->points);
    if (k->rows)
        note_quads(&b);
    k->num_bufs = r->num_bufs = (int)b.bufs.count;
    k->bufs = b.buf_infos.data;
    r->bufs = b.bufs.data;
    k->num_stages = (int)b.stages.count;
    k->stages = b.stages.data;
    k->num_params = r->num_params = (int)b.params.count;
    r->params = b.params.data;
    set_groups(k, caps);
    find_needs(k);
    r->kernel = k;
    return PT2_OK;
}
