/* SPDX-License-Identifier: MIT
 *
 * Element types: their sizes and classes, and the conversions that C has no type for.
 */
#ifndef PT2_BASE_DTYPE_H
#define PT2_BASE_DTYPE_H

#include "base/status.h"

#include <stdbool.h>

bool pt2_dtype_is_float(pt2_dtype t);   /* float8 ... float64 */
bool pt2_dtype_is_complex(pt2_dtype t);
bool pt2_dtype_is_int(pt2_dtype t);     /* integers without bool */
bool pt2_dtype_is_signed(pt2_dtype t);  /* int8 ... int64 */

/* The type in which kernels compute a value of this storage type: float16, bfloat16 and float8 compute in float32
 * and round once when stored; the others compute as themselves. */
pt2_dtype pt2_dtype_compute(pt2_dtype t);
/* The real type of a complex one (complex64: float32), itself otherwise. */
pt2_dtype pt2_dtype_real(pt2_dtype t);

/* The enum ScalarType of torch/_export/serde/schema.py; PT2_NONE for unknown numbers. */
pt2_dtype pt2_dtype_from_schema(int64_t number);
/* "float32", "torch.float32"; PT2_NONE for unknown names. */
pt2_dtype pt2_dtype_from_name(const char *name);

/* PyTorch's promotion (torch.result_type) of two tensor dtypes of equal priority. */
pt2_dtype pt2_dtype_promote(pt2_dtype a, pt2_dtype b);

/* Round to nearest even; NaN stays NaN; overflow as PyTorch has it (e4m3fn: NaN; float16: inf). */
uint16_t pt2_f32_to_f16(float f);
float pt2_f16_to_f32(uint16_t h);
uint16_t pt2_f32_to_bf16(float f);
float pt2_bf16_to_f32(uint16_t h);
uint8_t pt2_f32_to_f8(pt2_dtype t, float f);
float pt2_f8_to_f32(pt2_dtype t, uint8_t b);

/* One element of any real dtype, read as double or int64 (bool: 0 or 1); complex: the real part. */
double pt2_load_double(pt2_dtype t, const void *data, int64_t index);
int64_t pt2_load_int(pt2_dtype t, const void *data, int64_t index);
/* Stores with the rounding above; integers wrap. */
void pt2_store_double(pt2_dtype t, void *data, int64_t index, double v);
void pt2_store_int(pt2_dtype t, void *data, int64_t index, int64_t v);

#endif
