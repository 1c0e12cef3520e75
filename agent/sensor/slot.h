/* SPDX-License-Identifier: Apache-2.0 */
/* The slots: one for each container, shared with the kernel programs. */
#ifndef SNUG_SLOT_H
#define SNUG_SLOT_H

#include "sensor/agent.h"

/*
 * In place. The kernel programs write their fields of a slot while the sensor writes its own, so no
 * slot in use is ever written as a whole.
 */
struct snug_slot *mapped_slots(struct agent *agent);
bool read_slot(struct agent *agent, __u32 number, struct snug_slot *slot);
void release_slot(struct agent *agent, __u32 number);
/* SNUG_SLOTS where the container has none. */
__u32 container_slot(struct agent *agent, __u64 container);
/* True for the sensor's own self-test. */
bool container_hidden(struct agent *agent, __u64 container, __u32 number);
/* Whether a running container is assigned to the version with this index, from 1. */
bool version_has_containers(struct agent *agent, __u32 version);
/* Makes every verdict stale: a new daemon gets every behaviour in full once more. */
void slots_reset(struct agent *agent);

#endif
