/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that are opened, received or mapped as code, by the paths that the kernel resolved. */
#ifndef SNUG_OPEN_SECURITY_H
#define SNUG_OPEN_SECURITY_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/attribute.bpf.h"
#include "file/file.bpf.h"
#include "file/mapping.bpf.h"
#include "file/name_security.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/judge_file.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/place.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/security.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/drift.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

/*
 * Files are opened for other reasons too: to be executed, for a descriptor of a process or a queue,
 * to dump a core. These are other events, or none. `of_call`: its class.
 */
static __always_inline bool is_opening(struct task_struct *task, u32 *of_call)
{
	struct call call = {};
	u32 number = current_syscall(&call, task), class = class_of(&call, number);

	*of_call = class;
	if ((class >= SNUG_CLASS_OPEN && class <= SNUG_CLASS_OPEN_HANDLE) ||
	    process_of_worker(task) || number == NR_IO_URING_ENTER)
		return true;
	/* The kernel opens for a ring as the process returns from any call, whatever that was. */
	return READ(task, io_uring) &&
	       (call.compat || (number != NR_EXECVE && number != NR_EXECVEAT));
}

/*
 * What overlayfs opens beneath a file that a process has opened, by the credentials of who mounted
 * it: a file of its layers' private mounts. No process can come by such a mount itself. Before
 * Linux 6.5 it is a file with the path of the one above and the inode of the layer.
 */
static __always_inline bool is_layer(struct task_struct *task, const struct file *file)
{
	return (u64)READ(task, cred) != (u64)READ(task, real_cred) &&
	       (is_on_private_mount((u64)file->f_path.mnt) ||
		(u64)file->f_inode != (u64)file->f_path.dentry->d_inode);
}

/*
 * `scratch->opened.stop`: how it is stopped by the caller. `received`: SNUG_RECEIVED, or 0. Who
 * receives a file did not make it.
 */
static __noinline int judge_open(struct scratch *scratch, struct task_struct *task,
				 struct snug_task *state, struct file *file, u32 received)
{
	struct opened *opened = &scratch->opened;
	struct verdict verdict;
	u32 found;

	opened->flags = received;
	opened->access = received ? access_of(file) & ~SNUG_CREATE : access_of(file);
	opened->path_ref = PATH_REF(file->f_path);
	opened_layer(opened, file, root_of(state, task));
	walk_from(scratch, opened->path_ref, root_of(state, task));
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
	if (found != SEEN_COUNTED)
		report_opened(scratch, task, state, &verdict, opened);
	note_reopened(scratch, &verdict);
	if (!must_stop(&verdict))
		record_write(state, file);
	return REFUSE_IF(must_stop(&verdict));
}

/* Whether it was opened before, and is counted. A file that this open made was not. */
static __always_inline bool is_reopened(const struct snug_task *state, const struct file *file,
					struct place *place)
{
	struct snug_slot *slot = slot_of(state);

	if (!slot || slot->container != state->container || file->f_mode & FMODE_CREATED ||
	    control.filter == SNUG_FILTER_OFF)
		return false;
	place->stamp = place_stamp();
	if (!place->stamp)
		return false;
	place->key = place_key(state, file, access_of(file), salt_of(slot));
	return count_reopened(place);
}

/*
 * Why this hook: every open passes it with the file resolved, also by io_uring and by handle. A
 * descriptor exists only after it.
 */
SEC("lsm/file_open")
int BPF_PROG(lsm_open, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct lsm_scratch *lsm_scratch;
	struct place place = {};
	u32 depth, class;
	int result;

	if (!state || !is_opening(task, &class) || is_layer(task, file))
		return 0;
	if (class == SNUG_CLASS_OPEN_HANDLE &&
	    on_attribute(SNUG_CALL_OPEN_BY_HANDLE, PATH_REF(file->f_path), SNUG_REFUSED, 0))
		return REFUSE_IF(true);
	if (is_reopened(state, file, &place)) {
		record_write(state, file);
		note_judged(state, (u64)file);
		return 0;
	}
	if (!has_path(file))
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_FILE));
	lsm_scratch->scratch.opened.place = place;
	lsm_scratch->scratch.opened.stop = SNUG_REFUSED;
	result = judge_open(&lsm_scratch->scratch, task, state, UNTRUSTED(file), 0);
	release_scratch(depth);
	if (!result)
		note_judged(state, (u64)file);
	return REFUSE_IF(result);
}

/* It may be emptied yet. */
static __always_inline u32 kill_of_opening(struct task_struct *task, const struct file *file)
{
	return file->f_mode & FMODE_CREATED || file->f_flags & O_TRUNC ? SNUG_SURVIVES :
									 kill_of_table(task);
}

static __always_inline int open_left_out(struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	u32 class;

	if (!state || !scratch)
		return 0;
	scratch->opened.stop = kill_of_opening(task, file);
	scratch->opened.place.key = 0;
	if (was_judged(state, (u64)file, scratch->opened.stop) || !has_path(file) ||
	    !is_opening(task, &class) || is_layer(task, file))
		return 0;
	return judge_open(scratch, task, state, file, 0);
}

CATCH(open, open_left_out(AS(struct file, FIRST)))

/*
 * Why this hook: a file that another process passes on, over a unix socket or otherwise, passes it
 * before the receiver has a descriptor. It is judged as if the receiver opened it. What has no path
 * is no file: sockets, pipes, memory.
 */
SEC("lsm/file_receive")
int BPF_PROG(lsm_receive, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct lsm_scratch *lsm_scratch;
	int result;
	u32 depth;

	if (!state || !has_path(file) || is_on_private_mount((u64)file->f_path.mnt))
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_FILE));
	lsm_scratch->scratch.opened.place.key = 0;
	lsm_scratch->scratch.opened.stop = SNUG_REFUSED;
	result = judge_open(&lsm_scratch->scratch, task, state, UNTRUSTED(file), SNUG_RECEIVED);
	release_scratch(depth);
	return REFUSE_IF(result);
}

static __always_inline int judge_foreign_code(struct task_struct *task, struct snug_task *state,
					      u64 file)
{
	struct lsm_scratch *lsm_scratch;
	int result;
	u32 depth;

	if (!is_foreign(state, task, mapped_path(file)))
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_FILE));
	lsm_scratch->scratch.opened.stop = SNUG_REFUSED;
	result = judge_mapping(&lsm_scratch->scratch, task, state, file);
	release_scratch(depth);
	return REFUSE_IF(result);
}

/*
 * Why this hook: each mapping of a file passes it, with the protection that it will have. In an
 * exec it comes for the program, which is an event already. The file is read as a number: there may
 * be none, which older kernels do not tell the verifier.
 */
SEC("lsm/mmap_file")
int lsm_map(u64 *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state;
	struct call call = {};
	u64 file = 0;
	u32 class;

	/* Behind it fmod_ret has no second protection, to which the personality was added. */
	if (!protects_code(task, context[1]))
		return 0;
	state = acting_state(task);
	if (!state || bpf_probe_read_kernel(&file, sizeof(file), context) || !file)
		return 0;
	class = current_class(&call, task);
	if (class != SNUG_CLASS_MAP && class != SNUG_CLASS_MAP_OLD)
		return 0;
	return judge_foreign_code(task, state, file);
}

/* Why this hook: each mapping that becomes code later passes it. */
SEC("lsm/file_mprotect")
int lsm_protect(u64 *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state;
	u64 area = 0, file;

	if (!protects_code(task, context[1]))
		return 0;
	state = acting_state(task);
	if (!state || bpf_probe_read_kernel(&area, sizeof(area), context))
		return 0;
	file = (u64)FIELD_AT(struct vm_area_struct, area, vm_file);
	return file ? judge_foreign_code(task, state, file) : 0;
}

#endif
