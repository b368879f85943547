/* SPDX-License-Identifier: MIT
 *
 * Sample inputs: the pickled (args, kwargs), flattened along the program's own tree spec, so that the order of dict
 * keys cannot matter.  They are a convenience: what cannot be read disables them, never the program. */
#include "archive/torchsave.h"

#include "archive/text.h"

#include <stdio.h>

struct found {
    uint32_t object;  /* a tensor */
    const char *name; /* the attribute or key that held it; "" when it has none */
};

struct flattener {
    struct pt2_torchsave file;
    struct pt2_load *ld;
    struct pt2_sample *samples;
    uint32_t done;
    PT2_VEC(struct found) found; /* scratch; in an object of an unknown class */
    bool *visited;               /* scratch; by object */
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

/* -1: the dict has no such key. */
static int64_t child_by_key(const struct flattener *f, const struct pt2_pickle_object *o, const char *key)
{
    for (uint32_t k = 0; k + 1 < o->items.count; k += 2)
        if (is_key(object_at(f, o->items.data[k]), key))
            return o->items.data[k + 1];
    return -1;
}

/* The container's child `i`: by key where the spec has keys, else by position. -1: it has none. */
static int64_t child_of(const struct flattener *f, const struct pt2_tree *tree, const struct pt2_pickle_object *o,
                        uint32_t i)
{
    uint32_t step = o->kind == PT2_PICKLE_DICT ? 2 : 1;
    int64_t child = step == 2 && tree->keys ? child_by_key(f, o, tree->keys[i]) : -1;
    if (child >= 0)
        return child;
    uint64_t position = (uint64_t)i * step + step - 1;
    return position < o->items.count ? (int64_t)o->items.data[position] : -1;
}

static pt2_status flatten(struct flattener *f, const struct pt2_tree *tree, uint32_t object);

static pt2_status no_structure(void)
{
    return pt2_fail(PT2_ERR_FORMAT, "they do not have the structure of the inputs");
}

static pt2_status flatten_children(struct flattener *f, const struct pt2_tree *tree, const struct pt2_pickle_object *o)
{
    for (uint32_t i = 0; i < tree->num_children; i++) {
        int64_t child = child_of(f, tree, o, i);
        if (child < 0)
            return no_structure();
        PT2_TRY(flatten(f, &tree->children[i], (uint32_t)child));
    }
    return PT2_OK;
}

/* ---- objects of unknown classes ---- */

enum { MAX_HELD_DEPTH = 200 };

/* The tensors in the object, each once, in the pickle's order. Whatever else it holds does not matter. */
static void find_tensors(struct flattener *f, uint32_t object, const char *name, int depth)
{
    const struct pt2_pickle_object *o = object_at(f, object);
    if (f->visited[object] || depth > MAX_HELD_DEPTH)
        return;
    f->visited[object] = true;
    if (o->kind == PT2_PICKLE_TENSOR) {
        struct found tensor = {object, name};
        pt2_push(&f->ld->scratch, &f->found, tensor);
    }
    for (uint32_t k = 0; k < o->held.count; k++)
        find_tensors(f, o->held.data[k], name, depth + 1);
    if (o->kind == PT2_PICKLE_OPAQUE)
        return;
    for (uint32_t k = 0; k < o->items.count; k++) {
        bool is_value = o->kind == PT2_PICKLE_DICT && k % 2;
        const struct pt2_pickle_object *key = is_value ? object_at(f, o->items.data[k - 1]) : NULL;
        find_tensors(f, o->items.data[k], key && key->kind == PT2_PICKLE_STRING ? key->text : name, depth + 1);
    }
}

static const struct pt2_input_spec *spec_of_leaf(const struct pt2_program *p, uint32_t leaf)
{
    for (uint32_t k = 0; k < p->num_inputs; k++)
        if (p->inputs[k].leaf == (int)leaf)
            return &p->inputs[k];
    return NULL;
}

static bool fits(const struct pt2_tensor_meta *meta, const struct pt2_pickle_tensor *t)
{
    if (!meta || meta->dtype != t->dtype || meta->rank != t->rank)
        return false;
    for (int k = 0; k < t->rank; k++)
        if (meta->sizes[k]->op == PT2_SYM_INT && meta->sizes[k]->i != t->sizes[k])
            return false;
    return true;
}

/* Caches hold an object for each layer, with `keys` and `values`, and some are flattened to a list `key_cache` and a
 * list `value_cache`. Such names begin alike. */
static bool is_regrouped(const struct flattener *f, const struct pt2_tree *tree)
{
    enum { ALIKE = 3 };
    uint32_t groups = tree->num_children;
    if (!tree->keys || groups < 2 || tree->num_leaves % groups || tree->num_leaves == groups)
        return false;
    for (uint32_t k = 0; k < groups; k++)
        if (tree->children[k].num_leaves != tree->num_leaves / groups)
            return false;
    for (uint32_t k = 0; k < f->found.count; k++)
        if (strncmp(f->found.data[k].name, tree->keys[k % groups], ALIKE) != 0)
            return false;
    return true;
}

static pt2_status count_differs(const struct flattener *f, const struct pt2_pickle_object *o, uint32_t wanted)
{
    return pt2_fail(PT2_ERR_UNSUPPORTED, "an object of class %.100s holds %u tensors, the inputs in its place are %u",
                    o->text, f->found.count, wanted);
}

/* One leaf of the object: fixed at export, or the next tensor. */
static pt2_status take_tensor(struct flattener *f, const struct pt2_pickle_object *o, uint32_t tensor)
{
    const struct pt2_input_spec *spec = spec_of_leaf(f->ld->program, f->done);
    const char *name = f->ld->program->in_leaves[f->done].name;
    if (!spec || spec->value->kind != PT2_VALUE_TENSOR || !fits(spec->value->meta, object_at(f, tensor)->tensor))
        return pt2_fail(PT2_ERR_UNSUPPORTED, "%.100s is in an object of class %.100s, whose tensors do not fit", name,
                        o->text);
    return read_leaf(f, tensor);
}

static bool is_fixed(const struct flattener *f, uint32_t leaf)
{
    const struct pt2_input_spec *spec = spec_of_leaf(f->ld->program, leaf);
    return spec && spec->kind == PT2_INPUT_CONSTANT && spec->constant;
}

static void take_constant(struct flattener *f)
{
    const struct pt2_arg *c = spec_of_leaf(f->ld->program, f->done)->constant;
    f->samples[f->done++] = (struct pt2_sample){.kind = c->kind, .i = c->i, .f = c->f, .text = c->text};
}

static pt2_status flatten_tensors(struct flattener *f, const struct pt2_tree *tree, uint32_t object)
{
    const struct pt2_pickle_object o = *object_at(f, object);
    uint32_t count = f->file.pickle.objects.count, wanted = 0, next = 0;
    f->visited = PT2_NEW_N(&f->ld->scratch, bool, count);
    f->found.count = 0;
    find_tensors(f, object, "", 0);
    for (uint32_t k = 0; k < tree->num_leaves; k++)
        wanted += !is_fixed(f, f->done + k);
    if (f->found.count != wanted)
        return count_differs(f, &o, wanted);
    uint32_t groups = wanted == tree->num_leaves && is_regrouped(f, tree) ? tree->num_children : 1;
    for (uint32_t k = 0; k < tree->num_leaves; k++) {
        if (is_fixed(f, f->done)) {
            take_constant(f);
            continue;
        }
        uint32_t each = wanted / groups, at = next % each * groups + next / each;
        PT2_TRY(take_tensor(f, &o, f->found.data[at].object));
        next++;
    }
    return PT2_OK;
}

/* Whether the object is what the tree says: the fields of a namedtuple, the attributes of a dataclass, the items of a
 * subclass of dict. */
static bool has_children(const struct flattener *f, const struct pt2_tree *tree, const struct pt2_pickle_object *o)
{
    if (o->kind == PT2_PICKLE_TUPLE)
        return tree->num_children > 0 && o->items.count == tree->num_children;
    for (uint32_t i = 0; i < tree->num_children; i++)
        if (o->kind != PT2_PICKLE_DICT || !tree->keys || child_by_key(f, o, tree->keys[i]) < 0)
            return false;
    return tree->num_children > 0;
}

static pt2_status flatten_opaque(struct flattener *f, const struct pt2_tree *tree, uint32_t object)
{
    const struct pt2_pickle_object *o = object_at(f, object);
    uint32_t done = f->done;
    for (uint32_t k = 0; k < o->held.count; k++) {
        const struct pt2_pickle_object *part = object_at(f, o->held.data[k]);
        if (has_children(f, tree, part) && flatten_children(f, tree, part) == PT2_OK)
            return PT2_OK;
        f->done = done;
    }
    return flatten_tensors(f, tree, object);
}

/* ---- the tree ---- */

static pt2_status flatten(struct flattener *f, const struct pt2_tree *tree, uint32_t object)
{
    const struct pt2_pickle_object *o = object_at(f, object);
    if (!tree->type)
        return read_leaf(f, object);
    uint32_t step = o->kind == PT2_PICKLE_DICT ? 2 : 1;
    if (o->kind == PT2_PICKLE_OPAQUE)
        return flatten_opaque(f, tree, object);
    if ((step == 1 && o->kind != PT2_PICKLE_TUPLE && o->kind != PT2_PICKLE_LIST) ||
        o->items.count != (uint64_t)tree->num_children * step)
        return no_structure();
    return flatten_children(f, tree, o);
}

static pt2_status read_samples(struct pt2_load *ld, struct pt2_sample *samples)
{
    struct flattener f = {.ld = ld, .samples = samples};
    const uint8_t *data;
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
    if (!ld->layout.samples || !ld->layout.samples->size)
        return;
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
