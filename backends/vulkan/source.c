/* SPDX-License-Identifier: MIT
 * The GLSL text of a kernel: what the device can do as macros, the prelude and the shared functions, the buffers,
 * the kernel's body.
 *
 * Two words of the dialect cannot be macros in GLSL: SHARED, since shared variables are declared outside
 * functions, and pt_lit_f64, since a double needs the suffix "lf". Both are rewritten here. */
#include "vk.h"

#include <ctype.h>

bool vk_pushes_params(const struct vk_device *d, int num_params)
{
    return (uint32_t)num_params * 4 <= d->has.max_params_bytes;
}

/* Devices that pose as GPUs, for tests, read as GPUs do. */
static bool reads_texels(const struct vk_device *d)
{
    return d->has.texels && d->base.desc.caps.kind == PT2_KIND_CPU;
}

static void add_facts(const struct vk_device *d, const struct pt2_kernel *k, struct pt2_str *out)
{
    const struct pt2_caps *caps = &d->base.desc.caps;
    const struct vk_features *has = &d->has;
    const struct {
        const char *name;
        bool on;
    } facts[] = {
        { "PT_INT64", caps->int64 },          { "PT_FLOAT64", caps->float64 },
        { "PT_FLOAT64_MATH", caps->float64_math },
        { "PT_STORAGE8", caps->storage8 },    { "PT_STORAGE16", caps->storage16 },
        { "PT_KEEP_NAN32", has->keep_nan32 }, { "PT_KEEP_NAN64", has->keep_nan64 },
        { "PT_RTE32", has->rte32 },           { "PT_RTE64", has->rte64 },
        { "PT_DENORM32", has->denorm32 },     { "PT_DENORM64", has->denorm64 },
        { "PT_FMA", caps->kind != PT2_KIND_CPU }, { "PT_TEXELS", reads_texels(d) },
        { "PT_SWAPS", caps->subgroup_size > 0 },
        { "PT_ONE_BY_ONE", caps->kind == PT2_KIND_CPU },
        { "PT_MATRICES", k->matrices },       { "PT_DOTS", k->dots },
        { "PT_ROUNDS16", k->matrices && has->rounds16 },
    };
    pt2_str_add(out, "#version 450\n");
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        pt2_str_addf(out, "#define %s %d\n", facts[i].name, facts[i].on);
    if (k->matrices)
        pt2_str_addf(out, "#define PT_MATRIX_M %d\n#define PT_MATRIX_N %d\n#define PT_MATRIX_K %d\n", caps->matrices.m,
                     caps->matrices.n, caps->matrices.k);
}

/* How elements lie in a storage buffer, and the formats under which views of buffers give one and four of them. */
static const struct element {
    const char *type, *fours;
    VkFormat one, four;
    const char *sampler; /* what precedes "samplerBuffer" */
    const char *of;      /* makes an element of a texel */
} elements[] = {
    { "float", "vec4", VK_FORMAT_R32_SFLOAT, VK_FORMAT_R32G32B32A32_SFLOAT, "", "" },
    { "int", "ivec4", VK_FORMAT_R32_SINT, VK_FORMAT_R32G32B32A32_SINT, "i", "" },
    { "uint", "uvec4", VK_FORMAT_R32_UINT, VK_FORMAT_R32G32B32A32_UINT, "u", "" },
    { "uint8_t", NULL, VK_FORMAT_R8_UINT, VK_FORMAT_UNDEFINED, "u", "" },
    { "uint16_t", NULL, VK_FORMAT_R16_UINT, VK_FORMAT_UNDEFINED, "u", "" },
    { "uvec2", NULL, VK_FORMAT_R32G32_UINT, VK_FORMAT_UNDEFINED, "u", "uvec2" },
    { "int64_t", NULL, VK_FORMAT_R32G32_UINT, VK_FORMAT_UNDEFINED, "u", "pt_i64_of_words" },
    { "uint64_t", NULL, VK_FORMAT_R32G32_UINT, VK_FORMAT_UNDEFINED, "u", "pt_u64_of_words" },
    { "double", NULL, VK_FORMAT_UNDEFINED, VK_FORMAT_UNDEFINED, "", "" },
};

static const struct element *element_of(const struct vk_device *d, pt2_dtype t)
{
    const struct pt2_caps *caps = &d->base.desc.caps;
    enum { FLOAT, INT, UINT, BYTE, HALF, WORDS, LONG, ULONG, DOUBLE } e;
    e = t == PT2_F32 ? FLOAT : t == PT2_I32 ? INT : UINT;
    switch (pt2_dtype_size(t)) {
    case 1: e = caps->storage8 ? BYTE : UINT; break;
    case 2: e = caps->storage16 ? HALF : UINT; break;
    case 8:
        if (t == PT2_F64)
            e = caps->float64 ? DOUBLE : WORDS;
        else
            e = !caps->int64 ? WORDS : t == PT2_I64 ? LONG : ULONG;
        break;
    default: break;
    }
    return &elements[e];
}

VkFormat vk_texel_formats(uint32_t k)
{
    static const VkFormat fetched[] = { VK_FORMAT_R16G16B16A16_SFLOAT, VK_FORMAT_R16G16B16A16_UINT };
    uint32_t n = sizeof elements / sizeof *elements;
    if (k < 2 * n)
        return k % 2 ? elements[k / 2].four : elements[k / 2].one;
    return k - 2 * n < sizeof fetched / sizeof *fetched ? fetched[k - 2 * n] : VK_FORMAT_MAX_ENUM;
}

VkFormat vk_texel_format(const struct vk_device *d, const struct pt2_kernel_buf *b)
{
    if (!reads_texels(d) || b->write)
        return VK_FORMAT_UNDEFINED;
    if (b->fetched && b->dtype != PT2_F32)
        return b->dtype == PT2_F16 ? VK_FORMAT_R16G16B16A16_SFLOAT : VK_FORMAT_R16G16B16A16_UINT;
    const struct element *e = element_of(d, b->dtype);
    return b->fetched || b->quads ? e->four : e->one;
}

static void add_storage(const char *suffix, const char *type, bool readonly, int number, struct pt2_str *out)
{
    pt2_str_addf(out, "layout(std430, set = 0, binding = %d) %sbuffer pt_buf%d%s { %s b%d%s[]; };\n", number,
                 readonly ? "readonly " : "", number, suffix, type, number, suffix);
}

/* A buffer that is read through a view: elements, or fours and parts of these. */
static void add_texels(const struct element *e, const struct pt2_kernel_buf *b, int n, struct pt2_str *out)
{
    bool halves = b->fetched && b->dtype == PT2_F16;
    pt2_str_addf(out, "layout(set = 0, binding = %d) uniform %ssamplerBuffer b%d;\n", n, halves ? "" : e->sampler, n);
    if (b->quads)
        pt2_str_addf(out,
                     "#define b%d_four(i) texelFetch(b%d, int(i))\n"
                     "#define b%d_at(i) pt_component(b%d_four((i) >> 2), i)\n",
                     n, n, n, n);
    else if (!b->fetched)
        pt2_str_addf(out, "#define b%d_at(i) %s(texelFetch(b%d, int(i)).%s)\n", n, e->of, n, *e->of ? "xy" : "x");
}

/* Defines how the words of the dialect reach it: bK_at(i) is element i, bK_four(i) the fours. */
static void add_buffer(const struct vk_device *d, const struct pt2_kernel_buf *b, int number, struct pt2_str *out)
{
    const struct element *e = element_of(d, b->dtype);
    if (vk_texel_format(d, b) != VK_FORMAT_UNDEFINED) {
        add_texels(e, b, number, out);
        return;
    }
    if (b->fetched) {
        add_storage("", b->dtype == PT2_F32 ? "vec4" : b->dtype == PT2_I8 ? "int" : "uvec2", true, number, out);
        return;
    }
    add_storage("", e->type, !b->write, number, out);
    pt2_str_addf(out, "#define b%d_at(i) b%d[i]\n", number, number);
    if (b->quads) {
        add_storage("_4", e->fours, !b->write, number, out);
        pt2_str_addf(out, "#define b%d_four(i) b%d_4[i]\n", number, number);
    }
}

static void add_signature(const struct vk_device *d, const struct pt2_kernel *k, struct pt2_str *out)
{
    pt2_str_addf(out, "\n#define LOCAL_SIZE %d\nlayout(local_size_x = LOCAL_SIZE) in;\n", k->local_size);
    for (int i = 0; i < k->num_bufs; i++)
        add_buffer(d, &k->bufs[i], i, out);
    if (k->num_params && vk_pushes_params(d, k->num_params))
        pt2_str_addf(out, "layout(push_constant) uniform pt_block { int pt_params[%d]; };\n", k->num_params);
    else if (k->num_params)
        pt2_str_addf(out, "layout(std430, set = 0, binding = %d) readonly buffer pt_block { int pt_params[]; };\n",
                     k->num_bufs);
}

static const char *skip_space(const char *s)
{
    while (isspace((unsigned char)*s) || *s == ';')
        s++;
    return s;
}

/* Declares what the SHARED lines at the start of the body ask for; returns the rest of the body. */
static const char *add_shared(const char *text, struct pt2_str *out)
{
    static const char word[] = "SHARED(";
    const char *s = skip_space(text);
    while (!strncmp(s, word, sizeof word - 1)) {
        const char *arg[3] = { s + sizeof word - 1 }, *end;
        int n = 1, depth = 0;
        for (end = arg[0]; *end && (depth || *end != ')'); end++) {
            depth += (*end == '(') - (*end == ')');
            if (*end == ',' && !depth && n < 3)
                arg[n++] = end + 1;
        }
        if (n < 3 || !*end)
            break;
        pt2_str_addf(out, "shared %.*s %.*s[%.*s];\n", (int)(arg[1] - 1 - arg[0]), arg[0], (int)(arg[2] - 1 - arg[1]),
                     arg[1], (int)(end - arg[2]), arg[2]);
        s = skip_space(end + 1);
    }
    return s;
}

/* Copies the body; "pt_lit_f64(1.5)" becomes "(1.5lf)". */
static void add_body(const char *text, struct pt2_str *out)
{
    static const char word[] = "pt_lit_f64(";
    const char *hit;
    while ((hit = strstr(text, word)) != NULL) {
        const char *number = hit + sizeof word - 1;
        size_t len = strcspn(number, ")");
        bool whole = strcspn(number, ".eE") >= len;
        pt2_str_add_n(out, text, (size_t)(hit - text));
        pt2_str_addf(out, "(%.*s%slf", (int)len, number, whole ? ".0" : "");
        text = number + len;
    }
    pt2_str_add(out, text);
}

void vk_source(const struct vk_device *d, const struct pt2_kernel *k, struct pt2_str *out)
{
    struct pt2_str main = { 0 };
    add_signature(d, k, &main);
    const char *body = add_shared(k->text, &main);
    pt2_str_add(&main, "void main()\n{\n#line 1\n");
    add_body(body, &main);
    pt2_str_add(&main, "\n}\n");
    add_facts(d, k, out);
    vk_add_library(pt2_str_text(&main), out);
    pt2_str_add_n(out, main.data, main.len);
    pt2_str_free(&main);
}
