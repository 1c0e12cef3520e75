/* SPDX-License-Identifier: Apache-2.0 */
/* Where this kernel interrupts a process. */
#ifndef SNUG_PREEMPT_H
#define SNUG_PREEMPT_H

#include <stdbool.h>

enum preemption {
	PREEMPTION_UNKNOWN,
	PREEMPTION_NONE, /* not within the kernel, except where it offers that */
	PREEMPTION_LAZY, /* anywhere, but for ordinary processes only after a while */
	PREEMPTION_FULL, /* anywhere */
};

enum preemption find_preemption(void);
/* Whether programs of tracepoints are interrupted too. */
bool preempts_tracepoints(void);

#endif
