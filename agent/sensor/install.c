// SPDX-License-Identifier: Apache-2.0
/* From the commands of the daemon to the version that is judged by a profile. */
#include "abi.h"
#include "sensor/agent.h"
#include "sensor/install.h"
#include "sensor/profile.h"
#include "sensor/version.h"

void install_begin(struct agent *agent, const struct snug_profile *command)
{
	__u32 version = version_index(agent, command->scope);

	if (!version)
		return;
	if (command->absent) {
		profile_discard(version - 1);
		version_set_profile(agent, version - 1, 0);
		return;
	}
	profile_begin(version - 1, command);
}

/* Parts of a profile for a scope for which there was no room have no effect: 0 - 1 is no index. */
bool install_rules(struct agent *agent, const struct snug_rules *command, size_t size)
{
	return profile_rules(agent, version_index(agent, command->scope) - 1, command, size);
}

bool install_states(struct agent *agent, const struct snug_states *command, size_t size)
{
	return profile_states(version_index(agent, command->scope) - 1, command, size);
}

bool install_prefixes(struct agent *agent, const struct snug_prefixes *command, size_t size)
{
	return profile_prefixes(version_index(agent, command->scope) - 1, command, size);
}

void install_end(struct agent *agent, const struct snug_profile_end *command)
{
	__u32 version = version_index(agent, command->scope);
	__u32 number = version ? profile_end(agent, version - 1) : 0;

	if (number)
		version_set_profile(agent, version - 1, number);
}
