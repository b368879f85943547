/* SPDX-License-Identifier: MIT
 * NumPy files. A .npy is a magic number, a version, a header that is the text of a Python dict with the keys descr,
 * fortran_order and shape, and the elements. The number of elements that the header promises must be there before
 * memory is taken for them; the zip container is libzip's. */
#include "base/npz.h"
#include "base/dtype.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

enum { MAX_HEADER = 65536, MAX_NAME = 4096, HEADER_ALIGN = 64 };

static const char magic[] = "\x93NUMPY";

static const struct {
    char text[4]; /* NumPy's letter and size */
    pt2_dtype dtype;
} descrs[] = {
    { "b1", PT2_BOOL }, { "u1", PT2_U8 },  { "i1", PT2_I8 },  { "u2", PT2_U16 }, { "i2", PT2_I16 },  { "u4", PT2_U32 },
    { "i4", PT2_I32 },  { "u8", PT2_U64 }, { "i8", PT2_I64 }, { "f2", PT2_F16 }, { "f4", PT2_F32 },  { "f8", PT2_F64 },
    { "c8", PT2_C64 },  { "c16", PT2_C128 }, { "V2", PT2_BF16 },
};

/* ---- tensors ---- */

int64_t pt2_tensor_count(const pt2_tensor *tensor)
{
    int64_t n = 1;
    for (int i = 0; i < tensor->rank; i++)
        n *= tensor->shape[i];
    return n;
}

size_t pt2_tensor_bytes(const pt2_tensor *tensor)
{
    return (size_t)pt2_tensor_count(tensor) * pt2_dtype_size(tensor->dtype);
}

/* Element by element, through int64 between integers and through double otherwise; complex32 widens its two halves. */
static void convert(const pt2_tensor *from, const pt2_tensor *to, int64_t n)
{
    pt2_dtype a = pt2_dtype_real(from->dtype), b = pt2_dtype_real(to->dtype);
    bool whole = !pt2_dtype_is_float(a) && !pt2_dtype_is_float(b);
    if (a != from->dtype)
        n *= 2;
    for (int64_t i = 0; i < n; i++) {
        if (whole)
            pt2_store_int(b, to->data, i, pt2_load_int(a, from->data, i));
        else
            pt2_store_double(b, to->data, i, pt2_load_double(a, from->data, i));
    }
}

pt2_status pt2_tensor_convert(const pt2_tensor *tensor, pt2_dtype dtype, pt2_tensor *out_copy)
{
    pt2_tensor copy = *tensor;
    copy.dtype = dtype;
    copy.data = NULL;
    size_t size = pt2_tensor_bytes(&copy);
    if (pt2_dtype_is_complex(dtype) != pt2_dtype_is_complex(tensor->dtype))
        return pt2_fail(PT2_ERR_ARG, "%s cannot become %s", pt2_dtype_name(tensor->dtype), pt2_dtype_name(dtype));
    if (size) {
        copy.data = malloc(size);
        if (!copy.data)
            return pt2_fail(PT2_ERR_NOMEM, "no memory for %zu bytes", size);
        if (dtype == tensor->dtype)
            memcpy(copy.data, tensor->data, size);
        else
            convert(tensor, &copy, pt2_tensor_count(tensor));
    }
    *out_copy = copy;
    return PT2_OK;
}

/* ---- the collection ---- */

void pt2_npz_free(struct pt2_npz *npz)
{
    for (int i = 0; i < npz->count; i++) {
        free(npz->arrays[i].name);
        if (!npz->arrays[i].borrowed)
            free(npz->arrays[i].tensor.data);
    }
    free(npz->arrays);
    *npz = (struct pt2_npz){ 0 };
}

const pt2_tensor *pt2_npz_find(const struct pt2_npz *npz, const char *name)
{
    for (int i = 0; i < npz->count; i++)
        if (strcmp(npz->arrays[i].name, name) == 0)
            return &npz->arrays[i].tensor;
    return NULL;
}

pt2_status pt2_npz_borrow(struct pt2_npz *npz, const char *name, const pt2_tensor *tensor)
{
    if (npz->count == npz->cap) {
        int cap = npz->cap ? npz->cap * 2 : 8;
        struct pt2_npz_array *grown = realloc(npz->arrays, (size_t)cap * sizeof *grown);
        if (!grown)
            return pt2_fail(PT2_ERR_NOMEM, "no memory for %d arrays", cap);
        npz->arrays = grown;
        npz->cap = cap;
    }
    size_t len = strlen(name);
    char *copy = malloc(len + 1);
    if (!copy)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a name");
    memcpy(copy, name, len + 1);
    npz->arrays[npz->count++] = (struct pt2_npz_array){ .name = copy, .tensor = *tensor, .borrowed = 1 };
    return PT2_OK;
}

/* Takes the tensor's data, also when it fails. */
static pt2_status add_owned(struct pt2_npz *npz, const char *name, const pt2_tensor *tensor)
{
    pt2_status status = pt2_npz_borrow(npz, name, tensor);
    if (status != PT2_OK)
        free(tensor->data);
    else
        npz->arrays[npz->count - 1].borrowed = 0;
    return status;
}

pt2_status pt2_npz_add(struct pt2_npz *npz, const char *name, const pt2_tensor *tensor)
{
    pt2_tensor copy;
    PT2_TRY(pt2_tensor_convert(tensor, tensor->dtype, &copy));
    return add_owned(npz, name, &copy);
}

/* ---- reading: where bytes come from ---- */

struct source {
    FILE *file;       /* one of the two */
    zip_file_t *zip;
    uint64_t left;    /* bytes that can still be read */
    const char *what; /* for messages */
};

static pt2_status take(struct source *s, void *dst, size_t size)
{
    if (size > s->left)
        return pt2_fail(PT2_ERR_FORMAT, "%s: the array is cut off", s->what);
    size_t done = 0;
    while (done < size) {
        size_t got = 0;
        if (s->file) {
            got = fread((char *)dst + done, 1, size - done, s->file);
        } else {
            zip_int64_t n = zip_fread(s->zip, (char *)dst + done, size - done);
            got = n > 0 ? (size_t)n : 0;
        }
        if (!got)
            return pt2_fail(PT2_ERR_FORMAT, "%s: the array cannot be read, or its checksum is wrong", s->what);
        done += got;
    }
    s->left -= size;
    return PT2_OK;
}

/* ---- reading: the header ---- */

struct header {
    pt2_dtype dtype;
    bool swap, fortran;
    int rank;
    int64_t shape[PT2_MAX_RANK];
    int seen; /* bit per key */
};

static void skip_space(const char **p)
{
    while (isspace((unsigned char)**p))
        ++*p;
}

static bool accept(const char **p, const char *token)
{
    skip_space(p);
    size_t n = strlen(token);
    if (strncmp(*p, token, n) != 0)
        return false;
    *p += n;
    return true;
}

/* A quoted word without escapes. */
static bool quoted(const char **p, char *word, size_t cap)
{
    skip_space(p);
    char quote = **p;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(*p + 1, quote);
    if (!end || (size_t)(end - *p) > cap)
        return false;
    memcpy(word, *p + 1, (size_t)(end - *p - 1));
    word[end - *p - 1] = 0;
    *p = end + 1;
    return true;
}

static bool parse_descr(const char **p, struct header *h)
{
    char word[16];
    if (!quoted(p, word, sizeof word) || !strchr("<>|=", word[0]) || !word[0])
        return false;
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
        if (strcmp(descrs[i].text, word + 1) == 0) {
            h->dtype = descrs[i].dtype;
            h->swap = word[0] == '>' && h->dtype != PT2_BF16;
            return true;
        }
    return false;
}

static bool parse_shape(const char **p, struct header *h)
{
    if (!accept(p, "("))
        return false;
    while (!accept(p, ")")) {
        char *end;
        skip_space(p);
        errno = 0;
        if (!isdigit((unsigned char)**p) || h->rank == PT2_MAX_RANK)
            return false;
        long long v = strtoll(*p, &end, 10);
        if (errno)
            return false;
        *p = end;
        accept(p, "L"); /* Python 2 */
        h->shape[h->rank++] = v;
        if (!accept(p, ",") && *(skip_space(p), *p) != ')')
            return false;
    }
    return true;
}

static bool parse_entry(const char **p, struct header *h)
{
    char key[32];
    if (!quoted(p, key, sizeof key) || !accept(p, ":"))
        return false;
    int bit = strcmp(key, "descr") == 0 ? 1 : strcmp(key, "fortran_order") == 0 ? 2 : strcmp(key, "shape") == 0 ? 4 : 0;
    if (!bit || (h->seen & bit))
        return false;
    h->seen |= bit;
    if (bit == 1)
        return parse_descr(p, h);
    if (bit == 4)
        return parse_shape(p, h);
    h->fortran = accept(p, "True");
    return h->fortran || accept(p, "False");
}

static bool parse_header(const char *text, struct header *h)
{
    const char *p = text;
    if (!accept(&p, "{"))
        return false;
    while (!accept(&p, "}")) {
        if (!parse_entry(&p, h))
            return false;
        if (!accept(&p, ",") && *(skip_space(&p), p) != '}')
            return false;
    }
    return h->seen == 7;
}

static pt2_status read_header(struct source *s, struct header *h)
{
    unsigned char start[12];
    PT2_TRY(take(s, start, 10));
    if (memcmp(start, magic, 6) != 0 || start[6] < 1 || start[6] > 3)
        return pt2_fail(PT2_ERR_FORMAT, "%s: not a NumPy array", s->what);
    size_t len = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        PT2_TRY(take(s, start + 10, 2));
        len |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (len > MAX_HEADER)
        return pt2_fail(PT2_ERR_FORMAT, "%s: header of %zu bytes", s->what, len);
    char *text = malloc(len + 1);
    if (!text)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a header");
    pt2_status status = take(s, text, len);
    text[len] = 0;
    if (status == PT2_OK && !parse_header(text, h))
        status = pt2_fail(PT2_ERR_FORMAT, "%s: array header not understood (only numbers are read): %.100s", s->what,
                          text);
    free(text);
    return status;
}

/* Bytes of the elements; false when it overflows. */
static bool header_bytes(const struct header *h, uint64_t *out_bytes)
{
    uint64_t n = pt2_dtype_size(h->dtype);
    bool none = false;
    for (int i = 0; i < h->rank; i++) {
        none |= h->shape[i] == 0;
        if (h->shape[i] && n > INT64_MAX / (uint64_t)h->shape[i])
            return false;
        n *= h->shape[i] ? (uint64_t)h->shape[i] : 1;
    }
    *out_bytes = none ? 0 : n;
    return true;
}

/* ---- reading: the elements ---- */

static void swap_bytes(unsigned char *data, size_t bytes, size_t size)
{
    for (size_t at = 0; at < bytes; at += size)
        for (size_t i = 0; i < size / 2; i++) {
            unsigned char t = data[at + i];
            data[at + i] = data[at + size - 1 - i];
            data[at + size - 1 - i] = t;
        }
}

/* From column-major `src` to row-major `dst`: an odometer over the row-major index, with its column-major position. */
static void transpose(const struct header *h, const unsigned char *src, unsigned char *dst, size_t bytes)
{
    size_t size = pt2_dtype_size(h->dtype), stride[PT2_MAX_RANK], at = 0;
    int64_t index[PT2_MAX_RANK] = { 0 };
    for (int i = 0; i < h->rank; i++)
        stride[i] = i ? stride[i - 1] * (size_t)h->shape[i - 1] : size;
    for (size_t done = 0; done < bytes; done += size) {
        memcpy(dst + done, src + at, size);
        for (int i = h->rank - 1; i >= 0; i--) {
            at += stride[i];
            if (++index[i] < h->shape[i])
                break;
            at -= stride[i] * (size_t)h->shape[i];
            index[i] = 0;
        }
    }
}

static pt2_status to_row_major(const struct header *h, unsigned char **data, size_t bytes)
{
    unsigned char *rows = malloc(bytes);
    if (!rows)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %zu bytes", bytes);
    transpose(h, *data, rows, bytes);
    free(*data);
    *data = rows;
    return PT2_OK;
}

static pt2_status read_elements(struct source *s, const struct header *h, size_t bytes, unsigned char **data)
{
    const uint16_t one = 1;
    bool big_endian = *(const unsigned char *)&one == 0;
    PT2_TRY(take(s, *data, bytes));
    if (h->swap != big_endian)
        swap_bytes(*data, bytes, pt2_dtype_size(pt2_dtype_real(h->dtype)));
    for (size_t i = 0; h->dtype == PT2_BOOL && i < bytes; i++)
        (*data)[i] = (*data)[i] != 0;
    return h->fortran && h->rank > 1 ? to_row_major(h, data, bytes) : PT2_OK;
}

static pt2_status read_array(struct source *s, const char *name, struct pt2_npz *npz)
{
    struct header h = { 0 };
    unsigned char *data = NULL;
    uint64_t bytes;
    PT2_TRY(read_header(s, &h));
    if (!header_bytes(&h, &bytes) || bytes > s->left)
        return pt2_fail(PT2_ERR_FORMAT, "%s: the array is cut off", s->what);
    if (bytes) {
        data = malloc((size_t)bytes);
        if (!data)
            return pt2_fail(PT2_ERR_NOMEM, "%s: no memory for %llu bytes", s->what, (unsigned long long)bytes);
        pt2_status status = read_elements(s, &h, (size_t)bytes, &data);
        if (status != PT2_OK) {
            free(data);
            return status;
        }
    }
    pt2_tensor t = { .dtype = h.dtype, .rank = h.rank, .data = data };
    memcpy(t.shape, h.shape, sizeof t.shape);
    return add_owned(npz, name, &t);
}

/* ---- reading: files ---- */

/* Whether a member of a file of that size can be as large as it says: deflate gains a factor of 1032 at most. */
static bool plausible(const zip_stat_t *st, uint64_t file_size)
{
    const zip_uint64_t need = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    return (st->valid & need) == need && st->comp_size <= file_size && st->size / 1032 <= st->comp_size;
}

static pt2_status read_member(zip_t *zip, zip_uint64_t i, const char *path, uint64_t file_size, struct pt2_npz *npz)
{
    zip_stat_t st;
    char name[MAX_NAME], what[MAX_NAME + 64];
    if (zip_stat_index(zip, i, 0, &st) != 0 || !plausible(&st, file_size))
        return pt2_fail(PT2_ERR_FORMAT, "%s: damaged zip directory", path);
    size_t len = strlen(st.name);
    if (len < 5 || len >= sizeof name || strcmp(st.name + len - 4, ".npy") != 0)
        return pt2_fail(PT2_ERR_FORMAT, "%s: member %.100s is not an array", path, st.name);
    memcpy(name, st.name, len - 4);
    name[len - 4] = 0;
    if (pt2_npz_find(npz, name))
        return pt2_fail(PT2_ERR_FORMAT, "%s: two arrays named %.100s", path, name);
    snprintf(what, sizeof what, "%.2000s: %.2000s", path, name);
    struct source s = { .zip = zip_fopen_index(zip, i, 0), .left = st.size, .what = what };
    if (!s.zip)
        return pt2_fail(PT2_ERR_FORMAT, "%s: %s", what, zip_strerror(zip));
    pt2_status status = read_array(&s, name, npz);
    zip_fclose(s.zip);
    return status;
}

static pt2_status read_zip(const char *path, uint64_t file_size, struct pt2_npz *npz)
{
    int code;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        pt2_fail(PT2_ERR_FORMAT, "%s: %s", path, zip_error_strerror(&error));
        zip_error_fini(&error);
        return PT2_ERR_FORMAT;
    }
    pt2_status status = PT2_OK;
    zip_int64_t n = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < n && status == PT2_OK; i++)
        status = read_member(zip, (zip_uint64_t)i, path, file_size, npz);
    zip_discard(zip);
    return status;
}

static pt2_status read_npy(FILE *file, const char *path, uint64_t file_size, struct pt2_npz *npz)
{
    struct source s = { .file = file, .left = file_size, .what = path };
    rewind(file);
    return read_array(&s, "", npz);
}

static pt2_status read_file(FILE *file, const char *path, struct pt2_npz *npz)
{
    char start[6] = { 0 };
    size_t n = fread(start, 1, sizeof start, file);
    if (ferror(file) || fseek(file, 0, SEEK_END) != 0)
        return pt2_fail(PT2_ERR_IO, "%s: %s", path, strerror(errno));
    uint64_t size = (uint64_t)ftell(file);
    if (n >= 2 && memcmp(start, "PK", 2) == 0)
        return read_zip(path, size, npz);
    if (n == 6 && memcmp(start, magic, 6) == 0)
        return read_npy(file, path, size, npz);
    return pt2_fail(PT2_ERR_FORMAT, "%s: neither a .npz nor a .npy file", path);
}

pt2_status pt2_npz_read(const char *path, struct pt2_npz *npz)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return pt2_fail(PT2_ERR_IO, "%s: %s", path, strerror(errno));
    pt2_status status = read_file(file, path, npz);
    fclose(file);
    if (status != PT2_OK)
        pt2_npz_free(npz);
    return status;
}

/* ---- writing ---- */

static pt2_dtype written_as(pt2_dtype t)
{
    if (pt2_dtype_is_float(t) && pt2_dtype_size(t) <= 2 && t != PT2_F16)
        return PT2_F32;
    return t == PT2_C32 ? PT2_C64 : t;
}

/* Fills `text` (256 + 24 per dimension are enough) and returns its length. */
static size_t make_header(const pt2_tensor *t, char *text, size_t cap)
{
    const char *descr = "f4";
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
        if (descrs[i].dtype == t->dtype)
            descr = descrs[i].text;
    const uint16_t one = 1;
    char order = pt2_dtype_size(t->dtype) == 1 ? '|' : *(const unsigned char *)&one ? '<' : '>';
    size_t len = 10;
    len += (size_t)snprintf(text + len, cap - len, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order,
                            descr);
    for (int i = 0; i < t->rank; i++)
        len += (size_t)snprintf(text + len, cap - len, "%lld,%s", (long long)t->shape[i], i + 1 < t->rank ? " " : "");
    len += (size_t)snprintf(text + len, cap - len, "), }");
    while ((len + 1) % HEADER_ALIGN)
        text[len++] = ' ';
    text[len++] = '\n';
    memcpy(text, "\x93NUMPY\x01", 8); /* the version is 1, 0 */
    text[8] = (char)((len - 10) & 255);
    text[9] = (char)((len - 10) >> 8);
    return len;
}

/* A zip source over header and elements; `spare` gets memory that must live until the zip is closed. */
static pt2_status array_source(const pt2_tensor *tensor, struct pt2_npz *spare, zip_source_t **out_source)
{
    char text[256 + 24 * PT2_MAX_RANK];
    pt2_tensor t = *tensor;
    if (written_as(t.dtype) != t.dtype) {
        PT2_TRY(pt2_tensor_convert(tensor, written_as(t.dtype), &t));
        PT2_TRY(add_owned(spare, "", &t));
    }
    size_t len = make_header(&t, text, sizeof text);
    pt2_tensor header = { .dtype = PT2_U8, .rank = 1, .shape = { (int64_t)len }, .data = text };
    PT2_TRY(pt2_npz_add(spare, "", &header));
    zip_buffer_fragment_t parts[2] = {
        { .data = spare->arrays[spare->count - 1].tensor.data, .length = len },
        { .data = t.data, .length = pt2_tensor_bytes(&t) },
    };
    zip_error_t error;
    zip_error_init(&error);
    *out_source = zip_source_buffer_fragment_create(parts, parts[1].length ? 2 : 1, 0, &error);
    zip_error_fini(&error);
    return *out_source ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "no memory to write an array");
}

static pt2_status add_member(zip_t *zip, const struct pt2_npz_array *array, struct pt2_npz *spare, const char *path)
{
    enum { YEAR_1980 = 315619200 }; /* one date, so that equal arrays make equal files */
    char name[MAX_NAME];
    zip_source_t *source;
    if (snprintf(name, sizeof name, "%s.npy", array->name) >= (int)sizeof name)
        return pt2_fail(PT2_ERR_ARG, "%s: an array's name is too long", path);
    PT2_TRY(array_source(&array->tensor, spare, &source));
    zip_int64_t i = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
    if (i < 0) {
        zip_source_free(source);
        return pt2_fail(PT2_ERR_IO, "%s: %s: %s", path, name, zip_strerror(zip));
    }
    if (zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_mtime(zip, (zip_uint64_t)i, YEAR_1980, 0) != 0)
        return pt2_fail(PT2_ERR_IO, "%s: %s", path, zip_strerror(zip));
    return PT2_OK;
}

static pt2_status cannot_write(const char *path, const char *why)
{
    return pt2_fail(PT2_ERR_IO, "%s: cannot be written (%s)", path, why);
}

static pt2_status write_bytes(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(data, 1, size, file) == size;
    ok = file && fclose(file) == 0 && ok;
    return ok ? PT2_OK : cannot_write(path, strerror(errno));
}

static pt2_status add_members(zip_t *zip, const struct pt2_npz *npz, struct pt2_npz *spare, const char *path)
{
    for (int i = 0; i < npz->count; i++)
        if (npz->arrays[i].tensor.dtype != PT2_NONE)
            PT2_TRY(add_member(zip, &npz->arrays[i], spare, path));
    return PT2_OK;
}

/* Closes the archive, which writes it, or drops it when `status` is an error. */
static pt2_status close_zip(zip_t *zip, pt2_status status, const char *path)
{
    if (status == PT2_OK && zip_close(zip) == 0)
        return PT2_OK;
    if (status == PT2_OK)
        status = cannot_write(path, zip_strerror(zip));
    zip_discard(zip);
    return status;
}

/* zip_close writes a temporary file beside `path` and renames it. */
static pt2_status write_file(const struct pt2_npz *npz, struct pt2_npz *spare, const char *path)
{
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    return zip ? close_zip(zip, add_members(zip, npz, spare, path), path) : cannot_write(path, strerror(errno));
}

static pt2_status write_source(zip_source_t *source, const char *path)
{
    zip_stat_t st;
    if (zip_source_stat(source, &st) != 0 || zip_source_open(source) != 0)
        return cannot_write(path, zip_error_strerror(zip_source_error(source)));
    char *data = malloc((size_t)st.size + 1);
    pt2_status status = data ? PT2_OK : pt2_fail(PT2_ERR_NOMEM, "no memory for %s", path);
    if (data && zip_source_read(source, data, st.size) != (zip_int64_t)st.size)
        status = cannot_write(path, zip_error_strerror(zip_source_error(source)));
    zip_source_close(source);
    if (status == PT2_OK)
        status = write_bytes(path, data, (size_t)st.size);
    free(data);
    return status;
}

/* Devices and pipes are no files that a rename may replace: they take the bytes as they come. */
static pt2_status write_stream(const struct pt2_npz *npz, struct pt2_npz *spare, const char *path)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &error) : NULL;
    pt2_status status = PT2_OK;
    if (zip) {
        zip_source_keep(source); /* beyond the archive's end */
        status = close_zip(zip, add_members(zip, npz, spare, path), path);
        if (status == PT2_OK)
            status = write_source(source, path);
    } else {
        status = cannot_write(path, zip_error_strerror(&error));
    }
    zip_error_fini(&error);
    if (source)
        zip_source_free(source);
    return status;
}

pt2_status pt2_npz_write(const struct pt2_npz *npz, const char *path)
{
    static const char empty[22] = "PK\x05\x06"; /* an archive that libzip would not write */
    struct pt2_npz spare = { 0 };
    struct stat st;
    if (!npz->count)
        return write_bytes(path, empty, sizeof empty);
    bool is_file = stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
    pt2_status status = is_file ? write_file(npz, &spare, path) : write_stream(npz, &spare, path);
    pt2_npz_free(&spare);
    return status;
}
