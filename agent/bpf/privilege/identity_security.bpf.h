/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of user and group, before they apply. */
#ifndef SNUG_IDENTITY_SECURITY_H
#define SNUG_IDENTITY_SECURITY_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "lib/security.bpf.h"
#include "privilege/identity.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

static __always_inline int on_ids(const struct cred *fresh, u32 stop)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	u32 uid, gid;

	if (!state || was_judged(state, (u64)fresh, stop))
		return 0;
	uid = uid_inside(state, fresh->euid.val);
	gid = gid_inside(state, fresh->egid.val);
	if (uid == state->uid && gid == state->gid)
		return 0;
	/* The task has its old credentials until the call ends. */
	note_held_root(state, READ(UNTRUSTED(task), cred));
	if (!report_identity(state, task, uid, gid, stop, 0))
		return REFUSE_IF(true);
	note_judged(state, (u64)fresh);
	return 0;
}

/* Why this hook: all set*uid calls pass it with the new credentials, before these apply. */
SEC("lsm/task_fix_setuid")
int BPF_PROG(lsm_setuid, struct cred *fresh, const struct cred *old, int flags)
{
	return on_ids(fresh, SNUG_REFUSED);
}
CATCH(setuid, on_ids(AS(struct cred, FIRST), SNUG_KILLED))

/* Why this hook: the same for set*gid, since Linux 5.9. */
SEC("lsm/task_fix_setgid")
int BPF_PROG(lsm_setgid, struct cred *fresh, const struct cred *old, int flags)
{
	return on_ids(fresh, SNUG_REFUSED);
}
CATCH(setgid, on_ids(AS(struct cred, FIRST), SNUG_KILLED))

#endif
