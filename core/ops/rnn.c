/* SPDX-License-Identifier: MIT
 * Recurrent layers (RNN.cpp) and their cells. The products with the inputs of all steps are one matmul; a step is the
 * product with the hidden state and a few maps. Few steps of a known number are unrolled; otherwise they are a LOOP
 * whose body is built once. All is computed in float32 (float64) and rounded at the end. */
#include "ops/internal.h"

enum { RNN_TANH, RNN_RELU, RNN_GRU, RNN_LSTM };
enum { MAX_UNROLLED = 32 };

static const int gates_of[] = { 1, 1, 3, 4 };

/* One layer in one direction. */
struct cell {
    int kind;
    pt2_t *w_ih, *w_hh, *b_ih, *b_hh, *w_hr; /* biases and projection may be NULL */
    pt2_t *gx;                               /* products with the inputs: [T, B, gates*H] */
    pt2_ex hidden;                           /* H */
    pt2_dtype wide;
};

static pt2_ex sigmoid(struct pt2_exprs *E, pt2_ex x)
{
    pt2_ex one = pt2_num(E, x->dtype, 1);
    return pt2_bin(E, PT2_E_DIV, one, pt2_add(E, one, pt2_un(E, PT2_E_EXP, pt2_un(E, PT2_E_NEG, x))));
}

/* The two products of gate k at (b, j): from the input of step t, and from the hidden state. */
static void gate(struct pt2_lower *L, const struct cell *c, pt2_ex t, pt2_t *gh, int k, const pt2_ex *at, pt2_ex out[2])
{
    pt2_ex col = pt2_add(L->E, pt2_muli(L->E, c->hidden, k), at[1]);
    pt2_ex x[3] = { t, at[0], col }, h[2] = { at[0], col };
    out[0] = op_at(L, c->gx, x);
    out[1] = op_at(L, gh, h);
}

static pt2_ex gate_sum(struct pt2_lower *L, const struct cell *c, pt2_ex t, pt2_t *gh, int k, const pt2_ex *at)
{
    pt2_ex g[2];
    gate(L, c, t, gh, k, at, g);
    return pt2_add(L->E, g[0], g[1]);
}

static void step_lstm(struct pt2_lower *L, const struct cell *c, pt2_ex t, pt2_t *gh, const pt2_ex *shape,
                      pt2_t **state)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *at = op_vars(L, 2, shape);
    pt2_ex i = sigmoid(E, gate_sum(L, c, t, gh, 0, at)), f = sigmoid(E, gate_sum(L, c, t, gh, 1, at));
    pt2_ex g = pt2_un(E, PT2_E_TANH, gate_sum(L, c, t, gh, 2, at)), o = sigmoid(E, gate_sum(L, c, t, gh, 3, at));
    pt2_ex old = op_at(L, state[1], at);
    state[1] = op_map(L, c->wide, 2, shape, pt2_add(E, pt2_mul(E, f, old), pt2_mul(E, i, g)));
    pt2_ex h = pt2_mul(E, o, pt2_un(E, PT2_E_TANH, op_at(L, state[1], at)));
    state[0] = op_map(L, c->wide, 2, shape, h);
    if (c->w_hr)
        state[0] = op_linear(L, state[0], c->w_hr, NULL);
}

static pt2_ex next_gru(struct pt2_lower *L, const struct cell *c, pt2_ex t, pt2_t *gh, const pt2_ex *at, pt2_ex h)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n[2], r = sigmoid(E, gate_sum(L, c, t, gh, 0, at)), z = sigmoid(E, gate_sum(L, c, t, gh, 1, at));
    gate(L, c, t, gh, 2, at, n);
    pt2_ex fresh = pt2_un(E, PT2_E_TANH, pt2_add(E, n[0], pt2_mul(E, r, n[1])));
    return pt2_add(E, pt2_mul(E, pt2_sub(E, h, fresh), z), fresh);
}

/* One step: state[0] is the hidden state [B, H], state[1] LSTM's cell state. */
static void step(struct pt2_lower *L, const struct cell *c, pt2_ex t, pt2_t **state)
{
    struct pt2_exprs *E = L->E;
    pt2_t *gh = op_linear(L, state[0], c->w_hh, c->b_hh);
    pt2_ex shape[2] = { state[0]->shape[0], c->hidden }, *at = op_vars(L, 2, shape), v;
    if (c->kind == RNN_LSTM) {
        step_lstm(L, c, t, gh, shape, state);
        return;
    }
    if (c->kind == RNN_GRU) {
        v = next_gru(L, c, t, gh, at, op_at(L, state[0], at));
    } else {
        v = gate_sum(L, c, t, gh, 0, at);
        v = c->kind == RNN_RELU ? pt2_max(E, v, pt2_num(E, v->dtype, 0)) : pt2_un(E, PT2_E_TANH, v);
    }
    state[0] = op_map(L, c->wide, 2, shape, v);
}

/* ---- all steps of one layer in one direction: the outputs [T, B, H], and the last state in place ---- */

static pt2_t *unroll(struct pt2_lower *L, const struct cell *c, int64_t steps, bool reverse, pt2_t **state)
{
    pt2_t *outs[MAX_UNROLLED];
    for (int64_t k = 0; k < steps; k++) {
        int64_t t = reverse ? steps - 1 - k : k;
        step(L, c, pt2_idx(L->E, t), state);
        outs[t] = op_unsqueeze(L, state[0], 0);
    }
    return op_cat(L, (int)steps, outs, 0);
}

enum { MAX_OPERANDS = 16 };

/* The LOOP node and the graph of its body; operands become inputs of both. */
struct loop {
    struct pt2_graph *outer;
    struct pt2_node *node;
    struct pt2_graph *body;
    struct pt2_value *args[MAX_OPERANDS];
    int num_args;
};

/* t as an operand of the loop: what stands for it inside. NULL stays NULL. */
static pt2_t *operand(struct pt2_lower *L, struct loop *loop, pt2_t *t)
{
    if (!t)
        return NULL;
    L->g = loop->outer;
    struct pt2_value *v = op_value(L, t);
    L->g = loop->body;
    loop->args[loop->num_args++] = v;
    struct pt2_value *in = pt2_node_input(loop->body, v->dtype, v->rank, v->shape, v->name);
    return op_of_value(L, t->dtype, in);
}

static int loop_symbol(struct pt2_lower *L, pt2_ex trips)
{
    int s = pt2_symbol(L->E, pt2_arena_printf(L->arena, "step%u", L->E->symbols.count));
    L->E->symbols.data[s].lo = 0;
    L->E->symbols.data[s].hi = trips->hi > 0 ? trips->hi - 1 : 0;
    return s;
}

/* The outputs are carried, and each step writes its slice. */
static pt2_t *repeat(struct pt2_lower *L, struct cell c, bool reverse, pt2_t **state)
{
    struct pt2_exprs *E = L->E;
    struct loop loop = { .outer = L->g };
    int num = c.kind == RNN_LSTM ? 2 : 1;
    pt2_ex steps = c.gx->shape[0], shape[3] = { steps, state[0]->shape[0], state[0]->shape[1] };
    pt2_t *out = op_full(L, c.wide, 3, shape, pt2_num(E, c.wide, 0)), *inner[3] = { NULL };
    loop.body = pt2_graph_new(L->m, "recurrence");
    for (int k = 0; k < num; k++)
        inner[k] = operand(L, &loop, state[k]);
    out = operand(L, &loop, out);
    c.gx = operand(L, &loop, c.gx);
    c.w_hh = operand(L, &loop, c.w_hh);
    c.b_hh = operand(L, &loop, c.b_hh);
    c.w_hr = operand(L, &loop, c.w_hr);
    int symbol = loop_symbol(L, steps);
    pt2_ex i = pt2_sym(E, symbol), t = reverse ? pt2_sub(E, pt2_addi(E, steps, -1), i) : i;
    step(L, &c, t, inner);
    pt2_ex *at = op_vars(L, 2, shape + 1), index[3] = { t, at[0], at[1] };
    inner[num] = op_scatter(L, PT2_RED_SET, out, 2, shape + 1, index, op_at(L, inner[0], at), NULL);
    for (int k = 0; k <= num; k++)
        pt2_push(L->arena, &loop.body->outputs, op_value(L, inner[k]));
    L->g = loop.outer;
    struct pt2_node *n = pt2_node_new(L->g, PT2_NODE_LOOP, num + 1);
    n->args = pt2_arena_copy(L->arena, loop.args, sizeof *loop.args * (size_t)loop.num_args);
    n->num_args = loop.num_args;
    n->num_carried = num + 1;
    n->graphs[0] = loop.body;
    n->trips = steps;
    n->symbol = symbol;
    for (int k = 0; k <= num; k++) {
        struct pt2_value *v = loop.args[k];
        v = pt2_node_out(L->g, n, k, v->dtype, v->rank, v->shape);
        *(k < num ? &state[k] : &out) = op_of_value(L, c.wide, v);
    }
    return out;
}

static pt2_t *run_cell(struct pt2_lower *L, struct cell *c, pt2_t *x, bool reverse, pt2_t **state)
{
    pt2_ex steps = x->shape[0];
    c->gx = op_linear(L, x, c->w_ih, c->b_ih);
    if (pt2_is_const(steps) && steps->i >= 1 && steps->i <= MAX_UNROLLED)
        return unroll(L, c, steps->i, reverse, state);
    return repeat(L, *c, reverse, state);
}

/* ---- operators ---- */

static pt2_t *param(struct pt2_lower *L, pt2_t **list, int n, int k, int rank, pt2_dtype wide)
{
    if (k >= n || !list[k] || list[k]->rank != rank)
        op_fail(L, PT2_ERR_FORMAT, "parameter %d is missing or has the wrong number of dimensions", k);
    return op_convert(L, list[k], wide);
}

struct rnn {
    pt2_t **params, **hx;
    int num_params, num_hx, per_cell, directions, layers;
    bool biases, projection;
};

/* The parameters of cell number k: weights, then biases, then the projection. */
static struct cell read_cell(struct pt2_lower *L, const struct rnn *r, int k, pt2_dtype wide)
{
    int at = k * r->per_cell;
    struct cell c = { .kind = (int)L->row->data, .wide = wide };
    c.w_ih = param(L, r->params, r->num_params, at, 2, wide);
    c.w_hh = param(L, r->params, r->num_params, at + 1, 2, wide);
    if (r->biases) {
        c.b_ih = param(L, r->params, r->num_params, at + 2, 1, wide);
        c.b_hh = param(L, r->params, r->num_params, at + 3, 1, wide);
    }
    if (r->projection)
        c.w_hr = param(L, r->params, r->num_params, at + (r->biases ? 4 : 2), 2, wide);
    pt2_ex rows = c.w_hh->shape[0];
    c.hidden = pt2_floordiv(L->E, rows, pt2_idx(L->E, gates_of[c.kind]));
    return c;
}

static void read_rnn(struct pt2_lower *L, struct rnn *r)
{
    memset(r, 0, sizeof *r);
    r->num_hx = op_tensors(L, "hx", &r->hx);
    r->num_params = op_tensors(L, "params", &r->params);
    r->biases = op_bool(L, "has_biases", true);
    r->directions = op_bool(L, "bidirectional", false) ? 2 : 1;
    int64_t layers = op_int(L, "num_layers", 1);
    int want = L->row->data == RNN_LSTM ? 2 : 1;
    if (r->num_hx != want || layers < 1 || layers > 1024)
        op_fail(L, PT2_ERR_FORMAT, "%d states and %lld layers", r->num_hx, (long long)layers);
    r->layers = (int)layers;
    for (int k = 0; k < want; k++)
        if (!r->hx[k] || r->hx[k]->rank != 3)
            op_fail(L, PT2_ERR_FORMAT, "a state does not have three dimensions");
    r->projection = want == 2 && !pt2_prove_eq(L->E, r->hx[0]->shape[2], r->hx[1]->shape[2]);
    r->per_cell = 2 + (r->biases ? 2 : 0) + (r->projection ? 1 : 0);
    if (op_bool(L, "train", false) && op_float(L, "dropout", 0) > 0 && layers > 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "dropout between layers: export the model in eval mode");
}

/* Returns the last layer's outputs; finals[s] gets the last states of all cells, [layers*directions, B, H]. */
static pt2_t *run_layers(struct pt2_lower *L, const struct rnn *r, pt2_t *x, pt2_t **finals, pt2_dtype wide)
{
    int cells = r->layers * r->directions;
    pt2_t **last[2];
    for (int s = 0; s < r->num_hx; s++)
        last[s] = PT2_NEW_N(L->arena, pt2_t *, cells);
    for (int k = 0; k < cells; k += r->directions) {
        pt2_t *out[2];
        for (int d = 0; d < r->directions; d++) {
            struct cell c = read_cell(L, r, k + d, wide);
            pt2_t *state[2] = { NULL, NULL };
            for (int s = 0; s < r->num_hx; s++)
                state[s] = op_convert(L, op_select(L, r->hx[s], 0, pt2_idx(L->E, k + d)), wide);
            out[d] = run_cell(L, &c, x, d == 1, state);
            for (int s = 0; s < r->num_hx; s++)
                last[s][k + d] = op_unsqueeze(L, state[s], 0);
        }
        x = r->directions == 2 ? op_cat(L, 2, out, 2) : out[0];
    }
    for (int s = 0; s < r->num_hx; s++)
        finals[s] = op_cat(L, cells, last[s], 0);
    return x;
}

/* aten.{lstm,gru,rnn_tanh,rnn_relu}.input */
static void lower_rnn(struct pt2_lower *L)
{
    static const int swap[3] = { 1, 0, 2 };
    struct rnn r;
    pt2_t *x = op_tensor(L, "input"), *finals[2] = { NULL, NULL };
    pt2_dtype dtype = x->dtype, wide = pt2_dtype_compute(dtype);
    read_rnn(L, &r);
    if (x->rank != 3 || !pt2_dtype_is_float(dtype))
        op_fail(L, PT2_ERR_FORMAT, "the input has %d dimensions of %s", x->rank, pt2_dtype_name(dtype));
    bool batch_first = op_bool(L, "batch_first", false);
    x = op_convert(L, batch_first ? op_permute(L, x, swap) : x, wide);
    x = run_layers(L, &r, x, finals, wide);
    op_result(L, 0, op_convert(L, batch_first ? op_permute(L, x, swap) : x, dtype));
    for (int s = 0; s < r.num_hx; s++) { /* autocast keeps cells in float32 */
        bool told = L->priv->autocast && op_out_used(L, 1 + s);
        op_result(L, 1 + s, op_convert(L, finals[s], told ? op_out_dtype(L, 1 + s) : dtype));
    }
}

static void lower_packed(struct pt2_lower *L)
{
    op_fail(L, PT2_ERR_UNSUPPORTED, "packed sequences: pad them (pad_packed_sequence) before the recurrent layer");
}

/* aten.{lstm_cell,gru_cell,rnn_tanh_cell,rnn_relu_cell} */
static void lower_cell(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input"), **hx, *state[2] = { NULL, NULL };
    int n = op_tensors(L, "hx", &hx), want = L->row->data == RNN_LSTM ? 2 : 1;
    pt2_dtype dtype = x->dtype, wide = pt2_dtype_compute(dtype);
    if (x->rank != 2 || n != want || !pt2_dtype_is_float(dtype))
        op_fail(L, PT2_ERR_FORMAT, "the input has %d dimensions, there are %d states", x->rank, n);
    struct cell c = { .kind = (int)L->row->data, .wide = wide };
    pt2_t *list[4] = { op_tensor(L, "w_ih"), op_tensor(L, "w_hh"), op_tensor_opt(L, "b_ih"), op_tensor_opt(L, "b_hh") };
    c.w_ih = param(L, list, 4, 0, 2, wide);
    c.w_hh = param(L, list, 4, 1, 2, wide);
    c.b_ih = list[2] ? param(L, list, 4, 2, 1, wide) : NULL;
    c.b_hh = list[3] ? param(L, list, 4, 3, 1, wide) : NULL;
    c.hidden = pt2_floordiv(L->E, c.w_hh->shape[0], pt2_idx(L->E, gates_of[c.kind]));
    for (int s = 0; s < want; s++) {
        if (!hx[s] || hx[s]->rank != 2)
            op_fail(L, PT2_ERR_FORMAT, "a state does not have two dimensions");
        state[s] = op_convert(L, hx[s], wide);
    }
    c.gx = op_linear(L, op_unsqueeze(L, op_convert(L, x, wide), 0), c.w_ih, c.b_ih);
    step(L, &c, pt2_idx(L->E, 0), state);
    for (int s = 0; s < want; s++)
        op_result(L, s, op_convert(L, state[s], dtype));
}

const struct pt2_op_row pt2_ops_rnn[] = {
    { "aten.rnn_tanh.input", lower_rnn, RNN_TANH },
    { "aten.rnn_relu.input", lower_rnn, RNN_RELU },
    { "aten.gru.input", lower_rnn, RNN_GRU },
    { "aten.lstm.input", lower_rnn, RNN_LSTM },
    { "aten.rnn_tanh.data", lower_packed, RNN_TANH },
    { "aten.rnn_relu.data", lower_packed, RNN_RELU },
    { "aten.gru.data", lower_packed, RNN_GRU },
    { "aten.lstm.data", lower_packed, RNN_LSTM },
    { "aten.rnn_tanh_cell", lower_cell, RNN_TANH },
    { "aten.rnn_relu_cell", lower_cell, RNN_RELU },
    { "aten.gru_cell", lower_cell, RNN_GRU },
    { "aten.lstm_cell", lower_cell, RNN_LSTM },
    { 0 },
};
