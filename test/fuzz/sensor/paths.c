// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes paths: the code of the kernel programs, compiled for user space, against that of the
 * sensor. Both hash a path, and a rule is found only where the hashes are equal. The tree that a
 * walk goes up is built from the input.
 */
#include <stdint.h>
#include <stdlib.h>
#include "lib/path.bpf.h"
#include "sensor/rule_hash.h"

#define KEYS                                                                   \
	{ 0x9e3779b97f4a7c15ull, 0xbf58476d1ce4e5b9ull, 0x94d049bb133111ebull, \
	  0x2545f4914f6cdd1dull }

static const struct snug_keys same_keys = KEYS;
/* The programs declare it: the sensor sets it before it loads them. */
const volatile struct snug_keys keys = KEYS;

/* Longer names do not exist: the kernel refuses them before it looks for the file. */
#define PART_MAX 255
#define PARTS_MAX (SNUG_PATH_MAX / 2)

static struct scratch *scratch;

static void start(void)
{
	scratch = calloc(1, sizeof(*scratch));
}

static bool has_long_part(const uint8_t *text, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < size; i++) {
		length = text[i] == '/' ? 0 : length + 1;
		if (length > PART_MAX)
			return true;
	}
	return false;
}

/* What a path names, as both sides must read it: the parts that are left, from the first on. */
static size_t parts_of(const uint8_t *text, size_t size, size_t at[], size_t length[])
{
	size_t count = 0;

	for (size_t i = 0; i < size;) {
		size_t end = ++i;

		while (end < size && text[end] != '/')
			end++;
		if (end - i == 2 && text[i] == '.' && text[i + 1] == '.') {
			count -= count > 0;
		} else if (end > i && !(end - i == 1 && text[i] == '.') && count < PARTS_MAX) {
			at[count] = i;
			length[count++] = end - i;
		}
		i = end;
	}
	return count;
}

/* The canonical text, its hash, and the same text once more. */
static void check_text(const uint8_t *text, size_t size)
{
	static size_t at[PARTS_MAX], length[PARTS_MAX];
	size_t count = parts_of(text, size, at, length);
	u32 from = SNUG_TEXT_MAX - size, begins, again;
	__u64 hash;

	memcpy(EVENT_TEXT(scratch, from), text, size);
	begins = canonical_path(scratch, from, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
	hash = scratch->canonical.hash;
	if (hash != hash_path(&same_keys, text, size))
		__builtin_trap();
	if (begins >= SNUG_TEXT_MAX || *EVENT_TEXT(scratch, begins) != '/')
		__builtin_trap();
	for (size_t i = 0, expected = begins; i < count; i++) {
		if (memcmp(EVENT_TEXT(scratch, expected + 1), text + at[i], length[i]))
			__builtin_trap();
		expected += 1 + length[i];
		if (i + 1 == count && expected != SNUG_TEXT_MAX)
			__builtin_trap();
	}
	again = canonical_path(scratch, begins, SNUG_TEXT_MAX, SNUG_TEXT_MAX);
	if (again != begins || scratch->canonical.hash != hash)
		__builtin_trap();
}

/* A string as such, and the tail of a path that was too long. */
static void check_string(const uint8_t *text, size_t size)
{
	u32 from = SNUG_TEXT_MAX - size;

	memcpy(EVENT_TEXT(scratch, from), text, size);
	if (hash_range(scratch, from, SNUG_TEXT_MAX) != hash_bytes(&same_keys, text, size))
		__builtin_trap();
	if (hash_cut(scratch, from, SNUG_TEXT_MAX) != hash_tail(&same_keys, text, size))
		__builtin_trap();
}

/* The same path as a tree of names, with a mount wherever `mounts` has a bit. */
static void check_walk(const uint8_t *text, size_t size, uint8_t mounts)
{
	static size_t at[PARTS_MAX], length[PARTS_MAX];
	static struct dentry dentries[2 * PARTS_MAX + 2];
	static struct mount mount_of[PARTS_MAX + 2];
	/* Names have room behind them, as the kernel allocates them. */
	static unsigned char names[PARTS_MAX][PART_MAX + 9];
	size_t count = parts_of(text, size, at, length), made = 1, mounted = 0, used = 1;
	struct dentry *last = &dentries[0];
	u32 begins;

	dentries[0] = (struct dentry){ .d_parent = &dentries[0] };
	mount_of[0] = (struct mount){ .mnt_parent = &mount_of[0] };
	mount_of[0].mnt.mnt_root = &dentries[0];
	for (size_t i = 0; i < count; i++) {
		struct dentry *next = &dentries[made++];

		memset(names[i], 0, sizeof(names[i]));
		memcpy(names[i], text + at[i], length[i]);
		*next = (struct dentry){ .d_parent = last };
		next->d_name.name = names[i];
		next->d_name.len = length[i];
		last = next;
		if (mounts >> (i & 7) & 1 && used < PARTS_MAX) {
			struct dentry *root = &dentries[made++];

			*root = (struct dentry){ .d_parent = root };
			mount_of[used] = (struct mount){ .mnt_parent = &mount_of[mounted],
							 .mnt_mountpoint = last };
			mount_of[used].mnt.mnt_root = root;
			mounted = used++;
			last = root;
		}
	}
	walk_from(scratch, (struct path_ref){ (u64)last, (u64)&mount_of[mounted].mnt },
		  (u64)&dentries[0]);
	if (walk_hash(scratch) != hash_path(&same_keys, text, size))
		__builtin_trap();
	if (scratch->walk.end != WALK_ROOT)
		__builtin_trap();
	walk_from(scratch, (struct path_ref){ (u64)last, (u64)&mount_of[mounted].mnt },
		  (u64)&dentries[0]);
	begins = walk_text(scratch, SNUG_TEXT_MAX, true);
	for (size_t i = 0; i < count && !scratch->walk.cut; i++) {
		if (*EVENT_TEXT(scratch, begins) != '/' ||
		    memcmp(EVENT_TEXT(scratch, begins + 1), text + at[i], length[i]))
			__builtin_trap();
		begins += 1 + length[i];
	}
	if (count && !scratch->walk.cut && begins != SNUG_TEXT_MAX)
		__builtin_trap();
}

/* The first byte chooses the mounts of the tree; the rest is the text behind a `/`. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t text[SNUG_PATH_MAX];

	if (!scratch)
		start();
	if (size < 1 || size > sizeof(text))
		return 0;
	text[0] = '/';
	memcpy(text + 1, data + 1, size - 1);
	/* A string of the caller ends at its first NUL. */
	size = strnlen((const char *)text, size);
	check_string(text, size);
	if (has_long_part(text, size))
		return 0;
	check_text(text, size);
	check_walk(text, size, data[0]);
	return 0;
}
