/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers and ports. The cgroup hooks see connect and datagrams however they are asked for (io_uring
 * too) and are where they can be refused. They can be preempted: no scratch here.
 */
#ifndef SNUG_NETWORK_H
#define SNUG_NETWORK_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/file.bpf.h"
#include "hash.h"
#include "lib/answered.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/stop.bpf.h"
#include "network/connection.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

#define DNS_PORT 53

static __always_inline u8 protocol_of(u32 protocol)
{
	return protocol == SNUG_TCP || protocol == SNUG_UDP ? protocol : SNUG_OTHER;
}

/* An IPv4 address has one form, also where it comes mapped into IPv6. */
static __always_inline void unmap_ipv4(struct peer *peer)
{
	if (peer->address[0] || peer->address[1] || peer->address[2] != bpf_htonl(0xffff))
		return;
	peer->family = 4;
	peer->address[0] = peer->address[3];
	peer->address[2] = 0;
	peer->address[3] = 0;
}

/* False for one that is not of the internet. `any`: the family where the caller left that open. */
static __always_inline bool peer_of(const struct socket_address *given, u32 size, struct peer *peer,
				    u32 any)
{
	peer->port = bpf_ntohs(given->port);
	if (given->family == AF_INET || (given->family == 0 && any == AF_INET)) {
		peer->family = 4;
		peer->address[0] = given->word[0];
		return true;
	}
	if (given->family != AF_INET6 || size < sizeof(*given))
		return false;
	peer->family = 6;
	peer->address[0] = given->word[1];
	peer->address[1] = given->word[2];
	peer->address[2] = given->word[3];
	peer->address[3] = given->word[4];
	unmap_ipv4(peer);
	return true;
}

static __always_inline u8 protocol_of_socket(const struct sock *sock)
{
	return sock->sk_protocol == IPPROTO_MPTCP ? SNUG_TCP : protocol_of(sock->sk_protocol);
}

/* 0: it has none, as nobody asked for it. */
static __always_inline u64 cookie_of(const struct sock *sock)
{
	return sock->sk_type == SOCK_DGRAM ? sock->__sk_common.skc_cookie.counter : 0;
}

static __always_inline u64 peer_object(u8 kind, const struct peer *peer)
{
	u64 object = SNUG_MIX(keys, keys.seed,
			      (u64)kind | (u64)peer->family << 8 | (u64)peer->protocol << 16 |
				      (u64)peer->port << 32);

	object = SNUG_MIX(keys, object, (u64)peer->address[0] << 32 | peer->address[1]);
	return SNUG_MIX(keys, object, (u64)peer->address[2] << 32 | peer->address[3]);
}

/* Word by word: a copy in between would be on the stack of a chain of calls, which shares 512
 * bytes. */
static __always_inline void make_trie_key(const struct peer *peer, struct snug_trie_key *key)
{
	bool mapped = peer->family == 4;
	u32 *words = (u32 *)key->address;

	key->bits = 128;
	words[0] = mapped ? 0 : peer->address[0];
	words[1] = mapped ? 0 : peer->address[1];
	words[2] = mapped ? bpf_htonl(0xffff) : peer->address[2];
	words[3] = mapped ? peer->address[0] : peer->address[3];
}

static __always_inline u64 literal_address(const struct peer *peer)
{
	return SNUG_RULE_ADDRESS(keys, peer->family, (u64)peer->address[0] << 32 | peer->address[1],
				 (u64)peer->address[2] << 32 | peer->address[3]);
}

/*
 * A local address that is neither loopback nor a wildcard is the container's own, and differs in
 * each.
 */
static __always_inline bool is_local_address(const struct peer *peer)
{
	if (peer->family == 4)
		return peer->address[0] && (bpf_ntohl(peer->address[0]) >> 24) != 127;
	return peer->address[0] || peer->address[1] || peer->address[2] ||
	       (peer->address[3] && peer->address[3] != bpf_htonl(1));
}

static __always_inline bool is_loopback(const struct peer *peer)
{
	if (peer->family == 4)
		return (bpf_ntohl(peer->address[0]) >> 24) == 127;
	return !peer->address[0] && !peer->address[1] && !peer->address[2] &&
	       peer->address[3] == bpf_htonl(1);
}

/*
 * The rule for a peer: `who` is the hash of its name or address, `what` its port, protocol and
 * kind. Else whether the port is one of those that the actor draws from; such events are one count.
 */
CHECKED_ONCE u32 rule_of_peer(struct ruling *ruling, struct snug_task *state, u64 who, u32 what)
{
	u32 kind = what >> 24, protocol = what >> 16 & 0xff, port = what & 0xffff, found;
	u64 range = 0, rule, actor;

	if (!ruling || !state)
		return RULE_NONE;
	actor = kind == SNUG_CONNECT ? ruled_actor(ruling, state) : state->actor;
	rule = SNUG_RULE_PEER(keys, kind, protocol, port, who);
	found = lookup_rule(ruling, actor, rule, &ruling->tags[0]);
	if (found != RULE_NONE)
		return found;
	rule = SNUG_RULE_PEER(keys, kind, protocol, SNUG_PORT_DRAWN, who);
	if (lookup_rule(ruling, actor, SNUG_RULE_RANGE(keys, rule), &range) != RULE_ALLOW ||
	    port < (range & 0xffff) || port > (range >> 16 & 0xffff))
		return RULE_NONE;
	found = lookup_rule(ruling, actor, rule, &ruling->tags[0]);
	if (found == RULE_ALLOW)
		count_by_rules(state, ruling);
	return found;
}

static __always_inline u32 lookup_who(struct snug_task *state, struct verdict *verdict, u8 kind,
				      const struct peer *peer, u64 who)
{
	return rule_of_peer(&verdict->ruling, state, who,
			    (u32)kind << 24 | (u32)peer->protocol << 16 | peer->port);
}

/* The name of a connection's peer. What an engine knows comes first. */
CHECKED_ONCE int find_name(struct snug_task *state, struct peer *peer, struct peer_name *name)
{
	struct snug_trie_key key;
	u64 *given;

	if (!state || !peer || !name)
		return 0;
	make_trie_key(peer, &key);
	given = bpf_map_lookup_elem(&peers, &key);
	name->hash = 0;
	name->by = NAMED_NOT;
	if (given) {
		name->hash = *given;
		name->by = NAMED_BY_ENGINE;
	} else {
		find_answered(state, literal_address(peer), name);
	}
	return 0;
}

/* The rule for the longest block of addresses that has the peer's. */
CHECKED_ONCE u32 rule_of_block(struct ruling *ruling, struct snug_task *state, struct peer *peer)
{
	u32 profile, *prefix;
	struct snug_trie_key key;
	void *blocks;

	if (!ruling || !state || !peer)
		return RULE_NONE;
	profile = SNUG_POLICY_PROFILE(ruling->policy_state);
	make_trie_key(peer, &key);
	blocks = bpf_map_lookup_elem(&prefixes, &profile);
	prefix = blocks ? bpf_map_lookup_elem(blocks, &key) : 0;
	return prefix ? lookup_rule(ruling, ruled_actor(ruling, state),
				    SNUG_RULE_PEER(keys, SNUG_CONNECT, peer->protocol, peer->port,
						   SNUG_RULE_SET(keys, *prefix)),
				    &ruling->tags[0]) :
			RULE_NONE;
}

/*
 * Whether the container may have found the address by an answer that was not seen: it ran before
 * the sensor, or the sensor sees none. Only where its version has peers by DNS name.
 */
static __always_inline bool may_be_named(const struct verdict *verdict)
{
	const struct snug_slot *slot = slot_at(verdict->slot);
	u64 tag;

	if (!slot ||
	    lookup_rule(&verdict->ruling, keys.seed, SNUG_RULE_NAMES(keys), &tag) == RULE_NONE)
		return false;
	return control.without_answers ||
	       (slot->before && bpf_ktime_get_ns() - slot->began < SNUG_FOUND_BEFORE);
}

/*
 * The rule for a name that DNS gave: for the name itself, else for the wildcard that it is of. What
 * a wildcard allows is one count.
 */
CHECKED_ONCE u32 rule_of_answer(struct ruling *ruling, struct snug_task *state, struct peer *peer,
				u64 name)
{
	u64 wildcard, rule;
	u32 found;

	if (!ruling || !state || !peer)
		return RULE_NONE;
	found = rule_of_peer(ruling, state, name,
			     SNUG_CONNECT << 24 | (u32)peer->protocol << 16 | peer->port);
	if (found != RULE_NONE)
		return found;
	wildcard = answered_wildcard(state->slot, state->container, literal_address(peer), name);
	if (!wildcard)
		return RULE_NONE;
	rule = SNUG_RULE_PEER(keys, SNUG_CONNECT, peer->protocol, peer->port, wildcard);
	found = lookup_rule(ruling, ruled_actor(ruling, state), rule, &ruling->tags[0]);
	if (found == RULE_ALLOW)
		count_by_rules(state, ruling);
	return found;
}

/*
 * The peer of a connection. A peer with a name is judged by that name; where DNS gave it, also by
 * its address.
 */
static __always_inline void judge_connect(struct snug_task *state, struct verdict *verdict,
					  struct peer *peer, const struct peer_name *name)
{
	u32 by_name = RULE_NONE, found = RULE_NONE;

	if (name->by == NAMED_BY_ENGINE)
		by_name = lookup_who(state, verdict, SNUG_CONNECT, peer, name->hash);
	else if (name->by != NAMED_NOT)
		by_name = rule_of_answer(&verdict->ruling, state, peer, name->hash);
	if (name->by != NAMED_BY_ANYONE)
		found = by_name;
	if (found == RULE_NONE && name->by != NAMED_BY_ENGINE)
		found = lookup_who(state, verdict, SNUG_CONNECT, peer, literal_address(peer));
	if (found == RULE_NONE)
		found = rule_of_block(&verdict->ruling, state, peer);
	if (found == RULE_ALLOW) {
		if (spares_actors(&verdict->ruling))
			leave_to_daemon(verdict);
		return;
	}
	verdict->deviates = DEVIATES;
	if (name->by == NAMED_BY_ANYONE ?
		    by_name == RULE_ALLOW :
		    found == RULE_NONE && name->by == NAMED_NOT && may_be_named(verdict))
		verdict->deviates = DEVIATES_UNSTOPPED;
	if (found == RULE_NONE && is_loopback(peer) && spares_unguarded(&verdict->ruling))
		verdict->deviates = DEVIATES_UNSTOPPED;
}

static __always_inline void judge_peer(struct snug_task *state, struct verdict *verdict, u8 kind,
				       struct peer *peer, const struct peer_name *name)
{
	u64 who;
	u32 found;

	if (!has_profile(verdict))
		return;
	if (kind == SNUG_CONNECT) {
		judge_connect(state, verdict, peer, name);
		return;
	}
	who = is_local_address(peer) ? SNUG_MIX(keys, SNUG_DOMAIN_OWN, 0) : literal_address(peer);
	found = lookup_who(state, verdict, kind, peer, who);
	verdict->deviates = found != RULE_ALLOW;
}

/* Who has the port of resolvers may name the container's peers: see network/asked.bpf.h. */
static __always_inline void note_resolver(struct verdict *verdict, const struct peer *peer)
{
	struct snug_slot *slot = slot_at(verdict->slot);

	if (!slot || peer->port != DNS_PORT)
		return;
	if (!verdict->deviates)
		slot->answers_itself = 1;
	else if (!must_stop(verdict))
		slot->may_forge = 1;
}

/*
 * True where the event may go on. `stop`: how a stopped event is reported by this caller.
 * `verdict`: memory for it, which is not on the stack where that has little left.
 */
static __always_inline bool report_peer(struct task_struct *task, struct snug_task *state, u8 kind,
					struct peer *peer, u32 flags, u32 stop,
					struct verdict *verdict)
{
	u64 object = peer_object(kind, peer);
	struct peer_name name = {};
	struct snug_event *event;
	u32 found;
	void *ring;

	/*
	 * An address with another name is another peer: an earlier decision on it no longer
	 * applies.
	 */
	if (kind == SNUG_CONNECT)
		find_name(state, peer, &name);
	if (name.by != NAMED_NOT)
		object = SNUG_MIX(keys, object, name.hash ^ (name.by == NAMED_BY_ANYONE));
	found = lookup_seen(state, kind, object, verdict);
	if (kind == SNUG_CONNECT && !is_loopback(peer))
		verdict->refusing |= SNUG_HOLD_NETWORK;
	if (found == SEEN_NEW) {
		judge_peer(state, verdict, kind, peer, &name);
		found = record_verdict(state, verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (kind == SNUG_LISTEN)
		note_resolver(verdict, peer);
	found = note_stop(verdict, found, stop);
	event = found == SEEN_COUNTED ? 0 : reserve_event(state, task, kind, verdict, &ring);
	if (event) {
		__builtin_memcpy(event->address, peer->address, sizeof(event->address));
		event->port = peer->port;
		event->family = peer->family;
		event->protocol = peer->protocol;
		event->event_flags = flags | stop_flag(verdict, stop);
		submit_event(event, ring);
	}
	return !must_stop(verdict);
}

static __always_inline u64 caller_key(u64 cookie, const struct peer *peer)
{
	return SNUG_MIX(keys, peer_object(SNUG_CONNECT, peer), cookie);
}

/*
 * Whether a datagram answers one that the same socket received from this address. An answer is no
 * connection, as little as what is sent on an accepted one: the other side began.
 */
static __always_inline bool is_answer(u64 cookie, const struct peer *peer)
{
	u64 key = caller_key(cookie, peer);

	return cookie && bpf_map_lookup_elem(&callers, &key);
}

/* Whether its first data are. What stays in the network namespace has no server by name. */
static __always_inline bool is_looked_into(u8 kind, const struct peer *peer)
{
	return reads_hellos && kind == SNUG_CONNECT && peer->protocol == SNUG_TCP &&
	       !is_loopback(peer);
}

static __always_inline int on_received(struct bpf_sock_addr *context, struct peer *peer)
{
	u64 key;
	u8 yes = 1;

	peer->port = bpf_ntohs(context->user_port);
	peer->protocol = protocol_of(context->protocol);
	key = caller_key(bpf_get_socket_cookie(context), peer);
	if (!bpf_map_lookup_elem(&callers, &key))
		bpf_map_update_elem(&callers, &key, &yes, BPF_ANY);
	return 1;
}

/* `cookie`: of the socket that a datagram is sent by; 0: it is none, or not of this hook. */
static __always_inline int on_sock_addr4(struct bpf_sock_addr *context, u8 kind, u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = state_of(task);
	struct peer peer = {};
	struct verdict verdict;

	if (!state || !is_acting_generation(state, OLDER_FIRST))
		return 1;
	peer.address[0] = context->user_ip4;
	peer.port = bpf_ntohs(context->user_port);
	peer.family = 4;
	peer.protocol = protocol_of(context->protocol);
	if (is_answer(cookie, &peer))
		return 1;
	if (!report_peer(task, state, kind, &peer, 0, SNUG_REFUSED, &verdict))
		return 0;
	if (is_looked_into(kind, &peer))
		note_connection(bpf_get_socket_cookie(context), state, &peer);
	return 1;
}

static __always_inline int on_sock_addr6(struct bpf_sock_addr *context, u8 kind, u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = state_of(task);
	struct peer peer = {};
	struct verdict verdict;

	if (!state || !is_acting_generation(state, OLDER_FIRST))
		return 1;
	peer.address[0] = context->user_ip6[0];
	peer.address[1] = context->user_ip6[1];
	peer.address[2] = context->user_ip6[2];
	peer.address[3] = context->user_ip6[3];
	peer.port = bpf_ntohs(context->user_port);
	peer.family = 6;
	peer.protocol = protocol_of(context->protocol);
	unmap_ipv4(&peer);
	if (is_answer(cookie, &peer))
		return 1;
	if (!report_peer(task, state, kind, &peer, 0, SNUG_REFUSED, &verdict))
		return 0;
	if (is_looked_into(kind, &peer))
		note_connection(bpf_get_socket_cookie(context), state, &peer);
	return 1;
}

/*
 * Why these hooks: they see connect and datagrams of every caller, io_uring too, after the address
 * was copied from user space, and they can refuse. Task storage here needs Linux 6.15.
 */
SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *context)
{
	return on_sock_addr4(context, SNUG_CONNECT, 0);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *context)
{
	return on_sock_addr6(context, SNUG_CONNECT, 0);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *context)
{
	return on_sock_addr4(context, SNUG_CONNECT, bpf_get_socket_cookie(context));
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *context)
{
	return on_sock_addr6(context, SNUG_CONNECT, bpf_get_socket_cookie(context));
}

static __always_inline bool is_of_container(void)
{
	return callers_of_all || state_of(bpf_get_current_task_btf());
}

/*
 * Why these hooks: they see the sender of each datagram whose receiver asked for it, whatever call
 * received it. A server cannot answer one that it did not ask for.
 */
SEC("cgroup/recvmsg4")
int on_recvmsg4(struct bpf_sock_addr *context)
{
	struct peer peer = { .family = 4 };

	if (!is_of_container())
		return 1;
	peer.address[0] = context->user_ip4;
	return on_received(context, &peer);
}

SEC("cgroup/recvmsg6")
int on_recvmsg6(struct bpf_sock_addr *context)
{
	struct peer peer = { .family = 6 };

	if (!is_of_container())
		return 1;
	peer.address[0] = context->user_ip6[0];
	peer.address[1] = context->user_ip6[1];
	peer.address[2] = context->user_ip6[2];
	peer.address[3] = context->user_ip6[3];
	unmap_ipv4(&peer);
	return on_received(context, &peer);
}

/*
 * A bound datagram socket receives at once; a stream socket only after listen(). But one that has
 * the port of resolvers and connects can send answers of DNS to its own container.
 */
static __always_inline bool binds_for_others(u32 type, u32 port)
{
	return type == SOCK_DGRAM || (type == SOCK_STREAM && port == DNS_PORT);
}

/* Why these hooks, and not listen: a datagram socket never calls listen(). */
SEC("cgroup/bind4")
int on_bind4(struct bpf_sock_addr *context)
{
	return !binds_for_others(context->type, bpf_ntohs(context->user_port)) ||
	       on_sock_addr4(context, SNUG_LISTEN, 0);
}

SEC("cgroup/bind6")
int on_bind6(struct bpf_sock_addr *context)
{
	return !binds_for_others(context->type, bpf_ntohs(context->user_port)) ||
	       on_sock_addr6(context, SNUG_LISTEN, 0);
}

static __always_inline struct sock *socket_at(struct task_struct *task, u32 fd)
{
	struct file *file = file_at(task, fd);

	if (!file || (file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return 0;
	return bpf_core_cast(file->private_data, struct socket)->sk;
}

static __always_inline u32 kill_of_socket(struct task_struct *task, u32 fd)
{
	struct file *file = file_at(task, fd);

	return file ? kill_of_file(task, file) : SNUG_HELD_BY_OTHERS;
}

/* Where a socket is bound to. False for one that is not of the internet. */
static __always_inline bool local_address(const struct sock *sock, struct peer *peer)
{
	peer->protocol = protocol_of(sock->sk_protocol);
	peer->port = sock->__sk_common.skc_num;
	if (sock->__sk_common.skc_family == AF_INET) {
		peer->family = 4;
		peer->address[0] = sock->__sk_common.skc_rcv_saddr;
		return true;
	}
	if (sock->__sk_common.skc_family != AF_INET6)
		return false;
	peer->family = 6;
	peer->address[0] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0];
	peer->address[1] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1];
	peer->address[2] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2];
	peer->address[3] = sock->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3];
	unmap_ipv4(peer);
	return true;
}

/* Also a listen on a socket that was never bound: the kernel has chosen the port by now. */
static __noinline void report_listen(struct call *call, u32 fd)
{
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct sock *sock = socket_at(call->task, fd);
	struct peer peer = {};

	if (!scratch || !sock || !local_address(sock, &peer))
		return;
	if (!report_peer(call->task, call->state, SNUG_LISTEN, &peer,
			 call->compat ? SNUG_COMPAT : 0, kill_of_socket(call->task, fd),
			 &scratch->verdict))
		kill_current();
}

#endif
