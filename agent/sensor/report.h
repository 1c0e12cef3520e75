/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to the daemon: records in order, counts, heartbeats and checkpoints. */
#ifndef SNUG_REPORT_H
#define SNUG_REPORT_H

#include "sensor/agent.h"

/* Returns how many records there were. */
size_t report_records(struct agent *agent);
void report_all_records(struct agent *agent);
void report_container_ends(struct agent *agent);
/* `all`: also the counts that can wait. */
void report_heartbeat(struct agent *agent, bool all);
void report_checkpoint(struct agent *agent);
void start_heartbeats(struct agent *agent, __u64 last);
void handle_ack(struct agent *agent, const struct snug_checkpoint *command, size_t size);
void mark_counts_stale(void);
bool heartbeat_due(void);
int ms_until_heartbeat(void);

#endif
