/* SPDX-License-Identifier: MIT
 *
 * Weights and constants.  A storage is a record; a stored tensor is a view of a storage that was checked to lie inside,
 * so nothing after this file needs to look at sizes again.  Records used by several tensors become one storage. */
#include "archive/load.h"
#include "archive/torchsave.h"

#include <cjson/cJSON.h>

enum { ALIGNMENT = 16 /* of the largest element */ };

/* ---- storages and views ---- */

pt2_status pt2_load_storage(struct pt2_load *ld, struct pt2_zip *zip, const struct pt2_zip_record *record,
                            struct pt2_storage **out_storage)
{
    struct pt2_storage *s = PT2_NEW(ld->arena, struct pt2_storage);
    const uint8_t *data;
    uint8_t *copy;
    PT2_TRY(pt2_zip_read(zip, record, false, &data));
    if ((uintptr_t)data % ALIGNMENT) {
        PT2_TRY(pt2_file_block(ld->file, record->size, &copy));
        memcpy(copy, data, record->size);
        data = copy;
    }
    s->data = data;
    s->size = record->size;
    s->index = ld->program->num_storages++;
    ld->program->weight_bytes += s->size;
    *out_storage = s;
    return PT2_OK;
}

/* Compilers may assume that a bool is 0 or 1; files may hold anything. */
static pt2_status normalise_bools(struct pt2_load *ld, struct pt2_storage *s)
{
    uint8_t *copy, most = 0;
    for (size_t i = 0; i < s->size; i++)
        most |= s->data[i];
    if (most <= 1)
        return PT2_OK;
    PT2_TRY(pt2_file_block(ld->file, s->size, &copy));
    for (size_t i = 0; i < s->size; i++)
        copy[i] = s->data[i] != 0;
    s->data = copy;
    return PT2_OK;
}

/* Whether the last element lies below `elements`; every step is checked, so nothing overflows. */
static bool lies_inside(const struct pt2_stored_tensor *t, uint64_t elements)
{
    uint64_t at = (uint64_t)t->offset;
    for (int i = 0; i < t->rank; i++) {
        uint64_t steps = (uint64_t)t->sizes[i] - 1, stride = (uint64_t)t->strides[i];
        if (at >= elements || (stride && steps > (elements - 1 - at) / stride))
            return false;
        at += steps * stride;
    }
    return at < elements;
}

static pt2_status check_dims(struct pt2_load *ld, const struct pt2_stored_tensor *t, bool *out_empty)
{
    double bytes = (double)pt2_dtype_size(t->dtype);
    if (t->rank < 0 || t->rank > PT2_MAX_RANK)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "%d dimensions, at most %d are supported", t->rank, PT2_MAX_RANK);
    *out_empty = false;
    for (int i = 0; i < t->rank; i++) {
        if (t->sizes[i] < 0 || t->strides[i] < 0)
            return pt2_fail(PT2_ERR_FORMAT, "a negative size or stride");
        *out_empty |= !t->sizes[i];
        bytes *= (double)t->sizes[i];
    }
    if (t->offset < 0)
        return pt2_fail(PT2_ERR_FORMAT, "a negative offset");
    if (bytes > (double)ld->limits.tensor_bytes)
        return pt2_fail(PT2_ERR_FORMAT, "a tensor of %.0f bytes exceeds the limit", bytes);
    return PT2_OK;
}

pt2_status pt2_load_view(struct pt2_load *ld, struct pt2_storage *storage, struct pt2_stored_tensor *tensor)
{
    bool empty = false;
    PT2_TRY(check_dims(ld, tensor, &empty));
    tensor->storage = storage;
    if (empty)
        return PT2_OK;
    if (!storage->size) { /* exported with fake weights */
        storage->data = NULL;
        return PT2_OK;
    }
    if (!lies_inside(tensor, storage->size / pt2_dtype_size(tensor->dtype)))
        return pt2_fail(PT2_ERR_FORMAT, "the tensor reaches past the end of its storage (%zu bytes)", storage->size);
    return tensor->dtype == PT2_BOOL ? normalise_bools(ld, storage) : PT2_OK;
}

/* ---- raw weights: a config beside the storages (torch 2.9+) ---- */

struct config {
    struct pt2_load *ld;
    const char *dir;            /* "root/data/weights/" */
    struct pt2_map *into;       /* FQN to struct pt2_stored_tensor */
    struct pt2_map storages;    /* path to struct pt2_storage */
};

static pt2_status literal(const struct pt2_at *at, const struct pt2_symexpr *e, int64_t *out_value)
{
    *out_value = e->i;
    return e->op == PT2_SYM_INT ? PT2_OK : pt2_at_fail(at, PT2_ERR_FORMAT, "a weight of symbolic shape");
}

static pt2_status read_view(struct pt2_load *ld, const struct pt2_at *at, struct pt2_stored_tensor *t)
{
    struct pt2_tensor_meta meta;
    PT2_TRY(pt2_load_tensor_meta(ld, at, &meta));
    t->dtype = meta.dtype;
    t->rank = meta.rank;
    for (int i = 0; i < meta.rank; i++) {
        PT2_TRY(literal(at, meta.sizes[i], &t->sizes[i]));
        PT2_TRY(literal(at, meta.strides[i], &t->strides[i]));
    }
    return literal(at, meta.offset, &t->offset);
}

static pt2_status find_record(struct config *c, const struct pt2_at *entry, const struct pt2_zip_record **out_record)
{
    const char *path;
    PT2_TRY(pt2_at_field_text(entry, "path_name", &path));
    *out_record = pt2_zip_find(&c->ld->zip, pt2_arena_printf(&c->ld->scratch, "%s%s", c->dir, path));
    return *out_record ? PT2_OK : pt2_at_fail(entry, PT2_ERR_FORMAT, "there is no record %.100s", path);
}

static pt2_status shared_storage(struct config *c, const struct pt2_zip_record *record,
                                 struct pt2_storage **out_storage)
{
    *out_storage = pt2_map_get(&c->storages, record->name);
    if (*out_storage)
        return PT2_OK;
    PT2_TRY(pt2_load_storage(c->ld, &c->ld->zip, record, out_storage));
    pt2_map_put(&c->ld->scratch, &c->storages, record->name, *out_storage);
    return PT2_OK;
}

static pt2_status read_tensor(struct config *c, const struct pt2_at *entry, const struct pt2_at *meta,
                              const char *fqn)
{
    const struct pt2_zip_record *record;
    struct pt2_storage *storage;
    struct pt2_stored_tensor *t = PT2_NEW(c->ld->arena, struct pt2_stored_tensor);
    struct pt2_at field;
    bool pickled = false;
    PT2_TRY(find_record(c, entry, &record));
    PT2_TRY(pt2_at_maybe(entry, "use_pickle", &field));
    if (field.v)
        PT2_TRY(pt2_at_bool(&field, &pickled));
    if (pickled)
        return pt2_torchsave_named(c->ld, record, fqn, c->into);
    PT2_TRY(read_view(c->ld, meta, t));
    if (record->size % pt2_dtype_size(t->dtype))
        return pt2_fail(PT2_ERR_FORMAT, "the size of record %.200s is no multiple of %zu", record->name,
                        pt2_dtype_size(t->dtype));
    PT2_TRY(shared_storage(c, record, &storage));
    PT2_TRY(pt2_load_view(c->ld, storage, t));
    return pt2_map_put(&c->ld->scratch, c->into, fqn, t) ? PT2_OK : pt2_at_fail(entry, PT2_ERR_FORMAT, "occurs twice");
}

static pt2_status read_entry(struct config *c, const struct pt2_at *entry)
{
    struct pt2_at meta;
    const char *fqn = pt2_load_intern(c->ld, entry->key);
    PT2_TRY(pt2_at_maybe(entry, "tensor_meta", &meta));
    if (!meta.v) /* a custom object: never unpickled */
        return PT2_OK;
    PT2_NOTE(read_tensor(c, entry, &meta, fqn), "%.100s", fqn);
    return PT2_OK;
}

static pt2_status read_entries(struct config *c, const struct cJSON *root)
{
    struct pt2_at top = {.v = root}, entries;
    uint32_t count;
    PT2_TRY(pt2_at_field_object(&top, "config", &entries, &count));
    for (struct pt2_at it = {0}; pt2_at_next(&entries, &it);)
        PT2_TRY(read_entry(c, &it));
    return PT2_OK;
}

static pt2_status load_config(struct pt2_load *ld, const struct pt2_zip_record *record, const char *dir,
                              struct pt2_map *into)
{
    struct config c = {.ld = ld, .dir = dir, .into = into};
    const uint8_t *text;
    cJSON *root;
    if (record->size > ld->limits.json_bytes)
        return pt2_fail(PT2_ERR_FORMAT, "%llu bytes of JSON exceed the limit", (unsigned long long)record->size);
    PT2_TRY(pt2_zip_read(&ld->zip, record, true, &text));
    PT2_TRY(pt2_json_parse((const char *)text, (size_t)record->size, &root));
    pt2_status status = read_entries(&c, root);
    cJSON_Delete(root);
    return status;
}

/* ---- both kinds ---- */

static pt2_status load_one(struct pt2_load *ld, const struct pt2_zip_record *record, const char *dir,
                           struct pt2_map *into)
{
    if (!record)
        return PT2_OK;
    PT2_NOTE(dir ? load_config(ld, record, dir, into) : pt2_torchsave_dict(ld, record, into), "record %.200s",
             record->name);
    return PT2_OK;
}

pt2_status pt2_load_weights(struct pt2_load *ld)
{
    const struct pt2_layout *l = &ld->layout;
    if (l->big_endian)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "the weights are big-endian");
    PT2_TRY(load_one(ld, l->weights, l->weights_dir, &ld->weights));
    return load_one(ld, l->constants, l->constants_dir, &ld->constants);
}
