/* SPDX-License-Identifier: MIT
 *
 * Points shared by a team of lanes.
 *
 * Where a point has long loops (a row of a softmax, the elements of a mean), one invocation that walks them alone
 * leaves a device idle: neighbouring invocations read far apart, and vector registers hold one element each. Here the
 * lanes of a team share out the last loop of a stage, each takes every lanes-th element, and what they have reduced is
 * combined at the end. Stages without such a loop are computed by every lane alike.
 *
 * The same struct says how other kernels take neighbouring points at once: four in pointwise ones everywhere but on
 * wide vectors, and in those with loops on processors that run shaders; as many as vectors have lanes in those with
 * loops on wide vectors; and how a contraction stores four columns at once.
 */
#ifndef PT2_KERNEL_ROWS_H
#define PT2_KERNEL_ROWS_H

#include "backend.h"
#include "kernel/bounds.h"

enum pt2_rows_form {
    PT2_ROWS_VECTOR, /* a point per invocation; lanes are elements of small arrays, which become vector registers */
    PT2_ROWS_GROUP,  /* a point per group; lanes are its invocations, and combine what they have: `swaps`, or memory */
    PT2_ROWS_QUADS,  /* four neighbouring points per invocation */
    PT2_ROWS_LANES,  /* a stretch of neighbouring points per invocation, as lanes of vectors (rows_lanes.c) */
    PT2_ROWS_TILE,   /* what stands behind a contraction's sum, at four neighbouring columns */
};

enum { PT2_PLACES = 4 };

/* How the lanes do a stage. Place k of a lane that takes four elements at a time is the element 4 * VAR + k. */
struct pt2_rows_stage {
    bool shared; /* the lanes share out the last loop */
    int places;  /* 1, or PT2_PLACES: the last loop (QUADS: an outer axis) counts fours */
    bool apart;  /* STORE: the places are not neighbours from a multiple of four on */
    pt2_ex body[PT2_PLACES], index[PT2_PLACES];
    pt2_ex position[PT2_PLACES]; /* ARGMAX, ARGMIN: in the space of the loops */
    struct pt2_bounds bounds;    /* LANES, of a reduction: outside of them it does not change */
    int step;                    /* LANES, of a reduction of a plain LOAD: from one point's element to the next one's */
};

/* A LOAD that is part `part` of the four elements that start at the LOAD `first`. */
struct pt2_quad {
    pt2_ex element, first;
    int part;
};

/* QUADS: the register of a stage at a place. */
static inline int pt2_place_reg(int num_stages, int stage, int place)
{
    return num_stages + PT2_PLACES * stage + place;
}

struct pt2_rows {
    enum pt2_rows_form form;
    int lanes;  /* of a team */
    int points; /* of a group, one after the other */
    bool swaps; /* GROUP: the lanes are a subgroup, which swaps values of four bytes rather than share memory */
    struct pt2_rows_stage *stages; /* as many as the kernel has */
    PT2_VEC(struct pt2_quad) quads;
    pt2_ex line, stretch; /* LANES: points of a line; where the stretch starts in it */
};

/* How a kernel over `stages` is best shared out; NULL: one invocation per point. Outer axis k is VAR PT2_OUTER_AXIS
 * + k. Merges loops, and outer axes, that are one contiguous walk; makes them count fours: `rank`, `extents` and the
 * stages' loops change. */
struct pt2_rows *pt2_rows_find(struct pt2_module *m, struct pt2_stage *stages, int num_stages,
                               const struct pt2_kernel_buf *bufs, int *rank, pt2_ex *extents,
                               const struct pt2_caps *caps);
/* The stages behind a contraction's sum at four neighbouring columns, whose index (over axes `vars`) is 4 * the last of
 * these VARs + place; the sum at place k is register num_stages + k. Registers between stages are substituted: only the
 * stores remain. NULL: the results do not lie so. */
struct pt2_rows *pt2_rows_tile(struct pt2_module *m, const struct pt2_stage *stages, int num_stages,
                               const struct pt2_kernel_buf *bufs, int num_axes, const int *vars, const pt2_ex *extents);
/* Calls `fn` for each expression that `rows` has beside the stages. */
void pt2_rows_exprs(struct pt2_rows *rows, int num_stages, pt2_ex (*fn)(void *ctx, pt2_ex e), void *ctx);
void pt2_rows_render(struct render *r);
/* LANES: makes `rows` and the stages so, and the last of `extents` count stretches, where that pays; the text. */
bool pt2_rows_lanes_find(struct pt2_exprs *E, struct pt2_stage *stages, int num_stages, int rank, pt2_ex *extents,
                         const struct pt2_caps *caps, struct pt2_rows *rows);
void pt2_rows_lanes_render(struct render *r);
/* A store of TILE: counts its expressions; writes it. */
struct body pt2_rows_count_stored(struct render *r, struct body b, int number);
void pt2_rows_say_stored(struct render *r, int number);

#endif
