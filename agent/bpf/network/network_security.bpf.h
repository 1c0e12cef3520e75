/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Peers, ports and unix sockets. */
#ifndef SNUG_NETWORK_SECURITY_H
#define SNUG_NETWORK_SECURITY_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "lib/generation.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/security.bpf.h"
#include "network/connection.bpf.h"
#include "network/network.bpf.h"
#include "network/unix_socket.bpf.h"
#include "shared.h"

/* A socket address as the kernel copied it from the caller. */
static __always_inline bool peer_at(const void *address, int size, struct peer *peer, u32 any)
{
	struct socket_address read = {};

	return size >= 16 && !bpf_probe_read_kernel(&read, size >= 24 ? 24 : 16, address) &&
	       peer_of(&read, size, peer, any);
}

/*
 * `cookie`: of the socket that a datagram is sent by; otherwise 0. `stop`: how the caller stops it.
 */
static __always_inline int on_peer(const struct sock *sock, u8 kind, const void *address, int size,
				   u32 any, u64 cookie, u32 stop)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct peer peer = {};
	struct verdict verdict;

	if (!state || was_judged(state, (u64)sock, stop) || !peer_at(address, size, &peer, any))
		return 0;
	peer.protocol = protocol_of_socket(sock);
	if (is_answer(cookie, &peer))
		return 0;
	if (!report_peer(task, state, kind, &peer, 0, stop, &verdict))
		return REFUSE_IF(true);
	note_judged(state, (u64)sock);
	if (stop == SNUG_REFUSED && is_looked_into(kind, &peer))
		note_connection(bpf_get_socket_cookie((void *)sock), state, &peer);
	return 0;
}

static __always_inline int on_connect(struct socket *socket, const void *address, int size,
				      u32 stop)
{
	struct sock *sock = socket->sk;

	if (!sock || (sock->sk_type != SOCK_STREAM && sock->sk_type != SOCK_DGRAM))
		return 0;
	return on_peer(sock, SNUG_CONNECT, address, size, 0, 0, stop);
}

/*
 * Why this hook: it has the kernel's copy of the address, for every protocol and caller, and
 * refuses before a packet is sent.
 */
SEC("lsm/socket_connect")
int BPF_PROG(lsm_connect, struct socket *socket, struct sockaddr *address, int size)
{
	return on_connect(socket, address, size, SNUG_REFUSED);
}
CATCH(connect, on_connect(AS(struct socket, FIRST), (void *)SECOND, THIRD, SNUG_SURVIVES))

static __always_inline int on_send(struct socket *socket, struct msghdr *message, u32 stop)
{
	struct sock *sock;

	if (!message->msg_name)
		return 0;
	sock = socket->sk;
	if (!sock || (sock->sk_type != SOCK_DGRAM && !(message->msg_flags & MSG_FASTOPEN)))
		return 0;
	return on_peer(sock, SNUG_CONNECT, message->msg_name, message->msg_namelen,
		       sock->__sk_common.skc_family, cookie_of(sock), stop);
}

/* Datagrams to an address that comes with them, and data that opens its own connection. */
SEC("lsm/socket_sendmsg")
int BPF_PROG(lsm_send, struct socket *socket, struct msghdr *message, int size)
{
	return on_send(socket, message, SNUG_REFUSED);
}
CATCH_ALIVE(send, on_send(AS(struct socket, FIRST), AS(struct msghdr, SECOND), SNUG_MISSED))

static __always_inline u32 port_at(const void *address, int size)
{
	struct socket_address read = {};

	return size >= 16 && !bpf_probe_read_kernel(&read, 16, address) ? bpf_ntohs(read.port) : 0;
}

static __always_inline int on_bind(struct socket *socket, const void *address, int size, u32 stop)
{
	struct sock *sock = socket->sk;

	if (!sock || !binds_for_others(sock->sk_type, port_at(address, size)))
		return 0;
	return on_peer(sock, SNUG_LISTEN, address, size, sock->__sk_common.skc_family, 0, stop);
}

SEC("lsm/socket_bind")
int BPF_PROG(lsm_bind, struct socket *socket, struct sockaddr *address, int size)
{
	return on_bind(socket, address, size, SNUG_REFUSED);
}
CATCH(bind, on_bind(AS(struct socket, FIRST), (void *)SECOND, THIRD, SNUG_SURVIVES))

static __always_inline int on_listen(struct socket *socket, u32 stop)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct sock *sock = socket->sk;
	struct peer peer = {};
	struct verdict verdict;

	if (!state || was_judged(state, (u64)sock, stop) || !sock || !local_address(sock, &peer))
		return 0;
	peer.protocol = protocol_of_socket(sock);
	if (!report_peer(task, state, SNUG_LISTEN, &peer, 0, stop, &verdict))
		return REFUSE_IF(true);
	note_judged(state, (u64)sock);
	return 0;
}

/* Why this hook: it covers sockets that were never bound, whose port the kernel chose by now. */
SEC("lsm/socket_listen")
int BPF_PROG(lsm_listen, struct socket *socket, int backlog)
{
	return on_listen(socket, SNUG_REFUSED);
}
CATCH(listen, on_listen(AS(struct socket, FIRST), SNUG_SURVIVES))

static __always_inline int on_unix(struct sock *sock)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct lsm_scratch *lsm_scratch;
	bool passes;
	u32 depth;

	if (!state || !sock)
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_CONNECT));
	passes = report_unix_peer(&lsm_scratch->scratch, task, state, (u64)sock, SNUG_REFUSED);
	release_scratch(depth);
	if (passes)
		note_judged(state, (u64)sock);
	return REFUSE_IF(!passes);
}

static __always_inline int unix_left_out(u64 sock, u32 stop)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);

	return state && scratch && sock && !was_judged(state, sock, stop) &&
	       !report_unix_peer(scratch, task, state, sock, stop);
}

/*
 * Why this hook: it has the listener's socket, and so the file that it bound, whatever name the
 * caller used.
 */
SEC("lsm/unix_stream_connect")
int BPF_PROG(lsm_unix, struct sock *sock, struct sock *other, struct sock *fresh)
{
	return on_unix(other);
}
CATCH(unix, unix_left_out(SECOND, SNUG_SURVIVES))

/* A connect of a datagram socket, and each datagram to another peer than the connected one. */
SEC("lsm/unix_may_send")
int BPF_PROG(lsm_unix_send, struct socket *socket, struct socket *other)
{
	u64 peer = (u64)FIELD_AT(struct unix_sock, socket->sk, peer);

	return peer == (u64)other->sk ? 0 : on_unix(other->sk);
}

#endif
