/* SPDX-License-Identifier: MIT
 * Printing of tensors. One format fits all elements that are shown: fixed point with four decimals when they are
 * neither large nor tiny, else exponents. */
#include "tools/print.h"
#include "base/dtype.h"
#include "base/npz.h"
#include "tools/tool.h"

#include <math.h>
#include <stdio.h>

enum { EDGE = 3, SHOW_ALL = 64 };

struct printer {
    const pt2_tensor *tensor;
    int64_t stride[PT2_MAX_RANK]; /* elements */
    int indent;
    bool shorten, exponents;
    int width;
};

void print_type(pt2_dtype dtype, int rank, const int64_t *shape)
{
    say("%s %s", pt2_dtype_name(dtype), rank ? "[" : "scalar");
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            say("%s?", i ? ", " : "");
        else
            say("%s%lld", i ? ", " : "", (long long)shape[i]);
    }
    fputs(rank ? "]" : "", stdout);
}

static int format_real(const struct printer *p, char *text, size_t cap, pt2_dtype dtype, int64_t i)
{
    const void *data = p->tensor->data;
    if (dtype == PT2_BOOL)
        return snprintf(text, cap, "%s", pt2_load_int(dtype, data, i) ? "True" : "False");
    if (dtype == PT2_U64)
        return snprintf(text, cap, "%llu", (unsigned long long)pt2_load_int(dtype, data, i));
    if (pt2_dtype_is_int(dtype))
        return snprintf(text, cap, "%lld", (long long)pt2_load_int(dtype, data, i));
    return snprintf(text, cap, p->exponents ? "%.4e" : "%.4f", pt2_load_double(dtype, data, i));
}

static int format_element(const struct printer *p, char *text, size_t cap, int64_t i)
{
    pt2_dtype dtype = p->tensor->dtype;
    if (!pt2_dtype_is_complex(dtype))
        return format_real(p, text, cap, dtype, i);
    char re[64], im[64];
    format_real(p, re, sizeof re, pt2_dtype_real(dtype), 2 * i);
    format_real(p, im, sizeof im, pt2_dtype_real(dtype), 2 * i + 1);
    return snprintf(text, cap, "%s%s%sj", re, im[0] == '-' ? "" : "+", im);
}

/* Calls `visit` for each element that is shown. */
static void each_shown(struct printer *p, int axis, int64_t at, void (*visit)(struct printer *p, int64_t i))
{
    const pt2_tensor *t = p->tensor;
    if (axis == t->rank) {
        visit(p, at);
        return;
    }
    for (int64_t i = 0; i < t->shape[axis]; i++) {
        if (p->shorten && t->shape[axis] > 2 * EDGE && i == EDGE)
            i = t->shape[axis] - EDGE;
        each_shown(p, axis + 1, at + i * p->stride[axis], visit);
    }
}

static void measure_range(struct printer *p, int64_t i)
{
    pt2_dtype real = pt2_dtype_real(p->tensor->dtype);
    int parts = real == p->tensor->dtype ? 1 : 2;
    for (int k = 0; pt2_dtype_is_float(real) && k < parts; k++) {
        double v = fabs(pt2_load_double(real, p->tensor->data, parts * i + k));
        p->exponents |= isfinite(v) && v != 0 && (v >= 1e5 || v < 1e-3);
    }
}

static void measure_width(struct printer *p, int64_t i)
{
    char text[160];
    int n = format_element(p, text, sizeof text, i);
    p->width = n > p->width ? n : p->width;
}

static void print_axis(const struct printer *p, int axis, int64_t at)
{
    const pt2_tensor *t = p->tensor;
    if (axis == t->rank) {
        char text[160];
        format_element(p, text, sizeof text, at);
        say("%*s", p->width, text);
        return;
    }
    bool last = axis == t->rank - 1;
    putchar('[');
    for (int64_t i = 0; i < t->shape[axis]; i++) {
        if (i && last)
            putchar(' ');
        else if (i)
            say("\n%*s", p->indent + axis + 1, "");
        if (p->shorten && t->shape[axis] > 2 * EDGE && i == EDGE) {
            say(last ? "... " : "...\n%*s", last ? 0 : p->indent + axis + 1, "");
            i = t->shape[axis] - EDGE;
        }
        print_axis(p, axis + 1, at + i * p->stride[axis]);
    }
    putchar(']');
}

void print_values(const pt2_tensor *tensor, int indent)
{
    struct printer p = { .tensor = tensor, .indent = indent };
    int64_t count = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        p.stride[i] = count;
        count *= tensor->shape[i];
    }
    p.shorten = count > SHOW_ALL;
    each_shown(&p, 0, 0, measure_range);
    each_shown(&p, 0, 0, measure_width);
    print_axis(&p, 0, 0);
    putchar('\n');
}
