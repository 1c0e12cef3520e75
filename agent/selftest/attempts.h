/* SPDX-License-Identifier: Apache-2.0 */
/* What the self-test attempts. */
#ifndef SNUG_ATTEMPTS_H
#define SNUG_ATTEMPTS_H

#include "sensor/agent.h"

/* False where this executable has no path to name it by. */
bool selftest_profile(struct agent *agent);
int run_attempts(const char *what);

#endif
