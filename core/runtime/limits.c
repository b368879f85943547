/* SPDX-License-Identifier: MIT
 * Probes: kernels that do nothing but multiply and add in registers, read, or copy, in the forms that suit GPUs and
 * processors; the fastest counts. */
#include "runtime/limits.h"
#include "kernel/kernel.h"
#include "kernel/tiles.h"
#include "runtime/facts.h"

enum {
    FMAS = 40, /* per lane and turn of the loop */
    MIB = 1 << 20,
    REPEATS = 4,
    ENOUGH_NS = 20000000, /* a time that overhead does not falsify */
};

struct probe {
    const char *name;
    /* WIDE needs caps.wide_vectors, and, in a probe of arithmetic, as many lanes. */
    enum { EACH, BY_FOUR, WIDE } way;
    int lanes;   /* of an accumulator, in a probe of arithmetic; 0: a probe of memory */
    int buffers; /* read or written, in a probe of memory */
    int chunk;   /* elements that an invocation reads or copies */
    const char *text;
};

/* Arithmetic: P(0) turns; P(1) keeps the compiler from knowing the factor. Memory: P(0) elements, P(1) for each
 * invocation, which takes neighbours of what the others of its group take at that time, or (wide) all in a row. */
#define EACH10(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) /* with two factors, in sixteen registers */
#define SCALAR_INIT(k) "float s" #k " = x + " #k ".0f;\n"
#define SCALAR_FMA(k) "s" #k " = pt_fma_f32(s" #k ", m, c);\n"
#define INIT4(k) "float4 s" #k " = x + " #k ".0f;\n"
#define INIT8(k) "float8 s" #k " = x + " #k ".0f;\n"
#define INIT16(k) "float16 s" #k " = x + " #k ".0f;\n"
#define WIDE_FMA(k) "s" #k " = fma(s" #k ", m, c);\n"
#define FMA_BEGIN "float x = pt_cvt_i32_f32(LOCAL_ID()), f = pt_cvt_i32_f32(P(1))*0.001f;\n"
#define FMA_LOOP(X) "for (int i = 0; i < P(0); i++) {\n" EACH10(X) EACH10(X) EACH10(X) EACH10(X) "}\n"
#define SUM10 "s0 + s1 + s2 + s3 + (s4 + s5 + s6 + s7) + (s8 + s9)"
#define FMA_WIDE(n)                                                                        \
    FMA_BEGIN "float" #n " m = f, c = 1.0f - f;\n" EACH10(INIT##n) FMA_LOOP(WIDE_FMA) \
    "vstore" #n "(" SUM10 ", GLOBAL_ID(), b1);\n"
#define SUM16(v) "float8 h = " v ".lo + " v ".hi; float4 q = h.lo + h.hi; float sum = q.x + q.y + q.z + q.w;\n"
#define GROUPED                                               \
    "int first = GROUP_ID()*LOCAL_SIZE*P(1) + LOCAL_ID();\n" \
    "if (first < P(0)) for (int k = 0; k < P(1); k++) "
#define FOURS                                                   \
    "int first = GROUP_ID()*LOCAL_SIZE*P(1) + 4*LOCAL_ID();\n" \
    "if (first < P(0)) for (int k = 0; k < P(1)/4; k++) "
#define ROW                           \
    "int first = GLOBAL_ID()*P(1);\n" \
    "if (first < P(0)) for (int k = first; k < first + P(1); k += 16) "

static const struct probe probes[] = {
    { "fma", EACH, 1, 0, 0,
      FMA_BEGIN "float m = f, c = 1.0f - f;\n" EACH10(SCALAR_INIT) FMA_LOOP(SCALAR_FMA)
      "pt_st_f32(b1, GLOBAL_ID(), " SUM10 ");\n" },
    { "fma_4", WIDE, 4, 0, 0, FMA_WIDE(4) },
    { "fma_8", WIDE, 8, 0, 0, FMA_WIDE(8) },
    { "fma_16", WIDE, 16, 0, 0, FMA_WIDE(16) },
    { "read", EACH, 0, 1, 64,
      "float sum = 0.0f;\n" GROUPED "sum += pt_ld_f32(b0, first + k*LOCAL_SIZE);\n"
      "if (first < P(0)) pt_st_f32(b1, GLOBAL_ID(), sum);\n" },
    { "read_wide", WIDE, 0, 1, 4096,
      "float16 all = 0.0f;\n" ROW "all += vload16(0, b0 + k);\n" SUM16("all")
      "if (first < P(0)) pt_st_f32(b1, GLOBAL_ID(), sum);\n" },
    { "read_fours", BY_FOUR, 0, 1, 64,
      "pt_f32x4 sum = pt_splat_f32x4(0.0f);\n" FOURS "sum = sum + pt_ld4_f32(b0, first + 4*k*LOCAL_SIZE);\n"
      "if (first < P(0)) pt_st_f32(b1, GLOBAL_ID(), sum.x + sum.y + (sum.z + sum.w));\n" },
    { "copy", EACH, 0, 2, 64, GROUPED "pt_st_f32(b1, first + k*LOCAL_SIZE, pt_ld_f32(b0, first + k*LOCAL_SIZE));\n" },
    { "copy_each", EACH, 0, 2, 1,
      GROUPED "pt_st_f32(b1, first + k*LOCAL_SIZE, pt_ld_f32(b0, first + k*LOCAL_SIZE));\n" },
    { "copy_fours", BY_FOUR, 0, 2, 64,
      FOURS "{ pt_f32x4 v = pt_ld4_f32(b0, first + 4*k*LOCAL_SIZE);\n"
            "pt_st4_f32(b1, first + 4*k*LOCAL_SIZE, v.x, v.y, v.z, v.w); }\n" },
    { "copy_wide", WIDE, 0, 2, 4096, ROW "vstore16(vload16(0, b0 + k), 0, b1 + k);\n" },
};

enum { NUM_PROBES = sizeof probes / sizeof *probes };

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* ---- time ---- */

static pt2_status time_once(struct pt2_device *d, struct pt2_exec *exec, uint64_t *out_ns)
{
    struct pt2_timing t;
    uint64_t point;
    PT2_TRY(d->backend->submit(d, exec, 0, &point));
    PT2_TRY(d->backend->wait(d, point, UINT64_MAX));
    PT2_TRY(d->backend->timings(d, exec, &t));
    *out_ns = t.end_ns > t.begin_ns ? t.end_ns - t.begin_ns : 1;
    return PT2_OK;
}

pt2_status pt2_time_launch(struct pt2_device *d, const struct pt2_launch *launch, int repeats, uint64_t *out_ns)
{
    struct pt2_exec *exec;
    PT2_TRY(d->backend->exec_create(d, launch, 1, true, &exec));
    pt2_status status = PT2_OK;
    *out_ns = UINT64_MAX;
    for (int k = 0; k < repeats && status == PT2_OK; k++) {
        uint64_t ns = 0;
        status = time_once(d, exec, &ns);
        *out_ns = ns < *out_ns ? ns : *out_ns;
        if (ns > 10 * (uint64_t)ENOUGH_NS)
            break;
    }
    d->backend->exec_destroy(d, exec);
    return status;
}

/* ---- probes ---- */

struct bench {
    struct pt2_device *d;
    const char *cache_dir;
    struct pt2_buf *buf[2];
    int64_t elements; /* of each */
};

/* The best of a few; the first one may compile. */
static pt2_status time_launch(struct bench *b, struct pt2_program_obj *program, const int32_t *params, int64_t points,
                              uint64_t *out_ns)
{
    struct pt2_binding bindings[2];
    for (int k = 0; k < 2; k++)
        bindings[k] = (struct pt2_binding){ b->buf[k], 0, (uint64_t)b->elements * 4 };
    struct pt2_launch launch = { .program = program, .bindings = bindings, .params = params,
                                 .points = (uint64_t)points, .label = "probe" };
    return pt2_time_launch(b->d, &launch, REPEATS, out_ns);
}

/* More turns until it takes long enough, but no more than 65535, after which one driver ends all loops. */
static pt2_status measure_arithmetic(struct bench *b, const struct probe *p, struct pt2_program_obj *program,
                                     double *out_rate)
{
    int64_t points = b->d->desc.caps.kind == PT2_KIND_CPU ? 1 << 12 : 1 << 18;
    uint64_t ns = 0;
    for (int32_t turns = 64; turns <= 1 << 14 && ns < ENOUGH_NS; turns *= 4) {
        int32_t params[2] = { turns, 999 };
        PT2_TRY(time_launch(b, program, params, points, &ns));
        *out_rate = 2.0 * FMAS * p->lanes * turns * (double)points / (double)ns * 1e9;
    }
    return PT2_OK;
}

static pt2_status measure_memory(struct bench *b, const struct probe *p, struct pt2_program_obj *program,
                                 double *out_rate)
{
    int32_t params[2] = { (int32_t)b->elements, p->chunk };
    uint64_t ns;
    PT2_TRY(time_launch(b, program, params, b->elements / p->chunk, &ns));
    *out_rate = 4.0 * p->buffers * (double)b->elements / (double)ns * 1e9;
    return PT2_OK;
}

static pt2_status run_probe(struct bench *b, const struct probe *p, struct pt2_program_obj *program,
                            struct pt2_limits *out)
{
    double rate = 0, *best = p->lanes ? &out->operations : &out->bytes;
    PT2_TRY(p->lanes ? measure_arithmetic(b, p, program, &rate) : measure_memory(b, p, program, &rate));
    *best = larger(rate, *best);
    return PT2_OK;
}

static bool suits(const struct probe *p, const struct pt2_caps *caps)
{
    return p->way != WIDE || (caps->wide_vectors && (!p->lanes || p->lanes == pt2_tiles_lanes(caps)));
}

/* All in one call, since compilers spend most of the time on what kernels share. */
static pt2_status run_probes(struct bench *b, struct pt2_limits *out)
{
    struct pt2_kernel_buf bufs[2][2];
    int local = b->d->desc.caps.kind == PT2_KIND_CPU ? 64 : 128, n = 0;
    struct pt2_kernel kernels[NUM_PROBES];
    const struct pt2_kernel *list[NUM_PROBES];
    const struct probe *chosen[NUM_PROBES];
    struct pt2_program_obj *programs[NUM_PROBES];
    for (int k = 0; k < 2; k++)
        for (int fours = 0; fours < 2; fours++)
            bufs[fours][k] = (struct pt2_kernel_buf){ .dtype = PT2_F32, .read = !k, .write = k, .quads = fours };
    for (int k = 0; k < NUM_PROBES; k++) {
        if (!suits(&probes[k], &b->d->desc.caps))
            continue;
        kernels[n] = (struct pt2_kernel){ .name = probes[k].name, .num_bufs = 2, .bufs = bufs[probes[k].way == BY_FOUR],
                                          .num_params = 2,
                                          .text = probes[k].text, .local_size = local, .points_per_group = local };
        list[n] = &kernels[n];
        chosen[n++] = &probes[k];
    }
    PT2_TRY(b->d->backend->compile(b->d, list, n, b->cache_dir, programs));
    pt2_status status = PT2_OK;
    for (int k = 0; k < n; k++) {
        if (status == PT2_OK)
            status = run_probe(b, chosen[k], programs[k], out);
        b->d->backend->program_destroy(b->d, programs[k]);
    }
    return status;
}

/* Larger than what caches hold, where the device allows it. */
static int64_t buffer_elements(const struct pt2_caps *caps)
{
    uint64_t bytes = 128 * (uint64_t)MIB;
    while (bytes > 4 * (uint64_t)MIB && (bytes > caps->max_buffer_range || (caps->memory && bytes > caps->memory / 8)))
        bytes /= 2;
    return (int64_t)(bytes / 4);
}

/* Memory that nobody wrote may be one page of zeros on a processor. */
static pt2_status fill(struct bench *b, struct pt2_buf *buf)
{
    static float ones[MIB / 4];
    for (int k = 0; k < MIB / 4; k++)
        ones[k] = 1;
    for (int64_t at = 0; at < b->elements; at += MIB / 4)
        PT2_TRY(b->d->backend->buf_write(b->d, buf, (uint64_t)at * 4, ones, MIB));
    return PT2_OK;
}

static pt2_status measure(struct bench *b, struct pt2_limits *out)
{
    pt2_status status = PT2_OK;
    b->elements = buffer_elements(&b->d->desc.caps);
    for (int k = 0; k < 2 && status == PT2_OK; k++)
        status = b->d->backend->buf_create(b->d, (uint64_t)b->elements * 4, &b->buf[k]);
    for (int k = 0; k < 2 && status == PT2_OK; k++)
        status = fill(b, b->buf[k]);
    if (status == PT2_OK)
        status = run_probes(b, out);
    for (int k = 0; k < 2; k++)
        if (b->buf[k])
            b->d->backend->buf_destroy(b->d, b->buf[k]);
    return pt2_note(status, "measuring %s", b->d->desc.name);
}

pt2_status pt2_device_limits(struct pt2_device *device, const char *cache_dir, bool again, struct pt2_limits *out)
{
    double v[2] = { 0, 0 };
    *out = (struct pt2_limits){ 0 };
    if (device->desc.caps.interprets)
        return PT2_OK;
    bool known = pt2_fact_get(cache_dir, device, "rates", 2, v);
    if (!known || again) {
        struct bench b = { .d = device, .cache_dir = cache_dir };
        PT2_TRY(measure(&b, out));
    }
    *out = (struct pt2_limits){ larger(out->operations, v[0]), larger(out->bytes, v[1]) };
    v[0] = out->operations;
    v[1] = out->bytes;
    if (!known || again)
        pt2_fact_put(cache_dir, device, "rates", 2, v);
    return PT2_OK;
}
