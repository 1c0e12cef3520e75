/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers and ports. The cgroup hooks see connect and datagrams however they are asked for (io_uring too) and are
 * where they can be refused later; they only look, and always let pass. They can be preempted: no scratch here.
 */
#ifndef SNUG_NET_H
#define SNUG_NET_H

#include "file.bpf.h"
#include <bpf/bpf_endian.h>

struct peer {
	u32 address[4];
	u16 port;
	u8 family;
	u8 protocol;
};

static __always_inline u8 protocol_of(u32 protocol)
{
	return protocol == SNUG_TCP || protocol == SNUG_UDP ? protocol : SNUG_OTHER;
}

/* An IPv4 address has one form, also where it comes mapped into IPv6. */
static __always_inline void unmap(struct peer *peer)
{
	if (peer->address[0] || peer->address[1] || peer->address[2] != bpf_htonl(0xffff))
		return;
	peer->family = 4;
	peer->address[0] = peer->address[3];
	peer->address[2] = 0;
	peer->address[3] = 0;
}

static __always_inline u64 peer_object(u8 kind, const struct peer *peer)
{
	u64 object = SNUG_MIX(keys, keys.seed, (u64)kind | (u64)peer->family << 8 |
						       (u64)peer->protocol << 16 |
						       (u64)peer->port << 32);

	object = SNUG_MIX(keys, object, (u64)peer->address[0] << 32 | peer->address[1]);
	return SNUG_MIX(keys, object, (u64)peer->address[2] << 32 | peer->address[3]);
}

static __always_inline void tell_peer(struct task_struct *task, struct snug_task *state, u8 kind,
				      const struct peer *peer, u32 flags)
{
	struct verdict verdict;
	struct snug_act *act;
	void *ring;

	if (!novel(state, peer_object(kind, peer), &verdict))
		return;
	act = tell(state, task, kind, &verdict, &ring);
	if (!act)
		return;
	__builtin_memcpy(act->address, peer->address, sizeof(act->address));
	act->port = peer->port;
	act->family = peer->family;
	act->protocol = peer->protocol;
	act->act_flags = flags;
	told(act, ring);
}

static __always_inline int see4(struct bpf_sock_addr *context, u8 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = state_of(task);
	struct peer peer = {};

	if (!state)
		return 1;
	peer.address[0] = context->user_ip4;
	peer.port = bpf_ntohs(context->user_port);
	peer.family = 4;
	peer.protocol = protocol_of(context->protocol);
	tell_peer(task, state, kind, &peer, 0);
	return 1;
}

static __always_inline int see6(struct bpf_sock_addr *context, u8 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = state_of(task);
	struct peer peer = {};

	if (!state)
		return 1;
	peer.address[0] = context->user_ip6[0];
	peer.address[1] = context->user_ip6[1];
	peer.address[2] = context->user_ip6[2];
	peer.address[3] = context->user_ip6[3];
	peer.port = bpf_ntohs(context->user_port);
	peer.family = 6;
	peer.protocol = protocol_of(context->protocol);
	unmap(&peer);
	tell_peer(task, state, kind, &peer, 0);
	return 1;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *context)
{
	return see4(context, SNUG_CONNECT);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *context)
{
	return see6(context, SNUG_CONNECT);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *context)
{
	return see4(context, SNUG_CONNECT);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *context)
{
	return see6(context, SNUG_CONNECT);
}

/* Whoever binds a datagram socket hears on it; a stream socket does so only once it listens. */
SEC("cgroup/bind4")
int on_bind4(struct bpf_sock_addr *context)
{
	return context->type == SOCK_DGRAM ? see4(context, SNUG_LISTEN) : 1;
}

SEC("cgroup/bind6")
int on_bind6(struct bpf_sock_addr *context)
{
	return context->type == SOCK_DGRAM ? see6(context, SNUG_LISTEN) : 1;
}

static __always_inline struct sock *socket_at(struct task_struct *task, u32 fd)
{
	struct file *file = file_at(task, fd);

	if (!file || (file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return 0;
	return bpf_core_cast(file->private_data, struct socket)->sk;
}

/* Also a listen on a socket that was never bound: the kernel has chosen the port by now. */
static __always_inline void tell_listen(struct call *call, u32 fd)
{
	struct sock *sock = socket_at(call->task, fd);
	struct peer peer = {};

	if (!sock)
		return;
	peer.protocol = protocol_of(sock->sk_protocol);
	peer.port = sock->__sk_common.skc_num;
	if (sock->__sk_common.skc_family == AF_INET) {
		peer.family = 4;
		peer.address[0] = sock->__sk_common.skc_rcv_saddr;
	} else if (sock->__sk_common.skc_family == AF_INET6) {
		peer.family = 6;
		peer.address[0] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0];
		peer.address[1] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1];
		peer.address[2] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2];
		peer.address[3] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3];
		unmap(&peer);
	} else {
		return;
	}
	tell_peer(call->task, call->state, SNUG_LISTEN, &peer, call->compat ? SNUG_COMPAT : 0);
}

/*
 * A unix socket by the file that its listener bound, not by the caller's string: the runtime's socket is the
 * runtime's, under whatever name it was mounted into the container. Abstract names begin with `@`.
 */
static __noinline int tell_unix(struct call *call, u32 fd)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct snug_task *state;
	struct unix_sock *peer;
	struct unix_address *address;
	struct verdict verdict;
	struct snug_act *act;
	struct sock *sock;
	u32 at, size;

	if (!call || !scratch)
		return 0;
	state = state_of(call->task);
	sock = socket_at(call->task, fd);
	if (!state || !sock || sock->__sk_common.skc_family != AF_UNIX)
		return 0;
	peer = bpf_core_cast(sock, struct unix_sock);
	if (!peer->peer)
		return 0;
	peer = bpf_core_cast(peer->peer, struct unix_sock);
	scratch->walk.cut = 0;
	if (peer->path.dentry) {
		walk_from(scratch, PLACE(peer->path), root_of(state, call->task));
		at = walk_text(scratch, SNUG_TEXT_MAX, true);
	} else {
		address = peer->addr;
		if (!address)
			return 0;
		size = address->len - sizeof(u16);
		if (size > 108)
			size = 108;
		at = SNUG_TEXT_MAX - size;
		/* The name follows the structure: refcount, length, then the address with its family. */
		bpf_probe_read_kernel(ACT_TEXT(scratch, at), size & 127,
				      (void *)((u64)address + bpf_core_type_size(struct unix_address) +
					       sizeof(u16)));
		*ACT_TEXT(scratch, at) = '@';
	}
	if (!novel(state, SNUG_MIX(keys, (u64)SNUG_CONNECT | (u64)SNUG_UNIX << 16,
				   hash_text(scratch, at)), &verdict))
		return 0;
	act = act_at(scratch, at);
	size = sizeof(*act) + SNUG_TEXT_MAX - at;
	fill(act, state, call->task, SNUG_CONNECT, verdict.key, size);
	act->protocol = SNUG_UNIX;
	act->act_flags = scratch->walk.cut ? SNUG_CUT : 0;
	act->text_size = SNUG_TEXT_MAX - at;
	tell_text(act, size, &verdict);
	return 0;
}

#endif
