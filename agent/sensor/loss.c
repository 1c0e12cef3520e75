// SPDX-License-Identifier: Apache-2.0
/* What could not be told, by container and reason. */
#include <string.h>
#include "sensor/sensor.h"

static void tell_loss(__u64 container, __u32 reason, __u64 count, __u64 from, __u64 to)
{
	struct snug_loss frame = {
		.container = container,
		.from = from,
		.to = to,
		.count = count,
		.reason = reason,
	};

	send_frame(&frame, SNUG_LOSS, sizeof(frame), NULL, 0);
}

/* Losses that were told, and whether that was taken: until then they are told again by whoever comes after. */
static __u64 told_losses[SNUG_DROPS];
static __u64 told_at_mark;
static bool told_pending;

void losses_taken(struct agent *agent, __u64 mark)
{
	if (!told_pending || told_at_mark > mark)
		return;
	memcpy(agent->memory->told, told_losses, sizeof(told_losses));
	told_pending = false;
}

void losses_adopt(struct agent *agent)
{
	memcpy(told_losses, agent->memory->told, sizeof(told_losses));
}

/* What of the losses is known to be a container's is told as its, the rest as the node's. */
bool losses(struct agent *agent, const struct snug_counters *now, __u64 from, __u64 to, __u64 mark)
{
	__u64 left[SNUG_DROPS], sum = 0;

	for (int i = 0; i < SNUG_DROPS; i++) {
		left[i] = now->dropped[i] - told_losses[i];
		told_losses[i] = now->dropped[i];
		sum += left[i];
	}
	if (!sum)
		return false;
	told_at_mark = mark;
	told_pending = true;
	for (__u32 i = 0; i < SNUG_SLOTS; i++) {
		struct snug_slot *slot = slot_known(agent, i);
		__u64 dropped = slot ? slot->dropped : 0;

		for (int reason = 0; slot && reason < SNUG_DROPS && dropped > slot->dropped_told; reason++) {
			__u64 count = dropped - slot->dropped_told;

			if (count > left[reason])
				count = left[reason];
			if (!count)
				continue;
			tell_loss(slot->container, reason, count, from, to);
			left[reason] -= count;
			slot->dropped_told += count;
		}
	}
	for (int reason = 0; reason < SNUG_DROPS; reason++)
		if (left[reason])
			tell_loss(0, reason, left[reason], from, to);
	return true;
}
