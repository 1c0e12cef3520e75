/* SPDX-License-Identifier: Apache-2.0 */
/* Which units of systemd are watched. */
#ifndef SNUG_SENSOR_UNIT_H
#define SNUG_SENSOR_UNIT_H

#include "sensor/agent.h"

/* `patterns`: separated by commas. Exits with 64 where they are not valid, or too many. */
void set_units(struct agent *agent, const char *patterns);
/* `path`: of a cgroup, from the root of the hierarchy. */
bool is_watched_unit(const struct agent *agent, const char *path);
void unit_id(const struct agent *agent, __u64 cgroup, char *id);

#endif
