/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files: an opened one by its descriptor; without a descriptor, by the caller's string. */
#ifndef SNUG_FILE_H
#define SNUG_FILE_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/field.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/judge_file.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/stop.bpf.h"
#include "process/drift.bpf.h"
#include "process/ids.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

static __always_inline struct path_ref path_ref_at(struct task_struct *task, s32 fd)
{
	struct file *file;

	if (fd == AT_FDCWD)
		return FOLDER_REF(task, pwd);
	file = file_at(task, fd);
	if (!file)
		return (struct path_ref){};
	return PATH_REF(file->f_path);
}

/*
 * The caller's string, relative to descriptor `fd`, before `at`; without a string the descriptor's
 * own path. 0 where it could not be read.
 */
static __always_inline u32 prepend_user_string(struct scratch *scratch, const struct call *call,
					       u32 at, u64 string, s32 fd, u64 root)
{
	long size = 1;

	scratch->string[0] = 0;
	if (string)
		size = bpf_probe_read_user_str(scratch->string, SNUG_PATH_MAX, (void *)string);
	if (size < 1)
		return 0;
	return prepend_absolute(scratch, at, size - 1, call->task, path_ref_at(call->task, fd),
				root);
}

/*
 * The string of this size in `scratch->string` as an absolute and canonical path at the end of the
 * text: relative to descriptor `fd`. Returns where it begins.
 */
static __noinline u32 absolute_string(struct scratch *scratch, const struct snug_task *state,
				      struct task_struct *task, s32 fd, u32 size)
{
	struct path_ref from = {};
	u64 file;
	u32 at;

	/* Security hooks come here too, on kernels without direct loads. */
	if (fd == AT_FDCWD) {
		from = FOLDER_REF(task, pwd);
	} else {
		file = file_address(task, fd);
		if (file) {
			from.dentry = (u64)FIELD_AT(struct file, file, f_path.dentry);
			from.mnt = (u64)FIELD_AT(struct file, file, f_path.mnt);
		}
	}
	at = prepend_absolute(scratch, SNUG_TEXT_MAX, size, task, from, root_of(state, task));
	return scratch->walk.cut ? at : canonical_path(scratch, at, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
}

/* Reports the operation in `path_op` of this processor's scratch. */
__noinline __weak int report_path_op(s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct path_op *path_op;
	u32 at, to_at = SNUG_TEXT_MAX, flags, found;
	struct snug_task *state;
	struct verdict verdict;
	struct paths *paths;
	struct snug_event *event;
	u64 root;
	u32 access;

	init_call(&call);
	state = call.state;
	if (!state || !scratch)
		return 0;
	path_op = &scratch->path_op;
	paths = &scratch->paths;
	paths->path = 0;
	paths->to = 0;
	paths->from_image = 0;
	access = path_op->access;
	flags = path_op->string ? SNUG_UNRESOLVED : 0;
	root = root_of(state, call.task);
	if (path_op->to_string || path_op->by_descriptor)
		to_at = prepend_user_string(scratch, &call, SNUG_TEXT_MAX, path_op->to_string,
					    path_op->to_fd, root);
	if (to_at != SNUG_TEXT_MAX && scratch->walk.cut)
		flags |= SNUG_TO_CUT;
	at = to_at ? prepend_user_string(scratch, &call, to_at, path_op->string, path_op->fd,
					 root) :
		     0;
	if (!at) {
		COUNT(received);
		count_drop(slot_of(state), SNUG_DROP_TEXT);
		return 0;
	}
	flags |= (was_denied(ret) ? SNUG_DENIED : 0) | (compat ? SNUG_COMPAT : 0) |
		 (scratch->walk.cut ? SNUG_CUT : 0);
	found = lookup_seen(state, SNUG_FILE,
			    file_object(access, flags, hash_text_tail(scratch, at)), &verdict);
	verdict.refused = (flags & SNUG_DENIED) != 0;
	verdict.refusing = holds_of_access(access);
	if (found == SEEN_COUNTED)
		return 0;
	paths->at = at;
	paths->to_at = to_at;
	canonical_paths(scratch, paths, flags);
	if (found == SEEN_NEW) {
		judge_paths(scratch, state, &verdict.ruling, access, paths);
		if (!record_verdict(state, &verdict))
			return 0;
	}
	at = paths->at;
	event = event_at(scratch, at);
	fill_event(event, state, call.task, SNUG_FILE, verdict.key,
		   sizeof(*event) + SNUG_TEXT_MAX - at);
	/* By now it is done: to kill the process would undo nothing. */
	event->event_flags = flags | (flags & SNUG_DENIED ? 0 : stop_flag(&verdict, SNUG_MISSED));
	event->code = access;
	event->vpid = vpid_of(call.task);
	event->text_size = paths->to_at - at;
	event->to_size = SNUG_TEXT_MAX - paths->to_at;
	output_event(event, sizeof(*event) + SNUG_TEXT_MAX - at, &verdict);
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

/* A character device as the kernel numbers it. */
#define MEMORY_DEVICE(minor) (1u << 20 | (minor))

static __always_inline bool is_memory(u32 device)
{
	return device == MEMORY_DEVICE(1) /* mem */ || device == MEMORY_DEVICE(2) /* kmem */ ||
	       device == MEMORY_DEVICE(4) /* port */ || device == MEMORY_DEVICE(11) /* kmsg */;
}

/* The device that is behind a file, or the kernel's file system. Others say nothing. */
static __always_inline u32 nature_of(u64 inode)
{
	u32 type = FIELD_AT(struct inode, inode, i_mode) & S_IFMT;

	if (type == S_IFBLK)
		return SNUG_BLOCK_DEVICE;
	if (type == S_IFCHR)
		return is_memory(FIELD_AT(struct inode, inode, i_rdev)) ? SNUG_MEMORY_DEVICE : 0;
	switch (FIELD_AT(struct super_block, block_of(inode), s_magic)) {
	case PROC_SUPER_MAGIC:
		return SNUG_PROC << SNUG_FILE_SYSTEM_SHIFT;
	case SYSFS_MAGIC:
		return SNUG_SYS << SNUG_FILE_SYSTEM_SHIFT;
	case DEBUGFS_MAGIC:
		return SNUG_DEBUG << SNUG_FILE_SYSTEM_SHIFT;
	case SECURITYFS_MAGIC:
		return SNUG_SECURITY << SNUG_FILE_SYSTEM_SHIFT;
	case BINFMTFS_MAGIC:
		return SNUG_BINFMT << SNUG_FILE_SYSTEM_SHIFT;
	default:
		return 0;
	}
}

/*
 * Reading a file as the image ships it is another behaviour than reading the container's
 * replacement.
 */
static __always_inline void opened_layer(struct opened *opened, const struct file *file, u64 root)
{
	opened->paths.from_image = opened->access == SNUG_READ &&
				   is_from_image((u64)file->f_inode, root);
	if (opened->paths.from_image)
		opened->flags |= SNUG_FROM_IMAGE;
	else
		opened->flags |= nature_of((u64)file->f_inode);
	opened->paths.spared = opened->flags & SNUG_RECEIVED ? SNUG_SPARES_RECEIVED : 0;
}

/* `at`: where its text begins. */
static __always_inline void output_opened(struct scratch *scratch, struct task_struct *task,
					  struct snug_task *state, struct verdict *verdict,
					  struct opened *opened, u32 at)
{
	struct snug_event *event = event_at(scratch, at);
	u32 size = sizeof(*event) + SNUG_TEXT_MAX - at;

	fill_event(event, state, task, SNUG_FILE, verdict->key, size);
	event->event_flags = opened->flags | (scratch->walk.cut ? SNUG_CUT : 0) |
			     stop_flag(verdict, opened->stop);
	event->code = opened->access;
	event->vpid = vpid_of(task);
	event->text_size = SNUG_TEXT_MAX - at;
	output_event(event, size, verdict);
}

/* No literal rule matches: the patterns and the report need the text. */
static __always_inline int report_opened(struct scratch *scratch, struct task_struct *task,
					 struct snug_task *state, struct verdict *verdict,
					 struct opened *opened)
{
	struct paths *paths = &opened->paths;
	u32 at;

	walk_from(scratch, opened->path_ref, root_of(state, task));
	at = walk_text(scratch, SNUG_TEXT_MAX, true);
	if (opened->judge) {
		paths->at = at;
		paths->to_at = SNUG_TEXT_MAX;
		paths->cut = scratch->walk.cut;
		if (paths->cut)
			paths->path = hash_cut(scratch, at, SNUG_TEXT_MAX);
		opened->seen_key = verdict->seen_key;
		judge_paths(scratch, state, &verdict->ruling, opened->access, paths);
		if (!record_verdict(state, verdict)) {
			if (verdict->by_rules)
				note_patterned(&verdict->ruling, opened->seen_key);
			return 0;
		}
		note_stop(verdict, SEEN_RESEND, opened->stop);
	}
	output_opened(scratch, task, state, verdict, opened, at);
	return 0;
}

/* The flags that an open asks for. A file that it made or emptied stays so. */
static __noinline u64 flags_of_open(const struct call *call, u32 class)
{
	u64 flags = 0;

	switch (class) {
	case SNUG_CLASS_OPEN:
		return argument(call, 1);
	case SNUG_CLASS_CREAT:
		return O_CREAT | O_TRUNC;
	case SNUG_CLASS_OPENAT:
		return argument(call, 2);
	case SNUG_CLASS_OPENAT2:
		bpf_probe_read_user(&flags, sizeof(flags), (void *)argument(call, 2));
	}
	return flags;
}

static __always_inline u32 kill_of_open(const struct call *call, u32 class, const struct file *file)
{
	if (file->f_mode & FMODE_CREATED || flags_of_open(call, class) & O_TRUNC)
		return SNUG_SURVIVES;
	return kill_of_table(call->task);
}

static __noinline int report_open(struct call *call, u32 class)
{
	struct snug_task *state;
	struct file *file;
	struct scratch *scratch;
	struct verdict verdict;
	struct opened *opened;
	u32 found;

	if (!call || !call->state)
		return 0;
	state = call->state;
	file = file_at(call->task, call->ret);
	if (!file) {
		COUNT(received);
		count_drop(slot_of(state), SNUG_DROP_FILE);
		return 0;
	}
	if (!has_path(file))
		return 0;
	scratch = scratch_of(SCRATCH_SYSCALL);
	if (!scratch)
		return 0;
	opened = &scratch->opened;
	opened->stop = kill_of_open(call, class, file);
	record_write(state, file);
	opened->access = access_of(file);
	opened->path_ref = PATH_REF(file->f_path);
	opened->flags = call->compat ? SNUG_COMPAT : 0;
	opened_layer(opened, file, root_of(state, call->task));
	walk_from(scratch, opened->path_ref, root_of(state, call->task));
	opened->paths.path = walk_hash(scratch);
	found = lookup_seen(state, SNUG_FILE,
			    file_object(opened->access, opened->flags, opened->paths.path),
			    &verdict);
	verdict.refusing = holds_of_access(opened->access);
	if (found == SEEN_NEW && has_profile(&verdict) && count_patterned(&verdict))
		found = SEEN_COUNTED;
	opened->judge = found == SEEN_NEW;
	if (opened->judge && has_profile(&verdict) &&
	    judge_literals(state, &verdict.ruling, opened->access, &opened->paths)) {
		opened->judge = false;
		found = record_verdict(state, &verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (!opened->judge)
		found = note_stop(&verdict, found, opened->stop);
	if (found != SEEN_COUNTED)
		report_opened(scratch, call->task, state, &verdict, opened);
	if (must_stop(&verdict))
		kill_current();
	return 0;
}

#endif
