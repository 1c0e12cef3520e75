/* SPDX-License-Identifier: Apache-2.0 */
/* Which system call is of which class, by number. */
#ifndef SNUG_SYSCALLS_H
#define SNUG_SYSCALLS_H

#include "sensor/agent.h"

void set_syscall_classes(struct sensor *skel);
/* Where the cgroup hooks cannot be used: connections are judged by their system calls. */
void set_peer_syscalls(struct sensor *skel);

#endif
