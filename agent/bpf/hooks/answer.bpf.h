/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS answers that reach a container: what they name is noted for the judge, and the answer goes to
 * user space, which reads it by the same rules.
 */
#ifndef SNUG_ANSWER_H
#define SNUG_ANSWER_H

#include "lib/kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hooks/naming.bpf.h"
#include "lib/answered.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scratch.bpf.h"
#include "rule_key.h"
#include "shared.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define DNS_PORT 53

struct dns_packet {
	u32 address[4]; /* of the sender */
	u32 at;		/* where the message begins */
	u8 family;
	u8 protocol;
};

/* Of its own, so that a flood of answers takes no place of events. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SNUG_ANSWERS_SIZE);
} answers SEC(".maps");

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

static __always_inline bool is_from_resolver(struct __sk_buff *context, struct dns_packet *packet)
{
	const u8 *begin = (const u8 *)(long)context->data;
	const u8 *end = (const u8 *)(long)context->data_end;
	u32 offset = read_addresses(begin, end, context->protocol, packet);
	const u8 *ports = begin + offset;

	if (!offset || ports + 14 > end || *(const u16 *)ports != bpf_htons(DNS_PORT))
		return false;
	if (packet->protocol == SNUG_UDP)
		packet->at = offset + 8;
	else if (packet->protocol == SNUG_TCP)
		packet->at = offset + (ports[12] >> 4) * 4;
	else
		return false;
	return true;
}

/* One container must not fill the ring that all answers come in. */
static __always_inline bool spend_answer(struct snug_slot *slot)
{
	u64 window = bpf_ktime_get_ns() >> SNUG_ANSWERS_WINDOW_SHIFT;

	if (slot->answers_window != window) {
		slot->answers_window = window;
		slot->answers = 0;
	}
	return __sync_fetch_and_add(&slot->answers, 1) < SNUG_ANSWERS_SHARE;
}

/* Without a record of the answer an address may have a name that is not known. */
static __always_inline void lose_answer(struct snug_slot *slot)
{
	COUNT(received);
	count_drop(slot, SNUG_DROP_ANSWER);
}

/* An answer that names something. */
static __always_inline bool names_something(const struct scratch *scratch, u32 from)
{
	return MESSAGE_BYTE(scratch, from + 2) & DNS_RESPONSE &&
	       !(MESSAGE_BYTE(scratch, from + 3) & DNS_FAILED) && message_16(scratch, from + 6);
}

static __always_inline u64 resolver_of(const struct dns_packet *packet)
{
	return SNUG_RULE_ADDRESS(keys, packet->family,
				 (u64)packet->address[0] << 32 | packet->address[1],
				 (u64)packet->address[2] << 32 | packet->address[3]);
}

/* False where the sender is none of the container's resolvers. */
static __always_inline bool begin_naming(struct naming *naming, const struct snug_slot *slot,
					 u32 number, const struct dns_packet *packet)
{
	naming->container = slot->container;
	naming->slot = number;
	naming->resolver = resolver_of(packet);
	naming->any_resolver = !*(volatile u32 *)&slot->resolvers_known;
	return naming->any_resolver || is_resolver(slot, naming->resolver);
}

static __noinline int emit_answer(struct __sk_buff *context, const struct dns_packet *packet,
				  const struct snug_slot *slot, u32 number)
{
	struct snug_answer *answer = bpf_ringbuf_reserve(&answers, sizeof(*answer), 0);
	u32 size = context->len - packet->at;

	if (!answer)
		return 0;
	answer->cut = size > sizeof(answer->message);
	if (size > sizeof(answer->message))
		size = sizeof(answer->message);
	/*
	 * Two comparisons: the compiler would make one of them, from which older kernels do not see
	 * that there is something to read.
	 */
	asm volatile("" : "+r"(size));
	if (size < DNS_HEAD + 2 || bpf_skb_load_bytes(context, packet->at, answer->message, size)) {
		bpf_ringbuf_discard(answer, BPF_RB_NO_WAKEUP);
		return 1;
	}
	fill_head(&answer->head, SNUG_ANSWER,
		  sizeof(*answer) - sizeof(answer->message) + ((size + 7) & ~7u));
	answer->time = bpf_ktime_get_ns();
	answer->container = slot->container;
	answer->slot = number;
	answer->protocol = packet->protocol;
	__builtin_memcpy(answer->address, packet->address, sizeof(answer->address));
	answer->family = packet->family;
	answer->size = size;
	bpf_ringbuf_submit(answer, BPF_RB_NO_WAKEUP);
	wake(&answers);
	return 1;
}

static __noinline int report_answer(struct __sk_buff *context, struct dns_packet *packet)
{
	struct scratch *scratch = scratch_of(SCRATCH_ANSWER);
	struct snug_slot *slot;
	u64 container = bpf_skb_cgroup_id(context);
	u32 *number = bpf_map_lookup_elem(&cgroups, &container), size, from;

	slot = number ? bpf_map_lookup_elem(&slots, number) : 0;
	/* Without data: the transport's own packets. */
	if (!slot || !scratch || context->len < packet->at + DNS_HEAD + 2)
		return 0;
	size = context->len - packet->at;
	if (size > SNUG_MESSAGE_MAX)
		size = SNUG_MESSAGE_MAX;
	asm volatile("" : "+r"(size));
	if (size < DNS_HEAD + 2 || bpf_skb_load_bytes(context, packet->at, scratch->string, size))
		return 0;
	/* Over TCP the message comes after its length. */
	from = packet->protocol == SNUG_TCP ? 2 : 0;
	if (!names_something(scratch, from))
		return 0;
	if (begin_naming(&scratch->naming, slot, *number, packet))
		name_addresses(scratch, from, size);
	if (!spend_answer(slot) || !emit_answer(context, packet, slot, *number))
		lose_answer(slot);
	return 0;
}

/*
 * Why this hook: it has every packet before the program that waits for it, over UDP and TCP, of
 * each resolver, the engine's own in the container's network too. The packet is the kernel's: a
 * program cannot change it. Other packets cost the comparison of a port.
 */
SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *context)
{
	struct dns_packet packet = {};

	if (is_from_resolver(context, &packet) && is_acting_generation(0, OLDER_FIRST))
		report_answer(context, &packet);
	return 1;
}

#endif
