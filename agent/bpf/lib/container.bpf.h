/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which container a cgroup is of: that whose cgroup it is, or lies below. Only containers have
 * entries, so a container that makes cgroups takes no room.
 */
#ifndef SNUG_CONTAINER_H
#define SNUG_CONTAINER_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "lib/maps.bpf.h"
#include "shared.h"

static __always_inline u64 id_at(u64 cgroup)
{
	return FIELD_AT(struct kernfs_node, FIELD_AT(struct cgroup, cgroup, kn), id);
}

static __always_inline u64 ancestor_id(u64 cgroup, u32 level)
{
	u64 at = cgroup + level * sizeof(u64), value = 0;
	bool by_pointer = bpf_core_field_exists(struct cgroup___since_6_1, ancestors);

	at += by_pointer ? bpf_core_field_offset(struct cgroup___since_6_1, ancestors) :
			   bpf_core_field_offset(struct cgroup___before_6_1, ancestor_ids);
	bpf_probe_read_kernel(&value, sizeof(value), (void *)at);
	return by_pointer ? id_at(value) : value;
}

/*
 * From the top: how deep a container's own cgroup lies is the engine's choice, how deep those below
 * it lie is the container's.
 */
static __noinline u32 *container_of_cgroup(u64 cgroup)
{
	u32 depth = FIELD_AT(struct cgroup, cgroup, level), *number;
	u64 id;

	for (u32 level = 1; level <= SNUG_CGROUP_LEVELS; level++) {
		if (level > depth)
			break;
		id = ancestor_id(cgroup, level);
		number = bpf_map_lookup_elem(&cgroups, &id);
		if (number)
			return number;
	}
	return 0;
}

static __always_inline u32 *container_of_task(struct task_struct *task)
{
	return container_of_cgroup((u64)READ(task, cgroups, dfl_cgrp));
}

#endif
