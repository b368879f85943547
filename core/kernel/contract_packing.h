/* SPDX-License-Identifier: MIT
 *
 * How the packed form of contractions walks its factors: found by contract_packing.c, written by contract_packed.c.
 */
#ifndef PT2_KERNEL_CONTRACT_PACKING_H
#define PT2_KERNEL_CONTRACT_PACKING_H

#include "kernel/contract.h"

enum {
    PT2_PANEL_FLOATS = 256 * (256 + 16), /* room for a panel */
    PT2_SUM_FLOATS = 256 * 256,          /* for the sums of a tile */
    PT2_PANEL_PAD = 16,                  /* between the rows of a panel, so that they do not share cache sets */
    PT2_MAX_TILE_ROWS = 256,
    PT2_MAX_TILE_COLS = 2048,
    PT2_MAX_TAPS = 512,
};

/* Fills in what only the packed form has, from the axes' roles, and merges axes in the stages. False, and the stages as
 * they were: it would not pay. */
bool pt2_packing_find(struct pt2_exprs *E, struct pt2_contract *c, struct pt2_stage *stages, int num_stages);
/* Chooses the block of sums and the tiles of a PACKED kernel (contract_tiles.c). */
void pt2_packing_choose(struct pt2_exprs *E, struct pt2_contract *c, const struct pt2_caps *caps);

#endif
