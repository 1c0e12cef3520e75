/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the daemon. */
#ifndef SNUG_COMMANDS_H
#define SNUG_COMMANDS_H

#include "abi.h"
#include <stdbool.h>

/* For `receive`; `context` is the agent. Exits on a command that is not well formed. */
void handle_command(const struct snug_head *head, void *context);
/* True once the daemon has sent all that it wants in force, and some time has passed. */
bool catch_up_settled(void);

#endif
