/* SPDX-License-Identifier: Apache-2.0 */
/* What ran before the sensor. */
#ifndef SNUG_SCAN_H
#define SNUG_SCAN_H

#include "sensor/agent.h"

bool find_cgroups(struct agent *agent);
void scan(struct agent *agent);
/* Whether the process still runs what it executed at that time. */
bool runs_still(struct agent *agent, pid_t pid, __u64 executed);
void forget_units(struct agent *agent);

#endif
