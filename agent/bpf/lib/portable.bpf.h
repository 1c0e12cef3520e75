/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs use of the kernel and older kernels do not have. The programs are compiled
 * twice: the object `sensor` is for Linux 5.17 and newer. With SNUG_PORTABLE the same programs are
 * the object `portable`, for kernels from 5.10 on. These lack:
 *
 *	bpf_loop					5.17
 *	bpf_task_pt_regs				5.15
 *	atomic operations that return a value		5.12
 *	pointers as arguments of a global function	5.12
 *	task storage, and the current task with a type	5.11
 */
#ifndef SNUG_PORTABLE_H
#define SNUG_PORTABLE_H

#include "lib/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#ifndef SNUG_PORTABLE

/* A function that the verifier checks once, and not for each call. */
#define CHECKED_ONCE __noinline
/* The same of numbers, where the others have it inlined. */
#define CHECKED_ONCE_IF_OLD static __always_inline
/* The same, which the others have inlined. */
#define CHECKED_ONCE_IF_NEW __noinline

/*
 * The same pointer, without the verifier's trust. Where a program follows a pointer that it trusts,
 * the verifier asks whether the field is to be trusted too. Linux 6.5 to 6.18 then search all types
 * of the kernel by name, up to four times, on each way to the instruction: a millisecond each time.
 */
#define UNTRUSTED(from)                                                          \
	({                                                                       \
		typeof(from) from_ = (from);                                     \
		if (bpf_ksym_exists(bpf_rdonly_cast))                            \
			from_ = bpf_core_cast(from_, __typeof_unqual__(*from_)); \
		from_;                                                           \
	})

/* A field by way of the pointers before it, of a process or what it refers to. */
#define READ(from, ...) ___apply(READ_BY_, ___narg(__VA_ARGS__))(from, __VA_ARGS__)
#define READ_BY_1(from, field) ((from)->field)
#define READ_BY_2(from, ...) ___arrow(UNTRUSTED(from), __VA_ARGS__)
#define READ_BY_3 READ_BY_2
#define READ_BY_4 READ_BY_2

/*
 * Up to `times` calls of `step`, until one returns true. Its context is a pointer to `scratch`.
 */
#define LOOP(times, step, scratch) bpf_loop(times, step, &(scratch), 0)
#define LOOP_STEP(step)
#define LONG_LOOP_STEP(step)
#define LSM_LOOP_STEP(step)

/*
 * Defines `name` from `name_in`, to be checked once. Its first argument is a scratch; `parameters`
 * and `arguments` are the others.
 */
#define SCRATCH_FUNCTION(type, name, parameters, arguments)        \
	__noinline type name(struct scratch *scratch parameters)   \
	{                                                          \
		return scratch ? name##_in(scratch arguments) : 0; \
	}
#define SCRATCH_INLINE(type, name, parameters, arguments)                    \
	static __always_inline type name(struct scratch *scratch parameters) \
	{                                                                    \
		return name##_in(scratch arguments);                         \
	}

#else

#define UNTRUSTED(from) (from)
#define CHECKED_ONCE static __noinline
#define CHECKED_ONCE_IF_OLD __noinline __weak
#define CHECKED_ONCE_IF_NEW static __always_inline

#define READ(from, ...)                            \
	({                                         \
		typeof(from) from_ = (from);       \
		BPF_CORE_READ(from_, __VA_ARGS__); \
	})

/*
 * The verifier follows each round of a loop. So some rounds are a function of numbers alone, which
 * it checks once. A long step is such a function by itself. They are weak, so that the compiler
 * leaves their parameters alone.
 */
#define LOOP_BATCH 64
#define LOOP(times, step, scratch)                                        \
	for (u32 batch_ = 0; batch_ < (times) / LOOP_BATCH + 1; batch_++) \
		if (step##_batch((scratch)->number, batch_ * LOOP_BATCH)) \
	break
#define LOOP_STEP_OF(step, find)                                            \
	__noinline __weak int step##_batch(u32 number, u32 index)           \
	{                                                                   \
		struct scratch *scratch = find(number);                     \
                                                                            \
		for (u32 round = 0; scratch && round < LOOP_BATCH; round++) \
			if (step(index + round, &scratch))                  \
				return 1;                                   \
		return !scratch;                                            \
	}
#define LOOP_STEP(step) LOOP_STEP_OF(step, find_scratch)
#define LSM_LOOP_STEP(step) LOOP_STEP_OF(step, (struct scratch *)find_lsm_scratch)
#define LONG_LOOP_STEP(step)                                      \
	__noinline __weak int step##_once(u32 number, u32 index)  \
	{                                                         \
		struct scratch *scratch = find_scratch(number);   \
                                                                  \
		return scratch ? step(index, &scratch) : 1;       \
	}                                                         \
	__noinline __weak int step##_batch(u32 number, u32 index) \
	{                                                         \
		for (u32 round = 0; round < LOOP_BATCH; round++)  \
			if (step##_once(number, index + round))   \
				return 1;                         \
		return 0;                                         \
	}

#define SCRATCH_FUNCTION(type, name, parameters, arguments)                  \
	__noinline __weak type name##_by_number(u32 number parameters)       \
	{                                                                    \
		struct scratch *scratch = find_scratch(number);              \
                                                                             \
		return scratch ? name##_in(scratch arguments) : 0;           \
	}                                                                    \
	static __always_inline type name(struct scratch *scratch parameters) \
	{                                                                    \
		return name##_by_number(scratch->number arguments);          \
	}

#define SCRATCH_INLINE SCRATCH_FUNCTION

/* The registers lie at the end of the stack. Only x86-64 has trampolines on these kernels. */
#define THREAD_SIZE 16384

static __always_inline struct pt_regs *registers_of(struct task_struct *task)
{
	return (struct pt_regs *)((u64)READ(task, stack) + THREAD_SIZE -
				  bpf_core_type_size(struct pt_regs));
}

#define bpf_task_pt_regs(task) registers_of(task)

#define bpf_get_current_task_btf() ((struct task_struct *)bpf_get_current_task())

/*
 * Not atomic as far as the value before is concerned: two processors may both be the first. What
 * is added is never lost.
 */
#define BEFORE(pointer) (*(volatile typeof(*(pointer)) *)(pointer))
#define __sync_fetch_and_add(pointer, value)                  \
	({                                                    \
		typeof(*(pointer)) before_ = BEFORE(pointer); \
		(void)__sync_fetch_and_add(pointer, value);   \
		before_;                                      \
	})
#define __sync_fetch_and_or(pointer, value)                   \
	({                                                    \
		typeof(*(pointer)) before_ = BEFORE(pointer); \
		BEFORE(pointer) = before_ | (value);          \
		before_;                                      \
	})
#define __sync_lock_test_and_set(pointer, value)              \
	({                                                    \
		typeof(*(pointer)) before_ = BEFORE(pointer); \
		BEFORE(pointer) = (value);                    \
		before_;                                      \
	})

#endif

/* More parameters, or arguments, in a list. */
#define AND(...) , __VA_ARGS__

#endif
