// SPDX-License-Identifier: Apache-2.0
/*
 * Performs one action for each input line and prints its result: `0`, an errno, or `killed SIGNAL`. Paths are in
 * hex, so that they may be any bytes. A child performs a line that begins with `+`; with `+UID` the child has that
 * user. `end` prints `done`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WORDS 8
#define LINE_MAX_ 40000

static char *const no_environment[] = { NULL };

static int said(int result)
{
	return result < 0 ? errno : 0;
}

static int opened(int fd)
{
	int error = said(fd);

	if (fd >= 0)
		close(fd);
	return error;
}

/* So many different peers, by datagram sockets that send nothing. */
static int flood(int count)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (int i = 0; i < count; i++) {
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (i >> 15));
		to.sin_port = htons(1024 + (i & 32767));
		if (connect(fd, (void *)&to, sizeof(to)))
			return errno;
	}
	close(fd);
	return 0;
}

/* As code, as the dynamic loader does it with a library. */
static int mapped(const char *path)
{
	int fd = open(path, O_RDONLY);
	int error = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0;

	close(fd);
	return error;
}

static int link_of_descriptor(int fd, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return said(linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW));
}

static char *text_of(const char *hex)
{
	size_t size = strlen(hex) / 2;
	char *text = malloc(size + 1);

	for (size_t i = 0; i < size; i++) {
		unsigned byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		text[i] = byte;
	}
	text[size] = 0;
	return text;
}

static int act_on_socket(const char *op, const char *address, int port)
{
	int stream = !strcmp(op, "tcp") || !strcmp(op, "listen"), six = strchr(address, ':') != NULL, result;
	struct sockaddr_in four_address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six_address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	void *to = six ? (void *)&six_address : (void *)&four_address;
	socklen_t size = six ? sizeof(six_address) : sizeof(four_address);
	int one = 1, fd = socket(six ? AF_INET6 : AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	inet_pton(six ? AF_INET6 : AF_INET, address, six ? (void *)&six_address.sin6_addr : (void *)&four_address.sin_addr);
	if (!strcmp(op, "send"))
		result = sendto(fd, "x", 1, MSG_DONTWAIT, to, size);
	else if (!strcmp(op, "bind") || !strcmp(op, "listen"))
		result = bind(fd, to, size);
	else
		result = connect(fd, to, size);
	if (!strcmp(op, "listen") && result == 0)
		result = listen(fd, 1);
	result = said(result);
	close(fd);
	return result;
}

static struct sockaddr_in resolver_at(const char *address)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(53) };

	inet_pton(AF_INET, address, &place.sin_addr);
	return place;
}

/* What a client asks to be answered with this message. */
static size_t question_of(const char *message, size_t size, char *question)
{
	const char *end = size > 12 ? memchr(message + 12, 0, size - 12) : NULL;
	size_t length = end ? (size_t)(end + 5 - message) : size;

	memset(question, 0, 512);
	memcpy(question, message, length < size ? length : size);
	memset(question + 2, 0, 10);
	question[2] = 1;
	question[5] = 1;
	return length;
}

/*
 * A resolver at port 53 of an address of the container answers a client in it with this message. `asked`: the message
 * that the client has asked for; none where it has asked nothing.
 */
static int act_as_resolver(const char *address, const char *message, size_t size, const char *asked)
{
	struct sockaddr_in place = resolver_at(address), from;
	char question[512] = "ask";
	size_t question_size = asked ? question_of(text_of(asked), strlen(asked) / 2, question) : 3;
	int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0), result;
	socklen_t from_size = sizeof(from);
	char received[2048];

	result = said(bind(server, (void *)&place, sizeof(place)));
	if (!result)
		result = said(sendto(client, question, question_size, 0, (void *)&place, sizeof(place)));
	if (!result)
		result = said(recvfrom(server, received, sizeof(received), 0, (void *)&from, &from_size));
	if (!result)
		result = said(sendto(server, message, size, 0, (void *)&from, from_size));
	if (!result)
		result = said(recv(client, received, sizeof(received), 0));
	close(server);
	close(client);
	return result;
}

/* One socket sends each piece to the other in a packet of its own. */
static int send_pieces(int from, int to, char *const pieces[])
{
	int one = 1;
	char received[65536];

	setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (int i = 0; pieces[i]; i++) {
		size_t size = strlen(pieces[i]) / 2;

		if (send(from, text_of(pieces[i]), size, 0) < 0 || recv(to, received, size, MSG_WAITALL) < 0)
			return errno;
	}
	return 0;
}

/*
 * A server and a client of the container over TCP. The server is a resolver that answers the client with these pieces;
 * or the client has the port of resolvers, and sends them.
 */
static int act_over_stream(const char *address, char *const pieces[], int client_answers)
{
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), one = 1, accepted, result = 0;
	struct sockaddr_in place = resolver_at(address), other = resolver_at("127.0.0.1"), *listens = &place;

	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (client_answers) {
		other.sin_port = htons(8080);
		listens = &other;
		result = said(bind(client, (void *)&place, sizeof(place)));
	}
	if (!result)
		result = said(bind(server, (void *)listens, sizeof(*listens)) || listen(server, 1) ? -1 : 0);
	if (!result)
		result = said(connect(client, (void *)listens, sizeof(*listens)));
	if (!result) {
		accepted = accept(server, NULL, NULL);
		result = client_answers ? send_pieces(client, accepted, pieces) : send_pieces(accepted, client, pieces);
		close(accepted);
	}
	close(client);
	close(server);
	return result;
}

/*
 * Sends the pieces over a connection, each in a packet of its own, and leaves it open. `fast_open`: the first one goes
 * with the packet that asks for the connection.
 */
static int send_first(const char *address, int port, char *const pieces[], int fast_open)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &to.sin_addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!fast_open && connect(fd, (void *)&to, sizeof(to)))
		return errno;
	for (int i = 0; pieces[i]; i++)
		if (sendto(fd, text_of(pieces[i]), strlen(pieces[i]) / 2, i || !fast_open ? 0 : MSG_FASTOPEN,
			   i || !fast_open ? NULL : (void *)&to, i || !fast_open ? 0 : sizeof(to)) < 0)
			return errno;
	return 0;
}

/* A client gets a message that it has asked for from a raw socket, which has the resolver's address in its packet. */
static int act_as_raw(const char *address, const char *message, size_t size)
{
	struct sockaddr_in place = resolver_at(address), own;
	int client = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), result = said(raw);
	socklen_t own_size = sizeof(own);
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char message[2048];
	} packet = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP } };
	char question[512], received[2048];

	sendto(client, question, question_of(message, size, question), 0, (void *)&place, sizeof(place));
	getsockname(client, (void *)&own, &own_size);
	packet.ip.saddr = place.sin_addr.s_addr;
	packet.ip.daddr = htonl(INADDR_LOOPBACK);
	packet.udp.source = htons(53);
	packet.udp.dest = own.sin_port;
	packet.udp.len = htons(sizeof(packet.udp) + size);
	memcpy(packet.message, message, size);
	own.sin_addr.s_addr = packet.ip.daddr;
	if (!result)
		result = said(sendto(raw, &packet, sizeof(packet) - sizeof(packet.message) + size, 0, (void *)&own, sizeof(own)));
	if (!result)
		result = said(recv(client, received, sizeof(received), 0));
	close(raw);
	close(client);
	return result;
}

/* Of a unix socket that listens already; `@` stands for an abstract name. */
static int act_on_unix(const char *op, const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), result;

	strncpy(to.sun_path, name, sizeof(to.sun_path) - 1);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = 0;
	if (!strcmp(op, "serve")) {
		result = bind(fd, (void *)&to, sizeof(sa_family_t) + strlen(name)) || listen(fd, 100) ? -1 : 0;
		return said(result);
	}
	result = said(connect(fd, (void *)&to, sizeof(sa_family_t) + strlen(name)));
	close(fd);
	return result;
}

static int run_from_memory(const char *path)
{
	char *const arguments[] = { "from-memory", NULL };
	int from = open(path, O_RDONLY), fd = memfd_create("acts", MFD_CLOEXEC);
	struct stat info;

	fstat(from, &info);
	while (sendfile(fd, from, NULL, info.st_size) > 0)
		;
	return said(fexecve(fd, arguments, no_environment));
}

static int run_by_descriptor(const char *path)
{
	char *const arguments[] = { "by-descriptor", NULL };

	return said(syscall(SYS_execveat, open(path, O_PATH), "", arguments, no_environment, AT_EMPTY_PATH));
}

/* Folders of 200 letters, one in the other, and a file in the last: longer than any path that a call takes. */
static int act_deep(int levels)
{
	char part[201];
	int error;

	if (chdir("/data"))
		return errno;
	for (int i = 0; i < levels; i++) {
		memset(part, 'a' + i % 26, 200);
		part[200] = 0;
		mkdir(part, 0755);
		if (chdir(part))
			return errno;
	}
	error = opened(open("bottom", O_WRONLY | O_CREAT, 0644));
	return chdir("/") ? errno : error;
}

/* With these arguments, of which the first is its name. */
static int run_with(const char *path, char *const words[])
{
	char *arguments[WORDS + 1] = {};

	for (int i = 0; words[i] && i < WORDS; i++)
		arguments[i] = text_of(words[i]);
	return said(execve(path, arguments, no_environment));
}

/* Effective ones of version 2: to bind low ports. */
static const unsigned capabilities[5] = { 0x02000001, 1 << 10 };

static int act(char *const words[])
{
	const char *op = words[0], *a = words[1] ? text_of(words[1]) : "", *b = words[2] ? text_of(words[2]) : "";
	char *const arguments[] = { (char *)a, words[2] ? (char *)b : NULL, NULL };
	struct open_how how = { .flags = O_RDONLY };

	if (!strcmp(op, "read"))
		return opened(open(a, O_RDONLY));
	if (!strcmp(op, "write"))
		return opened(open(a, O_WRONLY | O_CREAT, 0666));
	if (!strcmp(op, "both"))
		return opened(open(a, O_RDWR | O_CREAT, 0666));
	if (!strcmp(op, "make"))
		return opened(open(a, O_RDONLY | O_CREAT, 0666));
	if (!strcmp(op, "openat2"))
		return opened(syscall(SYS_openat2, AT_FDCWD, a, &how, sizeof(how)));
	if (!strcmp(op, "unlink"))
		return said(unlink(a));
	if (!strcmp(op, "rmdir"))
		return said(rmdir(a));
	if (!strcmp(op, "rename"))
		return said(rename(a, b));
	if (!strcmp(op, "link"))
		return said(link(a, b));
	if (!strcmp(op, "link-empty"))
		return said(linkat(open(a, O_RDONLY), "", AT_FDCWD, b, AT_EMPTY_PATH));
	if (!strcmp(op, "link-descriptor"))
		return link_of_descriptor(open(a, O_RDONLY), b);
	if (!strcmp(op, "exchange"))
		return said(syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
	if (!strcmp(op, "mknod-device"))
		return said(mknod(a, S_IFBLK | 0600, makedev(8, 0)));
	if (!strcmp(op, "symlink"))
		return said(symlink(a, b));
	if (!strcmp(op, "mkdir"))
		return said(mkdir(a, 0755));
	if (!strcmp(op, "truncate"))
		return said(truncate(a, 1));
	if (!strcmp(op, "chdir"))
		return said(chdir(a));
	if (!strcmp(op, "chmod"))
		return said(chmod(a, 0755));
	if (!strcmp(op, "chown"))
		return said(chown(a, 1, 1));
	if (!strcmp(op, "attribute"))
		return said(setxattr(a, b, "x", 1, 0));
	if (!strcmp(op, "capabilities"))
		return said(setxattr(a, "security.capability", capabilities, sizeof(capabilities), 0));
	if (!strcmp(op, "exec"))
		return said(execve(a, arguments, no_environment));
	if (!strcmp(op, "run"))
		return run_with(a, words + 2);
	if (!strcmp(op, "execveat"))
		return run_by_descriptor(a);
	if (!strcmp(op, "memory"))
		return run_from_memory(a);
	if (!strcmp(op, "unix") || !strcmp(op, "serve"))
		return act_on_unix(op, a);
	if (!strcmp(op, "deep"))
		return act_deep(atoi(words[1]));
	if (!strcmp(op, "peers"))
		return flood(atoi(words[1]));
	if (!strcmp(op, "socket"))
		return opened(socket(atoi(words[1]), atoi(words[2]), atoi(words[3])));
	if (!strcmp(op, "userfaultfd"))
		return opened(syscall(SYS_userfaultfd, 0));
	if (!strcmp(op, "map"))
		return mapped(a);
	if (!strcmp(op, "chroot-exec"))
		return chroot(a) ? errno : said(execve(b, (char *[]){ (char *)b, NULL }, no_environment));
	if (!strcmp(op, "setuid"))
		return said(setuid(atoi(words[1])));
	if (!strcmp(op, "setgid"))
		return said(setgid(atoi(words[1])));
	if (!strcmp(op, "unshare"))
		return said(unshare(strtol(words[1], NULL, 0)));
	if (!strcmp(op, "mount"))
		return said(mount("none", a, "tmpfs", 0, NULL));
	if (!strcmp(op, "umount"))
		return said(umount2(a, MNT_DETACH));
	if (!strcmp(op, "signal"))
		return said(kill(getppid(), SIGURG));
	if (!strcmp(op, "traceme"))
		return said(ptrace(PTRACE_TRACEME, 0, 0, 0));
	if (!strcmp(op, "resolver"))
		return act_as_resolver(words[1], b, strlen(words[2]) / 2, words[2]);
	if (!strcmp(op, "unasked"))
		return act_as_resolver(words[1], b, strlen(words[2]) / 2, words[3]);
	if (!strcmp(op, "stream") || !strcmp(op, "forger"))
		return act_over_stream(words[1], words + 2, !strcmp(op, "forger"));
	if (!strcmp(op, "first") || !strcmp(op, "fast-open"))
		return send_first(words[1], atoi(words[2]), words + 3, !strcmp(op, "fast-open"));
	if (!strcmp(op, "raw"))
		return act_as_raw(words[1], b, strlen(words[2]) / 2);
	return act_on_socket(op, words[1], atoi(words[2] ? words[2] : "0"));
}

static void act_as_child(const char *user, char *const words[])
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (*user && (setgid(atoi(user)) || setuid(atoi(user))))
			_exit(255);
		_exit(act(words));
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		printf("killed %d\n", WTERMSIG(status));
	else
		printf("%d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	static char line[LINE_MAX_];
	char *words[WORDS + 1];

	/* Before it is a container: `as UID PROGRAM …`. */
	if (argc > 3 && !strcmp(argv[1], "as")) {
		if (setgid(atoi(argv[2])) || setuid(atoi(argv[2])))
			return 1;
		execv(argv[3], argv + 3);
		return 1;
	}
	if (argc < 2 || strcmp(argv[1], "serve"))
		return 0;
	while (fgets(line, sizeof(line), stdin)) {
		int count = 0;

		line[strcspn(line, "\n")] = 0;
		for (char *word = strtok(line, " "); word && count < WORDS; word = strtok(NULL, " "))
			words[count++] = word;
		for (int i = count; i <= WORDS; i++)
			words[i] = NULL;
		if (!count)
			continue;
		if (!strcmp(words[0], "end"))
			printf("done\n");
		else if (words[0][0] == '+')
			act_as_child(words[0] + 1, words + 1);
		else
			printf("%d\n", act(words));
		fflush(stdout);
	}
	return 0;
}
