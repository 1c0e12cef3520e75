/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which programs act. The maps outlive the sensor, and so do the programs that it attached; another
 * sensor puts its own beside them, and then turns one word. Each act is to be one generation's,
 * also that which is under way at this moment: of the two programs on a hook the one that runs
 * first leaves word in the process's state, and the other goes by it.
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

/*
 * True where this act is this program's. `state`: of the process that acts, where it has one
 * already.
 */
static __always_inline bool is_acting_generation(struct snug_task *state, enum attach_order order)
{
	u32 generation = *(volatile u32 *)&control.generation;

	if (generation == own_generation)
		return true;
	return generation & SNUG_TAKEOVER && decide_takeover(state, generation, order);
}

#endif
