/* SPDX-License-Identifier: MIT
 *
 * The inner ZIP is parsed as a bounded buffer of its own and is the last level: its records are never opened as ZIPs.
 */
#include "archive/torchsave.h"

/* ---- opening ---- */

static pt2_status check_byteorder(struct pt2_torchsave *file)
{
    const uint8_t *text;
    const char *name = pt2_arena_printf(&file->ld->scratch, "%s/byteorder", file->root);
    const struct pt2_zip_record *r = pt2_zip_find(&file->zip, name);
    if (!r || r->size != 3)
        return PT2_OK;
    PT2_TRY(pt2_zip_read(&file->zip, r, true, &text));
    return memcmp(text, "big", 3) ? PT2_OK : pt2_fail(PT2_ERR_UNSUPPORTED, "the tensors are big-endian");
}

static pt2_status read_pickle(struct pt2_torchsave *file)
{
    struct pt2_load *ld = file->ld;
    const uint8_t *data;
    const char *name = pt2_arena_printf(&ld->scratch, "%s/data.pkl", file->root);
    const struct pt2_zip_record *r = pt2_zip_find(&file->zip, name);
    if (!r)
        return pt2_fail(PT2_ERR_FORMAT, "not a torch.save file: no record %.100s", name);
    if (r->size > ld->limits.pickle_bytes)
        return pt2_fail(PT2_ERR_FORMAT, "%llu bytes of pickle exceed the limit", (unsigned long long)r->size);
    PT2_TRY(pt2_zip_read(&file->zip, r, true, &data));
    PT2_NOTE(pt2_pickle_parse(&ld->scratch, data, (size_t)r->size, &file->pickle), "%.100s", name);
    return PT2_OK;
}

pt2_status pt2_torchsave_open(struct pt2_load *ld, const uint8_t *data, uint64_t size, struct pt2_torchsave *out_file)
{
    *out_file = (struct pt2_torchsave){.ld = ld};
    PT2_NOTE(pt2_zip_open(&ld->scratch, ld->file, data, (size_t)size, &ld->inflate_left, &out_file->zip),
             "torch.save file");
    if (!out_file->zip.num_records)
        return pt2_fail(PT2_ERR_FORMAT, "an empty torch.save file");
    const char *first = out_file->zip.records[0].name;
    out_file->root = pt2_arena_strndup(&ld->scratch, first, strcspn(first, "/"));
    PT2_TRY(check_byteorder(out_file));
    return read_pickle(out_file);
}

void pt2_torchsave_close(struct pt2_torchsave *file)
{
    pt2_zip_close(&file->zip);
}

/* ---- tensors ---- */

static pt2_status find_storage(struct pt2_torchsave *file, const struct pt2_pickle_object *o,
                               struct pt2_storage **out_storage)
{
    *out_storage = pt2_map_get(&file->storages, o->text);
    if (*out_storage && (*out_storage)->size >= (uint64_t)o->i)
        return PT2_OK;
    const char *name = pt2_arena_printf(&file->ld->scratch, "%s/data/%s", file->root, o->text);
    const struct pt2_zip_record *r = pt2_zip_find(&file->zip, name);
    if (!r)
        return pt2_fail(PT2_ERR_FORMAT, "there is no record %.100s", name);
    if (r->size < (uint64_t)o->i)
        return pt2_fail(PT2_ERR_FORMAT, "record %.100s has %llu bytes, %lld are needed", name,
                        (unsigned long long)r->size, (long long)o->i);
    PT2_TRY(pt2_load_storage(file->ld, &file->zip, r, out_storage));
    pt2_map_put(&file->ld->scratch, &file->storages, o->text, *out_storage);
    return PT2_OK;
}

pt2_status pt2_torchsave_bind(struct pt2_torchsave *file, uint32_t object, struct pt2_stored_tensor *out_tensor)
{
    const struct pt2_pickle_tensor *t = file->pickle.objects.data[object].tensor;
    struct pt2_storage *storage;
    PT2_TRY(find_storage(file, &file->pickle.objects.data[t->storage], &storage));
    out_tensor->dtype = t->dtype;
    out_tensor->rank = t->rank;
    out_tensor->offset = t->offset;
    memcpy(out_tensor->sizes, t->sizes, sizeof t->sizes);
    memcpy(out_tensor->strides, t->strides, sizeof t->strides);
    return pt2_load_view(file->ld, storage, out_tensor);
}

/* ---- whole files ---- */

enum { MAX_SUBCLASS_DEPTH = 4 };

static const struct pt2_pickle_object *object_at(const struct pt2_torchsave *file, uint32_t object)
{
    return &file->pickle.objects.data[object];
}

/* A tensor, or the tensors that a subclass of Tensor is made of, with its attributes after the name. Other objects are
 * missing, if the program uses them. */
static pt2_status add_tensors(struct pt2_torchsave *file, const char *fqn, uint32_t object, int depth,
                              struct pt2_map *into)
{
    struct pt2_load *ld = file->ld;
    const struct pt2_pickle_object o = *object_at(file, object);
    for (uint32_t i = 0; o.kind == PT2_PICKLE_OPAQUE && depth < MAX_SUBCLASS_DEPTH && i + 1 < o.items.count; i += 2) {
        const struct pt2_pickle_object *key = object_at(file, o.items.data[i]);
        if (key->kind == PT2_PICKLE_STRING && strlen(key->text) == key->len)
            PT2_TRY(add_tensors(file, pt2_arena_printf(&ld->scratch, "%s.%s", fqn, key->text), o.items.data[i + 1],
                                depth + 1, into));
    }
    if (o.kind != PT2_PICKLE_TENSOR)
        return PT2_OK;
    struct pt2_stored_tensor *t = PT2_NEW(ld->arena, struct pt2_stored_tensor);
    fqn = pt2_load_intern(ld, fqn);
    PT2_NOTE(pt2_torchsave_bind(file, object, t), "%.100s", fqn);
    return pt2_map_put(&ld->scratch, into, fqn, t) ? PT2_OK : pt2_fail(PT2_ERR_FORMAT, "%.100s occurs twice", fqn);
}

static pt2_status add_entry(struct pt2_torchsave *file, uint32_t key_object, uint32_t object, struct pt2_map *into)
{
    const struct pt2_pickle_object *key = object_at(file, key_object);
    if (key->kind != PT2_PICKLE_STRING || strlen(key->text) != key->len)
        return pt2_fail(PT2_ERR_FORMAT, "a key that is no text");
    return add_tensors(file, key->text, object, 0, into);
}

static pt2_status read_dict(struct pt2_torchsave *file, struct pt2_map *into)
{
    const struct pt2_pickle_object *root = &file->pickle.objects.data[file->pickle.root];
    if (root->kind != PT2_PICKLE_DICT)
        return pt2_fail(PT2_ERR_FORMAT, "not a dict of tensors");
    for (uint32_t i = 0; i < root->items.count; i += 2)
        PT2_TRY(add_entry(file, root->items.data[i], root->items.data[i + 1], into));
    return PT2_OK;
}

pt2_status pt2_torchsave_dict(struct pt2_load *ld, const struct pt2_zip_record *record, struct pt2_map *into)
{
    struct pt2_torchsave file;
    const uint8_t *data;
    if (!record->size)
        return PT2_OK;
    PT2_TRY(pt2_zip_read(&ld->zip, record, false, &data)); /* its own records have checksums */
    pt2_status status = pt2_torchsave_open(ld, data, record->size, &file);
    if (status == PT2_OK)
        status = read_dict(&file, into);
    pt2_torchsave_close(&file);
    return status;
}

pt2_status pt2_torchsave_named(struct pt2_load *ld, const struct pt2_zip_record *record, const char *fqn,
                               struct pt2_map *into)
{
    struct pt2_torchsave file;
    const uint8_t *data;
    PT2_TRY(pt2_zip_read(&ld->zip, record, false, &data));
    pt2_status status = pt2_torchsave_open(ld, data, record->size, &file);
    if (status == PT2_OK) {
        const struct pt2_pickle_object *root = object_at(&file, file.pickle.root);
        if (root->kind == PT2_PICKLE_TENSOR || root->items.count)
            status = add_tensors(&file, fqn, file.pickle.root, 0, into);
        else
            status = pt2_fail(PT2_ERR_UNSUPPORTED, "not a plain tensor%s%s", root->text ? ": " : "",
                              root->text ? root->text : "");
    }
    pt2_torchsave_close(&file);
    return status;
}

pt2_status pt2_torchsave_tensor_bytes(struct pt2_load *ld, const uint8_t *data, uint64_t size,
                                      struct pt2_stored_tensor *out_tensor)
{
    struct pt2_torchsave file;
    pt2_status status = pt2_torchsave_open(ld, data, size, &file);
    if (status == PT2_OK) {
        const struct pt2_pickle_object *root = &file.pickle.objects.data[file.pickle.root];
        if (root->kind == PT2_PICKLE_TENSOR)
            status = pt2_torchsave_bind(&file, file.pickle.root, out_tensor);
        else
            status = pt2_fail(PT2_ERR_UNSUPPORTED, "not a plain tensor%s%s", root->text ? ": " : "",
                              root->text ? root->text : "");
    }
    pt2_torchsave_close(&file);
    return status;
}
