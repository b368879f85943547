/* SPDX-License-Identifier: MIT
 *
 * What the functions and classes named in torch.save files mean.  Everything that is not in the tables becomes an
 * opaque object with the name for a label, and so does whatever is built from an opaque object. */
#include "archive/pickle.h"

enum { MAX_COPIED = 1 << 22 };

typedef struct pt2_pickle_object object_t;

struct function {
    const char *name; /* "module name" */
    pt2_status (*call)(struct pt2_pickle *p, const struct function *f, const object_t *args, uint32_t *out_object);
    uint32_t least_args;
    int what; /* position of the dtype, if any */
};

static const struct function *find_function(const char *name);

static const object_t *get(const struct pt2_pickle *p, uint32_t i)
{
    return &p->objects.data[i];
}

static const object_t *arg(const struct pt2_pickle *p, const object_t *args, uint32_t i)
{
    return get(p, args->items.data[i]);
}

static pt2_status bad_args(const struct function *f)
{
    return pt2_fail(PT2_ERR_FORMAT, "pickle: unexpected arguments of %s", f->name);
}

uint32_t pt2_pickle_global(struct pt2_pickle *p, const char *module, size_t module_len, const char *name,
                           size_t name_len)
{
    const char *text = pt2_arena_printf(p->arena, "%.*s %.*s", (int)module_len, module, (int)name_len, name);
    pt2_dtype dtype = !strncmp(text, "torch ", 6) ? pt2_dtype_from_name(text + 6) : PT2_NONE;
    uint32_t i = pt2_pickle_new(p, dtype == PT2_NONE ? PT2_PICKLE_GLOBAL : PT2_PICKLE_DTYPE);
    p->objects.data[i].text = text;
    p->objects.data[i].dtype = dtype;
    return i;
}

/* ---- tensors ---- */

static pt2_status read_dims(const struct pt2_pickle *p, const struct function *f, const object_t *tuple, int rank,
                            int64_t *out)
{
    if (tuple->kind != PT2_PICKLE_TUPLE || tuple->items.count != (uint32_t)rank)
        return bad_args(f);
    for (int i = 0; i < rank; i++) {
        const object_t *n = arg(p, tuple, (uint32_t)i);
        if (n->kind != PT2_PICKLE_INT)
            return bad_args(f);
        out[i] = n->i;
    }
    return PT2_OK;
}

/* {'conj': True} and {'neg': True} mean that the bytes are not the values. */
static bool is_lazy(const struct pt2_pickle *p, const object_t *metadata)
{
    if (metadata->kind != PT2_PICKLE_DICT)
        return false;
    for (uint32_t i = 0; i < metadata->items.count; i += 2) {
        const object_t *key = arg(p, metadata, i), *value = arg(p, metadata, i + 1);
        if (key->kind == PT2_PICKLE_STRING && (!strcmp(key->text, "conj") || !strcmp(key->text, "neg")) && value->i)
            return true;
    }
    return false;
}

/* (storage, offset, size, stride, requires_grad, hooks[, dtype][, metadata]) */
static pt2_status call_tensor(struct pt2_pickle *p, const struct function *f, const object_t *args,
                              uint32_t *out_object)
{
    const object_t *storage = arg(p, args, 0), *offset = arg(p, args, 1), *size = arg(p, args, 2);
    uint32_t metadata = f->what ? 7 : 6;
    if (storage->kind == PT2_PICKLE_OPAQUE) {
        *out_object = args->items.data[0];
        return PT2_OK;
    }
    if (storage->kind != PT2_PICKLE_STORAGE || offset->kind != PT2_PICKLE_INT || size->kind != PT2_PICKLE_TUPLE ||
        (f->what && arg(p, args, (uint32_t)f->what)->kind != PT2_PICKLE_DTYPE))
        return bad_args(f);
    if (size->items.count > PT2_MAX_RANK)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "a tensor of %u dimensions", size->items.count);
    struct pt2_pickle_tensor *t = PT2_NEW(p->arena, struct pt2_pickle_tensor);
    t->storage = args->items.data[0];
    t->offset = offset->i;
    t->rank = (int)size->items.count;
    t->dtype = f->what ? arg(p, args, (uint32_t)f->what)->dtype : storage->dtype;
    if (t->dtype == PT2_NONE)
        return bad_args(f);
    PT2_TRY(read_dims(p, f, size, t->rank, t->sizes));
    PT2_TRY(read_dims(p, f, arg(p, args, 3), t->rank, t->strides));
    bool lazy = args->items.count > metadata && is_lazy(p, arg(p, args, metadata));
    *out_object = lazy ? pt2_pickle_opaque(p, "a lazily conjugated or negated tensor")
                       : pt2_pickle_new(p, PT2_PICKLE_TENSOR);
    p->objects.data[*out_object].tensor = lazy ? NULL : t;
    return PT2_OK;
}

/* (layout, (indices, values, size[, coalesced])); of other layouts it has three tensors first. */
static pt2_status call_sparse(struct pt2_pickle *p, const struct function *f, const object_t *args,
                              uint32_t *out_object)
{
    const object_t *parts = args->items.count > 1 ? arg(p, args, 1) : args;
    (void)f;
    bool known = args->items.count > 1 && parts->kind == PT2_PICKLE_TUPLE && parts->items.count >= 3 &&
                 arg(p, parts, 0)->kind == PT2_PICKLE_TENSOR && arg(p, parts, 1)->kind == PT2_PICKLE_TENSOR &&
                 arg(p, parts, 2)->kind == PT2_PICKLE_TUPLE;
    const uint32_t items[2] = { known ? parts->items.data[0] : 0, known ? parts->items.data[1] : 0 };
    *out_object = known ? pt2_pickle_new(p, PT2_PICKLE_SPARSE)
                        : pt2_pickle_opaque(p, "a sparse tensor that is not COO");
    for (int k = 0; known && k < 2; k++)
        pt2_push(p->arena, &p->objects.data[*out_object].items, items[k]);
    return PT2_OK;
}

static pt2_status call_parameter(struct pt2_pickle *p, const struct function *f, const object_t *args,
                                 uint32_t *out_object)
{
    enum pt2_pickle_kind kind = arg(p, args, 0)->kind;
    *out_object = args->items.data[0];
    return kind == PT2_PICKLE_TENSOR || kind == PT2_PICKLE_OPAQUE ? PT2_OK : bad_args(f);
}

/* (function, type, args, state): subclasses of Tensor are opaque, but their attributes are kept. */
static pt2_status call_from_type(struct pt2_pickle *p, const struct function *f, const object_t *args,
                                 uint32_t *out_object)
{
    const object_t *function = arg(p, args, 0), *type = arg(p, args, 1);
    if (function->kind != PT2_PICKLE_GLOBAL || type->kind != PT2_PICKLE_GLOBAL)
        return bad_args(f);
    const struct function *inner = find_function(function->text);
    bool plain = !strcmp(type->text, "torch Tensor") || !strcmp(type->text, "torch.nn.parameter Parameter");
    if (!plain || !inner || (inner->call != call_tensor && inner->call != call_parameter)) {
        *out_object = pt2_pickle_opaque(p, type->text);
        if (arg(p, args, 3)->kind == PT2_PICKLE_DICT)
            p->objects.data[*out_object].items = arg(p, args, 3)->items;
        return PT2_OK;
    }
    return pt2_pickle_reduce(p, args->items.data[0], args->items.data[2], out_object);
}

static pt2_status call_without_data(struct pt2_pickle *p, const struct function *f, const object_t *args,
                                    uint32_t *out_object)
{
    (void)f, (void)args;
    *out_object = pt2_pickle_opaque(p, "a tensor without data (fake or meta)");
    return PT2_OK;
}

/* ---- other values ---- */

static pt2_status add_pairs(struct pt2_pickle *p, const struct function *f, const object_t *list, uint32_t dict)
{
    p->copied += list->items.count; /* one short call may name the same long list again and again */
    if (p->copied > MAX_COPIED)
        return pt2_fail(PT2_ERR_FORMAT, "pickle: too many items");
    for (uint32_t i = 0; i < list->items.count; i++) {
        const object_t *pair = arg(p, list, i);
        if ((pair->kind != PT2_PICKLE_TUPLE && pair->kind != PT2_PICKLE_LIST) || pair->items.count != 2)
            return bad_args(f);
        for (uint32_t k = 0; k < 2; k++)
            pt2_push(p->arena, &p->objects.data[dict].items, pair->items.data[k]);
    }
    return PT2_OK;
}

static pt2_status call_dict(struct pt2_pickle *p, const struct function *f, const object_t *args, uint32_t *out_object)
{
    uint32_t pairs = args->items.count ? args->items.data[0] : 0; /* 0 is None */
    *out_object = pt2_pickle_new(p, PT2_PICKLE_DICT);
    if (!pairs)
        return PT2_OK;
    const object_t list = *get(p, pairs);
    return list.kind == PT2_PICKLE_LIST ? add_pairs(p, f, &list, *out_object) : bad_args(f);
}

/* torch.Size((2, 3)) is the tuple, set([1, 2]) as good as the list. */
static pt2_status call_sequence(struct pt2_pickle *p, const struct function *f, const object_t *args,
                                uint32_t *out_object)
{
    enum pt2_pickle_kind kind = arg(p, args, 0)->kind;
    *out_object = args->items.data[0];
    return kind == PT2_PICKLE_TUPLE || kind == PT2_PICKLE_LIST ? PT2_OK : bad_args(f);
}

/* ('text', 'latin1'): protocol 2 spells bytes as the characters U+0000 to U+00FF. */
static pt2_status call_encode(struct pt2_pickle *p, const struct function *f, const object_t *args,
                              uint32_t *out_object)
{
    const object_t *text = arg(p, args, 0);
    if (text->kind != PT2_PICKLE_STRING)
        return bad_args(f);
    char *bytes = pt2_arena_alloc(p->arena, text->len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->text[i];
        if (c > 0xc3)
            return bad_args(f);
        if (c >= 0xc2) /* two bytes of UTF-8, checked when the text was read */
            c = (unsigned char)((c & 3) << 6 | (text->text[++i] & 0x3f));
        bytes[n++] = (char)c;
    }
    *out_object = pt2_pickle_new(p, PT2_PICKLE_BYTES);
    p->objects.data[*out_object].text = bytes;
    p->objects.data[*out_object].len = n;
    return PT2_OK;
}

static pt2_status call_complex(struct pt2_pickle *p, const struct function *f, const object_t *args,
                               uint32_t *out_object)
{
    const object_t *re = arg(p, args, 0), *im = arg(p, args, 1);
    if (re->kind != PT2_PICKLE_FLOAT || im->kind != PT2_PICKLE_FLOAT)
        return bad_args(f);
    double real = re->f, imag = im->f;
    *out_object = pt2_pickle_new(p, PT2_PICKLE_COMPLEX);
    p->objects.data[*out_object].f = real;
    p->objects.data[*out_object].imag = imag;
    return PT2_OK;
}

static const struct function functions[] = {
    {"torch._utils _rebuild_tensor", call_tensor, 4, 0},
    {"torch._utils _rebuild_tensor_v2", call_tensor, 6, 0},
    {"torch._utils _rebuild_tensor_v3", call_tensor, 7, 6},
    {"torch._utils _rebuild_sparse_tensor", call_sparse, 0, 0},
    {"torch._utils _rebuild_parameter", call_parameter, 3, 0},
    {"torch._utils _rebuild_parameter_with_state", call_parameter, 4, 0},
    {"torch._tensor _rebuild_from_type_v2", call_from_type, 4, 0},
    {"torch._utils _rebuild_meta_tensor_no_storage", call_without_data, 0, 0},
    {"torch._export.serde.serialize _reconstruct_fake_tensor", call_without_data, 0, 0},
    {"collections OrderedDict", call_dict, 0, 0},
    {"torch Size", call_sequence, 1, 0},
    {"builtins set", call_sequence, 1, 0},
    {"__builtin__ set", call_sequence, 1, 0},
    {"builtins complex", call_complex, 2, 0},
    {"__builtin__ complex", call_complex, 2, 0},
    {"_codecs encode", call_encode, 2, 0},
};

static const struct function *find_function(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!strcmp(functions[i].name, name))
            return &functions[i];
    return NULL;
}

/* What an unknown function or class makes. */
static uint32_t opaque_call(struct pt2_pickle *p, const char *text, uint32_t args)
{
    uint32_t object = pt2_pickle_opaque(p, text);
    pt2_push(p->arena, &p->objects.data[object].held, args);
    return object;
}

pt2_status pt2_pickle_reduce(struct pt2_pickle *p, uint32_t function, uint32_t args, uint32_t *out_object)
{
    const object_t *name = get(p, function);
    if (get(p, args)->kind != PT2_PICKLE_TUPLE)
        return pt2_fail(PT2_ERR_FORMAT, "pickle: the arguments are no tuple");
    if (name->kind != PT2_PICKLE_GLOBAL) {
        *out_object = opaque_call(p, "the result of an unknown call", args);
        return PT2_OK;
    }
    const struct function *f = find_function(name->text);
    if (!f) {
        *out_object = opaque_call(p, name->text, args);
        return PT2_OK;
    }
    /* A copy, as the table of objects may move; its items do not. */
    object_t copy = *get(p, args);
    return copy.items.count < f->least_args ? bad_args(f) : f->call(p, f, &copy, out_object);
}

/* ---- storages ---- */

static const struct storage_class {
    const char *name;
    pt2_dtype dtype; /* PT2_NONE: untyped, counted in bytes */
} storage_classes[] = {
    {"torch.storage UntypedStorage", PT2_NONE}, {"torch UntypedStorage", PT2_NONE},
    {"torch DoubleStorage", PT2_F64},           {"torch FloatStorage", PT2_F32},
    {"torch HalfStorage", PT2_F16},             {"torch BFloat16Storage", PT2_BF16},
    {"torch LongStorage", PT2_I64},             {"torch IntStorage", PT2_I32},
    {"torch ShortStorage", PT2_I16},            {"torch CharStorage", PT2_I8},
    {"torch ByteStorage", PT2_U8},              {"torch BoolStorage", PT2_BOOL},
    {"torch ComplexFloatStorage", PT2_C64},     {"torch ComplexDoubleStorage", PT2_C128},
};

static bool is_key(const object_t *o)
{
    return o->kind == PT2_PICKLE_STRING && o->len >= 1 && o->len <= 20 && strspn(o->text, "0123456789") == o->len;
}

/* ('storage', class, key, location, numel) */
pt2_status pt2_pickle_persistent(struct pt2_pickle *p, uint32_t id, uint32_t *out_object)
{
    const object_t copy = *get(p, id);
    if (copy.kind != PT2_PICKLE_TUPLE || copy.items.count != 5)
        return pt2_fail(PT2_ERR_FORMAT, "pickle: a persistent id that is no storage");
    const object_t *class = arg(p, &copy, 1), *key = arg(p, &copy, 2), *numel = arg(p, &copy, 4);
    if (class->kind != PT2_PICKLE_GLOBAL || !is_key(key) || numel->kind != PT2_PICKLE_INT || numel->i < 0 ||
        numel->i > INT64_MAX / 16)
        return pt2_fail(PT2_ERR_FORMAT, "pickle: a persistent id that is no storage");
    object_t storage = {.kind = PT2_PICKLE_OPAQUE, .text = class->text};
    for (size_t i = 0; i < sizeof storage_classes / sizeof *storage_classes; i++) {
        const struct storage_class *c = &storage_classes[i];
        if (strcmp(c->name, class->text) != 0)
            continue;
        int64_t size = c->dtype == PT2_NONE ? 1 : (int64_t)pt2_dtype_size(c->dtype);
        storage = (object_t){.kind = PT2_PICKLE_STORAGE, .text = key->text, .len = key->len, .dtype = c->dtype,
                             .i = numel->i * size};
    }
    *out_object = pt2_pickle_new(p, storage.kind);
    p->objects.data[*out_object] = storage;
    return PT2_OK;
}
