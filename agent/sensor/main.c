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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sensor/sensor.h"

#define POLL_MS 2		/* while something happens */
#define IDLE_ROUNDS 10		/* of POLL_MS without a record: then sleep until woken */

static __u64 retire_at;		/* when the state of another build can go; 0: not known yet */
static __u64 prune_at;

#define RETIRE_AFTER (10 * NS)	/* that everything was told: what an engine tells late is assigned by then */
#define PRUNE_AFTER (60 * NS)

static struct options options = {
	.ring_size = 4u << 20,
	.filter = true,
	.probe_seconds = 60,
};

static int libbpf_says(enum libbpf_print_level level, const char *format, va_list list)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, list) : 0;
}

/* What is of no use any more can go, once in a while. */
static void clear_up(struct agent *agent)
{
	__u64 now = monotonic();

	if (retire_at && now >= retire_at && pins_retiring())
		pins_retire();
	if (now >= prune_at) {
		versions_prune(agent);
		prune_at = now + PRUNE_AFTER;
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
		counts_are_stale();
		return;
	case SNUG_PROFILE:
		if (size != sizeof(struct snug_profile))
			break;
		profile_begin(agent, (const void *)head);
		counts_are_stale();
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
		counts_are_stale();
		return;
	case SNUG_ENFORCE:
		if (size != sizeof(struct snug_enforce))
			break;
		enforce(agent, (const void *)head);
		counts_are_stale();
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
		tell_all_records(agent);
		tell_beat(agent, true);
		return;
	case SNUG_PING:
		if (size != sizeof(struct snug_ping))
			break;
		/* Everything that happened before the ping is told before the pong. */
		tell_all_records(agent);
		tell_ends(agent);
		pong = *(const struct snug_ping *)head;
		send_frame(&pong, SNUG_PONG, sizeof(pong), NULL, 0);
		if (!retire_at)
			retire_at = monotonic() + RETIRE_AFTER;
		return;
	case SNUG_TAKEN:
		if (size < sizeof(struct snug_mark))
			break;
		mark_taken(agent, (const void *)head, size);
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
	size_t size = hooks_say(agent, text, sizeof(text));

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

		idle = tell_records(agent) ? 0 : idle + 1;
		tell_ends(agent);
		if (beat_due()) {
			tell_beat(agent, false);
			clear_up(agent);
			probe_go_on(agent);
		}
		tell_mark(agent);
		if (!send_now())
			return 0;
		if (idle > IDLE_ROUNDS) {
			rings_woken();
			*asleep = 1;
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (rings_empty()) {
				fds[2].fd = rings_wakes();
				wait = until_beat();
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

/* Programs whose arguments are part of what they are run for. */
static void set_programs(struct sensor *skel)
{
	struct snug_program *programs = (void *)skel->rodata->programs;
	const char *name = options.programs;
	size_t count = 0, size;

	for (; name && *name; name += size + (name[size] == ',')) {
		size = strcspn(name, ",");
		if (!size || size > SNUG_PROGRAM_MAX || count >= SNUG_PROGRAMS) {
			say("`%.*s` is no name of a program, or one too many", (int)size, name);
			exit(64);
		}
		memcpy(&programs[count++], name, size);
	}
}

static bool prepare(struct agent *agent)
{
	struct sensor *skel = sensor__open();

	if (!skel) {
		say("cannot open the kernel programs: %s", strerror(errno));
		return false;
	}
	agent->skel = skel;
	bpf_map__set_max_entries(skel->maps.rings, agent->rings);
	if (!pins_prepare(agent))
		return false;
	memcpy((void *)&skel->rodata->keys, &agent->keys, sizeof(agent->keys));
	skel->rodata->host_mnt_ns[0] = mount_space(getpid());
	skel->rodata->host_mnt_ns[1] = mount_space(1);
	skel->rodata->ring_count = agent->rings;
	skel->rodata->own_turn = agent->turn;
	skel->rodata->init_exes[0] = hash_path(&agent->keys, "/sbin/docker-init", 17);
	skel->rodata->init_exes[1] = hash_path(&agent->keys, "/dev/init", 9);
	set_calls(skel);
	set_programs(skel);
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
	versions_adopt(agent);
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
	pins_turn(agent, ring_fd(0));
	/* The hooks come first: whatever is new while the scan runs is theirs. */
	greet(agent);
	containers_reconcile(agent);
	scan(agent);
	memory->ready = 1;
	tell_from(agent, agent->kept ? memory->heard : monotonic());
	memory->heard = monotonic();
	prune_at = monotonic() + PRUNE_AFTER;
	if (agent->kept)
		tell_beat(agent, false);
	probe_begin(agent, options.probe_seconds, !options.unarmed);
	return send_now();
}

int main(int argc, char **argv)
{
	static struct agent agent;

	if (argc == 3 && !strcmp(argv[1], "--trial"))
		return trial(argv[2]);
	agent.cpus = libbpf_num_possible_cpus();
	options.rings = agent.cpus > 2 ? (agent.cpus + 1) / 2 : 1;
	if (options.rings > 256)
		options.rings = 256;
	parse_options(&options, argc, argv);
	agent.rings = options.rings;
	agent.ring_size = options.ring_size;
	agent.marks = options.marks;
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
