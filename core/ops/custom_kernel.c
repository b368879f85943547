/* SPDX-License-Identifier: MIT
 * Kernels that users give: a call becomes a CUSTOM node with its tensors, its numbers and results as the file has
 * them. */
#include "graph/custom.h"
#include "ops/custom.h"
#include "ops/internal.h"

#include <stdio.h>

struct arguments {
    struct pt2_custom *c;
    PT2_VEC(struct pt2_custom_tensor) tensors;
    PT2_VEC(struct pt2_custom_number) numbers;
    PT2_VEC(struct pt2_value *) values;
};

static void add_tensor(struct pt2_lower *L, struct arguments *a, const char *name, pt2_t *t)
{
    struct pt2_custom_tensor x = { name, t ? t->dtype : PT2_NONE, t ? (int)a->values.count : -1 };
    if (t)
        pt2_push(L->arena, &a->values, op_value(L, t));
    pt2_push(L->arena, &a->tensors, x);
}

/* A number that data decide is read before the kernel is launched. */
static void add_number(struct pt2_lower *L, struct arguments *a, const char *name, pt2_ex e)
{
    struct pt2_custom_number x = { .name = name, .dtype = e->dtype == PT2_IDX ? PT2_I64 : (pt2_dtype)e->dtype };
    if (x.dtype == PT2_F64 && !pt2_is_const(e))
        op_fail(L, PT2_ERR_UNSUPPORTED, "argument %s is a float that is known at run time only: pass a tensor", name);
    if (x.dtype == PT2_F64)
        x.value = e->f;
    else if (e->has & PT2_HAS_LOAD)
        x.size = op_item(L, pt2_cast(L->E, PT2_IDX, e), -1);
    else
        x.size = pt2_cast(L->E, PT2_IDX, e);
    pt2_push(L->arena, &a->numbers, x);
}

static void add_argument(struct pt2_lower *L, struct arguments *a, const char *name, const struct pt2_arg *arg);

static void add_list(struct pt2_lower *L, struct arguments *a, const char *name, const struct pt2_arg *list)
{
    for (uint32_t k = 0; k < list->num_items; k++) {
        const struct pt2_arg *item = &list->items[k];
        bool tensor = item->kind == PT2_ARG_VALUE && item->value->kind == PT2_VALUE_TENSOR;
        add_argument(L, a, pt2_arena_printf(L->arena, tensor ? "%s_%u" : "%s[%u]", name, k), item);
    }
}

static void add_argument(struct pt2_lower *L, struct arguments *a, const char *name, const struct pt2_arg *arg)
{
    switch (arg->kind) {
    case PT2_ARG_NONE: add_tensor(L, a, name, NULL); break;
    case PT2_ARG_VALUE: case PT2_ARG_INT: case PT2_ARG_FLOAT: case PT2_ARG_BOOL: {
        struct pt2_slot s = pt2_lower_arg(L, arg);
        if (s.scalar)
            add_number(L, a, name, s.scalar);
        else
            add_tensor(L, a, name, s.tensor);
        break;
    }
    case PT2_ARG_LIST: add_list(L, a, name, arg); break;
    case PT2_ARG_DTYPE: case PT2_ARG_LAYOUT: case PT2_ARG_MEMORY_FORMAT: case PT2_ARG_DEVICE: break;
    default:
        op_fail(L, PT2_ERR_UNSUPPORTED, "argument %s is no tensor and no number, which is all that a kernel can see",
                name);
    }
}

static void add_results(struct pt2_lower *L, struct pt2_custom *c, struct pt2_node *n)
{
    for (int k = 0; k < n->num_outs; k++) {
        int rank = op_out_rank(L, k);
        pt2_dtype dtype = c->results[k] = op_out_dtype(L, k), real = dtype;
        pt2_ex *shape = op_out_shape(L, k);
        pt2_complex_dims(L, &real, &rank, shape);
        op_result(L, k, op_of_value(L, dtype, pt2_node_out(L->g, n, k, real, rank, shape)));
    }
}

void pt2_lower_custom_kernel(struct pt2_lower *L, const struct pt2_custom_op *op)
{
    struct arguments a = { .c = PT2_NEW(L->arena, struct pt2_custom) };
    const struct pt2_pnode *node = L->node;
    for (uint32_t k = 0; k < node->num_args; k++)
        add_argument(L, &a, node->args[k].name, &node->args[k]);
    for (uint32_t k = 0; k < node->num_outs; k++)
        if (node->outs[k]->kind != PT2_VALUE_TENSOR)
            op_fail(L, PT2_ERR_UNSUPPORTED, "result %u of a kernel is not a tensor", k);
    if (node->num_outs == 0)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a kernel without results: operators that only write need a lowering");
    if (op->kernel.inner_dims > op_out_rank(L, 0))
        op_fail(L, PT2_ERR_ARG, "inner_dims is %d, result 0 has %d dimensions", op->kernel.inner_dims,
                op_out_rank(L, 0));
    const char *name = pt2_arena_printf(L->arena, "node %s (%s)%s%s", node->name, node->target,
                                        node->python_line[0] ? " at " : "", node->python_line);
    *a.c = (struct pt2_custom){ name, &op->kernel, (int)a.tensors.count, a.tensors.data,
                                PT2_NEW_N(L->arena, pt2_dtype, node->num_outs), (int)a.numbers.count, a.numbers.data };
    struct pt2_node *n = pt2_node_new(L->g, PT2_NODE_CUSTOM, (int)node->num_outs);
    n->num_args = (int)a.values.count;
    n->args = a.values.data;
    n->custom = a.c;
    add_results(L, a.c, n);
}
