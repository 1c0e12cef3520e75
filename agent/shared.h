/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel programs and the sensor share in maps. It never leaves the sensor: see abi.h for what does. */
#ifndef SNUG_SHARED_H
#define SNUG_SHARED_H

#include "abi.h"
#include "mix.h"

#define SNUG_NRS 512
#define SNUG_SLOTS 1024
#define SNUG_NAMES 8192
#define SNUG_SEEN 131072
#define SNUG_KNOWN_KEYS 131072
/* The scope of a container that was not assigned one: its own. */
#define SNUG_PRIVATE_SCOPE (1ull << 63)

enum snug_slot_state {
	SNUG_SLOT_FREE = 0,
	SNUG_SLOT_LIVE = 1,
	SNUG_SLOT_ENDED = 2,
};

struct snug_slot {
	__u64 container;
	__u64 scope;
	__u64 salt;		/* of its keys in `seen`; a new one makes all of them stale */
	__u64 root;		/* dentry of its root, from its first exec */
	__u64 began;
	__u64 ended;
	__u64 dropped;
	__u32 state;
	__u32 started;		/* its entrypoint was seen: another root of a tree came in by exec */
	__u32 before;
	__u32 reserved;
	char id[SNUG_ID_LEN];
	char path[SNUG_CGROUP_MAX];
};

struct snug_task {
	__u64 container;
	__u64 exe;
	__u64 script;
	__u64 ancestors[SNUG_ANCESTORS];
	__u64 session;
	__u64 base;		/* hash of all of the actor that a behaviour depends on */
	__u64 capabilities;	/* told since the last exec */
	__u32 slot;
	__u32 uid;
	__u32 gid;
	__u16 flags;		/* snug_actor_flag */
	__u8 origin;
	__u8 reserved;
};

struct snug_name_text {
	__u32 size;
	__u32 cut;
	char text[SNUG_NAME_MAX];
};

struct snug_seen {
	__u64 key;
	__u64 container;
	__u64 salt;
	__u64 count;
	__u64 told;
	__u64 first;		/* since last told; when it was last is known by the second: the flush's */
	__u32 slot;
	__u32 unsent;		/* its event was lost: the next one is told in full */
};

struct snug_counters {
	__u64 received;
	__u64 emitted;
	__u64 filtered;
	__u64 dropped[SNUG_DROPS];
	__u64 unfiltered;
	__u64 unnamed;
};

struct snug_control {
	__u32 asleep;
	__u32 filter;		/* snug_filter_mode */
	__u32 unheard;		/* a container came or went and there was no room to say so */
	__u32 tell_known;	/* the flush under way tells all counts, also those that can wait */
};

struct snug_flush {
	__u64 told;
	__u64 removed;
	__u64 failed;
};

enum snug_class {
	SNUG_CLASS_NONE = 0,
	SNUG_CLASS_OPEN,	/* path first */
	SNUG_CLASS_OPENAT,	/* directory, path */
	SNUG_CLASS_OPEN_HANDLE,
	SNUG_CLASS_UNLINK,
	SNUG_CLASS_UNLINKAT,
	SNUG_CLASS_RENAME,
	SNUG_CLASS_RENAMEAT,
	SNUG_CLASS_LINK,
	SNUG_CLASS_LINKAT,
	SNUG_CLASS_SYMLINK,
	SNUG_CLASS_SYMLINKAT,
	SNUG_CLASS_MAKE,	/* mkdir, mknod */
	SNUG_CLASS_MAKEAT,
	SNUG_CLASS_TRUNCATE,
	SNUG_CLASS_IDENTITY,
	SNUG_CLASS_LISTEN,
	SNUG_CLASS_CONNECT,
	SNUG_CLASS_SOCKETCALL,	/* of the 32-bit table: connect and listen behind a number */
	SNUG_CLASS_CLONE3,	/* flags in memory */
	SNUG_CLASS_CALL,	/* the rest: SNUG_CLASS_CALL + enum snug_call */
};

#endif
