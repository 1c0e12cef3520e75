// SPDX-License-Identifier: Apache-2.0
/* The acts. Each ends with what an attacker would do with its result, so that the effect shows from outside. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include "acts.h"

#define TOKEN "token-"
#define CODE_SIZE 4096

/* A list of rights: another user may read and write. */
static const struct {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[5];
} rights = { { POSIX_ACL_XATTR_VERSION },
	     { { ACL_USER_OBJ, 6, -1 },
	       { ACL_USER, 6, OTHER_USER },
	       { ACL_GROUP_OBJ, 4, -1 },
	       { ACL_MASK, 6, -1 },
	       { ACL_OTHER, 4, -1 } } };

/* Effective ones of version 2: to bind low ports. */
static const unsigned capabilities[5] = { 0x02000001, 1 << 10 };

/* Reads what a descriptor gives, and writes where it may. */
void take(int fd)
{
	char bytes[sizeof(shared->leak)] = "";
	struct stat info;
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0 || mode & O_PATH || fstat(fd, &info))
		return;
	if (S_ISSOCK(info.st_mode) && shared->wants_socket)
		shared->went_on = 1;
	if (!S_ISREG(info.st_mode))
		return;
	if (pread(fd, bytes, sizeof(bytes) - 1, 0) > 0 && !strncmp(bytes, TOKEN, strlen(TOKEN)))
		memcpy((void *)shared->leak, bytes, sizeof(bytes));
	if ((mode & O_ACCMODE) != O_RDONLY && pwrite(fd, "owned", 5, 0) == 5)
		shared->went_on = 1;
}

void scavenge(int from)
{
	for (int fd = from; fd < from + 8; fd++)
		take(fd);
}

int next_descriptor(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static long file_act(const struct composition *it, const struct where *object)
{
	char alias[PATH_SIZE], path[PATH_SIZE];
	struct where made = { AT_FDCWD, "" };
	long result;

	put_alias(alias, it->slot, 0);
	strcpy(made.path, alias);
	whole_path(object, path);
#define IS(name) (!strcmp(it->act, name))
	if (IS("read") || IS("write") || IS("read-write") || IS("empty") || IS("create")) {
		int flags = IS("read") ? O_RDONLY : IS("write") ? O_WRONLY : IS("read-write") ? O_RDWR :
			    IS("empty")				? O_WRONLY | O_TRUNC :
								  O_WRONLY | O_CREAT | O_EXCL;

		result = do_open(it->via, object, flags, 0600);
		if (result >= 0)
			take(result);
		return result < 0 ? result : 0;
	}
	if (IS("unlink"))
		return do_unlink(it->via, object, 0);
	if (IS("rmdir"))
		return do_unlink(it->via, object, AT_REMOVEDIR);
	if (IS("rename"))
		return do_rename(it->via, object, alias);
	if (IS("link"))
		return do_link(it->via, object, alias);
	if (IS("symlink"))
		return do_symlink(it->via, "/data/ordinary", object);
	if (IS("mkdir"))
		return do_mkdir(it->via, object);
	if (IS("mknod"))
		return do_mknod(it->via, object);
	if (IS("setuid-bit"))
		return do_chmod(it->via, object, 04755);
	if (IS("set-time"))
		return do_set_time(it->via, object);
	if (IS("chown"))
		return do_chown(it->via, object);
	if (IS("rights"))
		return do_attribute(it->via, object, RIGHTS, &rights, sizeof(rights));
	if (IS("file-capabilities"))
		return do_attribute(it->via, object, CAPABILITIES, capabilities, sizeof(capabilities));
	if (IS("truncate"))
		return do_truncate(it->via, object);
	return -ENOSYS;
}

/* A file that the image did not ship becomes code of this process. It was opened before: see `open_dropped`. */
static long map_code(const struct composition *it)
{
	int fd = FIRST_DROPPED + it->slot, later = IS("map-later");
	char *code = mmap(NULL, CODE_SIZE, later ? PROT_READ : PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (code == MAP_FAILED || (later && mprotect(code, CODE_SIZE, PROT_READ | PROT_EXEC)))
		return -errno;
	return 0;
}

static long run_program(const struct composition *it, const struct where *object)
{
	char name[32], path[PATH_SIZE];
	struct where memory = { AT_FDCWD, "" };
	char *const arguments[] = { name, NULL };
	int from, fd;
	struct stat info;

	snprintf(name, sizeof(name), "s%d", it->slot);
	if (strcmp(it->act, "exec-memory"))
		return do_exec(it->via, object, arguments);
	from = open("/data/program", O_RDONLY);
	fd = memfd_create("ordinary", MFD_CLOEXEC);
	if (from < 0 || fd < 0 || fstat(from, &info))
		return -errno;
	while (sendfile(fd, from, NULL, info.st_size) > 0)
		;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	strcpy(memory.path, path);
	return do_exec(it->via, &memory, arguments);
}

/* How the address of a peer is written. */
static int address_of(const struct composition *it, struct sockaddr_storage *address, int *family)
{
	const char *form = *it->names[0] ? it->names[0] : "v4";
	struct sockaddr_in *four = (void *)address;
	struct sockaddr_in6 *six = (void *)address;
	int port = htons(FIRST_PORT + it->slot);

	memset(address, 0, sizeof(*address));
	*family = !strcmp(form, "v6") || !strcmp(form, "mapped") ? AF_INET6 : AF_INET;
	if (*family == AF_INET) {
		four->sin_family = !strcmp(form, "no-family") ? AF_UNSPEC : AF_INET;
		four->sin_port = port;
		four->sin_addr.s_addr = htonl(!strcmp(form, "any") ? INADDR_ANY : INADDR_LOOPBACK);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = port;
	inet_pton(AF_INET6, !strcmp(form, "v6") ? "::1" : "::ffff:127.0.0.1", &six->sin6_addr);
	return sizeof(*six);
}

static long network_act(const struct composition *it)
{
	struct sockaddr_storage address;
	int family, size = address_of(it, &address, &family), stream, protocol = 0;
	long fd, result;

	stream = IS("connect") || IS("listen") || IS("fast-open") || IS("multipath");
	if (IS("multipath"))
		protocol = 262;
	fd = do_socket(it->via >= VIA_RING ? VIA_AT : it->via, family, stream ? SOCK_STREAM : SOCK_DGRAM, protocol);
	if (fd < 0)
		return fd;
	if (IS("connect") || IS("multipath") || IS("connect-datagrams")) {
		result = do_connect(it->via, fd, &address, size);
		/* A connection counts once something came over it. */
		if (result >= 0 && send(fd, "x", 1, 0) != 1)
			return -errno;
		return result;
	}
	if (IS("send"))
		result = do_send(it->via, fd, &address, size, 0);
	else if (IS("fast-open"))
		result = do_send(it->via, fd, &address, size, MSG_FASTOPEN);
	else {
		/* Not the peer's own port. */
		((struct sockaddr_in *)&address)->sin_port = htons(FIRST_PORT + SLOTS + it->slot);
		result = do_bind(it->via, fd, &address, size);
		if (result >= 0 && IS("listen"))
			result = do_listen(it->via, fd);
	}
	return result < 0 ? result : 0;
}

static long unix_act(const struct composition *it, const struct where *object)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char path[PATH_SIZE];
	long fd, result;
	int size;

	if (IS("connect-abstract")) {
		size = sizeof(sa_family_t) + snprintf(to.sun_path + 1, 32, "s%d", it->slot) + 1;
	} else {
		whole_path(object, path);
		if (strlen(path) >= sizeof(to.sun_path))
			return -ENAMETOOLONG;
		strcpy(to.sun_path, path);
		size = sizeof(to);
	}
	fd = do_socket(it->via >= VIA_RING ? VIA_AT : it->via, AF_UNIX, SOCK_STREAM, 0);
	result = fd < 0 ? fd : do_connect(it->via, fd, &to, size);
	if (result >= 0 && write(fd, "x", 1) != 1)
		return -errno;
	return result;
}

static long identity_act(const struct composition *it)
{
	int id = geteuid() ? 0 : FIRST_UID + it->slot;
	long result;

	if (IS("setuid"))
		result = do_numbers(it->via, SYS_setuid, 213, id, 0, 0);
	else if (IS("setresuid"))
		result = do_numbers(it->via, SYS_setresuid, 208, id, id, id);
	else if (IS("seteuid"))
		result = do_numbers(it->via, SYS_setreuid, 203, -1, id, 0);
	else
		result = do_numbers(it->via, SYS_setgid, 214, id, 0, 0);
	if (result >= 0) {
		shared->uid = syscall(SYS_geteuid);
		shared->gid = syscall(SYS_getegid);
	}
	return result;
}

static long sensitive_act(const struct composition *it, const struct where *object)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };
	struct perf_event_attr event = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(event),
					 .config = PERF_COUNT_SW_CPU_CLOCK };
	struct iovec mine, its;
	char path[PATH_SIZE], name[32], byte;
	int fd;

	/* Those about the peer: in a container without one there is nobody. */
	if (!shared->peer && (IS("trace") || IS("signal") || IS("take-descriptor") || IS("read-memory")))
		return -ESRCH;
	whole_path(object, path);
	snprintf(name, sizeof(name), "s%d", it->slot);
	if (IS("mount"))
		return do_mount(it->via, path);
	if (IS("open-tree"))
		return do_open_tree(it->via, path);
	if (IS("chroot"))
		return do_string(it->via, SYS_chroot, 61, path, 0);
	if (IS("memory-file"))
		return do_string(it->via, SYS_memfd_create, 356, name, 0);
	if (IS("unshare"))
		return do_numbers(it->via, SYS_unshare, 310, CLONE_NEWUTS, 0, 0);
	if (IS("enter")) {
		return do_numbers(it->via, SYS_setns, 346, NAMESPACE_FD, CLONE_NEWUTS, 0);
	}
	if (IS("be-traced"))
		return do_numbers(it->via, SYS_ptrace, 26, PTRACE_TRACEME, 0, 0);
	if (IS("trace"))
		return do_numbers(it->via, SYS_ptrace, 26, PTRACE_SEIZE, shared->peer, 0);
	if (IS("signal"))
		return do_numbers(it->via, SYS_kill, 37, shared->peer, 10, 0);
	if (IS("bpf"))
		return do_numbers(it->via, SYS_bpf, 357, BPF_MAP_CREATE, (long)&map, sizeof(map));
	if (IS("perf"))
		return syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) < 0 ? -errno : 0;
	if (IS("page-faults"))
		return do_numbers(it->via, SYS_userfaultfd, 374, 0, 0, 0);
	if (IS("key"))
		return do_numbers(it->via, SYS_keyctl, 288, 0, -2, 1);
	if (IS("raw-socket"))
		return do_socket(it->via, AF_INET, SOCK_RAW, 1);
	if (IS("packet-socket"))
		return do_socket(it->via, AF_PACKET, SOCK_RAW, 0);
	if (IS("take-descriptor")) {
		fd = syscall(SYS_pidfd_open, shared->peer, 0);
		return fd < 0 ? -errno : do_numbers(it->via, SYS_pidfd_getfd, 438, fd, 0, 0);
	}
	if (IS("read-memory")) {
		mine = (struct iovec){ &byte, 1 };
		its = (struct iovec){ (void *)shared->leak, 1 };
		if (syscall(SYS_process_vm_readv, shared->peer, &mine, 1, &its, 1, 0) < 0)
			return -errno;
		return 0;
	}
	return -ENOSYS;
}

/* What the steps of compositions use: it is learned, and stays allowed. */
static long ordinary_act(const struct composition *it, const struct where *object)
{
	long fd = IS("ordinary-memory") ? memfd_create("ordinary", 0) : do_open(it->via, object, O_RDONLY, 0);

	return fd < 0 ? fd : 0;
}

static const char *const file_acts[] = { "read",    "write",   "read-write", "empty", "create",
					 "unlink",  "rmdir",   "rename",     "link",  "symlink",
					 "mkdir",   "mknod",   "setuid-bit", "set-time", "chown",
					 "rights",  "file-capabilities", "truncate" };
static const char *const network_acts[] = { "connect", "multipath", "connect-datagrams", "send",
					    "fast-open", "listen", "bind" };

static int is_one_of(const char *act, const char *const acts[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(act, acts[i]))
			return 1;
	return 0;
}

static const char *object_of(const struct composition *it)
{
	static const struct {
		const char *act, *path;
	} others[] = {
		{ "ordinary-read", "/data/ordinary" }, { "ordinary-program", "/data/program" },
		{ "create", "/srv/s%d/new" },	 { "mkdir", "/srv/s%d/new" },	    { "mknod", "/srv/s%d/new" },
		{ "symlink", "/srv/s%d/new" },	 { "rmdir", "/srv/s%d/folder" },    { "exec", "/opt/s%d" },
		{ "exec-memory", "/opt/s%d" },	 { "exec-script", "/srv/s%d/script" }, { "exec-dropped", "/srv/s%d/dropped" },
		{ "connect-unix", "/run/s%d" },
		{ "mount", "/srv/s%d/folder" },	 { "chroot", "/srv/s%d/folder" },   { "open-tree", "/srv/s%d/folder" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (IS(others[i].act))
			return others[i].path;
	return "/srv/s%d/s%d";
}

void perform(const struct composition *it)
{
	struct where object = { AT_FDCWD, "" };
	long result;
	int error;

	snprintf(object.path, sizeof(object.path), object_of(it), it->slot, it->slot);
	/* Peers have other ways to be named: see `address_of`. */
	error = is_one_of(it->act, network_acts, 7) ? 0 : name_object(it, &object);
	if (error) {
		shared->result = error;
		return;
	}
	shared->wants_socket = strstr(it->act, "-socket") != NULL;
	shared->armed = 1;
	if (is_one_of(it->act, file_acts, 16))
		result = file_act(it, &object);
	else if (is_one_of(it->act, network_acts, 7))
		result = network_act(it);
	else if (!strncmp(it->act, "ordinary", 8))
		result = ordinary_act(it, &object);
	else if (!strncmp(it->act, "map", 3))
		result = map_code(it);
	else if (!strncmp(it->act, "exec", 4))
		result = run_program(it, &object);
	else if (!strncmp(it->act, "connect-", 8))
		result = unix_act(it, &object);
	else if (!strncmp(it->act, "set", 3))
		result = identity_act(it);
	else
		result = sensitive_act(it, &object);
	shared->result = result < 0 ? -result : 0;
	if (result >= 0)
		shared->went_on = 1;
}
