// SPDX-License-Identifier: Apache-2.0
/*
 * Reports to the daemon: records in the order in which they happened, counts of what stayed in the
 * kernel, losses, and checkpoints for the daemon to acknowledge.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "abi.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/container.h"
#include "sensor/frame.h"
#include "sensor/hold.h"
#include "sensor/left_out.h"
#include "sensor/log.h"
#include "sensor/loss.h"
#include "sensor/object.h"
#include "sensor/paths.h"
#include "sensor/report.h"
#include "sensor/ring.h"
#include "sensor/slot.h"
#include "sensor/version.h"

static struct snug_counters last;
static __u64 last_heartbeat;
static bool stale;	    /* a scope changed or a container ended: its counts can go */
static bool unacknowledged; /* something was reported since the last checkpoint */

void mark_counts_stale(void)
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
	sum.received += agent->pinned->left_out;
	sum.dropped[SNUG_DROP_LEFT_OUT] += agent->pinned->left_out;
	return sum;
}

/* Events of the self-test are not passed on. */
static void forward_record(struct agent *agent, const struct snug_head *head, size_t size)
{
	const struct snug_container *container = (const void *)head;
	const struct snug_count_update *update = (const void *)head;
	const struct snug_event *event = (const void *)head;
	__u32 slot;

	switch (head->type) {
	case SNUG_CONTAINER:
		container_new(agent, container->slot);
		break;
	case SNUG_CONTAINER_END:
		container_end(agent, container->slot, container->container, container->time);
		break;
	case SNUG_EVENT:
		if (container_hidden(agent, event->container, event->slot)) {
			agent->pinned->hidden++;
			break;
		}
		report_container(agent, event->container, event->slot);
		report_names(agent, event);
		send_bytes(head, size);
		break;
	case SNUG_COUNT_UPDATE:
		slot = container_slot(agent, update->container);
		if (container_hidden(agent, update->container, slot)) {
			agent->pinned->hidden_counts += update->count;
			break;
		}
		report_container(agent, update->container, slot);
		send_bytes(head, size);
		break;
	}
}

static size_t forward_answers(struct agent *agent, __u64 until)
{
	const struct snug_answer *answer;
	size_t count = 0;

	while ((answer = (const void *)ring_next_answer(until))) {
		if (!container_hidden(agent, answer->container, answer->slot)) {
			report_container(agent, answer->container, answer->slot);
			send_bytes(answer, answer->head.size + sizeof(answer->head));
		}
		ring_consume();
		if (++count % 64 == 0)
			rings_make_room();
	}
	return count;
}

/*
 * An answer is on its ring before a program can read it. So the answers that lead to a connection
 * are there once its event is.
 */
size_t report_records(struct agent *agent)
{
	const struct snug_head *head;
	size_t size, count = 0;

	while ((head = ring_next(&size))) {
		size_t answers = forward_answers(agent, record_time(head));

		if (answers)
			head = ring_next(&size);
		count += answers;
		forward_record(agent, head, size);
		ring_consume();
		if (++count % 64 == 0)
			rings_make_room();
	}
	count += forward_answers(agent, ring_settled());
	unacknowledged |= count > 0;
	return count;
}

/* A daemon that does not acknowledge has what was written. */
void report_checkpoint(struct agent *agent)
{
	struct snug_checkpoint frame = { .state = agent->pinned->id,
					 .number = agent->pinned->checkpoint + 1 };
	__u64 positions[RINGS_MAX + 1];
	size_t count = rings_positions(positions);

	if (!unacknowledged)
		return;
	agent->pinned->checkpoint++;
	unacknowledged = false;
	if (agent->acks) {
		send_frame(&frame, SNUG_CHECKPOINT, sizeof(frame), positions,
			   count * sizeof(*positions));
		rings_make_room();
		return;
	}
	rings_release(positions, count);
	container_ends_acked(agent, agent->pinned->checkpoint);
	losses_acked(agent, agent->pinned->checkpoint);
}

/* It may still be of a state before this one: then it is of no use. */
void handle_ack(struct agent *agent, const struct snug_checkpoint *command, size_t size)
{
	if (command->state != agent->pinned->id || command->number > agent->pinned->checkpoint)
		return;
	rings_release((const __u64 *)(command + 1), (size - sizeof(*command)) / sizeof(__u64));
	container_ends_acked(agent, command->number);
	losses_acked(agent, command->number);
}

/*
 * With several rings the youngest records wait to be put in order: so do those who need all of
 * them.
 */
void report_all_records(struct agent *agent)
{
	report_records(agent);
	while (agent->rings > 1 && !rings_empty()) {
		usleep(500);
		report_records(agent);
	}
}

static bool run_flush(struct agent *agent)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct sensor *skel = agent->skel;

	if (!is_portable(agent))
		return !bpf_prog_test_run_opts(bpf_program__fd(skel->progs.flush_counts), &run);
	memset(&skel->bss_flushed->flushed, 0, sizeof(skel->bss_flushed->flushed));
	return run_on_elements(skel->progs.flush_element, skel->maps.seen);
}

/* The counts of what stayed in the kernel. A full ring only means another round. */
static void flush(struct agent *agent, bool all)
{
	agent->control->flush_all = all;
	for (int round = 0; round < 64; round++) {
		if (!run_flush(agent)) {
			log_line("cannot flush the counts: %s", strerror(errno));
			return;
		}
		report_all_records(agent);
		if (!agent->skel->bss_flushed->flushed.failed)
			break;
	}
	stale = false;
}

void report_container_ends(struct agent *agent)
{
	if (!container_ends_pending())
		return;
	flush(agent, false);
	container_ends_report(agent, agent->pinned->checkpoint + 1);
	unacknowledged = true;
	stale = true;
}

/* `all`: also the counts that can wait. */
void report_heartbeat(struct agent *agent, bool all)
{
	struct snug_stats frame = { .time = monotonic(), .wall_offset = wall_offset() };
	struct snug_counters now;

	agent->control->wall_offset = frame.wall_offset;
	refresh_holding(agent);
	note_left_out(agent);
	now = sum_counters(agent);
	if (all || stale || now.filtered != last.filtered)
		flush(agent, all);
	if (agent->control->containers_lost) {
		agent->control->containers_lost = 0;
		containers_reconcile(agent);
	}
	report_disarmed(agent);
	unacknowledged |= report_losses(agent, &now, last_heartbeat, frame.time,
					agent->pinned->checkpoint + 1);
	frame.received = now.received - agent->pinned->hidden - agent->pinned->hidden_counts;
	frame.emitted = now.emitted - agent->pinned->hidden;
	frame.filtered = now.filtered - agent->pinned->hidden_counts;
	memcpy(frame.dropped, now.dropped, sizeof(frame.dropped));
	frame.unfiltered = now.unfiltered;
	frame.unnamed = now.unnamed;
	send_frame(&frame, SNUG_STATS, sizeof(frame), NULL, 0);
	last = now;
	last_heartbeat = frame.time;
	agent->pinned->last_heartbeat = frame.time;
}

/* Whether a second has passed since the last beat. */
bool heartbeat_due(void)
{
	return monotonic() - last_heartbeat >= NS;
}

/* Milliseconds until the next beat. */
int ms_until_heartbeat(void)
{
	__u64 since = monotonic() - last_heartbeat;

	return since < NS ? (NS - since) / 1000000 + 1 : 0;
}

/* `last_heartbeat`: of this state, where an earlier sensor had it. */
void start_heartbeats(struct agent *agent, __u64 received_at)
{
	if (agent->taken_over)
		last = sum_counters(agent);
	last_heartbeat = received_at;
}
