// SPDX-License-Identifier: Apache-2.0
/* The names that events refer to: the daemon gets each once, before the first event with it. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "abi.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/frame.h"
#include "sensor/paths.h"

/*
 * Fewer than the kernel's table and the daemon's hold: a name that is dropped here is sent again
 * when it is needed.
 */
#define NAMES_REPORTED 6144
#define BUCKETS 16384

static __u64 reported_names[NAMES_REPORTED];
static size_t reported_next;
static __u64 buckets[BUCKETS];

static size_t bucket_of(__u64 hash)
{
	size_t at = hash & (BUCKETS - 1);

	while (buckets[at] && buckets[at] != hash)
		at = (at + 1) & (BUCKETS - 1);
	return at;
}

/* Linear probing without tombstones: entries behind a hole are inserted again. */
static void bucket_remove(__u64 hash)
{
	size_t at = bucket_of(hash);

	if (!buckets[at])
		return;
	buckets[at] = 0;
	for (at = (at + 1) & (BUCKETS - 1); buckets[at]; at = (at + 1) & (BUCKETS - 1)) {
		__u64 moved = buckets[at];

		buckets[at] = 0;
		buckets[bucket_of(moved)] = moved;
	}
}

static void report_name(struct agent *agent, __u64 hash)
{
	int fd = bpf_map__fd(agent->skel->maps.names);
	struct snug_name_text text;
	struct snug_name frame = { .hash = hash };

	if (!hash || buckets[bucket_of(hash)] || bpf_map_lookup_elem(fd, &hash, &text))
		return;
	frame.cut = text.cut;
	send_frame(&frame, SNUG_NAME, sizeof(frame), text.text,
		   text.size < sizeof(text.text) ? text.size : sizeof(text.text));
	if (reported_names[reported_next]) {
		bpf_map_delete_elem(fd, &reported_names[reported_next]);
		bucket_remove(reported_names[reported_next]);
	}
	reported_names[reported_next] = hash;
	reported_next = (reported_next + 1) % NAMES_REPORTED;
	buckets[bucket_of(hash)] = hash;
}

/*
 * Names that an earlier sensor left: sent again when they are needed, and removed like the others.
 */
void names_takeover(struct agent *agent)
{
	int fd = bpf_map__fd(agent->skel->maps.names);
	__u64 hash, *before = NULL;

	while (reported_next < NAMES_REPORTED - 1 && !bpf_map_get_next_key(fd, before, &hash)) {
		reported_names[reported_next++] = hash;
		before = &reported_names[reported_next - 1];
	}
}

void report_names(struct agent *agent, const struct snug_event *event)
{
	report_name(agent, event->exe);
	report_name(agent, event->script);
	for (int i = 0; i < SNUG_ANCESTORS; i++)
		report_name(agent, event->ancestors[i]);
}
