// SPDX-License-Identifier: Apache-2.0
/*
 * The rings, read in place. libbpf's reader takes one ring to its end and then the next; to keep the order of a
 * container whose processes run on several processors, the oldest head of all rings goes first.
 *
 * A record carries the time of its act but becomes visible a little later. With several rings, one that is
 * younger than SETTLE waits: an older one may still be on its way in another ring.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sensor.h"

#define SETTLE 1000000ull
#define RINGS_MAX 256

struct ring {
	int fd;
	volatile unsigned long *consumer;
	volatile unsigned long *producer;
	const unsigned char *data;
	unsigned long mask;
};

static struct ring rings[RINGS_MAX];
static unsigned int ring_total;
static struct ring *current;
static __u64 settled;

static unsigned long record_size(__u32 length)
{
	return ((length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
}

static bool map_ring(struct ring *ring, int fd, __u32 size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *area;

	ring->fd = fd;
	ring->mask = size - 1;
	ring->consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	area = mmap(NULL, page + 2ul * size, PROT_READ, MAP_SHARED, fd, page);
	if (ring->consumer == MAP_FAILED || area == MAP_FAILED)
		return false;
	ring->producer = (unsigned long *)area;
	ring->data = area + page;
	return true;
}

bool rings_open(struct agent *agent)
{
	int outer = bpf_map__fd(agent->skel->maps.rings);

	for (__u32 i = 0; i < agent->rings; i++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "snug_ring", 0, 0, agent->ring_size, NULL);

		if (fd < 0 || !map_ring(&rings[i], fd, agent->ring_size) ||
		    bpf_map_update_elem(outer, &i, &fd, BPF_ANY)) {
			say("cannot make ring %u: %s", i, strerror(errno));
			return false;
		}
		ring_total++;
	}
	return true;
}

static const struct snug_head *peek(struct ring *ring, size_t *size)
{
	for (;;) {
		unsigned long at = *ring->consumer;
		const __u32 *head;
		__u32 length;

		if (at >= __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE))
			return NULL;
		head = (const __u32 *)(ring->data + (at & ring->mask));
		length = __atomic_load_n(head, __ATOMIC_ACQUIRE);
		if (length & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
			*size = length;
			return (const struct snug_head *)((const unsigned char *)head + BPF_RINGBUF_HDR_SZ);
		}
		__atomic_store_n(ring->consumer, at + record_size(length), __ATOMIC_RELEASE);
	}
}

/* Every record on a ring has its time behind the head. */
static __u64 time_of(const struct snug_head *head)
{
	return *(const __u64 *)(head + 1);
}

const struct snug_head *ring_next(size_t *size)
{
	const struct snug_head *oldest = NULL;
	struct ring *from = NULL;

	for (unsigned int i = 0; i < ring_total; i++) {
		size_t length;
		const struct snug_head *head = peek(&rings[i], &length);

		if (head && (!oldest || time_of(head) < time_of(oldest))) {
			oldest = head;
			from = &rings[i];
			*size = length;
		}
	}
	if (oldest && ring_total > 1 && time_of(oldest) > settled) {
		settled = monotonic() - SETTLE;
		if (time_of(oldest) > settled)
			return NULL;
	}
	current = from;
	return oldest;
}

void ring_done(void)
{
	unsigned long at = *current->consumer;
	__u32 length = *(const __u32 *)(current->data + (at & current->mask));

	__atomic_store_n(current->consumer, at + record_size(length), __ATOMIC_RELEASE);
}

bool rings_empty(void)
{
	for (unsigned int i = 0; i < ring_total; i++)
		if (*rings[i].consumer < __atomic_load_n(rings[i].producer, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

int rings_fds(struct pollfd *fds)
{
	for (unsigned int i = 0; i < ring_total; i++)
		fds[i] = (struct pollfd){ .fd = rings[i].fd, .events = POLLIN };
	return ring_total;
}
