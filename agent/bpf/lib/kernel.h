/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of kernel structures that the programs read. CO-RE finds where they are on the running
 * kernel, so the build needs neither its BTF nor its headers.
 */
#ifndef SNUG_KERNEL_H
#define SNUG_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const unsigned char *name;
};

struct seqcount {
	u32 sequence;
};

struct rcu_state {
	unsigned long gp_seq;
	unsigned long expedited_sequence;
};

struct file_system_type {
	int fs_flags;
};

struct super_block {
	u32 s_dev;
	struct file_system_type *s_type;
	unsigned long s_flags;
	unsigned long s_magic;
	struct dentry *s_root;
};

typedef struct {
	u32 val;
} kuid_t;

struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	u32 i_rdev;
	unsigned long i_ino;
	s64 i_size;
	u32 i_generation;
	struct super_block *i_sb;
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

/* When a file was changed last: since Linux 6.11, since 6.6, and before. */
struct inode___since_6_11 {
	s64 i_ctime_sec;
	u32 i_ctime_nsec;
};

struct inode___since_6_6 {
	struct timespec64 __i_ctime;
};

struct inode___before_6_6 {
	struct timespec64 i_ctime;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};

struct mount {
	struct mount *mnt_parent;
	struct mnt_namespace *mnt_ns;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

/* What a process is still to do before it returns from a system call, the last one first. */
struct callback_head {
	struct callback_head *next;
};

/* The same of a file that nobody holds any more: since Linux 6.7, since 6.0, and before. */
struct file___since_6_7 {
	struct callback_head f_task_work;
};

struct file___since_6_0 {
	struct callback_head f_rcuhead;
};

struct file___before_6_0 {
	struct callback_head f_u;
};

/* Since Linux 6.8: what is mapped of an overlay is its layer's file, with the path above it. */
struct backing_file {
	struct path user_path;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct vm_area_struct *vm_next; /* before Linux 6.1 */
	struct file *vm_file;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	atomic64_t refcnt;
} file_ref_t;

/* Who holds a file: since Linux 6.13 one less than the references, before that their number. */
struct file___since_6_13 {
	file_ref_t f_ref;
};

struct file___before_6_13 {
	atomic64_t f_count;
};

struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};

struct fs_struct {
	int users;
	struct path root;
	struct path pwd;
};

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

typedef struct {
	u32 val;
} kgid_t;

/* Two words of 32 bits before Linux 6.3, then one of 64: on little-endian machines the same. */
typedef struct {
	u64 val;
} kernel_cap_t;

struct uid_gid_extent {
	u32 first;
	u32 lower_first;
	u32 count;
};

struct uid_gid_map {
	struct uid_gid_extent extent[5];
	u32 nr_extents;
	struct uid_gid_extent *forward;
};

struct user_namespace {
	struct uid_gid_map uid_map;
	struct uid_gid_map gid_map;
	struct user_namespace *parent;
	int level;
	kuid_t owner;
};

struct cred {
	kuid_t uid;
	kuid_t suid;
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

struct tty_struct;
struct io_uring_task;

#define SIGNAL_UNKILLABLE 0x40 /* of the first process of a pid namespace */

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1]; /* by PID namespace, from the host's inwards */
};

struct signal_struct {
	struct tty_struct *tty;
	unsigned int flags;
};

struct mm_struct {
	struct task_struct *owner;
	struct file *exe_file;
	struct vm_area_struct *mmap; /* before Linux 6.1 */
	unsigned long arg_start;
	unsigned long arg_end;
};

struct thread_info {
	unsigned long flags;
	u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	unsigned int personality;
	int pid;
	int tgid;
	u64 start_time;
	u64 self_exec_id; /* counts its executions */
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	const struct cred *cred;
	const struct cred *real_cred;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct io_uring_task *io_uring; /* of a process that has used one */
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct callback_head *task_works;
};

struct linux_binprm {
	struct file *executable; /* a program that another one interprets, by descriptor */
	struct file *file;
	const char *filename;
	const char *interp;
	struct cred *cred;
};

struct kernfs_node {
	const char *name;
	u64 id;
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

/* Those above a cgroup and itself, by level: since Linux 6.1, and before that their ids. */
struct cgroup___since_6_1 {
	struct cgroup *ancestors[1];
};

struct cgroup___before_6_1 {
	u64 ancestor_ids[1];
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct in6_addr {
	union {
		u8 u6_addr8[16];
		u32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	atomic64_t skc_cookie;
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct kernel_siginfo {
	int si_code;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
	unsigned int msg_flags;
};

struct unix_address {
	int len;
};

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
};

struct filename {
	const char *name;
};

struct io_kiocb {
	u8 opcode;
};

/* Only what it begins with; where an operation keeps its path differs by operation. */
struct io_open {
	int dfd;
	struct filename *filename;
};

struct io_unlink {
	int dfd;
	struct filename *filename;
};

struct io_mkdir {
	int dfd;
	struct filename *filename;
};

struct io_link {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
};

struct io_rename {
	int old_dfd;
	struct filename *oldpath;
	struct filename *newpath;
};

struct io_xattr {
	struct filename *filename;
};

/* The same since Linux 7.0. */
struct delayed_filename {
	struct filename *name;
};

struct io_open___delayed {
	struct delayed_filename filename;
};

struct io_unlink___delayed {
	struct delayed_filename filename;
};

struct io_mkdir___delayed {
	struct delayed_filename filename;
};

struct io_link___delayed {
	struct delayed_filename oldpath;
	struct delayed_filename newpath;
};

struct io_rename___delayed {
	struct delayed_filename oldpath;
};

struct io_xattr___delayed {
	struct delayed_filename filename;
};

struct bpf_map;

struct bpf_iter__bpf_map_elem {
	void *key;
	void *value;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
};
#define REGISTERS_IP(regs) READ(regs, ip)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 pc;
	u64 orig_x0;
	s32 syscallno;
};
#define REGISTERS_IP(regs) READ(regs, pc)
#else
#error "add the registers of this machine"
#endif

#pragma clang attribute pop

/* Numbers of the kernel's that are no part of its BTF. */
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_PATH 0x4000
#define FMODE_CREATED 0x100000
#define O_ACCMODE 3
#define O_RDONLY 0
#define O_WRONLY 1
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_PATH 010000000
#define OPENED_TO_RUN 0x20 /* __FMODE_EXEC of f_flags: no process can set it */

#define SB_NOUSER (1ul << 31)
#define SB_RDONLY 1ul
#define FS_REQUIRES_DEV 1
#define MNT_READONLY 0x40
#define CTIME_NSEC 0x3fffffff /* the highest bit is a flag since Linux 6.13 */
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define FUSE_SUPER_MAGIC 0x65735546
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define DEBUGFS_MAGIC 0x64626720
#define SECURITYFS_MAGIC 0x73636673
#define BINFMTFS_MAGIC 0x42494e4d
#define ANON_INODE_FS_MAGIC 0x09041934
#define NR_IO_URING_ENTER 426 /* on every machine */
#if defined(__TARGET_ARCH_x86)
#define NR_EXECVE 59
#define NR_EXECVEAT 322
#else
#define NR_EXECVE 221
#define NR_EXECVEAT 281
#endif
/* A system call of the x32 table: the 64-bit one with this bit set. */
#define X32_SYSCALL_BIT 0x40000000u
/* Operations of i386's socketcall (linux/net.h). */
#define SYS_SOCKET 1
#define SYS_BIND 2
#define SYS_CONNECT 3
#define SYS_LISTEN 4
#define SYS_SENDTO 11
#define SYS_SENDMSG 16
#define SYS_SENDMMSG 20
/* Bytes of a struct mmsghdr, of a 64-bit and of a 32-bit caller. */
#define MMSGHDR_SIZE 64
#define MMSGHDR_SIZE_COMPAT 32

#define PROT_READ 1
#define PROT_EXEC 4
#define READ_IMPLIES_EXEC 0x0400000 /* of a process's personality */
#define CAP_CHOWN 0
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000
#define PF_KTHREAD 0x00200000
#define TS_COMPAT 0x0002
#define TIF_32BIT (1ul << 22) /* of arm64: a process of AArch32 */
#define AT_FDCWD -100
#define AT_SYMLINK_FOLLOW 0x400
#define AT_EMPTY_PATH 0x1000
#define RENAME_EXCHANGE 2
#define MAX_ERRNO 4095
#define EPERM 1
#define SIGKILL 9
#define EACCES 13
#define EBUSY 16
#define EROFS 30
#define EINVAL 22
#define EINPROGRESS 115
#define IPPROTO_MPTCP 262
#define MSG_FASTOPEN 0x20000000
#define EEXIST 17
#define ENOENT 2
#define ECONNREFUSED 111
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_TYPE_MASK 0xf

#endif
