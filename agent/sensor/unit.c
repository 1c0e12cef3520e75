// SPDX-License-Identifier: Apache-2.0
/* Which units of systemd are watched: patterns with `*` and `?`, as tables for unit.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"
#include "sensor/log.h"
#include "sensor/unit.h"

#define PLACES 64 /* of a word */

static void refuse(const char *pattern, size_t size)
{
	log_line("`%.*s` is not a valid pattern of units, or there are too many", (int)size,
		 pattern);
	exit(64);
}

/* Its first place comes at `at`, or in the next word. Gives its last place. */
static size_t add(struct snug_unit_patterns *patterns, size_t *at, const char *pattern, size_t size)
{
	size_t places = 1, place;
	int word;

	for (size_t i = 0; i < size; i++)
		places += pattern[i] != '*';
	if (*at % PLACES + places > PLACES)
		*at += PLACES - *at % PLACES;
	word = *at / PLACES;
	place = *at % PLACES;
	if (!size || places > PLACES || word >= SNUG_UNIT_WORDS)
		refuse(pattern, size);
	patterns->begins[word] |= 1ull << place;
	for (size_t i = 0; i < size; i++) {
		__u64 bit = 1ull << place;

		if (pattern[i] == '*') {
			patterns->stays[word] |= bit;
			continue;
		}
		for (int byte = 0; byte < 256; byte++)
			if (pattern[i] == '?' || (unsigned char)pattern[i] == byte)
				patterns->takes[byte][word] |= bit;
		place++;
	}
	*at += places;
	return word * PLACES + place;
}

/* The same for as long as the host runs, whichever sensor asks. */
static struct snug_keys keys_of_boot(void)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	struct snug_keys keys = {};
	unsigned int parts[8] = {};

	if (!file || fscanf(file, "%8x-%4x-%4x-%4x-%4x%4x%4x", &parts[0], &parts[1], &parts[2],
			    &parts[3], &parts[4], &parts[5], &parts[6]) != 7) {
		log_line("cannot read the id of this start of the host");
		exit(1);
	}
	fclose(file);
	keys.seed = (__u64)parts[0] << 32 | parts[1] << 16 | parts[2];
	keys.a = (__u64)parts[3] << 48 | (__u64)parts[4] << 32 | parts[5] << 16 | parts[6] | 1;
	keys.b = (keys.seed ^ keys.a << 1) | 1;
	return keys;
}

void set_units(struct agent *agent, const char *text)
{
	struct snug_unit_patterns *patterns = (void *)&agent->skel->rodata->unit_patterns;
	struct snug_keys keys;
	size_t at = 0, size;

	if (!text)
		return;
	add(patterns, &at, SNUG_UNIT_SLICE, strlen(SNUG_UNIT_SLICE));
	add(patterns, &at, SNUG_UNIT_SERVICE, strlen(SNUG_UNIT_SERVICE));
	for (;; text += size + 1) {
		size_t last;

		size = strcspn(text, ",");
		last = add(patterns, &at, text, size);
		patterns->ends[last / PLACES] |= 1ull << last % PLACES;
		if (!text[size])
			break;
	}
	keys = keys_of_boot();
	memcpy((void *)&agent->skel->rodata->unit_keys, &keys, sizeof(keys));
	agent->skel->rodata->watches_units = true;
}

bool is_watched_unit(const struct agent *agent, const char *path)
{
	const volatile struct snug_unit_patterns *patterns = &agent->skel->rodata->unit_patterns;
	struct snug_unit_search search = {};

	if (!agent->skel->rodata->watches_units || strlen(path) >= SNUG_CGROUP_MAX)
		return false;
	for (; *path; path++)
		snug_unit_read(patterns, &search, *path);
	return snug_unit_found(patterns, &search);
}

void unit_id(const struct agent *agent, __u64 cgroup, char *id)
{
	snug_unit_id(&agent->skel->rodata->unit_keys, cgroup, id);
}
