/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's helpers for code that runs in user space: memory is the process's own. */
#ifndef SNUG_SHIM_HELPERS_H
#define SNUG_SHIM_HELPERS_H

#include <string.h>

#define SEC(name)
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __kconfig
#define __ksym
#define __weak __attribute__((weak))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]

#define bpf_loop(count, step, context, flags)             \
	do {                                              \
		for (__u32 at_ = 0; at_ < (count); at_++) \
			if (step(at_, context))           \
				break;                    \
	} while (0)

static inline void *bpf_map_lookup_elem(void *map, const void *key)
{
	return 0;
}

static inline long bpf_probe_read_kernel(void *to, __u32 size, const void *from)
{
	memmove(to, from, size);
	return 0;
}

#endif
