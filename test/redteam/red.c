// SPDX-License-Identifier: Apache-2.0
/*
 * The program of a container that is attacked. It runs the composition of each line in a child, prints what the oracle
 * saw, and ends all that is left:
 *
 *   red serve                 reads lines: `ordinary`, `peer`, `flood`, `end`, or a composition: SLOT ACT VIA NAMES RUNS
 *   red first COMPOSITION     the same, after the composition: its words are the arguments
 *   red continue COMPOSITION  the rest of one, in the program that a step executed
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "acts.h"

#define FLOOD_PORT 9
#define DEADLINE_MS 800
#define LISTENS "0A"

struct shared *shared;

static int ran_pipe[2];
static pid_t flooder;
static int children_fd;
static int port_tables[4];
static int mounts_fd;

static void share(int fd)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		exit(1);
}

static void parse_steps(char *text, char steps[STEPS][24])
{
	char *rest = text;

	for (int i = 0; i < STEPS; i++) {
		char *step = strsep(&rest, ",");

		snprintf(steps[i], sizeof(steps[i]), "%s", step && strcmp(step, "-") ? step : "");
	}
}

static int parse(char *line, struct composition *it)
{
	char names[160], runs[160];
	int via;

	if (sscanf(line, "%d %31s %d %159s %159s", &it->slot, it->act, &via, names, runs) != 5)
		return -1;
	it->via = via;
	parse_steps(names, it->names);
	parse_steps(runs, it->runs);
	return it->slot < 0 || it->slot >= SLOTS ? -1 : 0;
}

static int listening(int type, int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type, 0);

	if (bind(fd, (void *)&address, sizeof(address)) || (type == SOCK_STREAM && listen(fd, 100)))
		exit(2);
	return fd;
}

static int listening_unix(int slot, int abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), size = sizeof(address);

	if (abstract)
		size = sizeof(sa_family_t) + snprintf(address.sun_path + 1, 32, "s%d", slot) + 1;
	else
		snprintf(address.sun_path, sizeof(address.sun_path), "/run/s%d", slot);
	if (bind(fd, (void *)&address, size) || listen(fd, 100))
		exit(3);
	return fd;
}

static void on_signal(int number)
{
	shared->signals++;
	(void)number;
}

/* What comes to it came through. */
static void be_peer(int ready)
{
	static struct pollfd fds[4 * SLOTS];
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	char byte;

	sigaction(SIGUSR1, &action, NULL);
	for (int slot = 0; slot < SLOTS; slot++) {
		fds[4 * slot].fd = listening(SOCK_STREAM, FIRST_PORT + slot);
		fds[4 * slot + 1].fd = listening(SOCK_DGRAM, FIRST_PORT + slot);
		fds[4 * slot + 2].fd = listening_unix(slot, 0);
		fds[4 * slot + 3].fd = listening_unix(slot, 1);
	}
	for (int i = 0; i < 4 * SLOTS; i++)
		fds[i].events = POLLIN;
	if (write(ready, "x", 1) != 1)
		exit(4);
	for (;;) {
		if (poll(fds, 4 * SLOTS, -1) < 0)
			continue;
		for (int i = 0; i < 4 * SLOTS; i++) {
			if (!(fds[i].revents & POLLIN))
				continue;
			if (i % 4 == 1) {
				recv(fds[i].fd, &byte, 1, MSG_DONTWAIT);
			} else {
				int fd = accept(fds[i].fd, NULL, NULL);

				/* A connection of a process that was killed in time ends without data. */
				if (read(fd, &byte, 1) != 1) {
					close(fd);
					continue;
				}
				close(fd);
			}
			shared->arrived[i / 4] |= 1 << (i % 4);
		}
	}
}

/* What compositions use without opening it. */
static void open_dropped(void)
{
	char path[64];
	int fd;

	for (int slot = 1; slot < SLOTS; slot++) {
		snprintf(path, sizeof(path), "/srv/s%d/dropped", slot);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		dup2(fd, FIRST_DROPPED + slot);
		close(fd);
	}
	fd = open("/proc/self/ns/uts", O_RDONLY);
	dup2(fd, NAMESPACE_FD);
	close(fd);
}

/* New deviations without an end: connections to addresses that no profile has. */
static void flood(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(FLOOD_PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (uint32_t i = 0;; i++) {
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x10000 + (i & 0xfffff));
		connect(fd, (void *)&to, sizeof(to));
		if (i % 16 == 0)
			usleep(1000);
	}
}

static void start_peer(void)
{
	int ready[2];
	pid_t child;
	char byte;

	if (shared->peer || pipe(ready))
		return;
	child = fork();
	if (!child)
		be_peer(ready[1]);
	shared->peer = child;
	open_dropped();
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		exit(5);
	close(ready[0]);
}

static void nap(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/* Whether a socket of this port listens, or receives datagrams, in this network. */
static int is_open(int port)
{
	static char table[1 << 20];
	char wanted[16];

	snprintf(wanted, sizeof(wanted), ":%04X ", port);
	for (int i = 0; i < 4; i++) {
		ssize_t size, used = 0;

		lseek(port_tables[i], 0, SEEK_SET);
		while ((size = read(port_tables[i], table + used, sizeof(table) - 1 - used)) > 0)
			used += size;
		table[used] = 0;
		for (char *at = table; (at = strstr(at, wanted)); at++) {
			/* LOCAL:PORT REMOTE:PORT STATE: the local one counts. */
			char *colon = strchr(at + 6, ':');

			if (colon && (i > 1 || !strncmp(colon + 6, LISTENS, 2)) && at[6 + (i % 2 ? 32 : 8)] == ':')
				return 1;
		}
	}
	return 0;
}

static int is_mounted(int slot)
{
	static char table[1 << 16];
	char wanted[64];
	ssize_t size, used = 0;

	lseek(mounts_fd, 0, SEEK_SET);
	while ((size = read(mounts_fd, table + used, sizeof(table) - 1 - used)) > 0)
		used += size;
	table[used] = 0;
	snprintf(wanted, sizeof(wanted), " /srv/s%d/folder ", slot);
	return strstr(table, wanted) != NULL;
}

/* Of the object's file, as this process sees it, which no step of a composition moves or mounts. */
struct file_state {
	struct stat object;
	int is_there;
};

static void look(const struct composition *it, struct file_state *state)
{
	char path[64];

	snprintf(path, sizeof(path), "/srv/s%d/s%d", it->slot, it->slot);
	state->is_there = !lstat(path, &state->object);
}

static int has_step(const struct composition *it, const char *name)
{
	for (int i = 0; i < STEPS; i++)
		if (!strcmp(it->names[i], name))
			return 1;
	return 0;
}

static void print_files(const struct composition *it, const struct file_state *before)
{
	int rights = 0, capable = 0, changed = 0, emptied = 0, setuid_bit = 0, owner = 0, gone = 1, exchanged = has_step(it, "exchange");
	char path[PATH_SIZE];
	struct stat now;

	/* The object may have been moved: to the names that steps make, or to one that is allowed. */
	for (int place = exchanged ? STEPS : 0; place <= STEPS; place++) {
		if (place == STEPS)
			strcpy(path, "/data/ordinary");
		else if (place)
			put_alias(path, it->slot, place);
		else
			snprintf(path, sizeof(path), "/srv/s%d/s%d", it->slot, it->slot);
		if ((place == STEPS && !exchanged) || lstat(path, &now) || !S_ISREG(now.st_mode))
			continue;
		/* What a step made to mount on. */
		if (place && has_step(it, "mount-file") && !now.st_size)
			continue;
		gone = 0;
		emptied |= !now.st_size;
		changed |= now.st_mtim.tv_sec != before->object.st_mtim.tv_sec ||
			   now.st_mtim.tv_nsec != before->object.st_mtim.tv_nsec;
		setuid_bit |= (now.st_mode & S_ISUID) != 0;
		owner |= now.st_uid == OTHER_USER;
		rights |= lgetxattr(path, RIGHTS, NULL, 0) > 0;
		capable |= lgetxattr(path, CAPABILITIES, NULL, 0) > 0;
	}
	snprintf(path, sizeof(path), "/srv/s%d/new", it->slot);
	printf("gone=%d made=%d changed=%d emptied=%d setuid=%d owner=%d rights=%d capable=%d ", before->is_there && gone,
	       !lstat(path, &now), changed, emptied, setuid_bit, owner, rights, capable);
}

static void end_all(void)
{
	char list[4096];
	ssize_t size;
	int left;

	do {
		left = 0;
		lseek(children_fd, 0, SEEK_SET);
		size = read(children_fd, list, sizeof(list) - 1);
		list[size > 0 ? size : 0] = 0;
		for (char *word = strtok(list, " "); word; word = strtok(NULL, " ")) {
			if (atoi(word) == shared->peer || atoi(word) == flooder)
				continue;
			kill(atoi(word), SIGKILL);
			left++;
		}
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
		if (left)
			nap(100);
	} while (left);
}

static long long epoch_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void compose(const struct composition *it)
{
	struct file_state before;
	char marker[8] = "";
	int status = 0, open_port, mounted, killed, ended = 0;
	long long from = epoch_ms();
	struct timespec start, now;
	pid_t child;

	shared->armed = shared->killed = shared->went_on = shared->done = shared->signals = 0;
	shared->wants_socket = 0;
	shared->uid = shared->gid = -1;
	shared->result = -1;
	memset((void *)shared->leak, 0, sizeof(shared->leak));
	shared->arrived[it->slot] = 0;
	look(it, &before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	child = fork();
	if (!child) {
		/* A step may have its effect on this process's folders and mounts, but not on the server's. */
		run(it, 0);
		_exit(0);
	}
	for (;;) {
		pid_t gone = ended ? 0 : waitpid(child, &status, WNOHANG);
		int alone;

		if (gone == child) {
			ended = 1;
			note_end(status);
		}
		lseek(children_fd, 0, SEEK_SET);
		{
			char list[256];
			ssize_t size = read(children_fd, list, sizeof(list) - 1);
			int count = 0;

			list[size > 0 ? size : 0] = 0;
			for (char *word = strtok(list, " "); word; word = strtok(NULL, " "))
				count += atoi(word) != shared->peer && atoi(word) != flooder;
			alone = count == 0;
		}
		/* Processes whose parents ended come here, and are reaped here. */
		while (ended && !alone && waitpid(-1, &status, WNOHANG | __WALL) > 0)
			note_end(status);
		if ((ended && alone) || shared->done)
			break;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 > DEADLINE_MS)
			break;
		nap(100);
	}
	/* For what the peer has yet to take, and a program to say that it ran. */
	if (strstr(it->act, "connect") || strstr(it->act, "send") || strstr(it->act, "fast") || strstr(it->act, "multi"))
		nap(2000);
	open_port = (!strcmp(it->act, "listen") || !strcmp(it->act, "bind")) && is_open(FIRST_PORT + SLOTS + it->slot);
	mounted = is_mounted(it->slot);
	killed = shared->killed;
	end_all();
	if (mounted) {
		char path[64];

		snprintf(path, sizeof(path), "/srv/s%d/folder", it->slot);
		umount2(path, MNT_DETACH);
	}
	if (read(ran_pipe[0], marker, sizeof(marker) - 1) < 0)
		marker[0] = 0;
	print_files(it, &before);
	printf("from=%lld to=%lld ", from, epoch_ms());
	printf("armed=%d result=%d killed=%d went_on=%d uid=%d gid=%d signals=%d ran=%d open=%d mounted=%d arrived=%d leak=%s\n",
	       shared->armed, shared->result, killed, shared->went_on, shared->uid, shared->gid, shared->signals,
	       !strncmp(marker, "ran", 3), open_port, mounted, shared->arrived[it->slot], (char *)shared->leak);
}

static int table(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void start(void)
{
	int fd = memfd_create("shared", 0), pipes[2];
	struct rlimit files = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &files);
	if (fd < 0 || ftruncate(fd, sizeof(*shared)) || dup2(fd, SHARED_FD) < 0 || pipe2(pipes, O_NONBLOCK))
		exit(1);
	close(fd);
	share(SHARED_FD);
	ran_pipe[0] = fcntl(pipes[0], F_DUPFD_CLOEXEC, 110);
	dup2(pipes[1], RAN_FD);
	close(pipes[0]);
	close(pipes[1]);
	/* No signal of an act leaves the container. */
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	children_fd = fcntl(table("/proc/thread-self/children"), F_DUPFD_CLOEXEC, 120);
	port_tables[0] = fcntl(table("/proc/self/net/tcp"), F_DUPFD_CLOEXEC, 120);
	port_tables[1] = fcntl(table("/proc/self/net/tcp6"), F_DUPFD_CLOEXEC, 120);
	port_tables[2] = fcntl(table("/proc/self/net/udp"), F_DUPFD_CLOEXEC, 120);
	port_tables[3] = fcntl(table("/proc/self/net/udp6"), F_DUPFD_CLOEXEC, 120);
	mounts_fd = fcntl(table("/proc/self/mountinfo"), F_DUPFD_CLOEXEC, 120);
	for (int opened = 3; opened < 20; opened++)
		close(opened);
	/* What the launcher left behind. */
	end_all();
}

/* Each in a child: what the steps of compositions need, with objects that a profile may allow. */
static void ordinary(void)
{
	static char *lines[] = {
		"read - exec",	    "read - user",	"read - left-cgroup",  "read - namespace",
		"read - orphan",    "read - storm",	"read change-root -",  "program - -",
		"read - user,exec", "read mount-tree -", "memory - -",
	};
	static const enum via vias[] = { VIA_AT, VIA_COMPAT, VIA_RING, VIA_RING_WORKER, VIA_RING_LATE, VIA_RING_POLL };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char line[256], names[64], runs[64], act[32];
		struct composition it;

		sscanf(lines[i], "%31s %63s %63s", act, names, runs);
		snprintf(line, sizeof(line), "0 ordinary-%s 0 %s %s", act, names, runs);
		parse(line, &it);
		compose(&it);
	}
	for (size_t i = 0; i < 2 * sizeof(vias) / sizeof(*vias); i++) {
		struct composition it = { .act = "ordinary-read", .via = vias[i / 2] };

		if (i % 2)
			strcpy(it.runs[0], "user");
		compose(&it);
	}
}

int main(int argc, char **argv)
{
	static char line[4096];
	struct composition it;

	if (argc == 3 && !strcmp(argv[1], "continue")) {
		share(SHARED_FD);
		if (parse(argv[2], &it))
			return 1;
		run(&it, 0);
	}
	if (argc < 2)
		return 1;
	/* As the interpreter of a script. */
	if (*argv[1] == '/')
		return write(RAN_FD, "ran", 3) != 3;
	start();
	if (!strcmp(argv[1], "first")) {
		for (int i = 2; i < argc; i++)
			strncat(strcat(line, " "), argv[i], 200);
		if (!parse(line, &it))
			compose(&it);
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "ordinary"))
			ordinary();
		else if (!strcmp(line, "peer"))
			start_peer();
		else if (!strcmp(line, "flood") && !(flooder = fork()))
			flood();
		else if (!strcmp(line, "end"))
			printf("done\n");
		else if (!parse(line, &it))
			compose(&it);
		fflush(stdout);
	}
	return 0;
}
