/* SPDX-License-Identifier: MIT
 *
 * aten._foreach_*: an operator for each tensor of a list, as optimizers' steps have them. The k-th call is the single
 * operator with the k-th entry of every argument that is a list; its row is that of its own family. */
#include "ops/internal.h"

enum { MAX_ARGS = 8 };

/* The single operator's name for an argument: that of the operand where lists have one of their own. */
struct form {
    const char *operand; /* of "scalar", "scalars", "other" and the like */
    const char *target;  /* the single operator, when it is called otherwise */
};

enum { PLAIN, OTHER, MAXIMUM, MINIMUM, EXPONENT, VALUE, WEIGHT, NORM, GREATEST, POWSUM };

static const struct form forms[] = {
    [PLAIN] = { NULL, NULL },      [OTHER] = { "other", NULL },   [MAXIMUM] = { "max", NULL },
    [MINIMUM] = { "min", NULL },   [EXPONENT] = { "exponent", NULL }, [VALUE] = { "value", NULL },
    [WEIGHT] = { "weight", NULL }, [NORM] = { NULL, "aten.linalg_vector_norm" },
    [GREATEST] = { NULL, "aten.max.default" }, [POWSUM] = { NULL, "aten.linalg__powsum" },
};

static const char *arg_name(const struct form *f, const char *name)
{
    static const char *const operands[] = { "scalar", "scalars", "other", "exponent", "weight", "weights" };
    if (!strcmp(name, "tensors1"))
        return "end";
    for (size_t k = 0; f->operand && k < sizeof operands / sizeof *operands; k++)
        if (!strcmp(name, operands[k]))
            return f->operand;
    return name;
}

/* "aten._foreach_add_.Scalar" → "aten.add" */
static const char *single_target(struct pt2_lower *L, const struct form *f)
{
    const char *name = L->node->target + strlen("aten._foreach_");
    int len = (int)strcspn(name, ".");
    if (len > 1 && name[len - 1] == '_')
        len--;
    return f->target ? f->target : pt2_arena_printf(L->arena, "aten.%.*s", len, name);
}

static const struct pt2_arg *first_list(struct pt2_lower *L)
{
    const struct pt2_pnode *n = L->node;
    for (uint32_t k = 0; k < n->num_args; k++)
        if (n->args[k].kind == PT2_ARG_LIST)
            return &n->args[k];
    op_fail(L, PT2_ERR_FORMAT, "no list of tensors");
}

/* Call k, with its result in `out`. */
static void call_single(struct pt2_lower *L, const struct pt2_pnode *list, const struct form *f, uint32_t k,
                        struct pt2_pvalue *out)
{
    struct pt2_pnode call = *list;
    struct pt2_arg *args = PT2_NEW_N(L->arena, struct pt2_arg, list->num_args);
    for (uint32_t j = 0; j < list->num_args; j++) {
        const struct pt2_arg *a = &list->args[j];
        if (a->kind == PT2_ARG_LIST && k >= a->num_items)
            op_fail(L, PT2_ERR_FORMAT, "argument %s has %u entries", a->name, a->num_items);
        args[j] = a->kind == PT2_ARG_LIST ? a->items[k] : *a;
        args[j].name = arg_name(f, a->name);
    }
    call.target = single_target(L, f);
    call.args = args;
    call.num_outs = 1;
    call.outs = &out;
    const struct pt2_op_row *row = L->row;
    enum pt2_row_use use;
    L->row = pt2_op_resolve(call.target, &use);
    if (!L->row)
        op_fail(L, PT2_ERR_UNSUPPORTED, "operator %s is not supported", call.target);
    L->node = pt2_arena_copy(L->arena, &call, sizeof call);
    L->row->lower(L);
    L->node = list;
    L->row = row;
}

/* In place: the value is computed in the slot of the tensor that gets it, which is then put back. */
static void write_entry(struct pt2_lower *L, const struct pt2_pnode *list, const struct form *f,
                        const struct pt2_arg *entry, uint32_t k)
{
    if (entry->kind != PT2_ARG_VALUE || !L->priv->slots[entry->value->index].tensor)
        op_fail(L, PT2_ERR_FORMAT, "entry %u of the list is no tensor", k);
    struct pt2_slot *slot = &L->priv->slots[entry->value->index];
    pt2_t *self = slot->tensor;
    call_single(L, list, f, k, pt2_arena_copy(L->arena, entry->value, sizeof *entry->value));
    pt2_t *value = slot->tensor;
    slot->tensor = self;
    if (value != self)
        op_write(L, self, value);
}

static void lower_foreach(struct pt2_lower *L)
{
    const struct pt2_pnode *list = L->node;
    const struct form *f = &forms[L->row->data];
    const struct pt2_arg *a = first_list(L);
    size_t len = strcspn(list->target + 5, ".") + 5;
    bool inplace = list->target[len - 1] == '_';
    for (uint32_t j = 0; j < list->num_args; j++)
        if (!strcmp(list->args[j].name, "scalars") && list->args[j].kind == PT2_ARG_VALUE)
            op_fail(L, PT2_ERR_UNSUPPORTED, "a tensor of scalars");
    if (!inplace && list->num_outs != a->num_items)
        op_fail(L, PT2_ERR_FORMAT, "%u results of %u tensors", list->num_outs, a->num_items);
    for (uint32_t k = 0; k < a->num_items; k++) {
        if (inplace)
            write_entry(L, list, f, &a->items[k], k);
        else
            call_single(L, list, f, k, list->outs[k]);
    }
}

/* In-place operators have rows of their own: they write many tensors. */
#define FOREACH(name, form) \
    { "aten._foreach_" name, lower_foreach, form }, { "aten._foreach_" name "_", lower_foreach, form }

const struct pt2_op_row pt2_ops_foreach[] = {
    FOREACH("abs", PLAIN), FOREACH("acos", PLAIN), FOREACH("asin", PLAIN), FOREACH("atan", PLAIN),
    FOREACH("ceil", PLAIN), FOREACH("clone", PLAIN), FOREACH("cos", PLAIN), FOREACH("cosh", PLAIN),
    FOREACH("erf", PLAIN), FOREACH("erfc", PLAIN), FOREACH("exp", PLAIN), FOREACH("expm1", PLAIN),
    FOREACH("floor", PLAIN), FOREACH("frac", PLAIN), FOREACH("lgamma", PLAIN), FOREACH("log", PLAIN),
    FOREACH("log10", PLAIN), FOREACH("log1p", PLAIN), FOREACH("log2", PLAIN), FOREACH("neg", PLAIN),
    FOREACH("reciprocal", PLAIN), FOREACH("round", PLAIN), FOREACH("rsqrt", PLAIN), FOREACH("sigmoid", PLAIN),
    FOREACH("sign", PLAIN), FOREACH("sin", PLAIN), FOREACH("sinh", PLAIN), FOREACH("sqrt", PLAIN),
    FOREACH("tan", PLAIN), FOREACH("tanh", PLAIN), FOREACH("trunc", PLAIN), FOREACH("zero", PLAIN),
    FOREACH("copy", PLAIN), FOREACH("add", OTHER), FOREACH("sub", OTHER), FOREACH("mul", OTHER),
    FOREACH("div", OTHER), FOREACH("maximum", OTHER), FOREACH("minimum", OTHER), FOREACH("clamp_max", MAXIMUM),
    FOREACH("clamp_min", MINIMUM), FOREACH("pow", EXPONENT), FOREACH("lerp", WEIGHT), FOREACH("addcmul", VALUE),
    FOREACH("addcdiv", VALUE), FOREACH("norm", NORM), FOREACH("max", GREATEST),
    FOREACH("mm", PLAIN), FOREACH("powsum", POWSUM),
    { 0 },
};
