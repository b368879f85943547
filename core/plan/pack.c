/* SPDX-License-Identifier: MIT
 * Weights in the order in which a kernel reads them. Where the columns' factor of a contraction is known before any run
 * and the kernel would copy it to panels, or wants columns next to each other, the load graph makes the panels once:
 *
 *     panel[block, depth…, column within the block], zero beyond the last column
 *
 * and the contraction reads those; so does whatever else reads the weight, which is then not on the device itself.
 * Other contractions may want the same panels (layers that share weights), and rows that are picked by numbers from
 * data are few (an embedding that is the last layer's weight too). A weight with readers of another kind is not packed,
 * since it would be there twice. */
#include "kernel/contract.h"
#include "plan/plan.h"

enum { SLACK = 4096 }; /* bytes that rounding up to whole blocks may always cost */

enum { WIDEST_SHARED = 64 }; /* columns of a panel in which other readers still find a row's elements fast enough */

struct pack {
    struct pt2_plan *plan;
    struct pt2_graph *g;
    struct pt2_exprs *E;
    struct pt2_node *n;
    struct pt2_region *r;
    int block;
    int cols[2 * PT2_MAX_RANK], num_cols; /* output axes of the node, in the kernel's order */
    pt2_ex factor;
    bool ok;
    double bytes;                         /* of what the factor reads */
    const struct pt2_value *weight;       /* the factor is this and nothing else; NULL: it is more */
    int dim[PT2_MAX_RANK];                /* of the weight, for each of cols and then for each axis of the depth */
    const struct pt2_value *panels;
};

/* ---- is it one that can be packed? ---- */

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
    p->ok = is_known(v);
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

/* Place of a variable of the node's body among the columns and then the depth; -1: it is a row's. */
static int place_of(const struct pack *p, int var)
{
    int rank = p->n->outs[0]->rank;
    for (int k = 0; k < p->num_cols; k++)
        if (p->cols[k] == var)
            return k;
    return var < rank ? -1 : var - rank + p->num_cols;
}

/* A factor that is all of a weight: which of its dimensions are columns, and which the depth. */
static void find_weight(struct pack *p)
{
    const struct pt2_node *n = p->n;
    pt2_ex f = p->factor;
    unsigned seen = 0;
    if (f->op != PT2_E_LOAD || f->num_args != p->num_cols + n->num_axes || f->num_args > PT2_MAX_RANK)
        return;
    const struct pt2_value *v = p->g->module->values.data[f->i];
    for (int d = 0; d < f->num_args; d++) {
        int k = f->args[d]->op == PT2_E_VAR ? place_of(p, (int)f->args[d]->i) : -1;
        if (k < 0 || seen & 1u << k)
            return;
        if ((k < p->num_cols ? n->outs[0]->shape[p->cols[k]] : n->axes[k - p->num_cols]) != v->shape[d])
            return;
        seen |= 1u << k;
        p->dim[k] = d;
    }
    p->weight = v->dtype == PT2_F32 ? v : NULL;
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
    if (p->ok)
        find_weight(p);
    return p->ok;
}

static bool begin(struct pack *p, struct pt2_plan *plan, struct pt2_region *r)
{
    const struct pt2_contract *c = r->kernel->contract;
    struct pt2_graph *g = plan->graph;
    *p = (struct pack){ .plan = plan, .g = g, .E = &g->module->exprs, .n = r->members.data[0].node, .r = r };
    if (!c || !c->panel_block || r->panels || p->n->num_axes + 2 > PT2_MAX_RANK || p->n->body->op != PT2_E_MUL ||
        p->n->body->num_args != 2)
        return false;
    p->block = c->panel_block;
    find_cols(p, c);
    return find_factor(p);
}

/* ---- who else reads it ---- */

static struct pt2_region *region_of(struct pt2_plan *plan, const struct pt2_node *n)
{
    for (uint32_t k = 0; k < plan->regions.count; k++)
        for (uint32_t j = 0; j < plan->regions.data[k]->members.count; j++)
            if (plan->regions.data[k]->members.data[j].node == n)
                return plan->regions.data[k];
    return NULL;
}

static bool wants_same(const struct pack *p, struct pt2_region *r, const struct pt2_node *n)
{
    struct pack q;
    return begin(&q, p->plan, r) && q.n == n && q.weight == p->weight && q.block == p->block &&
           q.num_cols == p->num_cols && !memcmp(q.dim, p->dim, sizeof q.dim);
}

struct picks {
    const struct pt2_value *weight;
    bool only;
};

static void see_pick(void *ctx, pt2_ex e)
{
    struct picks *p = ctx;
    bool by_data = false;
    if (e->op != PT2_E_LOAD || e->i != p->weight->id)
        return;
    for (int k = 0; k < e->num_args; k++)
        by_data |= (e->args[k]->has & PT2_HAS_LOAD) != 0;
    p->only = p->only && by_data;
}

static void see_picks(void *ctx, pt2_ex *e)
{
    pt2_visit(*e, see_pick, ctx);
}

static bool may_read_panels(const struct pack *p, struct pt2_node *n)
{
    struct pt2_region *r = region_of(p->plan, n);
    struct picks picks = { p->weight, n->base != p->weight };
    if (!r || wants_same(p, r, n))
        return r != NULL;
    for (int k = 0; k < n->num_args; k++)
        picks.only = picks.only && n->args[k] != p->weight;
    pt2_node_exprs(n, see_picks, &picks);
    return picks.only && p->block <= WIDEST_SHARED;
}

/* Whether all readers of what the factor reads, in any graph but the load graph, can read the panels. */
static bool readers_agree(const struct pack *p, const struct pt2_value *v)
{
    const struct pt2_module *m = p->g->module;
    for (uint32_t k = 0; k < m->graphs.count; k++) {
        struct pt2_graph *g = m->graphs.data[k];
        for (uint32_t j = 0; g != m->load && j < g->outputs.count; j++)
            if (g->outputs.data[j] == v)
                return false;
        for (uint32_t j = 0; g != m->load && j < g->nodes.count; j++) {
            struct pt2_node *n = g->nodes.data[j];
            bool other = n != p->n && pt2_node_reads(g, n, v);
            if (other && (v != p->weight || g != p->g || !may_read_panels(p, n)))
                return false;
        }
    }
    return true;
}

static void see_reader(void *ctx, pt2_ex e)
{
    struct pack *p = ctx;
    if (e->op == PT2_E_LOAD)
        p->ok = p->ok && readers_agree(p, p->g->module->values.data[e->i]);
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

/* The panels' element for an element of the columns and of the depth. */
static pt2_ex load_panels(const struct pack *p, const pt2_ex *cols, const pt2_ex *depth)
{
    pt2_ex extents[PT2_MAX_RANK], at[PT2_MAX_RANK];
    number_of_cols(p, extents);
    pt2_ex col = pt2_linearize(p->E, p->num_cols, extents, cols), block = pt2_idx(p->E, p->block);
    at[0] = pt2_floordiv(p->E, col, block);
    memcpy(at + 1, depth, sizeof *at * (size_t)p->n->num_axes);
    at[p->panels->rank - 1] = pt2_floormod(p->E, col, block);
    return pt2_load_raw(p->E, PT2_F32, p->panels->id, p->panels->rank, at);
}

static pt2_ex load_factor(const struct pack *p)
{
    const struct pt2_node *n = p->n;
    pt2_ex cols[PT2_MAX_RANK], depth[PT2_MAX_RANK];
    for (int k = 0; k < p->num_cols; k++)
        cols[k] = pt2_var(p->E, p->cols[k], n->outs[0]->shape[p->cols[k]]);
    pt2_vars(p->g, n->num_axes, n->axes, n->outs[0]->rank, depth);
    return load_panels(p, cols, depth);
}

static pt2_ex load_weight(void *ctx, struct pt2_exprs *E, pt2_ex e)
{
    const struct pack *p = ctx;
    pt2_ex at[PT2_MAX_RANK];
    (void)E;
    if (e->op != PT2_E_LOAD || e->i != p->weight->id)
        return e;
    for (int k = 0; k < e->num_args; k++)
        at[k] = e->args[p->dim[k]];
    return load_panels(p, at, at + p->num_cols);
}

static void replace_weight(void *ctx, pt2_ex *e)
{
    const struct pack *p = ctx;
    *e = pt2_rewrite(p->E, *e, load_weight, ctx);
}

static bool pays(const struct pack *p)
{
    pt2_ex extents[PT2_MAX_RANK];
    int64_t cols = number_of_cols(p, extents)->i, depth = pt2_product(p->E, p->n->num_axes, p->n->axes)->i;
    int64_t whole = (cols + p->block - 1) / p->block * p->block;
    return 4.0 * (double)whole * (double)depth <= p->bytes * 9 / 8 + SLACK;
}

/* ---- packing ---- */

static pt2_status build(struct pt2_plan *plan, struct pt2_region *r, const struct pt2_plan_params *params)
{
    return pt2_kernel_build(plan->graph, r, &params->devices[r->device].caps, params->without);
}

/* Before nodes are changed: r->panels of the contractions that want them. */
static void share_panels(struct pack *p, struct pt2_value *panels)
{
    for (uint32_t k = 0; p->weight && k < p->plan->regions.count; k++) {
        struct pt2_region *r = p->plan->regions.data[k];
        struct pt2_node *first = r->members.data[0].node;
        if (pt2_node_reads(p->g, first, p->weight) && wants_same(p, r, first))
            r->panels = panels;
    }
    p->r->panels = panels;
}

/* All readers read the panels. */
static pt2_status change_readers(struct pack *p, const struct pt2_plan_params *params)
{
    for (uint32_t k = 0; k < p->plan->regions.count; k++) {
        struct pt2_region *r = p->plan->regions.data[k];
        bool reads = false;
        for (uint32_t j = 0; j < r->members.count; j++)
            if (pt2_node_reads(p->g, r->members.data[j].node, p->weight)) {
                pt2_node_exprs(r->members.data[j].node, replace_weight, p);
                reads = true;
            }
        if (reads)
            PT2_TRY(build(p->plan, r, params));
    }
    return PT2_OK;
}

static pt2_status pack(struct pt2_plan *plan, struct pt2_region *r, const struct pt2_plan_params *params)
{
    struct pack p;
    if (!begin(&p, plan, r) || !pays(&p))
        return PT2_OK;
    pt2_visit(p.factor, see_reader, &p);
    if (!p.ok)
        return PT2_OK;
    struct pt2_value *panels = pt2_load_result(p.g, make_panels(&p));
    p.panels = panels;
    share_panels(&p, panels);
    if (p.weight)
        return change_readers(&p, params);
    pt2_ex other = p.n->body->args[p.factor == p.n->body->args[0]];
    p.n->body = pt2_mul(p.E, other, load_factor(&p));
    return build(plan, r, params);
}

pt2_status pt2_plan_pack(struct pt2_plan *plan, const struct pt2_plan_params *params)
{
    bool wanted = pt2_has_opt(params->without, PT2_OPT_PACK) && plan->graph != plan->graph->module->load;
    for (uint32_t k = 0; wanted && k < plan->regions.count; k++)
        PT2_TRY(pack(plan, plan->regions.data[k], params));
    return PT2_OK;
}
