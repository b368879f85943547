/* SPDX-License-Identifier: MIT
 *
 * Sample inputs: the pickled (args, kwargs), flattened along the program's own tree spec, so that the order of dict
 * keys cannot matter.  They are a convenience: what cannot be read disables them, never the program. */
#include "archive/torchsave.h"

#include "archive/text.h"

#include <stdio.h>

struct flattener {
    struct pt2_torchsave file;
    struct pt2_load *ld;
    struct pt2_sample *samples;
    uint32_t done;
};

static const struct pt2_pickle_object *object_at(const struct flattener *f, uint32_t i)
{
    return &f->file.pickle.objects.data[i];
}

static pt2_status read_sparse(struct flattener *f, const struct pt2_pickle_object *o, struct pt2_sample *s)
{
    struct pt2_stored_tensor *indices = PT2_NEW(f->ld->arena, struct pt2_stored_tensor);
    s->indices = indices;
    PT2_TRY(pt2_torchsave_bind(&f->file, o->items.data[0], indices));
    return pt2_torchsave_bind(&f->file, o->items.data[1], &s->tensor);
}

static pt2_status read_leaf(struct flattener *f, uint32_t object)
{
    const struct pt2_pickle_object *o = object_at(f, object);
    struct pt2_sample *s = &f->samples[f->done];
    const char *name = f->ld->program->in_leaves[f->done].name;
    static const enum pt2_arg_kind kinds[] = {
        [PT2_PICKLE_NONE] = PT2_ARG_NONE,     [PT2_PICKLE_BOOL] = PT2_ARG_BOOL,     [PT2_PICKLE_INT] = PT2_ARG_INT,
        [PT2_PICKLE_FLOAT] = PT2_ARG_FLOAT,   [PT2_PICKLE_STRING] = PT2_ARG_STRING, [PT2_PICKLE_TENSOR] = PT2_ARG_VALUE,
        [PT2_PICKLE_SPARSE] = PT2_ARG_VALUE, [PT2_PICKLE_OPAQUE] = PT2_ARG_CUSTOM,
    };
    s->kind = kinds[o->kind];
    if (s->kind == PT2_ARG_CUSTOM || (s->kind == PT2_ARG_NONE && o->kind != PT2_PICKLE_NONE))
        return pt2_fail(PT2_ERR_UNSUPPORTED, "%.100s is %s", name,
                        o->text ? o->text : "of a kind that is not supported");
    f->done++;
    s->i = o->i;
    s->f = o->f;
    if (s->kind == PT2_ARG_STRING)
        s->text = pt2_arena_strndup(f->ld->arena, o->text, o->len);
    if (o->kind == PT2_PICKLE_SPARSE)
        return read_sparse(f, o, s);
    if (s->kind == PT2_ARG_VALUE)
        PT2_NOTE(pt2_torchsave_bind(&f->file, object, &s->tensor), "%.100s", name);
    return PT2_OK;
}

/* Whether a dict key is the one that the tree spec writes as `text`. */
static bool is_key(const struct pt2_pickle_object *o, const char *text)
{
    int64_t i;
    if (o->kind == PT2_PICKLE_STRING)
        return strlen(text) == o->len && !memcmp(o->text, text, o->len);
    return o->kind == PT2_PICKLE_INT && pt2_text_int(text, strlen(text), &i) && i == o->i;
}

/* The container's child `i`: by key where the spec has keys, else by position. -1: it has none. */
static int64_t child_of(const struct flattener *f, const struct pt2_tree *tree, const struct pt2_pickle_object *o,
                        uint32_t i)
{
    uint32_t step = o->kind == PT2_PICKLE_DICT ? 2 : 1;
    for (uint32_t k = 0; step == 2 && tree->keys && k < o->items.count; k += 2)
        if (is_key(object_at(f, o->items.data[k]), tree->keys[i]))
            return o->items.data[k + 1];
    uint64_t position = (uint64_t)i * step + step - 1;
    return position < o->items.count ? (int64_t)o->items.data[position] : -1;
}

static pt2_status flatten(struct flattener *f, const struct pt2_tree *tree, uint32_t object)
{
    const struct pt2_pickle_object *o = object_at(f, object);
    if (!tree->type)
        return read_leaf(f, object);
    uint32_t step = o->kind == PT2_PICKLE_DICT ? 2 : 1;
    if (o->kind == PT2_PICKLE_OPAQUE)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "an object of class %.100s", o->text);
    if ((step == 1 && o->kind != PT2_PICKLE_TUPLE && o->kind != PT2_PICKLE_LIST) ||
        o->items.count != (uint64_t)tree->num_children * step)
        return pt2_fail(PT2_ERR_FORMAT, "they do not have the structure of the inputs");
    for (uint32_t i = 0; i < tree->num_children; i++) {
        int64_t child = child_of(f, tree, o, i);
        if (child < 0)
            return pt2_fail(PT2_ERR_FORMAT, "they do not have the structure of the inputs");
        PT2_TRY(flatten(f, &tree->children[i], (uint32_t)child));
    }
    return PT2_OK;
}

static pt2_status read_samples(struct pt2_load *ld, struct pt2_sample *samples)
{
    struct flattener f = {.ld = ld, .samples = samples};
    const uint8_t *data;
    if (!ld->layout.samples || !ld->layout.samples->size)
        return pt2_fail(PT2_ERR_FORMAT, "the archive has none");
    PT2_TRY(pt2_zip_read(&ld->zip, ld->layout.samples, false, &data));
    pt2_status status = pt2_torchsave_open(ld, data, ld->layout.samples->size, &f.file);
    if (status == PT2_OK)
        status = flatten(&f, &ld->in_tree, f.file.pickle.root);
    pt2_torchsave_close(&f.file);
    return status;
}

static bool any_without_data(const struct pt2_sample *samples, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (samples[i].kind == PT2_ARG_VALUE && !samples[i].tensor.storage->data)
            return true;
    return false;
}

void pt2_load_samples(struct pt2_load *ld)
{
    struct pt2_program *p = ld->program;
    struct pt2_sample *samples = PT2_NEW_N(ld->arena, struct pt2_sample, p->num_in_leaves);
    uint64_t weight_bytes = p->weight_bytes; /* sample inputs are no weights */
    pt2_status status = read_samples(ld, samples);
    p->weight_bytes = weight_bytes;
    if (status != PT2_OK)
        p->samples_missing_why = pt2_text_clean(ld->arena, pt2_error_message(), strlen(pt2_error_message()), 300);
    else if (any_without_data(samples, p->num_in_leaves))
        p->samples_missing_why = "they were exported without data";
    else
        p->samples = samples;
}
