// SPDX-License-Identifier: Apache-2.0
/*
 * What runs already: containers, found by their cgroups, and the state of each of their processes,
 * as far as /proc has it. Scripts and ids of earlier executions cannot be found; such containers
 * are flagged.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "abi.h"
#include "hash.h"
#include "rule_key.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/container.h"
#include "sensor/log.h"
#include "sensor/object.h"
#include "sensor/process.h"
#include "sensor/scan.h"
#include "sensor/slot.h"
#include "sensor/unit.h"

#define PIDFD_THREAD O_EXCL
#define PROCESSES_MAX 4096
#define PASSES_MAX 16

/*
 * The root of a hierarchy; in a container that has its own part of it mounted as well, that part is
 * none.
 */
#define ROOT_INODE 1

bool find_cgroups(struct agent *agent)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[8192], target[4096];
	struct stat info;

	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*d %*d %*s %*s %4095s", target) != 1)
			continue;
		if (stat(target, &info) || info.st_ino != ROOT_INODE)
			continue;
		snprintf(agent->cgroup_path, sizeof(agent->cgroup_path), "%s", target);
		agent->cgroup_fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		break;
	}
	if (file)
		fclose(file);
	if (!agent->cgroup_path[0] || agent->cgroup_fd < 0) {
		log_line("found no mount of the root of the cgroup v2 hierarchy");
		return false;
	}
	return true;
}

static bool is_pod(const char *leaf, const char *id)
{
	static const char pod[] = "libpod_pod_";
	const ptrdiff_t size = sizeof(pod) - 1;

	return id - leaf >= size && !strncmp(id - size, pod, size);
}

/* As in cgroup.bpf.h: exactly 64 hex digits in a row, and neither a monitor's nor a pod's. */
static const char *id_in(const char *leaf)
{
	size_t run = 0;

	if (!strncmp(leaf, "crio-conmon-", 12) || !strncmp(leaf, "libpod-conmon-", 14))
		return NULL;
	for (const char *c = leaf;; c++) {
		if ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f')) {
			run++;
			continue;
		}
		if (run == SNUG_ID_LEN)
			return is_pod(leaf, c - SNUG_ID_LEN) ? NULL : c - SNUG_ID_LEN;
		if (!*c)
			return NULL;
		run = 0;
	}
}

static struct process *find_process(struct process *all, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].pid == pid)
			return &all[i];
	return NULL;
}

/* The parent's executable is an ancestor where it differs: else the process was only forked. */
static void set_family(struct agent *agent, struct process *all, size_t count,
		       struct process *process, const struct process *init, bool unit)
{
	struct snug_task *state = &process->state;
	struct process *root = process, *above;
	size_t known = 0, steps = 0;

	while ((above = find_process(all, count, root->ppid)) && above != root && steps++ < count) {
		if ((above->state.exe != root->state.exe ||
		     above->state.script != root->state.script) &&
		    known < SNUG_ANCESTORS)
			state->ancestors[known++] = above->state.script ? above->state.script :
									  above->state.exe;
		root = above;
	}
	state->origin = unit || root == init ? SNUG_ENTRYPOINT : SNUG_EXEC_IN;
	if (state->origin == SNUG_EXEC_IN)
		state->session = SNUG_MIX(agent->keys, root->start, (__u64)root->pid);
}

/* The key of a thread's state, or -1: its id, or a descriptor, which is to be closed. */
static int task_key(struct agent *agent, pid_t pid, pid_t thread)
{
	if (is_portable(agent))
		return thread;
	return syscall(SYS_pidfd_open, thread, thread == pid ? 0 : PIDFD_THREAD);
}

static void drop_task_key(struct agent *agent, int key)
{
	if (!is_portable(agent))
		close(key);
}

static void store(struct agent *agent, pid_t pid, struct snug_task *state)
{
	int map = bpf_map__fd(agent->skel->maps.tasks);
	char path[64];
	DIR *threads;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	threads = opendir(path);
	while (threads && (entry = readdir(threads))) {
		pid_t thread = atoi(entry->d_name);
		int key;

		if (thread <= 0)
			continue;
		key = task_key(agent, pid, thread);
		if (key < 0)
			continue;
		/* An exec that was observed meanwhile has set a better state. */
		if (bpf_map_update_elem(map, &key, state, BPF_NOEXIST) && errno != EEXIST)
			log_line("cannot observe process %d: %s", thread, strerror(errno));
		drop_task_key(agent, key);
	}
	if (threads)
		closedir(threads);
}

static void set_base(struct agent *agent, struct snug_task *state)
{
	__u64 base = SNUG_MIX(agent->keys, agent->keys.seed, state->exe);

	base = SNUG_MIX(agent->keys, base, state->script);
	base = SNUG_MIX(agent->keys, base, state->session);
	base = SNUG_MIX(agent->keys, base,
			(__u64)state->uid << 32 | (__u64)state->origin << 16 |
				(state->flags & ~SNUG_TTY));
	state->base = base;
	/* The user that the container was started as may come later, with its assignment. */
	state->user = state->uid;
	state->actor =
		SNUG_RULE_ACTOR(agent->keys, state->exe, state->script, state->user, state->origin);
}

static size_t read_processes(struct agent *agent, const char *cgroup, struct process *all,
			     size_t count, bool unit)
{
	char path[PATH_MAX + 16];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = fopen(path, "re");
	while (file && count < PROCESSES_MAX && fscanf(file, "%d", &pid) == 1)
		if (pid > 0 && !find_process(all, count, pid) &&
		    read_process(agent, pid, &all[count], unit) &&
		    (unit || find_process(all, count, all[count].ppid) ||
		     !shares_namespace_with_parents(&all[count])))
			count++;
	if (file)
		fclose(file);
	return count;
}

/* Everything below a container's cgroup is the container. */
static size_t read_below(struct agent *agent, const char *path, struct process *all, size_t count,
			 bool unit)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return count;
	count = read_processes(agent, path, all, count, unit);
	while ((entry = readdir(dir))) {
		char below[PATH_MAX];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
			    (int)sizeof(below))
			continue;
		count = read_below(agent, below, all, count, unit);
	}
	closedir(dir);
	return count;
}

/* An exec before its state existed was not seen; one after it was seen, and its state is right. */
static void recheck_exe(struct agent *agent, struct process *process, pid_t init)
{
	struct snug_task now;
	__u16 flags = process->state.flags & ~SNUG_DRIFT;
	__u64 exe = record_exe(agent, process->pid, init, process->state.slot, &flags);
	int key;

	if (!exe || exe == process->state.exe)
		return;
	key = task_key(agent, process->pid, process->pid);
	if (key < 0)
		return;
	if (!bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.tasks), &key, &now) &&
	    now.exe == process->state.exe) {
		memmove(now.ancestors + 1, now.ancestors,
			sizeof(now.ancestors) - sizeof(now.ancestors[0]));
		now.ancestors[0] = process->state.script ? process->state.script :
							   process->state.exe;
		now.exe = exe;
		now.script = record_script(agent, process->pid);
		now.flags = flags;
		set_base(agent, &now);
		bpf_map_update_elem(bpf_map__fd(agent->skel->maps.tasks), &key, &now, BPF_ANY);
	}
	drop_task_key(agent, key);
}

bool runs_still(struct agent *agent, pid_t pid, __u64 executed)
{
	struct snug_task now;
	int key = task_key(agent, pid, pid);
	bool runs;

	if (key < 0)
		return false;
	runs = !bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.tasks), &key, &now) &&
	       now.executed == executed;
	drop_task_key(agent, key);
	return runs;
}

/* As in ids.bpf.h: that of its first process. */
static void read_id_map(pid_t pid, const char *name, struct snug_id_range *ranges)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "re");
	for (int i = 0; file && i < SNUG_ID_RANGES; i++) {
		struct snug_id_range range;

		if (fscanf(file, "%u %u %u", &range.inside, &range.outside, &range.count) != 3)
			break;
		ranges[i] = range;
	}
	if (file)
		fclose(file);
}

static __u32 id_inside(const struct snug_id_range *ranges, __u32 id)
{
	for (int i = 0; i < SNUG_ID_RANGES; i++)
		if (id - ranges[i].outside < ranges[i].count)
			return ranges[i].inside + (id - ranges[i].outside);
	return id;
}

/*
 * Stores the state of each process of a container. The cgroup is entered into the map only after
 * that: until then a process without state must not be taken for the root of a new tree. A child
 * that was forked before its parent had a state is found by the next pass; a later one inherits it.
 */
static size_t take_over(struct agent *agent, const char *path, __u32 number, struct snug_slot *slot,
			struct process *all)
{
	int slots = bpf_map__fd(agent->skel->maps.slots);
	struct process *init = NULL;
	size_t count = 0, known;

	for (int pass = 0; pass < PASSES_MAX; pass++) {
		known = count;
		count = read_below(agent, path, all, count, slot->unit);
		if (count == known)
			break;
		for (size_t i = 0; i < count && !pass; i++)
			if (!find_process(all, count, all[i].ppid) &&
			    (!init || all[i].start < init->start))
				init = &all[i];
		if (init && !slot->users[0].count) {
			read_id_map(init->pid, "uid_map", slot->users);
			read_id_map(init->pid, "gid_map", slot->groups);
			bpf_map_update_elem(slots, &number, slot, BPF_ANY);
			look_at_root(agent, init->pid, number);
			bpf_map_lookup_elem(slots, &number, slot);
		}
		for (size_t i = known; i < count; i++) {
			all[i].state.container = slot->container;
			all[i].state.slot = number;
			all[i].state.exe = record_exe(agent, all[i].pid,
						      init ? init->pid : all[i].pid, number,
						      &all[i].state.flags);
			all[i].state.script = record_script(agent, all[i].pid);
		}
		for (size_t i = known; i < count; i++) {
			all[i].state.uid = id_inside(slot->users, all[i].state.uid);
			all[i].state.gid = id_inside(slot->groups, all[i].state.gid);
			set_family(agent, all, count, &all[i], init, slot->unit);
			set_base(agent, &all[i].state);
			if (!all[i].state.exe)
				continue;
			store(agent, all[i].pid, &all[i].state);
			recheck_exe(agent, &all[i], init ? init->pid : all[i].pid);
		}
	}
	return count;
}

static void scan_container(struct agent *agent, const char *path, const char *id, __u64 cgroup,
			   bool unit)
{
	static struct process all[PROCESSES_MAX];
	int slots = bpf_map__fd(agent->skel->maps.slots);
	int cgroups = bpf_map__fd(agent->skel->maps.cgroups);
	struct snug_slot slot = {
		.container = cgroup,
		.salt = SNUG_MIX(agent->keys, cgroup, monotonic()),
		.began = monotonic(),
		.state = SNUG_SLOT_LIVE,
		.before = 1,
		.unit = unit,
	};
	size_t count;
	__u32 number;

	/* Made after the hooks were attached: theirs. */
	if (!bpf_map_lookup_elem(cgroups, &cgroup, &number))
		return;
	if (bpf_map_lookup_and_delete_elem(bpf_map__fd(agent->skel->maps.free_slots), NULL,
					   &number)) {
		log_line("more than %d containers: %.64s is not observed", SNUG_SLOTS, id);
		number = SNUG_NO_SLOT;
		bpf_map_update_elem(cgroups, &cgroup, &number, BPF_NOEXIST);
		return;
	}
	slot.scope = SNUG_PRIVATE_SCOPE | slot.salt;
	memcpy(slot.id, id, sizeof(slot.id));
	snprintf(slot.path, sizeof(slot.path), "%s", path + strlen(agent->cgroup_path));
	bpf_map_update_elem(slots, &number, &slot, BPF_ANY);
	count = take_over(agent, path, number, &slot, all);
	/* One that is made but not started yet has nothing that we missed. */
	slot.started = count > 0;
	slot.before = count > 0;
	bpf_map_update_elem(slots, &number, &slot, BPF_ANY);
	bpf_map_update_elem(cgroups, &cgroup, &number, BPF_NOEXIST);
	/* It may have started just before it was made known. */
	if (!count && take_over(agent, path, number, &slot, all)) {
		slot.started = 1;
		slot.before = 1;
		bpf_map_update_elem(slots, &number, &slot, BPF_ANY);
	}
	container_new(agent, number);
}

static void scan_tree(struct agent *agent, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char below[PATH_MAX];
		char unit[SNUG_ID_LEN];
		const char *id, *inside;
		struct stat info;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
			    (int)sizeof(below))
			continue;
		/* The self-test of a sensor. */
		inside = below + strlen(agent->cgroup_path);
		if (!strncmp(inside, SNUG_SELFTEST_PATH, sizeof(SNUG_SELFTEST_PATH) - 1))
			continue;
		id = id_in(entry->d_name);
		if (id && !stat(below, &info)) {
			scan_container(agent, below, id, info.st_ino, false);
		} else if (is_watched_unit(agent, inside) && !stat(below, &info)) {
			unit_id(agent, info.st_ino, unit);
			scan_container(agent, below, unit, info.st_ino, true);
		} else {
			scan_tree(agent, below);
		}
	}
	if (dir)
		closedir(dir);
}

void scan(struct agent *agent)
{
	scan_tree(agent, agent->cgroup_path);
}

/* Units that an earlier sensor watched, and this one does not. */
void forget_units(struct agent *agent)
{
	struct snug_slot slot;

	for (__u32 number = 0; number < SNUG_SLOTS; number++) {
		if (!read_slot(agent, number, &slot) || slot.state == SNUG_SLOT_FREE ||
		    !slot.unit || is_watched_unit(agent, slot.path))
			continue;
		bpf_map_delete_elem(bpf_map__fd(agent->skel->maps.cgroups), &slot.container);
		release_slot(agent, number);
	}
}
