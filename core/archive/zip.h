/* SPDX-License-Identifier: MIT
 *
 * The record table of a ZIP file that lies in memory: the archive itself, or a torch.save file inside one of its
 * records.
 * After pt2_zip_open every record's bytes lie inside the file, no two overlap, and names are unique and harmless.
 */
#ifndef PT2_ARCHIVE_ZIP_H
#define PT2_ARCHIVE_ZIP_H

#include "archive/file.h"
#include "base/arena.h"

struct pt2_zip_record {
    const char *name;      /* arena */
    const uint8_t *packed; /* its bytes as they are in the file */
    uint64_t packed_size, size;
    uint64_t begin, end;   /* file range, local header included */
    uint32_t crc;
    uint32_t index;        /* position in the central directory */
    bool deflated;
};

struct pt2_zip {
    struct pt2_file *file;   /* owner of inflated records */
    const uint8_t *data;
    size_t size;
    uint32_t num_records;    /* without directories */
    struct pt2_zip_record *records;
    struct pt2_map by_name;  /* to struct pt2_zip_record */
    uint64_t *inflate_left;  /* bytes that may still be inflated, shared by all ZIPs of one program */
    void *inflater;          /* owned; libzip's handle, opened for the first compressed record */
};

/* Errors: FORMAT, UNSUPPORTED (encrypted or oddly compressed records). Close it also after a failure. */
PT2_MUST_USE pt2_status pt2_zip_open(struct pt2_arena *arena, struct pt2_file *file, const uint8_t *data, size_t size,
                                     uint64_t *inflate_left, struct pt2_zip *out_zip);
void pt2_zip_close(struct pt2_zip *zip);

const struct pt2_zip_record *pt2_zip_find(const struct pt2_zip *zip, const char *name); /* NULL when absent */

/* The record's contents: in place when stored, else inflated into a block of the file.
 * `checked`: verify the checksum (inflating always does). Errors: FORMAT, NOMEM. */
PT2_MUST_USE pt2_status pt2_zip_read(struct pt2_zip *zip, const struct pt2_zip_record *record, bool checked,
                                     const uint8_t **out_data);

#endif
