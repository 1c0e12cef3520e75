// SPDX-License-Identifier: Apache-2.0
/*
 * The service that the benchmark of the sensor's overhead runs in a container. For each line `LOOP MS` on its
 * standard input it does one thing over and over, for so many milliseconds of processor time, and prints how often, and
 * the nanoseconds of processor time (its own and of its children) and of the clock. Without arguments it ends at once:
 * it is also the program that it executes. Linked statically.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES 100
/* Caches and branch predictors have seen the loop before it is timed. */
#define WARM_NS 4e6

static struct sockaddr_in peer = { .sin_family = AF_INET };
static int listener;

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static char named[FILES][24], drawn[FILES][24], learned[FILES][24];

/* The image has these files. Each number is another name without an order. */
static void name_files(void)
{
	for (unsigned n = 0; n < FILES; n++) {
		snprintf(named[n], sizeof(named[n]), "/data/f%03u", n);
		snprintf(drawn[n], sizeof(drawn[n]), "/spool/%08x", (n + 1) * 2654435761u);
		snprintf(learned[n], sizeof(learned[n]), "/spool/%08x", (n + FILES + 1) * 2654435761u);
	}
}

/* Each file in turn. */
static void open_next(char paths[FILES][24], unsigned *next)
{
	int fd = open(paths[*next], O_RDONLY);

	check(fd >= 0, paths[*next]);
	close(fd);
	*next = (*next + 1) % FILES;
}

static void one_open(void)
{
	static unsigned next;

	open_next(named, &next);
}

static void one_drawn(void)
{
	static unsigned next;

	open_next(drawn, &next);
}

static void one_learned(void)
{
	static unsigned next;

	open_next(learned, &next);
}

static void one_exec(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/overhead", "overhead", (char *)NULL);
		_exit(127);
	}
	check(waitpid(pid, &status, 0) == pid && status == 0, "exec");
}

static void one_connect(void)
{
	/* A reset leaves no TIME_WAIT, which would use up the ports. */
	struct linger reset = { 1, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), other;

	check(fd >= 0 && connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0, "connect");
	other = accept(listener, NULL, NULL);
	check(other >= 0, "accept");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	close(other);
}

/* A system call that no hook is about. */
static void one_call(void)
{
	check(syscall(SYS_getpid) > 0, "getpid");
}

static const struct loop {
	const char *name;
	void (*one)(void);
	int batch; /* between two looks at the clock */
} loops[] = {
	{ "open", one_open, FILES },
	{ "drawn", one_drawn, FILES },
	{ "learned", one_learned, FILES }, /* of the same kind of names as those before */
	{ "exec", one_exec, 2 },
	{ "connect", one_connect, 10 },
	{ "call", one_call, 1000 },
};

static double processor_ns(void)
{
	struct rusage children;
	struct timespec own;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return own.tv_sec * 1e9 + own.tv_nsec +
	       (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1e9 +
	       (children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1e3;
}

static double clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static long repeat(const struct loop *loop, double for_ns)
{
	double until = processor_ns() + for_ns;
	long count = 0;

	do {
		for (int i = 0; i < loop->batch; i++)
			loop->one();
		count += loop->batch;
	} while (processor_ns() < until);
	return count;
}

static void run(const struct loop *loop, double for_ns)
{
	double processor, from;
	long count;

	repeat(loop, WARM_NS);
	processor = processor_ns();
	from = clock_ns();
	count = repeat(loop, for_ns);
	printf("%ld %.0f %.0f\n", count, processor_ns() - processor, clock_ns() - from);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	size_t count = sizeof(loops) / sizeof(*loops), i;
	char name[16];
	int ms;

	if (argc < 2 || strcmp(argv[1], "serve"))
		return 0;
	name_files();
	peer.sin_port = htons(21000);
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (struct sockaddr *)&peer, sizeof(peer)) == 0 && listen(listener, 64) == 0,
	      "listen");
	while (scanf("%15s %d", name, &ms) == 2) {
		for (i = 0; i < count && strcmp(loops[i].name, name); i++)
			;
		if (i == count) {
			fprintf(stderr, "no loop %s\n", name);
			return 2;
		}
		run(&loops[i], ms * 1e6);
	}
	return 0;
}
