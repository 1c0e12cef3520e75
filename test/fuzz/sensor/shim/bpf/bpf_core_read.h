/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Structures are as they were compiled: nothing is relocated. */
#ifndef SNUG_SHIM_CORE_READ_H
#define SNUG_SHIM_CORE_READ_H

#include <stddef.h>

#define bpf_ksym_exists(symbol) 1
#define bpf_core_cast(address, type) ((type *)(address))
#define bpf_core_field_offset(type, field) offsetof(type, field)
#define bpf_core_read(to, size, from) memcpy(to, from, size)

#endif
