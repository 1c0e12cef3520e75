// SPDX-License-Identifier: Apache-2.0
/* Losses, by container and reason. */
#include <string.h>
#include "abi.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/container.h"
#include "sensor/frame.h"
#include "sensor/loss.h"

static void send_loss(__u64 container, __u32 reason, __u64 count, __u64 from, __u64 to)
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

/*
 * Losses that were reported. Until the daemon acknowledges them, the next sensor reports them
 * again.
 */
static __u64 reported_losses[SNUG_DROPS];
static __u64 reported_at;
static bool ack_pending;

void losses_acked(struct agent *agent, __u64 checkpoint)
{
	if (!ack_pending || reported_at > checkpoint)
		return;
	memcpy(agent->pinned->reported, reported_losses, sizeof(reported_losses));
	ack_pending = false;
}

void losses_takeover(struct agent *agent)
{
	memcpy(reported_losses, agent->pinned->reported, sizeof(reported_losses));
}

/* Losses that are known to be of a container are reported for it, the rest for the node. */
bool report_losses(struct agent *agent, const struct snug_counters *now, __u64 from, __u64 to,
		   __u64 checkpoint)
{
	__u64 left[SNUG_DROPS], sum = 0;

	for (int i = 0; i < SNUG_DROPS; i++) {
		left[i] = now->dropped[i] - reported_losses[i];
		reported_losses[i] = now->dropped[i];
		sum += left[i];
	}
	if (!sum)
		return false;
	reported_at = checkpoint;
	ack_pending = true;
	for (__u32 i = 0; i < SNUG_SLOTS; i++) {
		struct snug_slot *slot = reported_slot(agent, i);
		__u64 dropped = slot ? slot->dropped : 0;

		for (int reason = 0;
		     slot && reason < SNUG_DROPS && dropped > slot->dropped_reported; reason++) {
			__u64 count = dropped - slot->dropped_reported;

			if (count > left[reason])
				count = left[reason];
			if (!count)
				continue;
			send_loss(slot->container, reason, count, from, to);
			left[reason] -= count;
			slot->dropped_reported += count;
		}
	}
	for (int reason = 0; reason < SNUG_DROPS; reason++)
		if (left[reason])
			send_loss(0, reason, left[reason], from, to);
	return true;
}
