/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that the kernel leaves out. It does not run a program of a tracepoint or by fmod_ret on
 * a processor where another process was interrupted in it, and counts that. Linux 7 interrupts
 * both, older kernels only the latter.
 */
#ifndef SNUG_LEFT_OUT_H
#define SNUG_LEFT_OUT_H

#include "sensor/agent.h"

/* Adds what came since the last time to the counts of the state. */
void note_left_out(struct agent *agent);
/* The same of the generation before, whose links are in this folder, before they go. */
void note_left_out_before(struct agent *agent, const char *links);

#endif
