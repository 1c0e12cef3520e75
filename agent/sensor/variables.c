// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses of the kernel's variables, from its list of symbols. A module may have a symbol of the
 * same name: its line has the module's name behind it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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
	const char *name = strrchr(line, ' ');
	size_t length;

	for (int i = 0; name && i < SNUG_VARIABLES; i++) {
		length = strlen(names[i]);
		/* Not by its type: Linux 7 has that of code there for data too. */
		if (strncmp(name + 1, names[i], length) || name[1 + length] != '\n')
			continue;
		twice[i] |= addresses[i] != 0;
		addresses[i] = strtoull(line, NULL, 16);
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
