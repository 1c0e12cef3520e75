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
#include "lib/answered.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scratch.bpf.h"
#include "network/asked.bpf.h"
#include "network/naming.bpf.h"
#include "rule_key.h"
#include "shared.h"

/* Of its own, so that a flood of answers takes no place of events. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SNUG_ANSWERS_SIZE);
} answers SEC(".maps");

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
	u32 size = packet->size;

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

/* The message in a packet. */
static __noinline int report_answer(struct __sk_buff *context, struct dns_packet *packet,
				    struct snug_slot *slot, u32 number)
{
	struct scratch *scratch = scratch_of(SCRATCH_ANSWER);
	u32 size = packet->size, from;

	if (!scratch || !slot)
		return 0;
	if (size > SNUG_MESSAGE_MAX)
		size = SNUG_MESSAGE_MAX;
	asm volatile("" : "+r"(size));
	if (size < DNS_HEAD + 2 || bpf_skb_load_bytes(context, packet->at, scratch->string, size))
		return 0;
	/* Over TCP the message comes after its length. */
	from = packet->protocol == SNUG_TCP ? 2 : 0;
	if (!names_something(scratch, from))
		return 0;
	if (begin_naming(&scratch->naming, slot, number, packet))
		name_addresses(scratch, from, size);
	if (!spend_answer(slot) || !emit_answer(context, packet, slot, number))
		lose_answer(slot);
	return 0;
}

/* That are read: more of them in one packet are skipped. */
#define MESSAGES_OF_PACKET 4

static __always_inline void report_stream(struct __sk_buff *context, struct dns_packet *packet,
					  struct snug_slot *slot, u32 number)
{
	u32 begin = packet->at, size = context->len - begin, at, key;
	u64 cookie = bpf_get_socket_cookie(context);
	struct snug_stream *stream;

	key = number * SNUG_STREAMS + (cookie & (SNUG_STREAMS - 1));
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream || !size)
		return;
	if (begins_stream(context, packet->sequence))
		at = 0;
	else if (stream->cookie == cookie)
		at = stream->next - packet->sequence;
	else
		return;
	if (at >= size)
		return;
	UNROLLED
	for (int i = 0; i < MESSAGES_OF_PACKET; i++) {
		u16 length;

		if (at >= size)
			break;
		packet->at = begin + at;
		/* Where the next one begins is not known. */
		if (bpf_skb_load_bytes(context, packet->at, &length, sizeof(length))) {
			stream->cookie = 0;
			return;
		}
		packet->size = sizeof(length) + bpf_ntohs(length);
		if (packet->size > size - at)
			packet->size = size - at;
		report_answer(context, packet, slot, number);
		at += sizeof(length) + bpf_ntohs(length);
	}
	stream->next = packet->sequence + at;
	stream->cookie = cookie;
}

static __noinline int report_answers(struct __sk_buff *context, struct dns_packet *packet)
{
	struct snug_slot *slot;
	u32 number;

	/* Without data: the transport's own packets. */
	if (context->len < packet->at || context->mark == SNUG_FORGED_MARK ||
	    has_held_mark(context))
		return 0;
	slot = slot_of_socket(context, &number);
	if (!slot)
		return 0;
	if (packet->protocol == SNUG_TCP) {
		report_stream(context, packet, slot, number);
	} else {
		packet->size = context->len - packet->at;
		if (was_asked(context, packet->at, number))
			report_answer(context, packet, slot, number);
	}
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

	if (control.holding && !may_enter(context))
		return 0;
	if (read_packet(context, &packet) && packet.from_port == DNS_PORT &&
	    is_acting_generation(0, OLDER_FIRST))
		report_answers(context, &packet);
	return 1;
}

#endif
