/* SPDX-License-Identifier: Apache-2.0 */
/* Versions: by which profile each is judged, and what happens to its deviations. */
#ifndef SNUG_VERSION_H
#define SNUG_VERSION_H

#include "sensor/agent.h"

/*
 * The index of the scope's version, from 1; 0 where the table is full. `scope`: the daemon's number
 * for it.
 */
__u32 version_index(struct agent *agent, __u64 scope);
/* The same of a version that is there; 0 where it is not. */
__u32 version_find(struct agent *agent, __u64 scope);
/*
 * The scope as it is kept in the kernel, where those of an earlier daemon are not mistaken for this
 * one's.
 */
__u64 pinned_scope(struct agent *agent, __u64 scope);
/* Whether a scope of the kernel is one of this daemon. */
bool is_current_run(struct agent *agent, __u64 scope);
/* `index` from 0. `number` of a whole profile, or 0. */
void version_set_profile(struct agent *agent, __u32 index, __u32 number);
void version_inherit_disarm(struct agent *agent, __u32 from, __u32 to);
void set_enforcement(struct agent *agent, const struct snug_enforce *command);
/* Whether deviations of the scope are stopped now. */
void report_enforcement(struct agent *agent, __u64 scope);
void report_disarmed(struct agent *agent);
void versions_takeover(struct agent *agent);
void versions_prune(struct agent *agent);

#endif
