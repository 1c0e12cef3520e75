/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of every system call of the host. Leaves by the number, then by the process; both
 * before any work. Only `sys_exit` shows calls that seccomp refused, and only there the file is in
 * its place.
 */
#ifndef SNUG_SYS_EXIT_H
#define SNUG_SYS_EXIT_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "hooks/attribute.bpf.h"
#include "hooks/file.bpf.h"
#include "hooks/mapping.bpf.h"
#include "hooks/network.bpf.h"
#include "hooks/path_calls.bpf.h"
#include "hooks/peer_calls.bpf.h"
#include "hooks/sensitive.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/identity.bpf.h"
#include "process/syscall.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

#define PTRACE_TRACEME 0
#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206

static __noinline int on_sensitive_call(struct call *call, u32 id)
{
	struct syscall_arguments shape = arguments_of(id);
	u64 number = 0, string = 0;

	if (call->ret < 0 && !was_denied(call->ret))
		return 0;
	if (shape.number == 0)
		number = argument(call, 0);
	else if (shape.number == 1)
		number = argument(call, 1);
	if (shape.string == 0)
		string = argument(call, 0);
	else if (shape.string == 1)
		string = argument(call, 1);
	else if (shape.string == 3)
		string = argument(call, 3);
	if (id == SNUG_CALL_CLONE) {
		number &= CLONE_NEW_ANY;
		if (!number || call->ret == 0)
			return 0;
	}
	if (id == SNUG_CALL_PTRACE && number != PTRACE_TRACEME && number != PTRACE_ATTACH &&
	    number != PTRACE_SEIZE && number != PTRACE_POKETEXT && number != PTRACE_POKEDATA)
		return 0;
	return report_sensitive_call(call, id, number, string);
}

/* clone3 has its flags in memory: the first eight bytes of what the first argument points to. */
static __noinline int on_clone3(struct call *call)
{
	u64 flags = 0;

	if (call->ret == 0 || (call->ret < 0 && !was_denied(call->ret)))
		return 0;
	bpf_probe_read_user(&flags, sizeof(flags), (void *)argument(call, 0));
	flags &= CLONE_NEW_ANY;
	return flags ? report_sensitive_call(call, SNUG_CALL_CLONE, flags, 0) : 0;
}

static __noinline void on_identity(struct call *call)
{
	u32 uid = call->task->cred->euid.val, gid = call->task->cred->egid.val;

	if ((uid != call->state->uid || gid != call->state->gid) &&
	    !report_identity(call->state, call->task, uid, gid, SNUG_KILLED, 0))
		kill_current();
	note_held_root(call->state, call->task->cred);
}

/* Socket calls, except for those about internet peers. */
__noinline int on_socket(u32 class, s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);

	if (!scratch || ret < 0)
		return 0;
	init_call(&call);
	if (!call.state)
		return 0;
	class = socket_call(&call, &scratch->peer_request, class);
	if (class == SNUG_CLASS_LISTEN)
		report_listen(&call, scratch->peer_request.arguments[0]);
	else if (class == SNUG_CLASS_CONNECT)
		report_unix(&call, scratch->peer_request.arguments[0]);
	return 0;
}

/*
 * Why this hook: where BPF LSM is missing, only the return of a system call has the opened file in
 * its place, and only sys_exit fires for calls that seccomp refused. It runs for every system call
 * of the host, so it leaves by the number first.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	struct call call = { .regs = regs, .ret = ret };
	u32 number, class;
	s32 fd = -1;

	call.task = bpf_get_current_task_btf();
#if defined(__TARGET_ARCH_x86)
	number = regs->orig_ax & ~X32_SYSCALL_BIT;
	call.compat = call.task->thread_info.status & TS_COMPAT;
#else
	number = regs->syscallno;
#endif
	/* Else the compiler checks one register and indexes with another. */
	barrier_var(number);
	if (number >= SNUG_SYSCALL_MAX)
		return 0;
	class = call.compat ? compat_syscall_classes[number] : syscall_classes[number];
	if (!class)
		return 0;
	if ((class == SNUG_CLASS_MAP || class == SNUG_CLASS_MAP_OLD) &&
	    ((ret < 0 && ret > -MAX_ERRNO) || !maps_code(&call, class, &fd)))
		return 0;
	call.state = state_of(call.task);
	if (!call.state || !is_acting_generation(call.state, OLDER_FIRST))
		return 0;

	if (class <= SNUG_CLASS_OPEN_HANDLE && ret >= 0)
		return report_open(&call, class);
	if (class == SNUG_CLASS_TRUNCATE)
		report_attribute(class, ret, call.compat);
	if (class <= SNUG_CLASS_TRUNCATE)
		return on_path_call(&call, class);
	if (class >= SNUG_CLASS_CHMOD && class <= SNUG_CLASS_TIMESAT_NS)
		return report_attribute(class, ret, call.compat);
	if (class == SNUG_CLASS_MAP || class == SNUG_CLASS_MAP_OLD)
		return on_mapping(&call, fd);
	if (class == SNUG_CLASS_CLONE3)
		return on_clone3(&call);
	if (class > SNUG_CLASS_CALL)
		return on_sensitive_call(&call, class - SNUG_CLASS_CALL);
	if (class == SNUG_CLASS_IDENTITY) {
		if (ret >= 0)
			on_identity(&call);
		return 0;
	}
	on_socket(class, ret, call.compat);
	return peers_by_call ? on_peer_call(class, ret, call.compat) : 0;
}

#endif
