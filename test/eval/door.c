// SPDX-License-Identifier: GPL-2.0
/*
 * door PID: the system calls of an attacker who runs code in a service's own process. A child is forked from the
 * process by ptrace, from outside the container, so that a service needs no vulnerability. The child makes the calls
 * from standard input, one a line, then ends; the process itself continues unchanged.
 *
 *   NUMBER ARG…   an argument is i:INTEGER, s:HEX (a string), v:HEX,HEX… (an array of strings), b:SIZE (a buffer), or
 *                 r:LINE (what the call of that line gave, from 0)
 *
 * Prints what each call gave, or `exec`, `killed SIGNAL` or `exited CODE` where nothing comes after it.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the door is written for x86-64"
#endif

#define MAX_CALLS 64
#define MAX_LINE 65536
/* Below the red zone and what the child's own frames may use. */
#define SCRATCH 65536

static const unsigned char syscall_insn[] = {0x0f, 0x05};
static unsigned long scratch;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void get_regs(pid_t pid, struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_GETREGS, pid, 0, regs))
		die("cannot read the registers");
}

static void set_regs(pid_t pid, const struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_SETREGS, pid, 0, regs))
		die("cannot set the registers");
}

/* Also where the process itself could not write: to its code. */
static void poke(pid_t pid, unsigned long at, const void *data, size_t size)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, data, size, at) != (ssize_t)size)
		die("cannot write to its memory");
	close(fd);
}

static void peek(pid_t pid, unsigned long at, void *data, size_t size)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, data, size, at) != (ssize_t)size)
		die("cannot read its memory");
	close(fd);
}

static unsigned long push(pid_t pid, const void *data, size_t size)
{
	unsigned long at = scratch;

	poke(pid, at, data, size);
	scratch += (size + 15) & ~15UL;
	return at;
}

static size_t unhex(const char *hex, size_t length, char *out)
{
	size_t i;

	for (i = 0; i + 1 < length; i += 2) {
		unsigned int byte;

		sscanf(hex + i, "%2x", &byte);
		out[i / 2] = (char)byte;
	}
	out[i / 2] = 0;
	return i / 2 + 1;
}

static unsigned long argument(pid_t pid, char *text, const long *results)
{
	static char bytes[MAX_LINE];
	char *value = text + 2;

	switch (text[0]) {
	case 'i':
		return (unsigned long)strtol(value, NULL, 0);
	case 'r':
		return (unsigned long)results[atoi(value) % MAX_CALLS];
	case 'b':
		scratch += ((unsigned long)atol(value) + 15) & ~15UL;
		return scratch - (((unsigned long)atol(value) + 15) & ~15UL);
	case 's':
		return push(pid, bytes, unhex(value, strlen(value), bytes));
	case 'v': {
		unsigned long array[32] = {0};
		int count = 0;
		char *save;

		for (char *one = strtok_r(value, ",", &save); one && count < 31; one = strtok_r(NULL, ",", &save))
			array[count++] = push(pid, bytes, unhex(one, strlen(one), bytes));
		return push(pid, array, sizeof(array[0]) * (size_t)(count + 1));
	}
	}
	fprintf(stderr, "not an argument: %s\n", text);
	exit(1);
}

/* Continues until the next stop and delivers a pending signal. False once the process has ended. */
static int next_stop(pid_t pid, enum __ptrace_request how, int *status)
{
	int signal = 0;

	for (;;) {
		/* ESRCH: killed meanwhile, which the wait reports. */
		if (ptrace(how, pid, 0, signal) && errno != ESRCH)
			die("cannot go on");
		if (waitpid(pid, status, __WALL) < 0)
			die("cannot wait");
		if (!WIFSTOPPED(*status))
			return 0;
		signal = WSTOPSIG(*status);
		if (signal == (SIGTRAP | 0x80) || *status >> 16)
			return 1;
	}
}

static void print_end(int status)
{
	if (WIFSIGNALED(status))
		printf("killed %d\n", WTERMSIG(status));
	else
		printf("exited %d\n", WEXITSTATUS(status));
}

/* One call in the stopped process. 1: made; 2: it runs another program now; 0: it has ended. */
static int call(pid_t pid, struct user_regs_struct regs, const unsigned long *args, long *result)
{
	int status;

	regs.orig_rax = (unsigned long)-1;
	regs.rax = args[0];
	regs.rdi = args[1];
	regs.rsi = args[2];
	regs.rdx = args[3];
	regs.r10 = args[4];
	regs.r8 = args[5];
	regs.r9 = args[6];
	set_regs(pid, &regs);
	/* Its entry, its exit; on the way an exec stops once more. */
	for (int exits = 0; exits < 2; exits++) {
		if (!next_stop(pid, PTRACE_SYSCALL, &status)) {
			print_end(status);
			return 0;
		}
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			return 2;
		if (status >> 16)
			exits--;
	}
	get_regs(pid, &regs);
	*result = (long)regs.rax;
	return 1;
}

/* Forks a child off the process and lets the process continue. */
static pid_t fork_off(pid_t pid, struct user_regs_struct *at)
{
	struct user_regs_struct regs;
	unsigned char code[sizeof(syscall_insn)];
	unsigned long child = 0;
	unsigned long args[7] = {SYS_fork};
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC) ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, &status, __WALL) < 0)
		die("cannot attach");
	get_regs(pid, &regs);
	peek(pid, regs.rip, code, sizeof(code));
	poke(pid, regs.rip, syscall_insn, sizeof(syscall_insn));
	*at = regs;
	at->orig_rax = (unsigned long)-1;
	at->rax = args[0];
	set_regs(pid, at);
	for (int stops = 0; stops < 2;) {
		if (!next_stop(pid, PTRACE_SYSCALL, &status))
			die("it ended");
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8)) {
			if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child))
				die("no child");
		} else if (!(status >> 16)) {
			stops++;
		}
	}
	poke(pid, regs.rip, code, sizeof(code));
	set_regs(pid, &regs);
	if (ptrace(PTRACE_DETACH, pid, 0, 0))
		die("cannot detach");
	if (child == 0) {
		errno = EPERM;
		die("it may not fork");
	}
	return (pid_t)child;
}

int main(int argc, char **argv)
{
	static char line[MAX_LINE];
	long results[MAX_CALLS] = {0};
	struct user_regs_struct regs;
	struct timespec patience = {.tv_nsec = 20000000};
	unsigned long bottom;
	pid_t child;
	int status;

	if (argc != 2)
		return 64;
	setvbuf(stdout, NULL, _IOLBF, 0);
	child = fork_off(atoi(argv[1]), &regs);
	if (waitpid(child, &status, __WALL) < 0)
		die("no child");
	bottom = (regs.rsp - SCRATCH) & ~15UL;
	for (int count = 0; count < MAX_CALLS && fgets(line, sizeof(line), stdin); count++) {
		unsigned long args[7] = {0};
		char *save;
		int n = 0;

		scratch = bottom;
		line[strcspn(line, "\n")] = 0;
		for (char *one = strtok_r(line, " ", &save); one && n < 7; one = strtok_r(NULL, " ", &save))
			args[n] = n == 0 ? strtoul(one, NULL, 10) : argument(child, one, results), n++;
		switch (call(child, regs, args, &results[count])) {
		case 0:
			return 0;
		case 2:
			printf("exec\n");
			ptrace(PTRACE_SETOPTIONS, child, 0, 0);
			/* To its end, and not longer than what waits for it. */
			ptrace(PTRACE_CONT, child, 0, 0);
			for (int i = 0; i < 250; i++) {
				pid_t got = waitpid(child, &status, __WALL | WNOHANG);

				if (got == child && !WIFSTOPPED(status)) {
					print_end(status);
					return 0;
				}
				if (got == child)
					ptrace(PTRACE_CONT, child, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
				nanosleep(&patience, NULL);
			}
			kill(child, SIGKILL);
			return 0;
		}
		printf("%ld\n", results[count]);
	}
	kill(child, SIGKILL);
	return 0;
}
