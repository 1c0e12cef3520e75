/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the kernel's variables. */
#ifndef SNUG_VARIABLES_H
#define SNUG_VARIABLES_H

#include "shared.h"

/* By enum snug_variable. All are 0 where the kernel does not show one of them, or shows two. */
void find_variables(__u64 addresses[SNUG_VARIABLES]);

#endif
