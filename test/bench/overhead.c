// SPDX-License-Identifier: Apache-2.0
/*
 * The service that the benchmark of the sensor's overhead runs in a container. For each line `LOOP MS` on its
 * standard input it does one thing over and over, for so many milliseconds of processor time, and prints how often, and
 * the nanoseconds of processor time (its own and of its children) and of the clock. Without arguments it ends at once:
 * it is also the program that it executes. With `take ADDRESS` it is the server of the loop `hello`, elsewhere. Linked
 * statically.
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
#define SERVER_PORT 443
/* Caches and branch predictors have seen the loop before it is timed. */
#define WARM_NS 4e6

static struct sockaddr_in peer = { .sin_family = AF_INET };
static struct sockaddr_in server = { .sin_family = AF_INET };
static int listener;
/* The first data of a client in TLS: a file of the image. */
static char hello[4096];
static ssize_t hello_size;

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

static int connected(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0, "connect");
	return fd;
}

/* A reset leaves no TIME_WAIT, which would use up the ports. */
static void reset(int fd)
{
	struct linger now = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void one_connect(void)
{
	int fd = connected(&peer), other = accept(listener, NULL, NULL);

	check(other >= 0, "accept");
	reset(fd);
	close(other);
}

/* To another machine, with a name of it in TLS. */
static void one_hello(void)
{
	int fd = connected(&server);

	check(write(fd, hello, hello_size) == hello_size, "hello");
	reset(fd);
}

static void read_hello(void)
{
	int fd = open("/hello", O_RDONLY);

	check(fd >= 0 && (hello_size = read(fd, hello, sizeof(hello))) > 0, "/hello");
	close(fd);
}

static void listen_at(const struct sockaddr_in *at)
{
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (const struct sockaddr *)at, sizeof(*at)) == 0 &&
		      listen(listener, 1024) == 0,
	      "listen");
}

static void take(void)
{
	listen_at(&server);
	puts("listens");
	fflush(stdout);
	for (;;)
		close(accept(listener, NULL, NULL));
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
	{ "hello", one_hello, 10 },
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

	if (argc < 2)
		return 0;
	server.sin_port = htons(SERVER_PORT);
	server.sin_addr.s_addr = inet_addr(argc > 2 ? argv[2] : "127.0.0.1");
	if (!strcmp(argv[1], "take"))
		take();
	read_hello();
	name_files();
	peer.sin_port = htons(21000);
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_at(&peer);
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
