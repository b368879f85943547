/* SPDX-License-Identifier: MIT
 *
 * LIBRARY nodes in the reference backend: whole algorithms, per matrix (or vector) of a batch, in double whatever the
 * buffers are.
 *
 * Matrices are row-major. The values of a node are its arguments, then its outputs; leading dimensions are the batch,
 * the same for all values. Outputs that a node does not have are not written; so a node may leave out trailing ones.
 *
 *   algorithm         arguments            outputs                                iparam
 *   FFT               x [n, 2]             X [n, 2], unnormalised                 [0]: inverse
 *   CHOLESKY          A [n, n], its lower  L [n, n], info []                      [0]: upper: reads that, gives U
 *   LU                A [m, n]             LU [m, n], pivots [k] from 1, info []
 *   QR                A [m, n]             Q [m, k], R [k, n]; or Q [m, m], R [m, n]
 *   EIGH              A [n, n], its lower  w [n] ascending, V [n, n] columns      [0]: reads the upper triangle
 *   EIG               A [n, n]             w [n, 2], V [n, n, 2] columns          [0]: A is complex, [n, n, 2]
 *   SVD               A [m, n]             U [m, k], S [k], Vh [k, n]; or U [m, m], Vh [n, n]
 *   TRIANGULAR_SOLVE  A [n, n], B [n, r]   X [n, r] with A X = B                  [0]: upper, [1]: unit diagonal
 *   HOUSEHOLDER       A [m, n], tau [j]    Q [m, n]
 *   LDL               A [n, n], its lower  LD [n, n], pivots [n], info []
 *   LDL_SOLVE         LD, pivots, B [n, r] X [n, r]
 *   GEQRF             A [m, n]             R and reflections [m, n], tau [k]
 *
 * All but FFT, EIG and LDL take complex matrices too, as iparam[2] says: then all values but info, pivots, w and S have
 * a last dimension of 2 more.
 *
 * k = min(m, n). info and pivots are int32; info > 0 is the place, from 1, of the pivot that is zero (CHOLESKY: not
 * positive).
 */
#ifndef PT2_REFERENCE_LIBRARY_H
#define PT2_REFERENCE_LIBRARY_H

#include "ref.h"

enum { REF_MAX_VALUES = 6 };

struct ref_lib {
    const struct pt2_node *node;
    struct ref_value {
        const struct ref_view *view;
        const int32_t *dims;
        int rank;
        int64_t item; /* elements of one item of the batch */
    } values[REF_MAX_VALUES];
    int num_values, num_args;
    int64_t batch;
    void *plan; /* what `prepare` made */
};

struct ref_algorithm {
    const char *name;
    int num_args, num_outs;
    int rank[REF_MAX_VALUES]; /* of one item of each value (EIG of complex matrices: one more for the argument) */
    /* Optional: once per call, before the items. */
    pt2_status (*prepare)(struct ref_lib *l);
    void (*release)(struct ref_lib *l);
    /* Checks the sizes of an item; false: the node's shapes are wrong. */
    bool (*fits)(const struct ref_lib *l);
    /* Doubles of work space for one item. */
    int64_t (*space)(const struct ref_lib *l);
    void (*run)(const struct ref_lib *l, int64_t item, double *space);
};

extern const struct ref_algorithm ref_fft, ref_cholesky, ref_lu, ref_qr, ref_eigh, ref_eig, ref_svd,
    ref_triangular_solve, ref_householder, ref_ldl, ref_ldl_solve, ref_geqrf;
extern const struct ref_algorithm ref_complex_cholesky, ref_complex_lu, ref_complex_qr, ref_complex_eigh,
    ref_complex_svd, ref_complex_triangular_solve, ref_complex_householder, ref_complex_geqrf;

/* Dimension k of an item of a value. */
int64_t ref_lib_dim(const struct ref_lib *l, int value, int k);
void ref_lib_read(const struct ref_lib *l, int value, int64_t item, double *out);
/* Nothing happens when the node has no such output. */
void ref_lib_write(const struct ref_lib *l, int out, int64_t item, const double *v);
void ref_lib_write_int(const struct ref_lib *l, int out, int64_t item, int64_t at, int64_t v);

/* Householder reflections, shared by QR, HOUSEHOLDER and SVD. Matrices are column-major. */
void ref_qr_factor(int64_t m, int64_t n, double *a, double *tau);
/* The first `cols` columns of the product of the reflections that are below the diagonal of a [m, ..]. */
void ref_qr_form(int64_t m, const double *a, int64_t reflections, const double *tau, int64_t cols, double *q);
/* out [n, m] = a [m, n] transposed. */
void ref_transpose(int64_t m, int64_t n, const double *a, double *out);

#endif
