/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef SNUG_OPTIONS_H
#define SNUG_OPTIONS_H

#include <linux/types.h>
#include <stdbool.h>
#include "sensor/attach.h"

struct options {
	__u32 rings;
	__u32 ring_size;
	__u32 selftest_seconds;
	const char *pin;
	const char *resume;
	enum attach_kind hooks; /* the strongest kind to use */
	const char *programs;	/* names, separated by commas */
	const char *units;	/* patterns, separated by commas */
	bool acks;
	bool fresh_daemon; /* this daemon has none of the state that an earlier one was sent */
	bool filter;
	bool detach;
	bool switchable; /* for the benchmark: SIGUSR1 detaches all hooks, SIGUSR2 attaches them */
	bool portable;	 /* for tests: the programs for older kernels */
	bool selftest_unarmed; /* for tests: the self-test finds that nothing is stopped */
};

/* Exits with 64 where the command line makes no sense. */
void parse_options(struct options *options, int argc, char **argv);

#endif
