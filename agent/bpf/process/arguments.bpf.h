/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments of a program: where they are part of the behaviour, and where they are a command of the
 * engine.
 */
#ifndef SNUG_ARGUMENTS_H
#define SNUG_ARGUMENTS_H

#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/maps.bpf.h"
#include "lib/path.bpf.h"
#include "lib/scratch.bpf.h"
#include "shared.h"

/* Not inlined, so that the verifier goes through the list once. */
__noinline __weak int is_listed(u64 low, u64 high)
{
	for (u32 i = 0; i < SNUG_PROGRAMS; i++)
		if (programs[i].words[0] == low && programs[i].words[1] == high)
			return 1;
	return 0;
}

/* `python3.13` is `python`. */
__noinline __weak int is_named(u64 low, u64 high, u32 len)
{
	struct snug_program_name name = {};
	u32 letters = 0;

	for (u32 i = 0; i < 16; i++) {
		u64 c = (i < 8 ? low >> (i * 8) : high >> ((i - 8) * 8)) & 255;

		if (i >= len)
			break;
		if (c >= 'a' && c <= 'z' && letters == i) {
			letters++;
			if (i < 8)
				name.words[0] |= c << (i * 8);
			else
				name.words[1] |= c << ((i - 8) * 8);
		} else if (c != '.' && (c < '0' || c > '9')) {
			return 0;
		}
	}
	return letters && is_listed(name.words[0], name.words[1]);
}

/*
 * Whether the arguments are part of the behaviour: for an interpreter or a multi-call binary that a
 * process of the container runs. The image declares what the runtime runs, and arguments after a
 * script belong to the script.
 */
static __always_inline bool arguments_matter(const struct snug_task *state, const struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	u64 name = (u64)dentry->d_name.name;
	u32 len = dentry->d_name.len;

	if (!state->ancestors[0] || state->script || !len || len > 16)
		return false;
	return is_named(load_word(name), len > 8 ? load_word(name + 8) : 0, len);
}

/*
 * The arguments, from `at` on in the text. Only the new program could change them, and it does not
 * run yet. Where they are longer than the text, the beginning counts, with a mark behind it that no
 * whole argument of that length has: 1, as CUT in src/core/behaviour/behaviour.ts.
 */
static __noinline u32 read_arguments(struct scratch *scratch, u64 start, u64 end, u32 at)
{
	struct arguments *args;
	u64 size = end - start;

	if (!scratch)
		return 0;
	args = &scratch->arguments;
	args->cut = size > SNUG_ARGS_MAX ? SNUG_CUT : 0;
	if (args->cut)
		size = SNUG_ARGS_MAX - 2;
	args->size = size;
	if (bpf_probe_read_user(EVENT_TEXT(scratch, at), size & (2 * SNUG_ARGS_MAX - 1),
				(void *)start)) {
		args->cut = SNUG_CUT;
		args->size = 0;
	}
	args->judged = args->size;
	/* None at all are one that is empty, as recent kernels have it. */
	if (!size) {
		*EVENT_TEXT(scratch, at) = 0;
		args->judged = 1;
	}
	if (args->cut) {
		*EVENT_TEXT(scratch, at + args->size) = 1;
		*EVENT_TEXT(scratch, at + args->size + 1) = 0;
		args->judged = args->size + 2;
	}
	return args->size;
}

/*
 * Of a script: whether nothing but the interpreter, and one option of its own, stands before the
 * script's name, which ends `before` bytes from the end. An argument that repeats the name is no
 * such option.
 */
static __always_inline bool script_leads(struct scratch *scratch, u64 start, u64 size, u64 before,
					 u64 name_size, u64 name)
{
	u32 at = SNUG_TEXT_MAX - (u32)size;
	long interpreter, option;

	interpreter = bpf_probe_read_user_str(scratch->string, SNUG_PATH_MAX, (void *)start);
	if (interpreter < 1)
		return false;
	if (interpreter + name_size + before == size)
		return true;
	option = bpf_probe_read_user_str(scratch->string, SNUG_PATH_MAX,
					 (void *)(start + interpreter));
	return option > 1 && interpreter + option + name_size + before == size &&
	       hash_range(scratch, at + interpreter, at + interpreter + option - 1) != name;
}

/* Whether an exec session begins with this command; a script has these arguments and no others. */
static __noinline bool command_matches(struct scratch *scratch, const struct snug_task *state,
				       struct task_struct *task, const struct linux_binprm *bprm,
				       const struct snug_engine_command *command)
{
	u64 start = READ(task, mm, arg_start), size = READ(task, mm, arg_end) - start;
	u32 at = SNUG_TEXT_MAX - (u32)size, rest = SNUG_TEXT_MAX - command->rest_size, name;
	u64 name_hash;
	long name_size;

	if (!command->size || size > SNUG_ARGS_MAX || command->rest_size > SNUG_ARGS_MAX)
		return false;
	if (bpf_probe_read_user(EVENT_TEXT(scratch, at), size & (2 * SNUG_ARGS_MAX - 1),
				(void *)start))
		return false;
	if (!state->script)
		return size == command->size && hash_text_tail(scratch, at) == command->whole;
	if (scratch->canonical.back ||
	    (command->by_path ? scratch->canonical.hash : scratch->canonical.leaf) != command->name)
		return false;
	name_size = bpf_probe_read_kernel_str(scratch->string, SNUG_PATH_MAX, bprm->filename);
	if (name_size <= 1 || size < (u64)name_size + command->rest_size)
		return false;
	name = prepend_string(scratch, SNUG_TEXT_MAX - SNUG_ARGS_MAX, name_size - 1);
	name_hash = hash_range(scratch, name, SNUG_TEXT_MAX - SNUG_ARGS_MAX);
	return name_hash == hash_range(scratch, rest - name_size, rest - 1) &&
	       hash_text_tail(scratch, rest) == command->rest &&
	       script_leads(scratch, start, size, command->rest_size, name_size, name_hash);
}

/* Of a script the string counts that the engine has passed: it has no `..` then. */
static __always_inline bool
is_engine_command(struct scratch *scratch, const struct snug_task *state, struct task_struct *task,
		  const struct linux_binprm *bprm, const struct snug_slot *slot)
{
	for (int i = 0; i < SNUG_COMMANDS && slot->assignment.commands[i].size; i++)
		if (command_matches(scratch, state, task, bprm, &slot->assignment.commands[i]))
			return true;
	return false;
}

#endif
