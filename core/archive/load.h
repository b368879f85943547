/* SPDX-License-Identifier: MIT
 *
 * State that exists only while a program is being opened, shared by the readers of its parts.
 */
#ifndef PT2_ARCHIVE_LOAD_H
#define PT2_ARCHIVE_LOAD_H

#include "archive/file.h"
#include "archive/json.h"
#include "archive/program.h"
#include "archive/treespec.h"
#include "archive/zip.h"

/* Which records hold what. Raw weights: a config and the directory that its path names are relative to;
 * pickled ones: a torch.save file. NULL: the archive has none. */
struct pt2_layout {
    const char *title;
    const struct pt2_zip_record *program, *weights, *constants, *samples;
    const char *weights_dir, *constants_dir; /* "root/data/weights/" when raw, else NULL */
    bool big_endian;
};

struct pt2_load {
    struct pt2_program *program;
    struct pt2_arena *arena;   /* the program's */
    struct pt2_arena scratch;  /* owned; freed when loading ends */
    struct pt2_file *file;
    const char *wanted;        /* name of the program, NULL: any */
    bool only_names;           /* of the programs: loading ends with the layout */
    struct pt2_archive_limits limits;
    uint64_t inflate_left;
    struct pt2_zip zip;        /* owned */
    struct pt2_layout layout;
    struct cJSON *json;        /* owned; the program record */
    struct pt2_map texts;      /* interned names */
    struct pt2_map exprs;      /* parsed expressions by their text */
    struct pt2_map weights, constants; /* FQN to struct pt2_stored_tensor */
    struct pt2_tree in_tree, out_tree;
};

/* ---- layout.c ---- */

/* Recognises the archive's kind by its record names and picks a program. Errors: FORMAT, UNSUPPORTED, ARG (name). */
PT2_MUST_USE pt2_status pt2_layout_find(struct pt2_load *ld);

/* ---- foreign.c: what another file seems to be, and what to do; always an error, FORMAT or UNSUPPORTED ---- */

pt2_status pt2_foreign_zip(const struct pt2_zip *zip);
pt2_status pt2_foreign_file(const uint8_t *data, size_t size); /* no ZIP */

/* ---- values.c ---- */

const char *pt2_load_intern(struct pt2_load *ld, const char *text);
/* A name of a value or FQN: text without control characters, interned. */
PT2_MUST_USE pt2_status pt2_load_name(struct pt2_load *ld, const struct pt2_at *at, const char **out_name);
PT2_MUST_USE pt2_status pt2_load_dtype(const struct pt2_at *at, pt2_dtype *out_dtype);
/* SymInt, SymFloat, SymBool: a literal, {"as_expr"}, or a plain string (SymBool of schema 1). */
PT2_MUST_USE pt2_status pt2_load_expr(struct pt2_load *ld, const struct pt2_at *at,
                                      const struct pt2_symexpr **out_expr);
PT2_MUST_USE pt2_status pt2_load_tensor_meta(struct pt2_load *ld, const struct pt2_at *at,
                                             struct pt2_tensor_meta *out_meta);
/* range_constraints */
PT2_MUST_USE pt2_status pt2_load_ranges(struct pt2_load *ld, const struct pt2_at *at);

/* ---- args.c, graph.c, trace.c ---- */

enum { PT2_VALUE_TABLES = 5 };

/* One graph while it is being read: what its names mean so far. */
struct pt2_scope {
    struct pt2_load *ld;
    struct pt2_pgraph *graph;
    int depth;
    struct pt2_map defined;                        /* name to struct pt2_pvalue */
    struct pt2_map tables[PT2_VALUE_TABLES];       /* name to JSON: what the file says about values of each kind */
    struct pt2_at table_at[PT2_VALUE_TABLES];
};

/* An argument: uses of values must be defined already. Subgraphs are read recursively. */
PT2_MUST_USE pt2_status pt2_load_arg(struct pt2_scope *scope, const struct pt2_at *at, struct pt2_arg *out_arg);
/* Where the name is in {"name"}, {"as_name"} or a bare string. */
PT2_MUST_USE pt2_status pt2_load_name_field(const struct pt2_at *at, struct pt2_at *out_text);
/* `parent`: NULL for the root. */
PT2_MUST_USE pt2_status pt2_load_graph(struct pt2_load *ld, const struct pt2_at *at, const char *name,
                                       const struct pt2_scope *parent, const struct pt2_pgraph **out_graph);
/* "torch.ops.aten.relu.default" to "aten.relu.default", and so on; the same of ExecuTorch's dialects. */
const char *pt2_load_target(struct pt2_load *ld, const char *text);
/* Node metadata for messages; whatever they contain, the results are short, clean text. */
const char *pt2_trace_python_line(struct pt2_arena *arena, const char *stack_trace);
const char *pt2_trace_module_path(struct pt2_arena *arena, const char *nn_module_stack);

/* ---- signature.c, schema1.c, subclass.c ---- */

PT2_MUST_USE pt2_status pt2_load_signature(struct pt2_load *ld, const struct pt2_at *graph_module);
PT2_MUST_USE pt2_status pt2_load_signature1(struct pt2_load *ld, const struct pt2_at *graph,
                                            const struct pt2_at *signature);
/* Index of the input spec whose FQN (mutated inputs: value name) is `name` and which may be written so; -1: none. */
int pt2_load_find_written(const struct pt2_program *p, enum pt2_output_kind kind, const char *name);
/* Finds the stored tensor of every parameter, buffer and constant. */
PT2_MUST_USE pt2_status pt2_load_bind(struct pt2_load *ld);
/* Calls that take subclasses of Tensor apart become inputs; before binding. */
PT2_MUST_USE pt2_status pt2_load_subclasses(struct pt2_load *ld);
/* Sparse inputs and outputs become two dense ones each; last of all. */
PT2_MUST_USE pt2_status pt2_load_sparse(struct pt2_load *ld);
/* graph.constants of schema 1: torch.save files in base64; they become inputs of the graph. */
PT2_MUST_USE pt2_status pt2_load_constants1(struct pt2_load *ld, const struct pt2_at *graph);

/* ---- tensors.c, torchsave.c, samples.c ---- */

/* A storage whose bytes are a record's contents, copied only when they are compressed or misaligned. */
PT2_MUST_USE pt2_status pt2_load_storage(struct pt2_load *ld, struct pt2_zip *zip, const struct pt2_zip_record *record,
                                         struct pt2_storage **out_storage);
/* Takes `storage` for `tensor`, whose dtype, sizes, strides and offset are set, after checking that it lies inside. */
PT2_MUST_USE pt2_status pt2_load_view(struct pt2_load *ld, struct pt2_storage *storage,
                                      struct pt2_stored_tensor *tensor);
/* Fills ld->weights and ld->constants; what is no tensor is left out. */
PT2_MUST_USE pt2_status pt2_load_weights(struct pt2_load *ld);
void pt2_load_samples(struct pt2_load *ld); /* failing sets program->samples_missing_why */

#endif
