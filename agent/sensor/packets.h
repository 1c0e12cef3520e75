/* SPDX-License-Identifier: Apache-2.0 */
/* Receives packets of a unix socket, which Node cannot open. */
#ifndef SNUG_PACKETS_H
#define SNUG_PACKETS_H

/*
 * Listens at the path until standard input ends. `greeting` answers the first packet of each peer.
 * A line of standard output has the number of the peer and a packet in hexadecimal digits, and
 * without digits the end of that peer.
 */
int receive_packets(const char *path, const char *mode, const char *greeting);

#endif
