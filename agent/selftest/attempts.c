// SPDX-License-Identifier: Apache-2.0
/*
 * What the self-test attempts: it has a profile for its cgroup and runs this same executable in it,
 * which does what the profile allows and what it forbids.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi.h"
#include "shared.h"
#include "selftest/attempts.h"
#include "sensor/agent.h"
#include "sensor/install.h"

#define FORBIDDEN_PATH "/"
#define ALLOWED_PORT 9
#define FORBIDDEN_PORT 10
#define DONE 42 /* exit code of a child that got past a rule */

static char exe[PATH_MAX]; /* of this process */

static bool set_exe(void)
{
	static const char deleted[] = " (deleted)";
	ssize_t size = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *end;

	if (size <= 0 || size > SNUG_NAME_MAX)
		return false;
	end = strstr(exe, deleted);
	if (end && !end[sizeof(deleted) - 1])
		*end = 0;
	return true;
}

/* A command to ourselves, as the daemon would send it. */
static unsigned char command[8192] __attribute__((aligned(8)));
static size_t command_size;

static struct snug_rule *add_rule(__u8 kind, __u32 flags, bool by_attempt, const char *text)
{
	struct snug_rule *rule = (void *)(command + command_size);
	size_t exe_size = by_attempt ? strlen(exe) : 0, size = strlen(text);

	*rule = (struct snug_rule){
		.size = (sizeof(*rule) + exe_size + size + 7) & ~7ul,
		.kind = kind,
		.origin = SNUG_ENTRYPOINT,
		.flags = flags,
		.tag = 1,
		.uid = geteuid(),
		.exe_size = exe_size,
		.text_size = size,
	};
	memcpy(rule + 1, exe, exe_size);
	memcpy((char *)(rule + 1) + exe_size, text, size);
	command_size += rule->size;
	return rule;
}

static void send_rules(struct agent *agent)
{
	install_rules(agent, (const void *)command, command_size);
	command_size = sizeof(struct snug_rules);
}

/* Allowed: its own start, what the loader reads, capabilities, one port. Rejected: one path. */
bool selftest_profile(struct agent *agent)
{
	static struct {
		struct snug_states head;
		struct snug_state states[2];
	} any = { .head = { .scope = SNUG_SELFTEST_SCOPE, .count = 2 } };
	struct snug_profile begin = { .scope = SNUG_SELFTEST_SCOPE, .rules = 256, .states = 2 };
	struct snug_profile_end end = { .scope = SNUG_SELFTEST_SCOPE };
	struct snug_rule *rule;

	if (!set_exe())
		return false;
	((struct snug_rules *)command)->scope = SNUG_SELFTEST_SCOPE;
	command_size = sizeof(struct snug_rules);
	install_begin(agent, &begin);
	add_rule(SNUG_EXEC, 0, false, exe);
	add_rule(SNUG_EXEC, SNUG_WITH_DRIFT, false, exe);
	rule = add_rule(SNUG_FILE, SNUG_PATTERN, true, "");
	rule->code = SNUG_READ;
	rule->set = 1;
	rule = add_rule(SNUG_FILE, SNUG_DENY, true, FORBIDDEN_PATH);
	rule->code = SNUG_READ;
	rule = add_rule(SNUG_CONNECT, 0, true, "");
	inet_pton(AF_INET, "127.0.0.1", rule->address);
	rule->port = ALLOWED_PORT;
	rule->family = 4;
	rule->protocol = SNUG_UDP;
	send_rules(agent);
	for (__u32 capability = 0; capability < 64; capability++) {
		add_rule(SNUG_CAPABILITY, 0, true, "")->code = capability;
		if (command_size > sizeof(command) / 4)
			send_rules(agent);
	}
	send_rules(agent);
	for (int c = 0; c < 256; c++)
		any.states[1].next[c] = 1;
	any.states[1].accept = 1;
	install_states(agent, &any.head, sizeof(any));
	install_end(agent, &end);
	return true;
}

static int connect_to(__u16 port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	result = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	close(fd);
	return result;
}

static int exit_code(int result)
{
	return result == -EPERM || result == -EACCES ? 0 : DONE;
}

static int do_exec(void)
{
	execl("/proc/self/exe", "snug-sensor", "--attempt", "done", NULL);
	return exit_code(-errno);
}

static int do_open(void)
{
	return exit_code(open(FORBIDDEN_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 ? -errno : 0);
}

static int do_connect(void)
{
	return exit_code(connect_to(FORBIDDEN_PORT));
}

/* In a separate process, as the kernel may kill it. */
static bool is_stopped(int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(attempt());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       (WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
}

/* What runs in the cgroup. An exit code. */
int run_attempts(const char *what)
{
	__u32 good = 0;

	if (strcmp(what, "all"))
		return DONE;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!connect_to(ALLOWED_PORT))
		good |= SNUG_SELFTEST_PASS;
	if (is_stopped(do_exec))
		good |= SNUG_SELFTEST_EXEC;
	if (is_stopped(do_open))
		good |= SNUG_SELFTEST_OPEN;
	if (is_stopped(do_connect))
		good |= SNUG_SELFTEST_CONNECT;
	return write(STDOUT_FILENO, &good, sizeof(good)) == sizeof(good) ? 0 : 1;
}
