// SPDX-License-Identifier: Apache-2.0
/* Ways to name an object. Each takes a name and makes another one of it, so they compose. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "acts.h"

/* Every name that a composition makes has the number of its slot: a report of any of them names it. */
void put_alias(char *path, int slot, int number)
{
	snprintf(path, PATH_SIZE, "/data/a/s%d-%d", slot, number);
}

void whole_path(const struct where *where, char *path)
{
	if (where->fd == AT_FDCWD)
		strcpy(path, where->path);
	else if (*where->path)
		snprintf(path, PATH_SIZE, "/proc/self/fd/%d/%.3000s", where->fd, where->path);
	else
		snprintf(path, PATH_SIZE, "/proc/self/fd/%d", where->fd);
}

/* Folder and last part of a path. */
static void split(const char *path, char *folder, char *leaf)
{
	const char *slash = strrchr(path, '/');

	strcpy(leaf, slash ? slash + 1 : path);
	if (!slash)
		strcpy(folder, ".");
	else
		snprintf(folder, PATH_SIZE, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static int said(long result)
{
	return result < 0 ? errno : 0;
}

static void settle(struct where *where, const char *format, const char *a, const char *b)
{
	char made[2 * PATH_SIZE];

	snprintf(made, sizeof(made), format, a, b);
	where->fd = AT_FDCWD;
	snprintf(where->path, PATH_SIZE, "%.4095s", made);
}

static int by_mount(const char *from, const char *alias, int folder)
{
	int fd;

	/* Mounts of this process alone, where that is possible: so they end with it. */
	if (unshare(CLONE_NEWNS) && errno != EINVAL)
		return errno;
	if (folder) {
		if (mkdir(alias, 0755))
			return errno;
	} else {
		fd = open(alias, O_WRONLY | O_CREAT, 0644);
		if (fd < 0)
			return errno;
		close(fd);
	}
	return said(mount(from, alias, NULL, MS_BIND, NULL));
}

static int apply(const char *step, struct where *where, int slot, int number)
{
	char path[PATH_SIZE], folder[PATH_SIZE], leaf[PATH_SIZE], alias[PATH_SIZE], other[PATH_SIZE];
	int fd;

	whole_path(where, path);
	split(path, folder, leaf);
	put_alias(alias, slot, number);
#define IS(name) (!strcmp(step, name))
	if (IS("relative")) {
		settle(where, "%s%s", leaf, "");
		return said(chdir(folder));
	}
	if (IS("folder-fd")) {
		fd = open(folder, O_PATH | O_DIRECTORY);
		settle(where, "%s%s", leaf, "");
		where->fd = fd;
		return said(fd);
	}
	if (IS("path-fd")) {
		fd = open(path, O_PATH);
		snprintf(other, sizeof(other), "/proc/self/fd/%d", fd);
		settle(where, "%s%s", other, "");
		return said(fd);
	}
	if (IS("folder-proc-fd")) {
		fd = open(folder, O_PATH);
		snprintf(other, sizeof(other), "/proc/self/fd/%d", fd);
		settle(where, "%s/%s", other, leaf);
		return said(fd);
	}
	if (IS("working-folder")) {
		/* A thread with its own mounts has its own folder too: `self` has that of the first one. */
		settle(where, "/proc/%s/cwd/%s", gettid() == getpid() ? "self" : "thread-self", leaf);
		return said(chdir(folder));
	}
	if (IS("dots")) {
		settle(where, "%s%s", "/data/../proc/./..", path);
		return *path == '/' ? 0 : ENOTSUP;
	}
	if (IS("slashes")) {
		settle(where, "//%s/.//%s", folder, leaf);
		return *path == '/' ? 0 : ENOTSUP;
	}
	if (IS("own-root")) {
		settle(where, "/proc/self/root%s%s", path, "");
		return *path == '/' ? 0 : ENOTSUP;
	}
	if (IS("thread-root")) {
		settle(where, "/proc/thread-self/root%s%s", path, "");
		return *path == '/' ? 0 : ENOTSUP;
	}
	if (IS("init-root")) {
		settle(where, "/proc/1/root%s%s", path, "");
		return *path == '/' ? 0 : ENOTSUP;
	}
	if (IS("symlink")) {
		settle(where, "%s%s", alias, "");
		return said(symlink(path, alias));
	}
	if (IS("folder-symlink")) {
		settle(where, "%s/%s", alias, leaf);
		return said(symlink(folder, alias));
	}
	if (IS("hard-link")) {
		settle(where, "%s%s", alias, "");
		return said(linkat(AT_FDCWD, path, AT_FDCWD, alias, AT_SYMLINK_FOLLOW));
	}
	if (IS("rename")) {
		settle(where, "%s%s", alias, "");
		return said(rename(path, alias));
	}
	/* A name that the profile allows, for another file. */
	if (IS("exchange")) {
		settle(where, "%s%s", "/data/ordinary", "");
		return said(syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "/data/ordinary", 2));
	}
	if (IS("mount-folder")) {
		settle(where, "%s/%s", alias, leaf);
		return by_mount(folder, alias, 1);
	}
	if (IS("mount-file")) {
		settle(where, "%s%s", alias, "");
		return by_mount(path, alias, 0);
	}
	if (IS("mount-tree")) {
		fd = syscall(SYS_open_tree, AT_FDCWD, folder, 1 /* clone */);
		settle(where, "%s%s", leaf, "");
		where->fd = fd;
		return said(fd);
	}
	if (IS("change-root")) {
		settle(where, "/%s%s", leaf, "");
		return chdir(folder) ? errno : said(chroot("."));
	}
	return ENOSYS;
}

int name_object(const struct composition *it, struct where *where)
{
	for (int i = 0; i < STEPS && *it->names[i]; i++) {
		int error = apply(it->names[i], where, it->slot, i + 1);

		if (error)
			return error;
	}
	return 0;
}
