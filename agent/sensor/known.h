/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours and peers that the daemon has taken note of. */
#ifndef SNUG_KNOWN_H
#define SNUG_KNOWN_H

#include "sensor/agent.h"

void add_known(struct agent *agent, const struct snug_known *command);
/* False where the command is not well formed. */
bool name_peer(struct agent *agent, const struct snug_peer *command, size_t size);

#endif
