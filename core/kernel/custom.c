/* SPDX-License-Identifier: MIT
 * A user's kernel. Its text: names for buffers, sizes and numbers, then what the user wrote, once for each point. Its
 * host function: called with the launch's memory as tensors. */
#include "graph/custom.h"
#include "kernel/render.h"

#include <math.h>
#include <stdio.h>

/* ---- text ---- */

static const struct pt2_value *value_of(const struct pt2_node *n, int k)
{
    return k < n->num_args ? n->args[k] : n->outs[k - n->num_args];
}

int pt2_custom_first_dim(const struct pt2_node *n, int value)
{
    int at = 0;
    for (int k = 0; k < value; k++)
        at += value_of(n, k)->rank;
    return at;
}

int pt2_custom_first_number(const struct pt2_node *n)
{
    return pt2_custom_first_dim(n, n->num_args + n->num_outs);
}

/* "pads[1]" is pads_1 in text. */
static void identifier(const char *name, char *out, size_t cap)
{
    size_t n = 0;
    for (; *name && n + 1 < cap; name++)
        if (*name != ']')
            out[n++] = *name == '[' ? '_' : *name;
    out[n] = 0;
}

/* Sizes and number of elements of buffer k. */
static void sizes(const struct pt2_node *n, int k, const char *name, struct pt2_str *out)
{
    int rank = value_of(n, k)->rank, first = pt2_custom_first_dim(n, k);
    pt2_str_addf(out, "int count_%s = 1;\n", name);
    for (int d = 0; d < rank; d++)
        pt2_str_addf(out, "int size_%s_%d = P(%d); count_%s *= size_%s_%d;\n", name, d, first + d, name, name, d);
}

static void result_name(const struct pt2_node *n, int k, char *out, size_t cap)
{
    if (n->num_outs == 1)
        snprintf(out, cap, "out");
    else
        snprintf(out, cap, "out_%d", k);
}

static void number_text(const struct pt2_custom_number *x, int param, struct pt2_str *out)
{
    char name[96];
    identifier(x->name, name, sizeof name);
    if (x->dtype != PT2_F64)
        pt2_str_addf(out, "%s arg_%s = P(%d)%s;\n", x->dtype == PT2_BOOL ? "bool" : "int", name, param,
                     x->dtype == PT2_BOOL ? " != 0" : "");
    else if (isfinite(x->value) && fabs(x->value) <= 3.4028234663852886e38)
        pt2_str_addf(out, "float arg_%s = %.9ef;\n", name, x->value);
    else
        pt2_str_addf(out, "float arg_%s = %s;\n", name,
                     isnan(x->value) ? "pt_nan_f32()" : x->value < 0 ? "-pt_inf_f32()" : "pt_inf_f32()");
}

/* Macros, which a driver that compiles several kernels at once must not see in the next one: with `end` they are taken
 * back. */
static void macros(const struct pt2_node *n, bool end, struct pt2_str *out)
{
    const struct pt2_custom *c = n->custom;
    char name[96];
    for (int k = 0; k < c->num_tensors; k++) {
        const struct pt2_custom_tensor *t = &c->tensors[k];
        pt2_str_addf(out, end ? "#undef has_%s\n" : "#define has_%s %d\n", t->name, t->arg >= 0);
        if (t->arg >= 0 && end)
            pt2_str_addf(out, "#undef ld_%s\n", t->name);
        else if (t->arg >= 0)
            pt2_str_addf(out, "#define ld_%s(i) pt_ld_%s(b%d, i)\n", t->name, pt2_storage_name(n->args[t->arg]->dtype),
                         t->arg);
    }
    for (int k = 0; k < n->num_outs; k++) {
        result_name(n, k, name, sizeof name);
        if (end)
            pt2_str_addf(out, "#undef st_%s\n", name);
        else
            pt2_str_addf(out, "#define st_%s(i, v) pt_st_%s(b%d, i, v)\n", name, pt2_storage_name(n->outs[k]->dtype),
                         n->num_args + k);
    }
}

void pt2_custom_render(const struct pt2_kernel *k, struct pt2_str *out)
{
    const struct pt2_node *n = k->library;
    const struct pt2_custom *c = n->custom;
    int param = pt2_custom_first_number(n);
    char name[96];
    if (!c->kernel->text)
        return;
    pt2_str_addf(out, "%s%s", c->kernel->shared ? c->kernel->shared : "", c->kernel->shared ? "\n" : "");
    pt2_str_addf(out, "int point = %s;\n", c->kernel->group_size ? "GROUP_ID()" : "GLOBAL_ID()");
    macros(n, false, out);
    for (int j = 0; j < c->num_tensors; j++)
        if (c->tensors[j].arg >= 0)
            sizes(n, c->tensors[j].arg, c->tensors[j].name, out);
    for (int j = 0; j < n->num_outs; j++) {
        result_name(n, j, name, sizeof name);
        sizes(n, n->num_args + j, name, out);
    }
    for (int j = 0; j < c->num_numbers; j++) {
        number_text(&c->numbers[j], param, out);
        param += c->numbers[j].dtype != PT2_F64;
    }
    pt2_str_addf(out, "if (point < P(%d)) {\n%s\n}\n", param, c->kernel->text);
    macros(n, true, out);
}

/* ---- host function ---- */

/* What pt2_host_int and pt2_host_float look names up in. */
struct pt2_host_numbers {
    const struct pt2_custom *custom;
    const int32_t *sizes; /* values of all numbers but floats */
};

static bool find_number(const pt2_host_call *call, const char *name, int64_t *out_int, double *out_float)
{
    const struct pt2_custom *c = call->numbers->custom;
    const int32_t *size = call->numbers->sizes;
    for (int k = 0; k < c->num_numbers; k++) {
        const struct pt2_custom_number *x = &c->numbers[k];
        bool is_float = x->dtype == PT2_F64;
        if (!strcmp(x->name, name)) {
            *out_float = is_float ? x->value : (double)*size;
            *out_int = is_float ? (int64_t)x->value : *size;
            return true;
        }
        size += !is_float;
    }
    return false;
}

int64_t pt2_host_int(const pt2_host_call *call, const char *name, int64_t otherwise)
{
    int64_t i;
    double f;
    return find_number(call, name, &i, &f) ? i : otherwise;
}

double pt2_host_float(const pt2_host_call *call, const char *name, double otherwise)
{
    int64_t i;
    double f;
    return find_number(call, name, &i, &f) ? f : otherwise;
}

/* Value k (args, then outs) as a tensor of this dtype, which may be complex. */
static pt2_tensor tensor_of(const struct pt2_node *n, int k, pt2_dtype dtype, void *data, const int32_t *params)
{
    pt2_tensor t = { .dtype = dtype, .rank = value_of(n, k)->rank - (pt2_dtype_is_complex(dtype) ? 1 : 0),
                     .data = data };
    const int32_t *dims = params + pt2_custom_first_dim(n, k);
    for (int d = 0; d < t.rank; d++)
        t.shape[d] = dims[d];
    return t;
}

pt2_status pt2_custom_run(const struct pt2_node *n, void *const *data, const int32_t *params)
{
    const struct pt2_custom *c = n->custom;
    struct pt2_arena arena = { 0 };
    struct pt2_host_numbers numbers = { c, params + pt2_custom_first_number(n) };
    pt2_tensor *args = PT2_NEW_N(&arena, pt2_tensor, c->num_tensors);
    pt2_tensor *results = PT2_NEW_N(&arena, pt2_tensor, n->num_outs);
    for (int k = 0; k < c->num_tensors; k++)
        if (c->tensors[k].arg >= 0)
            args[k] = tensor_of(n, c->tensors[k].arg, c->tensors[k].dtype, data[c->tensors[k].arg], params);
    for (int k = 0; k < n->num_outs; k++)
        results[k] = tensor_of(n, n->num_args + k, c->results[k], data[n->num_args + k], params);
    pt2_host_call host = { c->num_tensors, args, n->num_outs, results, &numbers };
    pt2_status status = c->kernel->host(&host, c->kernel->user);
    pt2_arena_free(&arena);
    return status == PT2_OK ? PT2_OK : pt2_fail(status, "%s: its host function failed", c->name);
}
