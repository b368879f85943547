/* SPDX-License-Identifier: MIT
 *
 * The plan of one graph: which nodes share a kernel, where each kernel runs and why, in which order, and what waits for
 * what.
 *
 *   unfold     factors of contractions are written out for the first device (unfold.c)
 *   cut keys   attentions of few rows into parts of the keys (decode.c)
 *   cut        long reductions with few results in two (partial.c)
 *   fuse       nodes -> regions            (fuse.c, join.c)
 *   partition  regions -> devices          (partition.c)
 *   pack       weights -> panels           (pack.c)
 *   build      regions -> kernels          (kernel/build.c)
 *   schedule   regions -> steps            (schedule.c)
 *   cost       regions -> operations, bytes (cost.c)
 *
 * Memory is placed when sizes are known (runtime/place.c), from the dependencies here.
 *
 * Ownership: everything is in the module's arena. Immutable once built.
 */
#ifndef PT2_PLAN_PLAN_H
#define PT2_PLAN_PLAN_H

#include "backend.h"
#include "base/without.h"
#include "graph/graph.h"
#include "kernel/kernel.h"
#include "kernel/tiles.h"

/* A node inside a region. Output axis k of the node is axis `outer[k]` of the region's outer space, or an inner one
 * (-1) that the kernel loops over. */
struct pt2_member {
    struct pt2_node *node;
    int *outer;
    bool store; /* something outside the region reads it */
};

/* The least that a kernel must do, over symbols: what its time is compared with. A contraction has two operations per
 * product; anything else as many as its expressions have arithmetic on data (comparisons, selections, conversions and
 * indices are not counted; exp is one). Bytes count each element that is read or written once. */
struct pt2_cost {
    pt2_ex operations; /* NULL: not known (whole algorithms) */
    pt2_ex read, written;
};

/* One kernel's worth of nodes. */
struct pt2_region {
    uint32_t id;
    int rank;                      /* of the outer space */
    pt2_ex *outer;                 /* its extents */
    PT2_VEC(struct pt2_member) members;
    bool sequential;               /* reads no register of a later member: members may be added */
    const struct pt2_attention *attention; /* the first num_inside members are this; NULL: none */
    uint32_t num_inside;
    int device;                    /* index into the plan's devices */
    const char *why;               /* why it runs there; static or arena */
    struct pt2_value *panels;      /* pack.c: what the contraction reads its columns from; NULL: nothing special */
    struct pt2_kernel *kernel;
    int num_bufs;
    struct pt2_value **bufs;       /* kernel buffer k holds this value */
    int num_params;
    pt2_ex *params;                /* launch argument k: an index expression over symbols */
    pt2_ex points;                 /* over symbols */
    pt2_ex turns;                  /* of all loops of an invocation, over symbols */
    struct pt2_cost cost;
    struct pt2_tiles tiles;        /* asked of the kernel's builder, by the tuner; usually all 0 */
    uint64_t tile_key;             /* of a tiled kernel as its builder chooses it, with the bucket of its sizes */
};

enum pt2_step_kind {
    PT2_STEP_LAUNCH, /* region */
    PT2_STEP_ITEM,   /* node: read a value on the host, bind a symbol */
    PT2_STEP_CALL,   /* node */
    PT2_STEP_LOOP,   /* node */
};

struct pt2_step {
    enum pt2_step_kind kind;
    struct pt2_region *region;
    struct pt2_node *node;
    uint32_t num_deps;
    uint32_t *deps;    /* earlier steps whose results it reads, or whose memory it overwrites in place */
};

struct pt2_plan {
    struct pt2_graph *graph;
    PT2_VEC(struct pt2_region *) regions;
    PT2_VEC(struct pt2_node *) in_steps; /* last nodes of attentions that no device runs as one kernel */
    uint32_t num_steps;
    struct pt2_step *steps;
};

/* What the planner knows of a device. */
struct pt2_plan_device {
    const char *name;   /* "vulkan:0" */
    struct pt2_caps caps;
};

struct pt2_plan_params {
    int num_devices;    /* at least 1; the last one is the reference backend */
    const struct pt2_plan_device *devices;
    uint32_t without;   /* base/without.h */
    bool alternate;     /* every second region on the next device that can run it */
};

/* What kind of computation a region is, for people: "attention", "contraction", "rows" (with reductions), "pointwise",
 * or the kind of its node. */
const char *pt2_region_kind(const struct pt2_region *r);

/* Plans one graph. Errors: INTERNAL. */
PT2_MUST_USE pt2_status pt2_plan_build(struct pt2_graph *g, const struct pt2_plan_params *params, struct pt2_plan *out);

/* The parts, in the order of pt2_plan_build. */
void pt2_plan_unfold(struct pt2_graph *g, const struct pt2_plan_params *params);
void pt2_plan_cut_keys(struct pt2_plan *p, const struct pt2_plan_params *params);
void pt2_plan_cut(struct pt2_plan *p, const struct pt2_plan_params *params);
void pt2_plan_fuse(struct pt2_plan *p, const struct pt2_plan_params *params);
/* What a MAP puts side by side is from now on within its result; false: it is no such MAP, or a part is not usable. */
typedef bool pt2_part_fn(void *ctx, struct pt2_value *part);
bool pt2_plan_join(struct pt2_graph *g, struct pt2_node *n, const bool *dense, pt2_part_fn *usable, void *ctx);
/* Every value has memory of its own again. */
void pt2_plan_part(struct pt2_graph *g);
PT2_MUST_USE pt2_status pt2_plan_partition(struct pt2_plan *p, const struct pt2_plan_params *params);
/* Where a contraction's kernel would copy known columns to panels: makes the panels in the load graph, and the readers
 * of the weight read them. */
PT2_MUST_USE pt2_status pt2_plan_pack(struct pt2_plan *p, const struct pt2_plan_params *params);
PT2_MUST_USE pt2_status pt2_plan_schedule(struct pt2_plan *p);
void pt2_plan_cost(struct pt2_plan *p);
/* Makes region->kernel, bufs, params and points for the region's device. */
PT2_MUST_USE pt2_status pt2_kernel_build(struct pt2_graph *g, struct pt2_region *r, const struct pt2_caps *caps,
                                         uint32_t without);
/* Bytes of a value, as far as its sizes are numbers. */
uint64_t pt2_least_bytes(const struct pt2_value *v);
/* Fills kernel->text and kernel->hash from its stages. */
void pt2_kernel_render(struct pt2_module *m, struct pt2_kernel *k);

#endif
