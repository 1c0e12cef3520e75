/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capabilities, and the calls that are refused where they ask for one. */
#ifndef SNUG_CAPABILITY_SECURITY_H
#define SNUG_CAPABILITY_SECURITY_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "lib/security.bpf.h"
#include "privilege/capability.bpf.h"
#include "privilege/sensitive_security.bpf.h"
#include "shared.h"

/* The kernel asks on its own, and a refusal takes nothing from the process that it asked for. */
#define CAP_OPT_NOAUDIT 2
#define USER_NAMESPACES 33 /* nested, with the first one */

/*
 * Whether the kernel grants the capability in the user namespace `target`. By fmod_ret its own
 * rules come later, and a check that it refuses is no use of a capability.
 */
static __always_inline bool is_granted(const struct cred *cred, const struct user_namespace *target,
				       int capability)
{
	const struct user_namespace *own = cred->user_ns;
	u64 capabilities = 0;

	for (int i = 0; i < USER_NAMESPACES; i++) {
		if ((u64)target == (u64)own) {
			bpf_probe_read_kernel(&capabilities, sizeof(capabilities),
					      &cred->cap_effective);
			return capabilities >> (capability & 63) & 1;
		}
		if (target->level <= own->level)
			return false;
		/* Who made a namespace has all capabilities in it. */
		if ((u64)target->parent == (u64)own && target->owner.val == cred->euid.val)
			return true;
		target = target->parent;
	}
	return false;
}

/* Not inlined: its verdict would be on the stack of the call's. */
static __noinline bool may_use(const struct cred *cred, int capability)
{
	return check_capability(cred, capability, SNUG_REFUSED, NEWER_FIRST);
}

/*
 * Why this hook: it comes before the capability is used. Checks that the kernel makes on its own
 * grant nothing that the process asked for. The calls that are judged here have no separate hook,
 * and ask for a capability before they have an effect.
 */
SEC("lsm/capable")
int BPF_PROG(lsm_capable, const struct cred *cred, struct user_namespace *target, int capability,
	     unsigned int options)
{
	if (options & CAP_OPT_NOAUDIT || !is_granted(cred, target, capability))
		return 0;
	if (!may_use(cred, capability))
		return REFUSE_IF(true);
	return on_sensitive_hook(CALL_BIT(UNSHARE) | CALL_BIT(SETNS) | CALL_BIT(FSOPEN) |
				 CALL_BIT(OPEN_TREE) | CALL_BIT(DELETE_MODULE) | CALL_BIT(FSPICK) |
				 CALL_BIT(FSMOUNT) | CALL_BIT(MOUNT_SETATTR) |
				 CALL_BIT(FANOTIFY_INIT));
}

#endif
