/* SPDX-License-Identifier: Apache-2.0 */
/* Installs profiles: from the commands of the daemon to the version that is judged by them. */
#ifndef SNUG_INSTALL_H
#define SNUG_INSTALL_H

#include "sensor/agent.h"

/* A function that returns a bool returns false for a malformed command. */
void install_begin(struct agent *agent, const struct snug_profile *command);
bool install_rules(struct agent *agent, const struct snug_rules *command, size_t size);
bool install_states(struct agent *agent, const struct snug_states *command, size_t size);
bool install_prefixes(struct agent *agent, const struct snug_prefixes *command, size_t size);
void install_end(struct agent *agent, const struct snug_profile_end *command);

#endif
