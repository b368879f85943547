/* SPDX-License-Identifier: MIT
 *
 * The central directory is the only source of truth; local headers merely tell where the data begin and must agree
 * on the name.  All offsets are 64-bit and checked before use: begin <= data <= end <= start of the directory.
 * libzip does not tell where data lie, so the table is our own; libzip inflates the rare compressed records. */
#include "archive/zip.h"

#include <stdlib.h>
#include <zip.h>

enum {
    END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20, CENTRAL_SIZE = 46, LOCAL_SIZE = 30,
    MAX_COMMENT = 0xffff, MAX_NAME = 4096, MAX_RECORDS = 1000000,
    MAX_RATIO = 200, RATIO_SLACK = 1 << 20,
};

struct directory {
    uint64_t offset, size, count;
    uint64_t end_record; /* where the end records begin; the directory lies before */
};

static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t u32(const uint8_t *p) { return u16(p) | (uint32_t)u16(p + 2) << 16; }
static uint64_t u64(const uint8_t *p) { return u32(p) | (uint64_t)u32(p + 4) << 32; }

static bool has_tag(const uint8_t *p, char c, char d)
{
    return p[0] == 'P' && p[1] == 'K' && p[2] == (uint8_t)c && p[3] == (uint8_t)d;
}

/* ---- end records ---- */

static const uint8_t *find_end(const uint8_t *data, size_t size)
{
    for (size_t comment = 0; comment <= MAX_COMMENT && comment + END_SIZE <= size; comment++) {
        const uint8_t *p = data + size - END_SIZE - comment;
        if (has_tag(p, 5, 6) && u16(p + 20) == comment)
            return p;
    }
    return NULL;
}

static bool agrees(uint64_t classic, uint64_t saturated, uint64_t wide)
{
    return classic == saturated || classic == wide;
}

static pt2_status read_end64(const uint8_t *data, const uint8_t *end, struct directory *d)
{
    const uint8_t *locator = end - LOCATOR_SIZE;
    uint64_t at = u64(locator + 8), limit = (uint64_t)(locator - data);
    if (u32(locator + 4) || limit < END64_SIZE || at > limit - END64_SIZE || !has_tag(data + at, 6, 6))
        return pt2_fail(PT2_ERR_FORMAT, "damaged ZIP64 end record");
    const uint8_t *p = data + at;
    if (u32(p + 16) || u32(p + 20) || u64(p + 24) != u64(p + 32))
        return pt2_fail(PT2_ERR_FORMAT, "split ZIP archives are not supported");
    *d = (struct directory){.count = u64(p + 32), .size = u64(p + 40), .offset = u64(p + 48), .end_record = at};
    if (!agrees(u16(end + 10), 0xffff, d->count) || !agrees(u32(end + 12), 0xffffffff, d->size) ||
        !agrees(u32(end + 16), 0xffffffff, d->offset))
        return pt2_fail(PT2_ERR_FORMAT, "the two ZIP end records contradict each other");
    return PT2_OK;
}

static pt2_status read_end(const uint8_t *data, size_t size, struct directory *d)
{
    const uint8_t *end = find_end(data, size);
    if (!end)
        return pt2_fail(PT2_ERR_FORMAT, "no ZIP end record: the file is truncated or not a ZIP");
    if (u16(end + 4) || u16(end + 6) || u16(end + 8) != u16(end + 10))
        return pt2_fail(PT2_ERR_FORMAT, "split ZIP archives are not supported");
    *d = (struct directory){.count = u16(end + 10), .size = u32(end + 12), .offset = u32(end + 16),
                            .end_record = (uint64_t)(end - data)};
    if (end - data >= LOCATOR_SIZE && has_tag(end - LOCATOR_SIZE, 6, 7))
        PT2_TRY(read_end64(data, end, d));
    if (d->offset > d->end_record || d->size > d->end_record - d->offset)
        return pt2_fail(PT2_ERR_FORMAT, "the ZIP directory lies outside the file");
    if (d->count > MAX_RECORDS || d->count > d->size / CENTRAL_SIZE)
        return pt2_fail(PT2_ERR_FORMAT, "the ZIP directory claims %llu records", (unsigned long long)d->count);
    return PT2_OK;
}

/* ---- directory entries ---- */

static bool harmless_name(const char *name, size_t len)
{
    if (!len || len > MAX_NAME || name[0] == '/' || memchr(name, 0, len) || memchr(name, '\\', len))
        return false;
    for (size_t begin = 0, i = 0; i <= len; i++) {
        if (i < len && name[i] != '/')
            continue;
        if (i - begin == 2 && name[begin] == '.' && name[begin + 1] == '.')
            return false;
        begin = i + 1;
    }
    return true;
}

/* Replaces saturated 32-bit fields by those of the ZIP64 extra field, which holds only the saturated ones, in order. */
static bool widen(const uint8_t *extra, size_t len, uint64_t *const fields[3])
{
    while (len >= 4) {
        size_t body = u16(extra + 2);
        if (body > len - 4)
            return false;
        if (u16(extra) == 1) {
            const uint8_t *p = extra + 4;
            for (int i = 0; i < 3; i++) {
                if (*fields[i] != 0xffffffff)
                    continue;
                if (body < 8)
                    return false;
                *fields[i] = u64(p);
                p += 8;
                body -= 8;
            }
            return true;
        }
        extra += 4 + body;
        len -= 4 + body;
    }
    return true; /* no ZIP64 field: 0xffffffff is then the real value, and the range checks judge it */
}

/* `r` has its name, sizes and begin; fills in where the data lie. */
static pt2_status locate(const struct pt2_zip *zip, const struct directory *d, uint16_t method,
                         struct pt2_zip_record *r)
{
    if (r->begin > d->offset || d->offset - r->begin < LOCAL_SIZE)
        return pt2_fail(PT2_ERR_FORMAT, "its local header lies outside the file");
    const uint8_t *p = zip->data + r->begin;
    size_t name_len = strlen(r->name), space = u16(p + 26) + (size_t)u16(p + 28);
    uint64_t left = d->offset - r->begin - LOCAL_SIZE;
    if (!has_tag(p, 3, 4) || u16(p + 26) != name_len || space > left || memcmp(p + LOCAL_SIZE, r->name, name_len) ||
        u16(p + 8) != method)
        return pt2_fail(PT2_ERR_FORMAT, "its local header contradicts the directory");
    if (r->packed_size > left - space)
        return pt2_fail(PT2_ERR_FORMAT, "its data reach past the end of the file");
    r->packed = p + LOCAL_SIZE + space;
    r->end = r->begin + LOCAL_SIZE + space + r->packed_size;
    return PT2_OK;
}

static pt2_status check_method(uint16_t flags, uint16_t method, struct pt2_zip_record *r)
{
    if (flags & (1 << 0 | 1 << 6 | 1 << 13))
        return pt2_fail(PT2_ERR_UNSUPPORTED, "encrypted");
    if (method != 0 && method != 8)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "unknown compression method %d", method);
    r->deflated = method == 8;
    if (!r->deflated && r->size != r->packed_size)
        return pt2_fail(PT2_ERR_FORMAT, "stored, but with two different sizes");
    if (r->deflated && r->size > RATIO_SLACK && (r->size - RATIO_SLACK) / MAX_RATIO > r->packed_size)
        return pt2_fail(PT2_ERR_FORMAT, "suspiciously well compressed: %llu bytes from %llu",
                        (unsigned long long)r->size, (unsigned long long)r->packed_size);
    return PT2_OK;
}

/* Reads the entry at `p`, of which `left` bytes are in the directory; *out_used: its length. */
static pt2_status read_entry(struct pt2_arena *arena, const struct pt2_zip *zip, const struct directory *d,
                             const uint8_t *p, uint64_t left, struct pt2_zip_record *r, size_t *out_used)
{
    if (left < CENTRAL_SIZE || !has_tag(p, 1, 2))
        return pt2_fail(PT2_ERR_FORMAT, "damaged ZIP directory at record %u", r->index);
    size_t name_len = u16(p + 28), extra_len = u16(p + 30);
    *out_used = CENTRAL_SIZE + name_len + extra_len + u16(p + 32);
    if (*out_used > left)
        return pt2_fail(PT2_ERR_FORMAT, "damaged ZIP directory at record %u", r->index);
    if (!harmless_name((const char *)p + CENTRAL_SIZE, name_len))
        return pt2_fail(PT2_ERR_FORMAT, "record %u has a forbidden name", r->index);
    r->name = pt2_arena_strndup(arena, (const char *)p + CENTRAL_SIZE, name_len);
    r->crc = u32(p + 16);
    r->packed_size = u32(p + 20);
    r->size = u32(p + 24);
    r->begin = u32(p + 42);
    uint64_t *const fields[3] = {&r->size, &r->packed_size, &r->begin};
    if (!widen(p + CENTRAL_SIZE + name_len, extra_len, fields) || u16(p + 34))
        return pt2_fail(PT2_ERR_FORMAT, "record %.200s: damaged directory entry", r->name);
    PT2_NOTE(check_method(u16(p + 8), u16(p + 10), r), "record %.200s", r->name);
    PT2_NOTE(locate(zip, d, u16(p + 10), r), "record %.200s", r->name);
    return PT2_OK;
}

static int by_begin(const void *a, const void *b)
{
    uint64_t x = ((const struct pt2_zip_record *)a)->begin, y = ((const struct pt2_zip_record *)b)->begin;
    return x < y ? -1 : x > y;
}

/* Sorting a copy: the order of the directory matters to the caller (root folder of the first record). */
static pt2_status check_overlaps(const struct pt2_zip_record *records, uint32_t count)
{
    if (count < 2)
        return PT2_OK;
    struct pt2_zip_record *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for the record table");
    memcpy(sorted, records, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_begin);
    pt2_status status = PT2_OK;
    for (uint32_t i = 1; i < count && status == PT2_OK; i++)
        if (sorted[i - 1].end > sorted[i].begin)
            status = pt2_fail(PT2_ERR_FORMAT, "records %.200s and %.200s overlap", sorted[i - 1].name, sorted[i].name);
    free(sorted);
    return status;
}

static pt2_status read_directory(struct pt2_arena *arena, const struct directory *d, struct pt2_zip *zip)
{
    uint64_t done = 0;
    uint32_t count = (uint32_t)d->count;
    zip->records = PT2_NEW_N(arena, struct pt2_zip_record, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pt2_zip_record *r = &zip->records[zip->num_records];
        size_t used = 0;
        *r = (struct pt2_zip_record){.index = i};
        PT2_TRY(read_entry(arena, zip, d, zip->data + d->offset + done, d->size - done, r, &used));
        done += used;
        if (r->name[strlen(r->name) - 1] == '/') /* a directory */
            continue;
        if (!pt2_map_put(arena, &zip->by_name, r->name, r))
            return pt2_fail(PT2_ERR_FORMAT, "record %.200s occurs twice", r->name);
        zip->num_records++;
    }
    if (done != d->size)
        return pt2_fail(PT2_ERR_FORMAT, "the ZIP directory has %llu bytes too many",
                        (unsigned long long)(d->size - done));
    return check_overlaps(zip->records, zip->num_records);
}

pt2_status pt2_zip_open(struct pt2_arena *arena, struct pt2_file *file, const uint8_t *data, size_t size,
                        uint64_t *inflate_left, struct pt2_zip *out_zip)
{
    struct directory d = {0};
    *out_zip = (struct pt2_zip){.file = file, .data = data, .size = size, .inflate_left = inflate_left};
    PT2_TRY(read_end(data, size, &d));
    return read_directory(arena, &d, out_zip);
}

void pt2_zip_close(struct pt2_zip *zip)
{
    if (zip->inflater)
        zip_discard(zip->inflater);
    zip->inflater = NULL;
}

const struct pt2_zip_record *pt2_zip_find(const struct pt2_zip *zip, const char *name)
{
    return pt2_map_get(&zip->by_name, name);
}

/* ---- contents ---- */

static uint32_t crc32_of(const uint8_t *data, uint64_t size)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t c = 0xffffffff;
    for (uint64_t i = 0; i < size; i++) {
        c ^= data[i];
        c = c >> 4 ^ nibble[c & 15];
        c = c >> 4 ^ nibble[c & 15];
    }
    return ~c;
}

static pt2_status check_crc(const struct pt2_zip_record *r)
{
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* else the fuzzer would have to guess checksums */
    if (crc32_of(r->packed, r->size) != r->crc)
        return pt2_fail(PT2_ERR_FORMAT, "record %.200s: wrong checksum", r->name);
#else
    (void)crc32_of;
    (void)r;
#endif
    return PT2_OK;
}

static pt2_status open_inflater(struct pt2_zip *zip)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(zip->data, zip->size, 0, &error);
    if (source)
        zip->inflater = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (source && !zip->inflater)
        zip_source_free(source);
    pt2_status status = PT2_OK;
    if (!zip->inflater)
        status = pt2_fail(PT2_ERR_FORMAT, "cannot open for inflating: %s", zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
}

/* Fills `out`; one read more must find the end, which is also when libzip compares the checksum. */
static pt2_status inflate_into(zip_file_t *f, uint8_t *out, uint64_t size)
{
    uint64_t done = 0;
    uint8_t beyond;
    zip_int64_t n = 1;
    while (done < size && n > 0) {
        n = zip_fread(f, out + done, size - done);
        done += n > 0 ? (uint64_t)n : 0;
    }
    if (n >= 0 && done == size)
        n = zip_fread(f, &beyond, 1);
    return n == 0 && done == size ? PT2_OK : pt2_fail(PT2_ERR_FORMAT, "damaged compressed data");
}

static pt2_status inflate_record(struct pt2_zip *zip, const struct pt2_zip_record *r, const uint8_t **out_data)
{
    uint8_t *block;
    if (r->size > *zip->inflate_left)
        return pt2_fail(PT2_ERR_NOMEM, "inflating %llu bytes exceeds the limit", (unsigned long long)r->size);
    *zip->inflate_left -= r->size;
    if (!zip->inflater)
        PT2_TRY(open_inflater(zip));
    const char *name = zip_get_name(zip->inflater, r->index, ZIP_FL_ENC_RAW);
    if (!name || strcmp(name, r->name))
        return pt2_fail(PT2_ERR_FORMAT, "the ZIP directory is ambiguous");
    PT2_TRY(pt2_file_block(zip->file, r->size, &block));
    zip_file_t *f = zip_fopen_index(zip->inflater, r->index, 0);
    if (!f)
        return pt2_fail(PT2_ERR_FORMAT, "damaged compressed data");
    pt2_status status = inflate_into(f, block, r->size);
    zip_fclose(f);
    *out_data = block;
    return status;
}

pt2_status pt2_zip_read(struct pt2_zip *zip, const struct pt2_zip_record *record, bool checked,
                        const uint8_t **out_data)
{
    if (record->deflated)
        PT2_NOTE(inflate_record(zip, record, out_data), "record %.200s", record->name);
    else
        *out_data = record->packed;
    return checked && !record->deflated ? check_crc(record) : PT2_OK;
}
