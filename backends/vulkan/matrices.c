/* SPDX-License-Identifier: MIT
 * Cooperative matrices (VK_KHR_cooperative_matrix): which the device has, and modules that use them.
 *
 * Kernels are written for GL_NV_cooperative_matrix, which is as old as shaderc itself; compilers that know
 * GL_KHR_cooperative_matrix are newer than Debian 12's. The instructions are the same but for two things: KHR's types
 * say what a matrix is used as, and its loads and stores name the layout by a number. A type of a kernel says its use
 * in the number of its rows (prelude.glsl), from which it is taken here. The older extension multiplies no matrices
 * element by element, but divides them: kernels mean products. */
#include "vk.h"

#include <stdlib.h>

/* Of vulkan_core.h 1.3.255 and later. */
enum {
    STRUCTURE_FEATURES = 1000506000,
    STRUCTURE_PROPERTIES = 1000506001,
    COMPONENT_FLOAT16 = 0,
    COMPONENT_FLOAT32 = 1,
    SCOPE_SUBGROUP = 3,
};

typedef struct {
    VkStructureType sType;
    void *pNext;
    uint32_t m, n, k;
    uint32_t a, b, c, result; /* component types */
    VkBool32 saturates;
    uint32_t scope;
} matrix_properties;

typedef VkResult(VKAPI_PTR *get_properties)(VkPhysicalDevice physical, uint32_t *count, matrix_properties *list);

/* ---- which there are ---- */

struct vk_matrix_features vk_matrix_features(bool on)
{
    return (struct vk_matrix_features){ .sType = (VkStructureType)STRUCTURE_FEATURES, .matrices = on };
}

/* Products of halves with sums in float32. Of several shapes the largest product: it reads least for each. */
static void choose_shape(const matrix_properties *list, uint32_t count, struct pt2_matrices *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const matrix_properties *p = &list[i];
        bool usable = p->a == COMPONENT_FLOAT16 && p->b == COMPONENT_FLOAT16 && p->c == COMPONENT_FLOAT32 &&
                      p->result == COMPONENT_FLOAT32 && p->scope == SCOPE_SUBGROUP && p->m <= 32 && p->n <= 32 &&
                      p->k <= 64;
        if (usable && (int)(p->m * p->n * p->k) > out->m * out->n * out->k)
            *out = (struct pt2_matrices){ (int)p->m, (int)p->n, (int)p->k };
    }
}

struct pt2_matrices vk_find_matrices(const struct vk_loader *L, VkPhysicalDevice physical)
{
    struct pt2_matrices found = { 0 };
    uint32_t count = 0;
    get_properties get =
        (get_properties)L->GetInstanceProcAddr(L->instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (!get || get(physical, &count, NULL) != VK_SUCCESS)
        return found;
    matrix_properties *list = calloc(count + 1, sizeof *list);
    for (uint32_t i = 0; list && i < count; i++)
        list[i].sType = (VkStructureType)STRUCTURE_PROPERTIES;
    if (list && get(physical, &count, list) >= 0)
        choose_shape(list, count, &found);
    free(list);
    return found;
}

/* ---- modules ---- */

enum {
    HEADER_WORDS = 5,
    BOUND = 3, /* word of the header: all ids are below */
    OP_EXTENSION = 10,
    OP_CAPABILITY = 17,
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT_FALSE = 42,
    OP_CONSTANT = 43,
    OP_FMUL = 133,
    OP_FDIV = 136,
    OP_TYPE_NV = 5358,
    OP_LOAD_NV = 5359,
    OP_STORE_NV = 5360,
    OP_MULTIPLY_ADD_NV = 5361,
    OP_TYPE = 4456,
    OP_LOAD = 4457,
    OP_STORE = 4458,
    OP_MULTIPLY_ADD = 4459,
    CAPABILITY_NV = 5357,
    CAPABILITY = 6022,
    MARK = 0x5a, /* bits 31 to 24 of the rows of a type; bits 23 to 16 are its use: 0 and 1 the factors, 2 a sum */
};

struct rewriter {
    const uint32_t *in;  /* the old module */
    size_t *made;        /* by id: where in it a constant or a type of matrices is made, or 0 */
    uint32_t *out;       /* the new one, at most twice as long */
    size_t words;
    uint32_t bound;      /* of ids */
    uint32_t numbers;    /* ids of the constants 0, 1 and 2, made before the first type; 0: not yet */
};

static void put(struct rewriter *r, const uint32_t *words, size_t count)
{
    memcpy(r->out + r->words, words, count * 4);
    r->words += count;
}

static uint32_t put_constant(struct rewriter *r, uint32_t type, uint32_t value)
{
    const uint32_t constant[] = { 4 << 16 | OP_CONSTANT, type, r->bound, value };
    put(r, constant, 4);
    return r->bound++;
}

/* s: result, component, scope, rows, columns; the rows are marked with the use. */
static void put_type(struct rewriter *r, const uint32_t *s)
{
    const uint32_t *marked = r->in + r->made[s[4]];
    if (!r->numbers) {
        r->numbers = put_constant(r, marked[1], 0);
        put_constant(r, marked[1], 1);
        put_constant(r, marked[1], 2);
    }
    uint32_t rows = put_constant(r, marked[1], marked[3] & 0xffff), use = marked[3] >> 16 & 0xff;
    const uint32_t type[] = { 7 << 16 | OP_TYPE, s[1], s[2], s[3], rows, s[5], r->numbers + use };
    put(r, type, 7);
}

/* A load or a store: after the words up to its stride comes the layout, which a flag behind the stride stood for. */
static void put_access(struct rewriter *r, const uint32_t *s, uint32_t op, uint32_t stride)
{
    bool turned = (r->in[r->made[s[stride + 1]]] & 0xffff) == OP_CONSTANT_TRUE;
    const uint32_t first = (s[0] & 0xffff0000) | op, layout[] = { r->numbers + turned, s[stride] };
    put(r, &first, 1);
    put(r, s + 1, stride - 1);
    put(r, layout, 2);
    put(r, s + stride + 2, (s[0] >> 16) - stride - 2);
}

static bool is_matrix(const struct rewriter *r, uint32_t type)
{
    return r->made[type] && (r->in[r->made[type]] & 0xffff) == OP_TYPE_NV;
}

static void put_instruction(struct rewriter *r, const uint32_t *s)
{
    static const char nv[28] = "SPV_NV_cooperative_matrix", khr[28] = "SPV_KHR_cooperative_matrix";
    uint32_t op = s[0] & 0xffff, count = s[0] >> 16;
    if (op == OP_TYPE_NV) {
        put_type(r, s);
    } else if (op == OP_LOAD_NV) {
        put_access(r, s, OP_LOAD, 4);
    } else if (op == OP_STORE_NV) {
        put_access(r, s, OP_STORE, 3);
    } else {
        put(r, s, count);
        uint32_t *copy = r->out + r->words - count;
        if (op == OP_MULTIPLY_ADD_NV)
            copy[0] = count << 16 | OP_MULTIPLY_ADD;
        if (op == OP_FDIV && is_matrix(r, s[1]))
            copy[0] = count << 16 | OP_FMUL;
        if (op == OP_CAPABILITY && copy[1] == CAPABILITY_NV)
            copy[1] = CAPABILITY;
        if (op == OP_EXTENSION && count == 8 && !memcmp(copy + 1, nv, sizeof nv))
            memcpy(copy + 1, khr, sizeof khr);
    }
}

/* Finds the constants and the types of matrices. All types have marked rows: else the module is not one of ours. */
static bool examine(const struct vk_spirv *s, size_t words, size_t *made)
{
    bool ok = true;
    for (size_t i = HEADER_WORDS; i < words && s->words[i] >> 16; i += s->words[i] >> 16) {
        uint32_t op = s->words[i] & 0xffff;
        if (op == OP_CONSTANT || op == OP_CONSTANT_TRUE || op == OP_CONSTANT_FALSE)
            made[s->words[i + 2]] = i;
        if (op != OP_TYPE_NV)
            continue;
        made[s->words[i + 1]] = i;
        ok &= made[s->words[i + 4]] && s->words[made[s->words[i + 4]] + 3] >> 24 == MARK;
    }
    return ok;
}

pt2_status vk_take_matrices(struct vk_spirv *s)
{
    size_t words = s->size / 4;
    uint32_t ids = s->words[BOUND];
    struct rewriter r = { .in = s->words, .made = calloc(ids, sizeof *r.made), .out = malloc(2 * s->size),
                          .bound = ids };
    pt2_status status = PT2_OK;
    if (!r.made || !r.out)
        status = pt2_fail(PT2_ERR_NOMEM, "no memory for a shader");
    else if (!examine(s, words, r.made))
        status = pt2_fail(PT2_ERR_COMPILE, "a cooperative matrix whose use is not known");
    if (status == PT2_OK) {
        put(&r, s->words, HEADER_WORDS);
        for (size_t i = HEADER_WORDS; i < words && s->words[i] >> 16; i += s->words[i] >> 16)
            put_instruction(&r, s->words + i);
        r.out[BOUND] = r.bound;
        free(s->words);
        *s = (struct vk_spirv){ r.out, r.words * 4 };
        r.out = NULL;
    }
    free(r.out);
    free(r.made);
    return status;
}
