/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which programs act. The maps outlive the sensor, and so do the programs that it attached; another sensor puts its own
 * beside them, and then turns one word. Each act is to be one generation's, also that which is under way at this
 * moment: of the two programs on a hook the one that runs first leaves word in the process's state, and the other
 * goes by it.
 */
#ifndef SNUG_TURN_H
#define SNUG_TURN_H

#include "lib/maps.bpf.h"

const volatile u32 own_turn = 1;

enum turn_order {
	OLDER_FIRST = 0,	/* tracepoints, cgroup hooks */
	NEWER_FIRST = 1,	/* trampolines: LSM hooks */
};

static __always_inline bool handed_over(struct snug_task *state, u32 turn, enum turn_order order)
{
	u32 now = turn & ~SNUG_HANDOVER, next = control.next;
	bool newer = own_turn == next, first = newer == (order == NEWER_FIRST);

	if (!state)
		return now == own_turn;
	if (first) {
		state->turn = now;
		return now == own_turn;
	}
	return newer == (state->turn == next);
}

/* True where this act is this program's. `state`: of the process that acts, where it has one already. */
static __always_inline bool my_turn(struct snug_task *state, enum turn_order order)
{
	u32 turn = *(volatile u32 *)&control.turn;

	if (turn == own_turn)
		return true;
	return turn & SNUG_HANDOVER && handed_over(state, turn, order);
}

#endif
