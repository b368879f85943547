/* SPDX-License-Identifier: MIT
 *
 * Contractions by label, the form that every product of matrices takes: out[labels] = sum over the other labels of
 * a[labels] * b[labels]. The body of the REDUCE is exactly the product of two loads; plan/ recognises it by that. */
#include "ops/reduce.h"

#define MAX_LABELS (3 * PT2_MAX_RANK)

/* The labels in use: those of the result first, then the summed ones. */
struct labels {
    int n;
    char name[MAX_LABELS];
    pt2_ex extent[MAX_LABELS], var[MAX_LABELS];
};

static int find_label(const struct labels *s, char name)
{
    for (int k = 0; k < s->n; k++)
        if (s->name[k] == name)
            return k;
    return -1;
}

static int add_label(struct pt2_lower *L, struct labels *s, char name)
{
    int k = find_label(s, name);
    if (k >= 0)
        return k;
    if (s->n == MAX_LABELS)
        op_fail(L, PT2_ERR_UNSUPPORTED, "more than %d different dimensions in a product", MAX_LABELS);
    s->name[s->n] = name;
    s->extent[s->n] = NULL;
    return s->n++;
}

static void add_term(struct pt2_lower *L, struct labels *s, const struct op_term *a)
{
    if (!a->t)
        return;
    if ((int)strlen(a->labels) != a->t->rank)
        op_fail(L, PT2_ERR_FORMAT, "operand has %d dimensions, %d expected", a->t->rank, (int)strlen(a->labels));
    for (int d = 0; d < a->t->rank; d++) {
        int k = add_label(L, s, a->labels[d]);
        pt2_ex size = a->t->shape[d], have = s->extent[k];
        if (!have || pt2_is_int(have, 1))
            s->extent[k] = size;
        else if (pt2_is_const(have) && pt2_is_const(size) && have->i != size->i && size->i != 1)
            op_fail(L, PT2_ERR_FORMAT, "sizes %lld and %lld do not match", (long long)have->i, (long long)size->i);
    }
}

static void make_vars(struct pt2_lower *L, struct labels *s, int num_out)
{
    for (int k = 0; k < s->n; k++) {
        if (!s->extent[k])
            op_fail(L, PT2_ERR_FORMAT, "a dimension of the result is in no operand");
        s->var[k] = pt2_var(L->E, k, s->extent[k]);
    }
    if (s->n - num_out > PT2_MAX_RANK || num_out > PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "more than %d dimensions in a product", PT2_MAX_RANK);
}

static void term_index(struct pt2_lower *L, const struct labels *s, const struct op_term *a, pt2_ex *index)
{
    for (int d = 0; d < a->t->rank; d++)
        index[d] = pt2_is_int(a->t->shape[d], 1) ? pt2_idx(L->E, 0) : s->var[find_label(s, a->labels[d])];
}

static pt2_ex element(struct pt2_lower *L, const struct labels *s, const struct op_term *a, pt2_dtype dtype)
{
    pt2_ex index[PT2_MAX_RANK];
    term_index(L, s, a, index);
    return op_at_as(L, a->t, index, op_acc_dtype(dtype));
}

static struct pt2_complex element_c(struct pt2_lower *L, const struct labels *s, const struct op_term *a,
                                    pt2_dtype dtype)
{
    pt2_ex index[PT2_MAX_RANK];
    term_index(L, s, a, index);
    struct pt2_complex e = op_cx_to(L, op_at_c(L, a->t, index), op_acc_dtype(dtype));
    if (a->conj)
        e.im = pt2_un(L->E, PT2_E_NEG, e.im);
    return e;
}

/* A REDUCE SUM over the labels after the first num_out, or a MAP when there are none. */
static pt2_t *sum_labels(struct pt2_lower *L, const struct labels *s, int num_out, pt2_dtype dtype, pt2_ex body)
{
    if (s->n == num_out)
        return op_map(L, dtype, num_out, s->extent, body);
    return op_reduce(L, dtype == PT2_BOOL ? PT2_RED_ANY : PT2_RED_SUM, dtype, num_out, s->extent, s->n - num_out,
                     s->extent + num_out, body);
}

static pt2_t *contract_c(struct pt2_lower *L, const struct labels *s, int num_out, pt2_dtype dtype, struct op_term a,
                         struct op_term b)
{
    struct pt2_complex p = element_c(L, s, &a, dtype);
    if (b.t)
        p = op_cx_mul(L->E, p, element_c(L, s, &b, dtype));
    if (s->n == num_out)
        return op_map_c(L, dtype, num_out, s->extent, p);
    pt2_dtype acc = pt2_dtype_real(op_acc_dtype(dtype));
    pt2_t *re = sum_labels(L, s, num_out, acc, p.re), *im = sum_labels(L, s, num_out, acc, p.im);
    pt2_ex *v = op_vars(L, num_out, s->extent);
    return op_map_c(L, dtype, num_out, s->extent, (struct pt2_complex){ op_at(L, re, v), op_at(L, im, v) });
}

pt2_t *op_contract(struct pt2_lower *L, pt2_dtype dtype, struct op_term a, struct op_term b, const char *out)
{
    struct labels s = { .n = 0 };
    int num_out = 0;
    for (const char *c = out; *c; c++, num_out++) {
        if (find_label(&s, *c) >= 0)
            op_fail(L, PT2_ERR_FORMAT, "a dimension of the result is named twice");
        add_label(L, &s, *c);
    }
    add_term(L, &s, &a);
    add_term(L, &s, &b);
    make_vars(L, &s, num_out);
    if (pt2_dtype_is_complex(dtype))
        return contract_c(L, &s, num_out, dtype, a, b);
    pt2_ex x = element(L, &s, &a, dtype);
    if (b.t) {
        pt2_ex y = element(L, &s, &b, dtype);
        x = dtype == PT2_BOOL ? pt2_and(L->E, x, y) : pt2_mul(L->E, x, y);
    }
    return sum_labels(L, &s, num_out, dtype, x);
}

/* The labels of a and b that the result or a later operand still needs, in order of appearance. */
static char *kept_labels(struct pt2_lower *L, int n, const struct op_term *terms, const char *out)
{
    char *kept = PT2_NEW_N(L->arena, char, MAX_LABELS + 1);
    int count = 0;
    for (int side = 0; side < 2; side++)
        for (const char *c = terms[side].labels; *c; c++) {
            bool later = strchr(out, *c) != NULL;
            for (int k = 2; k < n && !later; k++)
                later = strchr(terms[k].labels, *c) != NULL;
            if (later && !strchr(kept, *c) && count < MAX_LABELS)
                kept[count++] = *c;
        }
    return kept;
}

pt2_t *op_einsum(struct pt2_lower *L, pt2_dtype dtype, int n, const struct op_term *terms, const char *out)
{
    struct op_term none = { 0 };
    if (n < 1)
        op_fail(L, PT2_ERR_FORMAT, "a product of no tensors");
    struct op_term *list = pt2_arena_copy(L->arena, terms, (size_t)n * sizeof *terms);
    for (; n > 2; n--, list++) {
        char *kept = kept_labels(L, n, list, out);
        pt2_t *t = op_contract(L, op_acc_dtype(dtype), list[0], list[1], kept);
        list[1] = (struct op_term){ .t = t, .labels = kept };
    }
    return op_contract(L, dtype, list[0], n == 2 ? list[1] : none, out);
}
