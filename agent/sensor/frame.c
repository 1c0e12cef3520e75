// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "abi.h"
#include "sensor/frame.h"
#include "sensor/log.h"

#define OUT_SIZE (256 * 1024)

static unsigned char out[OUT_SIZE];
static size_t out_used;
static bool gone;
static unsigned char in[SNUG_FRAME_MAX + sizeof(struct snug_head)];
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

bool receive(void (*handle)(const struct snug_head *head, void *context), void *context)
{
	ssize_t got = read(STDIN_FILENO, in + in_used, sizeof(in) - in_used);
	size_t at = 0;

	if (got == 0)
		return false;
	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	in_used += got;
	while (in_used - at >= sizeof(struct snug_head)) {
		struct snug_head head;

		memcpy(&head, in + at, sizeof(head));
		if (head.version != SNUG_ABI)
			refuse("version");
		if (head.size > SNUG_FRAME_MAX - sizeof(head))
			refuse("size");
		if (in_used - at < sizeof(head) + head.size)
			break;
		/* Commands hold 64-bit fields: give them an aligned place. */
		memmove(in, in + at, in_used - at);
		in_used -= at;
		at = 0;
		handle((const struct snug_head *)in, context);
		at = sizeof(head) + head.size;
	}
	memmove(in, in + at, in_used - at);
	in_used -= at;
	return true;
}
