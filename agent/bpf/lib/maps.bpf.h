/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the sensor sets before the programs are loaded, and what they remember. */
#ifndef SNUG_MAPS_H
#define SNUG_MAPS_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "hash.h"
#include "lib/portable.bpf.h"
#include "shared.h"

const volatile struct snug_keys keys;
const volatile u32 host_mnt_ns[2];
const volatile u32 ring_count = 1;
extern int LINUX_KERNEL_VERSION __kconfig;
/* What the engine's own init may be called, as hashes of their paths. */
const volatile u64 init_exes[3];
/* Programs whose arguments are part of the behaviour (interpreters, multi-call binaries). */
const volatile struct snug_program_name programs[SNUG_PROGRAMS];
/* System call number → what to do with it (enum snug_class); the second table is the 32-bit one. */
const volatile u8 syscall_classes[SNUG_SYSCALL_MAX];
const volatile u8 compat_syscall_classes[SNUG_SYSCALL_MAX];
/* The cgroup hooks cannot look up the process here: connections are observed by system calls. */
const volatile bool peers_by_call;
/* Programs cannot take the place of path_chown here. */
const volatile bool owners_by_inode;
/* The cgroup hooks cannot look up the process, so they cannot tell a container's sockets either. */
const volatile bool callers_of_all;
/* The names of servers in TLS are read here: see network/hello.bpf.h. */
const volatile bool reads_hellos;
/* Addresses of kernel variables (lib/place.bpf.h); 0: not known here. */
const volatile u64 kernel_variables[SNUG_VARIABLES];
/* Native system calls in which the kernel may commit memory. */
const volatile u8 memory_syscalls[SNUG_SYSCALL_MAX];

/* Without watched units, the verifier removes all that is about them. */
const volatile bool watches_units;
const volatile struct snug_keys unit_keys;
const volatile struct snug_unit_patterns unit_patterns;

/*
 * Written by the sensor while the programs run. The program that wakes the sensor clears `asleep`.
 */
struct snug_control control SEC(".bss.control");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_RINGBUF);
		__uint(max_entries, 4096);
	});
} rings SEC(".maps");

/* Containers, and which cgroup is of which: see lib/container.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SNUG_SLOTS);
	__type(key, u32);
	__type(value, struct snug_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, SNUG_SLOTS);
	__type(value, u32);
} free_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SNUG_SLOTS * 4); /* also of containers without a slot */
	__type(key, u64);
	__type(value, u32);
} cgroups SEC(".maps");

/* Containers whose version was named before their cgroup was made. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_EXPECTED);
	__type(key, char[SNUG_ID_LEN]);
	__type(value, struct snug_expected_container);
} expected SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SNUG_VERSIONS);
	__type(key, u32);
	__type(value, struct snug_version);
} versions SEC(".maps");

/*
 * Profiles by number: for each its rules (key of a rule → tag, 0 where a person rejected it; key of
 * a range → its ports), the automaton over paths, and blocks of addresses. INVARIANT: all three are
 * in place before a version's policy state names the number.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SNUG_PROFILES);
	__type(key, u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_HASH);
		__uint(max_entries, 1);
		__type(key, u64);
		__type(value, u64);
	});
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SNUG_PROFILES);
	__type(key, u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(map_flags, BPF_F_INNER_MAP);
		__uint(max_entries, 1);
		__uint(key_size, sizeof(u32));
		__uint(value_size, sizeof(struct snug_state));
	});
} automata SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SNUG_PROFILES);
	__type(key, u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);
		__uint(map_flags, BPF_F_NO_PREALLOC);
		__uint(max_entries, SNUG_PREFIXES_MAX);
		__uint(key_size, sizeof(struct snug_trie_key));
		__uint(value_size, sizeof(u32));
	});
} prefixes SEC(".maps");

/* Addresses that have a name: its hash. One trie for all. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SNUG_PEERS_MAX);
	__type(key, struct snug_trie_key);
	__type(value, u64);
} peers SEC(".maps");

/* By slot: addresses that DNS answers to the container gave to a name. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SNUG_ANSWERED_ALL);
	__type(key, u32);
	__type(value, struct snug_answered_set);
} answered SEC(".maps");

/* By slot: questions that the container has asked by datagrams. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SNUG_ASKED_ALL);
	__type(key, u32);
	__type(value, struct snug_asked_set);
} asked SEC(".maps");

/* By slot: streams that answers come in. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SNUG_STREAMS_ALL);
	__type(key, u32);
	__type(value, struct snug_stream);
} streams SEC(".maps");

/* Connections over TCP that containers made, by the cookie of the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_CONNECTIONS);
	__type(key, u64);
	__type(value, struct snug_connection);
} connections SEC(".maps");

const struct snug_connection no_connection SEC(".rodata.no_connection");

/* Peers that have sent a datagram to a socket (key: socket and address). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_CALLERS);
	__type(key, u64);
	__type(value, u8);
} callers SEC(".maps");

/*
 * A process of a container has one; no other process has. It goes with the process: where there is
 * no task storage, on_exit removes it, and the key is the thread's id.
 */
struct {
#ifndef SNUG_PORTABLE
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
#else
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SNUG_TASKS);
#endif
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct snug_task);
} tasks SEC(".maps");

const struct snug_task no_task SEC(".rodata.no_task");

#ifdef SNUG_PORTABLE
static __always_inline struct snug_task *find_task(struct task_struct *task, u64 flags)
{
	int key = READ(task, pid);

	if (flags & BPF_LOCAL_STORAGE_GET_F_CREATE)
		bpf_map_update_elem(&tasks, &key, &no_task, BPF_NOEXIST);
	return bpf_map_lookup_elem(&tasks, &key);
}

#define bpf_task_storage_get(map, task, value, flags) find_task(task, flags)
#endif

/* Not a thread's id or address alone: both are used again. */
struct task_key {
	u64 task;
	u64 start;
};

/*
 * States that task storage did not take. It makes none on a processor where a process was
 * preempted while it had the storage: a crowd of processes can bring that about.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_SEPARATE_TASKS);
	__type(key, struct task_key);
	__type(value, struct snug_task);
} separate_tasks SEC(".maps");

/*
 * Paths of executables and scripts by their hash. Events carry hashes; the sensor looks new ones up
 * here. LRU, so that a container that runs thousands of names leaves others without none.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_NAMES);
	__type(key, u64);
	__type(value, struct snug_name_text);
} names SEC(".maps");

/* Events seen in a container (key: behaviour and container), with their counts. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SNUG_SEEN);
	__type(key, u64);
	__type(value, struct snug_seen);
} seen SEC(".maps");

/*
 * Of files that a pattern allows: by which entry of `seen` each was counted last. A cache: a new
 * file takes the place of another. It is not locked, so an entry holds its key combined with its
 * value, and one that two processors wrote at once matches no key.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SNUG_PATTERNED);
	__type(key, u32);
	__type(value, struct snug_patterned);
} patterned SEC(".maps");

/*
 * Of files opened before, see lib/place.bpf.h: by which entry of `seen` each was counted. A cache
 * like the one above.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SNUG_REOPENED);
	__type(key, u32);
	__type(value, struct snug_patterned);
} reopened SEC(".maps");

/*
 * Behaviours that the daemon has marked as known (key: behaviour and scope). An entry that the LRU
 * drops is reported once more, which does no harm.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_KNOWN_KEYS);
	__type(key, u64);
	__type(value, u64);
} known SEC(".maps");

/* Writable layers of containers. One that the LRU drops counts as untrusted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_LAYERS);
	__type(key, u64);
	__type(value, struct snug_layer);
} layers SEC(".maps");

/* Files of images that were opened to be changed (key: layer and file), and in which layer. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SNUG_WRITTEN);
	__type(key, u64);
	__type(value, u64);
} written SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct snug_look);
} looks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct snug_counters);
} counters SEC(".maps");

static __always_inline struct snug_counters *this_counters(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&counters, &key);
}

#define COUNT(field)                                             \
	do {                                                     \
		struct snug_counters *counts_ = this_counters(); \
		if (counts_)                                     \
			counts_->field++;                        \
	} while (0)

#endif
