/* SPDX-License-Identifier: MIT
 * LIBRARY nodes of the reference backend: each factorisation is multiplied out again, Fourier transforms are compared
 * with sums. */
#include "backend.h"
#include "kernel/kernel.h"

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct pt2_backend pt2_reference;

enum { MAX_VALUES = 5 };

static struct pt2_device *device;

/* ---- a node, its kernel and its memory ---- */

static struct fixture {
    struct pt2_node node;
    struct pt2_value values[MAX_VALUES], *pointers[MAX_VALUES];
    struct pt2_kernel kernel;
    struct pt2_kernel_buf bufs[MAX_VALUES];
    struct pt2_buf *memory[MAX_VALUES];
    struct pt2_binding bindings[MAX_VALUES];
    int32_t dims[32];
} f;

static void begin(enum pt2_library library, int64_t iparam0, int64_t iparam1)
{
    memset(&f, 0, sizeof f);
    f.node.kind = PT2_NODE_LIBRARY;
    f.node.library = library;
    f.node.iparam[0] = iparam0;
    f.node.iparam[1] = iparam1;
    f.node.args = f.pointers;
    f.kernel = (struct pt2_kernel){ .name = "lib", .bufs = f.bufs, .library = &f.node };
}

/* Arguments first. Returns the host address of the values. */
static void *value(pt2_dtype t, bool out, int rank, ...)
{
    int n = f.kernel.num_bufs++;
    uint64_t size = pt2_dtype_size(t);
    va_list ap;
    va_start(ap, rank);
    for (int i = 0; i < rank; i++) {
        f.dims[f.kernel.num_params] = va_arg(ap, int);
        size *= (uint64_t)f.dims[f.kernel.num_params++];
    }
    va_end(ap);
    f.values[n] = (struct pt2_value){ .dtype = t, .rank = rank };
    f.pointers[n] = &f.values[n];
    f.bufs[n] = (struct pt2_kernel_buf){ .dtype = t, .read = !out, .write = out };
    f.node.num_args += !out;
    f.node.num_outs += out;
    assert_int_equal(pt2_reference.buf_create(device, size ? size : 8, &f.memory[n]), PT2_OK);
    f.bindings[n] = (struct pt2_binding){ f.memory[n], 0, size };
    return pt2_reference.buf_map(device, f.memory[n]);
}

static pt2_status run(void)
{
    const struct pt2_kernel *kernel = &f.kernel;
    struct pt2_program_obj *program;
    struct pt2_exec *exec;
    uint64_t point;
    f.node.outs = f.pointers + f.node.num_args;
    pt2_status status = pt2_reference.compile(device, &kernel, 1, NULL, &program);
    if (status != PT2_OK)
        return status;
    struct pt2_launch l = { .program = program, .bindings = f.bindings, .params = f.dims, .points = 1 };
    assert_int_equal(pt2_reference.exec_create(device, &l, 1, false, &exec), PT2_OK);
    status = pt2_reference.submit(device, exec, 0, &point);
    pt2_reference.exec_destroy(device, exec);
    pt2_reference.program_destroy(device, program);
    return status;
}

static void ok(void)
{
    pt2_status status = run();
    if (status != PT2_OK)
        fail_msg("%s: %s", pt2_status_name(status), pt2_error_message());
}

static void end(void)
{
    for (int i = 0; i < f.kernel.num_bufs; i++)
        pt2_reference.buf_destroy(device, f.memory[i]);
}

static double noise(int64_t i)
{
    uint64_t x = (uint64_t)i * 6364136223846793005u + 1442695040888963407u;
    x ^= x >> 33;
    return (double)((x * 0xff51afd7ed558ccdu) >> 40) / 8388608.0 - 1;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-10 * (1 + fabs(want))))
        fail_msg("%.17g is not %.17g", got, want);
}

/* want[m, n] = a[m, k] b[k, n] */
static void is_product(int m, int k, int n, const double *a, const double *b, const double *want)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double s = 0;
            for (int r = 0; r < k; r++)
                s += a[i * k + r] * b[r * n + j];
            near(s, want[i * n + j]);
        }
}

static void has_orthonormal_columns(int m, int n, const double *q)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double s = 0;
            for (int r = 0; r < m; r++)
                s += q[r * n + i] * q[r * n + j];
            near(s, i == j);
        }
}

static void fill(double *d, int n, int seed)
{
    for (int i = 0; i < n; i++)
        d[i] = noise(i + 1000 * seed);
}

/* ---- Fourier ---- */

static void fourier(int batch, int n, bool inverse)
{
    begin(PT2_LIB_FFT, inverse, 0);
    double *in = value(PT2_F64, false, 3, batch, n, 2), *out = value(PT2_F64, true, 3, batch, n, 2);
    fill(in, 2 * n * batch, n);
    ok();
    for (int b = 0; b < batch; b++)
        for (int k = 0; k < n; k += n > 200 ? 37 : 1) {
            double complex s = 0;
            for (int j = 0; j < n; j++) {
                double x = (inverse ? 2 : -2) * 3.14159265358979323846 * (double)((int64_t)j * k % n) / n;
                s += (in[2 * (b * n + j)] + in[2 * (b * n + j) + 1] * I) * (cos(x) + sin(x) * I);
            }
            near(out[2 * (b * n + k)], creal(s));
            near(out[2 * (b * n + k) + 1], cimag(s));
        }
    end();
}

static void test_fft(void **state)
{
    static const int lengths[] = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 30, 31, 37, 74, 97, 100, 128,
                                  360, 400, 1009, 2310, 4096 };
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        fourier(i % 3 ? 1 : 40, lengths[i], i & 1);
    fourier(2, 0, false);
}

/* ---- factorisations ---- */

static void cholesky(int n, bool upper)
{
    begin(PT2_LIB_CHOLESKY, upper, 0);
    double *a = value(PT2_F64, false, 2, n, n), *l = value(PT2_F64, true, 2, n, n);
    int32_t *info = value(PT2_I32, true, 0);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i * n + j] = noise(i < j ? i * n + j : j * n + i) + (i == j ? 2 * n : 0);
    ok();
    assert_int_equal(*info, 0);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double s = 0;
            for (int k = 0; k < n; k++)
                s += upper ? l[k * n + i] * l[k * n + j] : l[i * n + k] * l[j * n + k];
            near(s, a[i * n + j]);
            assert_true((upper ? i <= j : i >= j) || l[i * n + j] == 0);
        }
    a[(n - 1) * n + n - 1] = -1e6;
    ok();
    assert_int_equal(*info, n);
    end();
}

static void test_cholesky(void **state)
{
    (void)state;
    cholesky(1, false);
    cholesky(17, false);
    cholesky(20, true);
}

static void lu(int m, int n)
{
    int k = m < n ? m : n;
    begin(PT2_LIB_LU, 0, 0);
    double *a = value(PT2_F64, false, 3, 2, m, n), *out = value(PT2_F64, true, 3, 2, m, n);
    int32_t *pivots = value(PT2_I32, true, 2, 2, k), *info = value(PT2_I32, true, 1, 2);
    fill(a, 2 * m * n, m);
    ok();
    for (int b = 0; b < 2; b++) {
        const double *f2 = out + b * m * n;
        double *p = malloc(sizeof *p * (size_t)(m * n));
        memcpy(p, a + b * m * n, sizeof *p * (size_t)(m * n));
        for (int i = 0; i < k; i++)
            for (int j = 0; j < n; j++) {
                double t = p[i * n + j];
                int other = pivots[b * k + i] - 1;
                p[i * n + j] = p[other * n + j];
                p[other * n + j] = t;
            }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                double s = 0;
                for (int r = 0; r <= i && r <= j && r < k; r++)
                    s += (r == i ? 1 : f2[i * n + r]) * f2[r * n + j];
                near(s, p[i * n + j]);
            }
        assert_int_equal(info[b], 0);
        free(p);
    }
    end();
}

static void test_lu(void **state)
{
    (void)state;
    lu(1, 1);
    lu(12, 12);
    lu(9, 5);
    lu(5, 9);
    begin(PT2_LIB_LU, 0, 0);
    double *a = value(PT2_F64, false, 2, 2, 2);
    value(PT2_F64, true, 2, 2, 2);
    value(PT2_I32, true, 1, 2);
    int32_t *info = value(PT2_I32, true, 0);
    memcpy(a, (double[]){ 1, 2, 2, 4 }, sizeof(double[4]));
    ok();
    assert_int_equal(*info, 2);
    end();
}

static void qr(int m, int n, bool full)
{
    int k = full ? m : m < n ? m : n;
    begin(PT2_LIB_QR, 0, 0);
    double *a = value(PT2_F64, false, 2, m, n), *q = value(PT2_F64, true, 2, m, k), *r = value(PT2_F64, true, 2, k, n);
    fill(a, m * n, m);
    ok();
    is_product(m, k, n, q, r, a);
    has_orthonormal_columns(m, k, q);
    assert_true(m == 1 || r[0] * a[0] < 0); /* LAPACK's sign */
    end();
}

static void test_qr(void **state)
{
    (void)state;
    qr(1, 1, false);
    qr(8, 8, false);
    qr(20, 6, false);
    qr(20, 6, true);
    qr(6, 20, false);
}

static void test_householder(void **state)
{
    enum { M = 6, N = 4 };
    (void)state;
    begin(PT2_LIB_HOUSEHOLDER, 0, 0);
    double *a = value(PT2_F64, false, 2, M, N), *tau = value(PT2_F64, false, 1, N), *q = value(PT2_F64, true, 2, M, N);
    fill(a, M * N, 3);
    for (int j = 0; j < N; j++) {
        double s = 1;
        for (int i = j + 1; i < M; i++)
            s += a[i * N + j] * a[i * N + j];
        tau[j] = 2 / s; /* a true reflection */
    }
    ok();
    has_orthonormal_columns(M, N, q);
    near(q[0], 1 - tau[0]);
    end();
}

static void solve(int n, int r, bool upper, bool unit)
{
    begin(PT2_LIB_TRIANGULAR_SOLVE, upper, unit);
    double *a = value(PT2_F64, false, 2, n, n), *b = value(PT2_F64, false, 2, n, r), *x = value(PT2_F64, true, 2, n, r);
    fill(a, n * n, 1);
    fill(b, n * r, 2);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i * n + j] = i == j ? 2 + a[i * n + j] : a[i * n + j] / n;
    ok();
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i * n + j] = i == j ? (unit ? 1 : a[i * n + j]) : (upper ? j > i : j < i) ? a[i * n + j] : 0;
    is_product(n, n, r, a, x, b);
    end();
}

static void test_solve(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        solve(13, 1 + 3 * i, i & 1, i & 2);
}

static void eigh(int n, int kind)
{
    begin(PT2_LIB_EIGH, 0, 0);
    double *a = value(PT2_F64, false, 2, n, n), *w = value(PT2_F64, true, 1, n), *v = value(PT2_F64, true, 2, n, n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            a[i * n + j] = a[j * n + i] = kind == 0 ? noise(i * n + j) : kind == 1 ? (i == j) * (1 + i % 3) : 1;
    ok();
    has_orthonormal_columns(n, n, v);
    for (int j = 0; j < n; j++) {
        assert_true(!j || w[j - 1] <= w[j]);
        for (int i = 0; i < n; i++) {
            double s = 0;
            for (int k = 0; k < n; k++)
                s += a[i * n + k] * v[k * n + j];
            near(s, w[j] * v[i * n + j]);
        }
    }
    end();
}

static void test_eigh(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        eigh(1, kind);
        eigh(2, kind);
        eigh(3, kind);
        eigh(40, kind);
    }
}

static void svd(int m, int n, bool full, int rank)
{
    int k = m < n ? m : n, uc = full ? m : k, vr = full ? n : k;
    begin(PT2_LIB_SVD, 0, 0);
    double *a = value(PT2_F64, false, 2, m, n), *u = value(PT2_F64, true, 2, m, uc), *s = value(PT2_F64, true, 1, k);
    double *vh = value(PT2_F64, true, 2, vr, n);
    memset(a, 0, sizeof *a * (size_t)(m * n));
    for (int r = 0; r < rank; r++)
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++)
                a[i * n + j] += noise(i * 31 + r) * noise(j * 17 + r + 500);
    ok();
    has_orthonormal_columns(m, uc, u);
    for (int i = 0; i < k; i++)
        assert_true(s[i] >= 0 && (!i || s[i - 1] >= s[i]));
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int r = 0; r < k; r++)
                sum += u[i * uc + r] * s[r] * vh[r * n + j];
            near(sum, a[i * n + j]);
        }
    for (int i = 0; i < vr; i++)
        for (int j = 0; j < vr; j++) {
            double dot = 0;
            for (int r = 0; r < n; r++)
                dot += vh[i * n + r] * vh[j * n + r];
            near(dot, i == j);
        }
    end();
}

static void test_svd(void **state)
{
    (void)state;
    svd(1, 1, false, 1);
    svd(8, 8, false, 8);
    svd(12, 5, false, 5);
    svd(5, 12, false, 5);
    svd(12, 5, true, 5);
    svd(5, 12, true, 5);
    svd(8, 6, false, 3); /* deficient */
    svd(6, 8, true, 2);
    svd(4, 4, false, 0);
}

static void eig(int n, bool is_complex, int kind)
{
    begin(PT2_LIB_EIG, is_complex, 0);
    double *a = is_complex ? value(PT2_F64, false, 3, n, n, 2) : value(PT2_F64, false, 2, n, n);
    double *w = value(PT2_F64, true, 2, n, 2), *v = value(PT2_F64, true, 3, n, n, 2);
    fill(a, n * n * (is_complex ? 2 : 1), n);
    for (int i = 0; i < n * n && kind && !is_complex; i++)
        a[i] = kind == 1 ? i / n == (i % n + 1) % n : i / n == i % n; /* a cycle; the identity */
    ok();
    for (int k = 0; k < n; k++) {
        double norm = 0;
        for (int i = 0; i < n; i++) {
            double complex s = 0, x = v[2 * (i * n + k)] + v[2 * (i * n + k) + 1] * I;
            for (int j = 0; j < n; j++) {
                double complex e = is_complex ? a[2 * (i * n + j)] + a[2 * (i * n + j) + 1] * I : a[i * n + j];
                s += e * (v[2 * (j * n + k)] + v[2 * (j * n + k) + 1] * I);
            }
            s -= (w[2 * k] + w[2 * k + 1] * I) * x;
            near(creal(s), 0);
            near(cimag(s), 0);
            norm += creal(x * conj(x));
        }
        near(norm, 1);
        assert_true(is_complex || w[2 * k + 1] <= 0 || w[2 * k + 3] == -w[2 * k + 1]);
    }
    end();
}

static void test_eig(void **state)
{
    (void)state;
    for (int n = 1; n < 30; n = n * 2 + 1)
        for (int kind = 0; kind < 4; kind++)
            eig(n, kind == 3, kind);
}

/* ---- float buffers, wrong shapes ---- */

static void test_shapes(void **state)
{
    (void)state;
    begin(PT2_LIB_CHOLESKY, 0, 0);
    value(PT2_F32, false, 2, 3, 4);
    value(PT2_F32, true, 2, 3, 4);
    assert_int_equal(run(), PT2_ERR_INTERNAL);
    end();
    begin(PT2_LIB_LDL, 0, 0);
    value(PT2_F32, false, 2, 3, 4);
    value(PT2_F32, true, 2, 3, 4);
    assert_int_equal(run(), PT2_ERR_INTERNAL);
    end();
    begin(PT2_LIB_CHOLESKY, 0, 0);
    float *a = value(PT2_F32, false, 2, 1, 1), *l = value(PT2_F32, true, 2, 1, 1);
    *a = 9;
    ok();
    assert_true(*l == 3);
    end();
}

static int setup(void **state)
{
    (void)state;
    return pt2_reference.open(0, &device) == PT2_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pt2_reference.close(device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fft), cmocka_unit_test(test_cholesky), cmocka_unit_test(test_lu),
        cmocka_unit_test(test_qr), cmocka_unit_test(test_householder), cmocka_unit_test(test_solve),
        cmocka_unit_test(test_eigh),
        cmocka_unit_test(test_svd), cmocka_unit_test(test_eig), cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
