/* SPDX-License-Identifier: MIT
 * The tuner. A region is built with one set of tiles after the other; each build is a trial with a program of its own.
 * All trials run on the same buffers, filled with the same numbers, in turns, so that a change in the device's load
 * meets all of them. */
#include "runtime/tune.h"
#include "base/without.h"
#include "kernel/contract.h"
#include "runtime/facts.h"
#include "runtime/internal.h"
#include "runtime/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TRIALS = 96, PLAIN = 0, CHOSEN = 1, OTHERS = 2 };

pt2_status pt2_tune_parse(const char *text, enum pt2_tune *out)
{
    static const char *const names[] = { "off", "quick", "thorough" };
    *out = PT2_TUNE_OFF;
    for (int k = 0; text && k < 3; k++)
        if (!strcmp(text, names[k])) {
            *out = (enum pt2_tune)k;
            return PT2_OK;
        }
    return text ? pt2_fail(PT2_ERR_ARG, "unknown tuning '%s': off, quick, thorough", text) : PT2_OK;
}

/* ---- what is known ---- */

struct name { char text[32]; };

static struct name fact_name(const struct pt2_region *r)
{
    struct name n;
    snprintf(n.text, sizeof n.text, "tiles-%016llx", (unsigned long long)r->tile_key);
    return n;
}

static bool known(const struct pt2_model *m, const char *cache_dir, const struct pt2_region *r, struct pt2_tiles *out)
{
    double v[3];
    if (!pt2_fact_get(cache_dir, m->devices[r->device], fact_name(r).text, 3, v))
        return false;
    for (int k = 0; k < 3; k++)
        if (!(v[k] >= 0 && v[k] <= 1 << 16))
            return false;
    *out = (struct pt2_tiles){ (int)v[0], (int)v[1], (int)v[2] };
    return true;
}

static void keep(const struct pt2_model *m, const char *cache_dir, const struct pt2_region *r, struct pt2_tiles t)
{
    const double v[3] = { t.rows, t.cols, t.depth };
    pt2_fact_put(cache_dir, m->devices[r->device], fact_name(r).text, 3, v);
}

static pt2_status build(struct pt2_model *m, struct pt2_graph *g, struct pt2_region *r, struct pt2_tiles tiles,
                        uint32_t without)
{
    r->tiles = tiles;
    PT2_TRY(pt2_kernel_build(g, r, &m->plan_devices[r->device].caps, without));
    pt2_kernel_render(&m->module, r->kernel);
    return PT2_OK;
}

static bool asks(struct pt2_tiles t)
{
    return t.rows || t.cols || t.depth;
}

static pt2_status apply(struct pt2_model *m, struct pt2_graph *g, struct pt2_region *r, const char *cache_dir,
                        uint32_t without)
{
    const struct pt2_contract *c = r->kernel->contract;
    struct pt2_tiles tiles;
    if (!c)
        return PT2_OK;
    r->tile_key = pt2_hash(&c->bucket, sizeof c->bucket, r->kernel->hash);
    return known(m, cache_dir, r, &tiles) && asks(tiles) ? build(m, g, r, tiles, without) : PT2_OK;
}

pt2_status pt2_tune_apply(struct pt2_model *m, const char *cache_dir, uint32_t without)
{
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        for (uint32_t k = 0; k < m->plans[g].regions.count; k++)
            PT2_TRY(apply(m, m->module.graphs.data[g], m->plans[g].regions.data[k], cache_dir, without));
    return PT2_OK;
}

/* ---- trials ---- */

struct trial {
    struct pt2_tiles tiles;
    struct pt2_region region; /* a copy, as it was built */
    struct pt2_program_obj *program;
    struct pt2_launch launch;
    bool wrong;
    uint64_t ns;
};

struct tuning {
    struct pt2_model *m;
    struct pt2_graph *g;
    struct pt2_region *r;
    struct pt2_session *s; /* the sizes */
    struct pt2_device *d;
    const char *cache_dir;
    uint32_t without;
    bool thorough;
    struct pt2_arena arena;
    struct trial trials[MAX_TRIALS];
    int count;
    int num_bufs;          /* of the plain kernel */
    struct pt2_value **values;
    struct pt2_buf **bufs; /* owned */
    uint64_t *bytes;
    void **numbers, **want; /* owned: what is in them before, and after the plain kernel where it writes */
};

static pt2_status add_trial(struct tuning *t, struct pt2_tiles tiles, uint32_t without)
{
    PT2_TRY(build(t->m, t->g, t->r, tiles, without));
    t->trials[t->count++] = (struct trial){ .tiles = tiles, .region = *t->r };
    return PT2_OK;
}

static pt2_status add_trials(struct tuning *t)
{
    struct pt2_tiles others[MAX_TRIALS - OTHERS];
    uint32_t plain = t->without | 1u << PT2_OPT_TILES | 1u << PT2_OPT_ROWS;
    PT2_TRY(add_trial(t, (struct pt2_tiles){ 0 }, plain));
    PT2_TRY(add_trial(t, (struct pt2_tiles){ 0 }, t->without));
    int n = pt2_tiles_candidates(t->r->kernel->contract, &t->m->plan_devices[t->r->device].caps, t->thorough,
                                 MAX_TRIALS - OTHERS, others);
    for (int k = 0; k < n; k++)
        PT2_TRY(add_trial(t, others[k], t->without));
    return PT2_OK;
}

static pt2_status compile_trials(struct tuning *t)
{
    const struct pt2_kernel *kernels[MAX_TRIALS];
    struct pt2_program_obj *programs[MAX_TRIALS];
    for (int k = 0; k < t->count; k++)
        kernels[k] = t->trials[k].region.kernel;
    PT2_TRY(t->d->backend->compile(t->d, kernels, t->count, t->cache_dir, programs));
    for (int k = 0; k < t->count; k++)
        t->trials[k].program = programs[k];
    return PT2_OK;
}

/* ---- numbers ---- */

/* Between -1 and 1; integers are small, so that they are indices of anything. */
static void *random_numbers(pt2_dtype dtype, uint64_t bytes)
{
    uint64_t seed = 1, n = bytes / pt2_dtype_size(dtype);
    void *data = malloc(bytes ? bytes : 1);
    for (uint64_t k = 0; data && k < n; k++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double x = (double)(seed >> 40) / (1 << 23) - 1;
        if (pt2_dtype_is_float(dtype))
            pt2_store_double(dtype, data, (int64_t)k, x);
        else
            pt2_store_int(dtype, data, (int64_t)k, (int64_t)(seed >> 63));
    }
    return data;
}

static pt2_status make_buffers(struct tuning *t)
{
    const struct pt2_region *plain = &t->trials[PLAIN].region;
    t->num_bufs = plain->num_bufs;
    t->values = plain->bufs;
    t->bufs = PT2_NEW_N(&t->arena, struct pt2_buf *, t->num_bufs);
    t->bytes = PT2_NEW_N(&t->arena, uint64_t, t->num_bufs);
    t->numbers = PT2_NEW_N(&t->arena, void *, t->num_bufs);
    t->want = PT2_NEW_N(&t->arena, void *, t->num_bufs);
    for (int k = 0; k < t->num_bufs; k++) {
        PT2_TRY(pt2_value_bytes(t->s, t->values[k], &t->bytes[k]));
        PT2_TRY(t->d->backend->buf_create(t->d, t->bytes[k] ? t->bytes[k] : 16, &t->bufs[k]));
        t->numbers[k] = random_numbers(t->values[k]->dtype, t->bytes[k]);
        t->want[k] = plain->kernel->bufs[k].write ? malloc(t->bytes[k] + 1) : NULL;
        if (!t->numbers[k] || (plain->kernel->bufs[k].write && !t->want[k]))
            return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    }
    return PT2_OK;
}

static pt2_status fill_buffers(struct tuning *t)
{
    for (int k = 0; k < t->num_bufs; k++)
        if (t->bytes[k])
            PT2_TRY(t->d->backend->buf_write(t->d, t->bufs[k], 0, t->numbers[k], t->bytes[k]));
    return PT2_OK;
}

/* ---- running ---- */

/* What is joined may have two: one to read, one to write. */
static int buffer_of(const struct tuning *t, const struct pt2_value *v, bool write)
{
    const struct pt2_kernel_buf *plain = t->trials[PLAIN].region.kernel->bufs;
    int k = 0;
    while (k < t->num_bufs && (t->values[k] != v || (v->def->joined && plain[k].write != write)))
        k++;
    return k;
}

static pt2_status make_launch(struct tuning *t, struct trial *trial)
{
    const struct pt2_region *r = &trial->region;
    struct pt2_binding *b = PT2_NEW_N(&t->arena, struct pt2_binding, r->num_bufs);
    int32_t *params = PT2_NEW_N(&t->arena, int32_t, r->num_params);
    int64_t v;
    for (int k = 0; k < r->num_bufs; k++) {
        int n = buffer_of(t, r->bufs[k], r->kernel->bufs[k].write);
        if (n == t->num_bufs)
            return pt2_fail(PT2_ERR_INTERNAL, "kernel %s reads other values when it is tiled", r->kernel->name);
        b[k] = (struct pt2_binding){ t->bufs[n], 0, t->bytes[n] };
    }
    for (int k = 0; k < r->num_params; k++) {
        PT2_TRY(pt2_eval(&t->m->module.exprs, r->params[k], t->s->values, t->s->known, &v));
        params[k] = (int32_t)v;
    }
    PT2_TRY(pt2_eval(&t->m->module.exprs, r->points, t->s->values, t->s->known, &v));
    trial->launch = (struct pt2_launch){ .program = trial->program, .bindings = b, .params = params,
                                         .points = (uint64_t)(v > 0 ? v : 0), .label = r->kernel->name };
    return PT2_OK;
}

static double tolerance(pt2_dtype dtype)
{
    return !pt2_dtype_is_float(dtype) ? 0 : pt2_dtype_size(dtype) >= 4 ? 1e-4 : dtype == PT2_F16 ? 2e-3 : 2e-2;
}

static bool agrees(pt2_dtype dtype, const void *got, const void *want, uint64_t bytes)
{
    int64_t n = (int64_t)(bytes / pt2_dtype_size(dtype));
    double largest = 0, worst = 0;
    for (int64_t k = 0; k < n; k++) {
        double w = pt2_load_double(dtype, want, k), e = fabs(pt2_load_double(dtype, got, k) - w);
        largest = fabs(w) > largest ? fabs(w) : largest;
        worst = e > worst || isnan(e) ? e : worst;
    }
    return worst <= tolerance(dtype) * largest;
}

/* Runs a trial once on fresh numbers. The plain kernel's results become what is wanted of the others. */
static pt2_status verify(struct tuning *t, struct trial *trial)
{
    uint64_t ns;
    PT2_TRY(fill_buffers(t));
    PT2_TRY(pt2_time_launch(t->d, &trial->launch, 1, &ns));
    for (int k = 0; k < t->num_bufs; k++) {
        if (!t->want[k] || !t->bytes[k])
            continue;
        void *got = trial == &t->trials[PLAIN] ? t->want[k] : malloc(t->bytes[k]);
        if (!got)
            return pt2_fail(PT2_ERR_NOMEM, "out of memory");
        pt2_status status = t->d->backend->buf_read(t->d, t->bufs[k], 0, got, t->bytes[k]);
        if (got != t->want[k]) {
            trial->wrong |= status == PT2_OK && !agrees(t->values[k]->dtype, got, t->want[k], t->bytes[k]);
            free(got);
        }
        PT2_TRY(status);
    }
    return PT2_OK;
}

static pt2_status run_trials(struct tuning *t)
{
    int rounds = t->thorough ? 5 : 3;
    for (int k = 0; k < t->count; k++) {
        PT2_TRY(make_launch(t, &t->trials[k]));
        if (!t->trials[k].launch.points)
            return PT2_OK;
        t->trials[k].ns = UINT64_MAX;
        PT2_TRY(verify(t, &t->trials[k]));
    }
    for (int round = 0; round < rounds; round++)
        for (int k = CHOSEN; k < t->count; k++) {
            uint64_t ns;
            PT2_TRY(pt2_time_launch(t->d, &t->trials[k].launch, 2, &ns));
            t->trials[k].ns = ns < t->trials[k].ns ? ns : t->trials[k].ns;
        }
    return PT2_OK;
}

/* ---- the result ---- */

/* Another one must be clearly faster than the builder's: times are never exact. */
static struct trial *fastest(struct tuning *t)
{
    struct trial *best = &t->trials[CHOSEN];
    for (int k = OTHERS; k < t->count; k++) {
        struct trial *x = &t->trials[k];
        double least = (double)best->ns * (best == &t->trials[CHOSEN] ? 0.95 : 1);
        if (!x->wrong && ((double)x->ns < least || (best->wrong && best == &t->trials[CHOSEN])))
            best = x;
    }
    return best;
}

static struct pt2_tiles tiles_of(const struct trial *x)
{
    const struct pt2_contract *c = x->region.kernel->contract;
    return (struct pt2_tiles){ c->tile_rows, c->tile_cols, c->tile_depth };
}

static void report_trials(const struct tuning *t, const struct trial *best, pt2_tuned_fn *report, void *ctx)
{
    const struct trial *chosen = &t->trials[CHOSEN];
    struct pt2_tuned r = { t->r, tiles_of(chosen), tiles_of(best), (double)chosen->ns * 1e-6,
                           (double)best->ns * 1e-6, t->count - OTHERS, 0 };
    for (int k = CHOSEN; k < t->count; k++)
        r.wrong += t->trials[k].wrong;
    if (report)
        report(ctx, &r);
}

static void free_tuning(struct tuning *t)
{
    for (int k = 0; k < t->count; k++)
        if (t->trials[k].program)
            t->d->backend->program_destroy(t->d, t->trials[k].program);
    for (int k = 0; k < t->num_bufs; k++) {
        if (t->bufs[k])
            t->d->backend->buf_destroy(t->d, t->bufs[k]);
        free(t->numbers[k]);
        free(t->want[k]);
    }
    pt2_arena_free(&t->arena);
}

static pt2_status try_all(struct tuning *t, pt2_tuned_fn *report, void *ctx)
{
    struct pt2_tiles tiles = t->r->tiles;
    pt2_status status = add_trials(t);
    if (status == PT2_OK)
        status = compile_trials(t);
    if (status == PT2_OK)
        status = make_buffers(t);
    if (status == PT2_OK)
        status = run_trials(t);
    if (status == PT2_OK && t->trials[CHOSEN].launch.points) {
        const struct trial *best = fastest(t);
        tiles = best->tiles;
        keep(t->m, t->cache_dir, t->r, tiles);
        report_trials(t, best, report, ctx);
    }
    pt2_status built = build(t->m, t->g, t->r, tiles, t->without);
    free_tuning(t);
    return status == PT2_OK ? built : status;
}

/* Whether the sizes of the region are known before a run. */
static bool sizes_known(struct pt2_model *m, const struct pt2_session *s, const struct pt2_region *r)
{
    int64_t v;
    bool all = pt2_eval(&m->module.exprs, r->points, s->values, s->known, &v) == PT2_OK;
    for (int k = 0; k < r->num_params; k++)
        all = all && pt2_eval(&m->module.exprs, r->params[k], s->values, s->known, &v) == PT2_OK;
    return all;
}

struct done {
    uint64_t key;
    int device;
    struct pt2_tiles tiles;
};

struct tuner {
    struct pt2_model *m;
    struct pt2_session *s;
    enum pt2_tune effort;
    bool again;
    const char *cache_dir;
    uint32_t without;
    pt2_tuned_fn *report;
    void *ctx;
    PT2_VEC(struct done) done; /* in this call */
};

static const struct done *find_done(const struct tuner *u, const struct pt2_region *r)
{
    for (uint32_t k = 0; k < u->done.count; k++)
        if (u->done.data[k].key == r->tile_key && u->done.data[k].device == r->device)
            return &u->done.data[k];
    return NULL;
}

/* The region's program, for the kernel that it has now. */
static pt2_status compile_region(struct pt2_model *m, uint32_t g, struct pt2_region *r, const char *cache_dir)
{
    const struct pt2_kernel *k = r->kernel;
    return pt2_device_programs(m->devices[r->device], &k, 1, cache_dir, &m->programs[g][r->id]);
}

static pt2_status tune_region(struct tuner *u, uint32_t g, struct pt2_region *r)
{
    struct pt2_tiles tiles;
    if (!r->kernel->contract || (!u->again && known(u->m, u->cache_dir, r, &tiles) && !find_done(u, r)) ||
        !sizes_known(u->m, u->s, r))
        return PT2_OK;
    if (find_done(u, r)) {
        PT2_TRY(build(u->m, u->m->module.graphs.data[g], r, find_done(u, r)->tiles, u->without));
        return compile_region(u->m, g, r, u->cache_dir);
    }
    struct tuning *t = calloc(1, sizeof *t);
    if (!t)
        return pt2_fail(PT2_ERR_NOMEM, "out of memory");
    *t = (struct tuning){ .m = u->m, .g = u->m->module.graphs.data[g], .r = r, .s = u->s,
                          .d = u->m->devices[r->device], .cache_dir = u->cache_dir, .without = u->without,
                          .thorough = u->effort == PT2_TUNE_THOROUGH };
    pt2_status status = try_all(t, u->report, u->ctx);
    free(t);
    PT2_NOTE(status, "tuning %s", r->kernel->name);
    struct done done = { r->tile_key, r->device, r->tiles };
    pt2_push(&u->m->module.arena, &u->done, done);
    return compile_region(u->m, g, r, u->cache_dir);
}

pt2_status pt2_tune_model(struct pt2_model *m, enum pt2_tune effort, bool again, const char *cache_dir,
                          uint32_t without, const pt2_tensor *inputs, pt2_tuned_fn *report, void *ctx)
{
    struct tuner u = { .m = m, .effort = effort, .again = again, .cache_dir = cache_dir, .without = without,
                       .report = report, .ctx = ctx };
    PT2_TRY(pt2_session_create(m, &u.s));
    pt2_status status = PT2_OK;
    for (int k = 0; status == PT2_OK && inputs && k < pt2_model_input_count(m); k++)
        if (inputs[k].dtype != PT2_NONE)
            status = pt2_session_set_input(u.s, k, &inputs[k]);
    if (status == PT2_OK)
        status = pt2_note(pt2_bind_inputs(u.s), "tuning needs inputs");
    for (uint32_t g = 0; g < m->module.graphs.count; g++)
        for (uint32_t k = 0; status == PT2_OK && k < m->plans[g].regions.count; k++)
            status = tune_region(&u, g, m->plans[g].regions.data[k]);
    pt2_session_destroy(&u.s);
    return status;
}
