/* SPDX-License-Identifier: MIT
 *
 * Tree specs: how the arguments and the result of the exported module nest, as torch.utils._pytree writes it.
 */
#ifndef PT2_ARCHIVE_TREESPEC_H
#define PT2_ARCHIVE_TREESPEC_H

#include "base/arena.h"

struct pt2_tree {
    const char *type;       /* NULL: a leaf */
    uint32_t num_children;
    struct pt2_tree *children;
    const char **keys;      /* one per child, where the container has names for them; else NULL */
    uint32_t num_leaves;    /* below, or 1 for a leaf */
};

/* `text` is the string "[1, {...}]". `fields`: treespec_namedtuple_fields as JSON, may be NULL. Errors: FORMAT. */
struct pt2_at;
PT2_MUST_USE pt2_status pt2_tree_parse(struct pt2_arena *arena, const char *text, const struct pt2_at *fields,
                                       struct pt2_tree *out_tree);

/* Names of all leaves below `tree`, in order, appended to names[*n]: `base` and then "[0]" or ".key" for each level. */
void pt2_tree_names(struct pt2_arena *arena, const struct pt2_tree *tree, const char *base, const char **names,
                    uint32_t *n);

#endif
