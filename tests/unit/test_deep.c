/* SPDX-License-Identifier: MIT
 * Random expressions that are hundreds deep, and wide: as the body of one node and as chains of nodes. On the reference
 * backend and on a device they must give what C computes step by step, and a driver's compiler may take neither long
 * nor much memory for them. One case again, or more of them:
 *
 *     PT2_SEED=17 PT2_CASES=1 test_deep opencl 0 */
#include "test_device.h"
#include "random_graph.h"

#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

enum {
    MAX_STEPS = 400,
    SIZE = 64,
    RECENT = 3,           /* steps read one of as many before them */
    MAX_SECONDS = 20,     /* of the processor, for each case */
    MAX_MEGABYTES = 1500, /* in all */
};

enum family { SMOOTH, WHOLE, CHOICES, NESTED, FAMILIES };

static const struct {
    int type, least, most; /* steps */
    int functions;         /* so many of its kinds of steps */
    double within;         /* largest difference */
} families[FAMILIES] = {
    [SMOOTH] = { PT2_F32, 30, 60, 13, 1e-4 },
    [WHOLE] = { PT2_I64, 60, 160, 8, 0 },
    [CHOICES] = { PT2_F32, 100, MAX_STEPS, 6, 0 },
    [NESTED] = { PT2_F32, 100, MAX_STEPS, 2, 0 },
};

/* ---- one step: the expression, and its numbers ---- */

struct step {
    pt2_ex e;
    double numbers[SIZE];
};

static struct step steps[MAX_STEPS + 1];
static int size, first, count;

static pt2_ex number(int type, double f) { return pt2_num(&B.m.exprs, type, f); }
static pt2_ex un(enum pt2_expr_op op, pt2_ex a) { return pt2_un(&B.m.exprs, op, a); }
static pt2_ex bin(enum pt2_expr_op op, pt2_ex a, pt2_ex b) { return pt2_bin(&B.m.exprs, op, a, b); }

/* Functions that are continuous and grow no faster than their arguments, so that rounding does not either. */
static pt2_ex smooth(int f, pt2_ex x, pt2_ex y)
{
    static const enum pt2_expr_op plain[] = { PT2_E_SIN, PT2_E_COS, PT2_E_TANH, PT2_E_ATAN, PT2_E_ASINH, PT2_E_ERF };
    struct pt2_exprs *E = &B.m.exprs;
    pt2_ex a = un(PT2_E_ABS, x), half = number(PT2_F32, 0.5), mean = pt2_mul(E, half, pt2_add(E, x, y));
    switch (f) {
    case 6: return un(PT2_E_EXP, un(PT2_E_NEG, a));
    case 7: return un(PT2_E_LOG1P, a);
    case 8: return un(PT2_E_ABS, pt2_sub(E, bin(PT2_E_REM, a, number(PT2_F32, 2)), number(PT2_F32, 1)));
    case 9: return pt2_mul(E, number(PT2_F32, 0.25), un(PT2_E_LGAMMA, pt2_add(E, a, number(PT2_F32, 2))));
    case 10: return mean;
    case 11: return pt2_select(E, pt2_lt(E, x, y), mean, y);
    case 12: return pt2_max(E, un(PT2_E_NEG, x), y);
    default: return un(plain[f], x);
    }
}

static double smooth_number(int f, double x, double y)
{
    switch (f) {
    case 0: return sin(x);
    case 1: return cos(x);
    case 2: return tanh(x);
    case 3: return atan(x);
    case 4: return asinh(x);
    case 5: return erf(x);
    case 6: return exp(-fabs(x));
    case 7: return log1p(fabs(x));
    case 8: return fabs(fmod(fabs(x), 2) - 1);
    case 9: return 0.25 * lgamma(fabs(x) + 2);
    case 10: return 0.5 * (x + y);
    case 11: return x < y ? 0.5 * (x + y) : y;
    default: return fmax(-x, y);
    }
}

/* Integers below 1000. */
static pt2_ex whole(int f, pt2_ex x, pt2_ex y, int c)
{
    struct pt2_exprs *E = &B.m.exprs;
    pt2_ex k = number(PT2_I64, c), limit = number(PT2_I64, 1000);
    switch (f) {
    case 0: return bin(PT2_E_FLOORMOD, pt2_add(E, pt2_mul(E, x, number(PT2_I64, 3)), y), limit);
    case 1: return bin(PT2_E_FLOORMOD, pt2_mul(E, x, k), number(PT2_I64, 900 + c));
    case 2: return bin(PT2_E_FLOORDIV, pt2_add(E, pt2_mul(E, x, number(PT2_I64, 5)), y), number(PT2_I64, 6));
    case 3: return pt2_min(E, x, pt2_max(E, y, k));
    case 4: return pt2_select(E, pt2_lt(E, x, y), pt2_sub(E, y, x), x);
    case 5: return bin(PT2_E_FLOORMOD, bin(PT2_E_XOR, x, y), limit);
    case 6: return pt2_add(E, bin(PT2_E_SHR, x, number(PT2_I64, 1)), k);
    default: return bin(PT2_E_FLOORMOD, bin(PT2_E_SHL, x, number(PT2_I64, 2)), number(PT2_I64, 997));
    }
}

static double whole_number(int f, double dx, double dy, int c)
{
    int64_t x = (int64_t)dx, y = (int64_t)dy;
    switch (f) {
    case 0: return (double)((3 * x + y) % 1000);
    case 1: return (double)(x * c % (900 + c));
    case 2: return (double)((5 * x + y) / 6);
    case 3: return fmin(dx, fmax(dy, c));
    case 4: return x < y ? dy - dx : dx;
    case 5: return (double)((x ^ y) % 1000);
    case 6: return (double)((x >> 1) + c);
    default: return (double)((x << 2) % 997);
    }
}

/* Whole numbers as floats. The first two are conditions inside of conditions when nothing else reads x; each is
 * true for few numbers, so that all depths decide some. */
static pt2_ex choice(int f, pt2_ex x, pt2_ex y, int c)
{
    struct pt2_exprs *E = &B.m.exprs;
    pt2_ex k = number(PT2_F32, c), one = number(PT2_F32, 1), zero = number(PT2_F32, 0);
    switch (f) {
    case 0: return pt2_select(E, bin(PT2_E_EQ, y, number(PT2_F32, c % 400)), pt2_add(E, y, k), x);
    case 1: return pt2_select(E, bin(PT2_E_NE, y, number(PT2_F32, c % 400)), x, pt2_sub(E, y, k));
    case 2: return pt2_select(E, pt2_and(E, pt2_lt(E, x, y), pt2_lt(E, y, k)), y, un(PT2_E_NEG, x));
    case 3: return pt2_min(E, pt2_max(E, x, un(PT2_E_NEG, k)), pt2_add(E, un(PT2_E_ABS, y), one));
    case 4: return pt2_select(E, pt2_le(E, zero, x), pt2_sub(E, x, k), x);
    default: return pt2_max(E, x, pt2_min(E, y, k));
    }
}

static double choice_number(int f, double x, double y, int c)
{
    switch (f) {
    case 0: return y == c % 400 ? y + c : x;
    case 1: return y != c % 400 ? x : y - c;
    case 2: return x < y && y < c ? y : -x;
    case 3: return fmin(fmax(x, -c), fabs(y) + 1);
    case 4: return x >= 0 ? x - c : x;
    default: return fmax(x, fmin(y, c));
    }
}

static struct step random_step(enum family family, const struct step *x, const struct step *y)
{
    int f = below(families[family].functions), c = 1 + below(family == NESTED ? 4096 : 40);
    struct step s;
    s.e = family == SMOOTH ? smooth(f, x->e, y->e) : (family == WHOLE ? whole : choice)(f, x->e, y->e, c);
    for (int k = 0; k < size; k++)
        s.numbers[k] = family == SMOOTH ? smooth_number(f, x->numbers[k], y->numbers[k])
                                        : (family == WHOLE ? whole_number : choice_number)(f, x->numbers[k],
                                                                                            y->numbers[k], c);
    return s;
}

/* ---- graphs ---- */

static pt2_ex element_of(const struct pt2_value *v)
{
    pt2_ex i = pt2_var(&B.m.exprs, 0, v->shape[0]);
    return pt2_load(B.g, v, &i);
}

static struct pt2_value *node_of(int type, pt2_ex e)
{
    pt2_ex extent = idx(size);
    return pt2_node_map(B.g, (pt2_dtype)type, 1, &extent, e);
}

static void keep_numbers(const struct pt2_value *v, const double *numbers)
{
    free(I.data[v->id]);
    I.data[v->id] = memcpy(malloc(SIZE * sizeof *numbers), numbers, SIZE * sizeof *numbers);
}

/* A random input, steps that each read the one before them and another one, and the last step as the output. All are
 * the body of one node, and read one of the last steps, or each is a node, and reads the input: none is read twice. */
static char *deep_graph(int k)
{
    enum family family = (enum family)(k % FAMILIES);
    int type = families[family].type, n;
    bool chain = k / FAMILIES % 2, once = chain || family == NESTED;
    struct pt2_str s = { 0 };
    pt2_ex extent;
    pt2_module_free(&B.m);
    memset(&B, 0, sizeof B);
    pt2_module_init(&B.m);
    B.g = pt2_graph_new(&B.m, "main");
    size = SIZE - 3 * below(2);
    extent = idx(size);
    struct pt2_value *v = pt2_node_input(B.g, (pt2_dtype)type, 1, &extent, "x");
    steps[0].e = element_of(v);
    for (int j = 0; j < SIZE; j++)
        steps[0].numbers[j] = family == SMOOTH ? below(4096) / 1024.0 - 2
                              : family == WHOLE  ? below(1000)
                              : family == NESTED ? below(400)
                                                 : below(81) - 40;
    keep_numbers(v, steps[0].numbers);
    n = families[family].least + below(families[family].most - families[family].least);
    for (int j = 1; j <= n; j++) {
        const struct step *x = &steps[j - 1], *y = &steps[once ? 0 : j - 1 - below(j < RECENT ? j : RECENT)];
        steps[j] = random_step(family, x, y);
        if (chain || j == n)
            v = node_of(type, steps[j].e);
        if (chain)
            steps[j].e = element_of(v);
    }
    keep_numbers(v, steps[n].numbers);
    pt2_push(&B.m.arena, &B.g->outputs, v);
    pt2_str_addf(&s, "# seed %d, %d steps\n", k, n);
    pt2_graph_print(B.g, &s);
    return s.data;
}

/* ---- running ---- */

static void compare(struct runner *r, double within, const char *text)
{
    struct pt2_device *d = r->m.devices[0];
    const struct pt2_value *v = r->plan.graph->outputs.data[0];
    const struct pt2_place *p = &r->s.places[v->id];
    const double *want = I.data[B.g->outputs.data[0]->id];
    char *data = malloc(p->bytes + 1);
    must(d->backend->buf_read(d, p->buf[0], p->offset[0], data, p->bytes), text);
    for (int k = 0; k < size; k++) {
        double got = pt2_load_double(v->dtype, data, k);
        if (!(fabs(got - want[k]) <= within))
            fail_msg("%s\n%s: element %d: %.9g, want %.9g", text, runner_device, k, got, want[k]);
    }
    free(data);
}

static void run_on(const char *device, enum family family, const char *text)
{
    struct runner r;
    clock_t begin = clock();
    runner_device = device;
    assert_true(runner_open(&r, text, 1, 0, false));
    place(&r, false, text);
    for (uint32_t k = 0; k < r.plan.num_steps; k++)
        launch(&r, r.plan.steps[k].region, text);
    compare(&r, families[family].within, text);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (getenv("PT2_SEED"))
        printf("%s: %.10s: %u kernels, %.2f s\n", device, text, r.plan.regions.count, seconds);
    if (seconds > MAX_SECONDS)
        fail_msg("%s\n%s: %.0f s", text, device, seconds);
    runner_close(&r);
}

static void test_deep(void **state)
{
    struct rusage usage;
    (void)state;
    for (int k = first; k < first + count; k++) {
        seed = (uint64_t)k * 0x9e3779b97f4a7c15u + 1;
        char *text = deep_graph(k);
        run_on("reference", (enum family)(k % FAMILIES), text);
        run_on(device_name, (enum family)(k % FAMILIES), text);
        free(text);
    }
    getrusage(RUSAGE_SELF, &usage);
    assert_in_range(usage.ru_maxrss / 1024, 0, MAX_MEGABYTES);
}

/* A compiler that needs too much fails, before the machine does. Sanitizers reserve more than that. */
static void limit_memory(void)
{
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    struct rlimit limit = { (rlim_t)16 << 30, RLIM_INFINITY };
    setrlimit(RLIMIT_AS, &limit);
#endif
}

int main(int argc, char **argv)
{
    (void)run_and_compare;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_deep) };
    limit_memory();
    open_device(argc, argv);
    chosen_numbers(2 * FAMILIES, &first, &count);
    failures += cmocka_run_group_tests(tests, NULL, NULL);
    free_graphs();
    return close_device();
}
