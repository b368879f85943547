/* SPDX-License-Identifier: MIT
 * Finds libOpenCL and fills the table of functions. The library stays open as long as the process: drivers start
 * threads that do not survive being unloaded. */
#include "loader.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct ocl_functions ocl;

/* The macro's lines are ours; a slip in one of them would be a wrong call at run time. */
#define X(result, name, args)                                                                                         \
    _Static_assert(_Generic(&name, result(CL_API_CALL *) args: 1, default: 0), #name " differs from CL/cl.h");
OCL_FUNCTIONS(X)
#undef X

static const struct {
    const char *name;
    size_t offset;
} slots[] = {
#define X(result, name, args) { #name, offsetof(struct ocl_functions, name) },
    OCL_FUNCTIONS(X)
#undef X
};

static bool loaded;

static void load(void)
{
    static const char *const names[] = { "libOpenCL.so.1", "libOpenCL.so",
                                         "/System/Library/Frameworks/OpenCL.framework/OpenCL" };
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        void *symbol = dlsym(library, slots[i].name);
        if (!symbol)
            return; /* older than OpenCL 1.2 */
        memcpy((char *)&ocl + slots[i].offset, &symbol, sizeof symbol);
    }
    loaded = true;
}

bool ocl_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded;
}

static const struct {
    cl_int code;
    const char *name;
} errors[] = {
#define E(code) { code, #code },
    E(CL_DEVICE_NOT_FOUND) E(CL_DEVICE_NOT_AVAILABLE) E(CL_COMPILER_NOT_AVAILABLE)
    E(CL_MEM_OBJECT_ALLOCATION_FAILURE) E(CL_OUT_OF_RESOURCES) E(CL_OUT_OF_HOST_MEMORY)
    E(CL_PROFILING_INFO_NOT_AVAILABLE) E(CL_MEM_COPY_OVERLAP) E(CL_BUILD_PROGRAM_FAILURE)
    E(CL_MISALIGNED_SUB_BUFFER_OFFSET) E(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
    E(CL_COMPILE_PROGRAM_FAILURE) E(CL_LINKER_NOT_AVAILABLE) E(CL_LINK_PROGRAM_FAILURE)
    E(CL_INVALID_VALUE) E(CL_INVALID_DEVICE_TYPE) E(CL_INVALID_PLATFORM) E(CL_INVALID_DEVICE) E(CL_INVALID_CONTEXT)
    E(CL_INVALID_QUEUE_PROPERTIES) E(CL_INVALID_COMMAND_QUEUE) E(CL_INVALID_HOST_PTR) E(CL_INVALID_MEM_OBJECT)
    E(CL_INVALID_BINARY) E(CL_INVALID_BUILD_OPTIONS) E(CL_INVALID_PROGRAM) E(CL_INVALID_PROGRAM_EXECUTABLE)
    E(CL_INVALID_KERNEL_NAME) E(CL_INVALID_KERNEL_DEFINITION) E(CL_INVALID_KERNEL) E(CL_INVALID_ARG_INDEX)
    E(CL_INVALID_ARG_VALUE) E(CL_INVALID_ARG_SIZE) E(CL_INVALID_KERNEL_ARGS) E(CL_INVALID_WORK_DIMENSION)
    E(CL_INVALID_WORK_GROUP_SIZE) E(CL_INVALID_WORK_ITEM_SIZE) E(CL_INVALID_GLOBAL_OFFSET)
    E(CL_INVALID_EVENT_WAIT_LIST) E(CL_INVALID_EVENT) E(CL_INVALID_OPERATION) E(CL_INVALID_BUFFER_SIZE)
    E(CL_INVALID_GLOBAL_WORK_SIZE) E(CL_INVALID_PROPERTY)
    { -1001, "CL_PLATFORM_NOT_FOUND_KHR" },
#undef E
};

const char *ocl_error_name(cl_int error)
{
    static _Thread_local char unknown[24];
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == error)
            return errors[i].name;
    snprintf(unknown, sizeof unknown, "error %d", (int)error);
    return unknown;
}
