/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the sensor that its parts share. */
#ifndef SNUG_AGENT_H
#define SNUG_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "shared.h"

/* libbpf's skeleton names these by the kernel programs' own short types. */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
#include "sensor.skel.h"

struct agent {
	struct sensor *skel;
	struct snug_control *control;
	struct snug_pinned_state *pinned;
	int cgroup_fd;
	char cgroup_path[4096];
	__u32 rings;
	__u32 ring_size; /* bytes of one ring */
	int cpus;
	struct snug_keys keys;
	__u32 generation; /* of the programs that this process loaded */
	bool taken_over;  /* the maps are those of an earlier sensor, whose programs went on */
	bool acks;	  /* the daemon acknowledges: until then a report can be repeated */
};

#endif
