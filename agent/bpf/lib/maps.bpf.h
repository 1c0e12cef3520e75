/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the sensor sets before the programs are loaded, and what they remember. */
#ifndef SNUG_MAPS_H
#define SNUG_MAPS_H

#include "lib/kernel.h"
#include "shared.h"
#include "rule_key.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

const volatile struct snug_keys keys;
const volatile u32 host_mnt_ns[2];
const volatile u32 ring_count = 1;
extern int LINUX_KERNEL_VERSION __kconfig;
/* What the engine's own init may be called, as hashes of their paths. */
const volatile u64 init_exes[2];
/* Programs whose arguments say what is done. */
const volatile struct snug_program_name programs[SNUG_PROGRAMS];
/* System call number → what to do with it (enum snug_class); the second table is the 32-bit one. */
const volatile u8 syscall_classes[SNUG_SYSCALL_MAX];
const volatile u8 compat_syscall_classes[SNUG_SYSCALL_MAX];
/* The cgroup's hooks know nothing of processes here: calls tell of peers. */
const volatile bool peers_by_call;
/* Native system calls in which the kernel may commit memory. */
const volatile u8 memory_syscalls[SNUG_SYSCALL_MAX];

/* Written by the sensor while the programs run; `asleep` is cleared by whoever wakes it. */
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

/* Containers, and which cgroup is of which. A cgroup made below a container's is an alias of it. */
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
	__uint(max_entries, SNUG_SLOTS * 4);
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
 * Profiles by number: for each its rules (key of a rule → tag, 0 where a person said no), the automaton over paths,
 * and blocks of addresses. All three are in place before a version's word names the number.
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

/* A process of a container has one; no other process has. It goes with the process. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct snug_task);
} tasks SEC(".maps");

/* Paths of executables and scripts by their hash: acts carry hashes, the sensor looks new ones up here. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SNUG_NAMES);
	__type(key, u64);
	__type(value, struct snug_name_text);
} names SEC(".maps");

/* What was seen in a container (key: behaviour and container) and how often. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SNUG_SEEN);
	__type(key, u64);
	__type(value, struct snug_seen);
} seen SEC(".maps");

/* What the daemon said it knows (key: behaviour and scope). What is let go comes up once more, no harm. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SNUG_KNOWN_KEYS);
	__type(key, u64);
	__type(value, u64);
} known SEC(".maps");

/* Copies of the image's files that were opened to be changed (key: inode), and in which container. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SNUG_WRITTEN);
	__type(key, u64);
	__type(value, u64);
} written SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct snug_counters);
} counters SEC(".maps");

/*
 * Where acts with text are put together. One for each class of programs: those of one class cannot interrupt
 * each other (tracepoints run with preemption off), those of different classes might. The cgroup hooks can be
 * preempted by their own kind: they use none.
 */
enum scratch_class {
	SCRATCH_SYSCALL = 0,
	SCRATCH_EXEC,
	SCRATCH_URING,
	SCRATCH_CGROUP,
	SCRATCH_SIGNAL,
	SCRATCHES,
};

/* A walk's state is in memory that the verifier does not track: its loop then looks the same each time round. */
struct walk {
	u64 dentry;
	u64 mount;
	u64 root;
	u64 hash;
	u32 end;		/* enum walk_end */
	u32 parts;
	u32 length;		/* of the whole path */
	u32 at;			/* where the text begins */
	u32 floor;		/* where it may begin at the earliest */
	u32 cut;
};

struct text_hash {
	u64 hash;
	u32 at;
	u32 end;
};

/* A path of text being made canonical, from its end to its beginning. */
struct canonical {
	u64 hash;		/* of the path, as of a walk */
	u64 leaf;		/* of its last part alone */
	u32 at;			/* where the next part is looked for */
	u32 from;
	u32 part_end;
	u32 to;			/* what is done begins here */
	u32 skip;		/* parts that a `..` takes back */
	u32 parts;
};

struct automaton_run {
	u32 at;
	u32 end;
	u32 state;
	u32 accept;
	u32 profile;
	u32 between;
};

/* Of a program that begins: where they are in the text its reader says. */
struct arguments {
	u32 size;
	u32 cut;		/* SNUG_CUT: there are more, or they could not be read */
};

/* A `struct path` by value: where it comes from makes no difference to the verifier then. */
struct path_ref {
	u64 dentry;
	u64 mnt;
};

/* The paths of an act: hashes for literal rules, and the text, from `at` to `to_at` and from there to the end. */
struct paths {
	u64 path;
	u64 to;
	u32 at;
	u32 to_at;
	u32 cut;
	u32 reserved;
};

/* Looked at once: another thread may have put another file there by the second time. */
struct opened {
	struct path_ref path_ref;
	struct paths paths;
	u32 access;
	u32 flags;		/* snug_act_flag */
	u32 judge;
	u32 stop;
};

/*
 * An act on a name, or on two. Here, and not on the stack, so that the verifier forgets which call filled it in, and
 * looks at what follows once, not once for each.
 */
struct path_op {
	u64 string;
	u64 to_string;		/* 0: there is only one */
	s32 fd;			/* what the string is relative to */
	s32 to_fd;
	u32 access;
	u32 reserved;
};

/* As far as it is told. */
struct socket_address {
	u16 family;
	u16 port;
	u32 word[5];
};

/* What a call says of its peer; here for the same reason. */
struct peer_request {
	u64 arguments[6];
	u32 passed[6];		/* words from the caller's memory */
	struct socket_address read;
	u64 address;		/* the caller's */
	u32 size;
	u32 fd;
	u32 kind;
	u32 stop;
	u32 connects;
	u32 reserved;
};

struct scratch {
	struct walk walk;
	struct text_hash text;
	struct canonical canonical;
	struct automaton_run automaton_run;
	struct arguments arguments;
	struct path_op path_op;
	struct peer_request peer_request;
	struct paths paths;	/* these two are here to spare the stack */
	struct opened opened;
	/*
	 * An act directly before its text, wherever that begins; texts grow downwards from SNUG_TEXT_MAX. The
	 * second half is never written: it is room for what the verifier cannot rule out.
	 */
	u8 act[sizeof(struct snug_act) + 2 * SNUG_TEXT_MAX] __attribute__((aligned(8)));
	u8 string[SNUG_PATH_MAX + 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_of(enum scratch_class class)
{
	u32 key = class;

	return bpf_map_lookup_elem(&scratches, &key);
}

static __always_inline struct snug_counters *this_counters(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&counters, &key);
}

#define COUNT(field)                                        \
	do {                                                \
		struct snug_counters *counts_ = this_counters(); \
		if (counts_)                                \
			counts_->field++;                   \
	} while (0)

#endif
