// SPDX-License-Identifier: Apache-2.0
/* The command line. */
#include <stdlib.h>
#include <string.h>
#include "sensor/log.h"
#include "sensor/options.h"

static __u32 number_of(const char *text, __u32 least, __u32 most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value < least || value > most) {
		log_line("`%s` is not a number from %u to %u", text, least, most);
		exit(64);
	}
	return value;
}

static enum attach_kind kind_of(const char *text)
{
	for (int kind = ATTACH_LSM; kind <= ATTACH_TRACEPOINT; kind++)
		if (!strcmp(text, attach_names[kind]))
			return kind;
	log_line("`%s` is not lsm, fmod_ret or tracepoints", text);
	exit(64);
}

static void refuse_usage(void)
{
	log_line(
		"usage: snug-sensor [--pin FOLDER [--resume STATE,CHECKPOINT,POSITION,…] [--fresh-daemon]] [--ack] [--selftest SECONDS]\n"
		"                   [--programs NAME,…] [--units PATTERN,…] [--rings N] [--ring-size BYTES] [--hooks lsm|fmod_ret|tracepoints] [--unfiltered] [--portable] [--switchable]\n"
		"       snug-sensor --start-hook [--socket PATH] [--wait MILLISECONDS] [--fail-closed]\n"
		"       snug-sensor --cost SECONDS --of PID\n"
		"       snug-sensor --packets SOCKET MODE GREETING\n"
		"       snug-sensor --detach --pin FOLDER | --libraries");
	exit(64);
}

/* True where the option took the argument that follows it. */
static bool parse_pair(struct options *options, const char *option, const char *value)
{
	if (!strcmp(option, "--rings"))
		options->rings = number_of(value, 1, 256);
	else if (!strcmp(option, "--ring-size"))
		options->ring_size = number_of(value, 4096, 1u << 30);
	else if (!strcmp(option, "--selftest"))
		options->selftest_seconds = number_of(value, 0, 86400);
	else if (!strcmp(option, "--hooks"))
		options->hooks = kind_of(value);
	else if (!strcmp(option, "--pin"))
		options->pin = value;
	else if (!strcmp(option, "--resume"))
		options->resume = value;
	else if (!strcmp(option, "--programs"))
		options->programs = value;
	else if (!strcmp(option, "--units"))
		options->units = value;
	else
		return false;
	if (!*value)
		refuse_usage();
	return true;
}

void parse_options(struct options *options, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (parse_pair(options, argv[i], i + 1 < argc ? argv[i + 1] : ""))
			i++;
		else if (!strcmp(argv[i], "--unfiltered"))
			options->filter = false;
		else if (!strcmp(argv[i], "--fresh-daemon"))
			options->fresh_daemon = true;
		else if (!strcmp(argv[i], "--ack"))
			options->acks = true;
		else if (!strcmp(argv[i], "--unarmed-selftest"))
			options->selftest_unarmed = true;
		else if (!strcmp(argv[i], "--switchable"))
			options->switchable = true;
		else if (!strcmp(argv[i], "--portable"))
			options->portable = true;
		else if (!strcmp(argv[i], "--detach"))
			options->detach = true;
		else
			refuse_usage();
	}
	/* Pinned hooks would stay attached. */
	if ((options->detach && !options->pin) || (options->switchable && options->pin))
		refuse_usage();
	if (options->ring_size & (options->ring_size - 1)) {
		log_line("the size of a ring must be a power of two");
		exit(64);
	}
}
