/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keyed 64-bit hash of names and behaviours, the same in the kernel and in user space.
 *
 * The multipliers are secret and random. One multiplication is not enough: a difference in the top
 * bit passes it unchanged under every key, and the next 8 bytes could cancel it. A container could
 * then make two names that collide under every key. The shift between the two multiplications moves
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

/*
 * The length is part of the hash: `ab/cd` and `abcd` must differ where a name fills all of its 8
 * bytes.
 */
#define SNUG_MIX_LEN(keys, hash, len) ((hash) + ((__u64)(len) + 1) * (keys).c)

#endif
