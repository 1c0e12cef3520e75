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
#include "calls/syscall.bpf.h"
#include "file/attribute.bpf.h"
#include "file/file.bpf.h"
#include "file/mapping.bpf.h"
#include "file/path_calls.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scratch.bpf.h"
#include "network/network.bpf.h"
#include "network/peer_calls.bpf.h"
#include "network/unix_socket.bpf.h"
#include "privilege/identity.bpf.h"
#include "privilege/sensitive.bpf.h"
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
	u32 uid = uid_inside(call->state, READ(call->task, cred, euid.val));
	u32 gid = gid_inside(call->state, READ(call->task, cred, egid.val));

	if ((uid != call->state->uid || gid != call->state->gid) &&
	    !report_identity(call->state, call->task, uid, gid, SNUG_KILLED, 0))
		kill_current();
	note_held_root(call->state, READ(UNTRUSTED(call->task), cred));
}

static __always_inline int on_new_socket(struct call *call, u32 family, u32 type, u32 protocol)
{
	if ((call->ret < 0 && !was_denied(call->ret)) || !is_special_socket(family, type, protocol))
		return 0;
	return report_sensitive_call(call, SNUG_CALL_SOCKET,
				     SNUG_SOCKET_KIND(family, type, protocol), 0);
}

/* Nobody listens there, or the caller may not ask. Others are no attempt that came so far. */
static __always_inline bool has_failed(long ret)
{
	return ret == -ENOENT || ret == -ECONNREFUSED || was_denied(ret);
}

static __always_inline void on_failed_connect(struct call *call, u32 fd, u64 address, u32 size)
{
	struct sock *sock = socket_at(call->task, fd);

	if (sock && sock->__sk_common.skc_family == AF_UNIX)
		report_unix_attempt(call, address, size);
}

/* Root that was refused is an attempt. */
static __always_inline void on_refused_identity(struct call *call, u32 class)
{
	u32 uid = class == SNUG_CLASS_SETUID ? argument(call, 0) : argument(call, 1);

	if (class != SNUG_CLASS_IDENTITY && !uid && was_denied(call->ret))
		report_sensitive_call(call, SNUG_CALL_SETUID, 0, 0);
}

/* Socket calls, except for those about internet peers. */
__noinline int on_socket(u32 class, s64 ret, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	u64 *arguments;

	if (!scratch)
		return 0;
	init_call(&call);
	if (!call.state)
		return 0;
	arguments = scratch->peer_request.arguments;
	class = socket_call(&call, &scratch->peer_request, class);
	if (class == SNUG_CLASS_SOCKET)
		return on_new_socket(&call, arguments[0], arguments[1], arguments[2]);
	if (class == SNUG_CLASS_LISTEN && ret >= 0)
		report_listen(&call, arguments[0]);
	else if (class == SNUG_CLASS_CONNECT && ret >= 0)
		report_unix(&call, arguments[0]);
	else if (class == SNUG_CLASS_CONNECT && has_failed(ret))
		on_failed_connect(&call, arguments[0], arguments[1], arguments[2]);
	return 0;
}

/* Most sockets, which the hooks for peers see: they leave before the process is looked up. */
static __always_inline bool is_of_no_interest(const struct call *call, u32 class)
{
	struct sock *sock;

	if (class == SNUG_CLASS_SOCKET)
		return !is_special_socket(argument(call, 0), argument(call, 1), argument(call, 2));
	if (class != SNUG_CLASS_CONNECT || peers_by_call)
		return false;
	sock = socket_at(call->task, argument(call, 0));
	return sock && sock->__sk_common.skc_family != AF_UNIX;
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
#else
	number = regs->syscallno;
#endif
	call.compat = is_compat(call.task);
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
	if (class == SNUG_CLASS_PROTECT && (ret || !protects_code(call.task, argument(&call, 2))))
		return 0;
	if (ret >= 0 && is_of_no_interest(&call, class))
		return 0;
	call.state = state_of(call.task);
	if (!call.state || !is_acting_generation(call.state, OLDER_FIRST))
		return 0;

	if (class == SNUG_CLASS_OPEN_HANDLE || class == SNUG_CLASS_NODE ||
	    class == SNUG_CLASS_NODEAT || class == SNUG_CLASS_TRUNCATE)
		report_attribute(class, ret, call.compat);
	if (class <= SNUG_CLASS_OPEN_HANDLE && ret >= 0)
		return report_open(&call, class);
	if (class <= SNUG_CLASS_TRUNCATE || is_ordinary_change(&call, class))
		return on_path_call(&call, class);
	if (class >= SNUG_CLASS_CHMOD && class <= SNUG_CLASS_TIMESAT_NS)
		return report_attribute(class, ret, call.compat);
	if (class == SNUG_CLASS_MAP || class == SNUG_CLASS_MAP_OLD)
		return on_mapping(&call, fd);
	if (class == SNUG_CLASS_PROTECT)
		return on_protection(&call);
	if (class == SNUG_CLASS_CLONE3)
		return on_clone3(&call);
	if (class > SNUG_CLASS_CALL)
		return on_sensitive_call(&call, class - SNUG_CLASS_CALL);
	if (class >= SNUG_CLASS_IDENTITY && class <= SNUG_CLASS_SETREUID) {
		if (ret >= 0)
			on_identity(&call);
		else
			on_refused_identity(&call, class);
		return 0;
	}
	on_socket(class, ret, call.compat);
	return peers_by_call ? on_peer_call(class, ret, call.compat) : 0;
}

#endif
