/* SPDX-License-Identifier: MIT
 * Devices: the list is made once, over all platforms in the loader's order, and what a device can do is asked from
 * OpenCL only, with one exception (is_pocl). Devices below OpenCL 1.2, without a compiler, or with
 * another byte order than the host's are left out. */
#include "opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEVICES = 32, MAX_PLATFORMS = 16 };

#define PREFERRED_GROUP_MULTIPLE 0x1067 /* CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE of OpenCL 3.0 */

struct found {
    cl_device_id id;
    struct pt2_device_desc desc;
    char options[128];
    size_t max_arg_bytes, wrap_align;
    bool lazy_binaries, widens_alone;
};

static struct found found[MAX_DEVICES];
static int num_found;

/* ---- errors ---- */

static pt2_status classify(cl_int error)
{
    switch (error) {
    case CL_OUT_OF_HOST_MEMORY:
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_INVALID_BUFFER_SIZE:
    case CL_OUT_OF_RESOURCES:
        return PT2_ERR_NOMEM;
    case CL_DEVICE_NOT_AVAILABLE:
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST: /* a command ended abnormally: what it wrote is undefined */
        return PT2_ERR_DEVICE_LOST;
    case CL_BUILD_PROGRAM_FAILURE:
    case CL_INVALID_BINARY:
    case CL_INVALID_BUILD_OPTIONS:
    case CL_COMPILER_NOT_AVAILABLE:
        return PT2_ERR_COMPILE;
    default:
        return PT2_ERR_DEVICE;
    }
}

pt2_status ocl_fail(struct ocl_device *dev, cl_int error, const char *call)
{
    pt2_status status = classify(error);
    if (dev && status == PT2_ERR_DEVICE_LOST)
        atomic_store(&dev->lost, true);
    return pt2_fail(status, "OpenCL%s%s: %s failed with %s", dev ? ", " : "", dev ? dev->base.desc.name : "", call,
                    ocl_error_name(error));
}

pt2_status ocl_alive(struct ocl_device *dev)
{
    if (!atomic_load(&dev->lost))
        return PT2_OK;
    return pt2_fail(PT2_ERR_DEVICE_LOST, "OpenCL, %s: the device was lost", dev->base.desc.name);
}

/* ---- questions; 0 and "" for what a driver does not know ---- */

static cl_uint get_uint(cl_device_id id, cl_device_info what)
{
    cl_uint v = 0;
    return ocl.clGetDeviceInfo(id, what, sizeof v, &v, NULL) ? 0 : v;
}

static cl_ulong get_ulong(cl_device_id id, cl_device_info what)
{
    cl_ulong v = 0;
    return ocl.clGetDeviceInfo(id, what, sizeof v, &v, NULL) ? 0 : v;
}

static size_t get_size(cl_device_id id, cl_device_info what)
{
    size_t v = 0;
    return ocl.clGetDeviceInfo(id, what, sizeof v, &v, NULL) ? 0 : v;
}

static void get_text(cl_device_id id, cl_device_info what, char *text, size_t size)
{
    char full[8192];
    if (ocl.clGetDeviceInfo(id, what, sizeof full, full, NULL))
        full[0] = 0;
    full[sizeof full - 1] = 0;
    snprintf(text, size, "%.*s", (int)size - 1, full);
}

static bool has_extension(cl_device_id id, const char *name)
{
    char all[8192];
    size_t len = strlen(name);
    get_text(id, CL_DEVICE_EXTENSIONS, all, sizeof all);
    for (const char *p = all; (p = strstr(p, name)); p += len)
        if ((p == all || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
            return true;
    return false;
}

/* ---- the list ---- */

/* 12 is 1.2; 0: it does not tell. */
static int version_of(cl_device_id id)
{
    char version[128];
    int major = 0, minor = 0;
    get_text(id, CL_DEVICE_VERSION, version, sizeof version);
    return sscanf(version, "OpenCL %d.%d", &major, &minor) == 2 ? major * 10 + minor : 0;
}

static bool usable(cl_device_id id)
{
    static const uint16_t one = 1;
    return version_of(id) >= 12 && get_uint(id, CL_DEVICE_AVAILABLE) &&
           get_uint(id, CL_DEVICE_COMPILER_AVAILABLE) &&
           (get_uint(id, CL_DEVICE_ENDIAN_LITTLE) != 0) == (*(const uint8_t *)&one == 1);
}

static enum pt2_device_kind kind_of(cl_device_id id)
{
    cl_ulong type = get_ulong(id, CL_DEVICE_TYPE);
    if (type & CL_DEVICE_TYPE_CPU)
        return PT2_KIND_CPU;
    if (type & CL_DEVICE_TYPE_GPU)
        return get_uint(id, CL_DEVICE_HOST_UNIFIED_MEMORY) ? PT2_KIND_INTEGRATED : PT2_KIND_DISCRETE;
    return PT2_KIND_OTHER;
}

/* Lanes of a vector register, if texts with explicit vectors are what the compiler is made for; else 1. */
static int vector_width(cl_device_id id)
{
    cl_uint native = get_uint(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    cl_uint preferred = get_uint(id, CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT);
    cl_uint width = native > preferred ? native : preferred;
    return width ? (int)width : 1;
}

/* What the driver likes groups to be a multiple of; 32 when it does not say. */
static int group_multiple(cl_device_id id)
{
    size_t multiple = get_size(id, PREFERRED_GROUP_MULTIPLE);
    return multiple ? (int)multiple : 32;
}

/* Signed by signed, in words. Their text needs OpenCL C 3.0. */
static void find_dots(cl_device_id id, struct pt2_caps *caps)
{
    cl_device_integer_dot_product_acceleration_properties_khr fast = { 0 };
    caps->dot_bytes = version_of(id) >= 30 && has_extension(id, "cl_khr_integer_dot_product") &&
                      get_ulong(id, CL_DEVICE_INTEGER_DOT_PRODUCT_CAPABILITIES_KHR) &
                          CL_DEVICE_INTEGER_DOT_PRODUCT_INPUT_4x8BIT_PACKED_KHR;
    caps->fast_dot_bytes =
        caps->dot_bytes &&
        !ocl.clGetDeviceInfo(id, CL_DEVICE_INTEGER_DOT_PRODUCT_ACCELERATION_PROPERTIES_4x8BIT_PACKED_KHR, sizeof fast,
                             &fast, NULL) &&
        fast.signed_accelerated;
}

static void fill_caps(cl_device_id id, struct pt2_caps *caps, size_t max_arg_bytes)
{
    *caps = (struct pt2_caps){
        .kind = kind_of(id),
        .int64 = true,
        .float64 = has_extension(id, "cl_khr_fp64"),
        .float16 = has_extension(id, "cl_khr_fp16"),
        .storage8 = true,
        .storage16 = true,
        .concurrent = (get_ulong(id, CL_DEVICE_QUEUE_PROPERTIES) & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0,
        .compute_units = (int)get_uint(id, CL_DEVICE_MAX_COMPUTE_UNITS),
        .max_local_size = (int)get_size(id, CL_DEVICE_MAX_WORK_GROUP_SIZE),
        .shared_bytes = (uint32_t)get_ulong(id, CL_DEVICE_LOCAL_MEM_SIZE),
        .max_buffer_range = get_ulong(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE),
        .memory = get_ulong(id, CL_DEVICE_GLOBAL_MEM_SIZE),
        .buffer_align = OCL_ALIGN,
    };
    caps->max_fetch_range = caps->max_buffer_range;
    caps->float64_math = caps->float64;
    find_dots(id, caps);
    caps->wide_vectors = caps->kind == PT2_KIND_CPU && vector_width(id) > 1; /* else it vectorizes over invocations */
    caps->unified = caps->kind == PT2_KIND_CPU && get_uint(id, CL_DEVICE_HOST_UNIFIED_MEMORY);
    caps->simd_width = caps->wide_vectors ? vector_width(id) : group_multiple(id);
    caps->max_params = (int)((max_arg_bytes / 2) / sizeof(cl_int)); /* the other half is for buffers */
}

/* Four facts that no question of OpenCL tells, all of PoCL (seen with 3.1).
 *  - It compiles for a group size when a kernel is first launched and keeps that on disk itself. Asked for a binary it
 *    compiles all kernels once more, 60 ms each, to something that the first launch then does not use.
 *  - Its built-in functions of scalars are calls that keep its loop over invocations from being vectorized: log of a
 *    million numbers takes 13 ms, the one of shaders/math.h 1 ms. exp alone is no call, but slower.
 *  - It loads a kernel once more when a launch is wider than those before, and, when both copies are in use at the same
 *    time, gives back the wrong one: an assertion in pocl_release_dlhandle_cache ends the process.
 *  - It uses host memory where it is. Others make a copy of what is not aligned to CL_DEVICE_MEM_BASE_ADDR_ALIGN, and
 *    do not see what the host writes later (Intel's runtime for CPUs, seen with 2026). */
static bool is_pocl(cl_device_id id)
{
    char version[256];
    get_text(id, CL_DEVICE_VERSION, version, sizeof version);
    return strstr(version, "PoCL") != NULL;
}

/* Like PyTorch, divide and take roots with correct rounding where the device offers it; no accuracy for speed.
 * Without -w, PoCL prints how many warnings there were to the process's standard error. Mesa up to 22.3 compares
 * extended integers with constants wrongly (-4 is not less than 2), unless they are made of words. */
static void fill_options(struct found *f)
{
    cl_ulong config = get_ulong(f->id, CL_DEVICE_SINGLE_FP_CONFIG);
    /* Every device with float64 has fma for it; Intel's runtime for CPUs does not own to the one for float32. */
    bool pocl = is_pocl(f->id), scalar_loops = f->desc.caps.kind == PT2_KIND_CPU; /* Intel's: see prelude.cl */
    cl_ulong fma = (config | get_ulong(f->id, CL_DEVICE_DOUBLE_FP_CONFIG)) & CL_FP_FMA;
    bool mesa = !strncmp(f->desc.driver, "rusticl ", 8);
    snprintf(f->options, sizeof f->options, "-w%s%s%s%s",
             config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT ? " -cl-fp32-correctly-rounded-divide-sqrt" : "",
             fma ? " -DPT_FAST_FMA" : "", pocl ? " -DPT_SLOW_BUILTINS" : scalar_loops ? " -DPT_SCALAR_LOOPS" : "",
             mesa ? " -DPT_EXTEND_BY_WORDS" : "");
}

static void add_device(cl_platform_id platform, cl_device_id id)
{
    if (num_found == MAX_DEVICES || !usable(id))
        return;
    struct found *f = &found[num_found];
    char vendor[64] = "", driver[64];
    f->id = id;
    f->desc.number = num_found++;
    f->max_arg_bytes = get_size(id, CL_DEVICE_MAX_PARAMETER_SIZE);
    get_text(id, CL_DEVICE_NAME, f->desc.name, sizeof f->desc.name);
    get_text(id, CL_DRIVER_VERSION, driver, sizeof driver);
    ocl.clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof vendor - 1, vendor, NULL);
    snprintf(f->desc.driver, sizeof f->desc.driver, "%s %s", vendor, driver);
    bool pocl = is_pocl(id);
    f->lazy_binaries = f->widens_alone = pocl;
    f->wrap_align = pocl ? 16 : get_uint(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8;
    fill_caps(id, &f->desc.caps, f->max_arg_bytes);
    fill_options(f);
}

static void list_devices(void)
{
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint num_platforms = 0;
    if (!ocl_load() || ocl.clGetPlatformIDs(MAX_PLATFORMS, platforms, &num_platforms))
        return;
    for (cl_uint p = 0; p < num_platforms && p < MAX_PLATFORMS; p++) {
        cl_device_id ids[MAX_DEVICES];
        cl_uint count = 0;
        if (ocl.clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &count))
            continue; /* a platform without devices says so by an error */
        for (cl_uint d = 0; d < count && d < MAX_DEVICES; d++)
            add_device(platforms[p], ids[d]);
    }
}

static void list_devices_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, list_devices);
}

static pt2_status ocl_enumerate(struct pt2_device_desc *descs, int cap, int *out_count)
{
    list_devices_once();
    *out_count = num_found < cap ? num_found : cap;
    for (int i = 0; i < *out_count; i++)
        descs[i] = found[i].desc;
    return PT2_OK;
}

/* ---- open, close ---- */

static void ocl_close(struct pt2_device *device)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    ocl_queues_free(dev);
    if (dev->context)
        ocl.clReleaseContext(dev->context);
    pthread_mutex_destroy(&dev->lock);
    free(dev);
}

static pt2_status create_context(struct ocl_device *dev)
{
    cl_platform_id platform;
    cl_int error;
    OCL_TRY(dev, clGetDeviceInfo, (dev->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    const cl_context_properties properties[] = { CL_CONTEXT_PLATFORM, (cl_context_properties)platform, 0 };
    dev->context = ocl.clCreateContext(properties, 1, &dev->id, NULL, NULL, &error);
    return dev->context ? PT2_OK : ocl_fail(dev, error, "clCreateContext");
}

static pt2_status ocl_open(int number, struct pt2_device **out_device)
{
    list_devices_once();
    if (number < 0 || number >= num_found)
        return pt2_fail(PT2_ERR_NODEVICE, "OpenCL: there is no device %d (%d found)", number, num_found);
    struct ocl_device *dev = calloc(1, sizeof *dev);
    if (!dev)
        return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for a device");
    const struct found *f = &found[number];
    dev->base.backend = &pt2_opencl;
    dev->base.desc = f->desc;
    dev->id = f->id;
    dev->options = f->options;
    dev->max_arg_bytes = f->max_arg_bytes;
    dev->wrap_align = f->wrap_align;
    dev->lazy_binaries = f->lazy_binaries;
    dev->widens_alone = f->widens_alone;
    pthread_mutex_init(&dev->lock, NULL);
    pt2_status status = create_context(dev);
    if (status != PT2_OK) {
        ocl_close(&dev->base);
        return status;
    }
    if (dev->base.desc.caps.unified && !ocl_works_in_place(dev))
        dev->base.desc.caps.unified = false;
    *out_device = &dev->base;
    return PT2_OK;
}

const struct pt2_backend pt2_opencl = {
    .name = "opencl",
    .abi = PT2_BACKEND_ABI,
    .enumerate = ocl_enumerate,
    .open = ocl_open,
    .close = ocl_close,
    .buf_create = ocl_buf_create,
    .buf_destroy = ocl_buf_destroy,
    .buf_write = ocl_buf_write,
    .buf_read = ocl_buf_read,
    .buf_map = ocl_buf_map,
    .buf_wrap = ocl_buf_wrap,
    .compile = ocl_compile,
    .program_destroy = ocl_program_destroy,
    .exec_create = ocl_exec_create,
    .exec_destroy = ocl_exec_destroy,
    .submit = ocl_submit,
    .wait = ocl_wait,
    .timings = ocl_timings,
};
