// SPDX-License-Identifier: Apache-2.0
/* Events whose number and names the sensor's tests expect. Static, so that it does nothing else. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define TIMES 23

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0644);

	if (fd >= 0)
		close(fd);
}

static void look(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd >= 0)
		close(fd);
}

static void run(char *const args[])
{
	pid_t child = fork();

	if (!child) {
		execv(args[0], args);
		_exit(127);
	}
	waitpid(child, NULL, 0);
}

static void peer(int type, const char *address, int port, int send)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0);

	inet_pton(AF_INET, address, &to.sin_addr);
	if (send)
		sendto(fd, "x", 1, 0, (void *)&to, sizeof(to));
	else
		connect(fd, (void *)&to, sizeof(to));
	close(fd);
}

static void known(void)
{
	for (int i = 0; i < TIMES; i++) {
		char number[16], path[64];

		snprintf(number, sizeof(number), "%d", i);
		snprintf(path, sizeof(path), "/data/file-%d", i);
		run((char *[]){ "/bin/workload", "nothing", number, NULL });
		touch(path);
		peer(SOCK_STREAM, "127.0.0.1", 20000 + i, 0);
	}
}

/* Each event many times: the kernel only counts learned ones. */
static void repeat(int times)
{
	for (int i = 0; i < times; i++)
		known();
}

static void names(void)
{
	char name[256], deep[300];

	memset(name, 'n', 255);
	name[255] = 0;
	chdir("/data");
	touch(name);
	touch("new\nline");
	touch("bad\xff\xfe" "name");
	touch("back\\slash");
	symlink("/etc/secret", "/data/link");
	look("/data/link");
	link("/etc/secret", "/data/hard");
	look("/data/hard");
	rename("/data/hard", "/data/moved");
	look("/data/moved");
	unlink("/data/moved");
	mkdir("/data/dir", 0755);
	rmdir("/data/dir");
	truncate("/etc/secret", 3);
	chdir("/data");
	for (int i = 0; i < 30; i++) {
		memset(deep, 'a' + i % 26, 200);
		deep[200] = 0;
		mkdir(deep, 0755);
		if (chdir(deep))
			break;
	}
	touch("bottom");
	chdir("/");
}

static void ways(void)
{
	struct open_how how = { .flags = O_RDONLY };
	struct file_handle *handle = malloc(sizeof(*handle) + 128);
	int fd, number;

	fd = syscall(SYS_openat2, AT_FDCWD, "/data/../etc/secret", &how, sizeof(how));
	close(fd);
	handle->handle_bytes = 128;
	/* Overlayfs gives no file handles; a file system mounted over it does. */
	mount("none", "/mnt", "tmpfs", 0, NULL);
	touch("/mnt/by-handle");
	if (!name_to_handle_at(AT_FDCWD, "/mnt/by-handle", handle, &number, 0)) {
		int root = open("/mnt", O_RDONLY | O_DIRECTORY);

		fd = open_by_handle_at(root, handle, O_RDONLY);
		if (fd >= 0)
			close(fd);
		close(root);
	}
	run((char *[]){ "/etc/script.sh", "argument", NULL });
	if (!fork()) {
		char *const args[] = { "by-descriptor", "nothing", NULL }, *const none[] = { NULL };

		fd = open("/bin/workload", O_PATH);
		syscall(SYS_execveat, fd, "", args, none, AT_EMPTY_PATH);
		_exit(1);
	}
	wait(NULL);
	if (!fork()) {
		char *const args[] = { "from-memory", "nothing", NULL }, *const none[] = { NULL };
		int from = open("/bin/workload", O_RDONLY);
		struct stat info;

		fd = memfd_create("hidden", MFD_CLOEXEC);
		fstat(from, &info);
		for (off_t left = info.st_size; left > 0;) {
			char buffer[65536];
			ssize_t got = read(from, buffer, sizeof(buffer));

			if (got <= 0 || write(fd, buffer, got) != got)
				_exit(1);
			left -= got;
		}
		fexecve(fd, args, none);
		_exit(1);
	}
	wait(NULL);
	/* int 0x80: open by the 32-bit table. The string has to be in the low 4 GiB. */
#ifdef __x86_64__
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 5;

	strcpy(low, "/data/compat");
	asm volatile("int $0x80" : "+a"(result) : "b"(low), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
#endif
}

static void net(void)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(4444) };
	struct sockaddr_in bound = { .sin_family = AF_INET, .sin_port = htons(5353) };
	struct sockaddr_un unix_name = { .sun_family = AF_UNIX, .sun_path = "/data/socket" };
	int fd = socket(AF_INET, SOCK_STREAM, 0), other;

	listen(fd, 1);
	peer(SOCK_DGRAM, "127.0.0.9", 53, 1);
	inet_pton(AF_INET6, "::ffff:127.0.0.7", &mapped.sin6_addr);
	other = socket(AF_INET6, SOCK_STREAM, 0);
	connect(other, (void *)&mapped, sizeof(mapped));
	inet_pton(AF_INET6, "::1", &mapped.sin6_addr);
	mapped.sin6_port = htons(4445);
	other = socket(AF_INET6, SOCK_STREAM, 0);
	connect(other, (void *)&mapped, sizeof(mapped));
	other = socket(AF_INET, SOCK_DGRAM, 0);
	bind(other, (void *)&bound, sizeof(bound));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(fd, (void *)&unix_name, sizeof(unix_name));
	listen(fd, 1);
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	connect(other, (void *)&unix_name, sizeof(unix_name));
}

/* A datagram server that answers its client, and then sends to somebody who has not asked. */
static void answer(void)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(5354) }, from;
	int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t size = sizeof(from);
	char text[8];

	place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(server, (void *)&place, sizeof(place));
	sendto(client, "ask", 3, 0, (void *)&place, sizeof(place));
	recvfrom(server, text, sizeof(text), 0, (void *)&from, &size);
	sendto(server, "yes", 3, 0, (void *)&from, size);
	from.sin_port ^= htons(1);
	sendto(server, "no", 2, 0, (void *)&from, size);
	/* The same address by another socket is not an answer. */
	from.sin_port ^= htons(1);
	place.sin_port = htons(5355);
	server = socket(AF_INET, SOCK_DGRAM, 0);
	bind(server, (void *)&place, sizeof(place));
	sendto(server, "no", 2, 0, (void *)&from, size);
}

/* The answer of a resolver: `LABEL.test` is at 10.0.0.LAST. `code`: 0, or why there is no answer. */
static size_t dns_answer(unsigned char *message, const char *label, int last, int code)
{
	const unsigned char question[] = { 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 };
	const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, last };
	const unsigned char head[] = { 0, 1, 0x81, 0x80 | code, 0, 1, 0, !code, 0, 0, 0, 0 };
	size_t at = sizeof(head), size = strlen(label);

	memcpy(message, head, at);
	message[at++] = size;
	memcpy(message + at, label, size);
	at += size;
	memcpy(message + at, question, sizeof(question));
	at += sizeof(question);
	if (code)
		return at;
	memcpy(message + at, record, sizeof(record));
	return at + sizeof(record);
}

static void dns_datagrams(const struct sockaddr *place, socklen_t size, const char *label, int last,
			  int code, int count)
{
	int server = socket(place->sa_family, SOCK_DGRAM, 0);
	int client = socket(place->sa_family, SOCK_DGRAM, 0);
	unsigned char message[512], question[512];
	struct sockaddr_storage from;
	socklen_t from_size = sizeof(from);
	size_t length = dns_answer(message, label, last, code);
	size_t question_size = dns_answer(question, label, last, 3);

	/* One that nobody has answered yet. */
	question[2] = 1;
	question[3] = 0;
	bind(server, place, size);
	sendto(client, question, question_size, 0, place, size);
	recvfrom(server, question, sizeof(question), 0, (void *)&from, &from_size);
	for (int i = 0; i < count; i++)
		sendto(server, message, length, 0, (void *)&from, from_size);
	recv(client, message, sizeof(message), 0);
	close(server);
	close(client);
}

static void dns_stream(const struct sockaddr *place, socklen_t size, const char *label, int last)
{
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1, accepted;
	unsigned char message[512];
	size_t length = dns_answer(message + 2, label, last, 0);

	message[0] = 0;
	message[1] = length;
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	bind(server, place, size);
	listen(server, 1);
	connect(client, place, size);
	accepted = accept(server, NULL, NULL);
	send(accepted, message, length + 2, 0);
	recv(client, message, sizeof(message), 0);
	close(accepted);
	close(client);
	close(server);
}

static void dns_connect(int last)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(443) };
	int client = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(0x0a000000 | last);
	connect(client, (void *)&to, sizeof(to));
	close(client);
}

/* A resolver and its client: over UDP, TCP and IPv6, and answers that name nothing. */
static void dns(int last, int count)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(53) };

	place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	six.sin6_addr = in6addr_loopback;
	if (count) {
		dns_datagrams((void *)&place, sizeof(place), "many", last, 0, count);
		return;
	}
	dns_datagrams((void *)&place, sizeof(place), "none", last, 3, 1);
	dns_datagrams((void *)&place, sizeof(place), "Datagram", last, 0, 1);
	dns_connect(last);
	dns_stream((void *)&place, sizeof(place), "stream", last + 1);
	dns_connect(last + 1);
	dns_datagrams((void *)&six, sizeof(six), "six", last + 2, 0, 1);
	dns_connect(last + 2);
	place.sin_port = htons(54);
	dns_datagrams((void *)&place, sizeof(place), "elsewhere", last, 0, 1);
}

/* As a server does that acts for its users: its real and saved uid stay root's. */
static void take_back(void)
{
	seteuid(78);
	seteuid(0);
}

/* A child is killed as its parent dies: the kernel sends that signal as if by the parent. */
static void orphan(void)
{
	pid_t parent = fork();
	int ready[2];

	if (parent) {
		waitpid(parent, NULL, 0);
		return;
	}
	if (pipe(ready))
		_exit(1);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[1]);
		close(ready[0]);
		pause();
	}
	close(ready[1]);
	read(ready[0], ready, 1);
	_exit(0);
}

static void rights(void)
{
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	ptrace(PTRACE_ATTACH, child, 0, 0);
	kill(child, SIGKILL);
	mount("none", "/mnt", "tmpfs", 0, NULL);
	touch("/mnt/file");
	mount(NULL, "/mnt", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	open("/mnt/file", O_WRONLY);
	unlink("/mnt/file");
	mkdir("/mnt/folder", 0700);
	kill(getppid(), SIGURG);
	unshare(CLONE_NEWUTS);
	setgid(77);
	setuid(78);
	look("/etc/private");
	open("/etc/private", O_WRONLY | O_APPEND);
	syscall(SYS_openat2, AT_FDCWD, "/etc/private", &(struct open_how){ .flags = O_RDWR }, sizeof(struct open_how));
	creat("/etc/made", 0600);
	mount("none", "/mnt", "tmpfs", 0, NULL);
}

/* The kernel checks for itself whether the memory may come from the reserve of CAP_SYS_ADMIN. */
static void commit_memory(void)
{
	size_t size = 64 << 20;
	char *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int segment = shmget(IPC_PRIVATE, size, 0600);

	if (place == MAP_FAILED)
		return;
	memset(place, 1, size);
	mremap(place, size, size * 2, MREMAP_MAYMOVE);
	brk((char *)sbrk(0) + size);
	if (!fork())
		_exit(0);
	wait(NULL);
	if (segment >= 0)
		shmctl(segment, IPC_RMID, NULL);
}

/* The kernel asks for CAP_SYS_ADMIN without a record of the check, and then refuses it to a guest. */
static void not_granted(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &all };

	if (!fork()) {
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
		_exit(0);
	}
	wait(NULL);
	if (!fork()) {
		unshare(CLONE_NEWUSER);
		_exit(sethostname("guest", 5) ? 0 : 1);
	}
	wait(NULL);
}

/* A list of rights: another user may read and write. */
static const struct {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[5];
} list_of_rights = { { POSIX_ACL_XATTR_VERSION },
	     { { ACL_USER_OBJ, 6, -1 },
	       { ACL_USER, 6, 5 },
	       { ACL_GROUP_OBJ, 4, -1 },
	       { ACL_MASK, 6, -1 },
	       { ACL_OTHER, 4, -1 } } };

static const unsigned capabilities[5] = { 0x02000001, 1 };

/* Data of users' own first, which is no change, and an attribute that is not there. */
static void extended_attributes(void)
{
	static const char list[] = "system.posix_acl_access", given[] = "security.capability";
	int fd = creat("/data/file", 0600), memory = memfd_create("held", 0);

	setxattr("/data/file", "user.note", "x", 1, 0);
	fsetxattr(fd, "user.security.capability", "x", 1, 0);
	fremovexattr(fd, "user.note");
	removexattr("/data/file", given);
	fsetxattr(memory, "security.note", "x", 1, 0);
	setxattr("/data/file", list, &list_of_rights, sizeof(list_of_rights), 0);
	fsetxattr(fd, list, &list_of_rights, sizeof(list_of_rights), 0);
	removexattr("/data/./file", list);
	lsetxattr("/data/file", "trusted.note", "x", 1, 0);
	fremovexattr(fd, "trusted.note");
	chdir("/data");
	setxattr("../data/file", given, capabilities, sizeof(capabilities), 0);
	fsetxattr(fd, given, capabilities, sizeof(capabilities), 0);
	chdir("/");
	lremovexattr("/data/file", given);
	close(memory);
	close(fd);
}

/* Harmless calls first: changes of mode and owner, and others that the sensor does not report. */
static void attributes(void)
{
	static const struct timespec now[] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };
	static const struct timespec then[] = { { 0, 0 }, { 0, UTIME_OMIT } };
	int fd = creat("/data/file", 0600), pipes[2], memory;

	chmod("/data/file", 0755);
	fchmod(fd, 02755);
	chown("/data/file", 1, -1);
	fchown(fd, 2, 2);
	lchown("/data/./file", 1, 1);
	fchownat(fd, "", 0, 0, AT_EMPTY_PATH);
	fchownat(AT_FDCWD, "/data/none", 0, 0, 0);
	memory = memfd_create("held", 0);
	fchmod(memory, 0600);
	close(memory);
	pipe(pipes);
	fchmod(pipes[0], 0600);
	fchown(pipes[0], 1, 1);
	fchownat(pipes[0], "", 1, 1, AT_EMPTY_PATH);
	utimensat(AT_FDCWD, "/data/file", NULL, 0);
	futimens(fd, now);
	ftruncate(fd, 0);
	chdir("/data");
	chmod("../data/./file", 04755);
	fchmod(fd, 04711);
	fchmodat(AT_FDCWD, "other", 06755, 0);
	utimensat(AT_FDCWD, "/data/file", then, 0);
	truncate("file", 0);
	chdir("/");
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

/* A second thread runs at the same time; where there are two processors, each thread has one. */
static void order(int times)
{
	for (int side = 0; side < 2; side++)
		if (!fork()) {
			cpu_set_t set;

			CPU_ZERO(&set);
			CPU_SET(side, &set);
			sched_setaffinity(0, sizeof(set), &set);
			for (int i = 0; i < times; i++) {
				char path[64];

				snprintf(path, sizeof(path), "/data/order-%d-%d", side, i);
				touch(path);
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

static void flood(int times)
{
	for (int i = 0; i < times; i++)
		look("/etc/secret");
}

static long long now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void measure(int opens, int forks)
{
	long long start = now(CLOCK_THREAD_CPUTIME_ID), opened;

	flood(opens);
	opened = now(CLOCK_THREAD_CPUTIME_ID) - start;
	start = now(CLOCK_MONOTONIC);
	for (int i = 0; i < forks; i++)
		run((char *[]){ "/bin/workload", "nothing", NULL });
	printf("%lld %lld\n", opens ? opened / opens : 0, forks ? (now(CLOCK_MONOTONIC) - start) / forks : 0);
	fflush(stdout);
}

/* Commands one a line, so that a test can trigger events in a running container. */
static void serve(void)
{
	char line[256], word[64];
	int a, b;

	while (fgets(line, sizeof(line), stdin)) {
		a = b = 0;
		if (sscanf(line, "%63s %d %d", word, &a, &b) < 1)
			continue;
		if (!strcmp(word, "known"))
			known();
		else if (!strcmp(word, "repeat"))
			repeat(a);
		else if (!strcmp(word, "names"))
			names();
		else if (!strcmp(word, "ways"))
			ways();
		else if (!strcmp(word, "attributes"))
			attributes();
		else if (!strcmp(word, "extended-attributes"))
			extended_attributes();
		else if (!strcmp(word, "net"))
			net();
		else if (!strcmp(word, "order"))
			order(a);
		else if (!strcmp(word, "flood"))
			flood(a);
		else if (!strcmp(word, "measure"))
			measure(a, b);
		else if (!strcmp(word, "rights")) {
			if (!fork()) {
				rights();
				_exit(0);
			}
			wait(NULL);
		} else if (!strcmp(word, "not-granted"))
			not_granted();
		else if (!strcmp(word, "memory"))
			commit_memory();
		else if (!strcmp(word, "orphan"))
			orphan();
		else if (!strcmp(word, "answer"))
			answer();
		else if (!strcmp(word, "dns"))
			dns(a, b);
		else if (!strcmp(word, "takeback")) {
			pid_t child = fork();

			if (!child) {
				take_back();
				_exit(0);
			}
			/* Not any child: some from before have ended. */
			waitpid(child, NULL, 0);
		} else if (!strcmp(word, "touch")) {
			touch("/data/touched");
		} else if (!strcmp(word, "run")) {
			run((char *[]){ "/data/dropped", "nothing", NULL });
		}
		printf("done\n");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "serve"))
		serve();
	return 0;
}
