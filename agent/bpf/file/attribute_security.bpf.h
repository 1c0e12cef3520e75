/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Size, mode, owner and times of files, by the paths that the kernel resolved. */
#ifndef SNUG_ATTRIBUTE_SECURITY_H
#define SNUG_ATTRIBUTE_SECURITY_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/attribute.bpf.h"
#include "file/name_security.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/security.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

/* Older kernels call this hook also for an open with O_TRUNC, which is reported as an open. */
SEC("lsm/path_truncate")
int BPF_PROG(lsm_truncate, const struct path *path)
{
	struct lsm_path_op lsm_path_op = { .path_ref = PATH_REF(*path), .access = SNUG_WRITE };
	struct call call = {};

	if (current_class(&call, bpf_get_current_task_btf()) == SNUG_CLASS_TRUNCATE &&
	    on_attribute(SNUG_CALL_TRUNCATE, PATH_REF(*path), SNUG_REFUSED, 0))
		return REFUSE_IF(true);
	return on_lsm_path_op(&lsm_path_op);
}

static __always_inline int on_setattr(struct path_ref path_ref)
{
	struct lsm_path_op lsm_path_op = { .path_ref = path_ref, .access = SNUG_SETATTR };

	return has_name(path_ref.dentry) ? on_lsm_path_op(&lsm_path_op) : 0;
}

/* Why this hook: chmod, fchmod and fchmodat2 pass it with the path. */
SEC("lsm/path_chmod")
int BPF_PROG(lsm_chmod, const struct path *path, unsigned short mode)
{
	return mode & MODE_SETUID ?
		       on_attribute(SNUG_CALL_CHMOD, PATH_REF(*path), SNUG_REFUSED, 0) :
		       on_setattr(PATH_REF(*path));
}

/*
 * Why this hook: chown, lchown, fchown and fchownat pass it with the path. User and group are
 * structures, for which programs take the place of a function from Linux 6.1 on.
 */
SEC("lsm/path_chown")
int BPF_PROG(lsm_chown, const struct path *path)
{
	return on_setattr(PATH_REF(*path));
}

/*
 * All calls that set times pass vfs_utimes, which has the path and cannot be refused. What can is
 * the LSM hook below it (inode_setattr), which has only the inode: it judges this path.
 */
SEC("fentry/vfs_utimes")
int BPF_PROG(before_times, const struct path *path, struct file_time *times)
{
	struct snug_task *state = state_of(bpf_get_current_task_btf());
	struct file_time given[2] = {};

	if (!state)
		return 0;
	if (times)
		bpf_probe_read_kernel(given, sizeof(given), times);
	state->timed[0] = times && sets_time(given) ? (u64)path->dentry : 0;
	state->timed[1] = (u64)path->mnt;
	return 0;
}

/* `stop`: what is left to do. Once for each call: overlayfs asks again for its layer. */
static __always_inline int on_times(u32 stop, u32 flags)
{
	struct snug_task *state = state_of(bpf_get_current_task_btf());
	struct path_ref path_ref;

	if (!state || !state->timed[0])
		return 0;
	path_ref.dentry = state->timed[0];
	path_ref.mnt = state->timed[1];
	return on_attribute(SNUG_CALL_UTIMENSAT, path_ref, stop, flags);
}

/*
 * The same for owners, where path_chown has no program. Each of the calls passes this function,
 * which has user and group as numbers.
 */
SEC("fentry/chown_common")
int BPF_PROG(before_chown, const struct path *path)
{
	struct snug_task *state = state_of(bpf_get_current_task_btf());

	if (!state)
		return 0;
	state->timed[0] = (u64)path->dentry;
	state->timed[1] = (u64)path->mnt;
	return 0;
}

/* Once for each call, as above. */
static __always_inline int on_owner(void)
{
	struct snug_task *state = state_of(bpf_get_current_task_btf());
	struct path_ref path_ref;

	if (!state || !state->timed[0])
		return 0;
	path_ref.dentry = state->timed[0];
	path_ref.mnt = state->timed[1];
	state->timed[0] = 0;
	return on_setattr(path_ref);
}

/* Not its arguments, which differ between kernels. Other calls pass it too. */
SEC("lsm/inode_setattr")
int BPF_PROG(lsm_setattr)
{
	struct call call = {};
	u32 class = current_class(&call, bpf_get_current_task_btf());

	if (owners_by_inode && class >= SNUG_CLASS_CHOWN && class <= SNUG_CLASS_FCHOWN)
		return on_owner();
	return class >= SNUG_CLASS_TIMES && class <= SNUG_CLASS_TIMESAT_NS ?
		       on_times(SNUG_REFUSED, 0) :
		       0;
}

/* Permissions may have refused before that hook, or the kernel left it out. */
SEC("fexit/vfs_utimes")
int BPF_PROG(return_times, const struct path *path, struct file_time *times, int ret)
{
	if (ret >= 0 || was_denied(ret))
		on_times(SNUG_MISSED, was_denied(ret) ? SNUG_DENIED : 0);
	return 0;
}

#endif
