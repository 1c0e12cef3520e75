/* SPDX-License-Identifier: Apache-2.0 */
/* Holds of containers. */
#ifndef SNUG_HOLD_H
#define SNUG_HOLD_H

#include "sensor/agent.h"

/*
 * Ends the TCP connections of a container whose packets are stopped already. How many; -1: it could
 * not look.
 */
int end_connections(struct agent *agent, const struct snug_slot *slot);

/* Whether packets have to be looked at: some container may be held. */
void refresh_holding(struct agent *agent);

#endif
