// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and attaches the hooks that this kernel offers, and reports for each one whether it is
 * attached, and why not. Only the hooks that observation depends on are required.
 *
 * There are two families. Where the kernel lets programs refuse, security hooks see every event
 * before it happens: by BPF LSM, or on the functions that call all LSMs (fmod_ret). Elsewhere
 * system calls are seen as they return, and connections by the cgroup hooks. Exec and fork are
 * observed in the same way in both.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "pin/pin.h"
#include "sensor/agent.h"
#include "sensor/attach.h"
#include "sensor/hooks.h"
#include "sensor/left_out.h"
#include "sensor/log.h"
#include "sensor/object.h"
#include "sensor/preempt.h"
#include "sensor/syscalls.h"
#include "sensor/variables.h"

enum family {
	BOTH,
	PORTABLE,   /* only where there is no task storage */
	TRACEPOINT, /* where there are no security hooks */
	SECURITY,
	BY_INODE, /* the same where programs cannot take the place of path_chown */
	BY_LIST,  /* the same where lists of rights have hooks of their own: from Linux 6.2 on */
	UNITS,	  /* only where units of systemd are watched */
	RETURN,	  /* with security hooks: the return of one system call */
	COMPAT,	  /* the same, of the 32-bit table's */
	CATCH,	  /* a probe behind a security hook, for what the kernel leaves out there */
	AGAIN,	  /* the same for tracepoints: a probe, or a second program */
};

struct hook {
	const char *program;
	const char *name; /* the kernel's: of a tracepoint, an LSM hook, a system call */
	enum family family;
	bool required;
	char why[96];
	bool attached;
};

#define RETURNS(call)                                          \
	{ "return_" call, call, RETURN, false, "", false },    \
	{                                                      \
		"compat_" call, call, COMPAT, false, "", false \
	}

#define CATCHES(program, hook) { "catch_" program, hook, CATCH, false, "", false }

static struct hook hooks[] = {
	{ "on_fork", "sched_process_fork", BOTH, true, "", false },
	{ "on_exec", "sched_process_exec", BOTH, true, "", false },
	{ "on_loader", "sched_process_exec", BOTH, true, "", false },
	{ "on_exit", "sched_process_exit", PORTABLE, true, "", false },
	{ "on_cgroup_mkdir", "cgroup_mkdir", BOTH, true, "", false },
	{ "on_cgroup_rmdir", "cgroup_rmdir", BOTH, true, "", false },
	{ "on_cgroup_attach", "cgroup_attach_task", UNITS, true, "", false },
	{ "on_sys_exit", "sys_exit", TRACEPOINT, true, "", false },
	{ "on_capable", "cap_capable", TRACEPOINT, false, "", false },
	{ "on_uring", "io_uring_submit_req", TRACEPOINT, false, "", false },
	{ "on_signal", "signal_generate", TRACEPOINT, false, "", false },
	{ "on_connect4", "connect4", TRACEPOINT, false, "", false },
	{ "on_connect6", "connect6", TRACEPOINT, false, "", false },
	{ "on_sendmsg4", "sendmsg4", TRACEPOINT, false, "", false },
	{ "on_sendmsg6", "sendmsg6", TRACEPOINT, false, "", false },
	{ "on_recvmsg4", "recvmsg4", BOTH, false, "", false },
	{ "on_recvmsg6", "recvmsg6", BOTH, false, "", false },
	{ "on_egress", "egress", BOTH, false, "", false },
	{ "on_ingress", "ingress", BOTH, false, "", false },
	{ "on_bind4", "bind4", TRACEPOINT, false, "", false },
	{ "on_bind6", "bind6", TRACEPOINT, false, "", false },
	{ "lsm_exec", "bprm_creds_from_file", SECURITY, false, "", false },
	{ "lsm_open", "file_open", SECURITY, true, "", false },
	{ "lsm_receive", "file_receive", SECURITY, false, "", false },
	{ "lsm_map", "mmap_file", SECURITY, false, "", false },
	{ "lsm_protect", "file_mprotect", SECURITY, false, "", false },
	{ "lsm_unlink", "path_unlink", SECURITY, false, "", false },
	{ "lsm_rmdir", "path_rmdir", SECURITY, false, "", false },
	{ "lsm_rename", "path_rename", SECURITY, false, "", false },
	{ "lsm_link", "path_link", SECURITY, false, "", false },
	{ "lsm_symlink", "path_symlink", SECURITY, false, "", false },
	{ "lsm_mkdir", "path_mkdir", SECURITY, false, "", false },
	{ "lsm_mknod", "path_mknod", SECURITY, false, "", false },
	{ "lsm_truncate", "path_truncate", SECURITY, false, "", false },
	{ "lsm_chmod", "path_chmod", SECURITY, false, "", false },
	{ "lsm_chown", "path_chown", SECURITY, false, "", false },
	{ "before_chown", "chown_common", BY_INODE, false, "", false },
	{ "before_times", "vfs_utimes", SECURITY, false, "", false },
	{ "lsm_setattr", "inode_setattr", SECURITY, false, "", false },
	{ "return_times", "vfs_utimes", SECURITY, false, "", false },
	{ "before_change", "mnt_want_write", SECURITY, false, "", false },
	{ "before_change_of_open", "mnt_want_write_file", SECURITY, false, "", false },
	{ "lsm_setxattr", "inode_setxattr", SECURITY, false, "", false },
	{ "lsm_removexattr", "inode_removexattr", SECURITY, false, "", false },
	{ "lsm_set_acl", "inode_set_acl", BY_LIST, false, "", false },
	{ "lsm_remove_acl", "inode_remove_acl", BY_LIST, false, "", false },
	{ "lsm_connect", "socket_connect", SECURITY, false, "", false },
	{ "lsm_send", "socket_sendmsg", SECURITY, false, "", false },
	{ "lsm_bind", "socket_bind", SECURITY, false, "", false },
	{ "lsm_listen", "socket_listen", SECURITY, false, "", false },
	{ "lsm_unix", "unix_stream_connect", SECURITY, false, "", false },
	{ "lsm_unix_send", "unix_may_send", SECURITY, false, "", false },
	{ "lsm_setuid", "task_fix_setuid", SECURITY, false, "", false },
	{ "lsm_setgid", "task_fix_setgid", SECURITY, false, "", false },
	{ "lsm_capable", "capable", SECURITY, false, "", false },
	{ "lsm_ptrace", "ptrace_access_check", SECURITY, false, "", false },
	{ "lsm_traceme", "ptrace_traceme", SECURITY, false, "", false },
	{ "lsm_mount", "sb_mount", SECURITY, false, "", false },
	{ "lsm_umount", "sb_umount", SECURITY, false, "", false },
	{ "lsm_move_mount", "move_mount", SECURITY, false, "", false },
	{ "lsm_pivot_root", "sb_pivotroot", SECURITY, false, "", false },
	{ "lsm_chroot", "path_chroot", SECURITY, false, "", false },
	{ "lsm_read_file", "kernel_read_file", SECURITY, false, "", false },
	{ "lsm_load_data", "kernel_load_data", SECURITY, false, "", false },
	{ "lsm_bpf", "bpf", SECURITY, false, "", false },
	{ "lsm_perf", "perf_event_open", SECURITY, false, "", false },
	{ "lsm_key", "key_alloc", SECURITY, false, "", false },
	{ "lsm_key_use", "key_permission", SECURITY, false, "", false },
	{ "lsm_user_namespace", "userns_create", SECURITY, false, "", false },
	{ "lsm_anonymous", "inode_init_security_anon", SECURITY, false, "", false },
	{ "lsm_kill", "task_kill", SECURITY, false, "", false },
	{ "lsm_clone", "task_alloc", SECURITY, false, "", false },
	{ "lsm_socket", "socket_create", SECURITY, false, "", false },
	{ "on_exec_again", "sched_process_exec", AGAIN, false, "", false },
	{ "catch_fork", "wake_up_new_task", AGAIN, false, "", false },
	CATCHES("open", "file_open"),
	CATCHES("name", "path_unlink"),
	CATCHES("name", "path_rmdir"),
	CATCHES("name", "path_symlink"),
	CATCHES("name", "path_mkdir"),
	CATCHES("name", "path_rename"),
	CATCHES("name", "path_link"),
	CATCHES("name", "path_truncate"),
	CATCHES("connect", "socket_connect"),
	CATCHES("send", "socket_sendmsg"),
	CATCHES("bind", "socket_bind"),
	CATCHES("listen", "socket_listen"),
	CATCHES("unix", "unix_stream_connect"),
	CATCHES("setuid", "task_fix_setuid"),
	CATCHES("setgid", "task_fix_setgid"),
	CATCHES("call", "ptrace_access_check"),
	CATCHES("call", "ptrace_traceme"),
	CATCHES("call", "sb_mount"),
	CATCHES("call", "sb_umount"),
	CATCHES("call", "move_mount"),
	CATCHES("call", "sb_pivotroot"),
	CATCHES("call", "path_chroot"),
	CATCHES("call", "kernel_read_file"),
	CATCHES("call", "kernel_load_data"),
	CATCHES("call", "bpf"),
	CATCHES("call", "perf_event_open"),
	CATCHES("call", "key_alloc"),
	CATCHES("clone", "task_alloc"),
	CATCHES("socket", "socket_create"),
	RETURNS("unshare"),
	RETURNS("setns"),
	RETURNS("memfd_create"),
	RETURNS("io_uring_setup"),
	RETURNS("fsopen"),
	RETURNS("open_tree"),
	RETURNS("delete_module"),
	RETURNS("keyctl"),
	RETURNS("userfaultfd"),
	{ "return_setuid", "setuid", RETURN, false, "", false },
	{ "return_setreuid", "setreuid", RETURN, false, "", false },
	{ "return_setresuid", "setresuid", RETURN, false, "", false },
};

/* Sizes of instructions of x86-64. */
#define TRAMPOLINE_CALL 5
#define JUMP_MARK 4
#if defined(__x86_64__)
#define HAS_CATCHES true
#else
#define HAS_CATCHES false
#endif

#define HOOKS (sizeof(hooks) / sizeof(*hooks))

#define CALL(id) (1ull << SNUG_CALL_##id)

/* What the program of a probe has to know of the hook, where it has several. */
static const struct {
	const char *hook;
	__u64 cookie;
} cookies[] = {
	{ "path_unlink", SNUG_DELETE },
	{ "path_rmdir", SNUG_DELETE },
	{ "path_symlink", SNUG_CREATE },
	{ "path_mkdir", SNUG_CREATE },
	{ "path_rename", SNUG_RENAME },
	{ "path_link", SNUG_CREATE | SNUG_BY_LINK },
	{ "path_truncate", SNUG_WRITE },
	{ "ptrace_access_check",
	  CALL(PTRACE) | CALL(PROCESS_VM_WRITEV) | CALL(PROCESS_VM_READV) | CALL(PIDFD_GETFD) },
	{ "ptrace_traceme", CALL(PTRACE) },
	{ "sb_mount", CALL(MOUNT) },
	{ "sb_umount", CALL(UMOUNT) },
	{ "move_mount", CALL(MOVE_MOUNT) },
	{ "sb_pivotroot", CALL(PIVOT_ROOT) },
	{ "path_chroot", CALL(CHROOT) },
	{ "kernel_read_file", CALL(FINIT_MODULE) | CALL(KEXEC_LOAD) },
	{ "kernel_load_data", CALL(INIT_MODULE) | CALL(KEXEC_LOAD) },
	{ "bpf", CALL(BPF) },
	{ "perf_event_open", CALL(PERF_EVENT_OPEN) },
	{ "key_alloc", CALL(ADD_KEY) | CALL(KEYCTL) },
};

static __u64 cookie_of(const struct hook *hook)
{
	for (size_t i = 0; i < sizeof(cookies) / sizeof(*cookies); i++)
		if (!strcmp(cookies[i].hook, hook->name))
			return cookies[i].cookie;
	return 0;
}

static struct bpf_link *links[HOOKS];

/* Instead of the cgroup's hooks. */
#define BY_CALL "peers by call"

/*
 * What happens here to a deviation that is to be blocked, and by which hook. The first line that
 * holds counts.
 */
static const struct stop {
	const char *class;
	const char *how;
	const char *hook;
} stops[] = {
	{ "exec", "blocked", "bprm_creds_from_file" },
	{ "exec", "killed", "sched_process_exec" },
	{ "open", "blocked", "file_open" },
	{ "open", "killed", "sys_exit" },
	{ "receive", "blocked", "file_receive" },
	{ "receive", "unseen", "" },
	{ "delete", "blocked", "path_unlink" },
	{ "delete", "alerted", "" },
	{ "rename", "blocked", "path_rename" },
	{ "rename", "alerted", "" },
	{ "truncate", "blocked", "path_truncate" },
	{ "truncate", "alerted", "" },
	{ "link", "blocked", "path_link" },
	{ "link", "alerted", "" },
	{ "setattr", "blocked", "path_chown" },
	{ "setattr", "blocked", "chown_common" },
	{ "setattr", "alerted", "" },
	{ "map", "blocked", "mmap_file" },
	{ "map", "alerted", "" },
	{ "connect", "blocked", "socket_connect" },
	{ "connect", "blocked", "connect4" },
	{ "connect", "killed", BY_CALL },
	{ "connect", "alerted", "" },
	{ "send", "blocked", "socket_sendmsg" },
	{ "send", "blocked", "sendmsg4" },
	{ "send", "alerted", "" },
	{ "bind", "blocked", "socket_bind" },
	{ "bind", "blocked", "bind4" },
	{ "bind", "killed", BY_CALL },
	{ "bind", "alerted", "" },
	{ "listen", "blocked", "socket_listen" },
	{ "listen", "killed", "sys_exit" },
	{ "unix", "blocked", "unix_stream_connect" },
	{ "unix", "killed", "sys_exit" },
	{ "identity", "blocked", "task_fix_setuid" },
	{ "identity", "killed", "sys_exit" },
	{ "capability", "blocked", "capable" },
	{ "capability", "killed", "cap_capable" },
	{ "capability", "alerted", "" },
	/* Not all of them have a hook that refuses. */
	{ "call", "killed", "" },
};

#define STOPS (sizeof(stops) / sizeof(*stops))

static enum attach_kind attach_kind;
static bool portable;
static bool owners_by_inode;
static bool rights_by_list;
static bool catching;
static bool again;
static bool units;

static bool is_of_family(const struct hook *hook)
{
	if (hook->family == PORTABLE)
		return portable;
	if (hook->family == BY_INODE)
		return owners_by_inode && attach_kind != ATTACH_TRACEPOINT;
	if (hook->family == BY_LIST)
		return rights_by_list && attach_kind != ATTACH_TRACEPOINT;
	if (owners_by_inode && !strcmp(hook->name, "path_chown"))
		return false;
	if (hook->family == CATCH)
		return catching;
	if (hook->family == UNITS)
		return units;
	if (hook->family == AGAIN)
		return again;
	return hook->family == BOTH ||
	       (attach_kind == ATTACH_TRACEPOINT) == (hook->family == TRACEPOINT);
}

static const struct hook *hook_named(const char *name)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i].name, name))
			return &hooks[i];
	abort();
}

static struct bpf_program *program_of(struct agent *agent, const struct hook *hook)
{
	return bpf_object__find_program_by_name(agent->skel->obj, hook->program);
}

/* The kernel's function behind an entry of its system call tables. */
static void call_function(const struct hook *hook, char *name, size_t size)
{
#if defined(__x86_64__)
	const char *prefix = hook->family == RETURN	   ? "__x64_sys_" :
			     !strcmp(hook->name, "keyctl") ? "__ia32_compat_sys_" :
							     "__ia32_sys_";
#else
	/* Both tables have the same functions, except for this one. */
	const char *prefix = hook->family == RETURN	   ? "__arm64_sys_" :
			     !strcmp(hook->name, "keyctl") ? "__arm64_compat_sys_" :
							     "";
#endif
	snprintf(name, size, "%s%s", prefix, hook->name);
}

/* The kernel's function that calls all LSMs of a hook, behind `security_`. */
static const char *function_of(const char *hook)
{
	return strcmp(hook, "userns_create") ? hook : "create_user_ns";
}

/* Whether programs can have structures among a function's arguments: from Linux 6.1 on. */
static bool takes_structures(const struct btf *btf)
{
	__s32 id = btf__find_by_name_kind(btf, "btf_func_model", BTF_KIND_STRUCT);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);

	for (__u32 i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), "arg_flags"))
			return true;
	return false;
}

/*
 * Where the hooks of extended attributes have the file: behind the mount's users, which they have
 * since Linux 5.12.
 */
static __u32 place_of_attribute_file(const struct btf *btf)
{
	__s32 id = btf__find_by_name_kind(btf, "security_inode_removexattr", BTF_KIND_FUNC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	return type && btf_vlen(type) > 2 ? 1 : 0;
}

/* A hook that this kernel does not have would fail the whole load. Empty where it has the hook. */
static const char *why_missing(const struct hook *hook, struct bpf_program *program,
			       struct btf *btf, bool cgroup_storage)
{
	char name[64];
	int kind = BTF_KIND_FUNC;

	switch (bpf_program__type(program)) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_LSM:
		if (hook->family == AGAIN) {
			snprintf(name, sizeof(name), "%s", hook->name);
			break;
		}
		if (attach_kind == ATTACH_LSM)
			snprintf(name, sizeof(name), "bpf_lsm_%s", hook->name);
		else
			snprintf(name, sizeof(name), "security_%s", function_of(hook->name));
		break;
	case BPF_PROG_TYPE_TRACING:
		if (hook->family == RETURN || hook->family == COMPAT) {
			call_function(hook, name, sizeof(name));
			break;
		}
		if (bpf_program__expected_attach_type(program) == BPF_TRACE_FENTRY ||
		    bpf_program__expected_attach_type(program) == BPF_TRACE_FEXIT) {
			snprintf(name, sizeof(name), "%s", hook->name);
			break;
		}
		snprintf(name, sizeof(name), "btf_trace_%s", hook->name);
		kind = BTF_KIND_TYPEDEF;
		break;
	default:
		return hook->family == BOTH || cgroup_storage ?
			       "" :
			       "this kernel has no task storage for cgroup hooks";
	}
	return btf__find_by_name_kind(btf, name, kind) >= 0 ? "" :
							      "this kernel does not have the hook";
}

/* The function has the hook's arguments and result, so the program is the same. */
static void modify_return(struct bpf_program *program, const char *hook)
{
	char name[64];

	snprintf(name, sizeof(name), "security_%s", function_of(hook));
	bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
	bpf_program__set_expected_attach_type(program, BPF_MODIFY_RETURN);
	bpf_program__set_attach_target(program, 0, name);
}

static void choose_programs(struct agent *agent, struct btf *btf)
{
	/* Without it, before Linux 6.15, a cgroup hook cannot find the process's state. */
	bool cgroup_storage = libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
						      BPF_FUNC_task_storage_get, NULL) == 1;
	char name[64];

	owners_by_inode = !takes_structures(btf);
	rights_by_list = btf__find_by_name_kind(btf, "security_inode_set_acl", BTF_KIND_FUNC) >= 0;
	agent->skel->rodata->owners_by_inode = owners_by_inode;
	agent->skel->rodata->attribute_file = place_of_attribute_file(btf);
	for (size_t i = 0; i < HOOKS; i++) {
		struct bpf_program *program = program_of(agent, &hooks[i]);

		if (!is_of_family(&hooks[i])) {
			bpf_program__set_autoload(program, false);
			continue;
		}
		snprintf(hooks[i].why, sizeof(hooks[i].why), "%s",
			 why_missing(&hooks[i], program, btf, cgroup_storage));
		if (hooks[i].why[0] && hooks[i].family != CATCH)
			bpf_program__set_autoload(program, false);
		else if (hooks[i].family == RETURN || hooks[i].family == COMPAT) {
			call_function(&hooks[i], name, sizeof(name));
			bpf_program__set_attach_target(program, 0, name);
		} else if (attach_kind == ATTACH_FMOD_RET &&
			   bpf_program__type(program) == BPF_PROG_TYPE_LSM)
			modify_return(program, hooks[i].name);
	}
	/* Only security hooks remember places, and the kernel's list of symbols is long. */
	if (attach_kind != ATTACH_TRACEPOINT)
		find_variables((__u64 *)agent->skel->rodata->kernel_variables);
	agent->skel->rodata->callers_of_all = !cgroup_storage;
	agent->skel->rodata->catches = catching || again;
	if (attach_kind == ATTACH_TRACEPOINT && !cgroup_storage)
		set_peer_syscalls(agent->skel);
	bpf_program__set_autoload(agent->skel->progs.flush_counts, !portable);
	bpf_program__set_autoload(agent->skel->progs.flush_element, portable);
	bpf_program__set_autoload(agent->skel->progs.look_now, !portable);
	bpf_program__set_autoload(agent->skel->progs.look_element, portable);
	size_scratches(agent, attach_kind);
}

/*
 * Behind the instruction that trampolines replace, which is the first one or comes after that which
 * marks a target of jumps. An address within an instruction is refused.
 */
static struct bpf_link *attach_catch(struct bpf_program *program, const struct hook *hook)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct bpf_link *link = NULL;
	char name[64];

	snprintf(name, sizeof(name), "security_%s", hook->name);
	for (size_t at = TRAMPOLINE_CALL; !link && at <= TRAMPOLINE_CALL + JUMP_MARK;
	     at += JUMP_MARK) {
		LIBBPF_OPTS(bpf_kprobe_opts, options, .offset = at, .bpf_cookie = cookie_of(hook));

		link = bpf_program__attach_kprobe_opts(program, name, &options);
	}
	libbpf_set_print(print);
	return link;
}

static bool attach(struct agent *agent, struct hook *hook)
{
	struct bpf_program *program = program_of(agent, hook);
	struct bpf_link *link;
	char name[64];

	if (hook->why[0])
		return false;
	if (bpf_program__type(program) == BPF_PROG_TYPE_CGROUP_SOCK_ADDR ||
	    bpf_program__type(program) == BPF_PROG_TYPE_CGROUP_SKB)
		link = bpf_program__attach_cgroup(program, agent->cgroup_fd);
	else if (hook->family == AGAIN && bpf_program__type(program) == BPF_PROG_TYPE_KPROBE)
		link = bpf_program__attach_kprobe(program, false, hook->name);
	else if (hook->family == CATCH)
		link = attach_catch(program, hook);
	else if (bpf_program__expected_attach_type(program) == BPF_MODIFY_RETURN)
		link = bpf_program__attach_trace(program);
	else
		link = bpf_program__attach(program);
	if (!link) {
		snprintf(hook->why, sizeof(hook->why), "%s", strerror(errno));
		return false;
	}
	/* A program with several hooks has several links. */
	snprintf(name, sizeof(name), "%s%s", hook->family == CATCH ? "catch_" : "",
		 hook->family == CATCH ? hook->name : hook->program);
	if (!pin_link(agent, name, bpf_link__fd(link))) {
		snprintf(hook->why, sizeof(hook->why), "cannot be pinned: %s", strerror(errno));
		bpf_link__destroy(link);
		return false;
	}
	links[hook - hooks] = link;
	hook->attached = true;
	return true;
}

/*
 * The kernel does not run a program by fmod_ret on a processor where a process was interrupted in
 * it: a crowd of processes would pass unseen. Where any program may be interrupted at any time,
 * tracepoints are better, as long as their programs are not interrupted too. Elsewhere probes catch
 * what was left out.
 */
static void expect_preemption(enum attach_kind strongest)
{
	enum preemption preemption = find_preemption();

	again = preemption != PREEMPTION_NONE && preempts_tracepoints();
	if (attach_kind != ATTACH_FMOD_RET)
		return;
	if (preemption == PREEMPTION_FULL && strongest < attach_kind && !preempts_tracepoints())
		attach_kind = ATTACH_TRACEPOINT;
	else
		catching = HAS_CATCHES && preemption != PREEMPTION_NONE;
}

bool hooks_load(struct agent *agent, enum attach_kind strongest)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf) {
		log_line("this kernel has no BTF: /sys/kernel/btf/vmlinux is missing");
		return false;
	}
	attach_kind = strongest_attach(btf, strongest);
	portable = is_portable(agent);
	units = agent->skel->rodata->watches_units;
	if (!portable && btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC) >= 0)
		expect_preemption(strongest);
	choose_programs(agent, btf);
	btf__free(btf);
	if (load_programs(agent)) {
		log_line("cannot load the kernel programs: %s", strerror(errno));
		return false;
	}
	return true;
}

bool hooks_attach(struct agent *agent)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (is_of_family(&hooks[i]) && !attach(agent, &hooks[i]) && hooks[i].required) {
			log_line("cannot attach %s: %s", hooks[i].name, hooks[i].why);
			return false;
		}
	agent->control->without_answers = !hook_named("ingress")->attached ||
					  !hook_named("egress")->attached;
	return true;
}

void hooks_detach(void)
{
	for (size_t i = 0; i < HOOKS; i++) {
		bpf_link__destroy(links[i]);
		links[i] = NULL;
		hooks[i].attached = false;
	}
}

/* What the kernel leaves out of an execution and of a fork, another program does. */
static const char *const caught[][2] = {
	{ "lsm_exec", "on_exec" },
	{ "on_exec", "on_exec_again" },
	{ "on_fork", "catch_fork" },
};

static bool has_attached(const char *program)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i].program, program))
			return hooks[i].attached;
	return false;
}

bool hooks_refuse(void)
{
	return hook_named("bprm_creds_from_file")->attached && hook_named("file_open")->attached &&
	       hook_named("socket_connect")->attached;
}

static bool has_catch(const struct hook *hook)
{
	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		if (!strcmp(hook->program, caught[i][0]))
			return has_attached(caught[i][1]);
	for (size_t i = 0; hook->family == SECURITY && i < HOOKS; i++)
		if (hooks[i].family == CATCH && !strcmp(hooks[i].name, hook->name))
			return hooks[i].attached;
	return false;
}

/* `name`: of a program, or of a probe's link. */
bool hooks_cover(const char *name)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i].program, name))
			return has_catch(&hooks[i]);
	return false;
}

static bool is_first_of_program(size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(hooks[i].program, hooks[index].program))
			return false;
	return true;
}

__u64 hooks_left_out(struct agent *agent)
{
	__u64 count = 0;

	for (size_t i = 0; i < HOOKS; i++) {
		struct bpf_program *program = program_of(agent, &hooks[i]);

		if ((bpf_program__type(program) == BPF_PROG_TYPE_TRACING ||
		     bpf_program__type(program) == BPF_PROG_TYPE_KPROBE) &&
		    bpf_program__fd(program) >= 0 && !has_catch(&hooks[i]) &&
		    is_first_of_program(i))
			count += left_out_of(bpf_program__fd(program));
	}
	return count;
}

static bool is_attached(struct agent *agent, const char *name)
{
	if (!strcmp(name, BY_CALL))
		return agent->skel->rodata->peers_by_call;
	return hook_named(name)->attached;
}

static size_t describe_stops(struct agent *agent, char *text, size_t size)
{
	const char *last = "";
	size_t used = 0;

	for (size_t i = 0; i < STOPS && used < size; i++) {
		if (!strcmp(last, stops[i].class) ||
		    (*stops[i].hook && !is_attached(agent, stops[i].hook)))
			continue;
		last = stops[i].class;
		used += snprintf(text + used, size - used, "stop %s %s\n", stops[i].class,
				 stops[i].how);
	}
	return used;
}

/* Whether files that were opened before are judged by where they were. */
static const char *why_not_reopened(const struct agent *agent)
{
	if (attach_kind == ATTACH_TRACEPOINT)
		return "no without security hooks";
	return agent->skel->rodata->kernel_variables[SNUG_RCU_STATE] ?
		       "yes" :
		       "no without addresses of the kernel's variables";
}

static const char *name_of(const struct hook *hook)
{
	return attach_kind == ATTACH_FMOD_RET ? function_of(hook->name) : hook->name;
}

size_t hooks_describe(struct agent *agent, char *text, size_t size)
{
	const char *prefixes[] = { "",	     "",	"",	     "lsm/",   "function/", "lsm/",
				   "units/", "return/", "return32/", "catch/", "again/" };
	struct utsname name;
	size_t used;

	if (attach_kind == ATTACH_FMOD_RET)
		prefixes[SECURITY] = prefixes[BY_LIST] = "fmod_ret/security_";
	uname(&name);
	used = snprintf(text, size, "kernel %s\nfamily %s\nreopened %s\n", name.release,
			attach_names[attach_kind], why_not_reopened(agent));
	for (size_t i = 0; i < HOOKS && used < size; i++)
		if (is_of_family(&hooks[i]))
			used += snprintf(text + used, size - used, "hook %s%s %s%s%s\n",
					 prefixes[hooks[i].family], name_of(&hooks[i]),
					 hooks[i].attached ? "yes" : "no",
					 hooks[i].attached ? "" : " ", hooks[i].why);
	if (used < size)
		used += describe_stops(agent, text + used, size - used);
	return used < size ? used : size;
}
