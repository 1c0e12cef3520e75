/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel programs: for this kernel, or for older ones. */
#ifndef SNUG_OBJECT_H
#define SNUG_OBJECT_H

#include "sensor/agent.h"
#include "sensor/attach.h"

/* `portable`: the programs for older kernels, also where this kernel can have the others. */
struct sensor *open_programs(bool portable);
bool is_portable(const struct agent *agent);
/* 0, or errno has the reason. */
int load_programs(struct agent *agent);
/* Before the load. */
void size_scratches(struct agent *agent, enum attach_kind kind);
/* After it, once for the life of the maps. */
bool fill_scratches(struct agent *agent);
/* Runs a program on each element of a map. */
bool run_on_elements(struct bpf_program *program, struct bpf_map *map);

#endif
