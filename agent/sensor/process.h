/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc shows of running processes. */
#ifndef SNUG_PROCESS_H
#define SNUG_PROCESS_H

#include "sensor/agent.h"

struct process {
	pid_t pid;
	pid_t ppid;
	unsigned long long start;
	ino_t mount_ns;
	int tty;
	struct snug_task state;
};
/* 0 where there is no such process. */
ino_t mount_namespace(pid_t pid);
bool shares_namespace_with_parents(const struct process *process);
/* All but what it runs. `unit`: of a container that has the host's mount namespace. */
bool read_process(struct agent *agent, pid_t pid, struct process *process, bool unit);
void look_at_root(struct agent *agent, pid_t pid, __u32 slot);
__u64 record_exe(struct agent *agent, pid_t pid, pid_t init, __u32 slot, __u16 *flags);
__u64 record_script(struct agent *agent, pid_t pid);

#endif
