/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The name of the server that a client asks for in TLS. Where many names share an address, the
 * address says little. The name stands in the first data of a connection, in the clear. It is what
 * the program says: it makes no peer expected, and a connection that names another server than its
 * profile has deviates, even if its address is expected.
 */
#if !defined(SNUG_HELLO_H) && !defined(SNUG_PORTABLE)
#define SNUG_HELLO_H

#include "lib/kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/security.bpf.h"
#include "network/asked.bpf.h"
#include "network/naming.bpf.h"
#include "network/network.bpf.h"
#include "rule_key.h"
#include "shared.h"

#define TLS_HANDSHAKE 22
#define TLS_MAJOR 3
#define TLS_CLIENT_HELLO 1
#define TLS_HEAD 5	  /* of a record */
#define TLS_MESSAGE 4	  /* the head of a message in it */
#define TLS_SESSION_AT 43 /* behind the version and 32 random bytes */
#define TLS_EXTENSIONS_MAX 64
#define TLS_SERVER_NAME 0
#define TLS_NAME_MAX 255
#define HELLO_MAX SNUG_PATH_MAX

#define HELLO_BYTE(scratch, at) ((scratch)->string[(at) & (HELLO_MAX - 1)])

enum hello {
	HELLO_NAMES_NONE = 0,
	HELLO_NAMES_SERVER,
	/* It is not whole, or goes beyond what is read: what it names stays hidden. */
	HELLO_HIDES,
};

static __always_inline u32 hello_16(const struct scratch *scratch, u32 at)
{
	return HELLO_BYTE(scratch, at) << 8 | HELLO_BYTE(scratch, at + 1);
}

/* One extension. Leaves `at` at the name and its length in `label`, where this is the one. */
static int extension_step(u32 index, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct naming *naming = &scratch->naming;
	u32 at = naming->at, size;

	if (at + 4 > naming->size) {
		naming->whole = at == naming->size;
		return 1;
	}
	size = hello_16(scratch, at + 2);
	if (hello_16(scratch, at) != TLS_SERVER_NAME) {
		naming->at = at + 4 + size;
		return 0;
	}
	/* A list of one name: its length, the type of the name, the length of the name. */
	naming->label = hello_16(scratch, at + 7);
	naming->at = at + 9;
	naming->letters = size >= 5 && !HELLO_BYTE(scratch, at + 6) && naming->label &&
			  naming->label <= TLS_NAME_MAX && naming->label + 5 <= size &&
			  naming->at + naming->label <= naming->size;
	return 1;
}

static int letter_step(u32 index, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct naming *naming = &scratch->naming;
	u32 byte = HELLO_BYTE(scratch, naming->at);

	if (!naming->label)
		return 1;
	naming->label--;
	naming->at++;
	if (byte != '.') {
		put_byte(scratch, byte);
		return 0;
	}
	/* With or without a dot at its end it is the same name. */
	if (!naming->label)
		return 1;
	put_letter(scratch, '.');
	if (!naming->domain)
		naming->domain = naming->out;
	return 0;
}

/* Where the extensions of the hello begin and end. False where it is not whole. */
static __always_inline bool find_extensions(struct scratch *scratch, u32 size)
{
	struct naming *naming = &scratch->naming;
	u32 record = hello_16(scratch, 3), message, at;

	message = HELLO_BYTE(scratch, 6) << 16 | hello_16(scratch, 7);
	if (TLS_HEAD + record > size || TLS_MESSAGE + message > record)
		return false;
	at = TLS_SESSION_AT + 1 + HELLO_BYTE(scratch, TLS_SESSION_AT);
	at += 2 + hello_16(scratch, at);
	if (at >= size)
		return false;
	at += 1 + HELLO_BYTE(scratch, at);
	naming->size = TLS_HEAD + TLS_MESSAGE + message;
	naming->at = at + 2;
	/* Without extensions it ends here. */
	if (at == naming->size)
		naming->at = at;
	else if (at + 2 > size || at + 2 + hello_16(scratch, at) != naming->size)
		return false;
	return naming->at <= naming->size;
}

/* Of the first `size` bytes of a connection, which are in `string`. */
static __always_inline enum hello read_hello(struct scratch *scratch, u32 size)
{
	struct naming *naming = &scratch->naming;

	naming->label = 0;
	naming->letters = 0;
	naming->out = 0;
	naming->domain = 0;
	naming->whole = 0;
	if (!find_extensions(scratch, size))
		return HELLO_HIDES;
	bpf_loop(TLS_EXTENSIONS_MAX, extension_step, &scratch, 0);
	if (!naming->letters)
		return naming->whole ? HELLO_NAMES_NONE : HELLO_HIDES;
	bpf_loop(TLS_NAME_MAX, letter_step, &scratch, 0);
	return HELLO_NAMES_SERVER;
}

/* As the sensor hashes the names of peers. The text stays as it is. */
static __always_inline void hash_server(struct scratch *scratch)
{
	struct naming *naming = &scratch->naming;
	u8 *before, letter;

	put_letter(scratch, '.');
	naming->name = hash_name(scratch, 0);
	naming->wildcard = 0;
	if (naming->domain < 2)
		return;
	before = EVENT_TEXT(scratch, naming->domain - 2);
	letter = *before;
	*before = '*';
	naming->wildcard = hash_name(scratch, naming->domain - 2);
	*EVENT_TEXT(scratch, naming->domain - 2) = letter;
}

static __always_inline u64 server_object(const struct snug_connection *connection, u64 name)
{
	u64 kind = SNUG_CONNECT | SNUG_TCP << 8 | SNUG_SERVER_NAME << 8;

	return SNUG_MIX(keys, SNUG_MIX(keys, keys.seed, kind | (u64)connection->port << 32), name);
}

/* By its name alone: an address that is expected makes no other name expected. */
static __always_inline void judge_server(struct scratch *scratch,
					 struct snug_connection *connection)
{
	struct verdict *verdict = &scratch->verdict;
	u32 what = SNUG_CONNECT << 24 | SNUG_TCP << 16 | connection->port, found;
	u64 wildcard = scratch->naming.wildcard;
	struct snug_task *task = &connection->task;

	if (!has_profile(verdict))
		return;
	found = rule_of_peer(&verdict->ruling, task, scratch->naming.name, what);
	if (found == RULE_NONE && wildcard) {
		found = lookup_rule(&verdict->ruling, ruled_actor(&verdict->ruling, task),
				    SNUG_RULE_PEER(keys, SNUG_CONNECT, SNUG_TCP, connection->port,
						   wildcard),
				    &verdict->ruling.tags[0]);
		if (found == RULE_ALLOW)
			count_by_rules(task, &verdict->ruling);
	}
	if (found == RULE_ALLOW) {
		if (spares_actors(&verdict->ruling))
			leave_to_daemon(verdict);
		return;
	}
	verdict->deviates = DEVIATES;
	if (found == RULE_NONE &&
	    verdict->policy_state & SNUG_POLICY_SPARES(SNUG_SPARES_SERVER_NAME))
		verdict->deviates = DEVIATES_UNSTOPPED;
}

/* False where the data must not leave. */
static __noinline int judge_hello(struct scratch *scratch, struct snug_connection *connection)
{
	struct verdict *verdict = &scratch->verdict;
	struct snug_event *event = event_at(scratch, 0);
	struct snug_task *task = &connection->task;
	u32 found, size = scratch->naming.out;

	hash_server(scratch);
	size = scratch->naming.out;
	found = lookup_seen(task, SNUG_CONNECT, server_object(connection, scratch->naming.name),
			    verdict);
	if (found == SEEN_NEW) {
		judge_server(scratch, connection);
		found = record_verdict(task, verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (note_stop(verdict, found, SNUG_REFUSED) != SEEN_COUNTED) {
		size += sizeof(*event);
		fill_event_of(event, task, connection->pid, connection->ppid, SNUG_CONNECT,
			      verdict->key, size);
		__builtin_memcpy(event->address, connection->address, sizeof(event->address));
		event->port = connection->port;
		event->family = connection->family;
		event->protocol = SNUG_TCP;
		event->event_flags = SNUG_SERVER_NAME | stop_flag(verdict, SNUG_REFUSED);
		event->text_size = size - sizeof(*event);
		output_event(event, size, verdict);
	}
	return !must_stop(verdict);
}

/* Without who made the connection nothing can be judged, and what blocks lets nothing pass. */
static __noinline int lose_hello(struct snug_slot *slot)
{
	struct verdict verdict = {};

	COUNT(received);
	count_drop(slot, SNUG_DROP_TASK);
	load_policy(slot, &verdict);
	verdict.kind = SNUG_CONNECT;
	verdict.deviates = verdict.policy_state & SNUG_POLICY_SPARES(SNUG_SPARES_SERVER_NAME) ?
				   DEVIATES_UNSTOPPED :
				   DEVIATES;
	return !must_stop(&verdict);
}

/* The name of one that hides it. No name has this byte: `put_byte` writes it in decimal. */
static __always_inline void hide_name(struct scratch *scratch)
{
	scratch->naming.out = 0;
	scratch->naming.domain = 0;
	put_letter(scratch, '?');
}

static __noinline int report_hello(struct __sk_buff *context, struct snug_connection *connection,
				   u32 at)
{
	u32 size = context->len - at, depth;
	enum hello hello = HELLO_HIDES;
	struct lsm_scratch *lsm_scratch;
	struct scratch *scratch;
	int leaves = 1;

	if (!connection)
		return 1;
	lsm_scratch = acquire_scratch(&connection->task, &depth);
	if (!lsm_scratch)
		return !unjudged(&connection->task, SNUG_CONNECT);
	scratch = &lsm_scratch->scratch;
	if (size > HELLO_MAX)
		size = HELLO_MAX;
	asm volatile("" : "+r"(size));
	if (size > TLS_SESSION_AT + 2 && !bpf_skb_load_bytes(context, at, scratch->string, size))
		hello = read_hello(scratch, size);
	if (hello == HELLO_HIDES)
		hide_name(scratch);
	if (hello != HELLO_NAMES_NONE)
		leaves = judge_hello(scratch, connection);
	release_scratch(depth);
	return leaves;
}

/* A client's hello in TLS, or as much of one as there is. */
static __always_inline bool is_hello(struct __sk_buff *context, u32 at)
{
	u8 head[6];

	if (bpf_skb_load_bytes(context, at, head, sizeof(head)))
		return !bpf_skb_load_bytes(context, at, head, 1) && head[0] == TLS_HANDSHAKE;
	return head[0] == TLS_HANDSHAKE && head[1] == TLS_MAJOR && head[5] == TLS_CLIENT_HELLO;
}

enum sent {
	SENT_LATER = 0,
	SENT_FIRST,
	SENT_EARLY, /* before the peer has confirmed the first data */
};

/* Which data of the socket the packet has. It may have them again. */
static __always_inline enum sent sent_by(struct __sk_buff *context, u32 sequence)
{
	struct bpf_sock *sock = context->sk;
	struct bpf_tcp_sock *tcp;

	if (!sock)
		return SENT_LATER;
	tcp = bpf_tcp_sock(sock);
	if (!tcp || tcp->bytes_acked > 1)
		return SENT_LATER;
	return tcp->snd_una == sequence ? SENT_FIRST : SENT_EARLY;
}

/* What comes behind refused data does not leave either: their receiver would see it all the same.
 */
static __noinline int hello_may_leave(struct __sk_buff *context, u32 at, enum sent sent)
{
	u64 cookie = bpf_get_socket_cookie(context);
	struct snug_connection *connection = bpf_map_lookup_elem(&connections, &cookie);
	struct snug_slot *slot;
	u32 number;

	if (sent == SENT_EARLY)
		return !connection || !connection->refused;
	if (!is_hello(context, at))
		return 1;
	slot = slot_of_socket(context, &number);
	if (!slot)
		return 1;
	if (!connection)
		return lose_hello(slot);
	connection->refused = !report_hello(context, connection, at);
	return !connection->refused;
}

#endif
