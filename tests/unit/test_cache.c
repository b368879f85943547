/* SPDX-License-Identifier: MIT
 * The cache on disk: what was put is got; what is damaged, cut or of another key counts as missing. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "base/cache.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint64_t key[2] = { 0x123, 0x456 }, other[2] = { 0x123, 0x457 };
static char folder[] = "/tmp/pt2cache.XXXXXX", path[128];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/00000000000001230000000000000456.spv", folder);
    return 0;
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(name);
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void expect(const char *text)
{
    size_t size = 0;
    char *data = pt2_cache_get(folder, key, "spv", &size);
    assert_int_equal(data != NULL, text != NULL);
    if (text) {
        assert_int_equal(size, strlen(text));
        assert_memory_equal(data, text, size);
    }
    free(data);
}

static void test_keeps(void **state)
{
    size_t size;
    (void)state;
    expect(NULL);
    pt2_cache_put(folder, key, "spv", "words", 5);
    expect("words");
    pt2_cache_put(folder, key, "spv", "longer words", 12);
    expect("longer words");
    assert_null(pt2_cache_get(folder, other, "spv", &size));
    assert_null(pt2_cache_get(folder, key, "clbin", &size));
}

static void test_other_key(void **state)
{
    char to[128];
    size_t size;
    (void)state;
    pt2_cache_put(folder, key, "spv", "words", 5);
    snprintf(to, sizeof to, "%s/00000000000001230000000000000457.spv", folder);
    assert_int_equal(rename(path, to), 0);
    assert_null(pt2_cache_get(folder, other, "spv", &size));
}

static void test_damage(void **state)
{
    (void)state;
    for (long at = 0; at < 45; at++) { /* a header of 40 bytes and the data */
        pt2_cache_put(folder, key, "spv", "words", 5);
        FILE *f = fopen(path, "r+b");
        assert_non_null(f);
        fseek(f, at, SEEK_SET);
        int c = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(c ^ 16, f);
        fclose(f);
        expect(NULL);
        pt2_cache_put(folder, key, "spv", "words", 5);
        assert_int_equal(truncate(path, at), 0);
        expect(NULL);
    }
}

static void test_nowhere(void **state)
{
    size_t size;
    (void)state;
    pt2_cache_put("/dev/null/no", key, "spv", "words", 5);
    assert_null(pt2_cache_get("/dev/null/no", key, "spv", &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_keeps), cmocka_unit_test(test_other_key),
                                        cmocka_unit_test(test_damage), cmocka_unit_test(test_nowhere) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
