// SPDX-License-Identifier: Apache-2.0
/*
 * The takeover of what an earlier sensor left pinned. Where its programs are still attached, on
 * maps of the same layout, this sensor uses these maps. Otherwise it makes a new state beside it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "abi.h"
#include "shared.h"
#include "pin/bpffs.h"
#include "pin/state.h"
#include "pin/takeover.h"
#include "sensor/agent.h"
#include "sensor/log.h"

/*
 * Version of the meaning and position of map contents, which sizes do not show: the hashes, the
 * order of states. Increase it when these change.
 */
#define LAYOUT_VERSION 3

static __u64 hash_number(__u64 hash, __u64 value)
{
	for (int i = 0; i < 8; i++)
		hash = (hash ^ (value >> i * 8 & 255)) * 0x100000001b3ull;
	return hash;
}

static __u64 layout_of(struct agent *agent)
{
	__u64 hash = hash_number(0xcbf29ce484222325ull, LAYOUT_VERSION);
	struct bpf_map *map;

	hash = hash_number(hash, SNUG_ABI);
	hash = hash_number(hash, sizeof(struct snug_pinned_state));
	hash = hash_number(hash, sizeof(struct snug_state));
	hash = hash_number(hash, agent->rings);
	hash = hash_number(hash, agent->ring_size);
	bpf_object__for_each_map(map, agent->skel->obj) {
		if (!outlives_sensor(agent, map))
			continue;
		for (const char *c = bpf_map__name(map); *c; c++)
			hash = hash_number(hash, *c);
		hash = hash_number(hash, bpf_map__type(map));
		hash = hash_number(hash, bpf_map__key_size(map));
		hash = hash_number(hash, bpf_map__value_size(map));
		hash = hash_number(hash, bpf_map__max_entries(map));
	}
	return hash;
}

static struct snug_pinned_state *pinned_state_in(const char *path)
{
	struct snug_pinned_state *state = NULL;
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "%.4000s/pinned_state", path);
	fd = bpf_obj_get(name);
	if (fd < 0)
		return NULL;
	if (!bpf_map_get_info_by_fd(fd, &info, &size) && info.value_size == sizeof(*state))
		state = map_fd(fd, sizeof(*state));
	close(fd);
	return state;
}

static bool is_whole(struct agent *agent)
{
	struct bpf_map *map;
	char path[PATH_MAX];

	bpf_object__for_each_map(map, agent->skel->obj) {
		if (!outlives_sensor(agent, map))
			continue;
		map_path(path, sizeof(path), map);
		if (access(path, F_OK))
			return false;
	}
	return true;
}

static void reuse(struct agent *agent)
{
	struct bpf_map *map;
	char path[PATH_MAX];

	bpf_object__for_each_map(map, agent->skel->obj) {
		int fd;

		if (!outlives_sensor(agent, map))
			continue;
		map_path(path, sizeof(path), map);
		fd = bpf_obj_get(path);
		if (fd < 0 || bpf_map__reuse_fd(map, fd)) {
			log_line("cannot take over %s: %s", path, strerror(errno));
			exit(1);
		}
		close(fd);
	}
}

static __u64 wanted;
static struct snug_pinned_state *found;
static unsigned int found_number;

static bool consider_state(const char *path, const char *name, bool is_folder)
{
	unsigned int its = strtoul(name, NULL, 10);
	char there[PATH_MAX];
	struct snug_pinned_state *state;

	if (!is_folder)
		return true;
	if (its > pins.number)
		pins.number = its;
	snprintf(there, sizeof(there), "%s/%s", path, name);
	state = pinned_state_in(there);
	if (state && state->ready && state->layout == wanted && its > found_number) {
		if (found)
			munmap(found, sizeof(*found));
		found = state;
		found_number = its;
		return true;
	}
	if (state)
		munmap(state, sizeof(*state));
	pins.others = true;
	return true;
}

static bool has_entry;

static bool note_entry(const char *path, const char *name, bool is_folder)
{
	has_entry = true;
	return false;
}

static bool is_attached(struct snug_pinned_state *state)
{
	char path[PATH_MAX];

	has_entry = false;
	links_path(path, sizeof(path), state->active_generation);
	walk_folder(path, note_entry);
	return has_entry;
}

static bool remove_inactive(const char *path, const char *name, bool is_folder)
{
	char acting[32];

	snprintf(acting, sizeof(acting), "links-%u", found->active_generation);
	if (is_folder && strcmp(name, acting))
		remove_folder(path, name, true);
	return true;
}

/*
 * Finds a state whose programs are attached and whose maps have the same layout. To be called
 * before the load.
 */
static bool take_over(struct agent *agent)
{
	walk_folder(pins.folder, consider_state);
	if (!found) {
		if (pins.others)
			snprintf(pins.why_fresh, sizeof(pins.why_fresh), "it is of another build");
		return false;
	}
	snprintf(pins.state, sizeof(pins.state), "%s/%u", pins.folder, found_number);
	/* Of a sensor that was killed while it took over. */
	walk_folder(pins.state, remove_inactive);
	if (!is_attached(found) || !is_whole(agent)) {
		snprintf(pins.why_fresh, sizeof(pins.why_fresh), "it was not whole");
		pins.others = true;
		return false;
	}
	reuse(agent);
	agent->pinned = found;
	agent->keys = found->keys;
	agent->taken_over = true;
	return true;
}

static bool make_pinned_state(struct agent *agent)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "snug_pinned", 4, sizeof(*agent->pinned), 1,
				&options);
	char path[PATH_MAX];

	agent->pinned = fd < 0 ? NULL : map_fd(fd, sizeof(*agent->pinned));
	if (!agent->pinned) {
		log_line("cannot make the pinned state: %s", strerror(errno));
		return false;
	}
	if (getrandom(&agent->keys, sizeof(agent->keys), 0) != sizeof(agent->keys) ||
	    getrandom(&agent->pinned->id, sizeof(agent->pinned->id), 0) !=
		    sizeof(agent->pinned->id))
		return false;
	agent->keys.a |= 1;
	agent->keys.b |= 1;
	agent->keys.c |= 1;
	agent->pinned->layout = wanted;
	agent->pinned->keys = agent->keys;
	if (pins.folder[0]) {
		snprintf(pins.state, sizeof(pins.state), "%s/%u", pins.folder, pins.number + 1);
		snprintf(path, sizeof(path), "%s/pinned_state", pins.state);
		if (mkdir(pins.state, 0700) || bpf_obj_pin(fd, path))
			not_pinned(pins.state);
	}
	close(fd);
	return true;
}

/* Decides which maps the programs use, and their generation. To be called before the load. */
bool takeover_prepare(struct agent *agent)
{
	wanted = layout_of(agent);
	if (!(pins.folder[0] && take_over(agent)) && !make_pinned_state(agent))
		return false;
	agent->generation = agent->pinned->generation = agent->pinned->generation % 255 + 1;
	return true;
}
