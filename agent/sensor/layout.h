/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of the frames that was compiled. */
#ifndef SNUG_LAYOUT_H
#define SNUG_LAYOUT_H

void print_layout(void);

#endif
