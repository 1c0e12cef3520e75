// SPDX-License-Identifier: Apache-2.0
/*
 * The classes of the system calls of AArch32, whose programs run on arm64 too. The headers of arm64
 * have no names for them: the numbers are those of arch/arm/tools/syscall.tbl.
 */
#ifdef __aarch64__
#include "sensor/syscall_table.h"

static const struct syscall_entry entries[] = {
	{ 5, SNUG_CLASS_OPEN },		  /* open */
	{ 8, SNUG_CLASS_CREAT },	  /* creat */
	{ 322, SNUG_CLASS_OPENAT },	  /* openat */
	{ 437, SNUG_CLASS_OPENAT2 },	  /* openat2 */
	{ 371, SNUG_CLASS_OPEN_HANDLE },  /* open_by_handle_at */
	{ 10, SNUG_CLASS_UNLINK },	  /* unlink */
	{ 40, SNUG_CLASS_UNLINK },	  /* rmdir */
	{ 328, SNUG_CLASS_UNLINKAT },	  /* unlinkat */
	{ 38, SNUG_CLASS_RENAME },	  /* rename */
	{ 329, SNUG_CLASS_RENAMEAT },	  /* renameat */
	{ 382, SNUG_CLASS_RENAMEAT2 },	  /* renameat2 */
	{ 9, SNUG_CLASS_LINK },		  /* link */
	{ 330, SNUG_CLASS_LINKAT },	  /* linkat */
	{ 83, SNUG_CLASS_SYMLINK },	  /* symlink */
	{ 331, SNUG_CLASS_SYMLINKAT },	  /* symlinkat */
	{ 39, SNUG_CLASS_MAKE },	  /* mkdir */
	{ 14, SNUG_CLASS_NODE },	  /* mknod */
	{ 323, SNUG_CLASS_MAKEAT },	  /* mkdirat */
	{ 324, SNUG_CLASS_NODEAT },	  /* mknodat */
	{ 92, SNUG_CLASS_TRUNCATE },	  /* truncate */
	{ 193, SNUG_CLASS_TRUNCATE },	  /* truncate64 */
	{ 23, SNUG_CLASS_SETUID },	  /* setuid */
	{ 46, SNUG_CLASS_IDENTITY },	  /* setgid */
	{ 70, SNUG_CLASS_SETREUID },	  /* setreuid */
	{ 71, SNUG_CLASS_IDENTITY },	  /* setregid */
	{ 138, SNUG_CLASS_IDENTITY },	  /* setfsuid */
	{ 139, SNUG_CLASS_IDENTITY },	  /* setfsgid */
	{ 164, SNUG_CLASS_SETREUID },	  /* setresuid */
	{ 170, SNUG_CLASS_IDENTITY },	  /* setresgid */
	{ 203, SNUG_CLASS_SETREUID },	  /* setreuid32 */
	{ 204, SNUG_CLASS_IDENTITY },	  /* setregid32 */
	{ 208, SNUG_CLASS_SETREUID },	  /* setresuid32 */
	{ 210, SNUG_CLASS_IDENTITY },	  /* setresgid32 */
	{ 213, SNUG_CLASS_SETUID },	  /* setuid32 */
	{ 214, SNUG_CLASS_IDENTITY },	  /* setgid32 */
	{ 215, SNUG_CLASS_IDENTITY },	  /* setfsuid32 */
	{ 216, SNUG_CLASS_IDENTITY },	  /* setfsgid32 */
	{ 192, SNUG_CLASS_MAP },	  /* mmap2 */
	{ 125, SNUG_CLASS_PROTECT },	  /* mprotect */
	{ 394, SNUG_CLASS_PROTECT },	  /* pkey_mprotect */
	{ 284, SNUG_CLASS_LISTEN },	  /* listen */
	{ 281, SNUG_CLASS_SOCKET },	  /* socket */
	{ 283, SNUG_CLASS_CONNECT },	  /* connect */
	{ 120, CALL(CLONE) },		  /* clone */
	{ 435, SNUG_CLASS_CLONE3 },	  /* clone3 */
	{ 26, CALL(PTRACE) },		  /* ptrace */
	{ 377, CALL(PROCESS_VM_WRITEV) }, /* process_vm_writev */
	{ 21, CALL(MOUNT) },		  /* mount */
	{ 52, CALL(UMOUNT) },		  /* umount2 */
	{ 429, CALL(MOVE_MOUNT) },	  /* move_mount */
	{ 430, CALL(FSOPEN) },		  /* fsopen */
	{ 428, CALL(OPEN_TREE) },	  /* open_tree */
	{ 433, CALL(FSPICK) },		  /* fspick */
	{ 432, CALL(FSMOUNT) },		  /* fsmount */
	{ 442, CALL(MOUNT_SETATTR) },	  /* mount_setattr */
	{ 367, CALL(FANOTIFY_INIT) },	  /* fanotify_init */
	{ 218, CALL(PIVOT_ROOT) },	  /* pivot_root */
	{ 61, CALL(CHROOT) },		  /* chroot */
	{ 337, CALL(UNSHARE) },		  /* unshare */
	{ 375, CALL(SETNS) },		  /* setns */
	{ 128, CALL(INIT_MODULE) },	  /* init_module */
	{ 379, CALL(FINIT_MODULE) },	  /* finit_module */
	{ 129, CALL(DELETE_MODULE) },	  /* delete_module */
	{ 386, CALL(BPF) },		  /* bpf */
	{ 364, CALL(PERF_EVENT_OPEN) },	  /* perf_event_open */
	{ 347, CALL(KEXEC_LOAD) },	  /* kexec_load */
	{ 401, CALL(KEXEC_LOAD) },	  /* kexec_file_load */
	{ 385, CALL(MEMFD_CREATE) },	  /* memfd_create */
	{ 425, CALL(IO_URING_SETUP) },	  /* io_uring_setup */
	{ 309, CALL(ADD_KEY) },		  /* add_key */
	{ 311, CALL(KEYCTL) },		  /* keyctl */
	{ 388, CALL(USERFAULTFD) },	  /* userfaultfd */
	{ 376, CALL(PROCESS_VM_READV) },  /* process_vm_readv */
	{ 438, CALL(PIDFD_GETFD) },	  /* pidfd_getfd */
	{ 15, SNUG_CLASS_CHMOD },	  /* chmod */
	{ 94, SNUG_CLASS_FCHMOD },	  /* fchmod */
	{ 333, SNUG_CLASS_CHMODAT },	  /* fchmodat */
	{ 452, SNUG_CLASS_CHMODAT },	  /* fchmodat2 */
	{ 182, SNUG_CLASS_CHOWN },	  /* chown */
	{ 16, SNUG_CLASS_CHOWN },	  /* lchown */
	{ 95, SNUG_CLASS_FCHOWN },	  /* fchown */
	{ 212, SNUG_CLASS_CHOWN },	  /* chown32 */
	{ 198, SNUG_CLASS_CHOWN },	  /* lchown32 */
	{ 207, SNUG_CLASS_FCHOWN },	  /* fchown32 */
	{ 325, SNUG_CLASS_CHOWNAT },	  /* fchownat */
	{ 226, SNUG_CLASS_SETXATTR },	  /* setxattr */
	{ 227, SNUG_CLASS_SETXATTR },	  /* lsetxattr */
	{ 228, SNUG_CLASS_FSETXATTR },	  /* fsetxattr */
	{ 463, SNUG_CLASS_SETXATTRAT },	  /* setxattrat */
	{ 235, SNUG_CLASS_RMXATTR },	  /* removexattr */
	{ 236, SNUG_CLASS_RMXATTR },	  /* lremovexattr */
	{ 237, SNUG_CLASS_FRMXATTR },	  /* fremovexattr */
	{ 466, SNUG_CLASS_RMXATTRAT },	  /* removexattrat */
	{ 269, SNUG_CLASS_TIMES },	  /* utimes */
	{ 326, SNUG_CLASS_TIMESAT },	  /* futimesat */
	{ 348, SNUG_CLASS_TIMESAT },	  /* utimensat */
	{ 412, SNUG_CLASS_TIMESAT_NS },	  /* utimensat_time64 */
};

static const struct syscall_entry peer_entries[] = {
	{ 282, SNUG_CLASS_BIND },     /* bind */
	{ 290, SNUG_CLASS_SENDTO },   /* sendto */
	{ 296, SNUG_CLASS_SENDMSG },  /* sendmsg */
	{ 374, SNUG_CLASS_SENDMMSG }, /* sendmmsg */
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
