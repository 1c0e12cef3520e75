/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is done to names, by the call that does it, as it returns; and opens that were refused,
 * which left no file.
 */
#ifndef SNUG_PATH_CALLS_H
#define SNUG_PATH_CALLS_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hooks/file.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/drift.bpf.h"
#include "process/syscall.bpf.h"
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

static __always_inline int on_path_call(struct call *call, u32 class)
{
	u64 a = argument(call, 0), b = argument(call, 1), c = argument(call, 2),
	    d = argument(call, 3);
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct path_op *act;
	u64 flags = 0;

	if (!scratch || (call->ret < 0 && !was_denied(call->ret)))
		return 0;
	act = &scratch->path_op;
	*act = (struct path_op){ .fd = AT_FDCWD, .to_fd = AT_FDCWD, .string = a };
	switch (class) {
	/* An open that was refused left no file: what it wanted is in its flags. */
	case SNUG_CLASS_OPENAT:
		act->fd = a;
		act->string = b;
		act->access = access_wanted(c);
		break;
	case SNUG_CLASS_OPENAT2:
		act->fd = a;
		act->string = b;
		bpf_probe_read_user(&flags, sizeof(flags), (void *)c);
		act->access = access_wanted(flags);
		break;
	case SNUG_CLASS_OPEN:
		act->access = access_wanted(b);
		break;
	case SNUG_CLASS_CREAT:
		act->access = access_wanted(O_WRONLY);
		break;
	case SNUG_CLASS_UNLINKAT:
		act->fd = a;
		act->string = b;
		act->access = SNUG_DELETE;
		break;
	case SNUG_CLASS_UNLINK:
		act->access = SNUG_DELETE;
		break;
	case SNUG_CLASS_RENAME:
		act->to_string = b;
		act->access = SNUG_RENAME;
		break;
	case SNUG_CLASS_RENAMEAT:
		act->fd = a;
		act->string = b;
		act->to_fd = c;
		act->to_string = d;
		act->access = SNUG_RENAME;
		break;
	/* The new name is created; `to` is the file that it names. */
	case SNUG_CLASS_LINK:
		act->string = b;
		act->to_string = a;
		act->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_LINKAT:
		act->fd = c;
		act->string = d;
		act->to_fd = a;
		act->to_string = b;
		act->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_SYMLINK:
		act->string = b;
		act->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_SYMLINKAT:
		act->fd = b;
		act->string = c;
		act->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_MAKE:
		act->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_MAKEAT:
		act->fd = a;
		act->string = b;
		act->access = SNUG_CREATE;
		break;
	case SNUG_CLASS_TRUNCATE:
		mark_untrusted(call->state);
		act->access = SNUG_WRITE;
		break;
	}
	return act->access ? report_path_op(call, scratch) : 0;
}

#endif
