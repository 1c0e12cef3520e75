// SPDX-License-Identifier: Apache-2.0
/* Prints the layout that was compiled, as JSON: what the daemon's decoder is held against. */
#include <stdio.h>
#include "sensor.h"

#define SIZE(type) printf("  \"%s\": %zu,\n", #type, sizeof(struct type))
#define AT(type, field) printf("  \"%s.%s\": %zu,\n", #type, #field, offsetof(struct type, field))

void print_layout(void)
{
	printf("{\n");
	SIZE(snug_head);
	AT(snug_head, size);
	AT(snug_head, type);
	AT(snug_head, version);
	SIZE(snug_act);
	AT(snug_act, time);
	AT(snug_act, container);
	AT(snug_act, key);
	AT(snug_act, exe);
	AT(snug_act, script);
	AT(snug_act, ancestors);
	AT(snug_act, session);
	AT(snug_act, pid);
	AT(snug_act, ppid);
	AT(snug_act, uid);
	AT(snug_act, gid);
	AT(snug_act, kind);
	AT(snug_act, origin);
	AT(snug_act, actor_flags);
	AT(snug_act, act_flags);
	AT(snug_act, address);
	AT(snug_act, port);
	AT(snug_act, family);
	AT(snug_act, protocol);
	AT(snug_act, from_uid);
	AT(snug_act, from_gid);
	AT(snug_act, to_uid);
	AT(snug_act, to_gid);
	AT(snug_act, code);
	AT(snug_act, argument);
	AT(snug_act, text_size);
	AT(snug_act, to_size);
	SIZE(snug_sighting);
	AT(snug_sighting, time);
	AT(snug_sighting, container);
	AT(snug_sighting, key);
	AT(snug_sighting, count);
	AT(snug_sighting, first);
	AT(snug_sighting, last);
	SIZE(snug_container);
	AT(snug_container, time);
	AT(snug_container, container);
	AT(snug_container, before);
	AT(snug_container, id);
	SIZE(snug_name);
	AT(snug_name, hash);
	AT(snug_name, cut);
	SIZE(snug_loss);
	AT(snug_loss, container);
	AT(snug_loss, from);
	AT(snug_loss, to);
	AT(snug_loss, count);
	AT(snug_loss, reason);
	SIZE(snug_stats);
	AT(snug_stats, time);
	AT(snug_stats, wall_offset);
	AT(snug_stats, received);
	AT(snug_stats, emitted);
	AT(snug_stats, filtered);
	AT(snug_stats, dropped);
	AT(snug_stats, unfiltered);
	AT(snug_stats, unnamed);
	SIZE(snug_hello);
	AT(snug_hello, time);
	AT(snug_hello, wall_offset);
	AT(snug_hello, abi);
	AT(snug_hello, rings);
	AT(snug_hello, ring_size);
	SIZE(snug_assign);
	AT(snug_assign, id);
	AT(snug_assign, scope);
	SIZE(snug_known);
	AT(snug_known, scope);
	SIZE(snug_filter);
	AT(snug_filter, mode);
	SIZE(snug_ping);
	AT(snug_ping, token);
	printf("  \"abi\": %d\n}\n", SNUG_ABI);
}
