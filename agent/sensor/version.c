// SPDX-License-Identifier: Apache-2.0
/*
 * Versions: their scope, their profile, and what happens to their deviations. All of it takes
 * effect by one write of the version's policy state.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "abi.h"
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/frame.h"
#include "sensor/log.h"
#include "sensor/profile.h"
#include "sensor/slot.h"
#include "sensor/version.h"

static struct {
	__u64 disarm_reported; /* kinds, as in the policy state */
	__u64 used;	       /* when last, in order; 0: it is free */
} versions[SNUG_VERSIONS];
static __u64 uses;

static struct snug_version *mapped(struct agent *agent)
{
	static struct snug_version *map;

	if (!map) {
		map = mmap(NULL, sizeof(*map) * SNUG_VERSIONS, PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(agent->skel->maps.versions), 0);
		if (map == MAP_FAILED) {
			log_line("cannot map the versions: %s", strerror(errno));
			exit(1);
		}
	}
	return map;
}

/* A daemon counts its scopes from one, and so did the one before. */
__u64 pinned_scope(struct agent *agent, __u64 scope)
{
	return scope & SNUG_SELFTEST_SCOPE ?
		       scope :
		       scope | (agent->pinned->daemon_run & SNUG_RUN_MASK) << SNUG_RUN_SHIFT;
}

bool is_current_run(struct agent *agent, __u64 scope)
{
	return pinned_scope(agent, scope & ((1ull << SNUG_RUN_SHIFT) - 1)) == scope;
}

/* Changes the state as it is at this moment: the kernel may disarm the version at any time. */
static void update_policy(struct snug_version *version, __u64 clear, __u64 set)
{
	__u64 old = __atomic_load_n(&version->policy_state, __ATOMIC_RELAXED), policy_state;

	do {
		policy_state = ((old & ~clear) | set) + (1ull << SNUG_POLICY_AGE_SHIFT);
	} while (!__atomic_compare_exchange_n(&version->policy_state, &old, policy_state, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* `number` of a profile that is whole, or 0. The one before can go. */
void version_set_profile(struct agent *agent, __u32 index, __u32 number)
{
	struct snug_version *version = &mapped(agent)[index];
	__u32 before = SNUG_POLICY_PROFILE(version->policy_state);

	update_policy(version, 0xffffull << SNUG_POLICY_PROFILE_SHIFT,
		      (__u64)number << SNUG_POLICY_PROFILE_SHIFT);
	if (before)
		profile_replaced(before);
}

static void evict_expected(struct agent *agent, __u32 version)
{
	int fd = bpf_map__fd(agent->skel->maps.expected);
	char id[SNUG_ID_LEN], next[SNUG_ID_LEN];
	struct snug_expected_container expected;
	void *before = NULL;

	while (!bpf_map_get_next_key(fd, before, next)) {
		if (before && !bpf_map_lookup_elem(fd, id, &expected) &&
		    expected.assignment.version == version)
			bpf_map_delete_elem(fd, id);
		memcpy(id, next, sizeof(id));
		before = id;
	}
	if (before && !bpf_map_lookup_elem(fd, id, &expected) &&
	    expected.assignment.version == version)
		bpf_map_delete_elem(fd, id);
}

static __u64 daemon_scope(__u64 scope)
{
	return scope & ((1ull << SNUG_RUN_SHIFT) - 1);
}

static void report_evicted(__u64 scope)
{
	struct snug_version_evicted frame = { .scope = scope };

	send_frame(&frame, SNUG_VERSION_EVICTED, sizeof(frame), NULL, 0);
}

static void evict(struct agent *agent, __u32 index)
{
	struct snug_version *version = &mapped(agent)[index];

	/* That it has disarmed itself must not be lost with it. */
	report_disarmed(agent);
	if (is_current_run(agent, version->scope))
		report_evicted(daemon_scope(version->scope));
	evict_expected(agent, index + 1);
	profile_discard(index);
	version_set_profile(agent, index, 0);
	update_policy(version, SNUG_POLICY_BLOCK | SNUG_POLICY_DISARMED | SNUG_POLICY_SPARES_ANY,
		      0);
	version->scope = 0;
}

/* Forgets the version that was of no use for the longest time, and no container's. */
static __u32 evict_oldest(struct agent *agent)
{
	__u32 oldest = SNUG_VERSIONS;

	for (__u32 i = 0; i < SNUG_VERSIONS; i++)
		if (!(mapped(agent)[i].scope & SNUG_SELFTEST_SCOPE) &&
		    !version_has_containers(agent, i + 1) &&
		    (oldest == SNUG_VERSIONS || versions[i].used < versions[oldest].used))
			oldest = i;
	if (oldest == SNUG_VERSIONS)
		return oldest;
	evict(agent, oldest);
	return oldest;
}

/*
 * A version that is not there takes a free place, or that of the least recently used one without
 * containers.
 */
__u32 version_index(struct agent *agent, __u64 scope)
{
	struct snug_version *map = mapped(agent);
	__u32 found = SNUG_VERSIONS;

	scope = pinned_scope(agent, scope);
	for (__u32 i = 0; i < SNUG_VERSIONS; i++) {
		if (versions[i].used && map[i].scope == scope) {
			versions[i].used = ++uses;
			return i + 1;
		}
		if (!versions[i].used && found == SNUG_VERSIONS)
			found = i;
	}
	if (found == SNUG_VERSIONS)
		found = evict_oldest(agent);
	if (found == SNUG_VERSIONS) {
		return 0;
	}
	map[found].scope = scope;
	map[found].budget = 0;
	map[found].paused_until = 0;
	versions[found].used = ++uses;
	versions[found].disarm_reported = 0;
	return found + 1;
}

__u32 version_find(struct agent *agent, __u64 scope)
{
	const struct snug_version *map = mapped(agent);

	scope = pinned_scope(agent, scope);
	for (__u32 i = 0; i < SNUG_VERSIONS; i++)
		if (versions[i].used && map[i].scope == scope)
			return i + 1;
	return 0;
}

static void apply_enforcement(struct agent *agent, const struct snug_enforce *command)
{
	/* One that is not there blocks nothing already, and takes no place from another. */
	__u32 index = command->block ? version_index(agent, command->scope) :
				       version_find(agent, command->scope);
	__u64 offset = wall_offset();
	struct snug_version *version;
	__u64 clear, set, until, *reported;
	bool changed;

	if (!index)
		return;
	version = &mapped(agent)[index - 1];
	reported = &versions[index - 1].disarm_reported;
	until = command->paused_until > offset ? command->paused_until - offset : 0;
	/* The clocks drift apart by a little each time they are compared. */
	changed = version->budget != command->budget || until > version->paused_until + NS ||
		  version->paused_until > until + NS;
	set = (command->block ? SNUG_POLICY_BLOCK : 0) |
	      (command->disarmed & SNUG_POLICY_DISARMED) |
	      SNUG_POLICY_SPARES(command->spares & 0x3f);
	/*
	 * A daemon without the report that the version disarmed itself does not mean to arm it
	 * again.
	 */
	clear = SNUG_POLICY_BLOCK | SNUG_POLICY_SPARES_ANY | (*reported & SNUG_POLICY_DISARMED);
	clear |= set;
	*reported = set & SNUG_POLICY_DISARMED;
	/*
	 * The same command again changes nothing: a new policy state would have everything judged
	 * once more.
	 */
	if (!changed && (version->policy_state & clear) == set)
		return;
	version->budget = command->budget;
	version->window = 0;
	version->paused_until = until;
	update_policy(version, clear, set);
}

void set_enforcement(struct agent *agent, const struct snug_enforce *command)
{
	apply_enforcement(agent, command);
	report_enforcement(agent, command->scope);
}

/* Reports the effect of earlier commands on the scope, not the request. */
void report_enforcement(struct agent *agent, __u64 scope)
{
	struct snug_enforcement_set frame = { .scope = scope };
	__u32 index = version_find(agent, scope);
	__u64 policy_state = index ? mapped(agent)[index - 1].policy_state : 0;

	if (scope & SNUG_SELFTEST_SCOPE)
		return;
	frame.block = policy_state & SNUG_POLICY_BLOCK &&
		      (policy_state & SNUG_POLICY_DISARMED) != SNUG_POLICY_DISARMED &&
		      SNUG_POLICY_PROFILE(policy_state);
	send_frame(&frame, SNUG_ENFORCEMENT_SET, sizeof(frame), NULL, 0);
}

/* What an earlier sensor made. */
void versions_takeover(struct agent *agent)
{
	struct snug_version *map = mapped(agent);

	for (__u32 i = 0; i < SNUG_VERSIONS; i++) {
		if (!map[i].scope)
			continue;
		versions[i].used = ++uses;
		profile_used(SNUG_POLICY_PROFILE(map[i].policy_state));
		if (map[i].policy_state & SNUG_POLICY_DISARMED)
			agent->control->disarmed = 1;
	}
	profiles_takeover(agent);
}

/* What an earlier daemon sent is in force for its containers until this one assigns them. */
void versions_prune(struct agent *agent)
{
	struct snug_version *map = mapped(agent);

	for (__u32 i = 0; i < SNUG_VERSIONS; i++) {
		if (!map[i].scope || is_current_run(agent, map[i].scope) ||
		    map[i].scope & SNUG_SELFTEST_SCOPE || version_has_containers(agent, i + 1))
			continue;
		evict(agent, i);
		versions[i].used = 0;
		versions[i].disarm_reported = 0;
	}
}

/*
 * A container moves from the version of an earlier daemon to one of this daemon. Where the former
 * has disarmed itself and this daemon has no report of it, the latter disarms too.
 */
void version_inherit_disarm(struct agent *agent, __u32 from, __u32 to)
{
	struct snug_version *map = mapped(agent);
	__u64 kinds;

	if (!from || !to || from == to || is_current_run(agent, map[from - 1].scope))
		return;
	kinds = map[from - 1].policy_state & SNUG_POLICY_DISARMED &
		~versions[from - 1].disarm_reported;
	if (!kinds)
		return;
	versions[from - 1].disarm_reported |= kinds;
	update_policy(&map[to - 1], 0, kinds);
	agent->control->disarmed = 1;
}

/* The flag does not name the version: the policy states show which ones it was. */
void report_disarmed(struct agent *agent)
{
	struct snug_version *map = mapped(agent);

	if (!agent->control->disarmed)
		return;
	agent->control->disarmed = 0;
	for (__u32 i = 0; i < SNUG_VERSIONS; i++) {
		__u64 kinds = map[i].policy_state & SNUG_POLICY_DISARMED;
		struct snug_disarmed frame = {
			.time = monotonic(),
			.scope = daemon_scope(map[i].scope),
			.kinds = kinds,
		};

		if (!(kinds & ~versions[i].disarm_reported) ||
		    !is_current_run(agent, map[i].scope) || map[i].scope & SNUG_SELFTEST_SCOPE)
			continue;
		versions[i].disarm_reported |= kinds;
		send_frame(&frame, SNUG_DISARMED, sizeof(frame), NULL, 0);
	}
}
