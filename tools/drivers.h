/* SPDX-License-Identifier: MIT
 *
 * What drivers print. Some write to standard error themselves while they compile. That is kept back until the command
 * has said what went wrong.
 */
#ifndef PT2_TOOLS_DRIVERS_H
#define PT2_TOOLS_DRIVERS_H

#include "pt2gpu.h"

#include <stdio.h>

/* pt2_model_open, with standard error held meanwhile: printed when opening succeeds, else kept for drivers_say. */
PT2_MUST_USE pt2_status open_model(const char *path, const pt2_model_params *params, pt2_model **out_model);
/* The two halves of it, for other calls that open models. */
void drivers_hold(void);
pt2_status drivers_release(pt2_status status); /* `status` */
/* Prints what a compiler's log says, `log` from the message and what was kept, each line once. */
void drivers_say(FILE *file, const char *log);

#endif
