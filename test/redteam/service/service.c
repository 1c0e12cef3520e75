// SPDX-License-Identifier: Apache-2.0
/*
 * The service that is attacked. Each line of its input is a request, `STEP WORD…;STEP WORD…;…`, with
 * percent-encoded words. A child does the steps, so that the service survives where one of them is stopped. The
 * answer has the result of each step that ended: 0 or an errno. Ordinary work comes by the same way as attacks.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 24
#define OWN_PORT 7000
#define ADDRESS_RECORD_SIZE 16

struct word {
	char *text;
	size_t size;
};

static int checked(int result)
{
	return result < 0 ? errno : 0;
}

static int fill(int fd, const struct word *content)
{
	int failed;

	if (fd < 0)
		return errno;
	failed = checked(write(fd, content->text, content->size));
	close(fd);
	return failed;
}

/* put PATH CONTENT: without O_CREAT where the file exists, as an open that may create is stopped too late. */
static int put(struct word *w)
{
	int fd = open(w[0].text, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		fd = open(w[0].text, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	return fill(fd, &w[1]);
}

static int read_file(struct word *w)
{
	char buffer[4096];
	int fd = open(w[0].text, O_RDONLY | O_CLOEXEC), failed = checked(read(fd, buffer, sizeof(buffer)));

	close(fd);
	return failed;
}

static int make_folder(struct word *w)
{
	return checked(mkdir(w[0].text, 0777));
}

static int remove_file(struct word *w)
{
	return checked(unlink(w[0].text));
}

static int move(struct word *w)
{
	return checked(rename(w[0].text, w[1].text));
}

static int exchange(struct word *w)
{
	return checked(renameat2(AT_FDCWD, w[0].text, AT_FDCWD, w[1].text, RENAME_EXCHANGE));
}

static int hard_link(struct word *w)
{
	return checked(link(w[0].text, w[1].text));
}

static int symbolic_link(struct word *w)
{
	return checked(symlink(w[0].text, w[1].text));
}

static int bind_mount(struct word *w)
{
	return checked(mount(w[0].text, w[1].text, NULL, MS_BIND, NULL));
}

static const char *by_descriptor(int fd)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* link-opened FROM TO */
static int link_opened(struct word *w)
{
	int fd = open(w[0].text, O_RDONLY | O_CLOEXEC);

	return checked(linkat(AT_FDCWD, by_descriptor(fd), AT_FDCWD, w[1].text, AT_SYMLINK_FOLLOW));
}

/* put-unnamed FOLDER NAME CONTENT: a file that gets its name when it is complete. */
static int put_unnamed(struct word *w)
{
	int fd = open(w[0].text, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, w[2].text, w[2].size) < 0)
		return errno;
	return checked(linkat(AT_FDCWD, by_descriptor(fd), AT_FDCWD, w[1].text, AT_SYMLINK_FOLLOW));
}

/* put-opened PATH CONTENT: opens the descriptor of a file that was opened for reading. */
static int put_opened(struct word *w)
{
	int fd = open(w[0].text, O_RDONLY | O_CLOEXEC);

	return fill(open(by_descriptor(fd), O_WRONLY | O_CLOEXEC), &w[1]);
}

/* become UID */
static int become(struct word *w)
{
	int id = atoi(w[0].text);

	if (setgroups(0, NULL) || setgid(id))
		return errno;
	return checked(setuid(id));
}

/* feed INPUT PROGRAM WORD…: with this on its standard input. */
static int feed(struct word *w)
{
	char *arguments[WORDS + 1] = { 0 };
	int ends[2], status;
	pid_t child;

	for (int i = 0; w[i + 1].text; i++)
		arguments[i] = w[i + 1].text;
	if (pipe2(ends, O_CLOEXEC) || write(ends[1], w[0].text, w[0].size) < 0)
		return errno;
	close(ends[1]);
	child = fork();
	if (child == 0) {
		int nothing = open("/dev/null", O_WRONLY);

		dup2(ends[0], 0);
		dup2(nothing, 1);
		dup2(nothing, 2);
		execv(arguments[0], arguments);
		_exit(errno);
	}
	close(ends[0]);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static struct sockaddr_in place(const char *address, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, address, &at.sin_addr);
	return at;
}

static int open_socket(int type)
{
	struct timeval limit = { .tv_sec = 2 };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

/* connect ADDRESS PORT CONTENT */
static int connect_to(struct word *w)
{
	struct sockaddr_in to = place(w[0].text, atoi(w[1].text));
	int fd = open_socket(SOCK_STREAM), failed = checked(connect(fd, (void *)&to, sizeof(to)));

	return failed ? failed : fill(fd, &w[2]);
}

/* call NAME PORT CONTENT: asks the resolver, and connects to what it answers. */
static int call(struct word *w)
{
	unsigned char answer[512];
	char address[INET_ADDRSTRLEN];
	int size = res_query(w[0].text, C_IN, T_A, answer, sizeof(answer));

	if (size < 4)
		return EADDRNOTAVAIL;
	/* The one record ends with the address. */
	inet_ntop(AF_INET, answer + size - 4, address, sizeof(address));
	w[0].text = address;
	return connect_to(w);
}

/* forge tcp|udp SOURCE NAME ADDRESS: an answer from port 53 of an address of the container, to a socket of its own. */
static int forge(struct word *w)
{
	unsigned char message[512], *dns = message + 2;
	unsigned char record[ADDRESS_RECORD_SIZE] = { 0xc0, 12, 0, T_A, 0, C_IN, 0, 0, 1, 0, 0, 4 };
	int size = res_mkquery(QUERY, w[2].text, C_IN, T_A, NULL, 0, NULL, dns, 256);
	int is_stream = !strcmp(w[0].text, "tcp"), type = is_stream ? SOCK_STREAM : SOCK_DGRAM;
	struct sockaddr_in from = place(w[1].text, 53), to = place("127.0.0.1", is_stream ? OWN_PORT : 0);
	socklen_t length = sizeof(to);
	int fd = open_socket(type), receiver = open_socket(SOCK_DGRAM);

	inet_pton(AF_INET, w[3].text, record + ADDRESS_RECORD_SIZE - 4);
	memcpy(dns + size, record, sizeof(record));
	size += sizeof(record);
	dns[2] |= 0x80; /* an answer */
	dns[7] = 1;     /* with one record */
	message[0] = size >> 8;
	message[1] = size;
	if (!is_stream && (bind(receiver, (void *)&to, length) || getsockname(receiver, (void *)&to, &length)))
		return errno;
	if (bind(fd, (void *)&from, sizeof(from)) || connect(fd, (void *)&to, sizeof(to)))
		return errno;
	if (send(fd, is_stream ? message : dns, is_stream ? size + 2 : size, 0) < 0)
		return errno;
	return is_stream ? 0 : checked(recv(receiver, message, sizeof(message), 0));
}

static const struct {
	const char *name;
	int (*act)(struct word *w);
} steps[] = {
	{ "put", put },
	{ "put-opened", put_opened },
	{ "put-unnamed", put_unnamed },
	{ "read", read_file },
	{ "mkdir", make_folder },
	{ "unlink", remove_file },
	{ "rename", move },
	{ "exchange", exchange },
	{ "link", hard_link },
	{ "link-opened", link_opened },
	{ "symlink", symbolic_link },
	{ "bind", bind_mount },
	{ "become", become },
	{ "feed", feed },
	{ "connect", connect_to },
	{ "call", call },
	{ "forge", forge },
};

static size_t decode(char *text)
{
	char *to = text, digits[3] = "";

	for (char *from = text; *from; from++) {
		if (*from == '%') {
			memcpy(digits, from + 1, 2);
			*to++ = strtol(digits, NULL, 16);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
	return to - text;
}

static int perform(char *step)
{
	struct word words[WORDS + 2] = { 0 };
	char *name = strsep(&step, " ");

	for (int i = 0; step && i < WORDS; i++) {
		words[i].text = strsep(&step, " ");
		words[i].size = decode(words[i].text);
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!strcmp(steps[i].name, name))
			return steps[i].act(words);
	return ENOSYS;
}

/* For the clients in the service itself. */
static void listen_own(void)
{
	struct sockaddr_in at = place("127.0.0.1", OWN_PORT);
	int fd = open_socket(SOCK_STREAM), client;
	char buffer[512];

	if (bind(fd, (void *)&at, sizeof(at)) || listen(fd, 64))
		exit(2);
	if (fork())
		return;
	for (;;) {
		client = accept(fd, NULL, NULL);
		while (read(client, buffer, sizeof(buffer)) > 0)
			;
		close(client);
	}
}

int main(void)
{
	static char line[262144];

	signal(SIGPIPE, SIG_IGN);
	umask(0);
	setvbuf(stdout, NULL, _IONBF, 0);
	listen_own();
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line;

		line[strcspn(line, "\n")] = 0;
		if (fork() == 0) {
			while (rest)
				printf("%d ", perform(strsep(&rest, ";")));
			_exit(0);
		}
		wait(NULL);
		printf("end\n");
	}
	return 0;
}
