/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to the daemon and from it. */
#ifndef SNUG_FRAME_H
#define SNUG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include "abi.h"

void send_bytes(const void *data, size_t size);
void send_frame(void *frame, __u16 type, size_t size, const void *tail, size_t tail_size);
/* False once the daemon is gone. */
bool send_now(void);
/*
 * Calls `handle` for each whole frame, for about a tenth of a second. False once the daemon is
 * gone. Exits on an invalid frame.
 */
bool receive(void (*handle)(const struct snug_head *head, void *context), void *context);
/* Whether frames arrived that are not handled yet. */
bool received_more(void);

#endif
