/* SPDX-License-Identifier: MIT
 * Sets of custom operators: names to what the user gave. */
#include "ops/custom.h"

#include <stdlib.h>

struct pt2_operators {
    struct pt2_arena arena;
    struct pt2_map ops; /* target -> struct pt2_custom_op */
};

pt2_status pt2_operators_create(pt2_operators **out_operators)
{
    if (!out_operators)
        return pt2_fail(PT2_ERR_ARG, "pt2_operators_create: out_operators is NULL");
    *out_operators = calloc(1, sizeof **out_operators);
    return *out_operators ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "out of memory");
}

void pt2_operators_destroy(pt2_operators **operators)
{
    if (!operators || !*operators)
        return;
    pt2_arena_free(&(*operators)->arena);
    free(*operators);
    *operators = NULL;
}

/* "mylib::swish" as the archive spells it: "mylib.swish". NULL: not such a name. */
static char *target_of(struct pt2_arena *arena, const char *name)
{
    const char *colons = name ? strstr(name, "::") : NULL;
    if (!colons || colons == name || !colons[2] || strchr(colons + 2, ':'))
        return NULL;
    return pt2_arena_printf(arena, "%.*s.%s", (int)(colons - name), name, colons + 2);
}

static pt2_status add(pt2_operators *set, const char *name, struct pt2_custom_op **out_op)
{
    if (!set)
        return pt2_fail(PT2_ERR_ARG, "custom operator: no set of operators");
    char *target = target_of(&set->arena, name);
    if (!target)
        return pt2_fail(PT2_ERR_ARG, "custom operator '%s': a name is namespace::name", name ? name : "NULL");
    struct pt2_custom_op *op = *out_op = PT2_NEW(&set->arena, struct pt2_custom_op);
    op->target = target;
    if (!pt2_map_put(&set->arena, &set->ops, target, op))
        return pt2_fail(PT2_ERR_ARG, "custom operator %s is in the set already", name);
    return PT2_OK;
}

pt2_status pt2_operators_add_lowering(pt2_operators *operators, const char *name, pt2_lowering *lowering, void *user)
{
    struct pt2_custom_op *op;
    if (!lowering)
        return pt2_fail(PT2_ERR_ARG, "custom operator %s: lowering is NULL", name ? name : "NULL");
    PT2_TRY(add(operators, name, &op));
    op->lowering = lowering;
    op->user = user;
    return PT2_OK;
}

pt2_status pt2_operators_add_kernel(pt2_operators *operators, const char *name, const pt2_custom_kernel *kernel)
{
    struct pt2_custom_op *op;
    if (!kernel || (!kernel->text && !kernel->host) || kernel->inner_dims < 0 || kernel->group_size < 0)
        return pt2_fail(PT2_ERR_ARG, "custom operator %s: a kernel needs a text or a host function, and sizes >= 0",
                        name ? name : "NULL");
    PT2_TRY(add(operators, name, &op));
    op->kernel = *kernel;
    if (kernel->text)
        op->kernel.text = pt2_arena_strdup(&operators->arena, kernel->text);
    if (kernel->shared)
        op->kernel.shared = pt2_arena_strdup(&operators->arena, kernel->shared);
    return PT2_OK;
}

const struct pt2_custom_op *pt2_custom_find(const struct pt2_operators *set, const char *target)
{
    if (!set)
        return NULL;
    const struct pt2_custom_op *op = pt2_map_get(&set->ops, target);
    const char *dot = strchr(target, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
    return op || !end ? op : pt2_map_get_n(&set->ops, target, (size_t)(end - target));
}
