/* SPDX-License-Identifier: Apache-2.0 */
/* Reports about containers: their start and their end. */
#ifndef SNUG_CONTAINER_H
#define SNUG_CONTAINER_H

#include "sensor/agent.h"

void report_container(struct agent *agent, __u64 container, __u32 slot);
void container_new(struct agent *agent, __u32 slot);
void container_end(struct agent *agent, __u32 slot, __u64 container, __u64 time);
/* Reports what the slots show and no record did. */
void containers_reconcile(struct agent *agent);
bool container_ends_pending(void);
void container_ends_report(struct agent *agent, __u64 checkpoint);
void container_ends_acked(struct agent *agent, __u64 checkpoint);
/* NULL where the daemon has no report of a container in it. */
struct snug_slot *reported_slot(struct agent *agent, __u32 number);

#endif
