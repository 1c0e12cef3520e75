// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and attaches what this kernel offers, and says for each hook whether, and if not why. Only the hooks
 * without which nothing makes sense are required.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "sensor.h"

struct hook {
	const char *program;
	const char *name;
	bool required;
	char why[96];
	bool attached;
};

static struct hook hooks[] = {
	{ "on_fork", "sched_process_fork", true, "", false },
	{ "on_exec", "sched_process_exec", true, "", false },
	{ "on_cgroup_mkdir", "cgroup_mkdir", true, "", false },
	{ "on_cgroup_rmdir", "cgroup_rmdir", true, "", false },
	{ "on_sys_exit", "sys_exit", true, "", false },
	{ "on_capable", "cap_capable", false, "", false },
	{ "on_uring", "io_uring_submit_req", false, "", false },
	{ "on_connect4", "connect4", false, "", false },
	{ "on_connect6", "connect6", false, "", false },
	{ "on_sendmsg4", "sendmsg4", false, "", false },
	{ "on_sendmsg6", "sendmsg6", false, "", false },
	{ "on_bind4", "bind4", false, "", false },
	{ "on_bind6", "bind6", false, "", false },
};

#define HOOKS (sizeof(hooks) / sizeof(*hooks))

/* What happens here to a deviation that is to be blocked, and by which hook. */
static const struct stop {
	const char *class;
	const char *how;
	const char *hook;
} stops[] = {
	{ "exec", "killed", "sched_process_exec" },
	{ "open", "killed", "sys_exit" },
	{ "delete", "alerted", "" },
	{ "rename", "alerted", "" },
	{ "truncate", "alerted", "" },
	{ "link", "alerted", "" },
	{ "connect", "blocked", "connect4" },
	{ "send", "blocked", "sendmsg4" },
	{ "bind", "blocked", "bind4" },
	{ "listen", "killed", "sys_exit" },
	{ "unix", "killed", "sys_exit" },
	{ "identity", "killed", "sys_exit" },
	{ "capability", "killed", "cap_capable" },
	{ "call", "killed", "sys_exit" },
};

#define STOPS (sizeof(stops) / sizeof(*stops))

static bool is_tracepoint(const struct bpf_program *program)
{
	return bpf_program__type(program) == BPF_PROG_TYPE_TRACING;
}

/* The tracepoint of a program that this kernel does not know would fail the whole load. */
static void leave_out_unknown(struct agent *agent, struct btf *btf)
{
	for (size_t i = 0; i < HOOKS; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(agent->skel->obj, hooks[i].program);
		char type[64];

		if (!program || !is_tracepoint(program))
			continue;
		snprintf(type, sizeof(type), "btf_trace_%s", hooks[i].name);
		if (btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) >= 0)
			continue;
		snprintf(hooks[i].why, sizeof(hooks[i].why), "this kernel has no such tracepoint");
		bpf_program__set_autoload(program, false);
	}
}

static bool attach(struct agent *agent, struct hook *hook)
{
	struct bpf_program *program = bpf_object__find_program_by_name(agent->skel->obj, hook->program);
	struct bpf_link *link;

	if (hook->why[0])
		return false;
	if (is_tracepoint(program))
		link = bpf_program__attach(program);
	else
		link = bpf_program__attach_cgroup(program, agent->cgroup_fd);
	if (!link) {
		snprintf(hook->why, sizeof(hook->why), "%s", strerror(errno));
		return false;
	}
	hook->attached = true;
	return true;
}

bool hooks_load(struct agent *agent)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf) {
		say("no BTF of this kernel: /sys/kernel/btf/vmlinux");
		return false;
	}
	leave_out_unknown(agent, btf);
	btf__free(btf);
	if (sensor__load(agent->skel)) {
		say("cannot load the kernel programs: %s", strerror(errno));
		return false;
	}
	return true;
}

bool hooks_attach(struct agent *agent)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!attach(agent, &hooks[i]) && hooks[i].required) {
			say("cannot attach %s: %s", hooks[i].name, hooks[i].why);
			return false;
		}
	return true;
}

static bool is_attached(const char *name)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i].name, name))
			return hooks[i].attached;
	return false;
}

size_t hooks_say(char *text, size_t size)
{
	struct utsname name;
	size_t used;

	uname(&name);
	used = snprintf(text, size, "kernel %s\n", name.release);
	for (size_t i = 0; i < HOOKS && used < size; i++)
		used += snprintf(text + used, size - used, "hook %s %s%s%s\n", hooks[i].name,
				 hooks[i].attached ? "yes" : "no", hooks[i].attached ? "" : " ",
				 hooks[i].why);
	for (size_t i = 0; i < STOPS && used < size; i++)
		used += snprintf(text + used, size - used, "stop %s %s\n", stops[i].class,
				 !*stops[i].hook || is_attached(stops[i].hook) ? stops[i].how : "alerted");
	return used < size ? used : size;
}
