/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of system calls by number. */
#ifndef SNUG_SYSCALL_TABLE_H
#define SNUG_SYSCALL_TABLE_H

#include "shared.h"
#include "sensor/agent.h"

struct syscall_entry {
	int number;
	int class;
};

#define CALL(name) (SNUG_CLASS_CALL + SNUG_CALL_##name)

/* On every machine the same, and newer than some headers (Linux 6.6). */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
/* The same, since Linux 6.13. */
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#define __NR_removexattrat 466
#endif

#define SET_CLASSES(table, entries)                                                     \
	for (size_t i = 0; i < sizeof(entries) / sizeof(*(entries)); i++)               \
		if ((entries)[i].number >= 0 && (entries)[i].number < SNUG_SYSCALL_MAX) \
	(table)[(entries)[i].number] = (entries)[i].class

/* Of the 32-bit programs that run on the machine. */
void set_compat_syscall_classes(struct sensor *skel);
void set_compat_peer_syscalls(struct sensor *skel);

#endif
