// SPDX-License-Identifier: Apache-2.0
/* Commands of the daemon. */
#include <stdlib.h>
#include "abi.h"
#include "sensor/agent.h"
#include "sensor/answered.h"
#include "sensor/assign.h"
#include "sensor/clock.h"
#include "sensor/commands.h"
#include "sensor/frame.h"
#include "sensor/install.h"
#include "sensor/known.h"
#include "sensor/log.h"
#include "sensor/report.h"
#include "sensor/scan.h"
#include "sensor/version.h"

/* An engine reports containers with some delay: those of the last state are assigned by then. */
#define SETTLED_AFTER (10 * NS)

static __u64 settled_at; /* 0: the daemon has not sent all of it yet */

bool catch_up_settled(void)
{
	return settled_at && monotonic() >= settled_at;
}

void handle_command(const struct snug_head *head, void *context)
{
	struct agent *agent = context;
	size_t size = head->size + sizeof(*head);
	struct snug_runs runs;
	struct snug_ping pong;

	switch (head->type) {
	case SNUG_ASSIGN:
		if (size < sizeof(struct snug_assign) ||
		    !assign_container(agent, (const void *)head, size))
			break;
		mark_counts_stale();
		return;
	case SNUG_PROFILE:
		if (size != sizeof(struct snug_profile))
			break;
		install_begin(agent, (const void *)head);
		mark_counts_stale();
		return;
	case SNUG_RULES:
		if (size < sizeof(struct snug_rules) ||
		    !install_rules(agent, (const void *)head, size))
			break;
		return;
	case SNUG_STATES:
		if (size < sizeof(struct snug_states) ||
		    !install_states(agent, (const void *)head, size))
			break;
		return;
	case SNUG_PREFIXES:
		if (size < sizeof(struct snug_prefixes) ||
		    !install_prefixes(agent, (const void *)head, size))
			break;
		return;
	case SNUG_PROFILE_END:
		if (size != sizeof(struct snug_profile_end))
			break;
		install_end(agent, (const void *)head);
		mark_counts_stale();
		return;
	case SNUG_ENFORCE:
		if (size != sizeof(struct snug_enforce))
			break;
		set_enforcement(agent, (const void *)head);
		mark_counts_stale();
		return;
	case SNUG_PEER:
		if (size < sizeof(struct snug_peer) || !name_peer(agent, (const void *)head, size))
			break;
		return;
	case SNUG_RESOLVE:
		if (size != sizeof(struct snug_resolve) ||
		    !set_resolvers(agent, (const void *)head))
			break;
		return;
	case SNUG_ANSWERED:
		if (size < sizeof(struct snug_answered_name) ||
		    !add_answered(agent, (const void *)head, size))
			break;
		return;
	case SNUG_FAIL_CLOSED:
		if (size != sizeof(struct snug_fail_closed))
			break;
		agent->control->fail_closed = ((const struct snug_fail_closed *)head)->on;
		return;
	case SNUG_KNOWN:
		if (size < sizeof(struct snug_known))
			break;
		add_known(agent, (const void *)head);
		return;
	case SNUG_FILTER:
		if (size != sizeof(struct snug_filter))
			break;
		agent->control->filter = ((const struct snug_filter *)head)->mode;
		return;
	case SNUG_FLUSH:
		report_all_records(agent);
		report_heartbeat(agent, true);
		return;
	case SNUG_RUNS_STILL:
		if (size != sizeof(struct snug_runs))
			break;
		runs = *(const struct snug_runs *)head;
		runs.runs = runs_still(agent, runs.pid, runs.executed);
		send_frame(&runs, SNUG_RUNS, sizeof(runs), NULL, 0);
		return;
	case SNUG_PING:
		if (size != sizeof(struct snug_ping))
			break;
		/*
		 * INVARIANT: everything that happened before the ping is reported before the pong,
		 * and has a checkpoint, since the daemon takes nothing without one.
		 */
		report_all_records(agent);
		report_container_ends(agent);
		report_checkpoint(agent);
		pong = *(const struct snug_ping *)head;
		send_frame(&pong, SNUG_PONG, sizeof(pong), NULL, 0);
		if (!settled_at)
			settled_at = monotonic() + SETTLED_AFTER;
		return;
	case SNUG_ACK:
		if (size < sizeof(struct snug_checkpoint))
			break;
		handle_ack(agent, (const void *)head, size);
		return;
	}
	log_line("the daemon sent an invalid command: type %u, %zu bytes", head->type, size);
	exit(2);
}
