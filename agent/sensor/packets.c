// SPDX-License-Identifier: Apache-2.0
/*
 * Packets of a unix socket (SOCK_SEQPACKET) as lines. A peer waits for nobody: what it cannot send
 * at once, it drops and counts. So the buffers of the sockets are large, and nothing here waits for
 * one peer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "sensor/log.h"
#include "sensor/packets.h"

#define PEERS_MAX 1024
#define PACKET_MAX (1 << 20)
#define BUFFER (8 << 20)
#define GREETING_MAX 64
#define AT_ONCE 256 /* packets of a peer, before the next one has its turn */

struct peer {
	unsigned long number;
	bool greeted;
};

/* The first two: standard input, and the socket that peers connect to. */
static struct pollfd waits[PEERS_MAX + 2];
static struct peer peers[PEERS_MAX + 2];
static nfds_t count = 2;
static unsigned char packet[PACKET_MAX];
static char greeting[GREETING_MAX];
static size_t greeting_size;

static bool parse_greeting(const char *text)
{
	unsigned int byte;

	for (; *text; text += 2) {
		if (greeting_size == sizeof(greeting) || sscanf(text, "%2x", &byte) != 1 ||
		    !text[1])
			return false;
		greeting[greeting_size++] = byte;
	}
	return true;
}

/* A socket that an earlier run left; one that somebody listens at stays. */
static bool remove_left(const struct sockaddr_un *address)
{
	struct stat found;
	bool refused;
	int probe;

	if (lstat(address->sun_path, &found))
		return true;
	if (!S_ISSOCK(found.st_mode))
		return false;
	probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	refused = connect(probe, (const void *)address, sizeof(*address)) && errno == ECONNREFUSED;
	close(probe);
	return refused && !unlink(address->sun_path);
}

static int listen_at(const char *path, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		log_line("the path of the socket is too long");
		return -1;
	}
	strcpy(address.sun_path, path);
	if (fd < 0 || !remove_left(&address)) {
		log_line("`%s` is in use", path);
		return -1;
	}
	umask(0777);
	if (bind(fd, (void *)&address, sizeof(address)) || chmod(path, mode) || listen(fd, 128)) {
		log_line("cannot listen at `%s`: %s", path, strerror(errno));
		return -1;
	}
	return fd;
}

static void admit(int door)
{
	static unsigned long last;
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = BUFFER;

	if (fd < 0)
		return;
	if (count == PEERS_MAX + 2) {
		close(fd);
		return;
	}
	/* Beyond the limit of the system, which root may pass. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	waits[count] = (struct pollfd){ .fd = fd, .events = POLLIN };
	peers[count] = (struct peer){ .number = ++last };
	count++;
}

static void print_packet(unsigned long number, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	printf("%lu ", number);
	for (size_t i = 0; i < size; i++) {
		putchar_unlocked(digits[packet[i] >> 4]);
		putchar_unlocked(digits[packet[i] & 15]);
	}
	putchar_unlocked('\n');
}

/* False: the peer is gone. */
static bool read_peer(nfds_t at)
{
	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t size = recv(waits[at].fd, packet, sizeof(packet), 0);

		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (size <= 0)
			return false;
		if (peers[at].greeted)
			print_packet(peers[at].number, size);
		else if (send(waits[at].fd, greeting, greeting_size, MSG_NOSIGNAL) < 0)
			return false;
		peers[at].greeted = true;
	}
	return true;
}

static void drop(nfds_t at)
{
	printf("%lu\n", peers[at].number);
	close(waits[at].fd);
	count--;
	waits[at] = waits[count];
	peers[at] = peers[count];
}

int receive_packets(const char *path, const char *mode, const char *hello)
{
	char byte;

	waits[0] = (struct pollfd){ .fd = 0, .events = POLLIN };
	waits[1] =
		(struct pollfd){ .fd = listen_at(path, strtoul(mode, NULL, 8)), .events = POLLIN };
	if (waits[1].fd < 0 || !parse_greeting(hello))
		return 1;
	/* Peers may connect from now on. */
	log_line("ready");
	while (!fflush(stdout)) {
		if (poll(waits, count, -1) < 0 && errno != EINTR)
			break;
		if (waits[0].revents && read(0, &byte, 1) <= 0)
			break;
		for (nfds_t at = count; at-- > 2;)
			if (waits[at].revents && !read_peer(at))
				drop(at);
		if (waits[1].revents)
			admit(waits[1].fd);
	}
	unlink(path);
	return 0;
}
