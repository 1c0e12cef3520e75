// SPDX-License-Identifier: Apache-2.0
/*
 * The rings, read in place. libbpf's reader takes one ring to its end and then the next. To keep
 * the order of a container whose processes run on several processors, this one takes the oldest
 * head of all rings first.
 *
 * A record carries the time of its event but becomes visible a little later. With several rings, a
 * record younger than SETTLE_NS waits: an older one may still be on its way in another ring.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi.h"
#include "shared.h"
#include "pin/pin.h"
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/log.h"
#include "sensor/ring.h"

#define SETTLE_NS 1000000ull

struct ring {
	int fd;
	unsigned long at; /* up to here it was read; `consumer` follows once that is safe */
	volatile unsigned long *consumer;
	volatile unsigned long *producer;
	const unsigned char *data;
	unsigned long mask;
};

/* Behind those of events is the ring of answers: it takes no part in their order. */
static struct ring rings[RINGS_MAX + 1];
static unsigned int ring_total;
static struct ring *current;
static __u64 settled;
static int wakes = -1;

static unsigned long record_size(__u32 length)
{
	return ((length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) + BPF_RINGBUF_HDR_SZ +
		7) &
	       ~7ul;
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
	ring->at = *ring->consumer;
	return true;
}

/* A ring that is pinned already has records that no sensor has read. */
static int open_ring(struct agent *agent, __u32 number)
{
	int outer = bpf_map__fd(agent->skel->maps.rings), fd;

	if (agent->taken_over)
		return pinned_ring(number);
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "snug_ring", 0, 0, agent->ring_size, NULL);
	if (fd >= 0 &&
	    (bpf_map_update_elem(outer, &number, &fd, BPF_ANY) || !pin_ring(number, fd))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Only what comes from now on wakes: records that were read, and wait to be let go, do not. */
static bool wake_by(struct ring *ring)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return !epoll_ctl(wakes, EPOLL_CTL_ADD, ring->fd, &event);
}

bool rings_open(struct agent *agent)
{
	wakes = epoll_create1(EPOLL_CLOEXEC);
	for (__u32 i = 0; i < agent->rings; i++) {
		int fd = open_ring(agent, i);

		if (fd < 0 || !map_ring(&rings[i], fd, agent->ring_size) || !wake_by(&rings[i])) {
			log_line("cannot make ring %u: %s", i, strerror(errno));
			return false;
		}
		ring_total++;
	}
	if (!map_ring(&rings[ring_total], bpf_map__fd(agent->skel->maps.answers),
		      SNUG_ANSWERS_SIZE) ||
	    !wake_by(&rings[ring_total])) {
		log_line("cannot map the ring of answers: %s", strerror(errno));
		return false;
	}
	return true;
}

static const struct snug_head *peek(struct ring *ring, size_t *size)
{
	for (;;) {
		const __u32 *head;
		__u32 length;

		if (ring->at >= __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE))
			return NULL;
		head = (const __u32 *)(ring->data + (ring->at & ring->mask));
		length = __atomic_load_n(head, __ATOMIC_ACQUIRE);
		if (length & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
			*size = length;
			return (const struct snug_head *)((const unsigned char *)head +
							  BPF_RINGBUF_HDR_SZ);
		}
		ring->at += record_size(length);
	}
}

/* Every record on a ring has its time behind the head. */
__u64 record_time(const struct snug_head *head)
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

		if (head && (!oldest || record_time(head) < record_time(oldest))) {
			oldest = head;
			from = &rings[i];
			*size = length;
		}
	}
	if (oldest && ring_total > 1 && record_time(oldest) > settled) {
		settled = monotonic() - SETTLE_NS;
		if (record_time(oldest) > settled)
			return NULL;
	}
	current = from;
	return oldest;
}

__u64 ring_settled(void)
{
	return ring_total > 1 ? monotonic() - SETTLE_NS : ~0ull;
}

const struct snug_head *ring_next_answer(__u64 until)
{
	size_t size;
	const struct snug_head *head = peek(&rings[ring_total], &size);

	if (!head || record_time(head) > until)
		return NULL;
	current = &rings[ring_total];
	return head;
}

void ring_consume(void)
{
	__u32 length = *(const __u32 *)(current->data + (current->at & current->mask));

	current->at += record_size(length);
}

bool rings_empty(void)
{
	for (unsigned int i = 0; i <= ring_total; i++)
		if (rings[i].at < __atomic_load_n(rings[i].producer, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

int ring_fd(unsigned int number)
{
	return rings[number].fd;
}

int rings_epoll_fd(void)
{
	return wakes;
}

void rings_clear_wakeups(void)
{
	struct epoll_event events[16];

	while (epoll_wait(wakes, events, 16, 0) == 16)
		;
}

static void release_ring(struct ring *ring, unsigned long to)
{
	if (to > *ring->consumer && to <= ring->at)
		__atomic_store_n(ring->consumer, to, __ATOMIC_RELEASE);
}

size_t rings_positions(__u64 *positions)
{
	for (unsigned int i = 0; i <= ring_total; i++)
		positions[i] = rings[i].at;
	return ring_total + 1;
}

void rings_release(const __u64 *positions, size_t count)
{
	for (unsigned int i = 0; i <= ring_total && i < count; i++)
		release_ring(&rings[i], positions[i]);
}

/* New records come before those that may have to be reported again. */
void rings_make_room(void)
{
	for (unsigned int i = 0; i <= ring_total; i++)
		if (*rings[i].producer - *rings[i].consumer > (rings[i].mask + 1) / 4 * 3)
			release_ring(&rings[i], rings[i].at);
}

void rings_resume(const __u64 *positions, size_t count)
{
	for (unsigned int i = 0; i <= ring_total && i < count; i++)
		if (positions[i] > rings[i].at && positions[i] <= *rings[i].producer)
			rings[i].at = positions[i];
}
