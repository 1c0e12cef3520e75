// SPDX-License-Identifier: Apache-2.0
/*
 * The sensor: a child of the daemon. Events go up on standard output, commands come down on standard input; the end
 * of that input is the order to stop. What is pinned stays attached then, and the next sensor goes on with it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "sensor.h"

#define POLL_MS 2		/* while something happens */
#define IDLE_ROUNDS 10		/* of POLL_MS without a record: then sleep until woken */

static struct snug_counters last;
static __u64 last_beat;
static bool stale;		/* a scope changed or a container ended: its counts can go */
static bool unmarked;		/* something was told since the last mark */
static __u64 retire_at;		/* when the state of another build can go; 0: not known yet */
static __u64 prune_at;

#define RETIRE_AFTER (10 * NS)	/* that everything was told: what an engine tells late is assigned by then */
#define PRUNE_AFTER (60 * NS)

/* What the command line says, as far as it is no agent's. */
static struct {
	const char *pin;
	const char *resume;
	bool anew;
	bool filter;
	bool detach;
	bool layout;
	bool unarmed;		/* the trial finds that nothing is stopped: for tests */
	__u32 probe_seconds;
} options = { .filter = true, .probe_seconds = 60 };

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

/* An act of the sensor's own trial is nobody else's business. */
static void pass_on(struct agent *agent, const struct snug_head *head, size_t size)
{
	const struct snug_container *container = (const void *)head;
	const struct snug_sighting *sighting = (const void *)head;
	const struct snug_act *act = (const void *)head;
	__u32 slot;

	switch (head->type) {
	case SNUG_CONTAINER:
		container_new(agent, container->slot);
		break;
	case SNUG_CONTAINER_END:
		container_end(agent, container->slot, container->container, container->time);
		break;
	case SNUG_ACT:
		if (container_hidden(agent, act->container, act->slot)) {
			agent->memory->hidden++;
			break;
		}
		container_told(agent, act->container, act->slot);
		names_told(agent, act);
		send_bytes(head, size);
		break;
	case SNUG_SIGHTING:
		slot = container_slot(agent, sighting->container);
		if (container_hidden(agent, sighting->container, slot)) {
			agent->memory->hidden_counts += sighting->count;
			break;
		}
		container_told(agent, sighting->container, slot);
		send_bytes(head, size);
		break;
	}
}

static size_t drain(struct agent *agent)
{
	const struct snug_head *head;
	size_t size, count = 0;

	while ((head = ring_next(&size))) {
		pass_on(agent, head, size);
		ring_done();
		if (++count % 64 == 0)
			rings_relieve();
	}
	unmarked |= count > 0;
	return count;
}

/* Who does not say what it has taken has taken what was written. */
static void mark(struct agent *agent)
{
	struct snug_mark frame = { .state = agent->memory->name, .number = agent->memory->mark + 1 };
	__u64 positions[256];
	size_t count = rings_positions(positions);

	if (!unmarked)
		return;
	agent->memory->mark++;
	unmarked = false;
	if (agent->marks) {
		send_frame(&frame, SNUG_MARK, sizeof(frame), positions, count * sizeof(*positions));
		rings_relieve();
		return;
	}
	rings_let_go(positions, count);
	ends_taken(agent, agent->memory->mark);
	losses_taken(agent, agent->memory->mark);
}

/* It may still be of a state before this one: then it is of no use. */
static void taken(struct agent *agent, const struct snug_mark *command, size_t size)
{
	if (command->state != agent->memory->name || command->number > agent->memory->mark)
		return;
	rings_let_go((const __u64 *)(command + 1), (size - sizeof(*command)) / sizeof(__u64));
	ends_taken(agent, command->number);
	losses_taken(agent, command->number);
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

	agent->control->tell_known = all;
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
	ends_tell(agent, agent->memory->mark + 1);
	unmarked = true;
	stale = true;
}

static void beat(struct agent *agent, bool all)
{
	struct snug_counters now = sum_counters(agent);
	struct snug_stats frame = { .time = monotonic(), .wall_offset = wall_offset() };

	if (all || stale || now.filtered != last.filtered)
		flush(agent, all);
	if (agent->control->unheard) {
		agent->control->unheard = 0;
		containers_reconcile(agent);
	}
	disarmed_tell(agent);
	unmarked |= losses(agent, &now, last_beat, frame.time, agent->memory->mark + 1);
	frame.received = now.received - agent->memory->hidden - agent->memory->hidden_counts;
	frame.emitted = now.emitted - agent->memory->hidden;
	frame.filtered = now.filtered - agent->memory->hidden_counts;
	memcpy(frame.dropped, now.dropped, sizeof(frame.dropped));
	frame.unfiltered = now.unfiltered;
	frame.unnamed = now.unnamed;
	send_frame(&frame, SNUG_STATS, sizeof(frame), NULL, 0);
	last = now;
	last_beat = frame.time;
	agent->memory->heard = frame.time;
	if (retire_at && frame.time >= retire_at && pins_retiring())
		pins_retire();
	if (frame.time >= prune_at) {
		profiles_prune(agent);
		prune_at = frame.time + PRUNE_AFTER;
	}
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
		agent->control->fail_closed = ((const struct snug_fail_closed *)head)->on;
		return;
	case SNUG_KNOWN:
		if (size < sizeof(struct snug_known))
			break;
		learn_keys(agent, (const void *)head);
		return;
	case SNUG_FILTER:
		if (size != sizeof(struct snug_filter))
			break;
		agent->control->filter = ((const struct snug_filter *)head)->mode;
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
		if (!retire_at)
			retire_at = monotonic() + RETIRE_AFTER;
		return;
	case SNUG_TAKEN:
		if (size < sizeof(struct snug_mark))
			break;
		taken(agent, (const void *)head, size);
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

	size += pins_say(agent, text + size, sizeof(text) - size);
	send_frame(&frame, SNUG_HELLO, sizeof(frame), text, size);
}

static int run(struct agent *agent)
{
	volatile __u32 *asleep = &agent->control->asleep;
	int idle = 0;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = probe_fd(), .events = POLLIN },
			{ .fd = -1, .events = POLLIN },
		};
		int wait = POLL_MS;
		__u64 now;

		idle = drain(agent) ? 0 : idle + 1;
		end_containers(agent);
		now = monotonic();
		if (now - last_beat >= NS) {
			beat(agent, false);
			probe_go_on(agent);
		}
		mark(agent);
		if (!send_now())
			return 0;
		if (idle > IDLE_ROUNDS) {
			rings_woken();
			*asleep = 1;
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (rings_empty()) {
				fds[2].fd = rings_wakes();
				now = monotonic() - last_beat;
				wait = now < NS ? (NS - now) / 1000000 + 1 : 0;
			}
		}
		if (poll(fds, 3, wait) < 0 && errno != EINTR)
			return 1;
		*asleep = 0;
		if (fds[2].revents)
			idle = 0;
		if (fds[1].revents)
			probe_go_on(agent);
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
	bpf_map__set_max_entries(skel->maps.rings, agent->rings);
	if (!pins_prepare(agent) || stat("/proc/self/ns/mnt", &own))
		return false;
	memcpy((void *)&skel->rodata->keys, &agent->keys, sizeof(agent->keys));
	if (stat("/proc/1/ns/mnt", &first))
		first = own;
	skel->rodata->host_mnt_ns[0] = own.st_ino;
	skel->rodata->host_mnt_ns[1] = first.st_ino;
	skel->rodata->ring_count = agent->rings;
	skel->rodata->own_turn = agent->turn;
	skel->rodata->init_exes[0] = hash_path(&agent->keys, "/sbin/docker-init", 17);
	skel->rodata->init_exes[1] = hash_path(&agent->keys, "/dev/init", 9);
	set_calls(skel);
	return hooks_load(agent) && pins_keep(agent);
}

/* `STATE,MARK,POSITION,…`: up to where a daemon has taken what an earlier sensor told. */
static void resume(struct agent *agent)
{
	__u64 positions[256];
	const char *text = options.resume;
	size_t count = 0;
	char *end;

	if (!text || strtoull(text, &end, 10) != agent->memory->name)
		return;
	if (*end == ',')
		strtoull(end + 1, &end, 10);
	while (*end == ',' && count < 256)
		positions[count++] = strtoull(end + 1, &end, 10);
	rings_resume(positions, count);
}

static void adopt_state(struct agent *agent)
{
	resume(agent);
	names_adopt(agent);
	losses_adopt(agent);
	profiles_adopt(agent);
	last = sum_counters(agent);
}

static bool fill_slots(struct agent *agent)
{
	int fd = bpf_map__fd(agent->skel->maps.free_slots);

	/* A stack: the first slots come out first. */
	for (__u32 slot = SNUG_SLOTS; slot-- > 0;)
		if (bpf_map_update_elem(fd, NULL, &slot, BPF_ANY))
			return false;
	return true;
}

static bool begin(struct agent *agent)
{
	struct snug_memory *memory = agent->memory;

	agent->control->filter = options.filter ? SNUG_FILTER_NOVELTY : SNUG_FILTER_OFF;
	if (!rings_open(agent) || (!agent->kept && !fill_slots(agent)))
		return false;
	if (agent->kept)
		adopt_state(agent);
	if (options.anew || !memory->run) {
		memory->run = memory->run % SNUG_RUN_MASK + 1;
		containers_anew(agent);
	}
	if (!hooks_attach(agent))
		return false;
	pins_turn(agent);
	/* The hooks come first: whatever is new while the scan runs is theirs. */
	greet(agent);
	containers_reconcile(agent);
	scan(agent);
	memory->ready = 1;
	last_beat = agent->kept ? memory->heard : monotonic();
	memory->heard = monotonic();
	prune_at = monotonic() + PRUNE_AFTER;
	if (agent->kept)
		beat(agent, false);
	probe_begin(agent, options.probe_seconds, !options.unarmed);
	return send_now();
}

static __u32 number_of(const char *text, __u32 least, __u32 most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value < least || value > most) {
		say("`%s` is not a number from %u to %u", text, least, most);
		exit(64);
	}
	return value;
}

static void refuse_usage(void)
{
	say("usage: snug-sensor [--pin FOLDER [--resume STATE,MARK,POSITION,…] [--anew]] [--marks] [--probe SECONDS]\n"
	    "                   [--rings N] [--ring-size BYTES] [--unfiltered]\n"
	    "       snug-sensor --detach --pin FOLDER | --abi");
	exit(64);
}

/* True where the option took the word behind it. */
static bool parse_pair(struct agent *agent, const char *option, const char *value)
{
	if (!strcmp(option, "--rings"))
		agent->rings = number_of(value, 1, 256);
	else if (!strcmp(option, "--ring-size"))
		agent->ring_size = number_of(value, 4096, 1u << 30);
	else if (!strcmp(option, "--probe"))
		options.probe_seconds = number_of(value, 0, 86400);
	else if (!strcmp(option, "--pin"))
		options.pin = value;
	else if (!strcmp(option, "--resume"))
		options.resume = value;
	else
		return false;
	if (!*value)
		refuse_usage();
	return true;
}

static void parse(struct agent *agent, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (parse_pair(agent, argv[i], i + 1 < argc ? argv[i + 1] : ""))
			i++;
		else if (!strcmp(argv[i], "--abi"))
			options.layout = true;
		else if (!strcmp(argv[i], "--unfiltered"))
			options.filter = false;
		else if (!strcmp(argv[i], "--anew"))
			options.anew = true;
		else if (!strcmp(argv[i], "--marks"))
			agent->marks = true;
		else if (!strcmp(argv[i], "--unarmed-probe"))
			options.unarmed = true;
		else if (!strcmp(argv[i], "--detach"))
			options.detach = true;
		else
			refuse_usage();
	}
	if (options.detach && !options.pin)
		refuse_usage();
	if (agent->ring_size & (agent->ring_size - 1)) {
		say("the size of a ring is a power of two");
		exit(64);
	}
}

int main(int argc, char **argv)
{
	static struct agent agent = { .ring_size = 4u << 20 };

	if (argc == 3 && !strcmp(argv[1], "--trial"))
		return trial(argv[2]);
	agent.cpus = libbpf_num_possible_cpus();
	agent.rings = agent.cpus > 2 ? (agent.cpus + 1) / 2 : 1;
	if (agent.rings > 256)
		agent.rings = 256;
	parse(&agent, argc, argv);
	if (options.layout) {
		print_layout();
		return 0;
	}
	if (options.detach)
		return pins_detach(options.pin);
	signal(SIGPIPE, SIG_IGN);
	libbpf_set_print(libbpf_says);
	if (!pins_open(options.pin) || !find_cgroups(&agent) || !prepare(&agent) || !begin(&agent))
		return 1;
	/* What is not pinned goes with the process, however it ends. */
	return run(&agent);
}
