// SPDX-License-Identifier: Apache-2.0
/* Assignments of containers to versions, and the commands that the engine itself runs in them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include "abi.h"
#include "hash.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/assign.h"
#include "sensor/clock.h"
#include "sensor/frame.h"
#include "sensor/hold.h"
#include "sensor/hooks.h"
#include "sensor/rule_hash.h"
#include "sensor/slot.h"
#include "sensor/version.h"

/* The first of its arguments names the program: by its path, or as the last part of one. */
static struct snug_engine_command command_of(const struct snug_keys *keys, const char *text,
					     size_t size)
{
	struct snug_engine_command command = {};
	size_t first = strnlen(text, size);

	if (!size || first + 1 > size || size > SNUG_ARGS_MAX)
		return command;
	command.whole = hash_bytes(keys, text, size);
	command.size = size;
	command.rest_size = size - first - 1;
	command.rest = hash_bytes(keys, text + first + 1, command.rest_size);
	command.by_path = memchr(text, '/', first) != NULL;
	command.name = command.by_path ? hash_path(keys, text, first) :
					 hash_leaf(keys, text, first);
	return command;
}

/* False where they are not well formed. */
static bool commands_of(const struct snug_keys *keys, const char *text, size_t size,
			struct snug_engine_command *commands)
{
	size_t count = 0;
	__u32 length;

	while (size) {
		if (count == SNUG_COMMANDS || size < sizeof(length))
			return false;
		memcpy(&length, text, sizeof(length));
		if (length > size - sizeof(length))
			return false;
		commands[count] = command_of(keys, text + sizeof(length), length);
		/* One that is too long to compare leaves no gap. */
		count += commands[count].size > 0;
		text += sizeof(length) + length;
		size -= sizeof(length) + length;
	}
	return true;
}

static void report_assigned(const struct snug_assign *command, __u32 traits,
			    const struct snug_slot *slot, __u32 ended)
{
	struct snug_assigned frame = {
		.scope = command->scope,
		.traits = traits,
		.ended = ended,
	};

	if (command->scope & SNUG_SELFTEST_SCOPE)
		return;
	memcpy(frame.id, command->id, sizeof(frame.id));
	frame.since = slot->assigned;
	send_frame(&frame, SNUG_ASSIGNED, sizeof(frame), NULL, 0);
}

/*
 * What else an assignment has, such as commands of the engine, changes nothing about whether the
 * container is stopped. An earlier daemon had another scope for the version, and stopped it by
 * that.
 */
static bool goes_on(struct agent *agent, const struct snug_slot *slot, __u64 scope,
		    const struct snug_assignment *assignment)
{
	bool is_same = slot->scope == scope && slot->assignment.version == assignment->version;
	bool is_earlier = slot->assignment.version && !is_current_run(agent, slot->scope);

	return (is_same || is_earlier) &&
	       !((slot->assignment.traits ^ assignment->traits) & SNUG_ENFORCED);
}

/*
 * Where a change of a file is killed and not refused, a hold of changes would end the service that
 * it is to keep alive.
 */
static __u32 traits_of(const struct snug_assign *command)
{
	return hooks_refuse() ? command->traits : command->traits & ~SNUG_HOLD_CHANGES;
}

/* CLOCK_MONOTONIC: a step of the clock does not end a hold. */
static __u64 held_until(const struct snug_assign *command)
{
	__u64 offset = wall_offset();

	return command->held_until > offset ? command->held_until - offset : 0;
}

/* A container that does not run yet can be assigned too: it is judged from its first event. */
bool assign_container(struct agent *agent, const struct snug_assign *command, size_t size)
{
	struct snug_slot *slots = mapped_slots(agent);
	struct snug_expected_container expected = {};
	__u32 traits = traits_of(command);
	__u64 scope;

	if (size != sizeof(*command) + command->commands_size ||
	    !commands_of(&agent->keys, (const char *)(command + 1), command->commands_size,
			 expected.assignment.commands))
		return false;
	scope = pinned_scope(agent, command->scope);
	expected.scope = scope;
	expected.assignment.version = version_index(agent, command->scope);
	expected.assignment.traits = traits;
	expected.assignment.held_until = held_until(command);
	if (traits & SNUG_HOLDS)
		agent->control->holding = 1;
	bpf_map_update_elem(bpf_map__fd(agent->skel->maps.expected), command->id, &expected,
			    BPF_ANY);
	for (__u32 i = 0; i < SNUG_SLOTS; i++) {
		struct snug_slot *slot = &slots[i];
		bool as_before, newly_held;

		if (slot->state == SNUG_SLOT_FREE ||
		    memcmp(slot->id, command->id, sizeof(slot->id)))
			continue;
		as_before = goes_on(agent, slot, scope, &expected.assignment);
		if (slot->state != SNUG_SLOT_LIVE) {
			if (!as_before)
				slot->assigned = slot->ended;
			report_assigned(command, traits, slot, 0);
			continue;
		}
		/*
		 * The container's first program sets its user. This is for containers that ran
		 * before the sensor.
		 */
		if (slot->before && !slot->user && command->user) {
			slot->user = command->user;
			__atomic_store_n(&slot->salt,
					 SNUG_MIX(agent->keys, slot->salt, monotonic()),
					 __ATOMIC_RELEASE);
		}
		newly_held = traits & ~slot->assignment.traits & SNUG_HOLD_NETWORK;
		slot->assignment.held_until = expected.assignment.held_until;
		if (slot->scope == scope &&
		    !memcmp(&slot->assignment, &expected.assignment, sizeof(slot->assignment))) {
			report_assigned(command, traits, slot, 0);
			continue;
		}
		version_inherit_disarm(agent, slot->assignment.version,
				       expected.assignment.version);
		/* The kernel reads the salt first: no key of the new salt is of what was before. */
		memcpy(slot->assignment.commands, expected.assignment.commands,
		       sizeof(slot->assignment.commands));
		slot->assignment.traits = traits;
		__atomic_store_n(&slot->assignment.version, expected.assignment.version,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&slot->scope, scope, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->salt, SNUG_MIX(agent->keys, slot->salt, scope),
				 __ATOMIC_RELEASE);
		if (!as_before)
			slot->assigned = monotonic();
		report_assigned(command, traits, slot,
				newly_held ? end_connections(agent, slot) + 1 : 0);
	}
	return true;
}
