// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel and the daemon say about containers.
 *
 * Records about containers are only a nudge: where one is lost in a full ring, the slots still tell.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "sensor/sensor.h"

#define ENDS_MAX SNUG_SLOTS

static __u64 slot_reported[SNUG_SLOTS];	/* container that was told to live in it */

struct end {
	__u32 slot;
	__u64 container;
	__u64 time;
};

static struct end ends[ENDS_MAX];
static size_t end_count;
/* Ends that were told, and whose slots stay until that was taken: `time` is the mark after it. */
static struct end reported_ends[ENDS_MAX];
static size_t reported_end_count;

/* The slots in place: the kernel writes its fields of one while we write ours, so none is ever written whole. */
static struct snug_slot *mapped(struct agent *agent)
{
	static struct snug_slot *slots;

	if (!slots) {
		slots = mmap(NULL, sizeof(*slots) * SNUG_SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(agent->skel->maps.slots), 0);
		if (slots == MAP_FAILED) {
			log_line("cannot map the containers: %s", strerror(errno));
			exit(1);
		}
	}
	return slots;
}

static bool read_slot(struct agent *agent, __u32 number, struct snug_slot *slot)
{
	return number < SNUG_SLOTS &&
	       !bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.slots), &number, slot);
}

static void send_container(__u32 number, const struct snug_slot *slot)
{
	struct snug_container frame = {
		.time = slot->began,
		.container = slot->container,
		.slot = number,
		.before = slot->before,
	};

	memcpy(frame.id, slot->id, sizeof(frame.id));
	send_frame(&frame, SNUG_CONTAINER, sizeof(frame), slot->path,
		   strnlen(slot->path, sizeof(slot->path)));
	slot_reported[number] = slot->container;
}

struct snug_slot *reported_slot(struct agent *agent, __u32 number)
{
	return slot_reported[number] ? &mapped(agent)[number] : NULL;
}

/* The sensor's own. */
bool container_hidden(struct agent *agent, __u64 container, __u32 number)
{
	struct snug_slot *slot = number < SNUG_SLOTS ? &mapped(agent)[number] : NULL;

	return slot && slot->container == container && slot->assignment.traits & SNUG_HIDDEN;
}

/* Its cgroup may be gone by now. */
__u32 container_slot(struct agent *agent, __u64 container)
{
	static __u32 last;
	struct snug_slot *slots = mapped(agent);
	__u32 number;

	if (!bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.cgroups), &container, &number))
		return number;
	for (__u32 i = 0; i < SNUG_SLOTS; i++, last = (last + 1) % SNUG_SLOTS)
		if (slots[last].state != SNUG_SLOT_FREE && slots[last].container == container)
			return last;
	return SNUG_SLOTS;
}

void report_container(struct agent *agent, __u64 container, __u32 number)
{
	struct snug_slot slot;

	if (number >= SNUG_SLOTS || slot_reported[number] == container || container_hidden(agent, container, number))
		return;
	if (read_slot(agent, number, &slot) && slot.container == container)
		send_container(number, &slot);
}

void container_new(struct agent *agent, __u32 number)
{
	struct snug_slot slot;

	if (read_slot(agent, number, &slot))
		report_container(agent, slot.container, number);
}

/* Its counts come first: the end waits until they were flushed and read. */
void container_end(struct agent *agent, __u32 slot, __u64 container, __u64 time)
{
	for (size_t i = 0; i < end_count; i++)
		if (ends[i].container == container)
			return;
	for (size_t i = 0; i < reported_end_count; i++)
		if (reported_ends[i].container == container)
			return;
	if (end_count < ENDS_MAX)
		ends[end_count++] = (struct end){ slot, container, time };
}

bool container_ends_pending(void)
{
	return end_count > 0;
}

static void release(struct agent *agent, __u32 number)
{
	static const struct snug_slot empty;

	bpf_map_update_elem(bpf_map__fd(agent->skel->maps.slots), &number, &empty, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(agent->skel->maps.free_slots), NULL, &number, BPF_ANY);
	slot_reported[number] = 0;
}

void container_ends_report(struct agent *agent, __u64 mark)
{
	for (size_t i = 0; i < end_count; i++) {
		struct snug_container frame = {
			.time = ends[i].time,
			.container = ends[i].container,
			.slot = ends[i].slot,
		};
		struct snug_slot slot;

		if (!read_slot(agent, ends[i].slot, &slot) || slot.container != ends[i].container)
			continue;
		if (!container_hidden(agent, slot.container, ends[i].slot)) {
			report_container(agent, slot.container, ends[i].slot);
			memcpy(frame.id, slot.id, sizeof(frame.id));
			send_frame(&frame, SNUG_CONTAINER_END, sizeof(frame), NULL, 0);
		}
		reported_ends[reported_end_count] = ends[i];
		reported_ends[reported_end_count++].time = mark;
	}
	end_count = 0;
}

/* What was told up to this mark was taken: the slots can be another's. */
void container_ends_acked(struct agent *agent, __u64 mark)
{
	size_t left = 0;

	for (size_t i = 0; i < reported_end_count; i++)
		if (reported_ends[i].time <= mark)
			release(agent, reported_ends[i].slot);
		else
			reported_ends[left++] = reported_ends[i];
	reported_end_count = left;
}

void containers_reconcile(struct agent *agent)
{
	struct snug_slot slot;

	for (__u32 i = 0; i < SNUG_SLOTS; i++) {
		if (!read_slot(agent, i, &slot) || slot.state == SNUG_SLOT_FREE)
			continue;
		report_container(agent, slot.container, i);
		if (slot.state == SNUG_SLOT_ENDED)
			container_end(agent, i, slot.container, slot.ended);
	}
}

/* The first of its arguments names the program: by its path, or as the last part of one. */
static struct snug_engine_command command_of(const struct snug_keys *keys, const char *text, size_t size)
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
	command.name = command.by_path ? hash_path(keys, text, first) : hash_leaf(keys, text, first);
	return command;
}

/* False where they are not well formed. */
static bool commands_of(const struct snug_keys *keys, const char *text, size_t size, struct snug_engine_command *commands)
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
		/* One that is too long to be told apart leaves no gap. */
		count += commands[count].size > 0;
		text += sizeof(length) + length;
		size -= sizeof(length) + length;
	}
	return true;
}

bool version_has_containers(struct agent *agent, __u32 version)
{
	struct snug_slot *slots = mapped(agent);

	for (__u32 i = 0; i < SNUG_SLOTS; i++)
		if (slots[i].state == SNUG_SLOT_LIVE && slots[i].assignment.version == version)
			return true;
	return false;
}

/* Also of a container that is not there yet: it belongs to its version from its first act. */
bool assign_container(struct agent *agent, const struct snug_assign *command, size_t size)
{
	struct snug_slot *slots = mapped(agent);
	struct snug_expected_container expected = {};
	__u64 scope;

	if (size != sizeof(*command) + command->commands_size ||
	    !commands_of(&agent->keys, (const char *)(command + 1), command->commands_size, expected.assignment.commands))
		return false;
	scope = pinned_scope(agent, command->scope);
	expected.scope = scope;
	expected.assignment.version = version_index(agent, command->scope);
	expected.assignment.traits = command->traits;
	bpf_map_update_elem(bpf_map__fd(agent->skel->maps.expected), command->id, &expected, BPF_ANY);
	for (__u32 i = 0; i < SNUG_SLOTS; i++) {
		struct snug_slot *slot = &slots[i];

		if (slot->state != SNUG_SLOT_LIVE || memcmp(slot->id, command->id, sizeof(slot->id)))
			continue;
		/* Its first program knows best: this is for what ran before the sensor. */
		if (slot->before && !slot->user && command->user) {
			slot->user = command->user;
			__atomic_store_n(&slot->salt, SNUG_MIX(agent->keys, slot->salt, monotonic()), __ATOMIC_RELEASE);
		}
		if (slot->scope == scope && !memcmp(&slot->assignment, &expected.assignment, sizeof(slot->assignment)))
			continue;
		version_inherit_disarm(agent, slot->assignment.version, expected.assignment.version);
		/* The kernel reads the salt first: no key of the new salt is of what was before. */
		memcpy(slot->assignment.commands, expected.assignment.commands, sizeof(slot->assignment.commands));
		slot->assignment.traits = command->traits;
		__atomic_store_n(&slot->assignment.version, expected.assignment.version, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->scope, scope, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->salt, SNUG_MIX(agent->keys, slot->salt, scope),
				 __ATOMIC_RELEASE);
	}
	return true;
}

/* Another daemon than before: whatever was told is told it anew, in full. */
void containers_reset(struct agent *agent)
{
	struct snug_slot *slots = mapped(agent);

	for (__u32 i = 0; i < SNUG_SLOTS; i++)
		if (slots[i].state != SNUG_SLOT_FREE)
			__atomic_store_n(&slots[i].salt, SNUG_MIX(agent->keys, slots[i].salt, monotonic()),
					 __ATOMIC_RELEASE);
}

void add_known(struct agent *agent, const struct snug_known *command)
{
	const __u64 *keys = (const __u64 *)(command + 1);
	size_t count = (command->head.size - (sizeof(*command) - sizeof(command->head))) / sizeof(*keys);
	int fd = bpf_map__fd(agent->skel->maps.known);

	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &keys[i], &command->scope, BPF_ANY)) {
			log_line("the table of known behaviours is full: more of them are told in full");
			return;
		}
}
