// SPDX-License-Identifier: Apache-2.0
/* Ways to run an act: each hands the rest over to a process or thread, and then uses what that one got. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "acts.h"

#define STACK_SIZE (256 * 1024)
#define STORM 20

struct rest {
	const struct composition *it;
	int step;
	int first_fd;
};

static const struct composition *in_handler;
static int step_in_handler;

/* Without what the C library does in a fork: another thread may hold its locks. */
static pid_t raw_fork(long flags)
{
	return syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

void note_end(int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		shared->killed = 1;
}

static void wait_for(pid_t child)
{
	int status = 0;

	if (waitpid(child, &status, __WALL) == child)
		note_end(status);
}

static void finish(int keeps)
{
	/* What was got stays in this process until the oracle has looked. */
	if (keeps) {
		shared->done = 1;
		pause();
	}
	_exit(0);
}

static int go_on(void *of)
{
	struct rest *rest = of;

	run(rest->it, rest->step);
	return 0;
}

static void *go_on_thread(void *of)
{
	go_on(of);
	return NULL;
}

/* A process whose parents ended has begun its act by then. */
#define BEGUN_MS 300

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Of a process that shares descriptors, as long as it or one that it made may get something. */
static void wait_and_take(pid_t child, int from)
{
	struct stat before, after;
	long ended = 0;

	stat("/", &before);
	for (;;) {
		siginfo_t info = {};

		scavenge(from);
		if (shared->done)
			break;
		if (!ended && !waitid(P_PID, child, &info, WEXITED | WNOWAIT | WNOHANG | __WALL) && info.si_pid) {
			ended = now_ms();
			if (info.si_code == CLD_KILLED && info.si_status == SIGKILL)
				shared->killed = 1;
		}
		if (ended && (shared->killed || shared->result != -1 || now_ms() - ended > BEGUN_MS))
			break;
		sched_yield();
	}
	scavenge(from);
	/* In the other one's root folder. */
	if (!stat("/", &after) && after.st_ino != before.st_ino)
		shared->went_on = 1;
	finish(1);
}

static void *watch(void *of)
{
	struct rest *rest = of;

	for (;;)
		scavenge(rest->first_fd);
	return NULL;
}

static void on_signal(int number)
{
	run(in_handler, step_in_handler);
	(void)number;
}

/* Out of the container's cgroup, by a mount of the hierarchy. */
static int leave_cgroup(void)
{
	int fd;

	if (unshare(CLONE_NEWNS) || mount("none", "/mnt", "cgroup2", 0, NULL))
		return errno;
	fd = open("/mnt/cgroup.procs", O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return errno;
	close(fd);
	return 0;
}

static void as_words(const struct composition *it, int step, char *line)
{
	int at = sprintf(line, "%d %s", it->slot, it->act);

	at += sprintf(line + at, " %d ", it->via);
	for (int i = 0; i < STEPS; i++)
		at += sprintf(line + at, "%s,", it->names[i]);
	line[at++] = ' ';
	for (int i = step; i < STEPS; i++)
		at += sprintf(line + at, "%s,", it->runs[i]);
	line[at] = 0;
}

/* Fails where the step is not possible. */
static int take_step(const struct composition *it, int step)
{
	const char *name = it->runs[step];
	struct rest *rest = malloc(sizeof(*rest));
	char *stack, line[1024];
	pthread_t thread;
	pid_t child;

	*rest = (struct rest){ it, step + 1, next_descriptor() };
#define IS(name_) (!strcmp(name, name_))
	if (IS("watched")) {
		if (pthread_create(&thread, NULL, watch, rest))
			return EAGAIN;
		run(it, step + 1);
	} else if (IS("thread")) {
		if (pthread_create(&thread, NULL, go_on_thread, rest))
			return EAGAIN;
		pthread_join(thread, NULL);
	} else if (IS("leaderless")) {
		if (pthread_create(&thread, NULL, go_on_thread, rest))
			return EAGAIN;
		syscall(SYS_exit, 0);
	} else if (IS("child")) {
		child = raw_fork(0);
		if (!child)
			run(it, step + 1);
		wait_for(child);
		_exit(0);
	} else if (IS("orphan")) {
		if (raw_fork(0))
			_exit(0);
		if (raw_fork(0))
			_exit(0);
		setsid();
		run(it, step + 1);
	} else if (IS("shared-table") || IS("shared-folders")) {
		child = raw_fork(IS("shared-table") ? CLONE_FILES : CLONE_FS);
		if (!child)
			run(it, step + 1);
		wait_and_take(child, rest->first_fd);
	} else if (IS("shared-memory")) {
		stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		child = clone(go_on, stack + STACK_SIZE, CLONE_VM | CLONE_FILES | SIGCHLD, rest);
		if (child < 0)
			return errno;
		wait_and_take(child, rest->first_fd);
	} else if (IS("vfork")) {
		stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		child = clone(go_on, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, rest);
		if (child < 0)
			return errno;
		wait_for(child);
		_exit(0);
	} else if (IS("exec")) {
		as_words(it, step + 1, line);
		execl("/bin/red", "red", "continue", line, NULL);
		return errno;
	} else if (IS("handler")) {
		in_handler = it;
		step_in_handler = step + 1;
		signal(SIGUSR2, on_signal);
		raise(SIGUSR2);
	} else if (IS("storm")) {
		for (int i = 0; i < STORM; i++)
			if (!raw_fork(0))
				_exit(0);
		run(it, step + 1);
	} else if (IS("user")) {
		/* This thread alone: the C library would wait for all of them. */
		if (syscall(SYS_setgid, OTHER_USER) || syscall(SYS_setuid, OTHER_USER))
			return errno;
		run(it, step + 1);
	} else if (IS("left-cgroup")) {
		int error = leave_cgroup();

		if (error)
			return error;
		run(it, step + 1);
	} else if (IS("namespace")) {
		if (unshare(CLONE_NEWNS))
			return errno;
		run(it, step + 1);
	} else {
		return ENOSYS;
	}
	return 0;
}

void run(const struct composition *it, int step)
{
	int error;

	if (step < STEPS && *it->runs[step]) {
		error = take_step(it, step);
		if (error)
			shared->result = error;
		_exit(0);
	}
	perform(it);
	finish(!shared->result);
}
