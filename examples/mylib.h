/* SPDX-License-Identifier: MIT */
#ifndef MYLIB_H
#define MYLIB_H

#include <pt2gpu_custom.h>

/* The set of mylib's operators; the caller destroys it. */
pt2_status mylib_operators(pt2_operators **out_operators);

#endif
