/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the judge decides on one event. */
#ifndef SNUG_VERDICT_H
#define SNUG_VERDICT_H

#include "lib/kernel.h"

/* What rules read and decide. */
struct ruling {
	u64 seen_key; /* in `seen` */
	u64 salt;
	u64 policy_state; /* of its version; 0: there is none */
	u64 tags[2];
	u32 deviates; /* enum deviation */
	u32 by_rules; /* counted by the rules that allow it, not by what it is */
};

/*
 * The outcome for one event. Without pointers: so a global function can have it, which the verifier
 * checks once and not for each call.
 */
struct verdict {
	union {
		struct ruling;
		struct ruling ruling;
	};
	u64 key;
	u32 slot;
	u32 version; /* its number, from 1; 0: there is none */
	u8 kind;     /* snug_kind */
	u8 refused;  /* permissions refused it: it spends no budget */
	u8 block;    /* a deviation of this container is to be stopped now */
	u8 refusing; /* the holds of a container that refuse this (snug_trait) */
};

#endif
