/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Per-processor memory in which the programs build paths and events: 512 bytes of stack hold
 * neither.
 */
#ifndef SNUG_SCRATCH_H
#define SNUG_SCRATCH_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/verdict.bpf.h"
#include "shared.h"

/*
 * Where events with text are built. There is one scratch for each class of programs: those of one
 * class cannot interrupt each other, those of different classes can. Programs of tracepoints run
 * with preemption off before Linux 7. Since, the kernel leaves out the second one, see left_out.h.
 * The cgroup hooks can be preempted by their own kind, so they use none.
 */
enum scratch_class {
	SCRATCH_SYSCALL = 0,
	SCRATCH_EXEC,
	SCRATCH_EXEC_AGAIN, /* while another process was interrupted with the one above */
	SCRATCH_URING,
	SCRATCH_CGROUP,
	SCRATCH_SIGNAL,
	SCRATCH_ANSWER, /* packets are received in soft interrupts, one at a time */
	SCRATCHES,
};

/*
 * The state of a loop is in memory that the verifier does not track: it looks the same each time
 * round. Before Linux 6.7 the verifier also takes what a loop leaves on the stack for what it was
 * before, and removes the code that needs it changed.
 */
struct walk {
	u64 dentry;
	u64 mount;
	u64 root;
	u64 hash;
	u32 end; /* enum walk_end */
	u32 parts;
	u32 length; /* of the whole path */
	u32 at;	    /* where the text begins */
	u32 floor;  /* where it may begin at the earliest */
	u32 cut;
	u32 bound; /* the file of a socket: it is where its listener bound it */
};

struct text_hash {
	u64 hash;
	u32 at;
	u32 end;
};

/* A path of text being made canonical, from its end to its beginning. */
struct canonical {
	u64 hash; /* of the path, as of a walk */
	u64 leaf; /* of its last part alone */
	u32 at;	  /* where the next part is looked for */
	u32 from;
	u32 part_end;
	u32 to;	  /* the canonical part begins here */
	u32 skip; /* parts that a `..` takes back */
	u32 back; /* there was such a part */
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

/* The search for a container's id in the name of a cgroup. */
struct leaf {
	u32 run;
	u32 found;
	u32 at;
};

/* The arguments of a program that starts; the caller of the reader chose their offset. */
struct arguments {
	u32 size;
	u32 cut;    /* SNUG_CUT: there are more, or they could not be read */
	u32 judged; /* `size` with the mark of a cut behind it */
};

/* The search for the file of a script among what the process is still to do. */
struct script_search {
	u64 work; /* looked at next; 0: all were */
	u64 file; /* 0: none was found */
};

/* The file by which the agent finds the content of what runs, as in an event. */
struct code_file {
	u64 inode; /* 0: none */
	u64 changed;
	u64 size;
	u32 device;
	u32 flags; /* snug_file_flag */
};

/* A `struct path` by value: where it comes from makes no difference to the verifier then. */
struct path_ref {
	u64 dentry;
	u64 mnt;
};

/*
 * The paths of an event: hashes for literal rules, and the text, from `at` to `to_at` and from
 * there to the end.
 */
struct paths {
	u64 path;
	u64 to;
	u32 at;
	u32 to_at;
	u32 cut;
	u16 from_image;
	u16 spared; /* snug_spare: what the access is of */
};

/* Where an opened file is, see lib/place.bpf.h. */
struct place {
	u64 key;   /* 0: its place is not to be remembered */
	u64 stamp; /* when it was there */
};

/* Looked at once: another thread may have put another file there by the second time. */
struct opened {
	struct path_ref path_ref;
	struct paths paths;
	u32 access;
	u32 flags; /* snug_event_flag */
	u32 judge;
	u32 stop;
	u64 seen_key; /* of the file itself */
	struct place place;
};

/*
 * An operation on one path or two. It is here and not on the stack, so that the verifier does not
 * track which call filled it in: it checks what follows once, not once for each call.
 */
struct path_op {
	u64 string;    /* 0: the file of the descriptor itself */
	u64 to_string; /* 0: there is only one, or it is by descriptor */
	s32 fd;	       /* what the string is relative to */
	s32 to_fd;
	u32 access;
	u32 by_descriptor; /* `to` is the file of `to_fd` itself */
};

/* The part of it that is reported. */
struct socket_address {
	u16 family;
	u16 port;
	u32 word[5];
};

/* The mappings that become code, and the file of the one that was looked at last. */
struct protection {
	u64 at;
	u64 end;
	u64 file; /* its address; 0: none */
};

/* The peer that a call asks for; here for the same reason. */
struct peer {
	u32 address[4];
	u16 port;
	u8 family;
	u8 protocol;
};

struct peer_request {
	u64 arguments[6];
	u32 passed[6]; /* from the caller's memory */
	struct socket_address read;
	u64 address; /* the caller's */
	u32 size;
	u32 fd;
	u32 kind;
	u32 stop;
	u32 connects;
	struct peer peer;
};

/* A DNS answer being read: its message is in `string`, and the name goes to `event`. */
struct naming {
	u64 name;     /* hash */
	u64 wildcard; /* hash */
	u64 resolver;
	u64 container;
	u32 slot;
	u32 any_resolver; /* those of the container are not known yet */
	u32 at;
	u32 size;
	u32 label; /* bytes that are left of it */
	u32 letters;
	u32 out;
	u32 domain;  /* where the second label begins in the text; 0: there is none */
	u32 records; /* left to read */
	u32 in_record;
	u32 whole; /* the name is */
};

struct scratch {
	u32 number; /* of `scratches`, and after these of `lsm_scratches`: see portable.bpf.h */
	u32 reserved;
	struct walk walk;
	struct verdict verdict; /* on what a system call did with a socket, or as a sensitive one */
	struct text_hash text;
	struct canonical canonical;
	struct automaton_run automaton_run;
	struct leaf leaf;
	struct snug_unit_search unit_search;
	struct arguments arguments;
	struct script_search script_search;
	struct code_file code_file;
	struct path_op path_op;
	struct peer_request peer_request;
	struct protection protection;
	struct naming naming;
	struct paths paths; /* these two are here to spare the stack */
	struct opened opened;
	/*
	 * An event directly before its text; texts grow downwards from SNUG_TEXT_MAX. The second
	 * half is never written: it covers offsets that the verifier cannot rule out.
	 */
	u8 event[sizeof(struct snug_event) + 2 * SNUG_TEXT_MAX] __attribute__((aligned(8)));
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
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);

#ifdef SNUG_PORTABLE
	if (scratch)
		scratch->number = class;
#endif
	return scratch;
}

/* For the security hooks, see lsm.bpf.h. */
struct lsm_scratch {
	struct scratch scratch;
	struct snug_task next; /* the process as it will be after the exec under way */
	u64 argv;
	u64 owner; /* the container that has it, or had it last */
	u32 used;
	u32 cut;
};

/* For each processor, and of these for one container. */
#define LSM_DEPTH 8
#define LSM_SHARE 6

struct {
#ifndef SNUG_PORTABLE
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
#else
	__uint(type, BPF_MAP_TYPE_ARRAY);
#endif
	__uint(max_entries, LSM_DEPTH);
	__type(key, u32);
	__type(value, struct lsm_scratch);
} lsm_scratches SEC(".maps");

#ifdef SNUG_PORTABLE
static __always_inline struct lsm_scratch *find_lsm_scratch(u32 number)
{
	number -= SCRATCHES;
	return bpf_map_lookup_elem(&lsm_scratches, &number);
}

static __always_inline struct scratch *find_scratch(u32 number)
{
	struct lsm_scratch *lsm_scratch;

	if (number < SCRATCHES)
		return bpf_map_lookup_elem(&scratches, &number);
	lsm_scratch = find_lsm_scratch(number);
	return lsm_scratch ? &lsm_scratch->scratch : 0;
}
#endif

#endif
