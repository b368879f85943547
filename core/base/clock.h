/* SPDX-License-Identifier: MIT
 *
 * Time for measuring and for time limits. */
#ifndef PT2_BASE_CLOCK_H
#define PT2_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* How long a backend's wait looks before it sleeps: to wake a thread takes longer than small networks do. */
enum { PT2_WATCH_NS = 100000 };

/* Nanoseconds since some moment; never goes back. */
static inline uint64_t pt2_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
