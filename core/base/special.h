/* SPDX-License-Identifier: MIT
 *
 * Functions that C's library does not have, in double, as the reference for all backends. NaN, infinities and poles as
 * PyTorch has them.
 */
#ifndef PT2_BASE_SPECIAL_H
#define PT2_BASE_SPECIAL_H

#include <stdint.h>

double pt2_erfinv(double x);
double pt2_digamma(double x);
double pt2_igamma(double a, double x);  /* regularised lower incomplete gamma function */
double pt2_igammac(double a, double x); /* upper */
double pt2_zeta(double s, double q);    /* Hurwitz */
double pt2_log_add_exp(double a, double b);
/* Uniform in [0, 1): Philox4x32-10, as PT2_E_RANDOM defines it. */
float pt2_random(int64_t seed, int64_t counter);

#endif
