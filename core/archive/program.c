/* SPDX-License-Identifier: MIT
 *
 * Opening an archive: a list of steps, each of which relies on what the ones before it have checked.
 * Failing anywhere frees everything; what a step needs only while loading lives in the loader's scratch arena. */
#include "archive/load.h"
#include "archive/text.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_VERSION = 100, MAX_MESSAGE = 1000 };

static const struct pt2_archive_limits defaults = {
    .json_bytes = (uint64_t)1 << 30,
    .pickle_bytes = (uint64_t)1 << 28,
    .inflate_bytes = (uint64_t)1 << 34,
    .tensor_bytes = (uint64_t)1 << 40,
};

/* ---- steps ---- */

static pt2_status step_zip(struct pt2_load *ld)
{
    const struct pt2_file *f = ld->file;
    pt2_status status = pt2_zip_open(&ld->scratch, ld->file, f->data, f->size, &ld->inflate_left, &ld->zip);
    if (status != PT2_OK && (f->size < 4 || memcmp(f->data, "PK\3\4", 4) != 0))
        return pt2_foreign_file(f->data, f->size);
    return status;
}

static pt2_status step_layout(struct pt2_load *ld)
{
    PT2_TRY(pt2_layout_find(ld));
    ld->program->layout = ld->layout.title;
    return PT2_OK;
}

static pt2_status parse_json(struct pt2_load *ld)
{
    const struct pt2_zip_record *r = ld->layout.program;
    const uint8_t *text;
    if (r->size > ld->limits.json_bytes)
        return pt2_fail(PT2_ERR_FORMAT, "%llu bytes of JSON exceed the limit", (unsigned long long)r->size);
    PT2_TRY(pt2_zip_read(&ld->zip, r, true, &text));
    return pt2_json_parse((const char *)text, (size_t)r->size, &ld->json);
}

static pt2_status read_version(struct pt2_load *ld, const struct pt2_at *root)
{
    static const int accepted[] = {1, 2, 5, 7, 8};
    struct pt2_at at;
    int64_t major, minor = 0;
    PT2_TRY(pt2_at_field(root, "schema_version", &at));
    if (cJSON_IsObject(at.v)) {
        PT2_TRY(pt2_at_field_int(&at, "major", &major));
        PT2_TRY(pt2_at_field_int(&at, "minor", &minor));
    } else {
        PT2_TRY(pt2_at_int(&at, &major));
    }
    ld->program->schema_minor = (int)(minor >= 0 && minor < 10000 ? minor : 9999);
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        if (major == accepted[i]) {
            ld->program->schema_major = accepted[i];
            return PT2_OK;
        }
    return pt2_at_fail(&at, PT2_ERR_UNSUPPORTED, "schema version %lld.%lld is not supported (only 1, 2, 5, 7 and 8)",
                       (long long)major, (long long)minor);
}

static pt2_status read_header(struct pt2_load *ld, const struct pt2_at *root)
{
    struct pt2_at at;
    const char *text = "";
    PT2_TRY(read_version(ld, root));
    PT2_TRY(pt2_at_maybe(root, "torch_version", &at));
    if (at.v)
        PT2_TRY(pt2_at_text(&at, &text));
    ld->program->torch_version = pt2_load_intern(ld, pt2_text_clean(&ld->scratch, text, strlen(text), MAX_VERSION));
    PT2_TRY(pt2_at_maybe(root, "range_constraints", &at));
    return at.v ? pt2_load_ranges(ld, &at) : PT2_OK;
}

static pt2_status read_program(struct pt2_load *ld)
{
    PT2_TRY(parse_json(ld));
    struct pt2_at root = {.v = ld->json}, module, graph;
    PT2_TRY(read_header(ld, &root));
    PT2_TRY(pt2_at_field(&root, "graph_module", &module));
    PT2_TRY(pt2_at_field(&module, "graph", &graph));
    PT2_TRY(pt2_load_graph(ld, &graph, "", NULL, &ld->program->graph));
    PT2_TRY(pt2_load_signature(ld, &module));
    return ld->program->schema_major == 1 ? pt2_load_constants1(ld, &graph) : PT2_OK;
}

static pt2_status step_program(struct pt2_load *ld)
{
    PT2_NOTE(read_program(ld), "record %.200s", ld->layout.program->name);
    cJSON_Delete(ld->json); /* large, and the weights are still to come */
    ld->json = NULL;
    return PT2_OK;
}

static pt2_status step_samples(struct pt2_load *ld)
{
    pt2_load_samples(ld);
    return PT2_OK;
}

static pt2_status run_steps(struct pt2_load *ld)
{
    static pt2_status (*const steps[])(struct pt2_load *ld) = {
        step_zip, step_layout, step_program, pt2_load_weights, pt2_load_subclasses, pt2_load_bind, step_samples,
        pt2_load_sparse,
    };
    size_t count = ld->only_names ? 2 : sizeof steps / sizeof *steps;
    for (size_t i = 0; i < count; i++)
        PT2_TRY(steps[i](ld));
    return PT2_OK;
}

/* ---- opening ---- */

static uint64_t limit_or(uint64_t limit, uint64_t otherwise)
{
    return limit ? limit : otherwise;
}

static struct pt2_archive_limits fill_limits(const struct pt2_archive_limits *limits)
{
    static const struct pt2_archive_limits none;
    const struct pt2_archive_limits *l = limits ? limits : &none;
    return (struct pt2_archive_limits){
        .json_bytes = limit_or(l->json_bytes, defaults.json_bytes),
        .pickle_bytes = limit_or(l->pickle_bytes, defaults.pickle_bytes),
        .inflate_bytes = limit_or(l->inflate_bytes, defaults.inflate_bytes),
        .tensor_bytes = limit_or(l->tensor_bytes, defaults.tensor_bytes),
    };
}

/* Names from the file may hold anything; what people read must not. */
static const char *clean_name(struct pt2_arena *arena, const char *name)
{
    return pt2_text_clean(arena, name, strlen(name), MAX_MESSAGE);
}

static void clean_message(void)
{
    struct pt2_arena arena = {0};
    pt2_error_set(clean_name(&arena, pt2_error_message()));
    pt2_arena_free(&arena);
}

static pt2_status load(struct pt2_program *program, const char *name, const struct pt2_archive_limits *limits,
                       bool only_names)
{
    struct pt2_load ld = {.program = program, .arena = &program->arena, .file = program->file, .wanted = name,
                          .limits = fill_limits(limits), .only_names = only_names};
    ld.inflate_left = ld.limits.inflate_bytes;
    pt2_status status = run_steps(&ld);
    if (status == PT2_OK && !only_names) /* found by its name; from here on it is shown only */
        program->name = clean_name(ld.arena, program->name);
    cJSON_Delete(ld.json);
    pt2_zip_close(&ld.zip);
    pt2_arena_free(&ld.scratch);
    return status;
}

static pt2_status new_program(const char *label, struct pt2_program **out_program)
{
    struct pt2_program *program = calloc(1, sizeof *program);
    if (!program)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a program");
    program->file = PT2_NEW(&program->arena, struct pt2_file);
    program->path = pt2_arena_strdup(&program->arena, label);
    *out_program = program;
    return PT2_OK;
}

/* `status` is that of getting at the bytes. */
static pt2_status finish(pt2_status status, struct pt2_program *program, const char *name,
                         const struct pt2_archive_limits *limits, struct pt2_program **out_program)
{
    if (status == PT2_OK)
        status = load(program, name, limits, false);
    if (status == PT2_OK) {
        *out_program = program;
        return PT2_OK;
    }
    pt2_note(status, "%.300s", program->path);
    clean_message();
    pt2_program_destroy(&program);
    return status;
}

pt2_status pt2_program_open(const char *path, const char *name, const struct pt2_archive_limits *limits,
                            struct pt2_program **out_program)
{
    struct pt2_program *program = NULL;
    *out_program = NULL;
    PT2_TRY(new_program(path, &program));
    return finish(pt2_file_map(path, program->file), program, name, limits, out_program);
}

pt2_status pt2_program_open_memory(const void *data, size_t size, const char *label, const char *name,
                                   const struct pt2_archive_limits *limits, struct pt2_program **out_program)
{
    struct pt2_program *program = NULL;
    *out_program = NULL;
    PT2_TRY(new_program(label ? label : "<memory>", &program));
    struct pt2_file *file = program->file;
    file->data = data;
    file->size = size;
    return finish(PT2_OK, program, name, limits, out_program);
}

pt2_status pt2_program_names(const char *path, struct pt2_arena *arena, const char *const **out_names,
                             uint32_t *out_count)
{
    struct pt2_program *program = NULL;
    PT2_TRY(new_program(path, &program));
    pt2_status status = pt2_file_map(path, program->file);
    if (status == PT2_OK)
        status = load(program, NULL, NULL, true);
    if (status != PT2_OK) {
        pt2_note(status, "%.300s", path);
        clean_message();
    }
    const char **names = PT2_NEW_N(arena, const char *, program->num_names);
    for (uint32_t i = 0; i < program->num_names; i++)
        names[i] = pt2_arena_strdup(arena, program->names[i]);
    *out_names = names;
    *out_count = program->num_names;
    pt2_program_destroy(&program);
    return status;
}

void pt2_program_idle(const struct pt2_program *program, const struct pt2_storage *weight)
{
    pt2_file_idle(program->file, weight ? weight->data : NULL, weight ? weight->size : 0);
}

void pt2_program_destroy(struct pt2_program **program)
{
    struct pt2_program *p = *program;
    if (!p)
        return;
    *program = NULL;
    pt2_file_close(p->file);
    struct pt2_arena arena = p->arena;
    free(p);
    pt2_arena_free(&arena);
}
