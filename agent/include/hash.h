/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keyed 64-bit hash of names and behaviours, the same in the kernel and here.
 *
 * The multipliers are secret and random. One multiplication is not enough: a difference in the top
 * bit goes through it unchanged, whatever the key, and the next word could take it back, so that a
 * container could make two names that collide under every key. The shift between two of them takes
 * the top bit to where the second key spreads it.
 */
#ifndef SNUG_HASH_H
#define SNUG_HASH_H

struct snug_keys {
	__u64 seed;
	__u64 a; /* a, b and c are odd */
	__u64 b;
	__u64 c;
};

#define SNUG_MIX(keys, hash, word)                         \
	({                                                 \
		__u64 mix_ = ((hash) ^ (word)) * (keys).a; \
		mix_ ^= mix_ >> 32;                        \
		mix_ *= (keys).b;                          \
		mix_ ^ (mix_ >> 29);                       \
	})

/* The length goes in too: `ab/cd` and `abcd` must differ where a name fills its words. */
#define SNUG_MIX_LEN(keys, hash, len) ((hash) + ((__u64)(len) + 1) * (keys).c)

#endif
