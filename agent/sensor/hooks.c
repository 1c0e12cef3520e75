// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and attaches the hooks that this kernel offers, and reports for each one whether it is
 * attached, and why not. Only the hooks that observation depends on are required.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "pin/pin.h"
#include "sensor/agent.h"
#include "sensor/attach.h"
#include "sensor/hook_table.h"
#include "sensor/hooks.h"
#include "sensor/log.h"
#include "sensor/object.h"
#include "sensor/preempt.h"
#include "sensor/syscalls.h"
#include "sensor/variables.h"

/* Sizes of instructions of x86-64. */
#define TRAMPOLINE_CALL 5
#define JUMP_MARK 4
#if defined(__x86_64__)
#define HAS_CATCHES true
#else
#define HAS_CATCHES false
#endif

#define WHY_MAX 96

static struct kernel_ways ways;

/* Of each hook. */
static struct {
	struct bpf_link *link;
	char why[WHY_MAX]; /* not attached, because of this */
	bool attached;
} states[HOOKS];

bool hook_attached(const struct hook *hook)
{
	return states[hook - hooks].attached;
}

/* `name`: the kernel's. */
static bool is_attached(const char *name)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i].name, name))
			return states[i].attached;
	abort();
}

struct bpf_program *hook_program(struct agent *agent, const struct hook *hook)
{
	return bpf_object__find_program_by_name(agent->skel->obj, hook->program);
}

/* The kernel's function behind an entry of its system call tables. */
static void call_function(const struct hook *hook, char *name, size_t size)
{
#if defined(__x86_64__)
	const char *prefix = hook->family == RETURN	   ? "__x64_sys_" :
			     !strcmp(hook->name, "keyctl") ? "__ia32_compat_sys_" :
							     "__ia32_sys_";
#else
	/* Both tables have the same functions, except for this one. */
	const char *prefix = hook->family == RETURN	   ? "__arm64_sys_" :
			     !strcmp(hook->name, "keyctl") ? "__arm64_compat_sys_" :
							     "";
#endif
	snprintf(name, size, "%s%s", prefix, hook->name);
}

/* The kernel's function that calls all LSMs of a hook, behind `security_`. */
static const char *function_of(const char *hook)
{
	return strcmp(hook, "userns_create") ? hook : "create_user_ns";
}

/* Whether programs can have structures among a function's arguments: from Linux 6.1 on. */
static bool takes_structures(const struct btf *btf)
{
	__s32 id = btf__find_by_name_kind(btf, "btf_func_model", BTF_KIND_STRUCT);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);

	for (__u32 i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), "arg_flags"))
			return true;
	return false;
}

/*
 * Where the hooks of extended attributes have the file: behind the mount's users, which they have
 * since Linux 5.12.
 */
static __u32 place_of_attribute_file(const struct btf *btf)
{
	__s32 id = btf__find_by_name_kind(btf, "security_inode_removexattr", BTF_KIND_FUNC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	return type && btf_vlen(type) > 2 ? 1 : 0;
}

/* A hook that this kernel does not have would fail the whole load. Empty where it has the hook. */
static const char *why_missing(const struct hook *hook, struct bpf_program *program,
			       struct btf *btf, bool cgroup_storage)
{
	char name[64];
	int kind = BTF_KIND_FUNC;

	switch (bpf_program__type(program)) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_LSM:
		if (hook->family == AGAIN) {
			snprintf(name, sizeof(name), "%s", hook->name);
			break;
		}
		if (ways.attach == ATTACH_LSM)
			snprintf(name, sizeof(name), "bpf_lsm_%s", hook->name);
		else
			snprintf(name, sizeof(name), "security_%s", function_of(hook->name));
		break;
	case BPF_PROG_TYPE_TRACING:
		if (hook->family == RETURN || hook->family == COMPAT) {
			call_function(hook, name, sizeof(name));
			break;
		}
		if (bpf_program__expected_attach_type(program) == BPF_TRACE_FENTRY ||
		    bpf_program__expected_attach_type(program) == BPF_TRACE_FEXIT) {
			snprintf(name, sizeof(name), "%s", hook->name);
			break;
		}
		snprintf(name, sizeof(name), "btf_trace_%s", hook->name);
		kind = BTF_KIND_TYPEDEF;
		break;
	default:
		return hook->family == BOTH || cgroup_storage ?
			       "" :
			       "this kernel has no task storage for cgroup hooks";
	}
	return btf__find_by_name_kind(btf, name, kind) >= 0 ? "" :
							      "this kernel does not have the hook";
}

/* The function has the hook's arguments and result, so the program is the same. */
static void modify_return(struct bpf_program *program, const char *hook)
{
	char name[64];

	snprintf(name, sizeof(name), "security_%s", function_of(hook));
	bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
	bpf_program__set_expected_attach_type(program, BPF_MODIFY_RETURN);
	bpf_program__set_attach_target(program, 0, name);
}

static void choose_programs(struct agent *agent, struct btf *btf)
{
	/* Without it, before Linux 6.15, a cgroup hook cannot find the process's state. */
	bool cgroup_storage = libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
						      BPF_FUNC_task_storage_get, NULL) == 1;
	char name[64];

	ways.owners_by_inode = !takes_structures(btf);
	ways.rights_by_list =
		btf__find_by_name_kind(btf, "security_inode_set_acl", BTF_KIND_FUNC) >= 0;
	agent->skel->rodata->owners_by_inode = ways.owners_by_inode;
	agent->skel->rodata->attribute_file = place_of_attribute_file(btf);
	for (size_t i = 0; i < HOOKS; i++) {
		struct bpf_program *program = hook_program(agent, &hooks[i]);

		if (!hook_is_used(&hooks[i], &ways)) {
			bpf_program__set_autoload(program, false);
			continue;
		}
		snprintf(states[i].why, sizeof(states[i].why), "%s",
			 why_missing(&hooks[i], program, btf, cgroup_storage));
		if (states[i].why[0] && hooks[i].family != CATCH)
			bpf_program__set_autoload(program, false);
		else if (hooks[i].family == RETURN || hooks[i].family == COMPAT) {
			call_function(&hooks[i], name, sizeof(name));
			bpf_program__set_attach_target(program, 0, name);
		} else if (ways.attach == ATTACH_FMOD_RET &&
			   bpf_program__type(program) == BPF_PROG_TYPE_LSM)
			modify_return(program, hooks[i].name);
	}
	/* Only security hooks remember places, and the kernel's list of symbols is long. */
	if (ways.attach != ATTACH_TRACEPOINT)
		find_variables((__u64 *)agent->skel->rodata->kernel_variables);
	agent->skel->rodata->callers_of_all = !cgroup_storage;
	agent->skel->rodata->catches = ways.catching || ways.again;
	if (ways.attach == ATTACH_TRACEPOINT && !cgroup_storage)
		set_peer_syscalls(agent->skel);
	agent->skel->rodata->reads_hellos = !ways.portable && !agent->skel->rodata->peers_by_call;
	bpf_program__set_autoload(agent->skel->progs.flush_counts, !ways.portable);
	bpf_program__set_autoload(agent->skel->progs.flush_element, ways.portable);
	bpf_program__set_autoload(agent->skel->progs.look_now, !ways.portable);
	bpf_program__set_autoload(agent->skel->progs.look_element, ways.portable);
	size_scratches(agent, ways.attach);
}

/*
 * Behind the instruction that trampolines replace, which is the first one or comes after that which
 * marks a target of jumps. An address within an instruction is refused.
 */
static struct bpf_link *attach_catch(struct bpf_program *program, const struct hook *hook)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct bpf_link *link = NULL;
	char name[64];

	snprintf(name, sizeof(name), "security_%s", hook->name);
	for (size_t at = TRAMPOLINE_CALL; !link && at <= TRAMPOLINE_CALL + JUMP_MARK;
	     at += JUMP_MARK) {
		LIBBPF_OPTS(bpf_kprobe_opts, options, .offset = at, .bpf_cookie = hook->cookie);

		link = bpf_program__attach_kprobe_opts(program, name, &options);
	}
	libbpf_set_print(print);
	return link;
}

static bool attach(struct agent *agent, const struct hook *hook)
{
	struct bpf_program *program = hook_program(agent, hook);
	char *why = states[hook - hooks].why;
	struct bpf_link *link;
	char name[64];

	if (why[0])
		return false;
	if (bpf_program__type(program) == BPF_PROG_TYPE_CGROUP_SOCK_ADDR ||
	    bpf_program__type(program) == BPF_PROG_TYPE_CGROUP_SKB)
		link = bpf_program__attach_cgroup(program, agent->cgroup_fd);
	else if (hook->family == AGAIN && bpf_program__type(program) == BPF_PROG_TYPE_KPROBE)
		link = bpf_program__attach_kprobe(program, false, hook->name);
	else if (hook->family == CATCH)
		link = attach_catch(program, hook);
	else if (bpf_program__expected_attach_type(program) == BPF_MODIFY_RETURN)
		link = bpf_program__attach_trace(program);
	else
		link = bpf_program__attach(program);
	if (!link) {
		snprintf(why, WHY_MAX, "%s", strerror(errno));
		return false;
	}
	/* A program with several hooks has several links. */
	snprintf(name, sizeof(name), "%s%s", hook->family == CATCH ? "catch_" : "",
		 hook->family == CATCH ? hook->name : hook->program);
	if (!pin_link(agent, name, bpf_link__fd(link))) {
		snprintf(why, WHY_MAX, "cannot be pinned: %s", strerror(errno));
		bpf_link__destroy(link);
		return false;
	}
	states[hook - hooks].link = link;
	states[hook - hooks].attached = true;
	return true;
}

/*
 * The kernel does not run a program by fmod_ret on a processor where a process was interrupted in
 * it: a crowd of processes would pass unseen. Where any program may be interrupted at any time,
 * tracepoints are better, as long as their programs are not interrupted too. Elsewhere probes catch
 * what was left out.
 */
static void expect_preemption(enum attach_kind strongest)
{
	enum preemption preemption = find_preemption();

	ways.again = preemption != PREEMPTION_NONE && preempts_tracepoints();
	if (ways.attach != ATTACH_FMOD_RET)
		return;
	if (preemption == PREEMPTION_FULL && strongest < ways.attach && !preempts_tracepoints())
		ways.attach = ATTACH_TRACEPOINT;
	else
		ways.catching = HAS_CATCHES && preemption != PREEMPTION_NONE;
}

bool hooks_load(struct agent *agent, enum attach_kind strongest)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf) {
		log_line("this kernel has no BTF: /sys/kernel/btf/vmlinux is missing");
		return false;
	}
	ways.attach = strongest_attach(btf, strongest);
	ways.portable = is_portable(agent);
	ways.units = agent->skel->rodata->watches_units;
	if (!ways.portable && btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC) >= 0)
		expect_preemption(strongest);
	choose_programs(agent, btf);
	btf__free(btf);
	if (load_programs(agent)) {
		log_line("cannot load the kernel programs: %s", strerror(errno));
		return false;
	}
	return true;
}

bool hooks_attach(struct agent *agent)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (hook_is_used(&hooks[i], &ways) && !attach(agent, &hooks[i]) &&
		    hooks[i].required) {
			log_line("cannot attach %s: %s", hooks[i].name, states[i].why);
			return false;
		}
	agent->control->without_answers = !is_attached("ingress") || !is_attached("egress");
	return true;
}

void hooks_detach(void)
{
	for (size_t i = 0; i < HOOKS; i++) {
		bpf_link__destroy(states[i].link);
		states[i].link = NULL;
		states[i].attached = false;
	}
}

bool hooks_refuse(void)
{
	return is_attached("bprm_creds_from_file") && is_attached("file_open") &&
	       is_attached("socket_connect");
}

static bool holds(struct agent *agent, const struct stop *stop)
{
	if (!strcmp(stop->hook, BY_CALL))
		return agent->skel->rodata->peers_by_call;
	if (!strcmp(stop->hook, BY_HELLO))
		return agent->skel->rodata->reads_hellos && is_attached("egress");
	return !*stop->hook || is_attached(stop->hook);
}

static size_t describe_stops(struct agent *agent, char *text, size_t size)
{
	const char *last = "";
	size_t used = 0;

	for (size_t i = 0; i < STOPS && used < size; i++) {
		if (!strcmp(last, stops[i].class) || !holds(agent, &stops[i]))
			continue;
		last = stops[i].class;
		used += snprintf(text + used, size - used, "stop %s %s\n", stops[i].class,
				 stops[i].how);
	}
	return used;
}

/* Whether files that were opened before are judged by where they were. */
static const char *why_not_reopened(const struct agent *agent)
{
	if (ways.attach == ATTACH_TRACEPOINT)
		return "no without security hooks";
	return agent->skel->rodata->kernel_variables[SNUG_RCU_STATE] ?
		       "yes" :
		       "no without addresses of the kernel's variables";
}

static const char *name_of(const struct hook *hook)
{
	return ways.attach == ATTACH_FMOD_RET ? function_of(hook->name) : hook->name;
}

size_t hooks_describe(struct agent *agent, char *text, size_t size)
{
	struct utsname name;
	size_t used;

	uname(&name);
	used = snprintf(text, size, "kernel %s\nfamily %s\nreopened %s\n", name.release,
			attach_names[ways.attach], why_not_reopened(agent));
	for (size_t i = 0; i < HOOKS && used < size; i++)
		if (hook_is_used(&hooks[i], &ways))
			used += snprintf(text + used, size - used, "hook %s%s %s%s%s\n",
					 hook_prefix(&hooks[i], &ways), name_of(&hooks[i]),
					 states[i].attached ? "yes" : "no",
					 states[i].attached ? "" : " ", states[i].why);
	if (used < size)
		used += describe_stops(agent, text + used, size - used);
	return used < size ? used : size;
}
