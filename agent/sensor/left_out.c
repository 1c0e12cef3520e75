// SPDX-License-Identifier: Apache-2.0
/*
 * Counts what the kernel left out, over all generations of programs. It has a count for each
 * program, of the whole host: some of what was left out may be of processes outside of containers.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "pin/bpffs.h"
#include "sensor/agent.h"
#include "sensor/hook_table.h"
#include "sensor/hooks.h"
#include "sensor/left_out.h"

/* What the kernel leaves out of an execution and of a fork, another program does. */
static const char *const caught[][2] = {
	{ "lsm_exec", "on_exec" },
	{ "on_exec", "on_exec_again" },
	{ "on_fork", "catch_fork" },
};

static bool has_attached(const char *program)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i].program, program))
			return hook_attached(&hooks[i]);
	return false;
}

/* Whether another program does what the kernel leaves out of this one. */
static bool has_catch(const struct hook *hook)
{
	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		if (!strcmp(hook->program, caught[i][0]))
			return has_attached(caught[i][1]);
	for (size_t i = 0; hook->family == SECURITY && i < HOOKS; i++)
		if (hooks[i].family == CATCH && !strcmp(hooks[i].name, hook->name))
			return hook_attached(&hooks[i]);
	return false;
}

/* `name`: of a program, or of a probe's link. */
static bool is_covered(const char *name)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i].program, name))
			return has_catch(&hooks[i]);
	return false;
}

static bool is_first_of_program(size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(hooks[i].program, hooks[index].program))
			return false;
	return true;
}

/* Of a program, since it was loaded. 0 also where the kernel does not say. */
static __u64 left_out_of(int program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	return bpf_prog_get_info_by_fd(program, &info, &size) ? 0 : info.recursion_misses;
}

/* Of all programs that no other program covers, since they were loaded. */
static __u64 left_out_now(struct agent *agent)
{
	__u64 count = 0;

	for (size_t i = 0; i < HOOKS; i++) {
		struct bpf_program *program = hook_program(agent, &hooks[i]);

		if ((bpf_program__type(program) == BPF_PROG_TYPE_TRACING ||
		     bpf_program__type(program) == BPF_PROG_TYPE_KPROBE) &&
		    bpf_program__fd(program) >= 0 && !has_catch(&hooks[i]) &&
		    is_first_of_program(i))
			count += left_out_of(bpf_program__fd(program));
	}
	return count;
}

static void note(struct snug_pinned_state *pinned, __u64 count)
{
	if (count > pinned->left_out_read)
		pinned->left_out += count - pinned->left_out_read;
	pinned->left_out_read = count;
}

void note_left_out(struct agent *agent)
{
	note(agent->pinned, left_out_now(agent));
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

	if (is_covered(name))
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
