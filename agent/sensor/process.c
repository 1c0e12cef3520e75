// SPDX-License-Identifier: Apache-2.0
/* What /proc shows of a process that ran before the sensor: its program, its script, its ids. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "abi.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/log.h"
#include "sensor/object.h"
#include "sensor/process.h"
#include "sensor/rule_hash.h"

#define TASK_COMM_LEN 16

/*
 * Events refer to a path by its hash. Of a path that is too long for a name, the tail is the name.
 */
static __u64 store_name(struct agent *agent, const char *text)
{
	struct snug_name_text name = {};
	size_t size = strlen(text);
	__u64 hash = hash_path(&agent->keys, text, size);

	if (size > SNUG_NAME_MAX) {
		text += size - SNUG_NAME_MAX;
		size = SNUG_NAME_MAX;
		name.cut = 1;
		hash = hash_tail(&agent->keys, text, size);
	}
	name.size = size;
	memcpy(name.text, text, size);
	bpf_map_update_elem(bpf_map__fd(agent->skel->maps.names), &hash, &name, BPF_ANY);
	return hash;
}

/* By the sensor's own descriptor for what the link leads to, see look.bpf.h. */
static bool run_look(struct agent *agent)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);

	if (is_portable(agent))
		return run_on_elements(agent->skel->progs.look_element, agent->skel->maps.looks);
	return !bpf_prog_test_run_opts(bpf_program__fd(agent->skel->progs.look_now), &run);
}

static bool look(struct agent *agent, const char *link, struct snug_look *look)
{
	int map = bpf_map__fd(agent->skel->maps.looks), fd = open(link, O_PATH | O_CLOEXEC);
	__u32 key = 0;
	bool done;

	if (fd < 0)
		return false;
	look->fd = fd;
	done = !bpf_map_update_elem(map, &key, look, BPF_ANY) && run_look(agent) &&
	       !bpf_map_lookup_elem(map, &key, look);
	close(fd);
	return done;
}

void look_at_root(struct agent *agent, pid_t pid, __u32 slot)
{
	struct snug_look asked = { .slot = slot, .is_root = 1 };
	char link[64];

	snprintf(link, sizeof(link), "/proc/%d/root", pid);
	if (!look(agent, link, &asked))
		log_line("cannot find the root of process %d: %s", pid, strerror(errno));
}

/* Its path up to the root of `init`, the first process of its container. */
__u64 record_exe(struct agent *agent, pid_t pid, pid_t init, __u32 slot, __u16 *flags)
{
	static const char deleted[] = " (deleted)";
	struct snug_look asked = { .slot = slot };
	char link[64], path[PATH_MAX], root[PATH_MAX];
	const char *text = path;
	ssize_t size, prefix;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	size = readlink(link, path, sizeof(path) - 1);
	if (size <= 0)
		return 0;
	if (look(agent, link, &asked))
		*flags |= asked.drift;
	path[size] = 0;
	if (size > (ssize_t)sizeof(deleted) && !strcmp(path + size - sizeof(deleted) + 1, deleted))
		path[size -= sizeof(deleted) - 1] = 0;
	snprintf(link, sizeof(link), "/proc/%d/root", init);
	prefix = readlink(link, root, sizeof(root) - 1);
	if (prefix > 1 && !strncmp(path, root, prefix) && path[prefix] == '/')
		text += prefix;
	if (!strncmp(text, "/memfd:", 7)) {
		*flags = (*flags & ~SNUG_DRIFT) | SNUG_DRIFT_MEMFD;
		text++;
	}
	return store_name(agent, text);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The script that an interpreter was started as: the kernel names a process after the file that was
 * executed, and puts that file's path behind the interpreter's (and its one option's) in the
 * arguments. 0 where there is none, or where the process has given itself another name.
 */
__u64 record_script(struct agent *agent, pid_t pid)
{
	char path[64], exe[PATH_MAX], name[TASK_COMM_LEN + 1] = "", arguments[4096];
	const char *argument = arguments;
	ssize_t size;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	size = readlink(path, exe, sizeof(exe) - 1);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (size <= 0 || !file)
		return 0;
	exe[size] = 0;
	if (!fgets(name, sizeof(name), file))
		name[0] = 0;
	fclose(file);
	name[strcspn(name, "\n")] = 0;
	if (!name[0] || !strncmp(base_name(exe), name, TASK_COMM_LEN - 1))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	size = fread(arguments, 1, sizeof(arguments) - 1, file);
	fclose(file);
	arguments[size] = 0;
	for (int i = 0; i < 3 && argument < arguments + size; i++, argument += strlen(argument) + 1)
		if (i && *argument == '/' && !strncmp(base_name(argument), name, TASK_COMM_LEN - 1))
			return store_name(agent, argument);
	return 0;
}

/* 0 where there is no such process. */
ino_t mount_namespace(pid_t pid)
{
	char path[64];
	struct stat space;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	return stat(path, &space) ? 0 : space.st_ino;
}

static bool read_stat(pid_t pid, pid_t *parent, int *tty, unsigned long long *start)
{
	char path[64], line[1024], *after;
	FILE *file;
	bool read;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	read = fgets(line, sizeof(line), file) && (after = strrchr(line, ')')) &&
	       sscanf(after + 1,
		      " %*c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		      parent, tty, start) == 3;
	fclose(file);
	return read;
}

/*
 * The parent and its parent are in the mount namespace too: see `container_entered` in exec.bpf.h.
 */
bool shares_namespace_with_parents(const struct process *process)
{
	unsigned long long start;
	pid_t above;
	int tty;

	return mount_namespace(process->ppid) == process->mount_ns &&
	       read_stat(process->ppid, &above, &tty, &start) &&
	       mount_namespace(above) == process->mount_ns;
}

/* What systemd runs before a unit's program is not the unit's. */
static bool is_executor(const char *exe)
{
	return !strcmp(base_name(exe), "systemd-executor");
}

bool read_process(struct agent *agent, pid_t pid, struct process *process, bool unit)
{
	const volatile __u32 *host = agent->skel->rodata->host_mnt_ns;
	char path[64], line[1024];
	ssize_t size;
	FILE *file;
	bool read;

	*process = (struct process){ .pid = pid, .mount_ns = mount_namespace(pid) };
	if (!process->mount_ns ||
	    (!unit && (process->mount_ns == host[0] || process->mount_ns == host[1])))
		return false;
	read = read_stat(pid, &process->ppid, &process->tty, &process->start);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = read ? fopen(path, "re") : NULL;
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "Uid: %*u %u", &process->state.uid);
		sscanf(line, "Gid: %*u %u", &process->state.gid);
	}
	if (file)
		fclose(file);
	if (process->tty)
		process->state.flags |= SNUG_TTY;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	size = read ? readlink(path, line, sizeof(line) - 1) : 0;
	if (size <= 0)
		return false;
	line[size] = 0;
	return !unit || !is_executor(line);
}
