/* SPDX-License-Identifier: Apache-2.0 */
/* A hook of the OCI runtime: the agent learns of a container before its first program starts. */
#ifndef SNUG_START_HOOK_H
#define SNUG_START_HOOK_H

/* Reads the container's state on standard input. Not 0: the runtime must not start the container.
 */
int start_hook(int argc, char **argv);

#endif
