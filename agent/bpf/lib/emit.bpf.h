/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From an event to the ring, or to a count.
 *
 * INVARIANT: every event of a container's process is exactly one of: emitted, filtered (counted in
 * `seen`, reported later by the flush), dropped by reason.
 */
#ifndef SNUG_EMIT_H
#define SNUG_EMIT_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scratch.bpf.h"
#include "shared.h"

static __always_inline void *this_ring(void)
{
	u32 ring = bpf_get_smp_processor_id() % ring_count;

	return bpf_map_lookup_elem(&rings, &ring);
}

/*
 * The ring's commit is a full barrier, and so is the sensor's between announcing that it sleeps and
 * looking at the rings once more: one of the two sees the other.
 */
static __always_inline void wake(void *ring)
{
	void *nothing;

	if (!*(volatile u32 *)&control.asleep || !__sync_lock_test_and_set(&control.asleep, 0))
		return;
	nothing = bpf_ringbuf_reserve(ring, 8, 0);
	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void count_drop(struct snug_slot *slot, enum snug_drop reason)
{
	COUNT(dropped[reason]);
	if (slot)
		__sync_fetch_and_add(&slot->dropped, 1);
}

static __always_inline void fill_head(struct snug_head *head, u16 type, u32 size)
{
	head->size = size - sizeof(*head);
	head->type = type;
	head->version = SNUG_ABI;
	head->flags = 0;
}

/*
 * Judges an event that one rule decides. True where it has to be reported. `stop`: how it is
 * stopped by this caller.
 */
static __always_inline bool judge_event(const struct snug_task *state, struct verdict *verdict,
					u8 kind, u64 object, u64 actor, u64 rule, u32 stop)
{
	u32 found = lookup_seen(state, kind, object, verdict);

	if (found == SEEN_NEW) {
		judge_literal(verdict, actor, rule);
		found = record_verdict(state, verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	return note_stop(verdict, found, stop) != SEEN_COUNTED;
}

/* The process runs no further instruction in user space. */
static __always_inline void kill_current(void)
{
	bpf_send_signal(SIGKILL);
}

static __always_inline void count_lost(struct verdict *verdict, enum snug_drop reason)
{
	struct snug_seen *lost = bpf_map_lookup_elem(&seen, &verdict->seen_key);

	count_drop(slot_at(verdict->slot), reason);
	if (lost)
		lost->resend = 1;
}

/* `pid`, `ppid`: of the process, which may not be the current one. */
static __always_inline void fill_event_of(struct snug_event *event, const struct snug_task *state,
					  u32 pid, u32 ppid, u8 kind, u64 key, u32 size)
{
	fill_head(&event->head, SNUG_EVENT, size);
	event->time = bpf_ktime_get_ns();
	event->container = state->container;
	event->key = key;
	event->exe = state->exe;
	event->script = state->script;
	__builtin_memcpy(event->ancestors, state->ancestors, sizeof(event->ancestors));
	event->session = state->session;
	event->pid = pid;
	event->ppid = ppid;
	event->uid = state->uid;
	event->gid = state->gid;
	event->kind = kind;
	event->origin = state->origin;
	event->actor_flags = state->flags |
			     (state->user == SNUG_USER_DECLARED ? SNUG_DECLARED_USER : 0);
	event->event_flags = 0;
	__builtin_memset(event->detail, 0, sizeof(event->detail));
	event->text_size = 0;
	event->to_size = 0;
	event->slot = state->slot;
	event->text_reserved = 0;
}

static __always_inline void fill_event(struct snug_event *event, const struct snug_task *state,
				       struct task_struct *task, u8 kind, u64 key, u32 size)
{
	fill_event_of(event, state, READ(task, tgid), READ(task, real_parent, tgid), kind, key,
		      size);
}

/*
 * The last quarter of a ring is for deviations: no amount of what a profile allows, or of what
 * containers without a profile do, may take their place while nobody reads.
 */
static __always_inline bool has_place(void *ring, const struct verdict *verdict)
{
	return verdict->deviates != DEVIATES_NOT ||
	       bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) <
		       bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) / 4 * 3;
}

/* An event without text: reserve it, fill in the detail, then `submit_event`. */
static __always_inline struct snug_event *reserve_event(const struct snug_task *state,
							struct task_struct *task, u8 kind,
							struct verdict *verdict, void **ring)
{
	struct snug_event *event = 0;

	*ring = this_ring();
	if (*ring && has_place(*ring, verdict))
		event = bpf_ringbuf_reserve(*ring, sizeof(*event), 0);
	if (!event) {
		count_lost(verdict, SNUG_DROP_RING);
		return 0;
	}
	fill_event(event, state, task, kind, verdict->key, sizeof(*event));
	return event;
}

static __always_inline void submit_event(struct snug_event *event, void *ring)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	COUNT(emitted);
	wake(ring);
}

/* The head of an event whose text begins at `at` in the scratch. */
static __always_inline struct snug_event *event_at(struct scratch *scratch, u32 at)
{
	return (struct snug_event *)&scratch->event[at & (SNUG_TEXT_MAX - 1)];
}

/* An event with text. Its head is in place before the text; `size` is that of both. */
static __always_inline void output_event(struct snug_event *event, u32 size,
					 struct verdict *verdict)
{
	void *ring = this_ring();

	if (size > sizeof(*event) + SNUG_TEXT_MAX)
		size = sizeof(*event) + SNUG_TEXT_MAX;
	if (!ring || !has_place(ring, verdict) ||
	    bpf_ringbuf_output(ring, event, size, BPF_RB_NO_WAKEUP)) {
		count_lost(verdict, SNUG_DROP_RING);
		return;
	}
	COUNT(emitted);
	wake(ring);
}

#endif
