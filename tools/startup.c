/* SPDX-License-Identifier: MIT
 * Starting this command again, twice, with caches in a new folder. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "tools/startup.h"
#include "base/arena.h"
#include "base/status.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where this command and the drivers keep what they compiled. */
static const char *const cache_variables[] = {
    "PT2GPU_CACHE", "XDG_CACHE_HOME", "MESA_SHADER_CACHE_DIR", "POCL_CACHE_DIR", "CUDA_CACHE_PATH",
    "__GL_SHADER_DISK_CACHE_PATH", "NEO_CACHE_DIR",
};

static void move_caches(const char *folder)
{
    for (size_t k = 0; k < sizeof cache_variables / sizeof *cache_variables; k++)
        setenv(cache_variables[k], folder, 1);
}

/* The child: never returns. */
static void start(char **argv, const char *folder, int output)
{
    dup2(output, STDOUT_FILENO);
    move_caches(folder);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static void read_all(int fd, struct pt2_str *out)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            pt2_str_add_n(out, chunk, (size_t)n);
}

static double number(const cJSON *o, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

static pt2_status take(const char *text, int state, struct startup *out)
{
    cJSON *o = cJSON_Parse(text);
    if (state || !o) {
        cJSON_Delete(o);
        return pt2_fail(PT2_ERR_DEVICE, "measuring the start: the process ended with status %d",
                        WIFEXITED(state) ? WEXITSTATUS(state) : -1);
    }
    out->load_ms = number(o, "load_ms");
    out->first_ms = number(o, "first_ms");
    out->compiled = (int)number(o, "kernels_compiled");
    out->found = (int)number(o, "kernels_found");
    cJSON_Delete(o);
    return PT2_OK;
}

static pt2_status run_once(char **argv, const char *folder, struct startup *out)
{
    int ends[2], state = 0;
    struct pt2_str text = { 0 };
    double begin = now_ms();
    if (pipe(ends))
        return pt2_fail(PT2_ERR_IO, "measuring the start: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        start(argv, folder, ends[1]);
    }
    close(ends[1]);
    if (child > 0)
        read_all(ends[0], &text);
    close(ends[0]);
    if (child < 0 || waitpid(child, &state, 0) != child) {
        pt2_str_free(&text);
        return pt2_fail(PT2_ERR_IO, "measuring the start: %s", strerror(errno));
    }
    out->process_ms = now_ms() - begin;
    pt2_status status = take(pt2_str_text(&text), state, out);
    pt2_str_free(&text);
    return status;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

pt2_status startup_measure(int argc, char **argv, struct startup out[2])
{
    static char *const added[] = { "--brief", "--runs=1", "--warmup=0", "--json" };
    enum { ADDED = sizeof added / sizeof *added };
    const char *base = getenv("TMPDIR");
    char folder[4096];
    char **args = calloc((size_t)argc + ADDED + 3, sizeof *args);
    int n = 0;
    if (!args)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for arguments");
    args[n++] = "pt2gpu";
    args[n++] = "bench";
    for (int k = 0; k < argc; k++)
        if (strcmp(argv[k], "--startup"))
            args[n++] = argv[k];
    memcpy(&args[n], added, sizeof added);
    snprintf(folder, sizeof folder, "%s/pt2gpu-XXXXXX", base && *base ? base : "/tmp");
    pt2_status status =
        mkdtemp(folder) ? PT2_OK : pt2_fail(PT2_ERR_IO, "cannot make a folder %s: %s", folder, strerror(errno));
    for (int k = 0; k < 2 && status == PT2_OK; k++) {
        progress("measuring start %d of 2", k + 1);
        status = run_once(args, folder, &out[k]);
    }
    progress(NULL);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(args);
    return status;
}
