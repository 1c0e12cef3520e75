/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of this kernel. */
#ifndef SNUG_HOOKS_H
#define SNUG_HOOKS_H

#include "sensor/agent.h"
#include "sensor/attach.h"

/* `strongest`: what to try first. */
bool hooks_load(struct agent *agent, enum attach_kind strongest);
bool hooks_attach(struct agent *agent);
/* Whether a program, a change of a file and a connection can be refused, and not only killed. */
bool hooks_refuse(void);
/* For the benchmark. What is pinned stays attached. */
void hooks_detach(void);
/* Whether another program does what the kernel leaves out of this one. */
bool hooks_cover(const char *name);
/*
 * Runs of its programs that the kernel left out, and that no other program covers,
 * since they were loaded.
 */
__u64 hooks_left_out(struct agent *agent);
size_t hooks_describe(struct agent *agent, char *text, size_t size);

#endif
