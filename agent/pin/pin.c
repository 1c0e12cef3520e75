// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel state that outlives the sensor. Maps and links are pinned in a folder of a bpffs:
 *
 *	DIR/N/pinned_state	what the next sensor needs beside the maps; it holds the keys
 *	DIR/N/<map>		each map that outlives the sensor
 *	DIR/N/ring-R		each ring
 *	DIR/N/links-G/<program>	the attached programs, by generation
 *
 * N counts states. A sensor whose maps have another layout makes the next state beside the present
 * one. It removes the older one once the daemon has sent it everything. INVARIANT: only the sensor
 * that holds the lock on DIR uses it.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "shared.h"
#include "pin/bpffs.h"
#include "pin/pin.h"
#include "pin/state.h"
#include "sensor/agent.h"
#include "sensor/log.h"

#define BPFFS "/sys/fs/bpf"
#define LOCK_TRIES 250 /* of LOCK_WAIT_US: a sensor whose daemon was killed ends by itself */
#define DETACH_TRIES 100
#define LOCK_WAIT_US 20000

struct pins pins = { .why_fresh = "there was none" };

static int lock = -1;

/* A sensor whose daemon was killed meanwhile must not block the next daemon's sensor. */
static void end_if_left_alone(void)
{
	struct pollfd daemon = { .fd = STDIN_FILENO, .events = POLLIN };

	if (poll(&daemon, 1, 0) > 0 && daemon.revents & POLLHUP && !(daemon.revents & POLLIN))
		exit(0);
}

/* 1: locked; 0: another sensor has it; -1: errno has the reason. */
static int take_lock(const char *path, int tries, bool for_daemon)
{
	for (;;) {
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat held, there;

		if (for_daemon)
			end_if_left_alone();
		if (fd < 0)
			return -1;
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			/* It may have been removed and created again meanwhile. */
			if (!fstat(fd, &held) && !stat(path, &there) &&
			    held.st_ino == there.st_ino) {
				lock = fd;
				return 1;
			}
		} else if (errno != EWOULDBLOCK) {
			close(fd);
			return -1;
		}
		close(fd);
		if (!tries--)
			return 0;
		usleep(LOCK_WAIT_US);
	}
}

bool not_pinned(const char *what)
{
	snprintf(pins.why_not, sizeof(pins.why_not), "%.80s: %.60s", what, strerror(errno));
	pins.folder[0] = 0;
	return true;
}

/*
 * False where another sensor uses the folder. Where pinning is not possible, the sensor runs
 * without it.
 */
bool pin_open(const char *path)
{
	int locked;

	if (!path) {
		snprintf(pins.why_not, sizeof(pins.why_not), "not asked for");
		return true;
	}
	if (snprintf(pins.folder, sizeof(pins.folder), "%s", path) >= (int)sizeof(pins.folder)) {
		errno = ENAMETOOLONG;
		return not_pinned(path);
	}
	if (!strncmp(path, BPFFS "/", sizeof(BPFFS)) && !is_bpffs(BPFFS) &&
	    mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return not_pinned("cannot mount " BPFFS);
	if (!make_folders(path))
		return not_pinned(path);
	if (!is_bpffs(path)) {
		rmdir(path);
		errno = EMEDIUMTYPE;
		return not_pinned("no bpffs");
	}
	locked = take_lock(path, LOCK_TRIES, true);
	if (locked < 0)
		return not_pinned("cannot lock");
	if (!locked)
		log_line("another sensor uses the kernel state in %s", path);
	return locked;
}

/*
 * All generations of programs share the control variables. Other global data, and scratch, belong
 * to one generation.
 */
bool outlives_sensor(struct agent *agent, const struct bpf_map *map)
{
	if (bpf_map__is_internal(map))
		return map == agent->skel->maps.bss_control;
	return bpf_map__type(map) != BPF_MAP_TYPE_PERCPU_ARRAY || map == agent->skel->maps.counters;
}

void map_path(char *path, size_t size, const struct bpf_map *map)
{
	size_t at = snprintf(path, size, "%s/", pins.state);

	snprintf(path + at, size - at, "%s", bpf_map__name(map));
	/* A bpffs takes no dots. */
	for (char *c = path + at; *c; c++)
		if (*c == '.')
			*c = '_';
}

static void ring_path(char *path, size_t size, __u32 number)
{
	snprintf(path, size, "%s/ring-%u", pins.state, number);
}

void *map_fd(int fd, size_t size)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return area == MAP_FAILED ? NULL : area;
}

/* The links of the active programs, in the state under `pins.state`. */
void links_path(char *path, size_t size, __u32 generation)
{
	snprintf(path, size, "%s/links-%u", pins.state, generation);
}

/* To be called after the load, before anything is attached. */
bool pin_maps(struct agent *agent)
{
	struct bpf_map *map;
	char path[PATH_MAX];

	agent->control =
		map_fd(bpf_map__fd(agent->skel->maps.bss_control), sizeof(*agent->control));
	if (!agent->control) {
		log_line("cannot map the control variables: %s", strerror(errno));
		return false;
	}
	end_if_left_alone();
	agent->control->next_generation = agent->generation;
	agent->control->generation = agent->taken_over ? agent->pinned->active_generation :
							 agent->generation;
	if (!pins.folder[0])
		return true;
	bpf_object__for_each_map(map, agent->skel->obj) {
		if (agent->taken_over || !outlives_sensor(agent, map))
			continue;
		map_path(path, sizeof(path), map);
		if (bpf_obj_pin(bpf_map__fd(map), path)) {
			log_line("cannot pin %s: %s", path, strerror(errno));
			return false;
		}
	}
	links_path(path, sizeof(path), agent->generation);
	if (mkdir(path, 0700)) {
		log_line("cannot make %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* By path, as maps cannot be had by their ids without CAP_SYS_ADMIN. */
int pinned_ring(__u32 number)
{
	char path[PATH_MAX];

	ring_path(path, sizeof(path), number);
	return bpf_obj_get(path);
}

bool pin_ring(__u32 number, int fd)
{
	char path[PATH_MAX];

	if (!pins.folder[0])
		return true;
	ring_path(path, sizeof(path), number);
	return !bpf_obj_pin(fd, path);
}

bool pin_link(struct agent *agent, const char *program, int fd)
{
	char path[PATH_MAX];
	size_t at;

	if (!pins.folder[0])
		return true;
	links_path(path, sizeof(path), agent->generation);
	at = strlen(path);
	snprintf(path + at, sizeof(path) - at, "/%s", program);
	return !bpf_obj_pin(fd, path);
}

/* A change of a table of tables waits until every program has gone that ran when it began. */
static void wait_for_programs(struct agent *agent, int ring)
{
	int outer = bpf_map__fd(agent->skel->maps.rings);
	__u32 key = 0;

	if (bpf_map_update_elem(outer, &key, &ring, BPF_ANY))
		log_line("cannot wait for the programs: %s", strerror(errno));
}

static void set_generation(struct agent *agent, __u32 generation)
{
	__atomic_store_n(&agent->control->generation, generation, __ATOMIC_SEQ_CST);
}

/*
 * This sensor's programs are attached beside the active ones: now they become active. See
 * generation.bpf.h.
 */
void pin_activate(struct agent *agent, int ring, last_look *look)
{
	__u32 before = agent->pinned->active_generation;
	char path[PATH_MAX];

	if (agent->taken_over) {
		set_generation(agent, before | SNUG_TAKEOVER);
		wait_for_programs(agent, ring);
		set_generation(agent, agent->generation | SNUG_TAKEOVER);
		agent->pinned->active_generation = agent->generation;
		wait_for_programs(agent, ring);
		set_generation(agent, agent->generation);
		links_path(path, sizeof(path), before);
		look(agent, path);
		remove_all(path);
	}
	agent->pinned->active_generation = agent->generation;
}

static bool remove_other(const char *path, const char *name, bool is_folder)
{
	const char *own = strrchr(pins.state, '/');

	if (is_folder && strcmp(name, own + 1))
		remove_folder(path, name, true);
	return true;
}

/* Earlier states: by now this one has everything from the daemon, and blocks what they blocked. */
void pin_remove_old(void)
{
	if (!pins.folder[0] || !pins.others)
		return;
	walk_folder(pins.folder, remove_other);
	pins.others = false;
}

bool pin_has_old(void)
{
	return pins.folder[0] && pins.others;
}

size_t pin_describe(struct agent *agent, char *text, size_t size)
{
	size_t used = pins.folder[0] ? snprintf(text, size, "pin %s\n", pins.folder) :
				       snprintf(text, size, "pin no %s\n", pins.why_not);

	if (used >= size)
		return size;
	if (agent->taken_over)
		used += snprintf(text + used, size - used, "kept yes %llu\n",
				 (unsigned long long)agent->pinned->last_heartbeat);
	else
		used += snprintf(text + used, size - used, "kept no %s\n",
				 pins.folder[0] ? pins.why_fresh : pins.why_not);
	return used < size ? used : size;
}

/* Removes all that is attached and remembered. An exit code. */
int pin_detach(const char *path)
{
	struct stat info;
	int locked;

	if (stat(path, &info)) {
		log_line("nothing to detach: %s does not exist", path);
		return errno == ENOENT || errno == ENOTDIR ? 0 : 1;
	}
	if (!is_bpffs(path)) {
		log_line("nothing was removed: %s is not on a bpffs", path);
		return 1;
	}
	locked = take_lock(path, DETACH_TRIES, false);
	if (locked <= 0) {
		log_line(locked ? "cannot lock %s: %s" : "an agent uses %s: stop it first", path,
			 strerror(errno));
		return 1;
	}
	remove_all(path);
	if (!stat(path, &info))
		return 1;
	log_line("detached: nothing of %s is left in the kernel", path);
	return 0;
}
