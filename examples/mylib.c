/* SPDX-License-Identifier: MIT
 * The operators of tests/data/custom_ops.pt2, told to pt2gpu: two lowerings and two kernels. See pt2gpu_custom.h. */
#include "mylib.h"

#include <math.h>

/* squared_relu(Tensor x, float scale=1.0): relu(x) * relu(x) * scale */
static void squared_relu(pt2_call *c, void *user)
{
    const pt2_operand *scale = pt2_call_arg(c, "scale");
    (void)user;
    const pt2_operand *r = pt2_call_apply(c, "aten::relu", "self", pt2_call_arg(c, "x"), NULL);
    r = pt2_call_apply(c, "aten::mul.Tensor", "self", r, "other", r, NULL);
    if (scale)
        r = pt2_call_apply(c, "aten::mul.Scalar", "self", r, "other", scale, NULL);
    pt2_call_return(c, 0, r);
}

/* accumulate(Tensor(a!) state, Tensor x): state += mean of x over its first dimension */
static void accumulate(pt2_call *c, void *user)
{
    const pt2_operand *state = pt2_call_arg(c, "state");
    const int64_t first[] = { 0 };
    (void)user;
    const pt2_operand *mean = pt2_call_apply(c, "aten::mean.dim", "self", pt2_call_arg(c, "x"), "dim",
                                             pt2_call_ints(c, 1, first), NULL);
    pt2_call_write(c, state, pt2_call_apply(c, "aten::add.Tensor", "self", state, "other", mean, NULL));
}

/* row_norm(Tensor x, Tensor? weight, float eps, int power): x / (sum of |x|^power over the row + eps) * weight.
 * Eight invocations share a row. */
static const char row_norm_text[] =
    "int n = size_x_1, first = point * n;\n"
    "float sum = 0.0f;\n"
    "for (int i = LOCAL_ID(); i < n; i += 8)\n"
    "    sum += pt_pow_f32(pt_abs_f32(ld_x(first + i)), pt_cvt_i32_f32(arg_power));\n"
    "part[LOCAL_ID()] = sum;\n"
    "BARRIER();\n"
    "sum = arg_eps;\n"
    "for (int i = 0; i < 8; i++)\n"
    "    sum += part[i];\n"
    "for (int i = LOCAL_ID(); i < n; i += 8) {\n"
    "    float v = ld_x(first + i) / sum;\n"
    "#if has_weight\n"
    "    v *= ld_weight(i);\n"
    "#endif\n"
    "    st_out(first + i, v);\n"
    "}\n";

static pt2_status row_norm_host(const pt2_host_call *call, void *user)
{
    const float *x = call->args[0].data, *weight = call->args[1].data;
    float *out = call->results[0].data;
    int64_t rows = call->args[0].shape[0], n = call->args[0].shape[1];
    double eps = pt2_host_float(call, "eps", 0), power = pt2_host_float(call, "power", 2);
    (void)user;
    if (call->args[0].dtype != PT2_F32)
        return PT2_ERR_UNSUPPORTED;
    for (int64_t r = 0; r < rows; r++, x += n, out += n) {
        double sum = eps;
        for (int64_t i = 0; i < n; i++)
            sum += pow(fabs((double)x[i]), power);
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)((double)x[i] / sum * (weight ? (double)weight[i] : 1.0));
    }
    return PT2_OK;
}

/* minmax(Tensor[] xs, int[] pads) -> Tensor[]: over two tensors and their rows, widened by pads */
static const char minmax_text[] =
    "int n = size_xs_0_1;\n"
    "float low = ld_xs_0(point * n), high = low;\n"
    "for (int i = 0; i < n; i++) {\n"
    "    float a = ld_xs_0(point * n + i), b = ld_xs_1(point * n + i);\n"
    "    low = pt_min_f32(low, pt_min_f32(a, b));\n"
    "    high = pt_max_f32(high, pt_max_f32(a, b));\n"
    "}\n"
    "st_out_0(point, low - pt_cvt_i32_f32(arg_pads_0));\n"
    "st_out_1(point, high + pt_cvt_i32_f32(arg_pads_1));\n";

static pt2_status minmax_host(const pt2_host_call *call, void *user)
{
    int64_t rows = call->results[0].shape[0], n = call->args[0].shape[1];
    float *low = call->results[0].data, *high = call->results[1].data;
    (void)user;
    for (int64_t r = 0; r < rows; r++) {
        low[r] = INFINITY;
        high[r] = -INFINITY;
        for (int64_t i = 0; i < 2 * n; i++) {
            float v = ((const float *)call->args[i / n].data)[r * n + i % n];
            low[r] = fminf(low[r], v);
            high[r] = fmaxf(high[r], v);
        }
        low[r] -= (float)pt2_host_int(call, "pads[0]", 0);
        high[r] += (float)pt2_host_int(call, "pads[1]", 0);
    }
    return PT2_OK;
}

pt2_status mylib_operators(pt2_operators **out_operators)
{
    const pt2_custom_kernel row_norm = { .text = row_norm_text, .inner_dims = 1, .group_size = 8,
                                         .shared = "SHARED(float, part, 8);", .host = row_norm_host };
    const pt2_custom_kernel minmax = { .text = minmax_text, .host = minmax_host };
    pt2_status status = pt2_operators_create(out_operators);
    if (status == PT2_OK)
        status = pt2_operators_add_lowering(*out_operators, "mylib::squared_relu", squared_relu, NULL);
    if (status == PT2_OK)
        status = pt2_operators_add_lowering(*out_operators, "mylib::accumulate", accumulate, NULL);
    if (status == PT2_OK)
        status = pt2_operators_add_kernel(*out_operators, "mylib::row_norm", &row_norm);
    if (status == PT2_OK)
        status = pt2_operators_add_kernel(*out_operators, "mylib::minmax", &minmax);
    if (status != PT2_OK)
        pt2_operators_destroy(out_operators);
    return status;
}
