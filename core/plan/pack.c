/* SPDX-License-Identifier: MIT
 * Weights in the order in which a kernel reads them. Where the columns' factor of a contraction is known before any run
 * and the kernel would copy it to panels, or wants columns next to each other, the load graph makes the panels once:
 *
 *     panel[block, depth…, column within the block], zero beyond the last column
 *
 * and the contraction reads those. The weight itself is then not on the device, if nothing else reads it; where
 * something does, it is not packed, since it would be there twice. */
#include "kernel/contract.h"
#include "plan/plan.h"

enum { SLACK = 4096 }; /* bytes that rounding up to whole blocks may always cost */

struct pack {
    struct pt2_graph *g;
    struct pt2_exprs *E;
    struct pt2_node *n;
    struct pt2_region *r;
    int block;
    int cols[2 * PT2_MAX_RANK], num_cols; /* output axes of the node, in the kernel's order */
    pt2_ex factor;
    bool ok;
    double bytes;                         /* of what the factor reads */
};

/* ---- is it one that can be packed? ---- */

static int readers(const struct pt2_module *m, const struct pt2_value *v)
{
    int n = 0;
    for (uint32_t g = 0; g < m->graphs.count; g++) {
        struct pt2_graph *graph = m->graphs.data[g];
        for (uint32_t k = 0; graph != m->load && k < graph->nodes.count; k++)
            n += pt2_node_reads(graph, graph->nodes.data[k], v);
        for (uint32_t k = 0; graph != m->load && k < graph->outputs.count; k++)
            n += graph->outputs.data[k] == v;
    }
    return n;
}

static bool is_known(const struct pt2_value *v)
{
    return v->def->kind == PT2_NODE_CONST || v->def->kind == PT2_NODE_READY || v->def->weight;
}

static void check_factor(void *ctx, pt2_ex e)
{
    struct pack *p = ctx;
    const struct pt2_module *m = p->g->module;
    if (e->op == PT2_E_CHECK || e->op == PT2_E_RANDOM || (e->has & PT2_HAS_SYM))
        p->ok = false;
    if (e->op == PT2_E_VAR && e->i < p->n->outs[0]->rank) {
        bool col = false;
        for (int k = 0; k < p->num_cols; k++)
            col |= p->cols[k] == e->i;
        p->ok = p->ok && col;
    }
    if (e->op != PT2_E_LOAD || !p->ok)
        return;
    const struct pt2_value *v = m->values.data[e->i];
    double bytes = (double)pt2_dtype_size(v->dtype);
    for (int k = 0; k < v->rank; k++)
        bytes *= pt2_is_const(v->shape[k]) ? (double)v->shape[k]->i : 0;
    p->bytes += bytes;
    p->ok = is_known(v) && readers(m, v) == 1;
}

static void find_cols(struct pack *p, const struct pt2_contract *c)
{
    for (int k = 0; k < c->rank; k++)
        for (int j = 0; c->role[k] == PT2_AXIS_COL && j < p->n->outs[0]->rank; j++)
            if (p->r->members.data[0].outer[j] == k && !pt2_is_int(p->r->outer[k], 1))
                p->cols[p->num_cols++] = j;
}

static bool depends_on_cols(const struct pack *p, pt2_ex e)
{
    pt2_ex none[PT2_MAX_RANK] = { 0 };
    for (int k = 0; k < p->num_cols; k++)
        none[p->cols[k]] = pt2_idx(p->E, 0);
    return pt2_subst_vars(p->E, e, PT2_MAX_RANK, none) != e;
}

static bool find_factor(struct pack *p)
{
    for (int k = 0; k < 2; k++)
        if (depends_on_cols(p, p->n->body->args[k]))
            p->factor = p->n->body->args[k];
    p->ok = p->factor && p->num_cols > 0;
    if (p->ok)
        pt2_visit(p->factor, check_factor, p);
    for (int k = 0; k < p->n->num_axes; k++)
        p->ok = p->ok && pt2_is_const(p->n->axes[k]);
    for (int k = 0; k < p->num_cols; k++)
        p->ok = p->ok && pt2_is_const(p->n->outs[0]->shape[p->cols[k]]);
    return p->ok;
}

/* ---- the panels ---- */

static pt2_ex load_operand(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    struct pack *p = ctx;
    if (e->op != PT2_E_LOAD)
        return e;
    const struct pt2_value *v = pt2_load_operand(p->g->module, p->g->module->values.data[e->i]);
    return pt2_load_raw(E, e->dtype, v->id, e->num_args, e->args);
}

static pt2_ex number_of_cols(const struct pack *p, pt2_ex *extents)
{
    for (int k = 0; k < p->num_cols; k++)
        extents[k] = p->n->outs[0]->shape[p->cols[k]];
    return pt2_product(p->E, p->num_cols, extents);
}

/* The MAP in the load graph. */
static struct pt2_value *make_panels(struct pack *p)
{
    const struct pt2_node *n = p->n;
    struct pt2_exprs *E = p->E;
    pt2_ex shape[PT2_MAX_RANK], v[PT2_MAX_RANK], to[2 * PT2_MAX_RANK] = { 0 }, extents[PT2_MAX_RANK], at[PT2_MAX_RANK];
    pt2_ex cols = number_of_cols(p, extents), block = pt2_idx(E, p->block);
    int rank = 0;
    shape[rank++] = pt2_floordiv(E, pt2_addi(E, cols, p->block - 1), block);
    for (int k = 0; k < n->num_axes; k++)
        shape[rank++] = n->axes[k];
    shape[rank++] = block;
    pt2_vars(p->g, rank, shape, 0, v);
    pt2_ex col = pt2_add(E, pt2_mul(E, v[0], block), v[rank - 1]);
    pt2_ex inside = pt2_lt(E, col, cols);
    pt2_delinearize(E, p->num_cols, extents, pt2_min(E, col, pt2_addi(E, cols, -1)), at);
    for (int k = 0; k < p->num_cols; k++)
        to[p->cols[k]] = at[k];
    for (int k = 0; k < n->num_axes; k++)
        to[n->outs[0]->rank + k] = v[1 + k];
    pt2_ex body = pt2_subst_vars(E, pt2_rewrite(E, p->factor, load_operand, p), 2 * PT2_MAX_RANK, to);
    body = pt2_select(E, inside, body, pt2_num(E, PT2_F32, 0));
    struct pt2_value *panels = pt2_node_map(p->g->module->load, PT2_F32, rank, shape, body);
    panels->def->origin = n->origin;
    return panels;
}

/* The factor, read from the panels. */
static pt2_ex load_panels(struct pack *p, const struct pt2_value *panels)
{
    const struct pt2_node *n = p->n;
    pt2_ex extents[PT2_MAX_RANK], vars[PT2_MAX_RANK], at[PT2_MAX_RANK];
    number_of_cols(p, extents);
    for (int k = 0; k < p->num_cols; k++)
        vars[k] = pt2_var(p->E, p->cols[k], extents[k]);
    pt2_ex col = pt2_linearize(p->E, p->num_cols, extents, vars), block = pt2_idx(p->E, p->block);
    at[0] = pt2_floordiv(p->E, col, block);
    pt2_vars(p->g, n->num_axes, n->axes, n->outs[0]->rank, at + 1);
    at[panels->rank - 1] = pt2_floormod(p->E, col, block);
    return pt2_load_raw(p->E, PT2_F32, panels->id, panels->rank, at);
}

static bool pays(const struct pack *p)
{
    pt2_ex extents[PT2_MAX_RANK];
    int64_t cols = number_of_cols(p, extents)->i, depth = pt2_product(p->E, p->n->num_axes, p->n->axes)->i;
    int64_t whole = (cols + p->block - 1) / p->block * p->block;
    return 4.0 * (double)whole * (double)depth <= p->bytes * 9 / 8 + SLACK;
}

bool pt2_plan_pack(struct pt2_graph *g, struct pt2_region *r)
{
    const struct pt2_contract *c = r->kernel->contract;
    struct pack p = { .g = g, .E = &g->module->exprs, .n = r->members.data[0].node, .r = r };
    if (!c || !c->panel_block || r->panels || p.n->num_axes + 2 > PT2_MAX_RANK || p.n->body->op != PT2_E_MUL ||
        p.n->body->num_args != 2)
        return false;
    p.block = c->panel_block;
    find_cols(&p, c);
    if (!find_factor(&p) || !pays(&p))
        return false;
    r->panels = pt2_load_result(g, make_panels(&p));
    pt2_ex other = p.n->body->args[p.factor == p.n->body->args[0]];
    p.n->body = pt2_mul(p.E, other, load_panels(&p, r->panels));
    return true;
}
