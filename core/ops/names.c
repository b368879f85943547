/* SPDX-License-Identifier: MIT
 * Operators that PyTorch's tools write under other names: primitives, which nearly all are ATen operators with other
 * argument names, and ExecuTorch's edge dialect, which has ATen's operators and writes no argument names at all. */
#include "ops/internal.h"

#include <pthread.h>

/* `name` computes what `aten` does. `args` tells how arguments of the ATen operator are called: "self=a dim=dims". */
struct alias {
    const char *name, *aten, *args;
};

/* Elementwise primitives are called as in ATen. */
#define SAME(op) { "prims." op, "aten." op, "" }

static const struct alias aliases[] = {
    SAME("abs"), SAME("acos"), SAME("acosh"), SAME("add"), SAME("asin"), SAME("asinh"), SAME("atan"), SAME("atan2"),
    SAME("atanh"), SAME("bitwise_and"), SAME("bitwise_not"), SAME("bitwise_or"), SAME("bitwise_xor"), SAME("cat"),
    SAME("ceil"), SAME("clone"), SAME("conj_physical"), SAME("cos"), SAME("cosh"), SAME("digamma"), SAME("empty"),
    SAME("empty_permuted"), SAME("empty_strided"), SAME("eq"), SAME("erf"), SAME("erfc"), SAME("exp"), SAME("exp2"),
    SAME("expm1"), SAME("fill"), SAME("floor"), SAME("fmax"), SAME("fmin"), SAME("fmod"), SAME("frexp"), SAME("full"),
    SAME("full_like"), SAME("gcd"), SAME("ge"), SAME("gt"), SAME("hypot"), SAME("igamma"), SAME("igammac"),
    SAME("imag"), SAME("isfinite"), SAME("le"), SAME("lgamma"), SAME("log"), SAME("log10"), SAME("log1p"),
    SAME("log2"), SAME("lt"), SAME("maximum"), SAME("minimum"), SAME("mul"), SAME("ne"), SAME("neg"),
    SAME("nextafter"), SAME("normal"), SAME("real"), SAME("reciprocal"), SAME("remainder"),
    SAME("round"), SAME("rsqrt"), SAME("scalar_tensor"), SAME("sign"), SAME("signbit"), SAME("sin"), SAME("sinh"),
    SAME("sqrt"), SAME("sub"), SAME("tan"), SAME("tanh"), SAME("trunc"),
    /* called otherwise */
    { "prims.bessel_i0", "aten.special_i0", "" },
    { "prims.bessel_i0e", "aten.special_i0e", "" },
    { "prims.bessel_i1", "aten.special_i1", "" },
    { "prims.bessel_i1e", "aten.special_i1e", "" },
    { "prims.bessel_j0", "aten.special_bessel_j0", "" },
    { "prims.bessel_j1", "aten.special_bessel_j1", "" },
    { "prims.erf_inv", "aten.erfinv", "" },
    { "prims.erfcx", "aten.special_erfcx", "" },
    { "prims.pow", "aten.pow", "exponent=other" },
    { "prims.ndtri", "aten.special_ndtri", "" },
    { "prims.shift_left", "aten.bitwise_left_shift", "" },
    { "prims.shift_right_arithmetic", "aten.bitwise_right_shift", "" },
    { "prims.spherical_bessel_j0", "aten.special_spherical_bessel_j0", "" },
    { "prims.zeta", "aten.special_zeta", "" },
    { "prims.where", "aten.where", "condition=pred self=a other=b" },
    /* conversions */
    { "prims.conj", "aten.conj", "self=a" },
    { "prims.convert_element_type", "aten.to", "self=a" },
    { "prims.device_put", "aten.to", "self=a" },
    { "prims.item", "aten.item", "self=a" },
    { "prims.view_of_dtype", "aten.view.dtype", "self=a" },
    /* shapes, which the file tells */
    { "prims.as_strided", "aten.as_strided", "self=a" },
    { "prims.as_strided_scatter", "aten.as_strided_scatter", "" },
    { "prims.collapse", "aten._reshape_copy", "self=a" },
    { "prims.collapse_view", "aten.view", "self=a" },
    { "prims.copy_strided", "aten.clone", "self=a" },
    { "prims.reshape", "aten._reshape_copy", "self=a" },
    { "prims.resize", "aten.resize_.default", "self=a size=shape" },
    { "prims.rev", "aten.flip", "self=a" },
    { "prims.split_dim", "aten.view", "self=a" },
    { "prims.squeeze", "aten.squeeze", "self=a dim=dimensions" },
    { "prims.transpose", "aten.permute", "self=a dims=permutation" },
    { "prims.view_of", "aten.alias", "self=a" },
    { "prims.copy_to", "aten.copy_.default", "self=a src=b" },
    /* reductions */
    { "prims.amax", "aten.amax", "self=inp dim=dims" },
    { "prims.amin", "aten.amin", "self=inp dim=dims" },
    { "prims.prod", "aten.prod", "self=inp dim=dims" },
    { "prims.sum", "aten.sum", "self=inp dim=dims" },
    { "prims.var", "aten.var", "self=inp dim=dims" },
    /* transforms, factorisations, random numbers */
    { "prims.fft_c2c", "aten._fft_c2c", "" },
    { "prims.fft_c2r", "aten._fft_c2r", "" },
    { "prims.fft_r2c", "aten._fft_r2c", "" },
    { "prims.svd", "aten.linalg_svd", "" },
    { "prims.uniform", "aten.uniform", "from=low to=high" },
    /* gradients that are a product */
    { "aten.fake_quantize_per_tensor_affine_cachemask_backward", "aten.mul", "self=grad other=mask" },
    { "aten.fake_quantize_per_channel_affine_cachemask_backward", "aten.mul", "self=grad other=mask" },
    /* ExecuTorch tells the order of dimensions in memory, where ATen has memory formats */
    { "dim_order_ops._to_dim_order_copy", "aten._to_copy", "" },
    { "dim_order_ops._empty_dim_order", "aten.empty", "" },
    { "dim_order_ops._clone_dim_order", "aten.clone", "" },
};

static struct pt2_arena arena; /* lives as long as the process */
static struct pt2_map by_name, schemas;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Puts the overloads of one line of pt2_op_arguments: "(self other) aten.eq.Tensor aten.ge.Tensor". */
static void add_schemas(const char *line)
{
    const char *names = line + 1, *end = strchr(line, ')'), *p = end + 1;
    size_t n = (size_t)(end - names);
    char *list = pt2_arena_printf(&arena, "%.*s", (int)n, names);
    while (*p == ' ') {
        size_t len = strcspn(++p, " ");
        pt2_map_put(&arena, &schemas, pt2_arena_printf(&arena, "%.*s", (int)len, p), list);
        p += len;
    }
}

static void build(void)
{
    for (size_t k = 0; k < sizeof aliases / sizeof *aliases; k++)
        pt2_map_put(&arena, &by_name, aliases[k].name, (void *)(uintptr_t)&aliases[k]);
    for (size_t k = 0; pt2_op_arguments[k]; k++)
        add_schemas(pt2_op_arguments[k]);
}

static const struct alias *alias_of(const char *target)
{
    pthread_once(&once, build);
    const char *dot = strchr(target, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
    return pt2_map_get_n(&by_name, target, end ? (size_t)(end - target) : strlen(target));
}

const char *pt2_op_aten_name(const char *target)
{
    const struct alias *a = alias_of(target);
    return a ? a->aten : target;
}

/* Word k of a list that single characters `between` part; its length, 0 behind the last one. */
static size_t word(const char *list, uint32_t k, const char **out)
{
    for (; k && *list; k--) {
        list += strcspn(list, " ");
        list += *list == ' ';
    }
    *out = list;
    return strcspn(list, " ");
}

/* The names of positional arguments that the file leaves out. */
static void name_positions(struct pt2_lower *L, const char *target, uint32_t n, struct pt2_arg *args)
{
    size_t len = strlen(target);
    const char *names = pt2_map_get(&schemas, target), *name;
    if (!names && len > 8 && !strcmp(target + len - 8, ".default"))
        names = pt2_map_get_n(&schemas, target, len - 8);
    for (uint32_t k = 0; names && k < n && !args[k].name[0]; k++)
        if ((len = word(names, k, &name)))
            args[k].name = pt2_arena_printf(L->arena, "%.*s", (int)len, name);
}

/* "self=a": what the primitive calls a is called self. */
static void rename_args(struct pt2_lower *L, const char *renames, uint32_t n, struct pt2_arg *args)
{
    const char *rename;
    for (uint32_t j = 0; word(renames, j, &rename); j++) {
        size_t to = strcspn(rename, "="), from = strcspn(rename + to + 1, " ");
        for (uint32_t k = 0; k < n; k++)
            if (strlen(args[k].name) == from && !strncmp(args[k].name, rename + to + 1, from))
                args[k].name = pt2_arena_printf(L->arena, "%.*s", (int)to, rename);
    }
}

const struct pt2_pnode *pt2_op_with_names(struct pt2_lower *L, const struct pt2_pnode *node)
{
    const struct alias *a = alias_of(node->target);
    bool unnamed = node->num_args && !node->args[0].name[0];
    if (!node->num_args || (!unnamed && (!a || !a->args[0])))
        return node;
    struct pt2_pnode *named = pt2_arena_copy(L->arena, node, sizeof *node);
    struct pt2_arg *args = pt2_arena_copy(L->arena, node->args, node->num_args * sizeof *args);
    if (unnamed)
        name_positions(L, node->target, node->num_args, args);
    if (a)
        rename_args(L, a->args, node->num_args, args);
    named->args = args;
    return named;
}
