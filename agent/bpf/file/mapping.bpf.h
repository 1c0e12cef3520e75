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
#include "calls/syscall.bpf.h"
#include "file/file.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/field.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/judge_file.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/drift.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

#define MAP_ANONYMOUS 0x20

static __always_inline struct path_ref path_at(u64 path)
{
	return (struct path_ref){ (u64)FIELD_AT(struct path, path, dentry),
				  (u64)FIELD_AT(struct path, path, mnt) };
}

/*
 * Of a mapped file. In a mapping stands the file of overlayfs' layer, on a mount of the kernel.
 * Since Linux 6.8 the path above it is beside it; before that, its own path is that one. What is in
 * memory alone is on a mount of the kernel too, and in no folder.
 */
static __always_inline struct path_ref mapped_path(u64 file)
{
	struct path_ref own = path_at(file + bpf_core_field_offset(struct file, f_path));

	if (!bpf_core_field_exists(struct backing_file, user_path) ||
	    !is_on_private_mount(own.mnt) ||
	    (u64)FIELD_AT(struct dentry, own.dentry, d_parent) == own.dentry)
		return own;
	return path_at(file + bpf_core_field_offset(struct backing_file, user_path));
}

static __always_inline u64 inode_of(struct path_ref path_ref)
{
	return (u64)FIELD_AT(struct dentry, path_ref.dentry, d_inode);
}

static __always_inline bool is_foreign(const struct snug_task *state, struct task_struct *task,
				       struct path_ref path_ref)
{
	u64 inode = inode_of(path_ref);

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
	if (verdict->deviates && spares_unguarded(&verdict->ruling))
		verdict->deviates = DEVIATES_UNSTOPPED;
}

/* What of a file is code that the image did not ship: `scratch->opened` is about it then. */
static __noinline u16 drift_of_mapping(struct scratch *scratch, struct task_struct *task,
				       struct snug_task *state, u64 address)
{
	struct path_ref path_ref = mapped_path(address);
	u64 inode = inode_of(path_ref), root = root_of(state, task);
	struct opened *opened;
	u16 drift;

	if (!scratch || !is_foreign(state, task, path_ref))
		return 0;
	opened = &scratch->opened;
	opened->path_ref = path_ref;
	opened->access = SNUG_MAP;
	opened->flags = 0;
	opened->judge = false;
	walk_from(scratch, path_ref, root);
	opened->paths.path = walk_hash(scratch);
	drift = drift_of(path_ref.dentry, inode, scratch->walk.end, root);
	if (is_unit(slot_of(state)))
		return drift & SNUG_DRIFT_MEMFD;
	if (drift & SNUG_DRIFT_UPPER && is_unmodified(scratch, state, inode, opened->paths.path))
		return 0;
	return drift;
}

/* True where it deviates and is to be stopped. `scratch->opened.stop`: what becomes of it. */
static __noinline int judge_mapping(struct scratch *scratch, struct task_struct *task,
				    struct snug_task *state, u64 address)
{
	struct opened *opened;
	struct verdict verdict;
	u32 found;

	if (!scratch || !state || !drift_of_mapping(scratch, task, state, address))
		return 0;
	opened = &scratch->opened;
	found = lookup_seen(state, SNUG_FILE, file_object(SNUG_MAP, 0, opened->paths.path),
			    &verdict);
	verdict.refusing = holds_of_access(SNUG_MAP);
	if (found == SEEN_NEW) {
		judge_code(state, &verdict, opened->paths.path);
		found = record_verdict(state, &verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (found != SEEN_COUNTED) {
		walk_from(scratch, opened->path_ref, root_of(state, task));
		output_opened(scratch, task, state, &verdict, opened,
			      walk_text(scratch, SNUG_TEXT_MAX, true));
	}
	return must_stop(&verdict);
}

static long note_mapping(struct task_struct *task, struct vm_area_struct *area,
			 struct scratch **scratch)
{
	(*scratch)->protection.file = (u64)area->vm_file;
	(*scratch)->protection.at = area->vm_end;
	return 0;
}

/* The file that is mapped there. False where the memory of the process is being changed. */
#ifndef SNUG_PORTABLE
static __always_inline bool find_mapped(struct scratch *scratch, struct task_struct *task, u64 at)
{
	scratch->protection.file = 0;
	return bpf_find_vma(task, at, note_mapping, &scratch, 0) != -EBUSY;
}
#else
#define LOADER_WITHIN 16 /* mappings of a program that is about to start */

static __always_inline bool find_mapped(struct scratch *scratch, struct task_struct *task, u64 at)
{
	u64 area = 0;

	/* Of a kernel with a tree of mappings in the place of the list, none is found. */
	if (bpf_core_field_exists(struct mm_struct, mmap))
		area = (u64)READ(task, mm, mmap);
	scratch->protection.file = 0;
	for (u32 i = 0; i < LOADER_WITHIN && area; i++) {
		if (at < FIELD_AT(struct vm_area_struct, area, vm_end)) {
			if (at >= FIELD_AT(struct vm_area_struct, area, vm_start))
				scratch->protection.file =
					(u64)FIELD_AT(struct vm_area_struct, area, vm_file);
			break;
		}
		area = (u64)FIELD_AT(struct vm_area_struct, area, vm_next);
	}
	return true;
}
#endif

/*
 * The loader in which a program begins; 0: it begins in itself. `program`: its entry in its folder.
 */
static __noinline u64 loader_of(struct scratch *scratch, struct task_struct *task,
				struct snug_task *state, u64 program)
{
	u64 file;

	if (!scratch || !state)
		return 0;
	if (!find_mapped(scratch, task, REGISTERS_IP((struct pt_regs *)bpf_task_pt_regs(task)))) {
		COUNT(received);
		count_drop(slot_of(state), SNUG_DROP_FILE);
		return 0;
	}
	file = scratch->protection.file;
	scratch->opened.stop = SNUG_KILLED;
	return file && mapped_path(file).dentry != program ? file : 0;
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
