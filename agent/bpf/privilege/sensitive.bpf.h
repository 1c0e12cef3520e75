/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sensitive system calls: which of their arguments are reported and judged. */
#ifndef SNUG_SENSITIVE_H
#define SNUG_SENSITIVE_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/file.bpf.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/stop.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

#define CLONE_NEW_ANY                                                              \
	0x7e020080ull /* namespaces: time, cgroup, uts, ipc, user, pid, net, mount \
		       */

/*
 * The arguments of a call that are reported: a string, and a number that distinguishes behaviours.
 * -1: none. `path`: whether the string is a path, and what it is relative to.
 */
struct syscall_arguments {
	s32 string;
	s32 number;
	u32 path;
};

#define PATH_FROM_WORKING_FOLDER 1
#define PATH_FROM_ARGUMENT(n) ((n) + 2)

static __always_inline struct syscall_arguments arguments_of(u32 id)
{
	switch (id) {
	case SNUG_CALL_MOUNT:
		return (struct syscall_arguments){ 1, -1, PATH_FROM_WORKING_FOLDER };
	case SNUG_CALL_MOVE_MOUNT:
		return (struct syscall_arguments){ 3, -1, PATH_FROM_ARGUMENT(2) };
	case SNUG_CALL_OPEN_TREE:
	case SNUG_CALL_FSPICK:
	case SNUG_CALL_MOUNT_SETATTR:
		return (struct syscall_arguments){ 1, -1, PATH_FROM_ARGUMENT(0) };
	case SNUG_CALL_UMOUNT:
	case SNUG_CALL_CHROOT:
		return (struct syscall_arguments){ 0, -1, PATH_FROM_WORKING_FOLDER };
	case SNUG_CALL_PIVOT_ROOT:
	case SNUG_CALL_FSOPEN:
	case SNUG_CALL_DELETE_MODULE:
	case SNUG_CALL_MEMFD_CREATE:
	case SNUG_CALL_ADD_KEY:
		return (struct syscall_arguments){ 0, -1 };
	case SNUG_CALL_SETNS:
		return (struct syscall_arguments){ -1, 1 };
	case SNUG_CALL_PTRACE:
	case SNUG_CALL_UNSHARE:
	case SNUG_CALL_CLONE:
	case SNUG_CALL_BPF:
	case SNUG_CALL_KEYCTL:
		return (struct syscall_arguments){ -1, 0 };
	}
	return (struct syscall_arguments){ -1, -1 };
}

#define PTRACE_POKETEXT 4
#define PTRACE_POKEDATA 5
#define BPF_COMMANDS_WITH_EFFECT /* that return no descriptor, and change a map or a pin */ \
	(1ull << BPF_MAP_UPDATE_ELEM | 1ull << BPF_MAP_DELETE_ELEM | 1ull << BPF_OBJ_PIN |  \
	 1ull << BPF_PROG_ATTACH | 1ull << BPF_PROG_DETACH)

/*
 * Calls after which it is of no use to the process to have done them, if it is killed as they
 * return: what they give ends with it.
 */
static __always_inline u32 stop_for(const struct task_struct *task, u32 id, u64 number)
{
	switch (id) {
	case SNUG_CALL_PTRACE:
		return number == PTRACE_POKETEXT || number == PTRACE_POKEDATA ? SNUG_SURVIVES :
										SNUG_KILLED;
	case SNUG_CALL_UNSHARE:
	case SNUG_CALL_SETNS:
		return SNUG_KILLED;
	case SNUG_CALL_CHROOT:
		return kill_of_folders(task);
	case SNUG_CALL_BPF:
		return 1ull << (number & 63) & BPF_COMMANDS_WITH_EFFECT ? SNUG_SURVIVES :
									  kill_of_table(task);
	case SNUG_CALL_FSOPEN:
	case SNUG_CALL_OPEN_TREE:
	case SNUG_CALL_FSPICK:
	case SNUG_CALL_FSMOUNT:
	case SNUG_CALL_FANOTIFY_INIT:
	case SNUG_CALL_PERF_EVENT_OPEN:
	case SNUG_CALL_MEMFD_CREATE:
	case SNUG_CALL_IO_URING_SETUP:
	case SNUG_CALL_USERFAULTFD:
	case SNUG_CALL_PIDFD_GETFD:
	case SNUG_CALL_SOCKET:
		return kill_of_table(task);
	/* What it read may lie in memory that another process has too. */
	case SNUG_CALL_PROCESS_VM_READV:
		return SNUG_SURVIVES;
	}
	return SNUG_MISSED;
}

/*
 * Sockets that the events about peers do not cover: they are reported as they are made. Netlink is
 * how every program asks for addresses.
 */
static __always_inline bool is_special_socket(u32 family, u32 type, u32 protocol)
{
	type &= SOCK_TYPE_MASK;
	if (family == AF_UNIX || family == AF_NETLINK)
		return false;
	if (family != AF_INET && family != AF_INET6)
		return true;
	if (type == SOCK_STREAM)
		return protocol && protocol != SNUG_TCP && protocol != IPPROTO_MPTCP;
	return type != SOCK_DGRAM || (protocol && protocol != SNUG_UDP);
}

/* A rule names the namespaces of such a call, and none of its other flags. */
static __always_inline u64 rule_argument(u32 id, u64 number)
{
	return id == SNUG_CALL_UNSHARE || id == SNUG_CALL_SETNS ? number & CLONE_NEW_ANY : number;
}

/*
 * What a call was: its number where that makes it another behaviour, and what it was about: the
 * text from `at`.
 */
struct sensitive {
	u64 number;
	u64 text;
	u64 in_call; /* as it returns: what its hooks have noted */
	u32 id;
	u32 at;
	u32 flags; /* snug_event_flag */
	u32 stop;
};

/*
 * Calls that have a hook and are observed as they return too: some reach the hook only with some
 * arguments, and others several times. What comes first reports and judges the call.
 */
#define CALLS_WITH_RETURN                                                                 \
	(1ull << SNUG_CALL_UNSHARE | 1ull << SNUG_CALL_SETNS | 1ull << SNUG_CALL_FSOPEN | \
	 1ull << SNUG_CALL_OPEN_TREE | 1ull << SNUG_CALL_DELETE_MODULE |                  \
	 1ull << SNUG_CALL_KEYCTL | 1ull << SNUG_CALL_USERFAULTFD |                       \
	 1ull << SNUG_CALL_MEMFD_CREATE | 1ull << SNUG_CALL_IO_URING_SETUP)

static __always_inline bool has_return(const struct sensitive *call)
{
	return CALLS_WITH_RETURN >> call->id & 1;
}

/* The call, as its hooks note it in the state of the process. Never 0. */
static __always_inline u64 noted_call(const struct sensitive *call)
{
	return SNUG_MIX(keys, SNUG_MIX(keys, call->id, call->number), call->text) | 1;
}

/* That it was refused: a hook that comes again then judges it again. */
#define REFUSED_CALL(noted) ((noted) ^ 1)

static __always_inline bool was_reported(const struct snug_task *state,
					 const struct sensitive *call)
{
	u64 noted = noted_call(call);

	if (call->stop == SNUG_REFUSED)
		return has_return(call) && state->in_call == noted;
	return call->in_call && (call->in_call | 1) == noted;
}

/* Of what a job does with its files. The rest of the calls is for few programs, and attackers. */
static __always_inline bool is_of_files(u32 id)
{
	return id == SNUG_CALL_UTIMENSAT || id == SNUG_CALL_TRUNCATE || id == SNUG_CALL_MKNOD ||
	       id == SNUG_CALL_MEMFD_CREATE;
}

/* Literally, or, where the text is a path, by a pattern. */
CHECKED_ONCE int judge_call(struct scratch *scratch, struct snug_task *state, struct ruling *ruling,
			    struct sensitive *sensitive)
{
	u32 profile, id, at, found, set = 0;
	u64 number, text;

	if (!scratch || !state || !ruling || !sensitive)
		return 0;
	profile = SNUG_POLICY_PROFILE(ruling->policy_state);
	if (!profile)
		return 0;
	id = sensitive->id;
	at = sensitive->at;
	text = sensitive->text;
	number = rule_argument(id, sensitive->number);
	found = lookup_rule(ruling, state->actor, SNUG_RULE_CALL(keys, id, number, text),
			    &ruling->tags[0]);
	if (!found && at < SNUG_TEXT_MAX && *EVENT_TEXT(scratch, at) == '/')
		set = run_automaton(scratch, profile, at, ~0u, SNUG_TEXT_MAX);
	if (set)
		found = lookup_rule(ruling, state->actor,
				    SNUG_RULE_CALL(keys, id, number, SNUG_RULE_SET(keys, set)),
				    &ruling->tags[0]);
	ruling->deviates = found == RULE_ALLOW ? DEVIATES_NOT : DEVIATES;
	if (!found && id == SNUG_CALL_SETXATTR &&
	    ruling->policy_state & SNUG_POLICY_SPARES(SNUG_SPARES_SETATTR))
		ruling->deviates = DEVIATES_UNSTOPPED;
	if (!found && is_of_files(id) && spares_unguarded(ruling))
		ruling->deviates = unknown(ruling, 0, SNUG_WRITE, set);
	if (set && !ruling->deviates)
		count_by_rules(state, ruling);
	return 0;
}

/* True where the process must not go on. */
static __always_inline bool report_sensitive(struct scratch *scratch, struct task_struct *task,
					     struct snug_task *state, struct sensitive *call)
{
	u64 object = SNUG_MIX(keys, (u64)SNUG_SYSCALL | (u64)call->id << 8 | (u64)call->flags << 32,
			      call->number);
	u32 stop = call->flags & SNUG_DENIED ? 0 : call->stop;
	/* Not on the stack, of which a socket call has little left. */
	struct verdict *verdict = &scratch->verdict;
	struct snug_event *event;
	u32 found, size;
	bool stops;

	call->text = hash_text_tail(scratch, call->at);
	if (was_reported(state, call))
		return false;
	found = lookup_seen(state, SNUG_SYSCALL, SNUG_MIX(keys, object, call->text), verdict);
	verdict->refused = (call->flags & SNUG_DENIED) != 0;
	/* Of families that no hook sees the packets of. */
	if (call->id == SNUG_CALL_SOCKET)
		verdict->refusing |= SNUG_HOLD_NETWORK;
	if (found == SEEN_NEW) {
		judge_call(scratch, state, &verdict->ruling, call);
		found = record_verdict(state, verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	found = note_stop(verdict, found, stop);
	if (found != SEEN_COUNTED) {
		event = event_at(scratch, call->at);
		size = sizeof(*event) + SNUG_TEXT_MAX - call->at;
		fill_event(event, state, task, SNUG_SYSCALL, verdict->key, size);
		event->event_flags = call->flags | stop_flag(verdict, stop);
		event->code = call->id;
		event->argument = call->number;
		event->text_size = SNUG_TEXT_MAX - call->at;
		output_event(event, size, verdict);
	}
	stops = must_stop(verdict) && stop & (SNUG_KILLED | SNUG_REFUSED);
	if (call->stop == SNUG_REFUSED && has_return(call))
		state->in_call = stops ? REFUSED_CALL(noted_call(call)) : noted_call(call);
	return stops;
}

/*
 * The caller's string as the call means it; returns where it begins. `after`: the call has
 * returned, and so the root folder may be the new one.
 */
static __noinline u32 string_of_call(struct scratch *scratch, struct call *call, u32 id, u64 string,
				     bool after)
{
	const struct snug_task *state = call->state;
	u32 path = arguments_of(id).path;
	s32 fd = AT_FDCWD;
	long size;

	if (!state || !string)
		return SNUG_TEXT_MAX;
	if (id == SNUG_CALL_CHROOT && after && !call->ret) {
		walk_from(scratch, FOLDER_REF(call->task, root), root_of(state, call->task));
		return walk_text(scratch, SNUG_TEXT_MAX, true);
	}
	size = bpf_probe_read_user_str(scratch->string, SNUG_PATH_MAX, (void *)string);
	if (size < 1 || (size == 1 && !path))
		return SNUG_TEXT_MAX;
	if (!path)
		return prepend_string(scratch, SNUG_TEXT_MAX, size - 1);
	if (path == PATH_FROM_ARGUMENT(0))
		fd = argument(call, 0);
	else if (path == PATH_FROM_ARGUMENT(2))
		fd = argument(call, 2);
	return absolute_string(scratch, state, call->task, fd, size - 1);
}

/* Where the string of a call that returned begins, in this processor's scratch. */
__noinline __weak u32 string_of_returned(u32 id, u64 string, s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);

	init_call(&call);
	return call.state && scratch ? string_of_call(scratch, &call, id, string, true) :
				       SNUG_TEXT_MAX;
}

/* `at`: where its string begins, in this processor's scratch. */
__noinline __weak int report_returned_call(u32 id, u64 number, u32 at, s64 ret, u32 compat)
{
	struct sensitive sensitive = { .number = number, .id = id, .at = at };
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct snug_task *state = state_of(task);

	if (!state || !scratch)
		return 0;
	sensitive.stop = stop_for(task, id, number);
	sensitive.flags = (was_denied(ret) ? SNUG_DENIED : 0) | (compat ? SNUG_COMPAT : 0);
	if (report_sensitive(scratch, task, state, &sensitive))
		kill_current();
	return 0;
}

/* Two steps: the stack of both together is too large for Linux 6.12. */
static __always_inline int report_sensitive_call(const struct call *call, u32 id, u64 number,
						 u64 string)
{
	u32 at = string ? string_of_returned(id, string, call->ret, call->compat) : SNUG_TEXT_MAX;

	return report_returned_call(id, number, at, call->ret, call->compat);
}

#endif
