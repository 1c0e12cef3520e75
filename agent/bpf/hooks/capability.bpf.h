/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capabilities, io_uring, and the flush of counts. */
#ifndef SNUG_OTHER_H
#define SNUG_OTHER_H

#include "hooks/sys_exit.bpf.h"

#define CAP_SYS_ADMIN 21

/* A page fault commits memory too: then there is no system call. */
static __always_inline bool in_memory_syscall(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u32 number;

#if defined(__TARGET_ARCH_x86)
	number = regs->orig_ax;
#else
	number = regs->syscallno;
#endif
	barrier_var(number);
	return number >= SNUG_SYSCALL_MAX || memory_syscalls[number];
}

/* What was told under another profile or mode is to be judged again. */
static __always_inline void refresh_capabilities(struct snug_task *state)
{
	struct snug_slot *slot = slot_of(state);
	u64 under = slot && slot->container == state->container ? salt_of(slot) : state->container;

	if (state->capabilities_under == under)
		return;
	state->capabilities_under = under;
	state->capabilities = 0;
}

/*
 * A capability that was used, once per process and execution. Whoever has CAP_SYS_ADMIN is asked for it whenever
 * memory is committed, to spare it a reserve: that is no use of it. Checks of borrowed credentials (overlayfs acts by those of its mounter) are not the
 * process's own. True where it may be used.
 */
static __always_inline bool check_capability(const struct cred *cred, int capability, u32 stop,
					   enum attach_order order)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state;
	struct verdict verdict;
	struct snug_act *act;
	void *ring;
	u64 bit;

	if ((u64)cred != (u64)task->real_cred)
		return true;
	state = state_of(task);
	if (!state || !is_acting_generation(state, order))
		return true;
	bit = 1ull << (capability & 63);
	refresh_capabilities(state);
	if (state->capabilities & bit)
		return true;
	if (capability == CAP_SYS_ADMIN && in_memory_syscall(task))
		return true;
	state->capabilities |= bit;
	if (judge_event(state, &verdict, (u64)SNUG_CAPABILITY | (u64)capability << 8, state->actor,
		   SNUG_RULE_CAPABILITY(keys, capability))) {
		act = reserve_event(state, task, SNUG_CAPABILITY, &verdict, &ring);
		if (act) {
			act->act_flags = stop_flag(&verdict, stop);
			act->code = capability;
			submit_event(act, ring);
		}
	}
	/* Whoever was stopped, and is there, asks again. */
	if (must_stop(&verdict))
		state->capabilities &= ~bit;
	return !must_stop(&verdict);
}

SEC("tp_btf/cap_capable")
int BPF_PROG(on_capable, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *capable, int capability, int ret)
{
	if (!ret && !check_capability(cred, capability, SNUG_KILLED, OLDER_FIRST))
		kill_current();
	return 0;
}

enum uring_operation {
	URING_CONNECT = 16,
	URING_OPENAT = 18,
	URING_OPENAT2 = 28,
	URING_RENAMEAT = 35,
	URING_UNLINKAT = 36,
	URING_BIND = 56,
	URING_LISTEN = 57,
};

/*
 * What is submitted to an io_uring never shows at a system call. By now the path was copied from the caller, so
 * it is the one that will be used; whether the operation succeeds is not known yet.
 */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring, struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch;
	struct snug_task *state;
	struct sensitive sensitive = { .id = SNUG_CALL_IO_URING, .at = SNUG_TEXT_MAX, .stop = SNUG_KILLED };
	const struct filename *filename = 0;
	u8 opcode = request->opcode;
	long size;

	switch (opcode) {
	case URING_OPENAT:
	case URING_OPENAT2:
		filename = bpf_core_cast(request, struct io_open)->filename;
		break;
	case URING_UNLINKAT:
		filename = bpf_core_cast(request, struct io_unlink)->filename;
		break;
	case URING_RENAMEAT:
		filename = bpf_core_cast(request, struct io_rename)->oldpath;
		break;
	case URING_CONNECT:
	case URING_BIND:
	case URING_LISTEN:
		break;
	default:
		return 0;
	}
	state = state_of(task);
	scratch = scratch_of(SCRATCH_URING);
	if (!state || !scratch || !is_acting_generation(state, OLDER_FIRST))
		return 0;
	if (opcode == URING_OPENAT || opcode == URING_OPENAT2)
		mark_untrusted(state);
	if (filename) {
		size = bpf_probe_read_kernel_str(scratch->string, SNUG_PATH_MAX, filename->name);
		if (size > 1)
			sensitive.at = prepend_string(scratch, SNUG_TEXT_MAX, size - 1);
	}
	sensitive.number = opcode;
	/* A file that was opened is gone with the process, a name that was removed does not come back. */
	if (opcode == URING_RENAMEAT || opcode == URING_UNLINKAT)
		sensitive.stop = SNUG_MISSED;
	if (report_sensitive(scratch, task, state, &sensitive))
		kill_current();
	return 0;
}

static long flush_entry(struct bpf_map *map, u64 *key, struct snug_seen *one, struct snug_flush *flush)
{
	struct snug_sighting *record;
	struct snug_slot *slot;
	u64 count = one->count;
	u32 number = one->slot;
	void *ring;
	bool lives;

	slot = bpf_map_lookup_elem(&slots, &number);
	lives = slot && slot->container == one->container && salt_of(slot) == one->salt;
	if (count != one->reported && !one->resend) {
		/* What is known and was told of this container can wait: only its count rises. */
		if (lives && slot->state == SNUG_SLOT_LIVE && one->reported && !control.flush_all &&
		    (one->tags[0] || bpf_map_lookup_elem(&known, &one->key)))
			return 0;
		ring = this_ring();
		record = ring ? bpf_ringbuf_reserve(ring, sizeof(*record), 0) : 0;
		if (!record) {
			/* Not lost: it stays to be told, and the rest of the table too. */
			flush->failed++;
			return 1;
		}
		fill_head(&record->head, SNUG_SIGHTING, sizeof(*record));
		record->time = bpf_ktime_get_ns();
		record->container = one->container;
		record->key = one->key;
		record->count = count - one->reported;
		record->first = one->first;
		record->last = record->time;
		record->session = one->session;
		record->tags[0] = one->tags[0];
		record->tags[1] = one->tags[1];
		record->origin = one->origin;
		record->reserved = 0;
		one->reported = count;
		one->first = record->time;
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
		flush->reported++;
		return 0;
	}
	if (lives)
		return 0;
	/* Its container ended or was given another scope: nothing will count here again. */
	bpf_map_delete_elem(&seen, key);
	flush->removed++;
	return 0;
}

/* What was written in a container that ended can be forgotten: its files are gone. */
static long forget_written(struct bpf_map *map, u64 *key, u64 *container, struct snug_flush *flush)
{
	if (!bpf_map_lookup_elem(&cgroups, container))
		bpf_map_delete_elem(&written, key);
	return 0;
}

struct snug_flush flushed SEC(".bss.flushed");

/* Run by the sensor, where something was counted since the last time. */
SEC("syscall")
int flush_counts(void *context)
{
	struct snug_flush flush = {};

	bpf_for_each_map_elem(&seen, flush_entry, &flush, 0);
	if (control.flush_all)
		bpf_for_each_map_elem(&written, forget_written, &flush, 0);
	flushed = flush;
	return 0;
}

#endif
