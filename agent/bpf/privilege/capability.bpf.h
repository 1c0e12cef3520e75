/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capabilities that processes use. */
#ifndef SNUG_CAPABILITY_H
#define SNUG_CAPABILITY_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/file.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/stop.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

#define CAP_SYS_PTRACE 19
#define CAP_SYS_ADMIN 21
#define CAP_SYS_RESOURCE 24
#define CAP_SYSLOG 34

/*
 * The kernel checks CAP_SYS_ADMIN whenever memory is committed, because a holder may use the
 * reserve. A page fault commits memory too: then there is no system call.
 */
static __always_inline bool in_memory_syscall(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u32 number;

#if defined(__TARGET_ARCH_x86)
	number = READ(regs, orig_ax);
#else
	number = READ(regs, syscallno);
#endif
	barrier_var(number);
	return number >= SNUG_SYSCALL_MAX || memory_syscalls[number];
}

/* A capability that was judged under another profile or mode is judged again. */
static __always_inline void refresh_capabilities(struct snug_task *state)
{
	struct snug_slot *slot = slot_of(state);
	u64 under = slot && slot->container == state->container ? salt_of(slot) : state->container;

	if (state->capabilities_under == under)
		return;
	state->capabilities_under = under;
	state->capabilities = 0;
}

/*
 * A capability that is used, once per process and execution. True where it may be used. Checks of
 * borrowed credentials do not count: overlayfs works with those of its mounter.
 */
static __always_inline bool check_capability(const struct cred *cred, int capability, u32 stop,
					     enum attach_order order)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state;
	struct verdict verdict;
	struct snug_event *event;
	void *ring;
	u64 bit;

	if ((u64)cred != (u64)READ(task, real_cred))
		return true;
	state = state_of(task);
	if (!state || !is_acting_generation(state, order))
		return true;
	bit = 1ull << (capability & 63);
	refresh_capabilities(state);
	if (state->capabilities & bit)
		return true;
	state->capabilities |= bit;
	if (judge_event(state, &verdict, SNUG_CAPABILITY,
			(u64)SNUG_CAPABILITY | (u64)capability << 8, state->actor,
			SNUG_RULE_CAPABILITY(keys, capability), stop)) {
		event = reserve_event(state, task, SNUG_CAPABILITY, &verdict, &ring);
		if (event) {
			event->event_flags = stop_flag(&verdict, stop);
			event->code = capability;
			submit_event(event, ring);
		}
	}
	/* A process that was stopped and still runs is judged again. */
	if (must_stop(&verdict))
		state->capabilities &= ~bit;
	return !must_stop(&verdict);
}

/*
 * The kernel also checks some capabilities on its own, whatever the process does, and this hook
 * cannot tell the two kinds of check apart. So no process is killed for these, but in a sensitive
 * system call.
 */
static __always_inline bool may_be_speculative(int capability, u32 class)
{
	if (capability != CAP_SYS_ADMIN && capability != CAP_SYS_PTRACE &&
	    capability != CAP_SYS_RESOURCE && capability != CAP_SYSLOG)
		return false;
	return class < SNUG_CLASS_CALL || class >= SNUG_CLASS_CALL + SNUG_CALLS;
}

/*
 * The call goes on after the check, and the process ends as it returns. What the capability was
 * good for is undone only where the call gives the process a descriptor or an identity.
 */
static __always_inline u32 kill_of_capability(const struct call *call, u32 class)
{
	if (class > SNUG_CLASS_CALL && class < SNUG_CLASS_CALL + SNUG_CALLS) {
		u32 stop = stop_for(call->task, class - SNUG_CLASS_CALL, argument(call, 0));

		return stop & SNUG_KILLED ? stop : SNUG_SURVIVES;
	}
	switch (class) {
	case SNUG_CLASS_IDENTITY:
	case SNUG_CLASS_SETUID:
	case SNUG_CLASS_SETREUID:
		return SNUG_KILLED;
	case SNUG_CLASS_SOCKET:
		return kill_of_table(call->task);
	}
	if (class >= SNUG_CLASS_OPEN && class <= SNUG_CLASS_OPEN_HANDLE &&
	    !(flags_of_open(call, class) & (O_CREAT | O_TRUNC)))
		return kill_of_table(call->task);
	return SNUG_SURVIVES;
}

/* Why this hook: the kernel asks here for every capability, with the result. */
SEC("tp_btf/cap_capable")
int BPF_PROG(on_capable, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *capable, int capability, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call call = {};
	bool speculative;
	u32 class;

	if (ret || (capability == CAP_SYS_ADMIN && in_memory_syscall(task)))
		return 0;
	class = current_class(&call, task);
	speculative = may_be_speculative(capability, class);
	if (!check_capability(cred, capability,
			      speculative ? SNUG_MISSED : kill_of_capability(&call, class),
			      OLDER_FIRST) &&
	    !speculative)
		kill_current();
	return 0;
}

#endif
