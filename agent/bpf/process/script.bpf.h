/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The file of a script that is being executed. The kernel opens it, finds its interpreter, and lets
 * go of it; the interpreter gets a string. But a file that nobody holds any more is closed only as
 * the process returns from the system call. Until then it stands in the list of what the process is
 * still to do, behind everything that the execution let go of later.
 */
#ifndef SNUG_SCRIPT_H
#define SNUG_SCRIPT_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"

#define WORKS_MAX 8192

static __always_inline u64 file_of_work(u64 work)
{
	if (bpf_core_field_exists(struct file___since_6_7, f_task_work))
		return work - bpf_core_field_offset(struct file___since_6_7, f_task_work);
	if (bpf_core_field_exists(struct file___since_6_0, f_rcuhead))
		return work - bpf_core_field_offset(struct file___since_6_0, f_rcuhead);
	return work - bpf_core_field_offset(struct file___before_6_0, f_u);
}

/* Other work than the end of a file looks like no file: its bytes lead to no inode. */
static __always_inline bool is_opened_to_run(u64 file)
{
	u64 dentry = (u64)FIELD_AT(struct file, file, f_path.dentry),
	    inode = (u64)FIELD_AT(struct file, file, f_inode);

	return inode && dentry && FIELD_AT(struct file, file, f_flags) & OPENED_TO_RUN &&
	       (u64)FIELD_AT(struct dentry, dentry, d_inode) == inode &&
	       (FIELD_AT(struct inode, inode, i_mode) & S_IFMT) == S_IFREG;
}

static int script_step(u32 index, struct scratch **scratch)
{
	struct script_search *search = &(*scratch)->script_search;
	u64 file;

	if (!search->work)
		return 1;
	file = file_of_work(search->work);
	if (is_opened_to_run(file))
		search->file = file;
	search->work = (u64)FIELD_AT(struct callback_head, search->work, next);
	return 0;
}

LONG_LOOP_STEP(script_step)

/* `scratch->script_search`: the first file that the execution let go of. */
static __always_inline void search_script(struct scratch *scratch, struct task_struct *task,
					  const struct linux_binprm *bprm)
{
	struct script_search *search = &scratch->script_search;

	search->work = 0;
	search->file = (u64)bprm->executable;
	if (search->file)
		return;
	search->work = (u64)READ(task, task_works);
	LOOP(WORKS_MAX, script_step, scratch);
}

#endif
