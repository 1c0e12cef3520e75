/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the sensor cannot see of a container that ran before it: the root, and which layer a program
 * is of. It opens the file, and asks by its own descriptor.
 */
#ifndef SNUG_LOOK_H
#define SNUG_LOOK_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "process/drift.bpf.h"
#include "process/layer.bpf.h"
#include "shared.h"

static __noinline int look_at(struct task_struct *task)
{
	u32 key = 0;
	struct snug_look *look = bpf_map_lookup_elem(&looks, &key);
	struct snug_slot *slot;
	u64 file, dentry;

	if (!look || !task)
		return 0;
	slot = bpf_map_lookup_elem(&slots, &look->slot);
	file = file_address(task, look->fd);
	if (!slot || !file)
		return 0;
	dentry = (u64)FIELD_AT(struct file, file, f_path.dentry);
	if (look->is_root)
		begin_root(slot, look->slot, dentry);
	else if (is_unit(slot))
		look->drift = drift_in_unit(slot, (u64)FIELD_AT(struct file, file, f_inode), 0);
	else
		look->drift = drift_of(dentry, (u64)FIELD_AT(struct file, file, f_inode), WALK_ROOT,
				       slot->root);
	return 0;
}

/* Run by the sensor. */
SEC("syscall")
int look_now(void *context)
{
	return look_at(bpf_get_current_task_btf());
}

/* The same where the sensor cannot run a program (before Linux 5.14): for the one element of
 * `looks`. */
SEC("iter/bpf_map_elem")
int look_element(struct bpf_iter__bpf_map_elem *context)
{
	return context->value ? look_at(bpf_get_current_task_btf()) : 0;
}

#endif
