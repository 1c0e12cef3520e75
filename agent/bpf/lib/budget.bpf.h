/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The block budget: it limits the damage of a wrong profile, and must not help an attacker.
 *
 * A wrong profile shows in most containers of a version, again and again; an attack shows in few,
 * or once in each. So a stopped behaviour counts if another container showed the same, or if its
 * container showed several of its kind. Once more than the budget of one kind count within a
 * minute, and more than half of the version's blocked containers showed them, that kind only
 * alerts.
 */
#ifndef SNUG_BUDGET_H
#define SNUG_BUDGET_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hash.h"
#include "lib/maps.bpf.h"
#include "shared.h"

/* So many different behaviours of one kind in one container count. */
#define BUDGET_SEVERAL 3

/* A kind in a container, or a behaviour: what of it was stopped in this window. */
struct budget_entry {
	u64 container; /* of a behaviour: the first that showed it */
	u32 stopped;
	u32 counted; /* the container is among those of the kind */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_BUDGETS);
	__type(key, u64);
	__type(value, struct budget_entry);
} budgets SEC(".maps");

struct blocked_containers {
	u32 version;
	u32 count;
};

static __always_inline bool is_blocked(u32 index, u32 version)
{
	struct snug_slot *slot = bpf_map_lookup_elem(&slots, &index);

	return slot && slot->state == SNUG_SLOT_LIVE && slot->assignment.version == version &&
	       slot->assignment.traits & SNUG_ENFORCED;
}

#ifndef SNUG_PORTABLE
static int blocked_step(u32 index, struct blocked_containers *blocked)
{
	blocked->count += is_blocked(index, blocked->version);
	return 0;
}

static __always_inline void count_blocked(struct blocked_containers *blocked)
{
	bpf_loop(SNUG_SLOTS, blocked_step, blocked, 0);
}
#else
__noinline __weak u32 count_blocked_from(u32 from, u32 version)
{
	u32 count = 0;

	for (u32 i = 0; i < LOOP_BATCH; i++)
		count += is_blocked(from + i, version);
	return count;
}

static __always_inline void count_blocked(struct blocked_containers *blocked)
{
	for (u32 i = 0; i < SNUG_SLOTS; i += LOOP_BATCH)
		blocked->count += count_blocked_from(i, blocked->version);
}
#endif

/*
 * Atomic, beside what the sensor sets meanwhile. Without an operation for that, the first to enter
 * it among the budget's entries adds the bit.
 */
static __always_inline void disarm(struct snug_version *version, u64 window, u32 kind)
{
#ifndef SNUG_PORTABLE
	__sync_fetch_and_or(&version->policy_state, SNUG_POLICY_DISARMED_KIND(kind));
#else
	u64 key = SNUG_MIX(keys, window, version->policy_state | SNUG_POLICY_DISARMED_KIND(kind));
	struct budget_entry once = {};

	if (!(version->policy_state & SNUG_POLICY_DISARMED_KIND(kind)) &&
	    !bpf_map_update_elem(&budgets, &key, &once, BPF_NOEXIST))
		__sync_fetch_and_add(&version->policy_state, SNUG_POLICY_DISARMED_KIND(kind));
#endif
}

/* Not inlined: its entry would be in each frame of a chain of calls, which shares 512 bytes. */
static __noinline struct budget_entry *budget_of(u64 key, u64 container)
{
	struct budget_entry fresh = { .container = container };
	struct budget_entry *found = bpf_map_lookup_elem(&budgets, &key);

	if (found)
		return found;
	bpf_map_update_elem(&budgets, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&budgets, &key);
}

static __always_inline void count_container(struct snug_version *version, u64 window, u32 kind,
					    u64 container)
{
	struct budget_entry *entry = budget_of(SNUG_MIX(keys, window + kind, container), container);

	if (entry && !__sync_lock_test_and_set(&entry->counted, 1))
		__sync_fetch_and_add(&version->deviating[kind & 7], 1);
}

/*
 * A behaviour was stopped in a container for the first time; `index`: of the version, from 0. True
 * where its kind is not to be stopped any more.
 */
static __noinline bool spend_budget(struct snug_version *version, u32 index, u64 container,
				    u64 behaviour, u32 kind)
{
	struct blocked_containers blocked = { .version = index + 1 };
	u64 now = bpf_ktime_get_ns(), window;
	struct budget_entry *shown, *here;
	u32 stopped, weight = 1;

	if (!version)
		return false;
	if (now - version->window >= SNUG_BUDGET_WINDOW) {
		version->window = now;
		__builtin_memset(version->spent, 0, sizeof(version->spent));
		__builtin_memset(version->deviating, 0, sizeof(version->deviating));
	}
	window = SNUG_MIX(keys, version->scope, version->window);
	here = budget_of(SNUG_MIX(keys, window + kind, container), container);
	shown = budget_of(SNUG_MIX(keys, window, behaviour), container);
	if (!here || !shown)
		return false;
	stopped = __sync_fetch_and_add(&here->stopped, 1) + 1;
	if (shown->container != container) {
		count_container(version, window, kind, shown->container);
	} else if (stopped < BUDGET_SEVERAL) {
		return false;
	} else if (stopped == BUDGET_SEVERAL) {
		weight = BUDGET_SEVERAL;
	}
	count_container(version, window, kind, container);
	if (__sync_fetch_and_add(&version->spent[kind & 7], weight) + weight <= version->budget)
		return false;
	count_blocked(&blocked);
	if (version->deviating[kind & 7] * 2 <= blocked.count)
		return false;
	disarm(version, window, kind);
	control.disarmed = 1;
	return true;
}

#endif
