/* SPDX-License-Identifier: MIT
 * The thread-local error record. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[1024];

pt2_status pt2_fail(pt2_status status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return status;
}

pt2_status pt2_note(pt2_status status, const char *fmt, ...)
{
    char old[sizeof message];
    va_list ap;
    if (status == PT2_OK)
        return status;
    memcpy(old, message, sizeof old);
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n + 3 > sizeof message)
        return status; /* the note alone fills the record */
    memcpy(message + n, ": ", 2);
    size_t room = sizeof message - (size_t)n - 3, len = strlen(old);
    memcpy(message + n + 2, old, len < room ? len : room);
    message[(size_t)n + 2 + (len < room ? len : room)] = 0;
    return status;
}

void pt2_error_set(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
}

const char *pt2_error_message(void)
{
    return message;
}

const char *pt2_status_name(pt2_status status)
{
    static const char *const names[] = {
        [PT2_OK] = "ok",
        [PT2_ERR_ARG] = "bad argument",
        [PT2_ERR_IO] = "input/output error",
        [PT2_ERR_FORMAT] = "bad file",
        [PT2_ERR_INPUT] = "bad input",
        [PT2_ERR_UNSUPPORTED] = "not supported",
        [PT2_ERR_NOMEM] = "out of memory",
        [PT2_ERR_NODEVICE] = "no such device",
        [PT2_ERR_COMPILE] = "kernel compiler failed",
        [PT2_ERR_DEVICE] = "device failed",
        [PT2_ERR_DEVICE_LOST] = "device lost",
        [PT2_ERR_TIMEOUT] = "time-out",
        [PT2_ERR_INTERNAL] = "internal error",
    };
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown status";
}
