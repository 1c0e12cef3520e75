// SPDX-License-Identifier: Apache-2.0
/*
 * The self-test of blocking. In a cgroup that the programs take for a container's, this executable
 * does what a built-in profile allows and what it forbids. The events are not reported, only the
 * result.
 */
#define _GNU_SOURCE
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi.h"
#include "shared.h"
#include "selftest/attempts.h"
#include "selftest/selftest.h"
#include "sensor/agent.h"
#include "sensor/assign.h"
#include "sensor/clock.h"
#include "sensor/frame.h"
#include "sensor/log.h"
#include "sensor/version.h"

#define FIRST_AFTER (5 * NS)
#define DEADLINE (10 * NS)
#define ATTEMPTS \
	(SNUG_SELFTEST_PASS | SNUG_SELFTEST_EXEC | SNUG_SELFTEST_OPEN | SNUG_SELFTEST_CONNECT)
#define NOT_THERE 43 /* of who could not enter the cgroup */

static struct {
	__u64 interval;
	__u64 due;
	__u64 began;
	pid_t pid;  /* 0: none runs */
	int result; /* what it writes its outcome to; -1 */
	char above[PATH_MAX - 256];
	char cgroup[PATH_MAX]; /* empty: removed */
	bool complained;
} selftest = { .result = -1 };

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

/* Ends the processes there. The kernel takes a moment to release the last one. */
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
	const char *prefix = SNUG_SELFTEST_PATH + 1;
	DIR *dir = opendir(agent->cgroup_path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX - 300];

		if (strncmp(entry->d_name, prefix, strlen(prefix)) ||
		    !is_left(atoi(entry->d_name + strlen(prefix))))
			continue;
		snprintf(path, sizeof(path), "%.3000s/%s", agent->cgroup_path, entry->d_name);
		remove_cgroups(path);
	}
	if (dir)
		closedir(dir);
}

void selftest_begin(struct agent *agent, __u32 seconds, bool armed)
{
	struct snug_enforce enforcement = { .scope = SNUG_SELFTEST_SCOPE,
					    .block = armed,
					    .budget = UINT_MAX };

	remove_leftovers(agent);
	if (!seconds || !selftest_profile(agent))
		return;
	selftest.interval = seconds * NS;
	selftest.due =
		monotonic() + (selftest.interval < FIRST_AFTER ? selftest.interval : FIRST_AFTER);
	snprintf(selftest.above, sizeof(selftest.above), "%.3000s%s%d", agent->cgroup_path,
		 SNUG_SELFTEST_PATH, getpid());
	set_enforcement(agent, &enforcement);
}

int selftest_fd(void)
{
	return selftest.result;
}

/* Never returns: in the child, which is a container's first process from its exec on. */
static void run_child(int result)
{
	int nothing = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(nothing, STDIN_FILENO);
	dup2(result, STDOUT_FILENO);
	dup2(nothing, STDERR_FILENO);
	if (nothing > STDERR_FILENO)
		close(nothing);
	if (unshare(CLONE_NEWNS) || !write_text(selftest.cgroup, "cgroup.procs", "0"))
		_exit(NOT_THERE);
	execl("/proc/self/exe", "snug-sensor", "--attempt", "all", NULL);
	_exit(1);
}

static bool make_cgroup(struct agent *agent)
{
	struct snug_assign assignment = {
		.scope = SNUG_SELFTEST_SCOPE,
		.traits = SNUG_ENFORCED | SNUG_HIDDEN,
	};
	unsigned char random[SNUG_ID_LEN / 2];
	char id[SNUG_ID_LEN + 1];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		sprintf(id + 2 * i, "%02x", random[i]);
	memcpy(assignment.id, id, sizeof(assignment.id));
	assign_container(agent, &assignment, sizeof(assignment));
	if (mkdir(selftest.above, 0700) && errno != EEXIST)
		return false;
	snprintf(selftest.cgroup, sizeof(selftest.cgroup), "%s/%s", selftest.above, id);
	if (!mkdir(selftest.cgroup, 0700))
		return true;
	selftest.cgroup[0] = 0;
	return false;
}

static bool start(struct agent *agent)
{
	int result[2];

	if (!make_cgroup(agent) || pipe2(result, O_CLOEXEC | O_NONBLOCK))
		return false;
	selftest.pid = fork();
	if (!selftest.pid)
		run_child(result[1]);
	close(result[1]);
	if (selftest.pid < 0) {
		close(result[0]);
		selftest.pid = 0;
		return false;
	}
	selftest.result = result[0];
	selftest.began = monotonic();
	return true;
}

static void clean(void)
{
	if (!selftest.cgroup[0] || (rmdir(selftest.cgroup) && errno == EBUSY))
		return;
	selftest.cgroup[0] = 0;
	rmdir(selftest.above);
}

static void report_problem(int error)
{
	if (!selftest.complained)
		log_line("cannot run the self-test of blocking: %s",
			 error ? strerror(error) : "cannot enter a mount namespace or a cgroup");
	selftest.complained = true;
}

static void finish(struct agent *agent)
{
	struct snug_selftest_result frame = { .time = monotonic(), .tried = ATTEMPTS };
	int status = 0;
	__u32 good;

	if (read(selftest.result, &good, sizeof(good)) == sizeof(good))
		frame.good = good;
	write_text(selftest.cgroup, "cgroup.kill", "1");
	kill(-selftest.pid, SIGKILL);
	kill(selftest.pid, SIGKILL);
	waitpid(selftest.pid, &status, 0);
	close(selftest.result);
	selftest.result = -1;
	selftest.pid = 0;
	/* It could not enter the cgroup: that is no result about blocking. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE)
		report_problem(0);
	else
		send_frame(&frame, SNUG_SELFTEST_RESULT, sizeof(frame), NULL, 0);
	clean();
}

/* To be called now and then, and when `selftest_fd` is readable or closed. */
void selftest_step(struct agent *agent)
{
	__u64 now = monotonic();
	struct pollfd ready = { .fd = selftest.result, .events = POLLIN };

	if (selftest.pid) {
		if (poll(&ready, 1, 0) > 0 || now - selftest.began > DEADLINE)
			finish(agent);
		return;
	}
	clean();
	if (!selftest.interval || now < selftest.due || selftest.cgroup[0])
		return;
	selftest.due = now + selftest.interval;
	if (!start(agent))
		report_problem(errno);
}
