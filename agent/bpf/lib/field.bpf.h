/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fields of kernel objects of which a program has the address alone. */
#ifndef SNUG_FIELD_H
#define SNUG_FIELD_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * Zero where the address is not mapped. A direct load where the kernel has it (Linux 6.2): half of
 * the cost of a read by helper, for each part of each path.
 */
#ifndef SNUG_PORTABLE
#define FIELD_AT(type, address, field)                                                      \
	({                                                                                  \
		u64 address_ = (u64)(address);                                              \
		typeof(((type *)0)->field) field_ = 0;                                      \
		if (bpf_ksym_exists(bpf_rdonly_cast))                                       \
			field_ = bpf_core_cast((void *)address_, type)->field;              \
		else                                                                        \
			bpf_core_read(&field_, sizeof(field_), &((type *)address_)->field); \
		field_;                                                                     \
	})
#else
#define FIELD_AT(type, address, field)                                              \
	({                                                                          \
		u64 address_ = (u64)(address);                                      \
		typeof(((type *)0)->field) field_ = 0;                              \
		bpf_core_read(&field_, sizeof(field_), &((type *)address_)->field); \
		field_;                                                             \
	})
#endif

#endif
