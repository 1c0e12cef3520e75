/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of a process's user and group. */
#ifndef SNUG_IDENTITY_H
#define SNUG_IDENTITY_H

#include "lib/kernel.h"
#include "abi.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "process/ids.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

/* Whether the process may take root back without gaining it: by these credentials from now on. */
static __always_inline void note_held_root(struct snug_task *state, const struct cred *cred)
{
	if (uid_inside(state, READ(cred, uid.val)) == 0 ||
	    uid_inside(state, READ(cred, suid.val)) == 0)
		state->flags |= SNUG_HELD_ROOT;
	else
		state->flags &= ~SNUG_HELD_ROOT;
}

/* Any account of people: no process has this id. */
static __always_inline u32 anybody_for(u32 id)
{
	return account_of(id) == SNUG_ACCOUNT_LEAST ? SNUG_ANYBODY : id;
}

/* A rule for these ids decides. Else that for anybody does, where they are of people. */
static __always_inline void judge_identity(const struct snug_task *state, struct verdict *verdict,
					   u32 uid, u32 gid)
{
	u32 found;
	u64 rule, actor;

	if (!has_profile(verdict))
		return;
	actor = ruled_actor(&verdict->ruling, state);
	rule = SNUG_RULE_IDENTITY(keys, state->uid, state->gid, uid, gid);
	found = lookup_rule(&verdict->ruling, actor, rule, &verdict->tags[0]);
	if (found == RULE_NONE) {
		rule = SNUG_RULE_IDENTITY(keys, anybody_for(state->uid), anybody_for(state->gid),
					  anybody_for(uid), anybody_for(gid));
		found = lookup_rule(&verdict->ruling, actor, rule, &verdict->tags[0]);
	}
	verdict->deviates = found != RULE_ALLOW;
	/* What root gives up is no gain. */
	if (spares_actors(&verdict->ruling) &&
	    (found == RULE_ALLOW || (found == RULE_NONE && !state->uid)))
		leave_to_daemon(verdict);
}

/*
 * True where the change may be made. `stop`: how it is stopped where this is called. `about`:
 * SNUG_AT_EXEC, or 0.
 */
static __always_inline bool report_identity(struct snug_task *state, struct task_struct *task,
					    u32 uid, u32 gid, u32 stop, u32 about)
{
	u64 object = SNUG_MIX(keys, SNUG_IDENTITY, (u64)uid << 32 | gid);
	struct verdict verdict;
	struct snug_event *event;
	void *ring;
	u32 found;

	/* Root that was held is another event than root that was gained. */
	object = SNUG_MIX(keys, object,
			  (u64)state->gid | (u64)(about | (state->flags & SNUG_HELD_ROOT)) << 32);
	found = lookup_seen(state, SNUG_IDENTITY, object, &verdict);
	if (found == SEEN_NEW) {
		judge_identity(state, &verdict, uid, gid);
		found = record_verdict(state, &verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (note_stop(&verdict, found, stop) != SEEN_COUNTED) {
		event = reserve_event(state, task, SNUG_IDENTITY, &verdict, &ring);
		if (event) {
			event->event_flags = about | stop_flag(&verdict, stop);
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
