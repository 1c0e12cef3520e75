/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sensitive system calls: by a hook that comes in them, or else as they return. */
#ifndef SNUG_SENSITIVE_SECURITY_H
#define SNUG_SENSITIVE_SECURITY_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/security.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

/* `BEFORE`: the caller refuses the call. `LEFT_OUT`: it has no effect yet, and is not refused. */
enum moment {
	BEFORE,
	LEFT_OUT,
	AFTER
};

/* `in_call`: what hooks of the call have noted, where it returns. */
static __noinline int judge_sensitive(struct scratch *scratch, struct call *call, u32 id,
				      enum moment moment, u64 in_call)
{
	struct sensitive sensitive = { .id = id, .at = SNUG_TEXT_MAX, .in_call = in_call };
	struct snug_task *state = state_of(call->task);
	struct syscall_arguments shape = arguments_of(id);
	u64 string = 0;

	if (!state)
		return 0;
	if (shape.number == 0)
		sensitive.number = argument(call, 0);
	else if (shape.number == 1)
		sensitive.number = argument(call, 1);
	sensitive.stop = moment == BEFORE ? SNUG_REFUSED :
					    stop_for(call->task, id, sensitive.number);
	if (shape.string == 0)
		string = argument(call, 0);
	else if (shape.string == 1)
		string = argument(call, 1);
	else if (shape.string == 3)
		string = argument(call, 3);
	call->state = state;
	sensitive.at = string_of_call(scratch, call, id, string, moment == AFTER);
	sensitive.flags = (was_denied(call->ret) ? SNUG_DENIED : 0) |
			  (call->compat ? SNUG_COMPAT : 0);
	return report_sensitive(scratch, call->task, state, &sensitive);
}

#define CALL_BIT(id) (1ull << SNUG_CALL_##id)

/* A hook that comes in one of the system calls in `ids`. In others it means nothing. */
static __always_inline int on_sensitive_hook(u64 ids)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct call call = {};
	struct lsm_scratch *lsm_scratch;
	u32 class, depth;
	int result;

	if (!state)
		return 0;
	class = current_class(&call, task);
	if (class <= SNUG_CLASS_CALL || class >= SNUG_CLASS_CALL + SNUG_CALLS ||
	    !(ids & 1ull << (class - SNUG_CLASS_CALL)))
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_SYSCALL));
	result = judge_sensitive(&lsm_scratch->scratch, &call, class - SNUG_CLASS_CALL, BEFORE, 0);
	release_scratch(depth);
	if (!result)
		note_judged(state, ids);
	return REFUSE_IF(result);
}

static __always_inline int sensitive_left_out(u64 ids)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct call call = {};
	u32 class;

	if (!state || !scratch || was_judged(state, ids, SNUG_KILLED))
		return 0;
	class = current_class(&call, task);
	if (class <= SNUG_CLASS_CALL || class >= SNUG_CLASS_CALL + SNUG_CALLS ||
	    !(ids & 1ull << (class - SNUG_CLASS_CALL)))
		return 0;
	return judge_sensitive(scratch, &call, class - SNUG_CLASS_CALL, LEFT_OUT, 0);
}

/* The cookie of the attachment is the calls that its hook is about. */
CATCH(call, sensitive_left_out(bpf_get_attach_cookie(registers)))

/* Why this hook: PTRACE_ATTACH, process_vm_* and pidfd_getfd pass it, with their target resolved.
 */
SEC("lsm/ptrace_access_check")
int BPF_PROG(lsm_ptrace, struct task_struct *child, unsigned int mode)
{
	return on_sensitive_hook(CALL_BIT(PTRACE) | CALL_BIT(PROCESS_VM_WRITEV) |
				 CALL_BIT(PROCESS_VM_READV) | CALL_BIT(PIDFD_GETFD));
}

/* Why this hook: PTRACE_TRACEME has no other check. */
SEC("lsm/ptrace_traceme")
int BPF_PROG(lsm_traceme, struct task_struct *parent)
{
	return on_sensitive_hook(CALL_BIT(PTRACE));
}

/* Why this hook: it comes before the mount changes. */
SEC("lsm/sb_mount")
int BPF_PROG(lsm_mount, const char *device, const struct path *path, const char *type,
	     unsigned long flags, void *data)
{
	return on_sensitive_hook(CALL_BIT(MOUNT));
}

/* Why this hook: it comes before the mount is detached. */
SEC("lsm/sb_umount")
int BPF_PROG(lsm_umount, struct vfsmount *mount, int flags)
{
	return on_sensitive_hook(CALL_BIT(UMOUNT));
}

/* Why this hook: mounts made by fsopen and open_tree appear only by it. */
SEC("lsm/move_mount")
int BPF_PROG(lsm_move_mount, const struct path *from, const struct path *to)
{
	return on_sensitive_hook(CALL_BIT(MOVE_MOUNT));
}

/* Why this hook: it comes before the root changes. */
SEC("lsm/sb_pivotroot")
int BPF_PROG(lsm_pivot_root, const struct path *old, const struct path *fresh)
{
	return on_sensitive_hook(CALL_BIT(PIVOT_ROOT));
}

/* Why this hook: it comes before the root changes. */
SEC("lsm/path_chroot")
int BPF_PROG(lsm_chroot, const struct path *path)
{
	return on_sensitive_hook(CALL_BIT(CHROOT));
}

/* Why this hook: finit_module and kexec_file_load read their image through it. */
SEC("lsm/kernel_read_file")
int BPF_PROG(lsm_read_file, struct file *file, int what, bool whole)
{
	return on_sensitive_hook(CALL_BIT(FINIT_MODULE) | CALL_BIT(KEXEC_LOAD));
}

/* Why this hook: init_module and kexec_load pass it: they have no file. */
SEC("lsm/kernel_load_data")
int BPF_PROG(lsm_load_data, int what, bool whole)
{
	return on_sensitive_hook(CALL_BIT(INIT_MODULE) | CALL_BIT(KEXEC_LOAD));
}

/* Why this hook: it comes before the command, with the command number. */
SEC("lsm/bpf")
int BPF_PROG(lsm_bpf, int command, union bpf_attr *attributes, unsigned int size)
{
	return on_sensitive_hook(CALL_BIT(BPF));
}

/* Why this hook: it comes before the event exists. */
SEC("lsm/perf_event_open")
int BPF_PROG(lsm_perf, void *attributes, int type)
{
	return on_sensitive_hook(CALL_BIT(PERF_EVENT_OPEN));
}

/* Why this hook: add_key has no separate check; a new key passes here. */
SEC("lsm/key_alloc")
int BPF_PROG(lsm_key, void *key, const struct cred *cred, unsigned long flags)
{
	return on_sensitive_hook(CALL_BIT(ADD_KEY) | CALL_BIT(KEYCTL));
}

/* Why this hook: keyctl passes it with each key, once the kernel's own rules allow it. */
SEC("lsm/key_permission")
int BPF_PROG(lsm_key_use)
{
	return on_sensitive_hook(CALL_BIT(KEYCTL));
}

/* Why this hook: a user namespace takes no capability. Linux 6.1 and newer have it. */
SEC("lsm/userns_create")
int BPF_PROG(lsm_user_namespace)
{
	return on_sensitive_hook(CALL_BIT(UNSHARE));
}

/* Why this hook: these give a file without a name. Which of them pass it depends on the kernel. */
SEC("lsm/inode_init_security_anon")
int BPF_PROG(lsm_anonymous)
{
	return on_sensitive_hook(CALL_BIT(USERFAULTFD) | CALL_BIT(IO_URING_SETUP) |
				 CALL_BIT(MEMFD_CREATE));
}

/* A call that only its number distinguishes from others of its kind, before it has an effect. */
static __always_inline int on_numbered(u32 id, u64 number)
{
	struct sensitive sensitive = {
		.id = id, .number = number, .at = SNUG_TEXT_MAX, .stop = SNUG_REFUSED
	};
	struct task_struct *task;
	struct snug_task *state;
	struct lsm_scratch *lsm_scratch;
	bool refused;
	u32 depth;

	task = bpf_get_current_task_btf();
	state = acting_state(task);
	lsm_scratch = state ? acquire_scratch(state, &depth) : 0;
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_SYSCALL));
	refused = report_sensitive(&lsm_scratch->scratch, task, state, &sensitive);
	release_scratch(depth);
	if (!refused)
		note_judged(state, (u64)id << 32 | number);
	return REFUSE_IF(refused);
}

static __always_inline bool numbered_left_out(u32 id, u64 number)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);
	struct sensitive sensitive = {
		.id = id, .number = number, .at = SNUG_TEXT_MAX, .stop = stop_for(task, id, number)
	};

	return state && scratch && !was_judged(state, (u64)id << 32 | number, SNUG_KILLED) &&
	       report_sensitive(scratch, task, state, &sensitive);
}

/* A fork into new namespaces. The flags are the kernel's copy. */
SEC("lsm/task_alloc")
int BPF_PROG(lsm_clone, struct task_struct *child, unsigned long flags)
{
	return flags & CLONE_NEW_ANY ? on_numbered(SNUG_CALL_CLONE, flags & CLONE_NEW_ANY) : 0;
}
CATCH(clone, (SECOND & CLONE_NEW_ANY) && numbered_left_out(SNUG_CALL_CLONE, SECOND &CLONE_NEW_ANY))

/* Why this hook: io_uring makes sockets too. Those of the kernel itself are none of a process. */
SEC("lsm/socket_create")
int BPF_PROG(lsm_socket, int family, int type, int protocol, int kern)
{
	return !kern && is_special_socket(family, type, protocol) ?
		       on_numbered(SNUG_CALL_SOCKET, SNUG_SOCKET_KIND(family, type, protocol)) :
		       0;
}
CATCH(socket, !(u32)FOURTH && is_special_socket((u32)FIRST, (u32)SECOND, (u32)THIRD) &&
		      numbered_left_out(SNUG_CALL_SOCKET,
					SNUG_SOCKET_KIND((u32)FIRST, (u32)SECOND, (u32)THIRD)))

/*
 * Sensitive calls without a separate hook: seen as they return too, each by itself, so that no
 * other system call of the host pays for it. What the hooks that they pass have judged is not
 * judged again. The argument is the registers of the task, of a type that the BTF of older kernels
 * does not always have. The sensor names the function, which is another on each machine.
 */
static __always_inline int on_return(long ret, u32 id, u32 compat)
{
	struct call call = { .ret = ret, .compat = compat };
	struct snug_task *state;
	struct lsm_scratch *lsm_scratch;
	u64 in_call;
	u32 depth;

	call.task = bpf_get_current_task_btf();
	call.regs = (struct pt_regs *)bpf_task_pt_regs(call.task);
	state = acting_state(call.task);
	if (!state)
		return 0;
	in_call = state->in_call;
	state->in_call = 0;
	if (ret < 0 && !was_denied(ret))
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return 0;
	if (judge_sensitive(&lsm_scratch->scratch, &call, id, AFTER, in_call))
		kill_current();
	release_scratch(depth);
	return 0;
}

#define RETURN_OF(name, id)                                         \
	SEC("fexit")                                                \
	int BPF_PROG(return_##name, struct pt_regs *regs, long ret) \
	{                                                           \
		return on_return(ret, SNUG_CALL_##id, 0);           \
	}                                                           \
	SEC("fexit")                                                \
	int BPF_PROG(compat_##name, struct pt_regs *regs, long ret) \
	{                                                           \
		return on_return(ret, SNUG_CALL_##id, TS_COMPAT);   \
	}

RETURN_OF(unshare, UNSHARE)
RETURN_OF(setns, SETNS)
RETURN_OF(memfd_create, MEMFD_CREATE)
RETURN_OF(io_uring_setup, IO_URING_SETUP)
RETURN_OF(fsopen, FSOPEN)
RETURN_OF(open_tree, OPEN_TREE)
RETURN_OF(delete_module, DELETE_MODULE)
RETURN_OF(keyctl, KEYCTL)
RETURN_OF(userfaultfd, USERFAULTFD)

/* Root that was refused is an attempt. `uid`: which argument asks for it. */
#define REFUSED_ROOT_OF(name, uid)                                             \
	SEC("fexit")                                                           \
	int BPF_PROG(return_##name, struct pt_regs *regs, long ret)            \
	{                                                                      \
		struct task_struct *task = bpf_get_current_task_btf();         \
		struct call call = { .regs = (void *)bpf_task_pt_regs(task) }; \
                                                                               \
		return was_denied(ret) && !(u32)argument(&call, uid) ?         \
			       on_return(ret, SNUG_CALL_SETUID, 0) :           \
			       0;                                              \
	}

REFUSED_ROOT_OF(setuid, 0)
REFUSED_ROOT_OF(setreuid, 1)
REFUSED_ROOT_OF(setresuid, 1)

#endif
