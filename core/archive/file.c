/* SPDX-License-Identifier: MIT
 * A private read-only mapping: weights are never copied when they can be used where they lie.
 * A file that another process truncates while it is mapped raises SIGBUS; callers who fear that open from memory. */
#define _DEFAULT_SOURCE /* madvise: the C library ignores posix_madvise's DONTNEED */
#include "archive/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

struct pt2_block {
    struct pt2_block *next; /* owned */
};

static pt2_status map_fd(int fd, struct pt2_file *out_file)
{
    struct stat st;
    if (fstat(fd, &st))
        return pt2_fail(PT2_ERR_IO, "cannot read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return pt2_fail(PT2_ERR_IO, "not a regular file");
    if (!st.st_size)
        return pt2_fail(PT2_ERR_FORMAT, "the file is empty");
    if ((uint64_t)st.st_size > SIZE_MAX)
        return pt2_fail(PT2_ERR_NOMEM, "the file is too large for this address space");
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return pt2_fail(PT2_ERR_IO, "cannot map: %s", strerror(errno));
    out_file->data = p;
    out_file->size = (size_t)st.st_size;
    out_file->mapped = true;
    return PT2_OK;
}

pt2_status pt2_file_map(const char *path, struct pt2_file *out_file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pt2_fail(PT2_ERR_IO, "cannot open: %s", strerror(errno));
    pt2_status status = map_fd(fd, out_file);
    close(fd);
    return status;
}

pt2_status pt2_file_block(struct pt2_file *file, uint64_t size, uint8_t **out_data)
{
    void *p = NULL;
    if (size > SIZE_MAX - 2 * ALIGNMENT || posix_memalign(&p, ALIGNMENT, ALIGNMENT + (size_t)size))
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %llu bytes", (unsigned long long)size);
    struct pt2_block *block = p; /* the header takes one alignment unit */
    block->next = file->blocks;
    file->blocks = block;
    *out_data = (uint8_t *)p + ALIGNMENT;
    return PT2_OK;
}

void pt2_file_idle(const struct pt2_file *file, const uint8_t *data, size_t size)
{
    uintptr_t begin = (uintptr_t)file->data, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = data ? ((uintptr_t)data + page - 1) / page * page : begin;
    uintptr_t to = data ? ((uintptr_t)data + size) / page * page : begin + file->size;
    if (file->mapped && from >= begin && to <= begin + file->size && from < to)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

void pt2_file_close(struct pt2_file *file)
{
    while (file->blocks) {
        struct pt2_block *next = file->blocks->next;
        free(file->blocks);
        file->blocks = next;
    }
    if (file->mapped)
        munmap((void *)(uintptr_t)file->data, file->size);
    *file = (struct pt2_file){0};
}
