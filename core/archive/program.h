/* SPDX-License-Identifier: MIT
 *
 * A program: what a .pt2 archive says, in one form for all layouts and schema versions (torch 2.1 and later).
 * Nothing here is interpreted: operators are names, sizes are expression trees, weights are views of the mapped file.
 *
 * Everything is untrusted input. After pt2_program_open succeeds these hold: every use of a value refers to an input
 * or an earlier output of the same graph; every value is defined once; specs and graph inputs/outputs agree in number;
 * every stored tensor's sizes, strides and offset lie inside its storage; tree specs have as many leaves as the
 * signature has user inputs and outputs; enum numbers are known. What it does not check: that operators exist, their
 * arguments, and shapes.
 *
 * Ownership: all in the program's arena, or in the mapped file; one call frees everything. Immutable after opening,
 * hence thread-safe.
 */
#ifndef PT2_ARCHIVE_PROGRAM_H
#define PT2_ARCHIVE_PROGRAM_H

#include "base/arena.h"
#include "base/dtype.h"

/* ---- symbolic expressions (expr_str of the file, either spelling) ---- */

enum pt2_sym_op {
    PT2_SYM_INT,   /* i */
    PT2_SYM_FLOAT, /* f; also Rational with a zero-free denominator that does not divide */
    PT2_SYM_BOOL,  /* i */
    PT2_SYM_NAME,  /* name */
    PT2_SYM_ADD, PT2_SYM_MUL, PT2_SYM_POW,
    PT2_SYM_FLOORDIV,  /* towards minus infinity; CleanDiv too */
    PT2_SYM_MOD,       /* sign of the divisor */
    PT2_SYM_TRUEDIV,   /* IntTrueDiv, FloatTrueDiv, infix / */
    PT2_SYM_MAX, PT2_SYM_MIN, PT2_SYM_ABS, PT2_SYM_NEG,
    PT2_SYM_LSHIFT, PT2_SYM_RSHIFT,
    PT2_SYM_TO_FLOAT, PT2_SYM_TRUNC, PT2_SYM_FLOOR, PT2_SYM_CEIL, PT2_SYM_ROUND, /* the last four: to int */
    PT2_SYM_TRUNC_FLOAT, PT2_SYM_ROUND_DECIMAL,
    PT2_SYM_SQRT, PT2_SYM_COS, PT2_SYM_COSH, PT2_SYM_SIN, PT2_SYM_SINH, PT2_SYM_TAN, PT2_SYM_TANH,
    PT2_SYM_ASIN, PT2_SYM_ACOS, PT2_SYM_ATAN, PT2_SYM_EXP, PT2_SYM_LOG, PT2_SYM_ASINH, PT2_SYM_LOG2,
    PT2_SYM_SELECT, /* args: condition, then, else; Piecewise becomes a chain */
    PT2_SYM_EQ, PT2_SYM_NE, PT2_SYM_LT, PT2_SYM_LE, /* > and >= swap their operands */
    PT2_SYM_AND, PT2_SYM_OR, PT2_SYM_NOT, PT2_SYM_XOR,
    PT2_SYM_BIT_AND, PT2_SYM_BIT_OR, PT2_SYM_BIT_XOR,
    PT2_SYM_DENSE_INDICATOR, /* IsNonOverlappingAndDenseIndicator: sizes, then strides */
};

struct pt2_symexpr {
    enum pt2_sym_op op;
    int64_t i;
    double f;
    const char *name; /* arena; PT2_SYM_NAME */
    uint32_t num_args, height; /* height: of the tree, 0 for a leaf */
    const struct pt2_symexpr **args; /* arena */
};

/* Parses srepr (torch 2.6+) or infix (before) text. Limits: 1 MiB, depth 400. Errors: FORMAT. */
PT2_MUST_USE pt2_status pt2_symexpr_parse(struct pt2_arena *arena, const char *text, size_t len,
                                          const struct pt2_symexpr **out_expr);

struct pt2_symbol_range {
    const char *name; /* "s77", "u0" */
    int64_t lo, hi;   /* inclusive; INT64_MIN / INT64_MAX when unbounded */
};

/* ---- values ---- */

enum pt2_value_kind { PT2_VALUE_TENSOR, PT2_VALUE_INT, PT2_VALUE_FLOAT, PT2_VALUE_BOOL, PT2_VALUE_NONE,
                      PT2_VALUE_STRING, PT2_VALUE_CUSTOM };

/* The file's TensorMeta. Sizes, dtype and rank are what the exporter inferred; strides describe eager CPU results. */
struct pt2_tensor_meta {
    pt2_dtype dtype;
    int rank;
    const struct pt2_symexpr **sizes;   /* arena; rank entries, never NULL entries */
    const struct pt2_symexpr **strides; /* arena; rank entries */
    const struct pt2_symexpr *offset;   /* elements */
    bool sparse;                        /* COO: strides and offset mean nothing */
};

/* One SSA value of one graph. Pointer identity is value identity. */
struct pt2_pvalue {
    const char *name;
    enum pt2_value_kind kind;
    const struct pt2_tensor_meta *meta; /* tensors; NULL when the file has none (tokens of some releases) */
    const struct pt2_symexpr *expr;     /* ints, floats, bools: the symbolic value, NULL when unknown */
    uint32_t index;                     /* dense per graph */
};

/* ---- arguments ---- */

enum pt2_arg_kind {
    PT2_ARG_NONE,
    PT2_ARG_VALUE,    /* value: a tensor, or a named int/float/bool */
    PT2_ARG_INT,      /* i */
    PT2_ARG_FLOAT,    /* f */
    PT2_ARG_BOOL,     /* i */
    PT2_ARG_STRING,   /* text */
    PT2_ARG_COMPLEX,  /* f, imag */
    PT2_ARG_DTYPE,    /* dtype (as_scalar_type) */
    PT2_ARG_LAYOUT, PT2_ARG_MEMORY_FORMAT, PT2_ARG_DEVICE, /* i: the schema's number; devices: 0 */
    PT2_ARG_OPERATOR, /* text: a target */
    PT2_ARG_GRAPH,    /* graph; text: its name */
    PT2_ARG_CUSTOM,   /* text: class name */
    PT2_ARG_LIST,     /* items; empty untyped lists too */
    PT2_ARG_DICT,     /* items with their keys in `name` (as_string_to_argument) */
};

struct pt2_arg {
    const char *name; /* schema name, or keyword of a higher-order operator; "" for positional operands */
    enum pt2_arg_kind kind;
    int64_t i;
    double f, imag;
    const char *text;
    pt2_dtype dtype;
    const struct pt2_pvalue *value;
    const struct pt2_pgraph *graph;
    uint32_t num_items;
    const struct pt2_arg *items; /* arena */
};

/* ---- nodes and graphs ---- */

struct pt2_pnode {
    const char *target;        /* without "torch.ops." or the like: "aten.relu.default", "higher_order.cond" (also from
                                * torch._higher_order_ops.*), or as written: "_operator.add", "torch.sym_max" */
    const char *name;          /* the FX node name or the first output's name; for messages */
    const char *module_path;   /* innermost nn_module_stack path, "" when unknown */
    const char *python_line;   /* "file.py:12 in forward: x = x + 1", cleaned and truncated; "" when unknown */
    uint32_t num_args;
    const struct pt2_arg *args;
    uint32_t num_outs;         /* schema results in order; a Tensor[] result is flattened into several */
    struct pt2_pvalue **outs;  /* kind NONE: an undefined result that keeps its position */
    uint32_t index;            /* position in the graph */
};

struct pt2_pgraph {
    const char *name;
    uint32_t num_inputs, num_outputs, num_nodes, num_values;
    struct pt2_pvalue **inputs;
    const struct pt2_arg *outputs; /* values or literals */
    struct pt2_pnode *nodes;
    const struct pt2_pgraph *parent; /* NULL for the root */
};

/* ---- stored tensors ---- */

struct pt2_storage {
    const uint8_t *data; /* mapped file or arena; NULL: the archive has no data for it */
    size_t size;         /* bytes */
    uint32_t index;      /* dense over the program; two tensors with one storage alias */
};

struct pt2_stored_tensor {
    pt2_dtype dtype;
    int rank;
    int64_t sizes[PT2_MAX_RANK], strides[PT2_MAX_RANK], offset; /* elements of dtype */
    const struct pt2_storage *storage;
};

/* Where element `linear` (row-major) of a strided tensor is, in elements from the storage's begin. */
int64_t pt2_strided_at(int rank, const int64_t *sizes, const int64_t *strides, int64_t offset, int64_t linear);
int64_t pt2_stored_count(const struct pt2_stored_tensor *t);
bool pt2_stored_is_dense(const struct pt2_stored_tensor *t); /* row-major from its offset on */

/* ---- signature ---- */

enum pt2_input_kind { PT2_INPUT_USER, PT2_INPUT_CONSTANT /* fixed at export; a user leaf */, PT2_INPUT_PARAMETER,
                      PT2_INPUT_BUFFER, PT2_INPUT_TENSOR_CONSTANT, PT2_INPUT_TOKEN, PT2_INPUT_CUSTOM };

struct pt2_input_spec {
    enum pt2_input_kind kind;
    const struct pt2_pvalue *value;         /* graph input i */
    const char *fqn;                        /* parameter, buffer, constant, custom object */
    const struct pt2_stored_tensor *stored; /* parameter, buffer, constant; NULL: the archive lacks it */
    const struct pt2_arg *constant;         /* PT2_INPUT_CONSTANT: NONE, INT, FLOAT, BOOL, STRING */
    int leaf;                               /* user leaves: index of the flattened input, else -1 */
};

enum pt2_output_kind { PT2_OUTPUT_USER, PT2_OUTPUT_BUFFER_MUTATION, PT2_OUTPUT_PARAMETER_MUTATION,
                       PT2_OUTPUT_INPUT_MUTATION, PT2_OUTPUT_TOKEN };

struct pt2_output_spec {
    enum pt2_output_kind kind;
    pt2_output_role role;      /* user outputs */
    const struct pt2_arg *arg; /* graph output i */
    int target;                /* mutations and gradients: index of the input spec, else -1 */
    int leaf;                  /* user outputs: index of the flattened output, else -1 */
    const char *gradient_of;   /* of a gradient: the parameter's FQN or the input leaf's name; else NULL */
};

/* One leaf of in_spec or out_spec, named from the containers: "x", "cache[0].key"; outputs: "out_0", "logits";
 * gradients, which out_spec lacks: "l.weight.grad". A sparse tensor is two: "x.indices", "x.values". */
struct pt2_leaf {
    const char *name;
};

/* A leaf of the sample inputs. kind NONE/INT/FLOAT/BOOL/STRING as in pt2_arg; VALUE: a tensor in `tensor`. */
struct pt2_sample {
    enum pt2_arg_kind kind;
    int64_t i;
    double f;
    const char *text;
    struct pt2_stored_tensor tensor;
    const struct pt2_stored_tensor *indices; /* of a sparse tensor, whose values are `tensor`; else NULL */
};

struct pt2_program {
    struct pt2_arena arena;
    const char *path;          /* for messages; "<memory>" */
    const char *name;          /* "model" */
    uint32_t num_names;        /* programs of the archive, this one too */
    const char **names;        /* theirs, as the file has them */
    const char *layout;        /* "flat", "rooted, pickled weights", "rooted, raw weights" */
    const char *torch_version; /* "" before 2.5 */
    int schema_major, schema_minor;
    const struct pt2_pgraph *graph;
    uint32_t num_inputs, num_outputs; /* specs; equal to the graph's inputs and outputs */
    struct pt2_input_spec *inputs;
    struct pt2_output_spec *outputs;
    uint32_t num_in_leaves, num_out_leaves;
    struct pt2_leaf *in_leaves, *out_leaves;
    uint32_t num_ranges;
    struct pt2_symbol_range *ranges;
    uint32_t num_storages;
    struct pt2_sample *samples; /* num_in_leaves entries, or NULL when the archive has no (readable) sample inputs */
    const char *samples_missing_why; /* when samples is NULL and the archive has some */
    uint64_t weight_bytes;      /* sum of the distinct storages */
    void *file;                 /* owned mapping, archive/ private */
};

/* Defaults that suit every real archive; see docs/design.md. All zero: the defaults. */
struct pt2_archive_limits {
    uint64_t json_bytes, pickle_bytes, inflate_bytes, tensor_bytes;
};

/* Opens the archive at `path` (mapped read-only), or in memory (borrowed until the program is destroyed).
 * `name`: which program of a multi-model archive, NULL: "model", or the only one.
 * Errors: IO, FORMAT (damaged, or another kind of file: the message says which), UNSUPPORTED (schema too new, custom
 * objects that are used), ARG (no program of that name; the message lists them), NOMEM (limits too). */
PT2_MUST_USE pt2_status pt2_program_open(const char *path, const char *name, const struct pt2_archive_limits *limits,
                                         struct pt2_program **out_program);
PT2_MUST_USE pt2_status pt2_program_open_memory(const void *data, size_t size, const char *label, const char *name,
                                                const struct pt2_archive_limits *limits,
                                                struct pt2_program **out_program);
/* The names of the archive's programs, in its order, in `arena`. Errors: IO, FORMAT, UNSUPPORTED. */
PT2_MUST_USE pt2_status pt2_program_names(const char *path, struct pt2_arena *arena, const char *const **out_names,
                                          uint32_t *out_count);
/* What was read of a weight (NULL: of all) leaves memory until it is read again, if the archive is mapped. Safe at any
 * time. */
void pt2_program_idle(const struct pt2_program *program, const struct pt2_storage *weight);
void pt2_program_destroy(struct pt2_program **program);

#endif
