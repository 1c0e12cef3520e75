// SPDX-License-Identifier: Apache-2.0
/*
 * What goes up: records in the order in which they happened, the counts of what stayed in the kernel, losses, and marks
 * up to which the daemon may say that it has taken it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "sensor/sensor.h"

static struct snug_counters last;
static __u64 last_beat;
static bool stale;		/* a scope changed or a container ended: its counts can go */
static bool unmarked;		/* something was told since the last mark */

void counts_are_stale(void)
{
	stale = true;
}

static struct snug_counters sum_counters(struct agent *agent)
{
	struct snug_counters each[agent->cpus], sum = {};
	__u32 key = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(agent->skel->maps.counters), &key, each))
		return last;
	for (int cpu = 0; cpu < agent->cpus; cpu++) {
		const __u64 *from = (const __u64 *)&each[cpu];
		__u64 *to = (__u64 *)&sum;

		for (size_t i = 0; i < sizeof(sum) / sizeof(*to); i++)
			to[i] += from[i];
	}
	return sum;
}

/* An act of the sensor's own trial is nobody else's business. */
static void pass_on(struct agent *agent, const struct snug_head *head, size_t size)
{
	const struct snug_container *container = (const void *)head;
	const struct snug_sighting *sighting = (const void *)head;
	const struct snug_act *act = (const void *)head;
	__u32 slot;

	switch (head->type) {
	case SNUG_CONTAINER:
		container_new(agent, container->slot);
		break;
	case SNUG_CONTAINER_END:
		container_end(agent, container->slot, container->container, container->time);
		break;
	case SNUG_ACT:
		if (container_hidden(agent, act->container, act->slot)) {
			agent->memory->hidden++;
			break;
		}
		container_told(agent, act->container, act->slot);
		names_told(agent, act);
		send_bytes(head, size);
		break;
	case SNUG_SIGHTING:
		slot = container_slot(agent, sighting->container);
		if (container_hidden(agent, sighting->container, slot)) {
			agent->memory->hidden_counts += sighting->count;
			break;
		}
		container_told(agent, sighting->container, slot);
		send_bytes(head, size);
		break;
	}
}

size_t tell_records(struct agent *agent)
{
	const struct snug_head *head;
	size_t size, count = 0;

	while ((head = ring_next(&size))) {
		pass_on(agent, head, size);
		ring_done();
		if (++count % 64 == 0)
			rings_relieve();
	}
	unmarked |= count > 0;
	return count;
}

/* Who does not say what it has taken has taken what was written. */
void tell_mark(struct agent *agent)
{
	struct snug_mark frame = { .state = agent->memory->name, .number = agent->memory->mark + 1 };
	__u64 positions[256];
	size_t count = rings_positions(positions);

	if (!unmarked)
		return;
	agent->memory->mark++;
	unmarked = false;
	if (agent->marks) {
		send_frame(&frame, SNUG_MARK, sizeof(frame), positions, count * sizeof(*positions));
		rings_relieve();
		return;
	}
	rings_let_go(positions, count);
	ends_taken(agent, agent->memory->mark);
	losses_taken(agent, agent->memory->mark);
}

/* It may still be of a state before this one: then it is of no use. */
void mark_taken(struct agent *agent, const struct snug_mark *command, size_t size)
{
	if (command->state != agent->memory->name || command->number > agent->memory->mark)
		return;
	rings_let_go((const __u64 *)(command + 1), (size - sizeof(*command)) / sizeof(__u64));
	ends_taken(agent, command->number);
	losses_taken(agent, command->number);
}

/* With several rings the youngest records wait to be put in order: so do those who need all of them. */
void tell_all_records(struct agent *agent)
{
	tell_records(agent);
	while (agent->rings > 1 && !rings_empty()) {
		usleep(500);
		tell_records(agent);
	}
}

/* The counts of what stayed in the kernel. A full ring only means another round. */
static void flush(struct agent *agent, bool all)
{
	int fd = bpf_program__fd(agent->skel->progs.flush_counts);

	agent->control->tell_known = all;
	for (int round = 0; round < 64; round++) {
		LIBBPF_OPTS(bpf_test_run_opts, run);

		if (bpf_prog_test_run_opts(fd, &run)) {
			say("cannot flush the counts: %s", strerror(errno));
			return;
		}
		tell_all_records(agent);
		if (!agent->skel->bss_flushed->flushed.failed)
			break;
	}
	stale = false;
}

void tell_ends(struct agent *agent)
{
	if (!ends_pending())
		return;
	flush(agent, false);
	ends_tell(agent, agent->memory->mark + 1);
	unmarked = true;
	stale = true;
}

/* `all`: also the counts that can wait. */
void tell_beat(struct agent *agent, bool all)
{
	struct snug_counters now = sum_counters(agent);
	struct snug_stats frame = { .time = monotonic(), .wall_offset = wall_offset() };

	if (all || stale || now.filtered != last.filtered)
		flush(agent, all);
	if (agent->control->unheard) {
		agent->control->unheard = 0;
		containers_reconcile(agent);
	}
	disarmed_tell(agent);
	unmarked |= losses(agent, &now, last_beat, frame.time, agent->memory->mark + 1);
	frame.received = now.received - agent->memory->hidden - agent->memory->hidden_counts;
	frame.emitted = now.emitted - agent->memory->hidden;
	frame.filtered = now.filtered - agent->memory->hidden_counts;
	memcpy(frame.dropped, now.dropped, sizeof(frame.dropped));
	frame.unfiltered = now.unfiltered;
	frame.unnamed = now.unnamed;
	send_frame(&frame, SNUG_STATS, sizeof(frame), NULL, 0);
	last = now;
	last_beat = frame.time;
	agent->memory->heard = frame.time;
}

/* Whether a second has passed since the last beat. */
bool beat_due(void)
{
	return monotonic() - last_beat >= NS;
}

/* Milliseconds until the next beat. */
int until_beat(void)
{
	__u64 since = monotonic() - last_beat;

	return since < NS ? (NS - since) / 1000000 + 1 : 0;
}

/* `heard`: when the daemon last heard of this state, if there was one before. */
void tell_from(struct agent *agent, __u64 heard)
{
	if (agent->kept)
		last = sum_counters(agent);
	last_beat = heard;
}
