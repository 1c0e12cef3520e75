// SPDX-License-Identifier: Apache-2.0
/*
 * Processes in the cgroups of otherwise empty containers. A line of standard input names a cgroup. A process enters it,
 * opens the files that all members open, and waits for the end of this program. Prints `in` for each process.
 *
 *   crowd FILE…
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void enter(const char *cgroup)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1) {
		perror(path);
		exit(1);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	char line[512];

	/* The second life: in the cgroup, and not in the host's mount namespace. */
	if (!strcmp(argv[0], "member")) {
		for (int i = 1; i < argc; i++) {
			int fd = open(argv[i], O_RDONLY);
			if (fd >= 0)
				close(fd);
		}
		printf("in\n");
		fflush(stdout);
		pause();
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (unshare(CLONE_NEWNS) < 0)
				exit(1);
			enter(line);
			argv[0] = "member";
			execv("/proc/self/exe", argv);
			exit(1);
		}
	}
	return 0;
}
