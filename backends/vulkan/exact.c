/* SPDX-License-Identifier: MIT
 * Decorates all float additions, subtractions, multiplications and divisions of a SPIR-V module with NoContraction.
 *
 * Without it drivers may fuse, reassociate and simplify: Mesa's compiler makes (x + a) - x into a also when x is
 * infinite, whatever SignedZeroInfNanPreserve says, and results would differ between devices. Kernels ask for fused
 * operations by name. GLSL's `precise` does not reach through function calls, hence this pass. */
#include "vk.h"

#include <stdlib.h>

enum {
    HEADER_WORDS = 5,
    OP_TYPE_FIRST = 19, /* OpTypeVoid: annotations end before the first type */
    OP_TYPE_LAST = 39,
    OP_FADD = 129,
    OP_FSUB = 131,
    OP_FMUL = 133,
    OP_FDIV = 136,
    OP_DECORATE = 71,
    NO_CONTRACTION = 42,
};

static bool is_arithmetic(uint32_t op)
{
    return op == OP_FADD || op == OP_FSUB || op == OP_FMUL || op == OP_FDIV;
}

pt2_status vk_forbid_contraction(struct vk_spirv *s)
{
    size_t words = s->size / 4, types = 0, count = 0, at = 0;
    for (size_t i = HEADER_WORDS; i < words && s->words[i] >> 16; i += s->words[i] >> 16) {
        uint32_t op = s->words[i] & 0xffff;
        if (!types && op >= OP_TYPE_FIRST && op <= OP_TYPE_LAST)
            types = i;
        count += is_arithmetic(op);
    }
    if (!count || !types)
        return PT2_OK;
    uint32_t *out = malloc((words + 3 * count) * 4);
    if (!out)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a shader");
    memcpy(out, s->words, types * 4);
    at = types;
    for (size_t i = types; i < words && s->words[i] >> 16; i += s->words[i] >> 16)
        if (is_arithmetic(s->words[i] & 0xffff)) {
            out[at++] = 3 << 16 | OP_DECORATE;
            out[at++] = s->words[i + 2]; /* the result */
            out[at++] = NO_CONTRACTION;
        }
    memcpy(out + at, s->words + types, (words - types) * 4);
    free(s->words);
    s->words = out;
    s->size = (words + 3 * count) * 4;
    return PT2_OK;
}
