/* SPDX-License-Identifier: Apache-2.0 */
/* A composition: an act, the way to name its object, the call that does it, and the processes that run it. */
#ifndef ACTS_H
#define ACTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STEPS 6
#define SLOTS 256
#define PATH_SIZE 4096
#define SHARED_FD 100 /* of `struct shared`: survives an exec */
#define RAN_FD 101    /* a program that ran writes its name there */
#define NAMESPACE_FD 102
#define FIRST_DROPPED 300 /* of the descriptors of files that the image did not ship */
#define FIRST_PORT 20000
#define FIRST_UID 30000
#define OTHER_USER 1000
#define RIGHTS "system.posix_acl_access"
#define CAPABILITIES "security.capability"

/* The way a call is made. */
enum via {
	VIA_AT,
	VIA_LEGACY, /* without a folder's descriptor, where there is such a call */
	VIA_OPENAT2,
	VIA_COMPAT, /* the 32-bit table */
	VIA_RING,
	VIA_RING_WORKER,
	VIA_RING_LATE, /* behind a timeout */
	VIA_RING_POLL, /* submitted by the kernel's thread */
};

struct composition {
	int slot;
	char act[32];
	char names[STEPS][24];
	char runs[STEPS][24];
	enum via via;
};

/* What the oracle reads. The processes of a composition and the peer write it. */
struct shared {
	volatile int armed;    /* everything before the act came off */
	volatile int result;   /* of the act, as it returned: 0 or an errno; -1: it did not return */
	volatile int killed;   /* one of its processes was */
	volatile int went_on;  /* a process used what the act gave, after its return */
	volatile int done;     /* nothing more comes, and a process keeps what was got */
	volatile int uid;      /* an effective user that a process ran with after the act */
	volatile int gid;
	volatile int wants_socket; /* a socket is of use as such */
	volatile int signals;  /* that the peer received */
	volatile pid_t peer;
	volatile char leak[128];
	volatile unsigned char arrived[SLOTS]; /* at the peer: bit 0: connection, 1: datagram, 2: unix */
};

/* Where the object is: relative to `fd`; with an empty path the descriptor itself. */
struct where {
	int fd;
	char path[PATH_SIZE];
};

extern struct shared *shared;
extern int peer_fd; /* of the peer, from before */

/* names.c: 0 or an errno. */
int name_object(const struct composition *it, struct where *where);
void put_alias(char *path, int slot, int number);

/* calls.c: a result, or a negative errno, as the kernel returns it. */
long do_open(enum via via, const struct where *where, int flags, int mode);
long do_unlink(enum via via, const struct where *where, int flags);
long do_rename(enum via via, const struct where *from, const char *to);
long do_link(enum via via, const struct where *from, const char *to);
long do_symlink(enum via via, const char *target, const struct where *at);
long do_mkdir(enum via via, const struct where *where);
long do_mknod(enum via via, const struct where *where);
long do_chmod(enum via via, const struct where *where, int mode);
long do_set_time(enum via via, const struct where *where);
long do_chown(enum via via, const struct where *where);
long do_attribute(enum via via, const struct where *where, const char *name, const void *value, int size);
long do_truncate(enum via via, const struct where *where);
long do_exec(enum via via, const struct where *where, char *const arguments[]);
long do_socket(enum via via, int family, int type, int protocol);
long do_connect(enum via via, int fd, const void *address, int size);
long do_bind(enum via via, int fd, const void *address, int size);
long do_listen(enum via via, int fd);
long do_send(enum via via, int fd, const void *address, int size, int flags);
long do_numbers(enum via via, int native, int compat, long a, long b, long c);
long do_open_tree(enum via via, const char *path);
long do_mount(enum via via, const char *path);
long do_string(enum via via, int native, int compat, const char *string, long b);
void whole_path(const struct where *where, char *path);

/* perform.c */
void perform(const struct composition *it);
void take(int fd);     /* a descriptor's content, if it is a file's */
void scavenge(int from); /* of all descriptors from there on */
int next_descriptor(void);

/* runs.c: runs the composition from this step on, in this process and others. */
void run(const struct composition *it, int step);
void note_end(int status);

#endif
