/* SPDX-License-Identifier: MIT
 *
 * Reading the text forms of expressions and graphs (docs/graph-text.md).
 *
 * A reader stands somewhere in a text. The first error is kept in `status`, with the line in its message; from then
 * on nothing matches and expressions are the number 0, so that callers need to look only now and then.
 */
#ifndef PT2_EXPR_PARSE_H
#define PT2_EXPR_PARSE_H

#include "expr/expr.h"

struct pt2_reader {
    struct pt2_exprs *E;
    const char *at;           /* borrowed text, NUL-terminated */
    int line, depth;
    pt2_status status;
    int num_vars;             /* variables that an expression may use: i0 … */
    const pt2_ex *extents;    /* their extents */
    /* LOAD of value `id`; reports values that do not exist. NULL: no loads here. */
    pt2_ex (*load)(struct pt2_reader *r, int64_t id, int n, const pt2_ex *index);
    void *ctx;                /* of `load` */
    PT2_VEC(pt2_ex) names;    /* t0 … of the current block */
};

void pt2_read_fail(struct pt2_reader *r, const char *what);  /* "expected <what>" */
bool pt2_read_word(struct pt2_reader *r, const char *word);  /* takes it if it is next; whole words only */
void pt2_read_expect(struct pt2_reader *r, const char *word);
bool pt2_read_numbered(struct pt2_reader *r, char letter, int64_t *out_number); /* v12 */
bool pt2_read_number_next(struct pt2_reader *r);             /* a number is next; takes nothing */
int64_t pt2_read_int(struct pt2_reader *r);
double pt2_read_float(struct pt2_reader *r);                 /* also nan, inf, -inf */
const char *pt2_read_name(struct pt2_reader *r);             /* identifier or "quoted", in E's arena; "" on error */
bool pt2_read_end(struct pt2_reader *r);                     /* nothing but blanks and comments is left */
pt2_ex pt2_read_expr(struct pt2_reader *r);

/* Names that need no quotes; of symbols also: that cannot be taken for something else. */
bool pt2_is_plain_name(const char *name);
bool pt2_is_plain_symbol(const char *name);
void pt2_str_quote(struct pt2_str *out, const char *text);
void pt2_symbol_print(const char *name, struct pt2_str *out);
const char *pt2_expr_type_name(int dtype); /* "f32"; PT2_IDX: "idx" */

#endif
