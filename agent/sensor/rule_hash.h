/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes as the kernel programs make them. */
#ifndef SNUG_RULE_HASH_H
#define SNUG_RULE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include "abi.h"
#include "hash.h"

__u64 hash_bytes(const struct snug_keys *keys, const void *text, size_t size);
__u64 hash_path(const struct snug_keys *keys, const void *text, size_t size);
__u64 hash_tail(const struct snug_keys *keys, const void *text, size_t size);
__u64 hash_leaf(const struct snug_keys *keys, const void *text, size_t size);
__u64 peer_name(const struct snug_keys *keys, const void *text, size_t size);
/*
 * The key by which the kernel programs find a rule, or the range of its ports. Its texts follow it
 * in memory.
 */
__u64 rule_key(const struct snug_keys *keys, const struct snug_rule *rule, bool of_range);

#endif
