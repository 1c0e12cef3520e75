/* SPDX-License-Identifier: Apache-2.0 */
/* What ran before the sensor. */
#ifndef SNUG_SCAN_H
#define SNUG_SCAN_H

#include "sensor/agent.h"

bool find_cgroups(struct agent *agent);
void scan(struct agent *agent);
void forget_units(struct agent *agent);

#endif
