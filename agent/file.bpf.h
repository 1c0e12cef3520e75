/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files: opened ones by themselves, what has no descriptor to look at by the caller's string. */
#ifndef SNUG_FILE_H
#define SNUG_FILE_H

#include "exec.bpf.h"

/* What one system call did, as it returns. */
struct call {
	struct task_struct *task;
	struct snug_task *state;
	struct pt_regs *regs;
	long ret;
	u32 compat;
};

static __always_inline u64 argument(const struct call *call, int n)
{
	const struct pt_regs *regs = call->regs;
#if defined(__TARGET_ARCH_x86)
	if (call->compat) {
		u64 value = n == 0 ? regs->bx : n == 1 ? regs->cx : n == 2 ? regs->dx :
			    n == 3 ? regs->si : n == 4 ? regs->di : regs->bp;
		return (u32)value;
	}
	return n == 0 ? regs->di : n == 1 ? regs->si : n == 2 ? regs->dx :
	       n == 3 ? regs->r10 : n == 4 ? regs->r8 : regs->r9;
#else
	return n == 0 ? regs->orig_x0 : regs->regs[n];
#endif
}

static __always_inline bool was_denied(long ret)
{
	return ret == -EACCES || ret == -EPERM;
}

static __always_inline u64 file_object(u32 access, u32 flags, u64 path)
{
	return SNUG_MIX(keys, (u64)SNUG_FILE | access << 8 | (u64)flags << 32, path);
}

static __always_inline struct place place_at(struct task_struct *task, s32 fd)
{
	struct file *file;

	if (fd == AT_FDCWD)
		return PLACE(task->fs->pwd);
	file = file_at(task, fd);
	if (!file)
		return (struct place){};
	return PLACE(file->f_path);
}

/* The caller's string `n`, relative to descriptor `fd`, before `at`. 0 where it could not be read. */
static __always_inline u32 put_string(struct scratch *scratch, const struct call *call, u32 at,
				      u64 string, s32 fd, u64 root)
{
	long size = bpf_probe_read_user_str(scratch->string, SNUG_PATH_MAX, (void *)string);

	if (size < 1)
		return 0;
	return put_absolute(scratch, at, size - 1, call->task, place_at(call->task, fd), root);
}

/* An act on a name, or on two. */
struct names_act {
	u64 string;
	u64 to_string;		/* 0: there is only one */
	s32 fd;			/* what the string is relative to */
	s32 to_fd;
	u32 access;
	u32 reserved;
};

static __noinline int tell_names(struct call *call, const struct names_act *names_act)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	u32 at, to_at = SNUG_TEXT_MAX, flags = SNUG_UNRESOLVED;
	struct snug_task *state;
	struct verdict verdict;
	struct snug_act *act;
	u64 object, root;
	u32 access;

	if (!call || !names_act || !scratch)
		return 0;
	state = state_of(call->task);
	if (!state)
		return 0;
	access = names_act->access;
	root = root_of(state, call->task);
	if (names_act->to_string)
		to_at = put_string(scratch, call, SNUG_TEXT_MAX, names_act->to_string,
				   names_act->to_fd, root);
	if (names_act->to_string && scratch->walk.cut)
		flags |= SNUG_TO_CUT;
	at = to_at ? put_string(scratch, call, to_at, names_act->string, names_act->fd, root) : 0;
	if (!at) {
		COUNT(received);
		drop(slot_of(state), SNUG_DROP_TEXT);
		return 0;
	}
	flags |= (was_denied(call->ret) ? SNUG_DENIED : 0) | (call->compat ? SNUG_COMPAT : 0) |
		 (scratch->walk.cut ? SNUG_CUT : 0);
	object = file_object(access, flags, hash_text(scratch, at));
	if (!novel(state, object, &verdict))
		return 0;
	act = act_at(scratch, at);
	fill(act, state, call->task, SNUG_FILE, verdict.key, sizeof(*act) + SNUG_TEXT_MAX - at);
	act->act_flags = flags;
	act->code = access;
	act->text_size = to_at - at;
	act->to_size = SNUG_TEXT_MAX - to_at;
	tell_text(act, sizeof(*act) + SNUG_TEXT_MAX - at, &verdict);
	return 0;
}

/* Pipes, sockets and anonymous inodes have no path; O_PATH gives no access. */
static __always_inline bool has_path(const struct file *file)
{
	u32 type = file->f_inode->i_mode & S_IFMT;

	if (file->f_mode & FMODE_PATH)
		return false;
	return type == S_IFREG || type == S_IFDIR || type == S_IFCHR || type == S_IFBLK ||
	       (type == S_IFIFO && file->f_path.dentry != file->f_path.mnt->mnt_root &&
		file->f_path.dentry->d_parent != file->f_path.dentry);
}

static __always_inline u32 access_of(const struct file *file)
{
	u32 mode = file->f_mode, access = 0;

	if (mode & FMODE_READ)
		access |= SNUG_READ;
	if (mode & FMODE_WRITE)
		access |= SNUG_WRITE;
	if (mode & FMODE_CREATED)
		access |= SNUG_CREATE;
	return access;
}

static __noinline int tell_open(struct call *call)
{
	struct snug_task *state;
	struct file *file;
	struct scratch *scratch;
	struct verdict verdict;
	struct snug_act *act;
	u32 access, flags, at, size;
	u64 root, object;

	if (!call)
		return 0;
	state = state_of(call->task);
	if (!state)
		return 0;
	file = file_at(call->task, call->ret);
	if (!file) {
		COUNT(received);
		drop(slot_of(state), SNUG_DROP_FILE);
		return 0;
	}
	if (!has_path(file))
		return 0;
	scratch = scratch_of(SCRATCH_SYSCALL);
	if (!scratch)
		return 0;
	access = access_of(file);
	flags = call->compat ? SNUG_COMPAT : 0;
	root = root_of(state, call->task);
	walk_from(scratch, PLACE(file->f_path), root);
	object = file_object(access, flags, walk_hash(scratch));
	if (!novel(state, object, &verdict))
		return 0;
	walk_from(scratch, PLACE(file->f_path), root);
	at = walk_text(scratch, SNUG_TEXT_MAX, true);
	act = act_at(scratch, at);
	size = sizeof(*act) + SNUG_TEXT_MAX - at;
	fill(act, state, call->task, SNUG_FILE, verdict.key, size);
	act->act_flags = flags | (scratch->walk.cut ? SNUG_CUT : 0);
	act->code = access;
	act->text_size = SNUG_TEXT_MAX - at;
	tell_text(act, size, &verdict);
	return 0;
}

#endif
