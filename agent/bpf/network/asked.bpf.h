/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which DNS answers count: those to the socket that asked, from outside of the container. A process
 * can ask itself anything, so the sender matters: an answer of the container itself counts only
 * where taking the port of resolvers is expected of it.
 */
#ifndef SNUG_ASKED_H
#define SNUG_ASKED_H

#include "lib/kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hash.h"
#include "lib/answered.bpf.h"
#include "lib/container.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "network/naming.bpf.h"
#include "network/network.bpf.h"
#include "shared.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
/* "SNUG". Packets lose it as they leave the network namespace. */
#define SNUG_FORGED_MARK 0x534e5547
/* With the number of the slot, which is less than what the other mark has there. */
#define SNUG_HELD_MARK 0x534e0000u
#define LOOPBACK_INTERFACE 1

struct dns_packet {
	u32 address[4]; /* of the sender */
	u32 at;		/* where the transport's data begins, then where the message does */
	u32 size;	/* of the message; over TCP with its length before it */
	u32 sequence;	/* over TCP: of the data */
	u16 from_port;
	u8 family;
	u8 protocol;
};

/* Where the transport's header begins; 0: the packet is neither TCP nor UDP. */
static __always_inline u32 read_addresses(const u8 *at, const u8 *end, u32 protocol,
					  struct dns_packet *packet)
{
	if (protocol == bpf_htons(ETH_P_IP)) {
		if (at + 20 > end)
			return 0;
		packet->family = 4;
		packet->protocol = at[9];
		__builtin_memcpy(packet->address, at + 12, 4);
		return (at[0] & 15) * 4;
	}
	if (protocol != bpf_htons(ETH_P_IPV6) || at + 40 > end)
		return 0;
	packet->family = 6;
	packet->protocol = at[6];
	__builtin_memcpy(packet->address, at + 8, 16);
	return 40;
}

/* False for packets that no message of DNS fits in. */
static __always_inline bool read_packet(struct __sk_buff *context, struct dns_packet *packet)
{
	const u8 *begin = (const u8 *)(long)context->data;
	const u8 *end = (const u8 *)(long)context->data_end;
	u32 offset = read_addresses(begin, end, context->protocol, packet);
	const u8 *header = begin + offset;

	if (!offset || header + 14 > end)
		return false;
	packet->from_port = bpf_ntohs(*(const u16 *)header);
	packet->sequence = bpf_ntohl(*(const u32 *)(header + 4));
	if (packet->protocol == SNUG_UDP)
		packet->at = offset + 8;
	else if (packet->protocol == SNUG_TCP)
		packet->at = offset + (header[12] >> 4) * 4;
	else
		return false;
	return true;
}

static __always_inline u32 *container_of_packet(struct __sk_buff *context)
{
	u32 *number;
	u64 id;

	for (u32 level = 1; level <= SNUG_CGROUP_LEVELS; level++) {
		id = bpf_skb_ancestor_cgroup_id(context, level);
		number = id ? bpf_map_lookup_elem(&cgroups, &id) : 0;
		if (number || !id)
			return number;
	}
	return 0;
}

/* Of the container that has the packet's socket. */
static __always_inline struct snug_slot *slot_of_socket(struct __sk_buff *context, u32 *number)
{
	u32 *found = container_of_packet(context);

	if (!found)
		return 0;
	*number = *found;
	return bpf_map_lookup_elem(&slots, number);
}

static __always_inline bool has_held_mark(const struct __sk_buff *context)
{
	return context->mark - SNUG_HELD_MARK < SNUG_SLOTS;
}

/*
 * A container whose network is held reaches its own sockets only. Others that share its loopback
 * could pass on what it sends: its engine's resolver does. The packet carries its slot to them.
 */
static __noinline int may_leave(struct __sk_buff *context)
{
	const struct snug_slot *slot;
	u32 number;

	slot = slot_of_socket(context, &number);
	if (!slot || !(SNUG_POLICY_HOLDS(hold_of(slot)) & SNUG_HOLD_NETWORK))
		return 1;
	if (context->ifindex != LOOPBACK_INTERFACE)
		return 0;
	context->mark = SNUG_HELD_MARK + number;
	return 1;
}

/* Of the loopback also a packet without a mark: a reset of the kernel has no socket. */
static __noinline int may_enter(struct __sk_buff *context)
{
	const struct snug_slot *slot;
	u32 number = SNUG_SLOTS;

	slot = slot_of_socket(context, &number);
	if (has_held_mark(context))
		return context->mark == SNUG_HELD_MARK + number;
	return context->ifindex == LOOPBACK_INTERFACE || !slot ||
	       !(SNUG_POLICY_HOLDS(hold_of(slot)) & SNUG_HOLD_NETWORK);
}

#define BYTES(byte) (0x0101010101010101ull * (byte))
#define QUESTION_WORDS ((DNS_NAME_MAX + 8) / 8)

/*
 * The hash of a message's id and the name that it is about, for one socket. Up to the first byte of
 * zero, which ends the name, and without the difference of upper case: a resolver may change it.
 */
static __noinline u64 question_key(struct __sk_buff *context, u32 at)
{
	u64 hash = SNUG_MIX(keys, keys.seed, bpf_get_socket_cookie(context));
	u16 id = 0;

	if (bpf_skb_load_bytes(context, at, &id, sizeof(id)))
		return 0;
	hash = SNUG_MIX(keys, hash, id);
	at += DNS_HEAD;
	UNROLLED
	for (int i = 0; i < QUESTION_WORDS; i++) {
		u64 word = 0, zeroes;

		/* The type and class of a question follow its name: five bytes with its end. */
		if (bpf_skb_load_bytes(context, at, &word, sizeof(word)) &&
		    bpf_skb_load_bytes(context, at, &word, 5))
			return 0;
		zeroes = (word - BYTES(1)) & ~word & BYTES(0x80);
		if (zeroes)
			return SNUG_MIX(keys, hash,
					(word | BYTES(0x20)) & ((zeroes & -zeroes) - 1));
		hash = SNUG_MIX(keys, hash, word | BYTES(0x20));
		at += sizeof(word);
	}
	return 0;
}

static __always_inline struct snug_asked_set *asked_set(u32 number, u64 key)
{
	u32 at = number * SNUG_ASKED_SETS + (key & (SNUG_ASKED_SETS - 1));

	return bpf_map_lookup_elem(&asked, &at);
}

static __always_inline bool has_question(const struct snug_asked_set *set, u64 key)
{
	UNROLLED
	for (int i = 0; i < SNUG_ASKED_PLACES; i++)
		if (set->questions[i] == key)
			return true;
	return false;
}

/* Whether the socket that receives the message has asked what it answers. */
static __always_inline bool was_asked(struct __sk_buff *context, u32 at, u32 number)
{
	u64 key = question_key(context, at);
	const struct snug_asked_set *set = asked_set(number, key);

	return key && set && has_question(set, key);
}

static __noinline int note_question(struct __sk_buff *context, u32 at)
{
	struct snug_asked_set *set;
	u32 number;
	u64 key;

	if (!slot_of_socket(context, &number))
		return 0;
	key = question_key(context, at);
	set = asked_set(number, key);
	if (!key || !set || has_question(set, key))
		return 0;
	set->questions[__sync_fetch_and_add(&set->next, 1) & (SNUG_ASKED_PLACES - 1)] = key;
	return 0;
}

/* One question, and no answer to it. Its port says nothing: on its way it may have been changed. */
static __always_inline bool is_question(struct __sk_buff *context, u32 at)
{
	u8 head[DNS_HEAD];

	return !bpf_skb_load_bytes(context, at, head, sizeof(head)) &&
	       !(head[2] & (DNS_RESPONSE | DNS_OPERATION)) && !head[4] && head[5] == 1 &&
	       !head[6] && !head[7] && !head[8] && !head[9];
}

/* Whether the data are the first that the socket receives. */
static __always_inline bool begins_stream(struct __sk_buff *context, u32 sequence)
{
	struct bpf_sock *sock = context->sk;
	struct bpf_tcp_sock *tcp;

	if (!sock)
		return false;
	tcp = bpf_tcp_sock(sock);
	return tcp && !tcp->bytes_received && tcp->rcv_nxt == sequence;
}

/*
 * A process of the container sends by the port of resolvers. The mark goes with the packet to its
 * receiver in the same network namespace: no other process can take it away.
 */
static __noinline int mark_answer(struct __sk_buff *context)
{
	const struct snug_slot *slot;
	u32 number;

	slot = slot_of_socket(context, &number);
	if (slot && (slot->may_forge || !(slot->answers_itself || slot->before)))
		context->mark = SNUG_FORGED_MARK;
	return 0;
}

#endif
