/* SPDX-License-Identifier: MIT
 *
 * OpenCL opened at run time: `ocl.clFlush(queue)` calls what libOpenCL.so.1 has, and nothing is linked.
 */
#ifndef PT2_OPENCL_LOADER_H
#define PT2_OPENCL_LOADER_H

#undef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120 /* nothing newer is called */
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include "functions.h"

#include <stdbool.h>

struct ocl_functions {
#define X(result, name, args) result(CL_API_CALL *name) args;
    OCL_FUNCTIONS(X)
#undef X
};

/* Complete after ocl_load has returned true. */
extern struct ocl_functions ocl;

/* Opens the library at the first call; false when there is none or a function is missing. Thread-safe. */
bool ocl_load(void);

/* "CL_OUT_OF_RESOURCES"; "error -1234" for what is not known. Static or thread-local text. */
const char *ocl_error_name(cl_int error);

#endif
