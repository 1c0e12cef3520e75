// SPDX-License-Identifier: Apache-2.0
/*
 * Hashes as the kernel programs make them, of what the daemon sent: names, paths, and the rules of
 * a profile.
 */
#include <string.h>
#include "abi.h"
#include "hash.h"
#include "rule_key.h"
#include "sensor/rule_hash.h"

/* What a cut path begins with. */
static const char ellipsis[] = "\xe2\x80\xa6";

static __u64 word_at(const unsigned char *bytes, size_t size)
{
	__u64 word = 0;

	memcpy(&word, bytes, size < 8 ? size : 8);
	return word;
}

__u64 hash_bytes(const struct snug_keys *keys, const void *text, size_t size)
{
	const unsigned char *bytes = text;
	__u64 hash = SNUG_MIX_LEN(*keys, keys->seed, size);

	for (size_t at = 0; at < size; at += 8)
		hash = SNUG_MIX(*keys, hash, word_at(bytes + at, size - at));
	return hash;
}

static __u64 mix_part(const struct snug_keys *keys, __u64 hash, const unsigned char *part,
		      size_t size)
{
	hash = SNUG_MIX_LEN(*keys, hash, size);
	for (size_t at = 0; at < size; at += 8)
		hash = SNUG_MIX(*keys, hash, word_at(part + at, size - at));
	return hash;
}

/* The last part of a path by itself. */
__u64 hash_leaf(const struct snug_keys *keys, const void *text, size_t size)
{
	return mix_part(keys, keys->seed, text, size);
}

__u64 hash_tail(const struct snug_keys *keys, const void *text, size_t size)
{
	return SNUG_MIX(*keys, hash_bytes(keys, text, size), SNUG_DOMAIN_CUT);
}

/* From the end to the beginning, as a walk goes: a `..` takes back the part before it. */
static __u64 hash_parts(const struct snug_keys *keys, const unsigned char *bytes, size_t size)
{
	__u64 hash = keys->seed;
	size_t end = size, skip = 0;

	for (size_t at = size; at-- > 0;) {
		const unsigned char *part = bytes + at + 1;
		size_t length = end - at - 1;

		if (bytes[at] != '/')
			continue;
		end = at;
		if (!length || (length == 1 && part[0] == '.'))
			continue;
		if (length == 2 && part[0] == '.' && part[1] == '.')
			skip++;
		else if (skip)
			skip--;
		else
			hash = mix_part(keys, hash, part, length);
	}
	return hash;
}

/* An absolute path; what has no place in the tree (`memfd:x`); the tail of a path. */
__u64 hash_path(const struct snug_keys *keys, const void *text, size_t size)
{
	const unsigned char *bytes = text;

	if (size >= 3 && !memcmp(bytes, ellipsis, 3))
		return hash_tail(keys, bytes + 3, size - 3);
	if (!size || bytes[0] != '/')
		return SNUG_MIX(*keys, mix_part(keys, keys->seed, bytes, size), SNUG_DOMAIN_ALONE);
	return hash_parts(keys, bytes, size);
}

static __u64 address_hash(const struct snug_keys *keys, const struct snug_rule *rule)
{
	__u32 words[4];

	memcpy(words, rule->address, sizeof(words));
	return SNUG_RULE_ADDRESS(*keys, rule->family, (__u64)words[0] << 32 | words[1],
				 (__u64)words[2] << 32 | words[3]);
}

static __u64 peer_hash(const struct snug_keys *keys, const struct snug_rule *rule, const char *text)
{
	__u64 name;

	if (rule->flags & SNUG_PATTERN)
		return SNUG_RULE_SET(*keys, rule->set);
	if (rule->flags & SNUG_NAMED)
		return peer_name(keys, text, rule->text_size);
	if (rule->protocol == SNUG_UNIX) {
		name = rule->text_size >= 3 && !memcmp(text, ellipsis, 3) ?
			       hash_path(keys, text, rule->text_size) :
			       hash_bytes(keys, text, rule->text_size);
		return SNUG_MIX(*keys, name, SNUG_DOMAIN_UNIX);
	}
	if (!rule->family)
		return SNUG_MIX(*keys, SNUG_DOMAIN_OWN, 0);
	return address_hash(keys, rule);
}

__u64 peer_name(const struct snug_keys *keys, const void *text, size_t size)
{
	return SNUG_MIX(*keys, hash_bytes(keys, text, size), SNUG_DOMAIN_NAME);
}

static __u64 file_hash(const struct snug_keys *keys, const struct snug_rule *rule, const char *text)
{
	__u64 what = rule->flags & SNUG_PATTERN ? SNUG_RULE_SET(*keys, rule->set) :
						  hash_path(keys, text, rule->text_size);

	if (rule->code == SNUG_RENAME && !(rule->flags & SNUG_PATTERN))
		what = SNUG_RULE_PAIR(*keys, what,
				      hash_path(keys, text + rule->text_size, rule->to_size));
	return SNUG_RULE_FILE(*keys, rule->code, what);
}

static __u64 object_hash(const struct snug_keys *keys, const struct snug_rule *rule,
			 const char *text)
{
	__u64 about;

	switch (rule->kind) {
	case SNUG_EXEC:
		about = SNUG_RULE_EXEC(
			*keys, (rule->flags & SNUG_WITH_DRIFT) != 0,
			(rule->flags & SNUG_WITH_SOCKET) != 0,
			hash_path(keys, text, rule->text_size),
			rule->to_size ? hash_path(keys, text + rule->text_size, rule->to_size) : 0);
		return rule->flags & SNUG_PATTERN ? SNUG_RULE_ARGUMENTS(*keys, about, rule->set) :
						    about;
	case SNUG_FILE:
		return file_hash(keys, rule, text);
	case SNUG_CONNECT:
	case SNUG_LISTEN:
		return SNUG_RULE_PEER(*keys, rule->kind, rule->protocol,
				      rule->flags & SNUG_RANGE ? SNUG_PORT_DRAWN : rule->port,
				      peer_hash(keys, rule, text));
	case SNUG_IDENTITY:
		return SNUG_RULE_IDENTITY(*keys, rule->from_uid, rule->from_gid, rule->to_uid,
					  rule->to_gid);
	case SNUG_CAPABILITY:
		return SNUG_RULE_CAPABILITY(*keys, rule->code);
	}
	about = rule->flags & SNUG_PATTERN ? SNUG_RULE_SET(*keys, rule->set) :
					     hash_bytes(keys, text, rule->text_size);
	return SNUG_RULE_CALL(*keys, rule->code, rule->argument, about);
}

/*
 * The key by which the kernel finds the rule, or the range of its ports. The texts are those behind
 * it.
 */
__u64 rule_key(const struct snug_keys *keys, const struct snug_rule *rule, bool of_range)
{
	const char *exe = (const char *)(rule + 1);
	const char *script = exe + rule->exe_size, *text = script + rule->script_size;
	__u64 actor, object;

	if (rule->flags & SNUG_SHIPPED)
		return SNUG_RULE_KEY(*keys, keys->seed,
				     SNUG_RULE_SHIPPED(*keys,
						       hash_path(keys, text, rule->text_size)));
	actor = rule->flags & SNUG_GUARD ?
			keys->seed :
			SNUG_RULE_ACTOR(
				*keys, rule->exe_size ? hash_path(keys, exe, rule->exe_size) : 0,
				rule->script_size ? hash_path(keys, script, rule->script_size) : 0,
				rule->uid, rule->origin);
	object = object_hash(keys, rule, text);
	return SNUG_RULE_KEY(*keys, actor, of_range ? SNUG_RULE_RANGE(*keys, object) : object);
}
