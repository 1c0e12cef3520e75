// SPDX-License-Identifier: Apache-2.0
/*
 * The tight loops that the benchmark times, in slices that alternate, so that other load on the machine hits all alike.
 *
 *   loops SLICES     slices of each: open + close, fork + exec + wait, connect (with accept, and a reset)
 *
 * Prints, as JSON, for each the nanoseconds for one: of processor time (of the process and of its children), and of the
 * clock; the median of the slices. Linked statically.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICES 1000

static struct sockaddr_in peer = { .sin_family = AF_INET };
static int listener;

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void one_open(void)
{
	int fd = open("/data/file", O_RDONLY);

	check(fd >= 0, "open");
	close(fd);
}

static void one_exec(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/loops", "loops", (char *)NULL);
		_exit(127);
	}
	check(waitpid(pid, &status, 0) == pid && status == 0, "exec");
}

static void one_connect(void)
{
	/* No TIME_WAIT: a long run would use up the ports. */
	struct linger now = { 1, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), other;

	check(fd >= 0 && connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0, "connect");
	other = accept(listener, NULL, NULL);
	check(other >= 0, "accept");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	close(other);
}

static const struct loop {
	const char *name;
	void (*one)(void);
	int times;
} loops[] = {
	{ "open", one_open, 5000 },
	{ "exec", one_exec, 40 },
	{ "connect", one_connect, 500 },
};
#define LOOPS 3

static double cpu[LOOPS][SLICES], wall[LOOPS][SLICES];

static double spent(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e9 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e3;
}

static double own(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec + spent(RUSAGE_CHILDREN);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *of, int count)
{
	qsort(of, count, sizeof(*of), order);
	return of[count / 2];
}

int main(int argc, char **argv)
{
	int slices = argc > 1 ? atoi(argv[1]) : 0;

	if (slices < 1 || slices > SLICES)
		return 0;
	peer.sin_port = htons(21000);
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (struct sockaddr *)&peer, sizeof(peer)) == 0 && listen(listener, 64) == 0, "listen");
	for (int s = 0; s < slices; s++)
		for (int l = 0; l < LOOPS; l++) {
			double spent_before = own(), from = now();

			for (int i = 0; i < loops[l].times; i++)
				loops[l].one();
			wall[l][s] = (now() - from) / loops[l].times;
			cpu[l][s] = (own() - spent_before) / loops[l].times;
		}
	for (int l = 0; l < LOOPS; l++)
		printf("%s\"%s\":{\"cpu\":%.1f,\"wall\":%.1f}", l ? "," : "{", loops[l].name,
		       median(cpu[l], slices), median(wall[l], slices));
	printf("}\n");
	return 0;
}
