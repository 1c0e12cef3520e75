// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel state that outlives the sensor. Maps and links are pinned in a folder of a bpffs:
 *
 *	DIR/N/memory		what the sensor itself must not forget
 *	DIR/N/<map>		each map that remembers
 *	DIR/N/links-T/<program>	what is attached, by the turn of its programs
 *
 * N counts states: a sensor whose maps are of another layout makes the next one beside it, and removes the one
 * before once its own is told everything. Whoever holds the lock on DIR is the only one that uses it.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
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
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sensor.h"

/* Of what the maps mean, where their sizes do not show it: the hashes, the order of states. Count it up then. */
#define MEANING 1
#define BPFFS "/sys/fs/bpf"
#define FOLDER_MAX 3072
#define LOCK_TRIES 250		/* of LOCK_WAIT_US: a sensor whose daemon was killed ends by itself */
#define DETACH_TRIES 100
#define LOCK_WAIT_US 20000

static char folder[FOLDER_MAX];	/* DIR; empty: not pinned */
static char state[FOLDER_MAX + 16];	/* DIR/N */
static unsigned int number;		/* N */
static char why_not[160];
static char why_fresh[160] = "there was none";
static int lock = -1;
static bool others;			/* states of another layout wait to be removed */

/* Whoever's daemon was killed meanwhile must not stand in the way of the next one's. */
static void end_if_left_alone(void)
{
	struct pollfd daemon = { .fd = STDIN_FILENO, .events = POLLIN };

	if (poll(&daemon, 1, 0) > 0 && daemon.revents & POLLHUP && !(daemon.revents & POLLIN))
		exit(0);
}

/* 1: locked; 0: another has it; -1: errno says. */
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
			/* It may have been removed and made anew meanwhile. */
			if (!fstat(fd, &held) && !stat(path, &there) && held.st_ino == there.st_ino) {
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

static bool not_pinned(const char *what)
{
	snprintf(why_not, sizeof(why_not), "%.80s: %.60s", what, strerror(errno));
	folder[0] = 0;
	return true;
}

/* False where another sensor uses the folder. Where there can be none the sensor goes on without. */
bool pins_open(const char *path)
{
	int locked;

	if (!path) {
		snprintf(why_not, sizeof(why_not), "not asked for");
		return true;
	}
	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder)) {
		errno = ENAMETOOLONG;
		return not_pinned(path);
	}
	if (!strncmp(path, BPFFS "/", sizeof(BPFFS)) && !is_bpffs(BPFFS) && mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
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
		say("another sensor keeps its kernel state in %s", path);
	return locked;
}

/* The control words are shared by all generations of programs; other global data are each one's own, as is scratch. */
static bool remembers(struct agent *agent, const struct bpf_map *map)
{
	if (bpf_map__is_internal(map))
		return map == agent->skel->maps.bss_control;
	return bpf_map__type(map) != BPF_MAP_TYPE_PERCPU_ARRAY || map == agent->skel->maps.counters;
}

static void map_path(char *path, size_t size, const struct bpf_map *map)
{
	size_t at = snprintf(path, size, "%s/", state);

	snprintf(path + at, size - at, "%s", bpf_map__name(map));
	/* A bpffs takes no dots. */
	for (char *c = path + at; *c; c++)
		if (*c == '.')
			*c = '_';
}

static __u64 hash_number(__u64 hash, __u64 value)
{
	for (int i = 0; i < 8; i++)
		hash = (hash ^ (value >> i * 8 & 255)) * 0x100000001b3ull;
	return hash;
}

static __u64 layout_of(struct agent *agent)
{
	__u64 hash = hash_number(0xcbf29ce484222325ull, MEANING);
	struct bpf_map *map;

	hash = hash_number(hash, SNUG_ABI);
	hash = hash_number(hash, sizeof(struct snug_memory));
	hash = hash_number(hash, sizeof(struct snug_state));
	hash = hash_number(hash, agent->rings);
	hash = hash_number(hash, agent->ring_size);
	bpf_object__for_each_map(map, agent->skel->obj) {
		if (!remembers(agent, map))
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

static void *map_in(int fd, size_t size)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return area == MAP_FAILED ? NULL : area;
}

static struct snug_memory *memory_in(const char *path)
{
	struct snug_memory *memory = NULL;
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "%.4000s/memory", path);
	fd = bpf_obj_get(name);
	if (fd < 0)
		return NULL;
	if (!bpf_map_get_info_by_fd(fd, &info, &size) && info.value_size == sizeof(*memory))
		memory = map_in(fd, sizeof(*memory));
	close(fd);
	return memory;
}

/* The links of the programs that act, in the state that is looked at. */
static void links_path(char *path, size_t size, __u32 turn)
{
	snprintf(path, size, "%s/links-%u", state, turn);
}

static bool is_whole(struct agent *agent)
{
	struct bpf_map *map;
	char path[PATH_MAX];

	bpf_object__for_each_map(map, agent->skel->obj) {
		if (!remembers(agent, map))
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

		if (!remembers(agent, map))
			continue;
		map_path(path, sizeof(path), map);
		fd = bpf_obj_get(path);
		if (fd < 0 || bpf_map__reuse_fd(map, fd)) {
			say("cannot take over %s: %s", path, strerror(errno));
			exit(1);
		}
		close(fd);
	}
}

static __u64 wanted;
static struct snug_memory *found;
static unsigned int found_number;

static bool look_at(const char *path, const char *name, bool is_folder)
{
	unsigned int its = strtoul(name, NULL, 10);
	char there[PATH_MAX];
	struct snug_memory *memory;

	if (!is_folder)
		return true;
	if (its > number)
		number = its;
	snprintf(there, sizeof(there), "%s/%s", path, name);
	memory = memory_in(there);
	if (memory && memory->ready && memory->layout == wanted && its > found_number) {
		if (found)
			munmap(found, sizeof(*found));
		found = memory;
		found_number = its;
		return true;
	}
	if (memory)
		munmap(memory, sizeof(*memory));
	others = true;
	return true;
}

static bool has_entry;

static bool see_entry(const char *path, const char *name, bool is_folder)
{
	has_entry = true;
	return false;
}

static bool is_attached(struct snug_memory *memory)
{
	char path[PATH_MAX];

	has_entry = false;
	links_path(path, sizeof(path), memory->acting);
	walk_folder(path, see_entry);
	return has_entry;
}

static bool remove_dormant(const char *path, const char *name, bool is_folder)
{
	char acting[32];

	snprintf(acting, sizeof(acting), "links-%u", found->acting);
	if (is_folder && strcmp(name, acting))
		remove_folder(path, name, true);
	return true;
}

/* A state whose programs still act, and whose maps are like ours: then they are ours. To be called before the load. */
static bool take_over(struct agent *agent)
{
	walk_folder(folder, look_at);
	if (!found) {
		if (others)
			snprintf(why_fresh, sizeof(why_fresh), "it is of another build");
		return false;
	}
	snprintf(state, sizeof(state), "%s/%u", folder, found_number);
	/* Of a sensor that was killed while it took over. */
	walk_folder(state, remove_dormant);
	if (!is_attached(found) || !is_whole(agent)) {
		snprintf(why_fresh, sizeof(why_fresh), "it was not whole");
		others = true;
		return false;
	}
	reuse(agent);
	agent->memory = found;
	agent->keys = found->keys;
	agent->kept = true;
	return true;
}

static bool make_memory(struct agent *agent)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "snug_memory", 4, sizeof(*agent->memory), 1, &options);
	char path[PATH_MAX];

	agent->memory = fd < 0 ? NULL : map_in(fd, sizeof(*agent->memory));
	if (!agent->memory) {
		say("cannot make the sensor's memory: %s", strerror(errno));
		return false;
	}
	if (getrandom(&agent->keys, sizeof(agent->keys), 0) != sizeof(agent->keys) ||
	    getrandom(&agent->memory->name, sizeof(agent->memory->name), 0) != sizeof(agent->memory->name))
		return false;
	agent->keys.a |= 1;
	agent->keys.b |= 1;
	agent->keys.c |= 1;
	agent->memory->layout = wanted;
	agent->memory->keys = agent->keys;
	if (folder[0]) {
		snprintf(state, sizeof(state), "%s/%u", folder, number + 1);
		snprintf(path, sizeof(path), "%s/memory", state);
		if (mkdir(state, 0700) || bpf_obj_pin(fd, path))
			not_pinned(state);
	}
	close(fd);
	return true;
}

/* Settles on which maps the programs are to work, and what their turn is. To be called before the load. */
bool pins_prepare(struct agent *agent)
{
	wanted = layout_of(agent);
	if (!(folder[0] && take_over(agent)) && !make_memory(agent))
		return false;
	agent->turn = agent->memory->turn = agent->memory->turn % 255 + 1;
	return true;
}

/* To be called after the load, before anything is attached. */
bool pins_keep(struct agent *agent)
{
	struct bpf_map *map;
	char path[PATH_MAX];

	agent->control = map_in(bpf_map__fd(agent->skel->maps.bss_control), sizeof(*agent->control));
	if (!agent->control) {
		say("cannot map the control words: %s", strerror(errno));
		return false;
	}
	end_if_left_alone();
	agent->control->next = agent->turn;
	agent->control->turn = agent->kept ? agent->memory->acting : agent->turn;
	if (!folder[0])
		return true;
	bpf_object__for_each_map(map, agent->skel->obj) {
		if (agent->kept || !remembers(agent, map))
			continue;
		map_path(path, sizeof(path), map);
		if (bpf_obj_pin(bpf_map__fd(map), path)) {
			say("cannot pin %s: %s", path, strerror(errno));
			return false;
		}
	}
	links_path(path, sizeof(path), agent->turn);
	if (mkdir(path, 0700)) {
		say("cannot make %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

bool pins_link(struct agent *agent, const char *program, int fd)
{
	char path[PATH_MAX];
	size_t at;

	if (!folder[0])
		return true;
	links_path(path, sizeof(path), agent->turn);
	at = strlen(path);
	snprintf(path + at, sizeof(path) - at, "/%s", program);
	return !bpf_obj_pin(fd, path);
}

/* A change of a table of tables waits until every program has gone that ran when it began. */
static void let_programs_pass(struct agent *agent)
{
	int outer = bpf_map__fd(agent->skel->maps.rings), fd = ring_fd(0);
	__u32 key = 0;

	if (bpf_map_update_elem(outer, &key, &fd, BPF_ANY))
		say("cannot wait for the programs: %s", strerror(errno));
}

static void turn_to(struct agent *agent, __u32 turn)
{
	__atomic_store_n(&agent->control->turn, turn, __ATOMIC_SEQ_CST);
}

/* Ours are attached, beside those that act: now it is their turn. See turn.bpf.h. */
void pins_turn(struct agent *agent)
{
	__u32 before = agent->memory->acting;
	char path[PATH_MAX];

	if (agent->kept) {
		turn_to(agent, before | SNUG_HANDOVER);
		let_programs_pass(agent);
		turn_to(agent, agent->turn | SNUG_HANDOVER);
		agent->memory->acting = agent->turn;
		let_programs_pass(agent);
		turn_to(agent, agent->turn);
		links_path(path, sizeof(path), before);
		remove_all(path);
	}
	agent->memory->acting = agent->turn;
}

static bool remove_other(const char *path, const char *name, bool is_folder)
{
	const char *own = strrchr(state, '/');

	if (is_folder && strcmp(name, own + 1))
		remove_folder(path, name, true);
	return true;
}

/* States before this one: by now this one has been told everything, and blocks what they blocked. */
void pins_retire(void)
{
	if (!folder[0] || !others)
		return;
	walk_folder(folder, remove_other);
	others = false;
}

bool pins_retiring(void)
{
	return folder[0] && others;
}

size_t pins_say(struct agent *agent, char *text, size_t size)
{
	size_t used = folder[0] ? snprintf(text, size, "pin %s\n", folder) :
				  snprintf(text, size, "pin no %s\n", why_not);

	if (used >= size)
		return size;
	if (agent->kept)
		used += snprintf(text + used, size - used, "kept yes %llu\n",
				 (unsigned long long)agent->memory->heard);
	else
		used += snprintf(text + used, size - used, "kept no %s\n", folder[0] ? why_fresh : why_not);
	return used < size ? used : size;
}

/* Removes all that is attached and remembered. An exit code. */
int pins_detach(const char *path)
{
	struct stat info;
	int locked;

	if (stat(path, &info)) {
		say("nothing is attached: there is no %s", path);
		return errno == ENOENT || errno == ENOTDIR ? 0 : 1;
	}
	if (!is_bpffs(path)) {
		say("%s is not on a bpffs: nothing was removed", path);
		return 1;
	}
	locked = take_lock(path, DETACH_TRIES, false);
	if (locked <= 0) {
		say(locked ? "cannot lock %s: %s" : "an agent runs with %s: stop it first", path, strerror(errno));
		return 1;
	}
	remove_all(path);
	if (!stat(path, &info))
		return 1;
	say("detached: nothing of %s is left in the kernel", path);
	return 0;
}
