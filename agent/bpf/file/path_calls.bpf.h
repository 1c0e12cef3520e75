/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes of names, modes, owners and attributes, by the system call that makes them, as it
 * returns; and refused opens, which left no file.
 */
#ifndef SNUG_PATH_CALLS_H
#define SNUG_PATH_CALLS_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/file.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/drift.bpf.h"
#include "shared.h"

/*
 * 0 for O_PATH, which gives no access. O_CREAT with a write is not a second access: the file may
 * have to be created.
 */
static __always_inline u32 access_wanted(u64 flags)
{
	u32 access = 0;

	if (flags & O_PATH)
		return 0;
	if ((flags & O_ACCMODE) != O_WRONLY)
		access |= SNUG_READ;
	if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
		access |= SNUG_WRITE;
	else if (flags & O_CREAT)
		access |= SNUG_CREATE;
	return access;
}

/* The access to change what a descriptor stands for; 0: that has no path. */
static __always_inline u32 setattr_of(struct task_struct *task, s32 fd)
{
	struct file *file;

	if (fd == AT_FDCWD)
		return SNUG_SETATTR;
	file = file_at(task, fd);
	return file && has_name((u64)file->f_path.dentry) ? SNUG_SETATTR : 0;
}

/* With AT_EMPTY_PATH. Without it such a call fails. */
static __always_inline bool is_empty(u64 string)
{
	char first = 1;

	bpf_probe_read_user(&first, sizeof(first), (void *)string);
	return !first;
}

#define OWN_DESCRIPTORS_A 0x65732f636f72702full /* "/proc/se" */
#define OWN_DESCRIPTORS_B 0x2f64662f666cull	/* "lf/fd/" */
#define OWN_DESCRIPTORS_SIZE 14
#define DESCRIPTOR_DIGITS 7

/*
 * What linkat names: a string relative to the descriptor that is returned; without a string that
 * descriptor's own file. The second is asked for by an empty string, or by the way through /proc
 * that programs take who lack the capability for it.
 */
static __noinline s32 linked_descriptor(const struct call *call, u64 *string)
{
	struct {
		u64 words[2];
		u8 rest[8];
	} name = {};
	s32 fd = argument(call, 0), number = 0;
	u64 flags = argument(call, 4);
	const u8 *digits = (const u8 *)&name + OWN_DESCRIPTORS_SIZE;

	bpf_probe_read_user_str(&name, sizeof(name), (void *)*string);
	if (flags & AT_EMPTY_PATH && !(name.words[0] & 0xff)) {
		*string = 0;
		return fd;
	}
	if (!(flags & AT_SYMLINK_FOLLOW) || name.words[0] != OWN_DESCRIPTORS_A ||
	    (name.words[1] & 0xffffffffffffull) != OWN_DESCRIPTORS_B)
		return fd;
	for (u32 i = 0; i < DESCRIPTOR_DIGITS && digits[i]; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return fd;
		number = number * 10 + digits[i] - '0';
	}
	*string = 0;
	return number;
}

static __always_inline int on_path_call(struct call *call, u32 class)
{
	u64 a = argument(call, 0), b = argument(call, 1), c = argument(call, 2),
	    d = argument(call, 3);
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct path_op *event;
	u64 flags = 0;

	if (!scratch || (call->ret < 0 && !was_denied(call->ret)))
		return 0;
	event = &scratch->path_op;
	*event = (struct path_op){ .fd = AT_FDCWD, .to_fd = AT_FDCWD, .string = a };
	switch (class) {
	/* A refused open left no file: its flags show the requested access. */
	case SNUG_CLASS_OPENAT:
		event->fd = a;
		event->string = b;
		event->access = access_wanted(c);
		break;
	case SNUG_CLASS_OPENAT2:
		event->fd = a;
		event->string = b;
		bpf_probe_read_user(&flags, sizeof(flags), (void *)c);
		event->access = access_wanted(flags);
		break;
	case SNUG_CLASS_OPEN:
		event->access = access_wanted(b);
		break;
	case SNUG_CLASS_CREAT:
		event->access = access_wanted(O_WRONLY);
		break;
	case SNUG_CLASS_UNLINKAT:
		event->fd = a;
		event->string = b;
		event->access = SNUG_DELETE;
		break;
	case SNUG_CLASS_UNLINK:
		event->access = SNUG_DELETE;
		break;
	case SNUG_CLASS_RENAME:
		event->to_string = b;
		event->access = SNUG_RENAME;
		break;
	case SNUG_CLASS_RENAMEAT:
	case SNUG_CLASS_RENAMEAT2:
		event->fd = a;
		event->string = b;
		event->to_fd = c;
		event->to_string = d;
		event->access = SNUG_RENAME;
		break;
	/* The new name is created; `to` is the file that it names. */
	case SNUG_CLASS_LINK:
		event->string = b;
		event->to_string = a;
		event->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_LINKAT:
		event->fd = c;
		event->string = d;
		event->to_fd = linked_descriptor(call, &b);
		event->to_string = b;
		event->by_descriptor = !b;
		event->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_SYMLINK:
		event->string = b;
		event->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_SYMLINKAT:
		event->fd = b;
		event->string = c;
		event->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_MAKE:
	case SNUG_CLASS_NODE:
		event->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_MAKEAT:
	case SNUG_CLASS_NODEAT:
		event->fd = a;
		event->string = b;
		event->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_TRUNCATE:
		mark_untrusted(call->state);
		event->access = SNUG_WRITE;
		break;
	case SNUG_CLASS_CHMOD:
	case SNUG_CLASS_CHOWN:
	case SNUG_CLASS_SETXATTR:
	case SNUG_CLASS_RMXATTR:
		event->access = SNUG_SETATTR;
		break;
	case SNUG_CLASS_CHMODAT:
	case SNUG_CLASS_CHOWNAT:
	case SNUG_CLASS_SETXATTRAT:
	case SNUG_CLASS_RMXATTRAT:
		event->fd = a;
		event->string = is_empty(b) ? 0 : b;
		event->access = event->string ? SNUG_SETATTR : setattr_of(call->task, a);
		break;
	case SNUG_CLASS_FCHMOD:
	case SNUG_CLASS_FCHOWN:
	case SNUG_CLASS_FSETXATTR:
	case SNUG_CLASS_FRMXATTR:
		event->fd = a;
		event->string = 0;
		event->access = setattr_of(call->task, a);
		break;
	}
	if (!event->access)
		return 0;
	report_path_op(call->ret, call->compat);
	if (class != SNUG_CLASS_RENAMEAT2 || !(argument(call, 4) & RENAME_EXCHANGE))
		return 0;
	/* The other file gets the other name. */
	*event = (struct path_op){
		.fd = c, .string = d, .to_fd = a, .to_string = b, .access = SNUG_RENAME
	};
	return report_path_op(call->ret, call->compat);
}

#endif
