// SPDX-License-Identifier: Apache-2.0
/*
 * A service that obeys requests: `service PORT`, by HTTP, so that the API server's proxy can ask it. Linked statically.
 *
 *   GET /…/serve              reads each file of /srv: its ordinary work
 *   GET /…/read/PATH          opens and reads a file, in the service's own process
 *   GET /…/connect/HOST/PORT  connects to an IPv4 address
 *   GET /…/exec/PATH          runs a program without arguments, as a child
 *
 * Answers `ok`, `errno N`, or `signal N` where the child was killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVED "/srv"

static char answer[64];

static void done(int error)
{
	if (error)
		snprintf(answer, sizeof(answer), "errno %d\n", error);
	else
		snprintf(answer, sizeof(answer), "ok\n");
}

static int look(const char *path)
{
	char bytes[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	int error = read(fd, bytes, sizeof(bytes)) < 0 ? errno : 0;
	close(fd);
	return error;
}

static void serve(void)
{
	DIR *served = opendir(SERVED);
	struct dirent *entry;
	char path[512];
	int error = served ? 0 : errno;

	while (!error && (entry = readdir(served))) {
		if (entry->d_type != DT_REG)
			continue;
		snprintf(path, sizeof(path), SERVED "/%s", entry->d_name);
		error = look(path);
	}
	if (served)
		closedir(served);
	done(error);
}

static void reach(char *where)
{
	char *port = strchr(where, '/');
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct timeval patience = { .tv_sec = 3 };

	if (!port) {
		done(EINVAL);
		return;
	}
	*port++ = 0;
	to.sin_port = htons(atoi(port));
	if (inet_pton(AF_INET, where, &to.sin_addr) != 1) {
		done(EINVAL);
		return;
	}
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	done(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0);
	close(fd);
}

static void run(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char *args[] = { (char *)path, NULL }, *env[] = { NULL };

		execve(path, args, env);
		_exit(100 + (errno < 100 ? errno : 99));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		done(errno);
	else if (WIFSIGNALED(status))
		snprintf(answer, sizeof(answer), "signal %d\n", WTERMSIG(status));
	else
		done(WEXITSTATUS(status) > 100 ? WEXITSTATUS(status) - 100 : 0);
}

static char *after(char *request, const char *word)
{
	char *at = strstr(request, word);

	return at ? at + strlen(word) : NULL;
}

/* The path alone: `GET PATH HTTP/1.1`. */
static void obey(char *request)
{
	char *path = strchr(request, ' '), *end = path ? strchr(path + 1, ' ') : NULL, *rest;

	if (!end) {
		done(EINVAL);
		return;
	}
	*end = 0;
	if ((rest = after(path, "/connect/")))
		reach(rest);
	else if ((rest = after(path, "/exec/")))
		run(rest - 1);
	else if ((rest = after(path, "/read/")))
		done(look(rest - 1));
	else if (after(path, "/serve"))
		serve();
	else
		done(ENOSYS);
}

static void talk(int client)
{
	char request[8192], head[128];
	size_t have = 0;
	ssize_t got;

	while (have < sizeof(request) - 1 &&
	       (got = read(client, request + have, sizeof(request) - 1 - have)) > 0) {
		have += got;
		request[have] = 0;
		if (strstr(request, "\r\n\r\n"))
			break;
	}
	request[have] = 0;
	obey(request);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n",
		 strlen(answer));
	if (write(client, head, strlen(head)) > 0 && write(client, answer, strlen(answer)) > 0)
		shutdown(client, SHUT_WR);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGPIPE, SIG_IGN);
	/* The first process of a container has no default for it. */
	signal(SIGTERM, _exit);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (argc < 2 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 64) < 0) {
		perror("service");
		return 1;
	}
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		talk(client);
		close(client);
	}
}
