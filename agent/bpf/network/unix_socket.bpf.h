/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections to unix sockets: by path, and by abstract name. */
#ifndef SNUG_UNIX_SOCKET_H
#define SNUG_UNIX_SOCKET_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/file.bpf.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "network/network.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

/* A unix socket: literally, or, where its name is a path, by a pattern. It begins at `at`. */
CHECKED_ONCE int judge_socket(struct scratch *scratch, struct snug_task *state,
			      struct ruling *ruling, u64 name, u32 at)
{
	u32 profile, found, set = 0;

	if (!scratch || !state || !ruling)
		return 0;
	profile = SNUG_POLICY_PROFILE(ruling->policy_state);
	if (!profile)
		return 0;
	found = lookup_rule(ruling, state->actor,
			    SNUG_RULE_PEER(keys, SNUG_CONNECT, SNUG_UNIX, 0,
					   SNUG_MIX(keys, name, SNUG_DOMAIN_UNIX)),
			    &ruling->tags[0]);
	if (!found && at < SNUG_TEXT_MAX && *EVENT_TEXT(scratch, at) == '/')
		set = run_automaton(scratch, profile, at, ~0u, SNUG_TEXT_MAX);
	if (set)
		found = lookup_rule(ruling, state->actor,
				    SNUG_RULE_PEER(keys, SNUG_CONNECT, SNUG_UNIX, 0,
						   SNUG_RULE_SET(keys, set)),
				    &ruling->tags[0]);
	ruling->deviates = found != RULE_ALLOW;
	if (!found && spares_unguarded(ruling))
		ruling->deviates = unknown(ruling, 0, SNUG_READ, set);
	if (set && !ruling->deviates)
		count_by_rules(state, ruling);
	return 0;
}

/*
 * A unix socket by the file that its listener bound, not by the caller's string: the runtime's
 * socket is the runtime's, under whatever name it was mounted into the container. Abstract names
 * begin with `@`.
 */
static __noinline bool report_unix_peer(struct scratch *scratch, struct task_struct *task,
					struct snug_task *state, u64 sock, u32 stop)
{
	u64 address;
	struct path_ref path = {};
	struct verdict *verdict = &scratch->verdict;
	struct snug_event *event;
	u32 at, size, found;
	u64 name;

	scratch->walk.cut = 0;
	path.dentry = (u64)FIELD_AT(struct unix_sock, sock, path.dentry);
	if (path.dentry) {
		path.mnt = (u64)FIELD_AT(struct unix_sock, sock, path.mnt);
		walk_from(scratch, path, root_of(state, task));
		scratch->walk.bound = 1;
		at = walk_text(scratch, SNUG_TEXT_MAX, true);
	} else {
		address = (u64)FIELD_AT(struct unix_sock, sock, addr);
		if (!address)
			return true;
		size = FIELD_AT(struct unix_address, address, len) - sizeof(u16);
		if (size > 108)
			size = 108;
		at = SNUG_TEXT_MAX - size;
		/*
		 * The name follows the structure: refcount, length, then the address with its
		 * family.
		 */
		bpf_probe_read_kernel(
			EVENT_TEXT(scratch, at), size & 127,
			(void *)(address + bpf_core_type_size(struct unix_address) + sizeof(u16)));
		*EVENT_TEXT(scratch, at) = '@';
	}
	name = scratch->walk.cut ? hash_cut(scratch, at, SNUG_TEXT_MAX) :
				   hash_text_tail(scratch, at);
	found = lookup_seen(state, SNUG_CONNECT,
			    SNUG_MIX(keys, (u64)SNUG_CONNECT | (u64)SNUG_UNIX << 16, name),
			    verdict);
	if (found == SEEN_NEW) {
		judge_socket(scratch, state, &verdict->ruling, name,
			     scratch->walk.cut ? SNUG_TEXT_MAX : at);
		found = record_verdict(state, verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (note_stop(verdict, found, stop) != SEEN_COUNTED) {
		event = event_at(scratch, at);
		size = sizeof(*event) + SNUG_TEXT_MAX - at;
		fill_event(event, state, task, SNUG_CONNECT, verdict->key, size);
		event->protocol = SNUG_UNIX;
		event->event_flags = (scratch->walk.cut ? SNUG_CUT : 0) | stop_flag(verdict, stop);
		event->text_size = SNUG_TEXT_MAX - at;
		output_event(event, size, verdict);
	}
	return !must_stop(verdict);
}

/*
 * A connection to a unix socket that failed: nobody listens there, or may be asked. The path is the
 * caller's string.
 */
static __noinline int report_unix_attempt(struct call *call, u64 address, u32 size)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	u32 flags = SNUG_UNRESOLVED | SNUG_DENIED, at, found;
	struct snug_task *state;
	struct verdict *verdict;
	struct snug_event *event;
	u64 name;
	u8 first = 0;

	if (!call || !scratch || size <= sizeof(u16) ||
	    bpf_probe_read_user(&first, sizeof(first), (void *)(address + sizeof(u16))))
		return 0;
	verdict = &scratch->verdict;
	state = state_of(call->task);
	if (!state)
		return 0;
	size = size > 110 ? 108 : size - sizeof(u16);
	if (first) {
		at = prepend_user_string(scratch, call, SNUG_TEXT_MAX, address + sizeof(u16),
					 AT_FDCWD, root_of(state, call->task));
		if (!at)
			return 0;
		if (scratch->walk.cut)
			flags |= SNUG_CUT;
		else
			at = canonical_path(scratch, at, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
	} else {
		at = SNUG_TEXT_MAX - size;
		if (bpf_probe_read_user(EVENT_TEXT(scratch, at), size & 127,
					(void *)(address + sizeof(u16))))
			return 0;
		*EVENT_TEXT(scratch, at) = '@';
	}
	name = flags & SNUG_CUT ? hash_cut(scratch, at, SNUG_TEXT_MAX) :
				  hash_text_tail(scratch, at);
	found = lookup_seen(
		state, SNUG_CONNECT,
		SNUG_MIX(keys, (u64)SNUG_CONNECT | (u64)SNUG_UNIX << 16 | (u64)flags << 32, name),
		verdict);
	verdict->refused = true;
	verdict->block = 0;
	if (found == SEEN_NEW) {
		judge_socket(scratch, state, &verdict->ruling, name,
			     flags & SNUG_CUT ? SNUG_TEXT_MAX : at);
		found = record_verdict(state, verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (found == SEEN_COUNTED)
		return 0;
	event = event_at(scratch, at);
	fill_event(event, state, call->task, SNUG_CONNECT, verdict->key,
		   sizeof(*event) + SNUG_TEXT_MAX - at);
	event->protocol = SNUG_UNIX;
	event->event_flags = flags;
	event->text_size = SNUG_TEXT_MAX - at;
	output_event(event, sizeof(*event) + SNUG_TEXT_MAX - at, verdict);
	return 0;
}

static __noinline int report_unix(struct call *call, u32 fd)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct snug_task *state;
	struct unix_sock *local;
	struct sock *sock;

	if (!call || !scratch)
		return 0;
	state = state_of(call->task);
	sock = socket_at(call->task, fd);
	if (!state || !sock || sock->__sk_common.skc_family != AF_UNIX)
		return 0;
	local = bpf_core_cast(sock, struct unix_sock);
	/* It is connected by now, and nothing was sent yet. */
	if (local->peer && !report_unix_peer(scratch, call->task, state, (u64)local->peer,
					     kill_of_socket(call->task, fd)))
		kill_current();
	return 0;
}

#endif
