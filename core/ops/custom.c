/* SPDX-License-Identifier: MIT
 * Lowerings that users give. A call that one makes becomes a node that no file has: its arguments are slots of its own,
 * its result types are declared by the user or inferred, and its row lowers it as any other. A row that fails unwinds
 * to `guarded` here, never through the user's function; the driver reports the failure when that has returned. */
#include "ops/custom.h"
#include "ops/internal.h"

#include <stdarg.h>
#include <stdio.h>

enum operand_kind { OPERAND_TENSOR, OPERAND_NUMBER, OPERAND_LIST, OPERAND_LITERAL };

struct pt2_operand {
    enum operand_kind kind;
    pt2_t *tensor;
    pt2_ex number;
    int count;
    const struct pt2_operand **items; /* arena; NULL entries: None */
    struct pt2_arg literal;           /* a text, a dtype, a layout … */
};

struct pt2_call {
    struct pt2_lower *L;
    pt2_status status;
    char message[512];
};

enum { MAX_RESULTS = 64, MAX_DEPTH = 16 };

/* ---- failures ---- */

static void keep_failure(pt2_call *c, pt2_status status)
{
    c->status = status;
    snprintf(c->message, sizeof c->message, "%s", pt2_error_message());
}

typedef const pt2_operand *guarded_fn(pt2_call *c, void *ctx);

/* Runs `fn`, which may fail through op_fail; NULL when it did, or when something has failed before. */
static const pt2_operand *guarded(pt2_call *c, guarded_fn *fn, void *ctx)
{
    struct pt2_lower *L = c->L;
    const struct pt2_lower saved = *L;
    struct pt2_lower_priv *priv = L->priv;
    const struct pt2_lower_priv outer = *priv;
    const pt2_operand *volatile r = NULL;
    jmp_buf here;
    if (c->status != PT2_OK)
        return NULL;
    priv->unwind = &here;
    if (setjmp(here) == 0)
        r = fn(c, ctx);
    else
        keep_failure(c, priv->status);
    priv->unwind = outer.unwind;
    priv->slots = outer.slots;
    priv->applied = outer.applied;
    priv->applied_depth = outer.applied_depth;
    L->node = saved.node;
    L->row = saved.row;
    L->g = saved.g;
    return r;
}

void pt2_call_fail(pt2_call *call, pt2_status status, const char *format, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (call->status != PT2_OK)
        return;
    const struct pt2_pnode *n = call->L->node;
    keep_failure(call, pt2_fail(status == PT2_OK ? PT2_ERR_UNSUPPORTED : status, "node %s (%s)%s%s: %s", n->name,
                                n->target, n->python_line[0] ? " at " : "", n->python_line, text));
}

/* ---- operands ---- */

static pt2_operand *new_operand(pt2_call *c, enum operand_kind kind)
{
    pt2_operand *o = PT2_NEW(c->L->arena, pt2_operand);
    o->kind = kind;
    return o;
}

static const pt2_operand *of_slot(pt2_call *c, struct pt2_slot s)
{
    if (!s.tensor && !s.scalar)
        return NULL;
    pt2_operand *o = new_operand(c, s.tensor ? OPERAND_TENSOR : OPERAND_NUMBER);
    o->tensor = s.tensor;
    o->number = s.scalar;
    return o;
}

static const pt2_operand *of_number(pt2_call *c, pt2_ex e)
{
    return c->status == PT2_OK ? of_slot(c, (struct pt2_slot){ NULL, e }) : NULL;
}

static const pt2_operand *of_arg(pt2_call *c, const struct pt2_arg *a)
{
    switch (a->kind) {
    case PT2_ARG_NONE: return NULL;
    case PT2_ARG_VALUE: case PT2_ARG_INT: case PT2_ARG_FLOAT: case PT2_ARG_BOOL:
        return of_slot(c, pt2_lower_arg(c->L, a));
    case PT2_ARG_LIST: {
        pt2_operand *o = new_operand(c, OPERAND_LIST);
        o->count = (int)a->num_items;
        o->items = PT2_NEW_N(c->L->arena, const pt2_operand *, a->num_items);
        for (uint32_t k = 0; k < a->num_items; k++)
            o->items[k] = of_arg(c, &a->items[k]);
        return o;
    }
    default: {
        pt2_operand *o = new_operand(c, OPERAND_LITERAL);
        o->literal = *a;
        return o;
    }
    }
}

const pt2_operand *pt2_call_arg(pt2_call *call, const char *name)
{
    const struct pt2_arg *a = call->status == PT2_OK ? pt2_find_arg(call->L, name) : NULL;
    return a ? of_arg(call, a) : NULL;
}

const pt2_operand *pt2_call_int(pt2_call *call, int64_t value)
{
    return of_number(call, pt2_idx(call->L->E, value));
}

const pt2_operand *pt2_call_float(pt2_call *call, double value)
{
    return of_number(call, pt2_num(call->L->E, PT2_F64, value));
}

const pt2_operand *pt2_call_bool(pt2_call *call, int value)
{
    return of_number(call, pt2_int(call->L->E, PT2_BOOL, value != 0));
}

const pt2_operand *pt2_call_text(pt2_call *call, const char *value)
{
    pt2_operand *o = new_operand(call, OPERAND_LITERAL);
    o->literal = (struct pt2_arg){ .kind = PT2_ARG_STRING, .text = pt2_arena_strdup(call->L->arena, value) };
    return call->status == PT2_OK ? o : NULL;
}

const pt2_operand *pt2_call_dtype(pt2_call *call, pt2_dtype value)
{
    pt2_operand *o = new_operand(call, OPERAND_LITERAL);
    o->literal = (struct pt2_arg){ .kind = PT2_ARG_DTYPE, .dtype = value };
    return call->status == PT2_OK ? o : NULL;
}

const pt2_operand *pt2_call_list(pt2_call *call, int count, const pt2_operand *const *items)
{
    pt2_operand *o = new_operand(call, OPERAND_LIST);
    o->count = count > 0 ? count : 0;
    o->items = pt2_arena_copy(call->L->arena, items, (size_t)o->count * sizeof *items);
    return call->status == PT2_OK ? o : NULL;
}

const pt2_operand *pt2_call_ints(pt2_call *call, int count, const int64_t *items)
{
    pt2_operand *o = new_operand(call, OPERAND_LIST);
    o->count = count > 0 ? count : 0;
    o->items = PT2_NEW_N(call->L->arena, const pt2_operand *, o->count);
    for (int k = 0; k < o->count; k++)
        o->items[k] = pt2_call_int(call, items[k]);
    return call->status == PT2_OK ? o : NULL;
}

const pt2_operand *pt2_call_size(pt2_call *call, const pt2_operand *tensor, int dim)
{
    if (call->status != PT2_OK)
        return NULL;
    int rank = pt2_operand_rank(tensor), k = dim < 0 ? dim + rank : dim;
    if (k < 0 || k >= rank) {
        pt2_call_fail(call, PT2_ERR_FORMAT, "dimension %d of %d", dim, rank);
        return NULL;
    }
    return of_number(call, tensor->tensor->shape[k]);
}

pt2_dtype pt2_operand_dtype(const pt2_operand *o)
{
    return o && o->kind == OPERAND_TENSOR ? o->tensor->dtype : PT2_NONE;
}

int pt2_operand_rank(const pt2_operand *o)
{
    return o && o->kind == OPERAND_TENSOR ? o->tensor->rank : -1;
}

int64_t pt2_operand_int(const pt2_operand *o, int64_t otherwise)
{
    if (!o || o->kind != OPERAND_NUMBER || !pt2_is_const(o->number) || pt2_is_float_type(o->number->dtype))
        return otherwise;
    return o->number->i;
}

double pt2_operand_float(const pt2_operand *o, double otherwise)
{
    if (!o || o->kind != OPERAND_NUMBER || !pt2_is_const(o->number))
        return otherwise;
    return pt2_is_float_type(o->number->dtype) ? o->number->f : (double)o->number->i;
}

const char *pt2_operand_text(const pt2_operand *o)
{
    return o && o->kind == OPERAND_LITERAL && o->literal.kind == PT2_ARG_STRING ? o->literal.text : NULL;
}

/* ---- calls ---- */

struct apply {
    const char *op;
    int num_args, num_results;
    const pt2_named_operand *args;
    const pt2_result_type *types;
    const pt2_operand **results; /* may be NULL: only result 0 is wanted */
    struct pt2_pnode *node;
    uint32_t num_slots;
    struct pt2_slot *slots;
};

static uint32_t count_slots(const pt2_operand *o)
{
    uint32_t n = 1;
    for (int k = 0; o && k < o->count; k++)
        n += count_slots(o->items[k]);
    return n;
}

static struct pt2_pvalue *new_value(pt2_call *c, struct apply *a, enum pt2_value_kind kind)
{
    struct pt2_pvalue *v = PT2_NEW(c->L->arena, struct pt2_pvalue);
    *v = (struct pt2_pvalue){ .name = c->L->node->name, .kind = kind, .index = a->num_slots++ };
    return v;
}

/* A number that is known is a literal, as exporters write it. */
static struct pt2_arg number_arg(pt2_call *c, struct apply *a, pt2_ex e)
{
    bool is_float = pt2_is_float_type(e->dtype), is_bool = e->dtype == PT2_BOOL;
    struct pt2_arg r = { .kind = is_float  ? PT2_ARG_FLOAT
                                 : is_bool ? PT2_ARG_BOOL
                                           : PT2_ARG_INT,
                         .i = e->i,
                         .f = e->f };
    if (pt2_is_const(e))
        return r;
    struct pt2_pvalue *v =
        new_value(c, a, is_float ? PT2_VALUE_FLOAT : is_bool ? PT2_VALUE_BOOL : PT2_VALUE_INT);
    a->slots[v->index].scalar = e;
    return (struct pt2_arg){ .kind = PT2_ARG_VALUE, .value = v };
}

static struct pt2_arg to_arg(pt2_call *c, struct apply *a, const char *name, const pt2_operand *o)
{
    struct pt2_arg r = { .kind = PT2_ARG_NONE };
    if (o && o->kind == OPERAND_TENSOR) {
        struct pt2_pvalue *v = new_value(c, a, PT2_VALUE_TENSOR);
        a->slots[v->index].tensor = o->tensor;
        r = (struct pt2_arg){ .kind = PT2_ARG_VALUE, .value = v };
    } else if (o && o->kind == OPERAND_NUMBER) {
        r = number_arg(c, a, o->number);
    } else if (o && o->kind == OPERAND_LIST) {
        struct pt2_arg *items = PT2_NEW_N(c->L->arena, struct pt2_arg, o->count);
        for (int k = 0; k < o->count; k++)
            items[k] = to_arg(c, a, "", o->items[k]);
        r = (struct pt2_arg){ .kind = PT2_ARG_LIST, .num_items = (uint32_t)o->count, .items = items };
    } else if (o) {
        r = o->literal;
    }
    r.name = pt2_arena_strdup(c->L->arena, name);
    return r;
}

/* "aten::add.Tensor" as files spell it. */
static const char *target_text(struct pt2_lower *L, const char *op)
{
    const char *colons = strstr(op, "::");
    if (!colons || colons == op || !colons[2])
        op_fail(L, PT2_ERR_ARG, "operator '%s': a name is namespace::name", op);
    return pt2_arena_printf(L->arena, "%.*s.%s", (int)(colons - op), op, colons + 2);
}

static void make_node(pt2_call *c, struct apply *a)
{
    struct pt2_lower *L = c->L;
    uint32_t n = (uint32_t)a->num_results;
    for (int k = 0; k < a->num_args; k++)
        n += count_slots(a->args[k].value);
    a->slots = PT2_NEW_N(L->arena, struct pt2_slot, n);
    struct pt2_arg *args = PT2_NEW_N(L->arena, struct pt2_arg, a->num_args);
    for (int k = 0; k < a->num_args; k++)
        args[k] = to_arg(c, a, a->args[k].name, a->args[k].value);
    a->node = pt2_arena_copy(L->arena, L->node, sizeof *L->node);
    a->node->target = target_text(L, a->op);
    a->node->num_args = (uint32_t)a->num_args;
    a->node->args = args;
    a->node->num_outs = (uint32_t)a->num_results;
    a->node->outs = PT2_NEW_N(L->arena, struct pt2_pvalue *, a->num_results);
    for (int k = 0; k < a->num_results; k++)
        a->node->outs[k] = new_value(c, a, PT2_VALUE_TENSOR);
}

/* The types that the user declares; NULL: they are inferred when a row asks. */
static const struct pt2_op_type *declared_types(pt2_call *c, const struct apply *a)
{
    struct pt2_lower *L = c->L;
    if (!a->types)
        return NULL;
    struct pt2_op_type *types = PT2_NEW_N(L->arena, struct pt2_op_type, a->num_results);
    for (int k = 0; k < a->num_results; k++) {
        const pt2_result_type *t = &a->types[k];
        if (t->rank < 0 || t->rank > PT2_MAX_RANK - 1 || pt2_dtype_size(t->dtype) == 0)
            op_fail(L, PT2_ERR_ARG, "result %d of %s is declared with a wrong dtype or rank", k, a->op);
        types[k] = (struct pt2_op_type){ t->dtype, t->rank, PT2_NEW_N(L->arena, pt2_ex, PT2_MAX_RANK + 1) };
        for (int d = 0; d < t->rank; d++) {
            if (!t->sizes[d] || t->sizes[d]->kind != OPERAND_NUMBER)
                op_fail(L, PT2_ERR_ARG, "size %d of result %d of %s is not a number", d, k, a->op);
            types[k].shape[d] = pt2_cast(L->E, PT2_IDX, t->sizes[d]->number);
        }
    }
    return types;
}

static void lower_applied(struct pt2_lower *L)
{
    const struct pt2_custom_op *custom = pt2_custom_find(L->priv->operators, L->node->target);
    enum pt2_row_use use;
    if (custom) {
        pt2_lower_custom(L, custom);
        return;
    }
    L->row = pt2_op_resolve(L->node->target, &use);
    L->node = pt2_op_with_names(L, L->node);
    if (!L->row || use == PT2_ROW_INPLACE || use == PT2_ROW_OUT)
        op_fail(L, PT2_ERR_UNSUPPORTED, L->row ? "in-place and out= operators cannot be called from a lowering"
                                               : "operator not supported");
    L->row->lower(L);
}

static const pt2_operand *apply(pt2_call *c, void *ctx)
{
    struct apply *a = ctx;
    struct pt2_lower *L = c->L;
    if (a->num_results < 1 || a->num_results > MAX_RESULTS || a->num_args < 0)
        op_fail(L, PT2_ERR_ARG, "%s is called with %d results", a->op, a->num_results);
    if (++L->priv->applied_depth > MAX_DEPTH)
        op_fail(L, PT2_ERR_ARG, "lowerings call each other more than %d deep", MAX_DEPTH);
    make_node(c, a);
    struct pt2_applied applied = { declared_types(c, a) };
    L->priv->applied = &applied;
    L->priv->slots = a->slots;
    L->node = a->node;
    lower_applied(L);
    const pt2_operand *first = NULL;
    for (int k = 0; k < a->num_results; k++) {
        const pt2_operand *r = of_slot(c, a->slots[a->node->outs[k]->index]);
        if (a->results)
            a->results[k] = r;
        first = k ? first : r;
    }
    if (!first)
        op_fail(L, PT2_ERR_UNSUPPORTED, "the operator has no result");
    return first;
}

void pt2_call_apply_many(pt2_call *call, const char *op, int num_args, const pt2_named_operand *args,
                         int num_results, const pt2_result_type *types, const pt2_operand **out_results)
{
    struct apply a = { .op = op, .num_args = num_args, .args = args, .num_results = num_results, .types = types,
                       .results = out_results };
    for (int k = 0; k < num_results; k++)
        out_results[k] = NULL;
    guarded(call, apply, &a);
}

const pt2_operand *pt2_call_apply(pt2_call *call, const char *op, ...)
{
    pt2_named_operand args[PT2_MAX_RANK * 2];
    struct apply a = { .op = op, .args = args, .num_results = 1 };
    va_list ap;
    va_start(ap, op);
    for (const char *name; (name = va_arg(ap, const char *)) != NULL;) {
        const pt2_operand *value = va_arg(ap, const pt2_operand *);
        if (a.num_args < PT2_MAX_RANK * 2)
            args[a.num_args] = (pt2_named_operand){ name, value };
        a.num_args++;
    }
    va_end(ap);
    if (a.num_args > PT2_MAX_RANK * 2) {
        pt2_call_fail(call, PT2_ERR_ARG, "%s is called with %d arguments", op, a.num_args);
        return NULL;
    }
    return guarded(call, apply, &a);
}

/* ---- results ---- */

struct effect {
    int index;
    const pt2_operand *target, *value;
};

static pt2_t *tensor_value(struct pt2_lower *L, const pt2_operand *o)
{
    if (o && o->kind == OPERAND_TENSOR)
        return o->tensor;
    if (!o || o->kind != OPERAND_NUMBER)
        op_fail(L, PT2_ERR_ARG, "neither a tensor nor a number");
    pt2_dtype t = o->number->dtype == PT2_IDX ? PT2_I64 : (pt2_dtype)o->number->dtype;
    return op_full(L, t, 0, NULL, pt2_cast(L->E, (int)t, o->number));
}

static const pt2_operand *set_result(pt2_call *c, void *ctx)
{
    const struct effect *e = ctx;
    struct pt2_lower *L = c->L;
    if (e->index < 0 || (uint32_t)e->index >= L->node->num_outs)
        op_fail(L, PT2_ERR_ARG, "result %d is set; the operator has %u", e->index, L->node->num_outs);
    if (L->node->outs[e->index]->kind != PT2_VALUE_TENSOR && e->value && e->value->kind == OPERAND_NUMBER)
        op_result_scalar(L, e->index, e->value->number);
    else
        op_result(L, e->index, tensor_value(L, e->value));
    return NULL;
}

void pt2_call_return(pt2_call *call, int index, const pt2_operand *value)
{
    guarded(call, set_result, &(struct effect){ index, NULL, value });
}

static const pt2_operand *write_value(pt2_call *c, void *ctx)
{
    const struct effect *e = ctx;
    if (!e->target || e->target->kind != OPERAND_TENSOR)
        op_fail(c->L, PT2_ERR_ARG, "what is written is not a tensor");
    op_write(c->L, e->target->tensor, tensor_value(c->L, e->value));
    return NULL;
}

void pt2_call_write(pt2_call *call, const pt2_operand *tensor, const pt2_operand *value)
{
    guarded(call, write_value, &(struct effect){ 0, tensor, value });
}

/* ---- driver ---- */

void pt2_lower_custom(struct pt2_lower *L, const struct pt2_custom_op *op)
{
    struct pt2_call call = { .L = L };
    if (!op->lowering) {
        pt2_lower_custom_kernel(L, op);
        return;
    }
    op->lowering(&call, op->user);
    if (call.status != PT2_OK) {
        L->priv->status = pt2_fail(call.status, "%s", call.message);
        longjmp(*L->priv->unwind, 1);
    }
}
