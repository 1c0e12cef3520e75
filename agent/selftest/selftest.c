// SPDX-License-Identifier: Apache-2.0
/*
 * Tries again and again whether blocking works: in a cgroup of its own, which the programs take for a container's, this
 * executable does by a built-in profile what is allowed and what is not. Nobody is told of these acts, only of what
 * they came to.
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
#include "sensor/sensor.h"

#define FIRST_AFTER (5 * NS)
#define DEADLINE (10 * NS)
#define TRIALS (SNUG_TRIAL_PASS | SNUG_TRIAL_EXEC | SNUG_TRIAL_OPEN | SNUG_TRIAL_CONNECT)
#define NOT_THERE 43		/* of who could not enter the cgroup */

static struct {
	__u64 interval;
	__u64 due;
	__u64 began;
	pid_t pid;		/* 0: none runs */
	int result;		/* what it writes its outcome to; -1 */
	char above[PATH_MAX - 256];
	char cgroup[PATH_MAX];	/* empty: removed */
	bool complained;
} probe = { .result = -1 };

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
	if (!seconds || !trial_profile(agent))
		return;
	probe.interval = seconds * NS;
	probe.due = monotonic() + (probe.interval < FIRST_AFTER ? probe.interval : FIRST_AFTER);
	snprintf(probe.above, sizeof(probe.above), "%.3000s%s%d", agent->cgroup_path, SNUG_TRIAL_PATH, getpid());
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
