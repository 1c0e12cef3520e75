/* SPDX-License-Identifier: Apache-2.0 */
/* Known behaviours, and names of peers, as the daemon sends them. */
#ifndef SNUG_KNOWN_H
#define SNUG_KNOWN_H

#include "sensor/agent.h"

void add_known(struct agent *agent, const struct snug_known *command);
/* False where the command is not well formed. */
bool name_peer(struct agent *agent, const struct snug_peer *command, size_t size);

#endif
