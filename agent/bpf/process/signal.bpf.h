/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Signals between processes of different programs: the receiver counts, not the signal. Signals to
 * the process itself and to its descendants are not reported.
 */
#ifndef SNUG_SIGNAL_H
#define SNUG_SIGNAL_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/generation.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

#define SIGNAL_NO_INFO 0 /* as of SI_USER: every kill(2) since Linux 7 */
#define SIGNAL_KERNEL 1	 /* no address either: the kernel itself sends */
#define SI_USER 0
#define SI_QUEUE -1
#define SI_TKILL -6
#define GENERATIONS_MAX 16

/*
 * Not where the kernel sends it: a child that ended, a timer, a broken pipe. The death of a parent
 * is sent as if by the parent. `argument`: of the hook. It is read as a number: newer verifiers
 * take it for an address that is never 0.
 */
static __always_inline bool is_sent(const struct task_struct *sender, const u64 *argument)
{
	u64 info = SIGNAL_KERNEL;
	s32 code = 0;

	bpf_probe_read_kernel(&info, sizeof(info), argument);
	if (info == SIGNAL_NO_INFO)
		return !(READ(sender, flags) & PF_EXITING);
	if (info == SIGNAL_KERNEL ||
	    bpf_probe_read_kernel(
		    &code, sizeof(code),
		    (void *)(info + bpf_core_field_offset(struct kernel_siginfo, si_code))))
		return false;
	return code == SI_USER || code == SI_QUEUE || code == SI_TKILL;
}

static __always_inline bool is_descendant(struct task_struct *task, u32 from)
{
	u64 at = (u64)task;

	for (int i = 0; i < GENERATIONS_MAX; i++) {
		if (FIELD_AT(struct task_struct, at, tgid) == from)
			return true;
		at = (u64)FIELD_AT(struct task_struct, at, real_parent);
		if (!at)
			break;
	}
	return false;
}

/* True where it must not be sent. */
static __always_inline bool report_signal(struct scratch *scratch, struct snug_task *state,
					  struct task_struct *target, u32 stop)
{
	struct sensitive sensitive = { .id = SNUG_CALL_KILL, .at = SNUG_TEXT_MAX, .stop = stop };
	struct snug_task *its = find_state(target);
	struct snug_name_text *name = its ? bpf_map_lookup_elem(&names, &its->exe) : 0;
	u32 size;

	if (name) {
		size = name->size;
		if (size > SNUG_NAME_MAX)
			size = SNUG_NAME_MAX;
		bpf_probe_read_kernel(scratch->string, size, name->text);
		sensitive.at = prepend_string(scratch, SNUG_TEXT_MAX, size);
	}
	return report_sensitive(scratch, bpf_get_current_task_btf(), state, &sensitive);
}

/*
 * Why this hook: it has sender and receiver as the kernel resolved them, for kill, tgkill and
 * pidfd_send_signal alike.
 */
SEC("tp_btf/signal_generate")
int on_signal(u64 *context)
{
	struct task_struct *sender = bpf_get_current_task_btf(), *target = (void *)context[2];
	struct snug_task *state = state_of(sender);
	struct scratch *scratch;

	if (!state || !is_sent(sender, &context[1]) || is_descendant(target, READ(sender, tgid)) ||
	    !is_acting_generation(state, OLDER_FIRST))
		return 0;
	scratch = scratch_of(SCRATCH_SIGNAL);
	/* By now it is on its way. */
	if (scratch)
		report_signal(scratch, state, target, SNUG_MISSED);
	return 0;
}

#endif
