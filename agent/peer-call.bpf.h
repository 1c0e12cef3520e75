/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers by the call that asks for them, as it returns: where there is no BPF LSM, and the cgroup's hooks are not told
 * whose process it is (Linux before 6.15). A connection is told before anything can be sent over it, and its process
 * killed; a datagram is gone by then.
 */
#ifndef SNUG_PEER_CALL_H
#define SNUG_PEER_CALL_H

#include "net.bpf.h"

#define MESSAGES_MAX 8	/* of one sendmmsg; what has more of them is told of the first */

/* Whom a socket is connected to. What the caller passed may be another by now. */
static __always_inline bool remote_address(const struct sock *sock, struct peer *peer)
{
	peer->port = bpf_ntohs(sock->__sk_common.skc_dport);
	if (!peer->port)
		return false;
	if (sock->__sk_common.skc_family == AF_INET) {
		peer->family = 4;
		peer->address[0] = sock->__sk_common.skc_daddr;
		return true;
	}
	peer->family = 6;
	peer->address[0] = sock->__sk_common.skc_v6_daddr.in6_u.u6_addr32[0];
	peer->address[1] = sock->__sk_common.skc_v6_daddr.in6_u.u6_addr32[1];
	peer->address[2] = sock->__sk_common.skc_v6_daddr.in6_u.u6_addr32[2];
	peer->address[3] = sock->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];
	unmap(peer);
	return true;
}

static __always_inline bool passed_address(const struct asked *asked, const struct sock *sock, struct peer *peer)
{
	struct socket_address passed = {};
	u32 size = asked->size < sizeof(passed) ? asked->size : sizeof(passed);

	return asked->address && !bpf_probe_read_user(&passed, size, (void *)asked->address) &&
	       peer_of(&passed, size, peer, sock->__sk_common.skc_family);
}

/* Of what `scratch->asked` says. */
static __noinline int tell_asked(struct call *call, struct scratch *scratch)
{
	struct snug_task *state;
	struct peer peer = {};
	struct asked *asked;
	struct sock *sock;
	bool connected;

	if (!call || !scratch)
		return 0;
	asked = &scratch->asked;
	state = state_of(call->task);
	sock = socket_at(call->task, asked->fd);
	if (!state || !sock || (sock->__sk_common.skc_family != AF_INET && sock->__sk_common.skc_family != AF_INET6))
		return 0;
	if (sock->sk_type != SOCK_DGRAM && !asked->connects)
		return 0;
	connected = asked->connects && (call->ret >= 0 || call->ret == -EINPROGRESS) && remote_address(sock, &peer);
	if (!connected && !passed_address(asked, sock, &peer))
		return 0;
	peer.protocol = protocol_of_socket(sock);
	if (!tell_peer(call->task, state, asked->kind, &peer, call->compat ? SNUG_COMPAT : 0, asked->stop) &&
	    asked->stop == SNUG_KILLED)
		stop_here();
	return 0;
}

/* The address of a message at `at`, of the table that the call is of. */
static __always_inline void read_message(const struct call *call, struct asked *asked, u64 at)
{
	struct {
		u64 name;
		u32 size;
	} native = {};
	u32 compat[2] = {};

	if (call->compat) {
		bpf_probe_read_user(compat, sizeof(compat), (void *)at);
		asked->address = compat[0];
		asked->size = compat[1];
	} else {
		bpf_probe_read_user(&native, 12, (void *)at);
		asked->address = native.name;
		asked->size = native.size;
	}
}

struct messages {
	struct call *call;
	u64 at;
	u32 stride;
	u32 count;
};

static int message_step(u32 index, struct messages *messages)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);

	if (!scratch || index >= messages->count)
		return 1;
	read_message(messages->call, &scratch->asked, messages->at + index * messages->stride);
	if (scratch->asked.address)
		tell_asked(messages->call, scratch);
	return 0;
}

static __noinline int on_peer_call(struct call *call, u32 class, const u64 *arguments)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct messages messages = { .call = call, .at = arguments[1], .stride = call->compat ? 32 : 64, .count = 1 };
	struct asked *asked;

	if (!scratch)
		return 0;
	asked = &scratch->asked;
	*asked = (struct asked){ .fd = arguments[0], .kind = SNUG_CONNECT, .stop = SNUG_MISSED };
	asked->address = arguments[1];
	asked->size = arguments[2];
	switch (class) {
	case SNUG_CLASS_CONNECT:
		asked->stop = SNUG_KILLED;
		asked->connects = 1;
		break;
	case SNUG_CLASS_BIND:
		/* Whoever binds a datagram socket hears on it; a stream socket does so only once it listens. */
		asked->kind = SNUG_LISTEN;
		asked->stop = SNUG_KILLED;
		if (call->ret)
			return 0;
		break;
	case SNUG_CLASS_SENDTO:
		asked->address = arguments[4];
		asked->size = arguments[5];
		asked->connects = (arguments[3] & MSG_FASTOPEN) != 0;
		break;
	case SNUG_CLASS_SENDMSG:
		asked->connects = (arguments[2] & MSG_FASTOPEN) != 0;
		read_message(call, asked, arguments[1]);
		break;
	case SNUG_CLASS_SENDMMSG:
		asked->connects = (arguments[3] & MSG_FASTOPEN) != 0;
		if (call->ret > 1)
			messages.count = call->ret;
		bpf_loop(MESSAGES_MAX, message_step, &messages, 0);
		return 0;
	default:
		return 0;
	}
	return asked->address ? tell_asked(call, scratch) : 0;
}

#endif
