/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is done to a file but for its content and its names, as far as it means something: a program made setuid, a time set
 * back, a file cut off. By the time the call returns it is done.
 */
#ifndef SNUG_ATTRIBUTE_H
#define SNUG_ATTRIBUTE_H

#include "sensitive.bpf.h"

#define MODE_SETUID 04000	/* setgid too is common, on folders */
#define TIME_NOW ((1l << 30) - 1l)
#define TIME_OMIT ((1l << 30) - 2l)

/* A file by a string of the caller's, relative to `fd`; or, without a string, that descriptor's own. */
static __noinline int tell_attribute(struct call *call, u32 id, u64 string, s32 fd)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct sensitive sensitive = { .id = id, .at = SNUG_TEXT_MAX, .stop = stop_of(id) };
	struct snug_task *state;
	struct file *file;
	u64 root;

	if (!call || !scratch)
		return 0;
	state = state_of(call->task);
	if (!state)
		return 0;
	root = root_of(state, call->task);
	if (string) {
		sensitive.at = put_string(scratch, call, SNUG_TEXT_MAX, string, fd, root);
		if (sensitive.at && !scratch->walk.cut)
			sensitive.at = tidy_path(scratch, sensitive.at, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
	} else {
		file = file_at(call->task, fd);
		if (!file)
			return 0;
		walk_from(scratch, PLACE(file->f_path), root);
		sensitive.at = walk_text(scratch, SNUG_TEXT_MAX, true);
	}
	if (!sensitive.at) {
		COUNT(received);
		drop(slot_of(state), SNUG_DROP_TEXT);
		return 0;
	}
	sensitive.flags = (was_denied(call->ret) ? SNUG_DENIED : 0) | (call->compat ? SNUG_COMPAT : 0);
	if (tell_sensitive(scratch, call->task, state, &sensitive))
		stop_here();
	return 0;
}

static __noinline int on_chmod(struct call *call, u32 class)
{
	u64 a = argument(call, 0), b = argument(call, 1), c = argument(call, 2);

	if (call->ret < 0 && !was_denied(call->ret))
		return 0;
	if (!((class == SNUG_CLASS_CHMODAT ? c : b) & MODE_SETUID))
		return 0;
	if (class == SNUG_CLASS_CHMODAT)
		return tell_attribute(call, SNUG_CALL_CHMOD, b, a);
	if (class == SNUG_CLASS_FCHMOD)
		return tell_attribute(call, SNUG_CALL_CHMOD, 0, a);
	return tell_attribute(call, SNUG_CALL_CHMOD, a, AT_FDCWD);
}

/* To touch a file is no act of its own: only to say when it was. */
static __noinline int on_times(struct call *call, u32 class)
{
	struct {
		s64 seconds;
		s64 nanoseconds;
	} times[2] = {};
	u64 at = argument(call, class == SNUG_CLASS_TIMES ? 1 : 2);

	if (!at || (call->ret < 0 && !was_denied(call->ret)))
		return 0;
	if (class == SNUG_CLASS_TIMESAT_NS) {
		bpf_probe_read_user(times, sizeof(times), (void *)at);
		if ((times[0].nanoseconds == TIME_NOW || times[0].nanoseconds == TIME_OMIT) &&
		    (times[1].nanoseconds == TIME_NOW || times[1].nanoseconds == TIME_OMIT))
			return 0;
	}
	return tell_call(call, SNUG_CALL_UTIMENSAT, 0, 0);
}

#endif
