/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ids as a container has them. A user namespace (rootless Podman, userns-remap of Docker) gives
 * them other numbers on the host, and others on each host. That of the container's first program
 * counts: one that a process of it makes changes nothing about who it is.
 */
#ifndef SNUG_PROCESS_IDS_H
#define SNUG_PROCESS_IDS_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "lib/maps.bpf.h"
#include "lib/portable.bpf.h"
#include "shared.h"

/* The kernel keeps more than five ranges elsewhere. Of those, the first ones are kept here. */
static __always_inline void keep_id_map(struct snug_id_range *ranges, u64 map)
{
	u32 count = FIELD_AT(struct uid_gid_map, map, nr_extents);
	u64 from = map + bpf_core_field_offset(struct uid_gid_map, extent);

	if (count > SNUG_ID_RANGES)
		from = (u64)FIELD_AT(struct uid_gid_map, map, forward);
	bpf_probe_read_kernel(ranges, SNUG_ID_RANGES * sizeof(*ranges), (void *)from);
	for (u32 i = 0; i < SNUG_ID_RANGES; i++)
		if (i >= count)
			ranges[i].count = 0;
}

/* By the credentials of its first program. */
static __noinline int keep_ids(struct snug_slot *slot, struct task_struct *task)
{
	u64 space = (u64)READ(task, cred, user_ns);

	if (!slot)
		return 0;
	keep_id_map(slot->users, space + bpf_core_field_offset(struct user_namespace, uid_map));
	keep_id_map(slot->groups, space + bpf_core_field_offset(struct user_namespace, gid_map));
	return 0;
}

/* An id that the container does not have stays the host's. Weak: see LOOP_BATCH. */
__weak u32 id_inside(u32 number, u64 container, u32 id, u32 is_group)
{
	struct snug_slot *slot = bpf_map_lookup_elem(&slots, &number);

	if (!slot || slot->container != container)
		return id;
	for (int i = 0; i < SNUG_ID_RANGES; i++) {
		struct snug_id_range *range = is_group ? &slot->groups[i] : &slot->users[i];

		if (id - range->outside < range->count)
			return range->inside + (id - range->outside);
	}
	return id;
}

static __always_inline u32 uid_inside(const struct snug_task *state, u32 uid)
{
	return id_inside(state->slot, state->container, uid, 0);
}

static __always_inline u32 gid_inside(const struct snug_task *state, u32 gid)
{
	return id_inside(state->slot, state->container, gid, 1);
}

/* What the process is called in its own PID namespace, as `getpid` gives it. */
static __always_inline u32 vpid_of(struct task_struct *task)
{
	u64 pid = (u64)READ(task, group_leader, thread_pid);
	u64 innermost = pid + bpf_core_field_offset(struct pid, numbers) +
			FIELD_AT(struct pid, pid, level) * bpf_core_type_size(struct upid);

	return FIELD_AT(struct upid, innermost, nr);
}

#endif
