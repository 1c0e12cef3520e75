/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who made a connection, for what is seen of it later: a packet may leave while another process
 * runs. */
#ifndef SNUG_CONNECTION_H
#define SNUG_CONNECTION_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/maps.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "shared.h"

/* Not inlined: the hooks of connections have little of the stack left. */
static __noinline int note_connection(u64 cookie, const struct snug_task *state,
				      const struct peer *peer)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_connection *connection;

	if (!state || !peer || bpf_map_update_elem(&connections, &cookie, &no_connection, BPF_ANY))
		return 0;
	connection = bpf_map_lookup_elem(&connections, &cookie);
	if (!connection)
		return 0;
	connection->task = *state;
	__builtin_memcpy(connection->address, peer->address, sizeof(connection->address));
	connection->port = peer->port;
	connection->family = peer->family;
	connection->pid = READ(task, tgid);
	connection->ppid = READ(task, real_parent, tgid);
	return 0;
}

#endif
