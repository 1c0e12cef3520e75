/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a kill stops. A process that is killed as its call returns runs no further instruction, so
 * what it obtained ends with it. INVARIANT: an event has SNUG_KILLED alone only if nobody else
 * holds what the process obtained and the call left nothing behind. Threads count too: another
 * processor may run one until the signal reaches it.
 */
#ifndef SNUG_STOP_H
#define SNUG_STOP_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include "abi.h"

/* Another thread, or a process made by clone(CLONE_FILES), has the same descriptors. */
static __always_inline u32 kill_of_table(const struct task_struct *task)
{
	return READ(task, files, count.counter) == 1 ? SNUG_KILLED : SNUG_HELD_BY_OTHERS;
}

/*
 * A socket may also have been inherited or passed on: then its other holder has the connection, or
 * the queue of connections.
 */
static __always_inline u32 kill_of_file(const struct task_struct *task, const struct file *file)
{
	s64 others;

	if (bpf_core_field_exists(struct file___since_6_13, f_ref))
		others = bpf_core_cast(file, struct file___since_6_13)->f_ref.refcnt.counter;
	else
		others = bpf_core_cast(file, struct file___before_6_13)->f_count.counter - 1;
	return others ? SNUG_HELD_BY_OTHERS : kill_of_table(task);
}

/* Its root and working directory. */
static __always_inline u32 kill_of_folders(const struct task_struct *task)
{
	return READ(task, fs, users) == 1 ? SNUG_KILLED : SNUG_HELD_BY_OTHERS;
}

#endif
