/* SPDX-License-Identifier: MIT
 * The cache of compiled programs on disk: one file per program, named by the hash of everything that decides the
 * binary. A file is written under another name and renamed, so readers never see half of it; a checksum finds what
 * was damaged later. No failure here is an error: the program is compiled from source then. */
#include "opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct header {
    char magic[8];
    uint64_t key, size, checksum;
};

static const char magic[8] = "pt2clb1";

enum { MAX_BINARY = 1 << 28 };

static void path_of(struct pt2_str *path, const char *dir, uint64_t key)
{
    pt2_str_addf(path, "%s/%016llx.clbin", dir, (unsigned long long)key);
}

static void *read_file(FILE *file, uint64_t key, size_t *out_size)
{
    struct header h;
    if (fread(&h, sizeof h, 1, file) != 1 || memcmp(h.magic, magic, sizeof magic) || h.key != key || !h.size ||
        h.size > MAX_BINARY)
        return NULL;
    void *data = malloc((size_t)h.size);
    if (data && fread(data, 1, (size_t)h.size, file) == h.size && pt2_hash(data, (size_t)h.size, key) == h.checksum) {
        *out_size = (size_t)h.size;
        return data;
    }
    free(data);
    return NULL;
}

void *ocl_cache_load(const char *dir, uint64_t key, size_t *out_size)
{
    struct pt2_str path = { 0 };
    path_of(&path, dir, key);
    FILE *file = fopen(path.data, "rb");
    void *data = file ? read_file(file, key, out_size) : NULL;
    if (file)
        fclose(file);
    pt2_str_free(&path);
    return data;
}

static bool write_file(FILE *file, uint64_t key, const void *data, size_t size)
{
    struct header h = { .key = key, .size = size, .checksum = pt2_hash(data, size, key) };
    memcpy(h.magic, magic, sizeof magic);
    bool written = fwrite(&h, sizeof h, 1, file) == 1 && fwrite(data, 1, size, file) == size;
    return !fclose(file) && written;
}

void ocl_cache_store(const char *dir, uint64_t key, const void *data, size_t size)
{
    struct pt2_str path = { 0 }, temp = { 0 };
    path_of(&path, dir, key);
    pt2_str_addf(&temp, "%s.XXXXXX", path.data);
    mkdir(dir, 0700); /* its parents are the caller's business */
    int fd = mkstemp(temp.data);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (fd >= 0 && !file)
        close(fd);
    if (fd >= 0 && (!file || !write_file(file, key, data, size) || rename(temp.data, path.data)))
        unlink(temp.data);
    pt2_str_free(&path);
    pt2_str_free(&temp);
}
