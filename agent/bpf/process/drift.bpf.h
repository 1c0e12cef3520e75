/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a file is the image's own: overlayfs' layers, and what was written since the container
 * began.
 */
#ifndef SNUG_DRIFT_H
#define SNUG_DRIFT_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "hash.h"
#include "lib/field.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "process/layer.bpf.h"
#include "shared.h"

/*
 * Where overlayfs keeps the file that an upper one was copied from: a list behind the upper file,
 * of a count and of pairs of layer and file. So since 6.5; it is no part of any BTF where overlayfs
 * is a module.
 */
#define OVERLAY_LOWER_SINCE 0x60500
#define OVERLAY_LOWER_LAYER 8
#define OVERLAY_LOWER_DENTRY 16

static __always_inline u64 pointer_at(u64 address)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/* The file of the image that this one of the upper layer is a copy of; none where it is new. */
static __always_inline struct path_ref lower_path(u64 inode)
{
	struct path_ref path_ref = {};
	u64 list = pointer_at(inode + bpf_core_type_size(struct inode) + sizeof(u64)), layer;
	u32 count = 0;

	if (LINUX_KERNEL_VERSION < OVERLAY_LOWER_SINCE || !list)
		return path_ref;
	bpf_probe_read_kernel(&count, sizeof(count), (void *)list);
	layer = count ? pointer_at(list + OVERLAY_LOWER_LAYER) : 0;
	if (!layer)
		return path_ref;
	path_ref.dentry = pointer_at(list + OVERLAY_LOWER_DENTRY);
	path_ref.mnt = pointer_at(layer);
	return path_ref;
}

/* The same before the file is copied, and after a restart. */
static __always_inline u64 shipped_key(const struct snug_slot *slot, u64 lower)
{
	return SNUG_MIX(keys, slot->layer, inode_key((u64)FIELD_AT(struct dentry, lower, d_inode)));
}

/*
 * A `chmod` alone copies a file of the image to the upper layer. The copy still counts as the
 * image's file while no process has opened it for writing and it has its name of the lower layer.
 */
static __noinline bool is_unmodified(struct scratch *scratch, const struct snug_task *state,
				     u64 inode, u64 path)
{
	struct snug_slot *slot = slot_of(state);
	struct snug_layer *layer = layer_of_slot(slot);
	struct path_ref lower;
	u64 key;

	if (!slot || slot->container != state->container || !layer || layer->untrusted)
		return false;
	lower = lower_path(inode);
	if (!lower.dentry || !lower.mnt)
		return false;
	key = shipped_key(slot, lower.dentry);
	if (bpf_map_lookup_elem(&written, &key))
		return false;
	walk_from(scratch, lower, 0);
	return walk_hash(scratch) == path;
}

/* Opened so that it can be changed: from now on a copy of the image's file is no longer that. */
static __always_inline void record_write(const struct snug_task *state, const struct file *file)
{
	u64 inode = (u64)file->f_inode, key, value, lower;
	struct snug_slot *slot;
	struct snug_layer *layer;

	if (!(file->f_mode & FMODE_WRITE) && !(file->f_flags & O_TRUNC))
		return;
	lower = is_overlay(block_of(inode)) ? lower_path(inode).dentry : 0;
	slot = lower ? slot_of(state) : 0;
	layer = layer_of_slot(slot);
	if (!slot || !layer || layer->untrusted)
		return;
	key = shipped_key(slot, lower);
	value = slot->layer;
	if (bpf_map_lookup_elem(&written, &key))
		return;
	if (layer->written >= SNUG_WRITTEN_SHARE ||
	    bpf_map_update_elem(&written, &key, &value, BPF_ANY))
		layer->untrusted = 1;
	else
		layer->written++;
}

/* A file was changed, and which inode it is does not show. */
static __always_inline void mark_untrusted(const struct snug_task *state)
{
	struct snug_layer *layer = layer_of_slot(slot_of(state));

	if (layer && !layer->untrusted)
		layer->untrusted = 1;
}

/*
 * The file system of the container's root. Not that of the process's root, which `chroot` moves to
 * a volume.
 */
static __always_inline u64 image_block(u64 root)
{
	return (u64)FIELD_AT(struct dentry, root, d_sb);
}

/* It is of the container's root. Of one that is no overlay a volume can be of the same block. */
static __always_inline bool is_of_root(u64 inode, u64 root)
{
	u64 block = block_of(inode);

	return is_overlay(block) && block == image_block(root);
}

/* It lies in the layers beneath the container's own. */
static __always_inline bool is_from_image(u64 inode, u64 root)
{
	return is_of_root(inode, root) && !upper_of(inode);
}

static __always_inline bool is_memfd(u64 dentry)
{
	const u64 memfd = 0x3a64666d656dull; /* "memfd:" */

	return FIELD_AT(struct dentry, dentry, d_name.len) >= 6 &&
	       (load_word(name_of(dentry)) & 0xffffffffffffull) == memfd;
}

/* A process cannot set this time, unlike that of the content. In ns. */
static __always_inline u64 changed_at(u64 inode)
{
	struct timespec64 at = {};

	if (bpf_core_field_exists(struct inode___since_6_11, i_ctime_sec)) {
		at.tv_sec = FIELD_AT(struct inode___since_6_11, inode, i_ctime_sec);
		at.tv_nsec = FIELD_AT(struct inode___since_6_11, inode, i_ctime_nsec) & CTIME_NSEC;
	} else if (bpf_core_field_exists(struct inode___since_6_6, __i_ctime)) {
		at.tv_sec = FIELD_AT(struct inode___since_6_6, inode, __i_ctime.tv_sec);
		at.tv_nsec = FIELD_AT(struct inode___since_6_6, inode, __i_ctime.tv_nsec);
	} else {
		at.tv_sec = FIELD_AT(struct inode___before_6_6, inode, i_ctime.tv_sec);
		at.tv_nsec = FIELD_AT(struct inode___before_6_6, inode, i_ctime.tv_nsec);
	}
	return at.tv_sec * 1000000000ull + at.tv_nsec;
}

/* `root`: 0 of a process that outlived its container. */
static __always_inline u16 drift_of(u64 dentry, u64 inode, u32 end, u64 root)
{
	u64 block = block_of(inode);

	if (end == WALK_ALONE && is_memfd(dentry))
		return SNUG_DRIFT_MEMFD;
	if (is_overlay(block) && upper_of(inode))
		return SNUG_DRIFT_UPPER;
	return root && block != image_block(root) ? SNUG_DRIFT_MOUNT : 0;
}

/*
 * A unit has no layers: of its files, the agent is to look at those that were changed since it
 * began. `drift`: as of a container.
 */
static __always_inline u16 drift_in_unit(const struct snug_slot *slot, u64 inode, u16 drift)
{
	if (drift & SNUG_DRIFT_MEMFD)
		return drift;
	return changed_at(inode) > slot->began + control.wall_offset ? SNUG_DRIFT_UPPER : 0;
}

/* Not inlined: its caller has little stack left on older kernels. */
static __noinline u16 drift_where(const struct snug_task *state, u64 inode, u16 drift)
{
	struct snug_slot *slot = state ? slot_of(state) : 0;

	return slot && is_unit(slot) ? drift_in_unit(slot, inode, drift) : drift;
}

/* The drift of a file whose path was just walked, with that path's hash. */
static __always_inline u16 drift_of_code(struct scratch *scratch, const struct snug_task *state,
					 u64 dentry, u64 inode, u64 path, u64 root)
{
	u16 drift = drift_of(dentry, inode, scratch->walk.end, root);

	if (drift & SNUG_DRIFT_UPPER && is_unmodified(scratch, state, inode, path))
		drift &= ~SNUG_DRIFT_UPPER;
	return drift;
}

/* No process of the container can write to it. */
static __always_inline bool is_read_only(u64 mnt)
{
	u64 block = (u64)FIELD_AT(struct vfsmount, mnt, mnt_sb);

	return FIELD_AT(struct vfsmount, mnt, mnt_flags) & MNT_READONLY ||
	       FIELD_AT(struct super_block, block, s_flags) & SB_RDONLY;
}

#endif
