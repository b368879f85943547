/* SPDX-License-Identifier: MIT
 *
 * What the tests of backends share: choosing a device from the command line (backend name, device number), running
 * one handmade kernel, checks that print both sides. A test without a device exits with 77, which ctest counts as
 * skipped.
 */
#ifndef PT2_TEST_DEVICE_H
#define PT2_TEST_DEVICE_H

#include "backend.h"
#include "device.h"
#include "kernel/kernel.h"

#include <stdio.h>
#include <stdlib.h>

extern const struct pt2_backend pt2_vulkan, pt2_opencl;
int pt2_vulkan_validation_messages(void);
int pt2_vulkan_compilations(void);

struct test_backend {
    const struct pt2_backend *table;
    int (*messages)(void);     /* of validation; may be NULL */
    int (*compilations)(void); /* may be NULL */
};

static const struct test_backend test_backends[] = {
#ifdef PT2_HAVE_VULKAN
    { &pt2_vulkan, pt2_vulkan_validation_messages, pt2_vulkan_compilations },
#endif
#ifdef PT2_HAVE_OPENCL
    { &pt2_opencl, NULL, NULL },
#endif
    { NULL, NULL, NULL },
};

static struct test_backend T;   /* the chosen backend */
static struct pt2_device *dev;  /* the chosen device */
static char device_name[32];    /* it, as pt2_model_open takes it */
static int failures;

/* Mesa's OpenCL before 23.1 has no times of kernels, and asking for them must fail. */
static inline bool tells_times(void) { return strncmp(dev->desc.driver, "rusticl 22", 10) != 0; }

static void fail_line(const char *file, int line, const char *what)
{
    printf("%s:%d: %s\n", file, line, what);
    failures++;
}

#define CHECK(cond)                                  \
    do {                                             \
        if (!(cond))                                 \
            fail_line(__FILE__, __LINE__, #cond);    \
    } while (0)

/* The call must succeed: what follows has no meaning otherwise. */
#define MUST(call)                                                                                          \
    do {                                                                                                    \
        pt2_status must_status_ = (call);                                                                   \
        if (must_status_ != PT2_OK) {                                                                       \
            printf("%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call, pt2_status_name(must_status_),         \
                   pt2_error_message());                                                                    \
            exit(1);                                                                                        \
        }                                                                                                   \
    } while (0)

static void open_device(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "vulkan";
    int number = argc > 2 ? atoi(argv[2]) : 0, count = 0;
    struct pt2_device_desc descs[16];
    for (const struct test_backend *b = test_backends; b->table; b++)
        if (!strcmp(b->table->name, name))
            T = *b;
    if (!T.table) {
        printf("skipped: backend %s is not built in\n", name);
        exit(77);
    }
    snprintf(device_name, sizeof device_name, "%s:%d", name, number);
    MUST(T.table->enumerate(descs, 16, &count));
    if (number >= count) {
        printf("skipped: %s has %d devices\n", name, count);
        exit(77);
    }
    MUST(T.table->open(number, &dev));
    pt2_device_set_class(&dev->desc.caps);
    CHECK(dev->backend == T.table);
    printf("%s %d: %s (%s)\n", name, number, dev->desc.name, dev->desc.driver);
}

static int close_device(void)
{
    T.table->close(dev);
    if (T.messages && T.messages()) {
        printf("%d validation messages\n", T.messages());
        failures++;
    }
    printf(failures ? "%d failures\n" : "ok\n", failures);
    return failures != 0;
}

/* A whole main for tests of models: on the reference backend, then on the chosen device. */
static inline int test_backends_of(int argc, char **argv, void (*test)(const char *backend))
{
    open_device(argc, argv);
    test("reference");
    test(device_name);
    return close_device();
}

static inline struct pt2_buf *new_buf(uint64_t size, const void *data)
{
    struct pt2_buf *buf;
    MUST(T.table->buf_create(dev, size ? size : 4, &buf));
    if (data && size)
        MUST(T.table->buf_write(dev, buf, 0, data, size));
    return buf;
}

static inline struct pt2_program_obj *compile(const struct pt2_kernel *k, const char *cache_dir)
{
    struct pt2_program_obj *program;
    MUST(T.table->compile(dev, &k, 1, cache_dir, &program));
    return program;
}

/* Runs launches once and waits. */
static inline void run_launches(const struct pt2_launch *launches, uint32_t count)
{
    struct pt2_exec *exec;
    uint64_t point;
    MUST(T.table->exec_create(dev, launches, count, false, &exec));
    MUST(T.table->submit(dev, exec, 0, &point));
    MUST(T.table->wait(dev, point, UINT64_MAX));
    T.table->exec_destroy(dev, exec);
}

#endif
