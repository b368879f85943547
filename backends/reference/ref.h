/* SPDX-License-Identifier: MIT
 *
 * Inside the reference backend.
 *
 *   reference.c  the table: device, buffers, executables, submission
 *   translate.c  kernel -> program (once, when compiling)
 *   launch.c     one launch: which way the lanes lie, blocks, threads
 *   stage.c      one stage over one block: loops, reductions, stores, scans, sorts
 *   accumulate.c what ⊕ does to lanes
 *   memory.c     loads and stores of every dtype, with bounds
 *   lanes.c      what each scalar operator does to lanes
 *   noise.c      random rounding
 *   pool.c       threads
 *   library.c    LIBRARY nodes; fft.c, linalg.c …: their algorithms
 *
 * A *lane* is one of up to program->lanes computations done side by side. The lanes of a block are either consecutive
 * points of the outer space, or (few points, long loops) consecutive iterations of the loops at one point. A *register*
 * holds one scalar per lane in a slot of 8 bytes x lanes: an int64 for all integers, bool and PT2_IDX (uint64: its
 * bits), a float or a double.
 */
#ifndef PT2_REFERENCE_REF_H
#define PT2_REFERENCE_REF_H

#include "backend.h"
#include "kernel/kernel.h"

enum ref_class { REF_I, REF_F, REF_D };

/* d[i] = f(a[i], b[i], c[i]); operands may be one register, the result is another one. */
typedef void ref_op_fn(int n, void *restrict d, const void *a, const void *b, const void *c);

/* How an operator on floats rounds; all but EXACT are perturbed in runs that round at random. */
enum ref_rounding { REF_EXACT, REF_ADD, REF_SUB, REF_MUL, REF_DIV, REF_SQRT, REF_FUNCTION, REF_NARROW };

enum ref_instr_kind { REF_OP, REF_CONST, REF_PARAM, REF_PARAM64, REF_LOAD, REF_CHECK };

struct ref_instr {
    enum ref_instr_kind kind;
    enum ref_class class; /* of the result */
    bool strict;          /* LOAD: every lane needs it, so what is outside is an error */
    int dst, a, b, c;     /* registers */
    int number;           /* LOAD: buffer; PARAM: parameter */
    int64_t i;            /* CONST */
    double f;
    ref_op_fn *fn; /* OP */
    enum ref_rounding rounding; /* OP */
    pt2_dtype storage;          /* NARROW: to a small float; NONE: float64 to float32 */
};

typedef PT2_VEC(struct ref_instr) ref_code;

/* Registers; -1 where there is none. */
struct ref_stage {
    const struct pt2_stage *src; /* borrowed from the kernel */
    ref_code *levels;            /* arena; [0]: once per block; [1 + k]: when loop k steps */
    int *vars;                   /* arena; register of each loop's variable, -1: not used */
    int *extents;                /* arena; registers, filled by the launch code */
    int body, index, cond;
    int result;                  /* LET, REDUCE */
    enum ref_class result_class;
    int dtype;                   /* of the body */
    enum ref_class class;        /* of the body */
    int cost;                    /* instructions per iteration */
};

struct ref_program {
    struct pt2_arena arena;
    const struct pt2_kernel *kernel; /* borrowed, outlives the program */
    ref_code launch;                 /* what depends on parameters only */
    struct ref_stage *stages;        /* arena */
    int num_regs, lanes;
    int max_loops;
    int point;                       /* register of VAR 0; -1: not used */
    int scratch;                     /* first of REF_SCRATCH registers for the stage runner */
    bool points_only;                /* a stage reads what it writes: lanes must be points */
    bool long_sort;                  /* has a SORT stage */
};

enum { REF_SCRATCH = 4, REF_MAX_LANES = 256, REF_MIN_LANES = 32 };

/* The memory of one binding. */
struct ref_view {
    char *data;     /* NULL when empty */
    uint64_t size;  /* bytes */
    int64_t count;  /* elements */
    pt2_dtype dtype; /* real type of the elements */
};

struct ref_call {
    const struct ref_program *program;
    const struct ref_view *views;
    const int32_t *params;
    uint64_t points;
    uint32_t noise; /* 0: results are rounded to nearest; else the seed of random rounding */
};

/* What one thread needs to run blocks of a call. */
struct ref_lanes {
    const struct ref_call *call;
    int64_t *file;     /* owned: registers */
    int64_t *digits;   /* owned: positions of the loops of the current stage */
    int64_t **extents; /* owned: of the loops, per stage */
    int64_t *trips;    /* owned: their product, per stage */
    bool inner;        /* lanes are iterations of one point */
    int width;         /* lanes that uniform code fills: the points of the block; inner: what chunks use */
    int n;             /* lanes that count now */
    uint64_t random;   /* state of random rounding; 0: to nearest */
    pt2_status status;
    char message[256];
};

/* ---- lanes.c, memory.c ---- */

enum ref_class ref_class_of(int dtype);
/* The lanes' function for an operator on operands of this type; NULL when it has none. NOT, SHL, SHR and CAST have
 * their own. */
ref_op_fn *ref_op(enum pt2_expr_op op, int dtype);
ref_op_fn *ref_op_not(int dtype);
ref_op_fn *ref_op_cast(int from, int to);
ref_op_fn *ref_op_bitcast(int from, int to); /* NULL: sizes differ */
/* Wraps an int64 to the width of an integer type; NULL: nothing to do. */
ref_op_fn *ref_op_roundto(pt2_dtype storage); /* float32 through a smaller float and back */
ref_op_fn *ref_op_wrap(int dtype);
ref_op_fn *ref_op_copy(enum ref_class class);
int ref_bits(int dtype);


/* Elements at the indices, which were checked, to and from lanes of the compute type. */
typedef void ref_load_fn(int n, void *restrict d, const void *data, const int64_t *restrict index);
typedef void ref_store_fn(int n, void *data, const int64_t *restrict index, const void *restrict v);
ref_load_fn *ref_load_of(pt2_dtype t);
ref_store_fn *ref_store_of(pt2_dtype t);
/* The first lane whose index is outside [0, count), or -1. */
int ref_outside(int n, const int64_t *index, int64_t count);

/* ---- accumulate.c: lanes of double or int64, two to a result (value and, for ARGMAX and ARGMIN, position) ---- */

/* Turns n values of a body into what accumulators take: floats become double, unsigned ones and ARGMIN get an order
 * that signed maximum understands. Returns where they are: v or out. */
const void *ref_acc_widen(enum pt2_reduce_op op, int dtype, int n, const void *v, void *out);
void ref_acc_init(enum pt2_reduce_op op, int dtype, int n, void *acc, int64_t *pos);
/* acc[i] ⊕= v[i]; the position of v[i] is at + i * stride. `last`: of equals the last one wins. */
void ref_acc_step(enum pt2_reduce_op op, int dtype, int n, void *acc, int64_t *pos, const void *v, int64_t at,
                  int stride, bool last);
/* Widen and step in one, for the commonest case. */
void ref_acc_sum_f32(int n, void *acc, const void *v);
/* acc[0] = ⊕ of all n. */
void ref_acc_merge(enum pt2_reduce_op op, int dtype, int n, void *acc, int64_t *pos);
/* The results, as lanes of the result's class. */
void ref_acc_finish(enum pt2_reduce_op op, int dtype, int n, const void *acc, const int64_t *pos, void *out);
/* A scatter's combination of two lanes of one class. */
void ref_combine(enum pt2_reduce_op op, int dtype, void *into, const void *v);

/* ---- noise.c ---- */

enum ref_rounding ref_rounding_of(pt2_ex e);
void ref_noise_start(struct ref_lanes *x, uint64_t block);
/* Perturbs what an operator has computed. */
void ref_noise(struct ref_lanes *x, const struct ref_instr *in);
/* Values that will be rounded to a small float: moved, in `out`, or as they are. */
const void *ref_noise_narrow(struct ref_lanes *x, int n, const void *v, pt2_dtype to, float *out);
/* Rounds accumulators after a step. */
void ref_noise_sum(struct ref_lanes *x, enum pt2_reduce_op op, int dtype, int n, void *acc);
/* Rounds an element that a scatter has combined a term with. */
void ref_noise_combined(struct ref_lanes *x, int dtype, void *element);

/* ---- translate.c, stage.c, launch.c ---- */

PT2_MUST_USE pt2_status ref_translate(const struct pt2_kernel *kernel, struct ref_program *p);

/* Registers of a thread. */
static inline void *ref_reg(const struct ref_lanes *x, int r)
{
    return x->file + (size_t)r * (size_t)x->call->program->lanes;
}
/* Remembers the first failure of a thread; always false. */
bool ref_lanes_fail(struct ref_lanes *x, pt2_status status, const char *fmt, ...) PT2_PRINTF(3, 4);
bool ref_exec(struct ref_lanes *x, const ref_code *code);
/* Runs the launch's code; sets extents and trips. Once per call and thread, before any block. */
bool ref_run_launch_code(struct ref_lanes *x);
/* All stages over a block: points from `first`, `count` of them (inner: one point, `count` lanes). */
bool ref_run_block(struct ref_lanes *x, uint64_t first, int count);

struct ref_pool;
PT2_MUST_USE pt2_status ref_call_run(struct ref_pool *pool, const struct ref_call *call);

/* ---- pool.c ---- */

PT2_MUST_USE pt2_status ref_pool_create(struct ref_pool **out_pool);
void ref_pool_destroy(struct ref_pool *pool);
int ref_pool_size(const struct ref_pool *pool); /* threads, the caller included */
/* Calls fn(ctx, worker, item) for each item below count, in any order, from at most ref_pool_size threads; `worker`
 * numbers them. Returns when all are done. One call at a time. */
typedef void ref_pool_fn(void *ctx, int worker, uint64_t item);
void ref_pool_run(struct ref_pool *pool, uint64_t count, ref_pool_fn *fn, void *ctx);

/* ---- library.c ---- */

/* COMPILE when the backend cannot run the node. */
PT2_MUST_USE pt2_status ref_library_check(const struct pt2_kernel *kernel);
PT2_MUST_USE pt2_status ref_library_run(struct ref_pool *pool, const struct ref_call *call);

#endif
