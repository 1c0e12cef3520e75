// SPDX-License-Identifier: Apache-2.0
/*
 * The sensor: a child of the daemon. Events go up on standard output, commands come down on standard input; the end
 * of that input is the order to stop, and then nothing stays attached.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "sensor.h"

#define POLL_MS 2		/* while something happens */
#define IDLE_ROUNDS 10		/* of POLL_MS without a record: then sleep until woken */

static struct snug_counters last;
static __u64 last_beat;
static bool stale;		/* a scope changed or a container ended: its counts can go */

__u64 monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

__u64 wall_offset(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS + now.tv_nsec - monotonic();
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

static int libbpf_says(enum libbpf_print_level level, const char *format, va_list list)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, list) : 0;
}

static struct snug_counters sum_counters(struct agent *agent)
{
	struct snug_counters each[agent->cpus], sum = {};
	__u32 key = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.counters), &key, each))
		return last;
	for (int cpu = 0; cpu < agent->cpus; cpu++) {
		const __u64 *from = (const __u64 *)&each[cpu];
		__u64 *to = (__u64 *)&sum;

		for (size_t i = 0; i < sizeof(sum) / sizeof(*to); i++)
			to[i] += from[i];
	}
	return sum;
}

static size_t drain(struct agent *agent)
{
	const struct snug_head *head;
	size_t size, count = 0;

	while ((head = ring_next(&size))) {
		const struct snug_container *container = (const void *)head;
		const struct snug_act *act = (const void *)head;
		const struct snug_sighting *sighting = (const void *)head;
		__u32 slot;

		switch (head->type) {
		case SNUG_CONTAINER:
			container_new(agent, container->slot);
			break;
		case SNUG_CONTAINER_END:
			container_end(agent, container->slot, container->container, container->time);
			break;
		case SNUG_ACT:
			container_told(agent, act->container, act->slot);
			names_told(agent, act);
			send_bytes(head, size);
			break;
		case SNUG_SIGHTING:
			if (!bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.cgroups),
						 &sighting->container, &slot))
				container_told(agent, sighting->container, slot);
			send_bytes(head, size);
			break;
		}
		ring_done();
		count++;
	}
	return count;
}

/* With several rings the youngest records wait to be put in order: so do those who need all of them. */
static void drain_all(struct agent *agent)
{
	drain(agent);
	while (agent->rings > 1 && !rings_empty()) {
		usleep(500);
		drain(agent);
	}
}

/* The counts of what stayed in the kernel. A full ring only means another round. */
static void flush(struct agent *agent, bool all)
{
	int fd = bpf_program__fd(agent->skel->progs.flush_counts);

	agent->skel->bss_control->control.tell_known = all;
	for (int round = 0; round < 64; round++) {
		LIBBPF_OPTS(bpf_test_run_opts, run);

		if (bpf_prog_test_run_opts(fd, &run)) {
			say("cannot flush the counts: %s", strerror(errno));
			return;
		}
		drain_all(agent);
		if (!agent->skel->bss_flushed->flushed.failed)
			break;
	}
	stale = false;
}

static void end_containers(struct agent *agent)
{
	if (!ends_pending())
		return;
	flush(agent, false);
	ends_tell(agent);
	stale = true;
}

static void beat(struct agent *agent, bool all)
{
	struct snug_counters now = sum_counters(agent);
	struct snug_stats frame = { .time = monotonic(), .wall_offset = wall_offset() };

	if (all || stale || now.filtered != last.filtered)
		flush(agent, all);
	if (agent->skel->bss_control->control.unheard) {
		agent->skel->bss_control->control.unheard = 0;
		containers_reconcile(agent);
	}
	disarmed_tell(agent);
	losses(agent, &now, last_beat, frame.time);
	frame.received = now.received;
	frame.emitted = now.emitted;
	frame.filtered = now.filtered;
	memcpy(frame.dropped, now.dropped, sizeof(frame.dropped));
	frame.unfiltered = now.unfiltered;
	frame.unnamed = now.unnamed;
	send_frame(&frame, SNUG_STATS, sizeof(frame), NULL, 0);
	last = now;
	last_beat = frame.time;
}

static void obey(const struct snug_head *head, void *context)
{
	struct agent *agent = context;
	size_t size = head->size + sizeof(*head);
	struct snug_ping pong;

	switch (head->type) {
	case SNUG_ASSIGN:
		if (size < sizeof(struct snug_assign) || !assign(agent, (const void *)head, size))
			break;
		stale = true;
		return;
	case SNUG_PROFILE:
		if (size != sizeof(struct snug_profile))
			break;
		profile_begin(agent, (const void *)head);
		stale = true;
		return;
	case SNUG_RULES:
		if (size < sizeof(struct snug_rules) || !profile_rules(agent, (const void *)head, size))
			break;
		return;
	case SNUG_STATES:
		if (size < sizeof(struct snug_states) || !profile_states(agent, (const void *)head, size))
			break;
		return;
	case SNUG_PREFIXES:
		if (size < sizeof(struct snug_prefixes) || !profile_prefixes(agent, (const void *)head, size))
			break;
		return;
	case SNUG_PROFILE_END:
		if (size != sizeof(struct snug_profile_end))
			break;
		profile_end(agent, (const void *)head);
		stale = true;
		return;
	case SNUG_ENFORCE:
		if (size != sizeof(struct snug_enforce))
			break;
		enforce(agent, (const void *)head);
		stale = true;
		return;
	case SNUG_PEER:
		if (size < sizeof(struct snug_peer) || !name_peer(agent, (const void *)head, size))
			break;
		return;
	case SNUG_FAIL_CLOSED:
		if (size != sizeof(struct snug_fail_closed))
			break;
		agent->skel->bss_control->control.fail_closed = ((const struct snug_fail_closed *)head)->on;
		return;
	case SNUG_KNOWN:
		if (size < sizeof(struct snug_known))
			break;
		learn_keys(agent, (const void *)head);
		return;
	case SNUG_FILTER:
		if (size != sizeof(struct snug_filter))
			break;
		agent->skel->bss_control->control.filter = ((const struct snug_filter *)head)->mode;
		return;
	case SNUG_FLUSH:
		drain_all(agent);
		beat(agent, true);
		return;
	case SNUG_PING:
		if (size != sizeof(struct snug_ping))
			break;
		/* Everything that happened before the ping is told before the pong. */
		drain_all(agent);
		end_containers(agent);
		pong = *(const struct snug_ping *)head;
		send_frame(&pong, SNUG_PONG, sizeof(pong), NULL, 0);
		return;
	}
	say("bad command from the daemon: type %u of %zu bytes", head->type, size);
	exit(2);
}

static void greet(struct agent *agent)
{
	struct snug_hello frame = {
		.time = monotonic(),
		.wall_offset = wall_offset(),
		.abi = SNUG_ABI,
		.rings = agent->rings,
		.ring_size = agent->ring_size,
		.slots = SNUG_SLOTS,
	};
	char text[4096];
	size_t size = hooks_say(text, sizeof(text));

	send_frame(&frame, SNUG_HELLO, sizeof(frame), text, size);
}

static int run(struct agent *agent)
{
	struct pollfd fds[1 + 256] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	volatile __u32 *asleep = &agent->skel->bss_control->control.asleep;
	int idle = 0, count;

	for (;;) {
		__u64 now;
		int wait = POLL_MS;

		idle = drain(agent) ? 0 : idle + 1;
		end_containers(agent);
		now = monotonic();
		if (now - last_beat >= NS)
			beat(agent, false);
		if (!send_now())
			return 0;
		count = 1;
		if (idle > IDLE_ROUNDS) {
			*asleep = 1;
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (rings_empty()) {
				count += rings_fds(fds + 1);
				now = monotonic() - last_beat;
				wait = now < NS ? (NS - now) / 1000000 + 1 : 0;
			}
		}
		if (poll(fds, count, wait) < 0 && errno != EINTR)
			return 1;
		*asleep = 0;
		if (count > 1 && fds[0].revents == 0)
			idle = 0;
		if (fds[0].revents && !receive(obey, agent))
			return 0;
	}
}

static bool prepare(struct agent *agent)
{
	struct stat own, first;
	struct sensor *skel = sensor__open();

	if (!skel) {
		say("cannot open the kernel programs: %s", strerror(errno));
		return false;
	}
	agent->skel = skel;
	if (getrandom(&agent->keys, sizeof(agent->keys), 0) != sizeof(agent->keys))
		return false;
	agent->keys.a |= 1;
	agent->keys.b |= 1;
	agent->keys.c |= 1;
	memcpy((void *)&skel->rodata->keys, &agent->keys, sizeof(agent->keys));
	if (stat("/proc/self/ns/mnt", &own))
		return false;
	if (stat("/proc/1/ns/mnt", &first))
		first = own;
	skel->rodata->host_mnt_ns[0] = own.st_ino;
	skel->rodata->host_mnt_ns[1] = first.st_ino;
	skel->rodata->ring_count = agent->rings;
	skel->rodata->init_exes[0] = hash_path(&agent->keys, "/sbin/docker-init", 17);
	skel->rodata->init_exes[1] = hash_path(&agent->keys, "/dev/init", 9);
	set_calls(skel);
	bpf_map__set_max_entries(skel->maps.rings, agent->rings);
	return hooks_load(agent);
}

static bool begin(struct agent *agent)
{
	int fd = bpf_map__fd(agent->skel->maps.free_slots);

	/* A stack: the first slots come out first. */
	for (__u32 slot = SNUG_SLOTS; slot-- > 0;)
		if (bpf_map_update_elem(fd, NULL, &slot, BPF_ANY))
			return false;
	if (!rings_open(agent) || !hooks_attach(agent))
		return false;
	/* The hooks come first: whatever is new while the scan runs is theirs. */
	greet(agent);
	scan(agent);
	last_beat = monotonic();
	return send_now();
}

static __u32 number_of(const char *text, __u32 least, __u32 most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || value < least || value > most) {
		say("`%s` is not a number from %u to %u", text, least, most);
		exit(64);
	}
	return value;
}

static void parse(struct agent *agent, int argc, char **argv, bool *filter)
{
	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--abi")) {
			print_layout();
			exit(0);
		} else if (!strcmp(argv[i], "--rings")) {
			agent->rings = number_of(next, 1, 256);
			i++;
		} else if (!strcmp(argv[i], "--ring-size")) {
			agent->ring_size = number_of(next, 4096, 1u << 30);
			i++;
		} else if (!strcmp(argv[i], "--unfiltered")) {
			*filter = false;
		} else {
			say("usage: snug-sensor [--rings N] [--ring-size BYTES] [--unfiltered] | --abi");
			exit(64);
		}
	}
	if (agent->ring_size & (agent->ring_size - 1)) {
		say("the size of a ring is a power of two");
		exit(64);
	}
}

int main(int argc, char **argv)
{
	static struct agent agent = { .ring_size = 4u << 20 };
	bool filter = true;
	int result;

	agent.cpus = libbpf_num_possible_cpus();
	agent.rings = agent.cpus > 2 ? (agent.cpus + 1) / 2 : 1;
	if (agent.rings > 256)
		agent.rings = 256;
	parse(&agent, argc, argv, &filter);
	signal(SIGPIPE, SIG_IGN);
	libbpf_set_print(libbpf_says);
	if (!find_cgroups(&agent) || !prepare(&agent))
		return 1;
	agent.skel->bss_control->control.filter = filter ? SNUG_FILTER_NOVELTY : SNUG_FILTER_OFF;
	if (!begin(&agent))
		return 1;
	result = run(&agent);
	/* Links are descriptors: they go with the process, however it ends. */
	sensor__destroy(agent.skel);
	return result;
}
