/* SPDX-License-Identifier: Apache-2.0 */
/* Takes over what an earlier sensor left pinned. */
#ifndef SNUG_TAKEOVER_H
#define SNUG_TAKEOVER_H

#include "sensor/agent.h"

/*
 * Settles on which maps the programs work, and what their generation is. To be called before the
 * load.
 */
bool takeover_prepare(struct agent *agent);

#endif
