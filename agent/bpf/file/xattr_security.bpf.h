/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Extended attributes of files, by the paths that the kernel resolved. */
#ifndef SNUG_XATTR_SECURITY_H
#define SNUG_XATTR_SECURITY_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "file/attribute.bpf.h"
#include "file/name_security.bpf.h"
#include "lib/field.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "process/task.bpf.h"

/* The argument of these hooks that is the file. The attribute's name comes behind it. */
const volatile u32 attribute_file;

static __always_inline int note_mount(u64 mount)
{
	struct snug_task *state = state_of(bpf_get_current_task_btf());

	if (state)
		state->changing = mount;
	return 0;
}

/*
 * Why these hooks: each call that changes an attribute passes one of them, by a path or by a
 * descriptor, also for io_uring. They have the mount, which the LSM hooks below lack.
 */
SEC("fentry/mnt_want_write")
int BPF_PROG(before_change, struct vfsmount *mount)
{
	return note_mount((u64)mount);
}

SEC("fentry/mnt_want_write_file")
int BPF_PROG(before_change_of_open, struct file *file)
{
	return note_mount((u64)file->f_path.mnt);
}

/*
 * What the attribute is that the hook asks about; ATTRIBUTE_DATA: none of interest. Fills in
 * `path_ref`. By other credentials overlayfs changes its layer, as it was asked to, or copies a
 * file there. Another helper thread of an io_uring may have put another mount in place: then the
 * path ends at the root of the file's own file system, and is judged as that. Not inlined: its
 * arguments would be on the stack of what follows.
 */
static __noinline u32 attribute_in(u64 *context, struct path_ref *path_ref)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = state_of(task);
	struct attribute_name name = {};
	u64 arguments[3] = {};

	if (!state || !state->changing || (u64)READ(task, cred) != (u64)READ(task, real_cred) ||
	    bpf_probe_read_kernel(arguments, sizeof(arguments), context))
		return ATTRIBUTE_DATA;
	path_ref->dentry = attribute_file ? arguments[1] : arguments[0];
	path_ref->mnt = state->changing;
	bpf_probe_read_kernel_str(&name, sizeof(name),
				  (void *)(attribute_file ? arguments[2] : arguments[1]));
	return attribute_of(&name);
}

static __always_inline int on_xattr(u64 *context, bool removes)
{
	struct lsm_path_op lsm_path_op = { .access = SNUG_SETATTR };
	u32 attribute = attribute_in(context, &lsm_path_op.path_ref);

	if (attribute == ATTRIBUTE_DATA || !has_name(lsm_path_op.path_ref.dentry))
		return 0;
	return attribute == ATTRIBUTE_CAPABILITIES && !removes ?
		       on_attribute(SNUG_CALL_SETXATTR, lsm_path_op.path_ref, SNUG_REFUSED, 0) :
		       on_lsm_path_op(&lsm_path_op);
}

/*
 * Why this hook: setxattr and its kin pass it, before the attribute is set. `user.` is data, which
 * the right to write the file allows.
 */
SEC("lsm/inode_setxattr")
int lsm_setxattr(u64 *context)
{
	return on_xattr(context, false);
}

SEC("lsm/inode_removexattr")
int lsm_removexattr(u64 *context)
{
	return on_xattr(context, true);
}

/* Lists of rights, which pass the hooks above before Linux 6.2. */
SEC("lsm/inode_set_acl")
int lsm_set_acl(u64 *context)
{
	return on_xattr(context, false);
}

SEC("lsm/inode_remove_acl")
int lsm_remove_acl(u64 *context)
{
	return on_xattr(context, true);
}

#endif
