// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes what reads the daemon's commands: framing, the commands, and the tables that they fill.
 * The parts of the sensor are compiled as they are. Only what the kernel keeps is replaced: its
 * maps hold nothing here, but read all of each key and value that they are given, so the sanitizers
 * see reads beyond a frame. What the sensor sends must be whole frames of known types.
 */
#include <linux/types.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <poll.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "sensor/agent.h"

/* ── what stands for the kernel ───────────────────────────────────────────────────────────────────
 */

struct table {
	__u32 key;
	__u32 value;
};

/* By file descriptor, from FIRST_TABLE on; those of the skeleton come first. */
#define FIRST_TABLE 1000
#define TABLES 16384
static struct table tables[TABLES];
static size_t made_tables;
static int open_tables;
static unsigned long updates;

static const struct table *table_of(int fd)
{
	if (fd < FIRST_TABLE || (size_t)(fd - FIRST_TABLE) >= TABLES)
		__builtin_trap();
	return &tables[fd - FIRST_TABLE];
}

static void read_all(const void *bytes, size_t size)
{
	static volatile unsigned char sum;

	for (size_t i = 0; i < size; i++)
		sum += ((const unsigned char *)bytes)[i];
}

int bpf_map__fd(const struct bpf_map *map)
{
	return (int)(uintptr_t)map;
}

static int new_table(__u32 key, __u32 value)
{
	tables[made_tables] = (struct table){ key, value };
	return FIRST_TABLE + made_tables++;
}

/* How many tables the kernel makes before it is out of memory: chosen by the input. */
static int tables_left;

int bpf_map_create(enum bpf_map_type type, const char *name, __u32 key, __u32 value, __u32 entries,
		   const struct bpf_map_create_opts *options)
{
	if (!entries || made_tables == TABLES || !tables_left--) {
		errno = ENOMEM;
		return -1;
	}
	open_tables++;
	return new_table(key, value);
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	const struct table *table;

	if (fd < 0) {
		errno = EBADF;
		return -1;
	}
	table = table_of(fd);
	read_all(key, table->key);
	read_all(value, table->value);
	/* Now and then a table is full. */
	if (++updates % 1009 == 0) {
		errno = E2BIG;
		return -1;
	}
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	read_all(key, table_of(fd)->key);
	return 0;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	read_all(key, table_of(fd)->key);
	memset(value, 0, table_of(fd)->value);
	errno = ENOENT;
	return -1;
}

int bpf_map_get_next_key(int fd, const void *key, void *next)
{
	errno = ENOENT;
	return -1;
}

static void close_table(int fd)
{
	table_of(fd);
	open_tables--;
}

/* ── the process around it ────────────────────────────────────────────────────────────────────────
 */

static jmp_buf refused_input;
static const uint8_t *input;
static size_t input_left;
static size_t chunk;
static size_t installed;
static struct snug_slot *slot_memory;
static struct snug_version *version_memory;
static struct snug_answered_set *answered_memory;

static _Noreturn void end_process(int code)
{
	if (code != 2)
		__builtin_trap();
	longjmp(refused_input, 1);
}

static ssize_t read_input(int fd, void *to, size_t size)
{
	size_t count = input_left < chunk ? input_left : chunk;

	if (count > size)
		count = size;
	memcpy(to, input, count);
	input += count;
	input_left -= count;
	return count;
}

/* INVARIANT: frames of types that go up, each as long as its head states. */
static ssize_t check_output(int fd, const void *bytes, size_t size)
{
	const unsigned char *at = bytes, *end = at + size;

	while (at < end) {
		struct snug_head head;

		if ((size_t)(end - at) < sizeof(head))
			__builtin_trap();
		memcpy(&head, at, sizeof(head));
		if (head.version != SNUG_ABI || !head.type || head.type >= SNUG_ASSIGN ||
		    head.size > (size_t)(end - at) - sizeof(head))
			__builtin_trap();
		at += sizeof(head) + head.size;
	}
	return size;
}

static void *map_memory(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (size == sizeof(struct snug_slot) * SNUG_SLOTS)
		return slot_memory;
	if (size == sizeof(struct snug_version) * SNUG_VERSIONS)
		return version_memory;
	if (size == sizeof(struct snug_answered_set) * SNUG_ANSWERED_ALL)
		return answered_memory;
	__builtin_trap();
}

static int quiet(FILE *stream, const char *format, va_list list)
{
	char line[512];

	return vsnprintf(line, sizeof(line), format, list);
}

#define exit end_process
#define read read_input
#define write check_output
#define mmap map_memory
#define close close_table
#define vfprintf quiet
#define fputc(character, stream) ((void)0)
#include "sensor/clock.c"
#include "sensor/log.c"
#include "sensor/frame.c"
#include "sensor/rule_hash.c"
#include "sensor/slot.c"
#include "sensor/profile.c"

static __u32 counted_profile_end(struct agent *agent, __u32 index, struct profile_failure *failure)
{
	__u32 number = profile_end(agent, index, failure);

	installed += number != 0;
	return number;
}

#define profile_end counted_profile_end
#include "sensor/version.c"
#include "sensor/install.c"
#include "sensor/assign.c"
#include "sensor/known.c"
#include "sensor/answered.c"

/* Of reports only the shape is of interest here: they have their own tests on a real kernel. */
#include "sensor/report.h"
void report_all_records(struct agent *agent)
{
}
void report_container_ends(struct agent *agent)
{
}
void report_heartbeat(struct agent *agent, bool all)
{
	report_disarmed(agent);
}
void report_checkpoint(struct agent *agent)
{
}
void mark_counts_stale(void)
{
}
void handle_ack(struct agent *agent, const struct snug_checkpoint *command, size_t size)
{
	read_all(command, size);
}
#include "sensor/commands.c"
#undef exit
#undef read
#undef write
#undef close

/* ── inputs ──────────────────────────────────────────────────────────────────────────────────── */

static struct agent *agent;

static void start(void)
{
	agent = calloc(1, sizeof(*agent));
	agent->skel = calloc(1, sizeof(*agent->skel));
	agent->control = calloc(1, sizeof(*agent->control));
	agent->pinned = calloc(1, sizeof(*agent->pinned));
	agent->keys = (struct snug_keys){ 0x9e3779b97f4a7c15ull, 0xbf58476d1ce4e5b9ull,
					  0x94d049bb133111ebull, 0x2545f4914f6cdd1dull };
	slot_memory = calloc(SNUG_SLOTS, sizeof(*slot_memory));
	version_memory = calloc(SNUG_VERSIONS, sizeof(*version_memory));
	answered_memory = calloc(SNUG_ANSWERED_ALL, sizeof(*answered_memory));
#define MAP(name, key, value) \
	agent->skel->maps.name = (struct bpf_map *)(uintptr_t)new_table(key, value)
	MAP(rules, 4, 4);
	MAP(automata, 4, 4);
	MAP(prefixes, 4, 4);
	MAP(expected, SNUG_ID_LEN, sizeof(struct snug_expected_container));
	MAP(known, 8, 8);
	MAP(peers, sizeof(struct snug_trie_key), 8);
	MAP(slots, 4, sizeof(struct snug_slot));
	MAP(versions, 4, sizeof(struct snug_version));
	MAP(cgroups, 8, 4);
	MAP(answered, 4, sizeof(struct snug_answered_set));
	MAP(free_slots, 0, 4);
#undef MAP
}

/* As after a start, but for what takes long to clear: only the versions that were used. */
static void reset(void)
{
	static size_t fixed_tables;

	if (!fixed_tables)
		fixed_tables = made_tables;
	for (__u32 i = 0; i < SNUG_VERSIONS && versions[i].used; i++) {
		profile_discard(i);
		version_memory[i] = (struct snug_version){};
		versions[i].used = versions[i].disarm_reported = 0;
		drafts[i] = (struct draft){};
	}
	memset(number_used, 0, sizeof(number_used));
	memset(slot_memory, 0, 4 * sizeof(*slot_memory));
	memset(answered_memory, 0, 4 * SNUG_ANSWERED_SETS * sizeof(*answered_memory));
	*agent->control = (struct snug_control){};
	replaced_count = uses = settled_at = refused.scope = refused.serial = 0;
	in_used = out_used = 0;
	gone = false;
	updates = installed = 0;
	made_tables = fixed_tables;
}

/* By itself in memory of its size, so that a read behind it is seen. */
static void handle_apart(const struct snug_head *head, void *context)
{
	static struct snug_head *copy;
	size_t size = sizeof(*head) + head->size;

	/* A frame that is refused ends the process, which here does not return. */
	free(copy);
	copy = malloc(size);
	memcpy(copy, head, size);
	handle_command(copy, context);
}

/* INVARIANT: what a profile was built in is closed once the profile is whole or has failed. */
static void check_tables(void)
{
	int expected = 0;

	for (__u32 i = 0; i < SNUG_VERSIONS && versions[i].used; i++)
		if (drafts[i].open)
			expected += (drafts[i].rules >= 0) + (drafts[i].automaton >= 0) +
				    (drafts[i].prefixes >= 0);
	if (open_tables != expected)
		__builtin_trap();
}

/* INVARIANT: only a profile that was whole keeps a number: others would use them up. */
static void check_numbers(void)
{
	size_t used = 0, in_force = 0;

	for (__u32 number = 1; number < SNUG_PROFILES; number++)
		used += number_used[number];
	for (__u32 i = 0; i < SNUG_VERSIONS && versions[i].used; i++)
		in_force += SNUG_POLICY_PROFILE(version_memory[i].policy_state) != 0;
	if (used != in_force + replaced_count || replaced_count > installed)
		__builtin_trap();
}

/* The first bytes: how many bytes come at once, containers that run, tables that can be made. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!agent)
		start();
	reset();
	if (size < 4)
		return 0;
	chunk = data[0] + 1 + (data[1] << 8);
	for (int i = 0; i < (data[2] & 3); i++) {
		slot_memory[i].state = SNUG_SLOT_LIVE;
		slot_memory[i].before = data[2] >> 2 & 1;
		slot_memory[i].assignment.version = data[2] >> 3 & 1;
		memset(slot_memory[i].id, '0' + i, SNUG_ID_LEN);
	}
	tables_left = data[3];
	agent->control->disarmed = data[2] >> 4 & 1;
	input = data + 4;
	input_left = size - 4;
	if (!setjmp(refused_input))
		while (receive(handle_apart, agent))
			;
	send_now();
	check_tables();
	check_numbers();
	return 0;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

/*
 * Most changes would only break the framing, which a few inputs test well. So heads are mended in
 * most mutants: the version, a type of a command, a size within the input.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
	size = LLVMFuzzerMutate(data, size, room);
	if (seed % 16 == 0)
		return size;
	for (size_t at = 4; at + sizeof(struct snug_head) <= size;) {
		size_t left = size - at - sizeof(struct snug_head);
		struct snug_head head;

		memcpy(&head, data + at, sizeof(head));
		head.version = SNUG_ABI;
		if (head.type < SNUG_ASSIGN || head.type > SNUG_ANSWERED)
			head.type = SNUG_ASSIGN + head.type % (SNUG_ANSWERED - SNUG_ASSIGN + 1);
		if (head.size > left)
			head.size = left ? head.size % (left + 1) : 0;
		memcpy(data + at, &head, sizeof(head));
		at += sizeof(head) + head.size;
	}
	return size;
}
