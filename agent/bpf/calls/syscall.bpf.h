/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call that a process is in or returns from, and its arguments by the right table. */
#ifndef SNUG_SYSCALL_H
#define SNUG_SYSCALL_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "lib/portable.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

/* What one system call did, as it returns. */
struct call {
	struct task_struct *task;
	struct snug_task *state;
	struct pt_regs *regs;
	long ret;
	u32 compat;
};

/*
 * For a function that is not static, and so is verified once and not for each way to come to it: it
 * is given numbers alone.
 */
static __always_inline void init_call(struct call *call)
{
	call->task = bpf_get_current_task_btf();
	call->state = state_of(call->task);
	call->regs = (struct pt_regs *)bpf_task_pt_regs(call->task);
}

static __always_inline u64 argument(const struct call *call, int n)
{
	const struct pt_regs *regs = call->regs;
#if defined(__TARGET_ARCH_x86)
	if (call->compat) {
		u64 value = n == 0 ? READ(regs, bx) :
			    n == 1 ? READ(regs, cx) :
			    n == 2 ? READ(regs, dx) :
			    n == 3 ? READ(regs, si) :
			    n == 4 ? READ(regs, di) :
				     READ(regs, bp);
		return (u32)value;
	}
	return n == 0 ? READ(regs, di) :
	       n == 1 ? READ(regs, si) :
	       n == 2 ? READ(regs, dx) :
	       n == 3 ? READ(regs, r10) :
	       n == 4 ? READ(regs, r8) :
			READ(regs, r9);
#else
	return n == 0 ? READ(regs, orig_x0) : READ(regs, regs[n]);
#endif
}

/* By permissions, by seccomp, or by a read-only file system. */
static __always_inline bool was_denied(long ret)
{
	return ret == -EACCES || ret == -EPERM || ret == -EROFS;
}

/* Whether the number of the call is of the machine's 32-bit table. */
static __always_inline u32 is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return READ(task, thread_info.status) & TS_COMPAT;
#else
	return READ(task, thread_info.flags) & TIF_32BIT;
#endif
}

/* The system call that the process is in, as its number and, by the right table, its class. */
static __always_inline u32 current_syscall(struct call *call, struct task_struct *task)
{
	u32 number;

	call->task = task;
	call->regs = (struct pt_regs *)bpf_task_pt_regs(task);
#if defined(__TARGET_ARCH_x86)
	number = READ(call->regs, orig_ax) & ~X32_SYSCALL_BIT;
#else
	number = READ(call->regs, syscallno);
#endif
	call->compat = is_compat(task);
	return number;
}

static __always_inline u32 class_of(const struct call *call, u32 number)
{
	barrier_var(number);
	if (number >= SNUG_SYSCALL_MAX)
		return SNUG_CLASS_NONE;
	return call->compat ? compat_syscall_classes[number] : syscall_classes[number];
}

static __always_inline u32 current_class(struct call *call, struct task_struct *task)
{
	return class_of(call, current_syscall(call, task));
}

#endif
