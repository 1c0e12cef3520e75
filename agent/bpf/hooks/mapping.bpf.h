/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code that a process maps and the image did not ship: a library, a program by the dynamic loader.
 * Which file is expected only the daemon knows. Runtimes unpack libraries under names that no
 * profile can hold: so it is stopped only where the profile has no such file of that program.
 */
#ifndef SNUG_MAPPING_H
#define SNUG_MAPPING_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hooks/file.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/field.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/judge_file.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/drift.bpf.h"
#include "process/syscall.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

#define MAP_ANONYMOUS 0x20

static __always_inline bool is_foreign(const struct snug_task *state, struct task_struct *task,
				       u64 address)
{
	u64 inode = (u64)FIELD_AT(struct file, address, f_inode);

	return (FIELD_AT(struct inode, inode, i_mode) & S_IFMT) == S_IFREG &&
	       !is_from_image(inode, root_of(state, task));
}

static __always_inline void judge_code(const struct snug_task *state, struct verdict *verdict,
				       u64 path)
{
	u64 file = SNUG_RULE_FILE(keys, SNUG_MAP, path), tag;

	if (has_profile(verdict) &&
	    lookup_rule(&verdict->ruling, state->actor, file, &tag) == RULE_DENY)
		verdict->deviates = DEVIATES;
	else
		judge_literal(verdict, state->actor,
			      SNUG_RULE_FILE(keys, SNUG_MAP, SNUG_RULE_SET(keys, 0)));
}

/* True where it deviates and is to be stopped. `scratch->opened.stop`: what becomes of it. */
static __noinline int judge_mapping(struct scratch *scratch, struct task_struct *task,
				    struct snug_task *state, u64 address)
{
	u64 inode = (u64)FIELD_AT(struct file, address, f_inode);
	u64 root = root_of(state, task);
	struct opened *opened;
	struct verdict verdict;
	u32 found;
	u16 drift;

	if (!scratch || !is_foreign(state, task, address))
		return 0;
	opened = &scratch->opened;
	opened->path_ref.dentry = (u64)FIELD_AT(struct file, address, f_path.dentry);
	opened->path_ref.mnt = (u64)FIELD_AT(struct file, address, f_path.mnt);
	opened->access = SNUG_MAP;
	opened->flags = 0;
	opened->judge = false;
	walk_from(scratch, opened->path_ref, root);
	opened->paths.path = walk_hash(scratch);
	drift = drift_of(opened->path_ref.dentry, inode, scratch->walk.end, root);
	if (drift & SNUG_DRIFT_UPPER && is_unmodified(scratch, state, inode, opened->paths.path))
		return 0;
	if (!drift)
		return 0;
	found = lookup_seen(state, SNUG_FILE, file_object(SNUG_MAP, 0, opened->paths.path),
			    &verdict);
	if (found == SEEN_NEW) {
		judge_code(state, &verdict, opened->paths.path);
		found = record_verdict(state, &verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (found != SEEN_COUNTED)
		report_opened(scratch, task, state, &verdict, opened);
	return must_stop(&verdict);
}

/* By tracepoints: code that was mapped may have run by then, in another thread. */
static __always_inline void report_mapping(struct scratch *scratch, struct task_struct *task,
					   struct snug_task *state, u64 address)
{
	scratch->opened.stop = SNUG_MISSED;
	judge_mapping(scratch, task, state, address);
}

static __always_inline bool protects_code(const struct task_struct *task, u64 protection)
{
	return protection & PROT_EXEC ||
	       (protection & PROT_READ && READ(task, personality) & READ_IMPLIES_EXEC);
}

/* Whether the call maps code: before anything else, as most mappings are of data. */
static __always_inline bool maps_code(const struct call *call, u32 class, s32 *fd)
{
	u32 passed[5] = {};
	u64 protection = argument(call, 2), flags = argument(call, 3);

	*fd = argument(call, 4);
	if (class == SNUG_CLASS_MAP_OLD) {
		bpf_probe_read_user(passed, sizeof(passed), (void *)argument(call, 0));
		protection = passed[2];
		flags = passed[3];
		*fd = passed[4];
	}
	return protects_code(call->task, protection) && !(flags & MAP_ANONYMOUS);
}

#define PROTECTED_MAX 16 /* mappings of one call; of more the first are looked at */

static long note_mapping(struct task_struct *task, struct vm_area_struct *area,
			 struct scratch **scratch)
{
	(*scratch)->protection.file = (u64)area->vm_file;
	(*scratch)->protection.at = area->vm_end;
	return 0;
}

static long protection_step(u32 index, struct scratch **context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = *context;
	struct snug_task *state = state_of(task);
	struct protection *protection = &scratch->protection;
	long failed;

	if (!state || protection->at >= protection->end)
		return 1;
	protection->file = 0;
	failed = bpf_find_vma(task, protection->at, note_mapping, &scratch, 0);
	if (failed) {
		/* The memory of the process is being changed: what is mapped there does not show.
		 */
		if (failed == -EBUSY) {
			COUNT(received);
			count_drop(slot_of(state), SNUG_DROP_FILE);
		}
		return 1;
	}
	if (protection->file)
		report_mapping(scratch, task, state, protection->file);
	return 0;
}

/* Memory that becomes code after it was mapped. */
static __noinline int on_protection(struct call *call)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);

	if (!call || !scratch)
		return 0;
	scratch->protection.at = argument(call, 0);
	scratch->protection.end = scratch->protection.at + argument(call, 1);
	bpf_loop(PROTECTED_MAX, protection_step, &scratch, 0);
	return 0;
}

static __noinline int on_mapping(struct call *call, s32 fd)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct snug_task *state;
	u64 file;

	if (!call || !scratch)
		return 0;
	state = state_of(call->task);
	file = file_address(call->task, fd);
	if (state && file)
		report_mapping(scratch, call->task, state, file);
	return 0;
}

#endif
