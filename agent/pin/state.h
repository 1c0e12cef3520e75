/* SPDX-License-Identifier: Apache-2.0 */
/* The pinned folder: what pin.c keeps there, and takeover.c finds. */
#ifndef SNUG_PIN_STATE_H
#define SNUG_PIN_STATE_H

#include "sensor/agent.h"

#define FOLDER_MAX 3072

extern struct pins {
	char folder[FOLDER_MAX];     /* DIR; empty: not pinned */
	char state[FOLDER_MAX + 16]; /* DIR/N */
	unsigned int number;	     /* the highest N that is there */
	char why_not[160];	     /* it is not pinned */
	char why_fresh[160];	     /* why nothing was taken over */
	bool others;		     /* states of another layout wait to be removed */
} pins;

/* The sensor goes on without pinning; `errno` has the reason. */
bool not_pinned(const char *what);
/* Whether a map outlives the sensor. */
bool outlives_sensor(struct agent *agent, const struct bpf_map *map);
void map_path(char *path, size_t size, const struct bpf_map *map);
/* The links of the programs of that generation, in the state under `pins.state`. */
void links_path(char *path, size_t size, __u32 generation);
/* NULL where it cannot be mapped. */
void *map_fd(int fd, size_t size);

#endif
