/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The writable layer of a container's overlay. A restart gives the container another cgroup and
 * perhaps another mount, and leaves the layer: so what is known of changed files belongs to it.
 */
#ifndef SNUG_LAYER_H
#define SNUG_LAYER_H

#include "lib/field.bpf.h"
#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "hash.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "shared.h"

static __always_inline u64 block_of(u64 inode)
{
	return (u64)FIELD_AT(struct inode, inode, i_sb);
}

static __always_inline bool is_overlay(u64 block)
{
	return FIELD_AT(struct super_block, block, s_magic) == OVERLAYFS_SUPER_MAGIC;
}

/*
 * Overlayfs puts its own part of an inode behind the kernel's; the second pointer there is the
 * dentry of the upper file. 0: there is none.
 */
static __always_inline u64 upper_of(u64 inode)
{
	return load_word(inode + bpf_core_type_size(struct inode));
}

static __always_inline u64 inode_key(u64 inode)
{
	return SNUG_MIX(keys, FIELD_AT(struct super_block, block_of(inode), s_dev),
			FIELD_AT(struct inode, inode, i_ino));
}

/* By the folder that is the layer's root. A later layer may get the number of its inode. */
static __always_inline u64 layer_of(u64 block)
{
	u64 root = (u64)FIELD_AT(struct super_block, block, s_root), upper, inode;

	if (!is_overlay(block))
		return 0;
	upper = upper_of((u64)FIELD_AT(struct dentry, root, d_inode));
	inode = upper ? (u64)FIELD_AT(struct dentry, upper, d_inode) : 0;
	return inode ? SNUG_MIX(keys, inode_key(inode),
				FIELD_AT(struct inode, inode, i_generation)) :
		       0;
}

/*
 * `number`: of the slot. What was changed before the sensor ran is on no record: then any file may
 * have been.
 */
static __noinline int begin_root(struct snug_slot *slot, u32 number, u64 root)
{
	struct snug_layer begun = {}, *layer;
	u64 key;

	if (!slot)
		return 0;
	key = layer_of((u64)FIELD_AT(struct dentry, root, d_sb));
	if (key)
		bpf_map_update_elem(&layers, &key, &begun, BPF_NOEXIST);
	layer = bpf_map_lookup_elem(&layers, &key);
	if (layer) {
		layer->slot = number;
		layer->untrusted |= slot->before;
	}
	slot->layer = key;
	slot->root = root;
	return 0;
}

static __always_inline struct snug_layer *layer_of_slot(const struct snug_slot *slot)
{
	u64 key = slot ? slot->layer : 0;

	return bpf_map_lookup_elem(&layers, &key);
}

#endif
