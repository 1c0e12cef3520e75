/* SPDX-License-Identifier: Apache-2.0 */
/* Whether BPF LSM refuses on this kernel. */
#ifndef SNUG_LSM_H
#define SNUG_LSM_H

#include <stdbool.h>

bool lsm_can_refuse(void);

#endif
