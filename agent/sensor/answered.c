// SPDX-License-Identifier: Apache-2.0
/* Who may name the peers of a container by DNS, and what was named before this sensor. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "abi.h"
#include "rule_key.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/answered.h"
#include "sensor/log.h"
#include "sensor/rule_hash.h"
#include "sensor/slot.h"

/* As the programs hash an address. */
static __u64 hash_address(const struct snug_keys *keys, const __u8 *address)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	__u32 words[4] = {};
	__u8 family = memcmp(address, mapped, sizeof(mapped)) ? 6 : 4;

	if (family == 4)
		memcpy(words, address + 12, 4);
	else
		memcpy(words, address, 16);
	return SNUG_RULE_ADDRESS(*keys, family, (__u64)words[0] << 32 | words[1],
				 (__u64)words[2] << 32 | words[3]);
}

/* Only one container that runs has the id. */
static struct snug_slot *live_slot(struct agent *agent, const char *id)
{
	struct snug_slot *slots = mapped_slots(agent);

	for (__u32 i = 0; i < SNUG_SLOTS; i++)
		if (slots[i].state == SNUG_SLOT_LIVE && !memcmp(slots[i].id, id, SNUG_ID_LEN))
			return &slots[i];
	return NULL;
}

bool set_resolvers(struct agent *agent, const struct snug_resolve *command)
{
	struct snug_slot *slot = live_slot(agent, command->id);

	if (command->count > SNUG_RESOLVERS)
		return false;
	for (__u32 i = 0; slot && i < SNUG_RESOLVERS; i++) {
		__u64 resolver = 0;

		if (i < command->count)
			resolver = hash_address(&agent->keys, command->addresses[i]);
		__atomic_store_n(&slot->resolvers[i], resolver, __ATOMIC_RELAXED);
	}
	/* The programs read them once they are known. */
	if (slot)
		__atomic_store_n(&slot->resolvers_known, 1, __ATOMIC_RELEASE);
	return true;
}

static struct snug_answered_set *mapped_sets(struct agent *agent)
{
	static struct snug_answered_set *sets;

	if (!sets) {
		sets = mmap(NULL, sizeof(*sets) * SNUG_ANSWERED_ALL, PROT_READ | PROT_WRITE,
			    MAP_SHARED, bpf_map__fd(agent->skel->maps.answered), 0);
		if (sets == MAP_FAILED) {
			log_line("cannot map the names of addresses: %s", strerror(errno));
			exit(1);
		}
	}
	return sets;
}

/* In a free place. The programs may write to the set meanwhile: each takes its own place. */
static void add_to_set(const struct snug_keys *keys, struct snug_answered_set *set, __u64 key,
		       struct snug_answered fresh)
{
	fresh.check = SNUG_ANSWERED_CHECK(*keys, key, fresh.name, fresh.wildcard, fresh.resolver);
	for (int i = 0; i < SNUG_ANSWERED_PLACES; i++) {
		const struct snug_answered *place = &set->places[i];

		if (place->name &&
		    place->check == SNUG_ANSWERED_CHECK(*keys, key, place->name, place->wildcard,
							place->resolver))
			return;
	}
	for (int i = 0; i < SNUG_ANSWERED_TURN; i++) {
		__u32 number = __atomic_fetch_add(&set->next, 1, __ATOMIC_RELAXED) &
			       (SNUG_ANSWERED_TURN - 1);
		struct snug_answered *place = &set->places[number];

		if (number >= SNUG_ANSWERED_PLACES || place->name)
			continue;
		place->wildcard = fresh.wildcard;
		place->resolver = fresh.resolver;
		place->check = fresh.check;
		__atomic_store_n(&place->name, fresh.name, __ATOMIC_RELEASE);
		return;
	}
}

/* Of a name in text: each of its 253 bytes may be four characters. */
#define NAME_TEXT_MAX 1024

/* The name with a `*` for its first label, as rules have it; 0: there is no other label. */
static __u64 wildcard_of(const struct snug_keys *keys, const char *name, size_t size)
{
	const char *dot = memchr(name, '.', size);
	char text[NAME_TEXT_MAX];
	size_t rest;

	if (!dot)
		return 0;
	rest = name + size - dot;
	if (rest < 2 || rest + 1 > sizeof(text))
		return 0;
	text[0] = '*';
	memcpy(text + 1, dot, rest);
	return peer_name(keys, text, rest + 1);
}

bool add_answered(struct agent *agent, const struct snug_answered_name *command, size_t size)
{
	const struct snug_keys *keys = &agent->keys;
	struct snug_slot *slot = live_slot(agent, command->id);
	__u64 key;
	size_t set;

	if (size != sizeof(*command) + command->name_size || !command->name_size)
		return false;
	if (!slot || !slot->resolvers_known || !slot->resolvers[0])
		return true;
	key = SNUG_ANSWERED_KEY(*keys, slot->container, hash_address(keys, command->address));
	set = (slot - mapped_slots(agent)) * SNUG_ANSWERED_SETS + (key & (SNUG_ANSWERED_SETS - 1));
	add_to_set(keys, &mapped_sets(agent)[set], key,
		   (struct snug_answered){
			   .name = peer_name(keys, command + 1, command->name_size),
			   .wildcard = wildcard_of(keys, (const char *)(command + 1),
						   command->name_size),
			   .resolver = slot->resolvers[0],
		   });
	return true;
}
