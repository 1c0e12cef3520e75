/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths, from the file itself up to the container's root.
 *
 * A walk goes by dentry and, at the root of a mount, on to its mount point. It ends at the
 * container's root directory, so a chroot inside the container changes nothing, or at the topmost
 * mount of the namespace, which is the same after pivot_root. A loop lets it be as long as the
 * longest path.
 *
 * A walk that only hashes reads names 8 bytes at a time from the dentry, without a helper: this is
 * the cost of each repeated event. The hash takes the names from the leaf upwards.
 */
#ifndef SNUG_PATH_H
#define SNUG_PATH_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hash.h"
#include "lib/field.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/portable.bpf.h"
#include "lib/scratch.bpf.h"
#include "rule_key.h"

#define WALK_MAX 8192
#define NAME_WORDS 32 /* of a name of 255 bytes */

enum walk_end {
	WALK_GOES_ON = 0,
	WALK_ROOT,  /* the container's */
	WALK_TOP,   /* of the mount namespace, or of a mount that is not in one */
	WALK_ALONE, /* a dentry without parent: memfd, unlinked */
};

#define PATH_REF(path) ((struct path_ref){ (u64)(path).dentry, (u64)(path).mnt })
/* A process's root or working directory. */
#define FOLDER_REF(task, folder) \
	((struct path_ref){ (u64)READ(task, fs, folder.dentry), (u64)READ(task, fs, folder.mnt) })

static __always_inline void walk_from(struct scratch *scratch, struct path_ref path_ref, u64 root)
{
	struct walk *walk = &scratch->walk;

	walk->dentry = path_ref.dentry;
	walk->mount = path_ref.mnt - bpf_core_field_offset(struct mount, mnt);
	walk->root = root;
	walk->hash = keys.seed;
	walk->end = WALK_GOES_ON;
	walk->parts = 0;
	walk->length = 0;
	walk->cut = 0;
	walk->bound = 0;
}

/*
 * Eight bytes of kernel memory, or zero where the address is not mapped. `hash_len` stands for any
 * u64.
 */
static __always_inline u64 load_word(u64 address)
{
	return FIELD_AT(struct qstr, address, hash_len);
}

/* How much of a name stands in whole words, and whether the last word of what is hashed is not. */
#define WHOLE_WORDS(len) ((len) & ~7u)
#define ENDS_IN_PART(len) ((len) < NAME_WORDS * 8 && (len) & 7)
#define PART_OF_WORD(word, len) ((word) & ((1ull << ((len) & 7) * 8) - 1))

/*
 * The last word comes after the loop: the verifier follows what is behind a loop for each of its
 * ends, and finds all of them to be the same.
 */
CHECKED_ONCE_IF_OLD u64 mix_name(u64 hash, u64 name, u32 len)
{
	hash = SNUG_MIX_LEN(keys, hash, len);
	for (u32 i = 0; i < NAME_WORDS; i++) {
		if (i * 8 + 8 > len)
			break;
		hash = SNUG_MIX(keys, hash, load_word(name + i * 8));
	}
	if (ENDS_IN_PART(len))
		hash = SNUG_MIX(keys, hash, PART_OF_WORD(load_word(name + WHOLE_WORDS(len)), len));
	return hash;
}

/* The parent of `walk->dentry`, which has a name. Goes over mounts: 0 then, and at the walk's end.
 */
static __always_inline u64 walk_up(struct walk *walk)
{
	u64 parent;

	if (walk->dentry == walk->root) {
		walk->end = WALK_ROOT;
		return 0;
	}
	if (walk->dentry == (u64)FIELD_AT(struct mount, walk->mount, mnt.mnt_root)) {
		u64 above = (u64)FIELD_AT(struct mount, walk->mount, mnt_parent);

		if (above == walk->mount || !above) {
			walk->end = WALK_TOP;
			return 0;
		}
		walk->dentry = (u64)FIELD_AT(struct mount, walk->mount, mnt_mountpoint);
		walk->mount = above;
		return 0;
	}
	parent = (u64)FIELD_AT(struct dentry, walk->dentry, d_parent);
	if (parent == walk->dentry || !parent) {
		walk->end = WALK_ALONE;
		return 0;
	}
	return parent;
}

static __always_inline u64 name_of(u64 dentry)
{
	return (u64)FIELD_AT(struct dentry, dentry, d_name.name);
}

static int walk_hash_step(u32 index, struct scratch **scratch)
{
	struct walk *walk = &(*scratch)->walk;
	u64 parent = walk_up(walk);
	u32 len;

	if (!parent)
		return walk->end != WALK_GOES_ON;
	len = FIELD_AT(struct dentry, walk->dentry, d_name.len);
	walk->hash = mix_name(walk->hash, name_of(walk->dentry), len);
	walk->length += len + 1;
	walk->dentry = parent;
	walk->parts++;
	return 0;
}

LONG_LOOP_STEP(walk_hash_step)

/*
 * A file of another mount namespace, by a process of it or a descriptor, or of a mount that is in
 * none. Its path begins where no name of this namespace leads: it is only the tail of one, and not
 * the path that the same text is here.
 */
static __always_inline bool is_elsewhere(const struct walk *walk)
{
	struct task_struct *task;

	if (walk->end != WALK_TOP || !walk->root || walk->bound)
		return false;
	task = bpf_get_current_task_btf();
	return (u64)FIELD_AT(struct mount, walk->mount, mnt_ns) != (u64)READ(task, nsproxy, mnt_ns);
}

/*
 * The path's hash. A file without a place in the tree is hashed by its name. Where the path is a
 * tail, no rule has the hash: that of its text is for those.
 */
static __always_inline u64 walk_hash_in(struct scratch *scratch)
{
	u64 dentry, hash;

	LOOP(WALK_MAX, walk_hash_step, scratch);
	if (is_elsewhere(&scratch->walk))
		return SNUG_MIX(keys, scratch->walk.hash, SNUG_DOMAIN_ELSEWHERE);
	if (scratch->walk.end == WALK_ALONE) {
		dentry = scratch->walk.dentry;
		hash = mix_name(scratch->walk.hash, name_of(dentry),
				FIELD_AT(struct dentry, dentry, d_name.len));
		return scratch->walk.parts ? hash : SNUG_MIX(keys, hash, SNUG_DOMAIN_ALONE);
	}
	return scratch->walk.hash;
}

SCRATCH_FUNCTION(u64, walk_hash, , )

#define EVENT_TEXT(scratch, at) \
	(&(scratch)->event[sizeof(struct snug_event) + ((at) & (SNUG_TEXT_MAX - 1))])

static __always_inline void prepend_name(struct scratch *scratch, u64 name, u32 len)
{
	struct walk *walk = &scratch->walk;

	if (walk->cut)
		return;
	if (walk->at < walk->floor + len + 1) {
		walk->cut = 1;
		return;
	}
	walk->at -= len;
	bpf_probe_read_kernel(EVENT_TEXT(scratch, walk->at), len & 255, (void *)name);
	walk->at--;
	*EVENT_TEXT(scratch, walk->at) = '/';
}

static int walk_text_step(u32 index, struct scratch **scratch)
{
	struct walk *walk = &(*scratch)->walk;
	u64 parent = walk_up(walk);

	if (!parent)
		return walk->end != WALK_GOES_ON;
	prepend_name(*scratch, name_of(walk->dentry),
		     FIELD_AT(struct dentry, walk->dentry, d_name.len));
	walk->dentry = parent;
	walk->parts++;
	return 0;
}

LONG_LOOP_STEP(walk_text_step)

/*
 * Puts the path before what stands at `at`, and returns where it begins. With `whole`, a root by
 * itself is `/`, and a file without a place in the tree is its name.
 */
static __always_inline u32 walk_text_in(struct scratch *scratch, u32 at, bool whole)
{
	u64 dentry;

	scratch->walk.at = at;
	scratch->walk.floor = at > SNUG_PATH_MAX ? at - SNUG_PATH_MAX : 0;
	LOOP(WALK_MAX, walk_text_step, scratch);
	if (scratch->walk.end == WALK_GOES_ON || is_elsewhere(&scratch->walk))
		scratch->walk.cut = 1;
	if (!whole || scratch->walk.cut)
		return scratch->walk.at;
	if (scratch->walk.end == WALK_ALONE) {
		dentry = scratch->walk.dentry;
		prepend_name(scratch, name_of(dentry), FIELD_AT(struct dentry, dentry, d_name.len));
		return scratch->walk.parts ? scratch->walk.at : scratch->walk.at + 1;
	}
	if (scratch->walk.at == at && at) {
		scratch->walk.at--;
		*EVENT_TEXT(scratch, scratch->walk.at) = '/';
	}
	return scratch->walk.at;
}

SCRATCH_FUNCTION(u32, walk_text, AND(u32 at, bool whole), AND(at, whole))

static int text_hash_step(u32 index, struct scratch **scratch)
{
	struct text_hash *text = &(*scratch)->text;
	u32 at = text->at, end = text->end, rest = end - at;
	u64 word;

	if (at >= end)
		return 1;
	word = *(u64 *)EVENT_TEXT(*scratch, at);
	if (rest < 8)
		word &= (1ull << (rest * 8)) - 1;
	text->hash = SNUG_MIX(keys, text->hash, word);
	text->at = at + 8;
	return 0;
}

LONG_LOOP_STEP(text_hash_step)

/*
 * The hash of the text from `at` to `end` as such: of a string that the caller passed. Not the hash
 * of a walk.
 */
static __always_inline u64 hash_range_in(struct scratch *scratch, u32 at, u32 end)
{
	scratch->text.hash = SNUG_MIX_LEN(keys, keys.seed, end - at);
	scratch->text.at = at;
	scratch->text.end = end;
	LOOP(SNUG_TEXT_MAX / 8 + 1, text_hash_step, scratch);
	return scratch->text.hash;
}

SCRATCH_FUNCTION(u64, hash_range, AND(u32 at, u32 end), AND(at, end))

static __always_inline u64 hash_text_tail(struct scratch *scratch, u32 at)
{
	return hash_range(scratch, at, SNUG_TEXT_MAX);
}

/* The same of a text that is only the tail of a path: of a walk's too. */
static __always_inline u64 hash_cut(struct scratch *scratch, u32 at, u32 end)
{
	return SNUG_MIX(keys, hash_range(scratch, at, end), SNUG_DOMAIN_CUT);
}

/* A part of a path in the text, as `mix_name` does it with a name of the kernel's. */
static __always_inline u64 mix_part_in(const struct scratch *scratch, u64 hash, u32 at, u32 len)
{
	hash = SNUG_MIX_LEN(keys, hash, len);
	for (u32 i = 0; i < NAME_WORDS; i++) {
		if (i * 8 + 8 > len)
			break;
		hash = SNUG_MIX(keys, hash, *(u64 *)EVENT_TEXT(scratch, at + i * 8));
	}
	if (ENDS_IN_PART(len))
		hash = SNUG_MIX(keys, hash,
				PART_OF_WORD(*(u64 *)EVENT_TEXT(scratch, at + WHOLE_WORDS(len)),
					     len));
	return hash;
}

SCRATCH_INLINE(u64, mix_part, AND(u64 hash, u32 at, u32 len), AND(hash, at, len))

static __always_inline void keep_part(struct scratch *scratch, u32 at, u32 len)
{
	struct canonical *canonical = &scratch->canonical;

	canonical->hash = mix_part(scratch, canonical->hash, at, len);
	if (!canonical->parts++)
		canonical->leaf = canonical->hash;
	canonical->to -= len;
	if (canonical->to != at) {
		bpf_probe_read_kernel(scratch->string, len & (SNUG_PATH_MAX - 1),
				      EVENT_TEXT(scratch, at));
		bpf_probe_read_kernel(EVENT_TEXT(scratch, canonical->to), len & (SNUG_PATH_MAX - 1),
				      scratch->string);
	}
	canonical->to--;
	*EVENT_TEXT(scratch, canonical->to) = '/';
}

static int canonical_step(u32 index, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct canonical *canonical = &scratch->canonical;
	u32 at = canonical->at, len;
	u16 start;

	if (at <= canonical->from)
		return 1;
	at--;
	canonical->at = at;
	if (*EVENT_TEXT(scratch, at) != '/')
		return 0;
	len = canonical->part_end - at - 1;
	canonical->part_end = at;
	start = *(u16 *)EVENT_TEXT(scratch, at + 1);
	if (!len || (len == 1 && (start & 255) == '.'))
		return 0;
	if (len == 2 && start == ('.' | '.' << 8))
		canonical->back = ++canonical->skip;
	else if (canonical->skip)
		canonical->skip--;
	else
		keep_part(scratch, at + 1, len);
	return 0;
}

LONG_LOOP_STEP(canonical_step)

/*
 * Makes the absolute path from `at` to `end` canonical, in place, so that it ends at `to`; returns
 * where it begins. `scratch->tidy` has its hash then: that of a walk to it. A string of the
 * caller's in `scratch->string` is gone.
 */
static __always_inline u32 canonical_path_in(struct scratch *scratch, u32 at, u32 end, u32 to)
{
	struct canonical *canonical = &scratch->canonical;

	canonical->hash = keys.seed;
	canonical->leaf = 0;
	canonical->at = end;
	canonical->from = at;
	canonical->part_end = end;
	canonical->to = to;
	canonical->skip = 0;
	canonical->back = 0;
	canonical->parts = 0;
	LOOP(SNUG_TEXT_MAX + 1, canonical_step, scratch);
	if (!canonical->parts && canonical->to) {
		canonical->to--;
		*EVENT_TEXT(scratch, canonical->to) = '/';
	}
	return canonical->to;
}

SCRATCH_FUNCTION(u32, canonical_path, AND(u32 at, u32 end, u32 to), AND(at, end, to))

/* Pipes, sockets, files in memory and anonymous inodes lie where no path leads. */
static __always_inline bool has_name(u64 dentry)
{
	u64 super_block = (u64)FIELD_AT(struct dentry, dentry, d_sb);

	return !(FIELD_AT(struct super_block, super_block, s_flags) & SB_NOUSER);
}

/* A mount of the kernel, which no process can come by: a layer, memory, a pipe. */
static __always_inline bool is_on_private_mount(u64 mnt)
{
	u64 mount = mnt - bpf_core_field_offset(struct mount, mnt);

	return (s64)FIELD_AT(struct mount, mount, mnt_ns) == -EINVAL;
}

/* The address of the file behind a descriptor; 0: there is none. */
static __always_inline u64 file_address(struct task_struct *task, u32 fd)
{
	struct fdtable *table = READ(task, files, fdt);

	if (fd >= READ(table, max_fds))
		return 0;
	return load_word((u64)READ(table, fd) + fd * sizeof(u64));
}

/* For programs of kernels that have bpf_rdonly_cast. */
static __always_inline struct file *file_at(struct task_struct *task, u32 fd)
{
	u64 file = file_address(task, fd);

	return file ? bpf_core_cast((void *)file, struct file) : 0;
}

/*
 * Puts `size` bytes of `scratch->string` before `at`. Not inlined, so that the compiler keeps its
 * masks.
 */
static __always_inline u32 prepend_string_in(struct scratch *scratch, u32 at, u32 size)
{
	if (size > SNUG_PATH_MAX)
		size = SNUG_PATH_MAX;
	at -= size;
	bpf_probe_read_kernel(EVENT_TEXT(scratch, at), size & (2 * SNUG_PATH_MAX - 1),
			      scratch->string);
	return at;
}

SCRATCH_FUNCTION(u32, prepend_string, AND(u32 at, u32 size), AND(at, size))

/*
 * The string in `scratch->string` as an absolute path: before `at`. Returns where it begins. Where
 * the process went into a chroot inside of the container, an absolute string begins there.
 */
static __always_inline u32 prepend_absolute(struct scratch *scratch, u32 at, u32 size,
					    struct task_struct *task, struct path_ref from,
					    u64 root)
{
	at = prepend_string(scratch, at, size);
	scratch->walk.cut = 0;
	if (scratch->string[0] == '/') {
		if ((u64)READ(task, fs, root.dentry) == root)
			return at;
		from = FOLDER_REF(task, root);
	} else if (size) {
		at--;
		*EVENT_TEXT(scratch, at) = '/';
	}
	if (!from.dentry)
		return at;
	walk_from(scratch, from, root);
	return walk_text(scratch, at, !size);
}

#endif
