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
    ld->program->names = PT2_NEW_N(ld->arena, const char *, 1);
    ld->program->name = ld->program->names[ld->program->num_names++] = "model";
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

/* Names of all programs, in the order of the archive. */
static void list_models(struct pt2_load *ld, const char *root)
{
    const char *folder = pt2_arena_printf(&ld->scratch, "%smodels/", root);
    struct pt2_program *p = ld->program;
    p->names = PT2_NEW_N(ld->arena, const char *, ld->zip.num_records);
    for (uint32_t i = 0; i < ld->zip.num_records; i++) {
        const char *name = model_name(ld, folder, ld->zip.records[i].name);
        if (name)
            p->names[p->num_names++] = name;
    }
}

static const char *find_name(const struct pt2_program *p, const char *name)
{
    for (uint32_t i = 0; i < p->num_names; i++)
        if (!strcmp(p->names[i], name))
            return p->names[i];
    return NULL;
}

static const char *all_names(struct pt2_load *ld)
{
    const struct pt2_program *p = ld->program;
    const char *listed = "";
    for (uint32_t i = 0; i < p->num_names && strlen(listed) < MAX_LISTED; i++)
        listed = pt2_arena_printf(&ld->scratch, "%s%s\"%.100s\"", listed, *listed ? ", " : "", p->names[i]);
    return listed;
}

/* The wanted model, or "model", or the only one; else an error that lists them all. */
static pt2_status pick_model(struct pt2_load *ld)
{
    struct pt2_program *p = ld->program;
    if (!p->num_names)
        return pt2_fail(PT2_ERR_FORMAT, "a pt2 archive without a program");
    p->name = find_name(p, ld->wanted ? ld->wanted : "model");
    if (!p->name && !ld->wanted && p->num_names == 1)
        p->name = p->names[0];
    if (p->name)
        return PT2_OK;
    if (ld->wanted)
        return pt2_fail(PT2_ERR_ARG, "the archive has no program \"%.100s\"; choose one of %s", ld->wanted,
                        all_names(ld));
    return pt2_fail(PT2_ERR_ARG, "the archive has %u programs and none is called \"model\"; choose one of %s",
                    p->num_names, all_names(ld));
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
    list_models(ld, root);
    if (ld->only_names)
        return PT2_OK;
    PT2_TRY(pick_model(ld));
    const char *models = pt2_arena_printf(&ld->scratch, "%smodels/", root);
    l->program = find(ld, models, ld->program->name, ".json");
    l->weights = find_tensors(ld, root, "weights", &l->weights_dir);
    l->constants = find_tensors(ld, root, "constants", &l->constants_dir);
    l->samples = find(ld, pt2_arena_printf(&ld->scratch, "%sdata/sample_inputs/", root), ld->program->name, ".pt");
    l->title = l->weights_dir ? "rooted, raw weights" : "rooted, pickled weights";
    return PT2_OK;
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
    bool has_models = first_below(&ld->zip, pt2_arena_printf(&ld->scratch, "%smodels/", root));
    return format && has_models ? find_rooted_records(ld, root, format) : pt2_foreign_zip(&ld->zip);
}
