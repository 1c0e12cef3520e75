/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which generation of programs handles events. Maps and attached programs outlive the sensor. The
 * next sensor attaches its programs beside them and then changes one number. INVARIANT: exactly one
 * generation handles each event, also those under way at that moment. Of the two programs on a
 * hook, the first to run records its choice in the process's state, and the other follows it.
 */
#ifndef SNUG_GENERATION_H
#define SNUG_GENERATION_H

#include "lib/kernel.h"
#include "lib/maps.bpf.h"
#include "shared.h"

const volatile u32 own_generation = 1;

enum attach_order {
	OLDER_FIRST = 0, /* tracepoints, cgroup hooks */
	NEWER_FIRST = 1, /* trampolines: LSM hooks */
};

static __always_inline bool decide_takeover(struct snug_task *state, u32 generation,
					    enum attach_order order)
{
	u32 active = generation & ~SNUG_TAKEOVER, next = control.next_generation;
	bool newer = own_generation == next, first = newer == (order == NEWER_FIRST);

	if (!state)
		return active == own_generation;
	if (first) {
		state->generation = active;
		return active == own_generation;
	}
	return newer == (state->generation == next);
}

/* True where this program handles the event. `state`: of the current process, where it has one. */
static __always_inline bool is_acting_generation(struct snug_task *state, enum attach_order order)
{
	u32 generation = *(volatile u32 *)&control.generation;

	if (generation == own_generation)
		return true;
	return generation & SNUG_TAKEOVER && decide_takeover(state, generation, order);
}

#endif
