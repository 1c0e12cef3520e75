/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes of a file other than to its content and its names, as far as they matter: a program made
 * setuid or given capabilities, a time set back, a file truncated. When the call returns, the
 * change has happened.
 */
#ifndef SNUG_ATTRIBUTE_H
#define SNUG_ATTRIBUTE_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/file.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

#define MODE_SETUID 04000 /* setgid too is common, on folders */
#define TIME_NOW ((1l << 30) - 1l)
#define TIME_OMIT ((1l << 30) - 2l)

/* As the kernel has it, and as a 64-bit caller does: of access and of modification. */
struct file_time {
	s64 seconds;
	s64 nanoseconds;
};

/* To set a file's times to now is ordinary: only a time that the caller chooses counts. */
static __always_inline bool sets_time(const struct file_time *times)
{
	for (int i = 0; i < 2; i++)
		if (times[i].nanoseconds != TIME_NOW && times[i].nanoseconds != TIME_OMIT)
			return true;
	return false;
}

/* What an extended attribute is, by its name. */
enum attribute {
	ATTRIBUTE_DATA,	  /* `user.`: of no meaning to the kernel, so it is data of programs */
	ATTRIBUTE_RIGHTS, /* any other: lists of rights, labels, hashes */
	ATTRIBUTE_CAPABILITIES, /* of a program: who executes it gets them */
};

/* A name's beginning, zeroes behind it. */
struct attribute_name {
	u64 words[3];
};

#define NAME_USER 0x2e72657375ull /* "user." */
#define NAME_USER_MASK 0xffffffffffull
#define NAME_SECURITY 0x7974697275636573ull /* "security" */
#define NAME_CAPABIL 0x6c6962617061632eull  /* ".capabil" */
#define NAME_ITY 0x797469ull		    /* "ity" */

static __always_inline u32 attribute_of(const struct attribute_name *name)
{
	if ((name->words[0] & NAME_USER_MASK) == NAME_USER)
		return ATTRIBUTE_DATA;
	return name->words[0] == NAME_SECURITY && name->words[1] == NAME_CAPABIL &&
			       name->words[2] == NAME_ITY ?
		       ATTRIBUTE_CAPABILITIES :
		       ATTRIBUTE_RIGHTS;
}

/* By the caller's string. */
__noinline __weak u32 attribute_asked_for(u64 string)
{
	struct attribute_name name = {};

	bpf_probe_read_user_str(&name, sizeof(name), (void *)string);
	return attribute_of(&name);
}

static __always_inline bool is_attribute_call(u32 class)
{
	return class >= SNUG_CLASS_SETXATTR && class <= SNUG_CLASS_FRMXATTR;
}

static __always_inline bool gives_capabilities(u32 class, u32 attribute)
{
	return class <= SNUG_CLASS_FSETXATTR && attribute == ATTRIBUTE_CAPABILITIES;
}

static __always_inline u32 attribute_of_call(const struct call *call, u32 class)
{
	return attribute_asked_for(class == SNUG_CLASS_SETXATTRAT || class == SNUG_CLASS_RMXATTRAT ?
					   argument(call, 3) :
					   argument(call, 1));
}

/*
 * Whether the call changes mode, owner or extended attributes as programs ordinarily do: that is an
 * access to a file.
 */
static __always_inline bool is_ordinary_change(const struct call *call, u32 class)
{
	u32 attribute;

	if (is_attribute_call(class)) {
		attribute = attribute_of_call(call, class);
		return attribute != ATTRIBUTE_DATA && !gives_capabilities(class, attribute);
	}
	switch (class) {
	case SNUG_CLASS_CHMOD:
	case SNUG_CLASS_FCHMOD:
		return !(argument(call, 1) & MODE_SETUID);
	case SNUG_CLASS_CHMODAT:
		return !(argument(call, 2) & MODE_SETUID);
	}
	return class >= SNUG_CLASS_CHOWN && class <= SNUG_CLASS_FCHOWN;
}

/* Of a device. That of number 0 is none: overlayfs marks removed files by it. */
static __always_inline bool is_device_node(u64 mode, u64 device)
{
	u32 type = mode & S_IFMT;

	return (type == S_IFBLK || type == S_IFCHR) && (u32)device;
}

/*
 * The target of such a call: a file by a string of the caller's, relative to `fd`, or that
 * descriptor itself.
 */
struct target {
	u64 string;
	s32 fd;
	u32 id; /* 0: it means nothing */
};

static __always_inline struct target target_of(const struct call *call, u32 class)
{
	u64 a = argument(call, 0), b = argument(call, 1), c = argument(call, 2);
	struct file_time times[2] = {};

	switch (class) {
	case SNUG_CLASS_OPEN_HANDLE:
		return (struct target){ 0, call->ret, SNUG_CALL_OPEN_BY_HANDLE };
	case SNUG_CLASS_NODE:
		return (struct target){ a, AT_FDCWD, is_device_node(b, c) ? SNUG_CALL_MKNOD : 0 };
	case SNUG_CLASS_NODEAT:
		return (struct target){ b, a,
					is_device_node(c, argument(call, 3)) ? SNUG_CALL_MKNOD :
									       0 };
	case SNUG_CLASS_TRUNCATE:
		return (struct target){ a, AT_FDCWD, SNUG_CALL_TRUNCATE };
	case SNUG_CLASS_CHMOD:
		return (struct target){ a, AT_FDCWD, SNUG_CALL_CHMOD };
	case SNUG_CLASS_CHMODAT:
		return (struct target){ b, a, SNUG_CALL_CHMOD };
	case SNUG_CLASS_FCHMOD:
		return (struct target){ 0, a, SNUG_CALL_CHMOD };
	case SNUG_CLASS_SETXATTR:
	case SNUG_CLASS_SETXATTRAT:
	case SNUG_CLASS_FSETXATTR:
		if (!gives_capabilities(class, attribute_of_call(call, class)))
			break;
		if (class == SNUG_CLASS_SETXATTRAT)
			return (struct target){ b, a, SNUG_CALL_SETXATTR };
		if (class == SNUG_CLASS_FSETXATTR)
			return (struct target){ 0, a, SNUG_CALL_SETXATTR };
		return (struct target){ a, AT_FDCWD, SNUG_CALL_SETXATTR };
	case SNUG_CLASS_TIMES:
		return (struct target){ a, AT_FDCWD, b ? SNUG_CALL_UTIMENSAT : 0 };
	case SNUG_CLASS_TIMESAT:
		return (struct target){ b, a, c ? SNUG_CALL_UTIMENSAT : 0 };
	case SNUG_CLASS_TIMESAT_NS:
		if (c)
			bpf_probe_read_user(times, sizeof(times), (void *)c);
		return (struct target){ b, a, c && sets_time(times) ? SNUG_CALL_UTIMENSAT : 0 };
	}
	return (struct target){};
}

__noinline int report_attribute(u32 class, s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct sensitive sensitive = { .at = SNUG_TEXT_MAX };
	struct snug_task *state;
	struct scratch *scratch;
	struct target target;
	struct file *file;
	u64 root;

	if (ret < 0 && !was_denied(ret))
		return 0;
	init_call(&call);
	target = target_of(&call, class);
	scratch = scratch_of(SCRATCH_SYSCALL);
	state = call.state;
	if (!target.id || !scratch || !state)
		return 0;
	root = root_of(state, call.task);
	if (target.string) {
		sensitive.at = prepend_user_string(scratch, &call, SNUG_TEXT_MAX, target.string,
						   target.fd, root);
		if (sensitive.at && !scratch->walk.cut)
			sensitive.at =
				canonical_path(scratch, sensitive.at, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
	} else {
		file = file_at(call.task, target.fd);
		if (!file)
			return 0;
		walk_from(scratch, PATH_REF(file->f_path), root);
		sensitive.at = walk_text(scratch, SNUG_TEXT_MAX, true);
	}
	if (!sensitive.at) {
		COUNT(received);
		count_drop(slot_of(state), SNUG_DROP_TEXT);
		return 0;
	}
	sensitive.id = target.id;
	/* By now it is done: to kill the process would undo nothing. */
	sensitive.stop = SNUG_MISSED;
	sensitive.flags = (was_denied(ret) ? SNUG_DENIED : 0) | (compat ? SNUG_COMPAT : 0);
	report_sensitive(scratch, call.task, state, &sensitive);
	return 0;
}

#endif
