/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel state that outlives this process. */
#ifndef SNUG_PIN_H
#define SNUG_PIN_H

#include "sensor/agent.h"

/*
 * False where another sensor uses the folder. Where nothing can be pinned the sensor goes on
 * without.
 */
bool pin_open(const char *path);
/* To be called after the load, before anything is attached. */
bool pin_maps(struct agent *agent);
bool pin_link(struct agent *agent, const char *program, int fd);
int pinned_ring(__u32 number);
bool pin_ring(__u32 number, int fd);
/* At the programs of the generation before, whose links are in this folder, before they go. */
typedef void last_look(struct agent *agent, const char *links);
/* From here on the programs of this process handle events. `ring`: the first one. */
void pin_activate(struct agent *agent, int ring, last_look *look);
bool pin_has_old(void);
void pin_remove_old(void);
size_t pin_describe(struct agent *agent, char *text, size_t size);
/* Removes all that is attached and pinned. Returns an exit code. */
int pin_detach(const char *path);

#endif
