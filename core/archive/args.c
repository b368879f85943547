/* SPDX-License-Identifier: MIT
 *
 * Arguments: a union whose tag says what the payload is.  One table maps tags to a reader of one item and to how many
 * levels of lists surround the items. */
#include "archive/load.h"

struct variant {
    const char *tag;
    pt2_status (*read)(struct pt2_scope *scope, const struct variant *v, const struct pt2_at *at, struct pt2_arg *arg);
    int lists; /* levels of lists around the items */
    int kind;  /* of the value that a name means; readers of enums: the largest number */
    int arg_kind;
};

typedef struct pt2_scope scope_t;
typedef const struct variant variant_t;
typedef const struct pt2_at at_t;

const char *pt2_load_target(struct pt2_load *ld, const char *text)
{
    static const char *const prefixes[] = { "torch.ops.", "executorch.exir.dialects.edge._ops.",
                                            "executorch.exir.dialects.backend._ops." };
    static const char hops[] = "torch._higher_order_ops.";
    for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++)
        if (!strncmp(text, prefixes[k], strlen(prefixes[k])))
            return pt2_load_intern(ld, text + strlen(prefixes[k]));
    if (!strncmp(text, hops, sizeof hops - 1)) /* torch 2.4 writes the Python path of some */
        return pt2_load_intern(ld, pt2_arena_printf(&ld->scratch, "higher_order.%s", strrchr(text, '.') + 1));
    return pt2_load_intern(ld, text);
}

pt2_status pt2_load_name_field(at_t *at, struct pt2_at *out_text)
{
    *out_text = *at;
    if (pt2_at_is_text(at))
        return PT2_OK;
    PT2_TRY(pt2_at_maybe(at, "name", out_text));
    return out_text->v ? PT2_OK : pt2_at_field(at, "as_name", out_text);
}

static pt2_status name_of(at_t *at, const char **out_name)
{
    struct pt2_at text;
    PT2_TRY(pt2_load_name_field(at, &text));
    return pt2_at_text(&text, out_name);
}

/* ---- readers of one item ---- */

static pt2_status read_none(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)scope, (void)v, (void)at;
    arg->kind = PT2_ARG_NONE;
    return PT2_OK;
}

static pt2_status read_value(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    const char *name;
    PT2_TRY(name_of(at, &name));
    const struct pt2_pvalue *value = pt2_map_get(&scope->defined, name);
    if (!value)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "value %.100s is used before it is defined", name);
    /* a cond's numbers stand in its list of tensors */
    bool number = v->lists && (value->kind == PT2_VALUE_INT || value->kind == PT2_VALUE_FLOAT);
    if ((int)value->kind != v->kind && !number)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "value %.100s is of another kind", name);
    arg->kind = PT2_ARG_VALUE;
    arg->value = value;
    return PT2_OK;
}

static pt2_status read_int(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)scope, (void)v;
    arg->kind = PT2_ARG_INT;
    return pt2_at_int(at, &arg->i);
}

static pt2_status read_float(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)scope, (void)v;
    arg->kind = PT2_ARG_FLOAT;
    return pt2_at_double(at, &arg->f);
}

static pt2_status read_bool(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    bool b = false;
    (void)scope, (void)v;
    arg->kind = PT2_ARG_BOOL;
    PT2_TRY(pt2_at_bool(at, &b));
    arg->i = b;
    return PT2_OK;
}

static pt2_status read_string(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)v;
    arg->kind = PT2_ARG_STRING;
    PT2_TRY(pt2_at_text(at, &arg->text));
    arg->text = pt2_load_intern(scope->ld, arg->text);
    return PT2_OK;
}

static pt2_status read_complex(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    struct pt2_at real, imag;
    (void)scope, (void)v;
    arg->kind = PT2_ARG_COMPLEX;
    PT2_TRY(pt2_at_field(at, "real", &real));
    PT2_TRY(pt2_at_field(at, "imag", &imag));
    PT2_TRY(pt2_at_double(&real, &arg->f));
    return pt2_at_double(&imag, &arg->imag);
}

static pt2_status read_dtype(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)scope, (void)v;
    arg->kind = PT2_ARG_DTYPE;
    return pt2_load_dtype(at, &arg->dtype);
}

static pt2_status read_enum(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)scope;
    arg->kind = (enum pt2_arg_kind)v->arg_kind;
    PT2_TRY(pt2_at_int(at, &arg->i));
    if (arg->i < 0 || arg->i > v->kind)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "unknown number %lld", (long long)arg->i);
    return PT2_OK;
}

static pt2_status read_device(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    const char *type;
    (void)scope, (void)v;
    arg->kind = PT2_ARG_DEVICE; /* which one does not matter: everything runs where the user says */
    return pt2_at_field_text(at, "type", &type);
}

static pt2_status read_operator(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)v;
    arg->kind = PT2_ARG_OPERATOR;
    PT2_TRY(pt2_at_text(at, &arg->text));
    arg->text = pt2_load_target(scope->ld, arg->text);
    return PT2_OK;
}

static pt2_status read_custom(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    const char *name = "?";
    (void)scope, (void)v, (void)arg;
    PT2_TRY(name_of(at, &name));
    return pt2_at_fail(at, PT2_ERR_UNSUPPORTED, "the custom object %.100s is used", name);
}

static pt2_status read_graph(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    struct pt2_at name, graph;
    (void)v;
    arg->kind = PT2_ARG_GRAPH;
    PT2_TRY(pt2_at_field(at, "name", &name));
    PT2_TRY(pt2_load_name(scope->ld, &name, &arg->text));
    PT2_TRY(pt2_at_field(at, "graph", &graph));
    return pt2_load_graph(scope->ld, &graph, arg->text, scope, &arg->graph);
}

/* The item is a union itself: as_name, or any literal. */
static pt2_status read_symbolic(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    struct pt2_at item;
    PT2_TRY(pt2_at_union(at, &item));
    if (!strcmp(item.key, "as_name"))
        return read_value(scope, v, &item, arg);
    return pt2_load_arg(scope, at, arg);
}

static pt2_status read_nested(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)v;
    return pt2_load_arg(scope, at, arg);
}

static pt2_status read_dict(scope_t *scope, variant_t *v, at_t *at, struct pt2_arg *arg)
{
    (void)v;
    PT2_TRY(pt2_at_object(at, &arg->num_items));
    struct pt2_arg *items = PT2_NEW_N(scope->ld->arena, struct pt2_arg, arg->num_items);
    arg->kind = PT2_ARG_DICT;
    arg->items = items;
    for (struct pt2_at it = {0}; pt2_at_next(at, &it);) {
        PT2_TRY(pt2_load_arg(scope, &it, &items[it.index]));
        items[it.index].name = pt2_load_intern(scope->ld, it.key);
    }
    return PT2_OK;
}

/* ---- the table ---- */

enum { LARGEST_LAYOUT = 7, LARGEST_MEMORY_FORMAT = 4 };

static const struct variant variants[] = {
    {"as_tensor", read_value, 0, PT2_VALUE_TENSOR, 0},
    {"as_int", read_int, 0, 0, 0},
    {"as_ints", read_int, 1, 0, 0},
    {"as_float", read_float, 0, 0, 0},
    {"as_bool", read_bool, 0, 0, 0},
    {"as_none", read_none, 0, 0, 0},
    {"as_scalar_type", read_dtype, 0, 0, 0},
    {"as_sym_int", read_symbolic, 0, PT2_VALUE_INT, 0},
    {"as_sym_ints", read_symbolic, 1, PT2_VALUE_INT, 0},
    {"as_sym_float", read_symbolic, 0, PT2_VALUE_FLOAT, 0},
    {"as_sym_floats", read_symbolic, 1, PT2_VALUE_FLOAT, 0},
    {"as_sym_bool", read_symbolic, 0, PT2_VALUE_BOOL, 0},
    {"as_sym_bools", read_symbolic, 1, PT2_VALUE_BOOL, 0},
    {"as_tensors", read_value, 1, PT2_VALUE_TENSOR, 0},
    {"as_nested_tensors", read_value, 2, PT2_VALUE_TENSOR, 0},
    {"as_optional_tensor", read_nested, 0, 0, 0},
    {"as_optional_tensors", read_nested, 1, 0, 0},
    {"as_int_lists", read_int, 2, 0, 0},
    {"as_floats", read_float, 1, 0, 0},
    {"as_float_lists", read_float, 2, 0, 0},
    {"as_bools", read_bool, 1, 0, 0},
    {"as_string", read_string, 0, 0, 0},
    {"as_strings", read_string, 1, 0, 0},
    {"as_complex", read_complex, 0, 0, 0},
    {"as_memory_format", read_enum, 0, LARGEST_MEMORY_FORMAT, PT2_ARG_MEMORY_FORMAT},
    {"as_layout", read_enum, 0, LARGEST_LAYOUT, PT2_ARG_LAYOUT},
    {"as_device", read_device, 0, 0, 0},
    {"as_graph", read_graph, 0, 0, 0},
    {"as_operator", read_operator, 0, 0, 0},
    {"as_string_to_argument", read_dict, 0, 0, 0},
    {"as_custom_obj", read_custom, 0, 0, 0},
};

static pt2_status read_levels(scope_t *scope, variant_t *v, int lists, at_t *at, struct pt2_arg *arg)
{
    if (!lists)
        return v->read(scope, v, at, arg);
    arg->kind = PT2_ARG_LIST;
    PT2_TRY(pt2_at_array(at, &arg->num_items));
    struct pt2_arg *items = PT2_NEW_N(scope->ld->arena, struct pt2_arg, arg->num_items);
    arg->items = items;
    for (struct pt2_at it = {0}; pt2_at_next(at, &it);) {
        items[it.index].name = "";
        PT2_TRY(read_levels(scope, v, lists - 1, &it, &items[it.index]));
    }
    return PT2_OK;
}

pt2_status pt2_load_arg(struct pt2_scope *scope, const struct pt2_at *at, struct pt2_arg *out_arg)
{
    struct pt2_at item;
    PT2_TRY(pt2_at_union(at, &item));
    if (!out_arg->name)
        out_arg->name = "";
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (!strcmp(variants[i].tag, item.key))
            return read_levels(scope, &variants[i], variants[i].lists, &item, out_arg);
    return pt2_at_fail(at, PT2_ERR_UNSUPPORTED, "unknown kind of argument: %.60s", item.key);
}
