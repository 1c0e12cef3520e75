/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flush of counts: a program that the sensor runs, so that user space never copies the table of
 * counted events.
 */
#ifndef SNUG_FLUSH_H
#define SNUG_FLUSH_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "shared.h"

static long flush_entry(struct bpf_map *map, u64 *key, struct snug_seen *one,
			struct snug_flush *flush)
{
	struct snug_count_update *record;
	struct snug_slot *slot;
	u64 count = one->count, behaviour = one->key;
	u32 number = one->slot;
	void *ring;
	bool lives;

	slot = bpf_map_lookup_elem(&slots, &number);
	lives = slot && slot->container == one->container && salt_of(slot) == one->salt;
	if (count != one->reported && !one->resend) {
		/*
		 * A known behaviour that was reported for this container can wait: only its count
		 * rises.
		 */
		if (lives && slot->state == SNUG_SLOT_LIVE && one->reported && !control.flush_all &&
		    (one->tags[0] || bpf_map_lookup_elem(&known, &behaviour)))
			return 0;
		ring = this_ring();
		record = ring ? bpf_ringbuf_reserve(ring, sizeof(*record), 0) : 0;
		if (!record) {
			/*
			 * Not lost: this entry and the rest of the table are reported in the next
			 * round.
			 */
			flush->failed++;
			return 1;
		}
		fill_head(&record->head, SNUG_COUNT_UPDATE, sizeof(*record));
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
	if (!bpf_map_delete_elem(&seen, key) && slot && slot->container == one->container)
		count_entry(slot, -1);
	flush->removed++;
	return 0;
}

static long count_written(struct bpf_map *map, u64 *key, u64 *layer, void *nothing)
{
	return 0;
}

/*
 * One record for the whole layer instead of one for each file. A container that runs keeps those of
 * its own: they have a bound, and a program that it runs again would be drift.
 */
static long join_written(struct bpf_map *map, u64 *key, u64 *layer, void *nothing)
{
	struct snug_layer *of = bpf_map_lookup_elem(&layers, layer);
	struct snug_slot *slot = of ? bpf_map_lookup_elem(&slots, &of->slot) : 0;

	if (slot && slot->layer == *layer && slot->state == SNUG_SLOT_LIVE)
		return 0;
	if (of)
		of->untrusted = 1;
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
	if (control.flush_all &&
	    bpf_for_each_map_elem(&written, count_written, 0, 0) > SNUG_WRITTEN / 2)
		bpf_for_each_map_elem(&written, join_written, 0, 0);
	flushed = flush;
	return 0;
}

/* The same where no program can go through a map by itself (before Linux 5.13): for each element.
 */
SEC("iter/bpf_map_elem")
int flush_element(struct bpf_iter__bpf_map_elem *context)
{
	struct snug_seen *one = context->value;
	u64 *found = context->key, key;

	if (!found || !one || flushed.failed)
		return 0;
	key = *found;
	flush_entry(0, &key, one, &flushed);
	return 0;
}

#endif
