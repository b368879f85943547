/* SPDX-License-Identifier: MIT
 * What drivers print. Standard error is a file without a name while it is held; a process that dies meanwhile still
 * shows what the file holds. Sanitizers report there and end the process themselves: builds with them hold nothing. */
#define _POSIX_C_SOURCE 200809L
#include "tools/drivers.h"
#include "base/utf8.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int terminal = -1; /* standard error while it is held */
static FILE *held;
static struct pt2_str kept;

/* Signal handlers may call no more than this. */
static void copy_held(void)
{
    char chunk[1024];
    ssize_t n;
    lseek(STDERR_FILENO, 0, SEEK_SET);
    while ((n = read(STDERR_FILENO, chunk, sizeof chunk)) > 0)
        if (write(terminal, chunk, (size_t)n) < 0)
            break;
}

static const int deaths[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV };
enum { NUM_DEATHS = sizeof deaths / sizeof *deaths };
static struct sigaction before[NUM_DEATHS];

static void die(int number)
{
    copy_held();
    for (int k = 0; k < NUM_DEATHS; k++)
        sigaction(deaths[k], &before[k], NULL);
    raise(number);
}

void drivers_hold(void)
{
    if (SANITIZED || getenv("PT2_DEBUG") || terminal >= 0)
        return;
    fflush(stderr);
    held = tmpfile();
    terminal = held ? dup(STDERR_FILENO) : -1;
    if (terminal < 0) {
        if (held)
            fclose(held);
        return;
    }
    for (int k = 0; k < NUM_DEATHS; k++)
        sigaction(deaths[k], &(struct sigaction){ .sa_handler = die }, &before[k]);
    dup2(fileno(held), STDERR_FILENO);
}

static void keep_text(void)
{
    char chunk[1024];
    size_t n;
    kept.len = 0;
    rewind(held);
    while ((n = fread(chunk, 1, sizeof chunk, held)) > 0)
        pt2_str_add_n(&kept, chunk, n);
}

pt2_status drivers_release(pt2_status status)
{
    if (terminal < 0)
        return status;
    fflush(stderr);
    keep_text();
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    fclose(held);
    terminal = -1;
    for (int k = 0; k < NUM_DEATHS; k++)
        sigaction(deaths[k], &before[k], NULL);
    if (status == PT2_OK) {
        fputs(pt2_str_text(&kept), stderr);
        pt2_str_free(&kept);
    }
    return status;
}

pt2_status open_model(const char *path, const pt2_model_params *params, pt2_model **out_model)
{
    drivers_hold();
    return drivers_release(pt2_model_open(path, params, out_model));
}

static void say_safe(FILE *file, const char *text, size_t len)
{
    struct pt2_str part = { 0 }, safe = { 0 };
    pt2_str_add_n(&part, text, len);
    pt2_utf8_escape(&safe, pt2_str_text(&part), PT2_ESCAPE_TEXT);
    fprintf(file, "%s\n", pt2_str_text(&safe));
    pt2_str_free(&part);
    pt2_str_free(&safe);
}

/* The lines of `text` that are not in `known`. */
static void say_lines(FILE *file, const char *text, const char *known)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        struct pt2_str line = { 0 };
        pt2_str_add_n(&line, text, n);
        if (n && !strstr(known, pt2_str_text(&line)))
            say_safe(file, text, n);
        pt2_str_free(&line);
        text += n + (text[n] == '\n');
    }
}

void drivers_say(FILE *file, const char *log)
{
    say_lines(file, log, "");
    say_lines(file, pt2_str_text(&kept), log);
    pt2_str_free(&kept);
}
