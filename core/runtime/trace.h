/* SPDX-License-Identifier: MIT
 *
 * When each launch of a run began and ended, by the devices' own clocks.
 */
#ifndef PT2_RUNTIME_TRACE_H
#define PT2_RUNTIME_TRACE_H

#include "base/status.h"

/* Makes later runs of the session measure their launches. Before the first run. Measuring waits after every stretch of
 * launches on one device, so that runs are slower; launches inside a stretch may overlap as they do otherwise. */
void pt2_session_time(pt2_session *session);

/* The launches of the last run in Chrome's trace format (chrome://tracing, ui.perfetto.dev): a process per device, a
 * thread per lane; launches that overlap in time are on different lanes. Slices carry node, operator, module, Python
 * line and bytes. Free with pt2_free. */
PT2_MUST_USE pt2_status pt2_session_trace(pt2_session *session, char **out_json);

#endif
