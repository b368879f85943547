/* SPDX-License-Identifier: MIT
 * On a device that claims to be concurrent, two long launches without a dependency overlap in time, and two with
 * one do not:
 *
 *     test_overlap opencl 0 */
#include "test_device.h"

enum { TRIES = 8, LONG_NS = 40000000 };

/* One invocation works for P(0) steps; nothing shortens the sequence of xorshift. */
static const char busy_text[] = "if (GLOBAL_ID() == 0) {\n"
                                "    uint s = pt_ld_u32(b0, 0);\n"
                                "    for (int k = 0; k < P(0); k++) {\n"
                                "        s ^= s << 13;\n"
                                "        s ^= s >> 17;\n"
                                "        s ^= s << 5;\n"
                                "    }\n"
                                "    pt_st_u32(b1, 0, s);\n"
                                "}\n";

struct scene {
    struct pt2_program_obj *program;
    struct pt2_buf *in, *out[2];
    int32_t steps;
    struct pt2_timing times[2];
};

static uint64_t length(const struct pt2_timing *t)
{
    return t->end_ns - t->begin_ns;
}

/* Nanoseconds during which both ran. */
static uint64_t overlap(const struct pt2_timing *t)
{
    uint64_t begin = t[0].begin_ns > t[1].begin_ns ? t[0].begin_ns : t[1].begin_ns;
    uint64_t end = t[0].end_ns < t[1].end_ns ? t[0].end_ns : t[1].end_ns;
    return end > begin ? end - begin : 0;
}

static void run(struct scene *s, bool dependent)
{
    struct pt2_launch l[2];
    struct pt2_binding bind[2][2];
    struct pt2_exec *exec;
    uint32_t dep = 0;
    uint64_t point;
    for (int i = 0; i < 2; i++) {
        bind[i][0] = (struct pt2_binding){ s->in, 0, 4 };
        bind[i][1] = (struct pt2_binding){ s->out[i], 0, 4 };
        l[i] = (struct pt2_launch){ .program = s->program, .bindings = bind[i], .params = &s->steps, .points = 1,
                                    .deps = &dep, .num_deps = dependent && i == 1, .label = "busy" };
    }
    MUST(T.table->exec_create(dev, l, 2, true, &exec));
    MUST(T.table->submit(dev, exec, 0, &point));
    MUST(T.table->wait(dev, point, UINT64_MAX));
    MUST(T.table->timings(dev, exec, s->times));
    T.table->exec_destroy(dev, exec);
}

/* Makes one launch long enough that starting the other one does not matter. The first run may include a compilation. */
static void calibrate(struct scene *s)
{
    s->steps = 1 << 16;
    run(s, true);
    do {
        s->steps *= 2;
        run(s, true);
    } while (length(&s->times[1]) < LONG_NS && s->steps < 1 << 29);
}

static void check_results(const struct scene *s)
{
    uint32_t want = 1, got[2];
    for (int32_t k = 0; k < s->steps; k++) {
        want ^= want << 13;
        want ^= want >> 17;
        want ^= want << 5;
    }
    for (int i = 0; i < 2; i++) {
        MUST(T.table->buf_read(dev, s->out[i], 0, &got[i], 4));
        CHECK(got[i] == want);
    }
}

static void test_dependent(struct scene *s)
{
    for (int i = 0; i < 3; i++) {
        run(s, true);
        CHECK(s->times[1].begin_ns >= s->times[0].end_ns);
    }
    check_results(s);
    printf("dependent: %.1f ms, then %.1f ms\n",
           (double)length(&s->times[0]) * 1e-6, (double)length(&s->times[1]) * 1e-6);
}

/* On a busy machine one of two threads may start late: one good try is enough. */
static void test_independent(struct scene *s)
{
    double best = 0;
    for (int i = 0; i < TRIES && best < 0.5; i++) {
        run(s, false);
        uint64_t shorter = length(&s->times[0]) < length(&s->times[1]) ? length(&s->times[0]) : length(&s->times[1]);
        double share = (double)overlap(s->times) / (double)shorter;
        best = share > best ? share : best;
    }
    printf("independent: %.0f %% of the shorter one at the same time\n", best * 100);
    CHECK(best >= 0.5);
    check_results(s);
}

int main(int argc, char **argv)
{
    static struct pt2_kernel_buf bufs[] = { { .dtype = PT2_U32, .read = true },
                                            { .dtype = PT2_U32, .write = true } };
    struct pt2_kernel k = { .name = "busy", .num_bufs = 2, .bufs = bufs, .num_params = 1, .text = busy_text,
                            .local_size = 1, .points_per_group = 1 };
    uint32_t one = 1;
    struct scene s = { 0 };
    open_device(argc, argv);
    const struct pt2_caps *caps = &dev->desc.caps;
    if (!caps->concurrent || caps->compute_units == 1) {
        printf("skipped: launches do not overlap on this device\n");
        return 77;
    }
    s.program = compile(&k, NULL);
    s.in = new_buf(4, &one);
    s.out[0] = new_buf(4, NULL);
    s.out[1] = new_buf(4, NULL);
    calibrate(&s);
    test_dependent(&s);
    test_independent(&s);
    T.table->program_destroy(dev, s.program);
    T.table->buf_destroy(dev, s.in);
    T.table->buf_destroy(dev, s.out[0]);
    T.table->buf_destroy(dev, s.out[1]);
    return close_device();
}
