// SPDX-License-Identifier: Apache-2.0
/* The calls that do an act, by each table and by io_uring. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include "acts.h"

#define LOW_SIZE 16384

static long said(long result)
{
	return result < 0 ? -errno : result;
}

static int by_ring(enum via via)
{
	return via >= VIA_RING;
}

/* The 32-bit table takes addresses below 4 GB: the data of this program, which is linked there. */
static char low[LOW_SIZE];
static size_t low_used;

static uint32_t to_low(const void *data, size_t size)
{
	char *at = low + low_used;

	low_used += (size + 15) & ~15ul;
	if (low_used > LOW_SIZE)
		return 0;
	memcpy(at, data, size);
	return (uint32_t)(uintptr_t)at;
}

static uint32_t low_string(const char *string)
{
	return to_low(string, strlen(string) + 1);
}

static long compat(int number, long a, long b, long c, long d)
{
#ifdef __x86_64__
	long result = number;

	low_used = 0;
	asm volatile("int $0x80"
		     : "+a"(result)
		     : "b"(a), "c"(b), "d"(c), "S"(d), "D"(0)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
#else
	return -ENOTSUP;
#endif
}

static long submit(enum via via, const struct io_uring_sqe *operation)
{
	struct __kernel_timespec soon = { .tv_nsec = 2000000 };
	struct io_uring_params params = { .flags = via == VIA_RING_POLL ? IORING_SETUP_SQPOLL : 0,
					  .sq_thread_idle = 200 };
	int ring = syscall(SYS_io_uring_setup, 4, &params), count = via == VIA_RING_LATE ? 2 : 1;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *done;
	unsigned *ended;
	char *queue;

	if (ring < 0)
		return -errno;
	queue = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(*done), PROT_READ | PROT_WRITE,
		     MAP_SHARED, ring, IORING_OFF_SQ_RING);
	entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		       IORING_OFF_SQES);
	if (count == 2)
		entries[0] = (struct io_uring_sqe){ .opcode = IORING_OP_TIMEOUT, .flags = IOSQE_IO_HARDLINK,
						    .fd = -1, .addr = (unsigned long)&soon, .len = 1 };
	entries[count - 1] = *operation;
	if (via == VIA_RING_WORKER)
		entries[0].flags |= IOSQE_ASYNC;
	for (int i = 0; i < count; i++)
		((unsigned *)(queue + params.sq_off.array))[i] = i;
	__atomic_store_n((unsigned *)(queue + params.sq_off.tail), count, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, count, 0,
		    via == VIA_RING_POLL ? IORING_ENTER_SQ_WAKEUP : 0, NULL, 0) < 0)
		return -errno;
	ended = (unsigned *)(queue + params.cq_off.tail);
	/* Work that is left to this process is done as it returns from any call. */
	while (__atomic_load_n(ended, __ATOMIC_ACQUIRE) < (unsigned)count)
		syscall(SYS_getppid);
	done = (struct io_uring_cqe *)(queue + params.cq_off.cqes) + count - 1;
	return done->res;
}

static struct io_uring_sqe operation(int code, int fd, const char *path)
{
	return (struct io_uring_sqe){ .opcode = code, .fd = fd, .addr = (unsigned long)path };
}

long do_open(enum via via, const struct where *where, int flags, int mode)
{
	struct open_how how = { .flags = flags, .mode = flags & O_CREAT ? mode : 0 };
	struct io_uring_sqe open_at = operation(IORING_OP_OPENAT, where->fd, where->path);

	open_at.open_flags = flags;
	open_at.len = mode;
	if (by_ring(via))
		return submit(via, &open_at);
	if (via == VIA_OPENAT2)
		return said(syscall(SYS_openat2, where->fd, where->path, &how, sizeof(how)));
	if (via == VIA_COMPAT)
		return compat(295, where->fd, low_string(where->path), flags, mode);
#ifdef SYS_open
	if (via == VIA_LEGACY && where->fd == AT_FDCWD)
		return said(syscall(SYS_open, where->path, flags, mode));
#endif
	return said(syscall(SYS_openat, where->fd, where->path, flags, mode));
}

long do_unlink(enum via via, const struct where *where, int flags)
{
	struct io_uring_sqe unlink_at = operation(IORING_OP_UNLINKAT, where->fd, where->path);

	unlink_at.unlink_flags = flags;
	if (by_ring(via))
		return submit(via, &unlink_at);
	if (via == VIA_COMPAT)
		return compat(301, where->fd, low_string(where->path), flags, 0);
#ifdef SYS_unlink
	if (via == VIA_LEGACY && where->fd == AT_FDCWD)
		return said(syscall(flags ? SYS_rmdir : SYS_unlink, where->path));
#endif
	return said(syscall(SYS_unlinkat, where->fd, where->path, flags));
}

long do_rename(enum via via, const struct where *from, const char *to)
{
	struct io_uring_sqe rename_at = operation(IORING_OP_RENAMEAT, from->fd, from->path);
	uint32_t old;

	rename_at.len = AT_FDCWD;
	rename_at.addr2 = (unsigned long)to;
	if (by_ring(via))
		return submit(via, &rename_at);
	if (via == VIA_COMPAT) {
		old = low_string(from->path);
		return compat(302, from->fd, old, AT_FDCWD, low_string(to));
	}
#ifdef SYS_rename
	if (via == VIA_LEGACY && from->fd == AT_FDCWD)
		return said(syscall(SYS_rename, from->path, to));
#endif
	return said(syscall(SYS_renameat2, from->fd, from->path, AT_FDCWD, to, 0));
}

long do_link(enum via via, const struct where *from, const char *to)
{
	struct io_uring_sqe link_at = operation(IORING_OP_LINKAT, from->fd, from->path);

	link_at.len = AT_FDCWD;
	link_at.addr2 = (unsigned long)to;
	link_at.hardlink_flags = AT_SYMLINK_FOLLOW;
	if (by_ring(via))
		return submit(via, &link_at);
#ifdef SYS_link
	if (via == VIA_COMPAT && from->fd == AT_FDCWD) {
		uint32_t old = low_string(from->path);

		return compat(9, old, low_string(to), 0, 0);
	}
	if (via == VIA_LEGACY && from->fd == AT_FDCWD)
		return said(syscall(SYS_link, from->path, to));
#endif
	return said(syscall(SYS_linkat, from->fd, from->path, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
}

long do_symlink(enum via via, const char *target, const struct where *at)
{
	struct io_uring_sqe symlink_at = operation(IORING_OP_SYMLINKAT, at->fd, target);
	uint32_t old;

	symlink_at.addr2 = (unsigned long)at->path;
	if (by_ring(via))
		return submit(via, &symlink_at);
	if (via == VIA_COMPAT) {
		old = low_string(target);
		return compat(304, old, at->fd, low_string(at->path), 0);
	}
#ifdef SYS_symlink
	if (via == VIA_LEGACY && at->fd == AT_FDCWD)
		return said(syscall(SYS_symlink, target, at->path));
#endif
	return said(syscall(SYS_symlinkat, target, at->fd, at->path));
}

long do_mkdir(enum via via, const struct where *where)
{
	struct io_uring_sqe mkdir_at = operation(IORING_OP_MKDIRAT, where->fd, where->path);

	mkdir_at.len = 0755;
	if (by_ring(via))
		return submit(via, &mkdir_at);
	if (via == VIA_COMPAT)
		return compat(296, where->fd, low_string(where->path), 0755, 0);
#ifdef SYS_mkdir
	if (via == VIA_LEGACY && where->fd == AT_FDCWD)
		return said(syscall(SYS_mkdir, where->path, 0755));
#endif
	return said(syscall(SYS_mkdirat, where->fd, where->path, 0755));
}

long do_mknod(enum via via, const struct where *where)
{
	if (by_ring(via))
		return -ENOTSUP;
	if (via == VIA_COMPAT)
		return compat(297, where->fd, low_string(where->path), S_IFIFO | 0644, 0);
#ifdef SYS_mknod
	if (via == VIA_LEGACY && where->fd == AT_FDCWD)
		return said(syscall(SYS_mknod, where->path, S_IFIFO | 0644, 0));
#endif
	return said(syscall(SYS_mknodat, where->fd, where->path, S_IFIFO | 0644, 0));
}

long do_chmod(enum via via, const struct where *where, int mode)
{
	struct where file = { AT_FDCWD, "" };

	if (by_ring(via))
		return -ENOTSUP;
	if (via == VIA_OPENAT2) {
		/* By a descriptor of the object. */
		int fd = syscall(SYS_openat, where->fd, where->path, O_PATH);

		snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", fd);
		return said(syscall(SYS_fchmodat, AT_FDCWD, file.path, mode));
	}
	if (via == VIA_COMPAT)
		return compat(306, where->fd, low_string(where->path), mode, 0);
#ifdef SYS_chmod
	if (via == VIA_LEGACY && where->fd == AT_FDCWD)
		return said(syscall(SYS_chmod, where->path, mode));
#endif
	return said(syscall(SYS_fchmodat, where->fd, where->path, mode));
}

/* Back to the first second of all: of access and of modification. */
long do_set_time(enum via via, const struct where *where)
{
	const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	const struct timeval older[2] = { { 1, 0 }, { 1, 0 } };
	const int32_t compat_times[4] = { 1, 0, 1, 0 };
	struct where file = { AT_FDCWD, "" };

	if (by_ring(via))
		return -ENOTSUP;
	if (via == VIA_OPENAT2) {
		/* By a descriptor of the object. */
		int fd = syscall(SYS_openat, where->fd, where->path, O_PATH);

		snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", fd);
		return said(syscall(SYS_utimensat, AT_FDCWD, file.path, times, 0));
	}
	if (via == VIA_COMPAT) {
		uint32_t path = low_string(where->path);

		return compat(320, where->fd, path, to_low(compat_times, sizeof(compat_times)), 0);
	}
#ifdef SYS_utimes
	if (via == VIA_LEGACY && where->fd == AT_FDCWD)
		return said(syscall(SYS_utimes, where->path, older));
#endif
	return said(syscall(SYS_utimensat, where->fd, where->path, times, 0));
}

long do_chown(enum via via, const struct where *where)
{
	if (by_ring(via))
		return -ENOTSUP;
	if (via == VIA_COMPAT)
		return compat(298, where->fd, low_string(where->path), OTHER_USER, OTHER_USER);
	return said(syscall(SYS_fchownat, where->fd, where->path, OTHER_USER, OTHER_USER, 0));
}

/* The calls of before Linux 6.13 take a whole path; a ring takes it too. */
long do_attribute(enum via via, const struct where *where, const char *name, const void *value, int size)
{
	struct io_uring_sqe set = operation(IORING_OP_SETXATTR, 0, name);
	char path[PATH_SIZE];

	whole_path(where, path);
	if (by_ring(via)) {
		set.addr2 = (unsigned long)value;
		set.addr3 = (unsigned long)path;
		set.len = size;
		return submit(via, &set);
	}
	if (via == VIA_COMPAT)
		return compat(226, low_string(path), low_string(name), to_low(value, size), size);
	if (via == VIA_OPENAT2) {
		/* By a descriptor of the object. */
		int fd = syscall(SYS_openat, where->fd, where->path, O_PATH);

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	return said(syscall(SYS_setxattr, path, name, value, size, 0));
}

long do_truncate(enum via via, const struct where *where)
{
	char path[PATH_SIZE];

	if (by_ring(via))
		return -ENOTSUP;
	whole_path(where, path);
	return via == VIA_COMPAT ? compat(92, low_string(path), 0, 0, 0) : said(syscall(SYS_truncate, path, 0));
}

long do_exec(enum via via, const struct where *where, char *const arguments[])
{
	char *const no_environment[] = { NULL };
	uint32_t words[8] = {}, path;
	int fd;

	if (by_ring(via))
		return -ENOTSUP;
	if (via == VIA_COMPAT && where->fd == AT_FDCWD) {
		path = low_string(where->path);
		for (int i = 0; i < 7 && arguments[i]; i++)
			words[i] = low_string(arguments[i]);
		return compat(11, path, to_low(words, sizeof(words)), 0, 0);
	}
	/* By a descriptor of the object. */
	if (via == VIA_OPENAT2) {
		fd = syscall(SYS_openat, where->fd, where->path, O_PATH);
		return said(syscall(SYS_execveat, fd, "", arguments, no_environment, AT_EMPTY_PATH));
	}
	if (via == VIA_LEGACY && where->fd == AT_FDCWD)
		return said(syscall(SYS_execve, where->path, arguments, no_environment));
	return said(syscall(SYS_execveat, where->fd, where->path, arguments, no_environment, 0));
}

#define SOCKETCALL 102

static long socket_call(int number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
	uint32_t words[] = { a, b, c, d, e, f };

	return compat(SOCKETCALL, number, to_low(words, sizeof(words)), 0, 0);
}

long do_socket(enum via via, int family, int type, int protocol)
{
	struct io_uring_sqe made = { .opcode = IORING_OP_SOCKET, .fd = family, .off = type, .len = protocol };

	if (by_ring(via))
		return submit(via, &made);
	if (via == VIA_COMPAT)
		return socket_call(1, family, type, protocol, 0, 0, 0);
	return said(syscall(SYS_socket, family, type, protocol));
}

long do_connect(enum via via, int fd, const void *address, int size)
{
	struct io_uring_sqe connect = operation(IORING_OP_CONNECT, fd, address);

	connect.off = size;
	if (by_ring(via))
		return submit(via, &connect);
	if (via == VIA_COMPAT)
		return socket_call(3, fd, to_low(address, size), size, 0, 0, 0);
	return said(syscall(SYS_connect, fd, address, size));
}

long do_bind(enum via via, int fd, const void *address, int size)
{
	struct io_uring_sqe bind = operation(IORING_OP_BIND, fd, address);

	bind.off = size;
	if (by_ring(via))
		return submit(via, &bind);
	if (via == VIA_COMPAT)
		return socket_call(2, fd, to_low(address, size), size, 0, 0, 0);
	return said(syscall(SYS_bind, fd, address, size));
}

long do_listen(enum via via, int fd)
{
	struct io_uring_sqe listen = { .opcode = IORING_OP_LISTEN, .fd = fd, .len = 4 };

	if (by_ring(via))
		return submit(via, &listen);
	if (via == VIA_COMPAT)
		return socket_call(4, fd, 4, 0, 0, 0, 0);
	return said(syscall(SYS_listen, fd, 4));
}

long do_send(enum via via, int fd, const void *address, int size, int flags)
{
	struct iovec data = { "x", 1 };
	struct mmsghdr message = { .msg_hdr = { .msg_name = (void *)address, .msg_namelen = size,
						.msg_iov = &data, .msg_iovlen = 1 } };
	struct io_uring_sqe send = operation(IORING_OP_SENDMSG, fd, (void *)&message.msg_hdr);

	send.len = 1;
	send.msg_flags = flags;
	if (by_ring(via))
		return submit(via, &send);
	if (via == VIA_COMPAT)
		return socket_call(11, fd, low_string("x"), 1, flags, to_low(address, size), size);
	if (via == VIA_LEGACY)
		return said(syscall(SYS_sendmsg, fd, &message.msg_hdr, flags));
	if (via == VIA_OPENAT2)
		return said(syscall(SYS_sendmmsg, fd, &message, 1, flags));
	return said(syscall(SYS_sendto, fd, "x", 1, flags, address, size));
}

long do_numbers(enum via via, int native, int number, long a, long b, long c)
{
	if (by_ring(via))
		return -ENOTSUP;
	return via == VIA_COMPAT ? compat(number, a, b, c, 0) : said(syscall(native, a, b, c, 0, 0, 0));
}

long do_string(enum via via, int native, int number, const char *string, long b)
{
	if (by_ring(via))
		return -ENOTSUP;
	return via == VIA_COMPAT ? compat(number, low_string(string), b, 0, 0) :
				   said(syscall(native, string, b, 0, 0, 0, 0));
}

long do_mount(enum via via, const char *path)
{
	uint32_t none, at, type;

	if (by_ring(via))
		return -ENOTSUP;
	if (via != VIA_COMPAT)
		return said(syscall(SYS_mount, "none", path, "tmpfs", 0, NULL));
	none = low_string("none");
	at = low_string(path);
	type = low_string("tmpfs");
	return compat(21, none, at, type, 0);
}

long do_open_tree(enum via via, const char *path)
{
	if (via == VIA_COMPAT)
		return compat(428, AT_FDCWD, low_string(path), 1 /* clone */, 0);
	return said(syscall(SYS_open_tree, AT_FDCWD, path, 1));
}
