/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Executions: refused before the old program is gone. */
#ifndef SNUG_LSM_EXEC_H
#define SNUG_LSM_EXEC_H

#include "security/lsm.bpf.h"

/* Who a process outside of every tree would be once it has entered a container, see `adopt`. */
static __always_inline struct snug_slot *would_enter(struct task_struct *task, struct snug_task *next)
{
	u32 *number = entered(task);
	struct snug_slot *slot;

	if (!number)
		return 0;
	slot = bpf_map_lookup_elem(&slots, number);
	if (!slot)
		return 0;
	__builtin_memset(next, 0, sizeof(*next));
	next->container = slot->container;
	next->slot = *number;
	if (slot->started) {
		next->origin = SNUG_EXEC_IN;
		next->session = SNUG_MIX(keys, task->start_time, (u64)task->tgid);
	} else {
		next->origin = SNUG_ENTRYPOINT;
		next->declared = task->cred->uid.val + 1;
	}
	return slot;
}

static int argument_step(u32 index, struct held **held_)
{
	struct held *held = *held_;
	u64 pointer = 0;
	u32 used = held->used;
	long size;

	if (bpf_probe_read_user(&pointer, sizeof(pointer), (void *)(held->argv + index * sizeof(pointer))) || !pointer)
		return 1;
	if (used >= SNUG_ARGS_MAX) {
		held->cut = SNUG_CUT;
		return 1;
	}
	size = bpf_probe_read_user_str(ACT_TEXT(&held->scratch, SNUG_TEXT_MAX - SNUG_ARGS_MAX + used),
				       (SNUG_ARGS_MAX - used) & (2 * SNUG_ARGS_MAX - 1), (void *)pointer);
	if (size < 0)
		return 1;
	held->used = used + size;
	return 0;
}

/* What the caller asked for, in its own memory: to be shown, not to be judged by. */
static __always_inline void read_passed(struct held *held, struct task_struct *task)
{
	struct call call = { .task = task, .regs = (struct pt_regs *)bpf_task_pt_regs(task) };
	u32 at_descriptor;

	held->used = 0;
	held->cut = 0;
#if defined(__TARGET_ARCH_x86)
	if (task->thread_info.status & TS_COMPAT) {
		held->cut = SNUG_CUT;
		return;
	}
	at_descriptor = call.regs->orig_ax == 322;
#else
	at_descriptor = call.regs->syscallno == 281;
#endif
	held->argv = at_descriptor ? argument(&call, 2) : argument(&call, 1);
	bpf_loop(512, argument_step, &held, 0);
}

static __noinline int tell_refused(struct held *held, struct task_struct *task, struct verdict *verdict)
{
	struct snug_act *act = act_at(&held->scratch, SNUG_TEXT_MAX - SNUG_ARGS_MAX);
	u32 size;

	read_passed(held, task);
	size = held->used;
	if (size > SNUG_ARGS_MAX)
		size = SNUG_ARGS_MAX;
	fill(act, &held->next, task, SNUG_EXEC, verdict->key, sizeof(*act) + size);
	act->act_flags = held->cut | stop_flag(verdict, SNUG_REFUSED);
	act->text_size = size;
	tell_text(act, sizeof(*act) + size, verdict);
	return 0;
}

/* The process as it will be: what on_exec makes of it afterwards. False where on_exec is to decide. */
static __noinline bool foresee(struct held *held, struct task_struct *task, struct snug_task *state,
			       struct linux_binprm *bprm)
{
	struct scratch *scratch = &held->scratch;
	struct snug_task *next = &held->next;
	struct verdict verdict = {};
	struct snug_slot *slot;
	u64 root;
	u32 end;

	if (state) {
		*next = *state;
		push_ancestor(next);
		slot = slot_of(next);
	} else {
		slot = would_enter(task, next);
		/* Only the arguments tell a health check apart, and they are not in place yet. */
		if (slot && slot->started && slot->belongs.commands[0].size)
			return false;
	}
	if (!slot || slot->container != next->container)
		return false;
	belong(slot, &verdict);
	if (!verdict.block || !has_profile(&verdict))
		return false;
	root = root_of(next, task);
	next->uid = bprm->cred->euid.val;
	next->gid = bprm->cred->egid.val;
	next->exe = exe_of(scratch, bprm->file, root, &end);
	next->script = script_of(scratch, task, bprm, root);
	next->flags = drift_of(bprm->file, end, task->fs->root.dentry);
	if (next->flags & SNUG_DRIFT_UPPER && is_untouched(scratch, next, bprm->file->f_inode))
		next->flags &= ~SNUG_DRIFT_UPPER;
	if (is_socket(task, 0) || is_socket(task, 1) || is_socket(task, 2))
		next->flags |= SNUG_SOCKET_STDIO;
	set_origin(scratch, next, task, bprm, false);
	set_base(next);
	return true;
}

static __noinline int judge_exec(struct held *held, struct task_struct *task, bool telling)
{
	struct snug_task *next = &held->next;
	struct snug_slot *slot = slot_of(next);
	struct verdict verdict = {};
	u64 actor = SNUG_RULE_ACTOR(keys, next->ancestors[0], 0, next->user, next->origin), tag;

	if (!slot)
		return 0;
	belong(slot, &verdict);
	if (ask_rule(&verdict, actor, exec_rule(next), &tag) == RULE_ALLOW)
		return 0;
	/* Which arguments it has is certain only once it has them: that is for on_exec. */
	if (telling &&
	    ask_rule(&verdict, actor, SNUG_RULE_ARGUMENTS(keys, exec_rule(next), 0), &tag) == RULE_ALLOW)
		return 0;
	if (judged(next, &verdict, SNUG_MIX(keys, SNUG_EXEC, next->ancestors[0]), actor, exec_rule(next)))
		tell_refused(held, task, &verdict);
	return REFUSE_IF(stopped(&verdict));
}

/*
 * Once for each exec, with the program that will run, be it a script's interpreter, and with the credentials that it
 * will have; and early enough for the exec to fail. bprm_check_security comes for each step towards that program.
 */
SEC("lsm/bprm_creds_from_file")
int BPF_PROG(lsm_exec, struct linux_binprm *bprm, const struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = bpf_task_storage_get(&tasks, task, 0, 0);
	u64 cgroup = bpf_get_current_cgroup_id();
	struct held *held;
	int result = 0;
	u32 depth;

	if ((!state && !bpf_map_lookup_elem(&cgroups, &cgroup)) || !my_turn(state, NEWER_FIRST))
		return 0;
	held = hold(state, &depth);
	if (!held)
		return 0;
	if (foresee(held, task, state, bprm))
		result = judge_exec(held, task, tells_by_arguments(&held->next, bprm->file));
	let_go(depth);
	return REFUSE_IF(result);
}

#endif
