/* SPDX-License-Identifier: MIT
 *
 * What the forms of attention share. For each block of keys: scores of a tile of rows, what the graph does to them,
 * their exponentials under the maximum so far, and the sums of their products with v. `largest`, `total` and `mixed`
 * of each row are kept from block to block; when the maximum grows from a to b, what was summed is multiplied by
 * exp(a - b). While a row has no key but -inf, 0 stands for its maximum, so that no infinity is subtracted from
 * another; in the end everything is multiplied by exp(that - the graph's own shift), which is 1, or what makes the
 * graph's NaN.
 */
#ifndef PT2_KERNEL_ATTENTION_TEXT_H
#define PT2_KERNEL_ATTENTION_TEXT_H

#include "kernel/attention.h"
#include "kernel/contract_text.h"

struct att {
    struct render *r;
    const struct pt2_attention *a;
    const struct pt2_stage *stages;
    struct pt2_axes batch, rows, cols, depth, key;
    pt2_ex q, k, v, masked;
    pt2_ex last; /* no key behind it takes part in a row; NULL: all may */
};

/* A loop over places of a block: `name` counts from 0 to `count`; its place in the space of `axes` is `place` + name,
 * or the one before `last` where that is behind it. */
struct loop {
    const struct pt2_axes *axes;
    char name;
    const char *count, *place, *last;
};

/* Opens the loop, with the indices of its axes; `before` (or NULL) is a line at its beginning. */
void pt2_open_loop(struct render *r, const struct loop *l, const char *before);
/* target[outer * pitch + inner] = e in two loops; `before` is of the inner one. */
void pt2_say_panel(struct att *p, pt2_ex e, const char *target, int pitch, const struct loop *outer,
                   const struct loop *inner, const char *before);
/* Of a tile: its batch, first row, and how many rows are inside. */
void pt2_say_rows(struct att *p);
/* Of row y: what its `largest` and `total` become; and of a column of it, whose sum is the text `mixed`: the result. */
void pt2_say_row_sums(struct att *p);
void pt2_say_result(struct att *p, const char *mixed);
/* Both, in loops over the rows and columns; the sums are mixed[y * pitch + x]. */
void pt2_say_results(struct att *p, int pitch);

/* The last key whose score is not -inf, of the row whose indices the score has; NULL: not known (attention_keys.c). */
pt2_ex pt2_attention_last_key(struct pt2_exprs *E, pt2_ex masked);
/* Where the tile is known: `keys` become those up to the last one that takes part. */
void pt2_say_last_keys(struct att *p);
/* What a group knows of each row of its tile: the largest score, the total, the last key. */
void pt2_say_row_arrays(struct att *p);
/* What a group copies to shared memory: a factor over `count` rows (keys) from `first`, the last of which is the one
 * before `end`, and `size` places of `inner` from the number `from` on, the last of which is the one before `most`.
 * `put` is a line with the place x, the inner number k and the value v: of a place, or of four neighbours as halves. */
struct copy {
    pt2_ex value;
    const struct pt2_axes *outer, *inner;
    const char *first, *end, *put;
    int count, size, from, most;
    bool fours;
};
void pt2_say_copy(struct att *p, const struct copy *y);
/* "name = e;"; `fours` (or NULL) is the type as which pt_fetch4_ reads it and its three neighbours. */
void pt2_say_factor(struct render *r, const char *name, pt2_ex e, const char *fours);
/* What the graph does to scores, in the loop that the line `loop` opens: of row y, whose axes' indices are known unless
 * the line `place` (or NULL) gives y, and the key at place x of the block. `score` and `put` are lines that set the
 * score's register, and that take what the graph makes of it as v. */
struct masked {
    const char *loop, *place, *score, *put;
};
void pt2_say_masked(struct att *p, const struct masked *m);
/* Of a row, whose largest score was `before` this block, and is `most`: what is subtracted from scores, and what sums
 * so far are multiplied by. */
void pt2_say_growth(struct att *p);
/* The results of a group's rows in `count` columns from the text `first` on, whose sums are the text `mixed` of y and
 * x, behind the line `before` (or NULL). */
struct results {
    const char *first;
    int count;
    const char *before, *mixed;
};
void pt2_say_group_results(struct att *p, const struct results *y);

void pt2_attention_packed(struct att *p);
void pt2_attention_shared(struct att *p);
void pt2_attention_registers(struct att *p);
void pt2_attention_matrices(struct att *p);

#endif
