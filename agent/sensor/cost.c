// SPDX-License-Identifier: Apache-2.0
/*
 * The time that the programs of a running sensor take: `--cost SECONDS --of PID`. The kernel
 * measures it while somebody asks for it, for all programs of the host, whose runs then take a
 * little longer: so only on request. The descriptors are copies of those of the sensor, which
 * needs CAP_SYS_PTRACE. To open the programs by id, or to have them measured, needs CAP_SYS_ADMIN;
 * without it an administrator has set kernel.bpf_stats_enabled.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/cost.h"
#include "sensor/log.h"
#include "sensor/object.h"

#define PROGRAMS_MAX 512
#define SECONDS_MAX 3600

struct measured {
	int fd;
	struct bpf_prog_info before;
};

static struct measured programs[PROGRAMS_MAX];
static size_t count;
static unsigned long long map_bytes;

static bool read_info(int fd, struct bpf_prog_info *info)
{
	__u32 size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return !bpf_prog_get_info_by_fd(fd, info, &size);
}

/* A sensor may have several descriptors of one program. */
static bool is_there(__u32 id)
{
	for (size_t n = 0; n < count; n++)
		if (programs[n].before.id == id)
			return true;
	return false;
}

static bool add_program(int pidfd, int number)
{
	struct measured *next = &programs[count];

	if (count == PROGRAMS_MAX)
		return true;
	next->fd = syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (next->fd < 0 || !read_info(next->fd, &next->before))
		return false;
	if (is_there(next->before.id))
		close(next->fd);
	else
		count++;
	return true;
}

static void add_map(const char *pid, const char *number)
{
	char path[PATH_MAX], line[128];
	unsigned long long bytes;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, number);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			map_bytes += bytes;
	if (file)
		fclose(file);
}

/* Programs and maps that the process has open. */
static bool find(const char *pid)
{
	char path[64], target[64];
	struct dirent *entry;
	int pidfd = syscall(SYS_pidfd_open, atoi(pid), 0);
	bool found = true;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	while (pidfd >= 0 && folder && found && (entry = readdir(folder))) {
		ssize_t size = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

		target[size > 0 ? size : 0] = 0;
		if (!strcmp(target, "anon_inode:bpf-prog"))
			found = add_program(pidfd, atoi(entry->d_name));
		else if (!strcmp(target, "anon_inode:bpf-map"))
			add_map(pid, entry->d_name);
	}
	if (folder)
		closedir(folder);
	return found && count;
}

static bool measured_already(void)
{
	FILE *file = fopen("/proc/sys/kernel/bpf_stats_enabled", "re");
	bool on = file && fgetc(file) == '1';

	if (file)
		fclose(file);
	return on;
}

/* The kernel cuts names. */
static const char *whole_name(const struct bpf_object *object, const char *cut)
{
	struct bpf_program *program;

	bpf_object__for_each_program(
		program,
		object) if (!strncmp(bpf_program__name(program), cut,
				     BPF_OBJ_NAME_LEN - 1)) return bpf_program__name(program);
	return cut;
}

int print_cost(const char *seconds, const char *pid)
{
	struct pollfd daemon = { .fd = STDIN_FILENO };
	int wait = atoi(seconds);
	struct bpf_prog_info now;
	struct sensor *skel;
	__u64 began;

	if (wait < 1 || wait > SECONDS_MAX) {
		log_line("`%s` is not a number of seconds from 1 to %d", seconds, SECONDS_MAX);
		return 64;
	}
	if (!find(pid)) {
		log_line("the programs of process %s cannot be read: %s", pid, strerror(errno));
		return 1;
	}
	if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0 && !measured_already()) {
		log_line("the kernel does not measure programs: %s; set kernel.bpf_stats_enabled",
			 strerror(errno));
		return 1;
	}
	skel = open_programs(false);
	if (!skel)
		return 1;
	for (size_t n = 0; n < count; n++)
		read_info(programs[n].fd, &programs[n].before);
	began = monotonic();
	/* Ends early where nobody waits for the answer any more. */
	if (poll(&daemon, 1, wait * 1000) > 0)
		return 1;
	printf("seconds %.6f\nmaps %llu\n", (monotonic() - began) / (double)NS, map_bytes);
	for (size_t n = 0; n < count; n++) {
		const struct bpf_prog_info *before = &programs[n].before;

		if (read_info(programs[n].fd, &now))
			printf("program %s %llu %llu\n", whole_name(skel->obj, now.name),
			       (unsigned long long)(now.run_cnt - before->run_cnt),
			       (unsigned long long)(now.run_time_ns - before->run_time_ns));
	}
	return fflush(stdout) ? 1 : 0;
}
