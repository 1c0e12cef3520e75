/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which cgroups are of watched systemd units. The kernel asks as a cgroup is made, and the sensor
 * of those that exist, both by this code.
 *
 * All patterns are one set of places, a bit each: a place in a pattern stands for what of it has
 * matched. A byte moves all places on at once, so the work does not depend on the patterns. `*` is
 * a place that any byte leaves as it is.
 */
#ifndef SNUG_UNIT_H
#define SNUG_UNIT_H

#include "hash.h"

#define SNUG_UNIT_WORDS 8 /* of 64 places; no pattern crosses from one into the next */

/* The first two patterns: what a unit's cgroup lies in, and what it is called. */
#define SNUG_UNIT_SLICE "*.slice"
#define SNUG_UNIT_SERVICE "*.service"
#define SNUG_UNIT_IS_SLICE (1ull << 6)
#define SNUG_UNIT_IS_SERVICE (1ull << 15)

struct snug_unit_patterns {
	__u64 takes[256][SNUG_UNIT_WORDS]; /* the places that this byte moves on from */
	__u64 stays[SNUG_UNIT_WORDS];
	__u64 begins[SNUG_UNIT_WORDS];
	__u64 ends[SNUG_UNIT_WORDS]; /* without those of the first two */
};

/* The reading of a cgroup's path. */
struct snug_unit_search {
	__u64 places[SNUG_UNIT_WORDS]; /* in the last part of it so far */
	__u32 parts;
	__u32 failed;
};

/*
 * One more byte of the path. Above a unit there are slices only: what is below a unit or a scope,
 * its processes may have made and named.
 */
static inline void snug_unit_read(const volatile struct snug_unit_patterns *patterns,
				  struct snug_unit_search *search, unsigned char byte)
{
	__u64 at;

	if (byte != '/') {
		for (int i = 0; i < SNUG_UNIT_WORDS; i++) {
			at = search->places[i];
			search->places[i] = (at & patterns->takes[byte][i]) << 1 |
					    (at & patterns->stays[i]);
		}
		return;
	}
	if (search->parts++ && !(search->places[0] & SNUG_UNIT_IS_SLICE))
		search->failed = 1;
	for (int i = 0; i < SNUG_UNIT_WORDS; i++)
		search->places[i] = patterns->begins[i];
}

static inline _Bool snug_unit_found(const volatile struct snug_unit_patterns *patterns,
				    const struct snug_unit_search *search)
{
	__u64 found = 0;

	for (int i = 0; i < SNUG_UNIT_WORDS; i++)
		found |= search->places[i] & patterns->ends[i];
	return found && !search->failed && search->places[0] & SNUG_UNIT_IS_SERVICE;
}

/*
 * The id of one run of a unit, of 64 hex digits. The kernel gives a cgroup's number once until the
 * host starts again; the keys are of this start.
 */
static inline void snug_unit_id(const volatile struct snug_keys *keys, __u64 cgroup, char *id)
{
	for (int word = 0; word < 4; word++) {
		__u64 hash = SNUG_MIX(*keys, keys->seed + word, cgroup);

		for (int i = 0; i < 16; i++)
			id[word * 16 + i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
	}
}

#endif
