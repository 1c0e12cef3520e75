// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "abi.h"
#include "sensor/hook_table.h"
#include "shared.h"

#define RETURNS(call)                               \
	{ "return_" call, call, RETURN, false },    \
	{                                           \
		"compat_" call, call, COMPAT, false \
	}
#define CATCHES(program, hook, cookie) { "catch_" program, hook, CATCH, false, cookie }
#define CALL(id) (1ull << SNUG_CALL_##id)

const struct hook hooks[] = {
	{ "on_fork", "sched_process_fork", BOTH, true },
	{ "on_exec", "sched_process_exec", BOTH, true },
	{ "on_loader", "sched_process_exec", BOTH, true },
	{ "on_exit", "sched_process_exit", PORTABLE, true },
	{ "on_cgroup_mkdir", "cgroup_mkdir", BOTH, true },
	{ "on_cgroup_rmdir", "cgroup_rmdir", BOTH, true },
	{ "on_cgroup_attach", "cgroup_attach_task", UNITS, true },
	{ "on_sys_exit", "sys_exit", TRACEPOINT, true },
	{ "on_capable", "cap_capable", TRACEPOINT, false },
	{ "on_uring", "io_uring_submit_req", TRACEPOINT, false },
	{ "on_signal", "signal_generate", TRACEPOINT, false },
	{ "on_connect4", "connect4", TRACEPOINT, false },
	{ "on_connect6", "connect6", TRACEPOINT, false },
	{ "on_sendmsg4", "sendmsg4", TRACEPOINT, false },
	{ "on_sendmsg6", "sendmsg6", TRACEPOINT, false },
	{ "on_recvmsg4", "recvmsg4", BOTH, false },
	{ "on_recvmsg6", "recvmsg6", BOTH, false },
	{ "on_egress", "egress", BOTH, false },
	{ "on_ingress", "ingress", BOTH, false },
	{ "on_bind4", "bind4", TRACEPOINT, false },
	{ "on_bind6", "bind6", TRACEPOINT, false },
	{ "lsm_exec", "bprm_creds_from_file", SECURITY, false },
	{ "lsm_open", "file_open", SECURITY, true },
	{ "lsm_receive", "file_receive", SECURITY, false },
	{ "lsm_map", "mmap_file", SECURITY, false },
	{ "lsm_protect", "file_mprotect", SECURITY, false },
	{ "lsm_unlink", "path_unlink", SECURITY, false },
	{ "lsm_rmdir", "path_rmdir", SECURITY, false },
	{ "lsm_rename", "path_rename", SECURITY, false },
	{ "lsm_link", "path_link", SECURITY, false },
	{ "lsm_symlink", "path_symlink", SECURITY, false },
	{ "lsm_mkdir", "path_mkdir", SECURITY, false },
	{ "lsm_mknod", "path_mknod", SECURITY, false },
	{ "lsm_truncate", "path_truncate", SECURITY, false },
	{ "lsm_chmod", "path_chmod", SECURITY, false },
	{ "lsm_chown", "path_chown", BY_PATH, false },
	{ "before_chown", "chown_common", BY_INODE, false },
	{ "before_times", "vfs_utimes", SECURITY, false },
	{ "lsm_setattr", "inode_setattr", SECURITY, false },
	{ "return_times", "vfs_utimes", SECURITY, false },
	{ "before_change", "mnt_want_write", SECURITY, false },
	{ "before_change_of_open", "mnt_want_write_file", SECURITY, false },
	{ "lsm_setxattr", "inode_setxattr", SECURITY, false },
	{ "lsm_removexattr", "inode_removexattr", SECURITY, false },
	{ "lsm_set_acl", "inode_set_acl", BY_LIST, false },
	{ "lsm_remove_acl", "inode_remove_acl", BY_LIST, false },
	{ "lsm_connect", "socket_connect", SECURITY, false },
	{ "lsm_send", "socket_sendmsg", SECURITY, false },
	{ "lsm_bind", "socket_bind", SECURITY, false },
	{ "lsm_listen", "socket_listen", SECURITY, false },
	{ "lsm_unix", "unix_stream_connect", SECURITY, false },
	{ "lsm_unix_send", "unix_may_send", SECURITY, false },
	{ "lsm_setuid", "task_fix_setuid", SECURITY, false },
	{ "lsm_setgid", "task_fix_setgid", SECURITY, false },
	{ "lsm_capable", "capable", SECURITY, false },
	{ "lsm_ptrace", "ptrace_access_check", SECURITY, false },
	{ "lsm_traceme", "ptrace_traceme", SECURITY, false },
	{ "lsm_mount", "sb_mount", SECURITY, false },
	{ "lsm_umount", "sb_umount", SECURITY, false },
	{ "lsm_move_mount", "move_mount", SECURITY, false },
	{ "lsm_pivot_root", "sb_pivotroot", SECURITY, false },
	{ "lsm_chroot", "path_chroot", SECURITY, false },
	{ "lsm_read_file", "kernel_read_file", SECURITY, false },
	{ "lsm_load_data", "kernel_load_data", SECURITY, false },
	{ "lsm_bpf", "bpf", SECURITY, false },
	{ "lsm_perf", "perf_event_open", SECURITY, false },
	{ "lsm_key", "key_alloc", SECURITY, false },
	{ "lsm_key_use", "key_permission", SECURITY, false },
	{ "lsm_user_namespace", "userns_create", SECURITY, false },
	{ "lsm_anonymous", "inode_init_security_anon", SECURITY, false },
	{ "lsm_kill", "task_kill", SECURITY, false },
	{ "lsm_clone", "task_alloc", SECURITY, false },
	{ "lsm_socket", "socket_create", SECURITY, false },
	{ "on_exec_again", "sched_process_exec", AGAIN, false },
	{ "catch_fork", "wake_up_new_task", AGAIN, false },
	CATCHES("open", "file_open", 0),
	CATCHES("name", "path_unlink", SNUG_DELETE),
	CATCHES("name", "path_rmdir", SNUG_DELETE),
	CATCHES("name", "path_symlink", SNUG_CREATE),
	CATCHES("name", "path_mkdir", SNUG_CREATE),
	CATCHES("name", "path_rename", SNUG_RENAME),
	CATCHES("name", "path_link", SNUG_CREATE | SNUG_BY_LINK),
	CATCHES("name", "path_truncate", SNUG_WRITE),
	CATCHES("connect", "socket_connect", 0),
	CATCHES("send", "socket_sendmsg", 0),
	CATCHES("bind", "socket_bind", 0),
	CATCHES("listen", "socket_listen", 0),
	CATCHES("unix", "unix_stream_connect", 0),
	CATCHES("setuid", "task_fix_setuid", 0),
	CATCHES("setgid", "task_fix_setgid", 0),
	CATCHES("call", "ptrace_access_check",
		CALL(PTRACE) | CALL(PROCESS_VM_WRITEV) | CALL(PROCESS_VM_READV) |
			CALL(PIDFD_GETFD)),
	CATCHES("call", "ptrace_traceme", CALL(PTRACE)),
	CATCHES("call", "sb_mount", CALL(MOUNT)),
	CATCHES("call", "sb_umount", CALL(UMOUNT)),
	CATCHES("call", "move_mount", CALL(MOVE_MOUNT)),
	CATCHES("call", "sb_pivotroot", CALL(PIVOT_ROOT)),
	CATCHES("call", "path_chroot", CALL(CHROOT)),
	CATCHES("call", "kernel_read_file", CALL(FINIT_MODULE) | CALL(KEXEC_LOAD)),
	CATCHES("call", "kernel_load_data", CALL(INIT_MODULE) | CALL(KEXEC_LOAD)),
	CATCHES("call", "bpf", CALL(BPF)),
	CATCHES("call", "perf_event_open", CALL(PERF_EVENT_OPEN)),
	CATCHES("call", "key_alloc", CALL(ADD_KEY) | CALL(KEYCTL)),
	CATCHES("clone", "task_alloc", 0),
	CATCHES("socket", "socket_create", 0),
	RETURNS("unshare"),
	RETURNS("setns"),
	RETURNS("memfd_create"),
	RETURNS("io_uring_setup"),
	RETURNS("fsopen"),
	RETURNS("open_tree"),
	RETURNS("delete_module"),
	RETURNS("keyctl"),
	RETURNS("userfaultfd"),
	{ "return_setuid", "setuid", RETURN, false },
	{ "return_setreuid", "setreuid", RETURN, false },
	{ "return_setresuid", "setresuid", RETURN, false },
};

_Static_assert(sizeof(hooks) / sizeof(*hooks) == HOOKS, "HOOKS is the number of rows");

static bool refuses(const struct kernel_ways *ways)
{
	return ways->attach != ATTACH_TRACEPOINT;
}

static bool always(const struct kernel_ways *ways)
{
	return true;
}

static bool without_refusals(const struct kernel_ways *ways)
{
	return !refuses(ways);
}

static bool is_portable_way(const struct kernel_ways *ways)
{
	return ways->portable;
}

static bool has_owners_by_path(const struct kernel_ways *ways)
{
	return refuses(ways) && !ways->owners_by_inode;
}

static bool has_owners_by_inode(const struct kernel_ways *ways)
{
	return refuses(ways) && ways->owners_by_inode;
}

static bool has_rights_by_list(const struct kernel_ways *ways)
{
	return refuses(ways) && ways->rights_by_list;
}

static bool watches_units(const struct kernel_ways *ways)
{
	return ways->units;
}

static bool needs_catches(const struct kernel_ways *ways)
{
	return ways->catching;
}

static bool needs_more_tracepoints(const struct kernel_ways *ways)
{
	return ways->again;
}

/* NULL: by the kind of security hooks. */
static const struct {
	bool (*is_used)(const struct kernel_ways *ways);
	const char *prefix;
} families[] = {
	[BOTH] = { always, "" },
	[PORTABLE] = { is_portable_way, "" },
	[TRACEPOINT] = { without_refusals, "" },
	[SECURITY] = { refuses, NULL },
	[BY_PATH] = { has_owners_by_path, NULL },
	[BY_INODE] = { has_owners_by_inode, "function/" },
	[BY_LIST] = { has_rights_by_list, NULL },
	[UNITS] = { watches_units, "units/" },
	[RETURN] = { refuses, "return/" },
	[COMPAT] = { refuses, "return32/" },
	[CATCH] = { needs_catches, "catch/" },
	[AGAIN] = { needs_more_tracepoints, "again/" },
};

bool hook_is_used(const struct hook *hook, const struct kernel_ways *ways)
{
	return families[hook->family].is_used(ways);
}

const char *hook_prefix(const struct hook *hook, const struct kernel_ways *ways)
{
	const char *prefix = families[hook->family].prefix;

	if (prefix)
		return prefix;
	return ways->attach == ATTACH_FMOD_RET ? "fmod_ret/security_" : "lsm/";
}

const struct stop stops[] = {
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
	{ "server-name", "blocked", BY_HELLO },
	{ "server-name", "unseen", "" },
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

_Static_assert(sizeof(stops) / sizeof(*stops) == STOPS, "STOPS is the number of rows");
