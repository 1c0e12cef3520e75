/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this kernel preempts a process anywhere. */
#ifndef SNUG_PREEMPT_H
#define SNUG_PREEMPT_H

#include <stdbool.h>

/* False too where that cannot be found out. */
bool preempts_everywhere(void);

#endif
