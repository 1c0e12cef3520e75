// SPDX-License-Identifier: Apache-2.0
/*
 * Profiles. A profile is built apart, under a number that no version uses, and comes into force by
 * its version's policy state. The one before is removed later: a program that read the old state
 * may still be about to look into it, and the next change of an outer map waits for all such
 * programs.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "abi.h"
#include "rule_key.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/log.h"
#include "sensor/profile.h"
#include "sensor/rule_hash.h"

/* A profile under construction, for the version with the same index. */
struct draft {
	bool open;
	int rules;
	int automaton; /* -1: no pattern */
	int prefixes;  /* -1: no block of addresses */
	__u64 serial;
	struct profile_failure failure; /* reason 0: none so far */
};

static struct draft drafts[SNUG_VERSIONS];
static bool number_used[SNUG_PROFILES];
static __u32 replaced[SNUG_PROFILES]; /* numbers whose tables can go with the next change */
static size_t replaced_count;

void profile_used(__u32 number)
{
	number_used[number] = true;
}

void profile_replaced(__u32 number)
{
	replaced[replaced_count++] = number;
}

static void remove_tables(struct agent *agent, __u32 number)
{
	bpf_map_delete_elem(bpf_map__fd(agent->skel->maps.rules), &number);
	bpf_map_delete_elem(bpf_map__fd(agent->skel->maps.automata), &number);
	bpf_map_delete_elem(bpf_map__fd(agent->skel->maps.prefixes), &number);
	number_used[number] = false;
}

static void free_replaced(struct agent *agent)
{
	for (size_t i = 0; i < replaced_count; i++)
		remove_tables(agent, replaced[i]);
	replaced_count = 0;
}

/* A number that no version uses. 0 stands for no profile. */
static __u32 free_number(void)
{
	for (__u32 number = 1; number < SNUG_PROFILES; number++)
		if (!number_used[number])
			return number;
	return 0;
}

void profile_discard(__u32 index)
{
	struct draft *draft = &drafts[index];

	if (!draft->open)
		return;
	if (draft->rules >= 0)
		close(draft->rules);
	if (draft->automaton >= 0)
		close(draft->automaton);
	if (draft->prefixes >= 0)
		close(draft->prefixes);
	draft->open = false;
}

/* The first failure is the one to report. `errno` holds its cause. */
static void fail(struct draft *draft, __u32 reason, const char *what)
{
	if (draft->failure.reason)
		return;
	draft->failure.reason = reason;
	snprintf(draft->failure.text, sizeof(draft->failure.text), "%s: %s", what, strerror(errno));
}

static int make_table(struct draft *draft, enum bpf_map_type type, const char *name, __u32 key,
		      __u32 value, __u32 entries, __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	char what[64];
	int fd;

	fd = bpf_map_create(type, name, key, value, entries ? entries : 1, &options);
	if (fd < 0) {
		snprintf(what, sizeof(what), "cannot make %s of %u entries", name, entries);
		fail(draft, SNUG_FAILURE_MEMORY, what);
	}
	return fd;
}

void profile_begin(__u32 index, const struct snug_profile *command)
{
	struct draft *draft = &drafts[index];

	profile_discard(index);
	*draft = (struct draft){
		.open = true,
		.automaton = -1,
		.prefixes = -1,
		.serial = command->serial,
	};
	draft->rules =
		make_table(draft, BPF_MAP_TYPE_HASH, "snug_rules", 8, 8, command->rules + 1, 0);
	if (command->states)
		draft->automaton = make_table(draft, BPF_MAP_TYPE_ARRAY, "snug_automaton", 4,
					      sizeof(struct snug_state), command->states,
					      BPF_F_INNER_MAP);
}

static struct draft *draft_at(__u32 index)
{
	return index < SNUG_VERSIONS && drafts[index].open ? &drafts[index] : NULL;
}

/* What does not fit is a failure of the whole profile: half of one would stop what the rest allows.
 */
static void add(struct draft *draft, int table, const void *key, const void *value,
		const char *what)
{
	if (!draft->failure.reason && bpf_map_update_elem(table, key, value, BPF_ANY))
		fail(draft, errno == ENOMEM ? SNUG_FAILURE_MEMORY : SNUG_FAILURE_SIZE, what);
}

/* Each change of an outer map waits for all programs, so an empty table is not worth one. */
static void put(struct draft *draft, struct bpf_map *outer, __u32 number, int table,
		const char *what)
{
	if (table >= 0 && !draft->failure.reason &&
	    bpf_map_update_elem(bpf_map__fd(outer), &number, &table, BPF_ANY))
		fail(draft, SNUG_FAILURE_MEMORY, what);
}

/* A name that DNS answers lead to ends in a dot; names of containers do not. */
static bool is_dns_peer(const struct snug_rule *rule)
{
	const char *text = (const char *)(rule + 1) + rule->exe_size + rule->script_size;

	return rule->kind == SNUG_CONNECT && rule->flags & SNUG_NAMED && rule->text_size &&
	       text[rule->text_size - 1] == '.';
}

bool profile_rules(struct agent *agent, __u32 index, const struct snug_rules *command, size_t size)
{
	const unsigned char *at = (const unsigned char *)(command + 1),
			    *end = (const unsigned char *)command + size;
	struct draft *draft = draft_at(index);

	while (at < end) {
		const struct snug_rule *rule = (const void *)at;
		__u64 key, tag, range;

		/* The next rule begins where a rule may begin only if the size is a multiple of 8.
		 */
		if ((size_t)(end - at) < sizeof(*rule) || rule->size < sizeof(*rule) ||
		    rule->size > end - at || rule->size % 8 ||
		    sizeof(*rule) + rule->exe_size + rule->script_size + rule->text_size +
				    rule->to_size >
			    rule->size)
			return false;
		key = rule_key(&agent->keys, rule, false);
		tag = rule->flags & SNUG_DENY ? 0 : rule->tag;
		if (draft)
			add(draft, draft->rules, &key, &tag, "cannot add a rule");
		if (draft && rule->flags & SNUG_RANGE) {
			key = rule_key(&agent->keys, rule, true);
			range = rule->set;
			add(draft, draft->rules, &key, &range, "cannot add a range of ports");
		}
		if (draft && is_dns_peer(rule)) {
			key = SNUG_RULE_KEY(agent->keys, agent->keys.seed,
					    SNUG_RULE_NAMES(agent->keys));
			tag = 1;
			add(draft, draft->rules, &key, &tag, "cannot add that it has DNS names");
		}
		at += rule->size;
	}
	return true;
}

bool profile_states(__u32 index, const struct snug_states *command, size_t size)
{
	const struct snug_state *state = (const void *)(command + 1);
	struct draft *draft = draft_at(index);

	if (size != sizeof(*command) + (size_t)command->count * sizeof(*state))
		return false;
	for (__u32 i = 0; draft && i < command->count; i++) {
		__u32 number = command->first + i;

		add(draft, draft->automaton, &number, &state[i], "cannot add a state");
	}
	return true;
}

bool profile_prefixes(__u32 index, const struct snug_prefixes *command, size_t size)
{
	const struct snug_prefix *prefix = (const void *)(command + 1);
	struct draft *draft = draft_at(index);
	size_t count = (size - sizeof(*command)) / sizeof(*prefix);

	if (size != sizeof(*command) + count * sizeof(*prefix))
		return false;
	if (draft && draft->prefixes < 0 && count)
		draft->prefixes = make_table(draft, BPF_MAP_TYPE_LPM_TRIE, "snug_prefixes",
					     sizeof(struct snug_trie_key), 4, SNUG_PREFIXES_MAX,
					     BPF_F_NO_PREALLOC);
	for (size_t i = 0; draft && i < count; i++) {
		struct snug_trie_key key = { .bits = prefix[i].bits };

		if (key.bits > 128)
			return false;
		memcpy(key.address, prefix[i].address, sizeof(key.address));
		add(draft, draft->prefixes, &key, &prefix[i].number,
		    "cannot add a block of addresses");
	}
	return true;
}

__u32 profile_end(struct agent *agent, __u32 index, struct profile_failure *failure)
{
	struct draft *draft = draft_at(index);
	__u32 number = free_number();

	if (!number)
		fail(draft, SNUG_FAILURE_ROOM, "no number is free for it");
	put(draft, agent->skel->maps.rules, number, draft->rules, "cannot install its rules");
	/* By now no program looks into what was replaced before. */
	if (!draft->failure.reason)
		free_replaced(agent);
	put(draft, agent->skel->maps.automata, number, draft->automaton,
	    "cannot install its automaton");
	put(draft, agent->skel->maps.prefixes, number, draft->prefixes,
	    "cannot install its blocks of addresses");
	*failure = draft->failure;
	profile_discard(index);
	if (!failure->reason) {
		number_used[number] = true;
		return number;
	}
	/*
	 * No policy state ever named it. If it waited for the next profile that is whole, profiles
	 * that fail could use up all numbers.
	 */
	if (number)
		remove_tables(agent, number);
	return 0;
}

bool profile_is_open(__u32 index)
{
	return draft_at(index) != NULL;
}

__u64 profile_serial(__u32 index)
{
	return drafts[index].serial;
}

/* Tables that no version uses are of a sensor that ended while it made them. */
void profiles_takeover(struct agent *agent)
{
	int outer = bpf_map__fd(agent->skel->maps.rules);

	for (__u32 number = 1; number < SNUG_PROFILES; number++) {
		__u32 id;

		if (number_used[number] || bpf_map_lookup_elem(outer, &number, &id))
			continue;
		number_used[number] = true;
		profile_replaced(number);
	}
}
