// SPDX-License-Identifier: Apache-2.0
/*
 * Tries again and again whether blocking works: in a cgroup of its own, which the programs take for a container's, this
 * executable does by a built-in profile what is allowed and what is not. Nobody is told of these acts, only of what
 * they came to.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sensor.h"

#define FIRST_AFTER (5 * NS)
#define DEADLINE (10 * NS)
#define TRIALS (SNUG_TRIAL_PASS | SNUG_TRIAL_EXEC | SNUG_TRIAL_OPEN | SNUG_TRIAL_CONNECT)
#define FORBIDDEN_PATH "/"
#define ALLOWED_PORT 9
#define FORBIDDEN_PORT 10
#define DONE 42			/* exit code of who did what is forbidden */
#define NOT_THERE 43		/* of who could not enter the cgroup */

static struct {
	__u64 interval;
	__u64 due;
	__u64 began;
	pid_t pid;		/* 0: none runs */
	int result;		/* what it writes its outcome to; -1 */
	char exe[PATH_MAX];
	char above[PATH_MAX - 256];
	char cgroup[PATH_MAX];	/* empty: removed */
	bool complained;
} probe = { .result = -1 };

/* A command to ourselves, as the daemon would send it. */
static unsigned char command[8192] __attribute__((aligned(8)));
static size_t command_size;

static struct snug_rule *add_rule(__u8 kind, __u32 flags, bool by_trial, const char *text)
{
	struct snug_rule *rule = (void *)(command + command_size);
	size_t exe = by_trial ? strlen(probe.exe) : 0, size = strlen(text);

	*rule = (struct snug_rule){
		.size = (sizeof(*rule) + exe + size + 7) & ~7ul,
		.kind = kind,
		.origin = SNUG_ENTRYPOINT,
		.flags = flags,
		.tag = 1,
		.uid = geteuid(),
		.exe_size = exe,
		.text_size = size,
	};
	memcpy(rule + 1, probe.exe, exe);
	memcpy((char *)(rule + 1) + exe, text, size);
	command_size += rule->size;
	return rule;
}

static void send_rules(struct agent *agent)
{
	profile_rules(agent, (const void *)command, command_size);
	command_size = sizeof(struct snug_rules);
}

/* Its own start, whatever the loader reads, capabilities, one port; and one path that a person said no to. */
static void make_profile(struct agent *agent)
{
	static struct {
		struct snug_states head;
		struct snug_state states[2];
	} any = { .head = { .scope = SNUG_TRIAL_SCOPE, .count = 2 } };
	struct snug_profile begin = { .scope = SNUG_TRIAL_SCOPE, .rules = 256, .states = 2 };
	struct snug_profile_end end = { .scope = SNUG_TRIAL_SCOPE };
	struct snug_rule *rule;

	((struct snug_rules *)command)->scope = SNUG_TRIAL_SCOPE;
	command_size = sizeof(struct snug_rules);
	profile_begin(agent, &begin);
	add_rule(SNUG_EXEC, 0, false, probe.exe);
	add_rule(SNUG_EXEC, SNUG_WITH_DRIFT, false, probe.exe);
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
	profile_states(agent, &any.head, sizeof(any));
	profile_end(agent, &end);
}

static bool set_exe(void)
{
	static const char deleted[] = " (deleted)";
	ssize_t size = readlink("/proc/self/exe", probe.exe, sizeof(probe.exe) - 1);
	char *end;

	if (size <= 0 || size > SNUG_NAME_MAX)
		return false;
	end = strstr(probe.exe, deleted);
	if (end && !end[sizeof(deleted) - 1])
		*end = 0;
	return true;
}

static bool write_text(const char *folder, const char *file, const char *text)
{
	char path[PATH_MAX + 32];
	bool written;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text)) > 0;
	close(fd);
	return written;
}

/* Another sensor's is not ours to remove while that runs. */
static bool is_left(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *file;

	if (pid == getpid())
		return true;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (!fgets(name, sizeof(name), file))
		name[0] = 0;
	fclose(file);
	return strcmp(name, "snug-sensor\n") != 0;
}

/* Ends what runs there. It takes the kernel a moment to let go of the last process. */
static void remove_cgroups(const char *above)
{
	DIR *dir = opendir(above);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char below[PATH_MAX];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", above, entry->d_name);
		write_text(below, "cgroup.kill", "1");
		for (int tries = 0; rmdir(below) && errno == EBUSY && tries < 100; tries++)
			usleep(10000);
	}
	if (dir)
		closedir(dir);
	rmdir(above);
}

/* Of sensors that were killed in the midst of it. */
static void remove_leftovers(struct agent *agent)
{
	const char *prefix = SNUG_TRIAL_PATH + 1;
	DIR *dir = opendir(agent->cgroup_path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX - 300];

		if (strncmp(entry->d_name, prefix, strlen(prefix)) || !is_left(atoi(entry->d_name + strlen(prefix))))
			continue;
		snprintf(path, sizeof(path), "%.3000s/%s", agent->cgroup_path, entry->d_name);
		remove_cgroups(path);
	}
	if (dir)
		closedir(dir);
}

void probe_begin(struct agent *agent, __u32 seconds, bool armed)
{
	struct snug_enforce enforcement = { .scope = SNUG_TRIAL_SCOPE, .block = armed, .budget = UINT_MAX };

	remove_leftovers(agent);
	if (!seconds || !set_exe())
		return;
	probe.interval = seconds * NS;
	probe.due = monotonic() + (probe.interval < FIRST_AFTER ? probe.interval : FIRST_AFTER);
	snprintf(probe.above, sizeof(probe.above), "%.3000s%s%d", agent->cgroup_path, SNUG_TRIAL_PATH, getpid());
	make_profile(agent);
	enforce(agent, &enforcement);
}

int probe_fd(void)
{
	return probe.result;
}

/* Never returns: in the child, which is a container's first process from its exec on. */
static void enter(int result)
{
	int nothing = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(nothing, STDIN_FILENO);
	dup2(result, STDOUT_FILENO);
	dup2(nothing, STDERR_FILENO);
	if (nothing > STDERR_FILENO)
		close(nothing);
	if (unshare(CLONE_NEWNS) || !write_text(probe.cgroup, "cgroup.procs", "0"))
		_exit(NOT_THERE);
	execl("/proc/self/exe", "snug-sensor", "--trial", "all", NULL);
	_exit(1);
}

static bool make_cgroup(struct agent *agent)
{
	struct snug_assign assignment = {
		.scope = SNUG_TRIAL_SCOPE,
		.traits = SNUG_ENFORCED | SNUG_HIDDEN,
	};
	unsigned char random[SNUG_ID_LEN / 2];
	char id[SNUG_ID_LEN + 1];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		sprintf(id + 2 * i, "%02x", random[i]);
	memcpy(assignment.id, id, sizeof(assignment.id));
	assign(agent, &assignment, sizeof(assignment));
	if (mkdir(probe.above, 0700) && errno != EEXIST)
		return false;
	snprintf(probe.cgroup, sizeof(probe.cgroup), "%s/%s", probe.above, id);
	if (!mkdir(probe.cgroup, 0700))
		return true;
	probe.cgroup[0] = 0;
	return false;
}

static bool start(struct agent *agent)
{
	int result[2];

	if (!make_cgroup(agent) || pipe2(result, O_CLOEXEC | O_NONBLOCK))
		return false;
	probe.pid = fork();
	if (!probe.pid)
		enter(result[1]);
	close(result[1]);
	if (probe.pid < 0) {
		close(result[0]);
		probe.pid = 0;
		return false;
	}
	probe.result = result[0];
	probe.began = monotonic();
	return true;
}

static void clean(void)
{
	if (!probe.cgroup[0] || (rmdir(probe.cgroup) && errno == EBUSY))
		return;
	probe.cgroup[0] = 0;
	rmdir(probe.above);
}

static void complain(int error)
{
	if (!probe.complained)
		say("cannot try whether blocking works: %s",
		    error ? strerror(error) : "no mount namespace of its own, or no way into a cgroup");
	probe.complained = true;
}

static void finish(struct agent *agent)
{
	struct snug_probed frame = { .time = monotonic(), .tried = TRIALS };
	int status = 0;
	__u32 good;

	if (read(probe.result, &good, sizeof(good)) == sizeof(good))
		frame.good = good;
	write_text(probe.cgroup, "cgroup.kill", "1");
	kill(-probe.pid, SIGKILL);
	kill(probe.pid, SIGKILL);
	waitpid(probe.pid, &status, 0);
	close(probe.result);
	probe.result = -1;
	probe.pid = 0;
	/* It did not even get there: that says nothing of blocking. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE)
		complain(0);
	else
		send_frame(&frame, SNUG_PROBED, sizeof(frame), NULL, 0);
	clean();
}

/* To be called now and then, and when `probe_fd` is readable or closed. */
void probe_go_on(struct agent *agent)
{
	__u64 now = monotonic();
	struct pollfd ready = { .fd = probe.result, .events = POLLIN };

	if (probe.pid) {
		if (poll(&ready, 1, 0) > 0 || now - probe.began > DEADLINE)
			finish(agent);
		return;
	}
	clean();
	if (!probe.interval || now < probe.due || probe.cgroup[0])
		return;
	probe.due = now + probe.interval;
	if (!start(agent))
		complain(errno);
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
	execl("/proc/self/exe", "snug-sensor", "--trial", "done", NULL);
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

/* In a process of its own: it may not come back. */
static bool is_stopped(int (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(act());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       (WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
}

/* What runs in the cgroup. An exit code. */
int trial(const char *what)
{
	__u32 good = 0;

	if (strcmp(what, "all"))
		return DONE;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!connect_to(ALLOWED_PORT))
		good |= SNUG_TRIAL_PASS;
	if (is_stopped(do_exec))
		good |= SNUG_TRIAL_EXEC;
	if (is_stopped(do_open))
		good |= SNUG_TRIAL_OPEN;
	if (is_stopped(do_connect))
		good |= SNUG_TRIAL_CONNECT;
	return write(STDOUT_FILENO, &good, sizeof(good)) == sizeof(good) ? 0 : 1;
}
