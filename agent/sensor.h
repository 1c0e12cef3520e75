/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the sensor's own process, each with what it offers to the others. */
#ifndef SNUG_SENSOR_H
#define SNUG_SENSOR_H

#include <stdbool.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include "shared.h"

/* libbpf's skeleton names these by the kernel programs' own short types. */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
#include "sensor.skel.h"

#define NS 1000000000ull

struct agent {
	struct sensor *skel;
	int cgroup_fd;
	char cgroup_path[4096];
	__u32 rings;
	__u32 ring_size;
	int cpus;
	struct snug_keys keys;
};

/* sensor.c */
__u64 monotonic(void);
__u64 wall_offset(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* calls.c */
void set_calls(struct sensor *skel);

/* frame.c: what goes up and comes down. */
void send_bytes(const void *data, size_t size);
void send_frame(void *frame, __u16 type, size_t size, const void *tail, size_t tail_size);
bool send_now(void);			/* false: nobody reads any more */
/* Calls `handle` for each frame that came. false: the other side is gone. Exits on a frame that is none. */
bool receive(void (*handle)(const struct snug_head *head, void *context), void *context);

/* ring.c */
bool rings_open(struct agent *agent);
/* The oldest record of all rings, or NULL; it stays until the next call of ring_next or ring_done. */
const struct snug_head *ring_next(size_t *size);
void ring_done(void);
bool rings_empty(void);
int rings_fds(struct pollfd *fds);

/* container.c: the slots, and what acts refer to. */
void container_told(struct agent *agent, __u64 container, __u32 slot);
void container_new(struct agent *agent, __u32 slot);
void container_end(struct agent *agent, __u32 slot, __u64 container, __u64 time);
void containers_reconcile(struct agent *agent);
bool ends_pending(void);
void ends_tell(struct agent *agent);
void assign(struct agent *agent, const struct snug_assign *command);
void learn_keys(struct agent *agent, const struct snug_known *command);
void names_told(struct agent *agent, const struct snug_act *act);
void losses(struct agent *agent, const struct snug_counters *now, __u64 from, __u64 to);

/* scan.c */
bool find_cgroups(struct agent *agent);
void scan(struct agent *agent);

/* hooks.c */
bool hooks_load(struct agent *agent);
bool hooks_attach(struct agent *agent);
size_t hooks_say(char *text, size_t size);

/* layout.c */
void print_layout(void);

#endif
