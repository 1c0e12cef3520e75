// SPDX-License-Identifier: Apache-2.0
/*
 * The sensor: a child of the daemon. It sends events on standard output and reads commands from
 * standard input; the end of that input is the order to stop. Pinned programs and maps stay
 * attached then, and the next sensor takes them over.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "abi.h"
#include "shared.h"
#include "pin/pin.h"
#include "pin/takeover.h"
#include "selftest/attempts.h"
#include "selftest/selftest.h"
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/commands.h"
#include "sensor/container.h"
#include "sensor/cost.h"
#include "sensor/frame.h"
#include "sensor/hooks.h"
#include "sensor/left_out.h"
#include "sensor/log.h"
#include "sensor/loss.h"
#include "sensor/object.h"
#include "sensor/options.h"
#include "sensor/packets.h"
#include "sensor/paths.h"
#include "sensor/process.h"
#include "sensor/report.h"
#include "sensor/ring.h"
#include "sensor/rule_hash.h"
#include "sensor/scan.h"
#include "sensor/slot.h"
#include "sensor/start_hook.h"
#include "sensor/syscalls.h"
#include "sensor/unit.h"
#include "sensor/version.h"

#define POLL_MS 2      /* while something happens */
#define IDLE_ROUNDS 10 /* of POLL_MS without a record: then sleep until woken */

static __u64 prune_at;
static volatile sig_atomic_t hooks_wanted = 1;

#define PRUNE_AFTER (60 * NS)

static struct options options = {
	.ring_size = 4u << 20,
	.filter = true,
	.selftest_seconds = 60,
};

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list list)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, list) : 0;
}

/* Removes unused state once in a while. */
static void remove_stale(struct agent *agent)
{
	__u64 now = monotonic();

	if (catch_up_settled() && pin_has_old())
		pin_remove_old();
	if (now >= prune_at) {
		versions_prune(agent);
		prune_at = now + PRUNE_AFTER;
	}
}

static void note_switch(int signal)
{
	hooks_wanted = signal == SIGUSR2;
}

/* The line in the log is the answer to the signal. */
static bool switch_hooks(struct agent *agent)
{
	static bool attached = true;

	if (attached == hooks_wanted)
		return true;
	attached = hooks_wanted;
	if (!attached)
		hooks_detach();
	else if (!hooks_attach(agent))
		return false;
	log_line("hooks %s", attached ? "attached" : "detached");
	return true;
}

static void send_hello(struct agent *agent)
{
	struct snug_hello frame = {
		.time = monotonic(),
		.wall_offset = wall_offset(),
		.abi = SNUG_ABI,
		.rings = agent->rings,
		.ring_size = agent->ring_size,
		.slots = SNUG_SLOTS,
	};
	char text[8192];
	size_t size = hooks_describe(agent, text, sizeof(text));

	size += pin_describe(agent, text + size, sizeof(text) - size);
	send_frame(&frame, SNUG_HELLO, sizeof(frame), text, size);
}

static int run(struct agent *agent)
{
	volatile __u32 *asleep = &agent->control->asleep;
	int idle = 0;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = selftest_fd(), .events = POLLIN },
			{ .fd = -1, .events = POLLIN },
		};
		int wait = POLL_MS;

		idle = report_records(agent) ? 0 : idle + 1;
		report_container_ends(agent);
		if (heartbeat_due()) {
			report_heartbeat(agent, false);
			remove_stale(agent);
			selftest_step(agent);
		}
		report_checkpoint(agent);
		if (!send_now())
			return 0;
		if (!switch_hooks(agent))
			return 1;
		if (idle > IDLE_ROUNDS) {
			rings_clear_wakeups();
			*asleep = 1;
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (rings_empty()) {
				fds[2].fd = rings_epoll_fd();
				wait = ms_until_heartbeat();
			}
		}
		if (poll(fds, 3, received_more() ? 0 : wait) < 0 && errno != EINTR)
			return 1;
		*asleep = 0;
		if (fds[2].revents)
			idle = 0;
		if (fds[1].revents)
			selftest_step(agent);
		if ((fds[0].revents || received_more()) && !receive(handle_command, agent))
			return 0;
	}
}

/* Programs whose arguments are part of what they are run for. */
static void set_programs(struct sensor *skel)
{
	struct snug_program_name *programs = (void *)skel->rodata->programs;
	const char *name = options.programs;
	size_t count = 0, size;

	for (; name && *name; name += size + (name[size] == ',')) {
		size = strcspn(name, ",");
		if (!size || size > SNUG_PROGRAM_MAX || count >= SNUG_PROGRAMS) {
			log_line("`%.*s` is not a valid program name, or there are too many",
				 (int)size, name);
			exit(64);
		}
		memcpy(&programs[count++], name, size);
	}
}

static bool prepare(struct agent *agent)
{
	struct sensor *skel = open_programs(options.portable);

	if (!skel) {
		log_line("cannot open the kernel programs: %s", strerror(errno));
		return false;
	}
	agent->skel = skel;
	bpf_map__set_max_entries(skel->maps.rings, agent->rings);
	if (!takeover_prepare(agent))
		return false;
	memcpy((void *)&skel->rodata->keys, &agent->keys, sizeof(agent->keys));
	skel->rodata->host_mnt_ns[0] = mount_namespace(getpid());
	skel->rodata->host_mnt_ns[1] = mount_namespace(1);
	skel->rodata->ring_count = agent->rings;
	skel->rodata->own_generation = agent->generation;
	skel->rodata->init_exes[0] = hash_path(&agent->keys, "/sbin/docker-init", 17);
	skel->rodata->init_exes[1] = hash_path(&agent->keys, "/dev/init", 9);
	skel->rodata->init_exes[2] = hash_path(&agent->keys, "/run/podman-init", 16);
	set_syscall_classes(skel);
	set_programs(skel);
	set_units(agent, options.units);
	return hooks_load(agent, options.hooks) && pin_maps(agent);
}

/*
 * `STATE,CHECKPOINT,POSITION,…`: the last checkpoint that the daemon judged. It keeps its place in
 * the rings until it is acknowledged.
 */
static void resume(struct agent *agent)
{
	__u64 positions[RINGS_MAX + 1];
	const char *text = options.resume;
	size_t count = 0;
	char *end;

	if (!text || strtoull(text, &end, 10) != agent->pinned->id)
		return;
	if (*end == ',')
		strtoull(end + 1, &end, 10);
	while (*end == ',' && count <= RINGS_MAX)
		positions[count++] = strtoull(end + 1, &end, 10);
	rings_resume(positions, count);
}

static void adopt_state(struct agent *agent)
{
	resume(agent);
	names_takeover(agent);
	losses_takeover(agent);
	versions_takeover(agent);
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
	struct snug_pinned_state *pinned_state = agent->pinned;

	agent->control->filter = options.filter ? SNUG_FILTER_NOVELTY : SNUG_FILTER_OFF;
	if (!rings_open(agent) ||
	    (!agent->taken_over && (!fill_slots(agent) || !fill_scratches(agent))))
		return false;
	if (agent->taken_over)
		adopt_state(agent);
	if (options.fresh_daemon || !pinned_state->daemon_run) {
		pinned_state->daemon_run = pinned_state->daemon_run % SNUG_RUN_MASK + 1;
		slots_reset(agent);
	}
	agent->control->wall_offset = wall_offset();
	if (!hooks_attach(agent))
		return false;
	pin_activate(agent, ring_fd(0), note_left_out_before);
	/* The hooks come first: whatever is new while the scan runs is theirs. */
	send_hello(agent);
	forget_units(agent);
	containers_reconcile(agent);
	scan(agent);
	pinned_state->ready = 1;
	start_heartbeats(agent, agent->taken_over ? pinned_state->last_heartbeat : monotonic());
	pinned_state->last_heartbeat = monotonic();
	prune_at = monotonic() + PRUNE_AFTER;
	if (agent->taken_over)
		report_heartbeat(agent, false);
	selftest_begin(agent, options.selftest_seconds, !options.selftest_unarmed);
	return send_now();
}

int main(int argc, char **argv)
{
	static struct agent agent;

	if (argc == 3 && !strcmp(argv[1], "--attempt"))
		return run_attempts(argv[2]);
	if (argc > 1 && !strcmp(argv[1], "--start-hook"))
		return start_hook(argc, argv);
	if (argc == 5 && !strcmp(argv[1], "--cost") && !strcmp(argv[3], "--of"))
		return print_cost(argv[2], argv[4]);
	if (argc == 5 && !strcmp(argv[1], "--packets"))
		return receive_packets(argv[2], argv[3], argv[4]);
	if (argc == 2 && !strcmp(argv[1], "--libraries"))
		return printf("%s glibc@%s\n", SNUG_LIBRARIES, gnu_get_libc_version()) < 0;
	agent.cpus = libbpf_num_possible_cpus();
	options.rings = agent.cpus > 2 ? (agent.cpus + 1) / 2 : 1;
	if (options.rings > RINGS_MAX)
		options.rings = RINGS_MAX;
	parse_options(&options, argc, argv);
	agent.rings = options.rings;
	agent.ring_size = options.ring_size;
	agent.acks = options.acks;
	if (options.detach)
		return pin_detach(options.pin);
	signal(SIGPIPE, SIG_IGN);
	if (options.switchable) {
		signal(SIGUSR1, note_switch);
		signal(SIGUSR2, note_switch);
	}
	libbpf_set_print(print_libbpf);
	if (!pin_open(options.pin) || !find_cgroups(&agent) || !prepare(&agent) || !begin(&agent))
		return 1;
	/* The kernel removes everything that is not pinned with the process, however it ends. */
	return run(&agent);
}
