// SPDX-License-Identifier: Apache-2.0
/* Known behaviours, and names of peers, as the daemon sends them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include "abi.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/known.h"
#include "sensor/log.h"
#include "sensor/rule_hash.h"

void add_known(struct agent *agent, const struct snug_known *command)
{
	const __u64 *keys = (const __u64 *)(command + 1);
	size_t count =
		(command->head.size - (sizeof(*command) - sizeof(command->head))) / sizeof(*keys);
	int fd = bpf_map__fd(agent->skel->maps.known);

	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &keys[i], &command->scope, BPF_ANY)) {
			log_line(
				"the table of known behaviours is full: further ones are reported in full");
			return;
		}
}

bool name_peer(struct agent *agent, const struct snug_peer *command, size_t size)
{
	struct snug_trie_key key = { .bits = command->bits };
	int fd = bpf_map__fd(agent->skel->maps.peers);
	__u64 name;

	if (key.bits > 128 || size != sizeof(*command) + command->name_size)
		return false;
	memcpy(key.address, command->address, sizeof(key.address));
	if (!command->name_size) {
		bpf_map_delete_elem(fd, &key);
		return true;
	}
	name = peer_name(&agent->keys, command + 1, command->name_size);
	if (bpf_map_update_elem(fd, &key, &name, BPF_ANY))
		log_line("cannot add the name of a peer: %s", strerror(errno));
	return true;
}
