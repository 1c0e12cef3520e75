/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks that the sensor has programs for, and what each of them can stop. Which of them are
 * attached is in hooks.c.
 *
 * There are two families. Where the kernel lets programs refuse, security hooks see every event
 * before it happens: by BPF LSM, or on the functions that call all LSMs (fmod_ret). Elsewhere
 * system calls are seen as they return, and connections by the cgroup hooks. Exec and fork are
 * observed in the same way in both.
 */
#ifndef SNUG_HOOK_TABLE_H
#define SNUG_HOOK_TABLE_H

#include <linux/types.h>
#include <stdbool.h>
#include "sensor/attach.h"

/* What decides on a kernel which hooks are used. */
struct kernel_ways {
	enum attach_kind attach;
	bool portable;	      /* there is no task storage */
	bool owners_by_inode; /* programs cannot take the place of path_chown */
	bool rights_by_list;  /* lists of rights have hooks: from Linux 6.2 on */
	bool catching;	      /* the kernel leaves out programs of security hooks */
	bool again;	      /* the same of tracepoints */
	bool units;	      /* units of systemd are watched */
};

enum family {
	BOTH,
	PORTABLE,   /* only where there is no task storage */
	TRACEPOINT, /* where there are no security hooks */
	SECURITY,
	BY_PATH,  /* the same where programs can take the place of path_chown */
	BY_INODE, /* the same where they cannot */
	BY_LIST,  /* the same where lists of rights have hooks of their own */
	UNITS,	  /* only where units of systemd are watched */
	RETURN,	  /* with security hooks: the return of one system call */
	COMPAT,	  /* the same, of the 32-bit table's */
	CATCH,	  /* a probe behind a security hook, for what the kernel leaves out there */
	AGAIN,	  /* the same for tracepoints: a probe, or a second program */
};

struct hook {
	const char *program;
	const char *name; /* the kernel's: of a tracepoint, an LSM hook, a system call */
	enum family family;
	bool required;
	__u64 cookie; /* what the program has to know of the hook, where it has several */
};

#define HOOKS 125
extern const struct hook hooks[HOOKS];

bool hook_is_used(const struct hook *hook, const struct kernel_ways *ways);
/* What stands before its name in the description of this kernel. */
const char *hook_prefix(const struct hook *hook, const struct kernel_ways *ways);

/* Instead of the cgroup's hooks. */
#define BY_CALL "peers by call"
#define BY_HELLO "by the first data of connections"

/*
 * What happens to a deviation that is to be blocked, and by which hook. The first line of a class
 * that holds counts; without a hook it always holds.
 */
struct stop {
	const char *class;
	const char *how;
	const char *hook;
};

#define STOPS 42
extern const struct stop stops[STOPS];

#endif
