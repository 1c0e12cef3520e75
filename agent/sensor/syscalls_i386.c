// SPDX-License-Identifier: Apache-2.0
/*
 * The classes of i386 system calls, which 64-bit processes can make too, by `int 0x80`. A file by
 * itself: these numbers have the same names as the native ones.
 */
#ifdef __x86_64__
#include <asm/unistd_32.h>
#include "sensor/syscall_table.h"

static const struct syscall_entry entries[] = {
	{ __NR_open, SNUG_CLASS_OPEN },
	{ __NR_creat, SNUG_CLASS_CREAT },
	{ __NR_openat, SNUG_CLASS_OPENAT },
	{ __NR_openat2, SNUG_CLASS_OPENAT2 },
	{ __NR_open_by_handle_at, SNUG_CLASS_OPEN_HANDLE },
	{ __NR_unlink, SNUG_CLASS_UNLINK },
	{ __NR_rmdir, SNUG_CLASS_UNLINK },
	{ __NR_unlinkat, SNUG_CLASS_UNLINKAT },
	{ __NR_rename, SNUG_CLASS_RENAME },
	{ __NR_renameat, SNUG_CLASS_RENAMEAT },
	{ __NR_renameat2, SNUG_CLASS_RENAMEAT2 },
	{ __NR_link, SNUG_CLASS_LINK },
	{ __NR_linkat, SNUG_CLASS_LINKAT },
	{ __NR_symlink, SNUG_CLASS_SYMLINK },
	{ __NR_symlinkat, SNUG_CLASS_SYMLINKAT },
	{ __NR_mkdir, SNUG_CLASS_MAKE },
	{ __NR_mknod, SNUG_CLASS_NODE },
	{ __NR_mkdirat, SNUG_CLASS_MAKEAT },
	{ __NR_mknodat, SNUG_CLASS_NODEAT },
	{ __NR_truncate, SNUG_CLASS_TRUNCATE },
	{ __NR_truncate64, SNUG_CLASS_TRUNCATE },
	{ __NR_setuid, SNUG_CLASS_SETUID },
	{ __NR_setgid, SNUG_CLASS_IDENTITY },
	{ __NR_setreuid, SNUG_CLASS_SETREUID },
	{ __NR_setregid, SNUG_CLASS_IDENTITY },
	{ __NR_setfsuid, SNUG_CLASS_IDENTITY },
	{ __NR_setfsgid, SNUG_CLASS_IDENTITY },
	{ __NR_setresuid, SNUG_CLASS_SETREUID },
	{ __NR_setresgid, SNUG_CLASS_IDENTITY },
	{ __NR_setreuid32, SNUG_CLASS_SETREUID },
	{ __NR_setregid32, SNUG_CLASS_IDENTITY },
	{ __NR_setresuid32, SNUG_CLASS_SETREUID },
	{ __NR_setresgid32, SNUG_CLASS_IDENTITY },
	{ __NR_setuid32, SNUG_CLASS_SETUID },
	{ __NR_setgid32, SNUG_CLASS_IDENTITY },
	{ __NR_setfsuid32, SNUG_CLASS_IDENTITY },
	{ __NR_setfsgid32, SNUG_CLASS_IDENTITY },
	{ __NR_mmap, SNUG_CLASS_MAP_OLD },
	{ __NR_mmap2, SNUG_CLASS_MAP },
	{ __NR_mprotect, SNUG_CLASS_PROTECT },
	{ __NR_pkey_mprotect, SNUG_CLASS_PROTECT },
	{ __NR_listen, SNUG_CLASS_LISTEN },
	{ __NR_socket, SNUG_CLASS_SOCKET },
	{ __NR_connect, SNUG_CLASS_CONNECT },
	{ __NR_socketcall, SNUG_CLASS_SOCKETCALL },
	{ __NR_clone, CALL(CLONE) },
	{ __NR_clone3, SNUG_CLASS_CLONE3 },
	{ __NR_ptrace, CALL(PTRACE) },
	{ __NR_process_vm_writev, CALL(PROCESS_VM_WRITEV) },
	{ __NR_mount, CALL(MOUNT) },
	{ __NR_umount, CALL(UMOUNT) },
	{ __NR_umount2, CALL(UMOUNT) },
	{ __NR_move_mount, CALL(MOVE_MOUNT) },
	{ __NR_fsopen, CALL(FSOPEN) },
	{ __NR_open_tree, CALL(OPEN_TREE) },
	{ __NR_fspick, CALL(FSPICK) },
	{ __NR_fsmount, CALL(FSMOUNT) },
	{ __NR_mount_setattr, CALL(MOUNT_SETATTR) },
	{ __NR_fanotify_init, CALL(FANOTIFY_INIT) },
	{ __NR_pivot_root, CALL(PIVOT_ROOT) },
	{ __NR_chroot, CALL(CHROOT) },
	{ __NR_unshare, CALL(UNSHARE) },
	{ __NR_setns, CALL(SETNS) },
	{ __NR_init_module, CALL(INIT_MODULE) },
	{ __NR_finit_module, CALL(FINIT_MODULE) },
	{ __NR_delete_module, CALL(DELETE_MODULE) },
	{ __NR_bpf, CALL(BPF) },
	{ __NR_perf_event_open, CALL(PERF_EVENT_OPEN) },
	{ __NR_kexec_load, CALL(KEXEC_LOAD) },
	{ __NR_memfd_create, CALL(MEMFD_CREATE) },
	{ __NR_io_uring_setup, CALL(IO_URING_SETUP) },
	{ __NR_add_key, CALL(ADD_KEY) },
	{ __NR_keyctl, CALL(KEYCTL) },
	{ __NR_userfaultfd, CALL(USERFAULTFD) },
	{ __NR_process_vm_readv, CALL(PROCESS_VM_READV) },
	{ __NR_pidfd_getfd, CALL(PIDFD_GETFD) },
	{ __NR_chmod, SNUG_CLASS_CHMOD },
	{ __NR_fchmod, SNUG_CLASS_FCHMOD },
	{ __NR_fchmodat, SNUG_CLASS_CHMODAT },
	{ __NR_fchmodat2, SNUG_CLASS_CHMODAT },
	{ __NR_chown, SNUG_CLASS_CHOWN },
	{ __NR_lchown, SNUG_CLASS_CHOWN },
	{ __NR_fchown, SNUG_CLASS_FCHOWN },
	{ __NR_chown32, SNUG_CLASS_CHOWN },
	{ __NR_lchown32, SNUG_CLASS_CHOWN },
	{ __NR_fchown32, SNUG_CLASS_FCHOWN },
	{ __NR_fchownat, SNUG_CLASS_CHOWNAT },
	{ __NR_setxattr, SNUG_CLASS_SETXATTR },
	{ __NR_lsetxattr, SNUG_CLASS_SETXATTR },
	{ __NR_fsetxattr, SNUG_CLASS_FSETXATTR },
	{ __NR_setxattrat, SNUG_CLASS_SETXATTRAT },
	{ __NR_removexattr, SNUG_CLASS_RMXATTR },
	{ __NR_lremovexattr, SNUG_CLASS_RMXATTR },
	{ __NR_fremovexattr, SNUG_CLASS_FRMXATTR },
	{ __NR_removexattrat, SNUG_CLASS_RMXATTRAT },
	{ __NR_utime, SNUG_CLASS_TIMES },
	{ __NR_utimes, SNUG_CLASS_TIMES },
	{ __NR_futimesat, SNUG_CLASS_TIMESAT },
	{ __NR_utimensat, SNUG_CLASS_TIMESAT },
	{ __NR_utimensat_time64, SNUG_CLASS_TIMESAT_NS },
};

static const struct syscall_entry peer_entries[] = {
	{ __NR_bind, SNUG_CLASS_BIND },
	{ __NR_sendto, SNUG_CLASS_SENDTO },
	{ __NR_sendmsg, SNUG_CLASS_SENDMSG },
	{ __NR_sendmmsg, SNUG_CLASS_SENDMMSG },
};

void set_compat_syscall_classes(struct sensor *skel)
{
	SET_CLASSES(skel->rodata->compat_syscall_classes, entries);
}

void set_compat_peer_syscalls(struct sensor *skel)
{
	SET_CLASSES(skel->rodata->compat_syscall_classes, peer_entries);
}
#endif
