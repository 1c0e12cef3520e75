// SPDX-License-Identifier: Apache-2.0
/*
 * Whether this kernel preempts a process anywhere. Some kernels state in their version what is
 * fixed. Elsewhere debugfs shows what is in force, then the command line, then the configuration.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>
#include "sensor/preempt.h"

enum answer {
	UNKNOWN,
	NO,
	YES,
};

static enum answer answer_of(const char *mode)
{
	return !strcmp(mode, "full") ? YES : NO;
}

/* The mode in brackets is in force. */
static enum answer ask_debugfs(void)
{
	FILE *file = fopen("/sys/kernel/debug/sched/preempt", "re");
	char line[128] = "", *mode;

	if (!file)
		return UNKNOWN;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	mode = strchr(line, '(');
	if (!mode)
		return UNKNOWN;
	mode++;
	mode[strcspn(mode, ")")] = 0;
	return answer_of(mode);
}

/* The last one counts. */
static enum answer ask_command_line(void)
{
	FILE *file = fopen("/proc/cmdline", "re");
	enum answer answer = UNKNOWN;
	char line[4096] = "", *rest = line, *word;

	if (!file)
		return UNKNOWN;
	if (fgets(line, sizeof(line), file))
		while ((word = strsep(&rest, " \n")))
			if (!strncmp(word, "preempt=", 8))
				answer = answer_of(word + 8);
	fclose(file);
	return answer;
}

/* Compressed or not. */
static enum answer ask_configuration(const char *path)
{
	gzFile file = gzopen(path, "re");
	enum answer answer = UNKNOWN;
	char line[1024];

	if (!file)
		return UNKNOWN;
	while (answer != YES && gzgets(file, line, sizeof(line)))
		answer = !strcmp(line, "CONFIG_PREEMPT=y\n") ? YES : NO;
	gzclose(file);
	return answer;
}

bool preempts_everywhere(void)
{
	char path[PATH_MAX];
	struct utsname name;
	enum answer answer;

	uname(&name);
	if (strstr(name.version, " PREEMPT_RT") || strstr(name.version, " PREEMPT "))
		return true;
	snprintf(path, sizeof(path), "/boot/config-%s", name.release);
	answer = ask_debugfs();
	if (!answer)
		answer = ask_command_line();
	if (!answer)
		answer = ask_configuration("/proc/config.gz");
	if (!answer)
		answer = ask_configuration(path);
	return answer == YES;
}
