/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the kernel has BPF LSM: the same events by the same judge, before they happen. A refused
 * one gets EPERM and has no effect.
 *
 * Paths come from what the kernel resolved, never from the caller's string: no other thread can
 * change them in between. An exec that is allowed is reported by sched_process_exec, with its
 * arguments; here it is only refused.
 */
#ifndef SNUG_LSM_H
#define SNUG_LSM_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/syscall.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

/*
 * These programs can be preempted, by their own kind too, and stay on their processor: there is one
 * scratch for each depth. Where all are in use, an event passes unjudged and is counted as lost.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} lsm_busy SEC(".maps");

#ifndef SNUG_PORTABLE
static __always_inline struct lsm_scratch *acquire_scratch(const struct snug_task *state,
							   u32 *depth)
{
	u32 key = 0;
	u64 *busy = bpf_map_lookup_elem(&lsm_busy, &key);

	/* A separate counter: the verifier before Linux 6.4 does not track one that is a key. */
	for (u32 at = 0; busy && at < LSM_DEPTH; at++)
		if (!(__sync_fetch_and_or(busy, 1ull << at) & 1ull << at)) {
			*depth = key = at;
			return bpf_map_lookup_elem(&lsm_scratches, &key);
		}
	COUNT(received);
	count_drop(state ? slot_of(state) : 0, SNUG_DROP_TASK);
	return 0;
}

static __always_inline void release_scratch(u32 depth)
{
	u32 key = 0;
	u64 *busy = bpf_map_lookup_elem(&lsm_busy, &key);

	if (busy)
		__sync_fetch_and_and(busy, ~(1ull << depth));
}
#else
/* Without atomic operations on a processor's own bits: all processors take from one stack. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, LSM_DEPTH);
	__type(value, u32);
} free_scratches SEC(".maps");

static __always_inline struct lsm_scratch *acquire_scratch(const struct snug_task *state,
							   u32 *depth)
{
	struct lsm_scratch *lsm_scratch;

	if (!bpf_map_pop_elem(&free_scratches, depth)) {
		lsm_scratch = bpf_map_lookup_elem(&lsm_scratches, depth);
		if (lsm_scratch)
			lsm_scratch->scratch.number = SCRATCHES + *depth;
		return lsm_scratch;
	}
	COUNT(received);
	count_drop(state ? slot_of(state) : 0, SNUG_DROP_TASK);
	return 0;
}

static __always_inline void release_scratch(u32 depth)
{
	bpf_map_push_elem(&free_scratches, &depth, BPF_ANY);
}
#endif

/*
 * The verifier wants to see two values here; the compiler would rather calculate one from the
 * condition.
 */
#define REFUSE_IF(condition)                \
	({                                  \
		int refusal_ = -EPERM;      \
		barrier_var(refusal_);      \
		(condition) ? refusal_ : 0; \
	})

/* The state of a container's process, where this is these programs' to judge. */
static __always_inline struct snug_task *acting_state(struct task_struct *task)
{
	struct snug_task *state = state_of(task);

	return state && is_acting_generation(state, NEWER_FIRST) ? state : 0;
}

#endif
