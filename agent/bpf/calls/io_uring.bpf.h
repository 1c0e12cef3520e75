/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Operations that are submitted to an io_uring, and so never pass a system call of their own. */
#ifndef SNUG_IO_URING_H
#define SNUG_IO_URING_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "file/file.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/drift.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

enum uring_operation {
	URING_CONNECT = 16,
	URING_OPENAT = 18,
	URING_OPENAT2 = 28,
	URING_RENAMEAT = 35,
	URING_UNLINKAT = 36,
	URING_MKDIRAT = 37,
	URING_SYMLINKAT = 38,
	URING_LINKAT = 39,
	URING_FSETXATTR = 41,
	URING_SETXATTR = 42,
	URING_SOCKET = 45,
	URING_BIND = 56,
	URING_LISTEN = 57,
};

/* The pointer to the name. Linux 7 has it in a structure of its own. */
#define NAME_IN(request, type, member)                                                          \
	(bpf_core_field_exists(type, member) ?                                                  \
		 bpf_core_cast(request, type)->member :                                         \
	 bpf_core_field_exists(type##___delayed, member) ?                                      \
		 *(struct filename *const *)&bpf_core_cast(request, type##___delayed)->member : \
		 0)

/*
 * An operation submitted to an io_uring makes no system call of its type. Here the kernel has
 * already copied the path from the caller, so it is the one that will be used. Whether the
 * operation succeeds is still open.
 */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring, struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch;
	struct snug_task *state;
	struct sensitive sensitive = { .id = SNUG_CALL_IO_URING,
				       .at = SNUG_TEXT_MAX,
				       .stop = SNUG_SURVIVES };
	const struct filename *filename = 0;
	u8 opcode = request->opcode;
	s32 fd = AT_FDCWD;
	long size;

	switch (opcode) {
	case URING_OPENAT:
	case URING_OPENAT2:
		filename = NAME_IN(request, struct io_open, filename);
		fd = bpf_core_cast(request, struct io_open)->dfd;
		break;
	case URING_UNLINKAT:
		filename = NAME_IN(request, struct io_unlink, filename);
		fd = bpf_core_cast(request, struct io_unlink)->dfd;
		break;
	case URING_RENAMEAT:
		filename = NAME_IN(request, struct io_rename, oldpath);
		fd = bpf_core_cast(request, struct io_rename)->old_dfd;
		break;
	case URING_MKDIRAT:
		filename = NAME_IN(request, struct io_mkdir, filename);
		fd = bpf_core_cast(request, struct io_mkdir)->dfd;
		break;
	case URING_SYMLINKAT:
		filename = NAME_IN(request, struct io_link, newpath);
		fd = bpf_core_cast(request, struct io_link)->new_dfd;
		break;
	case URING_LINKAT:
		filename = NAME_IN(request, struct io_link, oldpath);
		fd = bpf_core_cast(request, struct io_link)->old_dfd;
		break;
	case URING_SETXATTR:
		filename = NAME_IN(request, struct io_xattr, filename);
		break;
	case URING_FSETXATTR:
	case URING_SOCKET:
	case URING_CONNECT:
	case URING_BIND:
	case URING_LISTEN:
		break;
	default:
		return 0;
	}
	state = state_of(task);
	scratch = scratch_of(SCRATCH_URING);
	if (!state || !scratch || !is_acting_generation(state, OLDER_FIRST))
		return 0;
	if (opcode == URING_OPENAT || opcode == URING_OPENAT2)
		mark_untrusted(state);
	if (filename) {
		size = bpf_probe_read_kernel_str(scratch->string, SNUG_PATH_MAX, filename->name);
		if (size > 1)
			sensitive.at = absolute_string(scratch, state, task, fd, size - 1);
	}
	sensitive.number = opcode;
	/*
	 * The kernel may carry out the operation, and those that are linked to it, before the
	 * process ends. A name that was removed does not come back, nor does an attribute: to kill
	 * the process would undo nothing.
	 */
	if (opcode >= URING_RENAMEAT && opcode <= URING_SETXATTR)
		sensitive.stop = SNUG_MISSED;
	if (report_sensitive(scratch, task, state, &sensitive))
		kill_current();
	return 0;
}

#endif
