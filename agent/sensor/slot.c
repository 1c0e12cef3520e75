// SPDX-License-Identifier: Apache-2.0
/* The slots: one for each container, shared with the kernel programs. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "hash.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/log.h"
#include "sensor/slot.h"

/*
 * The slots in place: the kernel writes its fields of one while we write ours, so none is ever
 * written whole.
 */
struct snug_slot *mapped_slots(struct agent *agent)
{
	static struct snug_slot *slots;

	if (!slots) {
		slots = mmap(NULL, sizeof(*slots) * SNUG_SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(agent->skel->maps.slots), 0);
		if (slots == MAP_FAILED) {
			log_line("cannot map the containers: %s", strerror(errno));
			exit(1);
		}
	}
	return slots;
}

bool read_slot(struct agent *agent, __u32 number, struct snug_slot *slot)
{
	return number < SNUG_SLOTS &&
	       !bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.slots), &number, slot);
}

/* The sensor's own. */
bool container_hidden(struct agent *agent, __u64 container, __u32 number)
{
	struct snug_slot *slot = number < SNUG_SLOTS ? &mapped_slots(agent)[number] : NULL;

	return slot && slot->container == container && slot->assignment.traits & SNUG_HIDDEN;
}

/* Its cgroup may be gone by now. */
__u32 container_slot(struct agent *agent, __u64 container)
{
	static __u32 last;
	struct snug_slot *slots = mapped_slots(agent);
	__u32 number;

	if (!bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.cgroups), &container, &number))
		return number;
	for (__u32 i = 0; i < SNUG_SLOTS; i++, last = (last + 1) % SNUG_SLOTS)
		if (slots[last].state != SNUG_SLOT_FREE && slots[last].container == container)
			return last;
	return SNUG_SLOTS;
}

void release_slot(struct agent *agent, __u32 number)
{
	static const struct snug_slot empty;

	bpf_map_update_elem(bpf_map__fd(agent->skel->maps.slots), &number, &empty, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(agent->skel->maps.free_slots), NULL, &number, BPF_ANY);
}

bool version_has_containers(struct agent *agent, __u32 version)
{
	struct snug_slot *slots = mapped_slots(agent);

	for (__u32 i = 0; i < SNUG_SLOTS; i++)
		if (slots[i].state == SNUG_SLOT_LIVE && slots[i].assignment.version == version)
			return true;
	return false;
}

/* A new daemon: every behaviour is reported to it once more in full. */
void slots_reset(struct agent *agent)
{
	struct snug_slot *slots = mapped_slots(agent);

	for (__u32 i = 0; i < SNUG_SLOTS; i++)
		if (slots[i].state != SNUG_SLOT_FREE)
			__atomic_store_n(&slots[i].salt,
					 SNUG_MIX(agent->keys, slots[i].salt, monotonic()),
					 __ATOMIC_RELEASE);
}
