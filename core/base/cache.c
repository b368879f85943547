/* SPDX-License-Identifier: MIT
 * Files of the cache: a header, then the data. A file is written under another name and renamed. */
#include "base/cache.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BYTES = 256 << 20 };

struct header {
    char magic[8];
    uint64_t key[2], size, checksum;
};

static const char magic[8] = "pt2keep"; /* and a version of the format: a zero byte */

/* ---- the folder ---- */

static char folder[4096];

static void make_folders(char *path)
{
    for (char *c = path + 1; *c; c++)
        if (*c == '/') {
            *c = 0;
            mkdir(path, 0755);
            *c = '/';
        }
    mkdir(path, 0700);
}

static void find_folder(void)
{
    const char *own = getenv("PT2GPU_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    struct stat st;
    int n = 0;
    if (own)
        n = snprintf(folder, sizeof folder, "%s", own);
    else if (xdg && *xdg)
        n = snprintf(folder, sizeof folder, "%s/pt2gpu", xdg);
    else if (home && *home)
        n = snprintf(folder, sizeof folder, "%s/.cache/pt2gpu", home);
    if (n <= 0 || (size_t)n >= sizeof folder) {
        folder[0] = 0;
        return;
    }
    make_folders(folder);
    if (stat(folder, &st) || !S_ISDIR(st.st_mode))
        folder[0] = 0;
}

const char *pt2_cache_dir(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_folder);
    return folder[0] ? folder : NULL;
}

/* ---- files ---- */

static void add_path(struct pt2_str *s, const char *dir, const uint64_t key[2], const char *suffix)
{
    pt2_str_addf(s, "%s/%016llx", dir, (unsigned long long)key[0]);
    if (key[1])
        pt2_str_addf(s, "%016llx", (unsigned long long)key[1]);
    pt2_str_addf(s, ".%s", suffix);
}

static bool read_header(FILE *f, const uint64_t key[2], struct header *h)
{
    return fread(h, sizeof *h, 1, f) == 1 && !memcmp(h->magic, magic, sizeof magic) &&
           !memcmp(h->key, key, sizeof h->key) && h->size > 0 && h->size <= MAX_BYTES;
}

static void *read_file(FILE *f, const uint64_t key[2], size_t *out_size)
{
    struct header h;
    void *data = read_header(f, key, &h) ? malloc((size_t)h.size) : NULL;
    if (data && fread(data, 1, (size_t)h.size, f) == h.size && fgetc(f) == EOF &&
        pt2_hash(data, (size_t)h.size, key[0]) == h.checksum) {
        *out_size = (size_t)h.size;
        return data;
    }
    free(data);
    return NULL;
}

void *pt2_cache_get(const char *dir, const uint64_t key[2], const char *suffix, size_t *out_size)
{
    struct pt2_str path = { 0 };
    add_path(&path, dir, key, suffix);
    FILE *f = fopen(path.data, "rb");
    void *data = f ? read_file(f, key, out_size) : NULL;
    if (f)
        fclose(f);
    pt2_str_free(&path);
    return data;
}

static bool write_file(FILE *f, const uint64_t key[2], const void *data, size_t size)
{
    struct header h = { .key = { key[0], key[1] }, .size = size, .checksum = pt2_hash(data, size, key[0]) };
    memcpy(h.magic, magic, sizeof magic);
    bool written = fwrite(&h, sizeof h, 1, f) == 1 && fwrite(data, 1, size, f) == size;
    return !fclose(f) && written;
}

void pt2_cache_put(const char *dir, const uint64_t key[2], const char *suffix, const void *data, size_t size)
{
    struct pt2_str path = { 0 }, temp = { 0 };
    add_path(&path, dir, key, suffix);
    pt2_str_addf(&temp, "%s.XXXXXX", path.data);
    int fd = mkstemp(temp.data);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (fd >= 0 && !f)
        close(fd);
    if (fd >= 0 && (!f || !write_file(f, key, data, size) || rename(temp.data, path.data)))
        unlink(temp.data);
    pt2_str_free(&path);
    pt2_str_free(&temp);
}
