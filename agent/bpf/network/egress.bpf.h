/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What leaves a socket: questions and answers of DNS, and the first data of connections. */
#ifndef SNUG_EGRESS_H
#define SNUG_EGRESS_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "lib/generation.bpf.h"
#include "lib/maps.bpf.h"
#include "network/asked.bpf.h"
#include "network/hello.bpf.h"
#include "network/network.bpf.h"

/*
 * Why this hook: it has every packet with the socket that sends it, raw ones too, before it is
 * received. What a packet looks like here is what its receiver gets.
 */
SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *context)
{
	struct dns_packet packet = {};
#ifndef SNUG_PORTABLE
	enum sent sent;
#endif

	if (control.holding && !may_leave(context))
		return 0;
	if (!read_packet(context, &packet) || (control.holding && has_held_mark(context)))
		return 1;
	if (packet.from_port == DNS_PORT) {
		if (is_acting_generation(0, OLDER_FIRST))
			mark_answer(context);
	} else if (packet.protocol == SNUG_UDP && is_question(context, packet.at) &&
		   is_acting_generation(0, OLDER_FIRST)) {
		note_question(context, packet.at);
	}
#ifndef SNUG_PORTABLE
	if (!reads_hellos || packet.protocol != SNUG_TCP || context->len <= packet.at ||
	    context->ifindex == LOOPBACK_INTERFACE)
		return 1;
	sent = sent_by(context, packet.sequence);
	if (sent != SENT_LATER && is_acting_generation(0, OLDER_FIRST))
		return hello_may_leave(context, packet.at, sent);
#endif
	return 1;
}

#endif
