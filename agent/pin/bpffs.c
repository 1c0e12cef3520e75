// SPDX-License-Identifier: Apache-2.0
/* Folders, on a bpffs or elsewhere. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "pin/bpffs.h"
#include "sensor/log.h"

bool is_bpffs(const char *path)
{
	struct statfs info;

	return !statfs(path, &info) && info.f_type == BPF_FS_MAGIC;
}

bool make_folders(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(part, 0700) && errno != EEXIST)
			return false;
		*slash = '/';
	}
	return !mkdir(part, 0700) || errno == EEXIST;
}

void walk_folder(const char *path, bool (*each)(const char *path, const char *name, bool is_folder))
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    !each(path, entry->d_name, entry->d_type == DT_DIR))
			break;
	if (dir)
		closedir(dir);
}

bool remove_folder(const char *path, const char *name, bool is_folder)
{
	char below[PATH_MAX];

	snprintf(below, sizeof(below), "%s/%s", path, name);
	if (is_folder)
		remove_all(below);
	return true;
}

static bool remove_file(const char *path, const char *name, bool is_folder)
{
	char below[PATH_MAX];

	snprintf(below, sizeof(below), "%s/%s", path, name);
	if (!is_folder && unlink(below))
		log_line("cannot remove %s: %s", below, strerror(errno));
	return true;
}

/* Folders go before files: links are in such, and go before the maps that their programs use. */
void remove_all(const char *path)
{
	walk_folder(path, remove_folder);
	walk_folder(path, remove_file);
	if (rmdir(path) && errno != ENOENT)
		log_line("cannot remove %s: %s", path, strerror(errno));
}
