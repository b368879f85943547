/* SPDX-License-Identifier: MIT
 *
 * Which kind of archive this is, by the names of its records only: file extensions and even record extensions lie. */
#include "archive/load.h"

enum { MAX_LISTED = 400 };

static const struct pt2_zip_record *find(struct pt2_load *ld, const char *a, const char *b, const char *c)
{
    return pt2_zip_find(&ld->zip, pt2_arena_printf(&ld->scratch, "%s%s%s", a, b, c));
}

static bool starts_with(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

static const struct pt2_zip_record *first_below(const struct pt2_zip *zip, const char *folder)
{
    for (uint32_t i = 0; i < zip->num_records; i++)
        if (starts_with(zip->records[i].name, folder))
            return &zip->records[i];
    return NULL;
}

/* ---- flat: torch 2.1 - 2.7 ---- */

static const struct pt2_zip_record *find_flat(struct pt2_load *ld, const char *stem)
{
    const struct pt2_zip_record *r = find(ld, stem, ".pt", "");
    return r ? r : find(ld, stem, ".json", ""); /* torch 2.1, 2.2: pickles all the same */
}

static pt2_status find_flat_records(struct pt2_load *ld)
{
    if (ld->wanted && strcmp(ld->wanted, "model") != 0)
        return pt2_fail(PT2_ERR_ARG, "the archive has one program, called \"model\", but not \"%.100s\"", ld->wanted);
    ld->program->name = "model";
    ld->layout.title = "flat";
    ld->layout.weights = find_flat(ld, "serialized_state_dict");
    ld->layout.constants = find_flat(ld, "serialized_constants");
    ld->layout.samples = find(ld, "serialized_example_inputs.pt", "", "");
    return PT2_OK;
}

/* ---- rooted: torch 2.8 and later ---- */

/* "sub/dec" for "root/models/sub/dec.json"; NULL for other records. */
static const char *model_name(struct pt2_load *ld, const char *folder, const char *record)
{
    static const char suffix[] = ".json";
    size_t begin = strlen(folder), len = strlen(record);
    if (!starts_with(record, folder) || len <= begin + sizeof suffix - 1 ||
        strcmp(record + len - (sizeof suffix - 1), suffix) != 0)
        return NULL;
    return pt2_arena_strndup(ld->arena, record + begin, len - begin - (sizeof suffix - 1));
}

static pt2_status no_models(struct pt2_load *ld, const char *root)
{
    const char *folder = pt2_arena_printf(&ld->scratch, "%sdata/aotinductor/", root);
    if (first_below(&ld->zip, folder))
        return pt2_fail(PT2_ERR_UNSUPPORTED, "this package was compiled by AOTInductor for another runtime and holds "
                                             "no program; save the model with torch.export.save");
    return pt2_fail(PT2_ERR_FORMAT, "a pt2 archive without a program");
}

/* The wanted model, or "model", or the only one; else an error that lists them all. */
static pt2_status pick_model(struct pt2_load *ld, const char *root)
{
    const char *folder = pt2_arena_printf(&ld->scratch, "%smodels/", root), *last = NULL, *found = NULL;
    const char *wanted = ld->wanted ? ld->wanted : "model", *listed = "";
    uint32_t count = 0;
    for (uint32_t i = 0; i < ld->zip.num_records; i++) {
        const char *name = model_name(ld, folder, ld->zip.records[i].name);
        if (!name)
            continue;
        count++;
        last = name;
        if (!strcmp(name, wanted))
            found = name;
        if (strlen(listed) < MAX_LISTED)
            listed = pt2_arena_printf(&ld->scratch, "%s%s\"%.100s\"", listed, *listed ? ", " : "", name);
    }
    if (!count)
        return no_models(ld, root);
    if (!found && !ld->wanted && count == 1)
        found = last;
    if (!found)
        return pt2_fail(PT2_ERR_ARG, "the archive has no program \"%.100s\"; choose one of %s", wanted, listed);
    ld->program->name = found;
    return PT2_OK;
}

/* A raw config if there is one, else a pickle. */
static const struct pt2_zip_record *find_tensors(struct pt2_load *ld, const char *root, const char *kind,
                                                 const char **out_dir)
{
    const char *dir = pt2_arena_printf(&ld->scratch, "%sdata/%s/", root, kind);
    const char *suffix = pt2_arena_printf(&ld->scratch, "_%s_config.json", kind);
    const struct pt2_zip_record *r = find(ld, dir, ld->program->name, suffix);
    *out_dir = r ? dir : NULL;
    return r ? r : find(ld, dir, ld->program->name, ".pt");
}

/* Whether a small record holds `text`, perhaps with white space behind. */
static pt2_status holds(struct pt2_load *ld, const struct pt2_zip_record *r, const char *text, bool *out_same)
{
    const uint8_t *data;
    size_t len = strlen(text);
    *out_same = false;
    if (r->size < len || r->size > 64)
        return PT2_OK;
    PT2_TRY(pt2_zip_read(&ld->zip, r, true, &data));
    *out_same = !memcmp(data, text, len) && (r->size == len || data[len] == '\n' || data[len] == '\r');
    return PT2_OK;
}

static pt2_status check_markers(struct pt2_load *ld, const char *root, const struct pt2_zip_record *format)
{
    const struct pt2_zip_record *version = find(ld, root, "archive_version", "");
    const struct pt2_zip_record *byteorder = find(ld, root, "byteorder", "");
    bool same;
    PT2_TRY(holds(ld, format, "pt2", &same));
    if (!same)
        return pt2_fail(PT2_ERR_FORMAT, "record %.200s does not say \"pt2\"", format->name);
    if (version)
        PT2_TRY(holds(ld, version, "0", &same));
    if (!same)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "record %.200s: an archive version newer than 0", version->name);
    for (uint32_t i = 0; i < ld->zip.num_records; i++)
        if (!starts_with(ld->zip.records[i].name, root))
            return pt2_fail(PT2_ERR_FORMAT, "record %.200s lies outside of %.200s", ld->zip.records[i].name, root);
    return byteorder ? holds(ld, byteorder, "big", &ld->layout.big_endian) : PT2_OK;
}

static pt2_status find_rooted_records(struct pt2_load *ld, const char *root, const struct pt2_zip_record *format)
{
    struct pt2_layout *l = &ld->layout;
    PT2_TRY(check_markers(ld, root, format));
    PT2_TRY(pick_model(ld, root));
    const char *models = pt2_arena_printf(&ld->scratch, "%smodels/", root);
    l->program = find(ld, models, ld->program->name, ".json");
    l->weights = find_tensors(ld, root, "weights", &l->weights_dir);
    l->constants = find_tensors(ld, root, "constants", &l->constants_dir);
    l->samples = find(ld, pt2_arena_printf(&ld->scratch, "%sdata/sample_inputs/", root), ld->program->name, ".pt");
    l->title = l->weights_dir ? "rooted, raw weights" : "rooted, pickled weights";
    return PT2_OK;
}

/* ---- other files ---- */

static pt2_status refuse_other_zip(struct pt2_load *ld, const char *root)
{
    const char *code = pt2_arena_printf(&ld->scratch, "%scode/", root);
    if (find(ld, root, "constants.pkl", "") || first_below(&ld->zip, code))
        return pt2_fail(PT2_ERR_FORMAT, "this is a TorchScript file; save the model with torch.export.save");
    if (find(ld, root, "data.pkl", ""))
        return pt2_fail(PT2_ERR_FORMAT, "this is a torch.save file with tensors but no program; "
                                        "save the model with torch.export.save");
    return pt2_fail(PT2_ERR_FORMAT, "this ZIP is not an archive of torch.export.save");
}

pt2_status pt2_layout_refuse_other(const uint8_t *data, size_t size)
{
    static const struct { size_t at, len; const char *magic, *what; } kinds[] = {
        {4, 4, "ET12", "an ExecuTorch program (.pte)"},
        {8, 2, "{\"", "a safetensors file: tensors without a program"},
        {0, 2, "\x80\x02", "a torch.save file of the old format: tensors without a program"},
        {0, 4, "GGUF", "a GGUF file"},
        {0, 4, "\x7f" "ELF", "a shared library"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (size >= kinds[i].at + kinds[i].len && !memcmp(data + kinds[i].at, kinds[i].magic, kinds[i].len))
            return pt2_fail(PT2_ERR_FORMAT, "this is %s; save the model with torch.export.save", kinds[i].what);
    return pt2_fail(PT2_ERR_FORMAT, "this is not a ZIP file, hence not an archive of torch.export.save");
}

pt2_status pt2_layout_find(struct pt2_load *ld)
{
    if (!ld->zip.num_records)
        return pt2_fail(PT2_ERR_FORMAT, "the ZIP is empty");
    ld->layout.program = find(ld, "serialized_exported_program.json", "", "");
    if (ld->layout.program)
        return find_flat_records(ld);
    const char *first = ld->zip.records[0].name;
    const char *root = pt2_arena_printf(&ld->scratch, "%.*s/", (int)strcspn(first, "/"), first);
    const struct pt2_zip_record *format = find(ld, root, "archive_format", "");
    return format ? find_rooted_records(ld, root, format) : refuse_other_zip(ld, root);
}
