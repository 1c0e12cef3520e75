/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Executions. The tracepoint fires when the new program is in place and before its first
 * instruction. The program is identified by its file, not by a name: the same by path, by
 * descriptor, by memfd or by a script.
 */
#ifndef SNUG_EXEC_H
#define SNUG_EXEC_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"
#include "file/mapping.bpf.h"
#include "hash.h"
#include "lib/container.bpf.h"
#include "lib/emit.bpf.h"
#include "lib/field.bpf.h"
#include "lib/generation.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "privilege/identity.bpf.h"
#include "process/arguments.bpf.h"
#include "process/drift.bpf.h"
#include "process/ids.bpf.h"
#include "process/script.bpf.h"
#include "process/task.bpf.h"
#include "rule_key.h"
#include "shared.h"

/* Eight bytes of a constant text. Compared so, it takes no stack, which older kernels lack here. */
#define WORD_OF(text, at) (*(const u64 *)&(text)[at])

/* systemd gives a unit's programs its journal as standard output. */
static __always_inline bool is_journal(const struct snug_task *state, u64 sock)
{
	static const char journal[] = "/run/systemd/journal/stdout";
	const u32 last = sizeof(journal) - 1 - sizeof(u64);
	u64 address = (u64)FIELD_AT(struct unix_sock, sock, addr), name;

	name = address + bpf_core_type_size(struct unix_address) + sizeof(u16);
	return is_unit(slot_of(state)) && load_word(name) == WORD_OF(journal, 0) &&
	       load_word(name + 8) == WORD_OF(journal, 8) &&
	       load_word(name + 16) == WORD_OF(journal, 16) &&
	       load_word(name + last) == WORD_OF(journal, last) &&
	       FIELD_AT(struct unix_address, address, len) == (int)(sizeof(u16) + sizeof(journal));
}

/*
 * A socket that leads somewhere. The two nameless ends of a socketpair do not: that is how some
 * runtimes give their children standard streams.
 */
static __always_inline bool is_socket(const struct snug_task *state, struct task_struct *task,
				      u32 fd)
{
	u64 file = file_address(task, fd), sock, peer;

	if (!file || (FIELD_AT(struct inode, FIELD_AT(struct file, file, f_inode), i_mode) &
		      S_IFMT) != S_IFSOCK)
		return false;
	sock = (u64)FIELD_AT(struct socket, FIELD_AT(struct file, file, private_data), sk);
	if (!sock || FIELD_AT(struct sock, sock, __sk_common.skc_family) != AF_UNIX)
		return true;
	peer = (u64)FIELD_AT(struct unix_sock, sock, peer);
	return FIELD_AT(struct unix_sock, sock, addr) ||
	       (peer && FIELD_AT(struct unix_sock, peer, addr) && !is_journal(state, peer));
}

static __always_inline bool has_socket(const struct snug_task *state, struct task_struct *task)
{
	return is_socket(state, task, 0) || is_socket(state, task, 1) || is_socket(state, task, 2);
}

/* Stores the text from `at` to the end as a name that events can refer to. */
static __noinline int store_name(struct scratch *scratch, u64 hash, u32 at)
{
	struct snug_name_text *name;
	u32 size = SNUG_TEXT_MAX - at;

	if (!scratch)
		return 0;
	if (size > SNUG_NAME_MAX) {
		at += size - SNUG_NAME_MAX;
		size = SNUG_NAME_MAX;
		scratch->walk.cut = 1;
	}
	name = (void *)&scratch->event[sizeof(struct snug_event) - sizeof(u64) +
				       (at & (SNUG_TEXT_MAX - 1))];
	name->size = size;
	name->cut = scratch->walk.cut;
	if (bpf_map_update_elem(&names, &hash, name, BPF_ANY))
		COUNT(unnamed);
	return 0;
}

/* Of a path longer than a name may be there is only the tail, and the name is that. */
static __always_inline u64 name_hash(struct scratch *scratch, u64 hash, u32 at)
{
	if (SNUG_TEXT_MAX - at > SNUG_NAME_MAX)
		hash = hash_cut(scratch, SNUG_TEXT_MAX - SNUG_NAME_MAX, SNUG_TEXT_MAX);
	else if (scratch->walk.cut)
		hash = hash_cut(scratch, at, SNUG_TEXT_MAX);
	if (!bpf_map_lookup_elem(&names, &hash))
		store_name(scratch, hash, at);
	return hash;
}

/* Whether a mount below the container's root gave the file its path, after its walk. */
static __always_inline bool is_named_by_mount(const struct walk *walk, u64 mnt)
{
	return walk->end == WALK_ROOT &&
	       walk->mount != mnt - bpf_core_field_offset(struct mount, mnt);
}

/*
 * The hash of the file's path as a name, and its drift. A file of the image that a mount gave the
 * name of another is no less brought than one of another file system.
 */
static __always_inline u64 name_code(struct scratch *scratch, const struct snug_task *state,
				     struct path_ref path_ref, u64 inode, u64 root, u16 *drift)
{
	bool renamed;
	u64 hash;
	u32 length;

	walk_from(scratch, path_ref, root);
	hash = walk_hash(scratch);
	length = scratch->walk.length;
	renamed = is_of_root(inode, root) && is_named_by_mount(&scratch->walk, path_ref.mnt);
	*drift = drift_of_code(scratch, state, path_ref.dentry, inode, hash, root);
	if (renamed)
		*drift = (*drift & ~SNUG_DRIFT_UPPER) | SNUG_DRIFT_MOUNT;
	if (watches_units)
		*drift = drift_where(state, inode, *drift);
	if (length <= SNUG_NAME_MAX && bpf_map_lookup_elem(&names, &hash))
		return hash;
	walk_from(scratch, path_ref, root);
	return name_hash(scratch, hash, walk_text(scratch, SNUG_TEXT_MAX, true));
}

/*
 * Whether to open the file takes no service of another: it lies on a disk of this host, or in its
 * memory.
 */
static __always_inline bool is_local(u64 block)
{
	u64 magic = FIELD_AT(struct super_block, block, s_magic);

	return magic == OVERLAYFS_SUPER_MAGIC || magic == TMPFS_MAGIC ||
	       (magic != FUSE_SUPER_MAGIC &&
		FIELD_AT(struct file_system_type, FIELD_AT(struct super_block, block, s_type),
			 fs_flags) &
			FS_REQUIRES_DEV);
}

/* The file that overlayfs keeps the content in, and whose time it shows. */
static __always_inline u64 content_inode(u64 inode)
{
	u64 upper = is_overlay(block_of(inode)) ? upper_of(inode) : 0;

	return upper ? (u64)FIELD_AT(struct dentry, upper, d_inode) : inode;
}

/* Not inlined: its callers have little stack left on older kernels. */
static __noinline int note_code_file(struct scratch *scratch, u64 inode, u32 flags)
{
	u64 block = block_of(inode), content = content_inode(inode);

	if (!scratch)
		return 0;
	if (FIELD_AT(struct super_block, block_of(content), s_magic) == TMPFS_MAGIC)
		flags |= SNUG_FILE_IN_MEMORY;
	scratch->code_file.inode = is_local(block) ? FIELD_AT(struct inode, inode, i_ino) : 0;
	scratch->code_file.changed = changed_at(content);
	scratch->code_file.size = FIELD_AT(struct inode, content, i_size);
	scratch->code_file.device = FIELD_AT(struct super_block, block, s_dev);
	scratch->code_file.flags = flags;
	return 0;
}

static __always_inline void fill_code_file(struct snug_event *event, const struct scratch *scratch,
					   u64 executed)
{
	const struct code_file *file = &scratch->code_file;

	if (!file->inode)
		return;
	event->file_inode = file->inode;
	event->file_changed = file->changed;
	event->file_size = file->size;
	event->executed = executed;
	event->file_device = file->device;
	event->file_flags = file->flags;
}

/* The string that the interpreter gets, as a path: in `scratch->canonical`. */
static __always_inline u32 passed_script(struct scratch *scratch, struct task_struct *task,
					 const struct linux_binprm *bprm, u64 root)
{
	long size = bpf_probe_read_kernel_str(scratch->string, SNUG_PATH_MAX, bprm->filename);
	u32 at;

	if (size <= 1)
		return 0;
	at = prepend_absolute(scratch, SNUG_TEXT_MAX, size - 1, task, FOLDER_REF(task, pwd), root);
	return canonical_path(scratch, at, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
}

/*
 * Of a mount, what was there before the container is its data. What came later is code that nobody
 * has shipped, except where no process of the container could have written it.
 */
static __always_inline bool came_with_mount(const struct snug_slot *slot, u64 mnt, u64 inode)
{
	return is_read_only(mnt) || changed_at(inode) <= slot->began + control.wall_offset;
}

static __noinline u64 name_script(struct scratch *scratch, struct snug_task *state,
				  struct task_struct *task, const struct linux_binprm *bprm)
{
	struct snug_slot *slot = slot_of(state);
	struct path_ref path_ref = {};
	u64 root, file, inode, hash;
	u16 drift;
	u32 at;

	if (!scratch || !state || !slot || bprm->filename == bprm->interp)
		return 0;
	root = root_of(state, task);
	search_script(scratch, task, bprm);
	file = scratch->script_search.file;
	if (!file || scratch->script_search.work) {
		/* With so much left to do it cannot be found: who brings that about has a reason.
		 */
		if (scratch->script_search.work)
			state->flags |= SNUG_DRIFT_SCRIPT | SNUG_DRIFT_UPPER;
		at = passed_script(scratch, task, bprm, root);
		return at ? name_hash(scratch, scratch->canonical.hash, at) : 0;
	}
	path_ref.dentry = (u64)FIELD_AT(struct file, file, f_path.dentry);
	path_ref.mnt = (u64)FIELD_AT(struct file, file, f_path.mnt);
	inode = (u64)FIELD_AT(struct file, file, f_inode);
	hash = name_code(scratch, state, path_ref, inode, root, &drift);
	/* What the runtime starts, an operator has mounted. */
	if (drift & SNUG_DRIFT_MOUNT && !is_of_root(inode, root) &&
	    (!state->ancestors[0] || came_with_mount(slot, path_ref.mnt, inode)))
		drift = 0;
	/* Of a unit the agent finds out which of both is foreign: rarely the interpreter. */
	if (!(state->flags & SNUG_DRIFT) && (drift || is_unit(slot)))
		note_code_file(scratch, inode, SNUG_FILE_OF_SCRIPT);
	if (drift && !(state->flags & SNUG_DRIFT))
		state->flags |= drift | SNUG_DRIFT_SCRIPT;
	return hash;
}

/* What runs: program, script and drift. */
static __always_inline void set_code(struct scratch *scratch, struct snug_task *state,
				     struct task_struct *task, const struct linux_binprm *bprm)
{
	u16 held = state->flags & SNUG_HELD_ROOT, drift;

	state->exe = name_code(scratch, state, PATH_REF(bprm->file->f_path),
			       (u64)bprm->file->f_inode, root_of(state, task), &drift);
	state->flags = held | drift;
	scratch->code_file.inode = 0;
	if (drift || is_unit(slot_of(state)))
		note_code_file(scratch, (u64)bprm->file->f_inode, 0);
	state->script = name_script(scratch, state, task, bprm);
}

static __always_inline void push_ancestor(struct snug_task *state)
{
	for (int i = SNUG_ANCESTORS - 1; i > 0; i--)
		state->ancestors[i] = state->ancestors[i - 1];
	state->ancestors[0] = state->script ? state->script : state->exe;
}

/* systemd runs in a process of its own what it does before a unit's program: since version 255. */
static __always_inline bool is_executor(struct task_struct *task, const struct linux_binprm *bprm)
{
	static const char executor[] = "systemd-executor";
	u64 dentry = (u64)bprm->file->f_path.dentry, name = name_of(dentry),
	    manager = (u64)READ(task, real_parent, mm, exe_file);

	return manager && FIELD_AT(struct dentry, dentry, d_name.len) == sizeof(executor) - 1 &&
	       load_word(name) == WORD_OF(executor, 0) &&
	       load_word(name + 8) == WORD_OF(executor, 8) &&
	       FIELD_AT(struct dentry, dentry, d_parent) ==
		       FIELD_AT(struct dentry, FIELD_AT(struct file, manager, f_path.dentry),
				d_parent);
}

/* The first process of its pid namespace: the host's systemd, as seen from a unit. */
static __always_inline bool is_first_process(struct task_struct *task)
{
	return READ(task, signal, flags) & SIGNAL_UNKILLABLE;
}

/*
 * The number of the container that the current process enters by executing something; nothing where
 * it has not left the runtime's mount namespace. That is the host's, or one of the runtime's own (a
 * snap, kind, a service with private mounts): then it is that of its parent, outside of the
 * container, and of the parent's parent, as a runtime's programs call each other. Who makes a
 * namespace only to become a container in it has a parent elsewhere.
 *
 * A unit has the host's mount namespace, or its own. All of its programs are the unit's, but for
 * the one by which systemd prepares them.
 */
static __always_inline u32 *container_entered(struct task_struct *task,
					      const struct linux_binprm *bprm)
{
	u32 *number = container_of_task(task), *around, space;
	struct task_struct *parent = READ(task, real_parent);

	if (!number)
		return 0;
	if (is_unit(bpf_map_lookup_elem(&slots, number)))
		return is_executor(task, bprm) ? 0 : number;
	space = READ(task, nsproxy, mnt_ns, ns.inum);
	if (space == host_mnt_ns[0] || space == host_mnt_ns[1])
		return 0;
	if (space == READ(parent, nsproxy, mnt_ns, ns.inum) &&
	    space == READ(parent, real_parent, nsproxy, mnt_ns, ns.inum)) {
		around = container_of_task(parent);
		if (!around || *around != *number)
			return 0;
	}
	return number;
}

/* What a unit's files declare runs next to each other: commands before its program, after it, and
 * to stop it. */
static __always_inline bool is_started_by_manager(const struct snug_slot *slot,
						  struct task_struct *task)
{
	return is_unit(slot) && is_first_process(READ(task, real_parent));
}

/* The first program of a tree of processes in a container; nothing of the runtime's. */
static __always_inline struct snug_task *start_tree(struct task_struct *task,
						    const struct linux_binprm *bprm)
{
	u32 *number = container_entered(task, bprm);
	struct snug_task *state;
	struct snug_slot *slot;

	if (!number)
		return 0;
	slot = bpf_map_lookup_elem(&slots, number);
	state = slot ? new_state(task) : 0;
	if (!state) {
		/* Nothing of it can be judged. */
		if (control.fail_closed && !is_unit(slot))
			kill_current();
		if (slot)
			count_drop(slot, SNUG_DROP_TASK);
		return 0;
	}
	state->container = slot->container;
	state->slot = *number;
	state->generation = own_generation;
	if (__sync_lock_test_and_set(&slot->started, 1) && !is_started_by_manager(slot, task)) {
		state->origin = SNUG_EXEC_IN;
		state->session = SNUG_MIX(keys, READ(task, start_time), (u64)READ(task, tgid));
	} else {
		state->origin = SNUG_ENTRYPOINT;
		keep_ids(slot, task);
		/* Not the effective one: the program may be set-uid. */
		slot->user = uid_inside(state, READ(task, cred, uid.val)) + 1;
	}
	state->uid = uid_inside(state, READ(task, cred, euid.val));
	state->gid = gid_inside(state, READ(task, cred, egid.val));
	return state;
}

/* Whether a changed program of a unit is its package's, only the agent can tell: no rule has it. */
static __always_inline u64 exec_rule(const struct snug_task *state)
{
	return SNUG_RULE_EXEC(keys, state->flags & SNUG_DRIFT && !is_unit(slot_of(state)),
			      (state->flags & SNUG_SOCKET_STDIO) != 0, state->exe, state->script);
}

/* Judged by the arguments where they matter; otherwise by the program alone. */
static __always_inline void judge_run(struct scratch *scratch, const struct snug_task *state,
				      struct verdict *verdict, u32 at, u32 size)
{
	u64 actor = SNUG_RULE_ACTOR(keys, state->ancestors[0], 0, state->user, state->origin),
	    rule = exec_rule(state);
	u32 found = RULE_NONE, set = 0;

	if (!has_profile(verdict))
		return;
	if (size)
		set = run_automaton(scratch, SNUG_POLICY_PROFILE(verdict->policy_state), at, at,
				    at + size);
	if (set)
		found = lookup_rule(&verdict->ruling, actor, SNUG_RULE_ARGUMENTS(keys, rule, set),
				    &verdict->tags[0]);
	if (!found)
		found = lookup_rule(&verdict->ruling, actor, rule, &verdict->tags[0]);
	verdict->deviates = found != RULE_ALLOW;
	/* A changed program of a unit: the agent looks which package it is of. */
	if (found == RULE_ALLOW && state->flags & SNUG_DRIFT && is_unit(slot_of(state))) {
		verdict->deviates = DEVIATES_UNSTOPPED;
		verdict->tags[0] = 0;
	} else if (size && found == RULE_ALLOW) {
		count_by_rules(state, &verdict->ruling);
	}
}

static __always_inline void report_exec(struct scratch *scratch, struct snug_task *state,
					struct task_struct *task, bool reports)
{
	u64 start = READ(task, mm, arg_start), end = READ(task, mm, arg_end);
	/* The parent is part of an exec's behaviour: which program starts a shell matters. */
	u64 object = SNUG_MIX(keys, SNUG_EXEC, state->ancestors[0]);
	u32 at = SNUG_TEXT_MAX - SNUG_ARGS_MAX, judged = 0, size, found;
	struct verdict verdict;
	struct snug_event *event;

	if (reports) {
		size = read_arguments(scratch, start, end, at);
		judged = scratch->arguments.judged;
		object = SNUG_MIX(keys, object, hash_range(scratch, at, at + size));
		object = SNUG_MIX(keys, object, scratch->arguments.cut);
	}
	/* Another file by the name of one that was reported is reported too. */
	if (state->flags & SNUG_DRIFT && scratch->code_file.inode) {
		object = SNUG_MIX(keys, object, scratch->code_file.inode);
		object = SNUG_MIX(keys, object, scratch->code_file.changed);
	}
	found = lookup_seen(state, SNUG_EXEC, object, &verdict);
	if (found == SEEN_NEW) {
		judge_run(scratch, state, &verdict, at, judged);
		found = record_verdict(state, &verdict);
	}
	if (!found) {
		if (must_stop(&verdict))
			kill_current();
		return;
	}
	size = read_arguments(scratch, start, end, at);
	if (size > SNUG_ARGS_MAX)
		size = SNUG_ARGS_MAX;
	event = event_at(scratch, at);
	fill_event(event, state, task, SNUG_EXEC, verdict.key, sizeof(*event) + size);
	event->event_flags = scratch->arguments.cut | stop_flag(&verdict, SNUG_KILLED);
	event->text_size = size;
	fill_code_file(event, scratch, state->executed);
	output_event(event, sizeof(*event) + size, &verdict);
	if (must_stop(&verdict))
		kill_current();
}

/* The first program of the container, from the mount that the engine has made for it. */
static __always_inline bool is_engine_init(const struct snug_task *state, const struct file *file)
{
	return (state->exe == init_exes[0] || state->exe == init_exes[1] ||
		state->exe == init_exes[2]) &&
	       !state->ancestors[0] && state->flags & SNUG_DRIFT_MOUNT &&
	       is_read_only((u64)file->f_path.mnt);
}

/* What of the process is known only now that its program is. */
static __always_inline void set_origin(struct scratch *scratch, struct snug_task *state,
				       struct task_struct *task, const struct linux_binprm *bprm,
				       bool fresh)
{
	struct snug_slot *slot = slot_of(state);
	bool init;

	if (!slot || slot->container != state->container)
		return;
	if (state->origin == SNUG_ENTRYPOINT || state->origin == SNUG_INIT) {
		init = slot->assignment.traits & SNUG_OWN_INIT && is_engine_init(state, bprm->file);
		state->origin = init ? SNUG_INIT : SNUG_ENTRYPOINT;
		if (init)
			state->flags &= ~SNUG_DRIFT;
	} else if (fresh && (!state->script || passed_script(scratch, task, bprm, slot->root)) &&
		   is_engine_command(scratch, state, task, bprm, slot)) {
		state->origin = SNUG_PROBE;
	}
	/* The container is not assigned to a version yet: there is nothing to judge it by. */
	if (control.fail_closed && !slot->assignment.version && !is_unit(slot))
		kill_current();
}

static __always_inline int run_exec(struct task_struct *task, int old_pid,
				    struct linux_binprm *bprm, enum scratch_class class)
{
	struct snug_task *state = task_after_exec(task, old_pid);
	struct scratch *scratch;
	bool fresh = !state;
	u32 uid, gid;

	if (!is_acting_generation(state, OLDER_FIRST))
		return 0;
	if (catches && state && state->executions == READ(task, self_exec_id))
		return 0;
	if (state)
		push_ancestor(state);
	else
		state = start_tree(task, bprm);
	if (catches && state)
		state->executions = READ(task, self_exec_id);
	scratch = scratch_of(class);
	if (!state || !scratch)
		return 0;

	state->executed = bpf_ktime_get_ns();
	uid = uid_inside(state, READ(task, cred, euid.val));
	gid = gid_inside(state, READ(task, cred, egid.val));
	set_code(scratch, state, task, bprm);
	if (READ(task, signal, tty))
		state->flags |= SNUG_TTY;
	if (has_socket(state, task))
		state->flags |= SNUG_SOCKET_STDIO;
	state->capabilities = 0;
	set_origin(scratch, state, task, bprm, fresh);
	set_base(state);
	if ((uid != state->uid || gid != state->gid) &&
	    !report_identity(state, task, uid, gid, SNUG_KILLED, SNUG_AT_EXEC))
		kill_current();
	note_held_root(state, READ(UNTRUSTED(task), cred));
	report_exec(scratch, state, task, arguments_matter(state, bprm->file));
	return 0;
}

/*
 * Why this hook: the program is in place with its credentials and arguments, and has not run yet.
 * Where LSM is missing, a SIGKILL here comes in time.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return run_exec(task, old_pid, UNTRUSTED(bprm), SCRATCH_EXEC);
}

/*
 * Only where the kernel leaves out the first one because it interrupted another process in it. Of
 * the two, the second to run finds that the first has run.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec_again, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return run_exec(task, old_pid, UNTRUSTED(bprm), SCRATCH_EXEC_AGAIN);
}

/*
 * The kernel maps the loader that a program names: code of every program, which no call maps. It
 * has not run yet. A program of its own, after the one above, because of the depth of its calls.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_loader, struct task_struct *task, int old_pid, struct linux_binprm *trusted)
{
	struct linux_binprm *bprm = UNTRUSTED(trusted);
	struct snug_task *state = find_state(task);
	struct scratch *scratch = scratch_of(SCRATCH_EXEC);
	u64 file;

	if (!state || !scratch || !is_acting_generation(state, OLDER_FIRST))
		return 0;
	file = loader_of(scratch, task, state, (u64)bprm->file->f_path.dentry);
	if (file && judge_mapping(scratch, task, state, file))
		kill_current();
	return 0;
}

#endif
