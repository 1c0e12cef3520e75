/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the kernel programs, the sensor and the daemon.
 *
 * Everything is little endian, of fixed width and naturally aligned: no compiler adds padding. A
 * frame is a head and `size` bytes behind it. What the kernel puts on a ring is already such a
 * frame, so the sensor passes it on unread. Change anything here only with SNUG_ABI, and run `npm
 * run docs`: it writes src/agent/pipeline/sources/ebpf/abi.ts from this header, and the checks by
 * which a compiler confirms its offsets.
 */
#ifndef SNUG_ABI_H
#define SNUG_ABI_H

#include <linux/types.h>

#define SNUG_ABI 16
#define SNUG_FRAME_MAX (1u << 20)

#define SNUG_ID_LEN 64	    /* a container's id: hex digits, no terminator */
#define SNUG_CGROUP_MAX 256 /* of a cgroup's path, with its terminator */
#define SNUG_ANCESTORS 8
#define SNUG_PATH_MAX 4096 /* bytes of one path in an event; of a longer one the tail is kept */
#define SNUG_TEXT_MAX 8192 /* two paths */
#define SNUG_ARGS_MAX 2048
#define SNUG_COMMANDS 5
#define SNUG_RESOLVERS 8      /* of a container */
#define SNUG_MESSAGE_MAX 1232 /* bytes of a DNS answer: what resolvers put into one datagram */
#define SNUG_NAME_MAX 1016    /* of an executable's path; of a longer one the tail is kept */

enum snug_frame_type {
	/* up */
	SNUG_HELLO = 1,
	SNUG_STATS = 2,
	SNUG_LOSS = 3,
	SNUG_NAME = 4,
	SNUG_CONTAINER = 5,
	SNUG_CONTAINER_END = 6,
	SNUG_EVENT = 7,
	SNUG_COUNT_UPDATE = 8,
	SNUG_PONG = 9,
	SNUG_DISARMED = 10,
	SNUG_SELFTEST_RESULT = 11,
	SNUG_CHECKPOINT = 12,
	SNUG_PROFILE_INSTALLED = 13,
	SNUG_PROFILE_FAILED = 14,
	SNUG_VERSION_EVICTED = 15,
	SNUG_ENFORCEMENT_SET = 16,
	SNUG_ANSWER = 17,
	SNUG_ASSIGNED = 18,
	SNUG_RUNS = 19,
	/* down */
	SNUG_ASSIGN = 32,
	SNUG_KNOWN = 33,
	SNUG_FILTER = 34,
	SNUG_FLUSH = 35,
	SNUG_PING = 36,
	/*
	 * A profile comes as one PROFILE, then its parts, then PROFILE_END: only that one has an
	 * effect.
	 */
	SNUG_PROFILE = 37,
	SNUG_RULES = 38,
	SNUG_STATES = 39,
	SNUG_PREFIXES = 40,
	SNUG_PROFILE_END = 41,
	SNUG_ENFORCE = 42,
	SNUG_PEER = 43,
	SNUG_FAIL_CLOSED = 44,
	SNUG_ACK = 45,
	SNUG_RESOLVE = 46,
	SNUG_ANSWERED = 47,
	SNUG_RUNS_STILL = 48,
};

enum snug_kind {
	SNUG_EXEC = 1,
	SNUG_FILE = 2,
	SNUG_CONNECT = 3,
	SNUG_LISTEN = 4,
	SNUG_IDENTITY = 5,
	SNUG_CAPABILITY = 6,
	SNUG_SYSCALL = 7,
};

enum snug_origin {
	SNUG_ENTRYPOINT = 1,
	SNUG_EXEC_IN = 2,
	SNUG_PROBE = 3, /* an exec session that began with a command of the engine's own */
	SNUG_INIT = 4,	/* the init that the engine put in */
};

/* About the actor: snug_event.actor_flags. */
enum snug_actor_flag {
	SNUG_TTY = 1,
	SNUG_SOCKET_STDIO = 2,
	SNUG_DRIFT_UPPER = 4,
	SNUG_DRIFT_MEMFD = 8,
	SNUG_DRIFT_MOUNT = 16,
	SNUG_DECLARED_USER =
		32, /* of an event only: its uid is the one that the container was started as */
	SNUG_HELD_ROOT = 64,	 /* its real or saved uid is root's: it may take root back */
	SNUG_DRIFT_SCRIPT = 128, /* the drift is that of its script, and not of its program */
};
#define SNUG_DRIFT (SNUG_DRIFT_UPPER | SNUG_DRIFT_MEMFD | SNUG_DRIFT_MOUNT)

/* About the event: snug_event.event_flags. */
enum snug_event_flag {
	SNUG_CUT = 1, /* the text is longer than the frame carries */
	SNUG_TO_CUT = 2,
	SNUG_DENIED = 4,     /* EACCES, EPERM or EROFS */
	SNUG_UNRESOLVED = 8, /* the path is what the caller passed, made absolute */
	SNUG_COMPAT = 16,    /* by the 32-bit system call table */
	/* What was done about a deviation that is to be blocked. */
	SNUG_REFUSED = 32, /* it did not happen: EPERM */
	SNUG_KILLED = 64,  /* its process was killed before it could go on */
	/*
	 * It was not stopped: this kernel offers no hook that comes in time. With SNUG_KILLED, the
	 * process was killed and the effect remains.
	 */
	SNUG_MISSED = 128,
	SNUG_FROM_IMAGE =
		256,	    /* of a file that is opened to be read: it lies in the image's layers */
	SNUG_AT_EXEC = 512, /* an identity that came with a program, by its set-uid bit */
	/* With SNUG_MISSED: another thread or process holds what the killed one obtained. */
	SNUG_SHARED = 1024,
	SNUG_RECEIVED = 2048, /* of an opened file: another process opened it, and passed it on */
	SNUG_BLOCK_DEVICE = 4096,
	SNUG_MEMORY_DEVICE = 8192, /* of the machine, or the kernel's log */
	SNUG_HELD = 16384,	   /* it was stopped because its container is held */
	/* A connection that was made before names, in TLS, the server that is its text. */
	SNUG_SERVER_NAME = 32768,
	/* Of an opened file: one of snug_file_system, from this bit on. */
	SNUG_FILE_SYSTEM_SHIFT = 16,
};
#define SNUG_SURVIVES (SNUG_KILLED | SNUG_MISSED)
#define SNUG_HELD_BY_OTHERS (SNUG_KILLED | SNUG_MISSED | SNUG_SHARED)

/* Those by which the kernel is controlled, wherever they are mounted. */
enum snug_file_system {
	SNUG_PROC = 1,
	SNUG_SYS,
	SNUG_DEBUG,
	SNUG_SECURITY,
	SNUG_BINFMT,
};

/* About the file of an exec: snug_event.file_flags. */
enum snug_file_flag {
	SNUG_FILE_OF_SCRIPT = 1,
	SNUG_FILE_IN_MEMORY = 2, /* a change through a mapping leaves its time as it is */
};

enum snug_access {
	SNUG_READ = 1,
	SNUG_WRITE = 2,
	SNUG_CREATE = 4,
	SNUG_DELETE = 8,
	SNUG_RENAME = 16,
	SNUG_RENAME_SOURCE = 32, /* of a rule alone: to rename the path, whatever to */
	SNUG_READ_SHIPPED = 64,	 /* of a rule alone: to read it where it is SNUG_FROM_IMAGE */
	/* To map it as code, where the image did not ship it. */
	SNUG_MAP = 128,
	/*
	 * To change its mode, its owner or an extended attribute. Not to make it setuid, to give it
	 * capabilities, or to set an attribute of users' own.
	 */
	SNUG_SETATTR = 256,
};

enum snug_protocol {
	SNUG_OTHER = 0,
	SNUG_TCP = 6,
	SNUG_UDP = 17,
	SNUG_UNIX = 255,
};

enum snug_filter_mode {
	SNUG_FILTER_OFF = 0,
	SNUG_FILTER_NOVELTY = 1,
};

/*
 * Why an observed event could not be reported. Indexes snug_stats.dropped;
 * src/agent/pipeline/sources/ebpf/abi-names.ts has the names.
 */
enum snug_drop {
	SNUG_DROP_RING = 0,	 /* the ring was full */
	SNUG_DROP_TASK = 1,	 /* no memory for a process's state: what it does is not seen */
	SNUG_DROP_CONTAINER = 2, /* more containers than slots: what they do is not seen */
	SNUG_DROP_FILE = 3,	 /* the descriptor was gone before it could be looked at */
	SNUG_DROP_TEXT = 4,	 /* a string of the caller could not be read */
	SNUG_DROP_ANSWER = 5,	 /* more DNS answers than the ring, or a container's share, holds */
	SNUG_DROP_LEFT_OUT = 6,	 /* the kernel left out a program: see left_out.h */
	SNUG_DROPS = 7,
};

struct snug_head {
	__u32 size; /* of what follows this head */
	__u16 type;
	__u8 version;
	__u8 flags;
};

struct snug_event {
	struct snug_head head;
	__u64 time;	 /* CLOCK_MONOTONIC, ns */
	__u64 container; /* id of its cgroup */
	__u64 key;
	__u64 exe; /* a SNUG_NAME that came before, as are script and ancestors; 0: none */
	__u64 script;
	__u64 ancestors[SNUG_ANCESTORS];
	__u64 session; /* 0: none */
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 gid;
	__u8 kind;
	__u8 origin;
	__u16 actor_flags;
	__u32 event_flags;
	union {
		__u8 detail[40];
		struct {
			__u8 address[16]; /* IPv4 in the first four */
			__u16 port;
			__u8 family; /* 4, 6, 0 (unix) */
			__u8 protocol;
			__u32 net_reserved;
		};
		struct {
			__u32 from_uid;
			__u32 from_gid;
			__u32 to_uid;
			__u32 to_gid;
		};
		struct {
			__u32 code; /* access bits, capability, or snug_call */
			__u32 vpid; /* of a file: what its process is called in its PID namespace */
			__u64 argument; /* of a snug_call: flags, request, operation */
		};
		/*
		 * Of an exec: the file that drifted, or may have. All 0: it is none that the agent
		 * may open.
		 */
		struct {
			__u64 file_inode;
			__u64 file_changed; /* CLOCK_REALTIME, ns */
			__u64 file_size;
			__u64 executed;	   /* names this execution, for SNUG_RUNS_STILL */
			__u32 file_device; /* as the kernel counts: 12 bits and 20 */
			__u32 file_flags;  /* snug_file_flag */
		};
	};
	__u16 text_size; /* a path; arguments, each ending in NUL */
	__u16 to_size;	 /* behind the text: where it was renamed or linked to */
	__u16 slot;
	__u16 text_reserved;
	/* text, to */
};

struct snug_count_update {
	struct snug_head head;
	__u64 time;
	__u64 container;
	__u64 key;
	__u64 count; /* since the last report */
	__u64 first;
	__u64 last;
	__u64 session;
	__u64 tags[2]; /* of the rules that allowed it; 0: it was not judged here, or not allowed */
	__u32 origin;
	__u32 reserved;
};

/* On the ring only the part up to `id`: the sensor adds the rest from the slot. */
struct snug_container {
	struct snug_head head;
	__u64 time;
	__u64 container;
	__u32 slot;
	__u32 before;
	char id[SNUG_ID_LEN];
	/* path of its cgroup */
};

/* A DNS answer. On the ring the message has its full size. */
struct snug_answer {
	struct snug_head head;
	__u64 time;
	__u64 container;
	__u8 address[16]; /* of its sender; IPv4 in the first four */
	__u32 slot;
	__u16 size; /* of the message; over TCP with its length before it */
	__u8 family;
	__u8 protocol;
	__u32 cut; /* the packet is longer */
	__u32 reserved;
	__u8 message[SNUG_MESSAGE_MAX];
};

struct snug_name {
	struct snug_head head;
	__u64 hash;
	__u32 cut;
	__u32 reserved;
	/* path */
};

struct snug_loss {
	struct snug_head head;
	__u64 container; /* 0: not known */
	__u64 from;
	__u64 to;
	__u64 count;
	__u32 reason; /* snug_drop */
	__u32 reserved;
};

struct snug_stats {
	struct snug_head head;
	__u64 time;
	__u64 wall_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC, ns */
	__u64 received; /* events of containers' processes = emitted + filtered + the sum of dropped
			 */
	__u64 emitted;
	__u64 filtered; /* counted in the kernel instead */
	__u64 dropped[SNUG_DROPS];
	__u64 unfiltered; /* emitted because the table of counted events is full */
	__u64 unnamed;	  /* executables whose path did not fit into the table */
};

struct snug_hello {
	struct snug_head head;
	__u64 time;
	__u64 wall_offset;
	__u32 abi;
	__u32 rings;
	__u32 ring_size;
	__u32 slots;
	/*
	 * lines: `kernel RELEASE`, `hook NAME yes` or `hook NAME no WHY`, `stop CLASS HOW`, `pin
	 * FOLDER` or `pin no WHY`, `kept yes SINCE` (CLOCK_MONOTONIC, ns: programs and maps are
	 * those of then, and went on) or `kept no WHY`
	 */
};

/*
 * Stands for the user that the container was started as. No process has it: to the kernel it is no
 * valid uid.
 */
#define SNUG_USER_DECLARED 0xffffffffu
/* Ids of people's accounts, of login.defs: rules name the least for all of them. */
#define SNUG_ACCOUNT_LEAST 1000
#define SNUG_ACCOUNT_MOST 60000
/* Stands for any of them in a rule for a change of identity. To the kernel it is no valid uid. */
#define SNUG_ANYBODY 0xffffffffu

enum snug_trait {
	SNUG_ENFORCED = 1, /* its deviations are stopped where its version's are */
	SNUG_OWN_INIT = 2, /* the engine put its init into it */
	/* A hold of the container, until `held_until`, whatever its version's profile and mode. */
	SNUG_HOLD_NETWORK = 4, /* no packet leaves or enters it */
	SNUG_HOLD_CHANGES = 8, /* no program, no change of a file, no new connection */
};

struct snug_assign {
	struct snug_head head;
	char id[SNUG_ID_LEN];
	__u64 scope;
	__u32 traits;
	__u32 commands_size;
	__u32 user; /* one more than the uid that it is declared to run as; 0: not known */
	__u32 reserved;
	__u64 held_until; /* CLOCK_REALTIME, ns; 0: it is not held */
			  /*
			   * at most SNUG_COMMANDS commands that the engine runs by itself: a __u32 of size, and
			   * arguments, each ending in NUL
			   */
};

/*
 * The answer to an ASSIGN of a container that was observed. Of one that ended before it, `since` is
 * the end.
 */
struct snug_assigned {
	struct snug_head head;
	char id[SNUG_ID_LEN];
	__u64 scope;
	__u64 since; /* its events are judged by that scope; 0: all of them */
	__u32 traits;
	/* One more than the connections that a hold of its network has ended; 0: none was tried. */
	__u32 ended;
};

struct snug_profile {
	struct snug_head head;
	__u64 scope;
	__u32 rules; /* 0, and no states either: the scope has no profile any more */
	__u32 states;
	__u32 prefixes;
	__u32 absent; /* the scope has no profile any more: nothing follows */
	__u64 serial; /* comes back with the answer */
};

/* The answer to a PROFILE_END: from here on the scope's events are judged by the profile. */
struct snug_profile_installed {
	struct snug_head head;
	__u64 scope;
	__u64 serial;
};

enum snug_profile_failure {
	SNUG_FAILURE_ROOM = 1,	 /* the table of running versions is full */
	SNUG_FAILURE_MEMORY = 2, /* the kernel refuses a table */
	SNUG_FAILURE_SIZE = 3,	 /* the profile has more than a table holds */
};

/* The other answer to it: the scope has no profile in the kernel, neither this one nor another. */
struct snug_profile_failed {
	struct snug_head head;
	__u64 scope;
	__u64 serial;
	__u32 reason; /* snug_profile_failure */
	__u32 reserved;
	/* text: what failed */
};

/*
 * The scope has no place in the kernel any more: another took it. One that has containers keeps
 * its place.
 */
struct snug_version_evicted {
	struct snug_head head;
	__u64 scope;
};

/*
 * The answer to an ENFORCE, and what a profile that was installed changes: whether deviations from
 * the scope's profile are stopped now.
 */
struct snug_enforcement_set {
	struct snug_head head;
	__u64 scope;
	__u32 block;
	__u32 reserved;
};

/* Of a rule for novelty: what it is about is reported, and not stopped. */
#define SNUG_REPORT_TAG (~0ull)

enum snug_rule_flag {
	SNUG_DENY = 1,
	SNUG_PATTERN =
		2, /* `set` is the accepting set of the automaton, or the number of a prefix */
	SNUG_SHIPPED = 4, /* no rule: no pattern takes the path in the text */
	SNUG_NAMED = 8,	  /* a peer by its name: the text */
	SNUG_WITH_DRIFT = 16,
	SNUG_WITH_SOCKET = 32,
	SNUG_RANGE = 64, /* of a peer: `set` has the first port, and 16 bits above it the last */
	/*
	 * Of no actor. Of files: the access to those of the set is never SNUG_SPARES_UNGUARDED.
	 * Else for any actor of a version with SNUG_SPARES_ACTORS.
	 */
	SNUG_GUARD = 128,
};

/*
 * Limits for the names of programs whose arguments are part of the behaviour: how many, and how
 * many letters.
 */
#define SNUG_PROGRAMS 64
#define SNUG_PROGRAM_MAX 15

/*
 * Behind a SNUG_RULES' scope, one after the other. Paths are canonical; a cut one begins with
 * U+2026.
 */
struct snug_rule {
	__u16 size; /* with its texts; a multiple of eight */
	__u8 kind;
	__u8 origin;
	__u32 flags;
	__u64 tag;
	__u32 uid; /* or SNUG_USER_DECLARED */
	__u32 set;
	union {
		__u8 detail[24];
		struct {
			__u8 address[16];
			__u16 port;
			__u8 family;
			__u8 protocol;
			__u32 net_reserved;
		};
		struct {
			__u32 from_uid;
			__u32 from_gid;
			__u32 to_uid;
			__u32 to_gid;
		};
		struct {
			__u32 code; /* one bit of access, capability, or snug_call */
			__u32 code_reserved;
			__u64 argument;
		};
	};
	__u16 exe_size; /* 0: no parent */
	__u16 script_size;
	__u16 text_size;
	__u16 to_size;
	/* exe, script, text (the program, of an exec), to (its script, of an exec) */
};

struct snug_rules {
	struct snug_head head;
	__u64 scope;
	/* rules */
};

/* One state of the automaton over the bytes of a path. State 0 is dead, 1 is where it begins. */
struct snug_state {
	__u16 next[256];
	__u32 accept; /* number of an accepting set; 0: none */
	__u32 reserved;
};

struct snug_states {
	struct snug_head head;
	__u64 scope;
	__u32 first;
	__u32 count;
	/* states */
};

struct snug_prefix {
	__u8 address[16]; /* of IPv4 the mapped form, 96 bits longer */
	__u32 bits;
	__u32 number;
};

struct snug_prefixes {
	struct snug_head head;
	__u64 scope;
	/* prefixes */
};

struct snug_profile_end {
	struct snug_head head;
	__u64 scope;
};

struct snug_enforce {
	struct snug_head head;
	__u64 scope;
	__u64 paused_until; /* CLOCK_REALTIME, ns; 0: not paused */
	__u32 block;
	__u32 budget; /* different behaviours of a kind stopped within a minute before it disarms */
	__u32 disarmed; /* kinds that only alert: bits of snug_kind */
	__u32 spares;	/* what only alerts: bits of snug_spare */
};

/* What no sensor observed while the version learned, or what nobody can learn. */
enum snug_spare {
	SNUG_SPARES_SETATTR = 1,  /* SNUG_SETATTR */
	SNUG_SPARES_RECEIVED = 2, /* opens that are SNUG_RECEIVED */
	/* Of a job: files that no SNUG_GUARD is about, code that it maps, peers on this host. */
	SNUG_SPARES_UNGUARDED = 4,
	/*
	 * Of a version of class `open`: connections, and changes of identity, that another actor of
	 * it may make, and those of root.
	 */
	SNUG_SPARES_ACTORS = 8,
	SNUG_SPARES_SERVER_NAME = 16, /* connections that are SNUG_SERVER_NAME */
};

struct snug_peer {
	struct snug_head head;
	__u8 address[16]; /* as in snug_prefix */
	__u32 bits;
	__u32 name_size; /* 0: it has no name any more */
			 /* name */
};

/* The resolvers of a container that runs: of others no DNS answer counts. */
struct snug_resolve {
	struct snug_head head;
	char id[SNUG_ID_LEN];
	__u32 count;
	__u32 reserved;
	__u8 addresses[SNUG_RESOLVERS][16]; /* as in snug_prefix */
};

/*
 * A name that an earlier sensor saw an answer for. To be sent behind the container's resolvers;
 * what this sensor saw itself stays.
 */
struct snug_answered_name {
	struct snug_head head;
	char id[SNUG_ID_LEN];
	__u8 address[16]; /* as in snug_prefix */
	__u32 name_size;
	__u32 reserved;
	/* name */
};

struct snug_fail_closed {
	struct snug_head head;
	__u32 on;
	__u32 reserved;
};

struct snug_disarmed {
	struct snug_head head;
	__u64 time;
	__u64 scope;
	__u32 kinds; /* all that only alert: bits of snug_kind */
	__u32 reserved;
};

/* Bits of snug_selftest_result: what the self-test attempts in its own cgroup. */
enum snug_selftest_attempt {
	SNUG_SELFTEST_PASS = 1, /* allowed, and went through */
	SNUG_SELFTEST_EXEC = 2, /* forbidden, and stopped: this and the following */
	SNUG_SELFTEST_OPEN = 4,
	SNUG_SELFTEST_CONNECT = 8,
};

struct snug_selftest_result {
	struct snug_head head;
	__u64 time;
	__u32 tried;
	__u32 good;
};

struct snug_known {
	struct snug_head head;
	__u64 scope;
	/* keys, 8 bytes each */
};

struct snug_filter {
	struct snug_head head;
	__u32 mode;
	__u32 reserved;
};

/*
 * A checkpoint. From the sensor (CHECKPOINT): everything before it was reported. From the daemon
 * (ACK), an acknowledgement: everything before it is stored, and the next sensor need not report it
 * again. That one gets the positions as `--resume`.
 */
struct snug_checkpoint {
	struct snug_head head;
	__u64 state;  /* of the kernel; positions in another mean nothing */
	__u64 number; /* of the checkpoint, within a sensor's life */

	/* positions in the rings, 8 bytes each */
};

/*
 * Whether the process still runs what it executed then. The answer has `runs`, and is the same
 * otherwise.
 */
struct snug_runs {
	struct snug_head head;
	__u64 token;
	__u64 executed;
	__u32 pid;
	__u32 runs;
};

struct snug_ping {
	struct snug_head head;
	__u64 token;
};

#define SNUG_SOCKET_KIND(family, type, protocol) \
	((__u64)(family) << 32 | (__u64)((type) & 0xf) << 16 | ((protocol) & 0xffff))

/* The sensitive system calls: snug_event.code where the kind is SNUG_SYSCALL. */
enum snug_call {
	SNUG_CALL_PTRACE = 1,
	SNUG_CALL_PROCESS_VM_WRITEV,
	SNUG_CALL_MOUNT,
	SNUG_CALL_UMOUNT,
	SNUG_CALL_MOVE_MOUNT,
	SNUG_CALL_FSOPEN,
	SNUG_CALL_OPEN_TREE,
	SNUG_CALL_PIVOT_ROOT,
	SNUG_CALL_CHROOT,
	SNUG_CALL_UNSHARE,
	SNUG_CALL_SETNS,
	SNUG_CALL_CLONE,
	SNUG_CALL_INIT_MODULE,
	SNUG_CALL_FINIT_MODULE,
	SNUG_CALL_DELETE_MODULE,
	SNUG_CALL_BPF,
	SNUG_CALL_PERF_EVENT_OPEN,
	SNUG_CALL_KEXEC_LOAD,
	SNUG_CALL_MEMFD_CREATE,
	SNUG_CALL_IO_URING_SETUP,
	SNUG_CALL_ADD_KEY,
	SNUG_CALL_KEYCTL,
	SNUG_CALL_IO_URING, /* a submission: `argument` is its opcode */
	SNUG_CALL_KILL,	    /* of a process that is not the caller's own: the text is its program */
	SNUG_CALL_CHMOD,    /* that makes a file setuid: the text is the file */
	SNUG_CALL_UTIMENSAT, /* and its older kin, with times that are not now: the text is the file
			      */
	SNUG_CALL_TRUNCATE,  /* by a path, which is the text */
	SNUG_CALL_USERFAULTFD,
	SNUG_CALL_PROCESS_VM_READV,
	SNUG_CALL_PIDFD_GETFD,
	SNUG_CALL_SETUID, /* to root, and refused: what is not refused is an identity */
	/* Of a family or type that other events do not cover: `argument` is SNUG_SOCKET_KIND. */
	SNUG_CALL_SOCKET,
	SNUG_CALL_SETXATTR, /* that gives a file capabilities: the text is the file */
	SNUG_CALL_MKNOD,    /* of a device: the text is its name */
	SNUG_CALL_FSPICK,
	SNUG_CALL_FSMOUNT,
	SNUG_CALL_MOUNT_SETATTR,
	SNUG_CALL_OPEN_BY_HANDLE, /* the text is the file that it opened */
	SNUG_CALL_FANOTIFY_INIT,
	SNUG_CALLS,
};

#endif
