/* SPDX-License-Identifier: MIT
 *
 * Attention: a softmax between two contractions, computed in one kernel that never has the scores in memory.
 *
 *     score(batch, row, key)  = Σ over depth of q(batch, row, depth) * k(batch, key, depth)
 *     masked(batch, row, key) = any function of the score and of the place: scale, mask, bias, causal
 *     largest(batch, row)     = the maximum of masked over the keys
 *     total(batch, row)       = Σ over the keys of exp(masked - shift), where shift is a function of largest
 *     mixed(batch, row, col)  = Σ over the keys of exp(masked - shift) * v(batch, key, col)
 *     result(batch, row, col) = any function of the three, linear in mixed: the quotient, zeros for a row without keys
 *
 * What is found is the form, not an operator: the expressions are the graph's own, with its pointwise nodes
 * substituted. The kernel takes the keys in blocks: sums so far are scaled whenever a block has a larger maximum.
 *
 * The expressions are over these variables: outer axis k of the result is VAR PT2_OUTER_AXIS + k, the key is VAR
 * PT2_KEY_AXIS, the axes of the depth are VAR 1 …; and over the registers of enum pt2_attention_stage, which are the
 * kernel's first stages. The stages behind them run for each element of the result. */
#ifndef PT2_KERNEL_ATTENTION_H
#define PT2_KERNEL_ATTENTION_H

#include "kernel/contract.h"

enum { PT2_KEY_AXIS = PT2_OUTER_AXIS - 1, PT2_MAX_HEAD = 256, PT2_LEAST_PART = 64 /* keys */ };

enum pt2_attention_stage {
    PT2_ATT_SCORE,  /* SUM over the depth of q * k */
    PT2_ATT_MASKED, /* MAX over the keys */
    PT2_ATT_SHIFT,
    PT2_ATT_TOTAL,  /* SUM over the keys of the exponential */
    PT2_ATT_MIXED,  /* SUM over the keys; the body is v alone */
    PT2_ATT_RESULT,
    PT2_ATT_STAGES,
};

struct pt2_attention {
    int rank;                                  /* outer axes: those of the result, then those of groups */
    enum pt2_axis_role role[2 * PT2_MAX_RANK]; /* q, masked: rows; v: columns; k and what several have: batch */
    pt2_ex extent[2 * PT2_MAX_RANK];
    pt2_ex outer[PT2_MAX_RANK];                /* the result's axes, over these */
    pt2_ex size[PT2_AXIS_ROLES];               /* product of the extents of each role */
    pt2_ex keys;
    struct pt2_stage stages[PT2_ATT_STAGES];
    int depth, width;                          /* numbers of the depth and of the columns */
    pt2_dtype dtype;                           /* of the result, before what other nodes make of it */
    pt2_ex sums[2];                            /* `largest` and `total` as LOADs of values that have one for each row,
                                                * which others may read too; NULL: there is none */
    /* Chosen for a device, from the kernel's stages: */
    bool swapped;                              /* the second factor of the score is q */
    enum pt2_contract_form form;               /* PACKED, SHARED; REGISTERS: few rows; MATRICES: halves */
    int tile_rows, tile_keys;
    int lanes, block_rows, block_vectors;      /* PACKED: of the sums that are kept in registers */
    int invocations;                           /* REGISTERS, MATRICES: of a group */
    bool fours[2];                             /* likewise: k along the depth, v along the columns is read by vectors */
    struct pt2_matrices matrix;                /* MATRICES: the device's */
};

/* SHARED: invocations that have the same rows, and the rows of one. */
enum { PT2_ATT_ACROSS = 16, PT2_ATT_ROWS = 4 };

/* Chooses the form and the tiles; false: the device does not run it, or its parts faster. On GPUs an axis of queries
 * that share k and v becomes two, of which the inner one are rows. */
bool pt2_attention_choose(struct pt2_module *m, struct pt2_attention *a, const struct pt2_caps *caps);
/* What depends on how the kernel's stages read its buffers; marks those that are fetched from. */
void pt2_attention_choose_reading(struct pt2_exprs *E, struct pt2_attention *a, const struct pt2_stage *stages,
                                  struct pt2_kernel_buf *bufs, const struct pt2_caps *caps);
/* Into how many parts the keys should be cut, each an attention of its own, so that the device is full; 1: none. */
int64_t pt2_attention_parts(struct pt2_module *m, const struct pt2_attention *a, const struct pt2_caps *caps);
/* Whether a place is in the first column; NULL: there is no other. */
pt2_ex pt2_attention_first_column(struct pt2_exprs *E, const struct pt2_attention *a);
/* Number of tiles: an expression over what the extents were. */
pt2_ex pt2_attention_tiles(struct pt2_exprs *E, const struct pt2_attention *a);
int pt2_attention_local_size(const struct pt2_attention *a);
/* Of the tiles that are chosen, in these forms. */
uint32_t pt2_attention_shared_bytes(const struct pt2_attention *a);
uint32_t pt2_attention_registers_bytes(const struct pt2_attention *a);
uint32_t pt2_attention_matrices_bytes(const struct pt2_attention *a);
/* MATRICES: registers that an invocation has for matrices, about. */
int pt2_attention_matrices_registers(const struct pt2_attention *a);
void pt2_attention_render(struct render *r);

#endif
