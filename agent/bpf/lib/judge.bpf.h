/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The judge. It decides by what was seen before, by the profile of the container's version, and by
 * what the daemon has marked as known. An event that a rule allows is counted and not reported;
 * src/core/compile/kernel-profile.ts defines the rules.
 *
 * A hook calls `lookup_seen` first: a repeated event costs only that. A new one goes to the
 * profile, if there is one, and then to `record_verdict`.
 */
#ifndef SNUG_JUDGE_H
#define SNUG_JUDGE_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hash.h"
#include "lib/budget.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/verdict.bpf.h"
#include "rule_key.h"
#include "shared.h"

enum deviation {
	DEVIATES_NOT = 0,
	DEVIATES,
	DEVIATES_UNSTOPPED, /* reported, and not stopped: novelty, or the daemon may expect it */
	DEVIATES_HELD,	    /* its container is held: stopped, whatever the profile and the mode */
};

enum seen_result {
	SEEN_COUNTED = 0, /* nothing more to do */
	SEEN_RESEND,	  /* to be reported: the last report was lost */
	SEEN_NEW,
};

enum rule {
	RULE_NONE = 0,
	RULE_ALLOW,
	RULE_DENY,
};

static __always_inline struct snug_slot *slot_at(u32 number)
{
	return bpf_map_lookup_elem(&slots, &number);
}

static __always_inline struct snug_slot *slot_of(const struct snug_task *task)
{
	return slot_at(task->slot);
}

static __always_inline struct snug_version *version_at(u32 number)
{
	u32 index = number - 1;

	return bpf_map_lookup_elem(&versions, &index);
}

static __always_inline bool is_unit(const struct snug_slot *slot)
{
	return watches_units && slot && slot->unit;
}

static __always_inline bool has_profile(const struct verdict *verdict)
{
	return SNUG_POLICY_PROFILE(verdict->policy_state) != 0;
}

/* True where the event must not go on. To be called last, after the report. */
static __always_inline bool must_stop(const struct verdict *verdict)
{
	return verdict->deviates == DEVIATES_HELD ||
	       (verdict->deviates == DEVIATES && verdict->block &&
		!(verdict->policy_state & SNUG_POLICY_DISARMED_KIND(verdict->kind)));
}

/* `how` (snug_event_flag) where the event is stopped that way. */
static __always_inline u32 stop_flag(const struct verdict *verdict, u32 how)
{
	if (!must_stop(verdict))
		return 0;
	return verdict->deviates == DEVIATES_HELD ? how | SNUG_HELD : how;
}

/*
 * Whether an event that was seen before has to be reported again: it was stopped in a way that none
 * of those before was. An alert whose events were all killed must not count one that was not.
 */
static __always_inline u32 note_stop(struct verdict *verdict, u32 found, u32 how)
{
	u32 stops = stop_flag(verdict, how);
	struct snug_seen *noted = stops ? bpf_map_lookup_elem(&seen, &verdict->seen_key) : 0;

	if (!noted || (__sync_fetch_and_or(&noted->stops, stops) & stops) == stops)
		return found;
	if (found != SEEN_COUNTED)
		return found;
	__sync_fetch_and_add(&noted->reported, 1);
	return SEEN_RESEND;
}

/*
 * No clock here: this is the cost of a repeated event. The flush supplies the time, to the second.
 */
static __always_inline u32 count_seen(struct verdict *verdict, struct snug_seen *seen)
{
	verdict->deviates = seen->deviates;
	__sync_fetch_and_add(&seen->count, 1);
	COUNT(filtered);
	return SEEN_COUNTED;
}

static __always_inline bool paused(const struct snug_version *version)
{
	u64 until = *(volatile u64 *)&version->paused_until;

	return until && bpf_ktime_get_ns() < until;
}

/* As a part of the policy state: what was judged before the hold, or during it, is stale then. */
static __always_inline u64 hold_of(const struct snug_slot *slot)
{
	u64 holds = slot->assignment.traits & SNUG_HOLDS;

	if (!holds || bpf_ktime_get_ns() >= *(volatile u64 *)&slot->assignment.held_until)
		return 0;
	return holds << SNUG_POLICY_HOLDS_SHIFT;
}

/* The holds that an event of the kind is refused by; hooks add what depends on its object. */
static __always_inline u8 refusing_holds(u8 kind)
{
	switch (kind) {
	case SNUG_EXEC:
	case SNUG_CONNECT:
	case SNUG_LISTEN:
	case SNUG_SYSCALL:
		return SNUG_HOLD_CHANGES;
	default:
		return 0;
	}
}

static __always_inline bool is_refused_by_hold(const struct verdict *verdict)
{
	return SNUG_POLICY_HOLDS(verdict->policy_state) & verdict->refusing;
}

static __always_inline void load_policy(const struct snug_slot *slot, struct verdict *verdict)
{
	struct snug_version *version = version_at(slot->assignment.version);

	verdict->policy_state = hold_of(slot);
	if (!version)
		return;
	verdict->version = slot->assignment.version;
	verdict->policy_state |= *(volatile u64 *)&version->policy_state;
	verdict->block = verdict->policy_state & SNUG_POLICY_BLOCK &&
			 slot->assignment.traits & SNUG_ENFORCED && !paused(version);
}

/* As `lookup_seen` makes it: what has another is of another time. */
static __always_inline u64 salt_of(const struct snug_slot *slot)
{
	const struct snug_version *version = version_at(slot->assignment.version);

	return slot->salt + (hold_of(slot) | (version ? version->policy_state : 0)) * keys.c;
}

/*
 * Fills in a verdict that is zero. Global, as the verifier would follow it again in each caller. Of
 * such a function Linux 6.1 takes keys from the stack and from maps alone.
 */
CHECKED_ONCE_IF_NEW u32 find_seen(const struct snug_task *task, u32 kind, u64 object,
				  struct verdict *verdict)
{
	struct snug_seen *seen_here;
	struct snug_slot *slot;
	u64 scope, base, seen_key;

	if (!task || !verdict)
		return SEEN_COUNTED;
	slot = slot_of(task);
	scope = SNUG_PRIVATE_SCOPE | task->container;
	base = SNUG_MIX(keys, task->base, object);
	COUNT(received);
	verdict->kind = kind;
	verdict->refusing = refusing_holds(kind);
	verdict->salt = task->container;
	verdict->slot = task->slot;
	/*
	 * A process that left its cgroup and outlived its container is still reported, under its
	 * own scope.
	 */
	if (slot && slot->container == task->container) {
		verdict->salt = *(volatile u64 *)&slot->salt;
		scope = *(volatile u64 *)&slot->scope;
		load_policy(slot, verdict);
		verdict->salt += verdict->policy_state * keys.c;
	}
	verdict->key = SNUG_MIX(keys, base, scope) | 1;
	seen_key = SNUG_MIX(keys, base, verdict->salt);
	verdict->seen_key = seen_key;
	if (control.filter == SNUG_FILTER_OFF)
		return SEEN_NEW;
	seen_here = bpf_map_lookup_elem(&seen, &seen_key);
	if (!seen_here)
		return SEEN_NEW;
	verdict->key = seen_here->key;
	if (!seen_here->resend || !__sync_lock_test_and_set(&seen_here->resend, 0))
		return count_seen(verdict, seen_here);
	/* The event itself counts for one: the flush must not report that one again. */
	__sync_fetch_and_add(&seen_here->count, 1);
	__sync_fetch_and_add(&seen_here->reported, 1);
	verdict->deviates = seen_here->deviates;
	return SEEN_RESEND;
}

/*
 * `object` is the hash of everything that identifies the behaviour, except the actor. Older
 * kernels give a global function no memory that nobody has written.
 */
static __always_inline u32 lookup_seen(const struct snug_task *task, u8 kind, u64 object,
				       struct verdict *verdict)
{
	__builtin_memset(verdict, 0, sizeof(*verdict));
	return find_seen(task, kind, object, verdict);
}

/*
 * What permissions refuse anyway is no damage of a wrong profile, and neither is an exec session:
 * it is not the workload's own traffic. A hold is a person's decision.
 */
static __always_inline bool may_spend(const struct snug_task *task, const struct verdict *verdict)
{
	return verdict->version && !verdict->refused && verdict->deviates == DEVIATES &&
	       task->origin != SNUG_EXEC_IN;
}

/* One container must not fill the table that all count in. */
static __always_inline bool has_room(const struct snug_slot *slot)
{
	return !slot || *(volatile u32 *)&slot->seen < SNUG_SEEN_SHARE;
}

static __always_inline void count_entry(struct snug_slot *slot, s32 more)
{
	if (slot)
		__sync_fetch_and_add(&slot->seen, more);
}

/*
 * False where there is an entry, or the table is full. Not inlined: a caller and the judge below it
 * share 512 bytes of stack, in steps of 32 on older kernels.
 */
static __noinline bool insert_seen(const struct snug_task *task, const struct verdict *verdict,
				   bool quiet)
{
	u64 seen_key = verdict->seen_key;
	struct snug_seen fresh = {};

	fresh.key = verdict->key;
	fresh.container = task->container;
	fresh.salt = verdict->salt;
	fresh.count = 1;
	fresh.reported = !quiet;
	fresh.first = bpf_ktime_get_ns();
	fresh.session = task->session;
	fresh.tags[0] = verdict->tags[0];
	fresh.tags[1] = verdict->tags[1];
	fresh.slot = task->slot;
	fresh.origin = task->origin;
	fresh.deviates = verdict->deviates;
	return !bpf_map_update_elem(&seen, &seen_key, &fresh, BPF_NOEXIST);
}

/*
 * After the profile's verdict, as that is of another time. Not inlined: it would be on the stack of
 * each hook.
 */
static __noinline int apply_hold(struct verdict *verdict)
{
	if (!is_refused_by_hold(verdict))
		return 0;
	verdict->deviates = DEVIATES_HELD;
	verdict->by_rules = 0;
	verdict->tags[0] = 0;
	verdict->tags[1] = 0;
	return 0;
}

/*
 * Records the verdict on a new event. True where it has to be reported in full: `reserve_event` or
 * `output_event` must follow.
 */
CHECKED_ONCE_IF_NEW bool record_verdict(const struct snug_task *task, struct verdict *verdict)
{
	bool quiet, all = control.filter == SNUG_FILTER_OFF;
	struct snug_seen *seen_here;
	struct snug_slot *slot;
	u64 seen_key, key;

	if (!task || !verdict)
		return false;
	slot = slot_at(verdict->slot);
	key = verdict->key;
	seen_key = verdict->seen_key;
	apply_hold(verdict);
	if (all && !verdict->deviates)
		return true;
	if (verdict->by_rules) {
		seen_here = bpf_map_lookup_elem(&seen, &seen_key);
		if (seen_here) {
			count_seen(verdict, seen_here);
			return false;
		}
	}
	if (has_profile(verdict))
		quiet = !verdict->deviates;
	else
		quiet = bpf_map_lookup_elem(&known, &key) != 0;
	if (has_room(slot) && insert_seen(task, verdict, quiet)) {
		count_entry(slot, 1);
		if (must_stop(verdict) && may_spend(task, verdict) &&
		    spend_budget(version_at(verdict->version), verdict->version - 1,
				 task->container, verdict->key, verdict->kind))
			verdict->block = 0;
		if (quiet)
			COUNT(filtered);
		return !quiet;
	}
	/*
	 * Another processor was faster, or everything is reported, or the table or the container's
	 * share of it is full.
	 */
	seen_here = bpf_map_lookup_elem(&seen, &seen_key);
	if (seen_here && !all) {
		count_seen(verdict, seen_here);
		return false;
	}
	if (quiet) {
		COUNT(filtered);
		return false;
	}
	if (!seen_here)
		COUNT(unfiltered);
	return true;
}

/*
 * An event that a pattern allows has another name each time. It is counted by its rules instead, so
 * a thousand temporary files are one count.
 */
static __always_inline void count_by_rules(const struct snug_task *task, struct ruling *ruling)
{
	u64 base = SNUG_MIX(keys, SNUG_MIX(keys, task->base, ruling->tags[0]), ruling->tags[1]);

	ruling->seen_key = SNUG_MIX(keys, base, ruling->salt);
	ruling->by_rules = 1;
}

static __always_inline struct snug_patterned *patterned_at(u64 key)
{
	u32 at = key & (SNUG_PATTERNED - 1);

	return bpf_map_lookup_elem(&patterned, &at);
}

/*
 * Counts a file that has no entry, by the rules that allowed it before. The key has everything that
 * this depends on, the profile too. False where that is not known.
 */
static __always_inline bool count_patterned(struct verdict *verdict)
{
	const volatile struct snug_patterned *entry = patterned_at(verdict->seen_key);
	struct snug_seen *seen_here;
	u64 key;

	if (!entry || control.filter == SNUG_FILTER_OFF)
		return false;
	key = entry->seen_key;
	if (!key || (entry->check ^ key) != verdict->seen_key)
		return false;
	seen_here = bpf_map_lookup_elem(&seen, &key);
	if (!seen_here)
		return false;
	verdict->seen_key = key;
	count_seen(verdict, seen_here);
	return true;
}

/* `key`: that of the file itself, before the rules that allow it gave the verdict theirs. */
static __always_inline void note_patterned(const struct ruling *ruling, u64 key)
{
	volatile struct snug_patterned *entry = patterned_at(key);

	if (!entry)
		return;
	entry->check = key ^ ruling->seen_key;
	entry->seen_key = ruling->seen_key;
}

static __always_inline u32 lookup_rule(const struct ruling *ruling, u64 actor, u64 object, u64 *tag)
{
	u32 profile = SNUG_POLICY_PROFILE(ruling->policy_state);
	void *set = bpf_map_lookup_elem(&rules, &profile);
	u64 key = SNUG_RULE_KEY(keys, actor, object), *found;

	found = set ? bpf_map_lookup_elem(set, &key) : 0;
	if (!found)
		return RULE_NONE;
	*tag = *found;
	return *found ? RULE_ALLOW : RULE_DENY;
}

/* A job of CI: only what is guarded is stopped. */
static __always_inline bool spares_unguarded(const struct ruling *ruling)
{
	return ruling->policy_state & SNUG_POLICY_SPARES(SNUG_SPARES_UNGUARDED);
}

/* Of class `open`: what another actor of the version may do is reported, and not stopped. */
static __always_inline bool spares_actors(const struct ruling *ruling)
{
	return ruling->policy_state & SNUG_POLICY_SPARES(SNUG_SPARES_ACTORS);
}

/* The daemon finds out whose it is. No count is of the rule. */
static __always_inline void leave_to_daemon(struct verdict *verdict)
{
	verdict->deviates = DEVIATES_UNSTOPPED;
	verdict->tags[0] = 0;
	verdict->by_rules = 0;
}

/* Whose rules decide. */
static __always_inline u64 ruled_actor(const struct ruling *ruling, const struct snug_task *state)
{
	return spares_actors(ruling) ? keys.seed : state->actor;
}

/*
 * For events that one rule decides. Of novelty by calculation: the verifier of Linux 5.10 looks at
 * all that follows once for each branch.
 */
static __always_inline void judge_literal(struct verdict *verdict, u64 actor, u64 object)
{
	u64 unlike, reports;

	if (!has_profile(verdict))
		return;
	verdict->deviates = lookup_rule(&verdict->ruling, actor, object, &verdict->tags[0]) !=
			    RULE_ALLOW;
	unlike = verdict->tags[0] ^ SNUG_REPORT_TAG;
	reports = ((unlike | -unlike) >> 63) ^ 1;
	verdict->deviates |= reports * DEVIATES_UNSTOPPED;
	verdict->tags[0] &= reports - 1;
}

static int run_step(u32 index, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct automaton_run *automaton_run = &scratch->automaton_run;
	u32 profile = automaton_run->profile, number = automaton_run->state;
	struct snug_state *state;
	void *automaton;

	automaton = bpf_map_lookup_elem(&automata, &profile);
	if (!automaton)
		return 1;
	state = bpf_map_lookup_elem(automaton, &number);
	if (!state)
		return 1;
	if (automaton_run->at == automaton_run->between) {
		automaton_run->between = ~0u;
		automaton_run->state = state->next[0];
		return !automaton_run->state;
	}
	if (automaton_run->at >= automaton_run->end) {
		automaton_run->accept = state->accept;
		return 1;
	}
	automaton_run->state = state->next[*EVENT_TEXT(scratch, automaton_run->at)];
	automaton_run->at++;
	return !automaton_run->state;
}

LOOP_STEP(run_step)

/*
 * The accepting set that the text from `at` to `end` leads to; 0: no pattern takes it. Two paths
 * are read with a NUL `between` them, where the second begins.
 */
static __always_inline u32 run_automaton_in(struct scratch *scratch, u32 profile, u32 at,
					    u32 between, u32 end)
{
	struct automaton_run *automaton_run = &scratch->automaton_run;

	automaton_run->at = at;
	automaton_run->between = between;
	automaton_run->end = end;
	automaton_run->state = 1;
	automaton_run->accept = 0;
	automaton_run->profile = profile;
	LOOP(SNUG_TEXT_MAX + 2, run_step, scratch);
	return automaton_run->accept;
}

SCRATCH_FUNCTION(u32, run_automaton, AND(u32 profile, u32 at, u32 between, u32 end),
		 AND(profile, at, between, end))

#endif
