/* SPDX-License-Identifier: MIT
 *
 * When each launch of a run began and ended, by the devices' own clocks, and what it did.
 */
#ifndef PT2_RUNTIME_TRACE_H
#define PT2_RUNTIME_TRACE_H

#include "plan/plan.h"

/* One launch of the last timed run. */
struct pt2_slice {
    const struct pt2_region *region; /* borrowed from the model */
    uint64_t begin_ns, end_ns;       /* the clock of the region's device */
    double operations, read, written; /* the region's cost at this launch's sizes; -1: not known */
};

/* Makes later runs of the session measure their launches. Before the first run. Measuring waits after every stretch of
 * launches on one device, so that runs are slower; launches inside a stretch may overlap as they do otherwise. */
void pt2_session_time(pt2_session *session);

/* The launches of the last run, in the order in which they were submitted. They belong to the session and live until
 * its next run. */
uint32_t pt2_session_slices(const pt2_session *session, const struct pt2_slice **out_slices);

/* Where a region comes from: the node of the archive that made its last member; NULL when there is none. */
const struct pt2_pnode *pt2_region_origin(const struct pt2_region *r);

/* The launches of the last run in Chrome's trace format (chrome://tracing, ui.perfetto.dev): a process per device, a
 * track for its queue, and more tracks for launches that overlap with others in time. Slices carry node, operator,
 * module, Python line, bytes and operations. Free with pt2_free. */
PT2_MUST_USE pt2_status pt2_session_trace(pt2_session *session, char **out_json);

#endif
