/* SPDX-License-Identifier: Apache-2.0 */
/* Times, in nanoseconds. */
#ifndef SNUG_CLOCK_H
#define SNUG_CLOCK_H

#include <linux/types.h>

#define NS 1000000000ull /* a second */

__u64 monotonic(void);
/* CLOCK_REALTIME - CLOCK_MONOTONIC */
__u64 wall_offset(void);

#endif
