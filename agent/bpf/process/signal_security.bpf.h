/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Signals to other programs' processes, refused before they are sent. */
#ifndef SNUG_SIGNAL_SECURITY_H
#define SNUG_SIGNAL_SECURITY_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/security.bpf.h"
#include "process/signal.bpf.h"
#include "shared.h"

/*
 * Why this hook: the one check that all calls that send a signal pass, before the signal is queued.
 */
SEC("lsm/task_kill")
int lsm_kill(u64 *context)
{
	struct task_struct *sender = bpf_get_current_task_btf(), *target = (void *)context[0];
	struct snug_task *state = acting_state(sender);
	s32 number = context[2];
	struct lsm_scratch *lsm_scratch;
	bool refused;
	u32 depth;

	if (!state || !number || !is_sent(sender, &context[1]) ||
	    is_descendant(target, READ(sender, tgid)))
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_SYSCALL));
	refused = report_signal(&lsm_scratch->scratch, state, target, SNUG_REFUSED);
	release_scratch(depth);
	return REFUSE_IF(refused);
}

#endif
