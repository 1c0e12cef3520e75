/* SPDX-License-Identifier: Apache-2.0 */
/* Who may name the peers of a container by DNS, and what was named before this sensor. */
#ifndef SNUG_SENSOR_ANSWERED_H
#define SNUG_SENSOR_ANSWERED_H

#include "sensor/agent.h"

/* False where the command is not well formed. Both are without effect where no such container runs.
 */
bool set_resolvers(struct agent *agent, const struct snug_resolve *command);
bool add_answered(struct agent *agent, const struct snug_answered_name *command, size_t size);

#endif
