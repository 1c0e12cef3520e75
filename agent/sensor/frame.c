// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "abi.h"
#include "sensor/clock.h"
#include "sensor/frame.h"
#include "sensor/log.h"

#define OUT_SIZE (256 * 1024)
/* Some commands wait for the kernel. Records and heartbeats must not wait for all of them. */
#define RECEIVE_FOR (NS / 10)

static unsigned char out[OUT_SIZE];
static size_t out_used;
static bool gone;
static _Alignas(8) unsigned char in[SNUG_FRAME_MAX + sizeof(struct snug_head)];
static size_t in_used;

/*
 * Blocks while the daemon does not read: the rings fill then, and what does not fit is counted in
 * the kernel.
 */
static void write_all(const unsigned char *data, size_t size)
{
	while (size && !gone) {
		ssize_t done = write(STDOUT_FILENO, data, size);

		if (done >= 0) {
			data += done;
			size -= done;
		} else if (errno == EAGAIN) {
			struct pollfd wait = { .fd = STDOUT_FILENO, .events = POLLOUT };

			poll(&wait, 1, 1000);
		} else if (errno != EINTR) {
			gone = true;
		}
	}
}

bool send_now(void)
{
	write_all(out, out_used);
	out_used = 0;
	return !gone;
}

void send_bytes(const void *data, size_t size)
{
	if (out_used + size > sizeof(out))
		send_now();
	if (size > sizeof(out)) {
		write_all(data, size);
		return;
	}
	memcpy(out + out_used, data, size);
	out_used += size;
}

void send_frame(void *frame, __u16 type, size_t size, const void *tail, size_t tail_size)
{
	struct snug_head *head = frame;

	*head = (struct snug_head){
		.size = size + tail_size - sizeof(*head),
		.type = type,
		.version = SNUG_ABI,
	};
	send_bytes(frame, size);
	if (tail_size)
		send_bytes(tail, tail_size);
}

static void refuse(const char *what)
{
	log_line("the daemon sent an invalid frame: wrong %s", what);
	exit(2);
}

/* The size of the first frame; 0: it has not arrived as a whole. */
static size_t first_frame(void)
{
	/* Commands hold 64-bit fields: the buffer starts aligned, and with the first frame. */
	const struct snug_head *head = (const struct snug_head *)in;

	if (in_used < sizeof(*head))
		return 0;
	if (head->version != SNUG_ABI)
		refuse("version");
	if (head->size > SNUG_FRAME_MAX - sizeof(*head))
		refuse("size");
	return in_used < sizeof(*head) + head->size ? 0 : sizeof(*head) + head->size;
}

bool received_more(void)
{
	return first_frame() > 0;
}

bool receive(void (*handle)(const struct snug_head *head, void *context), void *context)
{
	__u64 until = monotonic() + RECEIVE_FOR;
	size_t size;

	if (!first_frame()) {
		ssize_t got = read(STDIN_FILENO, in + in_used, sizeof(in) - in_used);

		if (got == 0)
			return false;
		if (got < 0)
			return errno == EINTR || errno == EAGAIN;
		in_used += got;
	}
	while ((size = first_frame())) {
		handle((const struct snug_head *)in, context);
		memmove(in, in + size, in_used - size);
		in_used -= size;
		if (monotonic() >= until)
			break;
	}
	return true;
}
