/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the kernel has BPF LSM: the same events by the same judge, before they happen. A refused
 * one gets EPERM and has no effect.
 *
 * Paths come from what the kernel resolved, never from the caller's string: no other thread can
 * change them in between. An exec that is allowed is reported by sched_process_exec, with its
 * arguments; here it is only refused.
 */
#ifndef SNUG_SECURITY_H
#define SNUG_SECURITY_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

/*
 * These programs can be preempted, by their own kind too, and stay on their processor: there is one
 * scratch for each depth. A crowd of processes can use up any number of them. So one container gets
 * no more than its share of a processor's, and what then cannot be judged is refused where its
 * version blocks, see `unjudged`.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} lsm_busy SEC(".maps");

#ifndef SNUG_PORTABLE
static __always_inline void release_scratch(u32 depth)
{
	u32 key = 0;
	u64 *busy = bpf_map_lookup_elem(&lsm_busy, &key);

	if (busy)
		__sync_fetch_and_and(busy, ~(1ull << depth));
}

/* `below`: those that are in use. */
static __noinline bool has_its_share(u64 container, u32 below)
{
	u32 count = 0;

	/* A separate counter: the verifier before Linux 6.4 does not track one that is a key. */
	for (u32 at = 0; at < LSM_DEPTH && at < below; at++) {
		u32 key = at;
		struct lsm_scratch *other = bpf_map_lookup_elem(&lsm_scratches, &key);

		count += other && other->owner == container;
	}
	return count >= LSM_SHARE;
}

/* Not inlined: what it needs would be on the stack of each hook. */
static __noinline struct lsm_scratch *acquire_scratch(const struct snug_task *state, u32 *depth)
{
	u64 container = state ? state->container : 0;
	struct lsm_scratch *lsm_scratch;
	u32 key = 0;
	u64 *busy = bpf_map_lookup_elem(&lsm_busy, &key);

	for (u32 at = 0; busy && at < LSM_DEPTH; at++) {
		if (__sync_fetch_and_or(busy, 1ull << at) & 1ull << at)
			continue;
		*depth = key = at;
		lsm_scratch = bpf_map_lookup_elem(&lsm_scratches, &key);
		if (at < LSM_SHARE || !has_its_share(container, at)) {
			if (lsm_scratch)
				lsm_scratch->owner = container;
			return lsm_scratch;
		}
		release_scratch(at);
		break;
	}
	COUNT(received);
	count_drop(state ? slot_of(state) : 0, SNUG_DROP_TASK);
	return 0;
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

/*
 * Whether an event that no scratch was left for must not happen. Not inlined: the verdict would be
 * on the stack of each hook.
 */
static __noinline int unjudged(const struct snug_task *state, u8 kind)
{
	struct verdict verdict = {};
	struct snug_slot *slot = state ? slot_of(state) : 0;

	if (slot && slot->container == state->container)
		load_policy(slot, &verdict);
	verdict.kind = kind;
	verdict.refusing = SNUG_HOLD_CHANGES;
	verdict.deviates = is_refused_by_hold(&verdict) ? DEVIATES_HELD : DEVIATES;
	return REFUSE_IF(must_stop(&verdict));
}

/*
 * By fmod_ret the kernel leaves out a program on a processor where it interrupted another process
 * in it. A probe behind the hook, in the kernel's function itself, then judges what was left out.
 * It is not interrupted, so the kernel leaves it out only where it interrupted the sensor in a
 * change of a map. It comes too late to refuse.
 */
#define CATCH(name, refused)                        \
	SEC("kprobe")                               \
	int catch_##name(struct pt_regs *registers) \
	{                                           \
		if (refused)                        \
			kill_current();             \
		return 0;                           \
	}
/* For changes of names: to kill the process would undo nothing. */
#define CATCH_ALIVE(name, ...)                      \
	SEC("kprobe")                               \
	int catch_##name(struct pt_regs *registers) \
	{                                           \
		__VA_ARGS__;                        \
		return 0;                           \
	}

/* The state of a container's process, where this is these programs' to judge. */
static __always_inline struct snug_task *acting_state(struct task_struct *task)
{
	struct snug_task *state = state_of(task);

	return state && is_acting_generation(state, NEWER_FIRST) ? state : 0;
}

#endif
