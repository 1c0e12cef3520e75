// SPDX-License-Identifier: Apache-2.0
#include <time.h>
#include "sensor/agent.h"
#include "sensor/clock.h"

__u64 monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

__u64 wall_offset(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS + now.tv_nsec - monotonic();
}
