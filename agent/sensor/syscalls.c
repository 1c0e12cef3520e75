// SPDX-License-Identifier: Apache-2.0
/* Which system call is of which class: by the numbers of the machine this is compiled for. */
#include <sys/syscall.h>
#include "sensor/sensor.h"

struct entry {
	int number;
	int class;
};

#define CALL(name) (SNUG_CLASS_CALL + SNUG_CALL_##name)
#define NR_FCHMODAT2 452	/* on every machine, and newer than some headers */

static const struct entry native[] = {
#ifdef SYS_open
	{ SYS_open, SNUG_CLASS_OPEN },
	{ SYS_creat, SNUG_CLASS_CREAT },
	{ SYS_unlink, SNUG_CLASS_UNLINK },
	{ SYS_rmdir, SNUG_CLASS_UNLINK },
	{ SYS_rename, SNUG_CLASS_RENAME },
	{ SYS_link, SNUG_CLASS_LINK },
	{ SYS_symlink, SNUG_CLASS_SYMLINK },
	{ SYS_mkdir, SNUG_CLASS_MAKE },
	{ SYS_mknod, SNUG_CLASS_MAKE },
	{ SYS_chmod, SNUG_CLASS_CHMOD },
	{ SYS_utime, SNUG_CLASS_TIMES },
	{ SYS_utimes, SNUG_CLASS_TIMES },
	{ SYS_futimesat, SNUG_CLASS_TIMESAT },
#endif
	{ SYS_openat, SNUG_CLASS_OPENAT },
	{ SYS_openat2, SNUG_CLASS_OPENAT2 },
	{ SYS_open_by_handle_at, SNUG_CLASS_OPEN_HANDLE },
	{ SYS_unlinkat, SNUG_CLASS_UNLINKAT },
#ifdef SYS_renameat
	{ SYS_renameat, SNUG_CLASS_RENAMEAT },
#endif
	{ SYS_renameat2, SNUG_CLASS_RENAMEAT },
	{ SYS_linkat, SNUG_CLASS_LINKAT },
	{ SYS_symlinkat, SNUG_CLASS_SYMLINKAT },
	{ SYS_mkdirat, SNUG_CLASS_MAKEAT },
	{ SYS_mknodat, SNUG_CLASS_MAKEAT },
	{ SYS_truncate, SNUG_CLASS_TRUNCATE },
	{ SYS_fchmod, SNUG_CLASS_FCHMOD },
	{ SYS_fchmodat, SNUG_CLASS_CHMODAT },
	{ NR_FCHMODAT2, SNUG_CLASS_CHMODAT },
	{ SYS_utimensat, SNUG_CLASS_TIMESAT_NS },
	{ SYS_setuid, SNUG_CLASS_IDENTITY },
	{ SYS_setgid, SNUG_CLASS_IDENTITY },
	{ SYS_setreuid, SNUG_CLASS_IDENTITY },
	{ SYS_setregid, SNUG_CLASS_IDENTITY },
	{ SYS_setresuid, SNUG_CLASS_IDENTITY },
	{ SYS_setresgid, SNUG_CLASS_IDENTITY },
	{ SYS_setfsuid, SNUG_CLASS_IDENTITY },
	{ SYS_setfsgid, SNUG_CLASS_IDENTITY },
	{ SYS_listen, SNUG_CLASS_LISTEN },
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
};

#ifdef __x86_64__
/* `int 0x80`, from a 64-bit process too: the i386 table. */
static const struct entry compat[] = {
	{ 5, SNUG_CLASS_OPEN },		{ 8, SNUG_CLASS_CREAT },
	{ 295, SNUG_CLASS_OPENAT },	{ 437, SNUG_CLASS_OPENAT2 },
	{ 342, SNUG_CLASS_OPEN_HANDLE }, { 10, SNUG_CLASS_UNLINK },
	{ 40, SNUG_CLASS_UNLINK },	{ 301, SNUG_CLASS_UNLINKAT },
	{ 38, SNUG_CLASS_RENAME },	{ 302, SNUG_CLASS_RENAMEAT },
	{ 353, SNUG_CLASS_RENAMEAT },	{ 9, SNUG_CLASS_LINK },
	{ 303, SNUG_CLASS_LINKAT },	{ 83, SNUG_CLASS_SYMLINK },
	{ 304, SNUG_CLASS_SYMLINKAT },	{ 39, SNUG_CLASS_MAKE },
	{ 14, SNUG_CLASS_MAKE },	{ 296, SNUG_CLASS_MAKEAT },
	{ 297, SNUG_CLASS_MAKEAT },	{ 92, SNUG_CLASS_TRUNCATE },
	{ 193, SNUG_CLASS_TRUNCATE },	{ 23, SNUG_CLASS_IDENTITY },
	{ 46, SNUG_CLASS_IDENTITY },	{ 70, SNUG_CLASS_IDENTITY },
	{ 71, SNUG_CLASS_IDENTITY },	{ 138, SNUG_CLASS_IDENTITY },
	{ 139, SNUG_CLASS_IDENTITY },	{ 164, SNUG_CLASS_IDENTITY },
	{ 170, SNUG_CLASS_IDENTITY },	{ 203, SNUG_CLASS_IDENTITY },
	{ 204, SNUG_CLASS_IDENTITY },	{ 208, SNUG_CLASS_IDENTITY },
	{ 210, SNUG_CLASS_IDENTITY },	{ 213, SNUG_CLASS_IDENTITY },
	{ 214, SNUG_CLASS_IDENTITY },	{ 215, SNUG_CLASS_IDENTITY },
	{ 216, SNUG_CLASS_IDENTITY },	{ 363, SNUG_CLASS_LISTEN },
	{ 362, SNUG_CLASS_CONNECT },	{ 102, SNUG_CLASS_SOCKETCALL },
	{ 120, CALL(CLONE) },		{ 435, SNUG_CLASS_CLONE3 },
	{ 26, CALL(PTRACE) },		{ 348, CALL(PROCESS_VM_WRITEV) },
	{ 21, CALL(MOUNT) },		{ 22, CALL(UMOUNT) },
	{ 52, CALL(UMOUNT) },		{ 429, CALL(MOVE_MOUNT) },
	{ 430, CALL(FSOPEN) },		{ 428, CALL(OPEN_TREE) },
	{ 217, CALL(PIVOT_ROOT) },	{ 61, CALL(CHROOT) },
	{ 310, CALL(UNSHARE) },		{ 346, CALL(SETNS) },
	{ 128, CALL(INIT_MODULE) },	{ 350, CALL(FINIT_MODULE) },
	{ 129, CALL(DELETE_MODULE) },	{ 357, CALL(BPF) },
	{ 336, CALL(PERF_EVENT_OPEN) },	{ 283, CALL(KEXEC_LOAD) },
	{ 356, CALL(MEMFD_CREATE) },	{ 425, CALL(IO_URING_SETUP) },
	{ 286, CALL(ADD_KEY) },		{ 288, CALL(KEYCTL) },
	{ 15, SNUG_CLASS_CHMOD },	{ 94, SNUG_CLASS_FCHMOD },
	{ 306, SNUG_CLASS_CHMODAT },	{ NR_FCHMODAT2, SNUG_CLASS_CHMODAT },
	{ 30, SNUG_CLASS_TIMES },	{ 271, SNUG_CLASS_TIMES },
	{ 299, SNUG_CLASS_TIMESAT },	{ 320, SNUG_CLASS_TIMESAT },
	{ 412, SNUG_CLASS_TIMESAT_NS },
};
#endif

/* Where peers are told by calls. */
static const struct entry native_peers[] = {
	{ SYS_bind, SNUG_CLASS_BIND },
	{ SYS_sendto, SNUG_CLASS_SENDTO },
	{ SYS_sendmsg, SNUG_CLASS_SENDMSG },
	{ SYS_sendmmsg, SNUG_CLASS_SENDMMSG },
};

#ifdef __x86_64__
static const struct entry compat_peers[] = {
	{ 361, SNUG_CLASS_BIND },
	{ 369, SNUG_CLASS_SENDTO },
	{ 370, SNUG_CLASS_SENDMSG },
	{ 345, SNUG_CLASS_SENDMMSG },
};
#endif

static const int memory_syscalls[] = {
#ifdef SYS_fork
	SYS_fork, SYS_vfork,
#endif
	SYS_clone, SYS_clone3, SYS_execve, SYS_execveat, SYS_mmap, SYS_mremap, SYS_mprotect, SYS_brk,
	SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_sendfile, SYS_splice,
	SYS_copy_file_range, SYS_fallocate, SYS_ftruncate, SYS_truncate, SYS_memfd_create, SYS_shmget,
	SYS_remap_file_pages, SYS_io_uring_setup,
};

#define SET(table, entries)                                                         \
	for (size_t i = 0; i < sizeof(entries) / sizeof(*(entries)); i++)           \
		if ((entries)[i].number >= 0 && (entries)[i].number < SNUG_SYSCALL_MAX)     \
			(table)[(entries)[i].number] = (entries)[i].class

void set_syscall_classes(struct sensor *skel)
{
	SET(skel->rodata->syscall_classes, native);
	for (size_t i = 0; i < sizeof(memory_syscalls) / sizeof(*memory_syscalls); i++)
		if (memory_syscalls[i] >= 0 && memory_syscalls[i] < SNUG_SYSCALL_MAX)
			skel->rodata->memory_syscalls[memory_syscalls[i]] = 1;
#ifdef __x86_64__
	SET(skel->rodata->compat_syscall_classes, compat);
#endif
}

/* The cgroup's hooks are of no use here. */
void set_peer_calls(struct sensor *skel)
{
	skel->rodata->peers_by_call = true;
	SET(skel->rodata->syscall_classes, native_peers);
#ifdef __x86_64__
	SET(skel->rodata->compat_syscall_classes, compat_peers);
#endif
}
