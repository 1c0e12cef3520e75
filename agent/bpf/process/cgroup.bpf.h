/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Containers come and go as cgroups: one is known as soon as its cgroup is made, before it has a
 * process. Only the v2 hierarchy counts; where Docker uses v1 controllers it makes its cgroups
 * there too. A watched unit of systemd is a container as well.
 */
#ifndef SNUG_CGROUP_H
#define SNUG_CGROUP_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "hash.h"
#include "lib/container.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

#define LEAF_MAX 128

/* Looks for exactly 64 hex digits in a row. */
static int leaf_step(u32 index, struct scratch **scratch)
{
	struct leaf *leaf = &(*scratch)->leaf;
	char c;

	if (index >= LEAF_MAX)
		return 1;
	c = (*scratch)->string[index];
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
		leaf->run++;
		return 0;
	}
	if (leaf->run == SNUG_ID_LEN) {
		leaf->found = 1;
		leaf->at = index - SNUG_ID_LEN;
		return 1;
	}
	leaf->run = 0;
	return !c;
}

LONG_LOOP_STEP(leaf_step)

/* The id of a container in the name of its cgroup: its place in `string`, in `leaf`. */
static __always_inline bool find_id(struct scratch *scratch, const struct cgroup *cgroup)
{
	struct leaf *leaf = &scratch->leaf;

	__builtin_memset(scratch->string, 0, LEAF_MAX);
	if (bpf_probe_read_kernel_str(scratch->string, LEAF_MAX, cgroup->kn->name) < SNUG_ID_LEN)
		return false;
	__builtin_memset(leaf, 0, sizeof(*leaf));
	LOOP(LEAF_MAX, leaf_step, scratch);
	return leaf->found;
}

static int unit_step(u32 index, struct scratch **scratch)
{
	u8 byte = index < SNUG_CGROUP_MAX ? (*scratch)->string[index] : 0;

	if (!byte)
		return 1;
	snug_unit_read(&unit_patterns, &(*scratch)->unit_search, byte);
	return 0;
}

LONG_LOOP_STEP(unit_step)

/* Whether it is of a watched unit, whose id is then as `find_id` leaves one. */
static __noinline bool find_unit(struct scratch *scratch, u64 cgroup, u64 path)
{
	long size;

	if (!scratch)
		return false;
	size = bpf_probe_read_kernel_str(scratch->string, SNUG_CGROUP_MAX, (void *)path);
	/* One that fills the room may be cut. */
	if (size <= 0 || size >= SNUG_CGROUP_MAX)
		return false;
	__builtin_memset(&scratch->unit_search, 0, sizeof(scratch->unit_search));
	LOOP(SNUG_CGROUP_MAX, unit_step, scratch);
	if (!snug_unit_found(&unit_patterns, &scratch->unit_search))
		return false;
	snug_unit_id(&unit_keys, cgroup, (char *)scratch->string);
	scratch->leaf.at = 0;
	return true;
}

static __always_inline bool is_monitor(const char *name)
{
	const char crio[] = "crio-conmon-", libpod[] = "libpod-conmon-";

	return !__builtin_memcmp(name, crio, sizeof(crio) - 1) ||
	       !__builtin_memcmp(name, libpod, sizeof(libpod) - 1);
}

/* A pod of Podman has a slice with its id, around the scopes of its containers. */
static __always_inline bool is_pod(const struct scratch *scratch, u32 at)
{
	const char pod[] = "libpod_pod_";
	const u32 size = sizeof(pod) - 1;

	return at >= size &&
	       !__builtin_memcmp(&scratch->string[(at - size) & (LEAF_MAX - 1)], pod, size);
}

/* The self-test of another sensor (selftest.c) is not a container. */
static __always_inline bool is_selftest(struct scratch *scratch, const char *path)
{
	const char prefix[] = SNUG_SELFTEST_PATH;
	char *start = (char *)&scratch->string[LEAF_MAX];

	return bpf_probe_read_kernel_str(start, sizeof(prefix), path) == sizeof(prefix) &&
	       !__builtin_memcmp(start, prefix, sizeof(prefix) - 1);
}

static __always_inline void report_container(u16 type, u32 number, const struct snug_slot *slot,
					     u64 time)
{
	struct snug_container *record;
	void *ring = this_ring();

	/* Where this gets lost the sensor finds out by itself: the slot is the truth. */
	record = ring ? bpf_ringbuf_reserve(ring, sizeof(*record), 0) : 0;
	if (!record) {
		control.containers_lost = 1;
		return;
	}
	fill_head(&record->head, type, sizeof(*record));
	record->time = time;
	record->container = slot->container;
	record->slot = number;
	record->before = 0;
	__builtin_memcpy(record->id, slot->id, sizeof(record->id));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	wake(ring);
}

static __always_inline u64 v2_id(const struct cgroup *cgroup)
{
	return cgroup->root->hierarchy_id ? 0 : cgroup->kn->id;
}

/*
 * Why this hook: a container's cgroup exists before its first process, and its name has the
 * container's id.
 */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	struct scratch *scratch = scratch_of(SCRATCH_CGROUP);
	struct leaf *leaf;
	bool unit = false;
	struct snug_expected_container *expect;
	struct snug_slot *slot;
	u64 id = v2_id(cgroup);
	u32 number;

	if (!id || !scratch || !is_acting_generation(0, OLDER_FIRST) ||
	    container_of_cgroup((u64)cgroup))
		return 0;
	leaf = &scratch->leaf;
	if (find_id(scratch, cgroup)) {
		if (is_monitor((const char *)scratch->string) || is_pod(scratch, leaf->at))
			return 0;
	} else {
		unit = watches_units && find_unit(scratch, id, (u64)path);
		if (!unit)
			return 0;
	}
	expect = bpf_map_lookup_elem(&expected, &scratch->string[leaf->at & (LEAF_MAX - 1)]);
	if (!expect && is_selftest(scratch, path))
		return 0;

	if (cgroup->level > SNUG_CGROUP_LEVELS) {
		COUNT(dropped[SNUG_DROP_CONTAINER]);
		return 0;
	}
	if (bpf_map_pop_elem(&free_slots, &number)) {
		COUNT(dropped[SNUG_DROP_CONTAINER]);
		number = SNUG_NO_SLOT;
		bpf_map_update_elem(&cgroups, &id, &number, BPF_ANY);
		return 0;
	}
	slot = bpf_map_lookup_elem(&slots, &number);
	if (!slot)
		return 0;
	slot->container = id;
	slot->salt = SNUG_MIX(keys, id, bpf_ktime_get_ns());
	slot->scope = SNUG_PRIVATE_SCOPE | slot->salt;
	slot->root = 0;
	slot->layer = 0;
	slot->began = bpf_ktime_get_ns();
	slot->ended = 0;
	slot->assigned = 0;
	slot->dropped = 0;
	slot->dropped_reported = 0;
	slot->started = 0;
	slot->before = 0;
	slot->seen = 0;
	slot->resolvers_known = 0;
	slot->answers_itself = 0;
	slot->may_forge = 0;
	slot->unit = unit;
	__builtin_memset(slot->users, 0, sizeof(slot->users));
	__builtin_memset(slot->groups, 0, sizeof(slot->groups));
	__builtin_memcpy(slot->id, &scratch->string[leaf->at & (LEAF_MAX - 1)], SNUG_ID_LEN);
	if (expect) {
		slot->scope = expect->scope;
		slot->assignment = expect->assignment;
		if (slot->assignment.traits & SNUG_HOLDS)
			control.holding = 1;
	} else {
		__builtin_memset(&slot->assignment, 0, sizeof(slot->assignment));
	}
	bpf_probe_read_kernel_str(slot->path, sizeof(slot->path), path);
	slot->state = SNUG_SLOT_LIVE;
	if (bpf_map_update_elem(&cgroups, &id, &number, BPF_ANY))
		COUNT(dropped[SNUG_DROP_CONTAINER]);
	report_container(SNUG_CONTAINER, number, slot, slot->began);
	return 0;
}

/*
 * Why this hook: the kernel removes a cgroup after its last process, so no event comes after it.
 */
SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	struct snug_slot *slot;
	u64 id = v2_id(cgroup);
	u32 number, *found;

	if (!is_acting_generation(0, OLDER_FIRST))
		return 0;
	found = id ? bpf_map_lookup_elem(&cgroups, &id) : 0;
	if (!found)
		return 0;
	number = *found;
	bpf_map_delete_elem(&cgroups, &id);
	slot = bpf_map_lookup_elem(&slots, &number);
	if (!slot || slot->container != id)
		return 0;
	slot->ended = bpf_ktime_get_ns();
	slot->state = SNUG_SLOT_ENDED;
	report_container(SNUG_CONTAINER_END, number, slot, slot->ended);
	return 0;
}

/*
 * Why this hook: who logs in is a process of the unit that listens (sshd), until systemd moves it
 * to a session. A process of the unit that moves itself or another one stays the unit's.
 */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *to, const char *path, struct task_struct *task)
{
	struct snug_task *state = v2_id(to) ? find_state(task) : 0;
	struct snug_slot *slot = state ? slot_of(state) : 0;
	u32 *number;

	if (!state || !slot || slot->container != state->container || !slot->unit ||
	    !is_acting_generation(0, OLDER_FIRST) || find_state(bpf_get_current_task_btf()))
		return 0;
	number = container_of_cgroup((u64)to);
	if (!number || *number != state->slot)
		drop_state(task);
	return 0;
}

#endif
