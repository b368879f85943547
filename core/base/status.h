/* SPDX-License-Identifier: MIT
 *
 * Error handling.  Every fallible function returns a pt2_status; the text that explains a failure is kept in
 * a fixed-size thread-local record, so that failing allocates nothing and leaks nothing.
 *
 *     if (size < 0)
 *         return pt2_fail(PT2_ERR_FORMAT, "tensor %s: negative size %lld", name, (long long)size);
 *     PT2_TRY(pt2_zip_open(path, &zip));            // returns early when the call failed
 *     PT2_NOTE(read_weights(zip), "weights");       // the same, and prepends "weights: " to the message
 *
 * assert() is for our own bugs only; archives, shapes and driver answers are input and never abort.
 */
#ifndef PT2_BASE_STATUS_H
#define PT2_BASE_STATUS_H

#include "pt2gpu.h"

#if defined(__GNUC__)
#define PT2_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PT2_PRINTF(fmt, args)
#endif

/* Records the message and returns `status` (never PT2_OK). */
pt2_status pt2_fail(pt2_status status, const char *fmt, ...) PT2_PRINTF(2, 3);

/* Prepends "<note>: " to the current message; returns `status` unchanged, also when it is PT2_OK. */
pt2_status pt2_note(pt2_status status, const char *fmt, ...) PT2_PRINTF(2, 3);

/* Puts back a message that was taken from another thread's record. */
void pt2_error_set(const char *text);

#define PT2_TRY(call)                       \
    do {                                    \
        pt2_status try_status_ = (call);    \
        if (try_status_ != PT2_OK)          \
            return try_status_;             \
    } while (0)

#define PT2_NOTE(call, ...)                                  \
    do {                                                     \
        pt2_status try_status_ = (call);                     \
        if (try_status_ != PT2_OK)                           \
            return pt2_note(try_status_, __VA_ARGS__);       \
    } while (0)

/* For functions with one `out:` label and a local `status`. */
#define PT2_GOTO(label, call)               \
    do {                                    \
        status = (call);                    \
        if (status != PT2_OK)               \
            goto label;                     \
    } while (0)

#endif
