/* SPDX-License-Identifier: MIT
 *
 * A kernel: one region of the graph, ready for a device, in two forms that mean the same.
 *
 *  - as *stages*, which the reference backend interprets;
 *  - as neutral *text*, which a GPU backend compiles after its dialect's prelude (see shaders/README.md).
 *
 * A kernel runs once for each point of an outer space (VAR 0 is the linear point number, 0 <= point < points). At each
 * point its stages run in order. A stage loops over inner axes (VAR 1 …, row-major, the last one fastest) and reduces
 * into a register, scans, or stores. Expressions here have LOADs with a buffer number and one linear element index;
 * sizes are PARAMs; REG k is the result of stage k at the same point.
 *
 * Points are independent of each other: no point reads what another one writes.
 */
#ifndef PT2_KERNEL_KERNEL_H
#define PT2_KERNEL_KERNEL_H

#include "graph/graph.h"

enum pt2_stage_kind {
    PT2_STAGE_LET,     /* reg = body */
    PT2_STAGE_REDUCE,  /* reg = ⊕ over the loops of body; the neutral element when a loop is empty (ARGMAX: 0) */
    PT2_STAGE_STORE,   /* for the loops: if cond: buf[index] = combine(buf[index], body); SET does not read */
    PT2_STAGE_SCAN,    /* over the one loop, from the end if reverse: acc = acc ⊕ body; buf[index] = acc */
    PT2_STAGE_SORT,    /* over the one loop (n keys): keys = body(j); writes sorted keys to buf[index(j)] and positions
                        * to buf2[index(j)]; stable; reverse: descending; NaN is the largest */
};

struct pt2_stage {
    enum pt2_stage_kind kind;
    enum pt2_reduce_op op;
    int first_axis, num_loops; /* VAR first_axis … */
    pt2_ex *loops;             /* extents */
    pt2_ex body;
    pt2_ex cond;               /* STORE; NULL: always */
    int dtype;                 /* of the register: body's, or PT2_I64 for ARGMAX, ARGMIN */
    int buf, buf2;             /* STORE, SCAN, SORT */
    pt2_ex index;              /* STORE, SCAN, SORT: linear element index */
    bool reverse;
    bool ordered;              /* STORE: turns of the loops may store the same element, and the last one counts */
};

struct pt2_kernel_buf {
    pt2_dtype dtype; /* of storage */
    bool read, write;
    bool quads; /* the text also accesses four neighbours at once (pt_ld4, pt_st4) */
    bool fetched; /* floats or int8, read by the dialect's pt_fetch4 and pt_fetch only, and not written */
};

/* Whether a kernel can fetch from the buffer. */
static inline bool pt2_can_fetch(const struct pt2_kernel_buf *b)
{
    return (b->dtype == PT2_F32 || b->dtype == PT2_F16 || b->dtype == PT2_BF16) && !b->write;
}

struct pt2_contract;  /* kernel/contract.h */
struct pt2_attention; /* kernel/attention.h */
struct pt2_rows;     /* kernel/rows.h */

struct pt2_kernel {
    const char *name;       /* identifier; names the operators inside, for traces: "conv2d_relu" */
    uint64_t hash;          /* of everything below; equal kernels are one kernel */
    int num_bufs;
    struct pt2_kernel_buf *bufs;
    int num_params;         /* int32 arguments of each launch */
    pt2_ex points;          /* PARAM expression: size of the outer space */
    int num_stages;
    struct pt2_stage *stages;
    struct pt2_contract *contract;  /* stage 0 is its sum, VARs are as contract.h has them; NULL: none */
    struct pt2_rows *rows;          /* points shared by teams of lanes; NULL: one invocation per point */
    struct pt2_attention *attention; /* the first stages are as attention.h has them; NULL: none */
    const struct pt2_node *library; /* LIBRARY and CUSTOM nodes: no stages; buffers are args…, outs… */

    const char *text;       /* body of the kernel function; arena */
    bool matrices, dots;    /* the text has the dialect's matrices, its products of bytes */
    int local_size;         /* invocations per group, one dimension */
    int points_per_group;   /* groups = ceil(points / points_per_group) */
    uint32_t needs;         /* PT2_NEED_ bits: what a device must have to run it */
};

enum {
    PT2_NEED_F64 = 1,      /* float64 arithmetic */
    PT2_NEED_F64_MATH = 2, /* float64 functions beyond + - * / sqrt, compare */
    PT2_NEED_HOST = 4,     /* runs on the reference backend only */
    PT2_NEED_TEXT = 8,     /* cannot be interpreted: a user's kernel without a host function */
    PT2_NEED_STEPS = 16,    /* the device runs it as several kernels only */
};

#endif
