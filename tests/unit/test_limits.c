/* SPDX-License-Identifier: MIT
 * What a device reaches, and the facts that are kept about it:
 *
 *     test_limits vulkan 0 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "runtime/facts.h"
#include "runtime/limits.h"
#include "test_device.h"

#include <dirent.h>
#include <unistd.h>

static char folder[] = "/tmp/pt2gpu-limits-XXXXXX";

static void each_file(void (*fn)(const char *path))
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            fn(path);
    }
    closedir(d);
}

static void cut(const char *path)
{
    if (strstr(path, ".facts"))
        CHECK(truncate(path, 9) == 0);
}

static void erase(const char *path)
{
    CHECK(remove(path) == 0);
}

static void test_facts(void)
{
    double v[3] = { 1, 2.5, -1e9 }, got[3] = { 0 };
    CHECK(!pt2_fact_get(folder, dev, "a", 3, got));
    pt2_fact_put(folder, dev, "a", 3, v);
    pt2_fact_put(folder, dev, "ab", 1, v + 1);
    pt2_fact_put(folder, dev, "c", 2, v);
    v[0] = 7;
    pt2_fact_put(folder, dev, "a", 3, v);
    CHECK(pt2_fact_get(folder, dev, "a", 3, got) && got[0] == 7 && got[1] == 2.5 && got[2] == -1e9);
    CHECK(pt2_fact_get(folder, dev, "ab", 1, got) && got[0] == 2.5);
    CHECK(pt2_fact_get(folder, dev, "c", 2, got) && got[0] == 1);
    CHECK(!pt2_fact_get(folder, dev, "c", 1, got) && !pt2_fact_get(folder, dev, "c", 3, got));
    CHECK(!pt2_fact_get(folder, dev, "b", 1, got) && !pt2_fact_get(NULL, dev, "a", 3, got));
    struct pt2_device other = { .backend = dev->backend, .desc = dev->desc };
    strcat(other.desc.driver, "+");
    CHECK(!pt2_fact_get(folder, &other, "a", 3, got));
}

static bool between(double x, double lo, double hi)
{
    return x >= lo && x <= hi;
}

/* Plausible for anything from an emulated shader to the next generation of GPUs; kept; a damaged file is no fact. */
static void test_limits(void)
{
    struct pt2_limits a, b;
    if (!tells_times()) {
        CHECK(pt2_device_limits(dev, folder, false, &a) == PT2_ERR_DEVICE);
        return;
    }
    MUST(pt2_device_limits(dev, folder, false, &a));
    printf("%.4g GFLOP/s, %.4g GB/s\n", a.operations * 1e-9, a.bytes * 1e-9);
    CHECK(between(a.operations, 1e8, 1e15) && between(a.bytes, 5e7, 1e14));
    unsigned compiled = atomic_load(&dev->compiled);
    CHECK(compiled + atomic_load(&dev->found) > 0);
    MUST(pt2_device_limits(dev, folder, false, &b));
    CHECK(between(b.operations / a.operations, 0.999, 1.001) && between(b.bytes / a.bytes, 0.999, 1.001));
    CHECK(atomic_load(&dev->compiled) == compiled);
    double v[2];
    each_file(cut);
    CHECK(!pt2_fact_get(folder, dev, "rates", 2, v));
}

int main(int argc, char **argv)
{
    open_device(argc, argv);
    CHECK(mkdtemp(folder) != NULL);
    test_facts();
    test_limits();
    each_file(erase);
    CHECK(rmdir(folder) == 0);
    return close_device();
}
