/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads DNS answers, as src/agent/pipeline/sources/ebpf/dns-message.ts does: the same bytes by the
 * same rules, so that both find the same names. All addresses of an answer belong to the name that
 * was asked for.
 */
#ifndef SNUG_NAMING_H
#define SNUG_NAMING_H

#include "lib/kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hash.h"
#include "lib/answered.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "rule_key.h"
#include "shared.h"

#define DNS_HEAD 12
#define DNS_RESPONSE 0x80  /* in the third byte of a message */
#define DNS_OPERATION 0x78 /* in the third */
#define DNS_FAILED 0x0f	   /* in the fourth */
#define DNS_A 1
#define DNS_AAAA 28
#define DNS_INTERNET 1
#define DNS_LABEL_MAX 63
#define DNS_POINTER 0xc0
#define DNS_NAME_MAX 254 /* of the letters with a size before each label */
#define DNS_RECORD 10	 /* type, class, time, size */

#define MESSAGE_BYTE(scratch, at) ((scratch)->string[(at) & (2048 - 1)])

static __always_inline u32 message_16(const struct scratch *scratch, u32 at)
{
	return MESSAGE_BYTE(scratch, at) << 8 | MESSAGE_BYTE(scratch, at + 1);
}

/* As it lies there. */
static __always_inline u32 message_word(const struct scratch *scratch, u32 at)
{
	return MESSAGE_BYTE(scratch, at) | MESSAGE_BYTE(scratch, at + 1) << 8 |
	       MESSAGE_BYTE(scratch, at + 2) << 16 | (u32)MESSAGE_BYTE(scratch, at + 3) << 24;
}

static __always_inline void put_letter(struct scratch *scratch, u8 letter)
{
	struct naming *naming = &scratch->naming;

	*EVENT_TEXT(scratch, naming->out) = letter;
	naming->out++;
}

/* Upper case is the same name. Other bytes than those of host names are in decimal. */
static __always_inline void put_byte(struct scratch *scratch, u8 byte)
{
	u8 lower = byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;

	if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '-' ||
	    lower == '_') {
		put_letter(scratch, lower);
		return;
	}
	put_letter(scratch, '\\');
	put_letter(scratch, '0' + byte / 100);
	put_letter(scratch, '0' + byte / 10 % 10);
	put_letter(scratch, '0' + byte % 10);
}

/* One byte of the name that was asked for. */
static int question_step(u32 index, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct naming *naming = &scratch->naming;
	u32 byte = MESSAGE_BYTE(scratch, naming->at);

	if (naming->at >= naming->size)
		return 1;
	naming->at++;
	if (naming->label) {
		naming->label--;
		put_byte(scratch, byte);
		return 0;
	}
	naming->letters += byte + 1;
	if (!byte) {
		naming->whole = naming->out > 0;
		return 1;
	}
	if (byte > DNS_LABEL_MAX || naming->letters > DNS_NAME_MAX)
		return 1;
	naming->label = byte;
	if (!naming->out)
		return 0;
	put_letter(scratch, '.');
	if (!naming->domain)
		naming->domain = naming->out;
	return 0;
}

LONG_LOOP_STEP(question_step)

/* One that leads to the container itself, nowhere, or to the host says nothing about a peer. */
static __always_inline bool is_nobodys(u32 family, const u32 *address)
{
	u32 first = bpf_ntohl(address[0]);

	if (family == 4)
		return !first || first >> 24 == 127 || first >> 16 == 0xa9fe;
	return first >> 22 == 0xfe80 >> 6 ||
	       (!address[0] && !address[1] && !address[2] && bpf_ntohl(address[3]) <= 1);
}

static __always_inline void take_address(struct scratch *scratch, u32 at, u32 size)
{
	u32 address[4] = { message_word(scratch, at) }, family = 4;

	if (size == 16) {
		family = 6;
		address[1] = message_word(scratch, at + 4);
		address[2] = message_word(scratch, at + 8);
		address[3] = message_word(scratch, at + 12);
	}
	if (family == 6 && !address[0] && !address[1] && address[2] == bpf_htonl(0xffff)) {
		family = 4;
		address[0] = address[3];
		address[2] = 0;
		address[3] = 0;
	}
	if (!is_nobodys(family, address))
		note_answered(scratch,
			      SNUG_RULE_ADDRESS(keys, family, (u64)address[0] << 32 | address[1],
						(u64)address[2] << 32 | address[3]));
}

/* One label of a record's owner, or what follows the owner. */
static int record_step(u32 index, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct naming *naming = &scratch->naming;
	u32 at = naming->at, byte = MESSAGE_BYTE(scratch, at), type, size;

	if (at >= naming->size || !naming->records)
		return 1;
	if (!naming->in_record) {
		naming->in_record = !byte || byte >= DNS_POINTER;
		naming->at += byte >= DNS_POINTER ? 2 : byte + 1;
		return byte > DNS_LABEL_MAX && byte < DNS_POINTER;
	}
	type = message_16(scratch, at);
	size = message_16(scratch, at + 8);
	if (at + DNS_RECORD + size > naming->size)
		return 1;
	if (message_16(scratch, at + 2) == DNS_INTERNET &&
	    ((type == DNS_A && size == 4) || (type == DNS_AAAA && size == 16)))
		take_address(scratch, at + DNS_RECORD, size);
	naming->at = at + DNS_RECORD + size;
	naming->in_record = 0;
	naming->records--;
	return 0;
}

LONG_LOOP_STEP(record_step)

static __always_inline u64 hash_name(struct scratch *scratch, u32 at)
{
	return SNUG_MIX(keys, hash_range(scratch, at, scratch->naming.out), SNUG_DOMAIN_NAME);
}

/* A successful answer to one question for an address. */
static __always_inline bool is_address_answer(const struct scratch *scratch, u32 from)
{
	u32 third = MESSAGE_BYTE(scratch, from + 2), fourth = MESSAGE_BYTE(scratch, from + 3);

	return third & DNS_RESPONSE && !(third & DNS_OPERATION) && !(fourth & DNS_FAILED) &&
	       message_16(scratch, from + 4) == 1;
}

/*
 * Reads the message in `string`, from `from` to `size`. What is about the container and the
 * resolver is in `naming`.
 */
static __always_inline void name_addresses(struct scratch *scratch, u32 from, u32 size)
{
	struct naming *naming = &scratch->naming;
	u32 type;

	if (!is_address_answer(scratch, from))
		return;
	naming->at = from + DNS_HEAD;
	naming->size = size;
	naming->label = 0;
	naming->letters = 0;
	naming->out = 0;
	naming->domain = 0;
	naming->whole = 0;
	naming->in_record = 0;
	naming->records = message_16(scratch, from + 6);
	LOOP(DNS_NAME_MAX + 1, question_step, scratch);
	if (!naming->whole || naming->at + 4 > size)
		return;
	type = message_16(scratch, naming->at);
	if ((type != DNS_A && type != DNS_AAAA) ||
	    message_16(scratch, naming->at + 2) != DNS_INTERNET)
		return;
	put_letter(scratch, '.');
	/* As the sensor hashes the name of a peer in a rule. */
	naming->name = hash_name(scratch, 0);
	naming->wildcard = 0;
	if (naming->domain >= 2) {
		*EVENT_TEXT(scratch, naming->domain - 2) = '*';
		naming->wildcard = hash_name(scratch, naming->domain - 2);
	}
	naming->at += 4;
	LOOP(SNUG_MESSAGE_MAX, record_step, scratch);
}

#endif
