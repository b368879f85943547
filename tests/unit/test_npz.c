/* SPDX-License-Identifier: MIT
 * NumPy files: what is written reads back, every header form of NumPy is understood, and damage is refused. */
#include "base/npz.h"
#include "base/dtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int setup(void **state)
{
    (void)state;
    strcpy(path, "/tmp/pt2_test_npz_XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    remove(path);
    return 0;
}

static void write_file(const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static size_t read_file(unsigned char *data, size_t cap)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(data, 1, cap, f);
    fclose(f);
    return n;
}

/* A .npy of version 1 with this header text. */
static void write_npy(const char *header, const void *data, size_t size)
{
    unsigned char bytes[512] = "\x93NUMPY\x01";
    size_t len = strlen(header);
    bytes[8] = (unsigned char)len;
    memcpy(bytes + 10, header, len);
    memcpy(bytes + 10 + len, data, size);
    write_file(bytes, 10 + len + size);
}

static void reads_back(void **state)
{
    (void)state;
    float f[6] = { 1, 2.5f, -3, 4, 5, 6 };
    int64_t i[1] = { -7 };
    uint16_t bf16[2] = { 0x3f80, 0xc000 };
    pt2_tensor a = { .dtype = PT2_F32, .rank = 2, .shape = { 2, 3 }, .data = f };
    pt2_tensor b = { .dtype = PT2_I64, .rank = 0, .data = i };
    pt2_tensor c = { .dtype = PT2_BF16, .rank = 1, .shape = { 2 }, .data = bf16 };
    pt2_tensor d = { .dtype = PT2_C64, .rank = 2, .shape = { 0, 4 } };
    struct pt2_npz out = { 0 }, in = { 0 };
    assert_int_equal(pt2_npz_borrow(&out, "out_0", &a), PT2_OK);
    assert_int_equal(pt2_npz_add(&out, "odd n\xc3\xa4me/x", &b), PT2_OK);
    assert_int_equal(pt2_npz_add(&out, "bf", &c), PT2_OK);
    assert_int_equal(pt2_npz_add(&out, "empty", &d), PT2_OK);
    assert_int_equal(pt2_npz_write(&out, path), PT2_OK);
    assert_int_equal(pt2_npz_read(path, &in), PT2_OK);
    assert_int_equal(in.count, 4);
    const pt2_tensor *r = pt2_npz_find(&in, "out_0");
    assert_int_equal(r->shape[1], 3);
    assert_memory_equal(r->data, f, sizeof f);
    r = pt2_npz_find(&in, "odd n\xc3\xa4me/x");
    assert_int_equal(r->rank, 0);
    assert_int_equal(*(int64_t *)r->data, -7);
    r = pt2_npz_find(&in, "bf");
    assert_int_equal(r->dtype, PT2_F32);
    assert_true(((float *)r->data)[1] == -2.0f);
    assert_int_equal(pt2_npz_find(&in, "empty")->dtype, PT2_C64);
    pt2_npz_free(&out);
    pt2_npz_free(&in);
}

static void no_arrays(void **state)
{
    (void)state;
    struct pt2_npz npz = { 0 };
    assert_int_equal(pt2_npz_write(&npz, path), PT2_OK);
    assert_int_equal(pt2_npz_read(path, &npz), PT2_OK);
    assert_int_equal(npz.count, 0);
}

static void orders(void **state)
{
    (void)state;
    struct pt2_npz npz = { 0 };
    const unsigned char big[12] = { 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3 };
    write_npy("{\"shape\": (3L,), 'fortran_order': False, 'descr': '>i4'}\n", big, 12);
    assert_int_equal(pt2_npz_read(path, &npz), PT2_OK);
    assert_int_equal(((int32_t *)npz.arrays[0].tensor.data)[2], 3);
    pt2_npz_free(&npz);

    const uint8_t columns[6] = { 1, 4, 2, 5, 3, 6 }, rows[6] = { 1, 2, 3, 4, 5, 6 };
    write_npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", columns, 6);
    assert_int_equal(pt2_npz_read(path, &npz), PT2_OK);
    assert_memory_equal(npz.arrays[0].tensor.data, rows, 6);
    pt2_npz_free(&npz);

    write_npy("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", "\x07", 1);
    assert_int_equal(pt2_npz_read(path, &npz), PT2_OK);
    assert_int_equal(*(uint8_t *)npz.arrays[0].tensor.data, 1);
    pt2_npz_free(&npz);
}

static void refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "", "{", "{}", "{'descr': '<f4'}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (), }",
        "{'descr': '<U4', 'fortran_order': False, 'shape': (), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1), }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", /* 8 bytes follow */
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct pt2_npz npz = { 0 };
        write_npy(headers[i], "12345678", 8);
        assert_int_equal(pt2_npz_read(path, &npz), PT2_ERR_FORMAT);
        assert_int_equal(npz.count, 0);
    }
    struct pt2_npz npz = { 0 };
    write_file("hello", 5);
    assert_int_equal(pt2_npz_read(path, &npz), PT2_ERR_FORMAT);
    write_file("", 0);
    assert_int_equal(pt2_npz_read(path, &npz), PT2_ERR_FORMAT);
    remove(path);
    assert_int_equal(pt2_npz_read(path, &npz), PT2_ERR_IO);
}

/* Every truncation and many single-byte changes of a good file: read or refused, never worse. */
static void damage(void **state)
{
    (void)state;
    unsigned char good[2048], bad[2048];
    float f[4] = { 1, 2, 3, 4 };
    pt2_tensor a = { .dtype = PT2_F32, .rank = 2, .shape = { 2, 2 }, .data = f };
    struct pt2_npz npz = { 0 };
    assert_int_equal(pt2_npz_borrow(&npz, "x", &a), PT2_OK);
    assert_int_equal(pt2_npz_write(&npz, path), PT2_OK);
    pt2_npz_free(&npz);
    size_t size = read_file(good, sizeof good);
    for (size_t i = 0; i < size; i++) {
        write_file(good, i);
        assert_int_not_equal(pt2_npz_read(path, &npz), PT2_OK);
        memcpy(bad, good, size);
        bad[i] ^= (unsigned char)(1u << i % 8);
        write_file(bad, size);
        if (pt2_npz_read(path, &npz) == PT2_OK)
            pt2_npz_free(&npz);
    }
}

static void nothing_is_left(void **state)
{
    (void)state;
    struct pt2_npz npz = { 0 };
    pt2_tensor a = { .dtype = PT2_U8, .rank = 0, .data = "x" };
    assert_int_equal(pt2_npz_borrow(&npz, "x", &a), PT2_OK);
    assert_int_equal(pt2_npz_write(&npz, "/nonexistent/folder/x.npz"), PT2_ERR_IO);
    pt2_npz_free(&npz);
}

static void conversion(void **state)
{
    (void)state;
    float f[2] = { 1.5f, -2 };
    pt2_tensor a = { .dtype = PT2_F32, .rank = 1, .shape = { 2 }, .data = f }, b;
    assert_int_equal(pt2_tensor_convert(&a, PT2_I64, &b), PT2_OK);
    assert_int_equal(((int64_t *)b.data)[1], -2);
    free(b.data);
    assert_int_equal(pt2_tensor_convert(&a, PT2_BF16, &b), PT2_OK);
    assert_int_equal(((uint16_t *)b.data)[0], 0x3fc0);
    free(b.data);
    assert_int_equal(pt2_tensor_convert(&a, PT2_C64, &b), PT2_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),      cmocka_unit_test(no_arrays),  cmocka_unit_test(orders),
        cmocka_unit_test(refused),         cmocka_unit_test(damage),     cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(conversion),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
