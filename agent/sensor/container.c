// SPDX-License-Identifier: Apache-2.0
/*
 * Reports about containers.
 *
 * A record about a container is only a hint: where a full ring loses one, the slots still have the
 * container.
 */
#include <string.h>
#include "abi.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/container.h"
#include "sensor/frame.h"
#include "sensor/slot.h"

#define ENDS_MAX SNUG_SLOTS

static __u64 slot_reported[SNUG_SLOTS]; /* the reported container in each slot */

struct end {
	__u32 slot;
	__u64 container;
	__u64 time;
};

static struct end ends[ENDS_MAX];
static size_t end_count;
/*
 * Ends that were reported. Their slots stay until the acknowledgement; `time` is the next
 * checkpoint.
 */
static struct end reported_ends[ENDS_MAX];
static size_t reported_end_count;

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
	return slot_reported[number] ? &mapped_slots(agent)[number] : NULL;
}

void report_container(struct agent *agent, __u64 container, __u32 number)
{
	struct snug_slot slot;

	if (number >= SNUG_SLOTS || slot_reported[number] == container ||
	    container_hidden(agent, container, number))
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

void container_ends_report(struct agent *agent, __u64 checkpoint)
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
		reported_ends[reported_end_count++].time = checkpoint;
	}
	end_count = 0;
}

/* Reports up to this checkpoint are acknowledged: the slots are free. */
void container_ends_acked(struct agent *agent, __u64 checkpoint)
{
	size_t left = 0;

	for (size_t i = 0; i < reported_end_count; i++)
		if (reported_ends[i].time <= checkpoint) {
			release_slot(agent, reported_ends[i].slot);
			slot_reported[reported_ends[i].slot] = 0;
		} else {
			reported_ends[left++] = reported_ends[i];
		}
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
