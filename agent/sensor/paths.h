/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of executables and scripts: the daemon gets each once, before the first event with it.
 */
#ifndef SNUG_PATHS_H
#define SNUG_PATHS_H

#include "sensor/agent.h"

void report_names(struct agent *agent, const struct snug_event *event);
void names_takeover(struct agent *agent);

#endif
