/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of this kernel. */
#ifndef SNUG_HOOKS_H
#define SNUG_HOOKS_H

#include "sensor/agent.h"
#include "sensor/attach.h"
#include "sensor/hook_table.h"

/* `strongest`: what to try first. */
bool hooks_load(struct agent *agent, enum attach_kind strongest);
bool hooks_attach(struct agent *agent);
/* Whether a program, a change of a file and a connection can be refused, and not only killed. */
bool hooks_refuse(void);
/* For the benchmark. What is pinned stays attached. */
void hooks_detach(void);
bool hook_attached(const struct hook *hook);
struct bpf_program *hook_program(struct agent *agent, const struct hook *hook);
size_t hooks_describe(struct agent *agent, char *text, size_t size);

#endif
