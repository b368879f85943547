/* SPDX-License-Identifier: MIT
 * Finding the row of a target. Exact overload first, then the packet; then what can be derived from a functional row.
 */
#include "ops/internal.h"

#include <pthread.h>
#include <stdio.h>

static const struct pt2_op_row *const tables[] = {
#define X(name) pt2_ops_##name,
#include "ops/families.h"
#undef X
};

static struct pt2_arena arena; /* lives as long as the process */
static struct pt2_map rows;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void build(void)
{
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
        for (const struct pt2_op_row *r = tables[k]; r->target; r++)
            pt2_map_put(&arena, &rows, r->target, (void *)(uintptr_t)r);
}

static const struct pt2_op_row *get(const char *name, size_t len)
{
    return pt2_map_get_n(&rows, name, len);
}

/* "aten.add_.Tensor" without the packet's last `drop` characters: packet row, or the overload's own. */
static const struct pt2_op_row *get_stripped(const char *target, size_t packet, size_t drop)
{
    char name[256];
    size_t len = strlen(target);
    if (len - drop >= sizeof name)
        return NULL;
    memcpy(name, target, packet - drop);
    memcpy(name + packet - drop, target + packet, len - packet);
    const struct pt2_op_row *r = get(name, len - drop);
    return r ? r : get(name, packet - drop);
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len > n && !memcmp(text + len - n, end, n);
}

const struct pt2_op_row *pt2_op_resolve(const char *target, enum pt2_row_use *out_use)
{
    pthread_once(&once, build);
    size_t len = strlen(target);
    const char *dot = strchr(target, '.');
    const char *end = dot ? strchr(dot + 1, '.') : NULL;
    size_t packet = end ? (size_t)(end - target) : len;
    const struct pt2_op_row *r = get(target, len);
    bool out = packet < len && (ends_with(target, len, "_out") || ends_with(target, len, ".out"));
    *out_use = PT2_ROW_PLAIN;
    if (!r && !out)
        r = get(target, packet);
    if (r)
        return r;
    *out_use = PT2_ROW_OUT;
    if (out)
        return get(target, packet);
    *out_use = PT2_ROW_COPY;
    if (ends_with(target, packet, "_copy") && (r = get_stripped(target, packet, 5)))
        return r;
    *out_use = PT2_ROW_INPLACE;
    if (ends_with(target, packet, "_") && !ends_with(target, packet, "__"))
        return get_stripped(target, packet, 1);
    return NULL;
}

const struct pt2_op_row *pt2_op_find(const char *target)
{
    enum pt2_row_use use;
    return pt2_op_resolve(target, &use);
}

uint32_t pt2_op_rows(const struct pt2_op_row **out_rows, uint32_t cap)
{
    uint32_t n = 0;
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
        for (const struct pt2_op_row *r = tables[k]; r->target; r++, n++)
            if (n < cap)
                out_rows[n] = r;
    return n;
}
