/* SPDX-License-Identifier: Apache-2.0 */
/* Losses, by container and reason. */
#ifndef SNUG_LOSS_H
#define SNUG_LOSS_H

#include "sensor/agent.h"

bool report_losses(struct agent *agent, const struct snug_counters *now, __u64 from, __u64 to,
		   __u64 checkpoint);
void losses_acked(struct agent *agent, __u64 checkpoint);
void losses_takeover(struct agent *agent);

#endif
