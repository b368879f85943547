/* SPDX-License-Identifier: MIT
 *
 * Contractions: sums of products of two factors, of which some output axes (rows) move only the one and others
 * (columns) only the other, as in matrix products and convolutions:
 *
 *     sum(batch, row, col) = Σ over depth of a(batch, row, depth) * b(batch, col, depth)
 *
 * A kernel for one computes a tile of rows and columns at a time, so that each element of a factor that it reads
 * serves many products. Rows, columns, batch and depth are each the row-major space of several axes. The factors
 * are any expressions: the kernel evaluates them element by element where it fetches a tile.
 *
 * In such a kernel outer axis k is VAR PT2_OUTER_AXIS + k; its points are tiles; stage 0 is the sum, and the stages
 * behind it run for each element of the tile.
 */
#ifndef PT2_KERNEL_CONTRACT_H
#define PT2_KERNEL_CONTRACT_H

#include "backend.h"
#include "kernel/bounds.h"
#include "kernel/tiles.h"

enum pt2_axis_role { PT2_AXIS_BATCH, PT2_AXIS_ROW, PT2_AXIS_COL, PT2_AXIS_ROLES };

enum pt2_contract_form {
    PT2_CONTRACT_PACKED,    /* one invocation per tile: copies panels of the factors, multiplies by wide vectors */
    PT2_CONTRACT_REGISTERS, /* a small tile per invocation, operands straight from the buffers */
    PT2_CONTRACT_SHARED,    /* a tile per group, operands through shared memory */
    PT2_CONTRACT_DOTS,      /* likewise, four steps of the depth in a word: factors that are bytes */
    PT2_CONTRACT_MATRICES,  /* likewise, multiplied by cooperative matrices: factors that are halves */
};

/* How a kernel reads a factor. */
enum pt2_along {
    PT2_ALONG_NONE,  /* element by element, whatever expression it is */
    PT2_ALONG_DEPTH, /* a buffer, four neighbours along the last axis of the depth at a time */
    PT2_ALONG_SIDE,  /* a buffer, four neighbouring rows (columns) at a time; the last ones may be beyond the edge */
};

/* Axes whose row-major space is walked. */
struct pt2_axes {
    int n;
    int var[2 * PT2_MAX_RANK];
    pt2_ex extent[2 * PT2_MAX_RANK];
};

/* PACKED: how a factor is evaluated over a stretch of the depth and the tile's rows or columns. Neighbouring axes are
 * one wherever the factor needs no division then. */
struct pt2_panel {
    struct pt2_axes side, depth;
    bool deep;                    /* the depth is one axis and the one to run along; else the side's last axis is */
    pt2_ex value;
    struct pt2_bounds bounds;     /* of the value, along the side's last axis */
    int step;                     /* what runs evaluate is a LOAD of each so many elements; 0: it is something else */
    pt2_ex unread;                /* nothing reads behind this place of the side's last axis; NULL: all is read */
    pt2_ex base;                  /* a plain LOAD: its index where the running axis is 0; NULL: it is none */
    pt2_ex pitch;                 /* of columns that may be read in place: from one step of the depth to the next */
};

/* PACKED: the columns' factor slides windows over its last axes: it depends on step * column + dilation * tap only.
 * It is evaluated once for each position, a step of the windows at a time: the columns' axes are longer by the
 * windows' reach, and each tap is an offset. Positions between the end of one axis and the start of the next are
 * computed and not stored. */
struct pt2_windows {
    int n; /* axes; 0: no windows */
    struct pt2_window { pt2_ex size, span, step, dilation, taps; } axis[PT2_MAX_RANK];
    pt2_ex taps, phases, reach, positions; /* of all axes together; reach: the farthest tap, in positions */
};

/* Sums of a REGISTERS tile: more make compiling slow, and gain little. */
enum { PT2_MAX_SUMS = 128 };

/* SHARED: floats behind a row of a panel, so that columns do not begin in the same banks of memory. */
enum { PT2_SHARED_PAD = 4 };
/* MATRICES: subgroups of a group along rows and along columns; matrices of sums of a subgroup, likewise, at most;
 * halves behind a row of a panel, so that rows do not begin in the same banks of memory, but where 16 bytes begin. */
enum { PT2_MATRIX_SIDE = 2, PT2_MATRIX_EACH = 4, PT2_MATRIX_PAD = 8 };

struct pt2_contract {
    enum pt2_contract_form form;
    struct pt2_tiles ask;                       /* tiles that the chooser is to take where it can */
    uint32_t bucket;                            /* of the sizes: six bits each for the next power of two */
    int rank;
    bool swapped;                               /* the second factor of the product is the one of the rows */
    enum pt2_axis_role role[2 * PT2_MAX_RANK];  /* of each outer axis */
    pt2_ex extent[2 * PT2_MAX_RANK];            /* the kernel's builder turns these into parameters, and the next two */
    pt2_ex size[PT2_AXIS_ROLES];                /* product of the extents of each role */
    pt2_ex depth;
    /* SHARED and those like it: the factor of rows, of columns is copied along the depth, whose last axis is
     * contiguous there. */
    bool deep[2];
    int invocations; /* of a group */
    /* All but PACKED: how the factors of rows and of columns are read, the buffers where that is by vectors; along the
     * side: the number of last axes over which elements are neighbours, and their vectors. REGISTERS: the steps along
     * the last axis of the depth that are taken together, and how often (NULL: as that axis has it). */
    enum pt2_along along[2];
    int fetched_buf[2];
    int near[2];
    pt2_ex quarter[2];
    int unroll;
    pt2_ex steps;
    int tile_rows, tile_cols, tile_depth;       /* of a point, DOTS: in words; PACKED has parameters: */
    pt2_ex tile[3];
    /* The factors of rows and of columns at several rows and columns, each of which has VARs of its own from
     * first_var up: REGISTERS: all of the tile, others: those of an invocation's copies. Where a factor is
     * read by vectors, the number of a vector. REGISTERS: all places of one step, then of the next. */
    int num_places[2], first_var[2];
    pt2_ex *places[2];                          /* parameters are made in these too */
    int across;                                 /* SHARED: invocations along a row, and along a column */
    struct pt2_matrices matrix;                 /* MATRICES: the device's */
    int panel_block;                            /* columns of a panel, were there panels; 0: not wanted */
    /* PACKED */
    int panels;                                 /* the buffer that has columns in panels; -1: none */
    struct pt2_panel panel[2];                  /* of rows, of columns */
    struct pt2_windows windows;
    bool lines;                                 /* there are windows and no rows: an invocation takes several tiles */
    pt2_ex each, tiles;                         /* so many of so many, where there are lines */
    struct pt2_axes stores;                     /* the columns, for the stages behind the sum */
    pt2_ex channels;                            /* the part of the depth that is no tap of a window */
    int lanes, block_rows, block_vectors;       /* of the sums that are kept in registers */
    bool direct_cols;                           /* columns are read in place, where storage allows it */
};

/* What a kernel over `stages` would be as a tiled contraction; NULL: it is none, or too small for tiles to pay.
 * `panels`: the buffer that is the columns' factor, [block of panel_block columns, depth, column], with whole blocks;
 * -1: the columns are not in panels. */
struct pt2_contract *pt2_contract_find(struct pt2_module *m, struct pt2_stage *stages, int num_stages, int rank,
                                       const pt2_ex *extents, const struct pt2_kernel_buf *bufs,
                                       int panels, const struct pt2_caps *caps, struct pt2_tiles ask);
/* Axes of a role that have more than one index. */
int pt2_contract_num_axes(const struct pt2_contract *c, enum pt2_axis_role role);
/* These axes: their VARs and extents. */
int pt2_contract_side(const struct pt2_contract *c, enum pt2_axis_role role, int *vars, pt2_ex *extents);
/* Chooses how a REGISTERS kernel reads the factors, and its tile; makes the places. */
void pt2_contract_choose_registers(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum,
                                   const struct pt2_kernel_buf *bufs, const struct pt2_caps *caps);
/* The factor of rows (0) or columns: floats, DOTS: integers. */
pt2_ex pt2_contract_factor(const struct pt2_contract *c, const struct pt2_stage *sum, int side);
/* How such a factor can be read; notes where, and the number of vectors along the side. */
enum pt2_along pt2_contract_choose_along(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_stage *sum,
                                         int side, const struct pt2_kernel_buf *bufs);
/* A factor's index at a group of four rows (columns), as the number of a vector. They have VARs from first_var up, the
 * last `near` axes one that counts vectors. */
pt2_ex pt2_contract_at_fours(struct pt2_exprs *E, const struct pt2_contract *c, pt2_ex index, int side, int first_var);
/* SHARED, DOTS or MATRICES: chooses which, and the tile; makes the places of its copies. */
void pt2_contract_choose_groups(struct pt2_module *m, struct pt2_contract *c, const struct pt2_stage *sum,
                                const struct pt2_kernel_buf *bufs, const struct pt2_caps *caps);
/* MATRICES: whether the tile's panels have room, and the group copies them in equal turns. */
bool pt2_matrices_possible(const struct pt2_contract *c, const struct pt2_caps *caps);
/* MATRICES: floats of the sums that are finished together: those of one row of matrices of each subgroup. */
static inline int pt2_contract_strip(const struct pt2_contract *c)
{
    return PT2_MATRIX_SIDE * c->matrix.m * c->tile_cols;
}
/* A factor at a row (column) that has VARs of its own from first_var up. */
pt2_ex pt2_contract_at_place(struct pt2_exprs *E, const struct pt2_contract *c, pt2_ex factor, enum pt2_axis_role role,
                             int first_var);
/* Calls `size` for each size and `value` for each other expression that the contract owns beside the stages. */
void pt2_contract_each(struct pt2_contract *c, void (*size)(void *ctx, pt2_ex *e), void (*value)(void *ctx, pt2_ex *e),
                       void *ctx);
/* An index over axes in row-major order: how many of the last ones count neighbours together, in vectors of four that
 * begin at multiples of four, 0 when none do. A vector may reach beyond the end of all of the axes. */
int pt2_neighbours(struct pt2_exprs *E, pt2_ex index, int n, const int *vars, const pt2_ex *extents);
/* The most that a size can be, no more than 2^20: for estimates, whose products do not overflow then. */
static inline int64_t pt2_contract_bounded(pt2_ex size) { return size->hi < 1 << 20 ? size->hi : 1 << 20; }
/* How many of size `part` hold `size`. */
pt2_ex pt2_contract_parts(struct pt2_exprs *E, pt2_ex size, pt2_ex part);
/* Number of tiles, or of stretches of them: an expression over what `extents` were. */
pt2_ex pt2_contract_points(struct pt2_exprs *E, const struct pt2_contract *c);
/* Invocations per group. */
int pt2_contract_local_size(const struct pt2_contract *c);
void pt2_contract_render(struct render *r);

#endif
