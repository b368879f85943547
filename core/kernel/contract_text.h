/* SPDX-License-Identifier: MIT
 *
 * What the forms of tiled contractions share: lines of text, index spaces of several axes, the place of a tile. One
 * file writes one form (contract_packed.c, contract_registers.c, contract_shared.c with contract_matrices.c);
 * contract_text.c has the rest.
 */
#ifndef PT2_KERNEL_CONTRACT_TEXT_H
#define PT2_KERNEL_CONTRACT_TEXT_H

#include "kernel/contract.h"

/* A line. "{" at its end opens a block, "}" at its start closes one. */
void pt2_say(struct render *r, const char *fmt, ...) PT2_PRINTF(2, 3);
/* Begins a line; ends it. */
void pt2_say_begin(struct render *r, const char *fmt, ...) PT2_PRINTF(2, 3);
void pt2_say_end(struct render *r, const char *s);
/* A line that ends with an expression: "float x = <e>;". */
void pt2_say_value(struct render *r, const char *before, pt2_ex e);

/* A size is a parameter, or a number that is the same for all shapes of the kernel. */
struct number { char text[24]; };
struct number pt2_number(pt2_ex e);

/* Sets the indices of the axes at place `q` of their space: "<begin><var><end> = ...". */
void pt2_say_split(struct render *r, const struct pt2_axes *a, const char *begin, const char *end);
/* Tables of the indices of the tile's rows or columns; those beyond the edge are the last. */
void pt2_say_tables(struct render *r, const struct pt2_axes *a, int size, const char *start, const char *count);
void pt2_say_from_table(struct render *r, const struct pt2_axes *a, const char *place);
void pt2_set_levels(struct render *r, const struct pt2_axes *a, int level);

struct tile {
    struct render *r;
    const struct pt2_contract *c;
    struct pt2_axes batch, rows, cols, depth;
    pt2_ex a, b;
};

/* Of a tile: its size, its first row and column, and how many of each are inside. */
void pt2_say_tile_place(struct tile *p);
/* What follows the sum of a row and a column, which is the text `sum`; which is sum[y * pitch + x]. */
void pt2_say_stages(struct tile *p, const char *sum);
void pt2_say_tile_stages(struct tile *p, const char *pitch);

/* PACKED: whether a factor is read where it lies; else what copies it to a panel. */
bool pt2_rows_in_place(const struct tile *p);
bool pt2_cols_in_place(const struct tile *p);
void pt2_say_row_panel(struct tile *p);
void pt2_say_col_panel(struct tile *p);

/* Opens two loops over the elements `from` to `to`, which are j + l: by whole vectors, the last of which may do some
 * elements again; fewer than a vector has one by one. */
void pt2_say_whole_vectors(struct tile *p, const char *from, const char *to);
/* PACKED: the arrays of panels and sums; the table of taps; the stages behind the sums, of which there are `count` from
 * column `first` on. */
void pt2_say_arrays(struct tile *p);
void pt2_say_taps(struct tile *p);
void pt2_say_packed_results(struct tile *p, const char *first, const char *count);

void pt2_contract_packed(struct tile *p);
void pt2_contract_lines(struct tile *p);
void pt2_contract_registers(struct tile *p);
void pt2_contract_shared(struct tile *p); /* MATRICES too, with these: */
void pt2_matrices_sums(struct tile *p);
void pt2_matrices_products(struct tile *p);
void pt2_matrices_results(struct tile *p);

/* SHARED, DOTS, MATRICES: a panel in shared memory, of rows (0) or columns. */
struct pt2_panel_layout {
    const char *type, *vector; /* of its parts; of what is copied at once */
    int width;                 /* elements of a part */
    int step, place;           /* elements from one step of the depth, one row (column) to the next */
    int count;                 /* parts */
};
struct pt2_panel_layout pt2_panel_layout(const struct pt2_contract *c, int side);

#endif
