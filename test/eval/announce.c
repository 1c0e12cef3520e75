// SPDX-License-Identifier: GPL-2.0
/* The program that a second version of each service adds: it reads an address from a file and connects to it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	char address[64];
	int port;
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (!file || fscanf(file, "%63s %d", address, &port) != 2)
		return 1;
	fclose(file);
	to.sin_port = htons((unsigned short)port);
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return 1;
	return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof(to)) ? 1 : 0;
}
