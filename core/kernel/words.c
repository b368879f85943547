/* SPDX-License-Identifier: MIT
 * The dialect's words for types. */
#include "kernel/render.h"

const char *pt2_c_type(int dtype)
{
    switch (dtype) {
    case PT2_BOOL: return "bool";
    case PT2_U32: return "uint";
    case PT2_I64: return "pt_i64";
    case PT2_U64: return "pt_u64";
    case PT2_F32: return "float";
    case PT2_F64: return "double";
    default: return "int";
    }
}

const char *pt2_suffix(int dtype)
{
    switch (dtype) {
    case PT2_BOOL: return "bool";
    case PT2_U32: return "u32";
    case PT2_I64: return "i64";
    case PT2_U64: return "u64";
    case PT2_F32: return "f32";
    case PT2_F64: return "f64";
    default: return "i32";
    }
}

const char *pt2_storage_name(pt2_dtype t)
{
    static const char *const names[] = {
        [PT2_BOOL] = "bool",
        [PT2_U8] = "u8",
        [PT2_I8] = "i8",
        [PT2_U16] = "u16",
        [PT2_I16] = "i16",
        [PT2_U32] = "u32",
        [PT2_I32] = "i32",
        [PT2_U64] = "u64",
        [PT2_I64] = "i64",
        [PT2_F16] = "f16",
        [PT2_BF16] = "bf16",
        [PT2_F32] = "f32",
        [PT2_F64] = "f64",
        [PT2_F8E4M3FN] = "f8e4m3fn",
        [PT2_F8E5M2] = "f8e5m2",
        [PT2_F8E4M3FNUZ] = "f8e4m3fnuz",
        [PT2_F8E5M2FNUZ] = "f8e5m2fnuz",
        [PT2_F8E8M0FNU] = "f8e8m0fnu",
    };
    return names[t];
}
