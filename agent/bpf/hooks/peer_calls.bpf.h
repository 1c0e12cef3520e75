/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers by the call that asks for them, as it returns: where there is no BPF LSM, and the cgroup's hooks are not told
 * whose process it is (Linux before 6.15). A connection is told before anything can be sent over it, and its process
 * killed; a datagram is gone by then.
 */
#ifndef SNUG_PEER_CALL_H
#define SNUG_PEER_CALL_H

#include "hooks/network.bpf.h"

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

static __always_inline bool passed_address(struct asked *asked, const struct sock *sock, struct peer *peer)
{
	u32 size = asked->size < sizeof(asked->read) ? asked->size : sizeof(asked->read);

	asked->read = (struct socket_address){};
	return asked->address && !bpf_probe_read_user(&asked->read, size, (void *)asked->address) &&
	       peer_of(&asked->read, size, peer, sock->__sk_common.skc_family);
}

/* Of what `asked` says. */
static __noinline int tell_asked(struct call *call, struct asked *asked)
{
	struct peer peer = {};
	struct sock *sock;
	bool connected;

	if (!call || !asked || !call->state)
		return 0;
	sock = socket_at(call->task, asked->fd);
	if (!sock || (sock->__sk_common.skc_family != AF_INET && sock->__sk_common.skc_family != AF_INET6))
		return 0;
	if (sock->sk_type != SOCK_DGRAM && !asked->connects)
		return 0;
	connected = asked->connects && (call->ret >= 0 || call->ret == -EINPROGRESS) && remote_address(sock, &peer);
	if (!connected && !passed_address(asked, sock, &peer))
		return 0;
	peer.protocol = protocol_of_socket(sock);
	if (!tell_peer(call->task, call->state, asked->kind, &peer, call->compat ? SNUG_COMPAT : 0, asked->stop) &&
	    asked->stop == SNUG_KILLED)
		stop_here();
	return 0;
}

/* The address of a message at `at` and its size, of the table that the call is of. */
static __always_inline void read_message(const struct call *call, struct asked *asked, u64 at)
{
	u32 *words = asked->passed;

	bpf_probe_read_user(words, 3 * sizeof(*words), (void *)at);
	asked->address = call->compat ? words[0] : words[0] | (u64)words[1] << 32;
	asked->size = call->compat ? words[1] : words[2];
}

static __always_inline u32 class_of_operation(u32 operation)
{
	switch (operation) {
	case 2:
		return SNUG_CLASS_BIND;
	case 3:
		return SNUG_CLASS_CONNECT;
	case 4:
		return SNUG_CLASS_LISTEN;
	case 11:
		return SNUG_CLASS_SENDTO;
	case 16:
		return SNUG_CLASS_SENDMSG;
	case 20:
		return SNUG_CLASS_SENDMMSG;
	}
	return SNUG_CLASS_NONE;
}

/* The call that is meant, and its arguments: by the 32-bit table's socketcall a number, and a pointer to them. */
static __always_inline u32 socket_call(const struct call *call, struct asked *asked, u32 class)
{
	bool behind_number = class == SNUG_CLASS_SOCKETCALL;

	if (behind_number) {
		class = class_of_operation(argument(call, 0));
		bpf_probe_read_user(asked->passed, sizeof(asked->passed), (void *)argument(call, 1));
	}
	for (int i = 0; i < 6; i++)
		asked->arguments[i] = behind_number ? asked->passed[i] : argument(call, i);
	return class;
}

static __always_inline int tell_messages(struct call *call, struct asked *asked)
{
	u32 stride = call->compat ? 32 : 64;

	for (u32 i = 0; i < MESSAGES_MAX && (!i || i < call->ret); i++) {
		read_message(call, asked, asked->arguments[1] + i * stride);
		if (asked->address)
			tell_asked(call, asked);
	}
	return 0;
}

__noinline int on_peer_call(u32 class, s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct asked *asked;

	if (!scratch)
		return 0;
	enter(&call);
	asked = &scratch->asked;
	class = socket_call(&call, asked, class);
	asked->fd = asked->arguments[0];
	asked->kind = SNUG_CONNECT;
	asked->stop = SNUG_MISSED;
	asked->connects = 0;
	asked->address = asked->arguments[1];
	asked->size = asked->arguments[2];
	switch (class) {
	case SNUG_CLASS_CONNECT:
		asked->stop = SNUG_KILLED;
		asked->connects = 1;
		break;
	case SNUG_CLASS_BIND:
		/* Whoever binds a datagram socket hears on it; a stream socket does so only once it listens. */
		asked->kind = SNUG_LISTEN;
		asked->stop = SNUG_KILLED;
		if (ret)
			return 0;
		break;
	case SNUG_CLASS_SENDTO:
		asked->address = asked->arguments[4];
		asked->size = asked->arguments[5];
		asked->connects = (asked->arguments[3] & MSG_FASTOPEN) != 0;
		break;
	case SNUG_CLASS_SENDMSG:
		asked->connects = (asked->arguments[2] & MSG_FASTOPEN) != 0;
		read_message(&call, asked, asked->arguments[1]);
		break;
	case SNUG_CLASS_SENDMMSG:
		asked->connects = (asked->arguments[3] & MSG_FASTOPEN) != 0;
		return tell_messages(&call, asked);
	default:
		return 0;
	}
	return asked->address ? tell_asked(&call, asked) : 0;
}

#endif
