// SPDX-License-Identifier: Apache-2.0
/*
 * What user space adds to a hold of a container's network. The kernel programs stop its packets, so
 * its connections would wait for answers. Here they end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "shared.h"
#include "sensor/agent.h"
#include "sensor/clock.h"
#include "sensor/hold.h"
#include "sensor/log.h"
#include "sensor/slot.h"

#define CGROUPS_MAX 256	     /* below the container's */
#define CONNECTIONS_MAX 4096 /* that one look finds */

struct destroy {
	struct nlmsghdr head;
	struct inet_diag_req_v2 request;
};

static __u64 cgroups[CGROUPS_MAX]; /* the ids of cgroups are the numbers of their folders */
static size_t cgroup_count;
static struct inet_diag_msg found[CONNECTIONS_MAX];
static size_t found_count;

static int note_cgroup(const char *path, const struct stat *folder, int type, struct FTW *place)
{
	(void)path;
	(void)place;
	if (type == FTW_D && cgroup_count < CGROUPS_MAX)
		cgroups[cgroup_count++] = folder->st_ino;
	return 0;
}

static bool is_of_container(__u64 cgroup)
{
	for (size_t i = 0; i < cgroup_count; i++)
		if (cgroups[i] == cgroup)
			return true;
	return false;
}

/* A process in one of the cgroups below `path`; 0: there is none. */
static pid_t process_of(const char *path)
{
	char file[5000];
	int pid = 0;
	FILE *processes;

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	processes = fopen(file, "re");
	if (!processes)
		return 0;
	if (fscanf(processes, "%d", &pid) != 1)
		pid = 0;
	fclose(processes);
	return pid;
}

/* A socket for questions about the network namespace of a process; -1: there is none. */
static int open_diagnosis(pid_t pid)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), its, socket_fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	its = open(path, O_RDONLY | O_CLOEXEC);
	if (own >= 0 && its >= 0 && !setns(its, CLONE_NEWNET)) {
		socket_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
		if (setns(own, CLONE_NEWNET)) {
			/* Nothing of the sensor's own depends on where it is. */
			log_line("cannot return to the host's network: %s", strerror(errno));
		}
	}
	if (own >= 0)
		close(own);
	if (its >= 0)
		close(its);
	return socket_fd;
}

/* Sets `cgroup` where the kernel gives it. */
static bool read_cgroup(const struct nlmsghdr *head, __u64 *cgroup)
{
	const struct inet_diag_msg *message = NLMSG_DATA(head);
	size_t left = head->nlmsg_len - NLMSG_LENGTH(sizeof(*message));
	const struct nlattr *attribute = (const void *)(message + 1);

	while (left >= sizeof(*attribute) && attribute->nla_len >= sizeof(*attribute) &&
	       attribute->nla_len <= left) {
		size_t step = NLA_ALIGN(attribute->nla_len);

		if ((attribute->nla_type & NLA_TYPE_MASK) == INET_DIAG_CGROUP_ID &&
		    attribute->nla_len >= NLA_HDRLEN + sizeof(*cgroup)) {
			memcpy(cgroup, (const char *)attribute + NLA_HDRLEN, sizeof(*cgroup));
			return true;
		}
		if (step > left)
			break;
		left -= step;
		attribute = (const void *)((const char *)attribute + step);
	}
	return false;
}

static bool is_whole(const struct nlmsghdr *head)
{
	return head->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg));
}

/* Finds the connections of one family. False where the kernel does not answer. */
static bool find_connections(int diagnosis, __u8 family)
{
	struct destroy question = {
		.head = { .nlmsg_len = sizeof(question),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.request = { .sdiag_family = family,
			     .sdiag_protocol = IPPROTO_TCP,
			     /* Not listeners: they have no peer, and serve again after the hold. */
			     .idiag_states = ~(1u << 10 /* TCP_LISTEN */) },
	};
	static char answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));

	if (send(diagnosis, &question, sizeof(question), 0) != sizeof(question))
		return false;
	for (;;) {
		ssize_t size = recv(diagnosis, answer, sizeof(answer), 0);
		const struct nlmsghdr *head = (const void *)answer;

		if (size <= 0)
			return false;
		for (; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size)) {
			__u64 cgroup;

			if (head->nlmsg_type == NLMSG_DONE)
				return true;
			if (head->nlmsg_type == NLMSG_ERROR)
				return false;
			if (is_whole(head) && read_cgroup(head, &cgroup) &&
			    is_of_container(cgroup) && found_count < CONNECTIONS_MAX)
				memcpy(&found[found_count++], NLMSG_DATA(head), sizeof(*found));
		}
	}
}

static bool end_connection(int diagnosis, const struct inet_diag_msg *connection)
{
	struct destroy command = {
		.head = { .nlmsg_len = sizeof(command),
			  .nlmsg_type = SOCK_DESTROY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.request = { .sdiag_family = connection->idiag_family,
			     .sdiag_protocol = IPPROTO_TCP,
			     .idiag_states = ~0u,
			     .id = connection->id },
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[512];
	} answer;

	return send(diagnosis, &command, sizeof(command), 0) == sizeof(command) &&
	       recv(diagnosis, &answer, sizeof(answer), 0) >= (ssize_t)sizeof(answer.head) &&
	       answer.head.nlmsg_type == NLMSG_ERROR && !answer.error.error;
}

int end_connections(struct agent *agent, const struct snug_slot *slot)
{
	char path[4096 + SNUG_CGROUP_MAX];
	int ended = 0, before, diagnosis;
	bool looked;
	pid_t pid;

	cgroup_count = 0;
	snprintf(path, sizeof(path), "%s%.*s", agent->cgroup_path, (int)sizeof(slot->path),
		 slot->path);
	if (nftw(path, note_cgroup, 16, FTW_PHYS))
		return -1;
	pid = process_of(path);
	diagnosis = pid ? open_diagnosis(pid) : -1;
	if (diagnosis < 0)
		return -1;
	do {
		found_count = 0;
		before = ended;
		looked = find_connections(diagnosis, AF_INET) &&
			 find_connections(diagnosis, AF_INET6);
		for (size_t i = 0; i < found_count; i++)
			ended += end_connection(diagnosis, &found[i]);
		/* There may be more than one look finds. */
	} while (looked && found_count == CONNECTIONS_MAX && ended > before);
	close(diagnosis);
	return looked ? ended : -1;
}

static bool is_held(const struct snug_slot *slot)
{
	return slot->state == SNUG_SLOT_LIVE && slot->assignment.traits & SNUG_HOLDS &&
	       slot->assignment.held_until > monotonic();
}

void refresh_holding(struct agent *agent)
{
	struct snug_slot *slots = mapped_slots(agent);

	/* First: a container that starts meanwhile sets it again. */
	if (!agent->control->holding)
		return;
	agent->control->holding = 0;
	for (__u32 i = 0; i < SNUG_SLOTS; i++)
		if (is_held(&slots[i])) {
			agent->control->holding = 1;
			return;
		}
}
