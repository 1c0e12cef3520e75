/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The judge's part for files: which rules allow an access to a path, literally or by a pattern. */
#ifndef SNUG_JUDGE_FILE_H
#define SNUG_JUDGE_FILE_H

#include "lib/kernel.h"
#include "abi.h"
#include "hash.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "rule_key.h"
#include "shared.h"

static __always_inline u64 file_object(u32 access, u32 flags, u64 path)
{
	return SNUG_MIX(keys, (u64)SNUG_FILE | access << 8 | (u64)flags << 32, path);
}

static __always_inline u8 holds_of_access(u32 access)
{
	return access & ~SNUG_READ ? SNUG_HOLD_CHANGES : 0;
}

/*
 * Makes the caller's strings canonical. A truncated path, of which only the tail is kept, stays as
 * it is.
 */
CHECKED_ONCE int canonical_paths(struct scratch *scratch, struct paths *paths, u32 flags)
{
	u32 end;

	if (!scratch || !paths)
		return 0;
	end = paths->to_at;
	paths->cut = flags & (SNUG_CUT | SNUG_TO_CUT);
	if (flags & SNUG_TO_CUT) {
		paths->to = hash_cut(scratch, end, SNUG_TEXT_MAX);
	} else if (end != SNUG_TEXT_MAX) {
		paths->to_at = canonical_path(scratch, end, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
		paths->to = scratch->canonical.hash;
	}
	if (flags & SNUG_CUT) {
		paths->path = hash_cut(scratch, paths->at, end);
		paths->to_at = end;
	} else {
		paths->at = canonical_path(scratch, paths->at, end, paths->to_at);
		paths->path = scratch->canonical.hash;
	}
	return 0;
}

/* The rule for one access, by the literal path, or for what patterns take it: `set`. */
static __always_inline u32 lookup_access(const struct snug_task *state, struct ruling *ruling,
					 u32 access, const struct paths *paths, u32 set, u64 *tag)
{
	u64 what = paths->path;
	u32 found;

	if (access == SNUG_RENAME)
		what = SNUG_RULE_PAIR(keys, what, paths->to);
	found = lookup_rule(ruling, state->actor, SNUG_RULE_FILE(keys, access, what), tag);
	if (!found && access == SNUG_READ && paths->from_image)
		found = lookup_rule(ruling, state->actor,
				    SNUG_RULE_FILE(keys, SNUG_READ_SHIPPED, what), tag);
	if (found || !set)
		return found;
	found = lookup_rule(ruling, state->actor,
			    SNUG_RULE_FILE(keys, access, SNUG_RULE_SET(keys, set)), tag);
	if (found == RULE_ALLOW)
		ruling->by_rules = 1;
	return found;
}

/*
 * A process that may create a file and rename it may delete it: after a rename onto another file it
 * is gone too.
 */
static __always_inline u32 lookup_delete_by_rename(const struct snug_task *state,
						   struct ruling *ruling, const struct paths *paths,
						   u32 set, u64 *tag)
{
	u64 made_by;
	u32 made = lookup_access(state, ruling, SNUG_CREATE, paths, set, &made_by);

	if (!made)
		made = lookup_access(state, ruling, SNUG_WRITE, paths, set, &made_by);
	return made == RULE_ALLOW ?
		       lookup_access(state, ruling, SNUG_RENAME_SOURCE, paths, set, tag) :
		       RULE_NONE;
}

/* A write may have to create the file: that is not a second access. */
static __always_inline u32 rule_access(u32 access)
{
	return access & SNUG_WRITE ? access & ~SNUG_CREATE : access;
}

/* True where literal rules decide all of it, without the text. */
CHECKED_ONCE bool judge_literals(struct snug_task *state, struct ruling *ruling, u32 access,
				 struct paths *paths)
{
	u32 found, n = 0;

	if (!state || !ruling || !paths)
		return false;
	access = rule_access(access);
	for (u32 bit = SNUG_READ; bit <= SNUG_CREATE; bit <<= 1) {
		if (!(access & bit))
			continue;
		found = lookup_access(state, ruling, bit, paths, 0, &ruling->tags[n & 1]);
		if (found == RULE_NONE)
			return false;
		if (found == RULE_DENY)
			ruling->deviates = 1;
		n++;
	}
	return true;
}

/*
 * A hard link gives its file every right that the profile has for the new name. So it takes both
 * rights to the content: to read the file and to write it. What follows from the image's layers is
 * no right to the file: the new name is not in them.
 */
static __noinline bool may_link(const struct snug_task *state, struct ruling *ruling,
				const struct paths *paths, u32 set)
{
	struct paths linked = { .path = paths->to, .at = paths->to_at };

	for (u32 bit = SNUG_READ; bit <= SNUG_WRITE; bit <<= 1)
		if (lookup_access(state, ruling, bit, &linked, set, &ruling->tags[1]) != RULE_ALLOW)
			return false;
	return true;
}

/* What becomes of an access that no rule is about. `spared`: snug_spare. `set`: of the paths. */
static __noinline u32 unknown(const struct ruling *ruling, u32 spared, u32 access, u32 set)
{
	u64 object = SNUG_RULE_FILE(keys, access, SNUG_RULE_SET(keys, set)), tag;

	if (ruling->policy_state & SNUG_POLICY_SPARES(spared))
		return DEVIATES_UNSTOPPED;
	if (!spares_unguarded(ruling))
		return DEVIATES;
	return set && lookup_rule(ruling, keys.seed, object, &tag) ? DEVIATES : DEVIATES_UNSTOPPED;
}

/* All of the rules. What they allow by a pattern is counted by them. */
CHECKED_ONCE int judge_paths(struct scratch *scratch, struct snug_task *state,
			     struct ruling *ruling, u32 access, struct paths *paths)
{
	u64 tag, actor = keys.seed;
	/* `guarded`: also of files that the image ships, to which patterns do not apply. */
	u32 profile, guarded = 0, set, found, n = 0;
	bool fixed;

	if (!scratch || !state || !ruling || !paths)
		return 0;
	profile = SNUG_POLICY_PROFILE(ruling->policy_state);
	if (!profile)
		return 0;
	ruling->deviates = 0;
	fixed = paths->cut ||
		lookup_rule(ruling, actor, SNUG_RULE_SHIPPED(keys, paths->path), &tag) != RULE_NONE;
	if (!fixed || (!paths->cut && spares_unguarded(ruling)))
		guarded = run_automaton(scratch, profile, paths->at,
					access & SNUG_RENAME ? paths->to_at : ~0u,
					access & SNUG_RENAME ? SNUG_TEXT_MAX : paths->to_at);
	set = fixed ? 0 : guarded;
	access = rule_access(access);
	for (u32 bit = SNUG_READ; bit <= SNUG_RENAME; bit <<= 1) {
		if (!(access & bit))
			continue;
		found = lookup_access(state, ruling, bit, paths, set, &ruling->tags[n & 1]);
		if (!found && bit == SNUG_CREATE)
			found = lookup_access(state, ruling, SNUG_WRITE, paths, set,
					      &ruling->tags[n & 1]);
		if (!found && bit == SNUG_DELETE && !fixed)
			found = lookup_delete_by_rename(state, ruling, paths, set,
							&ruling->tags[n & 1]);
		if (found == RULE_DENY)
			ruling->deviates = DEVIATES;
		else if (!found && ruling->deviates != DEVIATES)
			ruling->deviates = unknown(ruling, paths->spared, bit, guarded);
		n++;
	}
	if (access & SNUG_SETATTR) {
		found = lookup_access(state, ruling, SNUG_SETATTR, paths, set, &ruling->tags[0]);
		if (found != RULE_ALLOW)
			ruling->deviates =
				found ? DEVIATES :
					unknown(ruling, SNUG_SPARES_SETATTR, SNUG_SETATTR, guarded);
	}
	if (access & SNUG_CREATE && paths->to_at < SNUG_TEXT_MAX) {
		fixed = paths->cut & SNUG_TO_CUT ||
			lookup_rule(ruling, actor, SNUG_RULE_SHIPPED(keys, paths->to), &tag) !=
				RULE_NONE;
		guarded = 0;
		if (!fixed || (!(paths->cut & SNUG_TO_CUT) && spares_unguarded(ruling)))
			guarded = run_automaton(scratch, profile, paths->to_at, ~0u, SNUG_TEXT_MAX);
		set = fixed ? 0 : guarded;
		if (ruling->deviates != DEVIATES && !may_link(state, ruling, paths, set))
			ruling->deviates = unknown(ruling, 0, SNUG_READ, guarded);
	}
	if (ruling->deviates)
		ruling->by_rules = 0;
	if (ruling->by_rules)
		count_by_rules(state, ruling);
	return 0;
}

#endif
