/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, on a bpffs or elsewhere. */
#ifndef SNUG_BPFFS_H
#define SNUG_BPFFS_H

#include <stdbool.h>

bool is_bpffs(const char *path);
bool make_folders(const char *path);
/* Calls `each` for the entries of a folder until it returns false. */
void walk_folder(const char *path,
		 bool (*each)(const char *path, const char *name, bool is_folder));
void remove_all(const char *path);
/* For `walk_folder`: removes an entry that is a folder. */
bool remove_folder(const char *path, const char *name, bool is_folder);

#endif
