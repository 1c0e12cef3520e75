/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keys of a profile's rules. The sensor makes them from a rule, the kernel programs from an
 * event. Both use these macros, so the keys are the same.
 */
#ifndef SNUG_RULE_KEY_H
#define SNUG_RULE_KEY_H

#include "abi.h"
#include "hash.h"

/* Domain separators: without them different kinds of things would have the same hash. */
#define SNUG_DOMAIN_CUT 0x7475633aull
#define SNUG_DOMAIN_ALONE 0x656e6f6c61ull
#define SNUG_DOMAIN_ELSEWHERE 0x6572656877ull
#define SNUG_DOMAIN_NAME 0x656d616eull
#define SNUG_DOMAIN_UNIX 0x78696e75ull
#define SNUG_DOMAIN_OWN 0x6e776full
#define SNUG_DOMAIN_SET 0x746573ull
#define SNUG_DOMAIN_SHIPPED 0x70696873ull
#define SNUG_DOMAIN_RANGE 0x65676e6172ull
#define SNUG_DOMAIN_DNS 0x736e64ull

#define SNUG_RULE_ACTOR(keys, exe, script, uid, origin)                          \
	SNUG_MIX(keys, SNUG_MIX(keys, SNUG_MIX(keys, (keys).seed, exe), script), \
		 (__u64)(uid) << 8 | (origin))

/* `what` is the hash of a literal path, or of SNUG_RULE_SET. */
#define SNUG_RULE_FILE(keys, access, what) \
	SNUG_MIX(keys, (__u64)SNUG_FILE | (__u64)(access) << 8, what)
/* Of SNUG_MIX alone, a to b would be the pair b to a, and a to a the pair b to b. */
#define SNUG_RULE_PAIR(keys, path, to) SNUG_MIX(keys, SNUG_MIX(keys, (keys).seed, path), to)
#define SNUG_RULE_SET(keys, set) SNUG_MIX(keys, SNUG_DOMAIN_SET, (__u64)(set))
#define SNUG_RULE_SHIPPED(keys, path) SNUG_MIX(keys, SNUG_DOMAIN_SHIPPED, path)

#define SNUG_RULE_EXEC(keys, drift, socket, exe, script)                                       \
	SNUG_MIX(keys,                                                                         \
		 SNUG_MIX(keys, (__u64)SNUG_EXEC | (__u64)(drift) << 8 | (__u64)(socket) << 9, \
			  exe),                                                                \
		 script)

/*
 * `set`: that the automaton ends in for the arguments; 0: whether there are arguments that it may
 * be run with.
 */
#define SNUG_RULE_ARGUMENTS(keys, exec, set) SNUG_MIX(keys, exec, SNUG_RULE_SET(keys, set))

/*
 * `peer`: SNUG_RULE_ADDRESS, or the hash of a name with its domain, or SNUG_RULE_SET for a prefix,
 * and for the paths of unix sockets that an accepting set has.
 */
#define SNUG_RULE_PEER(keys, kind, protocol, port, peer) \
	SNUG_MIX(keys, (__u64)(kind) | (__u64)(protocol) << 8 | (__u64)(port) << 16, peer)
/*
 * Ports that an actor draws from a range: the rule has this port. What SNUG_RULE_RANGE leads to is
 * no tag, but the range: the first port, and 16 bits above it the last.
 */
#define SNUG_PORT_DRAWN 0x10000u
#define SNUG_RULE_RANGE(keys, peer_rule) SNUG_MIX(keys, peer_rule, SNUG_DOMAIN_RANGE)
#define SNUG_RULE_ADDRESS(keys, family, high, low) \
	SNUG_MIX(keys, SNUG_MIX(keys, (__u64)(family), high), low)

/* With SNUG_RULE_KEY(keys, keys.seed, …): there where a rule has a peer by DNS name. No rule
 * itself. */
#define SNUG_RULE_NAMES(keys) SNUG_MIX(keys, SNUG_DOMAIN_DNS, 0)

/* Of an address in a container, by which its name is found; `address`: SNUG_RULE_ADDRESS. */
#define SNUG_ANSWERED_KEY(keys, container, address) SNUG_MIX(keys, address, container)
#define SNUG_ANSWERED_CHECK(keys, key, name, wildcard, resolver) \
	((key) ^ SNUG_MIX(keys, SNUG_MIX(keys, name, wildcard), resolver))

#define SNUG_RULE_IDENTITY(keys, from_uid, from_gid, to_uid, to_gid)                        \
	SNUG_MIX(keys, SNUG_MIX(keys, SNUG_IDENTITY, (__u64)(from_uid) << 32 | (from_gid)), \
		 (__u64)(to_uid) << 32 | (to_gid))

#define SNUG_RULE_CAPABILITY(keys, code) SNUG_MIX(keys, SNUG_CAPABILITY, (__u64)(code))

/* `text`: the hash of what the call was about, or of SNUG_RULE_SET. */
#define SNUG_RULE_CALL(keys, code, argument, text) \
	SNUG_MIX(keys, SNUG_MIX(keys, (__u64)SNUG_SYSCALL | (__u64)(code) << 8, argument), text)

#define SNUG_RULE_KEY(keys, actor, object) SNUG_MIX(keys, actor, object)

#endif
