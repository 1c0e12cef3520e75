// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses of the kernel's variables, from its list of symbols. A module may have a symbol of the
 * same name: its line has the module's name behind it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "sensor/variables.h"

static const char *const names[SNUG_VARIABLES] = {
	[SNUG_RENAME_LOCK] = "rename_lock",
	[SNUG_MOUNT_LOCK] = "mount_lock",
	[SNUG_RCU_STATE] = "rcu_state",
};

static void note_symbol(__u64 addresses[SNUG_VARIABLES], bool twice[SNUG_VARIABLES],
			const char *line)
{
	char name[64], end;
	uint64_t address;

	/* Not by its type: Linux 7 has that of code there for data too. */
	if (sscanf(line, "%" SCNx64 " %*c %63s%c", &address, name, &end) != 3 || end != '\n')
		return;
	for (int i = 0; i < SNUG_VARIABLES; i++) {
		if (strcmp(name, names[i]))
			continue;
		twice[i] |= addresses[i] != 0;
		addresses[i] = address;
	}
}

void find_variables(__u64 addresses[SNUG_VARIABLES])
{
	FILE *file = fopen("/proc/kallsyms", "re");
	bool twice[SNUG_VARIABLES] = {}, complete = true;
	char line[512];

	memset(addresses, 0, SNUG_VARIABLES * sizeof(*addresses));
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		note_symbol(addresses, twice, line);
	fclose(file);
	for (int i = 0; i < SNUG_VARIABLES; i++)
		complete &= addresses[i] && !twice[i];
	if (!complete)
		memset(addresses, 0, SNUG_VARIABLES * sizeof(*addresses));
}
