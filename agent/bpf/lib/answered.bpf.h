/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The addresses that DNS answers gave to names, for each container. Each container has places of
 * its own: one that asks for thousands of names takes none of another. A name holds until another
 * answer has the address, or other addresses need its place.
 */
#ifndef SNUG_ANSWERED_H
#define SNUG_ANSWERED_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "hash.h"
#include "lib/maps.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "rule_key.h"
#include "shared.h"

/*
 * The compiler may let a loop fall into its own beginning, which verifiers before Linux 6.18 do not
 * take.
 */
#define UNROLLED _Pragma("unroll")

static __always_inline struct snug_answered_set *answered_set(u32 slot, u64 key)
{
	u32 at = slot * SNUG_ANSWERED_SETS + (key & (SNUG_ANSWERED_SETS - 1));

	return bpf_map_lookup_elem(&answered, &at);
}

/* Whether the place has this address. */
static __always_inline bool is_answered(const volatile struct snug_answered *place, u64 key)
{
	u64 name = place->name;

	return name && place->check == SNUG_ANSWERED_CHECK(keys, key, name, place->wildcard,
							   place->resolver);
}

static __always_inline bool is_resolver(const struct snug_slot *slot, u64 resolver)
{
	UNROLLED
	for (int i = 0; i < SNUG_RESOLVERS; i++)
		if (slot->resolvers[i] == resolver)
			return true;
	return false;
}

static __always_inline void put_answered(volatile struct snug_answered *place, u64 key,
					 const struct naming *naming)
{
	u64 name = naming->name, wildcard = naming->wildcard, resolver = naming->resolver;

	place->name = name;
	place->wildcard = wildcard;
	place->resolver = resolver;
	place->check = SNUG_ANSWERED_CHECK(keys, key, name, wildcard, resolver);
}

/*
 * The last answer of the container's resolvers counts. While they are not known, an answer takes
 * the place of one of the same sender only.
 */
static __always_inline bool renew_answered(struct snug_answered_set *set,
					   const struct naming *naming, u64 key)
{
	bool renewed = false;

	UNROLLED
	for (int i = 0; i < SNUG_ANSWERED_PLACES; i++) {
		volatile struct snug_answered *place = &set->places[i];

		if (!is_answered(place, key) ||
		    (naming->any_resolver && place->resolver != naming->resolver))
			continue;
		if (renewed)
			place->name = 0;
		else
			put_answered(place, key, naming);
		renewed = true;
	}
	return renewed;
}

/* False where the place that is next has to stay. */
static __noinline bool take_next(struct snug_answered_set *set, const struct naming *naming,
				 u64 key)
{
	u32 number = __sync_fetch_and_add(&set->next, 1) & (SNUG_ANSWERED_TURN - 1);
	u32 bit = 1u << number;
	volatile struct snug_answered *place;

	if (number >= SNUG_ANSWERED_PLACES)
		return false;
	if (set->used & bit) {
		set->used &= ~bit;
		return false;
	}
	place = &set->places[number];
	put_answered(place, key, naming);
	return is_answered(place, key);
}

/* Of places that were not asked for since their last turn, the oldest goes. */
static __always_inline void insert_answered(struct snug_answered_set *set,
					    const struct naming *naming, u64 key)
{
	UNROLLED
	for (int i = 0; i < 2 * SNUG_ANSWERED_TURN; i++)
		if (take_next(set, naming, key))
			return;
}

static __always_inline int note_answered_in(struct scratch *scratch, u64 address)
{
	const struct naming *naming = &scratch->naming;
	u64 key = SNUG_ANSWERED_KEY(keys, naming->container, address);
	struct snug_answered_set *set = answered_set(naming->slot, key);

	if (set && !renew_answered(set, naming, key))
		insert_answered(set, naming, key);
	return 0;
}

/* The verifier checks this once, and not for each way to it. */
SCRATCH_FUNCTION(int, note_answered, AND(u64 address), AND(address))

enum named_by {
	NAMED_NOT = 0,
	NAMED_BY_ENGINE,
	NAMED_BY_ANSWER,
	NAMED_BY_ANYONE, /* an answer, before the container's resolvers are known */
};

struct peer_name {
	u64 hash;
	u32 by; /* enum named_by */
	u32 reserved;
};

/*
 * The hash of the name; 0: it has none. `known`: the container's resolvers are. Of numbers alone,
 * so that the verifier checks it once, and not for each way to it.
 */
__noinline __weak u64 answered_name(u32 number, u64 container, u64 address, u32 known)
{
	u64 key = SNUG_ANSWERED_KEY(keys, container, address);
	const struct snug_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct snug_answered_set *set = answered_set(number, key);

	if (!slot || !set)
		return 0;
	UNROLLED
	for (int i = 0; i < SNUG_ANSWERED_PLACES; i++) {
		const volatile struct snug_answered *place = &set->places[i];

		if (!is_answered(place, key) || (known && !is_resolver(slot, place->resolver)))
			continue;
		set->used |= 1u << i;
		return place->name;
	}
	return 0;
}

/* The hash of the wildcard that the name of the address is of; 0: of none. */
__noinline __weak u64 answered_wildcard(u32 number, u64 container, u64 address, u64 name)
{
	u64 key = SNUG_ANSWERED_KEY(keys, container, address);
	const struct snug_answered_set *set = answered_set(number, key);

	if (!set)
		return 0;
	UNROLLED
	for (int i = 0; i < SNUG_ANSWERED_PLACES; i++) {
		const volatile struct snug_answered *place = &set->places[i];
		u64 wildcard = place->wildcard;

		if (place->name == name && is_answered(place, key))
			return wildcard;
	}
	return 0;
}

/* `address`: its hash. */
static __always_inline void find_answered(const struct snug_task *state, u64 address,
					  struct peer_name *name)
{
	u32 number = state->slot, known;
	const struct snug_slot *slot = bpf_map_lookup_elem(&slots, &number);

	if (!slot || slot->container != state->container)
		return;
	known = *(volatile u32 *)&slot->resolvers_known;
	name->hash = answered_name(number, state->container, address, known);
	if (name->hash)
		name->by = known ? NAMED_BY_ANSWER : NAMED_BY_ANYONE;
}

#endif
