/* SPDX-License-Identifier: Apache-2.0 */
/* Assignments of containers to versions. */
#ifndef SNUG_ASSIGN_H
#define SNUG_ASSIGN_H

#include "sensor/agent.h"

/* False where the command is not well formed. */
bool assign_container(struct agent *agent, const struct snug_assign *command, size_t size);

#endif
