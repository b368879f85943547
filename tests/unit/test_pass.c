/* SPDX-License-Identifier: MIT
 * Passes, one file for each case in tests/pass/: what it is about, `pass NAME`, a graph, `=>`, the graph after it.
 * With PT2_UPDATE=1 the files get what the passes do now. */
#include "pass/pass.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PASS_DIR PT2_TEST_DATA "/../pass/"

static void inline_all(struct pt2_graph *g) { pt2_pass_inline(g, false, true); }
static void inline_views(struct pt2_graph *g) { pt2_pass_inline(g, true, false); }

static void fold(struct pt2_graph *g) { pt2_pass_fold(g->module); }

static const struct pass {
    const char *name;
    void (*run)(struct pt2_graph *g);
} passes[] = {
    { "cse", pt2_pass_cse }, { "dce", pt2_pass_dce }, { "inline", inline_all }, { "inline_views", inline_views },
    { "inplace", pt2_pass_inplace }, { "fold", fold }, { "siblings", pt2_pass_siblings },
    { "concat", pt2_pass_concat }, { "products", pt2_pass_products }, { "split", pt2_pass_split },
    { "unmerge", pt2_pass_unmerge },
};

static char *read_file(const char *path)
{
    char *text = calloc(1, 1 << 16);
    FILE *f = fopen(path, "r");
    if (!f || !fread(text, 1, (1 << 16) - 1, f))
        fail_msg("%s: cannot read it", path);
    fclose(f);
    return text;
}

static char *print(struct pt2_graph *g)
{
    struct pt2_str s = { 0 };
    pt2_graph_print(g, &s);
    return s.data;
}

/* The text of the graph after the pass; as it was read, if there is none. */
static char *result(const char *path, const char *text, const struct pass *pass)
{
    struct pt2_module m;
    struct pt2_graph *g;
    pt2_module_init(&m);
    if (pt2_graph_parse(&m, text, &g) != PT2_OK)
        fail_msg("%s: %s", path, pt2_error_message());
    if (pass)
        pass->run(g);
    if (pt2_graph_verify(g) != PT2_OK)
        fail_msg("%s: %s", path, pt2_error_message());
    char *out = print(g);
    pt2_module_free(&m);
    return out;
}

static const struct pass *pass_of(const char *path, const char *line)
{
    size_t n = strcspn(line, "\n");
    for (size_t k = 0; k < sizeof passes / sizeof *passes; k++)
        if (strlen(passes[k].name) == n && !strncmp(passes[k].name, line, n))
            return &passes[k];
    fail_msg("%s: no such pass", path);
    return NULL;
}

static void update(const char *path, const char *text, const char *arrow, const char *out)
{
    FILE *f = fopen(path, "w");
    if (f) {
        fprintf(f, "%.*s=>\n%s", (int)(arrow - text), text, out);
        fclose(f);
    }
}

static void run_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, PASS_DIR "%s", name);
    char *text = read_file(path), *line = strstr(text, "\npass "), *arrow = line ? strstr(line, "\n=>\n") : NULL;
    if (!arrow)
        fail_msg("%s: no pass or no =>", path);
    const struct pass *pass = pass_of(path, line + strlen("\npass "));
    char *in = strndup(strchr(line + 1, '\n'), (size_t)(arrow - strchr(line + 1, '\n')));
    char *got = result(path, in, pass), *want;
    if (getenv("PT2_UPDATE")) {
        update(path, text, arrow + 1, got);
    } else {
        want = result(path, arrow + strlen("\n=>\n"), NULL);
        if (strcmp(got, want) != 0) {
            fprintf(stderr, "%s wants:\n%s\nbut gets:\n%s\n", name, want, got);
            fail_msg("%s", name);
        }
        free(want);
    }
    free(got);
    free(in);
    free(text);
}

static int is_case(const struct dirent *d) { return strstr(d->d_name, ".txt") != NULL; }

static void test_files(void **state)
{
    struct dirent **list;
    int n = scandir(PASS_DIR, &list, is_case, alphasort);
    (void)state;
    assert_true(n > 10);
    for (int k = 0; k < n; k++) {
        run_file(list[k]->d_name);
        free(list[k]);
    }
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
