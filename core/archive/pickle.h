/* SPDX-License-Identifier: MIT
 *
 * The subset of Python's pickle format that torch.save writes, read into objects that refer to each other by index.
 * Nothing is called, imported or executed: a class or function is a name, and a small table knows what some of them
 * mean.
 */
#ifndef PT2_ARCHIVE_PICKLE_H
#define PT2_ARCHIVE_PICKLE_H

#include "base/arena.h"
#include "base/dtype.h"

enum pt2_pickle_kind {
    PT2_PICKLE_NONE,
    PT2_PICKLE_BOOL,    /* i */
    PT2_PICKLE_INT,     /* i */
    PT2_PICKLE_FLOAT,   /* f */
    PT2_PICKLE_COMPLEX, /* f, imag */
    PT2_PICKLE_STRING,  /* text, len; UTF-8, may hold NULs */
    PT2_PICKLE_BYTES,   /* text, len */
    PT2_PICKLE_TUPLE, PT2_PICKLE_LIST, PT2_PICKLE_SET, /* items */
    PT2_PICKLE_DICT,    /* items: key, value, key, value... */
    PT2_PICKLE_GLOBAL,  /* text: "module name" */
    PT2_PICKLE_DTYPE,   /* dtype */
    PT2_PICKLE_STORAGE, /* text: key; i: bytes; dtype: of its class, PT2_NONE when untyped */
    PT2_PICKLE_TENSOR,  /* tensor */
    PT2_PICKLE_SPARSE,  /* COO; items: indices and values, which are TENSORs */
    PT2_PICKLE_OPAQUE,  /* text: what it is; an object that this reader does not know; held: what it was made from, in
                         * the pickle's order. Subclasses of Tensor: items are their attributes, as of a DICT */
};

struct pt2_pickle_tensor {
    pt2_dtype dtype;
    int rank;
    int64_t sizes[PT2_MAX_RANK], strides[PT2_MAX_RANK], offset;
    uint32_t storage; /* object */
};

struct pt2_pickle_object {
    enum pt2_pickle_kind kind;
    pt2_dtype dtype;
    int64_t i;
    double f, imag;
    const char *text; /* arena, NUL-terminated */
    size_t len;
    PT2_VEC(uint32_t) items; /* objects; lists may contain themselves */
    PT2_VEC(uint32_t) held;  /* objects: arguments (a TUPLE), state, list items, dict items (a DICT) */
    const struct pt2_pickle_tensor *tensor;
};

struct pt2_pickle {
    struct pt2_arena *arena;
    PT2_VEC(struct pt2_pickle_object) objects;
    uint32_t root;
    uint64_t copied; /* items copied by calls; capped */
};

/* Errors: FORMAT (damaged, limits), UNSUPPORTED (opcodes that torch.save does not write for tensors). */
PT2_MUST_USE pt2_status pt2_pickle_parse(struct pt2_arena *arena, const uint8_t *data, size_t size,
                                         struct pt2_pickle *out_pickle);

/* ---- between pickle.c and rebuild.c ---- */

uint32_t pt2_pickle_new(struct pt2_pickle *p, enum pt2_pickle_kind kind);
uint32_t pt2_pickle_opaque(struct pt2_pickle *p, const char *text);

/* What the call of a global with a tuple of arguments gives. */
PT2_MUST_USE pt2_status pt2_pickle_reduce(struct pt2_pickle *p, uint32_t function, uint32_t args, uint32_t *out_object);
/* The object that a persistent id stands for. */
PT2_MUST_USE pt2_status pt2_pickle_persistent(struct pt2_pickle *p, uint32_t id, uint32_t *out_object);
/* A name as it is found in the stream. */
uint32_t pt2_pickle_global(struct pt2_pickle *p, const char *module, size_t module_len, const char *name,
                           size_t name_len);

#endif
