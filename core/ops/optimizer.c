/* SPDX-License-Identifier: MIT
 *
 * Optimizers' steps as single operators (torch.optim with fused=True): they write lists of parameters and of states. */
#include "ops/math.h"
#include "ops/reduce.h"

/* A list with a tensor for each of the n parameters. */
static pt2_t **list(struct pt2_lower *L, const char *name, int n)
{
    pt2_t **t;
    int count = op_tensors(L, name, &t);
    if (count != n && count != 0)
        op_fail(L, PT2_ERR_FORMAT, "%s has %d tensors for %d parameters", name, count, n);
    for (int k = 0; k < n; k++)
        if (!count || !t[k])
            op_fail(L, PT2_ERR_FORMAT, "%s is missing", name);
    return t;
}

/* Element of a state at p's index, in the type that the step computes in. */
static pt2_ex at(struct pt2_lower *L, pt2_t *p, pt2_t *t)
{
    return op_at_bcast_as(L, t, p->rank, op_vars(L, p->rank, p->shape), op_acc_dtype(p->dtype));
}

static void write_element(struct pt2_lower *L, pt2_t *t, pt2_ex e)
{
    op_write(L, t, op_map_like(L, t, t->dtype, e));
}

static pt2_ex gradient(struct pt2_lower *L, pt2_t *p, pt2_t *grad)
{
    pt2_ex g = at(L, p, grad);
    return op_bool(L, "maximize", false) ? ex_neg(L->E, g) : g;
}

static pt2_ex rate(struct pt2_lower *L, pt2_t *p)
{
    return op_scalar(L, "lr", op_acc_dtype(p->dtype), 0);
}

static int parameters(struct pt2_lower *L, pt2_t ***out)
{
    if (op_has(L, "grad_scale") || op_has(L, "found_inf"))
        op_fail(L, PT2_ERR_UNSUPPORTED, "a step with scaled gradients");
    return op_tensors(L, "self", out);
}

/* 1 - beta^step */
static pt2_ex correction(struct pt2_lower *L, double beta, pt2_ex step)
{
    return ex_nsub(L->E, 1, pt2_bin(L->E, PT2_E_POW, ex_num(L->E, step, beta), step));
}

/* Of one parameter; top: NULL without amsgrad. */
struct adam {
    pt2_t *p, *grad, *first, *second, *top, *step;
};

/* data: the decay is of the parameter (AdamW), not of the gradient. */
static void adam(struct pt2_lower *L, const struct adam *a)
{
    struct pt2_exprs *E = L->E;
    double b1 = op_float(L, "beta1", 0), b2 = op_float(L, "beta2", 0), decay = op_float(L, "weight_decay", 0);
    pt2_t *p = a->p;
    pt2_ex x = at(L, p, p), g = gradient(L, p, a->grad), lr = rate(L, p), step = at(L, p, a->step);
    if (L->row->data)
        x = pt2_sub(E, x, pt2_mul(E, ex_muln(E, lr, decay), x));
    else
        g = pt2_add(E, g, ex_muln(E, x, decay));
    pt2_ex m = at(L, p, a->first), v = ex_muln(E, at(L, p, a->second), b2);
    m = pt2_add(E, m, ex_muln(E, pt2_sub(E, g, m), 1 - b1));
    v = pt2_add(E, v, ex_muln(E, ex_square(E, g), 1 - b2));
    pt2_ex top = a->top ? pt2_max(E, at(L, p, a->top), v) : v;
    pt2_ex root = ex_div(E, ex_sqrt(E, top), ex_sqrt(E, correction(L, b2, step)));
    pt2_ex move = ex_div(E, m, ex_addn(E, root, op_float(L, "eps", 1e-8)));
    x = pt2_sub(E, x, pt2_mul(E, ex_div(E, lr, correction(L, b1, step)), move));
    /* all are made of the old states: made before any is written */
    pt2_t *new_p = op_map_like(L, p, p->dtype, x), *new_first = op_map_like(L, p, a->first->dtype, m);
    if (a->top)
        write_element(L, a->top, top);
    write_element(L, a->second, v);
    op_write(L, a->first, new_first);
    op_write(L, p, new_p);
}

static void lower_adam(struct pt2_lower *L)
{
    pt2_t **p;
    int n = parameters(L, &p);
    pt2_t **grads = list(L, "grads", n), **first = list(L, "exp_avgs", n), **second = list(L, "exp_avg_sqs", n);
    pt2_t **steps = list(L, "state_steps", n);
    pt2_t **top = op_bool(L, "amsgrad", false) ? list(L, "max_exp_avg_sqs", n) : NULL;
    for (int k = 0; k < n; k++)
        adam(L, &(struct adam){ p[k], grads[k], first[k], second[k], top ? top[k] : NULL, steps[k] });
}

/* state: NULL without momentum. */
static void sgd(struct pt2_lower *L, pt2_t *p, pt2_t *grad, pt2_t *state)
{
    struct pt2_exprs *E = L->E;
    double momentum = op_float(L, "momentum", 0), dampening = op_float(L, "dampening", 0);
    pt2_ex x = at(L, p, p), g = gradient(L, p, grad);
    g = pt2_add(E, g, ex_muln(E, x, op_float(L, "weight_decay", 0)));
    if (state) {
        pt2_ex b = g;
        if (!op_bool(L, "is_first_step", false))
            b = pt2_add(E, ex_muln(E, at(L, p, state), momentum), ex_muln(E, g, 1 - dampening));
        g = op_bool(L, "nesterov", false) ? pt2_add(E, g, ex_muln(E, b, momentum)) : b;
        pt2_t *new_p = op_map_like(L, p, p->dtype, pt2_sub(E, x, pt2_mul(E, rate(L, p), g)));
        write_element(L, state, b);
        op_write(L, p, new_p);
        return;
    }
    write_element(L, p, pt2_sub(E, x, pt2_mul(E, rate(L, p), g)));
}

static void lower_sgd(struct pt2_lower *L)
{
    pt2_t **p;
    int n = parameters(L, &p);
    pt2_t **grads = list(L, "grads", n);
    pt2_t **states = op_float(L, "momentum", 0) != 0 ? list(L, "momentum_buffer_list", n) : NULL;
    for (int k = 0; k < n; k++)
        sgd(L, p[k], grads[k], states ? states[k] : NULL);
}

const struct pt2_op_row pt2_ops_optimizer[] = {
    { "aten._fused_adam_", lower_adam, 0 },
    { "aten._fused_adamw_", lower_adam, 1 },
    { "aten._fused_sgd_", lower_sgd, 0 },
    { 0 },
};
