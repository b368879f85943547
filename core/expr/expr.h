/* SPDX-License-Identifier: MIT
 *
 * Scalar expressions: one algebra for shapes (`2*s0 + 1`), for the indices inside kernels (`(i0*14 + i1) % 196`) and
 * for what a kernel computes (`max(load(v3, i0, i1) * 0.5, 0)`).
 *
 * An expression is an immutable, typed, hash-consed node: two equal expressions are one pointer, so equality is `==`,
 * and a memo table over `id` costs an array. The constructors simplify as they build; there is no other simplifier.
 *
 * Types are pt2_dtype restricted to those that kernels compute in (bool, the integers, float32, float64), and PT2_IDX,
 * the type of sizes and indices: an integer that never overflows. Data integers wrap at their width; only PT2_IDX
 * arithmetic is reassociated and its divisions cancelled.
 *
 * Leaves:
 *   CONST   a number
 *   SYM     a size symbol of the module, known before a run (or before the part of a run that needs it)
 *   VAR     an index variable: axis number and extent; its value is in [0, extent)
 *   LOAD    element of a graph value at integer indices, which may contain LOADs themselves (a gather).
 *           In a kernel: element of a buffer at one linear index.
 *   PARAM, REG   only in kernels: an int32 argument of the launch (int64: two of them, the high word first); the result
 *           of an earlier stage
 *
 * Thread-safety: one thread at a time per pt2_exprs; finished expressions may be read by any thread.
 */
#ifndef PT2_EXPR_EXPR_H
#define PT2_EXPR_EXPR_H

#include "base/arena.h"
#include "base/dtype.h"

enum { PT2_IDX = PT2_DTYPE_COUNT };

/* clang-format off */
/* name, operands, text. Operands and result have one type unless said otherwise. */
#define PT2_EXPR_OPS(X) \
    /* leaves */ \
    X(CONST, 0, "const") X(SYM, 0, "sym") X(VAR, 1, "var") X(LOAD, -1, "load") X(PARAM, 0, "param") X(REG, 0, "reg") \
    /* any type to any type: PyTorch's conversion (float to integer truncates, to bool is != 0) */ \
    X(CAST, 1, "cast") \
    /* same-size bits */ \
    X(BITCAST, 1, "bitcast") \
    /* float32 rounded to the storage type `i` (float16, bfloat16, float8) and back */ \
    X(ROUNDTO, 1, "roundto") \
    /* numbers; integers wrap; MIN and MAX of floats: NaN if either is NaN */ \
    X(NEG, 1, "neg") X(ABS, 1, "abs") X(ADD, -1, "add") X(SUB, 2, "sub") X(MUL, -1, "mul") \
    X(MIN, 2, "min") X(MAX, 2, "max") X(POW, 2, "pow") \
    /* Python's // and %, also of floats */ \
    X(FLOORDIV, 2, "floordiv") X(FLOORMOD, 2, "floormod") \
    /* C's / and %; of floats: trunc(a/b), fmod */ \
    X(TRUNCDIV, 2, "truncdiv") X(REM, 2, "rem") \
    /* integers */ \
    X(GCD, 2, "gcd") \
    /* floats only; ROUND: half to even; ZETA: Hurwitz's */ \
    X(DIV, 2, "div") X(SQRT, 1, "sqrt") X(RSQRT, 1, "rsqrt") X(EXP, 1, "exp") X(EXP2, 1, "exp2") \
    X(EXPM1, 1, "expm1") X(LOG, 1, "log") X(LOG2, 1, "log2") X(LOG10, 1, "log10") X(LOG1P, 1, "log1p") \
    X(SIN, 1, "sin") X(COS, 1, "cos") X(TAN, 1, "tan") X(ASIN, 1, "asin") X(ACOS, 1, "acos") X(ATAN, 1, "atan") \
    X(SINH, 1, "sinh") X(COSH, 1, "cosh") X(TANH, 1, "tanh") \
    X(ASINH, 1, "asinh") X(ACOSH, 1, "acosh") X(ATANH, 1, "atanh") \
    X(ERF, 1, "erf") X(ERFC, 1, "erfc") X(ERFINV, 1, "erfinv") X(LGAMMA, 1, "lgamma") X(DIGAMMA, 1, "digamma") \
    X(FLOOR, 1, "floor") X(CEIL, 1, "ceil") X(TRUNC, 1, "trunc") X(ROUND, 1, "round") \
    X(ATAN2, 2, "atan2") X(NEXTAFTER, 2, "nextafter") X(COPYSIGN, 2, "copysign") X(HYPOT, 2, "hypot") \
    X(IGAMMA, 2, "igamma") X(IGAMMAC, 2, "igammac") X(ZETA, 2, "zeta") \
    /* bits of integers; of bools: logic */ \
    X(AND, 2, "and") X(OR, 2, "or") X(XOR, 2, "xor") X(NOT, 1, "not") X(SHL, 2, "shl") X(SHR, 2, "shr") \
    /* two of one type to bool; false (NE: true) with NaN */ \
    X(LT, 2, "lt") X(LE, 2, "le") X(EQ, 2, "eq") X(NE, 2, "ne") \
    /* float to bool */ \
    X(ISNAN, 1, "isnan") \
    /* bool, T, T to T */ \
    X(SELECT, 3, "select") \
    /* PT2_IDX index, PT2_IDX size: an index that data decided. Negative ones count from the end (Python), the result \
     * is clamped to [0, size). What PyTorch refuses is told elsewhere (ops/indices.c). */ \
    X(CHECK, 2, "check") \
    /* float32 r in [0, 1): counter-based random (Philox4x32-10), of seed and counter, both PT2_IDX */ \
    X(RANDOM, 2, "random")
/* clang-format on */

enum pt2_expr_op {
#define X(name, arity, text) PT2_E_##name,
    PT2_EXPR_OPS(X)
#undef X
    PT2_E_COUNT
};

struct pt2_expr {
    uint8_t op;        /* enum pt2_expr_op */
    uint8_t dtype;     /* pt2_dtype or PT2_IDX */
    uint8_t has;       /* PT2_HAS_ bits of the whole tree */
    uint16_t num_args;
    uint32_t id;       /* dense within the context, in order of creation: arguments have smaller ids */
    int64_t i; /* CONST of integer, bool or index type; SYM, PARAM, REG: number; VAR: axis; LOAD: value id or buffer */
    double f;          /* CONST of float type */
    int64_t lo, hi;    /* integer, bool and index types: every value lies in [lo, hi] */
    const struct pt2_expr *args[]; /* VAR: its extent; LOAD: the indices */
};
typedef const struct pt2_expr *pt2_ex;

enum { PT2_HAS_SYM = 1, PT2_HAS_VAR = 2, PT2_HAS_LOAD = 4, PT2_HAS_PARAM = 8, PT2_HAS_REG = 16 };

/* Infinity for lo and hi: far enough from the ends of int64 that sums of bounds do not overflow. As hi, and negative as
 * lo, it is no bound: values may lie beyond it. */
#define PT2_INF ((int64_t)1 << 60)

struct pt2_symbol {
    const char *name; /* arena */
    int64_t lo, hi;   /* inclusive range */
};

static inline int64_t pt2_clip(int64_t bound)
{
    return bound < -PT2_INF ? -PT2_INF : bound > PT2_INF ? PT2_INF : bound;
}

static inline bool pt2_symbol_takes(const struct pt2_symbol *s, int64_t value)
{
    return (value >= s->lo || s->lo <= -PT2_INF) && (value <= s->hi || s->hi >= PT2_INF);
}

struct pt2_exprs {
    struct pt2_arena arena;
    pt2_ex *slots; /* owned (malloc): the hash-cons table */
    uint32_t num_slots, count;
    PT2_VEC(struct pt2_symbol) symbols;
    struct pt2_map symbol_ids; /* name -> id + 1 */
    bool expanding; /* products of sums are multiplied out; set while proving */
    int proof_steps; /* of the proof at hand */
};

void pt2_exprs_init(struct pt2_exprs *E);
void pt2_exprs_free(struct pt2_exprs *E);

/* The id of a symbol; made with an unbounded range when new. Ranges must be set before expressions use the symbol. */
int pt2_symbol(struct pt2_exprs *E, const char *name);

/* ---- constructors; all simplify ---- */

pt2_ex pt2_idx(struct pt2_exprs *E, int64_t i);                 /* constant of type PT2_IDX */
pt2_ex pt2_int(struct pt2_exprs *E, int dtype, int64_t i);      /* constant of any type, also float */
pt2_ex pt2_num(struct pt2_exprs *E, int dtype, double f);       /* constant of any type; integers truncate */
pt2_ex pt2_sym(struct pt2_exprs *E, int symbol);                /* PT2_IDX */
pt2_ex pt2_var(struct pt2_exprs *E, int axis, pt2_ex extent);   /* PT2_IDX; a constant 0 when the extent is 1 */
pt2_ex pt2_param(struct pt2_exprs *E, int number, int64_t lo, int64_t hi); /* PT2_IDX */
pt2_ex pt2_param64(struct pt2_exprs *E, int number); /* PT2_I64, of arguments `number` and the next */
pt2_ex pt2_reg(struct pt2_exprs *E, int number, int dtype);
/* Element of value `id` (of compute type `dtype`); no bounds are enforced here: lowering uses pt2_load of graph.h. */
pt2_ex pt2_load_raw(struct pt2_exprs *E, int dtype, int64_t id, int n, const pt2_ex *index);

/* Arguments must have the types that the operator list says: callers cast first. */
pt2_ex pt2_un(struct pt2_exprs *E, enum pt2_expr_op op, pt2_ex a);
pt2_ex pt2_bin(struct pt2_exprs *E, enum pt2_expr_op op, pt2_ex a, pt2_ex b);
pt2_ex pt2_select(struct pt2_exprs *E, pt2_ex cond, pt2_ex a, pt2_ex b);
pt2_ex pt2_cast(struct pt2_exprs *E, int dtype, pt2_ex a);
pt2_ex pt2_bitcast(struct pt2_exprs *E, int dtype, pt2_ex a);
pt2_ex pt2_roundto(struct pt2_exprs *E, pt2_dtype storage, pt2_ex a); /* a itself when `storage` is not a small float */

pt2_ex pt2_add(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_sub(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_mul(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_floordiv(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_floormod(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_min(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_max(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_addi(struct pt2_exprs *E, pt2_ex a, int64_t b); /* PT2_IDX a + b */
pt2_ex pt2_muli(struct pt2_exprs *E, pt2_ex a, int64_t b);
pt2_ex pt2_lt(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_le(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_eq(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_and(struct pt2_exprs *E, pt2_ex a, pt2_ex b); /* bools */
pt2_ex pt2_or(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
pt2_ex pt2_not(struct pt2_exprs *E, pt2_ex a);

/* ---- questions ---- */

bool pt2_is_float_type(int dtype); /* PT2_F32 or PT2_F64 */

static inline bool pt2_is_const(pt2_ex e) { return e->op == PT2_E_CONST; }
bool pt2_is_int(pt2_ex e, int64_t i); /* an integer, bool or index constant with this value */
/* True when a and b are equal for all values of symbols and variables (a proof; false means "not proved"). Index types.
 */
bool pt2_prove_eq(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
/* Likewise a <= b, a < b. Uses ranges of symbols and extents of variables. */
bool pt2_prove_le(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
bool pt2_prove_lt(struct pt2_exprs *E, pt2_ex a, pt2_ex b);
/* True when a is a multiple of b (b > 0). */
bool pt2_prove_divides(struct pt2_exprs *E, pt2_ex b, pt2_ex a);
/* Product of n extents; 1 when n is 0. */
pt2_ex pt2_product(struct pt2_exprs *E, int n, const pt2_ex *extents);

/* ---- rewriting ---- */

/* Replaces VAR of axis k by axes[k] where k < n and axes[k] is not NULL, all at once. */
pt2_ex pt2_subst_vars(struct pt2_exprs *E, pt2_ex e, int n, const pt2_ex *axes);

/* Bottom-up, each distinct node once: `fn` gets a node whose arguments are rewritten already and returns its
 * replacement (the node itself to keep it). */
typedef pt2_ex pt2_rewrite_fn(void *ctx, struct pt2_exprs *E, pt2_ex e);
pt2_ex pt2_rewrite(struct pt2_exprs *E, pt2_ex e, pt2_rewrite_fn *fn, void *ctx);
/* The same node over other arguments; simplified. */
pt2_ex pt2_rebuild(struct pt2_exprs *E, pt2_ex e, const pt2_ex *args);

/* Calls `fn` once for each distinct node, arguments first. */
typedef void pt2_visit_fn(void *ctx, pt2_ex e);
void pt2_visit(pt2_ex e, pt2_visit_fn *fn, void *ctx);
/* Number of distinct nodes that compute something (not leaves). */
int pt2_cost(pt2_ex e);

/* What an expression costs a driver's compiler: the sum over its distinct nodes of about how many instructions each
 * one's function is. Of one node. */
int pt2_weight(pt2_ex e);
int pt2_weight_of(pt2_ex e);
/* The most that one kernel weighs, whatever it is made of: passes cut bodies that weigh more (pass/split.c), and do not
 * make them (pass/inline.c, plan/fuse.c); kernels write no body four times that would weigh more then (kernel/rows.c).
 */
enum { PT2_MAX_WEIGHT = 1000 };

/* ---- evaluation on the host ---- */

/* Value of an index, integer or bool expression over symbols and constants. `values[k]` is symbol k; `known[k]` tells
 * whether it is. Errors: INPUT (division by zero, overflow), INTERNAL (an unknown symbol, a VAR or LOAD). */
PT2_MUST_USE pt2_status pt2_eval(struct pt2_exprs *E, pt2_ex e, const int64_t *values, const uint8_t *known,
                                 int64_t *out_value);
/* The same of a float expression (a scalar that sizes decide). */
PT2_MUST_USE pt2_status pt2_eval_float(struct pt2_exprs *E, pt2_ex e, const int64_t *values, const uint8_t *known,
                                       double *out_value);

/* ---- text ----
 * Prefix-free infix for people and tests: `(i0*14 + i1) % 196`, `v3[i0, i1]`, `f32(v3[i0])`, `max(a, b)`.
 * Variables print as i<axis>, symbols by name, loads as v<id>[...], params as p<k>, registers as r<k>. Numbers carry
 * their type where it is not PT2_IDX: `1.5f32`, `3i64`, `true`. */
void pt2_expr_print(const struct pt2_exprs *E, pt2_ex e, struct pt2_str *out);
const char *pt2_expr_op_name(enum pt2_expr_op op);

#endif
