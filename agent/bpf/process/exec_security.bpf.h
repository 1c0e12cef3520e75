/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Executions: refused before the old program is gone. */
#ifndef SNUG_EXEC_SECURITY_H
#define SNUG_EXEC_SECURITY_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/security.bpf.h"
#include "process/arguments.bpf.h"
#include "process/drift.bpf.h"
#include "process/exec.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

/*
 * Who a process outside of every tree would be once it has entered a container, see `start_tree`.
 */
static __always_inline struct snug_slot *
predict_entry(struct task_struct *task, struct snug_task *next, const struct linux_binprm *bprm)
{
	u32 *number = container_entered(task, bprm);
	struct snug_slot *slot;

	if (!number)
		return 0;
	slot = bpf_map_lookup_elem(&slots, number);
	if (!slot)
		return 0;
	__builtin_memset(next, 0, sizeof(*next));
	next->container = slot->container;
	next->slot = *number;
	if (slot->started && !is_started_by_manager(slot, task)) {
		next->origin = SNUG_EXEC_IN;
		next->session = SNUG_MIX(keys, READ(task, start_time), (u64)READ(task, tgid));
	} else {
		next->origin = SNUG_ENTRYPOINT;
		keep_ids(slot, task);
		next->declared = uid_inside(next, READ(task, cred, uid.val)) + 1;
	}
	return slot;
}

static int argument_step(u32 index, struct scratch **context)
{
	struct lsm_scratch *lsm_scratch = (struct lsm_scratch *)*context;
	u64 pointer = 0;
	u32 used = lsm_scratch->used;
	long size;

	if (bpf_probe_read_user(&pointer, sizeof(pointer),
				(void *)(lsm_scratch->argv + index * sizeof(pointer))) ||
	    !pointer)
		return 1;
	if (used >= SNUG_ARGS_MAX) {
		lsm_scratch->cut = SNUG_CUT;
		return 1;
	}
	size = bpf_probe_read_user_str(
		EVENT_TEXT(&lsm_scratch->scratch, SNUG_TEXT_MAX - SNUG_ARGS_MAX + used),
		(SNUG_ARGS_MAX - used) & (2 * SNUG_ARGS_MAX - 1), (void *)pointer);
	if (size < 0)
		return 1;
	lsm_scratch->used = used + size;
	/* The last one is as long as there was room: it may be the beginning of a longer one. */
	if (lsm_scratch->used >= SNUG_ARGS_MAX)
		lsm_scratch->cut = SNUG_CUT;
	return 0;
}

LSM_LOOP_STEP(argument_step)

/* What the caller asked for, in its own memory: to be shown, not to be judged by. */
static __always_inline void read_passed(struct lsm_scratch *lsm_scratch, struct task_struct *task)
{
	struct call call = { .task = task, .regs = (struct pt_regs *)bpf_task_pt_regs(task) };
	struct scratch *scratch = &lsm_scratch->scratch;
	u32 at_descriptor;

	lsm_scratch->used = 0;
	lsm_scratch->cut = 0;
	if (is_compat(task)) {
		lsm_scratch->cut = SNUG_CUT;
		return;
	}
#if defined(__TARGET_ARCH_x86)
	at_descriptor = READ(call.regs, orig_ax) == NR_EXECVEAT;
#else
	at_descriptor = READ(call.regs, syscallno) == NR_EXECVEAT;
#endif
	lsm_scratch->argv = at_descriptor ? argument(&call, 2) : argument(&call, 1);
	LOOP(512, argument_step, scratch);
}

static __noinline int report_refused(struct lsm_scratch *lsm_scratch, struct task_struct *task,
				     struct verdict *verdict)
{
	struct snug_event *event = event_at(&lsm_scratch->scratch, SNUG_TEXT_MAX - SNUG_ARGS_MAX);
	u32 size;

	read_passed(lsm_scratch, task);
	size = lsm_scratch->used;
	if (size > SNUG_ARGS_MAX)
		size = SNUG_ARGS_MAX;
	fill_event(event, &lsm_scratch->next, task, SNUG_EXEC, verdict->key, sizeof(*event) + size);
	event->event_flags = lsm_scratch->cut | stop_flag(verdict, SNUG_REFUSED);
	event->text_size = size;
	fill_code_file(event, &lsm_scratch->scratch, 0);
	output_event(event, sizeof(*event) + size, verdict);
	return 0;
}

/*
 * The process as it will be: what on_exec makes of it afterwards. False where on_exec is to decide.
 */
static __noinline bool predict_task(struct lsm_scratch *lsm_scratch, struct task_struct *task,
				    struct snug_task *state, struct linux_binprm *bprm)
{
	struct scratch *scratch = &lsm_scratch->scratch;
	struct snug_task *next = &lsm_scratch->next;
	struct verdict verdict = { .refusing = SNUG_HOLD_CHANGES };
	struct snug_slot *slot;

	if (state) {
		*next = *state;
		push_ancestor(next);
		slot = slot_of(next);
	} else {
		slot = predict_entry(task, next, bprm);
		/* Only the arguments distinguish a health check, and they are not in place yet. */
		if (slot && slot->started && slot->assignment.commands[0].size)
			return false;
	}
	if (!slot || slot->container != next->container)
		return false;
	load_policy(slot, &verdict);
	if (!is_refused_by_hold(&verdict) && (!verdict.block || !has_profile(&verdict)))
		return false;
	next->uid = uid_inside(next, bprm->cred->euid.val);
	next->gid = gid_inside(next, bprm->cred->egid.val);
	next->flags &= ~SNUG_HELD_ROOT;
	set_code(scratch, next, task, bprm);
	if (has_socket(next, task))
		next->flags |= SNUG_SOCKET_STDIO;
	set_origin(scratch, next, task, bprm, false);
	set_base(next);
	return true;
}

static __noinline int judge_exec(struct lsm_scratch *lsm_scratch, struct task_struct *task,
				 bool reports)
{
	struct snug_task *next = &lsm_scratch->next;
	struct snug_slot *slot = slot_of(next);
	struct verdict verdict = { .refusing = SNUG_HOLD_CHANGES };
	u64 actor = SNUG_RULE_ACTOR(keys, next->ancestors[0], 0, next->user, next->origin), tag;

	if (!slot)
		return 0;
	load_policy(slot, &verdict);
	if (!is_refused_by_hold(&verdict) &&
	    lookup_rule(&verdict.ruling, actor, exec_rule(next), &tag) == RULE_ALLOW)
		return 0;
	/* Which arguments it has is certain only once it has them: that is for on_exec. */
	if (!is_refused_by_hold(&verdict) && reports &&
	    lookup_rule(&verdict.ruling, actor, SNUG_RULE_ARGUMENTS(keys, exec_rule(next), 0),
			&tag) == RULE_ALLOW)
		return 0;
	if (judge_event(next, &verdict, SNUG_EXEC, SNUG_MIX(keys, SNUG_EXEC, next->ancestors[0]),
			actor, exec_rule(next), SNUG_REFUSED))
		report_refused(lsm_scratch, task, &verdict);
	return REFUSE_IF(must_stop(&verdict));
}

/*
 * Once for each exec, with the program that will run, be it a script's interpreter, and with the
 * credentials that it will have; and early enough for the exec to fail. bprm_check_security comes
 * for each step towards that program.
 */
SEC("lsm/bprm_creds_from_file")
int BPF_PROG(lsm_exec, struct linux_binprm *trusted, const struct file *file)
{
	struct linux_binprm *bprm = UNTRUSTED(trusted);
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = find_state(task);
	struct lsm_scratch *lsm_scratch;
	int result = 0;
	u32 depth;

	if ((!state && !container_of_task(task)) || !is_acting_generation(state, NEWER_FIRST))
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_EXEC));
	if (predict_task(lsm_scratch, task, state, bprm))
		result = judge_exec(lsm_scratch, task,
				    arguments_matter(&lsm_scratch->next, bprm->file));
	release_scratch(depth);
	return REFUSE_IF(result);
}

#endif
