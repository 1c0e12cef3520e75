/* SPDX-License-Identifier: Apache-2.0 */
/* The ring buffers, read in the order of time. */
#ifndef SNUG_RING_H
#define SNUG_RING_H

#include "sensor/agent.h"

#define RINGS_MAX 256 /* of events */

bool rings_open(struct agent *agent);
int ring_fd(unsigned int number);
/* The oldest record of all rings, or NULL. It stays in place until it is released. */
const struct snug_head *ring_next(size_t *size);
__u64 record_time(const struct snug_head *head);
/* Up to this time no event is expected any more that did not come. */
__u64 ring_settled(void);
/* The oldest DNS answer, where it is of that time or before; else NULL. */
const struct snug_head *ring_next_answer(__u64 until);
/* Goes on behind the record that was returned last. */
void ring_consume(void);
bool rings_empty(void);
/* Readable when a program wakes the sensor; `rings_clear_wakeups` rearms it. */
int rings_epoll_fd(void);
void rings_clear_wakeups(void);
/* How far the rings were read. Records before that stay in place until they are released. */
size_t rings_positions(__u64 *positions);
void rings_release(const __u64 *positions, size_t count);
void rings_make_room(void);
void rings_resume(const __u64 *positions, size_t count);

#endif
