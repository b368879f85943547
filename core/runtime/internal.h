/* SPDX-License-Identifier: MIT
 *
 * Models and sessions inside.
 *
 * A run walks the plan's steps. Steps between two host steps (ITEM, CALL, LOOP) form an *epoch*: all their sizes are
 * known when it begins, so its values are placed together and its launches recorded together, one recording per stretch
 * on one device. Both are kept until a size changes.
 */
#ifndef PT2_RUNTIME_INTERNAL_H
#define PT2_RUNTIME_INTERNAL_H

#include "archive/program.h"
#include "device.h"
#include "ops/lower.h"
#include "plan/plan.h"
#include "runtime/trace.h"

enum { PT2_MAX_DEVICES = 8 };

/* Where a value is: on each device a range of a buffer. */
struct pt2_place {
    struct pt2_buf *buf[PT2_MAX_DEVICES]; /* borrowed from a block; NULL: not on this device */
    uint64_t offset[PT2_MAX_DEVICES];
    uint64_t bytes;
    uint8_t valid; /* bit d: device d has the current content */
    bool fixed;    /* the ranges are not an epoch's: it leaves them as they are */
};

struct pt2_session;
typedef void pt2_observer(void *ctx, struct pt2_session *s, const struct pt2_region *r);

struct pt2_model {
    struct pt2_program *program;            /* owned */
    struct pt2_module module;
    struct pt2_lowered lowered;
    int num_devices;
    const struct pt2_device_entry *entries[PT2_MAX_DEVICES];
    struct pt2_device *devices[PT2_MAX_DEVICES];        /* borrowed from the process */
    struct pt2_plan_device plan_devices[PT2_MAX_DEVICES];
    struct pt2_plan *plans;                 /* arena; by graph number */
    struct pt2_program_obj ***programs;     /* arena; [graph][region]; those of interpreting devices are owned */
    uint8_t *needed;                        /* arena; by value id: devices whose kernels touch it */
    int *home; /* arena; by value id: device that makes it; inputs and constants: one that reads it */
    uint8_t *lasting;                       /* arena; by value id: of those, the devices on which a run reads it */
    struct pt2_place *consts; /* arena; by value id: constants, weights, results of the load graph */
    PT2_VEC(struct pt2_const_buf {
        struct pt2_buf *buf;
        int device;
        const struct pt2_value *value;
        uint64_t bytes;
    }) const_bufs; /* owned */
    pt2_observer *observer; /* of its sessions, the one that runs the load graph too; NULL: none */
    void *observer_ctx;
};

uint32_t pt2_graph_number(const struct pt2_model *m, const struct pt2_graph *g);

/* A device buffer that grows. */
struct pt2_block {
    struct pt2_buf *buf; /* owned */
    uint64_t size;
};

struct pt2_segment {
    int device;
    uint32_t first, count;      /* launches: positions in the epoch's list */
    struct pt2_exec *exec;      /* owned */
};

/* Steps of an epoch that run one after the other because values share memory; relative to its first. */
struct pt2_order {
    uint32_t before, after;
};

struct pt2_epoch {
    uint32_t first, count;      /* steps of the plan */
    bool bound;
    struct pt2_block blocks[PT2_MAX_DEVICES];
    uint64_t live, lasting;     /* bytes on all devices: the most at one step, and of what later steps read */
    struct pt2_order *orders;   /* owned */
    uint32_t num_orders, cap_orders;
    uint32_t num_segments;
    struct pt2_segment *segments; /* owned */
    uint64_t symbols_hash, places_hash; /* when it was recorded */
};

struct pt2_plan_state {
    uint32_t num_epochs;
    struct pt2_epoch *epochs;   /* owned; in the order of the steps, host steps between them */
    struct pt2_block
        inputs[PT2_MAX_DEVICES]; /* memory of the graph's inputs, where they are not views of a caller's places */
};

struct pt2_session {
    struct pt2_model *model;    /* borrowed */
    struct pt2_place *places;   /* owned; by value id */
    int64_t *values;            /* owned; by symbol */
    uint8_t *known;
    struct pt2_plan_state *plans; /* owned; by graph number */
    pt2_tensor *inputs;         /* owned; by input leaf: borrowed data, PT2_NONE when not set */
    bool *input_set;
    struct pt2_lent *lent;      /* owned; by input leaf */
    struct pt2_result *results; /* owned; by output leaf */
    struct pt2_state *states;   /* owned */
    int num_states;
    uint64_t points[PT2_MAX_DEVICES]; /* last submission */
    uint64_t moves;             /* blocks that got other memory: a new buffer may have an old one's address */
    bool failed;                /* a device was lost */
    uint64_t seed, seed_runs;   /* of random operators; runs since it was set */
    void *scratch;              /* owned; host memory for transfers */
    size_t scratch_size;
    pt2_observer *observer;     /* check.c: called after each launch, which then runs alone */
    void *observer_ctx;
    uint32_t noise;             /* check.c: the reference device rounds at random; 0: it does not */
    pt2_tensor *index_inputs;   /* owned; by index check: borrowed data */
    bool index_inputs_left;     /* some are not compared yet */
    bool judged;                /* indices that only weights decide were in range */
    bool timed;                 /* trace.c: launches are measured */
    struct pt2_slice *slices;   /* owned */
    uint32_t num_slices, cap_slices;
};

/* Memory of the caller that an input has been bound to for some runs: data NULL when there is none. */
struct pt2_lent {
    const void *data;           /* borrowed */
    uint64_t bytes;
    int runs;
    bool refused;               /* a device cannot use it */
    struct pt2_buf *buf[PT2_MAX_DEVICES]; /* owned */
};

struct pt2_result {
    pt2_tensor tensor;          /* its data: memory, or the device's own */
    void *memory;               /* owned */
    size_t size;
};

/* An input that the graph writes: its memory lives in the session. */
struct pt2_state {
    int graph_input;            /* of the lowered program */
    const char *name;
    struct pt2_block blocks[PT2_MAX_DEVICES];
};

/* bind.c: symbols from inputs, checks of ranges. */
PT2_MUST_USE pt2_status pt2_bind_inputs(struct pt2_session *s);
/* The tensor of an input leaf for this run: what was set, else the sample. Errors: INPUT. */
PT2_MUST_USE pt2_status pt2_session_input(struct pt2_session *s, int leaf, pt2_tensor *out);
PT2_MUST_USE pt2_status pt2_sample_tensor(const struct pt2_model *m, int leaf, pt2_tensor *out);
/* lend.c: whether devices now read the input where the caller has it; its place then says so. Errors: NOMEM, DEVICE. */
PT2_MUST_USE pt2_status pt2_lend_input(struct pt2_session *s, const struct pt2_value *v, int leaf, const void *data,
                                       bool *out_lent);
void pt2_lent_free(struct pt2_session *s, struct pt2_lent *l);
/* Where the host sees what a launch of this run wrote, until the next run; NULL when it must be copied. */
void *pt2_mapped_output(struct pt2_session *s, const struct pt2_value *v);
/* sizes.c: sizes of a value now. Errors: INPUT, INTERNAL. */
PT2_MUST_USE pt2_status pt2_value_shape(struct pt2_session *s, const struct pt2_value *v, int64_t *out);
PT2_MUST_USE pt2_status pt2_value_bytes(struct pt2_session *s, const struct pt2_value *v, uint64_t *out);

/* Gives a symbol its value for this run. Errors: INPUT: it has another one, or the value is outside its range. */
PT2_MUST_USE pt2_status pt2_bind_symbol(struct pt2_session *s, int symbol, int64_t value);
/* e is `size`: binds the one symbol of e that has no value, where e is linear in it. */
PT2_MUST_USE pt2_status pt2_solve_size(struct pt2_session *s, pt2_ex e, int64_t size);
/* True when all symbols of e have values. */
bool pt2_size_known(const struct pt2_session *s, pt2_ex e);
/* Conditions on sizes whose symbols all have values; those with this symbol, or -1: all. Errors: INPUT. */
PT2_MUST_USE pt2_status pt2_check_sizes(struct pt2_session *s, int symbol);
bool pt2_decides(pt2_ex e, int symbol); /* e has the symbol; -1: any, or none */

/* indices.c: fail with INPUT where an index is out of range: in an input's tensor, for check number `check`; in those
 * that were left for later, when launches are under way; in what the symbol was bound to (-1: inputs); in what kernels
 * found, when the run is complete. */
PT2_MUST_USE pt2_status pt2_check_index_input(struct pt2_session *s, uint32_t check, const pt2_tensor *t);
PT2_MUST_USE pt2_status pt2_check_index_inputs_left(struct pt2_session *s);
PT2_MUST_USE pt2_status pt2_check_index_symbols(struct pt2_session *s, int symbol);
PT2_MUST_USE pt2_status pt2_check_index_outputs(struct pt2_session *s);

/* place.c: memory for what an epoch makes. */
PT2_MUST_USE pt2_status pt2_place_epoch(struct pt2_session *s, const struct pt2_plan *plan, struct pt2_epoch *e);
PT2_MUST_USE pt2_status pt2_block_reserve(struct pt2_session *s, int device, struct pt2_block *b, uint64_t size);
void pt2_block_free(struct pt2_device *d, struct pt2_block *b);
/* Gives each value, whose place has its bytes, a range of its own in the blocks (one per device) of the devices that
 * need it. */
PT2_MUST_USE pt2_status pt2_place_values(struct pt2_session *s, struct pt2_block *blocks, int n,
                                         struct pt2_value *const *values);

/* model.c: pt2_model_open with an observer. */
PT2_MUST_USE pt2_status pt2_model_open_observed(const char *path, const pt2_model_params *params,
                                                pt2_observer *observer, void *ctx, struct pt2_model **out_model);

/* model.c: memory of its own for a weight, as long as the place says, on the devices that need it. */
PT2_MUST_USE pt2_status pt2_weight_memory(struct pt2_model *m, const struct pt2_value *v, struct pt2_place *place);

/* needs.c: where values are needed, from the plans. Errors: NOMEM. */
PT2_MUST_USE pt2_status pt2_find_needs(struct pt2_model *m);

/* load.c: where the load graph's operands and results are needed; running it, when weights are there. */
void pt2_load_needs(struct pt2_model *m);
PT2_MUST_USE pt2_status pt2_load_run(struct pt2_model *m);

/* session.c: a session without state. */
PT2_MUST_USE pt2_status pt2_session_new(struct pt2_model *m, struct pt2_session **out_session);

/* transfer.c */
PT2_MUST_USE pt2_status pt2_wait_device(struct pt2_session *s, int device);
PT2_MUST_USE pt2_status pt2_wait_all(struct pt2_session *s);
PT2_MUST_USE pt2_status pt2_read_value(struct pt2_session *s, const struct pt2_value *v, void *dst, uint64_t bytes);
PT2_MUST_USE pt2_status pt2_write_value(struct pt2_session *s, const struct pt2_value *v, const void *src,
                                        uint64_t bytes); /* to all devices that need it */
PT2_MUST_USE pt2_status pt2_copy_value(struct pt2_session *s, const struct pt2_value *dst, const struct pt2_value *src);
PT2_MUST_USE pt2_status pt2_make_valid(struct pt2_session *s, const struct pt2_value *v, int device);

/* Notes where in the program a failure arose: operator, node, Python line. Nothing when `n` is NULL. */
pt2_status pt2_note_origin(pt2_status status, const struct pt2_pnode *n);

/* run.c */
PT2_MUST_USE pt2_status pt2_run_graph(struct pt2_session *s, uint32_t graph);
/* control.c: ITEM, CALL and LOOP. */
PT2_MUST_USE pt2_status pt2_run_host_step(struct pt2_session *s, const struct pt2_step *step);
void pt2_plan_state_free(struct pt2_session *s, struct pt2_plan_state *p);

/* trace.c: adds the times of a segment that was submitted; `first`: its first step. */
PT2_MUST_USE pt2_status pt2_collect_times(struct pt2_session *s, const struct pt2_plan *plan, uint32_t first,
                                          const struct pt2_segment *seg);

/* state.c */
PT2_MUST_USE pt2_status pt2_states_create(struct pt2_session *s);
PT2_MUST_USE pt2_status pt2_states_commit(struct pt2_session *s);
void pt2_states_free(struct pt2_session *s);

#endif
