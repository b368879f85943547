/* SPDX-License-Identifier: MIT
 * Loads and stores: one loop per storage type, between elements and lanes of the compute type. */
#include "ref.h"

#define LOADS(X)                                                                                                  \
    X(u8, PT2_U8, uint8_t, int64_t, v)                                                                            \
    X(bool, PT2_BOOL, uint8_t, int64_t, v != 0)                                                                   \
    X(i8, PT2_I8, int8_t, int64_t, v)                                                                             \
    X(u16, PT2_U16, uint16_t, int64_t, v)                                                                         \
    X(i16, PT2_I16, int16_t, int64_t, v)                                                                          \
    X(u32, PT2_U32, uint32_t, int64_t, v)                                                                         \
    X(i32, PT2_I32, int32_t, int64_t, v)                                                                          \
    X(u64, PT2_U64, uint64_t, int64_t, (int64_t)v)                                                                \
    X(i64, PT2_I64, int64_t, int64_t, v)                                                                          \
    X(f16, PT2_F16, uint16_t, float, pt2_f16_to_f32(v))                                                           \
    X(bf16, PT2_BF16, uint16_t, float, pt2_bf16_to_f32(v))                                                        \
    X(f32, PT2_F32, float, float, v)                                                                              \
    X(f64, PT2_F64, double, double, v)                                                                            \
    X(f8e4m3fn, PT2_F8E4M3FN, uint8_t, float, pt2_f8_to_f32(PT2_F8E4M3FN, v))                                     \
    X(f8e5m2, PT2_F8E5M2, uint8_t, float, pt2_f8_to_f32(PT2_F8E5M2, v))                                           \
    X(f8e4m3fnuz, PT2_F8E4M3FNUZ, uint8_t, float, pt2_f8_to_f32(PT2_F8E4M3FNUZ, v))                               \
    X(f8e5m2fnuz, PT2_F8E5M2FNUZ, uint8_t, float, pt2_f8_to_f32(PT2_F8E5M2FNUZ, v))                               \
    X(f8e8m0fnu, PT2_F8E8M0FNU, uint8_t, float, pt2_f8_to_f32(PT2_F8E8M0FNU, v))

#define STORES(X)                                                                                                 \
    X(u8, PT2_U8, uint8_t, int64_t, v)                                                                            \
    X(bool, PT2_BOOL, uint8_t, int64_t, v != 0)                                                                   \
    X(i8, PT2_I8, int8_t, int64_t, v)                                                                             \
    X(u16, PT2_U16, uint16_t, int64_t, v)                                                                         \
    X(i16, PT2_I16, int16_t, int64_t, v)                                                                          \
    X(u32, PT2_U32, uint32_t, int64_t, v)                                                                         \
    X(i32, PT2_I32, int32_t, int64_t, v)                                                                          \
    X(u64, PT2_U64, uint64_t, int64_t, v)                                                                         \
    X(i64, PT2_I64, int64_t, int64_t, v)                                                                          \
    X(f16, PT2_F16, uint16_t, float, pt2_f32_to_f16(v))                                                           \
    X(bf16, PT2_BF16, uint16_t, float, pt2_f32_to_bf16(v))                                                        \
    X(f32, PT2_F32, float, float, v)                                                                              \
    X(f64, PT2_F64, double, double, v)                                                                            \
    X(f8e4m3fn, PT2_F8E4M3FN, uint8_t, float, pt2_f32_to_f8(PT2_F8E4M3FN, v))                                     \
    X(f8e5m2, PT2_F8E5M2, uint8_t, float, pt2_f32_to_f8(PT2_F8E5M2, v))                                           \
    X(f8e4m3fnuz, PT2_F8E4M3FNUZ, uint8_t, float, pt2_f32_to_f8(PT2_F8E4M3FNUZ, v))                               \
    X(f8e5m2fnuz, PT2_F8E5M2FNUZ, uint8_t, float, pt2_f32_to_f8(PT2_F8E5M2FNUZ, v))                               \
    X(f8e8m0fnu, PT2_F8E8M0FNU, uint8_t, float, pt2_f32_to_f8(PT2_F8E8M0FNU, v))

#define DEFINE_LOAD(name, dtype, S, L, expr)                                                                      \
    static void load_##name(int n, void *restrict dv, const void *data, const int64_t *restrict index)            \
    {                                                                                                             \
        const S *s = data;                                                                                        \
        L *restrict d = dv;                                                                                       \
        for (int i = 0; i < n; i++) {                                                                             \
            S v = s[index[i]];                                                                                    \
            d[i] = expr;                                                                                          \
        }                                                                                                         \
    }
LOADS(DEFINE_LOAD)

#define DEFINE_STORE(name, dtype, S, L, expr)                                                                     \
    static void store_##name(int n, void *data, const int64_t *restrict index, const void *restrict vv)           \
    {                                                                                                             \
        S *s = data;                                                                                              \
        const L *restrict values = vv;                                                                            \
        for (int i = 0; i < n; i++) {                                                                             \
            L v = values[i];                                                                                      \
            s[index[i]] = (S)(expr);                                                                              \
        }                                                                                                         \
    }
STORES(DEFINE_STORE)

ref_load_fn *ref_load_of(pt2_dtype t)
{
#define X(name, dtype, S, L, expr) [dtype] = load_##name,
    static ref_load_fn *const table[PT2_DTYPE_COUNT] = { LOADS(X) };
#undef X
    return table[t];
}

ref_store_fn *ref_store_of(pt2_dtype t)
{
#define X(name, dtype, S, L, expr) [dtype] = store_##name,
    static ref_store_fn *const table[PT2_DTYPE_COUNT] = { STORES(X) };
#undef X
    return table[t];
}

int ref_outside(int n, const int64_t *index, int64_t count)
{
    uint64_t bad = 0;
    for (int i = 0; i < n; i++)
        bad |= (uint64_t)index[i] | ((uint64_t)count - 1 - (uint64_t)index[i]); /* sign bit: below 0, above count - 1 */
    if (!(bad >> 63))
        return -1;
    for (int i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= count)
            return i;
    return -1;
}
