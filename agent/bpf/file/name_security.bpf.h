/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of files, by the paths that the kernel resolved. */
#ifndef SNUG_NAME_SECURITY_H
#define SNUG_NAME_SECURITY_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "calls/syscall.bpf.h"
#include "file/attribute.bpf.h"
#include "file/file.bpf.h"
#include "hash.h"
#include "lib/emit.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/judge_file.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "lib/security.bpf.h"
#include "privilege/sensitive.bpf.h"
#include "process/drift.bpf.h"
#include "process/task.bpf.h"
#include "shared.h"

/*
 * An operation on one path or two. `if_refused`: reported only where it is refused; otherwise its
 * open is reported.
 */
struct lsm_path_op {
	struct path_ref path_ref;
	struct path_ref to;
	u32 access;
	u32 if_refused;
};

static __always_inline u32 prepend_path_ref(struct scratch *scratch, u32 end,
					    struct path_ref path_ref, u64 root)
{
	walk_from(scratch, path_ref, root);
	return walk_text(scratch, end, true);
}

/*
 * Whether permissions may allow a change of names in the folder: the hooks run before the kernel
 * asks. Where only a group or an access list decides, they may.
 */
static __always_inline bool may_change(const struct task_struct *task, u64 dentry)
{
	u64 parent = (u64)FIELD_AT(struct dentry, dentry, d_parent);
	u64 folder = (u64)FIELD_AT(struct dentry, parent, d_inode);
	u32 uid = READ(task, cred, euid.val), mode = FIELD_AT(struct inode, folder, i_mode);
	const struct cred *cred = READ(task, cred);
	u64 capabilities = 0;

	/* Root of a user namespace is another user on the host, and may change what is its own. */
	bpf_probe_read_kernel(&capabilities, sizeof(capabilities), &cred->cap_effective);
	if (!uid || capabilities & (1 << CAP_DAC_OVERRIDE))
		return true;
	return mode & (FIELD_AT(struct inode, folder, i_uid.val) == uid ? 0222 : 0022);
}

/* The same for mode and owner of the file itself. */
static __always_inline bool may_set(const struct task_struct *task, u64 dentry)
{
	u64 inode = (u64)FIELD_AT(struct dentry, dentry, d_inode);
	u32 uid = READ(task, cred, euid.val);
	const struct cred *cred = READ(task, cred);
	u64 capabilities = 0;

	bpf_probe_read_kernel(&capabilities, sizeof(capabilities), &cred->cap_effective);
	return capabilities & (1 << CAP_CHOWN | 1 << CAP_FOWNER) ||
	       FIELD_AT(struct inode, inode, i_uid.val) == uid;
}

/* Fills in `scratch->paths`. The container's root is in `scratch->walk`. */
CHECKED_ONCE int resolve_path_op(struct scratch *scratch, struct lsm_path_op *lsm_path_op)
{
	struct paths *paths;
	u32 flags = 0;
	u64 root;

	if (!scratch || !lsm_path_op)
		return 0;
	root = scratch->walk.root;
	paths = &scratch->paths;
	paths->to = 0;
	paths->from_image = 0;
	paths->to_at = SNUG_TEXT_MAX;
	if (lsm_path_op->to.dentry) {
		paths->to_at = prepend_path_ref(scratch, SNUG_TEXT_MAX, lsm_path_op->to, root);
		if (scratch->walk.cut)
			flags |= SNUG_TO_CUT;
		walk_from(scratch, lsm_path_op->to, root);
		paths->to = flags ? hash_cut(scratch, paths->to_at, SNUG_TEXT_MAX) :
				    walk_hash(scratch);
	}
	paths->at = prepend_path_ref(scratch, paths->to_at, lsm_path_op->path_ref, root);
	if (scratch->walk.cut)
		flags |= SNUG_CUT;
	walk_from(scratch, lsm_path_op->path_ref, root);
	paths->path = flags & SNUG_CUT ? hash_cut(scratch, paths->at, paths->to_at) :
					 walk_hash(scratch);
	paths->cut = flags;
	return 0;
}

/* `scratch->opened.stop`: as above. */
static __noinline int judge_lsm_path_op(struct scratch *scratch, struct task_struct *task,
					struct snug_task *state, struct lsm_path_op *lsm_path_op)
{
	struct paths *paths = &scratch->paths;
	struct verdict verdict = { .kind = SNUG_FILE, .refusing = SNUG_HOLD_CHANGES };
	struct snug_event *event;
	u32 flags, found;
	u64 object;

	scratch->walk.root = root_of(state, task);
	resolve_path_op(scratch, lsm_path_op);
	flags = paths->cut;
	if (lsm_path_op->if_refused) {
		struct snug_slot *slot = slot_of(state);

		if (!slot || slot->container != state->container)
			return 0;
		load_policy(slot, &verdict);
		if (!verdict.block && !is_refused_by_hold(&verdict))
			return 0;
		judge_paths(scratch, state, &verdict.ruling, lsm_path_op->access, paths);
		if (!must_stop(&verdict) && !is_refused_by_hold(&verdict))
			return 0;
	}
	object = SNUG_MIX(keys, file_object(lsm_path_op->access, flags, paths->path), paths->to);
	found = lookup_seen(state, SNUG_FILE, object, &verdict);
	verdict.refusing = SNUG_HOLD_CHANGES;
	verdict.refused = lsm_path_op->access == SNUG_SETATTR ?
				  !may_set(task, lsm_path_op->path_ref.dentry) :
				  !may_change(task, lsm_path_op->path_ref.dentry);
	if (found == SEEN_NEW) {
		judge_paths(scratch, state, &verdict.ruling, lsm_path_op->access, paths);
		found = record_verdict(state, &verdict) ? SEEN_RESEND : SEEN_COUNTED;
	}
	if (found != SEEN_COUNTED) {
		event = event_at(scratch, paths->at);
		fill_event(event, state, task, SNUG_FILE, verdict.key,
			   sizeof(*event) + SNUG_TEXT_MAX - paths->at);
		event->event_flags = flags | stop_flag(&verdict, scratch->opened.stop);
		event->code = lsm_path_op->access;
		event->vpid = vpid_of(task);
		event->text_size = paths->to_at - paths->at;
		event->to_size = SNUG_TEXT_MAX - paths->to_at;
		output_event(event, sizeof(*event) + SNUG_TEXT_MAX - paths->at, &verdict);
	}
	return REFUSE_IF(must_stop(&verdict));
}

static __always_inline int on_lsm_path_op(struct lsm_path_op *lsm_path_op)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct lsm_scratch *lsm_scratch;
	int result;
	u32 depth;

	if (!state)
		return 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_FILE));
	lsm_scratch->scratch.opened.stop = SNUG_REFUSED;
	result = judge_lsm_path_op(&lsm_scratch->scratch, task, state, lsm_path_op);
	release_scratch(depth);
	if (!result && lsm_path_op->access == SNUG_WRITE)
		mark_untrusted(state);
	/* Behind the others stand probes. */
	if (!result && lsm_path_op->access != SNUG_SETATTR)
		note_judged(state, lsm_path_op->path_ref.dentry);
	return REFUSE_IF(result);
}

static __always_inline void path_op_left_out(struct lsm_path_op *lsm_path_op)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct scratch *scratch = scratch_of(SCRATCH_SYSCALL);

	if (!state || !scratch || was_judged(state, lsm_path_op->path_ref.dentry, SNUG_MISSED))
		return;
	if (lsm_path_op->access == SNUG_WRITE)
		mark_untrusted(state);
	scratch->opened.stop = SNUG_MISSED;
	judge_lsm_path_op(scratch, task, state, lsm_path_op);
}

#define CHILD_REF(path, entry) ((struct path_ref){ (u64)(entry), (u64)(path)->mnt })
#define CHILD_OF(folder, entry) CHILD_REF(AS(struct path, folder), entry)

/* The cookie of the attachment is the access. That to link has another bit beside it. */
static __always_inline void name_left_out(struct pt_regs *registers)
{
	u64 cookie = bpf_get_attach_cookie(registers);
	struct lsm_path_op lsm_path_op = { .access = cookie & 0xffff };

	if (cookie == SNUG_WRITE) {
		lsm_path_op.path_ref = PATH_REF(*AS(struct path, FIRST));
	} else if (cookie == (SNUG_CREATE | SNUG_BY_LINK)) {
		lsm_path_op.path_ref = CHILD_OF(SECOND, THIRD);
		lsm_path_op.to = CHILD_OF(SECOND, FIRST);
	} else {
		lsm_path_op.path_ref = CHILD_OF(FIRST, SECOND);
		if (cookie == SNUG_RENAME)
			lsm_path_op.to = CHILD_OF(THIRD, FOURTH);
	}
	path_op_left_out(&lsm_path_op);
}

CATCH_ALIVE(name, name_left_out(registers))

/*
 * Why the path_* hooks: unlike inode_*, they have the mount, and with it the path inside the
 * container.
 */
SEC("lsm/path_unlink")
int BPF_PROG(lsm_unlink, const struct path *dir, struct dentry *dentry)
{
	struct lsm_path_op lsm_path_op = { .path_ref = CHILD_REF(dir, dentry),
					   .access = SNUG_DELETE };

	return on_lsm_path_op(&lsm_path_op);
}

SEC("lsm/path_rmdir")
int BPF_PROG(lsm_rmdir, const struct path *dir, struct dentry *dentry)
{
	struct lsm_path_op lsm_path_op = { .path_ref = CHILD_REF(dir, dentry),
					   .access = SNUG_DELETE };

	return on_lsm_path_op(&lsm_path_op);
}

#define RENAME_FLAGS 4 /* which argument of the hook */

SEC("lsm/path_rename")
int BPF_PROG(lsm_rename, const struct path *dir, struct dentry *dentry, const struct path *to_dir,
	     struct dentry *to)
{
	struct lsm_path_op lsm_path_op = { .path_ref = CHILD_REF(dir, dentry),
					   .to = CHILD_REF(to_dir, to),
					   .access = SNUG_RENAME };
	int result = on_lsm_path_op(&lsm_path_op);
	u32 given = 0;

	/*
	 * Two files that exchange their names are two renames. Before Linux 5.19 LSM has no flags
	 * here, and comes for each of both; then this reads the place of its result, which is 0.
	 */
	bpf_probe_read_kernel(&given, sizeof(given), ctx + RENAME_FLAGS);
	if (result || !(given & RENAME_EXCHANGE))
		return result;
	lsm_path_op.path_ref = CHILD_REF(to_dir, to);
	lsm_path_op.to = CHILD_REF(dir, dentry);
	return on_lsm_path_op(&lsm_path_op);
}

/* The new name is created; `to` is the file that it names. Both are in one mount. */
SEC("lsm/path_link")
int BPF_PROG(lsm_link, struct dentry *old, const struct path *dir, struct dentry *dentry)
{
	struct lsm_path_op lsm_path_op = { .path_ref = CHILD_REF(dir, dentry),
					   .to = CHILD_REF(dir, old),
					   .access = SNUG_CREATE };

	return on_lsm_path_op(&lsm_path_op);
}

SEC("lsm/path_symlink")
int BPF_PROG(lsm_symlink, const struct path *dir, struct dentry *dentry, const char *old)
{
	struct lsm_path_op lsm_path_op = { .path_ref = CHILD_REF(dir, dentry),
					   .access = SNUG_CREATE };

	return on_lsm_path_op(&lsm_path_op);
}

SEC("lsm/path_mkdir")
int BPF_PROG(lsm_mkdir, const struct path *dir, struct dentry *dentry, unsigned short mode)
{
	struct lsm_path_op lsm_path_op = { .path_ref = CHILD_REF(dir, dentry),
					   .access = SNUG_CREATE };

	return on_lsm_path_op(&lsm_path_op);
}

/* An operation on a file that is reported as a system call. */
static __noinline int on_attribute(u32 id, struct path_ref path_ref, u32 stop, u32 flags)
{
	struct sensitive sensitive = {
		.id = id, .at = SNUG_TEXT_MAX, .stop = stop, .flags = flags
	};
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting_state(task);
	struct lsm_scratch *lsm_scratch;
	bool refused;
	u32 depth;

	/* By other credentials: overlayfs does to its layer what it was asked to. */
	if (!state || (u64)READ(task, cred) != (u64)READ(task, real_cred))
		return 0;
	if (id == SNUG_CALL_UTIMENSAT)
		state->timed[0] = 0;
	lsm_scratch = acquire_scratch(state, &depth);
	if (!lsm_scratch)
		return REFUSE_IF(unjudged(state, SNUG_SYSCALL));
	sensitive.at = prepend_path_ref(&lsm_scratch->scratch, SNUG_TEXT_MAX, path_ref,
					root_of(state, task));
	refused = report_sensitive(&lsm_scratch->scratch, task, state, &sensitive);
	release_scratch(depth);
	return REFUSE_IF(refused);
}

/*
 * By mknod, or by an open that makes the file, whose own hook would come too late for that. Binding
 * a socket is neither.
 */
SEC("lsm/path_mknod")
int BPF_PROG(lsm_mknod, const struct path *dir, struct dentry *dentry, unsigned short mode,
	     unsigned int device)
{
	struct lsm_path_op lsm_path_op = { .path_ref = CHILD_REF(dir, dentry),
					   .access = SNUG_CREATE };
	struct call call = {};
	u32 class = current_class(&call, bpf_get_current_task_btf());

	if ((mode & S_IFMT) == S_IFSOCK)
		return 0;
	if (is_device_node(mode, device) &&
	    on_attribute(SNUG_CALL_MKNOD, lsm_path_op.path_ref, SNUG_REFUSED, 0))
		return REFUSE_IF(true);
	lsm_path_op.if_refused = class != SNUG_CLASS_NODE && class != SNUG_CLASS_NODEAT;
	return on_lsm_path_op(&lsm_path_op);
}

#endif
