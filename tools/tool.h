/* SPDX-License-Identifier: MIT
 *
 * What the subcommands share: exit statuses, messages, the choice of a device, clocks.
 */
#ifndef PT2_TOOLS_TOOL_H
#define PT2_TOOLS_TOOL_H

#include "pt2gpu.h"
#include "tools/options.h"

#include <stdbool.h>
#include <stddef.h>

struct cJSON;

enum exit_status {
    STATUS_DONE = 0,
    STATUS_DATA = 1,        /* the file or its data is bad */
    STATUS_USAGE = 2,
    STATUS_UNSUPPORTED = 3, /* an operator or feature; the message names it */
    STATUS_DIFFERENT = 4,   /* a comparison found a difference */
    STATUS_DEVICE = 5,      /* a device or driver failed, or memory ran out */
};

enum exit_status exit_status_of(pt2_status status);
/* Prints "pt2gpu: <pt2_error_message()>" on one line of standard error; what a driver's compiler said, if anything,
 * follows. Returns the exit status. */
enum exit_status tool_fail(pt2_status status);
/* Prints text on standard output; what a terminal must not obey is escaped (base/utf8.h). */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints one JSON text and a line's end; whatever its strings hold, the output is UTF-8. */
void say_json(const char *text);
/* Copies a message into one line: line ends become spaces, other control characters are escaped. */
void one_line(char *dst, size_t cap, const char *text);

/* Replaces the progress line on standard error, if that is a terminal; NULL removes it. */
void progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

double now_ms(void); /* monotonic */
double cpu_ms(void); /* that this process has used, all threads */
double median(double *values, int count); /* sorts them; count > 0 */

/* The options that say where and how a model runs. */
struct target {
    const char *backend, *program, *place, *without, *tune;
    int device;
    bool no_cache, trust_indices;
    char text[256]; /* what the parameters point to */
};

#define TARGET_INIT { .device = -1 }
#define TARGET_OPTIONS(t)                                                                                            \
    { "backend", OPTION_TEXT, &(t)->backend, "NAME[,NAME...]",                                                       \
      "auto, vulkan, opencl, reference; several: in order of preference" },                                          \
    { "device", OPTION_NUMBER, &(t)->device, "N",                                                                    \
      "number of the device within the backend (auto: in the list of devices)" },                                    \
    { "program", OPTION_TEXT, &(t)->program, "NAME",                                                                 \
      "which program of an archive that holds several (info lists them)" },                                          \
    { "no-cache", OPTION_FLAG, &(t)->no_cache, NULL, "neither read nor write compiled kernels on disk" },            \
    { "tune", OPTION_TEXT, &(t)->tune, "off|quick|thorough",                                                         \
      "look for faster tiles first (off); those that were found are used in any case" },                             \
    { "trust-indices", OPTION_FLAG, &(t)->trust_indices, NULL, "do not check that indices are in range" },           \
    { "place", OPTION_TEXT, &(t)->place, "alternate", "spread kernels over the listed devices (debugging)" },        \
    { "without", OPTION_TEXT, &(t)->without, "NAME[,NAME...]",                                                       \
      "leave optimisations out: cse, fold, products, inline, siblings, concat, fuse, unfold, tiles, pack, rows, "    \
      "attention (debugging)" }

/* Fills the parameters from the options. Errors: ARG (usage), NODEVICE. */
PT2_MUST_USE pt2_status target_params(struct target *target, pt2_model_params *out_params);

/* What a plan says about the whole model. */
struct plan_facts {
    char device[256]; /* "vulkan:0 llvmpipe (LLVM 15.0.6, 256 bits)", several joined by ", "; "" when unknown */
    double launches;  /* per run; -1 when unknown */
    /* Launches of each device, and why the first choice does not run those of the others:
     * "opencl:0 3; reference:0 1 (float64 arithmetic)" */
    char where[512];
};

struct plan_facts plan_facts(const pt2_model *model);

/* Prints an object on standard output, on one line, and frees it. */
void print_json(struct cJSON *json);

extern const struct command command_run, command_info, command_plan, command_check, command_bench, command_trace;
extern const struct command command_devices, command_tune;

/* run --list FILE */
enum exit_status run_list(const char *path, const pt2_model_params *params);

#endif
