/* SPDX-License-Identifier: MIT
 *
 * torch.save files inside the archive: a ZIP with a pickle (data.pkl) and one record per storage (data/<key>).
 */
#ifndef PT2_ARCHIVE_TORCHSAVE_H
#define PT2_ARCHIVE_TORCHSAVE_H

#include "archive/load.h"
#include "archive/pickle.h"

struct pt2_torchsave {
    struct pt2_load *ld;
    struct pt2_zip zip;        /* owned */
    const char *root;          /* "archive" */
    struct pt2_pickle pickle;  /* in the loader's scratch arena */
    struct pt2_map storages;   /* key to struct pt2_storage: one storage for all tensors that name it */
};

/* `data` lives as long as the program. Close it also after a failure. */
PT2_MUST_USE pt2_status pt2_torchsave_open(struct pt2_load *ld, const uint8_t *data, uint64_t size,
                                           struct pt2_torchsave *out_file);
void pt2_torchsave_close(struct pt2_torchsave *file);
/* The tensor that an object of the pickle describes. */
PT2_MUST_USE pt2_status pt2_torchsave_bind(struct pt2_torchsave *file, uint32_t object,
                                           struct pt2_stored_tensor *out_tensor);

/* A whole record that holds a dict of tensors; other objects are left out. Tensors that a subclass of Tensor is made of
 * are entered by name and attribute: "fc.weight.qdata". */
PT2_MUST_USE pt2_status pt2_torchsave_dict(struct pt2_load *ld, const struct pt2_zip_record *record,
                                           struct pt2_map *into);
/* The same of a whole record that holds one tensor or subclass. */
PT2_MUST_USE pt2_status pt2_torchsave_named(struct pt2_load *ld, const struct pt2_zip_record *record, const char *fqn,
                                            struct pt2_map *into);
/* Bytes that hold one tensor. */
PT2_MUST_USE pt2_status pt2_torchsave_tensor_bytes(struct pt2_load *ld, const uint8_t *data, uint64_t size,
                                                   struct pt2_stored_tensor *out_tensor);

#endif
