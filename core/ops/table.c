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

/* Overloads that write to arguments and do not end with "out", with the overload that computes the same, "" for the
 * packet. */
static const struct { const char *overload, *base; } named_outs[] = {
    { "values", "" },        { "values_stable", "stable" }, { "dim_values", "dim" },  { "dim_max", "dim" },
    { "dim_min", "dim" },    { "out_mode", "" },            { "OutTensor", "" },      { "OutScalar_Self", "" },
    { "OutScalar_Other", "" }, { "out_", "" },              { "output", "" },         { "grad_input", "" },
    { "U", "" },             { "Q", "" },                   { "X", "" },              { "L", "" },
    { "a", "" },             { "eigvals", "" },             { "eigenvalues", "" },    { "result", "" },
    { "sign", "" },          { "inverse", "" },             { "out_tol_tensor", "" }, { "out_rcond_tensor", "" },
};

/* The row of an overload that writes to its last arguments: of "aten.sum.dim_IntList_out" that of the overload, else
 * of the packet. *out_is: it is one. */
static const struct pt2_op_row *get_out(const char *target, size_t packet, bool *out_is)
{
    char name[256];
    size_t len = strlen(target), base = 0;
    const char *overload = packet < len ? target + packet + 1 : "", *end = "";
    *out_is = ends_with(target, len, "_out") || ends_with(target, len, ".out");
    if (*out_is && len - packet > 5)
        base = len - packet - 5, end = overload;
    for (size_t k = 0; !*out_is && k < sizeof named_outs / sizeof *named_outs; k++)
        if (!strcmp(overload, named_outs[k].overload)) {
            *out_is = true;
            end = named_outs[k].base;
            base = strlen(end);
        }
    if (base && snprintf(name, sizeof name, "%.*s.%.*s", (int)packet, target, (int)base, end) < (int)sizeof name &&
        get(name, strlen(name)))
        return get(name, strlen(name));
    const struct pt2_op_row *r = *out_is ? get(target, packet) : NULL;
    return r || !*out_is || !ends_with(target, packet, "_copy") ? r : get_stripped(target, packet, 5);
}

const struct pt2_op_row *pt2_op_resolve(const char *target, enum pt2_row_use *out_use)
{
    pthread_once(&once, build);
    target = pt2_op_aten_name(target);
    size_t len = strlen(target);
    const char *dot = strchr(target, '.');
    const char *end = dot ? strchr(dot + 1, '.') : NULL;
    size_t packet = end ? (size_t)(end - target) : len;
    const struct pt2_op_row *r = get(target, len);
    bool out;
    const struct pt2_op_row *written = get_out(target, packet, &out);
    *out_use = PT2_ROW_PLAIN;
    if (!r && !out)
        r = get(target, packet);
    if (r)
        return r;
    *out_use = PT2_ROW_OUT;
    if (out)
        return written;
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
