/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether an opened file is where it was when it was opened before, without a walk.
 *
 * The file's dentry, mount and inode are its place as long as nothing of these three comes about:
 *
 *	a name or a parent changes		the kernel counts that in `rename_lock`
 *	a mount is added, moved or taken off	in `mount_lock`
 *	the memory of one of them is used for another: not before an RCU grace period that began
 *	after its last use, and the kernel counts these as they begin
 *
 * The stamp is the sum of these counts, which only grow. So there is no event that has to be caught
 * for this, and nobody who can change a place unseen. The actor, the container and the profile are
 * part of a place's key.
 */
#ifndef SNUG_PLACE_H
#define SNUG_PLACE_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "lib/field.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/drift.bpf.h"
#include "shared.h"

/*
 * How many grace periods have begun. The lowest two bits of the kernel's number are 0 while none is
 * under way. The field is too far behind the address for the offset of an instruction.
 */
#define RCU_BEGUN(rcu, field) \
	((load_word((rcu) + bpf_core_field_offset(struct rcu_state, field)) + 3) >> 2)

/* 0: names or mounts change right now, or the kernel does not show it. */
static __always_inline u64 place_stamp(void)
{
	u64 rcu = kernel_variables[SNUG_RCU_STATE];
	u64 renames, mounts;

	if (!rcu)
		return 0;
	renames = FIELD_AT(struct seqcount, kernel_variables[SNUG_RENAME_LOCK], sequence);
	mounts = FIELD_AT(struct seqcount, kernel_variables[SNUG_MOUNT_LOCK], sequence);
	/* Odd: a change is under way. */
	if ((renames | mounts) & 1)
		return 0;
	return renames + mounts + RCU_BEGUN(rcu, gp_seq) + RCU_BEGUN(rcu, expedited_sequence);
}

/* A pointer as a number: the verifier lets nobody calculate with one. */
#define POINTER_IN(file, field) load_word((u64)(file) + bpf_core_field_offset(struct file, field))

/*
 * Addresses are of multiples of 8, so their low bits have room. The multipliers are secret, and
 * what is added is a keyed hash.
 */
static __always_inline u64 place_key(const struct snug_task *state, const struct file *file,
				     u32 access, u64 salt)
{
	u64 dentry = POINTER_IN(file, f_path.dentry), mount = POINTER_IN(file, f_path.mnt);
	u64 inode = POINTER_IN(file, f_inode);
	bool upper = access == SNUG_READ && upper_of(inode);

	return (dentry + upper) * keys.a + mount * keys.b + (inode + access) * keys.c +
	       state->base + salt;
}

static __always_inline struct snug_patterned *reopened_at(u64 key)
{
	u32 at = key >> (64 - SNUG_REOPENED_BITS);

	return bpf_map_lookup_elem(&reopened, &at);
}

/* Counts the open of a file that was opened before, and is no deviation. */
static __always_inline bool count_reopened(const struct place *place)
{
	const volatile struct snug_patterned *entry = reopened_at(place->key);
	struct snug_counters *counts = this_counters();
	struct snug_seen *seen_here;
	u64 key;

	if (!entry || !counts)
		return false;
	key = entry->seen_key;
	if ((entry->check ^ key) != place->key + place->stamp)
		return false;
	seen_here = bpf_map_lookup_elem(&seen, &key);
	if (!seen_here || seen_here->deviates || seen_here->resend)
		return false;
	__sync_fetch_and_add(&seen_here->count, 1);
	counts->received++;
	counts->filtered++;
	return true;
}

/* After its walk, for the next open. */
static __always_inline void note_reopened(const struct scratch *scratch,
					  const struct verdict *verdict)
{
	const struct place *place = &scratch->opened.place;
	volatile struct snug_patterned *entry;

	if (!place->key || verdict->deviates || scratch->walk.end == WALK_ALONE ||
	    place_stamp() != place->stamp)
		return;
	entry = reopened_at(place->key);
	if (!entry)
		return;
	entry->check = (place->key + place->stamp) ^ verdict->seen_key;
	entry->seen_key = verdict->seen_key;
}

#endif
