// SPDX-License-Identifier: Apache-2.0
/*
 * Counts what the kernel left out, over all generations of programs. It has a count for each
 * program, of the whole host: some of what was left out may be of processes outside of containers.
 */
#include <bpf/bpf.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "pin/bpffs.h"
#include "sensor/agent.h"
#include "sensor/hooks.h"
#include "sensor/left_out.h"

__u64 left_out_of(int program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	return bpf_prog_get_info_by_fd(program, &info, &size) ? 0 : info.recursion_misses;
}

static void note(struct snug_pinned_state *pinned, __u64 count)
{
	if (count > pinned->left_out_read)
		pinned->left_out += count - pinned->left_out_read;
	pinned->left_out_read = count;
}

void note_left_out(struct agent *agent)
{
	note(agent->pinned, hooks_left_out(agent));
}

#define PROGRAMS_MAX 256

static __u64 before;
static __u32 counted[PROGRAMS_MAX]; /* ids of programs: some have several links */
static size_t programs;

static bool was_counted(__u32 id)
{
	for (size_t i = 0; i < programs; i++)
		if (counted[i] == id)
			return true;
	if (programs < PROGRAMS_MAX)
		counted[programs++] = id;
	return false;
}

static bool add_left_out(const char *path, const char *name, bool is_folder)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char pinned[PATH_MAX];
	int link, program = -1;

	if (hooks_cover(name))
		return true;
	snprintf(pinned, sizeof(pinned), "%s/%s", path, name);
	link = bpf_obj_get(pinned);
	if (link < 0)
		return true;
	if (!bpf_link_get_info_by_fd(link, &info, &size) && !was_counted(info.prog_id))
		program = bpf_prog_get_fd_by_id(info.prog_id);
	if (program >= 0) {
		before += left_out_of(program);
		close(program);
	}
	close(link);
	return true;
}

void note_left_out_before(struct agent *agent, const char *links)
{
	before = 0;
	programs = 0;
	walk_folder(links, add_left_out);
	note(agent->pinned, before);
	agent->pinned->left_out_read = 0;
}
