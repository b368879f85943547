/* SPDX-License-Identifier: MIT
 * From kernels to programs.
 *
 * A program's source is prelude, shared functions, and for each kernel a signature and its text. Several kernels
 * share one source, because a driver spends most of the time on what is the same for all. Sources are built on a
 * few threads; a binary is taken from the cache if it is there and the driver accepts it.
 *
 * Signature: for buffer k a base `a<k>` and an offset `o<k>` in units of OCL_ALIGN bytes, from which the text's
 * `b<k>` is made (sub-buffers would bring alignment rules that differ between drivers); then the parameters,
 * `p<k>`, or one buffer with all. */
#include "opencl.h"

#include "base/cache.h"
#include "kernel/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const char pt2_shader_prelude_cl[], pt2_shader_math_h[], pt2_shader_special_h[],
    pt2_shader_math64_h[];

enum {
    MAX_THREADS = 8,
    KERNELS_PER_MODULE = 16,
    LOG_CHARS = 600,
    FORMAT_VERSION = 1, /* of the cache: changes when the same source gives another binary */
};

/* kernels[first] … that go into one source. */
struct unit {
    int first, count;
};

/* One call of ocl_compile. Threads write different elements of the arrays. */
struct build {
    struct ocl_device *dev;
    const char *cache_dir;
    const struct pt2_kernel *const *kernels; /* borrowed */
    int count, num_units;
    struct result {
        struct ocl_module *module; /* a share; NULL: not built */
        int number;                /* of the kernel in its source */
        pt2_status status;
        char message[1024]; /* when it failed */
    } *results; /* one per kernel */
    atomic_int next;
};

/* ---- source ---- */

static const char *storage_type(pt2_dtype t)
{
    switch (t) {
    case PT2_I8: return "char";
    case PT2_U16: case PT2_F16: case PT2_BF16: return "ushort";
    case PT2_I16: return "short";
    case PT2_U32: return "uint";
    case PT2_I32: return "int";
    case PT2_U64: return "ulong";
    case PT2_I64: return "long";
    case PT2_F32: return "float";
    case PT2_F64: return "double";
    default: return "uchar";
    }
}

static bool params_in_buffer(const struct ocl_device *dev, const struct pt2_kernel *k)
{
    size_t bufs = (size_t)k->num_bufs * (sizeof(cl_mem) + sizeof(cl_uint));
    return bufs + (size_t)k->num_params * sizeof(cl_int) > dev->max_arg_bytes;
}

static void add_name(struct pt2_str *s, const struct pt2_kernel *k, int number)
{
    pt2_str_addf(s, "k%d_%s", number, k->name);
}

static void add_kernel(struct pt2_str *s, const struct ocl_device *dev, const struct pt2_kernel *k, int number)
{
    bool in_buffer = params_in_buffer(dev, k);
    const char *comma = "";
    pt2_str_addf(s, "\n#undef LOCAL_SIZE\n#define LOCAL_SIZE %d\n#undef P\n#define P(k) %s\n", k->local_size,
                 in_buffer ? "pt_params[k]" : "p##k");
    pt2_str_addf(s, "__kernel __attribute__((reqd_work_group_size(%d, 1, 1))) void ", k->local_size);
    add_name(s, k, number);
    pt2_str_add(s, "(");
    for (int i = 0; i < k->num_bufs; i++, comma = ", ")
        pt2_str_addf(s, "%s%s__global %s *a%d, uint o%d", comma, k->bufs[i].write ? "" : "const ",
                     storage_type(k->bufs[i].dtype), i, i);
    if (in_buffer)
        pt2_str_addf(s, "%s__global const int *pt_params", comma);
    for (int i = 0; i < k->num_params && !in_buffer; i++, comma = ", ")
        pt2_str_addf(s, "%sint p%d", comma, i);
    pt2_str_add(s, ")\n{\n");
    for (int i = 0; i < k->num_bufs; i++)
        pt2_str_addf(s, "    %s__global %s *b%d = a%d + (ulong)o%d * %d;\n", k->bufs[i].write ? "" : "const ",
                     storage_type(k->bufs[i].dtype), i, i, i, OCL_ALIGN / (int)pt2_dtype_size(k->bufs[i].dtype));
    pt2_str_add(s, k->text);
    pt2_str_add(s, "\n}\n");
}

static void add_source(struct pt2_str *s, const struct build *b, struct unit u)
{
    pt2_str_add(s, pt2_shader_prelude_cl);
    pt2_str_add(s, pt2_shader_math_h);
    pt2_str_add(s, pt2_shader_special_h);
    if (b->dev->base.desc.caps.float64)
        pt2_str_add(s, pt2_shader_math64_h);
    for (int i = 0; i < u.count; i++)
        add_kernel(s, b->dev, b->kernels[u.first + i], i);
}

/* ---- build ---- */

struct options {
    char text[192];
};

/* Products of bytes need OpenCL C 3.0, for which device.c asks. */
static struct options options_of(const struct build *b, struct unit u)
{
    struct options o;
    bool dots = false;
    for (int i = 0; i < u.count; i++)
        dots |= b->kernels[u.first + i]->dots;
    snprintf(o.text, sizeof o.text, "%s %s", dots ? "-cl-std=CL3.0 -DPT_DOTS" : "-cl-std=CL1.2", b->dev->options);
    return o;
}

static uint64_t key_of(const struct ocl_device *dev, const char *options, const struct pt2_str *source)
{
    struct pt2_str rest = { 0 };
    pt2_str_addf(&rest, "%d|%s|%s|%s", FORMAT_VERSION, options, dev->base.desc.name, dev->base.desc.driver);
    uint64_t key = pt2_hash(source->data, source->len, pt2_hash(rest.data, rest.len, 0));
    pt2_str_free(&rest);
    return key;
}

static pt2_status build_failed(struct ocl_device *dev, const char *kernel, cl_program program, cl_int error)
{
    size_t size = 0;
    char *log = NULL;
    if (!ocl.clGetProgramBuildInfo(program, dev->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size))
        log = calloc(1, size + 1);
    if (log && ocl.clGetProgramBuildInfo(program, dev->id, CL_PROGRAM_BUILD_LOG, size, log, NULL))
        log[0] = 0;
    pt2_status status = ocl_fail(dev, error, "clBuildProgram");
    status = pt2_fail(status, "kernel %s: %s refused it (%s)\n%.*s", kernel, dev->base.desc.name, ocl_error_name(error),
                      LOG_CHARS, log && log[0] ? log : "no message");
    free(log);
    return status;
}

static pt2_status build_source(struct ocl_device *dev, const char *options, const char *kernel,
                               const struct pt2_str *source, cl_program *out_program)
{
    const char *text = source->data;
    cl_int error;
    cl_program program = ocl.clCreateProgramWithSource(dev->context, 1, &text, &source->len, &error);
    if (!program)
        return ocl_fail(dev, error, "clCreateProgramWithSource");
    error = ocl.clBuildProgram(program, 1, &dev->id, options, NULL, NULL);
    if (error) {
        pt2_status status = build_failed(dev, kernel, program, error);
        ocl.clReleaseProgram(program);
        return status;
    }
    *out_program = program;
    return PT2_OK;
}

/* NULL when there is no binary or the driver does not take it any more. */
static cl_program build_cached(struct ocl_device *dev, const char *options, const char *cache_dir, uint64_t key)
{
    size_t size = 0;
    cl_int error, state;
    unsigned char *data = pt2_cache_get(cache_dir, (const uint64_t[2]){ key }, "clbin", &size);
    if (!data)
        return NULL;
    const unsigned char *binary = data;
    cl_program program = ocl.clCreateProgramWithBinary(dev->context, 1, &dev->id, &size, &binary, &state, &error);
    free(data);
    if (program && ocl.clBuildProgram(program, 1, &dev->id, options, NULL, NULL)) {
        ocl.clReleaseProgram(program);
        program = NULL;
    }
    return program;
}

static void store_binary(cl_program program, const char *cache_dir, uint64_t key)
{
    size_t size = 0;
    if (ocl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) || !size)
        return;
    unsigned char *data = malloc(size);
    if (data && !ocl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof data, &data, NULL))
        pt2_cache_put(cache_dir, (const uint64_t[2]){ key }, "clbin", data, size);
    free(data);
}

static pt2_status build_program(const struct build *b, struct unit u, cl_program *out_program)
{
    struct pt2_str source = { 0 };
    add_source(&source, b, u);
    struct options options = options_of(b, u);
    uint64_t key = key_of(b->dev, options.text, &source);
    pt2_status status = PT2_OK;
    const char *dir = b->dev->lazy_binaries ? NULL : b->cache_dir;
    *out_program = dir ? build_cached(b->dev, options.text, dir, key) : NULL;
    atomic_fetch_add(*out_program ? &b->dev->base.found : &b->dev->base.compiled, (unsigned)u.count);
    if (!*out_program) {
        status = build_source(b->dev, options.text, b->kernels[u.first]->name, &source, out_program);
        if (status == PT2_OK && dir)
            store_binary(*out_program, dir, key);
    }
    pt2_str_free(&source);
    return status;
}

static pt2_status build_unit(struct build *b, struct unit u)
{
    struct ocl_module *module = calloc(1, sizeof *module);
    if (!module)
        return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for a program");
    pt2_status status = build_program(b, u, &module->program);
    if (status != PT2_OK) {
        free(module);
        return status;
    }
    module->users = u.count;
    for (int i = 0; i < u.count; i++) {
        b->results[u.first + i].module = module;
        b->results[u.first + i].number = i;
    }
    return PT2_OK;
}

/* One kernel that a driver refuses must not take others with it, and the message must name it. */
static void build_or_split(struct build *b, struct unit u)
{
    pt2_status status = build_unit(b, u);
    if (status == PT2_OK)
        return;
    if (status == PT2_ERR_COMPILE && u.count > 1) {
        for (int i = 0; i < u.count; i++)
            build_or_split(b, (struct unit){ u.first + i, 1 });
        return;
    }
    struct result *r = &b->results[u.first]; /* the record of errors is this thread's */
    r->status = status;
    snprintf(r->message, sizeof r->message, "%s", pt2_error_message());
}

static void *work(void *arg)
{
    struct build *b = arg;
    int i;
    while ((i = atomic_fetch_add(&b->next, 1)) < b->num_units) {
        int first = i * KERNELS_PER_MODULE, left = b->count - first;
        build_or_split(b, (struct unit){ first, left < KERNELS_PER_MODULE ? left : KERNELS_PER_MODULE });
    }
    return NULL;
}

static void build_all(struct build *b)
{
    pthread_t threads[MAX_THREADS];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int num_threads = 0;
    while (num_threads < MAX_THREADS && num_threads + 1 < cores && num_threads + 1 < b->num_units &&
           !pthread_create(&threads[num_threads], NULL, work, b))
        num_threads++;
    work(b);
    while (num_threads > 0)
        pthread_join(threads[--num_threads], NULL);
}

/* ---- programs ---- */

static void release_share(struct ocl_device *dev, struct ocl_module *module)
{
    pthread_mutex_lock(&dev->lock);
    bool last = --module->users == 0;
    pthread_mutex_unlock(&dev->lock);
    if (!last)
        return;
    ocl.clReleaseProgram(module->program);
    free(module);
}

void ocl_program_destroy(struct pt2_device *device, struct pt2_program_obj *program)
{
    if (!program)
        return;
    release_share((struct ocl_device *)device, program->module);
    free(program->name);
    free(program);
}

static pt2_status create_program(const struct build *b, int i, struct pt2_program_obj **out_program)
{
    const struct pt2_kernel *k = b->kernels[i];
    struct result *r = &b->results[i];
    struct pt2_str name = { 0 };
    struct pt2_program_obj *p = calloc(1, sizeof *p);
    if (!p)
        return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for a program");
    add_name(&name, k, r->number);
    *p = (struct pt2_program_obj){ r->module, name.data, k->num_bufs, k->num_params, k->local_size,
                                   k->points_per_group, params_in_buffer(b->dev, k), 0 };
    r->module = NULL; /* the share is the program's now */
    *out_program = p;
    return PT2_OK;
}

static pt2_status create_programs(const struct build *b, struct pt2_program_obj **programs)
{
    for (int i = 0; i < b->count; i++) {
        if (b->results[i].status == PT2_OK)
            continue;
        pt2_error_set(b->results[i].message);
        return b->results[i].status;
    }
    for (int i = 0; i < b->count; i++)
        PT2_TRY(create_program(b, i, &programs[i]));
    return PT2_OK;
}

pt2_status ocl_compile(struct pt2_device *device, const struct pt2_kernel *const *kernels, int count,
                       const char *cache_dir, struct pt2_program_obj **out_programs)
{
    struct build b = { .dev = (struct ocl_device *)device, .cache_dir = cache_dir, .kernels = kernels, .count = count };
    PT2_TRY(ocl_alive(b.dev));
    atomic_init(&b.next, 0);
    b.num_units = (count + KERNELS_PER_MODULE - 1) / KERNELS_PER_MODULE;
    b.results = calloc((size_t)count, sizeof *b.results);
    if (!b.results)
        return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory to compile %d kernels", count);
    for (int i = 0; i < count; i++)
        out_programs[i] = NULL;
    build_all(&b);
    pt2_status status = create_programs(&b, out_programs);
    for (int i = 0; i < count; i++) {
        if (b.results[i].module)
            release_share(b.dev, b.results[i].module);
        if (status != PT2_OK && out_programs[i]) {
            ocl_program_destroy(device, out_programs[i]);
            out_programs[i] = NULL;
        }
    }
    free(b.results);
    return status;
}
