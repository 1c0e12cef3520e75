/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers by system call, as it returns. Used where there is no BPF LSM and the cgroup hooks cannot
 * look up the process (Linux before 6.15). A connection is reported, and its process killed, before
 * it can send; a datagram is sent by then.
 */
#ifndef SNUG_PEER_CALLS_H
#define SNUG_PEER_CALLS_H

#include "lib/kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/scratch.bpf.h"
#include "network/network.bpf.h"
#include "shared.h"

#define MESSAGES_MAX 8 /* of one sendmmsg; of longer ones the first messages are reported */

/* The peer that a socket is connected to. The caller's memory may hold another by now. */
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
	unmap_ipv4(peer);
	return true;
}

static __always_inline bool passed_address(struct peer_request *peer_request,
					   const struct sock *sock, struct peer *peer)
{
	u32 size = peer_request->size < sizeof(peer_request->read) ? peer_request->size :
								     sizeof(peer_request->read);

	peer_request->read = (struct socket_address){};
	return peer_request->address &&
	       !bpf_probe_read_user(&peer_request->read, size, (void *)peer_request->address) &&
	       peer_of(&peer_request->read, size, peer, sock->__sk_common.skc_family);
}

/* The peer that the call in `peer_request` is about; false where it is none to report. */
static __noinline bool requested_peer(struct call *call, struct peer_request *peer_request,
				      struct peer *peer)
{
	struct sock *sock;
	bool connected;

	if (!call || !peer_request || !peer)
		return false;
	sock = socket_at(call->task, peer_request->fd);
	if (!sock ||
	    (sock->__sk_common.skc_family != AF_INET && sock->__sk_common.skc_family != AF_INET6))
		return false;
	if (sock->sk_type != SOCK_DGRAM && !peer_request->connects &&
	    peer_request->kind != SNUG_LISTEN)
		return false;
	connected = peer_request->connects && (call->ret >= 0 || call->ret == -EINPROGRESS) &&
		    remote_address(sock, peer);
	if (!connected && !passed_address(peer_request, sock, peer))
		return false;
	peer->protocol = protocol_of_socket(sock);
	if (peer_request->kind == SNUG_LISTEN)
		return binds_for_others(sock->sk_type, peer->port);
	return peer_request->connects || !is_answer(cookie_of(sock), peer);
}

static __noinline int report_call_peer(struct call *call, struct peer_request *peer_request,
				       struct peer *peer)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);

	if (!call || !peer_request || !peer || !call->state || !scratch)
		return 0;
	if (peer_request->stop == SNUG_KILLED)
		peer_request->stop = kill_of_socket(call->task, peer_request->fd);
	if (!report_peer(call->task, call->state, peer_request->kind, peer,
			 call->compat ? SNUG_COMPAT : 0, peer_request->stop, &scratch->verdict) &&
	    peer_request->stop & SNUG_KILLED)
		kill_current();
	return 0;
}

/*
 * Reports the peer in the request of this processor's scratch. Of numbers alone: the verifier
 * checks it once, and not for each message.
 */
__noinline __weak int report_requested_peer(s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct peer *peer;

	if (!scratch)
		return 0;
	peer = &scratch->peer_request.peer;
	*peer = (struct peer){};
	init_call(&call);
	if (!call.state || !requested_peer(&call, &scratch->peer_request, peer))
		return 0;
	return report_call_peer(&call, &scratch->peer_request, peer);
}

/* The address of a message at `at` and its size, of the table that the call is of. */
static __always_inline void read_message(const struct call *call, struct peer_request *peer_request,
					 u64 at)
{
	u32 *words = peer_request->passed;

	bpf_probe_read_user(words, 3 * sizeof(*words), (void *)at);
	peer_request->address = call->compat ? words[0] : words[0] | (u64)words[1] << 32;
	peer_request->size = call->compat ? words[1] : words[2];
}

static __always_inline u32 class_of_operation(u32 operation)
{
	switch (operation) {
	case SYS_SOCKET:
		return SNUG_CLASS_SOCKET;
	case SYS_BIND:
		return SNUG_CLASS_BIND;
	case SYS_CONNECT:
		return SNUG_CLASS_CONNECT;
	case SYS_LISTEN:
		return SNUG_CLASS_LISTEN;
	case SYS_SENDTO:
		return SNUG_CLASS_SENDTO;
	case SYS_SENDMSG:
		return SNUG_CLASS_SENDMSG;
	case SYS_SENDMMSG:
		return SNUG_CLASS_SENDMMSG;
	}
	return SNUG_CLASS_NONE;
}

/*
 * The call that is meant, and its arguments: by the 32-bit table's socketcall a number, and a
 * pointer to them.
 */
static __always_inline u32 socket_call(const struct call *call, struct peer_request *peer_request,
				       u32 class)
{
	bool behind_number = class == SNUG_CLASS_SOCKETCALL;

	if (behind_number) {
		class = class_of_operation(argument(call, 0));
		bpf_probe_read_user(peer_request->passed, sizeof(peer_request->passed),
				    (void *)argument(call, 1));
	}
	for (int i = 0; i < 6; i++)
		peer_request->arguments[i] = behind_number ? peer_request->passed[i] :
							     argument(call, i);
	return class;
}

static __always_inline int report_messages(struct call *call, struct peer_request *peer_request)
{
	u32 stride = call->compat ? MMSGHDR_SIZE_COMPAT : MMSGHDR_SIZE;

	for (u32 i = 0; i < MESSAGES_MAX && (!i || i < call->ret); i++) {
		read_message(call, peer_request, peer_request->arguments[1] + i * stride);
		if (peer_request->address)
			report_requested_peer(call->ret, call->compat);
	}
	return 0;
}

__noinline int on_peer_call(u32 class, s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct peer_request *peer_request;

	if (!scratch)
		return 0;
	init_call(&call);
	peer_request = &scratch->peer_request;
	class = socket_call(&call, peer_request, class);
	peer_request->fd = peer_request->arguments[0];
	peer_request->kind = SNUG_CONNECT;
	peer_request->stop = SNUG_MISSED;
	peer_request->connects = 0;
	peer_request->address = peer_request->arguments[1];
	peer_request->size = peer_request->arguments[2];
	switch (class) {
	case SNUG_CLASS_CONNECT:
		peer_request->stop = SNUG_KILLED;
		peer_request->connects = 1;
		break;
	case SNUG_CLASS_BIND:
		peer_request->kind = SNUG_LISTEN;
		peer_request->stop = SNUG_KILLED;
		if (ret)
			return 0;
		break;
	case SNUG_CLASS_SENDTO:
		peer_request->address = peer_request->arguments[4];
		peer_request->size = peer_request->arguments[5];
		peer_request->connects = (peer_request->arguments[3] & MSG_FASTOPEN) != 0;
		break;
	case SNUG_CLASS_SENDMSG:
		peer_request->connects = (peer_request->arguments[2] & MSG_FASTOPEN) != 0;
		read_message(&call, peer_request, peer_request->arguments[1]);
		break;
	case SNUG_CLASS_SENDMMSG:
		peer_request->connects = (peer_request->arguments[3] & MSG_FASTOPEN) != 0;
		return report_messages(&call, peer_request);
	default:
		return 0;
	}
	return peer_request->address ? report_requested_peer(ret, compat) : 0;
}

#endif
