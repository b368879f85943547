/* SPDX-License-Identifier: MIT
 * Files of the kernel cache. Each has a header with a checksum over its data; a file is written under another name
 * and then renamed, so that readers never see half of one, whatever other processes do. */
#include "vk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x31764b3274706c6bull /* also the version of the format */

struct header {
    uint64_t magic, size, check;
};

enum { MAX_FILE = 256 << 20 };

static char *file_name(const char *dir, const uint64_t key[2], const char *suffix)
{
    struct pt2_str s = { 0 };
    pt2_str_addf(&s, "%s/%016llx%016llx.%s", dir, (unsigned long long)key[0], (unsigned long long)key[1], suffix);
    return s.data;
}

static bool read_checked(FILE *f, void **out_data, size_t *out_size)
{
    struct header h;
    if (fread(&h, sizeof h, 1, f) != 1 || h.magic != MAGIC || h.size == 0 || h.size > MAX_FILE)
        return false;
    void *data = malloc(h.size);
    bool ok = data && fread(data, h.size, 1, f) == 1 && fgetc(f) == EOF && pt2_hash(data, h.size, MAGIC) == h.check;
    if (!ok) {
        free(data);
        return false;
    }
    *out_data = data;
    *out_size = h.size;
    return true;
}

bool vk_cache_get(const char *dir, const uint64_t key[2], const char *suffix, void **out_data, size_t *out_size)
{
    char *name = file_name(dir, key, suffix);
    FILE *f = fopen(name, "rb");
    bool ok = f && read_checked(f, out_data, out_size);
    if (f)
        fclose(f);
    free(name);
    return ok;
}

void vk_cache_put(const char *dir, const uint64_t key[2], const char *suffix, const void *data, size_t size)
{
    static atomic_uint counter;
    struct header h = { MAGIC, size, pt2_hash(data, size, MAGIC) };
    char *name = file_name(dir, key, suffix);
    struct pt2_str temp = { 0 };
    pt2_str_addf(&temp, "%s.%ld.%u", name, (long)getpid(), atomic_fetch_add(&counter, 1));
    mkdir(dir, 0700);
    FILE *f = fopen(temp.data, "wb");
    if (f) {
        bool ok = fwrite(&h, sizeof h, 1, f) == 1 && fwrite(data, size, 1, f) == 1;
        ok = fclose(f) == 0 && ok;
        if (!ok || rename(temp.data, name) != 0)
            remove(temp.data);
    }
    pt2_str_free(&temp);
    free(name);
}
