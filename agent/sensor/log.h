/* SPDX-License-Identifier: Apache-2.0 */
/* The log: standard error. */
#ifndef SNUG_LOG_H
#define SNUG_LOG_H

#include <stdarg.h>

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
