// SPDX-License-Identifier: Apache-2.0
/*
 * Where this kernel preempts a process. Some kernels state in their version what is
 * fixed. Elsewhere debugfs shows what is in force, then the command line, then the configuration.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>
#include "sensor/preempt.h"

static enum preemption preemption_of(const char *mode)
{
	if (!strcmp(mode, "full"))
		return PREEMPTION_FULL;
	return strcmp(mode, "lazy") ? PREEMPTION_NONE : PREEMPTION_LAZY;
}

/* The mode in brackets is in force. */
static enum preemption ask_debugfs(void)
{
	FILE *file = fopen("/sys/kernel/debug/sched/preempt", "re");
	char line[128] = "", *mode;

	if (!file)
		return PREEMPTION_UNKNOWN;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	mode = strchr(line, '(');
	if (!mode)
		return PREEMPTION_UNKNOWN;
	mode++;
	mode[strcspn(mode, ")")] = 0;
	return preemption_of(mode);
}

/* The last one counts. */
static enum preemption ask_command_line(void)
{
	FILE *file = fopen("/proc/cmdline", "re");
	enum preemption answer = PREEMPTION_UNKNOWN;
	char line[4096] = "", *rest = line, *word;

	if (!file)
		return PREEMPTION_UNKNOWN;
	if (fgets(line, sizeof(line), file))
		while ((word = strsep(&rest, " \n")))
			if (!strncmp(word, "preempt=", 8))
				answer = preemption_of(word + 8);
	fclose(file);
	return answer;
}

/* Compressed or not. */
static enum preemption ask_configuration(const char *path)
{
	gzFile file = gzopen(path, "re");
	enum preemption answer = PREEMPTION_UNKNOWN;
	char line[1024];

	if (!file)
		return PREEMPTION_UNKNOWN;
	while (answer < PREEMPTION_LAZY && gzgets(file, line, sizeof(line)))
		answer = !strcmp(line, "CONFIG_PREEMPT=y\n")	  ? PREEMPTION_FULL :
			 !strcmp(line, "CONFIG_PREEMPT_LAZY=y\n") ? PREEMPTION_LAZY :
								    PREEMPTION_NONE;
	gzclose(file);
	return answer;
}

enum preemption find_preemption(void)
{
	char path[PATH_MAX];
	struct utsname name;
	enum preemption answer;

	uname(&name);
	if (strstr(name.version, " PREEMPT_RT") || strstr(name.version, " PREEMPT "))
		return PREEMPTION_FULL;
	snprintf(path, sizeof(path), "/boot/config-%s", name.release);
	answer = ask_debugfs();
	if (!answer)
		answer = ask_command_line();
	if (!answer)
		answer = ask_configuration("/proc/config.gz");
	if (!answer)
		answer = ask_configuration(path);
	return answer;
}

/* Since 7.0; nothing else shows it. */
bool preempts_tracepoints(void)
{
	struct utsname name;

	uname(&name);
	return strtoul(name.release, NULL, 10) >= 7;
}
