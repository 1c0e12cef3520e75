/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of a process's user and group. */
#ifndef SNUG_PROCESS_IDENTITY_H
#define SNUG_PROCESS_IDENTITY_H

#include "lib/kernel.h"
#include "abi.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

/* True where the change may be made. `stop`: how it is stopped where this is called. */
static __always_inline bool report_identity(struct snug_task *state, struct task_struct *task,
					    u32 uid, u32 gid, u32 stop)
{
	u64 object = SNUG_MIX(keys, SNUG_IDENTITY, (u64)uid << 32 | gid);
	struct verdict verdict;
	struct snug_event *event;
	void *ring;

	object = SNUG_MIX(keys, object, (u64)state->gid);
	if (judge_event(state, &verdict, object, state->actor,
			SNUG_RULE_IDENTITY(keys, state->uid, state->gid, uid, gid))) {
		event = reserve_event(state, task, SNUG_IDENTITY, &verdict, &ring);
		if (event) {
			event->event_flags = stop_flag(&verdict, stop);
			event->from_uid = state->uid;
			event->from_gid = state->gid;
			event->to_uid = uid;
			event->to_gid = gid;
			submit_event(event, ring);
		}
	}
	if (must_stop(&verdict) && stop == SNUG_REFUSED)
		return false;
	set_ids(state, uid, gid);
	return !must_stop(&verdict);
}

#endif
