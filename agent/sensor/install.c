// SPDX-License-Identifier: Apache-2.0
/* From the commands of the daemon to the version that is judged by a profile. */
#include <string.h>
#include "abi.h"
#include "sensor/agent.h"
#include "sensor/frame.h"
#include "sensor/install.h"
#include "sensor/log.h"
#include "sensor/profile.h"
#include "sensor/version.h"

/* The profile in transfer whose scope did not fit into the table; scope 0: there is none. */
static struct {
	__u64 scope;
	__u64 serial;
} refused;

void install_begin(struct agent *agent, const struct snug_profile *command)
{
	__u32 version;

	refused.scope = 0;
	if (command->absent) {
		version = version_find(agent, command->scope);
		if (!version)
			return;
		profile_discard(version - 1);
		version_set_profile(agent, version - 1, 0);
		return;
	}
	version = version_index(agent, command->scope);
	if (version) {
		profile_begin(version - 1, command);
		return;
	}
	refused.scope = command->scope;
	refused.serial = command->serial;
}

/* Parts of a profile whose scope did not fit have no effect: 0 - 1 is not an index. */
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

static void send_failure(__u64 scope, __u64 serial, const struct profile_failure *failure)
{
	struct snug_profile_failed frame = {
		.scope = scope,
		.serial = serial,
		.reason = failure->reason,
	};

	log_line("a profile could not be installed: %s", failure->text);
	send_frame(&frame, SNUG_PROFILE_FAILED, sizeof(frame), failure->text,
		   strlen(failure->text));
}

static void send_installed(struct agent *agent, __u64 scope, __u64 serial)
{
	struct snug_profile_installed frame = { .scope = scope, .serial = serial };

	/* The daemon sent no profile for the self-test. */
	if (scope & SNUG_SELFTEST_SCOPE)
		return;
	send_frame(&frame, SNUG_PROFILE_INSTALLED, sizeof(frame), NULL, 0);
	report_enforcement(agent, scope);
}

void install_end(struct agent *agent, const struct snug_profile_end *command)
{
	static const struct profile_failure no_room = {
		.reason = SNUG_FAILURE_ROOM,
		.text = "as many image versions run as the sensor has room for",
	};
	struct profile_failure failure;
	__u32 version, number;

	if (refused.scope && refused.scope == command->scope) {
		send_failure(command->scope, refused.serial, &no_room);
		refused.scope = 0;
		return;
	}
	version = version_index(agent, command->scope);
	if (!version || !profile_is_open(version - 1))
		return;
	number = profile_end(agent, version - 1, &failure);
	/* A version without a profile alerts. The one before it may stop what this one allows. */
	version_set_profile(agent, version - 1, number);
	if (number)
		send_installed(agent, command->scope, profile_serial(version - 1));
	else
		send_failure(command->scope, profile_serial(version - 1), &failure);
}
