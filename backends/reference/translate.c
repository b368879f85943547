/* SPDX-License-Identifier: MIT
 * Kernel -> program. Each distinct node of a stage's expressions becomes one instruction, in the list of the outermost
 * place where it can be computed: once per launch (level 0), once per block of points (level 1), or when loop k steps
 * (level 2 + k).
 *
 * Invariants: operands of an instruction are in lists of the same or an outer level, and before it. A load from a
 * buffer that the kernel writes stays in the innermost level and is never shared between stages. What is shared between
 * stages was computed unconditionally: in the launch's list, or in a stage without loops. */
#include "ref.h"

struct entry {
    pt2_ex e;
    int reg;    /* -1: not computed yet */
    int level;
    int stage;  /* that used it last */
    bool marked, strict, is_volatile, shared;
};

struct translator {
    struct ref_program *p;
    struct ref_stage *s;      /* current */
    int stage;                /* its number */
    struct entry *slots;      /* open addressing by pointer */
    uint32_t cap, count;
    pt2_status status;
};

static int fail(struct translator *t, const char *what, long long number)
{
    if (t->status == PT2_OK)
        t->status = pt2_fail(PT2_ERR_INTERNAL, "kernel %s, stage %d: %s (%lld)", t->p->kernel->name, t->stage, what,
                             number);
    return 0;
}

/* ---- the memo table ---- */

static struct entry *find_slot(struct translator *t, pt2_ex e)
{
    uint64_t h = (uint64_t)(uintptr_t)e * 0x9e3779b97f4a7c15u;
    for (uint32_t i = (uint32_t)(h >> 32) & (t->cap - 1);; i = (i + 1) & (t->cap - 1))
        if (!t->slots[i].e || t->slots[i].e == e)
            return &t->slots[i];
}

static void grow(struct translator *t)
{
    struct entry *old = t->slots;
    uint32_t old_cap = t->cap;
    t->cap = old_cap ? old_cap * 2 : 64;
    t->slots = PT2_NEW_N(&t->p->arena, struct entry, t->cap);
    for (uint32_t i = 0; i < old_cap; i++)
        if (old[i].e)
            *find_slot(t, old[i].e) = old[i];
}

/* The entry of a node in the current stage. Only `mark` makes new ones, so that pointers stay valid after it. */
static struct entry *entry_of(struct translator *t, pt2_ex e)
{
    if (!t->cap)
        grow(t);
    struct entry *n = find_slot(t, e);
    if (!n->e) {
        if (++t->count * 2 > t->cap) {
            grow(t);
            n = find_slot(t, e);
        }
        *n = (struct entry){ .e = e, .reg = -1, .stage = t->stage };
    } else if (n->stage != t->stage && !n->shared) {
        *n = (struct entry){ .e = e, .reg = -1, .stage = t->stage };
    }
    return n;
}

static int num_args(pt2_ex e)
{
    return e->op == PT2_E_VAR ? 0 : e->num_args; /* a variable's extent is not computed */
}

/* Marks what every lane needs: all but the arms of SELECT. Visits a node at most twice. */
static void mark(struct translator *t, pt2_ex e, bool strict)
{
    struct entry *n = entry_of(t, e);
    if (n->shared || (n->marked && (n->strict || !strict)))
        return;
    n->marked = true;
    n->strict = n->strict || strict;
    for (int i = 0; i < num_args(e); i++)
        mark(t, e->args[i], strict && (e->op != PT2_E_SELECT || i == 0));
}

/* ---- instructions ---- */

static int new_reg(struct translator *t)
{
    return t->p->num_regs++;
}

static ref_code *code_at(struct translator *t, int level)
{
    return level == 0 ? &t->p->launch : &t->s->levels[level - 1];
}

static int push(struct translator *t, int level, struct ref_instr in)
{
    in.dst = new_reg(t);
    pt2_push(&t->p->arena, code_at(t, level), in);
    return in.dst;
}

static int push_op(struct translator *t, int level, ref_op_fn *fn, int a, int b, int c)
{
    if (!fn)
        return fail(t, "operator has no such type, operator", -1);
    return push(t, level, (struct ref_instr){ .kind = REF_OP, .fn = fn, .a = a, .b = b, .c = c });
}

/* What the instruction that was pushed last does to a float that is not exact. */
static void set_rounding(struct translator *t, int level, pt2_ex e)
{
    ref_code *code = code_at(t, level);
    if (t->status != PT2_OK || ref_class_of(e->dtype) == REF_I || !code->count)
        return;
    struct ref_instr *in = &code->data[code->count - 1];
    in->class = ref_class_of(e->dtype);
    in->rounding = ref_rounding_of(e);
    in->storage = e->op == PT2_E_ROUNDTO ? (pt2_dtype)e->i : PT2_NONE;
}

static int push_wrapped(struct translator *t, int level, int dtype, ref_op_fn *fn, int a, int b, int c)
{
    int r = push_op(t, level, fn, a, b, c);
    ref_op_fn *wrap = ref_op_wrap(dtype);
    return wrap ? push_op(t, level, wrap, r, r, r) : r;
}

static int push_int(struct translator *t, int64_t i)
{
    return push(t, 0, (struct ref_instr){ .kind = REF_CONST, .class = REF_I, .i = i });
}

static int emit(struct translator *t, pt2_ex e);

/* ---- leaves: each returns the register and sets the level ---- */

static int emit_const(struct translator *t, pt2_ex e)
{
    return push(t, 0, (struct ref_instr){ .kind = REF_CONST, .class = ref_class_of(e->dtype), .i = e->i, .f = e->f });
}

static int emit_param(struct translator *t, pt2_ex e)
{
    bool wide = e->dtype == PT2_I64;
    if (e->i < 0 || e->i + wide >= t->p->kernel->num_params)
        return fail(t, "no such parameter", e->i);
    return push(t, 0, (struct ref_instr){ .kind = wide ? REF_PARAM64 : REF_PARAM, .number = (int)e->i });
}

static int emit_var(struct translator *t, pt2_ex e, int *level)
{
    const struct pt2_stage *src = t->s->src;
    int64_t k = e->i - src->first_axis;
    if (k >= 0 && k < src->num_loops) {
        *level = 2 + (int)k;
        if (t->s->vars[k] < 0)
            t->s->vars[k] = new_reg(t);
        return t->s->vars[k];
    }
    if (e->i != 0)
        return fail(t, "variable is not in scope", e->i);
    *level = 1;
    if (t->p->point < 0)
        t->p->point = new_reg(t);
    return t->p->point;
}

static int emit_reg(struct translator *t, pt2_ex e, int *level)
{
    *level = 1;
    if (e->i < 0 || e->i >= t->stage || t->p->stages[e->i].result < 0)
        return fail(t, "no such register", e->i);
    if (t->p->stages[e->i].result_class != ref_class_of(e->dtype))
        return fail(t, "register of another type", e->i);
    return t->p->stages[e->i].result;
}

static bool writes(const struct pt2_stage *s, int buf)
{
    return (s->kind == PT2_STAGE_STORE && s->buf == buf) ||
           ((s->kind == PT2_STAGE_SCAN || s->kind == PT2_STAGE_SORT) && (s->buf == buf || s->buf2 == buf));
}

static int emit_load(struct translator *t, struct entry *n, pt2_ex e, int level)
{
    const struct pt2_kernel *k = t->p->kernel;
    if (e->i < 0 || e->i >= k->num_bufs || e->num_args != 1)
        return fail(t, "load from no buffer of the kernel", e->i);
    pt2_dtype d = pt2_dtype_real(k->bufs[e->i].dtype);
    if (!ref_load_of(d) || ref_class_of((int)pt2_dtype_compute(d)) != ref_class_of(e->dtype))
        return fail(t, "load of another type than the buffer's", e->i);
    if (k->bufs[e->i].write) {
        n->is_volatile = true;
        t->p->points_only = t->p->points_only || (t->s->src->num_loops && writes(t->s->src, (int)e->i));
    }
    return push(t, level, (struct ref_instr){ .kind = REF_LOAD, .strict = n->strict, .number = (int)e->i,
                                              .a = emit(t, e->args[0]) });
}

/* ---- operators ---- */

/* Operands in outer levels first, so that partial results stay outside the loops. Floats are taken in their order. */
static int emit_nary(struct translator *t, pt2_ex e, int level)
{
    ref_op_fn *fn = ref_op((enum pt2_expr_op)e->op, e->dtype);
    bool reorder = ref_class_of(e->dtype) == REF_I;
    int r = -1;
    for (int at = reorder ? 0 : level; at <= level; at++) {
        for (int i = 0; i < e->num_args; i++) {
            if (reorder && entry_of(t, e->args[i])->level != at)
                continue;
            int a = emit(t, e->args[i]);
            if (r >= 0) {
                r = push_wrapped(t, at, e->dtype, fn, r, a, r);
                set_rounding(t, at, e);
            } else {
                r = a;
            }
        }
    }
    return r;
}

static int emit_op(struct translator *t, pt2_ex e, int level)
{
    int a = e->num_args > 0 ? emit(t, e->args[0]) : 0;
    int b = e->num_args > 1 ? emit(t, e->args[1]) : a, c = e->num_args > 2 ? emit(t, e->args[2]) : b;
    int from = e->num_args > 0 ? e->args[0]->dtype : PT2_NONE;
    switch (e->op) {
    case PT2_E_CAST: return push_op(t, level, ref_op_cast(from, e->dtype), a, b, c);
    case PT2_E_BITCAST: return push_op(t, level, ref_op_bitcast(from, e->dtype), a, b, c);
    case PT2_E_ROUNDTO: return push_op(t, level, ref_op_roundto((pt2_dtype)e->i), a, b, c);
    case PT2_E_NOT: return push_wrapped(t, level, e->dtype, ref_op_not(from), a, b, c);
    case PT2_E_SHL:
    case PT2_E_SHR:
        c = push_int(t, ref_bits(from));
        return push_wrapped(t, level, e->dtype, ref_op((enum pt2_expr_op)e->op, from), a, b, c);
    case PT2_E_SELECT: return push_op(t, level, ref_op(PT2_E_SELECT, e->dtype), a, b, c);
    case PT2_E_RANDOM: return push_op(t, level, ref_op(PT2_E_RANDOM, PT2_IDX), a, b, c);
    case PT2_E_LT: case PT2_E_LE: case PT2_E_EQ: case PT2_E_NE: case PT2_E_ISNAN:
        return push_op(t, level, ref_op((enum pt2_expr_op)e->op, from), a, b, c);
    case PT2_E_AND: case PT2_E_OR: case PT2_E_XOR: case PT2_E_MIN: case PT2_E_MAX: /* stay in their range */
        return push_op(t, level, ref_op((enum pt2_expr_op)e->op, e->dtype), a, b, c);
    case PT2_E_CHECK:
        return push(t, level, (struct ref_instr){ .kind = REF_CHECK, .a = a, .b = b });
    default: return push_wrapped(t, level, e->dtype, ref_op((enum pt2_expr_op)e->op, e->dtype), a, b, c);
    }
}

/* The register that holds e, computed at its level. */
static int emit(struct translator *t, pt2_ex e)
{
    struct entry *n = entry_of(t, e);
    if (n->reg >= 0)
        return n->reg;
    int level = e->op == PT2_E_LOAD || e->op == PT2_E_CHECK ? 1 : 0, reg;
    bool is_volatile = false;
    for (int i = 0; i < num_args(e) && t->status == PT2_OK; i++) {
        (void)emit(t, e->args[i]);
        struct entry *arg = entry_of(t, e->args[i]);
        level = arg->level > level ? arg->level : level;
        is_volatile = is_volatile || arg->is_volatile;
    }
    n->is_volatile = is_volatile;
    if (t->status != PT2_OK)
        return 0;
    switch (e->op) {
    case PT2_E_CONST: reg = emit_const(t, e); break;
    case PT2_E_PARAM: reg = emit_param(t, e); break;
    case PT2_E_VAR: reg = emit_var(t, e, &level); break;
    case PT2_E_REG: reg = emit_reg(t, e, &level); break;
    case PT2_E_SYM: reg = fail(t, "symbol in a kernel", e->i); break;
    case PT2_E_LOAD:
        if (e->i >= 0 && e->i < t->p->kernel->num_bufs && t->p->kernel->bufs[e->i].write)
            level = 1 + t->s->src->num_loops;
        reg = emit_load(t, n, e, level);
        break;
    case PT2_E_ADD: case PT2_E_MUL: reg = emit_nary(t, e, level); break;
    default:
        reg = emit_op(t, e, level);
        set_rounding(t, level, e);
        break;
    }
    n->reg = reg;
    n->level = level;
    n->shared = !n->is_volatile && n->strict && (level == 0 || (level == 1 && !t->s->src->num_loops));
    return reg;
}

/* ---- stages ---- */

static int emit_root(struct translator *t, pt2_ex e, bool strict)
{
    if (!e)
        return -1;
    mark(t, e, strict);
    return t->status == PT2_OK ? emit(t, e) : -1;
}

static void translate_loops(struct translator *t)
{
    const struct pt2_stage *src = t->s->src;
    struct ref_program *p = t->p;
    int n = src->num_loops;
    t->s->levels = PT2_NEW_N(&p->arena, ref_code, n + 1);
    t->s->vars = PT2_NEW_N(&p->arena, int, n);
    t->s->extents = PT2_NEW_N(&p->arena, int, n);
    p->max_loops = n > p->max_loops ? n : p->max_loops;
    for (int k = 0; k < n; k++) {
        t->s->vars[k] = -1;
        t->s->extents[k] = emit_root(t, src->loops[k], true);
        if (t->status == PT2_OK && entry_of(t, src->loops[k])->level != 0)
            (void)fail(t, "the extent of a loop is not uniform", k);
    }
}

/* The buffer exists and takes lanes of this class. */
static void check_target(struct translator *t, int buf, enum ref_class class)
{
    const struct pt2_kernel *k = t->p->kernel;
    if (buf < 0 || buf >= k->num_bufs || !k->bufs[buf].write) {
        (void)fail(t, "store to no writable buffer of the kernel", buf);
        return;
    }
    pt2_dtype d = pt2_dtype_real(k->bufs[buf].dtype);
    if (!ref_store_of(d) || ref_class_of((int)pt2_dtype_compute(d)) != class)
        (void)fail(t, "store of another type than the buffer's", buf);
}

static bool stage_is_arg(const struct pt2_stage *s)
{
    return s->op == PT2_RED_ARGMAX || s->op == PT2_RED_ARGMIN;
}

static void check_stage(struct translator *t)
{
    const struct pt2_stage *src = t->s->src;
    enum ref_class class = t->s->class, out = stage_is_arg(src) ? REF_I : class;
    bool accumulates = src->kind == PT2_STAGE_REDUCE || src->kind == PT2_STAGE_SCAN;
    if (!src->body || (!src->index && src->kind >= PT2_STAGE_STORE))
        (void)fail(t, "no body or index", src->kind);
    if (accumulates && (src->op == PT2_RED_SET || (class == REF_I && src->op == PT2_RED_LOGADDEXP) ||
                        (class != REF_I && (src->op == PT2_RED_ANY || src->op == PT2_RED_ALL))))
        (void)fail(t, "reduction of a wrong type", src->op);
    if (src->kind == PT2_STAGE_STORE && src->op != PT2_RED_SET && src->op > PT2_RED_MIN)
        (void)fail(t, "no such combination", src->op);
    if ((src->kind == PT2_STAGE_SCAN || src->kind == PT2_STAGE_SORT) && src->num_loops != 1)
        (void)fail(t, "needs one loop", src->num_loops);
    if (src->kind == PT2_STAGE_STORE)
        check_target(t, src->buf, class);
    if (src->kind == PT2_STAGE_SCAN)
        check_target(t, src->buf, out);
    if (src->kind == PT2_STAGE_SORT && src->buf >= 0)
        check_target(t, src->buf, class);
    if (src->kind == PT2_STAGE_SORT && src->buf2 >= 0)
        check_target(t, src->buf2, REF_I);
}

static void translate_stage(struct translator *t, int number)
{
    struct ref_stage *s = t->s = &t->p->stages[number];
    const struct pt2_stage *src = s->src = &t->p->kernel->stages[number];
    t->stage = number;
    s->dtype = src->body ? src->body->dtype : PT2_NONE;
    s->class = ref_class_of(s->dtype);
    s->result = -1;
    check_stage(t);
    if (t->status != PT2_OK)
        return;
    translate_loops(t);
    s->cond = src->kind == PT2_STAGE_STORE ? emit_root(t, src->cond, true) : -1;
    s->body = emit_root(t, src->body, s->cond < 0);
    s->index = emit_root(t, src->kind >= PT2_STAGE_STORE ? src->index : NULL, s->cond < 0);
    s->result_class = s->class;
    if (src->kind == PT2_STAGE_LET)
        s->result = s->body;
    if (src->kind == PT2_STAGE_REDUCE) {
        s->result = new_reg(t);
        s->result_class = stage_is_arg(src) ? REF_I : s->class;
    }
    if ((src->kind == PT2_STAGE_SCAN || src->kind == PT2_STAGE_SORT) && s->vars[0] < 0)
        s->vars[0] = new_reg(t);
    t->p->long_sort = t->p->long_sort || src->kind == PT2_STAGE_SORT;
    s->cost = (int)s->levels[src->num_loops].count + 2;
}

pt2_status ref_translate(const struct pt2_kernel *kernel, struct ref_program *p)
{
    struct translator t = { .p = p };
    p->kernel = kernel;
    p->point = -1;
    p->stages = PT2_NEW_N(&p->arena, struct ref_stage, kernel->num_stages);
    for (int i = 0; i < kernel->num_stages && t.status == PT2_OK; i++)
        translate_stage(&t, i);
    p->scratch = p->num_regs;
    p->num_regs += REF_SCRATCH;
    p->lanes = REF_MAX_LANES; /* the register file should stay in the second-level cache */
    while (p->lanes > REF_MIN_LANES && p->lanes * p->num_regs > 64 * 1024)
        p->lanes /= 2;
    return t.status;
}
