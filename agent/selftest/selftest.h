/* SPDX-License-Identifier: Apache-2.0 */
/* Tests every so often whether blocking works. */
#ifndef SNUG_SELFTEST_H
#define SNUG_SELFTEST_H

#include "sensor/agent.h"

void selftest_begin(struct agent *agent, __u32 seconds, bool armed);
int selftest_fd(void);
void selftest_step(struct agent *agent);

#endif
