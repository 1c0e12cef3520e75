/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state of processes. INVARIANT: a process has a state exactly if it is a container's: it was
 * executed in a container's cgroup and outside the runtime's mount namespace, or it descends from
 * such a process. The runtime's own steps (runc's init, also from a memfd or a sealed copy) stay in
 * the runtime's mount namespace up to the exec of the container's program. They have no state, and
 * every hook returns at once.
 */
#ifndef SNUG_TASK_H
#define SNUG_TASK_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "process/layer.bpf.h"
#include "rule_key.h"
#include "shared.h"

static __always_inline u32 user_of(const struct snug_slot *slot, const struct snug_task *state)
{
	return slot && slot->container == state->container ? *(volatile u32 *)&slot->user : 0;
}

/* Who of the people a program acts for makes no other behaviour. */
static __always_inline u32 account_of(u32 id)
{
	return id - SNUG_ACCOUNT_LEAST <= SNUG_ACCOUNT_MOST - SNUG_ACCOUNT_LEAST ?
		       SNUG_ACCOUNT_LEAST :
		       id;
}

/*
 * The uid as rules name it: that which the container was started as is the declared user, whatever
 * its number. Root is root, also where a container was started as that.
 */
static __always_inline void set_user(struct snug_task *state)
{
	u32 declared = user_of(slot_of(state), state);

	if (declared)
		state->declared = declared;
	state->user = state->uid && state->uid + 1 == state->declared ? SNUG_USER_DECLARED :
									account_of(state->uid);
}

/* What of the actor makes a behaviour another one. Ancestors, group and terminal do not. */
static __always_inline void set_base(struct snug_task *state)
{
	u64 base = SNUG_MIX(keys, keys.seed, state->exe);

	base = SNUG_MIX(keys, base, state->script);
	base = SNUG_MIX(keys, base, state->session);
	base = SNUG_MIX(keys, base,
			(u64)state->uid << 32 | (u64)state->origin << 16 |
				(state->flags & ~(SNUG_TTY | SNUG_HELD_ROOT)));
	state->base = base;
	set_user(state);
	state->actor = SNUG_RULE_ACTOR(keys, state->exe, state->script, state->user, state->origin);
}

/*
 * The process that a helper thread of the kernel for io_uring works for: such a thread is made
 * without a fork that we see.
 */
static __always_inline struct task_struct *process_of_worker(struct task_struct *task)
{
	if (READ(task, flags) & (PF_IO_WORKER | PF_USER_WORKER))
		return READ(task, group_leader);
#ifdef SNUG_PORTABLE
	/* Before Linux 5.12 it is a thread of the kernel's own, with the process's memory. */
	if (READ(task, flags) & PF_KTHREAD && bpf_core_field_exists(struct mm_struct, owner))
		return READ(task, mm, owner);
#endif
	return 0;
}

#ifndef SNUG_PORTABLE
static __noinline struct snug_task *separate_state(struct task_struct *task)
{
	struct task_key key = { .task = (u64)task, .start = READ(task, start_time) };

	return bpf_map_lookup_elem(&separate_tasks, &key);
}

static __noinline struct snug_task *new_separate_state(struct task_struct *task)
{
	struct task_key key = { .task = (u64)task, .start = READ(task, start_time) };

	bpf_map_update_elem(&separate_tasks, &key, &no_task, BPF_ANY);
	control.separate_tasks = 1;
	return bpf_map_lookup_elem(&separate_tasks, &key);
}
#endif

static __always_inline struct snug_task *find_state(struct task_struct *task)
{
	struct snug_task *state = bpf_task_storage_get(&tasks, task, 0, 0);

#ifndef SNUG_PORTABLE
	if (!state && control.separate_tasks)
		return separate_state(task);
#endif
	return state;
}

static __always_inline struct snug_task *new_state(struct task_struct *task)
{
	struct snug_task *state =
		bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

#ifndef SNUG_PORTABLE
	if (!state)
		return new_separate_state(task);
#endif
	return state;
}

/* It is no process of the container any more. */
static __always_inline void drop_state(struct task_struct *task)
{
#ifndef SNUG_PORTABLE
	struct task_key key = { .task = (u64)task, .start = READ(task, start_time) };

	bpf_map_delete_elem(&separate_tasks, &key);
	bpf_task_storage_delete(&tasks, task);
#else
	int key = READ(task, pid);

	bpf_map_delete_elem(&tasks, &key);
#endif
}

static __always_inline struct snug_task *state_of(struct task_struct *task)
{
	struct snug_task *state = find_state(task);
	struct task_struct *process = state ? 0 : process_of_worker(task);

	if (process)
		state = find_state(process);
	/* It ran before the sensor; an assignment may have brought its declared user since. */
	if (state && !state->declared && user_of(slot_of(state), state))
		set_base(state);
	return state;
}

static __always_inline void set_ids(struct snug_task *state, u32 uid, u32 gid)
{
	state->gid = gid;
	if (state->uid == uid)
		return;
	state->uid = uid;
	state->capabilities = 0;
	set_base(state);
}

/* Of a container that ran before, the scan has set it. */
static __always_inline u64 root_of(const struct snug_task *state, struct task_struct *task)
{
	struct snug_slot *slot = slot_of(state);

	if (!slot || slot->container != state->container)
		return 0;
	if (!slot->root)
		begin_root(slot, state->slot, (u64)READ(task, fs, root.dentry));
	return slot->root;
}

/*
 * Where the kernel leaves out programs, see left_out.h, a probe comes after a hook and does its
 * work then. What the hook has done is noted in the process's state; nothing of the process comes
 * in between.
 */
const volatile bool catches;

static __always_inline void note_judged(struct snug_task *state, u64 object)
{
	if (catches)
		state->judged = object;
}

/* To be asked by the probe alone. `stop`: how the caller stops a deviation. */
static __always_inline bool was_judged(struct snug_task *state, u64 object, u32 stop)
{
	bool judged = state->judged == object;

	if (stop == SNUG_REFUSED)
		return false;
	state->judged = 0;
	return judged;
}

/* The arguments of the kernel's function. */
#if defined(__TARGET_ARCH_x86)
#define FIRST (registers->di)
#define SECOND (registers->si)
#define THIRD (registers->dx)
#define FOURTH (registers->cx)
#else
#define FIRST (registers->regs[0])
#define SECOND (registers->regs[1])
#define THIRD (registers->regs[2])
#define FOURTH (registers->regs[3])
#endif
#define AS(type, address) ((type *)bpf_core_cast((void *)(address), type))

/*
 * Why this hook: it fires before the child runs, so a child has its state from its first
 * instruction.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct snug_task *from = find_state(parent), *to;

	if (!from || !is_acting_generation(0, OLDER_FIRST))
		return 0;
	to = new_state(child);
	if (to)
		*to = *from;
	else
		count_drop(slot_of(from), SNUG_DROP_TASK);
	note_judged(from, (u64)child);
	return 0;
}

#ifndef SNUG_PORTABLE
#define separate(child) new_separate_state(child)
#else
#define separate(child) new_state(child)
#endif

/* A probe of the function that comes next. It has the child only as an address. */
SEC("kprobe")
int catch_fork(struct pt_regs *registers)
{
	struct snug_task *from = find_state(bpf_get_current_task_btf()), *to;

	if (!from || !is_acting_generation(0, OLDER_FIRST) || was_judged(from, FIRST, SNUG_MISSED))
		return 0;
	to = separate(AS(struct task_struct, FIRST));
	if (to)
		*to = *from;
	else
		count_drop(slot_of(from), SNUG_DROP_TASK);
	return 0;
}

/*
 * Only where there is no task storage. Why this hook: it comes before the thread's id is free.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	int key = READ(task, pid);

	if (is_acting_generation(0, OLDER_FIRST))
		bpf_map_delete_elem(&tasks, &key);
	return 0;
}

/*
 * A thread that executes a program becomes the process, with its id. Task storage goes with the
 * thread; where there is none, the state has to be moved.
 */
static __always_inline struct snug_task *task_after_exec(struct task_struct *task, int old_pid)
{
	struct snug_task *state = find_state(task);
#ifdef SNUG_PORTABLE
	int key = READ(task, pid);
	struct snug_task *former;

	if (state || old_pid == key)
		return state;
	former = bpf_map_lookup_elem(&tasks, &old_pid);
	if (!former || bpf_map_update_elem(&tasks, &key, former, BPF_ANY))
		return 0;
	bpf_map_delete_elem(&tasks, &old_pid);
	state = bpf_map_lookup_elem(&tasks, &key);
#endif
	return state;
}

#endif
