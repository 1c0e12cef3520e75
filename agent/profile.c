// SPDX-License-Identifier: Apache-2.0
/*
 * Versions and their profiles. A profile is put together apart, under a number that no version uses, and comes into
 * force by one write of its version's word. The one before is taken away later: a program that read the old word may
 * still be about to look into it, and the next change of a table of tables waits for all such programs.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sensor.h"

/* A profile under construction. */
struct draft {
	int rules;
	int automaton;
	int prefixes;
};

struct version {
	struct draft draft;
	bool drafting;
	bool told_disarmed;
	__u64 used;		/* when last, in order */
};

static struct version versions[SNUG_VERSIONS];
static bool number_used[SNUG_PROFILES];
static __u32 leftover[SNUG_PROFILES];	/* numbers whose tables can go with the next change */
static size_t leftovers;
static __u64 uses;

static struct snug_version *mapped(struct agent *agent)
{
	static struct snug_version *map;

	if (!map) {
		map = mmap(NULL, sizeof(*map) * SNUG_VERSIONS, PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(agent->skel->maps.versions), 0);
		if (map == MAP_FAILED) {
			say("cannot map the versions: %s", strerror(errno));
			exit(1);
		}
	}
	return map;
}

/* A daemon counts its scopes from one, and so did the one before. */
__u64 scope_here(struct agent *agent, __u64 scope)
{
	return scope & SNUG_TRIAL_SCOPE ? scope : scope | (agent->memory->run & SNUG_RUN_MASK) << SNUG_RUN_SHIFT;
}

static bool is_own(struct agent *agent, __u64 scope)
{
	return scope_here(agent, scope & ((1ull << SNUG_RUN_SHIFT) - 1)) == scope;
}

/* `change` is put to the word as it stands: the kernel may disarm the version at any time. */
static void rewrite(struct snug_version *version, __u64 clear, __u64 set)
{
	__u64 old = __atomic_load_n(&version->word, __ATOMIC_RELAXED), word;

	do {
		word = ((old & ~clear) | set) + (1ull << SNUG_WORD_AGE_SHIFT);
	} while (!__atomic_compare_exchange_n(&version->word, &old, word, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void let_go(struct agent *agent)
{
	for (size_t i = 0; i < leftovers; i++) {
		__u32 number = leftover[i];

		bpf_map_delete_elem(bpf_map__fd(agent->skel->maps.rules), &number);
		bpf_map_delete_elem(bpf_map__fd(agent->skel->maps.automata), &number);
		bpf_map_delete_elem(bpf_map__fd(agent->skel->maps.prefixes), &number);
		number_used[number] = false;
	}
	leftovers = 0;
}

/* A number that no version uses. 0 stands for no profile. */
static __u32 free_number(void)
{
	for (__u32 number = 1; number < SNUG_PROFILES; number++)
		if (!number_used[number])
			return number;
	say("there are more profiles than there is room for");
	exit(1);
}

static void put_profile(struct snug_version *version, __u32 number)
{
	__u32 before = SNUG_WORD_PROFILE(version->word);

	rewrite(version, 0xffffull << SNUG_WORD_PROFILE_SHIFT, (__u64)number << SNUG_WORD_PROFILE_SHIFT);
	if (before)
		leftover[leftovers++] = before;
}

static void forget_expected(struct agent *agent, __u32 version)
{
	int fd = bpf_map__fd(agent->skel->maps.expected);
	char id[SNUG_ID_LEN], next[SNUG_ID_LEN];
	struct snug_expected expected;
	void *before = NULL;

	while (!bpf_map_get_next_key(fd, before, next)) {
		if (before && !bpf_map_lookup_elem(fd, id, &expected) && expected.belongs.version == version)
			bpf_map_delete_elem(fd, id);
		memcpy(id, next, sizeof(id));
		before = id;
	}
	if (before && !bpf_map_lookup_elem(fd, id, &expected) && expected.belongs.version == version)
		bpf_map_delete_elem(fd, id);
}

static void forget(struct agent *agent, __u32 index)
{
	struct snug_version *version = &mapped(agent)[index];

	forget_expected(agent, index + 1);
	put_profile(version, 0);
	rewrite(version, SNUG_WORD_BLOCK | SNUG_WORD_DISARMED, 0);
	version->scope = 0;
}

/* Forgets the version that was of no use for the longest time, and no container's. */
static __u32 make_room(struct agent *agent)
{
	__u32 oldest = SNUG_VERSIONS;

	for (__u32 i = 0; i < SNUG_VERSIONS; i++)
		if (!slots_belong(agent, i + 1) && (oldest == SNUG_VERSIONS || versions[i].used < versions[oldest].used))
			oldest = i;
	if (oldest == SNUG_VERSIONS)
		return oldest;
	forget(agent, oldest);
	return oldest;
}

/* Index of the scope's version, from 1; 0 where there is no room. `scope`: as the daemon says it. */
__u32 version_of(struct agent *agent, __u64 scope)
{
	struct snug_version *map = mapped(agent);
	__u32 found = SNUG_VERSIONS;

	scope = scope_here(agent, scope);

	for (__u32 i = 0; i < SNUG_VERSIONS; i++) {
		if (versions[i].used && map[i].scope == scope) {
			versions[i].used = ++uses;
			return i + 1;
		}
		if (!versions[i].used && found == SNUG_VERSIONS)
			found = i;
	}
	if (found == SNUG_VERSIONS)
		found = make_room(agent);
	if (found == SNUG_VERSIONS) {
		say("there are more versions in use than there is room for: one is not judged in the kernel");
		return 0;
	}
	map[found].scope = scope;
	map[found].budget = 0;
	map[found].paused_until = 0;
	versions[found].used = ++uses;
	versions[found].told_disarmed = false;
	return found + 1;
}

static void discard(struct version *version)
{
	if (!version->drafting)
		return;
	close(version->draft.rules);
	close(version->draft.automaton);
	close(version->draft.prefixes);
	version->drafting = false;
}

static int make(enum bpf_map_type type, const char *name, __u32 key, __u32 value, __u32 entries, __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	int fd = bpf_map_create(type, name, key, value, entries ? entries : 1, &options);

	if (fd < 0) {
		say("cannot make a table of %u for a profile: %s", entries, strerror(errno));
		exit(1);
	}
	return fd;
}

static struct version *of(struct agent *agent, __u64 scope, __u32 *index)
{
	*index = version_of(agent, scope);
	return *index ? &versions[*index - 1] : NULL;
}

void profile_begin(struct agent *agent, const struct snug_profile *command)
{
	__u32 index;
	struct version *version = of(agent, command->scope, &index);

	if (!version)
		return;
	discard(version);
	if (command->absent) {
		put_profile(&mapped(agent)[index - 1], 0);
		return;
	}
	version->draft = (struct draft){
		.rules = make(BPF_MAP_TYPE_HASH, "snug_rules", 8, 8, command->rules, 0),
		.automaton = make(BPF_MAP_TYPE_ARRAY, "snug_automaton", 4, sizeof(struct snug_state), command->states,
				  BPF_F_INNER_MAP),
		.prefixes = make(BPF_MAP_TYPE_LPM_TRIE, "snug_prefixes", sizeof(struct snug_trie_key), 4,
				 SNUG_PREFIXES_MAX, BPF_F_NO_PREALLOC),
	};
	version->drafting = true;
}

static void must(int result, const char *what)
{
	if (!result)
		return;
	say("cannot put %s into a profile: %s", what, strerror(errno));
	exit(1);
}

/* What follows a PROFILE of a scope for which there was no room is let pass. */
static struct draft *draft_of(struct agent *agent, __u64 scope)
{
	__u32 index;
	struct version *version = of(agent, scope, &index);

	return version && version->drafting ? &version->draft : NULL;
}

bool profile_rules(struct agent *agent, const struct snug_rules *command, size_t size)
{
	const unsigned char *at = (const unsigned char *)(command + 1), *end = (const unsigned char *)command + size;
	struct draft *draft = draft_of(agent, command->scope);

	while (at < end) {
		const struct snug_rule *rule = (const void *)at;
		__u64 key, tag;

		if ((size_t)(end - at) < sizeof(*rule) || rule->size < sizeof(*rule) || rule->size > end - at ||
		    sizeof(*rule) + rule->exe_size + rule->script_size + rule->text_size + rule->to_size > rule->size)
			return false;
		key = rule_key(&agent->keys, rule);
		tag = rule->flags & SNUG_DENY ? 0 : rule->tag;
		if (draft)
			must(bpf_map_update_elem(draft->rules, &key, &tag, BPF_ANY), "a rule");
		at += rule->size;
	}
	return true;
}

bool profile_states(struct agent *agent, const struct snug_states *command, size_t size)
{
	const struct snug_state *state = (const void *)(command + 1);
	struct draft *draft = draft_of(agent, command->scope);

	if (size != sizeof(*command) + (size_t)command->count * sizeof(*state))
		return false;
	for (__u32 i = 0; draft && i < command->count; i++) {
		__u32 number = command->first + i;

		must(bpf_map_update_elem(draft->automaton, &number, &state[i], BPF_ANY), "a state");
	}
	return true;
}

bool profile_prefixes(struct agent *agent, const struct snug_prefixes *command, size_t size)
{
	const struct snug_prefix *prefix = (const void *)(command + 1);
	struct draft *draft = draft_of(agent, command->scope);
	size_t count = (size - sizeof(*command)) / sizeof(*prefix);

	if (size != sizeof(*command) + count * sizeof(*prefix))
		return false;
	for (size_t i = 0; draft && i < count; i++) {
		struct snug_trie_key key = { .bits = prefix[i].bits };

		if (key.bits > 128)
			return false;
		memcpy(key.address, prefix[i].address, sizeof(key.address));
		must(bpf_map_update_elem(draft->prefixes, &key, &prefix[i].number, BPF_ANY), "a block of addresses");
	}
	return true;
}

void profile_end(struct agent *agent, const struct snug_profile_end *command)
{
	__u32 index, number;
	struct version *version = of(agent, command->scope, &index);

	if (!version || !version->drafting)
		return;
	number = free_number();
	number_used[number] = true;
	must(bpf_map_update_elem(bpf_map__fd(agent->skel->maps.rules), &number, &version->draft.rules, BPF_ANY),
	     "rules");
	/* By now nobody looks into what was replaced before. */
	let_go(agent);
	must(bpf_map_update_elem(bpf_map__fd(agent->skel->maps.automata), &number, &version->draft.automaton, BPF_ANY),
	     "an automaton");
	must(bpf_map_update_elem(bpf_map__fd(agent->skel->maps.prefixes), &number, &version->draft.prefixes, BPF_ANY),
	     "blocks of addresses");
	discard(version);
	put_profile(&mapped(agent)[index - 1], number);
}

void enforce(struct agent *agent, const struct snug_enforce *command)
{
	__u32 index = version_of(agent, command->scope);
	__u64 offset = wall_offset();
	struct snug_version *version;
	__u64 clear, set, until;
	bool changed;

	if (!index)
		return;
	version = &mapped(agent)[index - 1];
	until = command->paused_until > offset ? command->paused_until - offset : 0;
	/* The clocks drift apart by a little each time they are compared. */
	changed = version->budget != command->budget || until > version->paused_until + NS ||
		  version->paused_until > until + NS;
	/* Who does not know yet that it has disarmed itself does not mean to arm it again. */
	clear = version->word & SNUG_WORD_DISARMED && !versions[index - 1].told_disarmed ?
			SNUG_WORD_BLOCK : SNUG_WORD_BLOCK | SNUG_WORD_DISARMED;
	if (clear & SNUG_WORD_DISARMED)
		versions[index - 1].told_disarmed = false;
	set = command->block ? SNUG_WORD_BLOCK : 0;
	/* Said again it changes nothing: a new word would have everything judged anew. */
	if (!changed && (version->word & clear) == set)
		return;
	version->budget = command->budget;
	version->spent = 0;
	version->paused_until = until;
	rewrite(version, clear, set);
}

/* What an earlier sensor made. Tables that belong to no version are of one that was ended in the midst of it. */
void profiles_adopt(struct agent *agent)
{
	struct snug_version *map = mapped(agent);
	int outer = bpf_map__fd(agent->skel->maps.rules);

	for (__u32 i = 0; i < SNUG_VERSIONS; i++) {
		if (!map[i].scope)
			continue;
		versions[i].used = ++uses;
		number_used[SNUG_WORD_PROFILE(map[i].word)] = true;
		if (map[i].word & SNUG_WORD_DISARMED)
			agent->control->disarmed = 1;
	}
	for (__u32 number = 1; number < SNUG_PROFILES; number++) {
		__u32 id;

		if (!number_used[number] && !bpf_map_lookup_elem(outer, &number, &id)) {
			number_used[number] = true;
			leftover[leftovers++] = number;
		}
	}
}

/* What an earlier daemon said is in force for its containers until this one says something of them. */
void profiles_prune(struct agent *agent)
{
	struct snug_version *map = mapped(agent);

	for (__u32 i = 0; i < SNUG_VERSIONS; i++)
		if (map[i].scope && !is_own(agent, map[i].scope) && !(map[i].scope & SNUG_TRIAL_SCOPE) &&
		    !slots_belong(agent, i + 1)) {
			forget(agent, i);
			versions[i] = (struct version){};
		}
}

/*
 * A container goes over from the version of an earlier daemon to one of this: where the former has disarmed itself,
 * and this daemon cannot have been told, so does the latter.
 */
void version_follows(struct agent *agent, __u32 from, __u32 to)
{
	struct snug_version *map = mapped(agent);

	if (!from || !to || from == to || is_own(agent, map[from - 1].scope) || versions[from - 1].told_disarmed ||
	    !(map[from - 1].word & SNUG_WORD_DISARMED))
		return;
	versions[from - 1].told_disarmed = true;
	rewrite(&map[to - 1], 0, SNUG_WORD_DISARMED);
	agent->control->disarmed = 1;
}

bool name_peer(struct agent *agent, const struct snug_peer *command, size_t size)
{
	struct snug_trie_key key = { .bits = command->bits };
	int fd = bpf_map__fd(agent->skel->maps.peers);
	__u64 name;

	if (key.bits > 128 || size != sizeof(*command) + command->name_size)
		return false;
	memcpy(key.address, command->address, sizeof(key.address));
	if (!command->name_size) {
		bpf_map_delete_elem(fd, &key);
		return true;
	}
	name = peer_name(&agent->keys, command + 1, command->name_size);
	if (bpf_map_update_elem(fd, &key, &name, BPF_ANY))
		say("there are more peers with a name than there is room for: %s", strerror(errno));
	return true;
}

/* The kernel does not say which version it was: their words do. */
void disarmed_tell(struct agent *agent)
{
	struct snug_version *map = mapped(agent);

	if (!agent->control->disarmed)
		return;
	agent->control->disarmed = 0;
	for (__u32 i = 0; i < SNUG_VERSIONS; i++) {
		struct snug_disarmed frame = {
			.time = monotonic(),
			.scope = map[i].scope & ((1ull << SNUG_RUN_SHIFT) - 1),
		};

		if (!(map[i].word & SNUG_WORD_DISARMED) || versions[i].told_disarmed || !is_own(agent, map[i].scope) ||
		    map[i].scope & SNUG_TRIAL_SCOPE)
			continue;
		versions[i].told_disarmed = true;
		send_frame(&frame, SNUG_DISARMED, sizeof(frame), NULL, 0);
	}
}
