/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel programs of a running sensor cost. */
#ifndef SNUG_COST_H
#define SNUG_COST_H

/* Prints what the programs of the sensor `pid` took within so many seconds. Returns an exit code.
 */
int print_cost(const char *seconds, const char *pid);

#endif
