/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel programs and the sensor share in maps. It never leaves the sensor: see abi.h for
 * what does.
 */
#ifndef SNUG_SHARED_H
#define SNUG_SHARED_H

#include "abi.h"
#include "hash.h"
#include "unit.h"

#define SNUG_SYSCALL_MAX 576 /* with those that only x32 has */
#define SNUG_SLOTS 1024
#define SNUG_NO_SLOT 0xffffffffu /* of a container for which there was none left */
#define SNUG_CGROUP_LEVELS 16	 /* of the cgroups of containers, counted from the root's */
#define SNUG_NAMES 8192
#define SNUG_TASKS 131072 /* threads of containers, where the kernel has no task storage */
#define SNUG_SEEN 131072
#define SNUG_SEEN_SHARE (SNUG_SEEN / 8) /* of one container: more are reported each time */
#define SNUG_KNOWN_KEYS 131072
#define SNUG_VERSIONS 1024
#define SNUG_PROFILES 2048 /* two for each version: the one in use, and the one being made */
#define SNUG_STATES_MAX 8192
#define SNUG_EXPECTED 4096
#define SNUG_PEERS_MAX 16384
#define SNUG_PATTERNED 16384 /* a power of two */
#define SNUG_REOPENED_BITS 13
#define SNUG_REOPENED (1 << SNUG_REOPENED_BITS) /* files opened before */
#define SNUG_WRITTEN 65536
#define SNUG_WRITTEN_SHARE (SNUG_WRITTEN / 16) /* of one layer: with more, all its files count */
#define SNUG_LAYERS 8192
#define SNUG_PREFIXES_MAX 4096
#define SNUG_CALLERS 65536	 /* datagrams of others that a server may still answer */
#define SNUG_SEPARATE_TASKS 4096 /* processes whose state task storage did not take */
#define SNUG_BUDGETS 16384	 /* behaviours, and kinds in containers, that spend block budgets */
#define SNUG_ID_RANGES 5	 /* of the users and groups of a container, on the host */
#define SNUG_ANSWERS_SIZE (1u << 20) /* of the ring of DNS answers */
#define SNUG_ANSWERS_WINDOW_SHIFT 24 /* 17 ms: in this time */
#define SNUG_ANSWERS_SHARE 64	     /* so many answers of one container */
/* Of the addresses that answers gave to names: sets of one container (a power of two), and places
 * in a set. */
#define SNUG_ANSWERED_SETS 32
#define SNUG_ANSWERED_ALL (SNUG_SLOTS * SNUG_ANSWERED_SETS)
#define SNUG_ANSWERED_PLACES 10
#define SNUG_ANSWERED_TURN                                                    \
	16 /* the next power of two: the verifier does not follow a remainder \
	    */
/* Of the questions that a container has asked: sets of one container (a power of two), and places
 * in a set (a power of two). */
#define SNUG_ASKED_SETS 32
#define SNUG_ASKED_ALL (SNUG_SLOTS * SNUG_ASKED_SETS)
#define SNUG_ASKED_PLACES 8
/* Streams of answers of one container that are followed: a power of two. */
#define SNUG_STREAMS 16
#define SNUG_STREAMS_ALL (SNUG_SLOTS * SNUG_STREAMS)
/* A program may go on with an address that it found before the sensor: 1 day, in ns. */
#define SNUG_FOUND_BEFORE 86400000000000ull
/* The scope of a container that was not assigned one: its own. */
#define SNUG_PRIVATE_SCOPE (1ull << 63)

/* A number of a daemon's run goes above its scopes, which are whole numbers in JavaScript. */
#define SNUG_RUN_SHIFT 53
#define SNUG_RUN_MASK 0x3ffull
/* The name of the self-test's cgroups begins so; the process's number follows. */
#define SNUG_SELFTEST_PATH "/snug-selftest-"
/* The scope of the self-test. */
#define SNUG_SELFTEST_SCOPE (1ull << 52)
/* A trait of the self-test's containers: the daemon gets no reports about them. */
#define SNUG_HIDDEN (1u << 31)

enum snug_slot_state {
	SNUG_SLOT_FREE = 0,
	SNUG_SLOT_LIVE = 1,
	SNUG_SLOT_ENDED = 2,
};

/*
 * A command that the engine itself runs (health check, probe, hook), as the first program of an
 * exec session shows it.
 */
struct snug_engine_command {
	__u64 whole; /* hash of all its arguments; size 0: there is none */
	__u64 rest;  /* of all but the first, for a script, whose interpreter comes before it */
	__u64 name;  /* of the first: its path, or the last part of it */
	__u32 size;
	__u32 rest_size;
	__u32 by_path;
	__u32 reserved;
};

/* The version that a container is assigned to, and its traits. */
struct snug_assignment {
	__u32 version; /* index of a snug_version, from 1; 0: none yet */
	__u32 traits;
	__u64 held_until;				    /* CLOCK_MONOTONIC */
	struct snug_engine_command commands[SNUG_COMMANDS]; /* those that there are come first */
};

/* An assignment that came before the container's cgroup. */
struct snug_expected_container {
	__u64 scope;
	struct snug_assignment assignment;
};

/*
 * The name of a program, without the digits and dots of a version: letters, and zeroes behind them.
 */
struct snug_program_name {
	__u64 words[2];
};

/*
 * A version. Its policy state is one 64-bit write, so a program that reads it once has a profile
 * and an enforcement that belong together. It is part of the keys in `seen`: a new state makes
 * these stale.
 */
struct snug_version {
	__u64 policy_state;
	__u64 scope;
	__u64 paused_until; /* CLOCK_MONOTONIC */
	__u64 window;	    /* in which the budget is counted */
	__u32 spent[8];	    /* of each kind, see `budget.bpf.h` */
	__u32 deviating[8]; /* containers that spent it */
	__u32 budget;
	__u32 reserved;
};

#define SNUG_POLICY_BLOCK 1ull
/* A bit for each kind (snug_kind) that is not stopped any more. */
#define SNUG_POLICY_DISARMED 0xfeull
#define SNUG_POLICY_DISARMED_KIND(kind) (1ull << ((kind) & 7))
#define SNUG_POLICY_PROFILE_SHIFT 8
#define SNUG_POLICY_PROFILE(policy_state) \
	((__u32)((policy_state) >> SNUG_POLICY_PROFILE_SHIFT) & 0xffff)
/* What is of these, see snug_spare, and no rule decides, is reported and not stopped. */
#define SNUG_POLICY_SPARES_SHIFT 24
#define SNUG_POLICY_SPARES(spared) ((__u64)(spared) << SNUG_POLICY_SPARES_SHIFT)
#define SNUG_POLICY_SPARES_ANY SNUG_POLICY_SPARES(0x3f)
/*
 * The holds of a container (snug_trait). Not of its version: a program adds them to what it has
 * read.
 */
#define SNUG_HOLDS (SNUG_HOLD_NETWORK | SNUG_HOLD_CHANGES)
#define SNUG_POLICY_HOLDS_SHIFT 28
#define SNUG_POLICY_HOLDS(policy_state) \
	((__u32)((policy_state) >> SNUG_POLICY_HOLDS_SHIFT) & SNUG_HOLDS)
#define SNUG_POLICY_AGE_SHIFT 32
#define SNUG_BUDGET_WINDOW 60000000000ull

/* An address for a prefix trie: IPv4 in its mapped form. */
struct snug_trie_key {
	__u32 bits;
	__u8 address[16];
};

/*
 * An address that a DNS answer gave to a name. `check` is the hash of container and address,
 * combined with that of the names and the resolver: two processors that write at once leave what
 * matches nothing.
 */
struct snug_answered {
	__u64 check;
	__u64 name;	/* 0: the place is free */
	__u64 wildcard; /* that the name is of; 0: it has one label */
	__u64 resolver;
};

struct snug_answered_set {
	__u32 next; /* the place that is taken next */
	__u32 used; /* bits of places: a connection has asked for these since */
	__u64 reserved;
	struct snug_answered places[SNUG_ANSWERED_PLACES];
};

/* Hashes of questions and the sockets that asked them. The oldest goes first. */
struct snug_asked_set {
	__u32 next; /* the place that is taken next */
	__u32 reserved;
	__u64 questions[SNUG_ASKED_PLACES];
};

/* Where the next message begins in what a socket receives over TCP. */
struct snug_stream {
	__u64 cookie; /* of the socket; 0: the place is free */
	__u32 next;   /* sequence number */
	__u32 reserved;
};

/* Connections whose first data are still to be looked at. */
#define SNUG_CONNECTIONS 8192

/* A container's writable layer, over all its restarts. */
struct snug_layer {
	__u32 untrusted; /* any file of it may have been changed */
	__u32 written;	 /* its entries in the table of written files */
	__u32 slot;	 /* of its container, the last time that it ran */
};

/* What the sensor asks about a descriptor of its own: the root of a container, or a program in it.
 */
struct snug_look {
	__u32 slot;
	__u32 fd;
	__u32 is_root;
	__u32 drift; /* the answer about a program: snug_actor_flag */
};

/* A line of a user namespace's map. Its layout is the kernel's; count 0: there is none. */
struct snug_id_range {
	__u32 inside;
	__u32 outside;
	__u32 count;
};

struct snug_slot {
	__u64 container;
	__u64 scope;
	__u64 salt;  /* of its keys in `seen`; a new one makes all of them stale */
	__u64 root;  /* dentry of its root: that of its first program */
	__u64 layer; /* of `layers`: its writable layer; 0: it has none */
	__u64 began;
	__u64 ended;
	/* since when it is judged by its version and stopped, or not; 0: from its start */
	__u64 assigned;
	__u64 dropped;
	__u64 dropped_reported;
	__u64 answers_window; /* the time in which `answers` were counted */
	__u32 answers;
	__u32 resolvers_known;
	__u64 resolvers[SNUG_RESOLVERS]; /* hashes of their addresses: only their answers count */
	__u32 state;
	__u32 started; /* its entrypoint was seen: another root of a tree came in by exec */
	__u32 before;
	__u32 user;	      /* one more than the uid that it was started as; 0: not known */
	__u32 seen;	      /* its entries in the table of counted events */
	__u32 answers_itself; /* a process of it took port 53 as expected: it has a resolver */
	__u32 may_forge;      /* one took it against the profile, and was not stopped */
	__u32 unit;	      /* it is a run of a systemd unit: its root is the host's */
	struct snug_id_range users[SNUG_ID_RANGES]; /* of the container's user namespace */
	struct snug_id_range groups[SNUG_ID_RANGES];
	struct snug_assignment assignment;
	char id[SNUG_ID_LEN];
	char path[SNUG_CGROUP_MAX];
};

struct snug_task {
	__u64 container;
	__u64 exe;
	__u64 script;
	__u64 ancestors[SNUG_ANCESTORS];
	__u64 session;
	__u64 base;		  /* hash of all of the actor that a behaviour depends on */
	__u64 actor;		  /* hash of what of it the rules of a profile name */
	__u64 capabilities;	  /* reported since the last exec, */
	__u64 capabilities_under; /* and under this profile, mode and user */
	__u64 judged;		  /* address of what a hook has judged last: task.bpf.h */
	__u64 executed;		  /* when: CLOCK_MONOTONIC, ns; 0: before it was observed */
	__u64 executions;	  /* the kernel's count at its last one */
	__u64 timed[2];		  /* the file whose times or owner it sets right now: dentry,
				   * mount */
	__u64 changing;		  /* the mount of the file that it has asked to change last */
	__u64 in_call;		  /* the sensitive call that a hook has judged: sensitive.bpf.h */
	__u32 slot;
	__u32 uid;
	__u32 gid;
	__u32 user;	/* the uid as rules name it: SNUG_USER_DECLARED for that of the container */
	__u32 declared; /* the slot's `user` that this was derived from */
	__u16 flags;	/* snug_actor_flag */
	__u8 origin;
	__u8 generation; /* during a takeover: which generation handles this event
			    (generation.bpf.h) */
};

/* A connection over TCP: who made it, and to where. */
struct snug_connection {
	struct snug_task task;
	__u32 address[4];
	__u16 port;
	__u8 family;
	__u8 refused; /* its first data were */
	__u32 pid;
	__u32 ppid;
	__u32 reserved;
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
	__u64 reported;
	__u64 first; /* since the last report; the flush supplies the last time, to the second */
	__u64 session;
	__u64 tags[2];
	__u32 slot;
	__u32 resend; /* its event was lost: the next one is reported in full */
	__u32 origin;
	__u32 deviates;
	__u32 stops; /* snug_event_flag: how its events were stopped, as far as that was reported */
	__u32 stops_reserved;
};

struct snug_patterned {
	__u64 check; /* the file's own key, combined with `seen_key` */
	__u64 seen_key;
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
	__u32 filter;	       /* snug_filter_mode */
	__u32 containers_lost; /* a container started or ended and the ring was full */
	__u32 flush_all; /* the flush under way reports all counts, also those that can wait */
	__u32 fail_closed;
	__u32 disarmed;	  /* a version has disarmed itself, and that is not reported yet */
	__u32 generation; /* of the programs that handle events, with SNUG_TAKEOVER while others
			     take over */
	__u32 next_generation; /* the generation that takes over */
	__u32 without_answers; /* DNS answers are not seen here */
	__u32 separate_tasks;  /* the state of some process is not in task storage */
	__u32 holding;	       /* a container may be held: packets have to be looked at */
	__u64 wall_offset;     /* from CLOCK_MONOTONIC to the time of files, in ns */
};

/* Generations of programs on the same maps have numbers from 1 to 255. */
#define SNUG_TAKEOVER 256u

/*
 * What the sensor itself must not forget. Kept beside the maps, for root only: it holds the keys.
 */
struct snug_pinned_state {
	__u64 layout; /* of the maps and their content: takeover.c */
	__u64 id;     /* random: positions in rings are valid for this state only */
	struct snug_keys keys;
	__u64 last_heartbeat;	    /* CLOCK_MONOTONIC of the last heartbeat of a sensor */
	__u64 checkpoint;	    /* number of the last one */
	__u64 reported[SNUG_DROPS]; /* losses */
	__u64 hidden;		    /* events of the self-test: emitted, and filtered */
	__u64 hidden_counts;
	__u64 left_out;		 /* runs that the kernel left out, of all generations, */
	__u64 left_out_read;	 /* and as far as they are of the active one */
	__u32 generation;	 /* the last that was given to programs */
	__u32 active_generation; /* of the programs that handle events */
	__u32 daemon_run;	 /* of a daemon: its scopes are not another's */
	__u32 ready;		 /* everything that ran at the start is known */
};

struct snug_flush {
	__u64 reported;
	__u64 removed;
	__u64 failed;
};

/* Beside an access, where a probe has to know. */
#define SNUG_BY_LINK 0x10000

/* Variables of the kernel that the programs read. */
enum snug_variable {
	SNUG_RENAME_LOCK,
	SNUG_MOUNT_LOCK,
	SNUG_RCU_STATE,
	SNUG_VARIABLES
};

enum snug_syscall_class {
	SNUG_CLASS_NONE = 0,
	SNUG_CLASS_OPEN,    /* path first */
	SNUG_CLASS_CREAT,   /* path, and no flags: it is to be written */
	SNUG_CLASS_OPENAT,  /* directory, path */
	SNUG_CLASS_OPENAT2, /* the same, with the flags in memory */
	SNUG_CLASS_OPEN_HANDLE,
	SNUG_CLASS_UNLINK,
	SNUG_CLASS_UNLINKAT,
	SNUG_CLASS_RENAME,
	SNUG_CLASS_RENAMEAT,
	SNUG_CLASS_RENAMEAT2, /* the same, with flags */
	SNUG_CLASS_LINK,
	SNUG_CLASS_LINKAT,
	SNUG_CLASS_SYMLINK,
	SNUG_CLASS_SYMLINKAT,
	SNUG_CLASS_MAKE, /* mkdir */
	SNUG_CLASS_MAKEAT,
	SNUG_CLASS_NODE, /* path, mode, device */
	SNUG_CLASS_NODEAT,
	SNUG_CLASS_TRUNCATE,
	SNUG_CLASS_IDENTITY,
	SNUG_CLASS_SETUID,   /* the effective uid first */
	SNUG_CLASS_SETREUID, /* second, as of setresuid */
	SNUG_CLASS_LISTEN,
	SNUG_CLASS_CONNECT,
	SNUG_CLASS_SOCKETCALL, /* of the 32-bit table: connect, listen and others behind a number */
	/* Only where connections are observed by system calls. */
	SNUG_CLASS_BIND,
	SNUG_CLASS_SENDTO,
	SNUG_CLASS_SENDMSG,
	SNUG_CLASS_SENDMMSG,
	SNUG_CLASS_CLONE3,     /* flags in memory */
	SNUG_CLASS_CHMOD,      /* path, mode */
	SNUG_CLASS_CHMODAT,    /* directory, path, mode */
	SNUG_CLASS_FCHMOD,     /* descriptor, mode */
	SNUG_CLASS_CHOWN,      /* path */
	SNUG_CLASS_CHOWNAT,    /* directory, path */
	SNUG_CLASS_FCHOWN,     /* descriptor */
	SNUG_CLASS_SETXATTR,   /* path, name */
	SNUG_CLASS_SETXATTRAT, /* directory, path, flags, name */
	SNUG_CLASS_FSETXATTR,  /* descriptor, name */
	SNUG_CLASS_RMXATTR,
	SNUG_CLASS_RMXATTRAT,
	SNUG_CLASS_FRMXATTR,
	SNUG_CLASS_TIMES,      /* path, times: now where there are none */
	SNUG_CLASS_TIMESAT,    /* directory, path, times */
	SNUG_CLASS_TIMESAT_NS, /* the same, each of which may be `now` or `unchanged` */
	SNUG_CLASS_SOCKET,
	SNUG_CLASS_MAP,	    /* address, size, protection, flags, descriptor */
	SNUG_CLASS_MAP_OLD, /* of the 32-bit table: the same, in memory */
	SNUG_CLASS_PROTECT, /* address, size, protection */
	SNUG_CLASS_CALL,    /* the rest: SNUG_CLASS_CALL + enum snug_call */
};

#endif
