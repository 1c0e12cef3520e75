/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of profiles. Which version has which profile is the caller's concern. */
#ifndef SNUG_PROFILE_H
#define SNUG_PROFILE_H

#include "sensor/agent.h"

struct profile_failure {
	__u32 reason; /* snug_profile_failure; 0: none */
	char text[124];
};

/*
 * A draft is made under an index that its caller chooses, a version's, and becomes a profile with a
 * number. Parts for an index without a draft have no effect. What returns a bool is false for a
 * command that is not well formed.
 */
void profile_begin(__u32 index, const struct snug_profile *command);
bool profile_rules(struct agent *agent, __u32 index, const struct snug_rules *command, size_t size);
bool profile_states(__u32 index, const struct snug_states *command, size_t size);
bool profile_prefixes(__u32 index, const struct snug_prefixes *command, size_t size);
/*
 * The number of the profile, which is whole in the kernel then; 0 where it failed. To be called
 * where a draft is open.
 */
__u32 profile_end(struct agent *agent, __u32 index, struct profile_failure *failure);
bool profile_is_open(__u32 index);
/* The serial with which the last draft began. */
__u64 profile_serial(__u32 index);
void profile_discard(__u32 index);
void profile_used(__u32 number);
/* Its tables go with the next change: until then a program may still look into them. */
void profile_replaced(__u32 number);
/* Removes tables that no version uses: their sensor ended while it made them. */
void profiles_takeover(struct agent *agent);

#endif
