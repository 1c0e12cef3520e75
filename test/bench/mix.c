// SPDX-License-Identifier: Apache-2.0
/*
 * The mix that the benchmark times: the system calls of a small web service for a request, without its own computing.
 *
 *   mix ROUNDS    each round: 60 opens with a read of 4 KiB, 4 connects with a byte to and fro, 1 fork and exec
 *
 * Prints the nanoseconds that the rounds took. The figure that is compared is this one: start-up of the
 * container is not in it. Linked statically.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORTS 4

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static struct sockaddr_in at(int i)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(21000 + i) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static void *serve(void *arg)
{
	int listener = *(int *)arg;
	char byte;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		check(read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1, "answer");
		close(fd);
	}
}

static void round_trip(int i)
{
	struct sockaddr_in to = at(i);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte = 'x';

	check(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
	check(write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1, "round trip");
	/* No TIME_WAIT: a long run would use up the ports. */
	struct linger now = { 1, 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void run(int i)
{
	char path[64];

	snprintf(path, sizeof(path), "/data/bin/%02d", i);
	pid_t pid = vfork();
	if (pid == 0) {
		execl(path, "true", (char *)NULL);
		_exit(127);
	}
	int status = 1;
	check(waitpid(pid, &status, 0) == pid && status == 0, "exec");
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1000;
	static int listeners[PORTS];
	struct timespec from, to;
	char path[64], page[4096];

	for (int i = 0; i < PORTS; i++) {
		struct sockaddr_in a = at(i);
		int one = 1;
		pthread_t thread;

		listeners[i] = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(listeners[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		check(bind(listeners[i], (struct sockaddr *)&a, sizeof(a)) == 0, "bind");
		check(listen(listeners[i], 64) == 0, "listen");
		check(pthread_create(&thread, NULL, serve, &listeners[i]) == 0, "thread");
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long r = 0; r < rounds; r++) {
		for (int i = 0; i < 60; i++) {
			snprintf(path, sizeof(path), "/data/in/%02d", i % 23);
			int fd = open(path, O_RDONLY);
			check(fd >= 0 && read(fd, page, sizeof(page)) > 0, path);
			close(fd);
		}
		for (int i = 0; i < PORTS; i++)
			round_trip(i);
		run(r % 23);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%lld\n", (to.tv_sec - from.tv_sec) * 1000000000LL + (to.tv_nsec - from.tv_nsec));
	return 0;
}
