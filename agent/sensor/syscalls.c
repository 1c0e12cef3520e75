// SPDX-License-Identifier: Apache-2.0
/* Which system call is of which class: by the numbers of the machine this is compiled for. */
#include <sys/syscall.h>
#include "shared.h"
#include "sensor/syscall_table.h"
#include "sensor/syscalls.h"

static const struct syscall_entry native[] = {
#ifdef SYS_open
	{ SYS_open, SNUG_CLASS_OPEN },
	{ SYS_creat, SNUG_CLASS_CREAT },
	{ SYS_unlink, SNUG_CLASS_UNLINK },
	{ SYS_rmdir, SNUG_CLASS_UNLINK },
	{ SYS_rename, SNUG_CLASS_RENAME },
	{ SYS_link, SNUG_CLASS_LINK },
	{ SYS_symlink, SNUG_CLASS_SYMLINK },
	{ SYS_mkdir, SNUG_CLASS_MAKE },
	{ SYS_mknod, SNUG_CLASS_NODE },
	{ SYS_chmod, SNUG_CLASS_CHMOD },
	{ SYS_chown, SNUG_CLASS_CHOWN },
	{ SYS_lchown, SNUG_CLASS_CHOWN },
	{ SYS_utime, SNUG_CLASS_TIMES },
	{ SYS_utimes, SNUG_CLASS_TIMES },
	{ SYS_futimesat, SNUG_CLASS_TIMESAT },
#endif
	{ SYS_mmap, SNUG_CLASS_MAP },
	{ SYS_mprotect, SNUG_CLASS_PROTECT },
	{ SYS_pkey_mprotect, SNUG_CLASS_PROTECT },
	{ SYS_openat, SNUG_CLASS_OPENAT },
	{ SYS_openat2, SNUG_CLASS_OPENAT2 },
	{ SYS_open_by_handle_at, SNUG_CLASS_OPEN_HANDLE },
	{ SYS_unlinkat, SNUG_CLASS_UNLINKAT },
#ifdef SYS_renameat
	{ SYS_renameat, SNUG_CLASS_RENAMEAT },
#endif
	{ SYS_renameat2, SNUG_CLASS_RENAMEAT2 },
	{ SYS_linkat, SNUG_CLASS_LINKAT },
	{ SYS_symlinkat, SNUG_CLASS_SYMLINKAT },
	{ SYS_mkdirat, SNUG_CLASS_MAKEAT },
	{ SYS_mknodat, SNUG_CLASS_NODEAT },
	{ SYS_truncate, SNUG_CLASS_TRUNCATE },
	{ SYS_fchmod, SNUG_CLASS_FCHMOD },
	{ SYS_fchmodat, SNUG_CLASS_CHMODAT },
	{ __NR_fchmodat2, SNUG_CLASS_CHMODAT },
	{ SYS_fchown, SNUG_CLASS_FCHOWN },
	{ SYS_fchownat, SNUG_CLASS_CHOWNAT },
	{ SYS_setxattr, SNUG_CLASS_SETXATTR },
	{ SYS_lsetxattr, SNUG_CLASS_SETXATTR },
	{ SYS_fsetxattr, SNUG_CLASS_FSETXATTR },
	{ __NR_setxattrat, SNUG_CLASS_SETXATTRAT },
	{ SYS_removexattr, SNUG_CLASS_RMXATTR },
	{ SYS_lremovexattr, SNUG_CLASS_RMXATTR },
	{ SYS_fremovexattr, SNUG_CLASS_FRMXATTR },
	{ __NR_removexattrat, SNUG_CLASS_RMXATTRAT },
	{ SYS_utimensat, SNUG_CLASS_TIMESAT_NS },
	{ SYS_setuid, SNUG_CLASS_SETUID },
	{ SYS_setgid, SNUG_CLASS_IDENTITY },
	{ SYS_setreuid, SNUG_CLASS_SETREUID },
	{ SYS_setregid, SNUG_CLASS_IDENTITY },
	{ SYS_setresuid, SNUG_CLASS_SETREUID },
	{ SYS_setresgid, SNUG_CLASS_IDENTITY },
	{ SYS_setfsuid, SNUG_CLASS_IDENTITY },
	{ SYS_setfsgid, SNUG_CLASS_IDENTITY },
	{ SYS_listen, SNUG_CLASS_LISTEN },
	{ SYS_socket, SNUG_CLASS_SOCKET },
	{ SYS_connect, SNUG_CLASS_CONNECT },
	{ SYS_clone, CALL(CLONE) },
	{ SYS_clone3, SNUG_CLASS_CLONE3 },
	{ SYS_ptrace, CALL(PTRACE) },
	{ SYS_process_vm_writev, CALL(PROCESS_VM_WRITEV) },
	{ SYS_mount, CALL(MOUNT) },
	{ SYS_umount2, CALL(UMOUNT) },
	{ SYS_move_mount, CALL(MOVE_MOUNT) },
	{ SYS_fsopen, CALL(FSOPEN) },
	{ SYS_open_tree, CALL(OPEN_TREE) },
	{ SYS_fspick, CALL(FSPICK) },
	{ SYS_fsmount, CALL(FSMOUNT) },
	{ SYS_mount_setattr, CALL(MOUNT_SETATTR) },
	{ SYS_fanotify_init, CALL(FANOTIFY_INIT) },
	{ SYS_pivot_root, CALL(PIVOT_ROOT) },
	{ SYS_chroot, CALL(CHROOT) },
	{ SYS_unshare, CALL(UNSHARE) },
	{ SYS_setns, CALL(SETNS) },
	{ SYS_init_module, CALL(INIT_MODULE) },
	{ SYS_finit_module, CALL(FINIT_MODULE) },
	{ SYS_delete_module, CALL(DELETE_MODULE) },
	{ SYS_bpf, CALL(BPF) },
	{ SYS_perf_event_open, CALL(PERF_EVENT_OPEN) },
	{ SYS_kexec_load, CALL(KEXEC_LOAD) },
	{ SYS_kexec_file_load, CALL(KEXEC_LOAD) },
	{ SYS_memfd_create, CALL(MEMFD_CREATE) },
	{ SYS_io_uring_setup, CALL(IO_URING_SETUP) },
	{ SYS_add_key, CALL(ADD_KEY) },
	{ SYS_keyctl, CALL(KEYCTL) },
	{ SYS_userfaultfd, CALL(USERFAULTFD) },
	{ SYS_process_vm_readv, CALL(PROCESS_VM_READV) },
	{ SYS_pidfd_getfd, CALL(PIDFD_GETFD) },
};

#ifdef __x86_64__
/* Calls that x32 has under numbers of its own, which no 64-bit call has. Headers name them for x32
 * only. */
static const struct syscall_entry x32[] = {
	{ 521, CALL(PTRACE) },
	{ 528, CALL(KEXEC_LOAD) },
	{ 539, CALL(PROCESS_VM_READV) },
	{ 540, CALL(PROCESS_VM_WRITEV) },
};
#endif

/* Where connections are observed by system calls. */
static const struct syscall_entry native_peers[] = {
	{ SYS_bind, SNUG_CLASS_BIND },
	{ SYS_sendto, SNUG_CLASS_SENDTO },
	{ SYS_sendmsg, SNUG_CLASS_SENDMSG },
	{ SYS_sendmmsg, SNUG_CLASS_SENDMMSG },
};

static const int memory_syscalls[] = {
#ifdef SYS_fork
	SYS_fork,	    SYS_vfork,
#endif
	SYS_clone,	    SYS_clone3,
	SYS_execve,	    SYS_execveat,
	SYS_mmap,	    SYS_mremap,
	SYS_mprotect,	    SYS_brk,
	SYS_write,	    SYS_writev,
	SYS_pwrite64,	    SYS_pwritev,
	SYS_pwritev2,	    SYS_sendfile,
	SYS_splice,	    SYS_copy_file_range,
	SYS_fallocate,	    SYS_ftruncate,
	SYS_truncate,	    SYS_memfd_create,
	SYS_shmget,	    SYS_remap_file_pages,
	SYS_io_uring_setup,
};

void set_syscall_classes(struct sensor *skel)
{
	SET_CLASSES(skel->rodata->syscall_classes, native);
	for (size_t i = 0; i < sizeof(memory_syscalls) / sizeof(*memory_syscalls); i++)
		if (memory_syscalls[i] >= 0 && memory_syscalls[i] < SNUG_SYSCALL_MAX)
			skel->rodata->memory_syscalls[memory_syscalls[i]] = 1;
#ifdef __x86_64__
	SET_CLASSES(skel->rodata->syscall_classes, x32);
#endif
	set_compat_syscall_classes(skel);
}

/* The cgroup's hooks are of no use here. */
void set_peer_syscalls(struct sensor *skel)
{
	skel->rodata->peers_by_call = true;
	SET_CLASSES(skel->rodata->syscall_classes, native_peers);
	set_compat_peer_syscalls(skel);
}
