/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the kernel has BPF LSM: the same acts by the same judge, asked before they happen. What is refused gets EPERM
 * and has no effect.
 *
 * Paths come from what the kernel resolved, never from the caller's string: no other thread can change them in between.
 * An exec that may pass is left to sched_process_exec to tell, with its arguments; here it is only refused.
 */
#ifndef SNUG_LSM_H
#define SNUG_LSM_H

#include "other.bpf.h"

/*
 * These programs can be preempted, by their own kind too, and stay on their processor: one scratch for each depth. Where
 * even these do not suffice an act passes unseen, and is counted as lost.
 */
#define LSM_DEPTH 4

struct held {
	struct scratch scratch;
	struct snug_task next;	/* the process as it will be after the exec under way */
	u64 argv;
	u32 used;
	u32 cut;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LSM_DEPTH);
	__type(key, u32);
	__type(value, struct held);
} lsm_scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} lsm_busy SEC(".maps");

static __always_inline struct held *hold(const struct snug_task *state, u32 *depth)
{
	u32 key = 0;
	u64 *busy = bpf_map_lookup_elem(&lsm_busy, &key);

	for (key = 0; busy && key < LSM_DEPTH; key++)
		if (!(__sync_fetch_and_or(busy, 1ull << key) & 1ull << key)) {
			*depth = key;
			return bpf_map_lookup_elem(&lsm_scratches, &key);
		}
	COUNT(received);
	drop(state ? slot_of(state) : 0, SNUG_DROP_TASK);
	return 0;
}

static __always_inline void let_go(u32 depth)
{
	u32 key = 0;
	u64 *busy = bpf_map_lookup_elem(&lsm_busy, &key);

	if (busy)
		__sync_fetch_and_and(busy, ~(1ull << depth));
}

/* The verifier wants to see two values here; the compiler would rather calculate one from the condition. */
#define REFUSE_IF(condition)                   \
	({                                     \
		int refusal_ = -EPERM;         \
		barrier_var(refusal_);         \
		(condition) ? refusal_ : 0;    \
	})

/* The state of a container's process, where this is these programs' to judge. */
static __always_inline struct snug_task *acting(struct task_struct *task)
{
	struct snug_task *state = state_of(task);

	return state && my_turn(state, NEWER_FIRST) ? state : 0;
}

/* The container that a process outside of every tree would enter by executing something. */
static __always_inline struct snug_slot *entered(struct task_struct *task, struct snug_task *next)
{
	u64 cgroup = bpf_get_current_cgroup_id();
	u32 *number = bpf_map_lookup_elem(&cgroups, &cgroup), space;
	struct snug_slot *slot;

	if (!number)
		return 0;
	space = task->nsproxy->mnt_ns->ns.inum;
	if (space == host_mnt_ns[0] || space == host_mnt_ns[1])
		return 0;
	slot = bpf_map_lookup_elem(&slots, number);
	if (!slot)
		return 0;
	__builtin_memset(next, 0, sizeof(*next));
	next->container = slot->container;
	next->slot = *number;
	next->origin = SNUG_ENTRYPOINT;
	if (slot->started) {
		next->origin = SNUG_EXEC_IN;
		next->session = SNUG_MIX(keys, task->start_time, (u64)task->tgid);
	}
	return slot;
}

static int argument_step(u32 index, struct held **held_)
{
	struct held *held = *held_;
	u64 pointer = 0;
	u32 used = held->used;
	long size;

	if (bpf_probe_read_user(&pointer, sizeof(pointer), (void *)(held->argv + index * sizeof(pointer))) || !pointer)
		return 1;
	if (used >= SNUG_ARGS_MAX) {
		held->cut = SNUG_CUT;
		return 1;
	}
	size = bpf_probe_read_user_str(ACT_TEXT(&held->scratch, SNUG_TEXT_MAX - SNUG_ARGS_MAX + used),
				       (SNUG_ARGS_MAX - used) & (2 * SNUG_ARGS_MAX - 1), (void *)pointer);
	if (size < 0)
		return 1;
	held->used = used + size;
	return 0;
}

/* What the caller asked for, in its own memory: to be shown, not to be judged by. */
static __always_inline void read_arguments(struct held *held, struct task_struct *task)
{
	struct call call = { .task = task, .regs = (struct pt_regs *)bpf_task_pt_regs(task) };
	u32 at_descriptor;

	held->used = 0;
	held->cut = 0;
#if defined(__TARGET_ARCH_x86)
	if (task->thread_info.status & TS_COMPAT) {
		held->cut = SNUG_CUT;
		return;
	}
	at_descriptor = call.regs->orig_ax == 322;
#else
	at_descriptor = call.regs->syscallno == 281;
#endif
	held->argv = at_descriptor ? argument(&call, 2) : argument(&call, 1);
	bpf_loop(512, argument_step, &held, 0);
}

static __noinline int tell_refused(struct held *held, struct task_struct *task, struct verdict *verdict)
{
	struct snug_act *act = act_at(&held->scratch, SNUG_TEXT_MAX - SNUG_ARGS_MAX);
	u32 size;

	read_arguments(held, task);
	size = held->used;
	if (size > SNUG_ARGS_MAX)
		size = SNUG_ARGS_MAX;
	fill(act, &held->next, task, SNUG_EXEC, verdict->key, sizeof(*act) + size);
	act->act_flags = held->cut | stop_flag(verdict, SNUG_REFUSED);
	act->text_size = size;
	tell_text(act, sizeof(*act) + size, verdict);
	return 0;
}

/* The process as it will be: what on_exec makes of it afterwards. False where on_exec is to decide. */
static __noinline bool foresee(struct held *held, struct task_struct *task, struct snug_task *state,
			       struct linux_binprm *bprm)
{
	struct scratch *scratch = &held->scratch;
	struct snug_task *next = &held->next;
	struct verdict verdict = {};
	struct snug_slot *slot;
	u64 root;
	u32 end;

	if (state) {
		*next = *state;
		push_ancestor(next);
		slot = slot_of(next);
	} else {
		slot = entered(task, next);
		/* Only the arguments tell the health check apart, and they are not in place yet. */
		if (slot && slot->started && slot->belongs.command.size)
			return false;
	}
	if (!slot || slot->container != next->container)
		return false;
	belong(slot, &verdict);
	if (!verdict.block || !has_profile(&verdict))
		return false;
	root = root_of(next, task);
	next->uid = bprm->cred->euid.val;
	next->gid = bprm->cred->egid.val;
	next->exe = exe_of(scratch, bprm->file, root, &end);
	next->script = script_of(scratch, task, bprm, root);
	next->flags = drift_of(bprm->file, end, task->fs->root.dentry);
	if (next->flags & SNUG_DRIFT_UPPER && is_untouched(scratch, next, bprm->file->f_inode))
		next->flags &= ~SNUG_DRIFT_UPPER;
	if (is_socket(task, 0) || is_socket(task, 1) || is_socket(task, 2))
		next->flags |= SNUG_SOCKET_STDIO;
	set_origin(scratch, next, task, bprm, false);
	set_base(next);
	return true;
}

static __noinline int judge_exec(struct held *held, struct task_struct *task)
{
	struct snug_task *next = &held->next;
	struct snug_slot *slot = slot_of(next);
	struct verdict verdict = {};
	u64 actor = SNUG_RULE_ACTOR(keys, next->ancestors[0], 0, next->uid, next->origin), tag;

	if (!slot)
		return 0;
	belong(slot, &verdict);
	if (ask_rule(&verdict, actor, exec_rule(next), &tag) == RULE_ALLOW)
		return 0;
	if (judged(next, &verdict, SNUG_MIX(keys, SNUG_EXEC, next->ancestors[0]), actor, exec_rule(next)))
		tell_refused(held, task, &verdict);
	return REFUSE_IF(stopped(&verdict));
}

/*
 * Once for each exec, with the program that will run, be it a script's interpreter, and with the credentials that it
 * will have; and early enough for the exec to fail. bprm_check_security comes for each step towards that program.
 */
SEC("lsm/bprm_creds_from_file")
int BPF_PROG(lsm_exec, struct linux_binprm *bprm, const struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = bpf_task_storage_get(&tasks, task, 0, 0);
	u64 cgroup = bpf_get_current_cgroup_id();
	struct held *held;
	int result = 0;
	u32 depth;

	if ((!state && !bpf_map_lookup_elem(&cgroups, &cgroup)) || !my_turn(state, NEWER_FIRST))
		return 0;
	held = hold(state, &depth);
	if (!held)
		return 0;
	if (foresee(held, task, state, bprm))
		result = judge_exec(held, task);
	let_go(depth);
	return REFUSE_IF(result);
}

/* The system call that the process is in, as its number and, by the right table, its class. */
static __always_inline u32 number_now(struct call *call, struct task_struct *task)
{
	u32 number;

	call->task = task;
	call->regs = (struct pt_regs *)bpf_task_pt_regs(task);
#if defined(__TARGET_ARCH_x86)
	number = call->regs->orig_ax & ~0x40000000u;
	call->compat = task->thread_info.status & TS_COMPAT;
#else
	number = call->regs->syscallno;
#endif
	return number;
}

static __always_inline u32 class_now(struct call *call, struct task_struct *task)
{
	u32 number = number_now(call, task);

	barrier_var(number);
	if (number >= SNUG_NRS)
		return SNUG_CLASS_NONE;
	return call->compat ? compat_classes[number] : classes[number];
}

#define NR_IO_URING_ENTER 426	/* on every machine */

/*
 * Files are opened for other reasons too: to be executed, for a descriptor of a process or a queue, to dump a core.
 * These are other acts, or none.
 */
static __always_inline bool is_opening(struct task_struct *task)
{
	struct call call = {};
	u32 class;

	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER) || number_now(&call, task) == NR_IO_URING_ENTER)
		return true;
	class = class_now(&call, task);
	return class >= SNUG_CLASS_OPEN && class <= SNUG_CLASS_OPEN_HANDLE;
}

/*
 * What overlayfs opens beneath a file that a process has opened: a file of its layers' private mounts, by the
 * credentials of who mounted it. No process can come by such a mount itself.
 */
static __always_inline bool is_layer(struct task_struct *task, const struct file *file)
{
	struct mount *mount = bpf_core_cast((void *)((u64)file->f_path.mnt -
						     bpf_core_field_offset(struct mount, mnt)), struct mount);

	return (s64)mount->mnt_ns == -EINVAL && (u64)task->cred != (u64)task->real_cred;
}

static __noinline int judge_open(struct held *held, struct task_struct *task, struct snug_task *state,
				 struct file *file)
{
	struct scratch *scratch = &held->scratch;
	struct opened *opened = &scratch->opened;
	struct verdict verdict;
	u32 found;

	opened->stop = SNUG_REFUSED;
	opened->flags = 0;
	opened->access = access_of(file);
	opened->place = PLACE(file->f_path);
	walk_from(scratch, opened->place, root_of(state, task));
	opened->paths.path = walk_hash(scratch);
	found = look(state, file_object(opened->access, 0, opened->paths.path), &verdict);
	opened->judge = found == LOOK_NEW;
	if (opened->judge && has_profile(&verdict) &&
	    judge_literals(state, &verdict, opened->access, &opened->paths)) {
		opened->judge = false;
		found = settle(state, &verdict) ? LOOK_AGAIN : LOOK_COUNTED;
	}
	if (found != LOOK_COUNTED)
		tell_opened(scratch, task, state, &verdict, opened);
	if (!stopped(&verdict))
		note_write(state, file);
	return REFUSE_IF(stopped(&verdict));
}

SEC("lsm/file_open")
int BPF_PROG(lsm_open, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting(task);
	struct held *held;
	int result;
	u32 depth;

	if (!state || !has_path(file) || !is_opening(task) || is_layer(task, file))
		return 0;
	held = hold(state, &depth);
	if (!held)
		return 0;
	result = judge_open(held, task, state, file);
	let_go(depth);
	return REFUSE_IF(result);
}

/* An act on a name, or on two. `if_refused`: told only where it is not to be; else its open will tell it. */
struct named {
	struct place place;
	struct place to;
	u32 access;
	u32 if_refused;
};

static __always_inline u32 put_place(struct scratch *scratch, u32 end, struct place place, u64 root)
{
	walk_from(scratch, place, root);
	return walk_text(scratch, end, true);
}

static __noinline int judge_names(struct held *held, struct task_struct *task, struct snug_task *state,
				  const struct named *named)
{
	struct scratch *scratch = &held->scratch;
	struct paths *paths = &scratch->paths;
	u64 root = root_of(state, task), object;
	u32 flags = 0, found;
	struct verdict verdict = {};
	struct snug_act *act;

	paths->to = 0;
	paths->to_at = SNUG_TEXT_MAX;
	if (named->to.dentry) {
		paths->to_at = put_place(scratch, SNUG_TEXT_MAX, named->to, root);
		if (scratch->walk.cut)
			flags |= SNUG_TO_CUT;
		walk_from(scratch, named->to, root);
		paths->to = flags ? hash_cut(scratch, paths->to_at, SNUG_TEXT_MAX) : walk_hash(scratch);
	}
	paths->at = put_place(scratch, paths->to_at, named->place, root);
	if (scratch->walk.cut)
		flags |= SNUG_CUT;
	walk_from(scratch, named->place, root);
	paths->path = flags & SNUG_CUT ? hash_cut(scratch, paths->at, paths->to_at) : walk_hash(scratch);
	paths->cut = flags;
	if (named->if_refused) {
		struct snug_slot *slot = slot_of(state);

		if (!slot || slot->container != state->container)
			return 0;
		belong(slot, &verdict);
		if (!verdict.block)
			return 0;
		judge_paths(scratch, state, &verdict, named->access, paths);
		if (!stopped(&verdict))
			return 0;
	}
	object = SNUG_MIX(keys, file_object(named->access, flags, paths->path), paths->to);
	found = look(state, object, &verdict);
	if (found == LOOK_NEW) {
		judge_paths(scratch, state, &verdict, named->access, paths);
		found = settle(state, &verdict) ? LOOK_AGAIN : LOOK_COUNTED;
	}
	if (found != LOOK_COUNTED) {
		act = act_at(scratch, paths->at);
		fill(act, state, task, SNUG_FILE, verdict.key, sizeof(*act) + SNUG_TEXT_MAX - paths->at);
		act->act_flags = flags | stop_flag(&verdict, SNUG_REFUSED);
		act->code = named->access;
		act->text_size = paths->to_at - paths->at;
		act->to_size = SNUG_TEXT_MAX - paths->to_at;
		tell_text(act, sizeof(*act) + SNUG_TEXT_MAX - paths->at, &verdict);
	}
	return REFUSE_IF(stopped(&verdict));
}

static __always_inline int on_named(const struct named *named)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting(task);
	struct held *held;
	int result;
	u32 depth;

	if (!state)
		return 0;
	held = hold(state, &depth);
	if (!held)
		return 0;
	result = judge_names(held, task, state, named);
	if (!result && named->access == SNUG_WRITE)
		distrust(state);
	let_go(depth);
	return REFUSE_IF(result);
}

#define IN(path, entry) ((struct place){ (u64)(entry), (u64)(path)->mnt })

SEC("lsm/path_unlink")
int BPF_PROG(lsm_unlink, const struct path *dir, struct dentry *dentry)
{
	struct named named = { .place = IN(dir, dentry), .access = SNUG_DELETE };

	return on_named(&named);
}

SEC("lsm/path_rmdir")
int BPF_PROG(lsm_rmdir, const struct path *dir, struct dentry *dentry)
{
	struct named named = { .place = IN(dir, dentry), .access = SNUG_DELETE };

	return on_named(&named);
}

SEC("lsm/path_rename")
int BPF_PROG(lsm_rename, const struct path *dir, struct dentry *dentry, const struct path *to_dir,
	     struct dentry *to, unsigned int flags)
{
	struct named named = { .place = IN(dir, dentry), .to = IN(to_dir, to), .access = SNUG_RENAME };

	return on_named(&named);
}

/* The new name is what is made; `to` says of what file it is a name. Both are in one mount. */
SEC("lsm/path_link")
int BPF_PROG(lsm_link, struct dentry *old, const struct path *dir, struct dentry *dentry)
{
	struct named named = { .place = IN(dir, dentry), .to = IN(dir, old), .access = SNUG_CREATE };

	return on_named(&named);
}

SEC("lsm/path_symlink")
int BPF_PROG(lsm_symlink, const struct path *dir, struct dentry *dentry, const char *old)
{
	struct named named = { .place = IN(dir, dentry), .access = SNUG_CREATE };

	return on_named(&named);
}

SEC("lsm/path_mkdir")
int BPF_PROG(lsm_mkdir, const struct path *dir, struct dentry *dentry, unsigned short mode)
{
	struct named named = { .place = IN(dir, dentry), .access = SNUG_CREATE };

	return on_named(&named);
}

SEC("lsm/path_truncate")
int BPF_PROG(lsm_truncate, const struct path *path)
{
	struct named named = { .place = PLACE(*path), .access = SNUG_WRITE };

	return on_named(&named);
}

/* By mknod, or by an open that makes the file, whose own hook would come too late for that. Binding a socket is neither. */
SEC("lsm/path_mknod")
int BPF_PROG(lsm_mknod, const struct path *dir, struct dentry *dentry, unsigned short mode, unsigned int device)
{
	struct named named = { .place = IN(dir, dentry), .access = SNUG_CREATE };
	struct call call = {};
	u32 class = class_now(&call, bpf_get_current_task_btf());

	if ((mode & S_IFMT) == S_IFSOCK)
		return 0;
	named.if_refused = class != SNUG_CLASS_MAKE && class != SNUG_CLASS_MAKEAT;
	return on_named(&named);
}

/* A socket address as the kernel copied it from the caller. */
static __always_inline bool peer_at(const void *address, int size, struct peer *peer, u32 any)
{
	struct {
		u16 family;
		u16 port;
		u32 word[5];
	} read = {};

	if (size < 16 || bpf_probe_read_kernel(&read, size >= 24 ? 24 : 16, address))
		return false;
	peer->port = bpf_ntohs(read.port);
	if (read.family == AF_INET || (read.family == 0 && any == AF_INET)) {
		peer->family = 4;
		peer->address[0] = read.word[0];
		return true;
	}
	if (read.family != AF_INET6 || size < 24)
		return false;
	peer->family = 6;
	peer->address[0] = read.word[1];
	peer->address[1] = read.word[2];
	peer->address[2] = read.word[3];
	peer->address[3] = read.word[4];
	unmap(peer);
	return true;
}

static __always_inline u8 protocol_of_socket(const struct sock *sock)
{
	return sock->sk_protocol == IPPROTO_MPTCP ? SNUG_TCP : protocol_of(sock->sk_protocol);
}

static __always_inline int on_peer(const struct sock *sock, u8 kind, const void *address, int size, u32 any)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting(task);
	struct peer peer = {};

	if (!state || !peer_at(address, size, &peer, any))
		return 0;
	peer.protocol = protocol_of_socket(sock);
	return REFUSE_IF(!tell_peer(task, state, kind, &peer, 0, SNUG_REFUSED));
}

SEC("lsm/socket_connect")
int BPF_PROG(lsm_connect, struct socket *socket, struct sockaddr *address, int size)
{
	struct sock *sock = socket->sk;

	if (!sock || (sock->sk_type != SOCK_STREAM && sock->sk_type != SOCK_DGRAM))
		return 0;
	return on_peer(sock, SNUG_CONNECT, address, size, 0);
}

/* Datagrams to an address that comes with them, and data that opens its own connection. */
SEC("lsm/socket_sendmsg")
int BPF_PROG(lsm_send, struct socket *socket, struct msghdr *message, int size)
{
	struct sock *sock;

	if (!message->msg_name)
		return 0;
	sock = socket->sk;
	if (!sock || (sock->sk_type != SOCK_DGRAM && !(message->msg_flags & MSG_FASTOPEN)))
		return 0;
	return on_peer(sock, SNUG_CONNECT, message->msg_name, message->msg_namelen, sock->__sk_common.skc_family);
}

/* Whoever binds a datagram socket hears on it; a stream socket does so only once it listens. */
SEC("lsm/socket_bind")
int BPF_PROG(lsm_bind, struct socket *socket, struct sockaddr *address, int size)
{
	struct sock *sock = socket->sk;

	return sock && sock->sk_type == SOCK_DGRAM ?
		       on_peer(sock, SNUG_LISTEN, address, size, sock->__sk_common.skc_family) : 0;
}

SEC("lsm/socket_listen")
int BPF_PROG(lsm_listen, struct socket *socket, int backlog)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting(task);
	struct sock *sock = socket->sk;
	struct peer peer = {};

	if (!state || !sock || !local_address(sock, &peer))
		return 0;
	peer.protocol = protocol_of_socket(sock);
	return REFUSE_IF(!tell_peer(task, state, SNUG_LISTEN, &peer, 0, SNUG_REFUSED));
}

static __always_inline int on_unix(struct sock *sock)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting(task);
	struct held *held;
	bool passes;
	u32 depth;

	if (!state || !sock)
		return 0;
	held = hold(state, &depth);
	if (!held)
		return 0;
	passes = tell_unix_peer(&held->scratch, task, state, (u64)sock, SNUG_REFUSED);
	let_go(depth);
	return REFUSE_IF(!passes);
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(lsm_unix, struct sock *sock, struct sock *other, struct sock *fresh)
{
	return on_unix(other);
}

/* A connect of a datagram socket, and each datagram: of those only what does not go to whom it is connected to. */
SEC("lsm/unix_may_send")
int BPF_PROG(lsm_unix_send, struct socket *socket, struct socket *other)
{
	struct unix_sock *local = bpf_core_cast(socket->sk, struct unix_sock);

	return (u64)local->peer == (u64)other->sk ? 0 : on_unix(other->sk);
}

static __always_inline int on_ids(const struct cred *fresh)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting(task);
	u32 uid = fresh->euid.val, gid = fresh->egid.val;

	if (!state || (uid == state->uid && gid == state->gid))
		return 0;
	return REFUSE_IF(!tell_identity(state, task, uid, gid, SNUG_REFUSED));
}

SEC("lsm/task_fix_setuid")
int BPF_PROG(lsm_setuid, struct cred *fresh, const struct cred *old, int flags)
{
	return on_ids(fresh);
}

SEC("lsm/task_fix_setgid")
int BPF_PROG(lsm_setgid, struct cred *fresh, const struct cred *old, int flags)
{
	return on_ids(fresh);
}

/* Comes only after the kernel's own rules have granted it. */
SEC("lsm/capable")
int BPF_PROG(lsm_capable, const struct cred *cred, struct user_namespace *target, int capability,
	     unsigned int options)
{
	return REFUSE_IF(!use_capability(cred, capability, SNUG_REFUSED, NEWER_FIRST));
}

static __noinline int judge_sensitive(struct held *held, struct call *call, u32 id, u32 stop)
{
	struct scratch *scratch = &held->scratch;
	struct sensitive sensitive = { .id = id, .at = SNUG_TEXT_MAX, .stop = stop };
	struct snug_task *state = state_of(call->task);
	struct call_shape shape = shape_of(id);
	u64 string = 0;
	long size;

	if (!state)
		return 0;
	if (shape.number == 0)
		sensitive.number = argument(call, 0);
	else if (shape.number == 1)
		sensitive.number = argument(call, 1);
	if (shape.string == 0)
		string = argument(call, 0);
	else if (shape.string == 1)
		string = argument(call, 1);
	else if (shape.string == 3)
		string = argument(call, 3);
	if (string) {
		size = bpf_probe_read_user_str(scratch->string, SNUG_PATH_MAX, (void *)string);
		if (size > 1)
			sensitive.at = put_plain(scratch, SNUG_TEXT_MAX, size - 1);
	}
	sensitive.flags = (was_denied(call->ret) ? SNUG_DENIED : 0) | (call->compat ? SNUG_COMPAT : 0);
	return tell_sensitive(scratch, call->task, state, &sensitive);
}

#define BIT(id) (1ull << SNUG_CALL_##id)

/* A hook that comes in one of the system calls in `ids`. In others it means nothing. */
static __always_inline int on_hook(u64 ids)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct snug_task *state = acting(task);
	struct call call = {};
	struct held *held;
	u32 class, depth;
	int result;

	if (!state)
		return 0;
	class = class_now(&call, task);
	if (class <= SNUG_CLASS_CALL || class >= SNUG_CLASS_CALL + SNUG_CALLS ||
	    !(ids & 1ull << (class - SNUG_CLASS_CALL)))
		return 0;
	held = hold(state, &depth);
	if (!held)
		return 0;
	result = judge_sensitive(held, &call, class - SNUG_CLASS_CALL, SNUG_REFUSED);
	let_go(depth);
	return REFUSE_IF(result);
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(lsm_ptrace, struct task_struct *child, unsigned int mode)
{
	return on_hook(BIT(PTRACE) | BIT(PROCESS_VM_WRITEV));
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(lsm_traceme, struct task_struct *parent)
{
	return on_hook(BIT(PTRACE));
}

SEC("lsm/sb_mount")
int BPF_PROG(lsm_mount, const char *device, const struct path *path, const char *type, unsigned long flags,
	     void *data)
{
	return on_hook(BIT(MOUNT));
}

SEC("lsm/sb_umount")
int BPF_PROG(lsm_umount, struct vfsmount *mount, int flags)
{
	return on_hook(BIT(UMOUNT));
}

SEC("lsm/move_mount")
int BPF_PROG(lsm_move_mount, const struct path *from, const struct path *to)
{
	return on_hook(BIT(MOVE_MOUNT));
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(lsm_pivot_root, const struct path *old, const struct path *fresh)
{
	return on_hook(BIT(PIVOT_ROOT));
}

SEC("lsm/path_chroot")
int BPF_PROG(lsm_chroot, const struct path *path)
{
	return on_hook(BIT(CHROOT));
}

SEC("lsm/kernel_read_file")
int BPF_PROG(lsm_read_file, struct file *file, int what, bool whole)
{
	return on_hook(BIT(FINIT_MODULE) | BIT(KEXEC_LOAD));
}

SEC("lsm/kernel_load_data")
int BPF_PROG(lsm_load_data, int what, bool whole)
{
	return on_hook(BIT(INIT_MODULE) | BIT(KEXEC_LOAD));
}

SEC("lsm/bpf")
int BPF_PROG(lsm_bpf, int command, union bpf_attr *attributes, unsigned int size)
{
	return on_hook(BIT(BPF));
}

SEC("lsm/perf_event_open")
int BPF_PROG(lsm_perf, void *attributes, int type)
{
	return on_hook(BIT(PERF_EVENT_OPEN));
}

SEC("lsm/key_alloc")
int BPF_PROG(lsm_key, void *key, const struct cred *cred, unsigned long flags)
{
	return on_hook(BIT(ADD_KEY));
}

/* A fork into namespaces of its own. The flags are those that the kernel took. */
SEC("lsm/task_alloc")
int BPF_PROG(lsm_clone, struct task_struct *child, unsigned long flags)
{
	struct sensitive sensitive = { .id = SNUG_CALL_CLONE, .at = SNUG_TEXT_MAX, .stop = SNUG_REFUSED };
	struct task_struct *task;
	struct snug_task *state;
	struct held *held;
	bool refused;
	u32 depth;

	sensitive.number = flags & CLONE_NEW_ANY;
	if (!sensitive.number)
		return 0;
	task = bpf_get_current_task_btf();
	state = acting(task);
	held = state ? hold(state, &depth) : 0;
	if (!held)
		return 0;
	refused = tell_sensitive(&held->scratch, task, state, &sensitive);
	let_go(depth);
	return REFUSE_IF(refused);
}

/*
 * Sensitive calls that have no hook of their own: seen as they return, each by itself, so that no other system call of
 * the host pays for it. The sensor names the function, which is another on each machine.
 */
static __always_inline int on_return(struct pt_regs *regs, long ret, u32 id, u32 compat)
{
	struct call call = { .regs = regs, .ret = ret, .compat = compat };
	struct snug_task *state;
	struct held *held;
	u32 depth;

	call.task = bpf_get_current_task_btf();
	state = acting(call.task);
	if (!state || (ret < 0 && !was_denied(ret)))
		return 0;
	held = hold(state, &depth);
	if (!held)
		return 0;
	if (judge_sensitive(held, &call, id, stop_of(id)))
		stop_here();
	let_go(depth);
	return 0;
}

#define RETURN_OF(name, id)                                                         \
	SEC("fexit")                                                                \
	int BPF_PROG(return_##name, struct pt_regs *regs, long ret)                 \
	{                                                                           \
		return on_return(regs, ret, SNUG_CALL_##id, 0);                     \
	}                                                                           \
	SEC("fexit")                                                                \
	int BPF_PROG(compat_##name, struct pt_regs *regs, long ret)                 \
	{                                                                           \
		return on_return(regs, ret, SNUG_CALL_##id, TS_COMPAT);             \
	}

RETURN_OF(unshare, UNSHARE)
RETURN_OF(setns, SETNS)
RETURN_OF(memfd_create, MEMFD_CREATE)
RETURN_OF(io_uring_setup, IO_URING_SETUP)
RETURN_OF(fsopen, FSOPEN)
RETURN_OF(open_tree, OPEN_TREE)
RETURN_OF(delete_module, DELETE_MODULE)
RETURN_OF(keyctl, KEYCTL)

#endif
