/* SPDX-License-Identifier: MIT
 * Custom operators: the example's set on the reference backend and on a device, against PyTorch's results; result types
 * that lowerings get inferred; what is refused, and in which words.
 *
 *     test_custom opencl 0 */
#include "../../examples/mylib.c"

#include "base/npz.h"
#include "test_device.h"

static const char archive[] = PT2_TEST_DATA "/custom_ops.pt2";
static struct pt2_npz expected;

/* ---- against PyTorch ---- */

static void compare(const pt2_tensor *got, const pt2_tensor *want, const char *name)
{
    int64_t n = pt2_tensor_count(want);
    if (got->dtype != PT2_F32 || pt2_tensor_count(got) != n) {
        printf("%s has %lld elements, not %lld\n", name, (long long)pt2_tensor_count(got), (long long)n);
        failures++;
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        double g = (double)((const float *)got->data)[k], w = (double)((const float *)want->data)[k];
        if (!(fabs(g - w) <= 2e-6 * (1 + fabs(w)))) {
            printf("%s[%lld] is %g, not %g\n", name, (long long)k, g, w);
            failures++;
            return;
        }
    }
}

/* Runs the archive with these operators; its outputs must be PyTorch's. */
static void run_and_compare(const char *backend, const pt2_operators *operators)
{
    pt2_model_params params = { .backend = backend, .operators = operators, .no_cache = 1 };
    pt2_model *model;
    pt2_session *session;
    MUST(pt2_model_open(archive, &params, &model));
    MUST(pt2_session_create(model, &session));
    MUST(pt2_session_run(session));
    CHECK(pt2_model_output_count(model) == 5);
    for (int k = 0; k < pt2_model_output_count(model); k++) {
        char name[16];
        pt2_tensor out;
        MUST(pt2_session_output(session, k, &out));
        snprintf(name, sizeof name, "out_%d", k);
        compare(&out, pt2_npz_find(&expected, name), name);
    }
    pt2_session_destroy(&session);
    pt2_model_destroy(&model);
}

static void test_example(void)
{
    pt2_operators *set;
    MUST(mylib_operators(&set));
    run_and_compare("reference", set);
    run_and_compare(device_name, set);
    pt2_operators_destroy(&set);
    CHECK(!set);
}

/* Other numbers of rows than the sample has: state grows with each run, and a host has the same results. */
static void test_sizes(void)
{
    static const char *const names[] = { "reference", device_name };
    float x[9 * 6], first[2][72];
    pt2_tensor in = { PT2_F32, 2, { 0, 6 }, x }, out;
    for (int k = 0; k < 54; k++)
        x[k] = (float)((k * 37) % 54) / 20 - 1;
    for (int b = 0; b < 2; b++) {
        pt2_operators *set;
        pt2_model *model;
        pt2_session *session;
        MUST(mylib_operators(&set));
        MUST(pt2_model_open(archive, &(pt2_model_params){ .backend = names[b], .operators = set }, &model));
        MUST(pt2_session_create(model, &session));
        for (int rows = 3; rows <= 9; rows += 6) {
            in.shape[0] = rows;
            MUST(pt2_session_set_input(session, 0, &in));
            MUST(pt2_session_run(session));
            MUST(pt2_session_output(session, 0, &out));
            CHECK(out.shape[0] == rows && out.shape[1] == 8);
        }
        memcpy(first[b], out.data, sizeof first[b]);
        pt2_session_destroy(&session);
        pt2_model_destroy(&model);
        pt2_operators_destroy(&set);
    }
    for (int k = 0; k < 72; k++)
        CHECK(fabsf(first[0][k] - first[1][k]) <= 2e-6f * (1 + fabsf(first[0][k])));
}

/* ---- lowerings whose calls have no types in any file ---- */

#define APPLY(...) pt2_call_apply(c, __VA_ARGS__, NULL)
#define INTS(...) \
    pt2_call_ints(c, (int)(sizeof(int64_t[]){ __VA_ARGS__ } / sizeof(int64_t)), (const int64_t[]){ __VA_ARGS__ })

/* Views and copies that cancel out. */
static const pt2_operand *shapes(pt2_call *c, const pt2_operand *x)
{
    const pt2_operand *n = pt2_call_size(c, x, 0), *two = pt2_call_int(c, 2), *zero = pt2_call_int(c, 0);
    const pt2_operand *half = APPLY("_operator::mul", "a", pt2_call_int(c, 2), "b", two);
    const pt2_operand *sizes[] = { n, half, two }, *pair[] = { x, x };
    CHECK(pt2_operand_int(half, 0) == 4 && pt2_operand_int(n, -5) == -5 && pt2_operand_rank(x) == 2);
    const pt2_operand *y = APPLY("aten::view", "self", x, "size", pt2_call_list(c, 3, sizes));
    y = APPLY("aten::flatten.using_ints", "self", y, "start_dim", pt2_call_int(c, 1));
    y = APPLY("aten::transpose.int", "self", y, "dim0", zero, "dim1", pt2_call_int(c, 1));
    y = APPLY("aten::t", "self", APPLY("aten::clone", "self", y));
    y = APPLY("aten::expand", "self", APPLY("aten::unsqueeze", "self", y, "dim", zero), "size", INTS(3, -1, -1));
    y = APPLY("aten::mean.dim", "self", y, "dim", INTS(0));
    pair[0] = y;
    y = APPLY("aten::cat", "tensors", pt2_call_list(c, 2, pair), "dim", pt2_call_int(c, -1));
    y = APPLY("aten::slice.Tensor", "self", y, "dim", pt2_call_int(c, 1), "start", pt2_call_int(c, 8));
    pair[1] = y;
    y = APPLY("aten::stack", "tensors", pt2_call_list(c, 2, pair));
    return APPLY("aten::select.int", "self", y, "dim", zero, "index", pt2_call_int(c, 1));
}

/* Arithmetic that is 1 for every element. */
static const pt2_operand *ones(pt2_call *c, const pt2_operand *x)
{
    const pt2_operand *last = pt2_call_int(c, -1), *keep = pt2_call_bool(c, 1), *sum, *eye, *results[2];
    const pt2_named_operand args[] = { { "self", x }, { "dim", last }, { "keepdim", keep } };
    sum = APPLY("aten::sum.dim_IntList", "self", APPLY("aten::softmax.int", "self", x, "dim", last), "dim", INTS(-1),
                "keepdim", keep);
    pt2_call_apply_many(c, "aten::max.dim", 3, args, 2, NULL, results);
    CHECK(pt2_operand_dtype(results[0]) == PT2_F32 && pt2_operand_dtype(results[1]) == PT2_I64);
    const pt2_operand *same = APPLY("aten::eq.Tensor", "self", results[1],
                                    "other", APPLY("aten::argmax", "self", x, "dim", last, "keepdim", keep));
    CHECK(pt2_operand_dtype(same) == PT2_BOOL);
    sum = APPLY("aten::where.self", "condition", same, "self", sum, "other", APPLY("aten::zeros_like", "self", sum));
    eye = APPLY("aten::eq.Tensor", "self", APPLY("aten::arange", "end", pt2_call_int(c, 8)), "other",
                APPLY("aten::unsqueeze", "self", APPLY("aten::arange", "end", pt2_call_int(c, 8)), "dim", last));
    eye = APPLY("aten::to.dtype", "self", eye, "dtype", pt2_call_dtype(c, PT2_F32));
    const pt2_operand *y = APPLY("aten::mul.Tensor", "self", sum, "other", APPLY("aten::ones_like", "self", x));
    y = APPLY("aten::matmul", "self", y, "other", eye);
    y = APPLY("aten::linear", "input", y, "weight", eye);
    return APPLY("aten::addmm", "self", APPLY("aten::zeros", "size", INTS(8)), "mat1", y, "mat2", eye);
}

static void long_way(pt2_call *c, void *user)
{
    const pt2_operand *x = pt2_call_arg(c, "x"), *r = APPLY("aten::relu", "self", shapes(c, x)), *sizes[2];
    (void)user;
    r = APPLY("aten::mul.Tensor", "self", APPLY("aten::pow.Tensor_Scalar", "self", r, "exponent", pt2_call_int(c, 2)),
              "other", ones(c, x));
    r = APPLY("aten::mul.Scalar", "self", r, "other", pt2_call_float(c, 0.5));
    for (int k = 0; k < 2; k++)
        sizes[k] = pt2_call_size(c, r, k);
    /* one of ATen whose type is declared */
    const pt2_named_operand args[] = { { "self", r }, { "shifts", INTS(0) }, { "dims", INTS(0) } };
    const pt2_result_type type = { PT2_F32, 2, sizes };
    pt2_call_apply_many(c, "aten::roll", 3, args, 1, &type, &r);
    pt2_call_return(c, 0, r);
}

static void test_inference(void)
{
    pt2_operators *set;
    const pt2_custom_kernel row_norm = { .host = row_norm_host }, minmax = { .host = minmax_host };
    MUST(pt2_operators_create(&set));
    MUST(pt2_operators_add_lowering(set, "mylib::squared_relu.default", long_way, NULL));
    MUST(pt2_operators_add_lowering(set, "mylib::accumulate", accumulate, NULL));
    MUST(pt2_operators_add_kernel(set, "mylib::row_norm", &row_norm)); /* host functions alone, also for the device */
    MUST(pt2_operators_add_kernel(set, "mylib::minmax", &minmax));
    run_and_compare("reference", set);
    run_and_compare(device_name, set);
    pt2_operators_destroy(&set);
}

/* ---- refusals ---- */

typedef void set_maker(pt2_operators *set);

static void refuse(const char *backend, set_maker *maker, pt2_status status, const char *words)
{
    pt2_operators *set;
    pt2_model *model = NULL;
    MUST(pt2_operators_create(&set));
    if (maker)
        maker(set);
    pt2_status got = pt2_model_open(archive, &(pt2_model_params){ .backend = backend, .operators = set }, &model);
    if (got != status || !strstr(pt2_error_message(), words)) {
        printf("%s: %s\n  where \"%s\" was expected\n", pt2_status_name(got), pt2_error_message(), words);
        failures++;
    }
    pt2_model_destroy(&model);
    pt2_operators_destroy(&set);
}

static int mode;

static void broken(pt2_call *c, void *user)
{
    const pt2_operand *x = pt2_call_arg(c, "x");
    (void)user;
    switch (mode) {
    case 0: break; /* no result */
    case 1: pt2_call_return(c, 0, APPLY("aten::no_such_operator", "self", x)); break;
    case 2: pt2_call_return(c, 0, APPLY("aten::to.dtype", "self", x, "dtype", pt2_call_dtype(c, PT2_F16))); break;
    case 3: pt2_call_return(c, 0, APPLY("aten::fft_fft", "self", x)); break;
    case 4: pt2_call_fail(c, PT2_ERR_UNSUPPORTED, "scale is %g", pt2_operand_float(pt2_call_arg(c, "scale"), 1)); break;
    case 5: pt2_call_return(c, 0, APPLY("mylib::squared_relu", "x", x)); break;
    case 6: pt2_call_return(c, 0, APPLY("aten::relu_", "self", x)); break;
    default: pt2_call_return(c, 0, APPLY("aten::mul.Tensor", "self", x)); break;
    }
}

static void only_broken(pt2_operators *set)
{
    const pt2_custom_kernel row_norm = { .host = row_norm_host }, minmax = { .host = minmax_host };
    MUST(pt2_operators_add_lowering(set, "mylib::squared_relu", broken, NULL));
    MUST(pt2_operators_add_lowering(set, "mylib::accumulate", accumulate, NULL));
    MUST(pt2_operators_add_kernel(set, "mylib::row_norm", &row_norm));
    MUST(pt2_operators_add_kernel(set, "mylib::minmax", &minmax));
}

static void only_text(pt2_operators *set)
{
    const pt2_custom_kernel k = { .text = minmax_text }, row_norm = { .host = row_norm_host };
    MUST(pt2_operators_add_lowering(set, "mylib::squared_relu", squared_relu, NULL));
    MUST(pt2_operators_add_lowering(set, "mylib::accumulate", accumulate, NULL));
    MUST(pt2_operators_add_kernel(set, "mylib::row_norm", &row_norm));
    MUST(pt2_operators_add_kernel(set, "mylib::minmax", &k));
}

static void bad_text(pt2_operators *set)
{
    const pt2_custom_kernel k = { .text = "no_such_function(point);" }, row_norm = { .host = row_norm_host };
    MUST(pt2_operators_add_lowering(set, "mylib::squared_relu", squared_relu, NULL));
    MUST(pt2_operators_add_lowering(set, "mylib::accumulate", accumulate, NULL));
    MUST(pt2_operators_add_kernel(set, "mylib::row_norm", &row_norm));
    MUST(pt2_operators_add_kernel(set, "mylib::minmax", &k));
}

static pt2_status refusing_host(const pt2_host_call *call, void *user)
{
    (void)call, (void)user;
    return PT2_ERR_INPUT;
}

static void test_host_failure(void)
{
    const pt2_custom_kernel minmax = { .host = refusing_host }, row_norm = { .host = row_norm_host };
    pt2_operators *set;
    pt2_model *model;
    pt2_session *session;
    MUST(pt2_operators_create(&set));
    MUST(pt2_operators_add_lowering(set, "mylib::squared_relu", squared_relu, NULL));
    MUST(pt2_operators_add_lowering(set, "mylib::accumulate", accumulate, NULL));
    MUST(pt2_operators_add_kernel(set, "mylib::row_norm", &row_norm));
    MUST(pt2_operators_add_kernel(set, "mylib::minmax", &minmax));
    MUST(pt2_model_open(archive, &(pt2_model_params){ .backend = device_name, .operators = set }, &model));
    MUST(pt2_session_create(model, &session));
    CHECK(pt2_session_run(session) == PT2_ERR_INPUT);
    CHECK(strstr(pt2_error_message(), "node minmax (mylib.minmax.default) at ") != NULL);
    pt2_session_destroy(&session);
    pt2_model_destroy(&model);
    pt2_operators_destroy(&set);
}

static void test_refusals(void)
{
    static const char *const words[] = { "result 0 is not computed", "operator not supported", "result 0 is float16",
                                         "declare it", "scale is 0.5", "call each other", "in-place",
                                         "argument 'other' is missing" };
    static const pt2_status codes[] = { PT2_ERR_UNSUPPORTED, PT2_ERR_UNSUPPORTED, PT2_ERR_FORMAT, PT2_ERR_UNSUPPORTED,
                                        PT2_ERR_UNSUPPORTED, PT2_ERR_ARG, PT2_ERR_UNSUPPORTED, PT2_ERR_FORMAT };
    refuse("reference", NULL, PT2_ERR_UNSUPPORTED, "4 operators are not supported: mylib.squared_relu.default (node "
                                                   "squared_relu at ");
    refuse("reference", NULL, PT2_ERR_UNSUPPORTED, "mylib.accumulate.default (node accumulate at ");
    for (mode = 0; mode < (int)(sizeof words / sizeof *words); mode++)
        refuse("reference", only_broken, codes[mode], words[mode]);
    refuse("reference", only_text, PT2_ERR_UNSUPPORTED, "has no host function");
    refuse(device_name, bad_text, PT2_ERR_COMPILE, "minmax");
}

static void test_registration(void)
{
    const pt2_custom_kernel empty = { .inner_dims = 1 };
    pt2_operators *set;
    MUST(pt2_operators_create(&set));
    MUST(pt2_operators_add_lowering(set, "a::b", broken, NULL));
    CHECK(pt2_operators_add_lowering(set, "a::b", broken, NULL) == PT2_ERR_ARG);
    CHECK(pt2_operators_add_lowering(set, "a::b.Tensor", broken, NULL) == PT2_OK);
    CHECK(pt2_operators_add_lowering(set, "a.b", broken, NULL) == PT2_ERR_ARG);
    CHECK(pt2_operators_add_lowering(set, NULL, broken, NULL) == PT2_ERR_ARG);
    CHECK(pt2_operators_add_lowering(set, "a::c", NULL, NULL) == PT2_ERR_ARG);
    CHECK(pt2_operators_add_kernel(set, "a::c", &empty) == PT2_ERR_ARG);
    pt2_operators_destroy(&set);
    pt2_operators_destroy(&set);
}

int main(int argc, char **argv)
{
    open_device(argc, argv);
    MUST(pt2_npz_read(PT2_TEST_DATA "/custom_ops.npz", &expected));
    test_registration();
    test_example();
    test_sizes();
    test_inference();
    test_refusals();
    test_host_failure();
    pt2_npz_free(&expected);
    return close_device();
}
