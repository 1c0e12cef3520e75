// SPDX-License-Identifier: Apache-2.0
/*
 * A hook of the OCI runtime (`createRuntime`). The runtime has made the container and waits for
 * this process. It passes the container's state to the agent, which answers once the kernel judges
 * the container. It waits within bounds, and without `--fail-closed` nothing but a refusal of the
 * agent keeps a container from its start.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "sensor/start_hook.h"

#define STATE_MAX (1 << 20) /* the agent takes no more */
#define ANSWER_MAX 8192
#define WAIT_MS 2000
#define WAIT_MAX_MS 60000
#define ANSWER_MS 200 /* of the wait: the agent ends its own by then */

/* The second is for users, who cannot connect to the first. */
static const char *const usual_paths[] = { "/run/snug/snug.sock", "/run/snug/starts.sock" };
static const char *socket_path;
static bool fail_closed;
static int wait_ms = WAIT_MS;
static long long ends_at;

static char state[STATE_MAX + 1];
static char answer[ANSWER_MAX + 1];

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/*
 * Both for the runtime, which may print it, and for the log of the host, as some runtimes do not.
 */
static int refuse(const char *code, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	/* The container chooses parts of it. */
	for (char *each = text; *each; each++)
		if ((unsigned char)*each < ' ' || *each == 127)
			*each = '?';
	fprintf(stderr, "snug: %s: %s\n", code, text);
	openlog("snug-start-hook", LOG_PID, LOG_DAEMON);
	syslog(LOG_WARNING, "refused to let a container start: %s: %s", code, text);
	return 1;
}

/* The agent has not said that the kernel judges the container. */
#define unanswered(code, ...) (fail_closed ? refuse(code, __VA_ARGS__) : 0)

static bool ready(int fd, short events)
{
	struct pollfd poller = { .fd = fd, .events = events };
	long long left = ends_at - now_ms();
	int found;

	do
		found = left > 0 ? poll(&poller, 1, left) : 0;
	while (found < 0 && errno == EINTR);
	if (!found)
		errno = ETIMEDOUT;
	return found > 0;
}

/* Bytes read until the end; -1 with errno, EMSGSIZE where there are more than `most`. */
static ssize_t read_all(int fd, char *into, size_t most)
{
	size_t size = 0;

	for (;;) {
		char more;
		ssize_t got;

		if (!ready(fd, POLLIN))
			return -1;
		got = size < most ? read(fd, into + size, most - size) : read(fd, &more, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -1 : (ssize_t)size;
		if (size == most) {
			errno = EMSGSIZE;
			return -1;
		}
		size += got;
	}
}

static bool send_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t sent;

		if (!ready(fd, POLLOUT))
			return false;
		sent = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (sent < 0)
			return false;
		bytes += sent;
		size -= sent;
	}
	return true;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		/* EAGAIN: more clients wait than the agent has taken. */
		if (errno != EINTR && (errno != EAGAIN || now_ms() >= ends_at)) {
			int why = errno;

			close(fd);
			errno = why;
			return -1;
		}
		usleep(1000);
	}
	return fd;
}

static int connect_agent(void)
{
	const char *given = socket_path;
	int fd = connect_to(socket_path = given ? given : usual_paths[0]);

	if (fd < 0 && errno == EACCES && !given)
		fd = connect_to(socket_path = usual_paths[1]);
	return fd;
}

/* Sends the state; false with errno where no whole answer comes in time. */
static bool ask(int fd, size_t size)
{
	char head[256];
	long long left = ends_at - now_ms() - ANSWER_MS;
	int length = snprintf(head, sizeof(head),
			      "POST /v1/starts?within=%lldms HTTP/1.1\r\n"
			      "Host: localhost\r\n"
			      "Content-Type: application/json\r\n"
			      "Content-Length: %zu\r\n"
			      "Connection: close\r\n\r\n",
			      left > 0 ? left : 1, size);
	ssize_t got;

	if (!send_all(fd, head, length) || !send_all(fd, state, size))
		return false;
	got = read_all(fd, answer, ANSWER_MAX);
	if (got < 0)
		return false;
	answer[got] = 0;
	errno = EPROTO;
	return !strncmp(answer, "HTTP/1.1 ", 9);
}

/* A member of the problem that the agent answered with. */
static const char *member(const char *name, char *into, size_t size)
{
	char key[32];
	const char *from;
	size_t length = 0;

	snprintf(key, sizeof(key), "\"%s\":\"", name);
	from = strstr(answer, key);
	for (from = from ? from + strlen(key) : ""; *from && *from != '"'; from++)
		if (length + 1 < size && *from != '\\')
			into[length++] = *from;
	into[length] = 0;
	return into;
}

static int decide(void)
{
	char code[64], detail[512];

	if (!strncmp(answer + 9, "200 ", 4))
		return 0;
	member("code", code, sizeof(code));
	member("detail", detail, sizeof(detail));
	if (!strcmp(code, "START_REFUSED"))
		return refuse(code, "%s", detail);
	return unanswered(*code ? code : "AGENT_UNREACHABLE", "%s",
			  *detail ? detail : "the agent gave no reason");
}

static int usage(void)
{
	fprintf(stderr,
		"usage: snug-sensor --start-hook [--socket PATH] [--wait MILLISECONDS] [--fail-closed]\n");
	/* No container starts, so that nobody believes in a hook that does nothing. */
	return 64;
}

static bool parse(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--fail-closed")) {
			fail_closed = true;
		} else if (!strcmp(argv[i], "--socket") && *value) {
			socket_path = value;
			i++;
		} else if (!strcmp(argv[i], "--wait")) {
			char *end;
			long ms = strtol(value, &end, 10);

			if (!*value || *end || ms <= ANSWER_MS || ms > WAIT_MAX_MS)
				return false;
			wait_ms = ms;
			i++;
		} else {
			return false;
		}
	}
	return !socket_path || strlen(socket_path) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

int start_hook(int argc, char **argv)
{
	ssize_t size;
	int fd;

	if (!parse(argc, argv))
		return usage();
	ends_at = now_ms() + wait_ms;
	size = read_all(STDIN_FILENO, state, STATE_MAX);
	if (size < 0)
		return unanswered(errno == EMSGSIZE ? "BODY_TOO_LARGE" : "BODY_INVALID",
				  "cannot read the state of the container: %s", strerror(errno));
	fd = connect_agent();
	if (fd < 0)
		return unanswered("AGENT_UNREACHABLE", "no agent at `%s`: %s", socket_path,
				  strerror(errno));
	if (!ask(fd, size))
		return unanswered("AGENT_UNREACHABLE", "the agent at `%s` does not answer: %s",
				  socket_path, strerror(errno));
	return decide();
}
