/* SPDX-License-Identifier: MIT
 *
 * How long it takes from the start of a process to the first result, with nothing compiled before and with everything.
 */
#ifndef PT2_TOOLS_STARTUP_H
#define PT2_TOOLS_STARTUP_H

#include "tools/tool.h"

struct startup {
    double process_ms;       /* the whole process, its end included */
    double load_ms, first_ms;
    int compiled, found;     /* kernels: compiled, taken from our cache (drivers have their own, too) */
};

/* Runs `pt2gpu bench` with these arguments twice, each in a process of its own, with one new folder for all caches,
 * ours and the drivers': [0] finds it empty, [1] finds what [0] left. Errors: IO, DEVICE (the process says why). */
PT2_MUST_USE pt2_status startup_measure(int argc, char **argv, struct startup out[2]);

#endif
